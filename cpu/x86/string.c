/* SPDX-License-Identifier: MIT */
/*
 * String instructions. Intel SDM, volume 2: CMPS, INS, LODS, MOVS, OUTS, SCAS, STOS, REP.
 *
 * Without a prefix they are IR. With one, run-time functions do rounds, each complete: registers
 * say what is left when one faults. Where both places are plain memory a round is as much as lies
 * on a page, done element by element in their order, as it shows where the places overlap.
 *
 * First, in flat segments, comes a function of class LEAF (string_leaf.c), for which generated code
 * is not left: it does what the TLB knows of. What remains is for x86_row_repeat, behind which the
 * block ends. After some pages, or many rounds, that returns to the same instruction, so that
 * interrupts come in between. Where instructions are counted all is its business, since what the
 * TLB knows is not to be noticed.
 */
#include "cpu/x86/string.h"
#include "cpu/x86/debug.h"
#include "cpu/x86/translate.h"
#include "tcg/elements.h"

#include <stddef.h>
#include <string.h>

enum {
    S_MOVS,
    S_STOS,
    S_CMPS,
    S_SCAS,
    S_LODS,
    S_INS,
    S_OUTS
};

#define ROUNDS 4096 /* of one call */

struct string {
    struct x86_cpu *c;
    unsigned op, bytes, as, seg, until;
    uint64_t mask; /* of offsets */
    memop m;
    bool is_long;
};

static uint64_t get_offset(const struct string *s, unsigned reg)
{
    return s->c->r[reg] & s->mask;
}

static void set_offset(const struct string *s, unsigned reg, uint64_t v)
{
    uint64_t *r = &s->c->r[reg];
    *r = s->as == 2 ? (*r & ~UINT64_C(0xffff)) | (v & 0xffff) : v & s->mask;
}

static uint64_t base_of(const struct string *s, unsigned seg)
{
    return s->is_long && seg < X86_FS ? 0 : s->c->seg[seg].base;
}

/* Linear address of bytes at an offset; false: raised. */
static bool place(const struct string *s, unsigned seg, uint64_t offset, bool write, uint64_t *at)
{
    *at = offset + base_of(s, seg);
    if (s->is_long) {
        return true;
    }
    *at &= 0xffffffff;
    return x86_segment_check(s->c, seg, offset, s->bytes, write);
}

static bool load(const struct string *s, unsigned seg, unsigned reg, uint64_t *value)
{
    uint64_t at;
    return place(s, seg, get_offset(s, reg), false, &at) && vcpu_load(&s->c->vcpu, at, s->m, value);
}

static bool store(const struct string *s, uint64_t value)
{
    uint64_t at;
    return place(s, X86_ES, get_offset(s, X86_RDI), true, &at) &&
           vcpu_store(&s->c->vcpu, at, s->m, value);
}

static void advance(const struct string *s, unsigned reg, uint64_t elements)
{
    set_offset(s, reg, get_offset(s, reg) + s->c->direction * s->bytes * elements);
}

static uint64_t accumulator(const struct string *s)
{
    return s->c->r[X86_RAX] & mask64(8 * s->bytes);
}

static void put_compared(const struct string *s, uint64_t x, uint64_t y)
{
    const unsigned bits = 8 * s->bytes;
    const uint64_t mask = mask64(bits), r = (x - y) & mask, top = UINT64_C(1) << (bits - 1);
    s->c->flags = (uint16_t)((r & top ? X86_PACK_SF : 0) | (r ? 0 : X86_PACK_ZF) |
                             ((x ^ y ^ r) & 16 ? X86_PACK_AF : 0) |
                             (__builtin_parityll(r & 0xff) ? 0 : X86_PACK_PF) |
                             (x < y ? X86_PACK_CF : 0) |
                             ((x ^ y) & (x ^ r) & top ? X86_PACK_OF : 0));
}

/* INS looks whether it may write before it reads the port. */
static bool port_element(const struct string *s)
{
    struct x86_cpu *c = s->c;
    const uint64_t port = c->r[X86_RDX] & 0xffff;
    const memop m = (s->m & MO_SIZE_LOG2) | MO_IDX(X86_MMU_PORTS);
    uint64_t x, at;
    if (!x86_port_allowed(c, (uint16_t)port, s->bytes)) {
        return false;
    }
    if (s->op == S_OUTS) {
        if (!load(s, s->seg, X86_RSI, &x) || !vcpu_store(&c->vcpu, port, m, x)) {
            return false;
        }
        advance(s, X86_RSI, 1);
        return true;
    }
    if (!place(s, X86_ES, get_offset(s, X86_RDI), true, &at) ||
        !vcpu_probe(&c->vcpu, at, s->m, ACCESS_WRITE) || !vcpu_load(&c->vcpu, port, m, &x) ||
        !store(s, x)) {
        return false;
    }
    advance(s, X86_RDI, 1);
    return true;
}

/* One element; false: raised. */
static bool element(const struct string *s)
{
    struct x86_cpu *c = s->c;
    uint64_t x, y;
    switch (s->op) {
    case S_MOVS:
        if (!load(s, s->seg, X86_RSI, &x) || !store(s, x)) {
            return false;
        }
        advance(s, X86_RSI, 1);
        advance(s, X86_RDI, 1);
        return true;
    case S_STOS:
        if (!store(s, accumulator(s))) {
            return false;
        }
        advance(s, X86_RDI, 1);
        return true;
    case S_LODS:
        if (!load(s, s->seg, X86_RSI, &x)) {
            return false;
        }
        c->r[X86_RAX] = s->bytes >= 4 ? x : deposit64(c->r[X86_RAX], 8 * s->bytes - 1, 0, x);
        advance(s, X86_RSI, 1);
        return true;
    case S_CMPS:
        if (!load(s, s->seg, X86_RSI, &x) || !load(s, X86_ES, X86_RDI, &y)) {
            return false;
        }
        put_compared(s, x, y);
        advance(s, X86_RSI, 1);
        advance(s, X86_RDI, 1);
        return true;
    case S_SCAS:
        if (!load(s, X86_ES, X86_RDI, &y)) {
            return false;
        }
        put_compared(s, accumulator(s), y);
        advance(s, X86_RDI, 1);
        return true;
    default:
        return port_element(s);
    }
}

/* ---- as much as lies on a page, of plain memory */

/* Host memory of the element at an offset, and of at most *n in all, which becomes as many as are
 * there. */
static void *span(const struct string *s, unsigned seg, uint64_t offset, bool write, uint64_t *n)
{
    const enum access a = write ? ACCESS_WRITE : ACCESS_READ;
    const bool down = s->c->direction != 1;
    const uint64_t end = write ? s->c->seg[seg].end_write : s->c->seg[seg].end_read;
    const uint64_t last = s->is_long || end > s->mask ? s->mask : end - 1;
    uint64_t at, there = 0;
    if (offset + (s->bytes - 1) > last || (!s->is_long && end < s->bytes) ||
        !place(s, seg, offset, write, &at)) {
        return NULL;
    }
    const uint64_t in_page = at & (GUEST_PAGE_SIZE - 1);
    uint8_t *p = vcpu_host(&s->c->vcpu, at - (down ? in_page : 0), a, memop_idx(s->m),
                           down ? NULL : &there);
    if (!p || in_page + s->bytes > GUEST_PAGE_SIZE) {
        return NULL;
    }
    uint64_t here;
    if (down) {
        const uint64_t below = in_page < offset ? in_page : offset;
        here = below / s->bytes + 1;
        p += in_page;
    } else {
        here = (there - 1 < last - offset ? there : last - offset + 1) / s->bytes;
    }
    *n = here < *n ? here : *n;
    return *n ? p : NULL;
}

/* As many elements as go at once, at most n; 0: none. */
static uint64_t many(const struct string *s, uint64_t n)
{
    struct x86_cpu *c = s->c;
    const struct elements e = {(uint8_t)log2_floor(s->bytes), c->direction != 1, s->until == 2};
    const bool two = s->op == S_MOVS || s->op == S_CMPS, writes = s->op <= S_STOS;
    uint64_t k = n;
    uint32_t flags;
    if (s->op > S_SCAS || n < 2 || c->vcpu.hot.raised) {
        return 0;
    }
    void *to = span(s, X86_ES, get_offset(s, X86_RDI), writes, &k);
    const void *from = to && two ? span(s, s->seg, get_offset(s, X86_RSI), false, &k) : to;
    if (!to || !from) {
        return 0;
    }
    switch (s->op) {
    case S_MOVS:
        elements_copy_leaf(&e, to, from, k);
        break;
    case S_STOS:
        elements_fill_leaf(&e, to, accumulator(s), k);
        break;
    case S_CMPS:
        k = elements_compare_leaf(&e, from, to, k, &flags);
        c->flags = (uint16_t)flags;
        break;
    default:
        k = elements_scan_leaf(&e, to, accumulator(s), k, &flags);
        c->flags = (uint16_t)flags;
        break;
    }
    if (two) {
        advance(s, X86_RSI, k);
    }
    advance(s, X86_RDI, k);
    return k;
}

/* ---- repeated */

static struct string unpack(struct vcpu *v, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    struct string s = {.c = c,
                       .op = aux & 7,
                       .bytes = 1u << (aux >> X86_STRING_SIZE & 3),
                       .as = 1u << (aux >> X86_STRING_AS & 3),
                       .seg = aux >> X86_STRING_SEG & 7,
                       .until = aux >> X86_STRING_UNTIL & 3,
                       .is_long = aux >> X86_STRING_LONG & 1};
    s.mask = mask64(8 * s.as);
    s.m = log2_floor(s.bytes) | MO_IDX(v->cls->mmu_index(v));
    return s;
}

static uint64_t goes_on(struct x86_cpu *c, uint64_t pc)
{
    c->repeat_pc = pc;
    return x86_go(c, pc);
}

/* At most ROUNDS of them, or one where each may be followed by a debug exception; then the same
 * instruction goes on, at pc. */
static uint64_t do_repeat(struct vcpu *v, uint64_t next, uint64_t pc, uint64_t z, uint32_t aux)
{
    const struct string s = unpack(v, aux);
    const bool alone = x86_follows_rounds(s.c);
    (void)z;
    s.c->repeat_pc = UINT64_MAX;
    if (s.op >= S_INS && !x86_port_allowed(s.c, (uint16_t)s.c->r[X86_RDX], s.bytes)) {
        return pc; /* whatever rCX says */
    }
    for (unsigned k = 0; k < ROUNDS; k++) {
        const uint64_t left = get_offset(&s, X86_RCX);
        if (!left) {
            return x86_go(s.c, next);
        }
        const uint64_t n = alone ? 0 : many(&s, left);
        if (!n && !element(&s)) {
            return x86_go(s.c, pc);
        }
        set_offset(&s, X86_RCX, left - (n ? n : 1));
        const bool zero = s.c->flags & X86_PACK_ZF;
        if (s.until && zero == (s.until == 1)) {
            return x86_go(s.c, next);
        }
        k += alone ? ROUNDS : n > 64 ? ROUNDS / 8 : 0;
    }
    return get_offset(&s, X86_RCX) ? goes_on(s.c, pc) : x86_go(s.c, next);
}
X86_CALL(repeat, IR_CALL_FULL);

static uint64_t do_once(struct vcpu *v, uint64_t next, uint64_t pc, uint64_t z, uint32_t aux)
{
    const struct string s = unpack(v, aux);
    (void)z;
    return x86_go(s.c, element(&s) ? next : pc);
}
X86_CALL(once, IR_CALL_FULL);

/* What the functions of the run-time must know. */
static uint32_t description(const struct x86_block *c, const struct x86_instr *i, unsigned op,
                            unsigned bytes)
{
    const unsigned until = op == S_CMPS || op == S_SCAS ? (i->rep == 0xf2 ? 1 : 2) : 0;
    const unsigned seg = i->seg == X86_NONE ? X86_DS : i->seg;
    return op | log2_floor(bytes) << X86_STRING_SIZE | log2_floor(i->as) << X86_STRING_AS |
           seg << X86_STRING_SEG | until << X86_STRING_UNTIL |
           (uint32_t)(c->mode == 8) << X86_STRING_LONG |
           memop_idx(x86_memop(c, bytes)) << X86_STRING_MMU;
}

static void by_call(struct x86_block *c, const struct x86_instr *i, const struct ir_call *row,
                    unsigned op, unsigned bytes)
{
    x86_tail(c, row, ir_address(c->b, c->pc), IR_NONE, description(c, i, op, bytes));
}

/* ---- repeated, by what the TLB knows */

#define LEAF_CALL(name_)                                                                           \
    {                                                                                              \
        .name = "x86_" #name_, .fn = (void (*)(void))(x86_##name_##_leaf), .class = IR_CALL_LEAF   \
    }
static const struct ir_call leaf_rows[] = {[S_MOVS] = LEAF_CALL(copy),
                                           [S_STOS] = LEAF_CALL(fill),
                                           [S_CMPS] = LEAF_CALL(compare),
                                           [S_SCAS] = LEAF_CALL(scan)};
#undef LEAF_CALL

static bool is_flat(const struct x86_block *c, unsigned seg)
{
    const unsigned base = X86_KEY_BASE_SHIFT + seg, limit = X86_KEY_LIMIT_SHIFT + seg;
    return c->mode == 8 || (seg != X86_CS && !(c->key >> base & 1) && !(c->key >> limit & 1));
}

/* Addresses are offsets but for a base, and nobody looks at single rounds. */
static bool may_run(const struct x86_block *c, const struct x86_instr *i)
{
    const unsigned seg = i->seg == X86_NONE ? X86_DS : i->seg;
    return c->mode >= 4 && i->as == c->mode && is_flat(c, seg) && is_flat(c, X86_ES) &&
           !(c->key & (X86_KEY_TF | X86_KEY_ALIGN)) && !vcpu_is_counted(&c->cpu->vcpu);
}

static ir_val linear(struct x86_block *c, const struct x86_instr *i, unsigned reg, unsigned bytes)
{
    const unsigned seg = reg == X86_RDI ? X86_ES : i->seg == X86_NONE ? X86_DS : i->seg;
    return x86_linear(c, seg, ir_get(c->b, reg), bytes, false, i->as);
}

static void advance_register(struct x86_block *c, unsigned reg, unsigned as, ir_val by)
{
    const ir_val sum = ir_add(c->b, ir_get(c->b, reg), by);
    x86_write_reg(c, reg, as, ir_trunc(c->b, x86_type_of(as), sum));
}

/* The flags of comparisons of which `done` were made; whether the last one ends the instruction. */
static ir_val put_result(struct x86_block *c, const struct x86_instr *i, ir_val result, ir_val done)
{
    struct ir_builder *b = c->b;
    const ir_val any = ir_cmp(b, IR_NE, done, ir_konst(b, T_I64, 0));
    const ir_val packed = ir_trunc(b, T_I32, ir_ubfx(b, result, 32, 16));
    const ir_val f = ir_emit(b, (struct ir_insn){.op = IR_flags_select,
                                                 .type = T_FLAGS,
                                                 .a = (uint16_t)any,
                                                 .b = (uint16_t)ir_flags_from(b, packed),
                                                 .c = (uint16_t)x86_flags(c)});
    const ir_val zero = ir_konst(b, T_I32, X86_PACK_ZF);
    const ir_val ends = ir_tst(b, i->rep == 0xf2 ? IR_NE : IR_EQ, packed, zero);
    x86_put_flags(c, f);
    return ir_and(b, any, ends);
}

static void run(struct x86_block *c, const struct x86_instr *i, unsigned op, unsigned bytes)
{
    struct ir_builder *b = c->b;
    const bool compares = op == S_CMPS || op == S_SCAS;
    const ir_val left = ir_zext(b, T_I64, x86_read_reg(c, X86_RCX, i->as));
    const ir_val di = linear(c, i, X86_RDI, bytes);
    const ir_val si = op == S_MOVS || op == S_CMPS ? linear(c, i, X86_RSI, bytes)
                                                   : ir_get(b, X86_RAX);
    const ir_val x = op == S_CMPS ? si : di, y = op == S_CMPS ? di : si;
    const ir_val result = ir_call(b, T_I64, &leaf_rows[op], x, y, left,
                                  description(c, i, op, bytes));
    const ir_val done = compares ? ir_ubfx(b, result, 0, 32) : result;
    const ir_val direction = ir_env_load(b, T_I64, offsetof(struct x86_cpu, direction));
    const ir_val size = ir_konst(b, T_I64, log2_floor(bytes));
    const ir_val by = ir_mul(b, ir_shl(b, done, size), direction);
    const ir_val rest = ir_sub(b, left, done);
    ir_val over = ir_cmp(b, IR_EQ, rest, ir_konst(b, T_I64, 0));
    advance_register(c, X86_RDI, i->as, by);
    if (op == S_MOVS || op == S_CMPS) {
        advance_register(c, X86_RSI, i->as, by);
    }
    x86_write_reg(c, X86_RCX, i->as, ir_trunc(b, x86_type_of(i->as), rest));
    if (compares) {
        over = ir_or(b, over, put_result(c, i, result, done));
    }
    ir_brcond(b, over, c->next);
}

static void repeat(struct x86_block *c, const struct x86_instr *i, unsigned op, unsigned bytes)
{
    if (op <= S_SCAS && may_run(c, i)) {
        run(c, i, op, bytes);
    }
    by_call(c, i, &row_repeat, op, bytes);
}

/* ---- once */

static void step_register(struct x86_block *c, unsigned reg, unsigned as, unsigned bytes)
{
    struct ir_builder *b = c->b;
    const ir_val by = ir_mul(b, ir_env_load(b, T_I64, offsetof(struct x86_cpu, direction)),
                             ir_konst(b, T_I64, bytes));
    x86_write_reg(c, reg, as, ir_trunc(b, x86_type_of(as), ir_add(b, ir_get(b, reg), by)));
}

void x86_movs(struct x86_block *c, const struct x86_instr *i, const struct x86_movs *a)
{
    if (i->rep) {
        repeat(c, i, S_MOVS, a->dst.bytes);
        return;
    }
    x86_write(c, i, &a->dst, x86_read(c, i, &a->src));
    step_register(c, X86_RSI, i->as, a->dst.bytes);
    step_register(c, X86_RDI, i->as, a->dst.bytes);
}

void x86_stos(struct x86_block *c, const struct x86_instr *i, const struct x86_stos *a)
{
    if (i->rep) {
        repeat(c, i, S_STOS, a->dst.bytes);
        return;
    }
    x86_write(c, i, &a->dst, x86_read(c, i, &a->src));
    step_register(c, X86_RDI, i->as, a->dst.bytes);
}

void x86_lods(struct x86_block *c, const struct x86_instr *i, const struct x86_lods *a)
{
    if (i->rep) {
        repeat(c, i, S_LODS, a->dst.bytes);
        return;
    }
    x86_write(c, i, &a->dst, x86_read(c, i, &a->src));
    step_register(c, X86_RSI, i->as, a->dst.bytes);
}

void x86_cmps(struct x86_block *c, const struct x86_instr *i, const struct x86_cmps *a)
{
    if (i->rep) {
        repeat(c, i, S_CMPS, a->dst.bytes);
        return;
    }
    const ir_val x = x86_read(c, i, &a->dst), y = x86_read(c, i, &a->src);
    step_register(c, X86_RSI, i->as, a->dst.bytes);
    step_register(c, X86_RDI, i->as, a->dst.bytes);
    x86_put_flags(c, ir_flags_sub(c->b, x, y));
}

void x86_scas(struct x86_block *c, const struct x86_instr *i, const struct x86_scas *a)
{
    if (i->rep) {
        repeat(c, i, S_SCAS, a->dst.bytes);
        return;
    }
    const ir_val x = x86_read(c, i, &a->dst), y = x86_read(c, i, &a->src);
    step_register(c, X86_RDI, i->as, a->dst.bytes);
    x86_put_flags(c, ir_flags_sub(c->b, x, y));
}

void x86_ins(struct x86_block *c, const struct x86_instr *i, const struct x86_ins *a)
{
    by_call(c, i, i->rep ? &row_repeat : &row_once, S_INS, a->dst.bytes);
}

void x86_outs(struct x86_block *c, const struct x86_instr *i, const struct x86_outs *a)
{
    by_call(c, i, i->rep ? &row_repeat : &row_once, S_OUTS, a->src.bytes);
}
