/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * More address spaces than there are numbers for (accel/space_tags.h): a guest goes through ten
 * thousand of them, whose identities are of 64 bits, and each time finds what is mapped there, also
 * behind a change that is flushed.
 */
#include "accel/tcg.h"
#include "tests/invented/assemble.h"
#include "tests/invented/machine.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define ROUNDS 10000u
#define MAIN 0x1000u /* a page for each vCPU */
#define DATA UINT64_C(0x40000000)
#define DATA_FRAME 0x20u /* of table n: this and n; in its first word n */
#define OTHER_FRAME 0x40u
#define CHANGED 5u /* the table whose second page is this first, and then another: */
#define FIRST_FRAME 0x3fu

enum {
    AND = 0x04,
    ST16 = 0x4a,
    STPTE = 0x80,
    SETSP = 0x81,
    EQ = 2
};

struct rig {
    struct test_board *board;
    unsigned done;
};

static uint64_t nothing(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void done(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct rig *g = opaque;

    (void)offset, (void)value, (void)size;
    os_mutex_lock(&g->board->lock);
    g->board->ended = ++g->done == g->board->count;
    os_cond_signal(&g->board->changed);
    os_mutex_unlock(&g->board->lock);
}

static const struct mmio_ops ports = {.read = nothing, .write = done};

/* Adds 1 to r5 unless r4 is 0. */
static void must_be_zero(struct inv_asm *o)
{
    inv_asm_compare(o, 4, EQ, 0, o->p + 10);
    inv_asm_four(o, INV_ASM_ADDI, 0x55, 1);
}

/* r1 is the space, by way of the instruction (at r8); r3: 15, r9: the data, r7: a page's word. */
static void program(uint8_t *ram, unsigned n)
{
    struct inv_asm o = {ram + MAIN + n * GUEST_PAGE_SIZE};
    const uint8_t *loop = o.p;

    inv_asm_four(&o, ST16, 0x18, 0);
    inv_asm_four(&o, SETSP, 1 << 4, 0);
    inv_asm_four(&o, INV_ASM_LD64, 0x29, 0);
    inv_asm_two(&o, INV_ASM_MOV, 4, 1);
    inv_asm_two(&o, AND, 4, 3);
    inv_asm_two(&o, INV_ASM_SUB, 4, 2);
    must_be_zero(&o);
    inv_asm_four(&o, INV_ASM_ADDI, 0x11, 1);
    inv_asm_brct(&o, 12, loop);
    inv_asm_four(&o, SETSP, 1 << 4, CHANGED | n << 4);
    inv_asm_four(&o, INV_ASM_LD64, 0x29, GUEST_PAGE_SIZE);
    inv_asm_four(&o, STPTE, 0x07, CHANGED << 8 | 1);
    inv_asm_four(&o, INV_ASM_LD64, 0x49, GUEST_PAGE_SIZE);
    must_be_zero(&o);
    inv_asm_movi(&o, 13, 0);
    inv_asm_four(&o, INV_ASM_POUT, 0x70 | 13, 4);
    inv_asm_compare(&o, 13, INV_ASM_SGE, 0, o.p);
}
#define IMMEDIATE 6u /* of SETSP, behind the start */

static void create(struct rig *g, unsigned vcpus)
{
    struct error e;
    struct test_board *b = test_board_new(&inv_cpu_class, "", vcpus, 0, INV_RAM_BYTES, &e);

    *g = (struct rig){.board = b};
    if (!b) {
        return;
    }
    space_add(b->spaces[1], &(struct mem_range){.size = INV_PORT_BYTES,
                                                .kind = RANGE_MMIO,
                                                .name = "ports",
                                                .ops = &ports,
                                                .opaque = g});
    for (unsigned i = 0; i < INV_SPACES; i++) {
        inv_set_pte(b->vcpus[0], i, 0, (DATA_FRAME + i) << GUEST_PAGE_BITS | 0xf);
        store_be64(b->ram + ((DATA_FRAME + i) << GUEST_PAGE_BITS), i);
    }
    inv_set_pte(b->vcpus[0], CHANGED, 1, FIRST_FRAME << GUEST_PAGE_BITS | 0xf);
    store_be64(b->ram + (FIRST_FRAME << GUEST_PAGE_BITS), 7);
    for (unsigned i = 0; i < vcpus; i++) {
        struct inv_cpu *c = inv_cpu(b->vcpus[i]);
        const uint32_t main = MAIN + i * GUEST_PAGE_SIZE;
        inv_set_pte(b->vcpus[0], 0, main >> GUEST_PAGE_BITS, main | 0xf);
        program(b->ram, i);
        c->mode = INV_DAT;
        c->pc = c->restart = main;
        c->r[3] = INV_SPACES - 1;
        c->r[7] = OTHER_FRAME << GUEST_PAGE_BITS | 0xf;
        c->r[8] = main + IMMEDIATE;
        c->r[9] = DATA;
        c->r[12] = ROUNDS;
        c->vcpu.powered_off = false;
    }
}

static void run(unsigned vcpus, const struct accel_config *config)
{
    struct error e = {""};
    struct rig g;

    create(&g, vcpus);
    REQUIRE(g.board);
    CHECK_MSG(config ? test_board_go(g.board, config, 120, &e)
                     : test_board_go_oracle(g.board, 20 * ROUNDS),
              "%s", e.text);
    for (unsigned i = 0; i < vcpus; i++) {
        const struct inv_cpu *c = inv_cpu(g.board->vcpus[i]);
        CHECK_EQ(c->r[5], 0);
        CHECK_EQ(c->r[1], ROUNDS);
        CHECK_EQ(c->counts[INV_DATA], 0);
    }
    test_board_free(g.board);
}

TEST(the_engine_that_keeps_nothing_has_no_numbers)
{
    run(1, NULL);
}

TEST(host_code_goes_through_all_spaces)
{
    run(1, &(struct accel_config){0});
}

TEST(vcpus_in_parallel_go_through_all_spaces)
{
    run(2, &(struct accel_config){0});
}

TEST(interpreted_vcpus_go_through_all_spaces)
{
    run(2, &(struct accel_config){.interpreter = true});
}

TEST(counted_vcpus_go_through_all_spaces)
{
    run(2, &(struct accel_config){.counted = true, .shift = 3});
}

/* ---- from outside, while nothing runs */

TEST(beyond_the_numbers_a_flush_is_of_all)
{
    struct error e;
    struct test_board *b = test_board_new(&inv_cpu_class, "", 2, 0, INV_RAM_BYTES, &e);

    REQUIRE(b);
    struct accel *a = accel_create(&(struct accel_config){0}, b->vcpus, 2, test_board_exited, b,
                                   &e);
    REQUIRE(a);
    struct vcpu *v = b->vcpus[0], *w = b->vcpus[1];
    const uint32_t first = tcg_space(v, inv_identity(0));
    for (unsigned i = 0; i < SPACE_TAGS_KNOWN - 1; i++) {
        CHECK_EQ(tcg_space(v, inv_identity(i)), tcg_space(w, inv_identity(i)));
    }
    CHECK_EQ(tcg_space(v, inv_identity(0)), first);
    uint32_t gen = vcpu_env(v)->tlb->gen_all;
    tlb_flush_space(v, inv_identity(SPACE_TAGS_KNOWN * 2), false);
    CHECK_EQ(vcpu_env(v)->tlb->gen_all, gen); /* nobody has been there */
    tcg_space(v, inv_identity(SPACE_TAGS_KNOWN * 2));
    CHECK(tcg_space(v, inv_identity(SPACE_TAGS_KNOWN * 3)) !=
          tcg_space(w, inv_identity(SPACE_TAGS_KNOWN * 3)));
    tlb_flush_space(v, inv_identity(SPACE_TAGS_KNOWN * 3), false);
    CHECK_EQ(vcpu_env(v)->tlb->gen_all, gen + 1);
    accel_destroy(a);
    test_board_free(b);
}
