/* Bytes as a feature dictionary: any input gives words for each feature or an error with a place,
 * never a crash. A draft reads back. */
#include "cli/call.h"
#include "cli/dictionary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const mw_view fuels[] = {{"gas", 3}, {"oil", 3}};
static const mw_column columns[] = {
    {.name = {"income", 6}},
    {.name = {"heating", 7}, .type = MW_COLUMN_CATEGORY, .categories = fuels, .n_categories = 2},
    {.name = {"a \"b\": #", 8}}};

/* Every feature has a group that there is. */
static void check(const cli_dictionary *dictionary)
{
    for (size_t f = 0; f < MW_COUNT(columns); f++)
        if (dictionary->entries[f].group >= dictionary->n_groups)
            __builtin_trap();
}

static void parse(mw_view text, const mw_forest *forest, bool must)
{
    mw_arena arena;
    cli_dictionary dictionary;
    mw_error err = {0};
    mw_arena_init(&arena, 4096, 64 * MW_MIB);
    mw_status status = cli_dictionary_parse(text, "fuzz.yaml", forest, &arena, &dictionary, &err);
    if (status == MW_OK)
        check(&dictionary);
    else if (must || err.status == MW_OK || !err.what[0])
        __builtin_trap(); /* a draft that is refused, or a failure that says nothing */
    mw_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_forest forest = {.n_features = MW_COUNT(columns), .n_columns = MW_COUNT(columns)};
    mw_arena arena;
    mw_buf draft;
    mw_arena_init(&arena, 4096, 64 * MW_MIB);
    mw_buf_init(&draft, MW_MIB);
    if (mw_schema_make(columns, MW_COUNT(columns), true, &arena, &forest.schema, NULL) != MW_OK)
        __builtin_trap();
    parse((mw_view){(const char *)data, size}, &forest, false);
    cli_dictionary_draft(&forest, &draft);
    parse(mw_buf_as_view(&draft), &forest, true);
    mw_buf_done(&draft);
    mw_arena_done(&arena);
    return 0;
}
