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
    mw_view remote;       /* where DVC pushes it; absent: the repository's usual one */
} cli_dvc_out;

bool cli_is_dvc_file(const char *path);
/* outs: [{md5: ..., path: ...}]. Fails: as mw_file_read; MW_BAD_DATA (MW4134). */
MW_CHECKED mw_status cli_dvc_read(const char *path, mw_arena *arena, cli_dvc_out **ret_outs,
                                  size_t *ret_count, mw_error *err);
/* The same from text. */
MW_CHECKED mw_status cli_dvc_parse(mw_view text, mw_arena *arena, cli_dvc_out **ret_outs,
                                   size_t *ret_count, mw_error *err);

/* ---- what DVC has pushed (dvc_remote.c) ------------------------------------------------------ */

typedef struct cli_dvc_origin {
    mw_registry *registry;
    mw_arena *arena;
    const char *file;  /* the .dvc file */
    mw_bucket *bucket; /* opened when it is first asked; the caller closes it */
} cli_dvc_origin;

/* The files of an output: objects of the record, and where may_fetch also those of DVC's remote
 * when that is s3://, which become blobs. Fails: MW_NOT_FOUND (MW4133, MW4026) nobody has it;
 * MW_BAD_DATA (MW4134) other bytes than its MD5 says; as mw_bucket_send. */
MW_CHECKED mw_status cli_dvc_files(cli_dvc_origin *origin, const cli_dvc_out *out, bool may_fetch,
                                   mw_data_files *ret_files, bool *ret_is_folder, mw_error *err);
/* The value of `key` in a section of DVC's config, [core] or ['remote "name"']; the last one
 * counts; absent: data is NULL. Pure. */
mw_view cli_dvc_setting(mw_view config, const char *section, const char *key);

#endif
