/* foreign: ONNX graphs that ONNX Runtime computes, because the native reader refuses them; one
 * room-private header.
 *
 *     refusal --> foreign_scan.c   walks the whole file: operators and their domains, numbers in
 *                                  other files, ZipMaps, names of classes and categories
 *                 foreign_text.c   which texts may stand in an input of text
 *                 foreign.c        opens a session, tries it, and makes a forest without trees
 */
#ifndef MODEL_FOREIGN_H
#define MODEL_FOREIGN_H

#include "onnx.h"

/* A ZipMap that gives an output of the graph: its input is the tensor of scores. */
typedef struct foreign_zip {
    mw_view output, input;
    size_t labels; /* index into foreign.labels */
} foreign_zip;

/* Names of classes that stand in the file. */
typedef struct foreign_labels {
    size_t first, count; /* slice of foreign.texts */
    bool are_numbers;    /* they were whole numbers */
} foreign_labels;

typedef struct foreign {
    model_onnx onnx;      /* nodes, names, outputs and constants of the main graph */
    model_list operators; /* model_onnx_node: each operator that is not read natively, once */
    model_list functions; /* mw_view: domains of functions that the model defines itself */
    model_list files;     /* mw_view: names of files beside the model, each once */
    model_list zips;      /* foreign_zip */
    model_list labels;    /* foreign_labels */
    model_list texts;     /* mw_view */
    mw_arena arena;       /* of texts that do not stand in the file */
    const model_onnx_node *strange; /* of an unknown domain; NULL: none */
    bool external_inside; /* numbers of a tensor that is no initializer stand in another file */
} foreign;

void foreign_init(foreign *f, mw_view bytes);
void foreign_done(foreign *f);
/* Fails: MW_BAD_DATA, MW_NO_MEMORY; refuses nothing. */
MW_CHECKED mw_status foreign_scan(foreign *f, mw_error *err);

/* The texts of a tensor. */
MW_CHECKED mw_status foreign_tensor_texts(const foreign *f, mw_view tensor, model_list *views,
                                          mw_error *err);
/* The texts that the operators behind the input called `name` tell apart.
 * Fails: MW_E_RUNTIME_SHAPE when one of them reads texts in another way. */
MW_CHECKED mw_status foreign_categories(const foreign *f, mw_view name, model_list *views,
                                        mw_error *err);

/* Read a graph that the native reader has refused with `err`. `path`: the file, for others beside
 * it; NULL: it has none. */
MW_CHECKED mw_status model_foreign_read(mw_view bytes, const char *path, mw_forest **ret_forest,
                                        mw_error *err);

#endif
