/* Golden rows: rows with the answers that must come again. They stand beside a model and are
 * replayed each time it is loaded, so that no other program, processor or file can change what it
 * says in silence.
 *
 *     {"dataframe_split": {...}, "predictions": [...]}     a request of /invocations and its answer
 */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "serve.h"

#include "base/banned.h"

/* ---- where ----------------------------------------------------------------------------------- */

mw_status mw_golden_path(const char *model_path, char *path, size_t size, mw_error *err)
{
    int length = snprintf(path, size, "%s%s", model_path,
                          mw_file_is_folder(model_path) ? "/" MW_GOLDEN_PATH : ".golden.json");
    if (length > 0 && (size_t)length < size)
        return MW_OK;
    mw_fail(err, MW_E_GOLDEN, "the path of its golden rows is too long");
    return mw_mend(err, "keep the model under a shorter path");
}

/* ---- what was written ------------------------------------------------------------------------ */

static mw_status fail_text(mw_error *err, const char *what, size_t row)
{
    mw_fail(err, MW_E_GOLDEN, "%s", what);
    if (row != SIZE_MAX)
        mw_at(err, "predictions, row %zu", row);
    return mw_mend(err, "make them again: mw model golden MODEL --data rows.csv -o FILE");
}

/* A number, null, or the name of a class. */
static bool read_value(const mw_json *node, const mw_forest *forest, double *ret_value)
{
    *ret_value = NAN;
    if (mw_json_number(node, ret_value) || mw_json_is_null(node))
        return true;
    for (size_t c = 0; mw_json_is_text(node) && forest->class_labels && c < forest->n_classes; c++)
        if (mw_view_equal(mw_json_text(node), forest->class_labels[c])) {
            *ret_value = (double)c;
            return true;
        }
    return false;
}

/* As /invocations answers: a value a row, or a list of them. */
static mw_status read_answers(const mw_json *list, const mw_forest *forest, size_t n_rows,
                              size_t width, double *answers, mw_error *err)
{
    if (!mw_json_is_array(list) || mw_json_count(list) != n_rows)
        return fail_text(err, "'predictions' is not a list with an answer for each row", SIZE_MAX);
    for (size_t row = 0; row < n_rows; row++) {
        const mw_json *of_row = mw_json_element(list, row);
        bool is_list = mw_json_is_array(of_row);
        if (is_list ? mw_json_count(of_row) != width : width != 1)
            return fail_text(err, "the model gives another number of values", row);
        for (size_t i = 0; i < width; i++) {
            const mw_json *node = is_list ? mw_json_element(of_row, i) : of_row;
            if (!read_value(node, forest, &answers[row * width + i]))
                return fail_text(err, "neither a number nor the name of a class", row);
        }
    }
    return MW_OK;
}

/* ---- replaying ------------------------------------------------------------------------------- */

typedef struct replay {
    const mw_forest *forest;
    const mw_predictor *predictor;
    mw_matrix rows;
    size_t n_values, width; /* values that a row has, and those that are answered */
    double *values, *answers;
} replay;

/* Sums that cancel leave a small value less exact than its size says: so a difference is measured
 * by the larger of the two values, and by a thousandth of the column's largest at least. */
static double scale_of(const replay *r, size_t column)
{
    double largest = 0;
    for (size_t row = 0; row < r->rows.n_rows; row++) {
        double value = fabs(r->answers[row * r->width + column]);
        if (isfinite(value) && value > largest)
            largest = value;
    }
    return largest / 1000;
}

static double difference(double a, double b, double scale)
{
    if ((isnan(a) && isnan(b)) || a == b)
        return 0;
    if (!isfinite(a) || !isfinite(b))
        return INFINITY;
    return fabs(a - b) / fmax(fmax(fabs(a), fabs(b)), scale);
}

static void compare(const replay *r, mw_golden *golden)
{
    for (size_t i = 0; i < r->width; i++) {
        double scale = scale_of(r, i);
        for (size_t row = 0; row < r->rows.n_rows; row++) {
            double expected = r->answers[row * r->width + i];
            double got = r->values[row * r->n_values + i];
            double apart = difference(expected, got, scale);
            golden->n_different += apart > golden->tolerance;
            if (apart <= golden->difference)
                continue;
            golden->difference = apart;
            golden->row = row;
            golden->output = i;
            golden->expected = expected;
            golden->got = got;
        }
    }
}

static mw_status predict(replay *r, mw_arena *arena, mw_error *err)
{
    mw_scratch *scratch;
    size_t n = r->rows.n_rows;
    r->n_values = mw_predictor_outputs(r->predictor, MW_PREDICTION);
    r->width = r->forest->graph ? r->forest->graph->n_answers : r->n_values;
    r->values = mw_arena_take(arena, n * r->n_values * sizeof *r->values);
    r->answers = mw_arena_take(arena, n * r->width * sizeof *r->answers);
    if (!r->values || !r->answers)
        return mw_fail_memory(err, "golden rows");
    MW_TRY(mw_scratch_new(&scratch, err));
    mw_status status =
        mw_predict_batch(r->predictor, &r->rows, MW_PREDICTION, scratch, r->values, err);
    mw_scratch_free(scratch);
    return status;
}

static mw_status replay_rows(mw_view text, const mw_json *root, replay *r, mw_arena *arena,
                             mw_golden *golden, mw_error *err)
{
    mw_batch batch;
    const mw_json *tolerance = mw_json_member(root, "tolerance");
    golden->tolerance = MW_GOLDEN_TOLERANCE;
    if (tolerance && !(mw_json_number(tolerance, &golden->tolerance) && golden->tolerance >= 0 &&
                       golden->tolerance < 1))
        return fail_text(err, "'tolerance' is not a number from 0 to 1", SIZE_MAX);
    MW_TRY(mw_batch_read_mlflow(text, &r->forest->schema, arena, NULL, &batch, NULL, err));
    r->rows = mw_batch_matrix(&batch);
    if (batch.n_rows == 0)
        return fail_text(err, "there are no rows", SIZE_MAX);
    MW_TRY(predict(r, arena, err));
    MW_TRY(read_answers(mw_json_member(root, "predictions"), r->forest, batch.n_rows, r->width,
                        r->answers, err));
    golden->n_rows = batch.n_rows;
    compare(r, golden);
    return MW_OK;
}

mw_status mw_golden_replay(mw_view text, const mw_forest *forest, const mw_predictor *predictor,
                           mw_golden *ret_golden, mw_error *err)
{
    mw_json *root;
    mw_arena arena;
    replay r = {.forest = forest, .predictor = predictor};
    *ret_golden = (mw_golden){0};
    MW_TRY(mw_json_read(text, &root, err));
    mw_arena_init(&arena, 64 * MW_KIB, MW_LIMIT_REQUEST_ARENA_BYTES);
    mw_status status = replay_rows(text, root, &r, &arena, ret_golden, err);
    mw_arena_done(&arena);
    mw_json_free(root);
    return status;
}

/* ---- at a load ------------------------------------------------------------------------------- */

static mw_status fail_different(const mw_golden *g, const char *path, mw_error *err)
{
    mw_fail(err, MW_E_GOLDEN_DIFFERS,
            "the model does not give the answers that are kept with it: %.9g instead of %.9g",
            g->got, g->expected);
    mw_at(err, "%s, row %zu%s", path, g->row, g->output ? ", a later output" : "");
    mw_why(err, "%zu values of %zu rows differ by more than %g of their size, by %.2g at most",
           g->n_different, g->n_rows, g->tolerance, g->difference);
    return mw_mend(err, "find out what changed (the file, or the program); if the new answers are "
                        "right, make the rows again: mw model golden");
}

mw_status mw_golden_check(const char *model_path, const mw_forest *forest,
                          const mw_predictor *predictor, mw_golden *ret_golden, mw_error *err)
{
    char path[4096];
    mw_file file;
    *ret_golden = (mw_golden){0};
    MW_TRY(mw_golden_path(model_path, path, sizeof path, err));
    if (access(path, F_OK) != 0)
        return MW_OK;
    MW_TRY(mw_file_read(path, MW_LIMIT_GOLDEN_BYTES, &file, err));
    mw_view text = {file.data, file.size};
    mw_status status = mw_golden_replay(text, forest, predictor, ret_golden, err);
    if (status != MW_OK)
        mw_at(err, "%s", path);
    else if (ret_golden->n_different > 0)
        status = fail_different(ret_golden, path, err);
    mw_file_done(&file);
    return status;
}
