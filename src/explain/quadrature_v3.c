/* x86-64 with AVX2 (2013 on). */
#if defined(__x86_64__)
#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define EXPLAIN quadrature_explain_v3
#include "quadrature_kernel.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx2");
}

const explain_kernel explain_quadrature_v3 = {"quadrature-v3",      runs_here,
                                              quadrature_lay_out,   quadrature_free,
                                              quadrature_bytes,     quadrature_memory_bytes,
                                              quadrature_explain_v3};
#else
typedef int quadrature_v3; /* a file may not be empty */
#endif
