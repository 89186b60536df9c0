/* Rows to a topic of Kafka, against the mock cluster that librdkafka has in itself: what arrives,
 * what is private, brokers that are away, and that nobody waits for them. Skipped where the library
 * is not there. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

#include "../folder.h"
#include "journal/journal.h"
#include "journal/kafka.h"
#include "journal/rdkafka.h"

enum { COLUMNS = 3, BEGINNING = -2, CONSUMER = 1, ROWS = 60 };

#define TOPIC "predictions"

/* What only a test needs of the library. */
static void *(*cluster_new)(rdk *, int);
static void (*cluster_destroy)(void *);
static const char *(*cluster_bootstraps)(const void *);
static int (*cluster_topic)(void *, const char *, int, int);
static int (*broker_down)(void *, int32_t);
static int (*consume_start)(rdk_topic *, int32_t, int64_t);
static int (*consume_stop)(rdk_topic *, int32_t);
static rdk_message *(*consume)(rdk_topic *, int32_t, int);
static void (*message_destroy)(rdk_message *);

static char folder[TEST_FOLDER_BYTES], address[256];
static bool is_there;
static rdk *own;
static void *cluster;
static mw_forest forest;
static mw_column columns[COLUMNS] = {
    {.name = {"age", 3}}, {.name = {"income", 6}}, {.name = {"colour", 6}}};

/* ---- the cluster ----------------------------------------------------------------------------- */

static bool find(void *handle, const char *name, void *place)
{
    void *symbol = dlsym(handle, name);
    memcpy(place, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool find_all(void)
{
    void *handle = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);
    mw_error err;
    return handle && journal_rd_load(&err) == MW_OK &&
           find(handle, "rd_kafka_mock_cluster_new", &cluster_new) &&
           find(handle, "rd_kafka_mock_cluster_destroy", &cluster_destroy) &&
           find(handle, "rd_kafka_mock_cluster_bootstraps", &cluster_bootstraps) &&
           find(handle, "rd_kafka_mock_topic_create", &cluster_topic) &&
           find(handle, "rd_kafka_mock_broker_set_down", &broker_down) &&
           find(handle, "rd_kafka_consume_start", &consume_start) &&
           find(handle, "rd_kafka_consume_stop", &consume_stop) &&
           find(handle, "rd_kafka_consume", &consume) &&
           find(handle, "rd_kafka_message_destroy", &message_destroy);
}

static rdk *client(int kind)
{
    char why[200];
    rdk_conf *conf = journal_rd.rd_kafka_conf_new();
    if (kind == CONSUMER) {
        const char *slash = strrchr(address, '/');
        char brokers[256];
        snprintf(brokers, sizeof brokers, "%.*s", (int)(slash - address), address);
        (void)journal_rd.rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    }
    return journal_rd.rd_kafka_new(kind, conf, why, sizeof why);
}

static int begin(void **state)
{
    (void)state;
    forest = (mw_forest){.n_features = COLUMNS,
                         .n_predictions = 1,
                         .n_classes = 2,
                         .transform = MW_TRANSFORM_SIGMOID};
    forest.schema = (mw_schema){.columns = columns, .n_columns = COLUMNS, .named = true};
    is_there = find_all();
    if (is_there) {
        own = client(RDK_PRODUCER);
        cluster = cluster_new(own, 1);
        cluster_topic(cluster, TOPIC, 1, 1);
        snprintf(address, sizeof address, "%s/" TOPIC, cluster_bootstraps(cluster));
    }
    return test_folder_make(folder);
}

static int end(void **state)
{
    (void)state;
    if (is_there) {
        cluster_destroy(cluster);
        journal_rd.rd_kafka_destroy(own);
    }
    return test_folder_remove(folder);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static mw_journal *open_log(mw_journal_options options)
{
    mw_journal *journal = NULL;
    mw_error err;
    options.folder = folder;
    options.sample = 1;
    options.flush_ms = 20;
    if (mw_journal_open(&options, &journal, &err) != MW_OK)
        fail_msg("%s", err.what);
    return journal;
}

static void tap(mw_journal *journal, size_t n)
{
    double rows[ROWS * COLUMNS], values[ROWS];
    for (size_t r = 0; r < n; r++) {
        rows[r * COLUMNS] = (double)r;
        rows[r * COLUMNS + 1] = 41000.5;
        rows[r * COLUMNS + 2] = 7;
        values[r] = 0.25;
    }
    mw_matrix matrix = {rows, MW_FLOAT64, n, COLUMNS, COLUMNS, 1};
    mw_journal_tap(journal,
                   &(mw_journal_entry){"churn", 3, &forest, MW_VIEW("abc"), &matrix, values, 1});
}

/* Until so many are sent and dropped; within ten seconds. */
static mw_journal_counts wait_for(mw_journal *journal, uint64_t sent, uint64_t dropped)
{
    mw_journal_counts c;
    for (unsigned i = 0; i < 1000; i++) {
        mw_journal_count(journal, &c);
        if (c.kafka_sent >= sent && c.kafka_dropped >= dropped)
            break;
        usleep(10000);
    }
    assert_true(c.has_kafka);
    assert_int_equal(c.kafka_sent, sent);
    assert_int_equal(c.kafka_dropped, dropped);
    return c;
}

static void check_message(const rdk_message *message, unsigned row)
{
    char key[32];
    mw_json *root;
    mw_error err;
    double age, said;
    mw_view text = {message->payload, message->size};
    snprintf(key, sizeof key, "abc#%u", row);
    assert_true(mw_view_is((mw_view){message->key, message->key_size}, key));
    assert_int_equal(mw_json_read(text, &root, &err), MW_OK);
    const mw_json *inputs = mw_json_member(root, "inputs");
    assert_true(mw_view_is(mw_json_text(mw_json_member(root, "id")), key));
    assert_true(mw_view_is(mw_json_text(mw_json_member(root, "endpoint")), "churn"));
    assert_true(mw_json_number(mw_json_member(inputs, "age"), &age) && age == row);
    assert_true(mw_json_number(mw_json_member(root, "prediction"), &said) && said == 0.25);
    /* hashed to sixteen digits; not there at all */
    assert_int_equal(mw_json_text(mw_json_member(inputs, "income")).size, 16);
    assert_null(mw_json_member(inputs, "colour"));
    assert_null(memmem(text.data, text.size, "41000", 5));
    mw_json_free(root);
}

static void test_rows_arrive(void **state)
{
    (void)state;
    if (!is_there)
        skip();
    mw_journal *journal =
        open_log((mw_journal_options){.kafka = address, .hashed = "income", .dropped = "colour"});
    tap(journal, ROWS);
    assert_int_equal(wait_for(journal, ROWS, 0).rows_written, ROWS);
    mw_journal_close(journal);
    rdk *consumer = client(CONSUMER);
    rdk_topic *topic = journal_rd.rd_kafka_topic_new(consumer, TOPIC, NULL);
    assert_int_equal(consume_start(topic, 0, BEGINNING), 0);
    for (unsigned row = 0; row < ROWS;) {
        rdk_message *message = consume(topic, 0, 10000);
        assert_non_null(message);
        assert_int_equal(message->error, 0);
        check_message(message, row++);
        message_destroy(message);
    }
    consume_stop(topic, 0);
    journal_rd.rd_kafka_topic_destroy(topic);
    journal_rd.rd_kafka_destroy(consumer);
}

static void write_settings(char *path, size_t size, const char *text)
{
    mw_error err;
    snprintf(path, size, "%s/kafka.properties", folder);
    assert_int_equal(mw_file_write(path, mw_view_of(text), &err), MW_OK);
}

/* No broker, and a queue of ten: all is on the disk, at once, and what was dropped is counted. */
static void test_brokers_that_are_away(void **state)
{
    char path[TEST_FOLDER_BYTES + 32];
    (void)state;
    if (!is_there)
        skip();
    broker_down(cluster, 1);
    write_settings(path, sizeof path,
                   "# small and short\n\nqueue.buffering.max.messages = 10\n"
                   "message.timeout.ms=300\nsocket.connection.setup.timeout.ms=1000\n");
    mw_journal *journal = open_log((mw_journal_options){.kafka = address, .kafka_settings = path});
    uint64_t began = mw_clock_ns();
    tap(journal, ROWS);
    assert_true(mw_clock_ns() - began < UINT64_C(200000000));
    assert_int_equal(wait_for(journal, 0, ROWS).rows_written, ROWS);
    mw_journal_close(journal);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void refuse(const char *to, const char *settings, const char *said)
{
    mw_error err;
    mw_journal *journal;
    char path[TEST_FOLDER_BYTES + 32];
    mw_journal_options options = {.folder = folder, .sample = 1, .kafka = to};
    if (settings) {
        write_settings(path, sizeof path, settings);
        options.kafka_settings = path;
    }
    if (mw_journal_open(&options, &journal, &err) == MW_OK)
        fail_msg("%s is taken", to);
    if (!strstr(err.what, said) && !strstr(err.where, said) && !strstr(err.why, said))
        fail_msg("%s: %s: %s", err.where, err.what, err.why);
}

static void test_addresses_that_are_none(void **state)
{
    static const char *const none[] = {"",    "broker:9092", "/topic",   "broker:9092/",
                                       "b/.", "b/..",        "b/to pic", "b/t\xc3\xb6pic"};
    (void)state;
    for (size_t i = 0; i < MW_COUNT(none); i++)
        refuse(none[i], NULL, "no topic is named");
    char longest[300] = "b/";
    memset(longest + 2, 'x', 250);
    refuse(longest, NULL, "no topic is named");
}

static void test_settings_that_are_none(void **state)
{
    (void)state;
    if (!is_there)
        skip();
    refuse(address, "acks=1\nlinger.ms\n", "line 2");
    refuse(address, "acks=1\n\nno.such.setting=1\n", "line 3");
    refuse(address, "acks=many\n", "acks");
}

static void test_without_the_library(void **state)
{
    mw_error err;
    (void)state;
    if (is_there)
        skip(); /* it is loaded once for the process */
    journal_kafka *kafka;
    assert_int_equal(journal_kafka_open("b:9092/t", NULL, &kafka, &err), MW_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_arrive, begin, end),
        cmocka_unit_test_setup_teardown(test_brokers_that_are_away, begin, end),
        cmocka_unit_test_setup_teardown(test_addresses_that_are_none, begin, end),
        cmocka_unit_test_setup_teardown(test_settings_that_are_none, begin, end),
        cmocka_unit_test_setup_teardown(test_without_the_library, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
