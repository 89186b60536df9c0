/* How many at a time; see plan.h. */
#include "plan.h"

#include <math.h>

/* Latency may be half as much again as the uncrowded before the limit shrinks. A quarter, as Envoy
 * has it, idles an eighth of eight workers: what is known of the uncrowded latency is off by a
 * fifth at times. */
static const double slack = 1.5;
/* How far a window corrects what is known of it: a probe that found a longer one, others that found
 * a shorter one. A probe that found a shorter one is right: others were crowded themselves. */
static const double longer_weight = 0.5, lower_weight = 0.25;
/* A probe allows a quarter of the limit. Where it finds a much shorter latency the next comes soon:
 * a quarter of a limit that is far too high is too high, too. */
static const double much_shorter = 0.8;
enum { PROBE_PART = 4, SOON_PART = 8 };
/* What is in flight says nothing about the limit below half of it. */
static const double crowded_part = 0.5;
/* More than this, and where one works all alone the limit could not come near 1. */
static const double headroom = 0.5;

void mw_limit_init(mw_limit *limit, const mw_limit_law *law)
{
    *limit = (mw_limit){.value = law->first};
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

unsigned mw_limit_now(const mw_limit *limit, const mw_limit_law *law)
{
    double value = limit->is_probing ? limit->value / PROBE_PART : limit->value;
    return (unsigned)clamp(value, law->least, law->most);
}

/* Whether another probe should come soon. */
static bool learn_uncrowded(mw_limit *limit, double latency_ns, bool is_crowded)
{
    double known_ns = limit->uncrowded_ns;
    bool is_shorter = latency_ns < known_ns, is_alone = limit->most_in_flight <= 1;
    bool is_trusted = limit->is_probing || !is_crowded || is_alone;
    double weight = is_trusted ? (is_shorter ? 1 : longer_weight) : is_shorter ? lower_weight : 0;
    limit->uncrowded_ns += (known_ns == 0 ? 1 : weight) * (latency_ns - known_ns);
    return known_ns == 0 || (limit->is_probing && latency_ns < much_shorter * known_ns);
}

static void move(mw_limit *limit, const mw_limit_law *law, double latency_ns)
{
    double gradient = clamp(slack * limit->uncrowded_ns / latency_ns, 0.5, 1);
    double next = limit->value * gradient + headroom * sqrt(limit->value);
    if (next > limit->value && limit->most_in_flight < (unsigned)limit->value)
        return; /* it was not what held anyone back */
    limit->value = clamp(next, law->least, law->most);
}

static void close_window(mw_limit *limit, const mw_limit_law *law, uint64_t now_ns)
{
    double latency_ns = exp(limit->log_sum / limit->n_samples);
    bool is_crowded = limit->most_in_flight > crowded_part * limit->value;
    bool was_probing = limit->is_probing;
    bool is_soon = learn_uncrowded(limit, latency_ns, is_crowded);
    if (!was_probing && is_crowded)
        move(limit, law, latency_ns);
    if (was_probing || is_soon)
        limit->probe_at_ns = now_ns + law->probe_ns / (is_soon ? SOON_PART : 1);
    limit->is_probing =
        !was_probing && is_crowded && limit->value >= 2 && now_ns >= limit->probe_at_ns;
    /* what began before a probe was crowded */
    limit->n_skipped = limit->is_probing || was_probing ? (unsigned)limit->value : 0;
    limit->log_sum = 0;
    limit->n_samples = limit->most_in_flight = 0;
    limit->began_ns = now_ns;
}

void mw_limit_note(mw_limit *limit, const mw_limit_law *law, uint64_t now_ns, uint64_t latency_ns,
                   unsigned in_flight)
{
    if (limit->began_ns == 0)
        limit->began_ns = now_ns;
    if (limit->n_skipped > 0) {
        limit->n_skipped--;
        return;
    }
    limit->log_sum += log((double)latency_ns + 1);
    limit->n_samples++;
    if (in_flight > limit->most_in_flight)
        limit->most_in_flight = in_flight;
    if (limit->n_samples >= law->window_samples && now_ns - limit->began_ns >= law->window_ns)
        close_window(limit, law, now_ns);
}
