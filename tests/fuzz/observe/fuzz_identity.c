/* Request ids, traceparent and tracestate from any bytes: no crash; what is taken has the form that
 * is promised, and taking it twice gives the same. */
#include <stdlib.h>

#include "observe/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_id(mw_view value)
{
    if (!observe_id_is_sane(value))
        return;
    check(value.size >= 1 && value.size <= OBSERVE_ID_BYTES_MAX);
    for (size_t i = 0; i < value.size; i++)
        check(value.data[i] > ' ' && value.data[i] <= '~' && value.data[i] != '"' &&
              value.data[i] != '\\' && value.data[i] != ',');
}

/* What was read, written again, is the text that was read. */
static void check_parent(mw_view value)
{
    enum { IDS_AT = 3, IDS_BYTES = 49, FLAGS_AT = 53 };
    observe_trace trace;
    char text[IDS_BYTES];
    if (!observe_read_traceparent(value, &trace))
        return;
    check(trace.has_parent && value.size >= FLAGS_AT + 2);
    char *at = mw_hex_write(text, trace.trace_id, sizeof trace.trace_id);
    *at++ = '-';
    mw_hex_write(at, trace.parent_id, sizeof trace.parent_id);
    check(memcmp(text, value.data + IDS_AT, sizeof text) == 0);
    check(trace.is_sampled == (strchr("13579bdf", value.data[FLAGS_AT + 1]) != NULL));
}

static void check_state(mw_view value)
{
    if (!observe_tracestate_is_sane(value))
        return;
    check(value.size <= OBSERVE_TRACESTATE_BYTES_MAX && memchr(value.data, '=', value.size));
    for (size_t i = 0; i < value.size; i++)
        check((value.data[i] >= ' ' && value.data[i] <= '~') || value.data[i] == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_view value = {(const char *)data, size};
    check_id(value);
    check_parent(value);
    check_state(value);
    return 0;
}
