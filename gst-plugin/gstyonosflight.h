/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_FLIGHT_H__
#define __GST_YONOS_FLIGHT_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

/* Frames in flight: up to frames-in-flight less one stay with the upscaler's
 * thread while the next come in. From the streaming thread, unless it says
 * otherwise. */

/* Sets submit_input_buffer, generate_output, sink_event and query. */
void gst_yonos_flight_init_class (GstBaseTransformClass * klass);

void gst_yonos_flight_init (GstYonosFlight * flight);
/* Frees what frames in flight hold; the upscaler must still be there. */
void gst_yonos_flight_clear (GstYonosUpscale * self);

/* Finishes all frames in flight and pushes them. */
void gst_yonos_flight_drain (GstYonosUpscale * self);

/* Says how late frames will be with these caps and this upscaler. */
void gst_yonos_flight_update_latency (GstYonosUpscale * self);

G_END_DECLS

#endif /* __GST_YONOS_FLIGHT_H__ */
