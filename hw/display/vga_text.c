/* SPDX-License-Identifier: MIT */
/*
 * Text modes: codes and attributes in planes 0 and 1, fonts in plane 2, the cursor. IBM VGA/XGA
 * Technical Reference, chapter 2, "Alphanumeric Modes", "Character Map Select".
 */
#include "base/bits.h"
#include "hw/display/vga_draw.h"

enum {
    CURSOR_PHASE_NS = 228571428, /* 16 frames of 70 a second: on, then as long off */
    CURSOR = 1 << 16,            /* of a cell */
};

/* ---- layout */

struct layout {
    unsigned columns, rows, dots, lines; /* of the screen, of a cell */
};

/* False: the registers make no screen that can be shown. */
static bool layout_of(const struct vga_regs *r, struct layout *l)
{
    l->lines = (r->crtc[9] & 0x1fu) + 1;
    l->dots = r->seq[1] & 8 ? 16 : r->seq[1] & 1 ? 8 : 9;
    l->columns = r->crtc[1] + 1u;
    l->rows = vga_lines(r) / l->lines;
    const size_t n = (size_t)l->columns * l->rows;
    return n > 1 && n <= VGA_CELLS_MOST;
}

/* Offset in memory of row's first cell. The row in which the split is is shown to its end; where
 * the lines are compared with 0 there is none. */
static uint64_t row_offset(const struct vga_regs *r, const struct layout *l, unsigned row)
{
    const unsigned line_bytes = r->crtc[0x13] * 8u, compare = vga_line_compare(r);
    const unsigned first = (compare + l->lines - 1) / l->lines; /* below the split */
    if (compare && row >= first) {
        return (uint64_t)(row - first) * line_bytes;
    }
    return 4 * (uint64_t)vga_start(r) + (uint64_t)row * line_bytes;
}

/* The cell that the cursor is in, counted from the first one shown. */
static uint32_t cursor_offset(const struct vga_regs *r)
{
    return (r->crtc[0x0e] << 8 | r->crtc[0x0f]) - vga_start(r);
}

static bool has_cursor(const struct vga_regs *r)
{
    return !(r->crtc[0x0a] & 0x20);
}

/* ---- fonts */

static unsigned font_offset(unsigned map)
{
    return ((map >> 2 & 1) | (map & 3) << 1) * VGA_FONT_BYTES;
}

/* False: the fonts are those of the last picture. */
static bool read_fonts(const struct vga_frame *f, struct vga_text *t)
{
    const unsigned sel = f->regs.seq[3];
    const unsigned maps[2] = {(sel & 3) | (sel >> 2 & 4), (sel >> 2 & 3) | (sel >> 3 & 4)};
    bool changed = false;
    for (unsigned k = 0; k < 2; k++) {
        const uint64_t base = 4 * (uint64_t)font_offset(maps[k]) + 2;
        for (unsigned i = 0; i < VGA_FONT_BYTES; i++) {
            const uint8_t b = f->memory[base + 4 * i];
            changed |= t->font[k][i] != b;
            t->font[k][i] = b;
        }
    }
    return changed;
}

/* ---- drawing */

struct cell_look {
    const uint8_t *glyph;
    uint32_t fore, back;
    bool ninth; /* the ninth dot is as the eighth */
};

static void draw_row(uint32_t *out, unsigned dots, const struct cell_look *k, uint8_t bits)
{
    const unsigned each = dots == 16 ? 2 : 1;
    for (unsigned i = 0; i < 8 * each; i++) {
        out[i] = bits >> (7 - i / each) & 1 ? k->fore : k->back;
    }
    if (dots == 9) {
        out[8] = (bits & 1) && k->ninth ? k->fore : k->back;
    }
}

/* The lines of the cursor, beginning at the first of the cell. */
static void draw_cursor(const struct vga_regs *r, const struct layout *l, struct surface *s,
                        uint32_t *out, uint32_t colour)
{
    const unsigned first = r->crtc[0x0a] & 0x1f, end = r->crtc[0x0b] & 0x1f;
    const unsigned last = end < l->lines ? end : l->lines - 1;
    for (unsigned y = first; y <= last; y++) {
        for (unsigned x = 0; x < l->dots; x++) {
            out[y * s->stride + x] = colour;
        }
    }
}

static void draw_cell(const struct vga_frame *f, const struct vga_text *t, const struct layout *l,
                      struct surface *s, unsigned n)
{
    const unsigned x = n % l->columns, y = n / l->columns;
    const unsigned code = t->cells[n] & 0xff, attr = t->cells[n] >> 8 & 0xff;
    const struct cell_look k = {
        .glyph = t->font[attr >> 3 & 1] + code * VGA_GLYPH_LINES,
        .fore = f->colours16[attr & 0xf],
        .back = f->colours16[attr >> 4],
        .ninth = (f->regs.attr[0x10] & 4) && code >= 0xb0 && code <= 0xdf,
    };
    uint32_t *out = s->pixels + (size_t)y * l->lines * s->stride + (size_t)x * l->dots;
    for (unsigned i = 0; i < l->lines; i++) {
        draw_row(out + (size_t)i * s->stride, l->dots, &k, k.glyph[i]);
    }
    if (t->cells[n] & CURSOR) {
        draw_cursor(&f->regs, l, s, out, k.fore);
    }
}

/* Code and attribute at offset in memory, which goes on at the front. */
static uint16_t cell_at(const struct vga_frame *f, uint64_t offset)
{
    return load_le16(f->memory + (offset & (f->bytes - 1) & ~UINT64_C(3)));
}

static void draw_text_row(const struct vga_frame *f, struct vga_text *t, const struct layout *l,
                          struct screen *s, unsigned y)
{
    const uint64_t row = row_offset(&f->regs, l, y);
    const bool cursor = t->cursor_phase && has_cursor(&f->regs);
    unsigned first = l->columns, end = 0;
    for (unsigned x = 0; x < l->columns; x++) {
        uint32_t cell = cell_at(f, row + 4 * x), *old = &t->cells[y * l->columns + x];
        const uint32_t place = (uint32_t)(row / 4 + x) - vga_start(&f->regs);
        if (cursor && place == cursor_offset(&f->regs)) {
            cell |= CURSOR;
        }
        if (f->full || *old != cell) {
            *old = cell;
            draw_cell(f, t, l, s->surface, y * l->columns + x);
            first = x < first ? x : first;
            end = x + 1;
        }
    }
    if (first < end) {
        screen_changed(s, first * l->dots, y * l->lines, (end - first) * l->dots, l->lines);
    }
}

static void blink(struct vga_text *t, uint64_t now_ns)
{
    if (now_ns >= t->phase_ends_ns) {
        t->cursor_phase = !t->cursor_phase;
        t->phase_ends_ns = now_ns + CURSOR_PHASE_NS;
    }
}

void vga_text_draw(struct vga_frame *f, struct vga_text *t, struct screen *s, uint64_t now_ns)
{
    struct layout l;
    if (!layout_of(&f->regs, &l) || !screen_resize(s, l.columns * l.dots, l.rows * l.lines)) {
        return;
    }
    blink(t, now_ns);
    f->full |= read_fonts(f, t);
    for (unsigned y = 0; y < l.rows; y++) {
        draw_text_row(f, t, &l, s, y);
    }
}

/* ---- as text */

void vga_text_read(const struct vga_frame *f, struct screen_text *out)
{
    const struct vga_regs *r = &f->regs;
    struct layout l;
    if (!layout_of(r, &l) || !screen_text_size(out, l.columns, l.rows)) {
        return;
    }
    for (unsigned y = 0; y < l.rows; y++) {
        for (unsigned x = 0; x < l.columns; x++) {
            out->cells[(size_t)y * l.columns + x] = cell_at(f, row_offset(r, &l, y) + 4 * x);
        }
    }
    const uint32_t at = cursor_offset(r);
    if (has_cursor(r) && at < l.columns * l.rows) {
        out->cursor = true;
        out->cursor_x = at % l.columns;
        out->cursor_y = at / l.columns;
    }
}
