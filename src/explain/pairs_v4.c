/* x86-64 with AVX-512 (2017 on, x86-64-v4). */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))
#define EXPLAIN explain_v4
#include "pairs_kernel.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

const pairs_kernel pairs_v4 = {"pairs-v4",  runs_here,          pairs_lay_out, pairs_free,
                               pairs_bytes, pairs_memory_bytes, explain_v4};
#else
typedef int pairs_v4_empty; /* a file may not be empty */
#endif
