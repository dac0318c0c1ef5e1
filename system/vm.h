/* SPDX-License-Identifier: MIT */
/*
 * One machine from the command line to its end: its back ends, its board, who runs it, and the
 * requests that reach it from the guest, from people and from signals.
 */
#ifndef SYSTEM_VM_H
#define SYSTEM_VM_H

#include "accel/accel.h"
#include "base/control.h"
#include "base/os.h"
#include "base/power.h"
#include "hw/machine.h"
#include "system/chardev.h"
#include "system/cmdline.h"
#include "system/realtime.h"
#include "system/semihost.h"

struct monitor;
struct gdb;

/* Work on a disk that goes on beside the guest. */
struct vm_job {
    struct vm_job *next;
    struct block_job *job;
    struct vm *vm;
};

/* A device's disk on a -blockdev. */
struct node_disk {
    struct node_disk *next;
    struct block *block;
};

struct vm {
    struct control control; /* first */
    struct power power;
    struct config *config;
    struct loop *loop;
    struct realtime *realtime;
    struct clock *clock;
    struct machine *machine;
    struct accel *accel;
    struct chardevs *chardevs;

    /* Users of the back ends: vm_consoles.c. */
    struct stream **serials; /* by number; NULL: none */
    size_t serial_count;
    struct monitor **monitors;
    size_t monitor_count;
    struct gdb *gdb;
    char *gdb_backend;                  /* where it is waited for */
    bool gdb_closes;                    /* and nobody else needs that */
    struct stream *semihosting_console; /* NULL: standard error */
    struct curses *curses;              /* -display curses, or NULL */
    struct semihost *semihosting;       /* NULL: the guest's calls are not answered */
    char *semihosting_arguments;

    struct block_graph *graph;    /* all nodes of -blockdev and -drive */
    struct node_disk *node_disks; /* list */
    struct vm_job *jobs;          /* list */

    uint8_t *ram;           /* of -object memory-backend-...; NULL: the machine's own */
    unsigned macs;          /* network cards that were given an address */
    struct device *making;  /* NULL: the board takes what is taken */
    struct vm_taken *taken; /* who of the devices has which back end */

    /* What vCPUs ask for, from their threads; the loop carries it out. */
    _Atomic unsigned requests; /* bit 1 << enum power_request */
    _Atomic int guest_status;  /* of the end that the guest asked for */
    _Atomic bool guest_ends;
    struct vcpu *exited; /* of the last report of the accelerator */
    bool stepping;
    bool needs_reset; /* powered off: cont would run what is no machine any more */
    int status;       /* of the process */
    char *last_words; /* what is printed at the very end; NULL: nothing */
};

/*
 * Builds the machine; loop's thread. NULL: an error and nothing left behind. The config outlives
 * the vm. *done: there is nothing to run (dumpdtb), the end is in order.
 */
struct vm *vm_create(struct config *c, struct loop *l, bool *done, struct error *e);

/* Runs until the end; the status that the process should have. */
int vm_run(struct vm *vm);

void vm_destroy(struct vm *vm);

/* A signal asks for the end. */
void vm_signal(struct vm *vm, int sig, int sender);

/* ---- between the files of vm */

/*
 * vm_build.c: the properties of the board and the devices, before anything is opened; -drive,
 * -netdev, -object; the board; -device.
 */
bool vm_check_properties(struct vm *vm, struct error *e);
bool vm_open_backends(struct vm *vm, struct error *e);
bool vm_build(struct vm *vm, struct error *e);
void vm_close_backends(struct vm *vm);

/* vm_disks.c: -blockdev, -drive; struct machine_backends' .drive and .pflash. */
bool vm_open_disks(struct vm *vm, struct error *e);
void vm_close_disks(struct vm *vm);
struct block *vm_use_disk(void *opaque, const char *id, struct error *e);
/* Its device is gone. */
void vm_leave_disk(struct vm *vm, const char *id);
struct block *vm_use_pflash(void *opaque, unsigned index);
bool vm_flush_disks(struct vm *vm, struct error *e);
void vm_retry_disks(struct vm *vm);
struct block *vm_disk_at(const struct vm *vm, size_t n); /* or NULL */
struct block *vm_find_disk(const struct vm *vm, const char *id,
                           struct error *e); /* drive or node */
bool vm_disks_wait(const struct vm *vm);     /* for a retry */
bool vm_block_resize(struct control *c, const char *id, uint64_t bytes, struct error *e);
bool vm_block_change(struct control *c, const struct control_medium *m, struct error *e);
void vm_describe_drives(struct vm *vm, struct strbuf *out);
void vm_describe_networks(struct vm *vm, struct strbuf *out);

/* vm_drives.c: what is said of drives once the machine is known; the devices of those on the
 * machine's own IDE and floppy buses. */
bool vm_place_drives(struct vm *vm, struct error *e);
bool vm_make_drives(struct vm *vm, struct error *e);
/* There is a -device of one of these drivers; the last one is NULL. */
bool vm_has_device(const struct vm *vm, const char *const *drivers);

/* vm_objects.c: -object; guest memory out of back ends, before the board; struct machine_backends'
 * .iothread; control.object_add and object_del. */
bool vm_open_objects(struct vm *vm, struct error *e);
void vm_close_objects(struct vm *vm);
bool vm_make_ram(struct vm *vm, struct error *e);
bool vm_use_iothread(void *opaque, const char *id, struct error *e);
void vm_leave_object(struct vm *vm, const char *id);
bool vm_object_add(struct control *c, const char *text, struct error *e);
bool vm_object_del(struct control *c, const char *id, struct error *e);
void vm_describe_memory(const struct vm *vm, struct strbuf *out);

/* vm_shares.c: -fsdev; struct machine_backends' .fsdev. */
bool vm_open_shares(struct vm *vm, struct error *e);
void vm_close_shares(struct vm *vm);
struct p9_share *vm_use_share(void *opaque, const char *id, struct error *e);

/* vm_jobs.c: what the monitor does to the images behind disks. */
bool vm_block_commit(struct control *c, const char *id, struct error *e);
bool vm_block_stream(struct control *c, const char *id, struct error *e);
bool vm_block_job_cancel(struct control *c, const char *id, struct error *e);
void vm_describe_jobs(struct vm *vm, struct strbuf *out);
void vm_end_jobs(struct vm *vm, const struct block *of); /* NULL: of all disks */
bool vm_has_job(const struct vm *vm, const struct block *b);

/* vm_consoles.c: -chardev, -serial, before the board; -monitor, -mon, -gdb after it. */
bool vm_open_consoles(struct vm *vm, struct error *e);
bool vm_open_steering(struct vm *vm, struct error *e);
void vm_close_consoles(struct vm *vm);
bool vm_gdbserver(struct control *c, const char *where, struct error *e); /* control.gdbserver */

/* vm_semihost.c: answers the guest's semihosting calls, if that was asked for; after the board. */
bool vm_open_semihosting(struct vm *vm, struct error *e);
void vm_close_semihosting(struct vm *vm);

/* vm_power.c: struct power, for the guest's side; has the loop carry out what was asked for. */
void vm_power_init(struct vm *vm);
void vm_power_post(struct vm *vm);

/* vm.c: out of guest code with the clock standing still, and back. */
void vm_halt(struct vm *vm);
void vm_go(struct vm *vm);

/* The device that a group of -device says, of which driver, id and bus are taken out; hot: it comes
 * to a machine that runs. where is for messages. NULL: e says why. */
struct device *vm_make_device(struct vm *vm, struct keyvals *k, const char *where, bool hot,
                              struct error *e);

/* vm_hotplug.c: the device that is being made has taken a back end; d leaves all that it has; the
 * list's end. */
void vm_note_taken(struct vm *vm, enum prop_type type, const char *id);
void vm_leave_backends(struct vm *vm, const struct device *d);
void vm_free_taken(struct vm *vm);

/* vm_hotplug.c: control.device_add and device_del; machine.release. */
bool vm_device_add(struct control *c, const char *text, struct error *e);
bool vm_device_del(struct control *c, const char *id, struct error *e);
void vm_release_device(void *opaque, struct device *d);

/* vm_net.c: the network of that id, or NULL; control.network, netdev_add and netdev_del. */
struct network *vm_find_network(struct vm *vm, const char *id);
struct netdev *vm_network(struct control *c, const char *id, struct error *e);
bool vm_netdev_add(struct control *c, const char *text, struct error *e);
bool vm_netdev_del(struct control *c, const char *id, struct error *e);
/* Opens the streams that guestfwd= names, of all networks, when character back ends are there. */
bool vm_connect_networks(struct vm *vm, struct error *e);
void vm_close_network(struct vm *vm, struct network *n);
/* Its device is gone. */
void vm_leave_network(struct vm *vm, const char *id);

/* vm_screen.c: -display, or a word on how the screen is seen; control.screendump. */
bool vm_open_screen(struct vm *vm, struct error *e);
/* Before the accelerator, whose handlers of signals go before the terminal's. */
bool vm_reserve_terminal(struct vm *vm, struct error *e);
void vm_close_screen(struct vm *vm);
bool vm_screendump(struct control *c, const char *path, const char *device, unsigned head,
                   const char *format, struct error *e);

/* vm_consoles.c: control.ringbuf_read and ringbuf_write. */
bool vm_ringbuf_read(struct control *c, const char *id, uint64_t n, struct strbuf *out,
                     struct error *e);
bool vm_ringbuf_write(struct control *c, const char *id, const char *text, struct error *e);

/* vm_state.c: control.save and .load. */
bool vm_save_state(struct control *c, const char *path, struct error *e);
bool vm_load_state(struct control *c, const char *path, struct error *e);

#endif
