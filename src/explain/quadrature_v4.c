/* x86-64 with AVX-512 (2017 on, x86-64-v4). */
#if defined(__x86_64__)
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))
#define EXPLAIN quadrature_explain_v4
#include "quadrature_kernel.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

const explain_kernel explain_quadrature_v4 = {"quadrature-v4",      runs_here,
                                              quadrature_lay_out,   quadrature_free,
                                              quadrature_bytes,     quadrature_memory_bytes,
                                              quadrature_explain_v4};
#else
typedef int quadrature_v4; /* a file may not be empty */
#endif
