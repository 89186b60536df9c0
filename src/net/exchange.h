/* What protocols need of exchanges (exchange.c). */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include "loop.h"

/* A fresh exchange for this connection, or NULL when memory is gone. */
net_exchange *net_begin_exchange(net_connection *connection);
/* Ready for another message with the same head. */
void net_exchange_renew(net_exchange *exchange);
/* Let the server's fault handler write the answer for a refusal. */
void net_fill_fault(const mw_server *server, mw_exchange *exchange, int refusal,
                    const mw_error *err);

#endif
