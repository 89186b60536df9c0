/* One page without anything from elsewhere: light or dark as the reader's system, A4 in print. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "base/base.h"

/* verdict: the first sentence, for whoever lists or mails the page; empty: none. */
void mw_page_open(mw_buf *out, const char *title, mw_view verdict);
void mw_page_close(mw_buf *out);
/* Around what may be wider than a phone, a table or a chart: it is moved within its own frame, by
 * keys, too. label: for those who do not see it; shows_end: at first its right end is seen. */
void mw_page_open_frame(mw_buf *out, mw_view label, bool shows_end);
void mw_page_close_frame(mw_buf *out);
/* Text of others, in elements and in attributes. */
void mw_put_escaped(mw_buf *out, mw_view text);
/* Text of others in Markdown. */
void mw_put_plain(mw_buf *out, mw_view text);
/* "0.924", "12,345", "3.1e-05", "-" for NaN: as many digits as people read. */
void mw_put_number(mw_buf *out, double value);
/* A length of time as "457 µs", "41.5 ms", "2.5 s"; "-" for NaN. */
void mw_put_seconds(mw_buf *out, double seconds);
/* A share 0..1 as "0 %", "under 0.1 %", "2.6 %", "31 %"; "-" for NaN. */
void mw_put_percent(mw_buf *out, double share);

#endif
