/* SPDX-License-Identifier: MIT */
/* ICH9's LPC bridge: interrupt routing, power management, SMIs, the TCO watchdog. */
#include "hw/isa/ich9_lpc.h"
#include "hw/nvram/fw_cfg.h"
#include "tests/hw/pc_rig.h"

#define LPC 0xf8
#define BASE 0x600
#define TCO (BASE + 0x60)
#define FW_CFG 0x510
#define RCBA 0xfed1c000u
#define MS UINT64_C(1000000)

struct bench {
    struct pc_rig p;
    struct device *lpc, *fw_cfg;
};

static void make_fw_cfg(struct bench *b)
{
    struct error e = {""};
    b->fw_cfg = device_new(&fw_cfg_io_class, b->p.r.m, NULL);
    CHECK(device_create(b->fw_cfg, &e));
    device_map(b->fw_cfg, b->p.ports, FW_CFG);
}

static void begin(struct bench *b, const char *property, const char *value)
{
    struct error e = {""};
    pc_rig_open(&b->p);
    make_fw_cfg(b);
    b->lpc = device_new(&ich9_lpc_class, b->p.r.m, NULL);
    CHECK(!property || device_set(b->lpc, property, value, &e));
    ich9_lpc_configure(b->lpc, &(struct ich9_lpc_config){.ports = b->p.ports,
                                                         .smi = pc_rig_smi(&b->p),
                                                         .fw_cfg = b->fw_cfg,
                                                         .inputs = b->p.irq});
    pc_rig_plug(&b->p, b->lpc, "1f.0");
}

static void config(struct bench *b, unsigned offset, unsigned size, uint32_t v)
{
    rig_config_set(&b->p.r, 0, LPC, offset, size, v);
}

/* As firmware places the block. */
static void place(struct bench *b)
{
    config(b, 0x40, 4, BASE | 1);
    config(b, 0x44, 1, 0x80);
}

static void end(struct bench *b)
{
    pc_rig_close(&b->p);
}

TEST(identity_and_reset_values_are_those_of_the_data_sheet)
{
    struct bench b;
    begin(&b, NULL, NULL);
    CHECK_EQ(rig_config(&b.p.r, 0, LPC, 0, 4), 0x29188086);
    CHECK_EQ(rig_config(&b.p.r, 0, LPC, 8, 4), 0x06010002);
    CHECK_EQ(rig_config(&b.p.r, 0, LPC, 0xe, 1), 0x80);
    CHECK_EQ(rig_config(&b.p.r, 0, LPC, 0x40, 4), 1);
    CHECK_EQ(rig_config(&b.p.r, 0, LPC, 0x68, 4), 0x80808080);
    CHECK_EQ(pc_in(&b.p, BASE + 0x30, 4), 0xffffffff);
    place(&b);
    CHECK_EQ(pc_in(&b.p, BASE + 0x30, 4), 2);
    CHECK_EQ(pc_in(&b.p, TCO + 0x12, 2), 4);
    end(&b);
}

TEST(lines_of_pci_have_inputs_of_the_apic_and_routes_to_isa)
{
    struct bench b;
    begin(&b, NULL, NULL);
    const struct irq g = ich9_lpc_pirq(b.lpc, 6);
    irq_set(&g, 1);
    CHECK_EQ(b.p.line[22].level, 1);
    config(&b, 0x6a, 1, 11);
    CHECK_EQ(b.p.line[11].level, 1);
    CHECK(test_round_trip(b.lpc));
    CHECK_EQ(b.p.line[11].level, 1);
    irq_set(&g, 0);
    CHECK_EQ(b.p.line[11].level, 0);
    CHECK_EQ(b.p.line[22].level, 0);
    end(&b);
}

TEST(pins_of_slots_are_led_to_lines)
{
    CHECK_EQ(ich9_lpc_line(31, 1), 0);
    CHECK_EQ(ich9_lpc_line(29, 4), 3);
    CHECK_EQ(ich9_lpc_line(30, 1), 4);
    CHECK_EQ(ich9_lpc_line(0, 1), 4);
    CHECK_EQ(ich9_lpc_line(2, 3), 4);
    CHECK_EQ(ich9_lpc_line(3, 1), 7);
}

TEST(sci_goes_where_acpi_control_says)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, 0xb2, 1, ICH9_ACPI_ENABLE);
    pc_out(&b.p, BASE + 2, 2, ACPI_PM1_POWER_BUTTON);
    acpi_pm_event(ich9_lpc_pm(b.lpc), ACPI_PM1_POWER_BUTTON);
    CHECK_EQ(b.p.line[9].level, 1);
    config(&b, 0x44, 1, 0x82);
    CHECK_EQ(b.p.line[9].level, 0);
    CHECK_EQ(b.p.line[11].level, 1);
    config(&b, 0x44, 1, 0x85);
    CHECK_EQ(b.p.line[11].level, 0);
    CHECK_EQ(b.p.line[21].level, 1);
    pc_out(&b.p, BASE, 2, ACPI_PM1_POWER_BUTTON);
    CHECK_EQ(b.p.line[21].level, 0);
    end(&b);
}

TEST(there_are_64_general_purpose_events)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, 0xb2, 1, ICH9_ACPI_ENABLE);
    acpi_pm_gpe(ich9_lpc_pm(b.lpc), 33);
    CHECK_EQ(pc_in(&b.p, BASE + 0x24, 4), 2);
    pc_out(&b.p, BASE + 0x2c, 4, 2);
    CHECK_EQ(b.p.line[9].level, 1);
    pc_out(&b.p, BASE + 0x24, 4, 2);
    CHECK_EQ(b.p.line[9].level, 0);
    end(&b);
}

TEST(sleep_types_of_firmware_and_of_the_data_sheet_switch_off)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, BASE + 4, 4, 1 << 13 | 5 << 10);
    pc_out(&b.p, BASE + 4, 4, 1 << 13 | 3 << 10);
    CHECK_EQ(b.p.requests[POWER_OFF], 0);
    pc_out(&b.p, BASE + 4, 4, 1 << 13 | 7 << 10);
    CHECK_EQ(b.p.requests[POWER_OFF], 1);
    pc_out(&b.p, BASE + 4, 2, 1 << 13);
    CHECK_EQ(b.p.requests[POWER_OFF], 2);
    end(&b);
}

/* ---- SMIs */

TEST(commands_are_smis_of_the_vcpu_that_wrote_them)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out_by(&b.p, 2, 0xb2, 0xef);
    CHECK_EQ(b.p.smis, 0);
    CHECK_EQ(pc_in(&b.p, BASE + 0x34, 4), 0x20);
    pc_out(&b.p, BASE + 0x30, 4, 0x21);
    pc_out_by(&b.p, 2, 0xb2, 0xef);
    CHECK_EQ(b.p.smis, 1);
    CHECK_EQ(b.p.smi_cpu, 2);
    CHECK(!b.p.smi_all);
    pc_out(&b.p, BASE + 0x34, 4, 0x20);
    CHECK_EQ(pc_in(&b.p, BASE + 0x34, 4), 0);
    end(&b);
}

TEST(smis_can_be_locked_until_the_next_reset)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, BASE + 0x30, 4, 0x21);
    config(&b, 0xa0, 2, 0x10);
    pc_out(&b.p, BASE + 0x30, 4, 0);
    CHECK_EQ(pc_in(&b.p, BASE + 0x30, 4), 1);
    config(&b, 0xa0, 2, 0);
    CHECK_EQ(rig_config(&b.p.r, 0, LPC, 0xa0, 2), 0x10);
    CHECK(test_round_trip(b.lpc));
    pc_out(&b.p, BASE + 0x30, 4, 0);
    CHECK_EQ(pc_in(&b.p, BASE + 0x30, 4), 1);
    device_reset(b.lpc);
    place(&b);
    CHECK_EQ(rig_config(&b.p.r, 0, LPC, 0xa0, 2), 0);
    pc_out(&b.p, BASE + 0x30, 4, 0);
    CHECK_EQ(pc_in(&b.p, BASE + 0x30, 4), 0);
    end(&b);
}

TEST(events_are_smis_until_the_os_takes_over)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, BASE + 0x30, 4, 1);
    pc_out(&b.p, BASE + 2, 2, ACPI_PM1_POWER_BUTTON);
    acpi_pm_event(ich9_lpc_pm(b.lpc), ACPI_PM1_POWER_BUTTON);
    CHECK_EQ(b.p.smis, 1);
    CHECK_EQ(pc_in(&b.p, BASE + 0x34, 4), 0x100);
    pc_out(&b.p, BASE + 2, 2, ACPI_PM1_POWER_BUTTON); /* it is the same event */
    CHECK_EQ(b.p.smis, 1);
    CHECK_EQ(b.p.line[9].level, 0);
    end(&b);
}

TEST(the_global_lock_is_handed_over_both_ways)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, BASE + 0x30, 4, 1 | 4);
    pc_out(&b.p, BASE + 4, 2, ACPI_PM1_GLOBAL_RELEASE);
    CHECK_EQ(b.p.smis, 1);
    CHECK_EQ(pc_in(&b.p, BASE + 0x34, 4), 4);
    pc_out(&b.p, BASE + 0x30, 4, 0x80);
    CHECK_EQ(pc_in(&b.p, BASE, 2), ACPI_PM1_GLOBAL);
    end(&b);
}

TEST(firmware_may_catch_sleeping)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, BASE + 0x30, 4, 1 | 0x10);
    pc_out(&b.p, BASE + 4, 2, 1 << 13);
    CHECK_EQ(b.p.requests[POWER_OFF], 0);
    CHECK_EQ(b.p.smis, 1);
    end(&b);
}

static paddr next_request;

/* By fw_cfg's DMA: reads or writes (control) n bytes of a file that is found by its name. */
static bool fw_cfg_file(struct bench *b, const char *name, unsigned control, void *bytes,
                        unsigned n)
{
    uint8_t row[64], head[4];
    pc_out(&b->p, FW_CFG, 2, FW_CFG_FILE_DIR);
    for (unsigned i = 0; i < 4; i++) {
        head[i] = (uint8_t)pc_in(&b->p, FW_CFG + 1, 1);
    }
    for (uint32_t k = load_be32(head); k > 0; k--) {
        for (unsigned i = 0; i < sizeof(row); i++) {
            row[i] = (uint8_t)pc_in(&b->p, FW_CFG + 1, 1);
        }
        if (strcmp((char *)row + 8, name) == 0 && load_be32(row) == n) {
            uint8_t *request = rig_host(&b->p.r, next_request);
            store_be32(request, (uint32_t)load_be16(row + 4) << 16 | control | 8);
            store_be32(request + 4, n);
            store_be64(request + 8, next_request + 64);
            memcpy(request + 64, bytes, n);
            pc_out(&b->p, FW_CFG + 4, 4, bswap32((uint32_t)(next_request >> 32)));
            pc_out(&b->p, FW_CFG + 8, 4, bswap32((uint32_t)next_request));
            memcpy(bytes, request + 64, n);
            return load_be32(request) == 0;
        }
    }
    return false;
}

static unsigned ask_for(struct bench *b, uint64_t features)
{
    uint8_t wanted[8], ok = 0xff;
    store_le64(wanted, features);
    CHECK(fw_cfg_file(b, "etc/smi/requested-features", 16, wanted, 8));
    CHECK(fw_cfg_file(b, "etc/smi/features-ok", 2, &ok, 1));
    return ok;
}

TEST(firmware_negotiates_what_smis_do)
{
    struct bench b;
    uint8_t supported[8] = {0};
    begin(&b, NULL, NULL);
    place(&b);
    next_request = rig_alloc(&b.p.r, 4096);
    CHECK(fw_cfg_file(&b, "etc/smi/supported-features", 2, supported, 8));
    CHECK_EQ(load_le64(supported), 1);
    CHECK_EQ(ask_for(&b, 0x101), 0);
    CHECK_EQ(ask_for(&b, 1), 1);
    CHECK_EQ(ask_for(&b, 0), 1); /* it stays */
    pc_out(&b.p, BASE + 0x30, 4, 0x21);
    CHECK(test_round_trip(b.lpc));
    pc_out(&b.p, 0xb2, 1, 0x80);
    CHECK_EQ(b.p.smis, 1);
    CHECK(b.p.smi_all);
    device_reset(b.lpc);
    place(&b);
    CHECK_EQ(ask_for(&b, 0), 1);
    pc_out(&b.p, BASE + 0x30, 4, 0x21);
    pc_out(&b.p, 0xb2, 1, 0x80);
    CHECK(!b.p.smi_all);
    end(&b);
}

/* ---- the watchdog */

TEST(the_watchdog_resets_at_the_second_zero)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, TCO + 8, 2, 0x800);
    pc_out(&b.p, TCO + 0x12, 2, 10); /* 6 s */
    pc_out(&b.p, TCO, 2, 1);
    pc_advance(&b.p, 20000 * MS); /* it is halted */
    CHECK_EQ(pc_in(&b.p, TCO + 4, 2), 0);
    pc_out(&b.p, BASE + 0x30, 4, 0x2001);
    pc_out(&b.p, TCO + 8, 2, 0);
    CHECK_EQ(pc_in(&b.p, TCO, 2), 10);
    pc_advance(&b.p, 5900 * MS);
    CHECK_EQ(pc_in(&b.p, TCO, 2), 1);
    CHECK_EQ(b.p.smis, 0);
    pc_advance(&b.p, 200 * MS);
    CHECK_EQ(b.p.smis, 1);
    CHECK_EQ(pc_in(&b.p, TCO + 4, 2), 8);
    CHECK_EQ(b.p.requests[POWER_WATCHDOG], 0);
    CHECK(test_round_trip(b.lpc));
    pc_advance(&b.p, 6000 * MS);
    CHECK_EQ(b.p.requests[POWER_WATCHDOG], 1);
    device_reset(b.lpc);
    place(&b);
    CHECK_EQ(pc_in(&b.p, TCO + 6, 2), 2); /* who it was is told afterwards */
    end(&b);
}

TEST(feeding_the_watchdog_holds_it_off)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, TCO + 0x12, 2, 4);
    for (unsigned i = 0; i < 10; i++) {
        pc_out(&b.p, TCO, 2, 0);
        pc_advance(&b.p, 2000 * MS);
    }
    CHECK_EQ(pc_in(&b.p, TCO + 4, 2), 0);
    end(&b);
}

TEST(no_reboot_is_a_strap_and_a_bit)
{
    struct bench b;
    begin(&b, "noreboot", "on");
    place(&b);
    config(&b, 0xf0, 4, RCBA | 1);
    CHECK_EQ(rig_load(&b.p.r, RCBA + 0x3410, 4), 0x20);
    pc_out(&b.p, TCO, 2, 0);
    pc_advance(&b.p, 10000 * MS);
    CHECK_EQ(b.p.requests[POWER_WATCHDOG], 0);
    rig_store(&b.p.r, RCBA + 0x3410, 4, 0);
    pc_advance(&b.p, 10000 * MS);
    CHECK(b.p.requests[POWER_WATCHDOG] > 0);
    end(&b);
}

TEST(a_locked_watchdog_keeps_its_smi)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_out(&b.p, BASE + 0x30, 4, 0x2001);
    pc_out(&b.p, TCO + 8, 2, 0x1000);
    pc_out(&b.p, TCO + 8, 2, 0);
    CHECK_EQ(pc_in(&b.p, TCO + 8, 2), 0x1000);
    pc_out(&b.p, BASE + 0x30, 4, 0);
    CHECK_EQ(pc_in(&b.p, BASE + 0x30, 4), 0x2000);
    end(&b);
}

TEST(the_root_complex_says_how_pins_are_led)
{
    struct bench b;
    begin(&b, NULL, NULL);
    config(&b, 0xf0, 4, RCBA | 1);
    CHECK_EQ(rig_load(&b.p.r, RCBA + 0x3140, 2), 0x3210);
    CHECK_EQ(rig_load(&b.p.r, RCBA + 0x3146, 2), 0x3210);
    rig_store(&b.p.r, RCBA + 0x3140, 2, 0);
    CHECK_EQ(rig_load(&b.p.r, RCBA + 0x3140, 2), 0x3210);
    CHECK(test_round_trip(b.lpc));
    end(&b);
}

TEST(any_access_is_taken)
{
    struct bench b;
    begin(&b, NULL, NULL);
    place(&b);
    pc_rig_hammer(&b.p, b.lpc, LPC, BASE, 0x80);
    end(&b);
}
