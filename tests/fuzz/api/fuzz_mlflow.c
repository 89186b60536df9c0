/* Requests of MLflow's clients: the first byte picks the call, and whether the rest is a body or a
 * query. What is accepted has everything that the call needs. */
#include <stdint.h>
#include <stdlib.h>

#include "api/mlflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(const mlflow_call *call, mw_view text, bool in_query)
{
    mw_error err;
    mw_arena arena;
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    mlflow_captures captures = {.count = 0};
    mw_exchange exchange = {.method = in_query ? MW_GET : MW_POST,
                            .content_type = MW_VIEW("application/json"),
                            .arena = &arena};
    if (in_query)
        exchange.query = text;
    else
        exchange.body = text;
    void *request = mw_arena_take_zeroed(&arena, 1, call->request_bytes);
    if (request && mlflow_read_fields(call->fields, &exchange, &captures, request, &err) == MW_OK) {
        for (const mlflow_field *field = call->fields; field->name; field++)
            if (field->required && field->kind == MLFLOW_TEXT &&
                ((mw_view *)((char *)request + field->offset))->size == 0)
                abort();
    }
    mw_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned pick = data[0];
    size_t n = mlflow_n_run_calls + mlflow_n_logged_calls;
    size_t nth = (pick >> 1) % n;
    const mlflow_call *call = nth < mlflow_n_run_calls
                                  ? &mlflow_run_calls[nth]
                                  : &mlflow_logged_calls[nth - mlflow_n_run_calls];
    mw_view text = {(const char *)data + 1, size - 1};
    (void)!mw_artifact_check_path(text, NULL);
    if (call->fields)
        read_one(call, text, pick & 1);
    return 0;
}
