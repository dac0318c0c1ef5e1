/* SPDX-License-Identifier: MIT */
/*
 * The window at 0xa0000: planes, latches, write and read modes. IBM VGA/XGA Technical Reference,
 * chapter 2, "Video Memory Read/Write Operations". Where the window shows memory as it is (chain 4
 * with all planes enabled) it is memory, and nothing of this file runs.
 */
#include "base/bits.h"
#include "hw/display/vga.h"
#include "memory/dirty.h"

enum { /* registers by their numbers */
    SEQ_MAP_MASK = 2,
    SEQ_MEMORY_MODE = 4,
    SEQ_SEQUENTIAL = 0x04,
    SEQ_CHAIN4 = 0x08,

    GFX_SET_RESET = 0,
    GFX_ENABLE_SET_RESET = 1,
    GFX_COLOUR_COMPARE = 2,
    GFX_ROTATE = 3,
    GFX_READ_MAP = 4,
    GFX_MODE = 5,
    GFX_MISC = 6,
    GFX_DONT_CARE = 7,
    GFX_BIT_MASK = 8,

    GFX_READ_MODE1 = 0x08,
    GFX_ODD_EVEN = 0x10,
    GFX_CHAIN_ODD_EVEN = 0x02, /* of GFX_MISC */

    CRTC_UNDERLINE = 0x14,
    CRTC_DOUBLEWORDS = 0x40,
    CRTC_MODE = 0x17,
    CRTC_BYTES = 0x40,
};

uint32_t vga_planes(unsigned bits)
{
    static const uint32_t of[] = {
        0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff,
        0x00ffff00, 0x00ffffff, 0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff,
        0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff,
    };
    return of[bits & 0xf];
}

/* ---- what part of the window is there, and what it shows */

/* Offset in the window and bytes of the part that the memory map bits choose. */
static void map_of(const struct vga_regs *r, uint64_t *base, uint64_t *bytes)
{
    static const struct {
        uint32_t base, bytes;
    } maps[] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    const unsigned map = r->gfx[GFX_MISC] >> 2 & 3;
    *base = maps[map].base;
    *bytes = maps[map].bytes;
}

static uint64_t bank_offset(const struct vga_regs *r)
{
    return (uint64_t)r->bank << 16;
}

/* The offset in the planes, or in memory with chain 4; false: nothing is there. */
static bool locate(const struct vga *v, unsigned offset, uint64_t *at)
{
    uint64_t base, bytes;
    map_of(&v->regs, &base, &bytes);
    if (offset < base || offset - base >= bytes) {
        return false;
    }
    *at = offset - base;
    if (base == 0 && bytes == VGA_BANK_BYTES) {
        *at += bank_offset(&v->regs);
    }
    return true;
}

/* Modes of the display interface but those with planes are bytes one behind the other, whatever the
 * sequencer says. */
static bool is_linear(const struct vga_regs *r)
{
    return vbe_enabled(r) && r->vbe[VBE_BPP] != 4;
}

static bool is_chain4(const struct vga_regs *r)
{
    return is_linear(r) || (r->seq[SEQ_MEMORY_MODE] & SEQ_CHAIN4);
}

static unsigned enabled_planes(const struct vga_regs *r)
{
    return is_linear(r) ? 0xf : r->seq[SEQ_MAP_MASK] & 0xf;
}

/* ---- reading */

static uint8_t fold(uint32_t x)
{
    x |= x >> 16;
    x |= x >> 8;
    return (uint8_t)x;
}

/* The offset in the planes of an address. CRT controller and graphics controller say how far the
 * lowest bits are left to choosing planes. odd_even: the sequencer or the graphics controller has
 * bit 0 do that. */
static uint64_t plane_offset(const struct vga_regs *r, uint64_t at, bool odd_even)
{
    if (r->crtc[CRTC_UNDERLINE] & CRTC_DOUBLEWORDS) {
        return at >> 2;
    }
    if (odd_even && !(r->crtc[CRTC_MODE] & CRTC_BYTES)) {
        return at >> 1;
    }
    return r->gfx[GFX_MISC] & GFX_CHAIN_ODD_EVEN ? at & ~UINT64_C(1) : at;
}

/* With chain 4 the lowest two bits choose the plane. */
static uint64_t chained(const struct vga_regs *r, uint64_t at, bool odd_even)
{
    return 4 * plane_offset(r, at & ~UINT64_C(3), odd_even) + (at & 3);
}

static bool reads_odd_even(const struct vga_regs *r)
{
    return r->gfx[GFX_MODE] & GFX_ODD_EVEN;
}

static bool writes_odd_even(const struct vga_regs *r)
{
    return !(r->seq[SEQ_MEMORY_MODE] & SEQ_SEQUENTIAL);
}

static uint8_t read_planes(struct vga *v, uint64_t at)
{
    struct vga_regs *r = &v->regs;
    const bool odd_even = reads_odd_even(r);
    const uint64_t offset = plane_offset(r, at, odd_even);
    if (offset >= v->bytes / 4) {
        return 0xff;
    }
    r->latch = load_le32(v->memory + 4 * offset);
    if (r->gfx[GFX_MODE] & GFX_READ_MODE1) {
        const uint32_t differs = (r->latch ^ vga_planes(r->gfx[GFX_COLOUR_COMPARE])) &
                                 vga_planes(r->gfx[GFX_DONT_CARE]);
        return (uint8_t)~fold(differs);
    }
    const unsigned map = r->gfx[GFX_READ_MAP] & 3;
    return (uint8_t)(r->latch >> 8 * (odd_even ? (map & 2) | (at & 1) : map));
}

uint8_t vga_memory_read(struct vga *v, unsigned offset)
{
    uint64_t at;
    if (!locate(v, offset, &at)) {
        return 0xff;
    }
    if (is_chain4(&v->regs)) {
        at = chained(&v->regs, at, reads_odd_even(&v->regs));
        return at < v->bytes ? v->memory[at] : 0xff;
    }
    return read_planes(v, at);
}

/* ---- writing */

static void store(struct vga *v, uint64_t at, uint8_t value)
{
    if (at < v->bytes && (enabled_planes(&v->regs) >> (at & 3) & 1)) {
        v->memory[at] = value;
        dirty_written(v->host.machine->memory, v->memory + at, 1);
    }
}

/* The four planes' bytes before the bit mask, which is in *mask. */
static uint32_t combine(const struct vga_regs *r, uint8_t value, uint32_t *mask)
{
    const unsigned turn = r->gfx[GFX_ROTATE] & 7, function = r->gfx[GFX_ROTATE] >> 3 & 3;
    const uint8_t turned = (uint8_t)(value >> turn | value << (8 - turn));
    const uint32_t set = vga_planes(r->gfx[GFX_SET_RESET]);
    uint32_t x;

    *mask = r->gfx[GFX_BIT_MASK] * 0x01010101u;
    switch (r->gfx[GFX_MODE] & 3) {
    case 0: {
        const uint32_t by_set = vga_planes(r->gfx[GFX_ENABLE_SET_RESET]);
        x = (turned * 0x01010101u & ~by_set) | (set & by_set);
        break;
    }
    case 2:
        x = vga_planes(value);
        break;
    default:
        *mask &= turned * 0x01010101u;
        x = set;
        break;
    }
    return function == 1   ? x & r->latch
           : function == 2 ? x | r->latch
           : function == 3 ? x ^ r->latch
                           : x;
}

static void write_planes(struct vga *v, uint64_t at, uint8_t value)
{
    const struct vga_regs *r = &v->regs;
    const bool odd_even = writes_odd_even(r);
    const uint64_t offset = plane_offset(r, at, odd_even);
    const unsigned planes = odd_even ? at & 1 ? 0xa : 0x5 : 0xf;
    if (offset >= v->bytes / 4) {
        return;
    }
    uint32_t x = r->latch;
    if ((r->gfx[GFX_MODE] & 3) != 1) { /* mode 1 stores the latches */
        uint32_t mask;
        x = combine(r, value, &mask);
        x = (x & mask) | (r->latch & ~mask);
    }
    const uint32_t enabled = vga_planes(enabled_planes(r) & planes);
    uint8_t *p = v->memory + 4 * offset;
    store_le32(p, (load_le32(p) & ~enabled) | (x & enabled));
    dirty_written(v->host.machine->memory, p, 4);
}

void vga_memory_write(struct vga *v, unsigned offset, uint8_t value)
{
    const struct vga_regs *r = &v->regs;
    uint64_t at;
    if (!locate(v, offset, &at)) {
        return;
    }
    if (is_chain4(r)) {
        store(v, chained(r, at, writes_odd_even(r)), value);
    } else {
        write_planes(v, at, value);
    }
}

/* ---- the map */

static uint64_t window_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    return vga_memory_read(opaque, (unsigned)offset);
}

static void window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    vga_memory_write(opaque, (unsigned)offset, (uint8_t)value);
}

static const struct mmio_ops window_ops = {.read = window_read, .write = window_write, .sizes = 1};

void vga_map_window(struct vga *v)
{
    v->host.window = space_add(v->host.machine->memory,
                               &(struct mem_range){.base = VGA_WINDOW,
                                                   .size = VGA_WINDOW_BYTES,
                                                   .kind = RANGE_MMIO,
                                                   .priority = 1,
                                                   .name = "vga-lowmem",
                                                   .ops = &window_ops,
                                                   .opaque = v,
                                                   .lock = v->host.machine->lock});
    vga_memory_update(v);
}

/* Shows bytes of memory from offset on at base; 0 bytes: none. */
static void show_direct(struct vga *v, paddr base, uint64_t offset, uint64_t bytes)
{
    struct vga_host *h = &v->host;
    struct space *s = h->machine->memory;
    if (h->direct_base == base && h->direct_offset == offset && h->direct_bytes == bytes) {
        return;
    }
    space_begin(s);
    if (h->direct) {
        space_remove(s, h->direct);
        h->direct = NULL;
    }
    if (bytes) {
        h->direct = space_add(s, &(struct mem_range){.base = base,
                                                     .size = bytes,
                                                     .kind = RANGE_RAM,
                                                     .priority = 2,
                                                     .name = "vga-direct",
                                                     .host = v->memory + offset});
    }
    space_commit(s);
    h->direct_base = base;
    h->direct_offset = offset;
    h->direct_bytes = bytes;
}

void vga_memory_update(struct vga *v)
{
    const struct vga_regs *r = &v->regs;
    uint64_t base, bytes;
    if (!v->host.window) {
        return;
    }
    map_of(r, &base, &bytes);
    const uint64_t offset = bytes == VGA_BANK_BYTES ? bank_offset(r) : 0;
    const bool direct = is_chain4(r) && enabled_planes(r) == 0xf && offset + bytes <= v->bytes;
    show_direct(v, direct ? VGA_WINDOW + base : 0, direct ? offset : 0, direct ? bytes : 0);
}

void vga_memory_unmap(struct vga *v)
{
    show_direct(v, 0, 0, 0);
    if (v->host.window) {
        space_remove(v->host.machine->memory, v->host.window);
        v->host.window = NULL;
    }
}
