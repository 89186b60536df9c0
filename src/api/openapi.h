/* Between the files that write /openapi.json. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "route.h"

/* "get", "delete" */
void openapi_write_method(mw_buf *out, mw_method method);
/* "requestBody": {...}, with a comma behind it; nothing for API_BODY_NONE. `model` may be NULL
 * where the body is not about rows. */
void openapi_write_body(mw_buf *out, api_body body, const mw_endpoint_info *model);

/* The paths of MLflow's calls and of our own about the record, a comma before each. */
void openapi_write_record(mw_buf *out);
/* Those of alerts, likewise. */
void openapi_write_alerts(mw_buf *out);

#endif
