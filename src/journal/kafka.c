/* See kafka.h. */
#include "kafka.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "rdkafka.h"

#include "base/banned.h"

enum {
    FLUSH_MS = 5000,
    WHY_BYTES = 512,
    SETTING_BYTES = 4096,
    TOPIC_MAX = 249,    /* Kafka's own limit */
    LOG_ERROR_UP_TO = 3 /* of syslog's levels */
};

#define NS_PER_MS UINT64_C(1000000)

struct journal_kafka {
    rdk *producer;
    rdk_topic *topic;
    char *brokers, *name;
    atomic_uint_least64_t sent, dropped;
    uint64_t complained_ns;
};

/* ---- settings -------------------------------------------------------------------------------- */

static mw_status read_line(mw_view line, journal_setting_see *see, void *user, mw_error *err)
{
    char key[SETTING_BYTES], value[SETTING_BYTES];
    line = mw_view_trim(line);
    if (line.size == 0 || line.data[0] == '#')
        return MW_OK;
    if (!memchr(line.data, '=', line.size) || memchr(line.data, '\0', line.size) ||
        line.size >= SETTING_BYTES) {
        mw_fail(err, MW_E_KAFKA_SETTING, "the line is no key=value");
        return mw_mend(err, "write a setting of librdkafka a line: security.protocol=ssl");
    }
    mw_view name = mw_view_trim(mw_view_cut(&line, '='));
    line = mw_view_trim(line);
    snprintf(key, sizeof key, "%.*s", MW_VIEW_ARG(name));
    snprintf(value, sizeof value, "%.*s", MW_VIEW_ARG(line));
    return see(user, key, value, err);
}

mw_status journal_kafka_settings(mw_view text, journal_setting_see *see, void *user, mw_error *err)
{
    for (unsigned number = 1; text.size > 0; number++)
        if (read_line(mw_view_cut(&text, '\n'), see, user, err) != MW_OK)
            return mw_at(err, "line %u", number);
    return MW_OK;
}

static mw_status set(void *user, const char *key, const char *value, mw_error *err)
{
    char why[WHY_BYTES] = "";
    if (journal_rd.rd_kafka_conf_set(user, key, value, why, sizeof why) == RDK_CONF_OK)
        return MW_OK;
    mw_fail(err, MW_E_KAFKA_SETTING, "librdkafka takes no '%s' as it stands there", key);
    mw_why(err, "%s", why);
    return mw_mend(err, "its CONFIGURATION.md lists every setting");
}

static mw_status set_from_file(rdk_conf *conf, const char *path, mw_error *err)
{
    mw_file file;
    if (!path)
        return MW_OK;
    MW_TRY(mw_file_read(path, MW_MIB, &file, err));
    mw_status status = journal_kafka_settings((mw_view){file.data, file.size}, set, conf, err);
    mw_file_done(&file);
    return status == MW_OK ? MW_OK : mw_at(err, "%s", path);
}

/* ---- the address ----------------------------------------------------------------------------- */

static bool is_topic(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", name[i]))
            return false;
    return size > 0 && size <= TOPIC_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static mw_status take_address(journal_kafka *kafka, const char *address, mw_error *err)
{
    static const char scheme[] = "kafka://";
    if (strncmp(address, scheme, strlen(scheme)) == 0)
        address += strlen(scheme);
    const char *slash = strrchr(address, '/');
    if (slash && slash > address && is_topic(slash + 1)) {
        kafka->brokers = strndup(address, (size_t)(slash - address));
        kafka->name = strdup(slash + 1);
        return kafka->brokers && kafka->name ? MW_OK : mw_fail_memory(err, "the topic");
    }
    mw_fail(err, MW_E_KAFKA_SETTING, "no topic is named: '%.100s'", address);
    return mw_mend(err, "BROKER:9092,BROKER:9092/TOPIC; a topic has letters, digits, dots, "
                        "dashes and underscores");
}

/* ---- what becomes of messages ---------------------------------------------------------------- */

static void complain(journal_kafka *kafka, const char *what)
{
    uint64_t now = mw_clock_ns();
    if (kafka->complained_ns && now - kafka->complained_ns < MW_LIMIT_COMPLAINT_MS * NS_PER_MS)
        return;
    kafka->complained_ns = now;
    mw_log(MW_LOG_WARN, "prediction log: Kafka, %s: %s", kafka->name, what);
}

static void delivered(rdk *producer, const rdk_message *message, void *user)
{
    journal_kafka *kafka = user;
    (void)producer;
    atomic_fetch_add_explicit(message->error ? &kafka->dropped : &kafka->sent, 1,
                              memory_order_relaxed);
    if (message->error)
        complain(kafka, "messages were not delivered in time and are dropped");
}

static void failed(rdk *producer, int error, const char *reason, void *user)
{
    (void)producer;
    (void)error;
    complain(user, reason);
}

/* librdkafka's own lines; what matters is told by `failed`. On its threads. */
static void logged(const rdk *producer, int level, const char *facility, const char *text)
{
    (void)producer;
    mw_log(level <= LOG_ERROR_UP_TO ? MW_LOG_INFO : MW_LOG_DEBUG, "librdkafka %s: %s", facility,
           text);
}

void journal_kafka_drop(journal_kafka *kafka, uint64_t rows)
{
    atomic_fetch_add_explicit(&kafka->dropped, rows, memory_order_relaxed);
}

void journal_kafka_put(journal_kafka *kafka, mw_view key, mw_view value)
{
    if (journal_rd.rd_kafka_produce(kafka->topic, RDK_ANY_PARTITION, RDK_COPY, (void *)value.data,
                                    value.size, key.data, key.size, NULL) == 0)
        return;
    journal_kafka_drop(kafka, 1);
    complain(kafka, "the queue is full, messages are dropped");
}

void journal_kafka_poll(journal_kafka *kafka)
{
    (void)journal_rd.rd_kafka_poll(kafka->producer, 0);
}

void journal_kafka_count(journal_kafka *kafka, uint64_t *ret_sent, uint64_t *ret_dropped)
{
    *ret_sent = atomic_load_explicit(&kafka->sent, memory_order_relaxed);
    *ret_dropped = atomic_load_explicit(&kafka->dropped, memory_order_relaxed);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Ours first, so that the file may say otherwise. */
static mw_status configure(const journal_kafka *kafka, const char *settings, rdk_conf *conf,
                           mw_error *err)
{
    static const char *const usual[][2] = {{"client.id", "millwright"},
                                           {"linger.ms", "50"},
                                           {"compression.type", "lz4"},
                                           {"message.timeout.ms", "60000"},
                                           {"queue.buffering.max.kbytes", "65536"}};
    for (size_t i = 0; i < MW_COUNT(usual); i++)
        MW_TRY(set(conf, usual[i][0], usual[i][1], err));
    MW_TRY(set(conf, "bootstrap.servers", kafka->brokers, err));
    return set_from_file(conf, settings, err);
}

static mw_status start(journal_kafka *kafka, const char *settings, mw_error *err)
{
    char why[WHY_BYTES] = "";
    rdk_conf *conf = journal_rd.rd_kafka_conf_new();
    mw_status status = configure(kafka, settings, conf, err);
    if (status != MW_OK) {
        journal_rd.rd_kafka_conf_destroy(conf);
        return status;
    }
    journal_rd.rd_kafka_conf_set_opaque(conf, kafka);
    journal_rd.rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    journal_rd.rd_kafka_conf_set_error_cb(conf, failed);
    journal_rd.rd_kafka_conf_set_log_cb(conf, logged);
    kafka->producer = journal_rd.rd_kafka_new(RDK_PRODUCER, conf, why, sizeof why);
    if (kafka->producer)
        kafka->topic = journal_rd.rd_kafka_topic_new(kafka->producer, kafka->name, NULL);
    else
        journal_rd.rd_kafka_conf_destroy(conf);
    if (kafka->topic)
        return MW_OK;
    mw_fail(err, MW_E_KAFKA_SETTING, "librdkafka does not start");
    mw_why(err, "%s", why);
    return mw_mend(err, "look at the settings: --log-kafka-settings");
}

mw_status journal_kafka_open(const char *address, const char *settings, journal_kafka **ret_kafka,
                             mw_error *err)
{
    journal_kafka *kafka = calloc(1, sizeof *kafka);
    if (!kafka)
        return mw_fail_memory(err, "the topic");
    mw_status status = take_address(kafka, address, err);
    if (status == MW_OK)
        status = journal_rd_load(err);
    if (status == MW_OK)
        status = start(kafka, settings, err);
    if (status != MW_OK) {
        journal_kafka_close(kafka);
        return status;
    }
    mw_log(MW_LOG_INFO, "prediction log: to the topic %s of Kafka, too; librdkafka %s", kafka->name,
           journal_rd.rd_kafka_version_str());
    *ret_kafka = kafka;
    return MW_OK;
}

static void end(journal_kafka *kafka)
{
    (void)journal_rd.rd_kafka_flush(kafka->producer, FLUSH_MS);
    int left = journal_rd.rd_kafka_outq_len(kafka->producer);
    if (left > 0)
        mw_log(MW_LOG_WARN, "prediction log: %d messages for Kafka are dropped at the end", left);
    if (kafka->topic)
        journal_rd.rd_kafka_topic_destroy(kafka->topic);
    journal_rd.rd_kafka_destroy(kafka->producer);
}

void journal_kafka_close(journal_kafka *kafka)
{
    if (!kafka)
        return;
    if (kafka->producer)
        end(kafka);
    free(kafka->brokers);
    free(kafka->name);
    free(kafka);
}
