/* Conditions and matchers from any text: no crash; what is taken can be evaluated, twice, and a
 * fault stands inside the text.
 *
 *     condition, a zero byte, a page of metrics (none: one of our own) */
#include <stdlib.h>

#include "alert/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void evaluate(alert_expr *expr, mw_view page, int64_t now_ms)
{
    mw_arena arena;
    mw_error err;
    alert_samples samples;
    alert_vector vector;
    mw_arena_init(&arena, 4 * MW_KIB, 16 * MW_MIB);
    if (alert_samples_read(page, &arena, &samples, &err) == MW_OK) {
        alert_moment moment = {&samples, now_ms, &arena};
        if (alert_expr_evaluate(expr, &moment, &vector, &err) == MW_OK)
            for (size_t i = 0; i < vector.count; i++)
                check(alert_labels_hash(vector.items[i].labels) == vector.items[i].hash);
    }
    mw_arena_done(&arena);
}

static void read_matchers(mw_view text)
{
    mw_arena arena;
    mw_error err;
    expr_matchers matchers;
    size_t at;
    mw_arena_init(&arena, 4 * MW_KIB, MW_MIB);
    if (alert_matchers_read(text, &arena, &matchers, &at, &err) == MW_OK) {
        expr_matchers_hold(&matchers, (alert_labels){NULL, 0});
        alert_matchers_done(&matchers);
    }
    check(at <= text.size);
    mw_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char usual[] = "a 1\nb{c=\"d\",le=\"1\"} 2\nb{c=\"e\",le=\"+Inf\"} 3\n";
    alert_expr *expr;
    mw_error err;
    size_t at;
    mw_view text = {(const char *)data, size};
    const char *zero = size ? memchr(data, 0, size) : NULL;
    mw_view page = MW_VIEW("");
    if (zero) {
        text.size = (size_t)(zero - text.data);
        page = (mw_view){zero + 1, size - text.size - 1};
    }
    /* the words stand in memory of exactly their size */
    char *copy = malloc(text.size ? text.size : 1);
    if (!copy)
        return 0;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    text.data = copy;
    if (alert_expr_read(text, &expr, &at, &err) == MW_OK) {
        alert_expr_is_condition(expr);
        for (int64_t now_ms = 1000; now_ms <= 3000; now_ms += 1000)
            evaluate(expr, page.size ? page : mw_view_of(usual), now_ms);
        alert_expr_free(expr);
    }
    check(at <= text.size);
    read_matchers(text);
    free(copy);
    return 0;
}
