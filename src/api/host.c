/* By which names a server on this machine may be asked for its record.
 *
 * A page of another site can have its own name resolved to 127.0.0.1 (DNS rebinding): to the
 * browser it then talks to its own site, and reads what no login guards. So the name that is asked
 * for must be one that nobody else can have: an address, localhost, or one that was allowed. The
 * port tells nothing. Predictions, health and metrics are not looked at: load balancers ask by any
 * name. What loads models and changes settings is. */
#include <arpa/inet.h>

#include "host.h"

/* "mw.internal:8080" -> "mw.internal", "[::1]:80" -> "::1", "localhost." -> "localhost". */
static mw_view without_port(mw_view host)
{
    const char *end = host.size > 0 && host.data[0] == '[' ? memchr(host.data, ']', host.size)
                                                           : memchr(host.data, ':', host.size);
    if (end && *end == ']')
        return (mw_view){host.data + 1, (size_t)(end - host.data) - 1};
    if (end)
        host.size = (size_t)(end - host.data);
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    return host;
}

static bool ends_in(mw_view name, mw_view ending)
{
    return name.size > ending.size &&
           mw_view_equal_nocase((mw_view){name.data + name.size - ending.size, ending.size},
                                ending);
}

static bool is_address(mw_view name)
{
    char text[INET6_ADDRSTRLEN + 1];
    unsigned char bytes[sizeof(struct in6_addr)];
    if (name.size == 0 || name.size >= sizeof text)
        return false;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* "*", "mw.internal", "*.internal". */
static bool is_allowed(mw_view name, mw_view one)
{
    if (mw_view_is(one, "*"))
        return true;
    if (mw_view_starts(one, "*."))
        return ends_in(name, (mw_view){one.data + 1, one.size - 1});
    return mw_view_equal_nocase(name, without_port(one));
}

bool api_host_is_known(mw_view host, mw_view allowed)
{
    mw_view name = without_port(host);
    if (host.size == 0 || is_address(name) || mw_view_equal_nocase(name, MW_VIEW("localhost")) ||
        ends_in(name, MW_VIEW(".localhost")))
        return true;
    while (allowed.size > 0)
        if (is_allowed(name, mw_view_trim(mw_view_cut(&allowed, ','))))
            return true;
    return false;
}

bool api_host_matters(mw_view path)
{
    enum { TELLING = 4 }; /* this byte tells most of them, and no path of predictions has it */
    static const char *const roots[] = {"/mw/v1/",         "/api/",
                                        "/ajax-api/",      "/dvc/",
                                        "/get-artifact",   "/model-versions/",
                                        "/v1/traces",      "/mlflow-artifacts",
                                        "/v2/repository/", "/v2/logging",
                                        "/v2/trace/",      "/v2/systemsharedmemory"};
    for (size_t i = 0; path.size > TELLING && i < MW_COUNT(roots); i++)
        if (path.data[TELLING] == roots[i][TELLING] && mw_view_starts(path, roots[i]))
            return true;
    return false;
}
