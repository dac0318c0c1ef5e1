/* SPDX-License-Identifier: MIT */
/* The board q35: the Q35 chipset with ICH9, of 2009, with PCI Express. Its map is QEMU's. */
#include "hw/classes.h"
#include "hw/i2c/smbus.h"
#include "hw/i386/pc_smm.h"
#include "hw/ide/ich9_ahci.h"
#include "hw/isa/ich9_lpc.h"

static bool add_south(struct pc_board *b, struct error *e)
{
    b->south = pc_board_function(b, &ich9_lpc_class);
    ich9_lpc_configure(b->south, &(struct ich9_lpc_config){.ports = b->pc.ports,
                                                           .smi = pc_smm_request(b),
                                                           .fw_cfg = b->smm ? b->pc.fw_cfg : NULL,
                                                           .inputs = b->inputs});
    if (!pc_board_complete(b->south, "1f.0", e)) {
        return false;
    }
    for (unsigned n = 0; n < PCI_LINES; n++) {
        b->host->irq[n] = ich9_lpc_pirq(b->south, n);
    }
    b->pm = b->south;
    b->ide = pc_board_function(b, &ich9_ahci_class);
    return pc_board_complete(b->ide, "1f.2", e) &&
           pc_board_complete(pc_board_function(b, &ich9_smbus_class), "1f.3", e);
}

static const struct pc_board_kind kind = {.host = &q35_pcihost_class,
                                          .smbios_product = "Standard PC (Q35 + ICH9, 2009)",
                                          .low_ram_most = UINT64_C(0xb0000000),
                                          .low_ram_more = UINT64_C(0x80000000),
                                          .express = true,
                                          .hpet_inputs = "0xff0104",
                                          .add_south = add_south,
                                          .pm = ich9_lpc_pm,
                                          .pm_devfn = 0x1f << 3,
                                          .pm_base_mask = 0xff80,
                                          .acpi = {.sci = 9,
                                                   .smi_command = ICH9_SMI_COMMAND,
                                                   .enable = ICH9_ACPI_ENABLE,
                                                   .disable = ICH9_ACPI_DISABLE,
                                                   .pm1_event = 0x600,
                                                   .pm1_control = 0x604,
                                                   .pm_timer = 0x608,
                                                   .gpe = 0x600 + ICH9_PM_GPE,
                                                   .gpe_bytes = ICH9_PM_GPE_BYTES,
                                                   .century = 0x32,
                                                   .reset = 0xcf9,
                                                   .reset_value = 0x0f,
                                                   .intel_boot = 1}};

static bool q35_build(struct machine *m, struct error *e)
{
    return pc_board_build(m, &kind, e);
}

static const struct cpu_class *const cpus[] = {&x86_cpu_class, NULL};
static const struct cpu_class *const cpus_32[] = {&x86_i386_cpu_class, NULL};

/* What QEMU calls the board as its versions had it. */
static const char *const versions[] = {
    "pc-q35-2.4",   "pc-q35-2.5",  "pc-q35-2.6",  "pc-q35-2.7", "pc-q35-2.8", "pc-q35-2.9",
    "pc-q35-2.10",  "pc-q35-2.11", "pc-q35-2.12", "pc-q35-3.0", "pc-q35-3.1", "pc-q35-4.0",
    "pc-q35-4.0.1", "pc-q35-4.1",  "pc-q35-4.2",  "pc-q35-5.0", "pc-q35-5.1", "pc-q35-5.2",
    "pc-q35-6.0",   "pc-q35-6.1",  "pc-q35-6.2",  "pc-q35-7.0", "pc-q35-7.1", "pc-q35-7.2",
    "pc-q35-8.0",   "pc-q35-8.1",  "pc-q35-8.2",  "pc-q35-9.0", "pc-q35-9.1", "pc-q35-9.2",
    "pc-q35-10.0",  "pc-q35-10.1", "pc-q35-10.2", NULL};

/* The same board for both programs. */
#define Q35(arch_, cpus_, default_cpu_)                                                            \
    {                                                                                              \
        .name = "q35", .also = versions, .desc = "PC with PCI Express (Q35 and ICH9)",             \
        .arch = arch_, .cpu_classes = cpus_, .default_cpu = default_cpu_,                          \
        .default_ram_bytes = UINT64_C(128) << 20, .max_cpus = 255,                                 \
        .board_size = sizeof(struct pc_board), .props = pc_board_props, .build = q35_build,        \
        .finish = pc_board_finish, .reset = pc_board_reset, .destroy = pc_board_destroy,           \
        .power_button = pc_board_power_button, .default_bus = pc_board_default_bus,                \
        .default_screen = "VGA", .default_net_device = "e1000", .default_disk_interface = "ide",   \
        .ide_units = 1, .usual_bios = "bios-256k.bin", .initrd_has_modules = true                  \
    }

const struct machine_class q35_machine_class = Q35("x86_64", cpus, "qemu64");
const struct machine_class q35_i386_machine_class = Q35("i386", cpus_32, "qemu32");
#undef Q35
