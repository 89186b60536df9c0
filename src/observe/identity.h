/* Who a request is: its id and its place in a trace. Pure but for the chance; fuzzed. */
#ifndef OBSERVE_IDENTITY_H
#define OBSERVE_IDENTITY_H

#include "chance.h"
#include "net/net.h"

enum {
    OBSERVE_ID_BYTES = 36, /* of one that is made here */
    OBSERVE_ID_BYTES_MAX = 128,
    OBSERVE_TRACE_ID_BYTES = 16,
    OBSERVE_SPAN_ID_BYTES = 8,
    OBSERVE_TRACESTATE_BYTES_MAX = 512,
    OBSERVE_TRACESTATE_MEMBERS_MAX = 32
};

/* May this be an id? 1..128 letters, digits and . _ : / + = @ ~ - */
bool observe_id_is_sane(mw_view id);
/* A UUID of version 7 (RFC 9562): 48 bits of time, so that ids sort by it, and 74 of chance. */
void observe_id_make(observe_chance *chance, uint64_t wall_ms, char ret_id[OBSERVE_ID_BYTES]);

/* Version 00 of https://www.w3.org/TR/trace-context/. */
typedef struct observe_trace {
    uint8_t trace_id[OBSERVE_TRACE_ID_BYTES];
    uint8_t parent_id[OBSERVE_SPAN_ID_BYTES]; /* all 0: the trace begins here */
    bool has_parent, is_sampled;
    mw_view state; /* the client's tracestate when it is well-formed; borrowed */
} observe_trace;

/* False when the value is not exactly what the standard allows; versions beyond 00 are read as far
 * as it says. */
bool observe_read_traceparent(mw_view value, observe_trace *ret_trace);
/* Whether it is a list that may be passed on: at most 32 members of the right form, no key twice,
 * 512 bytes. */
bool observe_tracestate_is_sane(mw_view value);

#endif
