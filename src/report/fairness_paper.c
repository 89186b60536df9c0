/* Fairness as a paper, for those who decide and those who advise them.
 *
 *     JSON of `mw fairness check` --> limits, four fifths, errors, the worst combination, few rows
 *
 * Four fifths: a group that is selected less than 4/5 as often as the one selected most is, under
 * the US Uniform Guidelines (29 CFR 1607.4(D)), commonly taken as evidence of adverse impact, where
 * the numbers are large enough; small ones are told by Fisher's test (adjusted by Holm), and by
 * whether one person more would change it. */
#include <math.h>

#include "reading.h"
#include "report.h"

#include "base/banned.h"

#define FOUR_FIFTHS 0.8
#define SIGNIFICANT 0.05

enum { NAMED = 12, WORDS_BYTES = 4096 };

typedef struct making {
    mw_paper *paper;
    const mw_json *root;
    size_t n_limits, n_failed, n_undecided;       /* that were agreed on */
    size_t n_below, n_below_sure, n_few, n_large; /* groups: below four fifths; with few rows */
} making;

/* A group beside the one that is selected most. */
typedef struct beside {
    mw_view attribute, group, most;
    const mw_json *found, *found_most, *pair;
    double ratio;
} beside;

typedef void see_group(making *m, const beside *b, void *user);

static mw_view most_selected(const mw_json *attribute)
{
    void *cursor = NULL;
    mw_view key, best = {"", 0};
    const mw_json *value;
    double most = -1;
    const mw_json *groups = mw_json_member(attribute, "groups");
    while (mw_json_next(groups, &cursor, &key, &value)) {
        double rate = reading_number(value, "selection_rate");
        if (rate > most) {
            most = rate;
            best = key;
        }
    }
    return best;
}

/* The group that the tests were made against is the finding's own word. */
static mw_view reference_of(const mw_json *attribute)
{
    void *cursor = NULL;
    mw_view key;
    const mw_json *pair;
    const mw_json *pairs = mw_json_member(mw_json_member(attribute, "selection_tests"), "pairs");
    if (mw_json_next(pairs, &cursor, &key, &pair))
        return reading_text(pair, "reference");
    return most_selected(attribute);
}

static void each_group(making *m, see_group *see, void *user)
{
    void *cursor = NULL;
    mw_view name;
    const mw_json *attribute;
    const mw_json *attributes = mw_json_member(m->root, "attributes");
    while (mw_json_next(attributes, &cursor, &name, &attribute)) {
        void *at = NULL;
        mw_view group;
        const mw_json *found, *groups = mw_json_member(attribute, "groups");
        const mw_json *ratios = mw_json_member(attribute, "impact_ratio_to_highest_rate");
        const mw_json *tests = mw_json_member(attribute, "selection_tests");
        mw_view most = reference_of(attribute);
        while (mw_json_next(groups, &at, &group, &found)) {
            beside b = {.attribute = name,
                        .group = group,
                        .most = most,
                        .found = found,
                        .found_most = mw_json_member(groups, most.data),
                        .pair = mw_json_member(mw_json_member(tests, "pairs"), group.data),
                        .ratio = reading_number(ratios, group.data)};
            see(m, &b, user);
        }
    }
}

static bool is_few(const beside *b)
{
    return reading_is(b->found, "few_rows");
}

static bool is_below(const beside *b)
{
    return b->ratio < FOUR_FIFTHS;
}

static bool is_sure(const beside *b)
{
    return reading_number(b->pair, "p_fisher_holm") < SIGNIFICANT;
}

static void count(making *m, const beside *b, void *user)
{
    (void)user;
    m->n_few += is_few(b);
    m->n_large += !is_few(b);
    m->n_below += !is_few(b) && is_below(b);
    m->n_below_sure += !is_few(b) && is_below(b) && is_sure(b);
}

/* ---- verdict --------------------------------------------------------------------------------- */

static void count_limits(making *m)
{
    const mw_json *checks = mw_json_member(m->root, "checks");
    m->n_limits = mw_json_count(checks);
    for (size_t i = 0; i < m->n_limits; i++) {
        mw_view verdict = reading_text(mw_json_element(checks, i), "verdict");
        m->n_failed += mw_view_is(verdict, "fail");
        m->n_undecided += mw_view_is(verdict, "undecided");
    }
}

static void judge(const making *m)
{
    mw_paper *p = m->paper;
    if (m->n_failed > 0 && m->n_limits == 1)
        mw_paper_verdict(p, MW_MARK_BAD, "The limit that was agreed on is broken.");
    else if (m->n_failed > 0)
        mw_paper_verdict(p, MW_MARK_BAD, "%zu of the %zu limits that were agreed on %s broken.",
                         m->n_failed, m->n_limits, m->n_failed == 1 ? "is" : "are");
    else if (m->n_large < 2)
        mw_paper_verdict(p, MW_MARK_UNKNOWN,
                         "Not enough data: fewer than two groups have enough "
                         "rows to be compared.");
    else if (m->n_below_sure > 0)
        mw_paper_verdict(p, MW_MARK_BAD,
                         "%zu group%s selected less than four fifths as often as another, and "
                         "chance does not explain it.",
                         m->n_below_sure, m->n_below_sure == 1 ? " is" : "s are");
    else if (m->n_undecided > 0)
        mw_paper_verdict(p, MW_MARK_WATCH,
                         "No limit is broken, but of %zu of %zu the rows do not tell.",
                         m->n_undecided, m->n_limits);
    else if (m->n_below > 0)
        mw_paper_verdict(p, MW_MARK_WATCH,
                         "%zu group%s selected less than four fifths as often as another; chance "
                         "may explain it.",
                         m->n_below, m->n_below == 1 ? " is" : "s are");
    else
        mw_paper_verdict(p, MW_MARK_OK,
                         m->n_limits > 0 ? "Every limit that was agreed on is kept."
                                         : "No group with enough rows is selected less than four "
                                           "fifths as often as another.");
}

/* ---- found ----------------------------------------------------------------------------------- */

static void put_of_hundred(mw_buf *out, double share)
{
    mw_buf_format(out, share < 0.1 ? "%.1f" : "%.0f", 100 * share);
}

static void put_points(mw_buf *out, double difference)
{
    mw_buf_format(out, "%+.1f", 100 * difference);
}

static double element(const mw_json *list, size_t i)
{
    double value = NAN;
    (void)mw_json_number(mw_json_element(list, i), &value);
    return value;
}

static void say_difference(const beside *b, mw_buf *out)
{
    const mw_json *interval = mw_json_member(b->pair, "difference_newcombe95");
    double difference = reading_number(b->pair, "difference");
    double low = element(interval, 0), high = element(interval, 1);
    if (!isfinite(difference))
        return;
    mw_buf_text(out, "; the difference is ");
    put_points(out, difference);
    mw_buf_text(out, " percentage points");
    if (isfinite(low) && isfinite(high)) {
        mw_buf_text(out, " (95 % sure: between ");
        put_points(out, low);
        mw_buf_text(out, " and ");
        put_points(out, high);
        mw_buf_text(out, ")");
    }
}

/* Too small a number to lean on: one person more, and the ratio is kept. */
static bool would_flip(const beside *b)
{
    double n = reading_number(b->found, "count"), k = reading_number(b->found, "selected");
    double most = reading_number(b->found_most, "selection_rate");
    return n > 0 && most > 0 && k < n && (k + 1) / n / most >= FOUR_FIFTHS;
}

static void say_below(making *m, const beside *b, void *user)
{
    mw_buf words;
    size_t *n = user;
    if (!is_below(b) || is_few(b) || ++*n > NAMED)
        return;
    mw_buf_init(&words, WORDS_BYTES);
    mw_buf_text(&words, "of 100 rows ");
    put_of_hundred(&words, reading_count(b->found, "selection_rate"));
    mw_buf_format(&words, " are selected, of 100 of '%.*s' ", MW_VIEW_ARG(b->most));
    put_of_hundred(&words, reading_count(b->found_most, "selection_rate"));
    mw_buf_format(&words, ": %.0f %% as often, and four fifths would be 80 %%", 100 * b->ratio);
    say_difference(b, &words);
    mw_buf_text(&words, "; ");
    reading_put_chance(&words, reading_number(b->pair, "p_fisher_holm"));
    if (would_flip(b))
        mw_buf_text(&words, "; one more selected row would lift it to four fifths, so the number "
                            "is too small to lean on");
    mw_paper_point(m->paper, is_sure(b) && !would_flip(b) ? MW_MARK_BAD : MW_MARK_WATCH,
                   "%.*s, '%.*s': %s.", MW_VIEW_ARG(b->attribute), MW_VIEW_ARG(b->group),
                   words.data);
    mw_buf_done(&words);
}

/* An error rate in words. */
typedef struct rate_words {
    const char *key, *interval, *among, *then;
} rate_words;

static const rate_words error_words[] = {
    {"tpr", "tpr_wilson95", "Of those whom the label calls positive", "are selected"},
    {"fpr", "fpr_wilson95", "Of those whom the label calls negative", "are selected all the same"},
    {"ppv", "ppv_wilson95", "Of those who are selected", "are positive by the label"}};

typedef struct extremes {
    mw_view low_name, high_name;
    const mw_json *low, *high;
    bool are_apart;
} extremes;

/* Where a rate is least and where it is most: of the values; or of the ends of their intervals, so
 * that two groups lie apart if any two do. */
static extremes find_extremes(const mw_json *groups, const rate_words *w, bool by_interval)
{
    extremes e = {.low = NULL};
    void *cursor = NULL;
    mw_view name;
    const mw_json *found;
    double least = INFINITY, most = -INFINITY;
    while (mw_json_next(groups, &cursor, &name, &found)) {
        double value = reading_number(found, w->key);
        const mw_json *interval = mw_json_member(found, w->interval);
        double high = by_interval ? element(interval, 1) : value;
        double low = by_interval ? element(interval, 0) : value;
        if (!isfinite(value) || reading_is(found, "few_rows"))
            continue;
        if (high < least) {
            least = high;
            e.low = found;
            e.low_name = name;
        }
        if (low > most) {
            most = low;
            e.high = found;
            e.high_name = name;
        }
    }
    e.are_apart = by_interval && least < most;
    return e;
}

static void say_rate(making *m, mw_view attribute, const mw_json *groups, const rate_words *w)
{
    mw_buf words;
    extremes e = find_extremes(groups, w, true);
    bool apart = e.are_apart;
    if (!apart)
        e = find_extremes(groups, w, false);
    if (!e.low || e.low == e.high)
        return;
    mw_buf_init(&words, WORDS_BYTES);
    mw_buf_format(&words, "%s, ", w->among);
    put_of_hundred(&words, reading_count(e.low, w->key));
    mw_buf_format(&words, " of 100 %s in '%.*s', and ", w->then, MW_VIEW_ARG(e.low_name));
    put_of_hundred(&words, reading_count(e.high, w->key));
    mw_buf_format(&words, " in '%.*s'. %s", MW_VIEW_ARG(e.high_name),
                  apart ? "The 95 % intervals lie apart: the groups differ."
                        : "The 95 % intervals overlap: these rows do not tell them apart.");
    mw_paper_point(m->paper, apart ? MW_MARK_WATCH : MW_MARK_OK, "%.*s: %s", MW_VIEW_ARG(attribute),
                   words.data);
    mw_buf_done(&words);
}

static void found(making *m)
{
    size_t n = 0;
    mw_paper_section(m->paper, "found", "What was found");
    each_group(m, say_below, &n);
    if (n == 0)
        mw_paper_point(m->paper, m->n_large < 2 ? MW_MARK_UNKNOWN : MW_MARK_OK,
                       m->n_large < 2 ? "There are no two groups with enough rows to compare."
                                      : "Four fifths: every group with enough rows is selected at "
                                        "least 80 %% as often as the one selected most.");
    if (n > NAMED)
        mw_paper_say(m->paper, "%zu more groups lie below four fifths; the tables have them.",
                     n - NAMED);
    void *cursor = NULL;
    mw_view name;
    const mw_json *attribute, *attributes = mw_json_member(m->root, "attributes");
    while (mw_json_next(attributes, &cursor, &name, &attribute))
        for (size_t i = 0; i < MW_COUNT(error_words); i++)
            say_rate(m, name, mw_json_member(attribute, "groups"), &error_words[i]);
}

/* ---- the worst combination, and few rows ----------------------------------------------------- */

typedef struct worst {
    beside least;
    bool is_set, only_crossed;
} worst;

static void look_for_worst(making *m, const beside *b, void *user)
{
    (void)m;
    worst *w = user;
    bool is_crossed = memchr(b->attribute.data, '|', b->attribute.size);
    if (is_few(b) || !isfinite(b->ratio) || (w->only_crossed && !is_crossed))
        return;
    if (!w->is_set || b->ratio < w->least.ratio)
        w->least = *b;
    w->is_set = true;
}

static void worst_combination(making *m)
{
    worst w = {.only_crossed = true};
    mw_paper_section(m->paper, "worst", "The worst combination");
    each_group(m, look_for_worst, &w);
    if (!w.is_set) {
        mw_paper_say(m->paper, "No combination of attributes has enough rows, or none was asked "
                               "for (--groups 'sex,race,sex*race' asks for both). A group "
                               "can be treated well by each attribute and badly by both.");
        return;
    }
    mw_paper_point(m->paper,
                   !is_below(&w.least) ? MW_MARK_OK
                   : is_sure(&w.least) ? MW_MARK_BAD
                                       : MW_MARK_WATCH,
                   "'%.*s' (%.*s) is selected %.0f %% as often as '%.*s', from %.0f rows.",
                   MW_VIEW_ARG(w.least.group), MW_VIEW_ARG(w.least.attribute), 100 * w.least.ratio,
                   MW_VIEW_ARG(w.least.most), reading_count(w.least.found, "n"));
}

static void say_few(making *m, const beside *b, void *user)
{
    size_t *n = user;
    if (is_few(b) && ++*n <= NAMED)
        mw_paper_point(m->paper, MW_MARK_UNKNOWN, "%.*s, '%.*s': %.0f rows.",
                       MW_VIEW_ARG(b->attribute), MW_VIEW_ARG(b->group),
                       reading_count(b->found, "n"));
}

static void few_rows(making *m)
{
    size_t n = 0;
    mw_paper_section(m->paper, "few_rows", "Groups that are too small to judge");
    if (m->n_few == 0) {
        mw_paper_say(m->paper, "None: every group has enough rows.");
        return;
    }
    mw_paper_say(m->paper, "They are shown below and are no reason to be at ease: nothing can be "
                           "said of them. More rows are needed, or another way to look.");
    each_group(m, say_few, &n);
    if (n > NAMED)
        mw_paper_say(m->paper, "And %zu more.", n - NAMED);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const mw_paper_column limit_columns[] = {
    {"name", "Limit", false},   {"verdict", "Verdict", false}, {"value", "Value", true},
    {"low", "95 % from", true}, {"high", "to", true},          {"why", "Why", false}};

static void limits(making *m)
{
    const mw_json *checks = mw_json_member(m->root, "checks");
    mw_paper_section(m->paper, "limits", "The limits that were agreed on");
    if (m->n_limits == 0) {
        mw_paper_say(m->paper,
                     "None (--suite FILE sets them): this report describes, and judges by "
                     "four fifths alone.");
        return;
    }
    mw_paper_table(m->paper, "limits", "", limit_columns, MW_COUNT(limit_columns));
    for (size_t i = 0; i < m->n_limits; i++) {
        const mw_json *check = mw_json_element(checks, i);
        const mw_json *interval = mw_json_member(check, "interval");
        mw_view verdict = reading_text(check, "verdict");
        mw_paper_cell(m->paper, reading_text(check, "name"));
        mw_paper_cell_mark(m->paper,
                           mw_view_is(verdict, "pass")   ? MW_MARK_OK
                           : mw_view_is(verdict, "fail") ? MW_MARK_BAD
                                                         : MW_MARK_WATCH,
                           verdict);
        mw_paper_cell_number(m->paper, reading_number(check, "value"));
        mw_paper_cell_number(m->paper, element(interval, 0));
        mw_paper_cell_number(m->paper, element(interval, 1));
        mw_paper_cell(m->paper, reading_text(check, "why"));
    }
}

static const mw_paper_column group_columns[] = {
    {"group", "Group", false},           {"rows", "Rows", true},
    {"selected", "Selected", true},      {"selected_low", "95 % from", true},
    {"selected_high", "to", true},       {"ratio", "Ratio to the highest", true},
    {"p", "p (Fisher, Holm)", true},     {"tpr", "Positives selected", true},
    {"fpr", "Negatives selected", true}, {"ppv", "Right among selected", true},
    {"base", "Positive by label", true}};

static void put_group(mw_paper *p, const char *mark_few, mw_view name, const mw_json *found,
                      double ratio, double p_value)
{
    mw_buf text;
    const mw_json *interval = mw_json_member(found, "selection_rate_wilson95");
    mw_buf_init(&text, MW_MIB);
    mw_buf_view(&text, name);
    mw_buf_text(&text, reading_is(found, "few_rows") ? mark_few : "");
    mw_paper_cell(p, mw_buf_as_view(&text));
    mw_buf_done(&text);
    mw_paper_cell_number(p, reading_number(found, "n"));
    mw_paper_cell_share(p, reading_number(found, "selection_rate"));
    mw_paper_cell_share(p, element(interval, 0));
    mw_paper_cell_share(p, element(interval, 1));
    mw_paper_cell_number(p, ratio);
    mw_paper_cell_number(p, p_value);
    mw_paper_cell_share(p, reading_number(found, "tpr"));
    mw_paper_cell_share(p, reading_number(found, "fpr"));
    mw_paper_cell_share(p, reading_number(found, "ppv"));
    mw_paper_cell_share(p, reading_number(found, "base_rate"));
}

static void draw_attribute(making *m, mw_view name, const mw_json *attribute)
{
    const mw_json *groups = mw_json_member(attribute, "groups"), *found;
    size_t n = mw_json_count(groups), i = 0;
    mw_arena *arena = mw_paper_arena(m->paper);
    mw_view *labels = mw_arena_take_zeroed(arena, n + 1, sizeof *labels), group;
    double *values = mw_arena_take_zeroed(arena, 3 * (n + 1), sizeof *values);
    char title[300];
    void *cursor = NULL;
    if (!labels || !values)
        return;
    while (i < n && mw_json_next(groups, &cursor, &group, &found)) {
        const mw_json *interval = mw_json_member(found, "selection_rate_wilson95");
        labels[i] = group;
        values[i] = reading_number(found, "selection_rate");
        values[n + i] = element(interval, 0);
        values[2 * n + i++] = element(interval, 1);
    }
    snprintf(title, sizeof title,
             "How many are selected, by %.*s, with 95 %% intervals; the broken line is all rows",
             (int)(name.size < 120 ? name.size : 120), name.data);
    mw_paper_figure(m->paper,
                    &(mw_figure){.kind = MW_FIGURE_INTERVALS,
                                 .key = "selected",
                                 .title = mw_view_of(title),
                                 .names = {"selected", "low", "high"},
                                 .unit = "%",
                                 .labels = labels,
                                 .columns = {values, values + n, values + 2 * n},
                                 .n = n,
                                 .rule = reading_number(mw_json_member(attribute, "overall"),
                                                        "selection_rate")});
}

static void tabulate_attribute(making *m, mw_view name, const mw_json *attribute)
{
    char caption[300];
    void *cursor = NULL;
    mw_view group;
    const mw_json *found;
    const mw_json *ratios = mw_json_member(attribute, "impact_ratio_to_highest_rate");
    const mw_json *pairs = mw_json_member(mw_json_member(attribute, "selection_tests"), "pairs");
    snprintf(caption, sizeof caption, "By %.*s. p: against the group that is selected most.",
             (int)(name.size < 200 ? name.size : 200), name.data);
    mw_paper_table(m->paper, "groups", caption, group_columns, MW_COUNT(group_columns));
    while (mw_json_next(mw_json_member(attribute, "groups"), &cursor, &group, &found))
        put_group(m->paper, " (few rows)", group, found, reading_number(ratios, group.data),
                  reading_number(mw_json_member(pairs, group.data), "p_fisher_holm"));
    put_group(m->paper, "", MW_VIEW("all rows"), mw_json_member(attribute, "overall"), (double)NAN,
              (double)NAN);
}

static void groups(making *m)
{
    void *cursor = NULL;
    mw_view name;
    const mw_json *attribute, *attributes = mw_json_member(m->root, "attributes");
    mw_paper_section(m->paper, "groups", "All groups");
    while (mw_json_next(attributes, &cursor, &name, &attribute)) {
        draw_attribute(m, name, attribute);
        tabulate_attribute(m, name, attribute);
    }
}

/* ---- words ----------------------------------------------------------------------------------- */

static void meaning(making *m)
{
    mw_paper *p = m->paper;
    mw_paper_section(p, "meaning", "What that means");
    mw_paper_say(p, "Four fifths is a rule of thumb of US employment law (29 CFR 1607.4(D)): below "
                    "it a selection procedure is commonly taken to have adverse impact, if the "
                    "numbers are large enough. It is evidence and no verdict: other laws ask "
                    "other questions, and a justification may exist. Above it is no proof of "
                    "fairness either.");
    mw_paper_say(p, "Where groups differ in how often the label is positive, no procedure can give "
                    "all of them the same selection rates, the same error rates and the same "
                    "precision at once, unless it is never wrong: which of these matters is a "
                    "decision of people, to be made before the numbers are seen.");
    mw_paper_say(p, "This is about decisions as the model would make them, on these rows, by this "
                    "label. It does not see what people make of them, who never got into the "
                    "rows, or a label that is itself unfair.");
}

static void recommendation(making *m)
{
    mw_paper *p = m->paper;
    mw_paper_section(p, "what_to_do", "What we recommend, and who decides");
    if (m->n_failed + m->n_below > 0)
        mw_paper_point(p, MW_MARK_NONE,
                       "Whoever owns the model: do not release on this alone. Find which inputs "
                       "carry the difference (mw explain, mw importance), look for an alternative "
                       "that does as well with less of it, and measure again.");
    if (m->n_few + m->n_undecided > 0)
        mw_paper_point(p, MW_MARK_NONE,
                       "Whoever supplies the data: more rows of the groups that "
                       "cannot be judged.");
    mw_paper_point(p, MW_MARK_NONE,
                   "Whoever answers for it legally: whether the law that applies "
                   "asks for these numbers, for others, or for a justification.");
    mw_paper_blank(p, "justification", "Why the model is used, and what was considered instead:");
    mw_paper_blank(p, "consulted", "Who was heard, of those affected:");
    mw_paper_blank(p, "decision", "Decision, by whom, and when it is measured again:");
}

static void how(making *m)
{
    mw_paper *p = m->paper;
    mw_paper_section(p, "how", "Words, and how it was measured");
    mw_paper_point(p, MW_MARK_NONE,
                   "Selected: a score of %g or more. Positive: the label '%.*s' "
                   "is 1.",
                   reading_count(m->root, "threshold"),
                   MW_VIEW_ARG(reading_text(m->root, "label")));
    mw_paper_point(p, MW_MARK_NONE,
                   "Positives selected: the true positive rate (equal "
                   "opportunity). Negatives selected: the false positive rate. "
                   "Right among selected: precision (predictive parity).");
    mw_paper_point(p, MW_MARK_NONE,
                   "Ratio to the highest: how often a group is selected, over how "
                   "often the one selected most is (impact ratio).");
    mw_paper_point(p, MW_MARK_NONE,
                   "95 %% intervals of rates are Wilson's, of differences Newcombe's, of limits by "
                   "bootstrap. p is Fisher's exact test beside the group selected most, adjusted "
                   "for the number of groups by Holm.");
}

void mw_report_fairness(const mw_json *check, mw_paper *paper)
{
    making m = {.paper = paper, .root = check};
    count_limits(&m);
    each_group(&m, count, NULL);
    judge(&m);
    mw_paper_fact(paper, "data", "%.*s, %.0f rows", MW_VIEW_ARG(reading_text(check, "data")),
                  reading_count(check, "rows"));
    if (reading_text(check, "digest").size > 0)
        mw_paper_fact(paper, "digest", "%.*s", MW_VIEW_ARG(reading_text(check, "digest")));
    mw_paper_fact(paper, "selected", "score '%.*s' of %g or more",
                  MW_VIEW_ARG(reading_text(check, "score")), reading_count(check, "threshold"));
    mw_paper_fact(paper, "truth", "label '%.*s'", MW_VIEW_ARG(reading_text(check, "label")));
    found(&m);
    worst_combination(&m);
    few_rows(&m);
    meaning(&m);
    recommendation(&m);
    limits(&m);
    groups(&m);
    how(&m);
    mw_paper_source(paper, "check", check);
}
