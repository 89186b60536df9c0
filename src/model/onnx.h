/* onnx: the reader of ONNX files of trees or a linear model; one room-private header.
 *
 *     ModelProto --onnx_wire.c--> onnx_graph.c: nodes, inputs, constants as they stand
 *                                     |
 *     onnx_flow.c     follows each value from the inputs to the predictions, as cells: numbers of a
 *                     row (onnx_cells.c); refuses what it cannot say so
 *     onnx_encode.c   ... operators of ai.onnx.ml: scalers, imputers, encoders
 *     onnx_parts.c    ... ensembles and linear operators
 *     onnx_trees.c    an ensemble's attributes become one plain form, for old and new operators
 *     onnx_fold.c     its splits ask about the row's own features, where they can
 *     onnx_forest.c   that form becomes trees of nodes in a model_build
 *     onnx_margins.c  several ensembles: which sums are margins, and what is made of them
 *     onnx.c          puts it together: outputs, classes, base values, schema
 *
 * What the operators mean: https://onnx.ai/onnx/operators/ (ai.onnx.ml 1 to 5). Where the text
 * leaves a choice, ONNX Runtime's behaviour was measured (1.32) and stands beside the code. */
#ifndef MODEL_ONNX_H
#define MODEL_ONNX_H

#include "build.h"
#include "onnx_wire.h"

/* ---- texts by number --------------------------------------------------------------------------
 */

/* Texts, numbered from 0 in the order in which they came. Views into the file. */
typedef struct model_onnx_index {
    model_list texts; /* mw_view */
    uint32_t *slots;  /* open addressing: number + 1, 0 where free */
    size_t n_slots;   /* a power of two */
} model_onnx_index;

void model_onnx_index_init(model_onnx_index *index);
void model_onnx_index_done(model_onnx_index *index);
/* The number of a text, a new one where it is new; UINT32_MAX when memory is gone. */
uint32_t model_onnx_index_put(model_onnx_index *index, mw_view text);
/* UINT32_MAX: not there. */
uint32_t model_onnx_index_find(const model_onnx_index *index, mw_view text);

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
    bool is_whole; /* nothing of the file went back to the system */
    model_list nodes;     /* model_onnx_node */
    model_list names;     /* mw_view: inputs and outputs of nodes */
    model_list inputs;    /* model_onnx_input */
    size_t n_real_inputs; /* without the constants among them */
    model_list outputs;   /* mw_view */
    model_list constants; /* mw_view: tensors, by the number of their name */
    model_onnx_index constant_names;
    model_list feature_kinds; /* uint8_t: mw_recipe_kind or MODEL_ONNX_TEXT of each feature */
    model_list domains;       /* mw_view: of the operator sets that are imported */
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
/* Its sizes: int64_t. */
MW_CHECKED mw_status model_onnx_tensor_sizes(const model_onnx *onnx, mw_view tensor,
                                             model_list *int64s, mw_error *err);
/* Keeps a tensor under its name; of two with one name the first counts. */
MW_CHECKED mw_status model_onnx_keep_constant(model_onnx *onnx, mw_view name, mw_view tensor,
                                              mw_error *err);
/* The constant tensor called `name`: an initializer or a Constant node's value. */
bool model_onnx_constant_of(const model_onnx *onnx, mw_view name, mw_view *ret_tensor);

/* ---- cells: what a graph computes of one row, one number each --------------------------------
 */

#define MODEL_ONNX_NOTHING UINT32_MAX       /* depends on no feature, on no part */
#define MODEL_ONNX_SEVERAL (UINT32_MAX - 1) /* on more than one */

typedef enum model_onnx_source {
    MODEL_ONNX_STEP,    /* made by `step` */
    MODEL_ONNX_FEATURE, /* of the row; `of` says which */
    MODEL_ONNX_MARGIN,  /* sum `output` of part `of`, before base and transform */
    MODEL_ONNX_SCORE    /* its output after them; step.a is the cell that says so in steps */
} model_onnx_source;

enum { MODEL_ONNX_TEXT = MW_RECIPE_BOOL + 1 }; /* kind of a feature with texts: its code */

typedef struct model_onnx_cell {
    mw_recipe_step step; /* its kind counts for every source */
    uint8_t source;
    uint32_t of, output;
    uint32_t feature, part; /* the only one that the number depends on, or one of the above */
} model_onnx_cell;

/* A feature whose values are texts; its codes count the texts that some encoder knows. */
typedef struct model_onnx_words {
    uint32_t feature;
    bool strict; /* an encoder refuses a text that it does not know */
    model_onnx_index texts;
} model_onnx_words;

typedef struct model_onnx_table {
    size_t first, n; /* n keys and n values in `numbers` */
} model_onnx_table;

typedef struct model_onnx_cells {
    model_list cells;   /* model_onnx_cell; each step's cells stand before it */
    model_list numbers; /* double: of tables */
    model_list tables;  /* model_onnx_table */
    model_list words;   /* model_onnx_words */
    bool failed;        /* some cell could not be made: sticky, so that callers read well */
    bool full;          /* ... because there are too many */
} model_onnx_cells;

void model_onnx_cells_init(model_onnx_cells *cells);
void model_onnx_cells_done(model_onnx_cells *cells);
static inline const model_onnx_cell *model_onnx_cell_at(const model_onnx_cells *cells, uint32_t at)
{
    return &((const model_onnx_cell *)cells->cells.items)[at];
}
uint32_t model_onnx_constant_cell(model_onnx_cells *cells, uint8_t kind, double number);
uint32_t model_onnx_source_cell(model_onnx_cells *cells, model_onnx_source source, uint8_t kind,
                                uint32_t of, uint32_t output);
/* A step of up to three cells; of constants alone it is one. `b` of a LOOKUP is a table. */
uint32_t model_onnx_step_cell(model_onnx_cells *cells, mw_recipe_step step);
uint32_t model_onnx_one(model_onnx_cells *cells, mw_recipe_op op, uint8_t kind, uint32_t a);
uint32_t model_onnx_two(model_onnx_cells *cells, mw_recipe_op op, uint8_t kind, uint32_t a,
                        uint32_t b);
uint32_t model_onnx_where(model_onnx_cells *cells, uint32_t condition, uint32_t yes, uint32_t no);
uint32_t model_onnx_cast(model_onnx_cells *cells, uint8_t kind, uint32_t a);
bool model_onnx_is_constant(const model_onnx_cells *cells, uint32_t a, double *ret_number);
/* What a step makes of the numbers of its cells. */
double model_onnx_apply(const model_onnx_cells *cells, const mw_recipe_step *step, double a,
                        double b, double c);
/* The number of a table over n keys and values, which are sorted here. */
uint32_t model_onnx_add_table(model_onnx_cells *cells, const double *keys, const double *values,
                              size_t n);
/* The code of a text of this feature; a new one where no encoder had it yet. */
double model_onnx_word(model_onnx_cells *cells, uint32_t feature, mw_view text, bool strict);

/* The steps that make `roots` of given cells: given[cell] is the input's number, or
 * MODEL_ONNX_NOTHING. `round_features`: rows are float64, so that a float32 feature is rounded
 * first. */
MW_CHECKED mw_status model_onnx_recipe(const model_onnx_cells *cells, const uint32_t *roots,
                                       size_t n_roots, const uint32_t *given, bool round_features,
                                       mw_arena *arena, const mw_recipe **ret_recipe,
                                       mw_error *err);

/* Whether this operator is read anywhere: the others are named when a model is refused. */
bool model_onnx_is_read(const model_onnx_node *node);

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
    uint32_t feature; /* column of the ensemble's input; once folded, of the forest */
    uint32_t set;     /* of MODEL_ONNX_MEMBER: slice of `members` */
    uint32_t set_end;
    uint8_t mode;
    bool missing_yes; /* NaN goes the way of a comparison that holds */
    bool always;      /* `yes` is where every row goes */
    bool is_code;     /* MEMBER of whole numbers only: the row's value is one */
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
/* `wide`: rows are float64. */
MW_CHECKED mw_status model_onnx_read_trees(model_onnx *onnx, const model_onnx_node *node, bool wide,
                                           model_onnx_trees *trees, mw_error *err);
/* The names of classes, as attributes hold them: texts or numbers. */
MW_CHECKED mw_status model_onnx_set_labels(model_onnx *onnx, const model_list *texts,
                                           const model_list *numbers, model_onnx_trees *trees,
                                           mw_error *err);
/* By ONNX's name. */
bool model_onnx_post_of(mw_view name, model_onnx_post *ret_post);

/* ---- what stands around the trees -------------------------------------------------------------
 */

/* One ensemble of trees or one linear operator. */
typedef struct model_onnx_part {
    const model_onnx_node *node;
    bool is_linear, is_classifier;
    bool wide;              /* its columns are float64 */
    model_onnx_trees trees; /* of linear ones the head: outputs, transform, labels, base */
    bool wants_bias;        /* a product without intercepts so far */
    model_list weights;     /* double: linear, (n_columns + 1, n_outputs), intercepts last */
    size_t slot, n_columns; /* its columns: slice of flow->slots */
    size_t n_margins;
    uint32_t margin, score; /* first cells of n_margins and of n_outputs */
    uint32_t shares;        /* first slot of n_outputs cells that are shares of the scores */
} model_onnx_part;

/* Where the numbers of a prediction come from. */
typedef struct model_onnx_flow {
    model_onnx_cells cells;
    model_list slots;         /* uint32_t: cells, in the order of columns */
    model_list parts;         /* model_onnx_part */
    size_t n_features;        /* of all inputs */
    size_t output, n_outputs; /* the predictions: slice of slots */
    bool narrow;              /* rows are rounded to float32 and nothing sees the difference */
    model_list extra;         /* uint32_t: cells that stand as columns behind the features */
    model_list labels;        /* mw_view: names of classes that a ZipMap gives; empty: none */
} model_onnx_flow;

static inline uint32_t *model_onnx_slot(const model_onnx_flow *flow, size_t at)
{
    return (uint32_t *)flow->slots.items + at;
}
static inline model_onnx_part *model_onnx_part_at(const model_onnx_flow *flow, size_t at)
{
    return (model_onnx_part *)flow->parts.items + at;
}

void model_onnx_flow_init(model_onnx_flow *flow);
void model_onnx_flow_done(model_onnx_flow *flow);
MW_CHECKED mw_status model_onnx_follow(model_onnx *onnx, model_onnx_flow *flow, mw_error *err);

/* "the operator Scaler is not read here", with a reason, and the node's name. The one place where
 * what cannot be folded is refused (MW2019). */
mw_status model_onnx_refuse(const model_onnx_node *node, const char *why, mw_error *err);

/* Two classes with one score between them. */
bool model_onnx_is_binary(const model_onnx_trees *trees);
bool model_onnx_is_never_negative(const model_onnx_trees *trees);

/* Splits ask about columns; afterwards they ask about features, or about columns behind them where
 * the question cannot be put to a feature (onnx_fold.c). */
MW_CHECKED mw_status model_onnx_fold(model_onnx *onnx, model_onnx_flow *flow, mw_error *err);

/* A graph that gives more than the scores of one part: margins, trees or weights, and a recipe
 * behind them. */
MW_CHECKED mw_status model_onnx_set_margins(model_onnx *onnx, model_onnx_flow *flow, mw_error *err);
/* forest->linear_weights, of linear parts; margin_of[part->margin + m] (NULL: m) is where output m
 * goes. */
MW_CHECKED mw_status model_onnx_set_weights(model_onnx *onnx, const model_onnx_flow *flow,
                                            const uint32_t *margin_of, mw_error *err);

/* Trees become nodes of onnx->build; outputs of their weights are margins. n_features and n_margins
 * of the forest are set before. */
MW_CHECKED mw_status model_onnx_build(model_onnx *onnx, const model_onnx_part *part, mw_error *err);

MW_CHECKED mw_status model_onnx_read(mw_view bytes, unsigned how, bool *ret_whole,
                                     mw_forest **ret_forest, mw_error *err);

#endif
