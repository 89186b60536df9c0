/* Rows judged beside rows of a reference, for watch.py: how odd each is, how many a second.
 *
 *     anomaly FILE N_COLUMNS N_REFERENCE N_ROWS OUT    float64, a row after the other
 *
 * Writes to OUT the forest's scores of N_ROWS rows, then the whole scores. Prints JSON: rows a
 * second of each, the best of several runs. */
#include <stdio.h>
#include <stdlib.h>

#include "stats/stats.h"

enum { RUNS = 7, COLUMNS_MAX = 64 };

typedef struct judged {
    size_t n_columns, n_rows;
    const double *rows;
    mw_anomaly_bound bounds[COLUMNS_MAX];
    mw_isolation *forest;
    double *joint, *whole;
    mw_anomaly *found;
    double joint_rate, whole_rate;
} judged;

static double rate_since(uint64_t began, size_t n)
{
    return (double)n / ((double)(mw_clock_ns() - began) / 1e9);
}

static mw_status learn(judged *it, const double *reference, size_t n, mw_error *err)
{
    double *column = malloc(n * sizeof *column);
    mw_profile profile;
    mw_profile_init(&profile);
    mw_status status = column ? MW_OK : mw_fail_memory(err, "a column");
    for (size_t c = 0; status == MW_OK && c < it->n_columns; c++) {
        for (size_t i = 0; i < n; i++)
            column[i] = reference[i * it->n_columns + c];
        mw_profile_source source = {.name = MW_VIEW("x"), .values = column, .n = n};
        status = mw_profile_add(&profile, &source, err);
        if (status == MW_OK)
            it->bounds[c] = mw_anomaly_bound_of(&profile.columns[c]);
    }
    if (status == MW_OK)
        status = mw_anomaly_fit(it->bounds, it->n_columns, reference, n, 1, &it->forest, err);
    mw_profile_done(&profile);
    free(column);
    return status;
}

static mw_status judge(judged *it, mw_error *err)
{
    mw_matrix rows = {it->rows, MW_FLOAT64, it->n_rows, it->n_columns, (ptrdiff_t)it->n_columns, 1};
    for (int run = 0; run < RUNS; run++) {
        uint64_t began = mw_clock_ns();
        mw_isolation_score(it->forest, &rows, it->joint);
        double rate = rate_since(began, it->n_rows);
        it->joint_rate = rate > it->joint_rate ? rate : it->joint_rate;
        began = mw_clock_ns();
        mw_status status = mw_anomaly_score(it->bounds, it->n_columns, it->forest, it->rows,
                                            it->n_rows, it->found, err);
        if (status != MW_OK)
            return status;
        rate = rate_since(began, it->n_rows);
        it->whole_rate = rate > it->whole_rate ? rate : it->whole_rate;
    }
    for (size_t i = 0; i < it->n_rows; i++)
        it->whole[i] = it->found[i].score;
    return MW_OK;
}

int main(int argc, char **argv)
{
    judged it = {.n_columns = argc == 6 ? strtoull(argv[2], NULL, 10) : 0};
    size_t n_reference = argc == 6 ? strtoull(argv[3], NULL, 10) : 0;
    it.n_rows = argc == 6 ? strtoull(argv[4], NULL, 10) : 0;
    size_t n = (n_reference + it.n_rows) * it.n_columns;
    double *values = malloc(n * sizeof *values);
    it.joint = malloc(it.n_rows * sizeof *it.joint);
    it.whole = malloc(it.n_rows * sizeof *it.whole);
    it.found = malloc(it.n_rows * sizeof *it.found);
    FILE *file = n > 0 && it.n_columns <= COLUMNS_MAX ? fopen(argv[1], "rb") : NULL;
    if (!file || !values || !it.joint || !it.whole || !it.found ||
        fread(values, sizeof *values, n, file) != n)
        return fprintf(stderr, "anomaly FILE N_COLUMNS N_REFERENCE N_ROWS OUT\n"), 2;
    fclose(file);
    mw_error err;
    it.rows = values + n_reference * it.n_columns;
    if (learn(&it, values, n_reference, &err) != MW_OK || judge(&it, &err) != MW_OK)
        return fprintf(stderr, "%s\n", err.what), 1;
    FILE *out = fopen(argv[5], "wb");
    bool written = out && fwrite(it.joint, sizeof *it.joint, it.n_rows, out) == it.n_rows &&
                   fwrite(it.whole, sizeof *it.whole, it.n_rows, out) == it.n_rows;
    if (!out || fclose(out) != 0 || !written)
        return fprintf(stderr, "%s could not be written\n", argv[5]), 1;
    printf("{\"joint\":%.17g,\"whole\":%.17g}\n", it.joint_rate, it.whole_rate);
    mw_isolation_free(it.forest);
    return 0;
}
