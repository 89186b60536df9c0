/* Webhooks: whom the record tells of changes of its models and prompts. Part of the door of
 * registry.h.
 *
 *     change --one transaction--> the change, its audit entry, a letter to each webhook that asked
 *                                                                |  (api: a courier, lease, POST)
 *                                                                `-> taken or given up: gone
 *
 * Events, bodies and what may be told are MLflow's (mlflow/webhooks). A letter is in the
 * transaction of its change: neither is there without the other, whoever dies when.
 *
 * Secrets are kept sealed (XSalsa20-Poly1305) under a key that is not in the record, and so in no
 * backup of it: MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY (32 bytes in base64, as MLflow's server has
 * it), else FOLDER/webhooks.key, made with the first secret. Nothing ever tells one again.
 */
#ifndef REGISTRY_WEBHOOKS_H
#define REGISTRY_WEBHOOKS_H

/* "registered_model.created" ..., NULL-ended. */
extern const char *const mw_webhook_events[];

typedef struct mw_webhook {
    int64_t row, created, updated;
    mw_view id, name, url;
    mw_view description; /* absent: none */
    mw_view sealed;      /* its secret; absent: letters are not signed */
    bool is_active;
    mw_texts events;
} mw_webhook;

typedef struct mw_webhooks {
    mw_webhook *items;
    size_t count;
} mw_webhooks;

/* What is to be made or changed. Absent texts, no events and `status` 0 stay as they are; of a new
 * one name, url and events are needed. */
typedef struct mw_webhook_wish {
    mw_view name, description, url;
    mw_view sealed; /* by mw_registry_seal; empty: no secret from now on */
    mw_texts events;
    int status; /* 1 active, 2 disabled */
} mw_webhook_wish;

/* Fails: MW_BAD_ARGUMENT; MW_NO_MEMORY (MW4151) there are MW_LIMIT_WEBHOOKS. Where an address leads
 * is not looked at. */
MW_CHECKED mw_status mw_record_create_webhook(mw_record *record, const mw_webhook_wish *wish,
                                              mw_webhook *ret_webhook, mw_error *err);
MW_CHECKED mw_status mw_record_webhook(mw_record *record, mw_view id, mw_webhook *ret_webhook,
                                       mw_error *err);
/* The newest first. */
MW_CHECKED mw_status mw_record_webhooks(mw_record *record, int64_t max_results, mw_view page_token,
                                        mw_webhooks *ret_found, mw_view *ret_token, mw_error *err);
/* One that is disabled gets no letter that still waits. */
MW_CHECKED mw_status mw_record_update_webhook(mw_record *record, mw_view id,
                                              const mw_webhook_wish *wish, mw_webhook *ret_webhook,
                                              mw_error *err);
MW_CHECKED mw_status mw_record_delete_webhook(mw_record *record, mw_view id, mw_error *err);

/* ---- secrets (sealing.c) --------------------------------------------------------------------- */

/* Appends text. Not inside a transaction. Fails: MW_BAD_ARGUMENT (MW4152) several servers share the
 * record and no key is given them, or it is none; MW_IO. */
MW_CHECKED mw_status mw_registry_seal(mw_registry *registry, mw_view secret, mw_buf *out,
                                      mw_error *err);
/* Appends the secret; the caller wipes it. Fails: MW_BAD_ARGUMENT (MW4152) under another key. */
MW_CHECKED mw_status mw_registry_unseal(mw_registry *registry, mw_view sealed, mw_buf *out,
                                        mw_error *err);

/* ---- letters (webhook_letters.c) ------------------------------------------------------------- */

typedef struct mw_webhook_letter {
    int64_t row, tries;
    mw_view key; /* its name for whoever gets it twice */
    mw_view event, body, name, url, sealed;
} mw_webhook_letter;

enum { MW_WEBHOOK_KEY_BYTES = 37 };
/* A UUID of version 4, as MLflow has them. */
void mw_webhook_new_key(char ret_key[MW_WEBHOOK_KEY_BYTES]);
/* Appends an event with MLflow's example of what it tells. */
void mw_webhook_example(mw_view event, mw_buf *out);
/* How many letters this process has put in so far: a cheap look whether there is one. */
uint64_t mw_registry_letters(mw_registry *registry);
/* When one is due next, ms since 1970; INT64_MAX: none waits. */
MW_CHECKED mw_status mw_record_next_letter(mw_record *record, int64_t *ret_due, mw_error *err);
/* One that is due, for nobody else before lease_ms; of a webhook one at a time, in order. */
MW_CHECKED mw_status mw_record_take_letter(mw_record *record, int64_t now_ms, int64_t lease_ms,
                                           mw_webhook_letter *ret_letter, bool *ret_is_one,
                                           mw_error *err);
/* Nobody is on his way with one: those that were taken may be taken again. */
MW_CHECKED mw_status mw_record_free_letters(mw_record *record, mw_error *err);
/* again_ms: try it again then; 0: it is over. One that is gone is fine. */
MW_CHECKED mw_status mw_record_settle_letter(mw_record *record, int64_t row, int64_t again_ms,
                                             mw_error *err);

#endif
