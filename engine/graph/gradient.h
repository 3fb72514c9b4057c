/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "graph/graph.h"

/* Training is a graph transformation: reverse-mode differentiation appends nodes to the forward graph. */

/* Appends the gradient of the scalar `loss` by every parameter and returns the buffer that receives it, laid out as
 * graph->param_buffer is. The run must set that buffer to zero first, since parameter gradients are added up.
 * `dloss` is a scalar tensor, usually an input that holds 1 (or the loss scale). YONOS_NONE with graph->error set when
 * an op on the way has no gradient rule. */
YonosBufferId yonos_graph_differentiate(YonosGraph *graph, YonosTensorId loss, YonosTensorId dloss);

/* The gradient by `tensor` after yonos_graph_differentiate_by; used by checks. */
YonosTensorId yonos_graph_differentiate_by(YonosGraph *graph, YonosTensorId loss, YonosTensorId dloss,
                                           YonosTensorId tensor);

/* For gradient rules: `value` is (a part of) the gradient by `tensor`. */
void yonos_gradient_add(YonosGraph *graph, void *gradients, YonosTensorId tensor, YonosTensorId value);
/* Whether anyone wants the gradient by `tensor`; a rule skips the work otherwise. */
gboolean yonos_gradient_wanted(void *gradients, YonosTensorId tensor);
/* The view of the gradient buffer that belongs to a parameter, for ops that add in place; YONOS_NONE for others. */
YonosTensorId yonos_gradient_of_param(YonosGraph *graph, void *gradients, YonosTensorId tensor);
