/* SPDX-License-Identifier: MIT */
/*
 * VGA's picture is brought up to date: which kind of mode it is, and how much of it is new.
 *
 * The registers are copied under the lock, and everything is drawn from the copy. So a guest that
 * changes them meanwhile gets a picture of what they were, or of what they are, and no size is
 * looked at twice. Memory may change under our eyes: what was written after the log was fetched is
 * in the next log.
 */
#include "hw/display/vga_draw.h"

#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "memory/dirty.h"

enum {
    ATTR_PALETTE_ON = 0x20, /* of the index: the palette is the screen's, not the CPU's */
    GFX_GRAPHICS = 0x01,
    ATTR_P54 = 0x80, /* bits 5 and 4 of colours are of the colour select register */
};

/* ---- memory that was written */

struct vga_drawn *vga_drawn_new(const struct vga *v)
{
    struct vga_drawn *d = mem_alloc(sizeof(*d));
    d->dirty = mem_array(((v->bytes >> DIRTY_PAGE_BITS) + 63) / 64, sizeof(*d->dirty));
    return d;
}

void vga_drawn_free(struct vga_drawn *d)
{
    mem_free(d->dirty);
    mem_free(d);
}

bool vga_frame_is_dirty(const struct vga_frame *f, uint64_t offset, uint64_t n, uint64_t reach)
{
    const uint64_t pages = reach >> DIRTY_PAGE_BITS;
    const uint64_t last = (offset + n - 1) >> DIRTY_PAGE_BITS;
    bool dirty = f->full;
    for (uint64_t page = offset >> DIRTY_PAGE_BITS; page <= last && !dirty; page++) {
        const uint64_t at = page & (pages - 1); /* it goes on at the front */
        dirty = f->dirty[at / 64] >> (at % 64) & 1;
    }
    return dirty;
}

/* The loop's thread; no lock is held. */
static void watched(void *opaque, bool on)
{
    struct vga *v = opaque;
    struct space *s = v->host.machine->memory;
    if (on) {
        dirty_log_start_range(s, DIRTY_DISPLAY, v->memory, v->bytes);
    } else {
        dirty_log_stop_range(s, DIRTY_DISPLAY, v->memory, v->bytes);
    }
    v->host.watched = on;
    v->host.drawn->valid = false;
}

/* ---- colours */

static uint32_t colour_of(const struct vga_regs *r, unsigned i, bool all_8bits)
{
    uint32_t colour = 0;
    for (unsigned k = 0; k < 3; k++) {
        unsigned c = r->palette[3 * i + k];
        if (!all_8bits) { /* 6 bits, of which the lowest is repeated */
            c = (c & 0x3f) << 2 | (c & 1) << 1 | (c & 1);
        }
        colour = colour << 8 | c;
    }
    return colour;
}

static void find_colours(struct vga_frame *f)
{
    const struct vga_regs *r = &f->regs;
    for (unsigned i = 0; i < VGA_COLOURS; i++) {
        f->colours[i] = colour_of(r, i, r->dac_8bit);
    }
    for (unsigned i = 0; i < 16; i++) {
        const unsigned at = r->attr[0x10] & ATTR_P54
                                ? (r->attr[0x14] & 0xf) << 4 | (r->attr[i] & 0xf)
                                : (r->attr[0x14] & 0xc) << 4 | (r->attr[i] & 0x3f);
        f->colours16[i] = colour_of(r, at & 0xff, false);
    }
}

/* ---- what is drawn */

/* What says nothing about the picture. */
static void leave_out(struct vga_regs *r)
{
    r->seq_index = r->gfx_index = r->crtc_index = 0;
    r->attr_index &= ATTR_PALETTE_ON;
    r->attr_data = false;
    r->status = r->feature = 0;
    r->dac_state = r->dac_read = r->dac_write = r->dac_part = 0;
    memset(r->dac_cache, 0, sizeof(r->dac_cache));
    r->vbe_index = r->bank = r->vbe[VBE_BANK] = 0;
    r->latch = 0;
    r->seq[2] = 0;
    memset(r->gfx, 0, 5);
    r->gfx[7] = r->gfx[8] = 0;
}

static void snap(struct vga *v, struct vga_frame *f)
{
    os_mutex_lock(v->host.machine->lock);
    f->regs = v->regs;
    os_mutex_unlock(v->host.machine->lock);
    leave_out(&f->regs);
    f->memory = v->memory;
    f->bytes = v->bytes;
}

/* As large as the last picture. */
static void draw_blank(struct screen *s, bool full)
{
    if (!s->surface && !screen_resize(s, 640, 480)) {
        return;
    }
    const struct surface *p = s->surface;
    if (full) {
        memset(p->pixels, 0, (size_t)p->stride * p->height * sizeof(*p->pixels));
        screen_changed(s, 0, 0, p->width, p->height);
    }
}

static enum vga_kind kind_of(const struct vga_regs *r)
{
    return !(r->attr_index & ATTR_PALETTE_ON) ? VGA_BLANK
           : r->gfx[6] & GFX_GRAPHICS         ? VGA_GRAPHICS
                                              : VGA_TEXT;
}

static void refresh(void *opaque)
{
    struct vga *v = opaque;
    struct vga_drawn *d = v->host.drawn;
    struct vga_frame f;
    bool written = true;

    if (v->host.watched) {
        written = dirty_log_fetch(v->host.machine->memory, DIRTY_DISPLAY, v->memory, v->bytes,
                                  d->dirty);
    }
    snap(v, &f);
    f.dirty = d->dirty;
    f.full = !v->host.watched || !d->valid || memcmp(&f.regs, &d->frame.regs, sizeof(f.regs)) != 0;
    find_colours(&f);
    const enum vga_kind kind = kind_of(&f.regs);
    if (kind != d->kind) {
        d->kind = kind;
        d->text.phase_ends_ns = 0;
    }
    if (kind == VGA_BLANK) {
        draw_blank(&v->host.screen, f.full);
    } else if (kind == VGA_TEXT) {
        vga_text_draw(&f, &d->text, &v->host.screen, clock_now_ns(v->host.machine->clock));
    } else if (f.full || written) {
        vga_graphics_draw(&f, &v->host.screen);
    }
    d->frame = f;
    d->valid = true;
}

static void read_text(void *opaque, struct screen_text *t)
{
    struct vga *v = opaque;
    struct vga_frame f;
    snap(v, &f);
    if (kind_of(&f.regs) == VGA_TEXT) {
        vga_text_read(&f, t);
    }
}

const struct screen_ops vga_screen_ops = {
    .refresh = refresh, .watched = watched, .text = read_text};
