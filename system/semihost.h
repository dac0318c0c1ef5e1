/* SPDX-License-Identifier: MIT */
/* Semihosting: what a guest's calls (base/semihost.h) are answered with. */
#ifndef SYSTEM_SEMIHOST_H
#define SYSTEM_SEMIHOST_H

#include "base/clock.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/power.h"
#include "base/semihost.h"
#include "base/strbuf.h"
#include "base/stream.h"

/* Who does what concerns files and the console. */
enum semihost_where {
    SEMIHOST_NATIVE,
    SEMIHOST_GDB,
    SEMIHOST_AUTO /* gdb, if one is connected at the guest's first call */
};

/* A call that a debugger does: gdb's "File-I/O remote protocol extension". */
struct semihost_request {
    struct vcpu *v;
    char text[200]; /* as the packet F has it: "write,1,40000000/5" */
    /* Loop's thread, with the machine stopped; error: an errno of the host, 0: none. */
    void (*done)(void *opaque, int64_t result, int error);
    void *opaque;
};

/* What the calls need of the machine; outlives them. */
struct semihost_config {
    struct power *power;
    struct clock *clock;
    struct loop *loop;      /* NULL: nothing is waited for */
    struct stream *console; /* NULL: output goes to standard error, and input never comes */
    struct vcpu **vcpus;
    unsigned vcpu_count;
    const char *arguments; /* the guest's command line */
    bool counted;          /* time is the guest's own, from time_base_s on */
    int64_t time_base_s;   /* seconds since 1970 */
    enum semihost_where where;
    void *opaque; /* of what follows; any thread */
    /* The memory that the guest may use as heap and stack. */
    void (*heap)(void *opaque, uint64_t *low, uint64_t *high);
    /* Somebody waits for the vCPUs to stop: what takes long is cut short. */
    bool (*stopping)(void *opaque);
    /* A debugger is there; it does a call, which is the asker's until it is done. NULL: never. */
    bool (*debugged)(void *opaque);
    void (*ask)(void *opaque, struct semihost_request *r);
};

/* Never NULL. The console's reader is set, and its owner's to remove. Made and destroyed while no
 * vCPU runs, on the loop's thread. */
struct semihost *semihost_create(const struct semihost_config *c);
void semihost_destroy(struct semihost *s); /* NULL is allowed */
/* The vCPUs are about to go: nothing reaches them any more. */
void semihost_stop(struct semihost *s);

/* The machine is reset: nothing is open, and what is under way has nobody to tell. */
void semihost_reset(struct semihost *s);

/* No call is under way that this machine alone knows of; else e says so. */
bool semihost_is_idle(struct semihost *s, struct error *e);

/* The state: handles of consoles are kept; with files of the host open, or when it is not idle,
 * there is none: e says so. */
bool semihost_can_save(struct semihost *s, struct error *e);
void semihost_write(void *s, struct strbuf *out);
bool semihost_read(void *s, struct cursor *c, unsigned version, bool store, struct error *e);

#endif
