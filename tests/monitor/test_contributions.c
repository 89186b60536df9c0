/* Contributions under watch: what a model leans on, and that it leans otherwise though its rows are
 * as they were. Time is set by hand. */
#include <math.h>
#include <stdlib.h>

#include "test.h"

#include "../folder.h"
#include "pinned.h"

enum { FEATURES = 3, OUTPUTS = 1, COLUMNS = FEATURES + OUTPUTS, LEARN = 1000 };

/* A model that adds up: feature 0 counts by its weight, 1 a lot, 2 not at all. */
typedef struct model {
    double weight, share;
    bool is_gone;
    uint64_t background;
    size_t n_rows;
} model;

static double share_of(void *user, const char *endpoint, unsigned version)
{
    assert_string_equal(endpoint, "a");
    assert_int_equal(version, 1);
    return ((model *)user)->share;
}

static bool contribute(void *user, const char *endpoint, unsigned version, const mw_matrix *rows,
                       double *ret)
{
    model *m = user;
    assert_string_equal(endpoint, "a");
    assert_int_equal(version, 1);
    assert_int_equal(rows->n_columns, FEATURES);
    for (size_t i = 0; i < rows->n_rows && !m->is_gone; i++, ret += FEATURES + 1) {
        const double *row = (const double *)rows->data + (ptrdiff_t)i * rows->row_stride;
        ret[0] = m->weight * row[0];
        ret[1] = row[1] - 2.5;
        ret[2] = 0;
        ret[3] = 7; /* the bias is no feature's */
    }
    m->n_rows += m->is_gone ? 0 : rows->n_rows;
    return !m->is_gone;
}

static uint64_t background_of(void *user, const char *endpoint)
{
    assert_string_equal(endpoint, "a");
    return ((model *)user)->background;
}

static void open_it(model *m, const char *folder)
{
    mw_error err;
    mw_monitor_options options = {.learn_rows = LEARN,
                                  .without_watcher = true,
                                  .folder = folder,
                                  .explainer = {share_of, contribute, background_of, m}};
    if (mw_monitor_new(&options, &monitor, &err) != MW_OK)
        fail_msg("%s", err.what);
    mw_column columns[FEATURES] = {
        {.name = MW_VIEW("x")}, {.name = MW_VIEW("y")}, {.name = MW_VIEW("z")}};
    mw_schema schema = {.columns = columns, .n_columns = FEATURES, .named = true};
    mw_watch_subject subject = {.endpoint = "a",
                                .version = 1,
                                .identity = MW_VIEW("model"),
                                .schema = &schema,
                                .n_outputs = OUTPUTS};
    if (mw_monitor_describe(monitor, &subject, &err) != MW_OK)
        fail_msg("%s", err.what);
}

static int begin(void **state)
{
    (void)state;
    now_ns = 1000 * SECOND;
    now_ms = 1000000;
    seed = 7;
    mw_clock_pin(&now_ns, &now_ms);
    return 0;
}

static double chance(void)
{
    return test_chance(&seed);
}

static double normal(void)
{
    return sqrt(-2 * log(1 - chance())) * cos(6.283185307179586 * chance());
}

/* Feature 0 is normal, 1 a die, 2 even; 50 rows a request, which `beside` sees, too. */
static void ask(mw_monitor *to, mw_monitor *beside)
{
    double rows[50 * FEATURES], values[50];
    for (size_t i = 0; i < 50; i++) {
        rows[i * FEATURES] = normal();
        rows[i * FEATURES + 1] = floor(chance() * 6);
        rows[i * FEATURES + 2] = chance();
        values[i] = rows[i * FEATURES];
    }
    mw_matrix matrix = {rows, MW_FLOAT64, 50, FEATURES, FEATURES, 1};
    mw_monitor_tap(to, "a", 1, &matrix, values, OUTPUTS);
    if (beside)
        mw_monitor_tap(beside, "a", 1, &matrix, values, OUTPUTS);
}

/* Seconds of 500 rows each. */
static void stream(unsigned seconds)
{
    for (unsigned s = 0; s < seconds; s++) {
        for (unsigned i = 0; i < 10; i++)
            ask(monitor, NULL);
        now_ns += SECOND;
        mw_monitor_look(monitor);
    }
}

static mw_watch_report report(unsigned version, mw_watched *columns)
{
    mw_watch_report found;
    assert_true(mw_monitor_report(monitor, "a", version, &found, columns, COLUMNS));
    return found;
}

static mw_watch_report contributions(mw_watched *columns)
{
    return report(1 | MW_WATCH_CONTRIBUTIONS, columns);
}

static double importance(mw_watch_importance *found)
{
    double rows = 0;
    assert_true(mw_monitor_importance(monitor, "a", 1, MW_WATCH_OF_ALL, found, FEATURES, &rows));
    return rows;
}

static void test_what_moves_predictions(void **state)
{
    (void)state;
    double rows;
    mw_watched columns[COLUMNS];
    mw_watch_importance found[FEATURES];
    mw_watch_sketch sketch;
    model m = {.weight = 0.1, .share = 1};
    open_it(&m, NULL);
    assert_false(mw_monitor_importance(monitor, "a", 1, MW_WATCH_OF_ALL, found, FEATURES, &rows));
    stream(20);
    mw_watch_report r = contributions(columns);
    assert_int_equal(r.state, MW_WATCH_WATCHING);
    assert_int_equal(r.n_features, FEATURES);
    assert_int_equal(r.n_outputs + r.n_drifted, 0);
    rows = importance(found);
    assert_true(rows > 500 && rows <= (double)m.n_rows);
    assert_true(found[0].rank_reference == 2 && found[1].rank == 1);
    assert_true(found[2].mean_absolute == 0 && found[2].share == 0);
    assert_true(fabs(found[0].mean_absolute - 0.1 * 0.798) < 0.01); /* of a normal */
    assert_true(fabs(found[1].mean_absolute - 1.5) < 0.1);
    assert_true(fabs(found[0].share + found[1].share - 1) < 1e-12);
    assert_true(fabs(found[0].share_reference - 0.05) < 0.01);
    m.weight = 2; /* the same rows, and yet it leans on another feature */
    stream(30);
    assert_int_equal(contributions(columns).n_drifted, 1);
    assert_true(columns[0].drifted && columns[0].psi_since > 0.2);
    assert_int_equal(report(1, columns).n_drifted, 0); /* inputs and outputs have not */
    importance(found);
    assert_true(found[0].share > found[0].share_reference + 0.2);
    assert_true(mw_monitor_sketch(monitor, "a", 1 | MW_WATCH_CONTRIBUTIONS, 1, &sketch));
    assert_true(sketch.distinct == 6 && fabs(sketch.mean) < 0.2);
}

static void test_some_of_the_rows_are_explained(void **state)
{
    (void)state;
    mw_watched columns[COLUMNS];
    model m = {.weight = 1, .share = 0.1};
    open_it(&m, NULL);
    stream(4); /* inputs have their reference, and rows are sampled */
    m.n_rows = 0;
    stream(20);
    assert_int_equal(m.n_rows, 1000);
    m.share = 0;
    stream(2);
    assert_int_equal(m.n_rows, 1000);
    m.share = 1;
    m.is_gone = true; /* its model is gone: the watch goes on */
    stream(2);
    assert_int_equal(report(1, columns).state, MW_WATCH_WATCHING);
    assert_int_equal(m.n_rows, 1000);
}

static void test_they_survive_a_restart(void **state)
{
    (void)state;
    char folder[TEST_FOLDER_BYTES];
    mw_watched columns[COLUMNS];
    mw_watch_importance before[FEATURES], after[FEATURES];
    model m = {.weight = 0.1, .share = 1};
    assert_int_equal(test_folder_make(folder), 0);
    open_it(&m, folder);
    stream(20);
    mw_monitor_stop(monitor);
    uint64_t rows = contributions(columns).rows;
    double explained = importance(before);
    mw_monitor_free(monitor);
    open_it(&m, folder);
    stream(3); /* the companion is there once rows are sampled */
    mw_watch_report r = contributions(columns);
    assert_true(r.state == MW_WATCH_WATCHING && r.rows >= rows);
    assert_true(importance(after) >= explained);
    for (size_t c = 0; c < FEATURES; c++)
        assert_true(after[c].mean_absolute_reference == before[c].mean_absolute_reference &&
                    after[c].share_reference == before[c].share_reference &&
                    after[c].mean_reference == before[c].mean_reference);
    m.weight = 2;
    stream(30);
    assert_int_equal(contributions(columns).n_drifted, 1); /* by the reference from before */
    mw_monitor_free(monitor);
    m.background = 1; /* against other rows they are others */
    open_it(&m, folder);
    stream(3);
    assert_true(contributions(columns).rows < rows); /* begun anew */
    mw_monitor_free(monitor);
    monitor = NULL;
    test_folder_remove(folder);
}

/* Nothing changes for a long while: nothing is found, however often it is looked at. */
static void test_quiet(void **state)
{
    (void)state;
    mw_watched columns[COLUMNS];
    model m = {.weight = 1, .share = 1};
    open_it(&m, NULL);
    for (unsigned i = 0; i < 60; i++) {
        stream(5);
        now_ns += 20 * SECOND;
        if (i > 1)
            assert_int_equal(contributions(columns).n_drifted, 0);
    }
}

/* ---- servers of a record --------------------------------------------------------------------- */

enum { FIRST, SECOND_ONE, WHOLE, SERVERS };
enum { WATCHED = 2 }; /* versions: of inputs and of contributions */

static mw_monitor *servers[SERVERS];
static model models[SERVERS];

typedef struct versions {
    mw_watch_shared of[WATCHED];
    size_t n;
} versions;

static void see(void *user, const mw_watch_shared *shared)
{
    versions *all = user;
    assert_true(all->n < WATCHED);
    all->of[all->n++] = *shared;
}

static versions versions_of(mw_monitor *of)
{
    versions all = {.n = 0};
    mw_monitor_each_shared(of, see, &all);
    return all;
}

static void pass(uint64_t seconds)
{
    now_ns += seconds * SECOND;
    now_ms += (int64_t)seconds * 1000;
    for (size_t i = 0; i < SERVERS; i++)
        mw_monitor_look(servers[i]);
}

static void take_of_first(mw_monitor *to, size_t which)
{
    mw_buf bytes;
    versions from = versions_of(servers[FIRST]), all = versions_of(to);
    mw_buf_init(&bytes, MW_MIB);
    assert_true(mw_monitor_pack_reference(servers[FIRST], &from.of[which], &bytes));
    assert_int_equal(mw_monitor_take_reference(to, &all.of[which], mw_buf_as_view(&bytes), NULL),
                     MW_OK);
    assert_true(versions_of(to).of[which].reference == from.of[which].reference);
    mw_error err;
    for (size_t cut = 0; cut < bytes.size; cut += 5) /* damaged: it keeps what it has */
        assert_int_equal(
            mw_monitor_take_reference(to, &all.of[which], (mw_view){bytes.data, cut}, &err),
            MW_BAD_DATA);
    mw_buf_done(&bytes);
}

typedef struct carrier {
    mw_monitor *to;
    mw_watch_shared of;
} carrier;

static void carry_bucket(void *user, int span, uint64_t bucket, uint64_t rows, mw_view counts)
{
    mw_error err;
    const carrier *c = user;
    assert_int_equal(mw_monitor_hear(c->to, &c->of, span, bucket, &rows, &counts, 1, NULL), MW_OK);
    for (size_t cut = 1; cut < counts.size && cut < 20; cut++)
        assert_int_equal(mw_monitor_hear(c->to, &c->of, span, bucket, &rows,
                                         &(mw_view){counts.data, counts.size - cut}, 1, &err),
                         MW_BAD_DATA);
}

static void carry(mw_monitor *from, mw_monitor *to)
{
    static const uint64_t beginning[MW_WATCH_SHARED_SPANS];
    versions mine = versions_of(from), theirs = versions_of(to);
    for (size_t v = 0; v < WATCHED; v++) {
        carrier other = {to, theirs.of[v]};
        assert_true(mw_monitor_tell(from, &mine.of[v], beginning, carry_bucket, &other));
        mw_monitor_note_servers(to, &other.of, NULL, 0, 1, 0);
    }
}

static double importance_at(size_t server, mw_watch_scope scope, mw_watch_importance *found)
{
    double rows = 0;
    assert_true(mw_monitor_importance(servers[server], "a", 1, scope, found, FEATURES, &rows));
    return rows;
}

static void same_as_one(size_t server)
{
    mw_watch_report mine, theirs;
    mw_watched columns[COLUMNS], expected[COLUMNS];
    mw_watch_importance found[FEATURES], wanted[FEATURES];
    unsigned version = 1 | MW_WATCH_CONTRIBUTIONS;
    assert_true(mw_monitor_report(servers[server], "a", version, &mine, columns, COLUMNS));
    assert_true(mw_monitor_report(servers[WHOLE], "a", version, &theirs, expected, COLUMNS));
    assert_true(mine.rows == theirs.rows && mine.window_rows == theirs.window_rows);
    assert_true(mine.n_drifted == theirs.n_drifted && mine.n_servers == 2);
    assert_true(importance_at(server, MW_WATCH_OF_ALL, found) ==
                importance_at(WHOLE, MW_WATCH_OF_ALL, wanted));
    for (size_t c = 0; c < FEATURES; c++) {
        assert_true(columns[c].psi == expected[c].psi);
        /* of where a change began each server looks back to its own beginning */
        assert_true(fabs(columns[c].log_e_value - expected[c].log_e_value) <= (server ? 0.1 : 0));
        assert_true(columns[c].since_rows == expected[c].since_rows);
        assert_true(fabs(found[c].share - wanted[c].share) < 1e-12);
        assert_true(fabs(found[c].mean - wanted[c].mean) < 1e-12);
        assert_true(fabs(found[c].mean_absolute - wanted[c].mean_absolute) < 1e-12);
        assert_true(found[c].share_reference == wanted[c].share_reference);
        assert_true(found[c].rank == wanted[c].rank);
    }
}

static int begin_servers(void **state)
{
    begin(state);
    for (size_t i = 0; i < SERVERS; i++) {
        models[i] = (model){.weight = 1, .share = 1};
        open_it(&models[i], NULL);
        servers[i] = monitor;
    }
    return 0;
}

static int end_servers(void **state)
{
    mw_monitor_free(servers[FIRST]);
    mw_monitor_free(servers[SECOND_ONE]);
    return end(state);
}

/* What two explained, added up, is what one that saw all rows explained; the second one is asked
 * nothing at first, and has the reference of the first one all the same. */
static void test_servers_add_them_up(void **state)
{
    (void)state;
    mw_watch_importance alone[FEATURES], all[FEATURES];
    for (unsigned s = 0; s < 20; s++) {
        for (unsigned i = 0; i < 6; i++)
            ask(servers[FIRST], servers[WHOLE]);
        pass(1);
    }
    take_of_first(servers[SECOND_ONE], 0);
    take_of_first(servers[WHOLE], 0);
    assert_int_equal(versions_of(servers[SECOND_ONE]).n, 1);
    pass(1); /* its companion is there behind the first turn */
    assert_int_equal(versions_of(servers[SECOND_ONE]).n, 2);
    take_of_first(servers[SECOND_ONE], 1);
    take_of_first(servers[WHOLE], 1);
    pass(20 * 60);                 /* what came before is told of no more */
    models[SECOND_ONE].weight = 3; /* there it leans otherwise */
    for (unsigned s = 0; s < 40; s++) {
        models[WHOLE].weight = s % 2 ? 3 : 1; /* turn by turn, as the one that sees all has it */
        for (unsigned i = 0; i < 6; i++)
            ask(servers[s % 2 ? SECOND_ONE : FIRST], servers[WHOLE]);
        pass(7);
    }
    for (size_t twice = 0; twice < 2; twice++) {
        carry(servers[FIRST], servers[SECOND_ONE]);
        carry(servers[SECOND_ONE], servers[FIRST]);
    }
    pass(1);
    same_as_one(FIRST);
    same_as_one(SECOND_ONE);
    double rows = importance_at(FIRST, MW_WATCH_OF_THIS, alone);
    rows += importance_at(SECOND_ONE, MW_WATCH_OF_THIS, alone);
    assert_true(rows > 5000 && rows == importance_at(FIRST, MW_WATCH_OF_ALL, all));
    assert_true(alone[0].share > all[0].share + 0.05);
    pass(20 * 60);
    assert_true(importance_at(FIRST, MW_WATCH_OF_ALL, all) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_moves_predictions, begin, end),
        cmocka_unit_test_setup_teardown(test_some_of_the_rows_are_explained, begin, end),
        cmocka_unit_test_setup_teardown(test_they_survive_a_restart, begin, end),
        cmocka_unit_test_setup_teardown(test_quiet, begin, end),
        cmocka_unit_test_setup_teardown(test_servers_add_them_up, begin_servers, end_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
