/* SPDX-License-Identifier: MIT */
/* The interrupt controller of the board, GICv2 or GICv3 (ARM IHI 0048, IHI 0069), for test guests.
 */
#ifndef TESTS_SYSTEM_AARCH64_GIC_H
#define TESTS_SYSTEM_AARCH64_GIC_H

#include "tests/system/aarch64/lib/guest.h"

#define GIC_SPURIOUS 1023u
#define SPI(n) (32u + (n))

/* 2 or 3: which the machine has. */
unsigned gic_version(void);

/* The distributor, once; then what each CPU has of its own: all enabled levels open, nothing
 * enabled. */
void gic_start(void);
void gic_start_cpu(void);

void gic_enable(unsigned id);
void gic_disable(unsigned id);
bool gic_enabled(unsigned id);
void gic_set_pending(unsigned id);
void gic_clear_pending(unsigned id);
bool gic_pending(unsigned id);
void gic_set_active(unsigned id, bool active);
bool gic_active(unsigned id);
void gic_set_priority(unsigned id, unsigned priority);
unsigned gic_priority(unsigned id);
void gic_set_edge(unsigned id, bool edge);
void gic_route(unsigned id, unsigned cpu);
unsigned gic_lines(void); /* how many INTIDs the distributor has */

/* The CPU interface of this CPU. */
unsigned gic_acknowledge(void); /* the source CPU of an SGI is taken off */
void gic_end(unsigned id);      /* priority drop, and deactivation unless in split mode */
void gic_deactivate(unsigned id);
void gic_split_mode(bool on);
void gic_mask(unsigned priority);
unsigned gic_running_priority(void);
unsigned gic_highest_pending(void);
void gic_send(unsigned sgi, unsigned cpu);
void gic_send_others(unsigned sgi);

#endif
