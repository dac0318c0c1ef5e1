/* SPDX-License-Identifier: MIT */
/*
 * gdb's remote serial protocol (GDB manual, appendix "GDB Remote Serial Protocol") on a byte
 * stream: one peer, all-stop mode, a thread for each vCPU. Loop thread only.
 */
#ifndef MONITOR_GDB_H
#define MONITOR_GDB_H

#include <stdint.h>

#include "accel/accel.h"
#include "base/control.h"
#include "base/stream.h"
#include "monitor/monitor.h"

/* How the stub reaches the guest; as accel/accel.h, whose functions these are but in tests. */
struct gdb_guest {
    bool (*read)(struct vcpu *v, uint64_t va, void *bytes, uint64_t n);
    bool (*write)(struct vcpu *v, uint64_t va, const void *bytes, uint64_t n);
    bool (*write_physical)(struct vcpu *v, uint64_t pa, const void *bytes, uint64_t n);
    bool (*breakpoint)(struct accel *a, uint64_t pc, bool insert);
    bool (*watchpoint)(struct accel *a, uint64_t va, uint64_t bytes, enum watch_kind k,
                       bool insert);
    bool (*watch_hit)(const struct vcpu *v, struct accel_watch *hit);
    void (*freeze)(struct vcpu *v, bool frozen);
    void (*step_masked)(struct vcpu *v, bool masked);
    bool (*can)(const struct accel *a, unsigned what, struct error *e);
};

extern const struct gdb_guest gdb_accel; /* accel/accel.h's; in gdb_accel.c */

struct gdb;

/* A call that gdb does on its host, with the guest's memory: text is what follows the F of GDB
 * manual, "The F Request Packet". */
struct gdb_call {
    struct vcpu *v; /* whose addresses these are; it has stopped */
    const char *text;
    /* With the machine stopped; error: an errno as gdb numbers them, 0: none. */
    void (*done)(void *opaque, int64_t result, int error);
    void *opaque;
};
#define GDB_CALL_LOST 9999 /* EUNKNOWN: nobody is there to do it */

/* Serves gdb on the stream, which stays the caller's. A peer that connects stops the machine. Never
 * NULL. */
struct gdb *gdb_create(const struct monitor_context *c, const struct gdb_guest *guest,
                       struct stream *s);

/* Stops the machine, which goes on as it ran when the call is done. The text stays the caller's
 * until then. false: no gdb is connected. */
bool gdb_ask(struct gdb *g, const struct gdb_call *c);

/* Takes out all break and watch points, and tells the peer that the program has ended with that
 * status; -1: it has not. */
void gdb_destroy(struct gdb *g, int status);

#endif
