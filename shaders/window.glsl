/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the window of picture n begins, operand 1 holding {y, x}; `room` is how far it may go. */
ivec2 origin(int n, ivec2 room)
{
    vec2 at = floor(vec2(load1(uint(2 * n + 1)), load1(uint(2 * n))) + 0.5);

    return ivec2(clamp(at, vec2(0.0), vec2(room)));
}
