/* What the demo prints: a line a second, histograms at the end. */
#include "demo.h"

/* ---- latency --------------------------------------------------------------------------------- */

enum {
    SUB_BITS = 3, /* eight bins for each doubling: a bin is 12.5 % wide at most */
    SUB_BINS = 1 << SUB_BITS
};

size_t demo_latency_bin(uint64_t ns)
{
    if (ns < SUB_BINS)
        return (size_t)ns;
    unsigned top = 63 - (unsigned)__builtin_clzll(ns);
    size_t bin =
        (size_t)(top - SUB_BITS + 1) * SUB_BINS + ((ns >> (top - SUB_BITS)) & (SUB_BINS - 1));
    return bin < DEMO_LATENCY_BINS ? bin : DEMO_LATENCY_BINS - 1;
}

/* The upper end of a bin. */
static double bin_ns(size_t bin)
{
    if (bin < SUB_BINS)
        return (double)bin + 1;
    unsigned shift = (unsigned)(bin / SUB_BINS) - 1;
    return (double)((SUB_BINS + bin % SUB_BINS + 1) * (UINT64_C(1) << shift));
}

double demo_latency_ms(const demo_sum *before, const demo_sum *now, double share)
{
    uint64_t total = 0, seen = 0;
    for (size_t i = 0; i < DEMO_LATENCY_BINS; i++)
        total += now->latency[i] - before->latency[i];
    for (size_t i = 0; i < DEMO_LATENCY_BINS; i++) {
        seen += now->latency[i] - before->latency[i];
        if (total > 0 && (double)seen >= share * (double)total)
            return bin_ns(i) / 1e6;
    }
    return 0;
}

void demo_sum_up(const demo_traffic *traffic, demo_sum *ret_sum)
{
    memset(ret_sum, 0, sizeof *ret_sum);
    for (unsigned c = 0; c < DEMO_CLIENTS; c++) {
        const demo_tally *tally = &traffic->tallies[c];
        ret_sum->requests += atomic_load_explicit(&tally->requests, memory_order_relaxed);
        ret_sum->errors += atomic_load_explicit(&tally->errors, memory_order_relaxed);
        for (size_t i = 0; i < DEMO_LATENCY_BINS; i++)
            ret_sum->latency[i] += atomic_load_explicit(&tally->latency[i], memory_order_relaxed);
        for (size_t e = 0; e < DEMO_EXAMPLES_MAX; e++)
            for (size_t i = 0; i < DEMO_BINS; i++)
                ret_sum->predictions[e][i] +=
                    atomic_load_explicit(&tally->predictions[e][i], memory_order_relaxed);
    }
}

/* ---- predictions ----------------------------------------------------------------------------- */

static bool shows_classes(const demo_example *example)
{
    return example->n_outputs > 1 && example->n_outputs <= DEMO_BINS;
}

size_t demo_bin(const demo_example *example, const double *values)
{
    double shown = demo_shown_value(example, values);
    double width = example->highest - example->lowest;
    if (shows_classes(example))
        return (size_t)shown;
    size_t bin = width > 0 ? (size_t)((shown - example->lowest) / width * DEMO_BINS) : 0;
    return bin < DEMO_BINS ? bin : DEMO_BINS - 1;
}

/* ---- lines ----------------------------------------------------------------------------------- */

enum { BAR_WIDTH = 40, PREDICTIONS_COLUMN = 47, MODEL_COLUMN = DEMO_BINS + 4 };

void demo_write_heading(const demo_examples *examples, mw_buf *out)
{
    mw_buf_text(out,
                "    time  requests/s  p50 ms  p99 ms  errors   predictions, from low to high\n");
    mw_buf_format(out, "%*s", PREDICTIONS_COLUMN, "");
    for (size_t e = 0; e < examples->count; e++)
        mw_buf_format(out, "%-*.*s", MODEL_COLUMN, MODEL_COLUMN - 1, examples->of[e].endpoint.name);
    mw_buf_char(out, '\n');
}

/* Ten characters, one a bin; higher ones are darker. Plain ASCII shows everywhere. */
static void sparkline(const uint64_t *before, const uint64_t *now, mw_buf *out)
{
    static const char shades[] = " .:-=+*#%@";
    uint64_t most = 0;
    for (size_t i = 0; i < DEMO_BINS; i++)
        if (now[i] - before[i] > most)
            most = now[i] - before[i];
    mw_buf_char(out, '|');
    for (size_t i = 0; i < DEMO_BINS; i++) {
        uint64_t count = now[i] - before[i];
        size_t shade = most ? (size_t)((count * (sizeof shades - 2) + most - 1) / most) : 0;
        mw_buf_char(out, shades[shade]);
    }
    mw_buf_char(out, '|');
}

void demo_write_tick(const demo_examples *examples, const demo_sum *before, const demo_sum *now,
                     double from_s, double to_s, mw_buf *out)
{
    double seconds = to_s > from_s ? to_s - from_s : 1;
    mw_buf_format(out, "%6.1f s  %10.0f  %6.2f  %6.2f  %6llu   ", to_s,
                  (double)(now->requests - before->requests) / seconds,
                  demo_latency_ms(before, now, 0.50), demo_latency_ms(before, now, 0.99),
                  (unsigned long long)(now->errors - before->errors));
    for (size_t e = 0; e < examples->count; e++) {
        sparkline(before->predictions[e], now->predictions[e], out);
        mw_buf_text(out, "  ");
    }
    mw_buf_char(out, '\n');
}

static void bin_label(const demo_example *example, size_t bin, mw_buf *out)
{
    double width = (example->highest - example->lowest) / DEMO_BINS;
    if (!shows_classes(example))
        mw_buf_format(out, "%10.4g ..%10.4g", example->lowest + width * (double)bin,
                      example->lowest + width * (double)(bin + 1));
    else if (example->forest->class_labels && bin < example->forest->n_classes)
        mw_buf_format(out, "%22.*s", MW_VIEW_ARG(example->forest->class_labels[bin]));
    else
        mw_buf_format(out, "%16s %5zu", "class", bin);
}

void demo_write_histograms(const demo_examples *examples, const demo_sum *sum, mw_buf *out)
{
    static const char bar[] = "########################################";
    for (size_t e = 0; e < examples->count; e++) {
        const demo_example *example = &examples->of[e];
        size_t n_bins = shows_classes(example) ? example->n_outputs : DEMO_BINS;
        uint64_t most = 1;
        for (size_t i = 0; i < n_bins; i++)
            if (sum->predictions[e][i] > most)
                most = sum->predictions[e][i];
        mw_buf_format(out, "\n%s: predictions\n", example->endpoint.name);
        for (size_t i = 0; i < n_bins; i++) {
            uint64_t count = sum->predictions[e][i];
            bin_label(example, i, out);
            mw_buf_format(out, "  %-*.*s %llu\n", BAR_WIDTH,
                          (int)((count * BAR_WIDTH + most - 1) / most), bar,
                          (unsigned long long)count);
        }
    }
}
