/* SPDX-License-Identifier: MIT */
/*
 * The board pc: i440FX with PIIX3 and PIIX4's power management, as PCs were in 1996, with more
 * memory and CPUs. Its map is QEMU's.
 */
#include "hw/acpi/piix4_pm.h"
#include "hw/i386/pc_board.h"
#include "hw/i386/pc_smm.h"
#include "hw/ide/piix_ide.h"
#include "hw/isa/piix3.h"

/* Interrupts of PCI and of power management are ISA's. */
static bool add_south(struct pc_board *b, struct error *e)
{
    struct pc *pc = &b->pc;
    const struct acpi_smi smi = pc_smm_request(b);
    b->south = pc_board_function(b, &piix3_class);
    if (!device_set_fixed(b->south, "multifunction", "on", e) ||
        !pc_board_complete(b->south, "1.0", e)) {
        return false;
    }
    piix3_connect(b->south, pc->isa.irq);
    for (unsigned n = 0; n < 4; n++) {
        b->host->irq[n] = piix3_pirq(b->south, n);
    }
    b->pm = pc_board_function(b, &piix4_pm_class);
    piix4_pm_connect(b->pm, pc->ports, &smi);
    if (!pc_board_complete(b->pm, "1.3", e)) {
        return false;
    }
    b->pm->irq[0] = pc->isa.irq[9];
    b->ide = pc_board_function(b, &piix3_ide_class);
    if (!pc_board_complete(b->ide, "1.1", e)) {
        return false;
    }
    piix_ide_map(b->ide, pc->ports);
    b->ide->irq[0] = pc->isa.irq[14];
    b->ide->irq[1] = pc->isa.irq[15];
    return true;
}

static const struct pc_board_kind kind = {.host = &i440fx_pcihost_class,
                                          .smbios_product = "Standard PC (i440FX + PIIX, 1996)",
                                          .low_ram_most = UINT64_C(0xe0000000),
                                          .low_ram_more = UINT64_C(0xc0000000),
                                          .hpet_inputs = "0x4",
                                          .add_south = add_south,
                                          .pm = piix4_pm,
                                          .pm_devfn = 1 << 3 | 3,
                                          .pm_base_mask = 0xffc0,
                                          .acpi = {.sci = 9,
                                                   .smi_command = PIIX4_SMI_COMMAND,
                                                   .enable = PIIX4_ACPI_ENABLE,
                                                   .disable = PIIX4_ACPI_DISABLE,
                                                   .pm1_event = 0x600,
                                                   .pm1_control = 0x604,
                                                   .pm_timer = 0x608,
                                                   .gpe = PIIX4_GPE_BASE,
                                                   .gpe_bytes = PIIX4_GPE_BYTES,
                                                   .century = 0x32,
                                                   .reset = 0xcf9,
                                                   .reset_value = 0x0f,
                                                   .intel_boot = 1}};

static bool pc_build_board(struct machine *m, struct error *e)
{
    return pc_board_build(m, &kind, e);
}

static const struct cpu_class *const cpus[] = {&x86_cpu_class, NULL};
static const struct cpu_class *const cpus_32[] = {&x86_i386_cpu_class, NULL};

/* What QEMU calls the board as its versions had it. */
static const char *const versions[] = {"pc-i440fx-2.4",  "pc-i440fx-2.5",  "pc-i440fx-2.6",
                                       "pc-i440fx-2.7",  "pc-i440fx-2.8",  "pc-i440fx-2.9",
                                       "pc-i440fx-2.10", "pc-i440fx-2.11", "pc-i440fx-2.12",
                                       "pc-i440fx-3.0",  "pc-i440fx-3.1",  "pc-i440fx-4.0",
                                       "pc-i440fx-4.1",  "pc-i440fx-4.2",  "pc-i440fx-5.0",
                                       "pc-i440fx-5.1",  "pc-i440fx-5.2",  "pc-i440fx-6.0",
                                       "pc-i440fx-6.1",  "pc-i440fx-6.2",  "pc-i440fx-7.0",
                                       "pc-i440fx-7.1",  "pc-i440fx-7.2",  "pc-i440fx-8.0",
                                       "pc-i440fx-8.1",  "pc-i440fx-8.2",  "pc-i440fx-9.0",
                                       "pc-i440fx-9.1",  "pc-i440fx-9.2",  "pc-i440fx-10.0",
                                       "pc-i440fx-10.1", "pc-i440fx-10.2", NULL};

/* The same board for both programs. */
#define PC(arch_, cpus_, default_cpu_)                                                             \
    {                                                                                              \
        .name = "pc", .also = versions, .desc = "Standard PC (i440FX and PIIX)", .arch = arch_,    \
        .is_default = true, .cpu_classes = cpus_, .default_cpu = default_cpu_,                     \
        .default_ram_bytes = UINT64_C(128) << 20, .max_cpus = 255,                                 \
        .board_size = sizeof(struct pc_board), .props = pc_board_props, .build = pc_build_board,   \
        .finish = pc_board_finish, .reset = pc_board_reset, .destroy = pc_board_destroy,           \
        .power_button = pc_board_power_button, .default_bus = pc_board_default_bus,                \
        .default_screen = "VGA", .default_net_device = "e1000", .default_disk_interface = "ide",   \
        .ide_units = 2, .has_floppy = true, .usual_bios = "bios-256k.bin",                         \
        .initrd_has_modules = true                                                                 \
    }

const struct machine_class pc_machine_class = PC("x86_64", cpus, "qemu64");
const struct machine_class pc_i386_machine_class = PC("i386", cpus_32, "qemu32");
#undef PC
