/* server backup, restore, migrate, import-mlflow: a whole record, out and in. */
#include "record_door.h"

static mw_status write_report(const cli_call *call, const char *verb, const char *where,
                              const mw_backup_report *report, mw_error *err)
{
    mw_buf out;
    mw_buf_init(&out, 64 * MW_KIB);
    if (cli_is_on(call, CLI_JSON)) {
        mw_buf_format(&out, "{\"%s\":", verb);
        mw_json_write_text(&out, mw_view_of(where));
        mw_buf_format(
            &out, ",\"files\":%llu,\"bytes\":%llu,\"audit_entries\":%lld,\"audit_head\":\"%s\"}\n",
            (unsigned long long)report->n_blobs, (unsigned long long)report->bytes,
            (long long)report->n_entries, report->head);
    } else {
        mw_buf_format(&out, "%s\t%s\t%llu files\t%llu bytes\taudit head %s\n", verb, where,
                      (unsigned long long)report->n_blobs, (unsigned long long)report->bytes,
                      report->head[0] ? report->head : "-");
    }
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status need_record(const cli_call *call, const char **ret_folder, mw_error *err)
{
    *ret_folder = call->settings[CLI_RECORD].text;
    if (*ret_folder)
        return MW_OK;
    mw_fail(err, MW_E_NO_RECORD, "no record is named");
    return mw_mend(err, "say which: --record DIR");
}

/* --output is the backup, not the report: that goes to standard output. */
mw_status cli_run_server_backup(cli_call *call, mw_error *err)
{
    const char *folder;
    mw_backup_report report;
    const char *path = call->settings[CLI_OUTPUT].text;
    MW_TRY(need_record(call, &folder, err));
    if (!path || strcmp(path, "-") == 0) {
        mw_fail(err, MW_E_MISSING_VALUE, "where to?");
        return mw_mend(err, "-o NAME.tar for a file, -o NAME for a folder");
    }
    MW_TRY(mw_record_backup(folder, path, &report, err));
    call->settings[CLI_OUTPUT].text = NULL;
    return write_report(call, "backup", path, &report, err);
}

static mw_status need_address(const char *to, mw_error *err)
{
    if (mw_store_is_address(to))
        return MW_OK;
    mw_fail(err, MW_E_STORE_URI, "'%.100s' is no address of a database", to);
    return mw_mend(err, "write postgresql://USER@HOST/DATABASE, or 'file' to migrate back");
}

mw_status cli_run_server_restore(cli_call *call, mw_error *err)
{
    const char *folder;
    mw_backup_report report;
    char name[128];
    mw_actor actor;
    const char *store = call->settings[CLI_STORE].text;
    MW_TRY(need_record(call, &folder, err));
    if (store)
        MW_TRY(need_address(store, err));
    cli_name_actor(name, sizeof name, &actor);
    MW_TRY(mw_record_restore(call->arguments[0], folder, store, &actor, &report, err));
    return write_report(call, "restored", folder, &report, err);
}

static void write_migrated(const cli_call *call, const char *to, const mw_migrate_report *r,
                           mw_buf *out)
{
    const char *head = r->head[0] ? r->head : "-";
    if (!cli_is_on(call, CLI_JSON)) {
        mw_buf_format(out, "migrated\t%s\t%llu tables\t%llu rows\taudit head %s\n", to,
                      (unsigned long long)r->copied.n_tables, (unsigned long long)r->copied.n_rows,
                      head);
        return;
    }
    mw_buf_text(out, "{\"migrated\":");
    mw_json_write_text(out, mw_view_of(to));
    mw_buf_format(out,
                  ",\"tables\":%llu,\"rows\":%llu,\"audit_entries\":%lld,"
                  "\"audit_head\":\"%s\"}\n",
                  (unsigned long long)r->copied.n_tables, (unsigned long long)r->copied.n_rows,
                  (long long)r->n_entries, r->head);
}

mw_status cli_run_server_migrate(cli_call *call, mw_error *err)
{
    mw_buf out;
    mw_actor actor;
    const char *folder, *to = call->arguments[0];
    char name[128], shown[1024];
    mw_migrate_report report;
    bool is_file = strcmp(to, "file") == 0;
    MW_TRY(need_record(call, &folder, err));
    if (!is_file)
        MW_TRY(need_address(to, err));
    cli_name_actor(name, sizeof name, &actor);
    MW_TRY(mw_record_migrate(folder, is_file ? NULL : to, &actor, &report, err));
    mw_store_show_address(to, shown, sizeof shown);
    mw_buf_init(&out, 64 * MW_KIB);
    write_migrated(call, shown, &report, &out);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}

/* ---- MLflow's database ------------------------------------------------------------------------
 */

/* "sqlite:///mlflow.db" is relative, "sqlite:////srv/mlflow.db" is not. */
static const char *path_of(const char *database)
{
    static const char scheme[] = "sqlite:///";
    return strncmp(database, scheme, sizeof scheme - 1) == 0 ? database + sizeof scheme - 1
                                                             : database;
}

static void write_import(const cli_call *call, const mw_import_report *r, mw_buf *out)
{
    const struct {
        const char *name;
        int64_t n;
    } counts[] = {{"experiments", r->experiments},
                  {"runs", r->runs},
                  {"metrics", r->metrics},
                  {"logged_models", r->logged_models},
                  {"models", r->models},
                  {"versions", r->versions},
                  {"traces", r->traces},
                  {"spans", r->spans},
                  {"evaluation_data_sets", r->evaluations},
                  {"scorers", r->scorers},
                  {"files", r->files},
                  {"bytes", r->bytes},
                  {"missing_folders", r->missing},
                  {"refused_files", r->refused}};
    bool as_json = cli_is_on(call, CLI_JSON);
    for (size_t i = 0; i < MW_COUNT(counts); i++)
        if (as_json)
            mw_buf_format(out, "%s\"%s\":%lld", i ? "," : "{", counts[i].name,
                          (long long)counts[i].n);
        else
            mw_buf_format(out, "%s\t%lld\n", counts[i].name, (long long)counts[i].n);
    if (as_json)
        mw_buf_text(out, "}\n");
}

static mw_status import_into(cli_call *call, const char *folder, mw_import_report *ret_report,
                             mw_error *err)
{
    char name[128];
    mw_actor actor;
    mw_registry *registry;
    cli_name_actor(name, sizeof name, &actor);
    MW_TRY(mw_registry_open(folder, &registry, err));
    mw_status status =
        mw_registry_import_mlflow(registry, path_of(call->arguments[0]),
                                  call->settings[CLI_ARTIFACTS].text, &actor, ret_report, err);
    mw_registry_close(registry);
    return status;
}

mw_status cli_run_server_import(cli_call *call, mw_error *err)
{
    mw_buf out;
    const char *folder;
    mw_import_report report;
    MW_TRY(need_record(call, &folder, err));
    MW_TRY(import_into(call, folder, &report, err));
    if (report.missing > 0)
        cli_note(call, "%lld folders of artifacts were not found on this machine%s",
                 (long long)report.missing,
                 call->settings[CLI_ARTIFACTS].text ? "" : "; does --artifacts name them?");
    mw_buf_init(&out, 64 * MW_KIB);
    write_import(call, &report, &out);
    mw_status status = cli_put(call, &out, err);
    mw_buf_done(&out);
    return status;
}
