/* The rows of a record from its file into PostgreSQL, and back.
 *
 *     from: a transaction that keeps others out -> to: one transaction: all rows, compared, the
 *     audit log verified, an entry in it -> commit -> store.json says where they are
 *
 * Artifacts stay where they are. What was left behind is kept under another name: nothing that was
 * the record is removed. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "record.h"

typedef struct migration {
    mw_registry from, to; /* their stores alone */
    const mw_actor *actor;
    char where[RECORD_PLACE_BYTES]; /* as it may be told */
    mw_sql *source;
    mw_audit_verdict before;
    mw_arena arena;
    mw_migrate_report report;
} migration;

/* What a new database holds; the last is written by triggers of the others. */
static const char *const seeded[] = {"experiments", "access", "deploy_epoch"};
static const mw_copy_plan plan = {seeded, MW_COUNT(seeded), "deploy_epoch", false};
static const mw_copy_plan plan_beside = {seeded, MW_COUNT(seeded), "deploy_epoch", true};

/* ---- rows -------------------------------------------------------------------------------------
 */

static mw_status verify(mw_record *record, mw_audit_verdict *ret_verdict, mw_error *err)
{
    MW_TRY(mw_record_verify_audit(record, RECORD_NOTHING, ret_verdict, err));
    if (ret_verdict->is_whole)
        return MW_OK;
    mw_fail(err, MW_E_AUDIT_BROKEN, "the audit log is broken at entry %lld: %s",
            (long long)ret_verdict->broken_seq, ret_verdict->fault);
    return mw_mend(err, "'mw audit verify' tells more; keep the file for the inquiry");
}

static mw_status fill(mw_record *record, void *given, mw_error *err)
{
    migration *m = given;
    mw_audit_verdict after;
    MW_TRY(mw_sql_copy_all(m->source, record->session, &plan, &m->report.copied, err));
    MW_TRY(verify(record, &after, err));
    if (after.n_entries != m->before.n_entries || strcmp(after.head, m->before.head) != 0)
        return mw_fail(err, MW_E_STORE_DAMAGED, "the audit log is another one");
    m->report.n_entries = after.n_entries;
    memcpy(m->report.head, after.head, sizeof m->report.head);
    return mw_record_note(record, "record.migrate", MW_VIEW("record"), RECORD_NOTHING,
                          mw_view_of(m->where), err);
}

/* Runs in a transaction of the source's writer, so that nothing is written there meanwhile. */
static mw_status read_all(mw_record *record, void *given, mw_error *err)
{
    migration *m = given;
    m->source = record->session;
    MW_TRY(verify(record, &m->before, err));
    return mw_registry_write_as(&m->to, m->actor, &m->arena, fill, m, err);
}

static mw_status copy_rows(migration *m, const char *from, const char *to, mw_error *err)
{
    mw_arena own;
    MW_TRY(mw_store_open(from, record_steps, record_n_steps, &m->from.store, err));
    mw_status status = mw_store_open(to, record_steps, record_n_steps, &m->to.store, err);
    mw_arena_init(&own, 64 * MW_KIB, MW_GIB);
    mw_arena_init(&m->arena, 64 * MW_KIB, MW_GIB);
    if (status == MW_OK)
        status = mw_registry_write(&m->from, &own, read_all, m, err);
    mw_arena_done(&m->arena);
    mw_arena_done(&own);
    mw_store_close(m->to.store);
    mw_store_close(m->from.store);
    return status;
}

/* ---- a copy beside a server ------------------------------------------------------------------ */

typedef struct copy {
    mw_sql *source;
    mw_registry to;
    mw_arena arena;
} copy;

static mw_status fill_copy(mw_record *record, void *given, mw_error *err)
{
    const copy *c = given;
    mw_copy_report report;
    return mw_sql_copy_all(c->source, record->session, &plan_beside, &report, err);
}

static mw_status read_beside(mw_record *record, void *given, mw_error *err)
{
    copy *c = given;
    c->source = record->session;
    return mw_registry_write(&c->to, &c->arena, fill_copy, c, err);
}

mw_status record_copy_rows(mw_registry *from, const char *to, mw_error *err)
{
    copy c = {.source = NULL};
    mw_arena own;
    MW_TRY(mw_store_open(to, record_steps, record_n_steps, &c.to.store, err));
    mw_arena_init(&own, 64 * MW_KIB, MW_GIB);
    mw_arena_init(&c.arena, 64 * MW_KIB, MW_GIB);
    mw_status status = mw_registry_read(from, &own, read_beside, &c, err);
    mw_arena_done(&c.arena);
    mw_arena_done(&own);
    mw_store_close(c.to.store);
    return status;
}

/* ---- files ------------------------------------------------------------------------------------
 */

static mw_status name_file(const char *folder, const char *from, const char *to, mw_error *err)
{
    char old[RECORD_PLACE_BYTES], new[RECORD_PLACE_BYTES];
    snprintf(old, sizeof old, "%s/%s", folder, from);
    snprintf(new, sizeof new, "%s/%s", folder, to);
    if (rename(old, new) == 0)
        return MW_OK;
    mw_fail(err, MW_E_STORE_OPEN, "cannot name the file '%s': %s", to, strerror(errno));
    return mw_at(err, "%s", old);
}

static void remove_part(const char *part)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < MW_COUNT(endings); i++) {
        char path[RECORD_PLACE_BYTES + 8];
        snprintf(path, sizeof path, "%s%s", part, endings[i]);
        unlink(path);
    }
}

static mw_status fail_there(const char *place, mw_error *err)
{
    mw_fail(err, MW_E_BACKUP_TARGET, "the record's rows are there already");
    return mw_at(err, "%s", place);
}

/* From store.json on the database is the record; the file is renamed behind that. */
static mw_status into_database(migration *m, const char *folder, const char *place,
                               const char *address, mw_error *err)
{
    MW_TRY(copy_rows(m, place, address, err));
    MW_TRY(record_write_address(folder, m->where, err));
    return name_file(folder, "record.db", "record.db.moved", err);
}

static mw_status into_file(migration *m, const char *folder, const char *place, mw_error *err)
{
    char part[RECORD_PLACE_BYTES], file[RECORD_PLACE_BYTES];
    snprintf(file, sizeof file, "%s/record.db", folder);
    snprintf(part, sizeof part, "%s/record.db.part-%ld", folder, (long)getpid());
    if (access(file, F_OK) == 0)
        return fail_there(file, err);
    mw_status status = copy_rows(m, place, part, err);
    if (status != MW_OK) {
        remove_part(part);
        return status;
    }
    const char *name = part + strlen(folder) + 1;
    MW_TRY(name_file(folder, name, "record.db", err));
    remove_part(part);
    return name_file(folder, "store.json", "store.json.moved", err);
}

mw_status mw_record_migrate(const char *folder, const char *address, const mw_actor *actor,
                            mw_migrate_report *ret_report, mw_error *err)
{
    char place[RECORD_PLACE_BYTES];
    migration *m = calloc(1, sizeof *m);
    if (!m)
        return mw_fail_memory(err, "the record");
    m->actor = actor;
    mw_status status = record_find_rows(folder, place, err);
    if (status == MW_OK && !record_is_there(folder))
        status = record_fail_none(folder, err);
    if (status == MW_OK && mw_store_is_address(place) == (address != NULL))
        status = fail_there(place, err);
    if (address)
        mw_store_show_address(address, m->where, sizeof m->where);
    else
        snprintf(m->where, sizeof m->where, "record.db");
    if (status == MW_OK)
        status = address ? into_database(m, folder, place, address, err)
                         : into_file(m, folder, place, err);
    if (status == MW_OK)
        *ret_report = m->report;
    free(m);
    return status;
}
