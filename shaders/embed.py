# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiles one shader for one storage type, checks the SPIR-V, and writes it as a C array with a depfile.

embed.py GLSLANG SPIRV-VAL-OR-EMPTY SOURCE OUTPUT DEPFILE f32|f16 SYMBOL"""
import os
import re
import subprocess
import sys
import tempfile

STORE = {'f32': ['-DSTORE=float', '-DSTORE4=vec4'], 'f16': ['-DSTORE=float16_t', '-DSTORE4=f16vec4']}


def includes(path):
    folder = os.path.dirname(path)
    with open(path, encoding='utf-8') as source:
        return [os.path.join(folder, name) for name in re.findall(r'^#include "(.+)"', source.read(), re.MULTILINE)]


def main(glslang, validator, source, output, depfile, store, symbol):
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, 'shader.spv')
        compiled = subprocess.run([glslang, '-V', '--target-env', 'vulkan1.1', '-S', 'comp', *STORE[store],
                                   '-I' + os.path.dirname(source), '-o', binary, source],
                                  stdout=subprocess.PIPE, text=True, check=False)
        if compiled.returncode:
            sys.exit(compiled.stdout)
        if validator:
            subprocess.run([validator, '--target-env', 'vulkan1.1', binary], check=True)
        with open(binary, 'rb') as spirv:
            data = spirv.read()
    words = [f'0x{int.from_bytes(data[k:k + 4], sys.byteorder):08x},' for k in range(0, len(data), 4)]
    lines = [' '.join(words[k:k + 8]) for k in range(0, len(words), 8)]
    with open(output, 'w', encoding='utf-8') as c:
        c.write('#include <stddef.h>\n#include <stdint.h>\n'
                f'extern const uint32_t {symbol}[];\nextern const size_t {symbol}_size;\n'
                f'const uint32_t {symbol}[] = {{\n' + '\n'.join(lines) + f'\n}};\n'
                f'const size_t {symbol}_size = sizeof {symbol};\n')
    with open(depfile, 'w', encoding='utf-8') as deps:
        deps.write(f'{output}: ' + ' '.join([source, *includes(source)]) + '\n')


main(*sys.argv[1:])
