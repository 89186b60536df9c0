/* CSV by RFC 4180, piece by piece.
 *
 *     age,income,"city, state"\r\n     header: names, matched to the schema once
 *     31,52000.5,"Austin, TX"\r\n      rows: plain numbers are read in place; all else takes the
 * slow way
 *
 * A header without a comma, in which tabs or semicolons stand, says what separates the fields. */
#include <math.h>

#include "cell.h"

/* One field of a line. */
typedef struct csv_field {
    mw_view text;     /* without quotes; borrowed, or the arena's when quotes were doubled */
    const char *next; /* behind the field: at a comma, a line end or the end of the text */
} csv_field;

static inline bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* The closing quote, doubled ones passed over; NULL when there is none. */
static const char *closing_quote(const char *at, const char *end, bool *ret_doubled)
{
    *ret_doubled = false;
    for (; (at = memchr(at, '"', (size_t)(end - at))); at += 2) {
        if (at + 1 == end || at[1] != '"')
            return at;
        *ret_doubled = true;
    }
    return NULL;
}

static mw_status fail_quote(mw_error *err)
{
    mw_fail(err, MW_E_TABLE_CSV, "a quoted field that does not end with a quote");
    return mw_mend(err, "close the quote, and write a quote inside text twice");
}

static mw_status undouble(mw_view raw, mw_arena *arena, mw_view *ret_text, mw_error *err)
{
    char *text = mw_arena_take(arena, raw.size), *out = text;
    if (!text)
        return mw_fail_memory(err, "a quoted field");
    for (size_t i = 0; i < raw.size; i++) {
        *out++ = raw.data[i];
        i += raw.data[i] == '"'; /* the second of two */
    }
    *ret_text = (mw_view){text, (size_t)(out - text)};
    return MW_OK;
}

static mw_status read_field(const char *at, const char *end, char separator, mw_arena *arena,
                            csv_field *ret_field, mw_error *err)
{
    if (at < end && *at == '"') {
        bool doubled;
        const char *close = closing_quote(at + 1, end, &doubled);
        if (!close || (close + 1 < end && close[1] != separator && !is_line_end(close[1])))
            return fail_quote(err);
        ret_field->text = (mw_view){at + 1, (size_t)(close - at - 1)};
        ret_field->next = close + 1;
        return doubled ? undouble(ret_field->text, arena, &ret_field->text, err) : MW_OK;
    }
    const char *stop = at;
    while (stop < end && *stop != separator && !is_line_end(*stop))
        stop++;
    *ret_field = (csv_field){{at, (size_t)(stop - at)}, stop};
    return MW_OK;
}

/* Behind the line end at `at`: LF, CRLF or CR. */
static const char *pass_line_end(const char *at, const char *end)
{
    if (at < end && *at == '\r')
        return at + 1 < end && at[1] == '\n' ? at + 2 : at + 1;
    return at < end ? at + 1 : at;
}

static mw_status fail_line(const mw_csv_reader *reader, mw_error *err)
{
    return mw_at(err, "line %llu", (unsigned long long)reader->line);
}

/* ---- header ---------------------------------------------------------------------------------- */

char mw_csv_separator(mw_view text)
{
    bool has_tab = false, has_semicolon = false, quoted = false;
    for (size_t i = 0; i < text.size && (quoted || !is_line_end(text.data[i])); i++) {
        char c = text.data[i];
        quoted = quoted != (c == '"'); /* a doubled quote closes and opens again */
        if (quoted)
            continue;
        if (c == ',')
            return ',';
        has_tab = has_tab || c == '\t';
        has_semicolon = has_semicolon || c == ';';
    }
    return has_tab ? '\t' : has_semicolon ? ';' : ',';
}

/* A model of one column may have any name. */
static char separator_of(mw_view text, const mw_schema *schema)
{
    size_t size = 0;
    while (size < text.size && !is_line_end(text.data[size]))
        size++;
    return mw_schema_find(schema, mw_view_trim((mw_view){text.data, size})) >= 0
               ? ','
               : mw_csv_separator(text);
}

static mw_status read_fields(mw_csv_reader *reader, const char **at, const char *end,
                             mw_arena *arena, mw_view **ret_names, size_t *ret_count, mw_error *err)
{
    size_t capacity = reader->n_fields ? reader->n_fields : 64, n = 0;
    mw_view *names = mw_arena_take(arena, capacity * sizeof *names);
    for (;; n++) {
        if (names && n == capacity) {
            mw_view *wider = mw_arena_take(arena, 2 * capacity * sizeof *wider);
            if (wider)
                memcpy(wider, names, n * sizeof *names);
            names = wider;
            capacity *= 2;
        }
        if (!names)
            return mw_fail_memory(err, "the header");
        csv_field field;
        if (read_field(*at, end, reader->separator, arena, &field, err) != MW_OK)
            return fail_line(reader, err);
        names[n] = mw_view_trim(field.text);
        *at = field.next;
        if (*at == end || is_line_end(**at))
            break;
        ++*at;
    }
    *at = pass_line_end(*at, end);
    *ret_names = names;
    *ret_count = n + 1;
    return MW_OK;
}

mw_status mw_csv_read_fields(mw_view text, char separator, uint64_t line, size_t n_expected,
                             mw_arena *arena, mw_view **ret_fields, size_t *ret_n_fields,
                             size_t *ret_used, mw_error *err)
{
    mw_csv_reader reader = {.separator = separator, .line = line, .n_fields = n_expected};
    const char *at = text.data;
    MW_TRY(read_fields(&reader, &at, text.data + text.size, arena, ret_fields, ret_n_fields, err));
    *ret_used = (size_t)(at - text.data);
    return MW_OK;
}

/* A first line of numbers is a row, not a header: taking it for names would lose it in silence. */
static mw_status check_header(const mw_schema *schema, const mw_view *names, size_t n,
                              mw_error *err)
{
    double number;
    for (size_t i = 0; i < n; i++)
        if (!mw_number_parse(names[i].data, names[i].size, &number) ||
            mw_schema_find(schema, names[i]) >= 0)
            return MW_OK;
    mw_fail(err, MW_E_TABLE_HEADER, "the first line holds numbers, not the names of columns");
    return mw_mend(err, "put a header line first, such as: %.*s%s",
                   MW_VIEW_ARG(schema->columns[0].name), schema->n_columns > 1 ? ",..." : "");
}

/* The reader keeps the header beyond the text it was read from. */
static mw_status keep_names(mw_arena *arena, mw_view *names, size_t n, mw_error *err)
{
    for (size_t i = 0; i < n; i++) {
        names[i].data = mw_arena_text(arena, names[i]);
        if (!names[i].data)
            return mw_fail_memory(err, "the header");
    }
    return MW_OK;
}

mw_status mw_csv_reader_init(mw_csv_reader *reader, mw_view text, const mw_schema *schema,
                             mw_arena *arena, size_t *ret_used, mw_error *err)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    *reader = (mw_csv_reader){.schema = schema, .separator = ',', .line = 1};
    const char *at = text.data, *end = text.data + text.size;
    if (mw_view_starts(text, byte_order_mark))
        at += sizeof byte_order_mark - 1;
    if (at == end) {
        mw_fail(err, MW_E_TABLE_HEADER, "no header line: the text is empty");
        return mw_mend(err, "put the names of the columns into the first line");
    }
    mw_view *names = NULL;
    size_t n_names = 0;
    reader->separator = separator_of((mw_view){at, (size_t)(end - at)}, schema);
    MW_TRY(read_fields(reader, &at, end, arena, &names, &n_names, err));
    table_mapping mapping;
    mw_status status = check_header(schema, names, n_names, err);
    if (status == MW_OK)
        status = table_map_names(schema, names, n_names, arena, &mapping, err);
    if (status == MW_OK)
        status = keep_names(arena, names, n_names, err);
    if (status != MW_OK)
        return fail_line(reader, err);
    reader->column_of_field = mapping.columns;
    reader->n_fields = mapping.n_fields;
    reader->line = 2;
    *ret_used = (size_t)(at - text.data);
    return MW_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static mw_status fail_field_count(const mw_csv_reader *reader, size_t n, bool more, mw_error *err)
{
    mw_fail(err, MW_E_TABLE_COUNT,
            more ? "more than the header's %zu fields" : "%zu fields, the header has %zu",
            more ? reader->n_fields : n, reader->n_fields);
    mw_mend(err, "give every line as many fields as the header");
    return fail_line(reader, err);
}

static mw_status convert_field(const mw_csv_reader *reader, size_t column, mw_view text,
                               double *cells, mw_error *err)
{
    const mw_column *about = &reader->schema->columns[column];
    if (table_convert_text(about, text, &cells[column], err) == MW_OK)
        return MW_OK;
    mw_at(err, "column '%.*s'", MW_VIEW_ARG(about->name));
    return fail_line(reader, err);
}

/* Reads one field into its cell and moves *at behind it. */
static inline mw_status read_cell(const mw_csv_reader *reader, size_t field_place, const char **at,
                                  const char *end, mw_arena *arena, double *cells, mw_error *err)
{
    ptrdiff_t column = reader->column_of_field[field_place];
    if (column >= 0 && reader->schema->columns[column].type == MW_COLUMN_FLOAT64) {
        double value;
        const char *behind = mw_number_read(*at, end, false, &value);
        if (behind && behind < end && (*behind == reader->separator || is_line_end(*behind))) {
            cells[column] = value;
            *at = behind;
            return MW_OK;
        }
    }
    csv_field field;
    if (read_field(*at, end, reader->separator, arena, &field, err) != MW_OK)
        return fail_line(reader, err);
    *at = field.next;
    return column < 0 ? MW_OK : convert_field(reader, (size_t)column, field.text, cells, err);
}

/* One line into `cells`; *at moves behind its line end. */
static mw_status read_line(const mw_csv_reader *reader, const char **at, const char *end,
                           mw_arena *arena, double *cells, mw_error *err)
{
    for (size_t i = 0;; i++) {
        if (i == reader->n_fields)
            return fail_field_count(reader, i, true, err);
        MW_TRY(read_cell(reader, i, at, end, arena, cells, err));
        if (*at == end || is_line_end(**at)) {
            if (i + 1 != reader->n_fields)
                return fail_field_count(reader, i + 1, false, err);
            *at = pass_line_end(*at, end);
            return MW_OK;
        }
        ++*at;
    }
}

/* Behind the last line end of `text` that ends a row (one inside quotes does not; a quote opens
 * only where a field begins). A CR at the very end may be half of a CRLF. */
static const char *end_of_rows(mw_view text, char separator)
{
    bool quoted = false, at_field = true;
    const char *whole = text.data;
    for (const char *at = text.data, *end = at + text.size; at < end; at++) {
        if (quoted) {
            quoted = *at != '"';
            at_field = !quoted && at + 1 < end && at[1] == '"'; /* a doubled quote opens again */
            continue;
        }
        if (*at == '\n' || (*at == '\r' && at + 1 < end))
            whole = *at == '\r' && at[1] == '\n' ? at + 2 : at + 1;
        quoted = at_field && *at == '"';
        at_field = *at == separator || is_line_end(*at);
    }
    return whole;
}

/* Without a quote in sight the last line end is found from behind. */
static const char *last_whole_line(mw_view text, char separator, bool last)
{
    if (last)
        return text.data + text.size;
    if (memchr(text.data, '"', text.size) || memchr(text.data, '\r', text.size))
        return end_of_rows(text, separator);
    const char *found = memrchr(text.data, '\n', text.size);
    return found ? found + 1 : text.data;
}

mw_status mw_csv_read_rows(mw_csv_reader *reader, mw_view text, bool last, size_t max_rows,
                           mw_arena *arena, mw_batch *ret_batch, size_t *ret_used, mw_error *err)
{
    table_rows rows;
    table_rows_init(&rows, reader->schema, arena);
    const char *at = text.data;
    const char *end = text.size > 0 ? last_whole_line(text, reader->separator, last) : text.data;
    size_t expect = 0;
    while (at < end && rows.n_rows < max_rows) {
        const char *line = at;
        if (is_line_end(*at)) { /* pandas passes over empty lines */
            at = pass_line_end(at, end);
            reader->line++;
            continue;
        }
        double *cells = table_rows_add(&rows, expect, err);
        if (!cells)
            return MW_NO_MEMORY;
        MW_TRY(read_line(reader, &at, end, arena, cells, err));
        reader->line++;
        expect = (size_t)(end - at) / (size_t)(at - line);
        if (expect > max_rows - rows.n_rows)
            expect = max_rows - rows.n_rows;
    }
    *ret_batch = table_rows_batch(&rows);
    *ret_used = (size_t)(at - text.data);
    return MW_OK;
}

mw_status mw_batch_read_csv(mw_view body, const mw_schema *schema, mw_arena *arena,
                            mw_batch *ret_batch, mw_error *err)
{
    mw_csv_reader reader;
    size_t header, used;
    MW_TRY(mw_csv_reader_init(&reader, body, schema, arena, &header, err));
    mw_view rows = {body.data + header, body.size - header};
    return mw_csv_read_rows(&reader, rows, true, SIZE_MAX, arena, ret_batch, &used, err);
}
