/* Where ONNX Runtime is looked for, and what is said when it cannot be used. No test here needs the
 * real one; MW_TEST_LIBRARIES is the folder of the almost-libraries. */
#include "../test.h"

#include "../folder.h"
#include "runtime/runtime.h"

static const char *path_of(const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", getenv("MW_TEST_LIBRARIES"), name);
    return path;
}

static void refuse(const char *path, mw_code code, const char *what)
{
    mw_error err = {0};
    mw_runtime_use(path);
    mw_status status = mw_runtime_load(NULL, &err);
    mw_runtime_use(NULL);
    if (status != MW_UNSUPPORTED || err.code != (int)code || !strstr(err.what, what) ||
        err.mend[0] == '\0')
        fail_msg("%s: %d, MW%d, %s (%s)", path, (int)status, err.code, err.what, err.mend);
}

static void test_off(void **state)
{
    (void)state;
    refuse("off", MW_E_RUNTIME_ABSENT, "turned off");
}

static void test_environment_counts_where_no_option_does(void **state)
{
    (void)state;
    mw_error err = {0};
    mw_runtime_use(NULL);
    setenv("MW_ONNXRUNTIME", "/nowhere/at/all", 1);
    assert_int_equal(mw_runtime_load(NULL, &err), MW_UNSUPPORTED);
    assert_int_equal(err.code, MW_E_RUNTIME_LIBRARY);
    assert_string_equal(err.where, "/nowhere/at/all");
    refuse("off", MW_E_RUNTIME_ABSENT, "turned off");
    setenv("MW_ONNXRUNTIME", "off", 1);
}

static void test_no_such_file(void **state)
{
    (void)state;
    refuse("/nowhere/libonnxruntime.so", MW_E_RUNTIME_LIBRARY, "no such file");
    refuse("libonnxruntime-of-nobody.so", MW_E_RUNTIME_LIBRARY, "no such file");
}

static void test_no_library(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/meson.build", getenv("MW_TEST_ROOT"));
    refuse(path, MW_E_RUNTIME_LIBRARY, "not a library");
}

static void test_another_library(void **state)
{
    (void)state;
    char path[256];
    refuse(path_of("libother_library.so", path), MW_E_RUNTIME_LIBRARY, "not ONNX Runtime");
}

static void test_too_old(void **state)
{
    (void)state;
    char path[256];
    refuse(path_of("libold_runtime.so", path), MW_E_RUNTIME_LIBRARY, "1.17.3 is too old");
}

/* A folder's library is found by its name, whatever version stands behind it. */
static void test_folder(void **state)
{
    (void)state;
    char folder[TEST_FOLDER_BYTES], from[256], to[512];
    assert_int_equal(test_folder_make(folder), 0);
    refuse(folder, MW_E_RUNTIME_LIBRARY, "holds no libonnxruntime.so");
    snprintf(to, sizeof to, "mkdir %s/lib && cp %s %s/lib/libonnxruntime.so.1.17.3", folder,
             path_of("libold_runtime.so", from), folder);
    assert_int_equal(system(to), 0);
    refuse(folder, MW_E_RUNTIME_LIBRARY, "1.17.3 is too old");
    assert_int_equal(test_folder_remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_environment_counts_where_no_option_does),
        cmocka_unit_test(test_no_such_file),
        cmocka_unit_test(test_no_library),
        cmocka_unit_test(test_another_library),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
