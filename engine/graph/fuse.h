/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* Joins what a convolution can do in passing to it, so that it costs no pass over memory of its own. For inference: a
 * graph of which only buffers are read afterwards. */
typedef enum {
    YONOS_FUSE_RESIDUAL = 1 << 0, /* add(conv, r) */
    YONOS_FUSE_ACT = 1 << 1,      /* act(conv), leaky */
    YONOS_FUSE_SHUFFLE = 1 << 2,  /* shuffle(conv), and a crop of it */
    YONOS_FUSE_CONCAT = 1 << 3,   /* conv(concat(a, b)) */
    YONOS_FUSE_BASE = 1 << 4,     /* add(conv, resize(x)) by a whole factor */
    YONOS_FUSE_ALL = (1 << 5) - 1,
} YonosFuse;

/* A graph with the same tensors, buffers and parameters, shared with `graph`, which must not change any more, and fewer
 * nodes. Free it as any other. Joined nodes' tensors are in it, but nobody writes or reads them. */
YonosGraph *yonos_graph_fuse(const YonosGraph *graph, YonosFuse what);

/* Whether a residual block, a node that is not in the graph yet, is worth joining: it computes the edges of tiles twice. */
typedef gboolean YonosBlockWanted(const YonosGraph *graph, const YonosNode *block, gpointer user);

/* Likewise of a graph that yonos_graph_fuse made: x + conv(act(conv(x))), both 3x3 and of x's channels, becomes one node
 * where that is wanted. */
YonosGraph *yonos_graph_fuse_blocks(const YonosGraph *graph, YonosBlockWanted *wanted, gpointer user);
