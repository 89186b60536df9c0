/* ONNX of float rows: rows rounded to float32, x <= t goes left, summed in float32. */
#define NODE predict_node64
#define HAS_SETS 0
#define COLUMN uint32_t
#define REAL double
#define SUM float
#define VALUE(x) ((double)(float)(x))
#define LEFT(x, t) ((x) <= (t))
#define SUM_BLOCK predict_sum_rounded32
#include "interleaved_kernel.h"
