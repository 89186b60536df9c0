/* Any processor: registers of 4 rows, which SSE2 and NEON have. */
#define LANES 4
#define TARGET
#define EXPLAIN quadrature_explain
#include "quadrature_kernel.h"

static bool runs_here(void)
{
    return true;
}

const explain_kernel explain_quadrature = {"quadrature",       runs_here,
                                           quadrature_lay_out, quadrature_free,
                                           quadrature_bytes,   quadrature_memory_bytes,
                                           quadrature_explain};
