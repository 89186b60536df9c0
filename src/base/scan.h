/* A JSON pull scanner: the caller asks for what it expects, straight from the text.
 *
 * No allocation, no tree. It is used where JSON is large or hot: prediction bodies and XGBoost
 * model files. Small documents go through json.h instead.
 *
 *     mw_scan scan;
 *     mw_scan_init(&scan, body);
 *     MW_TRY(mw_scan_object_begin(&scan, err));
 *     mw_view key;
 *     bool more;
 *     while (MW_TRYs ... mw_scan_object_next(&scan, &key, &more, err), more) { ... read value ... }
 *     MW_TRY(mw_scan_end(&scan, err));
 *
 * Strict RFC 8259, with two options a prediction body needs: the bare words NaN, Infinity and
 * -Infinity as numbers (pandas and MLflow write them), switched on by `allow_nan`.
 * Nesting is limited by MW_LIMIT_JSON_DEPTH. Errors name the byte offset, or, for callers that
 * know better, the caller adds row and column with mw_at.
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include "arena.h"
#include "error.h"

typedef struct mw_scan {
    const char *begin, *at, *end;
    unsigned depth;
    bool fresh; /* just behind '[' or '{': no comma is due before the next element */
    bool allow_nan;
} mw_scan;

typedef enum mw_scan_kind {
    MW_SCAN_OBJECT,
    MW_SCAN_ARRAY,
    MW_SCAN_STRING,
    MW_SCAN_NUMBER, /* also NaN and Infinity where allowed */
    MW_SCAN_TRUE,
    MW_SCAN_FALSE,
    MW_SCAN_NULL,
    MW_SCAN_END,  /* no text left */
    MW_SCAN_WRONG /* a byte that begins no value */
} mw_scan_kind;

void mw_scan_init(mw_scan *scan, mw_view text);

/* What stands next, white space skipped; nothing is consumed. */
mw_scan_kind mw_scan_peek(mw_scan *scan);
/* The word for it in messages: "an object", "text", ... */
const char *mw_scan_kind_name(mw_scan_kind kind);

MW_CHECKED mw_status mw_scan_object_begin(mw_scan *scan, mw_error *err);
/* The next key, or *ret_more = false at '}' (consumed). The key is raw text between the quotes;
 * when it holds escapes it is decoded into `arena` (may be NULL: then such a key is an error). */
MW_CHECKED mw_status mw_scan_object_next(mw_scan *scan, mw_arena *arena, mw_view *ret_key,
                                         bool *ret_more, mw_error *err);
MW_CHECKED mw_status mw_scan_array_begin(mw_scan *scan, mw_error *err);
/* *ret_more = true when another element stands next, false at ']' (consumed). */
MW_CHECKED mw_status mw_scan_array_next(mw_scan *scan, bool *ret_more, mw_error *err);

MW_CHECKED mw_status mw_scan_number(mw_scan *scan, double *ret_value, mw_error *err);
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

#endif
