/* SPDX-License-Identifier: MIT */
/*
 * A multiplexer: several users (a serial port, the monitor) on one byte stream. What is typed goes
 * to the one in front; what any of them writes is shown. ctrl-a is the escape: ctrl-a h lists what
 * may follow.
 */
#ifndef SYSTEM_MUX_H
#define SYSTEM_MUX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/stream.h"

/* What the escape does beyond the multiplexer; loop thread. */
struct mux_actions {
    void (*quit)(void *opaque);
    void (*save)(void *opaque); /* write disks out */
    void *opaque;
    uint8_t escape; /* the character, 1 for ctrl-a; 0: none */
};

struct mux;

/* On a stream that the multiplexer owns from now on. Actions are copied. */
struct mux *mux_create(struct stream *under, struct loop *l, const struct mux_actions *a);

/* Closes the stream too; no port is used afterwards. */
void mux_destroy(struct mux *m);

/* Which port is in front; another one comes there. false: there is no such port. */
unsigned mux_front(const struct mux *m);
bool mux_set_front(struct mux *m, unsigned port);

/* A further user's stream, which stays the multiplexer's; NULL when there are too many. The first
 * one is in front. */
struct stream *mux_port(struct mux *m);

#endif
