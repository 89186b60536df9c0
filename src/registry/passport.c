/* Passports: what a version is made of, kept when it is registered, in the same transaction.
 *
 *     version -> files of its location -> digest, MLmodel, requirements.txt ...
 *             -> run -> tags (git, user), data sets
 *
 * A file that cannot be read is told in the passport and stops no registration: MLflow takes such
 * versions, too. Large files are never read, only their digests, which the record has. */
#include <math.h>

#include "passport.h"

enum { FILE_BYTES_MAX = MW_LIMIT_PASSPORT_FILE_BYTES };

/* ---- files ----------------------------------------------------------------------------------- */

typedef struct gathering {
    mw_record *record;
    record_memory memory;
    mw_passport *passport;
    mw_artifacts files;
    mw_view root, model_file;
} gathering;

static const mw_artifact *file_named(const gathering *g, mw_view name)
{
    size_t skip = g->root.size + 1;
    for (size_t i = 0; i < g->files.count; i++) {
        mw_view path = g->files.items[i].path;
        if (mw_view_equal((mw_view){path.data + skip, path.size - skip}, name))
            return &g->files.items[i];
    }
    return NULL;
}

static void note_fault(gathering *g, const char *name, const mw_error *err)
{
    mw_buf text;
    mw_buf_init(&text, 4 * MW_KIB);
    if (g->passport->fault.data) {
        mw_buf_view(&text, g->passport->fault);
        mw_buf_text(&text, "; ");
    }
    mw_buf_format(&text, "%s: %s%s%s", name, err->where, err->where[0] ? ": " : "", err->what);
    g->passport->fault = record_keep(&g->memory, mw_buf_as_view(&text));
    mw_buf_done(&text);
}

typedef mw_status reader(mw_view text, gathering *g, mw_error *err);

static mw_status read_mlmodel(mw_view text, gathering *g, mw_error *err)
{
    return passport_read_mlmodel(text, &g->memory, g->passport, &g->model_file, err);
}

static mw_status read_contract(mw_view text, gathering *g, mw_error *err)
{
    return passport_read_contract(text, &g->memory, g->passport, err);
}

static mw_status read_requirements(mw_view text, gathering *g, mw_error *err)
{
    (void)err;
    passport_read_requirements(text, &g->memory, g->passport);
    return MW_OK;
}

static mw_status read_environment(mw_view text, gathering *g, mw_error *err)
{
    return passport_read_environment(text, &g->memory, g->passport, err);
}

static mw_status read_example(mw_view text, gathering *g, mw_error *err)
{
    return passport_read_example(text, g->passport, err);
}

static mw_status read_bytes(gathering *g, const mw_artifact *file, reader *read, mw_error *err)
{
    mw_buf bytes;
    if (file->bytes > FILE_BYTES_MAX)
        return mw_fail(err, MW_E_RECORD_PASSPORT, "it is larger than %d bytes and was not read",
                       (int)FILE_BYTES_MAX);
    mw_buf_init(&bytes, FILE_BYTES_MAX + 1);
    mw_status status = mw_blobs_read(g->record->registry->blobs, file->digest, 0,
                                     (size_t)file->bytes, &bytes, err);
    if (status == MW_OK)
        status = read(mw_buf_as_view(&bytes), g, err);
    mw_buf_done(&bytes);
    return status;
}

static void read_file(gathering *g, mw_view name, reader *read)
{
    mw_error err = {0};
    char shown[80];
    const mw_artifact *file = file_named(g, name);
    snprintf(shown, sizeof shown, "%.*s", MW_VIEW_ARG(name));
    if (file && read_bytes(g, file, read, &err) != MW_OK)
        note_fault(g, shown, &err);
}

/* What is declared beside the model's file, once MLmodel has told its name. */
static void read_beside(gathering *g)
{
    mw_buf name;
    mw_buf_init(&name, 64 * MW_KIB);
    mw_buf_format(&name, "%.*s.contract.yaml", MW_VIEW_ARG(g->model_file));
    if (g->model_file.size > 0 && !name.failed)
        read_file(g, mw_buf_as_view(&name), read_contract);
    mw_buf_done(&name);
}

/* As the flavor is chosen: those of trees come first. */
static bool is_onnx(mw_view flavors)
{
    bool is = false;
    while (flavors.size > 0) {
        mw_view one = mw_view_trim(mw_view_cut(&flavors, ','));
        if (mw_view_is(one, "xgboost") || mw_view_is(one, "lightgbm"))
            return false;
        is = is || mw_view_is(one, "onnx");
    }
    return is;
}

typedef struct blob {
    const mw_blobs *blobs;
    mw_view digest;
} blob;

static mw_status fetch_bytes(void *user, uint64_t begin, size_t size, mw_buf *out, mw_error *err)
{
    const blob *b = user;
    return mw_blobs_read(b->blobs, b->digest, begin, size, out, err);
}

/* What MLmodel does not say of an ONNX model, its graph does. */
static void read_graph(gathering *g)
{
    mw_error err = {0};
    const mw_artifact *file = is_onnx(g->passport->flavors) ? file_named(g, g->model_file) : NULL;
    if (!file)
        return;
    blob b = {g->record->registry->blobs, file->digest};
    if (passport_read_onnx(fetch_bytes, &b, (uint64_t)file->bytes, &g->memory, g->passport, &err) !=
        MW_OK)
        note_fault(g, "model", &err);
}

static void read_files(gathering *g)
{
    static const struct {
        const char *name;
        reader *read;
    } known[] = {
        {"requirements.txt", read_requirements},
        {"python_env.yaml", read_environment},
        {"conda.yaml", read_environment},
        {"MLmodel", read_mlmodel},
    };
    for (size_t i = 0; i < MW_COUNT(known); i++)
        read_file(g, mw_view_of(known[i].name), known[i].read);
    read_graph(g);
    read_file(g, MW_VIEW("input_example.json"), read_example);
    read_beside(g);
}

static mw_status gather_files(gathering *g, mw_view location, mw_error *err)
{
    char digest[MW_DIGEST_TEXT_BYTES];
    g->root = mw_artifact_root(location);
    if (!g->root.data)
        return MW_OK; /* s3://...: not ours to read */
    MW_TRY(record_files_below(g->record, g->root, &g->files, err));
    g->passport->n_files = (int64_t)g->files.count;
    for (size_t i = 0; i < g->files.count; i++)
        g->passport->bytes += g->files.items[i].bytes;
    if (g->files.count == 0)
        return MW_OK;
    MW_TRY(record_digest_files(&g->files, g->root, digest, err));
    g->passport->digest = record_keep(&g->memory, mw_view_of(digest));
    read_files(g);
    return MW_OK;
}

/* ---- the run --------------------------------------------------------------------------------- */

static mw_view tag_of(const mw_tags *tags, const char *key)
{
    mw_view told = mw_tags_get(tags, key);
    return told.size > 0 ? told : (mw_view){NULL, 0};
}

static mw_view first_of(mw_view a, mw_view b)
{
    return a.data ? a : b;
}

static bool ends_with(mw_view text, const char *end)
{
    size_t size = strlen(end);
    return text.size > size && memcmp(text.data + text.size - size, end, size) == 0;
}

/* What was not committed: the tag that holds it, or a file "*.patch" or "*.diff" that the run has
 * at the top of its artifacts. */
static mw_status find_patch(gathering *g, const mw_run *run, mw_view told, mw_error *err)
{
    mw_artifacts found;
    if (told.data) {
        char digest[MW_DIGEST_TEXT_BYTES];
        mw_digest_of(told, digest);
        g->passport->patch = record_keep(&g->memory, mw_view_of(digest));
        return MW_OK;
    }
    mw_view root = mw_artifact_root(run->info.artifact_uri);
    if (!root.data)
        return MW_OK;
    MW_TRY(mw_record_list_artifacts(g->record, root, &found, err));
    for (size_t i = 0; i < found.count && !g->passport->patch.data; i++)
        if (!found.items[i].is_folder &&
            (ends_with(found.items[i].path, ".patch") || ends_with(found.items[i].path, ".diff")))
            g->passport->patch = found.items[i].digest;
    return MW_OK;
}

static mw_status gather_code(gathering *g, const mw_run *run, const mw_tags *of_model,
                             mw_error *err)
{
    mw_passport *p = g->passport;
    const mw_tags *tags = &run->tags;
    p->commit =
        first_of(tag_of(tags, "mlflow.source.git.commit"), tag_of(of_model, "mlflow.git.commit"));
    p->branch =
        first_of(tag_of(tags, "mlflow.source.git.branch"), tag_of(of_model, "mlflow.git.branch"));
    p->repository = first_of(tag_of(tags, "mlflow.source.git.repoURL"),
                             tag_of(of_model, "mlflow.git.repo_url"));
    p->entry = tag_of(tags, "mlflow.source.name");
    p->user = first_of(tag_of(tags, "mlflow.user"),
                       run->info.user.size > 0 ? run->info.user : (mw_view){NULL, 0});
    mw_view dirty =
        first_of(tag_of(tags, "mlflow.source.git.dirty"), tag_of(of_model, "mlflow.git.dirty"));
    mw_view diff =
        first_of(tag_of(tags, "mlflow.source.git.diff"), tag_of(of_model, "mlflow.git.diff"));
    MW_TRY(find_patch(g, run, diff, err));
    if (dirty.data)
        p->dirty = mw_view_is_nocase(dirty, "true") || mw_view_is(dirty, "1");
    else if (p->patch.data)
        p->dirty = 1;
    return MW_OK;
}

static void gather_data(gathering *g, const mw_run *run)
{
    for (size_t i = 0; i < run->datasets.count; i++) {
        const mw_dataset *from = &run->datasets.items[i];
        mw_passport_data *data = RECORD_PUSH(&g->memory, &g->passport->data);
        if (!data)
            return;
        *data = (mw_passport_data){from->name, from->digest, from->source_type, from->source,
                                   tag_of(&from->tags, "mlflow.data.context")};
    }
}

/* A run that was named and never was: MLflow takes it for other servers' runs. */
static mw_status gather_run(gathering *g, const mw_model_version *version, mw_error *err)
{
    mw_run run = {0};
    mw_logged_model logged = {0};
    mw_error none;
    if (version->model_id.size > 0)
        (void)!mw_record_logged_model(g->record, version->model_id, &logged, &none);
    if (version->run_id.size > 0 && mw_record_run(g->record, version->run_id, &run, &none) != MW_OK)
        run = (mw_run){0};
    MW_TRY(gather_code(g, &run, &logged.tags, err));
    gather_data(g, &run);
    return MW_OK;
}

static mw_status gather(mw_record *record, const mw_model_version *version,
                        mw_passport *ret_passport, mw_error *err)
{
    *ret_passport = (mw_passport){.dirty = -1, .created = version->created};
    gathering g = {.record = record, .memory = {record->arena, false}, .passport = ret_passport};
    MW_TRY(gather_files(&g, version->location, err));
    MW_TRY(gather_run(&g, version, err));
    return g.memory.failed ? mw_fail_memory(err, "a version's passport") : MW_OK;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static mw_value maybe(double number)
{
    return (mw_value){.kind = isnan(number) ? MW_VALUE_NULL : MW_VALUE_DOUBLE, .number = number};
}

/* ["salary", "wage"]; absent: it always had its name. */
static void list_former(const mw_passport_column *c, mw_buf *out)
{
    for (size_t i = 0; i < c->n_was; i++) {
        mw_buf_char(out, i ? ',' : '[');
        mw_json_write_text(out, c->was[i]);
    }
    if (c->n_was > 0)
        mw_buf_char(out, ']');
}

/* The columns of a version, as rows; of each what it was called before, as a list. */
typedef struct column_rows {
    const mw_model_version *version;
    const mw_passport_column *columns;
    mw_view *was;
} column_rows;

static mw_value whole(int64_t number)
{
    return (mw_value){.kind = MW_VALUE_INT, .integer = number};
}

static mw_value text(mw_view said)
{
    return (mw_value){.kind = MW_VALUE_TEXT, .text = said};
}

static void fill_column(void *user, size_t row, mw_value *ret_values)
{
    const column_rows *rows = user;
    const mw_passport_column *c = &rows->columns[row];
    const mw_value values[] = {whole(rows->version->model),
                               whole(rows->version->version),
                               whole((int64_t)row),
                               whole(c->is_output),
                               text(c->name),
                               text(c->type),
                               whole(c->required),
                               text(rows->was[row]),
                               maybe(c->low), /* null: texts only, or no example */
                               maybe(c->high),
                               maybe(c->missing)};
    memcpy(ret_values, values, sizeof values);
}

static mw_status list_all_former(mw_record *record, const mw_passport *p, mw_view *ret_was,
                                 mw_error *err)
{
    mw_buf was;
    record_memory memory = {record->arena, false};
    mw_buf_init(&was, 8 * FILE_BYTES_MAX); /* a name of the file, its bytes escaped */
    for (size_t i = 0; i < p->columns.count; i++) {
        mw_buf_reset(&was);
        list_former(&p->columns.items[i], &was);
        memory.failed = memory.failed || was.failed;
        if (was.size > 0)
            ret_was[i] = record_keep(&memory, mw_buf_as_view(&was));
    }
    mw_buf_done(&was);
    return memory.failed ? mw_fail_memory(err, "names of columns") : MW_OK;
}

static mw_status keep_columns(mw_record *record, const mw_model_version *v, const mw_passport *p,
                              mw_error *err)
{
    size_t n = p->columns.count;
    column_rows rows = {v, p->columns.items,
                        mw_arena_take_zeroed(record->arena, n, sizeof *rows.was)};
    if (!rows.was)
        return mw_fail_memory(err, "names of columns");
    MW_TRY(list_all_former(record, p, rows.was, err));
    return mw_sql_post_rows(record->session, err,
                            "INSERT INTO version_columns(model, version, place, is_output, name,"
                            " type, required, was, low, high, missing)"
                            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                            "iiiittitddd", n, fill_column, &rows);
}

static mw_status keep_lists(mw_record *record, const mw_model_version *v, const mw_passport *p,
                            mw_error *err)
{
    for (size_t i = 0; i < p->libraries.count; i++)
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT INTO version_libraries(model, version, name, wanted)"
                          " VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
                          "iitt", v->model, v->version, p->libraries.items[i].name,
                          p->libraries.items[i].version));
    for (size_t i = 0; i < p->data.count; i++) {
        const mw_passport_data *d = &p->data.items[i];
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT INTO version_data(model, version, name, digest,"
                          " source_type, source, context) VALUES(?, ?, ?, ?, ?, ?, ?)"
                          " ON CONFLICT DO NOTHING",
                          "iittttt", v->model, v->version, d->name, d->digest, d->source_type,
                          d->source, d->context));
    }
    return keep_columns(record, v, p, err);
}

mw_status record_keep_passport(mw_record *record, const mw_model_version *version, mw_error *err)
{
    mw_passport p;
    MW_TRY(gather(record, version, &p, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO version_passports(model, version, digest, n_files, bytes,"
                      " n_examples, commit_id, branch, repository, entry, dirty, patch, user,"
                      " flavors, mlflow_version, python, fault, created)"
                      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      "iitiiittttitttttti", version->model, version->version, p.digest, p.n_files,
                      p.bytes, p.n_examples, p.commit, p.branch, p.repository, p.entry, p.dirty,
                      p.patch, p.user, p.flavors, p.mlflow_version, p.python, p.fault, p.created));
    return keep_lists(record, version, &p, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

static mw_status load_row(mw_record *record, const mw_model_version *v, mw_passport *p,
                          mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT n_files, bytes, n_examples, dirty, created, digest, commit_id,"
                        " branch, repository, entry, patch, user, flavors, mlflow_version, python,"
                        " fault FROM version_passports WHERE model = ? AND version = ?",
                        "ii", v->model, v->version));
    p->is_recorded = mw_rows_next(&rows);
    if (p->is_recorded) {
        int64_t *numbers[] = {&p->n_files, &p->bytes, &p->n_examples, &p->dirty, &p->created};
        mw_view *texts[] = {&p->digest,         &p->commit, &p->branch, &p->repository,
                            &p->entry,          &p->patch,  &p->user,   &p->flavors,
                            &p->mlflow_version, &p->python, &p->fault};
        for (int i = 0; i < (int)MW_COUNT(numbers); i++)
            *numbers[i] = mw_rows_int(&rows, i);
        for (int i = 0; i < (int)MW_COUNT(texts); i++)
            *texts[i] = record_column(&memory, &rows, i + (int)MW_COUNT(numbers));
    }
    return record_close(&rows, &memory, err);
}

static mw_status load_libraries(mw_record *record, const mw_model_version *v, mw_passport *p,
                                mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT name, wanted FROM version_libraries WHERE model = ? AND"
                        " version = ? ORDER BY name",
                        "ii", v->model, v->version));
    while (mw_rows_next(&rows)) {
        mw_library *library = RECORD_PUSH(&memory, &p->libraries);
        if (!library)
            break;
        *library = (mw_library){record_column(&memory, &rows, 0), record_column(&memory, &rows, 1)};
    }
    return record_close(&rows, &memory, err);
}

static mw_status load_data(mw_record *record, const mw_model_version *v, mw_passport *p,
                           mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT name, digest, source_type, source, context FROM version_data"
                        " WHERE model = ? AND version = ? ORDER BY name, digest",
                        "ii", v->model, v->version));
    while (mw_rows_next(&rows)) {
        mw_passport_data *d = RECORD_PUSH(&memory, &p->data);
        if (!d)
            break;
        mw_view *columns[] = {&d->name, &d->digest, &d->source_type, &d->source, &d->context};
        for (int i = 0; i < (int)MW_COUNT(columns); i++)
            *columns[i] = record_column(&memory, &rows, i);
    }
    return record_close(&rows, &memory, err);
}

static double number_or_nan(const mw_rows *rows, int column)
{
    return mw_rows_is_null(rows, column) ? NAN : mw_rows_double(rows, column);
}

static void load_former(record_memory *memory, mw_view list, mw_passport_column *column)
{
    mw_error none;
    mw_json *root;
    if (!list.data || mw_json_read(list, &root, &none) != MW_OK)
        return;
    size_t n = mw_json_count(root);
    mw_view *names = mw_arena_take_zeroed(memory->arena, n + 1, sizeof *names);
    memory->failed = memory->failed || !names;
    for (size_t i = 0; names && i < n; i++)
        names[i] = record_keep(memory, mw_json_text(mw_json_element(root, i)));
    column->was = names;
    column->n_was = names ? n : 0;
    mw_json_free(root);
}

static mw_status load_columns(mw_record *record, const mw_model_version *v, mw_passport *p,
                              mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT name, type, is_output, required, low, high, missing, was FROM"
                        " version_columns WHERE model = ? AND version = ? ORDER BY place",
                        "ii", v->model, v->version));
    while (mw_rows_next(&rows)) {
        mw_passport_column *c = RECORD_PUSH(&memory, &p->columns);
        if (!c)
            break;
        *c = (mw_passport_column){.name = record_column(&memory, &rows, 0),
                                  .type = record_column(&memory, &rows, 1),
                                  .is_output = mw_rows_int(&rows, 2) != 0,
                                  .required = mw_rows_int(&rows, 3) != 0,
                                  .low = number_or_nan(&rows, 4),
                                  .high = number_or_nan(&rows, 5),
                                  .missing = number_or_nan(&rows, 6)};
        load_former(&memory, record_column(&memory, &rows, 7), c);
    }
    return record_close(&rows, &memory, err);
}

mw_status mw_record_passport(mw_record *record, const mw_model_version *version,
                             mw_passport *ret_passport, mw_error *err)
{
    mw_passport p = {0};
    MW_TRY(load_row(record, version, &p, err));
    if (!p.is_recorded)
        return gather(record, version, ret_passport, err);
    MW_TRY(load_libraries(record, version, &p, err));
    MW_TRY(load_data(record, version, &p, err));
    MW_TRY(load_columns(record, version, &p, err));
    *ret_passport = p;
    return MW_OK;
}
