/* SPDX-License-Identifier: MIT */
/* The device by which a guest tells of a crash. */
#include "hw/classes.h"
#include "hw/pci/pci_regs.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define SLOT 0x28
#define BASE (RIG_MMIO + 0x2000)

static int asked; /* enum power_request; -1: nothing */

static void request(struct power *p, enum power_request r)
{
    (void)p;
    asked = (int)r;
}

static struct power power = {.request = request};

static void begin(struct rig *r, const char *events)
{
    struct error e = {""};
    rig_open(r);
    r->m->power = &power;
    asked = -1;
    struct device *d = rig_device(r, &pvpanic_pci_class, "pcie.0", &e, "addr=5", events, NULL);
    CHECK_MSG(d, "%s", e.text);
    rig_config_set(r, 0, SLOT, PCI_BAR0, 4, BASE);
    rig_config_set(r, 0, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

TEST(a_crash_asks_for_what_is_due_then)
{
    struct rig r;
    begin(&r, "events=7");
    CHECK_EQ(rig_config(&r, 0, SLOT, 0, 4), 0x00111b36);
    CHECK_EQ(rig_load(&r, BASE, 1), 7);
    rig_store(&r, BASE, 1, 2); /* its own kernel sees to it */
    CHECK_EQ(asked, -1);
    rig_store(&r, BASE, 1, 1);
    CHECK_EQ(asked, POWER_PANIC);
    rig_store(&r, BASE, 1, 4);
    CHECK_EQ(asked, POWER_OFF);
    rig_close(&r);
}

TEST(events_that_it_does_not_take_do_nothing)
{
    struct rig r;
    begin(&r, "events=2");
    CHECK_EQ(rig_load(&r, BASE, 1), 2);
    rig_store(&r, BASE, 1, 0xf9);
    rig_store(&r, BASE + 1, 1, 1);
    CHECK_EQ(asked, -1);
    rig_close(&r);
}

TEST(events_that_there_are_not_are_refused)
{
    struct rig r;
    struct error e = {""};
    rig_open(&r);
    CHECK(!rig_device(&r, &pvpanic_pci_class, "pcie.0", &e, "events=8", NULL));
    CHECK_MSG(strstr(e.text, "at most 7"), "%s", e.text);
    rig_close(&r);
}
