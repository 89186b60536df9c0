/* One SELECT from clauses, an order and a page.
 *
 *     SELECT columns FROM runs r LEFT JOIN latest_metrics o0 ON ... WHERE 1 AND EXISTS(...) ...
 *            ORDER BY CASE ... END, o0.value DESC, r.started DESC, r.run_id LIMIT ? OFFSET ?
 *
 * A comparison of a metric, parameter or tag is an EXISTS on its primary key: it stops at the first
 * run that is not wanted, and so lets an order that has an index stop at the page's end. */
#include <ctype.h>

#include "search.h"

enum { SQL_BYTES_MAX = 4 << 20, ORDER_FIELDS_MAX = 20 };

void search_end(search_query *query)
{
    mw_buf_done(&query->from);
    mw_buf_done(&query->joins);
    mw_buf_done(&query->where);
    mw_buf_done(&query->order);
}

mw_status search_begin(search_query *query, const filter_domain *domain, const mw_search *search,
                       record_memory *memory, int64_t most, mw_error *err)
{
    *query = (search_query){.domain = domain, .search = search, .memory = memory};
    query->n_most = search->max_results;
    MW_TRY(record_check_results(search->max_results, most, err));
    MW_TRY(record_read_token(search->page_token, &query->offset, err));
    MW_TRY(filter_read(search->filter, domain, memory, &query->clauses, err));
    mw_buf_init(&query->from, SQL_BYTES_MAX);
    mw_buf_init(&query->joins, SQL_BYTES_MAX);
    mw_buf_init(&query->where, SQL_BYTES_MAX);
    mw_buf_init(&query->order, SQL_BYTES_MAX);
    return MW_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void put(search_query *query, search_values *values, mw_value value)
{
    mw_value *place = RECORD_PUSH(query->memory, values);
    if (place)
        *place = value;
}

void search_put_value(search_query *query, mw_value value)
{
    put(query, &query->where_values, value);
}

void search_put_from_value(search_query *query, mw_value value)
{
    put(query, &query->from_values, value);
}

static void put_text(search_query *query, mw_view text)
{
    search_put_value(query, (mw_value){.kind = MW_VALUE_TEXT, .text = text});
}

void search_put_join(search_query *query, mw_view text)
{
    put(query, &query->join_values, (mw_value){.kind = MW_VALUE_TEXT, .text = text});
}

void search_put_more(search_query *query, mw_view text)
{
    put(query, &query->more_values, (mw_value){.kind = MW_VALUE_TEXT, .text = text});
}

void search_put_all_more(search_query *query)
{
    for (size_t i = 0; i < query->more_values.count; i++)
        search_put_value(query, query->more_values.items[i]);
}

/* ---- filters --------------------------------------------------------------------------------- */

/* "@.run = r.id" with the alias for each @. */
static void put_aliased(mw_buf *out, const char *pattern, const char *alias)
{
    for (; *pattern; pattern++) {
        if (*pattern == '@')
            mw_buf_text(out, alias);
        else
            mw_buf_char(out, *pattern);
    }
}

static void put_list(search_query *query, const char *column, const filter_clause *clause)
{
    mw_buf *out = &query->where;
    mw_buf_format(out, "%s %s (", column, filter_op_texts[clause->op]);
    for (size_t i = 0; i < clause->texts.count; i++) {
        mw_buf_text(out, i ? ",?" : "?");
        put_text(query, clause->texts.items[i]);
    }
    mw_buf_char(out, ')');
}

/* Of ASCII, as both engines lower a column. */
static mw_view lower(record_memory *memory, mw_view text)
{
    mw_view kept = record_keep(memory, text);
    for (size_t i = 0; i < kept.size; i++)
        ((char *)kept.data)[i] =
            (char)(isupper((unsigned char)kept.data[i]) ? kept.data[i] + 32 : kept.data[i]);
    return kept;
}

/* "column op ?" */
static void put_comparison(search_query *query, const char *column, const filter_clause *clause)
{
    mw_buf *out = &query->where;
    if (clause->op == FILTER_IN || clause->op == FILTER_NOT_IN) {
        put_list(query, column, clause);
        return;
    }
    if (clause->op == FILTER_ILIKE) {
        mw_buf_format(out, "lower(%s) LIKE ?", column);
        put_text(query, lower(query->memory, clause->texts.items[0]));
        return;
    }
    mw_buf_format(out, "%s %s ?", column, filter_op_texts[clause->op]);
    if (clause->is_number)
        search_put_value(query, clause->number);
    else
        put_text(query, clause->texts.items[0]);
}

static void put_metric(search_query *query, const filter_clause *clause)
{
    mw_buf *out = &query->where;
    mw_buf_text(out, " AND (");
    put_comparison(query, "x.value", clause);
    mw_buf_text(out, clause->op == FILTER_NE ? " OR x.is_nan = 1)" : " AND x.is_nan = 0)");
    if (query->metric_more) {
        mw_buf_text(out, query->metric_more);
        search_put_all_more(query);
    }
}

static void put_dataset(search_query *query, const filter_clause *clause)
{
    mw_buf *out = &query->where;
    bool is_context = mw_view_is(clause->field.key, "context");
    mw_buf_format(out, " AND EXISTS(SELECT 1 FROM run_datasets u JOIN %s WHERE u.run = r.id AND ",
                  is_context ? "run_dataset_tags x ON x.use = u.id AND x.key = "
                               "'mlflow.data.context'"
                             : "datasets x ON x.id = u.dataset");
    put_comparison(query,
                   is_context                              ? "x.value"
                   : mw_view_is(clause->field.key, "name") ? "x.name"
                                                           : "x.digest",
                   clause);
    mw_buf_char(out, ')');
}

static void put_lookup(search_query *query, const filter_clause *clause)
{
    mw_buf *out = &query->where;
    const filter_lookup *lookup = &query->domain->lookups[clause->field.entity];
    mw_buf_format(out, " AND %sEXISTS(SELECT 1 FROM ", clause->op == FILTER_IS_NULL ? "NOT " : "");
    put_aliased(out, lookup->table, "x");
    mw_buf_text(out, " WHERE ");
    put_aliased(out, lookup->owner, "x");
    mw_buf_text(out, " AND x.key = ?");
    put_text(query, clause->field.key);
    if (clause->field.entity == FILTER_METRIC) {
        put_metric(query, clause);
    } else if (clause->op != FILTER_IS_NULL && clause->op != FILTER_IS_NOT_NULL) {
        mw_buf_text(out, " AND ");
        put_comparison(query, clause->is_number ? "x.number" : "x.value", clause);
    }
    mw_buf_char(out, ')');
}

/* All that is said of spans is said of one: the first clause puts all of them. */
static void put_spans(search_query *query, size_t first)
{
    mw_buf *out = &query->where;
    mw_buf_text(out, " AND EXISTS(SELECT 1 FROM spans s WHERE s.trace = t.id");
    for (size_t i = first; i < query->clauses.count; i++) {
        char column[16];
        const filter_clause *clause = &query->clauses.items[i];
        if (clause->field.entity == FILTER_SPAN) {
            snprintf(column, sizeof column, "s.%.*s", MW_VIEW_ARG(clause->field.key));
            mw_buf_text(out, " AND ");
            put_comparison(query, column, clause);
        } else if (clause->field.entity == FILTER_SPAN_ATTRIBUTE) {
            mw_buf_text(out, " AND EXISTS(SELECT 1 FROM span_attributes x WHERE x.span = s.id"
                             " AND x.key = ? AND ");
            put_text(query, clause->field.key);
            put_comparison(query, "x.value", clause);
            mw_buf_char(out, ')');
        }
    }
    mw_buf_char(out, ')');
}

static mw_status check_built(const search_query *query, mw_error *err)
{
    if (query->memory->failed || query->from.failed || query->joins.failed || query->where.failed ||
        query->order.failed)
        return mw_fail_memory(err, "the search");
    return MW_OK;
}

mw_status search_put_filter(search_query *query, mw_error *err)
{
    bool has_spans = false;
    for (size_t i = 0; i < query->clauses.count; i++) {
        const filter_clause *clause = &query->clauses.items[i];
        bool is_span =
            clause->field.entity == FILTER_SPAN || clause->field.entity == FILTER_SPAN_ATTRIBUTE;
        if (i < SEARCH_CLAUSES_LED && query->led >> i & 1) {
            continue;
        } else if (is_span) {
            if (!has_spans)
                put_spans(query, i);
            has_spans = true;
        } else if (clause->field.entity == FILTER_DATASET) {
            put_dataset(query, clause);
        } else if (clause->field.entity != FILTER_ATTRIBUTE) {
            put_lookup(query, clause);
        } else {
            bool is_linked = clause->field.attribute->flags & FILTER_LINKED;
            mw_buf_text(&query->where, " AND ");
            if (is_linked)
                mw_buf_format(&query->where, "EXISTS(SELECT 1 FROM %s AND ",
                              clause->field.attribute->order);
            put_comparison(query, clause->field.attribute->column, clause);
            mw_buf_text(&query->where, is_linked ? ")" : "");
        }
    }
    return check_built(query, err);
}

void search_put_view(search_query *query, const char *column, mw_view_type view)
{
    if (view != MW_VIEW_ALL)
        mw_buf_format(&query->where, " AND %s = %d", column, view == MW_VIEW_DELETED);
}

mw_status search_put_ids(search_query *query, const char *column, const mw_texts *ids,
                         mw_error *err)
{
    if (ids->count > FILTER_LIST_MAX)
        return mw_fail(err, MW_E_RECORD_FILTER, "more than %d experiments", FILTER_LIST_MAX);
    if (ids->count == 0) { /* of none there is nothing; PostgreSQL takes no empty list */
        mw_buf_text(&query->where, " AND 1 = 0");
        return check_built(query, err);
    }
    mw_buf_format(&query->where, " AND %s IN (", column);
    for (size_t i = 0; i < ids->count; i++) {
        mw_value id = {.kind = MW_VALUE_INT};
        if (!record_number(ids->items[i], &id.integer))
            return record_refuse(err,
                                 "Invalid experiment ID '%.*s'. Experiment ID must be a valid "
                                 "integer.",
                                 MW_VIEW_ARG(ids->items[i]));
        mw_buf_text(&query->where, i ? ",?" : "?");
        search_put_value(query, id);
    }
    mw_buf_char(&query->where, ')');
    return check_built(query, err);
}

/* Grants are compared as text: experiments by their digits. */
void search_put_seen(search_query *query, const char *column, mw_scope scope)
{
    const mw_grants *seen = query->search->seen;
    if (!seen || mw_grants_role(seen, MW_SCOPE_ALL, MW_VIEW("")) >= MW_ROLE_VIEWER)
        return;
    mw_buf_format(&query->where, " AND CAST(%s AS TEXT) IN (''", column);
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->items[i].scope != scope)
            continue;
        mw_buf_text(&query->where, ",?");
        search_put_value(query, (mw_value){.kind = MW_VALUE_TEXT, .text = seen->items[i].object});
    }
    mw_buf_char(&query->where, ')');
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void put_column(mw_buf *out, const filter_attribute *attribute, const char *direction)
{
    const char *column = attribute->order ? attribute->order : attribute->column;
    if (attribute->flags & FILTER_NULLS)
        mw_buf_format(out, "(%s IS NULL), ", column);
    mw_buf_format(out, "%s%s", column, direction);
}

/* What the filter says of the metric that is ordered by: the index begins, or ends, there. */
static void put_bounds(search_query *query, const filter_field *field)
{
    for (size_t i = 0; i < query->clauses.count; i++) {
        const filter_clause *clause = &query->clauses.items[i];
        bool is_bound = clause->field.entity == FILTER_METRIC && clause->is_number &&
                        clause->op != FILTER_NE && clause->op <= FILTER_LE &&
                        mw_view_equal(clause->field.key, field->key);
        if (!is_bound)
            continue;
        mw_buf_format(&query->where, " AND o0.value %s ?", filter_op_texts[clause->op]);
        search_put_value(query, clause->number);
    }
}

/* The metric's rows come first, and are in order: NaN and runs without it are left to another
 * search. */
static void put_ranked(search_query *query, const filter_field *field, const char *direction)
{
    mw_buf_text(&query->from, "latest_metrics o0 INDEXED BY latest_metrics_by_value"
                              " CROSS JOIN runs r ON r.id = o0.run");
    mw_buf_text(&query->where, " AND o0.key = ? AND o0.is_nan = 0");
    put_text(query, field->key);
    put_bounds(query, field);
    if (query->rank_op) {
        mw_buf_format(&query->where, " AND o0.value %s ?", query->rank_op);
        search_put_value(query, (mw_value){.kind = MW_VALUE_DOUBLE, .number = query->rank_bound});
    }
    mw_buf_format(&query->order, "o0.value%s", direction);
}

/* Of a filter on the metric itself NaN satisfies only "!=", and what is not there nothing. */
static bool is_excluded(const search_query *query, const filter_field *field)
{
    for (size_t i = 0; i < query->clauses.count; i++) {
        const filter_clause *clause = &query->clauses.items[i];
        if (clause->field.entity == FILTER_METRIC && mw_view_equal(clause->field.key, field->key) &&
            (query->rest == SEARCH_WITHOUT || clause->op != FILTER_NE))
            return true;
    }
    return false;
}

/* They are equal in this order: what decides is what is ordered by next. */
static void put_rest(search_query *query, const filter_field *field)
{
    if (query->rest == SEARCH_NAN)
        mw_buf_text(&query->from, "latest_metrics o0 INDEXED BY latest_metrics_by_value"
                                  " CROSS JOIN runs r ON r.id = o0.run");
    mw_buf_text(&query->where, query->rest == SEARCH_NAN
                                   ? " AND o0.key = ? AND o0.is_nan = 1"
                                   : " AND NOT EXISTS(SELECT 1 FROM latest_metrics o0"
                                     " WHERE o0.run = r.id AND o0.key = ?)");
    put_text(query, field->key);
    mw_buf_text(&query->where, is_excluded(query, field) ? " AND FALSE" : "");
}

/* Values, then NaN, then those without the field: in both directions. */
mw_status search_put_field(search_query *query, const filter_field *field, bool descending,
                           size_t nth, mw_error *err)
{
    char alias[16];
    const char *direction = descending ? " DESC" : "";
    const filter_lookup *lookup = &query->domain->lookups[field->entity];
    if (query->rest != SEARCH_ALL && nth == 0) {
        put_rest(query, field);
        return check_built(query, err);
    }
    if (query->order.size > 0)
        mw_buf_text(&query->order, ", ");
    if (field->attribute) {
        put_column(&query->order, field->attribute, direction);
        return check_built(query, err);
    }
    if (!lookup->table)
        return mw_fail(err, MW_E_RECORD_FILTER, "Invalid order_by entity: dataset");
    if (query->is_ranked && nth == 0) {
        put_ranked(query, field, direction);
        return check_built(query, err);
    }
    snprintf(alias, sizeof alias, "o%zu", nth);
    mw_buf_text(&query->joins, " LEFT JOIN ");
    put_aliased(&query->joins, lookup->table, alias);
    mw_buf_text(&query->joins, " ON ");
    put_aliased(&query->joins, lookup->owner, alias);
    mw_buf_format(&query->joins, " AND %s.key = ?", alias);
    put(query, &query->join_values, (mw_value){.kind = MW_VALUE_TEXT, .text = field->key});
    if (field->entity == FILTER_METRIC)
        mw_buf_format(&query->order,
                      "CASE WHEN %s.value IS NULL THEN 2 ELSE %s.is_nan END, %s.value%s", alias,
                      alias, alias, direction);
    else
        mw_buf_format(&query->order, "(%s.value IS NULL), %s.value%s", alias, alias, direction);
    return check_built(query, err);
}

static bool is_same_field(const filter_field *a, const filter_field *b)
{
    return a->entity == b->entity && a->attribute == b->attribute &&
           (a->attribute || mw_view_equal(a->key, b->key));
}

/* Aliases of one attribute ("created", "start_time") share a column. */
static bool is_ordered_by(const filter_field *fields, size_t n, const char *attribute)
{
    for (size_t i = 0; i < n; i++)
        if (fields[i].attribute && strcmp(fields[i].attribute->name, attribute) == 0)
            return true;
    return false;
}

static mw_status read_orders(search_query *query, filter_field *fields, mw_error *err)
{
    const mw_texts *orders = &query->search->order_by;
    if (orders->count > ORDER_FIELDS_MAX)
        return mw_fail(err, MW_E_RECORD_FILTER, "more than %d fields to order by",
                       ORDER_FIELDS_MAX);
    for (size_t i = 0; i < orders->count; i++) {
        bool descending;
        MW_TRY(filter_read_order(orders->items[i], query->domain, query->memory, &fields[i],
                                 &descending, err));
        for (size_t k = 0; k < i; k++)
            if (is_same_field(&fields[k], &fields[i]))
                return mw_fail(err, MW_E_RECORD_FILTER,
                               "`order_by` contains duplicate fields: '%.*s'",
                               MW_VIEW_ARG(orders->items[i]));
        MW_TRY(search_put_field(query, &fields[i], descending, i, err));
    }
    return MW_OK;
}

mw_status search_put_order(search_query *query, const char *usual, const search_tie *ties,
                           size_t n_ties, mw_error *err)
{
    filter_field fields[ORDER_FIELDS_MAX];
    size_t n = query->search->order_by.count;
    if (n == 0) {
        mw_buf_text(&query->order, usual);
        return check_built(query, err);
    }
    MW_TRY(read_orders(query, fields, err));
    for (size_t i = 0; i < n_ties; i++)
        if (!is_ordered_by(fields, n, ties[i].attribute))
            mw_buf_format(&query->order, "%s%s", query->order.size > 0 ? ", " : "", ties[i].order);
    return check_built(query, err);
}

/* ---- the statement --------------------------------------------------------------------------- */

mw_status search_open(search_query *query, mw_sql *session, const char *columns, const char *from,
                      mw_rows *ret_rows, mw_error *err)
{
    mw_buf sql;
    mw_buf_init(&sql, 4 * SQL_BYTES_MAX);
    mw_buf_format(&sql, "SELECT %s FROM %s%s WHERE %s ORDER BY %s LIMIT ? OFFSET ?", columns,
                  query->from.size > 0 ? query->from.data : from, query->joins.data,
                  query->where.data, query->order.data);
    search_values all = {0};
    for (size_t i = 0; i < query->from_values.count; i++)
        put(query, &all, query->from_values.items[i]);
    for (size_t i = 0; i < query->join_values.count; i++)
        put(query, &all, query->join_values.items[i]);
    for (size_t i = 0; i < query->where_values.count; i++)
        put(query, &all, query->where_values.items[i]);
    put(query, &all, (mw_value){.kind = MW_VALUE_INT, .integer = query->n_most + 1});
    put(query, &all, (mw_value){.kind = MW_VALUE_INT, .integer = query->offset});
    mw_status status = sql.failed ? mw_fail_memory(err, "the search") : check_built(query, err);
    if (status == MW_OK)
        status = mw_rows_open_values(session, ret_rows, sql.data, all.items, all.count, err);
    mw_buf_done(&sql);
    return status;
}

mw_view search_page(const search_query *query, size_t *count, record_memory *memory)
{
    if (*count <= (size_t)query->n_most)
        return (mw_view){NULL, 0};
    *count = (size_t)query->n_most;
    return record_write_token(memory, query->offset + query->n_most);
}
