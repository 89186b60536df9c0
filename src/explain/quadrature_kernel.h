/* The quadrature walk, written once for each processor: part of kernel.h, which says what the
 * includer defines.
 *
 * Legend: n = points, q = a point, c = constants (they are eaten in order), m = mask of lanes that
 * go left, o = mask of lanes that are still on the path of a feature, h = products on the way down,
 * g = sums on the way up. */
/* Loops over points are unrolled where their number is known; -O2 alone does not. */
#define EACH_POINT _Pragma("GCC unroll 8")

typedef int32_t masks __attribute__((vector_size(LANES * 4)));
typedef int16_t narrow_ranks __attribute__((vector_size(LANES * 2)));

/* Rows of UNITS registers go through together: constants are read once for them, and one register
 * computes while the other waits. `mask` and `real` stand for that many. */
enum { UNITS = 2, ROWS = UNITS * LANES };
#define EACH_UNIT _Pragma("GCC unroll 2") for (size_t u = 0; u < UNITS; u++)

typedef struct wide_reals {
    reals unit[UNITS];
} wide_reals;
typedef struct wide_masks {
    masks unit[UNITS];
} wide_masks;

typedef struct walk {
    const int16_t *ranks; /* of these rows, in column 0 */
    size_t stride;        /* from column to column */
    wide_reals *slots, *products, *sums;
    wide_masks *left, *above, *on; /* of each level: m; o above the node; o below its edge */
} walk;

/* Two words of point q choose: see quadrature.h. */
#define CHOICE(m, c) ((reals)(((m) & (c)[n + q]) ^ (c)[q]))
/* One number in all lanes. */
#define NUMBER(c) ((reals)((masks){0} ^ (c)[0]))
/* a where o is set, else b. */
#define MIX(o, a, b) ((reals)(((masks)(a) & (o)) | ((masks)(b) & ~(o))))

/* Register by register: a copy of the whole is done in smaller pieces, and the next load waits
 * until they have left the store buffer. */
INLINE void copy(wide_masks *to, const wide_masks *from)
{
    EACH_UNIT to->unit[u] = from->unit[u];
}

INLINE void clear(wide_reals *phi)
{
    EACH_UNIT phi->unit[u] = (reals){0};
}

INLINE void go_left(const walk *w, const quadrature_step *step, wide_masks *ret_m)
{
    const narrow_ranks *ranks = (const narrow_ranks *)(w->ranks + step->column * w->stride);
    EACH_UNIT ret_m->unit[u] = __builtin_convertvector(ranks[u], masks) <= step->cut;
}

INLINE const int32_t *leaf(const walk *w, const quadrature_step *step, size_t n, const int32_t *c)
{
    const wide_reals *h = w->products + step->level * n;
    wide_reals *g = w->sums + step->result * n;
    EACH_POINT for (size_t q = 0; q < n; q++)
    {
        EACH_UNIT g[q].unit[u] = h[q].unit[u] * NUMBER(c);
    }
    return c + 1;
}

INLINE const int32_t *descend(const walk *w, const quadrature_step *step, size_t n,
                              const int32_t *c, const wide_masks *m)
{
    const wide_reals *h = w->products + step->level * n;
    wide_reals *below = w->products + (step->level + 1) * n;
    EACH_POINT for (size_t q = 0; q < n; q++)
    {
        EACH_UNIT below[q].unit[u] = h[q].unit[u] * CHOICE(m->unit[u], c);
    }
    return c + 2 * n;
}

INLINE const int32_t *descend_again(const walk *w, const quadrature_step *step, size_t n,
                                    const int32_t *c, const wide_masks *m, const wide_masks *o)
{
    const wide_reals *h = w->products + step->level * n;
    wide_reals *below = w->products + (step->level + 1) * n;
    const int32_t *share = c++;
    EACH_POINT for (size_t q = 0; q < n; q++)
    {
        EACH_UNIT below[q].unit[u] =
            h[q].unit[u] * MIX(o->unit[u], CHOICE(m->unit[u], c), NUMBER(share));
    }
    return c + 2 * n;
}

INLINE const int32_t *split(const walk *w, const quadrature_step *step, size_t n, const int32_t *c)
{
    wide_masks m;
    go_left(w, step, &m);
    copy(&w->left[step->level], &m);
    copy(&w->on[step->level], &m);
    return descend(w, step, n, c, &m);
}

INLINE const int32_t *right(const walk *w, const quadrature_step *step, size_t n, const int32_t *c)
{
    wide_masks m;
    go_left(w, step, &m);
    copy(&w->left[step->level], &m);
    EACH_UNIT w->on[step->level].unit[u] = ~m.unit[u];
    return descend(w, step, n, c, &m);
}

INLINE const int32_t *split_again(const walk *w, const quadrature_step *step, size_t n,
                                  const int32_t *c)
{
    wide_masks m, o;
    go_left(w, step, &m);
    copy(&o, &w->on[step->older]);
    copy(&w->left[step->level], &m);
    copy(&w->above[step->level], &o);
    EACH_UNIT w->on[step->level].unit[u] = o.unit[u] & m.unit[u];
    return descend_again(w, step, n, c, &m, &o);
}

INLINE const int32_t *right_again(const walk *w, const quadrature_step *step, size_t n,
                                  const int32_t *c)
{
    wide_masks m, o;
    go_left(w, step, &m);
    copy(&o, &w->on[step->older]);
    copy(&w->left[step->level], &m);
    copy(&w->above[step->level], &o);
    EACH_UNIT w->on[step->level].unit[u] = o.unit[u] & ~m.unit[u];
    return descend_again(w, step, n, c, &m, &o);
}

INLINE const int32_t *turn(const walk *w, const quadrature_step *step, size_t n, const int32_t *c)
{
    wide_masks m;
    copy(&m, &w->left[step->level]);
    EACH_UNIT w->on[step->level].unit[u] = ~m.unit[u];
    return descend(w, step, n, c, &m);
}

INLINE const int32_t *turn_again(const walk *w, const quadrature_step *step, size_t n,
                                 const int32_t *c)
{
    wide_masks m, o;
    copy(&m, &w->left[step->level]);
    copy(&o, &w->above[step->level]);
    EACH_UNIT w->on[step->level].unit[u] = o.unit[u] & ~m.unit[u];
    return descend_again(w, step, n, c, &m, &o);
}

/* A node's contribution onto its feature's. */
INLINE void add_phi(const walk *w, const quadrature_step *step, const wide_reals *phi)
{
    EACH_UNIT w->slots[step->slot].unit[u] += phi->unit[u];
}

INLINE void keep_where(wide_reals *phi, const wide_masks *o)
{
    EACH_UNIT phi->unit[u] = (reals)((masks)phi->unit[u] & o->unit[u]);
}

INLINE const int32_t *join(const walk *w, const quadrature_step *step, size_t n, const int32_t *c,
                           bool again)
{
    wide_masks m;
    copy(&m, &w->left[step->level]);
    const wide_reals *left = w->sums + 2 * (step->level + 1) * n, *right = left + n;
    wide_reals *g = w->sums + step->result * n, phi;
    clear(&phi);
    EACH_POINT for (size_t q = 0; q < n; q++)
    {
        EACH_UNIT phi.unit[u] += left[q].unit[u] * CHOICE(m.unit[u], c) +
                                 right[q].unit[u] * CHOICE(m.unit[u], c + 2 * n);
        EACH_UNIT g[q].unit[u] = left[q].unit[u] + right[q].unit[u];
    }
    if (again)
        keep_where(&phi, &w->above[step->level]);
    add_phi(w, step, &phi);
    return c + 4 * n;
}

/* The sum of the one side stays where it is. */
INLINE const int32_t *up(const walk *w, const quadrature_step *step, size_t n, const int32_t *c,
                         bool again)
{
    wide_masks m;
    copy(&m, &w->left[step->level]);
    const wide_reals *g = w->sums + step->result * n;
    wide_reals phi;
    clear(&phi);
    EACH_POINT for (size_t q = 0; q < n; q++)
    {
        EACH_UNIT phi.unit[u] += g[q].unit[u] * CHOICE(m.unit[u], c);
    }
    if (again)
        keep_where(&phi, &w->above[step->level]);
    add_phi(w, step, &phi);
    return c + 2 * n;
}

INLINE const int32_t *pair(const walk *w, const quadrature_step *step, size_t n, const int32_t *c)
{
    wide_masks m;
    go_left(w, step, &m);
    const wide_reals *h = w->products + step->level * n;
    wide_reals *g = w->sums + step->result * n, phi;
    clear(&phi);
    EACH_POINT for (size_t q = 0; q < n; q++)
    {
        EACH_UNIT g[q].unit[u] = h[q].unit[u] * CHOICE(m.unit[u], c);
        EACH_UNIT phi.unit[u] += h[q].unit[u] * CHOICE(m.unit[u], c + 2 * n);
    }
    add_phi(w, step, &phi);
    return c + 4 * n;
}

INLINE const int32_t *pair_again(const walk *w, const quadrature_step *step, size_t n,
                                 const int32_t *c)
{
    wide_masks m, o;
    go_left(w, step, &m);
    copy(&o, &w->on[step->older]);
    const wide_reals *h = w->products + step->level * n;
    wide_reals *g = w->sums + step->result * n, phi;
    clear(&phi);
    const int32_t *mean = c++;
    EACH_POINT for (size_t q = 0; q < n; q++)
    {
        EACH_UNIT g[q].unit[u] = h[q].unit[u] * MIX(o.unit[u], CHOICE(m.unit[u], c), NUMBER(mean));
        EACH_UNIT phi.unit[u] += h[q].unit[u] * CHOICE(m.unit[u], c + 2 * n);
    }
    keep_where(&phi, &o);
    add_phi(w, step, &phi);
    return c + 4 * n;
}

INLINE void run(const walk *given, const quadrature_lists *lists, size_t n)
{
    const walk here = *given, *w = &here; /* its pointers stay in registers */
    const int32_t *c = lists->words;
    for (size_t q = 0; q < n; q++) {
        EACH_UNIT w->products[q].unit[u] = (reals){0} + 1;
    }
    for (uint32_t slot = 0; slot < lists->n_slots; slot++)
        clear(&w->slots[slot]);
    for (const quadrature_step *step = lists->steps;; step++) {
        switch ((quadrature_kind)step->kind) {
        case QUADRATURE_LEAF:
            c = leaf(w, step, n, c);
            break;
        case QUADRATURE_SPLIT:
            c = split(w, step, n, c);
            break;
        case QUADRATURE_TURN:
            c = turn(w, step, n, c);
            break;
        case QUADRATURE_JOIN:
            c = join(w, step, n, c, false);
            break;
        case QUADRATURE_PAIR:
            c = pair(w, step, n, c);
            break;
        case QUADRATURE_RIGHT:
            c = right(w, step, n, c);
            break;
        case QUADRATURE_UP:
            c = up(w, step, n, c, false);
            break;
        case QUADRATURE_RIGHT_AGAIN:
            c = right_again(w, step, n, c);
            break;
        case QUADRATURE_UP_AGAIN:
            c = up(w, step, n, c, true);
            break;
        case QUADRATURE_SPLIT_AGAIN:
            c = split_again(w, step, n, c);
            break;
        case QUADRATURE_TURN_AGAIN:
            c = turn_again(w, step, n, c);
            break;
        case QUADRATURE_JOIN_AGAIN:
            c = join(w, step, n, c, true);
            break;
        case QUADRATURE_PAIR_AGAIN:
            c = pair_again(w, step, n, c);
            break;
        case QUADRATURE_END:
            return;
        }
    }
}

/* Each common number of points has a walk of its own, in which every loop over points is unrolled.
 */
#define RUN(n)                                                               \
    TARGET static void run_##n(const walk *w, const quadrature_lists *lists) \
    {                                                                        \
        run(w, lists, n);                                                    \
    }
RUN(1)
RUN(2)
RUN(3)
RUN(4)
RUN(5)
RUN(6)
RUN(7)
RUN(8)

TARGET static void run_any(const walk *w, const quadrature_lists *lists, size_t n)
{
    run(w, lists, n);
}

TARGET static void run_points(const walk *w, const quadrature_lists *lists, size_t n)
{
    static void (*const runs[])(const walk *, const quadrature_lists *) = {
        NULL, run_1, run_2, run_3, run_4, run_5, run_6, run_7, run_8};
    if (n < MW_COUNT(runs))
        runs[n](w, lists);
    else
        run_any(w, lists, n);
}

/* A tree's contributions of some lanes, onto those of the trees before it. */
TARGET static void add_slots(const quadrature_lists *lists, const wide_reals *slots, size_t stride,
                             double *totals)
{
    for (uint32_t slot = 0; slot < lists->n_slots; slot++) {
        double *to = totals + (size_t)lists->places[slot] * stride;
        const float *from = (const float *)&slots[slot];
        for (size_t row = 0; row < ROWS; row++)
            to[row] += (double)from[row];
    }
}

TARGET static void add_program(const explain_work *work, const quadrature_program *program,
                               quadrature_memory *parts)
{
    const quadrature_layout *layout = &work->layout->rest;
    size_t levels = layout->levels_max + (size_t)1;
    quadrature_lists lists = quadrature_lists_of(work->forest, layout, program, parts);
    wide_masks *left = parts->masks;
    walk w = {.stride = work->stride,
              .slots = parts->slots,
              .products = parts->products,
              .sums = parts->sums,
              .left = left,
              .above = left + levels,
              .on = left + 2 * levels};
    for (size_t row = 0; row < work->n_filled; row += ROWS) {
        w.ranks = work->ranks + row;
        run_points(&w, &lists, program->n_points);
        add_slots(&lists, w.slots, work->stride, work->totals + row);
    }
}

#include "quadrature_row_kernel.h"

/* What tables leave of the trees of one margin. */
TARGET static void add_programs(const explain_work *work, size_t margin)
{
    const quadrature_layout *layout = &work->layout->rest;
    quadrature_memory parts;
    quadrature_divide(layout, work->rest_memory, &parts);
    for (size_t i = layout->first_program[margin]; i < layout->first_program[margin + 1]; i++) {
        if (work->alone)
            add_program_alone(work, &layout->programs[i], &parts);
        else
            add_program(work, &layout->programs[i], &parts);
    }
}
