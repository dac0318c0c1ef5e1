/* SPDX-License-Identifier: MIT */
/* `info qtree`: the buses and devices of a machine, each below what it hangs on. */
#include <inttypes.h>

#include "hw/machine.h"

static void describe_window(const struct device *d, int indent, struct strbuf *out)
{
    if (d->window) {
        strbuf_printf(out, "%*swindow %#" PRIx64 "..%#" PRIx64 "\n", indent, "", d->window->base,
                      d->window->base + d->window->size - 1);
    }
}

static void describe_bus(const struct machine *m, const struct bus *b, int indent,
                         struct strbuf *out);

static void describe_device(const struct machine *m, const struct device *d, int indent,
                            struct strbuf *out)
{
    strbuf_printf(out, "%*sdev: %s, id \"%s\"\n", indent, "", d->cls->name, d->id ? d->id : "");
    indent += 2;
    props_describe(d->cls->props, d, indent, out);
    describe_window(d, indent, out);
    if (d->bus && d->bus->describe) {
        d->bus->describe(d, indent, out);
    }
    for (const struct bus *b = m->buses; b; b = b->next) {
        if (b->parent == d) {
            describe_bus(m, b, indent, out);
        }
    }
}

static void describe_devices(const struct machine *m, const struct bus *b, int indent,
                             struct strbuf *out)
{
    for (const struct device *d = m->devices; d; d = d->next) {
        if (d->bus == b) {
            describe_device(m, d, indent, out);
        }
    }
}

const char *bus_kind_name(enum bus_kind k)
{
    static const char *const names[] = {
        [BUS_NONE] = "none",    [BUS_SYSTEM] = "system",
        [BUS_PCI] = "PCI",      [BUS_VIRTIO] = "virtio",
        [BUS_USB] = "USB",      [BUS_ISA] = "ISA",
        [BUS_I2C] = "I2C",      [BUS_SPI] = "SPI",
        [BUS_SCSI] = "SCSI",    [BUS_VIRTIO_SERIAL] = "virtio-serial",
        [BUS_NVME] = "NVMe",    [BUS_IDE] = "IDE",
        [BUS_FLOPPY] = "floppy"};

    return names[k];
}

/* Recursion is as deep as the bridges that the command line stacked. */
static void describe_bus(const struct machine *m, const struct bus *b, int indent,
                         struct strbuf *out)
{
    strbuf_printf(out, "%*sbus: %s\n%*stype %s\n", indent, "", b->name, indent + 2, "",
                  bus_kind_name(b->kind));
    describe_devices(m, b, indent + 2, out);
}

char *machine_describe_tree(struct machine *m)
{
    struct strbuf out = {0};

    strbuf_puts(&out, "bus: main-system-bus\n  type system\n");
    describe_devices(m, NULL, 2, &out);
    for (const struct bus *b = m->buses; b; b = b->next) {
        if (!b->parent) {
            describe_bus(m, b, 0, &out);
        }
    }
    return strbuf_take(&out);
}
