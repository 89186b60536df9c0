/* Whole files in, atomic files out. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "error.h"

/* A file's bytes. Someone who cuts the file short while it is mapped would make
 * reads fault, so the content is copied into private memory: slower by a memcpy, never a crash. */
typedef struct mw_file {
    char *data; /* NUL-ended beyond size */
    size_t size;
    char *
        pages; /* where data stands in pages of its own (pages.h), a few bytes behind their begin */
    size_t paged_bytes; /* of these pages; 0: there are none */
} mw_file;

/* What a large file begins with, at most so much: how far behind the begin of a page it should
 * stand, below MW_FILE_PLACES, so that something inside it stands at the begin of a cache line. */
enum { MW_FILE_PLACES = 64, MW_FILE_HEAD_BYTES = 1 << 20 };
typedef size_t mw_file_placer(mw_view head);

/* Read a whole regular file of at most cap_bytes ("-" is not special here).
 * Fails: MW_NOT_FOUND, MW_IO, MW_NO_MEMORY (over the cap); err->where is the path. */
MW_CHECKED mw_status mw_file_read(const char *path, size_t cap_bytes, mw_file *ret_file,
                                  mw_error *err);
/* The same with a place for files that are large enough for pages. */
MW_CHECKED mw_status mw_file_read_placed(const char *path, size_t cap_bytes, mw_file_placer *place,
                                         mw_file *ret_file, mw_error *err);
void mw_file_done(mw_file *file);

/* Write a file so that a reader, or a crash, sees the old content or the new, never a mixture:
 * write beside it, fsync, rename. */
MW_CHECKED mw_status mw_file_write(const char *path, mw_view content, mw_error *err);

/* A folder whose files one process writes: the lock of FOLDER/lock, which goes with the process.
 * One that ends just now is waited for, so long. *ret_fd: close it to let go; -1 where it cannot be
 * made, which is no failure: what is wrong with the folder is said when something is written.
 * Fails: MW_CONFLICT (MW8012) another process has it; err->where is the folder. */
MW_CHECKED mw_status mw_folder_take(const char *folder, unsigned wait_ms, int *ret_fd,
                                    mw_error *err);

/* True when path names a folder. */
bool mw_file_is_folder(const char *path);

#endif
