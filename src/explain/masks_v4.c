/* x86-64 with AVX-512 (2017 on, x86-64-v4). */
#if defined(__x86_64__) && !defined(MW_NO_VECTORS)
#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))
#define PASS masks_pass_v4
#define PASS_FEW masks_few_v4
#include "masks_kernel.h"
#else
typedef int masks_v4_empty; /* a file may not be empty */
#endif
