/* Drift of columns together: principal components of the reference, and what they leave of a row.
 *
 *     numbers: what is missing becomes the mean     categories: the commonest; then each its share
 *     --> less the mean, by the deviation --> components, the first that keep 65 % of the variance
 *     row --> components --> row again: error = length of the difference
 *     chunks of the current rows against mean +- 3 deviations of the reference's chunks
 *
 * As NannyML 0.13's DataReconstructionDriftCalculator over scikit-learn's imputers, scaler and PCA.
 * Of categories that are equally common the one of the least code stands for what is missing. The
 * eigenvectors are Jacobi's (Golub, Van Loan, Matrix Computations, 8.5). Not NannyML's: a chunk
 * alone convinces nobody of a million rows, so that our profile asks for an effect and a test over
 * all rows as well. */
#include "stats.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { SWEEPS_MAX = 60, USUAL_CHUNKS = 10 };

#define EFFECT_MIN 0.1

typedef struct joint_column {
    size_t at; /* in a row */
    bool is_category;
    double fill; /* of what is missing: before it is encoded */
    double mean, scale;
    double *values, *shares; /* of categories: ascending, n_values; shares in the same block */
    size_t n_values;
} joint_column;

struct mw_joint {
    joint_column *columns; /* n */
    size_t n, n_components, n_given;
    double *vectors; /* (n_components, n) */
    double explained;
};

/* ---- one column ------------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The share of a category; 0 of one that the reference does not have. */
static double share_of(const joint_column *c, double value)
{
    const double *found = bsearch(&value, c->values, c->n_values, sizeof value, ascending);
    return found ? c->shares[found - c->values] : 0;
}

static double encoded(const joint_column *c, const double *row)
{
    double value = isfinite(row[c->at]) ? row[c->at] : c->fill;
    return c->is_category ? share_of(c, value) : value;
}

/* `sorted` holds the n values there are, of n_rows. */
static mw_status count_shares(joint_column *c, double *sorted, size_t n, size_t n_rows,
                              mw_error *err)
{
    size_t best = 0;
    qsort(sorted, n, sizeof *sorted, ascending);
    for (size_t i = 0; i < n; i++)
        c->n_values += i == 0 || sorted[i] != sorted[i - 1];
    c->values = calloc(2 * c->n_values, sizeof *c->values);
    if (!c->values)
        return mw_fail_memory(err, "the categories");
    c->shares = c->values + c->n_values;
    for (size_t i = 0, k = 0; i < n; i++) {
        k += i > 0 && sorted[i] != sorted[i - 1];
        c->values[k] = sorted[i];
        c->shares[k] += 1;
    }
    for (size_t k = 1; k < c->n_values; k++)
        best = c->shares[k] > c->shares[best] ? k : best;
    c->fill = c->values[best];
    c->shares[best] += (double)(n_rows - n);
    for (size_t k = 0; k < c->n_values; k++)
        c->shares[k] /= (double)n_rows;
    return MW_OK;
}

/* What stands for missing values. *ret_n: how many values there are. `room` holds n_rows. */
static mw_status learn_column(joint_column *c, const double *rows, size_t n_rows, size_t n_columns,
                              double *room, size_t *ret_n, mw_error *err)
{
    size_t n = 0;
    double sum = 0;
    for (size_t i = 0; i < n_rows; i++) {
        double value = rows[i * n_columns + c->at];
        if (!isfinite(value))
            continue;
        room[n++] = value;
        sum += value;
    }
    *ret_n = n;
    c->fill = n > 0 ? sum / (double)n : 0;
    return n > 0 && c->is_category ? count_shares(c, room, n, n_rows, err) : MW_OK;
}

/* One that is constant but for rounding is not divided by its deviation: scikit-learn's rule. */
static void learn_scale(joint_column *c, const double *rows, size_t n_rows, size_t n_columns)
{
    double sum = 0, squares = 0, n = (double)n_rows;
    for (size_t i = 0; i < n_rows; i++)
        sum += encoded(c, rows + i * n_columns);
    c->mean = sum / n;
    for (size_t i = 0; i < n_rows; i++) {
        double away = encoded(c, rows + i * n_columns) - c->mean;
        squares += away * away;
    }
    double variance = squares / n, rounding = n * c->mean * DBL_EPSILON;
    bool is_constant = variance <= n * DBL_EPSILON * variance + rounding * rounding;
    c->scale = is_constant ? 1 : sqrt(variance);
}

static void standardise(const mw_joint *joint, const double *row, double *ret)
{
    for (size_t k = 0; k < joint->n; k++) {
        const joint_column *c = &joint->columns[k];
        ret[k] = (encoded(c, row) - c->mean) / c->scale;
    }
}

/* ---- components ------------------------------------------------------------------------------ */

/* a: (n, n), symmetric; its diagonal becomes the eigenvalues, the rows of v their vectors. */
static void rotate(double *a, double *v, size_t n, size_t p, size_t q)
{
    double apq = a[p * n + q], theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double cos = 1 / sqrt(t * t + 1), sin = t * cos;
    for (size_t k = 0; k < n; k++) {
        double kp = a[k * n + p], kq = a[k * n + q];
        a[k * n + p] = cos * kp - sin * kq;
        a[k * n + q] = sin * kp + cos * kq;
    }
    for (size_t k = 0; k < n; k++) {
        double pk = a[p * n + k], qk = a[q * n + k], vp = v[p * n + k], vq = v[q * n + k];
        a[p * n + k] = cos * pk - sin * qk;
        a[q * n + k] = sin * pk + cos * qk;
        v[p * n + k] = cos * vp - sin * vq;
        v[q * n + k] = sin * vp + cos * vq;
    }
}

static void jacobi(double *a, double *v, size_t n)
{
    double nothing = 0; /* what is left beside a diagonal of this size is rounding */
    for (size_t i = 0; i < n * n; i++)
        v[i] = i % (n + 1) == 0;
    for (size_t k = 0; k < n; k++)
        nothing += a[k * n + k] / (double)n * (DBL_EPSILON / 16);
    for (unsigned sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        bool is_done = true;
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                if (fabs(a[p * n + q]) <= nothing)
                    continue;
                is_done = false;
                rotate(a, v, n, p, q);
            }
        if (is_done)
            return;
    }
}

/* The largest eigenvalues' vectors, as many as keep more than `variance` of the whole. */
static mw_status take_components(mw_joint *joint, const double *a, const double *v, double variance,
                                 mw_error *err)
{
    size_t n = joint->n;
    double whole = 0, kept = 0;
    bool *taken = calloc(n, sizeof *taken);
    joint->vectors = malloc(n * n * sizeof *joint->vectors);
    if (!taken || !joint->vectors) {
        free(taken);
        return mw_fail_memory(err, "the components");
    }
    for (size_t k = 0; k < n; k++)
        whole += a[k * n + k];
    do {
        size_t best = n;
        for (size_t k = 0; k < n; k++)
            if (!taken[k] && (best == n || a[k * n + k] > a[best * n + best]))
                best = k;
        taken[best] = true;
        kept += a[best * n + best] / whole;
        memcpy(joint->vectors + joint->n_components++ * n, v + best * n, n * sizeof *v);
    } while (kept <= variance && joint->n_components < n);
    joint->explained = kept;
    free(taken);
    return MW_OK;
}

static void add_products(const double *z, size_t n, double *sums)
{
    for (size_t p = 0; p < n; p++)
        for (size_t q = p; q < n; q++)
            sums[p * n + q] += z[p] * z[q];
}

static mw_status find_components(mw_joint *joint, const double *rows, size_t n_rows,
                                 size_t n_columns, double variance, mw_error *err)
{
    size_t n = joint->n;
    double *block = calloc(2 * n * n + n, sizeof *block);
    if (!block)
        return mw_fail_memory(err, "how columns go together");
    double *a = block, *v = block + n * n, *z = v + n * n;
    for (size_t i = 0; i < n_rows; i++) {
        standardise(joint, rows + i * n_columns, z);
        add_products(z, n, a);
    }
    for (size_t p = 0; p < n; p++)
        for (size_t q = p; q < n; q++)
            a[q * n + p] = a[p * n + q] /= (double)n_rows - 1;
    jacobi(a, v, n);
    mw_status status = take_components(joint, a, v, variance, err);
    free(block);
    return status;
}

/* ---- fitting --------------------------------------------------------------------------------- */

static mw_status fail_columns(size_t n, bool too_many, mw_error *err)
{
    mw_fail(err, MW_E_DRIFT_JOINT,
            too_many ? "%zu columns are too many to be looked at together"
                     : "%zu columns of the reference vary",
            n);
    return mw_mend(err, "give two columns or more, %d at most", MW_JOINT_COLUMNS_MAX);
}

static mw_status learn(mw_joint *joint, const double *rows, size_t n_rows, size_t n_columns,
                       const bool *is_category, double variance, mw_error *err)
{
    size_t n_varying = 0, n_values;
    double *room = malloc((n_rows + 1) * sizeof *room);
    joint->columns = calloc(n_columns + 1, sizeof *joint->columns);
    mw_status status = room && joint->columns ? MW_OK : mw_fail_memory(err, "the columns");
    for (size_t c = 0; status == MW_OK && c < n_columns; c++) {
        joint_column *column = &joint->columns[joint->n];
        *column = (joint_column){.at = c, .is_category = is_category && is_category[c]};
        status = learn_column(column, rows, n_rows, n_columns, room, &n_values, err);
        if (status != MW_OK || n_values == 0)
            continue;
        joint->n++;
        learn_scale(column, rows, n_rows, n_columns);
        n_varying += column->scale != 1 || fabs(encoded(column, rows) - column->mean) > 0;
    }
    free(room);
    MW_TRY(status);
    if (n_varying < 2 || n_rows < 2)
        return fail_columns(n_varying, false, err);
    return find_components(joint, rows, n_rows, n_columns, variance, err);
}

mw_status mw_joint_fit(const double *rows, size_t n_rows, size_t n_columns, const bool *is_category,
                       double variance, mw_joint **ret_joint, mw_error *err)
{
    if (n_columns > MW_JOINT_COLUMNS_MAX)
        return fail_columns(n_columns, true, err);
    mw_joint *joint = calloc(1, sizeof *joint);
    if (!joint)
        return mw_fail_memory(err, "the components");
    joint->n_given = n_columns;
    mw_status status = learn(joint, rows, n_rows, n_columns, is_category, variance, err);
    if (status != MW_OK) {
        mw_joint_free(joint);
        return status;
    }
    *ret_joint = joint;
    return MW_OK;
}

void mw_joint_free(mw_joint *joint)
{
    if (!joint)
        return;
    for (size_t k = 0; joint->columns && k < joint->n_given; k++)
        free(joint->columns[k].values);
    free(joint->columns);
    free(joint->vectors);
    free(joint);
}

size_t mw_joint_bytes(const mw_joint *joint)
{
    size_t bytes = sizeof *joint + (joint->n_given + 1) * sizeof *joint->columns;
    for (size_t k = 0; k < joint->n; k++)
        bytes += 2 * joint->columns[k].n_values * sizeof(double);
    return bytes + joint->n * joint->n * sizeof *joint->vectors;
}

size_t mw_joint_components(const mw_joint *joint)
{
    return joint->n_components;
}

size_t mw_joint_features(const mw_joint *joint)
{
    return joint->n;
}

double mw_joint_explained(const mw_joint *joint)
{
    return joint->explained;
}

/* ---- kept ------------------------------------------------------------------------------------ */

void mw_joint_pack(const mw_joint *joint, mw_buf *out)
{
    mw_pack_whole(out, joint->n_given);
    mw_pack_whole(out, joint->n);
    mw_pack_whole(out, joint->n_components);
    mw_pack_number(out, joint->explained);
    for (size_t k = 0; k < joint->n; k++) {
        const joint_column *c = &joint->columns[k];
        mw_pack_whole(out, c->at);
        mw_pack_whole(out, c->is_category);
        mw_pack_number(out, c->fill);
        mw_pack_number(out, c->mean);
        mw_pack_number(out, c->scale);
        mw_pack_whole(out, c->n_values);
        mw_pack_numbers(out, c->values, 2 * c->n_values);
    }
    mw_pack_numbers(out, joint->vectors, joint->n_components * joint->n);
}

static bool unpack_shares(mw_unpack *in, joint_column *c)
{
    size_t n = mw_unpack_count(in, UINT32_MAX, 2 * sizeof(double));
    if (n == 0 || in->failed)
        return !in->failed && !c->is_category;
    c->values = malloc(2 * n * sizeof *c->values);
    if (!c->values)
        return false;
    c->shares = c->values + n;
    c->n_values = n;
    mw_unpack_numbers(in, c->values, 2 * n);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(c->values[i]) || (i > 0 && c->values[i] <= c->values[i - 1]) ||
            !(c->shares[i] >= 0 && c->shares[i] <= 1))
            return false;
    return c->is_category;
}

/* Columns stand in the order of their rows. */
static bool unpack_column(mw_unpack *in, const mw_joint *joint, size_t k)
{
    joint_column *c = &joint->columns[k];
    c->at = (size_t)mw_unpack_at_most(in, joint->n_given - 1);
    c->is_category = mw_unpack_at_most(in, 1) == 1;
    c->fill = mw_unpack_number(in);
    c->mean = mw_unpack_number(in);
    c->scale = mw_unpack_number(in);
    bool is_sound = isfinite(c->fill) && isfinite(c->mean) && isfinite(c->scale) && c->scale > 0;
    return is_sound && (k == 0 || c->at > c[-1].at) && unpack_shares(in, c);
}

static bool unpack_vectors(mw_unpack *in, mw_joint *joint)
{
    size_t n = joint->n * joint->n_components;
    bool are_there = mw_unpack_left(in) >= n * sizeof *joint->vectors;
    joint->vectors = are_there ? malloc(n * sizeof *joint->vectors) : NULL;
    if (!joint->vectors)
        return false;
    mw_unpack_numbers(in, joint->vectors, n);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(joint->vectors[i]) <= 2)) /* of length 1, but for rounding */
            return false;
    return !in->failed;
}

mw_joint *mw_joint_unpack(mw_unpack *in)
{
    mw_joint *joint = calloc(1, sizeof *joint);
    if (!joint)
        return NULL;
    joint->n_given = (size_t)mw_unpack_at_most(in, MW_JOINT_COLUMNS_MAX);
    joint->n = (size_t)mw_unpack_at_most(in, joint->n_given);
    joint->n_components = (size_t)mw_unpack_at_most(in, joint->n);
    joint->explained = mw_unpack_number(in);
    bool done = !in->failed && joint->n >= 2 && joint->n_components > 0;
    joint->columns = done ? calloc(joint->n_given + 1, sizeof *joint->columns) : NULL;
    done = done && joint->columns;
    for (size_t k = 0; done && k < joint->n; k++)
        done = unpack_column(in, joint, k);
    if (done && unpack_vectors(in, joint))
        return joint;
    mw_joint_free(joint);
    return NULL;
}

size_t mw_joint_columns(const mw_joint *joint)
{
    return joint->n_given;
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* z less what the components make of it; their vectors are at right angles, so that one after the
 * other may be taken away. */
static void take_away(const mw_joint *joint, double *z)
{
    for (size_t j = 0; j < joint->n_components; j++) {
        const double *v = joint->vectors + j * joint->n;
        double along = 0;
        for (size_t k = 0; k < joint->n; k++)
            along += z[k] * v[k];
        for (size_t k = 0; k < joint->n; k++)
            z[k] -= along * v[k];
    }
}

mw_status mw_joint_errors(const mw_joint *joint, const double *rows, size_t n_rows,
                          size_t row_stride, double *ret_errors, double *ret_squares, mw_error *err)
{
    double *z = malloc((joint->n + 1) * sizeof *z);
    if (!z)
        return mw_fail_memory(err, "a row");
    for (size_t i = 0; i < n_rows; i++) {
        double sum = 0;
        standardise(joint, rows + i * row_stride, z);
        take_away(joint, z);
        for (size_t k = 0; k < joint->n; k++) {
            sum += z[k] * z[k];
            if (ret_squares)
                ret_squares[joint->columns[k].at] += z[k] * z[k];
        }
        ret_errors[i] = sqrt(sum);
    }
    free(z);
    return MW_OK;
}

/* ---- the check ------------------------------------------------------------------------------- */

void mw_drift_joint_options_init(mw_drift_profile profile, mw_drift_joint_options *ret_options)
{
    if (ret_options)
        *ret_options = (mw_drift_joint_options){
            .profile = profile, .variance = 0.65, .deviations = 3, .alpha = 0.05};
}

mw_status mw_joint_check_options(const mw_drift_joint_options *o, mw_error *err)
{
    const char *wrong = (unsigned)o->profile > MW_DRIFT_NANNYML       ? "profile"
                        : !(o->variance > 0 && o->variance < 1)       ? "variance"
                        : !(o->deviations > 0 && o->deviations < 1e9) ? "deviations"
                        : !(o->alpha > 0 && o->alpha < 1)             ? "alpha"
                                                                      : NULL;
    if (!wrong)
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_OPTION, "%s is out of its range", wrong);
    return mw_mend(err,
                   "begin with mw_drift_joint_options_init; 'mw help MW8001' tells the ranges");
}

size_t mw_joint_chunk_rows(const mw_drift_joint_options *options, size_t n_reference,
                           size_t n_current)
{
    size_t fewer = n_reference < n_current ? n_reference : n_current;
    return options->chunk_rows ? options->chunk_rows : (fewer + USUAL_CHUNKS - 1) / USUAL_CHUNKS;
}

typedef struct spread {
    double n, mean, squares;
} spread;

static void add(spread *s, double value)
{
    double away = value - s->mean;
    s->mean += away / ++s->n;
    s->squares += away * (value - s->mean);
}

static spread spread_of(const double *values, size_t n)
{
    spread s = {0};
    for (size_t i = 0; i < n; i++)
        add(&s, values[i]);
    return s;
}

static void find_thresholds(const double *errors, size_t n, const mw_drift_joint_options *options,
                            mw_drift_joint_summary *s)
{
    spread chunks = {0};
    for (size_t first = 0; first < n; first += s->chunk_rows) {
        size_t rows = n - first < s->chunk_rows ? n - first : s->chunk_rows;
        add(&chunks, spread_of(errors + first, rows).mean);
    }
    double away = options->deviations * sqrt(chunks.squares / chunks.n);
    s->low = chunks.mean - away > 0 ? chunks.mean - away : -(double)INFINITY;
    s->high = chunks.mean + away;
}

static void judge_chunks(const double *errors, size_t n, mw_drift_joint_chunk *chunks,
                         mw_drift_joint_summary *s)
{
    for (size_t first = 0; first < n; first += s->chunk_rows) {
        size_t rows = n - first < s->chunk_rows ? n - first : s->chunk_rows;
        spread of = spread_of(errors + first, rows);
        bool drifted = !(s->low < of.mean && of.mean < s->high);
        if (chunks)
            chunks[s->n_chunks] = (mw_drift_joint_chunk){
                .first_row = first,
                .n_rows = rows,
                .error = of.mean,
                .sampling_error = rows > 1 ? sqrt(of.squares / (of.n - 1) / of.n) : (double)NAN,
                .drifted = drifted};
        s->n_chunks++;
        s->n_drifted += drifted;
    }
}

static void weigh(const double *before, size_t n_before, const double *now, size_t n_now,
                  const mw_drift_joint_options *options, mw_drift_joint_summary *s)
{
    spread r = spread_of(before, n_before), c = spread_of(now, n_now);
    double variance_r = r.squares / (r.n - 1), variance_c = n_now > 1 ? c.squares / (c.n - 1) : 0;
    double gap = c.mean - r.mean, error = sqrt(variance_r / r.n + variance_c / c.n);
    s->error_reference = r.mean;
    s->error_current = c.mean;
    s->deviation_reference = sqrt(variance_r);
    s->effect = gap == 0 ? 0 : gap / s->deviation_reference;
    s->p_value = gap == 0 ? 1 : erfc(fabs(gap) / error / sqrt(2));
    s->drifted =
        s->n_drifted > 0 && (options->profile == MW_DRIFT_NANNYML ||
                             (fabs(s->effect) >= EFFECT_MIN && s->p_value < options->alpha));
}

static mw_status check_rows(size_t n_reference, size_t n_current, size_t chunk_rows, mw_error *err)
{
    if (n_current > 0 && chunk_rows > 0 && n_reference > chunk_rows)
        return MW_OK;
    if (n_current == 0)
        mw_fail(err, MW_E_DRIFT_JOINT, "there is no current row");
    else
        mw_fail(err, MW_E_DRIFT_JOINT, "%zu reference rows are one chunk of %zu", n_reference,
                chunk_rows);
    return mw_mend(err, "thresholds come of the reference's chunks: give it some thousand rows, or "
                        "smaller chunks");
}

static mw_status compare(const mw_joint *joint, const double *reference, size_t n_reference,
                         const double *current, size_t n_current,
                         const mw_drift_joint_options *options, mw_drift_joint_chunk *chunks,
                         double *residuals, mw_drift_joint_summary *s, mw_error *err)
{
    size_t n = joint->n_given;
    double *before = malloc((n_reference + n_current) * sizeof *before);
    if (!before)
        return mw_fail_memory(err, "the errors of rows");
    double *now = before + n_reference;
    for (size_t i = 0; residuals && i < 2 * n; i++)
        residuals[i] = 0;
    mw_status status = mw_joint_errors(joint, reference, n_reference, n, before, residuals, err);
    if (status == MW_OK)
        status = mw_joint_errors(joint, current, n_current, n, now,
                                 residuals ? residuals + n : NULL, err);
    if (status == MW_OK) {
        find_thresholds(before, n_reference, options, s);
        judge_chunks(now, n_current, chunks, s);
        weigh(before, n_reference, now, n_current, options, s);
    }
    for (size_t i = 0; residuals && i < n; i++) {
        residuals[i] /= (double)n_reference;
        residuals[n + i] /= (double)n_current;
    }
    free(before);
    return status;
}

mw_status mw_joint_check(const double *reference, size_t n_reference, const double *current,
                         size_t n_current, size_t n_columns, const bool *is_category,
                         const mw_drift_joint_options *options, mw_drift_joint_chunk *ret_chunks,
                         double *ret_residuals, mw_drift_joint_summary *ret_summary, mw_error *err)
{
    mw_joint *joint;
    mw_drift_joint_summary s = {.chunk_rows = mw_joint_chunk_rows(options, n_reference, n_current)};
    MW_TRY(check_rows(n_reference, n_current, s.chunk_rows, err));
    MW_TRY(mw_joint_fit(reference, n_reference, n_columns, is_category, options->variance, &joint,
                        err));
    s.n_features = joint->n;
    s.n_components = joint->n_components;
    s.explained = joint->explained;
    mw_status status = compare(joint, reference, n_reference, current, n_current, options,
                               ret_chunks, ret_residuals, &s, err);
    mw_joint_free(joint);
    if (status == MW_OK)
        *ret_summary = s;
    return status;
}
