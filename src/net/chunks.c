/* The chunk decoder: a small machine over bytes, data taken in runs.
 *
 *     SIZE_FIRST -> SIZE -> [EXTENSION] -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE_FIRST
 *                                             `size 0 -> TRAILER_FIRST -> END_LF -> END
 *                                                          ^  `-> NAME -> VALUE -> TRAILER_LF
 *                                                          `--------------------------' */
#include "chunks.h"

#include "token.h"

enum {
    SIZE_FIRST,
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    END
};

typedef enum step {
    STEP_ON,
    STEP_BAD,
    STEP_TOO_LARGE, /* the body */
    STEP_TOO_LONG,  /* trailers */
    STEP_EXTENSION  /* extensions */
} step;

void net_chunks_init(net_chunks *chunks, uint64_t cap_bytes)
{
    *chunks = (net_chunks){.cap_bytes = cap_bytes};
}

static step add_digit(net_chunks *chunks, char c)
{
    int digit = mw_hex_value(c);
    if (digit < 0 || chunks->n_digits == MW_LIMIT_CHUNK_DIGITS)
        return STEP_BAD;
    chunks->n_digits++;
    chunks->left = chunks->left << 4 | (uint64_t)digit;
    chunks->state = SIZE;
    return STEP_ON;
}

static step after_digits(net_chunks *chunks, char c)
{
    if (c == '\r')
        chunks->state = SIZE_LF;
    else if (c == ';')
        chunks->state = EXTENSION;
    else
        return add_digit(chunks, c);
    return STEP_ON;
}

static step in_extension(net_chunks *chunks, char c)
{
    if (c == '\r') {
        chunks->state = SIZE_LF;
        return STEP_ON;
    }
    if (++chunks->extension_bytes > MW_LIMIT_CHUNK_EXTENSION_BYTES)
        return STEP_EXTENSION;
    return net_is_value_char(c) ? STEP_ON : STEP_BAD;
}

static step end_size_line(net_chunks *chunks, char c)
{
    if (c != '\n')
        return STEP_BAD;
    chunks->n_digits = 0;
    chunks->state = chunks->left > 0 ? DATA : TRAILER_FIRST;
    if (chunks->left > chunks->cap_bytes - chunks->body_bytes)
        return STEP_TOO_LARGE;
    chunks->body_bytes += chunks->left;
    return STEP_ON;
}

static step expect(net_chunks *chunks, char c, char wanted, uint8_t next)
{
    chunks->state = next;
    return c == wanted ? STEP_ON : STEP_BAD;
}

static step in_trailer(net_chunks *chunks, char c)
{
    if (++chunks->trailer_bytes > MW_LIMIT_HEAD_BYTES)
        return STEP_TOO_LONG;
    if (chunks->state == TRAILER_VALUE) {
        if (c == '\r')
            chunks->state = TRAILER_LF;
        return c == '\r' || net_is_value_char(c) ? STEP_ON : STEP_BAD;
    }
    if (c == '\r' && chunks->state == TRAILER_FIRST) {
        chunks->state = END_LF;
        return STEP_ON;
    }
    if (c == ':' && chunks->state == TRAILER_NAME) {
        chunks->state = TRAILER_VALUE;
        return STEP_ON;
    }
    chunks->state = TRAILER_NAME;
    return net_is_token_char(c) ? STEP_ON : STEP_BAD;
}

static step take_byte(net_chunks *chunks, char c)
{
    switch (chunks->state) {
    case SIZE_FIRST:
        return add_digit(chunks, c);
    case SIZE:
        return after_digits(chunks, c);
    case EXTENSION:
        return in_extension(chunks, c);
    case SIZE_LF:
        return end_size_line(chunks, c);
    case DATA_CR:
        return expect(chunks, c, '\r', DATA_LF);
    case DATA_LF:
        return expect(chunks, c, '\n', SIZE_FIRST);
    case TRAILER_LF:
        return expect(chunks, c, '\n', TRAILER_FIRST);
    case END_LF:
        return expect(chunks, c, '\n', END);
    default:
        return in_trailer(chunks, c);
    }
}

static int refuse(step why, uint64_t cap_bytes, mw_error *err)
{
    switch (why) {
    case STEP_TOO_LARGE:
        mw_fail(err, MW_E_BODY_TOO_LARGE, "the body is larger than %llu bytes",
                (unsigned long long)cap_bytes);
        mw_mend(err, "send smaller batches, or raise --max-body");
        return 413;
    case STEP_TOO_LONG:
        mw_fail(err, MW_E_HEAD_TOO_LARGE, "the trailers of the body are too large");
        mw_mend(err, "send the body without trailers");
        return 431;
    case STEP_EXTENSION:
        mw_fail(err, MW_E_HTTP_CHUNK, "the chunk extensions are too large");
        mw_mend(err, "send chunks without extensions");
        return 400;
    default:
        mw_fail(err, MW_E_HTTP_CHUNK, "the chunked body is malformed");
        mw_mend(err, "send 'SIZE CR LF DATA CR LF' with the size in hexadecimal, and 0 at the end");
        return 400;
    }
}

net_chunk_event net_chunks_next(net_chunks *chunks, const char *data, size_t size, size_t *ret_used,
                                mw_view *ret_data, int *ret_refusal, mw_error *err)
{
    size_t used = 0;
    while (used < size && chunks->state != END) {
        if (chunks->state == DATA) {
            size_t run = size - used < chunks->left ? size - used : (size_t)chunks->left;
            *ret_data = (mw_view){data + used, run};
            *ret_used = used + run;
            chunks->left -= run;
            if (chunks->left == 0)
                chunks->state = DATA_CR;
            return NET_CHUNK_DATA;
        }
        step taken = take_byte(chunks, data[used]);
        if (taken != STEP_ON) {
            *ret_refusal = refuse(taken, chunks->cap_bytes, err);
            return NET_CHUNK_REFUSED;
        }
        used++;
    }
    *ret_used = used;
    return chunks->state == END ? NET_CHUNK_END : NET_CHUNK_MORE;
}
