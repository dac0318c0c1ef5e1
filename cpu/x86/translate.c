/* SPDX-License-Identifier: MIT */
/*
 * From x86 code to blocks of IR. Intel SDM, volumes 2 and 3.
 *
 * A PC is RIP, EIP or IP: code is fetched at the base of CS behind it, which is the upper half of
 * `aux`; in 64-bit code that is 0. Of the lower half, which is another at each instruction, a bit
 * says that no interrupt comes before the instruction is done, and another one whether legacy SSE
 * code has upper halves of YMM registers to keep: until VEX code of 256 bits has run they are 0,
 * and an instruction of 128 bits is what it is on the host.
 */
#include "cpu/x86/translate.h"

#include <stddef.h>
#include <stdio.h>

#include "cpu/x86/debug.h"
#include "cpu/x86/disas.h"

bool x86_feature(const struct x86_block *c, enum x86_feat feat)
{
    return feat == X86_FEAT_base || (c->cpu->features >> feat & 1);
}

/* ---- functions of the run-time */

#define RAISE_ERROR 0x100u

static uint64_t do_raise(struct vcpu *v, uint64_t x, uint64_t error, uint64_t z, uint32_t vector)
{
    (void)x, (void)z;
    if (vector & RAISE_ERROR) {
        x86_raise_error(x86_cpu(v), vector & 0xff, (uint32_t)error);
    } else {
        x86_raise(x86_cpu(v), vector);
    }
    return 0;
}
X86_CALL(raise, IR_CALL_RAISES);

static uint64_t do_check_pc(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    if (pc > x86_cpu(v)->seg[X86_CS].limit) {
        x86_raise_error(x86_cpu(v), X86_GP, 0);
    }
    return 0;
}
X86_CALL(check_pc, IR_CALL_RAISES);

void x86_tail(struct x86_block *c, const struct ir_call *row, ir_val y, ir_val z, uint32_t aux)
{
    ir_tail(c->b, row, ir_address(c->b, c->next), y, z, aux);
}

/* What of RFLAGS a mode depends on. */
#define MODE_FLAGS (X86_TF | X86_IOPL | X86_RF | X86_VM | X86_AC)

static uint64_t do_switch(struct vcpu *v, uint64_t pc, uint64_t bits, uint64_t aux, uint32_t kind)
{
    tcg_switched(v, kind, bits, aux);
    return x86_go(x86_cpu(v), pc);
}
static const struct ir_call row_switch = {
    .name = "x86_switch", .fn = (void (*)(void))do_switch, .class = IR_CALL_FULL, .switches = true};

void x86_switch(struct x86_block *c, enum x86_switch kind, ir_val pc, ir_val aux)
{
    struct ir_builder *b = c->b;
    const ir_val rflags = ir_env_load(b, T_I32, offsetof(struct x86_cpu, rflags));
    const ir_val bits = ir_and(b, rflags, ir_konst(b, T_I32, MODE_FLAGS));
    ir_tail(b, &row_switch, pc, ir_zext(b, T_I64, bits), aux, kind);
}

ir_val x86_user_aux(struct x86_block *c, uint64_t base)
{
    struct ir_builder *b = c->b;
    const ir_val used = ir_env_load(b, T_I8, offsetof(struct x86_cpu, upper_used));
    const ir_val upper = ir_cmp(b, IR_NE, used, ir_konst(b, T_I8, 0));
    return ir_or(b, ir_shl(b, ir_zext(b, T_I64, upper), ir_konst(b, T_I64, 1)),
                 ir_konst(b, T_I64, base << 32));
}
_Static_assert(X86_LOCAL_UPPER == 2, "x86_user_aux shifts by 1");

static uint64_t do_raise_tail(struct vcpu *v, uint64_t x, uint64_t error, uint64_t z, uint32_t aux)
{
    return do_raise(v, x, error, z, aux);
}
X86_CALL(raise_tail, IR_CALL_FULL);

void x86_raise_now(struct x86_block *c, enum x86_vector vector)
{
    x86_tail(c, &row_raise_tail, IR_NONE, IR_NONE, vector);
}

void x86_raise_error_now(struct x86_block *c, enum x86_vector vector, uint32_t error)
{
    x86_tail(c, &row_raise_tail, ir_konst(c->b, T_I64, error), IR_NONE, vector | RAISE_ERROR);
}

void x86_raise_if(struct x86_block *c, ir_val condition, enum x86_vector vector)
{
    const bool error = vector == X86_GP || vector == X86_STACK;
    ir_guard(c->b, condition, &row_raise, IR_NONE, IR_NONE, vector | (error ? RAISE_ERROR : 0));
}

void x86_undefined(struct x86_block *c)
{
    x86_raise_now(c, X86_UD);
}

bool x86_privileged(struct x86_block *c)
{
    if (c->cpl == 0) {
        return false;
    }
    x86_raise_error_now(c, X86_GP, 0);
    return true;
}

bool x86_task_switched(struct x86_block *c)
{
    if (!(c->key & X86_KEY_TS)) {
        return false;
    }
    x86_raise_now(c, X86_NM);
    return true;
}

/* ---- branches */

uint64_t x86_pc(const struct x86_block *c, uint64_t pc, unsigned bytes)
{
    (void)c;
    return pc & mask64(8 * bytes);
}

/* The block may have another instruction at pc, behind this one. */
static bool has_room(const struct x86_block *c, uint64_t pc)
{
    const struct ir_builder *b = c->b;
    return pc > c->pc && pc - b->pc < b->code_bytes && !ir_full(b) &&
           b->guest_insns < b->max_guest_insns && !c->shadow;
}

/* A jump of so many bytes is followed: a write to what is jumped over drops the block, too. */
#define FOLLOW_AT_MOST 1024

bool x86_may_follow(const struct x86_block *c, uint64_t pc)
{
    return c->b->follows && has_room(c, pc) && pc - c->pc <= FOLLOW_AT_MOST;
}

/* PCs must lie within the segment. */
static bool has_limit(const struct x86_block *c)
{
    return c->mode != 8 && (c->key >> (X86_KEY_LIMIT_SHIFT + X86_CS) & 1);
}

/* If the condition holds (IR_NONE: always) the PC must lie within the segment. */
static void check_pc(struct x86_block *c, ir_val condition, ir_val pc)
{
    struct ir_builder *b = c->b;
    const uint32_t at = offsetof(struct x86_cpu, seg) +
                        X86_CS * (uint32_t)sizeof(struct x86_segment) +
                        (uint32_t)offsetof(struct x86_segment, limit);
    if (has_limit(c)) {
        const ir_val limit = ir_zext(b, T_I64, ir_env_load(b, T_I32, at));
        ir_val beyond = ir_cmp(b, IR_UGT, pc, limit);
        if (condition != IR_NONE) {
            beyond = ir_and(b, beyond, condition);
        }
        ir_guard(b, beyond, &row_check_pc, pc, IR_NONE, 0);
    }
}

void x86_check_goal(struct x86_block *c, ir_val pc)
{
    check_pc(c, IR_NONE, pc);
}

void x86_check_branch(struct x86_block *c, ir_val condition, uint64_t pc)
{
    if (has_limit(c)) {
        check_pc(c, condition, ir_konst(c->b, T_I64, pc));
    }
}

void x86_branch_to(struct x86_block *c, uint64_t pc)
{
    x86_check_branch(c, IR_NONE, pc);
    if (x86_may_follow(c, pc)) {
        c->jump = pc;
    } else {
        ir_br(c->b, pc);
    }
}

void x86_branch_checked(struct x86_block *c, ir_val condition, uint64_t pc)
{
    struct ir_builder *b = c->b;
    ir_brcond(b, condition, pc);
    if (!b->ended) {
        if (pc > c->pc && b->branches_left) { /* one back is a loop's, which is left seldom */
            b->branches_left--;
        } else {
            x86_end_block(c);
        }
    }
}

void x86_branch_if(struct x86_block *c, ir_val condition, uint64_t pc)
{
    x86_check_branch(c, condition, pc);
    x86_branch_checked(c, condition, pc);
}

void x86_end_block(struct x86_block *c)
{
    if (!c->b->ended) {
        ir_br(c->b, c->next);
    }
}

/* ---- the loop */

/* The instruction at c->pc has no more bytes than are there; else the next block has it. */
static bool is_whole(const struct x86_block *c, const uint8_t *p, uint32_t n)
{
    struct x86_instr i;
    return n >= X86_MAX_BYTES || x86_decode(c->mode, p, n, &i) != X86_SHORT;
}

static bool translate_insn(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const uint32_t at = (uint32_t)(c->pc - b->pc), n = b->code_bytes - at;
    struct x86_instr i;
    if (at >= b->code_bytes || (b->guest_insns && !is_whole(c, b->code + at, n))) {
        return false;
    }
    /* The length is needed before the meaning: what follows the instruction is part of it. */
    const enum x86_status status = x86_select(c, c->mode, b->code + at, n, &i);
    if (status != X86_OK) {
        x86_decode(c->mode, b->code + at, n, &i);
    }
    ir_insn_start(b, c->pc);
    b->local = c->upper && c->cpl == 3 ? X86_LOCAL_UPPER : 0;
    c->vex = i.vex;
    if (c->shadow) {
        x86_leave_shadow(c);
    }
    if (!(c->shadow & X86_LOCAL_SS)) {
        x86_break_check(c);
    }
    c->instr = &i;
    c->next = c->pc + i.bytes;
    if (c->mode != 8) {
        c->next &= 0xffffffff;
    }
    b->guest_bytes = at + (i.bytes ? i.bytes : 1);
    x86_check_branch(c, IR_NONE, c->next - 1); /* its last byte */
    if (i.vex && !(c->key & X86_KEY_PROTECTED)) {
        x86_undefined(c);
        return true;
    }
    if (status == X86_OK) {
        x86_perform(c, &i);
    } else if (status == X86_UNDEFINED || status == X86_SHORT) {
        x86_undefined(c);
    } else if (status == X86_LONG) {
        x86_raise_error_now(c, X86_GP, 0);
    }
    return true;
}

void x86_translate_block(struct vcpu *v, struct ir_builder *b)
{
    const uint64_t key = b->mode_key;
    struct x86_block c = {.b = b,
                          .cpu = x86_cpu(v),
                          .key = key,
                          .mode = 2u << (key & 3),
                          .cpl = key >> X86_KEY_CPL_SHIFT & 3,
                          .pc = b->pc};
    c.stack = c.mode == 8 ? 8 : key & X86_KEY_BIG_STACK ? 4 : 2;
    c.shadow = b->local & (X86_LOCAL_SHADOW | X86_LOCAL_SS);
    b->polls = c.shadow; /* else what follows may be a CLI, by a link */
    c.waits = b->local & X86_LOCAL_WAITS;
    /* Elsewhere PCs have fewer bits, and would wrap at another place. */
    b->movable = b->movable && c.mode == 8 && !b->aux;
    c.marked = c.cpl == 3 && (b->local & X86_LOCAL_UPPER);
    c.upper = x86_feature(&c, X86_FEAT_avx) && (c.cpl != 3 || c.marked);
    b->after = (uint32_t)(b->aux >> 32);
    b->narrow = !x86_has(c.cpu, X86_HAS_lm);
    while (translate_insn(&c)) {
        const bool over = c.next < c.pc || c.shadow || ir_full(b) ||
                          b->guest_insns >= b->max_guest_insns;
        c.pc = c.jump ? c.jump : c.next;
        c.jump = 0;
        if (!b->ended && over) {
            ir_br(b, c.pc);
        }
        if (b->ended) {
            return;
        }
    }
    ir_br(b, c.pc);
}

bool x86_crosses(struct vcpu *v, const uint8_t *bytes, uint32_t n)
{
    struct x86_instr i;
    return x86_decode(x86_code_bytes(x86_cpu(v)), bytes, n, &i) == X86_SHORT;
}

unsigned x86_disas(uint64_t mode_key, const uint8_t *bytes, size_t n, uint64_t pc, char *text,
                   size_t size)
{
    struct x86_out out;
    struct x86_instr i;
    const enum x86_status status = x86_decode(2u << (mode_key & 3), bytes, n, &i);
    x86_out_init(&out, text, size, pc);
    if (status == X86_SHORT) {
        return 0;
    }
    if (status != X86_OK) {
        snprintf(text, size, "(bad)");
        return 1;
    }
    x86_row_print(&out, &i);
    return i.bytes;
}
