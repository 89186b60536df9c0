/* A block of rows through the layout, written once for each processor. The includer defines
 *
 *   LANES     rows in a register: 4, 8 or 16
 *   TARGET    attribute of every function: what the processor must have
 *   EXPLAIN   name of the function that it gets
 *   ADD_FEW   what goes through the tables with rows that are fewer than
 *   FEW_ROWS  where that is quicker
 *
 * Vectors are the compiler's (gcc and clang have them for every processor), so that the same
 * operations happen in the same order everywhere: no processor gives other bits than another. */
#include <assert.h>

#include "layout.h"

#include "base/banned.h"

#define INLINE TARGET static inline __attribute__((always_inline))

typedef float reals __attribute__((vector_size(LANES * 4)));

#include "quadrature_kernel.h"
#include "tables_kernel.h"

TARGET static void EXPLAIN(const mw_forest *forest, const void *layout, const explain_block *block)
{
    explain_work work;
    layout_begin(forest, layout, block, FEW_ROWS, &work);
    for (size_t margin = 0; margin < forest->n_margins; margin++) {
        layout_clear_totals(&work);
        if (work.few)
            ADD_FEW(&work, margin, block->n_rows);
        else
            add_chunks(&work, margin);
        add_programs(&work, margin);
        layout_put(&work, block, margin);
    }
}
