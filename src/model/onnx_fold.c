/* Splits on computed columns become splits on the row's own features.
 *
 *     column = (x - 3) * 0.5, split column <= 0.25      asks whether x <= 3.5
 *
 * A question is the set of numbers that answer yes: those up to a value, one value, or some codes
 * of a category, or all others; and NaN apart. Step by step, from the column back to the feature,
 * the question becomes the one whose answers lead into that set. Steps round, so the border is not
 * computed but searched: the last number of all there are whose step still answers yes. Therefore
 * each answer stays what it was, to the last bit, and predictions and explanations need no columns
 * beside the row's own.
 *
 * A column that mixes features, or bends (|x|), is not asked about this way: it stands behind the
 * features, made by a recipe when rows come in. */
#include "onnx.h"

#include <math.h>

/* Whole numbers below are exactly floats, and no others are rounded to them. */
#define EXACT_FLOAT ((double)(1 << 24))

typedef enum question_form { ALWAYS, UP_TO, ONE, CODES } question_form;

typedef struct question {
    question_form form;
    bool negate; /* the other numbers */
    bool nan;    /* NaN answers yes */
    double value;
    uint32_t set, set_end; /* CODES: slice of members */
} question;

typedef struct folder {
    model_onnx *onnx;
    model_onnx_flow *flow;
    model_onnx_part *part;
    model_list column_of; /* uint32_t: of each cell, its place behind the features, + 1 */
    model_list code_sets; /* uint32_t: of each code, where the set of it alone begins, + 1 */
    mw_error *err;
} folder;

static bool answers(const question *q, double x)
{
    if (isnan(x))
        return q->nan;
    bool yes = q->form == ALWAYS || (q->form == UP_TO ? x <= q->value : x == q->value);
    return yes != q->negate;
}

static void answer_always(question *q, bool yes)
{
    q->form = ALWAYS;
    q->negate = !yes;
}

/* ---- numbers in their order ------------------------------------------------------------------ */

/* Floats or doubles, numbered without gaps; both zeros are number 0. */
static int64_t key_of(double x, bool narrow)
{
    if (narrow) {
        float f = (float)x;
        int32_t bits;
        memcpy(&bits, &f, sizeof bits);
        return bits >= 0 ? bits : (int64_t)INT32_MIN - bits;
    }
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >= 0 ? bits : INT64_MIN - bits;
}

static double number_of(int64_t key, bool narrow)
{
    if (narrow) {
        int32_t bits = (int32_t)(key >= 0 ? key : (int64_t)INT32_MIN - key);
        float f;
        memcpy(&f, &bits, sizeof f);
        return (double)f;
    }
    int64_t bits = key >= 0 ? key : INT64_MIN - key;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- one step back --------------------------------------------------------------------------- */

/* A step with one number that is not constant. */
typedef struct slope {
    const model_onnx_cells *cells;
    const mw_recipe_step *step;
    bool x_is_a;
    double constant;
    bool falls;  /* larger numbers make smaller ones */
    bool narrow; /* x is a float */
} slope;

static double along(const slope *s, double x)
{
    double a = s->x_is_a ? x : s->constant, b = s->x_is_a ? s->constant : x, made;
    switch ((mw_recipe_op)s->step->op) {
    case MW_RECIPE_ADD:
        made = a + b;
        break;
    case MW_RECIPE_SUB:
        made = a - b;
        break;
    case MW_RECIPE_MUL:
        made = a * b;
        break;
    case MW_RECIPE_DIV:
        made = a / b;
        break;
    default:
        return model_onnx_apply(s->cells, s->step, a, b, 0);
    }
    if (s->step->kind == MW_RECIPE_INTEGER)
        return model_onnx_apply(s->cells, s->step, a, b, 0);
    return s->step->kind == MW_RECIPE_FLOAT32 ? (double)(float)made : made;
}

/* About where `value` is reached; any number will do. */
static double guess(const slope *s, double value)
{
    double c = s->constant, x;
    switch ((mw_recipe_op)s->step->op) {
    case MW_RECIPE_ADD:
        x = value - c;
        break;
    case MW_RECIPE_SUB:
        x = s->x_is_a ? value + c : c - value;
        break;
    case MW_RECIPE_MUL:
        x = value / c;
        break;
    case MW_RECIPE_DIV:
        x = value * c;
        break;
    case MW_RECIPE_NEG:
        x = -value;
        break;
    default:
        x = value;
        break;
    }
    return isnan(x) ? 0 : x;
}

/* Does x lie before the border? True up to it, false behind. */
static bool is_before(const slope *s, double x, double value, bool strictly)
{
    double made = along(s, x);
    if (s->falls)
        return strictly ? made >= value : made > value;
    return strictly ? made < value : made <= value;
}

/* Keys lie up to twice the largest int64_t apart. */
static uint64_t distance(int64_t low, int64_t high)
{
    return (uint64_t)high - (uint64_t)low;
}

/* The last number before the border. *ret_yes: which of no, all, some lie before it. */
typedef enum extent { NO_NUMBERS, SOME_NUMBERS, ALL_NUMBERS } extent;

static extent find_border(const slope *s, double value, bool strictly, double *ret_last)
{
    bool narrow = s->narrow;
    int64_t low = key_of(-(double)INFINITY, narrow), high = key_of((double)INFINITY, narrow);
    int64_t near = key_of(guess(s, value), narrow);
    uint64_t reach = 1;
    if (!is_before(s, -(double)INFINITY, value, strictly))
        return NO_NUMBERS;
    if (is_before(s, (double)INFINITY, value, strictly))
        return ALL_NUMBERS;
    /* low lies before, high does not: from the guess in growing steps, then by halves */
    for (; near > low && near < high; reach = reach > UINT64_MAX / 4 ? UINT64_MAX : 4 * reach) {
        if (is_before(s, number_of(near, narrow), value, strictly)) {
            low = near;
            if (distance(low, high) <= reach)
                break;
            near = (int64_t)((uint64_t)near + reach);
        } else {
            high = near;
            if (distance(low, high) <= reach)
                break;
            near = (int64_t)((uint64_t)near - reach);
        }
    }
    while (high - 1 > low) {
        int64_t middle = low / 2 + high / 2 + (low % 2 + high % 2) / 2;
        if (is_before(s, number_of(middle, narrow), value, strictly))
            low = middle;
        else
            high = middle;
    }
    *ret_last = number_of(low, narrow);
    return SOME_NUMBERS;
}

/* Numbers whose step is at most the question's value. */
static void back_up_to(const slope *s, question *q)
{
    double last = 0;
    extent found = find_border(s, q->value, false, &last);
    bool negate = q->negate != s->falls;
    if (found == SOME_NUMBERS) {
        q->value = last;
        q->negate = negate;
    } else {
        answer_always(q, (found == ALL_NUMBERS) != negate);
    }
}

/* Numbers whose step is exactly the question's value; false when they are more than one, and not
 * all at one end. */
static bool back_one(const slope *s, question *q)
{
    double below = 0, last = 0;
    bool negate = q->negate;
    extent before = find_border(s, q->value, !s->falls, &below);
    extent upto = find_border(s, q->value, s->falls, &last);
    if (before == ALL_NUMBERS || upto == NO_NUMBERS) {
        answer_always(q, negate);
    } else if (before == NO_NUMBERS && upto == ALL_NUMBERS) {
        answer_always(q, !negate);
    } else if (before == NO_NUMBERS) {
        *q = (question){.form = UP_TO, .value = last, .negate = negate, .nan = q->nan};
    } else if (upto == ALL_NUMBERS) {
        *q = (question){.form = UP_TO, .value = below, .negate = !negate, .nan = q->nan};
    } else {
        int64_t distance = key_of(last, s->narrow) - key_of(below, s->narrow);
        if (distance > 1)
            return false;
        if (distance == 0)
            answer_always(q, negate);
        else
            q->value = last;
    }
    return true;
}

static bool back_slope(const slope *s, question *q)
{
    bool nan = answers(q, along(s, (double)NAN));
    bool folds = true;
    if (q->form == UP_TO)
        back_up_to(s, q);
    else if (q->form == ONE)
        folds = back_one(s, q);
    else
        folds = q->form == ALWAYS;
    q->nan = nan;
    return folds;
}

/* Truth values: what the question says of 0 and of 1 decides. */
static bool back_truth(const folder *f, const slope *s, question *q)
{
    bool yes = answers(q, 1), no = answers(q, 0);
    bool less = s->step->op == MW_RECIPE_LESS;
    q->nan = s->step->op == MW_RECIPE_IS_NAN ? yes : no;
    if (s->step->op == MW_RECIPE_NOT || s->step->op == MW_RECIPE_CAST) {
        bool zero = s->step->op == MW_RECIPE_NOT ? yes : no;
        bool other = s->step->op == MW_RECIPE_NOT ? no : yes;
        q->nan = other; /* NaN is not 0 */
        *q = (question){.form = zero == other ? ALWAYS : ONE, .negate = !zero, .nan = q->nan};
        return true;
    }
    if (s->step->op == MW_RECIPE_IS_NAN || yes == no) {
        answer_always(q, no);
        return true;
    }
    if (s->step->op == MW_RECIPE_EQUAL) {
        *q = (question){.form = ONE, .value = s->constant, .negate = no, .nan = q->nan};
        return true;
    }
    /* x <= c, x < c, or c <= x, c < x: the numbers up to a border, or behind it */
    (void)f;
    bool before = s->x_is_a;
    double border = s->constant;
    if (less == before) { /* the border itself is not among the numbers up to it */
        if (border == -(double)INFINITY) {
            answer_always(q, before ? no : yes);
            return true;
        }
        border = number_of(key_of(border, s->narrow) - 1, s->narrow);
    }
    *q = (question){.form = UP_TO, .value = border, .negate = before ? no : yes, .nan = q->nan};
    return true;
}

static bool back_impute(const slope *s, question *q)
{
    q->nan = answers(q, s->step->number);
    return true;
}

static bool is_category(double x)
{
    return x >= 0 && x < MW_LIMIT_CATEGORY && x == floor(x);
}

/* ---- tables of categories -------------------------------------------------------------------- */

/* Codes whose value answers otherwise than what is in no table: a set. */
static mw_status back_table(folder *f, const mw_recipe_step *step, question *q, bool *ret_folds)
{
    const model_onnx_cells *cells = &f->flow->cells;
    const model_onnx_cell *from = model_onnx_cell_at(cells, step->a);
    const model_onnx_table *table = (const model_onnx_table *)cells->tables.items + step->b;
    const double *keys = (const double *)cells->numbers.items + table->first;
    bool other = answers(q, step->number), codes = from->source == MODEL_ONNX_FEATURE;
    codes = codes && (from->step.kind == MODEL_ONNX_TEXT || from->step.kind == MW_RECIPE_INTEGER);
    for (size_t i = 0; codes && i < table->n; i++)
        codes = is_category(keys[i]);
    *ret_folds = codes;
    if (!codes)
        return MW_OK;
    model_list *members = &f->part->trees.members;
    question made = {.form = CODES, .negate = other, .nan = other};
    made.set = (uint32_t)members->count;
    for (size_t i = 0; i < table->n; i++) {
        bool first = i == 0 || keys[i] != keys[i - 1]; /* of equal keys the first counts */
        if (!first || answers(q, keys[table->n + i]) == other)
            continue;
        double *member = model_list_add(members, 1);
        if (!member)
            return mw_fail_memory(f->err, "the sets of trees");
        *member = keys[i];
    }
    made.set_end = (uint32_t)members->count;
    if (made.set == made.set_end) {
        made.form = ALWAYS;
        made.negate = !other;
    }
    *q = made;
    return MW_OK;
}

/* ---- a whole way back ------------------------------------------------------------------------ */

static bool is_narrow(const folder *f, uint32_t cell)
{
    const model_onnx_cell *at = model_onnx_cell_at(&f->flow->cells, cell);
    if (at->source == MODEL_ONNX_FEATURE && f->flow->narrow)
        return true;
    return at->step.kind == MW_RECIPE_FLOAT32;
}

/* Steps of one number that is no constant. *ret_from is its cell. */
static bool make_slope(const folder *f, const model_onnx_cell *cell, slope *s, uint32_t *ret_from)
{
    const model_onnx_cells *cells = &f->flow->cells;
    const mw_recipe_step *step = &cell->step;
    double number = 0;
    *s = (slope){.cells = cells, .step = step, .x_is_a = true};
    *ret_from = step->a;
    if (step->op >= MW_RECIPE_ADD && step->op <= MW_RECIPE_LESS_EQUAL) {
        bool a = model_onnx_is_constant(cells, step->a, &number);
        bool b = !a && model_onnx_is_constant(cells, step->b, &number);
        if (!a && !b)
            return false;
        s->x_is_a = b;
        s->constant = number;
        *ret_from = b ? step->a : step->b;
    } else if (step->op != MW_RECIPE_CAST && step->op != MW_RECIPE_NOT &&
               step->op != MW_RECIPE_IS_NAN && step->op != MW_RECIPE_NEG &&
               step->op != MW_RECIPE_FLOOR && step->op != MW_RECIPE_IMPUTE) {
        return false;
    }
    s->narrow = is_narrow(f, *ret_from);
    return true;
}

/* Does the step rise or fall, everywhere? */
static bool has_direction(slope *s)
{
    double c = s->constant;
    switch ((mw_recipe_op)s->step->op) {
    case MW_RECIPE_ADD:
        return isfinite(c);
    case MW_RECIPE_SUB:
        s->falls = !s->x_is_a;
        return isfinite(c);
    case MW_RECIPE_DIV:
        s->falls = c < 0;
        return s->x_is_a && isfinite(c) && c != 0;
    case MW_RECIPE_MUL:
        s->falls = c < 0;
        return isfinite(c) && c != 0;
    case MW_RECIPE_MAX:
    case MW_RECIPE_MIN:
        return !isnan(c);
    case MW_RECIPE_NEG:
        s->falls = true;
        return true;
    case MW_RECIPE_FLOOR:
        return true;
    case MW_RECIPE_CAST:
        return s->step->kind != MW_RECIPE_BOOL && s->step->kind != MW_RECIPE_INTEGER;
    default:
        return false;
    }
}

static bool is_truth(const mw_recipe_step *step)
{
    return step->op == MW_RECIPE_NOT || step->op == MW_RECIPE_IS_NAN ||
           (step->op >= MW_RECIPE_EQUAL && step->op <= MW_RECIPE_LESS_EQUAL) ||
           (step->op == MW_RECIPE_CAST && step->kind == MW_RECIPE_BOOL);
}

/* A cast of truth values or whole numbers changes no number that is small enough. */
static bool keeps_numbers(const folder *f, const mw_recipe_step *step)
{
    uint8_t from = model_onnx_cell_at(&f->flow->cells, step->a)->step.kind;
    return step->op == MW_RECIPE_CAST && step->kind != MW_RECIPE_BOOL &&
           (from == MW_RECIPE_BOOL ||
            (from == MW_RECIPE_FLOAT32 && step->kind == MW_RECIPE_FLOAT64));
}

static mw_status step_back(folder *f, const model_onnx_cell *cell, question *q, uint32_t *ret_from,
                           bool *ret_folds)
{
    slope s;
    if (cell->step.op == MW_RECIPE_LOOKUP) {
        *ret_from = cell->step.a;
        return back_table(f, &cell->step, q, ret_folds);
    }
    *ret_folds = make_slope(f, cell, &s, ret_from);
    if (!*ret_folds || keeps_numbers(f, &cell->step))
        return MW_OK;
    if (cell->step.op == MW_RECIPE_IMPUTE)
        *ret_folds = back_impute(&s, q);
    else if (is_truth(&cell->step))
        *ret_folds = !(isnan(s.constant)) && back_truth(f, &s, q);
    else
        *ret_folds = has_direction(&s) && back_slope(&s, q);
    return MW_OK;
}

/* Rows of doubles, but this feature is a float: it is rounded first. */
static bool round_feature(const folder *f, const model_onnx_cell *feature, question *q)
{
    static const mw_recipe_step rounding = {.op = MW_RECIPE_CAST, .kind = MW_RECIPE_FLOAT32};
    slope s = {.cells = &f->flow->cells, .step = &rounding, .x_is_a = true};
    if (f->flow->narrow || feature->step.kind != MW_RECIPE_FLOAT32)
        return true;
    return back_slope(&s, q);
}

static mw_status walk_back(folder *f, uint32_t cell, question *q, uint32_t *ret_feature,
                           bool *ret_folds)
{
    const model_onnx_cell *at = model_onnx_cell_at(&f->flow->cells, cell);
    double number;
    *ret_folds = true;
    *ret_feature = 0;
    while (at->source == MODEL_ONNX_STEP) {
        if (model_onnx_is_constant(&f->flow->cells, cell, &number)) {
            bool yes = answers(q, number);
            answer_always(q, yes);
            q->nan = yes;
            return MW_OK;
        }
        MW_TRY(step_back(f, at, q, &cell, ret_folds));
        if (!*ret_folds)
            return MW_OK;
        at = model_onnx_cell_at(&f->flow->cells, cell);
    }
    *ret_feature = at->of;
    *ret_folds = round_feature(f, at, q);
    if (q->form == ONE && *ret_folds && at->step.kind == MODEL_ONNX_TEXT && !is_category(q->value))
        answer_always(q, q->negate);
    return MW_OK;
}

/* ---- splits ---------------------------------------------------------------------------------- */

static question question_of(const model_onnx_split *split, bool narrow)
{
    question q = {.form = UP_TO, .value = split->value, .nan = split->missing_yes};
    switch ((model_onnx_mode)split->mode) {
    case MODEL_ONNX_GT:
        q.negate = true;
        break;
    case MODEL_ONNX_LT:
    case MODEL_ONNX_GTE:
        q.negate = split->mode == MODEL_ONNX_GTE;
        if (split->value == -(double)INFINITY)
            answer_always(&q, q.negate);
        else
            q.value = number_of(key_of(split->value, narrow) - 1, narrow);
        break;
    case MODEL_ONNX_NEQ:
        q.negate = q.nan = true;
        q.form = ONE;
        break;
    case MODEL_ONNX_EQ:
        q.form = ONE;
        break;
    default:
        break;
    }
    return q;
}

static mw_status add_member(folder *f, double code, model_onnx_split *split)
{
    enum { KNOWN_CODES = 1 << 20 };
    model_list *members = &f->part->trees.members;
    size_t place = code < KNOWN_CODES ? (size_t)code : 0;
    if (!model_list_pad(&f->code_sets, place + 1))
        return mw_fail_memory(f->err, "the sets of trees");
    uint32_t *known = (uint32_t *)f->code_sets.items + place;
    if (*known > 0 && ((const double *)members->items)[*known - 1] == code) {
        split->set = *known - 1;
        split->set_end = *known;
        return MW_OK;
    }
    split->set = (uint32_t)members->count;
    *known = split->set + 1;
    double *member = model_list_add(members, 1);
    if (!member)
        return mw_fail_memory(f->err, "the sets of trees");
    *member = code;
    split->set_end = (uint32_t)members->count;
    return MW_OK;
}

/* One code is a set: kernels know sets, and explanations name them. */
static mw_status write_question(folder *f, const question *q, uint32_t feature, bool codes,
                                model_onnx_split *split)
{
    uint32_t yes = q->negate ? split->no : split->yes, no = q->negate ? split->yes : split->no;
    *split = (model_onnx_split){
        .value = q->value, .yes = yes, .no = no, .feature = feature, .mode = MODEL_ONNX_LEQ};
    split->missing_yes = q->nan != q->negate;
    if (q->form == ALWAYS) {
        split->value = (double)INFINITY;
        split->always = split->missing_yes;
    } else if (q->form == CODES) {
        split->mode = MODEL_ONNX_MEMBER;
        split->is_code = true;
        split->set = q->set;
        split->set_end = q->set_end;
    } else if (q->form == ONE && codes && is_category(q->value)) {
        split->mode = MODEL_ONNX_MEMBER;
        split->is_code = true;
        return add_member(f, q->value, split);
    } else if (q->form == ONE) {
        split->mode = MODEL_ONNX_EQ;
    }
    return MW_OK;
}

/* The column behind the features that holds this cell. */
static mw_status extra_column(folder *f, uint32_t cell, uint32_t *ret_column)
{
    if (!model_list_pad(&f->column_of, f->flow->cells.cells.count))
        return mw_fail_memory(f->err, "the columns of a graph");
    uint32_t *of = (uint32_t *)f->column_of.items + cell;
    if (*of == 0) {
        uint32_t *added = model_list_add(&f->flow->extra, 1);
        if (!added)
            return mw_fail_memory(f->err, "the columns of a graph");
        *added = cell;
        *of = (uint32_t)f->flow->extra.count;
    }
    *ret_column = (uint32_t)f->flow->n_features + *of - 1;
    return MW_OK;
}

static mw_status wrong_column(const folder *f, const model_onnx_split *split)
{
    mw_fail(f->err, MW_E_TREE_FEATURE, "feature %u is outside 0..%td", split->feature,
            (ptrdiff_t)f->part->n_columns - 1);
    mw_mend(f->err, "convert the model again; this file was damaged or edited by hand");
    return mw_at(f->err, "nodes_featureids");
}

static mw_status fold_split(folder *f, model_onnx_split *split)
{
    if (split->mode == MODEL_ONNX_LEAF)
        return MW_OK;
    if (split->feature >= f->part->n_columns)
        return wrong_column(f, split);
    uint32_t cell = *model_onnx_slot(f->flow, f->part->slot + split->feature), feature = 0;
    const model_onnx_cell *at = model_onnx_cell_at(&f->flow->cells, cell);
    bool plain =
        at->source == MODEL_ONNX_FEATURE && (f->flow->narrow || at->step.kind != MW_RECIPE_FLOAT32);
    bool folds = split->mode != MODEL_ONNX_MEMBER;
    if (at->source == MODEL_ONNX_FEATURE && at->step.kind == MODEL_ONNX_TEXT)
        return model_onnx_refuse(f->part->node, "its input is of truth values or texts", f->err);
    if (plain) {
        split->feature = at->of;
        return MW_OK;
    }
    question q = question_of(split, is_narrow(f, cell));
    if (folds)
        MW_TRY(walk_back(f, cell, &q, &feature, &folds));
    if (!folds)
        return extra_column(f, cell, &split->feature);
    uint8_t kind = MW_RECIPE_FLOAT32;
    if (at->feature < f->flow->n_features)
        kind = ((const uint8_t *)f->onnx->feature_kinds.items)[at->feature];
    bool codes = kind == MODEL_ONNX_TEXT || kind == MW_RECIPE_INTEGER;
    return write_question(f, &q, feature, codes, split);
}

static mw_status fold_part(folder *f)
{
    model_onnx_split *splits = f->part->trees.splits.items;
    for (size_t i = 0; i < f->part->trees.splits.count; i++) {
        if (fold_split(f, &splits[i]) != MW_OK)
            return f->err->where[0] == '\0' || f->err->status == MW_BAD_DATA
                       ? model_onnx_at(f->part->node, f->err)
                       : f->err->status;
    }
    return MW_OK;
}

/* factor * x + shift of a feature x. */
typedef struct line {
    double factor, shift;
    uint32_t feature;
} line;

static bool add_step(const slope *s, line *to)
{
    double c = s->constant;
    if (!isfinite(c))
        return false;
    switch ((mw_recipe_op)s->step->op) {
    case MW_RECIPE_ADD:
        to->shift += to->factor * c;
        return true;
    case MW_RECIPE_SUB:
        to->shift += s->x_is_a ? -to->factor * c : to->factor * c;
        to->factor = s->x_is_a ? to->factor : -to->factor;
        return true;
    case MW_RECIPE_MUL:
        to->factor *= c;
        return c != 0; /* infinity * 0 is NaN */
    case MW_RECIPE_DIV:
        to->factor /= c;
        return s->x_is_a && c != 0;
    default:
        return false;
    }
}

/* From the column back to the feature: what stands outside is applied first. */
static bool find_line(const folder *f, uint32_t cell, line *ret_line)
{
    const model_onnx_cells *cells = &f->flow->cells;
    const model_onnx_cell *at = model_onnx_cell_at(cells, cell);
    slope s;
    *ret_line = (line){.factor = 1};
    while (at->source == MODEL_ONNX_STEP) {
        bool cast = at->step.op == MW_RECIPE_CAST && at->step.kind <= MW_RECIPE_FLOAT64;
        if (cast)
            cell = at->step.a;
        else if (at->step.kind > MW_RECIPE_FLOAT64 || !make_slope(f, at, &s, &cell) ||
                 !add_step(&s, ret_line))
            return false;
        at = model_onnx_cell_at(cells, cell);
    }
    ret_line->feature = at->of;
    return at->source == MODEL_ONNX_FEATURE && at->step.kind != MODEL_ONNX_TEXT &&
           isfinite(ret_line->factor) && isfinite(ret_line->shift) &&
           (f->flow->narrow || at->step.kind != MW_RECIPE_FLOAT32);
}

/* A scaler's line goes into the weights, in float64: what ONNX Runtime rounds in between is not
 * rounded here. Other columns stand behind the features. */
static mw_status fold_linear(folder *f)
{
    size_t n = f->part->trees.n_outputs;
    double *weights = f->part->weights.items, *bias = weights + f->part->n_columns * n;
    for (size_t i = 0; i < f->part->n_columns; i++) {
        uint32_t *cell = model_onnx_slot(f->flow, f->part->slot + i), column = 0;
        line at;
        if (find_line(f, *cell, &at)) {
            column = at.feature;
            for (size_t m = 0; m < n; m++) {
                bias[m] += weights[i * n + m] * at.shift;
                weights[i * n + m] *= at.factor;
            }
        } else {
            MW_TRY(extra_column(f, *cell, &column));
        }
        *cell = column; /* from here on the slot says which column of the forest it is */
    }
    return MW_OK;
}

/* ---- float32 or float64 rows ----------------------------------------------------------------- */

/* Does it make no difference to the step that its feature was rounded to float32? */
static bool rounds_itself(const model_onnx_cells *cells, const mw_recipe_step *step, uint8_t kind)
{
    double number = 0;
    if (step->op == MW_RECIPE_CAST)
        return step->kind == MW_RECIPE_FLOAT32 || step->kind == MW_RECIPE_BOOL;
    if (kind != MW_RECIPE_INTEGER)
        return false;
    if (step->op == MW_RECIPE_LOOKUP) {
        const model_onnx_table *table = (const model_onnx_table *)cells->tables.items + step->b;
        const double *keys = (const double *)cells->numbers.items + table->first;
        for (size_t i = 0; i < table->n; i++)
            if (!(fabs(keys[i]) < EXACT_FLOAT))
                return false;
        return true;
    }
    if (step->op < MW_RECIPE_EQUAL || step->op > MW_RECIPE_LESS_EQUAL)
        return false;
    bool constant = model_onnx_is_constant(cells, step->a, &number) ||
                    model_onnx_is_constant(cells, step->b, &number);
    return constant && fabs(number) < EXACT_FLOAT;
}

static bool is_sharp(const model_onnx_cells *cells, uint32_t cell)
{
    const model_onnx_cell *at = model_onnx_cell_at(cells, cell);
    return at->source == MODEL_ONNX_FEATURE &&
           (at->step.kind == MW_RECIPE_FLOAT64 || at->step.kind == MW_RECIPE_INTEGER);
}

static bool rows_may_be_floats(const model_onnx_flow *flow)
{
    const model_onnx_cells *cells = &flow->cells;
    for (uint32_t i = 0; i < cells->cells.count; i++) {
        const model_onnx_cell *cell = model_onnx_cell_at(cells, i);
        const mw_recipe_step *step = &cell->step;
        if (cell->source != MODEL_ONNX_STEP || step->op == MW_RECIPE_CONSTANT)
            continue;
        bool two = step->op >= MW_RECIPE_ADD && step->op <= MW_RECIPE_OR;
        bool three = step->op == MW_RECIPE_WHERE;
        const uint32_t from[3] = {step->a, two || three ? step->b : step->a,
                                  three ? step->c : step->a};
        for (size_t k = 0; k < MW_COUNT(from); k++)
            if (is_sharp(cells, from[k]) &&
                !rounds_itself(cells, step, model_onnx_cell_at(cells, from[k])->step.kind))
                return false;
    }
    for (size_t p = 0; p < flow->parts.count; p++) {
        const model_onnx_part *part = model_onnx_part_at(flow, p);
        for (size_t i = 0; i < part->n_columns; i++) {
            uint32_t cell = *model_onnx_slot(flow, part->slot + i);
            if (is_sharp(cells, cell) && part->wide)
                return false;
        }
    }
    return true;
}

static mw_status note_kinds(model_onnx *onnx, const model_onnx_flow *flow, mw_error *err)
{
    if (!model_list_pad(&onnx->feature_kinds, flow->n_features))
        return mw_fail_memory(err, "the columns of a graph");
    for (uint32_t i = 0; i < flow->cells.cells.count; i++) {
        const model_onnx_cell *cell = model_onnx_cell_at(&flow->cells, i);
        if (cell->source == MODEL_ONNX_FEATURE && cell->of < flow->n_features)
            ((uint8_t *)onnx->feature_kinds.items)[cell->of] = cell->step.kind;
    }
    return MW_OK;
}

mw_status model_onnx_fold(model_onnx *onnx, model_onnx_flow *flow, mw_error *err)
{
    folder f = {.onnx = onnx,
                .flow = flow,
                .column_of = {.item_bytes = sizeof(uint32_t)},
                .code_sets = {.item_bytes = sizeof(uint32_t)},
                .err = err};
    flow->narrow = rows_may_be_floats(flow);
    mw_status status = note_kinds(onnx, flow, err);
    for (size_t p = 0; p < flow->parts.count && status == MW_OK; p++) {
        f.part = model_onnx_part_at(flow, p);
        f.code_sets.count = 0; /* sets are a part's own */
        status = f.part->is_linear ? fold_linear(&f) : fold_part(&f);
    }
    model_list_done(&f.column_of);
    model_list_done(&f.code_sets);
    return status;
}
