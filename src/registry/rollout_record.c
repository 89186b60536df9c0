/* See rollout_record.h. */
#include "record.h"

#define COLUMNS                                                                                   \
    "id, from_version, to_version, step, started, entered, ended, state, endpoint, model, alias," \
    " document, salt, memory, started_by, why, weight, EXISTS(SELECT 1 FROM rollout_approvals a"  \
    " WHERE a.rollout = rollouts.id AND a.step = rollouts.step),"                                 \
    " (SELECT b.version FROM model_aliases b JOIN registered_models m ON m.id = b.model"          \
    " WHERE m.name = rollouts.model AND b.alias = rollouts.alias)"

/* ---- reading --------------------------------------------------------------------------------- */

static void read_columns(const mw_rows *rows, record_memory *memory, mw_rollout *ret_rollout)
{
    *ret_rollout = (mw_rollout){
        .id = mw_rows_int(rows, 0),
        .from_version = mw_rows_int(rows, 1),
        .to_version = mw_rows_int(rows, 2),
        .step = mw_rows_int(rows, 3),
        .started = mw_rows_int(rows, 4),
        .entered = mw_rows_int(rows, 5),
        .ended = mw_rows_int(rows, 6),
        .state = mw_rollout_state_named(mw_rows_text(rows, 7)),
        .endpoint = record_column(memory, rows, 8),
        .model = record_column(memory, rows, 9),
        .alias = record_column(memory, rows, 10),
        .document = record_column(memory, rows, 11),
        .salt = record_column(memory, rows, 12),
        .memory = record_column(memory, rows, 13),
        .started_by = record_column(memory, rows, 14),
        .why = record_column(memory, rows, 15),
        .weight = mw_rows_double(rows, 16),
        .is_approved = mw_rows_int(rows, 17) != 0,
        .alias_version = mw_rows_int(rows, 18),
    };
}

static mw_status take_all(mw_rows *rows, mw_record *record, mw_rollouts *ret_rollouts,
                          mw_error *err)
{
    record_memory memory = {record->arena, false};
    mw_rollouts found = {0};
    while (mw_rows_next(rows)) {
        mw_rollout *rollout = RECORD_PUSH(&memory, &found);
        if (!rollout)
            break;
        read_columns(rows, &memory, rollout);
    }
    MW_TRY(record_close(rows, &memory, err));
    *ret_rollouts = found;
    return MW_OK;
}

static mw_status take_one(mw_rows *rows, mw_record *record, mw_rollout *ret_rollout,
                          bool *ret_found, mw_error *err)
{
    mw_rollouts found;
    MW_TRY(take_all(rows, record, &found, err));
    *ret_found = found.count > 0;
    if (found.count > 0)
        *ret_rollout = found.items[0];
    return MW_OK;
}

static mw_status fail_unknown(mw_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static mw_status fail_unknown(mw_error *err, const char *format, ...)
{
    char what[120];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    mw_fail(err, MW_E_ROLLOUT_UNKNOWN, "%s", what);
    return mw_mend(err, "mw rollout list shows all of them");
}

mw_status mw_record_rollout(mw_record *record, int64_t id, mw_rollout *ret_rollout, mw_error *err)
{
    mw_rows rows;
    bool found;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM rollouts WHERE id = ?", "i", id));
    MW_TRY(take_one(&rows, record, ret_rollout, &found, err));
    return found ? MW_OK : fail_unknown(err, "there is no rollout %lld", (long long)id);
}

mw_status mw_record_rollout_of(mw_record *record, mw_view endpoint, mw_rollout *ret_rollout,
                               mw_error *err)
{
    mw_rows rows;
    bool found;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS
                        " FROM rollouts WHERE endpoint = ? ORDER BY id DESC LIMIT 1",
                        "t", endpoint));
    MW_TRY(take_one(&rows, record, ret_rollout, &found, err));
    return found ? MW_OK
                 : fail_unknown(err, "the endpoint '%.*s' never had a rollout",
                                MW_VIEW_ARG(record_cut(endpoint, 60)));
}

mw_status mw_record_rollouts(mw_record *record, bool only_live, int64_t max,
                             mw_rollouts *ret_rollouts, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS
                        " FROM rollouts WHERE ended <= ? ORDER BY id DESC LIMIT ?",
                        "ii", only_live ? (int64_t)0 : INT64_MAX, max));
    return take_all(&rows, record, ret_rollouts, err);
}

mw_status mw_record_rollout_events(mw_record *record, int64_t id, mw_rollout_events *ret_events,
                                   mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_rollout_events found = {0};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT seq, time, step, actor, kind, state, why, evidence"
                        " FROM rollout_events WHERE rollout = ? ORDER BY seq",
                        "i", id));
    while (mw_rows_next(&rows)) {
        mw_rollout_event *event = RECORD_PUSH(&memory, &found);
        if (!event)
            break;
        *event = (mw_rollout_event){.seq = mw_rows_int(&rows, 0),
                                    .time = mw_rows_int(&rows, 1),
                                    .step = mw_rows_int(&rows, 2),
                                    .actor = record_column(&memory, &rows, 3),
                                    .kind = record_column(&memory, &rows, 4),
                                    .state = record_column(&memory, &rows, 5),
                                    .why = record_column(&memory, &rows, 6),
                                    .evidence = record_column(&memory, &rows, 7)};
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_events = found;
    return MW_OK;
}

mw_status mw_record_deploy_epoch(mw_record *record, int64_t *ret_epoch, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT epoch FROM deploy_epoch", ""));
    *ret_epoch = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    return mw_rows_close(&rows, err);
}

/* ---- writing --------------------------------------------------------------------------------- */

static mw_status put_event(mw_record *record, const mw_rollout *rollout, const char *kind,
                           mw_view why, mw_view evidence, mw_error *err)
{
    mw_view actor = record->actor ? record->actor->name : MW_VIEW("-");
    return mw_sql_run(
        record->session, err,
        "INSERT INTO rollout_events(rollout, seq, time, step, actor, kind, state, why,"
        " evidence) VALUES(?1, (SELECT count(*) + 1 FROM rollout_events WHERE"
        " rollout = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        "iiittttt", rollout->id, mw_clock_wall_ms(), rollout->step, actor, mw_view_of(kind),
        mw_view_of(mw_rollout_state_names[rollout->state]), why, evidence);
}

/* The event, and the same in the audit log. */
static mw_status tell(mw_record *record, const mw_rollout *rollout, const char *kind,
                      const char *action, mw_view before, mw_view why, mw_view evidence,
                      mw_error *err)
{
    MW_TRY(put_event(record, rollout, kind, why, evidence, err));
    mw_view after = record_words(record, "%s, step %lld, %.*s/%lld: %.*s",
                                 mw_rollout_state_names[rollout->state],
                                 (long long)rollout->step + 1, MW_VIEW_ARG(rollout->model),
                                 (long long)rollout->to_version, MW_VIEW_ARG(record_cut(why, 300)));
    return mw_record_note(record, action,
                          record_words(record, "rollout %lld of %.*s", (long long)rollout->id,
                                       MW_VIEW_ARG(rollout->endpoint)),
                          before, after, err);
}

static mw_status save(mw_record *record, const mw_rollout *rollout, mw_error *err)
{
    return mw_sql_run(record->session, err,
                      "UPDATE rollouts SET state = ?, step = ?, entered = ?, ended = ?, memory = ?,"
                      " why = ?, weight = ? WHERE id = ?",
                      "tiiittdi", mw_view_of(mw_rollout_state_names[rollout->state]), rollout->step,
                      rollout->entered, rollout->ended, rollout->memory, rollout->why,
                      rollout->weight, rollout->id);
}

static mw_view words_of(mw_record *record, const mw_rollout *rollout)
{
    return record_words(record, "%s, step %lld", mw_rollout_state_names[rollout->state],
                        (long long)rollout->step + 1);
}

/* ---- the start ------------------------------------------------------------------------------- */

static mw_status refuse_endpoint(mw_error *err, const char *why, const char *mend)
{
    mw_fail(err, MW_E_ROLLOUT_ENDPOINT, "%s", why);
    return mw_mend(err, "%s", mend);
}

/* The model and the alias by which the endpoint is served. */
mw_status mw_record_served_alias(mw_record *record, mw_view endpoint, mw_view *ret_model,
                                 mw_view *ret_alias, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_view address = {NULL, 0};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT address FROM served_addresses WHERE endpoint = ?"
                        " ORDER BY since DESC LIMIT 1",
                        "t", endpoint));
    if (mw_rows_next(&rows))
        address = record_column(&memory, &rows, 0);
    MW_TRY(record_close(&rows, &memory, err));
    const char *at = address.size > 8 ? memchr(address.data, '@', address.size) : NULL;
    if (!address.data || !mw_view_starts(address, "models:/") || !at)
        return refuse_endpoint(
            err,
            address.data
                ? record_words(record, "the endpoint '%.*s' is served as %.*s, not by an alias",
                               MW_VIEW_ARG(endpoint), MW_VIEW_ARG(address))
                      .data
                : record_words(record, "no server serves an endpoint '%.*s' from this record",
                               MW_VIEW_ARG(record_cut(endpoint, 60)))
                      .data,
            "serve it by an alias, which a promotion can move: mw serve "
            "NAME=models:/MODEL@champion --record DIR");
    *ret_model = (mw_view){address.data + 8, (size_t)(at - address.data) - 8};
    *ret_alias = (mw_view){at + 1, address.size - 8 - ret_model->size - 1};
    return MW_OK;
}

/* One that is only watched gives way; any other has the endpoint. */
static mw_status make_way(mw_record *record, mw_view endpoint, mw_error *err)
{
    mw_rows rows;
    bool found;
    mw_rollout other;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM rollouts WHERE endpoint = ? AND ended = 0", "t",
                        endpoint));
    MW_TRY(take_one(&rows, record, &other, &found, err));
    if (!found)
        return MW_OK;
    if (other.state == MW_ROLLOUT_WATCHING) {
        const mw_rollout_move move = {.id = other.id,
                                      .action = MW_ACTION_FINISH,
                                      .expect_step = -1,
                                      .why = MW_VIEW("another rollout begins")};
        return mw_record_move_rollout(record, &move, &other, err);
    }
    mw_fail(err, MW_E_ROLLOUT_TAKEN, "rollout %lld brings %.*s/%lld to '%.*s' already (%s)",
            (long long)other.id, MW_VIEW_ARG(other.model), (long long)other.to_version,
            MW_VIEW_ARG(endpoint), mw_rollout_state_names[other.state]);
    return mw_mend(err, "wait for its end, or: mw rollout abort %.*s", MW_VIEW_ARG(endpoint));
}

static mw_status check_versions(mw_record *record, mw_rollout *rollout, mw_view wanted,
                                mw_error *err)
{
    mw_model_version to, from;
    MW_TRY(mw_record_version_at(record, wanted, &to, err));
    if (!mw_view_equal(to.name, rollout->model))
        return refuse_endpoint(
            err,
            record_words(record, "'%.*s' serves the model '%.*s', and %.*s/%lld is another",
                         MW_VIEW_ARG(rollout->endpoint), MW_VIEW_ARG(rollout->model),
                         MW_VIEW_ARG(to.name), (long long)to.version)
                .data,
            "name a version of the endpoint's own model");
    MW_TRY(mw_record_version_of_alias(record, rollout->model, rollout->alias, &from, err));
    if (from.version == to.version)
        return refuse_endpoint(err,
                               record_words(record, "'%.*s' serves version %lld already",
                                            MW_VIEW_ARG(rollout->endpoint), (long long)to.version)
                                   .data,
                               "name the version that is to come");
    MW_TRY(mw_record_check_gates(record, &to, rollout->alias, err));
    rollout->from_version = from.version;
    rollout->to_version = to.version;
    return MW_OK;
}

mw_status mw_record_start_rollout(mw_record *record, mw_view endpoint, mw_view version,
                                  const mw_rollout_document *document, mw_rollout *ret_rollout,
                                  mw_error *err)
{
    char salt[RECORD_ID_BYTES];
    int64_t now = mw_clock_wall_ms();
    mw_rollout rollout = {.endpoint = endpoint, .started = now, .entered = now};
    mw_buf text;
    MW_TRY(mw_rollout_document_check(document, err));
    MW_TRY(mw_record_served_alias(record, endpoint, &rollout.model, &rollout.alias, err));
    MW_TRY(make_way(record, endpoint, err));
    MW_TRY(check_versions(record, &rollout, version, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "DELETE FROM rollout_arms WHERE rollout IN"
                      " (SELECT id FROM rollouts WHERE ended > 0)",
                      ""));
    record_new_id(salt);
    mw_buf_init(&text, MW_MIB);
    mw_rollout_document_write(document, &text);
    mw_status status = mw_sql_run(
        record->session, err,
        "INSERT INTO rollouts(endpoint, model, alias, from_version, to_version, document, state,"
        " step, salt, memory, started, entered, ended, started_by, why, weight)"
        " VALUES(?, ?, ?, ?, ?, ?, 'running', 0, ?, '', ?, ?, 0, ?, '', ?)"
        " RETURNING id",
        "tttiittiitd", endpoint, rollout.model, rollout.alias, rollout.from_version,
        rollout.to_version, mw_buf_as_view(&text), mw_view_of(salt), now, now,
        record->actor ? record->actor->name : MW_VIEW("-"), document->steps[0].weight);
    mw_buf_done(&text);
    if (status != MW_OK)
        return status;
    rollout.id = mw_sql_new_id(record->session);
    MW_TRY(tell(record, &rollout, "start", "rollout.start",
                record_words(record, "version %lld", (long long)rollout.from_version),
                mw_view_of(mw_strategy_names[document->strategy]), RECORD_NOTHING, err));
    return mw_record_rollout(record, rollout.id, ret_rollout, err);
}

/* ---- moves ----------------------------------------------------------------------------------- */

static mw_status check_step(const mw_rollout *rollout, int64_t expect_step, mw_error *err)
{
    if (expect_step < 0 || expect_step == rollout->step)
        return MW_OK;
    mw_fail(err, MW_E_ROLLOUT_STALE, "the rollout is in step %lld (%s), not in %lld",
            (long long)rollout->step + 1, mw_rollout_state_names[rollout->state],
            (long long)expect_step + 1);
    return mw_mend(err, "look at it again: mw rollout status %.*s", MW_VIEW_ARG(rollout->endpoint));
}

static mw_view number_text(mw_record *record, int64_t number)
{
    return record_words(record, "%lld", (long long)number);
}

/* The way back is never refused: not by gates that were closed meanwhile. */
static mw_status move_alias(mw_record *record, const mw_rollout *rollout, int64_t version,
                            bool is_back, mw_error *err)
{
    return is_back ? record_put_alias(record, rollout->model, rollout->alias, version, err)
                   : mw_record_set_alias(record, rollout->model, rollout->alias,
                                         number_text(record, version), err);
}

/* Somebody else may have moved the alias to a third version: that is then not undone. */
static mw_status alias_is(mw_record *record, const mw_rollout *rollout, int64_t version,
                          bool *ret_is, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT 1 FROM model_aliases a JOIN registered_models m ON m.id = a.model"
                        " WHERE m.name = ? AND a.alias = ? AND a.version = ?",
                        "tti", rollout->model, rollout->alias, version));
    *ret_is = mw_rows_next(&rows);
    return mw_rows_close(&rows, err);
}

static mw_status promote(mw_record *record, mw_rollout *rollout, int64_t now, mw_error *err)
{
    mw_rollout_document document;
    bool is_there;
    MW_TRY(mw_rollout_document_read(rollout->document, "rollout", &document, err));
    MW_TRY(alias_is(record, rollout, rollout->to_version, &is_there, err));
    if (!is_there)
        MW_TRY(move_alias(record, rollout, rollout->to_version, false, err));
    bool is_watched = document.watch_after_ms > 0;
    rollout->state = is_watched ? MW_ROLLOUT_WATCHING : MW_ROLLOUT_PROMOTED;
    rollout->entered = now;
    rollout->ended = is_watched ? 0 : now;
    rollout->weight = 1;
    return MW_OK;
}

static mw_status roll_back(mw_record *record, mw_rollout *rollout, bool is_abort, int64_t now,
                           mw_error *err)
{
    bool is_there;
    MW_TRY(alias_is(record, rollout, rollout->to_version, &is_there, err));
    bool was_promoted =
        rollout->state == MW_ROLLOUT_WATCHING || rollout->state == MW_ROLLOUT_PROMOTED;
    if (rollout->state == MW_ROLLOUT_PROMOTED && !is_there) {
        mw_fail(err, MW_E_ROLLOUT_STATE, "the alias '%.*s' leads to another version by now",
                MW_VIEW_ARG(rollout->alias));
        return mw_mend(err, "move it by hand, or start a rollout to the version that is wanted");
    }
    if (was_promoted && is_there)
        MW_TRY(move_alias(record, rollout, rollout->from_version, true, err));
    rollout->state = is_abort ? MW_ROLLOUT_ABORTED : MW_ROLLOUT_ROLLED_BACK;
    rollout->ended = now;
    rollout->weight = 0;
    return MW_OK;
}

static mw_status advance(mw_rollout *rollout, int64_t now, mw_error *err)
{
    mw_rollout_document document;
    MW_TRY(mw_rollout_document_read(rollout->document, "rollout", &document, err));
    if ((size_t)rollout->step + 1 >= document.n_steps) {
        mw_fail(err, MW_E_ROLLOUT_STATE, "step %lld is the last one", (long long)rollout->step + 1);
        return mw_mend(err, "what follows is the promotion: mw rollout promote %.*s",
                       MW_VIEW_ARG(rollout->endpoint));
    }
    rollout->step++;
    rollout->entered = now;
    rollout->weight = document.steps[rollout->step].weight;
    return MW_OK;
}

static mw_status apply_move(mw_record *record, const mw_rollout_move *move, mw_rollout *rollout,
                            mw_error *err)
{
    int64_t now = mw_clock_wall_ms();
    switch (move->action) {
    case MW_ACTION_ADVANCE:
        return advance(rollout, now, err);
    case MW_ACTION_PROMOTE:
        return promote(record, rollout, now, err);
    case MW_ACTION_FINISH:
        rollout->state = MW_ROLLOUT_PROMOTED;
        rollout->ended = now;
        return MW_OK;
    default:
        return roll_back(record, rollout, move->is_abort, now, err);
    }
}

mw_status mw_record_move_rollout(mw_record *record, const mw_rollout_move *move,
                                 mw_rollout *ret_rollout, mw_error *err)
{
    static const mw_rollout_command commands[MW_N_ACTIONS] = {
        [MW_ACTION_ADVANCE] = MW_COMMAND_ADVANCE,
        [MW_ACTION_PROMOTE] = MW_COMMAND_PROMOTE,
        [MW_ACTION_ROLL_BACK] = MW_COMMAND_ROLL_BACK};
    static const char *const audited[MW_N_ACTIONS] = {[MW_ACTION_ADVANCE] = "rollout.advance",
                                                      [MW_ACTION_PROMOTE] = "rollout.promote",
                                                      [MW_ACTION_ROLL_BACK] = "rollout.rollback",
                                                      [MW_ACTION_FINISH] = "rollout.finish"};
    mw_rollout rollout;
    MW_TRY(mw_record_rollout(record, move->id, &rollout, err));
    MW_TRY(check_step(&rollout, move->expect_step, err));
    if (move->action != MW_ACTION_FINISH)
        MW_TRY(mw_rollout_command_check(commands[move->action], rollout.state, err));
    mw_view before = words_of(record, &rollout);
    MW_TRY(apply_move(record, move, &rollout, err));
    rollout.why = move->why;
    if (move->memory.data)
        rollout.memory = move->memory;
    MW_TRY(save(record, &rollout, err));
    MW_TRY(tell(record, &rollout, move->is_abort ? "abort" : mw_rollout_action_names[move->action],
                move->is_abort ? "rollout.abort" : audited[move->action], before, move->why,
                move->evidence, err));
    return mw_record_rollout(record, move->id, ret_rollout, err);
}

static mw_status set_state(mw_record *record, mw_rollout *rollout, mw_rollout_state state,
                           const char *kind, const char *action, mw_view why, mw_error *err)
{
    mw_view before = words_of(record, rollout);
    rollout->state = state;
    rollout->why = why;
    MW_TRY(save(record, rollout, err));
    return tell(record, rollout, kind, action, before, why, RECORD_NOTHING, err);
}

mw_status mw_record_command_rollout(mw_record *record, int64_t id, mw_rollout_command command,
                                    int64_t expect_step, mw_view why, mw_rollout *ret_rollout,
                                    mw_error *err)
{
    static const mw_rollout_action actions[MW_N_COMMANDS] = {
        [MW_COMMAND_PROMOTE] = MW_ACTION_PROMOTE,
        [MW_COMMAND_ADVANCE] = MW_ACTION_ADVANCE,
        [MW_COMMAND_ROLL_BACK] = MW_ACTION_ROLL_BACK,
        [MW_COMMAND_ABORT] = MW_ACTION_ROLL_BACK};
    const mw_rollout_move move = {.id = id,
                                  .action = actions[command],
                                  .expect_step = expect_step,
                                  .why = why.data ? why : MW_VIEW(""),
                                  .is_abort = command == MW_COMMAND_ABORT};
    mw_rollout rollout;
    MW_TRY(mw_record_rollout(record, id, &rollout, err));
    MW_TRY(check_step(&rollout, expect_step, err));
    MW_TRY(mw_rollout_command_check(command, rollout.state, err));
    if (command == MW_COMMAND_PAUSE)
        MW_TRY(set_state(record, &rollout, MW_ROLLOUT_PAUSED, "pause", "rollout.pause", move.why,
                         err));
    else if (command == MW_COMMAND_RESUME)
        MW_TRY(set_state(record, &rollout, MW_ROLLOUT_RUNNING, "resume", "rollout.resume", move.why,
                         err));
    else
        return mw_record_move_rollout(record, &move, ret_rollout, err);
    return mw_record_rollout(record, id, ret_rollout, err);
}

mw_status mw_record_approve_rollout(mw_record *record, int64_t id, mw_view who,
                                    mw_rollout *ret_rollout, mw_error *err)
{
    mw_rollout rollout;
    MW_TRY(mw_record_rollout(record, id, &rollout, err));
    MW_TRY(mw_rollout_command_check(MW_COMMAND_ABORT, rollout.state, err)); /* running or paused */
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO rollout_approvals(rollout, step, who, time)"
                      " VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
                      "iiti", id, rollout.step, who, mw_clock_wall_ms()));
    MW_TRY(tell(record, &rollout, "approve", "rollout.approve", words_of(record, &rollout), who,
                RECORD_NOTHING, err));
    return mw_record_rollout(record, id, ret_rollout, err);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

mw_status mw_record_keep_rollout(mw_record *record, int64_t id, int64_t step, mw_view memory,
                                 double weight, mw_view why, mw_error *err)
{
    return mw_sql_run(
        record->session, err,
        "UPDATE rollouts SET memory = ?, weight = ?, why = ? WHERE id = ? AND step = ? AND"
        " ended = 0",
        "tdtii", memory, weight, why, id, step);
}

/* Groups are few: each pair of them is a test of its own. */
static mw_status check_groups(mw_record *record, int64_t id, mw_view kind, mw_error *err)
{
    mw_rows rows;
    int64_t n_others = 0;
    if (!mw_view_starts(kind, "group:"))
        return MW_OK;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT count(DISTINCT kind) FROM rollout_outcomes WHERE rollout = ? AND"
                        " kind LIKE 'group:%' AND kind <> ?",
                        "it", id, kind));
    if (mw_rows_next(&rows))
        n_others = mw_rows_int(&rows, 0);
    MW_TRY(mw_rows_close(&rows, err));
    if (n_others < MW_ARM_GROUPS && kind.size > 6 && kind.size <= 106)
        return MW_OK;
    mw_fail(err, MW_E_ROLLOUT_DOCUMENT,
            "a rollout is judged over at most %d groups, whose names "
            "have 1 to 100 bytes",
            MW_ARM_GROUPS);
    return mw_mend(err, "report fewer: put the small ones together");
}

mw_status mw_record_add_outcomes(mw_record *record, int64_t id, int arm, mw_view kind, double n,
                                 double sum, double squares, mw_error *err)
{
    mw_rollout rollout;
    MW_TRY(mw_record_rollout(record, id, &rollout, err));
    MW_TRY(check_groups(record, id, kind, err));
    return mw_sql_run(record->session, err,
                      "INSERT INTO rollout_outcomes(rollout, arm, kind, n, sum, squares)"
                      " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(rollout, arm, kind) DO UPDATE SET"
                      " n = rollout_outcomes.n + excluded.n,"
                      " sum = rollout_outcomes.sum + excluded.sum,"
                      " squares = rollout_outcomes.squares + excluded.squares",
                      "iitddd", id, (int64_t)arm, kind.data ? kind : MW_VIEW(""), n, sum, squares);
}

static void take_outcome(const mw_rows *rows, mw_arm *arm)
{
    mw_view kind = mw_rows_text(rows, 1);
    double n = mw_rows_double(rows, 2), sum = mw_rows_double(rows, 3);
    double squares = mw_rows_double(rows, 4);
    int64_t group = mw_rows_int(rows, 5);
    if (kind.size == 0) {
        arm->outcome_n = n;
        arm->outcome_sum = sum;
        arm->outcome_squares = squares;
    } else if (mw_view_is(kind, "residual")) {
        arm->residual_n = n;
        arm->residual_sum = sum;
        arm->residual_squares = squares;
    } else if (group >= 0 && group < MW_ARM_GROUPS) {
        arm->group_n[group] = n;
        arm->group_sum[group] = sum;
        arm->group_squares[group] = squares;
    }
}

/* The place of a group is that of its first report. */
mw_status mw_record_take_outcomes(mw_record *record, int64_t id, mw_arm ret_arms[MW_ARMS],
                                  mw_error *err)
{
    mw_rows rows;
    memset(ret_arms, 0, MW_ARMS * sizeof *ret_arms);
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "WITH firsts AS (SELECT kind, min(id) AS first FROM rollout_outcomes"
                        " WHERE rollout = ?1 AND kind LIKE 'group:%' GROUP BY kind)"
                        " SELECT arm, kind, n, sum, squares, (SELECT count(*) FROM firsts f"
                        " WHERE f.first < (SELECT first FROM firsts g WHERE g.kind = o.kind))"
                        " FROM rollout_outcomes o WHERE rollout = ?1",
                        "i", id));
    while (mw_rows_next(&rows))
        take_outcome(&rows, &ret_arms[mw_rows_int(&rows, 0) == 1]);
    return mw_rows_close(&rows, err);
}

/* ---- several servers ------------------------------------------------------------------------- */

mw_status mw_record_put_arms(mw_record *record, int64_t id, mw_view server, int64_t epoch,
                             const mw_arm arms[MW_ARMS], mw_error *err)
{
    enum { ARMS_BYTES_MAX = 1 << 20 };
    mw_buf text;
    mw_buf_init(&text, ARMS_BYTES_MAX);
    mw_arms_write(arms, &text);
    mw_status status = mw_sql_run(
        record->session, err,
        "INSERT INTO rollout_arms(rollout, server, epoch, arms) VALUES(?, ?, ?, ?)"
        " ON CONFLICT(rollout, server) DO UPDATE SET epoch = excluded.epoch, arms = excluded.arms",
        "itit", id, server, epoch, mw_buf_as_view(&text));
    mw_buf_done(&text);
    return status;
}

mw_status mw_record_sum_arms(mw_record *record, int64_t id, int64_t epoch, mw_arm ret_arms[MW_ARMS],
                             size_t *ret_servers, mw_error *err)
{
    mw_rows rows;
    mw_arm some[MW_ARMS];
    mw_status status = MW_OK;
    memset(ret_arms, 0, MW_ARMS * sizeof *ret_arms);
    *ret_servers = 0;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT arms FROM rollout_arms WHERE rollout = ? AND epoch = ?"
                        " ORDER BY server", /* sums are the same, whoever adds them up */
                        "ii", id, epoch));
    while (status == MW_OK && mw_rows_next(&rows)) {
        status = mw_arms_read(mw_rows_text(&rows, 0), some, err);
        for (size_t a = 0; status == MW_OK && a < MW_ARMS; a++)
            mw_arm_add(&ret_arms[a], &some[a]);
        ++*ret_servers;
    }
    mw_error closing;
    mw_status closed = mw_rows_close(&rows, status == MW_OK ? err : &closing);
    return status == MW_OK ? closed : status;
}
