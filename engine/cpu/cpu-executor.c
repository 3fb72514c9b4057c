/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpu/cpu-executor.h"
#include "cpu/cpu-override.h"
#include "base/error.h"
#include "graph/plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define ALIGN_ELEMENTS 16 /* one 64-byte vector */
#define ALIGN_BYTES 64
#define LARGE_PAGE (2 << 20)

YonosDeviceInfo yonos_cpu_info(YonosCpuMath math)
{
    return (YonosDeviceInfo){"CPU", "none", math == YONOS_CPU_BF16 ? "bf16" : "fp32",
#ifdef HAVE_ONEDNN
                             "oneDNN"
#else
                             "C"
#endif
    };
}

YonosCpuMath yonos_cpu_fastest(void)
{
#ifdef HAVE_ONEDNN
    if (yonos_onednn_has_bf16())
        return YONOS_CPU_BF16;
#endif
    return YONOS_CPU_SINGLE;
}

YonosCpuMath yonos_cpu_wanted(void)
{
    const char *precision = g_getenv("YONOS_PRECISION");

    return precision && *precision ? YONOS_CPU_SINGLE : yonos_cpu_fastest();
}

typedef struct {
    YonosCall call;
    const YonosOp *op;
    const YonosCpuOverride *override;
    gboolean fast;  /* by the override */
    gpointer state; /* of the override */
} Step;

typedef struct {
    YonosExecutor base;
    float *arena;
    void **buffers;   /* by buffer id */
    void *scratch;    /* for sources rounded to bf16; NULL: all is fp32 */
    gboolean *stored; /* by tensor: as bf16 */
    guint n_steps;
    Step *steps;
    guint64 weights_version;
} CpuExecutor;

/* Large pages spare the convolutions of large frames a lookup of addresses a few times a row; where the system has none
 * to give, nothing is lost. */
static void *memory_new(CpuExecutor *cpu, gsize bytes)
{
    gsize align = bytes >= LARGE_PAGE ? LARGE_PAGE : ALIGN_BYTES, size = MAX(bytes, ALIGN_BYTES);
    void *memory = NULL;

    if (bytes > G_MAXSSIZE - LARGE_PAGE || posix_memalign(&memory, align, size))
        return NULL;
    if (align == LARGE_PAGE)
        madvise(memory, size, MADV_HUGEPAGE);
    memset(memory, 0, size);
    cpu->base.memory += bytes;
    return memory;
}

static gsize element_size(const YonosGraph *graph, YonosBufferId buffer)
{
    return g_array_index(graph->buffers, YonosBuffer, buffer).dtype == YONOS_U8 ? 1 : sizeof(float);
}

static gboolean cpu_write(YonosExecutor *ex, YonosBufferId buffer, gsize offset, const void *data, gsize n,
                          G_GNUC_UNUSED GError **error)
{
    CpuExecutor *cpu = (CpuExecutor *)ex;
    gsize size = element_size(ex->graph, buffer);

    memcpy((char *)cpu->buffers[buffer] + offset * size, data, n * size);
    if (buffer == ex->graph->param_buffer)
        cpu->weights_version++;
    return TRUE;
}

static gboolean cpu_read(YonosExecutor *ex, YonosBufferId buffer, gsize offset, void *data, gsize n,
                         G_GNUC_UNUSED GError **error)
{
    gsize size = element_size(ex->graph, buffer);

    memcpy(data, (char *)((CpuExecutor *)ex)->buffers[buffer] + offset * size, n * size);
    return TRUE;
}

static void *cpu_map(YonosExecutor *ex, YonosBufferId buffer)
{
    return ((CpuExecutor *)ex)->buffers[buffer];
}

static gboolean step_run(const Step *step, guint64 weights_version)
{
    const YonosCall *call = &step->call;

    if (!step->fast)
        step->op->reference(call);
    else if (step->override->rows)
        yonos_cpu_share(yonos_shape_elements(call->out_shape), (gsize)call->out_shape.n * call->out_shape.h,
                        step->override->rows, call);
    else
        return step->override->run(step->state, call, weights_version);
    return TRUE;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* `seconds` by node, or NULL. */
static gboolean steps_run(CpuExecutor *cpu, double *seconds, GError **error)
{
    for (guint i = 0; i < cpu->n_steps; i++) {
        Step *step = &cpu->steps[i];
        double start = seconds ? now() : 0;
        if (!step_run(step, cpu->weights_version)) {
            g_set_error(error, YONOS_ERROR, YONOS_ERROR_DEVICE,
                        "The CPU library failed in operation '%s'; memory may be short.", step->op->name);
            return FALSE;
        }
        if (seconds)
            seconds[i] = now() - start;
    }
    return TRUE;
}

static gboolean cpu_run(YonosExecutor *ex, GError **error)
{
    return steps_run((CpuExecutor *)ex, NULL, error);
}

static gboolean cpu_profile(YonosExecutor *ex, double *seconds, GError **error)
{
    return steps_run((CpuExecutor *)ex, seconds, error);
}

static float *resolve(const CpuExecutor *cpu, const YonosPlan *plan, YonosTensorId id)
{
    const YonosTensor *t;

    if (id < 0)
        return NULL;
    t = yonos_graph_at(cpu->base.graph, id);
    if (t->buffer == YONOS_ARENA)
        return cpu->arena + plan->offset[id];
    return (float *)((char *)cpu->buffers[t->buffer] + t->offset * element_size(cpu->base.graph, t->buffer));
}

static void step_prepare(CpuExecutor *cpu, const YonosPlan *plan, guint i, YonosCpuMath math)
{
    const YonosGraph *graph = cpu->base.graph;
    const YonosNode *node = &g_array_index(graph->nodes, YonosNode, i);
    YonosCpuBf16 bf16 = {cpu->scratch, cpu->stored};
    Step *step = &cpu->steps[i];

    step->op = yonos_op(node->op);
    step->call.node = node;
    step->call.out_shape = yonos_graph_shape(graph, node->out);
    step->call.out = resolve(cpu, plan, node->out);
    for (int k = 0; k < node->n_inputs; k++) {
        step->call.in_shape[k] = yonos_graph_shape(graph, node->in[k]);
        step->call.in[k] = resolve(cpu, plan, node->in[k]);
    }
    step->override = math == YONOS_CPU_REFERENCE ? NULL : yonos_cpu_override(node->op);
    if (step->override && step->override->prepare)
        step->state = step->override->prepare(graph, node, cpu->scratch ? &bf16 : NULL);
    step->fast = step->override && (step->state || !step->override->prepare);
}

static gboolean stores_bf16(const YonosGraph *graph, const YonosNode *node)
{
    const YonosCpuOverride *override = yonos_cpu_override(node->op);

    return override && override->stores_bf16 && override->stores_bf16(graph, node);
}

/* Arena tensors that only such nodes write and read. What a convolution reads is rounded anyway; a residual is once more. */
static gboolean *find_stored(const YonosGraph *graph)
{
    gboolean *stored = g_new0(gboolean, graph->tensors->len + 1);

    for (guint i = 0; i < graph->nodes->len; i++) {
        const YonosNode *node = &g_array_index(graph->nodes, YonosNode, i);
        stored[node->out] = yonos_graph_at(graph, node->out)->buffer == YONOS_ARENA;
    }
    for (guint i = 0; i < graph->nodes->len; i++) {
        const YonosNode *node = &g_array_index(graph->nodes, YonosNode, i);
        if (stores_bf16(graph, node))
            continue;
        stored[node->out] = FALSE;
        for (int k = 0; k < node->n_inputs; k++)
            if (node->in[k] >= 0)
                stored[node->in[k]] = FALSE;
    }
    return stored;
}

/* FALSE: the reference would run on bf16. */
static gboolean steps_prepare(CpuExecutor *cpu, const YonosPlan *plan, YonosCpuMath math)
{
    gboolean fine = TRUE;

    for (guint i = 0; i < cpu->n_steps; i++) {
        const YonosNode *node = &g_array_index(cpu->base.graph->nodes, YonosNode, i);
        step_prepare(cpu, plan, i, math);
        fine = fine && (cpu->steps[i].fast || !cpu->stored || !stores_bf16(cpu->base.graph, node));
    }
    return fine;
}

static void steps_clear(CpuExecutor *cpu)
{
    for (guint i = 0; cpu->steps && i < cpu->n_steps; i++)
        if (cpu->steps[i].state && cpu->steps[i].override->free)
            cpu->steps[i].override->free(cpu->steps[i].state);
    g_clear_pointer(&cpu->steps, g_free);
}

static void steps_make(CpuExecutor *cpu, const YonosPlan *plan, YonosCpuMath math)
{
    const YonosGraph *graph = cpu->base.graph;

    cpu->n_steps = graph->nodes->len;
    cpu->stored = math == YONOS_CPU_BF16 ? find_stored(graph) : NULL;
    cpu->steps = g_new0(Step, MAX(1, cpu->n_steps));
    if (steps_prepare(cpu, plan, math))
        return;
    steps_clear(cpu);
    memset(cpu->stored, 0, graph->tensors->len * sizeof(gboolean));
    cpu->steps = g_new0(Step, MAX(1, cpu->n_steps));
    steps_prepare(cpu, plan, math);
}

/* The most that one convolution reads, in bf16. */
static gsize scratch_bytes(const YonosGraph *graph)
{
    gsize most = 0;

    for (guint i = 0; i < graph->nodes->len; i++) {
        const YonosNode *node = &g_array_index(graph->nodes, YonosNode, i);
        gsize n;

        if (node->op != YONOS_OP_CONV && node->op != YONOS_OP_CONV_DATA && node->op != YONOS_OP_CONV_WEIGHTS)
            continue;
        n = yonos_shape_elements(yonos_graph_shape(graph, node->in[0]));
        if (node->op == YONOS_OP_CONV_WEIGHTS)
            n += yonos_shape_elements(yonos_graph_shape(graph, node->in[1]));
        most = MAX(most, n);
    }
    return most * sizeof(guint16);
}

gsize yonos_cpu_executor_bytes(const YonosGraph *graph, YonosCpuMath math)
{
    YonosPlan plan;
    gsize bytes;

    yonos_plan_make(&plan, graph, ALIGN_ELEMENTS);
    bytes = yonos_plan_bytes(&plan, graph, sizeof(float));
    yonos_plan_clear(&plan);
    return bytes + (math == YONOS_CPU_BF16 ? scratch_bytes(graph) : 0);
}

static void cpu_free(YonosExecutor *ex)
{
    CpuExecutor *cpu = (CpuExecutor *)ex;

    steps_clear(cpu);
    for (guint i = 0; cpu->buffers && i < ex->graph->buffers->len; i++)
        free(cpu->buffers[i]);
    g_free(cpu->buffers);
    free(cpu->arena);
    free(cpu->scratch);
    g_free(cpu->stored);
    g_free(cpu);
}

static const YonosExecutorClass cpu_class = {.name = "cpu",
                                             .write = cpu_write,
                                             .read = cpu_read,
                                             .map = cpu_map,
                                             .run = cpu_run,
                                             .profile = cpu_profile,
                                             .free = cpu_free};

YonosExecutor *yonos_cpu_executor_new(const YonosGraph *graph, YonosCpuMath math, GError **error)
{
    CpuExecutor *cpu = g_new0(CpuExecutor, 1);
    gsize scratch = math == YONOS_CPU_BF16 ? scratch_bytes(graph) : 0;
    YonosPlan plan;
    gboolean whole;

    yonos_cpu_wait_asleep();
    cpu->base = (YonosExecutor){.class = &cpu_class, .graph = graph, .element_size = sizeof(float)};
    yonos_plan_make(&plan, graph, ALIGN_ELEMENTS);
    cpu->arena = memory_new(cpu, plan.arena_size * sizeof(float));
    cpu->buffers = g_new0(void *, graph->buffers->len);
    whole = cpu->arena && (!scratch || (cpu->scratch = memory_new(cpu, scratch)));
    for (guint i = 0; whole && i < graph->buffers->len; i++) {
        cpu->buffers[i] = memory_new(cpu, g_array_index(graph->buffers, YonosBuffer, i).size * element_size(graph, i));
        whole = cpu->buffers[i] != NULL;
    }
    if (whole) {
        steps_make(cpu, &plan, math);
    } else {
        g_set_error(error, YONOS_ERROR, YONOS_ERROR_MEMORY,
                    "No memory for a frame of this size (%" G_GSIZE_FORMAT " MiB needed); use smaller frames.",
                    plan.arena_size * sizeof(float) >> 20);
        cpu_free(&cpu->base);
        cpu = NULL;
    }
    yonos_plan_clear(&plan);
    return (YonosExecutor *)cpu;
}
