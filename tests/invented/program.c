/* SPDX-License-Identifier: MIT */
/* See program.h. */
#include "tests/invented/program.h"

#include <string.h>

#include "base/bits.h"
#include "tests/invented/inv_decode.h"

/* What the random programs are made of, and how often. */
static const struct {
    uint8_t row, weight;
} mix[] = {
    {INV_ROW_mov, 3},   {INV_ROW_add, 4},    {INV_ROW_sub, 4},     {INV_ROW_and, 2},
    {INV_ROW_xor, 2},   {INV_ROW_cmp, 4},    {INV_ROW_adc, 2},     {INV_ROW_shl, 1},
    {INV_ROW_mul, 1},   {INV_ROW_rev, 1},    {INV_ROW_jr, 1},      {INV_ROW_callr, 1},
    {INV_ROW_ret, 2},   {INV_ROW_trap, 1},   {INV_ROW_yield, 1},   {INV_ROW_addi, 4},
    {INV_ROW_ld8, 2},   {INV_ROW_ld16, 2},   {INV_ROW_ld32, 3},    {INV_ROW_ld64, 3},
    {INV_ROW_lds32, 2}, {INV_ROW_st8, 2},    {INV_ROW_st16, 2},    {INV_ROW_st32, 3},
    {INV_ROW_st64, 3},  {INV_ROW_br, 8},     {INV_ROW_call, 4},    {INV_ROW_brct, 2},
    {INV_ROW_stpte, 1}, {INV_ROW_setsp, 2},  {INV_ROW_setmode, 1}, {INV_ROW_flush, 1},
    {INV_ROW_movi, 5},  {INV_ROW_addw, 2},   {INV_ROW_ldx, 2},     {INV_ROW_stx, 2},
    {INV_ROW_cmpbr, 6}, {INV_ROW_skip, 1},   {INV_ROW_rti, 1},     {INV_ROW_ei, 1},
    {INV_ROW_di, 1},    {INV_ROW_it, 3},     {INV_ROW_tm, 3},      {INV_ROW_ex, 3},
    {INV_ROW_far, 3},   {INV_ROW_copy, 1},   {INV_ROW_pin, 1},     {INV_ROW_pout, 1},
    {INV_ROW_xadd, 2},  {INV_ROW_setseg, 1}, {INV_ROW_mvm, 2},     {INV_ROW_setwp, 2},
};

static unsigned pick(struct rng *r)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < array_len(mix); i++) {
        sum += mix[i].weight;
    }
    uint64_t n = rng_below(r, sum);
    unsigned i = 0;
    while (n >= mix[i].weight) {
        n -= mix[i++].weight;
    }
    return mix[i].row;
}

#define BITS(word, shift, bits, value)                                                             \
    ((word) = ((word) & ~(mask64(bits) << (shift))) | ((uint64_t)(value)&mask64(bits)) << (shift))

/* Registers 8 to 11 point to data, 12 and 13 count, 14 links, 15 points to code. */
static unsigned base_register(struct rng *r)
{
    return rng_below(r, 8) ? 8 + (unsigned)rng_below(r, 4) : (unsigned)rng_below(r, 16);
}

static unsigned plain_register(struct rng *r)
{
    return (unsigned)rng_below(r, rng_below(r, 16) ? 8 : 16);
}

/* An address that often is one of something. */
static uint32_t address(struct rng *r)
{
    const uint32_t region = (uint32_t)rng_below(r, INV_REGIONS) << INV_REGION_SHIFT;
    const uint32_t page = (uint32_t)rng_below(r, 24) << GUEST_PAGE_BITS;
    const uint32_t at = (uint32_t)rng_below(r, GUEST_PAGE_SIZE);
    const uint32_t end[] = {GUEST_PAGE_SIZE, GUEST_PAGE_SIZE - CPU_PART_BYTES, INV_LOW_BYTES};

    return region | page | (rng_below(r, 3) ? at : end[rng_below(r, 3)] - 1 - at % 16);
}

static int64_t distance(struct rng *r)
{
    return rng_below(r, 6) ? (int64_t)rng_below(r, 60) + 1 : -(int64_t)rng_below(r, 60);
}

static bool loads_or_stores(unsigned row)
{
    return (row >= INV_ROW_ld8 && row <= INV_ROW_st64) || row == INV_ROW_ldx || row == INV_ROW_stx;
}

static uint32_t a_mode(struct rng *r)
{
    return rng_below(r, 8) ? INV_DAT | (rng_below(r, 8) ? 0 : INV_TRACE)
                           : (uint32_t)rng_below(r, INV_MODES + 1);
}

/* Operands that make sense, in a word whose instruction begins at bit 63. */
static uint64_t tune(struct rng *r, unsigned row, uint64_t w)
{
    if (row < INV_ROW_trap) {
        BITS(w, 52, 4, plain_register(r));
    }
    if (loads_or_stores(row)) {
        BITS(w, 52, 4, plain_register(r));
        BITS(w, 48, 4, base_register(r));
        if (row < INV_ROW_br) {
            BITS(w, 32, 16, (int64_t)rng_below(r, 128) - 64);
        } else {
            BITS(w, 16, 24, (int64_t)rng_below(r, 4096) - 2048);
        }
    }
    switch (row) {
    case INV_ROW_jr:
    case INV_ROW_callr:
    case INV_ROW_ret:
        BITS(w, 52, 4, 14);
        BITS(w, 48, 4, rng_below(r, 4) ? 14 : 15);
        break;
    case INV_ROW_br:
    case INV_ROW_call:
    case INV_ROW_brct:
        BITS(w, 52, 4, row == INV_ROW_call ? 14 : row == INV_ROW_brct ? 12 : rng_below(r, 16));
        BITS(w, 32, 16, distance(r));
        break;
    case INV_ROW_cmpbr:
        BITS(w, 32, 16, (int64_t)rng_below(r, 64) - 32);
        BITS(w, 16, 16, distance(r));
        break;
    case INV_ROW_movi:
        BITS(w, 52, 4, 6 + rng_below(r, 10));
        BITS(w, 16, 32,
             rng_below(r, 3)    ? address(r)
             : rng_below(r, 40) ? rng_below(r, 8)
                                : UINT64_MAX - rng_below(r, INV_NOWHERE + 8));
        break;
    case INV_ROW_it:
        BITS(w, 48, 4, rng_below(r, 4));
        break;
    case INV_ROW_ex:
        BITS(w, 52, 4, plain_register(r));
        BITS(w, 48, 4, rng_below(r, 4) ? 15 : base_register(r));
        break;
    case INV_ROW_copy:
        BITS(w, 52, 4, base_register(r));
        BITS(w, 48, 4, base_register(r));
        BITS(w, 44, 4, rng_below(r, 16));
        break;
    case INV_ROW_pin:
    case INV_ROW_pout:
        BITS(w, 48, 4, 12 + rng_below(r, 2));
        BITS(w, 32, 16, rng_below(r, INV_PORT_BYTES));
        break;
    case INV_ROW_setseg:
        BITS(w, 48, 4, rng_below(r, 3) ? 12 : base_register(r));
        BITS(w, 32, 16, rng_below(r, 256));
        break;
    case INV_ROW_xadd:
        BITS(w, 48, 4, base_register(r));
        BITS(w, 32, 16, rng_below(r, 128));
        break;
    case INV_ROW_far:
        BITS(w, 48, 4, 14 + rng_below(r, 2));
        BITS(w, 32, 16, rng_below(r, 8) ? rng_below(r, 4) : rng_below(r, 4096));
        break;
    case INV_ROW_stpte:
        BITS(w, 40, 8, rng_below(r, 4));
        BITS(w, 32, 8, rng_below(r, 24));
        break;
    case INV_ROW_setsp:
        BITS(w, 32, 16, rng_below(r, 4) | (rng_below(r, 4) ? 0 : rng_below(r, 64) << 4));
        break;
    case INV_ROW_mvm:
        BITS(w, 52, 4, base_register(r));
        BITS(w, 48, 4, base_register(r));
        BITS(w, 32, 16, rng_below(r, 64));
        break;
    case INV_ROW_setwp:
        BITS(w, 48, 4, rng_below(r, 6) ? base_register(r) : 12 + rng_below(r, 2));
        BITS(w, 40, 8, rng_below(r, rng_below(r, 4) ? 4 : 8));
        BITS(w, 32, 8, rng_below(r, rng_below(r, 4) ? 16 : 256));
        break;
    case INV_ROW_setmode:
        BITS(w, 32, 16, a_mode(r));
        break;
    case INV_ROW_flush:
        BITS(w, 32, 16, rng_below(r, 4) ? 2 * rng_below(r, INV_REGIONS) : 1);
        break;
    default:
        break;
    }
    return w;
}

static unsigned emit(struct rng *r, unsigned row, uint8_t *p)
{
    uint64_t w = 0;

    inv_random_row(r, row, &w);
    return inv_write(p, tune(r, row, w));
}

#define LOOP_BYTES 10 /* on either side of a page's end */

/* Code over the ends of pages. Behind each a loop ends that began before it. */
static void code(struct rng *r, uint8_t *ram)
{
    unsigned at = 0;

    while (at + 6 <= INV_CODE_BYTES) {
        const unsigned in_page = at % GUEST_PAGE_SIZE;
        if (in_page >= LOOP_BYTES && in_page < LOOP_BYTES + 6) {
            uint64_t w = 0;
            inv_random_row(r, INV_ROW_brct, &w);
            BITS(w, 52, 4, 13);
            BITS(w, 32, 16, -(int64_t)(LOOP_BYTES / 2 + in_page / 2 - rng_below(r, 3)));
            at += inv_write(ram + at, w);
        } else {
            at += emit(r, pick(r), ram + at);
        }
    }
}

static void page_tables(struct rng *r, uint8_t *ram)
{
    for (unsigned space = 0; space < INV_SPACES; space++) {
        for (unsigned page = 0; page < INV_SPACE_PAGES; page++) {
            const bool same = rng_below(r, 3) > 0;
            const bool code = page < INV_CODE_BYTES / GUEST_PAGE_SIZE;
            const bool device = rng_below(r, code ? 60 : 5) == 0;
            const uint32_t frame = device ? INV_DEVICE >> GUEST_PAGE_BITS
                                   : same ? page
                                          : (uint32_t)rng_below(r, 40);
            const uint32_t bits = (rng_below(r, 6) ? 0xf : (uint32_t)rng_below(r, 16)) |
                                  (rng_below(r, code ? 8 : 2) ? 0
                                                              : (uint32_t)rng_below(r, 16) << 4);
            store_be32(ram + INV_TABLES + (space * INV_SPACE_PAGES + page) * 4,
                       frame << GUEST_PAGE_BITS | bits);
        }
    }
}

static void registers(struct inv_cpu *c, struct rng *r)
{
    for (unsigned i = 0; i < 16; i++) {
        c->r[i] = i < 8    ? rng_u64(r)
                  : i < 12 ? address(r)
                  : i < 14 ? 1 + rng_below(r, 20)
                           : rng_below(r, INV_CODE_BYTES) & ~UINT64_C(1);
    }
    for (unsigned i = 0; i < INV_REGIONS; i++) {
        c->spaces[i] = (uint16_t)rng_below(r, 4);
    }
}

void inv_program(uint8_t *ram, uint64_t seed)
{
    struct rng r;

    rng_seed(&r, seed);
    rng_bytes(&r, ram, INV_RAM_BYTES);
    code(&r, ram);
    for (unsigned cause = 0; cause < INV_CAUSES; cause++) {
        uint8_t *p = ram + INV_VECTORS + cause * 256;
        p += emit(&r, INV_ROW_addi, p);
        const bool again = cause == INV_INTERRUPT || cause == INV_FOLLOWED;
        emit(&r, again ? INV_ROW_rti : INV_ROW_skip, p);
    }
    page_tables(&r, ram);
}

/* Where one of a few loops over the end of a page begins. */
static uint64_t a_loop(struct rng *r)
{
    return GUEST_PAGE_SIZE * (1 + rng_below(r, 3)) - LOOP_BYTES + 2 * rng_below(r, 3);
}

static void go_elsewhere(struct inv_cpu *c, struct rng *r)
{
    c->mode = a_mode(r);
    c->pc = rng_below(r, 3) ? a_loop(r) : rng_below(r, INV_CODE_BYTES / 2) * 2;
    c->ie = rng_below(r, 2);
    c->aux = (rng_below(r, INV_REGIONS) << (INV_REGION_SHIFT - 4) |
              (rng_below(r, 4) ? 0 : rng_below(r, 1024)))
             << 32;
    registers(c, r);
    atomic_store(&c->vcpu.interrupt_lines, rng_below(r, 2));
    tcg_context_changed(&c->vcpu);
}

/* A device writes instructions, more often than not where they may be executed soon. */
static void write_code(struct inv_cpu *c, struct rng *r)
{
    const uint64_t near = (c->pc & (INV_CODE_BYTES - 2)) + 2 * rng_below(r, 64);
    const uint64_t end = GUEST_PAGE_SIZE * (1 + rng_below(r, 3)) - 4 + 2 * rng_below(r, 4);
    const uint64_t at = rng_below(r, 2)   ? end
                        : rng_below(r, 2) ? near % INV_CODE_BYTES
                                          : rng_below(r, INV_CODE_BYTES / 2) * 2;
    uint8_t p[6];

    const unsigned n = emit(r, pick(r), p);
    space_write(c->vcpu.memory, at, p, n);
}

/* The pages of code are elsewhere than before. */
static void move_code(struct inv_cpu *c, struct rng *r)
{
    const uint32_t frame = (uint32_t)rng_below(r, 8);

    inv_set_pte(&c->vcpu, c->spaces[rng_below(r, INV_REGIONS)], (unsigned)rng_below(r, 5),
                frame << GUEST_PAGE_BITS | 0xf);
}

void inv_start(struct inv_cpu *c, struct rng *r)
{
    c->vcpu.cls->reset(&c->vcpu);
    atomic_store(&c->vcpu.interrupt_lines, 0);
    registers(c, r);
    c->mode = INV_DAT;
    c->pc = c->restart = 0x1000;
    tcg_context_changed(&c->vcpu);
}

void inv_event(struct inv_cpu *c, struct rng *r)
{
    if (rng_below(r, 2)) {
        move_code(c, r); /* whoever calls flushes TLBs */
    }
    for (uint64_t n = rng_below(r, 6); n > 0; n--) {
        write_code(c, r);
    }
    if (rng_below(r, 3)) {
        go_elsewhere(c, r);
    }
}
