/* The public C library: include/millwright.h over model, predict and explain.
 *
 *     mw_model = mw_forest (what the file said)
 *              + mw_predictor (laid out for the kernels)
 *              + mw_explainer (likewise; made when it is first asked for)
 *              + mw_model_description (what a caller may ask)
 *
 * Every argument from outside is checked here: a wrong call is an error, never a crash. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "mw_model.h"

#include "base/banned.h"

/* ---- description ----------------------------------------------------------------------------- */

/* Names are views in the schema; C callers want NUL-ended texts. One block: pointers, then bytes.
 */
static mw_status copy_names(const mw_schema *schema, char ***ret_names, mw_error *err)
{
    *ret_names = NULL;
    if (!schema->named || schema->n_columns == 0)
        return MW_OK;
    size_t bytes = schema->n_columns * sizeof(char *);
    for (size_t c = 0; c < schema->n_columns; c++)
        bytes += schema->columns[c].name.size + 1;
    char **names = malloc(bytes);
    if (!names)
        return mw_fail_memory(err, "the names of the features");
    char *end = (char *)(names + schema->n_columns);
    for (size_t c = 0; c < schema->n_columns; c++) {
        mw_view name = schema->columns[c].name;
        names[c] = end;
        memcpy(end, name.data, name.size);
        end[name.size] = '\0';
        end += name.size + 1;
    }
    *ret_names = names;
    return MW_OK;
}

static void describe(mw_model *model)
{
    const mw_forest *forest = model->forest;
    model->description = (mw_model_description){
        .format = mw_format_name(forest->format),
        .library_version = forest->library_version ? forest->library_version : "",
        .objective = forest->objective ? forest->objective : "",
        .n_trees = forest->n_trees,
        .n_features = forest->n_features,
        .n_nodes = forest->n_nodes,
        .n_leaves = forest->n_leaves,
        .max_depth = forest->max_depth,
        .n_margins = forest->n_margins,
        .n_predictions = forest->n_predictions,
        .n_classes = forest->n_classes,
        .memory_bytes = sizeof *model + mw_forest_memory_bytes(forest) +
                        mw_predictor_memory_bytes(model->predictor),
        .feature_names = (const char *const *)model->names,
    };
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Takes the forest, also when it fails. */
static mw_status make_model(mw_forest *forest, mw_model **ret_model, mw_error *err)
{
    mw_model *model = calloc(1, sizeof *model);
    if (!model) {
        mw_forest_free(forest);
        return mw_fail_memory(err, "the model");
    }
    model->forest = forest;
    pthread_mutex_init(&model->lock, NULL);
    mw_status status = mw_predictor_new(forest, &model->predictor, err);
    if (status == MW_OK)
        status = copy_names(&forest->schema, &model->names, err);
    if (status != MW_OK) {
        mw_model_free(model);
        return status;
    }
    describe(model);
    *ret_model = model;
    return MW_OK;
}

mw_status lib_fail_null(mw_error *err, const char *argument)
{
    mw_fail(err, MW_E_NULL_ARGUMENT, "'%s' is NULL", argument);
    return mw_mend(err, "millwright.h says which arguments may be NULL");
}

mw_status mw_model_load(const char *path, mw_model **ret_model, mw_error *err)
{
    if (!path)
        return lib_fail_null(err, "path");
    if (!ret_model)
        return lib_fail_null(err, "ret_model");
    mw_forest *forest;
    MW_TRY(mw_forest_load(path, &forest, err));
    return make_model(forest, ret_model, err);
}

mw_status mw_model_load_bytes(const void *bytes, size_t bytes_size, const char *name,
                              mw_model **ret_model, mw_error *err)
{
    if (!bytes && bytes_size > 0)
        return lib_fail_null(err, "bytes");
    if (!ret_model)
        return lib_fail_null(err, "ret_model");
    mw_forest *forest;
    mw_view view = {bytes ? bytes : "", bytes_size};
    MW_TRY(mw_forest_read(view, name ? name : "model", &forest, err));
    return make_model(forest, ret_model, err);
}

void mw_model_free(mw_model *model)
{
    if (!model)
        return;
    mw_explainer_free(model->explainer);
    mw_interactions_free(model->interactions);
    pthread_mutex_destroy(&model->lock);
    mw_predictor_free(model->predictor);
    mw_forest_free(model->forest);
    free(model->names);
    free(model);
}

const mw_model_description *mw_model_describe(const mw_model *model)
{
    static const mw_model_description nothing = {
        .format = "", .library_version = "", .objective = ""};
    return model ? &model->description : &nothing;
}

mw_status mw_model_category(const mw_model *model, size_t feature, const char *text,
                            double *ret_code, mw_error *err)
{
    if (!model || !text || !ret_code)
        return lib_fail_null(err, !model ? "model" : !text ? "text" : "ret_code");
    const mw_schema *schema = &model->forest->schema;
    if (feature >= schema->n_columns) {
        mw_fail(err, MW_E_FEATURE_COUNT, "feature %zu is outside 0..%zd", feature,
                (ptrdiff_t)schema->n_columns - 1);
        return mw_mend(err, "count features from 0, in the order of the model");
    }
    ptrdiff_t code = mw_schema_category(&schema->columns[feature], mw_view_of(text));
    *ret_code = code < 0 ? (double)NAN : (double)code;
    return MW_OK;
}

/* ---- predict --------------------------------------------------------------------------------- */

static inline bool has_room(const mw_matrix *rows, size_t row_values, size_t values_count)
{
    size_t wanted;
    return !__builtin_mul_overflow(rows->n_rows, row_values, &wanted) && wanted <= values_count;
}

mw_status lib_check_room(const mw_matrix *rows, size_t row_values, const char *formula,
                         size_t values_count, mw_error *err)
{
    if (has_room(rows, row_values, values_count))
        return MW_OK;
    mw_fail(err, MW_E_VALUES_TOO_SMALL, "ret_values holds %zu numbers, %zu rows of %zu are to come",
            values_count, rows->n_rows, row_values);
    return mw_mend(err, "give room for n_rows * %s", formula);
}

static mw_status check_values(const mw_matrix *rows, const double *values, mw_error *err)
{
    if (!rows)
        return lib_fail_null(err, "rows");
    if (!values && rows->n_rows > 0)
        return lib_fail_null(err, "ret_values");
    return MW_OK;
}

mw_status lib_check_call(const mw_model *model, const mw_matrix *rows, const double *values,
                         mw_error *err)
{
    if (!model)
        return lib_fail_null(err, "model");
    return check_values(rows, values, err);
}

static __attribute__((noinline)) mw_status predict_in_own(const mw_model *model,
                                                          const mw_matrix *rows, mw_output output,
                                                          double *ret_values, mw_error *err)
{
    mw_scratch *own;
    MW_TRY(mw_scratch_new(&own, err));
    mw_status status = mw_predict_batch(model->predictor, rows, output, own, ret_values, err);
    mw_scratch_free(own);
    return status;
}

mw_status mw_model_predict(const mw_model *model, const mw_matrix *rows, mw_output output,
                           mw_scratch *scratch, double *ret_values, size_t values_count,
                           mw_error *err)
{
    if (!model || !rows || !ret_values)
        MW_TRY(lib_check_call(model, rows, ret_values, err));
    size_t outputs = mw_predictor_outputs(model->predictor, output);
    if (!has_room(rows, outputs, values_count))
        return lib_check_room(rows, outputs, output == MW_MARGIN ? "n_margins" : "n_predictions",
                              values_count, err);
    return scratch ? mw_predict_batch(model->predictor, rows, output, scratch, ret_values, err)
                   : predict_in_own(model, rows, output, ret_values, err);
}

/* ---- explain --------------------------------------------------------------------------------- */

/* Made once, by the first call; to callers the model stays as it was. */
static mw_status find_explainer(const mw_model *asked, const mw_explainer **ret_explainer,
                                mw_error *err)
{
    mw_model *model = (mw_model *)(uintptr_t)asked;
    mw_status status = MW_OK;
    pthread_mutex_lock(&model->lock);
    if (!model->explainer)
        status = mw_explainer_new(model->forest, &model->explainer, err);
    *ret_explainer = model->explainer;
    pthread_mutex_unlock(&model->lock);
    return status;
}

mw_status mw_model_explain(const mw_model *model, const mw_matrix *rows, mw_scratch *scratch,
                           double *ret_values, size_t values_count, mw_error *err)
{
    const mw_explainer *explainer;
    MW_TRY(lib_check_call(model, rows, ret_values, err));
    MW_TRY(find_explainer(model, &explainer, err));
    MW_TRY(lib_check_room(rows, mw_explainer_values(explainer), "n_margins * (n_features + 1)",
                          values_count, err));
    mw_scratch *own = NULL;
    if (!scratch)
        MW_TRY(mw_scratch_new(&own, err));
    mw_status status = mw_explain_batch(explainer, rows, scratch ? scratch : own, ret_values, err);
    mw_scratch_free(own);
    return status;
}

/* ---- interactions ---------------------------------------------------------------------------- */

static mw_status find_interactions(const mw_model *asked, const mw_interactions **ret_interactions,
                                   mw_error *err)
{
    mw_model *model = (mw_model *)(uintptr_t)asked;
    mw_status status = MW_OK;
    pthread_mutex_lock(&model->lock);
    if (!model->interactions)
        status = mw_interactions_new(model->forest, &model->interactions, err);
    *ret_interactions = model->interactions;
    pthread_mutex_unlock(&model->lock);
    return status;
}

mw_status mw_model_explain_interactions(const mw_model *model, const mw_matrix *rows,
                                        mw_scratch *scratch, double *ret_values,
                                        size_t values_count, mw_error *err)
{
    const mw_interactions *to;
    MW_TRY(lib_check_call(model, rows, ret_values, err));
    MW_TRY(find_interactions(model, &to, err));
    MW_TRY(lib_check_room(rows, mw_interactions_values(to),
                          "n_margins * (n_features + 1) * (n_features + 1)", values_count, err));
    mw_scratch *own = NULL;
    if (!scratch)
        MW_TRY(mw_scratch_new(&own, err));
    mw_status status = mw_interactions_batch(to, rows, scratch ? scratch : own, ret_values, err);
    mw_scratch_free(own);
    return status;
}

/* ---- background ------------------------------------------------------------------------------ */

/* To callers a background is a type of its own. */
static const mw_contrast *contrast_of(const mw_background *background)
{
    return (const mw_contrast *)background;
}

mw_status mw_background_new(const mw_model *model, const mw_matrix *rows, mw_scale scale,
                            mw_background **ret_background, mw_error *err)
{
    if (!model)
        return lib_fail_null(err, "model");
    if (!rows)
        return lib_fail_null(err, "rows");
    if (!ret_background)
        return lib_fail_null(err, "ret_background");
    mw_contrast *contrast;
    MW_TRY(mw_contrast_new(model->forest, rows, scale, &contrast, err));
    *ret_background = (mw_background *)contrast;
    return MW_OK;
}

void mw_background_free(mw_background *background)
{
    mw_contrast_free((mw_contrast *)background);
}

mw_status mw_model_explain_against(const mw_background *background, const mw_matrix *rows,
                                   mw_scratch *scratch, double *ret_values, size_t values_count,
                                   mw_error *err)
{
    const mw_contrast *contrast = contrast_of(background);
    if (!background)
        return lib_fail_null(err, "background");
    MW_TRY(check_values(rows, ret_values, err));
    MW_TRY(lib_check_room(rows, mw_contrast_values(contrast), "n_margins * (n_features + 1)",
                          values_count, err));
    mw_scratch *own = NULL;
    if (!scratch)
        MW_TRY(mw_scratch_new(&own, err));
    mw_status status = mw_contrast_batch(contrast, rows, scratch ? scratch : own, ret_values, err);
    mw_scratch_free(own);
    return status;
}

/* ---- importance ------------------------------------------------------------------------------ */

mw_status mw_model_importance(const mw_model *model, mw_importance kind, double *ret_values,
                              size_t values_count, mw_error *err)
{
    if (!model)
        return lib_fail_null(err, "model");
    if (!ret_values)
        return lib_fail_null(err, "ret_values");
    if ((unsigned)kind > MW_IMPORTANCE_TOTAL_COVER) {
        mw_fail(err, MW_E_OUTPUT_KIND, "importance kind %d is unknown", (int)kind);
        return mw_mend(err, "give one of MW_IMPORTANCE_WEIGHT .. MW_IMPORTANCE_TOTAL_COVER");
    }
    if (values_count < model->forest->n_features) {
        mw_fail(err, MW_E_VALUES_TOO_SMALL,
                "ret_values holds %zu numbers, the model has %zu "
                "features",
                values_count, model->forest->n_features);
        return mw_mend(err, "give room for n_features");
    }
    return mw_importance_of_splits(model->forest, kind, ret_values, err);
}

const char *mw_version(void)
{
    return MW_VERSION;
}
