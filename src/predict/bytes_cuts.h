/* Where each node's question stands in the columns of codes; see bytes.h for the picture. */
#ifndef PREDICT_BYTES_CUTS_H
#define PREDICT_BYTES_CUTS_H

#include "bytes.h"

/* Questions of a forest, for a second layout: both kinds ask the same. */
struct predict_found {
    const bytes_layout *cuts; /* of the first layout, which has the places; NULL: none was made */
};

/* The least x that goes right where a split asks for a number; NaN: none does. Rows that are
 * float32 have a cut that is one. */
double bytes_cut_of(const mw_forest *forest, size_t split);

/* Fill the searches, cuts, categories and columns of a layout.
 * *ret_plain = false: this forest has more of them than pays. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status bytes_find_cuts(const mw_forest *forest, bytes_layout *layout,
                                     bytes_places *ret_places, bool *ret_plain, mw_error *err);
void bytes_places_done(bytes_places *places);

#endif
