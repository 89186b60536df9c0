/* Where each id of a segment stands: hash of the id -> offset of its block.
 *
 *     in memory, while the segment grows: open addressing
 *     beside it, once it is closed: "MWINDEX1" n first last rows crc | hashes, ascending | offsets
 *
 * A hash that is found proves nothing: the block is looked at. Ids that are said again and again
 * have the JOURNAL_SAME_MAX newest places at most. */
#ifndef JOURNAL_INDEX_H
#define JOURNAL_INDEX_H

#include "base/base.h"

enum { JOURNAL_SAME_MAX = 16, JOURNAL_INDEX_HEAD_BYTES = 48 };

typedef struct journal_index {
    uint64_t *hashes;
    uint32_t *offsets; /* 0: the slot is free */
    size_t capacity, n;
} journal_index;

void journal_index_done(journal_index *index);
/* False when memory is gone: then this id is not found later. */
bool journal_index_add(journal_index *index, uint64_t hash, uint32_t offset);
/* Its places, the newest first; returns how many. */
size_t journal_index_find(const journal_index *index, uint64_t hash,
                          uint32_t ret_offsets[JOURNAL_SAME_MAX]);

/* What is told of a closed segment. */
typedef struct journal_index_head {
    uint64_t n, rows;
    int64_t first_ms, last_ms;
} journal_index_head;

/* Fails: MW_IO, MW_NO_MEMORY. `head->n` is the index's. */
MW_CHECKED mw_status journal_index_write(const journal_index *index, journal_index_head head,
                                         const char *path, mw_error *err);
/* False when it is missing or not whole. */
bool journal_index_read_head(int fd, journal_index_head *ret_head);
/* As journal_index_find, from the file. Cost: two reads of some kB, mostly. */
size_t journal_index_file_find(int fd, const journal_index_head *head, uint64_t hash,
                               uint32_t ret_offsets[JOURNAL_SAME_MAX]);

#endif
