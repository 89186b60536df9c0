/* user: who may come in, and what each may do. */
#include "record_door.h"

enum { TEXT_BYTES_MAX = 16 << 20, PASSWORD_ROOM = MW_PASSWORD_BYTES_MAX + 2 };

typedef struct user_task {
    mw_view name, hash;
    mw_grant grant;
} user_task;

/* A command that opens the record and changes it once. */
static mw_status change(const cli_call *call, bool make, mw_record_work *work, user_task *task,
                        mw_error *err)
{
    cli_record_door door;
    task->name = mw_view_of(call->arguments[0]);
    mw_status status = cli_door_open(call, make, &door, err);
    if (status == MW_OK)
        status = cli_door_write(&door, work, task, err);
    cli_door_close(&door);
    return status;
}

static mw_status read_hash(const cli_call *call, char hash[MW_PASSWORD_HASH_BYTES], mw_error *err)
{
    char password[PASSWORD_ROOM] = "";
    mw_status status = cli_read_password(call, password, sizeof password, err);
    if (status == MW_OK)
        status = mw_password_hash(mw_view_of(password), hash, err);
    explicit_bzero(password, sizeof password);
    return status;
}

/* ---- changes --------------------------------------------------------------------------------- */

static mw_status add(mw_record *record, void *given, mw_error *err)
{
    user_task *task = given;
    MW_TRY(mw_record_add_user(record, task->name, task->hash, err));
    if (task->grant.role == MW_ROLE_NONE)
        return MW_OK;
    MW_TRY(mw_record_resolve_grant(record, &task->grant, err));
    return mw_record_grant(record, task->name, &task->grant, err);
}

mw_status cli_run_user_add(cli_call *call, mw_error *err)
{
    char hash[MW_PASSWORD_HASH_BYTES];
    user_task task = {0};
    MW_TRY(cli_read_grant(call, &task.grant, err));
    MW_TRY(read_hash(call, hash, err));
    task.hash = mw_view_of(hash);
    MW_TRY(change(call, true, add, &task, err));
    cli_note(call, "'%s' was added%s", call->arguments[0],
             task.grant.role == MW_ROLE_NONE ? " and may do nothing yet: mw user grant" : "");
    return MW_OK;
}

static mw_status set_password(mw_record *record, void *given, mw_error *err)
{
    const user_task *task = given;
    return mw_record_set_password(record, task->name, task->hash, err);
}

mw_status cli_run_user_passwd(cli_call *call, mw_error *err)
{
    char hash[MW_PASSWORD_HASH_BYTES];
    user_task task = {0};
    MW_TRY(read_hash(call, hash, err));
    task.hash = mw_view_of(hash);
    MW_TRY(change(call, false, set_password, &task, err));
    cli_note(call, "'%s' has a new password", call->arguments[0]);
    return MW_OK;
}

static mw_status remove_user(mw_record *record, void *given, mw_error *err)
{
    const user_task *task = given;
    return mw_record_remove_user(record, task->name, err);
}

mw_status cli_run_user_remove(cli_call *call, mw_error *err)
{
    MW_TRY(change(call, false, remove_user, &(user_task){0}, err));
    cli_note(call, "'%s' was removed", call->arguments[0]);
    return MW_OK;
}

static mw_status grant(mw_record *record, void *given, mw_error *err)
{
    user_task *task = given;
    MW_TRY(mw_record_resolve_grant(record, &task->grant, err));
    return mw_record_grant(record, task->name, &task->grant, err);
}

mw_status cli_run_user_grant(cli_call *call, mw_error *err)
{
    user_task task = {0};
    MW_TRY(cli_read_grant(call, &task.grant, err));
    if (task.grant.role == MW_ROLE_NONE) {
        mw_fail(err, MW_E_ACCESS_VALUE, "which role?");
        return mw_mend(err, "--role viewer, editor, deployer or admin");
    }
    MW_TRY(change(call, false, grant, &task, err));
    cli_note(call, "'%s' has the role", call->arguments[0]);
    return MW_OK;
}

mw_status cli_run_user_revoke(cli_call *call, mw_error *err)
{
    user_task task = {0};
    MW_TRY(cli_read_grant(call, &task.grant, err));
    MW_TRY(change(call, false, grant, &task, err));
    cli_note(call, "'%s' has lost the role", call->arguments[0]);
    return MW_OK;
}

/* ---- list ------------------------------------------------------------------------------------ */

static mw_status load_users(mw_record *record, void *given, mw_error *err)
{
    return mw_record_users(record, given, err);
}

static void text_user(mw_buf *out, const mw_user *user)
{
    mw_buf_format(out, "%.*s\t", MW_VIEW_ARG(user->name));
    for (size_t i = 0; i < user->grants.count; i++) {
        const mw_grant *g = &user->grants.items[i];
        mw_buf_format(out, "%s%s of %s%s%.*s", i ? ", " : "", mw_role_names[g->role],
                      mw_scope_names[g->scope], g->object.size ? " " : "", MW_VIEW_ARG(g->object));
    }
    if (user->grants.count == 0)
        mw_buf_text(out, "no role");
    mw_buf_char(out, '\t');
    cli_write_when(out, user->created);
    mw_buf_char(out, '\n');
}

static void json_user(mw_buf *out, const mw_user *user)
{
    mw_buf_text(out, "{\"name\":");
    mw_json_write_text(out, user->name);
    mw_buf_text(out, ",\"created\":\"");
    cli_write_when(out, user->created);
    mw_buf_text(out, "\",\"grants\":[");
    for (size_t i = 0; i < user->grants.count; i++) {
        const mw_grant *g = &user->grants.items[i];
        mw_buf_format(out, "%s{\"role\":\"%s\",\"on\":\"%s\",\"object\":", i ? "," : "",
                      mw_role_names[g->role], mw_scope_names[g->scope]);
        mw_json_write_text(out, g->object);
        mw_buf_char(out, '}');
    }
    mw_buf_text(out, "]}\n");
}

mw_status cli_run_user_list(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_users users = {0};
    cli_record_door door;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = cli_door_open(call, false, &door, err);
    if (status == MW_OK)
        status = cli_door_read(&door, load_users, &users, err);
    for (size_t i = 0; status == MW_OK && i < users.count; i++)
        (cli_is_on(call, CLI_JSON) ? json_user : text_user)(&out, &users.items[i]);
    if (status == MW_OK)
        status = cli_put(call, &out, err);
    cli_door_close(&door);
    mw_buf_done(&out);
    return status;
}
