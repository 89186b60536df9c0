/* The rows themselves: what they should look like, columns that give the truth away, and rows that
 * the model was trained with. */
#include "validate.h"

#include <math.h>
#include <stdlib.h>

#include "frame_rows.h"

enum { WHY_BYTES = 1024, WORDS_FOR_LEAKAGE = 1000 };

#define LEAKS 0.98 /* so well does one column alone tell the truth, that a note says so */

static mw_status add(cli_validation *v, const char *group, mw_view name, double value, double min,
                     double max, unsigned line, const char *why, mw_error *err)
{
    char text[512];
    cli_check check = {.value = value,
                       .min = min,
                       .max = max,
                       .line = line,
                       .interval = {(double)NAN, (double)NAN}};
    check.verdict = value < min || value > max || isnan(value) ? CLI_FAIL : CLI_PASS;
    snprintf(text, sizeof text, "%s/%.*s", group, MW_VIEW_ARG(name));
    check.name = mw_view_of(text);
    return cli_validate_add(v, &check, why, err);
}

/* ---- columns --------------------------------------------------------------------------------- */

static bool is_allowed(const cli_names *values, mw_view text)
{
    for (size_t i = 0; i < values->count; i++)
        if (mw_view_equal(values->items[i], text))
            return true;
    return false;
}

typedef struct column_faults {
    size_t n_missing, n_type, n_range, n_value, first;
} column_faults;

static column_faults look(const cli_validation *v, const cli_column_rule *rule, size_t column)
{
    column_faults faults = {0, 0, 0, 0, 0};
    const mw_words *words = &v->words[column];
    bool is_text = words->n_texts > 0, wants_text = mw_view_is(rule->type, "text");
    for (size_t row = 0; row < v->n_rows; row++) {
        double value = v->file.frame.columns[column].values[row];
        char room[40];
        size_t before = faults.n_type + faults.n_range + faults.n_value;
        if (isnan(value)) {
            faults.n_missing++;
            continue;
        }
        faults.n_type += (rule->type.data && is_text && !wants_text) ||
                         (mw_view_is(rule->type, "whole") && !is_text && value != floor(value));
        faults.n_range += !is_text && (value < rule->min || value > rule->max);
        snprintf(room, sizeof room, "%.15g", value);
        mw_view text = is_text ? mw_view_trim(words->texts[(size_t)value]) : mw_view_of(room);
        faults.n_value += rule->values.count > 0 && !is_allowed(&rule->values, text);
        if (before == 0 && faults.n_type + faults.n_range + faults.n_value > 0)
            faults.first = row;
    }
    return faults;
}

static mw_status check_column(cli_validation *v, const cli_column_rule *rule, mw_error *err)
{
    char why[WHY_BYTES];
    ptrdiff_t column = mw_frame_find(&v->file.frame, rule->name);
    if (column < 0)
        return rule->optional ? MW_OK
                              : add(v, "column", rule->name, (double)NAN, (double)NAN, (double)NAN,
                                    rule->line, "the column is absent", err);
    column_faults f = look(v, rule, (size_t)column);
    size_t n = f.n_type + f.n_range + f.n_value;
    double missing = (double)f.n_missing / (double)v->n_rows;
    if (n > 0)
        snprintf(why, sizeof why,
                 "%zu of another type, %zu out of range, %zu of values that are not allowed; the "
                 "first in row %zu",
                 f.n_type, f.n_range, f.n_value, f.first + 1);
    else
        snprintf(why, sizeof why, "all %zu values as they should be", v->n_rows - f.n_missing);
    MW_TRY(add(v, "column", rule->name, (double)n, (double)NAN, 0, rule->line, why, err));
    if (isnan(rule->max_missing))
        return MW_OK;
    snprintf(why, sizeof why, "%.4g of the rows, at most %g", missing, rule->max_missing);
    return add(v, "missing_values", rule->name, missing, (double)NAN, rule->max_missing, rule->line,
               why, err);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* A number by its value, a text by its letters: the same in any file. */
static uint64_t hash_cell(const mw_frame_column *column, const mw_words *words, size_t row)
{
    double value = column->values[row] + 0.0;
    uint64_t h;
    if (isnan(value))
        return 1;
    if (words->n_texts == 0) {
        memcpy(&h, &value, sizeof h);
        return mw_mix(h);
    }
    mw_view text = mw_view_trim(words->texts[(size_t)value]);
    return mw_mix(mw_fnv_view(MW_FNV_BEGIN, text) + 1);
}

static void hash_rows(const mw_frame *frame, const mw_words *words, const size_t *columns, size_t n,
                      uint64_t *ret_hashes)
{
    for (size_t row = 0; row < frame->n_rows; row++) {
        uint64_t h = 0;
        for (size_t k = 0; k < n; k++)
            h = mw_mix(h * 31 + hash_cell(&frame->columns[columns[k]], &words[columns[k]], row) +
                       k);
        ret_hashes[row] = h;
    }
}

static mw_status find_repeats(cli_validation *v, const size_t *columns, size_t n,
                              size_t *ret_repeats, mw_error *err)
{
    uint64_t *hashes = malloc((v->n_rows + 1) * sizeof *hashes);
    if (!hashes)
        return mw_fail_memory(err, "the rows");
    hash_rows(&v->file.frame, v->words, columns, n, hashes);
    *ret_repeats = mw_count_repeats(hashes, v->n_rows);
    free(hashes);
    return MW_OK;
}

static mw_status check_unique(cli_validation *v, mw_view name, mw_error *err)
{
    char why[WHY_BYTES];
    size_t n_repeats = 0;
    ptrdiff_t found = mw_frame_find(&v->file.frame, name);
    size_t column = (size_t)found;
    if (found < 0)
        return add(v, "unique", name, (double)NAN, (double)NAN, (double)NAN, v->suite.data.line,
                   "the column is absent", err);
    MW_TRY(find_repeats(v, &column, 1, &n_repeats, err));
    snprintf(why, sizeof why, n_repeats ? "%zu rows repeat a value" : "every value is there once",
             n_repeats);
    return add(v, "unique", name, (double)n_repeats, (double)NAN, 0, v->suite.data.line, why, err);
}

static mw_status check_repeats(cli_validation *v, mw_error *err)
{
    char why[WHY_BYTES];
    size_t n_repeats = 0, n = v->file.frame.n_columns;
    size_t *columns = mw_arena_take(&v->memory, (n + 1) * sizeof *columns);
    if (!columns)
        return mw_fail_memory(err, "the rows");
    for (size_t c = 0; c < n; c++)
        columns[c] = c;
    MW_TRY(find_repeats(v, columns, n, &n_repeats, err));
    double share = (double)n_repeats / (double)v->n_rows;
    snprintf(why, sizeof why, "%zu rows are the same as another in every column", n_repeats);
    if (!isnan(v->suite.data.max_duplicates))
        return add(v, "data", MW_VIEW("duplicates"), share, (double)NAN,
                   v->suite.data.max_duplicates, v->suite.data.line, why, err);
    return n_repeats > 0 ? cli_validate_note(v, err, "%s", why) : MW_OK;
}

static mw_status check_counts(cli_validation *v, mw_error *err)
{
    char why[WHY_BYTES];
    double rows = (double)v->n_rows;
    snprintf(why, sizeof why, "%zu rows", v->n_rows);
    if (isnan(v->suite.data.min_rows) && isnan(v->suite.data.max_rows))
        return MW_OK;
    return add(v, "data", MW_VIEW("rows"), rows, v->suite.data.min_rows, v->suite.data.max_rows,
               v->suite.data.line, why, err);
}

static mw_status check_balance(cli_validation *v, mw_error *err)
{
    char why[WHY_BYTES];
    size_t n = v->task == MW_TASK_BINARY ? 2 : v->n_classes, least = 0;
    if (isnan(v->suite.data.min_balance))
        return MW_OK;
    if (v->task != MW_TASK_BINARY && v->task != MW_TASK_MULTICLASS)
        return cli_suite_fail(v, v->suite.data.line, 1, "min_class_share is for classes",
                              "leave it out: the task is another", err);
    double *counts = mw_arena_take_zeroed(&v->memory, n + 1, sizeof *counts);
    if (!counts)
        return mw_fail_memory(err, "the classes");
    for (size_t row = 0; row < v->n_rows; row++)
        counts[(size_t)v->truth[row]]++;
    for (size_t i = 1; i < n; i++)
        least = counts[i] < counts[least] ? i : least;
    double share = counts[least] / (double)v->n_rows;
    snprintf(why, sizeof why, "the rarest class has %.0f of %zu rows", counts[least], v->n_rows);
    return add(v, "data", MW_VIEW("class_share"), share, v->suite.data.min_balance, (double)NAN,
               v->suite.data.line, why, err);
}

/* ---- leakage --------------------------------------------------------------------------------- */

/* A text becomes the mean truth of its rows. */
static void encode(const cli_validation *v, size_t column, double *ret_values)
{
    static double sums[WORDS_FOR_LEAKAGE], counts[WORDS_FOR_LEAKAGE];
    const double *values = v->file.frame.columns[column].values;
    memset(sums, 0, sizeof sums);
    memset(counts, 0, sizeof counts);
    for (size_t row = 0; row < v->n_rows; row++)
        if (!isnan(values[row])) {
            sums[(size_t)values[row]] += v->truth[row];
            counts[(size_t)values[row]]++;
        }
    for (size_t row = 0; row < v->n_rows; row++)
        ret_values[row] = isnan(values[row])
                              ? (double)NAN
                              : sums[(size_t)values[row]] / counts[(size_t)values[row]];
}

/* How well one column alone tells the truth: AUC of two classes (turned up), |r| of numbers. */
static mw_status tell_alone(const cli_validation *v, const double *column, double *room,
                            double *ret_value, mw_error *err)
{
    size_t n = 0;
    double *truth = room, *values = room + v->n_rows;
    uint8_t *labels = malloc(v->n_rows + 1);
    if (!labels)
        return mw_fail_memory(err, "the labels");
    for (size_t row = 0; row < v->n_rows; row++) {
        if (isnan(column[row]))
            continue;
        truth[n] = v->truth[row];
        labels[n] = v->truth[row] > 0;
        values[n++] = column[row];
    }
    mw_status status = MW_OK;
    *ret_value = (double)NAN;
    if (n >= 30 && v->task == MW_TASK_BINARY) {
        status = mw_auc_of(values, labels, n, ret_value, err);
        *ret_value = fmax(*ret_value, 1 - *ret_value);
    } else if (n >= 30 && v->task == MW_TASK_REGRESSION) {
        mw_quality *quality = NULL;
        double all[MW_QUALITY_MAX];
        mw_judged judged = {
            .task = MW_TASK_REGRESSION, .n_rows = n, .truth = truth, .predicted = values};
        status = mw_quality_new(&judged, &quality, err);
        if (status == MW_OK)
            status = mw_quality_of(quality, NULL, all, NULL, err);
        mw_quality_free(quality);
        if (status == MW_OK)
            *ret_value = fabs(all[mw_quality_find(MW_TASK_REGRESSION, MW_VIEW("pearson"))]);
    }
    free(labels);
    return status;
}

static bool is_prediction(const cli_validation *v, mw_view name)
{
    mw_view list = mw_view_of(v->call->settings[CLI_PREDICTIONS].text);
    while (list.size > 0)
        if (mw_view_equal(cli_item_name(cli_cut_item(&list, ",")), name))
            return true;
    return v->has_other && mw_view_is(name, v->other.text);
}

static mw_status check_leakage(cli_validation *v, mw_error *err)
{
    double most = (double)NAN, value, limit = v->suite.data.max_leakage;
    mw_view worst = MW_VIEW("");
    char why[WHY_BYTES];
    double *room = malloc((3 * v->n_rows + 1) * sizeof *room);
    mw_status status = room ? MW_OK : mw_fail_memory(err, "the rows");
    for (size_t c = 0; c < v->file.frame.n_columns && status == MW_OK; c++) {
        const mw_frame_column *column = &v->file.frame.columns[c];
        size_t n_words = v->words[c].n_texts;
        bool is_other = c == v->target || c == v->weight || c == v->query ||
                        is_prediction(v, column->name) || n_words > WORDS_FOR_LEAKAGE ||
                        n_words * 5 > v->n_rows;
        if (is_other)
            continue;
        const double *values = column->values;
        if (n_words > 0) {
            encode(v, c, room + 2 * v->n_rows);
            values = room + 2 * v->n_rows;
        }
        status = tell_alone(v, values, room, &value, err);
        if (status == MW_OK && value > LEAKS && isnan(limit))
            status = cli_validate_note(v, err,
                                       "column '%.*s' alone tells the target (%.4g): does "
                                       "it come from the future?",
                                       MW_VIEW_ARG(column->name), value);
        if (isnan(most) || value > most) {
            most = value;
            worst = column->name;
        }
    }
    free(room);
    if (status != MW_OK || isnan(limit))
        return status;
    snprintf(why, sizeof why, "'%.*s' alone tells the target best: %s %.4g", MW_VIEW_ARG(worst),
             v->task == MW_TASK_BINARY ? "AUC" : "correlation", most);
    return add(v, "data", MW_VIEW("leakage"), isnan(most) ? 0 : most, (double)NAN, limit,
               v->suite.data.line, why, err);
}

/* ---- overlap --------------------------------------------------------------------------------- */

typedef struct overlap {
    size_t *test_columns, *train_columns;
    size_t n_columns;
    mw_words *words; /* of the training file; owned */
} overlap;

static mw_status match_columns(cli_validation *v, overlap *o, mw_error *err)
{
    const mw_frame *test = &v->file.frame, *train = &v->train.frame;
    o->test_columns = mw_arena_take(&v->memory, (test->n_columns + 1) * sizeof(size_t));
    o->train_columns = mw_arena_take(&v->memory, (test->n_columns + 1) * sizeof(size_t));
    if (!o->test_columns || !o->train_columns)
        return mw_fail_memory(err, "the training rows");
    for (size_t c = 0; c < test->n_columns; c++) {
        ptrdiff_t found = mw_frame_find(train, test->columns[c].name);
        if (found < 0 || c == v->target || c == v->weight)
            continue;
        if (train->columns[found].is_text != (v->words[c].n_texts > 0))
            continue; /* texts here, numbers there: never the same */
        o->test_columns[o->n_columns] = c;
        o->train_columns[o->n_columns++] = (size_t)found;
    }
    if (o->n_columns > 0)
        return MW_OK;
    mw_fail(err, MW_E_VALIDATE_COLUMNS, "the training rows share no column with the test rows");
    mw_at(err, "%s", v->train.path);
    return mw_mend(err, "give the file that the model was trained with, with the same header");
}

static mw_status count_shared(cli_validation *v, const overlap *o, size_t *ret_shared,
                              mw_error *err)
{
    size_t n = v->n_rows, n_train = v->train.frame.n_rows;
    uint64_t *test = malloc((n + n_train + 1) * sizeof *test), *train = test + n;
    if (!test)
        return mw_fail_memory(err, "the training rows");
    hash_rows(&v->file.frame, v->words, o->test_columns, o->n_columns, test);
    hash_rows(&v->train.frame, o->words, o->train_columns, o->n_columns, train);
    qsort(train, n_train, sizeof *train, mw_hash_order);
    *ret_shared = 0;
    for (size_t row = 0; row < n; row++)
        *ret_shared += bsearch(&test[row], train, n_train, sizeof *train, mw_hash_order) != NULL;
    free(test);
    return MW_OK;
}

static mw_status compare_training(cli_validation *v, overlap *o, mw_error *err)
{
    size_t n_shared = 0;
    char why[WHY_BYTES];
    MW_TRY(cli_frame_file_read(&v->train, err));
    MW_TRY(cli_frame_words(&v->train.frame, &o->words, err));
    MW_TRY(match_columns(v, o, err));
    MW_TRY(count_shared(v, o, &n_shared, err));
    double share = (double)n_shared / (double)v->n_rows;
    snprintf(why, sizeof why, "%zu of %zu test rows stand among the training rows (%zu columns)",
             n_shared, v->n_rows, o->n_columns);
    if (isnan(v->suite.max_overlap))
        return cli_validate_note(v, err, "%s", why);
    return add(v, "overlap", MW_VIEW("train"), share, (double)NAN, v->suite.max_overlap,
               v->suite.overlap_line, why, err);
}

static mw_status check_overlap(cli_validation *v, mw_error *err)
{
    overlap o = {NULL, NULL, 0, NULL};
    v->train.path = v->call->settings[CLI_TRAIN].text;
    if (!v->train.path && v->suite.overlap_line > 0)
        return cli_suite_fail(v, v->suite.overlap_line, 1, "overlap with which rows?",
                              "add --train train.csv to the command", err);
    if (!v->train.path)
        return MW_OK;
    mw_status status = compare_training(v, &o, err);
    cli_frame_words_done(&v->train.frame, o.words);
    return status;
}

mw_status cli_validate_data(cli_validation *v, mw_error *err)
{
    for (size_t i = 0; i < v->suite.data.n_columns; i++)
        MW_TRY(check_column(v, &v->suite.data.columns[i], err));
    for (size_t i = 0; i < v->suite.data.unique.count; i++)
        MW_TRY(check_unique(v, v->suite.data.unique.items[i], err));
    MW_TRY(check_counts(v, err));
    MW_TRY(check_balance(v, err));
    MW_TRY(check_repeats(v, err));
    MW_TRY(check_leakage(v, err));
    return check_overlap(v, err);
}
