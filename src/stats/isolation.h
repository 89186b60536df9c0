/* Isolation forest: how soon a row stands alone among rows of the reference. Part of stats.h. */
#ifndef STATS_ISOLATION_H
#define STATS_ISOLATION_H

#include "base/base.h"

typedef struct mw_isolation mw_isolation;

typedef struct mw_isolation_options {
    size_t n_trees; /* 1..10000; 0 = 100 */
    size_t sample;  /* rows of each tree, 2..65536; 0 = 256; fewer where there are fewer rows */
    uint64_t seed;
} mw_isolation_options;

/* Grow the trees from rows; missing values count as the feature's median. NULL options: the usual.
 * Equal rows and seeds give equal trees.
 * Fails: MW_BAD_DATA (MW8003) no rows or no features; MW_NO_MEMORY.
 * Source: Liu, Ting, Zhou, Isolation forest (2008), as scikit-learn's IsolationForest grows them:
 * a split is drawn among features that vary, evenly between the least and the largest value; depth
 * up to log2(sample). */
MW_CHECKED mw_status mw_isolation_fit(const mw_matrix *rows, const mw_isolation_options *options,
                                      mw_isolation **ret_forest, mw_error *err);
/* NULL is fine. */
void mw_isolation_free(mw_isolation *forest);
size_t mw_isolation_bytes(const mw_isolation *forest);
size_t mw_isolation_features(const mw_isolation *forest);
/* For a file, and back: NULL where the bytes are damaged or promise more leaves, or memory is
 * gone. */
enum { MW_ISOLATION_LEAVES_MAX = 1 << 18 };
void mw_isolation_pack(const mw_isolation *forest, mw_buf *out);
MW_CHECKED mw_isolation *mw_isolation_unpack(mw_unpack *in);
/* 0..1 a row: 2 ^ -(mean depth / mean depth of a search), scikit-learn's -score_samples; about 0.5
 * is usual, near 1 stands alone. ret_scores: n_rows. The rows have the features of those that the
 * trees grew from. Any number of threads. Cost: about a microsecond a row. */
void mw_isolation_score(const mw_isolation *forest, const mw_matrix *rows, double *ret_scores);
/* The feature without which (at its median) the row's score is the lowest, and that score;
 * n_features where none lowers it. */
size_t mw_isolation_cause(const mw_isolation *forest, const double *row, double *ret_without);

#endif
