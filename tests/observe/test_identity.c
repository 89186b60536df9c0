/* Request ids and trace context: what is taken, what is made. */
#include "../test.h"

#include "observe/identity.h"

static void test_sane_ids(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        bool sane;
    } cases[] = {
        {"a", true},
        {"01890a5d-ac96-774b-bcce-b302099a8057", true},
        {"Root=1-5759e988-bd862e3fe1be46a994272793", true},
        {"svc:order/17+x@eu~2_a.b", true},
        {"", false},
        {"two words", false},
        {"quote\"", false},
        {"back\\slash", false},
        {"a,b", false},
        {"<script>", false},
        {"umlaut\xc3\xa4", false},
        {"tab\t", false},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        if (observe_id_is_sane(mw_view_of(cases[i].id)) != cases[i].sane)
            fail_msg("'%s'", cases[i].id);
    char longest[OBSERVE_ID_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(observe_id_is_sane((mw_view){longest, OBSERVE_ID_BYTES_MAX}));
    assert_false(observe_id_is_sane((mw_view){longest, OBSERVE_ID_BYTES_MAX + 1}));
}

/* xxxxxxxx-xxxx-7xxx-[89ab]xxx-xxxxxxxxxxxx, the time in front, no two alike. */
static void test_made_ids(void **state)
{
    (void)state;
    enum { N = 2000 };
    static char ids[N][OBSERVE_ID_BYTES + 1];
    observe_chance chance = {{0}};
    observe_chance_seed(&chance);
    for (size_t i = 0; i < N; i++) {
        observe_id_make(&chance, 0x0190a5dac967 + i / 100, ids[i]);
        assert_int_equal(ids[i][8], '-');
        assert_int_equal(ids[i][13], '-');
        assert_int_equal(ids[i][14], '7');
        assert_int_equal(ids[i][18], '-');
        assert_non_null(strchr("89ab", ids[i][19]));
        assert_int_equal(ids[i][23], '-');
        assert_int_equal(strspn(ids[i], "0123456789abcdef-"), OBSERVE_ID_BYTES);
        for (size_t j = i > 100 ? i - 100 : 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
    assert_memory_equal(ids[0], "0190a5da-c967-7", 15);
    assert_true(strcmp(ids[0], ids[N - 1]) < 0);
}

#define IDS "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"

static void test_traceparent(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool good, sampled;
    } cases[] = {
        {"00-" IDS "-01", true, true},
        {"00-" IDS "-00", true, false},
        {"00-" IDS "-03", true, true},
        {"00-" IDS "-02", true, false},
        {"cc-" IDS "-01", true, true},
        {"cc-" IDS "-01-what-comes-later", true, true},
        {"cc-" IDS "-01.what", false, false},
        {"00-" IDS "-01-", false, false},
        {"00-" IDS "-01-more", false, false},
        {"ff-" IDS "-01", false, false},
        {"0-" IDS "-01", false, false},
        {"00-" IDS "-1", false, false},
        {"00-" IDS, false, false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01", false, false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false},
        {"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", false, false},
        {"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", false, false},
        {".0-" IDS "-01", false, false},
        {"00-" IDS "-0x", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        observe_trace trace = {.is_sampled = false};
        bool good = observe_read_traceparent(mw_view_of(cases[i].value), &trace);
        if (good != cases[i].good || trace.is_sampled != cases[i].sampled)
            fail_msg("'%s': %d, %d", cases[i].value, good, trace.is_sampled);
        if (!good)
            continue;
        char text[2 * OBSERVE_TRACE_ID_BYTES + 1 + 2 * OBSERVE_SPAN_ID_BYTES + 1];
        char *at = mw_hex_write(text, trace.trace_id, sizeof trace.trace_id);
        *at++ = '-';
        *mw_hex_write(at, trace.parent_id, sizeof trace.parent_id) = '\0';
        assert_string_equal(text, IDS);
    }
}

static void test_tracestate(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool sane;
    } cases[] = {
        {"rojo=00f067aa0ba902b7", true},
        {"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
        {"a=1 ,\tb=2", true},
        {"a=1,,b=2,", true},
        {"fw529a3039@dt=FfD&!x", true},
        {"0a@b=1", true},
        {"a=b c", true},
        {"", false},
        {",", false},
        {"a", false},
        {"=1", false},
        {"a=", false},
        {"A=1", false},
        {"a@=1", false},
        {"@b=1", false},
        {"a@0b=1", false},
        {"a=1,a=2", false},
        {"a=1=2", false},
        {"a=\x01", false},
        {"a=\xc3\xa4", false},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        if (observe_tracestate_is_sane(mw_view_of(cases[i].value)) != cases[i].sane)
            fail_msg("'%s'", cases[i].value);
    mw_buf many;
    mw_buf_init(&many, MW_MIB);
    for (int i = 0; i < OBSERVE_TRACESTATE_MEMBERS_MAX; i++)
        mw_buf_format(&many, "%sk%d=v", i ? "," : "", i);
    assert_true(observe_tracestate_is_sane(mw_buf_as_view(&many)));
    mw_buf_text(&many, ",one=more");
    assert_false(observe_tracestate_is_sane(mw_buf_as_view(&many)));
    mw_buf_done(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sane_ids),
        cmocka_unit_test(test_made_ids),
        cmocka_unit_test(test_traceparent),
        cmocka_unit_test(test_tracestate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
