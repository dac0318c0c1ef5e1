/* SPDX-License-Identifier: MIT */
/*
 * The boards pc (i440FX with PIIX) and q35 (Q35 with ICH9): what they share. The boards themselves
 * are pc_i440fx.c and pc_q35.c; pc_board.c builds them, pc_firmware.c finds their firmware,
 * pc_config.c and pc_kernel.c tell it what the machine is, pc_acpi.c and pc_dsdt.c write the
 * tables.
 */
#ifndef HW_I386_PC_BOARD_H
#define HW_I386_PC_BOARD_H

#include "hw/acpi/tables.h"
#include "hw/i386/pc.h"
#include "hw/pci/pc_host.h"

#define PC_FLASHES 2
#define PC_INPUTS 24 /* of the I/O APIC */

enum pc_switch {
    PC_AUTO,
    PC_ON,
    PC_OFF
};

struct pc_board;

/* What a board has that the other has not. */
struct pc_board_kind {
    const char *const *names; /* of versions */
    const char *smbios_product;
    const struct device_class *host;
    uint64_t low_ram_most;   /* what low_ram_more is for */
    uint64_t low_ram_more;   /* below 4 GiB if there is more memory than low_ram_most */
    const char *hpet_inputs; /* of the I/O APIC, to which its timers may be led */
    bool express;            /* Q35's: PCI Express, eight interrupt lines, PIRQs of their own */
    /* The south bridge: its functions, and where the lines of PCI go. */
    bool (*add_south)(struct pc_board *b, struct error *e);
    struct acpi_pm *(*pm)(struct device *d); /* of the device pm */
    struct acpi_fixed acpi;                  /* its registers when nobody has moved them */
    uint8_t pm_devfn;                        /* where configuration says where they are: */
    uint16_t pm_base_mask;                   /* a word at 0x40 */
};

struct pc_board {
    /* Properties; the switches are enum pc_switch. */
    int acpi, smm_wanted, vmport;
    bool graphics, pit, pic, hpet_wanted, i8042_wanted, boot_check;
    char *oem_id, *oem_table_id, *flash_drive[PC_FLASHES];
    uint64_t low_ram_limit;

    struct pc pc;
    const struct pc_board_kind *kind;
    struct device *host, *flash[PC_FLASHES];
    struct device *south; /* the bridge to ISA */
    struct device *hpet, *i8042, *i8237, *ide;
    uint32_t hpet_id;  /* what its first register says */
    struct device *pm; /* what has ACPI's registers; q35: south */
    struct irq inputs[PC_INPUTS];
    struct pc_smm *smm;   /* NULL: CPUs have no system management mode */
    struct strbuf tables; /* of ACPI, as firmware sees them */
    uint8_t *low_rom;     /* what is seen from 0xc0000 to 1 MiB that is not RAM */
    bool was_reset;       /* once at least */
};

static inline struct pc_board *pc_board_of(const struct machine *m)
{
    return m->board;
}

/* pc_board.c: for the machine classes */
extern const struct prop pc_board_props[];
/* A function of the chipset, and its creation at a place of the root bus ("1.3"); false: it is
 * gone.
 */
struct device *pc_board_function(struct pc_board *b, const struct device_class *cls);
bool pc_board_complete(struct device *d, const char *place, struct error *e);
bool pc_board_build(struct machine *m, const struct pc_board_kind *kind, struct error *e);
bool pc_board_finish(struct machine *m, struct error *e);
void pc_board_reset(struct machine *m);
void pc_board_destroy(struct machine *m);
void pc_board_power_button(struct machine *m);
struct bus *pc_board_default_bus(struct machine *m, enum bus_kind kind);

/* pc_firmware.c: at the end of 4 GiB, and its last 128 KiB in low_rom. */
bool pc_firmware_add(struct pc_board *b, struct error *e);

/* pc_config.c: CMOS memory and the items and files of fw_cfg. */
bool pc_config_add(struct pc_board *b, struct error *e);
/* The order of booting, in CMOS memory; again: behind the first reset. */
void pc_config_set_order(struct pc_board *b, bool again);

/* pc_disks.c: CMOS memory tells of disks; the bits of floppies for its equipment byte. */
uint8_t pc_disks_set_cmos(struct pc_board *b);

/* pc_vmport.c */
void pc_vmport_add(struct pc_board *b);

/* pc_acpi.c */
bool pc_acpi_add(struct pc_board *b, struct error *e);
/* pc_dsdt.c */
uint32_t pc_add_dsdt(struct acpi_tables *t, const struct pc_board *b);

#endif
