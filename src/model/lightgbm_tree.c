/* One tree of LightGBM: lines of numbers become nodes.
 *
 *     num_leaves=3
 *     split_feature=1 0         inner nodes 0 and 1
 *     threshold=0.5 -1
 *     decision_type=2 2         bit 0 categorical, bit 1 default left, bits 2-3 missing kind
 *     left_child=1 -1           inner node 1; leaf ~(-1) = 0
 *     right_child=-2 -3         leaf 1; leaf 2
 *     leaf_value=0.1 0.2 0.3
 *
 * In the forest the inner nodes come first and leaf v is node n_inner + v. A categorical split's
 * threshold is an index into cat_boundaries, which slices cat_threshold: 32-bit words of bits. */
#include "lightgbm.h"

#include <math.h>

enum {
    DECISION_CATEGORICAL = 1,
    DECISION_DEFAULT_LEFT = 2,
    DECISION_MISSING_SHIFT = 2,
    DECISION_MISSING_MASK = 3
};

/* Every key of a tree that is read: a list of integers, of doubles, or one integer. */
#define EACH_INTEGERS(X)                \
    X("split_feature", feature)         \
    X("decision_type", decision)        \
    X("left_child", left)               \
    X("right_child", right)             \
    X("leaf_count", leaf_count)         \
    X("internal_count", internal_count) \
    X("cat_boundaries", boundaries)     \
    X("cat_threshold", words)           \
    X("num_features", n_linear)         \
    X("leaf_features", linear_features)
#define EACH_DOUBLES(X)              \
    X("threshold", threshold)        \
    X("leaf_value", leaf_value)      \
    X("split_gain", gain)            \
    X("leaf_const", linear_constant) \
    X("leaf_coeff", linear_coefficients)
#define EACH_INTEGER(X)         \
    X("num_leaves", n_leaves)   \
    X("num_cat", n_categorical) \
    X("is_linear", is_linear)

void model_lgb_tree_init(model_lgb_tree *tree)
{
    *tree = (model_lgb_tree){0};
#define SET_INTEGERS(key, name) tree->name.item_bytes = sizeof(int64_t);
#define SET_DOUBLES(key, name) tree->name.item_bytes = sizeof(double);
    EACH_INTEGERS(SET_INTEGERS)
    EACH_DOUBLES(SET_DOUBLES)
#undef SET_INTEGERS
#undef SET_DOUBLES
}

void model_lgb_tree_done(model_lgb_tree *tree)
{
#define FREE_LIST(key, name) model_list_done(&tree->name);
    EACH_INTEGERS(FREE_LIST)
    EACH_DOUBLES(FREE_LIST)
#undef FREE_LIST
}

void model_lgb_tree_empty(model_lgb_tree *tree)
{
#define EMPTY_LIST(key, name) tree->name.count = 0;
    EACH_INTEGERS(EMPTY_LIST)
    EACH_DOUBLES(EMPTY_LIST)
#undef EMPTY_LIST
    tree->n_leaves = -1;
    tree->n_categorical = tree->is_linear = 0;
    tree->seen = 0;
}

/* ---- lines in ---------------------------------------------------------------------------------
 */

static mw_status wrong_number(mw_view word, mw_error *err)
{
    enum { SHOWN = 40 };
    if (word.size > SHOWN)
        word.size = SHOWN;
    mw_fail(err, MW_E_MODEL_SYNTAX, "'%.*s' is not a number that may stand here",
            MW_VIEW_ARG(word));
    return mw_mend(err, "save the model again; this file was damaged or edited by hand");
}

static const char *skip_spaces(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at;
}

static mw_view word_at(const char *at, const char *end)
{
    const char *space = memchr(at, ' ', (size_t)(end - at));
    return (mw_view){at, (size_t)((space ? space : end) - at)};
}

/* The end of the integer at `at`, or NULL. Longer than 18 digits is none that may stand here. */
static const char *read_integer(const char *at, const char *end, int64_t *ret_value)
{
    enum { MOST_DIGITS = 18 };
    bool negative = at < end && *at == '-';
    const char *digits = at + negative, *c = digits;
    int64_t value = 0;
    for (; c < end && *c >= '0' && *c <= '9' && c - digits < MOST_DIGITS; c++)
        value = value * 10 + (*c - '0');
    if (c == digits || (c < end && *c != ' '))
        return NULL;
    *ret_value = negative ? -value : value;
    return c;
}

static mw_status read_integers(mw_view text, model_list *list, mw_error *err)
{
    const char *end = text.data + text.size, *at = skip_spaces(text.data, end);
    while (at < end) {
        int64_t *value = model_list_add_one(list);
        if (!value)
            return mw_fail_memory(err, "numbers of a tree");
        const char *next = read_integer(at, end, value);
        if (!next)
            return wrong_number(word_at(at, end), err);
        at = skip_spaces(next, end);
    }
    return MW_OK;
}

/* Ordinary numbers in one go; inf and nan, which are rare, by the word. */
static const char *read_double(const char *at, const char *end, double *ret_value)
{
    const char *next = mw_number_read(at, end, false, ret_value);
    if (next && (next == end || *next == ' '))
        return next;
    mw_view word = word_at(at, end);
    return mw_number_parse(word.data, word.size, ret_value) ? word.data + word.size : NULL;
}

static mw_status read_doubles(mw_view text, model_list *list, mw_error *err)
{
    const char *end = text.data + text.size, *at = skip_spaces(text.data, end);
    while (at < end) {
        double *value = model_list_add_one(list);
        if (!value)
            return mw_fail_memory(err, "numbers of a tree");
        const char *next = read_double(at, end, value);
        if (!next)
            return wrong_number(word_at(at, end), err);
        at = skip_spaces(next, end);
    }
    return MW_OK;
}

static mw_status read_one(mw_view text, int64_t *ret_value, mw_error *err)
{
    const char *end = text.data + text.size;
    const char *next = read_integer(text.data, end, ret_value);
    return next && skip_spaces(next, end) == end ? MW_OK : wrong_number(text, err);
}

/* Each key has a bit in `seen`, in the order of the tables. */
static mw_status first_time(model_lgb_tree *tree, unsigned bit, mw_error *err)
{
    if (tree->seen & 1u << bit) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "the line stands twice");
        return mw_mend(err, "save the model again; this file was damaged or edited by hand");
    }
    tree->seen |= 1u << bit;
    return MW_OK;
}

mw_status model_lgb_tree_line(model_lgb_tree *tree, mw_view key, mw_view value, mw_error *err)
{
    unsigned bit = 0;
#define READ_INTO(text, name, reader)           \
    if (mw_view_is(key, text)) {                \
        MW_TRY(first_time(tree, bit, err));     \
        return reader(value, &tree->name, err); \
    }                                           \
    bit++;
#define READ_INTEGERS(text, name) READ_INTO(text, name, read_integers)
#define READ_DOUBLES(text, name) READ_INTO(text, name, read_doubles)
#define READ_INTEGER(text, name) READ_INTO(text, name, read_one)
    EACH_INTEGERS(READ_INTEGERS)
    EACH_DOUBLES(READ_DOUBLES)
    EACH_INTEGER(READ_INTEGER)
    return MW_OK;
}

/* ---- do they agree? ----------------------------------------------------------------------------
 */

static mw_status check_count(const model_list *list, size_t expected, const char *key,
                             mw_error *err)
{
    if (list->count == expected)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_COUNT, "%zu entries, but the tree needs %zu", list->count, expected);
    mw_mend(err, "save the model again; this file was cut short or edited by hand");
    return mw_at(err, "%s", key);
}

static mw_status check_optional(const model_list *list, size_t expected, const char *key,
                                mw_error *err)
{
    return list->count == 0 ? MW_OK : check_count(list, expected, key, err);
}

static mw_status check_leaves(const model_lgb_tree *tree, mw_error *err)
{
    if (tree->n_leaves < 1 || (uint64_t)tree->n_leaves > tree->leaf_value.count) {
        mw_fail(err, MW_E_MODEL_COUNT, "%lld leaves, but %zu values of leaves",
                (long long)tree->n_leaves, tree->leaf_value.count);
        mw_mend(err, "save the model again; this file was cut short or edited by hand");
        return mw_at(err, "num_leaves");
    }
    return check_count(&tree->leaf_value, (size_t)tree->n_leaves, "leaf_value", err);
}

static mw_status check_splits(const model_lgb_tree *tree, mw_error *err)
{
    size_t n_inner = (size_t)tree->n_leaves - 1;
    if (n_inner == 0)
        return MW_OK; /* the lines of splits are absent or empty, and nobody reads them */
    MW_TRY(check_count(&tree->feature, n_inner, "split_feature", err));
    MW_TRY(check_count(&tree->threshold, n_inner, "threshold", err));
    MW_TRY(check_count(&tree->decision, n_inner, "decision_type", err));
    MW_TRY(check_count(&tree->left, n_inner, "left_child", err));
    MW_TRY(check_count(&tree->right, n_inner, "right_child", err));
    MW_TRY(check_optional(&tree->internal_count, n_inner, "internal_count", err));
    return check_optional(&tree->leaf_count, (size_t)tree->n_leaves, "leaf_count", err);
}

static mw_status check_categories(const model_lgb_tree *tree, mw_error *err)
{
    const int64_t *boundaries = tree->boundaries.items;
    if (tree->n_categorical == 0)
        return MW_OK;
    if (tree->n_categorical < 0 || (uint64_t)tree->n_categorical >= tree->boundaries.count)
        return check_count(&tree->boundaries, (size_t)tree->n_categorical + 1, "cat_boundaries",
                           err);
    for (size_t i = 0; i < (size_t)tree->n_categorical; i++) {
        if (boundaries[i] >= 0 && boundaries[i] <= boundaries[i + 1] &&
            (uint64_t)boundaries[i + 1] <= tree->words.count)
            continue;
        mw_fail(err, MW_E_TREE_CATEGORY, "slice %lld..%lld is outside 0..%zu",
                (long long)boundaries[i], (long long)boundaries[i + 1], tree->words.count);
        mw_mend(err, "save the model again; this file was damaged or edited by hand");
        return mw_at(err, "cat_boundaries[%zu]", i);
    }
    return MW_OK;
}

/* ---- nodes out ------------------------------------------------------------------------------- */

/* Inner node, or leaf behind them; what is neither becomes an index that the common check refuses
 * and that is not "none". */
static uint32_t child_of(int64_t child, size_t n_inner)
{
    int64_t index = child >= 0 ? child : (int64_t)n_inner + ~child;
    bool wrong = index >= UINT32_MAX - 1 || (child >= 0 && (size_t)child >= n_inner);
    return wrong ? UINT32_MAX - 1 : (uint32_t)index;
}

static uint8_t flags_of(int64_t decision)
{
    static const uint8_t missing[] = {MW_NODE_MISSING_NONE, MW_NODE_MISSING_ZERO,
                                      MW_NODE_MISSING_NAN, MW_NODE_MISSING_NONE};
    uint8_t kind = missing[decision >> DECISION_MISSING_SHIFT & DECISION_MISSING_MASK];
    if (decision & DECISION_CATEGORICAL) /* NaN goes right, whatever the other bits say */
        return (uint8_t)(MW_NODE_CATEGORICAL | MW_NODE_SET_LEFT | kind);
    return (uint8_t)(MW_NODE_LESS_EQUAL | kind |
                     (decision & DECISION_DEFAULT_LEFT ? MW_NODE_DEFAULT_LEFT : 0));
}

static void write_inner(const model_lgb_tree *tree, model_build *build, size_t first, size_t i)
{
    size_t n_inner = (size_t)tree->n_leaves - 1, at = first + i;
    int64_t feature = ((const int64_t *)tree->feature.items)[i];
    bool fits = feature >= 0 && feature <= UINT32_MAX;
    ((uint32_t *)build->left.items)[at] = child_of(((const int64_t *)tree->left.items)[i], n_inner);
    ((uint32_t *)build->right.items)[at] =
        child_of(((const int64_t *)tree->right.items)[i], n_inner);
    ((uint32_t *)build->feature.items)[at] = fits ? (uint32_t)feature : UINT32_MAX;
    ((double *)build->threshold.items)[at] = ((const double *)tree->threshold.items)[i];
    ((uint8_t *)build->flags.items)[at] = flags_of(((const int64_t *)tree->decision.items)[i]);
    ((double *)build->value.items)[at] = 0;
}

static void write_leaf(const model_lgb_tree *tree, model_build *build, size_t first, size_t leaf)
{
    size_t at = first + (size_t)tree->n_leaves - 1 + leaf;
    ((uint32_t *)build->left.items)[at] = MW_NO_CHILD;
    ((uint32_t *)build->right.items)[at] = MW_NO_CHILD;
    ((uint32_t *)build->feature.items)[at] = 0;
    ((double *)build->threshold.items)[at] = 0;
    ((uint8_t *)build->flags.items)[at] = 0;
    ((double *)build->value.items)[at] = ((const double *)tree->leaf_value.items)[leaf];
}

static mw_status write_cover(const model_lgb_tree *tree, model_build *build, size_t first,
                             mw_error *err)
{
    size_t n_inner = (size_t)tree->n_leaves - 1;
    const int64_t *inner = tree->internal_count.items, *leaf = tree->leaf_count.items;
    if (tree->leaf_count.count != (size_t)tree->n_leaves || tree->internal_count.count < n_inner)
        return MW_OK;
    MW_TRY(model_build_use(build, &build->cover, err));
    double *cover = (double *)build->cover.items + first;
    for (size_t i = 0; i < n_inner; i++)
        cover[i] = (double)inner[i];
    for (size_t i = 0; i < (size_t)tree->n_leaves; i++)
        cover[n_inner + i] = (double)leaf[i];
    return MW_OK;
}

static mw_status write_gain(const model_lgb_tree *tree, model_build *build, size_t first,
                            mw_error *err)
{
    size_t n_inner = (size_t)tree->n_leaves - 1;
    const double *from = tree->gain.items;
    if (tree->gain.count < n_inner)
        return MW_OK;
    MW_TRY(model_build_use(build, &build->gain, err));
    float *gain = (float *)build->gain.items + first;
    for (size_t i = 0; i < 2 * n_inner + 1; i++)
        gain[i] = i < n_inner ? (float)from[i] : 0;
    return MW_OK;
}

/* ---- sets of categories ---------------------------------------------------------------------- */

static mw_status write_set(const model_lgb_tree *tree, model_build *build, size_t at, mw_error *err)
{
    double *threshold = (double *)build->threshold.items + at;
    const int64_t *boundaries = tree->boundaries.items, *words = tree->words.items;
    if (!(*threshold >= 0 && *threshold < (double)tree->n_categorical)) {
        mw_fail(err, MW_E_TREE_CATEGORY, "set %g is outside 0..%lld", *threshold,
                (long long)tree->n_categorical - 1);
        mw_mend(err, "save the model again; this file was damaged or edited by hand");
        return mw_at(err, "threshold");
    }
    size_t index = (size_t)*threshold;
    size_t begin = (size_t)boundaries[index], end = (size_t)boundaries[index + 1];
    uint32_t set = 0, *bits = NULL;
    MW_TRY(model_build_set(build, end - begin, &set, &bits, err));
    for (size_t i = begin; i < end; i++)
        bits[i - begin] = (uint32_t)words[i];
    ((uint32_t *)build->set.items)[at] = set;
    *threshold = 0;
    return MW_OK;
}

static mw_status write_sets(const model_lgb_tree *tree, model_build *build, size_t first,
                            mw_error *err)
{
    size_t n_inner = (size_t)tree->n_leaves - 1;
    bool used = false;
    for (size_t at = first; at < first + n_inner; at++) {
        if (!(((const uint8_t *)build->flags.items)[at] & MW_NODE_CATEGORICAL))
            continue;
        if (!used)
            MW_TRY(model_build_use(build, &build->set, err));
        used = true;
        MW_TRY(write_set(tree, build, at, err));
    }
    return MW_OK;
}

/* ---- linear leaves --------------------------------------------------------------------------- */

static mw_status check_linear(const model_lgb_tree *tree, mw_error *err)
{
    size_t n = (size_t)tree->n_leaves, total = 0;
    const int64_t *counts = tree->n_linear.items;
    MW_TRY(check_count(&tree->linear_constant, n, "leaf_const", err));
    MW_TRY(check_count(&tree->n_linear, n, "num_features", err));
    for (size_t i = 0; i < n; i++) {
        if (counts[i] < 0 || (uint64_t)counts[i] > tree->linear_features.count)
            return check_count(&tree->linear_features, (size_t)counts[i], "leaf_features", err);
        total += (size_t)counts[i];
    }
    MW_TRY(check_count(&tree->linear_features, total, "leaf_features", err));
    return check_count(&tree->linear_coefficients, total, "leaf_coeff", err);
}

static mw_status not_a_number(const char *key, mw_error *err)
{
    mw_fail(err, MW_E_TREE_VALUE, "a linear leaf is not a number");
    mw_mend(err, "train again with finite labels and weights, then save the model again");
    return mw_at(err, "%s", key);
}

static mw_status copy_terms(const model_lgb_tree *tree, model_build *build, mw_error *err)
{
    size_t total = tree->linear_features.count;
    const int64_t *from_features = tree->linear_features.items;
    const double *from = tree->linear_coefficients.items;
    uint32_t *features = model_list_add(&build->linear_features, total);
    double *coefficients = model_list_add(&build->linear_coefficients, total);
    if (!features || !coefficients || build->linear_features.count > UINT32_MAX)
        return mw_fail_memory(err, "linear leaves");
    for (size_t i = 0; i < total; i++) {
        size_t n_features = build->forest->n_features;
        if (from_features[i] < 0 || (uint64_t)from_features[i] >= n_features) {
            mw_fail(err, MW_E_TREE_FEATURE, "feature %lld is outside 0..%zd",
                    (long long)from_features[i], (ptrdiff_t)n_features - 1);
            mw_mend(err, "save the model again; this file was damaged or edited by hand");
            return mw_at(err, "leaf_features");
        }
        if (isnan(from[i]))
            return not_a_number("leaf_coeff", err);
        features[i] = (uint32_t)from_features[i];
        coefficients[i] = from[i];
    }
    return MW_OK;
}

static mw_status write_linear(const model_lgb_tree *tree, model_build *build, size_t first,
                              mw_error *err)
{
    size_t n = (size_t)tree->n_leaves, begin = build->linear_features.count;
    const int64_t *counts = tree->n_linear.items;
    MW_TRY(check_linear(tree, err));
    MW_TRY(copy_terms(tree, build, err));
    MW_TRY(model_build_use(build, &build->leaf_linear, err));
    size_t leaf = build->linear_leaves.count;
    mw_linear_leaf *leaves = model_list_add(&build->linear_leaves, n);
    if (!leaves)
        return mw_fail_memory(err, "linear leaves");
    for (size_t i = 0; i < n; i++) {
        size_t end = begin + (size_t)counts[i];
        double constant = ((const double *)tree->linear_constant.items)[i];
        if (isnan(constant))
            return not_a_number("leaf_const", err);
        leaves[i] = (mw_linear_leaf){constant, (uint32_t)begin, (uint32_t)end};
        ((uint32_t *)build->leaf_linear.items)[first + n - 1 + i] = (uint32_t)(leaf + i + 1);
        begin = end;
    }
    return MW_OK;
}

/* A file may hold trees with linear leaves and trees without: where one has them, all leaves of
 * the forest get an entry, and a plain leaf's is its value and no terms. Until here an entry was
 * its index + 1, and 0 meant "none yet". */
mw_status model_lgb_settle_linear(model_build *build, mw_error *err)
{
    uint32_t none = (uint32_t)build->linear_features.count;
    if (build->leaf_linear.count == 0)
        return MW_OK;
    MW_TRY(model_build_use(build, &build->leaf_linear, err));
    uint32_t *entry = build->leaf_linear.items;
    const uint32_t *left = build->left.items;
    const double *value = build->value.items;
    for (size_t node = 0; node < build->left.count; node++) {
        if (left[node] == MW_NO_CHILD && entry[node] == 0) {
            mw_linear_leaf *plain = model_list_add(&build->linear_leaves, 1);
            if (!plain)
                return mw_fail_memory(err, "linear leaves");
            *plain = (mw_linear_leaf){value[node], none, none};
            entry[node] = (uint32_t)build->linear_leaves.count;
        }
        if (entry[node] > 0)
            entry[node]--;
    }
    return MW_OK;
}

mw_status model_lgb_tree_finish(const model_lgb_tree *tree, uint32_t output, model_build *build,
                                mw_error *err)
{
    size_t first = 0;
    MW_TRY(check_leaves(tree, err));
    MW_TRY(check_splits(tree, err));
    MW_TRY(check_categories(tree, err));
    size_t n = (size_t)tree->n_leaves;
    MW_TRY(model_build_tree(build, 2 * n - 1, output, &first, err));
    for (size_t i = 0; i + 1 < n; i++)
        write_inner(tree, build, first, i);
    for (size_t i = 0; i < n; i++)
        write_leaf(tree, build, first, i);
    MW_TRY(write_cover(tree, build, first, err));
    MW_TRY(write_gain(tree, build, first, err));
    MW_TRY(write_sets(tree, build, first, err));
    return tree->is_linear ? write_linear(tree, build, first, err) : MW_OK;
}
