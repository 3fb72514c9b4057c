#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes metrics-golden.h: figures of small seeded pictures, by numpy from the definitions in trainer/metrics.h, and
what Pillow's BICUBIC makes of 8-bit pictures. Needs Debian's python3-numpy and python3-pil."""
import os

import numpy as np
from PIL import Image


def picture(width, height, noise):
    """As in test-evaluate.c: bars over a slope, and a hash of the place and the seed for noise."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3].astype(np.uint64)
    v = (x + 2 * y) // 9 % 2 * 120 + (3 * x + 5 * y + 29 * c) % 60 // 4 + 40
    h = (x * 73856093 ^ y * 19349663 ^ c * 83492791 ^ noise * 265443576) % 2**32
    h = (h ^ h >> 15) * 739982445 % 2**32
    h ^= h >> 12
    return (v + h % (noise + 1)).astype(np.uint8)


def luma(rgb):
    r, g, b = np.moveaxis(rgb.astype(np.float64), 2, 0)
    return 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255


def ssim(a, b):
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(taps, taps) / taps.sum() ** 2

    def mean(x):
        return (np.lib.stride_tricks.sliding_window_view(x, (11, 11)) * window).sum((2, 3))

    c1, c2, ma, mb = (0.01 * 255) ** 2, (0.03 * 255) ** 2, mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    return np.mean((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))


def crispness(a, b):
    def gradient(x):
        return np.hypot(x[1:-1, 2:] - x[1:-1, :-2], x[2:, 1:-1] - x[:-2, 1:-1])

    def laplacian(x):
        return np.abs(4 * x[1:-1, 1:-1] - x[1:-1, 2:] - x[1:-1, :-2] - x[2:, 1:-1] - x[:-2, 1:-1])

    gb = gradient(b)
    strong, smooth = gb >= np.quantile(gb, 0.95), gb <= np.quantile(gb, 0.5)
    return (gradient(a)[strong].mean() / gb[strong].mean(),
            laplacian(a)[smooth].mean() / max(laplacian(b)[smooth].mean(), 1e-6))


def figures(width, height, noise, border):
    a, b = (luma(picture(width, height, n))[border:height - border, border:width - border] for n in (noise, 6))
    psnr = 10 * np.log10(255**2 / np.mean((a - b) ** 2))
    return "{%d, %d, %d, %d, {%.9f, %.9f, %.9f, %.9f}}" % (width, height, noise, border, psnr, ssim(a, b),
                                                          *crispness(a, b))


def resized(width, height, out_width, out_height):
    out = np.asarray(Image.fromarray(picture(width, height, 90)).resize((out_width, out_height), Image.BICUBIC))
    return "{%d, %d, %d, %d, {%s}}" % (width, height, out_width, out_height, ", ".join(map(str, out.ravel())))


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics-golden.h"), "w") as file:
    file.write("/* Made by make-metrics-golden.py with numpy %s and Pillow %s. */\n" % (np.__version__, Image.__version__))
    file.write("static const struct {\n    int width, height, noise, border;\n    double figure[4];\n} golden_figures[] = {\n"
               "    %s};\n" % ",\n    ".join((figures(61, 47, 20, 4), figures(40, 64, 3, 0), figures(23, 19, 60, 4))))
    file.write("static const struct {\n    int width, height, out_width, out_height;\n    guint8 rgb[816];\n"
               "} golden_resized[] = {\n    %s};\n" % ",\n    ".join((
                   resized(24, 16, 12, 8), resized(48, 40, 6, 5), resized(5, 3, 20, 12), resized(16, 17, 16, 17),
                   resized(19, 24, 31, 5))))
