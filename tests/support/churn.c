/* SPDX-License-Identifier: MIT */
/* See churn.h. */
#include "tests/support/churn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cpu/arm.h"
#include "memory/dma.h"
#include "tests/support/churn_program.h"

struct churn {
    struct test_board *board;
    uint8_t *cover, *flash, *moved, *function;
    const struct mem_range *covers, *mixes, *flash_range, *moves, *functions, *bases;
    unsigned at; /* CHURN_MOVE: 0 nowhere, 1 at A, 2 at B */
    bool flash_is_io;
    uint64_t accesses, changes, reads;
};

/* ---- devices */

static void saw(struct churn *c, uint64_t what, uint64_t offset, uint64_t value, unsigned size)
{
    c->accesses = hash_mix64(c->accesses ^ what << 60 ^ offset << 40 ^ (uint64_t)size << 32) +
                  value;
}

/* Reads give another number each time: one that is done twice, or not at all, is noticed. */
static uint64_t plain_read(void *opaque, uint64_t offset, unsigned size)
{
    struct churn *c = opaque;
    saw(c, 1, offset, 0, size);
    return hash_mix64(c->reads++) >> (64 - 8 * size);
}

static void plain_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    saw(opaque, 2, offset, value, size);
}

static const struct mmio_ops plain_ops = {.read = plain_read, .write = plain_write};

static void toggle(struct churn *c, const struct mem_range **r, const struct mem_range *like)
{
    if (*r) {
        space_remove(c->board->memory, *r);
        *r = NULL;
    } else {
        *r = space_add(c->board->memory, like);
    }
}

static void toggle_cover(struct churn *c)
{
    toggle(c, &c->covers,
           &(struct mem_range){.base = CHURN_COVERED,
                               .size = 2 * GUEST_PAGE_SIZE,
                               .kind = RANGE_RAM,
                               .priority = 1,
                               .name = "cover",
                               .host = c->cover});
}

static void toggle_mix(struct churn *c)
{
    toggle(c, &c->mixes,
           &(struct mem_range){.base = CHURN_MIXED + CHURN_MIXED_FROM,
                               .size = CHURN_MIXED_BYTES,
                               .kind = RANGE_MMIO,
                               .priority = 1,
                               .name = "mix",
                               .ops = &plain_ops,
                               .opaque = c});
}

static void toggle_base(struct churn *c)
{
    toggle(c, &c->bases,
           &(struct mem_range){.base = CHURN_RAM,
                               .size = CHURN_MIXED_BYTES,
                               .kind = RANGE_MMIO,
                               .priority = 1,
                               .name = "base",
                               .ops = &plain_ops,
                               .opaque = c});
}

static void toggle_flash(struct churn *c)
{
    c->flash_is_io = !c->flash_is_io;
    space_set_kind(c->board->memory, c->flash_range, c->flash_is_io ? RANGE_MMIO : RANGE_ROMD);
}

static void move(struct churn *c)
{
    c->at = (c->at + 1) % 3;
    space_begin(c->board->memory);
    if (c->moves) {
        space_remove(c->board->memory, c->moves);
        c->moves = NULL;
    }
    if (c->at) {
        c->moves = space_add(c->board->memory,
                             &(struct mem_range){.base = c->at == 1 ? CHURN_MOVED_A : CHURN_MOVED_B,
                                                 .size = CHURN_MOVED_BYTES,
                                                 .kind = RANGE_RAM,
                                                 .name = "moved",
                                                 .host = c->moved});
    }
    space_commit(c->board->memory);
}

static void toggle_function(struct churn *c)
{
    toggle(c, &c->functions,
           &(struct mem_range){.base = CHURN_FUNCTIONS,
                               .size = GUEST_PAGE_SIZE,
                               .kind = RANGE_RAM,
                               .priority = 1,
                               .name = "function",
                               .host = c->function});
}

static void change(struct churn *c, uint64_t offset)
{
    static void (*const changes[CHURN_REGISTERS])(struct churn * c) = {
        [CHURN_COVER] = toggle_cover,    [CHURN_MIX] = toggle_mix,
        [CHURN_FLASH_IO] = toggle_flash, [CHURN_MOVE] = move,
        [CHURN_BASE] = toggle_base,      [CHURN_FUNCTION] = toggle_function};
    if (offset / 4 < CHURN_REGISTERS && changes[offset / 4]) {
        changes[offset / 4](c);
        c->changes++;
    }
}

static uint64_t read_register(void *opaque, uint64_t offset, unsigned size)
{
    struct churn *c = opaque;
    if (offset == 4 * CHURN_TURN) {
        toggle_cover(c);
        c->changes++;
    }
    return plain_read(c, offset, size);
}

/* MOVZ, of what the bits above the function's number say. */
static void write_function(struct churn *c, uint32_t value)
{
    const struct dma dma = {c->board->memory};
    const uint64_t at = churn_function_offset(value % CHURN_FUNCTION_COUNT);
    const uint32_t insn = 0xd2800000 | (value >> 3 & 0xfffff);

    dma_store32(&dma, CHURN_FUNCTIONS + at, (insn & ~UINT32_C(0x10)));
}

static void write_register(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    plain_write(opaque, offset, value, size);
    if (offset == 4 * CHURN_DMA) {
        write_function(opaque, (uint32_t)value);
    } else {
        change(opaque, offset);
    }
}

static const struct mmio_ops register_ops = {
    .read = read_register, .write = write_register, .sizes = 4};

/* ---- life */

struct churn *churn_create(struct error *e)
{
    struct churn *c = mem_alloc(sizeof(*c));
    struct space *s;

    c->board = test_board_new(&arm_cpu_class, "max,sve=off,sme=off", 1, CHURN_RAM, CHURN_RAM_BYTES,
                              e);
    c->cover = os_map_ram(2 * GUEST_PAGE_SIZE, e);
    c->flash = os_map_ram(CHURN_FLASH_BYTES, e);
    c->moved = os_map_ram(CHURN_MOVED_BYTES, e);
    c->function = os_map_ram(GUEST_PAGE_SIZE, e);
    if (!c->board || !c->cover || !c->flash || !c->moved || !c->function) {
        churn_free(c);
        return NULL;
    }
    s = c->board->memory;
    space_add(s, &(struct mem_range){.base = CHURN_DEVICE,
                                     .size = GUEST_PAGE_SIZE,
                                     .kind = RANGE_MMIO,
                                     .name = "device",
                                     .ops = &register_ops,
                                     .opaque = c});
    c->flash_range = space_add(s, &(struct mem_range){.base = CHURN_FLASH,
                                                      .size = CHURN_FLASH_BYTES,
                                                      .kind = RANGE_ROMD,
                                                      .name = "flash",
                                                      .host = c->flash,
                                                      .ops = &plain_ops,
                                                      .opaque = c});
    return c;
}

static void unmap(uint8_t *p, size_t n)
{
    if (p) {
        os_unmap(p, n);
    }
}

void churn_free(struct churn *c)
{
    if (c->board) {
        test_board_free(c->board);
    }
    unmap(c->cover, 2 * GUEST_PAGE_SIZE);
    unmap(c->flash, CHURN_FLASH_BYTES);
    unmap(c->moved, CHURN_MOVED_BYTES);
    unmap(c->function, GUEST_PAGE_SIZE);
    mem_free(c);
}

struct test_board *churn_board(struct churn *c)
{
    return c->board;
}

static void reset_map(struct churn *c)
{
    if (c->covers) {
        toggle_cover(c);
    }
    if (c->mixes) {
        toggle_mix(c);
    }
    if (c->flash_is_io) {
        toggle_flash(c);
    }
    while (c->at) {
        move(c);
    }
    if (c->functions) {
        toggle_function(c);
    }
    if (c->bases) {
        toggle_base(c);
    }
}

void churn_load(struct churn *c, uint64_t seed, bool coherent)
{
    struct vcpu *v = c->board->vcpus[0];
    struct rng r;

    rng_seed(&r, seed);
    reset_map(c);
    c->accesses = c->changes = c->reads = 0;
    memset(c->board->ram, 0, CHURN_RAM_BYTES);
    rng_bytes(&r, c->board->ram + (CHURN_DATA - CHURN_RAM), CHURN_DATA_PAGES * GUEST_PAGE_SIZE);
    rng_bytes(&r, c->cover, 2 * GUEST_PAGE_SIZE);
    rng_bytes(&r, c->flash, CHURN_FLASH_BYTES);
    churn_functions(&r, c->flash);
    for (unsigned n = 0; n < CHURN_MOVED_BYTES / GUEST_PAGE_SIZE; n++) {
        churn_functions(&r, c->moved + n * GUEST_PAGE_SIZE);
    }
    churn_functions(&r, c->function);
    for (unsigned n = 0; n < 2; n++) {
        churn_functions(&r, c->board->ram + (CHURN_FUNCTIONS - CHURN_RAM) + n * GUEST_PAGE_SIZE);
    }
    churn_program(&r, c->board->ram, coherent);
    c->board->ended = false;
    v->cls->reset(v);
    v->cls->boot(v, CHURN_CODE, 0);
    v->halted = v->powered_off = false;
}

/* ---- results */

void churn_result(struct churn *c, struct churn_result *r)
{
    const struct vcpu *v = c->board->vcpus[0];
    const uint8_t *ram = c->board->ram;

    *r = (struct churn_result){.accesses = c->accesses, .changes = c->changes};
    for (unsigned i = 0; i < 32; i++) {
        const struct cpu_reg *reg = &v->cls->regs[i];
        memcpy(&r->x[i], (const char *)v + reg->offset, 8);
    }
    memcpy(&r->faults, ram + (CHURN_COUNTS - CHURN_RAM), 8);
    r->memory = hash_bytes(ram, CHURN_RAM_BYTES) ^ hash_bytes(c->cover, 2 * GUEST_PAGE_SIZE) * 3 ^
                hash_bytes(c->moved, CHURN_MOVED_BYTES) * 5 ^
                hash_bytes(c->function, GUEST_PAGE_SIZE) * 7;
}

static bool tell(char *why, size_t size, const char *what, uint64_t got, uint64_t want)
{
    snprintf(why, size, "%s: 0x%" PRIx64 ", not 0x%" PRIx64, what, got, want);
    return true;
}

bool churn_differs(const struct churn_result *got, const struct churn_result *want, char *why,
                   size_t size)
{
    char name[16];

    if (got->faults != want->faults) {
        return tell(why, size, "faults", got->faults, want->faults);
    }
    if (got->changes != want->changes) {
        return tell(why, size, "changes of the map", got->changes, want->changes);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (got->x[i] != want->x[i]) {
            snprintf(name, sizeof(name), "register %u", i);
            return tell(why, size, name, got->x[i], want->x[i]);
        }
    }
    if (got->accesses != want->accesses) {
        return tell(why, size, "accesses of devices", got->accesses, want->accesses);
    }
    return got->memory != want->memory && tell(why, size, "memory", got->memory, want->memory);
}
