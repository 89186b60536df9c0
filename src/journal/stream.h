/* A stream of blocks over segments: predictions, or labels.
 *
 *     closed: 1 2 3 ... (each with its index beside it)   open: 4, which grows
 *
 * One thread appends; others look ids up under the stream's lock. */
#ifndef JOURNAL_STREAM_H
#define JOURNAL_STREAM_H

#include <pthread.h>

#include "index.h"
#include "segment.h"

typedef struct journal_closed {
    uint32_t number;
    uint64_t bytes;
    journal_index_head about;
} journal_closed;

typedef struct journal_stream {
    char folder[JOURNAL_PATH_BYTES - 64];
    const char *prefix; /* "predictions"; borrowed for ever */
    size_t segment_bytes;
    pthread_mutex_t lock;   /* of all below */
    journal_closed *closed; /* the oldest first */
    size_t n_closed, capacity;
    int fd; /* of the open one; -1: none yet, or after a failure */
    uint32_t number;
    uint64_t offset;
    journal_index index;
    journal_index_head about; /* of the open one; n counts for nothing */
    uint64_t opened_ns;
    uint64_t n_removed, torn_bytes, damaged_blocks;
} journal_stream;

/* Cut what is torn, make the indexes that are missing. Fails: MW_IO, MW_NO_MEMORY. Whether it fails
 * or not, _close. */
MW_CHECKED mw_status journal_stream_open(journal_stream *stream, const char *folder,
                                         const char *prefix, size_t segment_bytes, mw_error *err);
/* Closes the open segment. */
void journal_stream_close(journal_stream *stream);

/* Make sure that a segment is open; *ret_number is its number. Fails: MW_IO. */
MW_CHECKED mw_status journal_stream_begin(journal_stream *stream, uint32_t *ret_number,
                                          mw_error *err);
/* Append a packed block of `raw`, whose ids are put into the index where it has some.
 * Fails: MW_IO: nothing has changed. */
MW_CHECKED mw_status journal_stream_append(journal_stream *stream, const journal_block *block,
                                           mw_view packed, mw_view raw, mw_error *err);
/* To the disk. Fails: MW_IO. */
MW_CHECKED mw_status journal_stream_sync(journal_stream *stream, mw_error *err);
/* Close the open segment when it is large or an hour old, or whatever it is (`now`). */
void journal_stream_roll(journal_stream *stream, bool now);
/* Remove the oldest: beyond so many bytes, and what ended before a moment; 0 = no such bound. */
void journal_stream_retain(journal_stream *stream, uint64_t bytes_max, int64_t before_ms);
uint64_t journal_stream_bytes(journal_stream *stream, uint64_t *ret_segments);

/* "DIR/predictions-00000007.log", ".idx". */
void journal_segment_path(const char *folder, const char *prefix, uint32_t number,
                          const char *ending, char ret_path[JOURNAL_PATH_BYTES]);
/* Numbers of the segments in a folder, ascending; the caller frees. Fails: MW_NOT_FOUND (no such
 * folder), MW_IO, MW_NO_MEMORY. */
MW_CHECKED mw_status journal_segments_list(const char *folder, const char *prefix,
                                           uint32_t **ret_numbers, size_t *ret_count,
                                           mw_error *err);

/* The id of each record of rows or labels in a block. */
bool journal_next_id(mw_view *raw, mw_view *ret_id);

#endif
