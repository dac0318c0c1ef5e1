/* SPDX-License-Identifier: MIT */
/* Serving a node to NBD clients. Who listens and how many may come is the caller's. */
#ifndef BLOCK_NBD_SERVER_H
#define BLOCK_NBD_SERVER_H

#include "block/node.h"

struct nbd_server_export {
    const char *name, *description; /* description: may be NULL */
    struct block_node *node;
    bool read_only;
    bool shared;        /* several clients at a time */
    bool unmap;         /* discards, and zeros that may be holes, make holes */
    uint32_t silence_s; /* a client that is silent for so long before it has agreed is dropped; 0:
                           none */
};

/*
 * Serves the client on that socket until it goes, breaks the protocol, or the socket is shut down;
 * on this thread and some that it starts. The socket stays open. What is exported is used by
 * several such calls at a time; the caller has a use of the node that allows it.
 * False: the client never came as far as to use the node.
 */
bool nbd_server_client(int fd, const struct nbd_server_export *x);

#endif
