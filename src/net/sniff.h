/* What a client seems to speak, by its first bytes: for the sentence when it is the wrong thing. */
#ifndef NET_SNIFF_H
#define NET_SNIFF_H

#include "net.h"

typedef enum net_speech {
    NET_SPEECH_NONE, /* too few bytes to tell */
    NET_SPEECH_HTTP,
    NET_SPEECH_HTTP2,
    NET_SPEECH_TLS,
    NET_SPEECH_PROXY, /* a PROXY header, v1 or v2 */
    NET_SPEECH_OTHER
} net_speech;

net_speech net_sniff(const void *data, size_t size);

#endif
