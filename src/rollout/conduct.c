/* One rollout: the fleet does what the record says, the law sees what the fleet did, and what the
 * law says is written and done. */
#include "conductor.h"
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>

enum { KEEP_MS = 5000, RETRY_MS = 10000, MEMORY_BYTES_MAX = 1 << 20, EVIDENCE_BYTES_MAX = 1 << 16 };

/* ---- from the record ------------------------------------------------------------------------- */

static mw_view keep(conducted *one, mw_view text, bool *failed)
{
    const char *kept = mw_arena_text(&one->arena, text.data ? text : MW_VIEW(""));
    *failed = *failed || !kept;
    return (mw_view){kept, kept ? text.size : 0};
}

mw_status conduct_take(conducted *one, const mw_rollout *rollout, mw_error *err)
{
    bool failed = false;
    mw_rollout_document document;
    MW_TRY(mw_rollout_document_read(rollout->document, "rollout", &document, err));
    if (one->rollout.id == 0) { /* what never changes */
        one->rollout = *rollout;
        one->rollout.endpoint = keep(one, rollout->endpoint, &failed);
        one->rollout.model = keep(one, rollout->model, &failed);
        one->rollout.alias = keep(one, rollout->alias, &failed);
        one->rollout.salt = keep(one, rollout->salt, &failed);
        one->rollout.document = one->rollout.memory = (mw_view){NULL, 0};
        one->rollout.started_by = one->rollout.why = (mw_view){NULL, 0};
        one->document = document;
    }
    one->rollout.state = rollout->state;
    one->rollout.step = rollout->step;
    one->rollout.entered = rollout->entered;
    one->rollout.ended = rollout->ended;
    one->rollout.weight = rollout->weight;
    one->rollout.is_approved = rollout->is_approved;
    one->rollout.alias_version = rollout->alias_version;
    return failed ? mw_fail_memory(err, "a rollout") : MW_OK;
}

static double weight_of(const conducted *one)
{
    bool is_bandit =
        one->document.strategy == MW_BANDIT &&
        (one->rollout.state == MW_ROLLOUT_RUNNING || one->rollout.state == MW_ROLLOUT_PAUSED);
    return is_bandit
               ? one->rollout.weight
               : mw_rollout_weight(&one->document, one->rollout.state, (size_t)one->rollout.step);
}

static double shadow_of(const conducted *one)
{
    return mw_rollout_shadow(&one->document, one->rollout.state, (size_t)one->rollout.step);
}

static bool goes_back(const conducted *one)
{
    return one->is_condemned || one->is_held;
}

double conduct_weight(const conducted *one)
{
    return goes_back(one) ? 0 : weight_of(one);
}

double conduct_shadow(const conducted *one)
{
    return goes_back(one) ? 0 : shadow_of(one);
}

void conduct_share_out(mw_conductor *conductor, const conducted *one)
{
    mw_fleet_weigh(conductor->options.fleet, one->rollout.endpoint.data, conduct_weight(one),
                   conduct_shadow(one));
}

static void give_share(mw_conductor *conductor, const conducted *one)
{
    pthread_mutex_lock(&conductor->lock); /* an order to go back may come at any time */
    conduct_share_out(conductor, one);
    pthread_mutex_unlock(&conductor->lock);
}

/* Traffic first: the record may be slow. What was decided stands until it is written. */
static void go_back(mw_conductor *conductor, conducted *one, const mw_rollout_decision *decision)
{
    pthread_mutex_lock(&conductor->lock);
    one->is_condemned = true;
    one->decision = *decision;
    conduct_share_out(conductor, one);
    pthread_mutex_unlock(&conductor->lock);
}

/* ---- loading --------------------------------------------------------------------------------- */

static mw_status check_out(mw_conductor *conductor, const conducted *one, int64_t version,
                           char **ret_folder, mw_error *err)
{
    char address[400];
    const char *folder;
    snprintf(address, sizeof address, "models:/%s/%lld", one->rollout.model.data,
             (long long)version);
    MW_TRY(mw_registry_check_out(conductor->options.registry, mw_view_of(address),
                                 &conductor->arena, &folder, err));
    free(*ret_folder);
    *ret_folder = strdup(folder);
    return *ret_folder ? MW_OK : mw_fail_memory(err, "a path");
}

static bool accepts_breaks(mw_conductor *conductor, const conducted *one)
{
    char address[400];
    snprintf(address, sizeof address, "models:/%s/%lld", one->rollout.model.data,
             (long long)one->rollout.to_version);
    return mw_registry_accepts_breaks(conductor->options.registry, mw_view_of(address),
                                      &conductor->arena);
}

static bool is_watching(const conducted *one)
{
    return one->rollout.state == MW_ROLLOUT_WATCHING;
}

/* Both versions are in memory: the one that is not served is loaded beside it. A promoted one may
 * still be on its way to be served: mw_fleet_move swaps the two then, without a load. */
static mw_status warm_up(mw_conductor *conductor, conducted *one, mw_error *err)
{
    char from[24], to[24];
    mw_fleet *fleet = conductor->options.fleet;
    const char *endpoint = one->rollout.endpoint.data;
    mw_split_options options = {.key_header = one->document.key_header,
                                .labels = {from, to},
                                .groups = &one->document.groups};
    snprintf(from, sizeof from, "%lld", (long long)one->rollout.from_version);
    snprintf(to, sizeof to, "%lld", (long long)one->rollout.to_version);
    MW_TRY(check_out(conductor, one, one->rollout.from_version, &one->from_folder, err));
    MW_TRY(check_out(conductor, one, one->rollout.to_version, &one->to_folder, err));
    if (!mw_salt_read(one->rollout.salt, options.salt))
        return mw_fail(err, MW_E_ROLLOUT_MEMORY, "the salt of a rollout is damaged");
    options.is_served = mw_fleet_serves(fleet, endpoint, one->to_folder);
    options.may_break = options.is_served || accepts_breaks(conductor, one);
    MW_TRY(mw_fleet_challenge(
        fleet, endpoint, options.is_served ? one->from_folder : one->to_folder, &options, err));
    pthread_mutex_lock(&conductor->lock);
    memset(one->seen, 0, sizeof one->seen);
    one->memory.n_covariates = mw_fleet_covariates(fleet, endpoint, one->memory.covariates);
    if (one->memory.n_edges > 0)
        mw_fleet_set_edges(fleet, endpoint, one->memory.edges, one->memory.n_edges);
    one->is_warm = true;
    pthread_mutex_unlock(&conductor->lock);
    return MW_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static mw_actor actor_of(const conducted *one, char *room, size_t size)
{
    snprintf(room, size, "rollout:%lld", (long long)one->rollout.id);
    return (mw_actor){mw_view_of(room), MW_VIEW("server"), {NULL, 0}};
}

/* As it was when the record was asked: it may take its time, and is judged meanwhile. */
typedef struct keeping {
    int64_t id, step;
    mw_view memory;
    double weight;
    mw_rollout_decision decision;
} keeping;

static mw_status write_memory(mw_record *record, void *given, mw_error *err)
{
    const keeping *k = given;
    return mw_record_keep_rollout(record, k->id, k->step, k->memory, k->weight,
                                  mw_view_of(k->decision.why), err);
}

void conduct_keep(mw_conductor *conductor, conducted *one)
{
    mw_error err;
    mw_buf text;
    mw_buf_init(&text, MEMORY_BYTES_MAX);
    pthread_mutex_lock(&conductor->lock);
    mw_rollout_memory_write(&one->memory, &text);
    keeping k = {one->rollout.id, one->rollout.step, mw_buf_as_view(&text), weight_of(one),
                 one->decision};
    pthread_mutex_unlock(&conductor->lock);
    if (mw_registry_write(conductor->options.registry, &conductor->arena, write_memory, &k, &err) ==
        MW_OK)
        atomic_fetch_add(&conductor->n_checkpoints, 1);
    else
        mw_log_error(MW_LOG_WARN, "a rollout's evidence cannot be kept", &err);
    mw_buf_done(&text);
    one->kept_ms = mw_clock_wall_ms();
}

typedef struct moving {
    mw_rollout_move move;
    mw_rollout after;
} moving;

static mw_status write_move(mw_record *record, void *given, mw_error *err)
{
    moving *m = given;
    return mw_record_move_rollout(record, &m->move, &m->after, err);
}

static void count_move(mw_conductor *conductor, mw_rollout_action action)
{
    atomic_fetch_add(action == MW_ACTION_ADVANCE     ? &conductor->n_advanced
                     : action == MW_ACTION_ROLL_BACK ? &conductor->n_rolled_back
                                                     : &conductor->n_promoted,
                     1);
}

/* The move, its reason and its evidence in one transaction, with the alias. What somebody else did
 * meanwhile wins: the next look takes it. */
static mw_status move(mw_conductor *conductor, conducted *one, const mw_rollout_decision *decision,
                      mw_error *err)
{
    char name[40];
    mw_buf evidence, memory;
    mw_actor actor = actor_of(one, name, sizeof name);
    mw_buf_init(&evidence, EVIDENCE_BYTES_MAX);
    mw_buf_init(&memory, MEMORY_BYTES_MAX);
    pthread_mutex_lock(&conductor->lock);
    mw_buf_char(&evidence, '{');
    mw_rollout_verdict_write(&one->judgement, decision, &evidence);
    mw_buf_char(&evidence, '}');
    mw_rollout_memory_write(&one->memory, &memory);
    pthread_mutex_unlock(&conductor->lock);
    moving m = {.move = {.id = one->rollout.id,
                         .action = decision->action,
                         .expect_step = one->rollout.step,
                         .why = mw_view_of(decision->why),
                         .evidence = mw_buf_as_view(&evidence),
                         .memory = mw_buf_as_view(&memory)}};
    mw_status status = mw_registry_write_as(conductor->options.registry, &actor, &conductor->arena,
                                            write_move, &m, err);
    if (status == MW_OK) {
        pthread_mutex_lock(&conductor->lock);
        status = conduct_take(one, &m.after, err);
        pthread_mutex_unlock(&conductor->lock);
        count_move(conductor, m.move.action);
        mw_log(m.move.action == MW_ACTION_ROLL_BACK ? MW_LOG_WARN : MW_LOG_INFO,
               "rollout %lld of '%s': %s: %s", (long long)one->rollout.id,
               one->rollout.endpoint.data, mw_rollout_action_names[m.move.action], decision->why);
    }
    mw_buf_done(&evidence);
    mw_buf_done(&memory);
    return status;
}

/* ---- the fleet follows ----------------------------------------------------------------------- */

/* The arms were filled under one share; under another they begin anew. */
static void align_memory(mw_conductor *conductor, conducted *one)
{
    double weight = weight_of(one);
    bool is_shadow = shadow_of(one) > 0;
    mw_rollout_memory *memory = &one->memory;
    if (memory->weight == weight && memory->is_shadow == is_shadow &&
        memory->is_watching == is_watching(one))
        return;
    pthread_mutex_lock(&conductor->lock);
    mw_rollout_memory_close(memory, &one->document, weight, is_shadow);
    memory->is_watching = is_watching(one);
    pthread_mutex_unlock(&conductor->lock);
}

void conduct_weigh(mw_conductor *conductor, conducted *one)
{
    give_share(conductor, one);
    align_memory(conductor, one);
}

/* The version that the alias leads to now is the endpoint's, swapped in without a load. */
static void serve(mw_conductor *conductor, const conducted *one, const char *folder)
{
    mw_error err;
    mw_fleet *fleet = conductor->options.fleet;
    const char *endpoint = one->rollout.endpoint.data;
    if (mw_fleet_has_warm(fleet, endpoint, folder) &&
        mw_fleet_move(fleet, endpoint, folder, true, &err) != MW_OK)
        mw_log_error(MW_LOG_ERROR, "a version cannot be swapped in", &err);
}

bool conduct_roll_back(mw_conductor *conductor, conducted *one, const char *why)
{
    mw_error err;
    mw_rollout_decision decision = one->decision;
    decision.action = MW_ACTION_ROLL_BACK;
    snprintf(decision.why, sizeof decision.why, "%s", why);
    go_back(conductor, one, &decision);
    if (move(conductor, one, &decision, &err) == MW_OK)
        return true;
    mw_log_error(MW_LOG_ERROR, "a rollback cannot be written, and is tried again", &err);
    return false;
}

static void condemn(mw_conductor *conductor, conducted *one, const mw_error *said)
{
    mw_buf sentence;
    char why[sizeof one->decision.why];
    mw_buf_init(&sentence, 2 * MW_KIB);
    mw_error_sentence(said, &sentence);
    snprintf(why, sizeof why, "it cannot be served: %s", sentence.data);
    mw_buf_done(&sentence);
    (void)conduct_roll_back(conductor, one, why);
}

static void see_served(void *user, const mw_endpoint_info *info)
{
    conducted *one = user;
    if (mw_view_is(one->rollout.endpoint, info->name) && info->ready)
        one->is_found = true;
}

/* Another server's endpoints are none of ours. */
static bool serves_endpoint(mw_conductor *conductor, const conducted *one)
{
    conducted probe = {.rollout = one->rollout};
    mw_fleet_each(conductor->options.fleet, see_served, &probe);
    return probe.is_found;
}

void conduct_align(mw_conductor *conductor, conducted *one)
{
    mw_error err;
    int64_t now = mw_clock_wall_ms();
    if (!one->is_warm) {
        if (!serves_endpoint(conductor, one) || now - one->tried_ms < RETRY_MS)
            return;
        one->tried_ms = now;
        if (warm_up(conductor, one, &err) != MW_OK) {
            mw_log_error(MW_LOG_ERROR, "the second version of a rollout cannot be loaded", &err);
            if (!is_watching(one))
                condemn(conductor, one, &err);
            return;
        }
        mw_log(MW_LOG_INFO, "rollout %lld of '%s': version %lld is warm beside %lld",
               (long long)one->rollout.id, one->rollout.endpoint.data,
               (long long)one->rollout.to_version, (long long)one->rollout.from_version);
    }
    give_share(conductor, one);
    align_memory(conductor, one);
    if (is_watching(one))
        serve(conductor, one, one->to_folder);
}

void conduct_end(mw_conductor *conductor, conducted *one)
{
    mw_error err;
    bool is_new = one->rollout.state == MW_ROLLOUT_PROMOTED;
    if (!one->is_warm)
        return;
    pthread_mutex_lock(&conductor->lock);
    one->is_condemned = !is_new;
    one->is_held = false;
    conduct_share_out(conductor, one); /* at once; what follows may take a moment */
    pthread_mutex_unlock(&conductor->lock);
    serve(conductor, one, is_new ? one->to_folder : one->from_folder);
    if (mw_fleet_dismiss(conductor->options.fleet, one->rollout.endpoint.data, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "a version cannot be let go", &err);
}

/* Of the servers that share the record, one advances and promotes; each may roll back. */
static bool leads(mw_conductor *conductor, const conducted *one)
{
    mw_registry *registry = conductor->options.registry;
    return one->is_warm ? mw_registry_leads(registry, one->rollout.endpoint)
                        : !mw_registry_is_shared(registry); /* one who serves it will */
}

/* Somebody has moved the alias by another door (MLflow's, the command line): his move is taken as
 * what it says. */
void conduct_follow_alias(mw_conductor *conductor, conducted *one)
{
    mw_error err;
    mw_rollout_decision decision = {.action = MW_ACTION_ROLL_BACK};
    int64_t at = one->rollout.alias_version, from = one->rollout.from_version,
            to = one->rollout.to_version;
    if (at == 0 || at == (is_watching(one) ? to : from) || mw_rollout_is_over(one->rollout.state) ||
        !leads(conductor, one))
        return;
    if (!is_watching(one) && at == to)
        decision.action = MW_ACTION_PROMOTE;
    else if (is_watching(one) && at != from)
        decision.action = MW_ACTION_FINISH;
    snprintf(decision.why, sizeof decision.why, "the alias '%s' was moved to version %lld",
             one->rollout.alias.data, (long long)at);
    if (move(conductor, one, &decision, &err) != MW_OK)
        mw_log_error(MW_LOG_WARN, "a rollout cannot follow its alias", &err);
    else if (!mw_rollout_is_over(one->rollout.state))
        conduct_align(conductor, one);
}

/* ---- each second ----------------------------------------------------------------------------- */

/* Small forests give few different scores, and a new version moves each a little: an edge at one
 * would move whole piles from bin to bin. So edges stand halfway to the next one. */
static double edge_behind(const double *sorted, size_t n, size_t at)
{
    size_t next = at;
    while (next < n && sorted[next] == sorted[at])
        next++;
    return next < n ? sorted[at] / 2 + sorted[next] / 2 : sorted[at];
}

static void take_edges(mw_conductor *conductor, conducted *one)
{
    enum { SCORES = 512, SCORES_MIN = 200 };
    double scores[SCORES], scratch[SCORES];
    mw_fleet *fleet = conductor->options.fleet;
    const char *endpoint = one->rollout.endpoint.data;
    size_t n = one->memory.n_edges > 0 ? 0 : mw_fleet_first_scores(fleet, endpoint, scores, SCORES);
    if (n < SCORES_MIN)
        return;
    mw_sort(scores, n, scratch);
    size_t n_edges = 0;
    for (size_t i = 1; i < MW_ARM_SCORE_BINS; i++) {
        double edge = edge_behind(scores, n, n * i / MW_ARM_SCORE_BINS);
        if (n_edges == 0 || edge > one->memory.edges[n_edges - 1])
            one->memory.edges[n_edges++] = edge;
    }
    one->memory.n_edges = n_edges;
    mw_fleet_set_edges(fleet, endpoint, one->memory.edges, n_edges);
}

static void count(mw_conductor *conductor, conducted *one)
{
    mw_arm now[MW_ARMS];
    if (!mw_fleet_arms(conductor->options.fleet, one->rollout.endpoint.data, now))
        return;
    if (one->mine_epoch != one->memory.epoch) { /* what was seen under another share is another's */
        memset(one->mine, 0, sizeof one->mine);
        one->mine_epoch = one->memory.epoch;
    }
    for (size_t a = 0; a < MW_ARMS; a++) {
        mw_arm more = now[a];
        mw_arm_take(&more, &one->seen[a]);
        one->seen[a] = now[a];
        mw_arm_add(&one->memory.arms[a], &more);
        mw_arm_add(&one->mine[a], &more);
    }
}

typedef struct reported {
    int64_t id;
    mw_arm arms[MW_ARMS];
} reported;

static mw_status read_outcomes(mw_record *record, void *given, mw_error *err)
{
    reported *r = given;
    return mw_record_take_outcomes(record, r->id, r->arms, err);
}

/* The record holds the sums since the start; what the memory has of them is taken off. */
static void count_outcomes(mw_conductor *conductor, conducted *one)
{
    mw_error err;
    reported r = {.id = one->rollout.id};
    if (mw_registry_read(conductor->options.registry, &conductor->arena, read_outcomes, &r, &err) !=
        MW_OK)
        return;
    pthread_mutex_lock(&conductor->lock);
    for (size_t a = 0; a < MW_ARMS; a++) {
        mw_arm *arm = &one->memory.arms[a];
        const mw_arm *before = &one->memory.all[a];
        const mw_arm *now = &r.arms[a];
        arm->outcome_n = now->outcome_n - before->outcome_n;
        arm->outcome_sum = now->outcome_sum - before->outcome_sum;
        arm->outcome_squares = now->outcome_squares - before->outcome_squares;
        arm->residual_n = now->residual_n - before->residual_n;
        arm->residual_sum = now->residual_sum - before->residual_sum;
        arm->residual_squares = now->residual_squares - before->residual_squares;
        /* groups of a column were counted with the requests */
        for (size_t g = 0; g < MW_ARM_GROUPS && !one->document.groups.column[0]; g++) {
            arm->group_n[g] = now->group_n[g] - before->group_n[g];
            arm->group_sum[g] = now->group_sum[g] - before->group_sum[g];
            arm->group_squares[g] = now->group_squares[g] - before->group_squares[g];
        }
    }
    pthread_mutex_unlock(&conductor->lock);
}

static void weigh_bandit(mw_conductor *conductor, conducted *one)
{
    const double worth = 0.02;
    if (one->document.strategy != MW_BANDIT || one->rollout.state != MW_ROLLOUT_RUNNING)
        return;
    pthread_mutex_lock(&conductor->lock);
    double weight = mw_rollout_bandit_weight(&one->memory);
    bool moves = fabs(weight - one->rollout.weight) >= worth;
    if (moves)
        one->rollout.weight = weight;
    pthread_mutex_unlock(&conductor->lock);
    if (!moves)
        return;
    give_share(conductor, one);
    align_memory(conductor, one);
    conduct_keep(conductor, one);
}

static void decide(conducted *one)
{
    const mw_rollout_position position = {one->rollout.state, (size_t)one->rollout.step,
                                          one->rollout.started, one->rollout.entered,
                                          one->rollout.is_approved};
    mw_rollout_judge(&one->document, &one->memory, &one->judgement);
    mw_rollout_decide(&one->document, &position, &one->judgement, mw_clock_wall_ms(),
                      &one->decision);
}

/* Gates that were closed meanwhile: a person decides. */
static void hold(mw_conductor *conductor, conducted *one, const mw_error *why)
{
    pthread_mutex_lock(&conductor->lock);
    one->decision.action = MW_ACTION_HOLD;
    snprintf(one->decision.why, sizeof one->decision.why, "%s", why->what);
    pthread_mutex_unlock(&conductor->lock);
}

static void act(mw_conductor *conductor, conducted *one, const mw_rollout_decision *decision)
{
    mw_error err;
    if (decision->action == MW_ACTION_ROLL_BACK)
        go_back(conductor, one, decision);
    if (move(conductor, one, decision, &err) != MW_OK) {
        mw_log_error(MW_LOG_WARN, "a rollout's move was not written", &err);
        if (decision->action != MW_ACTION_ROLL_BACK && err.status == MW_CONFLICT)
            hold(conductor, one, &err);
        return;
    }
    if (!mw_rollout_is_over(one->rollout.state))
        conduct_align(conductor, one); /* the rest is the next look's: it is over */
}

void conduct_judge(mw_conductor *conductor, conducted *one)
{
    if (!one->is_warm || one->is_held || one->is_condemned ||
        mw_rollout_is_over(one->rollout.state))
        return;
    count(conductor, one);
    decide(one);
    if (one->decision.action != MW_ACTION_ROLL_BACK)
        return;
    one->is_condemned = true;
    conduct_share_out(conductor, one);
}

/* What the record adds: who leads, what others saw and reported. */
static bool consult(mw_conductor *conductor, conducted *one)
{
    bool is_leading = leads(conductor, one);
    pthread_mutex_lock(&conductor->lock);
    count(conductor, one);
    if (is_leading) /* the others count by the same edges */
        take_edges(conductor, one);
    pthread_mutex_unlock(&conductor->lock);
    conduct_share(conductor, one, is_leading);
    count_outcomes(conductor, one);
    if (is_leading)
        weigh_bandit(conductor, one);
    return is_leading;
}

void conduct_tick(mw_conductor *conductor, conducted *one)
{
    if (mw_rollout_is_over(one->rollout.state))
        return;
    if (!one->is_warm) {
        conduct_align(conductor, one);
        return;
    }
    if (conduct_is_held(conductor, one)) {
        conduct_pay(conductor, one);
        return;
    }
    bool is_leading = consult(conductor, one);
    pthread_mutex_lock(&conductor->lock);
    mw_rollout_action before = one->decision.action;
    conduct_judge(conductor, one);
    const mw_rollout_decision decision = one->decision;
    bool acts = decision.action != MW_ACTION_WAIT && decision.action != MW_ACTION_HOLD &&
                !one->is_held; /* a person's order came meanwhile */
    pthread_mutex_unlock(&conductor->lock);
    if (acts && (is_leading || decision.action == MW_ACTION_ROLL_BACK))
        act(conductor, one, &decision);
    else if (is_leading &&
             (before != decision.action || mw_clock_wall_ms() - one->kept_ms >= KEEP_MS))
        conduct_keep(conductor, one);
}

/* ---- before it begins ------------------------------------------------------------------------ */

/* Groups by a column need the column, and to know where one ends. */
static mw_status check_groups(const mw_rollout_groups *groups, const mw_forest *to, mw_error *err)
{
    const mw_column *column = NULL;
    for (size_t c = 0; c < to->schema.n_columns; c++)
        if (mw_view_is(to->schema.columns[c].name, groups->column))
            column = &to->schema.columns[c];
    if (!groups->column[0] ||
        (column && (column->categories || groups->n_names + groups->n_bounds)))
        return MW_OK;
    mw_fail(err, MW_E_ROLLOUT_DOCUMENT,
            column ? "fairness: the column '%s' holds numbers, and no groups of them are named"
                   : "fairness: the model has no column '%s'",
            groups->column);
    return mw_mend(err, "fairness: {column: age, bounds: [25, 60]}, or groups: [0, 1]");
}

mw_status mw_rollout_check(mw_registry *registry, mw_view endpoint, mw_view version,
                           const mw_rollout_document *document, mw_arena *arena, mw_error *err)
{
    char address[400];
    const char *to_folder, *from_folder;
    mw_forest *from = NULL, *to = NULL;
    snprintf(address, sizeof address, "%s%.*s",
             mw_view_starts(version, "models:/") ? "" : "models:/", MW_VIEW_ARG(version));
    MW_TRY(mw_registry_served(registry, endpoint, (mw_view){NULL, 0}, arena, &from_folder, err));
    MW_TRY(mw_registry_check_out(registry, mw_view_of(address), arena, &to_folder, err));
    mw_status status = mw_forest_load(to_folder, &to, err);
    if (status == MW_OK && document)
        status = check_groups(&document->groups, to, err);
    if (status == MW_OK && from_folder && mw_forest_load(from_folder, &from, NULL) == MW_OK &&
        !mw_registry_accepts_breaks(registry, mw_view_of(address), arena)) {
        char name[MW_LIMIT_NAME_BYTES + 1];
        snprintf(name, sizeof name, "%.*s", MW_VIEW_ARG(endpoint));
        status = mw_endpoint_check_contract(name, from, to, err);
    }
    mw_forest_free(from);
    mw_forest_free(to);
    return status;
}
