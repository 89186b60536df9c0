/* Oblivious trees: all nodes of a level ask the same question, as CatBoost's do.
 *
 * Such a tree of depth d needs d decisions, not 2^d - 1, and its leaf's number is these decisions
 * side by side, the root's first:
 *
 *   level 0   x3 >= 1.0     1                       trees       0    1    2  ...
 *   level 1   x0 >= 0.5     0      leaf 101 = 5     row 0       5   12    0  ...   a byte each, two
 *   level 2   x7 >= 2.0     1                       row 1       3   60   33  ...   beyond depth 8
 *
 * What is left is to look leaves up and add them, which is most of the time. Trees therefore go in
 * runs: the numbers of a run's leaves are found for the whole block first; then eight rows at a
 * time keep their sums in registers while all trees of the run add to them, one load and one
 * addition a row and tree, in the order of the file. In AVX2 byte planes (as perfect trees have
 * them) took 1.5 times as long for float64 leaves, bringing four values together by hand 1.4 times;
 * in AVX-512, where an instruction looks up 64 or 128 bytes, planes take a third up to depth 6, and
 * half at depth 8 (bytes_avx512.c).
 */
#ifndef PREDICT_BYTES_OBLIVIOUS_H
#define PREDICT_BYTES_OBLIVIOUS_H

#include "bytes.h"

/* The questions of a tree's levels, from the root. Ranks as in bytes_nodes. */
typedef struct bytes_levels {
    uint32_t column[BYTES_OBLIVIOUS_DEPTH_MAX];
    uint8_t rank[BYTES_OBLIVIOUS_DEPTH_MAX];
} bytes_levels;

/* Every level of this tree is one question or all leaves, and it is not too deep.
 * `queue`: its nodes breadth first. */
bool bytes_is_oblivious(const mw_forest *forest, size_t tree, const uint32_t *queue, size_t n_nodes,
                        size_t depth);
/* Set n_together of the first tree of each run: trees whose leaves are added in one go. */
void bytes_plan_runs(bytes_layout *layout);
/* Add the leaves, of one output, of all trees of the run that begins at `trees` to the block's sums
 * of a margin. `numbers`: two lines a tree, low and high bytes. Rows up to the next multiple of
 * eight are added to, too. */
void bytes_add_run(const bytes_layout *layout, const bytes_tree *trees, size_t output,
                   size_t margin, const uint8_t *numbers, size_t n_rows, void *sums);

#endif
