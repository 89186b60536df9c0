/* Any text as MLmodel, beside a model that is right: the YAML, the flavor, the path and the
 * signature. Nothing outside the folder may ever be opened, so a path that would is a failure. */
#include "model/mlmodel.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char model[] =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
    "objective=binary sigmoid:1\nfeature_names=a b_c\nfeature_infos=[0:1] 0:1\n\n"
    "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=1\n\n\nend of trees\n\n"
    "pandas_categorical:[[\"x\", \"y\"]]\n";

static char folder[64];

static void put(const char *name, mw_view content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(content.data, 1, content.size, file) != content.size)
        __builtin_trap();
    fclose(file);
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/mw-fuzz-mlmodel-XXXXXX");
    if (!mkdtemp(folder))
        __builtin_trap();
    put("m", (mw_view){model, sizeof model - 1});
}

static void remove_folder(void)
{
    char path[128];
    static const char *const names[] = {"m", "MLmodel"};
    for (size_t i = 0; i < MW_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_forest *forest = NULL;
    if (folder[0] == '\0') {
        make_folder();
        atexit(remove_folder);
    }
    put("MLmodel", (mw_view){(const char *)data, size});
    if (model_mlmodel_load(folder, &forest, &err) != MW_OK) {
        if (err.what[0] == '\0')
            __builtin_trap();
        return 0;
    }
    if (forest->schema.n_columns != 2)
        __builtin_trap();
    mw_forest_free(forest);
    return 0;
}
