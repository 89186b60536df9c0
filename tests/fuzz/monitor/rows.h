/* Rows of a number and a category for a version under watch, always the same ones. */
#ifndef TESTS_FUZZ_MONITOR_ROWS_H
#define TESTS_FUZZ_MONITOR_ROWS_H

#include "monitor/watch.h"

static inline void send_rows(watch_version *version, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double row[] = {(double)(i % 37), (double)(i % 3)}, value = (double)(i % 10) / 10;
        mw_matrix matrix = {row, MW_FLOAT64, 1, 2, 2, 1};
        watch_rows(version, 0, &matrix, &value, 1);
    }
}

#endif
