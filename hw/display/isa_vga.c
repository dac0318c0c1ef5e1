/* SPDX-License-Identifier: MIT */
/*
 * VGA on an ISA bus, "isa-vga": the ports and the window of old, and memory as a whole where no
 * ISA card could have it, at 0xe0000000.
 */
#include "hw/classes.h"
#include "hw/display/vga.h"
#include "hw/isa/isa.h"

#define FRAME_BUFFER UINT64_C(0xe0000000)

struct isa_vga {
    struct device dev; /* first */
    struct vga vga;
    uint32_t vgamem_mb; /* property */
    uint8_t pad[4];
    const struct mem_range *ports[VGA_PORT_ROWS], *linear;
};

static struct isa_vga *of(void *d)
{
    return d;
}

static void isa_vga_destroy(struct device *dev)
{
    struct isa_vga *d = of(dev);
    for (unsigned i = 0; i < VGA_PORT_ROWS; i++) {
        isa_unmap(dev, d->ports[i]);
    }
    if (d->linear) {
        space_remove(dev->machine->memory, d->linear);
    }
    vga_fini(&d->vga);
}

static bool add_ports(struct isa_vga *d, struct error *e)
{
    bool good = true;
    for (unsigned i = 0; i < VGA_PORT_ROWS && good; i++) {
        const struct vga_port_row *row = &vga_port_rows[i];
        const struct mem_range want = {.base = row->first,
                                       .size = row->count,
                                       .ops = row->ops,
                                       .opaque = &d->vga.host.ports[i]};
        good = isa_map_range(&d->dev, &want, &d->ports[i], e);
    }
    return good;
}

static bool isa_vga_create(struct device *dev, struct error *e)
{
    struct isa_vga *d = of(dev);
    if (!vga_init(&d->vga, dev, d->vgamem_mb, e) || !add_ports(d, e)) {
        isa_vga_destroy(dev);
        return false;
    }
    vga_map_window(&d->vga);
    d->linear = space_add(dev->machine->memory, &(struct mem_range){.base = FRAME_BUFFER,
                                                                    .size = d->vga.bytes,
                                                                    .kind = RANGE_RAM,
                                                                    .priority = 1,
                                                                    .name = "vga.vram",
                                                                    .host = d->vga.memory});
    return true;
}

static void isa_vga_reset(struct device *dev)
{
    vga_reset(&of(dev)->vga);
}

static void isa_vga_loaded(struct device *dev)
{
    vga_loaded(&of(dev)->vga);
}

static const struct prop isa_vga_props[] = {
    {"vgamem_mb", PROP_U32, offsetof(struct isa_vga, vgamem_mb), "8", "memory in MiB", NULL},
    PROP_END,
};

static const struct field isa_vga_fields[] = {
    VGA_FIELDS(isa_vga, vga),
    FIELD_SKIP(isa_vga, pad),
    FIELD_SKIP(isa_vga, ports),
    FIELD_SKIP(isa_vga, linear),
    FIELD_END,
};

const struct device_class isa_vga_class = {
    .name = "isa-vga",
    .desc = "standard VGA at its old places",
    .bus = BUS_ISA,
    .size = sizeof(struct isa_vga),
    .props = isa_vga_props,
    .fields = isa_vga_fields,
    .create = isa_vga_create,
    .reset = isa_vga_reset,
    .destroy = isa_vga_destroy,
    .loaded = isa_vga_loaded,
    .flags = DEVICE_PLUGGABLE,
};
