/* What onnx_flow.c, onnx_encode.c and onnx_parts.c share: values under way through a graph. */
#ifndef MODEL_ONNX_FLOW_H
#define MODEL_ONNX_FLOW_H

#include "onnx.h"

typedef enum onnx_value_kind {
    ONNX_UNKNOWN, /* nothing has made it */
    ONNX_CELLS,   /* n columns, or stack * n where several matrices lie on one another */
    ONNX_OPEN,    /* the only input, whose width is not in the file */
    ONNX_LABELS,  /* of a classifier: the scores say as much */
    ONNX_SHAPE    /* what Shape says of n columns */
} onnx_value_kind;

typedef struct onnx_value {
    onnx_value_kind kind;
    uint8_t type;   /* mw_recipe_kind, or MODEL_ONNX_TEXT */
    size_t slot, n; /* slice of flow->slots; of a constant all its numbers */
    size_t stack;   /* 0: one matrix of n columns */
    bool constant;
} onnx_value;

typedef struct onnx_follower {
    model_onnx *onnx;
    model_onnx_flow *flow;
    const model_onnx_node *node; /* under way */
    model_onnx_index names;
    model_list values; /* onnx_value, by the number of their name */
    model_list needed; /* bool, the same: some way to the predictions needs it */
    uint8_t open_type; /* of the ONNX_OPEN input's features */
    size_t open_slot, open_width;
    mw_error *err;
} onnx_follower;

/* ---- for operators --------------------------------------------------------------------------- */

static inline model_onnx_cells *onnx_cells(onnx_follower *f)
{
    return &f->flow->cells;
}
static inline uint32_t onnx_cell(const onnx_follower *f, const onnx_value *value, size_t i)
{
    return *model_onnx_slot(f->flow, value->slot + (value->n == 1 && value->stack == 0 ? 0 : i));
}
mw_status onnx_refuse(onnx_follower *f, const char *why);
/* Is there an input `i`? Optional ones have no name. */
bool onnx_has(const onnx_follower *f, size_t i);
/* Input `i`: what was made of it, or a constant. `width`: what an input of open width is given, 0
 * when the operator cannot say. */
MW_CHECKED mw_status onnx_take(onnx_follower *f, size_t i, size_t width, onnx_value *ret_value);
/* The type of input `i`, whatever its width; UINT8_MAX where it has none yet. */
uint8_t onnx_type(onnx_follower *f, size_t i);
bool onnx_is_open(onnx_follower *f, size_t i);
/* Room for n cells of an output; *ret_slot is the first. */
MW_CHECKED mw_status onnx_room(onnx_follower *f, size_t n, size_t *ret_slot);
static inline void onnx_put(onnx_follower *f, size_t slot, uint32_t cell)
{
    *model_onnx_slot(f->flow, slot) = cell;
}
/* Output `i` is this value. */
MW_CHECKED mw_status onnx_give(onnx_follower *f, size_t i, onnx_value value);
/* Output 0 is n columns from `slot`. */
MW_CHECKED mw_status onnx_give_cells(onnx_follower *f, uint8_t type, size_t slot, size_t n);
/* All numbers of constant input `i`; refused when it is not constant. */
MW_CHECKED mw_status onnx_constant(onnx_follower *f, size_t i, model_list *doubles);
MW_CHECKED mw_status onnx_integer(onnx_follower *f, const char *name, int64_t otherwise,
                                  int64_t *ret_value);
MW_CHECKED mw_status onnx_number(onnx_follower *f, const char *name, double otherwise,
                                 double *ret_value);
/* The doubles of attribute `name`, floats or integers; *ret_found says whether it is there. */
MW_CHECKED mw_status onnx_numbers(onnx_follower *f, const char *name, model_list *doubles,
                                  bool *ret_found);
MW_CHECKED mw_status onnx_texts(onnx_follower *f, const char *name, model_list *views);
/* Is the node's first output read by one operator alone, and no prediction itself? */
bool onnx_is_read_once(const onnx_follower *f, mw_view name);
uint8_t onnx_kind_of(int64_t type);

/* ---- operators of other files ---------------------------------------------------------------- */

typedef mw_status (*onnx_operator)(onnx_follower *f, unsigned code);

mw_status onnx_scaler(onnx_follower *f, unsigned code);
mw_status onnx_imputer(onnx_follower *f, unsigned code);
mw_status onnx_normalizer(onnx_follower *f, unsigned code);
mw_status onnx_lp_norm(onnx_follower *f, unsigned code);
mw_status onnx_binarizer(onnx_follower *f, unsigned code);
mw_status onnx_one_hot(onnx_follower *f, unsigned code);
mw_status onnx_label_encoder(onnx_follower *f, unsigned code);
mw_status onnx_vectorizer(onnx_follower *f, unsigned code);
mw_status onnx_zip_map(onnx_follower *f, unsigned code);
mw_status onnx_ensemble(onnx_follower *f, unsigned code);
mw_status onnx_linear(onnx_follower *f, unsigned code);  /* code 1: LinearClassifier */
mw_status onnx_product(onnx_follower *f, unsigned code); /* MatMul; code 1: Gemm */
/* Add of constants to a product that has no intercepts yet; *ret_done says whether it was that. */
MW_CHECKED mw_status onnx_add_intercepts(onnx_follower *f, bool *ret_done);

/* Shares of cells in their sum (0: L1), roots of shares of squares (1: L2), shares in the largest
 * one (2) or in the length (3), into n new slots. */
MW_CHECKED mw_status onnx_shares(onnx_follower *f, const onnx_value *in, unsigned norm,
                                 size_t *ret_slot);
void onnx_softmax_cells(model_onnx_cells *cells, const uint32_t *from, size_t n, uint8_t kind,
                        uint32_t *to);

#endif
