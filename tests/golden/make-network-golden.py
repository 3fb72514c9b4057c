#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes network-golden.h: what PyTorch makes of the networks, with weights and inputs that golden.c makes. Only
torch.nn.functional, Pillow for the bicubic base and the description of the networks are used, in doubles, so that every
machine writes the same digits."""
import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

LATENT, ENCODER, STUDENT = 16, 16, 32
TRUNK, BLOCKS, TRUNK8, BLOCKS8 = 32, 5, 64, 4
parameters = {}


def uniform(name, shape, low, high):
    """The counter hash of engine/base/random.c, seeded with GLib's g_str_hash of the name."""
    seed = 5381
    for byte in name.encode():
        seed = (seed * 33 + byte) % 2**32
    counter = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    x = np.uint64(seed * 0xD1342543DE82EF95 % 2**64) + counter * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    u = ((x >> np.uint64(11)) + np.uint64(1)).astype(np.float64) * 2.0**-53
    return torch.from_numpy((low + (high - low) * u).astype(np.float32).astype(np.float64).reshape(shape))


def parameter(name, shape):
    if len(shape) == 4:
        bound = math.sqrt(6 / math.prod(shape[1:]))
        value = uniform(name, shape, -bound, bound)
    elif name.endswith(".weight"):
        value = uniform(name, shape, 0.75, 1.25)
    else:
        value = uniform(name, shape, -0.1, 0.1)
    return parameters.setdefault(name, value.requires_grad_())


def tensor(name, n, h, w, c):
    """An input, made in our order NHWC: pictures (x...) in 0..1, others of variance 1."""
    low, high = (0, 1) if name.startswith("x") else (-math.sqrt(3), math.sqrt(3))
    return uniform(name, (n, h, w, c), low, high).permute(0, 3, 1, 2)


def conv(name, x, out, kernel=3, stride=1, bias=True):
    weight = parameter(name + ".weight", (out, x.shape[1], kernel, kernel))
    return F.conv2d(x, weight, parameter(name + ".bias", (out,)) if bias else None, stride, kernel // 2)


def leaky(x):
    return F.leaky_relu(x, 0.1)


def block(name, x, time=None):
    h = conv(name + ".0", x, x.shape[1])
    if time is not None:
        h = h + conv(name + ".time", time, x.shape[1], 1)
    return x + conv(name + ".1", leaky(h), x.shape[1])


def hr_encoder(x):
    h = leaky(conv("hr_encoder.in", F.pixel_unshuffle(x, 2), 32))
    h = block("hr_encoder.block0", leaky(conv("hr_encoder.down0", h, 64, stride=2)))
    h = block("hr_encoder.block1", leaky(conv("hr_encoder.down1", h, 64, stride=2)))
    return conv("hr_encoder.out", h, LATENT)


def lr_encoder(x, scale):
    h = leaky(conv("lr_encoder.in", F.pixel_unshuffle(x, 8 // scale), ENCODER))
    return conv("lr_encoder.out", leaky(conv("lr_encoder.mid", h, ENCODER)), LATENT)


def student(z_t, z_l, time=None):
    if time is not None:
        time = leaky(conv("student.time", time, 64, 1))
    x = block("student.upper", leaky(conv("student.in", torch.cat((z_t, z_l), 1), STUDENT)), time)
    h = block("student.lower", leaky(conv("student.down", x, STUDENT, stride=2)), time)
    x = x + F.pixel_shuffle(conv("student.up", h, 4 * STUDENT, 1), 2)
    return conv("student.out", x, LATENT)


def decoder(z, x=None, scale=4):
    if scale == 8:
        h, blocks, size = conv("decoder.in", z, TRUNK8), BLOCKS8, 8
    else:
        h, blocks, size = F.pixel_shuffle(conv("decoder.in", z, 4 * TRUNK), 2), BLOCKS, 4
    if x is not None:
        h = h + conv("decoder.lr", F.pixel_unshuffle(x, 2) if scale == 2 else x, h.shape[1])
    h = leaky(h)
    for k in range(blocks):
        h = block("decoder.block%d" % k, h)
    return F.pixel_shuffle(conv("decoder.out", h, 3 * size * size), size)


def bicubic(x, height, width):
    """Pillow's, on floats: no rounding between its passes."""
    picture = x[0].numpy().astype(np.float32)
    channels = [Image.fromarray(channel).resize((width, height), Image.BICUBIC) for channel in picture]
    return torch.from_numpy(np.stack([np.asarray(channel) for channel in channels]))[None]


def upscale(x, noise, scale):
    height, width = x.shape[2] * scale, x.shape[3] * scale
    grid = 16 // scale
    padded = F.pad(x, (0, -x.shape[3] % grid, 0, -x.shape[2] % grid), mode="replicate")
    z = student(noise, lr_encoder(padded, scale))
    residual = decoder(z, padded, scale)
    return bicubic(x, height, width) + residual[:, :, :height, :width]


def taef2_block(k, x, pooled):
    if pooled:
        h = conv("%d.pool.0" % k, x, 256, 1, bias=False)
        h = F.group_norm(h, 4, parameter("%d.pool.1.weight" % k, (256,)), parameter("%d.pool.1.bias" % k, (256,)))
        x = x + conv("%d.pool.3" % k, F.relu(h), 64, 1, bias=False)
    h = F.relu(conv("%d.conv.0" % k, x, 64))
    h = F.relu(conv("%d.conv.2" % k, h, 64))
    return F.relu(x + conv("%d.conv.4" % k, h, 64))


def taef2_encoder(x):
    h = taef2_block(1, conv("0", x, 64), False)
    for k in 2, 6, 10:
        h = conv("%d" % k, h, 64, stride=2, bias=False)
        for j in range(k + 1, k + 4):
            h = taef2_block(j, h, k == 10)
    return conv("14", h, 32)


def taef2_decoder(z):
    h = F.relu(conv("1", 3 * torch.tanh(z / 3), 64))
    for k in 3, 8, 13:
        for j in range(k, k + 3):
            h = taef2_block(j, h, k == 3)
        h = conv("%d" % (k + 4), F.interpolate(h, scale_factor=2, mode="nearest"), 64, bias=False)
    return conv("19", taef2_block(18, h, False), 3)


def loss():
    """Gradient rules: stride, residual, group norm, shuffle, both losses."""
    h = leaky(conv("stack.down", tensor("x", 2, 7, 9, 3), 8, stride=2))
    h = block("stack.block", h)
    h = F.group_norm(h, 2, parameter("stack.norm.weight", (8,)), parameter("stack.norm.bias", (8,)))
    y = F.pixel_shuffle(conv("stack.out", h, 12), 2)
    target = tensor("target", 2, 8, 10, 3)
    weights = tensor("x_weights", 2, 1, 1, 1)
    return F.l1_loss(y, target) + (weights * (y - target) ** 2).mean()


def squeezenet(x):
    def convolved(name, x, out, kernel, **how):
        weight = parameter(name + "_w_0", (out, x.shape[1], kernel, kernel))
        return F.relu(F.conv2d(x, weight, parameter(name + "_b_0", (out,)), **how))

    h = 255 * x.flip(1) - torch.tensor([104.0, 117, 123]).view(1, 3, 1, 1)
    taps = [convolved("conv1", h, 64, 3, stride=2)]
    for k, squeezed in enumerate((16, 16, 32, 32, 48, 48, 64, 64), 2):
        h = convolved("fire%d/squeeze1x1" % k, F.max_pool2d(taps[-1], 3, 2) if k in (2, 4, 6) else taps[-1], squeezed, 1)
        taps.append(torch.cat((convolved("fire%d/expand1x1" % k, h, 4 * squeezed, 1),
                               convolved("fire%d/expand3x3" % k, h, 4 * squeezed, 3, padding=1)), 1))
    return taps


def encoder_features(x):
    taps = [leaky(conv("hr_encoder.in", F.pixel_unshuffle(x, 2), 32))]
    for k in range(2):
        taps.append(block("hr_encoder.block%d" % k, leaky(conv("hr_encoder.down%d" % k, taps[-1], 64, stride=2))))
    return taps


def feature_distance(features, x, y):
    def unit(h):
        return h / (h.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)

    return sum(((unit(a) - unit(b)) ** 2).sum(1).mean() for a, b in zip(features(x), features(y))) / len(features(x))


def discriminator(x, base):
    h = torch.cat((8 * (x - base), base), 1)
    for name, out, stride in ("in", 32, 2), ("down0", 64, 2), ("down1", 96, 2), ("mid", 96, 1):
        h = F.leaky_relu(conv("discriminator." + name, h, out, stride=stride), 0.2)
    return conv("discriminator.out", h, 1)


class Writer:
    def __init__(self, file):
        self.file, self.rows = file, []

    def write(self, name, flat):
        """About 96 of the values in equal steps, and the sum of the absolute values."""
        step = flat.size // 96 | 1
        symbol = "golden_%d" % len(self.rows)
        values = ", ".join("%.7gf" % v if "." in "%.7g" % v else "%.7ef" % v for v in flat[::step])
        self.file.write("static const float %s[] = {%s};\n" % (symbol, values))
        self.rows.append('    {"%s", %d, %.7g, %d, %s},\n' % (name, flat.size, np.abs(flat).sum(dtype=np.float64), step,
                                                             symbol))

    def output(self, name, result):
        parameters.clear()
        self.write(name, result.detach().permute(0, 2, 3, 1).contiguous().numpy().ravel())

    def gradients(self):
        parameters.clear()
        total = loss()
        total.backward()
        self.write("loss", total.detach().numpy().reshape(1))
        for name, value in parameters.items():
            self.write(name, value.grad.numpy().ravel())

    def distance(self, name, features, height, width):
        parameters.clear()
        x, y = tensor("x_a", 2, height, width, 3), tensor("x_b", 2, height, width, 3).requires_grad_()
        distance = feature_distance(features, x, y)
        distance.backward()
        self.write(name + " distance", distance.detach().numpy().reshape(1))
        self.write(name + " gradient", y.grad.permute(0, 2, 3, 1).contiguous().numpy().ravel())

    def adversary(self):
        """Each side by its own loss."""
        parameters.clear()
        x, base, z = (tensor(name, 2, 24, 40, 3) for name in ("x", "x_base", "z"))
        y = base + conv("generator", z, 3)
        adversarial = -discriminator(y, base).mean()
        own = F.relu(1 - discriminator(x, base)).mean() + F.relu(1 + discriminator(y.detach(), base)).mean()
        self.write("adversary", (adversarial + own).detach().numpy().reshape(1))
        for name, value in parameters.items():
            gradient = torch.autograd.grad(own if name.startswith("discriminator") else adversarial, value,
                                           retain_graph=True)[0]
            self.write(name, gradient.numpy().ravel())


def main():
    torch.set_num_threads(1)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "network-golden.h")
    with open(path, "w") as file:
        file.write("/* Made by make-network-golden.py with PyTorch %s. */\n" % torch.__version__)
        writer = Writer(file)
        z_t, z_l, z = (tensor(name, 1, 4, 6, LATENT) for name in ("z_t", "z_l", "z"))
        writer.output("hr_encoder", hr_encoder(tensor("x_h", 1, 32, 48, 3)))
        for scale in 2, 4, 8:
            x_l = tensor("x_l", 1, 32 // scale, 48 // scale, 3)
            writer.output("lr_encoder x%d" % scale, lr_encoder(x_l, scale))
            writer.output("decoder x%d" % scale, decoder(z, x_l, scale))
            grid = 16 // scale
            h, w = -(-5 // grid) * 2, -(-7 // grid) * 2
            writer.output("upscale x%d" % scale, upscale(tensor("x_l", 1, 5, 7, 3), tensor("noise", 1, h, w, LATENT),
                                                         scale))
        writer.output("student", student(z_t, z_l))
        writer.output("student with time", student(*(tensor(n, 2, 4, 6, LATENT) for n in ("z_t", "z_l")),
                                                   tensor("time", 2, 1, 1, 64)))
        writer.output("decoder without x_l", decoder(z))
        writer.output("taef2 encoder", taef2_encoder(tensor("x", 2, 16, 24, 3)))
        writer.output("taef2 decoder", taef2_decoder(tensor("z", 2, 2, 3, 32)))
        writer.gradients()
        writer.distance("squeezenet", squeezenet, 45, 67)
        writer.distance("encoder", encoder_features, 24, 40)
        writer.adversary()
        file.write("static const Golden goldens[] = {\n%s};\n" % "".join(writer.rows))


main()
