/* decay estimate of several classes: --score a=COLUMN,b=COLUMN,c=COLUMN.
 *
 *     label, decision (texts or numbers) --> places in the list of classes
 *     without --decision the class of the highest score is what was decided */
#include "decay.h"
#include "members.h"

#include <math.h>
#include <stdlib.h>

typedef struct decay_class {
    mw_view name, column;
    double number; /* of a name that is one; NaN */
} decay_class;

typedef struct several_classes {
    decay_class *items;
    size_t n;
    mw_class_chances *chances;
} several_classes;

/* ---- which ----------------------------------------------------------------------------------- */

static mw_status fail_list(mw_error *err)
{
    mw_at(err, "--score");
    return mw_mend(err, "the score of each class by its name: --score red=p_red,green=p_green,"
                        "blue=p_blue; or columns that are called as the classes are, with or "
                        "without class_ before it");
}

/* "a=p_a": class a, column p_a. "class_a": class a, that column. */
static decay_class class_of(mw_view part)
{
    static const char prefix[] = "class_";
    decay_class c = {.column = part, .name = part, .number = (double)NAN};
    if (memchr(part.data, '=', part.size))
        c.name = mw_view_trim(mw_view_cut(&c.column, '='));
    else if (part.size > strlen(prefix) && memcmp(part.data, prefix, strlen(prefix)) == 0)
        c.name = (mw_view){part.data + strlen(prefix), part.size - strlen(prefix)};
    c.column = mw_view_trim(c.column);
    if (!mw_number_parse(c.name.data, c.name.size, &c.number))
        c.number = (double)NAN;
    return c;
}

static mw_status add_class(several_classes *classes, decay_class c, mw_error *err)
{
    for (size_t k = 0; k < classes->n; k++)
        if (mw_view_equal(classes->items[k].name, c.name)) {
            mw_fail(err, MW_E_OPTION_VALUE, "class '%.*s' stands there twice", MW_VIEW_ARG(c.name));
            return fail_list(err);
        }
    classes->items[classes->n++] = c;
    return MW_OK;
}

static mw_status begin(cli_decay *job, mw_error *err)
{
    mw_view rest = mw_view_of(job->call->settings[CLI_DECAY_SCORE].text);
    several_classes *classes = job->of_method = calloc(1, sizeof *classes);
    if (classes)
        classes->items = calloc(CLI_DECAY_CLASSES, sizeof *classes->items);
    if (!classes || !classes->items)
        return mw_fail_memory(err, "the classes");
    while (rest.size > 0 && classes->n < CLI_DECAY_CLASSES)
        MW_TRY(add_class(classes, class_of(mw_view_trim(mw_view_cut(&rest, ','))), err));
    if (classes->n < 2 || rest.size > 0) {
        mw_fail(err, MW_E_OPTION_VALUE, rest.size > 0 ? "%zu classes, and more" : "%zu class alone",
                classes->n);
        return fail_list(err);
    }
    for (size_t m = 0; m < MW_N_DECAY; m++)
        job->metrics[m] = mw_decay_name((mw_decay_metric)m);
    job->n_metrics = MW_N_DECAY;
    return MW_OK;
}

/* ---- columns --------------------------------------------------------------------------------- */

static ptrdiff_t place_of(const several_classes *classes, const mw_words *words, double value)
{
    for (size_t k = 0; k < classes->n; k++)
        if (words->n_texts > 0 ? mw_view_equal(classes->items[k].name, words->texts[(size_t)value])
                               : classes->items[k].number == value)
            return (ptrdiff_t)k;
    return -1;
}

static mw_status fail_class(const cli_decay_rows *rows, size_t row, mw_view name, size_t c,
                            mw_error *err)
{
    char number[MW_NUMBER_TEXT_BYTES];
    const mw_words *words = &rows->words[c];
    double value = rows->file.frame.columns[c].values[row];
    mw_view text = {number, mw_number_write_double(number, value, false)};
    if (words->n_texts > 0)
        text = words->texts[(size_t)value];
    mw_fail(err, MW_E_DECAY_COLUMNS, "'%.*s' in column '%.*s' is none of the classes",
            MW_VIEW_ARG(text), MW_VIEW_ARG(name));
    mw_at(err, "%s: row %zu", rows->file.path, row);
    return fail_list(err);
}

/* The class of each row; NaN where it is missing. On the heap. */
static mw_status read_classes(const several_classes *classes, const cli_decay_rows *rows,
                              mw_view name, double **ret_classes, mw_error *err)
{
    const mw_frame *frame = &rows->file.frame;
    ptrdiff_t c = mw_frame_find(frame, name);
    if (c < 0)
        return cli_decay_fail_column(&rows->file, name, err);
    *ret_classes = malloc((frame->n_rows + 1) * sizeof **ret_classes);
    if (!*ret_classes)
        return mw_fail_memory(err, "the classes");
    for (size_t i = 0; i < frame->n_rows; i++) {
        double value = frame->columns[c].values[i];
        ptrdiff_t k = isnan(value) ? 0 : place_of(classes, &rows->words[c], value);
        if (k < 0)
            return fail_class(rows, i, name, (size_t)c, err);
        (*ret_classes)[i] = isnan(value) ? value : (double)k;
    }
    return MW_OK;
}

/* The highest; of equal ones the first. */
static double decide(const cli_decay_rows *rows, size_t n_classes, size_t row)
{
    size_t best = 0;
    for (size_t k = 1; k < n_classes; k++)
        if (rows->scores[k * rows->room + row] > rows->scores[best * rows->room + row])
            best = k;
    return (double)best;
}

static mw_status gather(cli_decay *job, cli_decay_rows *rows, bool is_reference, double **decisions,
                        double **labels, const double **scores, mw_error *err)
{
    const several_classes *classes = job->of_method;
    const char *said = job->call->settings[CLI_DECISIONS].text;
    mw_view label = mw_view_of(job->call->settings[CLI_DECAY_LABEL].text);
    MW_TRY(cli_frame_words(&rows->file.frame, &rows->words, err));
    for (size_t k = 0; k < classes->n; k++)
        MW_TRY(cli_decay_numbers(&rows->file, classes->items[k].column, &scores[k], err));
    if (said)
        MW_TRY(read_classes(classes, rows, mw_view_of(said), decisions, err));
    if (cli_decay_has_labels(job, rows, is_reference))
        MW_TRY(read_classes(classes, rows, label, labels, err));
    MW_TRY(cli_decay_keep(rows, scores, classes->n, *decisions, *labels, is_reference, err));
    for (size_t i = 0; !*decisions && i < rows->n; i++)
        rows->decisions[i] = decide(rows, classes->n, i);
    return MW_OK;
}

static mw_status read_several(cli_decay *job, cli_decay_rows *rows, bool is_reference,
                              mw_error *err)
{
    const several_classes *classes = job->of_method;
    double *decisions = NULL, *labels = NULL;
    const double **scores = calloc(classes->n, sizeof *scores);
    mw_status status = scores ? gather(job, rows, is_reference, &decisions, &labels, scores, err)
                              : mw_fail_memory(err, "the scores");
    free(decisions);
    free(labels);
    free(scores);
    return status;
}

/* ---- estimating ------------------------------------------------------------------------------ */

static mw_class_scores scores_of(const cli_decay *job, const cli_decay_rows *rows, size_t first,
                                 size_t n)
{
    const several_classes *classes = job->of_method;
    return (mw_class_scores){.values = rows->scores + first,
                             .stride = rows->room,
                             .n_classes = classes->n,
                             .n = n,
                             .decisions = rows->decisions + first,
                             .labels = rows->labels ? rows->labels + first : NULL};
}

static mw_status check_all_there(const cli_decay *job, mw_error *err)
{
    const several_classes *classes = job->of_method;
    for (size_t k = 0; k < classes->n; k++) {
        size_t n = 0;
        for (size_t i = 0; i < job->reference.n; i++)
            n += job->reference.labels[i] == (double)k;
        if (n > 0 && n < job->reference.n)
            continue;
        mw_fail(err, MW_E_DECAY_COLUMNS, "%zu of %zu labelled rows are of class '%.*s'", n,
                job->reference.n, MW_VIEW_ARG(classes->items[k].name));
        mw_at(err, "%s", job->reference.file.path);
        return mw_mend(err, "give a reference of some thousand rows, with rows of each class");
    }
    return MW_OK;
}

static mw_status fit(cli_decay *job, mw_error *err)
{
    several_classes *classes = job->of_method;
    const char *how = job->call->settings[CLI_CALIBRATE].text;
    mw_class_scores all = scores_of(job, &job->reference, 0, job->reference.n);
    MW_TRY(check_all_there(job, err));
    MW_TRY(mw_class_chances_fit(&all,
                                strcmp(how, "on") == 0    ? MW_CALIBRATE_ALWAYS
                                : strcmp(how, "off") == 0 ? MW_CALIBRATE_NEVER
                                                          : MW_CALIBRATE_WHERE_IT_GAINS,
                                &classes->chances, err));
    return mw_decay_errors_classes(&all, job->errors, err);
}

static mw_status measure(const cli_decay *job, const cli_decay_rows *rows, cli_decay_chunk *chunk,
                         mw_error *err)
{
    const several_classes *classes = job->of_method;
    mw_class_scores scores = scores_of(job, rows, chunk->first, chunk->n);
    MW_TRY(mw_decay_estimate_classes(classes->chances, &scores, chunk->estimated, err));
    return rows->labels ? mw_decay_realized_classes(&scores, chunk->realized, err) : MW_OK;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void json(const cli_decay *job, mw_buf *out)
{
    const several_classes *classes = job->of_method;
    cli_member_bool(out, "calibrated", mw_class_chances_calibrated(classes->chances) > 0);
    cli_member(out, "classes");
    for (size_t k = 0; k < classes->n; k++) {
        mw_buf_char(out, k ? ',' : '[');
        mw_json_write_text(out, classes->items[k].name);
    }
    mw_buf_char(out, ']');
}

static void text(const cli_decay *job, mw_buf *out)
{
    const several_classes *classes = job->of_method;
    mw_buf_format(out,
                  "CBPE, the mean over %zu classes, scores of %zu of them calibrated on the "
                  "reference",
                  classes->n, mw_class_chances_calibrated(classes->chances));
}

static void done(cli_decay *job)
{
    several_classes *classes = job->of_method;
    if (!classes)
        return;
    mw_class_chances_free(classes->chances);
    free(classes->items);
    free(classes);
}

const cli_decay_method cli_decay_classes = {"cbpe",  1,    begin, read_several, fit,
                                            measure, json, text,  done};
