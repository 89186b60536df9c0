/* Numbers and JSON: what a prediction body costs before the model sees it.
 *
 *   numbers [SECONDS]        best of as many runs as fit (default 1 second a line)
 *
 * Body b: {"instances": 4,000 rows of 28}, 6 decimals. Body c: 1,900 rows, 17 digits as Python
 * writes float64. Each line stands beside the C library's strtod or printf in the same run. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

enum { N_COLUMNS = 28, ROWS_B = 4000, ROWS_C = 1900, N_WRITTEN = 1000 };

typedef struct bench_body {
    mw_buf text;
    float *cells; /* what was read */
    size_t n_cells;
} bench_body;

typedef size_t (*bench_job)(bench_body *body); /* bytes done */

static uint64_t random_state = 7;

static double random_normal(void)
{
    double sum = 0; /* close enough: digits are what counts */
    for (int i = 0; i < 12; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        sum += (double)(random_state >> 11) * 0x1p-53;
    }
    return sum - 6;
}

static void make_body(bench_body *body, size_t n_rows, int decimals)
{
    mw_buf_init(&body->text, 64 * MW_MIB);
    body->n_cells = n_rows * N_COLUMNS;
    body->cells = calloc(body->n_cells, sizeof *body->cells);
    mw_buf_text(&body->text, "{\"instances\": [");
    for (size_t row = 0; row < n_rows; row++) {
        mw_buf_text(&body->text, row ? ", [" : "[");
        for (size_t column = 0; column < N_COLUMNS; column++) {
            char number[MW_NUMBER_TEXT_BYTES + 1];
            double value = random_normal();
            if (decimals > 0)
                snprintf(number, sizeof number, "%.*f", decimals, value);
            else
                number[mw_number_write_double(number, value, true)] = '\0';
            mw_buf_format(&body->text, "%s%s", column ? ", " : "", number);
        }
        mw_buf_char(&body->text, ']');
    }
    mw_buf_text(&body->text, "]}");
    if (!body->cells || body->text.failed)
        abort();
}

static void must(mw_status status, const mw_error *err)
{
    if (status == MW_OK)
        return;
    fprintf(stderr, "%s: %s\n", err->where, err->what);
    exit(1);
}

static size_t scan_body(bench_body *body)
{
    mw_error err;
    mw_scan scan;
    mw_view key;
    bool more;
    float *cell = body->cells;
    mw_scan_init(&scan, mw_buf_as_view(&body->text));
    must(mw_scan_object_begin(&scan, &err), &err);
    must(mw_scan_object_next(&scan, NULL, &key, &more, &err), &err);
    must(mw_scan_array_begin(&scan, &err), &err);
    for (;;) {
        must(mw_scan_array_next(&scan, &more, &err), &err);
        if (!more)
            break;
        must(mw_scan_array_begin(&scan, &err), &err);
        for (;;) {
            must(mw_scan_array_next(&scan, &more, &err), &err);
            if (!more)
                break;
            double value;
            must(mw_scan_number(&scan, &value, &err), &err);
            *cell++ = (float)value;
        }
    }
    return body->text.size;
}

static size_t skip_body(bench_body *body)
{
    mw_error err;
    mw_scan scan;
    mw_scan_init(&scan, mw_buf_as_view(&body->text));
    must(mw_scan_skip(&scan, NULL, &err), &err);
    return body->text.size;
}

static bool begins_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-';
}

static size_t read_numbers(bench_body *body)
{
    const char *at = body->text.data, *end = at + body->text.size;
    float *cell = body->cells;
    while (at < end) {
        double value;
        if (!begins_number(*at)) {
            at++;
            continue;
        }
        at = mw_number_read(at, end, true, &value);
        *cell++ = (float)value;
    }
    return body->text.size;
}

static size_t strtod_numbers(bench_body *body)
{
    float *cell = body->cells;
    for (const char *at = body->text.data; *at;) {
        if (!begins_number(*at)) {
            at++;
            continue;
        }
        char *behind;
        *cell++ = (float)strtod(at, &behind);
        at = behind;
    }
    return body->text.size;
}

static size_t write_floats(bench_body *body)
{
    size_t used = 0;
    for (size_t i = 0; i < N_WRITTEN; i++)
        used += mw_number_write_float(body->text.data + used, body->cells[i], true);
    return used;
}

static size_t write_doubles(bench_body *body)
{
    size_t used = 0;
    for (size_t i = 0; i < N_WRITTEN; i++)
        used += mw_number_write_double(body->text.data + used, body->cells[i] * 1.1, true);
    return used;
}

static size_t print_floats(bench_body *body)
{
    size_t used = 0;
    for (size_t i = 0; i < N_WRITTEN; i++)
        used += (size_t)snprintf(body->text.data + used, 32, "%.9g", (double)body->cells[i]);
    return used;
}

static void measure(const char *name, bench_job job, bench_body *body, size_t n_numbers,
                    double seconds)
{
    uint64_t best_ns = UINT64_MAX, began_ns = mw_clock_ns();
    size_t bytes = 0;
    while ((double)(mw_clock_ns() - began_ns) < seconds * 1e9) {
        uint64_t start_ns = mw_clock_ns();
        bytes = job(body);
        uint64_t took_ns = mw_clock_ns() - start_ns;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    printf("%-34s %6.0f MB/s %7.1f ns a number\n", name, (double)bytes * 1e3 / (double)best_ns,
           (double)best_ns / (double)n_numbers);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    bench_body b, c;
    make_body(&b, ROWS_B, 6);
    make_body(&c, ROWS_C, 0);
    measure("b: 6 decimals, scanner", scan_body, &b, b.n_cells, seconds);
    measure("b: 6 decimals, mw_scan_skip", skip_body, &b, b.n_cells, seconds);
    measure("b: 6 decimals, mw_number_read", read_numbers, &b, b.n_cells, seconds);
    measure("b: 6 decimals, strtod", strtod_numbers, &b, b.n_cells, seconds);
    measure("c: 17 digits, scanner", scan_body, &c, c.n_cells, seconds);
    measure("c: 17 digits, mw_scan_skip", skip_body, &c, c.n_cells, seconds);
    measure("c: 17 digits, mw_number_read", read_numbers, &c, c.n_cells, seconds);
    measure("c: 17 digits, strtod", strtod_numbers, &c, c.n_cells, seconds);
    measure("float32, mw_number_write_float", write_floats, &b, N_WRITTEN, seconds);
    measure("float32, printf %.9g", print_floats, &b, N_WRITTEN, seconds);
    measure("float64, mw_number_write_double", write_doubles, &c, N_WRITTEN, seconds);
    free(b.cells);
    free(c.cells);
    mw_buf_done(&b.text);
    mw_buf_done(&c.text);
    return 0;
}
