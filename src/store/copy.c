/* All rows of one store into another, whatever the engines.
 *
 *     from: tables in the order they were made, rows by their primary key, a page at a time
 *        -> SHA-256 of every value -> INSERT of many rows -> to
 *     then `to` is read in the same order: the same digest, or nothing is kept
 *
 * Tables are made parents first, so foreign keys hold at every step. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "link.h"
#include "scratch.h"

enum { PAGE_ROWS = 1000, PAGE_VALUES = 32000, PAGE_BYTES_MAX = 1 << 30, SQL_BYTES_MAX = 4 << 20 };

typedef struct column {
    const char *name;
    mw_kind kind;
    size_t key; /* its place in the primary key, from 1 on; 0: none */
} column;

typedef struct table {
    const char *name;
    column *columns;
    size_t n_columns, n_keys;
} table;

typedef struct tables {
    table *items;
    size_t count;
} tables;

typedef struct copying {
    mw_sql *from, *to;
    const mw_copy_plan *plan;
    mw_arena names, page; /* page: dropped with each */
    mw_buf sql;
    EVP_MD_CTX *hash;
    uint64_t n_rows; /* of the table that is read */
    mw_copy_report report;
} copying;

/* ---- which tables there are -------------------------------------------------------------------
 */

typedef struct catalog {
    const char *tables, *columns; /* name; name, type, place in the key */
} catalog;

static const catalog catalogs[] = {
    {"SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
     " ORDER BY rowid",
     "SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid"},
    {"SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
     " WHERE n.nspname = 'millwright' AND c.relkind = 'r'"
     " AND c.relname NOT IN ('about', 'commits') ORDER BY c.oid",
     "SELECT a.attname::text, format_type(a.atttypid, NULL),"
     " coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)"
     " FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary"
     " WHERE a.attrelid = ('millwright.' || quote_ident(?))::regclass AND a.attnum > 0"
     " AND NOT a.attisdropped ORDER BY a.attnum"},
};

static const catalog *catalog_of(const mw_sql *session)
{
    return &catalogs[session->engine == &store_postgres];
}

static mw_kind kind_of(mw_view type)
{
    bool is_whole = mw_view_is_nocase(type, "integer") || mw_view_is_nocase(type, "bigint");
    bool is_real = mw_view_is_nocase(type, "real") || mw_view_is_nocase(type, "double precision");
    return is_whole ? MW_VALUE_INT : is_real ? MW_VALUE_DOUBLE : MW_VALUE_TEXT;
}

/* Room for one more; sizes double at 1, 2, 4 ... */
static void *push(mw_arena *arena, void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    void *wider = mw_arena_take(arena, (count ? 2 * count : 1) * size);
    if (wider && count > 0)
        memcpy(wider, items, count * size);
    return wider;
}

static mw_status read_columns(copying *c, mw_sql *session, table *t, mw_error *err)
{
    mw_rows rows;
    const char *name = NULL; /* of the last; NULL: there is none, or memory is gone */
    MW_TRY(
        mw_rows_open(session, &rows, err, catalog_of(session)->columns, "t", mw_view_of(t->name)));
    while (mw_rows_next(&rows)) {
        t->columns = push(&c->names, t->columns, t->n_columns, sizeof *t->columns);
        name = t->columns ? mw_arena_text(&c->names, mw_rows_text(&rows, 0)) : NULL;
        if (!name)
            break;
        size_t key = (size_t)mw_rows_int(&rows, 2);
        t->columns[t->n_columns++] = (column){name, kind_of(mw_rows_text(&rows, 1)), key};
        t->n_keys += key > 0;
    }
    MW_TRY(mw_rows_close(&rows, err));
    return name ? MW_OK : mw_fail_memory(err, "the tables");
}

static mw_status read_tables(copying *c, mw_sql *session, tables *ret_tables, mw_error *err)
{
    mw_rows rows;
    tables found = {NULL, 0};
    const char *name = NULL;
    MW_TRY(mw_rows_open(session, &rows, err, catalog_of(session)->tables, ""));
    while (mw_rows_next(&rows)) {
        found.items = push(&c->names, found.items, found.count, sizeof *found.items);
        name = found.items ? mw_arena_text(&c->names, mw_rows_text(&rows, 0)) : NULL;
        if (!name)
            break;
        found.items[found.count++] = (table){.name = name};
    }
    MW_TRY(mw_rows_close(&rows, err));
    if (!name)
        return mw_fail_memory(err, "the tables");
    for (size_t i = 0; i < found.count; i++)
        MW_TRY(read_columns(c, session, &found.items[i], err));
    *ret_tables = found;
    return MW_OK;
}

static const table *find_table(const tables *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i].name, name) == 0)
            return &all->items[i];
    return NULL;
}

static bool are_alike(const table *a, const table *b)
{
    bool alike = b && a->n_columns == b->n_columns && a->n_keys == b->n_keys;
    for (size_t i = 0; alike && i < a->n_columns; i++)
        alike = strcmp(a->columns[i].name, b->columns[i].name) == 0 &&
                a->columns[i].kind == b->columns[i].kind && a->columns[i].key == b->columns[i].key;
    return alike && a->n_keys > 0;
}

static mw_status check_alike(const tables *from, const tables *to, mw_error *err)
{
    const char *other = from->count == to->count ? NULL : "their number";
    for (size_t i = 0; !other && i < from->count; i++)
        if (!are_alike(&from->items[i], find_table(to, from->items[i].name)))
            other = from->items[i].name;
    if (!other)
        return MW_OK;
    mw_fail(err, MW_E_STORE_DAMAGED, "the tables of the two are not alike: %s", other);
    return mw_mend(err, "somebody has changed the schema by hand; undo that first");
}

/* ---- statements -------------------------------------------------------------------------------
 */

static void put_name(mw_buf *out, const char *name)
{
    mw_buf_format(out, "\"%s\"", name);
}

static const column *key_at(const table *t, size_t place)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (t->columns[i].key == place)
            return &t->columns[i];
    return NULL;
}

static void put_keys(mw_buf *out, const table *t)
{
    for (size_t i = 1; i <= t->n_keys; i++) {
        mw_buf_text(out, i > 1 ? ", " : "");
        put_name(out, key_at(t, i)->name);
    }
}

static void put_columns(mw_buf *out, const table *t)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        mw_buf_text(out, i ? ", " : "");
        put_name(out, t->columns[i].name);
    }
}

static void put_marks(mw_buf *out, size_t n)
{
    mw_buf_char(out, '(');
    for (size_t i = 0; i < n; i++)
        mw_buf_text(out, i ? ", ?" : "?");
    mw_buf_char(out, ')');
}

static size_t page_rows(const table *t)
{
    size_t fits = PAGE_VALUES / t->n_columns;
    return fits < PAGE_ROWS ? fits : PAGE_ROWS;
}

static void write_select(copying *c, const table *t, bool is_first)
{
    mw_buf *sql = &c->sql;
    mw_buf_reset(sql);
    mw_buf_text(sql, "SELECT ");
    put_columns(sql, t);
    mw_buf_text(sql, " FROM ");
    put_name(sql, t->name);
    if (!is_first) {
        mw_buf_text(sql, " WHERE (");
        put_keys(sql, t);
        mw_buf_text(sql, ") > ");
        put_marks(sql, t->n_keys);
    }
    mw_buf_text(sql, " ORDER BY ");
    put_keys(sql, t);
    mw_buf_format(sql, " LIMIT %zu", page_rows(t));
}

static void write_insert(copying *c, const table *t, size_t n_rows)
{
    mw_buf *sql = &c->sql;
    mw_buf_reset(sql);
    mw_buf_text(sql, "INSERT INTO ");
    put_name(sql, t->name);
    mw_buf_char(sql, '(');
    put_columns(sql, t);
    mw_buf_text(sql, ") VALUES");
    for (size_t i = 0; i < n_rows; i++) {
        mw_buf_text(sql, i ? ", " : "");
        put_marks(sql, t->n_columns);
    }
}

/* What stands in c->sql, whose rows do not matter; their number does. */
/* ---- pages ------------------------------------------------------------------------------------
 */

static void hash_value(EVP_MD_CTX *hash, const mw_value *value)
{
    unsigned char kind = (unsigned char)value->kind;
    uint64_t size = value->text.size;
    EVP_DigestUpdate(hash, &kind, sizeof kind);
    if (value->kind == MW_VALUE_INT)
        EVP_DigestUpdate(hash, &value->integer, sizeof value->integer);
    else if (value->kind == MW_VALUE_DOUBLE)
        EVP_DigestUpdate(hash, &value->number, sizeof value->number);
    else if (value->kind == MW_VALUE_TEXT) {
        EVP_DigestUpdate(hash, &size, sizeof size);
        EVP_DigestUpdate(hash, value->text.data, size);
    }
}

static bool read_value(copying *c, const mw_rows *rows, const table *t, size_t i, mw_value *out)
{
    *out = (mw_value){.kind = mw_rows_is_null(rows, (int)i) ? MW_VALUE_NULL : t->columns[i].kind};
    if (out->kind == MW_VALUE_INT)
        out->integer = mw_rows_int(rows, (int)i);
    else if (out->kind == MW_VALUE_DOUBLE)
        out->number = mw_rows_double(rows, (int)i) + 0.0; /* no -0.0: SQLite keeps none */
    else if (out->kind == MW_VALUE_TEXT) {
        mw_view text = mw_rows_text(rows, (int)i);
        out->text = (mw_view){mw_arena_text(&c->page, text), text.size};
    }
    return out->kind != MW_VALUE_TEXT || out->text.data;
}

/* The next page of values, hashed. `last`: the keys of the row before it, and then of its last. */
static mw_status read_page(copying *c, mw_sql *session, const table *t, bool is_first,
                           const mw_value *last, mw_value *values, size_t *ret_rows, mw_error *err)
{
    mw_rows rows;
    size_t n = 0;
    bool fits = true;
    write_select(c, t, is_first);
    if (c->sql.failed)
        return mw_fail_memory(err, "a statement");
    MW_TRY(mw_rows_open_values(session, &rows, c->sql.data, last, is_first ? 0 : t->n_keys, err));
    for (; fits && mw_rows_next(&rows); n++)
        for (size_t i = 0; fits && i < t->n_columns; i++) {
            mw_value *value = &values[n * t->n_columns + i];
            fits = read_value(c, &rows, t, i, value);
            hash_value(c->hash, value);
        }
    MW_TRY(mw_rows_close(&rows, err));
    *ret_rows = n;
    return fits ? MW_OK : mw_fail_memory(err, "a page of rows");
}

/* The keys of a page's last row outlive the page. */
static mw_status keep_keys(const table *t, const mw_value *row, mw_arena *arena, mw_value *last,
                           mw_error *err)
{
    mw_arena_reset(arena);
    for (size_t i = 0; i < t->n_columns; i++) {
        if (t->columns[i].key == 0)
            continue;
        mw_value *kept = &last[t->columns[i].key - 1];
        *kept = row[i];
        if (kept->kind == MW_VALUE_TEXT)
            kept->text.data = mw_arena_text(arena, row[i].text);
        if (kept->kind == MW_VALUE_TEXT && !kept->text.data)
            return mw_fail_memory(err, "a key");
    }
    return MW_OK;
}

/* Every row of it; with `to`, put there. */
static mw_status read_pages(copying *c, mw_sql *session, const table *t, mw_sql *to,
                            mw_value *values, mw_arena *keys, mw_error *err)
{
    size_t n = 0;
    mw_value *last = values + page_rows(t) * t->n_columns;
    for (bool is_first = true;; is_first = false) {
        mw_arena_reset(&c->page);
        MW_TRY(read_page(c, session, t, is_first, last, values, &n, err));
        c->n_rows += n;
        if (n > 0 && to) {
            write_insert(c, t, n);
            MW_TRY(mw_sql_run_built(to, &c->sql, values, n * t->n_columns, NULL, err));
        }
        if (n < page_rows(t))
            return MW_OK;
        MW_TRY(keep_keys(t, values + (n - 1) * t->n_columns, keys, last, err));
    }
}

static mw_status read_table(copying *c, mw_sql *session, const table *t, mw_sql *to, mw_error *err)
{
    mw_arena keys;
    mw_value *values = calloc(page_rows(t) * t->n_columns + t->n_keys, sizeof *values);
    if (!values)
        return mw_fail_memory(err, "a page of rows");
    mw_arena_init(&keys, 4 * MW_KIB, PAGE_BYTES_MAX);
    c->n_rows = 0;
    EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL);
    mw_status status = read_pages(c, session, t, to, values, &keys, err);
    mw_arena_done(&keys);
    free(values);
    return status == MW_OK ? MW_OK : mw_at(err, "table %s", t->name);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static bool is_seeded(const mw_copy_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_seeded; i++)
        if (strcmp(plan->seeded[i], name) == 0)
            return true;
    return false;
}

static mw_status check_new(copying *c, const tables *all, mw_error *err)
{
    for (size_t i = 0; i < all->count; i++) {
        size_t n;
        const char *name = all->items[i].name;
        mw_buf_reset(&c->sql);
        mw_buf_format(&c->sql, "SELECT 1 FROM \"%s\" LIMIT 2", name);
        MW_TRY(mw_sql_run_built(c->to, &c->sql, NULL, 0, &n, err));
        if (n <= (is_seeded(c->plan, name) ? 1 : 0))
            continue;
        mw_fail(err, MW_E_BACKUP_TARGET, "a record is kept there already");
        mw_at(err, "table %s", name);
        return mw_mend(err, "choose a database that holds none");
    }
    return MW_OK;
}

/* The rows that a new database begins with come from the old one, too. */
static mw_status clear_seeded(copying *c, mw_error *err)
{
    for (size_t i = 0; i < c->plan->n_seeded; i++) {
        mw_buf_reset(&c->sql);
        mw_buf_format(&c->sql, "DELETE FROM \"%s\"", c->plan->seeded[i]);
        MW_TRY(mw_sql_run_built(c->to, &c->sql, NULL, 0, NULL, err));
    }
    return MW_OK;
}

static mw_status copy_table(copying *c, const table *t, mw_error *err)
{
    unsigned char first[EVP_MAX_MD_SIZE] = {0}, second[EVP_MAX_MD_SIZE] = {0};
    MW_TRY(read_table(c, c->from, t, c->to, err));
    uint64_t n_rows = c->n_rows;
    EVP_DigestFinal_ex(c->hash, first, NULL);
    MW_TRY(read_table(c, c->to, t, NULL, err));
    EVP_DigestFinal_ex(c->hash, second, NULL);
    if (n_rows != c->n_rows || memcmp(first, second, sizeof first) != 0) {
        mw_fail(err, MW_E_STORE_DAMAGED, "what was written is not what was read");
        mw_at(err, "table %s, %llu rows", t->name, (unsigned long long)n_rows);
        return mw_mend(err, "nothing was kept; the record is where it was. Please report this");
    }
    c->report.n_tables++;
    c->report.n_rows += n_rows;
    return MW_OK;
}

static mw_status copy_tables(copying *c, const tables *all, mw_error *err)
{
    const table *last = c->plan->last ? find_table(all, c->plan->last) : NULL;
    for (size_t i = 0; i < all->count; i++)
        if (&all->items[i] != last)
            MW_TRY(copy_table(c, &all->items[i], err));
    return last ? copy_table(c, last, err) : MW_OK;
}

/* Numbers that the engine gives out go on behind those that are there. SQLite does so by itself. */
static mw_status set_counters(copying *c, const tables *all, mw_error *err)
{
    for (size_t i = 0; i < all->count && c->to->engine == &store_postgres; i++) {
        const table *t = &all->items[i];
        if (t->n_keys != 1 || key_at(t, 1)->kind != MW_VALUE_INT)
            continue;
        mw_buf_reset(&c->sql);
        store_write_renumber(&c->sql, t->name, key_at(t, 1)->name);
        MW_TRY(mw_sql_run_built(c->to, &c->sql, NULL, 0, NULL, err));
    }
    return MW_OK;
}

/* Rows that others write meanwhile would stay behind. */
static mw_status check_alone(mw_sql *from, mw_error *err)
{
    mw_rows rows;
    if (from->engine != &store_postgres)
        return MW_OK; /* a file has one owner, and that is us */
    MW_TRY(mw_rows_open(from, &rows, err,
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND application_name = 'millwright' AND pid <> pg_backend_pid()",
                        ""));
    int64_t n = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    MW_TRY(mw_rows_close(&rows, err));
    if (n == 0)
        return MW_OK;
    mw_fail(err, MW_E_STORE_LOCKED, "other servers have this record open: %lld connections",
            (long long)n);
    return mw_mend(err, "stop them first; they would write on where the record no longer is");
}

static mw_status copy_all(copying *c, mw_error *err)
{
    tables from, to;
    if (!c->plan->is_beside)
        MW_TRY(check_alone(c->from, err));
    MW_TRY(read_tables(c, c->from, &from, err));
    MW_TRY(read_tables(c, c->to, &to, err));
    MW_TRY(check_alike(&from, &to, err));
    MW_TRY(check_new(c, &to, err));
    MW_TRY(clear_seeded(c, err));
    MW_TRY(copy_tables(c, &from, err));
    MW_TRY(set_counters(c, &to, err));
    return c->to->engine == &store_postgres ? store_link_survey((store_link *)c->to, err) : MW_OK;
}

mw_status mw_sql_copy_all(mw_sql *from, mw_sql *to, const mw_copy_plan *plan,
                          mw_copy_report *ret_report, mw_error *err)
{
    copying c = {.from = from, .to = to, .plan = plan, .hash = EVP_MD_CTX_new()};
    mw_arena_init(&c.names, 64 * MW_KIB, 16 * MW_MIB);
    mw_arena_init(&c.page, MW_MIB, PAGE_BYTES_MAX);
    mw_buf_init(&c.sql, SQL_BYTES_MAX);
    mw_status status = c.hash ? copy_all(&c, err) : mw_fail_memory(err, "a digest");
    mw_buf_done(&c.sql);
    mw_arena_done(&c.page);
    mw_arena_done(&c.names);
    EVP_MD_CTX_free(c.hash);
    if (status == MW_OK)
        *ret_report = c.report;
    return status;
}
