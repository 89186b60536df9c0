/* Filters and orders of a search: whatever is accepted has clauses that fit their fields. */
#include <stdint.h>
#include <stdlib.h>

#include "registry/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const filter_attribute attributes[] = {
    {"run_id", "r.run_id", NULL, FILTER_TEXT | FILTER_LIST | FILTER_ORDERS},
    {"start_time", "r.started", NULL, FILTER_NUMBER | FILTER_ORDERS},
    {"version", "v.version", NULL, FILTER_INTEGER | FILTER_QUOTED},
    {"experiment_id", "e.id", NULL, FILTER_ID | FILTER_LIST},
};

static const filter_domain domain = {
    .attributes = attributes,
    .n_attributes = MW_COUNT(attributes),
    .entities = (1u << FILTER_N_ENTITIES) - 1,
    .nullable = 1u << FILTER_TAG,
};

static void check(const filter_clause *clause)
{
    bool takes_nothing = clause->op == FILTER_IS_NULL || clause->op == FILTER_IS_NOT_NULL;
    bool is_list = clause->op == FILTER_IN || clause->op == FILTER_NOT_IN;
    if (!takes_nothing && !clause->is_number && clause->texts.count == 0)
        abort();
    if (clause->is_number && (is_list || clause->op == FILTER_LIKE || clause->op == FILTER_ILIKE))
        abort();
    if (clause->field.entity == FILTER_ATTRIBUTE && !clause->field.attribute)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_arena arena;
    filter_clauses clauses;
    filter_field field;
    bool descending;
    mw_view text = {(const char *)data, size};
    mw_arena_init(&arena, 4 * MW_KIB, 16 * MW_MIB);
    record_memory memory = {&arena, false};
    if (filter_read(text, &domain, &memory, &clauses, &err) == MW_OK)
        for (size_t i = 0; i < clauses.count; i++)
            check(&clauses.items[i]);
    (void)!filter_read_order(text, &domain, &memory, &field, &descending, &err);
    mw_arena_done(&arena);
    return 0;
}
