/* SPDX-License-Identifier: MIT */
/*
 * Reads the text that tcg/print.c describes and appends it to a block. Value names are any words
 * (v5, sum); a semicolon starts a comment. The instructions go through the builder, so they are
 * folded unless the builder's no_fold is set.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/mem.h"
#include "tcg/opinfo.h"
#include "tcg/text.h"

#define NAME_MAX_LENGTH 31

struct name {
    char text[NAME_MAX_LENGTH + 1];
    ir_val v;
};

struct parser {
    struct ir_builder *b;
    const char *p;
    unsigned line;
    struct error *e;
    struct name *names;
    uint32_t name_count;
};

/* ---- tokens */

static bool fail(struct parser *s, const char *what)
{
    return error_set(s->e, "line %u: %s at \"%.20s\"", s->line, what, s->p);
}

static void skip_blanks(struct parser *s)
{
    while (*s->p == ' ' || *s->p == '\t') {
        s->p++;
    }
    if (*s->p == ';') {
        s->p += strcspn(s->p, "\n");
    }
}

static bool accept(struct parser *s, const char *token)
{
    const size_t n = strlen(token);

    skip_blanks(s);
    if (strncmp(s->p, token, n) != 0) {
        return false;
    }
    s->p += n;
    return true;
}

static bool expect(struct parser *s, const char *token)
{
    if (accept(s, token)) {
        return true;
    }
    return error_set(s->e, "line %u: \"%s\" is missing before \"%.20s\"", s->line, token, s->p);
}

static size_t word_length(const char *p)
{
    size_t n = 0;

    while (isalnum((unsigned char)p[n]) || p[n] == '_') {
        n++;
    }
    return n;
}

/* The next word; its length in *n, at least 1. */
static const char *word(struct parser *s, size_t *n)
{
    skip_blanks(s);
    const char *w = s->p;
    *n = word_length(w);
    if (*n == 0) {
        fail(s, "a word is missing");
        return NULL;
    }
    s->p += *n;
    return w;
}

static bool number(struct parser *s, uint64_t *k)
{
    char *end;

    skip_blanks(s);
    *k = strtoull(s->p, &end, 0);
    if (end == s->p || !isdigit((unsigned char)*s->p)) {
        return fail(s, "a number is missing");
    }
    s->p = end;
    return true;
}

static bool is_word(const char *w, size_t n, const char *name)
{
    return strlen(name) == n && memcmp(w, name, n) == 0;
}

/* ---- values and rows */

static bool operand(struct parser *s, uint16_t *v)
{
    size_t n;

    if (accept(s, "-")) {
        *v = IR_NONE;
        return true;
    }
    const char *w = word(s, &n);
    if (!w) {
        return false;
    }
    for (uint32_t i = s->name_count; i-- > 0;) {
        if (is_word(w, n, s->names[i].text)) {
            *v = (uint16_t)s->names[i].v;
            return true;
        }
    }
    s->p = w;
    return fail(s, "an unknown value");
}

static bool define(struct parser *s, const char *w, size_t n, ir_val v)
{
    if (n > NAME_MAX_LENGTH || s->name_count == IR_MAX_INSNS) {
        return fail(s, "a name too long, or too many");
    }
    struct name *name = &s->names[s->name_count++];
    memcpy(name->text, w, n);
    name->text[n] = '\0';
    name->v = v;
    return true;
}

static bool row(struct parser *s, uint32_t *reg)
{
    size_t n;
    const char *w = word(s, &n);

    for (unsigned i = 0; w && i < s->b->guest->reg_count; i++) {
        if (is_word(w, n, s->b->guest->regs[i].name)) {
            *reg = i;
            return true;
        }
    }
    return w ? fail(s, "an unknown register row before") : false;
}

/* ---- the parts of an instruction */

static bool qualifier_among(struct parser *s, const char *const *names, unsigned count,
                            uint32_t *index)
{
    size_t n;
    const char *w = word(s, &n);

    for (unsigned i = 0; w && i < count; i++) {
        if (is_word(w, n, names[i])) {
            *index = i;
            return true;
        }
    }
    return w ? fail(s, "an unknown qualifier before") : false;
}

static bool qualifiers(struct parser *s, struct ir_insn *in)
{
    uint32_t i;

    switch (ir_qualifier((enum ir_op)in->op)) {
    case QUALIFIER_CONDITION:
        return expect(s, ".") && qualifier_among(s, ir_cond_names, 16, &in->aux);
    case QUALIFIER_RELATIONS:
        while (accept(s, ".")) {
            if (!qualifier_among(s, ir_relation_names, 5, &i)) {
                return false;
            }
            in->aux |= 1u << i;
        }
        return true;
    case QUALIFIER_ATOMIC:
        return expect(s, ".") && qualifier_among(s, ir_atomic_names, 9, &in->aux);
    case QUALIFIER_BARRIER:
        return expect(s, ".") && qualifier_among(s, ir_barrier_names, 3, &in->aux);
    case QUALIFIER_NONE:
        break;
    }
    return true;
}

static bool memory_op(struct parser *s, memop *m)
{
    uint64_t bits;
    size_t n;

    if (!expect(s, "m") || !number(s, &bits)) {
        return false;
    }
    if (!is_pow2(bits) || bits < 8 || bits > 512) {
        return fail(s, "a wrong width before");
    }
    *m = log2_floor(bits) - 3;
    while (accept(s, ".")) {
        const char *w = word(s, &n);
        memop found = 0;
        for (unsigned i = 0; w && i < IR_MEMOP_NAMES; i++) {
            found |= is_word(w, n, ir_memop_names[i].name) ? ir_memop_names[i].is : 0;
        }
        if (!found) {
            return w ? fail(s, "an unknown property of the access before") : false;
        }
        *m |= found;
    }
    return true;
}

/* "+ 8", "- 8", "+ v3 << 2", "@80" within brackets. */
static bool address_term(struct parser *s, struct ir_insn *in, int64_t *disp)
{
    uint64_t k;
    const bool negative = accept(s, "-");

    if (!negative && accept(s, "@")) {
        if (!number(s, &k) || k % 8 != 0 || k >> 3 > UINT16_MAX) {
            return fail(s, "not the offset of a field before");
        }
        in->aux = (in->aux & 0xffff) | (uint32_t)(k >> 3) << 16;
        return true;
    }
    if (!negative && !expect(s, "+")) {
        return false;
    }
    skip_blanks(s);
    if (isdigit((unsigned char)*s->p)) {
        if (!number(s, &k)) {
            return false;
        }
        *disp += negative ? -(int64_t)k : (int64_t)k;
        return true;
    }
    if (negative || in->b != IR_NONE || !operand(s, &in->b)) {
        return fail(s, "a wrong index");
    }
    if (accept(s, "<<")) {
        if (!number(s, &k)) {
            return false;
        }
        in->aux |= (uint32_t)(k & 7) << 8;
    }
    return true;
}

static bool memory(struct parser *s, struct ir_insn *in)
{
    int64_t disp = 0;
    memop m = 0;

    if (!expect(s, "[") || !operand(s, &in->a)) {
        return false;
    }
    while (!accept(s, "]")) {
        if (!address_term(s, in, &disp)) {
            return false;
        }
    }
    if (!memory_op(s, &m)) {
        return false;
    }
    in->imm = (uint64_t)m << 32 | (uint32_t)disp;
    if (in->op == IR_cas && (!expect(s, ",") || !operand(s, &in->b))) {
        return false;
    }
    return !accept(s, ",") || operand(s, &in->c);
}

static bool call(struct parser *s, struct ir_insn *in)
{
    size_t n;
    uint64_t aux;
    const char *w;
    const struct ir_call *const *calls = s->b->guest->calls;

    if (in->op == IR_guard && (!operand(s, &in->a) || !expect(s, ","))) {
        return false;
    }
    if (!expect(s, "@") || !(w = word(s, &n))) {
        return false;
    }
    while (calls && *calls && !is_word(w, n, (*calls)->name)) {
        calls++;
    }
    if (!calls || !*calls) {
        return fail(s, "an unknown run-time function before");
    }
    in->imm = (uintptr_t)*calls;
    if (!expect(s, "(") || (in->op != IR_guard && (!operand(s, &in->a) || !expect(s, ",")))) {
        return false;
    }
    if (!operand(s, &in->b) || !expect(s, ",") || !operand(s, &in->c) || !expect(s, ")") ||
        !expect(s, "#") || !number(s, &aux)) {
        return false;
    }
    in->aux = (uint32_t)aux;
    return true;
}

static bool control_operands(struct parser *s, struct ir_insn *in)
{
    switch (in->op) {
    case IR_insn:
    case IR_br:
        return number(s, &in->imm);
    case IR_brcond:
    case IR_brcall:
        return number(s, &in->imm) && expect(s, ",") && operand(s, &in->a);
    case IR_jumpcall:
        return operand(s, &in->a) && expect(s, ",") && operand(s, &in->b);
    case IR_tail:
        return call(s, in);
    default:
        return operand(s, &in->a);
    }
}

static bool control(struct parser *s, struct ir_insn *in)
{
    uint64_t local = 0;

    if (!control_operands(s, in)) {
        return false;
    }
    if (in->op != IR_tail && accept(s, "local")) {
        if (!number(s, &local)) {
            return false;
        }
        in->aux = (uint32_t)local;
    }
    return true;
}

static bool plain(struct parser *s, struct ir_insn *in)
{
    uint16_t *const operands[3] = {&in->a, &in->b, &in->c};
    uint64_t aux = 0;

    for (unsigned i = 0; i < ir_ops[in->op].operands; i++) {
        if ((i > 0 && !expect(s, ",")) || !operand(s, operands[i])) {
            return false;
        }
    }
    if (in->op == IR_flags_fcmp || ir_has_aux((enum ir_op)in->op)) {
        if (!expect(s, ",") || !expect(s, "#") || !number(s, &aux)) {
            return false;
        }
        in->aux = (uint32_t)aux;
    }
    return !accept(s, ",") || (expect(s, "fp") && number(s, &in->imm));
}

static bool operands_of(struct parser *s, struct ir_insn *in)
{
    uint64_t k = 0;

    switch (ir_ops[in->op].shape) {
    case SHAPE_CONST:
        return number(s, &in->imm);
    case SHAPE_GET:
        if (!row(s, &in->aux)) {
            return false;
        }
        return in->type == s->b->guest->regs[in->aux].type || fail(s, "not the row's type");
    case SHAPE_PUT:
        return row(s, &in->aux) && expect(s, ",") && operand(s, &in->a);
    case SHAPE_ENV:
        if (!expect(s, "[") || !number(s, &k) || !expect(s, "]")) {
            return false;
        }
        in->aux = (uint32_t)k;
        return in->op == IR_env_load || (expect(s, ",") && operand(s, &in->a));
    case SHAPE_MEM:
        return memory(s, in);
    case SHAPE_CALLS:
        return call(s, in);
    case SHAPE_PC:
    case SHAPE_END:
        return control(s, in);
    default:
        return plain(s, in);
    }
}

/* ---- instructions */

static bool op_name(struct parser *s, struct ir_insn *in)
{
    size_t n;
    const char *w = word(s, &n);

    if (!w) {
        return false;
    }
    in->op = 0;
    while (in->op < IR_OP_COUNT && !is_word(w, n, ir_ops[in->op].name)) {
        in->op++;
    }
    if (in->op == IR_OP_COUNT) {
        s->p = w;
        return fail(s, "an unknown op");
    }
    return true;
}

static bool result_type(struct parser *s, struct ir_insn *in)
{
    size_t n;
    const char *w;

    if (!expect(s, ".") || !(w = word(s, &n))) {
        return false;
    }
    if (!ir_type_from_name(w, n, &in->type)) {
        s->p = w;
        return fail(s, "an unknown type");
    }
    return true;
}

static ir_val emit(struct ir_builder *b, const struct ir_insn *in)
{
    switch (in->op) {
    case IR_konst:
        return ir_konst(b, in->type, in->imm);
    case IR_get:
        return ir_get(b, in->aux);
    case IR_put:
        ir_put(b, in->aux, in->a);
        return IR_NONE;
    case IR_env_store:
        ir_env_store(b, in->aux, in->a);
        return IR_NONE;
    case IR_insn:
        ir_insn_start(b, in->imm);
        return IR_NONE;
    case IR_brcond:
        ir_brcond(b, in->a, in->imm);
        return IR_NONE;
    default:
        return ir_emit(b, *in);
    }
}

static bool instruction(struct parser *s)
{
    struct ir_insn in = {0};
    size_t n = 0;
    const char *start = s->p, *name = word(s, &n);

    if (!name) {
        return false;
    }
    if (!accept(s, "=")) {
        name = NULL;
        s->p = start;
    }
    if (!op_name(s, &in) || (name && !result_type(s, &in)) || !qualifiers(s, &in) ||
        !operands_of(s, &in)) {
        return false;
    }
    skip_blanks(s);
    if (*s->p != '\n' && *s->p != '\0') {
        return fail(s, "something too much");
    }
    if (ir_has_source_type((enum ir_op)in.op)) {
        in.src = ir_type_of(s->b, ir_ops[in.op].shape == SHAPE_MEM ? in.c : in.a);
    }
    if (s->b->count > IR_MAX_INSNS - 16) {
        return fail(s, "the block is too long");
    }
    const ir_val v = emit(s->b, &in);
    return !name || define(s, name, n, v);
}

bool ir_parse(struct ir_builder *b, const char *text, struct error *e)
{
    struct parser s = {.b = b, .p = text, .line = 1, .e = e};
    bool ok = true;

    s.names = mem_array(IR_MAX_INSNS, sizeof(s.names[0]));
    while (ok && *s.p) {
        skip_blanks(&s);
        if (*s.p == '\n') {
            s.p++;
            s.line++;
        } else if (*s.p) {
            ok = instruction(&s);
        }
    }
    mem_free(s.names);
    return ok;
}
