/* Parts: ensembles of trees, linear operators. What each makes of a row is said twice,
 *
 *     columns --> margins --steps: average, base, transform--> the same numbers
 *                    |
 *                    +--> scores: what the operator gives, as one known transform
 *
 * so that a graph which only gives them needs no steps (onnx.c), and any other has them
 * (onnx_margins.c).
 *
 * Two classes (measured on ONNX Runtime 1.32, where the standard is silent):
 *     all weights on class 0    one score s: (1-s, s) when no weight is negative, else (-s, s);
 *                               LOGISTIC gives (sigmoid(-s), sigmoid(s)) in both cases
 *     otherwise                 one score a class, like three classes and more */
#include "onnx_flow.h"

#include <math.h>

bool model_onnx_is_binary(const model_onnx_trees *trees)
{
    const model_onnx_weight *weights = trees->weights.items;
    if (!trees->is_classifier || trees->n_outputs != 2)
        return false;
    for (size_t i = 0; i < trees->weights.count; i++)
        if (weights[i].output != 0)
            return false;
    return trees->weights.count > 0;
}

bool model_onnx_is_never_negative(const model_onnx_trees *trees)
{
    const model_onnx_weight *weights = trees->weights.items;
    for (size_t i = 0; i < trees->weights.count; i++)
        if (weights[i].value < 0)
            return false;
    return true;
}

/* ---- from margins to scores, in steps -------------------------------------------------------- */

/* Margins of nearly zero belong to no class; they take no part in the sum. */
static void softmax_zero(model_onnx_cells *cells, uint32_t *to, size_t n, uint8_t kind)
{
    uint32_t nearly = model_onnx_constant_cell(cells, kind, (double)0.0000001f);
    uint32_t zero = model_onnx_constant_cell(cells, kind, 0);
    uint32_t largest = to[0], sum = zero;
    for (size_t i = 1; i < n; i++)
        largest = model_onnx_two(cells, MW_RECIPE_MAX, kind, largest, to[i]);
    uint32_t below = model_onnx_one(cells, MW_RECIPE_NEG, kind, largest);
    uint32_t at_zero = model_onnx_one(cells, MW_RECIPE_EXP, kind, below);
    for (size_t i = 0; i < n; i++) {
        uint32_t size = model_onnx_one(cells, MW_RECIPE_ABS, kind, to[i]);
        uint32_t counts = model_onnx_two(cells, MW_RECIPE_LESS, MW_RECIPE_BOOL, nearly, size);
        uint32_t away = model_onnx_two(cells, MW_RECIPE_SUB, kind, to[i], largest);
        uint32_t share = model_onnx_one(cells, MW_RECIPE_EXP, kind, away);
        uint32_t rest = model_onnx_two(cells, MW_RECIPE_MUL, kind, to[i], at_zero);
        to[i] = model_onnx_where(cells, counts, share, rest);
        uint32_t part = model_onnx_where(cells, counts, share, zero);
        sum = model_onnx_two(cells, MW_RECIPE_ADD, kind, sum, part);
    }
    for (size_t i = 0; i < n; i++)
        to[i] = model_onnx_two(cells, MW_RECIPE_DIV, kind, to[i], sum);
}

/* The pair of one margin, for two classes. */
static void pair(model_onnx_cells *cells, const model_onnx_trees *trees, uint8_t kind, uint32_t *to)
{
    uint32_t x = to[0];
    uint32_t below = model_onnx_one(cells, MW_RECIPE_NEG, kind, x);
    if (trees->post == MODEL_ONNX_LOGISTIC) {
        to[0] = model_onnx_one(cells, MW_RECIPE_SIGMOID, kind, below);
        to[1] = model_onnx_one(cells, MW_RECIPE_SIGMOID, kind, x);
        return;
    }
    uint32_t whole = model_onnx_constant_cell(cells, kind, 1);
    to[0] = model_onnx_is_never_negative(trees)
                ? model_onnx_two(cells, MW_RECIPE_SUB, kind, whole, x)
                : below;
    to[1] = x;
}

static void transform(model_onnx_cells *cells, const model_onnx_part *part, uint8_t kind,
                      uint32_t *to)
{
    const model_onnx_trees *trees = &part->trees;
    size_t n = trees->n_outputs;
    if (part->n_margins < n) {
        pair(cells, trees, kind, to);
        return;
    }
    for (size_t i = 0; trees->post == MODEL_ONNX_PROBIT && i < n; i++)
        to[i] = model_onnx_one(cells, MW_RECIPE_PROBIT, kind, to[i]);
    if (n < 2) /* of a single target nothing else is made */
        return;
    for (size_t i = 0; trees->post == MODEL_ONNX_LOGISTIC && i < n; i++)
        to[i] = model_onnx_one(cells, MW_RECIPE_SIGMOID, kind, to[i]);
    if (trees->post == MODEL_ONNX_SOFTMAX)
        onnx_softmax_cells(cells, to, n, kind, to);
    if (trees->post == MODEL_ONNX_SOFTMAX_ZERO)
        softmax_zero(cells, to, n, kind);
}

static void lower(model_onnx_cells *cells, const model_onnx_part *part, uint8_t kind, uint32_t *to)
{
    const model_onnx_trees *trees = &part->trees;
    const double *base = trees->base.items;
    double n_trees = (double)trees->roots.count;
    for (size_t i = 0; i < part->n_margins; i++) {
        to[i] = part->margin + (uint32_t)i;
        if (trees->average)
            to[i] = model_onnx_two(cells, MW_RECIPE_DIV, kind, to[i],
                                   model_onnx_constant_cell(cells, kind, n_trees));
        if (i < trees->base.count)
            to[i] = model_onnx_two(cells, MW_RECIPE_ADD, kind, to[i],
                                   model_onnx_constant_cell(cells, kind, base[i]));
    }
    transform(cells, part, kind, to);
}

/* ---- what cannot be read --------------------------------------------------------------------- */

static mw_status refuse_part(const model_onnx_part *part, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_OPERATOR, "%s", what);
    mw_mend(err, "convert the trees alone, and do this step behind the model");
    return model_onnx_at(part->node, err);
}

/* Some tree has a weight for this output in each of its leaves. */
static bool is_always_scored(const model_onnx_trees *trees, uint32_t output)
{
    const model_onnx_split *splits = trees->splits.items;
    const model_onnx_weight *weights = trees->weights.items;
    const uint32_t *first = trees->first.items, *roots = trees->roots.items;
    for (size_t tree = 0; tree < trees->roots.count; tree++) {
        size_t end = tree + 1 < trees->roots.count ? roots[tree + 1] : trees->splits.count;
        bool always = true;
        for (size_t node = roots[tree]; node < end && always; node++) {
            bool here = splits[node].mode != MODEL_ONNX_LEAF;
            for (uint32_t k = first[node]; k < first[node + 1]; k++)
                here = here || weights[k].output == output;
            always = here;
        }
        if (always)
            return true;
    }
    return false;
}

/* With two classes ONNX Runtime drops a score that no leaf on a row's way has given, and then
 * treats the row as binary. Only models where that cannot happen are read. */
static mw_status check_two_classes(const model_onnx_part *part, mw_error *err)
{
    const model_onnx_trees *trees = &part->trees;
    if (part->is_linear || !trees->is_classifier || part->n_margins != 2 ||
        is_always_scored(trees, 1))
        return MW_OK;
    mw_fail(err, MW_E_MODEL_OPERATOR, "some rows get no score for the second class");
    mw_why(err, "what ONNX Runtime answers then depends on the row's path");
    mw_mend(err, "convert the model again, with a weight for both classes in each leaf");
    mw_at(err, "class_ids");
    return model_onnx_at(part->node, err);
}

static mw_status check_head(const model_onnx_part *part, mw_error *err)
{
    const model_onnx_trees *trees = &part->trees;
    size_t n_base = trees->base.count, n = part->n_margins;
    if (trees->post == MODEL_ONNX_PROBIT && n < trees->n_outputs)
        return refuse_part(part, "PROBIT of two classes with one score is not read", err);
    MW_TRY(check_two_classes(part, err));
    bool two_classes = trees->is_classifier && n == 2;
    bool first_only = two_classes && n_base == 1 && is_always_scored(trees, 0);
    if (n_base == 0 || (n_base == n && !two_classes) || first_only)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_VALUE, "%zu base values for %zu outputs", n_base, n);
    mw_why(err, "ONNX does not say what that means");
    mw_mend(err, "convert the model again, with one base value for each output");
    mw_at(err, "base_values");
    return model_onnx_at(part->node, err);
}

/* ---- a part takes its place ------------------------------------------------------------------ */

static mw_status give_part(onnx_follower *f, const model_onnx_part *part)
{
    size_t n = part->trees.n_outputs, slot = 0, scores = part->is_classifier ? 1 : 0;
    uint8_t kind = model_onnx_cell_at(onnx_cells(f), part->score)->step.kind;
    MW_TRY(onnx_room(f, n, &slot));
    for (size_t i = 0; i < n; i++)
        onnx_put(f, slot + i, part->score + (uint32_t)i);
    if (part->is_classifier)
        MW_TRY(onnx_give(f, 0, (onnx_value){.kind = ONNX_LABELS}));
    return onnx_give(f, scores,
                     (onnx_value){.kind = ONNX_CELLS, .type = kind, .slot = slot, .n = n});
}

/* `part` changes hands. `kind`: of its outputs. */
static mw_status add_part(onnx_follower *f, model_onnx_part *part, uint8_t kind)
{
    model_onnx_flow *flow = f->flow;
    model_onnx_cells *cells = onnx_cells(f);
    uint32_t number = (uint32_t)flow->parts.count;
    uint8_t sums = part->wide ? MW_RECIPE_FLOAT64 : MW_RECIPE_FLOAT32;
    size_t n = part->trees.n_outputs;
    part->n_margins = !part->is_linear && model_onnx_is_binary(&part->trees) ? 1 : n;
    MW_TRY(check_head(part, f->err));
    part->margin = (uint32_t)cells->cells.count;
    for (size_t i = 0; i < part->n_margins; i++)
        (void)model_onnx_source_cell(cells, MODEL_ONNX_MARGIN, sums, number, (uint32_t)i);
    uint32_t *to = calloc(n + 1, sizeof *to);
    model_onnx_part *added = model_list_add(&flow->parts, 1);
    if (!to || !added) {
        flow->parts.count = number;
        free(to);
        return mw_fail_memory(f->err, "a graph");
    }
    *added = *part;
    lower(cells, part, sums, to);
    for (size_t i = 0; i < n; i++)
        to[i] = model_onnx_cast(cells, kind, to[i]);
    added->score = (uint32_t)cells->cells.count;
    for (size_t i = 0; i < n; i++) {
        uint32_t score = model_onnx_source_cell(cells, MODEL_ONNX_SCORE, kind, number, (uint32_t)i);
        if (!cells->failed)
            ((model_onnx_cell *)cells->cells.items)[score].step.a = to[i];
    }
    free(to);
    *part = (model_onnx_part){0};
    if (!cells->failed)
        return give_part(f, added);
    return onnx_give(f, 0, (onnx_value){0}); /* says why */
}

static void part_done(model_onnx_part *part)
{
    model_onnx_trees_done(&part->trees);
    model_list_done(&part->weights);
}

static void part_init(onnx_follower *f, model_onnx_part *part)
{
    *part = (model_onnx_part){
        .node = f->node, .shares = UINT32_MAX, .weights = {.item_bytes = sizeof(double)}};
    model_onnx_trees_init(&part->trees);
}

/* ---- ensembles of trees ---------------------------------------------------------------------- */

static size_t columns_of(const model_onnx_trees *trees)
{
    const model_onnx_split *splits = trees->splits.items;
    size_t n = 0;
    for (size_t i = 0; i < trees->splits.count; i++)
        if (splits[i].mode != MODEL_ONNX_LEAF && splits[i].feature >= n)
            n = (size_t)splits[i].feature + 1;
    return n;
}

static mw_status read_ensemble(onnx_follower *f, model_onnx_part *part)
{
    onnx_value in;
    uint8_t type = onnx_type(f, 0);
    if (type == MW_RECIPE_BOOL || type >= MODEL_ONNX_TEXT)
        return onnx_refuse(f, "its input is of truth values or texts");
    part->wide = type == MW_RECIPE_FLOAT64;
    MW_TRY(model_onnx_read_trees(f->onnx, f->node, part->wide, &part->trees, f->err));
    part->is_classifier = part->trees.is_classifier;
    MW_TRY(onnx_take(f, 0, columns_of(&part->trees), &in));
    if (in.stack > 0)
        return onnx_refuse(f, "its input is several matrices");
    for (size_t i = 0; i < in.n; i++)
        if (model_onnx_cell_at(onnx_cells(f), onnx_cell(f, &in, i))->part != MODEL_ONNX_NOTHING)
            return onnx_refuse(f, "it works on the scores of another model");
    part->slot = in.slot;
    part->n_columns = in.n;
    bool unified = mw_view_is(f->node->op, "TreeEnsemble");
    return add_part(f, part, unified && part->wide ? MW_RECIPE_FLOAT64 : MW_RECIPE_FLOAT32);
}

mw_status onnx_ensemble(onnx_follower *f, unsigned code)
{
    model_onnx_part part;
    (void)code;
    part_init(f, &part);
    mw_status status = read_ensemble(f, &part);
    part_done(&part);
    return status;
}

/* ---- linear operators ------------------------------------------------------------------------ */

/* Columns of a linear operator, as floats where it computes in floats. */
static mw_status take_columns(onnx_follower *f, model_onnx_part *part, size_t width, bool narrow)
{
    onnx_value in;
    MW_TRY(onnx_take(f, 0, width, &in));
    if (in.stack > 0 || in.type == MODEL_ONNX_TEXT || in.constant)
        return onnx_refuse(f, "its input is not a matrix of numbers");
    uint8_t kind = narrow ? MW_RECIPE_FLOAT32 : in.type;
    if (kind != MW_RECIPE_FLOAT32 && kind != MW_RECIPE_FLOAT64)
        return onnx_refuse(f, "its input is of whole numbers");
    MW_TRY(onnx_room(f, in.n, &part->slot));
    for (size_t i = 0; i < in.n; i++) {
        uint32_t cell = onnx_cell(f, &in, i);
        if (model_onnx_cell_at(onnx_cells(f), cell)->part != MODEL_ONNX_NOTHING)
            return onnx_refuse(f, "it works on the scores of another model");
        onnx_put(f, part->slot + i, model_onnx_cast(onnx_cells(f), kind, cell));
    }
    part->n_columns = in.n;
    part->is_linear = true;
    part->wide = part->trees.sum_double = kind == MW_RECIPE_FLOAT64;
    return MW_OK;
}

/* (n_columns + 1, n_outputs) zeros. */
static mw_status make_weights(onnx_follower *f, model_onnx_part *part)
{
    size_t n = (part->n_columns + 1) * part->trees.n_outputs;
    double *weights = model_list_add(&part->weights, n);
    if (!weights)
        return mw_fail_memory(f->err, "the weights of a linear model");
    memset(weights, 0, n * sizeof *weights);
    return MW_OK;
}

static mw_status check_weights(onnx_follower *f, const model_onnx_part *part)
{
    const double *weights = part->weights.items;
    for (size_t i = 0; i < part->weights.count; i++) {
        if (isfinite(weights[i]))
            continue;
        mw_fail(f->err, MW_E_MODEL_VALUE, "a weight or an intercept is not a finite number");
        mw_mend(f->err, "train again with finite labels and weights, then convert the model again");
        return model_onnx_at(f->node, f->err);
    }
    return MW_OK;
}

static mw_status fill_linear(onnx_follower *f, model_onnx_part *part, const model_list *weights,
                             const model_list *intercepts)
{
    size_t n = part->trees.n_outputs;
    if (n == 0 || n > MW_LIMIT_OUTPUTS || weights->count % n != 0 || weights->count == 0)
        return onnx_refuse(f, "it has not one list of coefficients for each output");
    MW_TRY(take_columns(f, part, weights->count / n, true));
    if (weights->count != part->n_columns * n)
        return onnx_refuse(f, "it has not one coefficient for each column and output");
    if (intercepts->count != 0 && intercepts->count != n)
        return onnx_refuse(f, "it has not one intercept for each output");
    MW_TRY(make_weights(f, part));
    double *to = part->weights.items;
    for (size_t m = 0; m < n; m++) {
        for (size_t i = 0; i < part->n_columns; i++)
            to[i * n + m] = ((const double *)weights->items)[m * part->n_columns + i];
        if (intercepts->count > 0)
            to[part->n_columns * n + m] = ((const double *)intercepts->items)[m];
    }
    return check_weights(f, part);
}

static mw_status read_linear_head(onnx_follower *f, model_onnx_part *part, bool is_classifier)
{
    model_onnx_attribute post;
    model_list texts = {.item_bytes = sizeof(mw_view)}, numbers = {.item_bytes = sizeof(int64_t)};
    bool found = false;
    int64_t targets = 1;
    MW_TRY(onnx_integer(f, "targets", 1, &targets));
    MW_TRY(model_onnx_find_attribute(f->onnx, f->node, "post_transform", &post, &found, f->err));
    if (found && !model_onnx_post_of(post.text, &part->trees.post))
        return onnx_refuse(f, "its post_transform is unknown");
    part->is_classifier = part->trees.is_classifier = is_classifier;
    part->trees.n_outputs = targets > 0 ? (size_t)targets : 0;
    if (!is_classifier)
        return MW_OK;
    MW_TRY(model_onnx_find_attribute(f->onnx, f->node, "classlabels_ints", &post, &found, f->err));
    mw_status status = found ? model_onnx_integers(f->onnx, &post, &numbers, f->err) : MW_OK;
    if (status == MW_OK)
        status = onnx_texts(f, "classlabels_strings", &texts);
    if (status == MW_OK)
        status = model_onnx_set_labels(f->onnx, &texts, &numbers, &part->trees, f->err);
    model_list_done(&texts);
    model_list_done(&numbers);
    if (status == MW_OK && part->trees.n_outputs < 2)
        return onnx_refuse(f, "it has fewer than two classes");
    return status;
}

mw_status onnx_linear(onnx_follower *f, unsigned code)
{
    model_onnx_part part;
    model_list weights = {.item_bytes = sizeof(double)}, bias = {.item_bytes = sizeof(double)};
    bool found = false;
    part_init(f, &part);
    mw_status status = read_linear_head(f, &part, code == 1);
    if (status == MW_OK)
        status = onnx_numbers(f, "coefficients", &weights, &found);
    if (status == MW_OK)
        status = onnx_numbers(f, "intercepts", &bias, &found);
    if (status == MW_OK)
        status = fill_linear(f, &part, &weights, &bias);
    if (status == MW_OK)
        status = add_part(f, &part, MW_RECIPE_FLOAT32);
    model_list_done(&weights);
    model_list_done(&bias);
    part_done(&part);
    return status;
}

/* MatMul and Gemm by a constant matrix (n_columns, n_outputs), or transposed. */
static mw_status fill_product(onnx_follower *f, model_onnx_part *part, const model_list *weights,
                              const model_list *sizes, bool transposed)
{
    const int64_t *size = sizes->items;
    size_t n = weights->count;
    if (sizes->count < 1 || sizes->count > 2 || n == 0)
        return onnx_refuse(f, "its second input is no matrix");
    int64_t rows = size[0], columns = sizes->count > 1 ? size[1] : 1;
    if (rows <= 0 || columns <= 0 || (size_t)rows > n || n / (size_t)rows != (size_t)columns ||
        n % (size_t)rows != 0)
        return onnx_refuse(f, "the sizes of its second input are wrong");
    size_t n_in = (size_t)(transposed ? columns : rows);
    size_t n_out = (size_t)(transposed ? rows : columns);
    if (n_out > MW_LIMIT_OUTPUTS)
        return onnx_refuse(f, "it has too many outputs");
    part->trees.n_outputs = n_out;
    MW_TRY(take_columns(f, part, n_in, false));
    if (part->n_columns != n_in)
        return onnx_refuse(f, "its inputs do not fit together");
    MW_TRY(make_weights(f, part));
    for (size_t i = 0; i < n_in; i++)
        for (size_t m = 0; m < n_out; m++)
            ((double *)part->weights.items)[i * n_out + m] =
                ((const double *)weights->items)[transposed ? m * n_in + i : i * n_out + m];
    return MW_OK;
}

/* One intercept for each output, or one for all. */
static mw_status set_intercepts(onnx_follower *f, model_onnx_part *part, const model_list *bias)
{
    size_t n = part->trees.n_outputs;
    double *to = (double *)part->weights.items + part->n_columns * n;
    if (bias->count != n && bias->count != 1)
        return onnx_refuse(f, "it has not one intercept for each output");
    for (size_t m = 0; m < n; m++)
        to[m] = ((const double *)bias->items)[bias->count == 1 ? 0 : m];
    part->wants_bias = false;
    return check_weights(f, part);
}

static mw_status read_gemm(onnx_follower *f, bool *ret_transposed)
{
    double alpha = 1, beta = 1;
    int64_t trans_a = 0, trans_b = 0;
    MW_TRY(onnx_number(f, "alpha", 1, &alpha));
    MW_TRY(onnx_number(f, "beta", 1, &beta));
    MW_TRY(onnx_integer(f, "transA", 0, &trans_a));
    MW_TRY(onnx_integer(f, "transB", 0, &trans_b));
    *ret_transposed = trans_b != 0;
    if (alpha == 1 && beta == 1 && trans_a == 0)
        return MW_OK;
    return onnx_refuse(f, "it scales its inputs, or turns the rows");
}

static mw_status read_product(onnx_follower *f, model_onnx_part *part, bool is_gemm,
                              model_list *weights, model_list *sizes, model_list *bias)
{
    bool transposed = false;
    mw_view tensor;
    if (is_gemm)
        MW_TRY(read_gemm(f, &transposed));
    MW_TRY(onnx_constant(f, 1, weights));
    if (model_onnx_constant_of(f->onnx, model_onnx_name(f->onnx, f->node->input + 1), &tensor))
        MW_TRY(model_onnx_tensor_sizes(f->onnx, tensor, sizes, f->err));
    MW_TRY(fill_product(f, part, weights, sizes, transposed));
    part->wants_bias = !is_gemm;
    MW_TRY(check_weights(f, part));
    if (!is_gemm || !onnx_has(f, 2))
        return MW_OK;
    MW_TRY(onnx_constant(f, 2, bias));
    return set_intercepts(f, part, bias);
}

mw_status onnx_product(onnx_follower *f, unsigned code)
{
    model_onnx_part part;
    model_list weights = {.item_bytes = sizeof(double)}, bias = {.item_bytes = sizeof(double)};
    model_list sizes = {.item_bytes = sizeof(int64_t)};
    part_init(f, &part);
    mw_status status = read_product(f, &part, code == 1, &weights, &sizes, &bias);
    if (status == MW_OK)
        status = add_part(f, &part, part.wide ? MW_RECIPE_FLOAT64 : MW_RECIPE_FLOAT32);
    model_list_done(&weights);
    model_list_done(&sizes);
    model_list_done(&bias);
    part_done(&part);
    return status;
}

static mw_status add_intercepts(onnx_follower *f, size_t product, model_list *bias, bool *ret_done)
{
    onnx_value in;
    mw_view name = model_onnx_name(f->onnx, f->node->input + product);
    MW_TRY(onnx_take(f, product, 0, &in));
    const model_onnx_cell *cell = model_onnx_cell_at(onnx_cells(f), onnx_cell(f, &in, 0));
    if (in.stack > 0 || cell->source != MODEL_ONNX_SCORE || !onnx_is_read_once(f, name))
        return MW_OK;
    model_onnx_part *part = model_onnx_part_at(f->flow, cell->of);
    if (!part->wants_bias || in.n != part->trees.n_outputs || onnx_cell(f, &in, 0) != part->score)
        return MW_OK;
    MW_TRY(onnx_constant(f, 1 - product, bias));
    if (bias->count != 1 && bias->count != in.n)
        return MW_OK;
    MW_TRY(set_intercepts(f, part, bias));
    *ret_done = true;
    return onnx_give(f, 0, in);
}

mw_status onnx_add_intercepts(onnx_follower *f, bool *ret_done)
{
    mw_view tensor;
    model_list bias = {.item_bytes = sizeof(double)};
    *ret_done = false;
    if (f->node->n_inputs != 2 || !onnx_has(f, 0) || !onnx_has(f, 1))
        return MW_OK;
    for (size_t i = 0; i < 2 && !*ret_done; i++) {
        mw_view other = model_onnx_name(f->onnx, f->node->input + (1 - i));
        mw_view name = model_onnx_name(f->onnx, f->node->input + i);
        if (!model_onnx_constant_of(f->onnx, other, &tensor) ||
            model_onnx_constant_of(f->onnx, name, &tensor) || onnx_type(f, i) == UINT8_MAX)
            continue;
        bias.count = 0;
        mw_status status = onnx_is_open(f, i) ? MW_OK : add_intercepts(f, i, &bias, ret_done);
        if (status != MW_OK) {
            model_list_done(&bias);
            return status;
        }
    }
    model_list_done(&bias);
    return MW_OK;
}
