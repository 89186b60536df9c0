/* YAML nodes -> document, with the place of each fault. */
#include <stdlib.h>
#include <string.h>

#include "apply.h"

typedef struct reader {
    const char *file;
    mw_arena *arena;
    mw_apply_place *place;
} reader;

/* ---- refusals -------------------------------------------------------------------------------- */

static mw_status at(reader *in, unsigned line, unsigned column, size_t width, mw_error *err)
{
    *in->place = (mw_apply_place){line, column, (unsigned)width};
    return mw_at(err, "%s:%u:%u", in->file, line, column);
}

static mw_status refuse(reader *in, const mw_yaml *node, const char *mend, mw_error *err,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));

static mw_status refuse(reader *in, const mw_yaml *node, const char *mend, mw_error *err,
                        const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mw_fail(err, MW_E_APPLY_DOCUMENT, "%s", text);
    mw_mend(err, "%s", mend);
    return at(in, node->line, node->column, node->text.size + 2 * node->quoted, err);
}

static mw_status refuse_key(reader *in, const mw_yaml *node, const char *where, const char *keys,
                            mw_error *err)
{
    mw_fail(err, MW_E_APPLY_DOCUMENT, "unknown key \"%.*s\" in %s",
            node->key.size > 60 ? 60 : (int)node->key.size, node->key.data, where);
    mw_mend(err, "the keys are: %s", keys);
    return at(in, node->key_line, node->key_column, node->key.size, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

static mw_status take_text(reader *in, const mw_yaml *node, mw_view *ret_text, mw_error *err)
{
    enum { TEXT_BYTES_MAX = 4096 };
    if (node->kind != MW_YAML_SCALAR || node->text.size == 0 || mw_yaml_is_null(node) ||
        node->text.size > TEXT_BYTES_MAX || memchr(node->text.data, '\0', node->text.size))
        return refuse(in, node, "write one plain value, or leave the key out", err,
                      "\"%.*s\" needs a text", MW_VIEW_ARG(node->key));
    const char *kept = mw_arena_text(in->arena, node->text);
    *ret_text = (mw_view){kept, node->text.size};
    return kept ? MW_OK : mw_fail_memory(err, "the document");
}

/* [a, b], or "a,b", or a: "a,b". */
static mw_status take_names(reader *in, const mw_yaml *node, mw_view *ret_names, mw_error *err)
{
    mw_buf all;
    mw_status status = MW_OK;
    if (mw_yaml_is_null(node)) {
        *ret_names = MW_VIEW("");
        return MW_OK;
    }
    if (node->kind == MW_YAML_SCALAR)
        return take_text(in, node, ret_names, err);
    if (node->kind != MW_YAML_LIST)
        return refuse(in, node, "write [one, another]", err, "\"%.*s\" needs a list of names",
                      MW_VIEW_ARG(node->key));
    mw_buf_init(&all, 64 * MW_KIB);
    for (const mw_yaml *item = node->first; item && status == MW_OK; item = item->next) {
        if (item->kind != MW_YAML_SCALAR || item->text.size == 0)
            status = refuse(in, item, "write [one, another]", err, "this is no name");
        mw_buf_format(&all, "%s%.*s", all.size ? "," : "", MW_VIEW_ARG(item->text));
    }
    const char *kept = all.failed ? NULL : mw_arena_text(in->arena, mw_buf_as_view(&all));
    mw_buf_done(&all);
    if (status != MW_OK)
        return status;
    *ret_names = mw_view_of(kept ? kept : "");
    return kept ? MW_OK : mw_fail_memory(err, "the document");
}

static mw_status take_count(reader *in, const mw_yaml *node, int64_t *ret_count, mw_error *err)
{
    uint64_t number;
    if (node->kind != MW_YAML_SCALAR || node->quoted || !mw_whole_parse(node->text, &number) ||
        number > MW_GATES_MAX)
        return refuse(in, node, "write a whole number", err, "\"%.*s\" needs a number from 0 to %d",
                      MW_VIEW_ARG(node->key), MW_GATES_MAX);
    *ret_count = (int64_t)number;
    return MW_OK;
}

/* A list of maps; NULL items when it is empty. */
static mw_status take_list(reader *in, const mw_yaml *section, size_t item_bytes, void *ret_items,
                           mw_error *err)
{
    if (mw_yaml_is_null(section))
        return MW_OK; /* with every line below it commented out */
    if (section->kind != MW_YAML_LIST)
        return refuse(in, section, "begin each with '- '", err, "\"%.*s\" must be a list",
                      MW_VIEW_ARG(section->key));
    for (const mw_yaml *item = section->first; item; item = item->next)
        if (item->kind != MW_YAML_MAP)
            return refuse(in, item, "write 'key: value' lines", err, "this must be a map of keys");
    void **items = ret_items;
    *items = mw_arena_take_zeroed(in->arena, section->count ? section->count : 1, item_bytes);
    return *items ? MW_OK : mw_fail_memory(err, "the document");
}

/* ---- models ---------------------------------------------------------------------------------- */

static mw_status take_gates(reader *in, const mw_yaml *map, mw_gate_policy *gates, mw_error *err)
{
    *gates = (mw_gate_policy){MW_VIEW(""), MW_VIEW(""), MW_VIEW(""), 0, 0, MW_VIEW("")};
    if (mw_yaml_is_null(map))
        return MW_OK;
    if (map->kind != MW_YAML_MAP)
        return refuse(in, map, "gates: {require: [validation], approvals: 1}", err,
                      "\"gates\" must be a map of keys");
    for (const mw_yaml *node = map->first; node; node = node->next) {
        if (mw_view_is(node->key, "require"))
            MW_TRY(take_names(in, node, &gates->gates, err));
        else if (mw_view_is(node->key, "approvers"))
            MW_TRY(take_names(in, node, &gates->approvers, err));
        else if (mw_view_is(node->key, "aliases"))
            MW_TRY(take_names(in, node, &gates->aliases, err));
        else if (mw_view_is(node->key, "approvals"))
            MW_TRY(take_count(in, node, &gates->approvals, err));
        else
            return refuse_key(in, node, "gates", "require, approvals, approvers, aliases", err);
    }
    return MW_OK;
}

static mw_status take_model(reader *in, const mw_yaml *map, mw_apply_model *model, mw_error *err)
{
    for (const mw_yaml *node = map->first; node; node = node->next) {
        if (mw_view_is(node->key, "name"))
            MW_TRY(take_text(in, node, &model->name, err));
        else if (mw_view_is(node->key, "description"))
            MW_TRY(take_text(in, node, &model->description, err));
        else if (mw_view_is(node->key, "gates"))
            MW_TRY(take_gates(in, node, &model->gates, err));
        else
            return refuse_key(in, node, "a model", "name, description, gates", err);
        model->has_gates = model->has_gates || mw_view_is(node->key, "gates");
    }
    return model->name.size > 0
               ? MW_OK
               : refuse(in, map, "add 'name: NAME'", err, "the model has no \"name\"");
}

static mw_status take_models(reader *in, const mw_yaml *section, mw_apply_document *document,
                             mw_error *err)
{
    MW_TRY(take_list(in, section, sizeof *document->models, &document->models, err));
    for (const mw_yaml *item = section->first; item; item = item->next) {
        mw_apply_model *model = &document->models[document->n_models];
        MW_TRY(take_model(in, item, model, err));
        for (size_t i = 0; i < document->n_models; i++)
            if (mw_view_equal(document->models[i].name, model->name))
                return refuse(in, mw_yaml_member(item, "name"), "merge the two", err,
                              "the model '%.*s' stands there twice", MW_VIEW_ARG(model->name));
        document->n_models++;
    }
    return MW_OK;
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const mw_yaml *const *x = a, *const *y = b;
    return mw_view_order((*x)->key, (*y)->key);
}

static bool is_setting_name(mw_view key)
{
    for (size_t i = 0; i < key.size; i++)
        if (!((key.data[i] >= 'a' && key.data[i] <= 'z') || key.data[i] == '_'))
            return false;
    return key.size > 0 && key.size <= 40;
}

/* A file that the server reads: from which folder it was started is nobody's business. */
static mw_status take_path(reader *in, const mw_yaml *node, mw_apply_endpoint *endpoint,
                           mw_error *err)
{
    if (!mw_view_is(node->key, "reference") && !mw_view_is(node->key, "background"))
        return MW_OK;
    endpoint->has_paths = true;
    if (node->text.size > 0 && node->text.data[0] == '/')
        return MW_OK;
    return refuse(in, node,
                  "write the whole path on the server's machine; a training profile may as well "
                  "stand in the model's folder (mw data profile --model)",
                  err, "\"%.*s\" of an endpoint of the record must begin with '/'",
                  MW_VIEW_ARG(node->key));
}

static mw_status take_settings(reader *in, const mw_yaml *map, mw_apply_endpoint *endpoint,
                               mw_error *err)
{
    enum { SETTINGS_MAX = 32 };
    const mw_yaml *nodes[SETTINGS_MAX];
    size_t n = 0;
    mw_buf all;
    for (const mw_yaml *node = map->first; node; node = node->next) {
        mw_view value;
        if (mw_view_is(node->key, "name") || mw_view_is(node->key, "model"))
            continue;
        MW_TRY(take_text(in, node, &value, err));
        if (!is_setting_name(node->key) || memchr(value.data, '\n', value.size) ||
            n == SETTINGS_MAX)
            return refuse(in, node, "docs/reference/config.md lists the keys of endpoints", err,
                          "'%.60s' is no setting of an endpoint", node->key.data);
        MW_TRY(take_path(in, node, endpoint, err));
        nodes[n++] = node;
    }
    qsort(nodes, n, sizeof *nodes, by_key);
    mw_buf_init(&all, 256 * MW_KIB);
    for (size_t i = 0; i < n; i++)
        mw_buf_format(&all, "%.*s %.*s\n", MW_VIEW_ARG(nodes[i]->key), MW_VIEW_ARG(nodes[i]->text));
    const char *kept = all.failed ? NULL : mw_arena_text(in->arena, mw_buf_as_view(&all));
    mw_buf_done(&all);
    endpoint->settings = mw_view_of(kept ? kept : "");
    return kept ? MW_OK : mw_fail_memory(err, "the document");
}

/* "models:/credit@champion" -> "credit" */
static mw_view name_in(mw_view address)
{
    mw_view name = {NULL, 0};
    if (!mw_view_starts(address, "models:/"))
        return name;
    name.data = address.data + 8;
    while (name.size < address.size - 8 && name.data[name.size] != '@' &&
           name.data[name.size] != '/')
        name.size++;
    return name;
}

static mw_status check_endpoint_name(reader *in, const mw_yaml *map, mw_apply_endpoint *endpoint,
                                     mw_error *err)
{
    const mw_yaml *node = mw_yaml_member(map, "name");
    if (!endpoint->name.data)
        endpoint->name = name_in(endpoint->model);
    bool is_good = endpoint->name.size > 0 && endpoint->name.size <= MW_LIMIT_NAME_BYTES &&
                   endpoint->name.data[0] != '.';
    for (size_t i = 0; i < endpoint->name.size && is_good; i++) {
        char c = endpoint->name.data[i];
        is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
    }
    return is_good ? MW_OK
                   : refuse(in, node ? node : map, "use letters, digits, '_', '-' and '.'", err,
                            "'%.*s' cannot be the name of an endpoint",
                            endpoint->name.size > 60 ? 60 : (int)endpoint->name.size,
                            endpoint->name.data ? endpoint->name.data : "");
}

static mw_status take_endpoint(reader *in, const mw_yaml *map, mw_apply_endpoint *endpoint,
                               mw_error *err)
{
    const mw_yaml *name = mw_yaml_member(map, "name"), *model = mw_yaml_member(map, "model");
    if (!model)
        return refuse(in, map, "add 'model: models:/NAME@ALIAS'", err,
                      "the endpoint has no \"model\"");
    if (name)
        MW_TRY(take_text(in, name, &endpoint->name, err));
    MW_TRY(take_text(in, model, &endpoint->model, err));
    endpoint->is_file = !mw_is_model_address(endpoint->model);
    if (endpoint->is_file) { /* whose name is its file's, if it has none */
        endpoint->name = endpoint->name.data ? endpoint->name : endpoint->model;
        return MW_OK;
    }
    MW_TRY(check_endpoint_name(in, map, endpoint, err));
    return take_settings(in, map, endpoint, err);
}

static mw_status take_endpoints(reader *in, const mw_yaml *section, mw_apply_document *document,
                                mw_error *err)
{
    document->has_endpoints = true;
    MW_TRY(take_list(in, section, sizeof *document->endpoints, &document->endpoints, err));
    for (const mw_yaml *item = section->first; item; item = item->next) {
        mw_apply_endpoint *endpoint = &document->endpoints[document->n_endpoints];
        MW_TRY(take_endpoint(in, item, endpoint, err));
        for (size_t i = 0; i < document->n_endpoints; i++)
            if (mw_view_equal(document->endpoints[i].name, endpoint->name))
                return refuse(in, item, "give each a name of its own", err,
                              "the endpoint '%.*s' stands there twice",
                              MW_VIEW_ARG(endpoint->name));
        document->n_endpoints++;
    }
    return MW_OK;
}

/* ---- references and monitors ------------------------------------------------------------------
 */

/* The endpoint that a section is about; one that the document does not define is there for it. */
static mw_apply_endpoint *endpoint_for(reader *in, mw_apply_document *document, mw_view name)
{
    size_t n = document->n_endpoints;
    for (size_t i = 0; i < n; i++)
        if (mw_view_equal(document->endpoints[i].name, name))
            return &document->endpoints[i];
    mw_apply_endpoint *wider = mw_arena_take_zeroed(in->arena, n + 1, sizeof *wider);
    if (!wider)
        return NULL;
    if (n > 0)
        memcpy(wider, document->endpoints, n * sizeof *wider);
    wider[n] = (mw_apply_endpoint){.name = name, .settings = MW_VIEW(""), .is_partial = true};
    document->endpoints = wider;
    document->n_endpoints++;
    return &wider[n];
}

/* One more "key value" line, in the order of the keys. */
static mw_status add_setting(reader *in, const mw_yaml *node, mw_apply_endpoint *endpoint,
                             mw_view key, mw_view value, mw_error *err)
{
    mw_buf all;
    mw_view rest = endpoint->settings.data ? endpoint->settings : MW_VIEW("");
    bool is_put = false;
    mw_buf_init(&all, 256 * MW_KIB);
    while (rest.size > 0) {
        mw_view line = mw_view_cut(&rest, '\n'), after = line, at = mw_view_cut(&after, ' ');
        if (mw_view_equal(at, key)) {
            mw_buf_done(&all);
            return refuse(in, node, "say it once", err, "'%.*s' of '%.*s' stands there twice",
                          MW_VIEW_ARG(key), MW_VIEW_ARG(endpoint->name));
        }
        if (!is_put && mw_view_order(key, at) < 0) {
            mw_buf_format(&all, "%.*s %.*s\n", MW_VIEW_ARG(key), MW_VIEW_ARG(value));
            is_put = true;
        }
        mw_buf_format(&all, "%.*s\n", MW_VIEW_ARG(line));
    }
    if (!is_put)
        mw_buf_format(&all, "%.*s %.*s\n", MW_VIEW_ARG(key), MW_VIEW_ARG(value));
    const char *kept = all.failed ? NULL : mw_arena_text(in->arena, mw_buf_as_view(&all));
    endpoint->settings = (mw_view){kept ? kept : "", kept ? all.size : 0};
    mw_buf_done(&all);
    return kept ? MW_OK : mw_fail_memory(err, "the document");
}

static mw_status take_reference(reader *in, const mw_yaml *node, mw_view name,
                                mw_apply_document *document, mw_error *err)
{
    mw_view path;
    MW_TRY(take_text(in, node, &path, err));
    if (path.data[0] != '/' || memchr(path.data, '\n', path.size))
        return refuse(in, node, "write the whole path on the server's machine", err,
                      "the reference of '%.*s' must begin with '/'", MW_VIEW_ARG(name));
    mw_apply_endpoint *endpoint = endpoint_for(in, document, name);
    if (!endpoint)
        return mw_fail_memory(err, "the document");
    endpoint->has_paths = true;
    return add_setting(in, node, endpoint, MW_VIEW("reference"), path, err);
}

static mw_status take_references(reader *in, const mw_yaml *section, mw_apply_document *document,
                                 mw_error *err)
{
    if (mw_yaml_is_null(section))
        return MW_OK;
    if (section->kind != MW_YAML_MAP)
        return refuse(in, section, "write 'ENDPOINT: /path/profile.json' lines", err,
                      "\"references\" must be a map of endpoints");
    for (const mw_yaml *node = section->first; node; node = node->next) {
        const char *name = mw_arena_text(in->arena, node->key);
        if (!name)
            return mw_fail_memory(err, "the document");
        MW_TRY(take_reference(in, node, (mw_view){name, node->key.size}, document, err));
    }
    return MW_OK;
}

static mw_status take_fairness(reader *in, const mw_yaml *map, mw_apply_endpoint *endpoint,
                               mw_error *err)
{
    static const char *const keys[] = {"groups",   "limits", "threshold",
                                       "positive", "window", "min_group"};
    if (map->kind != MW_YAML_MAP)
        return refuse(in, map, "fairness: {groups: [sex]}", err, "\"fairness\" must be a map");
    for (const mw_yaml *node = map->first; node; node = node->next) {
        size_t k = 0;
        char key[40];
        mw_view value;
        while (k < MW_COUNT(keys) && !mw_view_is(node->key, keys[k]))
            k++;
        if (k == MW_COUNT(keys))
            return refuse_key(in, node, "fairness",
                              "groups, limits, threshold, positive, window, min_group", err);
        MW_TRY(take_names(in, node, &value, err));
        if (memchr(value.data, '\n', value.size))
            return refuse(in, node, "write it in one line", err, "'%s' has several lines", keys[k]);
        snprintf(key, sizeof key, "fairness_%s", keys[k]);
        MW_TRY(add_setting(in, node, endpoint, mw_view_of(key), value, err));
    }
    return MW_OK;
}

static mw_status take_monitor(reader *in, const mw_yaml *map, mw_apply_document *document,
                              mw_error *err)
{
    mw_view name = {NULL, 0};
    const mw_yaml *node = mw_yaml_member(map, "endpoint");
    if (!node)
        return refuse(in, map, "add 'endpoint: NAME'", err, "the monitor has no \"endpoint\"");
    MW_TRY(take_text(in, node, &name, err));
    mw_apply_endpoint *endpoint = endpoint_for(in, document, name);
    if (!endpoint)
        return mw_fail_memory(err, "the document");
    for (node = map->first; node; node = node->next) {
        if (mw_view_is(node->key, "fairness"))
            MW_TRY(take_fairness(in, node, endpoint, err));
        else if (mw_view_is(node->key, "reference"))
            MW_TRY(take_reference(in, node, name, document, err));
        else if (!mw_view_is(node->key, "endpoint"))
            return refuse_key(in, node, "a monitor", "endpoint, fairness, reference", err);
    }
    return MW_OK;
}

static mw_status take_monitors(reader *in, const mw_yaml *section, mw_apply_document *document,
                               mw_error *err)
{
    void *unused;
    MW_TRY(take_list(in, section, 1, &unused, err));
    for (const mw_yaml *item = section->first; item; item = item->next)
        MW_TRY(take_monitor(in, item, document, err));
    return MW_OK;
}

/* ---- rollouts -------------------------------------------------------------------------------- */

/* Its own reader says "12:5": the place in this file. */
static mw_status take_rollout(reader *in, const mw_yaml *map, mw_rollout_document *rollout,
                              mw_error *err)
{
    unsigned line = map->line, column = map->column;
    if (mw_rollout_document_take(map, rollout, err) != MW_OK) {
        (void)sscanf(err->where, "%u:%u", &line, &column);
        err->where[0] = '\0';
        return at(in, line, column, 1, err);
    }
    if (rollout->endpoint[0] && rollout->model[0])
        return MW_OK;
    return refuse(in, map, "add 'endpoint: NAME' and 'model: NAME/VERSION'", err,
                  "the rollout names no %s", rollout->endpoint[0] ? "model" : "endpoint");
}

static mw_status take_rollouts(reader *in, const mw_yaml *section, mw_apply_document *document,
                               mw_error *err)
{
    MW_TRY(take_list(in, section, sizeof *document->rollouts, &document->rollouts, err));
    for (const mw_yaml *item = section->first; item; item = item->next) {
        mw_rollout_document *rollout = &document->rollouts[document->n_rollouts];
        MW_TRY(take_rollout(in, item, rollout, err));
        for (size_t i = 0; i < document->n_rollouts; i++)
            if (strcmp(document->rollouts[i].endpoint, rollout->endpoint) == 0)
                return refuse(in, item, "an endpoint has one rollout at a time: keep one", err,
                              "two rollouts go to the endpoint '%s'", rollout->endpoint);
        document->n_rollouts++;
    }
    return MW_OK;
}

mw_status mw_apply_read(const mw_yaml *root, const char *file, mw_arena *arena,
                        mw_apply_document *ret_document, mw_apply_place *ret_place, mw_error *err)
{
    static const struct {
        const char *name;
        mw_status (*take)(reader *, const mw_yaml *, mw_apply_document *, mw_error *);
    } sections[] = {{"models", take_models},
                    {"endpoints", take_endpoints},
                    {"references", take_references},
                    {"monitors", take_monitors},
                    {"rollouts", take_rollouts}};
    reader in = {file, arena, ret_place};
    mw_apply_document document = {0};
    *ret_place = (mw_apply_place){0, 0, 0};
    if (root->kind != MW_YAML_MAP)
        return refuse(&in, root, "begin with 'models:' or 'endpoints:'", err,
                      "the document must be a map of sections");
    for (size_t i = 0; i < MW_COUNT(sections); i++) {
        const mw_yaml *section = mw_yaml_member(root, sections[i].name);
        if (section)
            MW_TRY(sections[i].take(&in, section, &document, err));
    }
    *ret_document = document;
    return MW_OK;
}
