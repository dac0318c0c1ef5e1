/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * Exceptions behind an instruction, of the invented architecture: each traced instruction and each
 * watched access is told of once, and what it did to a device is not done twice, wherever in a
 * block it stands. vCPUs run in parallel meanwhile, and add to a number that lies on two pages.
 */
#include "tests/invented/assemble.h"
#include "tests/invented/machine.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define CODE 0x1000u
#define DATA 0x20000u   /* 256 bytes for each vCPU */
#define SHARED 0x30ffau /* 8 bytes from here are on two pages */
#define VCPUS 2u
#define ROUNDS 2000u

struct rig {
    struct test_board *board;
    uint8_t *code; /* where it goes on */
    unsigned done;
    uint64_t reads[VCPUS], writes[VCPUS];
    uint8_t answer[8]; /* of the device */
};

/* ---- devices */

static bool load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                 uint64_t *value)
{
    struct rig *g = opaque;

    (void)offset, (void)size;
    g->reads[by->id]++;
    *value = load_le64(g->answer);
    return true;
}

static bool store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                  uint64_t value)
{
    struct rig *g = opaque;

    (void)offset, (void)size, (void)value;
    g->writes[by->id]++;
    return true;
}

static bool done(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                 uint64_t value)
{
    struct rig *g = opaque;

    (void)by, (void)offset, (void)size, (void)value;
    os_mutex_lock(&g->board->lock);
    g->board->ended = ++g->done == g->board->count;
    os_cond_signal(&g->board->changed);
    os_mutex_unlock(&g->board->lock);
    return true;
}

static const struct mmio_ops device = {.load = load, .store = store};
static const struct mmio_ops ports = {.load = load, .store = done};

/* ---- programs */

/* r6 counts what is told of. */
static void handler(uint8_t *ram)
{
    struct inv_asm o = {ram + INV_VECTORS + INV_FOLLOWED * 256};

    inv_asm_four(&o, INV_ASM_ADDI, 0x66, 1);
    inv_asm_two(&o, INV_ASM_RTI, 0, 0);
}

/* Untraced again; r7: what r6 was then. */
static void epilogue(struct inv_asm *o)
{
    inv_asm_four(o, INV_ASM_SETMODE, 0, 0);
    inv_asm_two(o, INV_ASM_MOV, 7, 6);
    inv_asm_movi(o, 13, 0);
    inv_asm_four(o, INV_ASM_POUT, 0x70 | 13, 4);
    inv_asm_compare(o, 7, INV_ASM_SGE, 0, o->p);
}

/* In each round: `add` to the shared number; 8 bytes from (r9) to (r8), between other things. */
static void program(uint8_t *ram)
{
    struct inv_asm o = {ram + CODE};
    const uint8_t *loop = o.p;

    inv_asm_movi(&o, 1, 1);
    inv_asm_four(&o, INV_ASM_XADD, 0x10 | 14, 0);
    inv_asm_four(&o, INV_ASM_ADDI, 0x22, 1);
    inv_asm_four(&o, INV_ASM_MVM, 0x80 | 9, 0);
    inv_asm_four(&o, INV_ASM_ADDI, 0x33, 1);
    inv_asm_brct(&o, 12, loop);
    epilogue(&o);
}
#define LOOP_INSNS 6u
#define MVM_AT (CODE + 14)
#define BEHIND_MVM (MVM_AT + 4) /* ADDI r3 */

static void create(struct rig *g, unsigned vcpus)
{
    struct error e;

    *g = (struct rig){.board = test_board_new(&inv_cpu_class, "", vcpus, 0, INV_RAM_BYTES, &e)};
    if (!g->board) {
        return;
    }
    space_add(g->board->memory, &(struct mem_range){.base = INV_DEVICE,
                                                    .size = GUEST_PAGE_SIZE,
                                                    .kind = RANGE_MMIO,
                                                    .name = "device",
                                                    .ops = &device,
                                                    .opaque = g});
    space_add(g->board->spaces[1], &(struct mem_range){.size = INV_PORT_BYTES,
                                                       .kind = RANGE_MMIO,
                                                       .name = "ports",
                                                       .ops = &ports,
                                                       .opaque = g});
    program(g->board->ram);
    handler(g->board->ram);
    for (unsigned i = 0; i < vcpus; i++) {
        struct inv_cpu *c = inv_cpu(g->board->vcpus[i]);
        c->pc = CODE;
        c->r[8] = DATA + i * 256;
        c->r[9] = INV_DEVICE + 8;
        c->r[12] = ROUNDS;
        c->r[14] = SHARED;
        c->vcpu.powered_off = false;
    }
}

/* By which engine. */
struct engine {
    unsigned vcpus;
    const struct accel_config *config; /* NULL: the one that keeps nothing */
};

static void run(struct rig *g, const struct engine *by)
{
    struct error e = {""};

    CHECK_MSG(by->config ? test_board_go(g->board, by->config, 120, &e)
                         : test_board_go_oracle(g->board, 1000000),
              "%s", e.text);
    CHECK_EQ(load_be64(g->board->ram + SHARED), ROUNDS * by->vcpus);
}

/* All vCPUs of g counted so much, have accessed the device once a round, and made all rounds. */
static void check(struct rig *g, uint64_t followed, unsigned hits, uint64_t at)
{
    for (unsigned i = 0; i < g->board->count; i++) {
        const struct inv_cpu *c = inv_cpu(g->board->vcpus[i]);
        CHECK_EQ(c->r[7], followed);
        CHECK_EQ(c->counts[INV_FOLLOWED], followed);
        CHECK_EQ(c->r[2], ROUNDS);
        CHECK_EQ(c->r[3], ROUNDS);
        CHECK_EQ(g->reads[i], ROUNDS);
        CHECK_EQ(g->writes[i], 0);
        CHECK_EQ(c->hits, hits);
        CHECK_EQ(c->address, at);
    }
    test_board_free(g->board);
}

static void trace_all(const struct engine *by)
{
    struct rig g;

    create(&g, by->vcpus);
    REQUIRE(g.board);
    for (unsigned i = 0; i < by->vcpus; i++) {
        inv_cpu(g.board->vcpus[i])->mode = INV_TRACE;
    }
    run(&g, by);
    check(&g, ROUNDS * LOOP_INSNS + 1, INV_TRACED, CODE + LOOP_INSNS * 4 + 2);
}

/* What MVM reads from the device it writes where that is watched. */
static void watch_store(const struct engine *by)
{
    struct rig g;

    create(&g, by->vcpus);
    REQUIRE(g.board);
    for (unsigned i = 0; i < by->vcpus; i++) {
        struct inv_cpu *c = inv_cpu(g.board->vcpus[i]);
        c->watch[1] = (struct inv_watch){(uint32_t)c->r[8] + 6, 1, INV_WATCH_WRITE};
    }
    run(&g, by);
    check(&g, ROUNDS, 1u << 1, MVM_AT);
}

/* The device's registers are watched, and the number that is on two pages. */
static void watch_loads(const struct engine *by)
{
    struct rig g;

    create(&g, by->vcpus);
    REQUIRE(g.board);
    for (unsigned i = 0; i < by->vcpus; i++) {
        struct inv_cpu *c = inv_cpu(g.board->vcpus[i]);
        c->watch[0] = (struct inv_watch){INV_DEVICE, 16, INV_WATCH_READ};
        c->watch[1] = (struct inv_watch){SHARED + 7, 1, INV_WATCH_READ | INV_WATCH_WRITE};
    }
    run(&g, by);
    check(&g, 2 * ROUNDS, 1, MVM_AT);
}

/* What MVM reads is the code behind itself, in the same block. Nothing is followed. */
static void store_code(const struct engine *by)
{
    struct rig g;

    create(&g, by->vcpus);
    REQUIRE(g.board);
    memcpy(g.answer, g.board->ram + BEHIND_MVM, sizeof(g.answer));
    for (unsigned i = 0; i < by->vcpus; i++) {
        inv_cpu(g.board->vcpus[i])->r[8] = BEHIND_MVM;
    }
    run(&g, by);
    check(&g, 0, 0, 0);
}

static void all(const struct engine *by)
{
    trace_all(by);
    watch_store(by);
    watch_loads(by);
    store_code(by);
}

TEST(the_engine_that_keeps_nothing_follows_each_instruction_once)
{
    all(&(struct engine){1, NULL});
}

TEST(host_code_is_followed_once)
{
    all(&(struct engine){1, &(struct accel_config){0}});
}

TEST(host_code_of_vcpus_in_parallel_is_followed_once)
{
    all(&(struct engine){VCPUS, &(struct accel_config){0}});
}

TEST(interpreted_code_of_vcpus_in_parallel_is_followed_once)
{
    all(&(struct engine){VCPUS, &(struct accel_config){.interpreter = true}});
}

TEST(code_of_vcpus_in_turn_is_followed_once)
{
    all(&(struct engine){VCPUS, &(struct accel_config){.single_thread = true}});
}

TEST(counted_code_is_followed_once)
{
    all(&(struct engine){VCPUS, &(struct accel_config){.counted = true, .shift = 3}});
}
