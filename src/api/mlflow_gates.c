/* Gates over HTTP, below /mw/v1/models: what stands, a report, an approval, an override. */
#include "mlflow_messages.h"
#include "rollout/rollout.h"

typedef struct gate_request {
    mw_view reason;
} gate_request;

/* clang-format off */
static const mlflow_field gate_fields[] = {
    MLFLOW_TEXT_FIELD(gate_request, "reason", reason, false),
    {0}};
/* clang-format on */

/* A version by its number, or "@alias". */
static mw_view address_of(mlflow_turn *turn)
{
    mw_buf text;
    mw_view which = turn->captures.values[1];
    mw_buf_init(&text, 4096);
    mw_buf_format(&text, "%.*s%s%.*s", MW_VIEW_ARG(turn->captures.values[0]),
                  mw_view_starts(which, "@") ? "" : "/", MW_VIEW_ARG(which));
    const char *kept = mw_arena_text(turn->exchange->arena, mw_buf_as_view(&text));
    mw_buf_done(&text);
    return mw_view_of(kept ? kept : "");
}

static mw_status show_gates(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_gate_standing standing;
    mw_model_version version;
    mw_view address = address_of(turn);
    MW_TRY(mw_record_version_at(record, address, &version, err));
    MW_TRY(mw_record_gates(record, address, &standing, err));
    mw_gates_tell(&version, &standing, turn->out);
    return MW_OK;
}

static mw_status add_report(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_gate_result result;
    MW_TRY(mw_gate_read_report(turn->exchange->body, (mw_view){NULL, 0}, turn->exchange->arena,
                               &result, err));
    char digest[MW_DIGEST_TEXT_BYTES]; /* the same as result.report */
    MW_TRY(mw_blobs_put(mw_registry_blobs(turn->registry), turn->exchange->body, digest, err));
    MW_TRY(mw_record_add_gate_result(record, address_of(turn), &result, err));
    return show_gates(turn, record, err);
}

/* The newest report of a gate, as it was added. */
typedef struct wanted_report {
    mlflow_turn *turn;
    mw_view digest;
} wanted_report;

static mw_status find_report(mw_record *record, void *given, mw_error *err)
{
    wanted_report *wanted = given;
    mw_gate_standing standing;
    mw_view gate = wanted->turn->captures.values[2];
    MW_TRY(mw_record_gates(record, address_of(wanted->turn), &standing, err));
    for (size_t i = 0; i < standing.results.count; i++)
        if (mw_view_equal(standing.results.items[i].gate, gate))
            wanted->digest = standing.results.items[i].report;
    if (wanted->digest.size > 0)
        return MW_OK;
    mw_fail(err, MW_E_RECORD_UNKNOWN, "the version has no report of the gate '%.*s'",
            (int)(gate.size < 60 ? gate.size : 60), gate.data);
    return mw_mend(err, "mw gate add NAME/VERSION report.json");
}

static mw_status take_piece(void *user, mw_view bytes, mw_error *err)
{
    mw_buf *out = user;
    mw_buf_view(out, bytes);
    return out->failed ? mw_fail_memory(err, "the report") : MW_OK;
}

static mw_status show_report(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    wanted_report wanted = {.turn = turn};
    MW_TRY(mw_registry_read(turn->registry, turn->exchange->arena, find_report, &wanted, err));
    mw_status status =
        mw_blobs_send(mw_registry_blobs(turn->registry), wanted.digest, take_piece, turn->out, err);
    return status == MW_OK ? MW_OK : mw_mend(err, "add it again: mw gate add keeps reports");
}

static mw_status approve(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const gate_request *asked = turn->request;
    MW_TRY(mw_record_approve_version(record, address_of(turn), asked->reason, err));
    return show_gates(turn, record, err);
}

static mw_status override(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const gate_request *asked = turn->request;
    MW_TRY(mw_record_override_gates(record, address_of(turn), asked->reason, err));
    return show_gates(turn, record, err);
}

typedef struct policy_request {
    mw_view name;
    mw_texts gates, approvers, aliases;
    int64_t approvals;
} policy_request;

/* clang-format off */
static const mlflow_field policy_fields[] = {
    MLFLOW_TEXT_FIELD(policy_request, "name", name, true),
    {"gates", MLFLOW_TEXTS, offsetof(policy_request, gates), false, NULL, 0, NULL, NULL},
    {"approvers", MLFLOW_TEXTS, offsetof(policy_request, approvers), false, NULL, 0, NULL, NULL},
    {"aliases", MLFLOW_TEXTS, offsetof(policy_request, aliases), false, NULL, 0, NULL, NULL},
    {"approvals", MLFLOW_INT, offsetof(policy_request, approvals), false, NULL, 0, NULL, NULL},
    {0}};
/* clang-format on */

/* A name with a comma in it is refused by the record's rules of names, as two of them. */
static mw_status join(mlflow_turn *turn, const mw_texts *names, mw_view *ret_list, mw_error *err)
{
    mw_buf text;
    mw_buf_init(&text, MW_MIB);
    for (size_t i = 0; i < names->count; i++)
        mw_buf_format(&text, "%s%.*s", i > 0 ? "," : "", MW_VIEW_ARG(names->items[i]));
    const char *kept =
        text.failed ? NULL : mw_arena_text(turn->exchange->arena, mw_buf_as_view(&text));
    mw_buf_done(&text);
    *ret_list = mw_view_of(kept);
    return kept ? MW_OK : mw_fail_memory(err, "a policy");
}

static mw_status require_gates(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const policy_request *asked = turn->request;
    mw_gate_policy policy = {.approvals = asked->approvals};
    MW_TRY(join(turn, &asked->gates, &policy.gates, err));
    MW_TRY(join(turn, &asked->approvers, &policy.approvers, err));
    MW_TRY(join(turn, &asked->aliases, &policy.aliases, err));
    return mlflow_answer_nothing(turn,
                                 mw_record_set_gate_policy(record, asked->name, &policy, err));
}

#define GATES "/mw/v1/models/{name}/versions/{version}/gates"

const mlflow_call mlflow_gate_calls[] = {
    {MLFLOW_GETS, GATES, MLFLOW_READS, show_gates, NULL, 0, "What stands of a version's gates"},
    {MLFLOW_POSTS, GATES, MLFLOW_WRITES, add_report, NULL, 0, "Add a report: a gate's result"},
    {MLFLOW_GETS, GATES "/{gate}/report", MLFLOW_OUTSIDE, show_report, NULL, 0,
     "The newest report of a gate, as it was added"},
    {MLFLOW_POSTS, GATES "/approval", MLFLOW_WRITES, approve, gate_fields, sizeof(gate_request),
     "Approve a version"},
    {MLFLOW_POSTS, GATES "/override", MLFLOW_WRITES, override, gate_fields, sizeof(gate_request),
     "Open the gates of a version, with a reason"},
    {MLFLOW_POSTS, "/mw/v1/models/{name}/gates", MLFLOW_WRITES, require_gates, policy_fields,
     sizeof(policy_request), "Say what versions of a model must have passed"},
};
const size_t mlflow_n_gate_calls = MW_COUNT(mlflow_gate_calls);
