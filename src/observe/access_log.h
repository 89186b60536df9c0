/* The access log: records of all loops become lines of a file, on a thread of their own. */
#ifndef OBSERVE_ACCESS_LOG_H
#define OBSERVE_ACCESS_LOG_H

#include "outlet.h"

typedef struct observe_log observe_log;

/* `to`: a path, "stdout" or "stderr". Fails: MW_IO (the file cannot be opened), MW_NO_MEMORY. */
MW_CHECKED mw_status observe_log_new(const char *to, const observe_mask *mask, unsigned n_loops,
                                     observe_log **ret_log, mw_error *err);
/* Writes what waits. NULL is fine. */
void observe_log_free(observe_log *log);
/* From the loop itself. */
void observe_log_put(observe_log *log, unsigned loop, const observe_record *record);
void observe_log_reopen(observe_log *log);
void observe_log_count(const observe_log *log, uint64_t *ret_written, uint64_t *ret_dropped,
                       uint64_t *ret_failed);

#endif
