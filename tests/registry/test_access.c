/* Users, roles, tokens: who is known, who is not, and what each may do. */
#include "record_folder.h"

#include "registry/secrets.h"

static mw_error err;

/* ---- pure ------------------------------------------------------------------------------------ */

static void test_roles(void **state)
{
    (void)state;
    const mw_grant grants[] = {
        {MW_ROLE_VIEWER, MW_SCOPE_EXPERIMENT, MW_VIEW("3")},
        {MW_ROLE_EDITOR, MW_SCOPE_MODEL, MW_VIEW("credit")},
        {MW_ROLE_DEPLOYER, MW_SCOPE_ENDPOINT, MW_VIEW("live")},
    };
    const mw_grants some = {(mw_grant *)grants, MW_COUNT(grants)};
    static const struct {
        mw_scope scope;
        const char *object;
        mw_role role;
    } cases[] = {
        {MW_SCOPE_EXPERIMENT, "3", MW_ROLE_VIEWER},    {MW_SCOPE_EXPERIMENT, "33", MW_ROLE_NONE},
        {MW_SCOPE_EXPERIMENT, "", MW_ROLE_NONE},       {MW_SCOPE_MODEL, "credit", MW_ROLE_EDITOR},
        {MW_SCOPE_MODEL, "Credit", MW_ROLE_NONE},      {MW_SCOPE_MODEL, "3", MW_ROLE_NONE},
        {MW_SCOPE_ENDPOINT, "live", MW_ROLE_DEPLOYER}, {MW_SCOPE_ALL, "", MW_ROLE_NONE},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        assert_int_equal(mw_grants_role(&some, cases[i].scope, mw_view_of(cases[i].object)),
                         cases[i].role);
    mw_grant all = {MW_ROLE_EDITOR, MW_SCOPE_ALL, MW_VIEW("")};
    assert_int_equal(mw_grants_role(&(mw_grants){&all, 1}, MW_SCOPE_MODEL, MW_VIEW("any")),
                     MW_ROLE_EDITOR);
    assert_int_equal(mw_role_named(MW_VIEW("deployer")), MW_ROLE_DEPLOYER);
    assert_int_equal(mw_role_named(MW_VIEW("root")), MW_N_ROLES);
}

static void test_secrets(void **state)
{
    (void)state;
    char a[MW_TOKEN_BYTES], b[MW_TOKEN_BYTES], x[MW_TOKEN_DIGEST_BYTES], y[MW_TOKEN_DIGEST_BYTES];
    char hash[MW_PASSWORD_HASH_BYTES];
    unsigned seen = 0;
    secret_new_token(a);
    secret_new_token(b);
    assert_int_equal(strlen(a), MW_TOKEN_BYTES - 1);
    assert_string_not_equal(a, b);
    assert_true(secret_is_token(mw_view_of(a)));
    assert_false(secret_is_token(MW_VIEW("mw_short")));
    for (const char *c = a + 3; *c; c++)
        seen |= 1u << (*c >= 'a' ? *c - 'a' : 26 + *c - '2');
    assert_true(__builtin_popcount(seen) > 12); /* of 32 letters, 52 times: fewer is no chance */
    secret_digest(MW_VIEW("k"), mw_view_of(a), x);
    secret_digest(MW_VIEW("l"), mw_view_of(a), y);
    assert_string_not_equal(x, y);
    assert_int_equal(mw_password_hash(MW_VIEW("short"), hash, &err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_password_hash(MW_VIEW("long enough"), hash, &err), MW_OK);
    assert_true(strncmp(hash, "$argon2id$", 10) == 0);
    assert_true(mw_password_is(MW_VIEW("long enough"), hash));
    assert_false(mw_password_is(MW_VIEW("long enougH"), hash));
    assert_false(mw_password_is(MW_VIEW(""), ""));
}

/* ---- in the record --------------------------------------------------------------------------- */

static mw_status use_users(mw_record *record, void *given, mw_error *e)
{
    (void)given;
    mw_user user;
    int64_t before, after;
    static const char *const bad[] = {"", "a b", "a/b", "\xc3\xa4", "a:b"};
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        assert_int_equal(mw_record_add_user(record, mw_view_of(bad[i]), MW_VIEW("h"), e),
                         MW_BAD_ARGUMENT);
    assert_int_equal(mw_record_access_epoch(record, &before, e), MW_OK);
    assert_int_equal(mw_record_add_user(record, MW_VIEW("ada"), MW_VIEW("h1"), e), MW_OK);
    assert_int_equal(mw_record_add_user(record, MW_VIEW("ada"), MW_VIEW("h2"), e), MW_CONFLICT);
    mw_grant grant = {MW_ROLE_EDITOR, MW_SCOPE_EXPERIMENT, MW_VIEW("Default")};
    assert_int_equal(mw_record_resolve_grant(record, &grant, e), MW_OK);
    assert_true(mw_view_is(grant.object, "0"));
    assert_int_equal(mw_record_grant(record, MW_VIEW("ada"), &grant, e), MW_OK);
    grant.role = MW_ROLE_VIEWER;
    assert_int_equal(mw_record_grant(record, MW_VIEW("ada"), &grant, e), MW_OK);
    assert_int_equal(mw_record_grant(record, MW_VIEW("bob"), &grant, e), MW_NOT_FOUND);
    assert_int_equal(mw_record_user(record, MW_VIEW("ada"), &user, e), MW_OK);
    assert_int_equal(user.grants.count, 1);
    assert_int_equal(user.grants.items[0].role, MW_ROLE_VIEWER);
    grant.role = MW_ROLE_NONE;
    assert_int_equal(mw_record_grant(record, MW_VIEW("ada"), &grant, e), MW_OK);
    assert_int_equal(mw_record_grant(record, MW_VIEW("ada"), &grant, e), MW_NOT_FOUND);
    grant.object = MW_VIEW("no such");
    assert_int_equal(mw_record_resolve_grant(record, &grant, e), MW_NOT_FOUND);
    assert_int_equal(mw_record_set_password(record, MW_VIEW("ada"), MW_VIEW("h3"), e), MW_OK);
    assert_int_equal(mw_record_remove_user(record, MW_VIEW("ada"), e), MW_OK);
    assert_int_equal(mw_record_remove_user(record, MW_VIEW("ada"), e), MW_NOT_FOUND);
    assert_int_equal(mw_record_access_epoch(record, &after, e), MW_OK);
    assert_int_equal(after - before, 6);
    return MW_OK;
}

static void test_users(void **state)
{
    (void)state;
    change(use_users, NULL);
}

static mw_status use_tokens(mw_record *record, void *given, mw_error *e)
{
    (void)given;
    mw_token found;
    mw_tokens all;
    char first[MW_TOKEN_BYTES], second[MW_TOKEN_BYTES], third[MW_TOKEN_BYTES];
    int64_t now = mw_clock_wall_ms();
    const mw_grant grant = {MW_ROLE_EDITOR, MW_SCOPE_MODEL, MW_VIEW("credit")};
    assert_int_equal(mw_record_create_token(record, MW_VIEW("ci"), &grant, 0, first, e), MW_OK);
    assert_int_equal(mw_record_create_token(record, MW_VIEW("ci"), &grant, 0, second, e),
                     MW_CONFLICT);
    assert_int_equal(mw_record_create_token(record, MW_VIEW("old"), &grant, now - 1, third, e),
                     MW_OK);
    assert_int_equal(mw_record_find_token(record, mw_view_of(first), &found, e), MW_OK);
    assert_true(mw_view_is(found.name, "ci"));
    assert_true(mw_view_is(found.grant.object, "credit"));
    assert_int_equal(mw_record_find_token(record, mw_view_of(third), &found, e), MW_BAD_ARGUMENT);
    assert_int_equal(e->code, MW_E_ACCESS_WRONG);
    static const char *const strangers[] = {"", "mw_", "ci", "' OR 1=1 --"};
    for (size_t i = 0; i < MW_COUNT(strangers); i++)
        assert_int_equal(mw_record_find_token(record, mw_view_of(strangers[i]), &found, e),
                         MW_BAD_ARGUMENT);
    first[20] ^= 1;
    assert_int_equal(mw_record_find_token(record, mw_view_of(first), &found, e), MW_BAD_ARGUMENT);
    first[20] ^= 1;
    assert_int_equal(mw_record_note_used(record, found.row, now, e), MW_OK);
    assert_int_equal(mw_record_revoke_token(record, MW_VIEW("ci"), e), MW_OK);
    assert_int_equal(mw_record_find_token(record, mw_view_of(first), &found, e), MW_BAD_ARGUMENT);
    assert_int_equal(mw_record_revoke_token(record, MW_VIEW("ci"), e), MW_NOT_FOUND);
    assert_int_equal(mw_record_create_token(record, MW_VIEW("ci"), &grant, 0, second, e), MW_OK);
    assert_int_equal(mw_record_tokens(record, &all, e), MW_OK);
    assert_int_equal(all.count, 3);
    return MW_OK;
}

static void test_tokens(void **state)
{
    (void)state;
    change(use_tokens, NULL);
}

static mw_status find_places(mw_record *record, void *given, mw_error *e)
{
    (void)given;
    mw_tags none = {0};
    int64_t own, inner, twin;
    mw_view found;
    assert_int_equal(
        mw_record_create_experiment(record, MW_VIEW("own"), MW_VIEW(""), &none, &own, e), MW_OK);
    assert_int_equal(mw_record_create_experiment(record, MW_VIEW("inner"),
                                                 MW_VIEW("mlflow-artifacts:/team/a"), &none, &inner,
                                                 e),
                     MW_OK);
    struct {
        const char *path;
        int64_t experiment; /* -1: none */
    } cases[] = {
        {"0/r/artifacts/x", 0}, {"1/r", own}, {"1", own}, {"10/r", -1}, {"team/a/r/x", inner},
        {"team/ab/r", -1},      {"team", -1}, {"", -1},   {"2/x", -1},  {"team/a", inner}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        int64_t id = -1;
        assert_int_equal(mw_record_experiment_of_path(record, mw_view_of(cases[i].path), &found, e),
                         MW_OK);
        if (found.data)
            assert_true(record_number(found, &id));
        if (id != cases[i].experiment)
            fail_msg("%s: %lld", cases[i].path, (long long)id);
    }
    /* two of one place: nobody writes into another's through his own */
    assert_int_equal(mw_record_create_experiment(record, MW_VIEW("twin"),
                                                 MW_VIEW("mlflow-artifacts:/team/a/"), &none, &twin,
                                                 e),
                     MW_OK);
    assert_int_equal(mw_record_experiment_of_path(record, MW_VIEW("team/a/r"), &found, e), MW_OK);
    assert_null(found.data);
    return MW_OK;
}

static void test_places(void **state)
{
    (void)state;
    change(find_places, NULL);
}

/* A server has the record open; a command comes beside it. */
static void test_beside(void **state)
{
    (void)state;
    if (getenv("MW_TEST_STORE"))
        skip(); /* of a file */
    mw_registry *guest;
    char nowhere[TEST_FOLDER_BYTES + 8];
    snprintf(nowhere, sizeof nowhere, "%s/none", folder);
    assert_int_equal(mw_registry_open_beside(nowhere, false, &guest, &err), MW_NOT_FOUND);
    assert_int_equal(mw_registry_open(folder, &guest, &err), MW_CONFLICT);
    assert_int_equal(mw_registry_open_beside(folder, false, &guest, &err), MW_OK);
    assert_int_equal(mw_registry_write(guest, &arena, use_users, NULL, &err), MW_OK);
    mw_registry_close(guest);
    change(use_tokens, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_secrets),
        TEST(test_users),
        TEST(test_tokens),
        TEST(test_places),
        TEST(test_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
