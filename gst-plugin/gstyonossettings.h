/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_YONOS_SETTINGS_H__
#define __GST_YONOS_SETTINGS_H__

#include "gstyonosupscale.h"

G_BEGIN_DECLS

/* The properties of the class, and how they are set and read. */
void gst_yonos_settings_install (GObjectClass * klass);

void gst_yonos_settings_init (GstYonosSettings * s);
void gst_yonos_settings_clear (GstYonosSettings * s);
/* Frees what `to` had. */
void gst_yonos_settings_copy (GstYonosSettings * to,
    const GstYonosSettings * from);

G_END_DECLS

#endif /* __GST_YONOS_SETTINGS_H__ */
