/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* How much of an input a part of the output depends on, along one side: rows or columns first to last of it, and 0 to
 * size - 1 of the output. Sides are taken as endless, so either may lie outside of the tensor. */
typedef struct {
    int first, last;
} YonosReach;

/* The reach of `size` rows (or `columns`) of `output`, from 0 on, into `input`, through every path between the two.
 * FALSE where an operation on the way looks at whole pictures. */
gboolean yonos_graph_reach(const YonosGraph *graph, YonosTensorId input, YonosTensorId output, gboolean columns, int size,
                           YonosReach *reach);
