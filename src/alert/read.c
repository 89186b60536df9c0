/* Keys and values, with the place of each fault. */
#include "read.h"

static mw_status at_place(alert_reader *in, unsigned line, unsigned column, size_t width,
                          mw_error *err)
{
    *in->place = (mw_alert_place){line, column, (unsigned)width};
    return mw_at(err, "%s:%u:%u", in->file, line, column);
}

mw_status read_at_node(alert_reader *in, const mw_yaml *node, mw_error *err)
{
    return at_place(in, node->line, node->column, node->text.size + 2 * node->quoted, err);
}

mw_status read_at_key(alert_reader *in, const mw_yaml *node, mw_error *err)
{
    if (!node->key.data)
        return read_at_node(in, node, err);
    return at_place(in, node->key_line, node->key_column, node->key.size, err);
}

/* Right for a scalar of one line, which conditions nearly always are. */
mw_status read_at_byte(alert_reader *in, const mw_yaml *node, size_t at, mw_error *err)
{
    return at_place(in, node->line, node->column + (unsigned)at + node->quoted, 1, err);
}

static const char *kind_word(mw_yaml_kind kind)
{
    return kind == MW_YAML_LIST ? "a list" : kind == MW_YAML_MAP ? "a map" : "a single value";
}

mw_status read_expect(alert_reader *in, const mw_yaml *node, mw_yaml_kind kind, const char *subject,
                      const char *shape, mw_error *err)
{
    if (node->kind == kind)
        return MW_OK;
    mw_fail(err, MW_E_CONFIG_SHAPE, "%s must be %s, but is %s", subject, kind_word(kind),
            mw_yaml_is_null(node) ? "nothing" : kind_word(node->kind));
    mw_mend(err, "%s", shape);
    return read_at_key(in, node, err);
}

static mw_status fail_value(alert_reader *in, const mw_yaml *node, const char *what,
                            const char *mend, mw_error *err)
{
    mw_view text = node->text;
    mw_fail(err, in->code, "'%.*s' is not %s", text.size > 60 ? 60 : (int)text.size, text.data,
            what);
    mw_mend(err, "%s", mend);
    return read_at_node(in, node, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

static mw_status read_text(alert_reader *in, const mw_yaml *node, mw_arena *arena,
                           mw_view *ret_text, mw_error *err)
{
    MW_TRY(read_expect(in, node, MW_YAML_SCALAR, "a value", "write one plain value", err));
    if (mw_yaml_is_null(node) || node->text.size == 0 ||
        memchr(node->text.data, '\0', node->text.size))
        return fail_value(in, node, "a text", "write one, or leave the key out", err);
    const char *kept = mw_arena_text(arena, node->text);
    *ret_text = (mw_view){kept, node->text.size};
    return kept ? MW_OK : mw_fail_memory(err, "the alerts");
}

/* "500ms", "10s", "5m", "4h", "1d"; "0" and "0s". */
static bool parse_time(mw_view text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t n = 0;
    uint64_t value;
    while (n < text.size && text.data[n] >= '0' && text.data[n] <= '9')
        n++;
    if (!mw_whole_parse((mw_view){text.data, n}, &value) || value > 1000000000)
        return false;
    mw_view unit = {text.data + n, text.size - n};
    *ret_ms = 0;
    if (unit.size == 0)
        return value == 0;
    for (size_t i = 0; i < MW_COUNT(units); i++)
        if (mw_view_is(unit, units[i].unit)) {
            *ret_ms = (int64_t)(value * units[i].ms);
            return *ret_ms <= MW_LIMIT_ALERT_RANGE_MS;
        }
    return false;
}

static mw_status read_time(alert_reader *in, const mw_yaml *node, int64_t *ret_ms, mw_error *err)
{
    MW_TRY(read_expect(in, node, MW_YAML_SCALAR, "a time", "write 30s", err));
    if (parse_time(node->text, ret_ms))
        return MW_OK;
    return fail_value(in, node, "a time up to 7d", "write a number and a unit: 500ms, 10s, 5m, 4h",
                      err);
}

static mw_status read_choice(alert_reader *in, const mw_yaml *node, const char *const *choices,
                             uint64_t *ret_choice, mw_error *err)
{
    mw_buf all;
    MW_TRY(read_expect(in, node, MW_YAML_SCALAR, "a value", "write one plain value", err));
    for (size_t i = 0; choices[i]; i++)
        if (mw_view_is(node->text, choices[i])) {
            *ret_choice = i;
            return MW_OK;
        }
    mw_buf_init(&all, 200);
    for (size_t i = 0; choices[i]; i++)
        mw_buf_format(&all, "%s%s", i ? ", " : "write one of ", choices[i]);
    mw_status status = fail_value(in, node, "one of the choices", all.data, err);
    mw_buf_done(&all);
    return status;
}

static mw_status read_words(alert_reader *in, const mw_yaml *node, mw_arena *arena,
                            alert_words *ret_words, mw_error *err)
{
    ret_words->count = 0;
    if (node->kind == MW_YAML_SCALAR) {
        ret_words->count = 1;
        return read_text(in, node, arena, &ret_words->items[0], err);
    }
    MW_TRY(read_expect(in, node, MW_YAML_LIST, "this", "write a list: [a, b]", err));
    if (node->count > ALERT_WORDS_MAX) {
        mw_fail(err, in->code, "%zu entries, and %d may stand here", node->count, ALERT_WORDS_MAX);
        return read_at_key(in, node, err);
    }
    for (const mw_yaml *item = node->first; item; item = item->next)
        MW_TRY(read_text(in, item, arena, &ret_words->items[ret_words->count++], err));
    return MW_OK;
}

static mw_status read_value(alert_reader *in, const read_key *key, const mw_yaml *node,
                            mw_arena *arena, void *target, mw_error *err)
{
    char *to = (char *)target + key->offset;
    switch (key->kind) {
    case READ_TEXT:
        return read_text(in, node, arena, (mw_view *)to, err);
    case READ_TIME:
        return read_time(in, node, (int64_t *)to, err);
    case READ_BOOL:
        if (mw_yaml_bool(node, (bool *)to))
            return MW_OK;
        return fail_value(in, node, "true or false", "write true or false, without quotes", err);
    case READ_CHOICE:
        return read_choice(in, node, key->choices, (uint64_t *)to, err);
    case READ_WORDS:
        return read_words(in, node, arena, (alert_words *)to, err);
    case READ_OTHER:
        break;
    }
    return MW_OK;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static mw_status fail_key(alert_reader *in, const mw_yaml *node, const char *where,
                          const read_key *keys, size_t n_keys, mw_error *err)
{
    size_t best = 4;
    const char *nearest = NULL;
    for (size_t i = 0; i < n_keys; i++) {
        size_t distance = mw_view_distance(node->key, mw_view_of(keys[i].name), best);
        if (distance < best) {
            best = distance;
            nearest = keys[i].name;
        }
    }
    mw_fail(err, MW_E_CONFIG_KEY, "unknown key \"%.*s\" under \"%s\"", MW_VIEW_ARG(node->key),
            where);
    mw_mend(err, "%s%s%sall keys: docs/reference/alerts.md", nearest ? "did you mean \"" : "",
            nearest ? nearest : "", nearest ? "\"?  " : "");
    return read_at_key(in, node, err);
}

mw_status read_keys(alert_reader *in, const mw_yaml *map, const char *where, const read_key *keys,
                    size_t n_keys, mw_arena *arena, void *target, mw_error *err)
{
    for (const mw_yaml *node = map->first; node; node = node->next) {
        size_t k = 0;
        while (k < n_keys && !mw_view_is(node->key, keys[k].name))
            k++;
        if (k == n_keys)
            return fail_key(in, node, where, keys, n_keys, err);
        MW_TRY(read_value(in, &keys[k], node, arena, target, err));
    }
    return MW_OK;
}

mw_status read_labels(alert_reader *in, const mw_yaml *map, mw_arena *arena, alert_label *labels,
                      size_t *ret_count, mw_error *err)
{
    *ret_count = 0;
    if (!map)
        return MW_OK;
    MW_TRY(read_expect(in, map, MW_YAML_MAP, "\"labels\"", "write labels: {team: risk}", err));
    for (const mw_yaml *node = map->first; node; node = node->next) {
        mw_view value;
        if (!alert_name_is_good(node->key, false) || *ret_count == ALERT_LABELS_MAX ||
            mw_view_is(node->key, "alertname") || mw_view_is(node->key, "severity")) {
            mw_fail(err, in->code, "'%.*s' cannot be a label here", MW_VIEW_ARG(node->key));
            mw_mend(err, "up to 16, of letters, digits and _; alertname and severity are taken");
            return read_at_key(in, node, err);
        }
        MW_TRY(read_text(in, node, arena, &value, err));
        const char *name = mw_arena_text(arena, node->key);
        if (!name)
            return mw_fail_memory(err, "the alerts");
        labels[(*ret_count)++] = (alert_label){{name, node->key.size}, value};
    }
    alert_labels_sort(labels, *ret_count);
    return MW_OK;
}

/* ---- JSON Schema ----------------------------------------------------------------------------- */

static void schema_of(const read_key *key, mw_buf *out)
{
    static const char *const types[] = {
        [READ_TEXT] = "{\"type\":\"string\"}",
        [READ_TIME] = "{\"type\":[\"string\",\"integer\"]}", /* 0 needs no unit */
        [READ_BOOL] = "{\"type\":\"boolean\"}",
        [READ_WORDS] = "{\"type\":[\"string\",\"array\"],\"items\":{\"type\":\"string\"}}"};
    if (key->kind != READ_CHOICE) {
        mw_buf_text(out, types[key->kind]);
        return;
    }
    for (size_t i = 0; key->choices[i]; i++)
        mw_buf_format(out, "%s\"%s\"", i ? "," : "{\"enum\":[", key->choices[i]);
    mw_buf_text(out, "]}");
}

void read_schema(const read_key *keys, size_t n_keys, mw_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_keys; i++) {
        if (keys[i].kind == READ_OTHER)
            continue;
        mw_buf_format(out, "%s\"%s\":", n++ ? "," : "", keys[i].name);
        schema_of(&keys[i], out);
    }
}
