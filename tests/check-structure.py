#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The house: who may include whom, and how long a file may be. Usage: check-structure.py SOURCE_ROOT"""
import pathlib
import re
import sys
import tempfile

# lower may not include higher; two rooms of one rank may not include each other
RANKS = [['base'], ['tiles'], ['frame', 'weights'], ['graph'], ['ops'], ['executor'], ['cpu', 'vulkan'], ['models', 'device', 'plain', 'self-check'],
         ['network'], ['upscaler'], ['gst-plugin', 'tools', 'trainer']]
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
# differentiation appends nodes by the ops' builders
ALLOWED = {('engine/graph/gradient.c', 'ops/ops.h')}
GST_BELOW_PLUGIN = {'trainer/media.c'}
MOST_LINES = {'.c': 600, '.h': 600, '.py': 600, '.sh': 600, '.comp': 200, '.glsl': 200}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)', re.MULTILINE)


def room_of(path):
    """'engine/cpu/resize.c' is in cpu, 'engine/frame.c' in frame, 'trainer/media.c' in trainer."""
    parts = path.split('/')
    return parts[0] if parts[0] != 'engine' else pathlib.PurePath(parts[1]).stem


def check_include(path, quote, name):
    room = room_of(path)
    if name.startswith('gst/') and room != 'gst-plugin' and path not in GST_BELOW_PLUGIN:
        return f'{path} includes {name}: GStreamer is for gst-plugin'
    if quote == '<':
        if name.startswith('vulkan/') and room != 'vulkan':
            return f'{path} includes {name}: Vulkan is for engine/vulkan'
        return None
    target = room_of('engine/' + name)
    if target not in RANK and '/' not in name: # of the same folder
        target = room
    if target not in RANK:
        return f'{path} includes {name}: no room of that name is known'
    if target == room or RANK[target] < RANK[room] or (path, name) in ALLOWED:
        return None
    return f'{path} includes {name}: {target} is not below {room}'


def check_length(path, text):
    most = MOST_LINES.get(pathlib.PurePath(path).suffix)
    if most and text.count('\n') >= most:
        return [f'{path} has {text.count(chr(10))} lines; under {most} are wanted']
    return []


def check(root):
    complaints, seen = [], 0
    for folder in ('engine', 'gst-plugin', 'tools', 'trainer', 'shaders', 'tests'):
        for file in sorted((root / folder).rglob('*')):
            path = file.relative_to(root).as_posix()
            if file.suffix not in MOST_LINES or '/golden/' in path:
                continue
            seen += 1
            text = file.read_text()
            complaints += check_length(path, text)
            if folder not in ('shaders', 'tests') and file.suffix in ('.c', '.h'):
                if room_of(path) not in RANK:
                    complaints.append(f'{path} is in no known room')
                    continue
                found = (check_include(path, *include) for include in INCLUDE.findall(text))
                complaints += [complaint for complaint in found if complaint]
    return complaints, seen


BAD = {
    'engine/base/a.c': '#include "weights/safetensors.h"\n',
    'engine/cpu/a.c': '#include "vulkan/vk-device.h"\n',
    'engine/frame.c': '#include "upscaler.h"\n',
    'engine/graph/a.c': '#include <gst/gst.h>\n',
    'engine/models/a.c': '# include <vulkan/vulkan.h>\n',
    'engine/attic/a.c': '\n',
    'trainer/a.c': '#include "gst-plugin/a.h"\n',
    'trainer/media.c': '\n' * 600,
    'shaders/a.comp': '\n' * 200,
}


def check_itself():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in BAD.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        complaints = check(root)[0]
    missed = [path for path in BAD if not any(c.startswith(path + ' ') for c in complaints)]
    assert not missed and len(complaints) == len(BAD), (missed, complaints)


def main():
    check_itself()
    complaints, seen = check(pathlib.Path(sys.argv[1]))
    print('\n'.join(complaints) or f'{seen} files are in order')
    return 1 if complaints or not seen else 0


sys.exit(main())
