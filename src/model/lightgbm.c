/* LightGBM's models, versions 2 to 4: the text form, and what it shares with the JSON form.
 *
 *     tree
 *     version=v4               head: key=value, one a line
 *     ...
 *     Tree=0                   blocks of key=value
 *     ...
 *     end of trees             without this line the file is cut short
 *     parameters: ...          tail: [key: value]
 *     pandas_categorical:...   JSON
 */
#include "lightgbm.h"

#include "names.h"
#include "read.h"

static const model_places lgb_places = {
    .tree = "Tree=",
    .tree_end = ": ",
    .left = "left_child",
    .right = "right_child",
    .feature = "split_feature",
    .threshold = "threshold",
    .value = "leaf_value",
};

static const char *const again = "save the model again with booster.save_model('model.txt')";

/* ---- lines ----------------------------------------------------------------------------------- */

bool model_lines_next(model_lines *lines, mw_view *ret_line)
{
    if (lines->at == lines->end)
        return false;
    size_t left = (size_t)(lines->end - lines->at);
    const char *line_end = memchr(lines->at, '\n', left);
    size_t size = line_end ? (size_t)(line_end - lines->at) : left;
    const char *begin = lines->at;
    lines->at += size + (line_end != NULL);
    lines->number++;
    if (size > 0 && begin[size - 1] == '\r')
        size--;
    *ret_line = (mw_view){begin, size};
    return true;
}

void model_line_split(mw_view line, mw_view *ret_key, mw_view *ret_value)
{
    const char *equals = memchr(line.data, '=', line.size);
    size_t size = equals ? (size_t)(equals - line.data) : line.size;
    size_t used = size + (equals != NULL);
    *ret_key = (mw_view){line.data, size};
    *ret_value = (mw_view){line.data + used, line.size - used};
}

/* ---- head ------------------------------------------------------------------------------------ */

static mw_status wrong_head(const char *key, mw_error *err)
{
    mw_mend(err, "%s", again);
    return mw_at(err, "%s", key);
}

static mw_status read_integer(mw_view text, const char *key, int64_t *ret_value, mw_error *err)
{
    if (model_parse_integer(text, ret_value))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_SYNTAX, "this is not an integer");
    return wrong_head(key, err);
}

enum head_key {
    HEAD_VERSION,
    HEAD_N_CLASSES,
    HEAD_PER_ITERATION,
    HEAD_MAX_FEATURE,
    HEAD_OBJECTIVE,
    HEAD_AVERAGE,
    HEAD_NAMES,
    HEAD_INFOS,
    HEAD_SIZES
};

static const char *const head_keys[] = {
    [HEAD_VERSION] = "version",
    [HEAD_N_CLASSES] = "num_class",
    [HEAD_PER_ITERATION] = "num_tree_per_iteration",
    [HEAD_MAX_FEATURE] = "max_feature_idx",
    [HEAD_OBJECTIVE] = "objective",
    [HEAD_AVERAGE] = "average_output",
    [HEAD_NAMES] = "feature_names",
    [HEAD_INFOS] = "feature_infos",
    [HEAD_SIZES] = "tree_sizes",
};

static mw_status split_names(model_lgb *lgb, mw_view text, mw_error *err)
{
    while (text.size > 0) {
        const char *space = memchr(text.data, ' ', text.size);
        size_t size = space ? (size_t)(space - text.data) : text.size;
        size_t used = size + (space != NULL);
        mw_view *name = model_list_add(&lgb->names, 1);
        if (!name)
            return mw_fail_memory(err, "names of features");
        *name = (mw_view){text.data, size};
        text = (mw_view){text.data + used, text.size - used};
    }
    return MW_OK;
}

static mw_status take_head_value(model_lgb *lgb, enum head_key key, mw_view value, mw_error *err)
{
    switch (key) {
    case HEAD_VERSION:
        lgb->version = value;
        return MW_OK;
    case HEAD_N_CLASSES:
        return read_integer(value, head_keys[key], &lgb->n_classes, err);
    case HEAD_PER_ITERATION:
        return read_integer(value, head_keys[key], &lgb->n_per_iteration, err);
    case HEAD_MAX_FEATURE:
        return read_integer(value, head_keys[key], &lgb->max_feature, err);
    case HEAD_OBJECTIVE:
        lgb->has_objective = true;
        lgb->objective = value;
        return MW_OK;
    case HEAD_AVERAGE:
        lgb->average = true;
        return MW_OK;
    case HEAD_NAMES:
        return split_names(lgb, value, err);
    case HEAD_INFOS:
        lgb->infos = value;
        return MW_OK;
    case HEAD_SIZES:
        lgb->tree_sizes = value;
        return MW_OK;
    }
    return MW_OK;
}

static mw_status take_head_line(model_lgb *lgb, mw_view line, mw_error *err)
{
    mw_view key, value;
    model_line_split(line, &key, &value);
    for (size_t i = 0; i < MW_COUNT(head_keys); i++) {
        if (!mw_view_is(key, head_keys[i]))
            continue;
        if (lgb->seen & 1u << i) {
            mw_fail(err, MW_E_MODEL_SYNTAX, "the line stands twice");
            return wrong_head(head_keys[i], err);
        }
        lgb->seen |= 1u << i;
        return take_head_value(lgb, (enum head_key)i, mw_view_trim(value), err);
    }
    return MW_OK;
}

mw_status model_lgb_check_version(const model_lgb *lgb, mw_error *err)
{
    static const char *const known[] = {"v2", "v3", "v4"};
    for (size_t i = 0; i < MW_COUNT(known); i++)
        if (mw_view_is(lgb->version, known[i]))
            return MW_OK;
    mw_fail(err, MW_E_MODEL_FORMAT, "version '%.*s' of LightGBM's format is not read",
            MW_VIEW_ARG(lgb->version));
    mw_mend(err, "save the model again with LightGBM 4; versions v2, v3 and v4 are read");
    return mw_at(err, "version");
}

static mw_status check_head_lines(const model_lgb *lgb, mw_error *err)
{
    static const unsigned needed[] = {HEAD_VERSION, HEAD_PER_ITERATION, HEAD_MAX_FEATURE,
                                      HEAD_NAMES};
    for (size_t i = 0; i < MW_COUNT(needed); i++) {
        if (lgb->seen & 1u << needed[i])
            continue;
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "the head has no line '%s'", head_keys[needed[i]]);
        return mw_mend(err, "%s", again);
    }
    return MW_OK;
}

mw_status model_lgb_settle_counts(model_lgb *lgb, mw_error *err)
{
    mw_forest *forest = lgb->build.forest;
    if (lgb->n_per_iteration < 1 || lgb->n_per_iteration > MW_LIMIT_OUTPUTS) {
        mw_fail(err, MW_E_MODEL_VALUE, "%lld is outside 1..%d", (long long)lgb->n_per_iteration,
                MW_LIMIT_OUTPUTS);
        return wrong_head(head_keys[HEAD_PER_ITERATION], err);
    }
    if (lgb->max_feature < 0 || lgb->max_feature >= MW_LIMIT_FEATURES) {
        mw_fail(err, MW_E_MODEL_VALUE, "%lld is outside 0..%d", (long long)lgb->max_feature,
                MW_LIMIT_FEATURES - 1);
        return wrong_head(head_keys[HEAD_MAX_FEATURE], err);
    }
    forest->n_margins = (size_t)lgb->n_per_iteration;
    forest->n_features = (size_t)lgb->max_feature + 1;
    return model_check_features(forest, err);
}

/* ---- trees ------------------------------------------------------------------------------------
 */

static mw_status finish_tree(model_lgb *lgb, mw_error *err)
{
    size_t tree = lgb->build.tree_output.count;
    uint32_t output = (uint32_t)(tree % lgb->build.forest->n_margins);
    if (model_lgb_tree_finish(&lgb->tree, output, &lgb->build, err) == MW_OK)
        return MW_OK;
    return mw_at(err, "Tree=%zu", tree);
}

/* "Tree=12" counts up from 0. */
static mw_status begin_tree(model_lgb *lgb, mw_view value, mw_error *err)
{
    int64_t number = -1;
    size_t expected = lgb->build.tree_output.count;
    model_lgb_tree_empty(&lgb->tree);
    if (model_parse_integer(mw_view_trim(value), &number) && number == (int64_t)expected)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_SYNTAX, "expected tree %zu, found '%.*s'", expected,
            MW_VIEW_ARG(value));
    mw_mend(err, "%s", again);
    return mw_at(err, "line %zu", lgb->lines.number);
}

/* Lines of one tree, up to the next tree or the end of trees. */
static mw_status take_tree_line(model_lgb *lgb, mw_view line, bool *in_tree, mw_error *err)
{
    mw_view key, value;
    model_line_split(line, &key, &value);
    bool next_tree = mw_view_is(key, "Tree");
    lgb->ended = mw_view_is(line, "end of trees");
    if (*in_tree && (next_tree || lgb->ended))
        MW_TRY(finish_tree(lgb, err));
    if (next_tree) {
        *in_tree = true;
        model_build_passed(&lgb->build, line.data);
        return begin_tree(lgb, value, err);
    }
    if (!*in_tree || lgb->ended || model_lgb_tree_line(&lgb->tree, key, value, err) == MW_OK)
        return MW_OK;
    mw_at(err, "%.*s", MW_VIEW_ARG(key));
    mw_at(err, "Tree=%zu", lgb->build.tree_output.count);
    return mw_at(err, "line %zu", lgb->lines.number);
}

static mw_status read_trees(model_lgb *lgb, mw_view first_line, mw_error *err)
{
    bool in_tree = false;
    mw_view line = first_line;
    model_build_run(&lgb->build, line.data);
    do {
        MW_TRY(take_tree_line(lgb, line, &in_tree, err));
    } while (!lgb->ended && model_lines_next(&lgb->lines, &line));
    if (lgb->ended)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_CUT_SHORT, "the file ends before 'end of trees'");
    mw_mend(err, "%s", again);
    return mw_at(err, "line %zu", lgb->lines.number);
}

static size_t count_words(mw_view text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] != ' ' && (i == 0 || text.data[i - 1] == ' ');
    return count;
}

static mw_status check_tree_count(const model_lgb *lgb, mw_error *err)
{
    size_t n = lgb->build.tree_output.count, a_round = (size_t)lgb->n_per_iteration;
    size_t sizes = count_words(lgb->tree_sizes);
    if (lgb->tree_sizes.size > 0 && sizes != n) {
        mw_fail(err, MW_E_MODEL_COUNT, "%zu trees, but tree_sizes has %zu entries", n, sizes);
        return mw_mend(err, "%s", again);
    }
    if (n % a_round != 0) {
        mw_fail(err, MW_E_MODEL_COUNT, "%zu trees are not a multiple of %zu trees an iteration", n,
                a_round);
        return mw_mend(err, "%s", again);
    }
    return MW_OK;
}

/* ---- tail --------------------------------------------------------------------------------------
 */

static void read_tail(model_lgb *lgb)
{
    static const char pandas[] = "pandas_categorical:", categorical[] = "[categorical_feature:";
    mw_view line;
    while (model_lines_next(&lgb->lines, &line)) {
        if (mw_view_starts(line, pandas))
            lgb->pandas = mw_view_trim(
                (mw_view){line.data + sizeof pandas - 1, line.size - sizeof pandas + 1});
        if (mw_view_starts(line, categorical) && line.data[line.size - 1] == ']')
            lgb->categorical = mw_view_trim(
                (mw_view){line.data + sizeof categorical - 1, line.size - sizeof categorical});
    }
}

/* ---- a whole model --------------------------------------------------------------------------- */

static void settle(model_lgb *lgb)
{
    mw_forest *forest = lgb->build.forest;
    forest->n_iterations = lgb->build.tree_output.count / forest->n_margins;
    forest->input = MW_INPUT_FLOAT64_NEAR_ZERO;
    forest->sum_float32 = false;
    if (lgb->average && forest->n_iterations > 0)
        forest->divide_by = (double)forest->n_iterations;
}

static mw_status set_base(mw_forest *forest, mw_error *err)
{
    forest->base_margin =
        mw_arena_take_zeroed(&forest->arena, forest->n_margins, sizeof *forest->base_margin);
    return forest->base_margin ? MW_OK : mw_fail_memory(err, "a model");
}

static mw_status read_text(model_lgb *lgb, mw_error *err)
{
    mw_view line = {0};
    bool tree = false;
    while (!tree && model_lines_next(&lgb->lines, &line)) {
        tree = mw_view_starts(line, "Tree=") || mw_view_is(line, "end of trees");
        if (!tree)
            MW_TRY(take_head_line(lgb, line, err));
    }
    MW_TRY(check_head_lines(lgb, err));
    MW_TRY(model_lgb_check_version(lgb, err));
    MW_TRY(model_lgb_settle_counts(lgb, err));
    if (!tree) {
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "the file ends before the first tree");
        return mw_mend(err, "%s", again);
    }
    MW_TRY(read_trees(lgb, line, err));
    read_tail(lgb);
    return MW_OK;
}

mw_status model_lgb_finish(model_lgb *lgb, mw_forest **ret_forest, mw_error *err)
{
    MW_TRY(check_tree_count(lgb, err));
    MW_TRY(model_lgb_settle_linear(&lgb->build, err));
    MW_TRY(model_lgb_set_objective(lgb, err));
    MW_TRY(model_lgb_set_schema(lgb, err));
    settle(lgb);
    MW_TRY(set_base(lgb->build.forest, err));
    return model_build_finish(&lgb->build, ret_forest, err);
}

mw_status model_lgb_init(model_lgb *lgb, const model_places *places, mw_view bytes,
                         mw_format format, mw_error *err)
{
    *lgb = (model_lgb){.lines = {bytes.data, bytes.data + bytes.size, 0},
                       .names.item_bytes = sizeof(mw_view),
                       .category_names.item_bytes = sizeof(mw_view)};
    model_lgb_tree_init(&lgb->tree);
    MW_TRY(model_build_init(&lgb->build, places, bytes.size, err));
    lgb->build.forest->format = format;
    return MW_OK;
}

void model_lgb_done(model_lgb *lgb)
{
    model_list_done(&lgb->names);
    model_list_done(&lgb->category_names);
    model_lgb_tree_done(&lgb->tree);
    model_build_done(&lgb->build);
}

mw_status model_lgb_read(mw_view bytes, unsigned how, mw_forest **ret_forest, mw_error *err)
{
    model_lgb lgb;
    mw_status status = model_lgb_init(&lgb, &lgb_places, bytes, MW_FORMAT_LIGHTGBM_TEXT, err);
    lgb.build.spare = how & MODEL_SPARE;
    if (status == MW_OK)
        status = read_text(&lgb, err);
    if (status == MW_OK)
        status = model_lgb_finish(&lgb, ret_forest, err);
    model_lgb_done(&lgb);
    return status;
}
