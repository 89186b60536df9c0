/* Exact quadrature with rows in lanes: what the layout and its kernels share.
 *
 * The Shapley value of feature j at a leaf of value v (shap_scalar.c has the legend) is an
 * integral of a polynomial of degree d - 1, which Gauss-Legendre with q >= d/2 points gives
 * exactly:
 *
 *     phi_j = v (o_j - r_j) * integral over t in 0..1 of  prod(i != j) g_i(t)
 *     g_i(t) = t o_i + (1 - t) r_i
 *
 * So the product of all g_i is carried down the tree, at q points; the sum over leaves is carried
 * up; and at each edge of feature j
 *
 *     phi_j += sum over points of  weight * (o_j - r_j) / g_j * (sum of the leaves below)
 *
 * When j stood higher on the path already, the edge changes (o_j, r_j) from an older pair to a
 * newer one, and takes the older one's term away from what lies below. All factors are known once
 * the row's decision is known: two constants for an edge and a point, a mask chooses. No division
 * and no branch depends on a row, so 8 or 16 rows go through together.
 *
 *            SPLIT   product * factor, to the left          A node whose children are two leaves
 *           /     \                                         is one step, PAIR: its leaves, factors
 *      left ..     TURN  the same to the right              and terms are folded into four
 *                   \                                       constants a point.
 *                    .. right
 *            JOIN    add left and right; the two edges' terms
 *
 * Where tables explain all of one side, that side is a leaf of 0. Then SPLIT or RIGHT goes to the
 * other one, whose sum is this node's, too, and UP adds its edge's term: a bit less than half of
 * the work. LightGBM's deep leaves hang on such chains.
 *
 * A tree is a list of such steps in this order and a list of the constants that they eat.
 *
 * Decisions are comparisons of small integers: see ranks.h.
 *
 * Leaves are taken relative to the tree's mean, which moves no contribution: so float32 is enough
 * inside a tree. Trees are added up in float64.
 *
 * Sources: Gauss-Legendre for Shapley values of trees: Yu et al., Linear TreeSHAP (2022), has the
 * polynomials; XGBoost 3.4 evaluates them at 8 points. Here as many points as a tree needs. */
#ifndef EXPLAIN_QUADRATURE_H
#define EXPLAIN_QUADRATURE_H

#include "ranks.h"

enum {
    /* Exact for 64 distinct features on a path; beyond, the error is far below float32's. */
    QUADRATURE_POINTS_MAX = 32,
    QUADRATURE_WORDS_BEHIND = 8, /* are read behind a program's last: a row's lanes are points */
    QUADRATURE_ROWS_MAX = 32     /* that go through a tree together: two registers of 16 */
};

typedef enum quadrature_kind {
    QUADRATURE_END,
    QUADRATURE_LEAF,
    QUADRATURE_SPLIT,
    QUADRATURE_TURN,
    QUADRATURE_JOIN,
    QUADRATURE_PAIR,
    QUADRATURE_RIGHT,
    QUADRATURE_UP,
    /* the node's feature stands higher on the path too */
    QUADRATURE_SPLIT_AGAIN,
    QUADRATURE_TURN_AGAIN,
    QUADRATURE_JOIN_AGAIN,
    QUADRATURE_PAIR_AGAIN,
    QUADRATURE_RIGHT_AGAIN,
    QUADRATURE_UP_AGAIN
} quadrature_kind;

/* Constants, of all points side by side:
 *
 *   LEAF         value (one for all points)
 *   SPLIT, TURN, RIGHT  a choice: the edge's factor
 *   JOIN         two choices: the terms of the left and of the right edge
 *   UP           a choice: the term of the one edge
 *   PAIR         two choices: the sum of the two leaves, the terms of the two edges
 *
 * A choice is two words, `no` and `yes ^ no`: (mask & second) ^ first; those of all points, first
 * the `no`s. Each is for "the row goes left". The _AGAIN kinds of SPLIT, TURN and RIGHT have one
 * number before their choices, the share of training rows, for rows that left the path at an older
 * split on the feature; PAIR_AGAIN has the shares' mean of the leaves. */
typedef struct quadrature_step {
    uint32_t kind;
    uint32_t level;  /* of the node */
    uint32_t result; /* where its sum goes: 2 * level + side, of the node or one above it */
    uint32_t older;  /* level of the next older split on its feature; for _AGAIN kinds */
    uint32_t column;
    int32_t cut;   /* left when rank <= cut */
    uint32_t slot; /* of its feature in the tree's list */
} quadrature_step;

/* One tree for one margin. */
typedef struct quadrature_program {
    size_t tree, output;
    double mean;
    uint32_t n_points;
    uint32_t n_slots; /* of a kept one */
    size_t n_steps_max, n_words_max, n_slots_max;
    /* where kept ones begin */
    size_t first_step, first_word, first_slot;
} quadrature_program;

/* A program's lists, kept or in scratch. */
typedef struct quadrature_lists {
    quadrature_step *steps;
    int32_t *words;
    uint32_t *places; /* of its slots' features */
    uint32_t n_slots;
} quadrature_lists;

typedef struct quadrature_layout {
    mw_arena *arena;
    const explain_ranks *ranks;
    const uint8_t *covered; /* n_nodes: subtrees that tables explain; here they are leaves of 0 */
    quadrature_program *programs; /* by margin, then in file order */
    size_t n_programs;
    size_t *first_program;                                                      /* n_margins + 1 */
    double (*points)[QUADRATURE_POINTS_MAX], (*weights)[QUADRATURE_POINTS_MAX]; /* [n_points] */
    uint32_t points_max, levels_max;
    size_t slots_max, steps_max, words_max; /* of one program */
    bool kept;
    quadrature_lists lists; /* of all programs, when kept */
} quadrature_layout;

/* The parts of a block's memory, and their sizes. */
typedef struct quadrature_memory {
    void *slots;                  /* (slots_max, QUADRATURE_ROWS_MAX) */
    void *products;               /* (levels_max + 1, points_max) registers */
    void *sums;                   /* (2 * levels_max + 2, points_max) registers */
    void *masks;                  /* (3, levels_max + 1) registers */
    uint32_t *slot_of;            /* (n_places), for the writer */
    struct quadrature_path *path; /* (levels_max + 1), for the writer */
    quadrature_lists lists;       /* of one program, when programs are not kept */
} quadrature_memory;

/* Lay out what `covered` leaves. Everything is taken from `arena`. Programs that would take more
 * than `kept_bytes_max` are written anew for each block of rows. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status quadrature_lay_out(const mw_forest *forest, const explain_ranks *ranks,
                                        const uint8_t *covered, size_t kept_bytes_max,
                                        mw_arena *arena, quadrature_layout *ret_layout,
                                        mw_error *err);
/* Cut `memory` into its parts; returns its size (memory may be NULL for that). */
size_t quadrature_divide(const quadrature_layout *layout, void *memory,
                         quadrature_memory *ret_parts);
/* The lists of a program: kept ones, or written now into `parts`. */
quadrature_lists quadrature_lists_of(const mw_forest *forest, const quadrature_layout *layout,
                                     const quadrature_program *program, quadrature_memory *parts);

/* A leaf, or a subtree that stands for one. */
static inline bool quadrature_is_leaf(const mw_forest *forest, const uint8_t *covered, size_t node)
{
    return forest->left[node] == MW_NO_CHILD || covered[node];
}

/* ---- quadrature_write.c ---------------------------------------------------------------------- */

/* What stands at one level of the path to the node that is being written. */
typedef struct quadrature_path {
    uint32_t feature;
    double share; /* product over this feature's splits down to the edge below this level */
} quadrature_path;

/* Write a program's steps, words and places into `lists`. Returns the number of slots. */
uint32_t quadrature_write(const mw_forest *forest, const quadrature_layout *layout,
                          const quadrature_program *program, quadrature_path *path,
                          uint32_t *slot_of, const quadrature_lists *lists);
/* Points and weights of Gauss-Legendre on 0..1. */
void quadrature_gauss(size_t n_points, double *points, double *weights);

#endif
