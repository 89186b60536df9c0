/* Leaves too deep for tables, against a background: the rows that matter are found by bits.
 *
 * On the path to a leaf stand d features. A row x disagrees with the path at a set C of them, a
 * background row z agrees at a set Z; the pair gives something where Z holds all of C
 * (tables_usual.c has the game). The different Z of a leaf are numbered, and for five features at a
 * time a list says which of them hold a given part of C:
 *
 *     C = 01001 00110        list of features 0..4, entry 01001:   Z 0 1 . 3 . . 6 ..     64 a word
 *                            list of features 5..9, entry 00110:   Z 0 . 2 3 . 5 6 ..
 *                                                            and:  Z 0 . . 3 . . 6 ..
 *
 * What is left are a few Z, each of which adds to the features outside of it; together they take
 * from those of C. C itself is carried down the tree, one bit an edge. Of many rows, 64 go through
 * all Z of a leaf together (masks_kernel.h), which is quicker than to look for each row's own.
 *
 *     rows --> ranks --edges--> C of each leaf --lists--> the Z that hold it --> sums --> values */
#ifndef EXPLAIN_CONTRAST_MASKS_H
#define EXPLAIN_CONTRAST_MASKS_H

#include "contrasts.h"
#include "ranks.h"

enum {
    MASKS_FEATURES_MAX = 30, /* of a leaf; beyond, it is not taken */
    MASKS_PART = 5           /* features that one list looks at */
};

typedef struct contrast_masks contrast_masks;

/* Take the leaves of `forest` that are not `covered`, and mark those taken. means: see
 * contrast_rest. Beyond bytes_max none is taken. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status masks_make(const mw_contrast *contrast, const explain_ranks *ranks,
                                const double *means, size_t bytes_max, uint8_t *covered,
                                contrast_masks **ret_masks, mw_error *err);
void masks_free(contrast_masks *masks);
size_t masks_bytes(const contrast_masks *masks);
size_t masks_n_edges(const contrast_masks *masks);
/* Memory of a block. */
size_t masks_memory_bytes(const contrast_masks *masks);
/* Onto the block's values, on the processor of the kernel that reads the tables. ranks: (columns
 * of ranks, stride), of the block's rows; readable up to a multiple of 64 rows. */
void masks_add(const contrast_masks *masks, const explain_kernel *beside, const int16_t *ranks,
               size_t stride, const explain_block *block);

#endif
