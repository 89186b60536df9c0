/* Addresses as people write them, and who listens there. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <sys/socket.h>

#include "net.h"

struct addrinfo;

typedef struct net_address {
    char host[256]; /* without brackets; empty = every address */
    char port[8];
} net_address;

MW_CHECKED mw_status net_split_address(const char *address, net_address *ret_address,
                                       mw_error *err);
/* The addresses behind "host:port", at least one; the caller frees with freeaddrinfo. */
MW_CHECKED mw_status net_resolve(const char *address, bool to_listen, struct addrinfo **ret_list,
                                 mw_error *err);
/* A listening, non-blocking socket; ret_name is "127.0.0.1:41233", what was really bound. */
MW_CHECKED mw_status net_listen(const char *address, int *ret_fd, char *ret_name, size_t name_size,
                                mw_error *err);
/* TCP only: no waiting for a fuller packet. What accept gives inherits it. */
void net_send_at_once(int fd);
/* TCP only: a peer whose machine is gone is found out after MW_LIMIT_KEEP_ALIVE_SECONDS of silence
 * and a minute more, also where no clock of ours runs: a stream of gRPC may rest for days.
 * Inherited too.
 */
void net_keep_alive(int fd);
void net_name_socket(int fd, char *ret_name, size_t name_size);
/* "process 1234 ('nginx')": who listens on the port of `address`; false when the system does not
 * say (another user's process, no /proc). */
bool net_find_listener(const struct sockaddr *address, char *ret_owner, size_t owner_size);
/* Of an address that the system gave. */
mw_peer net_peer_of(const struct sockaddr *address, socklen_t size);
/* Whether it is the world's: not loopback, private, link-local, reserved (public.c). */
bool net_is_public(const mw_peer *peer);

#endif
