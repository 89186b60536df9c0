/* drift check: whether the rows of one file differ from those of another.
 *
 *     two CSV files --> columns side by side --> measured, one by one --> judged, all together
 *                                                    `--> bins and quantiles, for the report
 *     exit code 6 when the data set drifted */
#include "drift.h"

#include <math.h>
#include <stdlib.h>

enum { SHOWN_BINS = 10, SHOWN_CATEGORIES = 50 };
#define REPORT_BYTES (64 * MW_MIB)
#define BILLION 1e9

/* ---- options --------------------------------------------------------------------------------- */

static mw_status fail_word(const char *flag, mw_view word, mw_error *err)
{
    mw_fail(err, MW_E_DRIFT_METHOD, "'%.*s' is none", MW_VIEW_ARG(word));
    mw_at(err, "%s", flag);
    return mw_mend(err, "'mw drift check --help' lists what may stand there");
}

static bool method_named(mw_view name, mw_drift_method *ret_method)
{
    static const char *const also[][2] = {
        {"jensenshannon", "js"}, {"jensen-shannon", "js"},    {"jensen_shannon", "js"},
        {"chisquare", "chi2"},   {"chi-square", "chi2"},      {"chi_square", "chi2"},
        {"l_infinity", "linf"},  {"total_variation", "tv"},   {"kl_div", "kl"},
        {"emd", "wasserstein"},  {"kolmogorov_smirnov", "ks"}};
    for (size_t i = 0; i < MW_COUNT(also); i++)
        if (mw_view_is_nocase(name, also[i][0]))
            name = mw_view_of(also[i][1]);
    for (mw_drift_method m = MW_DRIFT_AUTO; m <= MW_DRIFT_KL; m++)
        if (mw_view_is_nocase(name, mw_drift_method_name(m))) {
            *ret_method = m;
            return true;
        }
    return false;
}

static bool is_for_numbers(mw_drift_method method)
{
    return method == MW_DRIFT_KS || method == MW_DRIFT_WASSERSTEIN;
}

/* The first that fits numbers, and the first that fits categories. */
static mw_status read_methods(const cli_call *call, mw_drift_options *options, mw_error *err)
{
    mw_view list = mw_view_of(call->settings[CLI_DRIFT_METHOD].text);
    while (list.size > 0) {
        mw_drift_method method;
        mw_view word = mw_view_trim(mw_view_cut(&list, ','));
        if (!method_named(word, &method))
            return fail_word("--method", word, err);
        bool for_categories = method == MW_DRIFT_CHI_SQUARE || method == MW_DRIFT_Z;
        bool alone = list.size == 0 && options->numeric_method == MW_DRIFT_AUTO;
        if (options->numeric_method == MW_DRIFT_AUTO && (!for_categories || alone))
            options->numeric_method = method;
        if (options->category_method == MW_DRIFT_AUTO && !is_for_numbers(method))
            options->category_method = method;
    }
    return MW_OK;
}

static mw_status read_bins(const cli_call *call, mw_drift_options *options, mw_error *err)
{
    static const char *const kinds[] = {"quantiles", "evidently", "nannyml"};
    const char *text = call->settings[CLI_DRIFT_BINS].text;
    uint64_t n;
    if (!text)
        return MW_OK;
    for (size_t i = 0; i < MW_COUNT(kinds); i++)
        if (strcmp(text, kinds[i]) == 0) {
            options->bins = MW_DRIFT_BINS_QUANTILES + i;
            return MW_OK;
        }
    if (!mw_whole_parse(mw_view_of(text), &n))
        return fail_word("--bins", mw_view_of(text), err);
    options->bins = MW_DRIFT_BINS_QUANTILES;
    options->n_bins = n;
    return MW_OK;
}

static mw_status read_options(const cli_call *call, mw_drift_options *options, mw_error *err)
{
    const cli_setting *settings = call->settings;
    const char *threshold = settings[CLI_THRESHOLD].text;
    mw_drift_options_init((mw_drift_profile)settings[CLI_DRIFT_PROFILE].number, options);
    MW_TRY(read_methods(call, options, err));
    MW_TRY(read_bins(call, options, err));
    if (threshold && !mw_number_parse(threshold, strlen(threshold), &options->threshold))
        return fail_word("--threshold", mw_view_of(threshold), err);
    if (threshold && isnan(options->threshold))
        return fail_word("--threshold", mw_view_of(threshold), err);
    options->alpha = (double)settings[CLI_ALPHA].number / BILLION;
    if (settings[CLI_DRIFT_SHARE].text)
        options->share = (double)settings[CLI_DRIFT_SHARE].number / BILLION;
    return mw_drift_check_options(options, err);
}

static mw_status check_files(const cli_call *call, mw_error *err)
{
    const char *reference = call->settings[CLI_REF].text, *current = call->settings[CLI_CUR].text;
    if (reference && current && (strcmp(reference, "-") != 0 || strcmp(current, "-") != 0))
        return MW_OK;
    mw_fail(err, MW_E_DRIFT_FILES,
            !reference ? "--ref is missing"
            : !current ? "--cur is missing"
                       : "both files are standard input");
    return mw_mend(err, "mw drift check --ref REF.csv --cur CUR.csv");
}

/* ---- for the report -------------------------------------------------------------------------- */

/* Of a profile: 0, 5, 50, 95 and 100 of its hundredths. */
static void note_profile_quantiles(const mw_profile_column *column, double *ret)
{
    static const size_t places[CLI_DRIFT_QUANTILES] = {0, 5, 50, 95, 100};
    for (size_t i = 0; i < CLI_DRIFT_QUANTILES; i++)
        ret[i] = column->quantiles ? column->quantiles[places[i]] : (double)NAN;
}

static void note_quantiles(const mw_sample *sample, double *ret)
{
    static const double shares[CLI_DRIFT_QUANTILES] = {0, 0.05, 0.5, 0.95, 1};
    for (size_t i = 0; i < CLI_DRIFT_QUANTILES; i++)
        ret[i] = mw_sample_quantile(sample, shares[i]);
}

static void add_missing_bin(cli_drift_feature *feature, const mw_sample *r, const mw_sample *c)
{
    size_t before = r->n_missing + r->n_infinite, now = c->n_missing + c->n_infinite;
    if (before + now > 0)
        feature->bins[feature->n_bins++] = (cli_drift_bin){
            .is_missing = true, .reference = (double)before, .current = (double)now};
}

static mw_status note_numbers(cli_drift_feature *feature, const mw_sample *r, const mw_sample *c,
                              mw_error *err)
{
    double edges[SHOWN_BINS + 1], before[SHOWN_BINS + 2], now[SHOWN_BINS + 2];
    size_t n = mw_bins_quantiles(r, SHOWN_BINS, false, edges);
    feature->bins = calloc(n + 2, sizeof *feature->bins);
    if (!feature->bins)
        return mw_fail_memory(err, "the report");
    mw_bins_count(r, edges, n, before);
    mw_bins_count(c, edges, n, now);
    for (size_t i = 0; i <= n; i++)
        feature->bins[feature->n_bins++] =
            (cli_drift_bin){.low = i ? edges[i - 1] : -(double)INFINITY,
                            .high = i < n ? edges[i] : (double)INFINITY,
                            .reference = before[i],
                            .current = now[i]};
    return MW_OK;
}

static int by_count(const void *a, const void *b)
{
    const cli_drift_bin *x = a, *y = b;
    double rows_x = x->reference + x->current, rows_y = y->reference + y->current;
    return (rows_x < rows_y) - (rows_x > rows_y);
}

static mw_status name_category(cli_drift *job, const cli_drift_feature *feature, cli_drift_bin *bin,
                               mw_error *err)
{
    char text[MW_NUMBER_TEXT_BYTES];
    if (feature->by_code) {
        bin->text = feature->words.texts[(size_t)bin->low];
        return MW_OK;
    }
    size_t size = mw_number_write_double(text, bin->low, false);
    bin->text = (mw_view){mw_arena_text(&job->memory, (mw_view){text, size}), size};
    return bin->text.data ? MW_OK : mw_fail_memory(err, "the report");
}

/* The commonest; all others together are the last. */
static mw_status note_categories(cli_drift *job, cli_drift_feature *feature, const mw_sample *r,
                                 const mw_sample *c, mw_error *err)
{
    size_t n = mw_values_count(r, c, NULL, NULL, NULL, 0);
    double *block = calloc(3 * n + 1, sizeof *block);
    feature->bins = calloc(n + 2, sizeof *feature->bins);
    if (!block || !feature->bins) {
        free(block);
        return mw_fail_memory(err, "the report");
    }
    mw_values_count(r, c, block, block + n, block + 2 * n, n);
    for (size_t i = 0; i < n; i++) {
        double before = block[n + i], now = block[2 * n + i];
        feature->bins[i] =
            (cli_drift_bin){.low = block[i], .high = block[i], .reference = before, .current = now};
        feature->n_new += before == 0;
        feature->n_lost += now == 0;
        feature->new_rows += before == 0 ? (size_t)now : 0;
    }
    free(block);
    qsort(feature->bins, n, sizeof *feature->bins, by_count);
    feature->n_bins = n <= SHOWN_CATEGORIES ? n : SHOWN_CATEGORIES;
    for (size_t i = 0; i < feature->n_bins; i++)
        MW_TRY(name_category(job, feature, &feature->bins[i], err));
    if (n <= SHOWN_CATEGORIES)
        return MW_OK;
    cli_drift_bin rest = {.text = MW_VIEW("(others)")};
    for (size_t i = SHOWN_CATEGORIES; i < n; i++) {
        rest.reference += feature->bins[i].reference;
        rest.current += feature->bins[i].current;
    }
    feature->bins[feature->n_bins++] = rest;
    return MW_OK;
}

/* ---- a profile as the reference -------------------------------------------------------------- */

static void note_profile_bins(cli_drift_feature *feature, const mw_profile_column *r,
                              const double *now)
{
    for (size_t i = 0; !r->is_category && i <= r->n_edges; i++)
        feature->bins[feature->n_bins++] =
            (cli_drift_bin){.low = i ? r->edges[i - 1] : -(double)INFINITY,
                            .high = i < r->n_edges ? r->edges[i] : (double)INFINITY,
                            .reference = r->counts[i],
                            .current = now[i]};
    if (!r->is_category)
        return;
    cli_drift_bin others = {
        .text = MW_VIEW("(others)"), .reference = r->others, .current = now[r->n_categories]};
    cli_drift_bin new = {.text = MW_VIEW("(new)"), .current = now[r->n_categories + 1]};
    for (size_t i = 0; i < r->n_categories; i++) {
        cli_drift_bin bin = {
            .text = r->categories[i].text, .reference = r->categories[i].rows, .current = now[i]};
        feature->n_lost += bin.current == 0;
        if (i < SHOWN_CATEGORIES)
            feature->bins[feature->n_bins++] = bin;
        else {
            others.reference += bin.reference;
            others.current += bin.current;
        }
    }
    if (others.reference + others.current > 0)
        feature->bins[feature->n_bins++] = others;
    if (new.current > 0)
        feature->bins[feature->n_bins++] = new;
    feature->new_rows = (size_t) new.current;
}

static mw_status note_profile(cli_drift_feature *feature, const mw_profile_column *r,
                              const mw_sample *c, const mw_view *texts, mw_error *err)
{
    size_t n = r->is_category ? r->n_categories + 2 : r->n_edges + 1;
    double *now = calloc(n, sizeof *now);
    feature->bins = calloc(n + 1, sizeof *feature->bins);
    if (!now || !feature->bins) {
        free(now);
        return mw_fail_memory(err, "the report");
    }
    if (r->is_category || r->n > 0) {
        mw_profile_count(r, c, texts, now);
        note_profile_bins(feature, r, now);
    }
    free(now);
    add_missing_bin(feature, &(mw_sample){.n_missing = (size_t)(r->missing + r->infinite)}, c);
    note_profile_quantiles(r, feature->quantiles_reference);
    note_quantiles(c, feature->quantiles_current);
    return MW_OK;
}

/* How many different values of the current rows the profile does not know. */
static void count_new(cli_drift_feature *feature, const mw_profile_column *r, const mw_sample *c,
                      const mw_view *texts)
{
    double counts[MW_PROFILE_CATEGORIES + 2];
    for (size_t i = 0; r->is_category && r->others == 0 && i < c->n; i++) {
        if (i > 0 && c->sorted[i] == c->sorted[i - 1])
            continue;
        mw_sample one = {.sorted = &c->sorted[i], .n = 1};
        mw_profile_count(r, &one, texts, counts);
        feature->n_new += counts[r->n_categories + 1] > 0;
    }
}

/* `room` holds 2 * n doubles. */
static mw_status measure_by_profile(cli_drift *job, cli_drift_feature *feature, double *room,
                                    size_t n, mw_error *err)
{
    const mw_frame *current = &job->current.frame;
    const mw_profile_column *r = &job->profile.columns[feature->in_reference];
    const mw_view *texts = feature->by_code ? feature->words.texts : NULL;
    mw_sample c = mw_sample_make(current->columns[feature->in_current].values, current->n_rows, 1,
                                 room, room + n);
    mw_status status =
        mw_drift_measure_profile(r, &c, texts, &job->options, &feature->measured, err);
    if (status != MW_OK)
        return mw_at(err, "column '%.*s'", MW_VIEW_ARG(feature->name));
    count_new(feature, r, &c, texts);
    return note_profile(feature, r, &c, texts, err);
}

/* ---- measuring ------------------------------------------------------------------------------- */

static mw_status measure_samples(cli_drift *job, cli_drift_feature *feature, const mw_sample *r,
                                 const mw_sample *c, mw_error *err)
{
    bool is_category = feature->by_code || cli_drift_is_listed(job, CLI_CATEGORICAL, feature->name);
    MW_TRY(mw_drift_measure(r, c, is_category, &job->options, &feature->measured, err));
    MW_TRY(feature->measured.is_category ? note_categories(job, feature, r, c, err)
                                         : note_numbers(feature, r, c, err));
    add_missing_bin(feature, r, c);
    note_quantiles(r, feature->quantiles_reference);
    note_quantiles(c, feature->quantiles_current);
    return MW_OK;
}

/* `room` holds 3 * n doubles. */
static mw_status measure_feature(cli_drift *job, cli_drift_feature *feature, double *room, size_t n,
                                 mw_error *err)
{
    if (job->by_profile)
        return measure_by_profile(job, feature, room, n, err);
    const mw_frame *reference = &job->reference.frame, *current = &job->current.frame;
    const double *values_r = reference->columns[feature->in_reference].values;
    const double *values_c = current->columns[feature->in_current].values;
    mw_sample r = mw_sample_make(values_r, reference->n_rows, 1, room, room + 2 * n);
    mw_sample c = mw_sample_make(values_c, current->n_rows, 1, room + n, room + 2 * n);
    return measure_samples(job, feature, &r, &c, err);
}

static mw_status measure_all(cli_drift *job, mw_error *err)
{
    size_t n_r = job->reference.frame.n_rows, n_c = job->current.frame.n_rows;
    size_t n = (n_r > n_c ? n_r : n_c) + 1;
    double *room = malloc(3 * n * sizeof *room);
    mw_status status = room ? MW_OK : mw_fail_memory(err, "a column in order");
    for (size_t f = 0; status == MW_OK && f < job->n_features; f++)
        if (job->features[f].state == CLI_DRIFT_COMPARED)
            status = measure_feature(job, &job->features[f], room, n, err);
    free(room);
    return status;
}

/* A column that is gone, or became text, is a drifted feature that was not compared. */
static mw_status judge_all(cli_drift *job, mw_error *err)
{
    mw_drift_feature *measured = calloc(job->n_features, sizeof *measured);
    size_t n = 0;
    if (!measured)
        return mw_fail_memory(err, "the features");
    for (size_t f = 0; f < job->n_features; f++)
        if (job->features[f].state == CLI_DRIFT_COMPARED)
            measured[n++] = job->features[f].measured;
    mw_drift_summary *summary = &job->summary;
    mw_status status = mw_drift_judge(measured, n, &job->options, summary, err);
    n = 0;
    for (size_t f = 0; status == MW_OK && f < job->n_features; f++)
        if (job->features[f].state == CLI_DRIFT_COMPARED)
            job->features[f].measured = measured[n++];
    free(measured);
    MW_TRY(status);
    summary->n_drifted += job->n_features - n;
    summary->n_features = job->n_features;
    summary->share_drifted = (double)summary->n_drifted / (double)summary->n_features;
    summary->drifted = summary->n_drifted > 0 && summary->share_drifted >= job->options.share;
    return MW_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static mw_status put_report(const cli_drift *job, mw_error *err)
{
    static void (*const writers[])(const cli_drift *, mw_buf *) = {cli_drift_text, cli_drift_json,
                                                                   cli_drift_html, cli_drift_junit};
    mw_buf out;
    mw_buf_init(&out, REPORT_BYTES);
    writers[job->call->settings[CLI_DRIFT_FORMAT].number](job, &out);
    mw_status status =
        out.failed ? mw_fail_memory(err, "the report") : cli_put(job->call, &out, err);
    mw_buf_done(&out);
    return status;
}

void cli_drift_done(cli_drift *job)
{
    for (size_t f = 0; f < job->n_features; f++) {
        free(job->features[f].bins);
        mw_words_done(&job->features[f].words);
    }
    free(job->features);
    cli_drift_joint_done(&job->joint);
    cli_drift_mmd_done(&job->mmd);
    cli_frame_file_done(&job->reference);
    cli_frame_file_done(&job->current);
    mw_profile_done(&job->profile);
    mw_arena_done(&job->memory);
}

void cli_drift_init(cli_drift *job, const cli_call *call)
{
    *job = (cli_drift){.call = call,
                       .reference.path = call->settings[CLI_REF].text,
                       .current.path = call->settings[CLI_CUR].text};
    mw_profile_init(&job->profile);
    mw_arena_init(&job->memory, 64 * MW_KIB, MW_LIMIT_STUDY_BYTES);
}

mw_status cli_drift_make(cli_drift *job, mw_error *err)
{
    MW_TRY(check_files(job->call, err));
    MW_TRY(read_options(job->call, &job->options, err));
    MW_TRY(cli_drift_read(job, err));
    MW_TRY(measure_all(job, err));
    MW_TRY(judge_all(job, err));
    MW_TRY(cli_drift_check_joint(job, err));
    return cli_drift_check_mmd(job, err);
}

mw_status cli_run_drift_check(cli_call *call, mw_error *err)
{
    cli_drift job;
    cli_drift_init(&job, call);
    mw_status status = cli_drift_make(&job, err);
    if (status == MW_OK)
        status = put_report(&job, err);
    if (status == MW_OK && job.summary.drifted)
        call->exit_code = CLI_EXIT_NO;
    cli_drift_done(&job);
    return status;
}
