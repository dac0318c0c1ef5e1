/* SPDX-License-Identifier: MIT */
/* What the two phases of an NBD server share. */
#ifndef BLOCK_NBD_SERVER_CLIENT_H
#define BLOCK_NBD_SERVER_CLIENT_H

#include "block/nbd_proto.h"
#include "block/nbd_server.h"

#define NBD_SERVER_CONTEXT 1u /* number of base:allocation */

struct nbd_server_client_state {
    bool structured, allocation;
};

/* The handshake. False: the client has gone, or there is nothing to be agreed with it. */
bool nbd_server_agree(int fd, const struct nbd_server_export *x,
                      struct nbd_server_client_state *agreed);

#endif
