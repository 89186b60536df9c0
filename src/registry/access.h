/* Who may do what: users, service tokens, roles and grants. Part of the door registry.h.
 *
 *     viewer < editor < deployer < admin      each may do what those before it may
 *
 * A role is granted for everything, or for one experiment, model or endpoint. Roles in words:
 * docs/explanation/access.md.
 *
 * Passwords are kept as argon2id strings (libsodium; 2 passes over 64 MiB, about 50 ms): people
 * choose them, so trying many must be dear. A token is 256 random bits, which nobody can try out;
 * it is kept as a keyed BLAKE2b of itself, so that it is found by one look into an index, in
 * microseconds: argon2id would add its 50 ms to each first request and protect nothing more. The
 * key is the record's own, so that a digest says nothing about other records.
 *
 * All comparisons of secrets take the same time whatever they hold. Nothing here is ever logged.
 */
#ifndef REGISTRY_ACCESS_H
#define REGISTRY_ACCESS_H

typedef enum mw_role {
    MW_ROLE_NONE,
    MW_ROLE_VIEWER,
    MW_ROLE_EDITOR,
    MW_ROLE_DEPLOYER,
    MW_ROLE_ADMIN,
    MW_N_ROLES
} mw_role;

/* "none", "viewer" ...; MW_N_ROLES for words that are none. */
extern const char *const mw_role_names[MW_N_ROLES];
mw_role mw_role_named(mw_view name);

typedef enum mw_scope {
    MW_SCOPE_ALL,
    MW_SCOPE_EXPERIMENT, /* object: the id in digits, so that a renamed one keeps its grants */
    MW_SCOPE_MODEL,      /* object: the name; it need not exist yet */
    MW_SCOPE_ENDPOINT,   /* likewise */
    MW_N_SCOPES
} mw_scope;

extern const char *const mw_scope_names[MW_N_SCOPES]; /* "everything", "experiment" ... */

typedef struct mw_grant {
    mw_role role;
    mw_scope scope;
    mw_view object; /* "" of everything */
} mw_grant;

typedef struct mw_grants { /* also mw_search.seen */
    mw_grant *items;
    size_t count;
} mw_grants;

/* The best role that the grants give on an object; MW_SCOPE_ALL: on everything. */
mw_role mw_grants_role(const mw_grants *grants, mw_scope scope, mw_view object);

/* ---- users ----------------------------------------------------------------------------------- */

enum {
    MW_PASSWORD_BYTES_MIN = 8,
    MW_PASSWORD_BYTES_MAX = 1024,
    MW_ACCESS_NAME_BYTES_MAX = 100,
    MW_PASSWORD_HASH_BYTES = 128
};

/* Slow, by design; not inside a transaction. Fails: MW_BAD_ARGUMENT (MW4205) too short or long;
 * MW_NO_MEMORY. */
MW_CHECKED mw_status mw_password_hash(mw_view password, char ret_hash[MW_PASSWORD_HASH_BYTES],
                                      mw_error *err);
/* As slow. hash "" is nobody's: it takes as long, and is false. */
bool mw_password_is(mw_view password, const char *hash);

typedef struct mw_user {
    int64_t row, created, changed;
    mw_view name, password_hash;
    mw_grants grants;
} mw_user;

typedef struct mw_users {
    mw_user *items;
    size_t count;
} mw_users;

/* Fails: MW_CONFLICT (MW4207), MW_BAD_ARGUMENT (MW4205: a name of other than letters, digits and
 * . _ - @ +). */
MW_CHECKED mw_status mw_record_add_user(mw_record *record, mw_view name, mw_view password_hash,
                                        mw_error *err);
/* Fails, here and below: MW_NOT_FOUND (MW4206). */
MW_CHECKED mw_status mw_record_set_password(mw_record *record, mw_view name, mw_view password_hash,
                                            mw_error *err);
MW_CHECKED mw_status mw_record_remove_user(mw_record *record, mw_view name, mw_error *err);
MW_CHECKED mw_status mw_record_user(mw_record *record, mw_view name, mw_user *ret_user,
                                    mw_error *err);
MW_CHECKED mw_status mw_record_users(mw_record *record, mw_users *ret_users, mw_error *err);
/* In place of what the user had on the same object; MW_ROLE_NONE takes it away. */
MW_CHECKED mw_status mw_record_grant(mw_record *record, mw_view user, const mw_grant *grant,
                                     mw_error *err);
/* An object as people name it -> as it is kept: experiments by name or id. */
MW_CHECKED mw_status mw_record_resolve_grant(mw_record *record, mw_grant *grant, mw_error *err);

/* ---- tokens ---------------------------------------------------------------------------------- */

enum {
    MW_TOKEN_BYTES = 56, /* "mw_", 52 letters and digits, NUL */
    MW_TOKEN_DIGEST_BYTES = 65
};

typedef struct mw_token {
    int64_t row, created;
    int64_t expires, revoked, used; /* 0: never */
    mw_view name, created_by;
    mw_grant grant;
} mw_token;

typedef struct mw_tokens {
    mw_token *items;
    size_t count;
} mw_tokens;

/* A new one. The text is nowhere else: show it once. expires: ms since 1970, or 0. Names of revoked
 * tokens may be taken again. */
MW_CHECKED mw_status mw_record_create_token(mw_record *record, mw_view name, const mw_grant *grant,
                                            int64_t expires, char ret_token[MW_TOKEN_BYTES],
                                            mw_error *err);
MW_CHECKED mw_status mw_record_revoke_token(mw_record *record, mw_view name, mw_error *err);
MW_CHECKED mw_status mw_record_tokens(mw_record *record, mw_tokens *ret_tokens, mw_error *err);
/* The token that this text is. Fails: MW_NOT_FOUND (MW4202) unknown, revoked or expired: which of
 * them is not told. */
MW_CHECKED mw_status mw_record_find_token(mw_record *record, mw_view text, mw_token *ret_token,
                                          mw_error *err);
MW_CHECKED mw_status mw_record_note_used(mw_record *record, int64_t token, int64_t when,
                                         mw_error *err);

/* Changes with each change of users, grants and tokens: what was verified before may be wrong. */
MW_CHECKED mw_status mw_record_access_epoch(mw_record *record, int64_t *ret_epoch, mw_error *err);

/* ---- what belongs to an experiment ----------------------------------------------------------- */

/* The experiment of a run, of a logged model, or of an artifact's path, as digits in the arena.
 * Absent when there is none: the call itself will say so. */
MW_CHECKED mw_status mw_record_experiment_of_run(mw_record *record, mw_view run_id,
                                                 mw_view *ret_experiment, mw_error *err);
MW_CHECKED mw_status mw_record_experiment_of_model(mw_record *record, mw_view model_id,
                                                   mw_view *ret_experiment, mw_error *err);
MW_CHECKED mw_status mw_record_experiment_of_path(mw_record *record, mw_view path,
                                                  mw_view *ret_experiment, mw_error *err);

#endif
