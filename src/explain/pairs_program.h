/* Interactions with rows in lanes: the trees as lists of steps.
 *
 * quadrature.h says how a contribution is a sum over points: the product of all factors goes down
 * the tree, the sum over leaves comes up, and each edge of feature j adds its term. An interaction
 * has a second feature i, whose term is multiplied in:
 *
 *     phi_ij = 1/2 sum over points of  weight * T_i * T_j * (sum of the leaves below both)
 *     T_i = (o_i - r_i) / g_i
 *
 * One of the two stands lower. So where a node's edges have added up
 *
 *     U = weight * (term of the left edge * sum below it + term of the right edge * sum below it)
 *
 * its contribution is the sum of U over points, and its interaction with each feature that stands
 * above is half the sum of U * T: T is known on the way down. A perfect tree of depth 6 has 258
 * pairs of a node and a feature above it, 3 points each.
 *
 *       age      T of the edge taken        partners of a node: the latest split above it on each
 *      /   \                                other feature
 *        income     T
 *        /    \
 *           node       U . T(age), U . T(income)
 *
 * Where a feature stands on the path again, T is that of all its splits, while the node's own term
 * is the difference to what the older split has added already.
 *
 * Trees of one margin stand in chunks: their sums are float32, in slots, and go to float64 totals
 * after each chunk. */
#ifndef EXPLAIN_PAIRS_PROGRAM_H
#define EXPLAIN_PAIRS_PROGRAM_H

#include "pairs.h"

enum {
    PAIRS_CHUNK_TREES = 8,
    PAIRS_POINTS_MAX = 32, /* exact for 64 distinct features on a path; beyond, nearly so */
    PAIRS_UNITS = 2,       /* registers of rows that go through together */
    PAIRS_ROWS_MAX = 32,   /* in them, at most */
    PAIRS_LINE = 64
};

typedef enum pairs_kind {
    PAIRS_END,
    PAIRS_LEAF,
    PAIRS_SPLIT, /* down the left edge */
    PAIRS_TURN,  /* and down the right one */
    PAIRS_JOIN,  /* and up */
    PAIRS_TWINS  /* a node of two leaves */
} pairs_kind;

/* Words, for each point:
 *
 *     LEAF         value (one for all points)
 *     SPLIT, TURN  choices: factor, T; with an older split: the term, too
 *     JOIN         weight
 *     TWINS        choices: the sum of the leaves, U
 *
 * A choice is two words, `no` and `yes ^ no`, for "the row goes left". With an older split SPLIT
 * and TURN begin with the share of training rows, TWINS with the shares' mean of the leaves: for
 * rows that have left the path at the older one. */
typedef struct pairs_step {
    uint32_t kind, level;
    uint32_t result; /* 2 * level + side: where its sum goes */
    uint32_t older;  /* 1 + level of the older split on its feature; 0: none */
    uint32_t node;
    uint32_t slot; /* of its feature's contribution */
    uint32_t n_partners;
} pairs_step;

typedef struct pairs_partner {
    uint32_t level; /* whose T */
    uint32_t slot;
} pairs_partner;

/* One tree for one margin. */
typedef struct pairs_program {
    size_t tree, output;
    double mean;
    uint32_t n_points;
    size_t n_steps_max, n_words_max, n_partners_max;
} pairs_program;

typedef struct pairs_chunk {
    size_t first_program, end_program, output;
    size_t first_step, first_word, first_partner, first_slot; /* of a kept one */
    uint32_t n_slots;
} pairs_chunk;

/* A chunk's lists, kept or in scratch; programs follow each other. */
typedef struct pairs_lists {
    pairs_step *steps;
    int32_t *words;
    pairs_partner *partners;
    uint32_t *ids; /* of the slots */
    uint32_t n_slots;
} pairs_lists;

/* A sum that is kept: an interaction, or a contribution where both features are one. */
typedef struct pairs_id {
    uint32_t a, b;
} pairs_id;

typedef struct pairs_layout {
    mw_arena arena;
    pairs_program *programs; /* by margin, then in file order */
    size_t n_programs;
    pairs_chunk *chunks;
    size_t n_chunks;
    uint32_t *place_of; /* n_features: among those that trees split on */
    uint32_t *id_of;    /* (n_places, n_places), upper half */
    pairs_id *ids;
    size_t n_places, n_ids;
    uint32_t points_max, levels_max;
    double *points, *weights;                             /* (points_max + 1, points_max) */
    size_t steps_max, words_max, partners_max, slots_max; /* of one chunk */
    bool kept;
    pairs_lists lists; /* of all chunks, when kept */
} pairs_layout;

typedef struct pairs_memory {
    double *columns;                       /* (n_columns, PAIRS_BLOCK_ROWS): the block's rows */
    double *totals;                        /* (n_ids, PAIRS_BLOCK_ROWS), of one margin */
    void *slots;                           /* (slots_max) registers, as the others */
    void *products, *terms, *news, *parts; /* (levels_max + 1, points_max) */
    void *sums;                            /* (2 * levels_max + 2, points_max) */
    void *masks;                           /* (3, levels_max + 1) */
    uint32_t *slot_of;                     /* n_ids, for the writer */
    struct pairs_path *path;               /* levels_max + 1, for the writer */
    pairs_lists lists;                     /* of a chunk that is not kept */
} pairs_memory;

mw_status pairs_lay_out(const mw_forest *forest, void **ret_layout, mw_error *err);
/* Programs beyond `kept_bytes_max` are written anew for each block of rows. */
mw_status pairs_lay_out_within(const mw_forest *forest, size_t kept_bytes_max, void **ret_layout,
                               mw_error *err);
void pairs_free(void *layout);
size_t pairs_bytes(const void *layout);
size_t pairs_memory_bytes(const mw_forest *forest, const void *layout);
/* Cut `memory` (may be NULL) into its parts; returns its size. */
size_t pairs_divide(const mw_forest *forest, const pairs_layout *layout, void *memory,
                    pairs_memory *ret_parts);
/* The block's rows as columns; rows behind them are copies of the last one. */
void pairs_read(const mw_forest *forest, const explain_block *block, double *ret_columns);
pairs_lists pairs_lists_of(const mw_forest *forest, const pairs_layout *layout,
                           const pairs_chunk *chunk, const pairs_memory *parts);
/* Totals of one margin into the block's matrices. */
void pairs_put(const mw_forest *forest, const pairs_layout *layout, const explain_block *block,
               size_t output, const double *totals);

/* ---- pairs_write.c --------------------------------------------------------------------------- */

/* What stands at one level of the path to the node that is being written. */
typedef struct pairs_path {
    uint32_t feature;
    double share; /* product over this feature's splits down to the edge below this level */
    bool latest;  /* no split on its feature stands below it */
} pairs_path;

static inline uint32_t *pairs_id_of(const pairs_layout *layout, uint32_t a, uint32_t b)
{
    uint32_t x = layout->place_of[a], y = layout->place_of[b];
    return &layout->id_of[x < y ? x * layout->n_places + y : y * layout->n_places + x];
}

/* Write the programs of a chunk; slot_of is n_ids times UINT32_MAX, and is so again after. */
void pairs_write(const mw_forest *forest, const pairs_layout *layout, const pairs_chunk *chunk,
                 pairs_path *path, uint32_t *slot_of, pairs_lists *lists);

#endif
