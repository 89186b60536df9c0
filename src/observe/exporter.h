/* Spans on their way to a collector: OTLP over HTTP, in batches, on a thread of their own. */
#ifndef OBSERVE_EXPORTER_H
#define OBSERVE_EXPORTER_H

#include "observe.h"
#include "outlet.h"

typedef struct observe_exporter observe_exporter;

/* Where to, and with what: otlp, otlp_headers, otlp_certificate, service_name, resource_attributes
 * of the options. Nothing is sent yet: a collector may come later. Fails: MW_BAD_ARGUMENT (no http
 * URL, a header), MW_BAD_DATA (the certificate), MW_NO_MEMORY. */
MW_CHECKED mw_status observe_exporter_new(const mw_observer_options *options,
                                          const observe_mask *mask, observe_exporter **ret_exporter,
                                          mw_error *err);
/* Sends what waits, unless the collector does not take it at once. NULL is fine. */
void observe_exporter_free(observe_exporter *exporter);
/* From the loop itself. */
void observe_exporter_put(observe_exporter *exporter, unsigned loop, const observe_record *record);
void observe_exporter_count(const observe_exporter *exporter, uint64_t *ret_sent,
                            uint64_t *ret_dropped, uint64_t *ret_failed);

#endif
