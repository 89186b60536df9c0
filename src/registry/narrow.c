/* Where a search of runs begins. SQLite keeps no statistics of values here, so it would walk all
 * runs, newest first, and try each: fine when many satisfy the filter, 100 ms and more when one of
 * 100,000 does, or when they are wanted by the order of a metric.
 *
 *     few:     FROM (SELECT run FROM params WHERE key = ? AND value = ?
 *                    AND run IN (SELECT run FROM latest_metrics ...)) f CROSS JOIN runs r ...
 *     ranked:  FROM latest_metrics o0 (by value) CROSS JOIN runs r ... ORDER BY o0.value ...
 *     newest:  FROM runs r WHERE r.started >= ? ... ORDER BY r.started DESC ...
 *     usual:   FROM runs r ...
 *
 * Few: some clauses have an index, and at most FEW_RUNS rows of it satisfy each; that is found by
 * counting them, up to that number. Ranked: nothing is few, the first order is a metric, and the
 * experiments hold more than FEW_RUNS (else sorting all is quicker than skipping those of other
 * experiments). Newest: what is few is thousands still, and the newest of them are asked for; the
 * newest WINDOW_ROWS runs are tried first. The rest of the filter is tried as ever: what is found
 * does not change. */
#include "search.h"

enum {
    FEW_RUNS = 20000,
    HANDFUL = 200,      /* so few are looked at one by one */
    RANKED_ROWS = 5000, /* so many are spread densely enough over an order */
    WINDOW_ROWS = 6000, /* of an order that are tried */
    LEADS_MAX = 4,
    INDEXED_CHARACTERS_MAX = 100
};

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

/* What is few, the fewest first. */
typedef struct leads {
    lead items[LEADS_MAX];
    int64_t rows[LEADS_MAX];
    size_t clauses[LEADS_MAX], count;
} leads;

static void add_lead(leads *all, const lead *l, int64_t n, size_t clause)
{
    size_t at = all->count < LEADS_MAX ? all->count++ : LEADS_MAX - 1;
    for (; at > 0 && all->rows[at - 1] > n; at--) {
        all->items[at] = all->items[at - 1];
        all->rows[at] = all->rows[at - 1];
        all->clauses[at] = all->clauses[at - 1];
    }
    all->items[at] = *l;
    all->rows[at] = n;
    all->clauses[at] = clause;
}

/* Where a handful is found nothing else is asked for. */
static mw_status find_leads(const search_query *query, mw_sql *session, leads *ret_leads,
                            mw_error *err)
{
    lead each;
    *ret_leads = (leads){.count = 0};
    for (size_t i = 0; i < query->clauses.count && i < SEARCH_CLAUSES_LED; i++) {
        int64_t n = FEW_RUNS + 1;
        if (ret_leads->count > 0 && ret_leads->rows[0] <= HANDFUL)
            break;
        if (find_lead(&query->clauses.items[i], &each))
            MW_TRY(count_lead(session, &each, &n, err));
        if (n <= FEW_RUNS)
            add_lead(ret_leads, &each, n, i);
    }
    return MW_OK;
}

static void put_lead(search_query *query, const leads *all, size_t i)
{
    const lead *l = &all->items[i];
    mw_buf_format(&query->from, "SELECT run FROM %s %s ?", l->rows, l->op);
    search_put_from_value(query, l->key);
    search_put_from_value(query, l->value);
    query->led |= UINT64_C(1) << all->clauses[i];
}

/* Those that satisfy all of them: the indexes alone tell, no run is looked at. */
static void put_leads(search_query *query, const leads *all)
{
    mw_buf_char(&query->from, '(');
    put_lead(query, all, 0);
    for (size_t i = 1; i < all->count && all->rows[0] > HANDFUL; i++) {
        mw_buf_text(&query->from, " AND run IN (");
        put_lead(query, all, i);
        mw_buf_char(&query->from, ')');
    }
    mw_buf_text(&query->from, ") f CROSS JOIN runs r ON r.id = f.run");
}

/* "SELECT ..." of the runs that `where` leaves so far, up to `tail`. */
static mw_status ask_runs(const search_query *query, mw_sql *session, const char *select,
                          const char *tail, mw_rows *ret_rows, mw_error *err)
{
    mw_buf sql;
    mw_buf_init(&sql, query->where.size + MW_KIB);
    mw_buf_format(&sql, "%s FROM runs r WHERE %s %s", select, query->where.data, tail);
    mw_status status =
        sql.failed ? mw_fail_memory(err, "the search")
                   : mw_rows_open_values(session, ret_rows, sql.data, query->where_values.items,
                                         query->where_values.count, err);
    mw_buf_done(&sql);
    return status;
}

static mw_status has_many_runs(search_query *query, mw_sql *session, bool *ret_many, mw_error *err)
{
    mw_rows rows;
    char tail[32];
    snprintf(tail, sizeof tail, "LIMIT 1 OFFSET %d", FEW_RUNS);
    MW_TRY(ask_runs(query, session, "SELECT 1", tail, &rows, err));
    *ret_many = mw_rows_next(&rows);
    return mw_rows_close(&rows, err);
}

/* The first order. Of the usual one, newest first, nothing is said, or that alone. */
typedef struct first_order {
    bool is_metric, is_newest, descending;
    filter_field field;
} first_order;

static mw_status read_first_order(search_query *query, first_order *ret_order, mw_error *err)
{
    const mw_texts *orders = &query->search->order_by;
    *ret_order = (first_order){.is_newest = orders->count == 0};
    if (orders->count == 0)
        return MW_OK;
    MW_TRY(filter_read_order(orders->items[0], query->domain, query->memory, &ret_order->field,
                             &ret_order->descending, err));
    const filter_attribute *attribute = ret_order->field.attribute;
    ret_order->is_metric = ret_order->field.entity == FILTER_METRIC;
    ret_order->is_newest = orders->count == 1 && attribute && ret_order->descending &&
                           strcmp(attribute->column, "r.started") == 0;
    return MW_OK;
}

/* The value up to which there are WINDOW_ROWS in this order, those equal to it included. */
static mw_status put_window(search_query *query, mw_sql *session, const first_order *order,
                            mw_error *err)
{
    mw_rows rows;
    char sql[256];
    const mw_value key = text_value(order->field.key);
    snprintf(sql, sizeof sql,
             "SELECT value FROM latest_metrics INDEXED BY latest_metrics_by_value WHERE key = ?"
             " AND is_nan = 0 ORDER BY value%s LIMIT 1 OFFSET %d",
             order->descending ? " DESC" : "", WINDOW_ROWS);
    MW_TRY(mw_rows_open_values(session, &rows, sql, &key, 1, err));
    if (mw_rows_next(&rows)) {
        query->rank_op = order->descending ? ">=" : "<=";
        query->rank_bound = mw_rows_double(&rows, 0);
        query->is_windowed = true;
    }
    return mw_rows_close(&rows, err);
}

/* The first of thousands that satisfy a filter of one clause are mostly found sooner by a metric's
 * order. Mostly: what satisfies it may stand at the other end, so that is tried with the first rows
 * of the order only. */
static bool may_be_ranked(const search_query *query, const leads *all)
{
    return all->count == 0 || (query->clauses.count == 1 && all->rows[0] >= RANKED_ROWS);
}

/* Of one experiment, whose index is in that order. */
static mw_status put_newest(search_query *query, mw_sql *session, mw_error *err)
{
    mw_rows rows;
    char tail[64];
    snprintf(tail, sizeof tail, "ORDER BY r.started DESC LIMIT 1 OFFSET %d", WINDOW_ROWS);
    MW_TRY(ask_runs(query, session, "SELECT r.started", tail, &rows, err));
    if (mw_rows_next(&rows)) {
        mw_value bound = {.kind = MW_VALUE_INT, .integer = mw_rows_int(&rows, 0)};
        mw_buf_text(&query->where, " AND r.started >= ?");
        search_put_value(query, bound);
        query->is_windowed = true;
    }
    return mw_rows_close(&rows, err);
}

/* The newest of thousands that satisfy a filter of one clause mostly stand near the beginning. */
static bool may_be_newest(const search_query *query, const leads *all)
{
    return query->clauses.count == 1 && all->count == 1 && all->rows[0] >= RANKED_ROWS &&
           query->search->experiments.count == 1 && query->search->view != MW_VIEW_ALL;
}

mw_status search_narrow(search_query *query, mw_sql *session, bool may_rank, mw_error *err)
{
    leads all;
    first_order order = {.is_metric = false};
    MW_TRY(find_leads(query, session, &all, err));
    bool ranked = may_rank && may_be_ranked(query, &all);
    bool newest = may_rank && may_be_newest(query, &all);
    if (ranked || newest)
        MW_TRY(read_first_order(query, &order, err));
    if (ranked && order.is_metric)
        MW_TRY(has_many_runs(query, session, &query->is_ranked, err));
    if (query->is_ranked && all.count > 0)
        return put_window(query, session, &order, err);
    if (newest && order.is_newest)
        MW_TRY(put_newest(query, session, err));
    if (all.count > 0 && !query->is_windowed)
        put_leads(query, &all);
    return MW_OK;
}
