/* SPDX-License-Identifier: MIT */
/* A connection to an NBD server: nbd_handshake.c makes one, nbd_requests.c uses it. */
#ifndef BLOCK_NBD_CLIENT_H
#define BLOCK_NBD_CLIENT_H

#include <sys/uio.h>

#include "base/error.h"
#include "base/list.h"
#include "base/os.h"
#include "block/nbd_proto.h"

struct nbd_address {
    const char *path;        /* of a unix socket, or NULL: */
    const char *host, *port; /* of TCP */
};

/* What the server said of the export. */
struct nbd_export {
    uint64_t size;
    unsigned flags;
    uint32_t min_block, max_payload;
    bool structured; /* replies may come in chunks */
    bool allocation; /* it tells base:allocation, under this number: */
    uint32_t allocation_id;
};

/* A socket, or -1 with an error. */
int nbd_connect(const struct nbd_address *a, struct error *e);
/* Asks for the export of that name. */
bool nbd_negotiate(int fd, const char *name, struct nbd_export *x, struct error *e);

/* By hand: the begin, then options and their replies. */
#define NBD_REPLY_MAX 65536u /* bytes of a reply that are taken */
struct nbd_option_reply_data {
    uint32_t type, bytes; /* bytes: of data, which ends with a 0 beside */
    uint8_t *data;        /* of NBD_REPLY_MAX + 1 */
};
bool nbd_greet(int fd, struct error *e);
bool nbd_option_send(int fd, enum nbd_option option, const void *data, uint32_t n, struct error *e);
bool nbd_option_receive(int fd, enum nbd_option option, struct nbd_option_reply_data *r,
                        struct error *e);

/*
 * Many threads send requests over one connection. Whoever waits for a reply while nobody reads
 * becomes the reader: it takes replies, its own and others', until its own has come.
 */
struct nbd_link {
    struct nbd_address address;
    const char *name;           /* of the export */
    uint32_t reconnect_delay_s; /* so long requests wait for a lost connection */
    struct nbd_export export;   /* as it was at first */
    int fd;                     /* of the connection, the last one if it is lost */

    struct os_mutex lock; /* guards all that is below, and fd */
    struct os_cond changed;
    struct os_mutex sending; /* a request goes out whole; before lock */
    struct list waiting;     /* of struct nbd_call, sent and not answered */
    bool reading;            /* somebody is the reader */
    uint64_t next_cookie;
    int64_t lost_ns; /* when the connection was lost, or 0 */
};

void nbd_link_init(struct nbd_link *l);
/* Connects for the first time, trying again for so long. */
bool nbd_link_open(struct nbd_link *l, uint32_t patience_s, struct error *e);
void nbd_link_close(struct nbd_link *l);

struct nbd_request {
    enum nbd_command command;
    unsigned flags;
    uint64_t offset;
    uint32_t bytes;
    const struct iovec *iov; /* read: filled; write: sent; bytes in all */
    unsigned count;
    uint32_t state, state_bytes; /* block status: of the first run */
};

/* Any thread; 0 or -errno. */
int nbd_link_do(struct nbd_link *l, struct nbd_request *r);

#endif
