/* Spans in protobuf: the server's, and one for each stage inside it. Values that a real collector
 * decodes are in tests/wire/test_trace.py. */
#include "../test.h"

#include "observe/record.h"

static const observe_mask no_mask = {NULL};

typedef struct span {
    mw_view id, parent, name;
    uint64_t begin_ns, end_ns, kind;
} span;

static span read_span(mw_view message)
{
    enum { SPAN_ID = 2, PARENT = 4, NAME = 5, KIND = 6, BEGIN = 7, END = 8 };
    mw_protobuf rest = mw_protobuf_of(message);
    mw_protobuf_field field;
    mw_protobuf_outcome outcome;
    span found = {{NULL, 0}, {NULL, 0}, {NULL, 0}, 0, 0, 0};
    while ((outcome = mw_protobuf_next(&rest, &field)) == MW_PROTOBUF_FIELD) {
        if (field.number == SPAN_ID)
            found.id = field.bytes;
        else if (field.number == PARENT)
            found.parent = field.bytes;
        else if (field.number == NAME)
            found.name = field.bytes;
        else if (field.number == KIND)
            found.kind = field.value;
        else if (field.number == BEGIN)
            found.begin_ns = field.value;
        else if (field.number == END)
            found.end_ns = field.value;
    }
    assert_int_equal(outcome, MW_PROTOBUF_END);
    return found;
}

static void test_nested(void **state)
{
    (void)state;
    observe_record record = {.wall_ns = 1795693445000000000,
                             .began_ns = 1000,
                             .ended_ns = 9000,
                             .status = 200,
                             .grpc_status = -1,
                             .trace = {.trace_id = {1}, .parent_id = {2}, .has_parent = true},
                             .span_id = {3}};
    observe_chance chance = {{1, 2, 3, 4}};
    mw_buf out;
    mw_buf_init(&out, MW_MIB);
    record.timeline.marked_ns = 1000;
    mw_timeline_end(&record.timeline, MW_STAGE_RECEIVE, 1000); /* came in one piece: no span */
    mw_timeline_end(&record.timeline, MW_STAGE_QUEUE, 2000);
    mw_timeline_end(&record.timeline, MW_STAGE_DECODE, 5000);
    mw_timeline_end(&record.timeline, MW_STAGE_ENCODE, 8000);
    observe_record_put_text(&record, OBSERVE_METHOD, MW_VIEW("POST"));
    observe_record_put_text(&record, OBSERVE_ROUTE, MW_VIEW("/v2/models/{name}/infer"));
    observe_record_put_text(&record, OBSERVE_AGENT, MW_VIEW("\xff\xfe"));
    assert_int_equal(observe_write_spans(&record, &no_mask, &chance, &out), 4);
    static const char *const names[] = {"POST /v2/models/{name}/infer", "queue", "decode",
                                        "encode"};
    mw_protobuf rest = mw_protobuf_of(mw_buf_as_view(&out));
    mw_protobuf_field field;
    span server = {.kind = 0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(mw_protobuf_next(&rest, &field), MW_PROTOBUF_FIELD);
        span found = read_span(field.bytes);
        assert_true(mw_view_is(found.name, names[i]));
        assert_int_equal(found.id.size, OBSERVE_SPAN_ID_BYTES);
        if (i == 0) {
            server = found;
            assert_int_equal(found.end_ns - found.begin_ns, 8000);
            assert_int_equal(found.end_ns, record.wall_ns);
            assert_memory_equal(found.parent.data, record.trace.parent_id, found.parent.size);
            continue;
        }
        assert_true(mw_view_equal(found.parent, server.id));
        assert_true(found.begin_ns >= server.begin_ns && found.end_ns <= server.end_ns);
        assert_true(found.begin_ns < found.end_ns);
    }
    assert_int_equal(mw_protobuf_next(&rest, &field), MW_PROTOBUF_END);
    mw_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
