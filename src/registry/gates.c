/* See gates.h. */
#include "passport.h"

/* ---- lists of names -------------------------------------------------------------------------- */

static bool is_name(mw_view name)
{
    if (name.size == 0 || name.size > 100)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr("_-.@+:", c);
        if (!fine || c == '\0')
            return false;
    }
    return true;
}

static bool has_name(mw_view list, mw_view name)
{
    while (list.size > 0)
        if (mw_view_equal(mw_view_trim(mw_view_cut(&list, ',')), name))
            return true;
    return false;
}

static mw_status check_list(mw_view list, const char *what, mw_error *err)
{
    size_t n = 0;
    for (mw_view rest = list; rest.size > 0; n++) {
        mw_view name = mw_view_trim(mw_view_cut(&rest, ','));
        if (is_name(name) && !has_name(rest, name))
            continue;
        mw_fail(err, MW_E_GATE_POLICY, "'%.*s' among the %s is no name, or stands there twice",
                MW_VIEW_ARG(record_cut(name, 60)), what);
        return mw_mend(err, "letters, digits, _ - and points, parted by commas");
    }
    if (n <= MW_GATES_MAX)
        return MW_OK;
    return mw_fail(err, MW_E_GATE_POLICY, "more than %d %s", MW_GATES_MAX, what);
}

/* ---- the policy ------------------------------------------------------------------------------ */

mw_status mw_record_gate_policy(mw_record *record, mw_view model, mw_gate_policy *ret_policy,
                                bool *ret_found, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    *ret_policy = (mw_gate_policy){.approvals = 0};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT p.gates, p.approvers, p.aliases, p.approvals, p.updated,"
                        " p.updated_by FROM gate_policies p JOIN registered_models m"
                        " ON m.id = p.model WHERE m.name = ?",
                        "t", model));
    *ret_found = mw_rows_next(&rows);
    if (*ret_found)
        *ret_policy = (mw_gate_policy){.gates = record_column(&memory, &rows, 0),
                                       .approvers = record_column(&memory, &rows, 1),
                                       .aliases = record_column(&memory, &rows, 2),
                                       .approvals = mw_rows_int(&rows, 3),
                                       .updated = mw_rows_int(&rows, 4),
                                       .updated_by = record_column(&memory, &rows, 5)};
    return record_close(&rows, &memory, err);
}

static mw_view policy_words(mw_record *record, const mw_gate_policy *policy)
{
    return record_words(record, "gates %.*s; approvals %lld %.*s; aliases %.*s",
                        MW_VIEW_ARG(policy->gates), (long long)policy->approvals,
                        MW_VIEW_ARG(policy->approvers), MW_VIEW_ARG(policy->aliases));
}

static mw_view by_whom(const mw_record *record)
{
    return record->actor && record->actor->name.data ? record->actor->name : MW_VIEW("-");
}

static mw_view filled(mw_view text)
{
    return text.data ? text : MW_VIEW("");
}

mw_status mw_record_set_gate_policy(mw_record *record, mw_view model, const mw_gate_policy *policy,
                                    mw_error *err)
{
    bool found;
    mw_gate_policy before;
    mw_registered_model row;
    bool is_empty = policy->gates.size + policy->approvers.size == 0 && policy->approvals == 0;
    MW_TRY(check_list(policy->gates, "gates", err));
    MW_TRY(check_list(policy->approvers, "approvers", err));
    MW_TRY(check_list(policy->aliases, "aliases", err));
    if (policy->approvals < 0 || policy->approvals > MW_GATES_MAX)
        return mw_fail(err, MW_E_GATE_POLICY, "%lld approvals: 0 to %d can be asked for",
                       (long long)policy->approvals, MW_GATES_MAX);
    MW_TRY(mw_record_model(record, model, &row, err));
    MW_TRY(mw_record_gate_policy(record, model, &before, &found, err));
    MW_TRY(is_empty ? mw_sql_run(record->session, err, "DELETE FROM gate_policies WHERE model = ?",
                                 "i", row.row)
                    : mw_sql_run(record->session, err,
                                 "INSERT INTO gate_policies(model, gates, approvers, aliases,"
                                 " approvals, updated, updated_by) VALUES(?, ?, ?, ?, ?, ?, ?)"
                                 " ON CONFLICT(model) DO UPDATE SET gates = excluded.gates,"
                                 " approvers = excluded.approvers, aliases = excluded.aliases,"
                                 " approvals = excluded.approvals, updated = excluded.updated,"
                                 " updated_by = excluded.updated_by",
                                 "itttiit", row.row, filled(policy->gates),
                                 filled(policy->approvers), filled(policy->aliases),
                                 policy->approvals, mw_clock_wall_ms(), by_whom(record)));
    return mw_record_note(record, is_empty ? "gate.unrequire" : "gate.require",
                          record_words(record, "model %.*s", MW_VIEW_ARG(model)),
                          found ? policy_words(record, &before) : RECORD_NOTHING,
                          is_empty ? RECORD_NOTHING : policy_words(record, policy), err);
}

/* ---- what was added to a version ------------------------------------------------------------- */

/* Of its files as they are now; "" where they are elsewhere. */
static mw_status digest_of(mw_record *record, const mw_model_version *version,
                           char ret_digest[MW_DIGEST_TEXT_BYTES], mw_error *err)
{
    mw_artifacts files;
    mw_view root = mw_artifact_root(version->location);
    ret_digest[0] = '\0';
    if (!root.data)
        return MW_OK;
    MW_TRY(record_files_below(record, root, &files, err));
    return files.count > 0 ? record_digest_files(&files, root, ret_digest, err) : MW_OK;
}

static mw_status note_version(mw_record *record, const char *action,
                              const mw_model_version *version, mw_view after, mw_error *err)
{
    return mw_record_note(record, action,
                          record_words(record, "model %.*s/%lld", MW_VIEW_ARG(version->name),
                                       (long long)version->version),
                          RECORD_NOTHING, after, err);
}

mw_status mw_record_add_gate_result(mw_record *record, mw_view version,
                                    const mw_gate_result *result, mw_error *err)
{
    mw_model_version found;
    char digest[MW_DIGEST_TEXT_BYTES];
    if (!is_name(result->gate)) {
        mw_fail(err, MW_E_GATE_RESULT, "'%.*s' cannot be the name of a gate",
                MW_VIEW_ARG(record_cut(result->gate, 60)));
        return mw_mend(err, "use letters, digits, _ - and points");
    }
    MW_TRY(mw_record_version_at(record, version, &found, err));
    MW_TRY(digest_of(record, &found, digest, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO gate_results(model, version, gate, passed, files, report, data,"
                      " summary, time, by) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      "iitittttit", found.model, found.version, result->gate,
                      (int64_t)result->passed, mw_view_of(digest), filled(result->report),
                      filled(result->data), filled(record_cut(filled(result->summary), 300)),
                      mw_clock_wall_ms(), by_whom(record)));
    return note_version(record, "gate.result", &found,
                        record_words(record, "%.*s %s; files %s; report %.*s; data %.*s",
                                     MW_VIEW_ARG(result->gate),
                                     result->passed ? "passed" : "did not pass", digest,
                                     MW_VIEW_ARG(result->report), MW_VIEW_ARG(result->data)),
                        err);
}

/* "local:ada" of a terminal and "ada" of a server are one person. */
static mw_view person(mw_view name)
{
    return mw_view_starts(name, "local:") ? (mw_view){name.data + 6, name.size - 6} : name;
}

mw_status mw_record_approve_version(mw_record *record, mw_view version, mw_view note, mw_error *err)
{
    mw_passport passport;
    mw_model_version found;
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_view who = by_whom(record);
    MW_TRY(mw_record_version_at(record, version, &found, err));
    MW_TRY(mw_record_passport(record, &found, &passport, err));
    MW_TRY(digest_of(record, &found, digest, err));
    if (passport.user.size > 0 && mw_view_equal(person(who), passport.user)) {
        mw_fail(err, MW_E_GATE_APPROVAL, "%.*s made this version, and does not approve it",
                MW_VIEW_ARG(person(who)));
        return mw_mend(err, "ask somebody else");
    }
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO gate_approvals(model, version, who, files, note, time)"
                      " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                      "iittti", found.model, found.version, person(who), mw_view_of(digest),
                      filled(note), mw_clock_wall_ms()));
    if (mw_sql_changes(record->session) == 0) {
        mw_fail(err, MW_E_GATE_APPROVAL, "%.*s has approved it already", MW_VIEW_ARG(person(who)));
        return mw_mend(err, "ask somebody else");
    }
    return note_version(record, "gate.approve", &found, filled(note), err);
}

mw_status mw_record_override_gates(mw_record *record, mw_view version, mw_view reason,
                                   mw_error *err)
{
    mw_model_version found;
    char digest[MW_DIGEST_TEXT_BYTES];
    if (mw_view_trim(filled(reason)).size == 0) {
        mw_fail(err, MW_E_GATE_POLICY, "gates are overridden for a reason, and none is given");
        return mw_mend(err, "--reason TEXT");
    }
    MW_TRY(mw_record_version_at(record, version, &found, err));
    MW_TRY(digest_of(record, &found, digest, err));
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO gate_overrides(model, version, files, reason, by, time)"
                      " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(model, version) DO UPDATE SET files = "
                      "excluded.files,"
                      " reason = excluded.reason, by = excluded.by, time = excluded.time",
                      "iittti", found.model, found.version, mw_view_of(digest), reason,
                      by_whom(record), mw_clock_wall_ms()));
    return note_version(record, "gate.override", &found, reason, err);
}

/* ---- the standing ---------------------------------------------------------------------------- */

static mw_status take_results(mw_record *record, const mw_model_version *version, mw_view digest,
                              mw_gate_results *ret_results, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_gate_results found = {0};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT gate, passed, files, report, data, summary, time, by"
                        " FROM gate_results r WHERE model = ? AND version = ? AND id ="
                        " (SELECT max(id) FROM gate_results s WHERE s.model = r.model AND"
                        " s.version = r.version AND s.gate = r.gate) ORDER BY gate",
                        "ii", version->model, version->version));
    while (mw_rows_next(&rows)) {
        mw_gate_result *result = RECORD_PUSH(&memory, &found);
        if (!result)
            break;
        *result = (mw_gate_result){.gate = record_column(&memory, &rows, 0),
                                   .passed = mw_rows_int(&rows, 1) != 0,
                                   .files = record_column(&memory, &rows, 2),
                                   .report = record_column(&memory, &rows, 3),
                                   .data = record_column(&memory, &rows, 4),
                                   .summary = record_column(&memory, &rows, 5),
                                   .time = mw_rows_int(&rows, 6),
                                   .by = record_column(&memory, &rows, 7)};
        result->is_stale = !mw_view_equal(result->files, digest);
    }
    *ret_results = found;
    return record_close(&rows, &memory, err);
}

static mw_status take_approvals(mw_record *record, const mw_model_version *version, mw_view digest,
                                mw_gate_standing *standing, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT who, note, time FROM gate_approvals WHERE model = ? AND"
                        " version = ? AND files = ? ORDER BY time",
                        "iit", version->model, version->version, digest));
    while (mw_rows_next(&rows)) {
        mw_gate_result *approval = RECORD_PUSH(&memory, &standing->approvals);
        if (!approval)
            break;
        *approval = (mw_gate_result){.by = record_column(&memory, &rows, 0),
                                     .summary = record_column(&memory, &rows, 1),
                                     .time = mw_rows_int(&rows, 2),
                                     .passed = true};
    }
    MW_TRY(record_close(&rows, &memory, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT by, reason FROM gate_overrides WHERE model = ? AND version = ? AND"
                        " files = ?",
                        "iit", version->model, version->version, digest));
    if (mw_rows_next(&rows)) {
        standing->override_by = record_column(&memory, &rows, 0);
        standing->override_reason = record_column(&memory, &rows, 1);
    }
    return record_close(&rows, &memory, err);
}

static void put_missing(mw_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put_missing(mw_buf *out, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mw_buf_text(out, out->size ? "; " : "");
    mw_buf_text(out, text);
}

static void find_missing_gates(const mw_gate_standing *standing, mw_buf *out)
{
    for (mw_view rest = standing->policy.gates; rest.size > 0;) {
        mw_view gate = mw_view_trim(mw_view_cut(&rest, ','));
        const mw_gate_result *found = NULL;
        for (size_t i = 0; i < standing->results.count; i++)
            if (mw_view_equal(standing->results.items[i].gate, gate))
                found = &standing->results.items[i];
        if (!found)
            put_missing(out, "gate '%.*s' has no result", MW_VIEW_ARG(gate));
        else if (found->is_stale)
            put_missing(out, "the result of gate '%.*s' is of other files", MW_VIEW_ARG(gate));
        else if (!found->passed)
            put_missing(out, "gate '%.*s' did not pass", MW_VIEW_ARG(gate));
    }
}

static bool has_approved(const mw_gate_standing *standing, mw_view who)
{
    for (size_t i = 0; i < standing->approvals.count; i++)
        if (mw_view_equal(standing->approvals.items[i].by, who))
            return true;
    return false;
}

static void find_missing_people(const mw_gate_standing *standing, mw_buf *out)
{
    for (mw_view rest = standing->policy.approvers; rest.size > 0;) {
        mw_view who = mw_view_trim(mw_view_cut(&rest, ','));
        if (!has_approved(standing, who))
            put_missing(out, "%.*s has not approved it", MW_VIEW_ARG(who));
    }
    if ((int64_t)standing->approvals.count < standing->policy.approvals)
        put_missing(out, "%zu of %lld approvals", standing->approvals.count,
                    (long long)standing->policy.approvals);
}

static mw_status stand(mw_record *record, const mw_model_version *version,
                       mw_gate_standing *ret_standing, mw_error *err)
{
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_gate_standing s = {.missing = MW_VIEW("")};
    mw_buf missing;
    MW_TRY(mw_record_gate_policy(record, version->name, &s.policy, &s.has_policy, err));
    MW_TRY(digest_of(record, version, digest, err));
    MW_TRY(take_results(record, version, mw_view_of(digest), &s.results, err));
    MW_TRY(take_approvals(record, version, mw_view_of(digest), &s, err));
    mw_buf_init(&missing, 4096);
    find_missing_gates(&s, &missing);
    find_missing_people(&s, &missing);
    s.is_open = missing.size == 0 || s.override_by.data;
    const char *kept = mw_arena_text(record->arena, mw_buf_as_view(&missing));
    mw_buf_done(&missing);
    if (!kept)
        return mw_fail_memory(err, "the gates");
    s.missing = mw_view_of(kept);
    *ret_standing = s;
    return MW_OK;
}

mw_status mw_record_gates(mw_record *record, mw_view version, mw_gate_standing *ret_standing,
                          mw_error *err)
{
    mw_model_version found;
    MW_TRY(mw_record_version_at(record, version, &found, err));
    return stand(record, &found, ret_standing, err);
}

mw_status mw_record_check_gates(mw_record *record, const mw_model_version *version, mw_view alias,
                                mw_error *err)
{
    mw_gate_standing standing;
    MW_TRY(stand(record, version, &standing, err));
    bool is_guarded = standing.has_policy && (!alias.data || standing.policy.aliases.size == 0 ||
                                              has_name(standing.policy.aliases, alias));
    if (!is_guarded || standing.is_open)
        return MW_OK;
    mw_fail(err, MW_E_GATE_CLOSED, "%.*s/%lld has not passed its gates: %.*s",
            MW_VIEW_ARG(record_cut(version->name, 60)), (long long)version->version,
            MW_VIEW_ARG(record_cut(standing.missing, 90)));
    mw_why(err, "%.*s", MW_VIEW_ARG(record_cut(standing.missing, 250)));
    return mw_mend(err,
                   "mw gate list %.*s/%lld shows what is missing; an admin may override: mw "
                   "gate override %.*s/%lld --reason TEXT",
                   MW_VIEW_ARG(record_cut(version->name, 40)), (long long)version->version,
                   MW_VIEW_ARG(record_cut(version->name, 40)), (long long)version->version);
}

/* ---- who serves an address ------------------------------------------------------------------- */

/* Versions that were made of the same files, when an address goes around them. */
static mw_status check_location(mw_record *record, mw_view address, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    mw_view found = {NULL, 0};
    mw_view rest = {address.data + 8, address.size < 8 ? 0 : address.size - 8};
    mw_logged_model logged;
    if (!mw_view_starts(address, "models:/m-") ||
        mw_record_logged_model(record, rest, &logged, NULL) != MW_OK)
        return MW_OK;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT m.name || '/' || v.version FROM model_versions v"
                        " JOIN registered_models m ON m.id = v.model WHERE v.location = ?"
                        " ORDER BY v.version DESC LIMIT 1",
                        "t", logged.artifact_uri));
    if (mw_rows_next(&rows))
        found = record_column(&memory, &rows, 0);
    MW_TRY(record_close(&rows, &memory, err));
    mw_model_version version;
    if (!found.data)
        return MW_OK;
    MW_TRY(mw_record_version_at(record, found, &version, err));
    return mw_record_check_gates(record, &version, RECORD_NOTHING, err);
}

mw_status mw_record_check_address(mw_record *record, mw_view address, mw_error *err)
{
    mw_model_version version;
    if (mw_view_starts(address, "models:/m-") || !mw_view_starts(address, "models:/"))
        return check_location(record, address, err);
    MW_TRY(mw_record_version_at(record, address, &version, err));
    const char *at = memchr(address.data, '@', address.size);
    mw_view alias =
        at ? (mw_view){at + 1, (size_t)(address.data + address.size - at) - 1} : RECORD_NOTHING;
    return mw_record_check_gates(record, &version, alias, err);
}

static mw_status check_address(mw_record *record, void *given, mw_error *err)
{
    return mw_record_check_address(record, *(const mw_view *)given, err);
}

mw_status mw_registry_check_gates(mw_registry *registry, mw_view address, mw_arena *arena,
                                  mw_error *err)
{
    return mw_registry_read(registry, arena, check_address, &address, err);
}

/* ---- reports --------------------------------------------------------------------------------- */

static mw_status refuse_report(const char *why, mw_error *err)
{
    mw_fail(err, MW_E_GATE_RESULT, "%s", why);
    return mw_mend(err, "give the report of mw model validate, mw fairness check or mw drift check "
                        "(--format json), or {\"gate\": NAME, \"passed\": true}");
}

static const char *gate_of(const mw_json *root)
{
    mw_view kind = mw_json_text(mw_json_member(root, "kind"));
    if (mw_view_is(kind, "validation"))
        return "validation";
    if (mw_view_is(kind, "fairness"))
        return "fairness";
    if (mw_json_is_object(mw_json_member(root, "attributes")))
        return "fairness";
    return mw_json_is_bool(mw_json_member(root, "drifted")) ? "drift" : NULL;
}

static mw_status take_report(const mw_json *root, mw_view gate, mw_arena *arena,
                             mw_gate_result *ret_result, mw_error *err)
{
    const mw_json *passed = mw_json_member(root, "passed"),
                  *verdict = mw_json_member(root, "verdict"),
                  *drifted = mw_json_member(root, "drifted"), *data = mw_json_member(root, "data");
    mw_view said = mw_json_text(mw_json_member(root, "gate"));
    const char *told = gate_of(root);
    if (gate.size == 0)
        gate = said.size > 0 ? said : mw_view_of(told);
    if (!mw_json_is_object(root) || gate.size == 0)
        return refuse_report("the report names no gate", err);
    const mw_json *checks = mw_json_member(root, "checks");
    if (mw_json_is_array(checks) && mw_json_count(checks) == 0)
        return refuse_report("the report judges nothing: it was made without a suite", err);
    if (mw_json_is_bool(passed))
        ret_result->passed = mw_json_bool(passed, false);
    else if (mw_json_is_text(verdict)) /* undecided is not passed */
        ret_result->passed = mw_view_is(mw_json_text(verdict), "pass");
    else if (mw_json_is_bool(drifted))
        ret_result->passed = !mw_json_bool(drifted, true);
    else
        return refuse_report(mw_json_is_null(verdict)
                                 ? "the report judges nothing: it was made without a suite"
                                 : "the report says neither passed nor not",
                             err);
    mw_view summary =
        mw_json_is_text(data) ? mw_json_text(data) : mw_json_text(mw_json_member(data, "path"));
    mw_view digest = mw_json_text(mw_json_member(root, "digest"));
    if (digest.size == 0)
        digest = mw_json_text(mw_json_member(data, "digest"));
    if (mw_view_starts(digest, "sha256:"))
        digest = (mw_view){digest.data + 7, digest.size - 7};
    ret_result->data = mw_view_of(mw_arena_text(arena, record_cut(filled(digest), 64)));
    ret_result->gate = mw_view_of(mw_arena_text(arena, gate));
    ret_result->summary = mw_view_of(mw_arena_text(arena, summary.data ? summary : MW_VIEW("")));
    return ret_result->gate.data && ret_result->summary.data ? MW_OK
                                                             : mw_fail_memory(err, "a report");
}

mw_status mw_gate_read_report(mw_view report, mw_view gate, mw_arena *arena,
                              mw_gate_result *ret_result, mw_error *err)
{
    mw_json *root;
    mw_error own;
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_gate_result result = {.passed = false};
    if (mw_json_read(report, &root, &own) != MW_OK)
        return refuse_report("the report is no JSON", err);
    mw_status status = take_report(root, gate, arena, &result, err);
    mw_json_free(root);
    MW_TRY(status);
    mw_digest_of(report, digest);
    const char *kept = mw_arena_text(arena, mw_view_of(digest));
    if (!kept)
        return mw_fail_memory(err, "a report");
    result.report = mw_view_of(kept);
    *ret_result = result;
    return MW_OK;
}
