/* MLflow's rows into ours (import_rows.c), for import.c alone. */
#ifndef REGISTRY_IMPORT_ROWS_H
#define REGISTRY_IMPORT_ROWS_H

#include "record.h"

/* Show MLflow's tables as theirs_NAME to the record's work: first the version of its schema alone,
 * then all others. source: a session in which their file is open; NULL: it is attached to the
 * record's own as `theirs`. */
MW_CHECKED mw_status import_show_theirs(mw_record *record, mw_sql *source, bool only_version,
                                        mw_error *err);
/* Rows of theirs_* into ours; import_places(id, theirs, ours) then tells where files go. */
MW_CHECKED mw_status import_rows(mw_record *record, mw_import_report *report, mw_error *err);

#endif
