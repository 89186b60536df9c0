/* Cells: the numbers that a graph computes of one row, as a list in which each one is made of
 * earlier ones.
 *
 *     cell   0  feature 0                     3  step 0 * 2 = MUL
 *            1  feature 1                     4  step 3 + 1 = ADD
 *            2  constant 2.0                  5  margin 0 of part 0 ...
 *
 * Every operator becomes steps on single numbers, so that one look at a cell says what it depends
 * on, wherever it stood: before the trees or behind them. */
#include "onnx.h"

#include <math.h>

/* 40 MB of cells; a softmax of 1000 classes takes 5000. */
enum { MOST_CELLS = 1 << 20 };

void model_onnx_cells_init(model_onnx_cells *cells)
{
    *cells = (model_onnx_cells){.cells = {.item_bytes = sizeof(model_onnx_cell)},
                                .numbers = {.item_bytes = sizeof(double)},
                                .tables = {.item_bytes = sizeof(model_onnx_table)},
                                .words = {.item_bytes = sizeof(model_onnx_words)}};
}

void model_onnx_cells_done(model_onnx_cells *cells)
{
    model_onnx_words *words = cells->words.items;
    for (size_t i = 0; i < cells->words.count; i++)
        model_onnx_index_done(&words[i].texts);
    model_list_done(&cells->words);
    model_list_done(&cells->cells);
    model_list_done(&cells->numbers);
    model_list_done(&cells->tables);
}

static uint32_t add_cell(model_onnx_cells *cells, model_onnx_cell cell)
{
    model_onnx_cell *added = NULL;
    cells->full = cells->full || cells->cells.count >= MOST_CELLS;
    if (!cells->failed && !cells->full)
        added = model_list_add(&cells->cells, 1);
    if (!added) {
        cells->failed = true;
        return 0;
    }
    *added = cell;
    return (uint32_t)(cells->cells.count - 1);
}

uint32_t model_onnx_constant_cell(model_onnx_cells *cells, uint8_t kind, double number)
{
    model_onnx_cell cell = {.step = {.op = MW_RECIPE_CONSTANT, .kind = kind, .number = number},
                            .feature = MODEL_ONNX_NOTHING,
                            .part = MODEL_ONNX_NOTHING};
    return add_cell(cells, cell);
}

uint32_t model_onnx_source_cell(model_onnx_cells *cells, model_onnx_source source, uint8_t kind,
                                uint32_t of, uint32_t output)
{
    bool feature = source == MODEL_ONNX_FEATURE;
    model_onnx_cell cell = {.step = {.kind = kind},
                            .source = (uint8_t)source,
                            .of = of,
                            .output = output,
                            .feature = feature ? of : MODEL_ONNX_NOTHING,
                            .part = feature ? MODEL_ONNX_NOTHING : of};
    return add_cell(cells, cell);
}

bool model_onnx_is_constant(const model_onnx_cells *cells, uint32_t a, double *ret_number)
{
    if (a >= cells->cells.count)
        return false;
    const model_onnx_cell *cell = model_onnx_cell_at(cells, a);
    *ret_number = cell->step.number;
    return cell->source == MODEL_ONNX_STEP && cell->step.op == MW_RECIPE_CONSTANT;
}

/* How many cells a step is made of. */
static unsigned operands(const mw_recipe_step *step)
{
    if (step->op == MW_RECIPE_CONSTANT)
        return 0;
    if (step->op == MW_RECIPE_WHERE)
        return 3;
    return step->op >= MW_RECIPE_ADD && step->op <= MW_RECIPE_OR ? 2 : 1;
}

static uint32_t either(uint32_t a, uint32_t b)
{
    if (a == MODEL_ONNX_NOTHING || a == b)
        return b;
    return b == MODEL_ONNX_NOTHING ? a : MODEL_ONNX_SEVERAL;
}

double model_onnx_apply(const model_onnx_cells *cells, const mw_recipe_step *step, double a,
                        double b, double c)
{
    double lanes[4 * MW_RECIPE_LANES];
    mw_recipe_table table = {0};
    mw_recipe_step one = *step;
    one.a = 0;
    one.b = step->op == MW_RECIPE_LOOKUP ? 0 : 1;
    one.c = 2;
    if (step->op == MW_RECIPE_LOOKUP) {
        const model_onnx_table *found = (const model_onnx_table *)cells->tables.items + step->b;
        table = (mw_recipe_table){.numbers = (const double *)cells->numbers.items + found->first,
                                  .n = found->n};
    }
    lanes[0] = a;
    lanes[MW_RECIPE_LANES] = b;
    lanes[2 * MW_RECIPE_LANES] = c;
    mw_recipe recipe = {.n_inputs = 3, .steps = &one, .n_steps = 1, .tables = &table};
    mw_recipe_run(&recipe, 1, lanes);
    return lanes[3 * MW_RECIPE_LANES];
}

uint32_t model_onnx_step_cell(model_onnx_cells *cells, mw_recipe_step step)
{
    unsigned n = operands(&step);
    uint32_t from[3] = {step.a, step.b, step.c};
    double numbers[3] = {0};
    bool constant = true;
    model_onnx_cell cell = {
        .step = step, .feature = MODEL_ONNX_NOTHING, .part = MODEL_ONNX_NOTHING};
    if (cells->failed)
        return 0;
    for (unsigned i = 0; i < n; i++) {
        const model_onnx_cell *operand = model_onnx_cell_at(cells, from[i]);
        constant = constant && model_onnx_is_constant(cells, from[i], &numbers[i]);
        cell.feature = either(cell.feature, operand->feature);
        cell.part = either(cell.part, operand->part);
    }
    if (!constant)
        return add_cell(cells, cell);
    double number = model_onnx_apply(cells, &step, numbers[0], numbers[1], numbers[2]);
    return model_onnx_constant_cell(cells, step.kind, number);
}

uint32_t model_onnx_one(model_onnx_cells *cells, mw_recipe_op op, uint8_t kind, uint32_t a)
{
    return model_onnx_step_cell(cells, (mw_recipe_step){.op = (uint8_t)op, .kind = kind, .a = a});
}

uint32_t model_onnx_two(model_onnx_cells *cells, mw_recipe_op op, uint8_t kind, uint32_t a,
                        uint32_t b)
{
    mw_recipe_step step = {.op = (uint8_t)op, .kind = kind, .a = a, .b = b};
    return model_onnx_step_cell(cells, step);
}

uint32_t model_onnx_where(model_onnx_cells *cells, uint32_t condition, uint32_t yes, uint32_t no)
{
    uint8_t kind = cells->failed ? 0 : model_onnx_cell_at(cells, yes)->step.kind;
    mw_recipe_step step = {.op = MW_RECIPE_WHERE, .kind = kind, .a = condition, .b = yes, .c = no};
    return model_onnx_step_cell(cells, step);
}

uint32_t model_onnx_cast(model_onnx_cells *cells, uint8_t kind, uint32_t a)
{
    if (cells->failed || model_onnx_cell_at(cells, a)->step.kind == kind)
        return a;
    return model_onnx_one(cells, MW_RECIPE_CAST, kind, a);
}

/* ---- tables and texts ------------------------------------------------------------------------ */

typedef struct entry {
    double key, value;
    size_t place;
} entry;

/* NaN last; of equal keys the first that was given stays first. */
static int compare_entries(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (isnan(x->key) != isnan(y->key))
        return isnan(x->key) ? 1 : -1;
    if (x->key < y->key || x->key > y->key)
        return x->key < y->key ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

uint32_t model_onnx_add_table(model_onnx_cells *cells, const double *keys, const double *values,
                              size_t n)
{
    entry *entries = calloc(n + 1, sizeof *entries);
    model_onnx_table *table = model_list_add(&cells->tables, 1);
    size_t first = cells->numbers.count;
    double *numbers = n > 0 ? model_list_add(&cells->numbers, 2 * n) : NULL;
    if (!entries || !table || (n > 0 && !numbers)) {
        cells->failed = true;
        free(entries);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        entries[i] = (entry){keys[i], values[i], i};
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n; i++) {
        numbers[i] = entries[i].key;
        numbers[n + i] = entries[i].value;
    }
    *table = (model_onnx_table){first, n};
    free(entries);
    return (uint32_t)(cells->tables.count - 1);
}

static model_onnx_words *find_words(model_onnx_cells *cells, uint32_t feature)
{
    model_onnx_words *words = cells->words.items;
    for (size_t i = 0; i < cells->words.count; i++)
        if (words[i].feature == feature)
            return &words[i];
    words = model_list_add(&cells->words, 1);
    if (words) {
        *words = (model_onnx_words){.feature = feature};
        model_onnx_index_init(&words->texts);
    }
    return words;
}

double model_onnx_word(model_onnx_cells *cells, uint32_t feature, mw_view text, bool strict)
{
    model_onnx_words *words = find_words(cells, feature);
    if (!words) {
        cells->failed = true;
        return 0;
    }
    words->strict = words->strict || strict;
    uint32_t code = model_onnx_index_put(&words->texts, text);
    cells->failed = cells->failed || code == UINT32_MAX;
    return (double)code;
}

/* ---- recipes --------------------------------------------------------------------------------- */

typedef struct draft {
    const model_onnx_cells *cells;
    const uint32_t *given;
    bool *needed;
    uint32_t *place; /* of each needed cell among the recipe's */
    size_t n_inputs, n_steps;
    bool round_features;
} draft;

static bool is_rounded(const draft *d, uint32_t cell)
{
    const model_onnx_cell *at = model_onnx_cell_at(d->cells, cell);
    return d->round_features && at->source == MODEL_ONNX_FEATURE &&
           at->step.kind == MW_RECIPE_FLOAT32;
}

static void need(draft *d, const uint32_t *roots, size_t n_roots)
{
    for (size_t i = 0; i < n_roots; i++)
        d->needed[roots[i]] = true;
    for (size_t i = d->cells->cells.count; i-- > 0;) {
        if (!d->needed[i])
            continue;
        const model_onnx_cell *cell = model_onnx_cell_at(d->cells, (uint32_t)i);
        if (d->given[i] != MODEL_ONNX_NOTHING) {
            d->n_inputs++;
            d->n_steps += is_rounded(d, (uint32_t)i);
            continue;
        }
        if (cell->source == MODEL_ONNX_SCORE) { /* the same number as the cell that says so */
            d->needed[cell->step.a] = true;
            continue;
        }
        d->n_steps++;
        unsigned n = operands(&cell->step);
        const uint32_t from[3] = {cell->step.a, cell->step.b, cell->step.c};
        for (unsigned k = 0; k < n; k++)
            d->needed[from[k]] = true;
    }
}

static void write_step(draft *d, uint32_t i, mw_recipe_step *step)
{
    *step = model_onnx_cell_at(d->cells, i)->step;
    unsigned n = operands(step);
    step->a = n > 0 ? d->place[step->a] : 0;
    if (step->op != MW_RECIPE_LOOKUP)
        step->b = n > 1 ? d->place[step->b] : 0;
    step->c = n > 2 ? d->place[step->c] : 0;
}

static void write_cells(draft *d, uint32_t *inputs, mw_recipe_step *steps)
{
    size_t input = 0, at = 0;
    for (size_t i = 0; i < d->cells->cells.count; i++) {
        if (!d->needed[i] || d->given[i] == MODEL_ONNX_NOTHING)
            continue;
        d->place[i] = (uint32_t)input;
        inputs[input++] = d->given[i];
    }
    for (size_t i = 0; i < d->cells->cells.count; i++) {
        const model_onnx_cell *cell = model_onnx_cell_at(d->cells, (uint32_t)i);
        if (!d->needed[i])
            continue;
        if (d->given[i] != MODEL_ONNX_NOTHING) {
            if (!is_rounded(d, (uint32_t)i))
                continue;
            steps[at] =
                (mw_recipe_step){.op = MW_RECIPE_CAST, .kind = MW_RECIPE_FLOAT32, .a = d->place[i]};
        } else if (cell->source == MODEL_ONNX_SCORE) {
            d->place[i] = d->place[cell->step.a];
            continue;
        } else {
            write_step(d, (uint32_t)i, &steps[at]);
        }
        d->place[i] = (uint32_t)(d->n_inputs + at++);
    }
}

static const mw_recipe_table *copy_tables(const model_onnx_cells *cells, mw_arena *arena)
{
    size_t n = cells->tables.count, bytes = cells->numbers.count * sizeof(double);
    mw_recipe_table *tables = mw_arena_take_zeroed(arena, n + 1, sizeof *tables);
    double *numbers = mw_arena_take(arena, bytes + sizeof(double));
    if (!tables || !numbers)
        return NULL;
    if (bytes > 0)
        memcpy(numbers, cells->numbers.items, bytes);
    const model_onnx_table *from = cells->tables.items;
    for (size_t i = 0; i < n; i++)
        tables[i] = (mw_recipe_table){.numbers = numbers + from[i].first, .n = from[i].n};
    return tables;
}

static mw_status write_recipe(draft *d, const uint32_t *roots, size_t n_roots, mw_arena *arena,
                              const mw_recipe **ret_recipe, mw_error *err)
{
    need(d, roots, n_roots);
    mw_recipe *recipe = mw_arena_take_zeroed(arena, 1, sizeof *recipe);
    uint32_t *inputs = mw_arena_take_zeroed(arena, d->n_inputs + 1, sizeof *inputs);
    mw_recipe_step *steps = mw_arena_take_zeroed(arena, d->n_steps + 1, sizeof *steps);
    uint32_t *outputs = mw_arena_take_zeroed(arena, n_roots + 1, sizeof *outputs);
    const mw_recipe_table *tables = copy_tables(d->cells, arena);
    if (!recipe || !inputs || !steps || !outputs || !tables)
        return mw_fail_memory(err, "the steps of a graph");
    write_cells(d, inputs, steps);
    for (size_t i = 0; i < n_roots; i++)
        outputs[i] = d->place[roots[i]];
    *recipe = (mw_recipe){.inputs = inputs,
                          .n_inputs = d->n_inputs,
                          .steps = steps,
                          .n_steps = d->n_steps,
                          .outputs = outputs,
                          .n_outputs = n_roots,
                          .tables = tables};
    *ret_recipe = recipe;
    return MW_OK;
}

mw_status model_onnx_recipe(const model_onnx_cells *cells, const uint32_t *roots, size_t n_roots,
                            const uint32_t *given, bool round_features, mw_arena *arena,
                            const mw_recipe **ret_recipe, mw_error *err)
{
    size_t n = cells->cells.count;
    draft d = {.cells = cells, .given = given, .round_features = round_features};
    d.needed = calloc(n + 1, sizeof *d.needed);
    d.place = calloc(n + 1, sizeof *d.place);
    mw_status status = d.needed && d.place
                           ? write_recipe(&d, roots, n_roots, arena, ret_recipe, err)
                           : mw_fail_memory(err, "the steps of a graph");
    free(d.needed);
    free(d.place);
    return status;
}
