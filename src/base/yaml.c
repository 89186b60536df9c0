/* YAML through libyaml's document loader, turned into the plain tree of yaml.h.
 *
 * libyaml resolves anchors to shared nodes; here an alias becomes a copy, counted against the limit of
 * nodes, so a document that would unfold to billions of nodes ends in a sentence. */
#include "yaml.h"

#include <yaml.h>

#include "arena.h"
#include "limits.h"

#include "banned.h"

struct mw_yaml_document {
    mw_arena arena;
    const mw_yaml *root;
};

typedef struct yaml_copy {
    yaml_document_t *from;
    mw_arena *arena;
    const char *name;
    size_t n_nodes;
} yaml_copy;

/* ---- errors -------------------------------------------------------------------------------------------- */

static mw_status fail_mark(mw_error *err, const char *name, yaml_mark_t mark)
{
    mw_at(err, "%s:%zu:%zu", name, mark.line + 1, mark.column + 1);
    return mw_mend(err, "write YAML with two-space indents and 'key: value' pairs");
}

static mw_status fail_parser(const yaml_parser_t *parser, const char *name, mw_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return mw_fail_memory(err, "a YAML document");
    const char *problem = parser->problem ? parser->problem : "not YAML";
    mw_fail(err, MW_E_YAML_SYNTAX, "%s", problem);
    if (parser->context)
        mw_why(err, "%s", parser->context);
    return fail_mark(err, name, parser->problem_mark);
}

static mw_status fail_limit(const yaml_copy *copy, const yaml_node_t *node, const char *what,
                            mw_error *err)
{
    mw_fail(err, MW_E_YAML_LIMIT, "%s", what);
    return fail_mark(err, copy->name, node->start_mark);
}

/* ---- the copy --------------------------------------------------------------------------------------------- */

static mw_status copy_node(yaml_copy *copy, int id, unsigned depth, mw_yaml **ret_node,
                           mw_error *err);

static bool is_core_tag(const yaml_node_t *node)
{
    static const char *const core[] = {YAML_STR_TAG, YAML_SEQ_TAG, YAML_MAP_TAG};
    for (size_t i = 0; i < sizeof core / sizeof core[0]; i++)
        if (!node->tag || strcmp((const char *)node->tag, core[i]) == 0)
            return true;
    return false;
}

static mw_status copy_text(yaml_copy *copy, const yaml_node_t *node, mw_view *ret_text,
                           mw_error *err)
{
    mw_view text = {(const char *)node->data.scalar.value, node->data.scalar.length};
    char *kept = mw_arena_text(copy->arena, text);
    if (!kept)
        return mw_fail_memory(err, "a YAML document");
    *ret_text = (mw_view){kept, text.size};
    return MW_OK;
}

/* Puts a child at the end of the parent's list. */
static void append(mw_yaml *parent, mw_yaml **last, mw_yaml *child)
{
    if (*last)
        (*last)->next = child;
    else
        parent->first = child;
    *last = child;
    parent->count++;
}

static mw_status copy_list(yaml_copy *copy, const yaml_node_t *from, unsigned depth, mw_yaml *list,
                           mw_error *err)
{
    mw_yaml *last = NULL;
    for (const yaml_node_item_t *item = from->data.sequence.items.start;
         item < from->data.sequence.items.top; item++) {
        mw_yaml *child;
        MW_TRY(copy_node(copy, *item, depth + 1, &child, err));
        append(list, &last, child);
    }
    return MW_OK;
}

static mw_status check_key(const yaml_copy *copy, const mw_yaml *map, const yaml_node_t *key,
                           mw_error *err)
{
    if (key->type != YAML_SCALAR_NODE)
        return fail_limit(copy, key, "a key that is no plain text", err);
    mw_view text = {(const char *)key->data.scalar.value, key->data.scalar.length};
    if (mw_view_is(text, "<<"))
        return fail_limit(copy, key, "merge keys (<<) are not read", err);
    for (const mw_yaml *other = map->first; other; other = other->next) {
        if (!mw_view_equal(other->key, text))
            continue;
        mw_fail(err, MW_E_YAML_SYNTAX, "the key '%.*s' stands twice", MW_VIEW_ARG(text));
        mw_at(err, "%s:%zu:%zu", copy->name, key->start_mark.line + 1, key->start_mark.column + 1);
        return mw_mend(err, "keep one of the two; the other is on line %u", other->key_line);
    }
    return MW_OK;
}

static mw_status copy_map(yaml_copy *copy, const yaml_node_t *from, unsigned depth, mw_yaml *map,
                          mw_error *err)
{
    mw_yaml *last = NULL;
    for (const yaml_node_pair_t *pair = from->data.mapping.pairs.start;
         pair < from->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(copy->from, pair->key);
        mw_yaml *child;
        MW_TRY(check_key(copy, map, key, err));
        MW_TRY(copy_node(copy, pair->value, depth + 1, &child, err));
        MW_TRY(copy_text(copy, key, &child->key, err));
        child->key_line = (unsigned)key->start_mark.line + 1;
        child->key_column = (unsigned)key->start_mark.column + 1;
        append(map, &last, child);
    }
    return MW_OK;
}

static mw_status copy_node(yaml_copy *copy, int id, unsigned depth, mw_yaml **ret_node,
                           mw_error *err)
{
    const yaml_node_t *from = yaml_document_get_node(copy->from, id);
    if (depth > MW_LIMIT_YAML_DEPTH)
        return fail_limit(copy, from, "nested too deeply", err);
    if (++copy->n_nodes > MW_LIMIT_YAML_NODES)
        return fail_limit(copy, from, "too many nodes, aliases counted", err);
    if (!is_core_tag(from))
        return fail_limit(copy, from, "tags (!) are not read", err);
    mw_yaml *node = mw_arena_take_zeroed(copy->arena, 1, sizeof *node);
    if (!node)
        return mw_fail_memory(err, "a YAML document");
    node->line = (unsigned)from->start_mark.line + 1;
    node->column = (unsigned)from->start_mark.column + 1;
    *ret_node = node;
    switch (from->type) {
    case YAML_SEQUENCE_NODE:
        node->kind = MW_YAML_LIST;
        return copy_list(copy, from, depth, node, err);
    case YAML_MAPPING_NODE:
        node->kind = MW_YAML_MAP;
        return copy_map(copy, from, depth, node, err);
    default:
        node->kind = MW_YAML_SCALAR;
        node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        return copy_text(copy, from, &node->text, err);
    }
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* libyaml loads recursively and resolves aliases itself, so depth and aliases are counted first, on its
 * events. */
static mw_status check_events(mw_view text, const char *name, mw_error *err)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return mw_fail_memory(err, "a YAML document");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    unsigned depth = 0, n_aliases = 0, n_documents = 0;
    mw_status status = MW_OK;
    for (bool ended = false; !ended && status == MW_OK;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = fail_parser(&parser, name, err);
            break;
        }
        const char *wrong = NULL;
        depth += event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
        depth -= event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        n_aliases += event.type == YAML_ALIAS_EVENT;
        n_documents += event.type == YAML_DOCUMENT_START_EVENT;
        if (depth > MW_LIMIT_YAML_DEPTH)
            wrong = "nested too deeply";
        else if (n_aliases > MW_LIMIT_YAML_ALIASES)
            wrong = "too many aliases";
        else if (n_documents > 1)
            wrong = "more than one document";
        if (wrong) {
            mw_fail(err, MW_E_YAML_LIMIT, "%s", wrong);
            status = fail_mark(err, name, event.start_mark);
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

static mw_status copy_document(yaml_document_t *from, const char *name, mw_yaml_document *document,
                               mw_error *err)
{
    yaml_copy copy = {from, &document->arena, name, 0};
    mw_yaml *root;
    if (yaml_document_get_root_node(from)) {
        MW_TRY(copy_node(&copy, 1, 1, &root, err)); /* libyaml numbers nodes from 1, the root first */
    } else {
        root = mw_arena_take_zeroed(&document->arena, 1, sizeof *root);
        if (!root)
            return mw_fail_memory(err, "a YAML document");
        *root = (mw_yaml){.kind = MW_YAML_MAP, .line = 1, .column = 1};
    }
    document->root = root;
    return MW_OK;
}

static mw_status load(mw_view text, const char *name, mw_yaml_document *document, mw_error *err)
{
    yaml_parser_t parser;
    yaml_document_t from;
    if (!yaml_parser_initialize(&parser))
        return mw_fail_memory(err, "a YAML document");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    mw_status status;
    if (!yaml_parser_load(&parser, &from)) {
        status = fail_parser(&parser, name, err);
    } else {
        status = copy_document(&from, name, document, err);
        yaml_document_delete(&from);
    }
    yaml_parser_delete(&parser);
    return status;
}

mw_status mw_yaml_read(mw_view text, const char *name, mw_yaml_document **ret_document,
                       mw_error *err)
{
    if (!text.data)
        text = MW_VIEW("");
    MW_TRY(check_events(text, name, err));
    mw_yaml_document *document = calloc(1, sizeof *document);
    if (!document)
        return mw_fail_memory(err, "a YAML document");
    mw_arena_init(&document->arena, 16 * MW_KIB, 64 * MW_MIB);
    mw_status status = load(text, name, document, err);
    if (status != MW_OK) {
        mw_yaml_free(document);
        return status;
    }
    *ret_document = document;
    return MW_OK;
}

void mw_yaml_free(mw_yaml_document *document)
{
    if (!document)
        return;
    mw_arena_done(&document->arena);
    free(document);
}

const mw_yaml *mw_yaml_root(const mw_yaml_document *document)
{
    return document->root;
}

/* ---- looking at it ---------------------------------------------------------------------------------------------- */

const mw_yaml *mw_yaml_member(const mw_yaml *map, const char *key)
{
    if (!map || map->kind != MW_YAML_MAP)
        return NULL;
    for (const mw_yaml *child = map->first; child; child = child->next)
        if (mw_view_is(child->key, key))
            return child;
    return NULL;
}

bool mw_yaml_bool(const mw_yaml *node, bool *ret_value)
{
    if (!node || node->kind != MW_YAML_SCALAR || node->quoted)
        return false;
    bool yes = mw_view_is(node->text, "true");
    if (!yes && !mw_view_is(node->text, "false"))
        return false;
    *ret_value = yes;
    return true;
}

bool mw_yaml_is_null(const mw_yaml *node)
{
    if (!node)
        return true;
    return node->kind == MW_YAML_SCALAR && !node->quoted &&
           (node->text.size == 0 || mw_view_is(node->text, "~") || mw_view_is(node->text, "null"));
}
