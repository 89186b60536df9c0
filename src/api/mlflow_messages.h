/* Fields that several calls share. */
#ifndef API_MLFLOW_MESSAGES_H
#define API_MLFLOW_MESSAGES_H

#include "mlflow.h"

extern const mlflow_field mlflow_tag_fields[];    /* key*, value -> mw_tag */
extern const mlflow_field mlflow_metric_fields[]; /* -> mw_metric */
extern const char *const mlflow_view_types[];

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
