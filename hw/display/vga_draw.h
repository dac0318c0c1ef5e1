/* SPDX-License-Identifier: MIT */
/*
 * How VGA's picture is drawn: from a copy of the registers, so the guest goes on meanwhile, and
 * into a surface of whatever size the copy says. Between the files of hw/display/vga_*.
 */
#ifndef HW_DISPLAY_VGA_DRAW_H
#define HW_DISPLAY_VGA_DRAW_H

#include "base/surface.h"
#include "hw/display/vga.h"

#define VGA_GLYPH_LINES 32
#define VGA_GLYPHS 256
#define VGA_FONT_BYTES (VGA_GLYPHS * VGA_GLYPH_LINES)

/* One picture. */
struct vga_frame {
    struct vga_regs regs;
    const uint8_t *memory;
    size_t bytes;          /* a power of two */
    const uint64_t *dirty; /* a bit a page */
    bool full;             /* nothing of what was drawn before is left */
    uint32_t colours[VGA_COLOURS], colours16[16];
};

#define VGA_CELLS_MOST (1 << 14)

/* A text screen as it was drawn. */
struct vga_text {
    uint8_t font[2][VGA_FONT_BYTES];
    uint32_t cells[VGA_CELLS_MOST]; /* code, attribute << 8, and the cursor above */
    bool cursor_phase;
    uint64_t phase_ends_ns;
};

enum vga_kind {
    VGA_NOTHING, /* was drawn yet */
    VGA_BLANK,
    VGA_TEXT,
    VGA_GRAPHICS
};

struct vga_drawn {
    enum vga_kind kind;
    struct vga_frame frame; /* as it was drawn last */
    struct vga_text text;
    uint64_t *dirty; /* pages of memory; NULL: all are */
    bool valid;
};

/* Bits of registers that belong together. */
static inline unsigned vga_start(const struct vga_regs *r)
{
    return r->crtc[0x0c] << 8 | r->crtc[0x0d];
}

static inline unsigned vga_line_compare(const struct vga_regs *r)
{
    return r->crtc[0x18] | (r->crtc[0x07] & 0x10) << 4 | (r->crtc[0x09] & 0x40) << 3;
}

static inline unsigned vga_lines(const struct vga_regs *r)
{
    return (r->crtc[0x12] | (r->crtc[0x07] & 0x02) << 7 | (r->crtc[0x07] & 0x40) << 3) + 1u;
}

/* A page of n bytes at offset, modulo reach, was written since the last picture. */
bool vga_frame_is_dirty(const struct vga_frame *f, uint64_t offset, uint64_t n, uint64_t reach);

/* vga_text.c */
void vga_text_draw(struct vga_frame *f, struct vga_text *t, struct screen *s, uint64_t now_ns);
void vga_text_read(const struct vga_frame *f, struct screen_text *out);

/* vga_graphics.c */
void vga_graphics_draw(struct vga_frame *f, struct screen *s);

#endif
