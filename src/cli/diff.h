/* What `model diff` gathers: one line a difference. */
#ifndef CLI_DIFF_H
#define CLI_DIFF_H

#include "base/base.h"
#include "model/model.h"
#include "registry/registry.h"

typedef struct diff_line {
    const char *section; /* "structure" */
    mw_view key, before, after;
    bool breaks;
} diff_line;

typedef struct diff {
    mw_arena *arena;
    diff_line *lines;
    size_t n_lines, capacity;
    bool no_memory;
} diff;

/* One side; either part may be absent. */
typedef struct diff_side {
    const char *text;          /* as it was given */
    const mw_lineage *lineage; /* NULL: a file */
    const mw_forest *forest;   /* NULL: it could not be read */
    char unread[1024];         /* then why */
} diff_side;

/* A line when they differ; absent and absent are equal. */
void diff_text(diff *d, const char *section, mw_view key, mw_view before, mw_view after);
void diff_size(diff *d, const char *section, const char *key, size_t before, size_t after);
void diff_add(diff *d, const char *section, mw_view key, mw_view before, mw_view after,
              bool breaks);

/* Formats, objective, trees, what they split on (diff_forest.c). */
mw_status diff_forests(diff *d, const mw_forest *before, const mw_forest *after, mw_error *err);
/* Data, parameters, metrics, code, environment, signature (diff_record.c). */
void diff_records(diff *d, const mw_lineage *before, const mw_lineage *after);

#endif
