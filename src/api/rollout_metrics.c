/* See rollout_metrics.h. */
#include "rollout_metrics.h"

#include <math.h>

#include "route.h"

typedef struct rollout_page {
    mw_buf *out;
    mw_fleet *fleet;
    const struct family *family;
} rollout_page;

typedef struct family {
    const char *name, *type, *help;
    void (*write)(rollout_page *page, const mw_rollout_sight *sight);
} family;

static void put(rollout_page *page, const mw_rollout_sight *sight, const char *label,
                const char *value, double number)
{
    char text[MW_NUMBER_TEXT_BYTES];
    if (!isfinite(number))
        return; /* nothing is known yet */
    mw_buf_format(page->out, "%s{endpoint=\"%.*s\"", page->family->name,
                  MW_VIEW_ARG(sight->rollout->endpoint));
    if (label)
        mw_buf_format(page->out, ",%s=\"%s\"", label, value);
    mw_buf_text(page->out, "} ");
    mw_buf_bytes(page->out, text, mw_number_write_double(text, number, false));
    mw_buf_char(page->out, '\n');
}

static void put_state(rollout_page *page, const mw_rollout_sight *sight)
{
    put(page, sight, "state", mw_rollout_state_names[sight->rollout->state], 1);
}

static void put_step(rollout_page *page, const mw_rollout_sight *sight)
{
    put(page, sight, NULL, NULL, (double)sight->rollout->step + 1);
}

static void put_weight(rollout_page *page, const mw_rollout_sight *sight)
{
    put(page, sight, NULL, NULL, sight->weight);
}

static const char *const arms[MW_ARMS] = {"stable", "canary"};

static void put_requests(rollout_page *page, const mw_rollout_sight *sight)
{
    for (size_t a = 0; a < MW_ARMS; a++)
        put(page, sight, "arm", arms[a],
            sight->memory->arms[a].requests + sight->memory->all[a].requests);
}

static void put_errors(rollout_page *page, const mw_rollout_sight *sight)
{
    for (size_t a = 0; a < MW_ARMS; a++)
        put(page, sight, "arm", arms[a],
            sight->memory->arms[a].errors + sight->memory->all[a].errors);
}

static const mw_rollout_evidence *evidence(const mw_rollout_sight *sight, size_t m,
                                           const char **ret_name)
{
    *ret_name = mw_rollout_metric_names[sight->judgement->evidence[m].metric.kind];
    return &sight->judgement->evidence[m];
}

static void put_harm(rollout_page *page, const mw_rollout_sight *sight)
{
    const char *name;
    for (size_t m = 0; m < sight->judgement->n_evidence; m++) {
        const mw_rollout_evidence *e = evidence(sight, m, &name);
        put(page, sight, "metric", name, e->harm);
    }
}

static bool shadow_of(const rollout_page *page, const mw_rollout_sight *sight,
                      mw_shadow_counts *ret_counts)
{
    return mw_fleet_shadow(page->fleet, sight->rollout->endpoint.data, ret_counts);
}

static void put_shadow_values(rollout_page *page, const mw_rollout_sight *sight)
{
    mw_shadow_counts counts;
    if (shadow_of(page, sight, &counts))
        put(page, sight, NULL, NULL, (double)counts.values);
}

static void put_shadow_dropped(rollout_page *page, const mw_rollout_sight *sight)
{
    mw_shadow_counts counts;
    if (shadow_of(page, sight, &counts))
        put(page, sight, NULL, NULL, (double)counts.dropped);
}

static void put_shadow_different(rollout_page *page, const mw_rollout_sight *sight)
{
    mw_shadow_counts counts;
    if (shadow_of(page, sight, &counts) && counts.values > 0)
        put(page, sight, NULL, NULL, (double)counts.different / (double)counts.values);
}

static void put_shadow_difference(rollout_page *page, const mw_rollout_sight *sight)
{
    mw_shadow_counts counts;
    if (shadow_of(page, sight, &counts) && counts.values > 0)
        put(page, sight, NULL, NULL, counts.difference / (double)counts.values);
}

/* -1 regress, 0 unknown, 1 fine */
static void put_finding(rollout_page *page, const mw_rollout_sight *sight)
{
    static const double values[MW_N_FINDINGS] = {0, 1, -1};
    const char *name;
    for (size_t m = 0; m < sight->judgement->n_evidence; m++) {
        const mw_rollout_evidence *e = evidence(sight, m, &name);
        put(page, sight, "metric", name, values[e->finding]);
    }
}

static void put_servers(rollout_page *page, const mw_rollout_sight *sight)
{
    put(page, sight, NULL, NULL, sight->n_servers > 0 ? (double)sight->n_servers : 1);
}

static void put_unfair(rollout_page *page, const mw_rollout_sight *sight)
{
    const mw_rollout_judgement *j = sight->judgement;
    put(page, sight, NULL, NULL, j->is_split_broken || j->unlike < j->n_balance);
}

static const family families[] = {
    {"mw_rollout_state", "gauge", "1 for the state that the endpoint's rollout is in.", put_state},
    {"mw_rollout_step", "gauge", "Step of the rollout, from 1.", put_step},
    {"mw_rollout_weight", "gauge", "Share of the requests that the new version answers.",
     put_weight},
    {"mw_rollout_requests", "gauge", "Requests that the rollout has compared, of each version.",
     put_requests},
    {"mw_rollout_errors", "gauge", "Of them, those not answered with 200.", put_errors},
    {"mw_rollout_harm", "gauge", "Harm of the new version, by metric.", put_harm},
    {"mw_rollout_finding", "gauge", "1 the metric is fine, -1 it regresses, 0 not known yet.",
     put_finding},
    {"mw_rollout_servers", "gauge", "Servers whose evidence is added up.", put_servers},
    {"mw_rollout_unfair", "gauge", "1: the versions are not asked the same, and not compared.",
     put_unfair},
    {"mw_rollout_shadow_values", "gauge", "Values that the shadow has compared.",
     put_shadow_values},
    {"mw_rollout_shadow_different", "gauge", "Share of them that differ.", put_shadow_different},
    {"mw_rollout_shadow_difference", "gauge", "Mean of |old - new| over them.",
     put_shadow_difference},
    {"mw_rollout_shadow_dropped", "gauge", "Requests that the shadow had no place for.",
     put_shadow_dropped},
};

static void see(void *user, const mw_rollout_sight *sight)
{
    rollout_page *page = user;
    page->family->write(page, sight);
}

static void put_counts(mw_conductor *conductor, mw_buf *out, bool open)
{
    mw_conductor_counts counts;
    const char *name = open ? "mw_rollout_moves" : "mw_rollout_moves_total";
    mw_conductor_count(conductor, &counts);
    mw_buf_format(out,
                  "# HELP %s Moves that rollouts made by themselves.\n# TYPE %s counter\n"
                  "mw_rollout_moves_total{move=\"advance\"} %llu\n"
                  "mw_rollout_moves_total{move=\"promote\"} %llu\n"
                  "mw_rollout_moves_total{move=\"rollback\"} %llu\n",
                  name, name, (unsigned long long)counts.advanced,
                  (unsigned long long)counts.promoted, (unsigned long long)counts.rolled_back);
}

void api_rollout_metrics(mw_api *api, mw_buf *out, bool open)
{
    mw_conductor *conductor = api_conductor(api);
    rollout_page page = {.out = out, .fleet = api_fleet(api)};
    if (!conductor)
        return;
    for (size_t i = 0; i < MW_COUNT(families); i++) {
        page.family = &families[i];
        mw_buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", page.family->name, page.family->help,
                      page.family->name, page.family->type);
        mw_conductor_each(conductor, see, &page);
    }
    put_counts(conductor, out, open);
}
