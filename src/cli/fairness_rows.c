/* The rows of a fairness check: label, decision, score and group of each, summed by group. */
#include "fairness.h"

#include "command.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS_OF_ONE = 3 }; /* depth of intersections */

/* ---- columns --------------------------------------------------------------------------------- */

static mw_status fail_column(const cli_fair *job, const char *flag, mw_view name, mw_error *err)
{
    cli_nearest nearest = cli_nearest_to(name);
    mw_fail(err, MW_E_FAIRNESS_COLUMNS, "the file has no column '%.*s'", MW_VIEW_ARG(name));
    mw_at(err, "%s", flag);
    for (size_t c = 0; c < job->file.frame.n_columns; c++)
        cli_nearest_offer(&nearest, job->file.frame.columns[c].name.data);
    return nearest.name ? mw_mend(err, "did you mean '%s'?", nearest.name)
                        : mw_mend(err, "the header line tells which columns there are");
}

static mw_status find(const cli_fair *job, const char *flag, mw_view name, size_t *ret_column,
                      mw_error *err)
{
    ptrdiff_t found = mw_frame_find(&job->file.frame, name);
    if (found < 0)
        return fail_column(job, flag, name, err);
    *ret_column = (size_t)found;
    return MW_OK;
}

static mw_status find_option(const cli_fair *job, cli_option_id id, size_t *ret_column,
                             mw_error *err)
{
    char flag[40];
    const char *name = job->call->settings[id].text;
    snprintf(flag, sizeof flag, "--%s", cli_options[id].name);
    if (name)
        return find(job, flag, mw_view_of(name), ret_column, err);
    mw_fail(err, MW_E_FAIRNESS_COLUMNS, "%s is missing", flag);
    return mw_mend(err, "mw fairness check --data rows.csv --label y --score p --groups sex");
}

static size_t count_marks(mw_view text, const char *marks)
{
    size_t n = 1;
    for (size_t i = 0; i < text.size; i++)
        n += strchr(marks, text.data[i]) != NULL;
    return n;
}

/* "sex*race", "sex|race". */
static mw_status read_attribute(cli_fair *job, mw_view text, mw_error *err)
{
    cli_fair_attribute *attribute = &job->attributes[job->n_attributes];
    mw_buf name;
    attribute->columns =
        mw_arena_take_zeroed(&job->memory, count_marks(text, "|*"), sizeof(size_t));
    if (!attribute->columns)
        return mw_fail_memory(err, "the groups");
    mw_view rest = text;
    mw_buf_init(&name, 4 * MW_KIB);
    mw_status status = MW_OK;
    while (status == MW_OK && rest.size > 0) {
        mw_view part = cli_item_name(cli_cut_item(&rest, "|*"));
        mw_buf_text(&name, attribute->n_columns > 0 ? "|" : "");
        mw_buf_view(&name, part);
        status = find(job, "--groups", part, &attribute->columns[attribute->n_columns++], err);
    }
    attribute->name = (mw_view){mw_arena_text(&job->memory, mw_buf_as_view(&name)), name.size};
    mw_buf_done(&name);
    job->n_attributes++;
    if (status == MW_OK && attribute->n_columns > COLUMNS_OF_ONE) {
        mw_fail(err, MW_E_FAIRNESS_COLUMNS, "'%.*s' crosses %zu columns", MW_VIEW_ARG(text),
                attribute->n_columns);
        return mw_mend(err, "cross at most %d: more leave hardly a row in a group", COLUMNS_OF_ONE);
    }
    return status;
}

static mw_status read_attributes(cli_fair *job, mw_error *err)
{
    const char *text = job->call->settings[CLI_FAIR_GROUPS].text;
    if (!text) {
        mw_fail(err, MW_E_FAIRNESS_COLUMNS, "--groups is missing");
        return mw_mend(err, "name the columns that tell groups: --groups sex,race,sex*race");
    }
    mw_view list = mw_view_of(text);
    job->attributes =
        mw_arena_take_zeroed(&job->memory, count_marks(list, ","), sizeof *job->attributes);
    if (!job->attributes)
        return mw_fail_memory(err, "the groups");
    while (list.size > 0)
        MW_TRY(read_attribute(job, cli_cut_item(&list, ","), err));
    return MW_OK;
}

static mw_status read_columns(cli_fair *job, mw_error *err)
{
    const cli_setting *settings = job->call->settings;
    MW_TRY(find_option(job, CLI_FAIR_LABEL, &job->label, err));
    MW_TRY(find_option(job, CLI_FAIR_SCORE, &job->score, err));
    job->weight = CLI_FAIR_NO_COLUMN;
    if (settings[CLI_FAIR_REPEATS].text && settings[CLI_FAIR_WEIGHT].text) {
        mw_fail(err, MW_E_FAIRNESS_COLUMNS, "--weight and --repeats are both given");
        return mw_mend(err, "rows have a weight each, or stand for several equal ones");
    }
    job->has_repeats = settings[CLI_FAIR_REPEATS].text != NULL;
    if (job->has_repeats)
        MW_TRY(find_option(job, CLI_FAIR_REPEATS, &job->weight, err));
    else if (settings[CLI_FAIR_WEIGHT].text)
        MW_TRY(find_option(job, CLI_FAIR_WEIGHT, &job->weight, err));
    return read_attributes(job, err);
}

/* Groups are texts as they are written, and so is a label that is no number. */
static mw_status code_columns(cli_fair *job, mw_error *err)
{
    mw_frame *frame = &job->file.frame;
    const mw_words **wanted = mw_arena_take_zeroed(&job->memory, frame->n_columns, sizeof *wanted);
    job->words = calloc(frame->n_columns, sizeof *job->words);
    if (!job->words || !wanted)
        return mw_fail_memory(err, "the groups");
    for (size_t c = 0; c < frame->n_columns; c++)
        mw_words_init(&job->words[c]);
    for (size_t a = 0; a < job->n_attributes; a++)
        for (size_t k = 0; k < job->attributes[a].n_columns; k++)
            wanted[job->attributes[a].columns[k]] = &job->words[job->attributes[a].columns[k]];
    if (frame->columns[job->label].is_text || job->call->settings[CLI_FAIR_POSITIVE].text)
        wanted[job->label] = &job->words[job->label];
    return mw_frame_code(frame, (mw_words *const *)wanted, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

static mw_status fail_value(const cli_fair *job, size_t column, size_t row, const char *what,
                            const char *mend, mw_error *err)
{
    mw_fail(err, MW_E_FAIRNESS_VALUES, "column '%.*s': %s",
            MW_VIEW_ARG(job->file.frame.columns[column].name), what);
    mw_at(err, "%s, row %zu", job->file.path, row + 1);
    return mw_mend(err, "%s", mend);
}

/* The code of the text that stands for a positive label. */
static mw_status find_positive(const cli_fair *job, double *ret_code, mw_error *err)
{
    const char *given = job->call->settings[CLI_FAIR_POSITIVE].text;
    const mw_words *words = &job->words[job->label];
    for (size_t i = 0; given && i < words->n_texts; i++) {
        *ret_code = (double)i;
        if (mw_view_is(mw_view_trim(words->texts[i]), given))
            return MW_OK;
    }
    if (given)
        mw_fail(err, MW_E_FAIRNESS_VALUES, "no label is '%s'", given);
    else
        mw_fail(err, MW_E_FAIRNESS_VALUES, "the labels are texts, '%.*s' and others",
                MW_VIEW_ARG(words->texts[0]));
    mw_at(err, "column '%.*s'", MW_VIEW_ARG(job->file.frame.columns[job->label].name));
    return mw_mend(err, "say which is the positive one: --positive '%.*s'",
                   MW_VIEW_ARG(words->texts[words->n_texts - 1]));
}

static mw_status read_label(const cli_fair *job, size_t row, double positive, bool *ret_label,
                            mw_error *err)
{
    double value = job->file.frame.columns[job->label].values[row];
    *ret_label = value == positive;
    if (isnan(value))
        return fail_value(job, job->label, row, "the label is missing",
                          "leave out rows without a label, or bring them later", err);
    if (job->words[job->label].n_texts > 0 || value == 0 || value == 1)
        return MW_OK;
    return fail_value(job, job->label, row, "the label is neither 0 nor 1",
                      "give 0 and 1, or say which one is positive with --positive", err);
}

static mw_status read_weight(const cli_fair *job, size_t row, double *ret_weight, mw_error *err)
{
    *ret_weight = 1;
    if (job->weight == CLI_FAIR_NO_COLUMN)
        return MW_OK;
    *ret_weight = job->file.frame.columns[job->weight].values[row];
    if (!(*ret_weight >= 0) || isinf(*ret_weight))
        return fail_value(job, job->weight, row, "a weight is a number of 0 or more",
                          "mend the row, or leave it out", err);
    if (job->has_repeats && *ret_weight != floor(*ret_weight))
        return fail_value(job, job->weight, row, "--repeats counts whole rows",
                          "for weights that are not whole there is --weight", err);
    return MW_OK;
}

static mw_status read_row(cli_fair *job, size_t row, double positive, mw_error *err)
{
    bool label = false;
    double score = job->file.frame.columns[job->score].values[row];
    MW_TRY(read_label(job, row, positive, &label, err));
    if (isnan(score))
        return fail_value(job, job->score, row, "the score is missing",
                          "every row needs one: what was not scored was not decided", err);
    job->is_score_share = job->is_score_share && score >= 0 && score <= 1;
    job->labels[row] = label;
    return MW_OK;
}

static mw_status read_rows(cli_fair *job, mw_error *err)
{
    double positive = 1;
    const mw_frame *frame = &job->file.frame;
    bool is_empty = frame->n_rows == 0;
    if (is_empty || frame->columns[job->score].is_text) {
        mw_fail(err, MW_E_FAIRNESS_VALUES, is_empty ? "there are no rows" : "the scores are texts");
        mw_at(err, "%s", job->file.path);
        return mw_mend(err, is_empty ? "give a file with a header line and at least one row"
                                     : "a score is a number; a decision is 0 or 1, with "
                                       "--threshold 0.5");
    }
    job->labels = malloc(frame->n_rows);
    if (!job->labels)
        return mw_fail_memory(err, "the rows");
    job->is_score_share = true;
    if (job->words[job->label].n_texts > 0)
        MW_TRY(find_positive(job, &positive, err));
    double weight, sum = 0;
    for (size_t row = 0; row < frame->n_rows; row++) {
        MW_TRY(read_row(job, row, positive, err));
        MW_TRY(read_weight(job, row, &weight, err));
        sum += weight;
    }
    if (!(sum > 0 && isfinite(sum)))
        return fail_value(job, job->weight, 0,
                          "the weights of all rows together are no number above 0",
                          "give rows that count weights above 0", err);
    return MW_OK;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static size_t n_texts_of(const cli_fair *job, size_t column)
{
    return job->words[column].n_texts + 1; /* and missing */
}

static size_t code_of(const cli_fair *job, const cli_fair_attribute *attribute, size_t row)
{
    size_t code = 0;
    for (size_t k = 0; k < attribute->n_columns; k++) {
        size_t column = attribute->columns[k], n = n_texts_of(job, column);
        double value = job->file.frame.columns[column].values[row];
        code = code * n + (isnan(value) ? n - 1 : (size_t)value);
    }
    return code;
}

static mw_status name_group(cli_fair *job, const cli_fair_attribute *attribute, size_t code,
                            mw_view *ret_name, mw_error *err)
{
    mw_buf name;
    mw_view parts[COLUMNS_OF_ONE];
    for (size_t k = attribute->n_columns; k-- > 0;) {
        size_t n = n_texts_of(job, attribute->columns[k]), part = code % n;
        parts[k] = part + 1 == n ? MW_VIEW("(missing)")
                                 : mw_view_trim(job->words[attribute->columns[k]].texts[part]);
        code /= n;
    }
    mw_buf_init(&name, 64 * MW_KIB);
    for (size_t k = 0; k < attribute->n_columns; k++) {
        mw_buf_text(&name, k > 0 ? "|" : "");
        mw_buf_view(&name, parts[k]);
    }
    *ret_name = (mw_view){mw_arena_text(&job->memory, mw_buf_as_view(&name)), name.size};
    mw_buf_done(&name);
    return ret_name->data ? MW_OK : mw_fail_memory(err, "the groups");
}

typedef struct numbered {
    mw_view name;
    size_t code;
} numbered;

static int by_name(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    return mw_view_order(x->name, y->name);
}

static mw_status fail_many(const cli_fair_attribute *attribute, size_t n, mw_error *err)
{
    mw_fail(err, MW_E_FAIRNESS_COLUMNS, "'%.*s' has more than %zu groups",
            MW_VIEW_ARG(attribute->name), n);
    return mw_mend(err,
                   "--groups takes columns of few values; put numbers such as ages into bands");
}

/* Which combinations there are, in the order of their names; number[code] becomes 1 + group. */
static mw_status number_groups(cli_fair *job, cli_fair_attribute *attribute, uint32_t *number,
                               size_t n_codes, mw_error *err)
{
    size_t n = 0, n_rows = job->file.frame.n_rows, possible = 1;
    for (size_t row = 0; row < n_rows; row++)
        number[code_of(job, attribute, row)] = 1;
    for (size_t code = 0; code < n_codes; code++)
        n += number[code];
    numbered *order = mw_arena_take(&job->memory, n * sizeof *order);
    attribute->groups = mw_arena_take_zeroed(&job->memory, n, sizeof *attribute->groups);
    if (!order || !attribute->groups)
        return mw_fail_memory(err, "the groups");
    for (size_t code = 0; code < n_codes; code++) {
        if (!number[code])
            continue;
        order[attribute->n_groups].code = code;
        MW_TRY(name_group(job, attribute, code, &order[attribute->n_groups++].name, err));
    }
    qsort(order, n, sizeof *order, by_name);
    for (size_t i = 0; i < n; i++) {
        number[order[i].code] = (uint32_t)i + 1;
        attribute->groups[i].name = order[i].name;
    }
    for (size_t k = 0; k < attribute->n_columns; k++)
        possible *= job->words[attribute->columns[k]].n_texts;
    attribute->n_empty = possible > n ? possible - n : 0;
    return MW_OK;
}

static mw_status group_rows(cli_fair *job, cli_fair_attribute *attribute, mw_error *err)
{
    enum { CODES_MAX = 100000 };
    size_t n_codes = 1, n_rows = job->file.frame.n_rows;
    for (size_t k = 0; k < attribute->n_columns; k++) {
        n_codes *= n_texts_of(job, attribute->columns[k]);
        if (n_codes > CODES_MAX)
            return fail_many(attribute, CODES_MAX, err);
    }
    uint32_t *number = mw_arena_take_zeroed(&job->memory, n_codes, sizeof *number);
    attribute->group_of = mw_arena_take(&job->memory, n_rows * sizeof *attribute->group_of);
    if (!number || !attribute->group_of)
        return mw_fail_memory(err, "the groups");
    MW_TRY(number_groups(job, attribute, number, n_codes, err));
    for (size_t row = 0; row < n_rows; row++)
        attribute->group_of[row] = number[code_of(job, attribute, row)] - 1;
    return MW_OK;
}

/* ---- sums ------------------------------------------------------------------------------------ */

enum { CALIBRATION_BINS = 10 };

typedef struct sums {
    double weight, weight_2, score, brier;
    double bin_n[CALIBRATION_BINS], bin_label[CALIBRATION_BINS], bin_score[CALIBRATION_BINS];
} sums;

/* Bins (k/10, (k+1)/10], the first closed. */
static size_t bin_of(double score)
{
    double place = ceil(score * CALIBRATION_BINS) - 1;
    return place <= 0 ? 0 : place >= CALIBRATION_BINS ? CALIBRATION_BINS - 1 : (size_t)place;
}

/* Without weights the counts are the library's, at 2 ns a row. */
static void count_row(const cli_fair *job, size_t row, double weight, mw_confusion *c)
{
    bool selected = job->file.frame.columns[job->score].values[row] >= job->threshold;
    *(job->labels[row] ? selected ? &c->tp : &c->fn : selected ? &c->fp : &c->tn) += weight;
}

/* Of a score in 0..1: how far it is from what came true. */
static void add_share(sums *s, double score, double label, double weight)
{
    size_t bin = bin_of(score);
    s->brier += weight * (score - label) * (score - label);
    s->bin_n[bin] += weight;
    s->bin_label[bin] += weight * label;
    s->bin_score[bin] += weight * score;
}

static void finish_group(const cli_fair *job, cli_fair_group *group, const sums *s)
{
    bool known = s->weight > 0;
    group->worth = !known || job->has_repeats ? 1 : s->weight / s->weight_2;
    group->mean_score = known ? s->score / s->weight : (double)NAN;
    group->brier = known && job->is_score_share ? s->brier / s->weight : (double)NAN;
    group->ece = known && job->is_score_share ? 0 : (double)NAN;
    for (size_t b = 0; known && job->is_score_share && b < CALIBRATION_BINS; b++)
        group->ece += fabs(s->bin_label[b] - s->bin_score[b]) / s->weight;
}

/* ---- ranking --------------------------------------------------------------------------------- */

typedef struct piles {
    double *scores, *scratch;
    size_t *at; /* 2 a group: its negatives, its positives; where the next one goes */
} piles;

static size_t pile_of(const cli_fair *job, const uint32_t *group_of, size_t row)
{
    return 2 * (size_t)(group_of ? group_of[row] : 0) + job->labels[row];
}

/* Scores by group and label, each pile ascending. Rows with weights are not ranked. */
static void rank_groups(const cli_fair *job, const uint32_t *group_of, cli_fair_group *groups,
                        size_t n, piles *p)
{
    const double *scores = job->file.frame.columns[job->score].values;
    size_t n_rows = job->file.frame.n_rows;
    memset(p->at, 0, (2 * n + 1) * sizeof *p->at);
    for (size_t row = 0; row < n_rows; row++)
        p->at[pile_of(job, group_of, row) + 1]++;
    for (size_t i = 0; i < 2 * n; i++)
        p->at[i + 1] += p->at[i];
    for (size_t row = 0; row < n_rows; row++)
        p->scores[p->at[pile_of(job, group_of, row)]++] = scores[row];
    for (size_t g = 0; g < n; g++) { /* a pile ends where the next one began */
        size_t begin = g > 0 ? p->at[2 * g - 1] : 0, middle = p->at[2 * g], end = p->at[2 * g + 1];
        mw_sort(p->scores + begin, middle - begin, p->scratch);
        mw_sort(p->scores + middle, end - middle, p->scratch);
        groups[g].auc = mw_auc(p->scores + middle, end - middle, p->scores + begin, middle - begin);
    }
}

static mw_status rank_all(cli_fair *job, mw_error *err)
{
    size_t n_rows = job->file.frame.n_rows, most = 1;
    for (size_t a = 0; a < job->n_attributes; a++)
        most = job->attributes[a].n_groups > most ? job->attributes[a].n_groups : most;
    piles p = {malloc((n_rows + 1) * sizeof(double)), malloc((n_rows + 1) * sizeof(double)),
               malloc((2 * most + 2) * sizeof(size_t))};
    bool there = p.scores && p.scratch && p.at;
    if (there)
        rank_groups(job, NULL, &job->overall, 1, &p);
    for (size_t a = 0; there && a < job->n_attributes; a++)
        rank_groups(job, job->attributes[a].group_of, job->attributes[a].groups,
                    job->attributes[a].n_groups, &p);
    free(p.scores);
    free(p.scratch);
    free(p.at);
    return there ? MW_OK : mw_fail_memory(err, "the scores in order");
}

/* ---- all ------------------------------------------------------------------------------------- */

static mw_status count_plain(const cli_fair *job, const uint32_t *group_of, cli_fair_group *groups,
                             size_t n, mw_error *err)
{
    mw_confusion *counts = malloc((n + 1) * sizeof *counts);
    if (!counts)
        return mw_fail_memory(err, "the sums");
    mw_confusion_count(job->labels, job->file.frame.columns[job->score].values, job->threshold,
                       group_of, job->file.frame.n_rows, counts, n);
    for (size_t g = 0; g < n; g++) {
        groups[g].counts = counts[g];
        groups[g].n_rows = mw_confusion_total(&counts[g]);
    }
    free(counts);
    return MW_OK;
}

static void sum_rows(const cli_fair *job, const uint32_t *group_of, cli_fair_group *groups,
                     sums *each)
{
    const double *scores = job->file.frame.columns[job->score].values;
    const double *weights =
        job->weight == CLI_FAIR_NO_COLUMN ? NULL : job->file.frame.columns[job->weight].values;
    for (size_t row = 0; row < job->file.frame.n_rows; row++) {
        size_t g = group_of ? group_of[row] : 0;
        double weight = weights ? weights[row] : 1;
        sums *s = &each[g];
        s->weight += weight;
        s->weight_2 += weight * weight;
        s->score += weight * scores[row];
        if (job->is_score_share)
            add_share(s, scores[row], job->labels[row], weight);
        if (!weights && group_of)
            continue;
        groups[g].n_rows += job->has_repeats ? weight : 1;
        count_row(job, row, weight, &groups[g].counts);
    }
}

static mw_status sum_groups(cli_fair *job, const uint32_t *group_of, cli_fair_group *groups,
                            size_t n, mw_error *err)
{
    sums *each = calloc(n + 1, sizeof *each);
    if (!each)
        return mw_fail_memory(err, "the sums");
    mw_status status = MW_OK;
    if (job->weight == CLI_FAIR_NO_COLUMN && group_of)
        status = count_plain(job, group_of, groups, n, err);
    sum_rows(job, group_of, groups, each);
    for (size_t g = 0; g < n; g++) {
        groups[g].auc = (double)NAN;
        finish_group(job, &groups[g], &each[g]);
    }
    free(each);
    return status;
}

mw_status cli_fair_read(cli_fair *job, mw_error *err)
{
    mw_file_digests digests;
    MW_TRY(cli_frame_file_read(&job->file, err));
    if (strcmp(job->file.path, "-") != 0) {
        MW_TRY(mw_file_hash(job->file.path, &digests, err));
        memcpy(job->digest, digests.digest, sizeof job->digest);
    }
    MW_TRY(read_columns(job, err));
    MW_TRY(code_columns(job, err));
    MW_TRY(read_rows(job, err));
    MW_TRY(sum_groups(job, NULL, &job->overall, 1, err));
    for (size_t a = 0; a < job->n_attributes; a++) {
        cli_fair_attribute *attribute = &job->attributes[a];
        MW_TRY(group_rows(job, attribute, err));
        MW_TRY(sum_groups(job, attribute->group_of, attribute->groups, attribute->n_groups, err));
    }
    return job->weight == CLI_FAIR_NO_COLUMN ? rank_all(job, err) : MW_OK;
}
