/* Service tokens, and to which experiment things belong. */
#include "secrets.h"

/* ---- tokens ---------------------------------------------------------------------------------- */

static mw_status digest_of(mw_record *record, mw_view text, char ret_digest[MW_TOKEN_DIGEST_BYTES],
                           mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT key FROM access", ""));
    bool found = mw_rows_next(&rows);
    if (found)
        secret_digest(mw_rows_text(&rows, 0), text, ret_digest);
    MW_TRY(mw_rows_close(&rows, err));
    return found ? MW_OK : mw_fail(err, MW_E_STORE_DAMAGED, "the record has no key for tokens");
}

static mw_status refuse_taken(mw_record *record, mw_view name, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT 1 FROM tokens WHERE name = ? AND revoked = 0", "t", name));
    bool taken = mw_rows_next(&rows);
    MW_TRY(mw_rows_close(&rows, err));
    if (!taken)
        return MW_OK;
    mw_fail(err, MW_E_ACCESS_TAKEN, "there is a token '%.*s' already", MW_VIEW_ARG(name));
    return mw_mend(err, "revoke it first, or choose another name");
}

mw_status mw_record_create_token(mw_record *record, mw_view name, const mw_grant *grant,
                                 int64_t expires, char ret_token[MW_TOKEN_BYTES], mw_error *err)
{
    char token[MW_TOKEN_BYTES], digest[MW_TOKEN_DIGEST_BYTES];
    record_memory memory = {record->arena, false};
    mw_view by = record->actor ? record->actor->name : RECORD_NOTHING;
    MW_TRY(record_check_access_name(name, "token", err));
    MW_TRY(refuse_taken(record, name, err));
    secret_new_token(token);
    MW_TRY(digest_of(record, mw_view_of(token), digest, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO tokens(name, digest, role, scope, object, created, created_by,"
                      " expires) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                      "ttiititi", name, mw_view_of(digest), (int64_t)grant->role,
                      (int64_t)grant->scope, grant->object, mw_clock_wall_ms(),
                      by.data ? by : MW_VIEW("-"), expires));
    mw_view after = record_grant_text(&memory, grant);
    MW_TRY(memory.failed
               ? mw_fail_memory(err, "a token")
               : mw_record_note(record, "token.create", name, RECORD_NOTHING, after, err));
    memcpy(ret_token, token, sizeof token);
    return MW_OK; /* nobody has been told no about it: no new epoch */
}

mw_status mw_record_revoke_token(mw_record *record, mw_view name, mw_error *err)
{
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE tokens SET revoked = ? WHERE name = ? AND revoked = 0", "it",
                      mw_clock_wall_ms(), name));
    if (mw_sql_changes(record->session) == 0) {
        mw_fail(err, MW_E_ACCESS_UNKNOWN, "there is no token '%.*s' in force",
                (int)(name.size < 80 ? name.size : 80), name.data);
        return mw_mend(err, "mw token list shows all of them");
    }
    MW_TRY(mw_record_note(record, "token.revoke", name, RECORD_NOTHING, RECORD_NOTHING, err));
    return record_new_epoch(record, err);
}

#define TOKEN_COLUMNS "id, created, expires, revoked, used, name, created_by, role, scope, object"

static void read_token(const mw_rows *rows, record_memory *memory, mw_token *ret_token)
{
    *ret_token = (mw_token){
        .row = mw_rows_int(rows, 0),
        .created = mw_rows_int(rows, 1),
        .expires = mw_rows_int(rows, 2),
        .revoked = mw_rows_int(rows, 3),
        .used = mw_rows_int(rows, 4),
        .name = record_column(memory, rows, 5),
        .created_by = record_column(memory, rows, 6),
        .grant = {(mw_role)mw_rows_int(rows, 7), (mw_scope)mw_rows_int(rows, 8),
                  record_column(memory, rows, 9)},
    };
}

mw_status mw_record_tokens(mw_record *record, mw_tokens *ret_tokens, mw_error *err)
{
    mw_rows rows;
    mw_tokens tokens = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " TOKEN_COLUMNS " FROM tokens ORDER BY name, created", ""));
    while (mw_rows_next(&rows)) {
        mw_token *token = RECORD_PUSH(&memory, &tokens);
        if (!token)
            break;
        read_token(&rows, &memory, token);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_tokens = tokens;
    return MW_OK;
}

/* By its digest in an index: what an attacker can time is the digest's bytes under a key that he
 * does not know. */
mw_status mw_record_find_token(mw_record *record, mw_view text, mw_token *ret_token, mw_error *err)
{
    mw_rows rows;
    char digest[MW_TOKEN_DIGEST_BYTES] = "";
    record_memory memory = {record->arena, false};
    if (secret_is_token(text))
        MW_TRY(digest_of(record, text, digest, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " TOKEN_COLUMNS " FROM tokens WHERE digest = ? AND revoked = 0"
                        " AND (expires = 0 OR expires > ?)",
                        "ti", mw_view_of(digest), mw_clock_wall_ms()));
    bool found = mw_rows_next(&rows);
    if (found)
        read_token(&rows, &memory, ret_token);
    MW_TRY(record_close(&rows, &memory, err));
    if (found)
        return MW_OK;
    return mw_fail(err, MW_E_ACCESS_WRONG, "the token is not known, or no longer in force");
}

mw_status mw_record_note_used(mw_record *record, int64_t token, int64_t when, mw_error *err)
{
    return mw_sql_run(record->session, err, "UPDATE tokens SET used = ? WHERE id = ?", "ii", when,
                      token);
}

/* ---- what belongs to an experiment ----------------------------------------------------------- */

static mw_status one_id(mw_record *record, mw_rows *rows, mw_view *ret_experiment, mw_error *err)
{
    record_memory memory = {record->arena, false};
    mw_view found = {NULL, 0};
    if (mw_rows_next(rows))
        found = record_column(&memory, rows, 0);
    MW_TRY(record_close(rows, &memory, err));
    *ret_experiment = found;
    return MW_OK;
}

mw_status mw_record_experiment_of_run(mw_record *record, mw_view run_id, mw_view *ret_experiment,
                                      mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT CAST(experiment AS TEXT) FROM runs WHERE run_id = ?", "t", run_id));
    return one_id(record, &rows, ret_experiment, err);
}

mw_status mw_record_experiment_of_model(mw_record *record, mw_view model_id,
                                        mw_view *ret_experiment, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT CAST(experiment AS TEXT) FROM logged_models WHERE model_id = ?",
                        "t", model_id));
    return one_id(record, &rows, ret_experiment, err);
}

/* The experiment whose place the path begins with; of several the longest place. Two with the same
 * place: none, so that nobody writes into another's through his own. */
mw_status mw_record_experiment_of_path(mw_record *record, mw_view path, mw_view *ret_experiment,
                                       mw_error *err)
{
    mw_rows rows;
    MW_TRY(
        mw_rows_open(record->session, &rows, err,
                     "SELECT CASE WHEN count(*) = 1 THEN CAST(min(id) AS TEXT) END FROM (SELECT id,"
                     " rtrim(location, '/') || '/' AS place FROM experiments) p WHERE"
                     " substr('mlflow-artifacts:/' || ?1 || '/', 1, length(place)) = place"
                     " GROUP BY length(place) ORDER BY length(place) DESC LIMIT 1",
                     "t", path));
    return one_id(record, &rows, ret_experiment, err);
}
