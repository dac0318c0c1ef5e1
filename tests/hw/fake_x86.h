/* SPDX-License-Identifier: MIT */
/*
 * vCPUs that run nothing, in place of cpu/x86/: for tests of boards. All boards are in one program,
 * so that this is a part of fake_arm.h, which includes it.
 */
#ifndef TESTS_HW_FAKE_X86_H
#define TESTS_HW_FAKE_X86_H

#include "cpu/x86.h"

struct fake_x86 {
    struct fake_arm common; /* first: pc, and the argument of boot as x0, and the lines */
    const struct x86_apic *apic;
    enum x86_boot boot;
    unsigned cpu_count, nmis, inits, smis;
    bool a20_closed;
    struct irq ferr;
    struct x86_backdoor backdoor;
    int startup; /* vector of the last message, or -1 */
};

static inline struct fake_x86 *fake_x86(struct machine *m, unsigned i)
{
    return (struct fake_x86 *)m->vcpus[i];
}

static struct vcpu *fake_x86_create(const char *model, unsigned index, struct error *e)
{
    (void)model, (void)e;
    struct fake_x86 *f = vcpu_alloc(sizeof(*f));
    f->common.v.cls = &x86_cpu_class;
    f->common.v.index = index;
    f->startup = -1;
    return &f->common.v;
}

#define FAKE_X86                                                                                   \
    {                                                                                              \
        .name = "fake", .create = fake_x86_create, .destroy = fake_destroy, .reset = fake_reset,   \
        .boot = fake_boot, .set_pc = fake_set_pc                                                   \
    }
const struct cpu_class x86_cpu_class = FAKE_X86, x86_i386_cpu_class = FAKE_X86;

void x86_set_apic(struct vcpu *v, const struct x86_apic *apic)
{
    ((struct fake_x86 *)v)->apic = apic;
}

void x86_set_ferr(struct vcpu *v, struct irq line)
{
    ((struct fake_x86 *)v)->ferr = line;
}

void x86_get_backdoor(struct vcpu *v, struct x86_backdoor *r)
{
    *r = ((struct fake_x86 *)v)->backdoor;
}

void x86_set_backdoor(struct vcpu *v, const struct x86_backdoor *r)
{
    ((struct fake_x86 *)v)->backdoor = *r;
}

void x86_ignore_ferr(struct vcpu *v)
{
    irq_set(&((struct fake_x86 *)v)->ferr, 0);
}

void x86_set_cpu_count(struct vcpu *v, unsigned count)
{
    ((struct fake_x86 *)v)->cpu_count = count;
}

void x86_set_boot(struct vcpu *v, enum x86_boot boot)
{
    ((struct fake_x86 *)v)->boot = boot;
}

void x86_set_seed(struct vcpu *v, uint64_t seed)
{
    (void)v, (void)seed;
}

void x86_send_nmi(struct vcpu *v)
{
    ((struct fake_x86 *)v)->nmis++;
}

void x86_send_smi(struct vcpu *v)
{
    ((struct fake_x86 *)v)->smis++;
}

void x86_set_a20(struct vcpu *v, bool open)
{
    ((struct fake_x86 *)v)->a20_closed = !open;
}

void x86_send_init(struct vcpu *v)
{
    ((struct fake_x86 *)v)->inits++;
}

void x86_send_startup(struct vcpu *v, uint8_t vector)
{
    ((struct fake_x86 *)v)->startup = vector;
}

#endif
