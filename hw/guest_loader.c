/* SPDX-License-Identifier: MIT */
/*
 * -device guest-loader: a kernel or RAM disk for the first guest of a hypervisor, as it is at an
 * address, and a node of the device tree that tells the hypervisor of it (fdt_modules.h).
 */
#include "base/mem.h"
#include "hw/classes.h"

#define NO_ADDR UINT64_MAX

struct guest_loader {
    struct device dev;
    uint64_t addr;
    char *kernel, *initrd, *bootargs;
};

static bool check(const struct guest_loader *l, struct error *e)
{
    if (l->kernel && l->initrd) {
        return error_set(e, "guest-loader: kernel= and initrd= exclude each other: a second "
                            "-device guest-loader takes the other one");
    }
    if (!l->kernel && !l->initrd) {
        return error_set(e, "guest-loader: kernel= or initrd= is needed");
    }
    if (l->addr == NO_ADDR) {
        return error_set(e, "guest-loader: addr= is needed");
    }
    return !l->initrd || !l->bootargs ||
           error_set(e, "guest-loader: bootargs= is for kernel=, not for initrd=");
}

static bool guest_loader_create(struct device *d, struct error *e)
{
    const struct guest_loader *l = (const struct guest_loader *)d;
    const char *path = l->kernel ? l->kernel : l->initrd;
    if (!check(l, e)) {
        return false;
    }
    struct placement p = {.what = (char *)(uintptr_t)path, .base = l->addr};
    if (!image_open(&p.file, "guest-loader", path, e)) {
        return false;
    }
    p.size = p.file.size;
    const struct machine_module module = {
        .ramdisk = !l->kernel, .addr = l->addr, .bytes = p.size, .bootargs = l->bootargs};
    if (!placements_add(&d->machine->placements, &p, e)) {
        return false;
    }
    machine_add_module(d->machine, &module);
    return true;
}

static const struct prop guest_loader_props[] = {
    {"addr", PROP_U64, offsetof(struct guest_loader, addr), "none", "where to", NULL},
    {"kernel", PROP_STRING, offsetof(struct guest_loader, kernel), NULL, "a kernel", NULL},
    {"initrd", PROP_STRING, offsetof(struct guest_loader, initrd), NULL, "or an initial RAM disk",
     NULL},
    {"bootargs", PROP_STRING, offsetof(struct guest_loader, bootargs), NULL,
     "the kernel's command line", NULL},
    PROP_END,
};

static const struct field guest_loader_fields[] = {FIELD_END};

const struct device_class guest_loader_class = {
    .name = "guest-loader",
    .desc = "puts a hypervisor's guest into memory and tells of it in the device tree",
    .bus = BUS_NONE,
    .size = sizeof(struct guest_loader),
    .props = guest_loader_props,
    .fields = guest_loader_fields,
    .create = guest_loader_create,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
};
