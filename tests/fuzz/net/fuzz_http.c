/* Request heads and chunked bodies from any bytes: no crash, and the same result whether they come
 * at once, in two pieces or byte by byte.
 *
 *     byte 0, 1    where the two pieces are cut
 *     the rest     a head, then (when it says chunked) its body
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "net/chunks.h"
#include "net/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_CAP = 1 << 20 };

static const net_head_limits limits = {1024, 300, 16}; /* small, so that they are met */

typedef struct outcome {
    net_verdict verdict;
    int refusal;
    mw_error err;
    net_head head;
    mw_header headers[16];
} outcome;

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The views must lie within the bytes; touching them lets a sanitizer look. */
static void check_view(mw_view view, const char *begin, const char *end)
{
    if (view.size > 0)
        check(view.data >= begin && view.data + view.size <= end);
}

static void check_head(const outcome *out, const char *data, size_t size)
{
    const char *end = data + size;
    const net_head *head = &out->head;
    check(head->size <= size && head->n_headers <= limits.headers);
    check(head->method_text.size > 0 && head->target.size > 0);
    check_view(head->method_text, data, end);
    check_view(head->target, data, end);
    check_view(head->query, data, end);
    check_view(head->content_type, data, end);
    check_view(head->host, data, end);
    check(!(head->chunked && head->content_length > 0));
    for (size_t i = 0; i < head->n_headers; i++) {
        check(head->headers[i].name.size > 0);
        check_view(head->headers[i].name, data, end);
        check_view(head->headers[i].value, data, end);
    }
}

/* Feed data[0..step), data[0..2*step) ... and finally all of it. */
static void parse(const char *data, size_t size, size_t step, outcome *out)
{
    net_head_parser parser;
    net_head_parser_reset(&parser);
    *out = (outcome){.verdict = NET_MORE};
    for (size_t fed = 0; out->verdict == NET_MORE && fed < size;) {
        fed = size - fed < step ? size : fed + step;
        out->head.headers = out->headers;
        out->verdict =
            net_parse_head(&parser, &limits, data, fed, &out->head, &out->refusal, &out->err);
    }
}

static void check_same(const outcome *a, const outcome *b)
{
    check(a->verdict == b->verdict && a->refusal == b->refusal);
    if (a->verdict == NET_REFUSED)
        check(a->err.code == b->err.code && strcmp(a->err.what, b->err.what) == 0);
    if (a->verdict != NET_WHOLE)
        return;
    check(a->head.size == b->head.size && a->head.n_headers == b->head.n_headers);
    check(a->head.content_length == b->head.content_length && a->head.chunked == b->head.chunked);
    check(a->head.keep_alive == b->head.keep_alive);
    check(mw_view_equal(a->head.path, b->head.path) && mw_view_equal(a->head.query, b->head.query));
    for (size_t i = 0; i < a->head.n_headers; i++)
        check(a->headers[i].name.data == b->headers[i].name.data &&
              mw_view_equal(a->headers[i].value, b->headers[i].value));
}

typedef struct decoded {
    net_chunk_event last;
    int refusal;
    size_t used, body_bytes;
    uint32_t sum; /* of the body, in order */
} decoded;

static void decode(const char *data, size_t size, size_t step, decoded *out)
{
    net_chunks chunks;
    net_chunks_init(&chunks, BODY_CAP);
    *out = (decoded){.last = NET_CHUNK_MORE};
    for (size_t fed = 0; out->last == NET_CHUNK_MORE && fed < size;) {
        fed = size - fed < step ? size : fed + step;
        do {
            size_t used = 0;
            mw_view piece = {NULL, 0};
            mw_error err;
            out->last = net_chunks_next(&chunks, data + out->used, fed - out->used, &used, &piece,
                                        &out->refusal, &err);
            if (out->last == NET_CHUNK_REFUSED)
                return;
            for (size_t i = 0; i < piece.size; i++)
                out->sum = out->sum * 31 + (uint8_t)piece.data[i];
            out->used += used;
            out->body_bytes += piece.size;
            check(out->used <= fed && out->body_bytes <= BODY_CAP);
        } while (out->last == NET_CHUNK_DATA);
    }
}

static void decode_every_way(const char *data, size_t size, size_t cut)
{
    decoded whole, pieces;
    decode(data, size, size + 1, &whole);
    const size_t steps[] = {cut + 1, 1};
    for (size_t i = 0; i < 2; i++) {
        decode(data, size, steps[i], &pieces);
        check(whole.last == pieces.last && whole.refusal == pieces.refusal);
        check(whole.body_bytes == pieces.body_bytes && whole.sum == pieces.sum);
        check(whole.last != NET_CHUNK_END || whole.used == pieces.used);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static outcome whole, pieces;
    if (size < 3)
        return 0;
    size_t cut = (size_t)input[0] << 8 | input[1];
    const char *data = (const char *)input + 2;
    size -= 2;
    parse(data, size, size + 1, &whole);
    if (whole.verdict == NET_WHOLE)
        check_head(&whole, data, size);
    parse(data, size, cut % size + 1, &pieces);
    check_same(&whole, &pieces);
    parse(data, size, 1, &pieces);
    check_same(&whole, &pieces);
    size_t body = whole.verdict == NET_WHOLE && whole.head.chunked ? whole.head.size : 0;
    if (body < size)
        decode_every_way(data + body, size - body, cut % size);
    return 0;
}
