/* Differences as JSON, and what a document may hold. */
#include "apply.h"

const char *const mw_difference_action_names[MW_N_DIFFERENCE_ACTIONS] = {
    "add", "set", "remove", "start", "note", "refused"};

static void put(mw_buf *out, const char *key, mw_view text)
{
    mw_buf_format(out, ",\"%s\":", key);
    if (text.data)
        mw_json_write_text(out, text);
    else
        mw_buf_text(out, "null");
}

void mw_apply_tell(const mw_differences *changes, bool is_applied, mw_buf *out)
{
    mw_buf_text(out, "{\"changes\":[");
    for (size_t i = 0; i < changes->count; i++) {
        const mw_difference *c = &changes->items[i];
        mw_buf_format(out, "%s{\"action\":\"%s\",\"kind\":\"%s\"", i ? ",\n" : "",
                      mw_difference_action_names[c->action], c->kind);
        put(out, "name", c->name);
        put(out, "field", c->field);
        put(out, "before", c->before);
        put(out, "after", c->after);
        mw_buf_char(out, '}');
    }
    mw_buf_format(out, "],\"applied\":%s}", is_applied ? "true" : "false");
}

void mw_apply_schema(mw_buf *out)
{
    static const char words[] = "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{"
                                "\"type\":\"string\"}}]}";
    static const char list[] = "{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"object\",";
    mw_buf_format(out,
                  "\"models\":%s\"additionalProperties\":false,\"required\":[\"name\"],"
                  "\"properties\":{\"name\":{\"type\":\"string\"},\"description\":{\"type\":"
                  "\"string\"},\"gates\":{\"type\":[\"object\",\"null\"],"
                  "\"additionalProperties\":false,\"properties\":{\"require\":%s,\"approvers\":%s,"
                  "\"aliases\":%s,\"approvals\":{\"type\":\"integer\",\"minimum\":0,"
                  "\"maximum\":%d}}}}}},",
                  list, words, words, words, MW_GATES_MAX);
    mw_buf_format(out,
                  "\"references\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":{"
                  "\"type\":\"string\"}},\"monitors\":%s\"additionalProperties\":false,"
                  "\"required\":[\"endpoint\"],\"properties\":{\"endpoint\":{\"type\":\"string\"},"
                  "\"reference\":{\"type\":\"string\"},\"fairness\":{\"type\":\"object\"}}}},",
                  list);
    /* the keys of a rollout: docs/reference/rollouts.md */
    mw_buf_format(out, "\"rollouts\":%s\"required\":[\"endpoint\",\"model\"]}}", list);
}
