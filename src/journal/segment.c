/* See segment.h. */
#include "segment.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"

#include "base/banned.h"

enum { CODEC_PLAIN = 0, CODEC_ZSTD = 1, LEVEL = 1, SEARCH_BYTES = 64 * 1024 };

static const char file_magic[8] = {'M', 'W', 'J', 'O', 'U', 'R', 'N', '1'};
static const char block_magic[4] = {'M', 'W', 'B', '1'};

/* ---- heads ----------------------------------------------------------------------------------- */

static void put_little(char *at, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++)
        at[i] = (char)(value >> 8 * i);
}

static uint32_t get32(const char *at)
{
    return (uint32_t)mw_protobuf_little(at, 4);
}

static void write_head(const journal_block *block, char *head)
{
    memcpy(head, block_magic, sizeof block_magic);
    head[4] = (char)block->kind;
    head[5] = (char)block->codec;
    head[6] = head[7] = 0;
    put_little(head + 8, block->stored_bytes, 4);
    put_little(head + 12, block->raw_bytes, 4);
    put_little(head + 16, block->shape, 4);
    put_little(head + 20, block->n_rows, 4);
    put_little(head + 24, (uint64_t)block->first_ms, 8);
    put_little(head + 32, (uint64_t)block->last_ms, 8);
    put_little(head + 40, block->crc, 4);
    put_little(head + 44, journal_crc(0, head, 44), 4);
}

static bool read_head(const char *head, journal_block *ret)
{
    if (memcmp(head, block_magic, sizeof block_magic) != 0 ||
        get32(head + 44) != journal_crc(0, head, 44))
        return false;
    *ret = (journal_block){.kind = (journal_kind)(unsigned char)head[4],
                           .codec = (uint8_t)head[5],
                           .stored_bytes = get32(head + 8),
                           .raw_bytes = get32(head + 12),
                           .shape = get32(head + 16),
                           .n_rows = get32(head + 20),
                           .first_ms = (int64_t)mw_protobuf_little(head + 24, 8),
                           .last_ms = (int64_t)mw_protobuf_little(head + 32, 8),
                           .crc = get32(head + 40)};
    return ret->stored_bytes <= MW_LIMIT_LOG_BLOCK_BYTES &&
           ret->raw_bytes <= MW_LIMIT_LOG_BLOCK_BYTES && ret->codec <= CODEC_ZSTD;
}

void journal_file_head(char head[JOURNAL_FILE_HEAD_BYTES])
{
    memcpy(head, file_magic, sizeof file_magic);
    put_little(head + 8, 1, 4);
    put_little(head + 12, journal_crc(0, head, 12), 4);
}

/* ---- writing --------------------------------------------------------------------------------- */

void journal_packer_done(journal_packer *packer)
{
    ZSTD_freeCCtx(packer->zstd);
    free(packer->packed);
    *packer = (journal_packer){0};
}

static bool make_room(journal_packer *packer, size_t raw_bytes)
{
    size_t wanted = JOURNAL_BLOCK_HEAD_BYTES + ZSTD_compressBound(raw_bytes);
    if (!packer->zstd)
        packer->zstd = ZSTD_createCCtx();
    if (packer->capacity < wanted) {
        char *grown = realloc(packer->packed, wanted);
        packer->packed = grown ? grown : packer->packed;
        packer->capacity = grown ? wanted : packer->capacity;
    }
    return packer->zstd && packer->capacity >= wanted;
}

mw_status journal_pack(journal_packer *packer, const journal_block *given, mw_view raw,
                       size_t *ret_bytes, mw_error *err)
{
    journal_block block = *given;
    if (raw.size > MW_LIMIT_LOG_BLOCK_BYTES || !make_room(packer, raw.size))
        return mw_fail_memory(err, "a block of the prediction log");
    char *stored = packer->packed + JOURNAL_BLOCK_HEAD_BYTES;
    size_t n = ZSTD_compressCCtx(packer->zstd, stored, packer->capacity - JOURNAL_BLOCK_HEAD_BYTES,
                                 raw.data, raw.size, LEVEL);
    bool gains = !ZSTD_isError(n) && n < raw.size;
    if (!gains) {
        memcpy(stored, raw.data, raw.size);
        n = raw.size;
    }
    block.codec = gains ? CODEC_ZSTD : CODEC_PLAIN;
    block.stored_bytes = (uint32_t)n;
    block.raw_bytes = (uint32_t)raw.size;
    block.crc = journal_crc(0, stored, n);
    write_head(&block, packer->packed);
    *ret_bytes = JOURNAL_BLOCK_HEAD_BYTES + n;
    return MW_OK;
}

mw_status journal_write_at(int fd, uint64_t offset, const void *data, size_t size, mw_error *err)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pwrite(fd, (const char *)data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int why = n < 0 ? errno : ENOSPC;
            if (ftruncate(fd, (off_t)offset) != 0)
                mw_log(MW_LOG_WARN, "prediction log: half a block could not be cut off: %s",
                       strerror(errno));
            return mw_fail_errno(err, "write", why);
        }
        done += (size_t)n;
    }
    return MW_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Bytes at `offset`: as many as there are. */
static size_t read_some(const journal_reader *reader, uint64_t offset, char *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(reader->fd, data + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

mw_status journal_reader_open(journal_reader *reader, int fd, mw_error *err)
{
    char head[JOURNAL_FILE_HEAD_BYTES], wanted[JOURNAL_FILE_HEAD_BYTES];
    struct stat about;
    *reader = (journal_reader){.fd = fd, .offset = JOURNAL_FILE_HEAD_BYTES};
    mw_buf_init(&reader->stored, MW_LIMIT_LOG_BLOCK_BYTES + 1);
    mw_buf_init(&reader->raw, MW_LIMIT_LOG_BLOCK_BYTES + 1);
    if (fstat(fd, &about) != 0)
        return mw_fail_errno(err, "stat", errno);
    reader->size = (uint64_t)about.st_size;
    journal_file_head(wanted);
    if (read_some(reader, 0, head, sizeof head) == sizeof head &&
        memcmp(head, wanted, sizeof head) == 0)
        return MW_OK;
    mw_fail(err, MW_E_JOURNAL_DAMAGED, "no segment of a prediction log, or one of a newer version");
    return mw_mend(err,
                   "the file does not begin as such a segment does; move it out of the folder");
}

void journal_reader_done(journal_reader *reader)
{
    ZSTD_freeDCtx(reader->zstd);
    mw_buf_done(&reader->stored);
    mw_buf_done(&reader->raw);
}

bool journal_reader_head(journal_reader *reader, uint64_t offset, journal_block *ret_block)
{
    char head[JOURNAL_BLOCK_HEAD_BYTES];
    if (read_some(reader, offset, head, sizeof head) != sizeof head || !read_head(head, ret_block))
        return false;
    ret_block->offset = offset;
    return true;
}

/* The next place behind `from` where a good head stands; the file's size when there is none. */
static uint64_t search(journal_reader *reader, uint64_t from)
{
    char *window = malloc(SEARCH_BYTES);
    uint64_t found = reader->size;
    for (uint64_t at = from; window && at < reader->size && found == reader->size;
         at += SEARCH_BYTES - JOURNAL_BLOCK_HEAD_BYTES) {
        size_t n = read_some(reader, at, window, SEARCH_BYTES);
        if (n < JOURNAL_BLOCK_HEAD_BYTES)
            break;
        for (size_t i = 0; i + JOURNAL_BLOCK_HEAD_BYTES <= n; i++) {
            journal_block block;
            if (memcmp(window + i, block_magic, sizeof block_magic) == 0 &&
                read_head(window + i, &block)) {
                found = at + i;
                break;
            }
        }
    }
    free(window);
    return found;
}

bool journal_reader_next(journal_reader *reader, journal_block *ret_block)
{
    if (reader->offset >= reader->size)
        return false;
    if (!journal_reader_head(reader, reader->offset, ret_block)) {
        uint64_t next = search(reader, reader->offset + 1);
        if (next >= reader->size || !journal_reader_head(reader, next, ret_block)) {
            reader->damage.torn_bytes = reader->size - reader->offset;
            return false;
        }
        reader->damage.blocks++;
        reader->damage.bytes += next - reader->offset;
        reader->offset = next;
    }
    uint64_t end = reader->offset + JOURNAL_BLOCK_HEAD_BYTES + ret_block->stored_bytes;
    if (end > reader->size) {
        reader->damage.torn_bytes = reader->size - reader->offset;
        return false;
    }
    reader->offset = end;
    return true;
}

static bool unpack(journal_reader *reader, const journal_block *block, mw_view *ret_raw)
{
    size_t stored = block->stored_bytes;
    mw_buf_reset(&reader->stored);
    if (!mw_buf_reserve(&reader->stored, stored) ||
        read_some(reader, block->offset + JOURNAL_BLOCK_HEAD_BYTES, reader->stored.data, stored) !=
            stored ||
        journal_crc(0, reader->stored.data, stored) != block->crc)
        return false;
    if (block->codec == CODEC_PLAIN) {
        *ret_raw = (mw_view){reader->stored.data, stored};
        return block->raw_bytes == stored;
    }
    if (!reader->zstd)
        reader->zstd = ZSTD_createDCtx();
    mw_buf_reset(&reader->raw);
    if (!reader->zstd || !mw_buf_reserve(&reader->raw, block->raw_bytes))
        return false;
    size_t n = ZSTD_decompressDCtx(reader->zstd, reader->raw.data, block->raw_bytes,
                                   reader->stored.data, stored);
    *ret_raw = (mw_view){reader->raw.data, n};
    return !ZSTD_isError(n) && n == block->raw_bytes;
}

bool journal_reader_load(journal_reader *reader, const journal_block *block, mw_view *ret_raw)
{
    if (unpack(reader, block, ret_raw))
        return true;
    reader->damage.blocks++;
    reader->damage.bytes += JOURNAL_BLOCK_HEAD_BYTES + block->stored_bytes;
    return false;
}
