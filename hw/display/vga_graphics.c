/* SPDX-License-Identifier: MIT */
/*
 * Graphics modes: planes, four colours in pairs of planes, 256 colours, and true colour of the
 * display interface. IBM VGA/XGA Technical Reference, chapter 2, "Video Modes", "Shift Registers",
 * "CRT Controller".
 */
#include <string.h>

#include "base/bits.h"
#include "hw/display/vga_draw.h"

enum {
    ATTR_PAN_ABOVE = 0x20, /* below the split nothing is left out */
};

enum shift {
    SHIFT_PLANES,
    SHIFT_PAIRS,
    SHIFT_BYTES,
};

/* How the lines are made of memory. */
struct layout {
    enum shift shift;
    bool doubled; /* each pixel is two dots wide */
    bool true_colour;
    unsigned pixel_bytes;
    enum surface_format format;
    unsigned width, height; /* dots */
    unsigned repeat;        /* times that a line of memory is drawn, less one */
    uint32_t line_bytes, start;
    uint64_t reach; /* memory is seen modulo this */
    unsigned split; /* the last line before the start of memory */
    unsigned pan;   /* dots that are left out at the left */
};

static void layout_of(const struct vga_regs *r, uint64_t bytes, struct layout *l)
{
    const unsigned shift = r->gfx[5] >> 5 & 3;
    *l = (struct layout){.shift = shift >= 2 ? SHIFT_BYTES : (enum shift)shift,
                         .doubled = shift >= 2 || (r->seq[1] & 8),
                         .width = (r->crtc[1] + 1u) * 8,
                         .height = vga_lines(r),
                         .line_bytes = r->crtc[0x13] * 8u,
                         .start = vga_start(r) * 4,
                         .reach = VGA_PLANES_BYTES,
                         .split = vga_line_compare(r),
                         .pan = r->attr[0x13] & 7u};
    l->repeat = !(r->crtc[0x17] & 1) ? r->crtc[9] >> 7
                                     : (((r->crtc[9] & 0x1fu) + 1) << (r->crtc[9] >> 7)) - 1;
    if (l->shift != SHIFT_BYTES && (r->seq[1] & 8)) {
        l->width *= 2;
    }
    if (!vbe_enabled(r)) {
        return;
    }
    l->width = r->vbe[VBE_XRES];
    l->height = r->vbe[VBE_YRES];
    l->line_bytes = vbe_line_bytes(r);
    l->start = vbe_start(r);
    l->doubled = false;
    l->reach = r->vbe[VBE_BPP] == 4 ? VGA_PLANES_BYTES : bytes; /* planes are of 64 KiB each */
    switch (r->vbe[VBE_BPP]) {
    case 15:
        l->format = SURFACE_X1R5G5B5;
        break;
    case 16:
        l->format = SURFACE_R5G6B5;
        break;
    case 24:
        l->format = SURFACE_R8G8B8;
        break;
    case 32:
        l->format = SURFACE_X8R8G8B8;
        break;
    default:
        return;
    }
    l->true_colour = true;
    l->pixel_bytes = surface_pixel_bytes(l->format);
}

static uint32_t word_at(const struct vga_frame *f, const struct layout *l, uint64_t at)
{
    return load_le32(f->memory + (at & (l->reach - 1) & ~UINT64_C(3)));
}

/* ---- one line */

static void put(uint32_t **out, const uint32_t *end, uint32_t colour, bool doubled)
{
    for (unsigned i = doubled ? 2 : 1; i && *out < end; i--) {
        *(*out)++ = colour;
    }
}

/* The colour of dot 7-bit of a word of four planes. */
static unsigned planar_dot(uint32_t w, unsigned bit)
{
    return (w >> bit & 1) | (w >> (bit + 7) & 2) | (w >> (bit + 14) & 4) | (w >> (bit + 21) & 8);
}

static void draw_planes(const struct vga_frame *f, const struct layout *l, uint64_t at,
                        uint32_t *out)
{
    const uint32_t *end = out + l->width;
    for (; out < end; at += 4) {
        const uint32_t w = word_at(f, l, at);
        for (unsigned bit = 8; bit-- > 0;) {
            put(&out, end, f->colours16[planar_dot(w, bit) & f->regs.attr[0x12]], l->doubled);
        }
    }
}

/* Two bits of an even plane, and above them two of the next even one; then the odd ones. */
static void draw_pairs(const struct vga_frame *f, const struct layout *l, uint64_t at,
                       uint32_t *out)
{
    const uint32_t *end = out + l->width;
    for (; out < end; at += 4) {
        const uint32_t w = word_at(f, l, at) & vga_planes(f->regs.attr[0x12]);
        for (unsigned i = 0; i < 8; i++) {
            const unsigned shift = (i / 4) * 8 + 6 - 2 * (i % 4);
            const unsigned dot = (w >> shift & 3) | (w >> (shift + 16) & 3) << 2;
            put(&out, end, f->colours16[dot], l->doubled);
        }
    }
}

static void draw_bytes(const struct vga_frame *f, const struct layout *l, uint64_t at,
                       uint32_t *out)
{
    const uint32_t *end = out + l->width;
    for (; out < end; at++) {
        put(&out, end, f->colours[f->memory[at & (l->reach - 1)]], l->doubled);
    }
}

static void draw_dots(const struct vga_frame *f, const struct layout *l, uint64_t at, uint32_t *out)
{
    if (l->shift == SHIFT_PLANES) {
        draw_planes(f, l, at, out);
    } else if (l->shift == SHIFT_PAIRS) {
        draw_pairs(f, l, at, out);
    } else {
        draw_bytes(f, l, at, out);
    }
}

static void draw_line(const struct vga_frame *f, const struct layout *l, uint64_t at, uint32_t *out)
{
    /* With 256 colours a dot takes two steps, and is two dots wide here. */
    const unsigned left_out = l->shift == SHIFT_BYTES ? l->pan & 6
                              : l->doubled            ? 2 * l->pan
                                                      : l->pan;
    if (!left_out) {
        draw_dots(f, l, at, out);
        return;
    }
    uint32_t line[VBE_MOST_X + 16];
    struct layout wider = *l;
    wider.width += left_out;
    draw_dots(f, &wider, at, line);
    memcpy(out, line + left_out, l->width * sizeof(*out));
}

/* ---- true colour */

/* The other order of bytes, of pixels of two or four. */
static void turn(uint8_t *p, unsigned bytes, unsigned each)
{
    for (unsigned i = 0; i + each <= bytes && each != 3; i += each) {
        for (unsigned k = 0; k < each / 2; k++) {
            const uint8_t low = p[i + k];
            p[i + k] = p[i + each - 1 - k];
            p[i + each - 1 - k] = low;
        }
    }
}

/* A line of the guest's pixels, aligned and in one piece. */
static void draw_true_colour(const struct vga_frame *f, const struct layout *l, uint64_t at,
                             struct surface *s, unsigned y)
{
    uint32_t line[VBE_MOST_X];
    const unsigned bytes = l->width * l->pixel_bytes;
    uint8_t *p = (uint8_t *)line;
    for (unsigned done = 0, n; done < bytes; done += n) {
        const uint64_t offset = (at + done) & (f->bytes - 1);
        n = bytes - done < f->bytes - offset ? bytes - done : (unsigned)(f->bytes - offset);
        memcpy(p + done, f->memory + offset, n);
    }
    if (f->regs.big_endian) {
        turn(p, bytes, l->pixel_bytes);
    }
    surface_put(s, y, l->format, p);
}

/* ---- the picture */

static unsigned line_bytes_drawn(const struct layout *l)
{
    const unsigned dots = (l->doubled ? l->width / 2 : l->width) + l->pan;
    return l->true_colour            ? l->width * l->pixel_bytes
           : l->shift == SHIFT_BYTES ? dots
                                     : (dots + 7) / 8 * 4;
}

/* The address lines that the row counter of the first adapters drove. */
static uint64_t address_of(const struct vga_regs *r, uint64_t at, unsigned row)
{
    if (!(r->crtc[0x17] & 1)) {
        const unsigned bit = 14 + (r->crtc[0x17] >> 6 & 1);
        at = (at & ~(UINT64_C(1) << bit)) | (uint64_t)(row & 1) << bit;
    }
    if (!(r->crtc[0x17] & 2)) {
        at = (at & ~UINT64_C(0x8000)) | (uint64_t)(row & 2) << 14;
    }
    return at;
}

struct changes {
    unsigned first, end;
};

static void tell(struct screen *s, const struct layout *l, struct changes *c)
{
    if (c->first < c->end) {
        screen_changed(s, 0, c->first, l->width, c->end - c->first);
    }
    c->first = c->end = 0;
}

void vga_graphics_draw(struct vga_frame *f, struct screen *s)
{
    const struct vga_regs *r = &f->regs;
    struct layout l;
    struct changes c = {0, 0};
    layout_of(r, f->bytes, &l);
    if (!screen_resize(s, l.width, l.height)) {
        return;
    }
    const unsigned drawn = line_bytes_drawn(&l), mask = (r->crtc[0x17] & 3) ^ 3;
    uint64_t at = l.start;
    unsigned row = 0, repeat = l.repeat;
    for (unsigned y = 0; y < l.height; y++) {
        const uint64_t from = address_of(r, at, row);
        if (vga_frame_is_dirty(f, from, drawn, l.reach)) {
            c.first = c.first < c.end ? c.first : y;
            c.end = y + 1;
            if (l.true_colour) {
                draw_true_colour(f, &l, from, s->surface, y);
            } else {
                draw_line(f, &l, from, s->surface->pixels + (size_t)y * s->surface->stride);
            }
        } else {
            tell(s, &l, &c);
        }
        if (repeat) {
            repeat--;
        } else {
            at += (row & mask) == mask ? l.line_bytes : 0;
            row++;
            repeat = l.repeat;
        }
        if (y == l.split) {
            at = 0;
            l.pan = r->attr[0x10] & ATTR_PAN_ABOVE ? 0 : l.pan;
        }
    }
    tell(s, &l, &c);
}
