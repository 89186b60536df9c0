/* Leaves too deep for tables, rows in lanes: written once for each processor. The includer defines
 *
 *   LANES     rows in a register: 4, 8 or 16
 *   TARGET    attribute of every function: what the processor must have
 *   PASS      name of the function that it gets
 *   PASS_FEW  and of that for rows one at a time
 *
 * For each Z of a leaf: where it holds a row's C, its weight goes onto the features outside of it.
 * Those are the same for all rows, so nothing is looked up by row but the weight, once for all Z
 * of a size.
 *
 *     rows         0   1   2 ..  63
 *     Z 0        .02   0 .02 .. .02      what it gives, where C & outside is 0
 *     Z 1        .01 .01   0 ..   0
 *     ..                                 feature j: the lines of all Z that it stands outside of,
 *                                        added up in registers
 *
 * The same operations in the same order on every processor, and as masks_row_kernel.h has them. */
#include "masks_form.h"

#include "base/banned.h"

#define INLINE TARGET static inline __attribute__((always_inline))

typedef float reals __attribute__((vector_size(LANES * 4)));
typedef int32_t masks __attribute__((vector_size(LANES * 4)));
typedef int16_t narrow_ranks __attribute__((vector_size(LANES * 2)));

enum { UNITS = 4, ROWS = UNITS * LANES };
_Static_assert((int)ROWS <= (int)MASKS_ROWS, "a pass's memory");
#define EACH_UNIT _Pragma("GCC unroll 4") for (size_t u = 0; u < UNITS; u++)

typedef struct wide_reals {
    reals unit[UNITS];
} wide_reals;
typedef struct wide_masks {
    masks unit[UNITS];
} wide_masks;

/* Rows from `ranks` on; some of them may be behind the block's last, and count for nothing. */
INLINE void find_disagree(const contrast_masks *of, const masks_tree *tree, const int16_t *ranks,
                          size_t stride, wide_masks *disagree)
{
    const masks_edge *edges = of->edges + tree->first_edge;
    size_t n_edges = tree->end_edge - tree->first_edge;
    EACH_UNIT disagree[0].unit[u] = (masks){0};
    for (size_t i = 0; i < n_edges; i++) {
        const masks_edge *e = &edges[i];
        const int16_t *from = ranks + e->column * stride;
        const masks bit = (masks){0} + (int32_t)(UINT32_C(1) << e->bit);
        const masks flip = (masks){0} - (int32_t)e->left;
        EACH_UNIT
        {
            narrow_ranks rank;
            memcpy(&rank, from + u * LANES, sizeof rank);
            masks left = __builtin_convertvector(rank, masks) <= (int32_t)e->cut;
            disagree[i + 1].unit[u] = disagree[e->parent].unit[u] | ((left ^ flip) & bit);
        }
    }
}

/* How many bits a row's C has. */
INLINE void count(const wide_masks *c, wide_masks *ret_q)
{
    EACH_UNIT
    {
        masks set = c->unit[u];
        set -= set >> 1 & 0x55555555;
        set = (set & 0x33333333) + (set >> 2 & 0x33333333);
        set = (set + (set >> 4)) & 0x0f0f0f0f;
        set += set >> 8;
        ret_q->unit[u] = (set + (set >> 16)) & 63;
    }
}

/* table[q] of each row. */
INLINE void look_up(const float *table, const wide_masks *q, wide_reals *ret)
{
#if LANES == 16
    reals low, high;
    memcpy(&low, table, sizeof low);
    memcpy(&high, table + LANES, sizeof high);
    EACH_UNIT ret->unit[u] = __builtin_shuffle(low, high, q->unit[u]);
#else
    EACH_UNIT for (size_t lane = 0; lane < LANES; lane++) ret->unit[u][lane] =
        table[q->unit[u][lane]];
#endif
}

/* What each of Z [first, end) gives to a feature outside of it. */
INLINE void weigh_sets(const contrast_masks *of, size_t first, size_t end, const wide_masks *c,
                       const wide_masks *q, wide_reals *ret_plus)
{
    wide_reals weight = {0};
    for (size_t set = first, p = 0; set < end; set++, ret_plus++) {
        if (of->sizes[set] != p) {
            p = of->sizes[set];
            look_up(of->weights[p], q, &weight);
        }
        const float share = of->shares[set];
        const int32_t outside = (int32_t)of->sets[set];
        EACH_UNIT ret_plus->unit[u] =
            (reals)((masks)(weight.unit[u] * share) & ((c->unit[u] & outside) == 0));
    }
}

/* Onto one feature, from the Z of its list: they are the same for all rows. */
INLINE void add_listed(const uint64_t *all, const uint64_t *inside, size_t n_words,
                       const wide_reals *plus, wide_reals *ret_phi)
{
    wide_reals phi = {0};
    for (size_t word = 0; word < n_words; word++, plus += 64) {
        for (uint64_t left = all[word] & ~inside[word]; left; left &= left - 1) {
            const wide_reals *from = &plus[__builtin_ctzll(left)];
            EACH_UNIT phi.unit[u] += from->unit[u];
        }
    }
    *ret_phi = phi;
}

/* The Z of some words onto phi. An entry of a list that looks at one feature names the Z that have
 * it inside; the one that looks at none names all. */
INLINE void add_sets(const contrast_masks *of, const masks_leaf *leaf, size_t word, size_t end,
                     const wide_masks *c, const wide_masks *q, wide_reals *plus, wide_reals *phi)
{
    const uint64_t *list = of->lists + leaf->first_list + word;
    size_t last = end * 64 < leaf->n_sets ? end * 64 : leaf->n_sets;
    weigh_sets(of, leaf->first_set + word * 64, leaf->first_set + last, c, q, plus);
    for (size_t j = 0; j < leaf->d; j++) {
        size_t entry = j / MASKS_PART * MASKS_ENTRIES + ((size_t)1 << j % MASKS_PART);
        add_listed(list, list + entry * leaf->n_words, end - word, plus, &phi[j]);
    }
}

/* What C pays: for Z = all, and what the others got. */
INLINE void pay(const masks_leaf *leaf, float full, const wide_masks *c, const wide_reals *inverse,
                wide_reals *phi)
{
    wide_reals got;
    EACH_UNIT got.unit[u] = (reals){0} + full;
    for (size_t j = 0; j < leaf->d; j++) {
        EACH_UNIT got.unit[u] += phi[j].unit[u];
    }
    EACH_UNIT got.unit[u] *= inverse->unit[u];
    for (size_t j = 0; j < leaf->d; j++) {
        const int32_t bit = (int32_t)(UINT32_C(1) << j);
        EACH_UNIT phi[j].unit[u] -= (reals)((masks)got.unit[u] & ((c->unit[u] & bit) != 0));
    }
}

INLINE void add_leaf(const contrast_masks *of, const masks_tree *tree, const masks_leaf *leaf,
                     const wide_masks *c, wide_reals *plus, wide_reals *sums)
{
    const uint32_t *slots = of->slots + leaf->first_slot;
    const float *values = of->values + leaf->first_value;
    wide_reals phi[MASKS_FEATURES_MAX], inverse;
    wide_masks q;
    count(c, &q);
    look_up(of->inverse, &q, &inverse);
    for (size_t word = 0, end; word < leaf->n_words; word = end) {
        end = masks_end_word(leaf, word);
        add_sets(of, leaf, word, end, c, &q, plus, phi);
        pay(leaf, word == 0 ? leaf->full : 0, c, &inverse, phi);
        for (size_t m = 0; m < tree->n_outputs; m++) {
            for (size_t j = 0; j < leaf->d; j++) {
                wide_reals *to = &sums[m * tree->n_slots + slots[j]];
                EACH_UNIT to->unit[u] += phi[j].unit[u] * values[m];
            }
        }
    }
}

TARGET static void put_sums(const contrast_masks *of, const masks_tree *tree,
                            const wide_reals *sums, size_t n_rows, double *values)
{
    size_t side = of->forest->n_features + 1, width = of->forest->n_margins * side;
    const float(*from)[ROWS] = (const float(*)[ROWS])sums;
    const uint32_t *features = of->features + tree->first_feature;
    for (size_t r = 0; r < n_rows; r++) {
        double *to = values + r * width + tree->first_output * side;
        for (size_t m = 0; m < tree->n_outputs; m++)
            for (size_t slot = 0; slot < tree->n_slots; slot++)
                to[m * side + features[slot]] += (double)from[m * tree->n_slots + slot][r];
    }
}

TARGET void PASS(const contrast_masks *of, const masks_tree *tree, const int16_t *ranks,
                 size_t stride, const masks_room *room, const explain_block *block, size_t first,
                 size_t end)
{
    size_t width = of->forest->n_margins * (of->forest->n_features + 1);
    wide_masks *disagree = (wide_masks *)room->disagree;
    wide_reals *sums = (wide_reals *)room->sums;
    for (size_t row = first; row < end; row += ROWS) {
        find_disagree(of, tree, ranks + row, stride, disagree);
        memset(sums, 0, tree->n_outputs * tree->n_slots * sizeof *sums);
        for (size_t i = tree->first_leaf; i < tree->end_leaf; i++)
            add_leaf(of, tree, &of->leaves[i], &disagree[of->leaves[i].edge],
                     (wide_reals *)room->plus, sums);
        put_sums(of, tree, sums, end - row < ROWS ? end - row : ROWS, block->values + row * width);
    }
}

#include "masks_row_kernel.h"
