/* What 'mw explain' computes, chosen by its options. */
#include "explaining.h"
#include "row_reader.h"

#include <stdlib.h>

/* ---- background ------------------------------------------------------------------------------ */

typedef struct rows_kept {
    double *values;
    size_t n_rows, capacity;
} rows_kept;

/* Beyond the limit of a background nothing more is kept: the contrast then refuses it, with the
 * number of rows that there are so far. */
static mw_status keep(rows_kept *kept, const mw_batch *batch, mw_error *err)
{
    size_t row_bytes = batch->n_columns * sizeof(double), wanted = kept->n_rows + batch->n_rows;
    if (wanted > kept->capacity) {
        size_t capacity = wanted + wanted / 2;
        double *values = realloc(kept->values, capacity * row_bytes + 1);
        if (!values)
            return mw_fail_memory(err, "the background");
        kept->values = values;
        kept->capacity = capacity;
    }
    memcpy(kept->values + kept->n_rows * batch->n_columns, batch->values,
           batch->n_rows * row_bytes);
    kept->n_rows = wanted;
    return MW_OK;
}

static mw_status read_rows(cli_row_reader *reader, const char *path, rows_kept *kept, mw_error *err)
{
    size_t row_bytes = reader->schema->n_columns * sizeof(double) + 1;
    MW_TRY(cli_row_reader_open(reader, path, err));
    while (kept->n_rows <= MW_LIMIT_BACKGROUND_BYTES / row_bytes) {
        mw_batch batch;
        MW_TRY(cli_row_reader_next(reader, &batch, err));
        if (batch.n_rows == 0)
            break;
        MW_TRY(keep(kept, &batch, err));
    }
    return MW_OK;
}

static mw_status make_contrast(cli_explaining *to, const cli_call *call, const char *path,
                               mw_error *err)
{
    cli_row_reader reader;
    rows_kept kept = {0};
    cli_row_reader_init(&reader, call);
    cli_row_reader_bound(&reader, to->forest->n_features);
    reader.schema = &to->forest->schema;
    mw_status status = read_rows(&reader, path, &kept, err);
    if (status == MW_OK) {
        mw_batch all = {kept.values, kept.n_rows, to->forest->n_features};
        mw_matrix rows = mw_batch_matrix(&all);
        status = mw_contrast_new(to->forest, &rows, to->scale, &to->contrast, err);
    }
    free(kept.values);
    cli_row_reader_done(&reader);
    return status;
}

/* ---- life ------------------------------------------------------------------------------------ */

mw_status cli_explaining_init(cli_explaining *to, const cli_call *call, const mw_forest *forest,
                              mw_error *err)
{
    const cli_setting *settings = call->settings;
    const char *background = settings[CLI_BACKGROUND].text;
    *to = (cli_explaining){.forest = forest, .scale = (mw_scale)settings[CLI_SCALE].number};
    if (background && cli_is_on(call, CLI_INTERACTIONS)) {
        mw_fail(err, MW_E_INTERACTIONS_BACKGROUND, "--interactions does not go with --background");
        return mw_mend(err, "leave one of them out: interactions are weighed by the covers");
    }
    if (background)
        return make_contrast(to, call, background, err);
    if (to->scale != MW_SCALE_MARGIN) {
        mw_fail(err, MW_E_SCALE_BACKGROUND, "--scale probability needs rows to compare with");
        return mw_mend(err, "add --background rows.csv: probabilities have no values by covers");
    }
    mw_status status = cli_is_on(call, CLI_INTERACTIONS)
                           ? mw_interactions_new(forest, &to->interactions, err)
                           : mw_explainer_new(forest, &to->explainer, err);
    if (status != MW_OK)
        return mw_at(err, "%s", call->arguments[0]);
    return MW_OK;
}

void cli_explaining_done(cli_explaining *to)
{
    mw_explainer_free(to->explainer);
    mw_contrast_free(to->contrast);
    mw_interactions_free(to->interactions);
}

/* ---- use ------------------------------------------------------------------------------------- */

size_t cli_explaining_values(const cli_explaining *to)
{
    if (to->interactions)
        return mw_interactions_values(to->interactions);
    return to->contrast ? mw_contrast_values(to->contrast) : mw_explainer_values(to->explainer);
}

const char *cli_explaining_kernel(const cli_explaining *to)
{
    if (to->interactions)
        return mw_interactions_kernel(to->interactions);
    return to->contrast ? mw_contrast_kernel(to->contrast) : mw_explainer_kernel(to->explainer);
}

const char *cli_explaining_sum(const cli_explaining *to)
{
    return to->scale == MW_SCALE_PROBABILITY ? "probability" : "margin";
}

mw_status cli_explaining_run(const cli_explaining *to, const mw_matrix *rows, mw_pool *pool,
                             double *ret_values, mw_error *err)
{
    if (to->interactions)
        return mw_interactions_parallel(to->interactions, rows, pool, ret_values, err);
    return to->contrast ? mw_contrast_parallel(to->contrast, rows, pool, ret_values, err)
                        : mw_explain_parallel(to->explainer, rows, pool, ret_values, err);
}
