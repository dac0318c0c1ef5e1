/* SPDX-License-Identifier: MIT */
/*
 * Arm Generic Interrupt Controllers, as boards see them: GICv2 ("arm_gic") with GICv2m
 * ("arm-gicv2m"), GICv3
 * ("arm-gicv3") with its interrupt translation service ("arm-gicv3-its").
 *
 * A board makes the device with its properties num-cpu and num-irq, names the vCPUs
 * (gic_set_affinity), connects its outputs (gic_connect) and maps its windows. Inputs may be set
 * from any thread.
 */
#ifndef HW_INTC_GIC_H
#define HW_INTC_GIC_H

#include "base/sysreg.h"
#include "hw/device.h"

extern const struct device_class arm_gic_class;
extern const struct device_class arm_gicv3_class;

/* Input lines: private peripheral interrupt ppi (0 to 15, INTID 16 + ppi) of a vCPU; shared
 * interrupt spi (INTID 32 + spi). */
struct irq gic_ppi(struct device *gic, unsigned cpu, unsigned ppi);
struct irq gic_spi(struct device *gic, unsigned spi);

/* Where vCPU cpu takes its IRQ and FIQ. After device_create. */
void gic_connect(struct device *gic, unsigned cpu, struct irq irq, struct irq fiq);
/* The line that goes with that of IRQ while the interrupt is non-maskable (GICv3.3). */
void gic_connect_nmi(struct device *gic, unsigned cpu, struct irq nmi);

/* The affinity fields of vCPU cpu's MPIDR (Aff3 in bits 39..32, Aff2..Aff0 in 23..0). GICv3; after
 * device_create. */
void gic_set_affinity(struct device *gic, unsigned cpu, uint64_t mpidr);

/* ICC_*_EL1 for every vCPU (base/sysreg.h). GICv3; valid as long as the device. */
const struct sysreg_bank *gic_sysregs(struct device *gic);

/* Who asks for the vCPU that accesses a banked register now; without it, vCPU 0. GICv2. */
void gic_set_accessor(struct device *gic, unsigned (*current_cpu)(void *opaque), void *opaque);

/* Register windows. */
#define GICV3_DIST_SIZE 0x10000
#define GICV3_REDIST_SIZE 0x20000 /* for each vCPU */
#define GICV2_DIST_SIZE 0x1000
#define GICV2_CPU_SIZE 0x10000
void gicv3_map_dist(struct device *gic, struct space *s, paddr base);
/* A region with the redistributors of count vCPUs from first on; at most GICV3_REGIONS of them. */
#define GICV3_REGIONS 2
void gicv3_map_redists(struct device *gic, struct space *s, paddr base, unsigned first,
                       unsigned count);
void gicv2_map_dist(struct device *gic, struct space *s, paddr base);
void gicv2_map_cpu(struct device *gic, struct space *s, paddr base);

/* ---- GICv2m: the interrupts base-spi to base-spi + num-spi - 1 of gic, as messages */

extern const struct device_class arm_gicv2m_class;
#define GICV2M_SETSPI 0x40 /* offset of the doorbell in the window */
void gicv2m_connect(struct device *d, struct device *gic);
/* A message to the doorbell. Any thread. */
void gicv2m_send(struct device *d, uint32_t intid);

/* ---- interrupt translation service of a GICv3 that has-lpi */

extern const struct device_class arm_gicv3_its_class;
#define ITS_SIZE 0x20000
#define ITS_TRANSLATER 0x10040 /* offset of the doorbell in the window */
/* Between device_new and device_create. */
void its_connect(struct device *d, struct device *gic);
/* A message of the device with this requester ID. Any thread. */
void its_send(struct device *d, uint32_t device_id, uint32_t event_id);

#endif
