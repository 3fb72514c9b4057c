/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* Pictures y and x_h {n, h, w, 3}, sides above 4, and ones {n, 1, 1, 1} -> the mean square of how far y is outside the
 * range of x_h in the 5 x 5 pixels around, channel by channel, two pixels at each border left out: halos along edges,
 * and specks that were not there. What lies within the range costs nothing, so edges may be as steep as they like. */
YonosTensorId yonos_halo(YonosGraph *g, YonosTensorId y, YonosTensorId x_h, YonosTensorId ones);
