/* The prediction log is each server's own, and a label may reach another server than the one that
 * predicted; and whoever is asked how good predictions were speaks of those of all:
 *
 *     label --> log of A: no prediction of this id; it waits there, and soon
 *                `--> record: passed_labels, for an hour --> log of B: joined, if it is B's
 *     joined there, whoever sent it --> record: told_labels, for a month --> logs of all others
 *
 * Whoever has the prediction keeps the label, too; the others pass it over. A server that begins
 * again reads all that is there once more, which changes nothing that was said before; what it had
 * not told by then it tells behind that. */
#include "label_sharing.h"

#include <stdlib.h>

#include "turns.h"

enum {
    PAUSE_MS = 1000,
    DROP_MS = 10 * 60 * 1000,
    TELL_MS = 4000,
    AT_ONCE = 256,
    MEMORY_BYTES_MAX = 128 << 20
};

/* What other servers have written, the next of it. */
typedef struct inbox {
    mw_status (*read)(mw_record *record, mw_view server, int64_t id,
                      mw_passed_labels ret_labels[MW_RECORD_LABELS_AT_ONCE], size_t *ret_n,
                      mw_error *err);
    bool is_told; /* predictions that were told the truth; else labels that look for theirs */
    bool is_refused;
    int64_t heard;
    mw_passed_labels next[MW_RECORD_LABELS_AT_ONCE];
    size_t n_next;
} inbox;

/* What the journal has given away, and the record does not have yet. */
typedef struct outbox {
    void (*take)(mw_journal *journal, mw_buf *out);
    mw_status (*write)(mw_record *record, mw_view server, mw_view labels, mw_error *err);
    mw_buf held;
} outbox;

struct cli_label_sharing {
    mw_registry *registry;
    mw_journal *journal;
    cli_turns turns;
    bool is_done;                      /* of the body that the journal has now; under its lock */
    bool is_failing;                   /* said in the log */
    char server[MW_RANDOM_NAME_BYTES]; /* of this process */
    mw_arena arena;
    int64_t dropped_ms, told_ms;
    inbox passed_in, told_in, *reading;
    outbox passed_out, told_out, *writing;
};

/* ---- out ------------------------------------------------------------------------------------- */

static mw_status write_held(mw_record *record, void *given, mw_error *err)
{
    cli_label_sharing *s = given;
    return s->writing->write(record, mw_view_of(s->server), mw_buf_as_view(&s->writing->held), err);
}

/* *ret_has: something was there. */
static mw_status tell(cli_label_sharing *s, outbox *from, bool *ret_has, mw_error *err)
{
    if (from->held.size == 0)
        from->take(s->journal, &from->held);
    *ret_has = from->held.size > 0;
    if (!*ret_has)
        return MW_OK;
    s->writing = from;
    mw_arena_reset(&s->arena);
    MW_TRY(mw_registry_write(s->registry, &s->arena, write_held, s, err));
    mw_buf_reset(&from->held);
    return MW_OK;
}

static mw_status drop_old(mw_record *record, void *given, mw_error *err)
{
    (void)given;
    int64_t now_ms = mw_clock_wall_ms();
    return mw_record_drop_labels(record, now_ms - MW_LIMIT_LABEL_WAIT_MS,
                                 now_ms - MW_LIMIT_TOLD_KEPT_MS, MW_LIMIT_TOLD_KEPT_BYTES, err);
}

static mw_status tidy(cli_label_sharing *s, mw_error *err)
{
    int64_t now_ms = mw_clock_wall_ms();
    if (now_ms >= s->dropped_ms && now_ms - s->dropped_ms < DROP_MS)
        return MW_OK;
    mw_arena_reset(&s->arena);
    MW_TRY(mw_registry_write(s->registry, &s->arena, drop_old, s, err));
    s->dropped_ms = now_ms;
    return MW_OK;
}

/* Few rows of many labels each: a row of the record is written every few seconds at most. */
static mw_status tell_predictions(cli_label_sharing *s, mw_error *err)
{
    int64_t now_ms = mw_clock_wall_ms();
    if (now_ms >= s->told_ms && now_ms - s->told_ms < TELL_MS)
        return MW_OK;
    bool has_some;
    MW_TRY(tell(s, &s->told_out, &has_some, err));
    s->told_ms = has_some ? now_ms : 0;
    return MW_OK;
}

/* ---- in -------------------------------------------------------------------------------------- */

static mw_status read_next(mw_record *record, void *given, mw_error *err)
{
    cli_label_sharing *s = given;
    inbox *in = s->reading;
    return in->read(record, mw_view_of(s->server), in->heard, in->next, &in->n_next, err);
}

static void note_done(mw_feedback *feedback)
{
    cli_label_sharing *s = feedback->user;
    pthread_mutex_lock(&s->turns.lock);
    s->is_done = true;
    pthread_cond_signal(&s->turns.wake);
    pthread_mutex_unlock(&s->turns.lock);
}

static mw_status give(cli_label_sharing *s, const inbox *in, mw_view labels, mw_error *err)
{
    mw_feedback feedback = {.endpoint = "",
                            .body = labels,
                            .is_passed_on = !in->is_told,
                            .is_told = in->is_told,
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

/* What is damaged, or a newer version's, is said once and passed over. */
static mw_status give_one(cli_label_sharing *s, inbox *in, size_t i, mw_error *err)
{
    mw_status status = give(s, in, in->next[i].labels, err);
    if (status != MW_OK && status != MW_BAD_DATA)
        return status; /* again in the next turn */
    if (status == MW_BAD_DATA && !in->is_refused)
        mw_log_error(MW_LOG_WARN, "labels of another server are passed over", err);
    in->is_refused |= status == MW_BAD_DATA;
    in->heard = in->next[i].id;
    return MW_OK;
}

/* *ret_is_all: nothing more is there. */
static mw_status hear(cli_label_sharing *s, inbox *in, bool *ret_is_all, mw_error *err)
{
    *ret_is_all = false;
    s->reading = in;
    for (int i = 0; i < AT_ONCE; i++) {
        mw_arena_reset(&s->arena);
        MW_TRY(mw_registry_read(s->registry, &s->arena, read_next, s, err));
        for (size_t k = 0; k < in->n_next; k++)
            MW_TRY(give_one(s, in, k, err));
        *ret_is_all = in->n_next < MW_RECORD_LABELS_AT_ONCE;
        if (*ret_is_all)
            return MW_OK;
    }
    return MW_OK;
}

/* ---- a turn ---------------------------------------------------------------------------------- */

/* What it told before it began again is heard first. */
static mw_status share(cli_label_sharing *s, mw_error *err)
{
    bool is_all;
    MW_TRY(tell(s, &s->passed_out, &is_all, err));
    MW_TRY(tidy(s, err));
    MW_TRY(hear(s, &s->passed_in, &is_all, err));
    MW_TRY(hear(s, &s->told_in, &is_all, err));
    return is_all ? tell_predictions(s, err) : MW_OK;
}

static void take_turn(void *given)
{
    cli_label_sharing *s = given;
    mw_error err;
    mw_status status = share(s, &err);
    if (status != MW_OK && !s->is_failing)
        mw_log_error(MW_LOG_WARN, "labels of other servers wait", &err);
    s->is_failing = status != MW_OK;
}

static void free_all(cli_label_sharing *s)
{
    mw_arena_done(&s->arena);
    mw_buf_done(&s->passed_out.held);
    mw_buf_done(&s->told_out.held);
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
    s->passed_in = (inbox){.read = mw_record_passed_labels};
    s->told_in = (inbox){.read = mw_record_told_labels, .is_told = true};
    s->passed_out = (outbox){.take = mw_journal_take_astray, .write = mw_record_pass_labels};
    s->told_out = (outbox){.take = mw_journal_take_told, .write = mw_record_tell_labels};
    mw_buf_init(&s->passed_out.held, 4 * MW_LIMIT_PASSED_LABELS_BYTES);
    mw_buf_init(&s->told_out.held, MW_LIMIT_TOLD_BYTES);
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
