/* Between paths and data sets: what `mw data` adds and writes out. */
#ifndef CLI_DATA_FILES_H
#define CLI_DATA_FILES_H

#include "registry/registry.h"

/* Gather a file, or all files of a folder, sorted by path; every one becomes a blob. Fails: as
 * mw_blobs_put_file; MW_BAD_ARGUMENT (MW4135) for what is no file, and a folder without any. */
MW_CHECKED mw_status cli_data_gather(mw_blobs *blobs, const char *path, mw_arena *arena,
                                     mw_data_files *ret_files, bool *ret_is_folder, mw_error *err);
/* Write a version to a path: whole, or not at all. What is there already is left as it is when it
 * is the same; other content is refused (MW4135). */
MW_CHECKED mw_status cli_data_write(const mw_blobs *blobs, const mw_data_files *files,
                                    bool is_folder, const char *path, bool *ret_was_there,
                                    mw_error *err);

/* One output of a ".dvc" file. */
typedef struct cli_dvc_out {
    mw_view object, path; /* object: an MD5, or that with ".dir"; path: beside the file */
} cli_dvc_out;

bool cli_is_dvc_file(const char *path);
/* outs: [{md5: ..., path: ...}]. Fails: as mw_file_read; MW_BAD_DATA (MW4134). */
MW_CHECKED mw_status cli_dvc_read(const char *path, mw_arena *arena, cli_dvc_out **ret_outs,
                                  size_t *ret_count, mw_error *err);
/* The same from text. */
MW_CHECKED mw_status cli_dvc_parse(mw_view text, mw_arena *arena, cli_dvc_out **ret_outs,
                                   size_t *ret_count, mw_error *err);

#endif
