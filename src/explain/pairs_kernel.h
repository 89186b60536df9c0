/* The walk of interactions, written once for each processor. The includer defines
 *
 *   LANES     rows in a register: 4, 8 or 16
 *   TARGET    attribute of every function: what the processor must have
 *   EXPLAIN   name of the function that it gets
 *
 * Vectors are the compiler's, and every row's operations happen in the same order everywhere: no
 * processor gives other bits than another.
 *
 * Legend: n = points, q = a point, c = constants (they are eaten in order), m = mask of lanes that
 * go left, o = mask of lanes that are still on the path of a feature, h = products on the way down,
 * T = terms of the edges on the path, D = what the edge added to T, U = see pairs_program.h, g =
 * sums on the way up. */
#include "pairs_program.h"

#include "base/banned.h"

#define INLINE TARGET static inline __attribute__((always_inline))
#define EACH_POINT _Pragma("GCC unroll 8") for (size_t q = 0; q < n; q++)

typedef float reals __attribute__((vector_size(LANES * 4)));
typedef int32_t masks __attribute__((vector_size(LANES * 4)));

enum { ROWS = PAIRS_UNITS * LANES };
#define EACH_UNIT _Pragma("GCC unroll 2") for (size_t u = 0; u < PAIRS_UNITS; u++)

typedef struct wide_reals {
    reals unit[PAIRS_UNITS];
} wide_reals;
typedef struct wide_masks {
    masks unit[PAIRS_UNITS];
} wide_masks;

typedef struct walk {
    const mw_forest *forest;
    const double *columns; /* of these rows */
    wide_reals *slots, *h, *T, *D, *U, *g;
    wide_masks *left, *above, *on; /* of each level: m; o above the node; o below its edge */
} walk;

/* Two words choose: see pairs_program.h. */
#define CHOICE(m, c) ((reals)(((m) & (c)[1]) ^ (c)[0]))
#define NUMBER(c) ((reals)((masks){0} ^ (c)[0]))
/* a where o is set, else b. */
#define MIX(o, a, b) ((reals)(((masks)(a) & (o)) | ((masks)(b) & ~(o))))
#define KEEP(a, o) ((reals)((masks)(a) & (o)))

/* ---- decisions ------------------------------------------------------------------------------- */

/* Four rows of an ordinary node: NaN is missing, or stands for 0. */
typedef double four_reals __attribute__((vector_size(32)));
typedef int64_t four_longs __attribute__((vector_size(32)));
typedef int32_t four_masks __attribute__((vector_size(16)));

INLINE void go_left(const walk *w, size_t node, wide_masks *ret_m)
{
    const mw_forest *forest = w->forest;
    const double *x = w->columns + forest->feature[node] * (size_t)PAIRS_BLOCK_ROWS;
    const uint8_t flags = forest->flags[node], missing = flags & MW_NODE_MISSING_MASK;
    int32_t *to = (int32_t *)ret_m;
    if (flags & (MW_NODE_CATEGORICAL | MW_NODE_EQUAL) || missing == MW_NODE_MISSING_ZERO) {
        for (size_t row = 0; row < ROWS; row++)
            to[row] = -(int32_t)predict_goes_left(forest, node, x[row]);
        return;
    }
    const four_reals threshold = (four_reals){0} + forest->threshold[node];
    const int64_t lost = missing == MW_NODE_MISSING_NAN ? 0 : -1;
    const int64_t by_default = !lost && flags & MW_NODE_DEFAULT_LEFT ? -1 : 0;
    for (size_t row = 0; row < ROWS; row += 4) {
        four_reals v = *(const four_reals *)(x + row);
        four_longs is_nan = v != v;
        v = (four_reals)((four_longs)v & ~(is_nan & lost));
        four_longs m = flags & MW_NODE_LESS_EQUAL ? v <= threshold : v < threshold;
        m |= is_nan & by_default;
        *(four_masks *)(to + row) = __builtin_convertvector(m, four_masks);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Register by register: a copy of the whole is done in smaller pieces, and the next load waits. */
INLINE void copy(wide_masks *to, const wide_masks *from)
{
    EACH_UNIT to->unit[u] = from->unit[u];
}

INLINE const int32_t *leaf(const walk *w, const pairs_step *step, size_t n, const int32_t *c)
{
    EACH_POINT EACH_UNIT w->g[step->result * n + q].unit[u] =
        w->h[step->level * n + q].unit[u] * NUMBER(c);
    return c + 1;
}

/* Down an edge that is taken where e is set; constants choose by m. */
INLINE const int32_t *descend(const walk *w, const pairs_step *step, size_t n, const int32_t *c,
                              const wide_masks *m, const wide_masks *e)
{
    const size_t at = step->level * n;
    if (!step->older) {
        copy(&w->on[step->level], e);
        EACH_POINT
        {
            EACH_UNIT w->h[at + n + q].unit[u] = w->h[at + q].unit[u] * CHOICE(m->unit[u], c);
            EACH_UNIT w->T[at + q].unit[u] = CHOICE(m->unit[u], c + 2);
            c += 4;
        }
        return c;
    }
    const wide_masks *o = &w->above[step->level];
    const wide_reals *older = w->T + (step->older - 1) * n;
    const int32_t *share = c++;
    EACH_UNIT w->on[step->level].unit[u] = o->unit[u] & e->unit[u];
    EACH_POINT
    {
        EACH_UNIT w->h[at + n + q].unit[u] =
            w->h[at + q].unit[u] * MIX(o->unit[u], CHOICE(m->unit[u], c), NUMBER(share));
        EACH_UNIT w->T[at + q].unit[u] =
            MIX(o->unit[u], CHOICE(m->unit[u], c + 2), older[q].unit[u]);
        EACH_UNIT w->D[at + q].unit[u] = KEEP(CHOICE(m->unit[u], c + 4), o->unit[u]);
        c += 6;
    }
    return c;
}

INLINE const int32_t *split(const walk *w, const pairs_step *step, size_t n, const int32_t *c)
{
    wide_masks m;
    go_left(w, step->node, &m);
    copy(&w->left[step->level], &m);
    if (step->older)
        copy(&w->above[step->level], &w->on[step->older - 1]);
    return descend(w, step, n, c, &m, &m);
}

INLINE const int32_t *turn(const walk *w, const pairs_step *step, size_t n, const int32_t *c)
{
    const size_t at = step->level * n;
    const wide_reals *term = (step->older ? w->D : w->T) + at, *below = w->g + 2 * (at + n);
    wide_masks m, e;
    copy(&m, &w->left[step->level]);
    EACH_UNIT e.unit[u] = ~m.unit[u];
    EACH_POINT EACH_UNIT w->U[at + q].unit[u] = below[q].unit[u] * term[q].unit[u];
    return descend(w, step, n, c, &m, &e);
}

/* U onto the contribution and the interactions. */
INLINE const pairs_partner *add(const walk *w, const pairs_step *step, size_t n,
                                const wide_reals *U, const pairs_partner *partners)
{
    wide_reals phi;
    EACH_UNIT phi.unit[u] = U[0].unit[u];
    for (size_t q = 1; q < n; q++)
        EACH_UNIT phi.unit[u] += U[q].unit[u];
    EACH_UNIT w->slots[step->slot].unit[u] += phi.unit[u];
    const pairs_partner *end = partners + step->n_partners;
    for (; partners < end; partners++) {
        const wide_reals *T = w->T + partners->level * n;
        wide_reals both;
        EACH_UNIT both.unit[u] = U[0].unit[u] * T[0].unit[u];
        _Pragma("GCC unroll 8") for (size_t q = 1; q < n; q++) EACH_UNIT both.unit[u] +=
            U[q].unit[u] * T[q].unit[u];
        EACH_UNIT w->slots[partners->slot].unit[u] += both.unit[u];
    }
    return end;
}

INLINE const int32_t *join(const walk *w, const pairs_step *step, size_t n, const int32_t *c,
                           wide_reals *U)
{
    const size_t at = step->level * n;
    const wide_reals *term = (step->older ? w->D : w->T) + at;
    const wide_reals *left = w->g + 2 * (at + n), *right = left + n;
    EACH_POINT
    {
        EACH_UNIT U[q].unit[u] =
            (w->U[at + q].unit[u] + right[q].unit[u] * term[q].unit[u]) * NUMBER(c);
        EACH_UNIT w->g[step->result * n + q].unit[u] = left[q].unit[u] + right[q].unit[u];
        c++;
    }
    return c;
}

INLINE const int32_t *twins(const walk *w, const pairs_step *step, size_t n, const int32_t *c,
                            wide_reals *U)
{
    const wide_reals *h = w->h + step->level * n;
    wide_reals *g = w->g + step->result * n;
    wide_masks m;
    go_left(w, step->node, &m);
    if (!step->older) {
        EACH_POINT
        {
            EACH_UNIT g[q].unit[u] = h[q].unit[u] * CHOICE(m.unit[u], c);
            EACH_UNIT U[q].unit[u] = h[q].unit[u] * CHOICE(m.unit[u], c + 2);
            c += 4;
        }
        return c;
    }
    const wide_masks *o = &w->on[step->older - 1];
    const int32_t *mean = c++;
    EACH_POINT
    {
        EACH_UNIT g[q].unit[u] = h[q].unit[u] * MIX(o->unit[u], CHOICE(m.unit[u], c), NUMBER(mean));
        EACH_UNIT U[q].unit[u] = KEEP(h[q].unit[u] * CHOICE(m.unit[u], c + 2), o->unit[u]);
        c += 4;
    }
    return c;
}

/* Lists as far as they are eaten. */
typedef struct cursor {
    const pairs_step *step;
    const int32_t *c;
    const pairs_partner *partners;
} cursor;

INLINE void run(const walk *given, cursor *at, size_t n)
{
    const walk here = *given, *w = &here; /* its pointers stay in registers */
    const pairs_step *step = at->step;
    const int32_t *c = at->c;
    const pairs_partner *partners = at->partners;
    wide_reals U[PAIRS_POINTS_MAX];
    EACH_POINT EACH_UNIT w->h[q].unit[u] = (reals){0} + 1;
    for (; step->kind != PAIRS_END; step++) {
        switch ((pairs_kind)step->kind) {
        case PAIRS_LEAF:
            c = leaf(w, step, n, c);
            break;
        case PAIRS_SPLIT:
            c = split(w, step, n, c);
            break;
        case PAIRS_TURN:
            c = turn(w, step, n, c);
            break;
        case PAIRS_JOIN:
            c = join(w, step, n, c, U);
            partners = add(w, step, n, U, partners);
            break;
        case PAIRS_TWINS:
            c = twins(w, step, n, c, U);
            partners = add(w, step, n, U, partners);
            break;
        case PAIRS_END:
            break;
        }
    }
    *at = (cursor){step + 1, c, partners};
}

/* Each common number of points has a walk of its own, in which loops over points are unrolled. */
#define RUN(n)                                            \
    TARGET static void run_##n(const walk *w, cursor *at) \
    {                                                     \
        run(w, at, n);                                    \
    }
RUN(1)
RUN(2)
RUN(3)
RUN(4)
RUN(5)
RUN(6)
RUN(7)
RUN(8)

TARGET static void run_any(const walk *w, cursor *at, size_t n)
{
    run(w, at, n);
}

TARGET static void run_points(const walk *w, cursor *at, size_t n)
{
    static void (*const runs[])(const walk *, cursor *) = {NULL,  run_1, run_2, run_3, run_4,
                                                           run_5, run_6, run_7, run_8};
    if (n < MW_COUNT(runs))
        runs[n](w, at);
    else
        run_any(w, at, n);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

TARGET static void add_slots(const pairs_lists *lists, const wide_reals *slots, double *totals)
{
    for (uint32_t slot = 0; slot < lists->n_slots; slot++) {
        double *to = totals + (size_t)lists->ids[slot] * PAIRS_BLOCK_ROWS;
        const float *from = (const float *)&slots[slot];
        for (size_t row = 0; row < ROWS; row++)
            to[row] += (double)from[row];
    }
}

TARGET static void explain_chunk(const mw_forest *forest, const pairs_layout *layout,
                                 const pairs_chunk *chunk, const pairs_memory *parts, size_t n_rows)
{
    const size_t levels = layout->levels_max + (size_t)1;
    pairs_lists lists = pairs_lists_of(forest, layout, chunk, parts);
    wide_masks *left = parts->masks;
    walk w = {.forest = forest,
              .slots = parts->slots,
              .h = parts->products,
              .T = parts->terms,
              .D = parts->news,
              .U = parts->parts,
              .g = parts->sums,
              .left = left,
              .above = left + levels,
              .on = left + 2 * levels};
    for (size_t row = 0; row < n_rows; row += ROWS) {
        cursor at = {lists.steps, lists.words, lists.partners};
        w.columns = parts->columns + row;
        memset(w.slots, 0, lists.n_slots * sizeof *w.slots);
        for (size_t i = chunk->first_program; i < chunk->end_program; i++)
            run_points(&w, &at, layout->programs[i].n_points);
        add_slots(&lists, w.slots, parts->totals + row);
    }
}

TARGET static void EXPLAIN(const mw_forest *forest, const void *laid_out,
                           const explain_block *block)
{
    const pairs_layout *layout = laid_out;
    pairs_memory parts;
    if (layout->n_chunks == 0)
        return;
    pairs_divide(forest, layout, block->memory, &parts);
    pairs_read(forest, block, parts.columns);
    const pairs_chunk *chunk = layout->chunks, *end = chunk + layout->n_chunks;
    while (chunk < end) {
        size_t output = chunk->output;
        memset(parts.totals, 0, layout->n_ids * PAIRS_BLOCK_ROWS * sizeof(double));
        for (; chunk < end && chunk->output == output; chunk++)
            explain_chunk(forest, layout, chunk, &parts, block->n_rows);
        pairs_put(forest, layout, block, output, parts.totals);
    }
}
