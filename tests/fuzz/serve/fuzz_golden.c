/* Golden rows of a model of two columns. Whatever is accepted was compared row by row. */
#include <stdint.h>
#include <stdlib.h>

#include "serve/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One split: x[0] < 0.5 ? 1 : 2. */
static mw_predictor *predictor_of(mw_forest **ret_forest)
{
    static const char text[] =
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        "max_feature_idx=1\nobjective=regression\nfeature_names=a b\nfeature_infos=[0:1] [0:1]\n"
        "tree_sizes=0\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\n"
        "threshold=0.5\ndecision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n"
        "leaf_weight=1 1\nleaf_count=1 1\ninternal_value=0\ninternal_weight=2\n"
        "internal_count=2\nis_linear=0\nshrinkage=1\n\n\nend of trees\n";
    mw_predictor *predictor;
    mw_error err;
    if (mw_forest_read((mw_view){text, sizeof text - 1}, "split.txt", ret_forest, &err) != MW_OK ||
        mw_predictor_new(*ret_forest, &predictor, &err) != MW_OK)
        abort();
    return predictor;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mw_forest *forest;
    static mw_predictor *predictor; /* reachable to the end: made once */
    mw_golden golden;
    mw_error err;
    if (!predictor)
        predictor = predictor_of(&forest);
    mw_view text = {(const char *)data, size};
    if (mw_golden_replay(text, forest, predictor, &golden, &err) != MW_OK) {
        if (!err.what[0])
            abort();
        return 0;
    }
    if (golden.n_rows == 0 || golden.n_different > golden.n_rows || !(golden.difference >= 0))
        abort();
    return 0;
}
