/* What `serve` and `demo` say once they are ready. */
#ifndef CLI_ANNOUNCE_H
#define CLI_ANNOUNCE_H

#include "house.h"

/* "xgboost json, 500 trees, 34 features, binary" */
void cli_write_forest(const mw_forest *forest, mw_buf *out);
/* A curl line that the endpoint answers; falls back to asking for its metadata when the model is
 * too wide for one line. `alone`: it is the only endpoint, so /invocations will do. */
void cli_write_curl(const char *url, const char *name, bool alone, const mw_forest *forest,
                    mw_buf *out);

#endif
