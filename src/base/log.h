/* The log: one line an event on standard error.
 *
 *     2026-11-23T15:04:05.123Z warn  cannot reload 'churn': model.json: cut short at byte 812
 *
 * Never called on the request path. Secrets are never passed to it. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "error.h"

typedef enum mw_log_level { MW_LOG_ERROR = 0, MW_LOG_WARN, MW_LOG_INFO, MW_LOG_DEBUG } mw_log_level;

/* Lines above this level are dropped. Default MW_LOG_INFO. */
void mw_log_set_level(mw_log_level level);

/* The same by severity, for who changes it while the program runs. `verbose`: above 0 what only
 * developers need (MW_LOG_DEBUG) is shown. Any thread; a line sees one form or the other. */
typedef struct mw_log_form {
    bool error, warn, info;
    unsigned verbose;
} mw_log_form;
mw_log_form mw_log_get_form(void);
void mw_log_set_form(const mw_log_form *form);
/* As mw_log_set_level said, or the default. */
mw_log_form mw_log_first_form(void);
/* Write one line; control bytes are shown as '?'. Any thread may call it. */
void mw_log(mw_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Write an error's sentence behind `doing`: "cannot reload 'churn': ...". */
void mw_log_error(mw_log_level level, const char *doing, const mw_error *err);

#endif
