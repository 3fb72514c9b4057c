/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rails.h"

#include <math.h>

#define WINDOW 50 /* steps that the mean looks back, and after which it counts */
#define TOO_MUCH 3

gboolean yonos_rails_left(YonosRails *rails, double loss)
{
    if (!isfinite(loss))
        return FALSE;
    rails->steps++;
    rails->mean += (loss - rails->mean) / MIN(rails->steps, WINDOW);
    if (rails->steps == WINDOW || rails->mean < rails->lowest)
        rails->lowest = rails->mean;
    return rails->steps > WINDOW && rails->mean > TOO_MUCH * rails->lowest;
}
