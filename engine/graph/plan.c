/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "graph/plan.h"

typedef struct {
    YonosTensorId tensor;
    guint first, last; /* nodes */
    gsize size;
} Life;

static int by_size(gconstpointer a, gconstpointer b)
{
    const Life *x = a, *y = b;

    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->tensor - y->tensor;
}

static void touch(GHashTable *lives, const YonosGraph *graph, YonosTensorId tensor, guint node, gsize align)
{
    Life *life;

    if (tensor < 0 || yonos_graph_at(graph, tensor)->buffer != YONOS_ARENA)
        return;
    life = g_hash_table_lookup(lives, GINT_TO_POINTER(tensor));
    if (!life) {
        life = g_new(Life, 1);
        *life = (Life){tensor, node, node, yonos_shape_elements(yonos_graph_shape(graph, tensor))};
        life->size = (life->size + align - 1) / align * align;
        g_hash_table_insert(lives, GINT_TO_POINTER(tensor), life);
    }
    life->last = node;
}

/* The lowest place where `life` fits beside the already placed tensors that live at the same time. `placed` is sorted
 * by offset. */
static gsize lowest_gap(const YonosPlan *plan, GArray *placed, const Life *life)
{
    gsize end = 0;

    for (guint i = 0; i < placed->len; i++) {
        const Life *other = &g_array_index(placed, Life, i);
        gsize offset = plan->offset[other->tensor];
        if (other->last < life->first || other->first > life->last)
            continue;
        if (offset >= end && offset - end >= life->size)
            return end;
        end = MAX(end, offset + other->size);
    }
    return end;
}

/* Largest first, each at the lowest gap: simple, deterministic, and close to the lower bound on networks like ours. */
static void place(YonosPlan *plan, GArray *lives)
{
    GArray *placed = g_array_new(FALSE, FALSE, sizeof(Life));

    g_array_sort(lives, by_size);
    for (guint i = 0; i < lives->len; i++) {
        Life life = g_array_index(lives, Life, i);
        gsize offset = lowest_gap(plan, placed, &life);
        guint at = 0;
        plan->offset[life.tensor] = offset;
        while (at < placed->len && plan->offset[g_array_index(placed, Life, at).tensor] <= offset)
            at++;
        g_array_insert_val(placed, at, life);
        plan->arena_size = MAX(plan->arena_size, offset + life.size);
        plan->unshared += life.size;
    }
    g_array_unref(placed);
}

void yonos_plan_make(YonosPlan *plan, const YonosGraph *graph, gsize align)
{
    GHashTable *lives = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Life));
    GHashTableIter iter;
    gpointer life;

    plan->arena_size = plan->unshared = 0;
    plan->offset = g_new0(gsize, graph->tensors->len);
    for (guint i = 0; i < graph->nodes->len; i++) {
        const YonosNode *node = &g_array_index(graph->nodes, YonosNode, i);
        for (int k = 0; k < node->n_inputs; k++)
            touch(lives, graph, node->in[k], i, align);
        touch(lives, graph, node->out, i, align);
    }
    g_hash_table_iter_init(&iter, lives);
    while (g_hash_table_iter_next(&iter, NULL, &life))
        g_array_append_vals(list, life, 1);
    place(plan, list);
    g_array_unref(list);
    g_hash_table_unref(lives);
}

gsize yonos_plan_bytes(const YonosPlan *plan, const YonosGraph *graph, gsize element_size)
{
    gsize bytes = plan->arena_size * element_size;

    for (guint k = 0; k < graph->buffers->len; k++) {
        const YonosBuffer *b = &g_array_index(graph->buffers, YonosBuffer, k);
        bytes += b->size * (b->dtype == YONOS_U8 ? 1 : element_size);
    }
    return bytes;
}

void yonos_plan_clear(YonosPlan *plan)
{
    g_clear_pointer(&plan->offset, g_free);
}
