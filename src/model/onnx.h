/* onnx: the reader of ONNX files that hold one ensemble of trees; one room-private header.
 *
 *     ModelProto --onnx_wire.c--> onnx_graph.c: nodes, inputs, constants as they stand
 *                                     |
 *     onnx_flow.c    follows each value from the inputs to the outputs: which columns the ensemble
 *                    reads, and what becomes of its scores; refuses what it cannot fold
 *     onnx_trees.c   the ensemble's attributes become one plain form, for old and new operators
 *     onnx_forest.c  that form becomes trees of nodes in a model_build
 *     onnx.c         puts it together: outputs, classes, base values, schema
 *
 * What the operators mean: https://onnx.ai/onnx/operators/ (ai.onnx.ml 1 to 5). Where the text
 * leaves a choice, ONNX Runtime's behaviour was measured (1.32) and stands beside the code. */
#ifndef MODEL_ONNX_H
#define MODEL_ONNX_H

#include "build.h"
#include "onnx_wire.h"

/* ---- the graph, as it stands ------------------------------------------------------------------
 */

typedef enum model_onnx_type { /* TensorProto.DataType */
                               MODEL_ONNX_UNKNOWN = 0,
                               MODEL_ONNX_FLOAT = 1,
                               MODEL_ONNX_UINT8 = 2,
                               MODEL_ONNX_INT32 = 6,
                               MODEL_ONNX_INT64 = 7,
                               MODEL_ONNX_STRING = 8,
                               MODEL_ONNX_BOOL = 9,
                               MODEL_ONNX_DOUBLE = 11
} model_onnx_type;

typedef struct model_onnx_node {
    mw_view name, op, domain;
    mw_view body;           /* for its attributes */
    size_t input, n_inputs; /* slice of model_onnx.names */
    size_t output, n_outputs;
} model_onnx_node;

typedef struct model_onnx_input {
    mw_view name;
    int64_t type; /* model_onnx_type; MODEL_ONNX_UNKNOWN when it is no tensor */
    size_t rank;
    int64_t last_dim; /* -1: open */
    bool is_constant; /* and not an input at all */
} model_onnx_input;

typedef struct model_onnx_constant {
    mw_view name, tensor;
} model_onnx_constant;

/* One attribute; which fields count depends on its name. */
typedef struct model_onnx_attribute {
    mw_view name, body, text, tensor;
    int64_t integer;
    double number;
} model_onnx_attribute;

typedef struct model_onnx {
    model_build build;
    model_wire file;
    mw_view producer, producer_version;
    bool has_graph;
    model_list nodes;      /* model_onnx_node */
    model_list names;      /* mw_view: inputs and outputs of nodes */
    model_list inputs;     /* model_onnx_input */
    size_t n_real_inputs;  /* without the constants among them */
    model_list outputs;    /* mw_view */
    model_list constants;  /* model_onnx_constant */
    model_list domains;    /* mw_view: of the operator sets that are imported */
    bool always_scored[2]; /* some tree has a weight for output 0 (1) in each of its leaves */
} model_onnx;

MW_CHECKED mw_status model_onnx_read_graph(model_onnx *onnx, mw_error *err);

static inline mw_view model_onnx_name(const model_onnx *onnx, size_t at)
{
    return ((const mw_view *)onnx->names.items)[at];
}

/* "" and "ai.onnx" are one domain. */
bool model_onnx_is(const model_onnx_node *node, const char *domain, const char *op);
/* "TreeEnsembleClassifier 'trees'": put in front of the place. */
mw_status model_onnx_at(const model_onnx_node *node, mw_error *err);

/* Attributes one by one; *ret_more is false behind the last. `wire` begins at node->body. */
MW_CHECKED mw_status model_onnx_next_attribute(model_wire *wire, model_onnx_attribute *ret,
                                               bool *ret_more, mw_error *err);
/* The attribute called `name`; *ret_found says whether there is one. */
MW_CHECKED mw_status model_onnx_find_attribute(const model_onnx *onnx, const model_onnx_node *node,
                                               const char *name, model_onnx_attribute *ret,
                                               bool *ret_found, mw_error *err);
/* Its lists: ints, floats, strings. */
MW_CHECKED mw_status model_onnx_integers(const model_onnx *onnx,
                                         const model_onnx_attribute *attribute, model_list *int64s,
                                         mw_error *err);
MW_CHECKED mw_status model_onnx_numbers(const model_onnx *onnx,
                                        const model_onnx_attribute *attribute, model_list *doubles,
                                        mw_error *err);
MW_CHECKED mw_status model_onnx_texts(const model_onnx *onnx, const model_onnx_attribute *attribute,
                                      model_list *views, mw_error *err);
/* All numbers of a tensor as doubles (integers beyond 2^53 are none we need). *ret_type is its
 * element type. Fails: MW_UNSUPPORTED for data outside the file. */
MW_CHECKED mw_status model_onnx_tensor(const model_onnx *onnx, mw_view tensor, model_list *doubles,
                                       int64_t *ret_type, mw_error *err);
/* The constant tensor called `name`: an initializer or a Constant node's value. */
bool model_onnx_constant_of(const model_onnx *onnx, mw_view name, mw_view *ret_tensor);

/* ---- what stands around the trees -------------------------------------------------------------
 */

/* Where the numbers of a prediction come from, before and behind the ensemble. */
typedef struct model_onnx_flow {
    const model_onnx_node *ensemble;
    bool is_classifier;
    int64_t input_type; /* of the ensemble: float, double, int32 or int64 */
    bool rounded;       /* the columns were float32 before they became double */
    bool open_width;    /* one input of unknown width: features are columns */
    model_list columns; /* uint32_t: the forest's feature behind each column of the ensemble */
    size_t n_features;  /* of all inputs; 0 when open_width */
    /* steps on the scores, in this order */
    double multiply; /* by a constant, before the next step */
    const model_onnx_node *multiply_node;
    bool sigmoid, exponential, shares;
    double scale;      /* multiplied in before a sigmoid, or behind an exponential */
    size_t n_reshaped; /* outputs that a Reshape expects; 0: none did */
    const model_onnx_node *reshape_node, *last_node;
    model_list labels; /* mw_view: names of classes that a ZipMap gives; empty: none */
} model_onnx_flow;

void model_onnx_flow_init(model_onnx_flow *flow);
void model_onnx_flow_done(model_onnx_flow *flow);
MW_CHECKED mw_status model_onnx_follow(model_onnx *onnx, model_onnx_flow *flow, mw_error *err);

/* ---- the trees, in one plain form --------------------------------------------------------------
 */

typedef enum model_onnx_mode { /* numbered as TreeEnsemble (opset 5) does */
                               MODEL_ONNX_LEQ,
                               MODEL_ONNX_LT,
                               MODEL_ONNX_GTE,
                               MODEL_ONNX_GT,
                               MODEL_ONNX_EQ,
                               MODEL_ONNX_NEQ,
                               MODEL_ONNX_MEMBER,
                               MODEL_ONNX_LEAF
} model_onnx_mode;

typedef enum model_onnx_post { /* numbered as TreeEnsemble does */
                               MODEL_ONNX_NONE,
                               MODEL_ONNX_SOFTMAX,
                               MODEL_ONNX_LOGISTIC,
                               MODEL_ONNX_SOFTMAX_ZERO,
                               MODEL_ONNX_PROBIT
} model_onnx_post;

/* A node as either operator has it. A leaf has mode MODEL_ONNX_LEAF. */
typedef struct model_onnx_split {
    double value;
    uint32_t yes, no; /* index of the node; the place was checked */
    uint32_t feature; /* column of the ensemble's input */
    uint32_t set;     /* of MODEL_ONNX_MEMBER: slice of `members` */
    uint32_t set_end;
    uint8_t mode;
    bool missing_yes; /* NaN goes the way of a comparison that holds */
} model_onnx_split;

typedef struct model_onnx_weight {
    uint32_t node, output;
    double value;
} model_onnx_weight;

typedef struct model_onnx_trees {
    bool is_classifier;
    bool average, sum_double;
    size_t n_outputs; /* classes or targets */
    model_onnx_post post;
    model_list splits;  /* model_onnx_split */
    model_list roots;   /* uint32_t */
    model_list weights; /* model_onnx_weight, in the order of their nodes */
    model_list first;   /* uint32_t: first weight of each node; one more than there are nodes */
    model_list members; /* double: values of MEMBER sets */
    model_list base;    /* double */
    model_list labels;  /* mw_view, of a classifier */
} model_onnx_trees;

void model_onnx_trees_init(model_onnx_trees *trees);
void model_onnx_trees_done(model_onnx_trees *trees);
MW_CHECKED mw_status model_onnx_read_trees(model_onnx *onnx, const model_onnx_flow *flow,
                                           model_onnx_trees *trees, mw_error *err);

/* Trees become nodes of onnx->build. n_features and n_margins of the forest are set before. */
MW_CHECKED mw_status model_onnx_build(model_onnx *onnx, const model_onnx_flow *flow,
                                      const model_onnx_trees *trees, mw_error *err);

MW_CHECKED mw_status model_onnx_read(mw_view bytes, mw_forest **ret_forest, mw_error *err);

#endif
