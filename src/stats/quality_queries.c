/* Rankings: each query's rows by falling score, and how much of what is relevant stands on top.
 *
 * Three things that libraries do differently: the gain is the relevance (ndcg, as scikit-learn) or
 * 2^relevance - 1 (ndcg_exp, as LightGBM and XGBoost); rows of equal score share what their places
 * gain, as in scikit-learn (the boosters keep the input's order); a query without a relevant row
 * counts 0, as in scikit-learn (1 in LightGBM). Source: Jarvelin, Kekalainen 2002; ties: McSherry,
 * Najork 2008. */
#include "quality_tasks.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { NDCG, NDCG_5, NDCG_10, NDCG_EXP_10, MRR, MAP, N_METRICS };

static const mw_quality_metric metrics[N_METRICS] = {
    [NDCG] = {"ndcg", 1, true, MW_BY_NORMAL, "discounted gain over the best possible"},
    [NDCG_5] = {"ndcg_5", 1, true, MW_BY_NORMAL, "the same of the first five"},
    [NDCG_10] = {"ndcg_10", 1, true, MW_BY_NORMAL, "the same of the first ten"},
    [NDCG_EXP_10] = {"ndcg_exp_10", 1, true, MW_BY_NORMAL, "the same, gain 2^relevance - 1"},
    [MRR] = {"mrr", 1, true, MW_BY_NORMAL, "one over the place of the first relevant row"},
    [MAP] = {"map", 1, true, MW_BY_NORMAL, "mean precision at relevant rows"},
};

static const quality_loss losses[] = {{NDCG, NULL},        {NDCG_5, NULL}, {NDCG_10, NULL},
                                      {NDCG_EXP_10, NULL}, {MRR, NULL},    {MAP, NULL}};

static double gain_of(double relevance, bool is_exponential)
{
    return is_exponential ? exp2(relevance) - 1 : relevance;
}

static double discount_of(size_t place)
{
    return 1 / log2((double)place + 2);
}

typedef struct query_rows {
    const double *relevance, *score;
} query_rows;

static int by_score(const void *a, const void *b, void *user)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const double *values = user;
    if (values[x] != values[y])
        return values[x] < values[y] ? 1 : -1;
    return (x > y) - (x < y);
}

static void sort_rows(const double *values, size_t n, uint32_t *order)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, n, sizeof *order, by_score, (void *)(uintptr_t)values);
}

double mw_ndcg(const double *relevance, const double *score, size_t n, size_t k,
               bool is_exponential, uint32_t *order)
{
    double gained = 0, best = 0;
    size_t cut = k > 0 && k < n ? k : n;
    sort_rows(score, n, order);
    for (size_t at = 0, end; at < n && at < cut; at = end) {
        double gains = 0, discounts = 0;
        for (end = at; end < n && score[order[end]] == score[order[at]]; end++) {
            gains += gain_of(relevance[order[end]], is_exponential);
            discounts += end < cut ? discount_of(end) : 0;
        }
        gained += gains / (double)(end - at) * discounts;
    }
    sort_rows(relevance, n, order);
    for (size_t i = 0; i < cut; i++)
        best += gain_of(relevance[order[i]], is_exponential) * discount_of(i);
    return best > 0 ? gained / best : (double)NAN;
}

/* Places of relevant rows; the order of equal scores is the input's. */
static void measure_places(const double *relevance, const double *score, size_t n, uint32_t *order,
                           double *ret_first, double *ret_mean)
{
    double n_relevant = 0, precisions = 0, first = 0;
    sort_rows(score, n, order);
    for (size_t i = 0; i < n; i++) {
        if (!(relevance[order[i]] > 0))
            continue;
        first = n_relevant == 0 ? 1 / (double)(i + 1) : first;
        n_relevant++;
        precisions += n_relevant / (double)(i + 1);
    }
    *ret_first = first;
    *ret_mean = n_relevant > 0 ? precisions / n_relevant : 0;
}

/* Rows of a query lie together in `room`: relevance, then scores. */
static void measure_query(mw_quality *quality, size_t query, const double *relevance,
                          const double *score, size_t n, uint32_t *order)
{
    static const struct {
        int metric;
        size_t k;
        bool is_exponential;
    } gains[] = {
        {NDCG, 0, false}, {NDCG_5, 5, false}, {NDCG_10, 10, false}, {NDCG_EXP_10, 10, true}};
    for (size_t i = 0; i < MW_COUNT(gains); i++) {
        double value = mw_ndcg(relevance, score, n, gains[i].k, gains[i].is_exponential, order);
        quality->losses[gains[i].metric][query] = isnan(value) ? 0 : value;
    }
    measure_places(relevance, score, n, order, &quality->losses[MRR][query],
                   &quality->losses[MAP][query]);
}

/* starts[q] becomes the place of query q's first row among all, by query. */
static void place_rows(const mw_judged *rows, size_t *starts, double *relevance, double *score)
{
    for (size_t row = 0; row < rows->n_rows; row++)
        starts[rows->query[row] + 1]++;
    for (size_t q = 0; q < rows->n_queries; q++)
        starts[q + 1] += starts[q];
    for (size_t row = rows->n_rows; row-- > 0;) {
        size_t at = --starts[rows->query[row] + 1];
        relevance[at] = rows->truth[row];
        score[at] = rows->predicted[row];
    }
    for (size_t q = 0; q < rows->n_queries; q++) /* each start stands one too far up */
        starts[q] = starts[q + 1];
    starts[rows->n_queries] = rows->n_rows;
}

static mw_status measure_queries(mw_quality *quality, size_t *starts, double *room, uint32_t *order,
                                 mw_error *err)
{
    const mw_judged *rows = &quality->rows;
    place_rows(rows, starts, room, room + rows->n_rows);
    for (size_t q = 0; q < rows->n_queries; q++)
        measure_query(quality, q, room + starts[q], room + rows->n_rows + starts[q],
                      starts[q + 1] - starts[q], order);
    quality->slice_losses = quality_room(rows->n_queries, sizeof(double), err);
    if (!quality->slice_losses)
        return MW_NO_MEMORY;
    quality->owns_slice_losses = true;
    for (size_t q = 0; q < rows->n_queries; q++)
        quality->slice_losses[q] = 1 - quality->losses[NDCG][q];
    if (!rows->weights)
        return MW_OK;
    quality->unit_weights = quality_room(rows->n_queries, sizeof(double), err);
    if (!quality->unit_weights)
        return MW_NO_MEMORY;
    for (size_t row = rows->n_rows; row-- > 0;) /* that of its first row */
        quality->unit_weights[rows->query[row]] = rows->weights[row];
    return MW_OK;
}

static mw_status open_queries(mw_quality *quality, mw_error *err)
{
    size_t n = quality->rows.n_rows;
    size_t *starts = quality_room(quality->rows.n_queries + 1, sizeof *starts, err);
    double *room = quality_room(2 * n, sizeof *room, err);
    uint32_t *order = quality_room(n, sizeof *order, err);
    mw_status status = MW_NO_MEMORY;
    if (starts && room && order)
        status = measure_queries(quality, starts, room, order, err);
    free(starts);
    free(room);
    free(order);
    return status;
}

static void rest_of_queries(const mw_quality *quality, const double *w, double *values,
                            double *aids)
{
    (void)quality;
    (void)w;
    (void)values;
    (void)aids;
}

const quality_kind quality_queries = {metrics,          N_METRICS,    losses,
                                      MW_COUNT(losses), open_queries, rest_of_queries};
