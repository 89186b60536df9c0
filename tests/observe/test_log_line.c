/* Lines of the access log: the fields, what is masked, and whatever bytes a client sends: one line
 * of valid JSON. */
#include "../test.h"

#include <stdlib.h>

#include "observe/record.h"

static const observe_mask no_mask = {NULL};

static void write_line(const observe_record *record, const observe_mask *mask, mw_buf *out)
{
    char *bytes = malloc(observe_record_bytes(record));
    observe_record again;
    observe_record_write(record, bytes);
    observe_record_read((mw_view){bytes, observe_record_bytes(record)}, &again);
    observe_write_line(&again, mask, out);
    free(bytes);
}

static void test_fields(void **state)
{
    (void)state;
    observe_record record = {
        .wall_ns = 1795693445123456789,
        .began_ns = 5000000,
        .ended_ns = 6234567,
        .request_bytes = 33,
        .reply_bytes = 79,
        .n_rows = 2,
        .status = 404,
        .grpc_status = -1,
        .error_code = 3506,
        .version = 3,
        .peer = {.kind = MW_PEER_IPV4, .port = 4711, .address = {192, 0, 2, 7}},
    };
    mw_buf out;
    mw_buf_init(&out, MW_MIB);
    record.timeline.marked_ns = 5000000;
    mw_timeline_end(&record.timeline, MW_STAGE_QUEUE, 5100000);
    mw_timeline_end(&record.timeline, MW_STAGE_DECODE, 6100400);
    observe_record_put_text(&record, OBSERVE_REQUEST_ID, MW_VIEW("id-1"));
    observe_record_put_text(&record, OBSERVE_METHOD, MW_VIEW("POST"));
    observe_record_put_text(&record, OBSERVE_PATH, MW_VIEW("/a"));
    observe_record_put_text(&record, OBSERVE_QUERY, MW_VIEW("x=1&Token=secret"));
    observe_record_put_text(&record, OBSERVE_ENDPOINT, MW_VIEW("churn"));
    observe_record_put_text(&record, OBSERVE_AGENT, MW_VIEW("a\"b\n{"));
    observe_record_put_text(&record, OBSERVE_HEADERS, MW_VIEW("x-a\0one\0cookie\0two\0"));
    write_line(&record, &no_mask, &out);
    assert_string_equal(
        out.data,
        "{\"time\":\"2026-11-26T11:44:05.123Z\",\"request_id\":\"id-1\",\"peer\":\"192.0.2.7:"
        "4711\","
        "\"method\":\"POST\",\"path\":\"/a?x=1&Token=***\",\"protocol\":\"http/1.1\","
        "\"endpoint\":\"churn\",\"version\":3,\"rows\":2,\"status\":404,\"error\":\"MW3506\","
        "\"request_bytes\":33,\"response_bytes\":79,\"duration_ms\":1.235,"
        "\"stages_ms\":{\"queue\":0.100,\"decode\":1.000},\"user_agent\":\"a\\\"b\\n{\","
        "\"headers\":{\"x-a\":\"one\",\"cookie\":\"***\"}}\n");
    mw_buf_done(&out);
}

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *further, *query, *expected;
    } cases[] = {
        {NULL, "a=1&b=2", "a=1&b=2"},
        {NULL, "access_token=x", "access_token=***"},
        {NULL, "API_KEY=x&y", "API_KEY=***&y"},
        {NULL, "token", "token"},
        {NULL, "token=&a=b", "token=***&a=b"},
        {NULL, "to%6ben=x", "to%6ben=***"},
        {NULL, "to%6Ben=x", "to%6Ben=***"},
        {NULL, "to%zzken=x&", "to%zzken=x&"},
        {NULL, "a=token=b", "a=token=b"},
        {NULL, "&&=&", "&&=&"},
        {"iban, Name", "name=Ada&iban=DE1&n=2", "name=***&iban=***&n=2"},
        {",,", "a=1", "a=1"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_buf out;
        mw_buf_init(&out, MW_MIB);
        observe_mask mask = {cases[i].further};
        observe_write_query(&mask, mw_view_of(cases[i].query), &out);
        assert_string_equal(out.data, cases[i].expected);
        mw_buf_done(&out);
    }
}

/* Any bytes in every text: the line is one line, an object, and keeps what was told apart. */
static void test_any_bytes(void **state)
{
    (void)state;
    enum { TURNS = 3000, MOST = 300 };
    static char bytes[OBSERVE_N_TEXTS][MOST];
    observe_chance chance = {{1, 2, 3, 4}};
    for (int turn = 0; turn < TURNS; turn++) {
        observe_record record = {.status = 200, .ended_ns = 10, .has_trace = turn & 1};
        for (int which = 0; which < OBSERVE_N_TEXTS; which++) {
            size_t size = observe_draw(&chance) % MOST;
            for (size_t i = 0; i < size; i++) {
                uint64_t drawn = observe_draw(&chance);
                bytes[which][i] = drawn & 256 ? "\"\\\n\r{},:\1&=%"[drawn % 12] : (char)drawn;
                if (bytes[which][i] == '\0') /* net lets none through, nor does the reader here */
                    bytes[which][i] = 1;
            }
            observe_record_put_text(&record, (observe_text)which, (mw_view){bytes[which], size});
        }
        mw_buf out;
        mw_error err;
        mw_json *root = NULL;
        mw_buf_init(&out, MW_MIB);
        write_line(&record, &no_mask, &out);
        assert_false(out.failed);
        assert_ptr_equal(memchr(out.data, '\n', out.size), out.data + out.size - 1);
        /* the reader refuses members that repeat, which those of such headers may */
        record.texts[OBSERVE_HEADERS].size = 0;
        mw_buf_reset(&out);
        write_line(&record, &no_mask, &out);
        if (mw_json_read(mw_buf_as_view(&out), &root, &err) != MW_OK)
            fail_msg("%s in %s", err.what, out.data);
        double status = 0;
        assert_true(mw_json_is_object(root));
        assert_true(mw_json_number(mw_json_member(root, "status"), &status) && status == 200);
        mw_json_free(root);
        mw_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
