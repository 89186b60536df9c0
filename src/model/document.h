/* document: XGBoost writes one tree of keys and values in two alphabets, JSON and UBJSON. This is
 * the reader's single view of both, so that there is one reader of XGBoost models.
 *
 *     JSON    --> mw_scan      --.
 *                                 >-- model_document_* --> xgboost.c
 *     UBJSON  --> model_ubjson --'
 *
 * Values that come as numbers in one version and as text in another ("num_class": "3") are read by
 * the _or_text functions.
 */
#ifndef MODEL_DOCUMENT_H
#define MODEL_DOCUMENT_H

#include "build.h"
#include "ubjson.h"

typedef struct model_document {
    bool binary;
    mw_scan json;
    model_ubjson ubjson;
    mw_arena *arena; /* for texts that must be decoded; they live as long as it */
} model_document;

void model_document_init(model_document *doc, mw_view bytes, bool binary, mw_arena *arena);

mw_scan_kind model_document_peek(model_document *doc);
/* Where it stands in the bytes. */
const char *model_document_at(const model_document *doc);
MW_CHECKED mw_status model_document_object_begin(model_document *doc, mw_error *err);
MW_CHECKED mw_status model_document_object_next(model_document *doc, mw_view *ret_key,
                                                bool *ret_more, mw_error *err);
MW_CHECKED mw_status model_document_array_begin(model_document *doc, mw_error *err);
MW_CHECKED mw_status model_document_array_next(model_document *doc, bool *ret_more, mw_error *err);
MW_CHECKED mw_status model_document_number(model_document *doc, double *ret_value, mw_error *err);
MW_CHECKED mw_status model_document_integer(model_document *doc, int64_t *ret_value, mw_error *err);
MW_CHECKED mw_status model_document_string(model_document *doc, mw_view *ret_text, mw_error *err);
MW_CHECKED mw_status model_document_skip(model_document *doc, mw_error *err);
MW_CHECKED mw_status model_document_end(model_document *doc, mw_error *err);

/* 3, "3": an integer either way. */
MW_CHECKED mw_status model_document_integer_or_text(model_document *doc, int64_t *ret_value,
                                                    mw_error *err);

/* Whole arrays, in one go. The list is emptied first. */
MW_CHECKED mw_status model_document_floats(model_document *doc, model_list *ret_floats,
                                           mw_error *err); /* of float */
MW_CHECKED mw_status model_document_integers(model_document *doc, model_list *ret_integers,
                                             mw_error *err); /* of int64_t; true is 1 */
MW_CHECKED mw_status model_document_strings(model_document *doc, model_list *ret_views,
                                            mw_error *err); /* of mw_view */

/* An object's keys, each at most once. `names` is a table of at most 32; the index of the next
 * known key comes back in *ret_key, keys that are not in the table are passed over.
 *
 *     uint32_t seen = 0;
 *     while (MW_TRY(model_document_key(doc, names, n, &seen, &key, &more, err)), more)
 *         switch (key) ... */
MW_CHECKED mw_status model_document_key(model_document *doc, const char *const *names,
                                        size_t n_names, uint32_t *seen, size_t *ret_key,
                                        bool *ret_more, mw_error *err);

/* The same over a table whose rows begin with their name (a `const char *`): what else stands in a
 * row, such as a reader of the value, is the caller's. */
MW_CHECKED mw_status model_document_row(model_document *doc, const void *table, size_t row_bytes,
                                        size_t n_rows, uint32_t *seen, size_t *ret_row,
                                        bool *ret_more, mw_error *err);

/* The float32 that XGBoost reads from a decimal text, and this double from the same text:
 * rounding twice differs from rounding once only when the double stands exactly between two
 * floats; then the text itself decides. */
float model_float_of(double value, mw_view text);

#endif
