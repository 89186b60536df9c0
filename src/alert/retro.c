/* What a rule would have said: the pages of the last hours, one behind the other, as if it had been
 * there. Between two pages a minute passes, where the engine looks twice a second: what held for
 * some seconds alone is not seen, and `for` is as exact as a minute. */
#include <stdlib.h>

#include "engine.h"

enum { ONES_MAX = 2000, FIRINGS_MAX = 200, NS_PER_MS = 1000000, BUDGET_MS = 20000 };

typedef struct retro_one {
    uint64_t hash; /* of its labels */
    alert_track track;
    bool holds;
    int64_t began_ms;
    ptrdiff_t firing; /* that goes on, or -1 */
} retro_one;

typedef struct retro_firing {
    mw_view labels;                          /* JSON, in the arena */
    int64_t began_ms, fired_ms, resolved_ms; /* resolved 0: fires at the end */
    double value;
} retro_firing;

typedef struct retro {
    alert_rule *rule;
    mw_view seen;         /* endpoints; absent: all */
    mw_arena *kept, page; /* page: of one of them */
    retro_one ones[ONES_MAX];
    size_t n_ones;
    retro_firing firings[FIRINGS_MAX];
    size_t n_firings, n_fired, n_pages;
    int64_t first_ms, last_ms, until_ns;
    mw_status status;
    mw_error *err;
} retro;

static retro_one *one_of(retro *r, const alert_element *element)
{
    for (size_t i = 0; i < r->n_ones; i++)
        if (r->ones[i].hash == element->hash)
            return &r->ones[i];
    if (r->n_ones == ONES_MAX)
        return NULL;
    r->ones[r->n_ones] = (retro_one){.hash = element->hash, .firing = -1};
    return &r->ones[r->n_ones++];
}

static void fire(retro *r, retro_one *one, const alert_element *element, int64_t now_ms)
{
    mw_buf labels;
    r->n_fired++;
    if (r->n_firings == FIRINGS_MAX)
        return;
    mw_buf_init(&labels, MW_MIB);
    alerts_put_labels(element->labels, &labels);
    const char *kept = mw_arena_text(r->kept, mw_buf_as_view(&labels));
    one->firing = (ptrdiff_t)r->n_firings;
    r->firings[r->n_firings++] = (retro_firing){
        {kept ? kept : "{}", kept ? labels.size : 2}, one->began_ms, now_ms, 0, element->value};
    mw_buf_done(&labels);
}

static bool has_hash(const alert_vector *vector, uint64_t hash)
{
    for (size_t i = 0; i < vector->count; i++)
        if (vector->items[i].hash == hash)
            return true;
    return false;
}

/* element: NULL where it does not hold. */
static void step(retro *r, retro_one *one, const alert_element *element,
                 const alert_vector *clearing, int64_t now_ms)
{
    bool clears = !element && (!r->rule->resolve_when || has_hash(clearing, one->hash));
    alert_event event = alert_track_step(&one->track, r->rule->for_ms, r->rule->keep_firing_ms,
                                         element != NULL, clears, now_ms);
    if (event == ALERT_BEGAN || (event == ALERT_FIRED && r->rule->for_ms == 0))
        one->began_ms = now_ms;
    if (event == ALERT_FIRED && element)
        fire(r, one, element, now_ms);
    if (event == ALERT_RESOLVED && one->firing >= 0) {
        r->firings[one->firing].resolved_ms = now_ms;
        one->firing = -1;
    }
}

static mw_status look(retro *r, int64_t at_ms, mw_view page, mw_error *err)
{
    alert_samples samples;
    alert_vector found = {.count = 0}, clearing = {.count = 0};
    mw_arena_reset(&r->page);
    MW_TRY(alert_samples_read(page, &r->page, &samples, err));
    alerts_keep_seen(r->seen, &samples);
    alert_moment moment = {&samples, at_ms, &r->page};
    MW_TRY(alert_expr_evaluate(r->rule->when, &moment, &found, err));
    if (r->rule->resolve_when)
        MW_TRY(alert_expr_evaluate(r->rule->resolve_when, &moment, &clearing, err));
    for (size_t i = 0; i < r->n_ones; i++)
        r->ones[i].holds = false;
    for (size_t i = 0; i < found.count; i++) {
        retro_one *one = one_of(r, &found.items[i]);
        if (!one)
            continue;
        one->holds = true;
        step(r, one, &found.items[i], &clearing, at_ms);
    }
    for (size_t i = 0; i < r->n_ones; i++)
        if (!r->ones[i].holds)
            step(r, &r->ones[i], NULL, &clearing, at_ms);
    return MW_OK;
}

static bool see(void *given, int64_t at_ms, mw_view page)
{
    retro *r = given;
    if (at_ms <= r->last_ms) /* a clock that was set back */
        return true;
    r->first_ms = r->n_pages == 0 ? at_ms : r->first_ms;
    r->last_ms = at_ms;
    r->n_pages++;
    r->status = look(r, at_ms, page, r->err);
    return r->status == MW_OK && (int64_t)mw_clock_ns() < r->until_ns;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void put_firing(const retro_firing *firing, mw_buf *out)
{
    mw_buf_text(out, "{\"labels\":");
    mw_buf_view(out, firing->labels);
    tell_time(out, "since", firing->began_ms);
    tell_time(out, "fired", firing->fired_ms);
    tell_time(out, "resolved", firing->resolved_ms);
    mw_buf_text(out, ",\"value\":");
    mw_json_write_double(out, firing->value);
    mw_buf_char(out, '}');
}

static void put_all(const retro *r, mw_buf *out)
{
    mw_buf_format(out, "{\"fired\":%zu,\"pages\":%zu", r->n_fired, r->n_pages);
    tell_time(out, "from", r->first_ms);
    tell_time(out, "to", r->last_ms);
    mw_buf_text(out, ",\"firings\":[");
    for (size_t i = r->n_firings; i-- > 0;) { /* the newest first */
        mw_buf_text(out, i + 1 < r->n_firings ? "," : "");
        put_firing(&r->firings[i], out);
    }
    mw_buf_text(out, "]}");
}

mw_status alerts_put_retro(const alert_past *past, alert_rule *rule, int64_t hours, mw_view seen,
                           mw_arena *arena, mw_buf *out, mw_error *err)
{
    retro *r = calloc(1, sizeof *r);
    if (!r)
        return mw_fail_memory(err, "what a rule would have said");
    r->rule = rule;
    r->seen = seen;
    r->kept = arena;
    r->err = err;
    r->until_ns = (int64_t)mw_clock_ns() + (int64_t)BUDGET_MS * NS_PER_MS;
    mw_arena_init(&r->page, 256 * MW_KIB, MW_LIMIT_ALERT_LOOK_BYTES);
    mw_status status = alert_past_read(past, mw_clock_wall_ms() - hours * 3600000, see, r, err);
    status = status == MW_OK ? r->status : status;
    if (status == MW_OK)
        put_all(r, out);
    mw_arena_done(&r->page);
    free(r);
    return status;
}
