/* The reader of filters: one pass over the text, a clause at a time. Pure: no SQL is made here. */
#include "filter.h"

#include <ctype.h>

typedef struct reader {
    const char *at, *end;
    const filter_domain *domain;
    record_memory *memory;
    mw_error *err;
} reader;

const char *const filter_op_texts[FILTER_N_OPS] = {
    "=", "!=", ">", ">=", "<", "<=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"};

/* ---- refusals -------------------------------------------------------------------------------- */

enum { SHOWN_BYTES = 80 };

static mw_view shown(const char *begin, const char *end)
{
    size_t size = (size_t)(end - begin);
    return (mw_view){begin, size < SHOWN_BYTES ? size : SHOWN_BYTES};
}

static mw_status refuse_rest(const reader *r)
{
    mw_fail(r->err, MW_E_RECORD_FILTER, "Invalid clause(s) in filter string: '%.*s'",
            MW_VIEW_ARG(shown(r->at, r->end)));
    return mw_mend(r->err, "write comparisons joined by AND: metrics.auc > 0.9 AND "
                           "params.`max depth` = '6'");
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static void skip_space(reader *r)
{
    while (r->at < r->end && is_space(*r->at))
        r->at++;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '@' || c == '#' ||
           (unsigned char)c >= 0x80;
}

static mw_view take_word(reader *r, bool with_points)
{
    const char *begin = r->at;
    while (r->at < r->end && (is_word(*r->at) || (with_points && *r->at == '.')))
        r->at++;
    return (mw_view){begin, (size_t)(r->at - begin)};
}

/* A word of the language, in any case; not the beginning of a longer one. */
static bool take_keyword(reader *r, const char *word)
{
    size_t size = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < size || !mw_view_is_nocase((mw_view){r->at, size}, word) ||
        (r->at + size < r->end && (is_word(r->at[size]) || r->at[size] == '.')))
        return false;
    r->at += size;
    return true;
}

/* Between quotes; a doubled quote stands for one. */
static bool take_quoted(reader *r, mw_view *ret_text)
{
    char quote = *r->at;
    const char *begin = ++r->at;
    bool is_doubled = false;
    for (; r->at < r->end; r->at++) {
        if (*r->at != quote)
            continue;
        if (quote == '`' || r->at + 1 == r->end || r->at[1] != quote)
            break;
        is_doubled = true;
        r->at++;
    }
    if (r->at >= r->end)
        return false;
    mw_view raw = {begin, (size_t)(r->at++ - begin)};
    *ret_text = raw;
    char *plain = is_doubled ? mw_arena_take(r->memory->arena, raw.size) : NULL;
    if (!is_doubled)
        return true;
    size_t size = 0;
    for (size_t i = 0; plain && i < raw.size; i++) {
        plain[size++] = raw.data[i];
        i += raw.data[i] == quote; /* and its twin */
    }
    r->memory->failed = r->memory->failed || !plain;
    *ret_text = (mw_view){plain ? plain : "", size};
    return true;
}

static bool is_quote(const reader *r, const char *quotes)
{
    return r->at < r->end && *r->at && strchr(quotes, *r->at);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    filter_entity entity;
} entities[] = {
    {"metric", FILTER_METRIC},
    {"metrics", FILTER_METRIC},
    {"parameter", FILTER_PARAM},
    {"parameters", FILTER_PARAM},
    {"param", FILTER_PARAM},
    {"params", FILTER_PARAM},
    {"tag", FILTER_TAG},
    {"tags", FILTER_TAG},
    {"attribute", FILTER_ATTRIBUTE},
    {"attributes", FILTER_ATTRIBUTE},
    {"attr", FILTER_ATTRIBUTE},
    {"run", FILTER_ATTRIBUTE},
    {"dataset", FILTER_DATASET},
    {"datasets", FILTER_DATASET},
    {"trace", FILTER_TRACE},
    {"metadata", FILTER_METADATA},
    {"request_metadata", FILTER_METADATA},
    {"feedback", FILTER_FEEDBACK},
    {"expectation", FILTER_EXPECTATION},
    {"span", FILTER_SPAN},
};

static mw_status find_entity(const reader *r, mw_view name, filter_entity *ret_entity)
{
    for (size_t i = 0; i < MW_COUNT(entities); i++) {
        if (!mw_view_is(name, entities[i].name) || !(r->domain->entities >> entities[i].entity & 1))
            continue;
        *ret_entity = entities[i].entity == FILTER_TRACE ? FILTER_ATTRIBUTE : entities[i].entity;
        return MW_OK;
    }
    mw_fail(r->err, MW_E_RECORD_FILTER, "Invalid entity type '%.*s'. Valid values are %s",
            MW_VIEW_ARG(shown(name.data, name.data + name.size)),
            r->domain->entities >> FILTER_TRACE & 1
                ? "['trace', 'attribute', 'tag', 'metadata', 'feedback', 'expectation', 'span']"
            : r->domain->entities >> FILTER_METRIC & 1
                ? "['metric', 'parameter', 'tag', 'attribute', 'dataset']"
                : "('attribute', 'tag', 'tags')");
    return mw_mend(r->err, "entities are written in lower case, before the first point");
}

static void list_attributes(const filter_domain *domain, bool orders, char *out, size_t out_bytes)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < domain->n_attributes; i++) {
        const filter_attribute *a = &domain->attributes[i];
        if (orders ? !(a->flags & FILTER_ORDERS) : a->flags & FILTER_ONLY_ORDERS)
            continue;
        int size = snprintf(out + used, out_bytes - used, "%s'%s'", used ? ", " : "", a->name);
        if (size < 0 || (size_t)size >= out_bytes - used)
            return;
        used += (size_t)size;
    }
}

static mw_status find_attribute(const reader *r, bool orders, filter_field *field)
{
    char names[200];
    for (size_t i = 0; i < r->domain->n_attributes; i++) {
        const filter_attribute *a = &r->domain->attributes[i];
        if (!mw_view_is(field->key, a->name) ||
            (orders ? !(a->flags & FILTER_ORDERS) : a->flags & FILTER_ONLY_ORDERS))
            continue;
        field->attribute = a;
        return MW_OK;
    }
    list_attributes(r->domain, orders, names, sizeof names);
    return mw_fail(r->err, MW_E_RECORD_FILTER,
                   "Invalid attribute key '%.*s' specified. Valid keys are {%s}",
                   MW_VIEW_ARG(shown(field->key.data, field->key.data + field->key.size)), names);
}

static mw_status check_dataset_key(const reader *r, mw_view key)
{
    if (mw_view_is(key, "name") || mw_view_is(key, "digest") || mw_view_is(key, "context"))
        return MW_OK;
    return mw_fail(r->err, MW_E_RECORD_FILTER,
                   "Invalid dataset key '%.*s' specified. Valid keys are {'name', 'digest', "
                   "'context'}",
                   MW_VIEW_ARG(shown(key.data, key.data + key.size)));
}

/* "span.attributes.model", "span.attributes.`a b`" */
static mw_status find_span_key(reader *r, filter_field *field)
{
    mw_view key = field->key;
    const size_t prefix = sizeof "attributes." - 1;
    if (mw_view_starts(key, "attributes.")) {
        field->key = (mw_view){key.data + prefix, key.size - prefix};
        field->entity = FILTER_SPAN_ATTRIBUTE;
        if (field->key.size > 0 || (is_quote(r, "`\"") && take_quoted(r, &field->key)))
            return MW_OK;
        return mw_fail(r->err, MW_E_RECORD_FILTER,
                       "Span attribute name cannot be empty after 'attributes.'");
    }
    if (mw_view_is(key, "name") || mw_view_is(key, "type") || mw_view_is(key, "status") ||
        mw_view_is(key, "content"))
        return MW_OK;
    return mw_fail(r->err, MW_E_RECORD_FILTER,
                   "Invalid span attribute '%.*s'. Supported attributes: name, status, type, "
                   "attributes.<attribute_name>.",
                   MW_VIEW_ARG(shown(key.data, key.data + key.size)));
}

static bool is_keyword(mw_view word)
{
    return mw_view_is_nocase(word, "AND") || mw_view_is_nocase(word, "OR") ||
           mw_view_is_nocase(word, "NOT");
}

static bool take_part(reader *r, bool with_points, mw_view *ret_part)
{
    if (is_quote(r, "`\""))
        return take_quoted(r, ret_part);
    *ret_part = take_word(r, with_points);
    return ret_part->size > 0;
}

static mw_status take_field(reader *r, bool orders, filter_field *ret_field)
{
    filter_field field = {FILTER_ATTRIBUTE, {NULL, 0}, NULL};
    skip_space(r);
    const char *begin = r->at;
    if (!take_part(r, false, &field.key) || is_keyword(field.key)) {
        r->at = begin;
        return refuse_rest(r);
    }
    if (r->at < r->end && *r->at == '.') {
        mw_view entity = field.key;
        r->at++;
        if (!take_part(r, true, &field.key)) {
            r->at = begin;
            return refuse_rest(r);
        }
        MW_TRY(find_entity(r, entity, &field.entity));
    }
    bool is_text = field.entity == FILTER_ATTRIBUTE && !orders &&
                   r->domain->entities >> FILTER_SPAN & 1 && mw_view_is(field.key, "text");
    if (is_text)
        field = (filter_field){FILTER_SPAN, MW_VIEW("content"), NULL};
    else if (field.entity == FILTER_ATTRIBUTE)
        MW_TRY(find_attribute(r, orders, &field));
    else if (field.entity == FILTER_SPAN && !orders)
        MW_TRY(find_span_key(r, &field));
    else if (field.entity == FILTER_DATASET)
        MW_TRY(check_dataset_key(r, field.key));
    *ret_field = field;
    return MW_OK;
}

/* ---- operators ------------------------------------------------------------------------------- */

static bool take_sign(reader *r, filter_op *ret_op)
{
    static const struct {
        const char *text;
        filter_op op;
    } signs[] = {{"!=", FILTER_NE}, {"<>", FILTER_NE}, {">=", FILTER_GE}, {"<=", FILTER_LE},
                 {"==", FILTER_EQ}, {"=", FILTER_EQ},  {">", FILTER_GT},  {"<", FILTER_LT}};
    for (size_t i = 0; i < MW_COUNT(signs); i++) {
        size_t size = strlen(signs[i].text);
        if ((size_t)(r->end - r->at) < size || memcmp(r->at, signs[i].text, size) != 0)
            continue;
        r->at += size;
        *ret_op = signs[i].op;
        return true;
    }
    return false;
}

static bool take_op(reader *r, filter_op *ret_op)
{
    skip_space(r);
    if (take_sign(r, ret_op))
        return true;
    if (take_keyword(r, "LIKE"))
        *ret_op = FILTER_LIKE;
    else if (take_keyword(r, "ILIKE"))
        *ret_op = FILTER_ILIKE;
    else if (take_keyword(r, "IN"))
        *ret_op = FILTER_IN;
    else if (take_keyword(r, "NOT") && take_keyword(r, "IN"))
        *ret_op = FILTER_NOT_IN;
    else if (take_keyword(r, "IS")) {
        *ret_op = take_keyword(r, "NOT") ? FILTER_IS_NOT_NULL : FILTER_IS_NULL;
        return take_keyword(r, "NULL");
    } else
        return false;
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool take_number(reader *r, filter_clause *clause)
{
    const char *begin = r->at;
    bool is_whole = true;
    if (r->at < r->end && (*r->at == '-' || *r->at == '+'))
        r->at++;
    for (; r->at < r->end && (isalnum((unsigned char)*r->at) || *r->at == '.' ||
                              ((*r->at == '-' || *r->at == '+') && (r->at[-1] | 0x20) == 'e'));
         r->at++)
        is_whole = is_whole && isdigit((unsigned char)*r->at);
    mw_view text = {begin, (size_t)(r->at - begin)};
    clause->is_number = true;
    if (is_whole && record_number(text, &clause->number.integer)) {
        clause->number.kind = MW_VALUE_INT;
        return true;
    }
    clause->number.kind = MW_VALUE_DOUBLE;
    return text.size > 0 && isdigit((unsigned char)text.data[text.size - 1]) &&
           mw_number_parse(text.data, text.size, &clause->number.number);
}

static mw_status add_text(reader *r, filter_clause *clause, mw_view text)
{
    if (text.size > FILTER_TEXT_MAX || clause->texts.count >= FILTER_LIST_MAX)
        return mw_fail(r->err, MW_E_RECORD_FILTER,
                       "a value of more than %d bytes, or a list of "
                       "more than %d",
                       FILTER_TEXT_MAX, FILTER_LIST_MAX);
    mw_view *place = RECORD_PUSH(r->memory, &clause->texts);
    if (!place)
        return mw_fail_memory(r->err, "the filter");
    *place = text;
    return MW_OK;
}

static mw_status refuse_list(const reader *r)
{
    mw_fail(r->err, MW_E_RECORD_FILTER,
            "While parsing a list in the query, expected a non-empty "
            "list of string values, but got ill-formed list.");
    return mw_mend(r->err, "write IN ('a', 'b')");
}

static mw_status take_list(reader *r, filter_clause *clause)
{
    skip_space(r);
    if (r->at == r->end || *r->at++ != '(')
        return refuse_list(r);
    for (;;) {
        mw_view text;
        skip_space(r);
        if (!is_quote(r, "'\"") || !take_quoted(r, &text))
            return refuse_list(r);
        MW_TRY(add_text(r, clause, text));
        skip_space(r);
        bool is_comma = r->at < r->end && *r->at == ',';
        r->at += is_comma;
        skip_space(r);
        if (r->at == r->end)
            return refuse_list(r);
        if (*r->at == ')') {
            r->at++;
            return MW_OK;
        }
        if (!is_comma)
            return refuse_list(r);
    }
}

static mw_status take_value(reader *r, filter_clause *clause)
{
    if (clause->op == FILTER_IS_NULL || clause->op == FILTER_IS_NOT_NULL)
        return MW_OK;
    if (clause->op == FILTER_IN || clause->op == FILTER_NOT_IN)
        return take_list(r, clause);
    mw_view text;
    skip_space(r);
    const char *begin = r->at;
    bool is_text = is_quote(r, "'\"");
    if (is_text && take_quoted(r, &text))
        return add_text(r, clause, text);
    if (!is_text && take_number(r, clause))
        return MW_OK;
    r->at = begin;
    return refuse_rest(r);
}

/* ---- does it fit? ---------------------------------------------------------------------------- */

static unsigned numeric_ops(void)
{
    return 1u << FILTER_EQ | 1u << FILTER_NE | 1u << FILTER_GT | 1u << FILTER_GE | 1u << FILTER_LT |
           1u << FILTER_LE;
}

static unsigned textual_ops(void)
{
    return 1u << FILTER_EQ | 1u << FILTER_NE | 1u << FILTER_LIKE | 1u << FILTER_ILIKE;
}

/* Judgements are texts, or numbers that are more or less. */
static bool is_judgement(const filter_field *field)
{
    return field->entity == FILTER_FEEDBACK || field->entity == FILTER_EXPECTATION;
}

static unsigned order_ops(void)
{
    return 1u << FILTER_GT | 1u << FILTER_GE | 1u << FILTER_LT | 1u << FILTER_LE;
}

static unsigned list_ops(void)
{
    return 1u << FILTER_IN | 1u << FILTER_NOT_IN;
}

static bool is_numeric(const filter_field *field)
{
    return field->entity == FILTER_METRIC ||
           (field->attribute && field->attribute->flags & (FILTER_NUMBER | FILTER_INTEGER));
}

static unsigned ops_of(const filter_domain *domain, const filter_field *field)
{
    unsigned nulls =
        domain->nullable >> field->entity & 1 ? 1u << FILTER_IS_NULL | 1u << FILTER_IS_NOT_NULL : 0;
    if (is_numeric(field))
        return numeric_ops() | nulls;
    if (field->entity == FILTER_SPAN && mw_view_is(field->key, "content"))
        return 1u << FILTER_LIKE | 1u << FILTER_ILIKE;
    if (field->entity == FILTER_DATASET || field->entity == FILTER_SPAN)
        return textual_ops() | list_ops();
    if (is_judgement(field))
        return textual_ops() | order_ops() | nulls;
    if (!field->attribute)
        return textual_ops() | nulls | (domain->listed >> field->entity & 1 ? list_ops() : 0);
    unsigned ops =
        field->attribute->flags & FILTER_ID ? 1u << FILTER_EQ | 1u << FILTER_NE : textual_ops();
    return ops | (field->attribute->flags & FILTER_LIST ? list_ops() : 0);
}

static mw_status check_op(const reader *r, const filter_clause *clause)
{
    char names[160] = "";
    unsigned ops = ops_of(r->domain, &clause->field);
    if (ops >> clause->op & 1)
        return MW_OK;
    for (filter_op op = 0; op < FILTER_N_OPS; op++)
        if (ops >> op & 1)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s'%s'",
                     names[0] ? ", " : "", filter_op_texts[op]);
    return mw_fail(r->err, MW_E_RECORD_FILTER, "Invalid comparator '%s' not one of '{%s}'",
                   filter_op_texts[clause->op], names);
}

static mw_status check_number(const reader *r, filter_clause *clause)
{
    const filter_field *field = &clause->field;
    unsigned flags = field->attribute ? field->attribute->flags : 0;
    if (!clause->is_number && flags & FILTER_QUOTED &&
        record_number(clause->texts.items[0], &clause->number.integer)) {
        clause->is_number = true;
        clause->number.kind = MW_VALUE_INT;
    }
    bool fits =
        clause->is_number && !(flags & FILTER_INTEGER && clause->number.kind != MW_VALUE_INT);
    if (fits)
        return MW_OK;
    if (field->entity == FILTER_METRIC)
        return mw_fail(r->err, MW_E_RECORD_FILTER,
                       "Expected numeric value type for metric. Found '%.*s'",
                       MW_VIEW_ARG(clause->texts.items[0]));
    return mw_fail(r->err, MW_E_RECORD_FILTER, "Expected %s value type for numeric attribute: %.*s",
                   flags & FILTER_INTEGER ? "integer" : "numeric", MW_VIEW_ARG(field->key));
}

static mw_status check_text(const reader *r, const filter_clause *clause)
{
    const filter_field *field = &clause->field;
    if (clause->is_number)
        return mw_fail(r->err, MW_E_RECORD_FILTER,
                       "Expected a quoted string value for %s (e.g. 'my-value')",
                       field->entity == FILTER_PARAM ? "parameter"
                       : field->entity == FILTER_TAG ? "tag"
                       : field->entity == FILTER_SPAN || field->entity == FILTER_SPAN_ATTRIBUTE
                           ? "span"
                           : "attributes");
    int64_t ignored;
    if (field->attribute && field->attribute->flags & FILTER_ID)
        for (size_t i = 0; i < clause->texts.count; i++)
            if (!record_number(clause->texts.items[i], &ignored))
                return mw_fail(r->err, MW_E_RECORD_FILTER, "Invalid experiment ID '%.*s'",
                               MW_VIEW_ARG(clause->texts.items[i]));
    return MW_OK;
}

static mw_status check_clause(const reader *r, filter_clause *clause)
{
    MW_TRY(check_op(r, clause));
    if (clause->op == FILTER_IS_NULL || clause->op == FILTER_IS_NOT_NULL)
        return MW_OK;
    bool is_order = is_judgement(&clause->field) && order_ops() >> clause->op & 1;
    return is_order || is_numeric(&clause->field) ? check_number(r, clause) : check_text(r, clause);
}

/* ---- doors ----------------------------------------------------------------------------------- */

static mw_status take_clause(reader *r, filter_clauses *clauses)
{
    if (clauses->count == FILTER_CLAUSES_MAX)
        return mw_fail(r->err, MW_E_RECORD_FILTER, "more than %d comparisons", FILTER_CLAUSES_MAX);
    filter_clause *clause = RECORD_PUSH(r->memory, clauses);
    if (!clause)
        return mw_fail_memory(r->err, "the filter");
    const char *begin = r->at;
    MW_TRY(take_field(r, false, &clause->field));
    if (!take_op(r, &clause->op)) {
        r->at = begin;
        return refuse_rest(r);
    }
    MW_TRY(take_value(r, clause));
    return check_clause(r, clause);
}

mw_status filter_read(mw_view filter, const filter_domain *domain, record_memory *memory,
                      filter_clauses *ret_clauses, mw_error *err)
{
    filter_clauses clauses = {0};
    const char *begin = filter.size ? filter.data : "";
    reader r = {begin, begin + filter.size, domain, memory, err};
    skip_space(&r);
    while (r.at < r.end) {
        MW_TRY(take_clause(&r, &clauses));
        skip_space(&r);
        if (r.at < r.end && !take_keyword(&r, "AND"))
            return refuse_rest(&r);
        skip_space(&r);
    }
    if (memory->failed)
        return mw_fail_memory(err, "the filter");
    *ret_clauses = clauses;
    return MW_OK;
}

mw_status filter_read_order(mw_view order, const filter_domain *domain, record_memory *memory,
                            filter_field *ret_field, bool *ret_descending, mw_error *err)
{
    const char *begin = order.size ? order.data : "";
    reader r = {begin, begin + order.size, domain, memory, err};
    filter_field field;
    skip_space(&r);
    if (r.at == r.end)
        return mw_fail(err, MW_E_RECORD_FILTER, "Invalid order_by clause ''. Could not be parsed.");
    MW_TRY(take_field(&r, true, &field));
    bool descending = take_keyword(&r, "DESC");
    if (!descending)
        (void)take_keyword(&r, "ASC");
    skip_space(&r);
    if (r.at < r.end)
        return mw_fail(err, MW_E_RECORD_FILTER, "Invalid ordering key in order_by clause '%.*s'.",
                       MW_VIEW_ARG(shown(begin, r.end)));
    if (memory->failed)
        return mw_fail_memory(err, "the order");
    *ret_field = field;
    *ret_descending = descending;
    return MW_OK;
}
