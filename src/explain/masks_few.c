/* Leaves too deep for tables, one row at a time: its lists tell which Z it has to look at. */
#include "masks_form.h"

#include "base/banned.h"

/* One word of Z, onto the features outside of each. false: none of them holds the row's C. */
static bool add_word(const contrast_masks *masks, const masks_leaf *leaf, size_t word,
                     uint32_t disagree, size_t q, float *phi)
{
    const uint64_t *list = masks->lists + leaf->first_list + word;
    uint64_t alive = ~UINT64_C(0);
    for (uint32_t bits = disagree, at = 0; at < leaf->d; at += MASKS_PART, bits >>= MASKS_PART) {
        alive &= list[(bits % MASKS_ENTRIES) * leaf->n_words];
        list += MASKS_ENTRIES * (size_t)leaf->n_words;
    }
    bool any = alive != 0;
    for (; alive; alive &= alive - 1) {
        size_t set = leaf->first_set + word * 64 + (size_t)__builtin_ctzll(alive);
        float plus = masks->weights[masks->sizes[set]][q] * masks->shares[set];
        for (uint32_t left = masks->sets[set]; left; left &= left - 1)
            phi[__builtin_ctz(left)] += plus;
    }
    return any;
}

/* What C pays: for Z = all, and what the others got. */
static void pay(const contrast_masks *masks, const masks_leaf *leaf, size_t word, uint32_t disagree,
                size_t q, float *phi)
{
    float got = word == 0 ? leaf->full : 0;
    for (size_t j = 0; j < leaf->d; j++)
        got += phi[j];
    for (uint32_t left = disagree; left; left &= left - 1)
        phi[__builtin_ctz(left)] -= got * masks->inverse[q];
}

static void add_leaf(const contrast_masks *masks, const masks_tree *tree, const masks_leaf *leaf,
                     uint32_t disagree, float *sums)
{
    const uint32_t *slots = masks->slots + leaf->first_slot;
    const float *values = masks->values + leaf->first_value;
    size_t q = masks_count(disagree);
    for (size_t word = 0, end; word < leaf->n_words; word = end) {
        float phi[MASKS_FEATURES_MAX] = {0};
        bool any = false;
        end = masks_end_word(leaf, word);
        for (size_t i = word; i < end; i++)
            any |= add_word(masks, leaf, i, disagree, q, phi);
        if (!any)
            continue;
        pay(masks, leaf, word, disagree, q, phi);
        for (size_t m = 0; m < tree->n_outputs; m++)
            for (size_t j = 0; j < leaf->d; j++)
                sums[m * tree->n_slots + slots[j]] += phi[j] * values[m];
    }
}

static void put_sums(const contrast_masks *masks, const masks_tree *tree, const float *sums,
                     double *values)
{
    for (size_t m = 0; m < tree->n_outputs; m++) {
        double *to = values + (tree->first_output + m) * (masks->forest->n_features + 1);
        for (size_t slot = 0; slot < tree->n_slots; slot++)
            to[masks->features[tree->first_feature + slot]] += (double)*sums++;
    }
}

static void find_disagree(const contrast_masks *masks, const masks_tree *tree, const int16_t *ranks,
                          uint32_t *disagree)
{
    const masks_edge *edges = masks->edges + tree->first_edge;
    size_t n_edges = tree->end_edge - tree->first_edge;
    disagree[0] = 0;
    for (size_t i = 0; i < n_edges; i++) {
        const masks_edge *e = &edges[i];
        disagree[i + 1] = disagree[e->parent] | (uint32_t)((ranks[e->column] <= e->cut) != e->left)
                                                    << e->bit;
    }
}

void masks_pass_few(const contrast_masks *masks, const masks_tree *tree, const int16_t *ranks,
                    size_t stride, const masks_room *room, const explain_block *block, size_t first,
                    size_t end)
{
    size_t width = masks->forest->n_margins * (masks->forest->n_features + 1);
    for (size_t r = first; r < end; r++) {
        for (size_t c = 0; c < masks->n_ranks; c++)
            room->row_ranks[c] = ranks[c * stride + r];
        find_disagree(masks, tree, room->row_ranks, room->disagree);
        memset(room->sums, 0, tree->n_outputs * tree->n_slots * sizeof *room->sums);
        for (size_t i = tree->first_leaf; i < tree->end_leaf; i++)
            add_leaf(masks, tree, &masks->leaves[i], room->disagree[masks->leaves[i].edge],
                     room->sums);
        put_sums(masks, tree, room->sums, block->values + r * width);
    }
}
