/* Versions of data. Part of the door of registry.h.
 *
 *     object    bytes by the name that DVC gives them: their MD5, for a folder the MD5 of its list
 *               and ".dir". The bytes are blobs, under their SHA-256: equal files are kept once
 *     version   NAME@NUMBER: a file, or a folder as a list of files; never changed
 */
#ifndef REGISTRY_DATA_H
#define REGISTRY_DATA_H

typedef struct mw_data_file {
    mw_view path, md5, digest; /* path: relative, parted by '/'; of a single file its name */
    int64_t bytes;
} mw_data_file;

typedef struct mw_data_files {
    mw_data_file *items;
    size_t count;
} mw_data_files;

typedef struct mw_data_version {
    mw_view name, root; /* root: the object's name: MD5, or MD5 and ".dir" */
    mw_view digest;     /* SHA-256 of the file; of a folder of its lines "path digest\n" */
    mw_view source, user;
    int64_t version, n_files, bytes, created;
    bool is_folder;
} mw_data_version;

typedef struct mw_data_versions {
    mw_data_version *items;
    size_t count;
} mw_data_versions;

typedef struct mw_new_data {
    mw_view name, source, user;
    mw_data_files files; /* sorted by path; their blobs have been kept */
    bool is_folder;
} mw_new_data;

/* DVC's list of a folder, as it writes it: [{"md5": ..., "relpath": ...}, ...]. */
void mw_data_write_list(const mw_data_files *files, mw_buf *out);
/* And back; paths that lead out of the folder are refused. Sizes and digests stay empty.
 * Fails: MW_BAD_DATA (MW4134). */
MW_CHECKED mw_status mw_data_read_list(mw_view text, mw_arena *arena, mw_data_files *ret_files,
                                       mw_error *err);

/* A further version; when the newest one has the same content, that one and *ret_is_new false. Of a
 * folder its list must be a blob already, of this digest. Fails: MW_BAD_ARGUMENT (MW4132). */
MW_CHECKED mw_status mw_record_add_data(mw_record *record, const mw_new_data *wanted,
                                        mw_view list_digest, int64_t list_bytes,
                                        mw_data_version *ret_version, bool *ret_is_new,
                                        mw_error *err);
/* "NAME@3", "NAME@latest", "NAME". Fails: MW_NOT_FOUND (MW4133). */
MW_CHECKED mw_status mw_record_data(mw_record *record, mw_view address,
                                    mw_data_version *ret_version, mw_error *err);
MW_CHECKED mw_status mw_record_data_files(mw_record *record, const mw_data_version *version,
                                          mw_data_files *ret_files, mw_error *err);
/* By name and version. */
MW_CHECKED mw_status mw_record_list_data(mw_record *record, mw_data_versions *ret_versions,
                                         mw_error *err);
/* The blob must have been kept. */
MW_CHECKED mw_status mw_record_put_object(mw_record *record, mw_view name, mw_view digest,
                                          int64_t bytes, mw_error *err);
/* Fails: MW_NOT_FOUND (MW4133). */
MW_CHECKED mw_status mw_record_object(mw_record *record, mw_view name, mw_data_file *ret_object,
                                      mw_error *err);
/* "900150983cd24fb0d6963f7d28e17f72", and that with ".dir". */
bool mw_data_is_object_name(mw_view name);

typedef struct mw_data_dropped {
    mw_data_version version;  /* as it was */
    int64_t n_objects, bytes; /* that no other version names: they go, too */
    int64_t n_models;         /* versions of models that were made of it */
} mw_data_dropped;

/* "NAME@3" is no more, nor are the objects that only it named, also where DVC pushed them; its
 * number is not given again. The bytes stay until mw_registry_collect. Fails: MW_NOT_FOUND (MW4133)
 * also without a number. */
MW_CHECKED mw_status mw_record_drop_data(mw_record *record, mw_view address, bool is_dry,
                                         mw_data_dropped *ret_dropped, mw_error *err);

typedef struct mw_garbage {
    mw_view digest;
    int64_t bytes;
} mw_garbage;

/* Blobs that nothing in the record refers to and that were kept before `before_ms`: see() tells
 * each, and then it is removed unless is_dry. Needs the record for itself. */
MW_CHECKED mw_status mw_registry_collect(mw_registry *registry, int64_t before_ms, bool is_dry,
                                         void (*see)(void *user, const mw_garbage *garbage),
                                         void *user, mw_error *err);

#endif
