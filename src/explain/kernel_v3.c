/* x86-64 with AVX2 (2013 on). */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define EXPLAIN explain_v3
#define ADD_FEW tables_choose_few(tables_add_few_v3)
#define FEW_ROWS 10
#include "kernel.h"

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx2");
}

const explain_kernel explain_tables_v3 = {"tables-v3",       runs_here,    layout_make,
                                          layout_free,       layout_bytes, layout_memory_bytes,
                                          layout_block_rows, explain_v3};
#else
typedef int kernel_v3; /* a file may not be empty */
#endif
