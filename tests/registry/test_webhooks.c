/* Letters to webhooks: in the transaction of their change, one at a time and in order of each
 * webhook, leased, settled; and what is not told. */
#include "record_folder.h"

static void must(mw_status status, const mw_error *err)
{
    if (status != MW_OK)
        fail_msg("%s %s", err->what, err->why);
}

static mw_view event_of_models[] = {MW_VIEW("registered_model.created"),
                                    MW_VIEW("registered_model.created")};

static mw_webhook make(mw_record *record, const char *name)
{
    mw_error err;
    mw_webhook made;
    mw_webhook_wish wish = {.name = mw_view_of(name),
                            .url = MW_VIEW("http://a.example/"),
                            .events = {event_of_models, MW_COUNT(event_of_models)}};
    must(mw_record_create_webhook(record, &wish, &made, &err), &err);
    assert_int_equal(made.events.count, 1); /* said twice, it is one */
    return made;
}

static void make_model(mw_record *record, const char *name)
{
    mw_error err;
    mw_registered_model model;
    static const mw_tags none;
    must(mw_record_create_model(record, mw_view_of(name), RECORD_NOTHING, &none, &model, &err),
         &err);
}

static bool take(mw_record *record, int64_t now, mw_webhook_letter *ret_letter)
{
    enum { LEASE_MS = 1000 };
    mw_error err;
    bool is_one;
    must(mw_record_take_letter(record, now, LEASE_MS, ret_letter, &is_one, &err), &err);
    return is_one;
}

static void settle(mw_record *record, const mw_webhook_letter *letter, int64_t again)
{
    mw_error err;
    must(mw_record_settle_letter(record, letter->row, again, &err), &err);
}

static bool tells_of(const mw_webhook_letter *letter, const char *model)
{
    return strstr(letter->body.data, model) != NULL;
}

static mw_status in_order(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    int64_t due, now = mw_clock_wall_ms() + 10;
    mw_webhook_letter a, b, c;
    make(record, "one");
    make_model(record, "first");
    make_model(record, "second");
    assert_int_equal(mw_registry_letters(registry), 2);
    assert_true(take(record, now, &a));
    assert_true(tells_of(&a, "\"first\"") && a.tries == 0);
    assert_false(take(record, now, &b)); /* the second waits behind the first */
    settle(record, &a, now + 500);
    assert_false(take(record, now + 499, &b));
    must(mw_record_next_letter(record, &due, err), err);
    assert_true(due == now + 500); /* the second has nobody look before */
    assert_true(take(record, now + 500, &b));
    assert_true(b.row == a.row && b.tries == 1 && mw_view_equal(a.key, b.key));
    assert_false(take(record, now + 1499, &c));
    assert_true(take(record, now + 1501, &c)); /* its lease is over: who had it is dead */
    assert_true(c.row == a.row);
    must(mw_record_free_letters(record, err), err);
    assert_true(take(record, now + 1502, &c));
    settle(record, &c, 0);
    assert_true(take(record, now + 1502, &c));
    assert_true(tells_of(&c, "\"second\""));
    settle(record, &c, 0);
    must(mw_record_next_letter(record, &due, err), err);
    assert_true(due == INT64_MAX);
    return MW_OK;
}

static void test_in_order(void **state)
{
    (void)state;
    change(in_order, NULL);
}

static mw_status names(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    static const struct {
        mw_view name;
        bool fits;
    } cases[] = {
        {MW_VIEW("a"), true},         {MW_VIEW("a.b_c-9"), true}, {MW_VIEW("a\0b"), false},
        {MW_VIEW("-a"), false},       {MW_VIEW("a."), false},     {MW_VIEW("a b"), false},
        {MW_VIEW("\xc3\xa4"), false}, {MW_VIEW(""), false},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_webhook made;
        mw_webhook_wish wish = {.name = cases[i].name,
                                .url = MW_VIEW("http://a.example/"),
                                .events = {event_of_models, 1}};
        if ((mw_record_create_webhook(record, &wish, &made, err) == MW_OK) != cases[i].fits)
            fail_msg("case %zu: '%.*s'", i, MW_VIEW_ARG(cases[i].name));
    }
    return MW_OK;
}

static void test_names(void **state)
{
    (void)state;
    change(names, NULL);
}

static mw_status beside(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    int64_t now = mw_clock_wall_ms() + 10;
    mw_webhook_letter a, b, c;
    mw_webhook one = make(record, "one"), other = make(record, "other"), changed;
    make_model(record, "first");
    assert_true(take(record, now, &a) && take(record, now, &b)); /* one that hangs holds up none */
    assert_false(mw_view_equal(a.key, b.key));
    assert_false(take(record, now, &c));
    settle(record, &a, now);
    settle(record, &b, now);
    must(mw_record_update_webhook(record, one.id, &(mw_webhook_wish){.status = 2}, &changed, err),
         err);
    assert_false(changed.is_active);
    assert_true(take(record, now, &a) && mw_view_is(a.name, "other"));
    must(mw_record_delete_webhook(record, other.id, err), err);
    assert_false(take(record, now + 5000, &a));
    make_model(record, "second"); /* nobody hears of it */
    assert_false(take(record, now + 5000, &a));
    return MW_OK;
}

static void test_beside(void **state)
{
    (void)state;
    change(beside, NULL);
}

static mw_status fail_late(mw_record *record, void *user, mw_error *err)
{
    (void)user;
    make(record, "one");
    make_model(record, "undone");
    return mw_fail(err, MW_E_RECORD_VALUE, "no");
}

static mw_status look(mw_record *record, void *user, mw_error *err)
{
    mw_webhooks found;
    mw_view token;
    must(mw_record_next_letter(record, user, err), err);
    must(mw_record_webhooks(record, 0, RECORD_NOTHING, &found, &token, err), err);
    assert_int_equal(found.count, 0);
    return MW_OK;
}

/* A change that is undone is told to nobody. */
static void test_undone(void **state)
{
    (void)state;
    mw_error err;
    int64_t due = 0;
    assert_int_equal(mw_registry_write(registry, &arena, fail_late, NULL, &err), MW_BAD_ARGUMENT);
    change(look, &due);
    assert_true(due == INT64_MAX);
}

static void test_sealed(void **state)
{
    (void)state;
    mw_error err;
    mw_buf sealed, again, opened;
    if (mw_registry_is_shared(registry))
        skip();
    mw_buf_init(&sealed, 4096);
    mw_buf_init(&again, 4096);
    mw_buf_init(&opened, 4096);
    must(mw_registry_seal(registry, MW_VIEW("secret"), &sealed, &err), &err);
    must(mw_registry_seal(registry, MW_VIEW("secret"), &again, &err), &err);
    assert_string_not_equal(sealed.data, again.data);
    must(mw_registry_unseal(registry, mw_buf_as_view(&sealed), &opened, &err), &err);
    assert_string_equal(opened.data, "secret");
    sealed.data[sealed.size - 8] ^= 1;
    assert_int_equal(mw_registry_unseal(registry, mw_buf_as_view(&sealed), &opened, &err),
                     MW_BAD_ARGUMENT);
    static const char *const broken[] = {"", "s1:", "s1:AAAA", "s1:?", "s2:AAAA"};
    for (size_t i = 0; i < MW_COUNT(broken); i++)
        assert_int_equal(mw_registry_unseal(registry, mw_view_of(broken[i]), &opened, &err),
                         MW_BAD_ARGUMENT);
    mw_buf_done(&sealed);
    mw_buf_done(&again);
    mw_buf_done(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_in_order), TEST(test_names), TEST(test_beside),
                                       TEST(test_undone), TEST(test_sealed)};
    unsetenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
