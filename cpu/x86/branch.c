/* SPDX-License-Identifier: MIT */
/*
 * Branches within a segment, and traps. Intel SDM, volume 2: BOUND, CALL, INT, Jcc, JMP, LOOP, RET,
 * UD. The operand size cuts the new PC.
 */
#include "cpu/x86/translate.h"
#include "cpu/x86/vm86.h"

static uint64_t goal(const struct x86_block *c, const struct x86_instr *i,
                     const struct x86_operand *o)
{
    return x86_pc(c, c->next + (uint64_t)o->value, i->os);
}

void x86_jcc(struct x86_block *c, const struct x86_instr *i, const struct x86_jcc *a)
{
    const ir_val holds = ir_flags_test(c->b, (enum ir_cond)i->cc, x86_flags(c));
    x86_branch_if(c, holds, goal(c, i, &a->dst));
}

/* JMP of a register or memory, as 64 bits. */
static ir_val indirect(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o)
{
    return ir_zext(c->b, T_I64, x86_read_as(c, i, o, i->os));
}

void x86_jmp(struct x86_block *c, const struct x86_instr *i, const struct x86_jmp *a)
{
    if (a->src.kind == X86_RELATIVE) {
        x86_branch_to(c, goal(c, i, &a->src));
    } else {
        const ir_val pc = indirect(c, i, &a->src);
        x86_check_goal(c, pc);
        ir_jump(c->b, pc);
    }
}

/*
 * Kernels that do not trust the CPU's guesses jump by way of a call of `mov [rsp], r; ret` (a
 * "retpoline"). Nothing returns behind such a call: the block goes on with it, and the return is an
 * indirect jump.
 */
static bool leads_to_trampoline(const struct x86_block *c, uint64_t pc)
{
    static const uint8_t mov[] = {0x48, 0x89, 0x04, 0x24, 0xc3}; /* of rax */
    const struct ir_builder *b = c->b;
    const uint64_t at = pc - b->pc;
    if (c->mode != 8 || !x86_may_follow(c, pc) || at + sizeof(mov) > b->code_bytes) {
        return false;
    }
    const uint8_t *p = b->code + at;
    return (p[0] & 0xfb) == mov[0] && p[1] == mov[1] && (p[2] & 0xc7) == mov[2] && p[3] == mov[3] &&
           p[4] == mov[4];
}

void x86_call(struct x86_block *c, const struct x86_instr *i, const struct x86_call *a)
{
    const ir_val back = ir_trunc(c->b, x86_type_of(i->os), ir_address(c->b, c->next));
    if (a->src.kind == X86_RELATIVE) {
        const uint64_t pc = goal(c, i, &a->src);
        x86_check_branch(c, IR_NONE, pc);
        x86_push_value(c, i->os, back);
        c->trampoline = leads_to_trampoline(c, pc);
        if (c->trampoline) {
            c->jump = pc;
        } else {
            ir_brcall(c->b, pc, c->next);
        }
    } else {
        const ir_val pc = indirect(c, i, &a->src);
        x86_check_goal(c, pc);
        x86_push_value(c, i->os, back);
        ir_jumpcall(c->b, pc, c->next);
    }
}

static void ret(struct x86_block *c, const struct x86_instr *i, uint64_t more)
{
    const ir_val pc = ir_zext(c->b, T_I64, x86_peek(c, i->os, 0));
    x86_check_goal(c, pc);
    x86_drop(c, i->os + more);
    if (c->trampoline) {
        ir_jump(c->b, pc);
    } else {
        ir_ret(c->b, pc);
    }
}

void x86_ret(struct x86_block *c, const struct x86_instr *i, const struct x86_ret *a)
{
    ret(c, i, (uint64_t)a->src.value & 0xffff);
}

void x86_ret_near(struct x86_block *c, const struct x86_instr *i, const struct x86_ret_near *a)
{
    (void)a;
    ret(c, i, 0);
}

/* ---- counts in rCX, of the address size */

static void loop(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                 ir_val condition)
{
    struct ir_builder *b = c->b;
    const ir_val n = ir_sub(b, x86_read_reg(c, X86_RCX, i->as), x86_konst(c, i->as, 1));
    ir_val again = ir_cmp(b, IR_NE, n, x86_konst(c, i->as, 0));
    if (condition != IR_NONE) {
        again = ir_and(b, again, condition);
    }
    const uint64_t pc = goal(c, i, o);
    x86_check_branch(c, again, pc);
    x86_write_reg(c, X86_RCX, i->as, n);
    x86_branch_checked(c, again, pc);
}

void x86_loop(struct x86_block *c, const struct x86_instr *i, const struct x86_loop *a)
{
    loop(c, i, &a->dst, IR_NONE);
}

void x86_loope(struct x86_block *c, const struct x86_instr *i, const struct x86_loope *a)
{
    loop(c, i, &a->dst, ir_flags_test(c->b, IR_EQ, x86_flags(c)));
}

void x86_loopne(struct x86_block *c, const struct x86_instr *i, const struct x86_loopne *a)
{
    loop(c, i, &a->dst, ir_flags_test(c->b, IR_NE, x86_flags(c)));
}

void x86_jcxz(struct x86_block *c, const struct x86_instr *i, const struct x86_jcxz *a)
{
    const ir_val n = x86_read_reg(c, X86_RCX, i->as);
    x86_branch_if(c, ir_cmp(c->b, IR_EQ, n, x86_konst(c, i->as, 0)), goal(c, i, &a->dst));
}

/* ---- traps */

static uint64_t do_trap(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z;
    x86_raise_trap(x86_cpu(v), aux & 0xff, aux >> 8 & 15, aux >> 12);
    return next;
}
X86_CALL(trap, IR_CALL_FULL);

static uint64_t do_trap_if(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)do_trap(v, x, y, z, aux);
    return 0;
}
X86_CALL(trap_if, IR_CALL_RAISES);

static uint32_t trap_word(const struct x86_instr *i, unsigned vector, bool software)
{
    return vector | (uint32_t)i->bytes << 8 | (uint32_t)software << 12;
}

void x86_int3(struct x86_block *c, const struct x86_instr *i, const struct x86_int3 *a)
{
    (void)a;
    x86_tail(c, &row_trap, IR_NONE, IR_NONE, trap_word(i, X86_BP, true));
}

void x86_int1(struct x86_block *c, const struct x86_instr *i, const struct x86_int1 *a)
{
    (void)a;
    x86_tail(c, &row_trap, IR_NONE, IR_NONE, trap_word(i, X86_DB, false));
}

void x86_int(struct x86_block *c, const struct x86_instr *i, const struct x86_int *a)
{
    if (!x86_virtual_int(c, a->dst.value & 0xff, i->bytes)) {
        x86_tail(c, &row_trap, IR_NONE, IR_NONE, trap_word(i, a->dst.value & 0xff, true));
    }
}

void x86_into(struct x86_block *c, const struct x86_instr *i, const struct x86_into *a)
{
    (void)a;
    ir_guard(c->b, ir_flags_test(c->b, IR_VS, x86_flags(c)), &row_trap_if, IR_NONE, IR_NONE,
             trap_word(i, X86_OF_TRAP, true));
}

void x86_bound(struct x86_block *c, const struct x86_instr *i, const struct x86_bound *a)
{
    struct ir_builder *b = c->b;
    const ir_val x = x86_read(c, i, &a->dst), at = x86_offset(c, i, &a->src);
    const ir_val low = x86_load(c, a->src.seg, at, i->os, i->as);
    const ir_val second = ir_add(b, at, ir_konst(b, T_I64, i->os));
    const ir_val high = x86_load(c, a->src.seg, second, i->os, i->as);
    x86_raise_if(c, ir_or(b, ir_cmp(b, IR_SLT, x, low), ir_cmp(b, IR_SGT, x, high)), X86_BR);
}

#define UNDEFINED(name)                                                                            \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)i, (void)a;                                                                          \
        x86_undefined(c);                                                                          \
    }
UNDEFINED(ud0)
UNDEFINED(ud1)
UNDEFINED(ud2)
#undef UNDEFINED
