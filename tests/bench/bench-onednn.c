/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"
#include "cpu/cpu-executor.h"

#ifdef HAVE_ONEDNN
#include "cpu/onednn-api.h"

#define SIDE_W 320
#define SIDE_H 180
#define CHANNELS 64

/* A 3x3 convolution without bias, in the layouts that oneDNN likes best. */
typedef struct {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t conv;
    dnnl_exec_arg_t args[3];
} Conv;

static void check(int status)
{
    if (status)
        g_error("oneDNN fails with status %d", status);
}

static dnnl_memory_t memory_new(const Conv *c, const_dnnl_primitive_desc_t desc, dnnl_query_t query)
{
    OnednnLayoutView md = dnnl_primitive_desc_query_md(desc, query, 0);
    dnnl_memory_t memory;
    void *data;

    check(dnnl_memory_create(&memory, md, c->engine, DNNL_MEMORY_ALLOCATE));
    check(dnnl_memory_get_data_handle(memory, &data));
    for (gsize k = 0; k < dnnl_memory_desc_get_size(md) / sizeof(float); k++)
        ((float *)data)[k] = 0.01f * (float)(k % 17);
    return memory;
}

static void conv_make(Conv *c)
{
    dnnl_dims_t x = {1, CHANNELS, SIDE_H, SIDE_W}, w = {CHANNELS, CHANNELS, 3, 3};
    dnnl_data_type_t type = yonos_cpu_wanted() == YONOS_CPU_BF16 ? dnnl_bf16 : dnnl_f32;
    g_auto(OnednnConv) conv = {.x = onednn_layout(4, x, type, dnnl_format_tag_any),
                               .w = onednn_layout(4, w, type, dnnl_format_tag_any),
                               .y = onednn_layout(4, x, type, dnnl_format_tag_any),
                               .stride = {1, 1},
                               .before = {1, 1},
                               .after = {1, 1}};
    dnnl_primitive_desc_t desc;

    check(dnnl_engine_create(&c->engine, dnnl_cpu, 0));
    check(dnnl_stream_create(&c->stream, c->engine, 0));
    check(onednn_forward(&desc, c->engine, dnnl_forward_inference, &conv, NULL));
    check(dnnl_primitive_create(&c->conv, desc));
    c->args[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, memory_new(c, desc, dnnl_query_src_md)};
    c->args[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, memory_new(c, desc, dnnl_query_weights_md)};
    c->args[2] = (dnnl_exec_arg_t){DNNL_ARG_DST, memory_new(c, desc, dnnl_query_dst_md)};
    dnnl_primitive_desc_destroy(desc);
}

static void conv_clear(Conv *c)
{
    for (int k = 0; k < 3; k++)
        dnnl_memory_destroy(c->args[k].memory);
    dnnl_primitive_destroy(c->conv);
    dnnl_stream_destroy(c->stream);
    dnnl_engine_destroy(c->engine);
}

static double conv_time(Conv *c)
{
    double start = now();

    check(dnnl_primitive_execute(c->conv, c->stream, 3, c->args));
    check(dnnl_stream_wait(c->stream));
    return now() - start;
}

void bench_onednn(const Bench *b)
{
    YonosGraph *g = bench_network(b, b->width, b->height);
    YonosExecutor *ex = bench_executor(b, g);
    double ours_flops = bench_flops(g), theirs_flops = 2.0 * 9 * CHANNELS * CHANNELS * SIDE_W * SIDE_H;
    double *ours = g_new(double, b->runs), *theirs = g_new(double, b->runs), *ratios = g_new(double, b->runs);
    guint n = (guint)b->runs;
    GError *error = NULL;
    Conv c = {0};

    conv_make(&c);
    for (int run = -BENCH_WARM; run < b->runs; run++) {
        int at = MAX(run, 0);
        /* before and after, so that a change of the machine's load hits both alike */
        double start, before = conv_time(&c);
        start = now();
        if (!yonos_executor_run(ex, &error))
            g_error("%s", error->message);
        ours[at] = ours_flops / (now() - start);
        theirs[at] = theirs_flops / ((before + conv_time(&c)) / 2);
        ratios[at] = ours[at] / theirs[at];
    }
    report_row(b->report, "network against oneDNN's own 3x3 convolution, 64->64, 320x180", b->tier,
               (Cell[]){{"GFLOP/s", 1e-9 * quantile(ours, n, 0.5)},
                        {"oneDNN's", 1e-9 * quantile(theirs, n, 0.5)},
                        {"ratio, p50", quantile(ratios, n, 0.5)},
                        {"p25", quantile(ratios, n, 0.25)},
                        {"p75", quantile(ratios, n, 0.75)},
                        {"of the best", ours[b->runs - 1] / theirs[b->runs - 1]},
                        {NULL, 0}});
    conv_clear(&c);
    g_free(ours);
    g_free(theirs);
    g_free(ratios);
    yonos_executor_free(ex);
    yonos_graph_free(g);
}
#else
void bench_onednn(const Bench *b)
{
    report_text(b->report, "onednn", "this build is without it");
}
#endif
