/* The watch over a stream from standard input, for detect.py: rows of doubles, N to a row, of which
 * the first LEARN make the reference. Ten rows come a second, and are looked at each second. Prints
 * the rows at which it began to say that something drifted, one a line.
 *
 *     detect_watch N_COLUMNS LEARN < rows */
#include <stdio.h>
#include <stdlib.h>

#include "monitor/monitor.h"

enum { COLUMNS_MAX = 64, ROWS_A_SECOND = 10 };

int main(int argc, char **argv)
{
    static uint64_t now_ns = UINT64_C(1000000000);
    static int64_t now_ms = 1700000000000;
    double row[COLUMNS_MAX], none = 0;
    mw_watched columns[COLUMNS_MAX + 1];
    mw_watch_report report;
    mw_monitor *monitor;
    mw_error err;
    size_t n = argc == 3 ? (size_t)strtoul(argv[1], NULL, 10) : 0, at = 0;
    mw_monitor_options options = {.without_watcher = true};
    if (n == 0 || n > COLUMNS_MAX) {
        fprintf(stderr, "detect_watch N_COLUMNS LEARN < rows; up to %d columns\n", COLUMNS_MAX);
        return 2;
    }
    options.learn_rows = (size_t)strtoul(argv[2], NULL, 10);
    mw_clock_pin(&now_ns, &now_ms);
    if (mw_monitor_new(&options, &monitor, &err) != MW_OK)
        return 1;
    bool was = false;
    for (; fread(row, sizeof *row, n, stdin) == n; at++) {
        mw_matrix matrix = {row, MW_FLOAT64, 1, n, (ptrdiff_t)n, 1};
        mw_monitor_tap(monitor, "stream", 1, &matrix, &none, 0);
        if (at % ROWS_A_SECOND != ROWS_A_SECOND - 1)
            continue;
        now_ns += UINT64_C(1000000000);
        mw_monitor_look(monitor);
        bool is =
            mw_monitor_report(monitor, "stream", 1, &report, columns, n) && report.n_drifted > 0;
        if (is && !was)
            printf("%zu\n", at);
        was = is;
    }
    mw_monitor_free(monitor);
    return 0;
}
