/* SPDX-License-Identifier: MIT */
/*
 * Atomic accesses and exclusives: the host's locked instructions behind the inline check; what is
 * misaligned, not in the TLB or has no host instruction (16 bytes but for compare-and-swap) is done
 * by the run-time (accel/atomic.c, which says how exclusives work). x86 orders locked instructions
 * fully, which covers every ordering that a guest may ask for.
 *
 * While one host thread runs all vCPUs, nobody can come between the instructions of one op: the
 * same goes without locks, but for releases, which order what devices see.
 */
#include "tcg/host/x86_64/compile.h"

#include "tcg/opinfo.h"

static bool is_locked(const struct compiler *c, const struct ir_insn *in)
{
    return c->b->parallel || (memop_of(in) & MO_RELEASE);
}

/* `op [place], reg` of 1 << log2 bytes. */
static void sized(struct compiler *c, unsigned log2, opcode op, unsigned reg, struct operand place)
{
    op = (op & ~(opcode)0xff) | (log2 == MO_8 ? (op - 1) & 0xff : op & 0xff);
    op |= (log2 == MO_16 ? OPC(PP_66, 0, 0) : 0) | W(log2 == MO_64);
    emit_rm(&c->as, op | (log2 == MO_8 ? OP_BYTE_REG : 0), reg, place);
}

/* The same with a lock if lock. */
static void modify_at(struct compiler *c, bool lock, unsigned log2, opcode op, unsigned reg,
                      struct operand place)
{
    sized(c, log2, op, reg, place);
    if (lock) {
        x_byte(&c->as, 0xf0);
    }
}

#define CMPXCHG OPC(0, MAP_0F, 0xb1)
#define XADD OPC(0, MAP_0F, 0xc1)
#define XCHG OPC(0, 0, 0x87)
#define MOV OPC(0, 0, 0x89)
#define ALU(alu) OPC(0, 0, (alu) << 3 | 1)

static bool is_swapped(const struct ir_insn *in)
{
    return (memop_of(in) & MO_SWAP) && (memop_of(in) & MO_SIZE_LOG2) != MO_8;
}

/* dst = rax, zero-extended */
static void zero_extended(struct compiler *c, const struct ir_insn *in, unsigned dst)
{
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2;

    if (log2 <= MO_16) {
        emit_x(&c->as, OPC(0, 1, log2 == MO_8 ? 0xb6 : 0xb7) | OP_BYTE_RM, dst, reg_operand(RAX), 0,
               0);
    } else {
        x_mov(&c->as, log2 == MO_64, dst, RAX);
    }
}

/* dst = the old value, in rax as memory has it */
static void old_value(struct compiler *c, const struct ir_insn *in, unsigned dst)
{
    zero_extended(c, in, dst);
    if (is_swapped(in)) {
        swap_register(c, memop_of(in) & MO_SIZE_LOG2, RAX);
    }
}

/* rax = r in memory's order */
static void expect(struct compiler *c, const struct ir_insn *in, unsigned r)
{
    if (is_swapped(in)) {
        swap_register(c, memop_of(in) & MO_SIZE_LOG2, RAX);
    }
    x_mov(&c->as, true, RAX, r);
}

/* rdx = what the operation makes of rax, the old value, and rc. */
static void combine(struct compiler *c, unsigned op, unsigned log2, unsigned rc)
{
    static const uint8_t keeps[] = {[IR_ATOMIC_SMAX] = CC_G,
                                    [IR_ATOMIC_SMIN] = CC_L,
                                    [IR_ATOMIC_UMAX] = CC_A,
                                    [IR_ATOMIC_UMIN] = CC_B};
    struct assembler *as = &c->as;

    switch (op) {
    case IR_ATOMIC_SET:
        x_alu(as, ALU_OR, true, RDX, RAX);
        break;
    case IR_ATOMIC_EOR:
        x_alu(as, ALU_XOR, true, RDX, RAX);
        break;
    case IR_ATOMIC_CLR:
        x_alu(as, ALU_AND, true, RDX, RAX);
        emit_rr(as, OPC(0, 0, 0xf7) | OP_W, 2, RDX);
        break;
    case IR_ATOMIC_SWP:
        break;
    default:
        x_cmov(as, keeps[op], true, RDX, RAX);
        sized(c, log2, ALU(ALU_CMP), rc, reg_operand(RAX));
        break;
    }
    x_mov(as, true, RDX, rc);
}

static void load_sized(struct compiler *c, unsigned log2, struct operand place)
{
    static const opcode ops[] = {OPC(0, 1, 0xb6), OPC(0, 1, 0xb7), OPC(0, 0, 0x8b),
                                 OPC(0, 0, 0x8b) | OP_W};

    emit_rm(&c->as, ops[log2], RAX, place);
}

/* The read-modify-write, with the operand in rc. The old value is then in rax. */
static void modify(struct compiler *c, const struct ir_insn *in, unsigned rc, struct operand place)
{
    const unsigned op = in->aux & 0xff, log2 = memop_of(in) & MO_SIZE_LOG2;
    const bool lock = is_locked(c, in);
    struct assembler *as = &c->as;

    if (op == IR_ATOMIC_ADD) {
        modify_at(c, lock, log2, XADD, RAX, place);
        x_mov(as, true, RAX, rc);
    } else if (!lock) {
        sized(c, log2, MOV, RDX, place);
        combine(c, op, log2, rc);
        load_sized(c, log2, place);
    } else if (op == IR_ATOMIC_SWP) {
        sized(c, log2, XCHG, RAX, place); /* locks by itself */
        x_mov(as, true, RAX, rc);
    } else {
        /* again: rdx = f(rax); cmpxchg; jne again. The jump's length is known: it is short. */
        const uint32_t jump = as->hot;
        as->hot -= 2;
        modify_at(c, true, log2, CMPXCHG, RDX, place);
        combine(c, op, log2, rc);
        as->rw[jump - 2] = 0x70 | CC_NE;
        as->rw[jump - 1] = (uint8_t)(as->hot - jump);
        load_sized(c, log2, place);
    }
}

/* The same where nobody wants the old value and one instruction does it; false: not this one. */
static bool modify_only(struct compiler *c, const struct ir_insn *in, unsigned rc,
                        struct operand place)
{
    static const uint8_t alu[] = {[IR_ATOMIC_ADD] = ALU_ADD,
                                  [IR_ATOMIC_CLR] = ALU_AND,
                                  [IR_ATOMIC_EOR] = ALU_XOR,
                                  [IR_ATOMIC_SET] = ALU_OR};
    const unsigned op = in->aux & 0xff, log2 = memop_of(in) & MO_SIZE_LOG2;

    if (op > IR_ATOMIC_SET) {
        return false;
    }
    modify_at(c, is_locked(c, in), log2, ALU(alu[op]), op == IR_ATOMIC_CLR ? RDX : rc, place);
    if (op == IR_ATOMIC_CLR) {
        emit_rr(&c->as, OPC(0, 0, 0xf7) | OP_W, 2, RDX);
        x_mov(&c->as, true, RDX, rc);
    }
    return true;
}

static bool inline_kind(const struct compiler *c, const struct ir_insn *in)
{
    const memop m = memop_of(in);

    /* What takes a value apart is the run-time's, if memory has another order. */
    const unsigned op = in->aux & 0xff;
    const bool carries = in->op == IR_atomic && op != IR_ATOMIC_SWP &&
                         !(op >= IR_ATOMIC_CLR && op <= IR_ATOMIC_SET);

    if ((m & MO_SWAP) &&
        (memop_unit(m) != memop_bytes(m) || (m & MO_SIZE_LOG2) == MO_128 || carries)) {
        return false;
    }
    return has_table(c, m) && (m & MO_SIZE_LOG2) <= (in->op == IR_cas ? MO_128 : MO_64);
}

/* ---- monitors, where vCPUs run in parallel */

/* rdx = the slot of place. */
static void slot_address(struct compiler *c, struct operand place)
{
    struct assembler *as = &c->as;

    x_alu_mem(as, ALU_ADD, true, RDX, at(STATE, ENV(c->h, monitors)));
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), MONITOR_MASK);
    x_lea(as, false, RDX, place);
}

/* To path unless the slot is idle. */
static void check_idle(struct compiler *c, struct operand place, uint32_t path)
{
    if (c->b->parallel) {
        x_jcc(&c->as, CC_E, path);
        emit_x(&c->as, OPC(0, 0, 0xf6), 0, at(RDX, 0), 1, MONITOR_IDLE);
        slot_address(c, place);
    }
}

/* Sets the monitor and remembers its mark; to path if the slot is locked. */
static void set_monitor(struct compiler *c, struct operand place, uint32_t path)
{
    struct assembler *as = &c->as;

    x_store(as, true, RAX, at(STATE, ENV(c->h, excl_mark)));
    x_jcc(as, CC_E, path);
    x_test_imm(as, false, RAX, MONITOR_FREE);
    /* again: rax = slot; test idle; je set; lock and slot, ~idle; jmp again; set: */
    const uint32_t set = as->hot;
    as->hot -= 2;
    x_alu_imm(as, ALU_AND, true, at(RDX, 0), ~(int32_t)MONITOR_IDLE);
    x_byte(as, 0xf0);
    x_jcc(as, CC_E, set);
    x_test_imm(as, false, RAX, MONITOR_IDLE);
    x_load(as, true, RAX, at(RDX, 0));
    as->rw[set - 2] = 0xeb;
    as->rw[set - 1] = (uint8_t)(as->hot - set);
    slot_address(c, place);
}

static bool same_access(const struct compiler *c, const struct ir_insn *x, const struct ir_insn *y)
{
    return value(c, x->a) == value(c, y->a) && (int32_t)x->imm == (int32_t)y->imm &&
           ir_segment(x->aux) == ir_segment(y->aux) &&
           ((memop_of(x) ^ memop_of(y)) & ~(memop)(MO_ACQUIRE | MO_RELEASE)) == 0;
}

static bool touches_memory(const struct ir_insn *in)
{
    return in->op == IR_call || in->op == IR_env_store || in->op == IR_brcond ||
           (ir_ops[in->op].effects & (IR_LOADS | IR_STORES | IR_MAY_EXIT | IR_ENDS));
}

/*
 * Whether op i, a load- or store-exclusive, has its other half in this block, and nothing else
 * accesses memory in between. Then nobody can tell the load from one that happened when the store
 * did, and comparing values is exact.
 */
static bool is_paired(const struct compiler *c)
{
    const struct ir_insn *in = &c->insns[c->i];
    const bool load = in->op == IR_load_excl;

    for (uint32_t n = load ? c->i + 1 : c->i - 1; n > 0 && n < c->count; n += load ? 1 : -1u) {
        if (c->insns[n].op == (load ? IR_store_excl : IR_load_excl)) {
            return same_access(c, in, &c->insns[n]);
        }
        if (touches_memory(&c->insns[n])) {
            return false;
        }
    }
    return false;
}

static void load_exclusive(struct compiler *c, const struct ir_insn *in, struct operand place,
                           struct address a, uint32_t path)
{
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2;
    struct assembler *as = &c->as;

    x_store(as, true, RAX, at(STATE, HOT(c->h, excl_value)));
    x_store_imm(as, true, at(STATE, HOT(c->h, excl_value) + 8), 0);
    x_store(as, true, RDX, at(STATE, HOT(c->h, excl_addr)));
    x_lea(as, true, RDX,
          (struct operand){.base = (uint8_t)a.base, .index = NO_REG, .disp = a.disp});
    if (is_swapped(in)) {
        swap_register(c, log2, RAX);
    }
    load_sized(c, log2, place);
    if (c->b->parallel && is_paired(c)) {
        x_store_imm(as, true, at(STATE, ENV(c->h, excl_mark)), -1);
    } else if (c->b->parallel) {
        set_monitor(c, place, path);
    }
}

/* The compare-and-swap by value. */
static void store_by_value(struct compiler *c, const struct ir_insn *in, unsigned rc,
                           struct operand place)
{
    modify_at(c, is_locked(c, in), memop_of(in) & MO_SIZE_LOG2, CMPXCHG, rc, place);
    if (is_swapped(in)) {
        swap_register(c, memop_of(in) & MO_SIZE_LOG2, RAX);
    }
    x_load(&c->as, true, RAX, at(STATE, HOT(c->h, excl_value)));
}

/* The same, with the slot locked; to failed if its count is no longer the mark. Any state pointer
 * does for "locked": its low bits are 0. */
static void store_marked(struct compiler *c, const struct ir_insn *in, unsigned rc,
                         struct operand place, uint32_t failed)
{
    struct assembler *as = &c->as;
    const struct operand mark = at(STATE, ENV(c->h, excl_mark));

    x_store(as, true, RAX, at(RDX, 0)); /* leaves the flags alone, as do the two before */
    x_lea(as, true, RAX, at(RAX, MONITOR_NEXT));
    x_load(as, true, RAX, mark);
    store_by_value(c, in, rc, place);
    x_jcc(as, CC_NE, failed);
    modify_at(c, true, MO_64, CMPXCHG, STATE, at(RDX, 0));
    x_load(as, true, RAX, mark);
    slot_address(c, place);
}

/* dst = 0 stored, 1 not */
static void store_exclusive(struct compiler *c, const struct ir_insn *in, struct address a,
                            unsigned dst, unsigned rc, uint32_t path)
{
    const struct operand place = host_place(c, a, memop_of(in));
    struct assembler *as = &c->as;

    x_mov(as, false, dst, RDX);
    emit_x(as, OPC(0, 1, 0xb6) | OP_BYTE_RM, RDX, reg_operand(RDX), 0, 0);
    x_setcc(as, CC_NE, RDX);
    const uint32_t failed = as->hot;
    if (c->b->parallel && is_paired(c)) {
        store_by_value(c, in, rc, place);
        x_store_imm(as, true, at(STATE, HOT(c->h, excl_addr)), -1);
        check_idle(c, place, path);
        return;
    }
    if (c->b->parallel) {
        store_marked(c, in, rc, place, failed);
    } else {
        store_by_value(c, in, rc, place);
    }
    x_jcc(as, CC_NE, failed);
    x_store_imm(as, true, at(STATE, HOT(c->h, excl_addr)), -1);
    x_alu_mem(as, ALU_CMP, true, RDX, at(STATE, HOT(c->h, excl_addr)));
    x_lea(as, true, RDX,
          (struct operand){.base = (uint8_t)a.base, .index = NO_REG, .disp = a.disp});
}

/* ---- 16 bytes */

#define CMPXCHG16B (OPC(0, MAP_0F, 0xc7) | OP_W) /* /1 */
#define PEXTRQ (OPC(PP_66, MAP_0F3A, 0x16) | OP_W)
#define PINSRQ (OPC(PP_66, MAP_0F3A, 0x22) | OP_W)

/* dst = the 16 bytes at place, which become those of rc if they are those of rb. The instruction
 * wants rbx, which is kept in `saved` if it holds something, and rcx, so the address is in `host`.
 */
struct wide_cas {
    unsigned dst, rb, rc, host, saved;
    bool save;
};

static struct wide_cas wide_cas(struct compiler *c, unsigned dst, unsigned rb, unsigned rc)
{
    struct wide_cas w = {.dst = dst, .rb = rb, .rc = rc, .save = c->owner[0][RBX] != 0};

    c->locked[0] |= 1u << RBX;
    w.host = temp(c, false);
    w.saved = w.save ? temp(c, false) : 0;
    return w;
}

static void emit_wide_cas(struct compiler *c, const struct ir_insn *in, const struct wide_cas *w,
                          struct operand place)
{
    struct assembler *as = &c->as;

    emit_x(as, PINSRQ, w->dst, reg_operand(RDX), 1, 1);
    emit_rr(as, SSE_MOVD_TO_XMM | OP_W, w->dst, RAX);
    if (w->save) {
        x_mov(as, true, RBX, w->saved);
    }
    emit_rm(as, CMPXCHG16B, 1, at(w->host, 0));
    if (is_locked(c, in)) {
        x_byte(as, 0xf0);
    }
    emit_x(as, PEXTRQ, w->rc, reg_operand(RCX), 1, 1);
    emit_rr(as, SSE_MOVD_FROM_XMM | OP_W, w->rc, RBX);
    emit_x(as, PEXTRQ, w->rb, reg_operand(RDX), 1, 1);
    emit_rr(as, SSE_MOVD_FROM_XMM | OP_W, w->rb, RAX);
    if (w->save) {
        x_mov(as, true, w->saved, RBX);
    }
    x_lea(as, true, w->host, place);
}

/* The cold path: the run-time does the op, and goes on at resume. */
static uint32_t cold(struct compiler *c, const struct ir_insn *in, unsigned dst)
{
    struct ir_insn op = *in;

    if (op.op == IR_store_excl && is_paired(c)) {
        op.aux |= IR_EXCL_PAIRED;
    }
    return cold_memory(c, &op, dst, c->as.hot);
}

void emit_atomic(struct compiler *c, const struct ir_insn *in)
{
    if (!inline_kind(c, in)) {
        fallback(c, in);
        return;
    }
    const bool used = wanted(c);
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2, dst = def(c);
    const struct address a = address_of(c, in);
    const unsigned rb = in->op == IR_cas ? use(c, in->b, 0) : 0;
    const unsigned value = in->c ? use(c, in->c, 0) : 0;
    const bool reorders = in->c && is_swapped(in);
    const unsigned rc = reorders ? temp(c, false) : value;
    const bool wide = log2 == MO_128;
    const struct wide_cas w = wide ? wide_cas(c, dst, rb, rc) : (struct wide_cas){0};
    const struct address at = reach_of(c, in, a);
    const struct operand place = host_place(c, at, memop_of(in));
    const uint32_t path = cold(c, in, dst);
    switch (in->op) {
    case IR_load_excl:
        zero_extended(c, in, dst);
        load_exclusive(c, in, place, at, path);
        break;
    case IR_store_excl:
        store_exclusive(c, in, at, dst, rc, path);
        break;
    case IR_cas:
        if (wide) {
            emit_wide_cas(c, in, &w, place);
            check_idle(c, place, path);
            break;
        }
        old_value(c, in, dst);
        modify_at(c, is_locked(c, in), log2, CMPXCHG, rc, place);
        expect(c, in, rb);
        check_idle(c, place, path);
        break;
    default:
        if (used || !modify_only(c, in, rc, place)) {
            old_value(c, in, dst);
            modify(c, in, rc, place);
        }
        check_idle(c, place, path);
        break;
    }
    if (reorders) {
        swap_register(c, log2, rc);
        x_mov(&c->as, true, rc, value);
    }
    emit_check(c, &(struct check){.a = at,
                                  .m = memop_of(in),
                                  .write = in->op != IR_load_excl,
                                  .aligned = true,
                                  .path = path});
    emit_reach(c, in, a, at);
}
