/* SPDX-License-Identifier: MIT */
/*
 * NBD servers in the test itself: ours, and one that keeps its disk in memory, is as simple as an
 * old server, and says what it must not where it is told to.
 */
#ifndef TESTS_SUPPORT_NBD_HOST_H
#define TESTS_SUPPORT_NBD_HOST_H

#include "base/os.h"
#include "block/nbd_proto.h"
#include "block/nbd_server.h"

enum nbd_lie {
    NBD_HONEST,
    NBD_NO_SERVER,     /* another magic number */
    NBD_ENDLESS_REPLY, /* an option's reply of 4 GiB */
    NBD_OTHER_OPTION,  /* an answer to what was not asked */
    NBD_NO_SIZE,       /* the export without its size */
    NBD_HUGE,          /* of 2^63 bytes */
    NBD_ODD_BLOCKS,    /* of 3 bytes */
    NBD_HANGS_UP,      /* in the middle of the handshake */
    NBD_WANTS_TLS,
    NBD_LAST_OF_HANDSHAKE,
    NBD_NO_REPLY = NBD_LAST_OF_HANDSHAKE, /* from here on: to requests; a magic number of nothing */
    NBD_OTHER_COOKIE,
    NBD_SIMPLE_DATA, /* where chunks were agreed on */
    NBD_DATA_BEFORE, /* what was asked for */
    NBD_DATA_BEHIND,
    NBD_DATA_TOO_LONG,
    NBD_DATA_OF_NOTHING,
    NBD_HOLE_BEHIND,
    NBD_HOLE_OF_ODD_LENGTH,
    NBD_STATUS_OF_A_READ,
    NBD_ERROR_OF_NOTHING,
    NBD_ERROR_TOO_LONG,
    NBD_UNKNOWN_CHUNK,
    NBD_NOT_LAST, /* an empty chunk that is not the last */
    NBD_CUT_OFF,  /* in the middle of data */
    NBD_LIES,
};

struct nbd_host {
    char path[64];
    const struct nbd_server_export *x; /* ours; NULL: the simple one */
    enum nbd_lie lie;
    uint32_t min_block;
    unsigned hang_up_after; /* requests of a connection; 0: never */
    uint8_t *disk;
    uint64_t size;

    int listener;
    struct os_thread thread;
    unsigned connections, misaligned; /* atomic */
};

/* Listens at a new path, with what the fields above the line say. */
void nbd_host_start(struct nbd_host *h);
void nbd_host_stop(struct nbd_host *h);

#endif
