/* A walk through the whole ModelProto. Graphs stand in attributes of nodes (If, Loop, Scan), so it
 * recurses, as deep as MW_LIMIT_GRAPH_DEPTH.
 *
 *     ModelProto  7 graph  8 opset_import  25 functions
 *     GraphProto  1 node  5 initializer  12 output  15 sparse_initializer
 *     NodeProto   1 input  2 output  3 name  4 op_type  5 attribute  7 domain
 *     Attribute   1 name  5 t  6 g  7 floats  8 ints  9 strings  10 tensors  11 graphs
 *                 22 sparse_tensor  23 sparse_tensors
 *     Function    7 node  10 domain
 *     TensorProto 6 string_data  8 name  13 external_data {1 key  2 value}  14 data_location */
#include "foreign.h"

static mw_status scan_graph(foreign *f, mw_view message, unsigned depth, mw_error *err);

/* ---- tensors --------------------------------------------------------------------------------- */

static mw_status add_once(model_list *views, mw_view view, mw_error *err)
{
    const mw_view *items = views->items;
    for (size_t i = 0; i < views->count; i++)
        if (mw_view_equal(items[i], view))
            return MW_OK;
    if (views->count >= MW_LIMIT_GRAPH_TENSORS) {
        mw_fail(err, MW_E_MODEL_LIMIT, "more than %d files or domains", MW_LIMIT_GRAPH_TENSORS);
        return mw_mend(err, "save the model as one file");
    }
    mw_view *added = model_list_add(views, 1);
    if (!added)
        return mw_fail_memory(err, "a graph");
    *added = view;
    return MW_OK;
}

static mw_status read_entry(const model_wire *outer, mw_view message, mw_view *ret_location,
                            mw_error *err)
{
    model_wire wire = model_wire_inside(outer, message);
    mw_protobuf_field field;
    mw_view key = {"", 0}, value = {"", 0};
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            break;
        if (field.type != MW_PROTOBUF_BYTES)
            continue;
        if (field.number == 1)
            key = field.bytes;
        if (field.number == 2)
            value = field.bytes;
    }
    if (mw_view_is(key, "location"))
        *ret_location = value;
    return MW_OK;
}

/* *ret_location: the file its numbers stand in; empty: this one. */
static mw_status read_location(foreign *f, mw_view tensor, mw_view *ret_location, mw_error *err)
{
    enum { TENSOR_EXTERNAL = 13, TENSOR_LOCATION };
    model_wire wire = model_wire_inside(&f->onnx.file, tensor);
    mw_protobuf_field field;
    bool more = false, outside = false;
    *ret_location = (mw_view){"", 0};
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            break;
        if (field.number == TENSOR_LOCATION)
            outside = field.type != MW_PROTOBUF_VARINT || field.value != 0;
        if (field.number == TENSOR_EXTERNAL && field.type == MW_PROTOBUF_BYTES)
            MW_TRY(read_entry(&wire, field.bytes, ret_location, err));
    }
    if (outside && ret_location->size == 0)
        *ret_location = MW_VIEW("?"); /* not even a name: refused like any other */
    return MW_OK;
}

static mw_status scan_tensor(foreign *f, mw_view tensor, bool is_initializer, mw_error *err)
{
    mw_view location;
    MW_TRY(read_location(f, tensor, &location, err));
    if (location.size == 0)
        return MW_OK;
    if (!is_initializer)
        f->external_inside = true;
    return add_once(&f->files, location, err);
}

static mw_status add_constant(foreign *f, mw_view tensor, mw_error *err)
{
    enum { TENSOR_NAME = 8 };
    model_wire wire = model_wire_inside(&f->onnx.file, tensor);
    mw_protobuf_field field;
    mw_view name = {"", 0};
    bool more = false;
    do {
        MW_TRY(model_wire_next_of(&wire, TENSOR_NAME, MW_PROTOBUF_BYTES, &field, &more, err));
        if (more)
            name = field.bytes;
    } while (more);
    return model_onnx_keep_constant(&f->onnx, name, tensor, err);
}

mw_status foreign_tensor_texts(const foreign *f, mw_view tensor, model_list *views, mw_error *err)
{
    enum { TENSOR_TEXTS = 6 };
    model_wire wire = model_wire_inside(&f->onnx.file, tensor);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next_of(&wire, TENSOR_TEXTS, MW_PROTOBUF_BYTES, &field, &more, err));
        if (!more)
            return MW_OK;
        mw_view *added = model_list_add(views, 1);
        if (!added)
            return mw_fail_memory(err, "the texts of a graph");
        *added = field.bytes;
    }
}

/* ---- names of classes ------------------------------------------------------------------------ */

static mw_status add_labels(foreign *f, size_t first, bool are_numbers, mw_error *err)
{
    foreign_labels *labels;
    if (f->texts.count == first)
        return MW_OK;
    labels = model_list_add(&f->labels, 1);
    if (!labels)
        return mw_fail_memory(err, "the classes");
    *labels = (foreign_labels){first, f->texts.count - first, are_numbers};
    return MW_OK;
}

static mw_status add_number_label(foreign *f, int64_t number, mw_error *err)
{
    enum { NUMBER_BYTES = 24 };
    char text[NUMBER_BYTES];
    size_t size = (size_t)snprintf(text, sizeof text, "%lld", (long long)number);
    mw_view *added = model_list_add(&f->texts, 1);
    const char *kept = mw_arena_text(&f->arena, (mw_view){text, size});
    if (!added || !kept)
        return mw_fail_memory(err, "the classes");
    *added = (mw_view){kept, size};
    return MW_OK;
}

static mw_status add_number_labels(foreign *f, const model_onnx_attribute *attribute, mw_error *err)
{
    model_list numbers = {.item_bytes = sizeof(int64_t)};
    mw_status status = model_onnx_integers(&f->onnx, attribute, &numbers, err);
    for (size_t i = 0; i < numbers.count && status == MW_OK; i++)
        status = add_number_label(f, ((const int64_t *)numbers.items)[i], err);
    model_list_done(&numbers);
    return status;
}

/* Of a classifier or ZipMap: classlabels_strings, classlabels_int64s, classlabels_ints. */
static mw_status read_labels(foreign *f, const model_onnx_attribute *attribute, mw_error *err)
{
    size_t first = f->texts.count;
    bool texts = mw_view_is(attribute->name, "classlabels_strings");
    if (texts)
        MW_TRY(model_onnx_texts(&f->onnx, attribute, &f->texts, err));
    else if (mw_view_is(attribute->name, "classlabels_int64s") ||
             mw_view_is(attribute->name, "classlabels_ints"))
        MW_TRY(add_number_labels(f, attribute, err));
    return add_labels(f, first, !texts, err);
}

/* Converters look labels up by ArrayFeatureExtractor(classes, index of the largest score). */
static mw_status read_label_table(foreign *f, const model_onnx_node *node, mw_error *err)
{
    mw_view tensor;
    size_t first = f->texts.count;
    model_list numbers = {.item_bytes = sizeof(double)};
    int64_t type = 0;
    if (!model_onnx_is(node, "ai.onnx.ml", "ArrayFeatureExtractor") || node->n_inputs != 2 ||
        !model_onnx_constant_of(&f->onnx, model_onnx_name(&f->onnx, node->input), &tensor))
        return MW_OK;
    MW_TRY(foreign_tensor_texts(f, tensor, &f->texts, err));
    if (f->texts.count > first)
        return add_labels(f, first, false, err);
    mw_status status = MW_OK;
    /* a tensor that is not read is no table of classes */
    if (model_onnx_tensor(&f->onnx, tensor, &numbers, &type, NULL) == MW_OK &&
        (type == MODEL_ONNX_INT64 || type == MODEL_ONNX_INT32))
        for (size_t i = 0; i < numbers.count && status == MW_OK; i++)
            status = add_number_label(f, (int64_t)((const double *)numbers.items)[i], err);
    model_list_done(&numbers);
    return status == MW_OK ? add_labels(f, first, true, err) : status;
}

static mw_status add_zip(foreign *f, const model_onnx_node *node, mw_error *err)
{
    if (!model_onnx_is(node, "ai.onnx.ml", "ZipMap") || node->n_inputs != 1 ||
        node->n_outputs != 1 || f->labels.count == 0)
        return MW_OK;
    foreign_zip *zip = model_list_add(&f->zips, 1);
    if (!zip)
        return mw_fail_memory(err, "a graph");
    *zip = (foreign_zip){.output = model_onnx_name(&f->onnx, node->output),
                         .input = model_onnx_name(&f->onnx, node->input),
                         .labels = f->labels.count - 1};
    return MW_OK;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* SparseTensorProto: 1 values, 2 indices. */
static mw_status scan_sparse(foreign *f, mw_view message, mw_error *err)
{
    model_wire wire = model_wire_inside(&f->onnx.file, message);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        if (field.type == MW_PROTOBUF_BYTES && field.number <= 2)
            MW_TRY(scan_tensor(f, field.bytes, false, err));
    }
}

static mw_status scan_attribute(foreign *f, mw_view message, unsigned depth, mw_error *err)
{
    enum { T = 5, G = 6, TENSORS = 10, GRAPHS = 11, SPARSE = 22, SPARSES = 23 };
    model_wire wire = model_wire_inside(&f->onnx.file, message);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        if (field.type != MW_PROTOBUF_BYTES)
            continue;
        if (field.number == T || field.number == TENSORS)
            MW_TRY(scan_tensor(f, field.bytes, false, err));
        if (field.number == G || field.number == GRAPHS)
            MW_TRY(scan_graph(f, field.bytes, depth + 1, err));
        if (field.number == SPARSE || field.number == SPARSES)
            MW_TRY(scan_sparse(f, field.bytes, err));
    }
}

static mw_status read_names(foreign *f, mw_view message, uint32_t number, size_t *ret_begin,
                            size_t *ret_count, mw_error *err)
{
    model_wire wire = model_wire_inside(&f->onnx.file, message);
    mw_protobuf_field field;
    bool more = false;
    *ret_begin = f->onnx.names.count;
    for (;;) {
        MW_TRY(model_wire_next_of(&wire, number, MW_PROTOBUF_BYTES, &field, &more, err));
        if (!more)
            break;
        mw_view *added = model_list_add(&f->onnx.names, 1);
        if (!added)
            return mw_fail_memory(err, "a graph");
        *added = field.bytes;
    }
    *ret_count = f->onnx.names.count - *ret_begin;
    return MW_OK;
}

static mw_status note_operator(foreign *f, const model_onnx_node *node, mw_error *err)
{
    const model_onnx_node *known = f->operators.items;
    if (model_onnx_is_read(node))
        return MW_OK;
    for (size_t i = 0; i < f->operators.count; i++)
        if (mw_view_equal(known[i].op, node->op) && mw_view_equal(known[i].domain, node->domain))
            return MW_OK;
    model_onnx_node *added = model_list_add(&f->operators, 1);
    if (!added)
        return mw_fail_memory(err, "a graph");
    *added = *node;
    return MW_OK;
}

/* Nodes of the main graph are kept. */
static mw_status keep_node(foreign *f, model_onnx_node *node, mw_error *err)
{
    MW_TRY(read_names(f, node->body, 1, &node->input, &node->n_inputs, err));
    MW_TRY(read_names(f, node->body, 2, &node->output, &node->n_outputs, err));
    model_onnx_node *added = model_list_add(&f->onnx.nodes, 1);
    if (!added)
        return mw_fail_memory(err, "a graph");
    *added = *node;
    return MW_OK;
}

static mw_status scan_node_field(foreign *f, const mw_protobuf_field *field, model_onnx_node *node,
                                 unsigned depth, mw_error *err)
{
    enum { NODE_NAME = 3, NODE_OP, NODE_ATTRIBUTE, NODE_DOMAIN = 7 };
    switch (field->number) {
    case NODE_NAME:
        node->name = field->bytes;
        return MW_OK;
    case NODE_OP:
        node->op = field->bytes;
        return MW_OK;
    case NODE_DOMAIN:
        node->domain = field->bytes;
        return MW_OK;
    case NODE_ATTRIBUTE:
        return scan_attribute(f, field->bytes, depth, err);
    default:
        return MW_OK;
    }
}

static mw_status scan_node(foreign *f, mw_view message, unsigned depth, mw_error *err)
{
    model_wire wire = model_wire_inside(&f->onnx.file, message);
    mw_protobuf_field field;
    model_onnx_node node = {.name = {"", 0}, .op = {"", 0}, .domain = {"", 0}, .body = message};
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            break;
        if (field.type == MW_PROTOBUF_BYTES)
            MW_TRY(scan_node_field(f, &field, &node, depth, err));
    }
    MW_TRY(note_operator(f, &node, err));
    return depth == 0 ? keep_node(f, &node, err) : MW_OK;
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static mw_status add_output(foreign *f, mw_view message, mw_error *err)
{
    model_wire wire = model_wire_inside(&f->onnx.file, message);
    mw_protobuf_field field;
    bool more = false;
    MW_TRY(model_wire_next_of(&wire, 1, MW_PROTOBUF_BYTES, &field, &more, err));
    mw_view *added = more ? model_list_add(&f->onnx.outputs, 1) : NULL;
    if (more && !added)
        return mw_fail_memory(err, "a graph");
    if (added)
        *added = field.bytes;
    return MW_OK;
}

static mw_status scan_graph_field(foreign *f, const mw_protobuf_field *field, unsigned depth,
                                  mw_error *err)
{
    enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_OUTPUT = 12, GRAPH_SPARSE = 15 };
    switch (field->number) {
    case GRAPH_NODE:
        return scan_node(f, field->bytes, depth, err);
    case GRAPH_INITIALIZER:
        MW_TRY(scan_tensor(f, field->bytes, depth == 0, err));
        return depth == 0 ? add_constant(f, field->bytes, err) : MW_OK;
    case GRAPH_OUTPUT:
        return depth == 0 ? add_output(f, field->bytes, err) : MW_OK;
    case GRAPH_SPARSE:
        return scan_sparse(f, field->bytes, err);
    default:
        return MW_OK;
    }
}

static mw_status scan_graph(foreign *f, mw_view message, unsigned depth, mw_error *err)
{
    model_wire wire = model_wire_inside(&f->onnx.file, message);
    mw_protobuf_field field;
    bool more = false;
    if (depth > MW_LIMIT_GRAPH_DEPTH) {
        mw_fail(err, MW_E_MODEL_LIMIT, "graphs inside graphs, more than %d deep",
                MW_LIMIT_GRAPH_DEPTH);
        return mw_mend(err, "export the model again with fewer nested branches and loops");
    }
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        if (field.type == MW_PROTOBUF_BYTES)
            MW_TRY(scan_graph_field(f, &field, depth, err));
    }
}

/* A function's nodes are checked like those of a graph inside. */
static mw_status scan_function(foreign *f, mw_view message, mw_error *err)
{
    enum { FUNCTION_NODE = 7, FUNCTION_DOMAIN = 10 };
    model_wire wire = model_wire_inside(&f->onnx.file, message);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        if (field.number == FUNCTION_NODE && field.type == MW_PROTOBUF_BYTES)
            MW_TRY(scan_node(f, field.bytes, 1, err));
        if (field.number == FUNCTION_DOMAIN && field.type == MW_PROTOBUF_BYTES)
            MW_TRY(add_once(&f->functions, field.bytes, err));
    }
}

static mw_status scan_model_field(foreign *f, const mw_protobuf_field *field, mw_error *err)
{
    enum { MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION, MODEL_GRAPH = 7, MODEL_FUNCTION = 25 };
    if (field->type != MW_PROTOBUF_BYTES)
        return MW_OK;
    switch (field->number) {
    case MODEL_PRODUCER:
        f->onnx.producer = field->bytes;
        return MW_OK;
    case MODEL_PRODUCER_VERSION:
        f->onnx.producer_version = field->bytes;
        return MW_OK;
    case MODEL_GRAPH:
        return scan_graph(f, field->bytes, 0, err);
    case MODEL_FUNCTION:
        return scan_function(f, field->bytes, err);
    default:
        return MW_OK;
    }
}

/* ONNX's own operators and those that ONNX Runtime has built in. */
static bool is_known_domain(const foreign *f, mw_view domain)
{
    static const char *const known[] = {"",
                                        "ai.onnx",
                                        "ai.onnx.ml",
                                        "ai.onnx.training",
                                        "ai.onnx.preview.training",
                                        "com.microsoft",
                                        "com.microsoft.nchwc"};
    const mw_view *own = f->functions.items;
    for (size_t i = 0; i < MW_COUNT(known); i++)
        if (mw_view_is(domain, known[i]))
            return true;
    for (size_t i = 0; i < f->functions.count; i++)
        if (mw_view_equal(own[i], domain))
            return true;
    return false;
}

static mw_status read_all_labels(foreign *f, mw_error *err)
{
    for (size_t i = 0; i < f->onnx.nodes.count; i++) {
        const model_onnx_node *node = (const model_onnx_node *)f->onnx.nodes.items + i;
        model_wire wire = model_wire_inside(&f->onnx.file, node->body);
        model_onnx_attribute attribute;
        bool more = mw_view_is(node->domain, "ai.onnx.ml");
        while (more) {
            MW_TRY(model_onnx_next_attribute(&wire, &attribute, &more, err));
            if (more)
                MW_TRY(read_labels(f, &attribute, err));
        }
        MW_TRY(read_label_table(f, node, err));
        MW_TRY(add_zip(f, node, err));
    }
    return MW_OK;
}

mw_status foreign_scan(foreign *f, mw_error *err)
{
    model_wire wire = f->onnx.file;
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            break;
        MW_TRY(scan_model_field(f, &field, err));
    }
    const model_onnx_node *operators = f->operators.items;
    for (size_t i = 0; i < f->operators.count && !f->strange; i++)
        if (!is_known_domain(f, operators[i].domain))
            f->strange = &operators[i];
    return read_all_labels(f, err);
}

void foreign_init(foreign *f, mw_view bytes)
{
    *f = (foreign){.onnx = {.file = {bytes.data, bytes.data, bytes.data + bytes.size},
                            .producer = {"", 0},
                            .producer_version = {"", 0},
                            .nodes = {.item_bytes = sizeof(model_onnx_node)},
                            .names = {.item_bytes = sizeof(mw_view)},
                            .outputs = {.item_bytes = sizeof(mw_view)},
                            .constants = {.item_bytes = sizeof(mw_view)}},
                   .operators = {.item_bytes = sizeof(model_onnx_node)},
                   .functions = {.item_bytes = sizeof(mw_view)},
                   .files = {.item_bytes = sizeof(mw_view)},
                   .zips = {.item_bytes = sizeof(foreign_zip)},
                   .labels = {.item_bytes = sizeof(foreign_labels)},
                   .texts = {.item_bytes = sizeof(mw_view)}};
    model_onnx_index_init(&f->onnx.constant_names);
    mw_arena_init(&f->arena, MW_LIMIT_REQUEST_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
}

void foreign_done(foreign *f)
{
    model_list_done(&f->onnx.nodes);
    model_list_done(&f->onnx.names);
    model_list_done(&f->onnx.outputs);
    model_list_done(&f->onnx.constants);
    model_onnx_index_done(&f->onnx.constant_names);
    model_list_done(&f->operators);
    model_list_done(&f->functions);
    model_list_done(&f->files);
    model_list_done(&f->zips);
    model_list_done(&f->labels);
    model_list_done(&f->texts);
    mw_arena_done(&f->arena);
}
