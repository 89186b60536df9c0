/* JSON of evaluation data sets: what clients send into wishes; the schema that MLflow's server
 * would have computed; members merged into an object. */
#include <stdlib.h>

#include "evaluation_parts.h"

enum { FIELDS_MAX = 4096, SLOTS = 4 * FIELDS_MAX, DEPTH_MAX = MW_LIMIT_JSON_DEPTH };

/* ---- as json.dumps(value, sort_keys=True) writes it: hashes of MLflow's own database are ours ---
 */

static void write_unit(mw_buf *out, uint32_t unit)
{
    mw_buf_format(out, "\\u%04x", unit);
}

/* A character beyond ASCII; *at is moved behind it. What comes from the reader is UTF-8. */
static void write_wide(mw_buf *out, const unsigned char **at, const unsigned char *end)
{
    const unsigned char *c = *at;
    unsigned more = *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : 1;
    uint32_t point = *c++ & (0x3fu >> more);
    for (; more > 0 && c < end; more--)
        point = point << 6 | (*c++ & 0x3f);
    *at = c;
    if (point >= 0x10000) {
        write_unit(out, 0xd800 + ((point - 0x10000) >> 10));
        point = 0xdc00 + ((point - 0x10000) & 0x3ff);
    }
    write_unit(out, point);
}

static void write_ascii(mw_buf *out, mw_view text)
{
    static const char meanings[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const unsigned char *at = (const unsigned char *)text.data, *end = at + text.size;
    mw_buf_char(out, '"');
    while (at < end) {
        const char *found = *at ? strchr(meanings, (char)*at) : NULL;
        if (*at >= 0x80) {
            write_wide(out, &at, end);
            continue;
        }
        if (found)
            mw_buf_format(out, "\\%c", letters[found - meanings]);
        else if (*at < 0x20)
            write_unit(out, *at);
        else
            mw_buf_char(out, (char)*at);
        at++;
    }
    mw_buf_char(out, '"');
}

/* Python's repr: the fewest digits that give the number back, an exponent from 1e16 on and below
 * 1e-4. */
static void write_repr(mw_buf *out, double number)
{
    enum { DIGITS_MAX = 17, FIXED_FROM = -4, FIXED_BELOW = 16 };
    char text[40];
    int digits = 0;
    do
        snprintf(text, sizeof text, "%.*e", digits, number);
    while (++digits < DIGITS_MAX && strtod(text, NULL) != number);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent < FIXED_FROM || exponent >= FIXED_BELOW) {
        mw_buf_text(out, text);
        return;
    }
    int decimals = digits - 1 - exponent;
    mw_buf_format(out, "%.*f", decimals > 1 ? decimals : 1, number);
}

static void write_leaf(mw_buf *out, const mw_json *node)
{
    int64_t whole;
    double number;
    if (mw_json_is_text(node))
        write_ascii(out, mw_json_text(node));
    else if (mw_json_integer(node, &whole))
        mw_json_write_int(out, whole);
    else if (mw_json_number(node, &number))
        write_repr(out, number);
    else
        mw_json_write_node(out, node);
}

/* ---- sorted names ---------------------------------------------------------------------------- */

typedef struct member {
    mw_view key;
    const mw_json *value;
} member;

static int compare_members(const void *a, const void *b)
{
    const mw_view *left = &((const member *)a)->key, *right = &((const member *)b)->key;
    size_t common = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->data, right->data, common);
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

static mw_status write_sorted(const mw_json *node, unsigned depth, mw_arena *arena, mw_buf *out,
                              mw_error *err);

static mw_status write_object(const mw_json *node, unsigned depth, mw_arena *arena, mw_buf *out,
                              mw_error *err)
{
    size_t n = 0;
    void *cursor = NULL;
    member *members = mw_arena_take(arena, (mw_json_count(node) + 1) * sizeof *members);
    if (!members)
        return mw_fail_memory(err, "a record");
    while (mw_json_next(node, &cursor, &members[n].key, &members[n].value))
        n++;
    qsort(members, n, sizeof *members, compare_members);
    mw_buf_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            mw_buf_text(out, ", ");
        write_ascii(out, members[i].key);
        mw_buf_text(out, ": ");
        MW_TRY(write_sorted(members[i].value, depth + 1, arena, out, err));
    }
    mw_buf_char(out, '}');
    return MW_OK;
}

static mw_status write_sorted(const mw_json *node, unsigned depth, mw_arena *arena, mw_buf *out,
                              mw_error *err)
{
    if (depth > DEPTH_MAX)
        return record_refuse(err, "inputs nest deeper than %d", DEPTH_MAX);
    if (mw_json_is_object(node))
        return write_object(node, depth, arena, out, err);
    if (!mw_json_is_array(node)) {
        write_leaf(out, node);
        return MW_OK;
    }
    mw_buf_char(out, '[');
    for (size_t i = 0; i < mw_json_count(node); i++) {
        if (i > 0)
            mw_buf_text(out, ", ");
        MW_TRY(write_sorted(mw_json_element(node, i), depth + 1, arena, out, err));
    }
    mw_buf_char(out, ']');
    return MW_OK;
}

mw_status evaluation_write_sorted(const mw_json *node, mw_arena *arena, mw_buf *out, mw_error *err)
{
    return write_sorted(node, 0, arena, out, err);
}

/* ---- wishes ---------------------------------------------------------------------------------- */

static mw_status refuse(size_t i, const char *what, mw_error *err)
{
    record_refuse(err, "records[%zu]%s", i, what);
    return mw_mend(err, "a record is {\"inputs\": {...}}, and perhaps outputs, expectations, tags "
                        "and source");
}

/* An object that has members, or NULL. */
static mw_status read_object(const mw_json *one, const char *name, size_t i,
                             const mw_json **ret_node, mw_error *err)
{
    char what[64];
    const mw_json *node = mw_json_member(one, name);
    *ret_node = node && mw_json_is_object(node) && mw_json_count(node) > 0 ? node : NULL;
    if (!node || mw_json_is_null(node) || mw_json_is_object(node))
        return MW_OK;
    snprintf(what, sizeof what, ".%s is no object", name);
    return refuse(i, what, err);
}

static mw_status read_source(const mw_json *one, size_t i, mw_evaluation_wish *wish, mw_error *err)
{
    static const char *const types[] = {"UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE"};
    MW_TRY(read_object(one, "source", i, &wish->source, err));
    if (!wish->source)
        return MW_OK;
    const mw_json *data = mw_json_member(wish->source, "source_data");
    mw_view type = mw_json_text(mw_json_member(wish->source, "source_type"));
    for (size_t k = 0; k < MW_COUNT(types); k++)
        if (mw_view_is_nocase(type, types[k]))
            wish->source_type = mw_view_of(types[k]);
    if (!wish->source_type.data)
        return refuse(i, ".source.source_type is none of UNSPECIFIED, TRACE, HUMAN, DOCUMENT, CODE",
                      err);
    if (data && !mw_json_is_null(data) && !mw_json_is_object(data))
        return refuse(i, ".source.source_data is no object", err);
    const mw_json *id =
        mw_json_member(data, mw_view_is(wish->source_type, "TRACE") ? "trace_id" : "source_id");
    if (mw_json_is_text(id))
        wish->source_id = mw_json_text(id);
    return MW_OK;
}

static mw_status hash_inputs(mw_evaluation_wish *wish, mw_arena *arena, mw_buf *room, mw_error *err)
{
    mw_buf_reset(room);
    if (wish->inputs)
        MW_TRY(evaluation_write_sorted(wish->inputs, arena, room, err));
    else
        mw_buf_text(room, "{}");
    if (room->failed)
        return record_refuse(err, "inputs of more than %zu bytes", MW_LIMIT_DATASET_RECORD_BYTES);
    mw_digest_of(mw_buf_as_view(room), wish->input_hash);
    return MW_OK;
}

static mw_status read_one(const mw_json *one, size_t i, mw_arena *arena, mw_buf *room,
                          mw_evaluation_wish *wish, mw_error *err)
{
    if (!mw_json_is_object(one))
        return refuse(i, " is no object", err);
    const mw_json *inputs = mw_json_member(one, "inputs");
    if (inputs && !mw_json_is_object(inputs))
        return refuse(i, ".inputs is no object", err);
    MW_TRY(read_object(one, "inputs", i, &wish->inputs, err));
    MW_TRY(read_object(one, "expectations", i, &wish->expectations, err));
    MW_TRY(read_object(one, "tags", i, &wish->tags, err));
    MW_TRY(read_source(one, i, wish, err));
    wish->outputs = mw_json_member(one, "outputs");
    const mw_json *who = mw_json_member(wish->tags, "mlflow.user");
    if (mw_json_is_text(who))
        wish->who = mw_json_text(who);
    if (hash_inputs(wish, arena, room, err) != MW_OK)
        return mw_at(err, "records[%zu]", i);
    return MW_OK;
}

mw_status mw_evaluation_wishes_read(const mw_json *records, mw_arena *arena,
                                    mw_evaluation_wishes *ret_wishes, mw_error *err)
{
    mw_buf room;
    mw_status status = MW_OK;
    size_t n = mw_json_count(records);
    if (!mw_json_is_array(records))
        return record_refuse(err, "Invalid value for parameter 'records': no list");
    if (n > MW_LIMIT_DATASET_RECORDS)
        return record_refuse(err, "%zu records are more than %d", n, MW_LIMIT_DATASET_RECORDS);
    mw_evaluation_wish *wishes = mw_arena_take_zeroed(arena, n + 1, sizeof *wishes);
    if (!wishes)
        return mw_fail_memory(err, "records");
    mw_buf_init(&room, MW_LIMIT_DATASET_RECORD_BYTES);
    for (size_t i = 0; status == MW_OK && i < n; i++)
        status = read_one(mw_json_element(records, i), i, arena, &room, &wishes[i], err);
    mw_buf_done(&room);
    if (status == MW_OK)
        *ret_wishes = (mw_evaluation_wishes){wishes, n};
    return status;
}

/* ---- the schema ------------------------------------------------------------------------------ */

typedef struct field {
    mw_view name;
    const char *type;
} field;

/* Fields in the order they came, found by their name. */
typedef struct field_set {
    field items[FIELDS_MAX];
    size_t count;
    uint16_t slots[SLOTS]; /* index + 1; 0: free */
    const char *whole;     /* the type of outputs that are no objects; NULL: none */
} field_set;

static const char *type_of(const mw_json *value)
{
    int64_t whole;
    double number;
    if (mw_json_is_null(value))
        return "null";
    if (mw_json_is_bool(value))
        return "boolean";
    if (mw_json_integer(value, &whole))
        return "integer";
    if (mw_json_number(value, &number))
        return "float";
    if (mw_json_is_text(value))
        return "string";
    return mw_json_is_array(value) ? "array" : "object";
}

static mw_status put_field(field_set *set, mw_view name, const char *type, mw_error *err)
{
    size_t slot = mw_fnv_view(MW_FNV_BEGIN, name) % SLOTS;
    while (set->slots[slot]) {
        if (mw_view_equal(set->items[set->slots[slot] - 1].name, name))
            return MW_OK;
        slot = (slot + 1) % SLOTS;
    }
    if (set->count == FIELDS_MAX)
        return record_refuse(err, "the records of a data set have at most %d different fields",
                             FIELDS_MAX);
    set->items[set->count++] = (field){name, type};
    set->slots[slot] = (uint16_t)set->count;
    return MW_OK;
}

/* of: {"name": "type"}; types are the few that we wrote ourselves. */
static mw_status put_known(field_set *set, const mw_json *of, mw_error *err)
{
    mw_view name;
    void *cursor = NULL;
    const mw_json *type;
    while (of && mw_json_next(of, &cursor, &name, &type))
        if (mw_json_is_text(type))
            MW_TRY(put_field(set, name, mw_json_text(type).data, err));
    return MW_OK;
}

static mw_status put_values(field_set *set, const mw_json *of, mw_error *err)
{
    mw_view name;
    void *cursor = NULL;
    const mw_json *value;
    while (of && mw_json_next(of, &cursor, &name, &value))
        MW_TRY(put_field(set, name, type_of(value), err));
    return MW_OK;
}

static mw_status put_outputs(field_set *set, const mw_json *outputs, mw_error *err)
{
    if (!outputs || mw_json_is_null(outputs) || set->whole)
        return MW_OK;
    if (mw_json_is_object(outputs))
        return put_values(set, outputs, err);
    if (set->count == 0)
        set->whole = type_of(outputs);
    return MW_OK;
}

static void write_set(const field_set *set, const char *name, mw_buf *out)
{
    mw_buf_format(out, "\"%s\": ", name);
    if (set->whole) {
        mw_buf_format(out, "\"%s\", ", set->whole);
        return;
    }
    mw_buf_char(out, '{');
    for (size_t i = 0; i < set->count; i++) {
        if (i > 0)
            mw_buf_text(out, ", ");
        mw_json_write_text(out, set->items[i].name);
        mw_buf_format(out, ": \"%s\"", set->items[i].type);
    }
    mw_buf_text(out, "}, ");
}

static mw_status fill_sets(field_set *sets, const mw_json *before,
                           const mw_evaluation_wishes *wishes, mw_error *err)
{
    const mw_json *outputs = mw_json_member(before, "outputs");
    MW_TRY(put_known(&sets[0], mw_json_member(before, "inputs"), err));
    MW_TRY(put_known(&sets[2], mw_json_member(before, "expectations"), err));
    if (mw_json_is_text(outputs))
        sets[1].whole = mw_json_text(outputs).data;
    else
        MW_TRY(put_known(&sets[1], outputs, err));
    for (size_t i = 0; i < wishes->count; i++) {
        const mw_evaluation_wish *wish = &wishes->items[i];
        MW_TRY(put_values(&sets[0], wish->inputs, err));
        MW_TRY(put_outputs(&sets[1], wish->outputs, err));
        MW_TRY(put_values(&sets[2], wish->expectations, err));
    }
    return MW_OK;
}

mw_status evaluation_write_schema(mw_view before, const mw_evaluation_wishes *wishes,
                                  mw_arena *arena, mw_buf *out, mw_error *err)
{
    static const char *const names[] = {"inputs", "outputs", "expectations"};
    mw_json *root = NULL;
    field_set *sets = mw_arena_take_zeroed(arena, MW_COUNT(names), sizeof *sets);
    if (!sets)
        return mw_fail_memory(err, "a schema");
    if (before.data)
        MW_TRY(mw_json_read(before, &root, err));
    mw_status status = fill_sets(sets, root, wishes, err);
    mw_buf_char(out, '{');
    for (size_t i = 0; status == MW_OK && i < MW_COUNT(names); i++)
        write_set(&sets[i], names[i], out);
    mw_buf_text(out, "\"version\": \"1.0\"}");
    mw_json_free(root);
    return status;
}

/* ---- members into an object ------------------------------------------------------------------ */

static void write_member(mw_view key, const mw_json *value, mw_buf *out)
{
    if (out->size > 0 && out->data[out->size - 1] != '{')
        mw_buf_char(out, ',');
    mw_json_write_text(out, key);
    mw_buf_char(out, ':');
    mw_json_write_node(out, value);
}

mw_status evaluation_merge(mw_view before, const mw_json *members, mw_buf *out, mw_error *err)
{
    mw_view key;
    const mw_json *value;
    void *cursor = NULL;
    mw_json *old = NULL;
    if (before.data)
        MW_TRY(mw_json_read(before, &old, err));
    mw_buf_char(out, '{');
    while (old && mw_json_next(old, &cursor, &key, &value)) { /* keys are ended by NUL */
        const mw_json *newer = mw_json_member(members, key.data);
        write_member(key, newer ? newer : value, out);
    }
    cursor = NULL;
    while (mw_json_next(members, &cursor, &key, &value))
        if (!old || !mw_json_member(old, key.data))
            write_member(key, value, out);
    mw_buf_char(out, '}');
    mw_json_free(old);
    return MW_OK;
}
