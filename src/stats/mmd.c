/* Maximum mean discrepancy with a Gaussian kernel, and its permutation test.
 *
 *     rows of both, a sample of each --> distances --> kernel K (n x n) --> MMD²
 *                                                           \--> the same of rows dealt out anew,
 *                                                                many times --> p
 *
 * MMD² is the unbiased estimate of Gretton et al., A Kernel Two-Sample Test (2012), lemma 6:
 *     sum over i != j of k(x_i, x_j) / (m (m - 1)) + the same of y - 2 mean of k(x_i, y_j)
 * with k = exp(-d² / (2 s²)), s the median distance of all pairs. d² adds up, column by column,
 *     numbers     ((x - y) / deviation of the reference)², a missing one being the mean
 *     categories  1 where they differ
 *     both        1 where one of the two is missing
 * which is the square of a Euclidean distance (of one-hot columns by the root of two), so that k is
 * a kernel. The p value counts how many of the rows dealt out anew have at least as large an MMD²,
 * itself among them: it holds for any sample size.
 *
 * Of rows dealt out, by z in {0, 1}: with S = sum of K off its diagonal and r its row sums,
 *     a = z'Kz, b = z'r:  within x: a,  between: b - a,  within y: S - 2 b + a
 * so one pass over K serves as many as there are lanes. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "chance.h"

#include "base/banned.h"

enum { LANES = 16 };

typedef struct mmd_job {
    const mw_drift_mmd_options *options;
    size_t m, n, n_columns; /* rows of the reference, of all; columns that are looked at */
    double *rows;           /* (n, n_columns): by the deviation; categories as they are */
    bool *missing;          /* (n, n_columns) */
    bool *is_category;
    size_t *column_of; /* n_columns: among those given */
    double *squares;   /* (n, n): distances, then the kernel */
} mmd_job;

/* ---- rows ------------------------------------------------------------------------------------ */

/* `wanted` of n, none twice, in their order: Floyd's sample would do, this is as short (Knuth's
 * selection sampling, The Art of Computer Programming 2, 3.4.2 S). */
static void sample_rows(const double *rows, size_t n, size_t n_columns, size_t wanted,
                        uint64_t *chance, double *ret)
{
    for (size_t i = 0; i < n && wanted > 0; i++)
        if (stats_draw(chance) % (n - i) < wanted) {
            memcpy(ret, rows + i * n_columns, n_columns * sizeof *ret);
            ret += n_columns;
            wanted--;
        }
}

/* Mean and deviation of what the reference has of a column. */
static void measure(const double *rows, size_t m, size_t stride, double *ret_mean,
                    double *ret_deviation)
{
    double n = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < m; i++)
        if (isfinite(rows[i * stride])) {
            sum += rows[i * stride];
            n++;
        }
    *ret_mean = n > 0 ? sum / n : 0;
    for (size_t i = 0; i < m; i++)
        if (isfinite(rows[i * stride])) {
            double away = rows[i * stride] - *ret_mean;
            squares += away * away;
        }
    *ret_deviation = n > 0 && squares > 0 ? sqrt(squares / n) : 1;
}

/* sampled: (n, n_given). */
static void encode(mmd_job *job, const double *sampled, size_t n_given, const bool *is_category)
{
    for (size_t k = 0; k < job->n_columns; k++) {
        double mean = 0, deviation = 1;
        const double *column = sampled + job->column_of[k];
        job->is_category[k] = is_category && is_category[job->column_of[k]];
        if (!job->is_category[k])
            measure(column, job->m, n_given, &mean, &deviation);
        for (size_t i = 0; i < job->n; i++) {
            double value = column[i * n_given];
            bool is_missing = !isfinite(value);
            job->missing[i * job->n_columns + k] = is_missing;
            job->rows[i * job->n_columns + k] = is_missing ? 0 : (value - mean) / deviation;
        }
    }
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static double part_of(const mmd_job *job, size_t i, size_t j, size_t k)
{
    size_t a = i * job->n_columns + k, b = j * job->n_columns + k;
    double apart = job->rows[a] - job->rows[b];
    bool half_missing = job->missing[a] != job->missing[b];
    if (job->is_category[k])
        return half_missing || apart != 0;
    return apart * apart + half_missing;
}

static void fill_distances(mmd_job *job)
{
    for (size_t i = 0; i < job->n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = 0; k < job->n_columns; k++)
                sum += part_of(job, i, j, k);
            job->squares[i * job->n + j] = job->squares[j * job->n + i] = sum;
        }
}

/* The median distance, squared; of pairs of rows that differ at all where most do not. */
static mw_status find_bandwidth(const mmd_job *job, double *ret_square, mw_error *err)
{
    size_t n_pairs = job->n * (job->n - 1) / 2, at = 0;
    double *pairs = malloc((2 * n_pairs + 1) * sizeof *pairs);
    if (!pairs)
        return mw_fail_memory(err, "the distances");
    for (size_t i = 0; i < job->n; i++)
        for (size_t j = 0; j < i; j++)
            pairs[at++] = job->squares[i * job->n + j];
    mw_sort(pairs, n_pairs, pairs + n_pairs);
    double low = sqrt(pairs[(n_pairs - 1) / 2]), high = sqrt(pairs[n_pairs / 2]);
    double median = (low + high) / 2;
    for (at = n_pairs / 2; median == 0 && at < n_pairs; at++)
        median = sqrt(pairs[at]);
    free(pairs);
    *ret_square = median * median;
    return MW_OK;
}

/* Its diagonal is 0: no row is paired with itself. */
static void fill_kernel(const mmd_job *job, double bandwidth, const double *squares, double *ret)
{
    size_t n = job->n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double value = i == j ? 0 : exp(-squares[i * n + j] / (2 * bandwidth));
            ret[i * n + j] = ret[j * n + i] = value;
        }
}

static double mmd_of(const mmd_job *job, double within_x, double between, double within_y)
{
    double m = (double)job->m, n = (double)(job->n - job->m);
    return within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * between / (m * n);
}

/* ---- rows dealt out anew --------------------------------------------------------------------- */

typedef struct dealing {
    double *row_sums, total; /* of the kernel */
    double *z;               /* (n, LANES) */
    size_t *order;           /* n: one that is dealt */
} dealing;

/* The first m of a shuffle are the reference's (Fisher, Yates). */
static void deal(const mmd_job *job, dealing *d, size_t lane, uint64_t *chance)
{
    for (size_t i = 0; i < job->n; i++)
        d->z[i * LANES + lane] = 0;
    for (size_t i = 0; i < job->m; i++) {
        size_t other = i + (size_t)(stats_draw(chance) % (job->n - i));
        size_t taken = d->order[other];
        d->order[other] = d->order[i];
        d->order[i] = taken;
        d->z[taken * LANES + lane] = 1;
    }
}

/* MMD² of all lanes, in one pass over the kernel. */
static void measure_lanes(const mmd_job *job, const double *kernel, const dealing *d,
                          double *ret_mmd)
{
    double a[LANES] = {0}, b[LANES] = {0};
    for (size_t i = 0; i < job->n; i++) {
        const double *row = kernel + i * job->n, *of_row = d->z + i * LANES;
        double sums[LANES] = {0};
        for (size_t j = 0; j < job->n; j++)
            for (size_t lane = 0; lane < LANES; lane++)
                sums[lane] += row[j] * d->z[j * LANES + lane];
        for (size_t lane = 0; lane < LANES; lane++) {
            a[lane] += of_row[lane] * sums[lane];
            b[lane] += of_row[lane] * d->row_sums[i];
        }
    }
    for (size_t lane = 0; lane < LANES; lane++)
        ret_mmd[lane] = mmd_of(job, a[lane], b[lane] - a[lane], d->total - 2 * b[lane] + a[lane]);
}

static size_t count_as_large(const mmd_job *job, const double *kernel, dealing *d, double mmd,
                             uint64_t *chance)
{
    size_t n_large = 0;
    /* what is equal but for the order of sums is equal */
    double limit = mmd - 1e-12 * (1 + fabs(mmd));
    for (size_t done = 0; done < job->options->permutations; done += LANES) {
        double found[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            deal(job, d, lane, chance);
        measure_lanes(job, kernel, d, found);
        for (size_t lane = 0; lane < LANES && done + lane < job->options->permutations; lane++)
            n_large += found[lane] >= limit;
    }
    return n_large;
}

static mw_status test(const mmd_job *job, const double *kernel, uint64_t *chance,
                      mw_drift_mmd_summary *ret, mw_error *err)
{
    double within_x = 0, between = 0;
    dealing d = {.row_sums = calloc(job->n, sizeof(double)),
                 .z = calloc(job->n * LANES, sizeof(double)),
                 .order = calloc(job->n, sizeof(size_t))};
    if (!d.row_sums || !d.z || !d.order) {
        free(d.row_sums);
        free(d.z);
        free(d.order);
        return mw_fail_memory(err, "the permutations");
    }
    for (size_t i = 0; i < job->n; i++) {
        double near = 0, far = 0;
        d.order[i] = i;
        for (size_t j = 0; j < job->n; j++)
            *(j < job->m ? &near : &far) += kernel[i * job->n + j];
        d.row_sums[i] = near + far;
        d.total += near + far;
        within_x += i < job->m ? near : 0;
        between += i < job->m ? far : 0;
    }
    ret->mmd2 = mmd_of(job, within_x, between, d.total - within_x - 2 * between);
    size_t n_large = count_as_large(job, kernel, &d, ret->mmd2, chance);
    ret->p_value = (double)(n_large + 1) / (double)(job->options->permutations + 1);
    ret->drifted = ret->p_value < job->options->alpha;
    free(d.row_sums);
    free(d.z);
    free(d.order);
    return MW_OK;
}

/* ---- which columns --------------------------------------------------------------------------- */

/* What MMD² loses when a column is left out, the bandwidth as it is. */
static double share_of(const mmd_job *job, double bandwidth, size_t k, double mmd)
{
    double within_x = 0, between = 0, within_y = 0;
    for (size_t i = 0; i < job->n; i++)
        for (size_t j = 0; j < i; j++) {
            double square = job->squares[i * job->n + j] - part_of(job, i, j, k);
            double value = exp(-fmax(square, 0) / (2 * bandwidth));
            *(i < job->m ? &within_x : j < job->m ? &between : &within_y) += value;
        }
    return mmd - mmd_of(job, 2 * within_x, between, 2 * within_y);
}

/* ---- the check ------------------------------------------------------------------------------- */

void mw_drift_mmd_options_init(mw_drift_mmd_options *ret_options)
{
    if (ret_options)
        *ret_options =
            (mw_drift_mmd_options){.rows_max = 1000, .permutations = 500, .alpha = 0.05, .seed = 1};
}

mw_status mw_mmd_check_options(const mw_drift_mmd_options *o, mw_error *err)
{
    const char *wrong = o->rows_max < 2 || o->rows_max > MW_MMD_ROWS_MAX ? "rows_max"
                        : o->permutations < 1 || o->permutations > MW_MMD_PERMUTATIONS_MAX
                            ? "permutations"
                        : !(o->alpha > 0 && o->alpha < 1)              ? "alpha"
                        : !(o->bandwidth >= 0 && o->bandwidth < 1e150) ? "bandwidth"
                                                                       : NULL;
    if (!wrong)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_OPTION, "%s is out of its range", wrong);
    return mw_mend(err, "begin with mw_drift_mmd_options_init; 'mw help MW8001' tells the ranges");
}

/* Columns of which the two samples have something. */
static mw_status choose_columns(mmd_job *job, const double *sampled, size_t n_given, mw_error *err)
{
    for (size_t c = 0; c < n_given; c++) {
        bool any = false;
        for (size_t i = 0; i < job->n && !any; i++)
            any = isfinite(sampled[i * n_given + c]);
        if (any)
            job->column_of[job->n_columns++] = c;
    }
    if (job->n_columns > 0)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_JOINT, "no column has a value");
    return mw_mend(err, "look at the files: are these the right columns?");
}

static mw_status look(mmd_job *job, double *kernel, uint64_t *chance, double *ret_shares,
                      mw_drift_mmd_summary *ret, mw_error *err)
{
    double bandwidth = job->options->bandwidth * job->options->bandwidth;
    fill_distances(job);
    if (bandwidth == 0)
        MW_TRY(find_bandwidth(job, &bandwidth, err));
    bandwidth = bandwidth > 0 ? bandwidth : 1; /* all rows are the same one */
    ret->bandwidth = sqrt(bandwidth);
    fill_kernel(job, bandwidth, job->squares, kernel);
    MW_TRY(test(job, kernel, chance, ret, err));
    for (size_t k = 0; ret_shares && k < job->n_columns; k++)
        ret_shares[job->column_of[k]] = share_of(job, bandwidth, k, ret->mmd2);
    return MW_OK;
}

static mw_status take_samples(mmd_job *job, const double *reference, size_t n_reference,
                              const double *current, size_t n_current, size_t n_given,
                              const bool *is_category, uint64_t *chance, mw_error *err)
{
    double *sampled = malloc((job->n * n_given + 1) * sizeof *sampled);
    if (!sampled)
        return mw_fail_memory(err, "the sampled rows");
    sample_rows(reference, n_reference, n_given, job->m, chance, sampled);
    sample_rows(current, n_current, n_given, job->n - job->m, chance, sampled + job->m * n_given);
    mw_status status = choose_columns(job, sampled, n_given, err);
    if (status == MW_OK)
        encode(job, sampled, n_given, is_category);
    free(sampled);
    return status;
}

mw_status mw_mmd_check(const double *reference, size_t n_reference, const double *current,
                       size_t n_current, size_t n_columns, const bool *is_category,
                       const mw_drift_mmd_options *options, double *ret_shares,
                       mw_drift_mmd_summary *ret_summary, mw_error *err)
{
    size_t most = options->rows_max;
    size_t m = n_reference < most ? n_reference : most, k = n_current < most ? n_current : most;
    if (m < 2 || k < 2) {
        mw_fail(err, MW_E_DRIFT_JOINT, "%zu rows against %zu: two of each are the least",
                n_reference, n_current);
        return mw_mend(err, "give more rows");
    }
    size_t cells = (m + k) * n_columns + 1, pairs = (m + k) * (m + k);
    mmd_job job = {.options = options, .m = m, .n = m + k};
    uint64_t chance = options->seed;
    double *kernel = malloc(pairs * sizeof *kernel);
    job.rows = malloc(cells * sizeof *job.rows);
    job.missing = malloc(cells * sizeof *job.missing);
    job.is_category = calloc(n_columns + 1, sizeof *job.is_category);
    job.column_of = calloc(n_columns + 1, sizeof *job.column_of);
    job.squares = malloc(pairs * sizeof *job.squares);
    mw_status status =
        kernel && job.rows && job.missing && job.is_category && job.column_of && job.squares
            ? MW_OK
            : mw_fail_memory(err, "the kernel of all pairs of rows");
    if (status == MW_OK)
        status = take_samples(&job, reference, n_reference, current, n_current, n_columns,
                              is_category, &chance, err);
    for (size_t c = 0; status == MW_OK && ret_shares && c < n_columns; c++)
        ret_shares[c] = 0;
    if (status == MW_OK) {
        *ret_summary =
            (mw_drift_mmd_summary){.n_features = job.n_columns, .n_reference = m, .n_current = k};
        status = look(&job, kernel, &chance, ret_shares, ret_summary, err);
    }
    free(kernel);
    free(job.rows);
    free(job.missing);
    free(job.is_category);
    free(job.column_of);
    free(job.squares);
    return status;
}
