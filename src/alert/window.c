/* Rings of points, one a series, in a table by the labels' hash.
 *
 *     step = range / 60:   [p0 .. p1 .. p2 .. ......... p60] now
 *     a point: when it began, the counter there, and least, most, sum of the values since
 *
 * So a maximum or a count of changes misses nothing between two points, and a window's edge is
 * right to a sixtieth of its length. */
#include "window.h"

#include <math.h>
#include <stdlib.h>

enum { POINTS = 64, POINTS_FIRST = 4, STEPS = 60, TABLE_FIRST = 64 };

typedef struct point {
    int64_t at_ms;
    double value, risen, changes; /* at its beginning */
    double low, high, sum;        /* from there to the next */
    double count;
} point;

typedef struct series {
    uint64_t hash;
    alert_labels labels; /* in the same block */
    int64_t seen_ms;
    double last, risen, changes; /* risen: all increases, over resets */
    size_t n_points;             /* ever; the ring holds the last POINTS */
    size_t room;                 /* of points: grows to POINTS, for many series are short */
    point *points;
} series;

struct alert_window {
    int64_t range_ms, step_ms;
    series **table; /* open addressing; size is a power of two */
    size_t size, count;
    int64_t tidied_ms;
};

alert_window *alert_window_new(int64_t range_ms)
{
    alert_window *window = calloc(1, sizeof *window);
    if (!window)
        return NULL;
    window->range_ms = range_ms;
    window->step_ms = range_ms / STEPS > 0 ? range_ms / STEPS : 1;
    return window;
}

static void free_series(series *one)
{
    if (one)
        free(one->points);
    free(one);
}

void alert_window_free(alert_window *window)
{
    if (!window)
        return;
    for (size_t i = 0; i < window->size; i++)
        free_series(window->table[i]);
    free(window->table);
    free(window);
}

/* ---- the table ------------------------------------------------------------------------------- */

static series **slot_of(const alert_window *window, uint64_t hash, alert_labels labels)
{
    size_t at = (size_t)hash & (window->size - 1);
    while (window->table[at] && !(window->table[at]->hash == hash &&
                                  alert_labels_equal(window->table[at]->labels, labels)))
        at = (at + 1) & (window->size - 1);
    return &window->table[at];
}

static bool rehash(alert_window *window, size_t size)
{
    series **old = window->table;
    size_t old_size = window->size;
    series **table = calloc(size, sizeof *table);
    if (!table)
        return false;
    window->table = table;
    window->size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i])
            *slot_of(window, old[i]->hash, old[i]->labels) = old[i];
    free(old);
    return true;
}

static series *new_series(uint64_t hash, alert_labels labels)
{
    size_t bytes = labels.count * sizeof *labels.items;
    for (size_t i = 0; i < labels.count; i++)
        bytes += labels.items[i].name.size + labels.items[i].value.size;
    series *made = calloc(1, sizeof *made + bytes);
    if (!made)
        return NULL;
    alert_label *items = (alert_label *)(made + 1);
    char *text = (char *)(items + labels.count);
    for (size_t i = 0; i < labels.count; i++) {
        const mw_view from[2] = {labels.items[i].name, labels.items[i].value};
        mw_view *to[2] = {&items[i].name, &items[i].value};
        for (size_t v = 0; v < 2; v++) {
            if (from[v].size > 0)
                memcpy(text, from[v].data, from[v].size);
            *to[v] = (mw_view){text, from[v].size};
            text += from[v].size;
        }
    }
    made->hash = hash;
    made->labels = (alert_labels){items, labels.count};
    return made;
}

static mw_status find(alert_window *window, const alert_sample *sample, uint64_t hash,
                      series **ret_series, bool *ret_is_new, mw_error *err)
{
    if (window->count * 2 >= window->size &&
        !rehash(window, window->size ? window->size * 2 : TABLE_FIRST))
        return mw_fail_memory(err, "a rule's window");
    series **slot = slot_of(window, hash, sample->labels);
    *ret_is_new = !*slot;
    if (!*slot) {
        if (window->count == MW_LIMIT_ALERT_SERIES) {
            mw_fail(err, MW_E_ALERT_LIMIT, "a window of a rule has %zu series already",
                    window->count);
            return mw_mend(err, "choose fewer by labels: name{endpoint=\"churn\"}[5m]");
        }
        *slot = new_series(hash, sample->labels);
        if (!*slot)
            return mw_fail_memory(err, "a rule's window");
        window->count++;
    }
    *ret_series = *slot;
    return MW_OK;
}

void alert_window_tidy(alert_window *window, int64_t now_ms)
{
    size_t n_gone = 0;
    if (now_ms - window->tidied_ms < window->range_ms)
        return;
    window->tidied_ms = now_ms;
    for (size_t i = 0; i < window->size; i++) {
        series *one = window->table[i];
        if (!one || now_ms - one->seen_ms <= window->range_ms)
            continue;
        free_series(one);
        window->table[i] = NULL;
        n_gone++;
    }
    window->count -= n_gone;
    if (n_gone > 0 && !rehash(window, window->size)) { /* chains are broken: begin anew */
        for (size_t i = 0; i < window->size; i++) {
            free_series(window->table[i]);
            window->table[i] = NULL;
        }
        window->count = 0;
    }
}

/* ---- points ---------------------------------------------------------------------------------- */

static point *point_at(series *one, size_t i)
{
    return &one->points[i % POINTS];
}

static bool has_room(series *one)
{
    if (one->n_points < one->room || one->room == POINTS)
        return true;
    size_t room = one->room ? 2 * one->room : POINTS_FIRST;
    point *wider = realloc(one->points, room * sizeof *wider);
    if (!wider)
        return false;
    one->points = wider;
    one->room = room;
    return true;
}

static mw_status put_point(series *one, int64_t at_ms, double value, mw_error *err)
{
    if (!has_room(one))
        return mw_fail_memory(err, "a rule's window");
    *point_at(one, one->n_points++) = (point){.at_ms = at_ms,
                                              .value = value,
                                              .risen = one->risen,
                                              .changes = one->changes,
                                              .low = value,
                                              .high = value};
    return MW_OK;
}

/* The newest point that is not younger than the window's edge; else the oldest there is. */
static size_t edge_of(series *one, int64_t edge_ms)
{
    size_t first = one->n_points > POINTS ? one->n_points - POINTS : 0;
    size_t at = first;
    while (at + 1 < one->n_points && point_at(one, at + 1)->at_ms <= edge_ms)
        at++;
    return at;
}

static double over_points(series *one, size_t from, window_what what)
{
    double low = INFINITY, high = -INFINITY, sum = 0, count = 0;
    for (size_t i = from; i < one->n_points; i++) {
        const point *p = point_at(one, i);
        low = p->low < low ? p->low : low;
        high = p->high > high ? p->high : high;
        sum += p->sum;
        count += p->count;
    }
    return what == WINDOW_MIN ? low : what == WINDOW_MAX ? high : sum / count;
}

static double tell(series *one, const alert_window *window, int64_t now_ms, window_what what)
{
    size_t from = edge_of(one, now_ms - window->range_ms);
    const point *edge = point_at(one, from);
    double seconds = (double)(now_ms - edge->at_ms) / 1000;
    switch (what) {
    case WINDOW_RATE:
        return (one->risen - edge->risen) / (seconds > 1 ? seconds : 1);
    case WINDOW_INCREASE:
        return one->risen - edge->risen;
    case WINDOW_DELTA:
        return one->last - edge->value;
    case WINDOW_CHANGES:
        return one->changes - edge->changes;
    default:
        return over_points(one, from, what);
    }
}

/* A counter that is seen for the first time was 0 a moment ago. */
static mw_status begin(series *one, double value, int64_t now_ms, bool is_counter, mw_error *err)
{
    one->last = value;
    if (!is_counter || value <= 0)
        return MW_OK;
    MW_TRY(put_point(one, now_ms - 1, 0, err));
    one->risen = value > 0 ? value : 0;
    return MW_OK;
}

mw_status alert_window_put(alert_window *window, const alert_sample *sample, uint64_t hash,
                           int64_t now_ms, window_what what, double *ret_value, mw_error *err)
{
    series *one = NULL;
    bool is_new = false;
    double value = sample->value;
    MW_TRY(find(window, sample, hash, &one, &is_new, err));
    if (is_new) {
        MW_TRY(begin(one, value, now_ms, what == WINDOW_RATE || what == WINDOW_INCREASE, err));
    } else {
        one->risen += value < one->last ? value : value - one->last;
        one->changes += value != one->last && !(isnan(value) && isnan(one->last));
        one->last = value;
    }
    if (one->n_points == 0 || now_ms - point_at(one, one->n_points - 1)->at_ms >= window->step_ms)
        MW_TRY(put_point(one, now_ms, value, err));
    point *latest = point_at(one, one->n_points - 1);
    latest->low = value < latest->low ? value : latest->low;
    latest->high = value > latest->high ? value : latest->high;
    latest->sum += value;
    latest->count++;
    one->seen_ms = now_ms;
    *ret_value = tell(one, window, now_ms, what);
    return MW_OK;
}
