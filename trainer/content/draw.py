#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drawings and text as pictures for `yonos-train pack`: draw.py FOLDER [COUNT [SEED]].

Half of the COUNT (1000) PNGs of 512 x 512 show one to six drawings of Debian's openclipart-svg, half show lines of
text in the fonts that fontconfig finds for English, both in seeded colours, sizes and places. Needs, on Debian:
librsvg2-bin openclipart-svg fontconfig, and packages fonts-*, of which more make more variety. The same machine makes
the same pictures from the same seed."""
import pathlib
import random
import shutil
import subprocess
import sys
from xml.sax.saxutils import escape, quoteattr

SIDE = 512
DRAWINGS = pathlib.Path('/usr/share/openclipart/svg')
WORDS = ('the of and to in is was for that on as with by it from at his an were which are this be had first one their '
         'after new who two her she there been has other when time during they into more no out some such only years '
         'city state film video music Chapter Episode Part VIII Director Score Menu Options Level Press Start Zürich '
         'Ärger façade naïve señor Œuvre Łódź České żółw Привет мир Москва Αθήνα λόγος').split()


def colour(rng, dark):
    """A colour of the dark or the light half, often without hue."""
    low, high = (0, 110) if dark else (145, 255)
    gray = rng.randint(low, high)
    if rng.random() < 0.3:
        return f'rgb({gray},{gray},{gray})'
    return 'rgb({},{},{})'.format(*(rng.randint(low, high) for _ in range(3)))


def background(rng, dark):
    """A plain colour, or a slope between two of one half."""
    x, y = rng.random(), rng.random()
    return (f'<defs><linearGradient id="b" x2="{x:.2f}" y2="{y:.2f}"><stop stop-color="{colour(rng, dark)}"/>'
            f'<stop offset="1" stop-color="{colour(rng, dark)}"/></linearGradient></defs>'
            f'<rect width="100%" height="100%" fill={quoteattr(rng.choice(["url(#b)", colour(rng, dark)]))}/>')


def text_size(rng):
    """Most text is small, as captions are."""
    return round(10 * 8 ** (rng.random() ** 1.5), 1)


def text_lines(rng, fonts, dark):
    lines, y, block = [], rng.uniform(0, 30), 0
    while y < SIDE:
        if block == 0:
            block = rng.randint(1, 8)
            size, family = text_size(rng), rng.choice(fonts)
            fill = colour(rng, not dark)
            style = rng.choice(['', 'font-weight="bold"', 'font-style="italic"', ''])
            if rng.random() < 0.15:
                style += f' stroke="{colour(rng, dark)}" stroke-width="{size / 20:.1f}"'
            x = rng.uniform(-20, 60)
        y += size * rng.uniform(1.1, 1.5)
        block -= 1
        words = ' '.join(rng.choice(WORDS) if rng.random() < 0.9 else str(rng.randint(0, 99999)) for _ in range(12))
        lines.append(f'<text x="{x:.1f}" y="{y:.1f}" font-family={quoteattr(family)} font-size="{size}" fill="{fill}" '
                     f'{style}>{escape(words)}</text>')
    angle = rng.choice([0, 0, 0, rng.uniform(-20, 20)])
    return f'<g transform="rotate({angle:.1f} {SIDE / 2} {SIDE / 2})">{"".join(lines)}</g>'


def render(svg, png, width, height):
    """False where rsvg-convert cannot: some drawings are broken, some take for ever."""
    try:
        return subprocess.run(['rsvg-convert', '-a', '-w', str(width), '-h', str(height), '-o', png, svg], timeout=60,
                              stderr=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def drawings(rng, files, base, made):
    """References to one to six drawings, each rendered at its final size: librsvg enlarges SVGs that are referred to
    as pixels. None where one does not render."""
    images = []
    for k, file in enumerate(rng.sample(files, min(len(files), rng.choice([1, 2, 3, 4])))):
        side = round(rng.uniform(0.4, 1.3) * SIDE)
        x, y = (round(rng.uniform(0.1, 0.9) * SIDE - side / 2) for _ in range(2))
        made.append(base.with_name(f'{base.name}-{k}.png'))
        if not render(file, made[-1], side, side):
            return None
        images.append(f'<image href="{made[-1].name}" x="{x}" y="{y}" width="{side}" height="{side}" '
                      'preserveAspectRatio="xMinYMin"/>')
    return ''.join(images)


def draw(folder, index, seed, fonts, files):
    """One picture; tries again with the next draw where a drawing does not render."""
    base = folder / f'drawn-{index:06d}'
    for attempt in range(10):
        rng = random.Random(f'{seed} {index} {attempt}')
        dark = rng.random() < 0.4
        made = [base.with_suffix('.svg')]
        body = background(rng, dark)
        content = text_lines(rng, fonts, dark) if index % 2 else drawings(rng, files, base, made)
        made[0].write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}">{body}{content}'
                           '</svg>', 'utf-8')
        done = content and render(made[0], base.with_suffix('.png'), SIDE, SIDE)
        for path in made:
            path.unlink(missing_ok=True)
        if done:
            return True
    return False


def main():
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    count, seed = (int(word) for word in (sys.argv[2:] + ['1000', '1'][len(sys.argv) - 2:]))
    if not shutil.which('rsvg-convert') or not shutil.which('fc-list'):
        sys.exit('rsvg-convert or fc-list is missing: install librsvg2-bin and fontconfig.')
    files = sorted(DRAWINGS.rglob('*.svg'))
    listed = subprocess.run(['fc-list', ':lang=en:scalable=true', 'family'], capture_output=True, text=True, check=True)
    fonts = sorted({line.split(',')[0].replace('\\', '') for line in listed.stdout.splitlines()} - {''})
    if not files or not fonts:
        sys.exit('There are no drawings or no fonts here: install openclipart-svg and some packages fonts-*.')
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        if not draw(folder, index, seed, fonts, files):
            sys.exit(f'Picture {index} cannot be drawn: can {folder} be written?')
        if sys.stdout.isatty():
            print(f'\r{index + 1} of {count}', end='', flush=True)
    print(f'\r{count} pictures in {folder}')


main()
