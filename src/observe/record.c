/* Records into bytes and back; see record.h. */
#include "record.h"

/* Most bytes of a text in a line or a span. */
static const uint16_t text_bytes_max[OBSERVE_N_TEXTS] = {
    [OBSERVE_REQUEST_ID] = OBSERVE_ID_BYTES_MAX,
    [OBSERVE_METHOD] = MW_LIMIT_METHOD_BYTES,
    [OBSERVE_PATH] = 1024,
    [OBSERVE_QUERY] = 1024,
    [OBSERVE_HOST] = 256,
    [OBSERVE_AGENT] = 256,
    [OBSERVE_CLIENT] = 256,
    [OBSERVE_ENDPOINT] = MW_LIMIT_NAME_BYTES,
    [OBSERVE_ROUTE] = 256,
    [OBSERVE_STATE] = OBSERVE_TRACESTATE_BYTES_MAX,
    [OBSERVE_HEADERS] = 2048,
};

void observe_record_put_text(observe_record *record, observe_text which, mw_view text)
{
    if (text.size > text_bytes_max[which])
        text.size = text_bytes_max[which];
    record->texts[which] = text;
}

size_t observe_record_bytes(const observe_record *record)
{
    size_t bytes = sizeof *record;
    for (size_t i = 0; i < OBSERVE_N_TEXTS; i++)
        bytes += record->texts[i].size;
    return bytes;
}

void observe_record_write(const observe_record *record, char *out)
{
    memcpy(out, record, sizeof *record);
    out += sizeof *record;
    for (size_t i = 0; i < OBSERVE_N_TEXTS; i++) {
        if (record->texts[i].size > 0)
            memcpy(out, record->texts[i].data, record->texts[i].size);
        out += record->texts[i].size;
    }
}

void observe_record_read(mw_view bytes, observe_record *ret_record)
{
    memcpy(ret_record, bytes.data, sizeof *ret_record);
    const char *at = bytes.data + sizeof *ret_record;
    for (size_t i = 0; i < OBSERVE_N_TEXTS; i++) {
        ret_record->texts[i].data = at;
        at += ret_record->texts[i].size;
    }
}

uint64_t observe_record_wall_ns(const observe_record *record, uint64_t at_ns)
{
    return (uint64_t)record->wall_ns - (record->ended_ns - at_ns);
}
