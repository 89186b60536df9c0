/* Opening and closing a journal: the folder, its lock, its key. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "writer.h"

#include "base/banned.h"

/* ---- the folder ------------------------------------------------------------------------------ */

static mw_status fail_at(mw_error *err, const char *path)
{
    mw_at(err, "%s", path);
    return mw_mend(err, "give the log a folder that this user may write: --log DIR");
}

static mw_status make_folder(const char *path, mw_error *err)
{
    char part[JOURNAL_PATH_BYTES];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        (void)mkdir(part, 0777);
        *at = '/';
    }
    if (mkdir(part, 0750) == 0 || (errno == EEXIST && mw_file_is_folder(part)))
        return MW_OK;
    mw_fail_errno(err, "cannot make the folder", errno);
    return fail_at(err, path);
}

static mw_status lock_folder(mw_journal *journal, mw_error *err)
{
    char path[JOURNAL_PATH_BYTES];
    snprintf(path, sizeof path, "%.4000s/lock", journal->folder);
    journal->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (journal->lock_fd < 0) {
        mw_fail_errno(err, "cannot open", errno);
        return fail_at(err, path);
    }
    if (flock(journal->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return MW_OK;
    mw_fail(err, MW_E_JOURNAL_TAKEN, "another server writes its predictions there");
    mw_at(err, "%s", journal->folder);
    return mw_mend(err, "give each server a folder of its own: --log DIR, or --data DIR");
}

/* Hashes of private values are keyed, so that nobody without this file can try values out. */
static mw_status read_key(mw_journal *journal, mw_error *err)
{
    char path[JOURNAL_PATH_BYTES];
    unsigned char *key = journal->privacy.key;
    const size_t size = sizeof journal->privacy.key;
    snprintf(path, sizeof path, "%.4000s/key", journal->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        mw_fail_errno(err, "cannot open", errno);
        return fail_at(err, path);
    }
    ssize_t got = pread(fd, key, size, 0);
    bool done = got == (ssize_t)size;
    if (!done) {
        randombytes_buf(key, size);
        done = pwrite(fd, key, size, 0) == (ssize_t)size && fsync(fd) == 0;
    }
    close(fd);
    if (done)
        return MW_OK;
    mw_fail_errno(err, "cannot write", errno);
    return fail_at(err, path);
}

/* ---- options --------------------------------------------------------------------------------- */

static bool copy_text(const char **text)
{
    *text = *text ? strdup(*text) : NULL;
    return true;
}

static mw_status take_options(mw_journal *journal, const mw_journal_options *given, mw_error *err)
{
    mw_journal_options *o = &journal->options;
    *o = *given;
    o->queue_bytes = o->queue_bytes ? o->queue_bytes : MW_LIMIT_LOG_QUEUE_BYTES;
    o->segment_bytes = o->segment_bytes ? o->segment_bytes : MW_LIMIT_LOG_SEGMENT_BYTES;
    o->flush_ms = o->flush_ms ? o->flush_ms : MW_LIMIT_LOG_FLUSH_MS;
    o->bytes_max = o->bytes_max ? o->bytes_max : MW_LIMIT_LOG_BYTES;
    copy_text(&o->hashed);
    copy_text(&o->dropped);
    o->kafka = o->kafka_settings = NULL; /* read at opening alone */
    mw_buf_init(&journal->message, MW_LIMIT_LOG_BLOCK_BYTES);
    journal->privacy.hashed = o->hashed;
    journal->privacy.dropped = o->dropped;
    journal->folder = strdup(given->folder);
    journal->sample_below = o->sample >= 1  ? UINT64_MAX
                            : o->sample > 0 ? (uint64_t)(o->sample * 18446744073709551615.0)
                                            : 0;
    journal->keeper.slices = given->slices ? strdup(given->slices) : NULL;
    journal_joiner_init(&journal->keeper.joiner, journal->folder, journal->keeper.slices,
                        MW_LIMIT_OBSERVATIONS);
    journal_elsewhere_init(&journal->keeper.elsewhere, &journal->keeper.joiner,
                           MW_LIMIT_OBSERVATIONS);
    journal->keeper.joiner.fair = &journal->fair;
    journal->keeper.joiner.keeps_rows = given->truth != NULL;
    bool has_memory = journal->folder && !journal->keeper.slices == !given->slices &&
                      !o->hashed == !given->hashed && !o->dropped == !given->dropped;
    return has_memory ? MW_OK : mw_fail_memory(err, "the prediction log");
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status start_threads(mw_journal *journal, mw_error *err)
{
    journal_keeper *keeper = &journal->keeper;
    int code = mw_thread_start(&journal->writer, "journal", journal_write, journal);
    journal->has_writer = code == 0;
    if (code == 0) {
        code = mw_thread_start(&keeper->thread, "keeper", journal_keep, journal);
        keeper->has_thread = code == 0;
    }
    return code == 0 ? MW_OK
                     : mw_fail_errno(err, "cannot start the writer of the prediction log", code);
}

/* Of this log over restarts; the key is not to be told from it. */
static uint64_t mark_of(const mw_journal *journal)
{
    uint64_t mark;
    unsigned char hash[crypto_shorthash_BYTES];
    static const unsigned char text[] = "the log among servers";
    _Static_assert(sizeof mark == sizeof hash, "a hash is a mark");
    crypto_shorthash(hash, text, sizeof text, journal->privacy.key);
    memcpy(&mark, hash, sizeof mark);
    return mark;
}

static mw_status open_all(mw_journal *journal, const mw_journal_options *options, mw_error *err)
{
    MW_TRY(take_options(journal, options, err));
    if (sodium_init() < 0)
        return mw_fail_memory(err, "the prediction log");
    MW_TRY(make_folder(journal->folder, err));
    MW_TRY(lock_folder(journal, err));
    MW_TRY(read_key(journal, err));
    journal->keeper.mark = mark_of(journal);
    if (options->kafka)
        MW_TRY(journal_kafka_open(options->kafka, options->kafka_settings, &journal->kafka, err));
    MW_TRY(journal_queue_init(&journal->queue, journal->options.queue_bytes, err));
    MW_TRY(journal_stream_open(&journal->predictions, journal->folder, "predictions",
                               journal->options.segment_bytes, err));
    if (journal->predictions.torn_bytes + journal->predictions.damaged_blocks > 0)
        mw_log(MW_LOG_WARN,
               "prediction log: %llu bytes at its end were torn and are cut off, %llu damaged "
               "blocks are passed over",
               (unsigned long long)journal->predictions.torn_bytes,
               (unsigned long long)journal->predictions.damaged_blocks);
    MW_TRY(journal_stream_open(&journal->labels, journal->folder, "labels",
                               journal->options.segment_bytes, err));
    return start_threads(journal, err);
}

mw_status mw_journal_open(const mw_journal_options *options, mw_journal **ret_journal,
                          mw_error *err)
{
    static atomic_uint_least64_t n_journals;
    mw_journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return mw_fail_memory(err, "the prediction log");
    journal->number = atomic_fetch_add(&n_journals, 1) + 1;
    journal->lock_fd = -1;
    journal->allowance = (mw_allowance){.percent = MW_LIMIT_BEHIND_PERCENT,
                                        .burst_ns = MW_LIMIT_BEHIND_BURST_MS * UINT64_C(1000000)};
    pthread_mutex_init(&journal->lock, NULL);
    pthread_mutex_init(&journal->keeper.lock, NULL);
    journal->keeper.last_feedback = &journal->keeper.feedback;
    mw_buf_init(&journal->keeper.astray, 2 * MW_LIMIT_PASSED_LABELS_BYTES);
    mw_buf_init(&journal->keeper.told, MW_LIMIT_TOLD_BYTES);
    pthread_mutex_init(&journal->shapes_lock, NULL);
    fair_books_init(&journal->fair);
    mw_condition_init(&journal->wake);
    mw_condition_init(&journal->keeper.wake);
    mw_status status = open_all(journal, options, err);
    if (status != MW_OK) {
        mw_journal_close(journal);
        return status;
    }
    *ret_journal = journal;
    return MW_OK;
}

static void stop_keeper(mw_journal *journal)
{
    journal_keeper *keeper = &journal->keeper;
    pthread_mutex_lock(&keeper->lock);
    keeper->stop = true;
    pthread_cond_signal(&keeper->wake);
    pthread_mutex_unlock(&keeper->lock);
    if (keeper->has_thread)
        pthread_join(keeper->thread, NULL);
    journal_stream_close(&journal->labels);
    journal_packer_done(&keeper->packer);
    journal_joiner_done(&keeper->joiner);
    journal_elsewhere_done(&keeper->elsewhere);
    free(keeper->slices);
    free(keeper->summary);
    mw_buf_done(&keeper->astray);
    mw_buf_done(&keeper->told);
    pthread_mutex_destroy(&keeper->lock);
    pthread_cond_destroy(&keeper->wake);
}

static void free_shapes(mw_journal *journal)
{
    for (size_t i = 0; i < atomic_load(&journal->n_shapes); i++) {
        if (journal->blocks[i])
            mw_buf_done(&journal->blocks[i]->raw);
        free(journal->blocks[i]);
        free(journal->shapes[i]);
    }
}

void mw_journal_close(mw_journal *journal)
{
    if (!journal)
        return;
    stop_keeper(journal);
    pthread_mutex_lock(&journal->lock);
    journal->stop = true;
    pthread_cond_signal(&journal->wake);
    pthread_mutex_unlock(&journal->lock);
    if (journal->has_writer)
        pthread_join(journal->writer, NULL);
    journal_kafka_close(journal->kafka);
    mw_buf_done(&journal->message);
    free(journal->explained);
    journal_stream_close(&journal->predictions);
    journal_packer_done(&journal->packer);
    free_shapes(journal);
    journal_queue_done(&journal->queue);
    if (journal->lock_fd >= 0)
        close(journal->lock_fd);
    sodium_memzero(journal->privacy.key, sizeof journal->privacy.key);
    free((char *)journal->options.hashed);
    free((char *)journal->options.dropped);
    free(journal->folder);
    pthread_mutex_destroy(&journal->lock);
    pthread_mutex_destroy(&journal->shapes_lock);
    fair_books_done(&journal->fair);
    pthread_cond_destroy(&journal->wake);
    free(journal);
}

const char *mw_journal_folder(const mw_journal *journal)
{
    return journal->folder;
}

void mw_journal_count(mw_journal *journal, mw_journal_counts *ret)
{
    *ret = (mw_journal_counts){.rows_written = atomic_load(&journal->rows_written),
                               .rows_dropped = atomic_load(&journal->rows_dropped),
                               .rows_unsampled = atomic_load(&journal->rows_unsampled),
                               .rows_explained = atomic_load(&journal->rows_explained),
                               .rows_unexplained = atomic_load(&journal->rows_unexplained),
                               .blocks_written = atomic_load(&journal->blocks_written),
                               .blocks_failed = atomic_load(&journal->blocks_failed)};
    ret->has_kafka = journal->kafka != NULL;
    if (journal->kafka)
        journal_kafka_count(journal->kafka, &ret->kafka_sent, &ret->kafka_dropped);
    ret->bytes = journal_stream_bytes(&journal->predictions, &ret->segments);
    pthread_mutex_lock(&journal->predictions.lock);
    ret->segments_removed = journal->predictions.n_removed;
    ret->torn_bytes = journal->predictions.torn_bytes;
    ret->damaged_blocks = journal->predictions.damaged_blocks;
    pthread_mutex_unlock(&journal->predictions.lock);
}
