#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes pillow-bicubic.h: what Pillow's BICUBIC makes of a small float picture (mode F: no rounding between passes)."""
import os

import numpy as np
from PIL import Image

picture = (np.arange(16 * 24) * 37 % 101 / 100).astype(np.float32).reshape(16, 24)
out = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pillow-bicubic.h"), "w")
out.write("/* Made by make-pillow-bicubic.py with Pillow %s. */\n" % Image.__version__)
for height, width in (8, 12), (4, 6), (2, 3), (32, 48), (5, 31):
    result = np.asarray(Image.fromarray(picture).resize((width, height), Image.BICUBIC))
    flat = result.ravel()[:: max(1, result.size // 60)]
    out.write("static const float pillow_%dx%d[] = {%s};\n" % (width, height, ", ".join("%.8ff" % v for v in flat)))
