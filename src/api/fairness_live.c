/* How groups are treated on live traffic: what the journal found, as JSON and in /metrics.
 *
 *     GET /mw/v1/endpoints/{name}/fairness --> the newest reports, by version and attribute */
#include "drift.h"
#include "feedback.h"
#include "look.h"

#include <math.h>

/* ---- JSON ------------------------------------------------------------------------------------ */

typedef struct telling {
    mw_buf *out;
    size_t n;
    mw_fair_verdict worst;
} telling;

static void tell(void *user, const mw_fair_report *report)
{
    telling *t = user;
    mw_buf_text(t->out, t->n++ ? ",\n" : "\n");
    mw_fair_report_write(report, t->out);
    for (size_t i = 0; i < report->n_found && !report->is_inactive; i++) {
        mw_fair_verdict verdict = report->found[i].verdict;
        bool is_worse = verdict == MW_FAIR_BROKEN ||
                        (verdict == MW_FAIR_UNDECIDED && t->worst != MW_FAIR_BROKEN);
        t->worst = is_worse ? verdict : t->worst;
    }
}

static void see_nothing(void *user, const mw_endpoint_info *info)
{
    (void)user;
    (void)info;
}

static void skip(void *user, const mw_fair_report *report)
{
    (void)user;
    (void)report;
}

bool api_compares_groups(mw_api *api, mw_view endpoint)
{
    return api_journal(api) && mw_journal_each_fairness(api_journal(api), endpoint, skip, NULL);
}

static mw_status tell_all(mw_api *api, mw_view name, telling *t, mw_error *err)
{
    mw_journal *journal = api_journal(api);
    if (!api_find_endpoint(api, name, see_nothing, NULL))
        return api_fail_unknown(api, name, err);
    mw_buf_text(t->out, "{\"endpoint\":");
    mw_json_write_text(t->out, name);
    mw_buf_text(t->out, ",\"attributes\":[");
    if (journal && mw_journal_each_fairness(journal, name, tell, t)) {
        bool has_limits = t->worst != MW_N_FAIR_VERDICTS;
        mw_buf_format(t->out, "],\"verdict\":%s%s%s}", has_limits ? "\"" : "",
                      has_limits ? mw_fair_verdict_names[t->worst] : "null",
                      has_limits ? "\"" : "");
        return MW_OK;
    }
    mw_buf_reset(t->out);
    mw_fail(err, MW_E_JOURNAL_OFF, "nobody has said whose treatment by '%.*s' is compared",
            MW_VIEW_ARG(name));
    return mw_mend(err, "fairness_groups: sex in its endpoint of millwright.yaml, and --log on");
}

void api_fairness(mw_api *api, mw_exchange *exchange, const api_asked *asked)
{
    mw_error err;
    telling t = {exchange->reply, 0, MW_N_FAIR_VERDICTS};
    if (tell_all(api, asked->params.name, &t, &err) == MW_OK)
        api_answer_json(exchange);
    else
        api_answer_error(exchange, &err);
}

/* ---- metrics --------------------------------------------------------------------------------- */

static void put_label(mw_buf *out, const char *name, const char *value)
{
    mw_buf_format(out, ",%s=\"", name);
    api_write_label(out, mw_view_of(value));
    mw_buf_char(out, '"');
}

static void begin_line(mw_buf *out, const char *family, const mw_fair_report *report)
{
    mw_buf_format(out, "%s{version=\"%u\",model=\"%016llx\"", family, report->version,
                  (unsigned long long)report->model);
    put_label(out, "endpoint", report->endpoint);
    put_label(out, "attribute", report->attribute);
}

static void end_line(mw_buf *out, double value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_text(out, "} ");
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
    mw_buf_char(out, '\n');
}

/* One family after another, each over all reports. */
typedef struct family {
    const char *name, *help;
    void (*put)(const char *name, const mw_fair_report *report, mw_buf *out);
    mw_buf *out;
} family;

static void put_group_line(const char *name, const mw_fair_report *report, const mw_fair_group *g,
                           double value, mw_buf *out)
{
    begin_line(out, name, report);
    put_label(out, "group", g->name);
    end_line(out, value);
}

static void put_rows(const char *name, const mw_fair_report *report, mw_buf *out)
{
    for (size_t g = 0; g < report->n_groups; g++)
        put_group_line(name, report, &report->groups[g], report->groups[g].rows, out);
}

static void put_labels(const char *name, const mw_fair_report *report, mw_buf *out)
{
    for (size_t g = 0; g < report->n_groups; g++)
        put_group_line(name, report, &report->groups[g],
                       mw_confusion_total(&report->groups[g].labelled), out);
}

static void put_rates(const char *name, const mw_fair_report *report, mw_buf *out)
{
    for (size_t g = 0; g < report->n_groups; g++)
        for (mw_outcome_rate rate = 0; rate < MW_N_RATES; rate++) {
            const mw_fair_group *group = &report->groups[g];
            double value = mw_fair_group_rate(group, rate);
            if (isnan(value))
                continue;
            begin_line(out, name, report);
            put_label(out, "group", group->name);
            put_label(out, "rate", mw_outcome_rate_name(rate));
            end_line(out, value);
        }
}

static void put_found(const char *name, const mw_fair_report *report, const mw_fair_found *f,
                      double value, mw_buf *out)
{
    if (isnan(value))
        return;
    begin_line(out, name, report);
    put_label(out, "measure", f->limit.measure->name);
    end_line(out, value);
}

#define PUTS_FOUND(function, expression)                                              \
    static void function(const char *name, const mw_fair_report *report, mw_buf *out) \
    {                                                                                 \
        for (size_t i = 0; i < report->n_found; i++) {                                \
            const mw_fair_found *f = &report->found[i];                               \
            put_found(name, report, f, expression, out);                              \
        }                                                                             \
    }
PUTS_FOUND(put_values, f->value)
PUTS_FOUND(put_lows, f->low)
PUTS_FOUND(put_highs, f->high)
PUTS_FOUND(put_limits, f->limit.bound)
PUTS_FOUND(put_broken, f->verdict == MW_FAIR_BROKEN && !report->is_inactive)

static void put_unequal(const char *name, const mw_fair_report *report, mw_buf *out)
{
    begin_line(out, name, report);
    end_line(out, report->is_coverage_unequal && !report->is_inactive);
}

static void put_small(const char *name, const mw_fair_report *report, mw_buf *out)
{
    double n = 0;
    for (size_t g = 0; g < report->n_groups; g++)
        n += report->groups[g].is_small;
    begin_line(out, name, report);
    end_line(out, n);
}

static void see_report(void *user, const mw_fair_report *report)
{
    const family *f = user;
    f->put(f->name, report, f->out);
}

void api_fairness_metrics(mw_api *api, mw_buf *out)
{
    static const family families[] = {
        {"mw_fairness_rows", "Predictions of a group in the window.", put_rows, NULL},
        {"mw_fairness_labels", "Of them, how many are labelled.", put_labels, NULL},
        {"mw_fairness_rate", "What share of a group is selected, and how rightly.", put_rates,
         NULL},
        {"mw_fairness_gap", "How far groups lie apart, by the measures of fairness_limits.",
         put_values, NULL},
        {"mw_fairness_gap_low", "Lower end of its interval, which holds at all times.", put_lows,
         NULL},
        {"mw_fairness_gap_high", "Upper end of it.", put_highs, NULL},
        {"mw_fairness_limit", "The limit of a gap.", put_limits, NULL},
        {"mw_fairness_broken", "1: the whole interval lies beyond the limit.", put_broken, NULL},
        {"mw_fairness_small_groups", "Groups of too few rows to be judged.", put_small, NULL},
        {"mw_fairness_labels_unequal",
         "1: groups are labelled so unequally often that rates of labelled rows mislead.",
         put_unequal, NULL},
    };
    if (!api_journal(api))
        return;
    for (size_t i = 0; i < MW_COUNT(families); i++) {
        family f = families[i];
        f.out = out;
        mw_buf_format(out, "# HELP %s %s\n# TYPE %s gauge\n", f.name, f.help, f.name);
        mw_journal_each_fairness(api_journal(api), MW_VIEW(""), see_report, &f);
    }
}
