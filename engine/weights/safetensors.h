/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/error.h"

/* Reads and writes safetensors files with F32, F16 and I8 tensors. An I8 tensor is a convolution's weights by codes:
 * beside `NAME` lies `NAME.scale`, F32, with a scale for each step of the first dimension, and a value is its code
 * times that. A file is taken for hostile: everything that the header claims is checked when it is opened, and a bad
 * file gives an error, never a crash.
 *
 * Threads: an open YonosSafetensors never changes, so any number of threads may use it at once; free it once, when
 * none does. yonos_safetensors_write() may run in any thread.
 *
 * Arguments must not be NULL except where said. Error messages are UTF-8, one sentence, and start with the path. */

#define YONOS_ST_MAX_DIMS 8

typedef enum {
    YONOS_ST_F32,
    YONOS_ST_F16,
    YONOS_ST_I8,
} YonosStDtype;

typedef struct YonosSafetensors YonosSafetensors;

/* Maps and checks the file at path (in GLib's file name encoding). The caller owns the result and frees it with
 * yonos_safetensors_free(). The file stays mapped until then: it may be replaced or removed, but not be shortened in
 * place.
 *
 * NULL on failure: YONOS_ERROR_FILE if the path cannot be read or is no regular file, YONOS_ERROR_FORMAT for anything
 * else, a dtype other than these, codes without scales or more than 8 dimensions included. JSON escapes of surrogates
 * are refused. Weight values are checked only by yonos_safetensors_read_f32(). */
YonosSafetensors *yonos_safetensors_open(const char *path, GError **error);

/* Unmaps and frees; every string got from it dies with it. NULL is fine. */
void yonos_safetensors_free(YonosSafetensors *st);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(YonosSafetensors, yonos_safetensors_free)

/* The value of key in the file's "__metadata__", or NULL if absent. UTF-8, owned by st. */
const char *yonos_safetensors_metadata(const YonosSafetensors *st, const char *key);

/* How many tensors there are, scales not counted; 0 is possible. */
guint yonos_safetensors_count(const YonosSafetensors *st);

/* The name of tensor i, in the order of the data in the file, or NULL if i is not below the count. UTF-8, owned by st.
 * It comes from the file: it may be empty, long or hold control characters. */
const char *yonos_safetensors_name(const YonosSafetensors *st, guint i);

/* Gives the shape of a tensor; a scalar has 0 dimensions, and a dimension can be 0. Entries of dims past *n_dims become
 * 0. FALSE if there is no such tensor, with *n_dims and dims left alone. The product of the dimensions is known to fit
 * into the file. */
gboolean yonos_safetensors_shape(const YonosSafetensors *st, const char *name, guint *n_dims,
                                 gint64 dims[YONOS_ST_MAX_DIMS]);

/* Copies a tensor's n values to out, as F32 whatever its dtype. n must be its element count; out may be NULL if that
 * is 0.
 *
 * FALSE on failure, with out in any state: YONOS_ERROR_MODEL if there is no such tensor or it has another number of
 * elements, YONOS_ERROR_FORMAT if a value is NaN or infinite. */
gboolean yonos_safetensors_read_f32(const YonosSafetensors *st, const char *name, float *out, gsize n, GError **error);

/* A tensor to write; everything is borrowed for the call. data holds the product of the dims and may be NULL if that
 * is 0. */
typedef struct {
    const char *name;
    guint n_dims;
    gint64 dims[YONOS_ST_MAX_DIMS];
    const float *data;
} YonosStTensor;

/* Writes n tensors, all with the given dtype (F16 rounds to nearest, ties to even; I8 is for those of two dimensions
 * and more, whose largest value of a row gets code 127 or -127, and the others are F16), and metadata (char * to char
 * *, may be NULL) to path. The file appears complete or not at all, and replaces one that was there. Tensors, larger
 * dtypes first, and metadata are put in byte order of their names: the same content gives the same bytes. tensors may
 * be NULL if n is 0.
 *
 * FALSE on failure, with an existing file left as it was: YONOS_ERROR_MODEL for what the format or
 * yonos_safetensors_open() would not take (a name twice, "__metadata__" as a name, one that ends in ".scale" with I8,
 * text that is not UTF-8, a bad shape, a value that is not finite in dtype), YONOS_ERROR_UNSUPPORTED if the names and
 * metadata are over 100 MiB, YONOS_ERROR_MEMORY if there is no memory for a copy of the file, YONOS_ERROR_FILE if
 * writing fails. */
gboolean yonos_safetensors_write(const char *path, YonosStDtype dtype, const YonosStTensor *tensors, guint n,
                                 GHashTable *metadata, GError **error);
