/* SPDX-License-Identifier: MIT */
/*
 * vCPUs that run nothing, in place of cpu/arm/ and the accelerator: for tests of an Arm board.
 * Included by the one file of such a test.
 */
#ifndef TESTS_HW_FAKE_ARM_H
#define TESTS_HW_FAKE_ARM_H

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cpu/arm.h"
#include "hw/classes.h"

struct fake_arm {
    struct vcpu v; /* first */
    uint64_t pc, x0, seed;
    int line[3]; /* FIQ, IRQ, NMI */
    struct irq timer[ARM_TIMER_COUNT], pmu;
    unsigned resets;
    unsigned cluster_cpus;
};

/* Whom vcpu_current() names. */
static struct vcpu *fake_current;

static inline struct fake_arm *fake_arm(struct machine *m, unsigned i)
{
    return (struct fake_arm *)m->vcpus[i];
}

static struct vcpu *fake_create(const char *model, unsigned index, struct error *e)
{
    if (strcmp(model, "none") == 0) {
        error_set(e, "-cpu none: there is no such model");
        return NULL;
    }
    struct fake_arm *f = vcpu_alloc(sizeof(*f));
    f->v.cls = &arm_cpu_class;
    f->v.index = index;
    return &f->v;
}

static void fake_destroy(struct vcpu *v)
{
    vcpu_free(v);
}

static void fake_reset(struct vcpu *v)
{
    ((struct fake_arm *)v)->resets++;
}

static void fake_boot(struct vcpu *v, uint64_t entry, uint64_t arg)
{
    struct fake_arm *f = (struct fake_arm *)v;
    f->pc = entry;
    f->x0 = arg;
}

static void fake_set_pc(struct vcpu *v, uint64_t pc)
{
    ((struct fake_arm *)v)->pc = pc;
}

const struct cpu_class arm_cpu_class = {.name = "fake",
                                        .create = fake_create,
                                        .destroy = fake_destroy,
                                        .reset = fake_reset,
                                        .boot = fake_boot,
                                        .set_pc = fake_set_pc};

void arm_set_timer_irq(struct vcpu *v, enum arm_timer t, struct irq irq)
{
    ((struct fake_arm *)v)->timer[t] = irq;
}

void arm_set_pmu_irq(struct vcpu *v, struct irq irq)
{
    ((struct fake_arm *)v)->pmu = irq;
}

void arm_set_mpidr(struct vcpu *v, uint64_t mpidr)
{
    v->firmware_id = mpidr;
}

bool arm_has_nmi(const struct vcpu *v)
{
    (void)v;
    return true;
}

void arm_set_cbar(struct vcpu *v, uint64_t base)
{
    (void)v, (void)base;
}

void arm_set_cluster_cpus(struct vcpu *v, unsigned n)
{
    ((struct fake_arm *)v)->cluster_cpus = n;
}

void arm_set_seed(struct vcpu *v, uint64_t seed)
{
    ((struct fake_arm *)v)->seed = seed;
}

static void fake_line_set(void *opaque, int line, int level)
{
    ((struct fake_arm *)opaque)->line[line] = level;
}

struct irq vcpu_irq(struct vcpu *v, int line)
{
    return (struct irq){fake_line_set, v, line};
}

struct vcpu *vcpu_current(void)
{
    return fake_current;
}

/* A machine of which nothing is built yet. Ends with fake_virt_free. */
static inline struct machine *fake_machine_new(const struct machine_class *cls)
{
    struct machine *m = machine_new(cls);
    m->clock = clock_manual_create();
    rng_seed(&m->rng, 1);
    return m;
}

static inline struct machine *fake_virt_new(void)
{
    return fake_machine_new(&virt_machine_class);
}

static inline void fake_virt_cpus(struct machine *m, unsigned cpus)
{
    m->config.cpus = m->config.max_cpus = m->config.cores = cpus;
}

/* Of any board. */
static inline bool fake_virt_finish(struct machine *m, struct error *e)
{
    if (!machine_build(m, e) || !machine_finish(m, e)) {
        return false;
    }
    machine_reset(m);
    return true;
}

static inline void fake_virt_free(struct machine *m)
{
    struct clock *c = m->clock;
    machine_free(m);
    clock_destroy(c);
}

static void fake_power_request(struct power *p, enum power_request r)
{
    (void)p, (void)r;
}

static void fake_power_exit(struct power *p, int status)
{
    (void)p, (void)status;
}

/* Nothing follows when a guest asks for it. */
__attribute__((unused)) static struct power fake_power = {.request = fake_power_request,
                                                          .exit_status = fake_power_exit};

#include "tests/hw/fake_x86.h"

#endif
