/* Segments: files of blocks, each with checksums of its own.
 *
 *     "MWJOURN1" version crc | head payload | head payload | ... | torn by a crash: cut at start
 *
 *     head, 48 bytes, little-endian:
 *       0 "MWB1"   4 kind   5 codec (0 as it is, 1 zstd)   6 zero   8 stored bytes  12 raw bytes
 *      16 shape   20 rows  24 first ms  32 last ms  40 CRC32C of the stored bytes  44 of the head
 *
 * A block whose payload is damaged is passed over by its head; behind a damaged head the next good
 * one is searched for. */
#ifndef JOURNAL_SEGMENT_H
#define JOURNAL_SEGMENT_H

#include <stdio.h>
#include <zstd.h>

#include "base/base.h"

enum { JOURNAL_FILE_HEAD_BYTES = 16, JOURNAL_BLOCK_HEAD_BYTES = 48, JOURNAL_PATH_BYTES = 4096 };

typedef enum journal_kind {
    JOURNAL_SHAPE = 1, /* what rows of this number look like; before the first of them in a file */
    JOURNAL_ROWS = 2,
    JOURNAL_LABELS = 3
} journal_kind;

typedef struct journal_block {
    journal_kind kind;
    uint8_t codec;
    uint32_t stored_bytes, raw_bytes, crc;
    uint32_t shape, n_rows;
    int64_t first_ms, last_ms;
    uint64_t offset; /* of its head in the file */
} journal_block;

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct journal_packer {
    ZSTD_CCtx *zstd;
    char *packed; /* head, then what is stored */
    size_t capacity;
} journal_packer;

void journal_packer_done(journal_packer *packer);
/* Head and compressed payload into packer->packed. `block` says kind, shape, rows and times.
 * Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status journal_pack(journal_packer *packer, const journal_block *block, mw_view raw,
                                  size_t *ret_bytes, mw_error *err);
/* Write all of it at `offset`; what a failed write left is cut off again. Fails: MW_IO. */
MW_CHECKED mw_status journal_write_at(int fd, uint64_t offset, const void *data, size_t size,
                                      mw_error *err);
void journal_file_head(char ret_head[JOURNAL_FILE_HEAD_BYTES]);

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct journal_damage {
    uint64_t blocks, bytes; /* passed over */
    uint64_t torn_bytes;    /* at the end: a block that was being written, or never whole */
} journal_damage;

typedef struct journal_reader {
    int fd;
    uint64_t size, offset; /* of the next head */
    ZSTD_DCtx *zstd;
    mw_buf stored, raw;
    journal_damage damage;
} journal_reader;

/* `fd` is borrowed. Fails: MW_BAD_DATA (not a segment), MW_IO. Whether it fails or not, _done. */
MW_CHECKED mw_status journal_reader_open(journal_reader *reader, int fd, mw_error *err);
void journal_reader_done(journal_reader *reader);
/* The next block's head; false at the end: reader->offset is then where whole blocks end. */
bool journal_reader_next(journal_reader *reader, journal_block *ret_block);
/* The head that stands at `offset`; false when none does. */
bool journal_reader_head(journal_reader *reader, uint64_t offset, journal_block *ret_block);
/* Its payload, valid until the next load; false (and counted as damage) when the checksum or zstd
 * says no. */
bool journal_reader_load(journal_reader *reader, const journal_block *block, mw_view *ret_raw);

#endif
