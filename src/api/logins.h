/* Failed logins, counted by whom: a fixed table, the oldest make room. */
#ifndef API_LOGINS_H
#define API_LOGINS_H

#include "net/net.h"

typedef struct api_logins api_logins;

MW_CHECKED mw_status api_logins_new(api_logins **ret_logins, mw_error *err);
void api_logins_free(api_logins *logins);
/* Seconds that this peer, or this user (may be empty), must wait; 0: none. Any thread. */
unsigned api_logins_wait(api_logins *logins, const mw_peer *peer, mw_view user, uint64_t now_ns);
void api_logins_failed(api_logins *logins, const mw_peer *peer, mw_view user, uint64_t now_ns);

#endif
