/* What a machine does to those who ask nothing of it: on each core a thread that only reads the
 * clock (spin), or sleeps until a moment and looks how late it is (wake).
 *
 *     hiccup spin|wake SECONDS CORE...     a line of JSON, microseconds of the worst core
 *
 * Of spin, the delay of somebody who comes at any moment: of a gap of g he waits g at most, so that
 *
 *     P(delay > d) = sum of max(0, g - d) over the gaps / the whole time
 *
 * A server's tail has no goal below these: it needs the core for its work, too. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

enum {
    CORES_MAX = 64,
    DELAYS_MAX = 1 << 21, /* of wake: seven minutes */
    STEP_NS = 200000,
    LEAST_GAP_NS = 1000 /* shorter ones are the loop itself */
};

typedef struct watch {
    pthread_t thread;
    int core;
    bool sleeps;
    uint64_t end_ns, whole_ns;
    uint64_t *delays; /* gaps of spin, lateness of wake */
    size_t n;
} watch;

static void note(watch *self, uint64_t delay_ns)
{
    if (self->n < DELAYS_MAX)
        self->delays[self->n++] = delay_ns;
}

static void spin(watch *self)
{
    uint64_t last_ns = mw_clock_ns();
    while (last_ns < self->end_ns) {
        uint64_t now_ns = mw_clock_ns();
        if (now_ns - last_ns >= LEAST_GAP_NS)
            note(self, now_ns - last_ns);
        last_ns = now_ns;
    }
}

static void wake(watch *self)
{
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (uint64_t due_ns = (uint64_t)due.tv_sec * 1000000000 + (uint64_t)due.tv_nsec;
         due_ns < self->end_ns; due_ns += STEP_NS) {
        due.tv_sec = (time_t)(due_ns / 1000000000);
        due.tv_nsec = (long)(due_ns % 1000000000);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        uint64_t now_ns = mw_clock_ns();
        note(self, now_ns > due_ns ? now_ns - due_ns : 0);
    }
}

static void *run(void *user)
{
    watch *self = user;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(self->core, &cores);
    if (pthread_setaffinity_np(pthread_self(), sizeof cores, &cores) != 0) {
        fprintf(stderr, "hiccup: there is no core %d here\n", self->core);
        exit(1);
    }
    if (self->sleeps)
        wake(self);
    else
        spin(self);
    return NULL;
}

static int falling(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

/* The delay that a part of those who come passes; delays fall. */
static double beyond(const watch *self, double part)
{
    double budget = part * (double)self->whole_ns, sum = 0;
    if (self->n == 0)
        return 0;
    if (self->sleeps)
        return (double)self->delays[(size_t)((double)self->n * part)];
    for (size_t i = 0; i < self->n; i++) {
        sum += (double)self->delays[i];
        double delay = (sum - budget) / (double)(i + 1);
        if (delay >= 0 && (i + 1 == self->n || delay >= (double)self->delays[i + 1]))
            return delay;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static watch watches[CORES_MAX];
    int n = argc - 3;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 0, worst[3] = {0};
    bool sleeps = argc > 1 && mw_view_is(mw_view_of(argv[1]), "wake");
    if (n < 1 || n > CORES_MAX || !(seconds > 0 && seconds <= 400)) {
        fprintf(stderr, "hiccup spin|wake SECONDS CORE...\n");
        return 2;
    }
    uint64_t begin_ns = mw_clock_ns(), whole_ns = (uint64_t)(seconds * 1e9);
    for (int i = 0; i < n; i++) {
        watches[i] = (watch){.core = (int)strtol(argv[3 + i], NULL, 10),
                             .sleeps = sleeps,
                             .end_ns = begin_ns + whole_ns,
                             .whole_ns = whole_ns,
                             .delays = malloc(DELAYS_MAX * sizeof(uint64_t))};
        if (!watches[i].delays || pthread_create(&watches[i].thread, NULL, run, &watches[i]) != 0)
            return 1;
    }
    for (int i = 0; i < n; i++) {
        watch *one = &watches[i];
        pthread_join(one->thread, NULL);
        qsort(one->delays, one->n, sizeof *one->delays, falling);
        const double found[] = {beyond(one, 0.01), beyond(one, 0.001),
                                one->n > 0 ? (double)one->delays[0] : 0};
        for (size_t k = 0; k < MW_COUNT(worst); k++)
            worst[k] = fmax(worst[k], found[k]);
        free(one->delays);
    }
    printf("{\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f}\n", worst[0] / 1e3,
           worst[1] / 1e3, worst[2] / 1e3);
    return 0;
}
