/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops/ops.h"

YonosTensorId yonos_append(YonosGraph *g, YonosOpId op, int n, const YonosTensorId *in, YonosTensorId out,
                           const int *attributes, int n_attributes, float f0, float f1)
{
    YonosNode node = {.op = op, .n_inputs = n, .out = out, .f = {f0, f1}};

    for (int k = 0; k < n; k++)
        node.in[k] = in[k];
    for (int k = 0; k < n_attributes; k++)
        node.i[k] = attributes[k];
    return yonos_graph_append(g, node);
}
