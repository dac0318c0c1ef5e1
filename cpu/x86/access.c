/* SPDX-License-Identifier: MIT */
/*
 * Operands of x86 instructions as IR: registers and their parts, addresses, segments, the stack.
 * Intel SDM, volume 1, 3.7, and volume 3, 5.3 (limits).
 *
 * A segment whose base is 0 and within whose limit all addresses lie costs nothing: the mode key
 * says so. Else the base is a field that the memory op names, and an access asks before whether it
 * ends below `end_read` or `end_write`; what does not is looked at by x86_check_segment.
 */
#include "cpu/x86/translate.h"

#include <stddef.h>

/* ---- registers */

ir_val x86_read_reg(struct x86_block *c, unsigned reg, unsigned bytes)
{
    return ir_trunc(c->b, x86_type_of(bytes), ir_get(c->b, reg));
}

static void write_field(struct x86_block *c, unsigned reg, unsigned pos, unsigned bytes, ir_val v)
{
    const ir_val wide = ir_zext(c->b, T_I64, v);
    ir_put(c->b, reg, ir_dep(c->b, ir_get(c->b, reg), wide, pos, 8 * bytes));
}

void x86_write_reg(struct x86_block *c, unsigned reg, unsigned bytes, ir_val v)
{
    if (bytes >= 4) {
        ir_put(c->b, reg, ir_zext(c->b, T_I64, v));
    } else {
        write_field(c, reg, 0, bytes, v);
    }
}

/* ---- addresses */

static uint64_t as_mask(unsigned as)
{
    return as == 8 ? UINT64_MAX : mask64(8 * as);
}

static bool has_base(const struct x86_block *c, unsigned seg)
{
    return c->mode == 8 ? seg >= X86_FS : c->key >> (X86_KEY_BASE_SHIFT + seg) & 1;
}

/* The key's bit of CS is about fetches; data in it are rare. */
static bool has_limit(const struct x86_block *c, unsigned seg)
{
    return c->mode != 8 && (seg == X86_CS || (c->key >> (X86_KEY_LIMIT_SHIFT + seg) & 1));
}

static uint32_t field(unsigned seg, size_t member)
{
    return (uint32_t)(offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_segment) + member);
}

static memop width(const struct x86_block *c, unsigned as)
{
    const memop cut = c->mode == 8 ? 0 : MO_LINEAR_32;
    return as == 8 ? 0 : as == 4 ? MO_WIDTH_32 | cut : MO_WIDTH_16 | cut;
}

memop x86_memop(const struct x86_block *c, unsigned bytes)
{
    const unsigned idx = c->cpl == 3             ? X86_MMU_USER
                         : c->key & X86_KEY_OPEN ? X86_MMU_OPEN
                                                 : X86_MMU_SYSTEM;
    return log2_floor(bytes) | MO_IDX(idx) | (c->key & X86_KEY_ALIGN ? MO_ALIGN : 0);
}

/* Base, index and displacement apart, as a memory op has them. */
static struct ir_address parts(struct x86_block *c, const struct x86_instr *i,
                               const struct x86_operand *o)
{
    struct ir_address a = {.scale = o->scale};
    const bool far = o->value != (int32_t)o->value;
    if (o->base == X86_RIP) {
        const ir_val at = ir_address(c->b, c->next + (uint64_t)o->value);
        a.base = i->as == 8 ? at : ir_ubfx(c->b, at, 0, 8 * i->as);
        return a;
    }
    a.base = o->base != X86_NONE ? ir_get(c->b, o->base) : IR_NONE;
    a.index = o->index != X86_NONE ? ir_get(c->b, o->index) : IR_NONE;
    if (a.base == IR_NONE) {
        a.base = ir_konst(c->b, T_I64, (uint64_t)o->value & as_mask(i->as));
    } else if (far) {
        a.base = ir_add(c->b, a.base, ir_konst(c->b, T_I64, (uint64_t)o->value));
    } else {
        a.disp = (int32_t)o->value;
    }
    return a;
}

ir_val x86_offset(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o)
{
    const struct ir_address a = parts(c, i, o);
    ir_val sum = a.base;
    if (a.index != IR_NONE) {
        sum = ir_add(c->b, sum, ir_shl(c->b, a.index, ir_konst(c->b, T_I64, a.scale)));
    }
    sum = ir_add(c->b, sum, ir_konst(c->b, T_I64, (uint64_t)(int64_t)a.disp));
    return i->as == 8 ? sum : ir_ubfx(c->b, sum, 0, 8 * i->as);
}

/* ---- limits */

#define CHECK_WRITE 8u
#define CHECK_BYTES_SHIFT 4

/* Volume 3, 5.3 and 5.4: of an access that is not below `end`. */
bool x86_segment_allows(const struct x86_segment *s, uint64_t offset, unsigned bytes, bool write)
{
    const bool code = s->attr & X86_A_CODE, writable = s->attr & X86_A_WRITE;
    const uint64_t last = offset + bytes - 1;
    if (!(s->attr & X86_A_PRESENT) || (write ? code || !writable : code && !writable)) {
        return false;
    }
    if (!code && (s->attr & X86_A_DOWN)) {
        return offset > s->limit && last <= (s->attr & X86_A_BIG ? 0xffffffff : 0xffff);
    }
    return last <= s->limit;
}

/* Volume 3, 20.1.1: in real mode only limits count, which is where programs write to their code. */
static bool allows(const struct x86_cpu *c, const struct x86_segment *s, uint64_t offset,
                   unsigned bytes, bool write)
{
    return c->cr0 & X86_CR0_PE ? x86_segment_allows(s, offset, bytes, write)
                               : offset + bytes - 1 <= s->limit;
}

bool x86_segment_check(struct x86_cpu *c, unsigned seg, uint64_t offset, unsigned bytes, bool write)
{
    const struct x86_segment *s = &c->seg[seg];
    if (offset + bytes - 1 >= (write ? s->end_write : s->end_read) &&
        !allows(c, s, offset, bytes, write)) {
        x86_raise_error(c, seg == X86_SS ? X86_STACK : X86_GP, 0);
        return false;
    }
    return true;
}

static uint64_t do_check_segment(struct vcpu *v, uint64_t offset, uint64_t y, uint64_t z,
                                 uint32_t aux)
{
    (void)y, (void)z;
    x86_segment_check(x86_cpu(v), aux & 7, offset, aux >> CHECK_BYTES_SHIFT, aux & CHECK_WRITE);
    return 0;
}
X86_CALL(check_segment, IR_CALL_RAISES);

static void check_limit(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes,
                        bool write)
{
    struct ir_builder *b = c->b;
    const size_t member = write ? offsetof(struct x86_segment, end_write)
                                : offsetof(struct x86_segment, end_read);
    const ir_val last = ir_add(b, offset, ir_konst(b, T_I64, bytes - 1));
    const ir_val end = ir_env_load(b, T_I64, field(seg, member));
    ir_guard(b, ir_cmp(b, IR_UGE, last, end), &row_check_segment, offset, IR_NONE,
             seg | (write ? CHECK_WRITE : 0) | bytes << CHECK_BYTES_SHIFT);
}

/* ---- memory */

/* The same with a segment's base, of 64-bit code: nothing there changes it within a block. */
static void add_long_base(struct x86_block *c, unsigned seg, struct ir_address *a)
{
    struct ir_builder *b = c->b;
    const ir_val base = ir_env_load(b, T_I64, field(seg, offsetof(struct x86_segment, base)));
    uint64_t k;
    if (a->index != IR_NONE) {
        a->base = ir_add(b, base, a->base);
    } else if (ir_const_value(b, a->base, &k) && k + (uint64_t)a->disp == (uint64_t)(int32_t)k) {
        a->base = base;
        a->disp = (int32_t)k;
    } else {
        a->index = a->base;
        a->scale = 0;
        a->base = base;
    }
}

/* The address that a memory op takes; the limit has been looked at. */
static struct ir_address place(struct x86_block *c, const struct x86_instr *i,
                               const struct x86_operand *o, unsigned bytes, bool write)
{
    struct ir_address a = parts(c, i, o);
    if (has_limit(c, o->seg)) {
        a = (struct ir_address){.base = x86_offset(c, i, o)};
        check_limit(c, o->seg, a.base, bytes, write);
    }
    if (has_base(c, o->seg) && i->as == 8) {
        add_long_base(c, o->seg, &a);
    } else if (has_base(c, o->seg)) {
        a.segment = field(o->seg, offsetof(struct x86_segment, base));
    }
    return a;
}

ir_val x86_linear(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes, bool write,
                  unsigned as)
{
    struct ir_builder *b = c->b;
    ir_val a = as == 8 ? offset : ir_ubfx(b, offset, 0, 8 * as);
    if (has_limit(c, seg)) {
        check_limit(c, seg, a, bytes, write);
    }
    if (has_base(c, seg)) {
        a = ir_add(b, a, ir_env_load(b, T_I64, field(seg, offsetof(struct x86_segment, base))));
    }
    return c->mode == 8 ? a : ir_ubfx(b, a, 0, 32);
}

static struct ir_address simple_place(struct x86_block *c, unsigned seg, ir_val offset,
                                      unsigned bytes, bool write)
{
    if (has_limit(c, seg)) {
        check_limit(c, seg, offset, bytes, write);
    }
    return (struct ir_address){
        .base = offset,
        .segment = has_base(c, seg) ? field(seg, offsetof(struct x86_segment, base)) : 0};
}

static ir_val cut(struct x86_block *c, unsigned seg, ir_val offset, unsigned as)
{
    return as == 8 || !has_limit(c, seg) ? offset : ir_ubfx(c->b, offset, 0, 8 * as);
}

ir_val x86_load(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes, unsigned as)
{
    const struct ir_address a = simple_place(c, seg, cut(c, seg, offset, as), bytes, false);
    return ir_load_at(c->b, x86_type_of(bytes), x86_memop(c, bytes) | width(c, as), &a);
}

void x86_store(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes, unsigned as,
               ir_val v)
{
    const struct ir_address a = simple_place(c, seg, cut(c, seg, offset, as), bytes, true);
    ir_store_at(c->b, x86_memop(c, bytes) | width(c, as), &a, v);
}

void x86_check_write(struct x86_block *c, unsigned seg, ir_val offset, unsigned bytes, unsigned as)
{
    if (has_limit(c, seg)) {
        check_limit(c, seg, cut(c, seg, offset, as), bytes, true);
    }
}

/* ---- operands */

static ir_val read_operand(struct x86_block *c, const struct x86_instr *i,
                           const struct x86_operand *o, unsigned bytes, bool write)
{
    switch (o->kind) {
    case X86_REGISTER:
        if (o->file == X86_HIGH_BYTE) {
            return ir_trunc(c->b, T_I8, ir_ubfx(c->b, ir_get(c->b, o->reg), 8, 8));
        }
        return x86_read_reg(c, o->reg, bytes);
    case X86_MEMORY: {
        const struct ir_address a = place(c, i, o, bytes, write);
        return ir_load_at(c->b, x86_type_of(bytes), x86_memop(c, bytes) | width(c, i->as), &a);
    }
    default:
        return x86_konst(c, bytes, (uint64_t)o->value);
    }
}

ir_val x86_read_as(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                   unsigned bytes)
{
    return read_operand(c, i, o, bytes, false);
}

ir_val x86_modify(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o)
{
    return read_operand(c, i, o, o->bytes, true);
}

ir_val x86_read(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o)
{
    return x86_read_as(c, i, o, o->bytes);
}

void x86_write_as(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                  unsigned bytes, ir_val v)
{
    if (o->kind == X86_MEMORY) {
        const struct ir_address a = place(c, i, o, bytes, true);
        ir_store_at(c->b, x86_memop(c, bytes) | width(c, i->as), &a, v);
    } else if (o->file == X86_HIGH_BYTE) {
        write_field(c, o->reg, 8, 1, v);
    } else {
        x86_write_reg(c, o->reg, bytes, v);
    }
}

void x86_write(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
               ir_val v)
{
    x86_write_as(c, i, o, o->bytes, v);
}

ir_val x86_read_memory(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                       unsigned bytes, ir_type t, memop more)
{
    const struct ir_address a = place(c, i, o, bytes, false);
    return ir_load_at(c->b, t, x86_memop(c, bytes) | width(c, i->as) | more, &a);
}

void x86_write_memory(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                      unsigned bytes, memop more, ir_val v)
{
    const struct ir_address a = place(c, i, o, bytes, true);
    ir_store_at(c->b, x86_memop(c, bytes) | width(c, i->as) | more, &a, v);
}

/* ---- the stack */

static ir_val stack_offset(struct x86_block *c, int64_t by)
{
    const ir_val sp = ir_add(c->b, ir_get(c->b, X86_RSP), ir_konst(c->b, T_I64, (uint64_t)by));
    return c->stack == 8 ? sp : ir_ubfx(c->b, sp, 0, 8 * c->stack);
}

/* The value may be narrower than its room, whose rest stays as it is. */
void x86_push_value(struct x86_block *c, unsigned bytes, ir_val v)
{
    const ir_val sp = stack_offset(c, -(int64_t)bytes);
    const unsigned size = ir_type_bits(ir_type_of(c->b, v)) / 8;
    x86_store(c, X86_SS, sp, size, c->stack, v);
    x86_write_reg(c, X86_RSP, c->stack, ir_trunc(c->b, x86_type_of(c->stack), sp));
}

ir_val x86_peek(struct x86_block *c, unsigned bytes, unsigned above)
{
    return x86_load(c, X86_SS, stack_offset(c, above), bytes, c->stack);
}

void x86_drop(struct x86_block *c, uint64_t bytes)
{
    const ir_val sp = stack_offset(c, (int64_t)bytes);
    x86_write_reg(c, X86_RSP, c->stack, ir_trunc(c->b, x86_type_of(c->stack), sp));
}

/* ---- flags */

ir_val x86_flags_with(struct x86_block *c, ir_val f, uint32_t bits, ir_val g)
{
    return ir_emit(
        c->b,
        (struct ir_insn){
            .op = IR_flags_with, .type = T_FLAGS, .a = (uint16_t)f, .b = (uint16_t)g, .aux = bits});
}

ir_val x86_flags_op(struct x86_block *c, enum ir_op op, ir_val x, ir_val y, ir_val f)
{
    return ir_emit(c->b, (struct ir_insn){.op = (uint16_t)op,
                                          .type = T_FLAGS,
                                          .src = ir_type_of(c->b, x),
                                          .a = (uint16_t)x,
                                          .b = (uint16_t)y,
                                          .c = (uint16_t)f});
}

ir_val x86_flags_set(struct x86_block *c, ir_val f, uint32_t bits, ir_val boolean)
{
    const ir_val all = ir_konst(c->b, T_I32, bits), none = ir_konst(c->b, T_I32, 0);
    return x86_flags_with(c, f, bits, ir_flags_from(c->b, ir_select(c->b, boolean, all, none)));
}
