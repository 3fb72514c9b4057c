/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

/* Pipelines of frames in libgstvulkan's images, which go by a yonosupscale named up. */

#define N_FRAMES 4
#define DEVICE "llvmpipe"

typedef struct {
    GstBuffer *last;
    guint n;
    GstVideoInfo info;
} ImagesSeen;

typedef struct {
    const char *format;
    int width, height;
    const char *large; /* caps; the rest follows */
    gboolean in, out;
    const char *more; /* properties */
    gboolean tiled;   /* expected */
} ImagesCase;

/* Skips the test where this build or this GStreamer has none. */
gboolean images_are_absent(void);

GstElement *images_open(const ImagesCase *c, ImagesSeen *small, ImagesSeen *large);
void images_close(GstElement *pipeline, ImagesSeen *small, ImagesSeen *large);

/* To its end; NULL or the error. The second takes none. */
GError *images_play(GstElement *pipeline);
void images_play_well(GstElement *pipeline);

/* The statistics of an element, to be freed; a text of them, to be freed; the tiles of `up`. */
GstStructure *images_stats(GstElement *pipeline, const char *name);
char *images_text(GstElement *pipeline, const char *name, const char *field);
int images_tiles(GstElement *pipeline);

/* Fails unless its images travel so. */
void images_check_way(GstElement *pipeline, const char *name, const char *way);

/* The last frame of the case; `reference`: which must be what plain bicubic makes. */
GstBuffer *images_run(const ImagesCase *c, const char *way, gboolean reference, GstVideoInfo *info);

/* Fails where the frames are off by more than a code. */
void images_check_near(const GstVideoInfo *info, GstBuffer *a, GstBuffer *b);
