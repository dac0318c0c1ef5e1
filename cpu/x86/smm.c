/* SPDX-License-Identifier: MIT */
/*
 * System management mode. Intel SDM, volume 3, chapter 31; volume 2: RSM. AMD APM, volume 2,
 * chapter 10, whose map of the state CPUs with long mode save (revision 0x20064); others save that
 * of the first Pentiums (0x20000), with what is hidden of segments in its reserved part. Both can
 * move SMBASE; accesses of ports are not restarted, HLT is.
 *
 * The board may give the vCPU a space of its own for this mode (X86_SPACE_SMM), in which SMRAM is
 * seen. Not modelled: dual-monitor treatment, SMRR.
 */
#include "cpu/x86/smm.h"

#include <stddef.h>

#include "base/bits.h"
#include "cpu/x86/dump.h"
#include "cpu/x86/frame.h"
#include "cpu/x86/translate.h"

#define STATE 0x8000u /* from SMBASE on: the map and the entry point are counted from here */
#define REVISION 0x7efcu
#define HALTED_64 0x7ec9u
#define HALTED_32 0x7f02u

/* ---- the map, by rows: where, how many bytes, of what */

struct place {
    uint16_t at;
    uint8_t bytes;
    uint16_t field;
};

#define PLACE(at, bytes, m)                                                                        \
    {                                                                                              \
        at, bytes, offsetof(struct x86_cpu, m)                                                     \
    }

static const struct place places_64[] = {
    PLACE(0x7e64, 4, gdt.limit), PLACE(0x7e68, 8, gdt.base), PLACE(0x7e84, 4, idt.limit),
    PLACE(0x7e88, 8, idt.base),  PLACE(0x7ed0, 8, efer),     PLACE(0x7f48, 8, cr4),
    PLACE(0x7f50, 8, cr3),       PLACE(0x7f58, 8, cr0),      PLACE(0x7f60, 8, dr[7]),
    PLACE(0x7f68, 8, dr[6]),     PLACE(0x7f78, 8, rip),      PLACE(0x7f80, 8, r[15]),
    PLACE(0x7f88, 8, r[14]),     PLACE(0x7f90, 8, r[13]),    PLACE(0x7f98, 8, r[12]),
    PLACE(0x7fa0, 8, r[11]),     PLACE(0x7fa8, 8, r[10]),    PLACE(0x7fb0, 8, r[9]),
    PLACE(0x7fb8, 8, r[8]),      PLACE(0x7fc0, 8, r[7]),     PLACE(0x7fc8, 8, r[6]),
    PLACE(0x7fd0, 8, r[5]),      PLACE(0x7fd8, 8, r[4]),     PLACE(0x7fe0, 8, r[3]),
    PLACE(0x7fe8, 8, r[2]),      PLACE(0x7ff0, 8, r[1]),     PLACE(0x7ff8, 8, r[0]),
};

static const struct place places_32[] = {
    PLACE(0x7f14, 4, cr4),       PLACE(0x7f54, 4, idt.limit), PLACE(0x7f58, 4, idt.base),
    PLACE(0x7f70, 4, gdt.limit), PLACE(0x7f74, 4, gdt.base),  PLACE(0x7fc8, 4, dr[7]),
    PLACE(0x7fcc, 4, dr[6]),     PLACE(0x7fd0, 4, r[0]),      PLACE(0x7fd4, 4, r[1]),
    PLACE(0x7fd8, 4, r[2]),      PLACE(0x7fdc, 4, r[3]),      PLACE(0x7fe0, 4, r[4]),
    PLACE(0x7fe4, 4, r[5]),      PLACE(0x7fe8, 4, r[6]),      PLACE(0x7fec, 4, r[7]),
    PLACE(0x7ff0, 4, rip),       PLACE(0x7ff8, 4, cr3),       PLACE(0x7ffc, 4, cr0),
};

/* A segment: where its selector, attributes, limit and base are. */
struct segment_place {
    uint16_t field, selector, attr, limit, base;
};

#define WIDE(m, at)                                                                                \
    {                                                                                              \
        offsetof(struct x86_cpu, m), at, (at) + 2, (at) + 4, (at) + 8                              \
    }
#define NARROW(m, selector, at)                                                                    \
    {                                                                                              \
        offsetof(struct x86_cpu, m), selector, at, (at) + 4, (at) + 8                              \
    }

static const struct segment_place segments_64[] = {
    WIDE(seg[X86_ES], 0x7e00), WIDE(seg[X86_CS], 0x7e10), WIDE(seg[X86_SS], 0x7e20),
    WIDE(seg[X86_DS], 0x7e30), WIDE(seg[X86_FS], 0x7e40), WIDE(seg[X86_GS], 0x7e50),
    WIDE(ldt, 0x7e70),         WIDE(tr, 0x7e90),
};

static const struct segment_place segments_32[] = {
    NARROW(seg[X86_ES], 0x7fa8, 0x7f84), NARROW(seg[X86_CS], 0x7fac, 0x7f90),
    NARROW(seg[X86_SS], 0x7fb0, 0x7f9c), NARROW(seg[X86_DS], 0x7fb4, 0x7f2c),
    NARROW(seg[X86_FS], 0x7fb8, 0x7f38), NARROW(seg[X86_GS], 0x7fbc, 0x7f44),
    NARROW(ldt, 0x7fc0, 0x7f78),         NARROW(tr, 0x7fc4, 0x7f5c),
};

static const struct map {
    const struct place *places;
    const struct segment_place *segments;
    uint16_t count, flags, flags_bytes, base, halted;
    uint32_t revision;
} maps[] = {{places_32, segments_32, array_len(places_32), 0x7ff4, 4, 0x7ef8, HALTED_32, 0x20000},
            {places_64, segments_64, array_len(places_64), 0x7f70, 8, 0x7f00, HALTED_64, 0x20064}};

static const struct map *map_of(const struct x86_cpu *c)
{
    return &maps[x86_has(c, X86_HAS_lm)];
}

static paddr address(const struct x86_cpu *c, unsigned at)
{
    return (c->smbase + STATE + at) & UINT32_MAX;
}

static uint64_t *number(struct x86_cpu *c, uint16_t field)
{
    return (uint64_t *)(void *)((char *)c + field);
}

static void put(struct x86_cpu *c, unsigned at, unsigned bytes, uint64_t value)
{
    space_store(x86_space(c), address(c, at), bytes, value & mask64(8 * bytes));
}

static uint64_t take(struct x86_cpu *c, unsigned at, unsigned bytes)
{
    uint64_t value = 0;
    space_load(x86_space(c), address(c, at), bytes, &value);
    return value;
}

/* Limits of tables are the fields of 32 bits among them. */
static bool is_limit(uint16_t field)
{
    return field == offsetof(struct x86_cpu, gdt.limit) ||
           field == offsetof(struct x86_cpu, idt.limit);
}

static void put_all(struct x86_cpu *c, const struct map *m)
{
    const unsigned wide = m->flags_bytes;
    for (unsigned k = 0; k < m->count; k++) {
        const struct place *p = &m->places[k];
        put(c, p->at, p->bytes,
            is_limit(p->field) ? *(uint32_t *)(void *)number(c, p->field) : *number(c, p->field));
    }
    for (unsigned k = 0; k < array_len(segments_64); k++) {
        const struct segment_place *p = &m->segments[k];
        const struct x86_segment *s = (struct x86_segment *)(void *)number(c, p->field);
        put(c, p->selector, wide == 8 ? 2 : 4, s->selector);
        put(c, p->attr, wide == 8 ? 2 : 4, s->attr);
        put(c, p->limit, 4, s->limit);
        put(c, p->base, wide, s->base);
    }
    put(c, m->flags, wide, x86_rflags(c));
    put(c, m->base, 4, c->smbase);
    put(c, REVISION, 4, m->revision);
}

static void take_all(struct x86_cpu *c, const struct map *m)
{
    const unsigned wide = m->flags_bytes;
    for (unsigned k = 0; k < m->count; k++) {
        const struct place *p = &m->places[k];
        const uint64_t value = take(c, p->at, p->bytes);
        if (is_limit(p->field)) {
            *(uint32_t *)(void *)number(c, p->field) = (uint32_t)value & 0xffff;
        } else {
            *number(c, p->field) = value;
        }
    }
    for (unsigned k = 0; k < array_len(segments_64); k++) {
        const struct segment_place *p = &m->segments[k];
        struct x86_segment *s = (struct x86_segment *)(void *)number(c, p->field);
        s->selector = (uint16_t)take(c, p->selector, 2);
        s->attr = (uint16_t)take(c, p->attr, 2) & 0xf0ff;
        s->limit = (uint32_t)take(c, p->limit, 4);
        s->base = take(c, p->base, wide);
        x86_segment_settle(s);
    }
    c->smbase = (uint32_t)take(c, m->base, 4);
}

/* ---- SMI: 31.5 */

static void change_space(struct x86_cpu *c)
{
    tlb_flush_all(&c->vcpu, false);
    tcg_context_changed(&c->vcpu);
}

static void enter_segments(struct x86_cpu *c)
{
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        c->seg[k] = (struct x86_segment){.limit = UINT32_MAX, .attr = 0x8093};
        x86_segment_settle(&c->seg[k]);
    }
    c->seg[X86_CS].selector = (uint16_t)(c->smbase >> 4);
    c->seg[X86_CS].base = c->smbase;
}

/* The map of CPUs without long mode has no room for EFER, which they keep as it is. */
static uint64_t kept_efer(const struct x86_cpu *c)
{
    return map_of(c) == &maps[0] ? c->efer : 0;
}

void x86_enter_smm(struct x86_cpu *c, bool halted)
{
    const struct map *m = map_of(c);
    x86_dump_mode(c, "SMM: enter");
    c->in_smm = true;
    put_all(c, m);
    put(c, m->halted, 1, halted);
    c->nmi_was_blocked = c->nmi_blocked;
    c->nmi_blocked = true;
    x86_set_rflags(c, 2, UINT32_MAX);
    enter_segments(c);
    c->rip = STATE;
    c->cr0 &= ~(uint64_t)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
    c->cr4 = 0;
    c->efer = kept_efer(c);
    c->dr[7] = X86_DR7_FIXED;
    c->aux = x86_code_aux(c);
    x86_debug_changed(c);
    change_space(c);
}

/* ---- RSM: 31.13 */

/* The state that software left in SMRAM is one that the CPU can have. */
static bool is_possible(struct x86_cpu *c, uint64_t flags)
{
    return x86_control_possible(c) && !(c->dr[6] >> 32) && !(c->dr[7] >> 32) &&
           (!(flags & X86_VM) || (c->cr0 & X86_CR0_PE));
}

static void leave(struct x86_cpu *c)
{
    const struct map *m = map_of(c);
    const uint64_t flags = take(c, m->flags, m->flags_bytes);
    const bool halted = take(c, m->halted, 1) & 1;
    c->efer = kept_efer(c);
    take_all(c, m);
    c->cr0 |= 0x10;
    c->dr[6] |= X86_DR6_FIXED;
    c->dr[7] |= X86_DR7_FIXED;
    if (!is_possible(c, flags)) {
        x86_shut_down(c, "RSM found a state in SMRAM that no CPU can have");
        return;
    }
    x86_set_rflags(c, flags, UINT32_MAX);
    x86_flags_returned(c, false);
    c->rip &= x86_is_long(c) ? UINT64_MAX : UINT32_MAX;
    c->nmi_blocked = c->nmi_was_blocked;
    atomic_store(&c->vcpu.halted, halted);
}

static uint64_t do_rsm(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)y, (void)z, (void)aux;
    if (!c->in_smm) {
        x86_raise(c, X86_UD);
        return next;
    }
    leave(c);
    c->in_smm = false;
    if (!x86_load_cr3(c, c->cr3)) { /* the handler may have had PAE's pointers of its own */
        v->hot.raised = 0;
        x86_shut_down(c, "RSM found pointers of PAE that no CPU can have");
    }
    x86_debug_changed(c);
    change_space(c);
    vcpu_exit_soon(v);
    x86_dump_mode(c, "SMM: after RSM");
    return x86_go(c, c->rip);
}
X86_CALL(rsm, IR_CALL_FULL);

void x86_rsm(struct x86_block *c, const struct x86_instr *i, const struct x86_rsm *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_rsm, IR_NONE, IR_NONE, 0);
}
