/* SPDX-License-Identifier: MIT */
/* PIIX3's interrupt router, PIIX4's power management, its hot plug and its SMBus. */
#include "hw/acpi/pci_plug.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/classes.h"
#include "hw/i2c/smbus.h"
#include "hw/isa/piix3.h"
#include "hw/state.h"
#include "tests/hw/pc_rig.h"

#define BRIDGE 0x08
#define PM 0x0b
#define BASE 0x600
#define SMBUS 0x700
#define MS UINT64_C(1000000)

struct bench {
    struct pc_rig p;
    struct device *bridge, *pm;
};

static void begin(struct bench *b)
{
    pc_rig_open(&b->p);
    b->bridge = device_new(&piix3_class, b->p.r.m, NULL);
    piix3_connect(b->bridge, b->p.irq);
    pc_rig_plug(&b->p, b->bridge, "1.0");
    b->pm = device_new(&piix4_pm_class, b->p.r.m, NULL);
    const struct acpi_smi smi = pc_rig_smi(&b->p);
    piix4_pm_connect(b->pm, b->p.ports, &smi);
    pc_rig_plug(&b->p, b->pm, "1.3");
    b->pm->irq[0] = test_line_irq(&b->p.sci);
}

/* As firmware places the blocks. */
static void place(struct bench *b)
{
    rig_config_set(&b->p.r, 0, PM, 0x40, 4, BASE | 1);
    rig_config_set(&b->p.r, 0, PM, 0x80, 1, 1);
    rig_config_set(&b->p.r, 0, PM, 0x90, 4, SMBUS | 1);
    rig_config_set(&b->p.r, 0, PM, 0xd2, 1, 9);
}

static void end(struct bench *b)
{
    pc_rig_close(&b->p);
}

static void config(struct bench *b, unsigned devfn, unsigned offset, unsigned size, uint32_t v)
{
    rig_config_set(&b->p.r, 0, devfn, offset, size, v);
}

TEST(identities_and_reset_values_are_those_of_the_data_sheets)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(rig_config(&b.p.r, 0, BRIDGE, 0, 4), 0x70008086);
    CHECK_EQ(rig_config(&b.p.r, 0, BRIDGE, 8, 4), 0x06010000);
    CHECK_EQ(rig_config(&b.p.r, 0, BRIDGE, 0xe, 1), 0x80);
    CHECK_EQ(rig_config(&b.p.r, 0, BRIDGE, 4, 4), 0x02000007);
    CHECK_EQ(rig_config(&b.p.r, 0, BRIDGE, 0x60, 4), 0x80808080);
    CHECK_EQ(rig_config(&b.p.r, 0, PM, 0, 4), 0x71138086);
    CHECK_EQ(rig_config(&b.p.r, 0, PM, 8, 4), 0x06800003);
    CHECK_EQ(rig_config(&b.p.r, 0, PM, 0x40, 4), 1);
    CHECK_EQ(pc_in(&b.p, BASE + 8, 4), 0xffffffff); /* not decoded yet */
    end(&b);
}

TEST(lines_of_pci_lead_where_their_route_registers_say)
{
    struct bench b;
    begin(&b);
    const struct irq a = piix3_pirq(b.bridge, 0), d = piix3_pirq(b.bridge, 3);
    irq_set(&a, 1);
    for (unsigned i = 0; i < 16; i++) {
        CHECK_EQ(b.p.line[i].level, 0);
    }
    config(&b, BRIDGE, 0x60, 1, 10);
    CHECK_EQ(b.p.line[10].level, 1);
    config(&b, BRIDGE, 0x63, 1, 10);
    irq_set(&d, 1);
    irq_set(&a, 0);
    CHECK_EQ(b.p.line[10].level, 1); /* shared: the other one still is */
    config(&b, BRIDGE, 0x60, 4, 0x0b808080);
    CHECK_EQ(b.p.line[10].level, 0);
    CHECK_EQ(b.p.line[11].level, 1);
    config(&b, BRIDGE, 0x63, 1, 2); /* reserved: it leads nowhere */
    CHECK_EQ(b.p.line[11].level, 0);
    CHECK_EQ(b.p.line[2].level, 0);
    end(&b);
}

TEST(routes_survive_saving_and_loading)
{
    struct bench b;
    begin(&b);
    const struct irq c = piix3_pirq(b.bridge, 2);
    config(&b, BRIDGE, 0x62, 1, 5);
    irq_set(&c, 1);
    CHECK(test_round_trip(b.bridge));
    CHECK_EQ(b.p.line[5].level, 1);
    device_reset(b.bridge);
    CHECK_EQ(b.p.line[5].level, 0);
    end(&b);
}

/* ---- power management */

TEST(the_timer_counts_3579545_in_a_second_with_24_bits)
{
    struct bench b;
    begin(&b);
    place(&b);
    const uint32_t t0 = pc_in(&b.p, BASE + 8, 4);
    pc_advance(&b.p, 1000 * MS);
    CHECK_EQ((pc_in(&b.p, BASE + 8, 4) - t0) & 0xffffff, 3579545);
    pc_advance(&b.p, 4000 * MS);
    CHECK(pc_in(&b.p, BASE + 8, 4) < 0x1000000);
    end(&b);
}

/* The machine's clock is set after all devices were checked. */
TEST(a_state_may_be_of_a_later_time)
{
    struct bench b, later;
    struct strbuf s = {0};
    struct error e = {""};
    begin(&later);
    place(&later);
    pc_advance(&later.p, 3000 * MS);
    machine_settle(later.p.r.m);
    device_write(later.pm, &s);
    begin(&b);
    machine_settle(b.p.r.m);
    CHECK_MSG(device_read(b.pm, s.text, s.len, device_version(b.pm), true, &e), "%s", e.text);
    CHECK_MSG(machine_check(b.p.r.m, &e), "%s", e.text);
    clock_manual_advance(b.p.r.m->clock, 3000 * MS);
    machine_loaded(b.p.r.m);
    machine_resume(b.p.r.m);
    CHECK_EQ(pc_in(&b.p, BASE, 2), 1); /* the carry that was */
    strbuf_free(&s);
    end(&b);
    end(&later);
}

TEST(a_carry_of_the_timer_is_an_event)
{
    struct bench b;
    begin(&b);
    place(&b);
    pc_out(&b.p, BASE + 4, 2, 1);
    pc_advance(&b.p, 2343 * MS); /* 2^23 ticks are 2.3434839 s */
    CHECK_EQ(pc_in(&b.p, BASE, 2), 0);
    pc_out(&b.p, BASE + 2, 2, 1);
    pc_advance(&b.p, 1 * MS);
    CHECK_EQ(b.p.sci.level, 1);
    CHECK_EQ(pc_in(&b.p, BASE, 2), 1);
    pc_out(&b.p, BASE, 2, 1);
    CHECK_EQ(b.p.sci.level, 0);
    pc_advance(&b.p, 2342 * MS);
    CHECK_EQ(b.p.sci.level, 0);
    pc_advance(&b.p, 1 * MS);
    CHECK_EQ(b.p.sci.level, 1);
    end(&b);
}

TEST(the_power_button_raises_sci_once_the_os_has_taken_over)
{
    struct bench b;
    begin(&b);
    place(&b);
    acpi_pm_event(piix4_pm(b.pm), ACPI_PM1_POWER_BUTTON);
    pc_out(&b.p, BASE + 2, 2, ACPI_PM1_POWER_BUTTON);
    CHECK_EQ(b.p.sci.level, 0);
    pc_out(&b.p, 0xb2, 1, PIIX4_ACPI_ENABLE);
    CHECK_EQ(pc_in(&b.p, BASE + 4, 2), 1);
    CHECK_EQ(b.p.sci.level, 1);
    pc_out(&b.p, BASE + 1, 1, ACPI_PM1_POWER_BUTTON >> 8);
    CHECK_EQ(b.p.sci.level, 0);
    pc_out(&b.p, 0xb2, 1, PIIX4_ACPI_DISABLE);
    CHECK_EQ(pc_in(&b.p, BASE + 4, 2), 0);
    end(&b);
}

TEST(general_purpose_events_are_at_fixed_ports)
{
    struct bench b;
    begin(&b);
    pc_out(&b.p, 0xb2, 1, PIIX4_ACPI_ENABLE);
    acpi_pm_gpe(piix4_pm(b.pm), 1);
    CHECK_EQ(pc_in(&b.p, PIIX4_GPE_BASE, 2), 2);
    CHECK_EQ(b.p.sci.level, 0);
    pc_out(&b.p, PIIX4_GPE_BASE + 2, 2, 2);
    CHECK_EQ(b.p.sci.level, 1);
    place(&b);
    CHECK_EQ(pc_in(&b.p, BASE + 0xc, 4), 0x00020002);
    pc_out(&b.p, PIIX4_GPE_BASE, 1, 2);
    CHECK_EQ(b.p.sci.level, 0);
    end(&b);
}

TEST(sleeping_switches_off_or_is_refused)
{
    struct bench b;
    begin(&b);
    place(&b);
    pc_out(&b.p, BASE + 4, 2, 1 << 10 | 1 << 13); /* S3 */
    CHECK_EQ(b.p.requests[POWER_OFF], 0);
    pc_out(&b.p, BASE + 4, 2, 0 << 10);
    CHECK_EQ(b.p.requests[POWER_OFF], 0);
    pc_out(&b.p, BASE + 4, 2, 0 << 10 | 1 << 13);
    CHECK_EQ(b.p.requests[POWER_OFF], 1);
    CHECK_EQ(pc_in(&b.p, BASE + 4, 2), 0);
    pc_out(&b.p, BASE + 4, 2, 2 << 10 | 1 << 13); /* S4 */
    CHECK_EQ(b.p.requests[POWER_OFF], 2);
    end(&b);
}

TEST(suspend_to_memory_cannot_be_turned_on)
{
    struct bench b;
    struct error e = {""};
    begin(&b);
    struct device *d = device_new(&piix4_pm_class, b.p.r.m, NULL);
    CHECK(device_set(d, "disable_s3", "0", &e));
    d->bus = machine_find_bus(b.p.r.m, "pcie.0");
    CHECK(!device_create(d, &e));
    CHECK_STR(e.text, "disable_s3=0: suspending to memory is not modelled; 1 is possible");
    device_free(d);
    end(&b);
}

TEST(commands_are_smis_if_firmware_wants_them)
{
    struct bench b;
    begin(&b);
    place(&b);
    pc_out_by(&b.p, 3, 0xb2, 0x42);
    CHECK_EQ(b.p.smis, 0);
    CHECK_EQ(pc_in(&b.p, 0xb2, 1), 0x42);
    pc_out(&b.p, 0xb3, 1, 0x17);
    CHECK_EQ(pc_in(&b.p, 0xb3, 1), 0x17);
    config(&b, PM, 0x58, 4, 1 << 25);
    pc_out_by(&b.p, 3, 0xb2, 0x42);
    CHECK_EQ(b.p.smis, 0);
    pc_out(&b.p, BASE + 0x28, 4, 1);
    pc_out_by(&b.p, 3, 0xb2, 0x42);
    CHECK_EQ(b.p.smis, 1);
    CHECK_EQ(b.p.smi_cpu, 3);
    CHECK(!b.p.smi_all);
    CHECK_EQ(pc_in(&b.p, BASE + 0x18, 2), 0x20);
    pc_out(&b.p, BASE + 0x18, 2, 0x20);
    CHECK_EQ(pc_in(&b.p, BASE + 0x18, 2), 0);
    end(&b);
}

TEST(the_block_moves_with_its_base)
{
    struct bench b;
    begin(&b);
    place(&b);
    pc_out(&b.p, BASE + 2, 2, 0x120);
    config(&b, PM, 0x40, 4, 0xb000);
    CHECK_EQ(pc_in(&b.p, BASE + 2, 2), 0xffff);
    CHECK_EQ(pc_in(&b.p, 0xb002, 2), 0x120);
    config(&b, PM, 0x80, 1, 0);
    CHECK_EQ(pc_in(&b.p, 0xb002, 2), 0xffff);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    place(&b);
    pc_out(&b.p, 0xb2, 2, 0x5500 | PIIX4_ACPI_ENABLE);
    pc_out(&b.p, BASE + 2, 2, 0x100);
    acpi_pm_event(piix4_pm(b.pm), ACPI_PM1_POWER_BUTTON);
    pc_out(&b.p, SMBUS + 5, 1, 0x77);
    CHECK(test_round_trip(b.pm));
    CHECK_EQ(b.p.sci.level, 1);
    CHECK_EQ(pc_in(&b.p, BASE, 4), 0x01000100);
    CHECK_EQ(pc_in(&b.p, 0xb3, 1), 0x55);
    CHECK_EQ(pc_in(&b.p, SMBUS + 5, 1), 0x77);
    device_reset(b.pm);
    CHECK_EQ(b.p.sci.level, 0);
    CHECK_EQ(pc_in(&b.p, BASE, 4), 0xffffffff);
    end(&b);
}

/* ---- hot plug */

#define PLUG ACPI_PCI_PLUG_BASE

static unsigned releases;

static void note_release(void *opaque, struct device *d)
{
    (void)opaque;
    (void)d;
    releases++;
}

static struct device *add_testdev(struct bench *b, const char *addr)
{
    struct device *d = device_new(&pci_testdev_class, b->p.r.m, NULL);
    pc_rig_plug(&b->p, d, addr);
    return d;
}

/* The values are those that QEMU 10 has after the same accesses. */
TEST(slots_say_what_came_and_what_is_to_go)
{
    struct bench b;
    struct error e;
    releases = 0;
    begin(&b);
    b.p.r.m->release = note_release;
    struct device *d = add_testdev(&b, "5");
    CHECK_EQ(pc_in(&b.p, PLUG, 4), 0);
    CHECK_EQ(pc_in(&b.p, PLUG + 0xc, 4) & ~1u, 0xfffffffc);
    d->bus->plug(d->bus, d);
    CHECK_EQ(pc_in(&b.p, PIIX4_GPE_BASE, 2), 2);
    CHECK_EQ(pc_in(&b.p, PLUG, 4), 0x20);
    CHECK_EQ(pc_in(&b.p, PLUG, 4), 0); /* that was to be known once */

    CHECK_MSG(d->bus->unplug(d->bus, d, &e), "%s", e.text);
    CHECK_EQ(pc_in(&b.p, PLUG + 4, 4), 0x20);
    CHECK_EQ(pc_in(&b.p, PLUG + 4, 4), 0x20);
    pc_out(&b.p, PLUG + 8, 4, 0x40);
    CHECK_EQ(releases, 0);
    pc_out(&b.p, PLUG + 0x10, 4, 1); /* another bus */
    CHECK_EQ(pc_in(&b.p, PLUG + 4, 4), 0);
    CHECK_EQ(pc_in(&b.p, PLUG + 0xc, 4), 0xffffffff);
    pc_out(&b.p, PLUG + 8, 4, 0x20);
    CHECK_EQ(releases, 0);
    pc_out(&b.p, PLUG + 0x10, 4, 0);
    pc_out(&b.p, PLUG + 8, 4, 0x20);
    CHECK_EQ(releases, 1);
    CHECK_EQ(pc_in(&b.p, PLUG + 4, 4), 0);
    CHECK_EQ(rig_config(&b.p.r, 0, 5 << 3, 0, 4), 0xffffffff);
    end(&b);
}

TEST(the_chipset_stays_and_what_was_to_go_is_gone_behind_a_reset)
{
    struct bench b;
    struct error e;
    releases = 0;
    begin(&b);
    b.p.r.m->release = note_release;
    CHECK(!b.pm->bus->unplug(b.pm->bus, b.pm, &e));
    pc_out(&b.p, PLUG + 8, 4, 1 << 1);
    CHECK_EQ(releases, 0);
    struct device *d = add_testdev(&b, "5");
    CHECK(d->bus->unplug(d->bus, d, &e));
    pc_out(&b.p, PLUG + 0x10, 4, 3);
    device_reset(b.pm);
    CHECK_EQ(releases, 1);
    CHECK_EQ(pc_in(&b.p, PLUG + 4, 4), 0);
    CHECK_EQ(pc_in(&b.p, PLUG + 0x10, 4), 0);
    end(&b);
}

TEST(slots_survive_saving_and_loading)
{
    struct bench b;
    struct error e;
    begin(&b);
    struct device *d = add_testdev(&b, "5"), *other = add_testdev(&b, "6");
    d->bus->plug(d->bus, d);
    CHECK(d->bus->unplug(d->bus, other, &e));
    CHECK(test_round_trip(b.pm));
    CHECK_EQ(pc_in(&b.p, PLUG, 4), 0x20);
    CHECK_EQ(pc_in(&b.p, PLUG + 4, 4), 0x40);
    CHECK_EQ(pc_in(&b.p, PIIX4_GPE_BASE, 2), 2);
    end(&b);
}

/* ---- SMBus */

enum {
    STATUS = SMBUS,
    CONTROL = SMBUS + 2,
    COMMAND = SMBUS + 3,
    ADDRESS = SMBUS + 4,
    DATA0 = SMBUS + 5,
    DATA1 = SMBUS + 6,
    BLOCK = SMBUS + 7,
    START = 0x40
};

static void add_eeprom(struct bench *b)
{
    struct error e = {""};
    CHECK_MSG(rig_device(&b->p.r, &smbus_eeprom_class, "i2c.0", &e, "address=0x51", NULL), "%s",
              e.text);
}

static unsigned message(struct bench *b, unsigned address, unsigned protocol, unsigned command)
{
    pc_out(&b->p, STATUS, 1, 0x1e);
    pc_out(&b->p, ADDRESS, 1, address);
    pc_out(&b->p, COMMAND, 1, command);
    pc_out(&b->p, CONTROL, 1, START | protocol << 2);
    return pc_in(&b->p, STATUS, 1);
}

TEST(messages_reach_an_eeprom)
{
    struct bench b;
    begin(&b);
    place(&b);
    add_eeprom(&b);
    CHECK_EQ(message(&b, 0x52 << 1, 0, 0), 4); /* nobody there */
    CHECK_EQ(message(&b, 0x51 << 1, 0, 0), 2);
    pc_out(&b.p, DATA0, 1, 0xab);
    CHECK_EQ(message(&b, 0x51 << 1, 2, 0x10), 2);
    pc_out(&b.p, DATA0, 2, 0x3412);
    CHECK_EQ(message(&b, 0x51 << 1, 3, 0x11), 2);
    CHECK_EQ(message(&b, 0x51 << 1 | 1, 3, 0x10), 2);
    CHECK_EQ(pc_in(&b.p, DATA0, 2), 0x12ab);
    CHECK_EQ(message(&b, 0x51 << 1 | 1, 1, 0), 2); /* a byte: the next one */
    CHECK_EQ(pc_in(&b.p, DATA0, 1), 0x34);
    end(&b);
}

TEST(blocks_go_through_the_buffer)
{
    struct bench b;
    begin(&b);
    place(&b);
    add_eeprom(&b);
    pc_in(&b.p, CONTROL, 1); /* the first byte is next */
    pc_out(&b.p, BLOCK, 1, 0x11);
    pc_out(&b.p, BLOCK, 1, 0x22);
    pc_out(&b.p, DATA0, 1, 2);
    CHECK_EQ(message(&b, 0x51 << 1, 5, 0x20), 2);
    CHECK_EQ(message(&b, 0x51 << 1 | 1, 5, 0x20), 2);
    CHECK_EQ(pc_in(&b.p, DATA0, 1), 2);
    pc_in(&b.p, CONTROL, 1);
    CHECK_EQ(pc_in(&b.p, BLOCK, 1), 0x11);
    CHECK_EQ(pc_in(&b.p, BLOCK, 1), 0x22);
    pc_out(&b.p, DATA0, 1, 33);
    CHECK_EQ(message(&b, 0x51 << 1, 5, 0x20), 8); /* too long */
    end(&b);
}

TEST(the_end_of_a_message_interrupts_if_it_is_asked_to)
{
    struct bench b;
    begin(&b);
    place(&b);
    pc_out(&b.p, ADDRESS, 1, 0x51 << 1);
    pc_out(&b.p, CONTROL, 1, START | 1);
    CHECK_EQ(b.p.sci.level, 1);
    pc_out(&b.p, STATUS, 1, 0x1e);
    CHECK_EQ(b.p.sci.level, 0);
    end(&b);
}

TEST(addresses_on_the_bus_are_checked)
{
    struct bench b;
    struct error e = {""};
    begin(&b);
    add_eeprom(&b);
    CHECK(!rig_device(&b.p.r, &smbus_eeprom_class, "i2c.0", &e, "address=0x51", NULL));
    CHECK_STR(e.text, "smbus-eeprom: address=0x51 on bus i2c.0 is taken by smbus-eeprom");
    CHECK(!rig_device(&b.p.r, &smbus_eeprom_class, "i2c.0", &e, "address=0x80", NULL));
    CHECK_STR(e.text, "smbus-eeprom: address=0x80: from 0x08 to 0x77 is possible");
    end(&b);
}

TEST(any_access_is_taken)
{
    struct bench b;
    begin(&b);
    place(&b);
    add_eeprom(&b);
    pc_rig_hammer(&b.p, b.pm, PM, BASE, 0x40);
    place(&b);
    pc_rig_hammer(&b.p, b.pm, PM, SMBUS, 0x10);
    pc_rig_hammer(&b.p, b.bridge, BRIDGE, 0xb0, 4);
    pc_rig_hammer(&b.p, b.pm, PM, PLUG, ACPI_PCI_PLUG_BYTES);
    end(&b);
}
