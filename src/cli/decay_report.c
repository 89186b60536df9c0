/* The finding of `mw decay estimate`, for people and for programs. */
#include "decay.h"
#include "members.h"

#include <math.h>

bool cli_decay_alarms(const cli_decay *job, const cli_decay_chunk *chunk, size_t m)
{
    return chunk->estimated[m] < job->low[m] || chunk->estimated[m] > job->high[m];
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_chunk(const cli_decay *job, const cli_decay_chunk *chunk, mw_buf *out)
{
    mw_buf_format(out, "{\"first_row\":%zu,\"rows\":%zu,\"metrics\":{", chunk->first, chunk->n);
    for (size_t m = 0; m < job->n_metrics; m++) {
        double e = chunk->estimated[m], error = CLI_DECAY_DEVIATIONS * chunk->error[m];
        mw_buf_format(out, "%s\"%s\":{", m ? "," : "", job->metrics[m]);
        cli_member_number(out, "estimated", e);
        cli_member_number(out, "sampling_error", chunk->error[m]);
        cli_member_number(out, "low", fmax(e - error, 0));
        cli_member_number(out, "high", fmin(e + error, job->method->most));
        if (chunk->has_realized)
            cli_member_number(out, "realized", chunk->realized[m]);
        cli_member_bool(out, "alert", cli_decay_alarms(job, chunk, m));
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "}}");
}

void cli_decay_json(const cli_decay *job, mw_buf *out)
{
    mw_buf_format(out, "{\"method\":\"%s\"", job->method->name);
    job->method->json(job, out);
    mw_buf_format(out,
                  ",\"chunk_rows\":%zu,\"chunks_alarmed\":%zu,"
                  "\"reference\":{\"rows\":%zu,\"left_out\":%zu,\"thresholds\":{",
                  job->chunk_rows, job->n_alarms, job->reference.n, job->reference.n_left_out);
    for (size_t m = 0; m < job->n_metrics; m++) {
        mw_buf_format(out, "%s\"%s\":{", m ? "," : "", job->metrics[m]);
        cli_member_number(out, "mean", job->expected[m]);
        cli_member_number(out, "low", job->low[m]);
        cli_member_number(out, "high", job->high[m]);
        mw_buf_char(out, '}');
    }
    mw_buf_format(out, "}},\"current\":{\"rows\":%zu,\"left_out\":%zu},\"chunks\":[",
                  job->current.n, job->current.n_left_out);
    for (size_t i = 0; i < job->n_chunks; i++) {
        mw_buf_text(out, i ? ",\n" : "\n");
        json_chunk(job, &job->chunks[i], out);
    }
    mw_buf_text(out, "\n]}\n");
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_metric(const cli_decay *job, size_t m, mw_buf *out)
{
    /* shares have four decimals; errors have a unit, and any size */
    const bool is_share = job->method->most == 1;
    mw_buf_format(out,
                  is_share ? "%s: %.4f on the reference, expected in %.4f .. %.4f\n"
                           : "%s: %.6g on the reference, expected in %.6g .. %.6g\n",
                  job->metrics[m], job->expected[m], job->low[m], job->high[m]);
    for (size_t i = 0; i < job->n_chunks; i++) {
        const cli_decay_chunk *chunk = &job->chunks[i];
        mw_buf_format(out,
                      is_share ? "  rows %zu..%zu  %.4f +- %.4f" : "  rows %zu..%zu  %.6g +- %.3g",
                      chunk->first, chunk->first + chunk->n - 1, chunk->estimated[m],
                      CLI_DECAY_DEVIATIONS * chunk->error[m]);
        if (chunk->has_realized)
            mw_buf_format(out, is_share ? "  (in truth %.4f)" : "  (in truth %.6g)",
                          chunk->realized[m]);
        mw_buf_text(out, cli_decay_alarms(job, chunk, m) ? "  alarm\n" : "\n");
    }
}

void cli_decay_text(const cli_decay *job, mw_buf *out)
{
    mw_buf_format(out, "%zu of %zu chunks of %zu rows alarm; estimated by ", job->n_alarms,
                  job->n_chunks, job->chunk_rows);
    job->method->text(job, out);
    mw_buf_text(out, "\nit assumes that inputs mean what they did: a change of what follows from "
                     "them is not seen\n\n");
    if (job->reference.n_left_out + job->current.n_left_out > 0)
        mw_buf_format(out, "left out: %zu rows of the reference, %zu current ones\n\n",
                      job->reference.n_left_out, job->current.n_left_out);
    for (size_t m = 0; m < job->n_metrics; m++)
        text_metric(job, m, out);
}
