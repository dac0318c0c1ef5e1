/* SPDX-License-Identifier: MIT */
/*
 * A64: branches and exception generation (DDI 0487, C4.1.93), and where indirect branches may land
 * (FEAT_BTI, D8.5.5).
 */
#include "cpu/arm/a64.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/landing.h"
#include "cpu/arm/mmu.h"
#include "cpu/arm/pauth.h"

/* ---- direct */

static uint64_t relative(const struct a64_block *c, int32_t off)
{
    return c->pc + (uint64_t)(int64_t)off;
}

void a64_b(struct a64_block *c, const struct a64_b *a)
{
    branch_along(c, relative(c, a->off));
}

void a64_bl(struct a64_block *c, const struct a64_bl *a)
{
    write_x(c, 30, ir_address(c->b, next_pc(c)));
    branch_call(c, relative(c, a->off));
}

void a64_b_cond(struct a64_block *c, const struct a64_b_cond *a)
{
    branch_flags(c, a->cond, relative(c, a->off));
}

void a64_cbz(struct a64_block *c, const struct a64_cbz *a)
{
    const ir_val zero = const_of(c, 0, a->sf);
    branch_if(c, ir_cmp(c->b, IR_EQ, read_x(c, a->rt, a->sf), zero), relative(c, a->off));
}

void a64_cbnz(struct a64_block *c, const struct a64_cbnz *a)
{
    const ir_val zero = const_of(c, 0, a->sf);
    branch_if(c, ir_cmp(c->b, IR_NE, read_x(c, a->rt, a->sf), zero), relative(c, a->off));
}

static void test_and_branch(struct a64_block *c, enum ir_cond cond, unsigned rt, unsigned n,
                            int32_t off)
{
    const ir_val mask = ir_konst(c->b, T_I64, UINT64_C(1) << n);
    branch_if(c, ir_tst(c->b, cond, read_x(c, rt, 1), mask), relative(c, off));
}

void a64_tbz(struct a64_block *c, const struct a64_tbz *a)
{
    test_and_branch(c, IR_EQ, a->rt, a->bit, a->off);
}

void a64_tbnz(struct a64_block *c, const struct a64_tbnz *a)
{
    test_and_branch(c, IR_NE, a->rt, a->bit, a->off);
}

/* ---- indirect */

static void branch_register(struct a64_block *c, unsigned rn, ir_val pc)
{
    note_branch(c, pc, rn, false);
    branch_value(c, pc, A64_JUMP);
}

static void call_register(struct a64_block *c, unsigned rn, ir_val pc)
{
    note_branch(c, pc, rn, true);
    write_x(c, 30, ir_address(c->b, next_pc(c)));
    branch_value(c, pc, A64_CALL);
}

void a64_br(struct a64_block *c, const struct a64_br *a)
{
    branch_register(c, a->rn, read_x(c, a->rn, 1));
}

void a64_blr(struct a64_block *c, const struct a64_blr *a)
{
    call_register(c, a->rn, read_x(c, a->rn, 1));
}

void a64_ret(struct a64_block *c, const struct a64_ret *a)
{
    branch_value(c, read_x(c, a->rn, 1), A64_RETURN);
}

/* With authentication: z without a modifier register. */

static ir_val modifier(struct a64_block *c, unsigned z, unsigned rm)
{
    return z ? read_xsp(c, rm, 1) : ir_konst(c->b, T_I64, 0);
}

void a64_bra(struct a64_block *c, const struct a64_bra *a)
{
    const enum arm_pac_key_id key = a->b ? ARM_KEY_IB : ARM_KEY_IA;
    branch_register(c, a->rn,
                    authenticate(c, key, true, read_x(c, a->rn, 1), modifier(c, a->z, a->rm)));
}

void a64_blra(struct a64_block *c, const struct a64_blra *a)
{
    const enum arm_pac_key_id key = a->b ? ARM_KEY_IB : ARM_KEY_IA;
    call_register(c, a->rn,
                  authenticate(c, key, true, read_x(c, a->rn, 1), modifier(c, a->z, a->rm)));
}

void a64_reta(struct a64_block *c, const struct a64_reta *a)
{
    const enum arm_pac_key_id key = a->b ? ARM_KEY_IB : ARM_KEY_IA;
    branch_value(c, authenticate(c, key, true, read_x(c, 30, 1), read_xsp(c, 31, 1)), A64_RETURN);
}

/* ---- exceptions */

void a64_udf(struct a64_block *c, const struct a64_udf *a)
{
    (void)a;
    undefined(c);
}

void a64_svc(struct a64_block *c, const struct a64_svc *a)
{
    end_with(c, &arm_row_svc, pc_value(c), IR_NONE, a->imm);
}

void a64_hvc(struct a64_block *c, const struct a64_hvc *a)
{
    if (c->el == 0) {
        return undefined(c);
    }
    end_with(c, &arm_row_hvc, pc_value(c), IR_NONE, a->imm);
}

/* There is no EL3. */
void a64_smc(struct a64_block *c, const struct a64_smc *a)
{
    (void)a;
    undefined(c);
}

void a64_brk(struct a64_block *c, const struct a64_brk *a)
{
    end_with(c, &arm_row_brk, pc_value(c), IR_NONE, a->imm);
}

/* Without an external debugger only semihosting gives it a meaning. */
void a64_hlt(struct a64_block *c, const struct a64_hlt *a)
{
    end_with(c, &arm_row_hlt, pc_value(c), IR_NONE, a->imm);
}

/* Debug state is not modelled, outside of which these are undefined. */
void a64_dcps(struct a64_block *c, const struct a64_dcps *a)
{
    (void)a;
    undefined(c);
}

void a64_drps(struct a64_block *c, const struct a64_drps *a)
{
    (void)a;
    undefined(c);
}

void a64_eret(struct a64_block *c, const struct a64_eret *a)
{
    (void)a;
    if (c->el == 0) {
        return undefined(c);
    }
    end_with(c, &arm_row_eret, ir_env_load(c->b, T_I64, offsetof(struct arm_cpu, elr[1])), IR_NONE,
             0);
}

void a64_ereta(struct a64_block *c, const struct a64_ereta *a)
{
    if (c->el == 0) {
        return undefined(c);
    }
    const ir_val elr = ir_env_load(c->b, T_I64, offsetof(struct arm_cpu, elr[1]));
    const enum arm_pac_key_id key = a->b ? ARM_KEY_IB : ARM_KEY_IA;
    end_with(c, &arm_row_eret, authenticate(c, key, true, elr, read_xsp(c, 31, 1)), IR_NONE, 0);
}

/* ---- landing of indirect branches */

enum {
    BTYPE_JUMP_16_17 = 1,
    BTYPE_CALL = 2,
    BTYPE_JUMP = 3
};

static bool is_guarded(struct arm_cpu *cpu, uint64_t pc)
{
    struct translation t;
    uint64_t fault;
    const unsigned idx = cpu->mode >> MODE_IDX_SHIFT & 7;
    return arm_walk(&cpu->vcpu, pc, ACCESS_FETCH, idx, &t, &fault) && (t.attr & ARM_ATTR_GUARDED);
}

/* BR of another register than X16 and X17 is as lenient as these when its own page is not guarded.
 */
void note_branch(struct a64_block *c, ir_val pc, unsigned rn, bool call)
{
    if (!has(c, ARM_HAS_bti)) {
        return;
    }
    unsigned type = BTYPE_JUMP_16_17;
    if (call) {
        type = BTYPE_CALL;
    } else if (rn != 16 && rn != 17 && (c->mode & MODE_BTI) && is_guarded(c->cpu, c->pc)) {
        type = BTYPE_JUMP;
    }
    ir_env_store(c->b, offsetof(struct arm_cpu, branch_pc), ir_trunc(c->b, T_I32, pc));
    ir_env_store(c->b, offsetof(struct arm_cpu, branch_type), ir_konst(c->b, T_I8, type));
}

/* The values of BTYPE (a bit each) for which the instruction is a landing pad. */
static unsigned landing_types(uint32_t insn, bool bt)
{
    const unsigned all = 1 << BTYPE_JUMP_16_17 | 1 << BTYPE_CALL | 1 << BTYPE_JUMP;
    if ((insn & 0xffe0001f) == 0xd4200000 || (insn & 0xffe0001f) == 0xd4400000) {
        return all; /* BRK, HLT */
    }
    switch (insn) {
    case 0xd503233f: /* PACIASP */
    case 0xd503237f: /* PACIBSP */
        return bt ? all & ~(1u << BTYPE_JUMP) : all;
    case 0xd503245f: /* BTI c */
        return all & ~(1u << BTYPE_JUMP);
    case 0xd503249f: /* BTI j */
        return all & ~(1u << BTYPE_CALL);
    case 0xd50324df: /* BTI jc */
        return all;
    default:
        return 0;
    }
}

static uint64_t landing(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t insn)
{
    (void)y, (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    const unsigned type = cpu->branch_type;
    const bool allowed = landing_types(insn, cpu->mode & MODE_BT) >> type & 1;
    if (type && !allowed && is_guarded(cpu, pc)) {
        arm_raise(cpu, SYNDROME(EC_BTI, type));
    } else {
        cpu->branch_type = 0;
        cpu->branch_pc = 1; /* at no instruction */
        arm_retry(cpu);
    }
    return 0;
}
static const struct ir_call row_landing = A64_ROW(landing, IR_CALL_RAISES);

void check_landing(struct a64_block *c)
{
    const unsigned types = landing_types(c->insn, c->mode & MODE_BT);
    const ir_val pc = ir_env_load(c->b, T_I32, offsetof(struct arm_cpu, branch_pc));
    ir_val doubtful = ir_cmp(c->b, IR_EQ, pc, ir_trunc(c->b, T_I32, pc_value(c)));
    if (types == 0xe) {
        return;
    }
    if (types) {
        const unsigned refused = types & 1 << BTYPE_CALL ? BTYPE_JUMP : BTYPE_CALL;
        const ir_val type = ir_env_load(c->b, T_I8, offsetof(struct arm_cpu, branch_type));
        const ir_val bad = ir_cmp(c->b, IR_EQ, type, ir_konst(c->b, T_I8, refused));
        doubtful = ir_and(c->b, doubtful, bad);
    }
    ir_guard(c->b, doubtful, &row_landing, pc_value(c), IR_NONE, c->insn);
}

static uint64_t bti_seen(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    arm_cpu(v)->bti_seen = true;
    arm_mode_changed(arm_cpu(v));
    return pc;
}
const struct ir_call arm_row_bti_seen = A64_ROW(bti_seen, IR_CALL_FULL);
