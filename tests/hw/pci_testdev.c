/* SPDX-License-Identifier: MIT */
/* The device for tests of accesses, as a guest goes through its tests. */
#include "base/bits.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

extern const struct device_class pci_testdev_class;

#define PORT 0x1000u

static struct device *open_device(struct rig *r, const char *prop)
{
    struct error e = {""};
    rig_open(r);
    struct device *d = rig_device(r, &pci_testdev_class, "pcie.0", &e, "addr=4", prop, NULL);
    if (!d) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    device_reset(d);
    rig_config_set(r, 0, 0x20, 0x10, 4, (uint32_t)RIG_MMIO);
    rig_config_set(r, 0, 0x20, 0x14, 4, PORT);
    rig_config_set(r, 0, 0x20, 4, 2, 7);
    return d;
}

/* Runs test n of the area at base; its name, or NULL if there is none. */
static const char *run(struct rig *r, paddr base, unsigned n)
{
    static char name[32];
    rig_store(r, base, 1, n);
    const unsigned width = (unsigned)rig_load(r, base + 1, 1);
    const paddr at = base + rig_load(r, base + 4, 4);
    const uint32_t data = (uint32_t)rig_load(r, base + 8, 4);
    if (width != 1 && width != 2 && width != 4) {
        return NULL;
    }
    CHECK_EQ(rig_load(r, base + 12, 4), 0);
    for (unsigned i = 0; i < 16; i++) {
        rig_store(r, at, width, data);
    }
    CHECK_EQ(rig_load(r, base + 12, 4), 16);
    rig_store(r, at + 4, width, data); /* elsewhere */
    CHECK_EQ(rig_load(r, base + 12, 4), 16);
    for (unsigned i = 0; i < sizeof(name); i++) {
        name[i] = (char)rig_load(r, base + 16 + i, 1);
    }
    return name;
}

TEST(each_area_has_three_tests)
{
    static const char *const names[] = {"no-eventfd", "wildcard-eventfd", "datamatch-eventfd"};
    struct rig r;
    struct device *d = open_device(&r, NULL);
    CHECK_EQ(rig_config(&r, 0, 0x20, 0, 4), 0x00051b36);
    for (unsigned i = 0; i < array_len(names); i++) {
        CHECK_STR(run(&r, RIG_MMIO, i), names[i]);
        CHECK_STR(run(&r, RIG_PIO + PORT, i), names[i]);
    }
    CHECK(!run(&r, RIG_MMIO, 3));
    CHECK(!run(&r, RIG_PIO + PORT, 200));
    CHECK_STR(run(&r, RIG_MMIO, 2), names[2]);
    rig_store(&r, RIG_MMIO + rig_load(&r, RIG_MMIO + 4, 4), 1, 0); /* other data */
    CHECK_EQ(rig_load(&r, RIG_MMIO + 12, 4), 16);
    CHECK(test_round_trip(d));
    CHECK_EQ(rig_load(&r, RIG_MMIO + 12, 4), 16);
    rig_close(&r);
}

TEST(a_large_bar_has_the_size_that_was_asked_for)
{
    struct rig r;
    struct error e = {""};
    open_device(&r, "membar=16G");
    rig_config_set(&r, 0, 0x20, 0x18, 4, UINT32_MAX);
    rig_config_set(&r, 0, 0x20, 0x1c, 4, UINT32_MAX);
    CHECK_EQ(rig_config(&r, 0, 0x20, 0x18, 4), 0xc);
    CHECK_EQ(rig_config(&r, 0, 0x20, 0x1c, 4), 0xfffffffc);
    CHECK(!rig_device(&r, &pci_testdev_class, "pcie.0", &e, "membar=100", NULL));
    CHECK(strstr(e.text, "membar=100"));
    rig_close(&r);
}
