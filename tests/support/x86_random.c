/* SPDX-License-Identifier: MIT */
/* See x86_random.h: a guess that has the row's fixed parts, until the decoder says it is one. */
#include "tests/support/x86_random.h"

#include <string.h>

struct guess {
    struct rng *rng;
    uint8_t bytes[40];
    unsigned n;
};

static bool once_in(struct guess *g, unsigned n)
{
    return rng_below(g->rng, n) == 0;
}

static void add(struct guess *g, unsigned byte)
{
    g->bytes[g->n++] = (uint8_t)byte;
}

static uint8_t random_byte(struct guess *g)
{
    return (uint8_t)rng_u32(g->rng);
}

static void add_legacy_prefixes(struct guess *g, const struct x86_row *r)
{
    static const uint8_t segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    if (once_in(g, 8)) {
        add(g, 0x67);
    }
    if (once_in(g, 8)) {
        add(g, segments[rng_below(g->rng, 6)]);
    }
    if (r->vex) {
        return;
    }
    if (r->pp >= 2 || once_in(g, 16)) {
        add(g, r->pp == 2 || (r->pp == 0 && once_in(g, 2)) ? 0xf3 : 0xf2);
    }
    if (r->pp == 1 || once_in(g, 4)) {
        add(g, 0x66);
    }
    if (once_in(g, 8)) {
        add(g, 0xf0);
    }
}

static void add_vex(struct guess *g, const struct x86_row *r, unsigned mode)
{
    const unsigned vvvv = once_in(g, 2) ? 0x78 : random_byte(g) & 0x78;
    const unsigned last = vvvv | (random_byte(g) & 4) | r->pp;
    if (r->map == 1 && once_in(g, 2)) {
        add(g, 0xc5);
        add(g, last | (mode == 8 ? random_byte(g) & 0x80 : 0x80));
        g->bytes[g->n - 1] |= mode == 8 ? 0 : 0x40;
        return;
    }
    add(g, 0xc4);
    add(g, (mode == 8 ? random_byte(g) & 0xe0 : 0xc0 | (random_byte(g) & 0x20)) | r->map);
    add(g, last | (random_byte(g) & 0x80));
}

static void add_escapes(struct guess *g, const struct x86_row *r, unsigned mode)
{
    if (mode == 8 && once_in(g, 2)) {
        add(g, 0x40 | (random_byte(g) & 15));
    }
    if (r->map) {
        add(g, 0x0f);
    }
    if (r->map > 1) {
        add(g, r->map == 2 ? 0x38 : 0x3a);
    }
}

unsigned x86_random_of(struct rng *rng, const struct x86_map *map, unsigned row, unsigned mode,
                       uint8_t *p)
{
    const struct x86_row *r = &map->rows[row];
    for (unsigned tries = 0; tries < (r->modes & mode ? 5000 : 0); tries++) {
        struct guess g = {.rng = rng};
        struct x86_instr i;
        add_legacy_prefixes(&g, r);
        if (r->vex) {
            add_vex(&g, r, mode);
        } else {
            add_escapes(&g, r, mode);
        }
        add(&g, (random_byte(&g) & ~r->opcode_mask) | r->opcode);
        add(&g, (random_byte(&g) & ~r->modrm_mask) | r->modrm);
        rng_bytes(rng, g.bytes + g.n, sizeof(g.bytes) - g.n);
        if (map->decode(mode, g.bytes, sizeof(g.bytes), &i) == X86_OK && i.row == row) {
            memcpy(p, g.bytes, i.bytes);
            return i.bytes;
        }
    }
    return 0;
}
