/* KLL: quantiles of a stream of any length in a few hundred values.
 *
 *     level 2   [....]        each value stands for 4; in order
 *     level 1   [......]      for 2; in order
 *     level 0   [........]    for itself: values arrive here, and what room the others leave is its
 *
 * The top level may hold k, each below two thirds of the one above it, LEAST at least. Only when
 * all of them together are full is one compacted, the lowest that holds as many as it may: every
 * other of its values moves one level up, from the first or the second on by the toss of a coin. To
 * wait until then, in place of compacting each level when it is full, takes no more memory and
 * halves what a rank is off by, as each coin is tossed over more values.
 *
 * Source: Karnin, Lang, Liberty, Optimal Quantile Approximation in Streams (2016); waiting: Ivkin,
 * Liberty, Lang, Karnin, Braverman, Streaming Quantiles Algorithms with Small Space and Update Time
 * (2019). Not done here: the sampler below level 0, which matters beyond some 2^40 values. */
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "insertion.h"

#include "base/banned.h"

enum { LEVELS_MAX = 48, LEAST = 8, K_MIN = 8, K_MAX = 65535, RUN = 24 };

struct mw_kll {
    unsigned k;
    size_t n_levels;
    uint64_t n, random;
    size_t all_held, all_room; /* of all levels: values, and how many may be */
    double *values[LEVELS_MAX];
    size_t held[LEVELS_MAX], capacity[LEVELS_MAX], room[LEVELS_MAX];
};

static void set_levels(mw_kll *sketch, size_t n_levels)
{
    double capacity = sketch->k;
    sketch->n_levels = n_levels;
    sketch->all_room = 0;
    for (size_t level = n_levels; level-- > 0; capacity *= 2.0 / 3) {
        sketch->capacity[level] = capacity < LEAST ? LEAST : (size_t)ceil(capacity);
        sketch->all_room += sketch->capacity[level];
    }
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
    *sketch = (mw_kll){.k = k, .random = seed};
    set_levels(sketch, 1);
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
    size_t room = wanted + wanted / 4;
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

/* ---- order ----------------------------------------------------------------------------------- */

STATS_INSERTION(insert, double)

/* Two that are in order, as one; without a branch on which is the less. */
static void join(const double *a, size_t n_a, const double *b, size_t n_b, double *out)
{
    size_t i = 0, j = 0;
    while (i < n_a && j < n_b) {
        bool second = b[j] < a[i];
        *out++ = second ? b[j] : a[i];
        j += second;
        i += !second;
    }
    memcpy(out, a + i, (n_a - i) * sizeof *out);
    memcpy(out + (n_a - i), b + j, (n_b - j) * sizeof *out);
}

/* By merging runs; `other` has room for as many. Level 0 has some hundred values. */
static void put_in_order(double *values, size_t n, double *other)
{
    double *from = values, *to = other;
    for (size_t i = 0; i < n; i += RUN)
        (void)insert(values + i, n - i < RUN ? n - i : RUN, SIZE_MAX);
    for (size_t run = RUN; run < n; run *= 2) {
        for (size_t i = 0; i < n; i += 2 * run) {
            size_t left = n - i < run ? n - i : run;
            size_t right = n - i - left < run ? n - i - left : run;
            join(from + i, left, from + i + left, right, to + i);
        }
        double *swap = from;
        from = to;
        to = swap;
    }
    if (from != values)
        memcpy(values, from, n * sizeof *values);
}

/* Values in order come to others in order; from behind, so that none is in the way. */
static void join_into(double *values, size_t n, const double *more, size_t n_more)
{
    for (size_t at = n + n_more; n_more > 0; at--) {
        bool mine = n > 0 && values[n - 1] > more[n_more - 1];
        values[at - 1] = mine ? values[n - 1] : more[n_more - 1];
        n -= mine;
        n_more -= !mine;
    }
}

/* ---- compacting ------------------------------------------------------------------------------ */

static bool compact(mw_kll *sketch, size_t level)
{
    size_t held = sketch->held[level], pairs = held / 2, odd = held % 2;
    if (level + 1 == sketch->n_levels)
        set_levels(sketch, sketch->n_levels + 1);
    size_t above = sketch->held[level + 1];
    if (!make_room(sketch, level + 1, above + pairs) ||
        (level == 0 && !make_room(sketch, 0, 2 * held)))
        return false;
    double *values = sketch->values[level];
    if (level == 0)
        put_in_order(values, held, values + held);
    size_t from = odd + toss(sketch); /* the least stays when they are not pairs */
    for (size_t i = 0; i < pairs; i++)
        values[odd + i] = values[from + 2 * i];
    join_into(sketch->values[level + 1], above, values + odd, pairs);
    sketch->held[level + 1] += pairs;
    sketch->held[level] = odd;
    sketch->all_held -= pairs;
    return true;
}

/* Until there is room for one more. */
static bool compress(mw_kll *sketch)
{
    while (sketch->all_held >= sketch->all_room) {
        size_t level = 0; /* together they are full: one of them is */
        while (sketch->held[level] < sketch->capacity[level])
            level++;
        if (level + 1 == LEVELS_MAX || !compact(sketch, level))
            return level + 1 == LEVELS_MAX;
    }
    return true;
}

/* How many more level 0 may take before something is compacted. */
static size_t room_left(const mw_kll *sketch)
{
    return sketch->all_held < sketch->all_room ? sketch->all_room - sketch->all_held : 1;
}

mw_status mw_kll_add(mw_kll *sketch, const double *values, size_t n, mw_error *err)
{
    for (size_t i = 0; i < n;) {
        size_t before = sketch->held[0], held = before;
        size_t full = before + room_left(sketch);
        if (!make_room(sketch, 0, full))
            return mw_fail_memory(err, "a sketch");
        double *level = sketch->values[0];
        for (; i < n && held < full; i++) {
            level[held] = values[i];
            held += !isnan(values[i]);
        }
        sketch->held[0] = held;
        sketch->all_held += held - before;
        sketch->n += held - before;
        if (!compress(sketch))
            return mw_fail_memory(err, "a sketch");
    }
    return MW_OK;
}

mw_status mw_kll_merge(mw_kll *into, const mw_kll *from, mw_error *err)
{
    if (from->n_levels > into->n_levels)
        set_levels(into, from->n_levels);
    for (size_t level = 0; level < from->n_levels; level++) {
        size_t held = into->held[level], more = from->held[level];
        if (!make_room(into, level, held + more))
            return mw_fail_memory(err, "a sketch");
        if (level > 0)
            join_into(into->values[level], held, from->values[level], more);
        else if (more > 0)
            memcpy(into->values[0] + held, from->values[0], more * sizeof(double));
        into->held[level] += more;
        into->all_held += more;
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
    return sketch->all_held;
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

/* What a level may hold in a file: all that any number of levels hold together, and what files had
 * in which each was compacted for itself. */
static size_t held_max(const mw_kll *sketch)
{
    return 3 * (size_t)sketch->k + 2 * LEVELS_MAX * LEAST;
}

/* Those files had levels out of order, too. Every value stands for 2^level of the stream: together
 * for all of it. */
static bool unpack_level(mw_unpack *in, mw_kll *sketch, size_t level, uint64_t *stood_for)
{
    size_t held = mw_unpack_count(in, held_max(sketch), sizeof(double));
    if (in->failed || held > UINT64_MAX / 4 >> level || !make_room(sketch, level, 2 * held))
        return false;
    double *values = sketch->values[level];
    mw_unpack_numbers(in, values, held);
    for (size_t i = 0; i < held; i++)
        if (isnan(values[i]))
            return false;
    if (level > 0)
        put_in_order(values, held, values + held);
    sketch->held[level] = held;
    sketch->all_held += held;
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
    set_levels(sketch, n_levels);
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
