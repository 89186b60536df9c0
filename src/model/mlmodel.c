/* An MLflow model folder: MLmodel (YAML) says which file is the model and how it is called.
 *
 *     flavors:
 *       xgboost: {data: model.ubj, model_class: xgboost.sklearn.XGBClassifier}
 *     signature: {inputs: '[{"name": ...}]'}
 *
 * The folder's predictions are those of MLflow's python_function: a Booster predicts with all
 * trees; XGBoost's scikit-learn classes stop at the best iteration, and its classifiers answer
 * with labels. LightGBM's scikit-learn classes are saved as pickles and refused. An ONNX model
 * (flavor onnx) answers with its scores, here as everywhere. */
#include "mlmodel.h"

#include "names.h"
#include "read.h"
#include "declared.h"
#include "signature.h"

typedef struct mlmodel {
    mw_view data, model_class, signature;
    const mw_yaml *declared; /* NULL: nothing */
    const mw_yaml *data_node;
    bool sklearn, classifier;
} mlmodel;

static mw_status at_node(const mw_yaml *node, mw_error *err)
{
    return mw_at(err, "MLmodel:%u:%u", node->line, node->column);
}

/* ---- which flavor ---------------------------------------------------------------------------- */

/* "python_function, sklearn" */
static void list_keys(const mw_yaml *map, char *out, size_t out_size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const mw_yaml *child = map->first; child && used < out_size; child = child->next) {
        int size = snprintf(out + used, out_size - used, "%s%.*s", used ? ", " : "",
                            MW_VIEW_ARG(child->key));
        used += size > 0 ? (size_t)size : 0;
    }
}

static mw_status refuse_flavors(const mw_yaml *flavors, mw_error *err)
{
    char names[160];
    list_keys(flavors, names, sizeof names);
    mw_fail(err, MW_E_MLMODEL_FLAVOR, "none of the flavors is read: %s", names);
    mw_why(err, "the flavors xgboost, lightgbm and onnx are read; others need Python code to run");
    mw_mend(err, "log the model with mlflow.xgboost.log_model, mlflow.lightgbm.log_model or "
                 "mlflow.onnx.log_model");
    return at_node(flavors, err);
}

static mw_status refuse_lightgbm_wrapper(const mw_yaml *flavor, mw_error *err)
{
    mw_fail(err, MW_E_MLMODEL_FLAVOR, "the model is a scikit-learn wrapper of LightGBM");
    mw_why(err, "MLflow pickles these, and Millwright never runs a model's code");
    mw_mend(err, "log its booster: mlflow.lightgbm.log_model(model.booster_, ...)");
    return at_node(flavor, err);
}

static mw_status read_xgboost_class(const mw_yaml *flavor, mlmodel *ml, mw_error *err)
{
    static const struct {
        const char *name;
        bool sklearn, classifier;
    } known[] = {
        {"", false, false}, /* written before MLflow kept the class */
        {"xgboost.core.Booster", false, false},
        {"xgboost.sklearn.XGBRegressor", true, false},
        {"xgboost.sklearn.XGBRanker", true, false},
        {"xgboost.sklearn.XGBModel", true, false},
        {"xgboost.sklearn.XGBRFRegressor", true, false},
        {"xgboost.sklearn.XGBClassifier", true, true},
        {"xgboost.sklearn.XGBRFClassifier", true, true},
    };
    for (size_t i = 0; i < MW_COUNT(known); i++) {
        if (!mw_view_is(ml->model_class, known[i].name))
            continue;
        ml->sklearn = known[i].sklearn;
        ml->classifier = known[i].classifier;
        return MW_OK;
    }
    mw_fail(err, MW_E_MLMODEL_FLAVOR, "unknown class '%.*s' of an xgboost model",
            MW_VIEW_ARG(ml->model_class));
    mw_mend(err, "log the booster itself: mlflow.xgboost.log_model(model.get_booster(), ...)");
    return at_node(flavor, err);
}

static mw_status read_lightgbm_class(const mw_yaml *flavor, const mlmodel *ml, mw_error *err)
{
    bool booster =
        ml->model_class.size == 0 || mw_view_is(ml->model_class, "lightgbm.basic.Booster");
    return booster ? MW_OK : refuse_lightgbm_wrapper(flavor, err);
}

static mw_view text_of(const mw_yaml *map, const char *key)
{
    const mw_yaml *node = mw_yaml_member(map, key);
    if (mw_yaml_is_null(node) || node->kind != MW_YAML_SCALAR)
        return (mw_view){"", 0};
    return node->text;
}

static mw_status read_flavor(const mw_yaml *flavors, mlmodel *ml, mw_error *err)
{
    const mw_yaml *xgboost = mw_yaml_member(flavors, "xgboost");
    const mw_yaml *lightgbm = mw_yaml_member(flavors, "lightgbm");
    const mw_yaml *onnx = mw_yaml_member(flavors, "onnx");
    const mw_yaml *flavor = xgboost ? xgboost : lightgbm ? lightgbm : onnx;
    if (!flavor || flavor->kind != MW_YAML_MAP)
        return refuse_flavors(flavors, err);
    ml->model_class = text_of(flavor, "model_class");
    ml->data = text_of(flavor, "data");
    ml->data_node = mw_yaml_member(flavor, "data");
    if (xgboost)
        MW_TRY(read_xgboost_class(flavor, ml, err));
    else if (lightgbm)
        MW_TRY(read_lightgbm_class(flavor, ml, err));
    if (ml->data.size > 0)
        return MW_OK;
    mw_fail(err, MW_E_MLMODEL_SHAPE, "the flavor names no model file ('data')");
    mw_mend(err, "log the model again with MLflow");
    return at_node(flavor, err);
}

static mw_status check_path(const mlmodel *ml, mw_error *err)
{
    if (model_stays_inside(ml->data))
        return MW_OK;
    mw_fail(err, MW_E_MLMODEL_PATH, "'%.*s' is outside the model's folder", MW_VIEW_ARG(ml->data));
    mw_mend(err, "name a file inside the folder");
    return at_node(ml->data_node, err);
}

static mw_status read_mlmodel(const mw_yaml *root, mlmodel *ml, mw_error *err)
{
    const mw_yaml *flavors = mw_yaml_member(root, "flavors");
    const mw_yaml *signature = mw_yaml_member(root, "signature");
    if (!flavors || flavors->kind != MW_YAML_MAP) {
        mw_fail(err, MW_E_MLMODEL_SHAPE, "there is no map 'flavors'");
        mw_mend(err, "log the model again with MLflow");
        return mw_at(err, "MLmodel");
    }
    MW_TRY(read_flavor(flavors, ml, err));
    if (signature && signature->kind == MW_YAML_MAP)
        ml->signature = text_of(signature, "inputs");
    const mw_yaml *metadata = mw_yaml_member(root, "metadata");
    if (metadata && metadata->kind == MW_YAML_MAP)
        ml->declared = mw_yaml_member(metadata, "millwright");
    return check_path(ml, err);
}

/* ---- how it predicts ------------------------------------------------------------------------- */

/* XGBClassifier.predict: > 0.5 of each probability, or the most probable class. */
static mw_status answer_labels(mw_forest *forest, mw_error *err)
{
    switch (forest->transform) {
    case MW_TRANSFORM_SIGMOID:
        forest->transform = MW_TRANSFORM_SIGMOID_LABEL;
        return MW_OK;
    case MW_TRANSFORM_SOFTMAX:
        if (forest->n_margins == 2)
            break;
        forest->transform = MW_TRANSFORM_SOFTMAX_LABEL;
        forest->n_predictions = 1;
        return MW_OK;
    case MW_TRANSFORM_ARGMAX:
    case MW_TRANSFORM_HINGE:
        return MW_OK;
    default:
        break;
    }
    mw_fail(err, MW_E_MLMODEL_FLAVOR, "objective '%s' with %zu outputs in a classifier",
            forest->objective, forest->n_margins);
    mw_why(err, "how such a classifier tells its labels is not known here");
    return mw_mend(err, "train with binary:logistic or multi:softprob, or log the booster itself: "
                        "mlflow.xgboost.log_model(model.get_booster(), ...)");
}

static mw_status dress(const mlmodel *ml, mw_forest *forest, mw_error *err)
{
    if (ml->classifier)
        MW_TRY(answer_labels(forest, err));
    if (ml->signature.size > 0 && model_signature_apply(forest, ml->signature, err) != MW_OK)
        return mw_at(err, "MLmodel: signature.inputs");
    if (model_declared_apply(forest, ml->declared, err) == MW_OK)
        return MW_OK;
    return mw_at(err, "MLmodel");
}

static mw_status load_data(const char *path, const mlmodel *ml, mw_forest **ret_forest,
                           mw_error *err)
{
    mw_file file;
    MW_TRY(model_open_file(path, &file, err));
    unsigned how = ml->sklearn ? MODEL_BEST_ONLY : 0;
    mw_status status = model_read_file(&file, path, how, ret_forest, err);
    mw_file_done(&file);
    return status;
}

/* What stands beside its file is laid over last: a plain file keeps it when it is registered. */
static mw_status load_dressed(const char *folder, const char *path, const mlmodel *ml,
                              mw_forest **ret_forest, mw_error *err)
{
    mw_forest *forest;
    MW_TRY(load_data(path, ml, &forest, err));
    mw_status status = dress(ml, forest, err);
    if (status != MW_OK)
        mw_at(err, "%s", folder);
    else
        status = model_declared_beside(forest, path, err);
    if (status == MW_OK)
        *ret_forest = forest;
    else
        mw_forest_free(forest);
    return status;
}

static mw_status load_root(const char *folder, const mw_yaml *root, mw_forest **ret_forest,
                           mw_error *err)
{
    mlmodel ml = {0};
    mw_buf path;
    if (read_mlmodel(root, &ml, err) != MW_OK)
        return mw_at(err, "%s", folder);
    mw_buf_init(&path, MW_LIMIT_MLMODEL_FILE_BYTES);
    mw_buf_format(&path, "%s/%.*s", folder, MW_VIEW_ARG(ml.data));
    mw_status status = path.failed ? mw_fail_memory(err, "a path")
                                   : load_dressed(folder, path.data, &ml, ret_forest, err);
    mw_buf_done(&path);
    return status;
}

mw_status model_mlmodel_load(const char *folder, mw_forest **ret_forest, mw_error *err)
{
    mw_file file;
    mw_buf path;
    mw_yaml_document *document = NULL;
    mw_buf_init(&path, MW_LIMIT_MLMODEL_FILE_BYTES);
    mw_buf_format(&path, "%s/MLmodel", folder);
    mw_status status = path.failed
                           ? mw_fail_memory(err, "a path")
                           : mw_file_read(path.data, MW_LIMIT_MLMODEL_FILE_BYTES, &file, err);
    mw_buf_done(&path);
    if (status == MW_NOT_FOUND) {
        mw_fail(err, MW_E_MLMODEL_MISSING, "the folder has no file 'MLmodel'");
        mw_mend(err, "give the folder that MLflow wrote, or the model file itself");
        return mw_at(err, "%s", folder);
    }
    MW_TRY(status);
    status = mw_yaml_read((mw_view){file.data, file.size}, "MLmodel", &document, err);
    if (status == MW_OK)
        status = load_root(folder, mw_yaml_root(document), ret_forest, err);
    else
        mw_at(err, "%s", folder);
    mw_yaml_free(document);
    mw_file_done(&file);
    return status;
}
