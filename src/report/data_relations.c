/* How far one column tells another.
 *
 *     two numbers          Pearson's r, -1..1
 *     two texts            Cramer's V, 0..1 (without the correction for bias)
 *     a text and a number  the correlation ratio: root of the share of spread between texts, 0..1
 *
 * Over the rows that have both; of more than 100,000 rows over so many, evenly taken. Fewer than 20
 * tell nothing: two points lie on a line always. */
#include "profile.h"

#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"

#include "base/banned.h"

enum { PAIR_COLUMNS = 60, PAIR_ROWS = 100000, PAIR_ROWS_MIN = 20, WORDS_MAX = 100, STRONGEST = 10 };

#define LEAKS 0.98
#define ALIKE 0.95

typedef struct pair {
    const double *a, *b;
    size_t n_rows, step; /* every step-th row */
    size_t n_a, n_b;     /* texts; 0: numbers */
} pair;

static bool has_both(const pair *p, size_t row)
{
    return isfinite(p->a[row]) && isfinite(p->b[row]);
}

static double pearson(const pair *p)
{
    double n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
    for (size_t row = 0; row < p->n_rows; row += p->step) {
        if (!has_both(p, row))
            continue;
        n++;
        double da = p->a[row] - a, db = p->b[row] - b;
        a += da / n;
        b += db / n;
        aa += da * (p->a[row] - a);
        bb += db * (p->b[row] - b);
        ab += da * (p->b[row] - b);
    }
    return n >= PAIR_ROWS_MIN && aa > 0 && bb > 0 ? fmax(-1, fmin(1, ab / (sqrt(aa) * sqrt(bb))))
                                                  : (double)NAN;
}

static double cramer(const pair *p)
{
    static _Thread_local double cells[WORDS_MAX * WORDS_MAX];
    double lines[WORDS_MAX] = {0}, columns[WORDS_MAX] = {0}, n = 0, chi = 0, n_a = 0, n_b = 0;
    memset(cells, 0, p->n_a * p->n_b * sizeof *cells);
    for (size_t row = 0; row < p->n_rows; row += p->step) {
        if (!has_both(p, row))
            continue;
        size_t a = (size_t)p->a[row], b = (size_t)p->b[row];
        cells[a * p->n_b + b]++;
        lines[a]++;
        columns[b]++;
        n++;
    }
    for (size_t a = 0; a < p->n_a; a++)
        for (size_t b = 0; b < p->n_b; b++) {
            double expected = lines[a] * columns[b] / n;
            double gap = cells[a * p->n_b + b] - expected;
            chi += expected > 0 ? gap * gap / expected : 0;
        }
    for (size_t a = 0; a < p->n_a; a++)
        n_a += lines[a] > 0;
    for (size_t b = 0; b < p->n_b; b++)
        n_b += columns[b] > 0;
    double least = fmin(n_a, n_b) - 1;
    return n >= PAIR_ROWS_MIN && least > 0 ? fmin(1, sqrt(chi / (n * least))) : (double)NAN;
}

/* a: texts, b: numbers. */
static double correlation_ratio(const pair *p)
{
    double n[WORDS_MAX] = {0}, mean[WORDS_MAX] = {0}, all = 0, middle = 0, spread = 0, between = 0;
    for (size_t row = 0; row < p->n_rows; row += p->step) {
        if (!has_both(p, row))
            continue;
        size_t a = (size_t)p->a[row];
        double b = p->b[row], gap = b - middle;
        n[a]++;
        mean[a] += (b - mean[a]) / n[a];
        all++;
        middle += gap / all;
        spread += gap * (b - middle);
    }
    for (size_t a = 0; a < p->n_a; a++)
        between += n[a] * (mean[a] - middle) * (mean[a] - middle);
    return all >= PAIR_ROWS_MIN && spread > 0 ? fmin(1, sqrt(between / spread)) : (double)NAN;
}

static double relation_of(const mw_frame *frame, const mw_words *words, size_t a, size_t b)
{
    pair p = {frame->columns[a].values,      frame->columns[b].values, frame->n_rows,
              frame->n_rows / PAIR_ROWS + 1, words[a].n_texts,         words[b].n_texts};
    if (p.n_a > WORDS_MAX || p.n_b > WORDS_MAX)
        return (double)NAN;
    if (p.n_a > 0 && p.n_b > 0)
        return cramer(&p);
    if (p.n_a == 0 && p.n_b == 0)
        return pearson(&p);
    if (p.n_a == 0)
        p = (pair){p.b, p.a, p.n_rows, p.step, p.n_b, 0};
    return correlation_ratio(&p);
}

/* ---- target ---------------------------------------------------------------------------------- */

/* AUC of one column of numbers against a target of two values, turned up. */
static mw_status tell_alone(const mw_frame *frame, size_t column, size_t target, double *ret_auc,
                            mw_error *err)
{
    const double *x = frame->columns[column].values, *y = frame->columns[target].values;
    double *scores = malloc((frame->n_rows + 1) * sizeof *scores), least = INFINITY, auc;
    uint8_t *labels = malloc(frame->n_rows + 1);
    size_t n = 0;
    mw_status status = scores && labels ? MW_OK : mw_fail_memory(err, "a column in order");
    for (size_t row = 0; row < frame->n_rows && status == MW_OK; row++)
        least = isnan(y[row]) ? least : fmin(least, y[row]);
    for (size_t row = 0; row < frame->n_rows && status == MW_OK; row++) {
        if (!isfinite(x[row]) || isnan(y[row]))
            continue;
        scores[n] = x[row];
        labels[n++] = y[row] > least;
    }
    bool is_enough = n >= PAIR_ROWS_MIN;
    if (status == MW_OK && is_enough)
        status = mw_auc_of(scores, labels, n, &auc, err);
    if (status == MW_OK && is_enough)
        *ret_auc = fmax(auc, 1 - auc);
    free(scores);
    free(labels);
    return status;
}

static mw_status relate_to_target(const mw_frame *frame, const mw_words *words,
                                  mw_data_profile *profile, mw_error *err)
{
    size_t target = (size_t)profile->target;
    bool is_binary = profile->columns[target].n_distinct == 2;
    for (size_t c = 0; c < frame->n_columns; c++) {
        mw_column_profile *column = &profile->columns[c];
        if (c == target)
            continue;
        column->relation = fabs(relation_of(frame, words, c, target));
        if (is_binary && !column->is_text && column->n > 0)
            MW_TRY(tell_alone(frame, c, target, &column->alone, err));
    }
    return MW_OK;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static int by_strength(const void *a, const void *b)
{
    double x = fabs(((const mw_related *)a)->value), y = fabs(((const mw_related *)b)->value);
    return (x < y) - (x > y);
}

mw_status profile_relate(const mw_frame *frame, const mw_words *words, mw_data_profile *profile,
                         mw_error *err)
{
    size_t n = frame->n_columns < PAIR_COLUMNS ? frame->n_columns : PAIR_COLUMNS, n_pairs = 0;
    profile->relations =
        mw_arena_take(&profile->memory, (frame->n_columns * frame->n_columns + 1) * sizeof(double));
    mw_related *pairs = mw_arena_take(&profile->memory, (n * n + 1) * sizeof *pairs);
    if (!profile->relations || !pairs)
        return mw_fail_memory(err, "the pairs of columns");
    for (size_t i = 0; i < frame->n_columns * frame->n_columns; i++)
        profile->relations[i] = (double)NAN;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < a; b++) {
            double value = relation_of(frame, words, a, b);
            profile->relations[a * frame->n_columns + b] = value;
            profile->relations[b * frame->n_columns + a] = value;
            if (!isnan(value))
                pairs[n_pairs++] = (mw_related){b, a, value};
        }
    for (size_t a = 0; a < frame->n_columns; a++)
        profile->relations[a * frame->n_columns + a] = 1;
    qsort(pairs, n_pairs, sizeof *pairs, by_strength);
    profile->strongest = pairs;
    profile->n_strongest = n_pairs < STRONGEST ? n_pairs : STRONGEST;
    return profile->target >= 0 ? relate_to_target(frame, words, profile, err) : MW_OK;
}

/* ---- advice ---------------------------------------------------------------------------------- */

enum { ADVICE_MAX = 100, ADVICE_BYTES = 400, FEW_VALUES = 20 };

static mw_status say(mw_data_profile *profile, mw_view *list, size_t *n, mw_error *err,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

static mw_status say(mw_data_profile *profile, mw_view *list, size_t *n, mw_error *err,
                     const char *format, ...)
{
    char text[ADVICE_BYTES];
    va_list arguments;
    if (*n == ADVICE_MAX)
        return MW_OK;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    list[*n] = (mw_view){mw_arena_text(&profile->memory, mw_view_of(text)), strlen(text)};
    return list[(*n)++].data ? MW_OK : mw_fail_memory(err, "the advice");
}

#define WARN(...) MW_TRY(say(p, p->warnings, &p->n_warnings, err, __VA_ARGS__))
#define HINT(...) MW_TRY(say(p, p->hints, &p->n_hints, err, __VA_ARGS__))
#define NAME(column) MW_VIEW_ARG((column)->name)

/* "2024-01-31...": four digits, a dash, two digits, a dash. */
static bool looks_like_date(mw_view text)
{
    static const char shape[] = "dddd-dd-dd";
    if (text.size < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (shape[i] == 'd' ? !is_digit : text.data[i] != shape[i])
            return false;
    }
    return true;
}

static mw_status advise_texts(mw_data_profile *p, const mw_column_profile *c, const mw_words *words,
                              mw_error *err)
{
    size_t n_numbers = 0;
    double number;
    for (size_t i = 0; i < words->n_texts; i++) {
        mw_view text = mw_view_trim(words->texts[i]);
        n_numbers += mw_number_parse(text.data, text.size, &number);
    }
    if (2 * n_numbers > words->n_texts)
        WARN("'%.*s' is mostly numbers, with %zu texts among them", NAME(c),
             words->n_texts - n_numbers);
    if (c->n_top > 0 && looks_like_date(c->top[0].text))
        HINT("'%.*s' holds dates: year, month, weekday and days since an event say more", NAME(c));
    else if (c->n_distinct > 50 && 2 * c->n_distinct < c->n)
        HINT("'%.*s' has %zu texts: put the rare ones together", NAME(c), c->n_distinct);
    return MW_OK;
}

static mw_status advise_numbers(mw_data_profile *p, const mw_column_profile *c, mw_error *err)
{
    if (c->n_infinite > 0)
        WARN("'%.*s' has %zu infinite values", NAME(c), c->n_infinite);
    if (c->n_distinct > FEW_VALUES && (double)c->n_outliers > 0.05 * (double)c->n)
        WARN("%.1f %% of '%.*s' lie far outside the middle half (1.5 times its width)",
             100.0 * (double)c->n_outliers / (double)c->n, NAME(c));
    if (c->skewness > 2 && c->n_negative == 0 && c->n_distinct > 10)
        HINT("'%.*s' is skewed (%.1f): log(1 + x) suits linear models; trees do not mind", NAME(c),
             c->skewness);
    return MW_OK;
}

static mw_status advise_column(mw_data_profile *p, size_t at, const mw_words *words, mw_error *err)
{
    const mw_column_profile *c = &p->columns[at];
    double missing = p->n_rows > 0 ? (double)c->n_missing / (double)p->n_rows : 0;
    if (c->kind == MW_KIND_EMPTY || c->kind == MW_KIND_CONSTANT) {
        WARN("'%.*s' is %s: it tells nothing", NAME(c), mw_column_kind_name(c->kind));
        return MW_OK;
    }
    if (missing >= 0.2)
        WARN("%.0f %% of '%.*s' are missing", 100 * missing, NAME(c));
    if (missing >= 0.05)
        HINT("a column that says whether '%.*s' is missing may tell more than a filled-in value",
             NAME(c));
    if ((ptrdiff_t)at != p->target && c->n_distinct == c->n && c->n > 20 &&
        c->kind != MW_KIND_NUMBER)
        WARN("every value of '%.*s' is there once: it looks like an identifier", NAME(c));
    if (c->alone > LEAKS)
        WARN("'%.*s' alone tells the target (AUC %.3f): does it come from the future?", NAME(c),
             c->alone);
    else if (c->relation > LEAKS)
        WARN("'%.*s' alone tells the target (%.3f): does it come from the future?", NAME(c),
             c->relation);
    return c->is_text ? advise_texts(p, c, words, err) : advise_numbers(p, c, err);
}

/* The rarest class, of a target of few values. */
static mw_status advise_target(const mw_frame *frame, mw_data_profile *p, mw_error *err)
{
    const mw_column_profile *c = &p->columns[p->target];
    const double *values = frame->columns[p->target].values;
    if (c->n_missing > 0)
        WARN("the target is missing in %zu rows", c->n_missing);
    if (!p->target_is_class || c->n_distinct < 2)
        return MW_OK;
    enum { CLASSES_MAX = 1000 };
    static _Thread_local double classes[CLASSES_MAX], counts[CLASSES_MAX];
    size_t n = 0;
    double least = INFINITY;
    for (size_t row = 0; row < frame->n_rows; row++) {
        size_t at = 0;
        while (at < n && classes[at] != values[row])
            at++;
        if (isnan(values[row]) || (at == n && n == CLASSES_MAX))
            continue;
        if (at == n) {
            classes[n] = values[row];
            counts[n++] = 0;
        }
        counts[at]++;
    }
    for (size_t i = 0; i < n; i++)
        least = fmin(least, counts[i]);
    if (least < 0.05 * (double)c->n)
        WARN("the rarest class of the target has %.0f of %zu rows", least, c->n);
    return MW_OK;
}

mw_status profile_advise(const mw_frame *frame, const mw_words *words, mw_data_profile *p,
                         mw_error *err)
{
    p->warnings = mw_arena_take_zeroed(&p->memory, ADVICE_MAX, sizeof *p->warnings);
    p->hints = mw_arena_take_zeroed(&p->memory, ADVICE_MAX, sizeof *p->hints);
    if (!p->warnings || !p->hints)
        return mw_fail_memory(err, "the advice");
    if (p->n_duplicates > 0)
        WARN("%zu rows are the same as another in every column", p->n_duplicates);
    if (p->target >= 0)
        MW_TRY(advise_target(frame, p, err));
    for (size_t c = 0; c < p->n_columns; c++)
        MW_TRY(advise_column(p, c, &words[c], err));
    for (size_t i = 0; i < p->n_strongest; i++) {
        const mw_related *r = &p->strongest[i];
        bool has_target = (ptrdiff_t)r->first == p->target || (ptrdiff_t)r->second == p->target;
        if (fabs(r->value) > ALIKE && !has_target)
            WARN("'%.*s' and '%.*s' say almost the same (%.3f)", NAME(&p->columns[r->first]),
                 NAME(&p->columns[r->second]), r->value);
    }
    return MW_OK;
}
