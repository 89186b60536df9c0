/* Leaves too deep for tables, one row at a time: part of masks_kernel.h.
 *
 * The row's lists tell which Z it has to look at, and a leaf's features stand in lanes:
 *
 *     Z outside     0 0 1 0 0 1 0 1 ..
 *     plus          . . x . . x . x ..      onto phi of all features at once
 *
 * Without a loop over the bits of each Z, whose end no processor foresees. Each feature gets the
 * same numbers in the same order as beside other rows: the same bits. */
enum { PARTS = (MASKS_FEATURES_MAX + LANES - 1) / LANES };

typedef struct row_phi {
    reals part[PARTS];
} row_phi;

/* The bit of each feature of a part. */
INLINE masks row_bits(size_t part)
{
    masks bits;
    for (size_t lane = 0; lane < LANES; lane++)
        bits[lane] = (int32_t)(UINT32_C(1) << (part * LANES + lane) % 32);
    return bits;
}

/* One word of Z, onto the features outside of each. false: none of them holds the row's C. */
INLINE bool row_add_word(const contrast_masks *of, const masks_leaf *leaf, size_t word,
                         uint32_t disagree, size_t q, size_t n_parts, row_phi *phi)
{
    const uint64_t *list = of->lists + leaf->first_list + word;
    uint64_t alive = ~UINT64_C(0);
    for (uint32_t bits = disagree, at = 0; at < leaf->d; at += MASKS_PART, bits >>= MASKS_PART) {
        alive &= list[(bits % MASKS_ENTRIES) * leaf->n_words];
        list += MASKS_ENTRIES * (size_t)leaf->n_words;
    }
    bool any = alive != 0;
    for (; alive; alive &= alive - 1) {
        size_t set = leaf->first_set + word * 64 + (size_t)__builtin_ctzll(alive);
        const reals plus = (reals){0} + of->weights[of->sizes[set]][q] * of->shares[set];
        const int32_t outside = (int32_t)of->sets[set];
        for (size_t part = 0; part < n_parts; part++)
            phi->part[part] += (reals)((masks)plus & ((row_bits(part) & outside) != 0));
    }
    return any;
}

/* What C pays: for Z = all, and what the others got. */
INLINE void row_pay(const contrast_masks *of, const masks_leaf *leaf, size_t word,
                    uint32_t disagree, size_t q, float *phi)
{
    float got = word == 0 ? leaf->full : 0;
    for (size_t j = 0; j < leaf->d; j++)
        got += phi[j];
    got *= of->inverse[q];
    for (size_t j = 0; j < leaf->d; j++)
        phi[j] -= disagree >> j & 1 ? got : 0;
}

INLINE void row_add_leaf(const contrast_masks *of, const masks_tree *tree, const masks_leaf *leaf,
                         uint32_t disagree, size_t n_parts, float *sums)
{
    const uint32_t *slots = of->slots + leaf->first_slot;
    const float *values = of->values + leaf->first_value;
    size_t q = masks_count(disagree);
    for (size_t word = 0, end; word < leaf->n_words; word = end) {
        row_phi phi = {0};
        float single[PARTS * LANES];
        bool any = false;
        end = masks_end_word(leaf, word);
        for (size_t i = word; i < end; i++)
            any |= row_add_word(of, leaf, i, disagree, q, n_parts, &phi);
        if (!any)
            continue;
        memcpy(single, &phi, sizeof single);
        row_pay(of, leaf, word, disagree, q, single);
        for (size_t m = 0; m < tree->n_outputs; m++)
            for (size_t j = 0; j < leaf->d; j++)
                sums[m * tree->n_slots + slots[j]] += single[j] * values[m];
    }
}

/* Most leaves fit into 16 lanes: these stay in registers. */
TARGET static void row_add_narrow(const contrast_masks *of, const masks_tree *tree,
                                  const masks_leaf *leaf, uint32_t disagree, float *sums)
{
    row_add_leaf(of, tree, leaf, disagree, 16 / LANES, sums);
}

TARGET static void row_add_wide(const contrast_masks *of, const masks_tree *tree,
                                const masks_leaf *leaf, uint32_t disagree, float *sums)
{
    row_add_leaf(of, tree, leaf, disagree, PARTS, sums);
}

TARGET static void row_put(const contrast_masks *of, const masks_tree *tree, const float *sums,
                           double *values)
{
    for (size_t m = 0; m < tree->n_outputs; m++) {
        double *to = values + (tree->first_output + m) * (of->forest->n_features + 1);
        for (size_t slot = 0; slot < tree->n_slots; slot++)
            to[of->features[tree->first_feature + slot]] += (double)*sums++;
    }
}

TARGET static void row_disagree(const contrast_masks *of, const masks_tree *tree,
                                const int16_t *ranks, uint32_t *disagree)
{
    const masks_edge *edges = of->edges + tree->first_edge;
    size_t n_edges = tree->end_edge - tree->first_edge;
    disagree[0] = 0;
    for (size_t i = 0; i < n_edges; i++) {
        const masks_edge *e = &edges[i];
        disagree[i + 1] = disagree[e->parent] | (uint32_t)((ranks[e->column] <= e->cut) != e->left)
                                                    << e->bit;
    }
}

/* A row reads lines that lie far apart: those of the next leaves are asked for meanwhile. */
INLINE void row_fetch(const contrast_masks *of, const masks_leaf *leaf, uint32_t disagree)
{
    const uint64_t *list = of->lists + leaf->first_list;
    for (uint32_t bits = disagree, at = 0; at < leaf->d; at += MASKS_PART, bits >>= MASKS_PART) {
        __builtin_prefetch(list + (bits % MASKS_ENTRIES) * leaf->n_words);
        list += MASKS_ENTRIES * (size_t)leaf->n_words;
    }
    __builtin_prefetch(of->sets + leaf->first_set);
    __builtin_prefetch(of->shares + leaf->first_set);
    __builtin_prefetch(of->sizes + leaf->first_set);
}

TARGET void PASS_FEW(const contrast_masks *of, const masks_tree *tree, const int16_t *ranks,
                     size_t stride, const masks_room *room, const explain_block *block,
                     size_t first, size_t end)
{
    size_t width = of->forest->n_margins * (of->forest->n_features + 1);
    for (size_t r = first; r < end; r++) {
        for (size_t c = 0; c < of->n_ranks; c++)
            room->row_ranks[c] = ranks[c * stride + r];
        row_disagree(of, tree, room->row_ranks, room->disagree);
        memset(room->sums, 0, tree->n_outputs * tree->n_slots * sizeof *room->sums);
        for (size_t i = tree->first_leaf; i < tree->end_leaf; i++)
            row_fetch(of, &of->leaves[i], room->disagree[of->leaves[i].edge]);
        for (size_t i = tree->first_leaf; i < tree->end_leaf; i++)
            (of->leaves[i].d <= 16 ? row_add_narrow : row_add_wide)(
                of, tree, &of->leaves[i], room->disagree[of->leaves[i].edge], room->sums);
        row_put(of, tree, room->sums, block->values + r * width);
    }
}
