/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstharness.h>

/* What the tests of the element share. */

/* A yonosupscale that gives each frame before it takes the next; the reference is the caller's. */
GstElement *element_new(const char *model, const char *device);

/* What tests of formats run on: the CPU, or what YONOS_TEST_ELEMENT_DEVICE names. */
const char *element_device(void);

/* A running harness whose element posts to `bus`; `out` may be NULL. element_stop takes both apart again. */
GstHarness *element_start(GstElement *el, GstBus *bus, const char *in, const char *out);
void element_stop(GstHarness *h, GstElement *el);

/* Pushes a grey frame of the harness's input caps; the large frame is dropped. */
GstFlowReturn element_push(GstHarness *h);

/* Fails unless exactly one error or warning is on the bus, and it is of this type and has both texts in it. */
void element_check_message(GstBus *bus, GstMessageType type, const char *expected, const char *also);
void element_check_silent(GstBus *bus);
