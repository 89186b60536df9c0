/* YAML through libyaml's events, built into the plain tree of yaml.h.
 *
 *     MAP-START  SCALAR a  SEQ-START  SCALAR 1  SCALAR 2  SEQ-END  MAP-END
 *     open[0]    its key   open[1]    child     child     close    close
 *
 * Events, not libyaml's own trees: those hide tags and aliases, and recurse as deep as the text
 * wants. An alias becomes a copy of its anchor's node that shares the children, so it costs one
 * node of memory; but it counts as what it unfolds to, for whoever walks the tree visits all. */
#include "yaml.h"

#include <yaml.h>

#include "arena.h"
#include "limits.h"
#include "utf8.h"

#include "banned.h"

#define YAML_MEMORY_CAP (64 * MW_MIB)
#define YAML_BLOCK_BYTES (16 * MW_KIB)

struct mw_yaml_document {
    mw_arena arena;
    mw_yaml *root;
};

/* What a node unfolds to, itself included. */
typedef struct yaml_extent {
    size_t n_nodes;
    unsigned height; /* collections above each other: 0 for a scalar */
} yaml_extent;

typedef struct yaml_anchor yaml_anchor;
struct yaml_anchor {
    const char *name;
    const mw_yaml *node;
    yaml_extent extent; /* no nodes yet while the collection is open */
    yaml_anchor *next;  /* older: a name may be given again, the newest counts */
};

/* A collection whose end has not come. */
typedef struct yaml_open {
    mw_yaml *node, *last; /* last child */
    yaml_extent extent;
    yaml_anchor *anchor; /* its own, or NULL */
    bool has_key;        /* in a map: the next node is this key's value */
    mw_view key;
    unsigned key_line, key_column;
} yaml_open;

typedef struct yaml_builder {
    mw_yaml_document *document;
    const char *name; /* of the text, for messages */
    yaml_anchor *anchors;
    unsigned n_open, n_aliases, n_documents;
    yaml_open open[MW_LIMIT_YAML_DEPTH];
} yaml_builder;

/* ---- errors ------------------------------------------------------------------------------------
 */

/* Each fault says its own mend; this adds the place. */
static mw_status at_mark(const yaml_builder *builder, yaml_mark_t mark, mw_error *err)
{
    return mw_at(err, "%s:%zu:%zu", builder->name, mark.line + 1, mark.column + 1);
}

static mw_status fail_limit(const yaml_builder *builder, yaml_mark_t mark, const char *what,
                            const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_YAML_LIMIT, "%s", what);
    mw_mend(err, "%s", mend);
    return at_mark(builder, mark, err);
}

static mw_status fail_memory(mw_error *err)
{
    return mw_fail_memory(err, "a YAML document");
}

/* libyaml gives only an offset for bytes that are no text. */
static yaml_mark_t mark_of_offset(mw_view text, size_t offset)
{
    yaml_mark_t mark = {0};
    const char *at = text.data, *end = text.data + (offset < text.size ? offset : text.size);
    while (at < end) {
        size_t length = utf8_length(at, end);
        mark.line += *at == '\n';
        mark.column = *at == '\n' ? 0 : mark.column + 1;
        at += length ? length : 1;
    }
    return mark;
}

/* Is a tab what stands at the mark? The commonest slip, and libyaml does not name it. */
static bool is_tab(mw_view text, yaml_mark_t mark)
{
    const char *at = text.data, *end = text.data + text.size;
    for (size_t line = 0; line < mark.line && at; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    return at && mark.column < (size_t)(end - at) && at[mark.column] == '\t';
}

static mw_status fail_parser(const yaml_builder *builder, const yaml_parser_t *parser, mw_view text,
                             mw_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return fail_memory(err);
    bool unreadable = parser->error == YAML_READER_ERROR;
    yaml_mark_t mark =
        unreadable ? mark_of_offset(text, parser->problem_offset) : parser->problem_mark;
    mw_fail(err, MW_E_YAML_SYNTAX, "%s", parser->problem ? parser->problem : "not YAML");
    if (parser->context)
        mw_why(err, "%s that begins on line %zu", parser->context, parser->context_mark.line + 1);
    if (unreadable)
        mw_mend(err, "save the file as UTF-8 text");
    else if (is_tab(text, mark))
        mw_mend(err, "indent with spaces: YAML allows no tab here");
    else
        mw_mend(err, "write 'key: value' pairs and '- item' lists, indented by two spaces");
    return at_mark(builder, mark, err);
}

/* ---- nodes -------------------------------------------------------------------------------------
 */

static mw_status keep_text(yaml_builder *builder, const void *bytes, size_t size, mw_view *ret_text,
                           mw_error *err)
{
    char *kept = mw_arena_text(&builder->document->arena, (mw_view){bytes, size});
    if (!kept)
        return fail_memory(err);
    *ret_text = (mw_view){kept, size};
    return MW_OK;
}

/* NULL when memory is gone. */
static mw_yaml *make_node(yaml_builder *builder, mw_yaml_kind kind, yaml_mark_t mark)
{
    mw_yaml *node = mw_arena_take_zeroed(&builder->document->arena, 1, sizeof *node);
    if (!node)
        return NULL;
    node->kind = kind;
    node->line = (unsigned)mark.line + 1;
    node->column = (unsigned)mark.column + 1;
    return node;
}

static yaml_open *innermost(yaml_builder *builder)
{
    return builder->n_open > 0 ? &builder->open[builder->n_open - 1] : NULL;
}

static bool awaits_key(yaml_builder *builder)
{
    const yaml_open *open = innermost(builder);
    return open && open->node->kind == MW_YAML_MAP && !open->has_key;
}

static mw_status check_key(const yaml_builder *builder, const yaml_open *open, const mw_yaml *key,
                           yaml_mark_t mark, mw_error *err)
{
    if (key->kind != MW_YAML_SCALAR)
        return fail_limit(builder, mark, "a key must be plain text, not a list or a map",
                          "write 'key: value' with one word or quoted text as the key", err);
    if (!key->quoted && mw_view_is(key->text, "<<"))
        return fail_limit(builder, mark, "merge keys (<<) are not read",
                          "write the merged keys out where they are meant", err);
    for (const mw_yaml *other = open->node->first; other; other = other->next) {
        if (!mw_view_equal(other->key, key->text))
            continue;
        mw_fail(err, MW_E_YAML_SYNTAX, "the key '%.*s' stands twice", MW_VIEW_ARG(key->text));
        mw_mend(err, "keep one of the two; the first is on line %u", other->key_line);
        return at_mark(builder, mark, err);
    }
    return MW_OK;
}

static mw_status put_key(yaml_builder *builder, const mw_yaml *key, yaml_mark_t mark, mw_error *err)
{
    yaml_open *open = innermost(builder);
    MW_TRY(check_key(builder, open, key, mark, err));
    open->has_key = true;
    open->key = key->text;
    open->key_line = (unsigned)mark.line + 1;
    open->key_column = (unsigned)mark.column + 1;
    return MW_OK;
}

/* Hangs a node at the end of the innermost collection, or makes it the root. */
static void hang(yaml_builder *builder, mw_yaml *node)
{
    yaml_open *open = innermost(builder);
    if (!open) {
        builder->document->root = node;
        return;
    }
    if (open->node->kind == MW_YAML_MAP) {
        node->key = open->key;
        node->key_line = open->key_line;
        node->key_column = open->key_column;
        open->has_key = false;
    }
    if (open->last)
        open->last->next = node;
    else
        open->node->first = node;
    open->last = node;
    open->node->count++;
}

/* Counts what a finished node unfolds to; `builder` is inside its parent. */
static mw_status count(yaml_builder *builder, yaml_extent extent, yaml_mark_t mark, mw_error *err)
{
    yaml_open *open = innermost(builder);
    if (builder->n_open + extent.height > MW_LIMIT_YAML_DEPTH)
        return fail_limit(builder, mark, "nested too deeply, aliases unfolded", "flatten it", err);
    if (!open)
        return MW_OK;
    /* each part is below the limit, so the sum cannot overflow */
    open->extent.n_nodes += extent.n_nodes;
    if (open->extent.height < extent.height + 1)
        open->extent.height = extent.height + 1;
    if (open->extent.n_nodes > MW_LIMIT_YAML_NODES)
        return fail_limit(builder, mark, "too many nodes, aliases unfolded",
                          "split the document, or use fewer aliases", err);
    return MW_OK;
}

/* ---- events ------------------------------------------------------------------------------------
 */

static mw_status refuse_tag(const yaml_builder *builder, const yaml_event_t *event,
                            const yaml_char_t *tag, mw_error *err)
{
    if (!tag)
        return MW_OK;
    mw_fail(err, MW_E_YAML_LIMIT, "tags are not read, but here stands '%s'", (const char *)tag);
    mw_mend(err, "remove the tag; quote the value if it has to be text");
    return at_mark(builder, event->start_mark, err);
}

/* Remembers '&name'; NULL without one. */
static mw_status note_anchor(yaml_builder *builder, const yaml_char_t *name, const mw_yaml *node,
                             yaml_extent extent, yaml_anchor **ret_anchor, mw_error *err)
{
    *ret_anchor = NULL;
    if (!name)
        return MW_OK;
    yaml_anchor *anchor = mw_arena_take(&builder->document->arena, sizeof *anchor);
    char *kept = mw_arena_text(&builder->document->arena, mw_view_of((const char *)name));
    if (!anchor || !kept)
        return fail_memory(err);
    *anchor = (yaml_anchor){kept, node, extent, builder->anchors};
    builder->anchors = anchor;
    *ret_anchor = anchor;
    return MW_OK;
}

static mw_status on_scalar(yaml_builder *builder, const yaml_event_t *event, mw_error *err)
{
    static const yaml_extent one = {.n_nodes = 1, .height = 0};
    yaml_anchor *anchor;
    MW_TRY(refuse_tag(builder, event, event->data.scalar.tag, err));
    mw_yaml *node = make_node(builder, MW_YAML_SCALAR, event->start_mark);
    if (!node)
        return fail_memory(err);
    MW_TRY(
        keep_text(builder, event->data.scalar.value, event->data.scalar.length, &node->text, err));
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    MW_TRY(note_anchor(builder, event->data.scalar.anchor, node, one, &anchor, err));
    if (awaits_key(builder))
        return put_key(builder, node, event->start_mark, err);
    hang(builder, node);
    return count(builder, one, event->start_mark, err);
}

static mw_status on_start(yaml_builder *builder, const yaml_event_t *event, mw_yaml_kind kind,
                          const yaml_char_t *tag, const yaml_char_t *anchor_name, mw_error *err)
{
    yaml_anchor *anchor;
    MW_TRY(refuse_tag(builder, event, tag, err));
    mw_yaml *node = make_node(builder, kind, event->start_mark);
    if (!node)
        return fail_memory(err);
    if (awaits_key(builder))
        return put_key(builder, node, event->start_mark, err); /* which says why not */
    if (builder->n_open == MW_LIMIT_YAML_DEPTH)
        return fail_limit(builder, event->start_mark, "nested too deeply", "flatten it", err);
    MW_TRY(note_anchor(builder, anchor_name, node, (yaml_extent){0}, &anchor, err));
    hang(builder, node);
    builder->open[builder->n_open++] =
        (yaml_open){.node = node, .extent = {.n_nodes = 1, .height = 1}, .anchor = anchor};
    return MW_OK;
}

static mw_status on_end(yaml_builder *builder, const yaml_event_t *event, mw_error *err)
{
    const yaml_open *open = innermost(builder);
    yaml_extent extent = open->extent;
    if (open->anchor)
        open->anchor->extent = extent;
    builder->n_open--;
    return count(builder, extent, event->start_mark, err);
}

static const yaml_anchor *find_anchor(const yaml_builder *builder, const char *name)
{
    const yaml_anchor *anchor = builder->anchors;
    while (anchor && strcmp(anchor->name, name) != 0)
        anchor = anchor->next;
    return anchor;
}

static mw_status on_alias(yaml_builder *builder, const yaml_event_t *event, mw_error *err)
{
    const char *name = (const char *)event->data.alias.anchor;
    const yaml_anchor *anchor = find_anchor(builder, name);
    if (!anchor || anchor->extent.n_nodes == 0) {
        mw_fail(err, MW_E_YAML_SYNTAX, "the alias '*%s' %s", name,
                anchor ? "stands inside what it means" : "has no anchor before it");
        mw_mend(err, "write '&%s' at the value that is meant, further up", name);
        return at_mark(builder, event->start_mark, err);
    }
    if (++builder->n_aliases > MW_LIMIT_YAML_ALIASES)
        return fail_limit(builder, event->start_mark, "too many aliases",
                          "write some of the values out", err);
    if (awaits_key(builder))
        return put_key(builder, anchor->node, event->start_mark, err);
    mw_yaml *node = make_node(builder, anchor->node->kind, event->start_mark);
    if (!node)
        return fail_memory(err);
    *node = *anchor->node; /* line and column too: there stands the text */
    node->next = NULL;
    node->key = (mw_view){0};
    node->key_line = node->key_column = 0;
    hang(builder, node);
    return count(builder, anchor->extent, event->start_mark, err);
}

static mw_status on_event(yaml_builder *builder, const yaml_event_t *event, mw_error *err)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++builder->n_documents > 1)
            return fail_limit(builder, event->start_mark, "more than one document",
                              "keep one document a file: remove what follows the '---'", err);
        return MW_OK;
    case YAML_SCALAR_EVENT:
        return on_scalar(builder, event, err);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(builder, event, MW_YAML_LIST, event->data.sequence_start.tag,
                        event->data.sequence_start.anchor, err);
    case YAML_MAPPING_START_EVENT:
        return on_start(builder, event, MW_YAML_MAP, event->data.mapping_start.tag,
                        event->data.mapping_start.anchor, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(builder, event, err);
    case YAML_ALIAS_EVENT:
        return on_alias(builder, event, err);
    default:
        return MW_OK;
    }
}

/* ---- the door ----------------------------------------------------------------------------------
 */

static mw_status read_events(yaml_builder *builder, yaml_parser_t *parser, mw_view text,
                             mw_error *err)
{
    for (bool ended = false; !ended;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return fail_parser(builder, parser, text, err);
        mw_status status = on_event(builder, &event, err);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        MW_TRY(status);
    }
    return MW_OK;
}

/* Nothing, or only '---' and comments, is a map without keys. */
static mw_status settle_root(yaml_builder *builder, mw_error *err)
{
    mw_yaml *root = builder->document->root;
    if (!root) {
        builder->document->root = make_node(builder, MW_YAML_MAP, (yaml_mark_t){0});
        return builder->document->root ? MW_OK : fail_memory(err);
    }
    if (root->kind == MW_YAML_SCALAR && !root->quoted && root->text.size == 0)
        *root = (mw_yaml){.kind = MW_YAML_MAP, .line = root->line, .column = root->column};
    return MW_OK;
}

mw_status mw_yaml_read(mw_view text, const char *name, mw_yaml_document **ret_document,
                       mw_error *err)
{
    yaml_parser_t parser;
    if (!text.data)
        text = MW_VIEW("");
    if (!yaml_parser_initialize(&parser))
        return fail_memory(err);
    mw_yaml_document *document = calloc(1, sizeof *document);
    mw_status status = document ? MW_OK : fail_memory(err);
    if (status == MW_OK) {
        mw_arena_init(&document->arena, YAML_BLOCK_BYTES, YAML_MEMORY_CAP);
        yaml_builder builder = {.document = document, .name = name};
        yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
        status = read_events(&builder, &parser, text, err);
        if (status == MW_OK)
            status = settle_root(&builder, err);
    }
    yaml_parser_delete(&parser);
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

const mw_yaml *mw_yaml_member(const mw_yaml *map, const char *key)
{
    if (!map || map->kind != MW_YAML_MAP)
        return NULL;
    const mw_yaml *child = map->first;
    while (child && !mw_view_is(child->key, key))
        child = child->next;
    return child;
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
