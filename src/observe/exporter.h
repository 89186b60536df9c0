/* Spans on their way to a collector: OTLP over HTTP, in batches, on a thread of their own. */
#ifndef OBSERVE_EXPORTER_H
#define OBSERVE_EXPORTER_H

#include "outlet.h"

typedef struct observe_exporter observe_exporter;

/* url: "http://host:4318", whose /v1/traces is used, or with a path that ends so. `attributes` of
 * the resource, "key=value,...", may be NULL. Nothing is sent yet: a collector may come later.
 * Fails: MW_BAD_ARGUMENT (no http URL), MW_NO_MEMORY. */
MW_CHECKED mw_status observe_exporter_new(const char *url, const char *service,
                                          const char *attributes, const observe_mask *mask,
                                          unsigned n_loops, observe_exporter **ret_exporter,
                                          mw_error *err);
/* Sends what waits, unless the collector does not take it at once. NULL is fine. */
void observe_exporter_free(observe_exporter *exporter);
/* From the loop itself. */
void observe_exporter_put(observe_exporter *exporter, unsigned loop, const observe_record *record);
void observe_exporter_count(const observe_exporter *exporter, uint64_t *ret_sent,
                            uint64_t *ret_dropped, uint64_t *ret_failed);

#endif
