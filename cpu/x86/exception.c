/* SPDX-License-Identifier: MIT */
/* Raising exceptions: Intel SDM, volume 3, chapter 6. deliver.c delivers them. */
#include "cpu/x86/cpu.h"
#include "cpu/x86/mmu.h"

void x86_raise(struct x86_cpu *c, enum x86_vector vector)
{
    c->vector = (uint8_t)vector;
    c->skip = 0;
    c->software = c->has_error = c->look_again = c->trap = false;
    vcpu_raise(&c->vcpu);
}

void x86_raise_error(struct x86_cpu *c, enum x86_vector vector, uint32_t error)
{
    x86_raise(c, vector);
    c->has_error = true;
    c->error = error;
}

bool x86_raise_gp(struct x86_cpu *c)
{
    x86_raise_error(c, X86_GP, 0);
    return false;
}

void x86_raise_trap(struct x86_cpu *c, unsigned vector, unsigned bytes, bool software)
{
    x86_raise(c, vector);
    c->skip = (uint8_t)bytes;
    c->trap = true;
    c->software = software;
}

void x86_raise_memory(struct vcpu *v, vaddr va, enum access a, uint64_t fault)
{
    struct x86_cpu *c = x86_cpu(v);
    if (fault & FAULT_ALIGN) {
        const bool checked = (c->cr0 & X86_CR0_AM) && (c->rflags & X86_AC) && x86_cpl(c) == 3;
        x86_raise_error(c, checked ? X86_AC_FAULT : X86_GP, 0);
    } else if (fault & FAULT_BUS) {
        x86_raise(c, X86_UD); /* nothing is there: all ones are no instruction */
    } else if (fault & X86_FAULT_CANONICAL) {
        x86_raise_error(c, X86_GP, 0);
        c->look_again = a != ACCESS_FETCH;
    } else {
        c->cr2 = va;
        x86_raise_error(c, X86_PAGE, (uint32_t)fault);
        c->look_again = a != ACCESS_FETCH && !x86_is_long(c) && (va >> 12 == 0xfffff || va < 16);
    }
}
