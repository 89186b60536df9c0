/* millwright.h: load a tree ensemble as its training library saved it, predict with it, and explain
 * its predictions.
 *
 * This is the whole public interface of libmillwright. Nothing else is exported.
 *
 *     mw_error err;
 *     mw_model *model;
 *     if (mw_model_load("model.json", &model, &err) != MW_OK)
 *         fprintf(stderr, "%s: %s\n", err.where, err.what);
 *     double score[1];
 *     mw_matrix rows = {features, MW_FLOAT32, 1, 28, 28, 1};
 *     mw_model_predict(model, &rows, MW_PREDICTION, NULL, score, 1, &err);
 *     mw_model_free(model);
 *
 * Rules that hold for every function:
 *   - It returns MW_OK, or a status and a filled `err`; outputs are written only on MW_OK.
 *   - `err` may be NULL when the caller wants the status alone.
 *   - A model is read-only once loaded: any number of threads may share it.
 *   - A model's code is never run and no pickle is ever read: models are data.
 */
#ifndef MILLWRIGHT_H
#define MILLWRIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MW_VERSION "0.1.0"

#if defined(__GNUC__)
#define MW_API __attribute__((visibility("default")))
#define MW_CHECKED __attribute__((warn_unused_result))
#else
#define MW_API
#define MW_CHECKED
#endif

/* ---- status and error ------------------------------------------------------------------------ */

/* What the program branches on. Each maps once to an HTTP status and an exit code. */
typedef enum mw_status {
    MW_OK = 0,
    MW_BAD_ARGUMENT, /* the call itself is wrong: mend the caller */
    MW_BAD_DATA,     /* the file or body is damaged or malformed: mend the data */
    MW_MISMATCH,     /* well-formed, but not what this model takes */
    MW_UNSUPPORTED,  /* well-formed, but Millwright cannot do it (yet): convert or wait */
    MW_NOT_FOUND,
    MW_CONFLICT,
    MW_NO_MEMORY, /* memory is gone, or a stated budget would be passed */
    MW_BUSY,      /* try again later */
    MW_IO         /* the system refused to read or write */
} mw_status;

/* What people read; plain memory, so it works when memory is gone.
 * Every text is NUL-ended, lower case, without a full stop; empty when there is nothing to say. */
typedef struct mw_error {
    mw_status status;
    int code;        /* stable number, shown as MW2007; `mw help MW2007` explains; 0 = none */
    char what[256];  /* what is wrong: "child 91 is outside 0..62" */
    char where[256]; /* the place, outermost first: "model.json: trees[12].left_children[3]" */
    char why[256];   /* the deeper cause, where one is known: "the file is cut short" */
    char mend[256];  /* how to mend it: "export the model again" */
} mw_error;

/* ---- rows ------------------------------------------------------------------------------------ */

typedef enum mw_dtype { MW_FLOAT32 = 0, MW_FLOAT64 = 1 } mw_dtype;

/* A borrowed view of (n_rows, n_columns) numbers; NaN = missing.
 * Value (r, c) stands at data[r * row_stride + c * column_stride], strides in elements.
 * Row-major:    row_stride = n_columns, column_stride = 1.
 * Column-major: row_stride = 1,         column_stride = n_rows.
 * A categorical feature takes its code (0, 1, ...) as a number; mw_model_category tells the code of
 * a text. */
typedef struct mw_matrix {
    const void *data;
    mw_dtype dtype;
    size_t n_rows, n_columns;
    ptrdiff_t row_stride, column_stride;
} mw_matrix;

/* ---- models ---------------------------------------------------------------------------------- */

typedef struct mw_model mw_model;
typedef struct mw_scratch mw_scratch;

/* What a loaded model is. All pointers are borrowed and live as long as the model. */
typedef struct mw_model_description {
    /* "xgboost json", "xgboost ubjson", "lightgbm text", "lightgbm json", "catboost json",
     * "catboost binary", "onnx", "onnx graph" (computed by ONNX Runtime, where it is installed:
     * MW_ONNXRUNTIME) */
    const char *format;
    const char *library_version; /* of the library that saved it, "" when not recorded */
    const char *objective;       /* as the library names it: "binary:logistic" */
    size_t n_trees, n_features, n_nodes, n_leaves;
    size_t max_depth;                 /* edges from root to deepest leaf */
    size_t n_margins;                 /* margins (raw scores) a row */
    size_t n_predictions;             /* values a row after the objective's transform; of a graph
                                         all outputs: a classifier's scores, then its label */
    size_t n_classes;                 /* 0 when the model is not a classifier, 2 when binary */
    size_t memory_bytes;              /* held by the model once loaded */
    const char *const *feature_names; /* n_features, or NULL when the model knows none */
} mw_model_description;

/* Which values to compute. */
typedef enum mw_output {
    MW_PREDICTION = 0, /* after the objective's transform: what the library's predict() returns */
    MW_MARGIN = 1      /* raw score before it */
} mw_output;

/* Load a model file, or an MLflow model folder (with MLmodel) that holds one.
 *
 *   path       file or folder; the format is told from the content, never from the name
 *   ret_model  owned by the caller; mw_model_free
 *
 * Fails:  MW_IO           the file cannot be read
 *         MW_BAD_DATA     cut short, damaged, cyclic or hostile; err names file, place and mend
 *         MW_UNSUPPORTED  an objective or feature not supported yet, or a format that is not read
 *         MW_NO_MEMORY
 * Cost:   O(file size); memory at most a small multiple of the file while loading
 */
MW_API MW_CHECKED mw_status mw_model_load(const char *path, mw_model **ret_model, mw_error *err);

/* The same from memory. `name` stands for the file in messages; `bytes` is borrowed for the call.
 */
MW_API MW_CHECKED mw_status mw_model_load_bytes(const void *bytes, size_t bytes_size,
                                                const char *name, mw_model **ret_model,
                                                mw_error *err);

/* Frees the model; NULL is fine. No thread may be predicting with it. */
MW_API void mw_model_free(mw_model *model);

/* Describes the model; borrowed, lives as long as the model. Never NULL. */
MW_API const mw_model_description *mw_model_describe(const mw_model *model);

/* What a row holds for a category that is given as text: its code. CatBoost's models need this,
 * since their codes are Millwright's own; there a whole number is given as its decimal text, "7".
 *
 *   feature   position of the feature, 0 .. n_features - 1
 *   text      NUL-ended, UTF-8
 *   ret_code  caller's; NaN when the model does not know the category, or knows no texts for it
 *
 * Fails: MW_MISMATCH       there is no such feature
 *        MW_BAD_ARGUMENT   a pointer is NULL
 * Threads: any number may share one model. Cost: O(length of the text). */
MW_API MW_CHECKED mw_status mw_model_category(const mw_model *model, size_t feature,
                                              const char *text, double *ret_code, mw_error *err);

/* Working memory of one thread, reused: with it a call allocates nothing but its model's first
 * batch. Any model may use any scratch; two threads may not use one scratch at the same time. */
MW_API MW_CHECKED mw_status mw_scratch_new(mw_scratch **ret_scratch, mw_error *err);
MW_API void mw_scratch_free(mw_scratch *scratch);

/* Predict a batch.
 *
 *   model          borrowed; any number of threads may share it
 *   rows           borrowed; n_columns must equal the model's n_features
 *   output         MW_PREDICTION: ret_values is (n_rows, n_predictions)
 *                  MW_MARGIN:     ret_values is (n_rows, n_margins)
 *   scratch        this thread's, or NULL to allocate one for the call
 *   ret_values     caller's, row-major float64. XGBoost computes in float32: each value is then
 *                  exactly a float32, and a cast to float gives the library's own bits
 *   values_count   how many float64 ret_values holds; at least n_rows * outputs
 *
 * Cost: a model's first batch of two rows or more makes what only batches need (2 to 5 ms for a
 * `.cbm` of 30 MB); who must not wait then gives two rows beforehand.
 * Exactness: XGBoost margins are bit-equal to the library's, transformed values to 1 ulp of
 * float32; LightGBM raw scores agree to 1e-12 relative (they are summed in its order); ONNX
 * predictions agree with ONNX Runtime's to 1e-5, those of float inputs mostly to the bit. Fails:
 * MW_MISMATCH      n_columns is not the model's MW_BAD_ARGUMENT  ret_values is too small, data is
 * NULL, or the dtype is unknown MW_NO_MEMORY     scratch could not grow
 */
MW_API MW_CHECKED mw_status mw_model_predict(const mw_model *model, const mw_matrix *rows,
                                             mw_output output, mw_scratch *scratch,
                                             double *ret_values, size_t values_count,
                                             mw_error *err);

/* Explain a batch: how much each feature moved each margin (path-dependent TreeSHAP). These are the
 * numbers of XGBoost's pred_contribs and LightGBM's pred_contrib.
 *
 *   model          borrowed; any number of threads may share it
 *   rows           borrowed; n_columns must equal the model's n_features
 *   scratch        this thread's, or NULL to allocate one for the call
 *   ret_values     caller's, row-major float64: (n_rows, n_margins, n_features + 1). The last value
 *                  of each n_features + 1 is the bias: the mean margin over the training rows.
 *                  In margin units (log-odds for binary logistic): the values of a row and margin,
 *                  bias included, add up to the margin that mw_model_predict gives
 *   values_count   how many float64 ret_values holds; at least
 *                  n_rows * n_margins * (n_features + 1)
 *
 * Exactness: trees are added in float64, each is computed in float32: a contribution is within
 * 2e-6 of the largest one among the model's rows from its exact value, most within 2e-7; the sum is
 * within 1e-5 of the margin, relative to the sum of their sizes. A row's values do not
 * depend on other rows, on the number of threads or on the processor.
 * Fails:  MW_MISMATCH      n_columns is not the model's
 *         MW_BAD_ARGUMENT  ret_values is too small, data is NULL, or the dtype is unknown
 *         MW_UNSUPPORTED   the file does not say how many training rows each node saw, or the
 *                          trees have linear leaves
 *         MW_BAD_DATA      it says so in numbers that cannot be
 *         MW_NO_MEMORY     scratch could not grow
 * Cost:   the first call lays the trees out (milliseconds for hundreds of trees; at most 256 MiB
 *         and what the columns take, kept until mw_model_free). Then O(nodes * distinct features
 *         on a tree's longest path) a row; 8 or 16 rows cost little more than one
 */
MW_API MW_CHECKED mw_status mw_model_explain(const mw_model *model, const mw_matrix *rows,
                                             mw_scratch *scratch, double *ret_values,
                                             size_t values_count, mw_error *err);

/* Interactions of a batch: what each pair of features moved together, beyond what each moved alone
 * (path-dependent SHAP interaction values). These are the numbers of XGBoost's pred_interactions.
 *
 *   model, rows, scratch  as for mw_model_explain
 *   ret_values     caller's, row-major float64: (n_rows, n_margins, n_features + 1, n_features +
 * 1), a symmetric matrix for each margin of each row. Off the diagonal stands half of what the two
 * features moved together, on it what is left of the feature's contribution, in the last corner the
 * bias. A line of the matrix sums to the contribution that mw_model_explain gives, the matrix to
 * the margin values_count   how many float64 ret_values holds
 *
 * Exactness: within 2e-6 of the largest contribution among the rows.
 * Fails:  as mw_model_explain; MW_NO_MEMORY also when the matrices of one row pass 64 MiB
 * Cost:   the first call lays the trees out. Then O(nodes * distinct features above a node *
 * distinct features on a tree's longest path) a row; 8 or 16 rows cost little more than one
 */
MW_API MW_CHECKED mw_status mw_model_explain_interactions(const mw_model *model,
                                                          const mw_matrix *rows,
                                                          mw_scratch *scratch, double *ret_values,
                                                          size_t values_count, mw_error *err);

/* On which scale values against a background are. */
typedef enum mw_scale {
    MW_SCALE_MARGIN = 0,     /* raw score: log-odds for binary logistic */
    MW_SCALE_PROBABILITY = 1 /* of models whose prediction is the logistic function of a margin */
} mw_scale;

/* Rows that stand for the usual, made ready for one model. */
typedef struct mw_background mw_background;

/* Make a background.
 *
 *   model           borrowed; must outlive the background
 *   rows            borrowed for the call, and copied; at least one. All of them count
 *   scale           of the values that mw_model_explain_against gives
 *   ret_background  owned by the caller; mw_background_free. Any number of threads may share it
 *
 * Fails:  MW_MISMATCH      n_columns is not the model's
 *         MW_BAD_ARGUMENT  no rows, data is NULL, or an unknown dtype or scale
 *         MW_UNSUPPORTED   trees with linear leaves; MW_SCALE_PROBABILITY for another objective
 *         MW_NO_MEMORY     rows beyond 512 MiB as float64
 */
MW_API MW_CHECKED mw_status mw_background_new(const mw_model *model, const mw_matrix *rows,
                                              mw_scale scale, mw_background **ret_background,
                                              mw_error *err);
/* NULL is fine. No thread may be explaining with it. */
MW_API void mw_background_free(mw_background *background);

/* Explain a batch against a background (interventional Shapley values): how much each feature moved
 * the row away from the mean over the background. These are the numbers of
 * shap.TreeExplainer(model, background, feature_perturbation="interventional"), and with
 * MW_SCALE_PROBABILITY those of its model_output="probability". Needs no covers: models of every
 * format are explained.
 *
 *   background     borrowed
 *   rows           borrowed; n_columns must equal the model's n_features
 *   scratch        this thread's, or NULL to allocate one for the call
 *   ret_values     caller's, row-major float64: (n_rows, n_margins, n_features + 1). The last value
 *                  of each n_features + 1 is the base value: the mean over the background. The
 *                  values of a row and margin add up to the margin, or to its probability
 *   values_count   how many float64 ret_values holds
 *
 * Exactness: within 2e-6 of the largest value among the rows; the sum within 1e-5. A row's values
 * do not depend on other rows, on the number of threads or on the processor.
 * Fails:  MW_MISMATCH, MW_BAD_ARGUMENT, MW_NO_MEMORY as mw_model_explain
 */
MW_API MW_CHECKED mw_status mw_model_explain_against(const mw_background *background,
                                                     const mw_matrix *rows, mw_scratch *scratch,
                                                     double *ret_values, size_t values_count,
                                                     mw_error *err);
/* What makes a feature important by its splits. */
typedef enum mw_importance {
    MW_IMPORTANCE_WEIGHT = 0, /* how many: XGBoost "weight", LightGBM "split" */
    MW_IMPORTANCE_GAIN,       /* their mean gain: XGBoost "gain" */
    MW_IMPORTANCE_TOTAL_GAIN, /* the sum: XGBoost "total_gain", LightGBM "gain" */
    MW_IMPORTANCE_COVER,      /* their mean cover: XGBoost "cover" */
    MW_IMPORTANCE_TOTAL_COVER
} mw_importance;

/* How much each feature matters, counted over the splits of the trees: the numbers of XGBoost's
 * get_score and LightGBM's feature_importance, 0 for a feature without a split.
 *
 *   ret_values    caller's: n_features float64
 *   values_count  how many it holds
 *
 * Fails:  MW_BAD_ARGUMENT  ret_values is too small, or the kind is unknown
 *         MW_UNSUPPORTED   the file keeps no gains or covers, or the model is linear
 *         MW_BAD_DATA      one of them is no number
 * Cost:   O(nodes) */
MW_API MW_CHECKED mw_status mw_model_importance(const mw_model *model, mw_importance kind,
                                                double *ret_values, size_t values_count,
                                                mw_error *err);

/* ---- curves ---------------------------------------------------------------------------------- */

/* Values at which a curve is asked for. */
typedef enum mw_grid {
    MW_GRID_EXACT = 0, /* one value between each two thresholds of the trees: the exact steps */
    MW_GRID_EVEN,      /* scikit-learn's: n_points between the 5th and the 95th percentile of the
                          rows, or every value there is when they are fewer */
    MW_GRID_QUANTILES, /* quantiles 0, 1/n_points, ... 1 of the rows, each once: edges for ALE */
    MW_GRID_DISTINCT   /* every value of the rows; more than n_points fail */
} mw_grid;

/* A grid of a feature, ascending, without NaN.
 *
 *   rows        borrowed; n_columns must equal the model's n_features; NULL for MW_GRID_EXACT
 *   feature     position of the feature, 0 .. n_features - 1
 *   n_points    see mw_grid; 2 .. 100,000; not looked at for MW_GRID_EXACT
 *   ret_grid    caller's; grid_count float64. One more than n_points is always enough, for
 *               MW_GRID_EXACT one more than the model has nodes
 *   ret_count   how many values the grid has
 *
 * Fails:  MW_BAD_ARGUMENT  ret_grid is too small, an unknown kind, n_points out of range, no row
 *                          has the feature, or more distinct values than n_points
 *         MW_UNSUPPORTED   MW_GRID_EXACT of linear models and leaves, which have no steps
 *         MW_MISMATCH      there is no such feature, or n_columns is not the model's
 *         MW_NO_MEMORY */
MW_API MW_CHECKED mw_status mw_model_grid(const mw_model *model, const mw_matrix *rows,
                                          size_t feature, mw_grid kind, size_t n_points,
                                          double *ret_grid, size_t grid_count, size_t *ret_count,
                                          mw_error *err);

/* How the prediction of each row moves with one feature (individual conditional expectation): the
 * numbers of scikit-learn's partial_dependence(kind="individual", method="brute").
 *
 *   rows           borrowed; n_columns must equal the model's n_features
 *   grid           n_grid values of the feature, in any order; NaN asks about a missing value
 *   output         of predictions or margins, as in mw_model_predict
 *   ret_values     caller's, row-major float64: (n_rows, n_grid, outputs)
 *   values_count   how many float64 ret_values holds
 *
 * Fails:  MW_MISMATCH, MW_BAD_ARGUMENT, MW_NO_MEMORY. Cost: n_rows * n_grid predictions */
MW_API MW_CHECKED mw_status mw_model_curves(const mw_model *model, const mw_matrix *rows,
                                            size_t feature, mw_output output, const double *grid,
                                            size_t n_grid, double *ret_values, size_t values_count,
                                            mw_error *err);

/* Their mean over rows (partial dependence): ret_values is (n_grid, outputs). There must be rows.
 * Otherwise as mw_model_curves. */
MW_API MW_CHECKED mw_status mw_model_partial_dependence(const mw_model *model,
                                                        const mw_matrix *rows, size_t feature,
                                                        mw_output output, const double *grid,
                                                        size_t n_grid, double *ret_values,
                                                        size_t values_count, mw_error *err);

/* Accumulated local effects (Apley and Zhu 2020): the differences over each bin, of the rows that
 * lie in it, added up and centred, so that no row is asked about values far from its own.
 *
 *   edges        n_edges >= 2 ascending values; bin k holds the rows in (edge k, edge k + 1], the
 *                first one its lower edge too; rows without the value, or outside, take no part
 *   ret_counts   caller's: n_edges - 1, the rows of each bin
 *   ret_values   caller's: (n_edges, outputs); their mean over the rows is 0
 *
 * Fails:  also MW_UNSUPPORTED for a feature of categories, which have no order.
 * Cost:   two predictions a row */
MW_API MW_CHECKED mw_status mw_model_local_effects(const mw_model *model, const mw_matrix *rows,
                                                   size_t feature, mw_output output,
                                                   const double *edges, size_t n_edges,
                                                   size_t *ret_counts, double *ret_values,
                                                   size_t values_count, mw_error *err);

/* ---- counterfactuals ------------------------------------------------------------------------- */

/* What may become of a feature. A missing value is never changed. */
typedef struct mw_change_rule {
    bool fixed;
    double low, high;    /* new values lie within; infinities: no limit */
    double step;         /* new values are multiples of it; 0: as round as the cell allows */
    double scale;        /* > 0: a change of this size costs `weight` */
    double weight;       /* >= 0 */
    size_t n_categories; /* of a feature of categories: codes 0 .. n - 1 may be taken */
} mw_change_rule;

/* What is wanted: a class, or a prediction between two ends (infinite: open). */
typedef struct mw_want {
    bool is_class;
    size_t class_wanted;
    double low, high;
    bool above_low, below_high; /* the end itself is not enough */
} mw_want;

/* A search; mw_counterfactual_wish_init fills in what is usual. */
typedef struct mw_counterfactual_wish {
    mw_want want;
    const mw_change_rule *rules; /* n_features, borrowed */
    size_t max_changed;          /* features; 3 */
    double change_cost;          /* >= 0, for each changed feature; 0.1 */
    double margin;    /* how far beyond a threshold a value must be, in scales; >= 0; 0 */
    size_t max_boxes; /* budget of the search: boxes looked at; 4 million */
    uint64_t max_ms;  /* and time, for each answer; 10,000 */
} mw_counterfactual_wish;

typedef struct mw_answer {
    double cost;
    double bound; /* no answer is cheaper than this; cost when proven */
    bool proven;
    size_t n_boxes; /* looked at */
} mw_answer;

/* Rules to begin with: every feature may change, a change of its spread costs 1.
 *
 *   reference  rows that tell what is usual: their median absolute deviation is the scale, their
 *              range the limits, whole numbers stay whole; NULL: the thresholds of the trees are
 *   ret_rules  caller's: rules_count, at least n_features
 *
 * Fails: MW_BAD_ARGUMENT, MW_MISMATCH, MW_NO_MEMORY */
MW_API MW_CHECKED mw_status mw_model_change_rules(const mw_model *model, const mw_matrix *reference,
                                                  mw_change_rule *ret_rules, size_t rules_count,
                                                  mw_error *err);
MW_API void mw_counterfactual_wish_init(mw_counterfactual_wish *ret_wish);

/* The nearest rows that the model answers as wanted: exact search over the cells between
 * thresholds, by bounds of the trees.
 *
 *   row          borrowed: n_features float64
 *   count        answers at most, cheapest first; none changes all the features that an earlier one
 *                changes
 *   ret_rows     caller's: (count, n_features) float64
 *   ret_answers  caller's: count + 1; the entry behind the last answer says whether it is proven
 *                that there is no other
 *   ret_found    how many answers there are. 1 of cost 0 when the row is as wanted already
 *
 * cost = sum over changed features of weight * |change| / scale, and change_cost for each of them;
 * another category is a change of one scale. Every answer was predicted before it is given.
 * Fails:  MW_UNSUPPORTED   linear models and leaves, graphs; predictions that cannot be bounded
 *         MW_BAD_ARGUMENT  no such class; a rule or number out of its range
 *         MW_NO_MEMORY
 * Threads: any number may share the model. Cost: the budget at most, for each answer */
MW_API MW_CHECKED mw_status mw_model_counterfactual(const mw_model *model, const double *row,
                                                    const mw_counterfactual_wish *wish,
                                                    size_t count, double *ret_rows,
                                                    mw_answer *ret_answers, size_t *ret_found,
                                                    mw_error *err);

/* ---- reasons --------------------------------------------------------------------------------- */

typedef struct mw_reason {
    size_t group;
    double value; /* sum over the group's shown features */
} mw_reason;

/* The strongest reasons of one margin of one row: contributions, gathered by groups.
 *
 *   values        borrowed: n_features contributions, as mw_model_explain and its kin give them
 *   group_of      borrowed: n_features groups, 0 .. n_groups - 1, in the order that decides between
 *                 equals; NULL: each feature is a group of its own
 *   shown         borrowed: n_features; false keeps a contribution out of its group; NULL: all are
 *   side          1: only what raises, -1: only what lowers, 0: both; what moves nothing is none
 *   ret_reasons   caller's: n_groups (n_features where group_of is NULL), strongest first
 *   ret_found     how many there are
 *
 * Fails: MW_BAD_ARGUMENT  a pointer is NULL, a group beyond n_groups, a side that is none */
MW_API MW_CHECKED mw_status mw_reasons(const double *values, size_t n_features,
                                       const size_t *group_of, size_t n_groups, const bool *shown,
                                       int side, mw_reason *ret_reasons, size_t *ret_found,
                                       mw_error *err);

/* ---- drift ----------------------------------------------------------------------------------- */

/* How the difference of two columns is measured. Definitions and sources: docs/explanation/drift.md
 */
typedef enum mw_drift_method {
    MW_DRIFT_AUTO = 0,       /* the profile's choice for the column's kind and size */
    MW_DRIFT_KS,             /* Kolmogorov-Smirnov, two samples; numbers */
    MW_DRIFT_WASSERSTEIN,    /* over the reference's deviation (0.001 at least); numbers */
    MW_DRIFT_JENSEN_SHANNON, /* distance: the root of the divergence */
    MW_DRIFT_PSI,            /* population stability index */
    MW_DRIFT_CHI_SQUARE,
    MW_DRIFT_Z, /* two proportions; at most two values */
    MW_DRIFT_HELLINGER,
    MW_DRIFT_L_INFINITY,      /* the largest difference of a share */
    MW_DRIFT_TOTAL_VARIATION, /* half the sum of the differences */
    MW_DRIFT_KL               /* Kullback-Leibler, of the current from the reference */
} mw_drift_method;

/* Whose choice of methods, bins and thresholds. */
typedef enum mw_drift_profile {
    MW_DRIFT_MILLWRIGHT = 0, /* effect and evidence must both speak */
    MW_DRIFT_EVIDENTLY,      /* as Evidently's DataDriftPreset */
    MW_DRIFT_NANNYML         /* as NannyML's univariate calculator, for one chunk */
} mw_drift_profile;

typedef enum mw_drift_bins {
    MW_DRIFT_BINS_AUTO = 0,  /* the profile's */
    MW_DRIFT_BINS_QUANTILES, /* n_bins quantiles of the reference, and one for missing */
    MW_DRIFT_BINS_EVIDENTLY, /* by value up to 20 values, else of equal width (Sturges) */
    MW_DRIFT_BINS_NANNYML    /* of equal width over the reference (Doane), and one for the rest */
} mw_drift_bins;

/* mw_drift_options_init fills in what is usual. */
typedef struct mw_drift_options {
    mw_drift_profile profile;
    mw_drift_method numeric_method, category_method; /* AUTO, or one for all columns of the kind */
    mw_drift_bins bins;
    size_t n_bins;    /* of quantiles: 2..1000; 10 */
    double threshold; /* of the statistic, or of p for a test; NaN: the method's own */
    double alpha;     /* level of the tests; 0.05 */
    double share;     /* the data set drifted when so many of its features did, and at least one:
                         0 for millwright and nannyml, 0.5 for evidently */
} mw_drift_options;

typedef enum mw_drift_verdict {
    MW_DRIFT_QUIET = 0,
    MW_DRIFT_WATCH, /* PSI between 0.1 and 0.2 */
    MW_DRIFT_DRIFTED,
    MW_DRIFT_NOT_ENOUGH /* too few rows to tell */
} mw_drift_verdict;

typedef struct mw_drift_feature {
    mw_drift_method method; /* that was taken */
    mw_drift_verdict verdict;
    bool drifted;
    bool missing_drifted; /* the share of missing values changed: by 0.05 or more, significantly */
    bool is_category;     /* compared value by value */
    double statistic;     /* NaN where a side has no values */
    double p_value;       /* of the test; beside a distance chi-square's over the bins; else NaN */
    double p_adjusted;    /* for the number of features (Benjamini-Hochberg) */
    double log_e_value;   /* ln of the evidence, which may be looked at again and again */
    double threshold;
    size_t n_bins;                 /* that shares were counted in */
    size_t n_reference, n_current; /* values that are finite */
    size_t missing_reference, missing_current, infinite_reference, infinite_current;
    double mean_reference, mean_current, deviation_reference, deviation_current;
} mw_drift_feature;

typedef struct mw_drift_summary {
    size_t n_features, n_compared, n_drifted;
    double share_drifted;
    bool drifted;
} mw_drift_summary;

MW_API void mw_drift_options_init(mw_drift_profile profile, mw_drift_options *ret_options);

/* Whether current rows differ from reference rows, feature by feature.
 *
 *   reference, current  borrowed: (rows, features), the same features; NaN = missing, infinities
 * are counted and then treated as missing is_category         borrowed: n_features; true: values
 * are codes. NULL: all are numbers options             borrowed; NULL: those of the profile
 * millwright ret_features        caller's: features_count, at least the number of features
 *
 * Numbers that take at most 5 values on both sides are compared as categories.
 * Fails:   MW_BAD_ARGUMENT  a NULL, an option outside its range, too little room
 *          MW_MISMATCH      the two have different numbers of columns
 *          MW_NO_MEMORY     a column takes 4 doubles a row while it is looked at
 * Threads: any number. Cost: two radix sorts a column, some 20 ns a value
 * Source:  docs/explanation/drift.md; equal to SciPy, Evidently and NannyML where it says so */
MW_API MW_CHECKED mw_status mw_drift_check(const mw_matrix *reference, const mw_matrix *current,
                                           const bool *is_category, const mw_drift_options *options,
                                           mw_drift_feature *ret_features, size_t features_count,
                                           mw_drift_summary *ret_summary, mw_error *err);

/* ---- drift of columns together -------------------------------------------------------------- */

/* mw_drift_joint_options_init fills in what is usual. */
typedef struct mw_drift_joint_options {
    mw_drift_profile profile; /* nannyml: a chunk alone decides */
    double variance;          /* share that the components keep; 0.65 */
    size_t chunk_rows;        /* 0: a tenth of the side that has fewer rows */
    double deviations;        /* of the reference's chunks, from their mean to the thresholds; 3 */
    double alpha;             /* level of the test over all rows; 0.05 */
} mw_drift_joint_options;

typedef struct mw_drift_joint_chunk {
    size_t first_row, n_rows;
    double error;          /* mean of its rows */
    double sampling_error; /* of that mean; NaN of one row */
    bool drifted;          /* beyond a threshold */
} mw_drift_joint_chunk;

typedef struct mw_drift_joint_summary {
    size_t n_features; /* that have values in the reference */
    size_t n_components;
    double explained; /* share of the variance that these keep */
    size_t chunk_rows, n_chunks, n_drifted;
    double low, high; /* thresholds; low is -infinity where it would not be above 0 */
    double error_reference, error_current; /* means of all rows */
    double deviation_reference;            /* of the reference's rows */
    double effect;                         /* difference of the means, in such deviations */
    double p_value;                        /* of that difference, by Welch's test */
    bool drifted; /* a chunk did; and, but for nannyml, |effect| >= 0.1 and p_value < alpha */
} mw_drift_joint_summary;

MW_API void mw_drift_joint_options_init(mw_drift_profile profile,
                                        mw_drift_joint_options *ret_options);

/* Whether columns still go together as they did, though each alone may look as before: the error of
 * putting a row together again from principal components of the reference (NannyML's
 * DataReconstructionDriftCalculator).
 *
 *   reference, current  borrowed: (rows, features), the same features; what is not finite is
 * missing is_category         borrowed: n_features; true: values are codes. NULL: all are numbers
 *   options             borrowed; NULL: the usual
 *   ret_chunks          caller's; chunks_count, at least current rows / chunk_rows, rounded up; or
 *                       NULL
 *   ret_residuals       caller's; (2, n_features): the mean square error of each in the reference
 *                       and in the current rows, which tells where it comes from; or NULL
 *
 * Fails:   MW_BAD_ARGUMENT  a NULL, an option outside its range, too little room
 *          MW_MISMATCH      other columns; fewer than two that vary, more than 512; fewer than two
 *                           chunks of reference rows; no current row
 *          MW_NO_MEMORY     it takes 2 doubles a value
 * Threads: any number. Cost: rows * features^2, and 10 * features^3
 * Source:  docs/explanation/drift.md */
MW_API MW_CHECKED mw_status mw_drift_check_joint(
    const mw_matrix *reference, const mw_matrix *current, const bool *is_category,
    const mw_drift_joint_options *options, mw_drift_joint_chunk *ret_chunks, size_t chunks_count,
    double *ret_residuals, mw_drift_joint_summary *ret_summary, mw_error *err);

/* mw_drift_mmd_options_init fills in what is usual. */
typedef struct mw_drift_mmd_options {
    size_t rows_max;     /* of each side: a sample of more, 2..5000; 1,000 */
    size_t permutations; /* 1..100000; 500 */
    double alpha;        /* level of the test; 0.05 */
    double bandwidth;    /* of the kernel, in deviations; 0: the median distance of all pairs */
    uint64_t seed;       /* of the sample and the permutations; 1 */
} mw_drift_mmd_options;

typedef struct mw_drift_mmd_summary {
    size_t n_features;             /* that have values */
    size_t n_reference, n_current; /* rows that were looked at */
    double mmd2;                   /* unbiased; may be below 0 */
    double bandwidth;
    double p_value; /* share of rows dealt out anew whose MMD² is as large, itself among them */
    bool drifted;   /* p_value < alpha */
} mw_drift_mmd_summary;

MW_API void mw_drift_mmd_options_init(mw_drift_mmd_options *ret_options);

/* Whether rows still come from the distribution of the reference, whatever differs: the maximum
 * mean discrepancy of a Gaussian kernel, with a permutation test. The same seed gives the same
 * answer.
 *
 *   reference, current  borrowed: (rows, features), the same features, two rows of each or more;
 *                       what is not finite is missing
 *   is_category         borrowed: n_features; true: values are codes. NULL: all are numbers
 *   options             borrowed; NULL: the usual
 *   ret_shares          caller's; n_features: what mmd2 loses when a feature is left out; or NULL
 *
 * Fails:   MW_BAD_ARGUMENT  a NULL, an option outside its range
 *          MW_MISMATCH      other columns, none that has a value, fewer than two rows
 *          MW_NO_MEMORY     it takes 16 bytes a pair of rows: 64 MB of 1,000 on each side
 * Threads: any number. Cost: pairs of rows * (features + permutations / 4); with ret_shares the
 *          same again for each feature
 * Source:  Gretton et al., A Kernel Two-Sample Test, JMLR 13 (2012); docs/explanation/drift.md */
MW_API MW_CHECKED mw_status mw_drift_check_mmd(const mw_matrix *reference, const mw_matrix *current,
                                               const bool *is_category,
                                               const mw_drift_mmd_options *options,
                                               double *ret_shares,
                                               mw_drift_mmd_summary *ret_summary, mw_error *err);

/* ---- change in a stream ---------------------------------------------------------------------- */

typedef enum mw_detector_kind {
    MW_DETECTOR_ADWIN = 0,    /* any bounded stream */
    MW_DETECTOR_DDM,          /* errors: 0 and 1 */
    MW_DETECTOR_EDDM,         /* errors: 0 and 1 */
    MW_DETECTOR_HDDM_A,       /* within 0..1 */
    MW_DETECTOR_HDDM_W,       /* within 0..1 */
    MW_DETECTOR_KSWIN,        /* any */
    MW_DETECTOR_PAGE_HINKLEY, /* any */
    MW_DETECTOR_CUSUM,        /* any; learns mean and deviation from the first values */
    MW_DETECTOR_SCAN          /* errors: 0 and 1, or within 0..1; promises its false alarms */
} mw_detector_kind;

/* mw_detector_options_init fills in the defaults, River's where it has the kind; each kind reads
 * its own. */
typedef struct mw_detector_options {
    mw_detector_kind kind;
    double delta;       /* ADWIN: level, 0.002. Page-Hinkley: change that does not matter, 0.005 */
    size_t clock;       /* ADWIN: looks every so many values, 32 */
    size_t max_buckets; /* ADWIN: of a size, 5; at most 63 */
    size_t min_window, grace;          /* ADWIN: of each side, 5; before the first look, 10 */
    size_t warm_start;                 /* DDM, EDDM, Page-Hinkley, CUSUM: 30 values; 2 or more */
    double warning_level, drift_level; /* DDM: deviations, 2 and 3 */
    double alpha; /* EDDM: warning, 0.95. Page-Hinkley: fading, 0.9999. KSWIN: level, 0.005 */
    double beta;  /* EDDM: drift, 0.9 */
    double confidence, warning_confidence; /* HDDM: 0.001 and 0.005 */
    double lambda;                         /* HDDM-W: weight of the latest value, 0.05 */
    double threshold;                      /* Page-Hinkley: 50. CUSUM: h, in deviations, 5 */
    double slack;                          /* CUSUM: k, in deviations, 0.5 */
    size_t window, sample;                 /* KSWIN: 100 and 30 values; at most 100,000 and 1,000 */
    uint64_t seed;                         /* KSWIN: of its draws. SCAN: of values not 0 or 1 */
    int side;   /* HDDM, Page-Hinkley, CUSUM, SCAN: 1 rises, -1 falls, 0 both; 1 for HDDM and
                 * SCAN, else 0 */
    double arl; /* SCAN: average run length to a false alarm, in values, 1e6 at least; where
                 * values are independent and of one rate, whichever: P(an alarm among the first
                 * N) <= N / (2 arl), for each N */
} mw_detector_options;

typedef enum mw_change { MW_STEADY = 0, MW_WARNING, MW_CHANGED } mw_change;

typedef struct mw_detector mw_detector;

MW_API void mw_detector_options_init(mw_detector_kind kind, mw_detector_options *ret_options);
/* A detector of the caller's: one stream, one thread at a time. `options` is copied.
 * Fails:  MW_BAD_ARGUMENT  a NULL, an option out of its range
 *         MW_NO_MEMORY
 * Cost:   ADWIN some 50 kB, SCAN 8 kB, KSWIN its window, the others nothing to speak of
 * Source: docs/explanation/change.md; alarms fall on the same value as River's, KSWIN's in
 *         distribution */
MW_API MW_CHECKED mw_status mw_detector_new(const mw_detector_options *options,
                                            mw_detector **ret_detector, mw_error *err);
/* NULL is fine. */
MW_API void mw_detector_free(mw_detector *detector);
/* The next value of the stream; NaN and infinities are passed over. After MW_CHANGED the next one
 * begins anew. */
MW_API mw_change mw_detector_add(mw_detector *detector, double value);
/* n values at once; ret_changes holds n mw_change. */
MW_API void mw_detector_add_many(mw_detector *detector, const double *values, size_t n,
                                 unsigned char *ret_changes);

/* The library's version, "0.1.0". */
MW_API const char *mw_version(void);

#ifdef __cplusplus
}
#endif
#endif
