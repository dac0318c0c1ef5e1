/* SPDX-License-Identifier: MIT */
/*
 * Devices that come and go while the machine runs: control.device_add and device_del. A device that
 * the guest has let go of is freed on the loop's thread, and its back ends can be used again.
 */
#include <string.h>

#include "base/mem.h"
#include "hw/firmware.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/state.h"
#include "system/vm.h"

static bool was_running(const struct vm *vm)
{
    return vm->accel && accel_running(vm->accel);
}

/* ---- the end of a device */

struct release {
    struct vm *vm;
    struct device *device;
};

/* Device `by` has the back end. */
struct vm_taken {
    struct vm_taken *next;
    const struct device *by;
    enum prop_type type;
    char *id;
};

void vm_note_taken(struct vm *vm, enum prop_type type, const char *id)
{
    if (vm->making) {
        struct vm_taken *t = mem_alloc(sizeof(*t));
        *t = (struct vm_taken){vm->taken, vm->making, type, mem_strdup(id)};
        vm->taken = t;
    }
}

static void forget(struct vm_taken **at)
{
    struct vm_taken *t = *at;
    *at = t->next;
    mem_free(t->id);
    mem_free(t);
}

static void leave(struct vm *vm, const struct vm_taken *t)
{
    if (t->type == PROP_DRIVE) {
        vm_leave_disk(vm, t->id);
    } else if (t->type == PROP_CHARDEV) {
        chardevs_leave(vm->chardevs, t->id, false);
    } else if (t->type == PROP_OBJECT) {
        vm_leave_object(vm, t->id);
    } else {
        vm_leave_network(vm, t->id);
    }
}

void vm_leave_backends(struct vm *vm, const struct device *d)
{
    for (struct vm_taken **at = &vm->taken; *at;) {
        if ((*at)->by == d) {
            leave(vm, *at);
            forget(at);
        } else {
            at = &(*at)->next;
        }
    }
}

void vm_free_taken(struct vm *vm)
{
    while (vm->taken) {
        forget(&vm->taken);
    }
}

/* A device on a bus that d has brought, or NULL. */
static struct device *on_its_bus(const struct machine *m, const struct device *d)
{
    struct device *other = m->devices;
    while (other && !(other->bus && other->bus->parent == d)) {
        other = other->next;
    }
    return other;
}

/* d, what is on its buses before it: as deep as bridges were nested. */
static void free_device(struct vm *vm, struct device *d)
{
    struct device *other;
    while ((other = on_its_bus(vm->machine, d)) != NULL) {
        free_device(vm, other);
    }
    device_free(d);
    vm_leave_backends(vm, d); /* which is only a name now */
}

/* Firmware looks for it after a reset. */
static bool renew_boot_order(struct vm *vm, struct error *e)
{
    struct device *fw_cfg = fw_cfg_find(vm->machine);
    return !fw_cfg || fw_cfg_update_boot_order(fw_cfg, vm->machine, e);
}

/* d may have gone meanwhile, with a bridge before it. */
static bool is_there(const struct machine *m, const struct device *d)
{
    const struct device *other = m->devices;
    while (other && other != d) {
        other = other->next;
    }
    return other && d->released;
}

static void release(void *opaque)
{
    struct release *r = opaque;
    struct error e;
    if (r->vm->control.ending || !is_there(r->vm->machine, r->device)) {
        mem_free(r);
        return;
    }
    const bool running = was_running(r->vm);
    vm_halt(r->vm);
    machine_settle(r->vm->machine); /* threads of disks look at other units of their bus */
    free_device(r->vm, r->device);
    renew_boot_order(r->vm, &e);
    if (running) {
        vm_go(r->vm);
    }
    mem_free(r);
}

void vm_release_device(void *opaque, struct device *d)
{
    struct vm *vm = opaque;
    struct release *r = mem_alloc(sizeof(*r));
    *r = (struct release){vm, d};
    loop_post(vm->loop, release, r);
}

/* ---- the monitor's commands */

bool vm_device_add(struct control *c, const char *text, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct keyvals *k = keyvals_parse("device_add", text, "driver", e);
    if (!k) {
        return false;
    }
    const bool running = was_running(vm);
    vm_halt(vm);
    struct device *d = vm_make_device(vm, k, "device_add", true, e);
    if (d && !renew_boot_order(vm, e)) {
        free_device(vm, d);
        d = NULL;
    }
    if (d) {
        device_reset(d);
        d->bus->plug(d->bus, d);
    }
    if (running) {
        vm_go(vm);
    }
    keyvals_free(k);
    return d != NULL;
}

bool vm_device_del(struct control *c, const char *id, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct device *d = machine_find_device(vm->machine, id);
    if (!d) {
        return error_set(e, "there is no device with id=%s", id);
    }
    if (!d->bus || !d->bus->unplug) {
        return error_set(e, "bus '%s' does not support hot plug",
                         d->bus ? d->bus->name : bus_kind_name(d->cls->bus));
    }
    if (!device_can_leave(d)) {
        return error_set(e, "'%s' cannot leave a machine that runs", id);
    }
    const bool running = was_running(vm);
    vm_halt(vm);
    const bool good = d->bus->unplug(d->bus, d, e);
    if (running) {
        vm_go(vm);
    }
    return good;
}
