/* A model made ready, and its tensors in and out. */
#include "api.h"

#include <stdlib.h>

struct mw_session {
    ort_session *handle;
    mw_tensor_type *inputs, *outputs;
    size_t n_inputs, n_outputs;
    const char **input_names; /* as run wants them */
};

/* ---- opening --------------------------------------------------------------------------------- */

static mw_status fail_model(ort_status *status, mw_error *err)
{
    return runtime_check(status, MW_E_RUNTIME_MODEL, "ONNX Runtime does not take this model", err);
}

/* One thread: the caller's. */
static mw_status set_threads(const runtime_api *api, ort_options *options, mw_error *err)
{
    MW_TRY(fail_model(api->set_intra_threads(options, 1), err));
    MW_TRY(fail_model(api->set_inter_threads(options, 1), err));
    return fail_model(api->set_entry(options, "session.intra_op.allow_spinning", "0"), err);
}

static mw_status add_files(const runtime_api *api, const mw_session_file *files, size_t n,
                           ort_options *options, mw_error *err)
{
    if (n == 0)
        return MW_OK;
    const char **names = calloc(n, sizeof *names);
    char **contents = calloc(n, sizeof *contents);
    size_t *bytes = calloc(n, sizeof *bytes);
    bool have = names && contents && bytes;
    for (size_t i = 0; have && i < n; i++) {
        names[i] = files[i].name;
        contents[i] = (char *)(uintptr_t)files[i].content.data; /* copied, not written to */
        bytes[i] = files[i].content.size;
    }
    mw_status status = have ? fail_model(api->add_files(options, names, contents, bytes, n), err)
                            : mw_fail_memory(err, "the files of a model");
    free(names);
    free(contents);
    free(bytes);
    return status;
}

static mw_status create(const runtime_api *api, mw_view model, const mw_session_file *files,
                        size_t n_files, mw_session *session, mw_error *err)
{
    ort_options *options = NULL;
    MW_TRY(fail_model(api->create_options(&options), err));
    mw_status status = set_threads(api, options, err);
    if (status == MW_OK)
        status = add_files(api, files, n_files, options, err);
    if (status == MW_OK)
        status = fail_model(
            api->create_session(api->env, model.data, model.size, options, &session->handle), err);
    api->release_options(options);
    return status;
}

/* ---- what it takes and gives ----------------------------------------------------------------- */

static mw_status read_shape(const runtime_api *api, const ort_shape *shape, mw_tensor_type *type,
                            mw_error *err)
{
    int element = 0;
    MW_TRY(fail_model(api->shape_element(shape, &element), err));
    MW_TRY(fail_model(api->shape_rank(shape, &type->rank), err));
    type->element = (mw_element)element;
    size_t n = type->rank < MW_TENSOR_RANK ? type->rank : MW_TENSOR_RANK;
    return fail_model(api->shape_dims(shape, type->dims, n), err);
}

static mw_status read_name(const runtime_api *api, char *name, mw_tensor_type *type, mw_error *err)
{
    type->name = strdup(name);
    MW_TRY(fail_model(api->allocator_free(api->allocator, name), err));
    return type->name ? MW_OK : mw_fail_memory(err, "the names of a model");
}

static mw_status read_type(const runtime_api *api, ort_type *handle, mw_tensor_type *type,
                           mw_error *err)
{
    const ort_shape *shape = NULL;
    mw_status status = fail_model(api->type_as_tensor(handle, &shape), err);
    if (status == MW_OK && shape)
        status = read_shape(api, shape, type, err);
    api->release_type(handle);
    return status;
}

static mw_status read_input(const runtime_api *api, mw_session *session, size_t i, mw_error *err)
{
    ort_type *handle = NULL;
    char *name = NULL;
    MW_TRY(fail_model(api->input_name(session->handle, i, api->allocator, &name), err));
    MW_TRY(read_name(api, name, &session->inputs[i], err));
    session->input_names[i] = session->inputs[i].name;
    MW_TRY(fail_model(api->input_type(session->handle, i, &handle), err));
    return read_type(api, handle, &session->inputs[i], err);
}

static mw_status read_output(const runtime_api *api, mw_session *session, size_t i, mw_error *err)
{
    ort_type *handle = NULL;
    char *name = NULL;
    MW_TRY(fail_model(api->output_name(session->handle, i, api->allocator, &name), err));
    MW_TRY(read_name(api, name, &session->outputs[i], err));
    MW_TRY(fail_model(api->output_type(session->handle, i, &handle), err));
    return read_type(api, handle, &session->outputs[i], err);
}

static mw_status describe(const runtime_api *api, mw_session *session, mw_error *err)
{
    MW_TRY(fail_model(api->input_count(session->handle, &session->n_inputs), err));
    MW_TRY(fail_model(api->output_count(session->handle, &session->n_outputs), err));
    session->inputs = calloc(session->n_inputs + 1, sizeof *session->inputs);
    session->outputs = calloc(session->n_outputs + 1, sizeof *session->outputs);
    session->input_names = calloc(session->n_inputs + 1, sizeof *session->input_names);
    if (!session->inputs || !session->outputs || !session->input_names)
        return mw_fail_memory(err, "a model");
    for (size_t i = 0; i < session->n_inputs; i++)
        MW_TRY(read_input(api, session, i, err));
    for (size_t i = 0; i < session->n_outputs; i++)
        MW_TRY(read_output(api, session, i, err));
    return MW_OK;
}

mw_status mw_session_open(mw_view model, const mw_session_file *files, size_t n_files,
                          mw_session **ret_session, mw_error *err)
{
    MW_TRY(mw_runtime_load(NULL, err));
    mw_session *session = calloc(1, sizeof *session);
    if (!session)
        return mw_fail_memory(err, "a model");
    const runtime_api *api = runtime_loaded();
    mw_status status = create(api, model, files, n_files, session, err);
    if (status == MW_OK)
        status = describe(api, session, err);
    if (status != MW_OK) {
        mw_session_close(session);
        return status;
    }
    *ret_session = session;
    return MW_OK;
}

static void free_types(mw_tensor_type *types, size_t n)
{
    for (size_t i = 0; types && i < n; i++)
        free((char *)(uintptr_t)types[i].name);
    free(types);
}

void mw_session_close(mw_session *session)
{
    if (!session)
        return;
    if (session->handle)
        runtime_loaded()->release_session(session->handle);
    free_types(session->inputs, session->n_inputs);
    free_types(session->outputs, session->n_outputs);
    free(session->input_names);
    free(session);
}

const mw_tensor_type *mw_session_inputs(const mw_session *session, size_t *ret_count)
{
    *ret_count = session->n_inputs;
    return session->inputs;
}

const mw_tensor_type *mw_session_outputs(const mw_session *session, size_t *ret_count)
{
    *ret_count = session->n_outputs;
    return session->outputs;
}

/* ---- running --------------------------------------------------------------------------------- */

/* One call: handles of tensors in and out. */
typedef struct session_run {
    const runtime_api *api;
    const mw_session *session;
    ort_value **inputs, **outputs;
    const char **output_names;
    size_t n_outputs;
} session_run;

static mw_status fail_run(ort_status *status, mw_error *err)
{
    return runtime_check(status, MW_E_RUNTIME_RUN, "ONNX Runtime cannot compute these rows", err);
}

static mw_status put_input(const session_run *run, const mw_tensor *tensor, ort_value **ret_value,
                           mw_error *err)
{
    const runtime_api *api = run->api;
    if (tensor->element != MW_ELEMENT_TEXT)
        return fail_run(api->wrap_tensor(api->memory, tensor->data,
                                         tensor->count * mw_element_bytes(tensor->element),
                                         tensor->dims, tensor->rank, (int)tensor->element,
                                         ret_value),
                        err);
    MW_TRY(fail_run(api->create_tensor(api->allocator, tensor->dims, tensor->rank,
                                       (int)tensor->element, ret_value),
                    err));
    return fail_run(api->fill_texts(*ret_value, tensor->texts, tensor->count), err);
}

static mw_status read_texts(const runtime_api *api, const ort_value *value, size_t count,
                            mw_view **ret_views, mw_error *err)
{
    size_t bytes = 0;
    MW_TRY(fail_run(api->text_bytes(value, &bytes), err));
    /* one block: views, places, text */
    mw_view *views = malloc(count * (sizeof *views + sizeof(size_t)) + bytes + 1);
    if (!views)
        return mw_fail_memory(err, "the texts of an output");
    size_t *places = (size_t *)(void *)(views + count);
    char *text = (char *)(places + count);
    mw_status status = fail_run(api->text_content(value, text, bytes, places, count), err);
    for (size_t i = 0; i < count && status == MW_OK; i++) {
        size_t end = i + 1 < count ? places[i + 1] : bytes;
        views[i] = (mw_view){text + places[i], end - places[i]};
    }
    *ret_views = views;
    return status;
}

static mw_status read_value_shape(const runtime_api *api, const ort_value *value,
                                  mw_tensor *ret_tensor, mw_error *err)
{
    ort_shape *shape = NULL;
    mw_tensor_type type = {0};
    MW_TRY(fail_run(api->value_shape(value, &shape), err));
    mw_status status = read_shape(api, shape, &type, err);
    if (status == MW_OK)
        status = fail_run(api->shape_count(shape, &ret_tensor->count), err);
    api->release_shape(shape);
    ret_tensor->element = type.element;
    ret_tensor->rank = type.rank < MW_TENSOR_RANK ? type.rank : MW_TENSOR_RANK;
    memcpy(ret_tensor->dims, type.dims, sizeof type.dims);
    return status;
}

static mw_status show_output(const session_run *run, size_t i, mw_session_see *see, void *user,
                             mw_error *err)
{
    mw_tensor tensor = {0};
    mw_view *views = NULL;
    mw_status status = read_value_shape(run->api, run->outputs[i], &tensor, err);
    if (status == MW_OK && tensor.element == MW_ELEMENT_TEXT)
        status = read_texts(run->api, run->outputs[i], tensor.count, &views, err);
    else if (status == MW_OK)
        status = fail_run(run->api->tensor_data(run->outputs[i], &tensor.data), err);
    tensor.views = views;
    if (status == MW_OK)
        status = see(user, i, &tensor, err);
    free(views);
    return status;
}

static mw_status run_all(const session_run *run, const mw_tensor *inputs, mw_session_see *see,
                         void *user, mw_error *err)
{
    const mw_session *session = run->session;
    for (size_t i = 0; i < session->n_inputs; i++)
        MW_TRY(put_input(run, &inputs[i], &run->inputs[i], err));
    MW_TRY(fail_run(run->api->run(session->handle, NULL, session->input_names,
                                  (const ort_value *const *)run->inputs, session->n_inputs,
                                  run->output_names, run->n_outputs, run->outputs),
                    err));
    for (size_t i = 0; i < run->n_outputs; i++)
        MW_TRY(show_output(run, i, see, user, err));
    return MW_OK;
}

mw_status mw_session_run(const mw_session *session, const mw_tensor *inputs, const size_t *wanted,
                         size_t n_wanted, mw_session_see *see, void *user, mw_error *err)
{
    size_t n_handles = session->n_inputs + n_wanted;
    session_run run = {.api = runtime_loaded(), .session = session, .n_outputs = n_wanted};
    ort_value **handles = calloc(n_handles + 1, sizeof *handles);
    run.output_names = calloc(n_wanted + 1, sizeof *run.output_names);
    mw_status status = MW_OK;
    if (!handles || !run.output_names)
        status = mw_fail_memory(err, "a call of ONNX Runtime");
    if (status == MW_OK) {
        run.inputs = handles;
        run.outputs = handles + session->n_inputs;
        for (size_t i = 0; i < n_wanted; i++)
            run.output_names[i] = session->outputs[wanted[i]].name;
        status = run_all(&run, inputs, see, user, err);
        for (size_t i = 0; i < n_handles; i++)
            if (handles[i])
                run.api->release_value(handles[i]);
    }
    free(handles);
    free(run.output_names);
    return status;
}
