/* SPDX-License-Identifier: MIT */
/*
 * GICv2m: message signalled interrupts for a GICv2 (Server Base System Architecture 2.3, appendix
 * E). A write of an INTID to MSI_SETSPI_NS pulses that shared interrupt, if it is one of the
 * frame's.
 */
#include <inttypes.h>

#include "base/bits.h"
#include "base/log.h"
#include "hw/classes.h"
#include "hw/intc/gic.h"

#define FIRST_SPI_INTID 32

struct gicv2m {
    struct device dev;
    struct device *gic;
    uint32_t base_spi, num_spi; /* properties; base_spi counts from the first SPI */
};

void gicv2m_connect(struct device *d, struct device *gic)
{
    ((struct gicv2m *)d)->gic = gic;
}

void gicv2m_send(struct device *d, uint32_t intid)
{
    const struct gicv2m *m = (const struct gicv2m *)d;
    uint32_t spi = intid - FIRST_SPI_INTID;
    if (m->gic && spi - m->base_spi < m->num_spi) {
        struct irq irq = gic_spi(m->gic, spi);
        irq_pulse(&irq);
    } else {
        log_guest("arm-gicv2m", "message for interrupt %" PRIu32 ", which is not the frame's",
                  intid);
    }
}

static uint64_t typer_read(struct device *d, const struct reg *r)
{
    const struct gicv2m *m = (const struct gicv2m *)d;
    (void)r;
    return (m->base_spi + FIRST_SPI_INTID) << 16 | m->num_spi;
}

static void setspi_written(struct device *d, const struct reg *r, uint64_t value)
{
    (void)r;
    gicv2m_send(d, (uint32_t)value);
}

static const struct reg gicv2m_regs[] = {
    REG_FN(0x008, "MSI_TYPER", typer_read, NULL),
    REG_FN(GICV2M_SETSPI, "MSI_SETSPI_NS", NULL, setspi_written),
    REG_CONST(0xfcc, "MSI_IIDR", 0x51 << 20),
    REG_END,
};

static const struct prop gicv2m_props[] = {
    {"base-spi", PROP_U32, offsetof(struct gicv2m, base_spi), "0", "its first shared interrupt",
     NULL},
    {"num-spi", PROP_U32, offsetof(struct gicv2m, num_spi), "64", "how many it has", NULL},
    PROP_END,
};

static const struct field gicv2m_fields[] = {FIELD_SKIP(gicv2m, gic), FIELD_END};

const struct device_class arm_gicv2m_class = {
    .name = "arm-gicv2m",
    .desc = "Arm GICv2m message signalled interrupts",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct gicv2m),
    .props = gicv2m_props,
    .regs = gicv2m_regs,
    .fields = gicv2m_fields,
    .window_size = 0x1000,
    .flags = DEVICE_THREAD_SAFE,
};
