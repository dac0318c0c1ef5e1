/* SPDX-License-Identifier: MIT */
/* Flushes of a TLB whose addresses have several regions, each in a space of its own: the invented
 * architecture's. */
#include "accel/tlb.h"
#include "tests/invented/machine.h"
#include "tests/support/board.h"
#include "tests/test.h"

#define PAGE 17u

static uint64_t address_in(unsigned region)
{
    return (uint64_t)region << INV_REGION_SHIFT | PAGE << GUEST_PAGE_BITS;
}

/* Generated code would find va without the run-time. */
static bool is_inline(struct vcpu *v, uint64_t va)
{
    struct tlb *t = vcpu_env(v)->tlb;

    return tlb_line(t->by_idx[INV_DAT], va, false)->tag == va;
}

static void look_up(struct vcpu *v, uint64_t va)
{
    struct tlb_hit hit;
    uint64_t fault;

    CHECK(tlb_lookup(v, va, ACCESS_READ, INV_DAT, &hit, &fault));
    CHECK(is_inline(v, va));
}

/* In each region the page is flushed by that region's space, and by no other one's. */
static void flush_each(struct inv_cpu *c)
{
    struct vcpu *v = &c->vcpu;

    for (unsigned region = 0; region < INV_REGIONS; region++) {
        const uint64_t va = address_in(region);
        c->spaces[region] = (uint16_t)(region + 3);
        inv_set_pte(v, region + 3, PAGE, PAGE << GUEST_PAGE_BITS | 0xf);
        tcg_context_changed(v);
        tlb_select(v, true);
        look_up(v, va);
        tlb_flush_space_range(v, va, GUEST_PAGE_SIZE, inv_identity(region + 3), false);
        CHECK(!is_inline(v, va));
    }
}

TEST(a_range_is_flushed_by_the_space_of_its_region)
{
    struct error e;
    struct test_board *b = test_board_new(&inv_cpu_class, "", 1, 0, INV_RAM_BYTES, &e);

    REQUIRE(b);
    struct accel *a = accel_create(&(struct accel_config){0}, b->vcpus, 1, test_board_exited, b,
                                   &e);
    REQUIRE(a);
    inv_cpu(b->vcpus[0])->mode = INV_DAT;
    flush_each(inv_cpu(b->vcpus[0]));
    accel_destroy(a);
    test_board_free(b);
}
