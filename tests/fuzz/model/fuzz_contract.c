/* Any text as FILE.contract.yaml, or metadata: millwright of MLmodel: refused with its place and a
 * mend, and the forest is as it was; or its columns have names of which each finds one. */
#include "model/declared.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)      \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

static const char model[] =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
    "objective=binary sigmoid:1\nfeature_names=a b_c\nfeature_infos=[0:1] 0:1\n\n"
    "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=1\n\n\nend of trees\n\n"
    "pandas_categorical:[[\"x\", \"y\"]]\n";

static void check(const mw_schema *schema)
{
    HOLDS(schema->n_columns == 2 && schema->named);
    for (size_t c = 0; c < 2; c++) {
        const mw_column *column = &schema->columns[c];
        HOLDS(mw_schema_find(schema, column->name) == (ptrdiff_t)c);
        HOLDS(!column->has_default || (column->optional && schema->blank));
        for (size_t i = 0; i < column->n_was; i++)
            HOLDS(mw_schema_find(schema, column->was[i]) == (ptrdiff_t)c);
    }
}

static void lay_over(mw_forest *forest, const mw_yaml *root)
{
    mw_error err = {0};
    if (model_declared_apply(forest, root, &err) != MW_OK) {
        HOLDS(err.what[0] != '\0' && err.mend[0] != '\0' && err.where[0] != '\0');
        HOLDS(!forest->schema.columns[0].was && !forest->schema.blank);
    }
    check(&forest->schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err = {0};
    mw_forest *forest;
    mw_yaml_document *document;
    if (mw_yaml_read((mw_view){(const char *)data, size}, "c", &document, &err) != MW_OK)
        return 0;
    HOLDS(mw_forest_read((mw_view){model, sizeof model - 1}, "m", &forest, &err) == MW_OK);
    lay_over(forest, mw_yaml_root(document));
    mw_forest_free(forest);
    mw_yaml_free(document);
    return 0;
}
