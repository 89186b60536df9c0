/* Messages of ONNX: what is needed of each, and nothing else.
 *
 *     ModelProto  2 producer_name  3 producer_version  7 graph  8 opset_import
 *     GraphProto  1 node  5 initializer  11 input  12 output
 *     NodeProto   1 input  2 output  3 name  4 op_type  5 attribute  7 domain
 *     Attribute   1 name  2 f  3 i  4 s  5 t  7 floats  8 ints  9 strings
 *     TensorProto 1 dims  2 data_type  4 floats  5 int32s  7 int64s  8 name  9 raw  10 doubles
 *                 13 external_data  14 data_location
 *
 * Views point into the file. */
#include "onnx.h"

#include "names.h"

/* An isolation forest of 1000 trees connects 80000 values. */
enum { MOST_NAMES = 1 << 17, MOST_DOMAINS = 100 };

bool model_onnx_is(const model_onnx_node *node, const char *domain, const char *op)
{
    bool same = mw_view_is(node->domain, domain) ||
                (domain[0] == '\0' && mw_view_is(node->domain, "ai.onnx"));
    return same && mw_view_is(node->op, op);
}

mw_status model_onnx_at(const model_onnx_node *node, mw_error *err)
{
    enum { SHOWN = 80 };
    mw_view op = node->op, name = node->name;
    op.size = op.size < SHOWN ? op.size : SHOWN;
    name.size = name.size < SHOWN ? name.size : SHOWN;
    return mw_at(err, "%.*s '%.*s'", MW_VIEW_ARG(op), MW_VIEW_ARG(name));
}

/* ---- one message after another --------------------------------------------------------------- */

static mw_status take_text(const model_wire *wire, const mw_protobuf_field *field,
                           mw_view *ret_text, mw_error *err)
{
    MW_TRY(model_wire_expect(wire, field, MW_PROTOBUF_BYTES, err));
    *ret_text = field->bytes;
    return MW_OK;
}

static mw_status add_view(model_list *list, mw_view view, mw_error *err)
{
    mw_view *added = model_list_add(list, 1);
    if (!added)
        return mw_fail_memory(err, "a graph");
    *added = view;
    return MW_OK;
}

static mw_status add_name(model_onnx *onnx, mw_view name, mw_error *err)
{
    if (onnx->names.count < MOST_NAMES)
        return add_view(&onnx->names, name, err);
    mw_fail(err, MW_E_MODEL_LIMIT, "the graph connects more than %d values", MOST_NAMES);
    return mw_mend(err, "convert the model alone, without the steps around it");
}

/* Inputs stand before outputs, so each of both is one slice; a file in another order is read in
 * two passes. */
static mw_status read_names(model_onnx *onnx, mw_view message, uint32_t number, size_t *ret_begin,
                            size_t *ret_count, mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, message);
    mw_protobuf_field field;
    bool more = false;
    *ret_begin = onnx->names.count;
    for (;;) {
        MW_TRY(model_wire_next_of(&wire, number, MW_PROTOBUF_BYTES, &field, &more, err));
        if (!more)
            break;
        MW_TRY(add_name(onnx, field.bytes, err));
    }
    *ret_count = onnx->names.count - *ret_begin;
    return MW_OK;
}

static mw_status read_node(model_onnx *onnx, mw_view message, mw_error *err)
{
    enum { NODE_INPUT = 1, NODE_OUTPUT, NODE_NAME, NODE_OP, NODE_DOMAIN = 7 };
    model_wire wire = model_wire_inside(&onnx->file, message);
    mw_protobuf_field field;
    model_onnx_node node = {.name = {"", 0}, .op = {"", 0}, .domain = {"", 0}, .body = message};
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            break;
        if (field.number == NODE_NAME)
            MW_TRY(take_text(&wire, &field, &node.name, err));
        if (field.number == NODE_OP)
            MW_TRY(take_text(&wire, &field, &node.op, err));
        if (field.number == NODE_DOMAIN)
            MW_TRY(take_text(&wire, &field, &node.domain, err));
    }
    if (onnx->nodes.count >= MOST_NAMES) {
        mw_fail(err, MW_E_MODEL_LIMIT, "the graph has more than %d nodes", MOST_NAMES);
        return mw_mend(err, "convert the model alone, without the steps around it");
    }
    MW_TRY(read_names(onnx, message, NODE_INPUT, &node.input, &node.n_inputs, err));
    MW_TRY(read_names(onnx, message, NODE_OUTPUT, &node.output, &node.n_outputs, err));
    model_onnx_node *added = model_list_add(&onnx->nodes, 1);
    if (!added)
        return mw_fail_memory(err, "a graph");
    *added = node;
    return MW_OK;
}

/* The only field `number` of a message, as bytes; empty when it is not there. */
static mw_status find_bytes(const model_onnx *onnx, mw_view message, uint32_t number,
                            mw_view *ret_bytes, bool *ret_found, mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, message);
    mw_protobuf_field field;
    bool more = false;
    *ret_bytes = (mw_view){message.data, 0};
    *ret_found = false;
    for (;;) {
        MW_TRY(model_wire_next_of(&wire, number, MW_PROTOBUF_BYTES, &field, &more, err));
        if (!more)
            return MW_OK;
        *ret_bytes = field.bytes;
        *ret_found = true;
    }
}

static mw_status find_integer(const model_onnx *onnx, mw_view message, uint32_t number,
                              int64_t *ret_value, mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, message);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next_of(&wire, number, MW_PROTOBUF_VARINT, &field, &more, err));
        if (!more)
            return MW_OK;
        *ret_value = (int64_t)field.value;
    }
}

/* TensorShapeProto: dim = 1, and in it dim_value = 1. */
static mw_status read_shape(const model_onnx *onnx, mw_view shape, model_onnx_input *input,
                            mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, shape);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next_of(&wire, 1, MW_PROTOBUF_BYTES, &field, &more, err));
        if (!more)
            return MW_OK;
        input->rank++;
        input->last_dim = -1;
        MW_TRY(find_integer(onnx, field.bytes, 1, &input->last_dim, err));
        if (input->last_dim <= 0) /* skl2onnx writes 0 for "open", too */
            input->last_dim = -1;
    }
}

/* ValueInfoProto: name = 1, type = 2; TypeProto: tensor_type = 1 {elem_type = 1, shape = 2}. */
static mw_status read_input(model_onnx *onnx, mw_view message, mw_error *err)
{
    model_onnx_input input = {.last_dim = -1};
    mw_view type, tensor, shape;
    bool found = false;
    MW_TRY(find_bytes(onnx, message, 1, &input.name, &found, err));
    MW_TRY(find_bytes(onnx, message, 2, &type, &found, err));
    MW_TRY(find_bytes(onnx, type, 1, &tensor, &found, err));
    if (found) {
        MW_TRY(find_integer(onnx, tensor, 1, &input.type, err));
        MW_TRY(find_bytes(onnx, tensor, 2, &shape, &found, err));
        MW_TRY(read_shape(onnx, shape, &input, err));
    }
    if (onnx->inputs.count >= MOST_NAMES) {
        mw_fail(err, MW_E_MODEL_LIMIT, "the graph has more than %d inputs", MOST_NAMES);
        return mw_mend(err, "convert the model with one matrix as its input");
    }
    model_onnx_input *added = model_list_add(&onnx->inputs, 1);
    if (!added)
        return mw_fail_memory(err, "a graph");
    *added = input;
    return MW_OK;
}

static mw_status read_output(model_onnx *onnx, mw_view message, mw_error *err)
{
    mw_view name;
    bool found = false;
    MW_TRY(find_bytes(onnx, message, 1, &name, &found, err));
    return add_view(&onnx->outputs, name, err);
}

mw_status model_onnx_keep_constant(model_onnx *onnx, mw_view name, mw_view tensor, mw_error *err)
{
    size_t n = onnx->constant_names.texts.count;
    uint32_t number = model_onnx_index_put(&onnx->constant_names, name);
    if (number == UINT32_MAX)
        return mw_fail_memory(err, "a graph");
    return number < n ? MW_OK : add_view(&onnx->constants, tensor, err);
}

static mw_status keep_constant(model_onnx *onnx, mw_view name, mw_view tensor, mw_error *err)
{
    if (onnx->constants.count >= MOST_NAMES) {
        mw_fail(err, MW_E_MODEL_LIMIT, "the graph has more than %d constants", MOST_NAMES);
        return mw_mend(err, "convert the model alone, without the steps around it");
    }
    return model_onnx_keep_constant(onnx, name, tensor, err);
}

static mw_status add_constant(model_onnx *onnx, mw_view tensor, mw_error *err)
{
    enum { TENSOR_NAME = 8 };
    mw_view name;
    bool found = false;
    MW_TRY(find_bytes(onnx, tensor, TENSOR_NAME, &name, &found, err));
    return keep_constant(onnx, name, tensor, err);
}

static mw_status read_graph_field(model_onnx *onnx, const model_wire *wire,
                                  const mw_protobuf_field *field, mw_error *err)
{
    enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
    static const struct {
        uint32_t number;
        mw_status (*read)(model_onnx *onnx, mw_view message, mw_error *err);
    } parts[] = {{GRAPH_NODE, read_node},
                 {GRAPH_INITIALIZER, add_constant},
                 {GRAPH_INPUT, read_input},
                 {GRAPH_OUTPUT, read_output}};
    for (size_t i = 0; i < MW_COUNT(parts); i++) {
        if (field->number != parts[i].number)
            continue;
        MW_TRY(model_wire_expect(wire, field, MW_PROTOBUF_BYTES, err));
        return parts[i].read(onnx, field->bytes, err);
    }
    return MW_OK;
}

static mw_status read_graph(model_onnx *onnx, mw_view message, mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, message);
    mw_protobuf_field field;
    bool more = false;
    if (onnx->has_graph) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "the model has two graphs");
        return mw_mend(err, "save or copy the model again; this file was damaged");
    }
    onnx->has_graph = true;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(read_graph_field(onnx, &wire, &field, err));
    }
}

static mw_status read_model_field(model_onnx *onnx, const mw_protobuf_field *field, mw_error *err)
{
    enum { MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION, MODEL_GRAPH = 7, MODEL_OPSET };
    mw_view domain;
    bool found = false;
    switch (field->number) {
    case MODEL_PRODUCER:
        return take_text(&onnx->file, field, &onnx->producer, err);
    case MODEL_PRODUCER_VERSION:
        return take_text(&onnx->file, field, &onnx->producer_version, err);
    case MODEL_GRAPH:
        MW_TRY(model_wire_expect(&onnx->file, field, MW_PROTOBUF_BYTES, err));
        return read_graph(onnx, field->bytes, err);
    case MODEL_OPSET:
        MW_TRY(model_wire_expect(&onnx->file, field, MW_PROTOBUF_BYTES, err));
        MW_TRY(find_bytes(onnx, field->bytes, 1, &domain, &found, err));
        if (onnx->domains.count >= MOST_DOMAINS)
            return MW_OK;
        return add_view(&onnx->domains, mw_view_is(domain, "ai.onnx") ? MW_VIEW("") : domain, err);
    default:
        return MW_OK;
    }
}

/* The import stands behind the graph: a file that was cut between fields lacks it. */
static mw_status check_domains(const model_onnx *onnx, mw_error *err)
{
    const model_onnx_node *nodes = onnx->nodes.items;
    for (size_t i = 0; i < onnx->nodes.count; i++) {
        const mw_view *domains = onnx->domains.items;
        mw_view wanted = mw_view_is(nodes[i].domain, "ai.onnx") ? MW_VIEW("") : nodes[i].domain;
        bool found = false;
        for (size_t d = 0; d < onnx->domains.count && !found; d++)
            found = mw_view_equal(domains[d], wanted);
        if (found)
            continue;
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "the model does not import its operator set '%.*s'",
                MW_VIEW_ARG(wanted));
        mw_mend(err, "save or copy the model again; this file was cut short or edited");
        return model_onnx_at(&nodes[i], err);
    }
    return MW_OK;
}

/* ---- attributes ------------------------------------------------------------------------------ */

typedef enum list_kind { LIST_FLOATS = 7, LIST_INTS = 8, LIST_STRINGS = 9 } list_kind;

static mw_status read_attribute(const model_wire *outer, mw_view message, model_onnx_attribute *ret,
                                mw_error *err)
{
    enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_F, ATTRIBUTE_I, ATTRIBUTE_S, ATTRIBUTE_T };
    model_wire wire = model_wire_inside(outer, message);
    mw_protobuf_field field;
    bool more = false;
    *ret = (model_onnx_attribute){
        .name = {"", 0}, .body = message, .text = {"", 0}, .tensor = {message.data, 0}};
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        if (field.number >= LIST_FLOATS && field.number <= LIST_STRINGS)
            model_wire_pass(&wire, &field); /* the rest of a list: others read it */
        if (field.number == ATTRIBUTE_NAME)
            MW_TRY(take_text(&wire, &field, &ret->name, err));
        if (field.number == ATTRIBUTE_S)
            MW_TRY(take_text(&wire, &field, &ret->text, err));
        if (field.number == ATTRIBUTE_T)
            MW_TRY(take_text(&wire, &field, &ret->tensor, err));
        if (field.number == ATTRIBUTE_F && field.type == MW_PROTOBUF_FIXED32) {
            float number;
            uint32_t bits = (uint32_t)field.value;
            memcpy(&number, &bits, sizeof number);
            ret->number = (double)number;
        }
        if (field.number == ATTRIBUTE_I && field.type == MW_PROTOBUF_VARINT)
            ret->integer = (int64_t)field.value;
    }
}

mw_status model_onnx_next_attribute(model_wire *wire, model_onnx_attribute *ret, bool *ret_more,
                                    mw_error *err)
{
    enum { NODE_ATTRIBUTE = 5 };
    mw_protobuf_field field;
    for (;;) {
        MW_TRY(model_wire_next(wire, &field, ret_more, err));
        if (!*ret_more)
            return MW_OK;
        if (field.number != NODE_ATTRIBUTE)
            continue;
        MW_TRY(model_wire_expect(wire, &field, MW_PROTOBUF_BYTES, err));
        return read_attribute(wire, field.bytes, ret, err);
    }
}

mw_status model_onnx_find_attribute(const model_onnx *onnx, const model_onnx_node *node,
                                    const char *name, model_onnx_attribute *ret, bool *ret_found,
                                    mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, node->body);
    bool more = false;
    *ret_found = false;
    for (;;) {
        MW_TRY(model_onnx_next_attribute(&wire, ret, &more, err));
        if (!more)
            return MW_OK;
        if (!mw_view_is(ret->name, name))
            continue;
        *ret_found = true;
        return MW_OK;
    }
}

static mw_status read_list(const model_onnx *onnx, const model_onnx_attribute *attribute,
                           list_kind kind, model_list *list, mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, attribute->body);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        if (field.number != (uint32_t)kind)
            continue;
        if (kind == LIST_FLOATS)
            MW_TRY(model_wire_numbers(&wire, &field, sizeof(float), list, err));
        if (kind == LIST_INTS)
            MW_TRY(model_wire_integers(&wire, &field, list, err));
        if (kind != LIST_STRINGS)
            continue;
        MW_TRY(model_wire_expect(&wire, &field, MW_PROTOBUF_BYTES, err));
        MW_TRY(add_view(list, field.bytes, err));
    }
}

mw_status model_onnx_integers(const model_onnx *onnx, const model_onnx_attribute *attribute,
                              model_list *int64s, mw_error *err)
{
    return read_list(onnx, attribute, LIST_INTS, int64s, err);
}

mw_status model_onnx_numbers(const model_onnx *onnx, const model_onnx_attribute *attribute,
                             model_list *doubles, mw_error *err)
{
    return read_list(onnx, attribute, LIST_FLOATS, doubles, err);
}

mw_status model_onnx_texts(const model_onnx *onnx, const model_onnx_attribute *attribute,
                           model_list *views, mw_error *err)
{
    return read_list(onnx, attribute, LIST_STRINGS, views, err);
}

/* ---- tensors --------------------------------------------------------------------------------- */

static mw_status refuse_external(mw_error *err)
{
    mw_fail(err, MW_E_MODEL_EXTERNAL, "the numbers of a tensor stand in another file");
    return mw_mend(err, "save the model as one file: onnx.save(model, path, "
                        "save_as_external_data=False)");
}

static mw_status fail_type(int64_t type, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_FORMAT, "a tensor of element type %lld is not read", (long long)type);
    return mw_mend(err, "convert the model with float32 or float64 numbers");
}

/* int32_data and int64_data, as doubles. */
static mw_status read_tensor_integers(model_wire *wire, const mw_protobuf_field *field,
                                      model_list *doubles, mw_error *err)
{
    model_list integers = {.item_bytes = sizeof(int64_t)};
    mw_status status = model_wire_integers(wire, field, &integers, err);
    double *out =
        status == MW_OK && integers.count > 0 ? model_list_add(doubles, integers.count) : NULL;
    if (status == MW_OK && integers.count > 0 && !out)
        status = mw_fail_memory(err, "a tensor");
    for (size_t i = 0; out && i < integers.count; i++)
        out[i] = (double)((const int64_t *)integers.items)[i];
    model_list_done(&integers);
    return status;
}

static mw_status read_raw_integers(mw_view raw, size_t width, model_list *doubles, mw_error *err)
{
    size_t count = raw.size / width;
    double *out = count > 0 ? model_list_add(doubles, count) : NULL;
    if (count > 0 && !out)
        return mw_fail_memory(err, "a tensor");
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;
        for (size_t b = width; b-- > 0;)
            bits = bits << 8 | (unsigned char)raw.data[i * width + b];
        out[i] = width == 8   ? (double)(int64_t)bits
                 : width == 4 ? (double)(int32_t)bits
                              : (double)bits;
    }
    return MW_OK;
}

static mw_status read_raw(const model_wire *wire, mw_view raw, int64_t type, model_list *doubles,
                          mw_error *err)
{
    switch (type) {
    case MODEL_ONNX_FLOAT:
        return model_wire_raw_numbers(wire, raw, sizeof(float), doubles, err);
    case MODEL_ONNX_DOUBLE:
        return model_wire_raw_numbers(wire, raw, sizeof(double), doubles, err);
    case MODEL_ONNX_INT64:
        return read_raw_integers(raw, sizeof(int64_t), doubles, err);
    case MODEL_ONNX_INT32:
        return read_raw_integers(raw, sizeof(int32_t), doubles, err);
    case MODEL_ONNX_UINT8:
    case MODEL_ONNX_BOOL:
        return read_raw_integers(raw, 1, doubles, err);
    default:
        return fail_type(type, err);
    }
}

static mw_status read_tensor_field(model_wire *wire, const mw_protobuf_field *field,
                                   int64_t type, model_list *doubles, mw_error *err)
{
    enum { FLOATS = 4, INT32S = 5, INT64S = 7, RAW = 9, DOUBLES = 10, EXTERNAL = 13, LOCATION };
    switch (field->number) {
    case FLOATS:
        return model_wire_numbers(wire, field, sizeof(float), doubles, err);
    case DOUBLES:
        return model_wire_numbers(wire, field, sizeof(double), doubles, err);
    case INT32S:
    case INT64S:
        return read_tensor_integers(wire, field, doubles, err);
    case RAW:
        MW_TRY(model_wire_expect(wire, field, MW_PROTOBUF_BYTES, err));
        return read_raw(wire, field->bytes, type, doubles, err);
    case EXTERNAL:
        return refuse_external(err);
    case LOCATION:
        return field->type == MW_PROTOBUF_VARINT && field->value == 0 ? MW_OK
                                                                      : refuse_external(err);
    default:
        return MW_OK;
    }
}

mw_status model_onnx_tensor(const model_onnx *onnx, mw_view tensor, model_list *doubles,
                            int64_t *ret_type, mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, tensor);
    mw_protobuf_field field;
    bool more = false;
    *ret_type = MODEL_ONNX_UNKNOWN;
    MW_TRY(find_integer(onnx, tensor, 2, ret_type, err));
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        MW_TRY(read_tensor_field(&wire, &field, *ret_type, doubles, err));
    }
}

mw_status model_onnx_tensor_sizes(const model_onnx *onnx, mw_view tensor, model_list *int64s,
                                  mw_error *err)
{
    model_wire wire = model_wire_inside(&onnx->file, tensor);
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&wire, &field, &more, err));
        if (!more)
            return MW_OK;
        if (field.number == 1)
            MW_TRY(model_wire_integers(&wire, &field, int64s, err));
    }
}

bool model_onnx_constant_of(const model_onnx *onnx, mw_view name, mw_view *ret_tensor)
{
    uint32_t number = model_onnx_index_find(&onnx->constant_names, name);
    if (number == UINT32_MAX)
        return false;
    *ret_tensor = ((const mw_view *)onnx->constants.items)[number];
    return true;
}

/* ---- a whole graph --------------------------------------------------------------------------- */

/* A Constant node's value is a constant like an initializer. */
static mw_status keep_constant_nodes(model_onnx *onnx, mw_error *err)
{
    const model_onnx_node *nodes = onnx->nodes.items;
    for (size_t i = 0; i < onnx->nodes.count; i++) {
        model_onnx_attribute value;
        bool found = false;
        if (!model_onnx_is(&nodes[i], "", "Constant") || nodes[i].n_outputs != 1)
            continue;
        MW_TRY(model_onnx_find_attribute(onnx, &nodes[i], "value", &value, &found, err));
        if (found)
            MW_TRY(keep_constant(onnx, model_onnx_name(onnx, nodes[i].output), value.tensor, err));
    }
    return MW_OK;
}

/* Old files list their constants among the inputs. */
static void mark_constant_inputs(model_onnx *onnx)
{
    model_onnx_input *inputs = onnx->inputs.items;
    mw_view tensor;
    for (size_t i = 0; i < onnx->inputs.count; i++) {
        inputs[i].is_constant = model_onnx_constant_of(onnx, inputs[i].name, &tensor);
        onnx->n_real_inputs += !inputs[i].is_constant;
    }
}

mw_status model_onnx_read_graph(model_onnx *onnx, mw_error *err)
{
    mw_protobuf_field field;
    bool more = false;
    for (;;) {
        MW_TRY(model_wire_next(&onnx->file, &field, &more, err));
        if (!more)
            break;
        MW_TRY(read_model_field(onnx, &field, err));
    }
    if (onnx->has_graph) {
        MW_TRY(keep_constant_nodes(onnx, err));
        mark_constant_inputs(onnx);
        return check_domains(onnx, err);
    }
    mw_fail(err, MW_E_MODEL_CUT_SHORT, "the file ends before the graph");
    return mw_mend(err, "save or copy the model again; this file was cut short");
}
