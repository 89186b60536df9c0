/* LightGBM: float64 throughout, x <= t goes left. What it takes for zero is dealt with in the
 * thresholds (interleaved_layout.c), not here. */
#define NODE predict_node64
#define HAS_SETS 0
#define COLUMN uint32_t
#define REAL double
#define SUM double
#define VALUE(x) ((double)(x))
#define LEFT(x, t) ((x) <= (t))
#define SUM_BLOCK predict_sum_float64
#include "interleaved_kernel.h"
