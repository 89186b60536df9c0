/* From clauses to one SELECT. Texts and numbers of a client become bound values, never SQL: what is
 * written into the statement comes from the tables of a domain. */
#ifndef REGISTRY_SEARCH_H
#define REGISTRY_SEARCH_H

#include "filter.h"

typedef struct search_values {
    mw_value *items;
    size_t count;
} search_values;

enum { SEARCH_CLAUSES_LED = 64 };

/* Of an order by a metric, which runs: all; or only those whose last value is NaN, or that have
 * none, behind a ranked search that has found all others. */
typedef enum search_rest { SEARCH_ALL, SEARCH_NAN, SEARCH_WITHOUT, SEARCH_N_RESTS } search_rest;

typedef struct search_query {
    const filter_domain *domain;
    const mw_search *search;
    record_memory *memory;
    filter_clauses clauses;
    mw_buf from, joins, where, order; /* `from` is empty: what search_open is given */
    search_values from_values, join_values, where_values;
    uint64_t led; /* a bit for each clause that `from` has satisfied already */
    search_rest rest;
    const char *rank_op; /* NULL, or the order is followed up to this value only */
    double rank_bound;
    bool is_ranked;   /* the first order is by a metric, and read from its index (narrow.c) */
    bool is_windowed; /* only so many of an order are tried (narrow.c) */
    const char *metric_more; /* SQL behind each comparison of a metric, and its values */
    search_values more_values;
    int64_t offset, n_most;
} search_query;

/* What decides among equals, unless this attribute is already ordered by ("" = always). */
typedef struct search_tie {
    const char *attribute, *order;
} search_tie;

/* Read the filter, the page and the number of results; `where` is empty. */
MW_CHECKED mw_status search_begin(search_query *query, const filter_domain *domain,
                                  const mw_search *search, record_memory *memory, int64_t most,
                                  mw_error *err);
/* Must follow each search_begin that succeeded. */
void search_end(search_query *query);

/* " AND column = 0", by the view type. */
void search_put_view(search_query *query, const char *column, mw_view_type view);
/* " AND column IN (?, ...)" with whole numbers; no texts: nothing is found. */
MW_CHECKED mw_status search_put_ids(search_query *query, const char *column, const mw_texts *ids,
                                    mw_error *err);
/* " AND column IN (?, ...)": what the roles in search->seen reach; nothing is put without it. */
void search_put_seen(search_query *query, const char *column, mw_scope scope);
/* One " AND ..." a clause. */
MW_CHECKED mw_status search_put_filter(search_query *query, mw_error *err);
/* Of a search of `runs r` whose `where` tells the experiments and the view, nothing else yet: begin
 * with the index that leaves the fewest runs to look at (narrow.c). `may_rank`: an order by a
 * metric may leave out the runs that have none. */
MW_CHECKED mw_status search_narrow(search_query *query, mw_sql *session, bool may_rank,
                                   mw_error *err);
MW_CHECKED mw_status search_put_order(search_query *query, const char *usual,
                                      const search_tie *ties, size_t n_ties, mw_error *err);
/* Order by one field more. `nth` names its join. */
MW_CHECKED mw_status search_put_field(search_query *query, const filter_field *field,
                                      bool descending, size_t nth, mw_error *err);
void search_put_value(search_query *query, mw_value value);
void search_put_from_value(search_query *query, mw_value value);
/* Texts for the joins; for metric_more, which search_put_all_more puts where it is used. */
void search_put_join(search_query *query, mw_view text);
void search_put_more(search_query *query, mw_view text);
void search_put_all_more(search_query *query);
/* Run it: one row more than was asked for, which search_page takes off. */
MW_CHECKED mw_status search_open(search_query *query, mw_sql *session, const char *columns,
                                 const char *from, mw_rows *ret_rows, mw_error *err);
/* The token of the next page, absent on the last; *count is cut to the page. */
mw_view search_page(const search_query *query, size_t *count, record_memory *memory);

#endif
