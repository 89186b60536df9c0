/* Large memory straight from the system, page by page.
 *
 *     take     [........................]   no page is there before it is touched
 *     resize   [####............................]   the pages move, their content is not copied
 *     forget   [    ####............]   what was used up goes back before the whole does
 *
 * malloc does the same for large blocks until the first of them is freed; from then on it keeps
 * such memory for later, and a server that loads a model a day grows by one each time. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/* Memory below this is not worth pages of its own. */
#define MW_PAGES_FROM_BYTES ((size_t)256 * 1024)

/* `bytes` > 0, cleared, at the start of a page; NULL when memory is gone. */
void *mw_pages_take(size_t bytes);
/* As mw_pages_take, for memory that will be written from end to end: the system may give huge
 * pages, of which a file of 30 MB takes 15 and not 7,500. */
void *mw_pages_take_all(size_t bytes);
/* `old_bytes` become `new_bytes` > 0, perhaps elsewhere; NULL when memory is gone: the old ones
 * are then as before. */
void *mw_pages_resize(void *pages, size_t old_bytes, size_t new_bytes);
void mw_pages_free(void *pages, size_t bytes);
/* Whole pages within these bytes go back to the system; whoever reads them finds zeros. */
void mw_pages_forget(const void *from, size_t bytes);
/* What `bytes` take, in whole pages. */
size_t mw_pages_round(size_t bytes);

#endif
