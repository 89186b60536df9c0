/* Leaves too deep for tables: contrast_masks.h has the picture. */
#include "masks_form.h"

#include <stdlib.h>

#include "base/banned.h"

enum { WAYS_A_ROW = 4, BY_TABLES = 1, BY_MASKS = 2 }; /* the latter in `covered` */

/* ---- a walk over what tables left ------------------------------------------------------------ */

typedef struct maker {
    const mw_contrast *contrast;
    const explain_ranks *ranks;
    const double *means;
    uint8_t *covered;
    contrast_masks *masks;
    bool writes; /* else it counts */
    size_t bytes, bytes_max;
    size_t tree, root, first_edge, first_feature;
    int16_t *usual;     /* ranks of the background, (columns, rows) */
    uint32_t *disagree; /* (levels, rows of the background) */
    uint32_t features[MASKS_FEATURES_MAX];
    uint32_t *found, *found_rows; /* n_rows: of one leaf */
    uint32_t *slot_of;            /* n_features: of this tree, or UINT32_MAX */
    uint32_t *ways;               /* WAYS_A_ROW * n_rows */
    size_t room;                  /* levels that `disagree` has */
} maker;

static int ascending(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Few ways to disagree beside many rows: these are counted, else the rows are sorted. */
static size_t count_sets(maker *m, const uint32_t *disagree, size_t n_ways)
{
    size_t n = 0;
    memset(m->ways, 0, n_ways * sizeof *m->ways);
    for (size_t r = 0; r < m->contrast->n_rows; r++)
        m->ways[disagree[r]]++;
    for (uint32_t way = 0; way < n_ways; way++)
        if (m->ways[way]) {
            m->found[n] = way;
            m->found_rows[n++] = m->ways[way];
        }
    return n;
}

static size_t sort_sets(maker *m, const uint32_t *disagree)
{
    size_t n_rows = m->contrast->n_rows, n = 0;
    memcpy(m->found, disagree, n_rows * sizeof *m->found);
    qsort(m->found, n_rows, sizeof *m->found, ascending);
    for (size_t r = 0; r < n_rows; r++) {
        if (n > 0 && m->found[n - 1] == m->found[r]) {
            m->found_rows[n - 1]++;
            continue;
        }
        m->found[n] = m->found[r];
        m->found_rows[n++] = 1;
    }
    return n;
}

/* The different sets of a leaf, as what stands outside of them: found, found_rows. */
static size_t find_sets(maker *m, size_t level, size_t d)
{
    const uint32_t *disagree = m->disagree + level * m->contrast->n_rows;
    size_t n_ways = (size_t)1 << d;
    return n_ways <= WAYS_A_ROW * m->contrast->n_rows ? count_sets(m, disagree, n_ways)
                                                      : sort_sets(m, disagree);
}

static size_t n_lists_of(size_t d)
{
    return (d + MASKS_PART - 1) / MASKS_PART;
}

static void write_lists(const maker *m, const masks_leaf *to)
{
    uint64_t *lists = m->masks->lists + to->first_list;
    for (size_t list = 0; list < n_lists_of(to->d); list++) {
        for (uint32_t part = 0; part < MASKS_ENTRIES; part++, lists += to->n_words)
            for (size_t set = 0; set < to->n_sets; set++) {
                uint32_t outside = m->masks->sets[to->first_set + set] >> (list * MASKS_PART);
                if ((outside & part) == 0)
                    lists[set / 64] |= UINT64_C(1) << (set % 64);
            }
    }
}

/* By size; those of one size stay in order. */
static void write_sets(const maker *m, masks_leaf *to)
{
    size_t next[MASKS_FEATURES_MAX + 2] = {0};
    for (size_t set = 0; set < to->n_sets; set++)
        next[masks_count(m->found[set]) + 1]++;
    for (size_t size = 1; size < MW_COUNT(next); size++)
        next[size] += next[size - 1];
    for (size_t set = 0; set < to->n_sets; set++) {
        size_t size = masks_count(m->found[set]), place = to->first_set + next[size]++;
        m->masks->sets[place] = m->found[set];
        m->masks->sizes[place] = (uint8_t)size;
        m->masks->shares[place] = (float)(m->found_rows[set] / (double)m->contrast->n_rows);
        if (size == 0)
            to->full = m->masks->shares[place];
    }
}

/* The place of a leaf's feature among its tree's. */
static uint32_t slot_of(const maker *m, uint32_t feature)
{
    contrast_masks *masks = m->masks;
    if (m->slot_of[feature] == UINT32_MAX) {
        m->slot_of[feature] = (uint32_t)(masks->n_features - m->first_feature);
        if (m->writes)
            masks->features[masks->n_features] = feature;
        masks->n_features++;
    }
    return m->slot_of[feature];
}

static void write_leaf(const maker *m, masks_leaf *to, size_t node)
{
    contrast_masks *masks = m->masks;
    const mw_forest *forest = masks->forest;
    size_t first = explain_first_output(forest, m->tree);
    for (size_t output = first; output < explain_end_output(forest, m->tree); output++)
        masks->values[to->first_value + output - first] =
            (float)(predict_leaf(forest, m->tree, node, output) -
                    m->means[m->tree * forest->n_margins + output]);
    write_sets(m, to);
    write_lists(m, to);
}

/* Counts what the leaf takes; when writing, fills it. */
static void take_leaf(maker *m, size_t node, size_t level, size_t d, size_t at)
{
    contrast_masks *masks = m->masks;
    if (m->writes && m->covered[node] != BY_MASKS)
        return; /* was not taken when it was counted */
    size_t n_sets = find_sets(m, level, d), n_words = (n_sets + 63) / 64;
    size_t n_list_words = n_lists_of(d) * (size_t)MASKS_ENTRIES * n_words;
    size_t n_outputs =
        explain_end_output(masks->forest, m->tree) - explain_first_output(masks->forest, m->tree);
    size_t bytes = n_list_words * sizeof(uint64_t) + n_sets * (sizeof(uint32_t) + sizeof(float));
    if (!m->writes && bytes > m->bytes_max - m->bytes)
        return;
    masks_leaf to = {(uint32_t)at,      (uint32_t)d,     (uint32_t)n_sets,
                     (uint32_t)n_words, masks->n_lists,  masks->n_sets,
                     masks->n_slots,    masks->n_values, 0};
    for (size_t j = 0; j < d; j++) {
        uint32_t slot = slot_of(m, m->features[j]);
        if (m->writes)
            masks->slots[to.first_slot + j] = slot;
    }
    if (m->writes) {
        write_leaf(m, &to, node);
        masks->leaves[masks->n_leaves] = to;
    }
    m->covered[node] = BY_MASKS;
    m->bytes += bytes;
    masks->n_leaves++;
    masks->n_lists += n_list_words;
    masks->n_sets += n_sets;
    masks->n_slots += d;
    masks->n_values += n_outputs;
}

static void take_node(maker *m, size_t node, size_t level, size_t d, size_t at);

/* Where the background stands below an edge. */
static void carry_down(const maker *m, const masks_edge *e, size_t level)
{
    size_t n_rows = m->contrast->n_rows;
    const int16_t *ranks = m->usual + e->column * n_rows;
    const uint32_t *above = m->disagree + level * n_rows;
    uint32_t *below = m->disagree + (level + 1) * n_rows;
    for (size_t r = 0; r < n_rows; r++)
        below[r] = above[r] | (uint32_t)((ranks[r] <= e->cut) != e->left) << e->bit;
}

static void take_child(maker *m, size_t node, bool left, size_t level, size_t d, size_t at)
{
    size_t child = m->root + (left ? m->masks->forest->left[node] : m->masks->forest->right[node]);
    if (m->covered[child] == BY_TABLES)
        return;
    contrast_masks *masks = m->masks;
    const mw_forest *forest = masks->forest;
    uint32_t feature = explain_feature(forest, node);
    size_t bit = 0;
    while (bit < d && m->features[bit] != feature)
        bit++;
    if (bit == MASKS_FEATURES_MAX || level + 1 >= m->room)
        return; /* left to the pairs */
    m->features[bit] = feature;
    masks_edge e = {(uint32_t)at, m->ranks->node_column[node], m->ranks->node_cut[node], left,
                    (uint8_t)bit};
    if (m->writes)
        masks->edges[masks->n_edges] = e;
    size_t own = ++masks->n_edges - m->first_edge;
    carry_down(m, &e, level);
    take_node(m, child, level + 1, bit == d ? d + 1 : d, own);
}

static void take_node(maker *m, size_t node, size_t level, size_t d, size_t at)
{
    if (m->covered[node] == BY_TABLES)
        return;
    if (m->masks->forest->left[node] == MW_NO_CHILD) {
        if (level > 0)
            take_leaf(m, node, level, d, at);
        return;
    }
    take_child(m, node, true, level, d, at);
    take_child(m, node, false, level, d, at);
}

/* ---- all trees ------------------------------------------------------------------------------- */

static void clear_counts(contrast_masks *masks)
{
    masks->n_edges = masks->n_leaves = masks->n_trees = masks->n_lists = masks->n_sets = 0;
    masks->n_slots = masks->n_features = masks->n_values = 0;
}

static void end_tree(maker *m, size_t first_leaf)
{
    contrast_masks *masks = m->masks;
    size_t first_output = explain_first_output(masks->forest, m->tree);
    masks_tree tree = {.tree = m->tree,
                       .first_edge = m->first_edge,
                       .end_edge = masks->n_edges,
                       .first_leaf = first_leaf,
                       .end_leaf = masks->n_leaves,
                       .first_feature = m->first_feature,
                       .n_slots = masks->n_features - m->first_feature,
                       .first_output = first_output,
                       .n_outputs = explain_end_output(masks->forest, m->tree) - first_output};
    size_t n_edges = tree.end_edge - tree.first_edge, n_sums = tree.n_slots * tree.n_outputs;
    masks->edges_max = n_edges > masks->edges_max ? n_edges : masks->edges_max;
    masks->sums_max = n_sums > masks->sums_max ? n_sums : masks->sums_max;
    if (m->writes)
        masks->trees[masks->n_trees] = tree;
    masks->n_trees++;
}

/* A tree without leaves of ours has no edges either. */
static void take_trees(maker *m)
{
    contrast_masks *masks = m->masks;
    clear_counts(masks);
    for (m->tree = 0; m->tree < masks->forest->n_trees; m->tree++) {
        m->root = masks->forest->tree_start[m->tree];
        m->first_edge = masks->n_edges;
        m->first_feature = masks->n_features;
        size_t first_leaf = masks->n_leaves;
        memset(m->slot_of, 0xff, masks->forest->n_features * sizeof *m->slot_of);
        take_node(m, m->root, 0, 0, 0);
        if (masks->n_leaves == first_leaf)
            masks->n_edges = m->first_edge;
        else
            end_tree(m, first_leaf);
    }
}

static bool take_arrays(contrast_masks *masks)
{
    mw_arena *arena = &masks->arena;
    masks->edges = mw_arena_take_zeroed(arena, masks->n_edges + 1, sizeof *masks->edges);
    masks->leaves = mw_arena_take_zeroed(arena, masks->n_leaves + 1, sizeof *masks->leaves);
    masks->trees = mw_arena_take_zeroed(arena, masks->n_trees + 1, sizeof *masks->trees);
    masks->lists = mw_arena_take_zeroed(arena, masks->n_lists + 1, sizeof *masks->lists);
    masks->sets = mw_arena_take_zeroed(arena, masks->n_sets + 1, sizeof *masks->sets);
    masks->sizes = mw_arena_take_zeroed(arena, masks->n_sets + 1, sizeof *masks->sizes);
    masks->shares = mw_arena_take_zeroed(arena, masks->n_sets + 1, sizeof *masks->shares);
    masks->slots = mw_arena_take_zeroed(arena, masks->n_slots + 1, sizeof *masks->slots);
    masks->features = mw_arena_take_zeroed(arena, masks->n_features + 1, sizeof *masks->features);
    masks->values = mw_arena_take_zeroed(arena, masks->n_values + 1, sizeof *masks->values);
    return masks->edges && masks->leaves && masks->trees && masks->lists && masks->sets &&
           masks->sizes && masks->shares && masks->slots && masks->features && masks->values;
}

/* As many levels as the limit allows; leaves below are left to the pairs. */
static bool take_room(maker *m)
{
    const mw_forest *forest = m->contrast->forest;
    size_t n_rows = m->contrast->n_rows, level_bytes = n_rows * sizeof *m->disagree;
    size_t most = m->bytes_max / level_bytes;
    m->room = forest->max_depth + 1 < most ? forest->max_depth + 1 : most;
    m->usual = malloc(m->ranks->n_columns * n_rows * sizeof *m->usual + 1);
    m->disagree = calloc(m->room + 1, level_bytes);
    m->found = malloc(level_bytes);
    m->found_rows = malloc(level_bytes);
    m->ways = malloc(WAYS_A_ROW * level_bytes);
    m->slot_of = malloc((forest->n_features + 1) * sizeof *m->slot_of);
    return m->usual && m->disagree && m->found && m->found_rows && m->ways && m->slot_of;
}

static mw_status make(maker *m, mw_error *err)
{
    const mw_contrast *contrast = m->contrast;
    size_t n_rows = contrast->n_rows, n_columns = contrast->forest->n_columns;
    mw_matrix rows = {contrast->rows, MW_FLOAT64, n_rows, n_columns, (ptrdiff_t)n_columns, 1};
    if (!take_room(m))
        return mw_fail_memory(err, "the background");
    ranks_of_rows(contrast->forest, m->ranks, &rows, 0, n_rows, n_rows, n_rows, m->usual);
    take_trees(m);
    if (!take_arrays(m->masks))
        return mw_fail_memory(err, "the background");
    m->writes = true;
    take_trees(m);
    return MW_OK;
}

static void find_weights(contrast_masks *masks)
{
    for (size_t p = 1; p <= MASKS_FEATURES_MAX; p++)
        for (size_t q = 0; q <= MASKS_FEATURES_MAX; q++)
            masks->weights[p][q] = (float)contrast_weight(p, q);
    for (size_t q = 1; q <= MASKS_FEATURES_MAX; q++)
        masks->inverse[q] = (float)(1 / (double)q);
}

mw_status masks_make(const mw_contrast *contrast, const explain_ranks *ranks, const double *means,
                     size_t bytes_max, uint8_t *covered, contrast_masks **ret_masks, mw_error *err)
{
    contrast_masks *masks = calloc(1, sizeof *masks);
    if (!masks)
        return mw_fail_memory(err, "the background");
    masks->forest = contrast->forest;
    masks->n_ranks = ranks->n_columns;
    mw_arena_init(&masks->arena, 64 * MW_KIB, SIZE_MAX / 2);
    find_weights(masks);
    maker m = {.contrast = contrast,
               .ranks = ranks,
               .means = means,
               .covered = covered,
               .masks = masks,
               .bytes_max = bytes_max};
    mw_status status = make(&m, err);
    free(m.usual);
    free(m.disagree);
    free(m.found);
    free(m.found_rows);
    free(m.ways);
    free(m.slot_of);
    if (status != MW_OK) {
        masks_free(masks);
        return status;
    }
    *ret_masks = masks;
    return MW_OK;
}

void masks_free(contrast_masks *masks)
{
    if (!masks)
        return;
    mw_arena_done(&masks->arena);
    free(masks);
}

size_t masks_bytes(const contrast_masks *masks)
{
    return sizeof *masks + mw_arena_held_bytes(&masks->arena);
}

size_t masks_n_edges(const contrast_masks *masks)
{
    return masks->n_edges;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static size_t divide(const contrast_masks *masks, void *memory, masks_room *ret_room)
{
    const size_t line = MASKS_ROWS * sizeof(float);
    size_t used = 0;
    ret_room->disagree = explain_cut_off(memory, &used, (masks->edges_max + 1) * line);
    ret_room->sums = explain_cut_off(memory, &used, masks->sums_max * line);
    ret_room->plus = explain_cut_off(memory, &used, MASKS_TOGETHER * line);
    ret_room->row_ranks = explain_cut_off(memory, &used, masks->n_ranks * sizeof(int16_t));
    return used;
}

size_t masks_memory_bytes(const contrast_masks *masks)
{
    masks_room room;
    return divide(masks, NULL, &room);
}

/* Trees outside, rows inside: what a tree needs is read once for the block. */
void masks_add(const contrast_masks *masks, const explain_kernel *beside, const int16_t *ranks,
               size_t stride, const explain_block *block)
{
    masks_pass *pass = masks_pass_plain, *few = masks_few_plain;
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
    if (beside == &explain_tables_v4)
        pass = masks_pass_v4, few = masks_few_v4;
    else if (beside == &explain_tables_v3)
        pass = masks_pass_v3, few = masks_few_v3;
#else
    (void)beside;
#endif
    masks_room room;
    divide(masks, block->memory, &room);
    size_t odd = block->n_rows % MASKS_ROWS;
    size_t n_wide = block->n_rows - (odd < MASKS_ROWS_ALONE ? odd : 0);
    for (size_t i = 0; i < masks->n_trees; i++) {
        const masks_tree *tree = &masks->trees[i];
        pass(masks, tree, ranks, stride, &room, block, 0, n_wide);
        few(masks, tree, ranks, stride, &room, block, n_wide, block->n_rows);
    }
}
