/* MLflow's filters and orders, read into clauses.
 *
 *     filter     := comparison (AND comparison)* [AND]
 *     comparison := field op value | field [NOT] IN (text, ...) | field IS [NOT] NULL
 *     field      := [entity "."] key          key := bare | "quoted" | `quoted`
 *     op         := = != > >= < <= LIKE ILIKE  value := number | 'text' | "text"
 *     order      := field [ASC|DESC]
 *
 * Words are read in any case, entities in lower case only. What a field may be, and be compared
 * with, is told by a domain: a table of the caller's.
 */
#ifndef REGISTRY_FILTER_H
#define REGISTRY_FILTER_H

#include "record.h"

typedef enum filter_entity {
    FILTER_ATTRIBUTE,
    FILTER_METRIC,
    FILTER_PARAM,
    FILTER_TAG,
    FILTER_DATASET,
    FILTER_METADATA, /* of traces, with the two below */
    FILTER_FEEDBACK,
    FILTER_EXPECTATION,
    FILTER_SPAN,           /* name, type, status, content; all of one filter mean one span */
    FILTER_SPAN_ATTRIBUTE, /* "span.attributes.KEY" */
    FILTER_TRACE,          /* as it is written; read as FILTER_ATTRIBUTE */
    FILTER_N_ENTITIES
} filter_entity;

typedef enum filter_op {
    FILTER_EQ,
    FILTER_NE,
    FILTER_GT,
    FILTER_GE,
    FILTER_LT,
    FILTER_LE,
    FILTER_LIKE,
    FILTER_ILIKE,
    FILTER_IN,
    FILTER_NOT_IN,
    FILTER_IS_NULL,
    FILTER_IS_NOT_NULL,
    FILTER_N_OPS
} filter_op;

/* As SQL writes it. */
extern const char *const filter_op_texts[FILTER_N_OPS];

/* What an attribute is; flags. */
enum {
    FILTER_TEXT = 1 << 0,    /* = != LIKE ILIKE with a text */
    FILTER_NUMBER = 1 << 1,  /* = != > >= < <= with a number */
    FILTER_INTEGER = 1 << 2, /* the same, whole numbers only */
    FILTER_ID = 1 << 3,      /* = != with a whole number in quotes */
    FILTER_LIST = 1 << 4,    /* IN, NOT IN with texts, too */
    FILTER_QUOTED = 1 << 5,  /* a number may stand in quotes */
    FILTER_ORDERS = 1 << 6,  /* may stand in an order */
    FILTER_ONLY_ORDERS = 1 << 7,
    FILTER_NULLS = 1 << 8,    /* the column may be null */
    FILTER_RUN_NAME = 1 << 9, /* the tag mlflow.runName holds it, too */
    FILTER_LINKED = 1 << 10   /* the column of other rows: those that `order` tells, behind FROM */
};

typedef struct filter_attribute {
    const char *name;
    const char *column; /* SQL */
    const char *order;  /* SQL to order by; NULL = column */
    unsigned flags;
} filter_attribute;

/* Where the values of an entity stand: of "@", the alias that the statement gives the table. */
typedef struct filter_lookup {
    const char *table; /* "tags @" */
    const char *owner; /* "@.run = r.id" */
} filter_lookup;

typedef struct filter_domain {
    const filter_attribute *attributes;
    size_t n_attributes;
    unsigned entities; /* bit per filter_entity */
    unsigned nullable; /* those that take IS NULL */
    unsigned listed;   /* tags and parameters that take IN */
    filter_lookup lookups[FILTER_N_ENTITIES];
} filter_domain;

typedef struct filter_field {
    filter_entity entity;
    mw_view key;
    const filter_attribute *attribute; /* of FILTER_ATTRIBUTE */
} filter_field;

typedef struct filter_clause {
    filter_field field;
    filter_op op;
    bool is_number;
    mw_value number; /* MW_VALUE_INT or MW_VALUE_DOUBLE */
    mw_texts texts;  /* one, or those of a list */
} filter_clause;

typedef struct filter_clauses {
    filter_clause *items;
    size_t count;
} filter_clauses;

enum { FILTER_CLAUSES_MAX = 200, FILTER_LIST_MAX = 10000, FILTER_TEXT_MAX = 40000 };

/* An empty filter has no clauses. Texts point into the filter or the memory.
 * Fails: MW_BAD_ARGUMENT (MW4105) with MLflow's sentence; MW_NO_MEMORY. */
MW_CHECKED mw_status filter_read(mw_view filter, const filter_domain *domain, record_memory *memory,
                                 filter_clauses *ret_clauses, mw_error *err);
MW_CHECKED mw_status filter_read_order(mw_view order, const filter_domain *domain,
                                       record_memory *memory, filter_field *ret_field,
                                       bool *ret_descending, mw_error *err);

#endif
