/* The fairness of live decisions, on the journal's own threads.
 *
 *     writer: rows on their way to the disk --> groups, slots
 *     keeper: a new plan --> rows of before, from the disk; labels are joined anew
 *             each two seconds --> reports */
#include "fairness_books.h"
#include "shape.h"
#include "writer.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

enum { FLUSHES_A_REPORT = 2, SLIDE_MS = 30000, SETTLE_MS = 300, ROWS_READ_MAX = 1 << 20 };

/* ---- rows ------------------------------------------------------------------------------------ */

/* As they will be kept, but that a dropped column still tells its group. */
static void hide(const mw_log_shape *shape, const journal_privacy *privacy, const double *inputs,
                 double *ret_inputs)
{
    for (size_t c = 0; c < shape->n_columns; c++)
        ret_inputs[c] = shape->columns[c].treatment == MW_LOG_HASHED
                            ? journal_hash_value(inputs[c], privacy)
                            : inputs[c];
}

static bool has_hashed(const mw_log_shape *shape)
{
    for (size_t c = 0; c < shape->n_columns; c++)
        if (shape->columns[c].treatment == MW_LOG_HASHED)
            return true;
    return false;
}

void fair_take_rows(mw_journal *journal, const mw_log_shape *shape, const journal_rows *rows)
{
    fair_books *books = &journal->fair;
    pthread_mutex_lock(&books->lock);
    fair_book *book = fair_book_of(books, shape->endpoint);
    bool hides = book && has_hashed(shape);
    double *room = hides ? malloc((shape->n_columns + 1) * sizeof *room) : NULL;
    bool goes = book && (!hides || room) && rows->time_ms >= book->since_ms;
    for (uint32_t row = 0; goes && row < rows->n_rows; row++) {
        const double *inputs = rows->inputs + (size_t)row * shape->n_columns;
        if (hides)
            hide(shape, &journal->privacy, inputs, room);
        fair_count_row(books, book, shape, rows->time_ms, hides ? room : inputs,
                       rows->outputs + (size_t)row * shape->n_outputs);
    }
    free(room);
    pthread_mutex_unlock(&books->lock);
}

typedef struct reading {
    fair_books *books;
    fair_book *book;
} reading;

static bool see_row(void *user, const mw_log_row *row)
{
    reading *r = user;
    pthread_mutex_lock(&r->books->lock);
    fair_count_row(r->books, r->book, row->shape, row->time_ms, row->inputs, row->outputs);
    pthread_mutex_unlock(&r->books->lock);
    return true;
}

/* Rows from before the plan, once all of them are on the disk. The book's plan may be replaced
 * while it reads: then what it counts is thrown away by the replacement, or is of its window. */
static void read_before(mw_journal *journal, fair_book *book)
{
    mw_error err;
    int64_t now = mw_clock_wall_ms();
    pthread_mutex_lock(&journal->fair.lock);
    bool is_due = !book->is_read && book->plan.n_attributes > 0 &&
                  now - book->since_ms > (int64_t)journal->options.flush_ms + SETTLE_MS;
    const mw_log_query query = {.endpoint = mw_view_of(book->endpoint),
                                .from_ms = now - book->plan.window_ms,
                                .to_ms = book->since_ms,
                                .last = ROWS_READ_MAX};
    book->is_read = book->is_read || is_due;
    pthread_mutex_unlock(&journal->fair.lock);
    reading r = {&journal->fair, book};
    if (is_due && mw_log_read(journal->folder, &query, see_row, &r, NULL, &err) != MW_OK &&
        err.status != MW_NOT_FOUND)
        mw_log_error(MW_LOG_WARN, "prediction log: rows from before are not told by group", &err);
}

/* ---- labels ---------------------------------------------------------------------------------- */

static void add_label(const mw_fair_plan *plan, const mw_log_shape *shape,
                      const journal_observation *item, size_t attribute, mw_fair_group *groups)
{
    int label = fair_label(plan, shape, item->label);
    int decision = fair_decision_of_score(plan, shape, item->score);
    uint8_t group = item->groups[attribute];
    if (label < 0 || decision < 0 || group == FAIR_NO_GROUP)
        return;
    mw_confusion *c = &groups[group].labelled;
    *(label ? (decision ? &c->tp : &c->fn) : (decision ? &c->fp : &c->tn)) += 1;
}

static void add_labels(const journal_joiner *joiner, const fair_book *book, uint64_t model,
                       int64_t now_ms, size_t attribute, mw_fair_group *groups)
{
    int64_t from_ms = fair_first_slot(&book->plan, now_ms) * fair_slot_ms(&book->plan);
    for (size_t i = 0; i < joiner->n; i++) {
        const journal_observation *item = &joiner->items[i];
        const mw_log_shape *shape = &joiner->groups[item->group]->shape;
        if (item->made_ms >= from_ms && shape->model == model &&
            mw_view_is(shape->endpoint, book->endpoint))
            add_label(&book->plan, shape, item, attribute, groups);
    }
}

/* ---- reports --------------------------------------------------------------------------------- */

typedef struct reporting {
    mw_fair_report *items;
    size_t n, capacity;
} reporting;

static mw_fair_report *next_report(reporting *r)
{
    if (r->n == r->capacity) {
        size_t wanted = r->capacity ? 2 * r->capacity : 4;
        mw_fair_report *grown = realloc(r->items, wanted * sizeof *grown);
        if (!grown)
            return NULL;
        r->items = grown;
        r->capacity = wanted;
    }
    memset(&r->items[r->n], 0, sizeof r->items[r->n]);
    return &r->items[r->n];
}

/* Groups that have anybody; an attribute that only labels tell has their decisions for rows. */
static void keep_groups(const fair_names *names, const mw_fair_group *groups,
                        mw_fair_report *report)
{
    for (size_t g = 0; g <= MW_FAIR_GROUPS; g++) {
        mw_fair_group group = groups[g];
        if (!report->is_logged) {
            group.rows = mw_confusion_total(&group.labelled);
            group.selected = group.labelled.tp + group.labelled.fp;
        }
        if (group.rows + mw_confusion_total(&group.labelled) == 0)
            continue;
        snprintf(group.name, sizeof group.name, "%s", g < names->n ? names->names[g] : "(others)");
        report->groups[report->n_groups++] = group;
    }
}

/* What the models of a book are: those of its rows, and those of labels alone. */
static const mw_log_shape *shape_of(const journal_joiner *joiner, mw_journal *journal,
                                    const fair_book *book, uint64_t model)
{
    for (size_t i = 0; i < joiner->n_groups; i++) {
        const mw_log_shape *shape = &joiner->groups[i]->shape;
        if (shape->model == model && mw_view_is(shape->endpoint, book->endpoint))
            return shape;
    }
    for (size_t i = atomic_load(&journal->n_shapes); i-- > 0;)
        if (journal->shapes[i]->model == model &&
            mw_view_is(journal->shapes[i]->endpoint, book->endpoint))
            return journal->shapes[i];
    return NULL;
}

static void report_attribute(mw_journal *journal, const fair_book *book,
                             const fair_version *version, size_t attribute, reporting *r)
{
    const journal_joiner *joiner = &journal->keeper.joiner;
    fair_cell cells[MW_FAIR_GROUPS + 1];
    mw_fair_group groups[MW_FAIR_GROUPS + 1];
    mw_fair_report *report = next_report(r);
    int64_t now = mw_clock_wall_ms();
    const mw_log_shape *shape = shape_of(joiner, journal, book, version->model);
    if (!report)
        return;
    memset(groups, 0, sizeof groups);
    fair_sum(book, version, attribute, now, cells);
    for (size_t g = 0; g <= MW_FAIR_GROUPS; g++) {
        groups[g].rows = cells[g].seen;
        groups[g].selected = cells[g].selected;
    }
    add_labels(joiner, book, version->model, now, attribute, groups);
    snprintf(report->endpoint, sizeof report->endpoint, "%s", book->endpoint);
    snprintf(report->attribute, sizeof report->attribute, "%s",
             book->plan.attributes[attribute].name);
    report->version = version->version;
    report->model = version->model;
    report->is_logged = version->is_logged[attribute];
    report->is_inactive = fair_is_inactive(book, version);
    report->window_seconds = (double)book->plan.window_ms / 1000;
    report->threshold = isnan(book->plan.threshold) && shape && shape->answer != MW_LOG_NUMBER
                            ? 0.5
                            : book->plan.threshold;
    report->unjudged = shape ? fair_why_not(&book->plan, shape) : NULL;
    keep_groups(&book->names[attribute], groups, report);
    fair_judge(&book->plan, report);
    r->n++;
}

static void report_all(mw_journal *journal)
{
    fair_books *books = &journal->fair;
    reporting r = {NULL, 0, 0};
    pthread_mutex_lock(&books->lock);
    for (size_t b = 0; b < books->n; b++) {
        const fair_book *book = books->items[b];
        for (size_t v = 0; v < book->n_versions; v++)
            for (size_t a = 0; a < book->plan.n_attributes; a++)
                report_attribute(journal, book, book->versions[v], a, &r);
    }
    free(books->reports);
    books->reports = r.items;
    books->n_reports = r.n;
    books->is_stale = false;
    pthread_mutex_unlock(&books->lock);
}

void fair_keep(mw_journal *journal)
{
    fair_books *books = &journal->fair;
    journal_keeper *keeper = &journal->keeper;
    mw_error err;
    uint64_t now = mw_clock_ns();
    pthread_mutex_lock(&books->lock);
    bool is_changed = books->is_changed, is_stale = books->is_stale;
    size_t n = books->n;
    books->is_changed = false;
    pthread_mutex_unlock(&books->lock);
    if (n == 0)
        return;
    if (is_changed && journal_join_again(&keeper->joiner, &journal->predictions, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "prediction log: earlier labels are not told by group", &err);
    for (size_t b = 0; b < n; b++) /* books are only ever added */
        read_before(journal, books->items[b]);
    uint64_t pause_ms = is_stale ? FLUSHES_A_REPORT * journal->options.flush_ms
                                 : SLIDE_MS; /* the window moves on by itself */
    if (now - keeper->fair_ns < pause_ms * UINT64_C(1000000))
        return;
    keeper->fair_ns = now;
    report_all(journal);
}

/* ---- the door -------------------------------------------------------------------------------- */

mw_status mw_journal_watch_fairness(mw_journal *journal, const char *endpoint,
                                    const mw_fair_plan *plan, mw_error *err)
{
    pthread_mutex_lock(&journal->fair.lock);
    mw_status status = fair_books_set(&journal->fair, endpoint, plan, err);
    pthread_mutex_unlock(&journal->fair.lock);
    return status;
}

bool mw_journal_each_fairness(mw_journal *journal, mw_view endpoint,
                              void (*see)(void *user, const mw_fair_report *report), void *user)
{
    fair_books *books = &journal->fair;
    pthread_mutex_lock(&books->lock);
    bool is_watched = endpoint.size == 0 || fair_book_of(books, endpoint);
    for (size_t i = 0; i < books->n_reports; i++)
        if (endpoint.size == 0 || mw_view_is(endpoint, books->reports[i].endpoint))
            see(user, &books->reports[i]);
    pthread_mutex_unlock(&books->lock);
    return is_watched;
}
