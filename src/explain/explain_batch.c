/* A batch, block by block, on one thread or several. */
#include "players.h"

#include "base/banned.h"

/* ---- one thread ------------------------------------------------------------------------------ */

/* Contributions are those of the sum of trees; the margin may be scaled. Then the bias. */
static void finish(const mw_explainer *explainer, size_t n_rows, double *values)
{
    const mw_forest *forest = explainer->forest;
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t m = 0; m < forest->n_margins; m++, values += forest->n_features + 1) {
            for (size_t f = 0; forest->margin_offset && f < forest->n_features; f++)
                values[f] *= forest->margin_scale;
            values[forest->n_features] = explainer->bias[m];
        }
    }
}

void explain_rows(const mw_explainer *explainer, const mw_matrix *rows, size_t first, size_t end,
                  void *memory, double *ret_values)
{
    size_t width = mw_explainer_values(explainer);
    size_t block_rows = explainer->kernel->block_rows(explainer->layout);
    size_t played_width = explainer->played->n_margins * (explainer->played->n_features + 1);
    mw_matrix prepared;
    char *played = (char *)memory + explainer->prepare_bytes;
    explain_block block = {.memory = played + explainer->played_bytes};
    for (size_t at = first; at < end; at += block.n_rows) {
        explain_take_rows(explainer->forest, rows, at,
                          end - at < block_rows ? end - at : block_rows, memory, &prepared, &block);
        block.values = explainer->players ? (double *)played : ret_values;
        memset(block.values, 0, block.n_rows * played_width * sizeof *block.values);
        explainer->kernel->explain(explainer->played, explainer->layout, &block);
        if (explainer->players)
            explain_players_share(explainer->players, block.n_rows, block.values, ret_values);
        finish(explainer, block.n_rows, ret_values);
        ret_values += block.n_rows * width;
    }
}

mw_status mw_explain_batch(const mw_explainer *explainer, const mw_matrix *rows,
                           mw_scratch *scratch, double *ret_values, mw_error *err)
{
    void *memory;
    MW_TRY(mw_predict_check_rows(explainer->forest, rows, err));
    MW_TRY(mw_scratch_room(scratch, explainer->memory_bytes, &memory, err));
    explain_rows(explainer, rows, 0, rows->n_rows, memory, ret_values);
    return MW_OK;
}

/* ---- several --------------------------------------------------------------------------------- */

typedef struct explain_call {
    const mw_explainer *explainer;
    const mw_matrix *rows;
    double *values;
} explain_call;

static void explain_part(const void *context, size_t first, size_t end, void *memory)
{
    const explain_call *call = context;
    explain_rows(call->explainer, call->rows, first, end, memory,
                 call->values + first * mw_explainer_values(call->explainer));
}

mw_status mw_explain_parallel(const mw_explainer *explainer, const mw_matrix *rows, mw_pool *pool,
                              double *ret_values, mw_error *err)
{
    MW_TRY(mw_predict_check_rows(explainer->forest, rows, err));
    explain_call call = {explainer, rows, ret_values};
    mw_row_work work = {.run = explain_part,
                        .context = &call,
                        .n_rows = rows->n_rows,
                        .chunk_rows = explainer->kernel->block_rows(explainer->layout),
                        .memory_bytes = explainer->memory_bytes,
                        .what = "the threads of an explanation"};
    return mw_split_rows(&work, pool, err);
}
