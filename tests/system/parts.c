/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * Pages of which parts may be written, read or executed and others may not (the invented
 * architecture's INV_PTE_LOW and INV_PTE_HIGH): each access is allowed or not for each of its
 * bytes, whatever was accessed before, and so is code, whoever else may execute it.
 */
#include "tests/invented/assemble.h"
#include "tests/invented/machine.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define ROUNDS 300u
#define MAIN 0x1000u
#define REST 0x1800u                  /* where SKIP goes on when there is no instruction */
#define FUNCTION UINT64_C(0x40002000) /* in region 1: a branch to the last bytes of its page */
#define FUNCTION_END (FUNCTION + 0xfd0)
#define DATA UINT64_C(0x80000000) /* in region 2: pages as put_pages says */
#define DATA_FRAME 0x20u

enum {
    SETSP = 0x81,
    CALLR = 0x11,
    SKIP_INSN = 0x22
};

struct rig {
    struct test_board *board;
    uint64_t reads;
};

/* ---- devices */

static bool load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                 uint64_t *value)
{
    struct rig *g = opaque;

    (void)by, (void)offset, (void)size;
    g->reads++;
    *value = 0;
    return true;
}

static bool store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                  uint64_t value)
{
    struct rig *g = opaque;

    (void)by, (void)offset, (void)size, (void)value;
    os_mutex_lock(&g->board->lock);
    g->board->ended = true;
    os_cond_signal(&g->board->changed);
    os_mutex_unlock(&g->board->lock);
    return true;
}

static const struct mmio_ops device = {.load = load, .store = store};

/* ---- programs */

static void end(struct inv_asm *o)
{
    inv_asm_movi(o, 13, 0);
    inv_asm_four(o, INV_ASM_POUT, 0x70 | 13, 4);
    inv_asm_compare(o, 13, INV_ASM_SGE, 0, o->p);
}

/* Exceptions of that cause are counted, and left by SKIP. */
static void handler(uint8_t *ram, enum inv_cause cause)
{
    struct inv_asm o = {ram + INV_VECTORS + cause * 256};

    inv_asm_four(&o, INV_ASM_ADDI, 0x66, 1);
    inv_asm_two(&o, SKIP_INSN, 0, 0);
}

/* Calls of r9 in that space. */
static void put_loop(struct inv_asm *o, unsigned space)
{
    inv_asm_four(o, SETSP, 1 << 4, (int)space);
    inv_asm_movi(o, 13, 20);
    const uint8_t *loop = o->p;
    inv_asm_two(o, CALLR, 14, 9);
    inv_asm_brct(o, 13, loop);
}

/* r9 is called where all of its page may be executed, where as much of it may that it returns, and
 * then once where its end may not, which is tried a second time without the branch to it (r8). r5
 * counts what should not have come back. */
static void put_calls(uint8_t *ram)
{
    struct inv_asm o = {ram + MAIN}, rest = {ram + REST}, f = {ram + 0x2000};

    const uint8_t *round = o.p;
    put_loop(&o, 1);
    put_loop(&o, 2);
    inv_asm_four(&o, SETSP, 1 << 4, 4);
    inv_asm_two(&o, CALLR, 14, 9);
    inv_asm_four(&o, INV_ASM_ADDI, 0x55, 1);

    inv_asm_four(&rest, INV_ASM_ADDI, 0x44, 1);
    inv_asm_compare(&rest, 4, INV_ASM_NE, 1, rest.p + 12);
    inv_asm_two(&rest, CALLR, 14, 8);
    inv_asm_four(&rest, INV_ASM_ADDI, 0x55, 1);
    inv_asm_movi(&rest, 4, 0);
    inv_asm_brct(&rest, 12, round);
    end(&rest);

    inv_asm_brct(&f, 3, f.p + 0xfd0);
    f.p = ram + 0x2fd0;
    inv_asm_two(&f, INV_ASM_RET, 0, 14);
}

/* Accesses at the borders of parts; to a device, and on to a page that may not be written; and to
 * the code that runs, from another page on. */
static void put_accesses(uint8_t *ram)
{
    struct inv_asm o = {ram + MAIN};
    const uint8_t *round = o.p;

    inv_asm_two(&o, INV_ASM_MOV, 1, 7);
    inv_asm_four(&o, INV_ASM_XADD, 0x12, 0);
    inv_asm_four(&o, INV_ASM_ST64, 0x78, 0x100); /* not allowed */
    inv_asm_four(&o, INV_ASM_ST64, 0x78, 0x200);
    inv_asm_four(&o, INV_ASM_ST64, 0x78, 0x1fc); /* not allowed */
    inv_asm_four(&o, INV_ASM_LD64, 0x48, 0x1fc);
    inv_asm_four(&o, INV_ASM_LD64, 0x48, 0xfd8);
    inv_asm_four(&o, INV_ASM_LD64, 0x48, 0xfdc); /* not allowed */
    inv_asm_four(&o, INV_ASM_ST64, 0x78, 0xff4);
    inv_asm_two(&o, INV_ASM_MOV, 1, 7);
    inv_asm_four(&o, INV_ASM_XADD, 0x18, 0x1fe); /* not allowed */
    inv_asm_four(&o, INV_ASM_XADD, 0x19, 0);     /* not allowed */
    inv_asm_brct(&o, 12, round);
    end(&o);
}
#define FAULTS 5u

static void map_page(struct rig *g, unsigned space, unsigned page, uint32_t frame, uint32_t bits)
{
    inv_set_pte(g->board->vcpus[0], space, page, frame << GUEST_PAGE_BITS | bits);
}

static void put_pages(struct rig *g)
{
    const uint32_t all = INV_PTE_VALID | INV_PTE_READ | INV_PTE_WRITE | INV_PTE_EXEC;

    map_page(g, 0, 1, 1, all);
    map_page(g, 1, 2, 2, all);
    map_page(g, 2, 2, 2, all | INV_PTE_HIGH);
    map_page(g, 4, 2, 2, all | INV_PTE_HIGH | 3 << 6);
    map_page(g, 3, 0, DATA_FRAME, all | INV_PTE_LOW | INV_PTE_HIGH);
    map_page(g, 3, 1, INV_DEVICE >> GUEST_PAGE_BITS, all);
    map_page(g, 3, 2, DATA_FRAME + 2, INV_PTE_VALID | INV_PTE_READ);
    map_page(g, 3, 4, DATA_FRAME + 4, all);
    map_page(g, 3, 5, MAIN >> GUEST_PAGE_BITS, all);
}

static void create(struct rig *g, void (*put)(uint8_t *ram))
{
    struct error e;
    struct test_board *b = test_board_new(&inv_cpu_class, "", 1, 0, INV_RAM_BYTES, &e);
    const struct mem_range range = {
        .kind = RANGE_MMIO, .name = "device", .ops = &device, .opaque = g};
    struct mem_range in_memory = range, ports = range;

    *g = (struct rig){.board = b};
    if (!b) {
        return;
    }
    in_memory.base = INV_DEVICE;
    in_memory.size = GUEST_PAGE_SIZE;
    ports.size = INV_PORT_BYTES;
    space_add(b->memory, &in_memory);
    space_add(b->spaces[1], &ports);
    put_pages(g);
    put(b->ram);
    handler(b->ram, INV_FETCH);
    handler(b->ram, INV_DATA);
    struct inv_cpu *c = inv_cpu(b->vcpus[0]);
    c->mode = INV_DAT;
    c->pc = MAIN;
    c->restart = REST;
    c->spaces[2] = 3;
    c->r[3] = UINT64_C(1) << 40;
    c->r[12] = ROUNDS;
}

static void run(struct rig *g, const struct accel_config *config)
{
    struct error e = {""};

    CHECK_MSG(config ? test_board_go(g->board, config, 120, &e)
                     : test_board_go_oracle(g->board, 1000000),
              "%s", e.text);
}

static void calls(const struct accel_config *config)
{
    struct rig g;

    create(&g, put_calls);
    REQUIRE(g.board);
    struct inv_cpu *c = inv_cpu(g.board->vcpus[0]);
    c->r[9] = FUNCTION;
    c->r[8] = FUNCTION_END;
    run(&g, config);
    CHECK_EQ(c->r[5], 0);
    CHECK_EQ(c->counts[INV_FETCH], 2 * ROUNDS);
    CHECK_EQ(c->r[6], 2 * ROUNDS);
    CHECK_EQ(c->address, FUNCTION_END);
    test_board_free(g.board);
}

static void accesses(const struct accel_config *config)
{
    struct rig g;

    create(&g, put_accesses);
    REQUIRE(g.board);
    struct inv_cpu *c = inv_cpu(g.board->vcpus[0]);
    const uint8_t *data = g.board->ram + (DATA_FRAME << GUEST_PAGE_BITS);
    c->r[7] = UINT64_C(1) << 32;
    c->r[8] = DATA;
    c->r[9] = DATA + 2 * GUEST_PAGE_SIZE - 4;
    c->r[2] = DATA + 5 * GUEST_PAGE_SIZE - 4;
    run(&g, config);
    CHECK_EQ(c->counts[INV_DATA], FAULTS * ROUNDS);
    CHECK_EQ(c->r[6], FAULTS * ROUNDS);
    CHECK_EQ(g.reads, 0);
    CHECK_EQ(load_be64(data + 0x100), 0);
    CHECK_EQ(load_be64(data + 0x1f8), 0);
    CHECK_EQ(load_be64(data + 0x200), UINT64_C(1) << 32);
    CHECK_EQ(load_be64(data + 0xff4), UINT64_C(1) << 32);
    CHECK_EQ(load_be32(data + 5 * GUEST_PAGE_SIZE - 4), ROUNDS);
    test_board_free(g.board);
}

static void all(const struct accel_config *config)
{
    calls(config);
    accesses(config);
}

TEST(the_engine_that_keeps_nothing_knows_parts)
{
    all(NULL);
}

TEST(host_code_knows_parts)
{
    all(&(struct accel_config){0});
}

TEST(host_code_of_level_2_without_folding_knows_parts)
{
    all(&(struct accel_config){.host_level = 2, .no_opt = true});
}

TEST(interpreted_code_knows_parts)
{
    all(&(struct accel_config){.interpreter = true});
}

TEST(counted_code_knows_parts)
{
    all(&(struct accel_config){.counted = true, .shift = 3});
}
