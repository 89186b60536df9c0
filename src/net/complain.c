/* What the operator is told of clients that speak the wrong thing: one line of a kind in a while,
 * so that whoever scans the port cannot fill the log. */
#include <stdarg.h>

#include "loop.h"
#include "sniff.h"

enum { NS_PER_MS = 1000000, TEXT_BYTES = 400 };

void net_complain(const net_connection *connection, net_complaint kind, const char *format, ...)
{
    net_loop *loop = connection->loop;
    char text[TEXT_BYTES], peer[MW_PEER_TEXT_BYTES], more[64] = "";
    if (loop->now_ns < loop->complaints[kind].until_ns) {
        loop->complaints[kind].n_unsaid++;
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (loop->complaints[kind].n_unsaid > 0)
        snprintf(more, sizeof more, " (%llu more like it before)",
                 (unsigned long long)loop->complaints[kind].n_unsaid);
    mw_log(MW_LOG_WARN, "%s at %s: %s%s", mw_peer_text(&connection->peer, true, peer),
           connection->listener->address, text, more);
    loop->complaints[kind].until_ns = loop->now_ns + (uint64_t)MW_LIMIT_COMPLAINT_MS * NS_PER_MS;
    loop->complaints[kind].n_unsaid = 0;
}

void net_complain_of_opening(const net_connection *connection, const void *data, size_t size)
{
    switch (net_sniff(data, size)) {
    case NET_SPEECH_TLS:
        net_complain(connection, NET_COMPLAINT_TLS,
                     "speaks TLS to a plain listener; use http://, or give a certificate");
        break;
    case NET_SPEECH_PROXY:
        net_complain(connection, NET_COMPLAINT_PROXY,
                     "sends a PROXY header to a listener that expects none; add ',proxy' to it");
        break;
    default:
        break;
    }
}
