/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "frame/packing.h"
#include "vulkan/vk-memory.h"

/* The shaders planes-in and planes-out, for one format of small and one of large frames. Packed planes
 * (frame/packing.h) become R'G'B' as in frame.h: of the type of the device's tensors for a network, of fp32 and with
 * alpha for bicubic; and the other way round, of the network's picture, of plain bicubic, or of both beside each other.
 */

/* The block of shaders/planes.glsl. */
typedef struct {
    gint32 size[2], small[2];
    gint32 first[2], end[2];
    gint32 origin[2], window[2];
    guint32 offset[3], stride[3];
    gint32 what, line, keep_alpha;
} YonosVkPlanesPush;

enum {
    YONOS_VK_FOR_NETWORK = 1 << 0, /* the `what` of planes-in */
    YONOS_VK_FOR_BICUBIC = 1 << 1,
};

/* The buffers of a descriptor set, as bindings of the shaders. */
enum {
    YONOS_VK_PLANES_FRAME,
    YONOS_VK_PLANES_NETWORK, /* {h, w, 3} */
    YONOS_VK_PLANES_SMALL,   /* {h, w, 4}, fp32 */
    YONOS_VK_PLANES_BINDINGS,
};

typedef struct {
    YonosFrameFormat in, out;
    YonosFramePacking in_packing, out_packing;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline to_rgb, from_rgb;
    VkDescriptorPool pool;
} YonosVkPlanes;

/* Fills a zeroed *p, with room for that many descriptor sets. After a failure *p still wants yonos_vk_planes_clear. */
gboolean yonos_vk_planes_make(YonosVkPlanes *p, YonosVkDevice *d, const YonosFrameFormat *in,
                              const YonosFrameFormat *out, guint n_sets, GError **error);
void yonos_vk_planes_clear(YonosVkPlanes *p, YonosVkDevice *d);

gboolean yonos_vk_planes_bind(YonosVkPlanes *p, YonosVkDevice *d, const VkBuffer buffers[YONOS_VK_PLANES_BINDINGS],
                              VkDescriptorSet *set, GError **error);
/* Another buffer of planes for a set that is not in use. */
void yonos_vk_planes_rebind(YonosVkDevice *d, VkBuffer planes, VkDescriptorSet set);

/* A push for all of a small or of a large frame; the caller sets the last three fields. */
YonosVkPlanesPush yonos_vk_planes_push(const YonosVkPlanes *p, gboolean large);

/* Records a dispatch over the pixels from push->first to push->end. Of a large frame they are whole words of every
 * plane: both multiples of 8, or the frame's edge. No barriers. */
void yonos_vk_planes_record(const YonosVkPlanes *p, gboolean large, VkCommandBuffer commands, VkDescriptorSet set,
                            const YonosVkPlanesPush *push);
