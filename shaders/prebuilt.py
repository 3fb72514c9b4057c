#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keeps shaders/prebuilt: SPIR-V that old compilers cannot make, and the hashes of the sources that it was made of.

prebuilt.py check|make FOLDER GLSLANG-OR-EMPTY {NAME SOURCE DEFINES}...

check: fails where a source is newer than its SPIR-V, or, with a compiler, where that would make another. make: makes
them. One list of the shaders: meson.build here, whose targets call this."""
import hashlib
import os
import re
import sys

sys.dont_write_bytecode = True # the sources' folder stays as it is
from compile import includes, spirv

HASHES = 'SOURCES'


def fingerprint(source, defines):
    """Of what the compiler sees: comments and blanks do not count."""
    digest = hashlib.sha256(' '.join(defines).encode())
    for path in [source, *includes(source)]:
        with open(path, encoding='utf-8') as file:
            text = re.sub(r'/\*.*?\*/', ' ', file.read(), flags=re.DOTALL)
        digest.update(' '.join(text.split()).encode())
    return digest.hexdigest()


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def complaint(folder, hashes, glslang, shader):
    name, source, defines = shader
    if hashes.get(name) != fingerprint(source, defines):
        return 'its source has changed since'
    if glslang and read(os.path.join(folder, name + '.spv')) != spirv(glslang, source, 'f16', defines):
        return 'this compiler makes another'
    return None


def main(mode, folder, glslang, *rest):
    shaders = [(rest[k], rest[k + 1], rest[k + 2].split()) for k in range(0, len(rest), 3)]
    hashes_path = os.path.join(folder, HASHES)
    if mode == 'make':
        for name, source, defines in shaders:
            with open(os.path.join(folder, name + '.spv'), 'wb') as file:
                file.write(spirv(glslang, source, 'f16', defines))
        with open(hashes_path, 'w', encoding='utf-8') as file:
            file.writelines(f'{fingerprint(source, defines)} {name}\n' for name, source, defines in shaders)
        return 0
    hashes = {line.split()[1]: line.split()[0] for line in read(hashes_path).decode().splitlines()}
    complaints = [(shader[0], complaint(folder, hashes, glslang, shader)) for shader in shaders]
    bad = [f'shaders/prebuilt/{name}.spv: {text}; run tests/trixie.sh make' for name, text in complaints if text]
    print('\n'.join(bad) or f'{len(shaders)} prebuilt shaders are ' + ('what the compiler makes' if glslang else
                                                                       'of their sources'))
    return 1 if bad else 0


sys.exit(main(*sys.argv[1:]))
