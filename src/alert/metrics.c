/* What the engine tells of itself in /metrics. The page is made in the engine's thread, behind each
 * look, and copied to who asks: a loop never waits for a look or the disk. */
#include <stdlib.h>

#include "engine.h"

static void put_head(mw_buf *out, const char *name, const char *type, const char *help, bool open)
{
    bool counter = strcmp(type, "counter") == 0;
    int size = (int)strlen(name) - (open && counter ? (int)strlen("_total") : 0);
    mw_buf_format(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", size, name, help, size, name, type);
}

static void put_plain(mw_buf *out, const char *name, const char *type, const char *help, bool open,
                      double value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    put_head(out, name, type, help, open);
    mw_buf_format(out, "%s ", name);
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
    mw_buf_char(out, '\n');
}

static void put_states(const mw_alerts *alerts, mw_buf *out, bool open)
{
    size_t counts[2][3] = {{0}};
    put_head(out, "mw_alerts", "gauge", "Alerts that are pending or fire, by severity.", open);
    for (size_t i = 0; i < alerts->n_ones; i++) {
        const alert_one *one = alerts->ones[i];
        if (one->rule && one->track.state != ALERT_NONE)
            counts[one->track.state == ALERT_FIRING][one->rule->severity]++;
    }
    for (size_t state = 0; state < 2; state++)
        for (size_t severity = 0; severity < 3; severity++)
            mw_buf_format(out, "mw_alerts{state=\"%s\",severity=\"%s\"} %zu\n",
                          state ? "firing" : "pending", alert_severities[severity],
                          counts[state][severity]);
}

/* Names of endpoints and rules hold no byte that would need an escape. */
static void put_firing(const mw_alerts *alerts, mw_buf *out, bool open)
{
    put_head(out, "mw_alert_firing", "gauge", "How many alerts of a rule fire.", open);
    for (const alert_rule *rule = alerts->rules; rule; rule = rule->next) {
        size_t n = 0;
        for (size_t i = 0; i < alerts->n_ones; i++)
            n += alerts->ones[i]->rule == rule && alerts->ones[i]->track.state == ALERT_FIRING;
        mw_buf_format(out, "mw_alert_firing{alertname=\"%.*s\"} %zu\n", MW_VIEW_ARG(rule->name), n);
    }
}

static void put_couriers(const mw_alerts *alerts, mw_buf *out, bool open)
{
    int64_t now_ms = mw_clock_wall_ms();
    if (alerts->n_couriers == 0)
        return;
    put_head(out, "mw_alert_deliveries_total", "counter",
             "Attempts to deliver notifications, by result.", open);
    for (size_t i = 0; i < alerts->n_couriers; i++) {
        const alert_courier *c = alerts->couriers[i];
        mw_buf_format(out, "mw_alert_deliveries_total{receiver=\"%s\",result=\"taken\"} %llu\n",
                      c->receiver->name.data, (unsigned long long)c->n_delivered);
        mw_buf_format(out, "mw_alert_deliveries_total{receiver=\"%s\",result=\"failed\"} %llu\n",
                      c->receiver->name.data, (unsigned long long)c->n_failed);
    }
    put_head(out, "mw_alert_outbox", "gauge", "Notifications that wait to be delivered.", open);
    for (size_t i = 0; i < alerts->n_couriers; i++)
        mw_buf_format(out, "mw_alert_outbox{receiver=\"%s\"} %lld\n",
                      alerts->couriers[i]->receiver->name.data,
                      (long long)alerts->couriers[i]->waiting);
    put_head(out, "mw_alert_outbox_oldest_seconds", "gauge", "How long the oldest has waited.",
             open);
    for (size_t i = 0; i < alerts->n_couriers; i++) {
        int64_t oldest_ms = alerts->couriers[i]->oldest_ms;
        mw_buf_format(out, "mw_alert_outbox_oldest_seconds{receiver=\"%s\"} %.3f\n",
                      alerts->couriers[i]->receiver->name.data,
                      oldest_ms ? (double)(now_ms - oldest_ms) / 1000 : 0.0);
    }
}

static void put_disk(const mw_alerts *alerts, mw_buf *out, bool open)
{
    const struct {
        const char *name, *help;
        double value;
    } families[] = {
        {"mw_disk_free_bytes", "Free bytes of the disk with the data folder.", alerts->disk_free},
        {"mw_disk_free_share", "Free share of it.",
         alerts->disk_size > 0 ? alerts->disk_free / alerts->disk_size : 1},
    };
    for (size_t i = 0; i < MW_COUNT(families); i++) {
        put_head(out, families[i].name, "gauge", families[i].help, open);
        mw_buf_format(out, "%s{folder=\"data\"} %.9g\n", families[i].name, families[i].value);
    }
}

static void write_page(const mw_alerts *alerts, mw_buf *out, bool open)
{
    put_states(alerts, out, open);
    put_firing(alerts, out, open);
    put_couriers(alerts, out, open);
    put_disk(alerts, out, open);
    put_plain(out, "mw_alert_looks_total", "counter", "Times that all rules were judged.", open,
              (double)alerts->n_looks);
    put_plain(out, "mw_alert_failed_looks_total", "counter", "Times that some could not be.", open,
              (double)alerts->n_failed_looks);
    put_plain(out, "mw_alert_look_seconds_total", "counter", "Time spent in judging them.", open,
              (double)alerts->look_ns * 1e-9);
    put_plain(out, "mw_alert_alone", "gauge",
              "1: the record cannot be reached, and this server tells its alerts by itself.", open,
              (double)atomic_load(&alerts->is_alone));
    put_plain(out, "mw_alert_given_up_total", "counter",
              "Notifications that nobody took within three days.", open,
              (double)alerts->n_given_up);
}

void alerts_write_metrics(mw_alerts *alerts)
{
    mw_buf pages[2];
    for (size_t open = 0; open < 2; open++) {
        mw_buf_init(&pages[open], MW_MIB);
        write_page(alerts, &pages[open], open);
    }
    pthread_mutex_lock(&alerts->told_lock);
    for (size_t open = 0; open < 2; open++) {
        mw_buf old = alerts->told[open];
        alerts->told[open] = pages[open];
        pages[open] = old;
    }
    pthread_mutex_unlock(&alerts->told_lock);
    for (size_t open = 0; open < 2; open++)
        mw_buf_done(&pages[open]);
}

void mw_alerts_metrics(mw_alerts *alerts, mw_buf *out, bool open)
{
    pthread_mutex_lock(&alerts->told_lock);
    mw_buf_view(out, mw_buf_as_view(&alerts->told[open]));
    pthread_mutex_unlock(&alerts->told_lock);
}
