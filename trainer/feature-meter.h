/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "picture.h"

/* FD, a perceptual distance of pictures: 100 times yonos_feature_distance with SqueezeNet. Not LPIPS: no learned heads.
 * Thread-safety: one thread. */
typedef struct YonosFeatureMeter YonosFeatureMeter;

/* `path` is a weights file as yonos_features_read takes it, `device` as in device.h. It is read when the first pictures
 * come. */
YonosFeatureMeter *yonos_feature_meter_new(const char *path, const char *device);
void yonos_feature_meter_free(YonosFeatureMeter *m); /* NULL is fine */

#define YONOS_FEATURE_METER_SIDE 31

/* Of two pictures of one size, at least YONOS_FEATURE_METER_SIDE pixels a side; their borders are not cut. */
gboolean yonos_feature_meter_run(YonosFeatureMeter *m, const YonosPicture *a, const YonosPicture *b, double *distance,
                                 GError **error);
