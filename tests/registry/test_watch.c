/* What servers tell each other of their watch: the first reference is everybody's, a slot takes the
 * place of what it said before, nobody hears himself, and what is old goes. */
#include "record_folder.h"

#include <stdlib.h>

static const mw_shared_watch ada = {MW_VIEW("e"), MW_VIEW("m"), MW_VIEW("ada"), 7, UINT64_MAX - 4},
                             bob = {MW_VIEW("e"), MW_VIEW("m"), MW_VIEW("bob"), 7, UINT64_MAX - 4},
                             eve = {MW_VIEW("e"), MW_VIEW("m"), MW_VIEW("eve"), 7, 99};

static void must(mw_status status, const mw_error *err)
{
    if (status != MW_OK)
        fail_msg("%s %s", err->what, err->why);
}

static mw_status share(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    mw_view told;
    must(mw_record_share_reference(record, &ada, RECORD_NOTHING, &told, err), err);
    assert_null(told.data);
    must(mw_record_share_reference(record, &bob,
                                   MW_VIEW("\x01\x00\xff"
                                           "bob"),
                                   &told, err),
         err);
    assert_true(mw_view_equal(told, MW_VIEW("\x01\x00\xff"
                                            "bob")));
    must(mw_record_share_reference(record, &ada, MW_VIEW("ada's"), &told, err), err);
    assert_true(mw_view_equal(told, MW_VIEW("\x01\x00\xff"
                                            "bob")));
    mw_shared_watch other = ada;
    other.profile = 8; /* against another training profile: another group */
    must(mw_record_share_reference(record, &other, MW_VIEW("ada's"), &told, err), err);
    assert_true(mw_view_is(told, "ada's"));
    return MW_OK;
}

static void test_references(void **state)
{
    (void)state;
    change(share, NULL);
}

static mw_status tell(mw_record *record, const mw_shared_watch *who, int64_t bucket, uint64_t rows,
                      const char *counts, int64_t told, mw_error *err)
{
    const mw_shared_slot slot = {0, bucket, told, rows, mw_view_of(counts)};
    return mw_record_tell_slot(record, who, &slot, err);
}

static mw_status tell_all(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    mw_shared_slots slots;
    mw_sharing_servers servers;
    int64_t told;
    must(tell(record, &ada, 5, 10, "aa", 100, err), err);
    must(tell(record, &bob, 5, 20, "bb", 200, err), err);
    must(tell(record, &bob, 6, 30, "cc", 201, err), err);
    must(tell(record, &bob, 6, 33, "dd", 202, err), err); /* it has grown */
    must(tell(record, &eve, 5, 40, "ee", 300, err), err);
    must(mw_record_hear_slot(record, &ada, 0, 5, &slots, err), err);
    assert_true(slots.count == 1 && slots.items[0].rows == 20 &&
                mw_view_is(slots.items[0].counts, "bb"));
    must(mw_record_hear_slot(record, &ada, 0, 6, &slots, err), err);
    assert_true(slots.count == 1 && slots.items[0].rows == 33);
    must(mw_record_hear_slot(record, &ada, 1, 5, &slots, err), err);
    assert_int_equal(slots.count, 0);
    must(mw_record_told_since(record, &ada, MW_VIEW("bob"), 200, &slots, err), err);
    assert_true(slots.count == 1 && slots.items[0].bucket == 6 && slots.items[0].told == 202);
    must(mw_record_sharing_servers(record, &ada, &servers, err), err);
    assert_int_equal(servers.count, 2);
    assert_true(mw_view_is(servers.items[0].server, "bob") && !servers.items[0].is_apart &&
                servers.items[0].told == 202);
    assert_true(mw_view_is(servers.items[1].server, "eve") && servers.items[1].is_apart);
    must(mw_record_last_told(record, MW_VIEW("bob"), &told, err), err);
    assert_int_equal(told, 202);
    must(mw_record_last_told(record, MW_VIEW("nobody"), &told, err), err);
    assert_int_equal(told, 0);
    return MW_OK;
}

static void test_slots(void **state)
{
    (void)state;
    change(tell_all, NULL);
}

static mw_status tell_values(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    mw_view bytes;
    int64_t told;
    must(mw_record_tell_values(record, &bob, 100, mw_view_of("one"), err), err);
    must(mw_record_tell_values(record, &bob, 200, (mw_view){"t\0o", 3}, err), err);
    must(mw_record_tell_values(record, &eve, 300, mw_view_of("apart"), err), err);
    must(mw_record_hear_values(record, &ada, MW_VIEW("bob"), 100, &told, &bytes, err), err);
    assert_true(told == 200 && mw_view_equal(bytes, (mw_view){"t\0o", 3}));
    must(mw_record_hear_values(record, &ada, MW_VIEW("bob"), 200, &told, &bytes, err), err);
    assert_true(told == 200 && !bytes.data); /* heard already */
    must(mw_record_hear_values(record, &ada, MW_VIEW("eve"), 0, &told, &bytes, err), err);
    assert_null(bytes.data); /* against another reference */
    must(mw_record_forget_servers(record, 250, err), err);
    must(mw_record_hear_values(record, &ada, MW_VIEW("bob"), 0, &told, &bytes, err), err);
    assert_null(bytes.data);
    return MW_OK;
}

static void test_values(void **state)
{
    (void)state;
    change(tell_values, NULL);
}

static mw_status pass_labels(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    size_t n;
    mw_passed_labels next[MW_RECORD_LABELS_AT_ONCE];
    must(mw_record_pass_labels(record, MW_VIEW("ada"), (mw_view){"\0a", 2}, err), err);
    must(mw_record_pass_labels(record, MW_VIEW("bob"), mw_view_of("b"), err), err);
    must(mw_record_pass_labels(record, MW_VIEW("ada"), mw_view_of("c"), err), err);
    must(mw_record_passed_labels(record, MW_VIEW("bob"), 0, next, &n, err), err);
    assert_true(n == 2 && mw_view_equal(next[0].labels, (mw_view){"\0a", 2}));
    assert_true(mw_view_is(next[1].labels, "c"));
    must(mw_record_passed_labels(record, MW_VIEW("bob"), next[1].id, next, &n, err), err);
    assert_int_equal(n, 0);
    int64_t later = mw_clock_wall_ms() + 1000;
    must(mw_record_drop_labels(record, later, 0, 100, err), err);
    must(mw_record_passed_labels(record, MW_VIEW("ada"), 0, next, &n, err), err);
    assert_int_equal(n, 0);
    for (size_t i = 0; i < 2 * MW_RECORD_LABELS_AT_ONCE; i++) /* others in another table */
        must(mw_record_tell_labels(record, MW_VIEW("ada"), mw_view_of("12345"), err), err);
    must(mw_record_passed_labels(record, MW_VIEW("bob"), 0, next, &n, err), err);
    assert_int_equal(n, 0);
    must(mw_record_told_labels(record, MW_VIEW("ada"), 0, next, &n, err), err);
    assert_int_equal(n, 0); /* its own */
    must(mw_record_told_labels(record, MW_VIEW("bob"), 0, next, &n, err), err);
    assert_true(n == MW_RECORD_LABELS_AT_ONCE && mw_view_is(next[0].labels, "12345"));
    int64_t oldest = next[0].id;
    must(mw_record_drop_labels(record, 0, 0, 16, err), err); /* room for three of five bytes */
    must(mw_record_told_labels(record, MW_VIEW("bob"), 0, next, &n, err), err);
    assert_true(n == 3 && next[0].id == oldest + 2 * MW_RECORD_LABELS_AT_ONCE - 3);
    must(mw_record_drop_labels(record, 0, later, 16, err), err);
    must(mw_record_told_labels(record, MW_VIEW("bob"), 0, next, &n, err), err);
    assert_int_equal(n, 0);
    return MW_OK;
}

static void test_labels(void **state)
{
    (void)state;
    change(pass_labels, NULL);
}

static mw_status trim(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    mw_view told;
    mw_shared_slots slots;
    must(mw_record_share_reference(record, &ada, MW_VIEW("r"), &told, err), err);
    must(tell(record, &ada, 5, 10, "aa", 100, err), err);
    must(tell(record, &ada, 6, 10, "aa", 600, err), err);
    must(tell(record, &bob, 5, 20, "bb", 100, err), err);
    must(tell(record, &bob, 6, 20, "bb", 600, err), err);
    must(mw_record_trim_slots(record, &ada, 0, 6, err), err); /* its own old ones */
    must(mw_record_hear_slot(record, &bob, 0, 5, &slots, err), err);
    assert_int_equal(slots.count, 0);
    must(mw_record_hear_slot(record, &ada, 0, 5, &slots, err), err);
    assert_int_equal(slots.count, 1);
    must(mw_record_forget_servers(record, 500, err), err); /* of who is long gone */
    must(mw_record_hear_slot(record, &ada, 0, 5, &slots, err), err);
    assert_int_equal(slots.count, 0);
    must(mw_record_share_reference(record, &ada, RECORD_NOTHING, &told, err), err);
    assert_true(mw_view_is(told, "r")); /* it is used still */
    must(mw_record_forget_servers(record, INT64_MAX, err), err);
    must(mw_record_share_reference(record, &ada, RECORD_NOTHING, &told, err), err);
    assert_null(told.data);
    return MW_OK;
}

static void test_what_is_old(void **state)
{
    (void)state;
    change(trim, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_references), TEST(test_slots), TEST(test_values),
                                       TEST(test_labels), TEST(test_what_is_old)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
