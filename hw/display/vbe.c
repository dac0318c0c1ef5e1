/* SPDX-License-Identifier: MIT */
/*
 * The display interface of Bochs: modes by width, height and depth. "VBE DISPI interface", version
 * B0C5, of the Bochs project. A mode is also what the VGA's registers then say, so they are set
 * when one begins, and what VGA can do with a picture (lines compared, panned) goes on.
 */
#include <string.h>

#include "base/bits.h"
#include "hw/display/vga.h"
#include "memory/dirty.h"

bool vbe_enabled(const struct vga_regs *r)
{
    return r->vbe[VBE_ENABLE] & VBE_ENABLED;
}

static unsigned bits_of(const struct vga_regs *r)
{
    return r->vbe[VBE_BPP] == 15 ? 16 : r->vbe[VBE_BPP];
}

uint32_t vbe_line_bytes(const struct vga_regs *r)
{
    return r->vbe[VBE_VIRT_WIDTH] * bits_of(r) / 8;
}

/* Of the first pixel. */
static uint32_t offset_of(const struct vga_regs *r)
{
    return r->vbe[VBE_Y_OFFSET] * vbe_line_bytes(r) + r->vbe[VBE_X_OFFSET] * bits_of(r) / 8;
}

/* The card fetches whole doublewords. */
uint32_t vbe_start(const struct vga_regs *r)
{
    return offset_of(r) & ~3u;
}

/* ---- what a mode is made of */

static bool is_depth(uint16_t value)
{
    return value == 4 || value == 8 || value == 15 || value == 16 || value == 24 || value == 32;
}

static uint16_t limit(uint16_t value, uint16_t least, uint16_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* The picture as a whole begins in memory and ends there; else it is moved to the front. */
static void fit_offsets(struct vga *v)
{
    uint16_t *vbe = v->regs.vbe;
    const uint64_t shown = (uint64_t)vbe[VBE_YRES] * vbe_line_bytes(&v->regs);
    vbe[VBE_X_OFFSET] = limit(vbe[VBE_X_OFFSET], 0, VBE_MOST_X);
    vbe[VBE_Y_OFFSET] = limit(vbe[VBE_Y_OFFSET], 0, VBE_MOST_Y);
    if (offset_of(&v->regs) + shown > v->bytes) {
        vbe[VBE_Y_OFFSET] = 0;
    }
    if (offset_of(&v->regs) + shown > v->bytes) {
        vbe[VBE_X_OFFSET] = 0;
    }
}

void vbe_fit(struct vga *v)
{
    uint16_t *vbe = v->regs.vbe;
    v->regs.bank &= (uint16_t)((v->bytes >> 16) - 1);
    if (!vbe_enabled(&v->regs)) {
        return;
    }
    vbe[VBE_BPP] = is_depth(vbe[VBE_BPP]) ? vbe[VBE_BPP] : 8;
    vbe[VBE_XRES] = limit(vbe[VBE_XRES] & 0xfff8, 8, VBE_MOST_X);
    vbe[VBE_VIRT_WIDTH] = limit(vbe[VBE_VIRT_WIDTH] & 0xfff8, vbe[VBE_XRES], VBE_MOST_X);
    const uint64_t lines = v->bytes / vbe_line_bytes(&v->regs);
    const uint16_t most = lines < VBE_MOST_Y ? (uint16_t)lines : VBE_MOST_Y;
    vbe[VBE_YRES] = limit(vbe[VBE_YRES], 1, most);
    vbe[VBE_VIRT_HEIGHT] = (uint16_t)lines;
    fit_offsets(v);
}

/* The VGA's own registers for the mode: graphics, 64 KiB at 0xa0000, lines one by one. Those of the
 * sequencer stay as they are, and count for planes only. */
static void set_crtc(struct vga_regs *r)
{
    const unsigned last = r->vbe[VBE_YRES] - 1u;
    r->gfx[6] = (uint8_t)((r->gfx[6] & ~0x0c) | 0x05);
    r->crtc[0x17] |= 3;
    r->crtc[0x13] = (uint8_t)(vbe_line_bytes(r) >> 3);
    r->crtc[0x01] = (uint8_t)((r->vbe[VBE_XRES] >> 3) - 1);
    r->crtc[0x12] = (uint8_t)last;
    r->crtc[0x07] = (uint8_t)((r->crtc[0x07] & ~0x42) | (last >> 7 & 0x02) | (last >> 3 & 0x40));
    r->crtc[0x18] = 0xff;
    r->crtc[0x07] |= 0x10;
    r->crtc[0x09] |= 0x40;
}

void vbe_keep(struct vga *v)
{
    struct vga_regs *r = &v->regs;
    if (!vbe_enabled(r)) {
        return;
    }
    const bool planar = r->vbe[VBE_BPP] == 4;
    set_crtc(r);
    r->gfx[5] = (uint8_t)((r->gfx[5] & ~0x60) | (planar ? 0 : 0x40));
    r->crtc[0x09] &= (uint8_t)~0x9f;
}

static void clear(struct vga *v)
{
    const uint64_t n = (uint64_t)v->regs.vbe[VBE_YRES] * vbe_line_bytes(&v->regs);
    const size_t bytes = n < v->bytes ? (size_t)n : v->bytes;
    memset(v->memory, 0, bytes);
    dirty_written(v->host.machine->memory, v->memory, bytes);
}

static void write_enable(struct vga *v, uint16_t value)
{
    struct vga_regs *r = &v->regs;
    const bool begins = (value & VBE_ENABLED) && !vbe_enabled(r);

    r->bank = 0;
    r->dac_8bit = value & VBE_8BIT_DAC;
    r->vbe[VBE_ENABLE] = value;
    if (begins) {
        r->vbe[VBE_VIRT_WIDTH] = 0;
        r->vbe[VBE_X_OFFSET] = r->vbe[VBE_Y_OFFSET] = 0;
        vbe_fit(v);
        if (!(value & VBE_NOCLEAR)) {
            clear(v);
        }
    }
}

/* ---- registers */

uint16_t vbe_read(struct vga *v, unsigned index)
{
    static const uint16_t most[] = {
        [VBE_XRES] = VBE_MOST_X, [VBE_YRES] = VBE_MOST_Y, [VBE_BPP] = 32};
    const struct vga_regs *r = &v->regs;

    if (index == VBE_MEMORY_64K) {
        return (uint16_t)(v->bytes >> 16);
    }
    if (index >= VBE_REGS) {
        return 0;
    }
    if ((r->vbe[VBE_ENABLE] & VBE_GETCAPS) && index >= VBE_XRES && index <= VBE_BPP) {
        return most[index];
    }
    return r->vbe[index];
}

void vbe_write(struct vga *v, unsigned index, uint16_t value)
{
    uint16_t *vbe = v->regs.vbe;
    switch (index) {
    case VBE_ID:
        if (value >= VBE_ID_FIRST && value <= VBE_ID_LAST) {
            vbe[VBE_ID] = value;
        }
        break;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_BPP:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        vbe[index] = value;
        vbe_fit(v);
        break;
    case VBE_BANK:
        vbe[VBE_BANK] = (uint16_t)(value & ((v->bytes >> 16) - 1));
        v->regs.bank = vbe[VBE_BANK];
        break;
    case VBE_ENABLE:
        write_enable(v, value);
        break;
    default:
        break;
    }
    vbe_keep(v);
    vga_memory_update(v);
}
