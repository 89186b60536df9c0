/* x86-64 with AVX2 (2013 on). */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define PASS masks_pass_v3
#define PASS_FEW masks_few_v3
#include "masks_kernel.h"
#else
typedef int masks_v3_empty; /* a file may not be empty */
#endif
