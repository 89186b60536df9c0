/* What the live test of features together promises: of streams in which nothing changes, looked at
 * again and again, at most 5 % ever have evidence that would be believed, whatever their features
 * are; and where features part ways, it is found. More streams, and longer ones, by MW_STREAMS and
 * MW_VALUES. */
#include <math.h>
#include <stdlib.h>

#include "../chance.h"
#include "monitor/watch.h"
#include "test.h"

enum { FEATURES = 4, LEARN = 2000, ROWS = 100, KINDS = 4 };

#define ALPHA 0.05
#define LOOK_NS UINT64_C(1000000000)
#define BUCKET_NS (3 * LOOK_NS)

static uint64_t seed;

static double draw(void)
{
    double sum = 0;
    for (unsigned i = 0; i < 12; i++)
        sum += test_chance(&seed);
    return sum - 6;
}

/* Of each kind features go together in another way: not at all, all by one that is hidden, in heavy
 * tails, and with categories and missing values. `parted`: those that did go their own ways. */
static void draw_row(size_t kind, bool parted, double row[FEATURES])
{
    double hidden = draw(), scale = kind == 2 ? 1 / (0.02 + test_chance(&seed)) : 1;
    for (size_t c = 0; c < FEATURES; c++) {
        double shared = kind == 0 ? 0 : parted ? draw() : hidden;
        row[c] = scale * (2 * shared + draw());
    }
    if (kind != 3)
        return;
    row[1] = floor(4 * test_chance(&seed) * test_chance(&seed));
    row[2] = test_chance(&seed) < 0.1 ? (double)NAN : row[2];
}

static watch_joint *learn(size_t kind)
{
    watch_version *version = watch_version_new("e", 1, FEATURES, 0, LEARN, BUCKET_NS, NULL);
    assert_non_null(version);
    version->is_category[1] = kind == 3;
    for (size_t i = 0; i < LEARN; i++)
        draw_row(kind, false, version->learned + i * version->n_columns);
    watch_joint *joint = watch_joint_make(version);
    assert_non_null(joint);
    watch_version_free(version);
    return joint;
}

typedef struct outcome {
    size_t rows; /* at which there was enough evidence first; 0: never */
    bool was_drifted;
} outcome;

static outcome watch(watch_joint *joint, size_t kind, bool parted, size_t n_rows)
{
    outcome found = {0};
    uint64_t now_ns = UINT64_C(1700000000) * LOOK_NS;
    for (size_t rows = ROWS; rows <= n_rows; rows += ROWS) {
        double block[ROWS * FEATURES];
        for (size_t i = 0; i < ROWS; i++)
            draw_row(kind, parted, block + i * FEATURES);
        now_ns += LOOK_NS;
        watch_joint_add(joint, block, ROWS, FEATURES, now_ns, BUCKET_NS);
        mw_watch_joint told = watch_joint_judge(joint, now_ns, BUCKET_NS, ALPHA);
        bool is_enough = told.log_e_value >= -log(ALPHA);
        found.rows = is_enough && found.rows == 0 ? rows : found.rows;
        found.was_drifted = found.was_drifted || told.drifted;
    }
    return found;
}

static void test_false_alarms(void **state)
{
    (void)state;
    const char *more = getenv("MW_STREAMS"), *longer = getenv("MW_VALUES");
    size_t n_streams = more ? strtoul(more, NULL, 10) : 400 / TEST_SHARE;
    size_t n_rows = longer ? strtoul(longer, NULL, 10) : 5000;
    size_t n_alarms = 0, n_drifted = 0;
    for (size_t i = 0; i < n_streams; i++) {
        seed = 1000 + i;
        watch_joint *joint = learn(i % KINDS);
        outcome found = watch(joint, i % KINDS, false, n_rows);
        n_alarms += found.rows > 0;
        n_drifted += found.was_drifted;
        watch_joint_free(joint);
    }
    if (n_alarms > ALPHA * (double)n_streams)
        fail_msg("evidence in %zu of %zu streams", n_alarms, n_streams);
    if (more)
        print_message("evidence in %zu, findings in %zu of %zu streams\n", n_alarms, n_drifted,
                      n_streams);
    assert_int_equal(n_drifted, 0); /* a finding wants an effect, too */
}

static void test_parted_features_are_found(void **state)
{
    (void)state;
    for (size_t kind = 1; kind < KINDS; kind++) {
        seed = 50 + kind;
        watch_joint *joint = learn(kind);
        assert_int_equal(watch(joint, kind, false, 2000).rows, 0);
        outcome found = watch(joint, kind, true, 2000);
        assert_true(found.was_drifted && found.rows > 0 && found.rows <= 1000);
        watch_joint_free(joint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_false_alarms),
        cmocka_unit_test(test_parted_features_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
