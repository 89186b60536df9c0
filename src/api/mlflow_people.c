/* Users and tokens below /mw/v1: who is there, and changes, for those who administer a server that
 * they cannot log in to. Only where the server asks who is there: otherwise anybody could make
 * himself an admin of the day on which it begins to ask. */
#include <string.h>

#include "guard.h"
#include "mlflow.h"

typedef struct people_request {
    mw_view user, token; /* of the path */
    mw_view name, password, current, role, on, object;
    int64_t expires;
    mw_grant grant; /* what role, on and object say */
    char hash[MW_PASSWORD_HASH_BYTES], secret[MW_TOKEN_BYTES];
} people_request;

/* clang-format off */
#define FIELD(name, kind, required) \
    {#name, MLFLOW_##kind, offsetof(people_request, name), required, NULL, 0, NULL, NULL}
static const mlflow_field add_fields[] = {
    FIELD(name, TEXT, true), FIELD(password, TEXT, true), FIELD(role, TEXT, false),
    FIELD(on, TEXT, false), FIELD(object, TEXT, false), {0}};
static const mlflow_field user_fields[] = {FIELD(user, TEXT, true), {0}};
static const mlflow_field password_fields[] = {
    FIELD(user, TEXT, true), FIELD(password, TEXT, true), FIELD(current, TEXT, false), {0}};
static const mlflow_field grant_fields[] = {
    FIELD(user, TEXT, true), FIELD(role, TEXT, true), FIELD(on, TEXT, false),
    FIELD(object, TEXT, false), {0}};
static const mlflow_field create_fields[] = {
    FIELD(name, TEXT, true), FIELD(role, TEXT, true), FIELD(on, TEXT, false),
    FIELD(object, TEXT, false), FIELD(expires, INT, false), {0}};
static const mlflow_field token_fields[] = {FIELD(token, TEXT, true), {0}};
/* clang-format on */

/* ---- who is there ---------------------------------------------------------------------------- */

void mlflow_put_grant(mw_buf *out, const void *item)
{
    const mw_grant *grant = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "role", mw_view_of(mw_role_names[grant->role]));
    mlflow_put_text(out, "on", mw_view_of(mw_scope_names[grant->scope]));
    if (grant->scope != MW_SCOPE_ALL)
        mlflow_put_text(out, "object", grant->object);
    mw_buf_char(out, '}');
}

static void put_user(mw_buf *out, const void *item)
{
    const mw_user *user = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "name", user->name);
    mlflow_put_int(out, "created", user->created);
    MLFLOW_PUT_LIST(out, "grants", &user->grants, mlflow_put_grant);
    mw_buf_char(out, '}');
}

static mw_status list_users(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_users users;
    MW_TRY(mw_record_users(record, &users, err));
    MLFLOW_ANSWER_LIST(turn, "users", &users, put_user);
    return MW_OK;
}

static void put_time(mw_buf *out, const char *name, int64_t ms)
{
    if (ms > 0)
        mlflow_put_int(out, name, ms);
}

static void put_token(mw_buf *out, const void *item)
{
    const mw_token *token = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "name", token->name);
    mlflow_put_name(out, "grant");
    mlflow_put_grant(out, &token->grant);
    mlflow_put_int(out, "created", token->created);
    mlflow_put_text(out, "created_by", token->created_by);
    put_time(out, "expires", token->expires);
    put_time(out, "revoked", token->revoked);
    put_time(out, "last_used", token->used);
    mw_buf_char(out, '}');
}

static mw_status read_tokens(mw_record *record, void *given, mw_error *err)
{
    mw_tokens tokens;
    mlflow_turn *turn = given;
    MW_TRY(mw_record_tokens(record, &tokens, err));
    MLFLOW_ANSWER_LIST(turn, "tokens", &tokens, put_token);
    return MW_OK;
}

/* The one that asks was used just now: that is written first. */
static mw_status list_tokens(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    api_guard_note_used(turn->guard, turn->exchange->arena);
    return mw_registry_read(turn->registry, turn->exchange->arena, read_tokens, turn, err);
}

/* ---- what all changes ask first -------------------------------------------------------------- */

static mw_status check_asked(const mlflow_turn *turn, mw_error *err)
{
    if (turn->visitor)
        return MW_OK;
    mw_fail(err, MW_E_ACCESS_DENIED,
            "this server asks nobody who he is, so nobody may change "
            "users and tokens over the network");
    return mw_mend(err, "start it with --auth on, or use mw user and mw token beside the record");
}

static mw_status read_scope(people_request *request, mw_error *err)
{
    mw_grant *grant = &request->grant;
    grant->scope = MW_SCOPE_ALL;
    grant->object = request->object.data ? request->object : MW_VIEW("");
    for (int i = 0; request->on.data && i <= MW_N_SCOPES; i++) {
        if (i == MW_N_SCOPES) {
            mw_fail(err, MW_E_ACCESS_VALUE, "no role is on '%.*s'", MW_VIEW_ARG(request->on));
            return mw_mend(err, "say everything, experiment, model or endpoint");
        }
        grant->scope = (mw_scope)i;
        if (mw_view_is(request->on, mw_scope_names[i]))
            break;
    }
    if ((grant->scope == MW_SCOPE_ALL) != (grant->object.size == 0)) {
        mw_fail(err, MW_E_ACCESS_VALUE, grant->object.size ? "an object of what?" : "which one?");
        return mw_mend(err, "on: experiment, model or endpoint, and object: its name");
    }
    return MW_OK;
}

static mw_status read_grant(people_request *request, mw_error *err)
{
    MW_TRY(read_scope(request, err));
    mw_grant *grant = &request->grant;
    grant->role = request->role.data ? mw_role_named(request->role) : MW_ROLE_NONE;
    if (grant->role == MW_N_ROLES) {
        mw_fail(err, MW_E_ACCESS_VALUE, "no role is called '%.*s'", MW_VIEW_ARG(request->role));
        return mw_mend(err, "say viewer, editor, deployer or admin; none takes a role away");
    }
    if (grant->role == MW_ROLE_ADMIN && grant->scope != MW_SCOPE_ALL) {
        mw_fail(err, MW_E_ACCESS_VALUE, "an admin is one of everything");
        return mw_mend(err, "leave out the object, or grant the role deployer");
    }
    return MW_OK;
}

/* An admin who takes the last way in from himself would have to go to the machine. */
static mw_status check_other(const mlflow_turn *turn, mw_view user, mw_error *err)
{
    if (!mw_view_equal(turn->visitor->name, user))
        return MW_OK;
    mw_fail(err, MW_E_ACCESS_DENIED, "nobody takes himself away");
    return mw_mend(err, "ask another admin, or use mw user beside the record");
}

static mw_status change(mlflow_turn *turn, mw_record_work *work, mw_error *err)
{
    return mlflow_answer_nothing(turn, mw_registry_write_as(turn->registry, &turn->actor,
                                                            turn->exchange->arena, work,
                                                            turn->request, err));
}

/* The password is in the arena, and in the body: it is wiped here, the body with the exchange. */
static mw_status hash_password(people_request *request, mw_error *err)
{
    mw_status status = mw_password_hash(request->password, request->hash, err);
    explicit_bzero((char *)request->password.data, request->password.size);
    return status;
}

/* ---- users ----------------------------------------------------------------------------------- */

static mw_status write_user(mw_record *record, void *given, mw_error *err)
{
    people_request *request = given;
    MW_TRY(mw_record_add_user(record, request->name, mw_view_of(request->hash), err));
    if (request->grant.role == MW_ROLE_NONE)
        return MW_OK;
    MW_TRY(mw_record_resolve_grant(record, &request->grant, err));
    return mw_record_grant(record, request->name, &request->grant, err);
}

static mw_status add_user(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    people_request *request = turn->request;
    MW_TRY(check_asked(turn, err));
    MW_TRY(read_grant(request, err));
    MW_TRY(hash_password(request, err));
    return change(turn, write_user, err);
}

static mw_status remove_row(mw_record *record, void *given, mw_error *err)
{
    return mw_record_remove_user(record, ((people_request *)given)->user, err);
}

static mw_status remove_user(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    people_request *request = turn->request;
    MW_TRY(check_asked(turn, err));
    MW_TRY(check_other(turn, request->user, err));
    return change(turn, remove_row, err);
}

static mw_status write_grant(mw_record *record, void *given, mw_error *err)
{
    people_request *request = given;
    MW_TRY(mw_record_resolve_grant(record, &request->grant, err));
    return mw_record_grant(record, request->user, &request->grant, err);
}

static mw_status grant_role(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    people_request *request = turn->request;
    MW_TRY(check_asked(turn, err));
    MW_TRY(read_grant(request, err));
    if (request->grant.scope == MW_SCOPE_ALL && request->grant.role != MW_ROLE_ADMIN)
        MW_TRY(check_other(turn, request->user, err));
    return change(turn, write_grant, err);
}

/* ---- passwords ------------------------------------------------------------------------------- */

static mw_status load_hash(mw_record *record, void *given, mw_error *err)
{
    mw_user user;
    people_request *request = given;
    MW_TRY(mw_record_user(record, request->user, &user, err));
    snprintf(request->hash, sizeof request->hash, "%.*s", MW_VIEW_ARG(user.password_hash));
    return MW_OK;
}

/* One's own: whoever sits down at an open session does not know the password it began with. */
static mw_status check_owner(mlflow_turn *turn, people_request *request, mw_error *err)
{
    const api_visitor *visitor = turn->visitor;
    if (!mw_view_equal(visitor->name, request->user))
        return api_deny(visitor, MW_ROLE_ADMIN, MW_SCOPE_ALL, MW_VIEW(""), err);
    MW_TRY(mw_registry_read(turn->registry, turn->exchange->arena, load_hash, request, err));
    mw_view current = request->current.data ? request->current : MW_VIEW("");
    if (mw_password_is(current, request->hash))
        return MW_OK;
    mw_fail(err, MW_E_ACCESS_DENIED, "the current password is another");
    return mw_mend(err, "say it in 'current', or let an admin set a new one");
}

static mw_status write_password(mw_record *record, void *given, mw_error *err)
{
    people_request *request = given;
    return mw_record_set_password(record, request->user, mw_view_of(request->hash), err);
}

static mw_status set_password(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    people_request *request = turn->request;
    MW_TRY(check_asked(turn, err));
    if (mw_grants_role(&turn->visitor->grants, MW_SCOPE_ALL, MW_VIEW("")) < MW_ROLE_ADMIN)
        MW_TRY(check_owner(turn, request, err));
    MW_TRY(hash_password(request, err));
    return change(turn, write_password, err);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static mw_status write_token(mw_record *record, void *given, mw_error *err)
{
    people_request *request = given;
    MW_TRY(mw_record_resolve_grant(record, &request->grant, err));
    return mw_record_create_token(record, request->name, &request->grant, request->expires,
                                  request->secret, err);
}

static mw_status create_token(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    people_request *request = turn->request;
    MW_TRY(check_asked(turn, err));
    MW_TRY(read_grant(request, err));
    if (request->grant.role == MW_ROLE_NONE)
        return mw_fail(err, MW_E_ACCESS_VALUE, "a token without a role opens nothing");
    if (request->expires != 0 && request->expires <= mw_clock_wall_ms()) {
        mw_fail(err, MW_E_ACCESS_VALUE, "the token would have expired already");
        return mw_mend(err, "expires: milliseconds since 1970, in the future; 0: never");
    }
    MW_TRY(mw_registry_write_as(turn->registry, &turn->actor, turn->exchange->arena, write_token,
                                request, err));
    mw_buf_char(turn->out, '{');
    mlflow_put_text(turn->out, "name", request->name);
    mlflow_put_text(turn->out, "token", mw_view_of(request->secret));
    put_time(turn->out, "expires", request->expires);
    mw_buf_char(turn->out, '}');
    explicit_bzero(request->secret, sizeof request->secret);
    return MW_OK;
}

static mw_status revoke_row(mw_record *record, void *given, mw_error *err)
{
    return mw_record_revoke_token(record, ((people_request *)given)->token, err);
}

static mw_status revoke_token(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    MW_TRY(check_asked(turn, err));
    return change(turn, revoke_row, err);
}

#define CHANGE(method, path, run, fields, summary)                                              \
    {                                                                                           \
        1u << MW_##method, "/mw/v1/" path, MLFLOW_OUTSIDE, run, fields, sizeof(people_request), \
            summary                                                                             \
    }

const mlflow_call mlflow_people_calls[] = {
    {MLFLOW_GETS, "/mw/v1/users", MLFLOW_READS, list_users, NULL, 0, "Users and their roles"},
    {MLFLOW_GETS, "/mw/v1/tokens", MLFLOW_OUTSIDE, list_tokens, NULL, 0,
     "Tokens, without their secrets"},
    CHANGE(POST, "users", add_user, add_fields, "A new user"),
    CHANGE(DELETE, "users/{user}", remove_user, user_fields, "Take a user away"),
    CHANGE(PUT, "users/{user}/password", set_password, password_fields,
           "A new password; one's own with the current one"),
    CHANGE(POST, "users/{user}/grants", grant_role, grant_fields,
           "A role on everything or on one object; none takes it away"),
    CHANGE(POST, "tokens", create_token, create_fields, "A new token, shown this once"),
    CHANGE(DELETE, "tokens/{token}", revoke_token, token_fields, "Revoke a token"),
};
const size_t mlflow_n_people_calls = MW_COUNT(mlflow_people_calls);
