/* The guard: credentials, the pool that verifies them, the thread that looks for changes. */
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "guard.h"
#include "logins.h"
#include "mlflow.h"
#include "route.h"
#include "session.h"
#include "visitors.h"
#include "serve/serve.h"

enum {
    LOOK_MS = 250,
    USED_LOOKS = 40, /* "last used" is written so seldom: ten seconds */
    USED_AT_ONCE = 256,
    ARENA_BYTES_MAX = 4 << 20
};

struct api_guard {
    mw_registry *registry;
    api_visitors *visitors;
    api_logins *logins;
    api_sessions *sessions;
    mw_pool *passwords, *tokens; /* a thread each */
    char *guarded;               /* NULL: none */
    bool guards_metrics;
    pthread_t watcher;
    bool is_watching;
    pthread_mutex_t lock;
    pthread_cond_t ending_now;
    bool ending;            /* guarded by lock */
    pthread_mutex_t noting; /* one at a time, so that what was taken is written when it is left */
    atomic_uint_least64_t n_verified, n_failed, n_limited;
};

/* What somebody showed; lives in the exchange's arena while it is verified. */
typedef struct login {
    mw_job job;
    api_guard *guard;
    mw_exchange *exchange;
    uint8_t key[VISITORS_KEY_BYTES];
    mw_view token, user, password; /* token, or the other two */
} login;

/* ---- refusals -------------------------------------------------------------------------------- */

int api_refusal_status(int code)
{
    switch (code) {
    case MW_E_ACCESS_MISSING:
    case MW_E_ACCESS_WRONG:
        return 401;
    case MW_E_ACCESS_DENIED:
        return 403;
    case MW_E_ACCESS_LIMITED:
        return 429;
    case MW_E_ACCESS_BUSY:
        return 503;
    default:
        return 0;
    }
}

void api_put_refusal(mw_exchange *exchange, const mw_error *err, unsigned retry_seconds)
{
    char line[64];
    int status = api_refusal_status(err->code);
    if (api_mlflow_takes(exchange->path))
        mlflow_put_error(exchange, err);
    else
        mw_serve_error(exchange, err, status);
    if (exchange->is_grpc)
        return;
    /* a page asks in words of its own, not by the browser's window */
    mw_view mode = mw_exchange_header(exchange, "Sec-Fetch-Mode");
    if (exchange->status == 401 && (!mode.data || mw_view_is(mode, "navigate")))
        exchange->reply_headers =
            MW_VIEW("WWW-Authenticate: Bearer realm=\"millwright\"\r\n"
                    "WWW-Authenticate: Basic realm=\"millwright\", charset=\"UTF-8\"\r\n");
    if (retry_seconds == 0)
        return;
    snprintf(line, sizeof line, "Retry-After: %u\r\n", retry_seconds);
    const char *kept = mw_arena_text(exchange->arena, mw_view_of(line));
    if (kept)
        exchange->reply_headers = mw_view_of(kept);
}

static bool refuse(mw_exchange *exchange, const mw_error *err, unsigned retry_seconds)
{
    api_put_refusal(exchange, err, retry_seconds);
    mw_exchange_reply(exchange);
    return false;
}

static bool refuse_nobody(mw_exchange *exchange)
{
    mw_error err;
    mw_fail(&err, MW_E_ACCESS_MISSING, "this server asks who is there");
    mw_mend(&err, "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
                  "MLFLOW_TRACKING_PASSWORD; other clients: Authorization: Bearer TOKEN");
    return refuse(exchange, &err, 0);
}

static void fail_wrong(mw_error *err)
{
    mw_fail(err, MW_E_ACCESS_WRONG, "the credentials are not known, or no longer in force");
    mw_mend(err, "ask an admin for a new token: mw token create NAME --role ROLE");
}

static bool refuse_limited(api_guard *guard, mw_exchange *exchange, unsigned seconds)
{
    mw_error err;
    atomic_fetch_add_explicit(&guard->n_limited, 1, memory_order_relaxed);
    mw_fail(&err, MW_E_ACCESS_LIMITED, "too many failed logins");
    mw_mend(&err, "wait %u s, then try with other credentials", seconds);
    return refuse(exchange, &err, seconds);
}

static bool refuse_busy(mw_exchange *exchange)
{
    mw_error err;
    mw_fail(&err, MW_E_ACCESS_BUSY, "too many logins wait to be checked");
    mw_mend(&err, "try again in a second; a token is checked faster than a password");
    return refuse(exchange, &err, 1);
}

/* "experiment '3'", "everything" */
static int scope_words(char *out, size_t size, mw_scope scope, mw_view object)
{
    if (scope == MW_SCOPE_ALL)
        return snprintf(out, size, "everything");
    return snprintf(out, size, "%s '%.*s'", mw_scope_names[scope],
                    (int)(object.size < 80 ? object.size : 80), object.data ? object.data : "");
}

static mw_view keep(const mw_exchange *exchange, mw_view text)
{
    const char *kept = mw_arena_text(exchange->arena, text);
    return kept ? (mw_view){kept, text.size} : MW_VIEW("-");
}

mw_actor api_actor_of(const mw_exchange *exchange)
{
    char from[MW_PEER_TEXT_BYTES];
    mw_view name = exchange->user_name.size > 0     ? exchange->user_name
                   : exchange->client_name.size > 0 ? exchange->client_name
                                                    : MW_VIEW("anonymous");
    return (mw_actor){keep(exchange, name),
                      keep(exchange, mw_view_of(mw_peer_text(&exchange->peer, true, from))),
                      exchange->request_id};
}

mw_status api_deny(const api_visitor *visitor, mw_role role, mw_scope scope, mw_view object,
                   mw_error *err)
{
    char words[128], option[128] = "";
    mw_view token = MW_VIEW("token:"), name = visitor->name;
    mw_role has = mw_grants_role(&visitor->grants, scope, object);
    scope_words(words, sizeof words, scope, object);
    if (scope != MW_SCOPE_ALL)
        snprintf(option, sizeof option, " --%s '%.*s'", mw_scope_names[scope],
                 (int)(object.size < 80 ? object.size : 80), object.data ? object.data : "");
    mw_fail(err, MW_E_ACCESS_DENIED, "'%.*s' may not do this: it needs the role %s on %s",
            MW_VIEW_ARG(name), mw_role_names[role], words);
    mw_why(err, "the role there is %s", mw_role_names[has]);
    if (mw_view_starts(name, token.data))
        return mw_mend(err, "an admin makes a wider token: mw token create NAME --role %s%s",
                       mw_role_names[role], option);
    return mw_mend(err, "an admin grants it: mw user grant %.*s --role %s%s", MW_VIEW_ARG(name),
                   mw_role_names[role], option);
}

mw_status api_check_sees(const api_visitor *visitor, mw_view endpoint, mw_error *err)
{
    if (!visitor || mw_grants_role(&visitor->grants, MW_SCOPE_ENDPOINT, endpoint) >= MW_ROLE_VIEWER)
        return MW_OK;
    return api_deny(visitor, MW_ROLE_VIEWER, MW_SCOPE_ENDPOINT, endpoint, err);
}

/* ---- on the pool: is it true? ---------------------------------------------------------------- */

/* One block: the visitor, his grants, and their texts. */
static api_visitor *make_visitor(mw_view prefix, mw_view name, const mw_grants *grants)
{
    size_t texts = prefix.size + name.size;
    for (size_t i = 0; i < grants->count; i++)
        texts += grants->items[i].object.size;
    size_t grants_bytes = grants->count * sizeof *grants->items;
    api_visitor *visitor = malloc(sizeof *visitor + grants_bytes + texts + 1);
    if (!visitor)
        return NULL;
    mw_grant *items = (mw_grant *)(visitor + 1);
    char *at = (char *)(items + grants->count);
    *visitor = (api_visitor){.until_ns = UINT64_MAX,
                             .name = {at, prefix.size + name.size},
                             .grants = {items, grants->count}};
    atomic_init(&visitor->n_refs, 1);
    memcpy(at, prefix.data, prefix.size);
    memcpy(at + prefix.size, name.data, name.size);
    at += prefix.size + name.size;
    for (size_t i = 0; i < grants->count; i++) {
        const mw_grant *grant = &grants->items[i];
        memcpy(at, grant->object.data, grant->object.size);
        items[i] = (mw_grant){grant->role, grant->scope, {at, grant->object.size}};
        at += grant->object.size;
    }
    return visitor;
}

typedef struct lookup {
    const login *login;
    mw_token token;
    mw_user user;
} lookup;

static mw_status look_up(mw_record *record, void *given, mw_error *err)
{
    lookup *l = given;
    if (l->login->token.data)
        return mw_record_find_token(record, l->login->token, &l->token, err);
    return mw_record_user(record, l->login->user, &l->user, err);
}

static mw_status visitor_of_token(const mw_token *token, api_visitor **ret_visitor, mw_error *err)
{
    mw_grant grant = token->grant;
    api_visitor *visitor = make_visitor(MW_VIEW("token:"), token->name, &(mw_grants){&grant, 1});
    if (!visitor)
        return mw_fail_memory(err, "a visitor");
    visitor->token = token->row;
    atomic_init(&visitor->was_here, true);
    int64_t left_ms = token->expires - mw_clock_wall_ms();
    if (token->expires)
        visitor->until_ns = mw_clock_ns() + (uint64_t)(left_ms > 0 ? left_ms : 0) * 1000000;
    *ret_visitor = visitor;
    return MW_OK;
}

static mw_status visitor_of_user(const mw_user *user, api_visitor **ret_visitor, mw_error *err)
{
    *ret_visitor = make_visitor(MW_VIEW(""), user->name, &user->grants);
    return *ret_visitor ? MW_OK : mw_fail_memory(err, "a visitor");
}

/* Fails with MW_E_ACCESS_WRONG, or because the record cannot be read. */
static mw_status verify(const login *self, api_visitor **ret_visitor, mw_error *err)
{
    lookup l = {.login = self};
    mw_status status =
        mw_registry_read(self->guard->registry, self->exchange->arena, look_up, &l, err);
    if (self->token.data)
        return status == MW_OK ? visitor_of_token(&l.token, ret_visitor, err) : status;
    if (status != MW_OK && status != MW_NOT_FOUND)
        return status;
    const char *hash = status == MW_OK ? l.user.password_hash.data : ""; /* NUL-ended: arena */
    if (mw_password_is(self->password, hash))
        return visitor_of_user(&l.user, ret_visitor, err);
    return mw_fail(err, MW_E_ACCESS_WRONG, "the name and the password do not belong together");
}

static void run_login(mw_job *job)
{
    mw_error err;
    login *self = (login *)job;
    api_guard *guard = self->guard;
    mw_exchange *exchange = self->exchange;
    api_visitor *visitor = NULL;
    uint64_t generation = api_visitors_generation(guard->visitors);
    if (api_visitors_knows(guard->visitors, self->key, mw_clock_ns())) { /* of those before it */
        mw_exchange_return(exchange);
        return;
    }
    mw_status status = verify(self, &visitor, &err);
    if (self->password.data)
        sodium_memzero((char *)self->password.data, self->password.size);
    if (status == MW_OK) {
        atomic_fetch_add_explicit(&guard->n_verified, 1, memory_order_relaxed);
        api_visitors_put(guard->visitors, self->key, generation, visitor);
        api_visitor_unref(visitor);
        mw_exchange_return(exchange);
        return;
    }
    if (err.code == MW_E_ACCESS_WRONG) {
        atomic_fetch_add_explicit(&guard->n_failed, 1, memory_order_relaxed);
        api_logins_failed(guard->logins, &exchange->peer, self->user, mw_clock_ns());
        fail_wrong(&err);
    }
    if (api_refusal_status(err.code))
        api_put_refusal(exchange, &err, 0);
    else
        mw_serve_error(exchange, &err, 0);
    mw_exchange_reply(exchange);
}

/* ---- on the loop: what was shown? ------------------------------------------------------------ */

static mw_view behind_word(mw_view text, const char *word)
{
    size_t size = strlen(word);
    if (text.size <= size || text.data[size] != ' ' ||
        !mw_view_is_nocase((mw_view){text.data, size}, word))
        return (mw_view){NULL, 0};
    return mw_view_trim((mw_view){text.data + size, text.size - size});
}

/* "YWRhOnNlY3JldA==" -> "ada", "secret" */
static bool read_basic(mw_view encoded, mw_arena *arena, login *ret_login)
{
    size_t size, room = encoded.size / 4 * 3 + 4;
    char *text = mw_arena_take(arena, room);
    if (!text || sodium_base642bin((uint8_t *)text, room, encoded.data, encoded.size, NULL, &size,
                                   NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    const char *colon = memchr(text, ':', size);
    if (!colon)
        return false;
    ret_login->user = (mw_view){text, (size_t)(colon - text)};
    ret_login->password = (mw_view){colon + 1, size - ret_login->user.size - 1};
    return true;
}

/* True when the header has a form that is known. */
static bool read_header(mw_view header, mw_arena *arena, login *ret_login)
{
    mw_view token = behind_word(header, "Bearer"), basic = behind_word(header, "Basic");
    ret_login->token = token;
    return token.data || (basic.data && read_basic(basic, arena, ret_login));
}

static bool refuse_form(mw_exchange *exchange)
{
    mw_error err;
    mw_fail(&err, MW_E_ACCESS_WRONG, "the Authorization header is of no known form");
    mw_mend(&err, "send 'Bearer TOKEN', or 'Basic' and name:password in base64");
    return refuse(exchange, &err, 0);
}

/* Verify on the pool, then come back. Always false. */
static bool begin_login(api_guard *guard, mw_exchange *exchange, mw_view header, const uint8_t *key)
{
    login *self = mw_arena_take_zeroed(exchange->arena, 1, sizeof *self);
    if (!self)
        return refuse_busy(exchange);
    if (!read_header(header, exchange->arena, self))
        return refuse_form(exchange);
    unsigned seconds = api_logins_wait(guard->logins, &exchange->peer, self->user, mw_clock_ns());
    if (seconds > 0)
        return refuse_limited(guard, exchange, seconds);
    mw_pool *pool = self->token.data ? guard->tokens : guard->passwords;
    if (mw_pool_waiting(pool) >= (self->token.data ? MW_LIMIT_TOKEN_LOGINS : MW_LIMIT_LOGINS))
        return refuse_busy(exchange);
    self->job.run = run_login;
    self->guard = guard;
    self->exchange = exchange;
    memcpy(self->key, key, VISITORS_KEY_BYTES);
    mw_exchange_defer(exchange);
    mw_pool_submit(pool, &self->job);
    return false;
}

static bool list_names(const char *list, mw_view name)
{
    mw_view rest = mw_view_of(list);
    while (rest.size > 0)
        if (mw_view_equal(mw_view_trim(mw_view_cut(&rest, ',')), name))
            return true;
    return false;
}

/* An endpoint without a name is the only one: any that is named may be it. */
static bool is_asked(const api_guard *guard, const api_rule *rule, mw_view name)
{
    switch (rule->when) {
    case API_OPEN:
        return false;
    case API_METRICS:
        return guard->guards_metrics;
    case API_GUARDED:
        if (!guard->guarded || strcmp(guard->guarded, "all") == 0)
            return guard->guarded != NULL;
        return rule->object == API_OBJECT_ENDPOINT &&
               (name.size == 0 || list_names(guard->guarded, name));
    default:
        return true;
    }
}

/* What can be decided here: the rest stands in the request's fields. */
static bool reaches(const api_visitor *visitor, const api_rule *rule, mw_view name, mw_scope *scope)
{
    *scope = rule->object == API_OBJECT_ENDPOINT ? MW_SCOPE_ENDPOINT : MW_SCOPE_ALL;
    switch (rule->object) {
    case API_OBJECT_SERVER:
        return mw_grants_role(&visitor->grants, MW_SCOPE_ALL, MW_VIEW("")) >= rule->role;
    case API_OBJECT_ENDPOINT:
        return mw_grants_role(&visitor->grants, MW_SCOPE_ENDPOINT, name) >= rule->role;
    default:
        return visitor->grants.count > 0;
    }
}

/* The endpoints that his grants name, "\na\nb\n"; absent: he sees all. False: memory is gone. */
static bool list_seen(const api_visitor *visitor, mw_arena *arena, mw_view *ret_seen)
{
    *ret_seen = (mw_view){NULL, 0};
    if (mw_grants_role(&visitor->grants, MW_SCOPE_ALL, MW_VIEW("")) >= MW_ROLE_VIEWER)
        return true;
    mw_buf names;
    mw_buf_init(&names, MW_MIB);
    mw_buf_char(&names, '\n');
    for (size_t i = 0; i < visitor->grants.count; i++) {
        const mw_grant *grant = &visitor->grants.items[i];
        if (grant->scope != MW_SCOPE_ENDPOINT || grant->role < MW_ROLE_VIEWER)
            continue;
        mw_buf_view(&names, grant->object);
        mw_buf_char(&names, '\n');
    }
    const char *kept = names.failed ? NULL : mw_arena_text(arena, mw_buf_as_view(&names));
    *ret_seen = (mw_view){kept, names.size};
    mw_buf_done(&names);
    return kept != NULL;
}

bool api_guard_lets(api_guard *guard, mw_exchange *exchange, const api_rule *rule, mw_view name,
                    api_visitor **ret_visitor)
{
    mw_error err;
    mw_scope scope;
    uint8_t key[VISITORS_KEY_BYTES];
    *ret_visitor = NULL;
    if (!is_asked(guard, rule, name))
        return true;
    mw_view header = mw_exchange_header(exchange, "Authorization");
    if (header.size == 0)
        header = api_session_open(guard->sessions, exchange);
    if (header.size == 0)
        return refuse_nobody(exchange);
    api_visitors_hash(guard->visitors, header, key);
    api_visitor *visitor =
        api_visitors_find(guard->visitors, exchange->loop, key, exchange->received_ns);
    if (!visitor)
        return begin_login(guard, exchange, header, key);
    bool lists = rule->object == API_OBJECT_LISTED;
    if (lists && !list_seen(visitor, exchange->arena, &exchange->user_sees)) {
        api_visitor_unref(visitor);
        mw_fail_memory(&err, "what he may see");
        return refuse(exchange, &err, 0);
    }
    if (reaches(visitor, rule, name, &scope)) {
        exchange->user_name = keep(exchange, visitor->name);
        *ret_visitor = visitor;
        return true;
    }
    api_deny(visitor, rule->role, scope, name, &err);
    api_visitor_unref(visitor);
    return refuse(exchange, &err, 0);
}

/* ---- the thread that looks ------------------------------------------------------------------- */

static mw_status read_epoch(mw_record *record, void *given, mw_error *err)
{
    return mw_record_access_epoch(record, given, err);
}

typedef struct used_tokens {
    int64_t tokens[USED_AT_ONCE];
    size_t count;
} used_tokens;

static void see_used(void *given, int64_t token)
{
    used_tokens *used = given;
    if (used->count < USED_AT_ONCE)
        used->tokens[used->count++] = token;
}

static mw_status write_used(mw_record *record, void *given, mw_error *err)
{
    const used_tokens *used = given;
    for (size_t i = 0; i < used->count; i++)
        MW_TRY(mw_record_note_used(record, used->tokens[i], mw_clock_wall_ms(), err));
    return MW_OK;
}

void api_guard_note_used(api_guard *guard, mw_arena *arena)
{
    mw_error err;
    used_tokens used = {.count = 0};
    if (!guard)
        return;
    pthread_mutex_lock(&guard->noting);
    api_visitors_each_used(guard->visitors, see_used, &used);
    if (used.count > 0 &&
        mw_registry_write(guard->registry, arena, write_used, &used, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "cannot note which tokens were used", &err);
    pthread_mutex_unlock(&guard->noting);
}

/* True when it is time to end. */
static bool wait_a_little(api_guard *guard)
{
    struct timespec until = mw_moment_in(LOOK_MS);
    pthread_mutex_lock(&guard->lock);
    if (!guard->ending)
        pthread_cond_timedwait(&guard->ending_now, &guard->lock, &until);
    bool ending = guard->ending;
    pthread_mutex_unlock(&guard->lock);
    return ending;
}

/* A record that cannot be read vouches for nobody. */
static void *watch(void *given)
{
    mw_error err;
    mw_arena arena;
    api_guard *guard = given;
    int64_t epoch, seen = -1;
    mw_arena_init(&arena, 4 * MW_KIB, ARENA_BYTES_MAX);
    for (unsigned n = 0;; n++) {
        mw_status status = mw_registry_read(guard->registry, &arena, read_epoch, &epoch, &err);
        if (status != MW_OK || epoch != seen)
            api_visitors_renew(guard->visitors);
        if (status == MW_OK)
            seen = epoch;
        bool ending = wait_a_little(guard);
        if (ending || n % USED_LOOKS == USED_LOOKS - 1)
            api_guard_note_used(guard, &arena);
        mw_arena_reset(&arena);
        if (ending)
            break;
    }
    mw_arena_done(&arena);
    return NULL;
}

static mw_status start_watching(api_guard *guard, mw_error *err)
{
    pthread_mutex_init(&guard->lock, NULL);
    pthread_mutex_init(&guard->noting, NULL);
    mw_condition_init(&guard->ending_now);
    guard->is_watching = mw_thread_start(&guard->watcher, NULL, watch, guard) == 0;
    return guard->is_watching ? MW_OK : mw_fail_memory(err, "the guard's thread");
}

static void stop_watching(api_guard *guard)
{
    if (!guard->is_watching)
        return;
    pthread_mutex_lock(&guard->lock);
    guard->ending = true;
    pthread_cond_signal(&guard->ending_now);
    pthread_mutex_unlock(&guard->lock);
    pthread_join(guard->watcher, NULL);
    pthread_cond_destroy(&guard->ending_now);
    pthread_mutex_destroy(&guard->lock);
    pthread_mutex_destroy(&guard->noting);
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status open_guard(api_guard *guard, const api_guard_options *options, mw_error *err)
{
    if (sodium_init() < 0)
        return mw_fail(err, MW_E_SYSTEM, "libsodium cannot be started");
    if (options->guarded && !(guard->guarded = strdup(options->guarded)))
        return mw_fail_memory(err, "the guard");
    MW_TRY(api_visitors_new(options->n_loops, &guard->visitors, err));
    MW_TRY(api_logins_new(&guard->logins, err));
    MW_TRY(api_sessions_new(&guard->sessions, err));
    MW_TRY(mw_pool_new(1, &guard->passwords, err));
    MW_TRY(mw_pool_new(1, &guard->tokens, err));
    return start_watching(guard, err);
}

mw_status api_guard_new(mw_registry *registry, const api_guard_options *options,
                        api_guard **ret_guard, mw_error *err)
{
    api_guard *guard = calloc(1, sizeof *guard);
    if (!guard)
        return mw_fail_memory(err, "the guard");
    guard->registry = registry;
    guard->guards_metrics = options->metrics;
    mw_status status = open_guard(guard, options, err);
    if (status != MW_OK) {
        api_guard_free(guard);
        return status;
    }
    *ret_guard = guard;
    return MW_OK;
}

void api_guard_free(api_guard *guard)
{
    if (!guard)
        return;
    stop_watching(guard);
    mw_pool_free(guard->passwords);
    mw_pool_free(guard->tokens);
    api_visitors_free(guard->visitors);
    api_logins_free(guard->logins);
    api_sessions_free(guard->sessions);
    free(guard->guarded);
    free(guard);
}

void api_guard_count(api_guard *guard, api_guard_counts *ret_counts)
{
    *ret_counts = (api_guard_counts){
        .verified = atomic_load_explicit(&guard->n_verified, memory_order_relaxed),
        .failed = atomic_load_explicit(&guard->n_failed, memory_order_relaxed),
        .limited = atomic_load_explicit(&guard->n_limited, memory_order_relaxed),
    };
}

/* ---- sessions of browsers -------------------------------------------------------------------- */

/* Over TLS, be it a proxy's, the browser shall never say it in the clear. */
static bool is_secure(const mw_exchange *exchange)
{
    return exchange->is_tls ||
           mw_view_is_nocase(mw_exchange_header(exchange, "X-Forwarded-Proto"), "https");
}

static void set_cookie(mw_api *api, mw_exchange *exchange, const char *value, int seconds)
{
    mw_buf line;
    mw_buf_init(&line, 16 * MW_KIB);
    mw_buf_format(&line,
                  "Set-Cookie: mw_session=%s; Path=%s/; HttpOnly; SameSite=Strict%s; "
                  "Max-Age=%d\r\nCache-Control: no-store\r\n",
                  value, api_base_path(api), is_secure(exchange) ? "; Secure" : "", seconds);
    const char *kept = line.failed ? NULL : mw_arena_text(exchange->arena, mw_buf_as_view(&line));
    exchange->reply_headers = kept ? mw_view_of(kept) : (mw_view){NULL, 0};
    mw_buf_done(&line);
}

/* Whoever comes here was verified: his header goes into the cookie. */
void api_begin_session(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    api_guard *guard = api_guard_of(api);
    mw_view header = mw_exchange_header(exchange, "Authorization");
    exchange->status = 204;
    if (guard && asked->visitor && header.size > 0) {
        const char *sealed = api_session_seal(guard->sessions, header, exchange->arena);
        if (sealed) {
            set_cookie(api, exchange, sealed, MW_LIMIT_SESSION_SECONDS);
        } else {
            mw_fail_memory(&err, "the session");
            mw_serve_error(exchange, &err, 0);
        }
    }
    mw_exchange_reply(exchange);
}

void api_end_session(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    (void)asked;
    exchange->status = 204;
    set_cookie(api, exchange, "", 0);
    mw_exchange_reply(exchange);
}
