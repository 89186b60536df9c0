/* Connections to PostgreSQL. Whether a server is away is known to all connections to it. */
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { WAIT_MS = 5000, RETRY_MS = 100, SELDOM_MS = 250, ANSWER_MS = 60000, NS_PER_MS = 1000000 };

/* ---- servers --------------------------------------------------------------------------------- */

typedef struct store_server {
    struct store_server *next;
    char *address;
    atomic_bool was_reached;
    atomic_uint_least64_t away_since_ns; /* 0: it is not away */
    atomic_uint_least64_t next_try_ns, n_lost;
} store_server;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static store_server *servers; /* guarded by lock; as many as were ever named, mostly one */

static store_server *server_of(const char *address)
{
    pthread_mutex_lock(&lock);
    store_server *server = servers;
    while (server && strcmp(server->address, address) != 0)
        server = server->next;
    if (!server && (server = calloc(1, sizeof *server))) {
        server->address = strdup(address);
        server->next = servers;
        if (server->address) {
            servers = server;
        } else {
            free(server);
            server = NULL;
        }
    }
    pthread_mutex_unlock(&lock);
    return server;
}

void store_postgres_count(const char *address, bool *ret_is_away, uint64_t *ret_n_lost)
{
    store_server *server = server_of(address);
    *ret_is_away = server && atomic_load(&server->away_since_ns) != 0;
    *ret_n_lost = server ? atomic_load(&server->n_lost) : 0;
}

/* One that has just gone is waited for; not one that never was, or has been away for long. */
static bool is_waited_for(store_server *server, uint64_t now)
{
    uint64_t since = atomic_load(&server->away_since_ns);
    return atomic_load(&server->was_reached) &&
           (since == 0 || now - since < (uint64_t)WAIT_MS * NS_PER_MS);
}

static void note_away(store_server *server)
{
    uint64_t none = 0, now = mw_clock_ns();
    if (atomic_compare_exchange_strong(&server->away_since_ns, &none, now) &&
        atomic_load(&server->was_reached))
        mw_log(MW_LOG_WARN, "the record's PostgreSQL cannot be reached; predictions go on");
    atomic_store(&server->next_try_ns, now + SELDOM_MS * NS_PER_MS);
}

static void note_reached(store_server *server)
{
    if (atomic_exchange(&server->away_since_ns, 0) != 0)
        mw_log(MW_LOG_INFO, "the record's PostgreSQL is back");
    atomic_store(&server->was_reached, true);
}

/* ---- what answers mean ----------------------------------------------------------------------- */

static void set_why(const char *said, mw_error *err)
{
    char line[256];
    size_t n = 0;
    for (; *said && n + 1 < sizeof line; said++)
        if (*said != '\n' && *said != '\t')
            line[n++] = *said;
        else if (n > 0 && said[1])
            line[n++] = ' ';
    line[n] = '\0';
    if (n > 0)
        mw_why(err, "%s", line);
}

mw_status store_link_fail_away(mw_error *err)
{
    mw_fail(err, MW_E_STORE_SERVER_AWAY, "the record's PostgreSQL cannot be reached");
    return mw_mend(err, "nothing of this was kept; send it again when it is back");
}

static mw_status fail_refused(const char *said, mw_error *err)
{
    mw_fail(err, MW_E_STORE_SERVER_REFUSED, "PostgreSQL refuses");
    set_why(said, err);
    return mw_mend(err, "see that the database is there and the user may create a schema in it; "
                        "the password comes from PGPASSWORD or ~/.pgpass");
}

typedef enum meaning {
    MEANS_OTHER,
    MEANS_LOST,
    MEANS_AGAIN,
    MEANS_FULL,
    MEANS_MEMORY,
    MEANS_DAMAGED,
    MEANS_REFUSED,
    MEANS_TEXT
} meaning;

/* By the beginning of its SQLSTATE; the longest ones first. */
static meaning meaning_of(const char *state)
{
    static const struct {
        const char *begin;
        meaning means;
    } states[] = {
        {"25P03", MEANS_LOST},    {"57P01", MEANS_LOST},    {"57P02", MEANS_LOST},
        {"57P03", MEANS_LOST},    {"57P05", MEANS_LOST},    {"55P03", MEANS_AGAIN},
        {"57014", MEANS_AGAIN},   {"53100", MEANS_FULL},    {"53200", MEANS_MEMORY},
        {"25006", MEANS_REFUSED}, {"42501", MEANS_REFUSED}, {"3D000", MEANS_REFUSED},
        {"22021", MEANS_TEXT},    {"22P05", MEANS_TEXT},    {"54000", MEANS_TEXT},
        {"XX001", MEANS_DAMAGED}, {"XX002", MEANS_DAMAGED}, {"08", MEANS_LOST},
        {"28", MEANS_REFUSED},    {"40", MEANS_AGAIN},
    };
    for (size_t i = 0; state && i < MW_COUNT(states); i++)
        if (strncmp(state, states[i].begin, strlen(states[i].begin)) == 0)
            return states[i].means;
    return MEANS_OTHER;
}

static mw_status fail_as(meaning means, const char *said, mw_error *err)
{
    switch (means) {
    case MEANS_AGAIN:
        mw_fail(err, MW_E_STORE_AGAIN, "another program stood in the way: %s", said);
        return mw_mend(err, "nothing of this was kept; send it again");
    case MEANS_FULL:
        mw_fail(err, MW_E_STORE_FULL, "PostgreSQL's disk is full: %s", said);
        return mw_mend(err, "make room there and try again; nothing of this request was kept");
    case MEANS_MEMORY:
        return mw_fail_memory(err, "the record, in PostgreSQL");
    case MEANS_DAMAGED:
        mw_fail(err, MW_E_STORE_DAMAGED, "the record is damaged: %s", said);
        return mw_mend(err, "restore PostgreSQL's database from a backup");
    case MEANS_REFUSED:
        return fail_refused(said, err);
    case MEANS_TEXT:
        mw_fail(err, MW_E_STORE_TEXT, "PostgreSQL does not take a text of this: %s", said);
        return mw_mend(err, "send it without the character NUL, or shorter");
    default:
        mw_fail(err, MW_E_STORE_SQL, "the record's engine refused: %s", said);
        return mw_mend(err, "see PostgreSQL's log; then report this");
    }
}

static void lose(store_link *link)
{
    store_pq.PQfinish(link->conn);
    link->conn = NULL;
    memset(link->kept, 0, sizeof link->kept);
    link->n_led = link->n_posted = 0;
    atomic_fetch_add(&link->server->n_lost, 1);
}

static mw_status fail_result(store_link *link, const pg_result *result, mw_error *err)
{
    const char *said = store_pq.PQresultErrorField(result, 'M');
    meaning means = meaning_of(store_pq.PQresultErrorField(result, 'C'));
    bool is_gone = store_pq.PQstatus(link->conn) != PG_OK;
    if (means != MEANS_LOST && !is_gone)
        return fail_as(means, said ? said : "it gave no reason", err);
    store_link_fail_away(err);
    set_why(said ? said : store_pq.PQerrorMessage(link->conn), err);
    lose(link);
    return MW_BUSY;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Until the next result is there. False: the connection is lost, or silent for too long. */
static bool wait_for_result(store_link *link, uint64_t until_ns)
{
    while (store_pq.PQisBusy(link->conn)) {
        struct pollfd one = {.fd = store_pq.PQsocket(link->conn), .events = POLLIN};
        uint64_t now = mw_clock_ns();
        if (now >= until_ns)
            return false;
        int n = poll(&one, 1, (int)((until_ns - now) / NS_PER_MS) + 1);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0 && !store_pq.PQconsumeInput(link->conn))
            return false;
    }
    return true;
}

static bool is_good(const pg_result *result)
{
    int status = store_pq.PQresultStatus(result);
    return status == PG_TUPLES_OK || status == PG_COMMAND_OK;
}

static bool has_rows(const pg_result *result)
{
    return result && store_pq.PQresultStatus(result) == PG_TUPLES_OK;
}

static mw_status fail_lost(store_link *link, mw_error *err)
{
    store_link_fail_away(err);
    set_why(store_pq.PQerrorMessage(link->conn), err);
    lose(link);
    return MW_BUSY;
}

mw_status store_link_answer(store_link *link, int was_sent, pg_result **ret_result, mw_error *err)
{
    pg_result *kept = NULL, *next;
    mw_status status = MW_OK;
    uint64_t until_ns = mw_clock_ns() + (uint64_t)ANSWER_MS * NS_PER_MS;
    if (!was_sent)
        return fail_lost(link, err);
    while (link->conn) {
        if (!wait_for_result(link, until_ns)) {
            status = fail_lost(link, err);
            break;
        }
        if (!(next = store_pq.PQgetResult(link->conn)))
            break;
        if (status == MW_OK && !is_good(next))
            status = fail_result(link, next, err);
        bool is_better = is_good(next) && (!has_rows(kept) || has_rows(next));
        store_pq.PQclear(is_better ? kept : next);
        kept = is_better ? next : kept;
    }
    if (status != MW_OK || !ret_result) {
        store_pq.PQclear(kept);
        return status;
    }
    *ret_result = kept;
    return MW_OK;
}

/* ---- posting: libpq's pipeline ----------------------------------------------------------------
 *
 *     enter | statement, statement ... | sync | result, NULL, result, NULL ... sync | exit
 */

mw_status store_link_post(store_link *link, const char *name, int n, const char *const *values,
                          const int *sizes, const int *formats, mw_error *err)
{
    if (!link->conn)
        return store_link_fail_away(err);
    bool is_in = link->n_posted > 0 || store_pq.PQenterPipelineMode(link->conn);
    if (!is_in || !store_pq.PQsendQueryPrepared(link->conn, name, n, values, sizes, formats, 0))
        return fail_lost(link, err);
    return ++link->n_posted == STORE_POSTED ? store_link_settle(link, err) : MW_OK;
}

/* Whether that was the end. The first failure is the cause; what follows it was not even tried. */
static bool read_posted(store_link *link, mw_status *status, mw_error *err)
{
    pg_result *result = store_pq.PQgetResult(link->conn);
    int is = result ? store_pq.PQresultStatus(result) : PG_COMMAND_OK;
    bool is_fine =
        !result || is == PG_PIPELINE_SYNC || is == PG_PIPELINE_ABORTED || is_good(result);
    if (!is_fine && *status == MW_OK)
        *status = fail_result(link, result, err);
    store_pq.PQclear(result);
    return is == PG_PIPELINE_SYNC;
}

mw_status store_link_settle(store_link *link, mw_error *err)
{
    mw_status status = MW_OK;
    size_t n_posted = link->n_posted;
    uint64_t until_ns = mw_clock_ns() + (uint64_t)ANSWER_MS * NS_PER_MS;
    if (n_posted == 0)
        return MW_OK;
    link->n_posted = 0;
    if (!store_pq.PQpipelineSync(link->conn))
        return fail_lost(link, err);
    bool is_over = false;
    for (size_t i = 0; link->conn && !is_over; i++)
        if (i > 4 * (n_posted + 2) || !wait_for_result(link, until_ns))
            status = fail_lost(link, err);
        else
            is_over = read_posted(link, &status, err);
    if (link->conn && !store_pq.PQexitPipelineMode(link->conn))
        status = fail_lost(link, err);
    return status;
}

/* ---- statements of the room's own ------------------------------------------------------------ */

mw_status store_link_ask(store_link *link, const char *sql, pg_result **ret_result, mw_error *err)
{
    if (!link->conn)
        return store_link_fail_away(err);
    MW_TRY(store_link_settle(link, err));
    return store_link_answer(link, store_pq.PQsendQuery(link->conn, sql), ret_result, err);
}

mw_status store_link_say(store_link *link, const char *sql, mw_error *err)
{
    return store_link_ask(link, sql, NULL, err);
}

mw_status store_link_survey(store_link *link, mw_error *err)
{
    return store_link_say(
        link,
        "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT c.oid::regclass FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'millwright'"
        " AND c.relkind = 'r' LOOP EXECUTE 'ANALYZE ' || t; END LOOP;"
        " EXCEPTION WHEN OTHERS THEN NULL; END $$",
        err);
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* What stands before the address can be said otherwise there. */
#define KEYWORDS                                                                               \
    {                                                                                          \
        "connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",       \
            "tcp_user_timeout", "dbname", "client_encoding", "fallback_application_name", NULL \
    }
#define VALUES(address)                                                    \
    {                                                                      \
        "3", "5", "2", "3", "10000", (address), "UTF8", "millwright", NULL \
    }

/* One that hangs in its transaction would hold up all others: it is cut off. An answer of a commit
 * means that it is on the disk, whatever the server's own setting. */
static const char settings[] =
    "SET search_path = millwright, pg_catalog; SET lock_timeout = '10s';"
    "SET idle_in_transaction_session_timeout = '15s'; SET statement_timeout = '50s';"
    "SET client_min_messages = warning; SET extra_float_digits = 1;"
    "SELECT set_config('synchronous_commit', 'on', false) WHERE"
    " current_setting('synchronous_commit') = 'off'";

static void ignore_notice(void *user, const pg_result *result)
{
    (void)user, (void)result;
}

static mw_status check_server(store_link *link, mw_error *err)
{
    enum { OLDEST = 130000 };
    const char *encoding = store_pq.PQparameterStatus(link->conn, "server_encoding");
    if (store_pq.PQserverVersion(link->conn) < OLDEST)
        return fail_refused("it is older than PostgreSQL 13", err);
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return fail_refused("the database is not in UTF-8: CREATE DATABASE ... ENCODING 'UTF8' "
                            "TEMPLATE template0",
                            err);
    return store_link_say(link, settings, err);
}

/* Whether a server is there that answers, and says no. */
static bool is_refusal(const char *said, int ping)
{
    return ping == PG_OK && !strstr(said, "too many") && !strstr(said, "connection slots");
}

static mw_status try_once(store_link *link, int *ret_ping, mw_error *err)
{
    const char *const keywords[] = KEYWORDS;
    const char *const values[] = VALUES(link->server->address);
    link->conn = store_pq.PQconnectdbParams(keywords, values, 1);
    if (!link->conn)
        return mw_fail_memory(err, "a connection to the record");
    if (store_pq.PQstatus(link->conn) == PG_OK) {
        store_pq.PQsetNoticeReceiver(link->conn, ignore_notice, NULL);
        return check_server(link, err);
    }
    const char *said = store_pq.PQerrorMessage(link->conn);
    *ret_ping = store_pq.PQpingParams(keywords, values, 1);
    if (*ret_ping == PG_NO_ATTEMPT) {
        mw_fail(err, MW_E_STORE_URI, "this is no address of a database");
        set_why(said, err);
        mw_mend(err, "write postgresql://USER@HOST/DATABASE");
    } else if (is_refusal(said, *ret_ping)) {
        fail_refused(said, err);
    } else {
        store_link_fail_away(err);
        set_why(said, err);
    }
    store_pq.PQfinish(link->conn);
    link->conn = NULL;
    return err->status;
}

/* Twice, where it says no: it may have come up between the attempt and the ping. */
static mw_status connect_once(store_link *link, mw_error *err)
{
    int ping = -1;
    mw_status status = try_once(link, &ping, err);
    return status != MW_OK && ping == PG_OK ? try_once(link, &ping, err) : status;
}

mw_status store_link_ready(store_link *link, mw_error *err)
{
    mw_error own;
    err = err ? err : &own;
    if (link->conn)
        return MW_OK;
    uint64_t begun = mw_clock_ns();
    bool is_patient = is_waited_for(link->server, begun);
    if (!is_patient && begun < atomic_load(&link->server->next_try_ns))
        return store_link_fail_away(err);
    for (;;) {
        mw_status status = connect_once(link, err);
        if (status == MW_OK) {
            note_reached(link->server);
            return MW_OK;
        }
        if (link->conn) { /* it is there, and not what is needed */
            store_pq.PQfinish(link->conn);
            link->conn = NULL;
        }
        if (err->code != MW_E_STORE_SERVER_AWAY)
            return status;
        note_away(link->server);
        if (!is_patient || mw_clock_ns() - begun >= (uint64_t)WAIT_MS * NS_PER_MS)
            return status;
        nanosleep(&(struct timespec){.tv_nsec = (long)RETRY_MS * NS_PER_MS}, NULL);
    }
}

store_link *store_link_new(const char *address, bool is_writer)
{
    store_link *link = calloc(1, sizeof *link);
    if (!link || !(link->server = server_of(address))) {
        free(link);
        return NULL;
    }
    link->base.engine = &store_postgres;
    link->is_writer = is_writer;
    return link;
}

void store_link_free(store_link *link)
{
    if (link->conn)
        store_pq.PQfinish(link->conn);
    free(link);
}
