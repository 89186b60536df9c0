/* What rollouts conclude of traffic whose truth is known: five bad versions, an equal and a better
 * one, two arms of one step, looked at after every 100 requests, and, from 10,000 on, after each
 * hundredth more. What is allowed (the tolerance) is half of the harm that is there.
 *
 *     ninja -C build bench/release_judge && build/bench/release_judge [RUNS]
 *
 * Each line: how many of RUNS (500) runs rolled back and promoted; requests an arm until the
 * rollback, in the mean; and what the best test of a fixed number of requests needs at the same
 * level to find so many: best, because it is told the size of the harm, which nobody knows
 * beforehand. It decides at its end alone; ours may be looked at for ever.
 *
 *     fixed = (z of the level + z of the power)^2 * (variances of both) / (harm - tolerance)^2
 *
 * with the power at the share that ours caught, 0.99 at most. The exit code is 1 when an equal
 * version is rolled back more often than the level allows beyond chance, a bad one is kept, or a
 * better one is rolled back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "release/release.h"
#include "stats/stats.h"

#include "../tests/chance.h"

enum { LOOK = 100, REQUESTS_MAX = 8000000, RUNS = 500, GROUPS = 3 };

static uint64_t seed;

static double normal(void)
{
    double u = test_chance(&seed), v = test_chance(&seed);
    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

/* z whose upper tail is `tail`: by halving, for a table of few. */
static double normal_quantile(double tail)
{
    double low = -9, high = 9;
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        *(mw_normal_tail(middle) > tail ? &low : &high) = middle;
    }
    return low;
}

/* ---- versions -------------------------------------------------------------------------------- */

/* What a request adds to its arm; `size`: of what its version does. */
typedef void serve_one(mw_arm *arm, double size);

static void serve_error(mw_arm *arm, double share)
{
    arm->errors += test_chance(&seed) < share;
}

static void serve_slowly(mw_arm *arm, double factor)
{
    double x = log(2e6 * factor) + 0.5 * normal();
    arm->latency_n++;
    arm->latency_sum += x;
    arm->latency_squares += x * x;
    arm->latencies[mw_latency_bin((uint64_t)exp(x))]++;
}

static void serve_off(mw_arm *arm, double off)
{
    double score = 0.2 + 0.6 * test_chance(&seed);
    double residual = (test_chance(&seed) < score) - (score + off);
    arm->residual_n++;
    arm->residual_sum += residual;
    arm->residual_squares += residual * residual;
}

static void serve_unevenly(mw_arm *arm, double gap)
{
    size_t group = (size_t)(GROUPS * test_chance(&seed)) % GROUPS;
    double decision = test_chance(&seed) < 0.6 - (group == 2 ? gap : 0);
    arm->group_n[group]++;
    arm->group_sum[group] += decision;
    arm->group_squares[group] += decision;
}

/* Scores of a calibrated model: x of both classes normal, `apart` deviations; what is reported is
 * the logarithm of the probability that the truth was given. */
static void serve_rank(mw_arm *arm, double apart)
{
    int truth = test_chance(&seed) < 0.5;
    double x = normal() + (truth ? apart / 2 : -apart / 2);
    double reward = -log1p(exp(truth ? -apart * x : apart * x));
    arm->outcome_n++;
    arm->outcome_sum += reward;
    arm->outcome_squares += reward * reward;
}

typedef struct nature {
    const char *name;
    mw_rollout_metric_kind metric;
    double tolerance;
    serve_one *serve;
    double usual, canary;  /* its size, of both arms; of serve_rank: the AUC (sized) */
    double harm, variance; /* on the scale of the test; variance of one request, both arms' sum */
} nature;

static const nature natures[] = {
    {"equal: errors 5 %", MW_METRIC_ERRORS, 1e-4, serve_error, 0.05, 0.05, 0, 0},
    {"equal: latency", MW_METRIC_LATENCY, 1e-3, serve_slowly, 1, 1, 0, 0},
    {"equal: calibration", MW_METRIC_CALIBRATION, 1e-3, serve_off, 0, 0, 0, 0},
    {"equal: fairness", MW_METRIC_FAIRNESS, 1e-3, serve_unevenly, 0, 0, 0, 0},
    {"equal: outcomes, AUC 0.80", MW_METRIC_OUTCOME, 1e-4, serve_rank, 0.8, 0.8, 0, 0},
    {"errors 5 to 7 %", MW_METRIC_ERRORS, 0.01, serve_error, 0.05, 0.07, 0.02,
     0.05 * 0.95 + 0.07 * 0.93},
    {"a fifth slower", MW_METRIC_LATENCY, 0.0954, serve_slowly, 1, 1.2, 0.18232, 2 * 0.25},
    {"scores off by 0.06", MW_METRIC_CALIBRATION, 0.03, serve_off, 0, 0.06, 0.06, 2 * 0.22},
    {"a group treated worse by 0.12", MW_METRIC_FAIRNESS, 0.06, serve_unevenly, 0, 0.12, 0.12,
     GROUPS *(2 * 0.24 + 0.24 + 0.25)},
    {"AUC 0.80 to 0.79", MW_METRIC_OUTCOME, 0.005, serve_rank, 0.8, 0.79, 0, 0},
    {"better: errors 5 to 2 %", MW_METRIC_ERRORS, 0.005, serve_error, 0.05, 0.02, 0, 0},
};

/* ---- runs ------------------------------------------------------------------------------------ */

static mw_rollout_document document_of(const nature *n)
{
    mw_rollout_document document;
    mw_rollout_document_init(&document, MW_CANARY);
    document.n_metrics = 1;
    document.metrics[0] = (mw_rollout_metric){n->metric, n->tolerance, true};
    document.n_steps = 1;
    document.steps[0].weight = 0.5;
    return document;
}

/* An AUC as the deviations that it takes: a quantile, once and not for each request. */
static nature sized(const nature *n)
{
    nature found = *n;
    if (n->serve == serve_rank) {
        found.usual = sqrt(2) * normal_quantile(1 - n->usual);
        found.canary = sqrt(2) * normal_quantile(1 - n->canary);
    }
    return found;
}

/* What it came to, and after how many requests an arm. */
static mw_rollout_action run(const nature *n, size_t most, double *ret_requests)
{
    mw_rollout_memory memory;
    mw_rollout_judgement judgement;
    mw_rollout_decision decision = {0};
    const mw_rollout_document document = document_of(n);
    const mw_rollout_position position = {.state = MW_ROLLOUT_RUNNING};
    mw_rollout_memory_init(&memory);
    memory.weight = 0.5;
    for (size_t done = 0; done < most;) {
        size_t look = done / 100 > LOOK ? done / 100 : LOOK;
        done += look;
        for (size_t i = 0; i < look; i++) {
            bool is_canary = test_chance(&seed) < 0.5;
            memory.arms[is_canary].requests++;
            n->serve(&memory.arms[is_canary], is_canary ? n->canary : n->usual);
        }
        mw_rollout_judge(&document, &memory, &judgement);
        mw_rollout_decide(&document, &position, &judgement, (int64_t)done * 10, &decision);
        *ret_requests = (double)done / 2;
        if (decision.action == MW_ACTION_ROLL_BACK || decision.action == MW_ACTION_PROMOTE ||
            decision.action == MW_ACTION_ADVANCE)
            break;
    }
    return decision.action;
}

/* Harm and variance of the outcomes, which have no short formula: by simulation. */
static nature measured(const nature *n)
{
    enum { DRAWS = 4000000 };
    nature found = *n;
    if (n->metric != MW_METRIC_OUTCOME || n->usual == n->canary)
        return found;
    mw_arm arms[2] = {{0}};
    for (size_t i = 0; i < 2 * (size_t)DRAWS; i++)
        n->serve(&arms[i % 2], i % 2 ? n->canary : n->usual);
    for (size_t a = 0; a < 2; a++) {
        double mean = arms[a].outcome_sum / DRAWS;
        found.harm += a ? -mean : mean;
        found.variance += arms[a].outcome_squares / DRAWS - mean * mean;
    }
    return found;
}

static double fixed_requests(const nature *n, double alpha, double caught)
{
    double z = normal_quantile(alpha) + normal_quantile(1 - fmin(caught, 0.99));
    double beyond =
        n->metric == MW_METRIC_LATENCY ? n->harm - log1p(n->tolerance) : n->harm - n->tolerance;
    return z * z * n->variance / (beyond * beyond);
}

static bool is_kept_promise(const nature *n, unsigned runs, unsigned back, double alpha)
{
    bool is_equal = n->usual == n->canary, is_better = n->name[0] == 'b';
    double chance = 3 * sqrt(alpha * (1 - alpha) * runs);
    return is_better ? back == 0 : is_equal ? back <= alpha * runs + chance : back >= 0.9 * runs;
}

static bool tell(const nature *given, unsigned runs)
{
    const nature of = sized(given), n = measured(&of);
    bool is_equal = n.usual == n.canary;
    unsigned back = 0, promoted = 0;
    double sum = 0, requests, alpha = document_of(&n).alpha;
    for (unsigned i = 0; i < runs; i++) {
        seed = 1000003u * (uint64_t)(given - natures) + i + 1;
        mw_rollout_action action = run(&n, is_equal ? 20000 : REQUESTS_MAX, &requests);
        promoted += action == MW_ACTION_PROMOTE || action == MW_ACTION_ADVANCE;
        back += action == MW_ACTION_ROLL_BACK;
        sum += action == MW_ACTION_ROLL_BACK ? requests : 0;
    }
    printf("%-31s back %3u of %u, promoted %3u", n.name, back, runs, promoted);
    if (n.variance > 0) {
        double ours = sum / back, fixed = fixed_requests(&n, alpha, (double)back / runs);
        printf("; requests an arm %8.0f, fixed %8.0f: %.2f x", ours, fixed, ours / fixed);
    }
    printf("\n");
    fflush(stdout);
    return is_kept_promise(&n, runs, back, alpha);
}

int main(int argc, char **argv)
{
    unsigned runs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : RUNS;
    bool is_good = runs > 0;
    for (size_t i = 0; i < MW_COUNT(natures) && runs > 0; i++)
        is_good = tell(&natures[i], runs) && is_good;
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
