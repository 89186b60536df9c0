/* A graph becomes a forest without trees: a session of ONNX Runtime, and where its inputs and
 * outputs stand in a row.
 *
 *     inputs of the graph         x [N, 3]  age [N]         columns     x_0 x_1 x_2 age
 *     outputs of the graph        label [N] scores [N, 2]   predictions scores_0 scores_1 label
 *
 * The first dimension is that of the rows; all others must be known, from the file or from a trial
 * with a few rows of zeros. A ZipMap's list of maps is no tensor, so the tensor before it is made
 * an output of the graph instead: protobuf reads a message that stands twice as one, so a second
 * `graph` field with nothing but that output, behind the file's bytes, is all it takes. */
#include "foreign.h"

#include <stdlib.h>

#include "foreign_make.h"
#include "names.h"

/* ---- refusing -------------------------------------------------------------------------------- */

/* "Conv, Relu, MaxPool" */
static void list_operators(const foreign *f, mw_buf *out)
{
    const model_onnx_node *operators = f->operators.items;
    for (size_t i = 0; i < f->operators.count; i++) {
        mw_buf_text(out, i > 0 ? ", " : "");
        mw_buf_view(out, operators[i].op);
    }
}

/* The native refusal, and what would help. */
static mw_status refuse_absent(const foreign *f, const mw_error *native, const mw_error *absent,
                               mw_error *err)
{
    mw_buf names;
    mw_buf_init(&names, MW_MIB);
    list_operators(f, &names);
    *err = *native;
    if (names.size > 0)
        mw_why(err, "not read here: %s; ONNX Runtime would run this model, but %s", names.data,
               strstr(absent->what, "off") ? "it is turned off" : "it is not installed");
    else
        mw_why(err, "ONNX Runtime would run this model, but %s",
               strstr(absent->what, "off") ? "it is turned off" : "it is not installed");
    mw_mend(err, "%s", absent->mend);
    mw_buf_done(&names);
    return err->status;
}

static mw_status check_domains(const foreign *f, mw_error *err)
{
    enum { SHOWN = 80 };
    const model_onnx_node *node = f->strange;
    if (!node)
        return MW_OK;
    mw_view domain = node->domain;
    domain.size = domain.size < SHOWN ? domain.size : SHOWN;
    mw_fail(err, MW_E_RUNTIME_DOMAIN,
            "the operator belongs to '%.*s', which needs a library of "
            "its own",
            MW_VIEW_ARG(domain));
    mw_why(err, "such libraries are code, and Millwright never runs a model's code");
    mw_mend(err, "convert the model without custom operators");
    return model_onnx_at(node, err);
}

/* ---- files beside the model ------------------------------------------------------------------ */

static mw_status refuse_outside(mw_view name, const char *why, mw_error *err)
{
    enum { SHOWN = 80 };
    name.size = name.size < SHOWN ? name.size : SHOWN;
    mw_fail(err, MW_E_MODEL_EXTERNAL, "numbers of the model stand in another file, '%.*s'",
            MW_VIEW_ARG(name));
    mw_why(err, "%s", why);
    return mw_mend(err, "save the model as one file: onnx.save(model, path, "
                        "save_as_external_data=False)");
}

static mw_status read_file(foreign_maker *m, mw_view name, mw_error *err)
{
    const char *slash = strrchr(m->path, '/');
    size_t folder_size = slash ? (size_t)(slash - m->path) + 1 : 0;
    mw_session_file *to = &m->files[m->n_files];
    mw_buf path;
    mw_buf_init(&path, MW_LIMIT_MLMODEL_FILE_BYTES);
    mw_buf_view(&path, (mw_view){m->path, folder_size});
    mw_buf_view(&path, name);
    to->name = mw_arena_text(&m->f.arena, name);
    mw_file *file = &m->contents[m->n_files];
    mw_status status = path.failed || !to->name
                           ? mw_fail_memory(err, "a path")
                           : mw_file_read(path.data, MW_LIMIT_MODEL_FILE_BYTES, file, err);
    if (status == MW_OK) {
        to->content = (mw_view){file->data, file->size};
        m->outside_bytes += file->size;
        m->n_files++;
    }
    mw_buf_done(&path);
    return status;
}

static mw_status read_files(foreign_maker *m, mw_error *err)
{
    const mw_view *names = m->f.files.items;
    size_t n = m->f.files.count;
    if (n == 0)
        return MW_OK;
    if (!m->path)
        return refuse_outside(names[0], "the model was given as bytes, so nothing is beside it",
                              err);
    if (m->f.external_inside)
        return refuse_outside(names[0], "only initializers of the main graph may stand outside",
                              err);
    m->files = calloc(n, sizeof *m->files);
    m->contents = calloc(n, sizeof *m->contents);
    if (!m->files || !m->contents)
        return mw_fail_memory(err, "the files of a model");
    for (size_t i = 0; i < n; i++) {
        if (!model_stays_inside(names[i]))
            return refuse_outside(names[i], "it is outside the model's folder", err);
        MW_TRY(read_file(m, names[i], err));
    }
    return MW_OK;
}

/* ---- the session ----------------------------------------------------------------------------- */

static const foreign_zip *zip_of(const foreign *f, mw_view output)
{
    const foreign_zip *zips = f->zips.items;
    for (size_t i = 0; i < f->zips.count; i++)
        if (mw_view_equal(zips[i].output, output))
            return &zips[i];
    return NULL;
}

static bool is_output(const foreign *f, mw_view name)
{
    const mw_view *outputs = f->onnx.outputs.items;
    for (size_t i = 0; i < f->onnx.outputs.count; i++)
        if (mw_view_equal(outputs[i], name))
            return true;
    return false;
}

static void put_varint(mw_buf *out, size_t value)
{
    for (; value >= 0x80; value >>= 7)
        mw_buf_char(out, (char)(value | 0x80));
    mw_buf_char(out, (char)value);
}

static void put_message(mw_buf *out, unsigned field, mw_view content)
{
    put_varint(out, field << 3 | MW_PROTOBUF_BYTES);
    put_varint(out, content.size);
    mw_buf_view(out, content);
}

/* graph { output { name } } */
static void put_output(mw_buf *out, mw_view name)
{
    mw_buf value, graph;
    mw_buf_init(&value, MW_MIB);
    mw_buf_init(&graph, MW_MIB);
    put_message(&value, 1, name);
    put_message(&graph, 12, mw_buf_as_view(&value));
    put_message(out, 7, mw_buf_as_view(&graph));
    out->failed = out->failed || value.failed || graph.failed;
    mw_buf_done(&value);
    mw_buf_done(&graph);
}

/* The model's bytes, and behind them the outputs that stand for ZipMaps. *ret_bytes is `bytes`
 * itself where there are none. */
static mw_status unzip(const foreign *f, mw_view bytes, mw_buf *room, mw_view *ret_bytes,
                       mw_error *err)
{
    const foreign_zip *zips = f->zips.items;
    *ret_bytes = bytes;
    for (size_t i = 0; i < f->zips.count; i++) {
        if (!is_output(f, zips[i].output) || is_output(f, zips[i].input))
            continue;
        if (room->size == 0)
            mw_buf_view(room, bytes);
        put_output(room, zips[i].input);
        if (room->failed)
            return mw_fail_memory(err, "a model");
        *ret_bytes = mw_buf_as_view(room);
    }
    return MW_OK;
}

static mw_status open_session(foreign_maker *m, mw_view bytes, mw_error *err)
{
    mw_buf room;
    mw_view whole;
    mw_buf_init(&room, SIZE_MAX / 2);
    mw_status status = unzip(&m->f, bytes, &room, &whole, err);
    if (status == MW_OK)
        status = mw_session_open(whole, m->files, m->n_files, &m->graph->session, err);
    mw_buf_done(&room);
    return status;
}

/* ---- a whole model --------------------------------------------------------------------------- */

const foreign_labels *foreign_zip_labels(const foreign *f, mw_view output)
{
    const foreign_zip *zip = zip_of(f, output);
    return zip ? (const foreign_labels *)f->labels.items + zip->labels : NULL;
}

mw_view foreign_unzipped(const foreign *f, mw_view output)
{
    const foreign_zip *zip = zip_of(f, output);
    return zip ? zip->input : output;
}

static mw_status set_head(foreign_maker *m, const char *version, mw_error *err)
{
    enum { SHOWN = 60, OPERATORS_SHOWN = 400 };
    mw_forest *forest = m->forest;
    mw_view name = m->f.onnx.producer, made = m->f.onnx.producer_version;
    char text[2 * SHOWN + 2];
    mw_buf names;
    mw_buf_init(&names, MW_MIB);
    list_operators(&m->f, &names);
    mw_view shown = mw_buf_as_view(&names);
    if (shown.size > OPERATORS_SHOWN || !mw_view_is_utf8(shown))
        shown.size = mw_view_is_utf8(shown) ? OPERATORS_SHOWN : 0;
    mw_status status = model_keep_text(forest, shown, &m->graph->operators, err);
    mw_buf_done(&names);
    MW_TRY(status);
    if (!mw_view_is_utf8(name) || !mw_view_is_utf8(made) || name.size > SHOWN || made.size > SHOWN)
        name.size = made.size = 0;
    snprintf(text, sizeof text, "%.*s%s%.*s", MW_VIEW_ARG(name), name.size > 0 ? " " : "",
             MW_VIEW_ARG(made));
    MW_TRY(model_keep_text(forest, mw_view_trim(mw_view_of(text)), &forest->library_version, err));
    m->graph->runtime = version;
    m->graph->outside_bytes = m->outside_bytes;
    forest->format = MW_FORMAT_ONNX_GRAPH;
    forest->objective = "graph";
    forest->cannot = "contributions and margins: ONNX Runtime computes this model as a whole";
    forest->file_bytes += m->outside_bytes;
    return MW_OK;
}

static mw_status make(foreign_maker *m, mw_view bytes, const char *version, mw_error *err)
{
    m->graph = mw_arena_take_zeroed(&m->forest->arena, 1, sizeof *m->graph);
    if (!m->graph)
        return mw_fail_memory(err, "a model");
    m->forest->graph = m->graph; /* from here on freed with the forest */
    MW_TRY(read_files(m, err));
    MW_TRY(open_session(m, bytes, err));
    MW_TRY(set_head(m, version, err));
    MW_TRY(foreign_set_inputs(m, err));
    MW_TRY(foreign_set_outputs(m, err));
    m->forest->n_margins = m->forest->n_predictions;
    return MW_OK;
}

static mw_status read_scanned(foreign_maker *m, mw_view bytes, const mw_error *native,
                              mw_error *err)
{
    const char *version = "";
    MW_TRY(check_domains(&m->f, err));
    mw_status status = mw_runtime_load(&version, err);
    if (status != MW_OK) {
        const mw_error said = *err;
        return said.code == MW_E_RUNTIME_ABSENT ? refuse_absent(&m->f, native, &said, err) : status;
    }
    return make(m, bytes, version, err);
}

mw_status model_foreign_read(mw_view bytes, const char *path, mw_forest **ret_forest, mw_error *err)
{
    const mw_error native = *err;
    model_build build; /* for an empty forest */
    foreign_maker m = {.path = path};
    foreign_init(&m.f, bytes);
    mw_status status = model_build_init(&build, NULL, bytes.size, err);
    m.forest = build.forest;
    if (status == MW_OK)
        status = foreign_scan(&m.f, err);
    if (status == MW_OK)
        status = read_scanned(&m, bytes, &native, err);
    if (status == MW_OK) {
        *ret_forest = m.forest;
        build.forest = NULL;
    }
    for (size_t i = 0; i < m.n_files; i++)
        mw_file_done(&m.contents[i]);
    free(m.files);
    free(m.contents);
    foreign_done(&m.f);
    model_build_done(&build);
    return status;
}
