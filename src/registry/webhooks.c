/* Webhooks: made, changed, listed. What is told to them: webhook_letters.c. */
#include <ctype.h>

#include "record.h"

enum {
    NAME_MAX = 63,
    DESCRIPTION_MAX = 1000,
    URL_MAX = 500,
    RESULTS_MAX = 1000,
    USUAL_RESULTS = 100
};

/* MLflow 3.17's. The last one is of gateways, which are not offered here: it is taken, so that what
 * was set up elsewhere is, too, and never happens. */
const char *const mw_webhook_events[] = {"registered_model.created",
                                         "model_version.created",
                                         "model_version_tag.set",
                                         "model_version_tag.deleted",
                                         "model_version_alias.created",
                                         "model_version_alias.deleted",
                                         "prompt.created",
                                         "prompt_version.created",
                                         "prompt_tag.set",
                                         "prompt_tag.deleted",
                                         "prompt_version_tag.set",
                                         "prompt_version_tag.deleted",
                                         "prompt_alias.created",
                                         "prompt_alias.deleted",
                                         "budget_policy.exceeded",
                                         NULL};

/* ---- checks ---------------------------------------------------------------------------------- */

static mw_status check_name(mw_view name, mw_error *err)
{
    bool fits = name.size >= 1 && name.size <= NAME_MAX && isalnum((unsigned char)name.data[0]) &&
                isalnum((unsigned char)name.data[name.size - 1]);
    for (size_t i = 0; fits && i < name.size; i++)
        fits = isalnum((unsigned char)name.data[i]) || memchr("._-", name.data[i], 3);
    if (fits)
        return MW_OK;
    return record_refuse(err,
                         "Webhook name '%.*s' is invalid. It must start and end with a letter or "
                         "digit, be at most 63 characters long, and contain only letters, digits, "
                         "dots (.), underscores (_), and hyphens (-).",
                         MW_VIEW_ARG(record_cut(name, 80)));
}

static mw_status check_events(const mw_texts *events, mw_error *err)
{
    for (size_t i = 0; i < events->count; i++) {
        size_t known = 0;
        while (mw_webhook_events[known] && !mw_view_is(events->items[i], mw_webhook_events[known]))
            known++;
        if (!mw_webhook_events[known])
            return record_refuse(err, "'%.*s' is no event of webhooks.",
                                 MW_VIEW_ARG(record_cut(events->items[i], 80)));
    }
    return MW_OK;
}

static mw_status check_wish(const mw_webhook_wish *wish, mw_error *err)
{
    if (wish->name.data)
        MW_TRY(check_name(wish->name, err));
    if (wish->url.data && mw_view_trim(wish->url).size == 0)
        return record_refuse(err, "Webhook URL cannot be empty or just whitespace");
    MW_TRY(record_check_length(wish->url, URL_MAX, "url", err));
    MW_TRY(record_check_length(wish->description, DESCRIPTION_MAX, "description", err));
    return check_events(&wish->events, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

#define COLUMNS                                                                         \
    "w.id, w.created, w.updated, w.webhook_id, w.name, w.url, w.description, w.secret," \
    " w.active"

static void read_columns(const mw_rows *rows, record_memory *memory, mw_webhook *ret_webhook)
{
    *ret_webhook = (mw_webhook){
        .row = mw_rows_int(rows, 0),
        .created = mw_rows_int(rows, 1),
        .updated = mw_rows_int(rows, 2),
        .id = record_column(memory, rows, 3),
        .name = record_column(memory, rows, 4),
        .url = record_column(memory, rows, 5),
        .description = record_column(memory, rows, 6),
        .sealed = record_column(memory, rows, 7),
        .is_active = mw_rows_int(rows, 8) != 0,
    };
}

static mw_status load_events(mw_record *record, mw_webhook *webhook, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT event FROM webhook_events WHERE webhook = ? ORDER BY event", "i",
                        webhook->row));
    while (mw_rows_next(&rows)) {
        mw_view *event = RECORD_PUSH(&memory, &webhook->events);
        if (!event)
            break;
        *event = record_column(&memory, &rows, 0);
    }
    return record_close(&rows, &memory, err);
}

mw_status mw_record_webhook(mw_record *record, mw_view id, mw_webhook *ret_webhook, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM webhooks w WHERE w.webhook_id = ?", "t", id));
    bool found = mw_rows_next(&rows);
    if (found)
        read_columns(&rows, &memory, ret_webhook);
    MW_TRY(record_close(&rows, &memory, err));
    if (!found)
        return record_unknown(err, "Webhook with ID %.*s not found.",
                              MW_VIEW_ARG(record_cut(id, 80)));
    return load_events(record, ret_webhook, err);
}

mw_status mw_record_webhooks(mw_record *record, int64_t max_results, mw_view page_token,
                             mw_webhooks *ret_found, mw_view *ret_token, mw_error *err)
{
    mw_rows rows;
    int64_t offset;
    mw_webhooks found = {0};
    record_memory memory = {record->arena, false};
    int64_t most = max_results ? max_results : USUAL_RESULTS;
    if (most < 1 || most > RESULTS_MAX)
        return record_refuse(err, "max_results must be between 1 and %d.", RESULTS_MAX);
    MW_TRY(record_read_token(page_token, &offset, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT " COLUMNS " FROM webhooks w ORDER BY w.created DESC, w.id DESC"
                        " LIMIT ? OFFSET ?",
                        "ii", most + 1, offset));
    while (mw_rows_next(&rows)) {
        mw_webhook *webhook = RECORD_PUSH(&memory, &found);
        if (!webhook)
            break;
        read_columns(&rows, &memory, webhook);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_token = RECORD_NOTHING;
    if (found.count > (size_t)most) {
        found.count = (size_t)most;
        *ret_token = record_write_token(&memory, offset + most);
    }
    for (size_t i = 0; i < found.count; i++)
        MW_TRY(load_events(record, &found.items[i], err));
    *ret_found = found;
    return memory.failed ? mw_fail_memory(err, "the webhooks") : MW_OK;
}

/* ---- making and changing --------------------------------------------------------------------- */

static mw_status note(mw_record *record, const char *action, const mw_webhook *before,
                      const mw_webhook *after, mw_error *err)
{
    const mw_webhook *one = after ? after : before;
    const mw_webhook *both[] = {before, after};
    mw_view said[2] = {RECORD_NOTHING, RECORD_NOTHING};
    for (size_t i = 0; i < MW_COUNT(both); i++)
        if (both[i])
            said[i] = record_words(record, "%.*s, %s, %zu events%s", MW_VIEW_ARG(both[i]->url),
                                   both[i]->is_active ? "active" : "disabled",
                                   both[i]->events.count, both[i]->sealed.data ? ", signed" : "");
    return mw_record_note(
        record, action,
        record_words(record, "webhook %.*s (%.*s)", MW_VIEW_ARG(one->name), MW_VIEW_ARG(one->id)),
        said[0], said[1], err);
}

static mw_status put_events(mw_record *record, int64_t webhook, const mw_texts *events,
                            mw_error *err)
{
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM webhook_events WHERE webhook = ?", "i",
                      webhook));
    for (size_t i = 0; i < events->count; i++)
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT OR IGNORE INTO webhook_events(webhook, event) VALUES(?, ?)", "it",
                          webhook, events->items[i]));
    return MW_OK;
}

static mw_status check_room(mw_record *record, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err, "SELECT count(*) FROM webhooks", ""));
    int64_t n = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    MW_TRY(mw_rows_close(&rows, err));
    if (n < MW_LIMIT_WEBHOOKS)
        return MW_OK;
    mw_fail(err, MW_E_WEBHOOK_LIMIT, "there are %d webhooks already", MW_LIMIT_WEBHOOKS);
    return mw_mend(err, "delete those that nobody reads any more");
}

void mw_webhook_new_key(char ret_key[MW_WEBHOOK_KEY_BYTES])
{
    char digits[MW_RANDOM_NAME_BYTES];
    mw_random_name(digits);
    digits[12] = '4';
    digits[16] = "89ab"[(unsigned char)digits[16] & 3];
    snprintf(ret_key, MW_WEBHOOK_KEY_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8,
             digits + 12, digits + 16, digits + 20);
}

mw_status mw_record_create_webhook(mw_record *record, const mw_webhook_wish *wish,
                                   mw_webhook *ret_webhook, mw_error *err)
{
    char id[MW_WEBHOOK_KEY_BYTES];
    int64_t now = mw_clock_wall_ms();
    mw_webhook_wish whole = *wish;
    whole.name = wish->name.data ? wish->name : MW_VIEW("");
    whole.url = wish->url.data ? wish->url : MW_VIEW("");
    MW_TRY(check_wish(&whole, err));
    if (wish->events.count == 0)
        return record_refuse(err, "Webhook events must be a non-empty list of WebhookEvent "
                                  "objects: [].");
    MW_TRY(check_room(record, err));
    mw_webhook_new_key(id);
    MW_TRY(mw_sql_run(record->session, err,
                      "INSERT INTO webhooks(webhook_id, name, description, url, secret, active,"
                      " created, updated) VALUES(?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                      "tttttiii", mw_view_of(id), wish->name,
                      wish->description.size ? wish->description : RECORD_NOTHING, wish->url,
                      wish->sealed.size ? wish->sealed : RECORD_NOTHING,
                      (int64_t)(wish->status != 2), now, now));
    MW_TRY(put_events(record, mw_sql_new_id(record->session), &wish->events, err));
    MW_TRY(mw_record_webhook(record, record_words(record, "%s", id), ret_webhook, err));
    return note(record, "webhook.create", NULL, ret_webhook, err);
}

static mw_view either(mw_view wanted, mw_view kept)
{
    return wanted.data ? wanted : kept;
}

mw_status mw_record_update_webhook(mw_record *record, mw_view id, const mw_webhook_wish *wish,
                                   mw_webhook *ret_webhook, mw_error *err)
{
    mw_webhook before;
    MW_TRY(mw_record_webhook(record, id, &before, err));
    MW_TRY(check_wish(wish, err));
    mw_view description = either(wish->description, before.description);
    mw_view sealed = either(wish->sealed, before.sealed);
    bool is_active = wish->status ? wish->status != 2 : before.is_active;
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE webhooks SET name = ?, description = ?, url = ?, secret = ?,"
                      " active = ?, updated = ? WHERE id = ?",
                      "ttttiii", either(wish->name, before.name),
                      description.size ? description : RECORD_NOTHING,
                      either(wish->url, before.url), sealed.size ? sealed : RECORD_NOTHING,
                      (int64_t)is_active, mw_clock_wall_ms(), before.row));
    if (wish->events.count > 0)
        MW_TRY(put_events(record, before.row, &wish->events, err));
    if (!is_active)
        MW_TRY(mw_sql_run(record->session, err, "DELETE FROM webhook_letters WHERE webhook = ?",
                          "i", before.row));
    MW_TRY(mw_record_webhook(record, id, ret_webhook, err));
    return note(record, "webhook.update", &before, ret_webhook, err);
}

mw_status mw_record_delete_webhook(mw_record *record, mw_view id, mw_error *err)
{
    mw_webhook webhook;
    MW_TRY(mw_record_webhook(record, id, &webhook, err));
    MW_TRY(mw_sql_run(record->session, err, "DELETE FROM webhooks WHERE id = ?", "i", webhook.row));
    return note(record, "webhook.delete", &webhook, NULL, err);
}
