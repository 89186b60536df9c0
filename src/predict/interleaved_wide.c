/* XGBoost models too large for float32 nodes: floats compared as doubles, which is the same
 * comparison, and summed as floats. */
#define NODE predict_node64
#define HAS_SETS 0
#define COLUMN uint32_t
#define REAL double
#define SUM float
#define VALUE(x) ((double)(float)(x))
#define LEFT(x, t) ((x) < (t))
#define SUM_BLOCK predict_sum_wide
#include "interleaved_kernel.h"
