/* Outputs of a session become predictions. Their shapes are those of a trial: two rows of zeros (or
 * as many as the graph fixes), with the first known category where the graph looks one up. Where
 * the trial fails, because zeros are nothing it takes, the shapes that the file declares count. */
#include "foreign_make.h"

#include <stdlib.h>

#include "names.h"

typedef struct trial {
    foreign_maker *m;
    mw_graph_tensor *outputs;
    size_t rows;
    mw_tensor *inputs;
    size_t *wanted;
    mw_arena arena;
} trial;

static mw_status refuse(const char *name, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_RUNTIME_SHAPE, "%s", what);
    mw_mend(err, "convert the model with tensors as outputs, their first dimension that of the "
                 "rows");
    return mw_at(err, "output '%.80s'", name);
}

/* ---- rows of zeros --------------------------------------------------------------------------- */

/* The first number that an encoder knows; zero is often none of them. */
static mw_status known_number(const foreign *f, double *ret_number, mw_error *err)
{
    const model_onnx_node *nodes = f->onnx.nodes.items;
    model_list numbers = {.item_bytes = sizeof(int64_t)};
    mw_status status = MW_OK;
    *ret_number = 0;
    for (size_t i = 0; i < f->onnx.nodes.count && numbers.count == 0 && status == MW_OK; i++) {
        model_onnx_attribute list;
        bool found = false;
        const char *name = mw_view_is(nodes[i].op, "OneHotEncoder")  ? "cats_int64s"
                           : mw_view_is(nodes[i].op, "LabelEncoder") ? "keys_int64s"
                                                                     : NULL;
        if (name)
            status = model_onnx_find_attribute(&f->onnx, &nodes[i], name, &list, &found, err);
        if (status == MW_OK && found)
            status = model_onnx_integers(&f->onnx, &list, &numbers, err);
    }
    if (numbers.count > 0)
        *ret_number = (double)*(const int64_t *)numbers.items;
    model_list_done(&numbers);
    return status;
}

static mw_status fill_input(trial *t, const mw_graph_tensor *input, double number, mw_tensor *to,
                            mw_error *err)
{
    const mw_column *column = &t->m->forest->schema.columns[input->first];
    bool text = input->element == MW_ELEMENT_TEXT, whole = column->type != MW_COLUMN_FLOAT64;
    size_t width = text ? sizeof(char *) : mw_element_bytes(input->element);
    *to = (mw_tensor){
        .element = input->element, .rank = input->rank, .count = t->rows * input->count};
    memcpy(to->dims, input->dims, sizeof to->dims);
    to->dims[0] = (int64_t)t->rows;
    char *data = mw_arena_take_zeroed(&t->arena, to->count, width);
    if (!data)
        return mw_fail_memory(err, "a trial of the model");
    for (size_t i = 0; i < to->count; i++) {
        if (text)
            ((const char **)(void *)data)[i] = column->categories[0].data;
        else if (whole)
            (void)mw_element_write(input->element, number, data + i * width);
    }
    to->data = data;
    to->texts = text ? (const char *const *)(void *)data : NULL;
    return MW_OK;
}

static mw_status fill_inputs(trial *t, mw_error *err)
{
    const mw_graph *graph = t->m->graph;
    double number;
    MW_TRY(known_number(&t->m->f, &number, err));
    t->inputs = mw_arena_take_zeroed(&t->arena, graph->n_inputs, sizeof *t->inputs);
    if (!t->inputs)
        return mw_fail_memory(err, "a trial of the model");
    for (size_t i = 0; i < graph->n_inputs; i++)
        MW_TRY(fill_input(t, &graph->inputs[i], number, &t->inputs[i], err));
    return MW_OK;
}

/* ---- which outputs --------------------------------------------------------------------------- */

static mw_status find_output(const trial *t, mw_view name, mw_graph_tensor *to, mw_error *err)
{
    size_t n;
    const mw_tensor_type *types = mw_session_outputs(t->m->graph->session, &n);
    mw_view wanted = foreign_unzipped(&t->m->f, name);
    for (to->place = 0; to->place < n; to->place++)
        if (mw_view_is(wanted, types[to->place].name))
            break;
    to->name = mw_arena_text(&t->m->forest->arena, name);
    if (!to->name)
        return mw_fail_memory(err, "a model");
    if (to->place == n || types[to->place].element == MW_ELEMENT_NONE)
        return refuse(to->name, "it is a sequence or a map, and no ZipMap of scores", err);
    to->element = types[to->place].element;
    if (to->element != MW_ELEMENT_TEXT && mw_element_bytes(to->element) == 0)
        return refuse(to->name, "its element type is not known here", err);
    return mw_view_is_utf8(name) ? MW_OK : refuse("?", "its name is not UTF-8", err);
}

static mw_status find_outputs(trial *t, mw_error *err)
{
    const model_list *names = &t->m->f.onnx.outputs;
    size_t n = names->count;
    if (n == 0 || n > MW_LIMIT_GRAPH_TENSORS)
        return refuse("", "the graph has no outputs, or too many", err);
    t->outputs = mw_arena_take_zeroed(&t->m->forest->arena, n, sizeof *t->outputs);
    t->wanted = mw_arena_take_zeroed(&t->arena, n, sizeof *t->wanted);
    if (!t->outputs || !t->wanted)
        return mw_fail_memory(err, "a model");
    for (size_t i = 0; i < n; i++) {
        MW_TRY(find_output(t, ((const mw_view *)names->items)[i], &t->outputs[i], err));
        t->wanted[i] = t->outputs[i].place;
    }
    t->m->graph->outputs = t->outputs;
    t->m->graph->n_outputs = n;
    return MW_OK;
}

/* ---- their shapes ---------------------------------------------------------------------------- */

/* The rows' dimension, and what is behind it. Where one row is all that the graph takes, that
 * dimension may be missing. */
static mw_status take_shape(const trial *t, const mw_tensor *tensor, mw_graph_tensor *to,
                            mw_error *err)
{
    bool by_rows = tensor->rank >= 1 && tensor->dims[0] == (int64_t)t->rows;
    bool one_row = !by_rows && t->m->graph->batch_rows == 1 && tensor->rank < MW_TENSOR_RANK;
    size_t behind = by_rows ? tensor->rank - 1 : tensor->rank;
    if (!by_rows && !one_row)
        return refuse(to->name, "it does not have one entry for each row", err);
    to->rank = behind + 1;
    to->dims[0] = -1;
    memcpy(to->dims + 1, tensor->dims + by_rows, behind * sizeof *to->dims);
    to->count = tensor->count / t->rows;
    if (to->count > 0 && to->count <= MW_LIMIT_OUTPUTS)
        return MW_OK;
    return refuse(to->name, to->count == 0 ? "it is empty" : "it has too many numbers a row", err);
}

static mw_status see_output(void *user, size_t i, const mw_tensor *tensor, mw_error *err)
{
    trial *t = user;
    return take_shape(t, tensor, &t->outputs[i], err);
}

static mw_status take_declared(const trial *t, const mw_error *said, mw_graph_tensor *to,
                               mw_error *err)
{
    size_t n;
    const mw_tensor_type *type = &mw_session_outputs(t->m->graph->session, &n)[to->place];
    const foreign_labels *labels = foreign_zip_labels(&t->m->f, mw_view_of(to->name));
    mw_tensor tensor = {.rank = type->rank, .count = t->rows};
    bool known = type->rank >= 1 && type->rank <= MW_TENSOR_RANK;
    for (size_t i = 1; i < type->rank && known; i++) {
        known = type->dims[i] > 0 && type->dims[i] <= MW_LIMIT_OUTPUTS &&
                tensor.count <= SIZE_MAX / MW_LIMIT_OUTPUTS;
        tensor.dims[i] = type->dims[i];
        tensor.count *= known ? (size_t)type->dims[i] : 1;
    }
    if (!known && labels) {
        tensor = (mw_tensor){.rank = 2, .count = t->rows * labels->count};
        tensor.dims[1] = (int64_t)labels->count;
        known = true;
    }
    if (!known) {
        refuse(to->name, "its shape is not in the file, and a trial with zeros fails", err);
        return mw_why(err, "%s", said->why);
    }
    tensor.dims[0] = (int64_t)t->rows;
    return take_shape(t, &tensor, to, err);
}

/* The second call tells what one costs. */
static mw_status try_rows(trial *t, mw_error *err)
{
    mw_graph *graph = t->m->graph;
    for (int i = 0; i < 2; i++) {
        uint64_t began = mw_clock_ns();
        MW_TRY(mw_session_run(graph->session, t->inputs, t->wanted, graph->n_outputs, see_output, t,
                              err));
        graph->call_ns = mw_clock_ns() - began;
    }
    return MW_OK;
}

static mw_status measure(trial *t, mw_error *err)
{
    t->rows = t->m->graph->batch_rows ? t->m->graph->batch_rows : 2;
    MW_TRY(fill_inputs(t, err));
    mw_status status = try_rows(t, err);
    if (status == MW_OK || err->code != MW_E_RUNTIME_RUN)
        return status;
    const mw_error said = *err;
    for (size_t i = 0; i < t->m->graph->n_outputs; i++)
        MW_TRY(take_declared(t, &said, &t->outputs[i], err));
    return MW_OK;
}

/* ---- classes --------------------------------------------------------------------------------- */

static bool is_whole(mw_element element)
{
    return element == MW_ELEMENT_INT64 || element == MW_ELEMENT_INT32;
}

static bool is_label(const mw_graph_tensor *output)
{
    return output->count == 1 && (is_whole(output->element) || output->element == MW_ELEMENT_TEXT);
}

static bool is_float(mw_element element)
{
    return element == MW_ELEMENT_FLOAT32 || element == MW_ELEMENT_FLOAT64;
}

static mw_status keep_labels(foreign_maker *m, const foreign_labels *labels, mw_error *err)
{
    const mw_view *from = (const mw_view *)m->f.texts.items + labels->first;
    mw_forest *forest = m->forest;
    mw_view *kept = mw_arena_take_zeroed(&forest->arena, labels->count, sizeof *kept);
    if (!kept)
        return mw_fail_memory(err, "the classes");
    for (size_t i = 0; i < labels->count; i++) {
        bool readable = mw_view_is_utf8(from[i]);
        kept[i] = (mw_view){mw_arena_text(&forest->arena, readable ? from[i] : MW_VIEW("?")),
                            readable ? from[i].size : 1};
        if (!kept[i].data)
            return mw_fail_memory(err, "the classes");
    }
    forest->class_labels = kept;
    forest->n_classes = labels->count;
    return MW_OK;
}

/* A list of this many names; count 0: of any. */
static const foreign_labels *find_labels(const foreign *f, size_t count, bool are_numbers)
{
    const foreign_labels *labels = f->labels.items;
    for (size_t i = 0; i < f->labels.count; i++)
        if (labels[i].are_numbers == are_numbers && (count == 0 || labels[i].count == count))
            return &labels[i];
    return NULL;
}

/* The output of a classifier's scores, and the names of its classes; NULL: there is none. */
static const mw_graph_tensor *find_scores(const trial *t, const foreign_labels **ret_labels)
{
    size_t n = t->m->graph->n_outputs;
    for (size_t i = 0; i < n; i++) {
        *ret_labels = foreign_zip_labels(&t->m->f, mw_view_of(t->outputs[i].name));
        if (*ret_labels && (*ret_labels)->count == t->outputs[i].count)
            return &t->outputs[i];
    }
    for (size_t i = 0; i < n && n == 2; i++) {
        const mw_graph_tensor *scores = &t->outputs[i], *label = &t->outputs[1 - i];
        if (!is_float(scores->element) || scores->count < 2 || !is_label(label))
            continue;
        *ret_labels = find_labels(&t->m->f, scores->count, label->element != MW_ELEMENT_TEXT);
        return *ret_labels ? scores : NULL;
    }
    return NULL;
}

static mw_status check_texts(const trial *t, mw_error *err)
{
    const foreign_labels *labels = find_labels(&t->m->f, 0, false);
    for (size_t i = 0; i < t->m->graph->n_outputs; i++) {
        if (t->outputs[i].element != MW_ELEMENT_TEXT || t->m->forest->class_labels)
            continue;
        if (!labels)
            return refuse(t->outputs[i].name,
                          "it is text, and which texts there are does not stand in the file", err);
        MW_TRY(keep_labels(t->m, labels, err));
    }
    return MW_OK;
}

/* Scores first; the others as the graph has them. */
static mw_status place_values(trial *t, const mw_graph_tensor *scores, mw_error *err)
{
    mw_graph *graph = t->m->graph;
    size_t at = scores ? scores->count : 0;
    bool only_labels = true, float32 = true;
    for (size_t i = 0; i < graph->n_outputs; i++) {
        mw_graph_tensor *to = &t->outputs[i];
        to->first = to == scores ? 0 : at;
        at += to == scores ? 0 : to->count;
        only_labels = only_labels && (to == scores || is_label(to));
        float32 = float32 && (is_label(to) || to->element == MW_ELEMENT_FLOAT32);
    }
    if (at > MW_LIMIT_OUTPUTS)
        return refuse(t->outputs[0].name, "all outputs have too many numbers a row", err);
    mw_element *elements = mw_arena_take_zeroed(&t->m->forest->arena, at, sizeof *elements);
    if (!elements)
        return mw_fail_memory(err, "a model");
    for (size_t i = 0; i < graph->n_outputs; i++)
        for (size_t k = 0; k < t->outputs[i].count; k++)
            elements[t->outputs[i].first + k] = t->outputs[i].element;
    graph->elements = elements;
    graph->n_answers = scores && only_labels ? scores->count : at;
    t->m->forest->n_predictions = at;
    t->m->forest->sum_float32 = float32;
    return MW_OK;
}

static mw_status set_outputs(trial *t, mw_error *err)
{
    const foreign_labels *labels = NULL;
    MW_TRY(find_outputs(t, err));
    MW_TRY(measure(t, err));
    const mw_graph_tensor *scores = find_scores(t, &labels);
    if (scores)
        MW_TRY(keep_labels(t->m, labels, err));
    MW_TRY(check_texts(t, err));
    return place_values(t, scores, err);
}

mw_status foreign_set_outputs(foreign_maker *m, mw_error *err)
{
    trial t = {.m = m};
    mw_arena_init(&t.arena, MW_LIMIT_REQUEST_BLOCK_BYTES, MW_LIMIT_REQUEST_ARENA_BYTES);
    mw_status status = set_outputs(&t, err);
    mw_arena_done(&t.arena);
    return status;
}
