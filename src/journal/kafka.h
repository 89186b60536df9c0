/* A topic of Kafka: rows of the prediction log once more, for whoever listens there.
 *
 *     rows of a block, private columns treated --JSON--> librdkafka's queue --threads--> brokers
 *                                             `full, or not delivered in time: dropped, counted
 *
 * A message is a row: its key is "ID#ROW", its value what `mw log query --format jsonl` writes. It
 * never waits: the disk's side of the log, and every request, goes on whatever the brokers do. */
#ifndef JOURNAL_KAFKA_H
#define JOURNAL_KAFKA_H

#include "base/base.h"

typedef struct journal_kafka journal_kafka;

/* address: "BROKER:9092,BROKER:9092/TOPIC". settings: a file of librdkafka's settings, "key=value"
 * a line; NULL = none. Opening succeeds without a broker that answers.
 * Fails: MW_BAD_ARGUMENT (MW8412), MW_UNSUPPORTED (MW8413), MW_IO, MW_NO_MEMORY. */
MW_CHECKED mw_status journal_kafka_open(const char *address, const char *settings,
                                        journal_kafka **ret_kafka, mw_error *err);
/* Waits a few seconds for what is still on its way; the rest is dropped. NULL is fine. */
void journal_kafka_close(journal_kafka *kafka);
/* One thread at a time. */
void journal_kafka_put(journal_kafka *kafka, mw_view key, mw_view value);
/* Rows that could not even be put. */
void journal_kafka_drop(journal_kafka *kafka, uint64_t rows);
/* Learns what became of messages: call it often. One thread, that of put. */
void journal_kafka_poll(journal_kafka *kafka);
/* Any thread. Sent: a broker has said so. */
void journal_kafka_count(journal_kafka *kafka, uint64_t *ret_sent, uint64_t *ret_dropped);

/* ---- reading --------------------------------------------------------------------------------- */

/* Lines of "key=value"; empty ones and those that begin with # are passed over. `see` may refuse
 * one, with err filled: its line is added. Fails: MW_BAD_ARGUMENT (MW8412). */
typedef mw_status journal_setting_see(void *user, const char *key, const char *value,
                                      mw_error *err);
MW_CHECKED mw_status journal_kafka_settings(mw_view text, journal_setting_see *see, void *user,
                                            mw_error *err);

#endif
