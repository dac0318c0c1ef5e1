/* SPDX-License-Identifier: MIT */
/*
 * Atomic accesses and exclusives: the host's locked instructions behind the inline check; what is
 * misaligned, not in the TLB or has no host instruction is done by the run-time (accel/atomic.c).
 * x86 orders locked instructions fully, which covers every ordering that a guest may ask for.
 */
#include "tcg/host/x86_64/compile.h"

/* `lock op [place], reg` of 1 << log2 bytes. */
static void locked(struct compiler *c, unsigned log2, unsigned map, unsigned op, unsigned reg,
                   struct operand place)
{
    const opcode code = OPC(log2 == MO_16 ? PP_66 : PP_NONE, map, log2 == MO_8 ? op - 1 : op) |
                        W(log2 == MO_64) | (log2 == MO_8 ? OP_BYTE_REG : 0);

    emit_rm(&c->as, code, reg, place);
    x_byte(&c->as, 0xf0);
}

/* dst = the old value in rax, zero-extended */
static void old_value(struct compiler *c, unsigned log2, unsigned dst)
{
    if (log2 <= MO_16) {
        emit_x(&c->as, OPC(0, 1, log2 == MO_8 ? 0xb6 : 0xb7) | OP_BYTE_RM, dst, reg_operand(RAX), 0,
               0);
    } else {
        x_mov(&c->as, log2 == MO_64, dst, RAX);
    }
}

static void combine(struct compiler *c, unsigned op, unsigned rc)
{
    struct assembler *as = &c->as;

    switch (op) {
    case IR_ATOMIC_SET:
        x_alu(as, ALU_OR, true, RDX, RAX);
        break;
    case IR_ATOMIC_EOR:
        x_alu(as, ALU_XOR, true, RDX, RAX);
        break;
    default:
        x_alu(as, ALU_AND, true, RDX, RAX);
        emit_rr(as, OPC(0, 0, 0xf7) | OP_W, 2, RDX);
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

/* The read-modify-write, with the operand in rc. */
static void modify(struct compiler *c, unsigned op, unsigned log2, unsigned rc,
                   struct operand place)
{
    struct assembler *as = &c->as;

    if (op == IR_ATOMIC_ADD) {
        locked(c, log2, MAP_0F, 0xc1, RAX, place);
        x_mov(as, true, RAX, rc);
    } else if (op == IR_ATOMIC_SWP) {
        locked(c, log2, MAP_ONE, 0x87, RAX, place);
        x_mov(as, true, RAX, rc);
    } else {
        /* again: rdx = f(rax); cmpxchg; jne again. The jump's length is known: it is short. */
        const uint32_t jump = as->hot;
        as->hot -= 2;
        locked(c, log2, MAP_0F, 0xb1, RDX, place);
        combine(c, op, rc);
        as->rw[jump - 2] = 0x70 | CC_NE;
        as->rw[jump - 1] = (uint8_t)(as->hot - jump);
        load_sized(c, log2, place);
    }
}

static bool inline_kind(const struct compiler *c, const struct ir_insn *in)
{
    const memop m = memop_of(in);

    if (!has_table(c, m) || (m & MO_SWAP) || (m & MO_SIZE_LOG2) > MO_64) {
        return false;
    }
    return in->op != IR_atomic || (in->aux & 0xff) <= IR_ATOMIC_SET ||
           (in->aux & 0xff) == IR_ATOMIC_SWP;
}

static void load_exclusive(struct compiler *c, struct operand place, struct address a,
                           unsigned log2)
{
    struct assembler *as = &c->as;

    x_store(as, true, RAX, at(STATE, HOT(c->h, excl_value)));
    x_store_imm(as, true, at(STATE, HOT(c->h, excl_value) + 8), 0);
    x_store(as, true, RDX, at(STATE, HOT(c->h, excl_addr)));
    x_lea(as, true, RDX,
          (struct operand){.base = (uint8_t)a.base, .index = NO_REG, .disp = a.disp});
    load_sized(c, log2, place);
}

/* rdx = 0 stored, 1 not */
static void store_exclusive(struct compiler *c, struct operand place, struct address a,
                            unsigned log2, unsigned rc)
{
    struct assembler *as = &c->as;

    emit_x(as, OPC(0, 1, 0xb6) | OP_BYTE_RM, RDX, reg_operand(RDX), 0, 0);
    x_setcc(as, CC_NE, RDX);
    const uint32_t failed = as->hot;
    locked(c, log2, MAP_0F, 0xb1, rc, place);
    x_load(as, true, RAX, at(STATE, HOT(c->h, excl_value)));
    x_jcc(as, CC_NE, failed);
    x_store_imm(as, true, at(STATE, HOT(c->h, excl_addr)), -1);
    x_alu_mem(as, ALU_CMP, true, RDX, at(STATE, HOT(c->h, excl_addr)));
    x_lea(as, true, RDX,
          (struct operand){.base = (uint8_t)a.base, .index = NO_REG, .disp = a.disp});
}

void emit_atomic(struct compiler *c, const struct ir_insn *in)
{
    if (!inline_kind(c, in)) {
        fallback(c, in);
        return;
    }
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2, dst = def(c);
    const struct address a = address_of(c, in);
    const unsigned rb = in->op == IR_cas ? use(c, in->b, 0) : 0;
    const unsigned rc = in->c ? use(c, in->c, 0) : 0;
    struct operand place = host_place(a);
    struct assembler *as = &c->as;

    const uint32_t path = cold_memory(c, in, dst, as->hot);
    switch (in->op) {
    case IR_load_excl:
        old_value(c, log2, dst);
        load_exclusive(c, place, a, log2);
        break;
    case IR_store_excl:
        x_mov(as, false, dst, RDX);
        store_exclusive(c, place, a, log2, rc);
        break;
    case IR_cas:
        old_value(c, log2, dst);
        locked(c, log2, MAP_0F, 0xb1, rc, place);
        x_mov(as, true, RAX, rb);
        break;
    default:
        old_value(c, log2, dst);
        modify(c, in->aux & 0xff, log2, rc, place);
        break;
    }
    emit_check(c, &(struct check){.a = a,
                                  .m = memop_of(in),
                                  .write = in->op != IR_load_excl,
                                  .aligned = true,
                                  .path = path});
}
