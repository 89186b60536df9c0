/* Tables against a background: how often its rows decide in each way, and what a leaf then gives.
 *
 * On the path to a leaf of value v stand d features. A row x agrees with the path at a set X of
 * them, a background row z at a set Z. contrast_pairs.c has the game of the two: it gives nothing
 * unless X and Z together are all d, then
 *
 *     features outside Z    v p-1! q! / (p+q)!          p = d - |Z|, those of x alone
 *     features outside X   -v p! q-1! / (p+q)!          q = d - |X|, those of z alone
 *
 * All that matters of the background is how many of its rows have each Z. So the mean over it is a
 * table over X, as that of the covers is, and a row costs the same however many rows the background
 * has. Filling the table takes 2^|Z| steps for each Z that some row has: 3^d at most.
 *
 * Source: counting the background by pattern is WOODELF (Nadel, Wettenstein 2025). */
#include "tables.h"

#include "contrasts.h"

#include "base/banned.h"

double tables_usual_mean(const mw_forest *forest, size_t tree, size_t output)
{
    double sum = 0;
    size_t count = 0;
    for (size_t node = forest->tree_start[tree]; node < forest->tree_start[tree + 1]; node++) {
        if (forest->left[node] != MW_NO_CHILD)
            continue;
        sum += predict_leaf(forest, tree, node, output);
        count++;
    }
    return sum / (double)count;
}

/* ---- how the background decides -------------------------------------------------------------- */

/* One test's bit of a part of the rows: all its tests must hold. */
static void find_bit(const tables_usual *usual, size_t first, const tables_test *tests,
                     size_t n_tests, uint16_t bit, uint16_t *patterns)
{
    int16_t all[TABLES_USUAL_PART];
    memset(all, 0xff, sizeof all);
    for (size_t i = 0; i < n_tests; i++) {
        const int16_t *ranks = usual->ranks + tests[i].column * usual->stride + first;
        const int16_t below = tests[i].below, flip = tests[i].flip;
        for (size_t r = 0; r < TABLES_USUAL_PART; r++)
            all[r] = (int16_t)(all[r] & (-(ranks[r] < below) ^ flip));
    }
    for (size_t r = 0; r < TABLES_USUAL_PART; r++)
        patterns[r] = (uint16_t)(patterns[r] | (all[r] & bit));
}

void tables_count_usual(const tables_usual *usual, const tables_test *tests, size_t n_tests,
                        size_t n_bits, uint32_t *ret_counts)
{
    memset(ret_counts, 0, sizeof *ret_counts << n_bits);
    for (size_t first = 0; first < usual->n_rows; first += TABLES_USUAL_PART) {
        uint16_t patterns[TABLES_USUAL_PART] = {0};
        size_t begin = 0, bit = 0;
        for (size_t i = 0; i < n_tests; i++) {
            if (tests[i].value == 0)
                continue;
            find_bit(usual, first, tests + begin, i + 1 - begin, (uint16_t)(1u << bit++), patterns);
            begin = i + 1;
        }
        size_t left = usual->n_rows - first;
        for (size_t r = 0; r < left && r < TABLES_USUAL_PART; r++)
            ret_counts[patterns[r]]++;
    }
}

/* ---- one leaf -------------------------------------------------------------------------------- */

/* The values of all X for one Z: X holds what is outside of Z, and any part of Z. */
static void add_usual(double (*leaf)[TABLES_LANES_MAX], size_t d, size_t z, const double *plus,
                      const double *minus)
{
    const size_t outside = ((size_t)1 << d) - 1 - z;
    for (size_t some = z;; some = (some - 1) & z) {
        size_t q = (size_t)__builtin_popcountll(z & ~some);
        double *to = leaf[outside | some];
        for (size_t j = 0; j < d; j++) {
            bool is_x = outside >> j & 1, is_z = (z & ~some) >> j & 1;
            to[j] += is_x ? plus[q] : is_z ? -minus[q] : 0;
        }
        if (some == 0)
            break;
    }
}

void tables_write_usual(double (*leaf)[TABLES_LANES_MAX], size_t d, double value,
                        const uint32_t *z_counts, size_t n_rows)
{
    memset(leaf, 0, ((size_t)1 << d) * sizeof *leaf);
    for (size_t z = 0; z < (size_t)1 << d; z++) {
        double plus[TABLES_LANES_MAX + 1] = {0}, minus[TABLES_LANES_MAX + 1] = {0};
        size_t p = d - (size_t)__builtin_popcountll(z);
        double share = value * z_counts[z] / (double)n_rows;
        if (z_counts[z] == 0)
            continue;
        for (size_t q = 0; q <= d - p; q++) {
            plus[q] = p ? share * contrast_weight(p, q) : 0;
            minus[q] = q ? share * contrast_weight(q, p) : 0;
        }
        add_usual(leaf, d, z, plus, minus);
    }
}
