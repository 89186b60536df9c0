/* See register.h.
 *
 *     experiment NAME -> a run, with the commit of this pipeline -> PUT files below its artifacts
 *     -> registered model NAME -> version of the run -> alias */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>

#include "apply_changes.h"
#include "model/model.h"
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
    for (const char *c = r->what->name; *c; c++)
        mw_buf_format(&path, "%%%02X", (unsigned char)*c);
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

/* A file alone becomes a model folder: MLmodel says which flavor reads it. */
static mw_status flavor_of(const char *path, const char **ret_flavor, mw_error *err)
{
    mw_forest *forest;
    MW_TRY(mw_forest_load(path, &forest, err));
    mw_format format = forest->format;
    mw_forest_free(forest);
    bool is_dump = format == MW_FORMAT_LIGHTGBM_JSON;
    *ret_flavor = format == MW_FORMAT_XGBOOST_JSON || format == MW_FORMAT_XGBOOST_UBJSON ? "xgboost"
                  : format == MW_FORMAT_LIGHTGBM_TEXT || is_dump               ? "lightgbm"
                  : format == MW_FORMAT_ONNX || format == MW_FORMAT_ONNX_GRAPH ? "onnx"
                                                                               : NULL;
    if (*ret_flavor)
        return MW_OK;
    mw_fail(err, MW_E_MLMODEL_FLAVOR, "a model of %s cannot be registered", mw_format_name(format));
    return mw_mend(err, "serve its file: mw serve NAME=%s; or export it as ONNX", path);
}

static mw_status put_model(registering *r, const char *flavor, mw_error *err)
{
    char text[PATH_MAX + 200];
    const char *path = r->what->path, *slash = strrchr(path, '/');
    if (!flavor)
        return put_folder(r, path, "", 0, err);
    const char *name = slash ? slash + 1 : path;
    /* JSON is YAML, and takes any name */
    mw_buf quoted;
    mw_buf_init(&quoted, PATH_MAX * 8);
    mw_json_write_text(&quoted, mw_view_of(name));
    snprintf(text, sizeof text, "flavors:\n  %s: {data: %s}\n", flavor, quoted.data);
    mw_buf_done(&quoted);
    MW_TRY(put(r, "MLmodel", mw_view_of(text), err));
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

mw_status cli_register(mw_client *client, mw_arena *arena, cli_registration *registration,
                       mw_error *err)
{
    registering r = {.client = client, .arena = arena, .what = registration};
    const char *flavor = NULL;
    mw_forest *forest;
    if (mw_file_is_folder(registration->path)) {
        MW_TRY(mw_forest_load(registration->path, &forest, err));
        mw_forest_free(forest);
    } else {
        MW_TRY(flavor_of(registration->path, &flavor, err));
    }
    MW_TRY(find_experiment(&r, err));
    MW_TRY(make_run(&r, err));
    MW_TRY(put_model(&r, flavor, err));
    MW_TRY(end_run(&r, err));
    MW_TRY(make_version(&r, err));
    return set_alias(&r, err);
}
