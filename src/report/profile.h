/* Behind the door: between the files of a profile. */
#ifndef REPORT_PROFILE_H
#define REPORT_PROFILE_H

#include "report.h"

/* How far columns tell each other; fills relations, strongest, and each column's relation to the
 * target. */
MW_CHECKED mw_status profile_relate(const mw_frame *frame, const mw_words *words,
                                    mw_data_profile *profile, mw_error *err);
/* Warnings and hints, from what is known by then. */
MW_CHECKED mw_status profile_advise(const mw_frame *frame, const mw_words *words,
                                    mw_data_profile *profile, mw_error *err);

#endif
