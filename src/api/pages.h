/* The files of the pages, as the build embeds them (tools/build_pages.py): compressed, by name. */
#ifndef API_PAGES_H
#define API_PAGES_H

#include "base/base.h"

typedef struct api_page {
    const char *name; /* "app-1f3c9a.js"; "index.html" */
    const char *type;
    const char *etag;          /* with its quotes */
    const unsigned char *data; /* gzip */
    size_t size, plain_size;
} api_page;

/* None when the program was built without Node. */
extern const api_page api_page_table[];
extern const size_t api_n_pages;
/* Why there are none. */
extern const char *const api_pages_missing;

#endif
