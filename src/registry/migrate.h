/* A record's rows from its file into a database, and back. Part of the door registry.h. */
#ifndef REGISTRY_MIGRATE_H
#define REGISTRY_MIGRATE_H

typedef struct mw_migrate_report {
    mw_copy_report copied;
    int64_t n_entries; /* of the audit log, which was verified before and behind */
    char head[MW_AUDIT_HASH_BYTES];
} mw_migrate_report;

/* address: where to, a database that holds no record; NULL: back into FOLDER/record.db. All rows or
 * none, each compared; no server may have the record open. Artifacts stay where they are; the file
 * is left as record.db.moved (store.json as store.json.moved). The audit log there gets an entry by
 * `actor`. Fails: MW_NOT_FOUND (MW4008) no record; MW_CONFLICT (MW4223) the rows are there, or
 * another record's, (MW4002) it is open; MW_BAD_DATA (MW4004); as mw_store_open. */
MW_CHECKED mw_status mw_record_migrate(const char *folder, const char *address,
                                       const mw_actor *actor, mw_migrate_report *ret_report,
                                       mw_error *err);

#endif
