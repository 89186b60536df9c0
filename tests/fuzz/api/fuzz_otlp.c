/* Spans of OpenTelemetry: an odd first byte says that the rest is JSON, an even one protobuf. What
 * is taken is kept as JSON that can be read, and given back as JSON that can be read. */
#include <stdint.h>
#include <stdlib.h>

#include "api/span_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(mw_view text)
{
    mw_json *root = NULL;
    mw_error err;
    mw_status status = mw_json_read(text, &root, &err);
    if (status != MW_OK && err.code == MW_E_JSON_DEPTH)
        return; /* protobuf's JSON has three levels for one of the value */
    if (status != MW_OK || !mw_json_is_object(root))
        abort();
    mw_json_free(root);
}

static void check_span(mw_arena *arena, const otlp_span *span)
{
    mw_error err;
    mw_buf out;
    mw_trace_part part;
    if (span_part(arena, &span, 1, &part, &err) != MW_OK)
        return; /* memory was gone */
    if (part.spans.count != 1 || part.trace_id.size != 35)
        abort();
    mw_buf_init(&out, 64 * MW_MIB);
    check_json(part.spans.items[0].content);
    if (!span_put_json(&out, part.spans.items[0].content))
        abort();
    if (!out.failed)
        check_json(mw_buf_as_view(&out));
    mw_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_arena arena;
    mw_buf message;
    otlp_spans spans = {NULL, 0, 0};
    if (size == 0)
        return 0;
    mw_view rest = {(const char *)data + 1, size - 1};
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    mw_buf_init(&message, 16 * MW_MIB);
    bool fits = true;
    if (data[0] & 1) {
        fits = otlp_from_json(rest, &message, &err) == MW_OK;
        rest = mw_buf_as_view(&message);
    }
    if (fits && otlp_read(rest, &arena, &spans, &err) == MW_OK)
        for (size_t i = 0; i < spans.count; i++)
            check_span(&arena, &spans.items[i]);
    mw_buf_done(&message);
    mw_arena_done(&arena);
    return 0;
}
