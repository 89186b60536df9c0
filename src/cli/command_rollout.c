/* rollout: a new version of an endpoint's model, step by step. The commands change the record: one
 * at hand, whose server follows within a second and need not be reached, or through its server.
 *
 *     --record DIR       a transaction here --.
 *     --server ADDRESS   /mw/v1/rollouts -----+--> JSON --> as it is, or in words
 */
#include "reach.h"
#include "record_door.h"
#include "rollout/rollout.h"
#include "rollout_words.h"

enum { TEXT_BYTES_MAX = 16 << 20, PATH_BYTES_MAX = 4096 };

/* ---- showing --------------------------------------------------------------------------------- */

typedef void words(const mw_json *one, mw_buf *out);

/* One object, or "items" of them: one a line as JSON. */
static mw_status show(cli_call *call, mw_view answer, words *write, mw_error *err)
{
    mw_buf out;
    mw_json *root;
    MW_TRY(mw_json_read(answer, &root, err));
    const mw_json *items = mw_json_member(root, "items");
    bool is_json = cli_is_on(call, CLI_JSON);
    size_t n = items ? mw_json_count(items) : 1;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    for (size_t i = 0; i < n; i++) {
        const mw_json *one = items ? mw_json_element(items, i) : root;
        if (is_json) {
            mw_json_write_node(&out, one);
            mw_buf_char(&out, '\n');
            continue;
        }
        mw_buf_text(&out, i > 0 && write == cli_rollout_words ? "\n" : "");
        write(one, &out);
    }
    if (n == 0 && !is_json)
        mw_buf_text(&out, "no rollouts\n");
    mw_json_free(root);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* ---- through a server ------------------------------------------------------------------------ */

/* "/mw/v1/endpoints/NAME/rollout" */
static void put_path(mw_buf *path, const char *endpoint)
{
    mw_buf_text(path, "/mw/v1/endpoints/");
    cli_put_encoded(path, mw_view_of(endpoint));
    mw_buf_text(path, "/rollout");
}

/* The newest rollout of the endpoint that is named, or all; of one also its history. */
static mw_status look_there(const cli_server *server, const char *endpoint, bool wants_events,
                            mw_view *ret_answer, mw_error *err)
{
    mw_buf path;
    mw_json *root;
    int64_t id = 0;
    mw_view none = {NULL, 0};
    if (!endpoint)
        return cli_server_ask(server, "GET", "/mw/v1/rollouts?max_results=1000", none, ret_answer,
                              err);
    mw_buf_init(&path, PATH_BYTES_MAX);
    put_path(&path, endpoint);
    mw_status status = path.failed
                           ? mw_fail_memory(err, "a path")
                           : cli_server_ask(server, "GET", path.data, none, ret_answer, err);
    if (status == MW_OK && wants_events)
        status = mw_json_read(*ret_answer, &root, err);
    if (status == MW_OK && wants_events) {
        (void)mw_json_integer(mw_json_member(root, "id"), &id);
        mw_json_free(root);
        mw_buf_reset(&path);
        mw_buf_format(&path, "/mw/v1/rollouts/%lld/history", (long long)id);
        status = cli_server_ask(server, "GET", path.data, none, ret_answer, err);
    }
    mw_buf_done(&path);
    return status;
}

/* ---- looking --------------------------------------------------------------------------------- */

typedef struct looking {
    mw_view endpoint; /* absent: all of them */
    bool wants_events;
    mw_buf *out;
} looking;

static mw_status tell_all(mw_record *record, mw_buf *out, mw_error *err)
{
    mw_rollouts found;
    MW_TRY(mw_record_rollouts(record, false, 1000, &found, err));
    for (size_t i = 0; i < found.count; i++) {
        mw_buf_text(out, i ? "," : "");
        MW_TRY(mw_rollout_tell(&found.items[i], out, err));
    }
    return MW_OK;
}

static mw_status tell_events(mw_record *record, int64_t id, mw_buf *out, mw_error *err)
{
    mw_rollout_events found;
    MW_TRY(mw_record_rollout_events(record, id, &found, err));
    for (size_t i = 0; i < found.count; i++) {
        mw_buf_text(out, i ? "," : "");
        mw_rollout_tell_event(&found.items[i], out);
    }
    return MW_OK;
}

static mw_status look_here(mw_record *record, void *given, mw_error *err)
{
    looking *l = given;
    mw_rollout rollout;
    mw_buf_reset(l->out); /* a transaction may be tried again */
    if (l->endpoint.data)
        MW_TRY(mw_record_rollout_of(record, l->endpoint, &rollout, err));
    if (l->endpoint.data && !l->wants_events)
        return mw_rollout_tell(&rollout, l->out, err);
    mw_buf_text(l->out, "{\"items\":[");
    MW_TRY(l->endpoint.data ? tell_events(record, rollout.id, l->out, err)
                            : tell_all(record, l->out, err));
    mw_buf_text(l->out, "]}");
    return MW_OK;
}

static mw_status look_in_record(cli_call *call, looking *l, mw_error *err)
{
    cli_record_door door;
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = cli_door_read(&door, look_here, l, err);
    cli_door_close(&door);
    return status == MW_OK && l->out->failed ? mw_fail_memory(err, "rollouts") : status;
}

static mw_status look(cli_call *call, bool wants_events, words *write, mw_error *err)
{
    mw_buf told;
    mw_view answer;
    cli_server server = {NULL, NULL};
    const char *endpoint = call->n_arguments ? call->arguments[0] : NULL;
    looking l = {mw_view_of(endpoint), wants_events, &told};
    mw_buf_init(&told, TEXT_BYTES_MAX);
    mw_status status =
        cli_by_server(call) ? cli_server_open(call, &server, err) : look_in_record(call, &l, err);
    if (status == MW_OK && server.client)
        status = look_there(&server, endpoint, wants_events, &answer, err);
    else if (status == MW_OK)
        answer = mw_buf_as_view(&told);
    if (status == MW_OK)
        status = show(call, answer, write, err);
    cli_server_close(&server);
    mw_buf_done(&told);
    return status;
}

mw_status cli_run_rollout_list(cli_call *call, mw_error *err)
{
    return look(call, false, cli_rollout_words, err);
}

mw_status cli_run_rollout_status(cli_call *call, mw_error *err)
{
    return look(call, false, cli_rollout_words, err);
}

mw_status cli_run_rollout_history(cli_call *call, mw_error *err)
{
    return look(call, true, cli_rollout_event_words, err);
}

/* ---- changing -------------------------------------------------------------------------------- */

typedef struct changing {
    mw_view endpoint, model, reason;
    mw_rollout_document document;
    mw_rollout_command command;
    bool starts, approves;
    int64_t expect_step;
    mw_rollout after;
} changing;

static mw_status command(mw_record *record, void *given, mw_error *err)
{
    changing *c = given;
    MW_TRY(mw_record_rollout_of(record, c->endpoint, &c->after, err));
    if (c->approves)
        return mw_record_approve_rollout(record, c->after.id, record->actor->name, &c->after, err);
    return mw_record_command_rollout(record, c->after.id, c->command, c->expect_step, c->reason,
                                     &c->after, err);
}

static mw_status read_file(const char *path, mw_rollout_document *document, mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, MW_LIMIT_CONFIG_FILE_BYTES, &file, err));
    mw_status status =
        mw_rollout_document_read((mw_view){file.data, file.size}, path, document, err);
    mw_file_done(&file);
    return status;
}

static mw_status read_strategy(const char *word, mw_strategy *ret_strategy, mw_error *err)
{
    for (size_t i = 0; i < MW_N_STRATEGIES; i++)
        if (!word || strcmp(word, mw_strategy_names[i]) == 0) {
            *ret_strategy = (mw_strategy)i;
            return MW_OK;
        }
    mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "there is no strategy '%s'", word);
    return mw_mend(err, "--strategy canary, blue-green, shadow, ab or bandit");
}

/* The file, and what stands on the command line in place of its own. */
static mw_status read_document(const cli_call *call, changing *c, mw_error *err)
{
    const cli_setting *settings = call->settings;
    const char *path = settings[CLI_ROLLOUT_FILE].text, *word = settings[CLI_STRATEGY].text;
    mw_strategy strategy = MW_CANARY;
    MW_TRY(read_strategy(word, &strategy, err));
    mw_rollout_document_init(&c->document, strategy);
    if (path)
        MW_TRY(read_file(path, &c->document, err));
    if (word && strategy != c->document.strategy) {
        mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "--strategy %s, and %s says %s", word, path,
                mw_strategy_names[c->document.strategy]);
        return mw_mend(err, "say it in one place");
    }
    if (settings[CLI_STEPS].text)
        MW_TRY(mw_rollout_steps_read(mw_view_of(settings[CLI_STEPS].text), &c->document, err));
    for (size_t i = 0; i < c->document.n_steps && settings[CLI_MIN_SAMPLES].text; i++)
        if (c->document.steps[i].weight > 0 || c->document.steps[i].shadow > 0)
            c->document.steps[i].min_samples = settings[CLI_MIN_SAMPLES].number;
    if (settings[CLI_WATCH_AFTER].text)
        c->document.watch_after_ms = (int64_t)settings[CLI_WATCH_AFTER].number * 1000;
    const char *model = settings[CLI_ROLLOUT_MODEL].text;
    if (model && c->document.model[0] && strcmp(model, c->document.model) != 0) {
        mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "--model %s, and %s says %s", model, path,
                c->document.model);
        return mw_mend(err, "say it in one place");
    }
    c->model = mw_view_of(model ? model : c->document.model);
    if (c->model.size > 0)
        return MW_OK;
    mw_fail(err, MW_E_ROLLOUT_DOCUMENT, "which version is to come?");
    return mw_mend(err, "--model NAME/VERSION, or 'model:' in the file");
}

static mw_status start(mw_record *record, void *given, mw_error *err)
{
    changing *c = given;
    return mw_record_start_rollout(record, c->endpoint, c->model, &c->document, &c->after, err);
}

static mw_status change_here(cli_call *call, changing *c, mw_error *err)
{
    mw_buf told;
    cli_record_door door;
    mw_buf_init(&told, TEXT_BYTES_MAX);
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK && c->starts)
        status =
            mw_rollout_check(door.registry, c->endpoint, c->model, &c->document, &door.arena, err);
    if (status == MW_OK)
        status = cli_door_write(&door, c->starts ? start : command, c, err);
    if (status == MW_OK)
        status = mw_rollout_tell(&c->after, &told, err);
    if (status == MW_OK)
        status = show(call, mw_buf_as_view(&told), cli_rollout_words, err);
    cli_door_close(&door);
    mw_buf_done(&told);
    return status;
}

/* The document, with what it is of in front. */
static void put_start(const changing *c, mw_buf *path, mw_buf *body)
{
    mw_buf document;
    mw_buf_init(&document, TEXT_BYTES_MAX);
    mw_rollout_document_write(&c->document, &document);
    mw_buf_text(path, "/mw/v1/rollouts");
    mw_buf_text(body, "{\"endpoint\":");
    mw_json_write_text(body, c->endpoint);
    mw_buf_text(body, ",\"model\":");
    mw_json_write_text(body, c->model);
    mw_buf_format(body, ",%s", document.data + 1);
    body->failed = body->failed || document.failed;
    mw_buf_done(&document);
}

static void put_command(const changing *c, mw_buf *path, mw_buf *body)
{
    put_path(path, c->endpoint.data);
    mw_buf_format(path, ":%s", c->approves ? "approve" : mw_rollout_command_names[c->command]);
    mw_buf_text(body, "{\"reason\":");
    mw_json_write_text(body, c->reason.data ? c->reason : MW_VIEW(""));
    if (c->expect_step >= 0)
        mw_buf_format(body, ",\"expect_step\":%lld", (long long)c->expect_step);
    mw_buf_char(body, '}');
}

static mw_status change_there(cli_call *call, const changing *c, mw_error *err)
{
    cli_server server;
    mw_view answer;
    mw_buf path, body;
    mw_buf_init(&path, PATH_BYTES_MAX);
    mw_buf_init(&body, TEXT_BYTES_MAX);
    (c->starts ? put_start : put_command)(c, &path, &body);
    mw_status status = cli_server_open(call, &server, err);
    if (status == MW_OK && (path.failed || body.failed))
        status = mw_fail_memory(err, "a request");
    if (status == MW_OK)
        status = cli_server_ask(&server, "POST", path.data, mw_buf_as_view(&body), &answer, err);
    if (status == MW_OK)
        status = show(call, answer, cli_rollout_words, err);
    cli_server_close(&server);
    mw_buf_done(&path);
    mw_buf_done(&body);
    return status;
}

mw_status cli_run_rollout_start(cli_call *call, mw_error *err)
{
    changing c = {.endpoint = mw_view_of(call->arguments[0]), .starts = true};
    MW_TRY(read_document(call, &c, err));
    return cli_by_server(call) ? change_there(call, &c, err) : change_here(call, &c, err);
}

static mw_status change(cli_call *call, mw_rollout_command which, bool approves, mw_error *err)
{
    const cli_setting *step = &call->settings[CLI_EXPECT_STEP];
    changing c = {.endpoint = mw_view_of(call->arguments[0]),
                  .command = which,
                  .approves = approves,
                  .reason = mw_view_of(call->settings[CLI_REASON].text),
                  .expect_step = step->text ? (int64_t)step->number - 1 : -1};
    return cli_by_server(call) ? change_there(call, &c, err) : change_here(call, &c, err);
}

mw_status cli_run_rollout_pause(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_PAUSE, false, err);
}

mw_status cli_run_rollout_resume(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_RESUME, false, err);
}

mw_status cli_run_rollout_advance(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_ADVANCE, false, err);
}

mw_status cli_run_rollout_promote(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_PROMOTE, false, err);
}

mw_status cli_run_rollout_abort(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_ABORT, false, err);
}

mw_status cli_run_rollout_approve(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_ABORT, true, err);
}

mw_status cli_run_rollback(cli_call *call, mw_error *err)
{
    return change(call, MW_COMMAND_ROLL_BACK, false, err);
}
