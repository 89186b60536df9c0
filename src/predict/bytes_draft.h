/* A layout in the making: what the files that fill it share. */
#ifndef PREDICT_BYTES_DRAFT_H
#define PREDICT_BYTES_DRAFT_H

#include "bytes_cuts.h"

/* The path that leads up to a node of a general tree: see bytes_paths.c. */
typedef struct bytes_way {
    uint16_t level;   /* of paths: 0 where all leaves beside it are leaves, else above theirs */
    uint16_t n_steps; /* so far */
} bytes_way;

typedef struct trees_draft {
    const mw_forest *forest;
    bytes_layout *layout;
    bytes_places places;
    /* of the tree at hand, (its nodes) */
    uint32_t *queue;  /* breadth first */
    uint32_t *splits; /* the same without leaves */
    uint16_t *height; /* of a node above its leaves */
    uint32_t *line;   /* general: a leaf's number, or a line */
    bytes_way *way;   /* general */
} trees_draft;

static inline bool bytes_is_leaf(const mw_forest *forest, size_t node)
{
    return forest->left[node] == MW_NO_CHILD;
}

/* The value of leaf `number` of an output, whose leaves begin at `leaves`. */
static inline void bytes_put_value(const bytes_layout *layout, const bytes_tree *plan, char *leaves,
                                   size_t number, double value)
{
    float narrow = (float)value;
    uint32_t narrow_bits;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&narrow_bits, &narrow, sizeof narrow_bits);
    size_t n_bytes = layout->sum_float32 ? sizeof narrow : sizeof value;
    if (!bytes_has_planes(layout, plan)) {
        memcpy(leaves + number * n_bytes, layout->sum_float32 ? (void *)&narrow : &value, n_bytes);
        return;
    }
    bits = layout->sum_float32 ? narrow_bits : bits;
    for (size_t plane = 0; plane < n_bytes; plane++)
        leaves[plane * bytes_plane_bytes(plan) + number] = (char)(bits >> 8 * plane);
}

/* All leaves of one that has planes; not of float32 sums. */
void bytes_put_values(const bytes_tree *plan, char *leaves, const double *values);
/* Leaf `number` of the plan holds what `leaf` of the forest does, for each output. */
void bytes_put_leaf(const trees_draft *draft, size_t tree, size_t number, size_t leaf);
/* A general tree's paths, steps and leaves. */
void bytes_fill_paths(trees_draft *draft, size_t tree, size_t n_splits);

#endif
