/* SPDX-License-Identifier: MIT */
/*
 * "ramfb": firmware tells through fw_cfg (file "etc/ramfb", QEMU's documentation, "fw_cfg") where
 * in guest memory a picture is, and of what form. Six numbers, big-endian; forms are DRM's codes.
 */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/classes.h"
#include "hw/display/framebuffer.h"
#include "hw/image.h"
#include "hw/nvram/fw_cfg.h"

enum {
    ADDRESS = 0, /* 64 bits */
    FORM = 8,
    WIDTH = 16,
    HEIGHT = 20,
    STRIDE = 24,
    CONFIG_BYTES = 28,

    SIDE_LEAST = 16,
    ROM_MOST = 256 << 10,
};

static const char rom_name[] = "vgabios-ramfb.bin";

struct ramfb {
    struct device dev;            /* first */
    uint8_t config[CONFIG_BYTES]; /* state; the guest writes it */
    uint8_t pad[4];
    struct screen screen;
};

static struct ramfb *of(void *d)
{
    return d;
}

#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

static bool form_of(uint32_t code, enum surface_format *f)
{
    static const struct {
        uint32_t code;
        enum surface_format format;
    } forms[] = {{FOURCC('X', 'R', '2', '4'), SURFACE_X8R8G8B8},
                 {FOURCC('A', 'R', '2', '4'), SURFACE_X8R8G8B8},
                 {FOURCC('R', 'G', '2', '4'), SURFACE_R8G8B8},
                 {FOURCC('R', 'G', '1', '6'), SURFACE_R5G6B5},
                 {FOURCC('X', 'R', '1', '5'), SURFACE_X1R5G5B5}};
    for (unsigned i = 0; i < array_len(forms); i++) {
        if (forms[i].code == code) {
            *f = forms[i].format;
            return true;
        }
    }
    return false;
}

/* What the copy of the configuration says; false: nothing that can be. */
static bool picture_of(const uint8_t *config, struct framebuffer *f)
{
    f->width = load_be32(config + WIDTH);
    f->height = load_be32(config + HEIGHT);
    f->stride = load_be32(config + STRIDE);
    if (f->width < SIDE_LEAST || f->width > FRAMEBUFFER_MOST_X || f->height < SIDE_LEAST ||
        f->height > FRAMEBUFFER_MOST_Y || !form_of(load_be32(config + FORM), &f->format)) {
        return false;
    }
    const size_t line = (size_t)f->width * surface_pixel_bytes(f->format);
    f->stride = f->stride ? f->stride : line;
    return f->stride >= line;
}

static void refresh(void *opaque)
{
    struct ramfb *d = opaque;
    struct framebuffer f = {0};
    uint8_t config[CONFIG_BYTES];
    os_mutex_lock(d->dev.machine->lock);
    memcpy(config, d->config, sizeof(config));
    os_mutex_unlock(d->dev.machine->lock);
    if (!picture_of(config, &f)) {
        return;
    }
    const size_t line = (size_t)f.width * surface_pixel_bytes(f.format);
    const size_t bytes = f.stride * (f.height - 1) + line;
    size_t n = bytes;
    f.bytes = dma_map(&d->dev.dma, load_be64(config + ADDRESS), &n, false);
    if (f.bytes && n == bytes) {
        framebuffer_draw(&f, &d->screen);
    }
    if (f.bytes) {
        dma_unmap(&d->dev.dma, f.bytes, 0);
    }
}

static const struct screen_ops screen_ops = {.refresh = refresh};

/* ---- life */

/* Firmware of a PC shows text on it by this ROM, if it is installed. */
static bool give_rom(const struct ramfb *d, struct device *fw_cfg, struct error *e)
{
    const struct machine_backends *b = &d->dev.machine->backends;
    const char *path = b->rom ? b->rom(b->opaque, rom_name) : NULL;
    struct image_file f;
    if (!path) {
        return true;
    }
    if (!image_open(&f, "ramfb", path, e)) {
        return false;
    }
    const size_t n = (size_t)f.size;
    uint8_t *bytes = image_read_all(&f, "ramfb", ROM_MOST, e);
    image_close(&f);
    return bytes && fw_cfg_add_file(fw_cfg, "vgaroms/vgabios-ramfb.bin", bytes, n, e);
}

static bool ramfb_create(struct device *dev, struct error *e)
{
    struct ramfb *d = of(dev);
    struct device *fw_cfg = fw_cfg_find(dev->machine);
    if (!fw_cfg) {
        return error_set(e, "ramfb: the machine has no fw_cfg, by which firmware sets it up");
    }
    if (!fw_cfg_add_writable(fw_cfg, "etc/ramfb", d->config, sizeof(d->config), e) ||
        !give_rom(d, fw_cfg, e)) {
        error_prefix(e, "ramfb: ");
        return false;
    }
    d->screen = (struct screen){
        .name = dev->cls->name, .id = dev->id, .ops = &screen_ops, .opaque = d};
    machine_add_screen(dev->machine, &d->screen);
    return true;
}

static void ramfb_destroy(struct device *dev)
{
    machine_remove_screen(dev->machine, &of(dev)->screen);
    screen_fini(&of(dev)->screen);
}

static const struct field ramfb_fields[] = {
    FIELD(ramfb, config),
    FIELD_SKIP(ramfb, pad),
    FIELD_SKIP(ramfb, screen),
    FIELD_END,
};

const struct device_class ramfb_class = {
    .name = "ramfb",
    .desc = "picture in guest memory, where firmware says",
    .bus = BUS_NONE,
    .size = sizeof(struct ramfb),
    .fields = ramfb_fields,
    .create = ramfb_create,
    .destroy = ramfb_destroy,
    .flags = DEVICE_PLUGGABLE,
};
