/* Reading a feature dictionary, strictly; drafting one. */
#include "dictionary.h"
#include "command.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct reading {
    const char *path;
    const mw_forest *forest;
    mw_arena *arena;
    cli_dictionary *to;
    const mw_yaml *groups;
} reading;

/* ---- faults ---------------------------------------------------------------------------------- */

static mw_status at_node(const reading *r, const mw_yaml *node, mw_error *err)
{
    bool keyed = node->key_line > 0;
    return mw_at(err, "%s:%u:%u", r->path, keyed ? node->key_line : node->line,
                 keyed ? node->key_column : node->column);
}

static mw_status fail_word(const reading *r, const mw_yaml *node, const char *noun, mw_view word,
                           const mw_view *known, size_t n_known, mw_error *err)
{
    size_t best = SIZE_MAX, reach = word.size < 4 ? 1 : word.size < 9 ? 2 : word.size / 3;
    for (size_t i = 0; i < n_known; i++) {
        size_t distance = mw_view_distance(word, known[i], reach);
        if (distance <= reach) {
            best = i;
            reach = distance - (distance > 0);
        }
    }
    mw_fail(err, MW_E_DICTIONARY, "unknown %s '%.*s'", noun, MW_VIEW_ARG(word));
    if (best < n_known)
        mw_mend(err, "did you mean '%.*s'?", MW_VIEW_ARG(known[best]));
    else if (n_known > 0)
        mw_mend(err, "known are '%.*s'%s", MW_VIEW_ARG(known[0]), n_known > 1 ? " and others" : "");
    else
        mw_mend(err, "leave it out");
    return at_node(r, node, err);
}

static mw_status fail_shape(const reading *r, const mw_yaml *node, const char *what, mw_error *err)
{
    mw_fail(err, MW_E_DICTIONARY, "'%.*s' must be %s", MW_VIEW_ARG(node->key), what);
    mw_mend(err, "'mw dictionary MODEL' drafts a dictionary");
    return at_node(r, node, err);
}

static bool is_text(const mw_yaml *node)
{
    return node->kind == MW_YAML_SCALAR && (node->quoted || node->text.size > 0);
}

static mw_status keep(const reading *r, const mw_yaml *node, mw_view *to, mw_error *err)
{
    if (!is_text(node))
        return fail_shape(r, node, "a text", err);
    to->data = mw_arena_text(r->arena, node->text);
    to->size = node->text.size;
    return to->data ? MW_OK : mw_fail_memory(err, "the dictionary");
}

/* ---- groups ---------------------------------------------------------------------------------- */

static mw_status read_group(const reading *r, const mw_yaml *node, cli_dictionary_group *to,
                            mw_error *err)
{
    static const mw_view keys[] = {{"name", 4}, {"up", 2}, {"down", 4}};
    if (node->kind != MW_YAML_MAP)
        return fail_shape(r, node, "a map of name, up and down", err);
    for (const mw_yaml *one = node->first; one; one = one->next) {
        mw_view *places[] = {&to->name, &to->up, &to->down};
        size_t i = 0;
        while (i < MW_COUNT(keys) && !mw_view_equal(one->key, keys[i]))
            i++;
        if (i == MW_COUNT(keys))
            return fail_word(r, one, "key", one->key, keys, MW_COUNT(keys), err);
        MW_TRY(keep(r, one, places[i], err));
    }
    return MW_OK;
}

/* A group's place: that of its first member, so that equals come in the order of `features`. */
static mw_status join_group(reading *r, const mw_yaml *node, cli_dictionary_entry *entry,
                            mw_error *err)
{
    cli_dictionary *to = r->to;
    mw_view key;
    size_t g = 0;
    MW_TRY(keep(r, node, &key, err));
    while (g < to->n_groups && !(to->groups[g].key.size && mw_view_equal(to->groups[g].key, key)))
        g++;
    entry->group = g;
    if (g < to->n_groups)
        return MW_OK;
    to->groups[g] = (cli_dictionary_group){.key = key, .name = key};
    to->n_groups++;
    const mw_yaml *described = mw_yaml_member(r->groups, key.data);
    if (!r->groups)
        return MW_OK;
    if (described)
        return read_group(r, described, &to->groups[g], err);
    mw_view known[64];
    size_t n = 0;
    for (const mw_yaml *one = r->groups->first; one && n < MW_COUNT(known); one = one->next)
        known[n++] = one->key;
    mw_yaml here = *node;
    here.key_line = 0;
    return fail_word(r, &here, "group", key, known, n, err);
}

static mw_status check_groups_used(const reading *r, mw_error *err)
{
    for (const mw_yaml *one = r->groups ? r->groups->first : NULL; one; one = one->next) {
        bool used = false;
        for (size_t g = 0; g < r->to->n_groups; g++)
            used = used || mw_view_equal(r->to->groups[g].key, one->key);
        if (used)
            continue;
        mw_fail(err, MW_E_DICTIONARY, "no feature is in the group '%.*s'", MW_VIEW_ARG(one->key));
        mw_mend(err, "give one of them 'group: %.*s', or remove it", MW_VIEW_ARG(one->key));
        return at_node(r, one, err);
    }
    return MW_OK;
}

/* ---- features -------------------------------------------------------------------------------- */

static mw_status read_categories(const reading *r, const mw_yaml *node, const mw_column *column,
                                 cli_dictionary_entry *to, mw_error *err)
{
    if (node->kind != MW_YAML_MAP)
        return fail_shape(r, node, "a map from category to words", err);
    if (!column->categories) {
        mw_fail(err, MW_E_DICTIONARY, "the model knows no categories of this feature");
        mw_mend(err, "remove 'categories'");
        return at_node(r, node, err);
    }
    mw_view *names = mw_arena_take_zeroed(r->arena, column->n_categories, sizeof *names);
    if (!names)
        return mw_fail_memory(err, "the dictionary");
    memcpy(names, column->categories, column->n_categories * sizeof *names);
    for (const mw_yaml *one = node->first; one; one = one->next) {
        ptrdiff_t code = mw_schema_category(column, one->key);
        if (code < 0)
            return fail_word(r, one, "category", one->key, column->categories, column->n_categories,
                             err);
        MW_TRY(keep(r, one, &names[code], err));
    }
    to->categories = names;
    return MW_OK;
}

static mw_status read_decimals(const reading *r, const mw_yaml *node, int *ret, mw_error *err)
{
    bool digit = is_text(node) && node->text.size == 1 && node->text.data[0] >= '0' &&
                 node->text.data[0] <= '9';
    if (!digit)
        return fail_shape(r, node, "a number from 0 to 9", err);
    *ret = node->text.data[0] - '0';
    return MW_OK;
}

static mw_status read_key(reading *r, const mw_yaml *node, size_t f, mw_error *err)
{
    static const mw_view keys[] = {{"name", 4}, {"unit", 4},    {"up", 2},
                                   {"down", 4}, {"missing", 7}, {"decimals", 8},
                                   {"show", 4}, {"group", 5},   {"categories", 10}};
    cli_dictionary_entry *to = &r->to->entries[f];
    mw_view *texts[] = {&to->name, &to->unit, &to->up, &to->down, &to->missing};
    size_t i = 0;
    while (i < MW_COUNT(keys) && !mw_view_equal(node->key, keys[i]))
        i++;
    if (i < MW_COUNT(texts))
        return keep(r, node, texts[i], err);
    switch (i) {
    case 5:
        return read_decimals(r, node, &to->decimals, err);
    case 6:
        return mw_yaml_bool(node, &to->show) ? MW_OK : fail_shape(r, node, "true or false", err);
    case 7:
        return join_group(r, node, to, err);
    case 8:
        return read_categories(r, node, &r->forest->schema.columns[f], to, err);
    default:
        return fail_word(r, node, "key", node->key, keys, MW_COUNT(keys), err);
    }
}

static mw_status read_feature(reading *r, const mw_yaml *node, mw_error *err)
{
    const mw_schema *schema = &r->forest->schema;
    ptrdiff_t f = mw_schema_find(schema, node->key);
    if (f < 0) {
        mw_view *names = mw_arena_take_zeroed(r->arena, schema->n_columns, sizeof *names);
        for (size_t i = 0; names && i < schema->n_columns; i++)
            names[i] = schema->columns[i].name;
        return fail_word(r, node, "feature", node->key, names, names ? schema->n_columns : 0, err);
    }
    if (node->kind != MW_YAML_MAP)
        return fail_shape(r, node, "a map: name, unit, up, down and others", err);
    for (const mw_yaml *one = node->first; one; one = one->next)
        MW_TRY(read_key(r, one, (size_t)f, err));
    cli_dictionary_entry *to = &r->to->entries[f];
    if (to->group == SIZE_MAX)
        r->to->groups[to->group = r->to->n_groups++] = (cli_dictionary_group){.name = to->name};
    return MW_OK;
}

/* ---- the document ---------------------------------------------------------------------------- */

static mw_status start(reading *r, mw_error *err)
{
    size_t n = r->forest->n_features;
    r->to->entries = mw_arena_take_zeroed(r->arena, n, sizeof *r->to->entries);
    r->to->groups = mw_arena_take_zeroed(r->arena, n, sizeof *r->to->groups);
    if (!r->to->entries || !r->to->groups)
        return mw_fail_memory(err, "the dictionary");
    for (size_t f = 0; f < n; f++)
        r->to->entries[f] = (cli_dictionary_entry){.name = r->forest->schema.columns[f].name,
                                                   .missing = MW_VIEW("missing"),
                                                   .decimals = -1,
                                                   .show = true,
                                                   .group = SIZE_MAX};
    return MW_OK;
}

static mw_status read_root(reading *r, const mw_yaml *root, mw_error *err)
{
    static const mw_view keys[] = {{"version", 7}, {"features", 8}, {"groups", 6}};
    const mw_yaml *features = mw_yaml_member(root, "features");
    const mw_yaml *version = mw_yaml_member(root, "version");
    r->groups = mw_yaml_member(root, "groups");
    for (const mw_yaml *one = root->kind == MW_YAML_MAP ? root->first : NULL; one; one = one->next)
        if (!mw_view_equal(one->key, keys[0]) && !mw_view_equal(one->key, keys[1]) &&
            !mw_view_equal(one->key, keys[2]))
            return fail_word(r, one, "key", one->key, keys, MW_COUNT(keys), err);
    if (!features || features->kind != MW_YAML_MAP) {
        mw_fail(err, MW_E_DICTIONARY, "there is no map 'features'");
        mw_mend(err, "'mw dictionary MODEL' drafts a dictionary");
        return mw_at(err, "%s", r->path);
    }
    if (r->groups && r->groups->kind != MW_YAML_MAP)
        return fail_shape(r, r->groups, "a map from group to name, up and down", err);
    if (version)
        MW_TRY(keep(r, version, &r->to->version, err));
    for (const mw_yaml *one = features->first; one; one = one->next)
        MW_TRY(read_feature(r, one, err));
    return check_groups_used(r, err);
}

/* Features that it does not speak of come last, under their own names. */
static void finish(reading *r)
{
    for (size_t f = 0; f < r->forest->n_features; f++) {
        cli_dictionary_entry *entry = &r->to->entries[f];
        if (entry->group == SIZE_MAX)
            r->to->groups[entry->group = r->to->n_groups++] =
                (cli_dictionary_group){.name = entry->name};
        r->to->groups[entry->group].n_members++;
    }
}

mw_status cli_dictionary_parse(mw_view text, const char *name, const mw_forest *forest,
                               mw_arena *arena, cli_dictionary *ret_dictionary, mw_error *err)
{
    mw_yaml_document *document;
    reading r = {.path = name, .forest = forest, .arena = arena, .to = ret_dictionary};
    *ret_dictionary = (cli_dictionary){.n_groups = 0};
    MW_TRY(mw_yaml_read(text, name, &document, err));
    mw_status status = start(&r, err);
    if (status == MW_OK)
        status = read_root(&r, mw_yaml_root(document), err);
    if (status == MW_OK)
        finish(&r);
    mw_yaml_free(document);
    return status;
}

mw_status cli_dictionary_read(const char *path, const mw_forest *forest, mw_arena *arena,
                              cli_dictionary *ret_dictionary, mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, MW_LIMIT_CONFIG_FILE_BYTES, &file, err));
    mw_view text = {file.data, file.size};
    mw_status status = cli_dictionary_parse(text, path, forest, arena, ret_dictionary, err);
    mw_file_done(&file);
    return status;
}

/* ---- a draft --------------------------------------------------------------------------------- */

void cli_dictionary_draft(const mw_forest *forest, mw_buf *out)
{
    mw_buf_text(out, "# What people call the features of this model. Every line may go but the "
                     "features' own.\nversion: \"1\"\nfeatures:\n");
    for (size_t f = 0; f < forest->n_features; f++) {
        const mw_column *column = &forest->schema.columns[f];
        mw_buf_text(out, "  ");
        mw_json_write_text(out, column->name); /* quoted: YAML reads it as it is */
        mw_buf_text(out, ":\n    name: ");
        mw_json_write_text(out, column->name);
        mw_buf_text(out, "\n    up: \"{name} is {value}\"\n    down: \"{name} is {value}\"\n"
                         "    show: true\n");
        for (size_t i = 0; column->categories && i < column->n_categories; i++) {
            mw_buf_text(out, i ? "" : "    categories:\n");
            mw_buf_text(out, "      ");
            mw_json_write_text(out, column->categories[i]);
            mw_buf_text(out, ": ");
            mw_json_write_text(out, column->categories[i]);
            mw_buf_char(out, '\n');
        }
    }
}
