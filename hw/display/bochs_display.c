/* SPDX-License-Identifier: MIT */
/*
 * "bochs-display": the display interface of Bochs without a VGA around it (QEMU's documentation,
 * "Standard VGA", says what it has of that). Linear pictures of 16 and 32 bits a pixel; the
 * registers only store, and a mode that cannot be shows nothing new.
 */
#include "base/bits.h"
#include "hw/classes.h"
#include "hw/display/framebuffer.h"
#include "hw/display/vga_mmio.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_regs.h"

enum {
    MEMORY_LEAST = 1 << 20,
    MEMORY_MOST = 256 << 20,
    SIDE_LEAST = 64,
};

struct bochs_display {
    struct pci_device pci; /* first */

    /* State; under the machine's lock. */
    uint16_t vbe[VBE_REGS];
    bool big_endian;
    uint8_t pad;
    uint8_t *memory;
    size_t bytes;

    /* Properties. */
    uint64_t vgamem;
    uint32_t xres, yres;
    bool edid;
    uint8_t pad2[7];

    struct vga_mmio registers;
    struct screen screen;
};

static struct bochs_display *of(void *d)
{
    return d;
}

/* ---- registers */

static uint16_t read_register(void *opaque, unsigned index)
{
    const struct bochs_display *d = opaque;
    return index == VBE_ID           ? VBE_ID_LAST
           : index == VBE_MEMORY_64K ? (uint16_t)(d->bytes >> 16)
           : index < VBE_REGS        ? d->vbe[index]
                                     : 0xffff;
}

static void write_register(void *opaque, unsigned index, uint16_t value)
{
    if (index < VBE_REGS) {
        of(opaque)->vbe[index] = value;
    }
}

/* ---- the picture */

/* As the registers say; without bytes where they say nothing that is in memory. */
static struct framebuffer picture_of(const struct bochs_display *d, const uint16_t *vbe)
{
    const unsigned each = vbe[VBE_BPP] / 8;
    const uint64_t width = vbe[VBE_XRES], height = vbe[VBE_YRES];
    const uint64_t across = vbe[VBE_VIRT_WIDTH] > width ? vbe[VBE_VIRT_WIDTH] : width;
    const uint64_t stride = across * each;
    const uint64_t at = vbe[VBE_X_OFFSET] * each + vbe[VBE_Y_OFFSET] * stride;
    const bool good = (vbe[VBE_ENABLE] & VBE_ENABLED) &&
                      (vbe[VBE_BPP] == 16 || vbe[VBE_BPP] == 32) && width >= SIDE_LEAST &&
                      height >= SIDE_LEAST && at + stride * height <= d->bytes;
    return (struct framebuffer){.bytes = good ? d->memory + at : NULL,
                                .format = each == 2 ? SURFACE_R5G6B5 : SURFACE_X8R8G8B8,
                                .width = (unsigned)width,
                                .height = (unsigned)height,
                                .stride = stride};
}

static void refresh(void *opaque)
{
    struct bochs_display *d = opaque;
    uint16_t vbe[VBE_REGS];
    os_mutex_lock(d->pci.dev.machine->lock);
    memcpy(vbe, d->vbe, sizeof(vbe));
    const bool big_endian = d->big_endian;
    os_mutex_unlock(d->pci.dev.machine->lock);
    struct framebuffer f = picture_of(d, vbe);
    f.big_endian = big_endian;
    framebuffer_draw(&f, &d->screen);
}

static const struct screen_ops screen_ops = {.refresh = refresh};

/* ---- life */

static const struct pci_class bochs_pci = {
    .vendor = 0x1234,
    .device = 0x1111,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x038000,
    .revision = 2,
    .rom = "vgabios-bochs-display.bin",
};

static bool make_memory(struct bochs_display *d, struct error *e)
{
    if (d->vgamem < MEMORY_LEAST || d->vgamem > MEMORY_MOST || !is_pow2(d->vgamem)) {
        return error_set(e, "bochs-display: vgamem is a power of two from 1 MiB to 256 MiB");
    }
    d->bytes = (size_t)d->vgamem;
    d->memory = machine_map_memory(d->pci.dev.machine, d->bytes, e);
    return d->memory != NULL;
}

static void make_registers(struct bochs_display *d)
{
    d->registers.read = read_register;
    d->registers.write = write_register;
    d->registers.opaque = d;
    d->registers.edid = d->edid;
    d->registers.big_endian = &d->big_endian;
    pci_bar_add(&d->pci, 0, PCI_BAR_PREFETCH, d->bytes);
    pci_bar_add_part(&d->pci, 0,
                     &(struct pci_bar_part){
                         .size = (uint32_t)d->bytes, .name = "bochs-display", .opaque = d->memory});
    vga_mmio_add(&d->registers, &d->pci, d->pci.dev.machine->lock);
}

static bool bochs_create(struct device *dev, struct error *e)
{
    struct bochs_display *d = of(dev);
    if (!dev->bus) {
        return error_set(e, "bochs-display needs a PCI bus");
    }
    if (!make_memory(d, e) ||
        (d->edid && !vga_mmio_set_edid(&d->registers, dev, d->xres, d->yres, e))) {
        return false;
    }
    pci_device_init(&d->pci, &bochs_pci);
    make_registers(d);
    d->screen = (struct screen){
        .name = dev->cls->name, .id = dev->id, .ops = &screen_ops, .opaque = d};
    machine_add_screen(dev->machine, &d->screen);
    return true;
}

static void bochs_destroy(struct device *dev)
{
    struct bochs_display *d = of(dev);
    machine_remove_screen(dev->machine, &d->screen);
    screen_fini(&d->screen);
    pci_device_fini(&d->pci);
    os_discard(d->memory, d->bytes);
}

static void bochs_reset(struct device *dev)
{
    pci_device_reset(&of(dev)->pci);
}

static bool bochs_check(struct device *dev, struct error *e)
{
    return pci_device_check(&of(dev)->pci, e);
}

static void bochs_loaded(struct device *dev)
{
    pci_device_loaded(&of(dev)->pci);
}

static const struct prop bochs_props[] = {
    PCI_PROPS(bochs_display, pci),
    {"vgamem", PROP_SIZE, offsetof(struct bochs_display, vgamem), "16M", "bytes of memory", NULL},
    {"edid", PROP_BOOL, offsetof(struct bochs_display, edid), "on", "data of a monitor", NULL},
    {"xres", PROP_U32, offsetof(struct bochs_display, xres), "1280", "width that it likes best",
     NULL},
    {"yres", PROP_U32, offsetof(struct bochs_display, yres), "800", "height that it likes best",
     NULL},
    PROP_END,
};

static const struct field bochs_fields[] = {
    PCI_FIELDS(bochs_display, pci),
    FIELD(bochs_display, vbe),
    FIELD(bochs_display, big_endian),
    FIELD_SKIP(bochs_display, pad),
    FIELD_PAGES(bochs_display, memory, bytes),
    FIELD_SKIP(bochs_display, pad2),
    FIELD_SKIP(bochs_display, registers),
    FIELD_SKIP(bochs_display, screen),
    FIELD_END,
};

const struct device_class bochs_display_class = {
    .name = "bochs-display",
    .desc = "display interface of Bochs without a VGA",
    .bus = BUS_PCI,
    .size = sizeof(struct bochs_display),
    .props = bochs_props,
    .fields = bochs_fields,
    .create = bochs_create,
    .reset = bochs_reset,
    .destroy = bochs_destroy,
    .check = bochs_check,
    .loaded = bochs_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .kind = &bochs_pci,
};
