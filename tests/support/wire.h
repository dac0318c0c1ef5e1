/* SPDX-License-Identifier: MIT */
/* A netdev whose other end the test has: what the guest sends comes out of a UDP socket. */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include <stddef.h>

#include "net/net.h"

struct wire {
    struct netdev *netdev;
    int fd; /* the far end */
};

/* Ends the program if there is none to be had. */
void wire_open(struct wire *w);
void wire_close(struct wire *w);
/* What arrives at the far end within ms, or 0. */
size_t wire_receive(struct wire *w, void *frame, size_t size, int ms);
void wire_send(struct wire *w, const void *frame, size_t n);

#endif
