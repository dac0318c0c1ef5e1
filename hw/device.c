/* SPDX-License-Identifier: MIT */
/* Devices: life, register windows, and the state that follows from the class's tables. */
#include "hw/device.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/machine.h"

/* ---- life */

bool device_class_is(const struct device_class *cls, const char *name)
{
    static const char device[] = "-device", pci[] = "-pci";
    const bool virtio = strncmp(cls->name, "virtio-", 7) == 0 && cls->bus != BUS_SYSTEM;
    const size_t n = strlen(name), stem = n - (sizeof(device) - 1);
    if (strcmp(name, cls->name) == 0 || (cls->alias && strcmp(name, cls->alias) == 0) ||
        strcmp(name, "device") == 0) {
        return true;
    }
    if (strcmp(name, "pci-device") == 0 || strcmp(name, "virtio-pci") == 0) {
        return cls->bus == BUS_PCI && (virtio || name[0] == 'p');
    }
    if (strcmp(name, "virtio-device") == 0) {
        return virtio;
    }
    return virtio && n >= sizeof(device) && strcmp(name + stem, device) == 0 &&
           strncmp(name, cls->name, stem) == 0 && strcmp(cls->name + stem, pci) == 0;
}

/* What -global says of its class; machine_add_global has seen that it can be set. A family's
 * property may be one that others of it have. */
static void set_globals(struct device *d)
{
    for (const struct machine_global *g = d->machine->globals; g; g = g->next) {
        struct error unused;
        if (device_class_is(d->cls, g->driver)) {
            device_set(d, g->property, g->value, &unused);
        }
    }
}

struct device *device_new(const struct device_class *cls, struct machine *m, const char *id)
{
    assert(cls->size >= sizeof(struct device));
    struct device *d = mem_alloc(cls->size);
    d->cls = cls;
    d->id = mem_strdup(id);
    d->machine = m;
    d->lock = cls->flags & DEVICE_THREAD_SAFE ? NULL : m->lock;
    d->clock = m->clock;
    d->dma.space = m->memory;
    props_init(cls->props, d);
    set_globals(d);
    return d;
}

bool device_set(struct device *d, const char *prop, const char *value, struct error *e)
{
    char what[64];
    snprintf(what, sizeof(what), "device '%s'", d->cls->name);
    return props_set(d->cls->props, d, what, prop, value, e);
}

bool device_set_fixed(struct device *d, const char *prop, const char *value, struct error *e)
{
    for (const struct machine_global *g = d->machine->globals; g; g = g->next) {
        if (strcmp(g->property, prop) == 0 && strcmp(g->value, value) != 0 &&
            device_class_is(d->cls, g->driver)) {
            return error_set(e, "-global %s.%s=%s: the machine '%s' sets it itself, to %s",
                             g->driver, prop, g->value, d->machine->cls->name, value);
        }
    }
    return device_set(d, prop, value, e);
}

bool device_create(struct device *d, struct error *e)
{
    assert(!d->created);
    if (d->bus && d->bus->attach && !d->bus->attach(d->bus, d, e)) {
        return false;
    }
    if (d->cls->create && !d->cls->create(d, e)) {
        if (d->bus && d->bus->detach) {
            d->bus->detach(d->bus, d);
        }
        return false;
    }
    d->created = true;
    machine_add_device(d->machine, d);
    return true;
}

void device_free(struct device *d)
{
    if (!d) {
        return;
    }
    if (d->created) {
        machine_remove_device(d->machine, d);
        if (d->cls->destroy) {
            d->cls->destroy(d);
        }
        if (d->bus && d->bus->detach) {
            d->bus->detach(d->bus, d);
        }
    }
    fields_free_lists(d->cls->fields, d);
    props_free(d->cls->props, d);
    mem_free(d->id);
    mem_free(d);
}

char *device_help(const struct device_class *cls)
{
    return props_help(cls->props, cls->name);
}

const struct mem_range *device_map(struct device *d, struct space *s, paddr base)
{
    struct mem_range r = {
        .base = base,
        .size = d->cls->window_size,
        .kind = RANGE_MMIO,
        .name = d->cls->name,
        .ops = d->cls->ops ? d->cls->ops : &device_mmio_ops,
        .opaque = d,
        .lock = d->lock,
    };
    d->window = space_add(s, &r);
    return d->window;
}

/* ---- register windows */

static unsigned reg_size(const struct reg *r)
{
    return r->size ? r->size : 4;
}

static unsigned reg_count(const struct reg *r)
{
    return r->count ? r->count : 1;
}

/* Members are uint32_t up to 4 bytes, else uint64_t. */
static size_t member_size(const struct reg *r)
{
    return reg_size(r) <= 4 ? 4 : 8;
}

static void *member_at(struct device *d, const struct reg *r, unsigned index)
{
    return (char *)d + r->member + index * member_size(r);
}

static uint64_t member_get(struct device *d, const struct reg *r, unsigned index)
{
    const void *m = member_at(d, r, index);
    return member_size(r) == 4 ? *(const uint32_t *)m : *(const uint64_t *)m;
}

static void member_set(struct device *d, const struct reg *r, unsigned index, uint64_t value)
{
    void *m = member_at(d, r, index);
    if (member_size(r) == 4) {
        *(uint32_t *)m = (uint32_t)value;
    } else {
        *(uint64_t *)m = value;
    }
}

/* The register that has the byte at offset, and which of its array; NULL if there is none. */
static const struct reg *reg_find(const struct device *d, uint64_t offset, unsigned *index)
{
    for (const struct reg *r = d->cls->regs; r && r->name; r++) {
        uint64_t at = offset - r->offset;
        uint64_t stride = r->stride ? r->stride : reg_size(r);
        if (offset >= r->offset && at / stride < reg_count(r) && at % stride < reg_size(r)) {
            *index = (unsigned)(at / stride);
            return r;
        }
    }
    return NULL;
}

/* Where reg r (element index) starts in the window. */
static uint64_t reg_start(const struct reg *r, unsigned index)
{
    return r->offset + index * (uint64_t)(r->stride ? r->stride : reg_size(r));
}

static uint64_t reg_read(struct device *d, const struct reg *r, unsigned index)
{
    if (r->on_read) {
        return r->on_read(d, r);
    }
    return r->member == REG_NONE ? r->initial : member_get(d, r, index);
}

static void reg_write(struct device *d, const struct reg *r, unsigned index, uint64_t value)
{
    if (r->member != REG_NONE) {
        uint64_t old = member_get(d, r, index);
        member_set(d, r, index, (old & ~r->writable) | (value & r->writable));
    } else if (!r->on_write) {
        log_guest(d->cls->name, "write of 0x%" PRIx64 " to read-only register %s", value, r->name);
    }
    if (r->on_write) {
        r->on_write(d, r, value);
    }
}

uint64_t device_unimp_read(struct device *d, const struct reg *r)
{
    log_unimp(d->cls->name, "read of %s, which is not modelled", r->name);
    return 0;
}

void device_unimp_write(struct device *d, const struct reg *r, uint64_t value)
{
    log_unimp(d->cls->name, "write of 0x%" PRIx64 " to %s, which is not modelled", value, r->name);
}

static uint64_t table_read(void *opaque, uint64_t offset, unsigned size)
{
    struct device *d = opaque;
    uint64_t value = 0;
    for (unsigned done = 0; done < size;) {
        unsigned index, n = 1;
        const struct reg *r = reg_find(d, offset + done, &index);
        if (r) {
            unsigned skip = (unsigned)(offset + done - reg_start(r, index));
            uint64_t part = reg_read(d, r, index) >> (8 * skip);
            n = reg_size(r) - skip;
            value |= (part & mask64(8 * n)) << (8 * done);
        } else {
            n = size - done < 4 ? size - done : 4;
            log_guest(d->cls->name, "read of %u bytes at 0x%" PRIx64 ": no register there", n,
                      offset + done);
        }
        done += n;
    }
    return value & mask64(8 * size);
}

static void table_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct device *d = opaque;
    for (unsigned done = 0; done < size;) {
        unsigned index, n;
        const struct reg *r = reg_find(d, offset + done, &index);
        if (r && reg_start(r, index) == offset + done) {
            n = reg_size(r);
            unsigned given = size - done < n ? size - done : n;
            reg_write(d, r, index, (value >> (8 * done)) & mask64(8 * given));
        } else {
            n = size - done < 4 ? size - done : 4;
            log_guest(d->cls->name, "write of %u bytes at 0x%" PRIx64 ": no register starts there",
                      n, offset + done);
        }
        done += n;
    }
}

const struct mmio_ops device_mmio_ops = {.read = table_read, .write = table_write};

/* ---- reset */

void device_reset(struct device *d)
{
    for (const struct reg *r = d->cls->regs; r && r->name; r++) {
        for (unsigned i = 0; r->member != REG_NONE && i < reg_count(r); i++) {
            member_set(d, r, i, r->initial);
        }
    }
    fields_reset(d->cls->fields, d);
    if (d->cls->reset) {
        d->cls->reset(d);
    }
}

/* ---- the check of the tables */

static void mark(uint8_t *listed, const struct device_class *cls, size_t offset, size_t n)
{
    assert(offset + n <= cls->size);
    memset(listed + offset, 1, n);
}

static size_t prop_size(enum prop_type type)
{
    const size_t number = props_number_bytes(type);

    switch (type) {
    case PROP_BOOL:
        return sizeof(bool);
    case PROP_ENUM:
        return sizeof(int);
    case PROP_MAC:
        return 6;
    default:
        return number ? number : sizeof(char *);
    }
}

bool device_check_class(const struct device_class *cls, struct error *e)
{
    uint8_t *listed = mem_alloc(cls->size);
    mark(listed, cls, 0, sizeof(struct device));
    for (const struct prop *p = cls->props; p && p->name; p++) {
        mark(listed, cls, p->offset, prop_size(p->type));
    }
    for (const struct reg *r = cls->regs; r && r->name; r++) {
        if (r->member != REG_NONE) {
            mark(listed, cls, r->member, reg_count(r) * member_size(r));
        }
    }
    char what[80];
    snprintf(what, sizeof(what), "device class '%s'", cls->name);
    const bool complete = fields_check(cls->fields, listed, cls->size, what, e);
    mem_free(listed);
    return complete;
}
