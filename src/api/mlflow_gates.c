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

static mw_view address_of(mlflow_turn *turn)
{
    mw_buf text;
    mw_buf_init(&text, 4096);
    mw_buf_format(&text, "%.*s/%.*s", MW_VIEW_ARG(turn->captures.values[0]),
                  MW_VIEW_ARG(turn->captures.values[1]));
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
    MW_TRY(mw_record_add_gate_result(record, address_of(turn), &result, err));
    return show_gates(turn, record, err);
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

#define GATES "/mw/v1/models/{name}/versions/{version}/gates"

const mlflow_call mlflow_gate_calls[] = {
    {MLFLOW_GETS, GATES, MLFLOW_READS, show_gates, NULL, 0, "What stands of a version's gates"},
    {MLFLOW_POSTS, GATES, MLFLOW_WRITES, add_report, NULL, 0, "Add a report: a gate's result"},
    {MLFLOW_POSTS, GATES "/approval", MLFLOW_WRITES, approve, gate_fields, sizeof(gate_request),
     "Approve a version"},
    {MLFLOW_POSTS, GATES "/override", MLFLOW_WRITES, override, gate_fields, sizeof(gate_request),
     "Open the gates of a version, with a reason"},
};
const size_t mlflow_n_gate_calls = MW_COUNT(mlflow_gate_calls);
