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

/* Leaf `number` of the plan holds what `leaf` of the forest does, for each output. */
void bytes_put_leaf(const trees_draft *draft, size_t tree, size_t number, size_t leaf);
/* A general tree's paths, steps and leaves. */
void bytes_fill_paths(trees_draft *draft, size_t tree, size_t n_splits);

#endif
