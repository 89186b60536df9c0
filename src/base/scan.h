/* A JSON pull scanner: the caller asks for what it expects, straight from the text.
 *
 * No allocation, no tree. It is used where JSON is large or hot: prediction bodies and XGBoost
 * model files. Small documents go through json.h instead.
 *
 *     mw_scan scan;
 *     mw_scan_init(&scan, body);
 *     MW_TRY(mw_scan_array_begin(&scan, err));
 *     for (;;) {
 *         bool more;
 *         MW_TRY(mw_scan_array_next(&scan, &more, err));
 *         if (!more)
 *             break;
 *         MW_TRY(mw_scan_number(&scan, &values[n++], err));
 *     }
 *     MW_TRY(mw_scan_end(&scan, err));
 *
 * A scanner is plain data: a copy of it looks ahead while the original stays.
 *
 * Strict RFC 8259, with two options a prediction body needs: the bare words NaN, Infinity and
 * -Infinity as numbers (pandas and MLflow write them), switched on by `allow_nan`.
 * Nesting is limited by MW_LIMIT_JSON_DEPTH; a caller that reads nested values without recursion
 * may raise `depth_max`, but what mw_scan_skip passes over is never nested deeper. Errors name the
 * byte offset, or, for callers that know better, the caller adds row and column with mw_at.
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include "arena.h"
#include "error.h"
#include "number.h"

typedef struct mw_scan {
    const char *begin, *at, *end;
    unsigned depth, depth_max;
    bool fresh; /* just behind '[' or '{': no comma is due before the next element */
    bool allow_nan;
} mw_scan;

typedef enum mw_scan_kind {
    MW_SCAN_WRONG = 0, /* a byte that begins no value */
    MW_SCAN_OBJECT,
    MW_SCAN_ARRAY,
    MW_SCAN_STRING,
    MW_SCAN_NUMBER, /* also NaN and Infinity where allowed */
    MW_SCAN_TRUE,
    MW_SCAN_FALSE,
    MW_SCAN_NULL,
    MW_SCAN_END /* no text left */
} mw_scan_kind;

void mw_scan_init(mw_scan *scan, mw_view text);

/* What stands next, white space skipped; nothing is consumed. */
static inline mw_scan_kind mw_scan_peek(mw_scan *scan);
/* The word for it in messages: "an object", "text", ... */
const char *mw_scan_kind_name(mw_scan_kind kind);

MW_CHECKED mw_status mw_scan_object_begin(mw_scan *scan, mw_error *err);
/* The next key, or *ret_more = false at '}' (consumed). The key is raw text between the quotes;
 * when it holds escapes it is decoded into `arena` (may be NULL: then such a key is an error). */
MW_CHECKED mw_status mw_scan_object_next(mw_scan *scan, mw_arena *arena, mw_view *ret_key,
                                         bool *ret_more, mw_error *err);
MW_CHECKED mw_status mw_scan_array_begin(mw_scan *scan, mw_error *err);
/* *ret_more = true when another element stands next, false at ']' (consumed). */
MW_CHECKED static inline mw_status mw_scan_array_next(mw_scan *scan, bool *ret_more, mw_error *err);

MW_CHECKED static inline mw_status mw_scan_number(mw_scan *scan, double *ret_value, mw_error *err);
/* An integer without fraction or exponent that fits int64. */
MW_CHECKED mw_status mw_scan_integer(mw_scan *scan, int64_t *ret_value, mw_error *err);
MW_CHECKED mw_status mw_scan_bool(mw_scan *scan, bool *ret_value, mw_error *err);
MW_CHECKED mw_status mw_scan_null(mw_scan *scan, mw_error *err);
/* Text, UTF-8 checked. Borrowed from the input when it holds no escape, else decoded into arena. */
MW_CHECKED mw_status mw_scan_string(mw_scan *scan, mw_arena *arena, mw_view *ret_text,
                                    mw_error *err);
/* Any value, checked and passed over; ret_text (may be NULL) is its text in the input. */
MW_CHECKED mw_status mw_scan_skip(mw_scan *scan, mw_view *ret_text, mw_error *err);
/* Nothing but white space may follow. */
MW_CHECKED mw_status mw_scan_end(mw_scan *scan, mw_error *err);
/* An error at the scanner's place: "byte 17: expected a number, found text". */
mw_status mw_scan_expected(mw_scan *scan, const char *what, mw_error *err);

/* ---- the hot paths, inline: a body of numbers passes here once a number ------------------------
 */

/* A kind for each first byte; behind the last kind: the words that allow_nan lets in. */
enum { SCAN_NAN_WORD = MW_SCAN_END + 1 };
extern const uint8_t scan_kinds[256];

const char *scan_long_space(const char *at, const char *end);
mw_status scan_next(mw_scan *scan, char closing, bool *ret_more, mw_error *err);
mw_status scan_nan_word(mw_scan *scan, double *ret_value, mw_error *err);

/* Texts have no space or one here; only indented ones have more. */
static inline void scan_skip_space(mw_scan *scan)
{
    const char *at = scan->at, *end = scan->end;
    if (at < end && (unsigned char)*at > ' ')
        return;
    if (end - at > 1 && *at == ' ' && (unsigned char)at[1] > ' ')
        scan->at = at + 1;
    else
        scan->at = scan_long_space(at, end);
}

static inline mw_scan_kind mw_scan_peek(mw_scan *scan)
{
    scan_skip_space(scan);
    if (scan->at == scan->end)
        return MW_SCAN_END;
    unsigned kind = scan_kinds[(unsigned char)*scan->at];
    if (kind == SCAN_NAN_WORD)
        return scan->allow_nan ? MW_SCAN_NUMBER : MW_SCAN_WRONG;
    return (mw_scan_kind)kind;
}

static inline mw_status mw_scan_array_next(mw_scan *scan, bool *ret_more, mw_error *err)
{
    if (scan->at == scan->end || *scan->at != ',' || scan->fresh)
        return scan_next(scan, ']', ret_more, err);
    scan->at++;
    *ret_more = true;
    return MW_OK;
}

static inline mw_status mw_scan_number(mw_scan *scan, double *ret_value, mw_error *err)
{
    scan_skip_space(scan);
    const char *behind = mw_number_read(scan->at, scan->end, true, ret_value);
    if (!behind)
        return scan_nan_word(scan, ret_value, err);
    scan->at = behind;
    return MW_OK;
}

#endif
