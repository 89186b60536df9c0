/* Category sets as codes: 0 goes left, 255 right. */
#include "bytes.h"

#include "rules.h"

#include "base/banned.h"

void bytes_load_set(const mw_forest *forest, const bytes_set *set, const mw_matrix *rows,
                    size_t first, size_t n_rows, uint8_t *ret_codes)
{
    for (size_t r = 0; r < n_rows; r++) {
        double x = predict_read(rows, first + r, forest->feature[set->node]);
        bool left = predict_category_left(forest, set->node, predict_value(forest->input, x));
        ret_codes[r] = left ? 0 : 255;
    }
}
