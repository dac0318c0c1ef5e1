/* SPDX-License-Identifier: MIT */
/*
 * VGA's registers at I/O ports: sequencer, graphics controller, attribute controller, CRT
 * controller, palette. IBM VGA/XGA Technical Reference, chapter 2, "Registers".
 *
 * Not modelled: time on the screen. Vertical retrace and display enable change with each look at
 * input status 1, so that who waits for either is served at once. No interrupt of the retrace.
 */
#include "base/bits.h"
#include "hw/display/vga.h"

enum {
    MISC_COLOUR = 1, /* the CRT controller is at 0x3d4, not at 0x3b4 */

    CRTC_OVERFLOW = 0x07,
    CRTC_RETRACE_END = 0x11,
    CRTC_PROTECTED = 0x80, /* of the latter: indices 0 to 7 */

    STATUS_NO_DISPLAY = 0x01,
    STATUS_RETRACE = 0x08,

    DAC_READING = 3,
};

/* Bits that registers have. */
static const uint8_t seq_bits[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff};
static const uint8_t gfx_bits[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

/* ---- attribute controller */

static void write_attr(struct vga_regs *r, uint8_t value)
{
    static const uint8_t bits[] = {
        [0x10] = 0xef, [0x11] = 0xff, [0x12] = 0x3f, [0x13] = 0x0f, [0x14] = 0x0f};
    const unsigned i = r->attr_index & 0x1f;

    if (!r->attr_data) {
        r->attr_index = value & 0x3f;
    } else if (i < 0x10) {
        r->attr[i] = value & 0x3f;
    } else if (i < sizeof(bits)) {
        r->attr[i] = value & bits[i];
    }
    r->attr_data = !r->attr_data;
}

/* ---- palette */

static uint8_t read_dac(struct vga_regs *r)
{
    const uint8_t value = r->palette[r->dac_read * 3 + r->dac_part];
    if (++r->dac_part == 3) {
        r->dac_part = 0;
        r->dac_read++;
    }
    return value;
}

static void write_dac(struct vga_regs *r, uint8_t value)
{
    r->dac_cache[r->dac_part] = value;
    if (++r->dac_part == 3) {
        for (unsigned i = 0; i < 3; i++) {
            r->palette[r->dac_write * 3 + i] = r->dac_cache[i];
        }
        r->dac_part = 0;
        r->dac_write++;
    }
}

/* ---- CRT controller */

static void write_crtc(struct vga_regs *r, uint8_t value)
{
    const unsigned i = r->crtc_index;
    if ((r->crtc[CRTC_RETRACE_END] & CRTC_PROTECTED) && i <= 7) {
        if (i == CRTC_OVERFLOW) { /* bit 8 of line compare can always be set */
            r->crtc[i] = (uint8_t)((r->crtc[i] & ~0x10) | (value & 0x10));
        }
        return;
    }
    r->crtc[i] = value;
}

/* ---- ports */

/* The half of 0x3b0 to 0x3df that the other kind of monitor would have. */
static bool is_elsewhere(const struct vga_regs *r, unsigned port)
{
    return r->misc & MISC_COLOUR ? port < 0x3c0 : port >= 0x3d0;
}

static uint8_t read_status(struct vga_regs *r)
{
    r->status ^= STATUS_RETRACE | STATUS_NO_DISPLAY;
    r->attr_data = false;
    return r->status;
}

uint8_t vga_port_read(struct vga *v, unsigned port)
{
    struct vga_regs *r = &v->regs;
    if (is_elsewhere(r, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return r->attr_data ? 0 : r->attr_index;
    case 0x3c1:
        return (r->attr_index & 0x1f) < 0x15 ? r->attr[r->attr_index & 0x1f] : 0;
    case 0x3c2:
        return 0;
    case 0x3c4:
        return r->seq_index;
    case 0x3c5:
        return r->seq[r->seq_index];
    case 0x3c7:
        return r->dac_state;
    case 0x3c8:
        return r->dac_write;
    case 0x3c9:
        return read_dac(r);
    case 0x3ca:
        return r->feature;
    case 0x3cc:
        return r->misc;
    case 0x3ce:
        return r->gfx_index;
    case 0x3cf:
        return r->gfx[r->gfx_index];
    case 0x3b4:
    case 0x3d4:
        return r->crtc_index;
    case 0x3b5:
    case 0x3d5:
        return r->crtc[r->crtc_index];
    case 0x3ba:
    case 0x3da:
        return read_status(r);
    default:
        return 0;
    }
}

void vga_port_write(struct vga *v, unsigned port, uint8_t value)
{
    struct vga_regs *r = &v->regs;
    if (is_elsewhere(r, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        write_attr(r, value);
        break;
    case 0x3c2:
        r->misc = value & 0xef;
        break;
    case 0x3c4:
        r->seq_index = value & 7;
        break;
    case 0x3c5:
        r->seq[r->seq_index] = value & seq_bits[r->seq_index];
        vga_memory_update(v);
        break;
    case 0x3c7:
        r->dac_read = value;
        r->dac_part = 0;
        r->dac_state = DAC_READING;
        break;
    case 0x3c8:
        r->dac_write = value;
        r->dac_part = 0;
        r->dac_state = 0;
        break;
    case 0x3c9:
        write_dac(r, value);
        break;
    case 0x3ce:
        r->gfx_index = value & 0xf;
        break;
    case 0x3cf:
        r->gfx[r->gfx_index] = value & gfx_bits[r->gfx_index];
        vbe_keep(v);
        vga_memory_update(v);
        break;
    case 0x3b4:
    case 0x3d4:
        r->crtc_index = value;
        break;
    case 0x3b5:
    case 0x3d5:
        write_crtc(r, value);
        vbe_keep(v);
        break;
    case 0x3ba:
    case 0x3da:
        r->feature = value & 0x10;
        break;
    default:
        break;
    }
}

/* ---- ranges */

static uint64_t range_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct vga_ports *p = opaque;
    (void)size;
    return vga_port_read(p->vga, (unsigned)(p->first + offset));
}

static void range_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct vga_ports *p = opaque;
    (void)size;
    vga_port_write(p->vga, (unsigned)(p->first + offset), (uint8_t)value);
}

/* The index at 0x1ce, its register at the two behind. */
static uint64_t vbe_range_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct vga_ports *p = opaque;
    if (size != 2) {
        return UINT64_MAX;
    }
    return offset == 0 ? p->vga->regs.vbe_index : vbe_read(p->vga, p->vga->regs.vbe_index);
}

static void vbe_range_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct vga_ports *p = opaque;
    if (size == 2 && offset == 0) {
        p->vga->regs.vbe_index = (uint16_t)value;
    } else if (size == 2) {
        vbe_write(p->vga, p->vga->regs.vbe_index, (uint16_t)value);
    }
}

static const struct mmio_ops range_ops = {.read = range_read, .write = range_write, .sizes = 1};
static const struct mmio_ops vbe_range_ops = {
    .read = vbe_range_read, .write = vbe_range_write, .sizes = 1 | 2, .any_offset = true};

const struct vga_port_row vga_port_rows[VGA_PORT_ROWS] = {
    {0x3b4, 2, &range_ops}, {0x3ba, 1, &range_ops}, {0x3c0, 16, &range_ops},
    {0x3d4, 2, &range_ops}, {0x3da, 1, &range_ops}, {0x1ce, 4, &vbe_range_ops},
};
