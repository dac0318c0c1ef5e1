/* SPDX-License-Identifier: MIT */
/*
 * Hostile accesses to every register of the virt board, PCIe configuration space included: nothing
 * crashes, and the state of every device can be saved and loaded afterwards.
 */
#include "base/bits.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/machine.h"
#include "tests/test.h"

enum {
    WINDOWS_MAX = 128
};

/* Where the board's register windows and flash begin. */
static unsigned find_windows(struct machine *m, paddr *base)
{
    unsigned n = 0;
    struct mem_view v;
    for (paddr a = 0; a < UINT64_C(0x10000000000) && n < WINDOWS_MAX;) {
        bool found = space_find(m->memory, a, &v);
        if (found && v.range->kind != RANGE_RAM) {
            base[n++] = v.base;
        }
        a = found ? v.base + v.size : a + (a < 0x40000000 ? 0x200 : 0x1000000);
    }
    return n;
}

/* Offsets near the start of a window are where registers are. */
static uint64_t offset_in(struct rng *rng, uint64_t size)
{
    uint64_t near = rng_below(rng, 2) ? 0x200 : 0x11000;
    return rng_below(rng, rng_below(rng, 4) && near < size ? near : size);
}

static uint64_t value_of(struct rng *rng)
{
    switch (rng_below(rng, 4)) {
    case 0:
        return rng_u64(rng);
    case 1:
        return 0x40000000 + rng_below(rng, 1 << 20);
    default:
        return rng_below(rng, 256);
    }
}

static void hammer(struct machine *m, struct rng *rng)
{
    paddr base[WINDOWS_MAX];
    unsigned windows = find_windows(m, base);
    CHECK(windows > 40);
    for (unsigned i = 0; i < 150000 * test_scale(); i++) {
        struct mem_view v;
        fake_current = m->vcpus[rng_below(rng, m->vcpu_count)];
        if (!space_find(m->memory, base[rng_below(rng, windows)], &v)) {
            continue;
        }
        unsigned size = 1u << rng_below(rng, 4);
        paddr a = v.base + align_down(offset_in(rng, v.size), size);
        uint64_t value = value_of(rng);
        if (rng_below(rng, 2)) {
            space_store(m->memory, a, size, value);
        } else {
            space_load(m->memory, a, size, &value);
        }
        if (i % 1000 == 0) {
            clock_manual_advance(m->clock, 1000000);
        }
    }
    fake_current = NULL;
}

static void run(const char *gic)
{
    struct rng rng;
    struct error e = {""};
    struct machine *m = fake_virt_new();
    rng_seed(&rng, test_seed());
    fake_virt_cpus(m, 3);
    CHECK(machine_set(m, "gic-version", gic, &e));
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    hammer(m, &rng);
    for (struct device *d = m->devices; d; d = d->next) {
        CHECK_MSG(test_round_trip(d), "the state of %s changes when it is loaded", d->cls->name);
    }
    machine_reset(m);
    CHECK_EQ(test_load32(m, 0x09000fe0), 0x11);
    fake_virt_free(m);
}

TEST(board_with_gicv2_takes_any_access)
{
    run("2");
}

TEST(board_with_gicv3_takes_any_access)
{
    run("3");
}
