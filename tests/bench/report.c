/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME_WIDTH 34

struct Report {
    JsonNode *root;
    char *section; /* of the last row */
};

Report *report_new(void)
{
    Report *r = g_new0(Report, 1);

    r->root = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(r->root, json_object_new());
    return r;
}

void report_text(Report *r, const char *key, const char *value)
{
    json_object_set_string_member(json_node_get_object(r->root), key, value);
    g_print("%s: %s\n", key, value);
}

static JsonArray *section_of(Report *r, const char *section, const Cell *cells)
{
    JsonObject *root = json_node_get_object(r->root);

    if (g_strcmp0(section, r->section)) {
        g_free(r->section);
        r->section = g_strdup(section);
        g_print("\n%-*s", NAME_WIDTH, section);
        for (; cells->key; cells++)
            g_print(" %12s", cells->key);
        g_print("\n");
    }
    if (!json_object_has_member(root, section))
        json_object_set_array_member(root, section, json_array_new());
    return json_object_get_array_member(root, section);
}

void report_row(Report *r, const char *section, const char *name, const Cell *cells)
{
    JsonArray *rows = section_of(r, section, cells);
    JsonObject *row = json_object_new();

    json_object_set_string_member(row, "name", name);
    g_print("%-*s", NAME_WIDTH, name);
    for (; cells->key; cells++) {
        if (isnan(cells->value)) {
            g_print(" %12s", "-");
            json_object_set_null_member(row, cells->key);
        } else {
            g_print(" %12.*f", cells->value >= 100 ? 1 : 3, cells->value);
            json_object_set_double_member(row, cells->key, cells->value);
        }
    }
    g_print("\n");
    json_array_add_object_element(rows, row);
}

gboolean report_finish(Report *r, const char *path, GError **error)
{
    JsonGenerator *generator = json_generator_new();
    gboolean done;

    json_generator_set_pretty(generator, TRUE);
    json_generator_set_root(generator, r->root);
    done = !path || json_generator_to_file(generator, path, error);
    g_object_unref(generator);
    json_node_unref(r->root);
    g_free(r->section);
    g_free(r);
    return done;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

double quantile(double *values, guint n, double share)
{
    qsort(values, n, sizeof *values, by_value);
    return values[MIN(n - 1, (guint)(share * n))];
}

double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
