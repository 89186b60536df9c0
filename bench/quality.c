/* Rows of a file, judged: exact AUC, rates by group, all metrics of two classes. `quality.py` makes
 * the file, compares the values with scikit-learn's and Fairlearn's, and prints the ratios.
 *
 *     quality FILE N_ROWS    scores (float64), labels (uint8), groups (uint32), one after another
 */
#include <stdio.h>
#include <stdlib.h>

#include "stats/stats.h"

enum { GROUPS = 4, REPEATS = 7 };

static double best_ms(double best, uint64_t began)
{
    double took = (double)(mw_clock_ns() - began) / 1e6;
    return best < 0 || took < best ? took : best;
}

int main(int argc, char **argv)
{
    size_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    double *scores = malloc(n * sizeof *scores), *truth = malloc(n * sizeof *truth), auc = 0;
    uint8_t *labels = malloc(n);
    uint32_t *groups = malloc(n * sizeof *groups);
    FILE *file = n > 0 ? fopen(argv[1], "rb") : NULL;
    if (!file || !scores || !truth || !labels || !groups || fread(scores, 8, n, file) != n ||
        fread(labels, 1, n, file) != n || fread(groups, 4, n, file) != n)
        return fprintf(stderr, "quality FILE N_ROWS\n"), 2;
    fclose(file);
    double auc_ms = -1, rates_ms = -1, all_ms = -1, values[MW_QUALITY_MAX];
    mw_confusion counts[GROUPS];
    mw_error err;
    for (int i = 0; i < REPEATS; i++) {
        uint64_t began = mw_clock_ns();
        if (mw_auc_of(scores, labels, n, &auc, &err) != MW_OK)
            return 1;
        auc_ms = best_ms(auc_ms, began);
        began = mw_clock_ns();
        mw_confusion_count(labels, scores, 0.5, groups, n, counts, GROUPS);
        rates_ms = best_ms(rates_ms, began);
    }
    for (size_t i = 0; i < n; i++)
        truth[i] = labels[i];
    mw_judged rows = {.task = MW_TASK_BINARY,
                      .n_rows = n,
                      .truth = truth,
                      .predicted = scores,
                      .threshold = 0.5,
                      .is_probability = true};
    for (int i = 0; i < 3; i++) {
        mw_quality *quality;
        uint64_t began = mw_clock_ns();
        if (mw_quality_new(&rows, &quality, &err) != MW_OK ||
            mw_quality_of(quality, NULL, values, NULL, &err) != MW_OK)
            return 1;
        all_ms = best_ms(all_ms, began);
        mw_quality_free(quality);
    }
    printf("{\"auc\":%.17g,\"auc_ms\":%.4f,\"rates_ms\":%.4f,\"all_ms\":%.4f,\"rates\":[", auc,
           auc_ms, rates_ms, all_ms);
    for (size_t g = 0; g < GROUPS; g++) {
        printf("%s[", g ? "," : "");
        for (mw_outcome_rate rate = 0; rate < 6; rate++)
            printf("%s%.17g", rate ? "," : "", mw_outcome_rate_of(&counts[g], rate));
        printf("]");
    }
    printf("]}\n");
    return 0;
}
