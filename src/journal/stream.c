/* See stream.h. */
#include "stream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "checksum.h"
#include "shape.h"

#include "base/banned.h"

#define ROLL_NS (UINT64_C(3600) * 1000000000)

enum { IDS_MAX = 1 << 20 /* of a segment: its index is in memory until then */ };

/* ---- names ----------------------------------------------------------------------------------- */

void journal_segment_path(const char *folder, const char *prefix, uint32_t number,
                          const char *ending, char ret_path[JOURNAL_PATH_BYTES])
{
    snprintf(ret_path, JOURNAL_PATH_BYTES, "%.4000s/%s-%08u%s", folder, prefix, number, ending);
}

static bool read_name(const char *name, const char *prefix, uint32_t *ret_number)
{
    size_t size = strlen(prefix);
    uint64_t number;
    if (strncmp(name, prefix, size) != 0 || name[size] != '-' || strlen(name) != size + 13 ||
        strcmp(name + size + 9, ".log") != 0 ||
        !mw_whole_parse((mw_view){name + size + 1, 8}, &number))
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static mw_status fail_folder(const char *folder, mw_error *err)
{
    if (errno == ENOENT || errno == ENOTDIR) {
        mw_fail(err, MW_E_JOURNAL_NONE, "there is no prediction log");
        mw_mend(err, "mw serve MODEL --log on keeps one; name its folder with --log DIR");
    } else {
        mw_fail_errno(err, "cannot read the folder", errno);
    }
    return mw_at(err, "%s", folder);
}

mw_status journal_segments_list(const char *folder, const char *prefix, uint32_t **ret_numbers,
                                size_t *ret_count, mw_error *err)
{
    uint32_t *numbers = NULL;
    size_t n = 0, capacity = 0;
    DIR *listing = opendir(folder);
    if (!listing)
        return fail_folder(folder, err);
    for (const struct dirent *entry; (entry = readdir(listing));) {
        uint32_t number;
        if (!read_name(entry->d_name, prefix, &number))
            continue;
        if (n == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            uint32_t *grown = realloc(numbers, capacity * sizeof *numbers);
            if (!grown) {
                free(numbers);
                closedir(listing);
                return mw_fail_memory(err, "the list of segments");
            }
            numbers = grown;
        }
        numbers[n++] = number;
    }
    closedir(listing);
    if (n > 0)
        qsort(numbers, n, sizeof *numbers, ascending);
    *ret_numbers = numbers;
    *ret_count = n;
    return MW_OK;
}

bool journal_next_id(mw_view *raw, mw_view *ret_id)
{
    if (raw->size < JOURNAL_RECORD_HEAD_BYTES)
        return false;
    size_t size = (size_t)mw_protobuf_little(raw->data, 4),
           id_size = (size_t)mw_protobuf_little(raw->data + 20, 2);
    if (size > raw->size || size < JOURNAL_RECORD_HEAD_BYTES + id_size)
        return false;
    *ret_id = (mw_view){raw->data + JOURNAL_RECORD_HEAD_BYTES, id_size};
    *raw = (mw_view){raw->data + size, raw->size - size};
    return true;
}

static void index_block(journal_index *index, mw_view raw, uint64_t offset)
{
    mw_view id;
    while (journal_next_id(&raw, &id))
        (void)journal_index_add(index, journal_hash(id), (uint32_t)offset);
}

static void note_block(journal_index_head *about, const journal_block *block)
{
    if (block->kind == JOURNAL_SHAPE)
        return;
    about->first_ms =
        about->rows == 0 || block->first_ms < about->first_ms ? block->first_ms : about->first_ms;
    about->last_ms =
        about->rows == 0 || block->last_ms > about->last_ms ? block->last_ms : about->last_ms;
    about->rows += block->n_rows;
}

/* ---- what was left behind -------------------------------------------------------------------- */

static mw_status add_closed(journal_stream *stream, const journal_closed *closed, mw_error *err)
{
    if (stream->n_closed == stream->capacity) {
        size_t wanted = stream->capacity ? 2 * stream->capacity : 64;
        journal_closed *grown = realloc(stream->closed, wanted * sizeof *grown);
        if (!grown)
            return mw_fail_memory(err, "the list of segments");
        stream->closed = grown;
        stream->capacity = wanted;
    }
    stream->closed[stream->n_closed++] = *closed;
    return MW_OK;
}

/* Read a segment that nobody closed: cut its torn end, make its index. */
static mw_status recover(journal_stream *stream, int fd, journal_closed *closed,
                         const char *index_path, mw_error *err)
{
    journal_reader reader;
    journal_index index = {0};
    journal_block block;
    mw_status status = journal_reader_open(&reader, fd, err);
    while (status == MW_OK && journal_reader_next(&reader, &block)) {
        mw_view raw;
        note_block(&closed->about, &block);
        if (block.kind != JOURNAL_SHAPE && journal_reader_load(&reader, &block, &raw))
            index_block(&index, raw, block.offset);
    }
    if (status == MW_OK && reader.damage.torn_bytes > 0) {
        if (ftruncate(fd, (off_t)reader.offset) != 0)
            status = mw_fail_errno(err, "cannot cut the torn end", errno);
        stream->torn_bytes += reader.damage.torn_bytes;
    }
    stream->damaged_blocks += reader.damage.blocks;
    closed->bytes = reader.offset;
    if (status == MW_OK)
        status = journal_index_write(&index, closed->about, index_path, err);
    journal_reader_done(&reader);
    journal_index_done(&index);
    return status;
}

/* A segment that cannot be read is left where it is, and said. */
static mw_status take_old(journal_stream *stream, uint32_t number, mw_error *err)
{
    char path[JOURNAL_PATH_BYTES], index_path[JOURNAL_PATH_BYTES];
    journal_closed closed = {.number = number};
    journal_segment_path(stream->folder, stream->prefix, number, ".log", path);
    journal_segment_path(stream->folder, stream->prefix, number, ".idx", index_path);
    int fd = open(path, O_RDWR | O_CLOEXEC), index_fd = open(index_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        mw_status status = mw_fail_errno(err, "open", errno);
        mw_at(err, "%s", path);
        if (index_fd >= 0)
            close(index_fd);
        return status;
    }
    bool is_closed = index_fd >= 0 && journal_index_read_head(index_fd, &closed.about);
    off_t end = lseek(fd, 0, SEEK_END);
    closed.bytes = end > 0 ? (uint64_t)end : 0;
    mw_status status = MW_OK;
    if (!is_closed) {
        closed.about = (journal_index_head){0};
        status = recover(stream, fd, &closed, index_path, err);
    }
    close(fd);
    if (index_fd >= 0)
        close(index_fd);
    if (status == MW_BAD_DATA) {
        mw_at(err, "%s", path);
        mw_log_error(MW_LOG_WARN, "prediction log: a segment is left out", err);
        stream->damaged_blocks++;
        return MW_OK;
    }
    return status == MW_OK ? add_closed(stream, &closed, err) : status;
}

mw_status journal_stream_open(journal_stream *stream, const char *folder, const char *prefix,
                              size_t segment_bytes, mw_error *err)
{
    uint32_t *numbers = NULL;
    size_t n = 0;
    *stream = (journal_stream){.prefix = prefix, .segment_bytes = segment_bytes, .fd = -1};
    pthread_mutex_init(&stream->lock, NULL);
    snprintf(stream->folder, sizeof stream->folder, "%s", folder);
    mw_status status = journal_segments_list(folder, prefix, &numbers, &n, err);
    for (size_t i = 0; status == MW_OK && i < n; i++) {
        status = take_old(stream, numbers[i], err);
        stream->number = numbers[i];
    }
    free(numbers);
    return status;
}

/* ---- the open segment ------------------------------------------------------------------------ */

mw_status journal_stream_begin(journal_stream *stream, uint32_t *ret_number, mw_error *err)
{
    char path[JOURNAL_PATH_BYTES], head[JOURNAL_FILE_HEAD_BYTES];
    *ret_number = stream->number;
    if (stream->fd >= 0)
        return MW_OK;
    journal_segment_path(stream->folder, stream->prefix, stream->number + 1, ".idx", path);
    unlink(path); /* a crash while a segment of this number was removed may have left it */
    journal_segment_path(stream->folder, stream->prefix, stream->number + 1, ".log", path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        mw_fail_errno(err, "open", errno);
        return mw_at(err, "%s", path);
    }
    journal_file_head(head);
    if (journal_write_at(fd, 0, head, sizeof head, err) != MW_OK) {
        close(fd);
        unlink(path);
        return mw_at(err, "%s", path);
    }
    pthread_mutex_lock(&stream->lock);
    stream->fd = fd;
    *ret_number = ++stream->number;
    stream->offset = sizeof head;
    stream->about = (journal_index_head){0};
    stream->opened_ns = mw_clock_ns();
    pthread_mutex_unlock(&stream->lock);
    return MW_OK;
}

mw_status journal_stream_append(journal_stream *stream, const journal_block *block, mw_view packed,
                                mw_view raw, mw_error *err)
{
    mw_status status = journal_write_at(stream->fd, stream->offset, packed.data, packed.size, err);
    if (status != MW_OK)
        return mw_at(err, "%s", stream->folder);
    pthread_mutex_lock(&stream->lock);
    if (block->kind != JOURNAL_SHAPE)
        index_block(&stream->index, raw, stream->offset);
    note_block(&stream->about, block);
    stream->offset += packed.size;
    pthread_mutex_unlock(&stream->lock);
    return MW_OK;
}

mw_status journal_stream_sync(journal_stream *stream, mw_error *err)
{
    if (stream->fd < 0 || fdatasync(stream->fd) == 0)
        return MW_OK;
    mw_fail_errno(err, "sync", errno);
    return mw_at(err, "%s", stream->folder);
}

static void close_segment(journal_stream *stream)
{
    char path[JOURNAL_PATH_BYTES];
    mw_error err;
    journal_closed closed = {stream->number, stream->offset, stream->about};
    journal_segment_path(stream->folder, stream->prefix, stream->number, ".idx", path);
    if (fdatasync(stream->fd) != 0)
        mw_log(MW_LOG_WARN, "prediction log: sync: %s", strerror(errno));
    if (journal_index_write(&stream->index, closed.about, path, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "prediction log: the index is made at the next start", &err);
    pthread_mutex_lock(&stream->lock);
    closed.about.n = stream->index.n;
    close(stream->fd);
    stream->fd = -1;
    journal_index_done(&stream->index);
    if (add_closed(stream, &closed, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "prediction log", &err);
    pthread_mutex_unlock(&stream->lock);
}

void journal_stream_roll(journal_stream *stream, bool now)
{
    bool is_due = stream->offset >= stream->segment_bytes || stream->index.n >= IDS_MAX ||
                  (stream->about.rows > 0 && mw_clock_ns() - stream->opened_ns > ROLL_NS);
    if (stream->fd >= 0 && (now || is_due))
        close_segment(stream);
}

void journal_stream_close(journal_stream *stream)
{
    if (!stream->prefix)
        return;
    journal_stream_roll(stream, true);
    free(stream->closed);
    journal_index_done(&stream->index);
    pthread_mutex_destroy(&stream->lock);
    stream->prefix = NULL;
}

/* ---- retention ------------------------------------------------------------------------------- */

uint64_t journal_stream_bytes(journal_stream *stream, uint64_t *ret_segments)
{
    pthread_mutex_lock(&stream->lock);
    uint64_t bytes = stream->fd >= 0 ? stream->offset : 0;
    *ret_segments = stream->n_closed + (stream->fd >= 0);
    for (size_t i = 0; i < stream->n_closed; i++)
        bytes += stream->closed[i].bytes;
    pthread_mutex_unlock(&stream->lock);
    return bytes;
}

static void remove_oldest(journal_stream *stream)
{
    char path[JOURNAL_PATH_BYTES];
    uint32_t number = stream->closed[0].number;
    journal_segment_path(stream->folder, stream->prefix, number, ".log", path);
    unlink(path);
    journal_segment_path(stream->folder, stream->prefix, number, ".idx", path);
    unlink(path);
    pthread_mutex_lock(&stream->lock);
    stream->n_removed++;
    memmove(stream->closed, stream->closed + 1, --stream->n_closed * sizeof *stream->closed);
    pthread_mutex_unlock(&stream->lock);
}

void journal_stream_retain(journal_stream *stream, uint64_t bytes_max, int64_t before_ms)
{
    uint64_t n_segments, bytes = journal_stream_bytes(stream, &n_segments);
    while (stream->n_closed > 0) {
        const journal_closed *oldest = &stream->closed[0];
        bool is_old = before_ms && oldest->about.last_ms < before_ms;
        if (!is_old && (!bytes_max || bytes <= bytes_max))
            return;
        bytes -= oldest->bytes;
        remove_oldest(stream);
    }
}
