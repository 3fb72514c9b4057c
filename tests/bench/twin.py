#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The compact networks of engine/models/compact.c in PyTorch, with random weights: what a frame costs there.

    twin.py [--device cuda] [--precision fp16] [--compile] [--tier fast] [--scale 2] [--size 320x180] [--runs 41]

Channels-last. Times are of the network alone, from the small frame in the device's memory to the large one, as
`yonos-bench ops` has them under "network". One line of JSON on stdout. Runs with PyTorch 1.13 and newer; --compile needs
2.0."""
import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F

LATENT, GRID, SLOPE = 16, 16, 0.1
# encoder, student, trunk and blocks of x2 and x4, of x8: yonos_compact_tier
TIERS = {'fast': (16, 32, (32, 5), (64, 4)), 'balanced': (64, 112, (96, 4), (160, 6))}


class Conv(torch.nn.Module):
    def __init__(self, inputs, outputs, kernel=3, stride=1, linear=False):
        super().__init__()
        self.conv = torch.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
        self.linear = linear

    def forward(self, x):
        y = self.conv(x)
        return y if self.linear else F.leaky_relu(y, SLOPE)


class Block(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first, self.second = Conv(channels, channels), Conv(channels, channels, linear=True)

    def forward(self, x):
        return x + self.second(self.first(x))


class Compact(torch.nn.Module):
    def __init__(self, tier, scale):
        super().__init__()
        encoder, s, fine, eighth = TIERS[tier]
        t, blocks = eighth if scale == 8 else fine
        self.scale = scale
        self.trunk_size = 8 if scale == 8 else 4
        fold = 8 // scale
        self.encoder = torch.nn.Sequential(Conv(3 * fold * fold, encoder), Conv(encoder, encoder),
                                           Conv(encoder, LATENT, linear=True))
        self.student_in, self.upper = Conv(2 * LATENT, s), Block(s)
        self.down, self.lower = Conv(s, s, stride=2), Block(s)
        self.up, self.student_out = Conv(s, 4 * s, 1, linear=True), Conv(s, LATENT, linear=True)
        self.decoder_in = Conv(LATENT, t if scale == 8 else 4 * t, linear=True)
        self.lr = Conv(12 if scale == 2 else 3, t, linear=True)
        self.blocks = torch.nn.Sequential(*(Block(t) for _ in range(blocks)))
        self.out = Conv(t, 3 * self.trunk_size ** 2, linear=True)

    def residual(self, x, noise):
        folded = F.pixel_unshuffle(x, 8 // self.scale) if self.scale < 8 else x
        z = self.upper(self.student_in(torch.cat((noise, self.encoder(folded)), 1)))
        z = self.student_out(z + F.pixel_shuffle(self.up(self.lower(self.down(z))), 2))
        h = F.pixel_shuffle(self.decoder_in(z), 8 // self.trunk_size)
        h = h + self.lr(F.pixel_unshuffle(x, 2) if self.scale == 2 else x)
        return F.pixel_shuffle(self.out(self.blocks(F.leaky_relu(h, SLOPE))), self.trunk_size)

    def forward(self, x, noise):
        h, w, grid = x.shape[2], x.shape[3], GRID // self.scale
        padded = F.pad(x, (0, -w % grid, 0, -h % grid), mode='replicate')
        y = self.residual(padded, noise)[:, :, :h * self.scale, :w * self.scale]
        return y + F.interpolate(x, scale_factor=self.scale, mode='bicubic', align_corners=False)


def multiplications(model, x, noise):
    """Counted by the shapes that the convolutions meet."""
    count = 0

    def add(module, _inputs, output):
        nonlocal count
        count += output.numel() * module.weight[0].numel()

    hooks = [m.register_forward_hook(add) for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    with torch.no_grad():
        model(x, noise)
    for hook in hooks:
        hook.remove()
    return count


def time_one(run, cuda):
    if not cuda:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start
    before, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    before.record()
    run()
    after.record()
    torch.cuda.synchronize()
    return before.elapsed_time(after) / 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--precision', default='fp32', choices=('fp32', 'fp16'))
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--tier', default='fast', choices=sorted(TIERS))
    parser.add_argument('--scale', type=int, default=2, choices=(2, 4, 8))
    parser.add_argument('--size', default='320x180')
    parser.add_argument('--runs', type=int, default=41)
    a = parser.parse_args()
    if a.compile and not hasattr(torch, 'compile'):
        sys.exit(f'PyTorch {torch.__version__} has no torch.compile: leave --compile out')
    if a.precision == 'fp16' and a.device == 'cpu':
        sys.exit('PyTorch convolves fp16 on GPUs only: take --precision fp32')
    width, height = (int(side) for side in a.size.split('x'))
    cuda = a.device.startswith('cuda')
    kind = torch.float16 if a.precision == 'fp16' else torch.float32
    torch.manual_seed(7)
    torch.backends.cudnn.benchmark = True
    model = Compact(a.tier, a.scale).eval().to(a.device, kind, memory_format=torch.channels_last)
    padded = [-(-side * a.scale // GRID) * GRID for side in (height, width)]
    x = torch.rand(1, 3, height, width).to(a.device, kind, memory_format=torch.channels_last)
    noise = torch.randn(1, LATENT, padded[0] // 8, padded[1] // 8)
    noise = noise.to(a.device, kind, memory_format=torch.channels_last)
    count = multiplications(model, x, noise)
    call = torch.compile(model, mode='max-autotune') if a.compile else model
    with torch.no_grad():
        for _ in range(5):
            y = call(x, noise)
        seconds = sorted(time_one(lambda: call(x, noise), cuda) for _ in range(a.runs))
    assert y.shape[2:] == (height * a.scale, width * a.scale)
    median = seconds[len(seconds) // 2]
    name = torch.cuda.get_device_name() if cuda else f'CPU, {torch.get_num_threads()} threads'
    print(json.dumps({
        'torch': torch.__version__, 'device': name, 'precision': a.precision, 'compiled': a.compile, 'tier': a.tier,
        'scale': a.scale, 'size': a.size, 'multiplications per pixel': round(count / (padded[0] * padded[1])),
        'median ms': 1e3 * median, 'least ms': 1e3 * seconds[0], 'p99 ms': 1e3 * seconds[int(0.99 * len(seconds))],
        'frames/s': 1 / median, 'GFLOP/s': 2e-9 * count / median}))


main()
