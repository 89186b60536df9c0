/* token: what programs show instead of a name and a password. */
#include "record_door.h"

enum { TEXT_BYTES_MAX = 16 << 20 };

typedef struct token_task {
    mw_view name;
    mw_grant grant;
    int64_t expires;
    char token[MW_TOKEN_BYTES];
} token_task;

/* ---- create, revoke -------------------------------------------------------------------------- */

static mw_status create(mw_record *record, void *given, mw_error *err)
{
    token_task *task = given;
    MW_TRY(mw_record_resolve_grant(record, &task->grant, err));
    return mw_record_create_token(record, task->name, &task->grant, task->expires, task->token,
                                  err);
}

/* The token alone on standard output, so that a script can take it. */
static mw_status show(cli_call *call, const token_task *task, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, MW_KIB);
    if (cli_is_on(call, CLI_JSON)) {
        mw_buf_text(&out, "{\"name\":");
        mw_json_write_text(&out, task->name);
        mw_buf_format(&out, ",\"token\":\"%s\",\"expires\":\"", task->token);
        cli_write_when(&out, task->expires);
        mw_buf_text(&out, "\"}\n");
    } else {
        mw_buf_format(&out, "%s\n", task->token);
    }
    mw_status status = cli_put(call, &out, err);
    explicit_bzero(out.data, out.size);
    mw_buf_done(&out);
    if (status == MW_OK)
        cli_note(call, "this token is shown once, and kept nowhere");
    return status;
}

mw_status cli_run_token_create(cli_call *call, mw_error *err)
{
    cli_record_door door;
    token_task task = {.name = mw_view_of(call->arguments[0])};
    MW_TRY(cli_read_grant(call, &task.grant, err));
    if (task.grant.role == MW_ROLE_NONE) {
        mw_fail(err, MW_E_ACCESS_VALUE, "which role?");
        return mw_mend(err, "--role viewer, editor, deployer or admin");
    }
    MW_TRY(cli_read_moment(call->settings[CLI_EXPIRES].text, true, &task.expires, err));
    mw_status status = cli_door_open(call, true, &door, err);
    if (status == MW_OK)
        status = cli_door_write(&door, create, &task, err);
    cli_door_close(&door);
    if (status == MW_OK)
        status = show(call, &task, err);
    explicit_bzero(task.token, sizeof task.token);
    return status;
}

static mw_status revoke(mw_record *record, void *given, mw_error *err)
{
    const token_task *task = given;
    return mw_record_revoke_token(record, task->name, err);
}

mw_status cli_run_token_revoke(cli_call *call, mw_error *err)
{
    cli_record_door door;
    token_task task = {.name = mw_view_of(call->arguments[0])};
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = cli_door_write(&door, revoke, &task, err);
    cli_door_close(&door);
    if (status == MW_OK)
        cli_note(call, "'%s' was revoked; servers forget it within a second", call->arguments[0]);
    return status;
}

/* ---- list ------------------------------------------------------------------------------------ */

static mw_status load_tokens(mw_record *record, void *given, mw_error *err)
{
    return mw_record_tokens(record, given, err);
}

static const char *state_of(const mw_token *token)
{
    if (token->revoked)
        return "revoked";
    return token->expires && token->expires <= mw_clock_wall_ms() ? "expired" : "in force";
}

static void text_token(mw_buf *out, const mw_token *token)
{
    const mw_grant *g = &token->grant;
    mw_buf_format(out, "%.*s\t%s\t%s of %s%s%.*s\texpires ", MW_VIEW_ARG(token->name),
                  state_of(token), mw_role_names[g->role], mw_scope_names[g->scope],
                  g->object.size ? " " : "", MW_VIEW_ARG(g->object));
    if (token->expires)
        cli_write_when(out, token->expires);
    else
        mw_buf_text(out, "never");
    mw_buf_text(out, "\tlast used ");
    cli_write_when(out, token->used);
    mw_buf_format(out, "\tby %.*s\n", MW_VIEW_ARG(token->created_by));
}

static void json_moment(mw_buf *out, const char *name, int64_t ms)
{
    mw_buf_format(out, ",\"%s\":%s", name, ms > 0 ? "\"" : "null");
    if (ms <= 0)
        return;
    cli_write_when(out, ms);
    mw_buf_char(out, '"');
}

static void json_token(mw_buf *out, const mw_token *token)
{
    const mw_grant *g = &token->grant;
    mw_buf_text(out, "{\"name\":");
    mw_json_write_text(out, token->name);
    mw_buf_format(out,
                  ",\"state\":\"%s\",\"role\":\"%s\",\"on\":\"%s\",\"object\":", state_of(token),
                  mw_role_names[g->role], mw_scope_names[g->scope]);
    mw_json_write_text(out, g->object);
    json_moment(out, "created", token->created);
    json_moment(out, "expires", token->expires);
    json_moment(out, "revoked", token->revoked);
    json_moment(out, "last_used", token->used);
    mw_buf_text(out, ",\"created_by\":");
    mw_json_write_text(out, token->created_by);
    mw_buf_text(out, "}\n");
}

mw_status cli_run_token_list(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_tokens tokens = {0};
    cli_record_door door;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = cli_door_read(&door, load_tokens, &tokens, err);
    for (size_t i = 0; status == MW_OK && i < tokens.count; i++)
        (cli_is_on(call, CLI_JSON) ? json_token : text_token)(&out, &tokens.items[i]);
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    cli_door_close(&door);
    mw_buf_done(&out);
    return status;
}
