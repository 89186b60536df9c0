/* Sketches and models of the watch as bytes, one of the kinds by the first byte: what is read can
 * be used, and written again it reads the same. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "stats/stats.h"

enum { KINDS = 9, WIDTH = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const double row[WIDTH] = {0.5, -1, 3};

static bool go_kll(mw_unpack *in, mw_buf *out)
{
    double found;
    mw_kll *sketch = mw_kll_unpack(in);
    if (!sketch)
        return false;
    mw_kll_pack(sketch, out);
    if (mw_kll_quantiles(sketch, &(double){0.5}, 1, &found, NULL) == MW_OK)
        (void)!mw_kll_add(sketch, row, WIDTH, NULL);
    mw_kll_free(sketch);
    return true;
}

static bool go_distinct(mw_unpack *in, mw_buf *out)
{
    mw_distinct sketch;
    if (!mw_distinct_unpack(in, &sketch))
        return false;
    mw_distinct_pack(&sketch, out);
    mw_distinct_add(&sketch, row, WIDTH);
    return !isnan(mw_distinct_count(&sketch));
}

static bool go_heavy(mw_unpack *in, mw_buf *out)
{
    static mw_heavy sketch;
    if (!mw_heavy_unpack(in, &sketch))
        return false;
    mw_heavy_pack(&sketch, out);
    for (size_t i = 0; i < 300; i++)
        mw_heavy_add(&sketch, &(double){(double)i}, 1);
    return true;
}

static bool go_moments(mw_unpack *in, mw_buf *out)
{
    mw_moments moments;
    if (!mw_moments_unpack(in, &moments))
        return false;
    mw_moments_pack(&moments, out);
    mw_moments_add(&moments, row, WIDTH);
    return true;
}

static bool go_boost(mw_unpack *in, mw_buf *out)
{
    double said;
    mw_boost *boost = mw_boost_unpack(in);
    if (!boost)
        return false;
    mw_boost_pack(boost, out);
    if (mw_boost_columns(boost) <= WIDTH)
        mw_boost_predict(boost, row, 1, WIDTH, &said);
    mw_boost_free(boost);
    return true;
}

static bool go_isotonic(mw_unpack *in, mw_buf *out)
{
    mw_isotonic *curve = mw_isotonic_unpack(in);
    if (!curve)
        return false;
    mw_isotonic_pack(curve, out);
    double at = mw_isotonic_at(curve, 0.3);
    mw_isotonic_free(curve);
    if (!(at >= 0 && at <= 1))
        abort();
    return true;
}

static bool go_chances(mw_unpack *in, mw_buf *out)
{
    double chances[WIDTH];
    mw_class_chances *of = mw_class_chances_unpack(in);
    if (!of)
        return false;
    mw_class_chances_pack(of, out);
    if (mw_class_chances_classes(of) <= WIDTH)
        mw_class_chances_at(of, row, 1, chances);
    mw_class_chances_free(of);
    return true;
}

static bool go_joint(mw_unpack *in, mw_buf *out)
{
    double error;
    mw_joint *joint = mw_joint_unpack(in);
    if (!joint)
        return false;
    mw_joint_pack(joint, out);
    if (mw_joint_columns(joint) <= WIDTH)
        (void)!mw_joint_errors(joint, row, 1, WIDTH, &error, NULL, NULL);
    mw_joint_free(joint);
    return true;
}

static bool go_forest(mw_unpack *in, mw_buf *out)
{
    double score;
    const mw_matrix one = {row, MW_FLOAT64, 1, WIDTH, WIDTH, 1};
    mw_isolation *forest = mw_isolation_unpack(in);
    if (!forest)
        return false;
    mw_isolation_pack(forest, out);
    if (mw_isolation_features(forest) <= WIDTH)
        mw_isolation_score(forest, &one, &score);
    mw_isolation_free(forest);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const kinds[KINDS])(mw_unpack *, mw_buf *) = {
        go_kll,      go_distinct, go_heavy, go_moments, go_boost,
        go_isotonic, go_chances,  go_joint, go_forest};
    mw_buf first, second;
    if (size == 0)
        return 0;
    mw_buf_init(&first, 64 * MW_MIB);
    mw_buf_init(&second, 64 * MW_MIB);
    mw_unpack in = mw_unpack_of((mw_view){(const char *)data + 1, size - 1});
    bool (*go)(mw_unpack *, mw_buf *) = kinds[data[0] % KINDS];
    if (go(&in, &first)) {
        in = mw_unpack_of(mw_buf_as_view(&first));
        if (!go(&in, &second) || !mw_view_equal(mw_buf_as_view(&first), mw_buf_as_view(&second)))
            abort();
    }
    mw_buf_done(&first);
    mw_buf_done(&second);
    return 0;
}
