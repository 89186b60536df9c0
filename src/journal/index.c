/* See index.h. */
#include "index.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"

#include "base/banned.h"

enum { FIRST_CAPACITY = 1024, WINDOW = 1024 };

static const char magic[8] = {'M', 'W', 'I', 'N', 'D', 'E', 'X', '1'};

void journal_index_done(journal_index *index)
{
    free(index->hashes);
    free(index->offsets);
    *index = (journal_index){0};
}

/* ---- in memory ------------------------------------------------------------------------------- */

static void put(journal_index *index, uint64_t hash, uint32_t offset)
{
    size_t at = hash & (index->capacity - 1), n_same = 0, oldest = 0;
    for (; index->offsets[at]; at = (at + 1) & (index->capacity - 1)) {
        if (index->hashes[at] != hash)
            continue;
        if (index->offsets[at] == offset)
            return;
        if (n_same == 0 || index->offsets[at] < index->offsets[oldest])
            oldest = at;
        if (++n_same == JOURNAL_SAME_MAX) {
            index->offsets[oldest] = offset;
            return;
        }
    }
    index->hashes[at] = hash;
    index->offsets[at] = offset;
    index->n++;
}

static bool grow(journal_index *index)
{
    journal_index wider = {.capacity = index->capacity ? 2 * index->capacity : FIRST_CAPACITY};
    wider.hashes = calloc(wider.capacity, sizeof *wider.hashes);
    wider.offsets = calloc(wider.capacity, sizeof *wider.offsets);
    if (!wider.hashes || !wider.offsets) {
        journal_index_done(&wider);
        return false;
    }
    for (size_t i = 0; i < index->capacity; i++)
        if (index->offsets[i])
            put(&wider, index->hashes[i], index->offsets[i]);
    journal_index_done(index);
    *index = wider;
    return true;
}

bool journal_index_add(journal_index *index, uint64_t hash, uint32_t offset)
{
    if (2 * (index->n + 1) > index->capacity && !grow(index))
        return false;
    put(index, hash, offset);
    return true;
}

static int descending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x < y) - (x > y);
}

size_t journal_index_find(const journal_index *index, uint64_t hash,
                          uint32_t ret_offsets[JOURNAL_SAME_MAX])
{
    size_t n = 0;
    if (index->capacity == 0)
        return 0;
    for (size_t at = hash & (index->capacity - 1); index->offsets[at] && n < JOURNAL_SAME_MAX;
         at = (at + 1) & (index->capacity - 1))
        if (index->hashes[at] == hash)
            ret_offsets[n++] = index->offsets[at];
    qsort(ret_offsets, n, sizeof *ret_offsets, descending);
    return n;
}

/* ---- as a file ------------------------------------------------------------------------------- */

typedef struct pair {
    uint64_t hash;
    uint32_t offset;
} pair;

static int ascending(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static pair *sorted_pairs(const journal_index *index)
{
    size_t n = 0;
    pair *pairs = malloc((index->n + 1) * sizeof *pairs);
    for (size_t i = 0; pairs && i < index->capacity; i++)
        if (index->offsets[i])
            pairs[n++] = (pair){index->hashes[i], index->offsets[i]};
    if (pairs)
        qsort(pairs, n, sizeof *pairs, ascending);
    return pairs;
}

static void write_head(char *head, const journal_index_head *about)
{
    memset(head, 0, JOURNAL_INDEX_HEAD_BYTES);
    memcpy(head, magic, sizeof magic);
    memcpy(head + 8, &about->n, 8);
    memcpy(head + 16, &about->rows, 8);
    memcpy(head + 24, &about->first_ms, 8);
    memcpy(head + 32, &about->last_ms, 8);
    uint32_t crc = journal_crc(0, head, 40);
    memcpy(head + 40, &crc, 4);
}

mw_status journal_index_write(const journal_index *index, journal_index_head head, const char *path,
                              mw_error *err)
{
    char bytes[JOURNAL_INDEX_HEAD_BYTES];
    mw_buf out;
    pair *pairs = sorted_pairs(index);
    mw_buf_init(&out, JOURNAL_INDEX_HEAD_BYTES + 12 * index->n + 1);
    head.n = index->n;
    write_head(bytes, &head);
    bool fits = pairs && mw_buf_reserve(&out, sizeof bytes + 12 * index->n);
    if (fits) {
        mw_buf_bytes(&out, bytes, sizeof bytes);
        for (size_t i = 0; i < index->n; i++)
            mw_buf_bytes(&out, &pairs[i].hash, 8);
        for (size_t i = 0; i < index->n; i++)
            mw_buf_bytes(&out, &pairs[i].offset, 4);
    }
    mw_status status = fits ? mw_file_write(path, mw_buf_as_view(&out), err)
                            : mw_fail_memory(err, "the index of a segment");
    mw_buf_done(&out);
    free(pairs);
    return status;
}

bool journal_index_read_head(int fd, journal_index_head *ret)
{
    char bytes[JOURNAL_INDEX_HEAD_BYTES];
    struct stat about;
    if (pread(fd, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes || fstat(fd, &about) != 0 ||
        memcmp(bytes, magic, sizeof magic) != 0 ||
        mw_protobuf_little(bytes + 40, 4) != journal_crc(0, bytes, 40))
        return false;
    *ret = (journal_index_head){.n = mw_protobuf_little(bytes + 8, 8),
                                .rows = mw_protobuf_little(bytes + 16, 8),
                                .first_ms = (int64_t)mw_protobuf_little(bytes + 24, 8),
                                .last_ms = (int64_t)mw_protobuf_little(bytes + 32, 8)};
    return ret->n < UINT32_MAX && (uint64_t)about.st_size == JOURNAL_INDEX_HEAD_BYTES + 12 * ret->n;
}

static size_t read_hashes(int fd, uint64_t first, size_t n, uint64_t *ret)
{
    ssize_t got = pread(fd, ret, n * 8, (off_t)(JOURNAL_INDEX_HEAD_BYTES + 8 * first));
    return got > 0 ? (size_t)got / 8 : 0;
}

static uint32_t read_offset(int fd, uint64_t n, uint64_t i)
{
    uint32_t offset = 0;
    off_t at = (off_t)(JOURNAL_INDEX_HEAD_BYTES + 8 * n + 4 * i);
    return pread(fd, &offset, sizeof offset, at) == (ssize_t)sizeof offset ? offset : 0;
}

/* The first place in [low, high) whose hash is not below: guessed from the hash, for hashes are
 * even, and narrowed a window at a time. */
static uint64_t lower_bound(int fd, uint64_t n, uint64_t hash)
{
    uint64_t window[WINDOW], low = 0, high = n;
    uint64_t guess = (uint64_t)((double)hash / 18446744073709551616.0 * (double)n);
    while (low < high) {
        uint64_t first = guess > WINDOW / 2 ? guess - WINDOW / 2 : 0;
        first = first < low ? low : first;
        size_t wanted = high - first < WINDOW ? (size_t)(high - first) : WINDOW;
        size_t got = read_hashes(fd, first, wanted, window);
        if (got < wanted || got == 0)
            return n; /* cut short meanwhile: found nowhere */
        size_t at = 0;
        while (at < got && window[at] < hash)
            at++;
        if (at == 0 && first > low)
            high = first;
        else if (at == got)
            low = first + got;
        else
            return first + at;
        guess = low + (high - low) / 2;
    }
    return low;
}

size_t journal_index_file_find(int fd, const journal_index_head *head, uint64_t hash,
                               uint32_t ret_offsets[JOURNAL_SAME_MAX])
{
    uint64_t same[JOURNAL_SAME_MAX], first = lower_bound(fd, head->n, hash);
    size_t left = head->n - first < JOURNAL_SAME_MAX ? (size_t)(head->n - first) : JOURNAL_SAME_MAX;
    size_t n = 0, got = left ? read_hashes(fd, first, left, same) : 0;
    while (n < got && same[n] == hash) {
        ret_offsets[n] = read_offset(fd, head->n, first + n);
        n++;
    }
    qsort(ret_offsets, n, sizeof *ret_offsets, descending);
    return n;
}
