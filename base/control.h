/* SPDX-License-Identifier: MIT */
/*
 * How those who steer a machine (monitor, gdb) stop it, let it run and end it. Implemented by
 * system/. Loop thread only.
 */
#ifndef BASE_CONTROL_H
#define BASE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct netdev;
struct vcpu;

enum run_state {
    RUN_RUNNING,
    RUN_PAUSED,   /* stop, or -S */
    RUN_DEBUG,    /* breakpoint, watchpoint or step of debug_vcpu */
    RUN_SHUTDOWN, /* the guest powered off, and -no-shutdown keeps the machine */
    RUN_PANICKED, /* the guest has crashed */
    RUN_IO_ERROR  /* a request to a disk failed; cont tries it again */
};

struct control_listener {
    void (*changed)(void *opaque,
                    enum run_state s); /* after each change, and each stop in RUN_DEBUG */
    void *opaque;
    struct control_listener *next;
};

struct control_medium {
    const char *id;     /* of the device, drive or node */
    const char *file;   /* NULL: none */
    const char *format; /* or NULL */
    bool force;
};

struct control {
    enum run_state state;
    struct vcpu *debug_vcpu; /* of the last RUN_DEBUG, else NULL */
    bool ending;             /* quit was asked for */
    _Atomic bool debugged;   /* a debugger is connected; any thread may ask */
    bool step_without_time;  /* the clock stands during a step, unless its vCPU sleeps */
    struct control_listener *listeners;

    /* Returns with all vCPUs out of guest code, their state in memory. */
    void (*stop)(struct control *c, enum run_state why);
    /* false: the machine must be reset first. */
    bool (*cont)(struct control *c, struct error *e);
    /* Runs one instruction of v, then stops in RUN_DEBUG; the machine is stopped. */
    void (*step)(struct control *c, struct vcpu *v);
    /* Resets; goes on if it was running. */
    void (*reset)(struct control *c);
    bool (*power_button)(struct control *c);     /* false: the machine has none */
    void (*quit)(struct control *c, int status); /* ends the process with status, from the loop */
    /*
     * The machine's state to a file, and from one. It goes on afterwards if it was running. false:
     * e says why; a save has left no new file, a load the machine as it was, or (e says so)
     * stopped, in need of a reset.
     */
    bool (*save)(struct control *c, const char *path, struct error *e);
    bool (*load)(struct control *c, const char *path, struct error *e);
    /*
     * Networks: the one of that id, or that the card with that id has; without an id the first user
     * network. NULL: there is none, or none is wanted any more once netdev_del has taken it.
     */
    struct netdev *(*network)(struct control *c, const char *id, struct error *e);
    /* As -netdev says it: "user,id=n1". */
    bool (*netdev_add)(struct control *c, const char *text, struct error *e);
    bool (*netdev_del)(struct control *c, const char *id, struct error *e);
    /* As -object says it: "memory-backend-ram,id=m1,size=1M". */
    bool (*object_add)(struct control *c, const char *text, struct error *e);
    bool (*object_del)(struct control *c, const char *id, struct error *e);
    /* A device comes, as -device says it, or is asked to go. */
    bool (*device_add)(struct control *c, const char *text, struct error *e);
    bool (*device_del)(struct control *c, const char *id, struct error *e);
    /* -chardev ringbuf: appends what was written to the back end, n bytes at most, and takes it
     * off; or hands it text as input. */
    bool (*ringbuf_read)(struct control *c, const char *id, uint64_t n, struct strbuf *out,
                         struct error *e);
    bool (*ringbuf_write)(struct control *c, const char *id, const char *text, struct error *e);
    /* The disk of a device's or drive's id, or of a node, gets another size while it is used. */
    bool (*block_resize)(struct control *c, const char *id, uint64_t bytes, struct error *e);
    /* Another medium for a drive that takes some. A guest that has locked the one that is there is
     * told, and it stays, unless by force. */
    bool (*block_change)(struct control *c, const struct control_medium *m, struct error *e);
    /* What a disk with a backing file holds goes into that file (id "all": of every disk). */
    bool (*block_commit)(struct control *c, const char *id, struct error *e);
    /* Begins to copy the backing file's bytes into a disk's image, until it needs none; `describe`
     * "block-jobs" tells how far it is. And ends such work. */
    bool (*block_stream)(struct control *c, const char *id, struct error *e);
    bool (*block_job_cancel)(struct control *c, const char *id, struct error *e);
    /* Waits for gdb at that back end from now on, as -gdb does, and no longer at another; "none":
     * nowhere. */
    bool (*gdbserver)(struct control *c, const char *where, struct error *e);
    /* As -watchdog-action says it. */
    bool (*watchdog_action)(struct control *c, const char *action, struct error *e);
    /* A file with what the first screen shows, or a head of the device of that name or id; format
     * "ppm" or "png". */
    bool (*screendump)(struct control *c, const char *path, const char *device, unsigned head,
                       const char *format, struct error *e);
    /* Text of what system/ owns: "chardev", "block", "block-jobs", "memdev",
     * "network", "version". false: no such topic. */
    bool (*describe)(struct control *c, const char *topic, struct strbuf *out);
};

static inline const char *run_state_name(enum run_state s)
{
    static const char *const names[] = {"running",
                                        "paused",
                                        "paused (debug)",
                                        "paused (shutdown)",
                                        "paused (guest-panicked)",
                                        "paused (io-error)"};
    return names[s];
}

static inline void control_listen(struct control *c, struct control_listener *l)
{
    l->next = c->listeners;
    c->listeners = l;
}

static inline void control_unlisten(struct control *c, struct control_listener *l)
{
    struct control_listener **p = &c->listeners;
    while (*p && *p != l) {
        p = &(*p)->next;
    }
    if (*p) {
        *p = l->next;
    }
}

#endif
