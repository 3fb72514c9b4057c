#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures what claim.sh trained: claim-table.py YONOS_TRAIN FOLDER PICTURES FEATURES PLOT.png SEED...

For every arm, scale and number of sampling steps: latent error, PSNR-Y, FD and edge by `yonos-train evaluate`, and
Debian's butteraugli on every fourth picture. Prints a Markdown table, mean and sample deviation over the seeds, and plots
it; what was measured before is kept in FOLDER and not done again. Needs Debian's butteraugli and python3-matplotlib.
"""
import csv
import pathlib
import statistics
import subprocess
import sys
import tempfile

ARMS = {'distilled from x{half}': 'distilled', 'direct, same start': 'direct-x{scale}', 'direct, from scratch': 'scratch-x{scale}'}
STEPS = (1, 2, 4, 16)
FIGURES = (('latent', 'latent error', 4), ('psnr_y', 'PSNR-Y', 2), ('fd', 'FD', 2), ('edge', 'edge', 3),
           ('butteraugli', 'butteraugli', 2))
EVERY = 4


def butteraugli(pictures, enlarged):
    originals = sorted(pathlib.Path(pictures).glob('*.png'))[::EVERY]
    scores = []
    for original in originals:
        out = subprocess.run(['butteraugli', original, pathlib.Path(enlarged) / original.name], check=True,
                             capture_output=True, text=True).stdout
        scores.append(float(out.split()[0]))
    return statistics.mean(scores)


def measure(train, chain, scale, steps, pictures, features):
    figures = chain / f'claim-x{scale}-{steps}.csv'
    if not figures.exists():
        with tempfile.TemporaryDirectory() as folder:
            enlarged = pathlib.Path(folder)
            subprocess.run([train, 'evaluate', '--chain', chain, '--scale', str(scale), '--steps', str(steps), '--features',
                            features, '--write', enlarged, '--csv', enlarged / 'csv', pictures], check=True,
                           stdout=subprocess.DEVNULL)
            with open(enlarged / 'csv') as f:
                mean = [row for row in csv.DictReader(f) if row['picture'] == 'mean'][0]
            mean['butteraugli'] = butteraugli(pictures, enlarged)
        with open(figures, 'w') as f:
            writer = csv.DictWriter(f, mean.keys())
            writer.writeheader()
            writer.writerow(mean)
    with open(figures) as f:
        return next(csv.DictReader(f))


def plot(path, measured):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    keys = [(key, title) for key, title, _ in FIGURES if key in ('latent', 'fd', 'butteraugli')]
    figure, axes = plt.subplots(2, len(keys), figsize=(4 * len(keys), 6))
    for row, scale in zip(axes, (4, 8)):
        for ax, (key, title) in zip(row, keys):
            for arm in ARMS:
                cells = [[float(one[key]) for one in measured[scale, steps, arm]] for steps in STEPS]
                ax.errorbar(range(len(STEPS)), [statistics.mean(c) for c in cells],
                            [statistics.stdev(c) if len(c) > 1 else 0 for c in cells], label=arm.format(half=scale // 2),
                            capsize=3)
            ax.set_xticks(range(len(STEPS)), STEPS)
            ax.set_xlabel('sampling steps')
            ax.set_title(f'x{scale}: {title}')
            ax.grid(alpha=0.3)
        row[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main():
    train, folder, pictures, features, picture, *seeds = sys.argv[1:]
    measured = {}
    print('| scale | steps | student | ' + ' | '.join(title for _, title, _ in FIGURES) + ' |')
    print('|---' * (3 + len(FIGURES)) + '|')
    for scale in (4, 8):
        for steps in STEPS:
            for title, arm in ARMS.items():
                rows = [measure(train, pathlib.Path(folder) / f's{seed}' / arm.format(scale=scale), scale, steps, pictures,
                                features) for seed in seeds]
                measured[scale, steps, title] = rows
                cells = []
                for key, _, digits in FIGURES:
                    values = [float(row[key]) for row in rows]
                    spread = f' ± {statistics.stdev(values):.{digits}f}' if len(values) > 1 else ''
                    cells.append(f'{statistics.mean(values):.{digits}f}{spread}')
                print(f'| x{scale} | {steps} | {title.format(half=scale // 2)} | ' + ' | '.join(cells) + ' |', flush=True)
    plot(picture, measured)


main()
