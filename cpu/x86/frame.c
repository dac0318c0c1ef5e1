/* SPDX-License-Identifier: MIT */
/* Stacks, faults and descriptors of transfers: see frame.h. */
#include "cpu/x86/frame.h"

#include "base/bits.h"

#define SYSTEM MO_IDX(X86_MMU_SYSTEM)

bool x86_fault(struct x86_cpu *c, enum x86_vector vector, uint16_t selector)
{
    x86_raise_error(c, vector, (selector & 0xfffc) | (c->event == X86_EVENT_EXTERNAL));
    return false;
}

/* ---- stacks */

struct x86_frame x86_frame_at(struct x86_cpu *c, const struct x86_segment *seg, uint64_t sp,
                              unsigned bytes, unsigned cpl)
{
    const uint64_t mask = !seg ? UINT64_MAX : seg->attr & X86_A_BIG ? 0xffffffff : 0xffff;
    return (struct x86_frame){.c = c,
                              .seg = seg,
                              .sp = sp & mask,
                              .mask = mask,
                              .bytes = bytes,
                              .idx = MO_IDX(cpl == 3 ? X86_MMU_USER : X86_MMU_SYSTEM)};
}

struct x86_frame x86_frame_current(struct x86_cpu *c, unsigned bytes)
{
    const struct x86_segment *seg = x86_is_long(c) ? NULL : &c->seg[X86_SS];
    struct x86_frame f = x86_frame_at(c, seg, c->r[X86_RSP], bytes, x86_cpl(c));
    f.idx = MO_IDX(c->vcpu.cls->mmu_index(&c->vcpu));
    return f;
}

/* Where the element at sp is; #SS if it may not be accessed. */
static bool element(const struct x86_frame *f, bool write, uint64_t *at)
{
    *at = f->sp;
    if (f->seg) {
        *at = (f->sp + f->seg->base) & 0xffffffff;
        if (x86_segment_allows(f->seg, f->sp, f->bytes, write)) {
            return true;
        }
    } else if (x86_is_canonical(f->c, f->sp) && x86_is_canonical(f->c, f->sp + f->bytes - 1)) {
        return true;
    }
    return x86_fault(f->c, X86_STACK, (uint16_t)f->error);
}

bool x86_frame_push(struct x86_frame *f, uint64_t v)
{
    uint64_t at;
    f->sp = (f->sp - f->bytes) & f->mask;
    return element(f, true, &at) &&
           vcpu_store(&f->c->vcpu, at, log2_floor(f->bytes) | f->idx, v & mask64(8 * f->bytes));
}

bool x86_frame_push_all(struct x86_frame *f, const uint64_t *v, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        if (!x86_frame_push(f, v[k])) {
            return false;
        }
    }
    return true;
}

bool x86_frame_pop(struct x86_frame *f, uint64_t *v)
{
    uint64_t at;
    if (!element(f, false, &at) || !vcpu_load(&f->c->vcpu, at, log2_floor(f->bytes) | f->idx, v)) {
        return false;
    }
    f->sp = (f->sp + f->bytes) & f->mask;
    return true;
}

bool x86_frame_pop_all(struct x86_frame *f, uint64_t *v, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        if (!x86_frame_pop(f, &v[k])) {
            return false;
        }
    }
    return true;
}

void x86_frame_commit(const struct x86_frame *f)
{
    uint64_t *sp = &f->c->r[X86_RSP];
    *sp = f->mask == 0xffff ? deposit64(*sp, 15, 0, f->sp) : f->sp;
}

/* ---- descriptors */

bool x86_find_descriptor(struct x86_cpu *c, enum x86_vector vector, uint16_t selector, uint64_t *d)
{
    const enum x86_look found = selector & 0xfffc ? x86_descriptor(c, selector, d) : X86_BEYOND;
    return found == X86_FOUND || (found == X86_BEYOND && x86_fault(c, vector, selector));
}

bool x86_mark_accessed(struct x86_cpu *c, uint16_t selector, uint64_t *d)
{
    const uint64_t base = selector & 4 ? c->ldt.base : c->gdt.base;
    uint64_t old;
    if (x86_attr_of(*d) & X86_A_ACCESSED) {
        return true;
    }
    *d |= UINT64_C(1) << 40;
    return vcpu_atomic(&c->vcpu, base + (selector & 0xfff8) + 5, MO_8 | SYSTEM, IR_ATOMIC_SET, 1,
                       &old);
}

bool x86_may_go(struct x86_cpu *c, uint64_t descriptor, uint64_t pc)
{
    struct x86_segment s;
    x86_segment_fill(&s, 0, descriptor);
    const bool is_long = (c->efer & X86_EFER_LMA) && (s.attr & X86_A_LONG);
    return (is_long ? x86_is_canonical(c, pc) : pc <= s.limit) || x86_fault(c, X86_GP, 0);
}

/* ---- stacks of inner levels: volume 3, 5.8.5, 6.12.1, 6.14.4 and 7.2.1 */

bool x86_tss_has(struct x86_cpu *c, unsigned at, unsigned bytes)
{
    return at + bytes - 1 <= c->tr.limit || x86_fault(c, X86_TS, c->tr.selector);
}

bool x86_read_tss(struct x86_cpu *c, unsigned at, unsigned bytes, uint64_t *v)
{
    return vcpu_load(&c->vcpu, c->tr.base + at, log2_floor(bytes) | SYSTEM, v);
}

bool x86_inner_stack(struct x86_cpu *c, unsigned cpl, struct x86_segment *ss, uint64_t *sp)
{
    const bool wide = (c->tr.attr & X86_A_TYPE) >= 9;
    const unsigned at = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
    uint64_t word, d;
    if (!x86_tss_has(c, at, wide ? 6 : 4) || !x86_read_tss(c, at, wide ? 4 : 2, sp) ||
        !x86_read_tss(c, at + (wide ? 4 : 2), 2, &word)) {
        return false;
    }
    const uint16_t selector = (uint16_t)word;
    if (!x86_find_descriptor(c, X86_TS, selector, &d)) {
        return false;
    }
    const unsigned attr = x86_attr_of(d);
    if ((selector & 3u) != cpl || x86_dpl_of(attr) != cpl ||
        (attr & (X86_A_USER | X86_A_CODE | X86_A_WRITE)) != (X86_A_USER | X86_A_WRITE)) {
        return x86_fault(c, X86_TS, selector);
    }
    if (!(attr & X86_A_PRESENT)) {
        return x86_fault(c, X86_STACK, selector);
    }
    if (!x86_mark_accessed(c, selector, &d)) {
        return false;
    }
    x86_segment_fill(ss, selector, d);
    return true;
}

bool x86_inner_rsp(struct x86_cpu *c, unsigned cpl, unsigned ist, uint64_t *sp)
{
    const unsigned at = ist ? 36 + 8 * (ist - 1) : 4 + 8 * cpl;
    if (!x86_tss_has(c, at, 8) || !x86_read_tss(c, at, 8, sp)) {
        return false;
    }
    return x86_is_canonical(c, *sp) || x86_fault(c, X86_STACK, 0);
}

struct x86_segment x86_null_stack(unsigned cpl)
{
    return (struct x86_segment){.selector = (uint16_t)cpl,
                                .attr = (uint16_t)(cpl << X86_A_DPL_SHIFT)};
}
