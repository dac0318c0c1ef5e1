/* SPDX-License-Identifier: MIT */
/*
 * The state of local APICs, for lapic.c (registers, timers, life) and lapic_deliver.c (messages and
 * priorities). All of it is guarded by lapic.mutex, which is not held while the 8259 or the
 * listeners are called.
 */
#ifndef HW_INTC_LAPIC_CORE_H
#define HW_INTC_LAPIC_CORE_H

#include "base/bits.h"
#include "cpu/x86.h"
#include "hw/intc/lapic.h"

/* Local vector table. */
enum {
    LVT_TIMER,
    LVT_THERMAL,
    LVT_COUNTERS,
    LVT_LINT0,
    LVT_LINT1,
    LVT_ERROR,
    LVTS
};
#define LVT_MASKED (1u << 16)
#define LVT_MODE(lvt) ((lvt) >> 8 & 7)
#define LVT_TIMER_MODE(lvt) ((lvt) >> 17 & 3)

/* Of the timer. */
enum {
    TIMER_ONE_SHOT,
    TIMER_PERIODIC,
    TIMER_DEADLINE
};

#define BASE_BSP 0x100u
#define BASE_EXTENDED 0x400u
#define BASE_ENABLED 0x800u

#define SVR_ENABLED 0x100u
#define SVR_NO_BROADCAST 0x1000u /* of ends of interrupts */

enum {
    ESR_SEND_VECTOR = 0x20,
    ESR_RECEIVE_VECTOR = 0x40,
    ESR_REGISTER = 0x80
};

#define LAPIC_VERSION (0x14u | (LVTS - 1) << 16 | 1u << 24) /* can suppress broadcasts */

/* A vector is a bit of 8 words. */
struct lapic_cpu {
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t base; /* BASE_ bits */
    uint32_t id, tpr, ldr, dfr, svr;
    uint32_t esr, errors; /* as read; since it was written last */
    uint32_t icr_high, icr_low;
    uint32_t lvt[LVTS];
    uint32_t initial, divide;
    uint64_t start_ns, due_ns; /* of the timer; due CLOCK_NEVER: it does not run */
};

struct lapic;

/* What is no state of a CPU's part. */
struct lapic_wire {
    struct lapic *all;
    unsigned index;
    struct lapic_cpu_wires cpu;
    struct clock_timer *timer;
};

struct lapic {
    struct device dev;
    uint32_t num_cpu; /* property */
    uint32_t listeners;
    struct os_mutex mutex;
    struct lapic_wire *wire;
    int (*acknowledge)(struct device *pic);
    struct device *pic;
    struct {
        void (*ended)(void *opaque, uint8_t vector);
        void *opaque;
    } listener[2];
    struct x86_apic table;

    struct lapic_cpu *cpu; /* num_cpu of them */
    size_t cpu_bytes;
    bool lint0; /* level of the line */
    uint8_t pad[7];
};

static inline bool lapic_is_extended(const struct lapic_cpu *c)
{
    return c->base & BASE_EXTENDED;
}

/* ---- lapic_deliver.c; with the mutex held */

/* Chooses anew, and drives INTR of that CPU. */
void lapic_update(struct lapic *l, unsigned cpu);
/* The processor priority register. */
unsigned lapic_processor_priority(const struct lapic_cpu *c);
/* The vector that is in service from now on; -1: none of this APIC's. */
int lapic_take(struct lapic *l, unsigned cpu);
/* The highest vector in service has ended, and is returned if listeners are to be told; else -1. */
int lapic_end(struct lapic *l, unsigned cpu);
/* The local interrupt of that row, if it is not masked. */
void lapic_local(struct lapic *l, unsigned cpu, unsigned row);
void lapic_error(struct lapic *l, unsigned cpu, unsigned bit);
/* The interrupt command register was written. */
void lapic_command(struct lapic *l, unsigned cpu);
/* Does LINT0 lead the 8259's interrupts to that CPU, and is there one? */
bool lapic_has_extint(const struct lapic *l, unsigned cpu);
/* Without the mutex: the class's info. */
void lapic_info(struct device *d, struct strbuf *out);
/* lapic.c: all but the identity, as INIT has it. */
void lapic_init_cpu(struct lapic *l, unsigned cpu);

#endif
