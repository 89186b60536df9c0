/* Rows become codes: the first half of the byte kernel, once for every set of vector instructions.
 *
 *   64 values of a feature --search32 / count64--> cuts passed --rule: NaN, zero--> column of codes
 *
 * Codes are kept as signed bytes, 128 less than the number of cuts: that is what AVX2 compares.
 * Rows of float32 that stand side by side are turned eight features at a time, where the includer
 * knows how; others are copied value by value.
 * Besides what bytes_kernel.h names, the includer defines
 *
 *   search32(table, n_cuts, x, n, ret)  how many of the cuts each of n (a multiple of 16) floats
 *                                       passes; NaN passes none. Has SEARCH32 defined, or gets the
 *                                       plain one below.
 *   turn_eight(at, stride, to)          eight floats of each of eight rows, `stride` bytes apart,
 * to eight columns of BYTES_PART. Has TURN_EIGHT defined, or is not asked.
 */
#ifndef PREDICT_BYTES_CODES_KERNEL_H
#define PREDICT_BYTES_CODES_KERNEL_H

#include "bytes.h"
#include "rules.h"

/* A part of the rows as one search sees it. A row that is not there is 0, or as the last one. */
typedef struct part_values {
    bool float32;     /* which of the two arrays holds them */
    size_t n;         /* how many, rounded up to a multiple of 16 */
    const float *x32; /* copied32, or a column of `turned` */
    float copied32[BYTES_PART];
    double x64[BYTES_PART];
    uint8_t code[BYTES_PART];
    uint8_t nan[BYTES_PART], zero[BYTES_PART]; /* 255: is, where a rule asks */
    /* Eight features of the part from turned_from on; SIZE_MAX: none yet. */
    size_t turned_from;
    float turned[8][BYTES_PART];
} part_values;

/* How many cuts x passes: whole runs of 16 by their last cuts, then within the run. NaN passes
 * none. The last of 256 places is never a cut, so that run 16 is none. */
#ifndef SEARCH32
INLINE void search32(const float *table, uint32_t n_cuts, const float *x, size_t n, uint8_t *ret)
{
    for (size_t r = 0; r < n; r++) {
        unsigned run = n_cuts <= 16 ? 0 : count32(table, x[r]);
        ret[r] = (uint8_t)(16 * run + count32(table + BYTES_PIVOTS + 16 * run, x[r]));
    }
}
#endif

INLINE void search64(const double *table, uint32_t n_cuts, const double *x, size_t n, uint8_t *ret)
{
    for (size_t r = 0; r < n; r++) {
        unsigned run = n_cuts <= 16 ? 0 : count64(table, x[r]);
        ret[r] = (uint8_t)(16 * run + count64(table + BYTES_PIVOTS + 16 * run, x[r]));
    }
}

/* Values are copied first: the loops behind are free of branches and of strides. */
static void copy_part(const mw_matrix *rows, const char *at, size_t n_rows, part_values *part)
{
    bool narrow = rows->dtype == MW_FLOAT32;
    ptrdiff_t width = narrow ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    ptrdiff_t stride = rows->row_stride * width;
    for (size_t r = 0; narrow && r < n_rows; r++, at += stride)
        memcpy(&part->copied32[r], at, sizeof part->copied32[r]);
    for (size_t r = 0; !narrow && part->float32 && r < n_rows; r++, at += stride) {
        double x;
        memcpy(&x, at, sizeof x);
        part->copied32[r] = (float)x;
    }
    for (size_t r = 0; !part->float32 && r < n_rows; r++, at += stride)
        memcpy(&part->x64[r], at, sizeof part->x64[r]);
    for (size_t r = n_rows; r < part->n; r++) {
        part->copied32[r] = 0;
        part->x64[r] = 0;
    }
    part->x32 = part->copied32;
}

/* Columns of the part; false: these rows do not stand as turning needs it. `at`: the first row. */
static bool turn_part(const mw_matrix *rows, const char *at, size_t feature, size_t n_rows,
                      part_values *part)
{
#ifdef TURN_EIGHT
    if (rows->dtype != MW_FLOAT32 || rows->column_stride != 1 || rows->n_columns < 8)
        return false;
    if (part->turned_from > feature || part->turned_from + 8 <= feature) {
        size_t most = rows->n_columns - 8;
        part->turned_from = feature < most ? feature : most;
        ptrdiff_t stride = rows->row_stride * (ptrdiff_t)sizeof(float);
        at += part->turned_from * sizeof(float);
        size_t r = 0;
        for (; r + 8 <= n_rows; r += 8, at += 8 * stride)
            turn_eight(at, stride, &part->turned[0][r]);
        for (; r < n_rows; r++, at += stride) {
            for (size_t i = 0; i < 8; i++)
                memcpy(&part->turned[i][r], at + i * sizeof(float), sizeof(float));
        }
        for (; r < part->n; r++) {
            for (size_t i = 0; i < 8; i++)
                part->turned[i][r] = 0;
        }
    }
    part->x32 = part->turned[feature - part->turned_from];
    return true;
#else
    (void)rows, (void)at, (void)feature, (void)n_rows, (void)part;
    return false;
#endif
}

static void mark_missing(part_values *part)
{
    for (size_t r = 0; r < BYTES_PART && part->float32; r++)
        part->nan[r] = part->x32[r] != part->x32[r] ? 255 : 0;
    for (size_t r = 0; r < BYTES_PART && !part->float32; r++)
        part->nan[r] = part->x64[r] != part->x64[r] ? 255 : 0;
}

static void mark_zeros(part_values *part)
{
    for (size_t r = 0; r < BYTES_PART; r++) {
        double x = part->float32 ? (double)part->x32[r] : part->x64[r];
        part->zero[r] = (uint8_t) - ((x >= -predict_zero) & (x <= predict_zero));
    }
}

static void find_codes(const bytes_layout *layout, size_t number, part_values *part)
{
    uint32_t n_cuts = layout->searches[number].n_cuts;
    if (part->float32)
        search32(layout->cuts32 + number * BYTES_TABLE32, n_cuts, part->x32, part->n, part->code);
    else
        search64(layout->cuts64 + number * BYTES_TABLE, n_cuts, part->x64, part->n, part->code);
}

/* The column of one rule, from the codes. */
INLINE void put_column(const part_values *part, predict_rule rule, uint8_t zero_code,
                       uint8_t *ret_column)
{
    switch (rule) {
    case PREDICT_NAN_LEFT:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = part->code[r] ^ BYTES_BIAS;
        break;
    case PREDICT_NAN_RIGHT:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = (uint8_t)(part->code[r] | part->nan[r]) ^ BYTES_BIAS;
        break;
    case PREDICT_NAN_IS_ZERO:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = (uint8_t)(part->code[r] | (part->nan[r] & zero_code)) ^ BYTES_BIAS;
        break;
    case PREDICT_ZERO_LEFT:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = (uint8_t)(part->code[r] & (uint8_t)~part->zero[r]) ^ BYTES_BIAS;
        break;
    case PREDICT_ZERO_RIGHT:
        for (size_t r = 0; r < BYTES_PART; r++)
            ret_column[r] = (uint8_t)(part->code[r] | part->nan[r] | part->zero[r]) ^ BYTES_BIAS;
        break;
    default:
        assert(false); /* sets have columns of their own */
    }
}

static bool has_column(const bytes_search *search, predict_rule rule)
{
    return search->column[rule] != BYTES_NO_COLUMN;
}

static void load_search(const bytes_layout *layout, const mw_matrix *rows, size_t number,
                        size_t first, size_t n_rows, part_values *part, uint8_t *columns)
{
    const bytes_search *search = &layout->searches[number];
    ptrdiff_t width =
        rows->dtype == MW_FLOAT32 ? (ptrdiff_t)sizeof(float) : (ptrdiff_t)sizeof(double);
    const char *at = (const char *)rows->data + (ptrdiff_t)first * rows->row_stride * width;
    if (!turn_part(rows, at, search->feature, n_rows, part))
        copy_part(rows, at + (ptrdiff_t)search->feature * rows->column_stride * width, n_rows,
                  part);
    if (has_column(search, PREDICT_NAN_RIGHT) || has_column(search, PREDICT_NAN_IS_ZERO) ||
        has_column(search, PREDICT_ZERO_RIGHT))
        mark_missing(part);
    if (has_column(search, PREDICT_ZERO_LEFT) || has_column(search, PREDICT_ZERO_RIGHT))
        mark_zeros(part);
    find_codes(layout, number, part);
    for (unsigned rule = 0; rule < BYTES_RULES; rule++) {
        if (search->column[rule] != BYTES_NO_COLUMN)
            put_column(part, (predict_rule)rule, search->zero_code, columns + search->column[rule]);
    }
}

static void load_columns(const mw_forest *forest, const bytes_layout *layout,
                         const predict_block *block, uint8_t *columns)
{
    part_values part;
    part.float32 = block->rows->dtype == MW_FLOAT32 || layout->float_cuts;
    for (size_t begin = 0; begin < block->n_rows; begin += BYTES_PART) {
        size_t left = block->n_rows - begin, n_rows = left < BYTES_PART ? left : BYTES_PART;
        part.n = (n_rows + 15) / 16 * 16;
        part.turned_from = SIZE_MAX;
        for (size_t s = 0; s < layout->n_searches; s++)
            load_search(layout, block->rows, s, block->first + begin, n_rows, &part,
                        columns + begin);
        for (size_t s = 0; s < layout->n_codes; s++)
            bytes_load_codes(forest, &layout->codes[s], block->rows, block->first + begin, n_rows,
                             columns + begin);
    }
}

#endif
