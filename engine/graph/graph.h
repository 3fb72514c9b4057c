/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A network is a program: a list of nodes in the order in which they run. A node is one row of the op table
 * (graph/op.h) with its operands. Tensors are NHWC. Nothing here knows which executor will run the program.
 *
 * Thread-safety: a graph belongs to one thread while it is built and is read-only, so shareable, afterwards. */

typedef struct {
    int n, h, w, c;
} YonosShape;

typedef enum {
    YONOS_F32, /* an executor may store it as fp16 where it lies in the arena or in a parameter buffer */
    YONOS_U8,  /* bytes of a video frame: shape 1 x 1 x 1 x bytes */
} YonosDtype;

typedef int YonosTensorId; /* index in graph->tensors */
typedef int YonosBufferId; /* index in graph->buffers; YONOS_ARENA: lives only between its first and last use */
#define YONOS_ARENA (-1)
#define YONOS_NONE (-1)

typedef struct {
    YonosShape shape;
    YonosDtype dtype;
    YonosBufferId buffer;
    gsize offset; /* elements from the start of its buffer; 0 in the arena until it is planned */
} YonosTensor;

/* Memory that outlives a run: inputs, outputs, parameters, their gradients, optimiser state. */
typedef struct {
    char *name; /* unique, owned */
    YonosDtype dtype;
    gsize size; /* elements */
} YonosBuffer;

/* Attributes are few and numeric; each op's header comment names its own. */
#define YONOS_MAX_OPERANDS 8
#define YONOS_MAX_ATTRIBUTES 8
typedef struct {
    int op; /* YonosOpId */
    int n_inputs;
    YonosTensorId in[YONOS_MAX_OPERANDS]; /* optional ones may be YONOS_NONE */
    YonosTensorId out;                    /* also an input where the op accumulates */
    int i[YONOS_MAX_ATTRIBUTES];
    float f[YONOS_MAX_ATTRIBUTES];
} YonosNode;

/* A named parameter: a view of the parameter buffer, aligned to YONOS_PARAM_ALIGN elements. Convolution weights
 * [kh, kw, in, out] are held as shape {n = kh, h = kw, w = in, c = out}; vectors as {1, 1, 1, c}. */
#define YONOS_PARAM_ALIGN 64
typedef struct {
    char *name; /* as in the model file, with the scope in front; owned */
    YonosTensorId tensor;
    gboolean frozen; /* gets no gradient */
} YonosParam;

typedef struct {
    GArray *tensors; /* YonosTensor */
    GArray *buffers; /* YonosBuffer */
    GArray *nodes;   /* YonosNode */
    GArray *params;  /* YonosParam */
    YonosBufferId param_buffer;
    const char *scope; /* put in front of the names of new parameters; NULL: nothing. Not owned */
    gboolean freeze;   /* new parameters are frozen */
    GError *error;     /* the first failure of a build; every later call is then a no-op that returns YONOS_NONE */
} YonosGraph;

YonosGraph *yonos_graph_new(void);
void yonos_graph_free(YonosGraph *graph); /* NULL is fine */

/* Moves the first failure of the build into *error. TRUE when there was none. */
gboolean yonos_graph_check(YonosGraph *graph, GError **error);
void yonos_graph_fail(YonosGraph *graph, const char *format, ...) G_GNUC_PRINTF(2, 3);

YonosBufferId yonos_graph_buffer(YonosGraph *graph, const char *name, YonosDtype dtype, gsize size);
YonosBufferId yonos_graph_find_buffer(const YonosGraph *graph, const char *name);

/* A new buffer with one tensor that fills it. */
YonosTensorId yonos_graph_input(YonosGraph *graph, const char *name, YonosDtype dtype, YonosShape shape);

/* A tensor of its own in the arena, or a view of a buffer. */
YonosTensorId yonos_graph_tensor(YonosGraph *graph, YonosDtype dtype, YonosShape shape);
YonosTensorId yonos_graph_view(YonosGraph *graph, YonosBufferId buffer, gsize offset, YonosShape shape);

/* The parameter of that name; made on first use, shared afterwards (then the shape must be the same). */
YonosTensorId yonos_graph_param(YonosGraph *graph, const char *name, YonosShape shape);

/* The parameter of that full name, or NULL. */
const YonosTensor *yonos_graph_find_param(const YonosGraph *graph, const char *name);

/* Whether any parameter's name begins so. */
gboolean yonos_graph_has_params(const YonosGraph *graph, const char *prefix);

/* Appends a node. With node->out == YONOS_NONE the shape rule makes the output in the arena. Returns the output. */
YonosTensorId yonos_graph_append(YonosGraph *graph, YonosNode node);

static inline gsize yonos_shape_elements(YonosShape s)
{
    return (gsize)s.n * s.h * s.w * s.c;
}
static inline gboolean yonos_shape_equal(YonosShape a, YonosShape b)
{
    return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}
static inline const YonosTensor *yonos_graph_at(const YonosGraph *graph, YonosTensorId id)
{
    return &g_array_index(graph->tensors, YonosTensor, id);
}
static inline YonosShape yonos_graph_shape(const YonosGraph *graph, YonosTensorId id)
{
    return id < 0 ? (YonosShape){0, 0, 0, 0} : yonos_graph_at(graph, id)->shape;
}
