/* Differences and ratios between groups, by name. */
#include "stats.h"

#include "base/banned.h"

#define BOTH_ENDS(name, rate)                                            \
    {name "_difference", rate, rate, false, false, false},               \
        {name "_ratio", rate, rate, true, false, false},                 \
        {name "_difference_to_overall", rate, rate, false, true, false}, \
    {                                                                    \
        name "_ratio_to_overall", rate, rate, true, true, false          \
    }

/* Names as in Fairlearn where it has one. */
const mw_fair_measure mw_fair_measures[] = {
    BOTH_ENDS("demographic_parity", MW_RATE_SELECTION),
    {"equalized_odds_difference", MW_RATE_TPR, MW_RATE_FPR, false, false, false},
    {"equalized_odds_ratio", MW_RATE_TPR, MW_RATE_FPR, true, false, false},
    {"equalized_odds_difference_mean", MW_RATE_TPR, MW_RATE_FPR, false, false, true},
    {"equalized_odds_ratio_mean", MW_RATE_TPR, MW_RATE_FPR, true, false, true},
    {"equalized_odds_difference_to_overall", MW_RATE_TPR, MW_RATE_FPR, false, true, false},
    {"equalized_odds_ratio_to_overall", MW_RATE_TPR, MW_RATE_FPR, true, true, false},
    BOTH_ENDS("equal_opportunity", MW_RATE_TPR),
    BOTH_ENDS("predictive_equality", MW_RATE_FPR),
    BOTH_ENDS("predictive_parity", MW_RATE_PPV),
    BOTH_ENDS("accuracy", MW_RATE_ACCURACY),
    BOTH_ENDS("false_negative_rate", MW_RATE_FNR),
    BOTH_ENDS("false_discovery_rate", MW_RATE_FDR),
    BOTH_ENDS("false_omission_rate", MW_RATE_FOR),
    BOTH_ENDS("base_rate", MW_RATE_BASE),
};
const size_t mw_n_fair_measures = MW_COUNT(mw_fair_measures);

const mw_fair_measure *mw_fair_measure_named(mw_view name)
{
    for (size_t i = 0; i < mw_n_fair_measures; i++)
        if (mw_view_is(name, mw_fair_measures[i].name))
            return &mw_fair_measures[i];
    return NULL;
}
