#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SqueezeNet 1.1's weights for the perceptual loss (`fit --features`): squeezenet.py SqueezeNet_fp16.onnx OUT.safetensors.

The model is SharedContent/models/SqueezeNet_fp16.onnx of github.com/microsoft/Windows-Machine-Learning (MIT; the
weights are DeepScale's, BSD). Needs, on Debian: python3-onnx."""
import json
import struct
import sys

import numpy
import onnx
from onnx import numpy_helper


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tensors = {one.name: numpy.asarray(numpy_helper.to_array(one), '<f4')
               for one in onnx.load(sys.argv[1]).graph.initializer}
    if 'conv1_w_0' not in tensors:
        sys.exit(f'{sys.argv[1]} has no conv1_w_0: it is another SqueezeNet.')
    header, end = {}, 0
    for name, values in tensors.items():
        header[name] = {'dtype': 'F32', 'shape': values.shape, 'data_offsets': (end, end + values.nbytes)}
        end += values.nbytes
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(sys.argv[2], 'wb') as out:
        out.write(struct.pack('<Q', len(text)) + text)
        for values in tensors.values():
            out.write(values.tobytes())


main()
