/* SPDX-License-Identifier: MIT */
/*
 * Programs of random pieces. Registers: x0-x15 are data; x16 and x17 serve within a piece and in
 * the handler; x18 is a hash of faults. x19, x21, x22 and x27 are addresses that pieces access
 * around; x20 is the device, x23 and x24 the tables of the window, x25 counts rounds, x26 the
 * flash, x28 the other address space, x30 returns.
 */
#include "tests/support/churn_program.h"

#include "base/bits.h"

#define PIECES 700u
#define ROUNDS 12u

struct writer {
    struct rng *r;
    uint8_t *ram;
    uint64_t at;   /* physical */
    bool still;    /* the map of memory stays as it is */
    bool coherent; /* code is written without maintenance */
};

static void emit(struct writer *w, uint32_t insn)
{
    store_le32(w->ram + (w->at - CHURN_RAM), insn);
    w->at += 4;
}

static unsigned below(struct writer *w, unsigned n)
{
    return (unsigned)rng_below(w->r, n);
}

static bool one_in(struct writer *w, unsigned n)
{
    return below(w, n) == 0;
}

/* ---- encodings (DDI 0487, C6.2) */

static void mov(struct writer *w, unsigned rd, uint64_t value)
{
    emit(w, 0xd2800000 | (uint32_t)(value & 0xffff) << 5 | rd);
    for (unsigned hw = 1; hw < 4; hw++) {
        const uint32_t part = value >> (16 * hw) & 0xffff;
        if (part) {
            emit(w, 0xf2800000 | hw << 21 | part << 5 | rd);
        }
    }
}

static void msr(struct writer *w, uint32_t reg, uint64_t value)
{
    mov(w, 16, value);
    emit(w, 0xd5180000 | reg | 16);
}

enum {
    SCTLR = 0x1000,
    CPACR = 0x1040,
    TTBR0 = 0x2000,
    TCR = 0x2040,
    MAIR = 0xa200,
    VBAR = 0xc000,
    ISB = 0xd5033fdf,
    DSB = 0xd5033f9f,
    RET = 0xd65f03c0,
    ERET = 0xd69f03e0
};

static unsigned data(struct writer *w)
{
    return below(w, 16);
}

static unsigned base(struct writer *w)
{
    static const uint8_t bases[] = {19, 19, 21, 22, 27};
    return bases[below(w, sizeof(bases))];
}

/* ---- pieces */

static void compute(struct writer *w)
{
    static const uint32_t ops[] = {0x8b000000, 0xcb000000, 0xca000000, 0xaa000000};
    const uint32_t op = ops[below(w, 4)], shift = below(w, 64);
    emit(w, op | data(w) << 16 | shift << 10 | data(w) << 5 | data(w));
}

/* One access near the base: sizes of 1 to 16 bytes, aligned to them or not. */
static void access_near(struct writer *w, unsigned rn)
{
    static const uint32_t scaled[] = {0x39000000, 0x79000000, 0xb9000000, 0xf9000000, 0x3d800000};
    static const uint32_t unscaled[] = {0x38000000, 0x78000000, 0xb8000000, 0xf8000000, 0x3c800000};
    const unsigned size = below(w, 5), load = below(w, 3) ? 1u << 22 : 0;

    if (one_in(w, 6)) { /* a pair */
        emit(w, 0xa9000000 | load | below(w, 32) << 15 | data(w) << 10 | rn << 5 | data(w));
    } else if (one_in(w, 3)) {
        emit(w, unscaled[size] | load | below(w, 256) << 12 | rn << 5 | data(w));
    } else {
        emit(w, scaled[size] | load | below(w, 24) << 10 | rn << 5 | data(w));
    }
}

static void accesses(struct writer *w)
{
    const unsigned rn = base(w);
    for (unsigned n = 1 + below(w, 4); n > 0; n--) {
        access_near(w, rn);
    }
}

static void rare_access(struct writer *w)
{
    const unsigned rn = base(w), rt = data(w), rs = data(w);
    switch (below(w, 6)) {
    case 0: /* ldtr, sttr */
        emit(w, 0xf8000800 | below(w, 2) << 22 | below(w, 200) << 12 | rn << 5 | rt);
        break;
    case 1: /* ldadd */
        emit(w, 0xf8200000 | rs << 16 | rn << 5 | rt);
        break;
    case 2: /* ldxr, stxr: the data registers differ */
        emit(w, 0xc85f7c00 | rn << 5 | 16);
        emit(w, 0xc8007c00 | 17 << 16 | rn << 5 | rt);
        emit(w, 0xca110000 | 18 << 5 | 18);
        break;
    case 3: /* dc zva */
        emit(w, 0xd50b7420 | rn);
        break;
    case 4: /* what the walk says: AT S1E1R, S1E0W */
        emit(w, (one_in(w, 2) ? 0xd5087800 : 0xd5087860) | rn);
        emit(w, ISB);
        emit(w, 0xd5387400 | rt);
        break;
    default: /* dc cvau, an access by the walk that faults as one */
        emit(w, 0xd50b7b20 | rn);
    }
}

static void move_base(struct writer *w)
{
    static const struct {
        uint64_t at;
        unsigned pages;
    } places[] = {{CHURN_WINDOW, CHURN_WINDOW_PAGES},      {CHURN_WINDOW, CHURN_WINDOW_PAGES},
                  {CHURN_DATA, CHURN_DATA_PAGES},          {CHURN_ALIAS + CHURN_FLASH, 4},
                  {CHURN_ALIAS + CHURN_MOVED_A + 4096, 1}, {CHURN_ALIAS + CHURN_MOVED_B + 4096, 1}};
    static const uint8_t bases[] = {19, 21, 22, 27};
    const unsigned k = below(w, array_len(places));
    const uint64_t place = places[k].at;
    uint64_t a = place + 4096 * (uint64_t)below(w, places[k].pages) + 16 * (uint64_t)below(w, 256);

    if (place == CHURN_WINDOW && one_in(w, 3)) {
        a += (uint64_t)(1 + below(w, CHURN_WINDOW_BLOCKS - 1)) << 21;
    }
    if (one_in(w, 4)) { /* close to the end of the page, or of what covers a part of it */
        a = (a | 0xfff) - below(w, 40);
    } else if (one_in(w, 4)) {
        a = CHURN_MIXED + CHURN_MIXED_FROM + below(w, CHURN_MIXED_BYTES + 32) - 16;
    }
    mov(w, bases[below(w, 4)], a);
}

/* A register of the device, in the middle of accesses that would share a check. */
static void change_map(struct writer *w)
{
    const unsigned rn = base(w), k = below(w, CHURN_REGISTERS);

    access_near(w, rn);
    access_near(w, rn);
    if (w->still) {
        emit(w, 0xb9000000 | CHURN_REGISTERS << 10 | 20 << 5 | data(w)); /* which does nothing */
    } else if (k == CHURN_TURN) {
        emit(w, 0xb9400000 | k << 10 | 20 << 5 | data(w)); /* ldr w */
    } else {
        emit(w, 0xb9000000 | k << 10 | 20 << 5 | data(w)); /* str w */
    }
    access_near(w, rn);
    access_near(w, rn);
}

static uint64_t page_of_window(struct writer *w, bool code)
{
    static const uint64_t data_pages[] = {
        CHURN_DATA,           CHURN_COVERED,      CHURN_COVERED + 4096,
        CHURN_MIXED,          CHURN_FLASH + 4096, CHURN_MOVED_A + 4096,
        CHURN_MOVED_B + 4096, CHURN_DEVICE,       UINT64_C(0x0f000000)};
    static const uint64_t code_pages[] = {CHURN_FUNCTIONS, CHURN_FUNCTIONS + 4096, CHURN_FLASH};

    if (code) {
        return code_pages[below(w, 3)];
    }
    return one_in(w, 2) ? CHURN_DATA + 4096 * (uint64_t)below(w, CHURN_DATA_PAGES)
                        : data_pages[below(w, 9)];
}

/* A descriptor of the window: not global, EL1 or both, writable or not, sometimes invalid. */
static uint64_t descriptor(struct writer *w, uint64_t pa, bool block, bool code)
{
    const uint64_t attr = pa == CHURN_DEVICE ? 1 << 2 : 0;
    const uint64_t ap = code ? 2 << 6 : (uint64_t)below(w, 4) << 6; /* code is not written */

    if (one_in(w, 12)) {
        return 0;
    }
    return pa | attr | ap | 0xf00 | (block ? 1 : 3) | (code ? 0 : UINT64_C(3) << 53);
}

static void invalidate(struct writer *w, uint64_t va)
{
    emit(w, DSB);
    switch (below(w, 3)) {
    case 0:
        emit(w, 0xd508871f); /* tlbi vmalle1 */
        break;
    case 1:
        mov(w, 17, va >> 12);
        emit(w, 0xd5088760 | 17); /* tlbi vaae1 */
        break;
    default: /* tlbi vae1 of both spaces */
        mov(w, 17, va >> 12 | UINT64_C(1) << 48);
        emit(w, 0xd5088720 | 17);
        mov(w, 17, va >> 12 | UINT64_C(2) << 48);
        emit(w, 0xd5088720 | 17);
    }
    emit(w, DSB);
    emit(w, ISB);
}

static void change_page(struct writer *w)
{
    const unsigned n = below(w, CHURN_WINDOW_PAGES);
    const bool code = n == CHURN_WINDOW_PAGES - 1;

    if (n == CHURN_WINDOW_SAME) {
        return;
    }
    mov(w, 16, descriptor(w, page_of_window(w, code), false, code));
    emit(w, 0xf9000000 | n << 10 | 23 << 5 | 16);
    invalidate(w, CHURN_WINDOW + 4096 * (uint64_t)n);
}

static void change_block(struct writer *w)
{
    const unsigned n = 1 + below(w, CHURN_WINDOW_BLOCKS - 1);
    const uint64_t pa = one_in(w, 3) ? CHURN_FLASH : CHURN_DATA;

    mov(w, 16, descriptor(w, pa, true, false));
    emit(w, 0xf9000000 | n << 10 | 24 << 5 | 16);
    invalidate(w, CHURN_WINDOW + ((uint64_t)n << 21) + 4096 * (uint64_t)below(w, 512));
}

/* The tables of one space lie 4 KiB behind those of the other. */
static void switch_space(struct writer *w)
{
    emit(w, 0xd5382000 | 16); /* mrs x16, ttbr0_el1 */
    emit(w, 0xd5182000 | 28); /* msr ttbr0_el1, x28 */
    emit(w, 0xaa1003fc);      /* mov x28, x16 */
    emit(w, ISB);
    emit(w, 0xd2740000 | 23 << 5 | 23); /* eor x23, x23, #0x1000 */
    emit(w, 0xd2740000 | 24 << 5 | 24);
}

static void set_pan(struct writer *w)
{
    emit(w, 0xd500409f | below(w, 2) << 8);
}

/* What reaches beyond the end of a page of data does not reach the functions on the next. */
uint64_t churn_function_offset(unsigned n)
{
    return GUEST_PAGE_SIZE - 0x100 * (uint64_t)(n + 1);
}

/* A function somewhere: at its place, in the flash, in the window, in the memory that moves. */
static void call(struct writer *w)
{
    static const uint64_t places[] = {CHURN_FUNCTIONS,
                                      CHURN_FUNCTIONS,
                                      CHURN_ALIAS + CHURN_FLASH,
                                      CHURN_WINDOW + 4096 * (CHURN_WINDOW_PAGES - 1),
                                      CHURN_ALIAS + CHURN_MOVED_A,
                                      CHURN_ALIAS + CHURN_MOVED_B};
    mov(w, 16, places[below(w, 6)] + churn_function_offset(below(w, CHURN_FUNCTION_COUNT)));
    emit(w, 0xd63f0000 | 16 << 5);
}

static void maintain(struct writer *w, uint64_t at)
{
    if (one_in(w, 2)) {
        mov(w, 17, CHURN_WINDOW + 4096 * (uint64_t)CHURN_WINDOW_SAME + at);
    }
    emit(w, 0xd50b7b20 | 17); /* dc cvau */
    emit(w, DSB);
    if (one_in(w, 6)) {
        emit(w, 0xd508751f); /* ic iallu */
    } else {
        emit(w, 0xd50b7520 | 17); /* ic ivau */
    }
    emit(w, DSB);
    emit(w, ISB);
}

static uint32_t some_mov(struct writer *w)
{
    return 0xd2800000 | below(w, 65536) << 5 | data(w);
}

/*
 * The first instruction of a function becomes another. Which page of functions depends on the
 * address space, and so does what the maintenance by the window's address reaches.
 */
static void patch(struct writer *w)
{
    const uint64_t at = churn_function_offset(below(w, CHURN_FUNCTION_COUNT));

    mov(w, 17, CHURN_FUNCTIONS - CHURN_LEVEL3_A + at);
    emit(w, 0x8b170231); /* add x17, x17, x23 */
    emit(w, 0xd63f0000 | 17 << 5);
    mov(w, 16, some_mov(w));
    emit(w, 0xb9000000 | 17 << 5 | 16);
    if (!w->coherent) {
        maintain(w, at);
    }
    mov(w, 17, CHURN_FUNCTIONS - CHURN_LEVEL3_A + at);
    emit(w, 0x8b170231);
    emit(w, 0xd63f0000 | 17 << 5);
}

/* What x16 holds is written to x17: by 4 or 8 bytes, at once or by an atomic operation. */
static void write_code(struct writer *w)
{
    switch (below(w, 6)) {
    case 0:                  /* the instruction behind as well: what it is now */
        emit(w, 0xb9400620); /* ldr w0, [x17, #4] */
        emit(w, 0xaa008210); /* orr x16, x16, x0, lsl #32 */
        emit(w, 0xf9000230); /* str x16, [x17] */
        break;
    case 1:
        emit(w, 0xb8308220); /* swp w16, w0, [x17] */
        break;
    case 2:
        emit(w, 0xb9400620);
        emit(w, 0x29000230); /* stp w16, w0, [x17] */
        break;
    case 3:
        emit(w, 0x885f7e20); /* ldxr w0, [x17] */
        emit(w, 0x88007e30); /* stxr w0, w16, [x17] */
        break;
    default:
        emit(w, 0xb9000230); /* str w16, [x17] */
    }
}

/* An instruction of the program itself, a few behind the store or before it, becomes another. The
 * store is by the address that runs, or by the alias. */
static void patch_self(struct writer *w)
{
    const bool before = one_in(w, 4);
    uint64_t place = w->at;

    if (before) {
        emit(w, some_mov(w));
    }
    mov(w, 16, some_mov(w));
    const uint64_t adr = w->at;
    emit(w, 0x10000011); /* adr x17, place */
    if (one_in(w, 3)) {
        emit(w, 0xd2620631); /* eor x17, x17, #0xc0000000 */
    }
    write_code(w);
    for (unsigned n = below(w, 4); n > 0; n--) {
        compute(w);
    }
    if (!before) {
        place = w->at;
        emit(w, some_mov(w));
        emit(w, some_mov(w));
    }
    const uint32_t distance = (uint32_t)(place - adr);
    store_le32(w->ram + (adr - CHURN_RAM),
               0x10000011 | (distance & 3) << 29 | (distance >> 2 & 0x7ffff) << 5);
}

/* A word in the middle of code is written and read. */
static void data_in_code(struct writer *w)
{
    emit(w, 0x14000002); /* b, over the next */
    emit(w, (uint32_t)rng_u64(w->r));
    emit(w, 0x10ffffe0 | 17);      /* adr x17, of that */
    emit(w, 0xb9000220 | data(w)); /* str w, [x17] */
    compute(w);
    emit(w, 0xb9400220 | data(w)); /* ldr w, [x17] */
}

/* A device writes to a function. */
static void patch_by_device(struct writer *w)
{
    mov(w, 16, below(w, CHURN_FUNCTION_COUNT) | (uint64_t)below(w, 1u << 20) << 3);
    emit(w, 0xb9000000 | CHURN_DMA << 10 | 20 << 5 | 16);
    call(w);
}

static void write_without_maintenance(struct writer *w)
{
    static void (*const kinds[])(struct writer * w) = {patch_self, patch_self, patch_self,
                                                       data_in_code, patch_by_device};
    kinds[below(w, array_len(kinds))](w);
}

/* Over the next few instructions, or not. */
static void skip(struct writer *w)
{
    emit(w, (one_in(w, 2) ? 0xb4000000 : 0xb5000000) | 3 << 5 | data(w));
    compute(w);
    access_near(w, base(w));
}

static void piece(struct writer *w)
{
    static const struct {
        void (*emit)(struct writer *w);
        unsigned weight;
    } kinds[] = {{compute, 5},    {accesses, 8},    {rare_access, 3},  {move_base, 4},
                 {change_map, 3}, {change_page, 2}, {change_block, 1}, {switch_space, 2},
                 {set_pan, 2},    {call, 3},        {patch, 2},        {skip, 2}};
    unsigned total = 0, k = 0;

    if (w->coherent && one_in(w, 6)) {
        write_without_maintenance(w);
        return;
    }

    for (unsigned i = 0; i < array_len(kinds); i++) {
        total += kinds[i].weight;
    }
    unsigned n = below(w, total);
    while (n >= kinds[k].weight) {
        n -= kinds[k++].weight;
    }
    kinds[k].emit(w);
}

/* ---- the program around them */

/* Counts, mixes ESR and FAR into x18, and goes on behind the instruction, or behind the call. */
static void vectors(struct writer *w)
{
    w->at = CHURN_VECTORS + 0x200;
    emit(w, 0xd5385200 | 16); /* mrs x16, esr_el1 */
    emit(w, 0xd5386000 | 17); /* mrs x17, far_el1 */
    emit(w, 0xcad01e52);      /* eor x18, x18, x16, ror #7 */
    emit(w, 0xcad13652);      /* eor x18, x18, x17, ror #13 */
    emit(w, 0x93d2b652);      /* ror x18, x18, #45 */
    emit(w, 0xd35afe10);      /* lsr x16, x16, #26 */
    emit(w, 0xd1008610);      /* sub x16, x16, #0x21 */
    emit(w, 0xd5384020 | 17); /* mrs x17, elr_el1 */
    emit(w, 0x91001231);      /* add x17, x17, #4 */
    emit(w, 0xb5000050);      /* cbnz x16, over the next */
    emit(w, 0xaa1e03f1);      /* mov x17, x30 */
    emit(w, 0xd5184020 | 17); /* msr elr_el1, x17 */
    mov(w, 16, CHURN_COUNTS);
    emit(w, 0xf9400211); /* ldr x17, [x16] */
    emit(w, 0x91000631); /* add x17, x17, #1 */
    emit(w, 0xf9000211); /* str x17, [x16] */
    emit(w, ERET);
}

static void put_table(struct writer *w, uint64_t table, unsigned n, uint64_t descriptor)
{
    store_le64(w->ram + (table - CHURN_RAM) + 8 * n, descriptor);
}

static void tables(struct writer *w)
{
    static const uint64_t root[2] = {CHURN_ROOT_A, CHURN_ROOT_B},
                          second[2] = {CHURN_LEVEL2_A, CHURN_LEVEL2_B},
                          third[2] = {CHURN_LEVEL3_A, CHURN_LEVEL3_B};
    for (unsigned s = 0; s < 2; s++) {
        put_table(w, root[s], 0, 0x705 | UINT64_C(3) << 53); /* devices */
        put_table(w, root[s], 1, CHURN_RAM | 0x701);
        put_table(w, root[s], 2, 0x701); /* the alias */
        put_table(w, root[s], 3, second[s] | 3);
        put_table(w, second[s], 0, third[s] | 3);
        for (unsigned n = 1; n < CHURN_WINDOW_BLOCKS; n++) {
            put_table(w, second[s], n, descriptor(w, CHURN_DATA, true, false));
        }
        for (unsigned n = 0; n < CHURN_WINDOW_PAGES; n++) {
            const bool code = n == CHURN_WINDOW_PAGES - 1;
            put_table(w, third[s], n, descriptor(w, page_of_window(w, code), false, code));
        }
        put_table(w, third[s], CHURN_WINDOW_SAME, (CHURN_FUNCTIONS + 4096 * s) | 0xf83);
    }
}

/* What there is with the MMU only, if anything is left of a time when it was on. */
static void look_around(struct writer *w)
{
    for (unsigned n = 0; n < 6; n++) {
        move_base(w);
        access_near(w, base(w));
        call(w);
    }
}

static void start(struct writer *w)
{
    w->at = CHURN_CODE;
    msr(w, VBAR, CHURN_VECTORS);
    mov(w, 18, rng_u64(w->r));
    mov(w, 19, CHURN_DATA);
    mov(w, 21, CHURN_DATA);
    mov(w, 22, CHURN_DATA);
    mov(w, 27, CHURN_DATA);
    look_around(w);
    msr(w, MAIR, 0x04ff);
    msr(w, TCR, 25 | 25 << 16 | 1 << 23 | UINT64_C(2) << 32);
    msr(w, CPACR, 3 << 20);
    msr(w, TTBR0, CHURN_ROOT_A | UINT64_C(1) << 48);
    emit(w, ISB);
    msr(w, SCTLR, 0x30d00805 | (one_in(w, 4) ? 0 : 0x1000));
    emit(w, ISB);
    mov(w, 28, CHURN_ROOT_B | UINT64_C(2) << 48);
    mov(w, 20, CHURN_DEVICE);
    mov(w, 23, CHURN_LEVEL3_A);
    mov(w, 24, CHURN_LEVEL2_A);
    mov(w, 25, ROUNDS);
    mov(w, 19, CHURN_WINDOW + 0x100);
    mov(w, 21, CHURN_COVERED);
    mov(w, 22, CHURN_ALIAS + CHURN_FLASH + 0x800);
    mov(w, 27, CHURN_MIXED + CHURN_MIXED_FROM - 32);
    for (unsigned n = 0; n < 16; n++) {
        mov(w, n, rng_u64(w->r) >> below(w, 64));
    }
}

static void branch(struct writer *w, uint64_t to)
{
    emit(w, 0x14000000 | (uint32_t)((to - w->at) >> 2 & 0x3ffffff));
}

/* Pieces follow each other, now and then on another page; each round begins at the first. */
static void body(struct writer *w)
{
    const uint64_t first = w->at;

    for (unsigned n = 0; n < PIECES && w->at < CHURN_CODE + CHURN_CODE_BYTES - 0x3000; n++) {
        piece(w);
        if (one_in(w, 25)) {
            const uint64_t next = align_up(w->at + 8, 4096) + 64 * (uint64_t)below(w, 8);
            branch(w, next);
            w->at = next;
        }
    }
    emit(w, 0xd1000739); /* sub x25, x25, #1 */
    emit(w, 0xb4000059); /* cbz x25, over the next */
    branch(w, first);
    mov(w, 0, 0x84000008); /* SYSTEM_OFF, which loses x0 */
    emit(w, 0xd4000002);
    emit(w, 0x14000000);
}

void churn_program(struct rng *r, uint8_t *ram, bool coherent)
{
    struct writer w = {.r = r, .ram = ram, .coherent = coherent};

    w.still = one_in(&w, 3);
    vectors(&w);
    tables(&w);
    start(&w);
    body(&w);
}

void churn_functions(struct rng *r, uint8_t *page)
{
    struct writer w = {.r = r, .ram = page, .at = CHURN_RAM};

    rng_bytes(r, page, GUEST_PAGE_SIZE);
    for (unsigned n = 0; n < CHURN_FUNCTION_COUNT; n++) {
        w.at = CHURN_RAM + churn_function_offset(n);
        emit(&w, 0xd2800000 | below(&w, 65536) << 5 | data(&w));
        for (unsigned k = below(&w, 5); k > 0; k--) {
            compute(&w);
        }
        emit(&w, 0x58000000 | 16 << 5 | data(&w)); /* ldr x, a word of its own page */
        emit(&w, RET);
    }
}
