/* Contributions beside predictions: what a request asks for, and the answer's part of it. */
#ifndef SERVE_EXPLANATION_H
#define SERVE_EXPLANATION_H

#include "call.h"

/* Ask by the address: ?explain=true&explain_top=3. Other names are passed over.
 * Fails: MW_BAD_ARGUMENT when a value is none of those. */
MW_CHECKED mw_status serve_explain_by_query(serve_call *call, mw_error *err);
/* Ask by the JSON text of a body's parameters, {"explain": true, "explain_top": 3}; others are
 * passed over; empty text asks for nothing. */
MW_CHECKED mw_status serve_explain_by_params(serve_call *call, mw_view params, mw_error *err);

/* Fill call->contributions: (n_rows, n_margins, n_features + 1), against the model's background
 * where one was given. The first call to a model lays its
 * trees out for it. Fails: MW_UNSUPPORTED (a model without covers), MW_NO_MEMORY. */
MW_CHECKED mw_status serve_explain(serve_call *call, mw_scratch *scratch, mw_error *err);
/* Whether that takes about a millisecond at most, so that a loop may do it. */
bool serve_explain_is_quick(const serve_call *call);

/* "explanations": [...], an object a row, or a list of one for each margin:
 *     {"margin": 1.5, "bias": 0.5, "contributions": {"age": 0.75, ...}, "others": 0.25}
 * With several margins each has its "class". */
void serve_write_explanations(const serve_call *call, mw_buf *out);

/* "class": "red", of a margin of several; with the comma behind it. */
void serve_write_class(const mw_forest *forest, size_t m, mw_buf *out);

/* What is searched or laid out for one row is asked one at a time. `many`: what takes more. */
MW_CHECKED mw_status serve_check_one_row(const serve_call *call, const char *many, mw_error *err);

/* What features of one row moved together (interactions.c): as the next two. */
MW_CHECKED mw_status serve_read_pairs_wish(serve_call *call, mw_view params, mw_error *err);
MW_CHECKED mw_status serve_write_pairs(serve_call *call, mw_error *err);

/* The nearest changes of one row that are answered as wanted (counterfactual.c). Read the body's
 * parameters; empty text: the other class of two. Writes the whole answer, once rows are
 * predicted. Fails: MW_BAD_ARGUMENT, MW_UNSUPPORTED, MW_NO_MEMORY. */
MW_CHECKED mw_status serve_read_wish(serve_call *call, mw_view params, mw_error *err);
MW_CHECKED mw_status serve_write_counterfactual(serve_call *call, mw_error *err);

#endif
