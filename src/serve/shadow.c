/* See shadow.h.
 *
 *     answered call --copy of its rows--> ring of 256 --> thread: both versions predict --> arms
 *
 * Both are asked again, one after the other, in turns first: so their times are those of one thread
 * on the same rows, and of the same rank. */
#include "shadow.h"
#include "call.h"

#include <math.h>
#include <stdlib.h>

enum { SHADOW_JOBS = 256, SHADOW_ROWS = 64, SHADOW_JOB_BYTES = 1 << 20 };

typedef struct shadow_job {
    serve_split *split;
    serve_model *models[MW_ARMS]; /* from, to; references, as the split's */
    double *rows;                 /* row-major, by the columns of models[0]; owned */
    size_t n_rows, n_columns;
} shadow_job;

struct serve_shadow {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_t thread;
    bool is_running;
    atomic_bool ending;
    shadow_job jobs[SHADOW_JOBS];
    size_t first, count;
    mw_scratch *scratch;
    unsigned turn;
};

/* ---- on the request's side ------------------------------------------------------------------- */

static double value_at(const mw_matrix *rows, size_t r, size_t c)
{
    ptrdiff_t at = (ptrdiff_t)r * rows->row_stride + (ptrdiff_t)c * rows->column_stride;
    return rows->dtype == MW_FLOAT32 ? (double)((const float *)rows->data)[at]
                                     : ((const double *)rows->data)[at];
}

static double *copy_rows(const mw_matrix *rows, size_t n_rows)
{
    double *copy = malloc(n_rows * rows->n_columns * sizeof *copy);
    for (size_t r = 0; copy && r < n_rows; r++)
        for (size_t c = 0; c < rows->n_columns; c++)
            copy[r * rows->n_columns + c] = value_at(rows, r, c);
    return copy;
}

static void drop(serve_split *split)
{
    atomic_fetch_add_explicit(&split->n_dropped, 1, memory_order_relaxed);
}

void serve_shadow_offer(serve_shadow *shadow, const serve_call *call)
{
    serve_split *split = call->slot.split;
    const mw_matrix *rows = &call->rows;
    serve_model *other = call->slot.challenger;
    size_t n_rows = rows->n_rows < SHADOW_ROWS ? rows->n_rows : SHADOW_ROWS;
    if (call->draw >= atomic_load_explicit(&split->shadow, memory_order_relaxed) || n_rows == 0 ||
        !other)
        return;
    if (n_rows * rows->n_columns > SHADOW_JOB_BYTES / sizeof(double) ||
        pthread_mutex_trylock(&shadow->lock) != 0) {
        drop(split);
        return;
    }
    double *copy = shadow->count < SHADOW_JOBS ? copy_rows(rows, n_rows) : NULL;
    if (copy) {
        shadow_job *job = &shadow->jobs[(shadow->first + shadow->count++) % SHADOW_JOBS];
        *job = (shadow_job){split, {call->slot.model, other}, copy, n_rows, rows->n_columns};
        serve_split_ref(split);
        serve_model_ref(call->slot.model);
        serve_model_ref(other);
        pthread_cond_signal(&shadow->filled);
    } else {
        drop(split);
    }
    pthread_mutex_unlock(&shadow->lock);
}

/* ---- on its own ------------------------------------------------------------------------------ */

/* One column of the rows; false when the other version takes one of its values for none. */
static bool recode_column(const shadow_job *job, size_t at, size_t c, double *rows)
{
    const mw_schema *from = &job->models[0]->forest->schema, *to = &job->models[1]->forest->schema;
    for (size_t r = 0; r < job->n_rows; r++)
        if (mw_column_recode(&from->columns[at], &to->columns[c],
                             job->rows[r * job->n_columns + at], &rows[r * to->n_columns + c],
                             NULL) != MW_OK)
            return false;
    return true;
}

/* A column of one version for that of the other, whichever of them was called anew. */
static ptrdiff_t find_for(const mw_schema *from, const mw_column *column)
{
    ptrdiff_t at = mw_schema_find(from, column->name);
    for (size_t i = 0; at < 0 && i < column->n_was; i++)
        at = mw_schema_find(from, column->was[i]);
    return at;
}

/* The rows as the other version reads them: columns by name, missing where there is none,
 * categories by their texts. NULL: it would refuse them, or there is no memory. */
static double *as_read_by_other(const shadow_job *job)
{
    const mw_schema *from = &job->models[0]->forest->schema, *to = &job->models[1]->forest->schema;
    double *rows = malloc(job->n_rows * to->n_columns * sizeof *rows);
    bool fits = rows != NULL;
    for (size_t c = 0; fits && c < to->n_columns; c++) {
        ptrdiff_t at = find_for(from, &to->columns[c]);
        if (at >= 0 && (size_t)at < job->n_columns)
            fits = recode_column(job, (size_t)at, c, rows);
        else
            for (size_t r = 0; r < job->n_rows; r++)
                rows[r * to->n_columns + c] = to->blank ? to->blank[c] : NAN;
    }
    if (fits)
        return rows;
    free(rows);
    return NULL;
}

/* The values, owned by the caller; NULL when it fails. */
static double *predict(serve_shadow *shadow, const serve_model *model, const double *data,
                       size_t n_rows, size_t n_columns, uint64_t *ret_ns)
{
    mw_error err;
    const mw_matrix rows = {data, MW_FLOAT64, n_rows, n_columns, (ptrdiff_t)n_columns, 1};
    double *values = malloc(n_rows * model->n_outputs * sizeof *values);
    uint64_t began = mw_clock_ns();
    if (values && mw_predict_batch(model->predictor, &rows, MW_PREDICTION, shadow->scratch, values,
                                   &err) != MW_OK) {
        free(values);
        values = NULL;
    }
    *ret_ns = mw_clock_ns() - began;
    return values;
}

static void compare(serve_split *split, const double *from, const double *to, size_t n)
{
    const double nearly = 1e-6;
    double sum = 0;
    uint64_t n_different = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs(from[i] - to[i]);
        sum += isfinite(d) ? d : 0;
        n_different += d > nearly * (1 + fabs(from[i]));
    }
    atomic_fetch_add_explicit(&split->n_pairs, n, memory_order_relaxed);
    atomic_fetch_add_explicit(&split->n_different, n_different, memory_order_relaxed);
    /* one thread writes it */
    atomic_store_explicit(&split->difference,
                          atomic_load_explicit(&split->difference, memory_order_relaxed) + sum,
                          memory_order_relaxed);
}

/* Both versions decide of the same row, so its group is asked of one. */
static size_t group_of(const shadow_job *job)
{
    const mw_matrix rows = {
        job->rows, MW_FLOAT64, job->n_rows, job->n_columns, (ptrdiff_t)job->n_columns, 1};
    return serve_asked_group(&job->split->asked, 0, &job->models[0]->forest->schema, &rows);
}

static void run_job(serve_shadow *shadow, const shadow_job *job)
{
    double *other = as_read_by_other(job), *values[MW_ARMS] = {NULL};
    const double *rows[MW_ARMS] = {job->rows, other};
    uint64_t ns[MW_ARMS] = {0};
    unsigned counter = (unsigned)job->split->n_counters - 1; /* the one that several may write */
    for (unsigned i = 0; i < MW_ARMS; i++) {
        unsigned a = (i + shadow->turn) % MW_ARMS;
        const serve_model *model = job->models[a];
        if (rows[a])
            values[a] = predict(shadow, model, rows[a], job->n_rows,
                                a ? model->forest->schema.n_columns : job->n_columns, &ns[a]);
    }
    shadow->turn++;
    size_t group = group_of(job);
    for (int a = 0; a < MW_ARMS; a++)
        serve_split_count_pair(job->split, counter, a, !values[a], ns[a],
                               values[a] ? values[a][job->models[a]->n_outputs - 1] : NAN, group);
    size_t n_outputs = job->models[0]->n_outputs;
    if (values[0] && values[1] && n_outputs == job->models[1]->n_outputs)
        compare(job->split, values[0], values[1], job->n_rows * n_outputs);
    free(values[0]);
    free(values[1]);
    free(other);
}

static void let_go(const shadow_job *job)
{
    serve_model_unref(job->models[0]);
    serve_model_unref(job->models[1]);
    serve_split_unref(job->split);
    free(job->rows);
}

static bool take_job(serve_shadow *shadow, shadow_job *ret_job)
{
    pthread_mutex_lock(&shadow->lock);
    while (shadow->count == 0 && !shadow->ending)
        pthread_cond_wait(&shadow->filled, &shadow->lock);
    bool has = shadow->count > 0;
    if (has) {
        *ret_job = shadow->jobs[shadow->first];
        shadow->first = (shadow->first + 1) % SHADOW_JOBS;
        shadow->count--;
    }
    pthread_mutex_unlock(&shadow->lock);
    return has;
}

static void *work(void *given)
{
    serve_shadow *shadow = given;
    shadow_job job;
    while (take_job(shadow, &job)) {
        if (!atomic_load(&shadow->ending))
            run_job(shadow, &job);
        let_go(&job);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status serve_shadow_new(serve_shadow **ret_shadow, mw_error *err)
{
    serve_shadow *shadow = calloc(1, sizeof *shadow);
    if (!shadow)
        return mw_fail_memory(err, "the shadow");
    pthread_mutex_init(&shadow->lock, NULL);
    pthread_cond_init(&shadow->filled, NULL);
    mw_status status = mw_scratch_new(&shadow->scratch, err);
    if (status == MW_OK) {
        shadow->is_running = mw_thread_start(&shadow->thread, "mw-shadow", work, shadow) == 0;
        status = shadow->is_running ? MW_OK : mw_fail_memory(err, "the shadow's thread");
    }
    if (status != MW_OK) {
        serve_shadow_free(shadow);
        return status;
    }
    *ret_shadow = shadow;
    return MW_OK;
}

void serve_shadow_free(serve_shadow *shadow)
{
    if (!shadow)
        return;
    pthread_mutex_lock(&shadow->lock);
    shadow->ending = true;
    pthread_cond_signal(&shadow->filled);
    pthread_mutex_unlock(&shadow->lock);
    if (shadow->is_running)
        pthread_join(shadow->thread, NULL);
    pthread_cond_destroy(&shadow->filled);
    pthread_mutex_destroy(&shadow->lock);
    mw_scratch_free(shadow->scratch);
    free(shadow);
}
