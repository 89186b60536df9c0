/* report card: what is known of a version, and what people wrote of it, for those who decide.
 *
 *     record (version, model, run, passport, gates) --+
 *     reports that gates kept, or --results          --+--> sections --> page, Markdown, JSON
 *     tags card.* and descriptions                   --+
 *
 * People write the text parts where MLflow's clients can: in the description of the model and of
 * the version, and in tags card.intended_use, card.users, card.limits, card.ethics, card.contact;
 * those of the version win. */
#include <math.h>
#include <stdarg.h>

#include "card_record.h"
#include "look.h"
#include "members.h"
#include "reports.h"
#include "stats/stats.h"

#define REPORT_BYTES (16 * MW_MIB)

enum { ENTRIES_MAX = 400, VALUE_BYTES = 2048, RESULTS_MAX = 16, FEATURES_SHOWN = 60 };

typedef struct making {
    cli_call *call;
    mw_lineage lineage;
    mw_registered_model model;
    cli_card_record kept;
    mw_card card;
    mw_json *results[RESULTS_MAX];
    const char *paths[RESULTS_MAX];
    size_t n_results;
    bool no_memory;
} making;

/* ---- sections -------------------------------------------------------------------------------- */

static mw_card_section *open_section(making *m, const char *key, const char *title)
{
    mw_card_section *section = &m->card.sections[m->card.n_sections++];
    *section = (mw_card_section){key, title, NULL, 0};
    section->entries = mw_arena_take_zeroed(&m->call->arena, ENTRIES_MAX, sizeof *section->entries);
    m->no_memory = m->no_memory || !section->entries;
    return section;
}

static mw_view kept(making *m, mw_view text)
{
    mw_view copy = {mw_arena_text(&m->call->arena, text), text.size};
    m->no_memory = m->no_memory || !copy.data;
    return copy;
}

static void add(making *m, mw_card_section *section, mw_view name, mw_view value)
{
    if (value.size == 0 || m->no_memory || section->n_entries == ENTRIES_MAX)
        return;
    mw_card_entry *entry = &section->entries[section->n_entries++];
    entry->name = name.size > 0 ? kept(m, name) : (mw_view){"", 0};
    entry->value = kept(m, value);
}

static void say(making *m, mw_card_section *section, mw_view name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(making *m, mw_card_section *section, mw_view name, const char *format, ...)
{
    char text[VALUE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add(m, section, name, mw_view_of(text));
}

/* What people wrote: the version's tag, else the model's. */
static mw_view written(const making *m, const char *key)
{
    mw_view of_version = mw_tags_get(&m->lineage.version.tags, key);
    return of_version.data ? of_version : mw_tags_get(&m->model.tags, key);
}

static void add_moment(making *m, mw_card_section *section, const char *name, int64_t ms)
{
    mw_buf text;
    mw_buf_init(&text, MW_KIB);
    mw_clock_write_utc(&text, ms);
    add(m, section, mw_view_of(name), mw_buf_as_view(&text));
    mw_buf_done(&text);
}

static void details(making *m)
{
    const mw_lineage *l = &m->lineage;
    const mw_passport *p = &l->passport;
    mw_card_section *s = open_section(m, "details", "Details");
    add(m, s, MW_VIEW("model"), l->version.name);
    say(m, s, MW_VIEW("version"), "%lld", (long long)l->version.version);
    for (size_t i = 0; i < l->version.aliases.count; i++)
        add(m, s, MW_VIEW("alias"), l->version.aliases.items[i]);
    add_moment(m, s, "registered", l->version.created);
    add(m, s, MW_VIEW("by"), p->user);
    if (p->digest.data)
        say(m, s, MW_VIEW("digest"), "sha256:%.*s", MW_VIEW_ARG(p->digest));
    add(m, s, MW_VIEW("flavors"), p->flavors);
    for (size_t i = 0; i < p->libraries.count && i < 12; i++)
        say(m, s, MW_VIEW("made with"), "%.*s %.*s", MW_VIEW_ARG(p->libraries.items[i].name),
            MW_VIEW_ARG(p->libraries.items[i].version));
    add(m, s, MW_VIEW("repository"), p->repository);
    add(m, s, MW_VIEW("commit"), p->commit);
    if (p->dirty == 1)
        say(m, s, MW_VIEW("code"), "had changes that were not committed");
    add(m, s, MW_VIEW("contact"), written(m, "card.contact"));
    add(m, s, MW_VIEW("license"), written(m, "card.license"));
}

static void texts(making *m)
{
    mw_card_section *s = open_section(m, "purpose", "Purpose");
    add(m, s, MW_VIEW(""), m->model.description);
    add(m, s, MW_VIEW(""), m->lineage.version.description);
    static const struct {
        const char *key, *title, *tag;
    } parts[] = {{"intended_use", "Intended use", "card.intended_use"},
                 {"users", "Who uses it, and who is affected", "card.users"},
                 {"limits", "Limits", "card.limits"},
                 {"ethics", "Ethical considerations", "card.ethics"}};
    for (size_t i = 0; i < MW_COUNT(parts); i++) {
        s = open_section(m, parts[i].key, parts[i].title);
        add(m, s, MW_VIEW(""), written(m, parts[i].tag));
    }
}

static void inputs(making *m)
{
    const mw_passport *p = &m->lineage.passport;
    mw_card_section *s = open_section(m, "inputs", "Inputs and outputs");
    for (size_t i = 0; i < p->columns.count && i < FEATURES_SHOWN; i++) {
        const mw_passport_column *c = &p->columns.items[i];
        say(m, s, c->name.size > 0 ? c->name : MW_VIEW("(no name)"), "%.*s%s%s",
            MW_VIEW_ARG(c->type), c->is_output ? ", output" : "",
            c->is_output || c->required ? "" : ", optional");
    }
    if (p->columns.count > FEATURES_SHOWN)
        say(m, s, MW_VIEW("and"), "%zu more", p->columns.count - FEATURES_SHOWN);
    s = open_section(m, "data", "Training data");
    for (size_t i = 0; i < p->data.count; i++)
        say(m, s, p->data.items[i].name, "%.*s%s%.*s, digest %.*s",
            MW_VIEW_ARG(p->data.items[i].context), p->data.items[i].context.size ? ", " : "",
            MW_VIEW_ARG(p->data.items[i].source), MW_VIEW_ARG(p->data.items[i].digest));
}

static void run_section(making *m)
{
    const mw_run *run = &m->lineage.run;
    mw_card_section *s = open_section(m, "training", "Training run");
    if (!m->lineage.has_run)
        return;
    add(m, s, MW_VIEW("run"), run->info.run_id);
    add(m, s, MW_VIEW("experiment"), m->lineage.experiment);
    for (size_t i = 0; i < run->params.count && i < 100; i++)
        add(m, s, run->params.items[i].key, run->params.items[i].value);
    for (size_t i = 0; i < run->metrics.count && i < 100; i++)
        say(m, s, run->metrics.items[i].key, "%.6g", run->metrics.items[i].value);
}

/* ---- results --------------------------------------------------------------------------------- */

static bool is_kind(const mw_json *result, const char *kind)
{
    return mw_view_is(mw_json_text(mw_json_member(result, "kind")), kind);
}

static double number_of(const mw_json *object, const char *key)
{
    double value;
    return mw_json_number(mw_json_member(object, key), &value) ? value : (double)NAN;
}

static void add_value(making *m, mw_card_section *s, const char *name, const mw_json *metric)
{
    double value = number_of(metric, "value"), low = (double)NAN, high = (double)NAN;
    const mw_json *interval = mw_json_member(metric, "interval");
    if (isnan(value))
        return;
    if (mw_json_number(mw_json_element(interval, 0), &low) &&
        mw_json_number(mw_json_element(interval, 1), &high))
        say(m, s, mw_view_of(name), "%.4g, 95 %% %.4g to %.4g", value, low, high);
    else
        say(m, s, mw_view_of(name), "%.4g", value);
}

static void measured(making *m)
{
    mw_card_section *s = open_section(m, "metrics", "How good it is");
    for (size_t i = 0; i < m->n_results; i++) {
        const mw_json *data = mw_json_member(m->results[i], "data");
        mw_view task = mw_json_text(mw_json_member(m->results[i], "task"));
        size_t n;
        if (!is_kind(m->results[i], "validation"))
            continue;
        say(m, s, MW_VIEW("measured on"), "%.*s, %.0f rows",
            MW_VIEW_ARG(mw_json_text(mw_json_member(data, "path"))), number_of(data, "rows"));
        for (mw_task t = MW_TASK_BINARY; t <= MW_TASK_RANKING; t++) {
            if (!mw_view_is(task, mw_task_name(t)))
                continue;
            const mw_quality_metric *metrics = mw_quality_metrics(t, &n);
            for (size_t k = 0; k < n; k++)
                add_value(
                    m, s, metrics[k].name,
                    mw_json_member(mw_json_member(m->results[i], "metrics"), metrics[k].name));
        }
    }
    s = open_section(m, "slices", "Where it is worst");
    for (size_t i = 0; i < m->n_results; i++) {
        const mw_json *found = mw_json_member(mw_json_member(m->results[i], "slices"), "found");
        for (size_t k = 0; k < mw_json_count(found); k++) {
            const mw_json *slice = mw_json_element(found, k);
            say(m, s, mw_json_text(mw_json_member(slice, "slice")), "%.4g on %.0f rows",
                number_of(slice, "value"), number_of(slice, "rows"));
        }
    }
}

/* How each group fares: those of few rows are named as such, never left out. */
static void groups(making *m, mw_card_section *s, const mw_json *result)
{
    void *at = NULL;
    mw_view attribute, group;
    const mw_json *found, *one;
    while (mw_json_next(mw_json_member(result, "attributes"), &at, &attribute, &found)) {
        void *cursor = NULL;
        const mw_json *ratios = mw_json_member(found, "impact_ratio_to_highest_rate");
        while (mw_json_next(mw_json_member(found, "groups"), &cursor, &group, &one)) {
            char name[300];
            double low = (double)NAN, high = (double)NAN;
            const mw_json *interval = mw_json_member(one, "selection_rate_wilson95");
            (void)mw_json_number(mw_json_element(interval, 0), &low);
            (void)mw_json_number(mw_json_element(interval, 1), &high);
            snprintf(name, sizeof name, "%.120s: %.120s", attribute.data, group.data);
            say(m, s, mw_view_of(name),
                "%.1f %% selected, 95 %% %.1f to %.1f; %.2f of the highest rate; %.0f rows%s",
                100 * number_of(one, "selection_rate"), 100 * low, 100 * high,
                number_of(ratios, group.data), number_of(one, "n"),
                mw_json_bool(mw_json_member(one, "few_rows"), false) ? ", too few to judge" : "");
        }
    }
}

/* ---- gates ----------------------------------------------------------------------------------- */

static void add_standing(const making *m, char *verdict, size_t size)
{
    const mw_gate_standing *g = &m->kept.standing;
    size_t used = strlen(verdict);
    if (!g->has_policy)
        return;
    if (!g->is_open)
        snprintf(verdict + used, size - used, " Its gates are closed: %.*s.",
                 MW_VIEW_ARG(g->missing));
    else
        snprintf(verdict + used, size - used, " Its gates are open%s.",
                 g->override_by.data && g->missing.size > 0 ? ", by override" : "");
}

static void say_result(making *m, mw_card_section *s, const mw_gate_result *r, const char *what)
{
    mw_buf when;
    mw_buf_init(&when, MW_KIB);
    mw_clock_write_utc(&when, r->time);
    say(m, s, r->gate.size > 0 ? r->gate : MW_VIEW("approval"), "%s%s at %s by %.*s%s%.*s%s%.*s",
        what, r->is_stale ? " (of other files than it has now: it does not count)" : "", when.data,
        MW_VIEW_ARG(r->by), r->summary.size > 0 ? ": " : "", MW_VIEW_ARG(r->summary),
        r->report.size > 0 ? "; report sha256:" : "", MW_VIEW_ARG(r->report));
    mw_buf_done(&when);
}

static void gates(making *m)
{
    const mw_gate_standing *g = &m->kept.standing;
    mw_card_section *s = open_section(m, "gates", "Gates, approvals, overrides");
    if (g->has_policy)
        say(m, s, MW_VIEW("required"), "%.*s; approvals: %lld%s%.*s",
            MW_VIEW_ARG(g->policy.gates.size > 0 ? g->policy.gates : MW_VIEW("no gates")),
            (long long)g->policy.approvals, g->policy.approvers.size > 0 ? ", by " : "",
            MW_VIEW_ARG(g->policy.approvers));
    if (g->has_policy)
        say(m, s, MW_VIEW("standing"), "%s%.*s",
            g->is_open ? "open" : "closed: ", MW_VIEW_ARG(g->is_open ? MW_VIEW("") : g->missing));
    for (size_t i = 0; i < g->results.count; i++)
        say_result(m, s, &g->results.items[i],
                   g->results.items[i].passed ? "passed" : "did not pass");
    for (size_t i = 0; i < g->approvals.count; i++) {
        mw_gate_result approval = g->approvals.items[i];
        approval.gate = MW_VIEW("approval");
        say_result(m, s, &approval, "approved");
    }
    if (g->override_by.data)
        say(m, s, MW_VIEW("override"), "by %.*s: %.*s", MW_VIEW_ARG(g->override_by),
            MW_VIEW_ARG(g->override_reason));
}

/* Of the version's own files; one that --results brings is the newer word. */
static mw_status read_kept(making *m, mw_registry *registry, mw_error *err)
{
    size_t n_given = m->n_results;
    for (size_t i = 0; i < m->kept.standing.results.count && m->n_results < RESULTS_MAX; i++) {
        const mw_gate_result *r = &m->kept.standing.results.items[i];
        mw_json *report = NULL;
        mw_error lost;
        if (r->is_stale || r->report.size == 0)
            continue;
        mw_status status = cli_card_report(registry, r->report, &report, &lost);
        if (status == MW_NO_MEMORY) {
            *err = lost;
            return status;
        }
        bool is_given = false,
             is_known = is_kind(report, "validation") || is_kind(report, "fairness");
        for (size_t k = 0; k < n_given; k++)
            is_given |= mw_view_equal(mw_json_text(mw_json_member(m->results[k], "kind")),
                                      mw_json_text(mw_json_member(report, "kind")));
        if (status == MW_OK && is_known && !is_given)
            m->results[m->n_results++] = report;
        else
            mw_json_free(report);
    }
    return MW_OK;
}

static void checked(making *m)
{
    size_t n_checks = 0, n_failed = 0;
    mw_card_section *fair = open_section(m, "fairness", "Fairness");
    mw_card_section *all = open_section(m, "checks", "Checks");
    for (size_t i = 0; i < m->n_results; i++) {
        const mw_json *checks = mw_json_member(m->results[i], "checks");
        mw_card_section *s = is_kind(m->results[i], "fairness") ? fair : all;
        for (size_t k = 0; k < mw_json_count(checks); k++) {
            const mw_json *check = mw_json_element(checks, k);
            n_checks++;
            n_failed += !mw_json_bool(mw_json_member(check, "passed"), false);
            say(m, s, mw_json_text(mw_json_member(check, "name")), "%.*s: %.*s",
                MW_VIEW_ARG(mw_json_text(mw_json_member(check, "verdict"))),
                MW_VIEW_ARG(mw_json_text(mw_json_member(check, "why"))));
        }
    }
    for (size_t i = 0; i < m->n_results; i++)
        if (is_kind(m->results[i], "fairness"))
            groups(m, fair, m->results[i]);
    char verdict[400];
    if (n_checks == 0)
        snprintf(verdict, sizeof verdict,
                 "No checks of this version were given, and no gate has kept any: it is "
                 "described, not judged.");
    else
        snprintf(verdict, sizeof verdict, "%s: %zu of %zu checks passed.",
                 n_failed ? "Not passed" : "Passed", n_checks - n_failed, n_checks);
    add_standing(m, verdict, sizeof verdict);
    m->card.verdict = kept(m, mw_view_of(verdict));
}

static mw_status read_result(making *m, const char *path, mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, REPORT_BYTES, &file, err));
    mw_status status =
        mw_json_read((mw_view){file.data, file.size}, &m->results[m->n_results], err);
    mw_file_done(&file);
    if (status != MW_OK)
        return mw_at(err, "%s", path);
    const mw_json *result = m->results[m->n_results++];
    if (is_kind(result, "validation") || is_kind(result, "fairness"))
        return MW_OK;
    mw_fail(err, MW_E_VALIDATE_VALUES, "this is no result of a check");
    mw_at(err, "%s", path);
    return mw_mend(err, "give the JSON of 'mw model validate' or 'mw fairness check'");
}

static mw_status read_results(making *m, mw_error *err)
{
    mw_view list = mw_view_of(m->call->settings[CLI_RESULTS].text);
    while (list.size > 0) {
        mw_view path = mw_view_trim(mw_view_cut(&list, ','));
        char *text = mw_arena_text(&m->call->arena, path);
        if (!text)
            return mw_fail_memory(err, "the results");
        if (m->n_results == RESULTS_MAX) {
            mw_fail(err, MW_E_VALIDATE_VALUES, "more than %d results", (int)RESULTS_MAX);
            return mw_at(err, "--results");
        }
        MW_TRY(read_result(m, text, err));
    }
    return MW_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

static void lineage(making *m)
{
    const mw_lineage *l = &m->lineage;
    mw_card_section *s = open_section(m, "lineage", "What it is akin to");
    for (size_t i = 0; i < l->relatives.count; i++) {
        char name[300];
        const mw_relative *r = &l->relatives.items[i];
        snprintf(name, sizeof name, "%.*s/%lld", (int)(r->name.size < 200 ? r->name.size : 200),
                 r->name.data, (long long)r->version);
        say(m, s, mw_view_of(name), "%s%s%.*s", cli_kinship_words(r->kinship),
            r->through.size > 0 ? ": " : "", MW_VIEW_ARG(r->through));
    }
    if (l->relatives.count == 0)
        say(m, s, MW_VIEW(""), "No version of the record has the same files, data or code.");
    if (l->is_cut)
        say(m, s, MW_VIEW("and"), "more: 'mw lineage show' has all");
}

/* The text of an earlier version is shown, and said to be that. */
static void text_part(making *m)
{
    char note[300] = "";
    const cli_card_record *k = &m->kept;
    m->card.text = k->text;
    if (!k->text.data)
        snprintf(note, sizeof note, "mw report card %s --text FILE.md keeps one with the version.",
                 m->call->arguments[0]);
    else if (k->text_version != m->lineage.version.version)
        snprintf(note, sizeof note,
                 "Written for version %lld; version %lld has no text of its own yet, so look "
                 "whether this still holds.",
                 (long long)k->text_version, (long long)m->lineage.version.version);
    m->card.text_note = kept(m, mw_view_of(note));
}

static mw_status find(mw_record *record, void *given, mw_error *err)
{
    making *m = given;
    MW_TRY(mw_record_lineage(record, mw_view_of(m->call->arguments[0]), &m->lineage, err));
    MW_TRY(cli_card_look(record, &m->lineage.version, mw_view_of(m->call->arguments[0]), &m->kept,
                         err));
    return mw_record_model(record, m->lineage.version.name, &m->model, err);
}

static mw_status put_card(making *m, mw_error *err)
{
    mw_buf out;
    static void (*const writers[])(const mw_card *, mw_buf *) = {mw_card_html, mw_card_markdown,
                                                                 mw_card_json};
    if (m->call->verdict)
        mw_buf_view(m->call->verdict, m->card.verdict);
    mw_buf_init(&out, REPORT_BYTES);
    writers[cli_tell_form(m->call)](&m->card, &out);
    mw_status status = out.failed ? mw_fail_memory(err, "the card") : cli_put(m->call, &out, err);
    mw_buf_done(&out);
    return status;
}

static mw_status run(making *m, mw_error *err)
{
    char title[300];
    mw_registry *registry;
    if (m->call->settings[CLI_CARD_TEXT].text)
        MW_TRY(cli_card_keep_text(m->call, err));
    MW_TRY(cli_look(m->call, &registry, err));
    mw_status status = mw_registry_read(registry, &m->call->arena, find, m, err);
    if (status == MW_OK)
        status = read_results(m, err);
    if (status == MW_OK)
        status = read_kept(m, registry, err);
    mw_registry_close(registry);
    MW_TRY(status);
    text_part(m);
    snprintf(title, sizeof title, "%.*s, version %lld", MW_VIEW_ARG(m->lineage.version.name),
             (long long)m->lineage.version.version);
    m->card.title = kept(m, mw_view_of(title));
    texts(m);
    measured(m);
    checked(m);
    gates(m);
    inputs(m);
    run_section(m);
    lineage(m);
    details(m);
    return m->no_memory ? mw_fail_memory(err, "the card") : put_card(m, err);
}

mw_status cli_run_report_card(cli_call *call, mw_error *err)
{
    if (call->settings[CLI_SEND].text)
        return cli_send_report(call, "card", err);
    making *m = mw_arena_take_zeroed(&call->arena, 1, sizeof *m);
    if (!m)
        return mw_fail_memory(err, "the card");
    m->call = call;
    mw_status status = run(m, err);
    for (size_t i = 0; i < m->n_results; i++)
        mw_json_free(m->results[i]);
    return status;
}
