/* Whether the features of live rows still go together as they did (stats: joint.c).
 *
 *     first rows, one half --> principal components
 *                the other --errors--> deciles: the reference
 *     sampled rows --errors--> bins of this minute --> PSI and evidence, as of a column (look.c)
 *                  `--squares, by feature--> where it comes from
 *
 * The halves differ so that the reference is of rows which the components have not seen. It is one
 * finding a version, at a level of its own, and wants the effect that a column does. Components,
 * deciles and counts are kept over a restart (keep_learned.c). */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

#define VARIANCE 0.65
#define DRIFTED_FROM 0.2
#define FADING 0.98 /* a second's rows, of what a feature adds to the errors */

enum { LEAST_ROWS = 400, FEATURES_MAX = 128 };

/* ---- life ------------------------------------------------------------------------------------ */

void watch_joint_free(watch_joint *joint)
{
    if (!joint)
        return;
    mw_joint_free(joint->model);
    free(joint->usual);
    free(joint);
}

size_t watch_joint_bytes(const watch_joint *joint)
{
    return joint ? sizeof *joint + mw_joint_bytes(joint->model) + 2 * joint->n * sizeof(double) : 0;
}

static void set_deciles(watch_column *column, double *errors, size_t n, double *room)
{
    double edges[WATCH_EDGES + 1];
    mw_sample sample = mw_sample_make(errors, n, 1, room, room + n);
    watch_set_edges(column, edges, mw_bins_quantiles(&sample, WATCH_DECILES, true, edges));
    mw_bins_count(&sample, column->edges, column->n_edges, column->reference);
    column->is_ready = true;
}

static mw_status learn(watch_joint *joint, const watch_version *version, mw_error *err)
{
    size_t n = version->n_features, half = version->learn_rows / 2;
    size_t rest = version->learn_rows - half;
    double *room = malloc((half * n + 3 * rest + 1) * sizeof *room);
    if (!room)
        return mw_fail_memory(err, "the first rows");
    double *errors = room + half * n;
    for (size_t i = 0; i < half; i++)
        memcpy(room + i * n, version->learned + i * version->n_columns, n * sizeof *room);
    mw_status status =
        mw_joint_fit(room, half, n, version->is_category, VARIANCE, &joint->model, err);
    if (status == MW_OK)
        status = mw_joint_errors(joint->model, version->learned + half * version->n_columns, rest,
                                 version->n_columns, errors, joint->usual, err);
    if (status == MW_OK)
        set_deciles(&joint->errors, errors, rest, errors + rest);
    for (size_t c = 0; c < n; c++)
        joint->usual[c] /= (double)rest;
    free(room);
    return status;
}

watch_joint *watch_joint_make(const watch_version *version)
{
    mw_error none;
    size_t n = version->n_features;
    if (n < 2 || n > FEATURES_MAX || version->learn_rows < LEAST_ROWS)
        return NULL;
    watch_joint *joint = calloc(1, sizeof *joint);
    if (joint)
        joint->usual = calloc(2 * n, sizeof *joint->usual);
    if (joint && joint->usual) {
        joint->n = n;
        joint->squares = joint->usual + n;
        if (learn(joint, version, &none) == MW_OK)
            return joint;
    }
    watch_joint_free(joint);
    return NULL;
}

/* ---- gathering ------------------------------------------------------------------------------- */

static watch_joint_minute *minute_of(watch_joint *joint, uint64_t bucket)
{
    watch_joint_minute *minute = &joint->minutes[bucket % WATCH_STARTS];
    if (minute->bucket != bucket)
        *minute = (watch_joint_minute){.bucket = bucket};
    return minute;
}

void watch_joint_add(watch_joint *joint, const double *rows, size_t n_rows, size_t n_columns,
                     uint64_t now_ns, uint64_t bucket_ns)
{
    mw_error none;
    double *errors = malloc((n_rows + 1) * sizeof *errors);
    uint64_t bucket = now_ns / bucket_ns;
    watch_joint_minute *minute = minute_of(joint, bucket);
    if (joint->first_ns == 0)
        joint->first_ns = now_ns;
    for (size_t c = 0; c < joint->n; c++)
        joint->squares[c] *= FADING;
    joint->rows = joint->rows * FADING + (double)n_rows;
    if (errors && mw_joint_errors(joint->model, rows, n_rows, n_columns, errors, joint->squares,
                                  &none) == MW_OK)
        for (size_t i = 0; i < n_rows; i++) {
            size_t bin = watch_bin_of(&joint->errors, errors[i]);
            minute->counts[bin]++;
            joint->whole[bin]++;
        }
    free(errors);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* The features whose part of the error has changed most. */
static void tell_causes(const watch_joint *joint, mw_watch_joint *found)
{
    double gaps[MW_WATCH_CAUSES] = {0};
    for (size_t c = 0; c < joint->n; c++) {
        double gap = fabs(joint->squares[c] / joint->rows - joint->usual[c]);
        size_t at = found->n_causes < MW_WATCH_CAUSES ? found->n_causes++ : MW_WATCH_CAUSES;
        if (at == MW_WATCH_CAUSES && gap <= gaps[--at])
            continue;
        for (; at > 0 && gaps[at - 1] < gap; at--) {
            gaps[at] = gaps[at - 1];
            found->causes[at] = found->causes[at - 1];
        }
        gaps[at] = gap;
        found->causes[at] = c;
    }
}

mw_watch_joint watch_joint_judge(const watch_joint *joint, uint64_t now_ns, uint64_t bucket_ns,
                                 double alpha)
{
    double counts[WATCH_BINS] = {0};
    mw_watched all = {.log_e_value = -(double)INFINITY, .psi_since = (double)NAN};
    uint64_t now = now_ns / bucket_ns, first = joint->first_ns / bucket_ns;
    for (uint64_t back = 0; back < WATCH_STARTS && back <= now - first; back++) {
        const watch_joint_minute *minute = &joint->minutes[(now - back) % WATCH_STARTS];
        for (size_t i = 0; minute->bucket == now - back && i < WATCH_BINS; i++)
            counts[i] += minute->counts[i];
        uint64_t begin_ns = (now - back) * bucket_ns;
        begin_ns = begin_ns > joint->first_ns ? begin_ns : joint->first_ns;
        watch_take(&all, &joint->errors, counts, now - back - first,
                   (double)(now_ns - begin_ns) / 1e9);
    }
    mw_watch_joint found = {.is_known = true,
                            .n_components = mw_joint_components(joint->model),
                            .psi = watch_psi(&joint->errors, counts)};
    if (now - first >= WATCH_STARTS)
        watch_take(&all, &joint->errors, joint->whole, 0, (double)(now_ns - joint->first_ns) / 1e9);
    found.psi_since = all.psi_since;
    found.log_e_value = all.log_e_value;
    found.since_rows = all.since_rows;
    found.since_seconds = all.since_seconds;
    found.drifted = all.log_e_value >= -log(alpha) && all.psi_since >= DRIFTED_FROM;
    if (found.drifted)
        tell_causes(joint, &found);
    return found;
}
