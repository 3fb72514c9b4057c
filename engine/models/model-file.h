/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "executor.h"
#include "weights/safetensors.h"

/* Model files of the compact network: safetensors with the metadata keys
 * format = "gst-yonos-1", architecture = "compact", tier, scale; further keys are the card's. Beside the decoder
 * (decoder.*, trained for fidelity) a file may hold a second one of the same shapes (perceptual.*), and then with the key
 * fidelity, 0 to 1, the first one's share unless the user sets it; 1 if absent. The key input says where z_l comes from:
 * E_N, "compact" or absent, or the large encoder, "faithful". */

#define YONOS_MODEL_FORMAT "gst-yonos-1"
#define YONOS_MODEL_INPUT "input"

typedef struct {
    YonosSafetensors *file;
    char *path;
    const char *tier; /* lives as long as `file` */
    int scale;
    gboolean faithful;   /* its z_l is E(bicubic(x_l)) */
    gboolean perceptual; /* it holds a second decoder */
    float fidelity;      /* 1 without a second decoder */
} YonosModelFile;

/* Opens and checks the metadata. `scale` 0 takes any. FALSE with a sentence that names the path. */
gboolean yonos_model_file_open(YonosModelFile *model, const char *path, int scale, GError **error);
void yonos_model_file_clear(YonosModelFile *model);

/* Opens any weights file, without looking at its metadata: tier NULL, numbers 0. To be cleared after a failure too. */
gboolean yonos_model_file_open_weights(YonosModelFile *model, const char *path, GError **error);

/* Whether the file holds a tensor of that name and shape. */
gboolean yonos_model_file_has(const YonosModelFile *model, const char *name, YonosShape shape);

/* Reads one tensor in our memory order: values has the elements of `shape`. */
gboolean yonos_model_file_read(const YonosModelFile *model, const char *name, YonosShape shape, float *values,
                               GError **error);

/* Fills every parameter of the executor's graph. Names and shapes must agree both ways: a missing, surplus or
 * misshapen tensor is an error, and so are NaN and infinity. A parameter {1, 1, 1, c} has one dimension in the file,
 * others are convolution weights [out, in, kh, kw]. */
gboolean yonos_model_file_load(const YonosModelFile *model, YonosExecutor *ex, GError **error);

/* The name of the second decoder's tensor, to be freed, or NULL where `name` is not of the first. */
char *yonos_model_file_second_name(const char *name);

/* Gives the graph a parameter perceptual.* for every decoder.*, so that they are loaded and written with the others; no
 * node uses them. */
void yonos_model_file_add_perceptual(YonosGraph *graph);

/* Sets the executor's decoder between the two that `weights` holds, the parameter buffer as it was loaded:
 * decoder = fidelity decoder + (1 - fidelity) perceptual, fidelity 0 to 1. */
gboolean yonos_model_file_mix_decoders(YonosExecutor *ex, const float *weights, float fidelity, GError **error);

/* Writes the parameters held in `values` (laid out as graph->param_buffer), frozen ones left out, with the given
 * metadata (char * -> char *). `only`, unless NULL, is the prefix that names must have. */
gboolean yonos_model_file_write(const char *path, const YonosGraph *graph, const float *values, YonosStDtype dtype,
                                const char *only, GHashTable *metadata, GError **error);
