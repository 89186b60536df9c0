/* CRC32C and the hash of ids. Pure. */
#ifndef JOURNAL_CHECKSUM_H
#define JOURNAL_CHECKSUM_H

#include "base/base.h"

/* CRC-32C (Castagnoli, as iSCSI has it, RFC 3720 B.4) of what `crc` was of, and these bytes;
 * begin with 0. By the processor's instruction where it has one. */
uint32_t journal_crc(uint32_t crc, const void *data, size_t size);
/* The same by a table: the specification. */
uint32_t journal_crc_plain(uint32_t crc, const void *data, size_t size);
/* 64 bits of an id, equal on every machine: it stands in files. */
uint64_t journal_hash(mw_view id);

#endif
