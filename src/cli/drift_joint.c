/* drift check --joint: whether the columns still go together as they did.
 *
 *     compared columns, row by row --> stats: joint.c --> chunks, thresholds, where it comes from
 */
#include "drift.h"
#include "members.h"

#include <math.h>
#include <stdlib.h>

enum { TOLD_FEATURES = 3 };

/* ---- rows ------------------------------------------------------------------------------------ */

static void take_rows(const cli_drift *job, const mw_frame *frame, bool is_reference, double *ret)
{
    const cli_drift_joint *joint = &job->joint;
    for (size_t k = 0; k < joint->n; k++) {
        const cli_drift_feature *feature = joint->features[k];
        ptrdiff_t column = is_reference ? feature->in_reference : feature->in_current;
        for (size_t i = 0; i < frame->n_rows; i++)
            ret[i * joint->n + k] = frame->columns[column].values[i];
    }
}

static mw_status fail_profile(const cli_drift *job, mw_error *err)
{
    mw_fail(err, MW_E_PROFILE_METHOD, "--joint needs rows, and a training profile has none");
    mw_at(err, "%s", job->reference.path);
    return mw_mend(err, "give the CSV file that it was made of as --ref");
}

static mw_status measure(cli_drift *job, double *rows, bool *is_category, mw_error *err)
{
    cli_drift_joint *joint = &job->joint;
    size_t n_r = job->reference.frame.n_rows, n_c = job->current.frame.n_rows;
    mw_drift_joint_options options;
    mw_drift_joint_options_init(job->options.profile, &options);
    options.chunk_rows = (size_t)job->call->settings[CLI_CHUNK].number;
    options.alpha = job->options.alpha;
    for (size_t k = 0; k < joint->n; k++)
        is_category[k] = joint->features[k]->by_code ||
                         cli_drift_is_listed(job, CLI_CATEGORICAL, joint->features[k]->name);
    size_t chunk_rows = mw_joint_chunk_rows(&options, n_r, n_c);
    joint->chunks = calloc(chunk_rows ? n_c / chunk_rows + 1 : 1, sizeof *joint->chunks);
    joint->residuals = calloc(2 * joint->n + 1, sizeof *joint->residuals);
    if (!joint->chunks || !joint->residuals)
        return mw_fail_memory(err, "the chunks");
    take_rows(job, &job->reference.frame, true, rows);
    take_rows(job, &job->current.frame, false, rows + n_r * joint->n);
    return mw_joint_check(rows, n_r, rows + n_r * joint->n, n_c, joint->n, is_category, &options,
                          joint->chunks, joint->residuals, &joint->summary, err);
}

static int by_residual(const void *a, const void *b, void *given)
{
    const cli_drift_joint *joint = given;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    double gap_i = fabs(joint->residuals[joint->n + i] - joint->residuals[i]);
    double gap_j = fabs(joint->residuals[joint->n + j] - joint->residuals[j]);
    return gap_i != gap_j ? (gap_i < gap_j) - (gap_i > gap_j) : (i > j) - (i < j);
}

mw_status cli_drift_check_joint(cli_drift *job, mw_error *err)
{
    cli_drift_joint *joint = &job->joint;
    if (!cli_is_on(job->call, CLI_JOINT))
        return MW_OK;
    if (job->by_profile)
        return fail_profile(job, err);
    joint->features = calloc(job->n_features + 1, sizeof(const cli_drift_feature *));
    joint->order = calloc(job->n_features + 1, sizeof *joint->order);
    if (!joint->features || !joint->order)
        return mw_fail_memory(err, "the features");
    for (size_t f = 0; f < job->n_features; f++)
        if (job->features[f].state == CLI_DRIFT_COMPARED)
            joint->features[joint->n++] = &job->features[f];
    size_t n_rows = job->reference.frame.n_rows + job->current.frame.n_rows;
    double *rows = malloc((n_rows * joint->n + 1) * sizeof *rows);
    bool *is_category = calloc(joint->n + 1, sizeof *is_category);
    mw_status status = rows && is_category ? measure(job, rows, is_category, err)
                                           : mw_fail_memory(err, "the rows");
    free(rows);
    free(is_category);
    MW_TRY(status);
    for (size_t k = 0; k < joint->n; k++)
        joint->order[k] = k;
    qsort_r(joint->order, joint->n, sizeof *joint->order, by_residual, joint);
    joint->is_told = true;
    job->summary.drifted |= joint->summary.drifted;
    return MW_OK;
}

void cli_drift_joint_done(cli_drift_joint *joint)
{
    free(joint->features);
    free(joint->order);
    free(joint->chunks);
    free(joint->residuals);
}

/* ---- the finding ----------------------------------------------------------------------------- */

void cli_drift_joint_sentence(const cli_drift *job, mw_buf *out)
{
    const cli_drift_joint *joint = &job->joint;
    const mw_drift_joint_summary *s = &joint->summary;
    if (!joint->is_told)
        return;
    mw_buf_format(
        out,
        "together: what %zu components leave of a row of %zu features was %.4g and is %.4g "
        "(%+.2f deviations, p ",
        s->n_components, s->n_features, s->error_reference, s->error_current, s->effect);
    cli_drift_number(out, s->p_value);
    mw_buf_format(out, "); %zu of %zu chunks of %zu rows are beyond %.4g .. %.4g", s->n_drifted,
                  s->n_chunks, s->chunk_rows, isinf(s->low) ? 0 : s->low, s->high);
    for (size_t k = 0; s->drifted && k < joint->n && k < TOLD_FEATURES; k++)
        mw_buf_format(out, "%s%.*s", k ? ", " : "; most of it in ",
                      MW_VIEW_ARG(joint->features[joint->order[k]]->name));
}

static void put_chunk(const mw_drift_joint_chunk *chunk, mw_buf *out)
{
    double away = 3 * chunk->sampling_error;
    mw_buf_char(out, '{');
    cli_member_int(out, "first_row", (int64_t)chunk->first_row);
    cli_member_int(out, "rows", (int64_t)chunk->n_rows);
    cli_member_number(out, "error", chunk->error);
    cli_member_number(out, "sampling_error", chunk->sampling_error);
    cli_member_number(out, "low", isnan(away) ? away : fmax(chunk->error - away, 0));
    cli_member_number(out, "high", chunk->error + away);
    cli_member_bool(out, "drifted", chunk->drifted);
    mw_buf_char(out, '}');
}

void cli_drift_joint_json(const cli_drift *job, mw_buf *out)
{
    const cli_drift_joint *joint = &job->joint;
    const mw_drift_joint_summary *s = &joint->summary;
    if (!joint->is_told)
        return;
    cli_member(out, "joint");
    mw_buf_char(out, '{');
    cli_member_bool(out, "drifted", s->drifted);
    cli_member_int(out, "n_features", (int64_t)s->n_features);
    cli_member_int(out, "n_components", (int64_t)s->n_components);
    cli_member_number(out, "explained", s->explained);
    cli_member_number(out, "error_reference", s->error_reference);
    cli_member_number(out, "error_current", s->error_current);
    cli_member_number(out, "effect", s->effect);
    cli_member_number(out, "p_value", s->p_value);
    cli_member_number(out, "low_threshold", s->low);
    cli_member_number(out, "high_threshold", s->high);
    cli_member_int(out, "chunk_rows", (int64_t)s->chunk_rows);
    cli_member_int(out, "chunks_drifted", (int64_t)s->n_drifted);
    cli_member(out, "features");
    for (size_t k = 0; k < joint->n; k++) {
        size_t at = joint->order[k];
        mw_buf_char(out, k ? ',' : '[');
        mw_buf_text(out, "{\"feature\":");
        mw_json_write_text(out, joint->features[at]->name);
        cli_member_number(out, "residual_reference", joint->residuals[at]);
        cli_member_number(out, "residual_current", joint->residuals[joint->n + at]);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]");
    cli_member(out, "chunks");
    for (size_t i = 0; i < s->n_chunks; i++) {
        mw_buf_char(out, i ? ',' : '[');
        put_chunk(&joint->chunks[i], out);
    }
    mw_buf_text(out, "]}");
}
