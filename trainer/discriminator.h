/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* The adversary of the decoder: a small convolutional network D that tells pictures x from upscaled ones y, each given
 * with the bicubic base, patch by patch ({n, H/8, W/8, 1}, a value sees 47 pixels). Both losses live in one graph and
 * one differentiation: neither passes a gradient to the other's weights. x, y and base are {n, H, W, 3}. */

#define YONOS_DISCRIMINATOR_SCOPE "discriminator." /* what the names of its parameters begin with */

/* -mean D(y); the gradient goes to y, not to D. */
YonosTensorId yonos_adversarial_loss(YonosGraph *g, YonosTensorId y, YonosTensorId base);

/* mean max(0, 1 - D(x)) + mean max(0, 1 + D(y)) (Lim and Ye, Geometric GAN, 2017); the gradient goes to D, not to y. */
YonosTensorId yonos_discriminator_loss(YonosGraph *g, YonosTensorId y, YonosTensorId x, YonosTensorId base);
