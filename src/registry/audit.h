/* The audit log: every change of the record, in the transaction of the change. Part of the door
 * registry.h.
 *
 *     entry n:   seq, time, actor, from, request, action, object, before, after, prev, hash
 *                 hash = SHA-256 of the entry as canonical JSON (RFC 8785) without `hash`;
 *                 prev = hash of entry n-1 (64 zeros for the first)
 *
 * So an entry that is edited, removed, inserted or moved breaks the chain behind it; removing the
 * last ones contradicts the head that is kept beside. Whoever can write the whole file could
 * compute the chain anew: keep a head elsewhere, and verify against it.
 *
 * Written by the mw_record_* functions themselves, whoever calls them. Not written: metrics,
 * parameters, tags, inputs and statuses of runs, which come by the thousand and are data rather
 * than decisions; they cannot be changed once logged (metrics, parameters) or belong to their run.
 *
 * Personal data: the names of actors, nothing else. Texts are cut to AUDIT_TEXT_BYTES.
 */
#ifndef REGISTRY_AUDIT_H
#define REGISTRY_AUDIT_H

enum { MW_AUDIT_HASH_BYTES = 65 };

typedef struct mw_audit_entry {
    int64_t seq, time;
    mw_view actor, from, request, action, object;
    mw_view before, after; /* absent: there was nothing, there is nothing */
    mw_view prev, hash;
} mw_audit_entry;

typedef struct mw_audit_entries {
    mw_audit_entry *items;
    size_t count;
} mw_audit_entries;

/* Absent texts and 0: any. */
typedef struct mw_audit_query {
    int64_t since;      /* ms since 1970 */
    mw_view who, what;  /* the whole actor; the action or what it begins with */
    int64_t before_seq; /* entries below: the next page */
    int64_t max;
} mw_audit_query;

/* The newest first. */
MW_CHECKED mw_status mw_record_audit(mw_record *record, const mw_audit_query *query,
                                     mw_audit_entries *ret_entries, mw_error *err);

typedef struct mw_audit_verdict {
    int64_t n_entries;
    char head[MW_AUDIT_HASH_BYTES]; /* of the last entry; "" when there is none */
    bool is_whole, saw_head;        /* saw_head: the head that was asked for is in the chain */
    int64_t broken_seq;             /* the first entry that is wrong */
    const char *fault;              /* what is wrong with it */
} mw_audit_verdict;

/* Walk the whole chain; `head` may be absent. OK also when it is broken: the verdict says so. */
MW_CHECKED mw_status mw_record_verify_audit(mw_record *record, mw_view head,
                                            mw_audit_verdict *ret_verdict, mw_error *err);

/* The entry as canonical JSON, without its hash: what is hashed. */
void mw_audit_write(const mw_audit_entry *entry, mw_buf *out);

/* Write one: inside the transaction of the change. `action` is a literal, "alias.set". */
MW_CHECKED mw_status mw_record_note(mw_record *record, const char *action, mw_view object,
                                    mw_view before, mw_view after, mw_error *err);

#endif
