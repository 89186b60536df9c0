/* Keys of a watch over fairness: the first byte picks the key. What is taken is the same taken
 * again, and stays within its room. */
#include <stdint.h>
#include <stdlib.h>

#include "journal/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"fairness_groups",   "fairness_limits",
                                       "fairness_positive", "fairness_threshold",
                                       "fairness_window",   "fairness_min_group"};
    mw_error err;
    mw_fair_plan plan, again;
    mw_status status = MW_OK;
    if (size == 0)
        return 0;
    mw_view key = mw_view_of(keys[data[0] % MW_COUNT(keys)]);
    mw_view text = {(const char *)data + 1, size - 1};
    mw_fair_plan_init(&plan);
    if (!mw_fair_plan_take(&plan, key, text, &status, &err))
        abort();
    if (status != MW_OK)
        return 0;
    again = plan;
    if (!mw_fair_plan_take(&again, key, text, &status, &err) || status != MW_OK ||
        !mw_fair_plan_is_same(&plan, &again))
        abort();
    for (size_t i = 0; i < plan.n_attributes; i++)
        if (plan.attributes[i].n_parts > MW_FAIR_PARTS ||
            strlen(plan.attributes[i].name) >= sizeof plan.attributes[i].name)
            abort();
    return 0;
}
