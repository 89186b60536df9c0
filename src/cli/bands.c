/* A column in few parts; see bands.h. */
#include "bands.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static mw_status name_part(cli_bands *bands, size_t part, mw_arena *arena, mw_error *err,
                           const char *format, ...) __attribute__((format(printf, 5, 6)));

static mw_status name_part(cli_bands *bands, size_t part, mw_arena *arena, mw_error *err,
                           const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bands->names[part] = (mw_view){mw_arena_text(arena, mw_view_of(text)), strlen(text)};
    return bands->names[part].data ? MW_OK : mw_fail_memory(err, "the parts of a column");
}

static mw_status make_texts(const mw_words *words, cli_bands *bands, mw_arena *arena, mw_error *err)
{
    bands->n = words->n_texts;
    for (size_t i = 0; i < words->n_texts; i++)
        MW_TRY(
            name_part(bands, i, arena, err, "=%.*s", MW_VIEW_ARG(mw_view_trim(words->texts[i]))));
    return MW_OK;
}

/* Edges at the quarters, equal ones once: parts (edge, next]. */
static size_t find_edges(const double *sorted, size_t n, double *edges)
{
    size_t n_edges = 0;
    for (size_t q = 1; q < CLI_BANDS_PARTS; q++) {
        double edge = sorted[n * q / CLI_BANDS_PARTS];
        if ((n_edges == 0 || edge > edges[n_edges - 1]) && edge < sorted[n - 1])
            edges[n_edges++] = edge;
    }
    return n_edges;
}

static mw_status make_numbers(const double *sorted, size_t n, double *edges, size_t *ret_n_edges,
                              bool *ret_exact, cli_bands *bands, mw_arena *arena, mw_error *err)
{
    size_t n_distinct = 0;
    double first[CLI_BANDS_NUMBERS + 1];
    for (size_t i = 0; i < n && n_distinct <= CLI_BANDS_NUMBERS; i++)
        if (i == 0 || sorted[i] != sorted[i - 1])
            first[n_distinct++] = sorted[i];
    *ret_exact = n_distinct <= CLI_BANDS_NUMBERS;
    if (*ret_exact) {
        memcpy(edges, first, n_distinct * sizeof *edges);
        *ret_n_edges = n_distinct;
        bands->n = n_distinct;
        for (size_t i = 0; i < n_distinct; i++)
            MW_TRY(name_part(bands, i, arena, err, "=%g", first[i]));
        return MW_OK;
    }
    *ret_n_edges = find_edges(sorted, n, edges);
    bands->n = *ret_n_edges + 1;
    for (size_t i = 0; i < bands->n; i++) {
        if (i == 0)
            MW_TRY(name_part(bands, i, arena, err, " up to %g", edges[0]));
        else if (i == *ret_n_edges)
            MW_TRY(name_part(bands, i, arena, err, " above %g", edges[i - 1]));
        else
            MW_TRY(name_part(bands, i, arena, err, " %g..%g", edges[i - 1], edges[i]));
    }
    return MW_OK;
}

static size_t part_of(double value, const double *edges, size_t n_edges, bool is_exact)
{
    size_t part = 0;
    while (part < n_edges && (is_exact ? edges[part] != value : edges[part] < value))
        part++;
    return part;
}

mw_status cli_bands_make(const mw_frame_column *column, const mw_words *words, size_t n_rows,
                         mw_arena *arena, cli_bands *ret_bands, mw_error *err)
{
    double edges[CLI_BANDS_NUMBERS + 1];
    size_t n_edges = 0, n = 0, n_missing = 0;
    bool is_exact = false, is_text = words->n_texts > 0;
    cli_bands bands = {.column = column->name};
    *ret_bands = bands;
    if (words->n_texts > CLI_BANDS_VALUES)
        return MW_OK;
    double *sorted = malloc((n_rows + 1) * sizeof *sorted);
    bands.names = mw_arena_take(arena, (CLI_BANDS_VALUES + 2) * sizeof *bands.names);
    bands.of_row = mw_arena_take(arena, (n_rows + 1) * sizeof *bands.of_row);
    if (!sorted || !bands.names || !bands.of_row) {
        free(sorted);
        return mw_fail_memory(err, "the parts of a column");
    }
    for (size_t row = 0; row < n_rows; row++) {
        sorted[n] = column->values[row];
        n += !isnan(column->values[row]);
        n_missing += isnan(column->values[row]);
    }
    mw_status status = MW_OK;
    if (is_text) {
        status = make_texts(words, &bands, arena, err);
    } else if (n > 0) {
        qsort(sorted, n, sizeof *sorted, ascending);
        status = make_numbers(sorted, n, edges, &n_edges, &is_exact, &bands, arena, err);
    }
    free(sorted);
    if (status != MW_OK || n == 0)
        return status;
    for (size_t row = 0; row < n_rows; row++) {
        double value = column->values[row];
        bands.of_row[row] = (uint16_t)(isnan(value) ? bands.n
                                       : is_text    ? (size_t)value
                                                    : part_of(value, edges, n_edges, is_exact));
    }
    if (n_missing > 0)
        status = name_part(&bands, bands.n++, arena, err, " is missing");
    *ret_bands = bands;
    return status;
}
