/* XGBoost: float32 throughout, x < t goes left. */
#define NODE predict_node32
#define HAS_SETS 0
#define COLUMN uint16_t
#define REAL float
#define SUM float
#define VALUE(x) ((float)(x))
#define LEFT(x, t) ((x) < (t))
#define SUM_BLOCK predict_sum_float32
#include "interleaved_kernel.h"
