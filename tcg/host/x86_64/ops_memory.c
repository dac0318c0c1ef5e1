/* SPDX-License-Identifier: MIT */
/*
 * Guest memory accesses: the inline look-up in the TLB, and the cold path behind it.
 *
 *     lea   rcx, [address]
 *     lea   rax, [rcx + size - 1]          the last byte's page is compared, so that a crossing misses
 *     shr   rcx, 8
 *     and   rcx, [table - 8]               the mask
 *     and   rax, -4096
 *     cmp   rax, [table + rcx]
 *     jne   cold
 *     mov   rcx, [table + rcx + 8]         the addend
 *     mov   dst, [rcx + address]
 *
 * The cold path first asks the LEAF refill and tries again; else the run-time does the access and goes on behind it.
 */
#include "memory/space.h"
#include "tcg/host/x86_64/compile.h"
#include "tcg/tlb_layout.h"

struct address address_of(struct compiler *c, const struct ir_insn *in)
{
    struct address a = {.index = NO_REG, .disp = (int32_t)in->imm};

    a.base = use(c, in->a, 0);
    if (in->b && (in->op == IR_load || in->op == IR_store)) {
        a.index = use(c, in->b, 0);
        a.scale = in->aux >> 8 & 7;
    }
    return a;
}

static struct operand plus(struct address a, int32_t disp)
{
    return (struct operand){.base = (uint8_t)a.base, .index = (uint8_t)a.index, .scale = (uint8_t)a.scale,
                            .disp = a.disp + disp};
}

static void fill_site(struct site *s, const struct ir_insn *in, struct address a)
{
    s->base = (uint8_t)a.base;
    s->index = (uint8_t)a.index;
    s->scale = (uint8_t)a.scale;
    s->disp = a.disp;
    s->memop = memop_of(in);
    s->type = in->op == IR_store ? in->src : in->type;
}

/* The cold path: refill and retry, or the whole access by the run-time. */
static uint32_t cold_access(struct compiler *c, uint32_t site, uint32_t retry, uint32_t resume)
{
    struct assembler *as = &c->as;

    as->to_cold = true;
    const uint32_t path = as->cold;
    x_mov_imm(as, RCX, site);
    x_call(as, c->h->stubs.mem);
    x_jmp_long(as, retry);         /* 5 bytes: skipped when the access has been done */
    x_jmp(as, resume);
    as->to_cold = false;
    return path;
}

/*
 * The check, emitted backwards: afterwards rcx is the addend. The cold path needs the place of its own retry, which is
 * where the check begins, so its jump is emitted once the check's length is known.
 */
void emit_check(struct compiler *c, const struct check *k)
{
    const int32_t size = 1 << (k->m & MO_SIZE_LOG2);
    const int32_t lines = k->write ? TLB_LAYOUT_WRITE : 0;
    const bool user = (k->m >> MO_IDX_SHIFT & 7) != c->b->mmu_current;
    struct assembler *as = &c->as;
    const unsigned table = user ? RDX : TLB_BASE;

    x_load(as, true, RCX, at_index(table, RCX, 0, lines + 8));
    const uint32_t jump_end = as->hot;
    as->hot -= 6;                                   /* jne cold, filled in below */
    x_alu_mem(as, ALU_CMP, true, RAX, at_index(table, RCX, 0, lines));
    x_alu_imm(as, ALU_AND, true, reg_operand(RAX), -4096);
    x_alu_mem(as, ALU_AND, true, RCX, at(table, TLB_LAYOUT_MASK));
    x_shift_imm(as, SHIFT_SHR, true, RCX, GUEST_PAGE_BITS - TLB_LAYOUT_LINE_LOG2);
    x_lea(as, true, RAX, plus(k->a, size - 1));
    x_lea(as, true, RCX, plus(k->a, 0));
    if (user) {
        x_load(as, true, RDX, at(STATE, HOT(c->h, tlb_user)));
    }
    uint32_t align_end = 0;
    if (k->aligned && size > 1) {
        align_end = as->hot;
        as->hot -= 6;
        emit_x(as, OPC(0, 0, 0xf6), 0, reg_operand(RAX), 1, (uint64_t)(size - 1));
        x_lea(as, true, RAX, plus(k->a, 0));
    }
    const uint32_t path = k->path ? k->path : cold_access(c, k->site, as->hot, k->resume);
    const uint32_t ends[2] = {jump_end, align_end};
    for (unsigned n = 0; n < 2; n++) {
        if (ends[n]) {
            const uint32_t rel = path - ends[n];
            uint8_t p[6] = {0x0f, 0x80 | CC_NE};
            memcpy(p + 2, &rel, 4);
            memcpy(as->rw + ends[n] - 6, p, 6);
        }
    }
}

bool has_table(const struct compiler *c, memop m)
{
    const unsigned idx = m >> MO_IDX_SHIFT & 7;

    return idx == c->b->mmu_current || idx == c->b->mmu_user;
}

/* The run-time does every access here. */
static void always_slow(struct compiler *c, uint32_t site, uint32_t resume)
{
    /* The stub returns to the first jump if a refill is enough: then it must be asked again. */
    struct assembler *as = &c->as;

    as->to_cold = true;
    const uint32_t path = as->cold;
    x_mov_imm(as, RCX, site);
    x_call(as, c->h->stubs.mem);
    x_jmp_long(as, path);
    x_jmp(as, resume);
    as->to_cold = false;
    x_jmp(as, path);
}

struct operand host_place(struct address a)
{
    /* rcx + address: three registers at most; an index needs an add of its own. */
    return a.index == NO_REG ? at_index(RCX, a.base, 0, a.disp) : at_index(RCX, a.index, a.scale, a.disp);
}

static void add_base(struct compiler *c, struct address a)
{
    if (a.index != NO_REG) {
        x_alu(&c->as, ALU_ADD, true, RCX, a.base);
    }
}

static opcode integer_load(const struct ir_insn *in)
{
    const memop m = memop_of(in);
    const bool w = in->type == T_I64, sign = m & MO_SIGN;

    switch (m & MO_SIZE_LOG2) {
    case MO_8:
        return OPC(0, 1, sign ? 0xbe : 0xb6) | W(sign && w);
    case MO_16:
        return OPC(0, 1, sign ? 0xbf : 0xb7) | W(sign && w);
    case MO_32:
        return sign && w ? OPC(0, 0, 0x63) | OP_W : OPC(0, 0, 0x8b);
    default:
        return OPC(0, 0, 0x8b) | OP_W;
    }
}

static opcode vector_move(memop m, bool store)
{
    switch (m & MO_SIZE_LOG2) {
    case MO_32:
        return store ? SSE_MOVSS_STORE : SSE_MOVSS_LOAD;
    case MO_64:
        return store ? SSE_MOVQ_STORE : SSE_MOVQ_LOAD;
    default:
        return store ? SSE_MOVUPS_STORE : SSE_MOVUPS_LOAD;
    }
}

static void swap_loaded(struct compiler *c, const struct ir_insn *in, unsigned dst)
{
    const unsigned log2 = memop_of(in) & MO_SIZE_LOG2;
    struct assembler *as = &c->as;

    if (log2 == MO_16) {
        if (memop_of(in) & MO_SIGN) {
            emit_rr(as, OPC(0, 1, 0xbf) | W(in->type == T_I64), dst, dst);
        }
        emit_x(as, OPC(PP_66, 0, 0xc1), SHIFT_ROL, reg_operand(dst), 1, 8);
    } else if (log2 >= MO_32) {
        const bool w = log2 == MO_64;
        if (log2 == MO_32 && (memop_of(in) & MO_SIGN) && in->type == T_I64) {
            emit_rr(as, OPC(0, 0, 0x63) | OP_W, dst, dst);
        }
        emit_bytes(as, (const uint8_t[]){(uint8_t)(0x40 | (w ? 8 : 0) | (dst >> 3)), 0x0f, (uint8_t)(0xc8 | (dst & 7))}, 3);
    }
}

static bool slow_kind(const struct compiler *c, const struct ir_insn *in, ir_type t)
{
    const memop m = memop_of(in);
    const bool vec = class_of(t);

    return !has_table(c, m) || (vec && ((m & MO_SWAP) || (m & MO_SIZE_LOG2) < MO_32)) ||
           (in->op == IR_store && (m & MO_SWAP));
}

void emit_load(struct compiler *c, const struct ir_insn *in)
{
    const bool vec = class_of(in->type);
    const unsigned dst = def(c);
    const struct address a = address_of(c, in);
    uint32_t index;
    struct site *s = new_site(c, SITE_LOAD, true, &index);

    fill_site(s, in, a);
    s->data = (uint8_t)dst;
    const uint32_t resume = c->as.hot;
    if (slow_kind(c, in, in->type)) {
        always_slow(c, index, resume);
        return;
    }
    if (!vec && (memop_of(in) & MO_SWAP)) {
        swap_loaded(c, in, dst);
    }
    emit_rm(&c->as, vec ? vector_move(memop_of(in), false) : integer_load(in), dst, host_place(a));
    add_base(c, a);
    emit_check(c, &(struct check){.a = a, .m = memop_of(in), .aligned = memop_of(in) & MO_ALIGN, .site = index,
                                  .resume = resume});
}

static void store_value(struct compiler *c, const struct ir_insn *in, struct operand place, unsigned data, uint64_t k)
{
    const memop m = memop_of(in);
    const unsigned log2 = m & MO_SIZE_LOG2;
    struct assembler *as = &c->as;

    if (data == SITE_NO_REG) {
        static const opcode ops[] = {OPC(0, 0, 0xc6), OPC(PP_66, 0, 0xc7), OPC(0, 0, 0xc7), OPC(0, 0, 0xc7) | OP_W};
        emit_x(as, ops[log2], 0, place, log2 == MO_64 ? 4 : 1u << log2, k);
    } else if (class_of(in->src)) {
        emit_rm(as, vector_move(m, true), data, place);
    } else {
        static const opcode ops[] = {OPC(0, 0, 0x88) | OP_BYTE_REG, OPC(PP_66, 0, 0x89), OPC(0, 0, 0x89),
                                     OPC(0, 0, 0x89) | OP_W};
        emit_rm(as, ops[log2], data, place);
    }
}

/* A store-release must not be passed by a later load-acquire: a locked instruction behind it keeps them in order. */
void full_barrier(struct compiler *c)
{
    const struct operand top = at(RSP, 0);

    emit_x(&c->as, OPC(0, 0, 0x83), ALU_OR, top, 1, 0);
    x_byte(&c->as, 0xf0);
}

void emit_store(struct compiler *c, const struct ir_insn *in)
{
    const struct address a = address_of(c, in);
    uint64_t k;
    const bool immediate = constant(c, in->c, &k) && (int64_t)k == (int32_t)k && c->reg[value(c, in->c)] < 0;
    const unsigned data = immediate ? SITE_NO_REG : use(c, in->c, 0);
    uint32_t index;
    struct site *s = new_site(c, SITE_STORE, true, &index);

    fill_site(s, in, a);
    s->data = (uint8_t)data;
    s->aux = (uint32_t)k;
    if (memop_of(in) & MO_RELEASE) {
        full_barrier(c);
    }
    const uint32_t resume = c->as.hot;
    if (slow_kind(c, in, in->src)) {
        always_slow(c, index, resume);
        return;
    }
    store_value(c, in, host_place(a), data, k);
    add_base(c, a);
    emit_check(c, &(struct check){.a = a, .m = memop_of(in), .write = true, .aligned = memop_of(in) & MO_ALIGN,
                                  .site = index, .resume = resume});
}

void emit_barrier(struct compiler *c, const struct ir_insn *in)
{
    if (in->aux == IR_BARRIER_FULL) {
        full_barrier(c);
    }
}
