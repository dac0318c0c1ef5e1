/* SPDX-License-Identifier: MIT */
/*
 * Translation of a block of A64: the loop over its instructions, and what semantic functions share
 * (cpu/arm/a64.h).
 *
 * A block ends at a branch, at an exception, where its function must see the whole state, at the
 * end of its page, and when the builder is full. Rare states have modes of their own, so that
 * ordinary code need not look for them:
 *
 *  - Software step (MODE_STEP): a block of one instruction that ends in arm_row_step_done, then
 * MODE_STEP_DUE.
 *  - Breakpoints (MODE_DEBUG): a call that compares the PC stands before each instruction.
 *  - A misaligned SP (MODE_SP_CHECK): SP is tested when it is a base. Code of the ordinary mode
 * tests what it writes to SP instead, unless that is plainly aligned; if it is not, the instruction
 * is executed again in the other mode. The test may wait until something could notice: kernels that
 * look whether their stack is full make SP anything for four instructions.
 *  - Guarded pages (MODE_BTI): the first instruction of a block asks whether an indirect branch led
 * to it, and if that was allowed. Until a guarded page has been fetched from, indirect branches
 * only note where they went.
 *  - A PC with ignored top bits: branches do not remove the top byte of a tagged address, since no
 * code is ever found at such a PC; it leads to a block that branches to where it should be.
 */
#include "cpu/arm/a64_translate.h"

#include "cpu/arm/a64.h"
#include "cpu/arm/a64_lookahead.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/landing.h"
#include "cpu/arm/nzcv.h"

/* ---- features that the decoder asks for */

bool a64_feature(const struct a64_block *c, enum a64_feat feat)
{
    static const uint8_t map[A64_FEAT_COUNT] = {
#define MAP(name) [A64_FEAT_##name] = ARM_HAS_##name
        MAP(lse),     MAP(lor),     MAP(rcpc),  MAP(rcpc2),
        MAP(crc32),   MAP(aes),     MAP(pmull), MAP(sha1),
        MAP(sha256),  MAP(sha512),  MAP(sha3),  MAP(sm3),
        MAP(sm4),     MAP(rdm),     MAP(fp16),  MAP(bf16),
        MAP(dotprod), MAP(i8mm),    MAP(fhm),   MAP(fcma),
        MAP(jscvt),   MAP(frintts), MAP(flagm), MAP(flagm2),
        MAP(pauth),   MAP(bti),     MAP(sb),    [A64_FEAT_ssbs] = ARM_HAS_ssbs2,
        MAP(dit),     MAP(pan),     MAP(uao),   MAP(wfxt),
        MAP(mops),    MAP(cssc),    MAP(hbc),
#undef MAP
    };
    return feat == A64_FEAT_base || has(c, map[feat]);
}

/* ---- registers and flags */

static bool is_aligned_sp(const struct a64_block *c, ir_val v, unsigned depth)
{
    const struct ir_insn *in = &c->b->insns[v];
    if (v == c->aligned_sp) {
        return true;
    }
    switch (in->op) {
    case IR_konst:
        return in->imm % 16 == 0;
    case IR_get:
        return in->aux == ARM_REG_SP;
    case IR_add:
    case IR_sub:
        return depth < 4 && is_aligned_sp(c, in->a, depth + 1) &&
               is_aligned_sp(c, in->b, depth + 1);
    case IR_and:
        return depth < 4 &&
               (is_aligned_sp(c, in->a, depth + 1) || is_aligned_sp(c, in->b, depth + 1));
    default:
        return false;
    }
}

/* SP may be checked later than where it is written: nobody looks at the block in between. */
static bool may_check_later(const struct a64_block *c)
{
    return c->b->look_ahead && !(c->mode & (MODE_DEBUG | MODE_STEP));
}

static ir_val is_misaligned(struct a64_block *c, ir_val sp)
{
    return ir_tst(c->b, IR_NE, sp, ir_konst(c->b, T_I64, 15));
}

/* false: it need not be checked that v, which SP becomes, is aligned. */
static bool needs_check(struct a64_block *c, unsigned r, ir_val v)
{
    if (r != 31) {
        return false;
    }
    c->open_sp = IR_NONE;
    if (c->mode & MODE_SP_CHECK) {
        c->sp_written = true;
        return false;
    }
    if (!(c->mode & MODE_SA) || is_aligned_sp(c, v, 0)) {
        c->aligned_sp = v;
        return false;
    }
    return true;
}

void guard_sp(struct a64_block *c, unsigned r, ir_val v)
{
    if (needs_check(c, r, v)) {
        ir_guard(c->b, is_misaligned(c, v), &arm_row_sp_misaligns, IR_NONE, IR_NONE, 0);
        c->aligned_sp = v;
    }
}

void write_xsp(struct a64_block *c, unsigned r, ir_val v)
{
    v = ir_zext(c->b, T_I64, v);
    if (!may_check_later(c)) {
        guard_sp(c, r, v);
    } else if (needs_check(c, r, v)) {
        c->open_sp = v;
    }
    ir_put(c->b, ARM_REG_X0 + r, v);
}

/* What was written to SP is checked now, if it has not been: before an instruction that may look,
 * which is executed anew where SP is misaligned. */
static void check_open_sp(struct a64_block *c)
{
    if (c->open_sp) {
        guard_sp(c, 31, c->open_sp);
    }
}

ir_val flags_const(struct a64_block *c, unsigned nzcv)
{
    const uint64_t flags = nzcv_to_flags(nzcv << PSTATE_V_BIT);
    return ir_flags_from(c->b, ir_konst(c->b, T_I32, flags));
}

static ir_val cond_of(struct a64_block *c, unsigned cond, ir_val nzcv)
{
    static const uint8_t conds[] = {IR_EQ, IR_NE,  IR_UGE, IR_ULT, IR_MI,  IR_PL,  IR_VS,
                                    IR_VC, IR_UGT, IR_ULE, IR_SGE, IR_SLT, IR_SGT, IR_SLE};
    if (cond >= 14) {
        return ir_konst(c->b, T_I32, 1);
    }
    return ir_flags_test(c->b, conds[cond], nzcv);
}

ir_val cond_holds(struct a64_block *c, unsigned cond)
{
    return cond_of(c, cond, get_nzcv(c));
}

ir_val extend_x(struct a64_block *c, unsigned rm, unsigned option, unsigned shift)
{
    static const ir_type types[] = {T_I8, T_I16, T_I32, T_I64};
    const ir_val x = ir_trunc(c->b, types[option & 3], read_x(c, rm, 1));
    const ir_val v = option & 4 ? ir_sext(c->b, T_I64, x) : ir_zext(c->b, T_I64, x);
    return shift ? ir_shl(c->b, v, ir_konst(c->b, T_I64, shift)) : v;
}

ir_val read_base(struct a64_block *c, unsigned rn)
{
    const ir_val v = read_xsp(c, rn, 1);
    if (rn == 31 && (c->mode & MODE_SP_CHECK)) {
        raise_if(c, ir_tst(c->b, IR_NE, v, ir_konst(c->b, T_I64, 15)), SYNDROME(EC_SP_ALIGN, 0));
    }
    return v;
}

/* ---- exceptions and the end of a block */

void end_with(struct a64_block *c, const struct ir_call *row, ir_val x, ir_val y, uint32_t aux)
{
    ir_tail(c->b, row, x, y, IR_NONE, aux);
}

void raise_syndrome(struct a64_block *c, uint32_t syndrome)
{
    end_with(c, &arm_row_exception, pc_value(c), IR_NONE, syndrome);
}

void raise_if(struct a64_block *c, ir_val condition, uint32_t syndrome)
{
    ir_guard(c->b, condition, &arm_row_raise, IR_NONE, IR_NONE, syndrome);
}

void undefined(struct a64_block *c)
{
    raise_syndrome(c, SYNDROME_UNDEFINED);
}

bool fp_access(struct a64_block *c)
{
    if (c->mode & MODE_FP_TRAP) {
        raise_syndrome(c, SYNDROME(EC_FP_ACCESS, 1 << 24 | 14 << 20));
        return false;
    }
    return true;
}

static bool is_stepping(const struct a64_block *c)
{
    return c->mode & MODE_STEP;
}

/* The block may have another instruction at pc, behind this one within the page. */
static bool has_room(const struct a64_block *c, uint64_t pc)
{
    const struct ir_builder *b = c->b;
    return pc > c->pc && pc - b->pc + 4 <= b->code_bytes && !ir_full(b) &&
           b->guest_insns < b->max_guest_insns && !c->sp_written;
}

/* A jump of so many bytes is followed: a write to what is jumped over drops the block, too. One to
 * the next instruction, which no compiler writes, parts blocks (tests/code). */
#define FOLLOW_AT_MOST 1024

void branch_to(struct a64_block *c, uint64_t pc)
{
    if (is_stepping(c)) {
        end_with(c, &arm_row_step_done, ir_address(c->b, pc), IR_NONE, 0);
    } else {
        ir_br(c->b, pc);
    }
}

void branch_along(struct a64_block *c, uint64_t pc)
{
    if (c->b->follows && !is_stepping(c) && has_room(c, pc) && pc != next_pc(c) &&
        pc - c->pc <= FOLLOW_AT_MOST) {
        c->jump = pc;
    } else {
        branch_to(c, pc);
    }
}

void branch_if(struct a64_block *c, ir_val condition, uint64_t pc)
{
    if (is_stepping(c)) {
        const ir_val taken = ir_address(c->b, pc), not_taken = ir_address(c->b, next_pc(c));
        end_with(c, &arm_row_step_done, ir_select(c->b, condition, taken, not_taken), IR_NONE, 0);
        return;
    }
    /* A branch back is a loop's, which is left seldom: what follows is another block. */
    const bool goes_on = pc > c->pc && c->b->branches_left && has_room(c, next_pc(c));
    if (c->open_sp && goes_on) {
        const ir_val bad = ir_and(c->b, condition, is_misaligned(c, c->open_sp));
        ir_guard(c->b, bad, &arm_row_sp_misaligns, IR_NONE, IR_NONE, 0);
    } else {
        check_open_sp(c);
    }
    ir_brcond(c->b, condition, pc);
    if (c->b->ended) {
        return; /* always taken */
    }
    if (goes_on) {
        c->b->branches_left--;
    } else {
        ir_br(c->b, next_pc(c));
    }
}

/* Leaves the block for pc unless the boolean v holds; a conjunction is a branch for each part. */
static void leave_unless(struct a64_block *c, ir_val v, uint64_t pc)
{
    struct ir_builder *b = c->b;
    const struct ir_insn in = b->insns[v];
    if (in.op == IR_and && ir_is_boolean(b, in.a) && ir_is_boolean(b, in.b)) {
        leave_unless(c, in.a, pc);
        leave_unless(c, in.b, pc);
    } else {
        ir_brcond(b, ir_xor(b, v, ir_konst(b, T_I32, 1)), pc);
    }
}

/*
 * B.cond behind CCMP, whose flags are a selection: c ? those of its comparison : a constant. Two
 * branches in place of it: where c does not hold the constant says where to go on, else the
 * comparison does, and behind them the flags are the comparison's. false: not such a case.
 */
static bool branch_selected(struct a64_block *c, unsigned cond, uint64_t pc)
{
    struct ir_builder *b = c->b;
    const struct ir_insn select = b->insns[get_nzcv(c)];
    const ir_val compared = select.b, otherwise = select.c;
    uint64_t k, goes;
    if (select.op != IR_flags_select || b->branches_left < 2 || pc <= c->pc ||
        !has_room(c, next_pc(c)) || b->insns[otherwise].op != IR_flags_from ||
        !ir_const_value(b, b->insns[otherwise].a, &k)) {
        return false;
    }
    if (!ir_const_value(b, cond_of(c, cond, otherwise), &goes)) {
        return false;
    }
    put_nzcv(c, otherwise);
    leave_unless(c, select.a, goes ? pc : next_pc(c));
    put_nzcv(c, compared);
    b->branches_left--;
    branch_if(c, cond_holds(c, cond), pc);
    return true;
}

void branch_flags(struct a64_block *c, unsigned cond, uint64_t pc)
{
    if (is_stepping(c) || !branch_selected(c, cond, pc)) {
        branch_if(c, cond_holds(c, cond), pc);
    }
}

void branch_call(struct a64_block *c, uint64_t pc)
{
    if (is_stepping(c)) {
        branch_to(c, pc);
    } else {
        ir_brcall(c->b, pc, next_pc(c));
    }
}

void branch_value(struct a64_block *c, ir_val pc, enum a64_branch_kind kind)
{
    if (is_stepping(c)) {
        end_with(c, &arm_row_step_done, pc, IR_NONE, 0);
    } else if (kind == A64_CALL) {
        ir_jumpcall(c->b, pc, next_pc(c));
    } else if (kind == A64_RETURN) {
        ir_ret(c->b, pc);
    } else {
        ir_jump(c->b, pc);
    }
}

/* ---- the loop */

/* What comes instead of instructions, if anything. */
static bool exceptional_block(struct a64_block *c)
{
    struct ir_builder *b = c->b;
    const uint64_t canonical = arm_branch_addr(c->mode, b->pc);
    if (c->mode & MODE_STEP_DUE) {
        end_with(c, &arm_row_step_due, pc_value(c), IR_NONE, 0);
    } else if (b->pc & 3) {
        raise_syndrome(c, SYNDROME(EC_PC_ALIGN, 0));
    } else if (c->mode & MODE_IL) {
        raise_syndrome(c, SYNDROME(EC_ILLEGAL_STATE, 0));
    } else if (canonical != b->pc) {
        b->movable = false;
        ir_br(b, canonical);
        b->guest_insns = 0; /* no instruction is executed here */
    } else if (c->cpu->bti_page_fetched && !(c->mode & MODE_BTI)) {
        end_with(c, &arm_row_bti_seen, pc_value(c), IR_NONE, 0);
        b->guest_insns = 0;
    }
    return b->ended;
}

static void before_instruction(struct a64_block *c)
{
    struct ir_builder *b = c->b;
    if (c->open_sp && !a64_computes_or_tests(c->insn)) {
        check_open_sp(c);
    }
    if (c->unmasked) {
        const ir_val lines = ir_env_load(b, T_I32, offsetof(struct vcpu, interrupt_lines));
        const ir_val pending = ir_shl(b, lines, ir_konst(b, T_I32, PSTATE_F_SHIFT));
        const ir_val some = ir_tst(b, IR_NE, pending, c->unmasked);
        ir_guard(b, some, &arm_row_interrupt, IR_NONE, IR_NONE, 0);
        c->unmasked = IR_NONE;
    }
    if (c->mode & MODE_DEBUG) {
        ir_call(b, T_VOID, &arm_row_breakpoint, pc_value(c), IR_NONE, IR_NONE, 0);
    }
    if ((c->mode & MODE_BTI) && c->pc == b->pc) {
        check_landing(c);
    }
}

static void after_instruction(struct a64_block *c)
{
    if (c->b->ended) {
        return;
    }
    if (c->sp_written) {
        end_with(c, &arm_row_sp_written, ir_address(c->b, next_pc(c)), IR_NONE, 0);
    } else if (is_stepping(c)) {
        branch_to(c, next_pc(c));
    }
}

/* The block goes on at c->pc in another one. */
static void end_of_page(struct a64_block *c)
{
    if (c->unmasked) {
        end_with(c, &arm_row_unmasked, pc_value(c), IR_NONE, 0);
    } else if (c->open_sp) {
        end_with(c, &arm_row_sp_open, pc_value(c), IR_NONE, 0);
    } else {
        branch_to(c, c->pc);
    }
}

void a64_translate_block(struct vcpu *v, struct ir_builder *b)
{
    const uint64_t mode = b->mode_key;
    const memop how = (mode & MODE_ALIGN ? MO_ALIGN : 0) | (mode & MODE_BIG_ENDIAN ? MO_SWAP : 0);
    struct a64_block c = {
        .b = b,
        .cpu = arm_cpu(v),
        .mode = mode,
        .pc = b->pc,
        .el = mode >> MODE_EL_SHIFT & 3,
        .fp = mode >> MODE_FP_SHIFT & 0xff,
        .idx = MO_IDX(mode >> MODE_IDX_SHIFT & 7) | how,
        .uidx = MO_IDX(mode >> MODE_UIDX_SHIFT & 7) | how,
    };
    ir_insn_start(b, c.pc);
    if (exceptional_block(&c)) {
        b->guest_bytes = b->code_bytes < 4 ? b->code_bytes : 4;
        return;
    }
    for (;;) {
        c.insn = load_le32(b->code + (c.pc - b->pc));
        before_instruction(&c);
        if (!a64_translate_insn(&c, c.insn)) {
            undefined(&c);
        }
        after_instruction(&c);
        c.pc += 4;
        b->guest_bytes = (uint32_t)(c.pc - b->pc);
        if (b->ended) {
            break;
        }
        if (c.jump) {
            c.pc = c.jump;
            c.jump = 0;
            ir_insn_start(b, c.pc);
            continue;
        }
        if (b->guest_bytes + 4 > b->code_bytes || ir_full(b) ||
            b->guest_insns >= b->max_guest_insns) {
            end_of_page(&c);
            break;
        }
        ir_insn_start(b, c.pc);
    }
    if (b->look_ahead) {
        a64_look_ahead(&c);
    }
}
