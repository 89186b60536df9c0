/* What protocols need of exchanges (exchange.c). */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include "loop.h"

/* A fresh exchange for this connection, or NULL when memory is gone. */
net_exchange *net_begin_exchange(net_connection *connection);
/* Ready for another message with the same head. */
void net_exchange_renew(net_exchange *exchange);
/* Give a whole request to the handler. Returns how it left it: NET_EXCHANGE_DEFERRED is held by
 * others from now on, NET_EXCHANGE_OPEN is a fault of the handler's (net_fail_silence). */
net_exchange_state net_exchange_handle(net_exchange *exchange);
/* Let the server's fault handler write the answer for a refusal. */
void net_fill_fault(const mw_server *server, mw_exchange *exchange, int refusal,
                    const mw_error *err);
/* Where the answer did not fit its cap, or memory is gone: say that instead. */
void net_exchange_mend_reply(net_exchange *exchange);

/* ---- lasting.c: bodies that go on at news ------------------------------------------------------
 */

/* Whether this answer begins such a body; where too many wait, it becomes a refusal. */
bool net_lasting_begins(net_exchange *exchange);
/* Join the loop's list of those that wait; leave it (also where it is in none). */
void net_lasting_wait(net_exchange *exchange);
void net_lasting_forget(net_exchange *exchange);
/* There is news: ask the handlers of all bodies of this loop that wait. */
void net_lasting_tell_news(net_loop *loop);

/* Refusals that all protocols know. */
void net_fail_large_body(size_t cap_bytes, mw_error *err); /* 413 */
/* The largest body of this request. */
size_t net_body_cap(const mw_server *server, const mw_exchange *exchange);
void net_fail_late(net_loop *loop, mw_error *err); /* 408; a time-out is counted */
void net_fail_silence(mw_error *err);              /* 500 */

/* It is over, with its answer or with nobody to take it: tell whoever wants to know. */
void net_exchange_end(net_exchange *exchange, bool is_gone);

#endif
