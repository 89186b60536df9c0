/* The keeper: labels onto the disk, then to their predictions; and who asks how good these were.
 *
 *     bodies of labels --read--> block --one sync for all--> joined --> done()
 *     each second: labels that wait are tried again in what was written since */
#include "writer.h"

#include <stdlib.h>

#include "base/banned.h"

enum { RETRY_MS = 250, SUMMARY_MS = 2000, SUMMARY_LABELS = 10000, RETAIN_MS = 10000 };
enum { TRUTH_LEAST = 500 };
enum { PASS_ON_MS = 1500, LABEL_BYTES_MIN = 32 };

#define NS_PER_MS UINT64_C(1000000)

/* ---- asking ---------------------------------------------------------------------------------- */

static mw_status fail_busy(mw_error *err)
{
    mw_fail(err, MW_E_FEEDBACK_BUSY, "%d bodies of labels wait already", MW_LIMIT_FEEDBACK_TASKS);
    return mw_mend(err, "send it again in a second, with more labels in each body");
}

mw_status mw_journal_feedback(mw_journal *journal, mw_feedback *feedback, mw_error *err)
{
    journal_keeper *keeper = &journal->keeper;
    feedback->next = NULL;
    pthread_mutex_lock(&keeper->lock);
    bool has_room = keeper->n_tasks < MW_LIMIT_FEEDBACK_TASKS && !keeper->stop;
    if (has_room) {
        *keeper->last_feedback = feedback;
        keeper->last_feedback = &feedback->next;
        keeper->n_tasks++;
        pthread_cond_signal(&keeper->wake);
    }
    pthread_mutex_unlock(&keeper->lock);
    return has_room ? MW_OK : fail_busy(err);
}

mw_status mw_journal_performance(mw_journal *journal, mw_performance_task *task, mw_error *err)
{
    journal_keeper *keeper = &journal->keeper;
    pthread_mutex_lock(&keeper->lock);
    bool has_room = keeper->n_tasks < MW_LIMIT_FEEDBACK_TASKS && !keeper->stop;
    if (has_room) {
        task->next = keeper->questions;
        keeper->questions = task;
        keeper->n_tasks++;
        pthread_cond_signal(&keeper->wake);
    }
    pthread_mutex_unlock(&keeper->lock);
    return has_room ? MW_OK : fail_busy(err);
}

void mw_journal_take_astray(mw_journal *journal, mw_buf *out)
{
    journal_keeper *keeper = &journal->keeper;
    pthread_mutex_lock(&keeper->lock);
    keeper->has_others = true;
    mw_buf_view(out, mw_buf_as_view(&keeper->astray));
    if (!out->failed)
        mw_buf_reset(&keeper->astray);
    pthread_mutex_unlock(&keeper->lock);
}

void mw_journal_take_told(mw_journal *journal, mw_buf *out)
{
    journal_keeper *keeper = &journal->keeper;
    pthread_mutex_lock(&keeper->lock);
    keeper->wants_told = keeper->told.size == 0;
    mw_buf_view(out, mw_buf_as_view(&keeper->told));
    if (!out->failed)
        mw_buf_reset(&keeper->told);
    pthread_mutex_unlock(&keeper->lock);
}

static void tell_others(mw_journal *journal)
{
    journal_keeper *keeper = &journal->keeper;
    journal_joiner *joiner = &keeper->joiner;
    if (joiner->n_untold + joiner->n_misfits == 0)
        return;
    pthread_mutex_lock(&keeper->lock);
    if (keeper->wants_told && keeper->told.size == 0) {
        journal_elsewhere_pack(joiner, keeper->mark, mw_clock_wall_ms() - MW_LIMIT_TOLD_KEPT_MS,
                               &keeper->told);
        keeper->wants_told = false;
    }
    pthread_mutex_unlock(&keeper->lock);
}

static void hear_others(mw_journal *journal, mw_feedback *f)
{
    journal_keeper *keeper = &journal->keeper;
    f->status =
        journal_elsewhere_hear(&keeper->elsewhere, &keeper->joiner, keeper->mark, f->body, &f->err);
}

/* Predictions may be written a moment after their labels came; else they are another server's. */
static void pass_on(journal_keeper *keeper)
{
    if (keeper->joiner.n_unpassed == 0)
        return;
    pthread_mutex_lock(&keeper->lock);
    if (keeper->has_others && keeper->astray.size == 0)
        journal_pass_on(&keeper->joiner, mw_clock_wall_ms() - PASS_ON_MS, &keeper->astray);
    pthread_mutex_unlock(&keeper->lock);
}

void mw_journal_count_feedback(mw_journal *journal, mw_feedback_counts *ret_counts)
{
    pthread_mutex_lock(&journal->keeper.lock);
    *ret_counts = journal->keeper.counts;
    pthread_mutex_unlock(&journal->keeper.lock);
}

void mw_journal_each_performance(mw_journal *journal,
                                 void (*see)(void *user, const mw_performance_part *part),
                                 void *user)
{
    journal_keeper *keeper = &journal->keeper;
    pthread_mutex_lock(&keeper->lock);
    for (size_t i = 0; i < keeper->n_summary; i++)
        see(user, &keeper->summary[i]);
    pthread_mutex_unlock(&keeper->lock);
}

/* ---- labels ---------------------------------------------------------------------------------- */

typedef struct batch {
    mw_feedback *feedback;
    journal_label *labels;
    size_t n;
} batch;

static mw_status write_labels(mw_journal *journal, const batch *b, mw_error *err)
{
    mw_buf raw;
    uint32_t segment;
    size_t bytes;
    mw_status status = journal_stream_begin(&journal->labels, &segment, err);
    mw_buf_init(&raw, MW_LIMIT_LOG_BLOCK_BYTES);
    for (size_t i = 0; status == MW_OK && i < b->n;) {
        journal_block block = {.kind = JOURNAL_LABELS,
                               .first_ms = b->labels[i].told_ms,
                               .last_ms = b->labels[i].told_ms};
        mw_buf_reset(&raw);
        for (; i < b->n && raw.size < MW_MIB; i++, block.n_rows++) {
            int64_t at = b->labels[i].told_ms;
            block.first_ms = at < block.first_ms ? at : block.first_ms;
            block.last_ms = at > block.last_ms ? at : block.last_ms;
            journal_label_write(&b->labels[i], &raw);
        }
        if (raw.failed)
            status = mw_fail_memory(err, "labels");
        if (status == MW_OK)
            status =
                journal_pack(&journal->keeper.packer, &block, mw_buf_as_view(&raw), &bytes, err);
        if (status == MW_OK)
            status = journal_stream_append(&journal->labels, &block,
                                           (mw_view){journal->keeper.packer.packed, bytes},
                                           mw_buf_as_view(&raw), err);
    }
    mw_buf_done(&raw);
    return status;
}

/* Read and written; on the disk only after the sync. */
static void take_body(mw_journal *journal, batch *b)
{
    mw_feedback *f = b->feedback;
    f->status = journal_labels_read(f->body, f->is_csv, mw_view_of(f->endpoint), mw_clock_wall_ms(),
                                    f->arena, &b->labels, &b->n, &f->err);
    if (f->status == MW_OK && b->n > 0)
        f->status = write_labels(journal, b, &f->err);
    if (f->status == MW_IO)
        mw_log_error(MW_LOG_ERROR, "prediction log: labels are refused", &f->err);
}

/* Joined first, for only what finds its prediction is kept here: a disk that is full then leaves it
 * to the server that passed it on, which has it on its own. */
static void take_passed_on(mw_journal *journal, mw_feedback *f)
{
    mw_view body = f->body;
    batch b = {.feedback = f};
    size_t room = body.size / LABEL_BYTES_MIN + 1;
    b.labels = mw_arena_take(f->arena, room * sizeof *b.labels);
    f->status = b.labels ? MW_OK : mw_fail_memory(&f->err, "labels");
    while (b.labels && b.n < room && journal_label_next(&body, &b.labels[b.n]))
        b.n++;
    if (f->status == MW_OK)
        f->status = journal_join_passed_on(&journal->keeper.joiner, &journal->predictions, b.labels,
                                           b.n, &b.n, &f->result, &f->err);
    if (f->status == MW_OK && b.n > 0)
        f->status = write_labels(journal, &b, &f->err);
    if (f->status == MW_OK && b.n > 0)
        f->status = journal_stream_sync(&journal->labels, &f->err);
}

static void publish_counts(journal_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->counts = keeper->joiner.counts;
    pthread_mutex_unlock(&keeper->lock);
}

static void take_all(mw_journal *journal, mw_feedback *list)
{
    batch batches[MW_LIMIT_FEEDBACK_TASKS];
    size_t n = 0;
    mw_error err;
    for (; list; list = list->next) {
        batches[n] = (batch){.feedback = list};
        if (!list->is_passed_on && !list->is_told)
            take_body(journal, &batches[n]);
        n++;
    }
    mw_status synced = journal_stream_sync(&journal->labels, &err);
    for (size_t i = 0; i < n; i++) {
        mw_feedback *f = batches[i].feedback;
        bool is_ours = !f->is_passed_on && !f->is_told;
        if (f->is_told)
            hear_others(journal, f);
        else if (f->is_passed_on)
            take_passed_on(journal, f);
        else if (f->status == MW_OK && synced != MW_OK) {
            f->status = synced;
            f->err = err;
        }
        if (f->status == MW_OK && is_ours)
            f->status = journal_join(&journal->keeper.joiner, &journal->predictions,
                                     batches[i].labels, batches[i].n, &f->result, &f->err);
        publish_counts(&journal->keeper); /* who is answered finds them */
        f->done(f);
    }
    journal->keeper.is_stale = true;
}

static void retry(mw_journal *journal)
{
    journal_keeper *keeper = &journal->keeper;
    mw_error err;
    uint64_t blocks = atomic_load(&journal->blocks_written);
    uint64_t now = mw_clock_ns();
    bool is_due =
        now - keeper->tried_ns > RETRY_MS * NS_PER_MS &&
        (blocks != keeper->tried_blocks || now - keeper->tried_ns > UINT64_C(60000000000));
    if (keeper->joiner.n_waiting == 0 || !is_due)
        return;
    pthread_mutex_lock(&journal->predictions.lock);
    uint32_t segment = journal->predictions.number;
    pthread_mutex_unlock(&journal->predictions.lock);
    uint64_t joined = keeper->joiner.counts.joined;
    if (journal_join_waiting(&keeper->joiner, &journal->predictions, keeper->tried_segment, &err) !=
        MW_OK)
        mw_log_error(MW_LOG_WARN, "prediction log: labels that wait", &err);
    keeper->is_stale |= keeper->joiner.counts.joined != joined;
    keeper->tried_blocks = blocks;
    keeper->tried_segment = segment;
    keeper->tried_ns = now;
}

/* ---- what is known of performance ------------------------------------------------------------ */

typedef struct summing {
    mw_performance_part *parts;
    size_t n, capacity;
} summing;

static void add_part(void *user, const mw_performance_part *part)
{
    summing *s = user;
    if (s->n == s->capacity) {
        size_t wanted = s->capacity ? 2 * s->capacity : 16;
        mw_performance_part *grown = realloc(s->parts, wanted * sizeof *grown);
        if (!grown)
            return;
        s->parts = grown;
        s->capacity = wanted;
    }
    s->parts[s->n++] = *part; /* its shape lives as long as the journal */
}

static void summarize(mw_journal *journal)
{
    journal_keeper *keeper = &journal->keeper;
    mw_error err;
    summing s = {0};
    uint64_t now = mw_clock_ns();
    publish_counts(keeper); /* labels that waited may have found theirs */
    if (!keeper->is_stale || now - keeper->summed_ns < SUMMARY_MS * NS_PER_MS)
        return;
    const mw_performance_query query = {.last = SUMMARY_LABELS, .threshold = 0.5};
    if (journal_measure(&keeper->joiner, &keeper->elsewhere.seen, &query, add_part, &s, &err) !=
        MW_OK)
        mw_log_error(MW_LOG_WARN, "performance", &err);
    pthread_mutex_lock(&keeper->lock);
    mw_performance_part *old = keeper->summary;
    keeper->summary = s.parts;
    keeper->n_summary = s.n;
    pthread_mutex_unlock(&keeper->lock);
    free(old);
    keeper->is_stale = false;
    keeper->summed_ns = now;
}

/* How good each model was in the beginning, for who estimates how good it is now. False: there is
 * no memory. */
static bool tell_truth_of(mw_journal *journal, uint32_t g, size_t n_scores)
{
    const journal_joiner *joiner = &journal->keeper.joiner;
    journal_group *group = joiner->groups[g];
    bool is_number = group->shape.answer == MW_LOG_NUMBER;
    size_t width = is_number ? group->shape.n_columns : 0, room = journal_truth_room(&group->shape);
    double *scores = malloc((n_scores + 1 + width) * room * sizeof *scores);
    if (!scores)
        return false;
    double *labels = scores + n_scores * room, *rows = is_number ? labels + room : NULL;
    size_t n = is_number ? journal_first_numbers(joiner, g, rows, scores, labels, room)
                         : journal_first_labels(joiner, g, n_scores, scores, labels, room);
    const mw_log_truth truth = {n, n_scores, scores, labels, rows, width};
    char name[MW_LIMIT_NAME_BYTES + 1];
    snprintf(name, sizeof name, "%.*s", MW_VIEW_ARG(group->shape.endpoint));
    bool is_all = n == room || group->n_kept >= 2 * room;
    if (n >= TRUTH_LEAST && (group->n_told == 0 || is_all) &&
        journal->options.truth(journal->options.truth_user, name, group->shape.model, &truth))
        group->n_told = is_all ? room : n;
    free(scores);
    return true;
}

/* Of a regression rows are copied: only where there may be enough. */
static bool may_tell(const journal_group *group)
{
    size_t room = journal_truth_room(&group->shape);
    size_t wanted = group->n_told > 0 ? room : TRUTH_LEAST;
    bool is_number = group->shape.answer == MW_LOG_NUMBER;
    return group->n_told < room && (!is_number || group->n_kept >= wanted);
}

static void tell_truth(mw_journal *journal)
{
    const journal_joiner *joiner = &journal->keeper.joiner;
    for (uint32_t g = 0; journal->options.truth && g < joiner->n_groups; g++) {
        const journal_group *group = joiner->groups[g];
        size_t n_scores = journal_truth_scores(&group->shape);
        if (n_scores > 0 && may_tell(group) && !tell_truth_of(journal, g, n_scores))
            return;
    }
}

static void answer(mw_journal *journal, mw_performance_task *task)
{
    while (task) {
        mw_performance_task *next = task->next; /* done() may end it */
        task->status = journal_measure(&journal->keeper.joiner, &journal->keeper.elsewhere.seen,
                                       &task->query, task->see, task->user, &task->err);
        task->done(task);
        task = next;
    }
}

/* Labels take a hundredth of what their predictions do: an eighth of the room is plenty. */
static void retain_labels(mw_journal *journal)
{
    uint64_t now = mw_clock_ns(), age = journal->options.age_ms_max;
    journal_stream_roll(&journal->labels, false);
    if (now - journal->keeper.retained_ns < RETAIN_MS * NS_PER_MS)
        return;
    journal->keeper.retained_ns = now;
    journal_stream_retain(&journal->labels, journal->options.bytes_max / 8,
                          age ? mw_clock_wall_ms() - (int64_t)age : 0);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void wait_for_tasks(journal_keeper *keeper)
{
    struct timespec until = mw_moment_in(RETRY_MS);
    while (!keeper->stop && !keeper->feedback && !keeper->questions &&
           pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until) == 0)
        continue;
}

static void begin(mw_journal *journal)
{
    mw_error err;
    uint64_t began = mw_clock_ns();
    journal_joiner *joiner = &journal->keeper.joiner;
    if (journal_join_all(joiner, &journal->predictions, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "prediction log: earlier labels", &err);
    if (joiner->counts.received > 0)
        mw_log(MW_LOG_INFO,
               "prediction log: %llu labels read again, %zu held with their "
               "predictions; %.0f ms",
               (unsigned long long)joiner->counts.received, joiner->n,
               (double)(mw_clock_ns() - began) / 1e6);
    joiner->counts = (mw_feedback_counts){.waiting = joiner->n_waiting};
    journal->keeper.is_stale = true;
}

void *journal_keep(void *argument)
{
    mw_journal *journal = argument;
    journal_keeper *keeper = &journal->keeper;
    mw_thread_give_way();
    begin(journal);
    for (bool stop = false; !stop;) {
        summarize(journal);
        tell_truth(journal);
        fair_keep(journal);
        pthread_mutex_lock(&keeper->lock);
        wait_for_tasks(keeper);
        mw_feedback *feedback = keeper->feedback;
        mw_performance_task *questions = keeper->questions;
        keeper->feedback = NULL;
        keeper->last_feedback = &keeper->feedback;
        keeper->questions = NULL;
        keeper->n_tasks = 0;
        stop = keeper->stop;
        pthread_mutex_unlock(&keeper->lock);
        if (feedback)
            take_all(journal, feedback);
        retry(journal);
        pass_on(keeper);
        tell_others(journal);
        answer(journal, questions);
        retain_labels(journal);
    }
    return NULL;
}
