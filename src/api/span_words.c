/* Attributes of spans: MLflow's own, and what others call the same.
 *
 *     gen_ai.operation.name = "chat"      -> mlflow.spanType = "CHAT_MODEL"
 *     llm.token_count.prompt = 26         -> mlflow.chat.tokenUsage = {"input_tokens": 26, ...}
 *     input.value = "{...}"               -> mlflow.spanInputs
 *
 * The tables follow mlflow.tracing.otel.translation of MLflow 3. Not done here: what stands in
 * events or in numbered keys only (Spring AI, LiveKit, Vercel's chats), prices of models. */
#include "span_words.h"

enum { NAMES_MAX = 4, KINDS_MAX = 12 };

typedef struct kind_name {
    const char *theirs, *ours;
} kind_name;

typedef struct convention {
    const char *kind;
    kind_name kinds[KINDS_MAX];
    const char *tokens[SPAN_N_TOKENS]; /* in the order of span_token_names */
    const char *inputs[NAMES_MAX], *outputs[NAMES_MAX], *models[NAMES_MAX];
    const char *provider, *tools;
} convention;

const char *const span_token_names[SPAN_N_TOKENS] = {"input_tokens", "output_tokens",
                                                     "total_tokens", "cache_read_input_tokens",
                                                     "cache_creation_input_tokens"};

static const convention conventions[] = {
    {/* OpenInference */
     .kind = "openinference.span.kind",
     .kinds = {{"TOOL", "TOOL"},
               {"CHAIN", "CHAIN"},
               {"LLM", "LLM"},
               {"RETRIEVER", "RETRIEVER"},
               {"EMBEDDING", "EMBEDDING"},
               {"AGENT", "AGENT"},
               {"RERANKER", "RERANKER"},
               {"UNKNOWN", "UNKNOWN"},
               {"GUARDRAIL", "GUARDRAIL"},
               {"EVALUATOR", "EVALUATOR"}},
     .tokens = {"llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total",
                "llm.token_count.prompt_details.cache_read",
                "llm.token_count.prompt_details.cache_write"},
     .inputs = {"input.value"},
     .outputs = {"output.value"},
     .models = {"llm.response.model_name", "llm.model_name", "llm.request.model_name",
                "embedding.model_name"},
     .provider = "llm.provider"},
    {/* OpenTelemetry's own of generative models */
     .kind = "gen_ai.operation.name",
     .kinds = {{"chat", "CHAT_MODEL"},
               {"create_agent", "AGENT"},
               {"embeddings", "EMBEDDING"},
               {"execute_tool", "TOOL"},
               {"generate_content", "LLM"},
               {"invoke_agent", "AGENT"},
               {"text_completion", "LLM"},
               {"response", "LLM"}},
     .tokens = {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", NULL,
                "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"},
     .inputs = {"gen_ai.input.messages", "gen_ai.tool.call.arguments"},
     .outputs = {"gen_ai.output.messages", "gen_ai.tool.call.result"},
     .models = {"gen_ai.response.model", "gen_ai.request.model"},
     .provider = "gen_ai.provider.name",
     .tools = "gen_ai.tool.definitions"},
    {/* Traceloop, OpenLLMetry */
     .kind = "traceloop.span.kind",
     .kinds = {{"workflow", "WORKFLOW"},
               {"task", "TASK"},
               {"agent", "AGENT"},
               {"tool", "TOOL"},
               {"unknown", "UNKNOWN"}},
     .tokens = {"gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens",
                "llm.usage.total_tokens"},
     .inputs = {"traceloop.entity.input"},
     .outputs = {"traceloop.entity.output"},
     .provider = "gen_ai.system"},
    {/* Google's agents */
     .inputs = {"gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args"},
     .outputs = {"gcp.vertex.agent.llm_response", "gcp.vertex.agent.tool_response"}},
    {/* Laminar */
     .kind = "lmnr.span.type",
     .kinds = {{"LLM", "LLM"},
               {"TOOL", "TOOL"},
               {"DEFAULT", "CHAIN"},
               {"PIPELINE", "CHAIN"},
               {"EXECUTOR", "AGENT"},
               {"EVALUATOR", "EVALUATOR"},
               {"HUMAN_EVALUATOR", "EVALUATOR"},
               {"EVALUATION", "EVALUATOR"},
               {"CACHED", "LLM"}},
     .inputs = {"lmnr.span.input"},
     .outputs = {"lmnr.span.output"}},
    {/* Langfuse */
     .kind = "langfuse.observation.type",
     .kinds = {{"generation", "LLM"},
               {"embedding", "EMBEDDING"},
               {"tool", "TOOL"},
               {"retriever", "RETRIEVER"},
               {"agent", "AGENT"},
               {"chain", "CHAIN"},
               {"evaluator", "EVALUATOR"},
               {"guardrail", "GUARDRAIL"},
               {"span", "UNKNOWN"}},
     .inputs = {"langfuse.observation.input"},
     .outputs = {"langfuse.observation.output"}},
};

/* ---- pairs ----------------------------------------------------------------------------------- */

mw_view span_words_get(const span_words *words, const char *key)
{
    return mw_tags_get(&words->pairs, key);
}

mw_view span_words_plain(const span_words *words, mw_view value)
{
    mw_scan scan;
    mw_error ignored;
    mw_view text;
    mw_scan_init(&scan, value);
    if (!value.data || mw_scan_peek(&scan) != MW_SCAN_STRING ||
        mw_scan_string(&scan, words->arena, &text, &ignored) != MW_OK)
        return value;
    return text;
}

/* In place of the one with this key. There is room: span_words_take has counted. */
static void put(span_words *words, const char *key, mw_view value)
{
    mw_tags *pairs = &words->pairs;
    size_t i = 0;
    while (i < pairs->count && !mw_view_is(pairs->items[i].key, key))
        i++;
    if (i == words->room || !value.data) {
        words->failed = true;
        return;
    }
    pairs->items[i] = (mw_tag){mw_view_of(key), value};
    pairs->count += i == pairs->count;
}

static void put_kept(span_words *words, const char *key, mw_buf *text)
{
    char *kept = text->failed ? NULL : mw_arena_text(words->arena, mw_buf_as_view(text));
    put(words, key, (mw_view){kept, kept ? text->size : 0});
    mw_buf_done(text);
}

/* A plain text as JSON. */
static void put_quoted(span_words *words, const char *key, mw_view text)
{
    mw_buf out;
    mw_buf_init(&out, MW_LIMIT_SPANS_BYTES);
    mw_json_write_text(&out, text);
    put_kept(words, key, &out);
}

/* A text that is JSON of a text, list or object was written so already. */
static bool is_written(mw_view text)
{
    mw_scan scan;
    mw_error ignored;
    mw_scan_init(&scan, text);
    mw_scan_kind kind = mw_scan_peek(&scan);
    return (kind == MW_SCAN_STRING || kind == MW_SCAN_ARRAY || kind == MW_SCAN_OBJECT) &&
           mw_scan_skip(&scan, NULL, &ignored) == MW_OK && mw_scan_end(&scan, &ignored) == MW_OK;
}

/* ---- other conventions ----------------------------------------------------------------------- */

static bool is_nothing(mw_view value)
{
    static const char *const nothings[] = {"\"\"", "[]", "{}", "null", "0", "false", "0.0"};
    for (size_t i = 0; i < MW_COUNT(nothings); i++)
        if (mw_view_is(value, nothings[i]))
            return true;
    return !value.data;
}

static mw_view first_of(const span_words *words, const char *const names[NAMES_MAX])
{
    for (size_t i = 0; i < NAMES_MAX && names[i]; i++) {
        mw_view value = span_words_get(words, names[i]);
        if (!is_nothing(value))
            return value;
    }
    return (mw_view){NULL, 0};
}

static void put_type(span_words *words)
{
    mw_view told = span_words_plain(words, span_words_get(words, "mlflow.spanType"));
    if (told.data && !mw_view_is(told, "UNKNOWN"))
        return;
    for (size_t c = 0; c < MW_COUNT(conventions); c++) {
        const convention *each = &conventions[c];
        mw_view kind = each->kind ? span_words_plain(words, span_words_get(words, each->kind))
                                  : (mw_view){NULL, 0};
        for (size_t i = 0; kind.data && i < KINDS_MAX && each->kinds[i].theirs; i++) {
            if (!mw_view_is(kind, each->kinds[i].theirs))
                continue;
            put_quoted(words, "mlflow.spanType", mw_view_of(each->kinds[i].ours));
            return;
        }
    }
}

/* The first convention that tells a part tells all of it. */
static void put_part(span_words *words, const char *key, size_t offset)
{
    for (size_t c = 0; c < MW_COUNT(conventions) && !span_words_get(words, key).data; c++) {
        const char *const *names =
            (const char *const *)(const void *)((const char *)&conventions[c] + offset);
        mw_view value = first_of(words, names);
        if (value.data)
            put(words, key, value);
    }
}

static void put_name(span_words *words, const char *key, size_t offset)
{
    for (size_t c = 0; c < MW_COUNT(conventions) && !span_words_get(words, key).data; c++) {
        const char *name =
            *(const char *const *)(const void *)((const char *)&conventions[c] + offset);
        mw_view value = name ? span_words_get(words, name) : (mw_view){NULL, 0};
        if (!is_nothing(value))
            put(words, key, value);
    }
}

static bool put_tokens_of(span_words *words, const convention *each)
{
    enum { INPUT, OUTPUT, TOTAL, N = MW_COUNT(each->tokens) };
    uint64_t counts[N];
    bool are_told[N];
    for (size_t i = 0; i < N; i++)
        are_told[i] =
            each->tokens[i] &&
            mw_whole_parse(span_words_plain(words, span_words_get(words, each->tokens[i])),
                           &counts[i]) &&
            counts[i] < INT32_MAX;
    if (!are_told[TOTAL] && are_told[INPUT] && are_told[OUTPUT]) {
        counts[TOTAL] = counts[INPUT] + counts[OUTPUT];
        are_told[TOTAL] = true;
    }
    if (!are_told[INPUT] && !are_told[OUTPUT] && !are_told[TOTAL])
        return false;
    mw_buf out;
    mw_buf_init(&out, 4 * MW_KIB);
    for (size_t i = 0; i < N; i++)
        if (are_told[i])
            mw_buf_format(&out, "%s\"%s\": %llu", out.size ? ", " : "{", span_token_names[i],
                          (unsigned long long)counts[i]);
    mw_buf_char(&out, '}');
    put_kept(words, "mlflow.chat.tokenUsage", &out);
    return true;
}

static void put_tokens(span_words *words)
{
    for (size_t c = 0; c < MW_COUNT(conventions); c++)
        if (span_words_get(words, "mlflow.chat.tokenUsage").data ||
            put_tokens_of(words, &conventions[c]))
            return;
}

/* What a request or an answer says itself. */
static void put_model_of(span_words *words, const char *key)
{
    mw_json *root;
    mw_error ignored;
    mw_view told = span_words_get(words, key);
    if (span_words_get(words, "mlflow.llm.model").data || !told.data || told.data[0] != '{' ||
        mw_json_read(told, &root, &ignored) != MW_OK)
        return;
    mw_view model = mw_json_text(mw_json_member(root, "model"));
    if (model.size > 0)
        put_quoted(words, "mlflow.llm.model", model);
    mw_json_free(root);
}

static void put_others(span_words *words)
{
    put_type(words);
    put_part(words, "mlflow.spanInputs", offsetof(convention, inputs));
    put_part(words, "mlflow.spanOutputs", offsetof(convention, outputs));
    put_tokens(words);
    put_name(words, "mlflow.chat.tools", offsetof(convention, tools));
    put_part(words, "mlflow.llm.model", offsetof(convention, models));
    put_model_of(words, "mlflow.spanInputs");
    put_model_of(words, "mlflow.spanOutputs");
    put_name(words, "mlflow.llm.provider", offsetof(convention, provider));
}

void span_words_take(span_words *words, const otlp_span *span, mw_view trace_id)
{
    enum { ADDED_MAX = 16 };
    words->room = span->attributes.count + ADDED_MAX;
    words->pairs.items = mw_arena_take_zeroed(words->arena, words->room, sizeof(mw_tag));
    words->failed = !words->pairs.items;
    if (words->failed)
        return;
    for (size_t i = 0; i < span->attributes.count; i++) {
        const otlp_pair *pair = &span->attributes.items[i];
        bool as_it_is = pair->text.data && is_written(pair->text);
        words->pairs.items[words->pairs.count++] =
            (mw_tag){pair->key, as_it_is ? pair->text : pair->json};
    }
    put_quoted(words, "mlflow.traceRequestId", trace_id);
    put_others(words);
}
