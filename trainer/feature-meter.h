/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "picture.h"

/* How far apart two pictures are to a network. Thread-safety: one thread. */
typedef struct YonosFeatureMeter YonosFeatureMeter;

typedef enum {
    YONOS_METER_FD,    /* 100 times yonos_feature_distance with SqueezeNet. Not LPIPS: no learned heads */
    YONOS_METER_TAEF2, /* mean square of the difference of TAEF2's latents */
} YonosMeterKind;

/* `path` is a weights file as yonos_features_read takes it, or of TAEF2's encoder; `device` as in device.h. It is read
 * when the first pictures come. */
YonosFeatureMeter *yonos_feature_meter_new(YonosMeterKind kind, const char *path, const char *device);
void yonos_feature_meter_free(YonosFeatureMeter *m); /* NULL is fine */

#define YONOS_FEATURE_METER_SIDE 31

/* Of two pictures of one size, at least YONOS_FEATURE_METER_SIDE pixels a side, for TAEF2 multiples of 8; their borders
 * are not cut. */
gboolean yonos_feature_meter_run(YonosFeatureMeter *m, const YonosPicture *a, const YonosPicture *b, double *distance,
                                 GError **error);
