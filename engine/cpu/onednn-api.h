/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dnnl.h>
#include <glib.h>

/* What differs between the C interfaces of oneDNN 2 and 3. Each function that returns a status does as oneDNN's own of
 * that name. */

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t OnednnLayout; /* owned; NULL: none */
typedef const_dnnl_memory_desc_t OnednnLayoutView;
#else
typedef dnnl_memory_desc_t *OnednnLayout;
typedef const dnnl_memory_desc_t *OnednnLayoutView;
#endif

static inline OnednnLayout onednn_layout(int n, const dnnl_dims_t dims, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    OnednnLayout layout = NULL;

#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_create_with_tag(&layout, n, dims, type, tag);
#else
    layout = g_new(dnnl_memory_desc_t, 1);
    if (dnnl_memory_desc_init_by_tag(layout, n, dims, type, tag))
        g_clear_pointer(&layout, g_free);
#endif
    return layout;
}

static inline void onednn_layout_free(OnednnLayout layout)
{
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_destroy(layout);
#else
    g_free(layout);
#endif
}
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(OnednnLayout, onednn_layout_free, NULL)

static inline void onednn_append_leaky(dnnl_post_ops_t ops, float slope)
{
#if DNNL_VERSION_MAJOR >= 3
    dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, slope, 0);
#else
    dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, slope, 0);
#endif
}

/* A convolution's operands, or their gradients. */
typedef struct {
    OnednnLayout x, w, bias, y;
    dnnl_dims_t stride, before, after; /* before, after: what the picture is padded by at either end */
} OnednnConv;

static inline void onednn_conv_clear(OnednnConv *c)
{
    OnednnLayout layouts[] = {c->x, c->w, c->bias, c->y};

    for (guint k = 0; k < G_N_ELEMENTS(layouts); k++)
        if (layouts[k])
            onednn_layout_free(layouts[k]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OnednnConv, onednn_conv_clear)

#if DNNL_VERSION_MAJOR >= 3

static const dnnl_dims_t onednn_dense = {0, 0};

static inline int onednn_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_prop_kind_t kind,
                                 const OnednnConv *c, const_dnnl_primitive_attr_t attr)
{
    return dnnl_convolution_forward_primitive_desc_create(pd, engine, kind, dnnl_convolution_direct, c->x, c->w,
                                                          c->bias, c->y, c->stride, onednn_dense, c->before, c->after,
                                                          attr);
}

static inline int onednn_backward_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, const OnednnConv *c,
                                       const_dnnl_primitive_desc_t hint)
{
    return dnnl_convolution_backward_data_primitive_desc_create(pd, engine, dnnl_convolution_direct, c->x, c->w, c->y,
                                                                c->stride, onednn_dense, c->before, c->after, hint,
                                                                NULL);
}

static inline int onednn_backward_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, const OnednnConv *c,
                                          const_dnnl_primitive_desc_t hint)
{
    return dnnl_convolution_backward_weights_primitive_desc_create(pd, engine, dnnl_convolution_direct, c->x, c->w,
                                                                   NULL, c->y, c->stride, onednn_dense, c->before,
                                                                   c->after, hint, NULL);
}

#else

static inline int onednn_forward(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, dnnl_prop_kind_t kind,
                                 const OnednnConv *c, const_dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t conv;

    return dnnl_convolution_forward_desc_init(&conv, kind, dnnl_convolution_direct, c->x, c->w, c->bias, c->y,
                                              c->stride, c->before, c->after) ||
           dnnl_primitive_desc_create(pd, &conv, attr, engine, NULL);
}

static inline int onednn_backward_data(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, const OnednnConv *c,
                                       const_dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t conv;

    return dnnl_convolution_backward_data_desc_init(&conv, dnnl_convolution_direct, c->x, c->w, c->y, c->stride,
                                                    c->before, c->after) ||
           dnnl_primitive_desc_create(pd, &conv, NULL, engine, hint);
}

static inline int onednn_backward_weights(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, const OnednnConv *c,
                                          const_dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t conv;

    return dnnl_convolution_backward_weights_desc_init(&conv, dnnl_convolution_direct, c->x, c->w, NULL, c->y,
                                                       c->stride, c->before, c->after) ||
           dnnl_primitive_desc_create(pd, &conv, NULL, engine, hint);
}

#endif
