/* SPDX-License-Identifier: MIT */
/*
 * Hostile accesses to every register of the virt board, PCIe configuration space included, and of
 * microvm, pc and q35, their ports included: nothing crashes, and the state of every device can be
 * saved and loaded afterwards.
 */
#include "base/bits.h"
#include "hw/classes.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/given.h"
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

static struct power power = {.request = power_request};

static void prepare(struct machine *m)
{
    struct error e = {""};
    fake_virt_cpus(m, 3);
    m->power = &power;
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
}

static void hammer_and_check(struct machine *m)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    hammer(m, &rng);
    for (struct device *d = m->devices; d; d = d->next) {
        CHECK_MSG(test_round_trip(d), "the state of %s changes when it is loaded", d->cls->name);
    }
    machine_reset(m);
}

static void run(struct machine *m)
{
    prepare(m);
    hammer_and_check(m);
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

/* What firmware sets up first: functions are decoded, and power management has its place. */
static void set_up(struct machine *m)
{
    struct space *ports = m->vcpus[0]->spaces[1];
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        const uint32_t at = 0x80000000u | devfn << 8;
        uint64_t id = 0;
        space_store(ports, 0xcf8, 4, at);
        space_load(ports, 0xcfc, 4, &id);
        if (id == UINT32_MAX) {
            continue;
        }
        for (unsigned bar = 0; bar < 6; bar++) {
            uint64_t kind = 0;
            space_store(ports, 0xcf8, 4, at | (0x10 + 4 * bar));
            space_load(ports, 0xcfc, 4, &kind);
            space_store(ports, 0xcfc, 4,
                        kind & 1 ? 0xc000 + 0x100 * devfn % 0x2000
                                 : 0xe0000000 + (devfn << 20) + (bar << 17));
        }
        space_store(ports, 0xcf8, 4, at | 0x40); /* PMBASE, of those that have it */
        space_store(ports, 0xcfc, 4, 0x601);
        space_store(ports, 0xcf8, 4, at | 0x80); /* PMREGMISC */
        space_store(ports, 0xcfc, 1, 1);
        space_store(ports, 0xcf8, 4, at | 0x44); /* ACPI_CNTL */
        space_store(ports, 0xcfc, 1, 0x80);
        space_store(ports, 0xcf8, 4, at | 4);
        space_store(ports, 0xcfc, 2, 7);
    }
}

static void run_pc(const struct machine_class *cls)
{
    struct error e = {""};
    given_begin();
    struct machine *m = fake_machine_new(cls);
    m->config.ram_bytes = 32 << 20;
    m->config.bios = given_firmware();
    m->backends = given_backends;
    prepare(m);
    CHECK_MSG(given_plug(m, &e1000_class, NULL, NULL, &e), "%s", e.text);
    machine_reset(m);
    set_up(m);
    hammer_and_check(m);
    fake_virt_free(m);
    given_end();
}

TEST(pc_takes_any_access)
{
    run_pc(&pc_machine_class);
}

TEST(q35_takes_any_access)
{
    run_pc(&q35_machine_class);
}
