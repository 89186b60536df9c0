/* The writer: one at a time, one transaction for all that waits.
 *
 *     callers  --work-->  [queue]  -->  BEGIN  savepoint work  savepoint work ...  COMMIT
 *              <-------------------------- each its own result, after the commit --------
 *
 * A commit costs an fsync (0.1 ms on a good disk); so what arrived meanwhile goes together into
 * the next one. A lone caller gets its commit at once, on its own thread (two threads need not be
 * woken for it). What comes while it commits is the writer's thread's.
 *
 * Callers who come back as soon as they are answered fall into two halves that wait for each
 * other's commits. On a fast disk that is well: one half works while the other's goes to the disk.
 * Where the disk takes longer than callers do to come back, there is a short wait for company, as
 * long as it takes, until as many have come as there were around the last commit:
 *
 *     without    | disk a     | disk b c d | disk a     | disk b c d |
 *     with       | disk a b c d | wait | disk a b c d | wait |
 *
 * Where they do not come it was in vain, and the next 2, 4, 8 ... 64 commits do not wait. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine.h"

enum { WORKS_A_COMMIT = 1000, IDLE_SECONDS = 1 };
enum { SLOW_DISK_NS = 300000, COMPANY_NS_MAX = 2000000, VAIN_MAX = 6 };

/* On the caller's stack: it waits. */
typedef struct ticket {
    struct ticket *next;
    mw_store_work *work;
    void *user;
    mw_error *err;
    mw_status status;
    sem_t done;
} ticket;

struct store_writer {
    mw_sql *session; /* the thread's own */
    const store_engine *engine;
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    ticket *first, **end; /* guarded by lock, as all to the next blank line */
    bool is_busy;         /* somebody has the session */
    bool is_untidy;       /* of the session, when it was last let go */
    bool was_used;        /* since the thread last looked */
    bool ending;
    size_t n_waiting;           /* from `first` on */
    size_t company;             /* callers around the last commit: in it, or waiting for the next */
    bool awaits_company;        /* somebody, who has the session, does */
    pthread_cond_t has_company; /* for them */
    unsigned n_vain, n_unwaiting; /* waits in vain, one after the other; commits that do not wait */
    uint64_t usual_ns;            /* that a commit takes; of who has the session */

    pthread_t thread;
    atomic_uint_least64_t writes, commits, commit_ns;
};

/* ---- one commit ------------------------------------------------------------------------------ */

/* Everything from `first` up to, not including, `end` is undone for the same reason. */
static void fail_all(ticket *first, const ticket *end, const mw_error *why)
{
    for (ticket *t = first; t != end; t = t->next) {
        if (t->status != MW_OK)
            continue;
        t->status = why->status;
        if (t->err)
            *t->err = *why;
    }
}

static bool is_in_transaction(const store_writer *writer)
{
    return writer->engine->is_within(writer->session);
}

/* An engine ends the whole transaction by itself on a full disk, an error of the file, a connection
 * that is lost. */
static bool was_undone(store_writer *writer, ticket *first, const ticket *now, const mw_error *why)
{
    if (is_in_transaction(writer))
        return false;
    fail_all(first, now, why);
    return true;
}

static void run_ticket(store_writer *writer, ticket *first, ticket *t, bool is_alone)
{
    mw_error own;
    mw_error *err = t->err ? t->err : &own;
    mw_sql *session = writer->session;
    t->status = is_alone ? MW_OK : writer->engine->mark(session, err);
    if (t->status == MW_OK)
        t->status = t->work(session, t->user, err);
    if (t->status == MW_OK && writer->engine->settle)
        t->status = writer->engine->settle(session, err);
    if (was_undone(writer, first, t, err)) {
        if (t->status == MW_OK)
            t->status = mw_fail(err, MW_E_STORE_SQL, "the transaction was ended by the engine");
        return;
    }
    if (is_alone)
        return;
    mw_error ignored;
    if (t->status == MW_OK &&
        (t->status = writer->engine->unmark(session, STORE_KEEP, err)) == MW_OK)
        return;
    (void)!writer->engine->unmark(session, STORE_UNDO, &ignored);
    (void)was_undone(writer, first, t, err);
}

static void commit(store_writer *writer, ticket *first, const ticket *end)
{
    mw_error err;
    uint64_t began = mw_clock_ns(), n_kept = 0;
    for (ticket *t = first; t != end; t = t->next)
        n_kept += t->status == MW_OK;
    mw_status status =
        writer->engine->end(writer->session, n_kept > 0 ? STORE_KEEP : STORE_UNDO, &err);
    if (status != MW_OK) {
        fail_all(first, end, &err);
        return;
    }
    atomic_fetch_add_explicit(&writer->writes, n_kept, memory_order_relaxed);
    atomic_fetch_add_explicit(&writer->commits, n_kept > 0, memory_order_relaxed);
    uint64_t took = mw_clock_ns() - began;
    atomic_fetch_add_explicit(&writer->commit_ns, took, memory_order_relaxed);
    if (n_kept > 0)
        writer->usual_ns = writer->usual_ns - writer->usual_ns / 8 + took / 8;
}

/* Tickets of one transaction, in order; when the engine ends it, the rest begin another. */
static void run_batch(store_writer *writer, ticket *first)
{
    ticket *t = first;
    while (t) {
        mw_error err;
        ticket *begin = t;
        bool is_alone = !t->next;
        if (writer->engine->begin(writer->session, &err) != MW_OK) {
            fail_all(begin, NULL, &err);
            return;
        }
        do {
            run_ticket(writer, begin, t, is_alone);
            t = t->next;
        } while (t && is_in_transaction(writer));
        if (is_in_transaction(writer))
            commit(writer, begin, t);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void tidy(store_writer *writer, bool is_idle)
{
    if (writer->engine->tidy)
        writer->engine->tidy(writer->session, is_idle);
}

/* Up to WORKS_A_COMMIT of what waits. Holds the lock on entry and on return. */
static ticket *take_batch(store_writer *writer, size_t *ret_n)
{
    ticket *first = writer->first, *last = first;
    size_t n = 1;
    for (; n < WORKS_A_COMMIT && last->next; n++)
        last = last->next;
    *ret_n = n;
    writer->n_waiting -= n;
    writer->first = last->next;
    if (!writer->first)
        writer->end = &writer->first;
    last->next = NULL;
    return first;
}

/* All but `own`, who asks. */
static void tell_all(ticket *first, const ticket *own)
{
    for (ticket *t = first, *next; t; t = next) {
        next = t->next; /* the ticket is gone once its owner wakes */
        if (t != own)
            sem_post(&t->done);
    }
}

/* Until as many wait as there were around the last commit, or the time that one takes is over.
 * Somebody has the session meanwhile. Hold the lock on entry and on return. */
static void wait_for_company(store_writer *writer)
{
    if (writer->n_waiting >= writer->company || writer->usual_ns < SLOW_DISK_NS)
        return;
    if (writer->n_unwaiting > 0) {
        writer->n_unwaiting--;
        return;
    }
    uint64_t ns = writer->usual_ns < COMPANY_NS_MAX ? writer->usual_ns : COMPANY_NS_MAX;
    struct timespec until = mw_moment_in_ns(ns);
    int outcome = 0;
    writer->awaits_company = true;
    while (writer->n_waiting < writer->company && !writer->ending && outcome != ETIMEDOUT)
        outcome = pthread_cond_timedwait(&writer->has_company, &writer->lock, &until);
    writer->awaits_company = false;
    bool was_vain = writer->n_waiting < writer->company;
    if (was_vain && writer->n_vain < VAIN_MAX)
        writer->n_vain++;
    if (!was_vain)
        writer->n_vain = 0;
    writer->n_unwaiting = was_vain ? 1U << writer->n_vain : 0;
}

/* The session, for what waits; and back again. Hold the lock on entry and on return. */
static void serve_queue(store_writer *writer, const ticket *own)
{
    size_t n;
    writer->is_busy = true;
    wait_for_company(writer);
    ticket *first = take_batch(writer, &n);
    pthread_mutex_unlock(&writer->lock);
    run_batch(writer, first);
    tell_all(first, own);
    tidy(writer, false);
    pthread_mutex_lock(&writer->lock);
    writer->company = n + writer->n_waiting;
    bool was_untidy = writer->is_untidy;
    writer->is_busy = false;
    writer->was_used = true;
    writer->is_untidy = writer->engine->is_untidy && writer->engine->is_untidy(writer->session);
    if (own && (writer->first || writer->ending || writer->is_untidy != was_untidy))
        pthread_cond_signal(&writer->has_work);
}

static void tidy_idle(store_writer *writer)
{
    writer->is_busy = true;
    pthread_mutex_unlock(&writer->lock);
    tidy(writer, true);
    pthread_mutex_lock(&writer->lock);
    writer->is_busy = false;
    writer->is_untidy = writer->engine->is_untidy && writer->engine->is_untidy(writer->session);
}

static void wait_for_work(store_writer *writer)
{
    struct timespec until = mw_moment_in(IDLE_SECONDS * 1000);
    writer->was_used = false;
    int outcome = writer->is_untidy || writer->is_busy
                      ? pthread_cond_timedwait(&writer->has_work, &writer->lock, &until)
                      : pthread_cond_wait(&writer->has_work, &writer->lock);
    if (outcome == ETIMEDOUT && !writer->is_busy && !writer->first && !writer->was_used)
        tidy_idle(writer);
}

static void *write_on(void *given)
{
    store_writer *writer = given;
    pthread_mutex_lock(&writer->lock);
    for (;;) {
        if (writer->first && !writer->is_busy)
            serve_queue(writer, NULL);
        else if (writer->ending && !writer->first && !writer->is_busy)
            break;
        else
            wait_for_work(writer);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

mw_status store_writer_start(mw_sql *session, store_writer **ret_writer, mw_error *err)
{
    store_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return mw_fail_memory(err, "the record's writer");
    writer->session = session;
    writer->engine = session->engine;
    writer->end = &writer->first;
    pthread_mutex_init(&writer->lock, NULL);
    mw_condition_init(&writer->has_work);
    mw_condition_init(&writer->has_company);
    if (mw_thread_start(&writer->thread, NULL, write_on, writer) != 0) {
        pthread_cond_destroy(&writer->has_company);
        pthread_cond_destroy(&writer->has_work);
        pthread_mutex_destroy(&writer->lock);
        free(writer);
        return mw_fail_memory(err, "the record's writer");
    }
    *ret_writer = writer;
    return MW_OK;
}

void store_writer_stop(store_writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->ending = true;
    pthread_cond_signal(&writer->has_work);
    pthread_cond_signal(&writer->has_company);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->has_company);
    pthread_cond_destroy(&writer->has_work);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

mw_status store_writer_do(store_writer *writer, mw_store_work *work, void *user, mw_error *err)
{
    ticket mine = {.work = work, .user = user, .err = err};
    sem_init(&mine.done, 0, 0);
    pthread_mutex_lock(&writer->lock);
    *writer->end = &mine;
    writer->end = &mine.next;
    writer->n_waiting++;
    bool is_mine = !writer->is_busy && writer->first == &mine;
    if (is_mine)
        serve_queue(writer, &mine);
    else if (!writer->is_busy)
        pthread_cond_signal(&writer->has_work);
    else if (writer->awaits_company && writer->n_waiting >= writer->company)
        pthread_cond_signal(&writer->has_company);
    pthread_mutex_unlock(&writer->lock);
    while (!is_mine && sem_wait(&mine.done) != 0)
        continue; /* interrupted */
    sem_destroy(&mine.done);
    return mine.status;
}

void store_writer_count(store_writer *writer, mw_store_counts *ret_counts)
{
    *ret_counts = (mw_store_counts){.writes = atomic_load(&writer->writes),
                                    .commits = atomic_load(&writer->commits),
                                    .commit_ns = atomic_load(&writer->commit_ns)};
}
