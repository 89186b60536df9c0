/* Between models.c and versions.c. */
#ifndef REGISTRY_VERSIONS_H
#define REGISTRY_VERSIONS_H

#include "record.h"
#include "search.h"

/* Without tags, aliases and versions. */
MW_CHECKED mw_status record_bare_model(mw_record *record, mw_view name,
                                       mw_registered_model *ret_model, mw_error *err);
/* It was changed now. */
MW_CHECKED mw_status record_touch_model(mw_record *record, int64_t model, mw_error *err);
MW_CHECKED mw_status record_check_registry_tag(const mw_tag *tag, mw_error *err);
/* The highest version of each stage. */
MW_CHECKED mw_status record_load_latest(mw_record *record, int64_t model,
                                        mw_model_versions *ret_latest, mw_error *err);
/* " AND" no prompts, unless the filter asks for them; of a search over registered_models m. */
void record_put_prompts(search_query *query);

#endif
