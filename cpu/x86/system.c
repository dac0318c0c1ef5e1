/* SPDX-License-Identifier: MIT */
/*
 * System instructions. Intel SDM, volume 2: CLTS, CPUID, IN, INVLPG, LGDT, LMSW, OUT, RDFSBASE,
 * RDPID, RDRAND, SGDT, SMSW, SWAPGS, WBINVD and their like; volume 3, 19.5.2 (I/O permission bit
 * map).
 */
#include "cpu/x86/translate.h"

#include <stddef.h>

#include "base/rng.h"
#include "cpu/x86/models.h"

/* ---- ports */

bool x86_port_allowed(struct x86_cpu *c, uint16_t port, unsigned bytes)
{
    const unsigned iopl = c->rflags >> 12 & 3;
    const memop m = MO_16 | MO_IDX(X86_MMU_SYSTEM);
    uint64_t map, bits;
    if (!(c->cr0 & X86_CR0_PE) || (!(c->rflags & X86_VM) && x86_cpl(c) <= iopl)) {
        return true;
    }
    if ((c->tr.attr & 0x9d) != (X86_A_PRESENT | 9) || c->tr.limit < 103) {
        return x86_raise_gp(c);
    }
    if (!vcpu_load(&c->vcpu, c->tr.base + 102, m, &map)) {
        return false;
    }
    const uint64_t at = map + port / 8;
    if (at + 1 > c->tr.limit) {
        return x86_raise_gp(c);
    }
    if (!vcpu_load(&c->vcpu, c->tr.base + at, m, &bits)) {
        return false;
    }
    return bits >> port % 8 & mask64(bytes) ? x86_raise_gp(c) : true;
}

static uint64_t do_in(struct vcpu *v, uint64_t next, uint64_t port, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    const memop m = log2_floor(bytes) | MO_IDX(X86_MMU_PORTS);
    uint64_t x;
    (void)z;
    if (x86_port_allowed(c, (uint16_t)port, bytes) && vcpu_load(v, port & 0xffff, m, &x)) {
        c->r[X86_RAX] = bytes == 4 ? x : deposit64(c->r[X86_RAX], 8 * bytes - 1, 0, x);
    }
    return x86_go(c, next);
}
X86_CALL(in, IR_CALL_FULL);

static uint64_t do_out(struct vcpu *v, uint64_t next, uint64_t port, uint64_t x, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    if (x86_port_allowed(c, (uint16_t)port, bytes)) {
        vcpu_store(v, port & 0xffff, log2_floor(bytes) | MO_IDX(X86_MMU_PORTS), x);
    }
    return x86_go(c, next);
}
X86_CALL(out, IR_CALL_FULL);

static ir_val port_of(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o)
{
    return ir_zext(c->b, T_I64, x86_read_as(c, i, o, o->kind == X86_IMMEDIATE ? 1 : 2));
}

/* Nothing is to be looked at: an access is a memory op. */
static bool ports_are_open(const struct x86_block *c)
{
    return !(c->key & X86_KEY_VM86) && c->cpl <= (c->key >> X86_KEY_IOPL_SHIFT & 3);
}

static memop port_memop(unsigned bytes)
{
    return log2_floor(bytes) | MO_IDX(X86_MMU_PORTS);
}

void x86_get_backdoor(struct vcpu *v, struct x86_backdoor *r)
{
    const struct x86_cpu *c = x86_cpu(v);
    *r = (struct x86_backdoor){(uint32_t)c->r[X86_RAX], (uint32_t)c->r[X86_RBX],
                               (uint32_t)c->r[X86_RCX], (uint32_t)c->r[X86_RDX],
                               x86_has(c, X86_HAS_x2apic)};
}

void x86_set_backdoor(struct vcpu *v, const struct x86_backdoor *r)
{
    uint64_t *to = x86_cpu(v)->r;
    to[X86_RAX] = r->eax;
    to[X86_RBX] = r->ebx;
    to[X86_RCX] = r->ecx;
    to[X86_RDX] = r->edx;
}

/* The port in DX may be the one that registers are a part of: the function has them in memory, and
 * is called in a block of its own at the same PC. */
static bool may_be_backdoor(struct x86_block *c, const struct x86_operand *port)
{
    return port->kind != X86_IMMEDIATE && (c->waits || c->shadow || (c->key & X86_KEY_TF));
}

static void leave_for_backdoor(struct x86_block *c, ir_val port)
{
    struct ir_builder *b = c->b;
    const uint32_t local = b->local;
    b->local = local | X86_LOCAL_WAITS;
    ir_brcond(b, ir_cmp(b, IR_EQ, port, ir_konst(b, T_I64, X86_BACKDOOR)), c->pc);
    b->local = local;
}

void x86_in(struct x86_block *c, const struct x86_instr *i, const struct x86_in *a)
{
    if (ports_are_open(c) && !may_be_backdoor(c, &a->src)) {
        const unsigned bytes = a->dst.bytes;
        const ir_val port = port_of(c, i, &a->src);
        if (a->src.kind != X86_IMMEDIATE) {
            leave_for_backdoor(c, port);
        }
        x86_write(c, i, &a->dst, ir_load(c->b, x86_type_of(bytes), port_memop(bytes), port, 0));
        return;
    }
    x86_tail(c, &row_in, port_of(c, i, &a->src), IR_NONE, a->dst.bytes);
}

void x86_out_port(struct x86_block *c, const struct x86_instr *i, const struct x86_out_port *a)
{
    /* The block ends: what a port has caused (SMI, the A20 gate) comes before what follows. */
    x86_tail(c, &row_out, port_of(c, i, &a->dst), ir_zext(c->b, T_I64, x86_read(c, i, &a->src)),
             a->src.bytes);
}

/* ---- descriptor tables, machine status word */

bool x86_user_mode_instruction(struct x86_block *c)
{
    return (c->key & X86_KEY_UMIP) && x86_privileged(c);
}

static void store_table(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                        uint32_t table)
{
    struct ir_builder *b = c->b;
    const uint32_t limit = table + (uint32_t)offsetof(struct x86_table, limit);
    const unsigned bytes = c->mode == 8 ? 8 : 4;
    const ir_val at = x86_offset(c, i, o), base = ir_env_load(b, T_I64, table);
    if (x86_user_mode_instruction(c)) {
        return;
    }
    x86_store(c, o->seg, at, 2, i->as, ir_trunc(b, T_I16, ir_env_load(b, T_I32, limit)));
    x86_store(c, o->seg, ir_add(b, at, ir_konst(b, T_I64, 2)), bytes, i->as,
              ir_trunc(b, x86_type_of(bytes), base));
}

void x86_sgdt(struct x86_block *c, const struct x86_instr *i, const struct x86_sgdt *a)
{
    store_table(c, i, &a->dst, offsetof(struct x86_cpu, gdt));
}

void x86_sidt(struct x86_block *c, const struct x86_instr *i, const struct x86_sidt *a)
{
    store_table(c, i, &a->dst, offsetof(struct x86_cpu, idt));
}

static uint64_t do_load_table(struct vcpu *v, uint64_t next, uint64_t limit, uint64_t base,
                              uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    if (aux == 8 && !x86_is_canonical(c, base)) {
        x86_raise_gp(c);
        return next;
    }
    *(aux & 1 ? &c->idt : &c->gdt) = (struct x86_table){.base = base, .limit = (uint32_t)limit};
    return x86_go(c, next);
}
X86_CALL(load_table, IR_CALL_FULL);

/* Of 16-bit operands the base has 24 bits. */
static void load_table(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                       bool interrupts)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = c->mode == 8 ? 8 : 4;
    if (x86_privileged(c)) {
        return;
    }
    const ir_val at = x86_offset(c, i, o), limit = x86_load(c, o->seg, at, 2, i->as);
    ir_val base = ir_zext(b, T_I64,
                          x86_load(c, o->seg, ir_add(b, at, ir_konst(b, T_I64, 2)), bytes, i->as));
    base = i->os == 2 && c->mode != 8 ? ir_ubfx(b, base, 0, 24) : base;
    x86_tail(c, &row_load_table, ir_zext(b, T_I64, limit), base,
             (bytes == 8 ? 8u : 0u) | interrupts);
}

void x86_lgdt(struct x86_block *c, const struct x86_instr *i, const struct x86_lgdt *a)
{
    load_table(c, i, &a->dst, false);
}

void x86_lidt(struct x86_block *c, const struct x86_instr *i, const struct x86_lidt *a)
{
    load_table(c, i, &a->dst, true);
}

void x86_smsw(struct x86_block *c, const struct x86_instr *i, const struct x86_smsw *a)
{
    const unsigned bytes = a->dst.kind == X86_MEMORY ? 2 : i->os;
    const ir_val cr0 = ir_env_load(c->b, T_I64, offsetof(struct x86_cpu, cr0));
    if (!x86_user_mode_instruction(c)) {
        x86_write_as(c, i, &a->dst, bytes, ir_trunc(c->b, x86_type_of(bytes), cr0));
    }
}

void x86_lmsw(struct x86_block *c, const struct x86_instr *i, const struct x86_lmsw *a)
{
    if (!x86_privileged(c)) {
        const ir_val v = ir_zext(c->b, T_I64, x86_read_as(c, i, &a->src, 2));
        x86_tail(c, &x86_row_lmsw, v, IR_NONE, 0);
    }
}

void x86_clts(struct x86_block *c, const struct x86_instr *i, const struct x86_clts *a)
{
    (void)i, (void)a;
    if (!x86_privileged(c)) {
        x86_tail(c, &x86_row_clts, IR_NONE, IR_NONE, 0);
    }
}

/* ---- caches and TLBs */

#define PRIVILEGED_NOTHING(name)                                                                   \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)i, (void)a;                                                                          \
        x86_privileged(c);                                                                         \
    }
PRIVILEGED_NOTHING(invd)
PRIVILEGED_NOTHING(wbinvd)
PRIVILEGED_NOTHING(wbnoinvd)
#undef PRIVILEGED_NOTHING

static uint64_t do_invlpg(struct vcpu *v, uint64_t next, uint64_t va, uint64_t z, uint32_t aux)
{
    (void)z, (void)aux;
    tlb_flush_range(v, va, 1, TLB_ANY_TAG, false);
    return x86_go(x86_cpu(v), next);
}
X86_CALL(invlpg, IR_CALL_FULL);

void x86_invlpg(struct x86_block *c, const struct x86_instr *i, const struct x86_invlpg *a)
{
    if (x86_privileged(c)) {
        return;
    }
    ir_val at = x86_offset(c, i, &a->dst);
    const size_t base = offsetof(struct x86_cpu, seg) + a->dst.seg * sizeof(struct x86_segment);
    if (c->mode != 8 || a->dst.seg >= X86_FS) {
        at = ir_add(c->b, at, ir_env_load(c->b, T_I64, (uint32_t)base));
    }
    x86_tail(c, &row_invlpg, c->mode == 8 ? at : ir_ubfx(c->b, at, 0, 32), IR_NONE, 0);
}

/* Volume 2, INVPCID: one address, one PCID, all, all that is not global. The TLB may drop more. */
static uint64_t do_invpcid(struct vcpu *v, uint64_t next, uint64_t type, uint64_t at, uint32_t seg)
{
    struct x86_cpu *c = x86_cpu(v);
    const memop m = MO_64 | MO_IDX(v->cls->mmu_index(v));
    uint64_t pcid, va;
    if (!x86_is_long(c) && !x86_segment_check(c, seg, at, 16, false)) {
        return next;
    }
    at += x86_is_long(c) ? 0 : c->seg[seg].base;
    if (!vcpu_load(v, at, m, &pcid) || !vcpu_load(v, at + 8, m, &va)) {
        return next;
    }
    if (type > 3 || pcid >> 12 || (type < 2 && pcid && !(c->cr4 & X86_CR4_PCIDE)) ||
        (type == 0 && !x86_is_canonical(c, va))) {
        x86_raise_gp(c);
        return next;
    }
    if (type == 0) {
        tlb_flush_range(v, va, 1, (uint32_t)pcid, false);
    } else if (type == 1) {
        tlb_flush_tag(v, (uint32_t)pcid, false);
    } else {
        tlb_flush_all(v, false);
    }
    return x86_go(c, next);
}
X86_CALL(invpcid, IR_CALL_FULL);

void x86_invpcid(struct x86_block *c, const struct x86_instr *i, const struct x86_invpcid *a)
{
    const unsigned seg = a->src.seg;
    if (x86_privileged(c)) {
        return;
    }
    ir_val at = x86_offset(c, i, &a->src);
    if (c->mode == 8) {
        at = x86_linear(c, seg, at, 16, false, i->as);
    }
    x86_tail(c, &row_invpcid, ir_zext(c->b, T_I64, x86_read(c, i, &a->dst)), at, seg);
}

/* ---- SMAP */

static void set_ac(struct x86_block *c, bool on)
{
    struct ir_builder *b = c->b;
    const uint32_t at = offsetof(struct x86_cpu, rflags);
    if (c->cpl) {
        x86_undefined(c);
        return;
    }
    const ir_val old = ir_env_load(b, T_I32, at), ac = ir_konst(b, T_I32, X86_AC);
    ir_env_store(b, at, on ? ir_or(b, old, ac) : ir_andn(b, old, ac));
    x86_switch(c, on ? X86_SWITCH_STAC : X86_SWITCH_CLAC, ir_address(b, c->next),
               ir_konst(b, T_I64, b->aux & ~mask64(32)));
}

void x86_clac(struct x86_block *c, const struct x86_instr *i, const struct x86_clac *a)
{
    (void)i, (void)a;
    set_ac(c, false);
}

void x86_stac(struct x86_block *c, const struct x86_instr *i, const struct x86_stac *a)
{
    (void)i, (void)a;
    set_ac(c, true);
}

/* ---- bases of FS and GS */

static uint32_t base_field(unsigned seg)
{
    return (uint32_t)(offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_segment));
}

static bool fsgsbase(struct x86_block *c)
{
    if (c->key & X86_KEY_FSGSBASE) {
        return true;
    }
    x86_undefined(c);
    return false;
}

static void read_base(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                      unsigned seg)
{
    if (fsgsbase(c)) {
        const ir_val v = ir_env_load(c->b, T_I64, base_field(seg));
        x86_write(c, i, o, ir_trunc(c->b, x86_type_of(o->bytes), v));
    }
}

static uint64_t do_write_base(struct vcpu *v, uint64_t next, uint64_t base, uint64_t z,
                              uint32_t seg)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)z;
    if (!x86_is_canonical(c, base)) {
        x86_raise_gp(c);
        return next;
    }
    c->seg[seg].base = base;
    return x86_go(c, next);
}
X86_CALL(write_base, IR_CALL_FULL);

static void write_base(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                       unsigned seg)
{
    if (fsgsbase(c)) {
        x86_tail(c, &row_write_base, ir_zext(c->b, T_I64, x86_read(c, i, o)), IR_NONE, seg);
    }
}

void x86_rdfsbase(struct x86_block *c, const struct x86_instr *i, const struct x86_rdfsbase *a)
{
    read_base(c, i, &a->dst, X86_FS);
}

void x86_rdgsbase(struct x86_block *c, const struct x86_instr *i, const struct x86_rdgsbase *a)
{
    read_base(c, i, &a->dst, X86_GS);
}

void x86_wrfsbase(struct x86_block *c, const struct x86_instr *i, const struct x86_wrfsbase *a)
{
    write_base(c, i, &a->src, X86_FS);
}

void x86_wrgsbase(struct x86_block *c, const struct x86_instr *i, const struct x86_wrgsbase *a)
{
    write_base(c, i, &a->src, X86_GS);
}

/* Nothing looks at the bases but accesses, which read them. */
void x86_swapgs(struct x86_block *c, const struct x86_instr *i, const struct x86_swapgs *a)
{
    struct ir_builder *b = c->b;
    const uint32_t kernel = offsetof(struct x86_cpu, kernel_gs_base);
    (void)i, (void)a;
    if (!x86_privileged(c)) {
        const ir_val current = ir_env_load(b, T_I64, base_field(X86_GS));
        ir_env_store(b, base_field(X86_GS), ir_env_load(b, T_I64, kernel));
        ir_env_store(b, kernel, current);
    }
}

/* ---- numbers */

static uint64_t do_cpuid(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    uint32_t r[4];
    (void)y, (void)z, (void)aux;
    x86_cpuid_leaf(c, (uint32_t)c->r[X86_RAX], (uint32_t)c->r[X86_RCX], r);
    c->r[X86_RAX] = r[0];
    c->r[X86_RBX] = r[1];
    c->r[X86_RCX] = r[2];
    c->r[X86_RDX] = r[3];
    return x86_go(c, next);
}
X86_CALL(cpuid, IR_CALL_FULL);

void x86_cpuid(struct x86_block *c, const struct x86_instr *i, const struct x86_cpuid *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_cpuid, IR_NONE, IR_NONE, 0);
}

static uint64_t do_random(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    return rng_u64(&x86_cpu(v)->rng);
}
X86_CALL(random, IR_CALL_FULL);

/* It always succeeds: C is set, the other flags are cleared. */
static void random_number(struct x86_block *c, const struct x86_instr *i,
                          const struct x86_operand *o)
{
    const ir_val v = ir_call(c->b, T_I64, &row_random, IR_NONE, IR_NONE, IR_NONE, 0);
    x86_write(c, i, o, ir_trunc(c->b, x86_type_of(o->bytes), v));
    x86_put_flags(c, ir_flags_from(c->b, ir_konst(c->b, T_I32, X86_PACK_CF)));
}

void x86_rdrand(struct x86_block *c, const struct x86_instr *i, const struct x86_rdrand *a)
{
    random_number(c, i, &a->dst);
}

void x86_rdseed(struct x86_block *c, const struct x86_instr *i, const struct x86_rdseed *a)
{
    random_number(c, i, &a->dst);
}

void x86_rdpid(struct x86_block *c, const struct x86_instr *i, const struct x86_rdpid *a)
{
    const ir_val v = ir_env_load(c->b, T_I64, offsetof(struct x86_cpu, tsc_aux));
    x86_write(c, i, &a->dst, ir_trunc(c->b, x86_type_of(a->dst.bytes), v));
}
