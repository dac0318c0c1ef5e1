/* SPDX-License-Identifier: MIT */
/*
 * Devices that come and go while the machine runs: control.device_add and device_del. A device that
 * the guest has let go of is freed on the loop's thread, and its back ends can be used again.
 */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "system/vm.h"

static bool was_running(const struct vm *vm)
{
    return vm->accel && accel_running(vm->accel);
}

bool vm_device_add(struct control *c, const char *text, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct keyvals *k = keyvals_parse("device_add", text, "driver", e);
    if (!k) {
        return false;
    }
    char *driver = keyvals_take(k, "driver"), *id = keyvals_take(k, "id"),
         *bus = keyvals_take(k, "bus");
    const struct vm_device r = {.where = "device_add",
                                .driver = driver ? driver : "",
                                .id = id,
                                .bus = bus,
                                .items = k->items,
                                .count = k->count,
                                .hot = true};
    const bool running = was_running(vm);
    vm_halt(vm);
    struct device *d = vm_make_device(vm, &r, e);
    if (d) {
        device_reset(d);
        d->bus->plug(d->bus, d);
    }
    if (running) {
        vm_go(vm);
    }
    mem_free(driver);
    mem_free(id);
    mem_free(bus);
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
    const bool running = was_running(vm);
    vm_halt(vm);
    const bool good = d->bus->unplug(d->bus, d, e);
    if (running) {
        vm_go(vm);
    }
    return good;
}

/* ---- the end of a device */

struct release {
    struct vm *vm;
    struct device *device;
};

enum {
    BACKENDS_MAX = 8 /* of one device */
};

struct backend {
    enum prop_type type;
    char *id;
};

/* The disks, networks and character back ends that d has; their number. */
static unsigned list_backends(const struct device *d, struct backend list[BACKENDS_MAX])
{
    unsigned n = 0;
    for (const struct prop *p = d->cls->props; p && p->name && n < BACKENDS_MAX; p++) {
        const bool is_one = p->type == PROP_DRIVE || p->type == PROP_NETDEV ||
                            p->type == PROP_CHARDEV;
        const char *id = is_one ? *(char *const *)((const char *)d + p->offset) : NULL;
        if (id) {
            list[n++] = (struct backend){p->type, mem_strdup(id)};
        }
    }
    return n;
}

static void leave(struct vm *vm, enum prop_type type, const char *id)
{
    if (type == PROP_DRIVE) {
        vm_leave_disk(vm, id);
    } else if (type == PROP_CHARDEV) {
        chardevs_leave(vm->chardevs, id, false);
    } else {
        vm_leave_network(vm, id);
    }
}

void vm_note_taken(struct vm *vm, enum prop_type type, const char *id)
{
    if (vm->taken_count < array_len(vm->taken)) {
        vm->taken[vm->taken_count].type = type;
        vm->taken[vm->taken_count++].id = mem_strdup(id);
    }
}

void vm_forget_taken(struct vm *vm, bool leaves)
{
    while (vm->taken_count) {
        const unsigned n = --vm->taken_count;
        if (leaves) {
            leave(vm, vm->taken[n].type, vm->taken[n].id);
        }
        mem_free(vm->taken[n].id);
    }
}

/* They may have another user. */
static void leave_backends(struct vm *vm, struct backend *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        leave(vm, list[i].type, list[i].id);
        mem_free(list[i].id);
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
    struct backend list[BACKENDS_MAX];
    struct device *other;
    while ((other = on_its_bus(vm->machine, d)) != NULL) {
        free_device(vm, other);
    }
    const unsigned n = list_backends(d, list);
    device_free(d);
    leave_backends(vm, list, n);
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
    if (r->vm->control.ending || !is_there(r->vm->machine, r->device)) {
        mem_free(r);
        return;
    }
    const bool running = was_running(r->vm);
    vm_halt(r->vm);
    free_device(r->vm, r->device);
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
