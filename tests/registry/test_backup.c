/* Backups: what comes back is what was there; what is damaged is refused and leaves nothing. */
#include "record_folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/archive.h"

static mw_error err;
static const mw_actor actor = {{"test", 4}, {"cli", 3}, {NULL, 0}};
static char place[2 * TEST_FOLDER_BYTES + 64], back[2 * TEST_FOLDER_BYTES + 80];

static mw_status fill_record(mw_record *record, void *given, mw_error *e)
{
    char digest[MW_DIGEST_TEXT_BYTES];
    mw_tags none = {0};
    int64_t id;
    (void)given;
    MW_TRY(mw_record_create_experiment(record, MW_VIEW("e1"), MW_VIEW(""), &none, &id, e));
    MW_TRY(mw_blobs_put(mw_registry_blobs(registry), MW_VIEW("hello"), digest, e));
    MW_TRY(mw_record_put_artifact(record, MW_VIEW("1/a.txt"), mw_view_of(digest), 5, e));
    MW_TRY(mw_blobs_put(mw_registry_blobs(registry), MW_VIEW(""), digest, e));
    return mw_record_put_artifact(record, MW_VIEW("1/b.txt"), mw_view_of(digest), 0, e);
}

static mw_status look(mw_record *record, void *given, mw_error *e)
{
    mw_artifact file;
    mw_audit_verdict verdict;
    mw_experiment experiment;
    MW_TRY(mw_record_experiment_named(record, MW_VIEW("e1"), &experiment, e));
    MW_TRY(mw_record_artifact(record, MW_VIEW("1/a.txt"), &file, e));
    MW_TRY(mw_record_verify_audit(record, mw_view_of(given), &verdict, e));
    assert_true(verdict.is_whole && verdict.saw_head);
    assert_int_equal(verdict.n_entries, 4); /* the last one: restored */
    mw_buf out;
    mw_buf_init(&out, MW_KIB);
    MW_TRY(mw_blobs_read(mw_registry_blobs(record->registry), file.digest, 0, 5, &out, e));
    assert_string_equal(out.data, "hello");
    mw_buf_done(&out);
    return MW_OK;
}

static void use(const char *name)
{
    snprintf(place, sizeof place, "%s/../%s-%s", folder, strrchr(folder, '/') + 1, name);
    snprintf(back, sizeof back, "%s.back", place);
}

static void assert_restored(const char *head)
{
    mw_registry *copy;
    mw_backup_report report;
    if (mw_record_restore(place, back, NULL, &actor, &report, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    assert_int_equal(report.n_blobs, 2);
    assert_int_equal(mw_registry_open(back, &copy, &err), MW_OK);
    char kept[MW_AUDIT_HASH_BYTES];
    memcpy(kept, head, sizeof kept);
    assert_int_equal(mw_registry_read(copy, &arena, look, kept, &err), MW_OK);
    mw_registry_close(copy);
    assert_int_equal(mw_record_restore(place, back, NULL, &actor, &report, &err), MW_CONFLICT);
}

static void round_trip(const char *name)
{
    mw_backup_report report;
    use(name);
    change(fill_record, NULL);
    if (mw_record_backup(folder, place, &report, &err) != MW_OK) /* it is open: beside it */
        fail_msg("%s: %s", err.where, err.what);
    assert_int_equal(report.n_blobs, 2);
    assert_int_equal(report.n_entries, 3);
    assert_int_equal(mw_record_backup(folder, place, &report, &err), MW_CONFLICT);
    assert_restored(report.head);
    record_remove_tree(place);
    record_remove_tree(back);
}

static void test_tar(void **state)
{
    (void)state;
    round_trip("b.tar");
}

static void test_folder(void **state)
{
    (void)state;
    round_trip("b");
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void assert_refused(void)
{
    mw_backup_report report;
    char part[sizeof back + 32];
    mw_status status = mw_record_restore(place, back, NULL, &actor, &report, &err);
    if (status == MW_OK)
        fail_msg("restored all the same");
    snprintf(part, sizeof part, "%s.part-%ld", back, (long)getpid());
    assert_false(is_there(back));
    assert_false(is_there(part));
}

/* Each byte of headers and small pieces may be another; none of it is taken. */
static void test_damaged(void **state)
{
    (void)state;
    mw_file whole;
    mw_backup_report report;
    use("c.tar");
    change(fill_record, NULL);
    assert_int_equal(mw_record_backup(folder, place, &report, &err), MW_OK);
    assert_int_equal(mw_file_read(place, MW_GIB, &whole, &err), MW_OK);
    static const double shares[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99};
    for (size_t i = 0; i < MW_COUNT(shares); i++) {
        write_file(place, whole.data, (size_t)((double)whole.size * shares[i]));
        assert_refused();
    }
    char *end = memmem(whole.data, whole.size, "hello", 5);
    assert_non_null(end);
    for (const char *at = memmem(end + 5, (size_t)(whole.data + whole.size - end - 5), "hello", 5);
         at; at = memmem(end + 5, (size_t)(whole.data + whole.size - end - 5), "hello", 5))
        end = (char *)at;
    end[0] ^= 1; /* a blob's byte */
    write_file(place, whole.data, whole.size);
    assert_refused();
    assert_int_equal(err.code, MW_E_BACKUP_DAMAGED);
    end[0] ^= 1;
    char *name = memmem(whole.data, whole.size, "record.db", 9);
    assert_non_null(name);
    memcpy(name, "../ord.db", 9);
    write_file(place, whole.data, whole.size);
    assert_refused();
    mw_file_done(&whole);
    record_remove_tree(place);
}

/* A blob that went bad on the disk is found when it is copied, and named. */
static void test_bad_blob(void **state)
{
    (void)state;
    mw_backup_report report;
    char digest[MW_DIGEST_TEXT_BYTES], path[TEST_FOLDER_BYTES + 100];
    use("d.tar");
    change(fill_record, NULL);
    mw_digest_of(MW_VIEW("hello"), digest);
    snprintf(path, sizeof path, "%s/blobs/sha256/%.2s/%s", folder, digest, digest + 2);
    assert_int_equal(chmod(path, 0644), 0);
    write_file(path, "hellO", 5);
    assert_int_equal(mw_record_backup(folder, place, &report, &err), MW_BAD_DATA);
    assert_non_null(strstr(err.where, digest + 2));
    assert_false(is_there(place));
}

/* ---- names ----------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "x",
                                      "../record.db",
                                      "/record.db",
                                      "record.db/x",
                                      "blobs/sha256/ab/c",
                                      "record.db-wal",
                                      "served/x"};
    char blob[80];
    snprintf(blob, sizeof blob, "blobs/sha256/ab/%062d", 7);
    assert_true(archive_knows("backup.json") && archive_knows("record.db") && archive_knows(blob));
    for (size_t i = 0; i < MW_COUNT(bad); i++)
        assert_false(archive_knows(bad[i]));
    blob[20] = 'G';
    assert_false(archive_knows(blob));
    blob[20] = '/';
    assert_false(archive_knows(blob));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tar),
        TEST(test_folder),
        TEST(test_damaged),
        TEST(test_bad_blob),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
