/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * Logs of dirty pages miss nothing. Guests on one and on four vCPUs, and a device, write at random
 * to memory, while threads read logs and copy the pages that these name. When all is over, and the
 * logs have been read once more, the copies are like the memory.
 */
#include "base/atomic.h"
#include "base/bits.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cpu/arm.h"
#include "memory/dirty.h"
#include "memory/dma.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define RAM UINT64_C(0x40000000)
#define RAM_BYTES UINT64_C(0x400000)
#define CODE (RAM + 0x1000)
#define ROOT (RAM + 0x2000)
#define LEVEL2 (RAM + 0x3000)
#define LEVEL3 (RAM + 0x4000)
#define COUNTER (RAM + 0x5000)
#define DATA (RAM + 0x200000)
#define DATA_BYTES UINT64_C(0x101000) /* accesses begin in the first MiB */
#define ALIAS UINT64_C(0x80000000)    /* the first GiB of RAM again */
#define WINDOW UINT64_C(0xc0000000)   /* the data by pages of 4 KiB */
#define VCPUS_MAX 4u

/*
 * x0 says which vCPU this is. The MMU on, then so many rounds: a random place, half of them in a
 * few pages, by one of three mappings, and one of eight ways to write: STR, STRB and STR, STP, STR
 * of Q, LDADD, LDXR and STXR, an STR that may cross the page, DC ZVA. The last vCPU switches off.
 * Parameters are behind the code.
 */
static const uint32_t program[] = {
    0x58000941, 0xd518a201, 0x58000941, 0xd5182041, 0x58000941, 0xd5182001, 0x58000941, 0xd5181041,
    0xd5033fdf, 0x58000921, 0xd5181001, 0xd5033fdf, 0x10000a13, 0x580008f4, 0x58000915, 0x91000401,
    0x9b017e94, 0xca143694, 0xca541e94, 0xca144694, 0x927d4281, 0xb6400054, 0x927d2821, 0xd3608682,
    0xf8627a63, 0x8b010063, 0xd36cba84, 0x100001c5, 0x8b0410a5, 0xd63f00a0, 0xf10006b5, 0x54fffe41,
    0x58000701, 0x92800002, 0xf8e20023, 0xf100047f, 0x54000061, 0x180006a0, 0xd4000002, 0xd503207f,
    0x17ffffff, 0xf9000074, 0xd65f03c0, 0xd503201f, 0xd503201f, 0x39000c74, 0xb9000c74, 0xd65f03c0,
    0xd503201f, 0xa9005474, 0xd65f03c0, 0xd503201f, 0xd503201f, 0x9e670280, 0x3d800060, 0xd65f03c0,
    0xd503201f, 0xf8340066, 0xd65f03c0, 0xd503201f, 0xd503201f, 0xc85f7c66, 0xc8077c74, 0xd65f03c0,
    0xd503201f, 0xf8001074, 0xd65f03c0, 0xd503201f, 0xd503201f, 0xd50b7423, 0xd65f03c0, 0xd503201f,
    0xd503201f, 0xd503201f,
};

static void put_program(struct test_board *b, uint64_t rounds)
{
    const uint64_t parameters[] = {0x04ff,                                      /* MAIR */
                                   25 | 25 << 16 | 1 << 23 | UINT64_C(2) << 32, /* TCR */
                                   ROOT,
                                   3 << 20,    /* CPACR */
                                   0x30d01805, /* SCTLR */
                                   test_seed() | 1,
                                   rounds,
                                   COUNTER,
                                   0x84000008, /* SYSTEM_OFF */
                                   DATA,
                                   ALIAS + (DATA - RAM),
                                   WINDOW,
                                   DATA};
    test_board_put_code(b, CODE, program, array_len(program));
    test_board_put_all(b, CODE + sizeof(program), parameters, array_len(parameters));
    test_board_put(b, ROOT, 0x705);
    test_board_put(b, ROOT + 8, RAM | 0x701);
    test_board_put(b, ROOT + 16, RAM | 0x701);
    test_board_put(b, ROOT + 24, LEVEL2 | 3);
    test_board_put(b, LEVEL2, LEVEL3 | 3);
    for (unsigned n = 0; n < DATA_BYTES / GUEST_PAGE_SIZE; n++) {
        test_board_put(b, LEVEL3 + 8 * n, (DATA + GUEST_PAGE_SIZE * n) | 0x703);
    }
    test_board_put(b, COUNTER, b->count);
}

/* ---- readers of logs */

struct reader {
    struct test_board *b;
    enum dirty_client client;
    const bool *over;
    struct os_thread thread;
    uint8_t *copy; /* of the data */
    uint64_t pages;
    unsigned restarts;
};

static uint8_t *data_of(const struct test_board *b)
{
    return b->ram + (DATA - RAM);
}

static void copy_dirty(struct reader *r, uint64_t first, uint64_t n)
{
    uint64_t bitmap[(DATA_BYTES / GUEST_PAGE_SIZE + 63) / 64];
    const uint8_t *from = data_of(r->b) + first * GUEST_PAGE_SIZE;

    if (!dirty_log_fetch(r->b->memory, r->client, from, n * GUEST_PAGE_SIZE, bitmap)) {
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (bitmap[i / 64] >> i % 64 & 1) {
            memcpy(r->copy + (first + i) * GUEST_PAGE_SIZE, from + i * GUEST_PAGE_SIZE,
                   GUEST_PAGE_SIZE);
            r->pages++;
        }
    }
}

static void start_log(struct reader *r)
{
    dirty_log_start(r->b->memory, r->client);
    memcpy(r->copy, data_of(r->b), DATA_BYTES);
}

static void read_log(void *opaque)
{
    struct reader *r = opaque;
    const uint64_t pages = DATA_BYTES / GUEST_PAGE_SIZE;
    struct rng rng;

    rng_seed(&rng, test_seed() + 10 + r->client);
    while (!atomic_get_acquire(r->over)) {
        const uint64_t first = rng_below(&rng, pages);
        copy_dirty(r, first, 1 + rng_below(&rng, pages - first));
        if (rng_below(&rng, 40) == 0) {
            dirty_log_stop(r->b->memory, r->client);
            start_log(r);
            r->restarts++;
        }
        os_sleep_until_ns(os_now_ns() + (int64_t)rng_below(&rng, 300000));
    }
}

/* ---- a device */

struct writer {
    struct test_board *b;
    const bool *over;
    struct os_thread thread;
    uint64_t writes;
};

static void write_once(const struct dma *dma, struct rng *rng)
{
    uint8_t bytes[600];
    const paddr a = DATA + rng_below(rng, DATA_BYTES - 2 * sizeof(bytes));
    size_t n = 1 + rng_below(rng, sizeof(bytes));

    rng_bytes(rng, bytes, n);
    if (rng_below(rng, 2)) {
        dma_write(dma, a, bytes, n);
    } else if (rng_below(rng, 2)) {
        dma_store32(dma, a, (uint32_t)rng_u64(rng));
    } else {
        uint8_t *p = dma_map(dma, a, &n, true);
        memcpy(p, bytes, n / 2);
        dma_unmap(dma, p, n / 2);
    }
}

static void write_by_device(void *opaque)
{
    struct writer *w = opaque;
    const struct dma dma = {w->b->memory};
    struct rng rng;

    rng_seed(&rng, test_seed() + 1);
    while (!atomic_get_acquire(w->over)) {
        for (unsigned i = 0; i < 8; i++) {
            write_once(&dma, &rng);
            w->writes++;
        }
        os_sleep_until_ns(os_now_ns() + (int64_t)rng_below(&rng, 100000));
    }
}

/* ---- all together */

/* NULL: by the engine that keeps nothing. */
static bool run(struct test_board *b, const struct accel_config *config, struct error *e)
{
    test_board_boot_all(b, CODE);
    return config ? test_board_go(b, config, 120, e) : test_board_go_oracle(b, UINT64_MAX);
}

static void start(struct reader *r, struct writer *w)
{
    struct error e;

    for (unsigned i = 0; i < DIRTY_CLIENTS; i++) {
        r[i].copy = mem_alloc(DATA_BYTES);
        start_log(&r[i]);
        CHECK(os_thread_start(&r[i].thread, "reader", read_log, &r[i], &e));
    }
    CHECK(os_thread_start(&w->thread, "writer", write_by_device, w, &e));
}

static void check_copy(struct reader *r)
{
    const uint8_t *data = data_of(r->b);
    unsigned differ = 0;

    copy_dirty(r, 0, DATA_BYTES / GUEST_PAGE_SIZE);
    for (uint64_t i = 0; i < DATA_BYTES; i += GUEST_PAGE_SIZE) {
        differ += memcmp(r->copy + i, data + i, GUEST_PAGE_SIZE) != 0;
    }
    CHECK_EQ(differ, 0);
    CHECK(r->pages > 100);
    dirty_log_stop(r->b->memory, r->client);
    mem_free(r->copy);
}

static void misses_nothing(unsigned vcpus, uint64_t rounds, const struct accel_config *config)
{
    struct error e = {""};
    struct test_board *b = test_board_new(&arm_cpu_class, "max", vcpus, RAM, RAM_BYTES, &e);
    bool over = false;
    struct writer w = {.b = b, .over = &over};
    struct reader r[DIRTY_CLIENTS] = {{.b = b, .client = DIRTY_MIGRATION, .over = &over},
                                      {.b = b, .client = DIRTY_DISPLAY, .over = &over}};

    REQUIRE(b);
    put_program(b, rounds * test_scale());
    start(r, &w);
    CHECK_MSG(run(b, config, &e), "%s", e.text);
    atomic_set_release(&over, true);
    os_thread_join(&w.thread);
    for (unsigned i = 0; i < DIRTY_CLIENTS; i++) {
        os_thread_join(&r[i].thread);
        check_copy(&r[i]);
    }
    CHECK(w.writes > 100);
    CHECK(!dirty_used(space_dirty(b->memory)));
    test_board_free(b);
}

#define ROUNDS 4000000u
#define ROUNDS_INTERPRETED 200000u

TEST(logs_miss_no_write_of_one_vcpu)
{
    misses_nothing(1, ROUNDS, &(struct accel_config){0});
}

TEST(logs_miss_no_write_of_four_vcpus)
{
    misses_nothing(VCPUS_MAX, ROUNDS, &(struct accel_config){0});
}

TEST(logs_miss_no_write_of_vcpus_that_run_in_turn)
{
    misses_nothing(VCPUS_MAX, ROUNDS / 4, &(struct accel_config){.single_thread = true});
}

TEST(logs_miss_no_write_of_code_without_folding)
{
    misses_nothing(VCPUS_MAX, ROUNDS / 4, &(struct accel_config){.no_opt = true});
}

TEST(logs_miss_no_write_of_the_interpreter)
{
    misses_nothing(1, ROUNDS_INTERPRETED, &(struct accel_config){.interpreter = true});
    misses_nothing(VCPUS_MAX, ROUNDS_INTERPRETED, &(struct accel_config){.interpreter = true});
}

TEST(logs_miss_no_write_of_an_engine_that_keeps_nothing)
{
    misses_nothing(1, ROUNDS_INTERPRETED, NULL);
}

TEST(logs_miss_no_write_of_counted_vcpus)
{
    const struct accel_config c = {.counted = true, .shift = 3};

    misses_nothing(1, ROUNDS, &c);
    misses_nothing(VCPUS_MAX, ROUNDS / 4, &c);
}

TEST(logs_miss_no_write_while_code_is_tracked)
{
    const struct accel_config c = {.track_code = ACCEL_TRACK_ON};

    misses_nothing(1, ROUNDS, &c);
    misses_nothing(VCPUS_MAX, ROUNDS, &c);
}
