/* Registered models, logged models and artifacts. */
#include "record_folder.h"

/* ---- paths ----------------------------------------------------------------------------------- */

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool fine;
    } cases[] = {
        {"1/abc/artifacts/a.txt", true},
        {"a b/\xc3\xa4.bin", true},
        {"a/100%", true},
        {"", false},
        {"/a", false},
        {"a//b", false},
        {"a/", false},
        {"../a", false},
        {"a/../b", false},
        {"a/./b", false},
        {"a\\b", false},
        {"a#b", false},
        {"a\nb", false},
        {"%2e%2e/a", false},
        {"a/%2E%2E/b", false},
        {"%252e%252e/a", false},
        {"a%2fb", true},
        {"%2fa", false},
        {"a%00b", false},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        if ((mw_artifact_check_path(mw_view_of(cases[i].path), NULL) == MW_OK) != cases[i].fine)
            fail_msg("%s", cases[i].path);
}

static void test_roots(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"mlflow-artifacts:/1/r/artifacts", "1/r/artifacts"},
        {"mlflow-artifacts://host:80/1/r", "1/r"},
        {"mlflow-artifacts:1/r/", "1/r"},
        {"s3://bucket/x", NULL},
        {"/tmp/x", NULL},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_view root = mw_artifact_root(mw_view_of(cases[i][0]));
        assert_int_equal(root.data != NULL, cases[i][1] != NULL);
        if (cases[i][1])
            assert_true(mw_view_is(root, cases[i][1]));
    }
}

/* ---- artifacts ------------------------------------------------------------------------------- */

static mw_status put(mw_record *record, const char *path, mw_error *err)
{
    return mw_record_put_artifact(record, mw_view_of(path), MW_VIEW("d"), 3, err);
}

static void assert_listing(mw_record *record, const char *path, const char *expected)
{
    mw_error err;
    mw_artifacts found;
    mw_buf names;
    mw_buf_init(&names, MW_KIB);
    assert_int_equal(mw_record_list_artifacts(record, mw_view_of(path), &found, &err), MW_OK);
    for (size_t i = 0; i < found.count; i++)
        mw_buf_format(&names, "%s%.*s%s", i ? " " : "", MW_VIEW_ARG(found.items[i].path),
                      found.items[i].is_folder ? "/" : "");
    assert_string_equal(names.data, expected);
    mw_buf_done(&names);
}

static mw_status use_artifacts(mw_record *record, void *given, mw_error *err)
{
    static const char *const paths[] = {"r/a/x", "r/a/y/z", "r/a.txt", "r/a0", "r/b", "r2/c"};
    mw_artifact found;
    (void)given;
    for (size_t i = 0; i < MW_COUNT(paths); i++)
        MW_TRY(put(record, paths[i], err));
    assert_listing(record, "r", "r/a/ r/a.txt r/a0 r/b");
    assert_listing(record, "r/a", "r/a/x r/a/y/");
    assert_listing(record, "", "r/ r2/");
    assert_listing(record, "r/b", "");
    assert_listing(record, "nothing", "");
    assert_int_equal(put(record, "r/b/below", err), MW_BAD_ARGUMENT);
    assert_int_equal(put(record, "r/a", err), MW_BAD_ARGUMENT);
    assert_string_equal(err->why, "it is a folder");
    MW_TRY(put(record, "r/b", err)); /* over itself */
    MW_TRY(mw_record_artifact(record, MW_VIEW("r/b"), &found, err));
    assert_int_equal(mw_record_artifact(record, MW_VIEW("r/c"), &found, err), MW_NOT_FOUND);
    MW_TRY(mw_record_delete_artifact(record, MW_VIEW("r/a"), err));
    assert_listing(record, "r", "r/a.txt r/a0 r/b");
    return mw_record_delete_artifact(record, MW_VIEW("r/a"), err);
}

static void test_artifacts(void **state)
{
    (void)state;
    change(use_artifacts, NULL);
}

/* ---- models ---------------------------------------------------------------------------------- */

static const mw_tags no_tags = {NULL, 0};

static mw_status use_models(mw_record *record, void *given, mw_error *err)
{
    mw_registered_model model;
    mw_model_version version;
    mw_new_version wanted = {.name = MW_VIEW("m"), .source = MW_VIEW("s3://b/x")};
    (void)given;
    MW_TRY(mw_record_create_model(record, MW_VIEW("m"), (mw_view){NULL, 0}, &no_tags, &model, err));
    assert_int_equal(
        mw_record_create_model(record, MW_VIEW("m"), (mw_view){NULL, 0}, &no_tags, &model, err),
        MW_CONFLICT);
    for (int i = 1; i <= 3; i++) {
        MW_TRY(mw_record_create_version(record, &wanted, &version, err));
        assert_int_equal(version.version, i);
    }
    MW_TRY(mw_record_set_alias(record, MW_VIEW("m"), MW_VIEW("champion"), MW_VIEW("3"), err));
    MW_TRY(mw_record_version_of_alias(record, MW_VIEW("m"), MW_VIEW("champion"), &version, err));
    assert_int_equal(version.version, 3);
    /* a number is never given twice, and an alias goes with its version */
    MW_TRY(mw_record_delete_version(record, MW_VIEW("m"), MW_VIEW("3"), err));
    assert_int_equal(
        mw_record_version_of_alias(record, MW_VIEW("m"), MW_VIEW("champion"), &version, err),
        MW_BAD_ARGUMENT);
    MW_TRY(mw_record_create_version(record, &wanted, &version, err));
    assert_int_equal(version.version, 4);
    MW_TRY(mw_record_move_version(record, MW_VIEW("m"), MW_VIEW("1"), MW_VIEW("production"), false,
                                  &version, err));
    MW_TRY(mw_record_move_version(record, MW_VIEW("m"), MW_VIEW("2"), MW_VIEW("Production"), true,
                                  &version, err));
    MW_TRY(mw_record_version(record, MW_VIEW("m"), MW_VIEW("1"), &version, err));
    assert_int_equal(version.stage, MW_MODEL_ARCHIVED);
    MW_TRY(mw_record_model(record, MW_VIEW("m"), &model, err));
    assert_int_equal(model.latest.count, 3); /* None 4, Production 2, Archived 1 */
    MW_TRY(mw_record_delete_model(record, MW_VIEW("m"), err));
    return mw_record_model(record, MW_VIEW("m"), &model, err) == MW_NOT_FOUND ? MW_OK : MW_IO;
}

static void test_models(void **state)
{
    (void)state;
    change(use_models, NULL);
}

static const struct source_case {
    const char *source;
    mw_status expected;
} source_cases[] = {
    {"s3://bucket/x", MW_OK},
    {"/etc/passwd", MW_BAD_ARGUMENT},
    {"file:///etc/passwd", MW_BAD_ARGUMENT},
    {"relative/path", MW_BAD_ARGUMENT},
    {"s3://bucket/../x", MW_BAD_ARGUMENT},
    {"s3://bucket/%2e%2e/x", MW_BAD_ARGUMENT},
    {"mlflow-artifacts:/0/other", MW_BAD_ARGUMENT},
    {"models:/nothing", MW_BAD_ARGUMENT},
    {"models:/m-00000000000000000000000000000000", MW_NOT_FOUND},
    {"models:/nothing/1", MW_NOT_FOUND},
};

static mw_status use_sources(mw_record *record, void *given, mw_error *err)
{
    mw_registered_model model;
    mw_model_version version;
    (void)given;
    MW_TRY(mw_record_create_model(record, MW_VIEW("m"), (mw_view){NULL, 0}, &no_tags, &model, err));
    for (size_t i = 0; i < MW_COUNT(source_cases); i++) {
        mw_new_version wanted = {.name = MW_VIEW("m"),
                                 .source = mw_view_of(source_cases[i].source)};
        if (mw_record_create_version(record, &wanted, &version, err) != source_cases[i].expected)
            fail_msg("%s", source_cases[i].source);
    }
    return MW_OK;
}

static void test_sources(void **state)
{
    (void)state;
    change(use_sources, NULL);
}

static mw_status use_logged_models(mw_record *record, void *given, mw_error *err)
{
    mw_logged_model model;
    mw_run run;
    mw_registered_model registered;
    mw_model_version version;
    mw_new_run new_run = {.experiment = MW_VIEW("0")};
    mw_new_logged_model wanted = {.experiment = MW_VIEW("0"), .name = MW_VIEW("sk")};
    (void)given;
    MW_TRY(mw_record_create_run(record, &new_run, &run, err));
    MW_TRY(mw_record_create_logged_model(record, &wanted, &model, err));
    mw_metric metric = {.key = MW_VIEW("auc"),
                        .value = 0.5,
                        .model_id = model.model_id,
                        .dataset_name = MW_VIEW("train")};
    MW_TRY(mw_record_log_metric(record, run.info.run_id, &metric, err));
    MW_TRY(mw_record_finalize_logged_model(record, model.model_id, MW_LOGGED_READY, &model, err));
    assert_int_equal(model.metrics.count, 1);
    assert_true(mw_view_is(model.metrics.items[0].dataset_name, "train"));
    MW_TRY(mw_record_create_model(record, MW_VIEW("m"), (mw_view){NULL, 0}, &no_tags, &registered,
                                  err));
    char source[64];
    snprintf(source, sizeof source, "models:/%.*s", MW_VIEW_ARG(model.model_id));
    mw_new_version new_version = {.name = MW_VIEW("m"), .source = mw_view_of(source)};
    for (int i = 0; i < 2; i++)
        MW_TRY(mw_record_create_version(record, &new_version, &version, err));
    assert_true(mw_view_equal(version.location, model.artifact_uri));
    MW_TRY(mw_record_logged_model(record, model.model_id, &model, err));
    assert_true(
        mw_view_is(model.tags.items[0].value,
                   "[{\"name\": \"m\", \"version\": 1}, {\"name\": \"m\", \"version\": 2}]"));
    mw_view zero = MW_VIEW("0");
    mw_logged_search search = {.search = {.experiments = {&zero, 1},
                                          .filter = MW_VIEW("metrics.auc >= 0.5"),
                                          .max_results = 5}};
    mw_dataset_wish wish = {MW_VIEW("test"), {NULL, 0}};
    mw_logged_models found;
    mw_view token;
    MW_TRY(mw_record_search_logged_models(record, &search, &found, &token, err));
    assert_int_equal(found.count, 1);
    search.datasets.items = &wish;
    search.datasets.count = 1;
    MW_TRY(mw_record_search_logged_models(record, &search, &found, &token, err));
    assert_int_equal(found.count, 0);
    wish.name = MW_VIEW("train");
    MW_TRY(mw_record_search_logged_models(record, &search, &found, &token, err));
    assert_int_equal(found.count, 1);
    return MW_OK;
}

static void test_logged_models(void **state)
{
    (void)state;
    change(use_logged_models, NULL);
}

/* ---- checked out ----------------------------------------------------------------------------- */

typedef struct written {
    char digest[MW_DIGEST_TEXT_BYTES];
    char address[64];
} written;

static mw_status log_files(mw_record *record, void *given, mw_error *err)
{
    written *w = given;
    mw_logged_model model;
    mw_new_logged_model wanted = {.experiment = MW_VIEW("0"), .name = MW_VIEW("sk")};
    MW_TRY(mw_record_create_logged_model(record, &wanted, &model, err));
    snprintf(w->address, sizeof w->address, "models:/%.*s", MW_VIEW_ARG(model.model_id));
    mw_view root = mw_artifact_root(model.artifact_uri);
    static const char *const files[] = {"MLmodel", "data/a"};
    for (size_t i = 0; i < MW_COUNT(files); i++) {
        char path[256];
        snprintf(path, sizeof path, "%.*s/%s", MW_VIEW_ARG(root), files[i]);
        MW_TRY(mw_record_put_artifact(record, mw_view_of(path), mw_view_of(w->digest), 3, err));
    }
    return MW_OK;
}

/* The same files are the same folder, whichever model has them. */
static void test_checked_out(void **state)
{
    (void)state;
    mw_error err;
    mw_file file;
    char path[512];
    written first, second;
    const char *a, *b, *again;
    mw_blobs *blobs = mw_registry_blobs(registry);
    assert_int_equal(mw_blobs_put(blobs, MW_VIEW("abc"), first.digest, &err), MW_OK);
    memcpy(second.digest, first.digest, sizeof second.digest);
    change(log_files, &first);
    change(log_files, &second);
    mw_view address = mw_view_of(first.address);
    assert_int_equal(mw_registry_check_out(registry, address, &arena, &a, &err), MW_OK);
    assert_int_equal(mw_registry_check_out(registry, address, &arena, &again, &err), MW_OK);
    assert_string_equal(a, again);
    address = mw_view_of(second.address);
    assert_int_equal(mw_registry_check_out(registry, address, &arena, &b, &err), MW_OK);
    assert_string_equal(a, b);
    snprintf(path, sizeof path, "%s/data/a", a);
    assert_int_equal(mw_file_read(path, 100, &file, &err), MW_OK);
    assert_string_equal(file.data, "abc");
    mw_file_done(&file);
    address = MW_VIEW("models:/m-0");
    assert_int_equal(mw_registry_check_out(registry, address, &arena, &b, &err), MW_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_paths),   TEST(test_roots),         TEST(test_artifacts),  TEST(test_models),
        TEST(test_sources), TEST(test_logged_models), TEST(test_checked_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
