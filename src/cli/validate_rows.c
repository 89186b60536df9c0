/* The rows of a validation: what came true, and what each candidate says. */
#include "validate.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "frame_rows.h"
#include "house.h"
#include "look.h"

/* ---- columns --------------------------------------------------------------------------------- */

static mw_status fail_column(const cli_validation *v, const mw_frame *frame, const char *flag,
                             mw_view name, mw_error *err)
{
    cli_nearest nearest = cli_nearest_to(name);
    (void)v;
    mw_fail(err, MW_E_VALIDATE_COLUMNS, "the file has no column '%.*s'", MW_VIEW_ARG(name));
    mw_at(err, "%s", flag);
    for (size_t c = 0; c < frame->n_columns; c++)
        cli_nearest_offer(&nearest, frame->columns[c].name.data);
    return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                        : mw_mend(err, "the header line tells which columns there are");
}

static mw_status find(const cli_validation *v, const mw_frame *frame, cli_option_id id,
                      mw_view name, size_t *ret_column, mw_error *err)
{
    char flag[40];
    snprintf(flag, sizeof flag, "--%s", cli_options[id].name);
    ptrdiff_t found = mw_frame_find(frame, name);
    if (found < 0)
        return fail_column(v, frame, flag, name, err);
    *ret_column = (size_t)found;
    return MW_OK;
}

static mw_status find_option(const cli_validation *v, cli_option_id id, size_t *ret_column,
                             mw_error *err)
{
    const char *name = v->call->settings[id].text;
    *ret_column = CLI_NO_COLUMN;
    return name ? find(v, &v->file.frame, id, mw_view_of(name), ret_column, err) : MW_OK;
}

static mw_status fail_missing(const char *what, mw_error *err)
{
    mw_fail(err, MW_E_VALIDATE_COLUMNS, "%s is missing", what);
    return mw_mend(err, "mw model validate model.json --data test.csv --target y");
}

static mw_status fail_value(const cli_validation *v, size_t column, size_t row, const char *what,
                            const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_VALIDATE_VALUES, "column '%.*s': %s",
            MW_VIEW_ARG(v->file.frame.columns[column].name), what);
    mw_at(err, "%s, row %zu", v->file.path, row + 1);
    return mw_mend(err, "%s", mend);
}

static mw_status read_weights(cli_validation *v, mw_error *err)
{
    if (v->weight == CLI_NO_COLUMN)
        return MW_OK;
    const mw_frame_column *column = &v->file.frame.columns[v->weight];
    for (size_t row = 0; row < v->n_rows; row++)
        if (column->is_text || !(column->values[row] >= 0) || isinf(column->values[row]))
            return fail_value(v, v->weight, row, "a weight is a number of 0 or more",
                              "mend the row, or leave it out", err);
    double sum = 0;
    for (size_t row = 0; row < v->n_rows; row++)
        sum += column->values[row];
    if (v->n_rows > 0 && !(sum > 0 && isfinite(sum)))
        return fail_value(v, v->weight, 0, "the weights of all rows together are no number above 0",
                          "give rows that count weights above 0", err);
    v->weights = column->values;
    return MW_OK;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Queries by the order of their numbers, or by their texts' codes. */
static mw_status read_queries(cli_validation *v, mw_error *err)
{
    if (v->query == CLI_NO_COLUMN)
        return MW_OK;
    const double *values = v->file.frame.columns[v->query].values;
    double *sorted = mw_arena_take(&v->memory, v->n_rows * sizeof *sorted);
    v->query_of = mw_arena_take(&v->memory, v->n_rows * sizeof *v->query_of);
    if (!sorted || !v->query_of)
        return mw_fail_memory(err, "the queries");
    for (size_t row = 0; row < v->n_rows; row++)
        if (isnan(values[row]))
            return fail_value(v, v->query, row, "the query is missing",
                              "every row belongs to a query", err);
    memcpy(sorted, values, v->n_rows * sizeof *sorted);
    qsort(sorted, v->n_rows, sizeof *sorted, by_number);
    for (size_t i = 0; i < v->n_rows; i++)
        if (i == 0 || sorted[i] != sorted[i - 1])
            sorted[v->n_queries++] = sorted[i];
    for (size_t row = 0; row < v->n_rows; row++) {
        const double *at = bsearch(&values[row], sorted, v->n_queries, sizeof *sorted, by_number);
        v->query_of[row] = (uint32_t)(at - sorted);
    }
    return MW_OK;
}

mw_status cli_validate_read(cli_validation *v, mw_error *err)
{
    mw_file_digests digests;
    v->file.path = v->call->settings[CLI_VALID_DATA].text;
    if (!v->file.path)
        return fail_missing("--data", err);
    if (!v->call->settings[CLI_TARGET].text)
        return fail_missing("--target", err);
    MW_TRY(cli_frame_file_read(&v->file, err));
    if (strcmp(v->file.path, "-") != 0) {
        MW_TRY(mw_file_hash(v->file.path, &digests, err));
        memcpy(v->digest, digests.digest, sizeof v->digest);
    }
    v->n_rows = v->file.frame.n_rows;
    MW_TRY(find_option(v, CLI_TARGET, &v->target, err));
    MW_TRY(find_option(v, CLI_VALID_WEIGHT, &v->weight, err));
    MW_TRY(find_option(v, CLI_QUERY, &v->query, err));
    if (v->n_rows == 0) {
        mw_fail(err, MW_E_VALIDATE_VALUES, "there are no rows");
        mw_at(err, "%s", v->file.path);
        return mw_mend(err, "give a file with a header line and at least one row");
    }
    MW_TRY(cli_frame_words(&v->file.frame, &v->words, err));
    MW_TRY(read_weights(v, err));
    return read_queries(v, err);
}

/* ---- models ---------------------------------------------------------------------------------- */

static mw_status load(cli_validation *v, cli_candidate *c, mw_error *err)
{
    const char *path;
    mw_file_digests digests;
    MW_TRY(cli_model_place(v->call, c->text, &v->registry, &v->memory, &path, err));
    MW_TRY(mw_forest_load(path, &c->forest, err));
    c->bytes = (int64_t)c->forest->file_bytes;
    if (!mw_file_is_folder(path)) {
        MW_TRY(mw_file_hash(path, &digests, err));
        memcpy(c->digest, digests.digest, sizeof c->digest);
    }
    return mw_predictor_new(c->forest, &c->predictor, err);
}

/* ---- features -------------------------------------------------------------------------------- */

static mw_status fail_target(const cli_validation *v, mw_error *err)
{
    mw_fail(err, MW_E_TARGET_COLUMN, "'%.*s' is a feature of the model",
            MW_VIEW_ARG(v->file.frame.columns[v->target].name));
    mw_at(err, "--target");
    return mw_mend(err, "name the column that tells what came true");
}

static mw_status make_features(cli_validation *v, cli_candidate *c, mw_error *err)
{
    const mw_schema *schema = &c->forest->schema;
    const mw_frame *frame = &v->file.frame;
    const size_t others[] = {v->target, v->weight, v->query};
    bool *is_other = mw_arena_take_zeroed(&v->memory, frame->n_columns + 1, sizeof *is_other);
    if (!is_other)
        return mw_fail_memory(err, "the features");
    for (size_t i = 0; i < MW_COUNT(others); i++)
        if (others[i] != CLI_NO_COLUMN)
            is_other[others[i]] = true;
    if (schema->named && mw_schema_find(schema, frame->columns[v->target].name) >= 0)
        return fail_target(v, err);
    mw_status status =
        cli_frame_rows(frame, v->words, schema, is_other, &v->memory, &c->features, err);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", v->file.path);
}

mw_status cli_validate_values(const cli_candidate *c, const mw_batch *rows, double *ret_values,
                              mw_error *err)
{
    mw_matrix matrix = mw_batch_matrix(rows);
    return mw_predict_parallel(c->predictor, &matrix, MW_PREDICTION, NULL, ret_values, err);
}

static mw_status predict_model(cli_validation *v, cli_candidate *c, mw_error *err)
{
    MW_TRY(make_features(v, c, err));
    c->n_values = mw_predictor_outputs(c->predictor, MW_PREDICTION);
    c->values = malloc((v->n_rows * c->n_values + 1) * sizeof *c->values);
    if (!c->values)
        return mw_fail_memory(err, "the predictions");
    return cli_validate_values(c, &c->features, c->values, err);
}

/* ---- predictions that were given ------------------------------------------------------------- */

static size_t count_names(mw_view list)
{
    size_t n = 0;
    for (; list.size > 0; n++)
        (void)cli_cut_item(&list, ",");
    return n > 0 ? n : 1;
}

/* The columns of `list` in `frame`, side by side; a text column by its words. */
static mw_status take_columns(cli_validation *v, const mw_frame *frame, cli_option_id id,
                              mw_view list, cli_candidate *c, mw_error *err)
{
    size_t n = count_names(list), column;
    c->n_values = n;
    c->values = malloc((v->n_rows * n + 1) * sizeof *c->values);
    if (!c->values)
        return mw_fail_memory(err, "the predictions");
    for (size_t k = 0; k < n; k++) {
        mw_view name = cli_item_name(cli_cut_item(&list, ","));
        MW_TRY(find(v, frame, id, name, &column, err));
        bool is_coded = frame == &v->file.frame && v->words[column].n_texts > 0;
        c->words = is_coded && n == 1 ? &v->words[column] : NULL;
        if (frame->columns[column].is_text && !c->words) {
            mw_fail(err, MW_E_VALIDATE_VALUES, "column '%.*s' holds texts", MW_VIEW_ARG(name));
            return mw_mend(err, "give probabilities or scores; classes as texts in one column of "
                                "--data");
        }
        for (size_t row = 0; row < v->n_rows; row++) {
            c->values[row * n + k] = frame->columns[column].values[row];
            if (!isnan(c->values[row * n + k]))
                continue;
            mw_fail(err, MW_E_VALIDATE_VALUES, "column '%.*s': the prediction is missing",
                    MW_VIEW_ARG(name));
            mw_at(err, "%s, row %zu", frame == &v->file.frame ? v->file.path : c->text, row + 1);
            return mw_mend(err, "every row needs one: leave out rows that were not predicted");
        }
    }
    return MW_OK;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), end = strlen(ending);
    return size >= end && strcmp(text + size - end, ending) == 0;
}

/* Predictions in a file of their own, a line a row: the columns of --predictions, or all. */
static mw_status take_file(cli_validation *v, cli_candidate *c, mw_error *err)
{
    cli_frame_file file = {.path = c->text};
    mw_buf names;
    mw_status status = cli_frame_file_read(&file, err);
    mw_buf_init(&names, MW_MIB);
    const char *given = v->call->settings[CLI_PREDICTIONS].text;
    for (size_t i = 0; status == MW_OK && i < file.frame.n_columns; i++) {
        mw_buf_text(&names, i > 0 ? ",\"" : "\"");
        mw_buf_view(&names, file.frame.columns[i].name);
        mw_buf_char(&names, '"');
    }
    if (status == MW_OK && file.frame.n_rows != v->n_rows) {
        mw_fail(err, MW_E_VALIDATE_VALUES, "%zu predictions for %zu rows", file.frame.n_rows,
                v->n_rows);
        mw_at(err, "%s", c->text);
        status = mw_mend(err, "give one line a row of --data, in its order");
    }
    bool has_given = given && file.is_read && mw_frame_find(&file.frame, mw_view_of(given)) >= 0 &&
                     status == MW_OK;
    if (status == MW_OK)
        status = take_columns(v, &file.frame, CLI_AGAINST,
                              has_given ? mw_view_of(given) : mw_buf_as_view(&names), c, err);
    mw_buf_done(&names);
    cli_frame_file_done(&file);
    return status;
}

static mw_status open_candidate(cli_validation *v, cli_candidate *c, const char *text,
                                mw_error *err)
{
    c->text = text;
    bool is_columns = mw_frame_find(&v->file.frame, mw_view_of(text)) >= 0;
    if (c == &v->other && is_columns && access(text, F_OK) != 0)
        return take_columns(v, &v->file.frame, CLI_AGAINST, mw_view_of(text), c, err);
    if (ends_with(text, ".csv") || ends_with(text, ".csv.gz"))
        return take_file(v, c, err);
    MW_TRY(load(v, c, err));
    return predict_model(v, c, err);
}

static mw_status open_candidates(cli_validation *v, mw_error *err)
{
    const cli_call *call = v->call;
    const char *columns = call->settings[CLI_PREDICTIONS].text;
    const char *against = call->settings[CLI_AGAINST].text;
    if (call->n_arguments > 0) {
        MW_TRY(open_candidate(v, &v->model, call->arguments[0], err));
    } else if (columns) {
        v->model.text = columns;
        MW_TRY(
            take_columns(v, &v->file.frame, CLI_PREDICTIONS, mw_view_of(columns), &v->model, err));
    } else {
        return fail_missing("what is to be judged, MODEL or --predictions,", err);
    }
    v->has_other = against != NULL;
    return against ? open_candidate(v, &v->other, against, err) : MW_OK;
}

/* ---- task ------------------------------------------------------------------------------------ */

static size_t count_distinct(const cli_validation *v, double most[3])
{
    const double *values = v->file.frame.columns[v->target].values;
    size_t n = 0;
    for (size_t row = 0; row < v->n_rows && n < 3; row++) {
        bool is_known = isnan(values[row]);
        for (size_t i = 0; i < n; i++)
            is_known = is_known || values[row] == most[i];
        if (!is_known)
            most[n++] = values[row];
    }
    return n;
}

static mw_status read_task(const cli_validation *v, mw_task *ret_task, mw_error *err)
{
    mw_view wish = mw_view_of(v->call->settings[CLI_TASK].text);
    cli_nearest nearest = cli_nearest_to(wish);
    for (mw_task task = MW_TASK_BINARY; task <= MW_TASK_RANKING; task++) {
        cli_nearest_offer(&nearest, mw_task_name(task));
        if (mw_view_is(wish, mw_task_name(task))) {
            *ret_task = task;
            return MW_OK;
        }
    }
    mw_fail(err, MW_E_VALIDATE_COLUMNS, "'%.*s' is no task", MW_VIEW_ARG(wish));
    mw_at(err, "--task");
    return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                        : mw_mend(err, "there are binary, multiclass, regression and ranking");
}

static mw_task tell_task(const cli_validation *v)
{
    const mw_forest *forest = v->model.forest;
    double some[3];
    if (v->query != CLI_NO_COLUMN)
        return MW_TASK_RANKING;
    if (forest)
        return forest->n_classes == 2  ? MW_TASK_BINARY
               : forest->n_classes > 2 ? MW_TASK_MULTICLASS
                                       : MW_TASK_REGRESSION;
    if (v->model.n_values > 1)
        return v->model.n_values == 2 ? MW_TASK_BINARY : MW_TASK_MULTICLASS;
    size_t n = count_distinct(v, some);
    bool is_text = v->words[v->target].n_texts > 0;
    bool is_binary = v->call->settings[CLI_FAIR_POSITIVE].text || (is_text && n <= 2);
    for (size_t i = 0; !is_text && i < n && n <= 2; i++)
        is_binary =
            i == 0 ? some[i] == 0 || some[i] == 1 : is_binary && (some[i] == 0 || some[i] == 1);
    return is_binary ? MW_TASK_BINARY : is_text ? MW_TASK_MULTICLASS : MW_TASK_REGRESSION;
}

/* ---- classes --------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return mw_view_order(*(const mw_view *)a, *(const mw_view *)b);
}

/* The target as text: a word, or a number as people write it. */
static mw_view text_of(const cli_validation *v, double value, char *room, size_t size)
{
    const mw_words *words = &v->words[v->target];
    if (words->n_texts > 0)
        return mw_view_trim(words->texts[(size_t)value]);
    snprintf(room, size, "%.17g", value);
    return mw_view_of(room);
}

/* Without a model the classes are the different targets, in order. */
static mw_status gather_classes(cli_validation *v, mw_error *err)
{
    enum { CLASSES_MAX = 1000 };
    const mw_words *words = &v->words[v->target];
    const double *values = v->file.frame.columns[v->target].values;
    double *sorted = mw_arena_take(&v->memory, v->n_rows * sizeof *sorted);
    char room[40];
    if (!sorted)
        return mw_fail_memory(err, "the classes");
    memcpy(sorted, values, v->n_rows * sizeof *sorted);
    qsort(sorted, v->n_rows, sizeof *sorted, by_number);
    size_t n = 0;
    for (size_t i = 0; i < v->n_rows; i++)
        if (i == 0 || sorted[i] != sorted[i - 1])
            sorted[n++] = sorted[i];
    if (n > CLASSES_MAX) {
        mw_fail(err, MW_E_VALIDATE_VALUES, "the target has %zu different values", n);
        mw_at(err, "--target");
        return mw_mend(err, "say --task regression, or name the column of classes");
    }
    v->n_classes = n;
    v->classes = mw_arena_take(&v->memory, (n + 1) * sizeof *v->classes);
    for (size_t i = 0; v->classes && i < n; i++) {
        mw_view text = text_of(v, sorted[i], room, sizeof room);
        v->classes[i] = (mw_view){mw_arena_text(&v->memory, text), text.size};
    }
    if (!v->classes)
        return mw_fail_memory(err, "the classes");
    if (words->n_texts > 0)
        qsort(v->classes, n, sizeof *v->classes, by_text);
    return MW_OK;
}

static bool same_class(mw_view label, mw_view text)
{
    double a, b;
    return mw_view_equal(label, text) || (mw_number_parse(label.data, label.size, &a) &&
                                          mw_number_parse(text.data, text.size, &b) && a == b);
}

static ptrdiff_t class_of(const cli_validation *v, mw_view text)
{
    for (size_t i = 0; i < v->n_classes; i++)
        if (same_class(v->classes[i], text))
            return (ptrdiff_t)i;
    return -1;
}

static mw_status fail_class(const cli_validation *v, size_t row, mw_view text, mw_error *err)
{
    mw_fail(err, MW_E_VALIDATE_VALUES, "'%.*s' is no class of the model", MW_VIEW_ARG(text));
    mw_at(err, "%s, row %zu", v->file.path, row + 1);
    if (!v->classes)
        return mw_mend(err, "give classes as numbers from 0 to %zu", v->n_classes - 1);
    return mw_mend(err, "its classes are '%.*s', '%.*s'%s", MW_VIEW_ARG(v->classes[0]),
                   MW_VIEW_ARG(v->classes[v->n_classes > 1]), v->n_classes > 2 ? ", ..." : "");
}

static mw_status read_class(const cli_validation *v, size_t row, double *ret_class, mw_error *err)
{
    double value = v->file.frame.columns[v->target].values[row];
    char room[40];
    mw_view text = text_of(v, value, room, sizeof room);
    if (!v->classes) {
        *ret_class = value;
        bool is_number = v->words[v->target].n_texts == 0;
        return is_number && value >= 0 && value < (double)v->n_classes && value == floor(value)
                   ? MW_OK
                   : fail_class(v, row, text, err);
    }
    ptrdiff_t class = class_of(v, text);
    *ret_class = (double)class;
    return class < 0 ? fail_class(v, row, text, err) : MW_OK;
}

/* ---- what came true -------------------------------------------------------------------------- */

static mw_status read_binary(const cli_validation *v, size_t row, double *ret_truth, mw_error *err)
{
    double value = v->file.frame.columns[v->target].values[row];
    const char *positive = v->call->settings[CLI_FAIR_POSITIVE].text;
    char room[40];
    mw_view text = text_of(v, value, room, sizeof room);
    *ret_truth = value;
    if (positive) {
        *ret_truth = same_class(mw_view_of(positive), text);
        return MW_OK;
    }
    if (v->words[v->target].n_texts == 0 && (value == 0 || value == 1))
        return MW_OK;
    if (v->n_classes == 2)
        return read_class(v, row, ret_truth, err);
    mw_fail(err, MW_E_VALIDATE_VALUES, "the target is '%.*s', neither 0 nor 1", MW_VIEW_ARG(text));
    mw_at(err, "%s, row %zu", v->file.path, row + 1);
    return mw_mend(err, "say which one is positive, --positive '%.*s'", MW_VIEW_ARG(text));
}

static mw_status read_number(const cli_validation *v, size_t row, double *ret_truth, mw_error *err)
{
    *ret_truth = v->file.frame.columns[v->target].values[row];
    if (v->words[v->target].n_texts > 0)
        return fail_value(v, v->target, row, "the target is text where a number is due",
                          "name the column of numbers, or say --task multiclass", err);
    if (v->task == MW_TASK_RANKING && *ret_truth < 0)
        return fail_value(v, v->target, row, "a relevance is 0 or more", "mend the row", err);
    return isinf(*ret_truth) ? fail_value(v, v->target, row, "the target is infinite",
                                          "mend the row, or leave it out", err)
                             : MW_OK;
}

static mw_status read_truth(cli_validation *v, mw_error *err)
{
    v->truth = mw_arena_take(&v->memory, v->n_rows * sizeof *v->truth);
    if (!v->truth)
        return mw_fail_memory(err, "the targets");
    for (size_t row = 0; row < v->n_rows; row++) {
        if (isnan(v->file.frame.columns[v->target].values[row]))
            return fail_value(v, v->target, row, "the target is missing",
                              "leave out rows whose truth is not known yet", err);
        MW_TRY(v->task == MW_TASK_BINARY       ? read_binary(v, row, &v->truth[row], err)
               : v->task == MW_TASK_MULTICLASS ? read_class(v, row, &v->truth[row], err)
                                               : read_number(v, row, &v->truth[row], err));
    }
    return MW_OK;
}

static mw_status name_classes(cli_validation *v, mw_error *err)
{
    const mw_forest *forest = v->model.forest;
    if (v->task == MW_TASK_REGRESSION || v->task == MW_TASK_RANKING)
        return MW_OK;
    if (!forest || forest->n_classes == 0)
        return v->task == MW_TASK_MULTICLASS || v->words[v->target].n_texts > 0
                   ? gather_classes(v, err)
                   : MW_OK;
    v->n_classes = forest->n_classes;
    if (!forest->class_labels)
        return MW_OK;
    v->classes = mw_arena_take(&v->memory, v->n_classes * sizeof *v->classes);
    if (!v->classes)
        return mw_fail_memory(err, "the classes");
    memcpy(v->classes, forest->class_labels, v->n_classes * sizeof *v->classes);
    return MW_OK;
}

/* ---- what was predicted ---------------------------------------------------------------------- */

static mw_status fail_shape(const cli_validation *v, const cli_candidate *c, mw_error *err)
{
    if (c->words) {
        mw_fail(err, MW_E_VALIDATE_COLUMNS, "column '%s' holds texts, and the task is %s", c->text,
                mw_task_name(v->task));
        return mw_mend(err, "give scores, or say --task multiclass: then texts are classes");
    }
    mw_fail(err, MW_E_VALIDATE_COLUMNS, "'%s' gives %zu values a row, and the task is %s", c->text,
            c->n_values, mw_task_name(v->task));
    if (v->task == MW_TASK_MULTICLASS)
        return mw_mend(err, "give one probability a class (%zu), or the class alone", v->n_classes);
    return mw_mend(err, "name one column, or say another --task");
}

/* Where a row's class stands in several values; the first of equal ones. */
static size_t likeliest(const double *values, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = values[i] > values[best] ? i : best;
    return best;
}

/* A graph of ONNX Runtime answers with scores and, behind them, a label. */
static size_t n_answers(const cli_candidate *c)
{
    return c->forest && c->forest->graph ? c->forest->graph->n_answers : c->n_values;
}

/* The class of one value: a model's is a number from 0, a column's the class as people write it. */
static mw_status read_predicted(const cli_validation *v, const cli_candidate *c, double value,
                                double *ret_class, mw_error *err)
{
    char room[40];
    *ret_class = value;
    if (c->forest)
        return MW_OK;
    snprintf(room, sizeof room, "%.17g", value);
    mw_view text = c->words ? mw_view_trim(c->words->texts[(size_t)value]) : mw_view_of(room);
    ptrdiff_t class = class_of(v, text);
    *ret_class = (double)class;
    if (class >= 0)
        return MW_OK;
    mw_fail(err, MW_E_VALIDATE_VALUES, "'%s' predicts '%.*s', which never came true", c->text,
            MW_VIEW_ARG(text));
    return mw_mend(err, "classes are told from the target: give the same words in both columns");
}

static mw_status take_row(const cli_validation *v, cli_candidate *c, size_t row, mw_error *err)
{
    size_t n = n_answers(c);
    const double *values = c->values + row * c->n_values;
    if (v->task == MW_TASK_MULTICLASS) {
        size_t k = v->n_classes;
        if (n == k)
            memcpy(c->shares + row * k, values, k * sizeof *c->shares);
        c->predicted[row] = (double)likeliest(values, k < n ? k : n);
        if (n != k)
            MW_TRY(read_predicted(v, c, values[0], &c->predicted[row], err));
        bool is_class = c->predicted[row] >= 0 && c->predicted[row] < (double)k &&
                        c->predicted[row] == floor(c->predicted[row]);
        return is_class ? MW_OK : fail_shape(v, c, err);
    }
    c->predicted[row] = values[v->task == MW_TASK_BINARY ? n - 1 : 0];
    return MW_OK;
}

static mw_status check_row(const cli_validation *v, const cli_candidate *c, size_t row,
                           mw_error *err)
{
    if (!isnan(c->predicted[row]))
        return MW_OK;
    mw_fail(err, MW_E_VALIDATE_VALUES, "'%s' predicts NaN", c->text);
    mw_at(err, "%s, row %zu", v->file.path, row + 1);
    return mw_mend(err, "a prediction that is no number cannot be judged; look at that row");
}

static mw_status take_predictions(cli_validation *v, cli_candidate *c, mw_error *err)
{
    size_t n = n_answers(c), most = v->task == MW_TASK_BINARY ? 2 : 1;
    bool fits = v->task == MW_TASK_MULTICLASS ? n == 1 || n == v->n_classes : n <= most;
    if (!fits || (c->words && v->task != MW_TASK_MULTICLASS) ||
        (v->task == MW_TASK_MULTICLASS && v->n_classes == 0))
        return fail_shape(v, c, err);
    c->predicted = mw_arena_take(&v->memory, v->n_rows * sizeof(double));
    bool has_shares = v->task == MW_TASK_MULTICLASS && n == v->n_classes && n > 1;
    if (has_shares)
        c->shares = mw_arena_take(&v->memory, v->n_rows * v->n_classes * sizeof(double));
    if (!c->predicted || (has_shares && !c->shares))
        return mw_fail_memory(err, "the predictions");
    bool is_probability = true, is_decision = true;
    for (size_t row = 0; row < v->n_rows; row++) {
        MW_TRY(take_row(v, c, row, err));
        MW_TRY(check_row(v, c, row, err));
        double p = c->predicted[row];
        is_probability = is_probability && p >= 0 && p <= 1;
        is_decision = is_decision && (p == 0 || p == 1);
    }
    c->has_scores = !is_decision;
    c->judged = (mw_judged){.task = v->task,
                            .n_rows = v->n_rows,
                            .truth = v->truth,
                            .predicted = c->predicted,
                            .shares = c->shares,
                            .n_classes = v->n_classes,
                            .weights = v->weights,
                            .query = v->query_of,
                            .n_queries = v->n_queries,
                            .threshold = v->threshold,
                            .is_probability = is_probability};
    return mw_quality_new(&c->judged, &c->quality, err);
}

mw_status cli_validate_predict(cli_validation *v, mw_error *err)
{
    MW_TRY(open_candidates(v, err));
    v->task = tell_task(v);
    if (v->call->settings[CLI_TASK].text)
        MW_TRY(read_task(v, &v->task, err));
    if (v->task == MW_TASK_RANKING && v->query == CLI_NO_COLUMN)
        return fail_missing("--query, the column that tells which rows are ranked together,", err);
    MW_TRY(name_classes(v, err));
    MW_TRY(read_truth(v, err));
    MW_TRY(take_predictions(v, &v->model, err));
    return v->has_other ? take_predictions(v, &v->other, err) : MW_OK;
}
