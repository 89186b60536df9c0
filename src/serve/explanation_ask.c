/* What a request asks for beside predictions: in the address, or in the body's parameters. */
#include "explanation.h"

static mw_status fail_flag(mw_error *err, const char *name, mw_view value)
{
    mw_fail(err, MW_E_SERVE_EXPLAIN, "'%.*s' is neither true nor false",
            (int)(value.size < 40 ? value.size : 40), value.data);
    mw_at(err, "%s", name);
    return mw_mend(err, "send %s=true or %s=false", name, name);
}

static mw_status set_top(serve_call *call, int64_t top, mw_error *err)
{
    if (top >= 1) {
        call->explain_top = (size_t)top;
        return MW_OK;
    }
    mw_fail(err, MW_E_SERVE_EXPLAIN, "%lld features are none", (long long)top);
    mw_at(err, "explain_top");
    return mw_mend(err, "ask for 1 or more, or leave it out to get all");
}

/* ---- the address ----------------------------------------------------------------------------- */

static mw_status read_flag(const char *name, mw_view value, bool *ret, mw_error *err)
{
    *ret = mw_view_is(value, "true") || mw_view_is(value, "True");
    if (*ret || mw_view_is(value, "false") || mw_view_is(value, "False"))
        return MW_OK;
    return fail_flag(err, name, value);
}

static mw_status read_top(serve_call *call, mw_view value, mw_error *err)
{
    int64_t top = 0;
    bool whole = value.size > 0 && value.size <= 9;
    for (size_t i = 0; whole && i < value.size; i++) {
        whole = value.data[i] >= '0' && value.data[i] <= '9';
        top = top * 10 + (value.data[i] - '0');
    }
    return set_top(call, whole ? top : 0, err);
}

mw_status serve_explain_by_query(serve_call *call, mw_error *err)
{
    mw_view left = call->exchange->query;
    while (left.size > 0) {
        const char *end = memchr(left.data, '&', left.size);
        mw_view pair = {left.data, end ? (size_t)(end - left.data) : left.size};
        size_t step = pair.size + (end ? 1 : 0);
        left = (mw_view){left.data + step, left.size - step};
        const char *equals = pair.size ? memchr(pair.data, '=', pair.size) : NULL;
        size_t size = equals ? (size_t)(equals - pair.data) : pair.size;
        mw_view name = {pair.data, size};
        mw_view value = {pair.data + size + (equals ? 1 : 0), pair.size - size - (equals ? 1 : 0)};
        if (mw_view_is(name, "explain"))
            MW_TRY(read_flag("explain", value, &call->explains, err));
        else if (mw_view_is(name, "anomaly"))
            MW_TRY(read_flag("anomaly", value, &call->scores_anomaly, err));
        else if (mw_view_is(name, "explain_top"))
            MW_TRY(read_top(call, value, err));
    }
    return MW_OK;
}

/* ---- the body -------------------------------------------------------------------------------- */

static mw_status read_param(serve_call *call, mw_scan *scan, mw_view key, mw_error *err)
{
    int64_t top;
    if (mw_view_is(key, "explain"))
        return mw_scan_bool(scan, &call->explains, err);
    if (mw_view_is(key, "anomaly"))
        return mw_scan_bool(scan, &call->scores_anomaly, err);
    if (!mw_view_is(key, "explain_top"))
        return mw_scan_skip(scan, NULL, err);
    MW_TRY(mw_scan_integer(scan, &top, err));
    return set_top(call, top, err);
}

/* Parameters of other kinds than an object are somebody else's: they were always passed over. */
mw_status serve_explain_by_params(serve_call *call, mw_view params, mw_error *err)
{
    mw_scan scan;
    bool more;
    mw_scan_init(&scan, params);
    scan.allow_nan = true;
    if (params.size == 0 || mw_scan_peek(&scan) != MW_SCAN_OBJECT)
        return MW_OK;
    MW_TRY(mw_scan_object_begin(&scan, err));
    for (;;) {
        mw_view key;
        MW_TRY(mw_scan_object_next(&scan, call->exchange->arena, &key, &more, err));
        if (!more)
            return MW_OK;
        if (read_param(call, &scan, key, err) != MW_OK) {
            mw_at(err, "parameter '%.*s'", MW_VIEW_ARG(key));
            return mw_mend(err, "send \"explain\", \"anomaly\": true or false, \"explain_top\": 1 "
                                "or more");
        }
    }
}
