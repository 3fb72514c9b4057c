# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a C file with one digest of all compiled shaders. digest.py OUTPUT INPUT..."""
import hashlib
import sys

digest = hashlib.sha256()
for path in sorted(sys.argv[2:]):
    with open(path, 'rb') as compiled:
        digest.update(compiled.read())
with open(sys.argv[1], 'w', encoding='utf-8') as c:
    c.write('extern const char yonos_vk_shader_digest[];\n'
            f'const char yonos_vk_shader_digest[] = "{digest.hexdigest()}";\n')
