/* SPDX-License-Identifier: MIT */
/*
 * MXCSR, and the words of the x87 unit. Intel SDM, volume 1, 8.1 and 10.2.3.
 *
 * MXCSR's rounding, flushing and flags are the environment's of floating-point ops; here are its
 * masks, and what it was set to. An exception that is not masked makes another mode of code, which
 * looks at the flags behind each operation (sse.h).
 */
#include "cpu/x86/fpu.h"

#include "base/softfloat.h"

#include <string.h>

static const struct {
    uint8_t bit, flag;
} flags[] = {{0x01, FP_INVALID},  {0x02, FP_DENORMAL},  {0x04, FP_DIVZERO},
             {0x08, FP_OVERFLOW}, {0x10, FP_UNDERFLOW}, {0x20, FP_INEXACT}};

uint32_t x86_fp_flags(uint32_t raised)
{
    uint32_t bits = 0;
    for (unsigned k = 0; k < array_len(flags); k++) {
        bits |= raised & flags[k].flag ? flags[k].bit : 0u;
    }
    return bits;
}

uint32_t x86_mxcsr(struct x86_cpu *c)
{
    return (c->mxcsr & ~X86_MXCSR_FLAGS) | x86_fp_flags(tcg_fp_flags(&c->vcpu));
}

void x86_set_mxcsr(struct x86_cpu *c, uint32_t value)
{
    static const uint8_t rounding[] = {IR_RNE, IR_RDN, IR_RUP, IR_RTZ};
    uint32_t raised = 0;
    for (unsigned k = 0; k < array_len(flags); k++) {
        raised |= value & flags[k].bit ? flags[k].flag : 0;
    }
    c->mxcsr = value & X86_MXCSR_ALL;
    tcg_fp_set_rounding(&c->vcpu, rounding[value >> 13 & 3]);
    tcg_fp_set_flush_apart(&c->vcpu, x86_mxcsr_flushes(value), value & X86_MXCSR_DAZ);
    tcg_fp_set_flags(&c->vcpu, raised);
    tcg_mode_changed(&c->vcpu);
}

/* ---- x87 */

void x86_fpu_init(struct x86_fpu *f)
{
    f->control = X86_FCW_INITIAL;
    f->status = 0;
    f->top = f->used = 0;
    f->opcode = f->code = f->data = 0;
    f->ip = f->dp = 0;
}

uint16_t x86_fpu_status(const struct x86_fpu *f)
{
    return (uint16_t)(f->status | (f->top & 7) << 11);
}

void x86_fpu_settle(struct x86_fpu *f)
{
    const bool pending = f->status & ~f->control & X86_FSW_FLAGS;
    f->status &= (uint16_t) ~(X86_FSW_ES | X86_FSW_B);
    f->status |= pending ? X86_FSW_ES | X86_FSW_B : 0;
}

void x86_fpu_set_status(struct x86_fpu *f, uint16_t status)
{
    f->top = status >> 11 & 7;
    f->status = status & 0xc7ff;
    x86_fpu_settle(f);
}

/* Of the control word's reserved bits one is set. */
void x86_fpu_set_control(struct x86_fpu *f, uint16_t control)
{
    f->control = (control & 0x1f3f) | 0x40;
    x86_fpu_settle(f);
}

/* 0 valid, 1 zero, 2 special, 3 empty. */
static unsigned tag_of(const struct x86_st *st)
{
    const unsigned exponent = st->high & 0x7fff;
    if (exponent == 0x7fff || (exponent && !(st->low >> 63))) {
        return 2;
    }
    return exponent ? 0 : st->low ? 2 : 1;
}

uint16_t x86_fpu_tags(const struct x86_fpu *f)
{
    unsigned tags = 0;
    for (unsigned k = 0; k < 8; k++) {
        tags |= (f->used >> k & 1 ? tag_of(&f->st[k]) : 3) << 2 * k;
    }
    return (uint16_t)tags;
}

void x86_fpu_set_tags(struct x86_fpu *f, uint16_t tags)
{
    f->used = 0;
    for (unsigned k = 0; k < 8; k++) {
        f->used |= (uint8_t)((tags >> 2 * k & 3) != 3) << k;
    }
}

/* ---- memory */

static bool both_ends(struct x86_cpu *c, uint64_t at, unsigned bytes, enum access a)
{
    struct vcpu *v = &c->vcpu;
    const memop m = MO_8 | MO_IDX(v->cls->mmu_index(v));
    return vcpu_probe(v, at, m, a) && vcpu_probe(v, at + bytes - 1, m, a);
}

bool x86_copy_in(struct x86_cpu *c, void *to, uint64_t at, unsigned bytes)
{
    struct vcpu *v = &c->vcpu;
    const unsigned idx = v->cls->mmu_index(v);
    uint8_t *p = to;
    uint64_t there, x;
    if (!both_ends(c, at, bytes, ACCESS_READ)) {
        return false;
    }
    for (unsigned done = 0, n; done < bytes; done += n) {
        const void *host = vcpu_host(v, at + done, ACCESS_READ, idx, &there);
        if (host) {
            n = there < bytes - done ? (unsigned)there : bytes - done;
            memcpy(p + done, host, n);
        } else if (vcpu_load(v, at + done, MO_8 | MO_IDX(idx), &x)) {
            n = 1;
            p[done] = (uint8_t)x;
        } else {
            return false;
        }
    }
    return true;
}

bool x86_copy_out(struct x86_cpu *c, uint64_t at, const void *from, unsigned bytes)
{
    struct vcpu *v = &c->vcpu;
    const unsigned idx = v->cls->mmu_index(v);
    const uint8_t *p = from;
    uint64_t there;
    if (!both_ends(c, at, bytes, ACCESS_WRITE)) {
        return false;
    }
    for (unsigned done = 0, n; done < bytes; done += n) {
        void *host = vcpu_host(v, at + done, ACCESS_WRITE, idx, &there);
        if (host) {
            n = there < bytes - done ? (unsigned)there : bytes - done;
            memcpy(host, p + done, n);
        } else if (vcpu_store(v, at + done, MO_8 | MO_IDX(idx), p[done])) {
            n = 1;
        } else {
            return false;
        }
    }
    return true;
}
