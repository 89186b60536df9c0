/* Questions of the pages: the input is a query. A number that is taken lies within its bounds, and
 * a parameter that is not there is absent. */
#include <stdint.h>
#include <stdlib.h>

#include "api/drift.h"
#include "api/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_numbers(mw_exchange *exchange)
{
    mw_error err;
    int64_t found;
    static const struct {
        const char *name;
        int64_t min, max, usual;
    } asked[] = {{"w", 50, 1500, 600}, {"from", 0, INT64_MAX, 0}, {"last", 1, 2000, 500}};
    for (size_t i = 0; i < MW_COUNT(asked); i++) {
        mw_view text = api_query(exchange, asked[i].name);
        mw_status status = api_query_number(exchange, asked[i].name, asked[i].min, asked[i].max,
                                            asked[i].usual, &found, &err);
        if (!text.data && (status != MW_OK || found != asked[i].usual))
            abort();
        if (status == MW_OK && text.data && (found < asked[i].min || found > asked[i].max))
            abort();
    }
    if (api_query_window(exchange, 900, &found, &err) == MW_OK && (found < 900 || found > 2592000))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_arena arena;
    mw_arena_init(&arena, 4 * MW_KIB, 16 * MW_MIB);
    mw_exchange exchange = {.method = MW_GET, .query = {(const char *)data, size}, .arena = &arena};
    read_numbers(&exchange);
    mw_view text = api_query(&exchange, "feature");
    if (text.size > size)
        abort();
    mw_arena_done(&arena);
    return 0;
}
