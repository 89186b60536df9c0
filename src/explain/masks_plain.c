/* Any processor: registers of 4 rows, which SSE2 and NEON have. */
#define LANES 4
#define TARGET
#define PASS masks_pass_plain
#define PASS_FEW masks_few_plain
#include "masks_kernel.h"
