/* gate: what a version must have passed before it may be served. The commands change a record at
 * hand, or go through its server; what stands then is told in the same words.
 *
 *     --record DIR       a transaction here ------------------.
 *     --server ADDRESS   /mw/v1/models/NAME/.../gates --------+--> JSON --> as it is, or in words
 */
#include "reach.h"
#include "record_door.h"
#include "rollout/rollout.h"

#include <stdlib.h>

enum { TEXT_BYTES_MAX = 16 << 20, REPORT_BYTES_MAX = 64 << 20, PATH_BYTES_MAX = 4096 };

typedef struct gate_task {
    mw_view address; /* of a version, or of a model whose policy is set */
    mw_gate_policy policy;
    mw_gate_result result;
    mw_view report; /* its text, which is kept */
    mw_view reason;
    mw_gate_standing standing;
    mw_model_version version;
} gate_task;

/* ---- what stands ----------------------------------------------------------------------------- */

static mw_view text_of(const mw_json *from, const char *key)
{
    return mw_json_text(mw_json_member(from, key));
}

static bool is_so(const mw_json *from, const char *key)
{
    return mw_json_bool(mw_json_member(from, key), false);
}

/* "  when  by  words" */
static void put_signed(const mw_json *one, const char *words, mw_buf *out)
{
    int64_t time = 0;
    mw_json_integer(mw_json_member(one, "time"), &time);
    cli_write_when(out, time);
    mw_buf_format(out, "  %.*s  %.*s\n", MW_VIEW_ARG(text_of(one, "by")),
                  MW_VIEW_ARG(text_of(one, words)));
}

static void put_verdict(const mw_json *standing, mw_buf *out)
{
    int64_t number = 0;
    mw_view missing = text_of(standing, "missing");
    mw_json_integer(mw_json_member(standing, "version"), &number);
    mw_buf_format(out, "%.*s/%lld  %s%.*s\n", MW_VIEW_ARG(text_of(standing, "model")),
                  (long long)number,
                  !is_so(standing, "required") ? "no gates are required"
                  : missing.size == 0          ? "open: all passed"
                  : is_so(standing, "open")    ? "open by override: "
                                               : "closed: ",
                  MW_VIEW_ARG(missing));
}

/* What mw_gates_tell has written. */
static void put_standing(const mw_json *standing, mw_buf *out)
{
    const mw_json *results = mw_json_member(standing, "results");
    const mw_json *approvals = mw_json_member(standing, "approvals");
    put_verdict(standing, out);
    for (size_t i = 0; i < mw_json_count(results); i++) {
        const mw_json *one = mw_json_element(results, i);
        mw_buf_format(out, "  %-14.*s %s%s  ", MW_VIEW_ARG(text_of(one, "gate")),
                      is_so(one, "passed") ? "passed" : "did not pass",
                      is_so(one, "stale") ? " (of other files)" : "");
        put_signed(one, "summary", out);
    }
    for (size_t i = 0; i < mw_json_count(approvals); i++) {
        mw_buf_text(out, "  approved  ");
        put_signed(mw_json_element(approvals, i), "note", out);
    }
    if (mw_json_member(standing, "overridden_by"))
        mw_buf_format(out, "  overridden by %.*s: %.*s\n",
                      MW_VIEW_ARG(text_of(standing, "overridden_by")),
                      MW_VIEW_ARG(text_of(standing, "override_reason")));
}

/* Also who asks for a list learns by the exit code that the gates are closed. */
static mw_status show(cli_call *call, mw_view answer, bool judges, mw_error *err)
{
    mw_buf out;
    mw_json *standing;
    MW_TRY(mw_json_read(answer, &standing, err));
    mw_buf_init(&out, TEXT_BYTES_MAX);
    if (cli_is_on(call, CLI_JSON)) {
        mw_buf_view(&out, answer);
        mw_buf_char(&out, '\n');
    } else {
        put_standing(standing, &out);
    }
    mw_status status = cli_put(call, &out, err);
    if (status == MW_OK && judges && !is_so(standing, "open"))
        call->exit_code = CLI_EXIT_NO;
    mw_json_free(standing);
    mw_buf_done(&out);
    return status;
}

/* ---- through a server ------------------------------------------------------------------------ */

/* "/mw/v1/models/NAME/versions/VERSION/gates", or of a model "/mw/v1/models/NAME/gates". */
static mw_status put_path(mw_view address, const char *rest, mw_buf *path, mw_error *err)
{
    const char *cut = strpbrk(address.data, "/@");
    mw_view name = {address.data, cut ? (size_t)(cut - address.data) : address.size};
    mw_buf_text(path, "/mw/v1/models/");
    cli_put_encoded(path, name);
    if (cut) {
        mw_buf_text(path, "/versions/");
        cli_put_encoded(path, mw_view_of(*cut == '/' ? cut + 1 : cut));
    }
    mw_buf_format(path, "/gates%s", rest);
    return path->failed ? mw_fail_memory(err, "a path") : MW_OK;
}

static mw_status must_be_version(mw_view address, mw_error *err)
{
    if (strpbrk(address.data, "/@"))
        return MW_OK;
    mw_fail(err, MW_E_GATE_RESULT, "which version of '%.*s'?", MW_VIEW_ARG(address));
    return mw_mend(err, "write NAME/VERSION or NAME@ALIAS");
}

/* body: absent asks what stands. */
static mw_status ask(cli_call *call, mw_view address, const char *rest, mw_view body, bool judges,
                     mw_error *err)
{
    mw_buf path;
    mw_view answer;
    cli_server server = {NULL, NULL};
    mw_buf_init(&path, PATH_BYTES_MAX);
    mw_status status = put_path(address, rest, &path, err);
    if (status == MW_OK)
        status = cli_server_open(call, &server, err);
    if (status == MW_OK)
        status = cli_server_ask(&server, body.data ? "POST" : "GET", path.data, body, &answer, err);
    if (status == MW_OK && strpbrk(address.data, "/@"))
        status = show(call, answer, judges, err);
    cli_server_close(&server);
    mw_buf_done(&path);
    return status;
}

static mw_status ask_with_reason(cli_call *call, const gate_task *task, const char *rest,
                                 mw_error *err)
{
    mw_buf body;
    mw_buf_init(&body, TEXT_BYTES_MAX);
    mw_buf_text(&body, "{\"reason\":");
    mw_json_write_text(&body, task->reason.data ? task->reason : MW_VIEW(""));
    mw_buf_char(&body, '}');
    mw_status status = body.failed
                           ? mw_fail_memory(err, "a request")
                           : ask(call, task->address, rest, mw_buf_as_view(&body), false, err);
    mw_buf_done(&body);
    return status;
}

/* ---- in a record at hand --------------------------------------------------------------------- */

static mw_status find(mw_record *record, void *given, mw_error *err)
{
    gate_task *task = given;
    MW_TRY(mw_record_version_at(record, task->address, &task->version, err));
    return mw_record_gates(record, task->address, &task->standing, err);
}

static mw_status show_standing(cli_call *call, cli_record_door *door, gate_task *task, bool judges,
                               mw_error *err)
{
    mw_buf told;
    MW_TRY(cli_door_read(door, find, task, err));
    mw_buf_init(&told, TEXT_BYTES_MAX);
    mw_gates_tell(&task->version, &task->standing, &told);
    mw_status status = told.failed ? mw_fail_memory(err, "what stands")
                                   : show(call, mw_buf_as_view(&told), judges, err);
    mw_buf_done(&told);
    return status;
}

/* work: NULL only shows. */
static mw_status change(cli_call *call, gate_task *task, mw_record_work *work, mw_error *err)
{
    cli_record_door door;
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK && work)
        status = cli_door_write(&door, work, task, err);
    if (status == MW_OK && strpbrk(task->address.data, "/@"))
        status = show_standing(call, &door, task, !work, err);
    cli_door_close(&door);
    return status;
}

mw_status cli_run_gate_list(cli_call *call, mw_error *err)
{
    gate_task task = {.address = mw_view_of(call->arguments[0])};
    MW_TRY(must_be_version(task.address, err));
    return cli_by_server(call) ? ask(call, task.address, "", (mw_view){NULL, 0}, true, err)
                               : change(call, &task, NULL, err);
}

/* ---- changes --------------------------------------------------------------------------------- */

static mw_status require(mw_record *record, void *given, mw_error *err)
{
    const gate_task *task = given;
    return mw_record_set_gate_policy(record, task->address, &task->policy, err);
}

static void put_names(mw_buf *body, const char *key, mw_view list)
{
    mw_buf_format(body, "\"%s\":[", key);
    for (bool is_first = true; list.size > 0; is_first = false) {
        mw_buf_text(body, is_first ? "" : ",");
        mw_json_write_text(body, mw_view_trim(mw_view_cut(&list, ',')));
    }
    mw_buf_text(body, "],");
}

static mw_status require_there(cli_call *call, const gate_task *task, mw_error *err)
{
    mw_buf body;
    const mw_gate_policy *policy = &task->policy;
    mw_buf_init(&body, TEXT_BYTES_MAX);
    mw_buf_char(&body, '{');
    put_names(&body, "gates", policy->gates);
    put_names(&body, "approvers", policy->approvers);
    put_names(&body, "aliases", policy->aliases);
    mw_buf_format(&body, "\"approvals\":%lld}", (long long)policy->approvals);
    mw_status status = body.failed
                           ? mw_fail_memory(err, "a request")
                           : ask(call, task->address, "", mw_buf_as_view(&body), false, err);
    mw_buf_done(&body);
    return status;
}

mw_status cli_run_gate_require(cli_call *call, mw_error *err)
{
    const cli_setting *settings = call->settings;
    gate_task task = {.address = mw_view_of(call->arguments[0]),
                      .policy = {.gates = mw_view_of(settings[CLI_GATES].text),
                                 .approvers = mw_view_of(settings[CLI_APPROVERS].text),
                                 .aliases = mw_view_of(settings[CLI_ALIASES].text),
                                 .approvals = (int64_t)settings[CLI_APPROVALS].number}};
    if (strpbrk(task.address.data, "/@"))
        return mw_fail(err, MW_E_GATE_POLICY, "gates are required of a model, not of '%s'",
                       call->arguments[0]);
    MW_TRY(cli_by_server(call) ? require_there(call, &task, err)
                               : change(call, &task, require, err));
    cli_note(call, "versions of '%s' now need: gates %s; %lld approvals%s%s", call->arguments[0],
             settings[CLI_GATES].text ? settings[CLI_GATES].text : "none",
             (long long)task.policy.approvals, settings[CLI_APPROVERS].text ? ", by " : "",
             settings[CLI_APPROVERS].text ? settings[CLI_APPROVERS].text : "");
    return MW_OK;
}

static mw_status add(mw_record *record, void *given, mw_error *err)
{
    char digest[MW_DIGEST_TEXT_BYTES]; /* the same as result.report */
    const gate_task *task = given;
    MW_TRY(mw_blobs_put(mw_registry_blobs(record->registry), task->report, digest, err));
    return mw_record_add_gate_result(record, task->address, &task->result, err);
}

static mw_status digest_data(const char *path, mw_arena *arena, mw_view *ret_digest, mw_error *err)
{
    mw_file file;
    char digest[MW_DIGEST_TEXT_BYTES];
    if (!path)
        return MW_OK;
    MW_TRY(mw_file_read(path, MW_GIB, &file, err));
    mw_digest_of((mw_view){file.data, file.size}, digest);
    mw_file_done(&file);
    *ret_digest = mw_view_of(mw_arena_text(arena, mw_view_of(digest)));
    return ret_digest->data ? MW_OK : mw_fail_memory(err, "a digest");
}

/* The report itself: the server reads it as this process would. */
static mw_status add_there(cli_call *call, gate_task *task, mw_error *err)
{
    if (!call->settings[CLI_GATE].text && !call->settings[CLI_GATE_DATA].text)
        return ask(call, task->address, "", task->report, false, err);
    mw_fail(err, MW_E_GATE_RESULT, "--gate and --data are for a record at hand");
    return mw_mend(err, "mw gate add VERSION FILE --record DIR; or without them");
}

static mw_status add_here(cli_call *call, gate_task *task, mw_error *err)
{
    const cli_setting *settings = call->settings;
    MW_TRY(mw_gate_read_report(task->report, mw_view_of(settings[CLI_GATE].text), &call->arena,
                               &task->result, err));
    MW_TRY(digest_data(settings[CLI_GATE_DATA].text, &call->arena, &task->result.data, err));
    return change(call, task, add, err);
}

mw_status cli_run_gate_add(cli_call *call, mw_error *err)
{
    mw_file file;
    gate_task task = {.address = mw_view_of(call->arguments[0])};
    MW_TRY(must_be_version(task.address, err));
    MW_TRY(mw_file_read(call->arguments[1], REPORT_BYTES_MAX, &file, err));
    task.report = (mw_view){file.data, file.size};
    mw_status status = (cli_by_server(call) ? add_there : add_here)(call, &task, err);
    if (status != MW_OK)
        mw_at(err, "%s", call->arguments[1]);
    mw_file_done(&file);
    return status;
}

static mw_status approve(mw_record *record, void *given, mw_error *err)
{
    const gate_task *task = given;
    return mw_record_approve_version(record, task->address, task->reason, err);
}

mw_status cli_run_gate_approve(cli_call *call, mw_error *err)
{
    gate_task task = {.address = mw_view_of(call->arguments[0]),
                      .reason = mw_view_of(call->settings[CLI_REASON].text)};
    MW_TRY(must_be_version(task.address, err));
    return cli_by_server(call) ? ask_with_reason(call, &task, "/approval", err)
                               : change(call, &task, approve, err);
}

/* Where people are asked who they are, an admin opens gates: one whose token is shown, or who is
 * known by the name of this machine's user. Whoever may write the files of a record may do anything
 * in the end; but not by a command, and not without a trace. */
static mw_status must_be_admin(mw_record *record, mw_error *err)
{
    mw_users users;
    mw_tokens tokens;
    mw_token token;
    mw_user user;
    const char *shown = getenv("MW_TOKEN");
    mw_view name = record->actor->name, all = MW_VIEW("");
    MW_TRY(mw_record_users(record, &users, err));
    MW_TRY(mw_record_tokens(record, &tokens, err));
    if (users.count + tokens.count == 0)
        return MW_OK;
    if (shown) {
        MW_TRY(mw_record_find_token(record, mw_view_of(shown), &token, err));
        mw_grants grants = {&token.grant, 1};
        if (mw_grants_role(&grants, MW_SCOPE_ALL, all) == MW_ROLE_ADMIN)
            return MW_OK;
    }
    if (mw_view_starts(name, "local:"))
        name = (mw_view){name.data + 6, name.size - 6};
    if (!shown && mw_record_user(record, name, &user, err) == MW_OK &&
        mw_grants_role(&user.grants, MW_SCOPE_ALL, all) == MW_ROLE_ADMIN)
        return MW_OK;
    mw_fail(err, MW_E_OVERRIDE_ROLE, "%s is no admin of this record, and opens no gates",
            shown ? "who has this token" : record->actor->name.data);
    return mw_mend(err, "MW_TOKEN=TOKEN mw gate override ..., with the token of an admin (mw token "
                        "create NAME --role admin)");
}

static mw_status override(mw_record *record, void *given, mw_error *err)
{
    const gate_task *task = given;
    MW_TRY(must_be_admin(record, err));
    return mw_record_override_gates(record, task->address, task->reason, err);
}

mw_status cli_run_gate_override(cli_call *call, mw_error *err)
{
    gate_task task = {.address = mw_view_of(call->arguments[0]),
                      .reason = mw_view_of(call->settings[CLI_REASON].text)};
    MW_TRY(must_be_version(task.address, err));
    return cli_by_server(call) ? ask_with_reason(call, &task, "/override", err)
                               : change(call, &task, override, err);
}
