/* growth: levels become nodes, once, when somebody asks for nodes. Room-private. */
#ifndef MODEL_GROWTH_H
#define MODEL_GROWTH_H

#include "model.h"

/* The forest has levels: mw_forest_grow may be asked. */
MW_CHECKED mw_status model_growth_new(mw_forest *forest, mw_error *err);
/* NULL is fine. */
void model_growth_done(mw_growth *growth);
size_t model_growth_bytes(mw_growth *growth);

#endif
