/* SPDX-License-Identifier: MIT */
/*
 * What the functions of the x87 unit share. Intel SDM, volume 1, chapter 8.
 *
 * Each instruction is a run-time function. It works on a copy of nothing: first it looks at its
 * operands (an empty one, or a full register that would be pushed on, is a stack fault), then it
 * computes with an environment of software floating point, and then it commits. An exception before
 * the operation that is not masked leaves all but the status word as it was.
 */
#ifndef CPU_X86_X87_H
#define CPU_X86_X87_H

#include "base/softfloat.h"
#include "cpu/x86/fpu.h"
#include "cpu/x86/translate.h"
#include "tcg/stack80.h"

#define X87 (&fp_formats[FP_X87])
#define X87_ONE ((fp_bits)0x3fff << 64 | UINT64_C(1) << 63)

/* Register ST(n), as a number of the physical one. */
static inline unsigned x87_reg(const struct x86_fpu *f, unsigned n)
{
    return (f->top + n) & 7;
}

static inline bool x87_is_empty(const struct x86_fpu *f, unsigned n)
{
    return !(f->used >> x87_reg(f, n) & 1);
}

static inline fp_bits x87_get(const struct x86_fpu *f, unsigned n)
{
    const struct x86_st *st = &f->st[x87_reg(f, n)];
    return (fp_bits)st->high << 64 | st->low;
}

static inline void x87_put(struct x86_fpu *f, unsigned n, fp_bits v)
{
    struct x86_st *st = &f->st[x87_reg(f, n)];
    st->low = (uint64_t)v;
    st->high = (uint16_t)(v >> 64);
    f->used |= (uint8_t)(1u << x87_reg(f, n));
}

static inline void x87_pop(struct x86_fpu *f)
{
    f->used &= (uint8_t) ~(1u << f->top);
    f->top = (f->top + 1) & 7;
}

static inline void x87_push(struct x86_fpu *f, fp_bits v)
{
    f->top = (f->top - 1) & 7;
    x87_put(f, 0, v);
}

/* The environment of an operation by the control word, no flag raised. */
struct fp_env x87_env(const struct x86_fpu *f);
fp_bits x87_indefinite(void);

/* C1 becomes 0, or 1 where the last result was rounded away from 0. */
static inline void x87_set_c1(struct x86_fpu *f, bool c1)
{
    f->status = (uint16_t)((f->status & ~X86_FSW_C1) | (c1 ? X86_FSW_C1 : 0));
}

/* C3, C2, C0 as a set of the status word's bits. */
static inline void x87_set_codes(struct x86_fpu *f, uint16_t codes)
{
    f->status = (uint16_t)((f->status & ~(X86_FSW_C3 | X86_FSW_C2 | X86_FSW_C0)) | codes);
}

/* FP_ flags of an operation into the status word; false: one that comes before the operation is not
 * masked, and nothing may be written. */
bool x87_raise(struct x86_fpu *f, uint32_t flags);
/* A stack fault: an operand is empty, or there is no room (overflow); the same. */
bool x87_stack_fault(struct x86_fpu *f, bool overflow);

/* An operation that is made again towards zero, to see in which direction it was rounded. */
typedef fp_bits (*x87_fn)(fp_bits a, fp_bits b, struct fp_env *env);
/* Its result, with C1 set; flags into env. */
fp_bits x87_compute(struct x86_fpu *f, x87_fn fn, const fp_bits operands[2], struct fp_env *env);

/* Functions of RAISES class begin with this: #MF if an exception is pending; false then. */
bool x87_begin(struct x86_cpu *c);

/* When a block is translated: #NM with CR0.TS or EM; false: nothing more is to be emitted. Of
 * instructions that wait also #MF, which goes before all that their operands make. */
bool x86_x87_available(struct x86_block *c);
bool x86_x87_begin(struct x86_block *c);
/* #MF alone. */
void x86_x87_check(struct x86_block *c);

/* x87_errors.c: emits that the instruction is the last one; an exception was found with CR0.NE
 * clear; false: an interrupt comes first. */
void x86_x87_pointers(struct x86_block *c, const struct x86_instr *i);
bool x86_x87_ferr(struct x86_cpu *c);

/* x87_functions.c: transcendental functions of one or two operands, exact but for rounding. */
fp_bits x87_f2xm1(fp_bits x, fp_bits unused, struct fp_env *env);
fp_bits x87_fyl2x(fp_bits x, fp_bits y, struct fp_env *env);
fp_bits x87_fyl2xp1(fp_bits x, fp_bits y, struct fp_env *env);
fp_bits x87_fpatan(fp_bits x, fp_bits y, struct fp_env *env);
/* Their argument is below 2^63 in magnitude, which x87_in_range says. */
bool x87_in_range(fp_bits x);
fp_bits x87_fsin(fp_bits x, fp_bits unused, struct fp_env *env);
fp_bits x87_fcos(fp_bits x, fp_bits unused, struct fp_env *env);
fp_bits x87_ftan(fp_bits x, fp_bits unused, struct fp_env *env);

/*
 * x87_stack.c: emits the call of a row made by X87_STACK_CALL, and tells what the stack will
 * probably be: as it is while the block is translated, and as the instructions before leave it.
 */
ir_val x87_stack_call(struct x86_block *c, ir_type type, const struct ir_call *row,
                      const ir_val operands[2], uint32_t aux);
/* So many registers are popped by a function of another kind. */
void x87_stack_popped(struct x86_block *c, unsigned n);

/* A host with such a unit does the usual cases itself. */
extern const struct ir_stack80 x87_stack;
#define X87_STACK_CALL(name_, kind_)                                                               \
    static const struct ir_call row_##name_ = {.name = "x86_" #name_,                              \
                                               .fn = (void (*)(void))(do_##name_),                 \
                                               .class = IR_CALL_RAISES,                            \
                                               .stack80 = &x87_stack,                              \
                                               .stack80_kind = (kind_)}

#define X87_CALL(name_)                                                                            \
    static const struct ir_call row_##name_ = {                                                    \
        .name = "x86_" #name_, .fn = (void (*)(void))(do_##name_), .class = IR_CALL_RAISES}

#endif
