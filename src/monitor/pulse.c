/* Requests of an endpoint over time: when it falls silent, and when it is asked far more than is
 * usual. A function of time and counts alone.
 *
 *     each look: requests since the last --> this second, minute (an hour of them), hour (8 days)
 *
 * What counts is a second with a request in it ("active"), so that a batch of a thousand is one
 * event. Rate: active seconds a second, of the quarter of an hour before the silence (of an hour
 * where that has fewer than 30; of five minutes where traffic faded), or of each hour yesterday or
 * a week ago where that was less: nights and week-ends are usual once they were seen.
 *
 * Silence: no request for a minute or more, in which 25 active seconds were to be expected (by
 * chance alone: e^-25), and longer than three times the longest gap of the last six hours and of
 * these hours yesterday. The endpoint is watched for ten minutes at least, with 30 active seconds.
 * Burst: the last 60 seconds have 8 times the requests of the busiest minute that is usual, 120 at
 * least. Usual: any minute of the last hour but its last five, and of the same hours yesterday and
 * a week ago. It is over below half of that; after five minutes it begins to be usual itself. */
#include "watch.h"

#include <math.h>

#include "base/banned.h"

#define SECOND_NS UINT64_C(1000000000)
#define SILENCE_LOG 25.0

enum {
    MINUTE = 60,
    HOUR = 3600,
    DAY_HOURS = 24,
    WEEK_HOURS = 168,
    RECENT = 15, /* minutes */
    WARM = 10,   /* minutes */
    LEAST_ACTIVE = 30,
    GAP_TIMES = 3,
    GAP_HOURS = 6,
    LAST = 5, /* minutes, too */
    BURST_TIMES = 8,
    BURST_LEAST = 15, /* requests a minute, times BURST_TIMES */
    LATEST = 5        /* minutes that are not usual yet */
};

static watch_beat *beat_at(watch_beat *ring, size_t n, uint64_t bucket)
{
    watch_beat *beat = &ring[bucket % n];
    if (beat->bucket != bucket)
        *beat = (watch_beat){.bucket = bucket};
    return beat;
}

/* NULL: nothing came then. */
static const watch_beat *beat_of(const watch_beat *ring, size_t n, uint64_t bucket)
{
    const watch_beat *beat = &ring[bucket % n];
    return beat->bucket == bucket ? beat : NULL;
}

static uint32_t added(uint32_t count, uint64_t by)
{
    return by > UINT32_MAX - count ? UINT32_MAX : count + (uint32_t)by;
}

/* ---- gathering ------------------------------------------------------------------------------- */

static void note(watch_pulse *pulse, uint64_t requests)
{
    uint64_t second = pulse->latest_ns / SECOND_NS;
    uint64_t gap = pulse->last_ns > 0 ? (pulse->latest_ns - pulse->last_ns) / SECOND_NS : 0;
    watch_beat *of_second = beat_at(pulse->seconds, WATCH_PULSE_SECONDS, second);
    watch_beat *minute = beat_at(pulse->minutes, WATCH_PULSE_MINUTES, second / MINUTE);
    watch_beat *hour = beat_at(pulse->hours, WATCH_PULSE_HOURS, second / HOUR);
    uint32_t is_first = of_second->requests == 0;
    of_second->requests = added(of_second->requests, requests);
    minute->requests = added(minute->requests, requests);
    minute->active += is_first;
    hour->requests = added(hour->requests, requests);
    hour->active += is_first;
    hour->peak = minute->requests > hour->peak ? minute->requests : hour->peak;
    hour->gap = gap > hour->gap ? added(0, gap) : hour->gap;
    pulse->last_ns = pulse->latest_ns;
    pulse->n_requests += requests;
}

/* ---- silence --------------------------------------------------------------------------------- */

/* Of so many minutes before the last request; NaN: it is not known for long enough. */
static double rate_of(const watch_pulse *pulse, uint64_t minutes)
{
    uint64_t last = pulse->last_ns / SECOND_NS / MINUTE, n = 0;
    uint64_t first = pulse->first_ns / SECOND_NS / MINUTE, active = 0;
    for (uint64_t back = 1; back <= minutes && last > first + back; back++, n++) {
        const watch_beat *beat = beat_of(pulse->minutes, WATCH_PULSE_MINUTES, last - back);
        active += beat ? beat->active : 0;
    }
    return n < WARM || active < LEAST_ACTIVE ? (double)NAN : (double)active / (double)(n * MINUTE);
}

/* Of a quarter of an hour, or where that has too few requests, of an hour; of the last five minutes
 * where traffic was fading. */
static double recent_rate(const watch_pulse *pulse)
{
    double rate = rate_of(pulse, RECENT), active = 1;
    uint64_t last = pulse->last_ns / SECOND_NS / MINUTE;
    if (isnan(rate))
        return rate_of(pulse, HOUR / MINUTE);
    for (uint64_t back = 1; back <= LAST; back++) {
        const watch_beat *beat = beat_of(pulse->minutes, WATCH_PULSE_MINUTES, last - back);
        active += beat ? beat->active : 0;
    }
    return fmin(rate, active / (LAST * MINUTE));
}

static double lower_of_hour(const watch_pulse *pulse, uint64_t hour, double rate)
{
    uint64_t first = pulse->first_ns / SECOND_NS / HOUR + 1; /* the first that is known whole */
    static const uint64_t backs[] = {DAY_HOURS, WEEK_HOURS};
    for (size_t i = 0; i < MW_COUNT(backs); i++) {
        if (hour < first + backs[i])
            continue;
        const watch_beat *beat = beat_of(pulse->hours, WATCH_PULSE_HOURS, hour - backs[i]);
        rate = fmin(rate, beat ? (double)beat->active / HOUR : 0);
    }
    return rate;
}

/* Active seconds that were to be expected since the last request, hour by hour. */
static double expected(const watch_pulse *pulse, double rate)
{
    uint64_t from = pulse->last_ns / SECOND_NS, to = pulse->latest_ns / SECOND_NS;
    double sum = 0;
    for (size_t i = 0; i < WATCH_PULSE_HOURS && from < to; i++) {
        uint64_t hour = from / HOUR, end = (hour + 1) * HOUR < to ? (hour + 1) * HOUR : to;
        sum += (double)(end - from) * lower_of_hour(pulse, hour, rate);
        from = end;
    }
    return sum;
}

static double gap_of_hours(const watch_pulse *pulse, uint64_t last, uint64_t n)
{
    double gap = 0;
    for (uint64_t back = 0; back < n; back++) {
        const watch_beat *beat = beat_of(pulse->hours, WATCH_PULSE_HOURS, last - back);
        gap = beat ? fmax(gap, beat->gap) : gap;
    }
    return gap;
}

static double longest_gap(const watch_pulse *pulse)
{
    uint64_t hour = pulse->last_ns / SECOND_NS / HOUR;
    return fmax(gap_of_hours(pulse, hour, GAP_HOURS),
                fmin(HOUR, gap_of_hours(pulse, hour + 1 - DAY_HOURS, 3)));
}

/* How long it must be quiet to be silent; NaN: not known, or no request is to be expected. */
static double usual_gap(const watch_pulse *pulse, double quiet)
{
    double rate = recent_rate(pulse), floor = fmax(MINUTE, GAP_TIMES * longest_gap(pulse));
    double lacking = SILENCE_LOG - expected(pulse, rate);
    double now = lower_of_hour(pulse, pulse->latest_ns / SECOND_NS / HOUR, rate);
    if (isnan(rate) || (lacking > 0 && now <= 0))
        return (double)NAN;
    return lacking <= 0 ? floor : fmax(floor, quiet + lacking / now);
}

/* ---- bursts ---------------------------------------------------------------------------------- */

static double requests_of_minute(const watch_pulse *pulse)
{
    uint64_t now = pulse->latest_ns / SECOND_NS;
    double requests = 0;
    for (uint64_t back = 0; back < MINUTE; back++) {
        const watch_beat *beat = beat_of(pulse->seconds, WATCH_PULSE_SECONDS, now - back);
        requests += beat ? beat->requests : 0;
    }
    return requests;
}

static double peak_of_hours(const watch_pulse *pulse, uint64_t hour)
{
    double peak = 0;
    for (uint64_t i = 0; i < 3; i++) {
        const watch_beat *beat = beat_of(pulse->hours, WATCH_PULSE_HOURS, hour - 1 + i);
        peak = beat ? fmax(peak, beat->peak) : peak;
    }
    return peak;
}

static double usual_minute(const watch_pulse *pulse)
{
    uint64_t now = pulse->latest_ns / SECOND_NS / MINUTE, hour = now / MINUTE, n = 0;
    uint64_t first = pulse->first_ns / SECOND_NS / MINUTE;
    double usual =
        fmax(peak_of_hours(pulse, hour - DAY_HOURS), peak_of_hours(pulse, hour - WEEK_HOURS));
    for (uint64_t back = LATEST; back < MINUTE && now >= first + back; back++, n++) {
        const watch_beat *beat = beat_of(pulse->minutes, WATCH_PULSE_MINUTES, now - back);
        usual = beat ? fmax(usual, beat->requests) : usual;
    }
    return n < WARM ? (double)NAN : usual;
}

/* ---- both ------------------------------------------------------------------------------------ */

static double since(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static void judge(watch_pulse *pulse)
{
    mw_watch_stream *found = &pulse->found;
    found->quiet_seconds =
        pulse->last_ns > 0 ? since(pulse->last_ns, pulse->latest_ns) : (double)NAN;
    if (pulse->last_ns > 0 && (found->quiet_seconds == 0 || found->quiet_seconds >= MINUTE))
        found->usual_gap = usual_gap(pulse, found->quiet_seconds);
    else if (pulse->last_ns == 0)
        found->usual_gap = (double)NAN;
    found->is_silent = found->quiet_seconds > found->usual_gap;
    found->requests_minute = requests_of_minute(pulse);
    found->usual_minute = usual_minute(pulse);
    double limit = BURST_TIMES * fmax(found->usual_minute, BURST_LEAST);
    bool was = found->is_burst;
    found->is_burst =
        !isnan(found->usual_minute) && found->requests_minute >= (was ? limit / 2 : limit);
    if (found->is_burst && !was)
        pulse->burst_ns = pulse->latest_ns;
    found->burst_seconds = found->is_burst ? since(pulse->burst_ns, pulse->latest_ns) : 0;
}

/* A clock that was set back waits in the second that it has reached. */
void watch_pulse_beat(watch_pulse *pulse, uint64_t now_ns, uint64_t requests)
{
    if (now_ns > pulse->latest_ns)
        pulse->latest_ns = now_ns;
    if (pulse->first_ns == 0 && requests == 0)
        return;
    if (pulse->first_ns == 0)
        pulse->first_ns = pulse->latest_ns;
    if (requests > 0)
        note(pulse, requests);
    judge(pulse);
}
