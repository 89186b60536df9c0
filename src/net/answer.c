/* Heads of answers, and answers that are read to be counted only. */
#include "answer.h"

#include "chunks.h"
#include "token.h"

/* ---- the head -------------------------------------------------------------------------------- */

static bool note_header(mw_header header, net_answer_head *head)
{
    if (mw_view_is_nocase(header.name, "content-length")) {
        head->has_length = true;
        return mw_whole_parse(header.value, &head->content_length);
    }
    if (mw_view_is_nocase(header.name, "transfer-encoding"))
        head->is_chunked = true;
    else if (mw_view_is_nocase(header.name, "connection"))
        head->closes = mw_view_is_nocase(header.value, "close");
    return true;
}

static bool parse_status(mw_view line, net_answer_head *head)
{
    if (line.size < 12 || !mw_view_starts(line, "HTTP/1.") || line.data[8] != ' ')
        return false;
    head->status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (!net_is_digit(line.data[i]))
            return false;
        head->status = head->status * 10 + (line.data[i] - '0');
    }
    head->closes = line.data[7] == '0';
    return true;
}

bool net_answer_parse(mw_view text, net_answer_head *ret_head)
{
    net_answer_head head = {.size = text.size};
    const char *at = text.data, *end = text.data + text.size;
    for (bool is_first = true;; is_first = false) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end || line_end == at || line_end[-1] != '\r')
            return false;
        mw_view line = {at, (size_t)(line_end - at) - 1};
        mw_header header;
        at = line_end + 1;
        if (line.size == 0)
            break;
        if (is_first ? !parse_status(line, &head)
                     : (net_split_header(line, &header) || !note_header(header, &head)))
            return false;
    }
    *ret_head = head;
    return true;
}

bool net_answer_has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

/* ---- the counter ----------------------------------------------------------------------------- */

enum { COUNTING_HEAD, COUNTING_LENGTH, COUNTING_CHUNKS, COUNTING_TO_END };

struct mw_answer_counter {
    int state;
    uint64_t left; /* of a body of known length */
    net_chunks chunks;
    net_answer_head head;
    size_t kept; /* bytes of the head that waits in `text` */
    char text[MW_LIMIT_HEAD_BYTES];
};

mw_answer_counter *mw_answer_counter_new(void)
{
    return calloc(1, sizeof(mw_answer_counter));
}

void mw_answer_counter_free(mw_answer_counter *counter)
{
    free(counter);
}

void mw_answer_counter_begin(mw_answer_counter *counter)
{
    counter->state = COUNTING_HEAD;
    counter->kept = 0;
}

/* Behind a head: what follows, and whether that is nothing. */
static bool begin_body(mw_answer_counter *counter)
{
    const net_answer_head *head = &counter->head;
    if (net_answer_has_no_body(head->status)) {
        counter->left = 0;
        counter->state = COUNTING_LENGTH;
    } else if (head->is_chunked) {
        net_chunks_init(&counter->chunks, UINT64_MAX);
        counter->state = COUNTING_CHUNKS;
    } else if (head->has_length) {
        counter->left = head->content_length;
        counter->state = COUNTING_LENGTH;
    } else {
        counter->head.closes = true;
        counter->state = COUNTING_TO_END;
    }
    return counter->state == COUNTING_LENGTH && counter->left == 0;
}

/* Take bytes up to the head's end. *ret_used counts only those of `data`. */
static mw_answer_event take_head(mw_answer_counter *counter, mw_view data, size_t *ret_used)
{
    size_t room = sizeof counter->text - counter->kept;
    size_t taken = data.size < room ? data.size : room, before = counter->kept;
    memcpy(counter->text + before, data.data, taken);
    counter->kept += taken;
    const char *end = memmem(counter->text, counter->kept, "\r\n\r\n", 4);
    *ret_used = taken;
    if (!end)
        return counter->kept == sizeof counter->text ? MW_ANSWER_BROKEN : MW_ANSWER_MORE;
    size_t size = (size_t)(end - counter->text) + 4;
    *ret_used = size - before;
    counter->kept = 0;
    if (!net_answer_parse((mw_view){counter->text, size}, &counter->head))
        return MW_ANSWER_BROKEN;
    if (counter->head.status < 200)
        return MW_ANSWER_MORE; /* an interim answer; the true one follows */
    return begin_body(counter) ? MW_ANSWER_WHOLE : MW_ANSWER_MORE;
}

static mw_answer_event take_length(mw_answer_counter *counter, mw_view data, size_t *ret_used)
{
    *ret_used = data.size < counter->left ? data.size : (size_t)counter->left;
    counter->left -= *ret_used;
    return counter->left == 0 ? MW_ANSWER_WHOLE : MW_ANSWER_MORE;
}

static mw_answer_event take_chunks(mw_answer_counter *counter, mw_view data, size_t *ret_used)
{
    mw_view piece;
    mw_error err;
    int refusal;
    switch (
        net_chunks_next(&counter->chunks, data.data, data.size, ret_used, &piece, &refusal, &err)) {
    case NET_CHUNK_END:
        return MW_ANSWER_WHOLE;
    case NET_CHUNK_REFUSED:
        return MW_ANSWER_BROKEN;
    case NET_CHUNK_MORE:
    case NET_CHUNK_DATA:
        return MW_ANSWER_MORE;
    }
    return MW_ANSWER_BROKEN;
}

static mw_answer_event take_some(mw_answer_counter *counter, mw_view data, size_t *ret_used)
{
    switch (counter->state) {
    case COUNTING_HEAD:
        return take_head(counter, data, ret_used);
    case COUNTING_LENGTH:
        return take_length(counter, data, ret_used);
    case COUNTING_CHUNKS:
        return take_chunks(counter, data, ret_used);
    default:
        *ret_used = data.size;
        return MW_ANSWER_MORE;
    }
}

mw_answer_event mw_answer_counter_take(mw_answer_counter *counter, mw_view data, size_t *ret_used)
{
    size_t used = 0;
    mw_answer_event event = MW_ANSWER_MORE;
    while (event == MW_ANSWER_MORE && used < data.size) {
        size_t some = 0;
        event = take_some(counter, (mw_view){data.data + used, data.size - used}, &some);
        used += some;
    }
    *ret_used = used;
    return event;
}

mw_answer_event mw_answer_counter_end(const mw_answer_counter *counter)
{
    return counter->state == COUNTING_TO_END ? MW_ANSWER_WHOLE : MW_ANSWER_BROKEN;
}

int mw_answer_counter_status(const mw_answer_counter *counter)
{
    return counter->head.status;
}

bool mw_answer_counter_closes(const mw_answer_counter *counter)
{
    return counter->head.closes;
}
