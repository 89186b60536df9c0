/* Fields that several calls share. */
#ifndef API_MLFLOW_MESSAGES_H
#define API_MLFLOW_MESSAGES_H

#include "mlflow.h"

extern const mlflow_field mlflow_tag_fields[];    /* key*, value -> mw_tag */
extern const mlflow_field mlflow_metric_fields[]; /* -> mw_metric */
extern const char *const mlflow_view_types[];
extern const char *const mlflow_run_statuses[]; /* of mw_run_status 1, 2, ...; NULL-ended */

/* The usual rows: a text, and a list of structs. */
/* clang-format off */
#define MLFLOW_TEXT_FIELD(type, name, member, required)                       \
    {name, MLFLOW_TEXT, offsetof(type, member), required, NULL, 0, NULL, NULL}
#define MLFLOW_LIST_FIELD(type, name, member, required, fields, element)                       \
    {name, MLFLOW_LIST, offsetof(type, member), required, fields, sizeof(element), NULL, NULL}
/* Clients send an older name of it beside, or instead. */
#define MLFLOW_RUN_ID_FIELD(type, member)                                               \
    {"run_id", MLFLOW_TEXT, offsetof(type, member), true, NULL, 0, NULL, "run_uuid"}
/* clang-format on */

/* A row of a table of calls. */
/* clang-format off */
#define MLFLOW_CALL(methods, path, access, handler, fields, type, summary) \
    {methods, "/mlflow/" path, access, handler, fields, sizeof(type), summary}
/* clang-format on */

/* Of a search: mw_search without its experiments. */
/* clang-format off */
#define MLFLOW_SEARCH_FIELDS(view_name)                                                          \
    {"max_results", MLFLOW_COUNT, offsetof(mw_search, max_results), false, NULL, 0, NULL, NULL}, \
    {"page_token", MLFLOW_TEXT, offsetof(mw_search, page_token), false, NULL, 0, NULL, NULL},    \
    {"filter", MLFLOW_TEXT, offsetof(mw_search, filter), false, NULL, 0, NULL, NULL},            \
    {"order_by", MLFLOW_TEXTS, offsetof(mw_search, order_by), false, NULL, 0, NULL, NULL},       \
    {view_name, MLFLOW_ENUM, offsetof(mw_search, view), false, NULL, 0, mlflow_view_types, NULL}
/* clang-format on */

#endif
