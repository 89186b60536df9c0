/* Tensors of an answer of the Open Inference Protocol: which there are, their shapes and values. */
#ifndef SERVE_OIP_ANSWER_H
#define SERVE_OIP_ANSWER_H

#include "oip_request.h"

/* `output` is the prediction; `contributions` come when they are asked for, by name or by the
 * parameter `explain`. A graph that ONNX Runtime computes has outputs of its own names besides. */
typedef enum oip_answer_kind {
    OIP_ANSWER_PREDICTION,
    OIP_ANSWER_CONTRIBUTIONS,
    OIP_ANSWER_GRAPH
} oip_answer_kind;

/* One tensor: `count` values of every row, which begin at value `first` of the row's `stride`. */
typedef struct oip_answer {
    oip_answer_kind kind;
    const mw_graph_tensor *graph; /* of OIP_ANSWER_GRAPH */
    const char *name;
    oip_datatype datatype;
    size_t first, count, stride;
    bool binary;
    size_t top;   /* classes as texts; 0 = values */
    mw_buf texts; /* of these, and of BYTES: uint32 length, bytes; again and again */
} oip_answer;

/* The tensor called `name`; false when the model has none. */
bool oip_answer_find(const serve_model *model, mw_view name, oip_answer *ret_answer);
/* Tensor number i of those that come unasked; false behind the last. */
bool oip_answer_default(const serve_model *model, size_t i, oip_answer *ret_answer);

/* Its dimensions behind the first, that of the rows: ", 3, 10". */
void oip_answer_write_dims(const serve_model *model, const oip_answer *answer, mw_buf *out);
/* The tensor as JSON; of a binary one all but its bytes. `texts` is filled on the way. */
void oip_answer_write(const serve_call *call, oip_answer *answer, mw_buf *out);
/* The bytes of a binary one, after oip_answer_write. */
void oip_answer_write_bytes(const serve_call *call, const oip_answer *answer, mw_buf *out);

#endif
