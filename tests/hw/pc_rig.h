/* SPDX-License-Identifier: MIT */
/*
 * For tests of a PC's chips: the machine of virtio_rig.h with a space of I/O ports, ISA interrupts
 * and inputs of the I/O APIC that are watched, SMIs that are counted, and requests of power.
 */
#ifndef TESTS_HW_PC_RIG_H
#define TESTS_HW_PC_RIG_H

#include "base/bits.h"
#include "hw/acpi/pm.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci_regs.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define PC_LINES 24

struct pc_rig {
    struct rig r;
    struct space *ports;
    struct isa_bus isa;
    struct test_line line[PC_LINES], sci;
    struct irq irq[PC_LINES];
    struct power power;
    unsigned requests[8]; /* by enum power_request */
    unsigned smis, smi_cpu;
    bool smi_all;
};

static void pc_power_request(struct power *p, enum power_request r)
{
    container_of(p, struct pc_rig, power)->requests[r]++;
}

static void pc_smi(void *opaque, unsigned cpu, bool all)
{
    struct pc_rig *p = opaque;
    p->smis++;
    p->smi_cpu = cpu;
    p->smi_all = all;
}

static inline struct acpi_smi pc_rig_smi(struct pc_rig *p)
{
    return (struct acpi_smi){pc_smi, p};
}

static inline void pc_rig_open(struct pc_rig *p)
{
    *p = (struct pc_rig){.power = {.request = pc_power_request}};
    rig_open(&p->r);
    p->r.m->power = &p->power;
    p->ports = space_create_beside("ports", p->r.m->memory);
    space_set_properties(p->ports, SPACE_ONES);
    isa_bus_init(&p->isa, p->r.m, p->ports);
    for (unsigned i = 0; i < PC_LINES; i++) {
        p->irq[i] = test_line_irq(&p->line[i]);
    }
    memcpy(p->isa.irq, p->irq, sizeof(p->isa.irq));
}

static inline void pc_rig_close(struct pc_rig *p)
{
    rig_close(&p->r);
    space_destroy(p->ports);
}

static inline uint32_t pc_in(struct pc_rig *p, unsigned port, unsigned size)
{
    uint64_t v = 0;
    CHECK(space_load(p->ports, port, size, &v));
    return (uint32_t)v;
}

static inline void pc_out(struct pc_rig *p, unsigned port, unsigned size, uint32_t value)
{
    CHECK(space_store(p->ports, port, size, value));
}

/* By that vCPU. */
static inline void pc_out_by(struct pc_rig *p, unsigned cpu, unsigned port, uint8_t value)
{
    CHECK(space_store_by(p->ports, &(struct requester){.id = cpu}, port, 1, value));
}

static inline void pc_advance(struct pc_rig *p, uint64_t ns)
{
    clock_manual_advance(p->r.m->clock, ns);
}

/* A device that was made, with that place on the PCI bus: created and reset. */
static inline void pc_rig_plug(struct pc_rig *p, struct device *d, const char *addr)
{
    struct error e = {""};
    d->bus = machine_find_bus(p->r.m, "pcie.0");
    CHECK_MSG(device_set(d, "addr", addr, &e) && device_create(d, &e), "%s", e.text);
    device_reset(d);
}

/* On the ISA bus. */
static inline struct device *pc_rig_isa(struct pc_rig *p, const struct device_class *cls)
{
    struct error e = {""};
    struct device *d = device_new(cls, p->r.m, NULL);
    d->bus = &p->isa.bus;
    CHECK_MSG(device_create(d, &e), "%s", e.text);
    device_reset(d);
    return d;
}

/* Any accesses to ports base to base + n - 1 and to a function's configuration space; then state
 * that can be loaded. */
static inline void pc_rig_hammer(struct pc_rig *p, struct device *d, unsigned devfn, unsigned base,
                                 unsigned n)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        const unsigned size = 1u << rng_below(&rng, 3);
        const unsigned port = base + (unsigned)rng_below(&rng, n);
        const uint32_t value = (uint32_t)rng_u64(&rng) >> rng_below(&rng, 32);
        switch (rng_below(&rng, devfn ? 6 : 5)) {
        case 0:
        case 1:
            pc_in(p, port, size);
            break;
        case 2:
        case 3:
            pc_out(p, port, size, value);
            break;
        case 4:
            pc_advance(p, rng_below(&rng, 1000000));
            break;
        default:
            rig_config_set(&p->r, 0, devfn, (unsigned)rng_below(&rng, 256 / size) * size, size,
                           value);
            break;
        }
    }
    CHECK(test_round_trip(d));
}

#endif
