/* SPDX-License-Identifier: MIT */
/*
 * A64: memory copy and memory set (FEAT_MOPS; DDI 0487, C4.1.94 "Memory Copy and Memory Set").
 *
 * Option A of the architecture: PSTATE.C is 0 after the prologue. Going forward, the address
 * registers hold the end of the buffers and the size register is the negated number of bytes that
 * are left; going backward, they hold the start, and the size is what is left. The prologue does
 * the first page's worth, the main instruction a page at a time, with registers up to date each
 * time, and is executed again until nothing is left; so the epilogue finds no work.
 */
#include <string.h>

#include "cpu/arm/a64.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/nzcv.h"

#define PAGE 4096u
#define COPY_MAX UINT64_C(0x007fffffffffffff)
#define SET_MAX UINT64_C(0x7fffffffffffffff)

/* Fields of the instruction. */
static unsigned rd_of(uint32_t insn)
{
    return insn & 31;
}

static unsigned rn_of(uint32_t insn)
{
    return insn >> 5 & 31;
}

static unsigned rs_of(uint32_t insn)
{
    return insn >> 16 & 31;
}

enum {
    OPT_WRITE_UNPRIVILEGED = 1, /* of copies, in bits 12 to 15; sets have it in bit 12 */
    OPT_READ_UNPRIVILEGED = 2,
};

static unsigned index_for(const struct arm_cpu *cpu, uint32_t insn, unsigned option)
{
    const unsigned shift = insn >> 12 & option ? MODE_UIDX_SHIFT : MODE_IDX_SHIFT;
    return cpu->mode >> shift & 7;
}

static uint64_t least(uint64_t x, uint64_t y)
{
    return x < y ? x : y;
}

/* Bytes from va to the end of its page, and from the start of its page to va, at least one. */
static uint64_t room_after(uint64_t va)
{
    return PAGE - va % PAGE;
}

static uint64_t room_before(uint64_t va)
{
    return (va - 1) % PAGE + 1;
}

/* Few bytes one by one, where there is no plain memory. How many were done; 0 with the exception
 * recorded. */
static uint64_t copy_slowly(struct arm_cpu *cpu, uint32_t insn, uint64_t to, uint64_t from,
                            uint64_t n, bool forward)
{
    const memop in = MO_8 | MO_IDX(index_for(cpu, insn, OPT_READ_UNPRIVILEGED));
    const memop out = MO_8 | MO_IDX(index_for(cpu, insn, OPT_WRITE_UNPRIVILEGED));
    const uint64_t count = least(n, 64);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t at = forward ? i : n - 1 - i;
        uint64_t byte;
        if (!vcpu_load(&cpu->vcpu, from + at, in, &byte) ||
            !vcpu_store(&cpu->vcpu, to + at, out, byte)) {
            if (i > 0) {
                cpu->vcpu.hot.raised = 0; /* what was done counts; the fault comes again */
            }
            return i;
        }
    }
    return count;
}

/* Copies some of the n bytes that lie within one page each, from the end that comes first. */
static uint64_t copy_piece(struct arm_cpu *cpu, uint32_t insn, uint64_t to, uint64_t from,
                           uint64_t n, bool forward)
{
    const unsigned in = index_for(cpu, insn, OPT_READ_UNPRIVILEGED);
    const unsigned out = index_for(cpu, insn, OPT_WRITE_UNPRIVILEGED);
    const void *source = vcpu_host(&cpu->vcpu, from, ACCESS_READ, in, NULL);
    void *sink = source ? vcpu_host(&cpu->vcpu, to, ACCESS_WRITE, out, NULL) : NULL;
    if (!sink) {
        return copy_slowly(cpu, insn, to, from, n, forward);
    }
    memmove(sink, source, n);
    return n;
}

/* Up to a page of a copy by its registers, which are brought up to date. false: nothing was done,
 * an exception is due. */
static bool copy_page(struct arm_cpu *cpu, uint32_t insn)
{
    uint64_t *size = &cpu->x[rn_of(insn)];
    const uint64_t to = cpu->x[rd_of(insn)], from = cpu->x[rs_of(insn)];
    if ((int64_t)*size < 0) {
        const uint64_t left = 0 - *size, at = *size; /* addresses are those of the end */
        const uint64_t n = least(left, least(room_after(to + at), room_after(from + at)));
        const uint64_t done = copy_piece(cpu, insn, to + at, from + at, n, true);
        *size += done;
        return done > 0;
    }
    const uint64_t n = least(*size, least(room_before(to + *size), room_before(from + *size)));
    const uint64_t done = copy_piece(cpu, insn, to + *size - n, from + *size - n, n, false);
    *size -= done;
    return done > 0;
}

static uint64_t set_slowly(struct arm_cpu *cpu, uint64_t to, uint64_t n, memop out, uint8_t byte)
{
    const uint64_t count = least(n, 64);
    for (uint64_t i = 0; i < count; i++) {
        if (!vcpu_store(&cpu->vcpu, to + i, out, byte)) {
            if (i > 0) {
                cpu->vcpu.hot.raised = 0;
            }
            return i;
        }
    }
    return count;
}

static bool set_page(struct arm_cpu *cpu, uint32_t insn)
{
    uint64_t *size = &cpu->x[rn_of(insn)];
    const uint64_t to = cpu->x[rd_of(insn)] + *size, n = least(0 - *size, room_after(to));
    const uint8_t byte = rs_of(insn) == 31 ? 0 : (uint8_t)cpu->x[rs_of(insn)];
    const unsigned idx = index_for(cpu, insn, OPT_WRITE_UNPRIVILEGED);
    void *sink = vcpu_host(&cpu->vcpu, to, ACCESS_WRITE, idx, NULL);
    uint64_t done = n;
    if (sink) {
        memset(sink, byte, n);
    } else {
        done = set_slowly(cpu, to, n, MO_8 | MO_IDX(idx), byte);
    }
    *size += done;
    return done > 0;
}

/* ---- stages: x is the PC, aux the instruction */

static bool is_set(uint32_t insn)
{
    return (insn >> 22 & 3) == 3; /* where copies have their stage */
}

static bool do_page(struct arm_cpu *cpu, uint32_t insn)
{
    return is_set(insn) ? set_page(cpu, insn) : copy_page(cpu, insn);
}

/* The first stage has set the registers up; what it cannot do the next stage will, or will fault
 * at. */
static uint64_t begin(struct arm_cpu *cpu, uint64_t pc, uint32_t insn)
{
    arm_set_nzcv(cpu, 0);
    if (cpu->x[rn_of(insn)] != 0 && !do_page(cpu, insn)) {
        cpu->vcpu.hot.raised = 0;
    }
    return arm_next(cpu, pc + 4);
}

static void set_forward(struct arm_cpu *cpu, uint32_t insn, uint64_t n)
{
    cpu->x[rd_of(insn)] += n;
    cpu->x[rn_of(insn)] = 0 - n;
}

static uint64_t copy_prologue(struct vcpu *v, uint64_t pc, uint64_t forward_only, uint64_t z,
                              uint32_t insn)
{
    (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    const uint64_t n = least(cpu->x[rn_of(insn)], COPY_MAX);
    const uint64_t to = cpu->x[rd_of(insn)] & mask64(56), from = cpu->x[rs_of(insn)] & mask64(56);
    if (!forward_only && from < to && from + n > to) {
        cpu->x[rn_of(insn)] = n;
    } else {
        set_forward(cpu, insn, n);
        cpu->x[rs_of(insn)] += n;
    }
    return begin(cpu, pc, insn);
}
static const struct ir_call row_copy_prologue = A64_ROW(copy_prologue, IR_CALL_FULL);

static uint64_t set_prologue(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t insn)
{
    (void)y, (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    set_forward(cpu, insn, least(cpu->x[rn_of(insn)], SET_MAX));
    return begin(cpu, pc, insn);
}
static const struct ir_call row_set_prologue = A64_ROW(set_prologue, IR_CALL_FULL);

/* The state is not that of an interrupted operation of option A. */
static uint64_t inconsistent(struct arm_cpu *cpu, uint64_t pc, uint32_t insn, bool epilogue,
                             bool wrong_option)
{
    const bool set = is_set(insn);
    const uint32_t options = set ? insn >> 12 & 3 : insn >> 12 & 15;
    const uint32_t iss = (uint32_t)set << 24 | options << 19 | (uint32_t)epilogue << 18 |
                         (uint32_t)wrong_option << 17 | 1u << 16 | rd_of(insn) << 10 |
                         rs_of(insn) << 5 | rn_of(insn);
    return arm_take_sync(cpu, pc, SYNDROME(EC_MOPS, iss));
}

static uint64_t rest(struct vcpu *v, uint64_t pc, uint64_t epilogue, uint64_t z, uint32_t insn)
{
    (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    const uint64_t *size = &cpu->x[rn_of(insn)];
    if (bit(arm_nzcv(cpu), PSTATE_C_BIT)) {
        return inconsistent(cpu, pc, insn, epilogue, true);
    }
    if (is_set(insn) && (int64_t)*size > 0) {
        return inconsistent(cpu, pc, insn, epilogue, false);
    }
    if (*size != 0 && !do_page(cpu, insn)) {
        return pc;
    }
    return *size == 0 ? arm_next(cpu, pc + 4) : pc;
}
static const struct ir_call row_rest = A64_ROW(rest, IR_CALL_FULL);

/* ---- instructions */

static bool is_enabled(struct a64_block *c)
{
    if (c->el == 0 && (c->mode >> MODE_TRAPS_SHIFT & ARM_TRAP_MOPS)) {
        undefined(c);
        return false;
    }
    return true;
}

static void emit_prologue(struct a64_block *c, const struct ir_call *row, bool forward_only)
{
    if (is_enabled(c)) {
        end_with(c, row, pc_value(c), const_of(c, forward_only, 1), c->insn);
    }
}

/* Mostly the prologue has left nothing to do; then the registers need not be looked at, as the
 * manual allows. */
static void emit_rest(struct a64_block *c, bool epilogue)
{
    if (!is_enabled(c)) {
        return;
    }
    const ir_val left = read_x(c, rn_of(c->insn), 1);
    const ir_val done = ir_cmp(c->b, IR_EQ, left, const_of(c, 0, 1));
    const ir_val pc = pc_value(c), last = const_of(c, epilogue, 1);
    if (!(c->mode & MODE_STEP)) {
        ir_brcond(c->b, done, next_pc(c)); /* stands directly before the end */
    }
    end_with(c, &row_rest, pc, last, c->insn);
}

void a64_cpyfp(struct a64_block *c, const struct a64_cpyfp *a)
{
    (void)a;
    emit_prologue(c, &row_copy_prologue, true);
}

void a64_cpyp(struct a64_block *c, const struct a64_cpyp *a)
{
    (void)a;
    emit_prologue(c, &row_copy_prologue, false);
}

void a64_setp(struct a64_block *c, const struct a64_setp *a)
{
    (void)a;
    emit_prologue(c, &row_set_prologue, true);
}

#define REST(name, epilogue)                                                                       \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        (void)a;                                                                                   \
        emit_rest(c, epilogue);                                                                    \
    }
REST(cpyfm, false)
REST(cpyfe, true)
REST(cpym, false)
REST(cpye, true)
REST(setm, false)
REST(sete, true)
