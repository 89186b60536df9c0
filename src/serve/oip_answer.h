/* Tensors of an answer of the Open Inference Protocol: which there are, their shapes and values. */
#ifndef SERVE_OIP_ANSWER_H
#define SERVE_OIP_ANSWER_H

#include "oip_request.h"

/* `output` is the prediction; `contributions` and `anomaly_score` come when they are asked for, by
 * name or by the parameters `explain` and `anomaly`. A score that is not known (there is no
 * reference yet) is NaN, in JSON null. A graph that ONNX Runtime computes has outputs of its own
 * names besides. */
typedef enum oip_answer_kind {
    OIP_ANSWER_PREDICTION,
    OIP_ANSWER_CONTRIBUTIONS,
    OIP_ANSWER_ANOMALY,
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
    serve_place place; /* it goes there, and the answer says only where */
    size_t top;        /* classes as texts; 0 = values */
    mw_buf texts;      /* of these, and of BYTES: uint32 length, bytes; again and again */
} oip_answer;

/* What a tensor is, in metadata: dims[0] is the rows'. */
typedef struct oip_tensor_type {
    mw_view name;
    oip_datatype datatype;
    int64_t dims[OIP_MAX_DIMENSIONS];
    size_t rank;
} oip_tensor_type;

/* Input or output number i, as the model's metadata tells it; false behind the last. One matrix for
 * models of numbers; a tensor for each column where texts are categories, which no matrix of
 * numbers could carry; a graph has inputs of its own. All forms are read whichever is shown. */
typedef bool oip_types(const serve_model *model, size_t i, oip_tensor_type *ret_type);
oip_types oip_input_type, oip_output_type;

/* The tensors that a request asks for, by name, by default or by parameter; in the arena.
 * Fails: MW_E_OIP_OUTPUT, MW_NO_MEMORY. */
MW_CHECKED mw_status oip_choose_answers(const serve_model *model, const oip_request *request,
                                        mw_arena *arena, oip_answer **ret_answers, size_t *ret_n,
                                        mw_error *err);

/* What the call must find out besides predictions, for such tensors. */
void oip_tell_wants(const oip_answer *answers, size_t n, serve_call *call);

/* Make texts of values where texts are answered. Call it before those below, once; `cap` bytes. */
void oip_answer_prepare(const serve_call *call, oip_answer *answer, size_t cap);
void oip_answer_done(oip_answer *answer);
/* Its datatype and shape for the call's rows; without a name. */
oip_tensor_type oip_answer_type(const serve_call *call, const oip_answer *answer);
/* The tensor as JSON; of a binary one all but its bytes. */
void oip_answer_write(const serve_call *call, const oip_answer *answer, mw_buf *out);
/* The elements as bytes, and how many these are. */
size_t oip_answer_bytes(const serve_call *call, const oip_answer *answer);
void oip_answer_write_bytes(const serve_call *call, const oip_answer *answer, mw_buf *out);

#endif
