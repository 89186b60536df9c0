/* Leaves too deep for tables: contrast_masks.h has the picture. */
#include "contrast_masks.h"

#include <stdlib.h>

#include "base/banned.h"

typedef struct edge {
    uint32_t parent; /* edge above, counted in its tree from 1; 0 = the root */
    uint32_t column; /* of ranks */
    int16_t cut;     /* left where rank <= cut */
    bool left;
    uint8_t bit;
} edge;

typedef struct leaf {
    uint32_t edge;               /* that leads to it, as parents count */
    uint32_t d, n_sets, n_words; /* n_words: of a list's entry */
    size_t first_list, first_set, first_feature, first_value;
} leaf;

typedef struct tree_part {
    size_t tree, first_edge, end_edge, first_leaf, end_leaf;
} tree_part;

struct contrast_masks {
    const mw_forest *forest;
    mw_arena arena;
    size_t n_ranks; /* columns */
    edge *edges;
    leaf *leaves;
    tree_part *parts;
    uint64_t *lists;
    uint32_t *sets; /* features outside of Z */
    uint8_t *sizes; /* how many those are */
    double *shares; /* of rows that have it */
    uint32_t *features;
    double *values; /* of the leaf, for each margin of its tree, less the mean */
    size_t n_edges, n_leaves, n_parts, n_lists, n_sets, n_features, n_values, edges_max;
    double weights[MASKS_FEATURES_MAX + 1][MASKS_FEATURES_MAX + 1]; /* [p][q]; 0 where p is */
};

enum { WAYS_A_ROW = 4, BY_TABLES = 1, BY_MASKS = 2 }; /* the latter in `covered` */

/* Without an instruction for it, which not every x86-64 has, the compiler calls a function. */
static inline size_t bits_of(uint32_t set)
{
    set -= set >> 1 & 0x55555555;
    set = (set & 0x33333333) + (set >> 2 & 0x33333333);
    return ((set + (set >> 4)) & 0x0f0f0f0f) * UINT32_C(0x01010101) >> 24;
}

/* ---- a walk over what tables left ------------------------------------------------------------ */

typedef struct maker {
    const mw_contrast *contrast;
    const explain_ranks *ranks;
    const double *means;
    uint8_t *covered;
    contrast_masks *masks;
    bool writes; /* else it counts */
    size_t bytes, bytes_max;
    size_t tree, root, first_edge;
    int16_t *usual;     /* ranks of the background, (columns, rows) */
    uint32_t *disagree; /* (levels, rows of the background) */
    uint32_t features[MASKS_FEATURES_MAX];
    uint32_t *found, *found_rows; /* n_rows: of one leaf */
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

static void write_lists(const maker *m, const leaf *to)
{
    uint64_t *lists = m->masks->lists + to->first_list;
    for (size_t list = 0; list < n_lists_of(to->d); list++) {
        for (uint32_t part = 0; part < 1u << MASKS_PART; part++, lists += to->n_words)
            for (size_t set = 0; set < to->n_sets; set++) {
                uint32_t outside = m->masks->sets[to->first_set + set] >> (list * MASKS_PART);
                if ((outside & part) == 0)
                    lists[set / 64] |= UINT64_C(1) << (set % 64);
            }
    }
}

static void write_sets(const maker *m, const leaf *to)
{
    for (size_t set = 0; set < to->n_sets; set++) {
        m->masks->sets[to->first_set + set] = m->found[set];
        m->masks->sizes[to->first_set + set] = (uint8_t)bits_of(m->found[set]);
        m->masks->shares[to->first_set + set] = m->found_rows[set] / (double)m->contrast->n_rows;
    }
}

static void write_leaf(const maker *m, const leaf *to, size_t node)
{
    contrast_masks *masks = m->masks;
    const mw_forest *forest = masks->forest;
    memcpy(masks->features + to->first_feature, m->features, to->d * sizeof *m->features);
    size_t first = explain_first_output(forest, m->tree);
    for (size_t output = first; output < explain_end_output(forest, m->tree); output++)
        masks->values[to->first_value + output - first] =
            predict_leaf(forest, m->tree, node, output) -
            m->means[m->tree * forest->n_margins + output];
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
    size_t n_list_words = n_lists_of(d) * ((size_t)1 << MASKS_PART) * n_words;
    size_t n_outputs =
        explain_end_output(masks->forest, m->tree) - explain_first_output(masks->forest, m->tree);
    size_t bytes = n_list_words * sizeof(uint64_t) + n_sets * (sizeof(uint32_t) + sizeof(double));
    if (!m->writes && bytes > m->bytes_max - m->bytes)
        return;
    leaf to = {(uint32_t)at,   (uint32_t)d,   (uint32_t)n_sets,  (uint32_t)n_words,
               masks->n_lists, masks->n_sets, masks->n_features, masks->n_values};
    if (m->writes) {
        masks->leaves[masks->n_leaves] = to;
        write_leaf(m, &to, node);
    }
    m->covered[node] = BY_MASKS;
    m->bytes += bytes;
    masks->n_leaves++;
    masks->n_lists += n_list_words;
    masks->n_sets += n_sets;
    masks->n_features += d;
    masks->n_values += n_outputs;
}

static void take_node(maker *m, size_t node, size_t level, size_t d, size_t at);

/* Where the background stands below an edge. */
static void carry_down(const maker *m, const edge *e, size_t level)
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
    contrast_masks *masks = m->masks;
    const mw_forest *forest = masks->forest;
    uint32_t feature = explain_feature(forest, node);
    size_t bit = 0;
    while (bit < d && m->features[bit] != feature)
        bit++;
    if (bit == MASKS_FEATURES_MAX || level + 1 >= m->room)
        return; /* left to the pairs */
    m->features[bit] = feature;
    edge e = {(uint32_t)at, m->ranks->node_column[node], m->ranks->node_cut[node], left,
              (uint8_t)bit};
    if (m->writes)
        masks->edges[masks->n_edges] = e;
    size_t own = ++masks->n_edges - m->first_edge;
    carry_down(m, &e, level);
    take_node(m, m->root + (left ? forest->left[node] : forest->right[node]), level + 1,
              bit == d ? d + 1 : d, own);
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
    masks->n_edges = masks->n_leaves = masks->n_parts = masks->n_lists = masks->n_sets = 0;
    masks->n_features = masks->n_values = 0;
}

/* A tree without leaves of ours has no edges either. */
static void take_trees(maker *m)
{
    contrast_masks *masks = m->masks;
    clear_counts(masks);
    for (m->tree = 0; m->tree < masks->forest->n_trees; m->tree++) {
        m->root = masks->forest->tree_start[m->tree];
        m->first_edge = masks->n_edges;
        size_t first_leaf = masks->n_leaves;
        take_node(m, m->root, 0, 0, 0);
        if (masks->n_leaves == first_leaf) {
            masks->n_edges = m->first_edge;
            continue;
        }
        if (m->writes)
            masks->parts[masks->n_parts] =
                (tree_part){m->tree, m->first_edge, masks->n_edges, first_leaf, masks->n_leaves};
        masks->n_parts++;
        size_t n_edges = masks->n_edges - m->first_edge;
        masks->edges_max = n_edges > masks->edges_max ? n_edges : masks->edges_max;
    }
}

static bool take_arrays(contrast_masks *masks)
{
    mw_arena *arena = &masks->arena;
    masks->edges = mw_arena_take_zeroed(arena, masks->n_edges + 1, sizeof *masks->edges);
    masks->leaves = mw_arena_take_zeroed(arena, masks->n_leaves + 1, sizeof *masks->leaves);
    masks->parts = mw_arena_take_zeroed(arena, masks->n_parts + 1, sizeof *masks->parts);
    masks->lists = mw_arena_take_zeroed(arena, masks->n_lists + 1, sizeof *masks->lists);
    masks->sets = mw_arena_take_zeroed(arena, masks->n_sets + 1, sizeof *masks->sets);
    masks->sizes = mw_arena_take_zeroed(arena, masks->n_sets + 1, sizeof *masks->sizes);
    masks->shares = mw_arena_take_zeroed(arena, masks->n_sets + 1, sizeof *masks->shares);
    masks->features = mw_arena_take_zeroed(arena, masks->n_features + 1, sizeof *masks->features);
    masks->values = mw_arena_take_zeroed(arena, masks->n_values + 1, sizeof *masks->values);
    return masks->edges && masks->leaves && masks->parts && masks->lists && masks->sets &&
           masks->sizes && masks->shares && masks->features && masks->values;
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
    return m->usual && m->disagree && m->found && m->found_rows && m->ways;
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
            masks->weights[p][q] = contrast_weight(p, q);
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

static size_t divide(const contrast_masks *masks, size_t n_rows, void *memory, int16_t **ret_ranks,
                     uint32_t **ret_disagree)
{
    size_t used = 0;
    *ret_ranks = explain_cut_off(memory, &used, n_rows * masks->n_ranks * sizeof(int16_t));
    *ret_disagree = explain_cut_off(memory, &used, (masks->edges_max + 1) * sizeof(uint32_t));
    return used;
}

size_t masks_memory_bytes(const contrast_masks *masks, size_t n_rows)
{
    int16_t *ranks;
    uint32_t *disagree;
    return divide(masks, n_rows, NULL, &ranks, &disagree);
}

/* One Z: onto the features outside of it; returns what each of C pays. */
static double add_set(const contrast_masks *masks, size_t set, size_t q, double *phi)
{
    double share = masks->shares[set];
    size_t p = masks->sizes[set];
    double plus = share * masks->weights[p][q];
    for (uint32_t left = masks->sets[set]; left; left &= left - 1)
        phi[__builtin_ctz(left)] += plus;
    return share * masks->weights[q][p];
}

/* What a leaf of value 1 gives. false: nothing. */
static bool weigh_leaf(const contrast_masks *masks, const leaf *of, uint32_t disagree, double *phi)
{
    enum { ENTRIES = 1 << MASKS_PART };
    const uint64_t *lists = masks->lists + of->first_list;
    size_t q = bits_of(disagree);
    double paid = 0;
    bool any = false;
    for (size_t word = 0; word < of->n_words; word++) {
        uint64_t alive = ~UINT64_C(0);
        const uint64_t *list = lists + word;
        for (uint32_t bits = disagree, at = 0; at < of->d; at += MASKS_PART, bits >>= MASKS_PART) {
            alive &= list[(bits % ENTRIES) * of->n_words];
            list += ENTRIES * (size_t)of->n_words;
        }
        for (; alive; alive &= alive - 1) {
            size_t set = word * 64 + (size_t)__builtin_ctzll(alive);
            paid += add_set(masks, of->first_set + set, q, phi);
            any = true;
        }
    }
    for (uint32_t left = disagree; any && left; left &= left - 1)
        phi[__builtin_ctz(left)] -= paid;
    return any;
}

static void add_leaf(const contrast_masks *masks, size_t tree, const leaf *of, uint32_t disagree,
                     double *values)
{
    const mw_forest *forest = masks->forest;
    const uint32_t *features = masks->features + of->first_feature;
    const double *value = masks->values + of->first_value;
    double phi[MASKS_FEATURES_MAX] = {0};
    if (!weigh_leaf(masks, of, disagree, phi))
        return;
    for (size_t m = explain_first_output(forest, tree); m < explain_end_output(forest, tree);
         m++, value++)
        for (size_t j = 0; j < of->d; j++)
            values[m * (forest->n_features + 1) + features[j]] += *value * phi[j];
}

static void add_tree(const contrast_masks *masks, const tree_part *part, const int16_t *ranks,
                     uint32_t *disagree, double *values)
{
    const edge *edges = masks->edges + part->first_edge;
    size_t n_edges = part->end_edge - part->first_edge;
    disagree[0] = 0;
    for (size_t i = 0; i < n_edges; i++) {
        const edge *e = &edges[i];
        disagree[i + 1] = disagree[e->parent] | (uint32_t)((ranks[e->column] <= e->cut) != e->left)
                                                    << e->bit;
    }
    for (size_t i = part->first_leaf; i < part->end_leaf; i++)
        add_leaf(masks, part->tree, &masks->leaves[i], disagree[masks->leaves[i].edge], values);
}

/* Trees outside, rows inside: what a tree needs is read once for the block. */
void masks_add(const contrast_masks *masks, const int16_t *ranks, size_t stride,
               const explain_block *block)
{
    const mw_forest *forest = masks->forest;
    size_t width = forest->n_margins * (forest->n_features + 1);
    int16_t *of_rows;
    uint32_t *disagree;
    divide(masks, block->n_rows, block->memory, &of_rows, &disagree);
    for (size_t r = 0; r < block->n_rows; r++)
        for (size_t c = 0; c < masks->n_ranks; c++)
            of_rows[r * masks->n_ranks + c] = ranks[c * stride + r];
    for (size_t i = 0; i < masks->n_parts; i++)
        for (size_t r = 0; r < block->n_rows; r++)
            add_tree(masks, &masks->parts[i], of_rows + r * masks->n_ranks, disagree,
                     block->values + r * width);
}
