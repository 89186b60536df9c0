/* Contracts: what changed between two models, as their clients see it.
 *
 * A client of the first sends the columns it knows, by name or in order, and reads answers of a
 * shape. A change breaks when a request that was right is refused now, or is taken and means
 * something else. Lists in rows are read in order even where names are known, so a new order
 * breaks, and so does a column that goes: what stood behind it moves up. */
#include <stdlib.h>

#include "table.h"

typedef struct comparison {
    const mw_contract *before, *after;
    void (*see)(void *user, const mw_contract_change *change);
    void *user;
    bool no_memory;
} comparison;

/* ---- telling --------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void tell(const comparison *c, const char *rule,
                                                       bool breaks, const char *format, ...)
{
    mw_contract_change change = {.rule = rule, .breaks = breaks};
    va_list given;
    va_start(given, format);
    vsnprintf(change.what, sizeof change.what, format, given);
    va_end(given);
    c->see(c->user, &change);
}

/* Names may be long; what is told of them is short. */
static int shown(mw_view name)
{
    enum { NAME_SHOWN = 80 };
    return name.size < NAME_SHOWN ? (int)name.size : NAME_SHOWN;
}

#define SHOWN(view) shown(view), (view).data

/* ---- one column ------------------------------------------------------------------------------ */

/* Whether every value of one type is one of the other: 33 of an int32 is 33 of a float64. */
static bool is_wider(mw_view from, mw_view to)
{
    static const char *const wider[][2] = {
        {"bool", "int32"},  {"bool", "int64"},    {"bool", "float32"},  {"bool", "float64"},
        {"int32", "int64"}, {"int32", "float64"}, {"int64", "float64"}, {"float32", "float64"},
        {"uint8", "int32"}, {"uint8", "int64"},   {"uint8", "float32"}, {"float16", "float32"},
    };
    for (size_t i = 0; i < MW_COUNT(wider); i++)
        if (mw_view_is(from, wider[i][0]) && mw_view_is(to, wider[i][1]))
            return true;
    return false;
}

static int compare_views(const void *x, const void *y)
{
    return mw_view_order(*(const mw_view *)x, *(const mw_view *)y);
}

/* The categories of one side that the other does not have; the first of them in the order of the
 * codes. False when memory is gone. */
static bool count_missing(const mw_contract_column *of, const mw_contract_column *in, size_t *ret_n,
                          mw_view *ret_first)
{
    mw_view *sorted = calloc(in->n_categories + 1, sizeof *sorted);
    if (!sorted)
        return false;
    if (in->n_categories > 0)
        memcpy(sorted, in->categories, in->n_categories * sizeof *sorted);
    qsort(sorted, in->n_categories, sizeof *sorted, compare_views);
    *ret_n = 0;
    for (size_t i = 0; i < of->n_categories; i++)
        if (!bsearch(&of->categories[i], sorted, in->n_categories, sizeof *sorted, compare_views) &&
            (*ret_n)++ == 0)
            *ret_first = of->categories[i];
    free(sorted);
    return true;
}

static void compare_categories(comparison *c, const mw_contract_column *a,
                               const mw_contract_column *b)
{
    size_t n_gone, n_new;
    mw_view first = {"", 0};
    if (!a->categories || !b->categories)
        return;
    if (!count_missing(a, b, &n_gone, &first)) {
        c->no_memory = true;
        return;
    }
    if (n_gone > 0)
        tell(c, "categories", !b->takes_unknown,
             "column '%.*s' no longer knows %zu of its categories, '%.*s' first%s", SHOWN(b->name),
             n_gone, SHOWN(first), b->takes_unknown ? "; they read as missing" : "");
    if (!count_missing(b, a, &n_new, &first))
        c->no_memory = true;
    else if (n_new > 0)
        tell(c, "categories", false, "column '%.*s' knows %zu categories more, '%.*s' first",
             SHOWN(b->name), n_new, SHOWN(first));
}

static void compare_column(comparison *c, const mw_contract_column *a, const mw_contract_column *b)
{
    if (c->before->named && c->after->named && !mw_view_equal(a->name, b->name))
        tell(c, "renamed", false, "column '%.*s' is called '%.*s', and takes both", SHOWN(a->name),
             SHOWN(b->name));
    if (!mw_view_equal(a->type, b->type))
        tell(c, "retyped", !is_wider(a->type, b->type), "column '%.*s' was %.*s and is %.*s",
             SHOWN(b->name), SHOWN(a->type), SHOWN(b->type));
    if (a->optional && !b->optional)
        tell(c, "required", true, "column '%.*s' was optional and is required", SHOWN(b->name));
    if (!a->optional && b->optional)
        tell(c, "optional", false, "column '%.*s' was required and is optional", SHOWN(b->name));
    compare_categories(c, a, b);
}

/* ---- columns by name ------------------------------------------------------------------------- */

typedef struct named_column {
    mw_view name;
    size_t place, partner; /* partner: SIZE_MAX when the other side has none */
} named_column;

static int compare_names(const void *x, const void *y)
{
    const named_column *a = x, *b = y;
    return mw_view_order(a->name, b->name);
}

static int compare_places(const void *x, const void *y)
{
    const named_column *a = x, *b = y;
    return (a->place > b->place) - (a->place < b->place);
}

static named_column *list_names(const mw_contract *contract)
{
    named_column *list = calloc(contract->n_columns + 1, sizeof *list);
    for (size_t i = 0; list && i < contract->n_columns; i++)
        list[i] = (named_column){contract->columns[i].name, i, SIZE_MAX};
    if (list)
        qsort(list, contract->n_columns, sizeof *list, compare_names);
    return list;
}

static void find_partners(named_column *a, size_t n_a, named_column *b, size_t n_b)
{
    for (size_t i = 0, k = 0; i < n_a && k < n_b;) {
        int order = compare_names(&a[i], &b[k]);
        if (order == 0) {
            a[i].partner = b[k].place;
            b[k].partner = a[i].place;
        }
        i += order <= 0;
        k += order >= 0;
    }
    qsort(a, n_a, sizeof *a, compare_places);
    qsort(b, n_b, sizeof *b, compare_places);
}

/* A column that is called otherwise now, and says so. */
static bool find_renamed(const comparison *c, named_column *a, named_column *b)
{
    named_column *old = list_names(c->before);
    for (size_t k = 0; old && k < c->after->n_columns; k++) {
        const mw_contract_column *new = &c->after->columns[k];
        for (size_t w = 0; b[k].partner == SIZE_MAX && w < new->n_was; w++) {
            named_column like = {.name = new->was[w]};
            const named_column *found =
                bsearch(&like, old, c->before->n_columns, sizeof *old, compare_names);
            if (!found || a[found->place].partner != SIZE_MAX)
                continue;
            a[found->place].partner = k;
            b[k].partner = found->place;
        }
    }
    free(old);
    return old != NULL;
}

/* Those that both have stand in another order: the first that does. */
static void compare_order(const comparison *c, const named_column *a)
{
    size_t reached = 0;
    bool any = false;
    for (size_t i = 0; i < c->before->n_columns; i++) {
        if (a[i].partner == SIZE_MAX)
            continue;
        if (any && a[i].partner < reached) {
            tell(c, "reordered", true,
                 "column '%.*s' stands elsewhere among the others; rows that are lists are read in "
                 "order",
                 SHOWN(a[i].name));
            return;
        }
        reached = a[i].partner;
        any = true;
    }
}

static void tell_names(comparison *c, const named_column *a, const named_column *b)
{
    for (size_t i = 0; i < c->before->n_columns; i++) {
        const mw_contract_column *old = &c->before->columns[i];
        if (a[i].partner == SIZE_MAX)
            tell(c, "removed", true, "column '%.*s' (%.*s) is gone", SHOWN(old->name),
                 SHOWN(old->type));
        else
            compare_column(c, old, &c->after->columns[a[i].partner]);
    }
    for (size_t i = 0; i < c->after->n_columns; i++) {
        const mw_contract_column *new = &c->after->columns[i];
        if (b[i].partner == SIZE_MAX)
            tell(c, "added", !new->optional, "column '%.*s' (%.*s%s) is new", SHOWN(new->name),
                 SHOWN(new->type), new->optional ? ", optional" : "");
    }
    compare_order(c, a);
}

static void compare_by_name(comparison *c)
{
    named_column *a = list_names(c->before), *b = list_names(c->after);
    if (a && b) {
        find_partners(a, c->before->n_columns, b, c->after->n_columns);
        c->no_memory = !find_renamed(c, a, b) || c->no_memory;
        tell_names(c, a, b);
    }
    c->no_memory = c->no_memory || !a || !b;
    free(a);
    free(b);
}

/* ---- columns by position --------------------------------------------------------------------- */

static mw_view name_by_place(const mw_contract_column *column, size_t place, char *out, size_t size)
{
    if (column->name.size > 0)
        return column->name;
    int n = snprintf(out, size, "%zu", place);
    return (mw_view){out, (size_t)n};
}

static void compare_by_position(comparison *c)
{
    size_t n = c->before->n_columns;
    if (n != c->after->n_columns) {
        tell(c, "columns", true, "there were %zu columns and are %zu", n, c->after->n_columns);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char old_name[24], new_name[24];
        mw_contract_column a = c->before->columns[i], b = c->after->columns[i];
        a.name = name_by_place(&a, i, old_name, sizeof old_name);
        b.name = name_by_place(&b, i, new_name, sizeof new_name);
        compare_column(c, &a, &b);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static void compare_classes(const comparison *c)
{
    size_t n = c->before->n_classes;
    if (!c->before->classes || !c->after->classes)
        return;
    if (n != c->after->n_classes) {
        tell(c, "classes", true, "there were %zu classes and are %zu", n, c->after->n_classes);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (mw_view_equal(c->before->classes[i], c->after->classes[i]))
            continue;
        tell(c, "classes", true, "class %zu was '%.*s' and is '%.*s'", i,
             SHOWN(c->before->classes[i]), SHOWN(c->after->classes[i]));
        return;
    }
}

/* ---- tensors of graphs ----------------------------------------------------------------------- */

enum { SHAPE_BYTES = 80 };

/* "float32[-1,4]" */
static const char *tell_tensor(const mw_contract_tensor *t, char text[SHAPE_BYTES])
{
    mw_buf out;
    mw_buf_init(&out, SHAPE_BYTES);
    mw_buf_format(&out, "%.*s", SHOWN(t->type));
    for (size_t i = 0; t->dims && i < t->rank; i++)
        mw_buf_format(&out, "%s%lld", i ? "," : "[", (long long)(t->dims[i] > 0 ? t->dims[i] : -1));
    if (t->dims)
        mw_buf_text(&out, t->rank ? "]" : "[]");
    snprintf(text, SHAPE_BYTES, "%s", out.size ? out.data : "");
    mw_buf_done(&out);
    return text;
}

/* Whether what had one shape has the other. `strict`: an open dimension is not one that is set. */
static bool fits(const mw_contract_tensor *from, const mw_contract_tensor *to, bool strict)
{
    if (!from->dims || !to->dims)
        return true;
    bool right = from->rank == to->rank;
    for (size_t i = 0; right && i < from->rank; i++)
        right = to->dims[i] <= 0 || (from->dims[i] <= 0 ? !strict : from->dims[i] == to->dims[i]);
    return right;
}

static bool is_same_shape(const mw_contract_tensor *a, const mw_contract_tensor *b)
{
    return fits(a, b, true) && fits(b, a, true) && !a->dims == !b->dims;
}

static void compare_shape(const comparison *c, const mw_contract_tensor *a,
                          const mw_contract_tensor *b)
{
    char old[SHAPE_BYTES], new[SHAPE_BYTES];
    if (!is_same_shape(a, b))
        tell(c, "reshaped", !fits(a, b, true), "input '%.*s' was %s and is %s", SHOWN(b->name),
             tell_tensor(a, old), tell_tensor(b, new));
}

static const mw_contract_tensor *find_tensor(const mw_contract_tensor *list, size_t n, mw_view name)
{
    for (size_t i = 0; i < n; i++)
        if (mw_view_equal(list[i].name, name))
            return &list[i];
    return NULL;
}

/* Rows need no name of a sole input, and columns tell their types; of several, columns tell both.
 * What columns do not tell is the shape. */
static void compare_shapes(const comparison *c)
{
    const mw_contract *a = c->before, *b = c->after;
    for (size_t i = 0; i < a->n_inputs; i++) {
        const mw_contract_tensor *found = find_tensor(b->inputs, b->n_inputs, a->inputs[i].name);
        if (found)
            compare_shape(c, &a->inputs[i], found);
    }
}

/* A sole input may be given as rows, which do not name it, where it has two dimensions at most. */
static void compare_sole_input(const comparison *c)
{
    const mw_contract_tensor *a = c->before->inputs, *b = c->after->inputs;
    enum { ROWS = 2 };
    if (!mw_view_equal(a->name, b->name))
        tell(c, "renamed", a->rank > ROWS, "input '%.*s' is called '%.*s'", SHOWN(a->name),
             SHOWN(b->name));
    if (!mw_view_equal(a->type, b->type))
        tell(c, "retyped", !is_wider(a->type, b->type), "input '%.*s' was %.*s and is %.*s",
             SHOWN(b->name), SHOWN(a->type), SHOWN(b->type));
    compare_shape(c, a, b);
}

static void compare_outputs(const comparison *c)
{
    const mw_contract *a = c->before, *b = c->after;
    size_t reached = 0;
    for (size_t i = 0; i < a->n_answers; i++) {
        char old[SHAPE_BYTES], new[SHAPE_BYTES];
        const mw_contract_tensor *from = &a->answers[i];
        const mw_contract_tensor *to = find_tensor(b->answers, b->n_answers, from->name);
        if (!to)
            tell(c, "outputs", true, "output '%.*s' (%s) is gone", SHOWN(from->name),
                 tell_tensor(from, old));
        else if (!mw_view_equal(from->type, to->type) || !fits(from, to, false))
            tell(c, "outputs", true, "output '%.*s' was %s and is %s", SHOWN(from->name),
                 tell_tensor(from, old), tell_tensor(to, new));
        else if ((size_t)(to - b->answers) < reached)
            tell(c, "outputs", true, "output '%.*s' stands elsewhere among the others",
                 SHOWN(from->name));
        if (to)
            reached = (size_t)(to - b->answers);
    }
    for (size_t i = 0; i < b->n_answers; i++) {
        char new[SHAPE_BYTES];
        if (!find_tensor(a->answers, a->n_answers, b->answers[i].name))
            tell(c, "outputs", true, "output '%.*s' (%s) is new", SHOWN(b->answers[i].name),
                 tell_tensor(&b->answers[i], new));
    }
}

/* Values that a row has in all inputs; 0: not known. */
static size_t width_of(const mw_contract *c)
{
    size_t width = c->only_inputs ? 0 : c->n_columns;
    for (size_t i = 0; c->only_inputs && i < c->n_inputs; i++) {
        const mw_contract_tensor *t = &c->inputs[i];
        size_t n = 1;
        for (size_t k = 1; k < t->rank; k++)
            n = t->dims && t->dims[k] > 0 && t->dims[k] <= INT32_MAX && n <= INT32_MAX
                    ? n * (size_t)t->dims[k]
                    : 0;
        if (!t->dims || t->rank == 0 || n == 0)
            return 0;
        width += n;
    }
    return width;
}

/* One side tells columns, the other tensors that they stand in. */
static void compare_widths(const comparison *c)
{
    size_t a = width_of(c->before), b = width_of(c->after);
    if (a && b && a != b)
        tell(c, "columns", true, "there were %zu columns and are %zu", a, b);
}

static void compare_inputs(comparison *c)
{
    const mw_contract *a = c->before, *b = c->after;
    if (a->n_inputs == 1 && b->n_inputs == 1) {
        compare_sole_input(c);
    } else if (a->only_inputs != b->only_inputs) {
        compare_widths(c);
    } else if (a->named && b->named) {
        compare_by_name(c);
        compare_shapes(c);
    } else {
        if (a->named != b->named)
            tell(c, "columns", a->named,
                 a->named ? "columns had names and have none: requests by name fail"
                          : "columns had no names and have");
        compare_by_position(c);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static void compare_answers(const comparison *c)
{
    const mw_contract *a = c->before, *b = c->after;
    if (a->n_answers && b->n_answers)
        compare_outputs(c);
    if (a->n_outputs && b->n_outputs && a->n_outputs != b->n_outputs)
        tell(c, "outputs", true, "a prediction had %zu value%s and has %zu", a->n_outputs,
             a->n_outputs == 1 ? "" : "s", b->n_outputs);
    if (a->answer.data && b->answer.data && !mw_view_equal(a->answer, b->answer))
        tell(c, "answer", true, "it answered with %.*s and answers with %.*s", SHOWN(a->answer),
             SHOWN(b->answer));
    compare_classes(c);
}

mw_status mw_contract_compare(const mw_contract *before, const mw_contract *after,
                              void (*see)(void *user, const mw_contract_change *change), void *user,
                              mw_error *err)
{
    comparison c = {before, after, see, user, false};
    compare_inputs(&c);
    compare_answers(&c);
    return c.no_memory ? mw_fail_memory(err, "two contracts") : MW_OK;
}
