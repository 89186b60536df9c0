/* Drift as a paper: which columns changed, how sure that is, since when, and what follows.
 *
 *     JSON of `mw drift check` ----------------------+
 *     a server's /drift, its bins and its series ----+--> changes --> words first, tables behind
 */
#include <math.h>

#include "reading.h"
#include "report.h"

#include "base/banned.h"

enum { NAMED = 12, PICTURED = 12, WORDS_BYTES = 2048, LINES = 8, COLUMNS_MAX = 4096 };

/* A column, told by either. */
typedef struct change {
    mw_view name;
    bool drifted, is_output, is_live;
    const mw_json *found; /* what was said of it */
    const mw_json *bins;
    reading_bins shares;
} change;

typedef struct making {
    mw_paper *paper;
    change *changes; /* the drifted first */
    size_t n, n_drifted, n_outputs_drifted;
    const mw_live_drift *live; /* NULL: files */
    double now;
} making;

/* ---- one column in words --------------------------------------------------------------------- */

static double missing_before(const change *c)
{
    return reading_number(c->found, "missing_share_reference");
}

static double missing_now(const change *c)
{
    return reading_number(c->found, c->is_live ? "missing_share" : "missing_share_current");
}

static void say_median(const change *c, mw_buf *out)
{
    double before = reading_number(mw_json_member(c->found, "reference"), "median");
    double now = reading_number(mw_json_member(c->found, "current"), "median");
    if (!isfinite(before) || !isfinite(now))
        return;
    mw_buf_text(out, "the middle value was ");
    mw_put_number(out, before);
    mw_buf_text(out, " and is ");
    mw_put_number(out, now);
    mw_buf_text(out, "; ");
}

/* "18 to 25" was 12 % of the rows, now 40 %. */
static void say_shares(const change *c, mw_buf *out)
{
    const reading_bins *s = &c->shares;
    if (s->n == 0 || s->rows_before == 0 || s->rows_now == 0 ||
        mw_view_is(s->labels[s->most], "missing"))
        return;
    mw_buf_format(out, "'%.*s' was ", MW_VIEW_ARG(s->labels[s->most]));
    reading_put_percent(out, s->before[s->most]);
    mw_buf_text(out, " of the rows and is ");
    reading_put_percent(out, s->now[s->most]);
    mw_buf_text(out, "; ");
}

static void say_missing(const change *c, mw_buf *out)
{
    double before = missing_before(c), now = missing_now(c);
    if (!isfinite(before) || !isfinite(now) || fabs(now - before) < 0.005)
        return;
    mw_buf_text(out, "values were missing in ");
    reading_put_percent(out, before);
    mw_buf_text(out, " of the rows, now in ");
    reading_put_percent(out, now);
    mw_buf_text(out, "; ");
}

static void say_new(const change *c, mw_buf *out)
{
    double n = reading_number(c->found, "n_new_categories");
    double rows = reading_number(c->found, "rows_with_new_categories");
    if (!(n > 0))
        return;
    mw_put_number(out, n);
    mw_buf_format(out, " value%s that the reference does not know %s in ", n == 1 ? "" : "s",
                  n == 1 ? "stands" : "stand");
    mw_put_number(out, rows);
    mw_buf_text(out, rows == 1 ? " row; " : " rows; ");
}

static void say_sure(const change *c, mw_buf *out)
{
    double adjusted = reading_number(c->found, "p_adjusted");
    if (c->is_live)
        reading_put_evidence(out, reading_number(c->found, "log_e_value"));
    else
        reading_put_chance(out,
                           isfinite(adjusted) ? adjusted : reading_number(c->found, "p_value"));
}

static void say_since(const making *m, const change *c, mw_buf *out)
{
    double seconds = reading_number(c->found, "since_seconds");
    if (!isfinite(seconds))
        return;
    mw_buf_text(out, ". It most likely began at ");
    mw_put_moment(out, m->now - seconds);
    mw_buf_text(out, ", ");
    mw_put_number(out, reading_number(c->found, "since_rows"));
    mw_buf_text(out, " rows ago");
}

static void say_change(const making *m, const change *c)
{
    mw_buf words;
    mw_view verdict = reading_text(c->found, "verdict");
    mw_buf_init(&words, WORDS_BYTES);
    if (mw_view_is(verdict, "removed"))
        mw_buf_text(&words, "the column is gone from the current rows");
    else if (mw_view_is(verdict, "retyped"))
        mw_buf_text(&words, "the column held numbers and holds text now");
    else {
        say_median(c, &words);
        say_shares(c, &words);
        say_missing(c, &words);
        say_new(c, &words);
        say_sure(c, &words);
        say_since(m, c, &words);
    }
    mw_paper_point(m->paper, MW_MARK_BAD, "%s%.*s: %s.", c->is_output ? "The predictions, " : "",
                   MW_VIEW_ARG(c->name), words.data);
    mw_buf_done(&words);
}

/* ---- sections -------------------------------------------------------------------------------- */

static void what_changed(const making *m)
{
    mw_paper_section(m->paper, "what_changed", "What changed");
    if (m->n_drifted == 0)
        mw_paper_point(m->paper, MW_MARK_OK, "No column is unlike the reference.");
    for (size_t i = 0; i < m->n_drifted && i < NAMED; i++)
        say_change(m, &m->changes[i]);
    if (m->n_drifted > NAMED)
        mw_paper_say(m->paper, "%zu more columns changed; the table below has all of them.",
                     m->n_drifted - NAMED);
}

static bool any_missing(const making *m)
{
    for (size_t i = 0; i < m->n_drifted; i++)
        if (missing_now(&m->changes[i]) - missing_before(&m->changes[i]) > 0.02)
            return true;
    return false;
}

static bool any_of(const making *m, const char *verdict)
{
    for (size_t i = 0; i < m->n_drifted; i++)
        if (mw_view_is(reading_text(m->changes[i].found, "verdict"), verdict))
            return true;
    return false;
}

static void what_it_means(const making *m)
{
    mw_paper *p = m->paper;
    mw_paper_section(p, "what_it_means", "What that means");
    if (m->n_drifted == 0) {
        mw_paper_say(p, "The rows look like those that the model was compared with. That says "
                        "nothing of whether its answers are right: only labels tell.");
        return;
    }
    mw_paper_say(p, "The model meets rows unlike those that it learned from. Its answers there "
                    "rest on less experience: they may still be right, and nobody has shown it.");
    if (m->live && m->n_outputs_drifted > 0)
        mw_paper_point(p, MW_MARK_BAD,
                       "The predictions themselves changed: whatever is decided by a threshold "
                       "or a quota is now decided for other shares of the rows.");
    else if (m->live)
        mw_paper_point(p, MW_MARK_OK,
                       "The predictions are distributed as before: decisions fall in the same "
                       "shares, though perhaps on other rows.");
    if (any_missing(m))
        mw_paper_point(p, MW_MARK_WATCH,
                       "Values go missing that used to be there: that is most often a fault of a "
                       "source, not of the world.");
    if (any_of(m, "removed") || any_of(m, "retyped"))
        mw_paper_point(p, MW_MARK_BAD,
                       "A column is gone or holds text: a client or an export "
                       "changed, and the model cannot have meant that.");
}

static void what_to_do(const making *m)
{
    mw_paper *p = m->paper;
    mw_paper_section(p, "what_to_do", "What we recommend, and who decides");
    if (m->n_drifted == 0) {
        mw_paper_say(p, "Nothing. Look again when more rows have come.");
        return;
    }
    mw_paper_point(p, MW_MARK_NONE,
                   "Whoever supplies the data: was a unit, a default, a source or a filter "
                   "changed at that time? If so, mend it there.");
    mw_paper_point(p, MW_MARK_NONE,
                   "Whoever owns the model: compare with what was true as soon as labels come "
                   "(mw feedback send, mw log performance); until then estimate the loss from the "
                   "scores alone (mw decay estimate).");
    mw_paper_point(p, MW_MARK_NONE,
                   "If the world changed and the loss is real: train again on "
                   "recent rows, and roll the version out step by step.");
    mw_paper_blank(p, "decision", "Decision, by whom, and when it is looked at again:");
}

static void put_pairs(const making *m, const change *c, const char *kind)
{
    char title[400];
    snprintf(title, sizeof title, "%.*s: %s", (int)(c->name.size < 200 ? c->name.size : 200),
             c->name.data, kind);
    mw_paper_figure(m->paper, &(mw_figure){.kind = MW_FIGURE_PAIRS,
                                           .key = "reference_and_now",
                                           .title = mw_view_of(title),
                                           .names = {"reference", "now"},
                                           .unit = "%",
                                           .labels = c->shares.labels,
                                           .columns = {c->shares.before, c->shares.now},
                                           .n = c->shares.n,
                                           .rule = (double)NAN});
}

static void pictures(const making *m)
{
    size_t n = 0;
    mw_paper_section(m->paper, "pictures", "Before and now");
    for (size_t i = 0; i < m->n_drifted && n < PICTURED; i++) {
        if (m->changes[i].shares.n == 0)
            continue;
        put_pairs(m, &m->changes[i], "unlike the reference");
        n++;
    }
    if (n == 0)
        mw_paper_say(m->paper, m->n_drifted == 0
                                   ? "There is no column that changed, so none is drawn."
                                   : "Of the columns that changed no distribution is known.");
}

/* ---- over time ------------------------------------------------------------------------------- */

#define LITTLE 0.1 /* PSI below it is little */

static void over_time(const making *m)
{
    const mw_json *all = mw_json_member(m->live->series, "series");
    const mw_json *t = mw_json_member(m->live->series, "t");
    size_t drawn = 0;
    mw_paper_section(m->paper, "over_time", "Over time");
    for (size_t i = 0; i < m->n_drifted && drawn < LINES; i++) {
        char title[400];
        mw_view name = m->changes[i].name;
        snprintf(title, sizeof title, "%.*s: how far from the reference, over time",
                 (int)(name.size < 200 ? name.size : 200), name.data);
        drawn += reading_draw(m->paper, &(reading_line){.t = t,
                                                        .values = mw_json_member(all, name.data),
                                                        .key = "psi",
                                                        .unit = "",
                                                        .title = mw_view_of(title),
                                                        .rule = LITTLE});
    }
    if (drawn == 0)
        mw_paper_say(m->paper, mw_json_count(t) < 2
                                   ? "The server has not watched long enough to draw a line, or "
                                     "does not keep that far back."
                                   : "No column changed, so none is drawn over time.");
    else
        mw_paper_say(m->paper, "Drawn is the population stability index (PSI); the broken line is "
                               "0.1, from which on a change is more than little.");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const mw_paper_column file_columns[] = {{"column", "Column", false},
                                               {"verdict", "Verdict", false},
                                               {"method", "By", false},
                                               {"statistic", "Distance or statistic", true},
                                               {"threshold", "Limit", true},
                                               {"p", "p, adjusted", true},
                                               {"missing_before", "Missing before", true},
                                               {"missing_now", "Missing now", true}};
static const mw_paper_column live_columns[] = {{"column", "Column", false},
                                               {"verdict", "Verdict", false},
                                               {"psi", "PSI", true},
                                               {"log_e_value", "Evidence (log e)", true},
                                               {"since_rows", "Since, rows", true},
                                               {"missing_before", "Missing before", true},
                                               {"missing_now", "Missing now", true},
                                               {"outside", "Outside the reference", true}};

static mw_mark mark_of(const change *c)
{
    mw_view verdict = reading_text(c->found, "verdict");
    if (c->drifted)
        return MW_MARK_BAD;
    if (mw_view_is(verdict, "not enough data"))
        return MW_MARK_UNKNOWN;
    return mw_view_is(verdict, "watch") ? MW_MARK_WATCH : MW_MARK_OK;
}

static void put_row(const making *m, const change *c)
{
    mw_view verdict = reading_text(c->found, "verdict");
    double adjusted = reading_number(c->found, "p_adjusted");
    mw_paper_cell(m->paper, c->name);
    if (c->is_live)
        verdict = c->drifted ? MW_VIEW("drifted") : MW_VIEW("quiet");
    mw_paper_cell_mark(m->paper, mark_of(c), verdict);
    if (c->is_live) {
        mw_paper_cell_number(m->paper, reading_number(c->found, "psi"));
        mw_paper_cell_number(m->paper, reading_number(c->found, "log_e_value"));
        mw_paper_cell_number(m->paper, reading_number(c->found, "since_rows"));
    } else {
        mw_paper_cell(m->paper, reading_text(c->found, "method"));
        mw_paper_cell_number(m->paper, reading_number(c->found, "statistic"));
        mw_paper_cell_number(m->paper, reading_number(c->found, "threshold"));
        mw_paper_cell_number(m->paper,
                             isfinite(adjusted) ? adjusted : reading_number(c->found, "p_value"));
    }
    mw_paper_cell_share(m->paper, missing_before(c));
    mw_paper_cell_share(m->paper, missing_now(c));
    if (c->is_live)
        mw_paper_cell_share(m->paper, reading_number(c->found, "outside_share"));
}

static void all_columns(const making *m)
{
    bool is_live = m->live;
    mw_paper_section(m->paper, "all_columns", "All columns");
    mw_paper_table(m->paper, "columns", "For engineers: every column, those that changed first.",
                   is_live ? live_columns : file_columns,
                   is_live ? MW_COUNT(live_columns) : MW_COUNT(file_columns));
    for (size_t i = 0; i < m->n; i++)
        put_row(m, &m->changes[i]);
}

/* ---- gathering ------------------------------------------------------------------------------- */

static bool take(making *m, const mw_json *features, bool is_live)
{
    size_t n = mw_json_count(features);
    mw_arena *arena = mw_paper_arena(m->paper);
    m->changes = mw_arena_take_zeroed(arena, n + 1, sizeof *m->changes);
    if (!m->changes)
        return false;
    for (int drifted = 1; drifted >= 0; drifted--)
        for (size_t i = 0; i < n && m->n < COLUMNS_MAX; i++) {
            const mw_json *found = mw_json_element(features, i);
            if (reading_is(found, "drifted") != (drifted == 1))
                continue;
            change *c = &m->changes[m->n++];
            *c = (change){.name = reading_text(found, "feature"),
                          .found = found,
                          .drifted = drifted == 1,
                          .is_live = is_live,
                          .is_output = mw_view_is(reading_text(found, "kind"), "output")};
            m->n_drifted += c->drifted;
            m->n_outputs_drifted += c->drifted && c->is_output;
            c->bins = is_live
                          ? mw_json_member(mw_json_member(m->live->bins, "features"), c->name.data)
                          : mw_json_member(found, "bins");
            if (c->drifted)
                reading_of_bins(c->bins, arena, &c->shares);
        }
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void judge_files(const making *m, const mw_json *check)
{
    bool drifted = reading_is(check, "drifted");
    double n = reading_count(check, "n_features");
    if (m->n_drifted == 0)
        mw_paper_verdict(m->paper, MW_MARK_OK, "The current rows look like the reference.");
    else
        mw_paper_verdict(m->paper, drifted ? MW_MARK_BAD : MW_MARK_WATCH,
                         "%zu of %.0f columns %s unlike the reference%s", m->n_drifted, n,
                         m->n_drifted == 1 ? "is" : "are",
                         drifted ? ": the data changed."
                                 : "; that is less than what was agreed to call the data changed.");
}

static void say_columns(mw_paper *into, const mw_json *list, const char *words)
{
    for (size_t i = 0; i < mw_json_count(list) && i < NAMED; i++)
        mw_paper_point(into, MW_MARK_WATCH, "%.*s: %s",
                       MW_VIEW_ARG(mw_json_text(mw_json_element(list, i))), words);
}

static void how_files(const making *m, const mw_json *check)
{
    mw_paper *p = m->paper;
    mw_paper_section(p, "how", "How it was measured");
    mw_paper_say(p,
                 "Each column of the current rows is compared with the same column of the "
                 "reference: numbers by Kolmogorov-Smirnov (few rows) or the normed Wasserstein "
                 "distance, categories by chi-square (few rows) or the Jensen-Shannon distance, "
                 "unless the table says otherwise. With the profile 'millwright' a column changed "
                 "when the distance passes its limit and, adjusted for how many columns there "
                 "are, p is below %g. Profile: %.*s.",
                 reading_count(check, "alpha"), MW_VIEW_ARG(reading_text(check, "profile")));
    mw_paper_say(p, "Two files do not tell since when: 'mw report drift ENDPOINT --server' does, "
                    "and 'mw drift stream' of one column.");
}

void mw_report_drift_files(const mw_json *check, mw_paper *paper)
{
    making m = {.paper = paper};
    const mw_json *reference = mw_json_member(check, "reference");
    const mw_json *current = mw_json_member(check, "current");
    if (!take(&m, mw_json_member(check, "features"), false))
        return;
    judge_files(&m, check);
    mw_paper_fact(paper, "reference", "%.*s, %.0f rows",
                  MW_VIEW_ARG(reading_text(reference, "path")), reading_count(reference, "rows"));
    mw_paper_fact(paper, "now", "%.*s, %.0f rows", MW_VIEW_ARG(reading_text(current, "path")),
                  reading_count(current, "rows"));
    what_changed(&m);
    say_columns(paper, mw_json_member(mw_json_member(check, "schema"), "added"),
                "a new column, which nothing was compared with");
    what_it_means(&m);
    what_to_do(&m);
    pictures(&m);
    all_columns(&m);
    how_files(&m, check);
    mw_paper_source(paper, "check", check);
}

/* ---- live ------------------------------------------------------------------------------------ */

static bool leans_otherwise(const making *m)
{
    return reading_is(mw_json_member(m->live->drift, "contributions"), "drifted");
}

static void judge_live(const making *m)
{
    mw_view state = reading_text(m->live->drift, "state");
    const mw_json *reference = mw_json_member(m->live->drift, "reference");
    if (mw_view_is(state, "off"))
        mw_paper_verdict(m->paper, MW_MARK_UNKNOWN,
                         "Nobody watches: the server runs with --watch off.");
    else if (!mw_view_is(state, "watching"))
        mw_paper_verdict(m->paper, MW_MARK_UNKNOWN,
                         "Not enough data: %.0f of %.0f rows are there that later ones will be "
                         "compared with.",
                         reading_count(reference, "rows"), reading_count(reference, "wanted"));
    else if (m->n_drifted == 0 && leans_otherwise(m))
        mw_paper_verdict(m->paper, MW_MARK_WATCH,
                         "The rows of now look like the reference, but the model leans on other "
                         "features than it did.");
    else if (m->n_drifted == 0)
        mw_paper_verdict(m->paper, MW_MARK_OK, "The rows of now look like the reference.");
    else
        mw_paper_verdict(m->paper, MW_MARK_BAD, "%zu of %zu columns %s unlike the reference%s",
                         m->n_drifted, m->n, m->n_drifted == 1 ? "is" : "are",
                         m->n_outputs_drifted > 0 ? ", the predictions among them." : ".");
}

/* "2,000", in `room`. */
static const char *with_commas(mw_buf *room, double count)
{
    mw_buf_reset(room);
    mw_put_number(room, count);
    return room->data;
}

static void live_facts(const making *m)
{
    mw_buf text;
    const mw_json *drift = m->live->drift, *reference = mw_json_member(drift, "reference");
    mw_paper_fact(m->paper, "endpoint", "%.*s, version %.0f at %s", MW_VIEW_ARG(m->live->endpoint),
                  reading_count(drift, "version"), m->live->server);
    mw_buf_init(&text, MW_KIB);
    mw_put_moment(&text, m->now);
    mw_paper_fact(m->paper, "as of", "%s; the last %s", text.data, m->live->window);
    double rows = reading_count(reference, "rows");
    if (mw_view_is(reading_text(reference, "kind"), "profile"))
        mw_paper_fact(m->paper, "reference", "the training data: %.*s, %s rows",
                      MW_VIEW_ARG(reading_text(reference, "source")), with_commas(&text, rows));
    else
        mw_paper_fact(m->paper, "reference",
                      "the first %s rows that this version was asked; not its training data",
                      with_commas(&text, rows));
    mw_paper_fact(m->paper, "rows compared", "%s",
                  with_commas(&text, reading_count(drift, "window_rows")));
    mw_buf_done(&text);
}

/* ---- what moves predictions ------------------------------------------------------------------ */

static const mw_paper_column contribution_columns[] = {{"column", "Feature", false},
                                                       {"verdict", "Verdict", false},
                                                       {"share_before", "Moved", true},
                                                       {"share", "Moves", true},
                                                       {"psi", "PSI", true},
                                                       {"log_e_value", "Evidence (log e)", true},
                                                       {"since_rows", "Since, rows", true}};

static bool stands_in(const mw_json *names, mw_view name)
{
    for (size_t i = 0; i < mw_json_count(names); i++)
        if (mw_view_equal(mw_json_text(mw_json_element(names, i)), name))
            return true;
    return false;
}

/* A feature whose contributions changed. The share is of what all features move together. */
static void say_leaning(const making *m, const mw_json *contributions, const mw_json *found)
{
    mw_buf words;
    mw_view name = reading_text(found, "feature");
    bool more = stands_in(mw_json_member(contributions, "leans_more"), name);
    bool less = stands_in(mw_json_member(contributions, "leans_less"), name);
    double before = reading_number(found, "share_reference"), now = reading_number(found, "share");
    mw_buf_init(&words, WORDS_BYTES);
    if (isfinite(before) && isfinite(now)) {
        mw_buf_text(&words, "it made up ");
        reading_put_percent(&words, before);
        mw_buf_text(&words, " of what moves predictions and makes up ");
        reading_put_percent(&words, now);
        mw_buf_text(&words, "; ");
    }
    reading_put_evidence(&words, reading_number(found, "log_e_value"));
    say_since(m, &(change){.found = found}, &words);
    if (more || less)
        mw_paper_point(m->paper, MW_MARK_BAD, "The model leans %s on %.*s than it did: %s.",
                       more ? "more" : "less", MW_VIEW_ARG(name), words.data);
    else
        mw_paper_point(m->paper, MW_MARK_WATCH, "%.*s moves predictions otherwise: %s.",
                       MW_VIEW_ARG(name), words.data);
    mw_buf_done(&words);
}

static void put_contribution(mw_paper *p, const mw_json *found)
{
    bool drifted = reading_is(found, "drifted");
    mw_paper_cell(p, reading_text(found, "feature"));
    mw_paper_cell_mark(p, drifted ? MW_MARK_BAD : MW_MARK_OK,
                       drifted ? MW_VIEW("drifted") : MW_VIEW("quiet"));
    mw_paper_cell_share(p, reading_number(found, "share_reference"));
    mw_paper_cell_share(p, reading_number(found, "share"));
    mw_paper_cell_number(p, reading_number(found, "psi"));
    mw_paper_cell_number(p, reading_number(found, "log_e_value"));
    mw_paper_cell_number(p, drifted ? reading_number(found, "since_rows") : (double)NAN);
}

static void leaning(const making *m, const mw_json *contributions)
{
    size_t n_told = 0;
    const mw_json *features = mw_json_member(contributions, "features");
    size_t n = mw_json_count(features) < COLUMNS_MAX ? mw_json_count(features) : COLUMNS_MAX;
    for (size_t i = 0; i < n && n_told < NAMED; i++) {
        if (!reading_is(mw_json_element(features, i), "drifted"))
            continue;
        say_leaning(m, contributions, mw_json_element(features, i));
        n_told++;
    }
    if (n_told == 0)
        mw_paper_point(m->paper, MW_MARK_OK, "The model leans on its features as it did.");
    mw_paper_table(m->paper, "contributions",
                   "For engineers: each feature's share of what moves predictions.",
                   contribution_columns, MW_COUNT(contribution_columns));
    for (size_t i = 0; i < n; i++)
        put_contribution(m->paper, mw_json_element(features, i));
}

static void what_moves_predictions(const making *m)
{
    const mw_json *contributions = mw_json_member(m->live->drift, "contributions");
    const mw_json *reference = mw_json_member(contributions, "reference");
    mw_paper_section(m->paper, "contributions", "What moves the predictions");
    if (!contributions)
        mw_paper_say(m->paper, "Contributions of this version are not watched.");
    else if (!mw_view_is(reading_text(contributions, "state"), "watching"))
        mw_paper_say(m->paper,
                     "Not enough data: %.0f of %.0f explained rows are there that later "
                     "ones will be compared with.",
                     reading_count(reference, "rows"), reading_count(reference, "wanted"));
    else
        leaning(m, contributions);
}

static void odd_rows(const making *m)
{
    const mw_json *odd = mw_json_member(m->live->drift, "anomalies");
    double scored = reading_number(odd, "scored"), found = reading_number(odd, "found");
    mw_paper_section(m->paper, "odd_rows", "Single odd rows");
    if (!(scored > 0)) {
        mw_paper_say(m->paper, "No rows were scored for oddness yet.");
        return;
    }
    mw_paper_point(m->paper, found / scored > 0.05 ? MW_MARK_WATCH : MW_MARK_OK,
                   "%.0f of %.0f rows that were looked at are unlike the reference as a whole "
                   "(isolation forest, limit %.3f): %.2g %%.",
                   found, scored, reading_count(odd, "threshold"), 100 * found / scored);
}

void mw_report_drift_live(const mw_live_drift *live, mw_paper *paper)
{
    making m = {.paper = paper, .live = live, .now = live->now};
    if (!take(&m, mw_json_member(live->drift, "features"), true))
        return;
    judge_live(&m);
    live_facts(&m);
    mw_paper_gaps(paper, live->gaps, live->n_gaps);
    what_changed(&m);
    what_it_means(&m);
    what_to_do(&m);
    over_time(&m);
    pictures(&m);
    what_moves_predictions(&m);
    odd_rows(&m);
    all_columns(&m);
    mw_paper_section(paper, "how", "How it was measured");
    mw_paper_say(paper,
                 "Each column has counts in bins of the reference. A column changed when the "
                 "evidence against 'nothing changed' (an e-value, which may be looked at for "
                 "ever) and the size of the change (PSI) both pass their limits; since when is "
                 "the moment that makes the change most likely. PSI below 0.1 is little, from "
                 "0.25 on much.");
    mw_paper_source(paper, "drift", live->drift);
}
