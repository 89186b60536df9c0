/* A backup on the disk: named pieces in a tar file, or in a folder.
 *
 *     backup.json               what is in it; first, so that one that is cut short is known
 *     record.db
 *     blobs/sha256/ab/cd...
 *
 * Written beside its place, synced, and moved there whole; an old one is never written over. Tar is
 * POSIX ustar; sizes from 8 GiB on in GNU's base 256. Read are also archives that were packed anew:
 * "./" before names, folders, pax headers. Names that no backup has are refused, so nothing is ever
 * written outside. */
#ifndef REGISTRY_ARCHIVE_H
#define REGISTRY_ARCHIVE_H

#include "record.h"

enum { ARCHIVE_NAME_BYTES = 100 };

/* ---- writing --------------------------------------------------------------------------------- */

typedef struct archive archive;

/* A path that ends in ".tar" is a file, any other a folder. Fails: MW_CONFLICT (MW4223) it is there
 * already; MW_IO. */
MW_CHECKED mw_status archive_create(const char *path, archive **ret_archive, mw_error *err);
/* Then exactly `bytes` by archive_write, then archive_end. */
MW_CHECKED mw_status archive_begin(archive *a, const char *name, uint64_t bytes, mw_error *err);
MW_CHECKED mw_status archive_write(archive *a, mw_view bytes, mw_error *err);
MW_CHECKED mw_status archive_end(archive *a, mw_error *err);
/* Put it in its place. Frees it, also on failure. */
MW_CHECKED mw_status archive_finish(archive *a, mw_error *err);
/* As if nothing had happened; NULL is fine. */
void archive_abandon(archive *a);

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct archive_piece {
    char name[ARCHIVE_NAME_BYTES + 1];
    uint64_t bytes;
    int fd; /* stands at its first byte; whatever of it is not read is passed over */
} archive_piece;

/* Up to `size` bytes of the piece; 0 at its end. Fails: MW_BAD_DATA (MW4221) it is cut short. */
MW_CHECKED mw_status archive_read(archive_piece *piece, void *out, size_t size, size_t *ret_size,
                                  mw_error *err);
typedef mw_status archive_see(void *user, archive_piece *piece, mw_error *err);
/* Calls `see` for each piece, in order. Fails: MW_BAD_DATA (MW4221) no backup, or damaged; as see.
 */
MW_CHECKED mw_status archive_each(const char *path, archive_see *see, void *user, mw_error *err);

/* ---- parts, for the fuzzer ------------------------------------------------------------------- */

enum { ARCHIVE_BLOCK = 512 };

typedef enum archive_kind { ARCHIVE_FILE, ARCHIVE_PASSED_OVER, ARCHIVE_THE_END } archive_kind;

/* One header block of a tar file. Fails: MW_BAD_DATA (MW4221). */
MW_CHECKED mw_status archive_read_header(const uint8_t block[ARCHIVE_BLOCK],
                                         archive_piece *ret_piece, archive_kind *ret_kind,
                                         mw_error *err);
/* Whether a backup has a piece of this name. */
bool archive_knows(const char *name);

#endif
