/* Behind the door: what happened when, out of alerts, the audit log and rollouts.
 *
 *     alerts {"items"} --fired, acknowledged, ended--+
 *     audit {"entries"} --deploys, gates, silences --+--sorted by time--> happenings
 *
 * The audit log has each step of a rollout already, so rollouts add only what they came to. */
#ifndef REPORT_TIMELINE_H
#define REPORT_TIMELINE_H

#include "reading.h"

typedef enum happening_kind {
    HAPPENED_ALERT,
    HAPPENED_SEEN, /* acknowledged */
    HAPPENED_ENDED,
    HAPPENED_DEPLOY, /* another version may answer from then on */
    HAPPENED_CHANGE, /* anything else that people or the server did */
    HAPPENED_DRIFT   /* began, as far as can be told */
} happening_kind;

typedef struct happening {
    double at; /* seconds since 1970 */
    happening_kind kind;
    mw_mark mark;
    mw_view what, by; /* in the arena */
} happening;

typedef struct timeline {
    mw_arena *arena;
    happening *items;
    size_t n, capacity;
    double from, to; /* what lies outside is left out */
    bool no_memory;
} timeline;

void timeline_init(timeline *t, mw_arena *arena, double from, double to);
void timeline_add(timeline *t, double at, happening_kind kind, mw_mark mark, mw_view by,
                  const char *format, ...) __attribute__((format(printf, 6, 7)));
void timeline_add_alert(timeline *t, const mw_json *alert);
/* Entries that concern the endpoint or the model; absent names: all of them. */
void timeline_add_audit(timeline *t, const mw_json *audit, mw_view endpoint, mw_view model);
void timeline_sort(timeline *t);
/* "deploy", "alert", ... */
const char *happening_name(happening_kind kind);
/* As a table: when, what, by. */
void timeline_write(const timeline *t, mw_paper *paper, const char *caption);
/* When versions changed, for charts; *ret_n of them, in the arena. */
const double *timeline_deploys(const timeline *t, size_t *ret_n);
/* A line over time, as reading_draw's, with a mark where versions changed. */
void timeline_draw(const timeline *t, mw_paper *paper, const mw_json *at, const mw_json *values,
                   const char *key, const char *title, const char *unit);

#endif
