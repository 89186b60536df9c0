/* The engine: each half second a look at the samples, and what follows from it. */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    LOOK_MS = 500,
    PASS_MS = 1000,  /* over the book, when nothing happened */
    HOLD_MS = 15000, /* "it still fires" */
    TIDY_MS = 60000,
    NS_PER_MS = 1000000
};

void alerts_note_change(mw_alerts *alerts)
{
    atomic_fetch_add(&alerts->revision, 1);
}

uint64_t mw_alerts_revision(const mw_alerts *alerts)
{
    return atomic_load(&alerts->revision);
}

/* ---- alerts in memory ------------------------------------------------------------------------ */

static size_t labels_bytes(alert_labels labels)
{
    size_t bytes = labels.count * sizeof *labels.items;
    for (size_t i = 0; i < labels.count; i++)
        bytes += labels.items[i].name.size + labels.items[i].value.size;
    return bytes;
}

static mw_view copy_view(char **at, mw_view from)
{
    mw_view copy = {*at, from.size};
    if (from.size > 0)
        memcpy(*at, from.data, from.size);
    *at += from.size;
    return copy;
}

/* 64 bits of SHA-256 over the labels as JSON: the same on every server. */
static void write_fingerprint(const mw_alerts *alerts, const alert_rule *rule, alert_labels labels,
                              char fingerprint[ALERT_FINGERPRINT_BYTES])
{
    mw_buf text;
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_buf_init(&text, MW_MIB);
    tell_labels(rule, alerts->config, labels, &text);
    mw_digest_of(mw_buf_as_view(&text), digest);
    snprintf(fingerprint, ALERT_FINGERPRINT_BYTES, "%.16s", digest);
    mw_buf_done(&text);
}

static alert_one *new_one(const mw_alerts *alerts, alert_rule *rule, const alert_element *element)
{
    alert_one *one = calloc(1, sizeof *one + labels_bytes(element->labels));
    if (!one)
        return NULL;
    alert_label *items = (alert_label *)(one + 1);
    char *at = (char *)(items + element->labels.count);
    for (size_t i = 0; i < element->labels.count; i++) {
        items[i].name = copy_view(&at, element->labels.items[i].name);
        items[i].value = copy_view(&at, element->labels.items[i].value);
    }
    one->rule = rule;
    one->labels = (alert_labels){items, element->labels.count};
    one->hash = element->hash;
    write_fingerprint(alerts, rule, one->labels, one->fingerprint);
    return one;
}

static alert_one *find_one(const mw_alerts *alerts, const alert_rule *rule,
                           const alert_element *element)
{
    for (size_t i = 0; i < alerts->n_ones; i++) {
        alert_one *one = alerts->ones[i];
        if (one->rule == rule && one->hash == element->hash &&
            alert_labels_equal(one->labels, element->labels))
            return one;
    }
    return NULL;
}

static mw_status add_one(mw_alerts *alerts, alert_rule *rule, const alert_element *element,
                         alert_one **ret_one, mw_error *err)
{
    if (alerts->n_ones == MW_LIMIT_ALERTS) {
        mw_fail(err, MW_E_ALERT_LIMIT, "%d alerts at once", MW_LIMIT_ALERTS);
        mw_at(err, "rule %.*s", MW_VIEW_ARG(rule->name));
        return mw_mend(err, "let rules gather: max by (endpoint) (...)");
    }
    if (alerts->n_ones == alerts->room) {
        size_t room = alerts->room ? alerts->room * 2 : 16;
        alert_one **grown = realloc(alerts->ones, room * sizeof(alert_one *));
        if (!grown)
            return mw_fail_memory(err, "the alerts");
        alerts->ones = grown;
        alerts->room = room;
    }
    *ret_one = new_one(alerts, rule, element);
    if (!*ret_one)
        return mw_fail_memory(err, "the alerts");
    alerts->ones[alerts->n_ones++] = *ret_one;
    return MW_OK;
}

/* ---- one rule -------------------------------------------------------------------------------- */

static bool holds_for(const alert_vector *vector, const alert_one *one)
{
    for (size_t i = 0; i < vector->count; i++)
        if (vector->items[i].hash == one->hash &&
            alert_labels_equal(vector->items[i].labels, one->labels))
            return true;
    return false;
}

/* Nothing that is measured has the alert's labels any more: an endpoint that is gone. */
static bool is_gone(const alert_moment *moment, const alert_one *one)
{
    for (size_t i = 0; i < moment->samples->count; i++) {
        size_t l = 0;
        alert_labels labels = moment->samples->items[i].labels;
        while (l < one->labels.count &&
               mw_view_equal(alert_label_of(labels, one->labels.items[l].name),
                             one->labels.items[l].value))
            l++;
        if (l == one->labels.count)
            return false;
    }
    return true;
}

static void step_one(mw_alerts *alerts, alert_one *one, const alert_moment *moment,
                     const alert_vector *clearing, int64_t wall_ms)
{
    const alert_rule *rule = one->rule;
    bool fires = one->track.state == ALERT_FIRING;
    one->was_gone = fires && !one->holds && is_gone(moment, one);
    bool clears = !one->holds &&
                  (!rule->resolve_when || one->was_gone || (fires && holds_for(clearing, one)));
    alert_event event = alert_track_step(&one->track, rule->for_ms, rule->keep_firing_ms,
                                         one->holds, clears, moment->now_ms);
    if (event != ALERT_NOTHING)
        alerts_note_change(alerts);
    if (event == ALERT_BEGAN || (event == ALERT_FIRED && rule->for_ms == 0))
        one->began_ms = wall_ms;
}

static mw_status look_at_rule(mw_alerts *alerts, alert_rule *rule, const alert_moment *moment,
                              int64_t wall_ms, mw_error *err)
{
    alert_vector found, clearing = {.count = 0};
    MW_TRY(alert_expr_evaluate(rule->when, moment, &found, err));
    if (rule->resolve_when)
        MW_TRY(alert_expr_evaluate(rule->resolve_when, moment, &clearing, err));
    for (size_t i = 0; i < found.count; i++) {
        alert_one *one = find_one(alerts, rule, &found.items[i]);
        if (!one)
            MW_TRY(add_one(alerts, rule, &found.items[i], &one, err));
        one->holds = true;
        one->value = found.items[i].value;
    }
    for (size_t i = 0; i < alerts->n_ones; i++)
        if (alerts->ones[i]->rule == rule)
            step_one(alerts, alerts->ones[i], moment, &clearing, wall_ms);
    return MW_OK;
}

static void end_ones_without_rule(mw_alerts *alerts)
{
    for (size_t i = 0; i < alerts->n_ones; i++) {
        alert_one *one = alerts->ones[i];
        one->holds = false;
        if (!one->rule || one->rule->is_disabled)
            one->track = (alert_track){ALERT_NONE, 0, 0};
    }
}

static mw_status look_at_rules(mw_alerts *alerts, const alert_moment *moment, int64_t wall_ms,
                               mw_error *err)
{
    mw_status worst = MW_OK;
    end_ones_without_rule(alerts);
    for (alert_rule *rule = alerts->rules; rule; rule = rule->next) {
        mw_error why;
        if (rule->is_disabled || look_at_rule(alerts, rule, moment, wall_ms, &why) == MW_OK)
            continue;
        *err = why; /* the others still hold */
        worst = mw_at(err, "rule %.*s", MW_VIEW_ARG(rule->name));
    }
    return worst;
}

/* ---- writing down ---------------------------------------------------------------------------- */

static mw_view keep_text(mw_arena *arena, mw_buf *text)
{
    const char *kept = text->failed ? NULL : mw_arena_text(arena, mw_buf_as_view(text));
    mw_view view = {kept, kept ? text->size : 0};
    mw_buf_reset(text);
    return view;
}

static bool describe(const mw_alerts *alerts, const alert_one *one, const alert_moment *moment,
                     int64_t wall_ms, book_alert *ret_alert)
{
    mw_buf text;
    int64_t held_ms = one->track.since_ms ? moment->now_ms - one->track.since_ms : 0;
    tell_finding finding = {one->rule,
                            alerts->config,
                            moment->samples,
                            one->labels,
                            one->value,
                            held_ms,
                            wall_ms,
                            mw_view_of(alerts->url),
                            mw_view_of(one->fingerprint)};
    mw_buf_init(&text, MW_MIB);
    *ret_alert = (book_alert){.fingerprint = mw_view_of(one->fingerprint),
                              .rule = one->rule->name,
                              .severity = mw_view_of(alert_severities[one->rule->severity]),
                              .endpoint = alert_label_of(one->labels, MW_VIEW("endpoint")),
                              .is_firing = one->track.state == ALERT_FIRING,
                              .fired_ms = wall_ms,
                              .value = one->value};
    tell_labels(one->rule, alerts->config, one->labels, &text);
    ret_alert->labels = keep_text(moment->arena, &text);
    tell_details(&finding, &text, &ret_alert->since_ms);
    ret_alert->details = keep_text(moment->arena, &text);
    mw_buf_done(&text);
    return ret_alert->labels.data && ret_alert->details.data;
}

static const char *why_ended(const alert_one *one)
{
    if (!one->rule)
        return "its rule was changed or removed";
    if (one->rule->is_disabled)
        return "its rule was switched off";
    return one->was_gone ? "what it is about is not measured any more"
                         : "the condition does not hold any more";
}

typedef struct gathering {
    mw_alerts *alerts;
    const alert_moment *moment;
} gathering;

static mw_status gather_changes(void *given, alert_changes *changes, mw_error *err)
{
    const mw_alerts *alerts = ((gathering *)given)->alerts;
    const alert_moment *moment = ((gathering *)given)->moment;
    size_t room = alerts->n_ones;
    book_alert **lists[] = {&changes->fired, &changes->released, &changes->held};
    for (size_t i = 0; i < MW_COUNT(lists); i++)
        if (!(*lists[i] = mw_arena_take_zeroed(moment->arena, room, sizeof(book_alert))))
            return mw_fail_memory(err, "the alerts");
    for (size_t i = 0; i < room; i++) {
        const alert_one *one = alerts->ones[i];
        bool fires = one->track.state == ALERT_FIRING;
        bool is_written = one->is_written && !changes->begins;
        book_alert *to = NULL;
        if (fires && (!is_written || changes->holds))
            to = is_written ? &changes->held[changes->n_held++]
                            : &changes->fired[changes->n_fired++];
        if (to && !describe(alerts, one, moment, changes->now_ms, to))
            return mw_fail_memory(err, "the alerts");
        if (!fires && is_written)
            changes->released[changes->n_released++] = (book_alert){
                .fingerprint = mw_view_of(one->fingerprint), .ended = mw_view_of(why_ended(one))};
    }
    return MW_OK;
}

/* Behind a transaction: what fires is written, what does not is forgotten. */
static void settle(mw_alerts *alerts)
{
    size_t n = 0;
    for (size_t i = 0; i < alerts->n_ones; i++) {
        alert_one *one = alerts->ones[i];
        one->is_written = one->track.state == ALERT_FIRING;
        if (one->track.state == ALERT_NONE)
            free(one);
        else
            alerts->ones[n++] = one;
    }
    alerts->n_ones = n;
}

static void say_changes(const alert_changes *changes)
{
    for (size_t i = 0; i < changes->n_fired; i++)
        mw_log(MW_LOG_WARN, "alert %.*s fires: %.*s", MW_VIEW_ARG(changes->fired[i].rule),
               MW_VIEW_ARG(changes->fired[i].labels));
    for (size_t i = 0; i < changes->n_released; i++)
        mw_log(MW_LOG_INFO, "alert %.*s ended: %.*s", MW_VIEW_ARG(changes->released[i].fingerprint),
               MW_VIEW_ARG(changes->released[i].ended));
}

typedef struct post_counts {
    mw_alerts *alerts;
    mw_arena *arena;
    bool has_news; /* another server has left something, perhaps */
} post_counts;

static mw_status count_posts(mw_sql *session, void *given, mw_error *err)
{
    post_counts *c = given;
    for (size_t i = 0; i < c->alerts->n_couriers; i++) {
        book_post_count count;
        alert_courier *courier = c->alerts->couriers[i];
        MW_TRY(book_count_post(session, courier->receiver->name, c->arena, &count, err));
        c->has_news = c->has_news || count.waiting > courier->waiting;
        courier->waiting = count.waiting;
        courier->oldest_ms = count.oldest_ms;
    }
    return MW_OK;
}

void alerts_wake_couriers(mw_alerts *alerts)
{
    for (size_t i = 0; i < alerts->n_couriers; i++)
        alerts->couriers[i]->is_awake = true;
    pthread_cond_broadcast(&alerts->wakes);
}

static bool has_changes(const mw_alerts *alerts)
{
    for (size_t i = 0; i < alerts->n_ones; i++)
        if (alerts->ones[i]->is_written != (alerts->ones[i]->track.state == ALERT_FIRING))
            return true;
    return false;
}

static void drop_unwritten(mw_alerts *alerts)
{
    size_t n = 0;
    for (size_t i = 0; i < alerts->n_ones; i++) {
        alert_one *one = alerts->ones[i];
        if (one->track.state == ALERT_NONE && !one->is_written)
            free(one);
        else
            alerts->ones[n++] = one;
    }
    alerts->n_ones = n;
}

static mw_status write_changes(mw_alerts *alerts, const alert_moment *moment, int64_t wall_ms,
                               mw_error *err)
{
    bool holds = moment->now_ms - alerts->held_ms >= HOLD_MS;
    bool tidies = moment->now_ms - alerts->tidied_ms >= TIDY_MS;
    alert_changes changes = {.alerts = alerts,
                             .arena = moment->arena,
                             .now_ms = wall_ms,
                             .holds = holds,
                             .buries = holds,
                             .tidies = tidies};
    drop_unwritten(alerts);
    if (!has_changes(alerts) && moment->now_ms - alerts->passed_ms < PASS_MS)
        return MW_OK;
    MW_TRY(alerts_write_changes(alerts, gather_changes, &(gathering){alerts, moment}, &changes,
                                moment->now_ms, err));
    if (!changes.begins)
        say_changes(&changes);
    settle(alerts);
    bool has_changed = changes.n_fired + changes.n_released + changes.n_held + changes.n_posted > 0;
    if (has_changed)
        alerts_note_change(alerts);
    alerts->passed_ms = moment->now_ms;
    alerts->held_ms = holds ? moment->now_ms : alerts->held_ms;
    alerts->tidied_ms = tidies ? moment->now_ms : alerts->tidied_ms;
    if (changes.n_posted > 0)
        alerts_wake_couriers(alerts);
    MW_TRY(alerts_follow(alerts, moment->arena, has_changed, moment->now_ms, err));
    post_counts counts = {alerts, moment->arena, false};
    MW_TRY(alerts_read(alerts, count_posts, &counts, err));
    if (counts.has_news)
        alerts_wake_couriers(alerts);
    return MW_OK;
}

/* ---- a look ---------------------------------------------------------------------------------- */

static void look_at_disk(mw_alerts *alerts)
{
    struct statvfs disk;
    if (statvfs(alerts->folder, &disk) != 0)
        return;
    alerts->disk_free = (double)disk.f_bavail * (double)disk.f_frsize;
    alerts->disk_size = (double)disk.f_blocks * (double)disk.f_frsize;
    alerts_keep_ballast(alerts);
}

static mw_status look(mw_alerts *alerts, mw_error *err)
{
    alert_samples samples;
    uint64_t began_ns = mw_clock_ns();
    int64_t wall_ms = mw_clock_wall_ms();
    look_at_disk(alerts);
    alerts_part_from_leaving(alerts, false);
    mw_arena_reset(&alerts->arena);
    MW_TRY(alert_samples_read(mw_buf_as_view(&alerts->page), &alerts->arena, &samples, err));
    alert_moment moment = {&samples, (int64_t)(began_ns / NS_PER_MS) + 1, &alerts->arena};
    mw_status judged = look_at_rules(alerts, &moment, wall_ms, err);
    MW_TRY(write_changes(alerts, &moment, wall_ms, err));
    alerts->n_looks++;
    alerts->look_ns += mw_clock_ns() - began_ns;
    return judged;
}

static void say_trouble(mw_alerts *alerts, mw_status status, const mw_error *err)
{
    if (status != MW_OK && !alerts->is_troubled)
        mw_log_error(MW_LOG_ERROR, "rules for alerts cannot be judged", err);
    if (status == MW_OK && alerts->is_troubled)
        mw_log(MW_LOG_INFO, "rules for alerts are judged again");
    alerts->is_troubled = status != MW_OK;
    alerts->n_failed_looks += status != MW_OK;
}

mw_status mw_alerts_look(mw_alerts *alerts, mw_error *err)
{
    mw_buf_reset(&alerts->page); /* only ever touched by who looks */
    alerts->options.scrape(alerts->options.user, &alerts->page);
    pthread_mutex_lock(&alerts->lock);
    mw_status status = alerts->page.failed ? mw_fail_memory(err, "the metrics") : look(alerts, err);
    say_trouble(alerts, status, err);
    alerts_write_metrics(alerts);
    pthread_mutex_unlock(&alerts->lock);
    if (alerts->past && !alerts->page.failed) /* nobody waits for the disk */
        alert_past_put(alerts->past, mw_clock_wall_ms(), mw_buf_as_view(&alerts->page));
    return status;
}

static void *run(void *given)
{
    mw_alerts *alerts = given;
    mw_thread_give_way();
    pthread_mutex_lock(&alerts->lock);
    while (!alerts->is_ending) {
        mw_error err;
        pthread_mutex_unlock(&alerts->lock);
        mw_status status = mw_alerts_look(alerts, &err);
        (void)status; /* said in the log */
        struct timespec until = mw_moment_in(LOOK_MS);
        pthread_mutex_lock(&alerts->lock);
        while (!alerts->is_ending &&
               pthread_cond_timedwait(&alerts->wakes, &alerts->lock, &until) != ETIMEDOUT)
            continue;
    }
    pthread_mutex_unlock(&alerts->lock);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static mw_status open_store(mw_alerts *alerts, mw_error *err)
{
    mw_buf path;
    if (mkdir(alerts->folder, 0777) != 0 && errno != EEXIST) {
        mw_fail_errno(err, "make the folder", errno);
        return mw_at(err, "%s", alerts->folder);
    }
    mw_buf_init(&path, 8 * MW_KIB);
    mw_buf_format(&path, "%s/alerts.db", alerts->folder);
    mw_status status = path.failed ? mw_fail_memory(err, "a path")
                                   : mw_store_open_beside(path.data, book_steps, book_n_steps,
                                                          &alerts->store, err);
    if (status != MW_OK)
        mw_at(err, "%s", path.data);
    mw_buf_done(&path);
    return status;
}

static mw_status open_past(mw_alerts *alerts, mw_error *err)
{
    char path[4096];
    int size = snprintf(path, sizeof path, "%s/samples", alerts->folder);
    return size > 0 && size < (int)sizeof path ? alert_past_open(path, &alerts->past, err) : MW_OK;
}

static mw_status open_all(mw_alerts *alerts, mw_error *err)
{
    static const mw_yaml nothing = {.kind = MW_YAML_MAP};
    mw_alert_place place;
    mw_view url = mw_view_of(alerts->options.url ? alerts->options.url : "");
    if (!alerts->config)
        MW_TRY(mw_alert_config_read(&nothing, "", &alerts->own_config, &place, err));
    alerts->config = alerts->config ? alerts->config : alerts->own_config;
    alerts->shared = alerts->options.shared;
    if (alerts->config->url.data)
        url = alerts->config->url;
    while (url.size > 0 && url.data[url.size - 1] == '/')
        url.size--;
    alerts->folder = strdup(alerts->options.folder);
    alerts->url = strndup(url.size ? url.data : "", url.size);
    if (!alerts->folder || !alerts->url)
        return mw_fail_memory(err, "the alerts");
    MW_TRY(open_store(alerts, err));
    MW_TRY(open_past(alerts, err));
    MW_TRY(alerts_hire_couriers(alerts, err));
    return alerts_gather_rules(alerts, err);
}

mw_status mw_alerts_open(const mw_alert_options *options, mw_alerts **ret_alerts, mw_error *err)
{
    mw_alerts *alerts = calloc(1, sizeof *alerts);
    if (!alerts)
        return mw_fail_memory(err, "the alerts");
    alerts->options = *options;
    alerts->config = options->config;
    pthread_mutex_init(&alerts->lock, NULL);
    mw_condition_init(&alerts->wakes);
    pthread_mutex_init(&alerts->told_lock, NULL);
    for (size_t i = 0; i < MW_COUNT(alerts->told); i++)
        mw_buf_init(&alerts->told[i], MW_MIB);
    mw_buf_init(&alerts->page, MW_LIMIT_ALERT_PAGE_BYTES);
    mw_arena_init(&alerts->arena, 256 * MW_KIB, MW_LIMIT_ALERT_LOOK_BYTES);
    mw_random_name(alerts->server);
    mw_status status = open_all(alerts, err);
    if (status != MW_OK) {
        mw_alerts_close(alerts);
        return status;
    }
    *ret_alerts = alerts;
    return MW_OK;
}

static mw_status fail_thread(int reason, mw_error *err)
{
    return reason == 0 ? MW_OK : mw_fail_errno(err, "start a thread for alerts", reason);
}

mw_status mw_alerts_start(mw_alerts *alerts, mw_error *err)
{
    if (alerts->options.without_threads)
        return MW_OK;
    int failed = mw_thread_start(&alerts->thread, "mw-alerts", run, alerts);
    alerts->has_thread = failed == 0;
    MW_TRY(fail_thread(failed, err));
    pthread_mutex_lock(&alerts->lock);
    alerts->is_started = true;
    mw_status status = MW_OK;
    for (size_t i = 0; i < alerts->n_couriers && status == MW_OK; i++)
        status = alerts_start_courier(alerts->couriers[i], err);
    pthread_mutex_unlock(&alerts->lock);
    MW_TRY(status);
    if (!alerts->config->sheets || !alerts->reporter.make)
        return MW_OK;
    failed = mw_thread_start(&alerts->clerk, "mw-reports", alerts_run_clerk, alerts);
    alerts->has_clerk = failed == 0;
    return fail_thread(failed, err);
}

void mw_alerts_stop(mw_alerts *alerts)
{
    if (!alerts)
        return;
    pthread_mutex_lock(&alerts->lock);
    alerts->is_ending = true;
    pthread_cond_broadcast(&alerts->wakes);
    pthread_mutex_unlock(&alerts->lock);
    if (alerts->has_thread)
        pthread_join(alerts->thread, NULL);
    if (alerts->has_clerk)
        pthread_join(alerts->clerk, NULL);
    alerts->has_clerk = false;
    for (size_t i = 0; i < alerts->n_couriers; i++)
        if (alerts->couriers[i]->has_thread)
            pthread_join(alerts->couriers[i]->thread, NULL);
    alerts->has_thread = false;
    for (size_t i = 0; i < alerts->n_couriers; i++)
        alerts->couriers[i]->has_thread = false;
    alerts_part_from_leaving(alerts, true);
}

void mw_alerts_close(mw_alerts *alerts)
{
    if (!alerts)
        return;
    mw_alerts_stop(alerts);
    mw_store_close(alerts->store);
    alert_past_close(alerts->past);
    for (size_t i = 0; i < alerts->n_ones; i++)
        free(alerts->ones[i]);
    free(alerts->ones);
    for (size_t i = 0; i < alerts->n_couriers; i++)
        alerts_free_courier(alerts->couriers[i]);
    free(alerts->couriers);
    alert_rules_free(alerts->rules);
    mw_alert_config_free(alerts->own_config);
    for (size_t i = 0; i < MW_COUNT(alerts->told); i++)
        mw_buf_done(&alerts->told[i]);
    pthread_mutex_destroy(&alerts->told_lock);
    mw_buf_done(&alerts->page);
    mw_arena_done(&alerts->arena);
    free(alerts->folder);
    free(alerts->url);
    pthread_cond_destroy(&alerts->wakes);
    pthread_mutex_destroy(&alerts->lock);
    free(alerts);
}
