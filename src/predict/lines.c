/* The memory of layouts: cleared, from the start of a cache line, and a line more than was asked
 * for, which kernels may read. Much of it comes in huge pages, where a model takes few of them to
 * be made and to be walked. */
#include <stdlib.h>

#include "predictor.h"

#include "base/banned.h"

size_t predict_whole_lines(size_t bytes)
{
    return (bytes + PREDICT_LINE - 1) / PREDICT_LINE * PREDICT_LINE;
}

static size_t with_guard(size_t bytes)
{
    return predict_whole_lines(bytes) + PREDICT_LINE;
}

void *predict_lines_take(size_t bytes)
{
    size_t all = with_guard(bytes);
    if (all >= MW_PAGES_FROM_BYTES)
        return mw_pages_take_all(all);
    void *lines = aligned_alloc(PREDICT_LINE, all);
    if (lines)
        memset(lines, 0, all);
    return lines;
}

void predict_lines_free(void *lines, size_t bytes)
{
    size_t all = with_guard(bytes);
    if (lines && all >= MW_PAGES_FROM_BYTES)
        mw_pages_free(lines, all);
    else
        free(lines);
}
