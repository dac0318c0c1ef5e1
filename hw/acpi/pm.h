/* SPDX-License-Identifier: MIT */
/*
 * The fixed hardware of ACPI (ACPI 6.5, 4.8.3): PM1 event and control registers, the power
 * management timer, general-purpose events. A chipset's device has one within its struct, shows its
 * registers where the chipset has them, and leads what they ask for to SCI or SMI#.
 *
 * All under the device's lock. State: FIELD_KEEP_PARTS with acpi_pm_fields.
 */
#ifndef HW_ACPI_PM_H
#define HW_ACPI_PM_H

#include "hw/device.h"

/* Offsets in the block of PM1 and timer. */
enum {
    ACPI_PM1_STATUS = 0x0,
    ACPI_PM1_ENABLE = 0x2,
    ACPI_PM1_CONTROL = 0x4,
    ACPI_PM_TIMER = 0x8,
    ACPI_PM_BYTES = 0xc
};

/* Bits of PM1 status; those of enable are at the same places. */
enum {
    ACPI_PM1_TIMER = 1 << 0,
    ACPI_PM1_BUS_MASTER = 1 << 4,
    ACPI_PM1_GLOBAL = 1 << 5,
    ACPI_PM1_POWER_BUTTON = 1 << 8,
    ACPI_PM1_SLEEP_BUTTON = 1 << 9,
    ACPI_PM1_RTC = 1 << 10,
    ACPI_PM1_WAKE = 1 << 15
};

/* Bits of PM1 control. */
enum {
    ACPI_PM1_SCI_EN = 1 << 0,
    ACPI_PM1_BUS_MASTER_RELOAD = 1 << 1,
    ACPI_PM1_GLOBAL_RELEASE = 1 << 2,
    ACPI_PM1_SLEEP_TYPE = 7 << 10,
    ACPI_PM1_SLEEP = 1 << 13 /* reads as 0 */
};

#define ACPI_PM_HZ UINT64_C(3579545)
#define ACPI_GPE_BYTES_MOST 8

struct acpi_pm;

/* What a chipset makes of it. */
struct acpi_pm_class {
    uint8_t gpe_bytes;     /* of status, and as many of enable */
    uint8_t off_types;     /* bit n: sleep type n switches the machine off (S5, S4) */
    uint8_t suspend_types; /* bit n: it would be S3, which is not modelled */
    /* Bits of status, enable or control have changed, or an event came. */
    void (*changed)(struct acpi_pm *p);
    /* Global release was written: the OS lets firmware have the global lock. May be NULL. */
    void (*released)(struct acpi_pm *p);
};

struct acpi_pm {
    const struct acpi_pm_class *cls;
    struct device *dev;
    struct clock_timer *timer; /* when the next carry is due, if anybody wants to know */

    /* State. */
    uint64_t carries; /* changes of the counter's upper bit that status tells of */
    uint16_t status, enable, control;
    uint8_t gpe_status[ACPI_GPE_BYTES_MOST], gpe_enable[ACPI_GPE_BYTES_MOST];
    uint8_t pad[2];
};

/* A message to the CPUs to enter system management mode; all: to each, else to that of the number.
 * Under the lock of the chipset's device. */
struct acpi_smi {
    void (*raise)(void *opaque, unsigned cpu, bool all); /* NULL: the board has no such mode */
    void *opaque;
};

/* Properties disable_s3, disable_s4 and s4_val of a chipset's device, which are members of its
 * struct, all uint8_t. */
#define ACPI_PM_PROPS(type)                                                                        \
    {"disable_s3",                                                                                 \
     PROP_U8,                                                                                      \
     offsetof(struct type, disable_s3),                                                            \
     "1",                                                                                          \
     "suspending to memory is not possible: 1, as it is not modelled",                             \
     NULL},                                                                                        \
        {"disable_s4",                                                                             \
         PROP_U8,                                                                                  \
         offsetof(struct type, disable_s4),                                                        \
         "0",                                                                                      \
         "1: suspending to disk is not possible",                                                  \
         NULL},                                                                                    \
    {                                                                                              \
        "s4_val", PROP_U8, offsetof(struct type, s4_val), "2", "the sleep type of that", NULL      \
    }

/* Puts what they say into c; false: it is not possible. */
bool acpi_pm_set_types(struct acpi_pm_class *c, unsigned disable_s3, unsigned disable_s4,
                       unsigned s4_val, struct error *e);

extern const struct field acpi_pm_fields[];

void acpi_pm_init(struct acpi_pm *p, struct device *d, const struct acpi_pm_class *cls);
void acpi_pm_fini(struct acpi_pm *p);
void acpi_pm_reset(struct acpi_pm *p);
/* Parts of the device's settle and loaded. */
void acpi_pm_settle(struct acpi_pm *p);
void acpi_pm_loaded(struct acpi_pm *p);

/* The 32 bits at an offset that is aligned to them. */
uint32_t acpi_pm_read(struct acpi_pm *p, unsigned offset);
void acpi_pm_write_byte(struct acpi_pm *p, unsigned offset, uint8_t value);
/* The bytes of the general-purpose events: the status, then the enable bits. The 32 bits from byte
 * n on, and byte n. */
uint32_t acpi_pm_gpe_read(const struct acpi_pm *p, unsigned n);
void acpi_pm_gpe_write_byte(struct acpi_pm *p, unsigned n, uint8_t value);

/* Events happen: bits of PM1's status, a general-purpose one by its number. */
void acpi_pm_event(struct acpi_pm *p, uint16_t bits);
void acpi_pm_gpe(struct acpi_pm *p, unsigned n);

/* Firmware's commands by the APM port, which hardware obeys here, as no firmware may be there:
 * the OS takes over, or gives back. */
void acpi_pm_set_sci(struct acpi_pm *p, bool on);
/* Events that are enabled and not yet served: of PM1, and general-purpose ones. */
bool acpi_pm_fixed_pending(struct acpi_pm *p);
bool acpi_pm_gpe_pending(const struct acpi_pm *p);
/* Whether SCI is to be raised. */
bool acpi_pm_sci(struct acpi_pm *p);

#endif
