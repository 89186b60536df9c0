/* A browser's session: what somebody showed once, sealed into a cookie.
 *
 *     POST /mw/v1/session {"token"} or {"name", "password"} --sealed--> Set-Cookie: mw_session=...
 *     requests with that cookie --opened--> the same Authorization header, verified like any other
 *
 * Nothing is kept here: a token that is revoked, a password that is changed end the session with
 * the next request. The key is this process's: a restart ends all sessions. The cookie is HttpOnly
 * and SameSite=Strict, and lasts MW_LIMIT_SESSION_SECONDS. What changes something must also say
 * X-MW-CSRF, which no other site's form can, and must not come from another site. */
#ifndef API_SESSION_H
#define API_SESSION_H

#include "net/net.h"

typedef struct api_sessions api_sessions;

MW_CHECKED mw_status api_sessions_new(api_sessions **ret_sessions, mw_error *err);
void api_sessions_free(api_sessions *sessions); /* NULL is fine */
/* The cookie's value for this header, in the arena; NULL when memory is gone. */
const char *api_session_seal(api_sessions *sessions, mw_view header, mw_arena *arena);
/* The header that the exchange's cookie holds, in its arena; absent: no cookie, or none of ours, or
 * it is too old, or the request changes something and does not say X-MW-CSRF. */
mw_view api_session_open(api_sessions *sessions, const mw_exchange *exchange);
/* Whether a browser says that another site's page wants to change something (Sec-Fetch-Site, else
 * Origin beside Host and X-Forwarded-Host). */
bool api_is_cross_site(const mw_exchange *exchange);

#endif
