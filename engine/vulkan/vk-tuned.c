/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vulkan/vk-tuned.h"
#include "base/cache.h"
#include "vulkan/vk-cache.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TILES "tiles"
#define COUNT "%" G_GUINT64_FORMAT

static const char *const kinds[YONOS_VK_PRODUCTS] = {"forward", "by-data", "by-weights", "block"};

/* FALSE for nonsense. */
static gboolean parse(const char *line, YonosVkTuned *tuned)
{
    YonosVkProduct *p = &tuned->product;
    char kind[16], store[8];
    guint at = 0;

    if (sscanf(line, "%15s %7s " COUNT " x " COUNT " over " COUNT ": %u", kind, store, &p->rows, &p->columns, &p->depth,
               &tuned->row) != 6)
        return FALSE;
    while (at < YONOS_VK_PRODUCTS && strcmp(kind, kinds[at]))
        at++;
    p->kind = at;
    p->half = !strcmp(store, "fp16");
    return at < YONOS_VK_PRODUCTS && p->rows > 0 && tuned->row < yonos_vk_tile_count();
}

char *yonos_vk_product_text(const YonosVkProduct *p)
{
    return g_strdup_printf("%s %s " COUNT " x " COUNT " over " COUNT, kinds[p->kind], p->half ? "fp16" : "fp32",
                           p->rows, p->columns, p->depth);
}

static void put(GArray *all, const YonosVkTuned *tuned)
{
    for (guint k = 0; k < all->len; k++)
        if (yonos_vk_product_equal(&g_array_index(all, YonosVkTuned, k).product, &tuned->product)) {
            g_array_index(all, YonosVkTuned, k) = *tuned;
            return;
        }
    g_array_append_val(all, *tuned);
}

GArray *yonos_vk_tuned_read(const YonosVkDevice *d)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(YonosVkTuned));
    char *key = yonos_vk_cache_key(d), *text = NULL, **lines;
    gsize size;

    if (yonos_cache_read(TILES, key, &text, &size)) {
        lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
            YonosVkTuned tuned = {0};
            if (parse(*line, &tuned))
                put(all, &tuned);
        }
        g_strfreev(lines);
    }
    g_free(text);
    g_free(key);
    return all;
}

gboolean yonos_vk_tuned_write(const YonosVkDevice *d, const GArray *tuned)
{
    GArray *all = yonos_vk_tuned_read(d);
    GString *text = g_string_new(NULL);
    char *key = yonos_vk_cache_key(d);
    gboolean done;

    for (guint k = 0; k < tuned->len; k++)
        put(all, &g_array_index(tuned, YonosVkTuned, k));
    for (guint k = 0; k < all->len; k++) {
        const YonosVkTuned *t = &g_array_index(all, YonosVkTuned, k);
        char *product = yonos_vk_product_text(&t->product);
        g_string_append_printf(text, "%s: %u\n", product, t->row);
        g_free(product);
    }
    done = yonos_cache_write(TILES, key, text->str, text->len);
    g_free(key);
    g_string_free(text, TRUE);
    g_array_unref(all);
    return done;
}

int yonos_vk_tuned_find(const YonosVkDevice *d, const YonosVkProduct *product)
{
    double least = log(2) + 1e-9;
    int row = -1;

    for (guint k = 0; d->tuned && k < d->tuned->len; k++) {
        const YonosVkTuned *t = &g_array_index(d->tuned, YonosVkTuned, k);
        YonosVkProduct other = t->product;
        double far = fabs(log((double)other.rows / (double)product->rows));
        other.rows = product->rows;
        if (!yonos_vk_product_equal(&other, product) || far > least || !yonos_vk_tile_can_run(d, t->row, product))
            continue;
        least = far;
        row = (int)t->row;
    }
    return row;
}
