/* What webhooks are told: from a change of the registry to letters that wait, as MLflow's server
 * writes them (mlflow/server/handlers.py, mlflow/webhooks/types.py).
 *
 *     {"entity": "model_version", "action": "created", "timestamp": "...+00:00", "data": {...}}
 *
 * Written in the transaction of the change, whoever made it: a client, a command, a rollout. */
#include <stdatomic.h>

#include "record.h"

static const char is_prompt_key[] = "mlflow.prompt.is_prompt", text_key[] = "mlflow.prompt.text",
                  type_key[] = "_mlflow_prompt_type";

/* ---- events ---------------------------------------------------------------------------------- */

static const struct {
    const char *of_model, *of_prompt; /* NULL: nothing is told of it */
} events[] = {
    [RECORD_MODEL_CREATED] = {"registered_model.created", "prompt.created"},
    [RECORD_MODEL_TAGGED] = {NULL, "prompt_tag.set"},
    [RECORD_MODEL_UNTAGGED] = {NULL, "prompt_tag.deleted"},
    [RECORD_VERSION_CREATED] = {"model_version.created", "prompt_version.created"},
    [RECORD_VERSION_TAGGED] = {"model_version_tag.set", "prompt_version_tag.set"},
    [RECORD_VERSION_UNTAGGED] = {"model_version_tag.deleted", "prompt_version_tag.deleted"},
    [RECORD_ALIAS_SET] = {"model_version_alias.created", "prompt_alias.created"},
    [RECORD_ALIAS_GONE] = {"model_version_alias.deleted", "prompt_alias.deleted"},
};

/* ---- bodies: as json.dumps writes them ------------------------------------------------------- */

static void put_name(mw_buf *out, const char *name)
{
    bool is_first = out->size > 0 && out->data[out->size - 1] == '{';
    mw_buf_format(out, "%s\"%s\": ", is_first ? "" : ", ", name);
}

static void put_text(mw_buf *out, const char *name, mw_view text)
{
    put_name(out, name);
    mw_json_write_text(out, text.data ? text : MW_VIEW(""));
}

static void put_text_or_null(mw_buf *out, const char *name, mw_view text)
{
    put_name(out, name);
    if (text.size > 0)
        mw_json_write_text(out, text);
    else
        mw_buf_text(out, "null");
}

static void put_version(mw_buf *out, int64_t version)
{
    put_name(out, "version");
    mw_buf_format(out, "\"%lld\"", (long long)version);
}

static bool is_hidden(mw_view key, bool of_prompt)
{
    return of_prompt && (mw_view_is(key, is_prompt_key) || mw_view_is(key, text_key) ||
                         mw_view_is(key, type_key));
}

/* Of a key that comes twice the last one counts. */
static bool comes_again(const mw_tags *tags, size_t i)
{
    for (size_t k = i + 1; k < tags->count; k++)
        if (mw_view_equal(tags->items[k].key, tags->items[i].key))
            return true;
    return false;
}

static void put_tags(mw_buf *out, const mw_tags *tags, bool of_prompt)
{
    put_name(out, "tags");
    mw_buf_char(out, '{');
    for (size_t i = 0; i < tags->count; i++) {
        if (is_hidden(tags->items[i].key, of_prompt) || comes_again(tags, i))
            continue;
        if (out->size > 0 && out->data[out->size - 1] != '{')
            mw_buf_text(out, ", ");
        mw_json_write_text(out, tags->items[i].key);
        mw_buf_text(out, ": ");
        mw_json_write_text(out, tags->items[i].value.data ? tags->items[i].value : MW_VIEW(""));
    }
    mw_buf_char(out, '}');
}

static mw_view value_of(const mw_tags *tags, const char *key)
{
    mw_view value = RECORD_NOTHING;
    for (size_t i = 0; i < tags->count; i++)
        if (mw_view_is(tags->items[i].key, key))
            value = tags->items[i].value;
    return value;
}

static void put_new_version(mw_buf *out, const record_news *news, bool of_prompt)
{
    put_version(out, news->version);
    if (of_prompt) {
        put_text_or_null(out, "template", value_of(news->tags, text_key));
    } else {
        put_text(out, "source", news->source);
        put_text_or_null(out, "run_id", news->run_id);
    }
    put_tags(out, news->tags, of_prompt);
    put_text_or_null(out, "description", news->description);
}

static void put_data(mw_buf *out, const record_news *news, bool of_prompt)
{
    mw_buf_char(out, '{');
    put_text(out, "name", news->name);
    switch (news->what) {
    case RECORD_MODEL_CREATED:
        put_tags(out, news->tags, of_prompt);
        put_text(out, "description", news->description);
        break;
    case RECORD_VERSION_CREATED:
        put_new_version(out, news, of_prompt);
        break;
    case RECORD_ALIAS_SET:
    case RECORD_ALIAS_GONE:
        put_text(out, "alias", news->key);
        if (news->what == RECORD_ALIAS_SET)
            put_version(out, news->version);
        break;
    default:
        if (news->version > 0)
            put_version(out, news->version);
        put_text(out, "key", news->key);
        if (news->what == RECORD_MODEL_TAGGED || news->what == RECORD_VERSION_TAGGED)
            put_text(out, "value", news->value);
    }
    mw_buf_char(out, '}');
}

/* Up to its data. */
static void put_head(mw_buf *out, mw_view event)
{
    mw_view action = event, entity = mw_view_cut(&action, '.');
    mw_buf_char(out, '{');
    put_text(out, "entity", entity);
    put_text(out, "action", action);
    put_name(out, "timestamp");
    mw_buf_char(out, '"');
    mw_clock_write_utc(out, mw_clock_wall_ms());
    if (out->size > 0 && out->data[out->size - 1] == 'Z')
        out->data[--out->size] = '\0';
    mw_buf_text(out, "+00:00\", \"data\": ");
}

void mw_webhook_example(mw_view event, mw_buf *out)
{
    mw_tag tags[] = {{MW_VIEW("example_key"), MW_VIEW("example_value")},
                     {mw_view_of(text_key), MW_VIEW("Hello {{name}}!")}};
    bool of_prompt = mw_view_starts(event, "prompt");
    record_news news = {.name = of_prompt ? MW_VIEW("example_prompt") : MW_VIEW("example_model"),
                        .version = 1,
                        .key = MW_VIEW("example_key"),
                        .value = MW_VIEW("example_value"),
                        .source = MW_VIEW("models:/123"),
                        .run_id = MW_VIEW("abcd1234abcd5678"),
                        .tags = &(mw_tags){tags, of_prompt ? 2 : 1}};
    put_head(out, event);
    for (size_t i = 0; i < MW_COUNT(events); i++) {
        const char *name = of_prompt ? events[i].of_prompt : events[i].of_model;
        if (!name || !mw_view_is(event, name))
            continue;
        news.what = (record_happening)i;
        news.description = i == RECORD_VERSION_CREATED
                               ? (of_prompt ? MW_VIEW("An example prompt version")
                                            : MW_VIEW("An example model version"))
                               : (of_prompt ? MW_VIEW("An example prompt")
                                            : MW_VIEW("An example registered model"));
        if (i == RECORD_ALIAS_SET || i == RECORD_ALIAS_GONE)
            news.key = MW_VIEW("example_alias");
        if (i == RECORD_MODEL_TAGGED || i == RECORD_MODEL_UNTAGGED)
            news.version = 0;
        put_data(out, &news, of_prompt);
    }
    if (mw_view_is(event, "budget_policy.exceeded"))
        mw_buf_text(out, "{\"budget_policy_id\": \"bp-abc123\", \"budget_unit\": \"USD\", "
                         "\"budget_amount\": 100.0, \"current_spend\": 105.5, "
                         "\"duration_unit\": \"MONTHS\", \"duration_value\": 1, "
                         "\"target_scope\": \"ENDPOINT\", \"workspace\": \"default\", "
                         "\"target_value\": \"ep-abc123\", \"window_start\": 1704067200000}");
    mw_buf_char(out, '}');
}

/* ---- letters that wait ----------------------------------------------------------------------- */

static mw_status is_anybody(mw_record *record, mw_view event, int64_t *ret_n_waiting,
                            bool *ret_is_one, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT (SELECT count(*) FROM webhook_letters) FROM webhooks w JOIN"
                        " webhook_events e ON e.webhook = w.id WHERE w.active = 1 AND e.event = ?"
                        " LIMIT 1",
                        "t", event));
    *ret_is_one = mw_rows_next(&rows);
    *ret_n_waiting = *ret_is_one ? mw_rows_int(&rows, 0) : 0;
    return mw_rows_close(&rows, err);
}

static mw_status is_prompt(mw_record *record, int64_t model, bool *ret_is, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT value FROM registered_model_tags WHERE model = ? AND"
                        " key = 'mlflow.prompt.is_prompt'",
                        "i", model));
    *ret_is = mw_rows_next(&rows) && mw_view_is_nocase(mw_rows_text(&rows, 0), "true");
    return mw_rows_close(&rows, err);
}

/* A change is never refused because of who should hear of it. */
static mw_status drop(mw_view event, const char *why)
{
    mw_log(MW_LOG_WARN, "webhooks are not told of %.*s: %s", MW_VIEW_ARG(event), why);
    return MW_OK;
}

static mw_status post(mw_record *record, mw_view event, mw_view body, mw_error *err)
{
    mw_rows rows;
    char key[MW_WEBHOOK_KEY_BYTES];
    mw_texts ids = {0};
    int64_t now = mw_clock_wall_ms();
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT w.webhook_id FROM webhooks w JOIN webhook_events e ON"
                        " e.webhook = w.id WHERE w.active = 1 AND e.event = ?",
                        "t", event));
    while (mw_rows_next(&rows)) {
        mw_view *id = RECORD_PUSH(&memory, &ids);
        if (!id)
            break;
        *id = record_column(&memory, &rows, 0);
    }
    MW_TRY(record_close(&rows, &memory, err));
    for (size_t i = 0; i < ids.count; i++) {
        mw_webhook_new_key(key);
        MW_TRY(mw_sql_run(record->session, err,
                          "INSERT INTO webhook_letters(webhook, letter_key, event, body, tries,"
                          " due, leased, created) SELECT id, ?, ?, ?, 0, ?, 0, ? FROM webhooks"
                          " WHERE webhook_id = ?",
                          "tttiit", mw_view_of(key), event, body, now, now, ids.items[i]));
    }
    atomic_fetch_add(&record->registry->n_letters, ids.count);
    return MW_OK;
}

mw_status record_tell(mw_record *record, int64_t model, const record_news *news, mw_error *err)
{
    mw_buf body;
    int64_t n_waiting;
    bool of_prompt, is_one;
    static const mw_tags none;
    record_news whole = *news;
    whole.tags = news->tags ? news->tags : &none;
    MW_TRY(is_prompt(record, model, &of_prompt, err));
    const char *name = of_prompt ? events[news->what].of_prompt : events[news->what].of_model;
    if (!name)
        return MW_OK;
    mw_view event = mw_view_of(name);
    MW_TRY(is_anybody(record, event, &n_waiting, &is_one, err));
    if (!is_one)
        return MW_OK;
    if (n_waiting >= MW_LIMIT_WEBHOOK_LETTERS)
        return drop(event, "as many letters as are kept wait for them already");
    mw_buf_init(&body, MW_LIMIT_WEBHOOK_BODY_BYTES);
    put_head(&body, event);
    put_data(&body, &whole, of_prompt);
    mw_buf_char(&body, '}');
    mw_status status = body.failed ? drop(event, "there is more to say than a letter holds")
                                   : post(record, event, mw_buf_as_view(&body), err);
    mw_buf_done(&body);
    return status;
}

uint64_t mw_registry_letters(mw_registry *registry)
{
    return atomic_load(&registry->n_letters);
}

mw_status mw_record_next_letter(mw_record *record, int64_t *ret_due, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT min(CASE WHEN l.leased > l.due THEN l.leased ELSE l.due END)"
                        " FROM webhook_letters l WHERE NOT EXISTS(SELECT 1 FROM webhook_letters o"
                        " WHERE o.webhook = l.webhook AND o.id < l.id)",
                        ""));
    bool is_one = mw_rows_next(&rows) && !mw_rows_is_null(&rows, 0);
    *ret_due = is_one ? mw_rows_int(&rows, 0) : INT64_MAX;
    return mw_rows_close(&rows, err);
}

mw_status mw_record_take_letter(mw_record *record, int64_t now_ms, int64_t lease_ms,
                                mw_webhook_letter *ret_letter, bool *ret_is_one, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(
        record->session, &rows, err,
        "SELECT l.id, l.tries, l.letter_key, l.event, l.body, w.name, w.url, w.secret"
        " FROM webhook_letters l JOIN webhooks w ON w.id = l.webhook WHERE l.due <= ?1 AND"
        " NOT EXISTS(SELECT 1 FROM webhook_letters o WHERE o.webhook = l.webhook AND"
        " (o.leased > ?1 OR o.id < l.id)) ORDER BY l.id LIMIT 1",
        "i", now_ms));
    *ret_is_one = mw_rows_next(&rows);
    if (*ret_is_one)
        *ret_letter = (mw_webhook_letter){.row = mw_rows_int(&rows, 0),
                                          .tries = mw_rows_int(&rows, 1),
                                          .key = record_column(&memory, &rows, 2),
                                          .event = record_column(&memory, &rows, 3),
                                          .body = record_column(&memory, &rows, 4),
                                          .name = record_column(&memory, &rows, 5),
                                          .url = record_column(&memory, &rows, 6),
                                          .sealed = record_column(&memory, &rows, 7)};
    MW_TRY(record_close(&rows, &memory, err));
    if (!*ret_is_one)
        return MW_OK;
    return mw_sql_run(record->session, err, "UPDATE webhook_letters SET leased = ? WHERE id = ?",
                      "ii", now_ms + lease_ms, ret_letter->row);
}

mw_status mw_record_free_letters(mw_record *record, mw_error *err)
{
    return mw_sql_run(record->session, err,
                      "UPDATE webhook_letters SET leased = 0 WHERE leased > 0", "");
}

mw_status mw_record_settle_letter(mw_record *record, int64_t row, int64_t again_ms, mw_error *err)
{
    if (again_ms == 0)
        return mw_sql_run(record->session, err, "DELETE FROM webhook_letters WHERE id = ?", "i",
                          row);
    return mw_sql_run(record->session, err,
                      "UPDATE webhook_letters SET tries = tries + 1, due = ?, leased = 0"
                      " WHERE id = ?",
                      "ii", again_ms, row);
}
