/* What is wanted, from the words of people. */
#include "counterfactual.h"

#include <math.h>

#include "base/banned.h"

static mw_view behind(mw_view text, size_t n)
{
    return mw_view_trim((mw_view){text.data + n, text.size - n});
}

static bool read_range(mw_view text, double *ret_low, double *ret_high)
{
    const char *dots = text.size > 0 ? memmem(text.data, text.size, "..", 2) : NULL;
    if (!dots)
        return false;
    size_t n = (size_t)(dots - text.data);
    return mw_number_parse(text.data, n, ret_low) &&
           mw_number_parse(dots + 2, text.size - n - 2, ret_high) && *ret_low <= *ret_high;
}

static bool read_class(const mw_forest *forest, mw_view text, mw_want *want)
{
    uint64_t number;
    want->is_class = true;
    for (size_t i = 0; forest->class_labels && i < forest->n_classes; i++)
        if (mw_view_equal(forest->class_labels[i], text)) {
            want->class_wanted = i;
            return true;
        }
    if (forest->class_labels || !mw_whole_parse(text, &number) || number >= forest->n_classes)
        return false;
    want->class_wanted = number;
    return true;
}

bool mw_want_read(const mw_forest *forest, mw_view text, mw_want *ret_want)
{
    mw_want want = {.low = -(double)INFINITY, .high = (double)INFINITY};
    text = mw_view_trim(text);
    bool less = mw_view_starts(text, "<"), more = mw_view_starts(text, ">");
    bool equal = (less || more) && text.size > 1 && text.data[1] == '=';
    bool is_read;
    if (less || more) {
        mw_view number = behind(text, 1 + equal);
        double *end = less ? &want.high : &want.low;
        want.below_high = less && !equal;
        want.above_low = more && !equal;
        is_read = mw_number_parse(number.data, number.size, end) && isfinite(*end);
    } else {
        is_read = read_range(text, &want.low, &want.high) || read_class(forest, text, &want);
    }
    if (is_read)
        *ret_want = want;
    return is_read;
}
