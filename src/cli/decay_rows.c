/* Columns of a file to rows that decay can be estimated of. */
#include "decay.h"

#include <math.h>
#include <stdlib.h>

mw_status cli_decay_fail_column(const cli_frame_file *file, mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_DECAY_COLUMNS, "there is no column '%.*s'", MW_VIEW_ARG(name));
    mw_at(err, "%s", file->path);
    cli_nearest nearest = cli_nearest_to(name);
    for (size_t c = 0; c < file->frame.n_columns; c++)
        cli_nearest_offer(&nearest, file->frame.columns[c].name.data);
    return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                        : mw_mend(err, "the header line tells which columns there are");
}

mw_status cli_decay_numbers(const cli_frame_file *file, mw_view name, const double **ret_values,
                            mw_error *err)
{
    ptrdiff_t c = mw_frame_find(&file->frame, name);
    if (c < 0)
        return cli_decay_fail_column(file, name, err);
    if (!file->frame.columns[c].is_text) {
        *ret_values = file->frame.columns[c].values;
        return MW_OK;
    }
    mw_fail(err, MW_E_DECAY_COLUMNS, "column '%.*s' holds text", MW_VIEW_ARG(name));
    mw_at(err, "%s", file->path);
    return mw_mend(err, "scores are numbers; labels of two classes are 0 and 1, those of several "
                        "may be texts: --score a=COLUMN,b=COLUMN,c=COLUMN");
}

bool cli_decay_has_labels(const cli_decay *job, const cli_decay_rows *rows, bool is_reference)
{
    mw_view label = mw_view_of(job->call->settings[CLI_DECAY_LABEL].text);
    return is_reference || mw_frame_find(&rows->file.frame, label) >= 0;
}

static bool is_whole(const double *const *scores, size_t n_scores, size_t row)
{
    for (size_t k = 0; k < n_scores; k++)
        if (!isfinite(scores[k][row]))
            return false;
    return true;
}

mw_status cli_decay_keep(cli_decay_rows *rows, const double *const *scores, size_t n_scores,
                         const double *decisions, const double *labels, bool needs_labels,
                         mw_error *err)
{
    size_t n = rows->file.frame.n_rows, room = n + 1;
    rows->block = malloc((n_scores + 2) * room * sizeof *rows->block);
    if (!rows->block)
        return mw_fail_memory(err, "the scores");
    double *kept = rows->block + (n_scores + 1) * room;
    bool all_labelled = labels;
    rows->scores = rows->block;
    rows->decisions = rows->block + n_scores * room;
    rows->room = room;
    for (size_t i = 0; i < n; i++) {
        if (!is_whole(scores, n_scores, i) || (needs_labels && isnan(labels[i])) ||
            (decisions && !isfinite(decisions[i])))
            continue;
        for (size_t k = 0; k < n_scores; k++)
            rows->scores[k * room + rows->n] = scores[k][i];
        rows->decisions[rows->n] = decisions ? decisions[i] : 0;
        kept[rows->n++] = labels ? labels[i] : 0;
        all_labelled = all_labelled && !isnan(labels[i]);
    }
    rows->n_left_out = n - rows->n;
    rows->labels = all_labelled ? kept : NULL;
    return MW_OK;
}
