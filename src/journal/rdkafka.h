/* What is used of librdkafka, in our own words: loaded at run time, when a topic is asked for, so
 * that the program needs it only there. All are there from 1.0 on.
 * Source: https://github.com/confluentinc/librdkafka, src/rdkafka.h */
#ifndef JOURNAL_RDKAFKA_H
#define JOURNAL_RDKAFKA_H

#include "base/base.h"

typedef struct rdk_conf rdk_conf;
typedef struct rdk rdk;
typedef struct rdk_topic rdk_topic;

/* A message that was delivered, or was not. */
typedef struct rdk_message {
    int error;
    rdk_topic *topic;
    int32_t partition;
    void *payload;
    size_t size;
    void *key;
    size_t key_size;
    int64_t offset;
    void *user;
} rdk_message;

typedef void rdk_delivered(rdk *handle, const rdk_message *message, void *user);
typedef void rdk_failed(rdk *handle, int error, const char *reason, void *user);
typedef void rdk_log(const rdk *handle, int level, const char *facility, const char *text);

enum {
    RDK_PRODUCER = 0,
    RDK_CONF_OK = 0,
    RDK_CONF_UNKNOWN = -2,
    RDK_ANY_PARTITION = -1,
    RDK_COPY = 2 /* of a message: its bytes are copied, and a full queue is told at once */
};

/* name, what it returns, what it takes */
#define RDKAFKA_FUNCTIONS(F)                                                            \
    F(rd_kafka_conf_new, rdk_conf *, (void))                                            \
    F(rd_kafka_conf_destroy, void, (rdk_conf *))                                        \
    F(rd_kafka_conf_set, int, (rdk_conf *, const char *, const char *, char *, size_t)) \
    F(rd_kafka_conf_set_dr_msg_cb, void, (rdk_conf *, rdk_delivered *))                 \
    F(rd_kafka_conf_set_error_cb, void, (rdk_conf *, rdk_failed *))                     \
    F(rd_kafka_conf_set_log_cb, void, (rdk_conf *, rdk_log *))                          \
    F(rd_kafka_conf_set_opaque, void, (rdk_conf *, void *))                             \
    F(rd_kafka_new, rdk *, (int, rdk_conf *, char *, size_t))                           \
    F(rd_kafka_destroy, void, (rdk *))                                                  \
    F(rd_kafka_topic_new, rdk_topic *, (rdk *, const char *, void *))                   \
    F(rd_kafka_topic_destroy, void, (rdk_topic *))                                      \
    F(rd_kafka_produce, int,                                                            \
      (rdk_topic *, int32_t, int, void *, size_t, const void *, size_t, void *))        \
    F(rd_kafka_poll, int, (rdk *, int))                                                 \
    F(rd_kafka_flush, int, (rdk *, int))                                                \
    F(rd_kafka_outq_len, int, (rdk *))                                                  \
    F(rd_kafka_version_str, const char *, (void))

typedef struct rdkafka {
#define MEMBER(name, result, arguments) result(*name) arguments;
    RDKAFKA_FUNCTIONS(MEMBER)
#undef MEMBER
} rdkafka;

extern rdkafka journal_rd; /* filled by the first load */

/* Find the library and its functions, once for the process. Fails: MW_UNSUPPORTED (MW8413). */
MW_CHECKED mw_status journal_rd_load(mw_error *err);

#endif
