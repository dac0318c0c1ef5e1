/* SPDX-License-Identifier: MIT */
/*
 * The power management registers of ICH9 at PMBASE: ACPI's fixed hardware, SMI control and the TCO
 * watchdog; a part of the LPC bridge (hw/isa/ich9_lpc.c). All under the machine's lock.
 */
#ifndef HW_ACPI_ICH9_PM_H
#define HW_ACPI_ICH9_PM_H

#include "hw/acpi/pm.h"
#include "hw/watchdog/tco.h"

#define ICH9_PM_BYTES 0x80
#define ICH9_PM_GPE 0x20 /* offset of the general-purpose events' block: 8 bytes of each kind */
#define ICH9_PM_GPE_BYTES 16
#define ICH9_PM_TCO 0x60

/* What the OS and firmware are told of it: SMI commands by port 0xb2. */
#define ICH9_SMI_COMMAND 0xb2
#define ICH9_ACPI_ENABLE 0x02
#define ICH9_ACPI_DISABLE 0x03

struct ich9_pm {
    struct device *dev;
    struct acpi_pm pm;
    struct tco tco;
    struct acpi_pm_class pm_class;
    struct acpi_smi smi;
    void (*sci)(struct device *d, bool level);
    bool smi_locked; /* by the bridge: SMIs as a whole can be neither turned on nor off */
    bool broadcast;  /* an SMI is one of all CPUs */

    /* State. */
    bool event_smi; /* events that ask for SMIs have done so */
    uint8_t gpe_control, pm2_control;
    uint8_t pad[3];
    uint32_t smi_enable, smi_status, processor_control, alt_gpi; /* as registers */
};

extern const struct field ich9_pm_fields[];
extern const struct mmio_ops ich9_pm_ops; /* opaque: the struct ich9_pm */

/* sleep says types of sleep: acpi_pm_set_types; resets: as tco_class has it. */
void ich9_pm_init(struct ich9_pm *p, struct device *d, const struct acpi_pm_class *sleep,
                  const struct tco_class *tco);
void ich9_pm_fini(struct ich9_pm *p);
void ich9_pm_reset(struct ich9_pm *p);
void ich9_pm_loaded(struct ich9_pm *p);

/* A command was written to port 0xb2, by that vCPU. */
void ich9_pm_commanded(struct ich9_pm *p, uint8_t command, unsigned cpu);
/* The TCO watchdog asks for an SMI. */
void ich9_pm_tco_smi(struct ich9_pm *p);

#endif
