/* SPDX-License-Identifier: MIT */
/*
 * The state of a whole machine, to a file and back. Loop thread, with the vCPUs and the clock
 * stopped.
 *
 * The file says first what machine it is of (machine, memory, vCPUs, devices and their places);
 * a machine that differs is refused in words that name both. What can be checked is checked before
 * anything is changed: form and checksums of the file, each section against its table, all pages.
 * Then fields are stored, and each device and vCPU looks at its own; if one refuses, all have their
 * old ones again. Only after that memory is replaced.
 */
#ifndef SYSTEM_SNAPSHOT_H
#define SYSTEM_SNAPSHOT_H

#include "base/cursor.h"
#include "base/strbuf.h"
#include "hw/machine.h"
#include "system/state_pages.h"

struct accel;

/* A further section: what is neither device, vCPU nor memory. */
struct snapshot_part {
    const char *name;
    unsigned version;
    void (*write)(void *opaque, struct strbuf *out);
    /* Without store it only looks; with it bytes that passed before are good. */
    bool (*read)(void *opaque, struct cursor *c, unsigned version, bool store, struct error *e);
    void *opaque;
};

struct snapshot {
    struct machine *machine;
    struct accel *accel;               /* NULL: nothing runs it */
    const struct snapshot_part *parts; /* clocks among them; end with .name NULL */
    struct state_progress *progress;   /* NULL: nobody looks */
};

/* Settles the devices, which stay settled: machine_resume lets them go on. false: there is no new
 * file, and an old one is as it was. */
bool snapshot_save(const struct snapshot *s, const char *path, struct error *e);

/*
 * The same of the devices. false with *changed unset: the machine is as it was before; with it: its
 * memory is neither the old nor the new one, and only a reset is of use.
 */
bool snapshot_load(const struct snapshot *s, const char *path, bool *changed, struct error *e);
bool snapshot_load_from(const struct snapshot *s, const struct state_file *f, bool *changed,
                        struct error *e);

#endif
