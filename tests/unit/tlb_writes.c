/* SPDX-License-Identifier: MIT */
/* Lines for writes that lead to a page are found and dropped, whatever was entered and dropped
 * before: they are counted by page. */
#include "accel/tlb.h"
#include "base/rng.h"
#include "cpu/arm.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define BASE UINT64_C(0x40000000)
#define RAM_BYTES (UINT64_C(160) << 20)
#define STEPS 20000u

static struct {
    struct test_board *board;
    struct vcpu *v;
    struct tlb *tlb;
    unsigned idx;
    struct rng r;
} t;

/* Pages that are counted together are among them, and some that share a line. */
static uint64_t some_page(void)
{
    const uint64_t near = rng_below(&t.r, 400) * GUEST_PAGE_SIZE;
    const uint64_t apart = rng_below(&t.r, 3) * TLB_OPEN_COUNTS * GUEST_PAGE_SIZE;

    return near + (rng_below(&t.r, 4) ? 0 : apart);
}

static const uint8_t *host_of(const struct tlb_line *line)
{
    return (const uint8_t *)(uintptr_t)(line->tag + line->addend);
}

/* Lines for writes of a table that lead to host; NULL: to what is counted as n. */
static unsigned lines_to(struct tlb_table *table, const uint8_t *host, uint32_t n)
{
    const struct tlb_line *line = tlb_lines(table, true);
    unsigned found = 0;

    for (uint32_t i = 0; i < table->lines; i++) {
        if (line[i].tag != TLB_NO_TAG) {
            const uint8_t *page = host_of(&line[i]);
            const uint8_t *count = tlb_open_count(table, (uint64_t)(uintptr_t)page);
            found += host ? page == host : count == tlb_open_counts(table) + n;
        }
    }
    return found;
}

static void write_to(uint64_t page)
{
    struct tlb_hit hit;
    uint64_t fault;

    CHECK(tlb_lookup(t.v, BASE + page, ACCESS_WRITE, t.idx, &hit, &fault));
    CHECK_EQ(lines_to(t.tlb->by_idx[t.idx], t.board->ram + page, 0), 1);
}

static void drop(uint64_t page)
{
    const uint8_t *host = t.board->ram + page;

    tlb_drop_writes(t.v, host);
    CHECK_EQ(lines_to(t.tlb->by_idx[t.idx], host, 0), 0);
}

static void step(void)
{
    const uint64_t page = some_page();

    switch (rng_below(&t.r, 64)) {
    case 0 ... 15:
        drop(page);
        break;
    case 16 ... 21:
        tlb_drop_range(t.v, BASE + page, GUEST_PAGE_SIZE * (1 + rng_below(&t.r, 8)), TLB_ANY_TAG);
        break;
    case 22:
        if (rng_below(&t.r, 20) == 0) {
            tlb_drop_all(t.v);
        }
        break;
    case 23:
        if (rng_below(&t.r, 20) == 0) {
            tlb_drop_writes(t.v, NULL);
        }
        break;
    default:
        write_to(page);
    }
}

static void check_counts(void)
{
    struct tlb_table *table = t.tlb->by_idx[t.idx];

    for (uint32_t n = 0; n < 400; n++) {
        const uint32_t slot = ((uint32_t)((uintptr_t)t.board->ram >> GUEST_PAGE_BITS) + n) %
                              TLB_OPEN_COUNTS;
        CHECK_EQ(tlb_open_counts(table)[slot], lines_to(table, NULL, slot));
    }
}

TEST(lines_for_writes_are_dropped_by_page)
{
    struct error e;

    rng_seed(&t.r, test_seed());
    t.board = test_board_new(&arm_cpu_class, "max", 1, BASE, RAM_BYTES, &e);
    REQUIRE(t.board);
    struct accel *a = accel_create(&(struct accel_config){0}, t.board->vcpus, 1, test_board_exited,
                                   NULL, &e);
    REQUIRE(a);
    t.v = t.board->vcpus[0];
    t.tlb = vcpu_env(t.v)->tlb;
    t.idx = t.v->cls->mmu_index(t.v);
    tlb_select(t.v, true);
    for (unsigned n = 0; n < STEPS * test_scale(); n++) {
        step();
        if (n % 500 == 0) {
            check_counts();
        }
    }
    accel_destroy(a);
    test_board_free(t.board);
}
