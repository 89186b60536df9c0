/* The name that a request asks for (host.c). */
#ifndef API_HOST_H
#define API_HOST_H

#include "base/base.h"

/* host: of the header, with or without a port; absent is known: no browser leaves it out. allowed:
 * names parted by commas, "*.example.com" for all below one, "*" for all. */
bool api_host_is_known(mw_view host, mw_view allowed);
/* Whether what stands at this path is of the record or of the server itself. */
bool api_host_matters(mw_view path);

#endif
