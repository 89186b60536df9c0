/* gate: what a version must have passed before it may be served. */
#include "apply_changes.h"
#include "reach.h"
#include "record_door.h"
#include "rollout/rollout.h"

#include <stdlib.h>

enum { TEXT_BYTES_MAX = 16 << 20, REPORT_BYTES_MAX = 64 << 20 };

typedef struct gate_task {
    mw_view address;
    mw_gate_policy policy;
    mw_gate_result result;
    mw_view report; /* its text, which is kept */
    mw_view reason;
    mw_gate_standing standing;
    mw_model_version version;
} gate_task;

/* ---- what stands ----------------------------------------------------------------------------- */

static mw_status find(mw_record *record, void *given, mw_error *err)
{
    gate_task *task = given;
    MW_TRY(mw_record_version_at(record, task->address, &task->version, err));
    return mw_record_gates(record, task->address, &task->standing, err);
}

static void text_standing(const gate_task *task, mw_buf *out)
{
    const mw_gate_standing *s = &task->standing;
    mw_buf_format(out, "%.*s/%lld  %s%.*s\n", MW_VIEW_ARG(task->version.name),
                  (long long)task->version.version,
                  !s->has_policy         ? "no gates are required"
                  : s->missing.size == 0 ? "open: all passed"
                  : s->override_by.data  ? "open by override: "
                                         : "closed: ",
                  MW_VIEW_ARG(s->missing));
    for (size_t i = 0; i < s->results.count; i++) {
        const mw_gate_result *r = &s->results.items[i];
        mw_buf_format(out, "  %-14.*s %s%s  ", MW_VIEW_ARG(r->gate),
                      r->passed ? "passed" : "did not pass",
                      r->is_stale ? " (of other files)" : "");
        cli_write_when(out, r->time);
        mw_buf_format(out, "  %.*s  %.*s\n", MW_VIEW_ARG(r->by), MW_VIEW_ARG(r->summary));
    }
    for (size_t i = 0; i < s->approvals.count; i++) {
        const mw_gate_result *r = &s->approvals.items[i];
        mw_buf_format(out, "  approved by %.*s  ", MW_VIEW_ARG(r->by));
        cli_write_when(out, r->time);
        mw_buf_format(out, "  %.*s\n", MW_VIEW_ARG(r->summary));
    }
    if (s->override_by.data)
        mw_buf_format(out, "  overridden by %.*s: %.*s\n", MW_VIEW_ARG(s->override_by),
                      MW_VIEW_ARG(s->override_reason));
}

/* The standing behind a change, or of `gate list`; exit code 6 while the gates are closed. */
static mw_status show(cli_call *call, cli_record_door *door, gate_task *task, mw_error *err)
{
    mw_buf out;
    MW_TRY(cli_door_read(door, find, task, err));
    mw_buf_init(&out, TEXT_BYTES_MAX);
    if (cli_is_on(call, CLI_JSON))
        mw_gates_tell(&task->version, &task->standing, &out);
    else
        text_standing(task, &out);
    if (cli_is_on(call, CLI_JSON))
        mw_buf_char(&out, '\n');
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status change(cli_call *call, gate_task *task, mw_record_work *work, mw_error *err)
{
    cli_record_door door;
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK && work)
        status = cli_door_write(&door, work, task, err);
    if (status == MW_OK && memchr(task->address.data, '/', task->address.size))
        status = show(call, &door, task, err);
    cli_door_close(&door);
    return status;
}

mw_status cli_run_gate_list(cli_call *call, mw_error *err)
{
    gate_task task = {.address = mw_view_of(call->arguments[0])};
    MW_TRY(change(call, &task, NULL, err));
    if (task.standing.has_policy && !task.standing.is_open)
        call->exit_code = CLI_EXIT_NO;
    return MW_OK;
}

/* ---- changes --------------------------------------------------------------------------------- */

static mw_status require(mw_record *record, void *given, mw_error *err)
{
    const gate_task *task = given;
    return mw_record_set_gate_policy(record, task->address, &task->policy, err);
}

mw_status cli_run_gate_require(cli_call *call, mw_error *err)
{
    const cli_setting *settings = call->settings;
    gate_task task = {.address = mw_view_of(call->arguments[0]),
                      .policy = {.gates = mw_view_of(settings[CLI_GATES].text),
                                 .approvers = mw_view_of(settings[CLI_APPROVERS].text),
                                 .aliases = mw_view_of(settings[CLI_ALIASES].text),
                                 .approvals = (int64_t)settings[CLI_APPROVALS].number}};
    MW_TRY(change(call, &task, require, err));
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

/* What mw_gates_tell has written, as text_standing has it. */
static void text_answer(const mw_json *answer, mw_buf *out)
{
    int64_t number = 0;
    mw_json_integer(mw_json_member(answer, "version"), &number);
    mw_view missing = mw_json_text(mw_json_member(answer, "missing"));
    bool is_open = mw_json_bool(mw_json_member(answer, "open"), false);
    bool is_required = mw_json_bool(mw_json_member(answer, "required"), false);
    mw_buf_format(out, "%.*s/%lld  %s%.*s\n",
                  MW_VIEW_ARG(mw_json_text(mw_json_member(answer, "model"))), (long long)number,
                  !is_required        ? "no gates are required"
                  : !is_open          ? "closed: "
                  : missing.size == 0 ? "open: all passed"
                                      : "open by override: ",
                  MW_VIEW_ARG(missing));
    const mw_json *results = mw_json_member(answer, "results");
    for (size_t i = 0; i < mw_json_count(results); i++) {
        const mw_json *one = mw_json_element(results, i);
        mw_buf_format(out, "  %-14.*s %s%s  %.*s  %.*s\n",
                      MW_VIEW_ARG(mw_json_text(mw_json_member(one, "gate"))),
                      mw_json_bool(mw_json_member(one, "passed"), false) ? "passed"
                                                                         : "did not pass",
                      mw_json_bool(mw_json_member(one, "stale"), false) ? " (of other files)" : "",
                      MW_VIEW_ARG(mw_json_text(mw_json_member(one, "by"))),
                      MW_VIEW_ARG(mw_json_text(mw_json_member(one, "summary"))));
    }
}

static mw_status write_answer(cli_call *call, mw_view answer, mw_buf *out, mw_error *err)
{
    mw_json *root;
    MW_TRY(mw_json_read(answer, &root, err));
    if (cli_is_on(call, CLI_JSON)) {
        mw_buf_view(out, answer);
        mw_buf_char(out, '\n');
    } else {
        text_answer(root, out);
    }
    mw_json_free(root);
    return cli_put(call, out, err);
}

/* The report itself: the server reads it as this process would. */
static mw_status add_through_server(cli_call *call, mw_view report, mw_error *err)
{
    mw_view address = mw_view_of(call->arguments[0]), name = address, answer;
    const char *cut = strpbrk(address.data, "/@");
    mw_dial *dial = NULL;
    mw_client *client = NULL;
    mw_buf path, out;
    if (!cut || call->settings[CLI_GATE].text || call->settings[CLI_GATE_DATA].text) {
        mw_fail(err, MW_E_GATE_RESULT,
                cut ? "--gate and --data are for a record at hand" : "which version?");
        return mw_mend(err, "mw gate add NAME/VERSION or NAME@ALIAS FILE, --server or --record");
    }
    name.size = (size_t)(cut - address.data);
    mw_buf_init(&path, 4096);
    mw_buf_format(&path, "/mw/v1/models/%.*s/versions/%s%s/gates", MW_VIEW_ARG(name),
                  *cut == '@' ? "%40" : "", cut + 1);
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = cli_reach(call, NULL, &dial, err);
    if (status == MW_OK)
        status = mw_client_open_to(dial, CLI_APPLY_MS, &client, err);
    if (status == MW_OK)
        status = cli_apply_ask(client, "POST", path.data, report, &answer, err);
    if (status == MW_OK)
        status = write_answer(call, answer, &out, err);
    mw_client_close(client);
    mw_dial_free(dial);
    mw_buf_done(&path);
    mw_buf_done(&out);
    return status;
}

mw_status cli_run_gate_add(cli_call *call, mw_error *err)
{
    mw_file file;
    gate_task task = {.address = mw_view_of(call->arguments[0])};
    bool by_server = call->settings[CLI_SERVER].origin != CLI_FROM_DEFAULT;
    MW_TRY(mw_file_read(call->arguments[1], REPORT_BYTES_MAX, &file, err));
    mw_view report = {file.data, file.size};
    mw_status status = by_server
                           ? add_through_server(call, report, err)
                           : mw_gate_read_report(report, mw_view_of(call->settings[CLI_GATE].text),
                                                 &call->arena, &task.result, err);
    if (status != MW_OK)
        mw_at(err, "%s", call->arguments[1]);
    else if (!by_server)
        status =
            digest_data(call->settings[CLI_GATE_DATA].text, &call->arena, &task.result.data, err);
    task.report = report;
    if (status == MW_OK && !by_server)
        status = change(call, &task, add, err);
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
    return change(call, &task, approve, err);
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
    return change(call, &task, override, err);
}
