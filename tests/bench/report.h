/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Results as a table on stdout, row by row, and as one JSON document: {"section": [{"name": ..., "key": value}]}. */
typedef struct Report Report;

typedef struct {
    const char *key; /* with its unit; NULL ends a row */
    double value;    /* NaN: there is none */
} Cell;

Report *report_new(void);
/* A text of the document's head; printed as a line. */
void report_text(Report *report, const char *key, const char *value);
/* Rows of a section follow each other and have the same keys. */
void report_row(Report *report, const char *section, const char *name, const Cell *cells);
/* Writes the JSON where `path` is not NULL, and frees the report. */
gboolean report_finish(Report *report, const char *path, GError **error);

/* The share-th of n values, 0.5 the median; sorts them. */
double quantile(double *values, guint n, double share);
/* Seconds of a clock that only grows. */
double now(void);
