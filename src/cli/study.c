/* A model and all rows of a file in memory. */
#include "study.h"
#include "house.h"

#include <stdlib.h>

/* ---- life ------------------------------------------------------------------------------------ */

void cli_study_init(cli_study *study, const cli_call *call)
{
    uint64_t threads = call->settings[CLI_THREADS].number;
    *study = (cli_study){.call = call};
    study->n_threads = threads ? (unsigned)threads : cli_cores();
    cli_row_reader_init(&study->reader, call);
    mw_buf_init(&study->text, MW_LIMIT_REPLY_BYTES);
    cli_interrupt_watch();
}

void cli_study_done(cli_study *study)
{
    mw_pool_free(study->pool);
    mw_predictor_free(study->predictor);
    mw_forest_free(study->forest);
    free(study->values);
    mw_buf_done(&study->text);
    cli_row_reader_done(&study->reader);
}

bool cli_study_has_rows(const cli_study *study)
{
    return study->call->n_arguments > 1 || study->call->settings[CLI_INPUT].text;
}

mw_status cli_study_load(cli_study *study, mw_error *err)
{
    MW_TRY(mw_forest_load(study->call->arguments[0], &study->forest, err));
    MW_TRY(mw_predictor_new(study->forest, &study->predictor, err));
    return study->n_threads > 1 ? mw_pool_new(study->n_threads - 1, &study->pool, err) : MW_OK;
}

/* ---- target ---------------------------------------------------------------------------------- */

static mw_status check_target_name(const cli_study *study, const char *name, mw_error *err)
{
    if (mw_schema_find(&study->forest->schema, mw_view_of(name)) < 0)
        return MW_OK;
    mw_fail(err, MW_E_TARGET_COLUMN, "'%s' is a feature of the model", name);
    mw_at(err, "--target");
    return mw_mend(err, "name the column that tells what came true");
}

/* The features, then the target: a class by its label when the model knows labels. */
static mw_status make_schema(cli_study *study, const char *name, mw_error *err)
{
    const mw_forest *forest = study->forest;
    mw_column *columns = calloc(forest->n_features + 1, sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "the columns");
    memcpy(columns, forest->schema.columns, forest->n_features * sizeof *columns);
    mw_column *target = &columns[forest->n_features];
    *target = (mw_column){.name = mw_view_of(name), .type = MW_COLUMN_FLOAT64};
    double number;
    if (forest->class_labels) {
        mw_view first = forest->class_labels[0];
        target->type = MW_COLUMN_CATEGORY;
        target->categories = forest->class_labels;
        target->n_categories = forest->n_classes;
        target->categories_are_numbers = mw_number_parse(first.data, first.size, &number);
    }
    mw_status status = mw_schema_make(columns, forest->n_features + 1, forest->schema.named,
                                      &study->reader.kept, &study->with_target, err);
    free(columns);
    return status;
}

/* Columns of a model that knows no names go by position: then the target must be the last. */
static mw_status check_last_column(const cli_study *study, const char *target, mw_error *err)
{
    mw_view header = mw_view_trim(study->reader.header);
    if (!target || study->forest->schema.named || study->reader.format != CLI_ROWS_CSV)
        return MW_OK;
    const char *comma = memrchr(header.data, study->reader.csv.separator, header.size);
    mw_view last = header;
    if (comma)
        last = (mw_view){comma + 1, header.size - (size_t)(comma + 1 - header.data)};
    last = mw_view_trim(last);
    if (last.size > 1 && last.data[0] == '"')
        last = (mw_view){last.data + 1, last.size - 2};
    if (mw_view_is(last, target))
        return MW_OK;
    mw_fail(err, MW_E_TARGET_COLUMN, "the last column is '%.*s', not '%s'", MW_VIEW_ARG(last),
            target);
    mw_why(err, "the model knows no names, so that columns go by position, the target last");
    return mw_mend(err, "make it the last column");
}

/* ---- rows ------------------------------------------------------------------------------------ */

mw_status cli_study_open(cli_study *study, const char *target, mw_error *err)
{
    const char *path = NULL;
    MW_TRY(cli_row_reader_find(&study->reader, &path, err));
    study->reader.schema = &study->forest->schema;
    if (target) {
        MW_TRY(check_target_name(study, target, err));
        MW_TRY(make_schema(study, target, err));
        study->reader.schema = &study->with_target;
    }
    study->n_columns = study->reader.schema->n_columns;
    if (study->reader.max_rows == 0)
        cli_row_reader_bound(&study->reader, study->n_columns);
    MW_TRY(cli_row_reader_open(&study->reader, path, err));
    return check_last_column(study, target, err);
}

static mw_status fail_too_many(const cli_row_reader *reader, mw_error *err)
{
    mw_fail(err, MW_E_STUDY_ROWS, "the rows take more than %zu MiB of memory",
            MW_LIMIT_STUDY_BYTES / MW_MIB);
    mw_at(err, "%s", reader->source.name);
    return mw_mend(err, "take a sample of them; some ten thousand tell as much");
}

/* Append a batch; the capacity grows by halves. */
static mw_status keep_batch(const cli_row_reader *reader, const mw_batch *batch, double **values,
                            size_t *n_rows, size_t *capacity, mw_error *err)
{
    size_t wanted = *n_rows + batch->n_rows, row_bytes = batch->n_columns * sizeof(double);
    if (wanted > MW_LIMIT_STUDY_BYTES / row_bytes)
        return fail_too_many(reader, err);
    if (wanted > *capacity) {
        size_t room = wanted + *capacity / 2;
        double *grown = realloc(*values, room * row_bytes);
        if (!grown)
            return mw_fail_memory(err, "the rows");
        *values = grown;
        *capacity = room;
    }
    memcpy(*values + *n_rows * batch->n_columns, batch->values, batch->n_rows * row_bytes);
    *n_rows = wanted;
    return MW_OK;
}

static mw_status read_all(cli_row_reader *reader, double **values, size_t *n_rows, mw_error *err)
{
    mw_batch batch;
    size_t capacity = 0;
    do {
        MW_TRY(cli_row_reader_next(reader, &batch, err));
        if (batch.n_rows > 0)
            MW_TRY(keep_batch(reader, &batch, values, n_rows, &capacity, err));
    } while (batch.n_rows > 0);
    if (*n_rows > 0)
        return MW_OK;
    mw_fail(err, MW_E_NO_ROWS, "there are no rows");
    mw_at(err, "%s", reader->source.name);
    return mw_mend(err, "give a file with a header line and at least one row");
}

mw_status cli_study_read(cli_study *study, mw_error *err)
{
    return read_all(&study->reader, &study->values, &study->n_rows, err);
}

mw_status cli_study_read_file(const cli_study *study, const char *path, double **ret_values,
                              size_t *ret_rows, mw_error *err)
{
    cli_row_reader reader;
    double *values = NULL;
    size_t n_rows = 0;
    cli_row_reader_init(&reader, study->call);
    reader.schema = &study->forest->schema;
    cli_row_reader_bound(&reader, reader.schema->n_columns);
    mw_status status = cli_row_reader_open(&reader, path, err);
    if (status == MW_OK)
        status = read_all(&reader, &values, &n_rows, err);
    cli_row_reader_done(&reader);
    if (status != MW_OK) {
        free(values);
        return status;
    }
    *ret_values = values;
    *ret_rows = n_rows;
    return MW_OK;
}

mw_matrix cli_study_matrix(const cli_study *study)
{
    return (mw_matrix){.data = study->values,
                       .dtype = MW_FLOAT64,
                       .n_rows = study->n_rows,
                       .n_columns = study->forest->n_features,
                       .row_stride = (ptrdiff_t)study->n_columns,
                       .column_stride = 1};
}

mw_status cli_study_feature(const cli_study *study, mw_view name, const char *flag,
                            size_t *ret_feature, mw_error *err)
{
    const mw_schema *schema = &study->forest->schema;
    ptrdiff_t found = mw_schema_find(schema, name);
    if (found >= 0) {
        *ret_feature = (size_t)found;
        return MW_OK;
    }
    enum { NAME_BYTES = 256 };
    char candidate[NAME_BYTES], best[NAME_BYTES] = "";
    cli_nearest nearest = cli_nearest_to(name);
    for (size_t f = 0; f < schema->n_columns; f++) {
        const char *before = nearest.name;
        snprintf(candidate, sizeof candidate, "%.*s", MW_VIEW_ARG(schema->columns[f].name));
        cli_nearest_offer(&nearest, candidate);
        if (nearest.name != before)
            memcpy(best, candidate, sizeof best);
        nearest.name = before || best[0] ? best : NULL;
    }
    mw_fail(err, MW_E_FEATURE_NAME, "the model has no feature '%.*s'", MW_VIEW_ARG(name));
    mw_at(err, "--%s", flag);
    if (best[0])
        return mw_mend(err, "did you mean '%s'?", best);
    return mw_mend(err, "'mw model show %s' lists the features", study->call->arguments[0]);
}

mw_status cli_study_put(cli_study *study, mw_error *err)
{
    cli_row_reader_clear(&study->reader);
    if (study->text.failed)
        return mw_fail_memory(err, "the result");
    return cli_put(study->call, &study->text, err);
}
