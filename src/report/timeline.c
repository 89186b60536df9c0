/* What happened when. */
#include "timeline.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/banned.h"

enum { WHAT_BYTES = 1024, NAME_BYTES = 128, SHOWN_MAX = 500 };

void timeline_init(timeline *t, mw_arena *arena, double from, double to)
{
    *t = (timeline){.arena = arena, .from = from, .to = to};
}

const char *happening_name(happening_kind kind)
{
    static const char *const names[] = {"alert",  "acknowledged", "ended",
                                        "deploy", "change",       "drift"};
    return names[kind];
}

static happening *make_room(timeline *t)
{
    if (t->n < t->capacity)
        return &t->items[t->n++];
    size_t capacity = t->capacity ? 2 * t->capacity : 64;
    happening *more = mw_arena_take_zeroed(t->arena, capacity, sizeof *more);
    if (!more)
        return NULL;
    if (t->n > 0)
        memcpy(more, t->items, t->n * sizeof *more);
    t->items = more;
    t->capacity = capacity;
    return &t->items[t->n++];
}

void timeline_add(timeline *t, double at, happening_kind kind, mw_mark mark, mw_view by,
                  const char *format, ...)
{
    char text[WHAT_BYTES];
    va_list arguments;
    if (!(at >= t->from && at <= t->to))
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    happening *added = make_room(t);
    if (!added)
        return;
    mw_view what = mw_view_of(text);
    *added = (happening){.at = at,
                         .kind = kind,
                         .mark = mark,
                         .what = {mw_arena_text(t->arena, what), what.size},
                         .by = {mw_arena_text(t->arena, by), by.size}};
    if (!added->what.data || !added->by.data)
        t->n--;
}

/* ---- alerts ---------------------------------------------------------------------------------- */

static mw_mark mark_of(mw_view severity)
{
    return mw_view_is(severity, "info") ? MW_MARK_WATCH : MW_MARK_BAD;
}

void timeline_add_alert(timeline *t, const mw_json *alert)
{
    mw_view rule = reading_text(alert, "rule"), none = {"", 0};
    mw_view severity = reading_text(alert, "severity"), summary = reading_text(alert, "summary");
    const mw_json *seen = mw_json_member(alert, "acknowledged");
    timeline_add(t, reading_time(alert, "fired"), HAPPENED_ALERT, mark_of(severity), none,
                 "%.*s (%.*s): %.*s", MW_VIEW_ARG(rule), MW_VIEW_ARG(severity),
                 MW_VIEW_ARG(summary));
    timeline_add(t, reading_time(seen, "at"), HAPPENED_SEEN, MW_MARK_NONE, reading_text(seen, "by"),
                 "%.*s: %.*s", MW_VIEW_ARG(rule), MW_VIEW_ARG(reading_text(seen, "why")));
    timeline_add(t, reading_time(alert, "resolved"), HAPPENED_ENDED, MW_MARK_OK, none, "%.*s: %.*s",
                 MW_VIEW_ARG(rule), MW_VIEW_ARG(reading_text(alert, "ended")));
}

/* ---- the audit log --------------------------------------------------------------------------- */

/* What may make another version answer. */
static bool is_deploy(mw_view action)
{
    /* a promotion moves the alias, which is an entry of its own */
    static const char *const actions[] = {"alias.set", "alias.delete", "version.stage",
                                          "rollout.rollback", "rollout.abort"};
    for (size_t i = 0; i < MW_COUNT(actions); i++)
        if (mw_view_is(action, actions[i]))
            return true;
    return false;
}

static bool is_harm(mw_view action)
{
    return mw_view_is(action, "rollout.rollback") || mw_view_is(action, "rollout.abort") ||
           mw_view_is(action, "gate.override");
}

/* Uploads and runs are work, not what happened to a model that is served. */
static bool is_work(mw_view action)
{
    static const char *const kinds[] = {"artifact.", "run.",  "experiment.", "logged_model.",
                                        "token.",    "user.", "data.",       "alert."};
    for (size_t i = 0; i < MW_COUNT(kinds); i++)
        if (mw_view_starts(action, kinds[i]))
            return true;
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* Whether the name stands in a text as a word: "model credit@champion", not "model credits". */
static bool has_word(mw_view text, mw_view word)
{
    for (size_t i = 0; word.size > 0 && i + word.size <= text.size; i++) {
        size_t end = i + word.size;
        if (memcmp(text.data + i, word.data, word.size) == 0 &&
            (i == 0 || !is_letter(text.data[i - 1])) &&
            (end == text.size || !is_letter(text.data[end])))
            return true;
    }
    return false;
}

static bool concerns(const mw_json *entry, mw_view endpoint, mw_view model)
{
    mw_view object = reading_text(entry, "object"), action = reading_text(entry, "action");
    if (!endpoint.data || has_word(object, endpoint) || has_word(object, model))
        return true;
    /* silences and rules say of what in the text */
    bool is_of_alerts = mw_view_starts(action, "silence.") || mw_view_starts(action, "rule.");
    return is_of_alerts &&
           (has_word(reading_text(entry, "after"), endpoint) || mw_view_starts(action, "rule."));
}

/* What was set may be a whole text: its beginning says which. */
static mw_view cut(mw_view text)
{
    enum { SHOWN_BYTES = 160 };
    size_t size = text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES;
    while (size > 0 && size < text.size && ((unsigned char)text.data[size] & 0xc0) == 0x80)
        size--;
    return (mw_view){text.data, size};
}

/* What is kept as JSON is no sentence: its name stands for it. */
static mw_view told(mw_view state, char room[NAME_BYTES])
{
    mw_json *read;
    mw_error ignored;
    if (state.size == 0 || state.data[0] != '{')
        return cut(state);
    room[0] = '\0';
    if (mw_json_read(state, &read, &ignored) != MW_OK)
        return mw_view_of(room);
    mw_view name = reading_text(read, "name");
    snprintf(room, NAME_BYTES, "%.*s", MW_VIEW_ARG(name));
    mw_json_free(read);
    return mw_view_of(room);
}

void timeline_add_audit(timeline *t, const mw_json *audit, mw_view endpoint, mw_view model)
{
    const mw_json *entries = mw_json_member(audit, "entries");
    for (size_t i = 0; i < mw_json_count(entries); i++) {
        const mw_json *entry = mw_json_element(entries, i);
        mw_view action = reading_text(entry, "action"), object = reading_text(entry, "object");
        char rooms[2][NAME_BYTES];
        mw_view before = told(reading_text(entry, "before"), rooms[0]);
        mw_view after = told(reading_text(entry, "after"), rooms[1]);
        if (is_work(action) || !concerns(entry, endpoint, model))
            continue;
        timeline_add(t, reading_time(entry, "time"),
                     is_deploy(action) ? HAPPENED_DEPLOY : HAPPENED_CHANGE,
                     is_harm(action) ? MW_MARK_WATCH : MW_MARK_NONE, reading_text(entry, "actor"),
                     "%.*s, %.*s%s%.*s%s%.*s", MW_VIEW_ARG(action), MW_VIEW_ARG(object),
                     before.size + after.size > 0 ? ": " : "", MW_VIEW_ARG(before),
                     before.size > 0 ? " → " : "", MW_VIEW_ARG(after));
    }
}

/* ---- together -------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const happening *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

void timeline_sort(timeline *t)
{
    if (t->n > 1)
        qsort(t->items, t->n, sizeof *t->items, by_time);
}

static const mw_paper_column columns[] = {
    {"at", "When", false}, {"kind", "Kind", false}, {"by", "By", false}, {"what", "What", false}};

void timeline_write(const timeline *t, mw_paper *paper, const char *caption)
{
    mw_buf when;
    size_t first = t->n > SHOWN_MAX ? t->n - SHOWN_MAX : 0;
    mw_buf_init(&when, MW_KIB);
    if (first > 0)
        mw_paper_say(paper, "Shown are the last %zu of %zu.", (size_t)SHOWN_MAX, t->n);
    mw_paper_table(paper, "timeline", caption, columns, MW_COUNT(columns));
    for (size_t i = first; i < t->n; i++) {
        const happening *h = &t->items[i];
        mw_buf_reset(&when);
        mw_put_second(&when, h->at);
        mw_paper_cell(paper, mw_buf_as_view(&when));
        mw_paper_cell_mark(paper, h->mark, mw_view_of(happening_name(h->kind)));
        mw_paper_cell(paper, h->by);
        mw_paper_cell(paper, h->what); /* the last column is the widest */
    }
    mw_buf_done(&when);
}

const double *timeline_deploys(const timeline *t, size_t *ret_n)
{
    double *moments = mw_arena_take_zeroed(t->arena, t->n + 1, sizeof *moments);
    *ret_n = 0;
    for (size_t i = 0; moments && i < t->n; i++)
        if (t->items[i].kind == HAPPENED_DEPLOY)
            moments[(*ret_n)++] = t->items[i].at;
    return moments;
}

void timeline_draw(const timeline *t, mw_paper *paper, const mw_json *at, const mw_json *values,
                   const char *key, const char *title, const char *unit)
{
    reading_line line = {.t = at,
                         .values = values,
                         .key = key,
                         .unit = unit,
                         .title = mw_view_of(title),
                         .rule = (double)NAN};
    line.moments = timeline_deploys(t, &line.n_moments);
    (void)reading_draw(paper, &line);
}
