/* The promise about false alarms, in full: of 1,000 streams of 100,000 rows in which nothing
 * changes, each looked at after every 100 rows, how many ever say that something did? At alpha 0.05
 * no more than 50 may. Beside it what a p-value does that is looked at as often.
 *
 *     ninja -C build bench/drift_alarms && build/bench/drift_alarms
 *
 * And the delay: rows until a shift of 0.1, 0.2 and 0.5 deviations is believed, the median of 100.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "stats/stats.h"

#include "../tests/chance.h"

enum { STREAMS = 1000, ROWS = 100000, REFERENCE = 10000, LOOK = 100, BINS = 12, DELAYS = 100 };

static uint64_t seed;

static double chance(void)
{
    return test_chance(&seed);
}

static double normal(void)
{
    return sqrt(-2 * log(1 - chance())) * cos(6.283185307179586 * chance());
}

typedef struct stream {
    double edges[BINS - 1], reference[BINS], current[BINS];
    size_t n_edges;
} stream;

static void learn(stream *s, double *room)
{
    for (size_t i = 0; i < REFERENCE; i++)
        room[i] = normal();
    mw_sample sample = mw_sample_make(room, REFERENCE, 1, room, room + REFERENCE);
    s->n_edges = mw_bins_quantiles(&sample, BINS - 2, true, s->edges);
    mw_bins_count(&sample, s->edges, s->n_edges, s->reference);
    for (size_t i = 0; i < BINS; i++)
        s->current[i] = 0;
}

static void add(stream *s, double x)
{
    size_t bin = 0;
    for (size_t i = 0; i < s->n_edges; i++)
        bin += x > s->edges[i];
    s->current[bin]++;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double delay_of(double shift, double *room)
{
    stream s;
    learn(&s, room);
    for (size_t i = 1; i <= ROWS; i++) {
        add(&s, normal() + shift);
        if (i % LOOK == 0 && mw_counts_log_evidence(s.reference, s.current, BINS) >= log(20))
            return (double)i;
    }
    return ROWS;
}

int main(void)
{
    static double room[2 * REFERENCE], delays[DELAYS];
    static const double shifts[] = {0.1, 0.2, 0.5};
    size_t believed = 0, p_small = 0;
    for (size_t k = 0; k < STREAMS; k++) {
        stream s;
        bool e_alarmed = false, p_alarmed = false;
        learn(&s, room);
        for (size_t i = 1; i <= ROWS; i++) {
            add(&s, normal());
            if (i % LOOK != 0)
                continue;
            e_alarmed |= mw_counts_log_evidence(s.reference, s.current, BINS) >= log(20);
            p_alarmed |= mw_counts_chi_square(s.reference, s.current, BINS).p_value < 0.05;
        }
        believed += e_alarmed;
        p_small += p_alarmed;
    }
    printf("%d streams of %d rows, nothing changes, looked at every %d rows, alpha 0.05\n", STREAMS,
           ROWS, LOOK);
    printf("  e-value:    %zu ever alarmed (%.1f %%)\n", believed,
           100.0 * (double)believed / STREAMS);
    printf("  chi-square: %zu ever alarmed (%.1f %%)\n", p_small,
           100.0 * (double)p_small / STREAMS);
    for (size_t i = 0; i < MW_COUNT(shifts); i++) {
        for (size_t k = 0; k < DELAYS; k++)
            delays[k] = delay_of(shifts[i], room);
        qsort(delays, DELAYS, sizeof *delays, ascending);
        printf("  a shift of %.1f deviations is believed after %.0f rows\n", shifts[i],
               delays[DELAYS / 2]);
    }
    return 0;
}
