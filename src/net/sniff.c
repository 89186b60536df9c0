/* First bytes; see sniff.h. */
#include "proxy.h"
#include "sniff.h"
#include "token.h"

enum { TLS_HANDSHAKE = 0x16, TLS_MAJOR = 3 };

static bool begins(const void *data, size_t size, const char *opening, size_t opening_size)
{
    return size >= opening_size && memcmp(data, opening, opening_size) == 0;
}

net_speech net_sniff(const void *data, size_t size)
{
    const char *bytes = data;
    if (size == 0)
        return NET_SPEECH_NONE;
    if (bytes[0] == TLS_HANDSHAKE && (size == 1 || bytes[1] == TLS_MAJOR))
        return NET_SPEECH_TLS;
    if (begins(data, size, "PRI * HTTP/2", 12))
        return NET_SPEECH_HTTP2;
    if (begins(data, size, "PROXY ", 6) ||
        begins(data, size, NET_PROXY_SIGNATURE, NET_PROXY_SIGNATURE_BYTES))
        return NET_SPEECH_PROXY;
    if (net_is_token_char(bytes[0]) || bytes[0] == '\r' || bytes[0] == '\n')
        return NET_SPEECH_HTTP;
    return NET_SPEECH_OTHER;
}
