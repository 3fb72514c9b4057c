/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/* What the tests of the samples share. */

typedef struct {
    GArray *times; /* of frames, GstClockTime */
    int width, height, audio;
} Film;

GstElement *film_parse(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Runs a pipeline to its end, and frees it. */
void film_play(GstElement *pipeline);
/* What a container holds; nothing is decoded. The times are in order, and the caller's. */
Film film_read(const char *path);
