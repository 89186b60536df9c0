/* The audit log: what is written, and that any change of it is found. */
#include "record_folder.h"

#include <sqlite3.h>

static mw_error err;
static const mw_actor ada = {{"ada", 3}, {"10.0.0.7:1", 10}, {"id-1", 4}};

static mw_status make_changes(mw_record *record, void *given, mw_error *e)
{
    (void)given;
    mw_tags none = {0};
    mw_registered_model model;
    int64_t id;
    const mw_tag tag = {MW_VIEW("k"), MW_VIEW("v \"1\"\n")};
    MW_TRY(mw_record_create_experiment(record, MW_VIEW("e1"), MW_VIEW(""), &none, &id, e));
    MW_TRY(mw_record_rename_experiment(record, MW_VIEW("1"), MW_VIEW("e2"), e));
    MW_TRY(mw_record_create_model(record, MW_VIEW("credit"), MW_VIEW(""), &none, &model, e));
    MW_TRY(mw_record_tag_model(record, MW_VIEW("credit"), &tag, e));
    MW_TRY(
        mw_record_tag_model(record, MW_VIEW("credit"), &(mw_tag){MW_VIEW("k"), MW_VIEW("2")}, e));
    return mw_record_delete_model(record, MW_VIEW("credit"), e);
}

static void make_log(void)
{
    assert_int_equal(mw_registry_write_as(registry, &ada, &arena, make_changes, NULL, &err), MW_OK);
}

static mw_status list(mw_record *record, void *given, mw_error *e)
{
    mw_audit_query query = {.max = 100};
    return mw_record_audit(record, &query, given, e);
}

static void test_entries(void **state)
{
    (void)state;
    mw_audit_entries found;
    make_log();
    assert_int_equal(mw_registry_read(registry, &arena, list, &found, &err), MW_OK);
    assert_int_equal(found.count, 6);
    const mw_audit_entry *tagged = &found.items[1], *renamed = &found.items[4];
    assert_int_equal(tagged->seq, 5);
    assert_true(mw_view_is(tagged->actor, "ada"));
    assert_true(mw_view_is(tagged->from, "10.0.0.7:1"));
    assert_true(mw_view_is(tagged->request, "id-1"));
    assert_true(mw_view_is(tagged->action, "model.tag"));
    assert_true(mw_view_is(tagged->object, "model credit"));
    assert_true(mw_view_is(tagged->before, "k=v \"1\"\n"));
    assert_true(mw_view_is(tagged->after, "k=2"));
    assert_true(mw_view_is(renamed->before, "e1"));
    assert_true(mw_view_is(renamed->after, "e2"));
    assert_null(found.items[0].after.data); /* deleted */
}

static mw_status change_and_fail(mw_record *record, void *given, mw_error *e)
{
    mw_tags none = {0};
    mw_registered_model model;
    (void)given;
    MW_TRY(mw_record_create_model(record, MW_VIEW("other"), MW_VIEW(""), &none, &model, e));
    return mw_record_delete_model(record, MW_VIEW("no such"), e);
}

/* A refused change leaves no entry: it is undone with the rest. */
static void test_refused(void **state)
{
    (void)state;
    mw_audit_entries found;
    change(make_changes, NULL);
    assert_int_equal(mw_registry_write_as(registry, &ada, &arena, change_and_fail, NULL, &err),
                     MW_NOT_FOUND);
    assert_int_equal(mw_registry_read(registry, &arena, list, &found, &err), MW_OK);
    assert_int_equal(found.count, 6);
}

typedef struct check {
    mw_view head;
    mw_audit_verdict verdict;
} check;

static mw_status verify(mw_record *record, void *given, mw_error *e)
{
    check *c = given;
    return mw_record_verify_audit(record, c->head, &c->verdict, e);
}

static mw_audit_verdict judge(const char *head)
{
    check c = {.head = mw_view_of(head)};
    assert_int_equal(mw_registry_read(registry, &arena, verify, &c, &err), MW_OK);
    return c.verdict;
}

/* With another program, as somebody with the file would. */
static void tamper(const char *script)
{
    sqlite3 *db;
    char path[TEST_FOLDER_BYTES + 16];
    snprintf(path, sizeof path, "%s/record.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, script, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", script, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void test_whole(void **state)
{
    (void)state;
    mw_audit_verdict empty = judge(NULL);
    assert_true(empty.is_whole);
    assert_int_equal(empty.n_entries, 0);
    make_log();
    mw_audit_verdict whole = judge(NULL);
    assert_true(whole.is_whole);
    assert_int_equal(whole.n_entries, 6);
    assert_true(judge(whole.head).saw_head);
    assert_false(judge("0123").saw_head);
}

#define FREE "DROP TRIGGER audit_stays; DROP TRIGGER audit_remains; "

static void test_tampering(void **state)
{
    (void)state;
    if (getenv("MW_TEST_STORE"))
        skip(); /* of a file */
    static const struct {
        const char *script;
        int64_t broken_seq;
    } cases[] = {
        {FREE "UPDATE audit SET actor = 'bob' WHERE seq = 3", 3},
        {FREE "UPDATE audit SET after = NULL WHERE seq = 4", 4},
        {FREE "UPDATE audit SET before = '' WHERE seq = 1", 1},
        {FREE "UPDATE audit SET time = time + 1 WHERE seq = 6", 6},
        {FREE "UPDATE audit SET hash = prev WHERE seq = 2", 2},
        {FREE "DELETE FROM audit WHERE seq = 2", 3},
        {FREE "DELETE FROM audit WHERE seq = 1", 2},
        {FREE "DELETE FROM audit WHERE seq = 6", 6},
        {FREE "DELETE FROM audit", 1},
        {FREE "UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
              "UPDATE audit SET seq = 3 WHERE seq = 100",
         2},
        {"INSERT INTO audit SELECT 7, time, actor, origin, request, action, object, before, after,"
         " hash, hash FROM audit WHERE seq = 6",
         7},
        {FREE "UPDATE audit SET seq = seq + 100 WHERE seq > 3; UPDATE audit SET seq = seq - 99"
              " WHERE seq > 100; INSERT INTO audit SELECT 4, time, actor, origin, request, action,"
              " object, before, after, prev, hash FROM audit WHERE seq = 3",
         4},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        set_up(NULL);
        make_log();
        tamper(cases[i].script);
        mw_audit_verdict verdict = judge(NULL);
        if (verdict.is_whole || verdict.broken_seq != cases[i].broken_seq)
            fail_msg("%s: %s at %lld (%s)", cases[i].script, verdict.is_whole ? "whole" : "broken",
                     (long long)verdict.broken_seq, verdict.fault ? verdict.fault : "");
        tear_down(NULL);
    }
}

/* Rows can only be added, for whoever does not take the triggers away first. */
static void test_append_only(void **state)
{
    (void)state;
    sqlite3 *db;
    char path[TEST_FOLDER_BYTES + 16];
    make_log();
    snprintf(path, sizeof path, "%s/record.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "UPDATE audit SET actor = 'x'", NULL, NULL, NULL),
                         SQLITE_OK);
    sqlite3_close(db);
}

/* Long texts are cut at a character, and say so. */
static mw_status note_long(mw_record *record, void *given, mw_error *e)
{
    (void)given;
    char text[2000];
    memset(text, 'a', sizeof text);
    memcpy(text + 499, "\xc3\xa4", 2);
    return mw_record_note(record, "test", MW_VIEW("x"), (mw_view){text, sizeof text},
                          (mw_view){text, 3}, e);
}

static void test_long(void **state)
{
    (void)state;
    mw_audit_entries found;
    assert_int_equal(mw_registry_write(registry, &arena, note_long, NULL, &err), MW_OK);
    assert_int_equal(mw_registry_read(registry, &arena, list, &found, &err), MW_OK);
    assert_int_equal(found.items[0].before.size, 499 + 3);
    assert_true(mw_view_is(found.items[0].actor, "-"));
    assert_true(judge(NULL).is_whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_entries),     TEST(test_refused),
        TEST(test_whole),       cmocka_unit_test(test_tampering),
        TEST(test_append_only), TEST(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
