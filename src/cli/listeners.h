/* What to listen on: what --listen says, and what systemd passed. */
#ifndef CLI_LISTENERS_H
#define CLI_LISTENERS_H

#include "call.h"
#include "net/net.h"

typedef struct cli_listeners {
    mw_listener list[MW_LIMIT_LISTENERS];
    size_t count;
} cli_listeners;

/* "127.0.0.1:8443,proxy unix:/run/mw.sock,mode=660 fd:grpc", in the form that cli_read_listen
 * gives, becomes a list; text is kept in the arena.
 *
 *   is_default  nobody said it: sockets that systemd passed take its place
 *   has_tls     TLS is spoken on TCP unless a listener says ',plain', elsewhere where it says
 * ',tls'
 *
 * Sockets that systemd passed and that no fd:NAME names come behind the others.
 * Fails: MW_BAD_ARGUMENT; MW_NOT_FOUND (systemd passed no such socket). */
MW_CHECKED mw_status cli_listeners_read(mw_arena *arena, const char *text, bool is_default,
                                        bool has_tls, cli_listeners *ret_listeners, mw_error *err);

/* One item as people write it, "8443,proxy", in its normal form: "127.0.0.1:8443,proxy". False when
 * it is none. */
bool cli_read_listener(mw_view item, mw_buf *out);

/* The items of a text, which blanks part; each by cli_read_listener. False when one is none, or
 * there is none at all. */
bool cli_read_listen(mw_view text, mw_buf *out);

/* The next item of a text in normal form; false at the end. */
bool cli_next_listener(mw_view *text, mw_view *ret_item);

#endif
