/* SPDX-License-Identifier: MIT */
/*
 * IR as text, one instruction a line, in the form that tcg/parse.c reads:
 *
 *   v5 = add.i64 v3, v4                       the type is the result's
 *   v6 = cmp.i32.ult v3, v5                   conditions, relations and kinds follow the type
 *   v7 = load.i64 [v1 + v2 << 3 - 8] m32.sext
 *   v7 = load.i64 [v1 @80] m32.w32            the segment base is the field at that offset
 *   v8 = call.i64 @name(v1, -, -) #2          a dash is an absent operand
 *   put x0, v7
 *
 * Types of operands are not written: they are those of the values.
 */
#include <inttypes.h>

#include "tcg/opinfo.h"
#include "tcg/text.h"

const char *const ir_cond_names[16] = {"vs", "vc", "ult", "uge", "eq",  "ne",  "ule", "ugt",
                                       "mi", "pl", "pe",  "po",  "slt", "sge", "sle", "sgt"};
const char *const ir_relation_names[5] = {"lt", "eq", "gt", "un", "signalling"};
const char *const ir_atomic_names[9] = {"add",  "clr",  "eor",  "set", "smax",
                                        "smin", "umax", "umin", "swp"};
const char *const ir_barrier_names[3] = {"full", "load", "store"};
/* clang-format off */
const struct ir_memop_name ir_memop_names[IR_MEMOP_NAMES] = {
    {"sext", MO_SIGN, MO_SIGN},
    {"swap", MO_SWAP, MO_SWAP},
    {"align", MO_ALIGN, MO_ALIGN},
    {"a16", MO_WHOLE_IN_16, MO_WHOLE_IN_16},
    {"acq", MO_ACQUIRE, MO_ACQUIRE},
    {"rel", MO_RELEASE, MO_RELEASE},
    {"idx1", MO_IDX(1), MO_IDX(1)},
    {"idx2", MO_IDX(2), MO_IDX(2)},
    {"idx4", MO_IDX(4), MO_IDX(4)},
    {"idx8", MO_IDX(8), MO_IDX(8)},
    {"idx16", MO_IDX(16), MO_IDX(16)},
    {"nt", MO_NONTEMPORAL, MO_NONTEMPORAL},
    {"pair", MO_TWO_HALVES, MO_TWO_HALVES},
    {"u2", MO_UNIT_2, MO_UNIT_8},
    {"u4", MO_UNIT_4, MO_UNIT_8},
    {"u8", MO_UNIT_8, MO_UNIT_8},
    {"w32", MO_WIDTH_32, MO_WIDTH},
    {"w31", MO_WIDTH_31, MO_WIDTH},
    {"w24", MO_WIDTH_24, MO_WIDTH},
    {"w16", MO_WIDTH_16, MO_WIDTH},
    {"l32", MO_LINEAR_32, MO_LINEAR_32},
};
/* clang-format on */

enum ir_qualifier ir_qualifier(enum ir_op op)
{
    switch (op) {
    case IR_cmp:
    case IR_tst:
    case IR_vcmp:
    case IR_flags_test:
        return QUALIFIER_CONDITION;
    case IR_fcmp:
    case IR_vfcmp:
        return QUALIFIER_RELATIONS;
    case IR_atomic:
        return QUALIFIER_ATOMIC;
    case IR_barrier:
        return QUALIFIER_BARRIER;
    default:
        return QUALIFIER_NONE;
    }
}

bool ir_has_source_type(enum ir_op op)
{
    const struct ir_op_info *o = &ir_ops[op];

    return (o->effects & IR_SOURCE) || o->shape == SHAPE_CVT || o->shape == SHAPE_CVTI;
}

bool ir_has_aux(enum ir_op op)
{
    switch (ir_ops[op].shape) {
    case SHAPE_UNI:
    case SHAPE_BINI:
    case SHAPE_TRII:
    case SHAPE_CVTI:
        return ir_qualifier(op) == QUALIFIER_NONE;
    default:
        return false;
    }
}

static void print_operand(struct strbuf *out, ir_val v)
{
    if (v == IR_NONE) {
        strbuf_puts(out, "-");
    } else {
        strbuf_printf(out, "v%u", v);
    }
}

static void print_qualifier(const struct ir_insn *in, struct strbuf *out)
{
    switch (ir_qualifier((enum ir_op)in->op)) {
    case QUALIFIER_CONDITION:
        strbuf_printf(out, ".%s", ir_cond_names[in->aux & 15]);
        break;
    case QUALIFIER_RELATIONS:
        for (unsigned i = 0; i < 5; i++) {
            if (in->aux >> i & 1) {
                strbuf_printf(out, ".%s", ir_relation_names[i]);
            }
        }
        break;
    case QUALIFIER_ATOMIC:
        strbuf_printf(out, ".%s", ir_atomic_names[in->aux % 9]);
        break;
    case QUALIFIER_BARRIER:
        strbuf_printf(out, ".%s", ir_barrier_names[in->aux % 3]);
        break;
    case QUALIFIER_NONE:
        break;
    }
}

static void print_address(const struct ir_insn *in, struct strbuf *out)
{
    const int32_t disp = (int32_t)in->imm;
    const memop m = (memop)(in->imm >> 32);
    const bool indexed = (in->op == IR_load || in->op == IR_store) && in->b != IR_NONE;

    strbuf_printf(out, " [v%u", in->a);
    if (indexed) {
        strbuf_printf(out, " + v%u", in->b);
    }
    if (indexed && in->aux >> 8 & 7) {
        strbuf_printf(out, " << %u", in->aux >> 8 & 7);
    }
    if (disp != 0) {
        strbuf_printf(out, " %c %" PRId64, disp < 0 ? '-' : '+',
                      disp < 0 ? -(int64_t)disp : (int64_t)disp);
    }
    if (ir_segment(in->aux)) {
        strbuf_printf(out, " @%u", ir_segment(in->aux));
    }
    strbuf_printf(out, "] m%u", 8u << (m & MO_SIZE_LOG2));
    for (unsigned i = 0; i < IR_MEMOP_NAMES; i++) {
        const struct ir_memop_name *n = &ir_memop_names[i];
        if ((m & n->of) == n->is) {
            strbuf_printf(out, ".%s", n->name);
        }
    }
    if (in->op == IR_cas) {
        strbuf_printf(out, ", v%u", in->b);
    }
    if (in->c != IR_NONE) {
        strbuf_printf(out, ", v%u", in->c);
    }
}

static void print_call(const struct ir_insn *in, struct strbuf *out)
{
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;
    const bool guard = in->op == IR_guard;

    if (guard) {
        strbuf_printf(out, " v%u,", in->a);
    }
    strbuf_printf(out, " @%s(", row->name);
    if (!guard) {
        print_operand(out, in->a);
        strbuf_puts(out, ", ");
    }
    print_operand(out, in->b);
    strbuf_puts(out, ", ");
    print_operand(out, in->c);
    strbuf_printf(out, ") #%u", in->aux);
}

static void print_control(const struct ir_insn *in, struct strbuf *out)
{
    const char *separator = " ";

    if (in->op == IR_insn || in->op == IR_brcond || in->op == IR_br || in->op == IR_brcall) {
        strbuf_printf(out, " 0x%" PRIx64, in->imm);
        separator = ", ";
    }
    if (in->a != IR_NONE) {
        strbuf_printf(out, "%sv%u", separator, in->a);
        separator = ", ";
    }
    if (in->b != IR_NONE) {
        strbuf_printf(out, "%sv%u", separator, in->b);
    }
    if (in->aux) {
        strbuf_printf(out, " local 0x%x", in->aux);
    }
}

static void print_plain(const struct ir_insn *in, struct strbuf *out)
{
    const struct ir_op_info *info = &ir_ops[in->op];
    const uint16_t operands[3] = {in->a, in->b, in->c};

    for (unsigned i = 0; i < info->operands; i++) {
        strbuf_puts(out, i ? ", " : " ");
        print_operand(out, operands[i]);
    }
    if (in->op == IR_flags_fcmp || ir_has_aux((enum ir_op)in->op)) {
        strbuf_printf(out, ", #0x%x", in->aux);
    }
    if (in->imm) {
        strbuf_printf(out, ", fp 0x%" PRIx64, in->imm);
    }
}

void ir_print_insn(const struct ir_builder *b, ir_val v, struct strbuf *out)
{
    const struct ir_insn *in = &b->insns[v];
    const struct ir_op_info *info = &ir_ops[in->op];

    if (in->type != T_VOID) {
        strbuf_printf(out, "v%u = %s.%s", v, info->name, ir_type_name(in->type));
    } else {
        strbuf_puts(out, info->name);
    }
    print_qualifier(in, out);
    switch (info->shape) {
    case SHAPE_CONST:
        strbuf_printf(out, " 0x%" PRIx64, in->imm);
        break;
    case SHAPE_GET:
        strbuf_printf(out, " %s", b->guest->regs[in->aux].name);
        break;
    case SHAPE_PUT:
        strbuf_printf(out, " %s, v%u", b->guest->regs[in->aux].name, in->a);
        break;
    case SHAPE_ENV:
        strbuf_printf(out, " [0x%x]", in->aux);
        if (in->a != IR_NONE) {
            strbuf_printf(out, ", v%u", in->a);
        }
        break;
    case SHAPE_MEM:
        print_address(in, out);
        break;
    case SHAPE_CALLS:
        print_call(in, out);
        break;
    case SHAPE_PC:
    case SHAPE_END:
        if (in->op == IR_tail) {
            print_call(in, out);
        } else {
            print_control(in, out);
        }
        break;
    default:
        print_plain(in, out);
        break;
    }
    strbuf_putc(out, '\n');
}

void ir_print(const struct ir_builder *b, struct strbuf *out)
{
    for (ir_val v = 1; v < b->count; v++) {
        ir_print_insn(b, v, out);
    }
}
