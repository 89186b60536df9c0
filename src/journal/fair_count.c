/* Rows and labels by group. See fairness_books.h. */
#include "fairness_books.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

/* ---- life ------------------------------------------------------------------------------------ */

void fair_books_init(fair_books *books)
{
    *books = (fair_books){.n = 0};
    pthread_mutex_init(&books->lock, NULL);
}

static void free_versions(fair_book *book)
{
    for (size_t i = 0; i < book->n_versions; i++)
        free(book->versions[i]);
    book->n_versions = 0;
}

void fair_books_done(fair_books *books)
{
    for (size_t i = 0; i < books->n; i++) {
        free_versions(books->items[i]);
        free(books->items[i]->endpoint);
        free(books->items[i]);
    }
    free(books->reports);
    pthread_mutex_destroy(&books->lock);
}

static fair_book *find(fair_books *books, mw_view endpoint)
{
    for (size_t i = 0; i < books->n; i++)
        if (mw_view_is(endpoint, books->items[i]->endpoint))
            return books->items[i];
    return NULL;
}

fair_book *fair_book_of(fair_books *books, mw_view endpoint)
{
    fair_book *book = find(books, endpoint);
    return book && book->plan.n_attributes > 0 ? book : NULL;
}

static fair_book *add_book(fair_books *books, const char *endpoint)
{
    fair_book *book = books->n < MW_COUNT(books->items) ? calloc(1, sizeof *book) : NULL;
    if (book && !(book->endpoint = strdup(endpoint))) {
        free(book);
        return NULL;
    }
    if (book)
        books->items[books->n++] = book;
    return book;
}

/* What was counted under another plan means nothing under this one. */
mw_status fair_books_set(fair_books *books, const char *endpoint, const mw_fair_plan *plan,
                         mw_error *err)
{
    fair_book *book = find(books, mw_view_of(endpoint));
    if (!book && plan->n_attributes == 0)
        return MW_OK;
    if (!book && !(book = add_book(books, endpoint)))
        return mw_fail_memory(err, "the watch over fairness");
    if (mw_fair_plan_is_same(&book->plan, plan))
        return MW_OK;
    free_versions(book);
    memset(book->names, 0, sizeof book->names);
    book->plan = *plan;
    book->since_ms = mw_clock_wall_ms();
    book->is_read = false;
    books->is_changed = books->is_stale = true;
    return MW_OK;
}

/* ---- which group ----------------------------------------------------------------------------- */

typedef char group_name[MW_FAIR_NAME_BYTES];

static void name_band(const mw_fair_part *part, double value, group_name out)
{
    size_t n = part->n_bounds, i = 0;
    while (i < n && value >= part->bounds[i])
        i++;
    if (i == 0)
        snprintf(out, sizeof(group_name), "below %.7g", part->bounds[0]);
    else if (i == n)
        snprintf(out, sizeof(group_name), "from %.7g", part->bounds[n - 1]);
    else
        snprintf(out, sizeof(group_name), "%.7g to %.7g", part->bounds[i - 1], part->bounds[i]);
}

static void name_number(const mw_fair_part *part, double value, group_name out)
{
    if (isnan(value))
        snprintf(out, sizeof(group_name), "(missing)");
    else if (part->n_bounds > 0)
        name_band(part, value, out);
    else
        snprintf(out, sizeof(group_name), "%.7g", value);
}

static void name_value(const mw_fair_part *part, const mw_log_column *column, double value,
                       group_name out)
{
    uint64_t bits;
    bool is_code = column->categories && value >= 0 && value < (double)column->n_categories;
    if (column->treatment == MW_LOG_HASHED) {
        memcpy(&bits, &value, sizeof bits);
        snprintf(out, sizeof(group_name), "#%016llx", (unsigned long long)bits);
    } else if (is_code) {
        snprintf(out, sizeof(group_name), "%.*s", MW_VIEW_ARG(column->categories[(size_t)value]));
    } else if (column->categories && !isnan(value)) {
        snprintf(out, sizeof(group_name), "(unknown)");
    } else {
        name_number(part, value, out);
    }
}

static void name_text(const mw_fair_part *part, mw_view text, group_name out)
{
    double number;
    if (part->n_bounds > 0 && mw_number_parse(text.data, text.size, &number))
        name_band(part, number, out);
    else
        snprintf(out, sizeof(group_name), "%.*s",
                 (int)(text.size < MW_FAIR_NAME_BYTES ? text.size : MW_FAIR_NAME_BYTES - 1),
                 text.size ? text.data : "");
}

/* What feedback says of it; data NULL: nothing. */
static mw_view told_value(mw_view told, const char *name)
{
    while (told.size > 0) {
        mw_view value = mw_view_cut(&told, '\n'), key = mw_view_cut(&value, '=');
        if (mw_view_is(key, name))
            return value.data ? value : MW_VIEW("");
    }
    return (mw_view){NULL, 0};
}

static ptrdiff_t column_of(const mw_log_shape *shape, const char *name)
{
    for (size_t c = 0; c < shape->n_columns; c++)
        if (mw_view_is(shape->columns[c].name, name))
            return (ptrdiff_t)c;
    return -1;
}

/* False: nothing tells it. */
static bool name_part(const mw_fair_part *part, const mw_log_shape *shape, const double *inputs,
                      mw_view told, bool *logged, group_name out)
{
    mw_view text = told_value(told, part->name);
    ptrdiff_t column = text.data || !inputs ? -1 : column_of(shape, part->name);
    *logged = *logged && column >= 0;
    if (text.data)
        name_text(part, text, out);
    else if (column >= 0)
        name_value(part, &shape->columns[column], inputs[column], out);
    return text.data || column >= 0;
}

static uint8_t number_of(fair_names *names, const char *name)
{
    size_t i = 0;
    while (i < names->n && strcmp(names->names[i], name) != 0)
        i++;
    if (i == MW_FAIR_GROUPS)
        return MW_FAIR_OTHERS;
    if (i == names->n)
        snprintf(names->names[names->n++], MW_FAIR_NAME_BYTES, "%s", name);
    return (uint8_t)i;
}

uint8_t fair_group_of(fair_book *book, size_t attribute, const mw_log_shape *shape,
                      const double *inputs, mw_view told, bool *ret_logged)
{
    const mw_fair_attribute *a = &book->plan.attributes[attribute];
    bool logged = true;
    group_name whole = "", part;
    for (size_t p = 0; p < a->n_parts; p++) {
        if (!name_part(&a->parts[p], shape, inputs, told, &logged, part))
            return FAIR_NO_GROUP;
        size_t at = strlen(whole), size = strlen(part);
        if (at + (p > 0) + size >= sizeof whole)
            return MW_FAIR_OTHERS;
        if (p > 0)
            whole[at++] = '|';
        memcpy(whole + at, part, size + 1);
    }
    if (ret_logged)
        *ret_logged = logged;
    return number_of(&book->names[attribute], whole);
}

/* ---- decisions and labels -------------------------------------------------------------------- */

/* The class that selects, or -1. */
static ptrdiff_t positive_of(const mw_fair_plan *plan, const mw_log_shape *shape)
{
    size_t n = shape->n_classes ? shape->n_classes : 2;
    double number;
    if (!plan->positive[0])
        return n == 2 ? 1 : -1;
    for (size_t i = 0; shape->classes && i < shape->n_classes; i++)
        if (mw_view_is(shape->classes[i], plan->positive))
            return (ptrdiff_t)i;
    bool is_number = mw_number_parse(plan->positive, strlen(plan->positive), &number) &&
                     number >= 0 && number < (double)n && floor(number) == number;
    return is_number ? (ptrdiff_t)number : -1;
}

const char *fair_why_not(const mw_fair_plan *plan, const mw_log_shape *shape)
{
    if (shape->answer == MW_LOG_NUMBER && shape->n_outputs != 1)
        return "the model gives several numbers";
    if (shape->answer == MW_LOG_NUMBER)
        return isnan(plan->threshold) ? "the model gives numbers: set fairness_threshold" : NULL;
    return positive_of(plan, shape) < 0 ? "several classes: set fairness_positive to one" : NULL;
}

int fair_decision_of_score(const mw_fair_plan *plan, const mw_log_shape *shape, double score)
{
    if (isnan(score) || fair_why_not(plan, shape))
        return -1;
    if (shape->answer == MW_LOG_NUMBER)
        return score >= plan->threshold;
    ptrdiff_t positive = positive_of(plan, shape);
    if (shape->n_outputs > 2 || shape->answer == MW_LOG_CLASS)
        return score == (double)positive;
    double threshold = isnan(plan->threshold) ? 0.5 : plan->threshold;
    return (positive == 1 ? score : 1 - score) >= threshold;
}

int fair_decision(const mw_fair_plan *plan, const mw_log_shape *shape, const double *outputs)
{
    size_t best = 0;
    if (shape->n_outputs == 0)
        return -1;
    if (shape->n_outputs <= 2)
        return fair_decision_of_score(plan, shape, outputs[shape->n_outputs == 2]);
    for (size_t i = 1; i < shape->n_outputs; i++)
        best = outputs[i] > outputs[best] ? i : best;
    return fair_decision_of_score(plan, shape, (double)best);
}

int fair_label(const mw_fair_plan *plan, const mw_log_shape *shape, double label)
{
    if (fair_why_not(plan, shape))
        return -1;
    if (shape->answer == MW_LOG_NUMBER)
        return label >= plan->threshold;
    return label == (double)positive_of(plan, shape);
}

/* ---- counting -------------------------------------------------------------------------------- */

int64_t fair_slot_ms(const mw_fair_plan *plan)
{
    return plan->window_ms / FAIR_SLOTS;
}

int64_t fair_first_slot(const mw_fair_plan *plan, int64_t now_ms)
{
    return now_ms / fair_slot_ms(plan) - FAIR_SLOTS + 1;
}

/* The one that was used longest ago makes room. */
static fair_version *version_of(fair_books *books, fair_book *book, const mw_log_shape *shape)
{
    size_t i = 0, oldest = 0;
    for (; i < book->n_versions && book->versions[i]->model != shape->model; i++)
        oldest = book->versions[i]->used < book->versions[oldest]->used ? i : oldest;
    if (i == FAIR_VERSIONS)
        i = oldest;
    if (i == book->n_versions) {
        book->versions[i] = malloc(sizeof *book->versions[i]);
        if (!book->versions[i])
            return NULL;
        book->n_versions++;
        book->versions[i]->model = ~shape->model;
    }
    fair_version *version = book->versions[i];
    if (version->model != shape->model)
        *version = (fair_version){.model = shape->model};
    version->used = ++books->n_used;
    return version;
}

void fair_count_row(fair_books *books, fair_book *book, const mw_log_shape *shape, int64_t time_ms,
                    const double *inputs, const double *outputs)
{
    int64_t number = time_ms / fair_slot_ms(&book->plan);
    int decision = fair_decision(&book->plan, shape, outputs);
    fair_version *version = version_of(books, book, shape);
    if (decision < 0 || !version || number < 0)
        return;
    if (time_ms >= version->newest_ms) {
        version->newest_ms = time_ms;
        version->version = shape->version;
    }
    fair_slot *slot = &version->slots[number % FAIR_SLOTS];
    if (slot->number > number)
        return; /* older than the window */
    if (slot->number < number)
        *slot = (fair_slot){.number = number};
    for (size_t a = 0; a < book->plan.n_attributes; a++) {
        bool logged = false;
        uint8_t group = fair_group_of(book, a, shape, inputs, (mw_view){NULL, 0}, &logged);
        if (group == FAIR_NO_GROUP)
            continue;
        version->is_logged[a] = true;
        slot->cells[a][group].seen++;
        slot->cells[a][group].selected += (uint32_t)decision;
    }
    books->is_stale = true;
}

void fair_sum(const fair_book *book, const fair_version *version, size_t attribute, int64_t now_ms,
              fair_cell ret_cells[MW_FAIR_GROUPS + 1])
{
    int64_t first = fair_first_slot(&book->plan, now_ms);
    memset(ret_cells, 0, (MW_FAIR_GROUPS + 1) * sizeof *ret_cells);
    for (size_t s = 0; s < FAIR_SLOTS; s++) {
        const fair_slot *slot = &version->slots[s];
        for (size_t g = 0; g <= MW_FAIR_GROUPS && slot->number >= first; g++) {
            ret_cells[g].seen += slot->cells[attribute][g].seen;
            ret_cells[g].selected += slot->cells[attribute][g].selected;
        }
    }
}

bool fair_is_inactive(const fair_book *book, const fair_version *version)
{
    enum { INACTIVE_MS = 120000 };
    int64_t newest = version->newest_ms;
    for (size_t v = 0; v < book->n_versions; v++)
        newest = book->versions[v]->newest_ms > newest ? book->versions[v]->newest_ms : newest;
    return newest - version->newest_ms > INACTIVE_MS;
}
