/* Any processor: registers of 4 rows, which SSE2 and NEON have. */
#define LANES 4
#define TARGET
#define EXPLAIN explain_plain
#include "pairs_kernel.h"

static bool runs_here(void)
{
    return true;
}

const pairs_kernel pairs_plain = {"pairs",     runs_here,          pairs_lay_out, pairs_free,
                                  pairs_bytes, pairs_memory_bytes, explain_plain};
