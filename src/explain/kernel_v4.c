/* x86-64 with AVX-512 (2017 on, x86-64-v4). */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))
#define EXPLAIN explain_v4
#define ADD_FEW tables_choose_few(tables_add_few_v4)
#define FEW_ROWS 16
#include "kernel.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

const explain_kernel explain_tables_v4 = {"tables-v4",       runs_here,    layout_make,
                                          layout_free,       layout_bytes, layout_memory_bytes,
                                          layout_block_rows, explain_v4};
#else
typedef int kernel_v4; /* a file may not be empty */
#endif
