/* KLL: quantiles of a stream of any length in a few hundred values.
 *
 *     level 2   [....]        each value stands for 4
 *     level 1   [......]      for 2
 *     level 0   [........]    for itself: values arrive here
 *
 * A level that is full is sorted, every other value moves one level up, from the first or the
 * second on by the toss of a coin. The top level holds k, each below two thirds of the one above
 * it, 16 at least: smaller ones are compacted so often that it costs more than it saves.
 *
 * Source: Karnin, Lang, Liberty, Optimal Quantile Approximation in Streams (2016). Not done here:
 * the sampler below level 0, which matters beyond some 2^40 values. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { LEVELS_MAX = 48, LEAST = 16, K_MIN = 8, K_MAX = 65535 };

struct mw_kll {
    unsigned k;
    size_t n_levels;
    uint64_t n, random;
    double *values[LEVELS_MAX];
    size_t held[LEVELS_MAX], room[LEVELS_MAX];
};

static size_t capacity_of(const mw_kll *sketch, size_t level)
{
    double capacity = sketch->k;
    for (size_t above = sketch->n_levels - 1; above > level; above--)
        capacity *= 2.0 / 3;
    return capacity < LEAST ? LEAST : (size_t)ceil(capacity);
}

mw_status mw_kll_new(unsigned k, uint64_t seed, mw_kll **ret_sketch, mw_error *err)
{
    if (k < K_MIN || k > K_MAX) {
        mw_fail(err, MW_E_DETECTOR_OPTION, "k of %u is outside %d..%d", k, K_MIN, K_MAX);
        return mw_mend(err, "200 is usual: a rank is then off by 1.33 %% at most, nearly always");
    }
    mw_kll *sketch = calloc(1, sizeof *sketch);
    if (!sketch)
        return mw_fail_memory(err, "a sketch");
    *sketch = (mw_kll){.k = k, .n_levels = 1, .random = seed};
    *ret_sketch = sketch;
    return MW_OK;
}

void mw_kll_free(mw_kll *sketch)
{
    if (!sketch)
        return;
    for (size_t level = 0; level < sketch->n_levels; level++)
        free(sketch->values[level]);
    free(sketch);
}

static bool make_room(mw_kll *sketch, size_t level, size_t wanted)
{
    if (wanted <= sketch->room[level])
        return true;
    size_t room = wanted + wanted / 2;
    double *values = realloc(sketch->values[level], room * sizeof *values);
    if (!values)
        return false;
    sketch->values[level] = values;
    sketch->room[level] = room;
    return true;
}

/* SplitMix64. */
static bool toss(mw_kll *sketch)
{
    uint64_t z = sketch->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return (z ^ z >> 27) >> 63;
}

static void insert(double *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

static bool compact(mw_kll *sketch, size_t level)
{
    size_t held = sketch->held[level], pairs = held / 2;
    double *values = sketch->values[level];
    if (level + 1 == sketch->n_levels && sketch->n_levels < LEVELS_MAX)
        sketch->n_levels++;
    if (!make_room(sketch, level + 1, sketch->held[level + 1] + pairs))
        return false;
    insert(values, held);
    double *up = sketch->values[level + 1] + sketch->held[level + 1];
    size_t odd = held % 2, from = odd + toss(sketch); /* the least stays when they are not pairs */
    for (size_t i = 0; i < pairs; i++)
        up[i] = values[from + 2 * i];
    sketch->held[level + 1] += pairs;
    sketch->held[level] = odd;
    return true;
}

/* Levels that are full, from below; one that overflows may fill the next. */
static bool compress(mw_kll *sketch)
{
    for (size_t level = 0; level < sketch->n_levels && level + 1 < LEVELS_MAX; level++)
        if (sketch->held[level] >= capacity_of(sketch, level) && !compact(sketch, level))
            return false;
    return true;
}

mw_status mw_kll_add(mw_kll *sketch, const double *values, size_t n, mw_error *err)
{
    for (size_t i = 0; i < n;) {
        size_t capacity = capacity_of(sketch, 0), held = sketch->held[0];
        if (!make_room(sketch, 0, capacity))
            return mw_fail_memory(err, "a sketch");
        double *level = sketch->values[0];
        size_t before = held;
        for (; i < n && held < capacity; i++) {
            level[held] = values[i];
            held += !isnan(values[i]);
        }
        sketch->held[0] = held;
        sketch->n += held - before;
        if (held >= capacity && !compress(sketch))
            return mw_fail_memory(err, "a sketch");
    }
    return MW_OK;
}

mw_status mw_kll_merge(mw_kll *into, const mw_kll *from, mw_error *err)
{
    for (size_t level = 0; level < from->n_levels; level++) {
        if (!make_room(into, level, into->held[level] + from->held[level]))
            return mw_fail_memory(err, "a sketch");
        if (from->held[level] > 0)
            memcpy(into->values[level] + into->held[level], from->values[level],
                   from->held[level] * sizeof(double));
        into->held[level] += from->held[level];
        into->n_levels = into->n_levels > level + 1 ? into->n_levels : level + 1;
    }
    into->n += from->n;
    return compress(into) ? MW_OK : mw_fail_memory(err, "a sketch");
}

uint64_t mw_kll_count(const mw_kll *sketch)
{
    return sketch->n;
}

size_t mw_kll_held(const mw_kll *sketch)
{
    size_t held = 0;
    for (size_t level = 0; level < sketch->n_levels; level++)
        held += sketch->held[level];
    return held;
}

double mw_kll_rank(const mw_kll *sketch, double x)
{
    double below = 0, all = 0;
    for (size_t level = 0; level < sketch->n_levels; level++)
        for (size_t i = 0; i < sketch->held[level]; i++) {
            double weight = (double)(UINT64_C(1) << level);
            all += weight;
            below += sketch->values[level][i] <= x ? weight : 0;
        }
    return all > 0 ? below / all : (double)NAN;
}

typedef struct weighted {
    double value, weight;
} weighted;

static int ascending(const void *a, const void *b)
{
    double x = ((const weighted *)a)->value, y = ((const weighted *)b)->value;
    return (x > y) - (x < y);
}

static size_t list_values(const mw_kll *sketch, double times, weighted *list)
{
    size_t n = 0;
    for (size_t level = 0; level < sketch->n_levels; level++)
        for (size_t i = 0; i < sketch->held[level]; i++)
            list[n++] =
                (weighted){sketch->values[level][i], times * (double)(UINT64_C(1) << level)};
    return n;
}

mw_status mw_kll_quantiles_of(const mw_kll *const *sketches, const double *weights,
                              size_t n_sketches, const double *q, size_t n, double *ret_values,
                              mw_error *err)
{
    size_t held = 0, room = 1;
    double all = 0, below = 0;
    for (size_t i = 0; i < n_sketches; i++)
        room += mw_kll_held(sketches[i]);
    weighted *list = malloc(room * sizeof *list);
    if (!list)
        return mw_fail_memory(err, "a sketch in order");
    for (size_t i = 0; i < n_sketches; i++)
        held += list_values(sketches[i], weights[i], list + held);
    for (size_t i = 0; i < held; i++)
        all += list[i].weight;
    qsort(list, held, sizeof *list, ascending);
    size_t at = 0;
    for (size_t k = 0; k < n; k++) {
        while (at + 1 < held && below + list[at].weight < q[k] * all)
            below += list[at++].weight;
        ret_values[k] = held > 0 ? list[at].value : (double)NAN;
    }
    free(list);
    return MW_OK;
}

mw_status mw_kll_quantiles(const mw_kll *sketch, const double *q, size_t n, double *ret_values,
                           mw_error *err)
{
    return mw_kll_quantiles_of(&sketch, &(double){1}, 1, q, n, ret_values, err);
}

/* ---- kept ------------------------------------------------------------------------------------ */

void mw_kll_pack(const mw_kll *sketch, mw_buf *out)
{
    const uint64_t wholes[] = {sketch->k, sketch->n_levels, sketch->n, sketch->random};
    for (size_t i = 0; i < MW_COUNT(wholes); i++)
        mw_pack_whole(out, wholes[i]);
    for (size_t level = 0; level < sketch->n_levels; level++) {
        mw_pack_whole(out, sketch->held[level]);
        mw_pack_numbers(out, sketch->values[level], sketch->held[level]);
    }
}

/* Every value stands for 2^level of the stream: together for all of it. */
static bool unpack_level(mw_unpack *in, mw_kll *sketch, size_t level, uint64_t *stood_for)
{
    size_t held = mw_unpack_count(in, sketch->k + LEAST, sizeof(double));
    if (in->failed || held > UINT64_MAX / 4 >> level || !make_room(sketch, level, held))
        return false;
    mw_unpack_numbers(in, sketch->values[level], held);
    for (size_t i = 0; i < held; i++)
        if (isnan(sketch->values[level][i]))
            return false;
    sketch->held[level] = held;
    *stood_for += (uint64_t)held << level;
    return !in->failed && *stood_for <= sketch->n;
}

mw_kll *mw_kll_unpack(mw_unpack *in)
{
    mw_error none;
    mw_kll *sketch = NULL;
    uint64_t stood_for = 0;
    unsigned k = (unsigned)mw_unpack_at_most(in, K_MAX);
    size_t n_levels = (size_t)mw_unpack_at_most(in, LEVELS_MAX);
    if (in->failed || n_levels == 0 || mw_kll_new(k, 0, &sketch, &none) != MW_OK)
        return NULL;
    sketch->n_levels = n_levels;
    sketch->n = mw_unpack_at_most(in, UINT64_MAX / 4);
    sketch->random = mw_unpack_whole(in);
    bool done = !in->failed;
    for (size_t level = 0; done && level < n_levels; level++)
        done = unpack_level(in, sketch, level, &stood_for);
    if (done && stood_for == sketch->n)
        return sketch;
    mw_kll_free(sketch);
    return NULL;
}
