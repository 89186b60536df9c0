/* HTML of reports. */
#ifndef CLI_MARKUP_H
#define CLI_MARKUP_H

#include "base/base.h"

/* Text of others, for HTML and XML, in elements and in attributes. */
void cli_put_escaped(mw_buf *out, mw_view text);
/* Up to <body>, with the style of all reports; and the end. */
void cli_page_open(mw_buf *out, const char *title);
void cli_page_close(mw_buf *out);

#endif
