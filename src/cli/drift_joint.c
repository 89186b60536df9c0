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

static void take_rows(const cli_drift_table *table, const mw_frame *frame, bool is_reference,
                      double *ret)
{
    for (size_t k = 0; k < table->n; k++) {
        const cli_drift_feature *feature = table->features[k];
        ptrdiff_t column = is_reference ? feature->in_reference : feature->in_current;
        for (size_t i = 0; i < frame->n_rows; i++)
            ret[i * table->n + k] = frame->columns[column].values[i];
    }
}

mw_status cli_drift_fail_profile(const cli_drift *job, const char *option, mw_error *err)
{
    mw_fail(err, MW_E_PROFILE_METHOD, "%s needs rows, and a training profile has none", option);
    mw_at(err, "%s", job->reference.path);
    return mw_mend(err, "give the CSV file that it was made of as --ref");
}

mw_status cli_drift_take(const cli_drift *job, cli_drift_table *ret_table, mw_error *err)
{
    cli_drift_table table = {.n_reference = job->reference.frame.n_rows,
                             .n_current = job->current.frame.n_rows};
    table.features = calloc(job->n_features + 1, sizeof(const cli_drift_feature *));
    table.is_category = calloc(job->n_features + 1, sizeof *table.is_category);
    for (size_t f = 0; table.features && f < job->n_features; f++)
        if (job->features[f].state == CLI_DRIFT_COMPARED)
            table.features[table.n++] = &job->features[f];
    size_t n_rows = table.n_reference + table.n_current;
    table.rows = malloc((n_rows * table.n + 1) * sizeof *table.rows);
    if (!table.features || !table.is_category || !table.rows) {
        free(table.features);
        free(table.is_category);
        free(table.rows);
        return mw_fail_memory(err, "the rows");
    }
    for (size_t k = 0; k < table.n; k++)
        table.is_category[k] = table.features[k]->by_code ||
                               cli_drift_is_listed(job, CLI_CATEGORICAL, table.features[k]->name);
    take_rows(&table, &job->reference.frame, true, table.rows);
    take_rows(&table, &job->current.frame, false, table.rows + table.n_reference * table.n);
    *ret_table = table;
    return MW_OK;
}

static mw_status measure(cli_drift *job, const cli_drift_table *table, mw_error *err)
{
    cli_drift_joint *joint = &job->joint;
    size_t n_r = table->n_reference, n_c = table->n_current;
    mw_drift_joint_options options;
    mw_drift_joint_options_init(job->options.profile, &options);
    options.chunk_rows = (size_t)job->call->settings[CLI_CHUNK].number;
    options.alpha = job->options.alpha;
    size_t chunk_rows = mw_joint_chunk_rows(&options, n_r, n_c);
    joint->chunks = calloc(chunk_rows ? n_c / chunk_rows + 1 : 1, sizeof *joint->chunks);
    joint->residuals = calloc(2 * joint->n + 1, sizeof *joint->residuals);
    joint->order = calloc(joint->n + 1, sizeof *joint->order);
    if (!joint->chunks || !joint->residuals || !joint->order)
        return mw_fail_memory(err, "the chunks");
    return mw_joint_check(table->rows, n_r, table->rows + n_r * table->n, n_c, table->n,
                          table->is_category, &options, joint->chunks, joint->residuals,
                          &joint->summary, err);
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
        return cli_drift_fail_profile(job, "--joint", err);
    cli_drift_table table;
    MW_TRY(cli_drift_take(job, &table, err));
    joint->features = table.features;
    joint->n = table.n;
    mw_status status = measure(job, &table, err);
    free(table.rows);
    free(table.is_category);
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
