/* SPDX-License-Identifier: MIT */
/* The port by which a guest tells of a crash. */
#include "hw/misc/pvpanic.h"
#include "tests/hw/pc_rig.h"

TEST(events_ask_for_what_is_due_then)
{
    struct pc_rig p;
    pc_rig_open(&p);
    pc_rig_isa(&p, &pvpanic_isa_class);
    CHECK_EQ(pc_in(&p, 0x505, 1), 7);
    pc_out(&p, 0x505, 1, 2);
    CHECK_EQ(p.requests[POWER_PANIC] + p.requests[POWER_OFF], 0);
    pc_out(&p, 0x505, 1, 1);
    CHECK_EQ(p.requests[POWER_PANIC], 1);
    pc_out(&p, 0x505, 1, 4);
    CHECK_EQ(p.requests[POWER_OFF], 1);
    pc_rig_close(&p);
}

TEST(what_it_cannot_be_is_refused)
{
    struct pc_rig p;
    struct error e = {""};
    pc_rig_open(&p);
    CHECK(!rig_device(&p.r, &pvpanic_isa_class, "isa.0", &e, "events=8", NULL));
    CHECK_STR(e.text, "pvpanic: events=8: at most 7");
    CHECK(!rig_device(&p.r, &pvpanic_isa_class, "isa.0", &e, "ioport=0x10000", NULL));
    CHECK_STR(e.text, "iobase=0x10000: ports go up to 0xffff");
    pc_rig_close(&p);
}

TEST(a_table_tells_of_its_port)
{
    static const uint8_t port[] = {0x47, 0x01, 0x06, 0x05, 0x06, 0x05};
    struct pc_rig p;
    struct acpi_tables t;
    struct error e = {""};
    bool found = false;
    pc_rig_open(&p);
    acpi_init(&t, "BOCHS ", "BXPC    ");
    pvpanic_add_table(&t, p.r.m);
    CHECK_EQ(t.count, 0);
    CHECK(rig_device(&p.r, &pvpanic_isa_class, "isa.0", &e, "ioport=0x506", NULL));
    pvpanic_add_table(&t, p.r.m);
    CHECK_EQ(t.count, 1);
    for (size_t i = 0; i + sizeof(port) <= t.blob.len; i++) {
        found |= memcmp(t.blob.text + i, port, sizeof(port)) == 0;
    }
    CHECK(found);
    acpi_free(&t);
    pc_rig_close(&p);
}
