/* XGBoost with categories: floats compared as doubles, which is the same comparison, and summed as
 * floats. */
#define NODE predict_node_set
#define HAS_SETS 1
#define REAL double
#define SUM float
#define VALUE(x) ((double)(float)(x))
#define LEFT(x, t) ((x) < (t))
#define SUM_BLOCK predict_sum_sets32
#include "interleaved_kernel.h"
