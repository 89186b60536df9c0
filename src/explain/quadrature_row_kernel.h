/* The quadrature walk of one row, whose points stand in lanes: part of kernel.h.
 *
 * A single row has nothing to put beside itself, but a path has three to eight points, and each
 * step's constants of all points stand side by side:
 *
 *     words of a PAIR, 3 points      no no no | x x x | no no no | x x x      x = yes ^ no
 *     read as eight lanes            no no no   .  .  .  .  .                 cut off by `lanes`
 *
 * The same operations as in quadrature_kernel.h, and a term's points are added up in the same
 * order: the same bits. Legend as there. */
enum { POINTS = 8 };
#pragma GCC diagnostic ignored "-Wpsabi" /* every function that returns them is inlined */

typedef float point_reals __attribute__((vector_size(POINTS * 4)));
typedef int32_t point_masks __attribute__((vector_size(POINTS * 4)));
/* Constants begin anywhere. */
typedef int32_t loose_masks __attribute__((vector_size(POINTS * 4), aligned(4), may_alias));

typedef struct row_walk {
    const int16_t *ranks; /* of this row, in column 0 */
    size_t stride;
    point_masks lanes; /* all bits for each point that there is */
    float *slots;
    point_reals *products, *sums;
    point_masks *left, *above, *on; /* of each level: the same in all lanes */
} row_walk;

INLINE point_masks row_left(const row_walk *w, const quadrature_step *step)
{
    int32_t rank = w->ranks[step->column * w->stride];
    return (point_masks){0} - (int32_t)(rank <= step->cut);
}

INLINE point_reals row_choice(const row_walk *w, point_masks m, const int32_t *c, size_t n)
{
    point_masks no = *(const loose_masks *)c, flip = *(const loose_masks *)(c + n);
    return (point_reals)(((m & flip) ^ no) & w->lanes);
}

INLINE point_reals row_number(const int32_t *c)
{
    return (point_reals)((point_masks){0} ^ *c);
}

INLINE point_reals row_mix(point_masks o, point_reals a, point_reals b)
{
    return (point_reals)(((point_masks)a & o) | ((point_masks)b & ~o));
}

/* A node's contribution onto its feature's, where o is set. */
INLINE void row_add_phi(const row_walk *w, const quadrature_step *step, point_reals terms, size_t n,
                        point_masks o)
{
    float phi = 0;
    EACH_POINT for (size_t q = 0; q < n; q++) phi += terms[q];
    w->slots[step->slot] += o[0] ? phi : 0;
}

INLINE const int32_t *row_descend(const row_walk *w, const quadrature_step *step, size_t n,
                                  const int32_t *c, point_masks m, point_masks o, bool again)
{
    const int32_t *share = c;
    c += again;
    point_reals factor = row_choice(w, m, c, n);
    if (again)
        factor = row_mix(o, factor, row_number(share));
    w->products[step->level + 1] = w->products[step->level] * factor;
    return c + 2 * n;
}

INLINE const int32_t *row_split(const row_walk *w, const quadrature_step *step, size_t n,
                                const int32_t *c, bool again)
{
    point_masks m = row_left(w, step), o = again ? w->on[step->older] : ~(point_masks){0};
    w->left[step->level] = m;
    w->above[step->level] = o;
    w->on[step->level] = o & m;
    return row_descend(w, step, n, c, m, o, again);
}

INLINE const int32_t *row_right(const row_walk *w, const quadrature_step *step, size_t n,
                                const int32_t *c, bool again)
{
    point_masks m = row_left(w, step), o = again ? w->on[step->older] : ~(point_masks){0};
    w->left[step->level] = m;
    w->above[step->level] = o;
    w->on[step->level] = o & ~m;
    return row_descend(w, step, n, c, m, o, again);
}

INLINE const int32_t *row_turn(const row_walk *w, const quadrature_step *step, size_t n,
                               const int32_t *c, bool again)
{
    point_masks m = w->left[step->level], o = w->above[step->level];
    w->on[step->level] = o & ~m;
    return row_descend(w, step, n, c, m, o, again);
}

INLINE const int32_t *row_join(const row_walk *w, const quadrature_step *step, size_t n,
                               const int32_t *c)
{
    point_masks m = w->left[step->level];
    point_reals left = w->sums[2 * (step->level + 1)], right = w->sums[2 * (step->level + 1) + 1];
    point_reals terms = left * row_choice(w, m, c, n) + right * row_choice(w, m, c + 2 * n, n);
    w->sums[step->result] = left + right;
    row_add_phi(w, step, terms, n, w->above[step->level]);
    return c + 4 * n;
}

INLINE const int32_t *row_up(const row_walk *w, const quadrature_step *step, size_t n,
                             const int32_t *c)
{
    point_reals terms = w->sums[step->result] * row_choice(w, w->left[step->level], c, n);
    row_add_phi(w, step, terms, n, w->above[step->level]);
    return c + 2 * n;
}

INLINE const int32_t *row_pair(const row_walk *w, const quadrature_step *step, size_t n,
                               const int32_t *c, bool again)
{
    point_masks m = row_left(w, step), o = again ? w->on[step->older] : ~(point_masks){0};
    const int32_t *mean = c;
    c += again;
    point_reals h = w->products[step->level], both = row_choice(w, m, c, n);
    w->sums[step->result] = h * (again ? row_mix(o, both, row_number(mean)) : both);
    row_add_phi(w, step, h * row_choice(w, m, c + 2 * n, n), n, o);
    return c + 4 * n;
}

INLINE void run_row(const row_walk *given, const quadrature_lists *lists, size_t n)
{
    const row_walk here = *given, *w = &here;
    const int32_t *c = lists->words;
    w->products[0] = (point_reals){0} + 1;
    for (uint32_t slot = 0; slot < lists->n_slots; slot++)
        w->slots[slot] = 0;
    for (const quadrature_step *step = lists->steps;; step++) {
        switch ((quadrature_kind)step->kind) {
        case QUADRATURE_LEAF:
            w->sums[step->result] = w->products[step->level] * row_number(c++);
            break;
        case QUADRATURE_SPLIT:
            c = row_split(w, step, n, c, false);
            break;
        case QUADRATURE_TURN:
            c = row_turn(w, step, n, c, false);
            break;
        case QUADRATURE_PAIR:
            c = row_pair(w, step, n, c, false);
            break;
        case QUADRATURE_SPLIT_AGAIN:
            c = row_split(w, step, n, c, true);
            break;
        case QUADRATURE_TURN_AGAIN:
            c = row_turn(w, step, n, c, true);
            break;
        case QUADRATURE_PAIR_AGAIN:
            c = row_pair(w, step, n, c, true);
            break;
        case QUADRATURE_RIGHT:
            c = row_right(w, step, n, c, false);
            break;
        case QUADRATURE_RIGHT_AGAIN:
            c = row_right(w, step, n, c, true);
            break;
        case QUADRATURE_UP:
        case QUADRATURE_UP_AGAIN:
            c = row_up(w, step, n, c);
            break;
        case QUADRATURE_JOIN:
        case QUADRATURE_JOIN_AGAIN:
            c = row_join(w, step, n, c);
            break;
        case QUADRATURE_END:
            return;
        }
    }
}

#define RUN_ROW(n)                                                                   \
    TARGET static void run_row_##n(const row_walk *w, const quadrature_lists *lists) \
    {                                                                                \
        run_row(w, lists, n);                                                        \
    }
RUN_ROW(1)
RUN_ROW(2)
RUN_ROW(3)
RUN_ROW(4)
RUN_ROW(5)
RUN_ROW(6)
RUN_ROW(7)
RUN_ROW(8)

/* One program onto the totals of rows that go alone: there are at most POINTS points. */
TARGET static void add_program_alone(const explain_work *work, const quadrature_program *program,
                                     quadrature_memory *parts)
{
    static void (*const runs[])(const row_walk *, const quadrature_lists *) = {
        NULL,      run_row_1, run_row_2, run_row_3, run_row_4,
        run_row_5, run_row_6, run_row_7, run_row_8};
    const quadrature_layout *layout = &work->layout->rest;
    size_t levels = layout->levels_max + (size_t)1;
    quadrature_lists lists = quadrature_lists_of(work->forest, layout, program, parts);
    point_masks *left = parts->masks;
    row_walk w = {.stride = work->stride,
                  .slots = parts->slots,
                  .products = parts->products,
                  .sums = parts->sums,
                  .left = left,
                  .above = left + levels,
                  .on = left + 2 * levels};
    for (size_t q = 0; q < POINTS; q++)
        w.lanes[q] = q < program->n_points ? -1 : 0;
    for (size_t row = 0; row < work->n_filled; row++) {
        w.ranks = work->ranks + row;
        runs[program->n_points](&w, &lists);
        for (uint32_t slot = 0; slot < lists.n_slots; slot++)
            work->totals[lists.places[slot] * work->stride + row] += (double)w.slots[slot];
    }
}
