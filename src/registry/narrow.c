/* Where a search of runs begins. SQLite keeps no statistics of values here, so it would walk all
 * runs, newest first, and try each: fine when many satisfy the filter, 100 ms and more when one of
 * 100,000 does, or when they are wanted by the order of a metric.
 *
 *     few:     FROM (SELECT run FROM params WHERE key = ? AND value = ?) f CROSS JOIN runs r ...
 *     ranked:  FROM latest_metrics o0 (by value) CROSS JOIN runs r ... ORDER BY o0.value ...
 *     usual:   FROM runs r ...
 *
 * Few: some clause has an index, and at most FEW_RUNS rows of it satisfy the clause; that is found
 * by counting them, up to that number. Ranked: nothing is few, the first order is a metric, and the
 * experiments hold more than FEW_RUNS (else sorting all is quicker than skipping those of other
 * experiments). The rest of the filter is tried as ever: what is found does not change. */
#include "search.h"

enum { FEW_RUNS = 20000, INDEXED_CHARACTERS_MAX = 100 };

/* What an index finds: rows of a table with a key and a value. */
typedef struct lead {
    const char *rows; /* SQL behind FROM, with a mark for the key and one for the value */
    const char *op;   /* of the value */
    mw_value key, value;
} lead;

static mw_value text_value(mw_view text)
{
    return (mw_value){.kind = MW_VALUE_TEXT, .text = text};
}

#define SHORT " AND length(value) <= 100 AND value"

/* Whether an index serves the clause, and how. */
static bool find_lead(const filter_clause *clause, lead *ret_lead)
{
    const filter_field *field = &clause->field;
    bool is_name = field->attribute && field->attribute->flags & FILTER_RUN_NAME;
    *ret_lead = (lead){.op = filter_op_texts[clause->op], .key = text_value(field->key)};
    if (field->entity == FILTER_METRIC) {
        ret_lead->rows = "latest_metrics INDEXED BY latest_metrics_by_value WHERE key = ?"
                         " AND is_nan = 0 AND value";
        ret_lead->value = clause->number;
        return clause->is_number && clause->op != FILTER_NE && clause->op <= FILTER_LE;
    }
    if (clause->op != FILTER_EQ || clause->texts.count != 1 ||
        clause->texts.items[0].size > INDEXED_CHARACTERS_MAX)
        return false;
    ret_lead->value = text_value(clause->texts.items[0]);
    if (is_name)
        ret_lead->key = text_value(MW_VIEW("mlflow.runName"));
    ret_lead->rows = field->entity == FILTER_PARAM
                         ? "params INDEXED BY params_by_value WHERE key = ?" SHORT
                         : "tags INDEXED BY tags_by_value WHERE key = ?" SHORT;
    return field->entity == FILTER_PARAM || field->entity == FILTER_TAG || is_name;
}

static mw_status count(mw_sql *session, const char *sql, const mw_value *values, size_t n_values,
                       int64_t *ret_count, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open_values(session, &rows, sql, values, n_values, err));
    *ret_count = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    return mw_rows_close(&rows, err);
}

/* Up to FEW_RUNS + 1. */
static mw_status count_lead(mw_sql *session, const lead *l, int64_t *ret_count, mw_error *err)
{
    char sql[256];
    const mw_value values[] = {l->key, l->value};
    snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT 1 FROM %s %s ? LIMIT %d) n", l->rows,
             l->op, FEW_RUNS + 1);
    return count(session, sql, values, MW_COUNT(values), ret_count, err);
}

static void put_lead(search_query *query, const lead *l)
{
    mw_buf_format(&query->from, "(SELECT run FROM %s %s ?) f CROSS JOIN runs r ON r.id = f.run",
                  l->rows, l->op);
    search_put_from_value(query, l->key);
    search_put_from_value(query, l->value);
}

/* The clause that the fewest rows satisfy; *ret_found is false when none is few. */
static mw_status put_few(search_query *query, mw_sql *session, bool *ret_found, mw_error *err)
{
    lead best = {0}, each;
    int64_t fewest = FEW_RUNS + 1;
    for (size_t i = 0; i < query->clauses.count && fewest > 0; i++) {
        int64_t n = fewest;
        if (find_lead(&query->clauses.items[i], &each))
            MW_TRY(count_lead(session, &each, &n, err));
        if (n >= fewest)
            continue;
        fewest = n;
        best = each;
        query->led_by = i + 1;
    }
    *ret_found = query->led_by > 0;
    if (*ret_found)
        put_lead(query, &best);
    return MW_OK;
}

static mw_status has_many_runs(search_query *query, mw_sql *session, bool *ret_many, mw_error *err)
{
    mw_buf sql;
    int64_t n = 0;
    mw_buf_init(&sql, query->where.size + MW_KIB);
    mw_buf_format(&sql, "SELECT count(*) FROM (SELECT 1 FROM runs r WHERE %s LIMIT %d) n",
                  query->where.data, FEW_RUNS + 1);
    mw_status status = sql.failed ? mw_fail_memory(err, "the search")
                                  : count(session, sql.data, query->where_values.items,
                                          query->where_values.count, &n, err);
    mw_buf_done(&sql);
    *ret_many = n > FEW_RUNS;
    return status;
}

static mw_status is_ordered_by_metric(search_query *query, bool *ret_yes, mw_error *err)
{
    bool descending;
    filter_field field;
    *ret_yes = false;
    if (query->search->order_by.count == 0)
        return MW_OK;
    MW_TRY(filter_read_order(query->search->order_by.items[0], query->domain, query->memory, &field,
                             &descending, err));
    *ret_yes = field.entity == FILTER_METRIC;
    return MW_OK;
}

mw_status search_narrow(search_query *query, mw_sql *session, bool may_rank, mw_error *err)
{
    bool is_few, is_by_metric;
    MW_TRY(put_few(query, session, &is_few, err));
    if (is_few || !may_rank)
        return MW_OK;
    MW_TRY(is_ordered_by_metric(query, &is_by_metric, err));
    return is_by_metric ? has_many_runs(query, session, &query->is_ranked, err) : MW_OK;
}
