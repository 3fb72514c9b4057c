#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""plot-losses.py FOLDER PLOT.png: the loss logs of a chain, a panel a stage. Needs Debian's python3-matplotlib."""
import csv
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ORDER = ["autoencoder", "lr-encoder", "teacher", "student", "decoder", "perceptual"]


def smooth(values):
    by = max(1, len(values) // 25)
    return [sum(values[max(0, k - by + 1):k + 1]) / (k - max(0, k - by + 1) + 1) for k in range(len(values))]


logs = sorted(pathlib.Path(sys.argv[1]).glob("*.csv"),
              key=lambda p: (ORDER.index(p.stem.rsplit("-x", 1)[0]), p.stem))
columns = 4
rows = -(-len(logs) // columns)
figure, axes = plt.subplots(rows, columns, figsize=(4 * columns, 2.8 * rows), squeeze=False)
for ax in axes.flat[len(logs):]:
    ax.axis("off")
for ax, path in zip(axes.flat, logs):
    with open(path) as f:
        lines = list(csv.DictReader(f))
    steps = [int(line["step"]) for line in lines]
    losses = [float(line["loss"]) for line in lines]
    ax.plot(steps, losses, color="0.75", linewidth=0.8)
    ax.plot(steps, smooth(losses), linewidth=1.2)
    ax.set_yscale("log")
    ax.set_title(path.stem)
    ax.set_xlabel("step")
    ax.grid(alpha=0.3, which="both")
figure.tight_layout()
figure.savefig(sys.argv[2], dpi=80)
