/* LightGBM with categories. */
#define NODE predict_node_set
#define HAS_SETS 1
#define REAL double
#define SUM double
#define VALUE(x) ((double)(x))
#define LEFT(x, t) ((x) <= (t))
#define SUM_BLOCK predict_sum_sets64
#include "interleaved_kernel.h"
