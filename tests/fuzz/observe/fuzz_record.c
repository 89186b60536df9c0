/* What clients send, as the access log and spans tell it: no crash; a line is one line of JSON.
 *
 *     each text: a byte that says how long it is, then the text */
#include <stdlib.h>

#include "observe/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_line(const observe_record *record, const observe_mask *mask)
{
    mw_buf out;
    mw_error err;
    mw_json *root = NULL;
    mw_buf_init(&out, 4 * MW_MIB);
    observe_write_line(record, mask, &out);
    check(!out.failed && out.size > 2);
    check(memchr(out.data, '\n', out.size) == out.data + out.size - 1);
    if (record->texts[OBSERVE_HEADERS].size == 0) { /* keys there may repeat */
        check(mw_json_read(mw_buf_as_view(&out), &root, &err) == MW_OK);
        check(mw_json_is_object(root));
        mw_json_free(root);
    }
    mw_buf_done(&out);
}

static void check_spans(const observe_record *record, const observe_mask *mask)
{
    observe_chance chance = {{1, 2, 3, 4}};
    mw_buf out;
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    mw_buf_init(&out, 4 * MW_MIB);
    size_t n = observe_write_spans(record, mask, &chance, &out);
    mw_protobuf rest = mw_protobuf_of(mw_buf_as_view(&out));
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD)
        n--;
    check(outcome == MW_PROTOBUF_END && n == 0);
    mw_buf_done(&out);
}

/* net lets no NUL through in heads, and the reader of JSON here takes none. */
static mw_view without_nul(const uint8_t *data, size_t size, char room[UINT8_MAX])
{
    for (size_t i = 0; i < size; i++)
        room[i] = data[i] ? (char)data[i] : '.';
    return (mw_view){room, size};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char rooms[OBSERVE_N_TEXTS][UINT8_MAX];
    observe_record record = {.status = 200, .grpc_status = 0, .ended_ns = 9, .has_trace = true};
    observe_mask mask = {"iban,name"};
    if (size == 0)
        return 0;
    record.is_grpc = data[0] & 1;
    record.is_gone = data[0] & 2;
    data++;
    size--;
    for (int which = 0; which < OBSERVE_N_TEXTS && size > 0; which++) {
        size_t wanted = data[0], n = wanted < size - 1 ? wanted : size - 1;
        observe_record_put_text(&record, (observe_text)which,
                                which == OBSERVE_HEADERS ? (mw_view){(const char *)data + 1, n}
                                                         : without_nul(data + 1, n, rooms[which]));
        data += n + 1;
        size -= n + 1;
    }
    check_line(&record, &mask);
    check_spans(&record, &mask);
    return 0;
}
