/* False alarms of the watch over streams: silences and bursts found in traffic in which nothing is
 * wrong, by kind of traffic; 20 endpoints of 14 days each, looked at every second.
 *
 *     ninja -C build bench/stream_alarms && build/bench/stream_alarms
 *
 * The first day and the first week-end are new to it: what it says then is counted apart. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "monitor/watch.h"

#include "../tests/chance.h"

enum { ENDPOINTS = 20, DAYS = 14, DAY = 86400, KNOWN_DAYS = 8 };
#define SECOND UINT64_C(1000000000)

static uint64_t seed;

static double chance(void)
{
    return test_chance(&seed);
}

static uint64_t arrivals(double rate)
{
    uint64_t n = 0;
    if (rate > 30)
        return (uint64_t)fmax(0, rate + sqrt(rate) * sqrt(-2 * log(1 - chance())) *
                                            cos(6.283185307179586 * chance()));
    double product = chance(), limit = exp(-rate);
    for (; product > limit; n++)
        product *= chance();
    return n;
}

static double wave(uint64_t second, double low, double high)
{
    double hour = (double)(second % DAY) / 3600;
    return low + (high - low) * pow(fmax(0, sin((hour - 6) / 24 * 6.283185307179586)), 2);
}

static double steady(uint64_t second)
{
    (void)second;
    return 5;
}

static double seldom(uint64_t second)
{
    (void)second;
    return 0.02;
}

static double night_and_day(uint64_t second)
{
    return wave(second, 0.02, 40);
}

static double office(uint64_t second)
{
    uint64_t day = second / DAY % 7, hour = second % DAY / 3600;
    return day < 5 && hour >= 8 && hour < 18 ? 2 : 0;
}

static double batches(uint64_t second)
{
    return second % 600 < 5 ? 100 : 0;
}

/* Visitors come in sessions: a rate that itself wanders by a factor of ten within minutes. */
static double sessions(uint64_t second)
{
    static double level;
    if (second % 20 == 0)
        level =
            0.9 * level + 0.6 * sqrt(-2 * log(1 - chance())) * cos(6.283185307179586 * chance());
    return wave(second, 0.05, 3) * exp(level);
}

int main(void)
{
    static const struct kind {
        const char *name;
        double (*rate)(uint64_t second);
    } kinds[] = {{"steady, 5 a second", steady},         {"one in 50 seconds", seldom},
                 {"night and day", night_and_day},       {"office hours, five days", office},
                 {"a batch every ten minutes", batches}, {"sessions", sessions}};
    printf("%-28s %10s %22s %22s\n", "", "days", "silences (first 8 d)", "bursts (first 8 d)");
    for (size_t k = 0; k < MW_COUNT(kinds); k++) {
        size_t silences[2] = {0}, bursts[2] = {0};
        for (size_t e = 0; e < ENDPOINTS; e++) {
            watch_pulse *pulse = calloc(1, sizeof *pulse);
            seed = 1000 * k + e;
            for (uint64_t s = 0; pulse && s < (uint64_t)DAYS * DAY; s++) {
                bool silent = pulse->found.is_silent, burst = pulse->found.is_burst;
                uint64_t at = UINT64_C(1699833600) + s; /* a Monday, 0 o'clock */
                watch_pulse_beat(pulse, at * SECOND, arrivals(kinds[k].rate(s)));
                silences[s >= KNOWN_DAYS * DAY] += pulse->found.is_silent && !silent;
                bursts[s >= KNOWN_DAYS * DAY] += pulse->found.is_burst && !burst;
            }
            free(pulse);
        }
        printf("%-28s %10d %12zu %9zu %12zu %9zu\n", kinds[k].name, ENDPOINTS * DAYS, silences[1],
               silences[0], bursts[1], bursts[0]);
    }
    return 0;
}
