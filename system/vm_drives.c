/* SPDX-License-Identifier: MIT */
/*
 * Places of disks on the machine's own controllers: what -drive means without if=, numbers of
 * drives on IDE buses, the drives that a PC has without being asked, and their devices.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "system/vm.h"

#define FLOPPY_DRIVES 2u
#define USUAL_CD_INDEX 2u
#define INDEX_MOST 255u

static const struct machine_class *class_of(const struct vm *vm)
{
    return vm->config->machine_class;
}

/* ---- numbers */

static bool is_taken(const struct vm *vm, const struct drive *before, int interface, uint32_t index)
{
    for (const struct drive *o = vm->config->drive_list; o && o != before; o = o->next) {
        if (o->interface == interface && o->index == index) {
            return true;
        }
    }
    return false;
}

static uint32_t first_free(const struct vm *vm, const struct drive *d, uint32_t from)
{
    while (is_taken(vm, d, d->interface, from)) {
        from++;
    }
    return from;
}

/* An index counts through all buses of so many units. */
static bool place_unit(const struct vm *vm, struct drive *d, uint32_t units, struct error *e)
{
    const uint32_t bus = d->bus == DRIVE_ANYWHERE ? 0 : d->bus;
    if (d->unit != DRIVE_ANYWHERE) {
        if (d->unit >= units) {
            return error_set(e, "%s: unit %u too big (max is %u)", d->where, d->unit, units - 1);
        }
        d->index = bus * units + d->unit;
    } else if (!d->index_given) {
        d->index = first_free(vm, d, bus * units);
    }
    if (bus > INDEX_MOST || d->index > INDEX_MOST) {
        return error_set(e, "%s: there are not so many places for drives", d->where);
    }
    d->bus = d->index / units;
    d->unit = d->index % units;
    return !is_taken(vm, d, d->interface, d->index) ||
           error_set(e, "%s: drive with bus=%u, unit=%u (index=%u) exists", d->where, d->bus,
                     d->unit, d->index);
}

static bool find_place(const struct vm *vm, struct drive *d, struct error *e)
{
    const struct machine_class *cls = class_of(vm);
    if (d->interface == DRIVE_IDE) {
        if (!cls->ide_units) {
            return error_set(e,
                             "%s: machine type does not support if=ide; use if=none and a -device "
                             "with drive=ID: ide-hd on an ich9-ahci, virtio-blk-pci",
                             d->where);
        }
        return place_unit(vm, d, cls->ide_units, e);
    }
    if (d->interface == DRIVE_FLOPPY) {
        return place_unit(vm, d, FLOPPY_DRIVES, e) &&
               (d->bus == 0 ||
                error_set(e, "%s: machine type does not support if=floppy,bus=%u,unit=%u", d->where,
                          d->bus, d->unit));
    }
    return d->bus == DRIVE_ANYWHERE || d->bus == 0 ||
           error_set(e, "%s: bus: 0 is the only one", d->where);
}

static void name_drive(struct drive *d)
{
    if (d->image.id || d->interface == DRIVE_NONE) {
        return;
    }
    if (d->interface == DRIVE_IDE) {
        d->image.id = mem_printf("ide%u-%s%u", d->bus, d->cdrom ? "cd" : "hd", d->unit);
        return;
    }
    d->image.id = mem_printf("%s%u",
                             d->interface == DRIVE_VIRTIO   ? "virtio"
                             : d->interface == DRIVE_FLOPPY ? "floppy"
                                                            : "pflash",
                             d->index);
}

static bool place(const struct vm *vm, struct drive *d, struct error *e)
{
    if (!find_place(vm, d, e)) {
        return false;
    }
    name_drive(d);
    return true;
}

static int usual_interface(const struct vm *vm)
{
    const char *usual = class_of(vm)->default_disk_interface;
    return !usual                         ? DRIVE_NONE
           : strcmp(usual, "virtio") == 0 ? DRIVE_VIRTIO
           : strcmp(usual, "ide") == 0    ? DRIVE_IDE
                                          : DRIVE_NONE;
}

/* ---- drives that nobody asked for */

bool vm_has_device(const struct vm *vm, const char *const *drivers)
{
    for (const struct keyvals *k = vm->config->devices; k; k = k->next) {
        const char *driver = keyvals_get(k, "driver");
        for (size_t i = 0; drivers[i]; i++) {
            if (driver && strcmp(driver, drivers[i]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool add_empty(struct vm *vm, int interface, uint32_t index, struct error *e)
{
    struct drive *d = mem_alloc(sizeof(*d)), **end = &vm->config->drive_list;
    while (*end) {
        end = &(*end)->next;
    }
    *d = (struct drive){.where = interface == DRIVE_FLOPPY ? "-fda" : "-cdrom",
                        .interface = interface,
                        .index = index,
                        .index_given = true,
                        .bus = DRIVE_ANYWHERE,
                        .unit = DRIVE_ANYWHERE,
                        .cdrom = interface == DRIVE_IDE,
                        .image = {.empty = true, .read_only = interface == DRIVE_IDE}};
    *end = d;
    return place(vm, d, e);
}

/* As QEMU: a CD drive, and on some boards a floppy drive, unless -nodefaults says otherwise. */
static bool add_usual_drives(struct vm *vm, struct error *e)
{
    static const char *const disks[] = {"ide-cd", "ide-hd", "scsi-cd", "scsi-hd", NULL};
    static const char *const floppies[] = {"floppy", "isa-fdc", NULL};
    if (vm->config->no_defaults) {
        return true;
    }
    if (usual_interface(vm) == DRIVE_IDE && !vm_has_device(vm, disks) &&
        !is_taken(vm, NULL, DRIVE_IDE, USUAL_CD_INDEX) &&
        !add_empty(vm, DRIVE_IDE, USUAL_CD_INDEX, e)) {
        return false;
    }
    return !class_of(vm)->has_floppy || vm_has_device(vm, floppies) ||
           is_taken(vm, NULL, DRIVE_FLOPPY, 0) || add_empty(vm, DRIVE_FLOPPY, 0, e);
}

bool vm_place_drives(struct vm *vm, struct error *e)
{
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        d->interface = d->interface == DRIVE_USUAL ? usual_interface(vm) : d->interface;
        if (!place(vm, d, e)) {
            return false;
        }
    }
    return add_usual_drives(vm, e);
}

/* ---- devices */

static struct device *make(struct vm *vm, const struct drive *d, const char *driver,
                           const char *bus, struct error *e)
{
    char unit[12];
    struct keyvals *k = keyvals_parse("-device", driver, "driver", e);
    snprintf(unit, sizeof(unit), "%u", d->unit);
    keyvals_set(k, "bus", bus);
    keyvals_set(k, "unit", unit);
    keyvals_set(k, "drive", d->image.id);
    if (d->serial) {
        keyvals_set(k, "serial", d->serial);
    }
    struct device *made = vm_make_device(vm, k, d->where, false, e);
    keyvals_free(k);
    return made;
}

static bool make_ide(struct vm *vm, const struct drive *d, struct error *e)
{
    char bus[16];
    snprintf(bus, sizeof(bus), "ide.%u", d->bus);
    if (!machine_find_bus(vm->machine, bus)) {
        return error_set(e, "%s: machine type does not support if=ide,bus=%u,unit=%u", d->where,
                         d->bus, d->unit);
    }
    return make(vm, d, d->cdrom ? "ide-cd" : "ide-hd", bus, e);
}

/* The controller comes with the first drive, where the board has none. */
static bool make_floppy(struct vm *vm, const struct drive *d, struct error *e)
{
    static const char bus[] = "floppy-bus.0";
    if (!machine_find_bus(vm->machine, bus)) {
        struct keyvals *k = keyvals_parse("-device", "isa-fdc", "driver", e);
        const bool good = vm_make_device(vm, k, d->where, false, e);
        keyvals_free(k);
        if (!good) {
            return false;
        }
    }
    return make(vm, d, "floppy", bus, e);
}

static uint32_t last_index(const struct vm *vm)
{
    uint32_t last = 0;
    for (const struct drive *d = vm->config->drive_list; d; d = d->next) {
        const bool mine = d->interface == DRIVE_IDE || d->interface == DRIVE_FLOPPY;
        last = mine && d->index > last ? d->index : last;
    }
    return last;
}

/* By their numbers, which decide their serial numbers. */
bool vm_make_drives(struct vm *vm, struct error *e)
{
    const uint32_t last = last_index(vm);
    for (uint64_t i = 0; i <= last; i++) {
        for (struct drive *d = vm->config->drive_list; d; d = d->next) {
            if (d->index == i && ((d->interface == DRIVE_IDE && !make_ide(vm, d, e)) ||
                                  (d->interface == DRIVE_FLOPPY && !make_floppy(vm, d, e)))) {
                return false;
            }
        }
    }
    return true;
}
