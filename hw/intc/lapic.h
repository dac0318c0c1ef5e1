/* SPDX-License-Identifier: MIT */
/*
 * The local APICs of all CPUs of a PC, one device. The board says with its property how many there
 * are, maps the window that each CPU sees its own in, connects the CPUs, and gives them the table
 * by which they ask for interrupts (cpu/x86.h).
 */
#ifndef HW_INTC_LAPIC_H
#define HW_INTC_LAPIC_H

#include "hw/device.h"

extern const struct device_class lapic_class;

struct x86_apic;

#define LAPIC_BASE UINT64_C(0xfee00000)
#define LAPIC_MESSAGES UINT64_C(0x100000) /* bytes from there on where devices send messages to */
#define LAPIC_TIMER_HZ UINT64_C(1000000000)

/* Delivery modes of messages and of local interrupts. */
enum {
    LAPIC_FIXED,
    LAPIC_LOWEST,
    LAPIC_SMI,
    LAPIC_NMI = 4,
    LAPIC_INIT,
    LAPIC_STARTUP,
    LAPIC_EXTINT
};

struct lapic_message {
    uint32_t destination;
    bool logical;
    bool level;    /* its end is told to listeners */
    bool extended; /* the destination has 32 bits: x2APIC's form */
    uint8_t mode, vector;
};

/* What a local APIC has its CPU do. INTR is a level; the functions may be called on any thread. */
struct lapic_cpu_wires {
    struct irq intr;
    void (*nmi)(void *opaque);
    void (*init)(void *opaque);
    void (*startup)(void *opaque, uint8_t vector);
    void *opaque;
    void (*smi)(void *opaque);
};

/* ---- after device_create, before the machine runs */

void lapic_connect(struct device *d, unsigned cpu, const struct lapic_cpu_wires *w);
/* The 8259 behind LINT0: how its interrupts are acknowledged. */
void lapic_connect_extint(struct device *d, int (*acknowledge)(struct device *pic),
                          struct device *pic);
/* Who is told of the ends of level interrupts; at most 2. */
void lapic_add_listener(struct device *d, void (*ended)(void *opaque, uint8_t vector),
                        void *opaque);
void lapic_map(struct device *d, struct space *s);
/* Valid as long as the device. */
const struct x86_apic *lapic_table(struct device *d);

/* ---- any thread */

void lapic_send(struct device *d, const struct lapic_message *m);
/* A message-signalled interrupt, as a store to the messages' range says it. */
void lapic_send_msi(struct device *d, uint64_t address, uint32_t data);
/* LINT0 of all CPUs, which the 8259 drives. */
struct irq lapic_lint0(struct device *d);

#endif
