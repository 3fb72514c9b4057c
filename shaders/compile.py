# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiles one shader for one storage type, checks the SPIR-V, and writes it as a C array with a depfile.

compile.py GLSLANG SPIRV-VAL-OR-EMPTY SOURCE OUTPUT DEPFILE f32|f16 SYMBOL DEFINES [PREBUILT-OR-EMPTY]

With PREBUILT that file is what the compiler would have made."""
import os
import re
import subprocess
import sys
import tempfile

STORE = {'f32': ['-DSTORE=float', '-DSTORE4=vec4'], 'f16': ['-DSTORE=float16_t', '-DSTORE4=f16vec4', '-DHALF']}


def includes(path):
    """Every file that the shader includes, in the order of their first mention."""
    folder, found = os.path.dirname(path), []
    with open(path, encoding='utf-8') as source:
        for name in re.findall(r'^#include "(.+)"', source.read(), re.MULTILINE):
            file = os.path.join(folder, name)
            found += [f for f in [file, *includes(file)] if f not in found]
    return found


def target(defines):
    return 'vulkan1.3' if '-DCOOPMAT2' in defines else 'vulkan1.2' if '-DCOOPMAT' in defines else 'vulkan1.1'


def spirv(glslang, source, store, defines):
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, 'shader.spv')
        compiled = subprocess.run([glslang, '-V', '-g0', '--target-env', target(defines), '-S', 'comp', *STORE[store],
                                   *defines, '-I' + os.path.dirname(source), '-o', binary, source],
                                  stdout=subprocess.PIPE, text=True, check=False)
        if compiled.returncode:
            sys.exit(compiled.stdout)
        with open(binary, 'rb') as file:
            return file.read()


def validate(validator, data, defines):
    with tempfile.TemporaryDirectory() as folder:
        binary = os.path.join(folder, 'shader.spv')
        with open(binary, 'wb') as file:
            file.write(data)
        subprocess.run([validator, '--target-env', target(defines), binary], check=True)


def main(glslang, validator, source, output, depfile, store, symbol, defines, prebuilt=''):
    defines = defines.split()
    if prebuilt:
        with open(prebuilt, 'rb') as file:
            data = file.read()
    else:
        data = spirv(glslang, source, store, defines)
        if validator:
            validate(validator, data, defines)
    words = [f'0x{int.from_bytes(data[k:k + 4], "little"):08x},' for k in range(0, len(data), 4)]
    lines = [' '.join(words[k:k + 8]) for k in range(0, len(words), 8)]
    with open(output, 'w', encoding='utf-8') as c:
        c.write('#include <stddef.h>\n#include <stdint.h>\n'
                f'extern const uint32_t {symbol}[];\nextern const size_t {symbol}_size;\n'
                f'const uint32_t {symbol}[] = {{\n' + '\n'.join(lines) + f'\n}};\n'
                f'const size_t {symbol}_size = sizeof {symbol};\n')
    with open(depfile, 'w', encoding='utf-8') as deps:
        deps.write(f'{output}: ' + ' '.join([prebuilt or source, *includes(source)]) + '\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
