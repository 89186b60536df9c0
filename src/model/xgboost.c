/* XGBoost models, JSON and UBJSON, from 1.0 to 3.x.
 *
 *     learner
 *       attributes            best_iteration
 *       feature_names, feature_types
 *       gradient_booster      name, model {trees, tree_info, ...}, or gbtree {model} + weight_drop
 *       learner_model_param   base_score, num_feature, num_class, num_target
 *       objective             name
 *     version
 *
 * Keys come in alphabetical order, so trees are read before it is known how many features there
 * are: the document is gathered first, then settled. */
#include "xgboost.h"

#include "names.h"
#include "read.h"

static const model_places xgb_places = {
    .tree = "trees[",
    .tree_end = "].",
    .left = "left_children",
    .right = "right_children",
    .feature = "split_indices",
    .threshold = "split_conditions",
    .value = "split_conditions",
};

/* ---- gathering --------------------------------------------------------------------------------
 */

/* A reader of the value behind one key. */
typedef mw_status (*key_reader)(model_xgb *xgb, mw_error *err);
typedef struct xgb_key {
    const char *name;
    key_reader read;
} xgb_key;

/* Read an object whose keys are in the table; place names are prepended to errors. */
static mw_status read_object(model_xgb *xgb, const xgb_key *keys, size_t n_keys, mw_error *err)
{
    uint32_t seen = 0;
    size_t i = 0;
    bool more = false;
    MW_TRY(model_document_object_begin(&xgb->doc, err));
    for (;;) {
        MW_TRY(model_document_row(&xgb->doc, keys, sizeof *keys, n_keys, &seen, &i, &more, err));
        if (!more)
            return MW_OK;
        if (keys[i].read(xgb, err) != MW_OK)
            return model_at_key(err, keys[i].name);
    }
}

static mw_status read_best_iteration(model_xgb *xgb, mw_error *err)
{
    mw_view text;
    int64_t value;
    MW_TRY(model_document_string(&xgb->doc, &text, err));
    if (model_parse_integer(text, &value) && value >= 0)
        xgb->build.forest->best_iteration = (ptrdiff_t)value;
    return MW_OK;
}

static mw_status read_attributes(model_xgb *xgb, mw_error *err)
{
    static const xgb_key keys[] = {{"best_iteration", read_best_iteration}};
    return read_object(xgb, keys, MW_COUNT(keys), err);
}

static mw_status read_names(model_xgb *xgb, mw_error *err)
{
    return model_document_strings(&xgb->doc, &xgb->names, err);
}

static mw_status read_types(model_xgb *xgb, mw_error *err)
{
    return model_document_strings(&xgb->doc, &xgb->types, err);
}

static mw_status read_base_score(model_xgb *xgb, mw_error *err)
{
    return model_document_string(&xgb->doc, &xgb->base_score, err);
}

static mw_status read_n_classes(model_xgb *xgb, mw_error *err)
{
    return model_document_integer_or_text(&xgb->doc, &xgb->n_classes, err);
}

static mw_status read_n_features(model_xgb *xgb, mw_error *err)
{
    return model_document_integer_or_text(&xgb->doc, &xgb->n_features, err);
}

static mw_status read_n_targets(model_xgb *xgb, mw_error *err)
{
    return model_document_integer_or_text(&xgb->doc, &xgb->n_targets, err);
}

static mw_status read_param(model_xgb *xgb, mw_error *err)
{
    static const xgb_key keys[] = {{"base_score", read_base_score},
                                   {"num_class", read_n_classes},
                                   {"num_feature", read_n_features},
                                   {"num_target", read_n_targets}};
    return read_object(xgb, keys, MW_COUNT(keys), err);
}

static mw_status read_objective_name(model_xgb *xgb, mw_error *err)
{
    return model_document_string(&xgb->doc, &xgb->objective, err);
}

static mw_status read_objective(model_xgb *xgb, mw_error *err)
{
    static const xgb_key keys[] = {{"name", read_objective_name}};
    return read_object(xgb, keys, MW_COUNT(keys), err);
}

static mw_status read_n_trees(model_xgb *xgb, mw_error *err)
{
    return model_document_integer_or_text(&xgb->doc, &xgb->n_trees_declared, err);
}

static mw_status read_n_parallel(model_xgb *xgb, mw_error *err)
{
    return model_document_integer_or_text(&xgb->doc, &xgb->n_parallel, err);
}

static mw_status read_gbtree_param(model_xgb *xgb, mw_error *err)
{
    static const xgb_key keys[] = {{"num_trees", read_n_trees},
                                   {"num_parallel_tree", read_n_parallel}};
    return read_object(xgb, keys, MW_COUNT(keys), err);
}

static mw_status read_categories(model_xgb *xgb, mw_error *err)
{
    return model_xgb_read_categories(&xgb->doc, &xgb->categories, err);
}

static mw_status read_iteration_starts(model_xgb *xgb, mw_error *err)
{
    return model_document_integers(&xgb->doc, &xgb->iteration_starts, err);
}

static mw_status read_tree_info(model_xgb *xgb, mw_error *err)
{
    return model_document_integers(&xgb->doc, &xgb->tree_info, err);
}

/* Vector leaves have one length in all trees that have them. */
static mw_status note_vector_size(model_xgb *xgb, mw_error *err)
{
    int64_t size = xgb->tree.leaf_vector_size;
    if (size > 1 && xgb->vector_size > 1 && size != xgb->vector_size) {
        mw_fail(err, MW_E_MODEL_COUNT, "leaves have %lld values here and %lld before",
                (long long)size, (long long)xgb->vector_size);
        return model_at_key(err, "tree_param.size_leaf_vector");
    }
    if (size > 1)
        xgb->vector_size = size;
    return MW_OK;
}

static mw_status read_trees(model_xgb *xgb, mw_error *err)
{
    bool more = false;
    xgb->has_trees = true;
    model_build_run(&xgb->build, model_document_at(&xgb->doc));
    MW_TRY(model_document_array_begin(&xgb->doc, err));
    for (size_t i = 0;; i++) {
        MW_TRY(model_document_array_next(&xgb->doc, &more, err));
        if (!more)
            return MW_OK;
        model_build_passed(&xgb->build, model_document_at(&xgb->doc));
        mw_status status = model_xgb_tree_read(&xgb->tree, &xgb->doc, &xgb->build, err);
        if (status == MW_OK)
            status = note_vector_size(xgb, err);
        if (status != MW_OK)
            return model_at_index(err, i);
    }
}

static mw_status read_weight_drop(model_xgb *xgb, mw_error *err)
{
    return model_document_floats(&xgb->doc, &xgb->weight_drop, err);
}

static mw_status read_linear(model_xgb *xgb, mw_error *err)
{
    xgb->has_linear = true;
    return model_document_floats(&xgb->doc, &xgb->linear, err);
}

static mw_status read_rounds(model_xgb *xgb, mw_error *err)
{
    return model_document_integer_or_text(&xgb->doc, &xgb->n_rounds, err);
}

static mw_status read_model(model_xgb *xgb, mw_error *err)
{
    static const xgb_key keys[] = {
        {"cats", read_categories},     {"gbtree_model_param", read_gbtree_param},
        {"tree_info", read_tree_info}, {"iteration_indptr", read_iteration_starts},
        {"trees", read_trees},         {"weight_drop", read_weight_drop},
        {"weights", read_linear},      {"boosted_rounds", read_rounds}};
    return read_object(xgb, keys, MW_COUNT(keys), err);
}

static mw_status read_booster_name(model_xgb *xgb, mw_error *err)
{
    return model_document_string(&xgb->doc, &xgb->booster, err);
}

/* The booster inside a dart booster is an ordinary gbtree; its own name does not matter. */
static mw_status read_inner_booster(model_xgb *xgb, mw_error *err)
{
    static const xgb_key keys[] = {{"model", read_model}};
    return read_object(xgb, keys, MW_COUNT(keys), err);
}

static mw_status read_booster(model_xgb *xgb, mw_error *err)
{
    static const xgb_key keys[] = {{"name", read_booster_name},
                                   {"model", read_model},
                                   {"gbtree", read_inner_booster},
                                   {"weight_drop", read_weight_drop}};
    return read_object(xgb, keys, MW_COUNT(keys), err);
}

static mw_status read_learner(model_xgb *xgb, mw_error *err)
{
    static const xgb_key keys[] = {
        {"attributes", read_attributes},     {"feature_names", read_names},
        {"feature_types", read_types},       {"gradient_booster", read_booster},
        {"learner_model_param", read_param}, {"objective", read_objective}};
    xgb->has_learner = true;
    return read_object(xgb, keys, MW_COUNT(keys), err);
}

static mw_status read_version(model_xgb *xgb, mw_error *err)
{
    model_list numbers = {.item_bytes = sizeof(int64_t)};
    mw_status status = model_document_integers(&xgb->doc, &numbers, err);
    for (size_t i = 0; status == MW_OK && i < numbers.count && i < MW_COUNT(xgb->version); i++)
        xgb->version[i] = ((const int64_t *)numbers.items)[i];
    model_list_done(&numbers);
    return status;
}

/* ---- what the document is, when it is no model ----------------------------------------------- */

static mw_status no_model(const model_xgb *xgb, mw_error *err)
{
    static const struct {
        const char *key;
        mw_code code;
        const char *what, *mend;
    } known[] = {
        {"Model", MW_E_MODEL_PICKLE, "this is XGBoost's memory snapshot, not a model",
         "save the model with booster.save_model('model.json')"},
        {"nodeid", MW_E_MODEL_DUMP, "this is a tree of XGBoost's dump_model(), not a model",
         "save the model with booster.save_model('model.json')"},
    };
    for (size_t i = 0; i < MW_COUNT(known); i++) {
        if (!mw_view_is(xgb->foreign, known[i].key))
            continue;
        mw_fail(err, known[i].code, "%s", known[i].what);
        return mw_mend(err, "%s", known[i].mend);
    }
    mw_fail(err, MW_E_MODEL_KIND, "this JSON is not a model: it has no 'learner'");
    return mw_mend(err, "give a file written by booster.save_model('model.json')");
}

/* Foreign documents are told by a key, so all top-level keys are looked at. */
static void note_foreign(model_xgb *xgb, mw_view key)
{
    static const char *const telling[] = {"Model", "nodeid"};
    for (size_t i = 0; i < MW_COUNT(telling); i++)
        if (mw_view_is(key, telling[i]))
            xgb->foreign = mw_view_of(telling[i]);
}

static mw_status read_top_value(model_xgb *xgb, mw_view key, mw_error *err)
{
    bool learner = mw_view_is(key, "learner");
    if (learner && xgb->has_learner)
        return mw_fail(err, MW_E_MODEL_SYNTAX, "key 'learner' stands twice");
    if (learner)
        return read_learner(xgb, err) == MW_OK ? MW_OK : model_at_key(err, "learner");
    if (mw_view_is(key, "version") && model_document_peek(&xgb->doc) == MW_SCAN_ARRAY)
        return read_version(xgb, err) == MW_OK ? MW_OK : model_at_key(err, "version");
    note_foreign(xgb, key);
    return model_document_skip(&xgb->doc, err);
}

static mw_status read_document(model_xgb *xgb, mw_error *err)
{
    mw_view key;
    bool more = false;
    MW_TRY(model_document_object_begin(&xgb->doc, err));
    for (;;) {
        MW_TRY(model_document_object_next(&xgb->doc, &key, &more, err));
        if (!more)
            break;
        MW_TRY(read_top_value(xgb, key, err));
    }
    MW_TRY(model_document_end(&xgb->doc, err));
    return xgb->has_learner ? MW_OK : no_model(xgb, err);
}

/* ---- settling -------------------------------------------------------------------------------- */

static mw_status damaged(const char *place, mw_error *err)
{
    mw_mend(err, "save the model again; this file was damaged or edited by hand");
    return model_at_key(err, place);
}

static mw_status check_booster(const model_xgb *xgb, mw_error *err)
{
    bool linear = mw_view_is(xgb->booster, "gblinear");
    if (!linear && !mw_view_is(xgb->booster, "gbtree") && !mw_view_is(xgb->booster, "dart")) {
        mw_fail(err, MW_E_BOOSTER, "unknown booster '%.*s'", MW_VIEW_ARG(xgb->booster));
        mw_mend(err, "train with booster gbtree, dart or gblinear");
        return mw_at(err, "learner.gradient_booster.name");
    }
    if (linear ? xgb->has_linear : xgb->has_trees)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_KIND, "there are no %s in it", linear ? "weights" : "trees");
    mw_why(err, "this may be a configuration (save_config), which is not a model");
    mw_mend(err, "give a file written by booster.save_model('model.json')");
    return mw_at(err, "learner.gradient_booster.model");
}

static mw_status set_counts(model_xgb *xgb, mw_error *err)
{
    mw_forest *forest = xgb->build.forest;
    int64_t margins = xgb->n_classes > xgb->n_targets ? xgb->n_classes : xgb->n_targets;
    if (margins < 1)
        margins = 1;
    if (margins > MW_LIMIT_OUTPUTS || xgb->n_classes < 0 || xgb->n_targets < 0 ||
        (xgb->n_classes > 1 && xgb->n_targets > 1)) {
        mw_fail(err, MW_E_MODEL_VALUE, "%lld classes and %lld targets are not possible",
                (long long)xgb->n_classes, (long long)xgb->n_targets);
        return damaged("learner.learner_model_param", err);
    }
    if (xgb->n_features < 0) {
        mw_fail(err, MW_E_MODEL_VALUE, "the count of features is missing or negative");
        return damaged("learner.learner_model_param.num_feature", err);
    }
    forest->n_margins = (size_t)margins;
    forest->n_features = (size_t)xgb->n_features;
    return model_check_features(forest, err);
}

static mw_status set_version(model_xgb *xgb, mw_error *err)
{
    char text[80];
    const int64_t *v = xgb->version;
    snprintf(text, sizeof text, "%lld.%lld.%lld", (long long)v[0], (long long)v[1],
             (long long)v[2]);
    if (v[0] == 0 && v[1] == 0 && v[2] == 0)
        return MW_OK;
    return model_keep_text(xgb->build.forest, mw_view_of(text), &xgb->build.forest->library_version,
                           err);
}

static mw_status check_column_lists(const model_xgb *xgb, mw_error *err)
{
    static const char *const places[] = {"learner.feature_names", "learner.feature_types",
                                         "learner.gradient_booster.model.cats.enc"};
    const model_list *lists[] = {&xgb->names, &xgb->types, &xgb->categories};
    for (size_t i = 0; i < MW_COUNT(lists); i++) {
        if (lists[i]->count == 0 || lists[i]->count == (size_t)xgb->n_features)
            continue;
        mw_fail(err, MW_E_MODEL_COUNT, "%zu entries, but the model has %lld features",
                lists[i]->count, (long long)xgb->n_features);
        return damaged(places[i], err);
    }
    return MW_OK;
}

/* Numbers stay float64 whatever feature_types says ("int", "i", "q"): XGBoost itself takes any
 * number there, and so a stricter type would refuse rows that it accepts. */
static void fill_column(const model_xgb *xgb, size_t i, mw_column *column)
{
    const mw_view *names = xgb->names.items, *types = xgb->types.items;
    const model_xgb_categories *categories = xgb->categories.items;
    if (xgb->names.count > 0)
        column->name = names[i];
    if (xgb->types.count > 0 && mw_view_is(types[i], "c"))
        column->type = MW_COLUMN_CATEGORY;
    if (xgb->categories.count > 0 && categories[i].count > 0) {
        column->type = MW_COLUMN_CATEGORY;
        column->categories = categories[i].texts;
        column->n_categories = categories[i].count;
        column->categories_are_numbers = categories[i].numbers;
    }
}

static void note_damaged_categories(model_xgb *xgb)
{
    const model_xgb_categories *categories = xgb->categories.items;
    for (size_t i = 0; i < xgb->categories.count; i++)
        if (categories[i].damaged)
            xgb->build.forest->cannot =
                "categories with letters beyond ASCII cannot be given as text, because XGBoost "
                "saves them damaged: give their codes";
}

static mw_status set_schema(model_xgb *xgb, mw_error *err)
{
    mw_forest *forest = xgb->build.forest;
    MW_TRY(check_column_lists(xgb, err));
    mw_column *columns = calloc(forest->n_features + 1, sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "names of features");
    for (size_t i = 0; i < forest->n_features; i++)
        fill_column(xgb, i, &columns[i]);
    note_damaged_categories(xgb);
    mw_status status = model_set_schema(forest, columns, xgb->names.count > 0, "f", err);
    free(columns);
    return status == MW_OK ? MW_OK : mw_at(err, "learner.feature_names");
}

/* tree_info gives each tree its margin. Trees with vector leaves add to all of them. */
static mw_status set_outputs(model_xgb *xgb, mw_error *err)
{
    const int64_t *info = xgb->tree_info.items;
    uint32_t *output = xgb->build.tree_output.items;
    size_t n = xgb->build.tree_output.count, n_margins = xgb->build.forest->n_margins;
    if (xgb->tree_info.count != n ||
        (xgb->n_trees_declared >= 0 && (size_t)xgb->n_trees_declared != n)) {
        mw_fail(err, MW_E_MODEL_COUNT, "%zu trees, but %zu in tree_info and %lld declared", n,
                xgb->tree_info.count, (long long)xgb->n_trees_declared);
        return damaged("learner.gradient_booster.model", err);
    }
    for (size_t i = 0; i < n; i++) {
        if (info[i] < 0 || (size_t)info[i] >= n_margins) {
            mw_fail(err, MW_E_MODEL_VALUE, "tree %zu adds to output %lld, outside 0..%zu", i,
                    (long long)info[i], n_margins - 1);
            return damaged("learner.gradient_booster.model.tree_info", err);
        }
        if (output[i] != MW_ALL_OUTPUTS)
            output[i] = (uint32_t)info[i];
    }
    return MW_OK;
}

/* Every vector leaf has one value a margin: a kernel reads n_margins of them. */
static mw_status check_vector_size(const model_xgb *xgb, mw_error *err)
{
    if (xgb->vector_size <= 1 || (size_t)xgb->vector_size == xgb->build.forest->n_margins)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "leaves have %lld values, but the model has %zu outputs",
            (long long)xgb->vector_size, xgb->build.forest->n_margins);
    return damaged("trees.tree_param.size_leaf_vector", err);
}

static mw_status set_weights(model_xgb *xgb, mw_error *err)
{
    size_t n = xgb->build.tree_output.count;
    if (xgb->weight_drop.count == 0)
        return MW_OK;
    if (xgb->weight_drop.count != n) {
        mw_fail(err, MW_E_MODEL_COUNT, "%zu weights, but the model has %zu trees",
                xgb->weight_drop.count, n);
        return damaged("learner.gradient_booster.weight_drop", err);
    }
    float *weights = model_list_add(&xgb->build.tree_weight, n);
    if (!weights)
        return mw_fail_memory(err, "weights of trees");
    memcpy(weights, xgb->weight_drop.items, n * sizeof *weights);
    return MW_OK;
}

/* iteration_indptr (2.0+) gives the first tree of each round and, at its end, the count of trees.
 */
static mw_status check_iteration_starts(const model_xgb *xgb, mw_error *err)
{
    const int64_t *start = xgb->iteration_starts.items;
    size_t n = xgb->iteration_starts.count;
    bool wrong = n > 0 && (start[0] != 0 || start[n - 1] != (int64_t)xgb->build.tree_output.count);
    for (size_t i = 1; i < n && !wrong; i++)
        wrong = start[i] < start[i - 1];
    if (!wrong)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "the rounds do not ascend from 0 to the %zu trees",
            xgb->build.tree_output.count);
    return damaged("learner.gradient_booster.model.iteration_indptr", err);
}

/* Trees of a round, where the file does not say where rounds begin. */
static size_t trees_a_round(const model_xgb *xgb)
{
    size_t groups = xgb->vector_size > 1 ? 1 : xgb->build.forest->n_margins;
    size_t parallel = xgb->n_parallel > 1 ? (size_t)xgb->n_parallel : 1, product;
    return __builtin_mul_overflow(groups, parallel, &product) ? SIZE_MAX : product;
}

static mw_status set_iterations(model_xgb *xgb, mw_error *err)
{
    mw_forest *forest = xgb->build.forest;
    MW_TRY(check_iteration_starts(xgb, err));
    if (xgb->iteration_starts.count > 0)
        forest->n_iterations = xgb->iteration_starts.count - 1;
    else
        forest->n_iterations = xgb->build.tree_output.count / trees_a_round(xgb);
    return MW_OK;
}

static void cut_to_best(model_xgb *xgb)
{
    mw_forest *forest = xgb->build.forest;
    size_t kept = (size_t)forest->best_iteration + 1;
    const int64_t *start = xgb->iteration_starts.items;
    if (!xgb->best_only || forest->best_iteration < 0 || kept >= forest->n_iterations)
        return;
    forest->n_iterations = kept;
    model_build_cut(&xgb->build, start ? (size_t)start[kept] : kept * trees_a_round(xgb));
}

static mw_status set_linear(model_xgb *xgb, mw_error *err)
{
    mw_forest *forest = xgb->build.forest;
    size_t wanted = (forest->n_features + 1) * forest->n_margins;
    const float *from = xgb->linear.items;
    if (xgb->linear.count != wanted) {
        mw_fail(err, MW_E_MODEL_COUNT, "%zu weights, but (%zu features + 1) x %zu outputs are %zu",
                xgb->linear.count, forest->n_features, forest->n_margins, wanted);
        return damaged("learner.gradient_booster.model.weights", err);
    }
    double *weights = mw_arena_take_zeroed(&forest->arena, wanted, sizeof *weights);
    if (!weights)
        return mw_fail_memory(err, "weights of features");
    for (size_t i = 0; i < wanted; i++)
        weights[i] = (double)from[i];
    forest->linear_weights = weights;
    forest->n_iterations = xgb->n_rounds > 0 ? (size_t)xgb->n_rounds : 0;
    return MW_OK;
}

static mw_status settle(model_xgb *xgb, mw_error *err)
{
    mw_forest *forest = xgb->build.forest;
    MW_TRY(check_booster(xgb, err));
    MW_TRY(set_counts(xgb, err));
    MW_TRY(model_xgb_set_objective(xgb, err));
    MW_TRY(model_xgb_set_base(xgb, err));
    MW_TRY(set_version(xgb, err));
    MW_TRY(set_schema(xgb, err));
    forest->input = MW_INPUT_FLOAT32;
    forest->sum_float32 = true;
    if (mw_view_is(xgb->booster, "gblinear"))
        return set_linear(xgb, err);
    MW_TRY(set_outputs(xgb, err));
    MW_TRY(check_vector_size(xgb, err));
    MW_TRY(set_weights(xgb, err));
    MW_TRY(set_iterations(xgb, err));
    cut_to_best(xgb);
    return MW_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

#define EACH_XGB_LIST(X)                \
    X(names, mw_view)                   \
    X(types, mw_view)                   \
    X(categories, model_xgb_categories) \
    X(tree_info, int64_t) X(weight_drop, float) X(iteration_starts, int64_t) X(linear, float)

static mw_status init_xgb(model_xgb *xgb, mw_view bytes, bool binary, mw_error *err)
{
    *xgb = (model_xgb){.n_features = -1, .n_parallel = 1, .n_trees_declared = -1};
#define SET_ITEM_BYTES(name, type) xgb->name.item_bytes = sizeof(type);
    EACH_XGB_LIST(SET_ITEM_BYTES)
#undef SET_ITEM_BYTES
    model_xgb_tree_init(&xgb->tree);
    MW_TRY(model_build_init(&xgb->build, &xgb_places, bytes.size, err));
    xgb->build.forest->format = binary ? MW_FORMAT_XGBOOST_UBJSON : MW_FORMAT_XGBOOST_JSON;
    model_document_init(&xgb->doc, bytes, binary, &xgb->build.forest->arena);
    return MW_OK;
}

static void done_xgb(model_xgb *xgb)
{
#define FREE_LIST(name, type) model_list_done(&xgb->name);
    EACH_XGB_LIST(FREE_LIST)
#undef FREE_LIST
    model_xgb_tree_done(&xgb->tree);
    model_build_done(&xgb->build);
}

mw_status model_xgb_read(mw_view bytes, bool binary, unsigned how, mw_forest **ret_forest,
                         mw_error *err)
{
    model_xgb xgb;
    mw_status status = init_xgb(&xgb, bytes, binary, err);
    xgb.best_only = how & MODEL_BEST_ONLY;
    xgb.build.spare = how & MODEL_SPARE;
    if (status == MW_OK)
        status = read_document(&xgb, err);
    if (status == MW_OK)
        status = settle(&xgb, err);
    if (status == MW_OK)
        status = model_build_finish(&xgb.build, ret_forest, err);
    done_xgb(&xgb);
    return status;
}
