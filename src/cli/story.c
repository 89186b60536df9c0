/* The chapters. Each does what a person would do, shows what was typed and what came back, and
 * waits for what the program decides by itself. */
#include "story.h"

#include "members.h"
#include "model/model.h"
#include "predict/predict.h"

#include <stdlib.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 1 << 20, ROLLOUT_SECONDS = 90, DRIFT_SECONDS = 60, CALL_MS = 5000 };

typedef struct story {
    cli_call *call;
    const sigset_t *signals;
    story_stage stage;
    story_traffic traffic;
    mw_client *client; /* our own, for looking */
    mw_buf text;
    bool is_ended; /* by a signal */
} story;

/* ---- telling --------------------------------------------------------------------------------- */

static void say(story *self)
{
    const char *at = self->text.data;
    size_t left = self->text.size;
    while (left > 0) {
        ssize_t put = write(STDOUT_FILENO, at, left);
        if (put <= 0)
            break;
        at += put;
        left -= (size_t)put;
    }
    mw_buf_reset(&self->text);
}

static double now_s(const story *self)
{
    return (double)(mw_clock_ns() - self->stage.began_ns) / 1e9;
}

static void chapter(story *self, const char *title)
{
    mw_buf_format(&self->text, "\n%5.1f s  %s\n", now_s(self), title);
    say(self);
}

/* Indented, without what is empty. */
static void put_lines(story *self, mw_view lines)
{
    while (lines.size > 0) {
        mw_view line = mw_view_cut(&lines, '\n');
        if (line.size > 0)
            mw_buf_format(&self->text, "           %.*s\n", MW_VIEW_ARG(line));
    }
}

static void put_words(story *self, const char *words)
{
    const char *at = strstr(words, " @");
    if (at)
        mw_buf_format(&self->text, "         $ mw %.*s --server %s\n", (int)(at - words), words,
                      self->stage.address);
    else
        mw_buf_format(&self->text, "         $ mw %s\n", words);
}

/* What is typed, and what comes back; `silent`: only when the exit code is another. */
static mw_status type(story *self, const char *words, bool silent, int expect, mw_error *err)
{
    int code = 0;
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    put_words(self, words);
    mw_status status = story_run(&self->stage, words, &out, &code, err);
    bool is_right = status == MW_OK && code == expect;
    if (!silent || !is_right)
        put_lines(self, mw_buf_as_view(&out));
    if (status == MW_OK && !is_right) {
        status =
            mw_fail(err, MW_E_DEMO_FAILED, "exit code %d, not %d: mw %.100s", code, expect, words);
        mw_mend(err, "is the machine very busy? try again");
    }
    mw_buf_done(&out);
    say(self);
    return status;
}

/* True when a signal has come. */
static bool wait_ms(story *self, long ms)
{
    struct timespec period = {ms / 1000, ms % 1000 * 1000000};
    self->is_ended = self->is_ended || sigtimedwait(self->signals, NULL, &period) >= 0;
    return self->is_ended;
}

/* ---- looking --------------------------------------------------------------------------------- */

/* NULL when it cannot be read; the caller frees. */
static mw_json *look(story *self, const char *path)
{
    int status;
    mw_view body;
    mw_json *root;
    mw_error none;
    if (mw_client_call(self->client, "GET", path, NULL, (mw_view){NULL, 0}, &status, &body,
                       &none) != MW_OK ||
        status != 200 || mw_json_read(body, &root, &none) != MW_OK)
        return NULL;
    return root;
}

static int64_t number_of(const mw_json *object, const char *name)
{
    int64_t number = 0;
    mw_json_integer(mw_json_member(object, name), &number);
    return number;
}

static uint64_t answers_of(const story *self, int64_t version)
{
    return version >= 0 && version < STORY_VERSIONS ? atomic_load(&self->traffic.answers[version])
                                                    : 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

static mw_status write_files(story *self, mw_error *err)
{
    static const char suite[] = "metrics: {roc_auc: 0.65}\n"
                                "tests:\n- range: {}\n- determinism: {}\n";
    static const char fairness[] = "limits: {demographic_parity_ratio: 0.8}\n";
    MW_TRY(story_write(&self->stage, "suite.yaml", mw_view_of(suite), err));
    return story_write(&self->stage, "fairness.yaml", mw_view_of(fairness), err);
}

/* What shall be: endpoint, gates, and the version that is to come. */
static mw_status write_release(story *self, int version, mw_error *err)
{
    mw_buf text;
    mw_buf_init(&text, 64 * MW_KIB);
    mw_buf_format(
        &text,
        "models:\n"
        "  - {name: credit, gates: {require: [validation, fairness]}}\n"
        "endpoints:\n"
        "  - {name: credit, model: models:/credit@champion, reference: %s/lender/live.csv}\n"
        "rollouts:\n"
        "  - endpoint: credit\n"
        "    model: credit/%d\n"
        "    strategy: canary\n"
        "    steps: [{weight: 20%%, min_samples: 300}, {weight: 50%%, min_samples: 500}]\n"
        "    judge: {metrics: [{errors: {tolerance: 3%%}}, {latency: {tolerance: 200%%}},"
        " {outcome: {tolerance: 0.02}}]}\n",
        self->stage.folder, version);
    mw_status status = story_write(&self->stage, "release.yaml", mw_buf_as_view(&text), err);
    mw_buf_done(&text);
    return status;
}

static mw_status predict_all(const mw_forest *forest, const story_row *rows, size_t n,
                             double *scores, mw_error *err)
{
    mw_predictor *predictor;
    double *values = calloc(n * STORY_INPUTS, sizeof *values);
    if (!values)
        return mw_fail_memory(err, "the scores");
    for (size_t i = 0; i < n; i++)
        memcpy(values + i * STORY_INPUTS, rows[i].inputs, sizeof rows[i].inputs);
    const mw_batch batch = {values, n, STORY_INPUTS};
    mw_matrix matrix = mw_batch_matrix(&batch);
    mw_status status = mw_predictor_new(forest, &predictor, err);
    if (status == MW_OK) {
        status = mw_predict_parallel(predictor, &matrix, MW_PREDICTION, NULL, scores, err);
        mw_predictor_free(predictor);
    }
    free(values);
    return status;
}

/* Scores of the test rows beside what came true and the group: what `mw fairness check` reads. */
static mw_status write_scored(story *self, int version, mw_error *err)
{
    char path[PATH_MAX + 32];
    mw_buf text;
    mw_forest *forest = NULL;
    story_row *rows = NULL;
    char *groups = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/test.csv", self->stage.lender);
    MW_TRY(story_read_rows(path, &rows, &groups, &n, err));
    double *scores = calloc(n, sizeof *scores);
    snprintf(path, sizeof path, "%s/credit-%d.json", self->stage.lender, version);
    mw_status status =
        scores ? mw_forest_load(path, &forest, err) : mw_fail_memory(err, "the scores");
    if (status == MW_OK)
        status = predict_all(forest, rows, n, scores, err);
    mw_buf_init(&text, 4 * MW_MIB);
    mw_buf_text(&text, "repaid,score,group\n");
    for (size_t i = 0; status == MW_OK && i < n; i++)
        mw_buf_format(&text, "%.0f,%.9g,%c\n", rows[i].repaid, scores[i], groups[i]);
    snprintf(path, sizeof path, "scored-%d.csv", version);
    if (status == MW_OK)
        status = story_write(&self->stage, path, mw_buf_as_view(&text), err);
    mw_buf_done(&text);
    mw_forest_free(forest);
    free(scores);
    free(rows);
    free(groups);
    return status;
}

/* ---- reports --------------------------------------------------------------------------------- */

/* The limits that a report was judged by: "metric/roc_auc 0.735: pass". */
static void tell_report(story *self, const char *name)
{
    char path[PATH_MAX + 64];
    mw_file file;
    mw_json *report;
    mw_error none;
    snprintf(path, sizeof path, "%s/%s", self->stage.folder, name);
    if (mw_file_read(path, 64 * MW_MIB, &file, &none) != MW_OK)
        return;
    if (mw_json_read((mw_view){file.data, file.size}, &report, &none) == MW_OK) {
        const mw_json *checks = mw_json_member(report, "checks");
        for (size_t i = 0; i < mw_json_count(checks); i++) {
            double value;
            const mw_json *check = mw_json_element(checks, i);
            if (!mw_json_number(mw_json_member(check, "value"), &value))
                continue;
            mw_buf_format(&self->text, "           %.*s %.3f: %.*s\n",
                          MW_VIEW_ARG(mw_json_text(mw_json_member(check, "name"))), value,
                          MW_VIEW_ARG(mw_json_text(mw_json_member(check, "verdict"))));
        }
        mw_json_free(report);
    }
    mw_file_done(&file);
    say(self);
}

/* ---- a version and its gates ----------------------------------------------------------------- */

/* Validated, checked for bias, registered with both reports; its gates then stand as they stand. */
static mw_status bring(story *self, int version, bool is_fair, mw_error *err)
{
    char words[400], report[64];
    MW_TRY(write_scored(self, version, err));
    snprintf(report, sizeof report, "validation-%d.json", version);
    snprintf(words, sizeof words,
             "model validate lender/credit-%d.json --data lender/test.csv --target repaid --suite "
             "suite.yaml --format json -o %s",
             version, report);
    MW_TRY(type(self, words, true, 0, err));
    tell_report(self, report);
    snprintf(report, sizeof report, "fairness-%d.json", version);
    snprintf(words, sizeof words,
             "fairness check --data scored-%d.csv --label repaid --score score --groups group "
             "--suite fairness.yaml --format json -o %s",
             version, report);
    MW_TRY(type(self, words, true, is_fair ? 0 : CLI_EXIT_NO, err));
    tell_report(self, report);
    snprintf(words, sizeof words, "model register credit lender/credit-%d.json @", version);
    MW_TRY(type(self, words, true, 0, err));
    snprintf(words, sizeof words, "gate add credit/%d validation-%d.json @", version, version);
    MW_TRY(type(self, words, true, 0, err));
    snprintf(words, sizeof words, "gate add credit/%d %s @", version, report);
    return type(self, words, false, 0, err);
}

/* ---- rollouts -------------------------------------------------------------------------------- */

static bool is_over(mw_view state)
{
    return !mw_view_is(state, "running") && !mw_view_is(state, "paused");
}

static void tell_rollout(story *self, const mw_json *rollout, int64_t step)
{
    int64_t from = number_of(rollout, "from_version"), to = number_of(rollout, "to_version");
    double weight = 0;
    mw_json_number(mw_json_member(rollout, "weight"), &weight);
    mw_buf_format(&self->text,
                  "%5.1f s    step %lld: %.0f %% of the requests go to version %lld; answered so "
                  "far: %llu by it, %llu by version %lld; %lu labels came back\n",
                  now_s(self), (long long)step + 1, 100 * weight, (long long)to,
                  (unsigned long long)answers_of(self, to),
                  (unsigned long long)answers_of(self, from), (long long)from,
                  atomic_load(&self->traffic.labels));
    say(self);
}

/* Waits until it is decided, and tells each step. */
static mw_status watch_rollout(story *self, const char *expect, mw_error *err)
{
    char state[32] = "";
    int64_t told = -1;
    uint64_t end = mw_clock_ns() + ROLLOUT_SECONDS * UINT64_C(1000000000);
    while (mw_clock_ns() < end && !wait_ms(self, 250)) {
        mw_json *rollout = look(self, "/mw/v1/endpoints/credit/rollout");
        if (!rollout)
            continue;
        int64_t step = number_of(rollout, "step");
        mw_view word = mw_json_text(mw_json_member(rollout, "state"));
        snprintf(state, sizeof state, "%.*s", MW_VIEW_ARG(word));
        atomic_store(&self->traffic.rollout, is_over(word) ? 0 : (long)number_of(rollout, "id"));
        if (step != told && !is_over(word))
            tell_rollout(self, rollout, told = step);
        mw_json_free(rollout);
        if (is_over(mw_view_of(state)))
            break;
    }
    if (self->is_ended)
        return MW_OK;
    MW_TRY(type(self, "rollout history credit --record record", false, 0, err));
    if (strcmp(state, expect) == 0)
        return MW_OK;
    mw_fail(err, MW_E_DEMO_FAILED, "the rollout is %s, and should be %s", state, expect);
    return mw_mend(err, "is the machine very busy? try again");
}

/* ---- the chapters ---------------------------------------------------------------------------- */

/* The server follows the record within half a second. */
static mw_status wait_until_served(story *self, mw_error *err)
{
    for (int i = 0; i < 100 && !wait_ms(self, 100); i++) {
        mw_json *answer = look(self, "/v2/models/credit/ready");
        mw_json_free(answer);
        if (answer)
            return MW_OK;
    }
    return self->is_ended ? MW_OK
                          : mw_fail(err, MW_E_DEMO_FAILED, "the endpoint is not served after 10 s");
}

static mw_status first(story *self, mw_error *err)
{
    char path[PATH_MAX + 16];
    chapter(self,
            "A lender's first model. Its gates: good enough by the test rows, and fair to both "
            "groups.");
    MW_TRY(bring(self, 1, true, err));
    MW_TRY(write_release(self, 1, err));
    MW_TRY(type(self, "apply -f release.yaml @", false, 0, err));
    MW_TRY(wait_until_served(self, err));
    snprintf(path, sizeof path, "%s/live.csv", self->stage.lender);
    MW_TRY(story_traffic_start(&self->traffic, path, self->stage.address, err));
    mw_buf_format(&self->text,
                  "%5.1f s    it serves: %d clients ask for applicants of the lender; dashboard "
                  "http://%s/ui/\n",
                  now_s(self), STORY_CLIENTS, self->stage.address);
    say(self);
    (void)wait_ms(self, 2500);
    return MW_OK;
}

static mw_status second(story *self, mw_error *err)
{
    chapter(self, "Version 2 has seen more rows. It comes step by step; what came true is told to "
                  "the judge.");
    MW_TRY(bring(self, 2, true, err));
    MW_TRY(write_release(self, 2, err));
    MW_TRY(type(self, "apply -f release.yaml @", false, 0, err));
    return watch_rollout(self, "watching", err);
}

static mw_status third(story *self, mw_error *err)
{
    chapter(self, "Version 3 was trained on what officers decided. As good by the test rows, but "
                  "one group is refused more often.");
    MW_TRY(bring(self, 3, false, err));
    MW_TRY(write_release(self, 3, err));
    /* the server's own refusal, as it comes */
    return type(self, "apply -f release.yaml @", false, 1, err);
}

static mw_status fourth(story *self, mw_error *err)
{
    chapter(self, "Version 4 is nearly perfect by the test rows: they hold a value that was looked "
                  "up after the loan. Live applicants do not.");
    MW_TRY(bring(self, 4, true, err));
    MW_TRY(write_release(self, 4, err));
    MW_TRY(type(self, "apply -f release.yaml @", false, 0, err));
    return watch_rollout(self, "rolled_back", err);
}

static bool has_drift_alert(story *self)
{
    bool found = false;
    mw_json *alerts = look(self, "/mw/v1/alerts?state=firing");
    const mw_json *items = mw_json_member(alerts, "items");
    for (size_t i = 0; i < mw_json_count(items); i++)
        found = found || mw_view_is(mw_json_text(mw_json_member(mw_json_element(items, i), "rule")),
                                    "InputDrift");
    mw_json_free(alerts);
    return found;
}

static mw_status fifth(story *self, mw_error *err)
{
    chapter(self, "Then the world drifts: incomes are 40 % lower from one applicant to the next. "
                  "Nobody tells the server.");
    (void)wait_ms(self, 6000); /* so that there is something before it */
    uint64_t began = mw_clock_ns(), end = began + DRIFT_SECONDS * UINT64_C(1000000000);
    mw_buf_format(&self->text, "%5.1f s    the first poorer applicant comes at ", now_s(self));
    mw_clock_write_utc(&self->text, mw_clock_wall_ms());
    mw_buf_char(&self->text, '\n');
    say(self);
    atomic_store(&self->traffic.is_poorer, true);
    while (!has_drift_alert(self))
        if (wait_ms(self, 250) || mw_clock_ns() > end)
            break;
    if (self->is_ended)
        return MW_OK;
    mw_buf_format(&self->text,
                  "%5.1f s    the alert fires, %.1f s after the first such applicant\n",
                  now_s(self), (double)(mw_clock_ns() - began) / 1e9);
    if (mw_clock_ns() > end)
        return mw_fail(err, MW_E_DEMO_FAILED, "no alert in %d s", DRIFT_SECONDS);
    return type(self, "alert list --state firing @", false, 0, err);
}

static mw_status tell(story *self, mw_error *err)
{
    static mw_status (*const chapters[])(story *, mw_error *) = {first, second, third, fourth,
                                                                 fifth};
    MW_TRY(write_files(self, err));
    const cli_setting *listen = &self->call->settings[CLI_LISTEN];
    bool is_said = listen->origin != CLI_FROM_DEFAULT;
    MW_TRY(story_serve(&self->stage, is_said ? listen->text : "127.0.0.1:0", err));
    MW_TRY(mw_client_open(self->stage.address, CALL_MS, &self->client, err));
    mw_buf_format(&self->text,
                  "A simulated lender, and everything else real: the server on http://%s, gates, "
                  "the judge of rollouts, alerts.\n",
                  self->stage.address);
    say(self);
    for (size_t i = 0; i < MW_COUNT(chapters) && !self->is_ended; i++)
        MW_TRY(chapters[i](self, err));
    return MW_OK;
}

static mw_status end(story *self, mw_error *err)
{
    uint64_t answers = 0, errors = atomic_load(&self->traffic.errors);
    for (size_t i = 0; i < STORY_VERSIONS; i++)
        answers += atomic_load(&self->traffic.answers[i]);
    mw_buf_format(&self->text,
                  "\n%5.1f s  %llu requests were answered, %llu failed, over four versions, a "
                  "promotion and a rollback.\n",
                  now_s(self), (unsigned long long)answers, (unsigned long long)errors);
    if (errors > 0) {
        mw_fail(err, MW_E_DEMO_FAILED, "%llu requests failed", (unsigned long long)errors);
        return mw_why(err, "%s", self->traffic.first_fault);
    }
    if (!self->is_ended)
        mw_buf_format(&self->text,
                      "         The server goes on, with its traffic: http://%s/ui/   Ctrl-C "
                      "ends.\n",
                      self->stage.address);
    say(self);
    while (!self->is_ended)
        (void)wait_ms(self, 10000);
    return MW_OK;
}

mw_status cli_tell_story(cli_call *call, const sigset_t *signals, mw_error *err)
{
    story self = {.call = call, .signals = signals};
    mw_buf_init(&self.text, TEXT_BYTES_MAX);
    mw_status status = story_stage_open(call->settings[CLI_EXAMPLES].text, &self.stage, err);
    if (status == MW_OK)
        status = tell(&self, err);
    if (status == MW_OK)
        status = end(&self, err);
    story_traffic_stop(&self.traffic);
    mw_client_close(self.client);
    story_stage_close(&self.stage);
    mw_buf_done(&self.text);
    return status;
}
