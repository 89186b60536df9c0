/* The suite of a validation: YAML, read by tables of keys and refused with line and column where a
 * key is unknown or a value is of another kind. docs/reference/validation-suite.md tells all keys.
 */
#include "validate.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

typedef enum key_kind {
    KEY_TEXT,
    KEY_NUMBER,
    KEY_AMOUNT, /* 0 or more */
    KEY_SHARE,  /* 0..1 */
    KEY_COUNT,
    KEY_FLAG,
    KEY_NAMES, /* a word, or a list of words */
    KEY_TIME,  /* "5ms" -> milliseconds */
    KEY_SIZE,  /* "20MiB" -> bytes */
    KEY_RULE   /* warn, fail */
} key_kind;

typedef struct key {
    const char *name;
    key_kind kind;
    size_t offset;
} key;

mw_status cli_suite_fail(const cli_validation *v, unsigned line, unsigned column, const char *what,
                         const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_VALIDATE_SUITE, "%s", what);
    mw_mend(err, "%s", mend);
    return mw_at(err, "%s:%u:%u", v->suite.path, line, column);
}

static mw_status fail_node(const cli_validation *v, const mw_yaml *node, const char *what,
                           const char *mend, mw_error *err)
{
    bool is_keyed = node->key_line > 0;
    return cli_suite_fail(v, is_keyed ? node->key_line : node->line,
                          is_keyed ? node->key_column : node->column, what, mend, err);
}

static mw_status fail_key(const cli_validation *v, const mw_yaml *node, const key *keys, size_t n,
                          mw_error *err)
{
    char what[200];
    cli_nearest nearest = cli_nearest_to(node->key);
    for (size_t i = 0; i < n; i++)
        cli_nearest_offer(&nearest, keys[i].name);
    snprintf(what, sizeof what, "unknown key '%.*s'", MW_VIEW_ARG(node->key));
    char mend[200];
    snprintf(mend, sizeof mend, "did you mean '%s'?", nearest.name ? nearest.name : "");
    return fail_node(v, node, what,
                     nearest.name ? mend : "docs/reference/validation-suite.md lists the keys",
                     err);
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool read_number(const mw_yaml *node, double *ret_value)
{
    return node->kind == MW_YAML_SCALAR && !node->quoted &&
           mw_number_parse(node->text.data, node->text.size, ret_value) && !isnan(*ret_value);
}

static mw_status copy_text(cli_validation *v, const mw_yaml *node, mw_view *ret_text, mw_error *err)
{
    if (node->kind != MW_YAML_SCALAR || node->text.size == 0)
        return fail_node(v, node, "a word is due here", "write one, in quotes where it has signs",
                         err);
    *ret_text = (mw_view){mw_arena_text(&v->memory, node->text), node->text.size};
    return ret_text->data ? MW_OK : mw_fail_memory(err, "the suite");
}

static mw_status read_names(cli_validation *v, const mw_yaml *node, cli_names *ret_names,
                            mw_error *err)
{
    bool is_one = node->kind == MW_YAML_SCALAR;
    if (node->kind == MW_YAML_MAP)
        return fail_node(v, node, "a list is due here", "write [a, b]", err);
    ret_names->count = 0;
    ret_names->items =
        mw_arena_take_zeroed(&v->memory, is_one ? 1 : node->count + 1, sizeof(mw_view));
    if (!ret_names->items)
        return mw_fail_memory(err, "the suite");
    if (is_one)
        return copy_text(v, node, &ret_names->items[ret_names->count++], err);
    for (const mw_yaml *one = node->first; one; one = one->next)
        MW_TRY(copy_text(v, one, &ret_names->items[ret_names->count++], err));
    return MW_OK;
}

static mw_status read_unit(cli_validation *v, const mw_yaml *node, key_kind kind, double *ret_value,
                           mw_error *err)
{
    static const struct {
        const char *unit;
        double factor;
    } times[] = {{"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {NULL, 0}},
      sizes[] = {{"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824},
                 {"kB", 1e3},   {"MB", 1e6},      {"GB", 1e9},
                 {"B", 1},      {NULL, 0}};
    mw_view text = node->kind == MW_YAML_SCALAR ? node->text : MW_VIEW("");
    for (size_t i = 0; (kind == KEY_TIME ? times : sizes)[i].unit; i++) {
        const char *unit = (kind == KEY_TIME ? times : sizes)[i].unit;
        size_t size = strlen(unit);
        if (text.size <= size || memcmp(text.data + text.size - size, unit, size) != 0)
            continue;
        mw_view number = mw_view_trim((mw_view){text.data, text.size - size});
        if (!mw_number_parse(number.data, number.size, ret_value) || !(*ret_value >= 0))
            continue;
        *ret_value *= (kind == KEY_TIME ? times : sizes)[i].factor;
        return MW_OK;
    }
    return kind == KEY_TIME
               ? fail_node(v, node, "this is a time", "write it with its unit: 800us, 5ms, 1s", err)
               : fail_node(v, node, "this is a size", "write it with its unit: 500KiB, 20MiB", err);
}

static mw_status read_rule(const cli_validation *v, const mw_yaml *node, cli_undecided *ret_rule,
                           mw_error *err)
{
    if (node->kind == MW_YAML_SCALAR && cli_undecided_read(node->text, ret_rule))
        return MW_OK;
    return fail_node(v, node, "'undecided' is warn or fail", "write 'undecided: fail'", err);
}

/* A tolerance of -1 is kept by nothing, and so is a share of 7: that is no limit, but a slip. */
static mw_status read_bounded(const cli_validation *v, const mw_yaml *node, key_kind kind,
                              double *ret_value, mw_error *err)
{
    if (!read_number(node, ret_value))
        return fail_node(v, node, "a number is due here", "write one, such as 0.05", err);
    if (kind != KEY_NUMBER && *ret_value < 0)
        return fail_node(v, node, "a number of 0 or more is due here", "write one, such as 0.05",
                         err);
    if (kind == KEY_SHARE && *ret_value > 1)
        return fail_node(v, node, "a share from 0 to 1 is due here", "write one, such as 0.05",
                         err);
    return MW_OK;
}

static mw_status read_value(cli_validation *v, const mw_yaml *node, const key *k, char *at,
                            mw_error *err)
{
    uint64_t count;
    switch (k->kind) {
    case KEY_TEXT:
        return copy_text(v, node, (mw_view *)(void *)(at + k->offset), err);
    case KEY_NAMES:
        return read_names(v, node, (cli_names *)(void *)(at + k->offset), err);
    case KEY_NUMBER:
    case KEY_AMOUNT:
    case KEY_SHARE:
        return read_bounded(v, node, k->kind, (double *)(void *)(at + k->offset), err);
    case KEY_COUNT:
        if (node->kind != MW_YAML_SCALAR || !mw_whole_parse(node->text, &count) ||
            count > INT32_MAX)
            return fail_node(v, node, "a whole number is due here", "write one, such as 100", err);
        *(size_t *)(void *)(at + k->offset) = (size_t)count;
        return MW_OK;
    case KEY_FLAG:
        return mw_yaml_bool(node, (bool *)(at + k->offset))
                   ? MW_OK
                   : fail_node(v, node, "this is true or false", "write one of the two", err);
    case KEY_RULE:
        return read_rule(v, node, (cli_undecided *)(void *)(at + k->offset), err);
    default:
        return read_unit(v, node, k->kind, (double *)(void *)(at + k->offset), err);
    }
}

/* No value keeps a limit whose least is above its most. */
static mw_status check_order(const cli_validation *v, const mw_yaml *map, const key *keys, size_t n,
                             const char *at, mw_error *err)
{
    static const char *const names[][2] = {{"min", "max"}, {"min_rows", "max_rows"}};
    for (size_t i = 0; i < MW_COUNT(names); i++) {
        double ends[2] = {(double)NAN, (double)NAN};
        for (size_t k = 0; k < n; k++)
            for (size_t e = 0; e < 2; e++)
                if (keys[k].kind == KEY_NUMBER && strcmp(keys[k].name, names[i][e]) == 0)
                    memcpy(&ends[e], at + keys[k].offset, sizeof ends[e]);
        if (ends[0] > ends[1])
            return fail_node(v, map, "nothing can keep this: the least is above the most",
                             "swap the two, or leave one of them out", err);
    }
    return MW_OK;
}

/* Every key of the map into the struct at `at`. */
static mw_status read_map(cli_validation *v, const mw_yaml *map, const key *keys, size_t n,
                          void *at, mw_error *err)
{
    if (mw_yaml_is_null(map))
        return MW_OK;
    if (map->kind != MW_YAML_MAP)
        return fail_node(v, map, "a map is due here", "write 'key: value', or {key: value}", err);
    for (const mw_yaml *node = map->first; node; node = node->next) {
        const key *found = NULL;
        for (size_t i = 0; i < n; i++)
            found = mw_view_is(node->key, keys[i].name) ? &keys[i] : found;
        if (!found)
            return fail_key(v, node, keys, n, err);
        MW_TRY(read_value(v, node, found, at, err));
    }
    return check_order(v, map, keys, n, at, err);
}

/* ---- metrics --------------------------------------------------------------------------------- */

static mw_status read_limit(cli_validation *v, const mw_yaml *node, cli_limit *limit, mw_error *err)
{
    static const key keys[] = {{"min", KEY_NUMBER, offsetof(cli_limit, min)},
                               {"max", KEY_NUMBER, offsetof(cli_limit, max)},
                               {"undecided", KEY_RULE, offsetof(cli_limit, undecided)}};
    const double none = (double)NAN;
    *limit = (cli_limit){.number = none,
                         .min = none,
                         .max = none,
                         .line = node->key_line,
                         .column = node->key_column};
    limit->name = (mw_view){mw_arena_text(&v->memory, node->key), node->key.size};
    if (!limit->name.data)
        return mw_fail_memory(err, "the suite");
    if (read_number(node, &limit->number))
        return MW_OK;
    if (node->kind != MW_YAML_MAP || node->count == 0)
        return fail_node(v, node, "a limit is a number", "give a number, or {min: 0.8, max: 1}",
                         err);
    return read_map(v, node, keys, MW_COUNT(keys), limit, err);
}

static mw_status read_metrics(cli_validation *v, const mw_yaml *map, mw_error *err)
{
    if (map->kind != MW_YAML_MAP)
        return fail_node(v, map, "metrics are a map", "write 'roc_auc: 0.8', one a line", err);
    v->suite.limits = mw_arena_take_zeroed(&v->memory, map->count + 1, sizeof(cli_limit));
    if (!v->suite.limits)
        return mw_fail_memory(err, "the suite");
    for (const mw_yaml *node = map->first; node; node = node->next)
        MW_TRY(read_limit(v, node, &v->suite.limits[v->suite.n_limits++], err));
    return MW_OK;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const char *const test_names[CLI_N_BEHAVIOURS] = {"invariance", "monotone",    "directional",
                                                         "range",      "determinism", "missing",
                                                         "noise",      "known_rows"};

#define AT(field) offsetof(cli_behaviour, field)
static const key invariance_keys[] = {{"column", KEY_TEXT, AT(feature)},
                                      {"values", KEY_NAMES, AT(columns)},
                                      {"tolerance", KEY_AMOUNT, AT(tolerance)},
                                      {"share", KEY_SHARE, AT(share)},
                                      {"rows", KEY_COUNT, AT(rows)}};
static const key monotone_keys[] = {
    {"column", KEY_TEXT, AT(feature)},        {"direction", KEY_TEXT, AT(direction)},
    {"tolerance", KEY_AMOUNT, AT(tolerance)}, {"share", KEY_SHARE, AT(share)},
    {"points", KEY_COUNT, AT(points)},        {"rows", KEY_COUNT, AT(rows)}};
static const key directional_keys[] = {
    {"column", KEY_TEXT, AT(feature)}, {"add", KEY_NUMBER, AT(add)},
    {"times", KEY_NUMBER, AT(times)},  {"set", KEY_NUMBER, AT(set)},
    {"expect", KEY_TEXT, AT(expect)},  {"tolerance", KEY_AMOUNT, AT(tolerance)},
    {"share", KEY_SHARE, AT(share)},   {"rows", KEY_COUNT, AT(rows)}};
static const key range_keys[] = {{"min", KEY_NUMBER, AT(min)}, {"max", KEY_NUMBER, AT(max)}};
static const key determinism_keys[] = {{"rows", KEY_COUNT, AT(rows)}};
static const key missing_keys[] = {{"columns", KEY_NAMES, AT(columns)},
                                   {"max_drop", KEY_AMOUNT, AT(max_drop)}};
static const key noise_keys[] = {{"columns", KEY_NAMES, AT(columns)},
                                 {"noise", KEY_AMOUNT, AT(noise)},
                                 {"max_change", KEY_AMOUNT, AT(max_change)},
                                 {"max_drop", KEY_AMOUNT, AT(max_drop)}};
static const key known_keys[] = {{"file", KEY_TEXT, AT(file)},
                                 {"column", KEY_TEXT, AT(column)},
                                 {"tolerance", KEY_AMOUNT, AT(tolerance)}};
#undef AT

static const struct {
    const key *keys;
    size_t count;
} test_keys[CLI_N_BEHAVIOURS] = {{invariance_keys, MW_COUNT(invariance_keys)},
                                 {monotone_keys, MW_COUNT(monotone_keys)},
                                 {directional_keys, MW_COUNT(directional_keys)},
                                 {range_keys, MW_COUNT(range_keys)},
                                 {determinism_keys, MW_COUNT(determinism_keys)},
                                 {missing_keys, MW_COUNT(missing_keys)},
                                 {noise_keys, MW_COUNT(noise_keys)},
                                 {known_keys, MW_COUNT(known_keys)}};

static mw_status check_test(const cli_validation *v, const mw_yaml *node, const cli_behaviour *t,
                            mw_error *err)
{
    bool needs_column =
        t->kind == CLI_INVARIANCE || t->kind == CLI_MONOTONE || t->kind == CLI_DIRECTIONAL;
    if (needs_column && !t->feature.data)
        return fail_node(v, node, "which column is to be changed?", "add 'column: NAME'", err);
    if (t->kind == CLI_MONOTONE && !mw_view_is(t->direction, "up") &&
        !mw_view_is(t->direction, "down"))
        return fail_node(v, node, "the direction is up or down", "add 'direction: up'", err);
    if (t->kind == CLI_DIRECTIONAL && !mw_view_is(t->expect, "up") &&
        !mw_view_is(t->expect, "down") && !mw_view_is(t->expect, "same"))
        return fail_node(v, node, "what is expected is up, down or same", "add 'expect: up'", err);
    if (t->kind == CLI_DIRECTIONAL &&
        (isnan(t->add) == 0) + (isnan(t->times) == 0) + (isnan(t->set) == 0) != 1)
        return fail_node(v, node, "one change is due", "add one of add, times and set", err);
    if (t->kind == CLI_KNOWN_ROWS && (!t->file.data || !t->column.data))
        return fail_node(v, node, "known rows need a file and its column of predictions",
                         "write {file: golden.csv, column: prediction}", err);
    return MW_OK;
}

static mw_status read_test(cli_validation *v, const mw_yaml *item, mw_error *err)
{
    const double none = (double)NAN;
    const mw_yaml *node = item->kind == MW_YAML_MAP && item->count == 1 ? item->first : NULL;
    if (!node)
        return fail_node(v, item, "a test is one key",
                         "write '- monotone: {column: age, direction: "
                         "up}'",
                         err);
    cli_behaviour *t = &v->suite.tests[v->suite.n_tests];
    *t = (cli_behaviour){.kind = CLI_N_BEHAVIOURS,
                         .add = none,
                         .times = none,
                         .set = none,
                         .share = 1,
                         .min = none,
                         .max = none,
                         .max_change = none,
                         .max_drop = none,
                         .noise = 0.05,
                         .points = 20,
                         .rows = 1000,
                         .line = node->key_line,
                         .column_of_file = node->key_column};
    for (int k = 0; k < CLI_N_BEHAVIOURS; k++)
        t->kind = mw_view_is(node->key, test_names[k]) ? (cli_behaviour_kind)k : t->kind;
    if (t->kind == CLI_N_BEHAVIOURS)
        return fail_node(v, node, "there is no such test",
                         "there are invariance, monotone, directional, range, determinism, "
                         "missing, noise and known_rows",
                         err);
    t->tolerance = t->kind == CLI_KNOWN_ROWS ? 1e-6 : t->kind == CLI_INVARIANCE ? 0.01 : 1e-9;
    t->name = mw_view_of(test_names[t->kind]);
    MW_TRY(read_map(v, node, test_keys[t->kind].keys, test_keys[t->kind].count, t, err));
    v->suite.n_tests++;
    return check_test(v, node, t, err);
}

static mw_status read_tests(cli_validation *v, const mw_yaml *list, mw_error *err)
{
    if (list->kind != MW_YAML_LIST)
        return fail_node(v, list, "tests are a list", "write '- determinism:', one a line", err);
    v->suite.tests = mw_arena_take_zeroed(&v->memory, list->count + 1, sizeof(cli_behaviour));
    if (!v->suite.tests)
        return mw_fail_memory(err, "the suite");
    for (const mw_yaml *item = list->first; item; item = item->next)
        MW_TRY(read_test(v, item, err));
    return MW_OK;
}

/* ---- data ------------------------------------------------------------------------------------ */

static mw_status read_column_rule(cli_validation *v, const mw_yaml *node, cli_column_rule *rule,
                                  mw_error *err)
{
    static const key keys[] = {{"type", KEY_TEXT, offsetof(cli_column_rule, type)},
                               {"min", KEY_NUMBER, offsetof(cli_column_rule, min)},
                               {"max", KEY_NUMBER, offsetof(cli_column_rule, max)},
                               {"values", KEY_NAMES, offsetof(cli_column_rule, values)},
                               {"missing", KEY_SHARE, offsetof(cli_column_rule, max_missing)},
                               {"optional", KEY_FLAG, offsetof(cli_column_rule, optional)}};
    const double none = (double)NAN;
    *rule = (cli_column_rule){.min = none,
                              .max = none,
                              .max_missing = none,
                              .line = node->key_line,
                              .column = node->key_column};
    rule->name = (mw_view){mw_arena_text(&v->memory, node->key), node->key.size};
    if (!rule->name.data)
        return mw_fail_memory(err, "the suite");
    MW_TRY(read_map(v, node, keys, MW_COUNT(keys), rule, err));
    bool is_known = !rule->type.data || mw_view_is(rule->type, "number") ||
                    mw_view_is(rule->type, "whole") || mw_view_is(rule->type, "text");
    return is_known ? MW_OK
                    : fail_node(v, node, "there is no such type",
                                "there are number, whole and text", err);
}

static mw_status read_data(cli_validation *v, const mw_yaml *map, mw_error *err)
{
    static const key keys[] = {
        {"unique", KEY_NAMES, offsetof(cli_suite, data.unique)},
        {"min_rows", KEY_NUMBER, offsetof(cli_suite, data.min_rows)},
        {"max_rows", KEY_NUMBER, offsetof(cli_suite, data.max_rows)},
        {"min_class_share", KEY_SHARE, offsetof(cli_suite, data.min_balance)},
        {"max_leakage", KEY_SHARE, offsetof(cli_suite, data.max_leakage)},
        {"max_duplicates", KEY_SHARE, offsetof(cli_suite, data.max_duplicates)},
        {"columns", KEY_TEXT, 0}};
    v->suite.data.line = map->key_line;
    if (map->kind != MW_YAML_MAP)
        return fail_node(v, map, "a map is due here", "write 'min_rows: 1000', one a line", err);
    for (const mw_yaml *node = map->first; node; node = node->next) {
        const key *found = NULL;
        for (size_t i = 0; i < MW_COUNT(keys); i++)
            found = mw_view_is(node->key, keys[i].name) ? &keys[i] : found;
        if (!found)
            return fail_key(v, node, keys, MW_COUNT(keys), err);
        if (!mw_view_is(node->key, "columns")) {
            MW_TRY(read_value(v, node, found, (char *)&v->suite, err));
            continue;
        }
        if (node->kind != MW_YAML_MAP)
            return fail_node(v, node, "columns are a map", "write 'age: {min: 0, max: 120}'", err);
        v->suite.data.columns =
            mw_arena_take_zeroed(&v->memory, node->count + 1, sizeof(cli_column_rule));
        if (!v->suite.data.columns)
            return mw_fail_memory(err, "the suite");
        for (const mw_yaml *one = node->first; one; one = one->next)
            MW_TRY(
                read_column_rule(v, one, &v->suite.data.columns[v->suite.data.n_columns++], err));
    }
    return check_order(v, map, keys, MW_COUNT(keys), (const char *)&v->suite, err);
}

/* ---- all ------------------------------------------------------------------------------------- */

static mw_status read_undecided(cli_validation *v, const mw_yaml *node, mw_error *err)
{
    return read_rule(v, node, &v->suite.undecided, err);
}

#define AT(field) offsetof(cli_suite, field)
static const key compare_keys[] = {{"metric", KEY_TEXT, AT(compare.metric)},
                                   {"margin", KEY_AMOUNT, AT(compare.margin)},
                                   {"better", KEY_FLAG, AT(compare.must_be_better)},
                                   {"undecided", KEY_RULE, AT(compare.undecided)}};
static const key slice_keys[] = {
    {"columns", KEY_NAMES, AT(slices.columns)},   {"metric", KEY_TEXT, AT(slices.metric)},
    {"min", KEY_NUMBER, AT(slices.min)},          {"max", KEY_NUMBER, AT(slices.max)},
    {"max_gap", KEY_AMOUNT, AT(slices.max_gap)},  {"min_rows", KEY_COUNT, AT(slices.min_rows)},
    {"depth", KEY_COUNT, AT(slices.depth)},       {"worst", KEY_COUNT, AT(slices.worst)},
    {"undecided", KEY_RULE, AT(slices.undecided)}};
static const key overlap_keys[] = {{"max", KEY_SHARE, AT(max_overlap)}};
static const key latency_keys[] = {{"p50", KEY_TIME, AT(max_p50_ms)},
                                   {"p99", KEY_TIME, AT(max_p99_ms)}};
static const key size_keys[] = {{"max", KEY_SIZE, AT(max_bytes)}};
#undef AT

typedef mw_status read_section(cli_validation *v, const mw_yaml *node, mw_error *err);

static const struct {
    const char *name;
    read_section *read; /* NULL: by keys */
    const key *keys;
    size_t count;
    size_t line; /* offset of where its line is kept; 0: nowhere */
} sections[] = {
    {"metrics", read_metrics, NULL, 0, 0},
    {"undecided", read_undecided, NULL, 0, 0},
    {"compare", NULL, compare_keys, MW_COUNT(compare_keys), offsetof(cli_suite, compare.line)},
    {"slices", NULL, slice_keys, MW_COUNT(slice_keys), offsetof(cli_suite, slices.line)},
    {"tests", read_tests, NULL, 0, 0},
    {"data", read_data, NULL, 0, 0},
    {"overlap", NULL, overlap_keys, MW_COUNT(overlap_keys), offsetof(cli_suite, overlap_line)},
    {"latency", NULL, latency_keys, MW_COUNT(latency_keys), offsetof(cli_suite, latency_line)},
    {"size", NULL, size_keys, MW_COUNT(size_keys), offsetof(cli_suite, size_line)},
};

static mw_status read_section_of(cli_validation *v, const mw_yaml *node, mw_error *err)
{
    key names[MW_COUNT(sections)];
    for (size_t i = 0; i < MW_COUNT(sections); i++) {
        names[i] = (key){sections[i].name, KEY_TEXT, 0};
        if (!mw_view_is(node->key, sections[i].name))
            continue;
        if (sections[i].line > 0)
            *(unsigned *)(void *)((char *)&v->suite + sections[i].line) = node->key_line;
        return sections[i].read
                   ? sections[i].read(v, node, err)
                   : read_map(v, node, sections[i].keys, sections[i].count, &v->suite, err);
    }
    return fail_key(v, node, names, MW_COUNT(sections), err);
}

static mw_status read_root(cli_validation *v, const mw_yaml *root, mw_error *err)
{
    const mw_yaml *own = root->kind == MW_YAML_MAP ? mw_yaml_member(root, "validation") : NULL;
    root = own ? own : root;
    if (root->kind != MW_YAML_MAP || root->count == 0)
        return fail_node(v, root, "nothing is asked for in this file",
                         "write 'metrics:' and under it 'roc_auc: 0.8'", err);
    for (const mw_yaml *node = root->first; node; node = node->next)
        MW_TRY(read_section_of(v, node, err));
    return MW_OK;
}

mw_status cli_validate_parse_suite(cli_validation *v, mw_view text, const char *name, mw_error *err)
{
    enum { WORST = 5 };
    const double none = (double)NAN;
    v->suite = (cli_suite){
        .path = name,
        .compare.margin = none,
        .slices = {.min = none, .max = none, .max_gap = none, .depth = 2, .worst = WORST},
        .data = {.min_rows = none,
                 .max_rows = none,
                 .min_balance = none,
                 .max_leakage = none,
                 .max_duplicates = none},
        .max_overlap = none,
        .max_p50_ms = none,
        .max_p99_ms = none,
        .max_bytes = none};
    if (!text.data)
        return MW_OK;
    MW_TRY(mw_yaml_read(text, name, &v->suite.document, err));
    return read_root(v, mw_yaml_root(v->suite.document), err);
}

mw_status cli_validate_read_suite(cli_validation *v, mw_error *err)
{
    mw_file file;
    const char *path = v->call->settings[CLI_VALID_SUITE].text;
    if (!path)
        return cli_validate_parse_suite(v, (mw_view){NULL, 0}, NULL, err);
    MW_TRY(mw_file_read(path, MW_MIB, &file, err));
    mw_status status = cli_validate_parse_suite(v, (mw_view){file.data, file.size}, path, err);
    mw_file_done(&file);
    return status;
}
