/* What the servers of a record tell each other of their watch: references, counts of buckets of
 * time, sketches of values. Part of the door registry.h. Bytes are the monitor's; here they are
 * only carried.
 *
 * A row of watch_slots is what one server has counted in one bucket so far, and takes the place of
 * what it said before; `told` grows with each that it writes, by its own clock or by one. */
#ifndef REGISTRY_WATCH_RECORD_H
#define REGISTRY_WATCH_RECORD_H

/* Of which version: an endpoint, what its model is over restarts, and digests of its references. */
typedef struct mw_shared_watch {
    mw_view endpoint, identity, server; /* server: of who asks */
    uint64_t profile, reference;
} mw_shared_watch;

typedef struct mw_shared_slot {
    int64_t span, bucket, told;
    uint64_t rows;
    mw_view counts;
} mw_shared_slot;

typedef struct mw_shared_slots {
    mw_shared_slot *items;
    size_t count;
} mw_shared_slots;

/* The reference that the servers watch against: the first that was given for this version and
 * profile. bytes: this server's own; absent: it has none yet. *ret_bytes is absent where nobody
 * has. */
MW_CHECKED mw_status mw_record_share_reference(mw_record *record, const mw_shared_watch *watch,
                                               mw_view bytes, mw_view *ret_bytes, mw_error *err);
MW_CHECKED mw_status mw_record_tell_slot(mw_record *record, const mw_shared_watch *watch,
                                         const mw_shared_slot *slot, mw_error *err);
/* The server's own slots of a span that are older than this bucket go. */
MW_CHECKED mw_status mw_record_trim_slots(mw_record *record, const mw_shared_watch *watch,
                                          int64_t span, int64_t bucket, mw_error *err);
/* What was told before `long_ago` (ms since 1970), of any version, by servers that are gone; and
 * references that nobody has used since. */
MW_CHECKED mw_status mw_record_forget_servers(mw_record *record, int64_t long_ago, mw_error *err);
/* The newest of what this server has told, of any version; 0: nothing. */
MW_CHECKED mw_status mw_record_last_told(mw_record *record, mw_view server, int64_t *ret_told,
                                         mw_error *err);

/* Another server. */
typedef struct mw_sharing_server {
    mw_view server;
    int64_t told;
    uint64_t rows; /* of its days */
    bool is_apart; /* it watches this version against another reference */
} mw_sharing_server;

typedef struct mw_sharing_servers {
    mw_sharing_server *items;
    size_t count;
} mw_sharing_servers;

/* The others that have told of this version. */
MW_CHECKED mw_status mw_record_sharing_servers(mw_record *record, const mw_shared_watch *watch,
                                               mw_sharing_servers *ret_servers, mw_error *err);
/* Which buckets another server has told of since; counts are absent. */
MW_CHECKED mw_status mw_record_told_since(mw_record *record, const mw_shared_watch *watch,
                                          mw_view server, int64_t since, mw_shared_slots *ret_slots,
                                          mw_error *err);
/* What all others with the same reference have counted in a bucket. */
MW_CHECKED mw_status mw_record_hear_slot(mw_record *record, const mw_shared_watch *watch,
                                         int64_t span, int64_t bucket, mw_shared_slots *ret_slots,
                                         mw_error *err);

/* This server's sketches of values, in the place of what it told before. */
MW_CHECKED mw_status mw_record_tell_values(mw_record *record, const mw_shared_watch *watch,
                                           int64_t told, mw_view sketches, mw_error *err);
/* What another one with the same reference has told, later than `since`; absent: nothing. */
MW_CHECKED mw_status mw_record_hear_values(mw_record *record, const mw_shared_watch *watch,
                                           mw_view server, int64_t since, int64_t *ret_told,
                                           mw_view *ret_sketches, mw_error *err);

/* Labels whose predictions this server does not have, for the others; the bytes are the journal's.
 */
MW_CHECKED mw_status mw_record_pass_labels(mw_record *record, mw_view server, mw_view labels,
                                           mw_error *err);

typedef struct mw_passed_labels {
    int64_t id; /* grows */
    mw_view labels;
} mw_passed_labels;

enum { MW_RECORD_LABELS_AT_ONCE = 8 };

/* The next ones behind `id` that other servers have passed on; *ret_n 0: there are none. */
MW_CHECKED mw_status mw_record_passed_labels(mw_record *record, mw_view server, int64_t id,
                                             mw_passed_labels ret_labels[MW_RECORD_LABELS_AT_ONCE],
                                             size_t *ret_n, mw_error *err);

/* Predictions of this server that were told the truth, for the others; the same otherwise. */
MW_CHECKED mw_status mw_record_tell_labels(mw_record *record, mw_view server, mw_view labels,
                                           mw_error *err);
MW_CHECKED mw_status mw_record_told_labels(mw_record *record, mw_view server, int64_t id,
                                           mw_passed_labels ret_labels[MW_RECORD_LABELS_AT_ONCE],
                                           size_t *ret_n, mw_error *err);
/* What was passed on, and told, before then; and of the told ones the oldest, where all take more.
 */
MW_CHECKED mw_status mw_record_drop_labels(mw_record *record, int64_t passed_before_ms,
                                           int64_t told_before_ms, int64_t told_bytes_max,
                                           mw_error *err);

#endif
