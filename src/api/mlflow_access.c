/* Our own calls about access, below /mw/v1: who am I, what was done. */
#include "guard.h"
#include "mlflow.h"

/* ---- who am I -------------------------------------------------------------------------------- */

static mw_status tell_who(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    (void)err;
    static const mw_grants none;
    const api_visitor *visitor = turn->visitor;
    mw_buf_char(turn->out, '{');
    mlflow_put_text(turn->out, "name", turn->actor.name);
    mlflow_put_name(turn->out, "asked");
    mw_buf_text(turn->out, visitor ? "true" : "false"); /* false: anybody may do anything */
    MLFLOW_PUT_LIST(turn->out, "grants", visitor ? &visitor->grants : &none, mlflow_put_grant);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

/* ---- what was done --------------------------------------------------------------------------- */

typedef struct audit_request {
    mw_audit_query query;
    mw_view head;
} audit_request;

/* clang-format off */
static const mlflow_field audit_fields[] = {
    {"since", MLFLOW_INT, offsetof(audit_request, query.since), false, NULL, 0, NULL, NULL},
    {"who", MLFLOW_TEXT, offsetof(audit_request, query.who), false, NULL, 0, NULL, NULL},
    {"what", MLFLOW_TEXT, offsetof(audit_request, query.what), false, NULL, 0, NULL, NULL},
    {"cursor", MLFLOW_INT, offsetof(audit_request, query.before_seq), false, NULL, 0, NULL, NULL},
    {"max_results", MLFLOW_INT, offsetof(audit_request, query.max), false, NULL, 0, NULL, NULL},
    {0}};
static const mlflow_field verdict_fields[] = {
    {"head", MLFLOW_TEXT, offsetof(audit_request, head), false, NULL, 0, NULL, NULL},
    {0}};
/* clang-format on */

static void put_entry(mw_buf *out, const void *item)
{
    const mw_audit_entry *entry = item;
    mw_audit_write(entry, out);
    out->data[--out->size] = '\0'; /* the closing brace: one member more */
    mlflow_put_text(out, "hash", entry->hash);
    mw_buf_char(out, '}');
}

static mw_status list_audit(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { USUAL_RESULTS = 100, RESULTS_MAX = 10000 };
    mw_audit_entries found;
    audit_request *asked = turn->request;
    mw_audit_query *query = &asked->query;
    if (query->max == 0)
        query->max = USUAL_RESULTS;
    if (query->max < 0 || query->max > RESULTS_MAX)
        return mw_fail(err, MW_E_RECORD_VALUE, "max_results must be 1 to %d", RESULTS_MAX);
    MW_TRY(mw_record_audit(record, query, &found, err));
    mw_buf_char(turn->out, '{');
    MLFLOW_PUT_LIST(turn->out, "entries", &found, put_entry);
    if (found.count == (size_t)query->max && found.items[found.count - 1].seq > 1)
        mlflow_put_int(turn->out, "cursor", found.items[found.count - 1].seq);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status judge_audit(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_audit_verdict verdict;
    const audit_request *asked = turn->request;
    MW_TRY(mw_record_verify_audit(record, asked->head, &verdict, err));
    bool fits = verdict.is_whole && (!asked->head.data || verdict.saw_head);
    mw_buf_format(turn->out, "{\"whole\":%s", fits ? "true" : "false");
    mlflow_put_int(turn->out, "entries", verdict.n_entries);
    mlflow_put_text(turn->out, "head", mw_view_of(verdict.head));
    if (!verdict.is_whole) {
        mlflow_put_int(turn->out, "broken_at", verdict.broken_seq);
        mlflow_put_text(turn->out, "fault", mw_view_of(verdict.fault));
    }
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

const mlflow_call mlflow_access_calls[] = {
    {MLFLOW_GETS, "/mw/v1/whoami", MLFLOW_OUTSIDE, tell_who, NULL, 0,
     "Who the server thinks you are"},
    {MLFLOW_GETS, "/mw/v1/audit", MLFLOW_READS, list_audit, audit_fields, sizeof(audit_request),
     "Changes of the record, the newest first"},
    {MLFLOW_GETS, "/mw/v1/audit/verdict", MLFLOW_READS, judge_audit, verdict_fields,
     sizeof(audit_request), "Is the audit log as it was written?"},
};
const size_t mlflow_n_access_calls = MW_COUNT(mlflow_access_calls);
