/* Recipes: one step after another, each for a register's worth of rows.
 *
 *     step:  op, kind, a, b      ->  for all lanes: cell = round(kind, op(a, b))
 *
 * Sums, products, quotients and roots of floats are computed in double and rounded once more to
 * float: 53 bits are enough for that to be the float operation itself. Powers, exponentials and
 * logarithms are the float functions. */
#include "catboost_ctr.h"

#include <math.h>

#include "base/banned.h"

enum { LANES = MW_RECIPE_LANES };

size_t mw_recipe_bytes(const mw_recipe *recipe)
{
    return (recipe->n_inputs + recipe->n_steps) * LANES * sizeof(double);
}

/* What a cast from NaN to an integer is on every processor that ONNX Runtime knows. */
static double whole(double x)
{
    const double least = -9223372036854775808.0;
    return x >= least && x < -least ? trunc(x) : least;
}

static double rounded(uint8_t kind, double x)
{
    switch ((mw_recipe_kind)kind) {
    case MW_RECIPE_FLOAT32:
        return (double)(float)x;
    case MW_RECIPE_INTEGER:
        return whole(x);
    case MW_RECIPE_BOOL:
        return x != 0;
    case MW_RECIPE_FLOAT64:
        break;
    }
    return x;
}

static double by_kind(const mw_recipe_step *step, double x, float (*narrow)(float),
                      double (*wide)(double))
{
    return step->kind == MW_RECIPE_FLOAT32 ? (double)narrow((float)x) : wide(x);
}

static double power(const mw_recipe_step *step, double x, double y)
{
    return step->kind == MW_RECIPE_FLOAT32 ? (double)powf((float)x, (float)y) : pow(x, y);
}

static double sigmoid(const mw_recipe_step *step, double x)
{
    double small = by_kind(step, -fabs(x), expf, exp);
    double large = rounded(step->kind, 1 / rounded(step->kind, 1 + small));
    return x < 0 ? rounded(step->kind, 1 - large) : large;
}

double mw_recipe_probit(double score)
{
    const float a = 0.147f, pi = 3.14159f, sqrt2 = 1.41421356f;
    float x = 2 * (float)score - 1;
    float side = x < 0 ? -1.0f : 1.0f;
    float log_rest = logf((1 - x) * (1 + x));
    float half = 2 / (pi * a) + 0.5f * log_rest;
    float root = -half + sqrtf(half * half - 1 / a * log_rest);
    return (double)(sqrt2 * (side * sqrtf(root)));
}

static double look_up(const mw_recipe_table *table, double key, double otherwise)
{
    const double *keys = table->numbers;
    size_t low = 0, high = table->n;
    if (isnan(key))
        return table->n > 0 && isnan(keys[table->n - 1]) ? keys[2 * table->n - 1] : otherwise;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->n && keys[low] == key ? keys[table->n + low] : otherwise;
}

static double number_at(const mw_recipe_table *table, double place, double otherwise)
{
    return place >= 0 && place < (double)table->n ? table->numbers[(size_t)place] : otherwise;
}

static double mixed(double hash, double part)
{
    if (isnan(part) || mw_bits_of_double(hash) == CAT_NO_HASH)
        return mw_double_of_bits(CAT_NO_HASH);
    return mw_double_of_bits(cat_mix(mw_bits_of_double(hash), (uint32_t)part));
}

/* Of the few keys that share their highest bits: mostly one or none, whatever the table's size. */
static double place_of(const mw_recipe_table *table, uint64_t bits)
{
    size_t low = table->starts[bits >> table->shift],
           high = table->starts[(bits >> table->shift) + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t key = mw_bits_of_double(table->numbers[middle]);
        if (key == bits)
            return (double)middle;
        if (key < bits)
            low = middle + 1;
        else
            high = middle;
    }
    return (double)NAN;
}

static double two(const mw_recipe_step *step, double x, double y)
{
    switch ((mw_recipe_op)step->op) {
    case MW_RECIPE_ADD:
        return x + y;
    case MW_RECIPE_SUB:
        return x - y;
    case MW_RECIPE_MUL:
        return x * y;
    case MW_RECIPE_DIV:
        return x / y;
    case MW_RECIPE_POW:
        return power(step, x, y);
    case MW_RECIPE_MAX:
        return isnan(x) || x > y ? x : y;
    case MW_RECIPE_MIN:
        return isnan(x) || x < y ? x : y;
    case MW_RECIPE_LESS_EQUAL:
        return x <= y;
    case MW_RECIPE_AND:
        return x != 0 && y != 0;
    default: /* MW_RECIPE_OR */
        return x != 0 || y != 0;
    }
}

static double one(const mw_recipe_step *step, double x)
{
    switch ((mw_recipe_op)step->op) {
    case MW_RECIPE_NOT:
        return x == 0;
    case MW_RECIPE_IS_NAN:
        return isnan(x);
    case MW_RECIPE_NEG:
        return -x;
    case MW_RECIPE_ABS:
        return fabs(x);
    case MW_RECIPE_SQRT:
        return sqrt(x);
    case MW_RECIPE_EXP:
        return by_kind(step, x, expf, exp);
    case MW_RECIPE_LOG:
        return by_kind(step, x, logf, log);
    case MW_RECIPE_FLOOR:
        return floor(x);
    case MW_RECIPE_SIGMOID:
        return sigmoid(step, x);
    case MW_RECIPE_PROBIT:
        return mw_recipe_probit(x);
    case MW_RECIPE_IMPUTE:
        return isnan(x) ? step->number : x;
    default: /* MW_RECIPE_CAST */
        return x;
    }
}

/* What stands in recipes by the hundred has a loop of its own each. False: it is none of these. */
static bool run_often(const mw_recipe_step *step, const mw_recipe_table *table, size_t n_lanes,
                      const double *a, const double *b, double *out)
{
#define EACH_LANE(value)                 \
    for (size_t k = 0; k < n_lanes; k++) \
        out[k] = (value);                \
    return true
    switch ((mw_recipe_op)step->op) {
    case MW_RECIPE_CONSTANT:
        EACH_LANE(step->number);
    case MW_RECIPE_AT:
        EACH_LANE(number_at(table, a[k], step->number));
    case MW_RECIPE_MIX:
        EACH_LANE(mixed(a[k], b[k]));
    case MW_RECIPE_FIND:
        EACH_LANE(place_of(table, mw_bits_of_double(a[k])));
    case MW_RECIPE_LESS:
        EACH_LANE(a[k] < b[k]);
    case MW_RECIPE_EQUAL:
        EACH_LANE(a[k] == b[k]);
    default:
        return false;
    }
#undef EACH_LANE
}

static void run_step(const mw_recipe *recipe, const mw_recipe_step *step, size_t n_lanes,
                     const double *cells, double *out)
{
    bool looks_up = mw_recipe_looks_up(step); /* then b is a table */
    const mw_recipe_table *table = looks_up ? &recipe->tables[step->b] : NULL;
    const double *a = cells + (size_t)step->a * LANES;
    const double *b = cells + (size_t)(looks_up ? 0 : step->b) * LANES;
    const double *c = cells + (size_t)step->c * LANES;
    if (run_often(step, table, n_lanes, a, b, out))
        return;
    for (size_t k = 0; k < n_lanes; k++) {
        switch ((mw_recipe_op)step->op) {
        case MW_RECIPE_WHERE:
            out[k] = a[k] != 0 ? b[k] : c[k];
            break;
        case MW_RECIPE_LOOKUP:
            out[k] = look_up(table, a[k], step->number);
            break;
        case MW_RECIPE_ADD: /* the commonest ones without a call */
            out[k] = rounded(step->kind, a[k] + b[k]);
            break;
        case MW_RECIPE_SUB:
            out[k] = rounded(step->kind, a[k] - b[k]);
            break;
        case MW_RECIPE_MUL:
            out[k] = rounded(step->kind, a[k] * b[k]);
            break;
        case MW_RECIPE_DIV:
        case MW_RECIPE_POW:
        case MW_RECIPE_MAX:
        case MW_RECIPE_MIN:
        case MW_RECIPE_LESS_EQUAL:
        case MW_RECIPE_AND:
        case MW_RECIPE_OR:
            out[k] = rounded(step->kind, two(step, a[k], b[k]));
            break;
        default:
            out[k] = rounded(step->kind, one(step, a[k]));
            break;
        }
    }
}

void mw_recipe_run(const mw_recipe *recipe, size_t n_lanes, double *cells)
{
    double *out = cells + recipe->n_inputs * LANES;
    for (size_t i = 0; i < recipe->n_steps; i++, out += LANES)
        run_step(recipe, &recipe->steps[i], n_lanes, cells, out);
}
