/* x86-64 with AVX2 (2013 on). */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define EXPLAIN explain_v3
#include "pairs_kernel.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx2");
}

const pairs_kernel pairs_v3 = {"pairs-v3",  runs_here,          pairs_lay_out, pairs_free,
                               pairs_bytes, pairs_memory_bytes, explain_v3};
#else
typedef int pairs_v3_empty; /* a file may not be empty */
#endif
