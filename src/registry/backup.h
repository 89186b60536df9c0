/* Copies of a whole record, and back. Part of the door registry.h.
 *
 *     record.db --a snapshot, beside its writer--> copy --\
 *     blobs: each read, its SHA-256 compared ---------------> backup.tar, or a folder
 *
 * Consistent: the rows are of one moment, and all blobs that they name were whole before it.
 */
#ifndef REGISTRY_BACKUP_H
#define REGISTRY_BACKUP_H

typedef struct mw_backup_report {
    uint64_t n_blobs, bytes; /* bytes: of the rows and the blobs */
    int64_t created;         /* ms since 1970 */
    int64_t n_entries;       /* of the audit log */
    char head[MW_AUDIT_HASH_BYTES];
} mw_backup_report;

/* Also while a server has the record open. path: "x.tar" is a file, any other name a folder; it
 * appears whole or not at all. Fails: MW_NOT_FOUND (MW4008); MW_CONFLICT (MW4223) something stands
 * there; MW_BAD_DATA (MW4004) a blob is damaged: err says which; MW_IO. */
MW_CHECKED mw_status mw_record_backup(const char *folder, const char *path,
                                      mw_backup_report *ret_report, mw_error *err);
/* Into a folder that is not there, or empty: whole or not at all. address: NULL, or a database that
 * holds no record, where the rows go: all or none, each compared. The backup's digests, the
 * database, and the audit log are checked first; an older schema is brought forward. The audit log
 * gets an entry by `actor`. Fails: MW_CONFLICT (MW4223) the folder holds something; MW_BAD_DATA
 * (MW4221) no backup, or a damaged one; MW_UNSUPPORTED (MW4003) of a newer version; MW_IO. */
MW_CHECKED mw_status mw_record_restore(const char *path, const char *folder, const char *address,
                                       const mw_actor *actor, mw_backup_report *ret_report,
                                       mw_error *err);

#endif
