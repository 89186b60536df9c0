/* From a few runs to a curve and its knee. Pure but for the runner. */
#include "load.h"

#include <math.h>

#define FAILED_SHARE_MAX 0.001
#define ANSWERED_SHARE_MIN 0.98
#define MS UINT64_C(1000000)

double mw_load_ok_rps(const mw_load_result *result)
{
    return result->seconds > 0 ? (double)result->ok / result->seconds : 0;
}

void mw_load_judge(mw_load_step *step, uint64_t objective_ns)
{
    const mw_load_result *r = &step->result;
    double due = (double)r->due;
    step->why = "";
    if (r->due == 0)
        step->why = "nothing was due";
    else if ((double)r->refused > FAILED_SHARE_MAX * due)
        step->why = "load is shed";
    else if ((double)(r->failed + r->broken) > FAILED_SHARE_MAX * due)
        step->why = "requests fail";
    else if ((double)r->timeouts > FAILED_SHARE_MAX * due)
        step->why = "requests time out";
    else if ((double)r->ok < ANSWERED_SHARE_MIN * due)
        step->why = "it does not keep up";
    else if (mw_load_quantile(&r->latency, 0.99) > objective_ns)
        step->why = "p99 is beyond the objective";
    step->is_good = step->why[0] == '\0';
}

uint64_t mw_load_quiet_objective(const mw_load_result *quiet)
{
    uint64_t by_median = 5 * mw_load_quantile(&quiet->latency, 0.5);
    uint64_t by_tail = 2 * mw_load_quantile(&quiet->latency, 0.99);
    uint64_t more = by_median > by_tail ? by_median : by_tail;
    return more > MS ? more : MS;
}

/* ---- the search ------------------------------------------------------------------------------ */

static void count_good(mw_load_curve *curve)
{
    curve->n_good = 0;
    while (curve->n_good < curve->n_steps && curve->steps[curve->n_good].is_good)
        curve->n_good++;
}

/* A bad step is run once more: an interruption by others on the machine is no limit of the server,
 * and a limit is found again. */
static mw_status run_step(const mw_load_search *search, mw_load_curve *curve, double rps,
                          mw_load_step *step, mw_error *err)
{
    for (int turn = 0; turn < 2; turn++) {
        memset(step, 0, sizeof *step);
        MW_TRY(search->run(search->user, rps, step, err));
        uint64_t objective_ns =
            curve->objective_ns ? curve->objective_ns : mw_load_quiet_objective(&step->result);
        mw_load_judge(step, objective_ns);
        if (step->is_good)
            break;
    }
    if (curve->objective_ns == 0)
        curve->objective_ns = mw_load_quiet_objective(&step->result);
    return MW_OK;
}

/* Run at `rps` and put the step where its rate belongs. */
static mw_status add_step(const mw_load_search *search, mw_load_curve *curve, double rps,
                          mw_error *err)
{
    size_t at = curve->n_steps;
    if (at == MW_LOAD_STEPS_MAX)
        return MW_OK;
    while (at > 0 && curve->steps[at - 1].result.offered_rps > rps)
        at--;
    mw_load_step *step = &curve->steps[at];
    memmove(step + 1, step, (curve->n_steps - at) * sizeof *step);
    mw_status status = run_step(search, curve, rps, step, err);
    if (status != MW_OK) {
        memmove(step, step + 1, (curve->n_steps - at) * sizeof *step);
        return status;
    }
    curve->n_steps++;
    count_good(curve);
    if (search->on_step)
        search->on_step(search->user, step);
    return MW_OK;
}

/* Up to the rate that the server reached when it was pressed, and a little beyond; once two steps
 * are bad the curve has been seen. */
static mw_status climb(const mw_load_search *search, mw_load_curve *curve, mw_error *err)
{
    static const double shares[] = {0.05, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95, 1.05, 1.2, 1.5, 2, 3};
    for (size_t i = 0; i < MW_COUNT(shares); i++) {
        MW_TRY(add_step(search, curve, fmax(1, curve->probe_rps * shares[i]), err));
        if (curve->n_steps >= curve->n_good + 2)
            break;
    }
    return MW_OK;
}

/* Three times, the middle between the last good rate and the first bad one. */
static mw_status halve(const mw_load_search *search, mw_load_curve *curve, mw_error *err)
{
    for (int i = 0; i < 3; i++) {
        if (curve->n_good == 0 || curve->n_good == curve->n_steps)
            break;
        double low = curve->steps[curve->n_good - 1].result.offered_rps;
        double high = curve->steps[curve->n_good].result.offered_rps;
        if (high - low < fmax(1, 0.03 * high))
            break;
        MW_TRY(add_step(search, curve, (low + high) / 2, err));
    }
    return MW_OK;
}

mw_status mw_load_find(const mw_load_search *search, mw_load_curve *ret_curve, mw_error *err)
{
    mw_load_curve *curve = ret_curve;
    memset(curve, 0, sizeof *curve);
    curve->objective_ns = search->objective_ns;
    curve->objective_is_given = search->objective_ns > 0;
    for (size_t i = 0; search->rates && i < search->n_rates; i++)
        MW_TRY(add_step(search, curve, search->rates[i], err));
    if (search->rates)
        return MW_OK;
    mw_load_step *probe = &curve->steps[0]; /* a place to work in; the first step takes it over */
    memset(probe, 0, sizeof *probe);
    MW_TRY(search->run(search->user, 0, probe, err));
    curve->probe_rps = mw_load_ok_rps(&probe->result);
    curve->probe_cores = probe->server_cores;
    if (curve->probe_rps <= 0) {
        mw_fail(err, MW_E_LOAD_NOTHING, "not one request was answered well");
        if (probe->result.status)
            mw_why(err, "the server answered with status %d", probe->result.status);
        return mw_mend(err, "send one request by hand and look at the answer");
    }
    MW_TRY(climb(search, curve, err));
    return halve(search, curve, err);
}
