/* Any processor: registers of 4 rows, which SSE2 and NEON have. */
#define LANES 4
#define TARGET
#define EXPLAIN explain_anywhere
#define ADD_FEW tables_add_few
#define FEW_ROWS 8
#include "kernel.h"

static bool runs_here(void)
{
    return true;
}

const explain_kernel explain_tables_plain = {
    "tables",     runs_here,           layout_make,       layout_free,
    layout_bytes, layout_memory_bytes, layout_block_rows, explain_anywhere};
