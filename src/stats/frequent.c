/* How many different values a stream has, and which are the commonest.
 *
 *     distinct   HyperLogLog: the longest run of zeros of a hash, by register; Ertl's estimator,
 *                which needs no table of biases
 *     heavy      Space-Saving: the rarest of 256 counters is given to a value that has none
 *
 * Sources: Flajolet et al. (2007); Ertl, New cardinality estimation algorithms for HyperLogLog
 * sketches (2017), algorithm 6; Metwally, Agrawal, El Abbadi (2005). */
#include "chance.h"
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { REGISTER_BITS = 12, RUN_BITS = 64 - REGISTER_BITS };

/* Equal values give equal hashes, -0 is 0. */
static uint64_t hash_of(double value)
{
    uint64_t bits;
    value += 0.0;
    memcpy(&bits, &value, sizeof bits);
    return stats_draw(&bits);
}

/* ---- distinct -------------------------------------------------------------------------------- */

void mw_distinct_init(mw_distinct *sketch)
{
    *sketch = (mw_distinct){{0}};
}

void mw_distinct_add(mw_distinct *sketch, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i]))
            continue;
        uint64_t hash = hash_of(values[i]), rest = hash << REGISTER_BITS;
        uint8_t run = (uint8_t)(rest ? __builtin_clzll(rest) + 1 : RUN_BITS + 1);
        uint8_t *place = &sketch->registers[hash >> RUN_BITS];
        *place = run > *place ? run : *place;
    }
}

void mw_distinct_merge(mw_distinct *into, const mw_distinct *from)
{
    for (size_t i = 0; i < MW_DISTINCT_REGISTERS; i++)
        if (from->registers[i] > into->registers[i])
            into->registers[i] = from->registers[i];
}

static double sigma(double x)
{
    double y = 1, z = x, last;
    if (x == 1)
        return (double)INFINITY;
    do {
        x *= x;
        last = z;
        z += x * y;
        y += y;
    } while (z != last);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, last;
    if (x == 0 || x == 1)
        return 0;
    do {
        x = sqrt(x);
        last = z;
        y /= 2;
        z -= (1 - x) * (1 - x) * y;
    } while (z != last);
    return z / 3;
}

double mw_distinct_count(const mw_distinct *sketch)
{
    double counts[RUN_BITS + 2] = {0}, m = MW_DISTINCT_REGISTERS;
    for (size_t i = 0; i < MW_DISTINCT_REGISTERS; i++)
        counts[sketch->registers[i]]++;
    double z = m * tau(1 - counts[RUN_BITS + 1] / m);
    for (size_t run = RUN_BITS; run >= 1; run--)
        z = (z + counts[run]) / 2;
    z += m * sigma(counts[0] / m);
    return m * m / (2 * 0.69314718055994530942 * z);
}

/* ---- heavy ----------------------------------------------------------------------------------- */

void mw_heavy_init(mw_heavy *sketch)
{
    *sketch = (mw_heavy){.n = 0};
}

static size_t slot_of(const mw_heavy *sketch, double value)
{
    size_t slot = hash_of(value) % MW_HEAVY_SLOTS;
    while (sketch->slots[slot] && sketch->counters[sketch->slots[slot] - 1].value != value)
        slot = (slot + 1) % MW_HEAVY_SLOTS;
    return slot;
}

/* Close the gap behind a slot that was emptied. */
static void empty_slot(mw_heavy *sketch, size_t slot)
{
    sketch->slots[slot] = 0;
    for (size_t next = (slot + 1) % MW_HEAVY_SLOTS; sketch->slots[next];
         next = (next + 1) % MW_HEAVY_SLOTS) {
        uint16_t moved = sketch->slots[next];
        sketch->slots[next] = 0;
        sketch->slots[slot_of(sketch, sketch->counters[moved - 1].value)] = moved;
    }
}

static size_t rarest(const mw_heavy *sketch)
{
    size_t least = 0;
    for (size_t i = 1; i < sketch->n_counters; i++)
        if (sketch->counters[i].count < sketch->counters[least].count)
            least = i;
    return least;
}

static void add_weight(mw_heavy *sketch, double value, uint64_t count, uint64_t excess)
{
    size_t slot = slot_of(sketch, value);
    if (sketch->slots[slot]) {
        mw_heavy_counter *counter = &sketch->counters[sketch->slots[slot] - 1];
        counter->count += count;
        counter->excess += excess;
        return;
    }
    size_t at = sketch->n_counters;
    uint64_t taken = 0;
    if (at == MW_HEAVY_COUNTERS) {
        at = rarest(sketch);
        taken = sketch->counters[at].count;
        empty_slot(sketch, slot_of(sketch, sketch->counters[at].value));
        slot = slot_of(sketch, value);
    } else
        sketch->n_counters++;
    sketch->counters[at] = (mw_heavy_counter){value, taken + count, taken + excess};
    sketch->slots[slot] = (uint16_t)(at + 1);
}

void mw_heavy_add(mw_heavy *sketch, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) {
            add_weight(sketch, values[i] + 0.0, 1, 0);
            sketch->n++;
        }
}

static int commonest(const void *a, const void *b)
{
    const mw_heavy_counter *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

size_t mw_heavy_list(const mw_heavy *sketch, mw_heavy_counter *ret_counters)
{
    memcpy(ret_counters, sketch->counters, sketch->n_counters * sizeof *ret_counters);
    qsort(ret_counters, sketch->n_counters, sizeof *ret_counters, commonest);
    return sketch->n_counters;
}

/* A full sketch may have forgotten values as often as its rarest counter: that many are added to
 * what it does not hold. */
static uint64_t unseen(const mw_heavy *sketch)
{
    return sketch->n_counters < MW_HEAVY_COUNTERS ? 0 : sketch->counters[rarest(sketch)].count;
}

static size_t gather(const mw_heavy *of, const mw_heavy *other, bool both, mw_heavy_counter *ret)
{
    size_t n = 0;
    uint64_t missed = unseen(other);
    for (size_t i = 0; i < of->n_counters; i++) {
        mw_heavy_counter counter = of->counters[i];
        uint16_t place = other->slots[slot_of(other, counter.value)];
        if (place && !both)
            continue;
        counter.count += place ? other->counters[place - 1].count : missed;
        counter.excess += place ? other->counters[place - 1].excess : missed;
        ret[n++] = counter;
    }
    return n;
}

/* What is sure of a count stays sure. */
void mw_heavy_weigh(mw_heavy *sketch, double weight)
{
    for (size_t i = 0; i < sketch->n_counters; i++) {
        mw_heavy_counter *one = &sketch->counters[i];
        double sure = floor((double)(one->count - one->excess) * weight);
        one->count = (uint64_t)ceil((double)one->count * weight);
        one->excess = one->count - (uint64_t)sure;
    }
    sketch->n = (uint64_t)round((double)sketch->n * weight);
}

void mw_heavy_merge(mw_heavy *into, const mw_heavy *from)
{
    mw_heavy_counter all[2 * MW_HEAVY_COUNTERS];
    uint64_t rows = into->n + from->n;
    size_t n = gather(into, from, true, all);
    n += gather(from, into, false, all + n);
    qsort(all, n, sizeof *all, commonest);
    mw_heavy_init(into);
    for (size_t i = 0; i < n && i < MW_HEAVY_COUNTERS; i++)
        add_weight(into, all[i].value, all[i].count, all[i].excess);
    into->n = rows;
}

/* ---- kept ------------------------------------------------------------------------------------ */

enum { SPARSE, DENSE };

/* Of few values most registers are 0. */
void mw_distinct_pack(const mw_distinct *sketch, mw_buf *out)
{
    size_t held = 0, last = 0;
    for (size_t i = 0; i < MW_DISTINCT_REGISTERS; i++)
        held += sketch->registers[i] > 0;
    bool is_sparse = held < MW_DISTINCT_REGISTERS / 3;
    mw_buf_char(out, is_sparse ? SPARSE : DENSE);
    if (!is_sparse) {
        mw_buf_bytes(out, sketch->registers, sizeof sketch->registers);
        return;
    }
    mw_pack_whole(out, held);
    for (size_t i = 0; i < MW_DISTINCT_REGISTERS; i++)
        if (sketch->registers[i] > 0) {
            mw_pack_whole(out, i - last);
            mw_buf_char(out, (char)sketch->registers[i]);
            last = i;
        }
}

static void unpack_sparse(mw_unpack *in, mw_distinct *sketch)
{
    size_t held = mw_unpack_count(in, MW_DISTINCT_REGISTERS, 2), at = 0;
    for (size_t i = 0; i < held && !in->failed; i++) {
        at += (size_t)mw_unpack_at_most(in, MW_DISTINCT_REGISTERS - 1 - at);
        sketch->registers[at] = (uint8_t)mw_unpack_at_most(in, RUN_BITS + 1);
    }
}

bool mw_distinct_unpack(mw_unpack *in, mw_distinct *ret_sketch)
{
    mw_distinct sketch = {{0}};
    uint64_t how = mw_unpack_at_most(in, DENSE);
    const void *bytes = how == DENSE ? mw_unpack_bytes(in, sizeof sketch.registers) : NULL;
    if (bytes)
        memcpy(sketch.registers, bytes, sizeof sketch.registers);
    else
        unpack_sparse(in, &sketch);
    for (size_t i = 0; i < MW_DISTINCT_REGISTERS; i++)
        if (sketch.registers[i] > RUN_BITS + 1)
            return false;
    if (!in->failed)
        *ret_sketch = sketch;
    return !in->failed;
}

void mw_heavy_pack(const mw_heavy *sketch, mw_buf *out)
{
    mw_pack_whole(out, sketch->n);
    mw_pack_whole(out, sketch->n_counters);
    for (size_t i = 0; i < sketch->n_counters; i++) {
        mw_pack_number(out, sketch->counters[i].value);
        mw_pack_whole(out, sketch->counters[i].count);
        mw_pack_whole(out, sketch->counters[i].excess);
    }
}

bool mw_heavy_unpack(mw_unpack *in, mw_heavy *ret_sketch)
{
    const uint64_t most = UINT64_MAX / 4;
    uint64_t n = mw_unpack_at_most(in, most);
    size_t n_counters = mw_unpack_count(in, MW_HEAVY_COUNTERS, sizeof(double) + 2);
    mw_heavy_init(ret_sketch);
    for (size_t i = 0; i < n_counters && !in->failed; i++) {
        double value = mw_unpack_number(in);
        uint64_t count = mw_unpack_at_most(in, most), excess = mw_unpack_at_most(in, count);
        if (isnan(value) || count == 0 || ret_sketch->slots[slot_of(ret_sketch, value)])
            return false;
        add_weight(ret_sketch, value, count, excess);
    }
    ret_sketch->n = n;
    return !in->failed;
}
