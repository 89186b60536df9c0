/* A small ONNX model made of named parts, written by a protobuf writer of a few lines.
 *
 *     sample_onnx s = sample_onnx_plain();   // lists are texts: "0,1,2"
 *     s.yes = "1,0,9";
 *     sample_onnx_write(&s, &bytes);
 */
#ifndef TESTS_MODEL_SAMPLE_ONNX_H
#define TESTS_MODEL_SAMPLE_ONNX_H

#include "sample.h"

/* A node beside the ensemble: op, inputs and output by name, and at most one attribute. */
typedef struct sample_step {
    const char *domain, *op, *inputs, *output;
    const char *attribute; /* name; its value is one of the next, as not NULL */
    const char *ints, *text;
    long long integer;
} sample_step;

/* Tree 0:  node 0: x0 <= 0.5 ? 1 : 2    node 1: leaf 0.25    node 2: x1 < -1 ? 3 : 4
 *          node 3: leaf -0.5            node 4: leaf 2       Tree 1: one leaf, 0.125 */
typedef struct sample_onnx {
    const char *op, *prefix; /* "class_" or "target_" */
    const char *trees, *nodes, *features, *modes, *values, *yes, *no, *missing;
    const char *weight_trees, *weight_nodes, *weight_ids, *weights;
    const char *base, *labels, *label_texts, *post, *aggregate;
    long long n_targets;                        /* 0: absent */
    const char *value_tensor, *tensor_external; /* doubles; any text makes it external */
    int input_type, last_dim;                   /* last_dim 0: open */
    const char *inputs;                         /* names, each of last_dim columns */
    const char *domains;                        /* imported */
    const char *outputs;
    const char *ensemble_input;
    sample_step before[3], behind[3];
    const char *constant_name, *constant; /* doubles, as raw_data of int64 where constant_is_int */
    bool constant_is_int;
} sample_onnx;

static inline sample_onnx sample_onnx_plain(void)
{
    return (sample_onnx){
        .op = "TreeEnsembleRegressor",
        .prefix = "target_",
        .trees = "0,0,0,0,0,1",
        .nodes = "0,1,2,3,4,0",
        .features = "0,0,1,0,0,0",
        .modes = "BRANCH_LEQ,LEAF,BRANCH_LT,LEAF,LEAF,LEAF",
        .values = "0.5,0,-1,0,0,0",
        .yes = "1,0,3,0,0,0",
        .no = "2,0,4,0,0,0",
        .missing = "1,0,0,0,0,0",
        .weight_trees = "0,0,0,1",
        .weight_nodes = "1,3,4,0",
        .weight_ids = "0,0,0,0",
        .weights = "0.25,-0.5,2,0.125",
        .post = "NONE",
        .n_targets = 1,
        .input_type = 1,
        .last_dim = 2,
        .inputs = "X",
        .domains = "ai.onnx.ml",
        .outputs = "Y",
        .ensemble_input = "X",
    };
}

static inline sample_onnx sample_onnx_classifier(void)
{
    sample_onnx s = sample_onnx_plain();
    s.op = "TreeEnsembleClassifier";
    s.prefix = "class_";
    s.n_targets = 0;
    s.labels = "0,1";
    s.outputs = "L,Y";
    return s;
}

/* ---- the writer ------------------------------------------------------------------------------ */

static inline void onnx_put_varint(mw_buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        mw_buf_char(out, (char)(value | 0x80));
    mw_buf_char(out, (char)value);
}

static inline void onnx_put_number(mw_buf *out, unsigned field, uint64_t value)
{
    onnx_put_varint(out, field << 3);
    onnx_put_varint(out, value);
}

static inline void onnx_put_bytes(mw_buf *out, unsigned field, mw_view bytes)
{
    onnx_put_varint(out, field << 3 | 2);
    onnx_put_varint(out, bytes.size);
    mw_buf_view(out, bytes);
}

static inline void onnx_put_text(mw_buf *out, unsigned field, const char *text)
{
    onnx_put_bytes(out, field, mw_view_of(text));
}

/* The next piece of "a,b,c"; false at the end. */
static inline bool onnx_next_piece(const char **at, mw_view *piece)
{
    if (!*at || **at == '\0')
        return false;
    const char *comma = strchr(*at, ',');
    piece->data = *at;
    piece->size = comma ? (size_t)(comma - *at) : strlen(*at);
    *at += piece->size + (comma != NULL);
    return true;
}

static inline double onnx_piece_number(mw_view piece)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", MW_VIEW_ARG(piece));
    return strtod(text, NULL);
}

static inline void onnx_put_double(mw_buf *out, double value)
{
    mw_buf_bytes(out, &value, sizeof value);
}

/* Ends an attribute that was begun in `body`. */
static inline void onnx_close_attribute(mw_buf *node, mw_buf *body)
{
    onnx_put_bytes(node, 5, mw_buf_as_view(body));
    mw_buf_done(body);
}

static inline void onnx_open_attribute(mw_buf *body, const char *prefix, const char *name)
{
    char full[80];
    mw_buf_init(body, MW_MIB);
    snprintf(full, sizeof full, "%s%s", prefix, name);
    onnx_put_text(body, 1, full);
}

/* Odd lists are packed, even ones are not: both forms have to be read. */
static inline void onnx_put_ints(mw_buf *node, const char *prefix, const char *name,
                                 const char *list)
{
    mw_buf body, packed;
    mw_view piece;
    if (!list)
        return;
    onnx_open_attribute(&body, prefix, name);
    mw_buf_init(&packed, MW_MIB);
    for (const char *at = list; onnx_next_piece(&at, &piece);)
        onnx_put_varint(&packed, (uint64_t)(int64_t)onnx_piece_number(piece));
    bool pack = strlen(name) % 2 == 1;
    if (pack)
        onnx_put_bytes(&body, 8, mw_buf_as_view(&packed));
    for (const char *at = list; !pack && onnx_next_piece(&at, &piece);)
        onnx_put_number(&body, 8, (uint64_t)(int64_t)onnx_piece_number(piece));
    mw_buf_done(&packed);
    onnx_close_attribute(node, &body);
}

static inline void onnx_put_floats(mw_buf *node, const char *prefix, const char *name,
                                   const char *list)
{
    mw_buf body;
    mw_view piece;
    if (!list)
        return;
    onnx_open_attribute(&body, prefix, name);
    for (const char *at = list; onnx_next_piece(&at, &piece);) {
        float value = (float)onnx_piece_number(piece);
        onnx_put_varint(&body, 7 << 3 | 5);
        mw_buf_bytes(&body, &value, sizeof value);
    }
    onnx_close_attribute(node, &body);
}

static inline void onnx_put_texts(mw_buf *node, const char *name, const char *list)
{
    mw_buf body;
    mw_view piece;
    if (!list)
        return;
    onnx_open_attribute(&body, "", name);
    for (const char *at = list; onnx_next_piece(&at, &piece);)
        onnx_put_bytes(&body, 9, piece);
    onnx_close_attribute(node, &body);
}

static inline void onnx_put_scalar(mw_buf *node, const char *name, const char *text,
                                   long long integer)
{
    mw_buf body;
    onnx_open_attribute(&body, "", name);
    if (text)
        onnx_put_text(&body, 4, text);
    else
        onnx_put_number(&body, 3, (uint64_t)integer);
    onnx_close_attribute(node, &body);
}

/* Element type 11 (double) in double_data, 7 (int64) in raw_data, 2 (uint8) in int32_data. */
static inline void onnx_put_tensor(mw_buf *out, const char *name, const char *list, int type,
                                   bool external)
{
    mw_buf data;
    mw_view piece;
    mw_buf_init(&data, MW_MIB);
    for (const char *at = list; onnx_next_piece(&at, &piece);) {
        double value = onnx_piece_number(piece);
        int64_t whole = (int64_t)value;
        float narrow = (float)value;
        if (type == 7)
            mw_buf_bytes(&data, &whole, sizeof whole);
        else if (type == 2)
            onnx_put_varint(&data, (uint64_t)whole);
        else if (type == 1)
            mw_buf_bytes(&data, &narrow, sizeof narrow);
        else
            onnx_put_double(&data, value);
    }
    onnx_put_number(out, 2, (uint64_t)type);
    onnx_put_bytes(out, type == 7 ? 9 : type == 2 ? 5 : type == 1 ? 4 : 10, mw_buf_as_view(&data));
    onnx_put_text(out, 8, name);
    if (external)
        onnx_put_number(out, 14, 1);
    mw_buf_done(&data);
}

static inline void onnx_put_tensor_attribute(mw_buf *node, const char *name, const char *list,
                                             int type, bool external)
{
    mw_buf body, tensor;
    if (!list)
        return;
    onnx_open_attribute(&body, "", name);
    mw_buf_init(&tensor, MW_MIB);
    onnx_put_tensor(&tensor, "", list, type, external);
    onnx_put_bytes(&body, 5, mw_buf_as_view(&tensor));
    mw_buf_done(&tensor);
    onnx_close_attribute(node, &body);
}

static inline void onnx_put_names(mw_buf *out, unsigned field, const char *list)
{
    mw_view piece;
    for (const char *at = list; onnx_next_piece(&at, &piece);)
        onnx_put_bytes(out, field, piece);
}

static inline void onnx_put_step(mw_buf *graph, const sample_step *step)
{
    mw_buf node;
    if (!step->op)
        return;
    mw_buf_init(&node, MW_MIB);
    onnx_put_names(&node, 1, step->inputs);
    onnx_put_names(&node, 2, step->output);
    onnx_put_text(&node, 3, "step");
    onnx_put_text(&node, 4, step->op);
    if (step->attribute && step->ints)
        onnx_put_ints(&node, "", step->attribute, step->ints);
    else if (step->attribute)
        onnx_put_scalar(&node, step->attribute, step->text, step->integer);
    onnx_put_text(&node, 7, step->domain);
    onnx_put_bytes(graph, 1, mw_buf_as_view(&node));
    mw_buf_done(&node);
}

static inline void onnx_put_ensemble(mw_buf *graph, const sample_onnx *s)
{
    mw_buf node;
    mw_buf_init(&node, MW_MIB);
    onnx_put_names(&node, 1, s->ensemble_input);
    onnx_put_names(&node, 2, strcmp(s->prefix, "class_") == 0 ? "L,Y" : "Y");
    onnx_put_text(&node, 3, "trees");
    onnx_put_text(&node, 4, s->op);
    onnx_put_ints(&node, "", "nodes_treeids", s->trees);
    onnx_put_ints(&node, "", "nodes_nodeids", s->nodes);
    onnx_put_ints(&node, "", "nodes_featureids", s->features);
    onnx_put_texts(&node, "nodes_modes", s->modes);
    onnx_put_floats(&node, "", "nodes_values", s->values);
    onnx_put_tensor_attribute(&node, "nodes_values_as_tensor", s->value_tensor, 11,
                              s->tensor_external);
    onnx_put_ints(&node, "", "nodes_truenodeids", s->yes);
    onnx_put_ints(&node, "", "nodes_falsenodeids", s->no);
    onnx_put_ints(&node, "", "nodes_missing_value_tracks_true", s->missing);
    onnx_put_ints(&node, s->prefix, "treeids", s->weight_trees);
    onnx_put_ints(&node, s->prefix, "nodeids", s->weight_nodes);
    onnx_put_ints(&node, s->prefix, "ids", s->weight_ids);
    onnx_put_floats(&node, s->prefix, "weights", s->weights);
    onnx_put_floats(&node, "", "base_values", s->base);
    onnx_put_ints(&node, "", "classlabels_int64s", s->labels);
    onnx_put_texts(&node, "classlabels_strings", s->label_texts);
    if (s->post)
        onnx_put_scalar(&node, "post_transform", s->post, 0);
    if (s->aggregate)
        onnx_put_scalar(&node, "aggregate_function", s->aggregate, 0);
    if (s->n_targets)
        onnx_put_scalar(&node, "n_targets", NULL, s->n_targets);
    onnx_put_text(&node, 7, "ai.onnx.ml");
    onnx_put_bytes(graph, 1, mw_buf_as_view(&node));
    mw_buf_done(&node);
}

/* ValueInfo {name, type {tensor {elem_type, shape {dim {"N"}, dim {last_dim}}}}} */
static inline void onnx_put_input(mw_buf *graph, mw_view name, int type, int last_dim)
{
    mw_buf parts[4]; /* shape, tensor, type, info */
    for (size_t i = 0; i < MW_COUNT(parts); i++)
        mw_buf_init(&parts[i], MW_MIB);
    onnx_put_text(&parts[0], 1, "\x12\x01N");
    char dim[2] = {0x08, (char)last_dim};
    onnx_put_bytes(&parts[0], 1, (mw_view){dim, last_dim ? 2 : 0});
    onnx_put_number(&parts[1], 1, (uint64_t)type);
    onnx_put_bytes(&parts[1], 2, mw_buf_as_view(&parts[0]));
    onnx_put_bytes(&parts[2], 1, mw_buf_as_view(&parts[1]));
    onnx_put_bytes(&parts[3], 1, name);
    onnx_put_bytes(&parts[3], 2, mw_buf_as_view(&parts[2]));
    onnx_put_bytes(graph, 11, mw_buf_as_view(&parts[3]));
    for (size_t i = 0; i < MW_COUNT(parts); i++)
        mw_buf_done(&parts[i]);
}

static inline void onnx_put_output(mw_buf *graph, mw_view name)
{
    mw_buf info;
    mw_buf_init(&info, MW_MIB);
    onnx_put_bytes(&info, 1, name);
    onnx_put_bytes(graph, 12, mw_buf_as_view(&info));
    mw_buf_done(&info);
}

static inline void onnx_put_constant(mw_buf *graph, const sample_onnx *s)
{
    mw_buf tensor;
    if (!s->constant_name)
        return;
    mw_buf_init(&tensor, MW_MIB);
    onnx_put_tensor(&tensor, s->constant_name, s->constant, s->constant_is_int ? 7 : 11, false);
    onnx_put_bytes(graph, 5, mw_buf_as_view(&tensor));
    mw_buf_done(&tensor);
}

/* A whole model around nodes that stand in `nodes`. The last field that is needed comes last. */
static inline void onnx_put_model(mw_buf *out, mw_buf *graph, const sample_onnx *s)
{
    mw_view piece;
    mw_buf import;
    onnx_put_constant(graph, s);
    for (const char *at = s->inputs; onnx_next_piece(&at, &piece);)
        onnx_put_input(graph, piece, s->input_type, s->last_dim);
    for (const char *at = s->outputs; onnx_next_piece(&at, &piece);)
        onnx_put_output(graph, piece);
    mw_buf_init(out, MW_MIB);
    onnx_put_number(out, 1, 8);
    onnx_put_text(out, 2, "sample");
    onnx_put_text(out, 3, "1.2");
    onnx_put_bytes(out, 7, mw_buf_as_view(graph));
    for (const char *at = s->domains; onnx_next_piece(&at, &piece);) {
        mw_buf_init(&import, MW_MIB);
        onnx_put_bytes(&import, 1, piece);
        onnx_put_number(&import, 2, 3);
        onnx_put_bytes(out, 8, mw_buf_as_view(&import));
        mw_buf_done(&import);
    }
    assert_false(out->failed || graph->failed);
}

static inline void sample_onnx_write(const sample_onnx *s, mw_buf *out)
{
    mw_buf graph;
    mw_buf_init(&graph, MW_MIB);
    for (size_t i = 0; i < MW_COUNT(s->before); i++)
        onnx_put_step(&graph, &s->before[i]);
    onnx_put_ensemble(&graph, s);
    for (size_t i = 0; i < MW_COUNT(s->behind); i++)
        onnx_put_step(&graph, &s->behind[i]);
    onnx_put_model(out, &graph, s);
    mw_buf_done(&graph);
}

#endif
