/* What people and programs ask: lists, acknowledgements, silences, rules, tests. */
#include <stdlib.h>

#include "engine.h"

enum { LIST_USUAL = 100, LIST_MOST = 1000, ARENA_BYTES = 64 << 20, NS_PER_MS = 1000000 };

/* ---- lists ----------------------------------------------------------------------------------- */

typedef struct listing {
    mw_arena *arena;
    book_query query;
    book_alerts found;
    book_silences silences;
    int64_t total, now_ms;
    mw_view id;
} listing;

static mw_status read_list(mw_sql *session, void *given, mw_error *err)
{
    listing *l = given;
    MW_TRY(book_silences_of(session, l->now_ms, false, l->arena, &l->silences, err));
    if (l->id.data)
        return book_find(session, l->id, l->arena, &l->found, err);
    return book_list(session, &l->query, l->arena, &l->found, &l->total, err);
}

static mw_status mark_silenced(listing *l, mw_error *err)
{
    mw_status status = alerts_read_silences(&l->silences, l->arena, err);
    for (size_t i = 0; i < l->found.count && status == MW_OK; i++)
        l->found.items[i].is_silenced = alerts_is_silenced(&l->silences, l->found.items[i].labels);
    alerts_done_silences(&l->silences);
    return status;
}

static bool fits(mw_view wanted, mw_view is)
{
    return !wanted.data || mw_view_equal(wanted, is);
}

/* Pending ones are in nobody's book. */
static size_t put_pending(mw_alerts *alerts, const mw_alert_query *query, mw_buf *out)
{
    size_t n = 0;
    int64_t now_ms = (int64_t)(mw_clock_ns() / NS_PER_MS) + 1;
    pthread_mutex_lock(&alerts->lock);
    for (size_t i = 0; i < alerts->n_ones; i++) {
        const alert_one *one = alerts->ones[i];
        mw_view endpoint = alert_label_of(one->labels, MW_VIEW("endpoint"));
        if (one->track.state != ALERT_PENDING || !one->rule || !fits(query->endpoint, endpoint) ||
            !mw_view_lists(query->seen, endpoint) || !fits(query->rule, one->rule->name) ||
            !fits(query->severity, mw_view_of(alert_severities[one->rule->severity])))
            continue;
        mw_buf labels, details;
        mw_buf_init(&labels, MW_MIB);
        mw_buf_init(&details, MW_MIB);
        tell_labels(one->rule, alerts->config, one->labels, &labels);
        mw_buf_text(&details, "\"condition\":");
        mw_json_write_text(&details, one->rule->when_text);
        mw_buf_format(&details, ",\"fires_in_seconds\":%.1f",
                      (double)(one->rule->for_ms - (now_ms - one->track.since_ms)) / 1000);
        book_alert shown = {.fingerprint = mw_view_of(one->fingerprint),
                            .rule = one->rule->name,
                            .severity = mw_view_of(alert_severities[one->rule->severity]),
                            .endpoint = endpoint,
                            .since_ms = one->began_ms,
                            .value = one->value,
                            .labels = mw_buf_as_view(&labels),
                            .details = mw_buf_as_view(&details)};
        mw_buf_text(out, n++ ? ",\n" : "\n");
        tell_alert(&shown, out);
        mw_buf_done(&labels);
        mw_buf_done(&details);
    }
    pthread_mutex_unlock(&alerts->lock);
    return n;
}

static mw_status put_written(mw_alerts *alerts, listing *l, size_t n_before, mw_buf *out,
                             mw_error *err)
{
    MW_TRY(alerts_read(alerts, read_list, l, err));
    MW_TRY(mark_silenced(l, err));
    for (size_t i = 0; i < l->found.count; i++) {
        mw_buf_text(out, n_before++ ? ",\n" : "\n");
        tell_alert(&l->found.items[i], out);
    }
    return MW_OK;
}

mw_status mw_alerts_list(mw_alerts *alerts, const mw_alert_query *query, mw_buf *out, mw_error *err)
{
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, ARENA_BYTES);
    int64_t limit = query->limit <= 0          ? LIST_USUAL
                    : query->limit > LIST_MOST ? LIST_MOST
                                               : query->limit;
    bool any = !query->state.data;
    listing l = {.arena = &arena,
                 .query = {.endpoint = query->endpoint,
                           .rule = query->rule,
                           .severity = query->severity,
                           .seen = query->seen,
                           .limit = limit,
                           .before_seq = query->cursor,
                           .only_firing = !any && mw_view_is(query->state, "firing"),
                           .only_resolved = !any && mw_view_is(query->state, "resolved")},
                 .now_ms = mw_clock_wall_ms()};
    bool pending = (any || mw_view_is(query->state, "pending")) && query->cursor == 0;
    bool written = any || !mw_view_is(query->state, "pending");
    mw_buf_text(out, "{\"items\":[");
    size_t n_pending = pending ? put_pending(alerts, query, out) : 0;
    mw_status status = written ? put_written(alerts, &l, n_pending, out, err) : MW_OK;
    mw_buf_text(out, "],\"next_cursor\":");
    if (status == MW_OK && (int64_t)l.found.count == limit)
        mw_buf_format(out, "\"%lld\"", (long long)l.found.items[limit - 1].seq);
    else
        mw_buf_text(out, "null");
    mw_buf_format(out, ",\"total\":%lld}\n", (long long)(l.total + (int64_t)n_pending));
    mw_arena_done(&arena);
    return status;
}

static mw_status fail_unknown(const char *what, mw_view id, const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_ALERT_UNKNOWN, "there is no %s '%.*s'", what, MW_VIEW_ARG(id));
    return mw_mend(err, "%s", mend);
}

mw_status mw_alerts_show(mw_alerts *alerts, mw_view id, mw_view seen, mw_buf *out, mw_error *err)
{
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, ARENA_BYTES);
    listing l = {.arena = &arena, .id = id, .now_ms = mw_clock_wall_ms()};
    mw_status status = alerts_read(alerts, read_list, &l, err);
    if (status == MW_OK)
        status = mark_silenced(&l, err);
    if (status == MW_OK && (l.found.count == 0 || !mw_view_lists(seen, l.found.items[0].endpoint)))
        status = fail_unknown("alert", id, "GET /mw/v1/alerts lists them", err);
    if (status == MW_OK) {
        tell_alert(&l.found.items[0], out);
        mw_buf_char(out, '\n');
    }
    mw_arena_done(&arena);
    return status;
}

/* ---- acknowledgements ------------------------------------------------------------------------ */

typedef struct acknowledging {
    mw_arena arena;
    mw_view id, who, why;
} acknowledging;

static mw_status acknowledge(mw_sql *session, void *given, mw_error *err)
{
    acknowledging *a = given;
    book_alerts found;
    MW_TRY(book_find(session, a->id, &a->arena, &found, err));
    if (found.count == 0 || !found.items[0].is_firing)
        return fail_unknown("firing alert", a->id, "GET /mw/v1/alerts?state=firing lists them",
                            err);
    return book_acknowledge(session, found.items[0].seq, a->who, a->why, mw_clock_wall_ms(), err);
}

mw_status mw_alerts_acknowledge(mw_alerts *alerts, mw_view id, mw_view who, mw_view why,
                                mw_buf *out, mw_error *err)
{
    acknowledging a = {.id = id, .who = who, .why = why.data ? why : MW_VIEW("")};
    mw_arena_init(&a.arena, 64 * MW_KIB, ARENA_BYTES);
    mw_status status = alerts_write(alerts, acknowledge, &a, err);
    mw_arena_done(&a.arena);
    alerts_note_change(alerts);
    return status == MW_OK ? mw_alerts_show(alerts, id, (mw_view){NULL, 0}, out, err) : status;
}

/* ---- silences -------------------------------------------------------------------------------- */

static void put_text(mw_buf *out, const char *key, mw_view text)
{
    mw_buf_format(out, "\"%s\":", key);
    mw_json_write_text(out, text);
}

static void put_silence(const book_silence *s, int64_t now_ms, mw_buf *out)
{
    mw_buf_format(out, "{\"id\":%lld,\"active\":%s,", (long long)s->id,
                  s->until_ms > now_ms ? "true" : "false");
    put_text(out, "match", s->match);
    mw_buf_text(out, ",\"from\":\"");
    mw_clock_write_utc(out, s->from_ms);
    mw_buf_text(out, "\",\"until\":\"");
    mw_clock_write_utc(out, s->until_ms);
    mw_buf_text(out, "\",");
    put_text(out, "by", s->who);
    mw_buf_char(out, ',');
    put_text(out, "why", s->why);
    mw_buf_char(out, '}');
}

static mw_status check_silence(const mw_silence *silence, int64_t now_ms, mw_error *err)
{
    mw_arena arena;
    expr_matchers matchers;
    size_t at;
    if (silence->until_ms <= now_ms || silence->until_ms - now_ms > MW_LIMIT_ALERT_SILENCE_MS) {
        mw_fail(err, MW_E_ALERT_SILENCE, "a silence ends between now and a year from now");
        return mw_mend(err, "give it an end: 2h, 3d, or 2027-01-31T12:00:00Z");
    }
    mw_arena_init(&arena, MW_KIB, MW_MIB);
    mw_status status = alert_matchers_read(silence->match, &arena, &matchers, &at, err);
    size_t n = status == MW_OK ? matchers.count : 1;
    if (status == MW_OK)
        alert_matchers_done(&matchers);
    else
        mw_at(err, "match:1:%zu", at + 1);
    mw_arena_done(&arena);
    if (n > 0)
        return status;
    mw_fail(err, MW_E_ALERT_SILENCE, "a silence of everything is too much");
    return mw_mend(err, "name what it is of: endpoint=\"churn\", alertname=~\"Input.*\"");
}

typedef struct silencing {
    book_silence silence;
    bool was;
} silencing;

static mw_status put_into_book(mw_sql *session, void *given, mw_error *err)
{
    silencing *s = given;
    return book_silence_put(session, &s->silence, &s->silence.id, err);
}

mw_status mw_alerts_silence(mw_alerts *alerts, const mw_silence *silence, mw_buf *out,
                            mw_error *err)
{
    int64_t now_ms = mw_clock_wall_ms();
    silencing s = {.silence = {.from_ms = now_ms,
                               .until_ms = silence->until_ms,
                               .match = silence->match,
                               .who = silence->who,
                               .why = silence->why.data ? silence->why : MW_VIEW("")}};
    MW_TRY(check_silence(silence, now_ms, err));
    MW_TRY(alerts_write(alerts, put_into_book, &s, err));
    alerts_note_change(alerts);
    put_silence(&s.silence, now_ms, out);
    mw_buf_char(out, '\n');
    return MW_OK;
}

static mw_status end_in_book(mw_sql *session, void *given, mw_error *err)
{
    silencing *s = given;
    return book_silence_end(session, s->silence.id, mw_clock_wall_ms(), &s->was, err);
}

mw_status mw_alerts_unsilence(mw_alerts *alerts, mw_view id, mw_view who, mw_buf *out,
                              mw_error *err)
{
    uint64_t number = 0;
    silencing s = {.was = false};
    (void)who; /* the audit knows */
    if (mw_whole_parse(id, &number) && number <= INT64_MAX) {
        s.silence.id = (int64_t)number;
        MW_TRY(alerts_write(alerts, end_in_book, &s, err));
    }
    if (!s.was)
        return fail_unknown("silence that holds of number", id, "GET /mw/v1/silences lists them",
                            err);
    alerts_note_change(alerts);
    mw_buf_format(out, "{\"ended\":%llu}\n", (unsigned long long)number);
    return MW_OK;
}

static mw_status read_silences(mw_sql *session, void *given, mw_error *err)
{
    listing *l = given;
    return book_silences_of(session, l->now_ms, true, l->arena, &l->silences, err);
}

static mw_view seen_by(const mw_alert_viewer *viewer)
{
    return viewer ? viewer->seen : (mw_view){NULL, 0};
}

static size_t put_silences(const listing *l, mw_view seen, mw_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < l->silences.count; i++) {
        const book_silence *silence = &l->silences.items[i];
        if (!alerts_concern(seen, &silence->matchers))
            continue;
        mw_buf_text(out, n++ ? ",\n" : "\n");
        put_silence(silence, l->now_ms, out);
    }
    return n;
}

mw_status mw_alerts_silences(mw_alerts *alerts, const mw_alert_viewer *viewer, mw_buf *out,
                             mw_error *err)
{
    size_t n = 0;
    mw_arena arena;
    mw_arena_init(&arena, 64 * MW_KIB, ARENA_BYTES);
    listing l = {.arena = &arena, .now_ms = mw_clock_wall_ms()};
    mw_status status = alerts_read(alerts, read_silences, &l, err);
    if (status == MW_OK)
        status = alerts_read_silences(&l.silences, &arena, err);
    mw_buf_text(out, "{\"items\":[");
    if (status == MW_OK)
        n = put_silences(&l, seen_by(viewer), out);
    mw_buf_format(out, "],\"next_cursor\":null,\"total\":%zu}\n", n);
    alerts_done_silences(&l.silences);
    mw_arena_done(&arena);
    return status;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void put_rule(const alert_rule *rule, mw_buf *out)
{
    alert_rule_write(rule, out);
    out->data[--out->size] = '\0'; /* its brace */
    mw_buf_format(out, ",\"origin\":\"%s\"}", alert_origins[rule->origin]);
}

mw_status mw_alerts_rules(mw_alerts *alerts, const mw_alert_viewer *viewer, mw_buf *out,
                          mw_error *err)
{
    size_t n = 0;
    mw_buf_text(out, "{\"items\":[");
    pthread_mutex_lock(&alerts->lock);
    for (const alert_rule *rule = alerts->rules; rule; rule = rule->next) {
        if (!alerts_rule_concerns(seen_by(viewer), rule))
            continue;
        mw_buf_text(out, n++ ? ",\n" : "\n");
        put_rule(rule, out);
    }
    pthread_mutex_unlock(&alerts->lock);
    mw_buf_format(out, "],\"next_cursor\":null,\"total\":%zu}\n", n);
    return out->failed ? mw_fail_memory(err, "the rules") : MW_OK;
}

typedef struct ruling {
    mw_view name, text;
    bool was;
} ruling;

static mw_status put_rule_into_book(mw_sql *session, void *given, mw_error *err)
{
    const ruling *r = given;
    return book_rule_put(session, r->name, r->text, err);
}

static size_t count_rules(const mw_alerts *alerts)
{
    size_t n = 0;
    for (const alert_rule *rule = alerts->rules; rule; rule = rule->next)
        n++;
    return n;
}

/* Under the lock, so that two of a name come into the book in the order in which they hold. */
static mw_status keep_rule(mw_alerts *alerts, alert_rule *rule, mw_buf *out, mw_error *err)
{
    mw_buf text;
    if (count_rules(alerts) >= MW_LIMIT_ALERT_RULES)
        return mw_fail(err, MW_E_ALERT_LIMIT, "there are %d rules already", MW_LIMIT_ALERT_RULES);
    mw_buf_init(&text, MW_MIB);
    alert_rule_write(rule, &text);
    mw_status status = alerts_write(alerts, put_rule_into_book,
                                    &(ruling){rule->name, mw_buf_as_view(&text), false}, err);
    mw_buf_done(&text);
    if (status != MW_OK)
        return status;
    rule->origin = ALERT_FROM_API;
    put_rule(rule, out);
    mw_buf_char(out, '\n');
    alerts_put_rule(alerts, rule);
    return MW_OK;
}

mw_status mw_alerts_put_rule(mw_alerts *alerts, mw_view text, mw_buf *out, mw_error *err)
{
    alert_rule *rule;
    MW_TRY(alerts_read_rule(text, &rule, err));
    pthread_mutex_lock(&alerts->lock);
    mw_status status = keep_rule(alerts, rule, out, err);
    pthread_mutex_unlock(&alerts->lock);
    alerts_note_change(alerts);
    if (status != MW_OK)
        alert_rule_free(rule);
    return status;
}

static mw_status remove_from_book(mw_sql *session, void *given, mw_error *err)
{
    ruling *r = given;
    return book_rule_remove(session, r->name, &r->was, err);
}

mw_status mw_alerts_remove_rule(mw_alerts *alerts, mw_view name, mw_buf *out, mw_error *err)
{
    ruling r = {.name = name};
    pthread_mutex_lock(&alerts->lock);
    mw_status status = alerts_write(alerts, remove_from_book, &r, err);
    if (status == MW_OK && r.was)
        status = alerts_drop_rule(alerts, name, err);
    pthread_mutex_unlock(&alerts->lock);
    if (status == MW_OK && !r.was)
        return fail_unknown("rule of the API", name,
                            "built-in rules and those of the file are switched off by "
                            "'enabled: false'",
                            err);
    alerts_note_change(alerts);
    mw_buf_text(out, "{\"removed\":");
    mw_json_write_text(out, name);
    mw_buf_text(out, "}\n");
    return status;
}

void alerts_put_labels(alert_labels labels, mw_buf *out)
{
    mw_buf_char(out, '{');
    for (size_t l = 0; l < labels.count; l++) {
        mw_buf_text(out, l ? "," : "");
        mw_json_write_text(out, labels.items[l].name);
        mw_buf_char(out, ':');
        mw_json_write_text(out, labels.items[l].value);
    }
    mw_buf_char(out, '}');
}

static void put_elements(const alert_vector *found, mw_buf *out)
{
    for (size_t i = 0; i < found->count && i < LIST_MOST; i++) {
        const alert_element *one = &found->items[i];
        mw_buf_text(out, i ? ",\n{\"labels\":" : "\n{\"labels\":");
        alerts_put_labels(one->labels, out);
        mw_buf_text(out, ",\"value\":");
        mw_json_write_double(out, one->value);
        mw_buf_char(out, '}');
    }
}

static mw_status try_now(mw_alerts *alerts, alert_rule *rule, mw_view seen, mw_arena *arena,
                         mw_buf *out, mw_error *err)
{
    mw_buf page;
    alert_samples samples;
    alert_vector found = {.count = 0};
    mw_buf_init(&page, MW_LIMIT_ALERT_PAGE_BYTES);
    alerts->options.scrape(alerts->options.user, &page);
    mw_status status = alert_samples_read(mw_buf_as_view(&page), arena, &samples, err);
    if (status == MW_OK)
        alerts_keep_seen(seen, &samples);
    alert_moment moment = {&samples, (int64_t)(mw_clock_ns() / NS_PER_MS) + 1, arena};
    if (status == MW_OK && rule->when)
        status = alert_expr_evaluate(rule->when, &moment, &found, err);
    if (status == MW_OK) {
        mw_buf_text(out, "{\"holds_for\":[");
        put_elements(&found, out);
        mw_buf_format(out, "],\"total\":%zu", found.count);
    }
    mw_buf_done(&page);
    return status;
}

/* The windows of the rule have seen this moment: the past is looked at by another reading of it. */
static mw_status try_past(const mw_alerts *alerts, mw_view text, int64_t hours, mw_view seen,
                          mw_arena *arena, mw_buf *out, mw_error *err)
{
    alert_rule *rule;
    if (hours == 0 || !alerts->past)
        return MW_OK;
    MW_TRY(alerts_read_rule(text, &rule, err));
    mw_buf_text(out, ",\"past\":");
    mw_status status = alerts_put_retro(alerts->past, rule, hours, seen, arena, out, err);
    alert_rule_free(rule);
    return status;
}

mw_status mw_alerts_try_rule(mw_alerts *alerts, mw_view text, int64_t hours,
                             const mw_alert_viewer *viewer, mw_buf *out, mw_error *err)
{
    mw_view seen = seen_by(viewer);
    mw_arena arena;
    alert_rule *rule;
    MW_TRY(alerts_read_rule(text, &rule, err));
    mw_arena_init(&arena, 64 * MW_KIB, MW_LIMIT_ALERT_LOOK_BYTES);
    mw_status status = try_now(alerts, rule, seen, &arena, out, err);
    if (status == MW_OK)
        status = try_past(alerts, text, hours, seen, &arena, out, err);
    mw_buf_text(out, "}\n");
    mw_arena_done(&arena);
    alert_rule_free(rule);
    return status;
}

/* ---- receivers ------------------------------------------------------------------------------- */

static void put_receiver(const alert_courier *c, const mw_alert_viewer *viewer, mw_buf *out)
{
    char mark[ALERT_MARK_BYTES];
    bool hides = viewer && viewer->hides_addresses && c->last_error[0];
    alert_receiver_mark(c->receiver, mark);
    mw_buf_char(out, '{');
    put_text(out, "name", c->receiver->name);
    mw_buf_format(out,
                  ",\"kind\":\"%s\",\"origin\":\"%s\",\"mark\":\"%s\",\"delivered\":%llu,"
                  "\"failed\":%llu,\"waiting\":%lld,"
                  "\"last_delivered\":",
                  alert_kinds[c->receiver->kind], c->own ? "api" : "file", mark,
                  (unsigned long long)c->n_delivered, (unsigned long long)c->n_failed,
                  (long long)c->waiting);
    if (c->last_ok_ms > 0) {
        mw_buf_char(out, '"');
        mw_clock_write_utc(out, c->last_ok_ms);
        mw_buf_text(out, "\",");
    } else {
        mw_buf_text(out, "null,");
    }
    put_text(out, "last_error",
             hides ? MW_VIEW("it does not take them; who may deploy everything sees why")
                   : mw_view_of(c->last_error));
    mw_buf_char(out, '}');
}

mw_status mw_alerts_receivers(mw_alerts *alerts, const mw_alert_viewer *viewer, mw_buf *out,
                              mw_error *err)
{
    size_t n = 0;
    mw_buf_text(out, "{\"items\":[");
    pthread_mutex_lock(&alerts->lock);
    for (size_t i = 0; i < alerts->n_couriers; i++) {
        const alert_courier *courier = alerts->couriers[i];
        if (!alerts_concern(seen_by(viewer), &courier->receiver->match))
            continue;
        mw_buf_text(out, n++ ? ",\n" : "\n");
        put_receiver(courier, viewer, out);
    }
    pthread_mutex_unlock(&alerts->lock);
    mw_buf_format(out, "],\"next_cursor\":null,\"total\":%zu}\n", n);
    return out->failed ? mw_fail_memory(err, "the receivers") : MW_OK;
}

typedef struct test {
    mw_alerts *alerts;
    mw_view receiver, who;
    size_t n;
} test;

static mw_status post_test(mw_sql *session, void *given, mw_error *err)
{
    test *t = given;
    mw_buf details, key;
    mw_status status = MW_OK;
    int64_t now_ms = mw_clock_wall_ms();
    mw_buf_init(&details, MW_MIB);
    mw_buf_init(&key, MW_KIB);
    mw_buf_text(&details, "\"summary\":\"a test of the way to this receiver; nothing is wrong\","
                          "\"how_sure\":{\"text\":\"asked for by ");
    for (size_t i = 0; i < t->who.size; i++)
        mw_buf_char(&details, (unsigned char)t->who.data[i] < ' ' || strchr("\"\\", t->who.data[i])
                                  ? '_'
                                  : t->who.data[i]);
    mw_buf_text(&details, "\"},\"evidence\":[],\"what_to_do\":\"nothing\",\"runbook\":\"\","
                          "\"links\":{\"page\":");
    mw_json_write_text(&details, mw_view_of(t->alerts->url));
    mw_buf_char(&details, '}');
    book_alert alert = {.fingerprint = MW_VIEW("0000000000000000"),
                        .rule = MW_VIEW("MillwrightTest"),
                        .severity = MW_VIEW("info"),
                        .endpoint = MW_VIEW(""),
                        .is_firing = true,
                        .since_ms = now_ms,
                        .fired_ms = now_ms,
                        .labels = MW_VIEW("{\"alertname\":\"MillwrightTest\","
                                          "\"severity\":\"info\"}"),
                        .details = mw_buf_as_view(&details)};
    const book_alert *alerts[] = {&alert};
    for (size_t i = 0; i < t->alerts->n_couriers && status == MW_OK; i++) {
        const alert_receiver *receiver = t->alerts->couriers[i]->receiver;
        if (!fits(t->receiver, receiver->name))
            continue;
        mw_buf_reset(&key);
        mw_buf_format(&key, "test-%lld-%zu", (long long)mw_clock_wall_ns(), i);
        tell_notice notice = {.receiver = receiver,
                              .group = MW_VIEW("test"),
                              .key = mw_buf_as_view(&key),
                              .url = mw_view_of(t->alerts->url),
                              .alerts = alerts,
                              .n_alerts = 1,
                              .now_ms = now_ms,
                              .is_test = true};
        status = alerts_post(session, t->alerts, &notice, err);
        t->n++;
    }
    mw_buf_done(&details);
    mw_buf_done(&key);
    return status;
}

mw_status mw_alerts_test(mw_alerts *alerts, mw_view receiver, mw_view who, mw_buf *out,
                         mw_error *err)
{
    test t = {.alerts = alerts, .receiver = receiver, .who = who};
    pthread_mutex_lock(&alerts->lock); /* receivers stay who they are */
    mw_status posted = alerts_write(alerts, post_test, &t, err);
    pthread_mutex_unlock(&alerts->lock);
    MW_TRY(posted);
    if (t.n == 0)
        return fail_unknown("receiver", receiver.data ? receiver : MW_VIEW("at all"),
                            "name one under 'alerts: receivers:' in millwright.yaml", err);
    pthread_mutex_lock(&alerts->lock);
    alerts_wake_couriers(alerts);
    pthread_mutex_unlock(&alerts->lock);
    mw_buf_format(out, "{\"posted\":%zu}\n", t.n);
    return MW_OK;
}
