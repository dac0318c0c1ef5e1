/* SPDX-License-Identifier: MIT */
/*
 * Saving and restoring the state of x87, SSE, AVX and PKRU. Intel SDM, volume 1, 10.5 and chapter
 * 13; volume 2: FXRSTOR, FXSAVE, XGETBV, XRSTOR, XSAVE, XSETBV and their like. No
 * supervisor state is there: IA32_XSS is 0.
 */
#include "cpu/x86/x87.h"

#include <stddef.h>
#include <string.h>

#define LEGACY_BYTES 512
#define HEADER_BYTES 64
#define C_X87 1u
#define C_SSE 2u
#define C_AVX 4u
#define C_PKRU 0x200u

/* Components beyond the legacy area: number, bytes, place in the standard format. */
static const struct component {
    uint8_t number;
    uint16_t bytes, place;
} components[] = {{2, 256, 576}, {9, 8, 2688}};
#define IMAGE_BYTES 2696

static uint32_t supported(const struct x86_cpu *c)
{
    return C_X87 | C_SSE | (x86_has(c, X86_HAS_avx) ? C_AVX : 0) |
           (x86_has(c, X86_HAS_pku) ? C_PKRU : 0);
}

/* The size of an image with these components. */
static uint32_t size_of(uint64_t mask, bool compact)
{
    uint32_t end = LEGACY_BYTES + HEADER_BYTES;
    for (size_t k = 0; k < array_len(components); k++) {
        if (mask >> components[k].number & 1) {
            end = (compact ? end : components[k].place) + components[k].bytes;
        }
    }
    return end;
}

void x86_cpuid_xsave(const struct x86_cpu *c, uint32_t subleaf, uint32_t r[4])
{
    if (!x86_has(c, X86_HAS_xsave)) {
        return;
    }
    if (subleaf == 0) {
        r[0] = supported(c);
        r[1] = size_of(c->xcr0, false);
        r[2] = size_of(supported(c), false);
    } else if (subleaf == 1) {
        r[1] = size_of(supported(c), true);
    }
    for (size_t k = 0; k < array_len(components); k++) {
        if (subleaf == components[k].number && (supported(c) >> subleaf & 1)) {
            r[0] = components[k].bytes;
            r[1] = components[k].place;
        }
    }
}

/* ---- the legacy area: volume 1, table 10-2 */

static void put_x87(const struct x86_cpu *c, uint8_t *p, bool wide)
{
    const struct x86_fpu *f = &c->fpu;
    store_le16(p, f->control);
    store_le16(p + 2, x86_fpu_status(f));
    p[4] = f->used;
    p[5] = 0;
    store_le16(p + 6, f->opcode);
    store_le64(p + 8, wide ? f->ip : (uint32_t)f->ip | (uint64_t)f->code << 32);
    store_le64(p + 16, wide ? f->dp : (uint32_t)f->dp | (uint64_t)f->data << 32);
    for (unsigned k = 0; k < 8; k++) {
        const struct x86_st *st = &f->st[x87_reg(f, k)];
        store_le64(p + 32 + 16 * k, st->low);
        store_le64(p + 40 + 16 * k, st->high);
    }
}

static void take_x87(struct x86_cpu *c, const uint8_t *p, bool wide)
{
    struct x86_fpu *f = &c->fpu;
    x86_fpu_set_control(f, load_le16(p));
    x86_fpu_set_status(f, load_le16(p + 2));
    f->used = p[4];
    f->opcode = load_le16(p + 6) & 0x7ff;
    f->ip = wide ? load_le64(p + 8) : load_le32(p + 8);
    f->code = wide ? 0 : load_le16(p + 12);
    f->dp = wide ? load_le64(p + 16) : load_le32(p + 16);
    f->data = wide ? 0 : load_le16(p + 20);
    for (unsigned k = 0; k < 8; k++) {
        struct x86_st *st = &f->st[x87_reg(f, k)];
        st->low = load_le64(p + 32 + 16 * k);
        st->high = load_le16(p + 40 + 16 * k);
    }
}

static unsigned vectors(const struct x86_cpu *c)
{
    return x86_is_long(c) ? 16 : 8;
}

/* Halves of the vector registers, 0 the lower ones; from nowhere: zeros. */
static void put_halves(const struct x86_cpu *c, unsigned half, uint8_t *p)
{
    for (unsigned k = 0; k < vectors(c); k++) {
        memcpy(p + 16 * k, &c->ymm[k].half[half], 16);
    }
}

static void take_halves(struct x86_cpu *c, unsigned half, const uint8_t *p)
{
    for (unsigned k = 0; k < vectors(c); k++) {
        if (p) {
            memcpy(&c->ymm[k].half[half], p + 16 * k, 16);
        } else {
            memset(&c->ymm[k].half[half], 0, 16);
        }
    }
}

static bool halves_are_zero(const struct x86_cpu *c, unsigned half, unsigned count)
{
    uint64_t any = 0;
    for (unsigned k = 0; k < count; k++) {
        any |= c->ymm[k].half[half].u64[0] | c->ymm[k].half[half].u64[1];
    }
    return !any;
}

static void put_mxcsr(struct x86_cpu *c, uint8_t *p)
{
    store_le32(p + 24, x86_mxcsr(c));
    store_le32(p + 28, X86_MXCSR_ALL);
}

static bool has_sse(const struct x86_cpu *c)
{
    return c->cr4 & X86_CR4_OSFXSR;
}

static uint64_t do_fxsave(struct vcpu *v, uint64_t next, uint64_t at, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    uint8_t image[LEGACY_BYTES] = {0};
    const unsigned size = has_sse(c) ? 160 + 16 * vectors(c) : 160;
    (void)z;
    if ((at & 15) && !x86_raise_gp(c)) {
        return next;
    }
    put_x87(c, image, bytes == 8);
    put_mxcsr(c, image);
    put_halves(c, 0, image + 160);
    x86_copy_out(c, at, image, size);
    return x86_go(c, next);
}
X86_CALL(fxsave, IR_CALL_FULL);

static uint64_t do_fxrstor(struct vcpu *v, uint64_t next, uint64_t at, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    uint8_t image[LEGACY_BYTES];
    (void)z;
    if (((at & 15) && !x86_raise_gp(c)) || !x86_copy_in(c, image, at, sizeof(image)) ||
        ((load_le32(image + 24) & ~X86_MXCSR_ALL) && !x86_raise_gp(c))) {
        return next;
    }
    take_x87(c, image, bytes == 8);
    if (has_sse(c)) {
        x86_set_mxcsr(c, load_le32(image + 24));
        take_halves(c, 0, image + 160);
    }
    return x86_go(c, next);
}
X86_CALL(fxrstor, IR_CALL_FULL);

static void image(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                  const struct ir_call *row, bool write)
{
    if (x86_x87_available(c)) {
        const ir_val at = x86_linear(c, o->seg, x86_offset(c, i, o), LEGACY_BYTES, write, i->as);
        x86_tail(c, row, at, IR_NONE, i->os);
    }
}

void x86_fxsave(struct x86_block *c, const struct x86_instr *i, const struct x86_fxsave *a)
{
    image(c, i, &a->dst, &row_fxsave, true);
}

void x86_fxrstor(struct x86_block *c, const struct x86_instr *i, const struct x86_fxrstor *a)
{
    image(c, i, &a->dst, &row_fxrstor, false);
}

/* ---- XSAVE: volume 1, 13.7 to 13.13 */

static bool is_zero(const void *p, size_t n)
{
    const uint8_t *bytes = p;
    return !bytes[0] && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* Components that are not as they are initially. */
static uint64_t in_use(const struct x86_cpu *c)
{
    struct x86_fpu initial = {.control = X86_FCW_INITIAL};
    uint64_t used = memcmp(&c->fpu, &initial, sizeof(initial)) ? C_X87 : 0;
    used |= halves_are_zero(c, 0, vectors(c)) ? 0 : C_SSE;
    used |= halves_are_zero(c, 1, vectors(c)) ? 0 : C_AVX;
    return used | (c->pkru ? C_PKRU : 0);
}

static uint64_t requested(const struct x86_cpu *c)
{
    return ((uint32_t)c->r[X86_RAX] | c->r[X86_RDX] << 32) & c->xcr0;
}

enum {
    X_SAVE,
    X_OPT,
    X_COMPACT,
    X_SYSTEM
};

static void put_component(const struct x86_cpu *c, unsigned number, uint8_t *p)
{
    if (number == 2) {
        put_halves(c, 1, p);
    } else {
        store_le64(p, c->pkru);
    }
}

/* The components beyond the legacy area; those that are not in use are left alone, and may be
 * skipped since the image begins as it is in memory. */
static void put_components(const struct x86_cpu *c, uint64_t layout, uint64_t what, bool compact,
                           uint8_t *p)
{
    uint32_t at = LEGACY_BYTES + HEADER_BYTES;
    for (size_t k = 0; k < array_len(components); k++) {
        const struct component *o = &components[k];
        if (!compact) {
            at = o->place;
        }
        if (what >> o->number & 1) {
            put_component(c, o->number, p + at);
        }
        at += layout >> o->number & 1 ? o->bytes : 0;
    }
}

static uint64_t do_xsave(struct vcpu *v, uint64_t next, uint64_t at, uint64_t kind, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    const bool compact = kind >= X_COMPACT;
    /* Where a compact image has no SSE, MXCSR becomes what it is initially: volume 1, 13.10. */
    const bool other_mxcsr = compact && x86_mxcsr(c) != X86_MXCSR_INITIAL;
    const uint64_t want = requested(c), used = in_use(c) | (other_mxcsr ? C_SSE : 0);
    const uint64_t saved = kind == X_SAVE ? want : want & used;
    const uint32_t size = size_of(want, compact);
    uint8_t p[IMAGE_BYTES];
    if (((at & 63) && !x86_raise_gp(c)) || !x86_copy_in(c, p, at, size)) {
        return next;
    }
    if (saved & C_X87) {
        uint8_t sse[8];
        memcpy(sse, p + 24, 8);
        put_x87(c, p, bytes == 8);
        memcpy(p + 24, sse, 8);
    }
    if (compact ? saved & C_SSE : want & (C_SSE | C_AVX)) {
        put_mxcsr(c, p);
    }
    if (saved & C_SSE) {
        put_halves(c, 0, p + 160);
    }
    put_components(c, want, saved, compact, p);
    const uint64_t old = load_le64(p + LEGACY_BYTES);
    if (compact) {
        store_le64(p + LEGACY_BYTES, want & used);
        store_le64(p + LEGACY_BYTES + 8, want | UINT64_C(1) << 63);
    } else {
        store_le64(p + LEGACY_BYTES, (old & ~want) | (want & used));
    }
    x86_copy_out(c, at, p, size);
    return x86_go(c, next);
}
X86_CALL(xsave, IR_CALL_FULL);

static void set_pkru(struct x86_cpu *c, uint32_t pkru)
{
    if (pkru != c->pkru) {
        c->pkru = pkru;
        tlb_flush_all(&c->vcpu, false);
    }
}

static void take_component(struct x86_cpu *c, unsigned number, const uint8_t *p)
{
    if (number == 2) {
        take_halves(c, 1, p);
        c->upper_used = !halves_are_zero(c, 1, 16);
    } else {
        set_pkru(c, p ? load_le32(p) : 0);
    }
}

static bool header_is_good(struct x86_cpu *c, const uint8_t *header, bool system)
{
    const uint64_t present = load_le64(header), layout = load_le64(header + 8);
    const bool compact = layout >> 63;
    if (compact) {
        return !((layout << 1 >> 1) & ~c->xcr0) && !(present & ~(layout << 1 >> 1)) &&
               is_zero(header + 16, 48) && x86_has(c, X86_HAS_xsavec);
    }
    return !system && !(present & ~c->xcr0) && is_zero(header + 8, 16);
}

static void take_components(struct x86_cpu *c, const uint8_t *p, uint64_t want)
{
    const uint64_t present = load_le64(p + LEGACY_BYTES), layout = load_le64(p + LEGACY_BYTES + 8);
    const bool compact = layout >> 63;
    uint32_t at = LEGACY_BYTES + HEADER_BYTES;
    for (size_t k = 0; k < array_len(components); k++) {
        const struct component *o = &components[k];
        if (!compact) {
            at = o->place;
        }
        if (want >> o->number & 1) {
            take_component(c, o->number, present >> o->number & 1 ? p + at : NULL);
        }
        at += layout >> o->number & 1 ? o->bytes : 0;
    }
}

static uint64_t do_xrstor(struct vcpu *v, uint64_t next, uint64_t at, uint64_t system,
                          uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint64_t want = requested(c);
    uint8_t p[IMAGE_BYTES] = {0};
    if (((at & 63) && !x86_raise_gp(c)) || !x86_copy_in(c, p, at, LEGACY_BYTES + HEADER_BYTES) ||
        (!header_is_good(c, p + LEGACY_BYTES, system) && !x86_raise_gp(c))) {
        return next;
    }
    const uint64_t present = load_le64(p + LEGACY_BYTES), layout = load_le64(p + LEGACY_BYTES + 8);
    const bool compact = layout >> 63;
    const bool mxcsr = want & (compact ? C_SSE : C_SSE | C_AVX);
    const uint32_t size = size_of(compact ? layout & c->xcr0 : want, compact);
    if ((mxcsr && (load_le32(p + 24) & ~X86_MXCSR_ALL) && !x86_raise_gp(c)) ||
        !x86_copy_in(c, p, at, size)) {
        return next;
    }
    if (want & present & C_X87) {
        take_x87(c, p, bytes == 8);
    } else if (want & C_X87) {
        memset(&c->fpu, 0, sizeof(c->fpu));
        c->fpu.control = X86_FCW_INITIAL;
    }
    if (mxcsr) {
        x86_set_mxcsr(c, compact && !(present & C_SSE) ? X86_MXCSR_INITIAL : load_le32(p + 24));
    }
    if (want & C_SSE) {
        take_halves(c, 0, present & C_SSE ? p + 160 : NULL);
    }
    take_components(c, p, want);
    tcg_mode_changed(v);
    return x86_go(c, next);
}
X86_CALL(xrstor, IR_CALL_FULL);

/* #UD without CR4.OSXSAVE, #NM with CR0.TS: nothing is emitted behind that. */
static bool xsave_available(struct x86_block *c)
{
    if (!(c->key & X86_KEY_XSAVE)) {
        x86_undefined(c);
        return false;
    }
    return !x86_task_switched(c);
}

static void extended(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                     unsigned kind)
{
    const bool loads = kind > X_SYSTEM;
    if (!xsave_available(c)) {
        return;
    }
    const ir_val at = x86_linear(c, o->seg, x86_offset(c, i, o), LEGACY_BYTES + HEADER_BYTES,
                                 !loads, i->as);
    const ir_val how = ir_konst(c->b, T_I64, loads ? kind - X_SYSTEM - 1 : kind);
    x86_tail(c, loads ? &row_xrstor : &row_xsave, at, how, i->os);
}

void x86_xsave(struct x86_block *c, const struct x86_instr *i, const struct x86_xsave *a)
{
    extended(c, i, &a->dst, X_SAVE);
}

void x86_xsaveopt(struct x86_block *c, const struct x86_instr *i, const struct x86_xsaveopt *a)
{
    extended(c, i, &a->dst, X_OPT);
}

void x86_xsavec(struct x86_block *c, const struct x86_instr *i, const struct x86_xsavec *a)
{
    extended(c, i, &a->dst, X_COMPACT);
}

void x86_xsaves(struct x86_block *c, const struct x86_instr *i, const struct x86_xsaves *a)
{
    if (!x86_privileged(c)) {
        extended(c, i, &a->dst, X_SYSTEM);
    }
}

void x86_xrstor(struct x86_block *c, const struct x86_instr *i, const struct x86_xrstor *a)
{
    extended(c, i, &a->dst, X_SYSTEM + 1);
}

void x86_xrstors(struct x86_block *c, const struct x86_instr *i, const struct x86_xrstors *a)
{
    if (!x86_privileged(c)) {
        extended(c, i, &a->dst, X_SYSTEM + 2);
    }
}

/* ---- XCR0 */

static uint64_t do_xgetbv(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint32_t number = (uint32_t)c->r[X86_RCX];
    (void)y, (void)z, (void)aux;
    if (number > 1 || (number == 1 && !x86_has(c, X86_HAS_xgetbv1))) {
        x86_raise_gp(c);
        return next;
    }
    const uint64_t value = number ? c->xcr0 & in_use(c) : c->xcr0;
    c->r[X86_RAX] = (uint32_t)value;
    c->r[X86_RDX] = value >> 32;
    return x86_go(c, next);
}
X86_CALL(xgetbv, IR_CALL_FULL);

static uint64_t do_xsetbv(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint64_t value = (uint32_t)c->r[X86_RAX] | c->r[X86_RDX] << 32;
    (void)y, (void)z, (void)aux;
    if ((uint32_t)c->r[X86_RCX] || (value & ~(uint64_t)supported(c)) || !(value & C_X87) ||
        ((value & C_AVX) && !(value & C_SSE))) {
        x86_raise_gp(c);
        return next;
    }
    c->xcr0 = value;
    tcg_mode_changed(v);
    return x86_go(c, next);
}
X86_CALL(xsetbv, IR_CALL_FULL);

void x86_xgetbv(struct x86_block *c, const struct x86_instr *i, const struct x86_xgetbv *a)
{
    (void)i, (void)a;
    if (!(c->key & X86_KEY_XSAVE)) {
        x86_undefined(c);
    } else {
        x86_tail(c, &row_xgetbv, IR_NONE, IR_NONE, 0);
    }
}

void x86_xsetbv(struct x86_block *c, const struct x86_instr *i, const struct x86_xsetbv *a)
{
    (void)i, (void)a;
    if (!(c->key & X86_KEY_XSAVE)) {
        x86_undefined(c);
    } else if (!x86_privileged(c)) {
        x86_tail(c, &row_xsetbv, IR_NONE, IR_NONE, 0);
    }
}

/* ---- protection keys of user pages: volume 2, RDPKRU, WRPKRU */

static uint64_t do_pkru(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t write)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)y, (void)z;
    if (!(c->cr4 & X86_CR4_PKE)) {
        x86_raise(c, X86_UD);
        return next;
    }
    if ((uint32_t)c->r[X86_RCX] || (write && (uint32_t)c->r[X86_RDX])) {
        x86_raise_gp(c);
        return next;
    }
    if (!write) {
        c->r[X86_RAX] = c->pkru;
        c->r[X86_RDX] = 0;
    } else {
        set_pkru(c, (uint32_t)c->r[X86_RAX]);
    }
    return x86_go(c, next);
}
X86_CALL(pkru, IR_CALL_FULL);

void x86_rdpkru(struct x86_block *c, const struct x86_instr *i, const struct x86_rdpkru *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_pkru, IR_NONE, IR_NONE, false);
}

void x86_wrpkru(struct x86_block *c, const struct x86_instr *i, const struct x86_wrpkru *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_pkru, IR_NONE, IR_NONE, true);
}
