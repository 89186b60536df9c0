/* Tables: the contributions of some leaves for every way in which a row can decide.
 *
 * A leaf's contributions depend on the decisions on its path, nothing else of the row: 2^6 of them
 * for a path of 6 features. Leaves that stand together share most of their decisions, so one table
 * serves them all. A perfect tree of depth 6 is cut at depth 4:
 *
 *              root                        a group: 4 leaves, 7 decisions = 128 patterns,
 *             /    \                       7 features, one float32 for each of them
 *           l1      ..
 *          /  \                            pattern  root l1 l2 l3 a b c
 *        l2    ..                             0       .  .  .  . . . .   32 bytes
 *       /  \                                  1       .  .  .  . . . .
 *     l3    ..                               ..
 *    /  \                                   127       .  .  .  . . . .
 *   a    .. the next group
 *  / \                                     16 groups, 64 kB a tree. An oblivious tree has 6
 *  b  c                                    decisions in all: one group of 64 patterns.
 *
 * A row takes one line of each group's table and adds it to its features. Nothing is multiplied,
 * no branch depends on the row, and how deep the trees are does not matter: only how many groups.
 *
 * A bit of a pattern is a decision of the group's own nodes ("went left"), or tells whether the row
 * agrees with the path to the group about one feature: where the feature stands there once, that
 * is the decision itself, so that a group and its sibling share their bits; where it stands there
 * several times, all of these tests have to agree, and they are one bit.
 *
 * Groups are found from the root downwards: the highest nodes that fit. Leaves deeper than that,
 * and trees beyond the limit on memory, are left to quadrature.h; that depends on the forest alone,
 * so no processor and no number of rows gives other bits.
 *
 * Sources: a table a leaf is WOODELF (Nadel, Wettenstein 2025) and Fast TreeSHAP v2 (Yang 2021);
 * groups of leaves, bits instead of decisions, and rows in lanes are ours. */
#ifndef EXPLAIN_TABLES_H
#define EXPLAIN_TABLES_H

#include "ranks.h"

enum {
    TABLES_BITS_MAX = 8,      /* of a pattern */
    TABLES_LANES_MAX = 8,     /* features of a group */
    TABLES_TESTS_MAX = 32,    /* of a group; a node for which there would be more, as sets of
                                 categories on its path may need, is none */
    TABLES_QUAD = 4,          /* lanes come in fours */
    TABLES_CHUNK_GROUPS = 64, /* are summed in float32, then added to float64 */
    TABLES_ALIGN = 64,        /* a table begins at a multiple of it */
    TABLES_WORD_BITS = 64,
    TABLES_SPREAD = 32, /* features whose sums fit into registers; at most twice as many */
    TABLES_SPREAD_MAX = 2 * TABLES_SPREAD
};

/* Rank < below, the other way round where `flip` is -1. All tests of a bit must hold; the last of
 * them has its value. */
typedef struct tables_test {
    uint32_t column;
    int16_t below, flip;
    uint16_t value; /* what the bit adds to the place in the table; 0: the bit has further tests */
    uint16_t save;  /* n > 0: a later group begins with these n bits */
} tables_test;

typedef struct tables_group {
    size_t table;                 /* bytes into data */
    uint32_t first_test, n_tests; /* those of the first n_kept bits are not among them */
    uint8_t n_kept;               /* bits that it shares with a group before it, which saved them */
    uint8_t n_lanes;
    bool begins_tree;                 /* shares with no group before it */
    bool is_plain;                    /* every test is a bit, none is flipped */
    uint32_t slots[TABLES_LANES_MAX]; /* of its chunk */
} tables_group;

/* One row: up to 64 decisions for groups that follow each other, found together and put into one
 * word. Most are a test; where a bit of a group is several tests at once, it has a place too:
 *
 *     place         0     1     2     3     4     5    ..
 *     asks        x3<9  x1<4  x3<2  x7<5  0&!2  x2<8   ..
 *     the row       1     0     0     1     1     0
 *     a group's     x           .           x     x         -> pattern 1 1 0: bits 0, 4 and 5
 *
 * A group's bits stand in the order of its pattern, so that one instruction (pext) collects them.
 */
typedef struct tables_word {
    uint64_t joint; /* places that are several tests */
    size_t first_joint, end_joint;
    size_t first_group, end_group;
} tables_word;

/* A group, for one row: its places in the word, and its table. */
typedef struct tables_pick {
    uint64_t bits;
    uint32_t table; /* in TABLES_ALIGN bytes */
    uint32_t shift; /* a line has 1 << shift bytes */
} tables_pick;

typedef struct tables_words {
    tables_word *words;
    size_t n_words; /* 0: the forest has too many columns for them */
    /* TABLES_WORD_BITS of each word: the row's bit is rank < below; joint and unused: never */
    uint16_t *columns;
    int16_t *belows;
    uint64_t *joint_masks, *joint_wants; /* set where (tests & mask) == want; 8 and more to read */
    tables_pick *picks;                  /* of each group */
    /* n_spread of each group: for each place, its lane and 0x80, or 0 where it has none.
     * NULL: there are more than TABLES_SPREAD_MAX places. */
    uint8_t *spread;
    size_t n_spread; /* TABLES_SPREAD or TABLES_SPREAD_MAX */
} tables_words;

/* Groups of one margin that are summed in float32. */
typedef struct tables_chunk {
    size_t first_group, end_group;
    size_t first_slot, n_slots;
    size_t first_word, end_word;
} tables_chunk;

typedef struct explain_tables {
    char *data; /* 64-byte aligned; a table stands at a multiple of 64 */
    size_t data_bytes;
    tables_test *tests;
    tables_group *groups;
    tables_chunk *chunks;
    uint32_t *slot_places; /* of all chunks */
    size_t n_tests, n_groups, n_chunks, n_slots;
    size_t slots_max;    /* of one chunk */
    size_t *first_chunk; /* n_margins + 1 */
    tables_words words;
} explain_tables;

static inline size_t tables_entry_bytes(size_t n_lanes)
{
    return (n_lanes + TABLES_QUAD - 1) / TABLES_QUAD * TABLES_QUAD * sizeof(float);
}

enum { TABLES_USUAL_PART = 256 }; /* rows of a background that are looked at together */

/* A background: rows that tables weigh by, instead of the forest's covers (tables_usual.c). */
typedef struct tables_usual {
    const int16_t *ranks; /* (columns of ranks, stride); stride a multiple of TABLES_USUAL_PART */
    size_t stride, n_rows;
} tables_usual;

/* Find and fill the tables of a forest, by its covers or (not NULL) by `usual`; ret_covered
 * (n_nodes, zeroed) says which subtrees they explain. Everything is taken from `arena`. Fails:
 * MW_NO_MEMORY. Cost: about 0.1 ms for a tree of 64 leaves. */
MW_CHECKED mw_status tables_make(const mw_forest *forest, const explain_ranks *ranks,
                                 const tables_usual *usual, size_t bytes_max, mw_arena *arena,
                                 explain_tables *ret_tables, uint8_t *ret_covered, mw_error *err);

/* ---- tables_write.c -------------------------------------------------------------------------- */

/* One split on the path to a group. */
typedef struct tables_edge {
    size_t node, child; /* in the forest's arrays */
    bool left;
} tables_edge;

/* A group that was found: its pattern has a bit for each of the path's features, then one for each
 * distinct decision of its own nodes. Lanes begin with the path's features too. */
typedef struct tables_draft {
    size_t tree, root;
    const tables_edge *path;
    size_t depth;
    uint32_t features[TABLES_LANES_MAX]; /* of its lanes */
    bool repeats[TABLES_LANES_MAX];      /* a path's feature: several splits, so 1 = agrees */
    size_t nodes[TABLES_BITS_MAX];       /* that decide the bits of its own */
    size_t n_path_bits, n_bits, n_lanes;
} tables_draft;

/* A writer's memory. */
typedef struct tables_room {
    double leaf[1 << TABLES_LANES_MAX][TABLES_LANES_MAX];
    double sum[1 << TABLES_BITS_MAX][TABLES_LANES_MAX];
    double product[1 << TABLES_LANES_MAX];
    uint32_t counts[1 << TABLES_BITS_MAX];    /* of the background's rows, for each pattern */
    uint32_t z_counts[1 << TABLES_LANES_MAX]; /* for each set of a leaf's players */
} tables_room;

static inline size_t tables_lane(const tables_draft *draft, uint32_t feature)
{
    size_t lane = 0;
    while (lane < draft->n_lanes && draft->features[lane] != feature)
        lane++;
    return lane;
}

/* Two nodes ask the same. */
static inline bool tables_same_test(const explain_ranks *ranks, size_t a, size_t b)
{
    return ranks->node_column[a] == ranks->node_column[b] &&
           ranks->node_cut[a] == ranks->node_cut[b];
}

/* A group's contributions to `output`, of leaves less `mean`, for every pattern. n_usual: rows of
 * the background, whose patterns stand in room->counts; 0 = by covers. */
void tables_write(const mw_forest *forest, const explain_ranks *ranks, const tables_draft *draft,
                  size_t output, double mean, size_t n_usual, tables_room *room, float *ret_table);

/* ---- tables_words.c -------------------------------------------------------------------------- */

/* The words of tables that are made otherwise. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status words_make(explain_tables *tables, const explain_ranks *ranks, mw_arena *arena,
                                mw_error *err);

/* ---- tables_usual.c -------------------------------------------------------------------------- */

/* What is taken off a tree's leaves, which moves no contribution and keeps float32 exact: their
 * plain mean, since there may be no covers. */
double tables_usual_mean(const mw_forest *forest, size_t tree, size_t output);
/* How many rows of the background have each pattern of a group of these tests. */
void tables_count_usual(const tables_usual *usual, const tables_test *tests, size_t n_tests,
                        size_t n_bits, uint32_t *ret_counts);
/* leaf[X][j]: what a leaf gives its j-th of d players when a row agrees at those of X, and
 * z_counts[Z] of n_rows background rows at those of Z. */
void tables_write_usual(double (*leaf)[TABLES_LANES_MAX], size_t d, double value,
                        const uint32_t *z_counts, size_t n_rows);

#endif
