/* What moves predictions, and whether that has changed: "contributions" of /drift, and families of
 * /metrics. Of versions whose contributions are watched; of others there is nothing. */
#include <math.h>
#include <stdlib.h>

#include "drift.h"

enum { FEATURES_MAX = MW_LIMIT_WATCHED_FEATURES };

/* From here on a change of its share is told in words. */
#define LEANS_FROM 0.05

typedef struct contributed {
    mw_monitor *monitor;
    mw_buf *out;
    mw_watch_report report;
    mw_watched *columns;              /* FEATURES_MAX */
    mw_watch_importance *importances; /* the same */
    double rows;                      /* explained, in the last minutes */
    mw_watch_scope scope;             /* whose rows are told of */
} contributed;

static bool take_room(contributed *all)
{
    all->columns = calloc(FEATURES_MAX, sizeof *all->columns);
    all->importances = calloc(FEATURES_MAX, sizeof *all->importances);
    return all->columns && all->importances;
}

static void done(contributed *all)
{
    free(all->columns);
    free(all->importances);
}

/* A version that nobody asks any more is judged no more, whatever its last rows were. */
static void let_rest(contributed *all, bool is_inactive)
{
    for (size_t c = 0; is_inactive && c < all->report.n_features; c++)
        all->columns[c].drifted = false;
    all->report.n_drifted = is_inactive ? 0 : all->report.n_drifted;
}

static bool look(contributed *all, const mw_endpoint_info *info, const api_drift_asked *asked)
{
    unsigned number = info->version | MW_WATCH_CONTRIBUTIONS;
    double seconds = (double)asked->seconds;
    bool found = asked->scope == MW_WATCH_OF_THIS
                     ? mw_monitor_alone(all->monitor, info->name, number, seconds, &all->report,
                                        all->columns, FEATURES_MAX)
                 : seconds > 0 ? mw_monitor_window(all->monitor, info->name, number, seconds,
                                                   &all->report, all->columns, FEATURES_MAX)
                               : mw_monitor_report(all->monitor, info->name, number, &all->report,
                                                   all->columns, FEATURES_MAX);
    if (!found)
        return false;
    all->scope = asked->scope;
    if (!mw_monitor_importance(all->monitor, info->name, info->version, asked->scope,
                               all->importances, FEATURES_MAX, &all->rows))
        all->rows = 0;
    let_rest(all, asked->is_inactive);
    return true;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void write_number(mw_buf *out, const char *key, double value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_double(out, value);
}

/* More (1) or less (-1) than it did; 0: as it did, or that is not known. */
static int leans(const contributed *all, size_t c)
{
    double gap = all->importances[c].share - all->importances[c].share_reference;
    if (!all->columns[c].drifted || !(fabs(gap) >= LEANS_FROM))
        return 0;
    return gap > 0 ? 1 : -1;
}

static void write_leaning(const contributed *all, const mw_endpoint_info *info, int which)
{
    char room[32];
    size_t n = 0;
    mw_buf_format(all->out, ",\"leans_%s\":[", which > 0 ? "more" : "less");
    for (size_t c = 0; c < all->report.n_features; c++) {
        if (leans(all, c) != which)
            continue;
        mw_buf_text(all->out, n++ ? "," : "");
        mw_json_write_text(all->out, api_column_name(info, FEATURES_MAX, c, room, sizeof room));
    }
    mw_buf_char(all->out, ']');
}

static void write_rank(mw_buf *out, const char *key, size_t rank, double share)
{
    mw_buf_format(out, ",\"%s\":", key);
    if (isnan(share))
        mw_buf_text(out, "null");
    else
        mw_json_write_int(out, (int64_t)rank);
}

static void write_feature(const contributed *all, const mw_endpoint_info *info, size_t c)
{
    char room[32];
    mw_buf *out = all->out;
    const mw_watched *found = &all->columns[c];
    const mw_watch_importance *i = &all->importances[c];
    mw_buf_text(out, "{\"feature\":");
    mw_json_write_text(out, api_column_name(info, FEATURES_MAX, c, room, sizeof room));
    mw_buf_format(out, ",\"drifted\":%s", found->drifted ? "true" : "false");
    write_number(out, "share", i->share);
    write_number(out, "share_reference", i->share_reference);
    write_rank(out, "rank", i->rank, i->share);
    write_rank(out, "rank_reference", i->rank_reference, i->share_reference);
    write_number(out, "mean", i->mean);
    write_number(out, "mean_reference", i->mean_reference);
    write_number(out, "mean_absolute", i->mean_absolute);
    write_number(out, "mean_absolute_reference", i->mean_absolute_reference);
    write_number(out, "psi", found->psi);
    write_number(out, "psi_since", found->psi_since);
    write_number(out, "log_e_value", found->log_e_value);
    mw_buf_format(out, ",\"since_rows\":%llu", (unsigned long long)found->since_rows);
    write_number(out, "since_seconds", found->since_seconds);
    mw_endpoint_info contributions = *info;
    contributions.version |= MW_WATCH_CONTRIBUTIONS;
    contributions.forest = NULL; /* its categories are no contribution's */
    api_write_values(all->monitor, &contributions, c, false, all->scope, out);
    mw_buf_char(out, '}');
}

/* The most important first; as the model has them, where nothing was explained lately. */
static void write_features(const contributed *all, const mw_endpoint_info *info)
{
    size_t n = all->report.n_features;
    bool is_ranked = all->rows > 0 && !isnan(all->importances[0].share);
    for (size_t place = 0; place < n; place++) {
        size_t c = place;
        for (size_t other = 0; is_ranked && other < n; other++)
            c = all->importances[other].rank == place + 1 ? other : c;
        mw_buf_text(all->out, place ? ",\n  " : "\n  ");
        write_feature(all, info, c);
    }
}

static void write_watched(const contributed *all, const mw_endpoint_info *info)
{
    mw_buf *out = all->out;
    const mw_watch_report *r = &all->report;
    bool learning = r->state == MW_WATCH_LEARNING;
    mw_buf_format(out,
                  ",\"contributions\":{\"state\":\"%s\",\"reference\":{\"kind\":\"learned\","
                  "\"rows\":%llu,\"wanted\":%llu},\"drifted\":%s,\"n_drifted\":%zu,\"rows\":%llu,"
                  "\"window_rows\":%llu",
                  learning ? "learning" : "watching", (unsigned long long)r->reference_rows,
                  (unsigned long long)r->learn_rows, r->n_drifted ? "true" : "false", r->n_drifted,
                  (unsigned long long)r->rows, (unsigned long long)r->window_rows);
    if (r->n_servers + r->n_apart > 1)
        mw_buf_format(out, ",\"servers\":%zu,\"servers_apart\":%zu", r->n_servers, r->n_apart);
    write_number(out, "window_seconds", r->window_seconds);
    write_number(out, "importance_rows", all->rows);
    if (!learning) {
        write_leaning(all, info, 1);
        write_leaning(all, info, -1);
    }
    mw_buf_text(out, ",\"features\":[");
    if (!learning)
        write_features(all, info);
    mw_buf_text(out, "]}");
}

void api_write_contributions(mw_monitor *monitor, const mw_endpoint_info *info,
                             const api_drift_asked *asked, mw_buf *out)
{
    contributed all = {.monitor = monitor, .out = out};
    if (take_room(&all) && look(&all, info, asked))
        write_watched(&all, info);
    done(&all);
}

/* ---- metrics --------------------------------------------------------------------------------- */

typedef struct contribution_metric {
    const char *name, *help;
    double (*of)(const mw_watched *found, const mw_watch_importance *importance);
} contribution_metric;

static double psi(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)importance;
    return found->psi;
}

static double psi_since(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)importance;
    return found->drifted ? found->psi_since : NAN;
}

static double log_e(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)importance;
    return found->log_e_value;
}

static double since_seconds(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)importance;
    return found->drifted ? found->since_seconds : NAN;
}

static double drifted(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)importance;
    return found->drifted;
}

static double mean(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)found;
    return importance->mean;
}

static double mean_absolute(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)found;
    return importance->mean_absolute;
}

static double share(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)found;
    return importance->share;
}

static double share_reference(const mw_watched *found, const mw_watch_importance *importance)
{
    (void)found;
    return importance->share_reference;
}

static const contribution_metric of_features[] = {
    {"mw_contribution_psi",
     "Population stability index of a feature's contributions, against their reference.", psi},
    {"mw_contribution_psi_since", "The same where they drifted, since it most likely began.",
     psi_since},
    {"mw_contribution_log_e_value",
     "Logarithm of the evidence that a feature's contributions have changed.", log_e},
    {"mw_contribution_since_seconds", "How long ago their drift most likely began.", since_seconds},
    {"mw_contribution_drifted", "1 while evidence and effect say that they drifted.", drifted},
    {"mw_contribution_mean", "Mean contribution of the last minutes, in margin units.", mean},
    {"mw_contribution_mean_absolute", "Mean size of the contribution of the last minutes.",
     mean_absolute},
    {"mw_contribution_share", "Its share of that of all features.", share},
    {"mw_contribution_share_reference", "Its share in the reference.", share_reference},
};

struct api_contribution_lines {
    contributed all;
    mw_buf rows, of[MW_COUNT(of_features)];
};

api_contribution_lines *api_contribution_lines_new(mw_monitor *monitor, size_t bytes_max)
{
    api_contribution_lines *lines = calloc(1, sizeof *lines);
    if (!lines)
        return NULL;
    lines->all.monitor = monitor;
    mw_buf_init(&lines->rows, bytes_max);
    for (size_t m = 0; m < MW_COUNT(of_features); m++)
        mw_buf_init(&lines->of[m], bytes_max);
    if (take_room(&lines->all))
        return lines;
    api_contribution_lines_end(lines, NULL, false);
    return NULL;
}

void api_contribution_lines_add(api_contribution_lines *lines, const mw_endpoint_info *info,
                                bool is_inactive)
{
    char room[32];
    api_drift_asked asked = {.scope = MW_WATCH_OF_ALL, .is_inactive = is_inactive};
    if (!lines || !look(&lines->all, info, &asked))
        return;
    const contributed *all = &lines->all;
    const mw_watch_report *r = &all->report;
    mw_buf_format(&lines->rows, "mw_contribution_rows_total{endpoint=\"%s\",version=\"%u\"} %llu\n",
                  info->name, info->version, (unsigned long long)(r->own_rows + r->reference_rows));
    for (size_t m = 0; r->state != MW_WATCH_LEARNING && m < MW_COUNT(of_features); m++)
        for (size_t c = 0; c < r->n_features; c++) {
            double value = of_features[m].of(&all->columns[c], &all->importances[c]);
            if (isfinite(value))
                api_write_of_feature(&lines->of[m], of_features[m].name, info,
                                     api_column_name(info, FEATURES_MAX, c, room, sizeof room),
                                     value);
        }
}

static void write_family(mw_buf *lines, const char *name, const char *type, const char *help,
                         mw_buf *out)
{
    mw_buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    mw_buf_view(out, mw_buf_as_view(lines));
    out->failed = out->failed || lines->failed;
}

void api_contribution_lines_end(api_contribution_lines *lines, mw_buf *out, bool open)
{
    if (!lines)
        return;
    bool is_watched = out && lines->rows.size > 0;
    if (is_watched)
        write_family(&lines->rows, open ? "mw_contribution_rows" : "mw_contribution_rows_total",
                     "counter", "Rows whose contributions were watched.", out);
    for (size_t m = 0; m < MW_COUNT(of_features); m++) {
        if (is_watched)
            write_family(&lines->of[m], of_features[m].name, "gauge", of_features[m].help, out);
        mw_buf_done(&lines->of[m]);
    }
    mw_buf_done(&lines->rows);
    done(&lines->all);
    free(lines);
}
