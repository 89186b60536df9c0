/* Operators of ai.onnx.ml that stand before a model: scalers, imputers, encoders.
 *
 * What ONNX Runtime does where the standard is silent (measured on 1.32): Scaler computes in the
 * type of its input and rounds once to float; OneHotEncoder gives zeros for a number that it does
 * not know only where `zeros` is set, and otherwise fails; LabelEncoder without a default gives -1,
 * -0.0 or "_Unused". */
#include "onnx_flow.h"

#include <float.h>
#include <math.h>

static mw_status take(onnx_follower *f, size_t width, onnx_value *ret_value)
{
    MW_TRY(onnx_take(f, 0, width, ret_value));
    return ret_value->stack > 0 ? onnx_refuse(f, "its input is several matrices") : MW_OK;
}

static mw_status take_numbers(onnx_follower *f, size_t width, onnx_value *ret_value)
{
    MW_TRY(take(f, width, ret_value));
    return ret_value->type < MODEL_ONNX_TEXT ? MW_OK : onnx_refuse(f, "its input is of texts");
}

/* One number for each column, or one for all. */
static mw_status check_counts(onnx_follower *f, const model_list *list, size_t n)
{
    if (list->count == 1 || list->count == n)
        return MW_OK;
    return onnx_refuse(f, "it has not one number for each column");
}

static double number_of(const model_list *list, size_t i)
{
    return ((const double *)list->items)[list->count == 1 ? 0 : i];
}

/* ---- numbers --------------------------------------------------------------------------------- */

static mw_status scale_columns(onnx_follower *f, const model_list *offset, const model_list *scale)
{
    onnx_value in;
    size_t slot = 0;
    MW_TRY(take_numbers(f, scale->count > 1 ? scale->count : 0, &in));
    MW_TRY(check_counts(f, offset, in.n));
    MW_TRY(check_counts(f, scale, in.n));
    MW_TRY(onnx_room(f, in.n, &slot));
    model_onnx_cells *cells = onnx_cells(f);
    uint8_t kind = in.type == MW_RECIPE_FLOAT64 ? MW_RECIPE_FLOAT64 : MW_RECIPE_FLOAT32;
    for (size_t i = 0; i < in.n; i++) {
        uint32_t x = model_onnx_cast(cells, kind, onnx_cell(f, &in, i));
        uint32_t by = model_onnx_constant_cell(cells, kind, number_of(scale, i));
        uint32_t from = model_onnx_constant_cell(cells, kind, number_of(offset, i));
        x = model_onnx_two(cells, MW_RECIPE_SUB, kind, x, from);
        x = model_onnx_two(cells, MW_RECIPE_MUL, kind, x, by);
        onnx_put(f, slot + i, model_onnx_cast(cells, MW_RECIPE_FLOAT32, x));
    }
    return onnx_give_cells(f, MW_RECIPE_FLOAT32, slot, in.n);
}

mw_status onnx_scaler(onnx_follower *f, unsigned code)
{
    model_list offset = {.item_bytes = sizeof(double)}, scale = {.item_bytes = sizeof(double)};
    bool found = false;
    (void)code;
    mw_status status = onnx_numbers(f, "offset", &offset, &found);
    if (status == MW_OK)
        status = onnx_numbers(f, "scale", &scale, &found);
    if (status == MW_OK)
        status = scale_columns(f, &offset, &scale);
    model_list_done(&offset);
    model_list_done(&scale);
    return status;
}

static uint32_t impute(model_onnx_cells *cells, uint8_t kind, uint32_t x, double missing,
                       double instead)
{
    mw_recipe_step step = {.op = MW_RECIPE_IMPUTE, .kind = kind, .a = x, .number = instead};
    if (isnan(missing))
        return model_onnx_step_cell(cells, step);
    uint32_t sign = model_onnx_constant_cell(cells, kind, missing);
    uint32_t is_it = model_onnx_two(cells, MW_RECIPE_EQUAL, MW_RECIPE_BOOL, x, sign);
    return model_onnx_where(cells, is_it, model_onnx_constant_cell(cells, kind, instead), x);
}

static mw_status impute_columns(onnx_follower *f, const model_list *values, bool whole)
{
    onnx_value in;
    size_t slot = 0;
    double missing = 0;
    int64_t missing_whole = 0;
    MW_TRY(take_numbers(f, values->count > 1 ? values->count : 0, &in));
    MW_TRY(check_counts(f, values, in.n));
    if (whole != (in.type == MW_RECIPE_INTEGER))
        return onnx_refuse(f, "its values are not of the type of its input");
    MW_TRY(onnx_number(f, "replaced_value_float", 0, &missing));
    MW_TRY(onnx_integer(f, "replaced_value_int64", 0, &missing_whole));
    MW_TRY(onnx_room(f, in.n, &slot));
    for (size_t i = 0; i < in.n; i++)
        onnx_put(f, slot + i,
                 impute(onnx_cells(f), in.type, onnx_cell(f, &in, i),
                        whole ? (double)missing_whole : missing, number_of(values, i)));
    return onnx_give_cells(f, in.type, slot, in.n);
}

mw_status onnx_imputer(onnx_follower *f, unsigned code)
{
    model_list values = {.item_bytes = sizeof(double)};
    bool floats = false, whole = false;
    (void)code;
    mw_status status = onnx_numbers(f, "imputed_value_floats", &values, &floats);
    if (status == MW_OK && !floats)
        status = onnx_numbers(f, "imputed_value_int64s", &values, &whole);
    if (status == MW_OK)
        status = impute_columns(f, &values, whole);
    model_list_done(&values);
    return status;
}

mw_status onnx_binarizer(onnx_follower *f, unsigned code)
{
    onnx_value in;
    double threshold = 0;
    size_t slot = 0;
    (void)code;
    MW_TRY(onnx_number(f, "threshold", 0, &threshold));
    MW_TRY(take_numbers(f, 0, &in));
    MW_TRY(onnx_room(f, in.n, &slot));
    model_onnx_cells *cells = onnx_cells(f);
    uint32_t limit = model_onnx_constant_cell(cells, in.type, threshold);
    for (size_t i = 0; i < in.n; i++) {
        uint32_t above =
            model_onnx_two(cells, MW_RECIPE_LESS, MW_RECIPE_BOOL, limit, onnx_cell(f, &in, i));
        onnx_put(f, slot + i, model_onnx_cast(cells, in.type, above));
    }
    return onnx_give_cells(f, in.type, slot, in.n);
}

/* ---- whole rows ------------------------------------------------------------------------------ */

enum { NORM_L1, NORM_L2, NORM_MAX, NORM_LENGTH };

/* The larger one; NaN is none (as std::max takes it). */
static uint32_t larger(model_onnx_cells *cells, uint32_t largest, uint32_t x)
{
    uint32_t is_larger = model_onnx_two(cells, MW_RECIPE_LESS, MW_RECIPE_BOOL, largest, x);
    return model_onnx_where(cells, is_larger, x, largest);
}

static uint32_t size_of(model_onnx_cells *cells, uint8_t kind, uint32_t x, unsigned norm)
{
    if (norm == NORM_MAX)
        return x;
    return norm == NORM_L1 ? model_onnx_one(cells, MW_RECIPE_ABS, kind, x)
                           : model_onnx_two(cells, MW_RECIPE_MUL, kind, x, x);
}

/* A row of zeros stays one. L2 is the root of a share, with its number's sign: so does ONNX
 * Runtime. */
static uint32_t share_of(model_onnx_cells *cells, uint8_t kind, uint32_t x, uint32_t sum,
                         unsigned norm)
{
    uint32_t zero = model_onnx_constant_cell(cells, kind, 0);
    uint32_t none = model_onnx_two(cells, MW_RECIPE_EQUAL, MW_RECIPE_BOOL, sum, zero);
    uint32_t share = model_onnx_two(cells, MW_RECIPE_DIV, kind, x, sum);
    if (norm == NORM_L2) {
        uint32_t square = model_onnx_two(cells, MW_RECIPE_MUL, kind, x, x);
        share = model_onnx_two(cells, MW_RECIPE_DIV, kind, square, sum);
        share = model_onnx_one(cells, MW_RECIPE_SQRT, kind, share);
        uint32_t below = model_onnx_two(cells, MW_RECIPE_LESS, MW_RECIPE_BOOL, x, zero);
        uint32_t other = model_onnx_one(cells, MW_RECIPE_NEG, kind, share);
        share = model_onnx_where(cells, below, other, share);
    }
    return model_onnx_where(cells, none, x, share);
}

mw_status onnx_shares(onnx_follower *f, const onnx_value *in, unsigned norm, size_t *ret_slot)
{
    model_onnx_cells *cells = onnx_cells(f);
    MW_TRY(onnx_room(f, in->n, ret_slot));
    double least = norm == NORM_MAX ? -(double)FLT_MAX : 0;
    uint32_t sum = model_onnx_constant_cell(cells, in->type, least);
    for (size_t i = 0; i < in->n; i++) {
        uint32_t size = size_of(cells, in->type, onnx_cell(f, in, i), norm);
        sum = norm == NORM_MAX ? larger(cells, sum, size)
                               : model_onnx_two(cells, MW_RECIPE_ADD, in->type, sum, size);
    }
    if (norm == NORM_LENGTH)
        sum = model_onnx_one(cells, MW_RECIPE_SQRT, in->type, sum);
    for (size_t i = 0; i < in->n; i++)
        onnx_put(f, *ret_slot + i, share_of(cells, in->type, onnx_cell(f, in, i), sum, norm));
    return MW_OK;
}

/* The part whose scores these are, all of them and in order; NULL: none. */
static model_onnx_part *part_of_scores(onnx_follower *f, const onnx_value *in)
{
    const model_onnx_cell *first = model_onnx_cell_at(onnx_cells(f), onnx_cell(f, in, 0));
    if (onnx_cells(f)->failed || first->source != MODEL_ONNX_SCORE)
        return NULL;
    model_onnx_part *part = model_onnx_part_at(f->flow, first->of);
    bool all = in->n == part->trees.n_outputs;
    for (size_t i = 0; all && i < in->n; i++)
        all = onnx_cell(f, in, i) == part->score + i;
    return all ? part : NULL;
}

/* Scores that are shares already stay what they are: ONNX Runtime divides them by a sum of 1, give
 * or take an ulp. */
static bool sums_to_one(const model_onnx_part *part)
{
    const model_onnx_trees *trees = &part->trees;
    return (trees->post == MODEL_ONNX_SOFTMAX && trees->n_outputs > 1) ||
           (trees->post == MODEL_ONNX_LOGISTIC && part->n_margins == 1 && trees->n_outputs == 2);
}

mw_status onnx_normalizer(onnx_follower *f, unsigned code)
{
    static const char *const names[] = {"L1", "L2", "MAX"};
    model_onnx_attribute norm;
    onnx_value in;
    bool found = false;
    size_t slot = 0;
    unsigned which = 0;
    (void)code;
    MW_TRY(model_onnx_find_attribute(f->onnx, f->node, "norm", &norm, &found, f->err));
    while (which < MW_COUNT(names) && !(found && mw_view_is(norm.text, names[which])))
        which++;
    if (found && which == MW_COUNT(names))
        return onnx_refuse(f, "its norm is none of L1, L2 and MAX");
    if (!found)
        which = NORM_MAX;
    MW_TRY(take_numbers(f, 0, &in));
    model_onnx_part *part = part_of_scores(f, &in);
    if (which == NORM_L1 && part && sums_to_one(part))
        return onnx_give(f, 0, in);
    if (in.type != MW_RECIPE_FLOAT32 && in.type != MW_RECIPE_FLOAT64)
        return onnx_refuse(f, "its input is of whole numbers");
    MW_TRY(onnx_shares(f, &in, which, &slot));
    if (part && which == NORM_L1)
        part->shares = (uint32_t)slot;
    return onnx_give_cells(f, in.type, slot, in.n);
}

/* What skl2onnx writes for the shares of one-vs-rest classifiers. */
mw_status onnx_lp_norm(onnx_follower *f, unsigned code)
{
    onnx_value in;
    int64_t p = 2, axis = -1;
    size_t slot = 0;
    (void)code;
    MW_TRY(onnx_integer(f, "p", 2, &p));
    MW_TRY(onnx_integer(f, "axis", -1, &axis));
    MW_TRY(take_numbers(f, 0, &in));
    bool columns = axis == 1 || axis == -1;
    if (!columns || (p != 1 && p != 2) || in.type > MW_RECIPE_FLOAT64)
        return onnx_refuse(f, "it is not the norm L1 or L2 of a row of floats");
    MW_TRY(onnx_shares(f, &in, p == 1 ? NORM_L1 : NORM_LENGTH, &slot));
    return onnx_give_cells(f, in.type, slot, in.n);
}

/* ---- categories ------------------------------------------------------------------------------ */

/* The feature of a column of texts, straight from an input. */
static mw_status feature_of(onnx_follower *f, uint32_t cell, uint32_t *ret_feature)
{
    const model_onnx_cell *at = model_onnx_cell_at(onnx_cells(f), cell);
    *ret_feature = at->of;
    return at->source == MODEL_ONNX_FEATURE ? MW_OK
                                            : onnx_refuse(f, "its texts are not an input's");
}

static uint32_t is_category(model_onnx_cells *cells, uint32_t x, double code)
{
    uint32_t key = model_onnx_constant_cell(cells, MW_RECIPE_INTEGER, code);
    uint32_t same = model_onnx_two(cells, MW_RECIPE_EQUAL, MW_RECIPE_BOOL, x, key);
    return model_onnx_cast(cells, MW_RECIPE_FLOAT32, same);
}

/* One column for each category of each column. */
static mw_status spread(onnx_follower *f, const model_list *numbers, const model_list *texts,
                        bool strict)
{
    onnx_value in;
    size_t slot = 0, n = texts->count > 0 ? texts->count : numbers->count;
    MW_TRY(take(f, 0, &in));
    if ((in.type == MODEL_ONNX_TEXT) != (texts->count > 0))
        return onnx_refuse(f, "its categories are not of the type of its input");
    MW_TRY(onnx_room(f, n * in.n, &slot));
    model_onnx_cells *cells = onnx_cells(f);
    for (size_t i = 0; i < in.n; i++) {
        uint32_t x = onnx_cell(f, &in, i), feature = 0;
        if (texts->count > 0)
            MW_TRY(feature_of(f, x, &feature));
        else
            x = model_onnx_cast(cells, MW_RECIPE_INTEGER, x);
        for (size_t k = 0; k < n; k++) {
            double code =
                texts->count > 0
                    ? model_onnx_word(cells, feature, ((const mw_view *)texts->items)[k], strict)
                    : ((const double *)numbers->items)[k];
            onnx_put(f, slot + i * n + k, is_category(cells, x, code));
        }
    }
    return onnx_give_cells(f, MW_RECIPE_FLOAT32, slot, n * in.n);
}

mw_status onnx_one_hot(onnx_follower *f, unsigned code)
{
    model_list numbers = {.item_bytes = sizeof(double)}, texts = {.item_bytes = sizeof(mw_view)};
    bool found = false;
    int64_t zeros = 1;
    (void)code;
    MW_TRY(onnx_integer(f, "zeros", 1, &zeros));
    mw_status status = onnx_numbers(f, "cats_int64s", &numbers, &found);
    if (status == MW_OK)
        status = onnx_texts(f, "cats_strings", &texts);
    if (status == MW_OK && (numbers.count > 0) == (texts.count > 0))
        status = onnx_refuse(f, "it has not one list of categories");
    if (status == MW_OK)
        status = spread(f, &numbers, &texts, zeros == 0);
    model_list_done(&numbers);
    model_list_done(&texts);
    return status;
}

typedef struct encoder {
    model_list keys, values, key_texts, value_texts, otherwise;
    bool to_whole;
} encoder;

static void encoder_init(encoder *e)
{
    *e = (encoder){.keys = {.item_bytes = sizeof(double)},
                   .values = {.item_bytes = sizeof(double)},
                   .key_texts = {.item_bytes = sizeof(mw_view)},
                   .value_texts = {.item_bytes = sizeof(mw_view)},
                   .otherwise = {.item_bytes = sizeof(double)}};
}

static void encoder_done(encoder *e)
{
    model_list_done(&e->keys);
    model_list_done(&e->values);
    model_list_done(&e->key_texts);
    model_list_done(&e->value_texts);
    model_list_done(&e->otherwise);
}

/* Tensors of texts stand in the attribute as a list of strings would. */
static mw_status read_encoder(onnx_follower *f, encoder *e)
{
    bool found = false, whole = false, tensor = false;
    MW_TRY(onnx_numbers(f, "keys_floats", &e->keys, &found));
    MW_TRY(onnx_numbers(f, "keys_int64s", &e->keys, &found));
    MW_TRY(onnx_texts(f, "keys_strings", &e->key_texts));
    MW_TRY(onnx_texts(f, "values_strings", &e->value_texts));
    MW_TRY(onnx_numbers(f, "values_floats", &e->values, &found));
    MW_TRY(onnx_numbers(f, "values_int64s", &e->values, &whole));
    MW_TRY(onnx_numbers(f, "keys_tensor", &e->keys, &tensor));
    MW_TRY(onnx_numbers(f, "values_tensor", &e->values, &tensor));
    if (tensor)
        return onnx_refuse(f, "its keys or values are tensors");
    e->to_whole = whole;
    MW_TRY(onnx_numbers(f, "default_tensor", &e->otherwise, &found));
    double number = e->to_whole ? -1 : -0.0;
    int64_t integer = -1;
    MW_TRY(onnx_number(f, "default_float", -0.0, &number));
    MW_TRY(onnx_integer(f, "default_int64", -1, &integer));
    if (e->otherwise.count > 0)
        return MW_OK;
    double *added = model_list_add(&e->otherwise, 1);
    if (!added)
        return mw_fail_memory(f->err, "an encoder");
    *added = e->to_whole ? (double)integer : number;
    return MW_OK;
}

/* Keys that are texts become codes of this feature. */
static mw_status code_keys(onnx_follower *f, encoder *e, uint32_t cell)
{
    uint32_t feature = 0;
    MW_TRY(feature_of(f, cell, &feature));
    e->keys.count = 0;
    double *keys = model_list_add(&e->keys, e->key_texts.count);
    if (!keys)
        return mw_fail_memory(f->err, "an encoder");
    for (size_t i = 0; i < e->key_texts.count; i++)
        keys[i] = model_onnx_word(onnx_cells(f), feature, ((const mw_view *)e->key_texts.items)[i],
                                  false);
    return MW_OK;
}

static mw_status look_up(onnx_follower *f, encoder *e)
{
    onnx_value in;
    size_t slot = 0;
    MW_TRY(take(f, 0, &in));
    bool texts = e->key_texts.count > 0;
    size_t n_keys = texts ? e->key_texts.count : e->keys.count;
    if (e->value_texts.count > 0 || e->values.count != n_keys || n_keys == 0)
        return onnx_refuse(f, "it does not give one number for each of its keys");
    if (texts != (in.type == MODEL_ONNX_TEXT))
        return onnx_refuse(f, "its keys are not of the type of its input");
    MW_TRY(onnx_room(f, in.n, &slot));
    uint8_t kind = e->to_whole ? MW_RECIPE_INTEGER : MW_RECIPE_FLOAT32;
    for (size_t i = 0; i < in.n; i++) {
        uint32_t x = onnx_cell(f, &in, i);
        if (texts)
            MW_TRY(code_keys(f, e, x));
        mw_recipe_step step = {
            .op = MW_RECIPE_LOOKUP,
            .kind = kind,
            .a = x,
            .b = model_onnx_add_table(onnx_cells(f), e->keys.items, e->values.items, n_keys),
            .number = *(const double *)e->otherwise.items};
        onnx_put(f, slot + i, model_onnx_step_cell(onnx_cells(f), step));
    }
    return onnx_give_cells(f, kind, slot, in.n);
}

mw_status onnx_label_encoder(onnx_follower *f, unsigned code)
{
    encoder e;
    (void)code;
    encoder_init(&e);
    mw_status status = read_encoder(f, &e);
    if (status == MW_OK)
        status = look_up(f, &e);
    encoder_done(&e);
    return status;
}

/* Columns of all inputs, as floats. */
mw_status onnx_vectorizer(onnx_follower *f, unsigned code)
{
    onnx_value next;
    size_t n = 0, slot = 0;
    (void)code;
    for (size_t i = 0; i < f->node->n_inputs; i++) {
        MW_TRY(onnx_take(f, i, 0, &next));
        if (next.stack > 0 || next.type == MODEL_ONNX_TEXT)
            return onnx_refuse(f, "its inputs are not columns of numbers");
        n += next.n;
        if (n > MW_LIMIT_FEATURES)
            return onnx_refuse(f, "it makes too many columns");
    }
    MW_TRY(onnx_room(f, n, &slot));
    size_t at = slot;
    for (size_t i = 0; i < f->node->n_inputs; i++) {
        MW_TRY(onnx_take(f, i, 0, &next));
        for (size_t k = 0; k < next.n; k++)
            onnx_put(f, at++,
                     model_onnx_cast(onnx_cells(f), MW_RECIPE_FLOAT32, onnx_cell(f, &next, k)));
    }
    return onnx_give_cells(f, MW_RECIPE_FLOAT32, slot, n);
}

/* ---- names of classes ------------------------------------------------------------------------ */

/* ZipMap: the same scores under the names of their classes. */
mw_status onnx_zip_map(onnx_follower *f, unsigned code)
{
    onnx_value in;
    model_onnx_attribute attribute;
    model_onnx_trees head;
    model_list numbers = {.item_bytes = sizeof(int64_t)}, texts = {.item_bytes = sizeof(mw_view)};
    bool found = false;
    (void)code;
    MW_TRY(onnx_take(f, 0, 0, &in));
    MW_TRY(model_onnx_find_attribute(f->onnx, f->node, "classlabels_int64s", &attribute, &found,
                                     f->err));
    model_onnx_trees_init(&head);
    mw_status status = found ? model_onnx_integers(f->onnx, &attribute, &numbers, f->err) : MW_OK;
    if (status == MW_OK)
        status = onnx_texts(f, "classlabels_strings", &texts);
    if (status == MW_OK)
        status = model_onnx_set_labels(f->onnx, &texts, &numbers, &head, f->err);
    if (status == MW_OK) { /* they change hands */
        model_list_done(&f->flow->labels);
        f->flow->labels = head.labels;
        head.labels = (model_list){.item_bytes = sizeof(mw_view)};
    }
    model_onnx_trees_done(&head);
    model_list_done(&numbers);
    model_list_done(&texts);
    return status == MW_OK ? onnx_give(f, 0, in) : status;
}
