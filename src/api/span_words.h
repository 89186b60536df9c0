/* Spans of OpenTelemetry in MLflow's words: attributes, content, what they tell of their trace. */
#ifndef API_SPAN_WORDS_H
#define API_SPAN_WORDS_H

#include "otlp.h"
#include "registry/registry.h"

/* A span's attributes as MLflow keeps them: each value is JSON, as text. */
typedef struct span_words {
    mw_arena *arena;
    mw_tags pairs;
    size_t room;
    bool failed; /* memory was gone */
} span_words;

/* What mlflow.chat.tokenUsage counts, in MLflow's words. */
enum { SPAN_N_TOKENS = 5 };
extern const char *const span_token_names[SPAN_N_TOKENS];

/* The attributes of a span, and what other conventions say in MLflow's words beside. */
void span_words_take(span_words *words, const otlp_span *span, mw_view trace_id);
/* A value, or absent. */
mw_view span_words_get(const span_words *words, const char *key);
/* A value without JSON's quotes. */
mw_view span_words_plain(const span_words *words, mw_view value);

/* The beginning of an input or output, of a conversation its last message of that role: at most
 * 1,000 characters. `json` is what was said; absent stays absent. */
mw_view span_preview(mw_arena *arena, mw_view json, const char *role);

/* What the spans of one trace tell. ret_part points into the arena. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status span_part(mw_arena *arena, const otlp_span *const *spans, size_t n,
                               mw_trace_part *ret_part, mw_error *err);
/* {"input_tokens": 5, ...}: what all of a trace have used. Of what lies below a span that tells its
 * use nothing is added: it is told there. Absent: none tells. `has_costs`: money. */
mw_view span_total(mw_arena *arena, const mw_span_values *values, bool has_costs);
/* A kept span as protobuf's JSON writes one: what MLflow's client reads. False: it is none. */
bool span_put_json(mw_buf *out, mw_view content);

#endif
