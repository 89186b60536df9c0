/* What a new version would break, between the files of this room. */
#ifndef REGISTRY_FINDINGS_H
#define REGISTRY_FINDINGS_H

#include "record.h"

/* Compare with the versions that have an alias; what is found becomes the tag millwright.contract.
 * The passport must have been kept. */
MW_CHECKED mw_status record_note_findings(mw_record *record, const mw_model_version *version,
                                          bool *ret_noted, mw_error *err);

#endif
