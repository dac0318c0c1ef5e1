/* SPDX-License-Identifier: MIT */
/*
 * String instructions. Intel SDM, volume 2: CMPS, INS, LODS, MOVS, OUTS, SCAS, STOS, REP.
 *
 * Without a prefix they are IR. With one, a run-time function does rounds, each complete: registers
 * say what is left when one faults. Where both places are plain memory a round of MOVS or STOS is
 * as much as lies on a page; after some pages, or many rounds, the function returns to the same
 * instruction, so that interrupts come in between.
 */
#include "cpu/x86/translate.h"

#include <stddef.h>
#include <string.h>

/* What a run-time function must know of the instruction: the constant of op tail. */
enum {
    S_MOVS,
    S_STOS,
    S_LODS,
    S_CMPS,
    S_SCAS,
    S_INS,
    S_OUTS
};
#define S_SIZE_SHIFT 3   /* log2, 2 bits */
#define S_AS_SHIFT 5     /* log2, 2 bits */
#define S_SEG_SHIFT 7    /* 3 bits */
#define S_WHILE_SHIFT 10 /* 2 bits: 0 always, 1 while ZF is clear, 2 while it is set */
#define S_CODE_SHIFT 12  /* 2 bits: log2 of the code's bytes */

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

/* ---- as much as lies on a page, of plain memory, upwards */

/* Host memory of at most *n elements at an offset, which becomes those that there are. */
static void *span(const struct string *s, unsigned seg, uint64_t offset, bool write, uint64_t *n)
{
    uint64_t at, there = 0, to_end = s->mask - offset + 1;
    if (!place(s, seg, offset, write, &at)) {
        return NULL;
    }
    void *p = vcpu_host(&s->c->vcpu, at, write ? ACCESS_WRITE : ACCESS_READ, memop_idx(s->m),
                        &there);
    const uint64_t end = write ? s->c->seg[seg].end_write : s->c->seg[seg].end_read;
    if (!s->is_long) {
        const uint64_t below = end > offset ? end - offset : 0;
        there = there < below ? there : below;
    }
    there = to_end && to_end < there ? to_end : there;
    *n = there / s->bytes < *n ? there / s->bytes : *n;
    return *n ? p : NULL;
}

/* The first element is copied to all others, twice as many each time. */
static void fill(void *to, uint64_t value, unsigned bytes, uint64_t n)
{
    uint8_t *p = to;
    const uint64_t size = n * bytes;
    if (bytes == 1) {
        memset(p, (int)(value & 0xff), n);
        return;
    }
    store_le(p, bytes, value);
    for (uint64_t done = bytes; done < size;) {
        const uint64_t more = done < 1024 ? done : 1024 / bytes * bytes;
        memcpy(p + done, p, more < size - done ? more : size - done);
        done += more;
    }
}

/*
 * As many elements as go at once, at most n; 0: none. A copy upwards to what will be read yet is
 * done element by element.
 */
static uint64_t many(const struct string *s, uint64_t n)
{
    if (s->op > S_STOS || s->c->direction != 1 || n < 2 || s->c->vcpu.hot.raised) {
        return 0;
    }
    uint64_t k = n;
    void *to = span(s, X86_ES, get_offset(s, X86_RDI), true, &k);
    if (!to) {
        return 0;
    }
    if (s->op == S_STOS) {
        fill(to, accumulator(s), s->bytes, k);
    } else {
        void *from = span(s, s->seg, get_offset(s, X86_RSI), false, &k);
        const uint64_t behind = (uint64_t)((uintptr_t)to - (uintptr_t)from);
        if (!from || behind < k * s->bytes) {
            return 0;
        }
        memmove(to, from, k * s->bytes);
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
                       .bytes = 1u << (aux >> S_SIZE_SHIFT & 3),
                       .as = 1u << (aux >> S_AS_SHIFT & 3),
                       .seg = aux >> S_SEG_SHIFT & 7,
                       .until = aux >> S_WHILE_SHIFT & 3,
                       .is_long = (aux >> S_CODE_SHIFT & 3) == 3};
    s.mask = mask64(8 * s.as);
    s.m = log2_floor(s.bytes) | MO_IDX(v->cls->mmu_index(v));
    return s;
}

/* At most ROUNDS of them; then the same instruction goes on, at pc. */
static uint64_t do_repeat(struct vcpu *v, uint64_t next, uint64_t pc, uint64_t z, uint32_t aux)
{
    const struct string s = unpack(v, aux);
    (void)z;
    if (s.op >= S_INS && !x86_port_allowed(s.c, (uint16_t)s.c->r[X86_RDX], s.bytes)) {
        return pc; /* whatever rCX says */
    }
    for (unsigned k = 0; k < ROUNDS; k++) {
        const uint64_t left = get_offset(&s, X86_RCX);
        if (!left) {
            return x86_go(s.c, next);
        }
        const uint64_t n = many(&s, left);
        if (!n && !element(&s)) {
            return x86_go(s.c, pc);
        }
        set_offset(&s, X86_RCX, left - (n ? n : 1));
        const bool zero = s.c->flags & X86_PACK_ZF;
        if (s.until && zero == (s.until == 1)) {
            return x86_go(s.c, next);
        }
        k += n > 64 ? ROUNDS / 8 : 0;
    }
    return x86_go(s.c, pc);
}
X86_CALL(repeat, IR_CALL_FULL);

static uint64_t do_once(struct vcpu *v, uint64_t next, uint64_t pc, uint64_t z, uint32_t aux)
{
    const struct string s = unpack(v, aux);
    (void)z;
    return x86_go(s.c, element(&s) ? next : pc);
}
X86_CALL(once, IR_CALL_FULL);

static void by_call(struct x86_block *c, const struct x86_instr *i, const struct ir_call *row,
                    unsigned op, unsigned bytes)
{
    const unsigned until = op == S_CMPS || op == S_SCAS ? (i->rep == 0xf2 ? 1 : 2) : 0;
    const unsigned seg = i->seg == X86_NONE ? X86_DS : i->seg;
    x86_tail(c, row, ir_konst(c->b, T_I64, c->pc), IR_NONE,
             op | log2_floor(bytes) << S_SIZE_SHIFT | log2_floor(i->as) << S_AS_SHIFT |
                 seg << S_SEG_SHIFT | until << S_WHILE_SHIFT | log2_floor(c->mode) << S_CODE_SHIFT);
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
        by_call(c, i, &row_repeat, S_MOVS, a->dst.bytes);
        return;
    }
    x86_write(c, i, &a->dst, x86_read(c, i, &a->src));
    step_register(c, X86_RSI, i->as, a->dst.bytes);
    step_register(c, X86_RDI, i->as, a->dst.bytes);
}

void x86_stos(struct x86_block *c, const struct x86_instr *i, const struct x86_stos *a)
{
    if (i->rep) {
        by_call(c, i, &row_repeat, S_STOS, a->dst.bytes);
        return;
    }
    x86_write(c, i, &a->dst, x86_read(c, i, &a->src));
    step_register(c, X86_RDI, i->as, a->dst.bytes);
}

void x86_lods(struct x86_block *c, const struct x86_instr *i, const struct x86_lods *a)
{
    if (i->rep) {
        by_call(c, i, &row_repeat, S_LODS, a->dst.bytes);
        return;
    }
    x86_write(c, i, &a->dst, x86_read(c, i, &a->src));
    step_register(c, X86_RSI, i->as, a->dst.bytes);
}

void x86_cmps(struct x86_block *c, const struct x86_instr *i, const struct x86_cmps *a)
{
    if (i->rep) {
        by_call(c, i, &row_repeat, S_CMPS, a->dst.bytes);
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
        by_call(c, i, &row_repeat, S_SCAS, a->dst.bytes);
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
