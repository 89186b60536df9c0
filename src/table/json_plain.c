/* Plain rows, which most bodies hold: lists of numbers and null, one to one with number columns.
 *
 * A large body of them is cut into parts that several threads read at once. Where a row begins can
 * only be guessed in the middle of a text (a '[' may stand inside a string, or behind the list):
 *
 *     [[1,2],[3,4],[5,6],[7,8],[9,0]], "params": ...
 *     |part 0     |part 1     |part 2
 *
 * so a part counts only when the one before it, which began at a row, has come out exactly at its
 * beginning. Whatever is not plain (a text, a wrong count, a fault) ends a part; from there on the
 * careful reader of json_rows.c goes on, and tells what is wrong. */
#include "json_rows.h"

#include <math.h>
#include <stdatomic.h>

enum {
    PART_BYTES = 32 * MW_KIB, /* about 50 microseconds: worth a thread's while */
    PARTS_MIN = 4,            /* less is read at once */
    PARTS_MAX = 256           /* of 64 KiB, when a body is as large as it may be by default */
};

bool table_is_plain(const mw_schema *schema, const table_mapping *mapping)
{
    for (size_t i = 0; i < mapping->n_fields; i++)
        if (mapping->columns[i] < 0 ||
            schema->columns[mapping->columns[i]].type != MW_COLUMN_FLOAT64)
            return false;
    return mapping->n_fields > 0;
}

/* ---- one row --------------------------------------------------------------------------------- */

static inline const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* The byte behind the value, or NULL. */
static inline const char *read_plain_cell(const char *at, const char *end, double *cell)
{
    if (at < end && *at == 'n') {
        *cell = (double)NAN;
        return end - at >= 4 && memcmp(at, "null", 4) == 0 ? at + 4 : NULL;
    }
    const char *behind = mw_number_read(at, end, true, cell);
    return behind && fabs(*cell) <= 1.7976931348623157e308 ? behind : NULL;
}

const char *table_plain_row(const char *at, const char *end, const table_mapping *mapping,
                            double *cells)
{
    if (at == end || *at != '[')
        return NULL;
    at++;
    for (size_t i = 0; i < mapping->n_fields; i++) {
        at = read_plain_cell(skip_space(at, end), end, &cells[mapping->columns[i]]);
        if (!at)
            return NULL;
        at = skip_space(at, end);
        bool last = i + 1 == mapping->n_fields;
        if (at == end || *at != (last ? ']' : ','))
            return NULL;
        at++;
    }
    return at;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The byte behind `"name"`, or NULL. */
static const char *pass_name(const char *at, const char *end, mw_view name)
{
    if ((size_t)(end - at) < name.size + 2 || at[0] != '"' ||
        memcmp(at + 1, name.data, name.size) != 0 || at[1 + name.size] != '"')
        return NULL;
    return at + name.size + 2;
}

bool table_pass_own_names(table_json *json)
{
    const mw_schema *schema = json->rows.schema;
    const char *end = json->scan.end, *at = skip_space(json->scan.at, end);
    if (!schema->named || !schema->plain_names || schema->n_columns == 0 || at == end || *at != '[')
        return false;
    for (size_t i = 0; i < schema->n_columns; i++) {
        at = pass_name(skip_space(at + 1, end), end, schema->columns[i].name);
        if (!at)
            return false;
        at = skip_space(at, end);
        if (at == end || *at != (i + 1 < schema->n_columns ? ',' : ']'))
            return false;
    }
    json->scan.at = at + 1;
    return true;
}

/* ---- parts ----------------------------------------------------------------------------------- */

typedef struct plain_part {
    const char *begin, *limit; /* its first row, if it is one; the next part's */
    size_t first_row;          /* among all those counted */
    size_t n_counted, n_rows;  /* '[' seen; rows read */
    const char *behind;        /* the last row */
    const char *next;          /* the row behind the comma that follows, or NULL */
} plain_part;

typedef struct plain_work {
    mw_crew crew; /* first: the pool hands it back */
    const table_mapping *mapping;
    const mw_schema *schema;
    const char *end;
    double *values;
    size_t n_parts;
    atomic_size_t next;
    plain_part parts[PARTS_MAX];
} plain_work;

/* The row behind the comma at `at`, or NULL. */
static const char *next_row(const char *at, const char *end)
{
    at = skip_space(at, end);
    if (at == end || *at != ',')
        return NULL;
    at = skip_space(at + 1, end);
    return at < end && *at == '[' ? at : NULL;
}

static void read_part(const plain_work *work, plain_part *part)
{
    size_t n_columns = work->schema->n_columns;
    double *cells = work->values + part->first_row * n_columns;
    part->next = part->begin;
    while (part->next && part->next < part->limit && part->n_rows < part->n_counted) {
        table_blank_row(work->schema, cells);
        const char *behind = table_plain_row(part->next, work->end, work->mapping, cells);
        if (!behind)
            return;
        cells += n_columns;
        part->n_rows++;
        part->behind = behind;
        part->next = next_row(behind, work->end);
    }
}

static void read_parts(mw_crew *crew)
{
    plain_work *work = (plain_work *)crew;
    for (size_t i; (i = atomic_fetch_add(&work->next, 1)) < work->n_parts;)
        read_part(work, &work->parts[i]);
}

static size_t count_brackets(const char *at, const char *end)
{
    size_t n = 0;
    for (; (at = memchr(at, '[', (size_t)(end - at))); at++)
        n++;
    return n;
}

/* Cut the text from the row at `begin` on; returns the rows counted. */
static size_t cut(plain_work *work, const char *begin)
{
    size_t bytes = (size_t)(work->end - begin), n_rows = 0;
    size_t n_wanted = bytes / PART_BYTES < PARTS_MAX ? bytes / PART_BYTES : PARTS_MAX;
    size_t step = bytes / n_wanted;
    while (begin && work->n_parts < n_wanted) {
        const char *limit = NULL;
        if (work->n_parts + 1 < n_wanted && (size_t)(work->end - begin) > step)
            limit = memchr(begin + step, '[', (size_t)(work->end - begin) - step);
        plain_part *part = &work->parts[work->n_parts++];
        *part =
            (plain_part){.begin = begin, .limit = limit ? limit : work->end, .first_row = n_rows};
        part->n_counted = count_brackets(begin, part->limit);
        n_rows += part->n_counted;
        begin = limit;
    }
    return n_rows;
}

/* The rows of all parts that join without a gap, and the byte behind the last of them. */
static size_t join(const plain_work *work, const char **ret_behind)
{
    size_t n_rows = 0;
    for (size_t i = 0; i < work->n_parts; i++) {
        const plain_part *part = &work->parts[i];
        if (part->n_rows > 0)
            *ret_behind = part->behind;
        n_rows += part->n_rows;
        if (part->next != part->limit || part->n_rows != part->n_counted)
            break;
    }
    return n_rows;
}

/* A row takes at least two bytes a field and its brackets, less one comma. */
static bool may_hold(size_t bytes, size_t n_rows, size_t n_fields)
{
    return n_rows <= bytes / (2 * n_fields + 1) + 1;
}

void table_read_plain_lists(table_json *json, const table_mapping *mapping)
{
    const char *begin = next_row(json->scan.at, json->scan.end);
    if (!begin || json->scan.end - begin < PARTS_MIN * PART_BYTES)
        return;
    plain_work *work = mw_arena_take_zeroed(json->arena, 1, sizeof *work);
    if (!work)
        return;
    work->crew.run = read_parts;
    work->mapping = mapping;
    work->schema = json->rows.schema;
    work->end = json->scan.end;
    size_t n_counted = cut(work, begin);
    if (!may_hold((size_t)(json->scan.end - begin), n_counted, mapping->n_fields))
        return;
    work->values = table_rows_reserve(&json->rows, n_counted);
    if (!work->values)
        return;
    mw_pool_join(json->pool, &work->crew);
    const char *behind = json->scan.at;
    json->rows.n_rows += join(work, &behind);
    json->scan.at = behind;
}
