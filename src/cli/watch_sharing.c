/* Again and again, for every version that is watched; a twentieth of the time at most:
 *
 *     reference   nobody has one: ours, once it is whole; else the first that was given
 *     tell        what the minute, hour and day of now have counted so far
 *     hear        buckets that others have told of since, all others of a bucket added up
 *     values      sketches of what values came, as each server has them now: 50 kB a second at most
 *
 * A process that begins tells all that it has and hears all that is there: nothing is counted twice
 * by being told again, and what a record that was away has missed is told when it is back. */
#include "watch_sharing.h"

#include <stdlib.h>

#include "turns.h"

enum {
    PAUSE_MS = 1000,
    PAUSE_MOST_MS = 60 * 1000,
    PAUSES_A_TURN = 20,
    LATELY_MS = 3 * 60 * 1000,
    TRIM_MS = 60 * 60 * 1000,
    MEMORY_BYTES_MAX = 256 << 20,
    VALUES_BYTES_A_MS = 50,
    SERVERS_MAX = 64 /* of which each version remembers what was heard; all are heard */
};
#define LONG_MS (INT64_C(32) * 24 * 3600 * 1000)

typedef struct heard {
    char server[40];
    int64_t told, values;
} heard;

/* A version, as it was shared last. */
typedef struct sharer {
    struct sharer *next;
    char *endpoint;
    unsigned version;
    uint64_t reference; /* that the servers have agreed on; 0: not yet */
    uint64_t rows, now[MW_WATCH_SHARED_SPANS];
    uint64_t values_rows; /* counted when its values were told last */
    int64_t values_next_ms;
    bool has_told, is_refused, has_bad_values;
    heard from[SERVERS_MAX];
    size_t n_from;
} sharer;

struct cli_watch_sharing {
    mw_registry *registry;
    mw_monitor *monitor;
    cli_turns turns;
    bool is_away;
    sharer *first;
    int64_t told;       /* grows with each slot that is told; 0: not known yet */
    int64_t trimmed_ms; /* when what is old was last removed */
    bool trims;         /* in this turn */
    mw_arena arena;     /* of a turn */
};

typedef struct told {
    struct told *next;
    mw_shared_slot slot;
} told;

/* What a transaction is about. */
typedef struct turn {
    cli_watch_sharing *sharing;
    sharer *sharer;
    const mw_watch_shared *shared;
    mw_shared_watch watch;
    mw_view bytes, agreed; /* of a reference */
    told *first;           /* in the arena of the turn; is_cut: memory is gone */
    bool is_cut;
    int64_t told;
} turn;

/* ---- versions -------------------------------------------------------------------------------- */

static sharer *sharer_of(cli_watch_sharing *sharing, const mw_watch_shared *shared)
{
    sharer *one = sharing->first;
    while (one && (one->version != shared->version || strcmp(one->endpoint, shared->endpoint) != 0))
        one = one->next;
    if (one)
        return one;
    one = calloc(1, sizeof *one);
    if (one)
        one->endpoint = strdup(shared->endpoint);
    if (!one || !one->endpoint) {
        free(one);
        return NULL;
    }
    one->version = shared->version;
    one->next = sharing->first;
    sharing->first = one;
    return one;
}

/* By another reference all is told and heard from the beginning. */
static void settle(sharer *one, uint64_t reference)
{
    one->reference = reference;
    one->has_told = false;
    one->rows = one->values_rows = 0;
    one->values_next_ms = 0;
    one->n_from = 0;
}

/* ---- reference ------------------------------------------------------------------------------- */

static mw_status share_reference(mw_record *record, void *given, mw_error *err)
{
    turn *t = given;
    return mw_record_share_reference(record, &t->watch, t->bytes, &t->agreed, err);
}

static mw_status take_reference(turn *t, mw_error *err)
{
    mw_status status = mw_monitor_take_reference(t->sharing->monitor, t->shared, t->agreed, err);
    if (status == MW_OK)
        mw_log(MW_LOG_INFO, "'%s' is watched against the reference of another server",
               t->shared->endpoint);
    else if (t->shared->reference)
        settle(t->sharer, t->shared->reference); /* apart from the others, and they say so */
    return status;
}

/* Whether this server counts by the reference of all. */
static mw_status agree(turn *t, bool *ret_agreed, mw_error *err)
{
    mw_buf own;
    const mw_watch_shared *shared = t->shared;
    mw_registry *registry = t->sharing->registry;
    *ret_agreed = shared->reference && t->sharer->reference == shared->reference;
    if (*ret_agreed)
        return MW_OK;
    mw_buf_init(&own, MW_LIMIT_WATCH_FILE_BYTES);
    bool is_whole = mw_monitor_pack_reference(t->sharing->monitor, shared, &own);
    t->bytes = is_whole ? mw_buf_as_view(&own) : (mw_view){NULL, 0};
    mw_status status =
        is_whole ? mw_registry_write(registry, &t->sharing->arena, share_reference, t, err)
                 : mw_registry_read(registry, &t->sharing->arena, share_reference, t, err);
    if (status == MW_OK && t->agreed.data && is_whole && mw_view_equal(t->agreed, t->bytes)) {
        settle(t->sharer, shared->reference);
        *ret_agreed = true;
    } else if (status == MW_OK && t->agreed.data) {
        status = take_reference(t, err);
    }
    mw_buf_done(&own);
    return status;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void note_bucket(void *user, int span, uint64_t bucket, uint64_t rows, mw_view counts)
{
    turn *t = user;
    told *one = mw_arena_take(&t->sharing->arena, sizeof *one);
    const char *kept = mw_arena_text(&t->sharing->arena, counts);
    if (!one || !kept) {
        t->is_cut = true;
        return;
    }
    *one = (told){t->first, {span, (int64_t)bucket, 0, rows, {kept, counts.size}}};
    t->first = one;
}

static mw_status write_told(mw_record *record, void *given, mw_error *err)
{
    turn *t = given;
    t->told = t->sharing->told; /* a transaction may be tried again */
    if (t->told == 0)
        MW_TRY(mw_record_last_told(record, t->watch.server, &t->told, err));
    if (t->told < mw_clock_wall_ms())
        t->told = mw_clock_wall_ms();
    for (told *one = t->first; one; one = one->next) {
        one->slot.told = ++t->told;
        MW_TRY(mw_record_tell_slot(record, &t->watch, &one->slot, err));
    }
    for (int span = 0; t->sharing->trims && span < MW_WATCH_SHARED_SPANS; span++) {
        int64_t oldest = (int64_t)(t->shared->now[span] - mw_monitor_kept(span)) + 1;
        MW_TRY(mw_record_trim_slots(record, &t->watch, span, oldest, err));
    }
    return MW_OK;
}

/* The buckets since it was told last, which may have grown then. */
static mw_status tell_others(turn *t, mw_error *err)
{
    static const uint64_t beginning[MW_WATCH_SHARED_SPANS];
    sharer *one = t->sharer;
    if (one->has_told && one->rows == t->shared->rows && one->now[0] == t->shared->now[0])
        return MW_OK;
    if (!mw_monitor_tell(t->sharing->monitor, t->shared, one->has_told ? one->now : beginning,
                         note_bucket, t))
        return MW_OK; /* a later turn's */
    if (t->is_cut)
        return mw_fail_memory(err, "what is told to other servers");
    MW_TRY(mw_registry_write(t->sharing->registry, &t->sharing->arena, write_told, t, err));
    t->sharing->told = t->told;
    one->has_told = true;
    one->rows = t->shared->rows;
    memcpy(one->now, t->shared->now, sizeof one->now);
    return MW_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static mw_status write_values(mw_record *record, void *given, mw_error *err)
{
    const turn *t = given;
    return mw_record_tell_values(record, &t->watch, mw_clock_wall_ms(), t->bytes, err);
}

/* They speak of the last half hour: what is lost of them is told again. */
static mw_status tell_values(turn *t, mw_error *err)
{
    mw_buf bytes;
    sharer *one = t->sharer;
    mw_status status = MW_OK;
    int64_t now_ms = mw_clock_wall_ms();
    if (t->shared->rows == one->values_rows || now_ms < one->values_next_ms)
        return MW_OK;
    mw_buf_init(&bytes, MW_LIMIT_WATCH_VALUES_BYTES);
    if (mw_monitor_pack_values(t->sharing->monitor, t->shared, &bytes)) {
        t->bytes = mw_buf_as_view(&bytes);
        status = mw_registry_write(t->sharing->registry, &t->sharing->arena, write_values, t, err);
        if (status == MW_OK)
            one->values_rows = t->shared->rows;
    }
    one->values_next_ms = now_ms + (int64_t)bytes.size / VALUES_BYTES_A_MS;
    mw_buf_done(&bytes);
    return status;
}

/* ---- hearing --------------------------------------------------------------------------------- */

/* NULL: there are too many to remember; all of it is heard again each time. */
static heard *heard_of(sharer *one, mw_view server)
{
    for (size_t i = 0; i < one->n_from; i++)
        if (mw_view_is(server, one->from[i].server))
            return &one->from[i];
    if (one->n_from == SERVERS_MAX || server.size >= sizeof one->from->server)
        return NULL;
    heard *from = &one->from[one->n_from++];
    snprintf(from->server, sizeof from->server, "%.*s", MW_VIEW_ARG(server));
    from->told = from->values = 0;
    return from;
}

static mw_status hear_bucket(mw_record *record, const turn *t, const mw_shared_slot *which,
                             mw_error *err)
{
    mw_shared_slots found;
    if (which->span < 0 || which->span >= MW_WATCH_SHARED_SPANS || which->bucket < 0)
        return MW_OK;
    MW_TRY(mw_record_hear_slot(record, &t->watch, which->span, which->bucket, &found, err));
    uint64_t *rows = mw_arena_take(record->arena, (found.count + 1) * sizeof *rows);
    mw_view *counts = mw_arena_take(record->arena, (found.count + 1) * sizeof *counts);
    if (!rows || !counts)
        return mw_fail_memory(err, "counts of other servers");
    for (size_t i = 0; i < found.count; i++) {
        rows[i] = found.items[i].rows;
        counts[i] = found.items[i].counts;
    }
    return mw_monitor_hear(t->sharing->monitor, t->shared, (int)which->span,
                           (uint64_t)which->bucket, rows, counts, found.count, err);
}

/* What is damaged, or another version's, is said once; counts are heard all the same. */
static mw_status hear_values(mw_record *record, const turn *t, const mw_sharing_server *server,
                             heard *from, mw_error *err)
{
    mw_view bytes;
    int64_t as_of;
    char name[40];
    if (!from)
        return MW_OK;
    MW_TRY(mw_record_hear_values(record, &t->watch, server->server, from->values, &as_of, &bytes,
                                 err));
    if (!bytes.data)
        return MW_OK;
    from->values = as_of;
    snprintf(name, sizeof name, "%.*s", MW_VIEW_ARG(server->server));
    mw_status status =
        mw_monitor_hear_values(t->sharing->monitor, t->shared, name, as_of, bytes, err);
    if (status != MW_BAD_DATA)
        return status;
    if (!t->sharer->has_bad_values)
        mw_log_error(MW_LOG_WARN, "values of another server are left out", err);
    t->sharer->has_bad_values = true;
    return MW_OK;
}

static mw_status hear_server(mw_record *record, const turn *t, const mw_sharing_server *server,
                             mw_error *err)
{
    mw_shared_slots news;
    heard *from = heard_of(t->sharer, server->server);
    int64_t since = from ? from->told : 0;
    MW_TRY(hear_values(record, t, server, from, err));
    if (server->told <= since)
        return MW_OK;
    MW_TRY(mw_record_told_since(record, &t->watch, server->server, since, &news, err));
    for (size_t i = 0; i < news.count; i++)
        MW_TRY(hear_bucket(record, t, &news.items[i], err));
    if (from)
        from->told = server->told;
    return MW_OK;
}

/* One that counts by an older reference no more is not told of. */
static size_t name_server(const mw_sharing_server *from, bool is_late, mw_watch_server *ret)
{
    if (is_late && from->is_apart)
        return 0;
    *ret = (mw_watch_server){.rows = from->rows,
                             .as_of = (double)from->told / 1e3,
                             .is_apart = from->is_apart,
                             .is_lately = !is_late};
    snprintf(ret->name, sizeof ret->name, "%.*s", MW_VIEW_ARG(from->server));
    return 1;
}

static mw_status hear(mw_record *record, void *given, mw_error *err)
{
    turn *t = given;
    mw_sharing_servers servers;
    mw_watch_server named[MW_WATCH_SERVERS];
    size_t n_others = 0, n_apart = 0, n_named = 0;
    MW_TRY(mw_record_sharing_servers(record, &t->watch, &servers, err));
    for (size_t i = 0; i < servers.count; i++) {
        const mw_sharing_server *server = &servers.items[i];
        bool is_late = mw_clock_wall_ms() - server->told > LATELY_MS;
        n_others += !is_late && !server->is_apart;
        n_apart += !is_late && server->is_apart;
        if (n_named < MW_WATCH_SERVERS)
            n_named += name_server(server, is_late, &named[n_named]);
        if (!server->is_apart)
            MW_TRY(hear_server(record, t, server, err));
    }
    mw_monitor_note_servers(t->sharing->monitor, t->shared, named, n_named, n_others, n_apart);
    return MW_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static mw_status share(turn *t, mw_error *err)
{
    bool is_agreed;
    MW_TRY(agree(t, &is_agreed, err));
    if (!is_agreed)
        return MW_OK;
    MW_TRY(tell_others(t, err));
    MW_TRY(tell_values(t, err));
    return mw_registry_read(t->sharing->registry, &t->sharing->arena, hear, t, err);
}

/* Said once, until it works again. */
static void note_failure(cli_watch_sharing *sharing, sharer *one, const mw_error *err)
{
    bool is_away = err->status == MW_BUSY || err->status == MW_IO;
    bool *is_told = is_away ? &sharing->is_away : &one->is_refused;
    if (!*is_told)
        mw_log_error(MW_LOG_WARN, "the watch of other servers is not there", err);
    *is_told = true;
}

static void share_one(void *user, const mw_watch_shared *shared)
{
    mw_error err;
    cli_watch_sharing *sharing = user;
    sharer *one = sharer_of(sharing, shared);
    if (!one)
        return; /* the next turn tries again */
    turn t = {.sharing = sharing,
              .sharer = one,
              .shared = shared,
              .watch = {.endpoint = mw_view_of(shared->endpoint),
                        .identity = shared->identity,
                        .server = mw_view_of(mw_monitor_server(sharing->monitor)),
                        .profile = shared->profile,
                        .reference = shared->reference}};
    mw_arena_reset(&sharing->arena);
    if (share(&t, &err) != MW_OK)
        note_failure(sharing, one, &err);
    else
        sharing->is_away = one->is_refused = false;
}

static mw_status forget_servers(mw_record *record, void *given, mw_error *err)
{
    (void)given;
    return mw_record_forget_servers(record, mw_clock_wall_ms() - LONG_MS, err);
}

/* A record that is away is told of by the versions' own turns; the next hour tries again. */
static void forget(cli_watch_sharing *sharing)
{
    mw_error ignored;
    mw_arena_reset(&sharing->arena);
    (void)!mw_registry_write(sharing->registry, &sharing->arena, forget_servers, NULL, &ignored);
}

static void take_turn(void *given)
{
    cli_watch_sharing *sharing = given;
    uint64_t began_ns = mw_clock_ns();
    int64_t now_ms = mw_clock_wall_ms();
    sharing->trims = now_ms - sharing->trimmed_ms >= TRIM_MS || now_ms < sharing->trimmed_ms;
    mw_monitor_each_shared(sharing->monitor, share_one, sharing);
    if (sharing->trims) {
        forget(sharing);
        sharing->trimmed_ms = now_ms;
    }
    uint64_t pause_ms = (mw_clock_ns() - began_ns) * PAUSES_A_TURN / 1000000;
    sharing->turns.pause_ms = pause_ms < PAUSE_MS        ? PAUSE_MS
                              : pause_ms > PAUSE_MOST_MS ? PAUSE_MOST_MS
                                                         : (unsigned)pause_ms;
}

static void free_all(cli_watch_sharing *sharing)
{
    while (sharing->first) {
        sharer *one = sharing->first;
        sharing->first = one->next;
        free(one->endpoint);
        free(one);
    }
    mw_arena_done(&sharing->arena);
    free(sharing);
}

mw_status cli_watch_sharing_start(mw_registry *registry, mw_monitor *monitor,
                                  cli_watch_sharing **ret_sharing, mw_error *err)
{
    *ret_sharing = NULL;
    if (!registry || !monitor || !mw_registry_is_shared(registry))
        return MW_OK;
    cli_watch_sharing *sharing = calloc(1, sizeof *sharing);
    if (!sharing)
        return mw_fail_memory(err, "the watch of several servers");
    sharing->registry = registry;
    sharing->monitor = monitor;
    sharing->turns =
        (cli_turns){.take = take_turn, .user = sharing, .pause_ms = PAUSE_MS, .has_last = true};
    mw_arena_init(&sharing->arena, 64 * MW_KIB, MEMORY_BYTES_MAX);
    mw_status status = cli_turns_start(&sharing->turns, "mw-sharing",
                                       "the thread of a watch of several servers", err);
    if (status != MW_OK) {
        free_all(sharing);
        return status;
    }
    *ret_sharing = sharing;
    return MW_OK;
}

void cli_watch_sharing_end(cli_watch_sharing *sharing)
{
    if (!sharing)
        return;
    cli_turns_end(&sharing->turns);
    free_all(sharing);
}
