/* Who is there: from the Authorization header to a visitor, and whether a rule lets him in.
 *
 *     loop: header -> keyed hash -> this loop's cache -> visitor          (about 0.5 us, no lock)
 *                                     | not there
 *                                     v
 *           defer -> pool: token or password, in the record -> shared cache -> back to the loop
 *                                     `-> 401, 403, 429, 503
 *
 * What was verified is believed until users, grants or tokens change in the record, by whichever
 * process: a thread looks four times a second. So a token that is revoked stops within half a
 * second. Passwords cost 50 ms and 64 MiB, by design (registry/access.h): one thread checks them,
 * MW_LIMIT_LOGINS wait, further ones get 503. Tokens have a thread of their own.
 *
 * Failed logins are counted by peer and by user: beyond MW_LIMIT_LOGIN_FAILURES in a minute the
 * answer is 429 until the minute is over. Credentials that are in the cache are not held up by
 * that, so nobody is locked out while at work because others guess. Peers on this machine are one
 * for all that stand behind a proxy here: they have ten times as many.
 */
#ifndef API_GUARD_H
#define API_GUARD_H

#include <stdatomic.h>

#include "rules.h"

/* Somebody who is known. Shared, counted. */
typedef struct api_visitor {
    atomic_int n_refs;
    atomic_bool was_here; /* since the last look: of a token, for "last used" */
    int64_t token;        /* its row, or 0 */
    uint64_t until_ns;    /* mw_clock_ns when it expires */
    mw_view name;         /* "ada", "token:ci"; in the same block of memory, as the grants */
    mw_grants grants;
} api_visitor;

api_visitor *api_visitor_ref(api_visitor *visitor);
/* NULL is fine. */
void api_visitor_unref(api_visitor *visitor);

/* For the audit log: who was let in; else, of whom nobody asked, what their certificate says. Texts
 * are kept in the exchange's arena. */
mw_actor api_actor_of(const mw_exchange *exchange);

typedef struct api_guard api_guard;

typedef struct api_guard_options {
    unsigned n_loops;
    const char *guarded; /* endpoints whose predictions need a token: "all", "a,b"; NULL: none */
    bool metrics;        /* /metrics needs one, too */
} api_guard_options;

/* registry: borrowed; must outlive it. `guarded` is copied. */
MW_CHECKED mw_status api_guard_new(mw_registry *registry, const api_guard_options *options,
                                   api_guard **ret_guard, mw_error *err);
/* After the server was closed. NULL is fine. */
void api_guard_free(api_guard *guard);

/* On the exchange's loop. True: go on; exchange->user_name says who it is, and *ret_visitor (may be
 * NULL, where nobody is asked) is the caller's to unref. False: the exchange was answered, or comes
 * to the handler again later. Rules on objects of the record are only looked at as far as
 * "somebody"; the rest is api_may's (mlflow_objects.c). `name`: the endpoint, for rules on one. */
bool api_guard_lets(api_guard *guard, mw_exchange *exchange, const api_rule *rule, mw_view name,
                    api_visitor **ret_visitor);

/* Why not: 403, naming the role, the object, and who can grant it. */
/* Of an endpoint that the query names. visitor: NULL, where nobody was asked.
 * Fails: MW_E_ACCESS_DENIED. */
MW_CHECKED mw_status api_check_sees(const api_visitor *visitor, mw_view endpoint, mw_error *err);
mw_status api_deny(const api_visitor *visitor, mw_role role, mw_scope scope, mw_view object,
                   mw_error *err);
/* The answer to an err of this file, in the form of the exchange's path. Does not reply. */
void api_put_refusal(mw_exchange *exchange, const mw_error *err, unsigned retry_seconds);
/* Of this guard's codes, or 0. */
int api_refusal_status(int code);

/* Write into the record which tokens were used until now, as the guard does each ten seconds: for
 * whoever lists them. On a thread that may wait. NULL is fine. */
void api_guard_note_used(api_guard *guard, mw_arena *arena);

typedef struct api_guard_counts {
    uint64_t verified, failed, limited; /* logins, not requests */
} api_guard_counts;
void api_guard_count(api_guard *guard, api_guard_counts *ret_counts);

#endif
