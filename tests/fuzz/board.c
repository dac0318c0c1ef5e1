/* SPDX-License-Identifier: MIT */
/*
 * Hostile accesses to every register of the virt board, PCIe configuration space included, and of
 * microvm, its ports included: nothing crashes, and the state of every device can be saved and
 * loaded afterwards.
 */
#include "base/bits.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/machine.h"
#include "tests/test.h"

enum {
    WINDOWS_MAX = 128
};

struct window {
    struct space *space;
    paddr base;
};

/* Where the register windows and flash of a space begin. */
static unsigned find_windows(struct space *s, struct window *w, unsigned n)
{
    struct mem_view v;
    for (paddr a = 0; n < WINDOWS_MAX && space_find_next(s, a, &v); a = v.base + v.size) {
        if (v.range->kind != RANGE_RAM) {
            w[n++] = (struct window){s, v.base};
        }
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
    struct window w[WINDOWS_MAX];
    struct space *ports = m->vcpus[0]->spaces[1];
    unsigned windows = find_windows(m->memory, w, 0);
    windows = ports ? find_windows(ports, w, windows) : windows;
    CHECK(windows > 30);
    for (unsigned i = 0; i < 150000 * test_scale(); i++) {
        struct mem_view v;
        const struct window *x = &w[rng_below(rng, windows)];
        const struct requester by = {.id = (uint32_t)rng_below(rng, m->vcpu_count)};
        fake_current = m->vcpus[by.id];
        if (!space_find(x->space, x->base, &v)) {
            continue;
        }
        unsigned size = 1u << rng_below(rng, 4);
        paddr a = v.base + align_down(offset_in(rng, v.size), size);
        uint64_t value = value_of(rng);
        if (rng_below(rng, 2)) {
            space_store_by(x->space, &by, a, size, value);
        } else {
            space_load_by(x->space, &by, a, size, &value);
        }
        if (i % 1000 == 0) {
            clock_manual_advance(m->clock, 1000000);
        }
    }
    fake_current = NULL;
}

static void power_request(struct power *p, enum power_request r)
{
    (void)p, (void)r;
}

static void run(struct machine *m)
{
    struct power power = {.request = power_request};
    struct rng rng;
    struct error e = {""};
    rng_seed(&rng, test_seed());
    fake_virt_cpus(m, 3);
    m->power = &power;
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    hammer(m, &rng);
    for (struct device *d = m->devices; d; d = d->next) {
        CHECK_MSG(test_round_trip(d), "the state of %s changes when it is loaded", d->cls->name);
    }
    machine_reset(m);
}

static void run_virt(const char *gic)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    CHECK(machine_set(m, "gic-version", gic, &e));
    run(m);
    CHECK_EQ(test_load32(m, 0x09000fe0), 0x11);
    fake_virt_free(m);
}

TEST(board_with_gicv2_takes_any_access)
{
    run_virt("2");
}

TEST(board_with_gicv3_takes_any_access)
{
    run_virt("3");
}

TEST(microvm_takes_any_access)
{
    struct machine *m = fake_machine_new(&microvm_machine_class);
    run(m);
    CHECK_EQ(test_load32(m, 0xfee00030), 0x01050014);
    fake_virt_free(m);
}
