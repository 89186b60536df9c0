/* Anomalies: rows unlike the reference, and why. Part of stats.h.
 *
 *     (1) a value is missing that never is, a category is new          1
 *     (2) a number beyond the reference's 0.001 and 0.999 quantiles    e / (1 + e), e: how far
 * beyond, in robust deviations (3) the row stands alone among the reference's (isolation.h)     2 ^
 * -(depth / usual depth)
 *
 * A row's score is the largest of these, with its cause. */
#ifndef STATS_ANOMALY_H
#define STATS_ANOMALY_H

#include "isolation.h"
#include "profile.h"

typedef enum mw_anomaly_kind {
    MW_ANOMALY_JOINT, /* no value is odd, their company is */
    MW_ANOMALY_BEYOND,
    MW_ANOMALY_NEW_CATEGORY,
    MW_ANOMALY_MISSING
} mw_anomaly_kind;

/* "joint", "beyond", "new category", "missing". */
const char *mw_anomaly_kind_name(mw_anomaly_kind kind);

typedef struct mw_anomaly {
    double score, joint; /* joint: NaN without a forest */
    mw_anomaly_kind kind;
    size_t
        column; /* the cause; of MW_ANOMALY_JOINT the number of columns, see mw_isolation_cause */
} mw_anomaly;

/* What a column is measured by. */
typedef struct mw_anomaly_bound {
    double low, high, scale; /* scale: 1.4826 mad, or where that is 0 the deviation */
    bool is_category, is_never_missing, is_known; /* known: it had values */
} mw_anomaly_bound;

mw_anomaly_bound mw_anomaly_bound_of(const mw_profile_column *column);
/* A category as a number: how rare it was, ln(rows / its rows); infinite: it is new. Text of a
 * numeric column: NaN. */
double mw_anomaly_rarity(const mw_profile_column *column, mw_view text);
/* Rows of encoded values, (n_rows, n) as `bounds`; `forest` of such rows, or NULL. ret: n_rows.
 * Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_anomaly_score(const mw_anomaly_bound *bounds, size_t n,
                                      const mw_isolation *forest, const double *rows, size_t n_rows,
                                      mw_anomaly *ret, mw_error *err);
/* Grow a forest from encoded rows. Fails as mw_isolation_fit. */
MW_CHECKED mw_status mw_anomaly_fit(const mw_anomaly_bound *bounds, size_t n, const double *rows,
                                    size_t n_rows, uint64_t seed, mw_isolation **ret_forest,
                                    mw_error *err);

#endif
