/* Users, their grants, and what a role is. */
#include <ctype.h>

#include "record.h"

const char *const mw_role_names[MW_N_ROLES] = {"none", "viewer", "editor", "deployer", "admin"};
const char *const mw_scope_names[MW_N_SCOPES] = {"everything", "experiment", "model", "endpoint"};

mw_role mw_role_named(mw_view name)
{
    mw_role role = MW_ROLE_NONE;
    while (role < MW_N_ROLES && !mw_view_is(name, mw_role_names[role]))
        role++;
    return role;
}

mw_role mw_grants_role(const mw_grants *grants, mw_scope scope, mw_view object)
{
    mw_role best = MW_ROLE_NONE;
    for (size_t i = 0; i < grants->count; i++) {
        const mw_grant *grant = &grants->items[i];
        bool reaches = grant->scope == MW_SCOPE_ALL ||
                       (grant->scope == scope && mw_view_equal(grant->object, object));
        if (reaches && grant->role > best)
            best = grant->role;
    }
    return best;
}

/* ---- words ----------------------------------------------------------------------------------- */

static mw_status unknown_user(mw_view name, mw_error *err)
{
    mw_fail(err, MW_E_ACCESS_UNKNOWN, "there is no user '%.*s'",
            (int)(name.size < 80 ? name.size : 80), name.data);
    return mw_mend(err, "mw user list shows who there is");
}

mw_status record_check_access_name(mw_view name, const char *what, mw_error *err)
{
    bool fine = name.size > 0 && name.size <= MW_ACCESS_NAME_BYTES_MAX;
    for (size_t i = 0; fine && i < name.size; i++)
        fine = isalnum((unsigned char)name.data[i]) || strchr("._-@+", name.data[i]) != NULL;
    if (fine)
        return MW_OK;
    mw_fail(err, MW_E_ACCESS_VALUE, "'%.*s' cannot be a %s's name",
            (int)(name.size < 60 ? name.size : 60), name.data, what);
    return mw_mend(err, "use 1 to %d letters, digits and . _ - @ +", MW_ACCESS_NAME_BYTES_MAX);
}

mw_view record_grant_text(record_memory *memory, const mw_grant *grant)
{
    char text[400];
    int size =
        snprintf(text, sizeof text, "%s of %s%s%.*s", mw_role_names[grant->role],
                 mw_scope_names[grant->scope], grant->object.size ? " " : "",
                 (int)(grant->object.size < 300 ? grant->object.size : 300), grant->object.data);
    return record_keep(memory, (mw_view){text, (size_t)size});
}

mw_status record_new_epoch(mw_record *record, mw_error *err)
{
    return mw_sql_run(record->session, err, "UPDATE access SET epoch = epoch + 1", "");
}

mw_status mw_record_access_epoch(mw_record *record, int64_t *ret_epoch, mw_error *err)
{
    mw_rows rows;
    *ret_epoch = 0;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT epoch FROM access", ""));
    if (mw_rows_next(&rows))
        *ret_epoch = mw_rows_int(&rows, 0);
    return mw_rows_close(&rows, err);
}

/* ---- users ----------------------------------------------------------------------------------- */

static mw_status load_grants(mw_record *record, mw_user *user, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT role, scope, object FROM grants WHERE user = ?"
                        " ORDER BY scope, object",
                        "i", user->row));
    while (mw_rows_next(&rows)) {
        mw_grant *grant = RECORD_PUSH(&memory, &user->grants);
        if (!grant)
            break;
        *grant = (mw_grant){(mw_role)mw_rows_int(&rows, 0), (mw_scope)mw_rows_int(&rows, 1),
                            record_column(&memory, &rows, 2)};
    }
    return record_close(&rows, &memory, err);
}

#define USER_COLUMNS "id, created, changed, name, password"

static void read_user(const mw_rows *rows, record_memory *memory, mw_user *ret_user)
{
    *ret_user = (mw_user){
        .row = mw_rows_int(rows, 0),
        .created = mw_rows_int(rows, 1),
        .changed = mw_rows_int(rows, 2),
        .name = record_column(memory, rows, 3),
        .password_hash = record_column(memory, rows, 4),
    };
}

mw_status mw_record_user(mw_record *record, mw_view name, mw_user *ret_user, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " USER_COLUMNS " FROM users WHERE name = ?", "t", name));
    bool found = mw_rows_next(&rows);
    if (found)
        read_user(&rows, &memory, ret_user);
    MW_TRY(record_close(&rows, &memory, err));
    return found ? load_grants(record, ret_user, err) : unknown_user(name, err);
}

mw_status mw_record_users(mw_record *record, mw_users *ret_users, mw_error *err)
{
    mw_rows rows;
    mw_users users = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " USER_COLUMNS " FROM users ORDER BY name", ""));
    while (mw_rows_next(&rows)) {
        mw_user *user = RECORD_PUSH(&memory, &users);
        if (!user)
            break;
        read_user(&rows, &memory, user);
    }
    MW_TRY(record_close(&rows, &memory, err));
    for (size_t i = 0; i < users.count; i++)
        MW_TRY(load_grants(record, &users.items[i], err));
    *ret_users = users;
    return MW_OK;
}

mw_status mw_record_add_user(mw_record *record, mw_view name, mw_view password_hash, mw_error *err)
{
    mw_user taken;
    int64_t now = mw_clock_wall_ms();
    MW_TRY(record_check_access_name(name, "user", err));
    mw_status found = mw_record_user(record, name, &taken, err);
    if (found == MW_OK) {
        mw_fail(err, MW_E_ACCESS_TAKEN, "there is a user '%.*s' already", MW_VIEW_ARG(name));
        return mw_mend(err, "mw user passwd changes the password, mw user grant the role");
    }
    if (found != MW_NOT_FOUND)
        return found;
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO users(name, password, created, changed) VALUES(?, ?, ?, ?)",
                      "ttii", name, password_hash, now, now));
    MW_TRY(mw_record_note(record, "user.add", name, RECORD_NOTHING, RECORD_NOTHING, err));
    return record_new_epoch(record, err);
}

mw_status mw_record_set_password(mw_record *record, mw_view name, mw_view password_hash,
                                 mw_error *err)
{
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE users SET password = ?, changed = ? WHERE name = ?", "tit",
                      password_hash, mw_clock_wall_ms(), name));
    if (mw_sql_changes(record->session) == 0)
        return unknown_user(name, err);
    MW_TRY(mw_record_note(record, "user.passwd", name, RECORD_NOTHING, RECORD_NOTHING, err));
    return record_new_epoch(record, err);
}

mw_status mw_record_remove_user(mw_record *record, mw_view name, mw_error *err)
{
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM users WHERE name = ?", "t", name));
    if (mw_sql_changes(record->session) == 0)
        return unknown_user(name, err);
    MW_TRY(mw_record_note(record, "user.remove", name, RECORD_NOTHING, RECORD_NOTHING, err));
    return record_new_epoch(record, err);
}

/* ---- grants ---------------------------------------------------------------------------------- */

mw_status mw_record_resolve_grant(mw_record *record, mw_grant *grant, mw_error *err)
{
    int64_t id;
    mw_experiment experiment;
    record_memory memory = {record->arena, false};
    if (grant->scope == MW_SCOPE_ALL) {
        grant->object = MW_VIEW("");
        return MW_OK;
    }
    if (grant->scope != MW_SCOPE_EXPERIMENT)
        return record_check_length(grant->object, MW_LIMIT_NAME_BYTES, mw_scope_names[grant->scope],
                                   err);
    mw_status status = mw_record_experiment_named(record, grant->object, &experiment, err);
    if (status == MW_NOT_FOUND && record_number(grant->object, &id))
        status = mw_record_experiment(record, grant->object, &experiment, err);
    MW_TRY(status);
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%lld", (long long)experiment.id);
    grant->object = record_keep(&memory, (mw_view){digits, (size_t)size});
    return memory.failed ? mw_fail_memory(err, "a grant") : MW_OK;
}

static mw_status keep_grant(mw_record *record, int64_t user, const mw_grant *grant, mw_error *err)
{
    if (grant->role == MW_ROLE_NONE)
        return mw_sql_run(record->session, err,
                          "DELETE FROM grants WHERE user = ? AND scope = ? AND object = ?", "iit",
                          user, (int64_t)grant->scope, grant->object);
    return mw_sql_run(record->session, err,
                      "INSERT INTO grants(user, scope, object, role) VALUES(?, ?, ?, ?)"
                      " ON CONFLICT(user, scope, object) DO UPDATE SET role = excluded.role",
                      "iiti", user, (int64_t)grant->scope, grant->object, (int64_t)grant->role);
}

mw_status mw_record_grant(mw_record *record, mw_view name, const mw_grant *grant, mw_error *err)
{
    mw_user user;
    record_memory memory = {record->arena, false};
    mw_view before = {NULL, 0}, after = {NULL, 0};
    MW_TRY(mw_record_user(record, name, &user, err));
    for (size_t i = 0; i < user.grants.count; i++)
        if (user.grants.items[i].scope == grant->scope &&
            mw_view_equal(user.grants.items[i].object, grant->object))
            before = record_grant_text(&memory, &user.grants.items[i]);
    if (grant->role != MW_ROLE_NONE)
        after = record_grant_text(&memory, grant);
    if (memory.failed)
        return mw_fail_memory(err, "a grant");
    if (!before.data && !after.data) {
        mw_fail(err, MW_E_ACCESS_UNKNOWN, "'%.*s' has no role of its own there", MW_VIEW_ARG(name));
        return mw_mend(err, "mw user list shows what each user may do");
    }
    MW_TRY(keep_grant(record, user.row, grant, err));
    MW_TRY(mw_record_note(record, after.data ? "user.grant" : "user.revoke", name, before, after,
                          err));
    return record_new_epoch(record, err);
}
