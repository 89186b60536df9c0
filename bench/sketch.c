/* Quantile sketches of numbers of a file, for watch.py: how many a second, and how far off.
 *
 *     sketch FILE N_VALUES    float64. Prints JSON: values a second (the best of several runs), the
 *                             rank that the sketch gives to the file's own numbers at 0.01 to 0.99
 */
#include <stdio.h>
#include <stdlib.h>

#include "stats/stats.h"

enum { K = 200, RUNS = 15, SHARES = 99 };

int main(int argc, char **argv)
{
    size_t n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    double *values = malloc(n * sizeof *values), best = 0, shares[SHARES], quantiles[SHARES];
    FILE *file = n > 0 ? fopen(argv[1], "rb") : NULL;
    if (!file || !values || fread(values, sizeof *values, n, file) != n)
        return fprintf(stderr, "sketch FILE N_VALUES\n"), 2;
    fclose(file);
    for (size_t i = 0; i < SHARES; i++)
        shares[i] = (double)(i + 1) / (SHARES + 1);
    for (unsigned run = 0; run < RUNS; run++) {
        mw_kll *sketch;
        mw_error err;
        uint64_t began = mw_clock_ns();
        if (mw_kll_new(K, run, &sketch, &err) != MW_OK ||
            mw_kll_add(sketch, values, n, &err) != MW_OK)
            return 1;
        double rate = (double)n / ((double)(mw_clock_ns() - began) / 1e9);
        best = rate > best ? rate : best;
        if (mw_kll_quantiles(sketch, shares, SHARES, quantiles, &err) != MW_OK)
            return 1;
        mw_kll_free(sketch);
    }
    printf("{\"rate\":%.17g,\"quantiles\":[", best);
    for (size_t i = 0; i < SHARES; i++)
        printf("%s%.17g", i ? "," : "", quantiles[i]);
    printf("]}\n");
    free(values);
    return 0;
}
