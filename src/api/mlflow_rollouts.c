/* Rollouts over HTTP, below /mw/v1: start, look, command, report outcomes. The handlers only change
 * the record; who runs rollouts follows it. */
#include "guard.h"
#include "mlflow_messages.h"
#include "rollout/rollout.h"

#include <math.h>

/* ---- looking --------------------------------------------------------------------------------- */

typedef struct list_request {
    mw_view endpoint;
    bool live;
    int64_t max;
} list_request;

/* clang-format off */
static const mlflow_field list_fields[] = {
    MLFLOW_TEXT_FIELD(list_request, "endpoint", endpoint, false),
    {"live", MLFLOW_BOOL, offsetof(list_request, live), false, NULL, 0, NULL, NULL},
    {"max_results", MLFLOW_INT, offsetof(list_request, max), false, NULL, 0, NULL, NULL},
    {0}};
/* clang-format on */

static mw_status list_rollouts(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { USUAL_RESULTS = 100, RESULTS_MAX = 1000 };
    const list_request *asked = turn->request;
    mw_rollouts found;
    int64_t max = asked->max ? asked->max : USUAL_RESULTS;
    size_t total = 0;
    if (max < 1 || max > RESULTS_MAX)
        return mw_fail(err, MW_E_RECORD_VALUE, "max_results must be 1 to %d", RESULTS_MAX);
    MW_TRY(mw_record_rollouts(record, asked->live, max, &found, err));
    mw_buf_text(turn->out, "{\"items\":[");
    for (size_t i = 0; i < found.count; i++) {
        if (asked->endpoint.data && !mw_view_equal(asked->endpoint, found.items[i].endpoint))
            continue;
        mw_buf_text(turn->out, total++ ? ",\n" : "");
        MW_TRY(mw_rollout_tell(&found.items[i], turn->out, err));
    }
    mw_buf_format(turn->out, "],\"next_cursor\":null,\"total\":%zu}", total);
    return MW_OK;
}

static mw_status find_by_id(mlflow_turn *turn, mw_record *record, mw_rollout *ret_rollout,
                            mw_error *err)
{
    uint64_t id = 0;
    mw_view text = turn->captures.values[0];
    if (!mw_whole_parse(text, &id) || id > INT64_MAX)
        return mw_fail(err, MW_E_ROLLOUT_UNKNOWN, "'%.*s' is no rollout's number",
                       (int)(text.size < 40 ? text.size : 40), text.data);
    return mw_record_rollout(record, (int64_t)id, ret_rollout, err);
}

static mw_status show_rollout(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_rollout rollout;
    MW_TRY(find_by_id(turn, record, &rollout, err));
    return mw_rollout_tell(&rollout, turn->out, err);
}

static mw_status show_of_endpoint(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_rollout rollout;
    MW_TRY(mw_record_rollout_of(record, turn->captures.values[0], &rollout, err));
    return mw_rollout_tell(&rollout, turn->out, err);
}

static mw_status show_verdict(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_rollout rollout;
    MW_TRY(find_by_id(turn, record, &rollout, err));
    mw_buf_format(turn->out, "{\"id\":%lld,\"state\":\"%s\",", (long long)rollout.id,
                  mw_rollout_state_names[rollout.state]);
    MW_TRY(mw_rollout_tell_verdict(&rollout, turn->out, err));
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status show_history(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_rollout rollout;
    mw_rollout_events found;
    MW_TRY(find_by_id(turn, record, &rollout, err));
    MW_TRY(mw_record_rollout_events(record, rollout.id, &found, err));
    mw_buf_text(turn->out, "{\"items\":[");
    for (size_t i = 0; i < found.count; i++) {
        mw_buf_text(turn->out, i ? ",\n" : "");
        mw_rollout_tell_event(&found.items[i], turn->out);
    }
    mw_buf_format(turn->out, "],\"next_cursor\":null,\"total\":%zu}", found.count);
    return MW_OK;
}

/* ---- starting -------------------------------------------------------------------------------- */

typedef struct start_request {
    mw_view endpoint, model;
} start_request;

/* clang-format off */
static const mlflow_field start_fields[] = {
    MLFLOW_TEXT_FIELD(start_request, "endpoint", endpoint, true),
    MLFLOW_TEXT_FIELD(start_request, "model", model, true),
    {0}};
/* clang-format on */

typedef struct starting {
    const start_request *asked;
    mw_rollout_document document;
    mw_buf *out;
} starting;

static mw_status write_start(mw_record *record, void *given, mw_error *err)
{
    const starting *s = given;
    mw_rollout rollout;
    mw_buf_reset(s->out); /* a transaction may be tried again */
    MW_TRY(mw_record_start_rollout(record, s->asked->endpoint, s->asked->model, &s->document,
                                   &rollout, err));
    return mw_rollout_tell(&rollout, s->out, err);
}

/* Both models are read to compare them: not inside the transaction. */
static mw_status start_rollout(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    starting s = {.asked = turn->request, .out = turn->out};
    MW_TRY(mw_rollout_document_read(turn->exchange->body, "body", &s.document, err));
    MW_TRY(mw_rollout_check(turn->registry, s.asked->endpoint, s.asked->model, &s.document,
                            turn->exchange->arena, err));
    MW_TRY(mw_registry_write_as(turn->registry, &turn->actor, turn->exchange->arena, write_start,
                                &s, err));
    turn->exchange->status = 201;
    return MW_OK;
}

/* ---- commands -------------------------------------------------------------------------------- */

typedef struct command_request {
    mw_view reason;
    mlflow_int expect_step;
} command_request;

/* clang-format off */
static const mlflow_field command_fields[] = {
    MLFLOW_TEXT_FIELD(command_request, "reason", reason, false),
    {"expect_step", MLFLOW_MAYBE_INT, offsetof(command_request, expect_step), false, NULL, 0, NULL,
     NULL},
    {0}};
/* clang-format on */

static mw_status write_command(mw_record *record, void *given, mw_error *err)
{
    mlflow_turn *turn = given;
    const command_request *asked = turn->request;
    mw_view word = turn->captures.values[1];
    mw_rollout rollout;
    mw_rollout_command command = mw_rollout_command_named(word);
    mw_buf_reset(turn->out); /* a transaction may be tried again */
    MW_TRY(mw_record_rollout_of(record, turn->captures.values[0], &rollout, err));
    if (mw_view_is(word, "approve")) {
        MW_TRY(mw_record_approve_rollout(record, rollout.id, turn->actor.name, &rollout, err));
    } else if (command == MW_N_COMMANDS) {
        mw_fail(err, MW_E_RECORD_ROUTE, "a rollout knows no '%.*s'",
                (int)(word.size < 40 ? word.size : 40), word.data);
        return mw_mend(err, "promote, advance, pause, resume, rollback, abort or approve");
    } else {
        MW_TRY(mw_record_command_rollout(record, rollout.id, command,
                                         asked->expect_step.given ? asked->expect_step.value : -1,
                                         asked->reason, &rollout, err));
    }
    return mw_rollout_tell(&rollout, turn->out, err);
}

/* The way back is the traffic's first, and then the record's: that may be slow, full or away. */
static mw_status command_rollout(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    const command_request *asked = turn->request;
    int64_t held = turn->conductor
                       ? mw_conductor_hold(turn->conductor, turn->captures.values[0],
                                           mw_rollout_command_named(turn->captures.values[1]),
                                           asked->expect_step.given ? asked->expect_step.value : -1)
                       : 0;
    mw_status status = mw_registry_write_as(turn->registry, &turn->actor, turn->exchange->arena,
                                            write_command, turn, err);
    if (held)
        mw_conductor_settle(turn->conductor, held, status, turn->actor.name, asked->reason, err);
    return status;
}

/* ---- outcomes -------------------------------------------------------------------------------- */

typedef struct outcome {
    int64_t version;
    double value;
    mlflow_double score, decision;
    mw_view group;
} outcome;

typedef struct outcome_request {
    struct {
        outcome *items;
        size_t count;
    } items;
} outcome_request;

/* clang-format off */
static const mlflow_field one_outcome_fields[] = {
    {"version", MLFLOW_INT, offsetof(outcome, version), true, NULL, 0, NULL, NULL},
    {"value", MLFLOW_DOUBLE, offsetof(outcome, value), true, NULL, 0, NULL, NULL},
    {"score", MLFLOW_MAYBE_DOUBLE, offsetof(outcome, score), false, NULL, 0, NULL, NULL},
    {"decision", MLFLOW_MAYBE_DOUBLE, offsetof(outcome, decision), false, NULL, 0, NULL, NULL},
    MLFLOW_TEXT_FIELD(outcome, "group", group, false),
    {0}};
static const mlflow_field outcome_fields[] = {
    MLFLOW_LIST_FIELD(outcome_request, "items", items, true, one_outcome_fields, outcome),
    {0}};
/* clang-format on */

/* Sums of one kind, of both arms. */
typedef struct reported {
    mw_view kind;
    double n[MW_ARMS], sum[MW_ARMS], squares[MW_ARMS];
} reported;

enum { KINDS_MAX = 2 + MW_ARM_GROUPS + 1 }; /* one group too many, which is refused */

typedef struct outcome_sums {
    reported of[KINDS_MAX];
    size_t count;
} outcome_sums;

static void add_value(outcome_sums *sums, mw_view kind, size_t arm, double value)
{
    size_t k = 0;
    while (k < sums->count && !mw_view_equal(sums->of[k].kind, kind))
        k++;
    if (k == KINDS_MAX)
        return; /* there are too many already */
    sums->count = k == sums->count ? k + 1 : sums->count;
    sums->of[k].kind = kind;
    sums->of[k].n[arm]++;
    sums->of[k].sum[arm] += value;
    sums->of[k].squares[arm] += value * value;
}

static bool is_sane(double value)
{
    return isfinite(value) && fabs(value) <= 1e12;
}

static mw_view kind_of_group(mlflow_turn *turn, mw_view group)
{
    char text[128];
    snprintf(text, sizeof text, "group:%.*s", group.size > 110 ? 110 : (int)group.size, group.data);
    const char *kept = mw_arena_text(turn->exchange->arena, mw_view_of(text));
    return mw_view_of(kept ? kept : "group:");
}

static mw_status add_one(mlflow_turn *turn, const mw_rollout *rollout, const outcome *o, size_t i,
                         outcome_sums *sums, mw_error *err)
{
    size_t arm = o->version == rollout->to_version;
    double decision = o->decision.given ? o->decision.value : o->value;
    if ((!arm && o->version != rollout->from_version) || !is_sane(o->value) ||
        !is_sane(o->score.value) || !is_sane(o->decision.value))
        return mw_fail(err, MW_E_RECORD_VALUE,
                       "items[%zu]: an outcome is of finite numbers, of version %lld or %lld", i,
                       (long long)rollout->from_version, (long long)rollout->to_version);
    add_value(sums, MW_VIEW(""), arm, o->value);
    if (o->score.given)
        add_value(sums, MW_VIEW("residual"), arm, o->value - o->score.value);
    if (o->group.data)
        add_value(sums, kind_of_group(turn, o->group), arm, decision);
    return MW_OK;
}

/* The answers named their version (X-Millwright-Version); so does who reports what came of them. */
static mw_status add_outcomes(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const outcome_request *asked = turn->request;
    mw_rollout rollout;
    outcome_sums sums = {.count = 0};
    MW_TRY(find_by_id(turn, record, &rollout, err));
    for (size_t i = 0; i < asked->items.count; i++)
        MW_TRY(add_one(turn, &rollout, &asked->items.items[i], i, &sums, err));
    for (size_t k = 0; k < sums.count; k++)
        for (int arm = 0; arm < MW_ARMS; arm++)
            if (sums.of[k].n[arm] > 0)
                MW_TRY(mw_record_add_outcomes(record, rollout.id, arm, sums.of[k].kind,
                                              sums.of[k].n[arm], sums.of[k].sum[arm],
                                              sums.of[k].squares[arm], err));
    mw_buf_format(turn->out, "{\"taken\":%zu}", asked->items.count);
    return MW_OK;
}

const mlflow_call mlflow_rollout_calls[] = {
    {MLFLOW_GETS, "/mw/v1/rollouts", MLFLOW_READS, list_rollouts, list_fields, sizeof(list_request),
     "Rollouts, the newest first"},
    {MLFLOW_POSTS, "/mw/v1/rollouts", MLFLOW_OUTSIDE, start_rollout, start_fields,
     sizeof(start_request), "Start a rollout: its document, with endpoint and model"},
    {MLFLOW_GETS, "/mw/v1/rollouts/{id}", MLFLOW_READS, show_rollout, NULL, 0, "A rollout"},
    {MLFLOW_GETS, "/mw/v1/rollouts/{id}/verdict", MLFLOW_READS, show_verdict, NULL, 0,
     "What its evidence says: promote, rollback or wait"},
    {MLFLOW_GETS, "/mw/v1/rollouts/{id}/history", MLFLOW_READS, show_history, NULL, 0,
     "What was decided, by whom and why"},
    {MLFLOW_POSTS, "/mw/v1/rollouts/{id}/outcomes", MLFLOW_WRITES, add_outcomes, outcome_fields,
     sizeof(outcome_request), "Report what came of answers"},
    {MLFLOW_GETS, "/mw/v1/endpoints/{name}/rollout", MLFLOW_READS, show_of_endpoint, NULL, 0,
     "The newest rollout of an endpoint"},
    {MLFLOW_POSTS, "/mw/v1/endpoints/{name}/rollout:{command}", MLFLOW_OUTSIDE, command_rollout,
     command_fields, sizeof(command_request),
     "Promote, advance, pause, resume, roll back, abort or approve"},
};
const size_t mlflow_n_rollout_calls = MW_COUNT(mlflow_rollout_calls);
