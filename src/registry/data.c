/* Versions of data, and the objects that DVC pushes and pulls: the same bytes, kept once. */
#include <ctype.h>
#include <stdlib.h>

#include "record.h"

enum { MD5_TEXT = MW_MD5_TEXT_BYTES - 1, LIST_MAX = 10000000 };

/* ---- names ----------------------------------------------------------------------------------- */

bool mw_data_is_object_name(mw_view name)
{
    static const char folder[] = ".dir";
    bool is_folder = name.size == MD5_TEXT + sizeof folder - 1 &&
                     memcmp(name.data + MD5_TEXT, folder, sizeof folder - 1) == 0;
    if (name.size != MD5_TEXT && !is_folder)
        return false;
    for (size_t i = 0; i < MD5_TEXT; i++)
        if (mw_hex_value(name.data[i]) < 0 || isupper((unsigned char)name.data[i]))
            return false;
    return true;
}

static mw_status check_name(mw_view name, mw_error *err)
{
    bool fits = name.size >= 1 && name.size <= MW_LIMIT_NAME_BYTES && name.data[0] != '.';
    for (size_t i = 0; fits && i < name.size; i++)
        fits = isalnum((unsigned char)name.data[i]) || memchr("_-.", name.data[i], 3);
    if (fits)
        return MW_OK;
    mw_fail(err, MW_E_DATA_NAME, "'%.*s' cannot be the name of a data set",
            MW_VIEW_ARG(record_cut(name, 80)));
    return mw_mend(err, "give one with --name: letters, digits, _ - and .");
}

static mw_status unknown(mw_error *err, const char *what, mw_view name)
{
    mw_fail(err, MW_E_DATA_UNKNOWN, "there is no %s '%.*s'", what,
            MW_VIEW_ARG(record_cut(name, 120)));
    return mw_mend(err, "mw data list shows what there is");
}

/* ---- DVC's lists ----------------------------------------------------------------------------- */

/* As Python's json.dumps: all beyond ASCII is escaped, since the MD5 is that of these bytes. */
static void write_ascii(mw_buf *out, mw_view text)
{
    mw_buf_char(out, '"');
    for (size_t i = 0; i < text.size;) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x80) {
            if (c == '"' || c == '\\')
                mw_buf_format(out, "\\%c", c);
            else if (c == '\n' || c == '\r' || c == '\t')
                mw_buf_format(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
            else if (c < 0x20)
                mw_buf_format(out, "\\u%04x", c);
            else
                mw_buf_char(out, (char)c);
            i++;
            continue;
        }
        unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        unsigned code = c & (0x3fu >> more);
        for (i++; more > 0 && i < text.size && ((unsigned char)text.data[i] & 0xc0) == 0x80; more--)
            code = code << 6 | ((unsigned char)text.data[i++] & 0x3f);
        if (code >= 0x10000)
            mw_buf_format(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
                          0xdc00 + ((code - 0x10000) & 0x3ff));
        else
            mw_buf_format(out, "\\u%04x", code);
    }
    mw_buf_char(out, '"');
}

void mw_data_write_list(const mw_data_files *files, mw_buf *out)
{
    mw_buf_char(out, '[');
    for (size_t i = 0; i < files->count; i++) {
        mw_buf_format(out, "%s{\"md5\": \"%.*s\", \"relpath\": ", i ? ", " : "",
                      MW_VIEW_ARG(files->items[i].md5));
        write_ascii(out, files->items[i].path);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static bool is_path_inside(mw_view path)
{
    for (size_t i = 0; i < path.size; i++)
        if ((unsigned char)path.data[i] < 0x20)
            return false;
    return path.size <= 4000 && record_is_path_normal(path) && path.data[path.size - 1] != '/';
}

static mw_status read_entry(const mw_json *node, record_memory *memory, mw_data_files *files,
                            mw_error *err)
{
    mw_view md5 = mw_json_text(mw_json_member(node, "md5"));
    mw_view path = mw_json_text(mw_json_member(node, "relpath"));
    if (md5.size != MD5_TEXT || !mw_data_is_object_name(md5) || !is_path_inside(path))
        return mw_fail(err, MW_E_DATA_OBJECT,
                       "entry %zu of the folder's list has no MD5, or a "
                       "path that leads out of the folder",
                       files->count);
    mw_data_file *file = RECORD_PUSH(memory, files);
    if (!file)
        return mw_fail_memory(err, "a folder's list");
    *file = (mw_data_file){.path = record_keep(memory, path), .md5 = record_keep(memory, md5)};
    return MW_OK;
}

mw_status mw_data_read_list(mw_view text, mw_arena *arena, mw_data_files *ret_files, mw_error *err)
{
    mw_json *root;
    mw_data_files files = {0};
    record_memory memory = {arena, false};
    if (mw_json_read(text, &root, NULL) != MW_OK)
        return mw_fail(err, MW_E_DATA_OBJECT, "the folder's list is no JSON");
    mw_status status = mw_json_is_array(root) && mw_json_count(root) <= LIST_MAX
                           ? MW_OK
                           : mw_fail(err, MW_E_DATA_OBJECT, "the folder's list is no list");
    for (size_t i = 0; i < mw_json_count(root) && status == MW_OK; i++)
        status = read_entry(mw_json_element(root, i), &memory, &files, err);
    mw_json_free(root);
    if (status == MW_OK && memory.failed)
        return mw_fail_memory(err, "a folder's list");
    if (status == MW_OK)
        *ret_files = files;
    return status;
}

/* ---- objects --------------------------------------------------------------------------------- */

mw_status mw_record_put_object(mw_record *record, mw_view name, mw_view digest, int64_t bytes,
                               mw_error *err)
{
    return mw_sql_run(
        record->session, err,
        "INSERT INTO data_objects(name, digest, bytes, created) VALUES(?, ?, ?, ?)"
        " ON CONFLICT(name) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes",
        "ttii", name, digest, bytes, mw_clock_wall_ms());
}

mw_status mw_record_object(mw_record *record, mw_view name, mw_data_file *ret_object, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT digest, bytes FROM data_objects WHERE name = ?", "t", name));
    bool found = mw_rows_next(&rows);
    if (found)
        *ret_object = (mw_data_file){.md5 = name,
                                     .digest = record_column(&memory, &rows, 0),
                                     .bytes = mw_rows_int(&rows, 1)};
    MW_TRY(record_close(&rows, &memory, err));
    return found ? MW_OK : unknown(err, "object", name);
}

/* ---- reading --------------------------------------------------------------------------------- */

#define COLUMNS "name, version, root, digest, source, user, is_folder, n_files, bytes, created"

static void read_columns(const mw_rows *rows, record_memory *memory, mw_data_version *ret_version)
{
    *ret_version = (mw_data_version){
        .name = record_column(memory, rows, 0),
        .version = mw_rows_int(rows, 1),
        .root = record_column(memory, rows, 2),
        .digest = record_column(memory, rows, 3),
        .source = record_column(memory, rows, 4),
        .user = record_column(memory, rows, 5),
        .is_folder = mw_rows_int(rows, 6) != 0,
        .n_files = mw_rows_int(rows, 7),
        .bytes = mw_rows_int(rows, 8),
        .created = mw_rows_int(rows, 9),
    };
}

/* number 0: the newest, of those that were dropped, too, or of the others. */
static mw_status find_version(mw_record *record, mw_view name, int64_t number, bool with_dropped,
                              mw_data_version *ret_version, bool *ret_found, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM data_versions WHERE name = ?1 AND"
                        " (version = ?2 OR (?2 = 0 AND (root <> '' OR ?3 = 1)))"
                        " ORDER BY version DESC LIMIT 1",
                        "tii", name, number, (int64_t)with_dropped));
    *ret_found = mw_rows_next(&rows);
    if (*ret_found)
        read_columns(&rows, &memory, ret_version);
    return record_close(&rows, &memory, err);
}

mw_status mw_record_data(mw_record *record, mw_view address, mw_data_version *ret_version,
                         mw_error *err)
{
    int64_t number = 0;
    bool found;
    mw_view rest = address, name = mw_view_cut(&rest, '@');
    bool is_newest = name.size == address.size || mw_view_is(rest, "latest");
    if (!is_newest && (!record_number(rest, &number) || number == 0))
        return unknown(err, "version", address);
    MW_TRY(find_version(record, name, number, false, ret_version, &found, err));
    if (!found)
        return unknown(err, "data set or version", address);
    if (ret_version->root.size > 0)
        return MW_OK;
    mw_fail(err, MW_E_DATA_UNKNOWN, "'%.*s' was dropped", MW_VIEW_ARG(record_cut(address, 120)));
    return mw_mend(err, "mw data list shows what there is; the audit log tells who dropped it");
}

mw_status mw_record_data_files(mw_record *record, const mw_data_version *version,
                               mw_data_files *ret_files, mw_error *err)
{
    mw_rows rows;
    mw_data_files files = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT path, md5, digest, bytes FROM data_files WHERE name = ? AND"
                        " version = ? ORDER BY path",
                        "ti", version->name, version->version));
    while (mw_rows_next(&rows)) {
        mw_data_file *file = RECORD_PUSH(&memory, &files);
        if (!file)
            break;
        *file = (mw_data_file){record_column(&memory, &rows, 0), record_column(&memory, &rows, 1),
                               record_column(&memory, &rows, 2), mw_rows_int(&rows, 3)};
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_files = files;
    return MW_OK;
}

mw_status mw_record_list_data(mw_record *record, mw_data_versions *ret_versions, mw_error *err)
{
    mw_rows rows;
    mw_data_versions found = {0};
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(
        record->session, &rows, err,
        "SELECT " COLUMNS " FROM data_versions WHERE root <> '' ORDER BY name, version", ""));
    while (mw_rows_next(&rows)) {
        mw_data_version *version = RECORD_PUSH(&memory, &found);
        if (!version)
            break;
        read_columns(&rows, &memory, version);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_versions = found;
    return MW_OK;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static void describe(const mw_new_data *wanted, const mw_buf *list, mw_data_version *version,
                     char root[MD5_TEXT + 5], char digest[MW_DIGEST_TEXT_BYTES])
{
    version->n_files = (int64_t)wanted->files.count;
    for (size_t i = 0; i < wanted->files.count; i++)
        version->bytes += wanted->files.items[i].bytes;
    if (!wanted->is_folder) {
        version->root = wanted->files.items[0].md5;
        version->digest = wanted->files.items[0].digest;
        return;
    }
    mw_buf lines;
    mw_buf_init(&lines, MW_GIB);
    for (size_t i = 0; i < wanted->files.count; i++)
        mw_buf_format(&lines, "%.*s %.*s\n", MW_VIEW_ARG(wanted->files.items[i].path),
                      MW_VIEW_ARG(wanted->files.items[i].digest));
    mw_digest_of(mw_buf_as_view(&lines), digest);
    mw_buf_done(&lines);
    mw_md5_of(mw_buf_as_view(list), root);
    memcpy(root + MD5_TEXT, ".dir", 5);
    version->root = mw_view_of(root);
    version->digest = mw_view_of(digest);
}

static mw_status put_rows(mw_record *record, const mw_new_data *wanted, const mw_data_version *v,
                          mw_error *err)
{
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO data_versions(" COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      "tittttiiii", wanted->name, v->version, v->root, v->digest, wanted->source,
                      wanted->user, (int64_t)wanted->is_folder, v->n_files, v->bytes, v->created));
    for (size_t i = 0; i < wanted->files.count; i++) {
        const mw_data_file *file = &wanted->files.items[i];
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT INTO data_files(name, version, path, md5, digest, bytes)"
                          " VALUES(?, ?, ?, ?, ?, ?)",
                          "tittti", wanted->name, v->version, file->path, file->md5, file->digest,
                          file->bytes));
        MW_TRY(mw_record_put_object(record, file->md5, file->digest, file->bytes, err));
    }
    return MW_OK;
}

static mw_status add_version(mw_record *record, const mw_new_data *wanted, const mw_buf *list,
                             mw_view list_digest, int64_t list_bytes, mw_data_version *ret_version,
                             bool *ret_is_new, mw_error *err)
{
    bool found;
    char root[MD5_TEXT + 5], digest[MW_DIGEST_TEXT_BYTES];
    mw_data_version newest, next = {.created = mw_clock_wall_ms()};
    describe(wanted, list, &next, root, digest);
    MW_TRY(find_version(record, wanted->name, 0, true, &newest, &found, err));
    *ret_is_new = !found || !mw_view_equal(newest.root, next.root) ||
                  !mw_view_equal(newest.digest, next.digest);
    if (!*ret_is_new) {
        *ret_version = newest;
        return MW_OK;
    }
    next.version = found ? newest.version + 1 : 1;
    MW_TRY(put_rows(record, wanted, &next, err));
    MW_TRY(mw_record_note(
        record, "data.add",
        record_words(record, "data %.*s@%lld", MW_VIEW_ARG(wanted->name), (long long)next.version),
        RECORD_NOTHING, next.root, err));
    if (wanted->is_folder)
        MW_TRY(mw_record_put_object(record, next.root, list_digest, list_bytes, err));
    return find_version(record, wanted->name, next.version, true, ret_version, &found, err);
}

mw_status mw_record_add_data(mw_record *record, const mw_new_data *wanted, mw_view list_digest,
                             int64_t list_bytes, mw_data_version *ret_version, bool *ret_is_new,
                             mw_error *err)
{
    mw_buf list;
    MW_TRY(check_name(wanted->name, err));
    mw_buf_init(&list, MW_GIB);
    if (wanted->is_folder)
        mw_data_write_list(&wanted->files, &list);
    mw_status status = list.failed ? mw_fail_memory(err, "a folder's list")
                                   : add_version(record, wanted, &list, list_digest, list_bytes,
                                                 ret_version, ret_is_new, err);
    mw_buf_done(&list);
    return status;
}

/* ---- dropping -------------------------------------------------------------------------------- */

/* Objects of ?1@?2 that no other version names. */
#define ONLY_ITS                                                                               \
    " FROM data_objects WHERE name IN (SELECT f.md5 FROM data_files f WHERE f.name = ?1"       \
    " AND f.version = ?2 UNION SELECT v.root FROM data_versions v WHERE v.name = ?1"           \
    " AND v.version = ?2) AND name NOT IN (SELECT f.md5 FROM data_files f WHERE f.name <> ?1"  \
    " OR f.version <> ?2) AND name NOT IN (SELECT v.root FROM data_versions v WHERE v.name <>" \
    " ?1 OR v.version <> ?2)"

static mw_status count_dropped(mw_record *record, mw_data_dropped *dropped, mw_error *err)
{
    mw_rows rows;
    const mw_data_version *v = &dropped->version;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT count(*), coalesce(sum(bytes), 0)" ONLY_ITS, "ti", v->name,
                        v->version));
    if (mw_rows_next(&rows)) {
        dropped->n_objects = mw_rows_int(&rows, 0);
        dropped->bytes = mw_rows_int(&rows, 1);
    }
    MW_TRY(mw_rows_close(&rows, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT count(*) FROM version_data WHERE digest = ? OR digest = ?", "tt",
                        v->root, v->digest));
    if (mw_rows_next(&rows))
        dropped->n_models = mw_rows_int(&rows, 0);
    return mw_rows_close(&rows, err);
}

/* Its row stays, empty: a number is never given to other data. */
mw_status mw_record_drop_data(mw_record *record, mw_view address, bool is_dry,
                              mw_data_dropped *ret_dropped, mw_error *err)
{
    mw_data_dropped dropped = {.bytes = 0};
    const mw_data_version *v = &dropped.version;
    mw_view rest = address, name = mw_view_cut(&rest, '@');
    if (name.size == address.size || mw_view_is(rest, "latest"))
        return unknown(err, "number in", address);
    MW_TRY(mw_record_data(record, address, &dropped.version, err));
    MW_TRY(count_dropped(record, &dropped, err));
    *ret_dropped = dropped;
    if (is_dry)
        return MW_OK;
    MW_TRY(mw_sql_run(record->session, err, "DELETE" ONLY_ITS, "ti", v->name, v->version));
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM data_files WHERE name = ? AND version = ?",
                      "ti", v->name, v->version));
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE data_versions SET root = '', digest = '', n_files = 0, bytes = 0"
                      " WHERE name = ? AND version = ?",
                      "ti", v->name, v->version));
    return mw_record_note(
        record, "data.drop",
        record_words(record, "data %.*s@%lld", MW_VIEW_ARG(v->name), (long long)v->version),
        v->root, RECORD_NOTHING, err);
}

/* ---- garbage --------------------------------------------------------------------------------- */

typedef struct collection {
    mw_registry *registry;
    mw_record *record;
    int64_t before_ms;
    struct {
        mw_garbage *items;
        size_t count;
    } found;
    record_memory memory;
} collection;

static mw_status see_blob(void *user, mw_view digest, int64_t bytes, int64_t kept_ms, mw_error *err)
{
    mw_rows rows;
    collection *c = user;
    if (kept_ms >= c->before_ms)
        return MW_OK;
    MW_TRY(mw_rows_open(c->record->session, &rows, err,
                        "SELECT EXISTS(SELECT 1 FROM artifacts WHERE digest = ?1) OR"
                        " EXISTS(SELECT 1 FROM data_objects WHERE digest = ?1) OR"
                        " EXISTS(SELECT 1 FROM version_passports WHERE patch = ?1) OR"
                        " EXISTS(SELECT 1 FROM gate_results WHERE report = ?1)",
                        "t", digest));
    bool is_used = !mw_rows_next(&rows) || mw_rows_int(&rows, 0) != 0;
    MW_TRY(mw_rows_close(&rows, err));
    mw_garbage *garbage = is_used ? NULL : RECORD_PUSH(&c->memory, &c->found);
    if (garbage)
        *garbage = (mw_garbage){record_keep(&c->memory, digest), bytes};
    return c->memory.failed ? mw_fail_memory(err, "the list of blobs") : MW_OK;
}

static mw_status find_garbage(mw_record *record, void *given, mw_error *err)
{
    collection *c = given;
    c->record = record;
    return mw_blobs_each(c->registry->blobs, see_blob, c, err);
}

mw_status mw_registry_collect(mw_registry *registry, int64_t before_ms, bool is_dry,
                              void (*see)(void *user, const mw_garbage *garbage), void *user,
                              mw_error *err)
{
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, 4 * MW_GIB);
    collection c = {.registry = registry, .before_ms = before_ms, .memory = {&arena, false}};
    mw_status status = mw_registry_read(registry, &arena, find_garbage, &c, err);
    for (size_t i = 0; i < c.found.count && status == MW_OK; i++) {
        if (!is_dry)
            status = mw_blobs_remove(registry->blobs, c.found.items[i].digest, err);
        if (status == MW_OK)
            see(user, &c.found.items[i]);
    }
    mw_arena_done(&arena);
    return status;
}
