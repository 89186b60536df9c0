/* An alert's own words: labels, summary, how sure, evidence, what to do. */
#include "tell.h"

#include <math.h>
#include <stdlib.h>

enum { EVIDENCE_SHOWN = 5, EVIDENCE_LOOKED_AT = 4096, SENTENCE_BYTES = 512 };

/* ---- labels ---------------------------------------------------------------------------------- */

/* The stronger one of a name stays. */
static void add_label(alert_label *all, size_t *count, mw_view name, mw_view value)
{
    for (size_t i = 0; i < *count; i++)
        if (mw_view_equal(all[i].name, name))
            return;
    all[(*count)++] = (alert_label){name, value};
}

void tell_labels(const alert_rule *rule, const mw_alert_config *config, alert_labels labels,
                 mw_buf *out)
{
    alert_label all[MW_LIMIT_ALERT_LABELS + 2 * ALERT_LABELS_MAX + 2];
    size_t n = 0;
    add_label(all, &n, MW_VIEW("alertname"), rule->name);
    add_label(all, &n, MW_VIEW("severity"), mw_view_of(alert_severities[rule->severity]));
    for (size_t i = 0; i < rule->n_labels; i++)
        add_label(all, &n, rule->labels[i].name, rule->labels[i].value);
    for (size_t i = 0; config && i < config->n_labels; i++)
        add_label(all, &n, config->labels[i].name, config->labels[i].value);
    for (size_t i = 0; i < labels.count && i < MW_LIMIT_ALERT_LABELS; i++)
        add_label(all, &n, labels.items[i].name, labels.items[i].value);
    alert_labels_sort(all, n);
    for (size_t i = 0; i < n; i++) {
        mw_buf_char(out, i ? ',' : '{');
        mw_json_write_text(out, all[i].name);
        mw_buf_char(out, ':');
        mw_json_write_text(out, all[i].value);
    }
    mw_buf_char(out, '}');
}

/* ---- sentences ------------------------------------------------------------------------------- */

/* "{endpoint} fails in {percent}": labels of the alert, {value} and {percent}. A brace without a
 * name stays as it is. */
static void expand(mw_view pattern, const tell_finding *f, mw_buf *out)
{
    for (size_t i = 0; i < pattern.size; i++) {
        const char *close =
            pattern.data[i] == '{' ? memchr(pattern.data + i, '}', pattern.size - i) : NULL;
        mw_view name = {pattern.data + i + 1, close ? (size_t)(close - pattern.data) - i - 1 : 0};
        if (!close || !alert_name_is_good(name, false)) {
            mw_buf_char(out, pattern.data[i]);
            continue;
        }
        if (mw_view_is(name, "value"))
            mw_buf_format(out, "%.4g", f->value);
        else if (mw_view_is(name, "percent"))
            mw_buf_format(out, "%.1f %%", f->value * 100);
        else
            mw_buf_view(out, alert_label_of(f->labels, name));
        i += name.size + 1;
    }
}

static void put_expanded(mw_buf *out, const char *key, mw_view pattern, const tell_finding *f)
{
    mw_buf text;
    mw_buf_init(&text, 16 * MW_KIB);
    expand(pattern, f, &text);
    mw_buf_format(out, "\"%s\":", key);
    mw_json_write_text(out, mw_buf_as_view(&text));
    mw_buf_done(&text);
}

static void put_summary(const tell_finding *f, mw_buf *out)
{
    static const mw_view fallback = {"{endpoint} {value}: ", 20};
    mw_buf text;
    if (f->rule->summary.data) {
        put_expanded(out, "summary", f->rule->summary, f);
        return;
    }
    mw_buf_init(&text, 8 * MW_KIB);
    mw_buf_view(&text, alert_label_of(f->labels, MW_VIEW("endpoint")).size ? fallback
                                                                           : MW_VIEW("{value}: "));
    mw_buf_view(&text, f->rule->when_text);
    put_expanded(out, "summary", mw_buf_as_view(&text), f);
    mw_buf_done(&text);
}

/* ---- evidence -------------------------------------------------------------------------------- */

typedef struct evidence {
    alert_labels labels; /* of the sample */
    double values[ALERT_EVIDENCE_MAX];
} evidence;

static bool has_all(alert_labels labels, alert_labels wanted)
{
    for (size_t i = 0; i < wanted.count; i++)
        if (!mw_view_equal(alert_label_of(labels, wanted.items[i].name), wanted.items[i].value))
            return false;
    return true;
}

static int compare_evidence(const void *a, const void *b)
{
    double x = ((const evidence *)a)->values[0], y = ((const evidence *)b)->values[0];
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x < y) - (x > y);
}

/* Samples of the metrics that the rule names, joined on their labels; the largest first. */
static size_t gather_evidence(const tell_finding *f, evidence *found)
{
    const alert_words *metrics = &f->rule->evidence;
    size_t n = 0;
    for (size_t m = 0; m < metrics->count; m++) {
        for (size_t i = 0; i < f->samples->count; i++) {
            const alert_sample *sample = &f->samples->items[i];
            if (!mw_view_equal(sample->name, metrics->items[m]) ||
                !has_all(sample->labels, f->labels))
                continue;
            size_t at = 0;
            while (at < n && !alert_labels_equal(found[at].labels, sample->labels))
                at++;
            if (at == EVIDENCE_LOOKED_AT || (at == n && m > 0))
                continue;
            if (at == n) {
                found[n].labels = sample->labels;
                for (size_t v = 0; v < ALERT_EVIDENCE_MAX; v++)
                    found[n].values[v] = NAN;
                n++;
            }
            found[at].values[m] = sample->value;
        }
    }
    qsort(found, n, sizeof *found, compare_evidence);
    return n;
}

static void put_evidence(const tell_finding *f, const evidence *one, mw_buf *out)
{
    bool any = false;
    mw_buf_text(out, "{\"labels\":{");
    for (size_t i = 0; i < one->labels.count; i++) {
        alert_label label = one->labels.items[i];
        if (alert_label_of(f->labels, label.name).size > 0)
            continue; /* the alert says it already */
        mw_buf_text(out, any ? "," : "");
        mw_json_write_text(out, label.name);
        mw_buf_char(out, ':');
        mw_json_write_text(out, label.value);
        any = true;
    }
    mw_buf_text(out, "},\"values\":{");
    any = false;
    for (size_t m = 0; m < f->rule->evidence.count; m++) {
        if (isnan(one->values[m]))
            continue;
        mw_buf_text(out, any ? "," : "");
        mw_json_write_text(out, f->rule->evidence.items[m]);
        mw_buf_char(out, ':');
        mw_json_write_double(out, one->values[m]);
        any = true;
    }
    mw_buf_text(out, "}}");
}

/* The value of the first metric whose name ends so; NaN: none. */
static double value_ending(const tell_finding *f, const evidence *one, const char *ending)
{
    size_t size = strlen(ending);
    for (size_t m = 0; m < f->rule->evidence.count; m++) {
        mw_view name = f->rule->evidence.items[m];
        if (name.size > size && memcmp(name.data + name.size - size, ending, size) == 0)
            return one->values[m];
    }
    return NAN;
}

/* Names of metrics tell what their numbers are: _log_e_value, _p_value, _since_rows,
 * _since_seconds. */
static void put_certainty(const tell_finding *f, const evidence *best, mw_buf *out)
{
    char text[SENTENCE_BYTES];
    int used;
    double log_e = best ? value_ending(f, best, "_log_e_value") : NAN;
    double p = best ? value_ending(f, best, "_p_value") : NAN;
    double rows = best ? value_ending(f, best, "_since_rows") : NAN;
    if (log_e > log(1e6))
        used = snprintf(text, sizeof text,
                        "without a change, chance shows as much less than once in a million times, "
                        "however often one looks");
    else if (!isnan(log_e))
        used = snprintf(text, sizeof text,
                        "e-value %.3g: without a change, chance shows as much at most once in so "
                        "many times, however often one looks",
                        exp(log_e));
    else if (!isnan(p))
        used = snprintf(text, sizeof text, "p = %.3g", p);
    else
        used = snprintf(text, sizeof text, "it has held for %.0f s without a break",
                        (double)f->held_ms / 1000);
    if (!isnan(rows) && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, "; %.0f rows since it began", rows);
    mw_buf_text(out, ",\"how_sure\":{\"text\":");
    mw_json_write_text(out, mw_view_of(text));
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"log_e_value", log_e}, {"p_value", p}, {"rows", rows}};
    for (size_t i = 0; i < MW_COUNT(numbers); i++) {
        if (isnan(numbers[i].value))
            continue;
        mw_buf_format(out, ",\"%s\":", numbers[i].key);
        mw_json_write_double(out, numbers[i].value);
    }
    mw_buf_format(out, ",\"held_seconds\":%.1f}", (double)f->held_ms / 1000);
}

static void put_links(const tell_finding *f, mw_buf *out)
{
    mw_buf path;
    mw_view endpoint = alert_label_of(f->labels, MW_VIEW("endpoint"));
    mw_buf_init(&path, 8 * MW_KIB);
    mw_buf_text(out, ",\"links\":{\"page\":");
    mw_buf_format(&path, "%.*s/ui/", MW_VIEW_ARG(f->url));
    if (endpoint.size > 0)
        mw_buf_format(&path, "endpoints/%.*s", MW_VIEW_ARG(endpoint));
    mw_json_write_text(out, mw_buf_as_view(&path));
    mw_buf_reset(&path);
    mw_buf_format(&path, "%.*s/mw/v1/alerts/%.*s", MW_VIEW_ARG(f->url),
                  MW_VIEW_ARG(f->fingerprint));
    mw_buf_text(out, ",\"alert\":");
    mw_json_write_text(out, mw_buf_as_view(&path));
    mw_buf_reset(&path);
    mw_buf_format(&path, "%.*s/%s", MW_VIEW_ARG(f->url), "drift");
    mw_buf_text(out, ",\"drift\":");
    mw_json_write_text(out, mw_buf_as_view(&path));
    mw_buf_char(out, '}');
    mw_buf_done(&path);
}

void tell_details(const tell_finding *f, mw_buf *out, int64_t *ret_since_ms)
{
    evidence *found = f->rule->evidence.count ? calloc(EVIDENCE_LOOKED_AT, sizeof *found) : NULL;
    size_t n = found ? gather_evidence(f, found) : 0;
    double since = n ? value_ending(f, &found[0], "_since_seconds") : NAN;
    *ret_since_ms = f->now_ms - f->held_ms;
    if (since >= 0 && since < 1e9)
        *ret_since_ms = f->now_ms - (int64_t)(since * 1000);
    put_summary(f, out);
    mw_buf_text(out, ",\"condition\":");
    mw_json_write_text(out, f->rule->when_text);
    put_certainty(f, n ? &found[0] : NULL, out);
    mw_buf_text(out, ",\"evidence\":[");
    for (size_t i = 0; i < n && i < EVIDENCE_SHOWN; i++) {
        mw_buf_text(out, i ? "," : "");
        put_evidence(f, &found[i], out);
    }
    mw_buf_format(out, "],\"evidence_total\":%zu,", n);
    put_expanded(out, "what_to_do", f->rule->what_to_do, f);
    mw_buf_char(out, ',');
    put_expanded(out, "runbook", f->rule->runbook, f);
    put_links(f, out);
    free(found);
}

/* ---- an alert in the API --------------------------------------------------------------------- */

void tell_time(mw_buf *out, const char *name, int64_t ms)
{
    mw_buf_format(out, ",\"%s\":", name);
    if (ms == 0) {
        mw_buf_text(out, "null");
        return;
    }
    mw_buf_char(out, '"');
    mw_clock_write_utc(out, ms);
    mw_buf_char(out, '"');
}

static void put_text_of(mw_buf *out, const char *key, mw_view text)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_text(out, text);
}

void tell_alert(const book_alert *a, mw_buf *out)
{
    mw_buf_text(out, "{\"fingerprint\":");
    mw_json_write_text(out, a->fingerprint);
    if (a->seq > 0) /* a pending one stands in no book yet: its labels silence it */
        mw_buf_format(out, ",\"id\":%lld", (long long)a->seq);
    put_text_of(out, "rule", a->rule);
    mw_buf_format(out, ",\"state\":\"%s\"",
                  a->is_firing         ? "firing"
                  : a->resolved_ms > 0 ? "resolved"
                                       : "pending");
    put_text_of(out, "severity", a->severity);
    put_text_of(out, "endpoint", a->endpoint);
    tell_time(out, "since", a->since_ms);
    tell_time(out, "fired", a->fired_ms);
    tell_time(out, "resolved", a->resolved_ms);
    mw_buf_text(out, ",\"value\":");
    mw_json_write_double(out, a->value);
    mw_buf_format(out, ",\"silenced\":%s,\"acknowledged\":", a->is_silenced ? "true" : "false");
    if (a->ack_ms > 0) {
        mw_buf_text(out, "{\"by\":");
        mw_json_write_text(out, a->ack_who);
        put_text_of(out, "why", a->ack_why);
        tell_time(out, "at", a->ack_ms);
        mw_buf_char(out, '}');
    } else {
        mw_buf_text(out, "null");
    }
    if (a->ended.size > 0)
        put_text_of(out, "ended", a->ended);
    mw_buf_format(out, ",\"labels\":%.*s,%.*s}", MW_VIEW_ARG(a->labels), MW_VIEW_ARG(a->details));
}
