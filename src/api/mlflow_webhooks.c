/* MLflow's calls about webhooks. They begin transactions of their own: an address is looked up, a
 * secret sealed, a test sent before or between, and none of these belongs into one. */
#include <ctype.h>

#include "mlflow_messages.h"
#include "webhooks.h"

static const char *const entities[] = {"REGISTERED_MODEL",
                                       "MODEL_VERSION",
                                       "MODEL_VERSION_TAG",
                                       "MODEL_VERSION_ALIAS",
                                       "PROMPT",
                                       "PROMPT_VERSION",
                                       "PROMPT_TAG",
                                       "PROMPT_VERSION_TAG",
                                       "PROMPT_ALIAS",
                                       "BUDGET_POLICY",
                                       NULL};
static const char *const actions[] = {"CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED", NULL};
static const char *const statuses[] = {"ACTIVE", "DISABLED", NULL};

typedef struct event_request {
    int entity, action; /* 0: none that is known */
} event_request;

typedef struct webhook_request {
    mw_view webhook_id, name, description, url, secret;
    struct {
        event_request *items;
        size_t count;
    } events;
    event_request event;
    int status;
    int64_t max_results;
    mw_view page_token;
} webhook_request;

/* clang-format off */
#define TEXT(name, member, required) MLFLOW_TEXT_FIELD(webhook_request, name, member, required)
#define ENUM(type, name, member, names)                                                   \
    {name, MLFLOW_ENUM, offsetof(type, member), false, NULL, 0, names, NULL}
static const mlflow_field event_fields[] = {
    ENUM(event_request, "entity", entity, entities),
    ENUM(event_request, "action", action, actions),
    {0}};
static const mlflow_field create_fields[] = {
    TEXT("name", name, true),
    TEXT("url", url, true),
    MLFLOW_LIST_FIELD(webhook_request, "events", events, true, event_fields, event_request),
    TEXT("description", description, false),
    TEXT("secret", secret, false),
    ENUM(webhook_request, "status", status, statuses),
    {0}};
static const mlflow_field update_fields[] = {
    TEXT("webhook_id", webhook_id, true),
    TEXT("name", name, false),
    TEXT("url", url, false),
    MLFLOW_LIST_FIELD(webhook_request, "events", events, false, event_fields, event_request),
    TEXT("description", description, false),
    TEXT("secret", secret, false),
    ENUM(webhook_request, "status", status, statuses),
    {0}};
static const mlflow_field id_fields[] = {TEXT("webhook_id", webhook_id, true), {0}};
static const mlflow_field test_fields[] = {
    TEXT("webhook_id", webhook_id, true),
    {"event", MLFLOW_OBJECT, offsetof(webhook_request, event), false, event_fields, 0, NULL, NULL},
    {0}};
static const mlflow_field list_fields[] = {
    {"max_results", MLFLOW_INT, offsetof(webhook_request, max_results), false, NULL, 0, NULL,
     NULL},
    TEXT("page_token", page_token, false),
    {0}};
/* clang-format on */

/* ---- events ---------------------------------------------------------------------------------- */

/* "model_version.created"; absent when memory is gone. */
static mw_view event_text(mw_arena *arena, const event_request *event)
{
    const char *entity = event->entity > 0 ? entities[event->entity - 1] : "entity_unspecified";
    const char *action = event->action > 0 ? actions[event->action - 1] : "action_unspecified";
    size_t size = strlen(entity) + 1 + strlen(action);
    char *text = mw_arena_take(arena, size + 1);
    if (!text)
        return (mw_view){NULL, 0};
    snprintf(text, size + 1, "%s.%s", entity, action);
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return (mw_view){text, size};
}

static mw_status event_texts(mlflow_turn *turn, mw_texts *ret_texts, mw_error *err)
{
    const webhook_request *q = turn->request;
    mw_arena *arena = turn->exchange->arena;
    mw_view *items = mw_arena_take(arena, (q->events.count + 1) * sizeof *items);
    if (!items)
        return mw_fail_memory(err, "events");
    for (size_t i = 0; i < q->events.count; i++) {
        items[i] = event_text(arena, &q->events.items[i]);
        if (!items[i].data)
            return mw_fail_memory(err, "events");
    }
    *ret_texts = (mw_texts){items, q->events.count};
    return MW_OK;
}

static void put_upper(mw_buf *out, const char *name, mw_view text)
{
    mlflow_put_name(out, name);
    mw_buf_char(out, '"');
    for (size_t i = 0; i < text.size; i++)
        mw_buf_char(out, (char)toupper((unsigned char)text.data[i]));
    mw_buf_char(out, '"');
}

static void put_event(mw_buf *out, const void *item)
{
    mw_view action = *(const mw_view *)item, entity = mw_view_cut(&action, '.');
    mw_buf_char(out, '{');
    put_upper(out, "entity", entity);
    put_upper(out, "action", action);
    mw_buf_char(out, '}');
}

static void put_webhook(mw_buf *out, const void *item)
{
    const mw_webhook *webhook = item;
    mw_buf_char(out, '{');
    mlflow_put_text(out, "webhook_id", webhook->id);
    mlflow_put_text(out, "name", webhook->name);
    mlflow_put_text(out, "description", webhook->description);
    mlflow_put_text(out, "url", webhook->url);
    MLFLOW_PUT_LIST(out, "events", &webhook->events, put_event);
    mlflow_put_text(out, "status", mw_view_of(statuses[webhook->is_active ? 0 : 1]));
    mlflow_put_int(out, "creation_timestamp", webhook->created);
    mlflow_put_int(out, "last_updated_timestamp", webhook->updated);
    mw_buf_char(out, '}');
}

/* ---- looking --------------------------------------------------------------------------------- */

static mw_status list(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_webhooks found;
    mw_view token;
    const webhook_request *q = turn->request;
    MW_TRY(mw_record_webhooks(record, q->max_results, q->page_token, &found, &token, err));
    MLFLOW_ANSWER_PAGE(turn, "webhooks", &found, put_webhook, token);
    return MW_OK;
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_webhook webhook;
    const webhook_request *q = turn->request;
    return mlflow_answer_one(turn, mw_record_webhook(record, q->webhook_id, &webhook, err),
                             "webhook", &webhook, put_webhook);
}

static mw_status delete_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const webhook_request *q = turn->request;
    return mlflow_answer_nothing(turn, mw_record_delete_webhook(record, q->webhook_id, err));
}

/* ---- making and changing --------------------------------------------------------------------- */

typedef struct change {
    mw_view id; /* absent: a new one */
    mw_webhook_wish wish;
    mw_webhook webhook;
} change;

static mw_status write_change(mw_record *record, void *given, mw_error *err)
{
    change *c = given;
    if (c->id.data)
        return mw_record_update_webhook(record, c->id, &c->wish, &c->webhook, err);
    return mw_record_create_webhook(record, &c->wish, &c->webhook, err);
}

static mw_status refuse_off(const mlflow_turn *turn, mw_error *err)
{
    if (turn->webhooks != MW_WEBHOOKS_OFF)
        return MW_OK;
    mw_fail(err, MW_E_WEBHOOK_OFF, "this server sends nothing to webhooks");
    return mw_mend(err, "start it with --webhooks public (or any)");
}

static mw_status write_as(mlflow_turn *turn, change *c, mw_error *err)
{
    const webhook_request *q = turn->request;
    c->wish.name = q->name;
    c->wish.url = q->url;
    c->wish.description = q->description;
    c->wish.status = q->status;
    MW_TRY(event_texts(turn, &c->wish.events, err));
    if (q->url.size > 0)
        MW_TRY(api_webhook_check(turn->webhooks, q->url, err));
    return mlflow_answer_one(turn,
                             mw_registry_write_as(turn->registry, &turn->actor,
                                                  turn->exchange->arena, write_change, c, err),
                             "webhook", &c->webhook, put_webhook);
}

static mw_status write_sealed(mlflow_turn *turn, mw_view id, mw_error *err)
{
    mw_buf sealed;
    change c = {.id = id};
    const webhook_request *q = turn->request;
    MW_TRY(refuse_off(turn, err));
    mw_buf_init(&sealed, 4 * MW_LIMIT_WEBHOOK_SECRET_BYTES);
    mw_status status = MW_OK;
    if (q->secret.size > 0)
        status = mw_registry_seal(turn->registry, q->secret, &sealed, err);
    if (q->secret.data) /* "": from now on there is none */
        c.wish.sealed = q->secret.size > 0 ? mw_buf_as_view(&sealed) : MW_VIEW("");
    if (status == MW_OK)
        status = write_as(turn, &c, err);
    mw_buf_done(&sealed);
    return status;
}

static mw_status create(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    return write_sealed(turn, (mw_view){NULL, 0}, err);
}

/* An empty name or url is none that is said, as in MLflow's handler. */
static mw_status update(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    webhook_request *q = turn->request;
    if (q->name.size == 0)
        q->name = (mw_view){NULL, 0};
    if (q->url.size == 0)
        q->url = (mw_view){NULL, 0};
    return write_sealed(turn, q->webhook_id, err);
}

/* ---- a test ---------------------------------------------------------------------------------- */

typedef struct search {
    mw_view id;
    mw_webhook webhook;
} search;

static mw_status find(mw_record *record, void *given, mw_error *err)
{
    search *s = given;
    return mw_record_webhook(record, s->id, &s->webhook, err);
}

static mw_status check_event(mw_view event, mw_error *err)
{
    for (const char *const *known = mw_webhook_events; *known; known++)
        if (mw_view_is(event, *known))
            return MW_OK;
    mw_fail(err, MW_E_RECORD_VALUE, "'%.*s' is no event of webhooks.", MW_VIEW_ARG(event));
    return mw_mend(err, "name an entity and what happens to it, such as model_version.created");
}

static void put_result(mw_buf *out, mw_status status, const mw_letter_reply *reply,
                       const mw_error *err)
{
    bool is_taken = status == MW_OK && reply->status < 300;
    mw_buf_text(out, "{\"result\":{\"success\":");
    mw_buf_text(out, is_taken ? "true" : "false");
    if (status == MW_OK) {
        mlflow_put_int(out, "response_status", reply->status);
        mlflow_put_text(out, "response_body", mw_buf_as_view(reply->body));
    } else {
        mw_buf message;
        mw_buf_init(&message, 2 * MW_KIB);
        mw_buf_text(&message, "Failed to test webhook: ");
        mw_error_sentence(err, &message);
        mlflow_put_text(out, "error_message", mw_buf_as_view(&message));
        mw_buf_done(&message);
    }
    mw_buf_text(out, "}}");
}

static mw_status send_test(mlflow_turn *turn, const mw_webhook *webhook, mw_view event,
                           mw_error *err)
{
    enum { ANSWER_BYTES = 65536, BODY_BYTES = 4096 };
    mw_buf answer, body;
    mw_error why;
    char key[MW_WEBHOOK_KEY_BYTES];
    mw_letter_reply reply = {.body = &answer};
    mw_buf_init(&answer, ANSWER_BYTES);
    mw_buf_init(&body, BODY_BYTES);
    mw_webhook_example(event, &body);
    mw_webhook_new_key(key);
    mw_webhook_letter letter = {.key = mw_view_of(key),
                                .event = event,
                                .body = mw_buf_as_view(&body),
                                .name = webhook->name,
                                .url = webhook->url,
                                .sealed = webhook->sealed};
    mw_status status = body.failed ? mw_fail_memory(err, "a test") : MW_OK;
    if (status == MW_OK)
        put_result(turn->out,
                   api_webhook_send(turn->registry, turn->webhooks, &letter, &reply, &why), &reply,
                   &why);
    mw_buf_done(&answer);
    mw_buf_done(&body);
    return status;
}

static mw_status test(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    const webhook_request *q = turn->request;
    search s = {.id = q->webhook_id};
    MW_TRY(refuse_off(turn, err));
    MW_TRY(mw_registry_read(turn->registry, turn->exchange->arena, find, &s, err));
    bool is_said = q->event.entity != 0 || q->event.action != 0;
    mw_view event =
        is_said ? event_text(turn->exchange->arena, &q->event) : s.webhook.events.items[0];
    if (!event.data)
        return mw_fail_memory(err, "an event");
    MW_TRY(check_event(event, err));
    return send_test(turn, &s.webhook, event, err);
}

/* ---- the table ------------------------------------------------------------------------------- */

#define WEBHOOKS "/mlflow/webhooks"
#define WEBHOOK WEBHOOKS "/{webhook_id}"

const mlflow_call mlflow_webhook_calls[] = {
    {MLFLOW_POSTS, WEBHOOKS, MLFLOW_OUTSIDE, create, create_fields, sizeof(webhook_request),
     "Make a webhook: who is told of changes of models and prompts"},
    {MLFLOW_GETS, WEBHOOKS, MLFLOW_READS, list, list_fields, sizeof(webhook_request), "Webhooks"},
    {MLFLOW_GETS, WEBHOOK, MLFLOW_READS, get, id_fields, sizeof(webhook_request), "A webhook"},
    {1u << MW_PATCH, WEBHOOK, MLFLOW_OUTSIDE, update, update_fields, sizeof(webhook_request),
     "Change a webhook"},
    {1u << MW_DELETE, WEBHOOK, MLFLOW_WRITES, delete_it, id_fields, sizeof(webhook_request),
     "Delete a webhook"},
    {MLFLOW_POSTS, WEBHOOK "/test", MLFLOW_OUTSIDE, test, test_fields, sizeof(webhook_request),
     "Send an example to a webhook, and tell what it answers"},
};
const size_t mlflow_n_webhook_calls = MW_COUNT(mlflow_webhook_calls);
