/* The prediction log is each server's own, and a label may reach another server than the one that
 * predicted:
 *
 *     label --> log of A: no prediction of this id; it waits there, and soon
 *                `--> record: passed_labels, for an hour --> log of B: joined, if it is B's
 *
 * Whoever has the prediction keeps the label, too; the others pass it over. A server that begins
 * again reads the last hour once more, which changes nothing that was said before. */
#include "label_sharing.h"

#include <stdlib.h>

#include "turns.h"

enum { PAUSE_MS = 1000, DROP_MS = 10 * 60 * 1000, AT_ONCE = 64, MEMORY_BYTES_MAX = 64 << 20 };

struct cli_label_sharing {
    mw_registry *registry;
    mw_journal *journal;
    cli_turns turns;
    bool is_done;                      /* of the body that the journal has now; under its lock */
    bool is_failing;                   /* said in the log */
    char server[MW_RANDOM_NAME_BYTES]; /* of this process */
    mw_arena arena;
    mw_buf held; /* the journal has given them away; not in the record yet */
    int64_t heard, dropped_ms;
    mw_passed_labels next;
};

/* ---- out ------------------------------------------------------------------------------------- */

static mw_status write_held(mw_record *record, void *given, mw_error *err)
{
    cli_label_sharing *s = given;
    return mw_record_pass_labels(record, mw_view_of(s->server), mw_buf_as_view(&s->held), err);
}

static mw_status drop_old(mw_record *record, void *given, mw_error *err)
{
    (void)given;
    return mw_record_drop_labels(record, mw_clock_wall_ms() - MW_LIMIT_LABEL_WAIT_MS, err);
}

static mw_status pass_on(cli_label_sharing *s, mw_error *err)
{
    int64_t now_ms = mw_clock_wall_ms();
    if (s->held.size == 0)
        mw_journal_take_astray(s->journal, &s->held);
    if (s->held.size > 0) {
        MW_TRY(mw_registry_write(s->registry, &s->arena, write_held, s, err));
        mw_buf_reset(&s->held);
    }
    if (now_ms >= s->dropped_ms && now_ms - s->dropped_ms < DROP_MS)
        return MW_OK;
    MW_TRY(mw_registry_write(s->registry, &s->arena, drop_old, s, err));
    s->dropped_ms = now_ms;
    return MW_OK;
}

/* ---- in -------------------------------------------------------------------------------------- */

static mw_status read_next(mw_record *record, void *given, mw_error *err)
{
    cli_label_sharing *s = given;
    return mw_record_passed_labels(record, mw_view_of(s->server), s->heard, &s->next, err);
}

static void note_done(mw_feedback *feedback)
{
    cli_label_sharing *s = feedback->user;
    pthread_mutex_lock(&s->turns.lock);
    s->is_done = true;
    pthread_cond_signal(&s->turns.wake);
    pthread_mutex_unlock(&s->turns.lock);
}

static mw_status give(cli_label_sharing *s, mw_error *err)
{
    mw_feedback feedback = {.endpoint = "",
                            .body = s->next.labels,
                            .is_passed_on = true,
                            .arena = &s->arena,
                            .done = note_done,
                            .user = s};
    s->is_done = false;
    MW_TRY(mw_journal_feedback(s->journal, &feedback, err));
    pthread_mutex_lock(&s->turns.lock);
    while (!s->is_done)
        pthread_cond_wait(&s->turns.wake, &s->turns.lock);
    pthread_mutex_unlock(&s->turns.lock);
    *err = feedback.err;
    return feedback.status;
}

static mw_status hear(cli_label_sharing *s, mw_error *err)
{
    for (int i = 0; i < AT_ONCE; i++) {
        mw_arena_reset(&s->arena);
        MW_TRY(mw_registry_read(s->registry, &s->arena, read_next, s, err));
        if (s->next.id == 0)
            return MW_OK;
        MW_TRY(give(s, err)); /* again in the next turn */
        s->heard = s->next.id;
    }
    return MW_OK;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void take_turn(void *given)
{
    cli_label_sharing *s = given;
    mw_error err;
    mw_arena_reset(&s->arena);
    mw_status status = pass_on(s, &err);
    if (status == MW_OK)
        status = hear(s, &err);
    if (status != MW_OK && !s->is_failing)
        mw_log_error(MW_LOG_WARN, "labels of other servers wait", &err);
    s->is_failing = status != MW_OK;
}

static void free_all(cli_label_sharing *s)
{
    mw_arena_done(&s->arena);
    mw_buf_done(&s->held);
    free(s);
}

mw_status cli_label_sharing_start(mw_registry *registry, mw_journal *journal,
                                  cli_label_sharing **ret_sharing, mw_error *err)
{
    *ret_sharing = NULL;
    if (!registry || !journal || !mw_registry_is_shared(registry))
        return MW_OK;
    cli_label_sharing *s = calloc(1, sizeof *s);
    if (!s)
        return mw_fail_memory(err, "labels of several servers");
    s->registry = registry;
    s->journal = journal;
    mw_random_name(s->server);
    mw_arena_init(&s->arena, 64 * MW_KIB, MEMORY_BYTES_MAX);
    mw_buf_init(&s->held, 4 * MW_LIMIT_PASSED_LABELS_BYTES);
    s->turns = (cli_turns){.take = take_turn, .user = s, .pause_ms = PAUSE_MS};
    mw_status status =
        cli_turns_start(&s->turns, "mw-labels", "the thread of labels of several servers", err);
    if (status != MW_OK) {
        free_all(s);
        return status;
    }
    *ret_sharing = s;
    return MW_OK;
}

void cli_label_sharing_end(cli_label_sharing *sharing)
{
    if (!sharing)
        return;
    cli_turns_end(&sharing->turns);
    free_all(sharing);
}
