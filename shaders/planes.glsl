/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What planes-in and planes-out share: engine/frame.h has the format that the constants describe, engine/frame.c what is
 * computed of it, vk-planes.c fills them in. Planes are read and written as words of four bytes, which rows and planes
 * begin at. */

#extension GL_EXT_shader_16bit_storage : require

#define LOCAL 64
layout(local_size_x = LOCAL) in;

layout(constant_id = 0) const int PIXEL = 0; /* packed: samples a pixel; 0: planes */
layout(constant_id = 1) const int R = 0; /* packed: which of a pixel's samples */
layout(constant_id = 2) const int G = 0;
layout(constant_id = 3) const int B = 0;
layout(constant_id = 4) const int A = -1; /* -1: none */
layout(constant_id = 5) const int WIDE = 0; /* 1: samples of two bytes, not one */
layout(constant_id = 6) const int SHIFT = 0; /* unused bits below a sample */
layout(constant_id = 7) const int STEP = 0; /* samples from one of chroma to the next; 0: no chroma, 4: luma lies between */
layout(constant_id = 8) const int HALVED_X = 0;
layout(constant_id = 9) const int HALVED_Y = 0;
layout(constant_id = 10) const int LEFT = 0;
layout(constant_id = 11) const int TOP = 0;
layout(constant_id = 12) const int SWAPPED = 0; /* 1: Cr comes before Cb */
layout(constant_id = 13) const int MIDDLE = 128;
layout(constant_id = 14) const float HIGHEST = 255.0; /* code */
layout(constant_id = 15) const float Y_OFFSET = 0.0;
layout(constant_id = 16) const float Y_RANGE = 255.0;
layout(constant_id = 17) const float C_RANGE = 255.0;
layout(constant_id = 18) const float KR = 0.0;
layout(constant_id = 19) const float KG = 0.0;
layout(constant_id = 20) const float KB = 0.0;
layout(constant_id = 21) const float R_CR = 0.0;
layout(constant_id = 22) const float G_CB = 0.0;
layout(constant_id = 23) const float G_CR = 0.0;
layout(constant_id = 24) const float B_CB = 0.0;
/* planes-out: luma of the small frame, which is gray and shall stay so; all 0: it is not */
layout(constant_id = 25) const float GRAY_R = 0.0;
layout(constant_id = 26) const float GRAY_G = 0.0;
layout(constant_id = 27) const float GRAY_B = 0.0;
layout(constant_id = 28) const int CHROMA_FIRST = 0; /* of the four samples, where luma lies between */

layout(push_constant) uniform Push {
    ivec2 size;  /* of the frame */
    ivec2 small; /* of the frame that is enlarged */
    ivec2 first, end; /* pixels of the frame to convert */
    ivec2 origin;     /* of the network's picture in the frame */
    ivec2 window;     /* its size */
    uint offset[3], stride[3]; /* bytes; of planes */
    int what; /* planes-in: bit 0: for the network, bit 1: for bicubic; planes-out: the columns that the network made */
    int line; /* planes-out: the first of two white columns; -2: none */
    int keep_alpha; /* planes-out: else it is opaque */
} p;
