/* Ranking of reasons. */
#include "reasons.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

static int by_size(const void *a, const void *b)
{
    const mw_reason *x = a, *y = b;
    if (fabs(x->value) != fabs(y->value))
        return fabs(x->value) > fabs(y->value) ? -1 : 1;
    return (x->group > y->group) - (x->group < y->group);
}

size_t mw_reasons_rank(const double *values, const size_t *group_of, const bool *shown,
                       size_t n_features, size_t n_groups, int side, mw_reason *ret)
{
    size_t kept = 0;
    for (size_t g = 0; g < n_groups; g++)
        ret[g] = (mw_reason){g, 0};
    for (size_t f = 0; f < n_features; f++)
        if (shown[f])
            ret[group_of[f]].value += values[f];
    for (size_t g = 0; g < n_groups; g++)
        if (side == 0 ? ret[g].value != 0 : ret[g].value * side > 0)
            ret[kept++] = ret[g];
    qsort(ret, kept, sizeof *ret, by_size);
    return kept;
}
