/* Sockets that listen, of every kind: made here, or passed by systemd. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include <sys/stat.h>

#include "net.h"

typedef struct net_listener {
    mw_listener shown; /* address: the text below */
    char address[128]; /* "127.0.0.1:41233", "unix:/run/mw.sock": what was really bound */
    int fd;            /* -1 once closed */
    bool is_tcp;
    char path[108]; /* of a socket file made here, to be removed; "" = none */
    dev_t device;
    ino_t inode;
} net_listener;

/* Listen, not blocking. Fails: MW_CONFLICT (taken), MW_BAD_ARGUMENT (address), MW_IO. */
MW_CHECKED mw_status net_listener_open(net_listener *listener, const mw_listener *wanted,
                                       mw_error *err);
/* Close the socket and remove its file, unless another server has put its own there. */
void net_listener_close(net_listener *listener);

#endif
