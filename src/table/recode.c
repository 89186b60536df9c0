/* A cell of one model's row as a cell of another's: codes mean something only beside their
 * categories, which each model numbers by itself.
 *
 *     code of `from` --its text, or its hash--> code of `to`
 *     number of `from` ----------------------> what `to` takes for that number */
#include <math.h>

#include "cell.h"
#include "table.h"

/* The text behind a cell, where one is known: a category, or one that `from` did not know. */
static bool find_text(const mw_column *from, double value, char room[MW_STRANGER_BYTES],
                      mw_view *ret_text)
{
    if (isnan(value)) {
        size_t size = mw_stranger_text(mw_stranger_mark(value), room);
        *ret_text = (mw_view){room, size};
        return size > 0 && size < MW_STRANGER_BYTES; /* a longer one may have been cut */
    }
    if (!from->categories || value < 0 || value >= (double)from->n_categories)
        return false;
    *ret_text = from->categories[(size_t)value];
    return true;
}

static ptrdiff_t find_hash(const mw_column *to, uint32_t hash)
{
    if (to->hashed)
        return mw_column_find_hash(to, hash);
    for (size_t i = 0; to->categories && i < to->n_categories; i++)
        if (mw_category_hash(to->categories[i]) == hash)
            return (ptrdiff_t)i;
    return -1;
}

static mw_status recode_hash(const mw_column *to, uint32_t hash, double *ret_value, mw_error *err)
{
    ptrdiff_t code = find_hash(to, hash);
    *ret_value = code < 0 ? (double)NAN : (double)code;
    if (code >= 0 || to->hashed || (to->categories && to->unknown_is_missing))
        return MW_OK;
    mw_fail(err, MW_E_TABLE_CATEGORY, "a category that is known by its hash only has no match");
    return mw_mend(err, "send the text to the other model itself");
}

mw_status mw_column_recode(const mw_column *from, const mw_column *to, double value,
                           double *ret_value, mw_error *err)
{
    char room[MW_STRANGER_BYTES];
    mw_view text;
    if (find_text(from, value, room, &text))
        return table_convert_text(to, text, ret_value, err);
    if (from->hashed && value >= 0 && value < (double)from->n_category_hashes)
        return recode_hash(to, from->category_hashes[(size_t)value], ret_value, err);
    return table_convert_number(to, value, ret_value, err);
}
