/* See register.h.
 *
 *     experiment NAME -> a run, with the commit of this pipeline -> PUT files below its artifacts
 *     (of a file alone an MLmodel with its signature, and what FILE.contract.yaml declares)
 *     -> registered model NAME -> version of the run -> alias */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "apply_changes.h"
#include "model/model.h"
#include "reach.h"
#include "register.h"

enum { BODY_BYTES_MAX = 1 << 20, FILES_MAX = 1000, DEPTH_MAX = 16 };

#define API "/api/2.0/mlflow/"

typedef struct registering {
    mw_client *client;
    mw_arena *arena;
    cli_registration *what;
    mw_view experiment, run, place; /* place: "mlflow-artifacts:/3/RUN/artifacts" */
    size_t n_files;
} registering;

/* ---- calls ----------------------------------------------------------------------------------- */

mw_status cli_ask_json(mw_client *client, const char *method, const char *path, const mw_buf *body,
                       mw_json **ret_answer, mw_error *err)
{
    mw_view answer;
    MW_TRY(cli_apply_ask(client, method, path, body ? mw_buf_as_view(body) : (mw_view){NULL, 0},
                         &answer, err));
    return mw_json_read(answer, ret_answer, err);
}

/* {"key": text, ...}: pairs up to a NULL. Values of "#..." keys stand without quotes. */
static mw_status post(registering *r, const char *path, const char *const *pairs,
                      mw_json **ret_answer, mw_error *err)
{
    mw_buf body;
    mw_buf_init(&body, BODY_BYTES_MAX);
    for (size_t i = 0; pairs[i]; i += 2) {
        bool is_bare = pairs[i][0] == '#';
        mw_buf_format(&body, "%s\"%s\":", i ? "," : "{", pairs[i] + is_bare);
        if (is_bare)
            mw_buf_text(&body, pairs[i + 1]);
        else
            mw_json_write_text(&body, mw_view_of(pairs[i + 1]));
    }
    mw_buf_char(&body, '}');
    mw_status status = cli_ask_json(r->client, "POST", path, &body, ret_answer, err);
    mw_buf_done(&body);
    return status;
}

static mw_status keep(registering *r, const mw_json *node, mw_view *ret_text, mw_error *err)
{
    mw_view text = mw_json_text(node);
    const char *kept = text.size ? mw_arena_text(r->arena, text) : NULL;
    *ret_text = (mw_view){kept, text.size};
    return kept ? MW_OK : mw_fail(err, MW_E_APPLY_REPLY, "the server answers something else");
}

/* ---- run ------------------------------------------------------------------------------------- */

/* Of a name that is there already the server answers 4xx: then it is looked up. */
static mw_status find_experiment(registering *r, mw_error *err)
{
    mw_json *answer;
    mw_buf path;
    mw_buf_init(&path, 4 * MW_KIB);
    mw_buf_text(&path, API "experiments/get-by-name?experiment_name=");
    cli_put_encoded(&path, mw_view_of(r->what->name));
    mw_status status = cli_ask_json(r->client, "GET", path.data, NULL, &answer, err);
    mw_buf_done(&path);
    if (status == MW_OK) {
        const mw_json *found = mw_json_member(answer, "experiment");
        status = keep(r, mw_json_member(found, "experiment_id"), &r->experiment, err);
        mw_json_free(answer);
        return status;
    }
    MW_TRY(post(r, API "experiments/create", (const char *const[]){"name", r->what->name, NULL},
                &answer, err));
    status = keep(r, mw_json_member(answer, "experiment_id"), &r->experiment, err);
    mw_json_free(answer);
    return status;
}

/* Which code it was made by, as CI systems tell it. */
static const char *commit(void)
{
    static const char *const names[] = {"GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT"};
    for (size_t i = 0; i < MW_COUNT(names); i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return value;
    }
    return NULL;
}

static mw_status make_run(registering *r, mw_error *err)
{
    mw_json *answer;
    mw_buf tags;
    char now[24];
    snprintf(now, sizeof now, "%lld", (long long)mw_clock_wall_ms());
    mw_buf_init(&tags, 4 * MW_KIB);
    mw_buf_text(&tags, "[{\"key\":\"mlflow.source.type\",\"value\":\"JOB\"}");
    if (commit()) {
        mw_buf_text(&tags, ",{\"key\":\"mlflow.source.git.commit\",\"value\":");
        mw_json_write_text(&tags, mw_view_of(commit()));
        mw_buf_char(&tags, '}');
    }
    mw_buf_char(&tags, ']');
    mw_status status =
        post(r, API "runs/create",
             (const char *const[]){"experiment_id", r->experiment.data, "run_name", "register",
                                   "#start_time", now, "#tags", tags.data, NULL},
             &answer, err);
    mw_buf_done(&tags);
    MW_TRY(status);
    const mw_json *info = mw_json_member(mw_json_member(answer, "run"), "info");
    status = keep(r, mw_json_member(info, "run_id"), &r->run, err);
    if (status == MW_OK)
        status = keep(r, mw_json_member(info, "artifact_uri"), &r->place, err);
    mw_json_free(answer);
    return status;
}

static mw_status end_run(registering *r, mw_error *err)
{
    mw_json *answer;
    char now[24];
    snprintf(now, sizeof now, "%lld", (long long)mw_clock_wall_ms());
    MW_TRY(post(
        r, API "runs/update",
        (const char *const[]){"run_id", r->run.data, "status", "FINISHED", "#end_time", now, NULL},
        &answer, err));
    mw_json_free(answer);
    return MW_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static mw_status put(registering *r, const char *name, mw_view content, mw_error *err)
{
    static const char scheme[] = "mlflow-artifacts:/";
    int http_status;
    mw_view answer;
    mw_buf path;
    if (!mw_view_starts(r->place, scheme)) {
        mw_fail(err, MW_E_APPLY_REPLY, "the server keeps artifacts elsewhere: %.*s",
                MW_VIEW_ARG(r->place));
        return mw_mend(err, "register it with MLflow's client");
    }
    mw_buf_init(&path, 64 * MW_KIB);
    mw_buf_format(&path, "/api/2.0/mlflow-artifacts/artifacts/%s/model/",
                  r->place.data + sizeof scheme - 1);
    for (const char *c = name; *c; c++)
        if (*c == '/')
            mw_buf_char(&path, '/');
        else
            mw_buf_format(&path, "%%%02X", (unsigned char)*c);
    mw_status status =
        mw_client_call(r->client, "PUT", path.data, "application/octet-stream",
                       content.data ? content : MW_VIEW(""), &http_status, &answer, err);
    mw_buf_done(&path);
    if (status == MW_OK && http_status >= 300) {
        status = mw_fail(err, MW_E_APPLY_REPLY, "the server answers %d to '%s'", http_status, name);
        mw_why(err, "%.*s", answer.size > 240 ? 240 : (int)answer.size, answer.data);
    }
    return status;
}

static mw_status put_file(registering *r, const char *path, const char *name, mw_error *err)
{
    mw_file file;
    if (++r->n_files > FILES_MAX)
        return mw_fail(err, MW_E_APPLY_REPLY, "the folder has more than %d files", FILES_MAX);
    MW_TRY(mw_file_read(path, MW_GIB, &file, err));
    mw_status status = put(r, name, (mw_view){file.data, file.size}, err);
    mw_file_done(&file);
    return status;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static mw_status put_folder(registering *r, const char *folder, const char *below, unsigned depth,
                            mw_error *err)
{
    struct dirent **entries = NULL;
    mw_status status = MW_OK;
    int n = scandir(folder, &entries, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX], name[PATH_MAX];
        const char *entry = entries[i]->d_name;
        bool fits = snprintf(path, sizeof path, "%s/%s", folder, entry) < (int)sizeof path &&
                    snprintf(name, sizeof name, "%s%s", below, entry) < (int)sizeof name - 1;
        if (status == MW_OK && fits && mw_file_is_folder(path) && depth < DEPTH_MAX) {
            snprintf(name + strlen(name), 2, "/");
            status = put_folder(r, path, name, depth + 1, err);
        } else if (status == MW_OK && fits && !mw_file_is_folder(path)) {
            status = put_file(r, path, name, err);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* ---- a file alone ---------------------------------------------------------------------------- */

/* MLflow's words; a category of texts is "string", of numbers their codes. */
static const char *signature_type(const mw_column *column)
{
    switch (column->type) {
    case MW_COLUMN_FLOAT64:
        return "double";
    case MW_COLUMN_FLOAT32:
        return "float";
    case MW_COLUMN_INT64:
        return "long";
    case MW_COLUMN_INT32:
        return "integer";
    case MW_COLUMN_BOOL:
        return "boolean";
    case MW_COLUMN_CATEGORY:
        break;
    }
    return column->n_categories > 0 && !column->categories_are_numbers ? "string" : "long";
}

/* What requests must look like, so that the record can compare versions without reading models.
 * What is declared stands beside the file; here is what was trained. */
static void put_signature(const mw_forest *forest, mw_buf *out)
{
    mw_buf inputs;
    mw_buf_init(&inputs, BODY_BYTES_MAX);
    for (size_t i = 0; i < forest->schema.n_columns; i++) {
        const mw_column *column = &forest->schema.columns[i];
        mw_buf_format(&inputs, "%s{\"type\":\"%s\"", i ? "," : "[", signature_type(column));
        if (forest->schema.named) {
            mw_buf_text(&inputs, ",\"name\":");
            mw_json_write_text(&inputs, column->name);
        }
        mw_buf_format(&inputs, ",\"required\":%s}",
                      column->optional && !column->has_default ? "false" : "true");
    }
    mw_buf_char(&inputs, ']');
    if (!inputs.failed && forest->schema.n_columns > 0) { /* else too wide to be told */
        mw_buf_text(out, "signature:\n  inputs: ");
        mw_json_write_text(out, mw_buf_as_view(&inputs));
        mw_buf_char(out, '\n');
    }
    mw_buf_done(&inputs);
}

static const char *flavor_of(mw_format format)
{
    switch (format) {
    case MW_FORMAT_XGBOOST_JSON:
    case MW_FORMAT_XGBOOST_UBJSON:
        return "xgboost";
    case MW_FORMAT_LIGHTGBM_TEXT:
    case MW_FORMAT_LIGHTGBM_JSON:
        return "lightgbm";
    case MW_FORMAT_ONNX:
    case MW_FORMAT_ONNX_GRAPH:
        return "onnx";
    default:
        return NULL;
    }
}

/* A file alone becomes a model folder: MLmodel says which flavor reads it. */
static mw_status dress(const char *path, const mw_forest *forest, mw_buf *out, mw_error *err)
{
    const char *flavor = flavor_of(forest->format), *slash = strrchr(path, '/');
    if (!flavor) {
        mw_fail(err, MW_E_MLMODEL_FLAVOR, "a model of %s cannot be registered",
                mw_format_name(forest->format));
        return mw_mend(err, "serve its file: mw serve NAME=%s; or export it as ONNX", path);
    }
    /* JSON is YAML, and takes any name */
    mw_buf_format(out, "flavors:\n  %s: {data: ", flavor);
    mw_json_write_text(out, mw_view_of(slash ? slash + 1 : path));
    mw_buf_text(out, "}\n");
    if (strcmp(flavor, "onnx") != 0) /* whose inputs are tensors */
        put_signature(forest, out);
    return out->failed ? mw_fail_memory(err, "MLmodel") : MW_OK;
}

/* What is declared of its columns goes with it. */
static mw_status put_beside(registering *r, const char *name, mw_error *err)
{
    char path[PATH_MAX], beside[PATH_MAX];
    bool fits = snprintf(path, sizeof path, "%s.contract.yaml", r->what->path) < PATH_MAX &&
                snprintf(beside, sizeof beside, "%s.contract.yaml", name) < PATH_MAX;
    return fits && access(path, F_OK) == 0 ? put_file(r, path, beside, err) : MW_OK;
}

static mw_status put_model(registering *r, mw_view mlmodel, mw_error *err)
{
    const char *path = r->what->path, *slash = strrchr(path, '/');
    if (mw_file_is_folder(path))
        return put_folder(r, path, "", 0, err);
    const char *name = slash ? slash + 1 : path;
    MW_TRY(put(r, "MLmodel", mlmodel, err));
    MW_TRY(put_beside(r, name, err));
    return put_file(r, path, name, err);
}

/* ---- version --------------------------------------------------------------------------------- */

static mw_status make_version(registering *r, mw_error *err)
{
    mw_json *answer;
    char source[PATH_MAX];
    mw_error taken;
    snprintf(source, sizeof source, "%s/model", r->place.data);
    if (post(r, API "registered-models/create", (const char *const[]){"name", r->what->name, NULL},
             &answer, &taken) == MW_OK)
        mw_json_free(answer); /* else it is there, or the next call tells why not */
    MW_TRY(post(
        r, API "model-versions/create",
        (const char *const[]){"name", r->what->name, "source", source, "run_id", r->run.data, NULL},
        &answer, err));
    const mw_json *made = mw_json_member(answer, "model_version");
    uint64_t number = 0;
    bool is_number = mw_whole_parse(mw_json_text(mw_json_member(made, "version")), &number);
    mw_json_free(answer);
    r->what->version = (int64_t)number;
    return is_number ? MW_OK : mw_fail(err, MW_E_APPLY_REPLY, "the server tells no version");
}

static mw_status set_alias(registering *r, mw_error *err)
{
    char number[24];
    mw_json *answer;
    if (!r->what->alias)
        return MW_OK;
    snprintf(number, sizeof number, "%lld", (long long)r->what->version);
    MW_TRY(post(r, API "registered-models/alias",
                (const char *const[]){"name", r->what->name, "alias", r->what->alias, "version",
                                      number, NULL},
                &answer, err));
    mw_json_free(answer);
    return MW_OK;
}

static mw_status register_model(registering *r, mw_view mlmodel, mw_error *err)
{
    MW_TRY(find_experiment(r, err));
    MW_TRY(make_run(r, err));
    MW_TRY(put_model(r, mlmodel, err));
    MW_TRY(end_run(r, err));
    MW_TRY(make_version(r, err));
    return set_alias(r, err);
}

mw_status cli_register(mw_client *client, mw_arena *arena, cli_registration *registration,
                       mw_error *err)
{
    registering r = {.client = client, .arena = arena, .what = registration};
    mw_buf mlmodel;
    mw_forest *forest;
    MW_TRY(mw_forest_load(registration->path, &forest, err));
    mw_buf_init(&mlmodel, MW_LIMIT_PASSPORT_FILE_BYTES);
    mw_status status = mw_file_is_folder(registration->path)
                           ? MW_OK
                           : dress(registration->path, forest, &mlmodel, err);
    mw_forest_free(forest);
    if (status == MW_OK)
        status = register_model(&r, mw_buf_as_view(&mlmodel), err);
    mw_buf_done(&mlmodel);
    return status;
}
