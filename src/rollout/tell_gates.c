/* The gates of a version as JSON. */
#include "rollout.h"

static void put_text(mw_buf *out, const char *key, mw_view value)
{
    mw_buf_format(out, ",\"%s\":", key);
    mw_json_write_text(out, value.data ? value : MW_VIEW(""));
}

static void put_names(mw_buf *out, const char *key, mw_view list)
{
    bool is_first = true;
    mw_buf_format(out, ",\"%s\":[", key);
    while (list.size > 0) {
        mw_buf_text(out, is_first ? "" : ",");
        mw_json_write_text(out, mw_view_trim(mw_view_cut(&list, ',')));
        is_first = false;
    }
    mw_buf_char(out, ']');
}

static void put_result(mw_buf *out, const mw_gate_result *r)
{
    mw_buf_format(out, "{\"time\":%lld,\"passed\":%s,\"stale\":%s", (long long)r->time,
                  r->passed ? "true" : "false", r->is_stale ? "true" : "false");
    put_text(out, "gate", r->gate);
    put_text(out, "by", r->by);
    put_text(out, "summary", r->summary);
    put_text(out, "files", r->files);
    put_text(out, "report", r->report);
    put_text(out, "data", r->data);
    mw_buf_char(out, '}');
}

static void put_approval(mw_buf *out, const mw_gate_result *r)
{
    mw_buf_format(out, "{\"time\":%lld", (long long)r->time);
    put_text(out, "by", r->by);
    put_text(out, "note", r->summary);
    mw_buf_char(out, '}');
}

static void put_all(mw_buf *out, const char *key, const mw_gate_results *all,
                    void (*put)(mw_buf *out, const mw_gate_result *r))
{
    mw_buf_format(out, ",\"%s\":[", key);
    for (size_t i = 0; i < all->count; i++) {
        mw_buf_text(out, i ? "," : "");
        put(out, &all->items[i]);
    }
    mw_buf_char(out, ']');
}

void mw_gates_tell(const mw_model_version *version, const mw_gate_standing *standing, mw_buf *out)
{
    const mw_gate_policy *policy = &standing->policy;
    mw_buf_format(out, "{\"version\":%lld,\"required\":%s,\"open\":%s", (long long)version->version,
                  standing->has_policy ? "true" : "false", standing->is_open ? "true" : "false");
    put_text(out, "model", version->name);
    put_text(out, "missing", standing->missing);
    put_names(out, "gates", policy->gates);
    put_names(out, "approvers", policy->approvers);
    put_names(out, "aliases", policy->aliases);
    mw_buf_format(out, ",\"approvals_required\":%lld", (long long)policy->approvals);
    put_all(out, "results", &standing->results, put_result);
    put_all(out, "approvals", &standing->approvals, put_approval);
    if (standing->override_by.data) {
        put_text(out, "overridden_by", standing->override_by);
        put_text(out, "override_reason", standing->override_reason);
    }
    mw_buf_char(out, '}');
}
