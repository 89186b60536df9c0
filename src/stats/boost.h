/* A small boosted forest: what a number is likely to be, from a row. Part of stats.h. */
#ifndef STATS_BOOST_H
#define STATS_BOOST_H

#include "base/base.h"

enum { MW_BOOST_TREES = 100, MW_BOOST_DEPTH = 3, MW_BOOST_COLUMNS_MAX = 65535 };

typedef struct mw_boost mw_boost;

/* Grow it from rows, whose targets are finite. NaN is missing, and lies below all numbers. What a
 * fifth of the rows, which grow no tree, does not confirm is left out: noise alone gives the mean.
 * Over these rows the mean of what it says is that of the targets.
 *   rows      borrowed; (n_rows, n_columns), row-major; 1 row or more, of 1 column or more and
 *             MW_BOOST_COLUMNS_MAX at most
 * Fails: MW_NO_MEMORY.
 * Cost: some 300 * n_rows * n_columns additions. Equal rows give equal trees.
 * Source: Friedman, Greedy function approximation (2001), squared loss; binned as in Ke et al.,
 * LightGBM (2017). Not done here: sets of categories (a code is a number), sampling, weights. */
MW_CHECKED mw_status mw_boost_fit(const double *rows, size_t n_rows, size_t n_columns,
                                  const double *targets, mw_boost **ret_boost, mw_error *err);
/* NULL is fine. */
void mw_boost_free(mw_boost *boost);
size_t mw_boost_bytes(const mw_boost *boost);
size_t mw_boost_columns(const mw_boost *boost);
/* For a file, and back: NULL where the bytes are damaged, or memory is gone. */
void mw_boost_pack(const mw_boost *boost, mw_buf *out);
MW_CHECKED mw_boost *mw_boost_unpack(mw_unpack *in);
size_t mw_boost_trees(const mw_boost *boost);
/* Of rows that have the columns. Any number of threads. Cost: some 0.3 us a row. */
void mw_boost_predict(const mw_boost *boost, const double *rows, size_t n_rows, size_t row_stride,
                      double *ret_values);

#endif
