/* SPDX-License-Identifier: MIT */
/*
 * vCPUs that translate at the same time (accel/compilers.c): the same pages and different ones,
 * while code changes, and with fewer compilers than vCPUs.
 */
#include "tests/test.h"

#include "accel/blocks.h"
#include "accel/context.h"
#include "accel/round.h"
#include "accel/tcg.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/rng.h"
#include "cpu/arm.h"
#include "cpu/arm/cpu.h"
#include "tests/support/board.h"

#define BASE UINT64_C(0x40000000)
#define RAM_BYTES (UINT64_C(4) << 20)
#define VCPUS 4u
#define PART UINT64_C(0x40000) /* that one vCPU translates */
#define SCTLR_I (UINT64_C(1) << 12)

static struct {
    struct test_board *board;
    struct accel_config config;
    struct tcg *a;
    struct os_thread threads[VCPUS];
    bool same; /* all translate the first part */
    _Atomic unsigned full, stale, ended, looks;
    /* Code that changes: each page begins with movz x0, #n; what n is at least, since all know of
     * the change. */
    uint32_t known[2];
} t;

static const uint32_t words[] = {
    0x91000400, /* add x0, x0, #1 */
    0xf9400021, /* ldr x1, [x1] */
    0xf9000421, /* str x1, [x1, #8] */
    0xeb02003f, /* cmp x1, x2 */
    0x54000041, /* b.ne .+8 */
    0x8b030042, /* add x2, x2, x3 */
    0x1e622820, /* fadd d0, d1, d2 */
    0xb4000062, /* cbz x2, .+12 */
    0x14000002, /* b .+8 */
    0xd65f03c0, /* ret */
};

static enum accel_track track = ACCEL_TRACK_OFF;

static void set_up(uint64_t cache_bytes, bool interpreter)
{
    struct error e = {""};
    struct rng r;

    memset(&t, 0, sizeof(t));
    t.config = (struct accel_config){
        .cache_bytes = cache_bytes, .interpreter = interpreter, .track_code = track};
    t.board = test_board_new(&arm_cpu_class, "max", VCPUS, BASE, RAM_BYTES, &e);
    assert(t.board);
    rng_seed(&r, test_seed());
    for (uint64_t at = 0; at < VCPUS * PART; at += 4) {
        store_le32(t.board->ram + at, words[rng_below(&r, array_len(words))]);
    }
    struct accel *a = accel_create(&t.config, t.board->vcpus, VCPUS, test_board_exited, NULL, &e);
    assert(a);
    t.a = tcg_of_accel(a);
    for (unsigned i = 0; i < VCPUS; i++) {
        struct arm_cpu *cpu = arm_cpu(t.board->vcpus[i]);
        cpu->vcpu.cls->boot(&cpu->vcpu, BASE, 0);
        cpu->sctlr[1] |= SCTLR_I; /* code is cached */
        arm_update_mode(cpu);
        arm_mode_changed(cpu);
    }
}

static void tear_down(void)
{
    accel_destroy(&t.a->base);
    test_board_free(t.board);
}

static const struct block *find_at(struct vcpu *v, uint64_t pc)
{
    context_select(v, pc);
    return block_find(v, pc);
}

/* On a thread that stands for v's. */
static void translate_part(void *opaque)
{
    struct vcpu *v = opaque;
    const uint64_t start = BASE + (t.same ? 0 : v->index * PART), end = start + PART;

    for (uint64_t pc = start; pc < end;) {
        const struct block *b = find_at(v, pc);
        if (!b) {
            atomic_fetch_add(&t.full, 1);
            break;
        }
        pc += b->bytes < 4 ? 4 : b->bytes;
    }
}

static void on_all(void (*fn)(void *))
{
    struct error e;

    for (unsigned i = 0; i < VCPUS; i++) {
        bool started = os_thread_start(&t.threads[i], "translates", fn, t.board->vcpus[i], &e);
        assert(started);
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        os_thread_join(&t.threads[i]);
    }
}

static int by_code(const void *x, const void *y)
{
    const struct block *a = *(const struct block *const *)x, *b = *(const struct block *const *)y;

    return a->entry < b->entry ? -1 : a->entry > b->entry;
}

/* No two blocks share code or stand for the same. Gives their number and a sum that tells one set
 * of blocks from another. */
static unsigned look(uint64_t *sum)
{
    const struct block **all = calloc(t.a->block_count, sizeof(struct block *));
    unsigned n = 0;

    assert(all);
    *sum = 0;
    for (uint32_t i = 0; i < t.a->block_count; i++) {
        const struct block *b = &t.a->blocks[i];
        if (b->valid) {
            all[n++] = b;
            *sum += hash_mix64(b->pa ^ (uint64_t)b->guest_insns << 40 ^ (uint64_t)b->bytes << 50);
        }
    }
    qsort(all, n, sizeof(*all), by_code);
    for (unsigned i = 1; i < n; i++) {
        const uint8_t *end = (const uint8_t *)all[i - 1]->entry + all[i - 1]->code_bytes;
        CHECK((const uint8_t *)all[i]->entry >= end);
    }
    for (unsigned i = 0; i < n; i++) {
        CHECK(find_at(t.board->vcpus[0], all[i]->pc) == all[i]);
    }
    free(all);
    return n;
}

static void compare(bool same)
{
    uint64_t serial_sum, sum;

    set_up(32u << 20, false);
    CHECK_EQ(t.a->compiler_count, VCPUS);
    t.same = same;
    for (unsigned i = 0; i < VCPUS; i++) {
        translate_part(t.board->vcpus[i]);
    }
    const unsigned serial = look(&serial_sum);
    tear_down();

    set_up(32u << 20, false);
    t.same = same;
    on_all(translate_part);
    const unsigned n = look(&sum);
    CHECK_EQ(n, serial);
    CHECK_EQ(sum, serial_sum);
    CHECK_EQ(t.full, 0);
    CHECK(n > 1000);
    tear_down();
}

TEST(vcpus_translate_different_pages_at_once)
{
    compare(false);
}

TEST(vcpus_translate_the_same_pages_at_once)
{
    compare(true);
}

TEST(vcpus_translate_at_once_where_writes_are_tracked)
{
    track = ACCEL_TRACK_ON;
    compare(false);
    compare(true);
    track = ACCEL_TRACK_OFF;
}

/* The first vCPU has nothing to do, and ends one round after the other meanwhile. */
static void translate_or_end_rounds(void *opaque)
{
    struct vcpu *v = opaque;

    if (v->index) {
        translate_part(v);
        atomic_fetch_add(&t.ended, 1);
        return;
    }
    while (atomic_load(&t.ended) < VCPUS - 1) {
        tcg_run(v);
    }
}

/* Two blocks that are kept in the same place are one that cannot be dropped. */
static void end_rounds(bool interpreter)
{
    set_up(64u << 20, interpreter);
    atomic_store(&t.board->vcpus[0]->halted, true);
    on_all(translate_or_end_rounds);
    CHECK_EQ(t.full, 0);
    CHECK_EQ(t.a->block_count, t.a->translated_blocks);
    tear_down();
}

TEST(rounds_that_end_take_no_block_from_those_who_translate)
{
    end_rounds(false);
}

TEST(rounds_that_end_take_no_block_from_those_who_interpret)
{
    end_rounds(true);
}

/* A cache with room for one compiler, and then for nothing: each finds out, and begins anew. */
TEST(compilers_are_shared_and_segments_run_out)
{
    uint64_t sum;

    set_up(2u << 20, false);
    CHECK_EQ(t.a->compiler_count, 1);
    for (unsigned round = 0; round < 4; round++) {
        on_all(translate_part);
        CHECK(t.full > 0);
        atomic_store(&t.full, 0);
        CHECK(look(&sum) > 100);
        os_mutex_lock(&t.a->translate);
        block_flush_all(t.a);
        os_mutex_unlock(&t.a->translate);
    }
    tear_down();
}

/* ---- code that changes */

#define CHANGES 400u

static uint32_t stamp(uint32_t n)
{
    return 0xd2800000 | (n & 0xffff) << 5; /* movz x0, #n */
}

/* The constant that b puts into x0. */
static uint32_t stamp_of(const struct block *b)
{
    for (uint32_t i = 1; i < b->ir->count; i++) {
        if (b->ir->insns[i].op == IR_konst && b->ir->insns[i].type == T_I64) {
            return (uint32_t)b->ir->insns[i].imm;
        }
    }
    return 0;
}

/* The first vCPU writes code and says so, or what it writes is tracked; the others look for blocks.
 * A block that is still valid when it is found is not older than what its finder knew before. */
static void change_or_look(void *opaque)
{
    struct vcpu *v = opaque;
    struct rng r;

    rng_seed(&r, test_seed() + v->index);
    if (v->index == 0) {
        for (uint32_t n = 1; n <= CHANGES; n++) {
            const unsigned page = (unsigned)rng_below(&r, array_len(t.known));
            uint32_t *word = (uint32_t *)(void *)(t.board->ram + page * GUEST_PAGE_SIZE);
            atomic_set(word, stamp(n));
            if (track == ACCEL_TRACK_ON) {
                dirty_written(v->memory, word, sizeof(*word));
            } else {
                tcg_flush_code(v, BASE + page * GUEST_PAGE_SIZE, 4);
            }
            atomic_set_seq(&t.known[page], n);
            const unsigned before = atomic_load(&t.looks), wanted = (unsigned)rng_below(&r, 3);
            while (atomic_load(&t.looks) - before < wanted && !atomic_load(&t.full)) {
                atomic_pause();
            }
        }
        atomic_store(&t.ended, 1);
        return;
    }
    while (!atomic_load(&t.ended)) {
        const unsigned page = (unsigned)rng_below(&r, array_len(t.known));
        const uint32_t known = atomic_get_seq(&t.known[page]);
        const struct block *b = find_at(v, BASE + page * GUEST_PAGE_SIZE);
        if (!b) {
            atomic_fetch_add(&t.full, 1);
            return;
        }
        atomic_fetch_add(&t.looks, 1);
        if (stamp_of(b) < known) {
            atomic_fetch_add(&t.stale, 1);
        }
    }
}

static void change_code(void)
{
    set_up(64u << 20, true);
    for (unsigned page = 0; page < array_len(t.known); page++) {
        uint8_t *p = t.board->ram + page * GUEST_PAGE_SIZE;
        store_le32(p, stamp(0));
        for (unsigned i = 1; i < 300; i++) { /* to translate it takes a while */
            store_le32(p + 4 * i, words[0]);
        }
        store_le32(p + 1200, 0xd65f03c0); /* ret */
    }
    on_all(change_or_look);
    CHECK_EQ(t.full, 0);
    CHECK_EQ(t.stale, 0);
    tear_down();
}

TEST(block_is_no_older_than_what_its_finder_knows)
{
    change_code();
}

TEST(block_is_no_older_than_the_writes_its_finder_knows)
{
    track = ACCEL_TRACK_ON;
    change_code();
    track = ACCEL_TRACK_OFF;
}
