/* What a model declares of its columns, from YAML: the form alone. Whether it fits is for those who
 * have the model's columns: `model` lays it over a schema, `registry` over a signature. */
#include "table.h"

mw_status mw_declaration_fail(unsigned line, unsigned column, mw_error *err, const char *what,
                              mw_view name)
{
    mw_fail(err, MW_E_MODEL_DECLARED, "%s: '%.*s'", what, MW_VIEW_ARG(name));
    mw_mend(err, "columns: {income: {was: salary}, region: {default: north}, tenure: "
                 "{optional: true}}");
    return mw_at(err, "%u:%u", line, column);
}

static mw_status fail_at(const mw_yaml *node, mw_error *err, const char *what, mw_view name)
{
    return mw_declaration_fail(node->line, node->column, err, what, name);
}

static mw_status take_names(const mw_yaml *node, mw_arena *arena, mw_declaration *to, mw_error *err)
{
    bool is_list = node->kind == MW_YAML_LIST;
    size_t n = is_list ? node->count : 1;
    mw_view *names = mw_arena_take_zeroed(arena, n + 1, sizeof *names);
    if (!names)
        return mw_fail_memory(err, "names of columns");
    const mw_yaml *item = is_list ? node->first : node;
    for (size_t i = 0; i < n; i++, item = item->next) {
        if (item->kind != MW_YAML_SCALAR || item->text.size == 0)
            return fail_at(item, err, "no name of a column", item->text);
        names[i] = item->text;
    }
    to->was = names;
    to->n_was = n;
    return MW_OK;
}

static mw_status take_default(const mw_yaml *node, mw_declaration *to, mw_error *err)
{
    if (node->kind != MW_YAML_SCALAR || mw_yaml_is_null(node))
        return fail_at(node, err, "no default; for a missing value say optional: true", to->name);
    to->default_text = node->text;
    to->default_line = node->line;
    to->default_column = node->column;
    return MW_OK;
}

static mw_status take_column(const mw_yaml *node, mw_arena *arena, mw_declaration *to,
                             mw_error *err)
{
    *to = (mw_declaration){.name = node->key, .line = node->line, .column = node->column};
    if (node->kind != MW_YAML_MAP)
        return fail_at(node, err, "no map of what is declared", node->key);
    for (const mw_yaml *item = node->first; item; item = item->next) {
        if (mw_view_is(item->key, "was"))
            MW_TRY(take_names(item, arena, to, err));
        else if (mw_view_is(item->key, "default"))
            MW_TRY(take_default(item, to, err));
        else if (mw_view_is(item->key, "optional") && mw_yaml_bool(item, &to->optional))
            to->says_optional = true;
        else
            return fail_at(item, err, "nothing that is declared of a column", item->key);
    }
    if (to->default_text.data)
        to->says_optional = to->optional = true;
    return MW_OK;
}

mw_status mw_declarations_read(const mw_yaml *root, mw_arena *arena,
                               mw_declarations *ret_declarations, mw_error *err)
{
    *ret_declarations = (mw_declarations){0};
    if (!root || (root->kind == MW_YAML_MAP && root->count == 0))
        return MW_OK;
    const mw_yaml *columns = root->kind == MW_YAML_MAP ? mw_yaml_member(root, "columns") : NULL;
    if (!columns || columns->kind != MW_YAML_MAP)
        return fail_at(root, err, "no map of columns", MW_VIEW("columns"));
    mw_declaration *items = mw_arena_take_zeroed(arena, columns->count + 1, sizeof *items);
    if (!items)
        return mw_fail_memory(err, "what is declared");
    size_t n = 0;
    for (const mw_yaml *node = columns->first; node; node = node->next)
        MW_TRY(take_column(node, arena, &items[n++], err));
    *ret_declarations = (mw_declarations){items, n, columns->line, columns->column};
    return MW_OK;
}
