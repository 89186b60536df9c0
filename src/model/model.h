/* model: a file becomes a forest. Data only: nothing in it is ever run.
 *
 *     bytes --> kind (told from content) --> one reader a format --> checks --> mw_forest
 *
 * An mw_forest is the one form that predict and explain know. It keeps every number that the
 * library saved at full precision, so that a prediction can be equal to the last bit.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/base.h"
#include "runtime/runtime.h"
#include "table/table.h"

typedef enum mw_format {
    MW_FORMAT_XGBOOST_JSON,
    MW_FORMAT_XGBOOST_UBJSON,
    MW_FORMAT_LIGHTGBM_TEXT,
    MW_FORMAT_LIGHTGBM_JSON, /* what dump_model() returns */
    MW_FORMAT_CATBOOST_JSON,
    MW_FORMAT_CATBOOST_BINARY, /* .cbm */
    MW_FORMAT_ONNX,
    MW_FORMAT_ONNX_GRAPH /* computed by ONNX Runtime: see mw_graph */
} mw_format;

/* "xgboost json", "xgboost ubjson", "lightgbm text", "lightgbm json", "catboost json",
 * "catboost binary", "onnx", "onnx graph". */
const char *mw_format_name(mw_format format);

/* From margins to predictions. Computed in float32 where sums are, else in float64. */
typedef enum mw_transform {
    MW_TRANSFORM_IDENTITY,
    MW_TRANSFORM_SIGMOID,       /* 1 / (1 + exp(-scale * x)), each margin for itself (also OVA) */
    MW_TRANSFORM_SOFTMAX,       /* over the n_margins of a row */
    MW_TRANSFORM_ARGMAX,        /* index of the largest margin, first wins: 1 value a row */
    MW_TRANSFORM_EXP,           /* exp(x) */
    MW_TRANSFORM_HINGE,         /* x > 0 ? 1 : 0 */
    MW_TRANSFORM_SIGNED_SQUARE, /* sign(x) * x * x: LightGBM's "regression sqrt" */
    MW_TRANSFORM_LOG1P_EXP,     /* log(1 + exp(x)): LightGBM's cross_entropy_lambda */
    /* What a scikit-learn classifier answers: labels, not probabilities (MLflow serves these). */
    MW_TRANSFORM_SIGMOID_LABEL, /* each margin: sigmoid as above, then > 0.5 ? 1 : 0 */
    MW_TRANSFORM_SOFTMAX_LABEL, /* softmax as above, then the index of the largest probability,
                                   first wins (two margins may round to one probability): 1 value */
    /* ONNX. A pair is two values, for two classes, of one margin x. */
    MW_TRANSFORM_PAIR_SHARE,   /* 1 - x, x */
    MW_TRANSFORM_PAIR_SIGN,    /* -x, x */
    MW_TRANSFORM_PAIR_SIGMOID, /* 1 / (1 + exp(scale * x)), 1 / (1 + exp(-scale * x)) */
    MW_TRANSFORM_SOFTMAX_ZERO, /* softmax over margins beyond 1e-7 in size; smaller ones are no
                                  class's and stay about zero */
    MW_TRANSFORM_PROBIT,       /* sqrt(2) * erfinv(2 * x - 1), by ONNX Runtime's approximation */
    MW_TRANSFORM_SHARES,       /* each margin divided by the sum of their sizes */
    MW_TRANSFORM_SCALED_EXP,   /* scale * exp(x) */
    MW_TRANSFORM_RECIPE        /* mw_forest.after */
} mw_transform;

/* Arithmetic of a row that stands before the trees or behind them: ONNX's operators, one number at
 * a time.
 *
 *     cells:  0 .. n_inputs - 1        given
 *             n_inputs + i             made by step i from cells before it
 *
 * Each step rounds as its kind says, so that the numbers are those of ONNX Runtime. */
typedef enum mw_recipe_op {
    MW_RECIPE_CONSTANT, /* number */
    MW_RECIPE_CAST,     /* a */
    MW_RECIPE_ADD,      /* a and b, as all down to OR */
    MW_RECIPE_SUB,
    MW_RECIPE_MUL,
    MW_RECIPE_DIV,
    MW_RECIPE_POW,
    MW_RECIPE_MAX, /* NaN when either is */
    MW_RECIPE_MIN,
    MW_RECIPE_EQUAL, /* 1 or 0, as all down to OR */
    MW_RECIPE_LESS,
    MW_RECIPE_LESS_EQUAL,
    MW_RECIPE_AND,
    MW_RECIPE_OR,
    MW_RECIPE_NOT, /* a, as all down to SIGMOID */
    MW_RECIPE_IS_NAN,
    MW_RECIPE_NEG,
    MW_RECIPE_ABS,
    MW_RECIPE_SQRT,
    MW_RECIPE_EXP,
    MW_RECIPE_LOG,
    MW_RECIPE_FLOOR,
    MW_RECIPE_SIGMOID,
    MW_RECIPE_PROBIT, /* as MW_TRANSFORM_PROBIT */
    MW_RECIPE_IMPUTE, /* number where a is NaN, else a */
    MW_RECIPE_WHERE,  /* a is not 0: b, else c */
    MW_RECIPE_LOOKUP, /* the value beside key a in table b, else number */
    MW_RECIPE_AT,     /* number a of table b, counted from 0, else number */
    MW_RECIPE_MIX,  /* bits: CatBoost's hash a with the part b mixed in, all ones where b is NaN */
    MW_RECIPE_FIND, /* the place of the bits a among those of table b, else NaN */
    MW_RECIPE_OPS
} mw_recipe_op;

typedef enum mw_recipe_kind {
    MW_RECIPE_FLOAT32,
    MW_RECIPE_FLOAT64,
    MW_RECIPE_INTEGER, /* a quotient and a cast are cut towards zero */
    MW_RECIPE_BOOL     /* a cast says whether it is not 0 */
} mw_recipe_kind;

typedef struct mw_recipe_step {
    uint8_t op, kind;
    uint32_t a, b, c; /* cells; only those that the op names */
    double number;
} mw_recipe_step;

/* Of LOOKUP: n keys, ascending (NaN last), and then their n values. Of AT: n values. Of FIND: n
 * numbers whose bits ascend. */
typedef struct mw_recipe_table {
    const double *numbers;
    size_t n;
    /* Of FIND: those whose bits >> shift are b stand from starts[b] to starts[b + 1]. */
    const uint32_t *starts;
    unsigned shift;
} mw_recipe_table;

typedef struct mw_recipe {
    const uint32_t *inputs; /* which of the given values stand in the first cells */
    size_t n_inputs;
    const mw_recipe_step *steps;
    size_t n_steps;
    const uint32_t *outputs; /* cells */
    size_t n_outputs;
    const mw_recipe_table *tables;
} mw_recipe;

/* b of such a step is a table, not a cell. */
static inline bool mw_recipe_looks_up(const mw_recipe_step *step)
{
    return step->op == MW_RECIPE_LOOKUP || step->op == MW_RECIPE_AT || step->op == MW_RECIPE_FIND;
}

/* The cells that a step reads, to ret_cells: how many of MW_RECIPE_READS. */
enum { MW_RECIPE_READS = 3 };
size_t mw_recipe_reads(const mw_recipe_step *step, uint32_t *ret_cells);

enum { MW_RECIPE_LANES = 64 }; /* rows that go through a step together */

/* Bytes of the cells of one run. */
size_t mw_recipe_bytes(const mw_recipe *recipe);
/* All steps, for n_lanes <= MW_RECIPE_LANES rows. Cell i of lane k is cells[i * MW_RECIPE_LANES +
 * k]; the given cells are filled. */
void mw_recipe_run(const mw_recipe *recipe, size_t n_lanes, double *cells);

/* sqrt(2) * erfinv(2 * score - 1), by Winitzki's approximation in float32. Outside 0..1 it is NaN,
 * at both ends infinite. */
double mw_recipe_probit(double score);

/* What trees see of a row's value. */
typedef enum mw_input {
    MW_INPUT_FLOAT32, /* rounded once to float32, as NumPy does it: XGBoost, CatBoost, ONNX float */
    MW_INPUT_FLOAT64, /* as it is: ONNX double */
    MW_INPUT_FLOAT64_NEAR_ZERO /* as it is, but |x| <= 1e-35 is zero: LightGBM's predict functions
                                  drop such values when they copy a row */
} mw_input;

/* Node flags. A node goes left or right by these rules, in this order:
 *
 *   categorical (MW_NODE_CATEGORICAL)
 *     NaN                         -> MW_NODE_DEFAULT_LEFT side
 *     code = truncated to integer; code in the node's set
 *                                 -> left if MW_NODE_SET_LEFT, else right
 *     not in the set, negative, beyond the set, >= 2^24
 *                                 -> the other side
 *     MW_NODE_EQUAL: x must be whole, 3.5 is no code (else it is truncated)
 *   numeric
 *     NaN and missing kind is not NAN      -> x = 0 (then the rules below)
 *     kind ZERO and |x| <= 1e-35 (as float: kZeroThreshold) -> default side
 *     kind NAN and x is NaN                -> default side
 *     MW_NODE_EQUAL: left iff x == threshold
 *     MW_NODE_LESS_EQUAL: left iff x <= threshold, else left iff x < threshold
 *
 * XGBoost: kind NAN, "<", sets go right. LightGBM: "<=", sets go left, NaN category right.
 * ONNX: kind NAN, any comparison, and they may be mixed. */
enum {
    MW_NODE_CATEGORICAL = 1 << 0,
    MW_NODE_DEFAULT_LEFT = 1 << 1,
    MW_NODE_LESS_EQUAL = 1 << 2,
    MW_NODE_SET_LEFT = 1 << 3,
    MW_NODE_MISSING_NONE = 0 << 4,
    MW_NODE_MISSING_ZERO = 1 << 4,
    MW_NODE_MISSING_NAN = 2 << 4,
    MW_NODE_MISSING_MASK = 3 << 4,
    MW_NODE_EQUAL = 1 << 6
};

#define MW_NO_CHILD UINT32_MAX    /* left == right == MW_NO_CHILD: a leaf */
#define MW_ALL_OUTPUTS UINT32_MAX /* tree_output of a tree with vector leaves */

/* A set of categories: bits category_words[begin .. end). Bit c of 32-bit words. */
typedef struct mw_category_set {
    uint32_t begin, end;
} mw_category_set;

/* A linear leaf (LightGBM linear_tree): value = constant + sum coefficient * x[feature], and the
 * plain leaf value when any of these x is NaN (measured on LightGBM 4.7: infinities take part). */
typedef struct mw_linear_leaf {
    double constant;
    uint32_t begin, end; /* slice of linear_features / linear_coefficients */
} mw_linear_leaf;

/* An input or output of a graph, and where its numbers stand in a row. */
typedef struct mw_graph_tensor {
    const char *name;
    mw_element element;
    size_t rank;                  /* with the rows' dimension; 0 for one number without any */
    int64_t dims[MW_TENSOR_RANK]; /* the first one is that of the rows: -1 = any number */
    size_t first, count;          /* columns of the schema, or values of a prediction */
    size_t place;                 /* among the session's inputs or outputs */
} mw_graph_tensor;

/* A model that is no forest: ONNX Runtime computes it (runtime.h). Its inputs are the columns of
 * the schema, one after another; its outputs are the predictions: a text is the index of a class
 * label. A classifier's scores come first, then its label. */
typedef struct mw_graph {
    mw_session *session;
    const mw_graph_tensor *inputs, *outputs; /* outputs in the graph's order */
    size_t n_inputs, n_outputs;
    size_t batch_rows;          /* rows of each call, where the graph fixes them; 0 = any number */
    const mw_element *elements; /* of each value of a prediction */
    size_t n_answers;           /* values that protocols of rows answer with: a classifier's scores,
                                   else all */
    uint64_t call_ns;           /* measured: one small call */
    const char *operators;      /* "SVMClassifier, Scaler": what is not read natively */
    const char *runtime;        /* "1.32.0" */
    size_t outside_bytes;       /* of files beside the model */
} mw_graph;

/* The features that a column is made of: one where both are the same, else these two and perhaps
 * more. A column that is made of none is a constant, and counts to the first feature. */
typedef struct mw_column_origin {
    uint32_t feature, other;
} mw_column_origin;

/* Oblivious trees, as CatBoost keeps them: each level asks one question, and the answers are the
 * number of the leaf.
 *
 *     level 0   x3 > 1.0     bit 0           a tree of depth d: d questions, 2^d leaves
 *     level 1   x0 > 0.5     bit 1  of the   (a tree of nodes: 2^(d+1) - 1 of them)
 *     level 2   x7 > 2.0     bit 2  leaf     right is 1, left is 0
 *
 * As a tree of nodes it has its last level at the root, and its leaves in their order. */
typedef struct mw_levels {
    const uint32_t *start;   /* n_trees + 1: first level of each tree; the last is their number */
    const uint32_t *feature; /* of each level, as of nodes; so are these: */
    const double *threshold;
    const uint8_t *flags;
    const uint32_t *set; /* NULL = none */
    const double *value; /* leaf by leaf; n_margins values each where the tree has all outputs */
    const double *cover; /* leaf by leaf; NULL when not saved */
} mw_levels;

/* Nodes made of levels, when somebody first asks for them. */
typedef struct mw_growth mw_growth;

/* The forest. Read-only once made; any number of threads may share it.
 * Nodes of all trees stand in one array; node indexes inside a tree count from its first node,
 * which is its root. Every tree was checked: children inside the tree, each node reached exactly
 * once, no cycle, depth <= MW_LIMIT_TREE_DEPTH, features < n_columns, sets inside their table; no
 * threshold and no leaf is NaN (infinities may be). A feature's schema position is its index. */
typedef struct mw_forest {
    /* what it is */
    mw_format format;
    const char *library_version; /* "3.2.0"; "" when not recorded */
    const char *objective;       /* as the library names it */
    mw_schema schema;            /* n_features columns */
    size_t n_features;
    size_t n_margins;            /* per row, before the transform */
    size_t n_predictions;        /* per row, after it */
    size_t n_classes;            /* 0: not a classifier */
    const mw_view *class_labels; /* n_classes, or NULL: "0", "1", ... */
    size_t n_iterations;
    ptrdiff_t best_iteration; /* from early stopping; -1 when not recorded. All trees are used, as
                                 the libraries' Booster.predict does; the reader of an sklearn
                                 wrapper's model has already cut the trees */
    size_t file_bytes;
    const char *cannot; /* for mw_forest_cannot */

    const mw_graph *graph; /* not NULL: no trees; all below counts for nothing */

    mw_input input;

    /* sum: in tree order from base_margin, in float32 (XGBoost) or float64 (LightGBM: from 0);
     * then, where margin_offset is not NULL, margin = margin_scale * sum + margin_offset in the
     * same precision, product and sum each rounded (CatBoost, ONNX: their base comes last) */
    bool sum_float32;
    const double *base_margin; /* n_margins; exactly float32 when sum_float32 */
    double margin_scale;
    const double *margin_offset; /* n_margins, or NULL */
    double divide_by; /* number of iterations for LightGBM's averaged forests (rf), else 1. Only
                         predictions are divided, before the transform: LightGBM's raw score is the
                         undivided sum */
    mw_transform transform;
    double scale; /* of the transforms that name it */

    /* ONNX: what stands around the trees and could not be folded into them; NULL = nothing */
    const mw_recipe *before; /* makes columns n_features .. n_columns - 1 of features */
    const mw_recipe *after;  /* of MW_TRANSFORM_RECIPE: makes predictions of margins */
    size_t n_columns; /* that nodes and linear weights may name: n_features without `before` */
    const mw_column_origin *origins; /* n_columns; NULL without `before` */

    /* trees */
    size_t n_trees, n_nodes, n_leaves, max_depth;
    const uint32_t *tree_start;  /* n_trees + 1: first node of each tree */
    const uint32_t *tree_output; /* margin that the tree adds to, or MW_ALL_OUTPUTS */
    const float *tree_weight;    /* DART: leaf * weight, product rounded to float32; NULL = none */

    /* not NULL: all trees are oblivious, tree_start counts their nodes as if they were there, and
     * what stands below on nodes is NULL until mw_forest_grow. Both output kinds are not mixed,
     * there are no weights of trees, and sums are float64 */
    const mw_levels *levels;
    mw_growth *growth; /* not NULL where levels are */
    bool holds_file;   /* leaves stand in the bytes of the file, which the arena has adopted */

    /* nodes */
    const uint32_t *left, *right; /* within the tree; MW_NO_CHILD in a leaf */
    const uint32_t *feature;      /* 0 in a leaf */
    const double *threshold;      /* exactly float32 for XGBoost */
    const uint8_t *flags;
    const uint32_t *set; /* categorical node: index into category_sets; else 0. NULL = none */
    const double *value; /* leaf value; 0 in a split */
    const double *cover; /* sum of hessian, or row count; NULL when not saved */
    const float *gain;   /* of a split, as the library saved it; 0 in a leaf; NULL when not saved */
    const uint32_t *leaf_vector; /* vector leaf: offset of n_margins values in leaf_values; NULL */
    const double *leaf_values;
    const uint32_t *leaf_linear; /* linear leaf: index into linear_leaves; NULL = none */

    const mw_category_set *category_sets;
    size_t n_category_sets;
    const uint32_t *category_words;
    const mw_linear_leaf *linear_leaves;
    const uint32_t *linear_features;
    const double *linear_coefficients;

    /* gblinear: margin[m] = base + bias[m] + sum_f x[f] * weight[f][m], NaN passed over; NULL =
     * trees */
    const double *linear_weights; /* (n_columns + 1, n_margins), bias last */
    /* ONNX: the columns that take part, summed in float64 and then rounded; NaN takes part. NULL:
     * all, in float32 */
    const uint32_t *linear_columns;
    size_t n_linear_columns;

    mw_arena arena; /* holds all of the above */
} mw_forest;

/* Read a model file or an MLflow model folder. The kind is told from content.
 *
 *   path        borrowed
 *   ret_forest  owned by the caller; mw_forest_free
 *
 * Fails: MW_NOT_FOUND, MW_IO; MW_BAD_DATA (cut short, damaged, cyclic, too deep), MW_UNSUPPORTED
 * (unknown objective or booster, pickled model, old binary format, and so on); err names the file,
 * the place inside it and the mend. */
MW_CHECKED mw_status mw_forest_load(const char *path, mw_forest **ret_forest, mw_error *err);
/* The same from memory; `name` stands for the file in messages. */
MW_CHECKED mw_status mw_forest_read(mw_view bytes, const char *name, mw_forest **ret_forest,
                                    mw_error *err);
void mw_forest_free(mw_forest *forest);

/* The same forest with all its nodes: itself, or one that is made of its levels now or was before.
 * Any number of threads may ask.
 *
 *   ret_grown  borrowed from the forest
 *
 * Fails: MW_NO_MEMORY. Cost: 37 bytes a node, once. */
MW_CHECKED mw_status mw_forest_grow(const mw_forest *forest, const mw_forest **ret_grown,
                                    mw_error *err);

/* Value and threshold of a node, and thresholds and then values of all nodes added to a digest:
 * what tells models apart. Levels answer as the nodes would that mw_forest_grow makes of them, and
 * none are made. */
void mw_forest_see(const mw_forest *forest, size_t node, double *ret_value, double *ret_threshold);
uint64_t mw_forest_digest(const mw_forest *forest, uint64_t digest);

/* What trees ask, in either form: for those who need the questions, not the way to them. */
typedef struct mw_splits {
    size_t n;             /* places: nodes, or levels */
    const uint32_t *left; /* nodes: MW_NO_CHILD where nothing is asked; NULL = everywhere it is */
    const uint32_t *feature, *set;
    const double *threshold;
    const uint8_t *flags;
} mw_splits;

static inline mw_splits mw_forest_splits(const mw_forest *forest)
{
    const mw_levels *l = forest->levels;
    if (l)
        return (mw_splits){
            l->start[forest->n_trees], NULL, l->feature, l->set, l->threshold, l->flags};
    return (mw_splits){forest->n_nodes, forest->left,      forest->feature,
                       forest->set,     forest->threshold, forest->flags};
}
static inline bool mw_splits_ask(const mw_splits *splits, size_t i)
{
    return !splits->left || splits->left[i] != MW_NO_CHILD;
}

/* Of a forest of levels: a tree's depth, and its first leaf among those of all trees (a tree has
 * two nodes a leaf, less one). */
static inline unsigned mw_levels_depth(const mw_forest *forest, size_t tree)
{
    return (unsigned)(forest->levels->start[tree + 1] - forest->levels->start[tree]);
}
static inline size_t mw_levels_leaf(const mw_forest *forest, size_t tree)
{
    return (forest->tree_start[tree] + tree) / 2;
}

/* The feature that a column is made of, the first of them where there are several. */
static inline uint32_t mw_forest_feature(const mw_forest *forest, uint32_t column)
{
    return forest->origins ? forest->origins[column].feature : column;
}
static inline bool mw_forest_is_mixed(const mw_forest *forest, uint32_t column)
{
    return forest->origins && forest->origins[column].feature != forest->origins[column].other;
}

/* What its clients rely on; the columns are in the arena, the rest is the forest's. */
MW_CHECKED mw_status mw_forest_contract(const mw_forest *forest, mw_arena *arena,
                                        mw_contract *ret_contract, mw_error *err);

/* Bytes the forest holds. */
size_t mw_forest_memory_bytes(const mw_forest *forest);

/* One sentence a limit: what Millwright cannot do with this model, "" when nothing.
 * Borrowed from the forest. */
const char *mw_forest_cannot(const mw_forest *forest);

#endif
