/* Versions of data: names, lists as DVC writes them, what is kept once, what is removed. */
#include "record_folder.h"

#include <sys/stat.h>
#include <unistd.h>

static void test_names_of_objects(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool fine;
    } cases[] = {
        {"900150983cd24fb0d6963f7d28e17f72", true},
        {"900150983cd24fb0d6963f7d28e17f72.dir", true},
        {"900150983CD24fb0d6963f7d28e17f72", false},
        {"900150983cd24fb0d6963f7d28e17f7", false},
        {"900150983cd24fb0d6963f7d28e17f72.di", false},
        {"900150983cd24fb0d6963f7d28e17f72xdir", false},
        {"9001/0983cd24fb0d6963f7d28e17f72", false},
        {"", false},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        if (mw_data_is_object_name(mw_view_of(cases[i].name)) != cases[i].fine)
            fail_msg("%s", cases[i].name);
}

/* The bytes of json.dumps(..., sort_keys=True), whose MD5 names the folder. */
static void test_lists(void **state)
{
    (void)state;
    mw_error err;
    mw_buf text;
    mw_data_files again;
    mw_data_file files[] = {
        {MW_VIEW("a \"b\"\\c"), MW_VIEW("900150983cd24fb0d6963f7d28e17f72"), {NULL, 0}, 0},
        {MW_VIEW("\xc3\xbc/\xe2\x82\xac \xf0\x9f\x98\x80"),
         MW_VIEW("00000000000000000000000000000000"),
         {NULL, 0},
         0}};
    mw_buf_init(&text, MW_KIB);
    mw_data_write_list(&(mw_data_files){files, 2}, &text);
    assert_string_equal(
        text.data, "[{\"md5\": \"900150983cd24fb0d6963f7d28e17f72\", \"relpath\": \"a \\\"b\\\""
                   "\\\\c\"}, {\"md5\": \"00000000000000000000000000000000\", \"relpath\": "
                   "\"\\u00fc/\\u20ac \\ud83d\\ude00\"}]");
    assert_int_equal(mw_data_read_list(mw_buf_as_view(&text), &arena, &again, &err), MW_OK);
    assert_int_equal(again.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(mw_view_equal(again.items[i].path, files[i].path));
    mw_buf_done(&text);
}

/* ---- versions -------------------------------------------------------------------------------- */

static mw_status add(mw_record *record, const char *name, const char *md5, const char *digest,
                     mw_data_version *ret_version, bool *ret_is_new, mw_error *err)
{
    mw_data_file file = {MW_VIEW("f"), mw_view_of(md5), mw_view_of(digest), 3};
    mw_new_data wanted = {.name = mw_view_of(name), .source = MW_VIEW("f"), .files = {&file, 1}};
    return mw_record_add_data(record, &wanted, MW_VIEW(""), 0, ret_version, ret_is_new, err);
}

static mw_status use_versions(mw_record *record, void *given, mw_error *err)
{
    static const char *const bad[] = {"", ".a", "a b", "a/b", "a@1"};
    static const char *const unknown[] = {"b", "d@4", "d@0", "d@-1", "d@x", "d@"};
    const char *digest = given;
    mw_data_version v;
    mw_data_files files;
    bool is_new;
    const char *a = "900150983cd24fb0d6963f7d28e17f72", *b = "00000000000000000000000000000000";
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        if (add(record, bad[i], a, digest, &v, &is_new, err) != MW_BAD_ARGUMENT)
            fail_msg("'%s' is taken for a name", bad[i]);
    MW_TRY(add(record, "d", a, digest, &v, &is_new, err));
    assert_true(is_new && v.version == 1 && v.bytes == 3 && !v.is_folder);
    MW_TRY(add(record, "d", a, digest, &v, &is_new, err));
    assert_true(!is_new && v.version == 1);
    MW_TRY(add(record, "d", b, "other", &v, &is_new, err));
    assert_true(is_new && v.version == 2);
    MW_TRY(add(record, "d", a, digest, &v, &is_new, err)); /* back to what it was: a version */
    assert_true(is_new && v.version == 3);
    MW_TRY(mw_record_data(record, MW_VIEW("d@2"), &v, err));
    MW_TRY(mw_record_data_files(record, &v, &files, err));
    assert_true(files.count == 1 && mw_view_is(files.items[0].md5, b));
    MW_TRY(mw_record_data(record, MW_VIEW("d"), &v, err));
    assert_int_equal(v.version, 3);
    for (size_t i = 0; i < MW_COUNT(unknown); i++)
        if (mw_record_data(record, mw_view_of(unknown[i]), &v, err) != MW_NOT_FOUND)
            fail_msg("'%s' is found", unknown[i]);
    return MW_OK;
}

typedef struct tally {
    size_t n;
    int64_t bytes;
} tally;

static void see(void *user, const mw_garbage *garbage)
{
    tally *t = user;
    t->n++;
    t->bytes += garbage->bytes;
}

static size_t collect(int64_t before_ms, bool is_dry)
{
    mw_error err;
    tally t = {0, 0};
    assert_int_equal(mw_registry_collect(registry, before_ms, is_dry, see, &t, &err), MW_OK);
    return t.n;
}

static void test_versions_and_garbage(void **state)
{
    (void)state;
    mw_error err;
    char used[MW_DIGEST_TEXT_BYTES], stray[MW_DIGEST_TEXT_BYTES];
    mw_blobs *blobs = mw_registry_blobs(registry);
    assert_int_equal(mw_blobs_put(blobs, MW_VIEW("abc"), used, &err), MW_OK);
    assert_int_equal(mw_blobs_put(blobs, MW_VIEW("stray"), stray, &err), MW_OK);
    change(use_versions, used);
    int64_t soon = mw_clock_wall_ms() + 10000;
    assert_int_equal(collect(soon - 20000, false), 0); /* both are young */
    assert_int_equal(collect(soon, true), 1);
    assert_true(mw_blobs_has(blobs, mw_view_of(stray)));
    assert_int_equal(collect(soon, false), 1);
    assert_false(mw_blobs_has(blobs, mw_view_of(stray)));
    assert_true(mw_blobs_has(blobs, mw_view_of(used)));
    assert_int_equal(collect(soon, false), 0);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void test_files(void **state)
{
    (void)state;
    mw_error err;
    mw_file file;
    mw_file_digests first, second;
    char path[TEST_FOLDER_BYTES + 16], out[TEST_FOLDER_BYTES + 16];
    struct stat about, later;
    const char *blob;
    mw_blobs *blobs = mw_registry_blobs(registry);
    snprintf(path, sizeof path, "%s/in", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    assert_int_equal(mw_file_write(path, MW_VIEW("abc"), &err), MW_OK);
    assert_int_equal(mw_blobs_put_file(blobs, path, &first, &err), MW_OK);
    assert_string_equal(first.md5, "900150983cd24fb0d6963f7d28e17f72");
    assert_int_equal(first.bytes, 3);
    assert_int_equal(mw_blobs_path(blobs, mw_view_of(first.digest), &arena, &blob, &err), MW_OK);
    assert_int_equal(stat(blob, &about), 0);
    assert_int_equal(mw_blobs_put_file(blobs, path, &second, &err), MW_OK);
    assert_int_equal(stat(blob, &later), 0);
    assert_int_equal(about.st_ino, later.st_ino); /* not written again */
    assert_int_equal(mw_blobs_get_file(blobs, mw_view_of(first.digest), out, &err), MW_OK);
    assert_int_equal(mw_file_read(out, 100, &file, &err), MW_OK);
    assert_string_equal(file.data, "abc");
    mw_file_done(&file);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mw_blobs_put_file(blobs, path, &second, &err), MW_NOT_FOUND);
    assert_false(mw_blobs_has(blobs, MW_VIEW("../../../etc/passwd")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_names_of_objects), TEST(test_lists),
                                       TEST(test_versions_and_garbage), TEST(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
