/* SPDX-License-Identifier: MIT */
/*
 * Saved state: the model with its features, then what fields[] lists, and MXCSR, whose flags are
 * the floating-point environment's. A state is refused if no program can have made it, where code
 * relies on that: modes, segments, control registers (Intel SDM, volume 3, 2.5, 3.4 and 4.1).
 */
#include "cpu/x86/state.h"

#include <string.h>

#include "base/fields.h"
#include "base/mem.h"
#include "cpu/x86/fpu.h"
#include "cpu/x86/models.h"
#include "cpu/x86/monitor.h"

static const struct field segment_fields[] = {
    FIELD(x86_segment, base),
    FIELD_SKIP(x86_segment, end_read) /* x86_segment_settle */,
    FIELD_SKIP(x86_segment, end_write),
    FIELD(x86_segment, limit),
    FIELD(x86_segment, attr),
    FIELD(x86_segment, selector),
    FIELD_END,
};

static const struct field table_fields[] = {
    FIELD(x86_table, base),
    FIELD_MOST(x86_table, limit, 0xffff),
    FIELD_SKIP(x86_table, unused),
    FIELD_END,
};

static const struct field st_fields[] = {
    FIELD(x86_st, low),
    FIELD(x86_st, high),
    FIELD_SKIP(x86_st, unused),
    FIELD_END,
};

static const struct field fpu_fields[] = {
    FIELD_PARTS(x86_fpu, st, st_fields, x86_st),
    FIELD_MOST(x86_fpu, top, 7),
    FIELD(x86_fpu, used),
    FIELD(x86_fpu, control),
    FIELD(x86_fpu, status),
    FIELD(x86_fpu, opcode),
    FIELD(x86_fpu, code),
    FIELD(x86_fpu, data),
    FIELD_SKIP(x86_fpu, unused),
    FIELD(x86_fpu, ip),
    FIELD(x86_fpu, dp),
    FIELD_END,
};

static const struct field rng_fields[] = {FIELD(rng, s), FIELD_END};

#define SEGMENTS(m) FIELD_PARTS(x86_cpu, m, segment_fields, x86_segment)
#define VECTORS(m)                                                                                 \
    {                                                                                              \
        FIELD_AT_(x86_cpu, m), .type = FIELD_U64                                                   \
    }

static const struct field fields[] = {
    FIELD(x86_cpu, r),
    FIELD(x86_cpu, flags),
    FIELD(x86_cpu, rflags),
    FIELD(x86_cpu, direction),
    FIELD(x86_cpu, rip),
    FIELD(x86_cpu, aux),
    VECTORS(ymm),
    FIELD_MOST(x86_cpu, upper_used, 1),
    FIELD_PARTS(x86_cpu, fpu, fpu_fields, x86_fpu),
    SEGMENTS(seg),
    SEGMENTS(ldt),
    SEGMENTS(tr),
    FIELD_PARTS(x86_cpu, gdt, table_fields, x86_table),
    FIELD_PARTS(x86_cpu, idt, table_fields, x86_table),
    FIELD(x86_cpu, cr0),
    FIELD(x86_cpu, cr2),
    FIELD(x86_cpu, cr3),
    FIELD(x86_cpu, cr4),
    FIELD_MOST(x86_cpu, cr8, 15),
    FIELD(x86_cpu, efer),
    FIELD(x86_cpu, dr),
    FIELD(x86_cpu, star),
    FIELD(x86_cpu, lstar),
    FIELD(x86_cpu, cstar),
    FIELD(x86_cpu, fmask),
    FIELD(x86_cpu, kernel_gs_base),
    FIELD(x86_cpu, sysenter_cs),
    FIELD(x86_cpu, sysenter_esp),
    FIELD(x86_cpu, sysenter_eip),
    FIELD(x86_cpu, tsc_offset),
    FIELD(x86_cpu, tsc_aux),
    FIELD(x86_cpu, pat),
    FIELD(x86_cpu, misc_enable),
    FIELD(x86_cpu, mtrr_default),
    FIELD(x86_cpu, mtrr_range),
    FIELD(x86_cpu, mtrr_fixed),
    FIELD(x86_cpu, xcr0),
    FIELD(x86_cpu, xss),
    FIELD(x86_cpu, pkru),
    FIELD(x86_cpu, repeat_pc),
    FIELD(x86_cpu, monitor_at),
    FIELD(x86_cpu, ignne),
    FIELD(x86_cpu, monitors),
    FIELD(x86_cpu, monitor_value),
    FIELD_MOST(x86_cpu, in_mwait, 2),
    FIELD(x86_cpu, pdpte),
    FIELD(x86_cpu, smbase),
    FIELD(x86_cpu, nmi_blocked),
    FIELD(x86_cpu, in_smm),
    FIELD(x86_cpu, nmi_was_blocked),
    FIELD_MOST(x86_cpu, debug_pending, 15),
    FIELD(x86_cpu, a20_masked),
    FIELD(x86_cpu, a20_wanted),
    FIELD_PARTS(x86_cpu, rng, rng_fields, rng),
    FIELD_MOST(x86_cpu, startup, 511),
    /* x86_mxcsr(). */
    FIELD_SKIP(x86_cpu, mxcsr),
    /* It is over when the vCPU has stopped. */
    FIELD_SKIP(x86_cpu, keeps_rf),
    FIELD_SKIP(x86_cpu, steps_by_new),
    FIELD_SKIP(x86_cpu, event),
    FIELD_SKIP(x86_cpu, vector),
    FIELD_SKIP(x86_cpu, skip),
    FIELD_SKIP(x86_cpu, software),
    FIELD_SKIP(x86_cpu, has_error),
    FIELD_SKIP(x86_cpu, trap),
    FIELD_SKIP(x86_cpu, look_again),
    FIELD_SKIP(x86_cpu, error),
    /* The model, the board. */
    FIELD_SKIP(x86_cpu, model),
    FIELD_SKIP(x86_cpu, identity),
    FIELD_SKIP(x86_cpu, cpuid),
    FIELD_SKIP(x86_cpu, asked),
    FIELD_SKIP(x86_cpu, features),
    FIELD_SKIP(x86_cpu, apic),
    FIELD_SKIP(x86_cpu, table_ram),
    FIELD_SKIP(x86_cpu, cpu_count),
    FIELD_SKIP(x86_cpu, ferr),
    FIELD_SKIP(x86_cpu, monitor_timer),
    FIELD_SKIP(x86_cpu, logged),
    FIELD_SKIP(x86_cpu, boot),
    FIELD_SKIP(x86_cpu, checks),
    FIELD_SKIP(x86_cpu, pad1),
    FIELD_SKIP(x86_cpu, pad2),
    FIELD_SKIP(x86_cpu, interrupted),
    FIELD_SKIP(x86_cpu, pad3),
    FIELD_SKIP(x86_cpu, pad4),
    FIELD_END,
};

bool x86_state_check_tables(struct error *e)
{
    const size_t size = sizeof(struct x86_cpu);
    uint8_t *listed = mem_alloc(size);
    const size_t end = offsetof(struct x86_cpu, startup) + sizeof(((struct x86_cpu *)0)->startup);
    memset(listed, 1, sizeof(struct vcpu));
    memset(listed + end, 1, size - end); /* for its alignment */
    const bool good = fields_check(fields, listed, size, "struct x86_cpu", e);
    mem_free(listed);
    return good;
}

/* ---- saving and loading */

void x86_state_save(struct vcpu *v, struct strbuf *out)
{
    struct x86_cpu *c = x86_cpu(v);
    fields_put_text(out, x86_model_name(c));
    fields_put(out, FIELD_U32, c->cpuid, array_len(c->cpuid));
    fields_write(fields, c, out);
    fields_put_u32(out, x86_mxcsr(c));
}

static bool same_model(const struct x86_cpu *c, struct cursor *from, struct error *e)
{
    char name[64];
    uint32_t cpuid[array_len(c->cpuid)];
    if (!fields_take_text(from, name, sizeof(name))) {
        return error_set(e, "the state has no name of a model");
    }
    if (!fields_take(from, FIELD_U32, cpuid, array_len(cpuid), true, e)) {
        return false;
    }
    if (strcmp(name, x86_model_name(c)) != 0) {
        return error_set(e, "the state is of a %s, and -cpu here is %s", name, x86_model_name(c));
    }
    return memcmp(cpuid, c->cpuid, sizeof(cpuid)) == 0 ||
           error_set(e,
                     "the state is of a %s with other features: other on and off words of -cpu, or "
                     "another version",
                     name);
}

bool x86_state_load(struct vcpu *v, struct cursor *from, unsigned version, bool store,
                    struct error *e)
{
    struct x86_cpu *c = x86_cpu(v);
    uint32_t mxcsr;
    if (!same_model(c, from, e) || !fields_read(fields, c, from, version, store, e)) {
        return false;
    }
    if (!cursor_le32(from, &mxcsr)) {
        return error_set(e, "the state ends before MXCSR");
    }
    if (mxcsr & ~X86_MXCSR_ALL) {
        return error_set(e, "MXCSR is 0x%x, which it cannot be", mxcsr);
    }
    if (store) {
        x86_set_mxcsr(c, mxcsr);
    }
    return true;
}

void x86_state_loaded(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        x86_segment_settle(&c->seg[k]);
    }
    x86_monitor_loaded(c);
    tcg_context_changed(v);
}

/* ---- what programs cannot make */

static bool xcr0_possible(const struct x86_cpu *c)
{
    uint32_t r[4] = {0};
    x86_cpuid_xsave(c, 0, r);
    const uint64_t supported = r[0] | 1;
    return (c->xcr0 & 1) && !(c->xcr0 & ~supported) && (c->xcr0 & 6) != 4;
}

static bool flags_possible(const struct x86_cpu *c)
{
    const bool virtual = c->rflags & X86_VM;
    return !(c->rflags & ~X86_RFLAGS_KEPT) && (c->direction == 1 || c->direction == UINT64_MAX) &&
           (!virtual || ((c->cr0 & X86_CR0_PE) && !(c->efer & X86_EFER_LMA) && x86_cpl(c) == 3));
}

static bool place_possible(const struct x86_cpu *c)
{
    const uint64_t plain = c->aux & ~(uint64_t)X86_LOCAL_ALL;
    return plain == x86_code_aux(c) && (x86_is_long(c) || !(c->rip >> 32));
}

/* Code leaves upper halves alone that it takes for unused. */
static bool vectors_possible(const struct x86_cpu *c)
{
    uint64_t upper = 0;
    for (size_t k = 0; k < array_len(c->ymm); k++) {
        upper |= c->ymm[k].half[1].u64[0] | c->ymm[k].half[1].u64[1];
    }
    return c->upper_used || !upper;
}

static bool segments_possible(const struct x86_cpu *c)
{
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        if ((c->seg[k].attr & 0x0f00) || (k < X86_FS && c->seg[k].base >> 32)) {
            return false;
        }
    }
    return !((c->tr.attr | c->ldt.attr) & 0x0f00) && x86_is_canonical(c, c->seg[X86_FS].base) &&
           x86_is_canonical(c, c->seg[X86_GS].base) && x86_is_canonical(c, c->tr.base) &&
           x86_is_canonical(c, c->ldt.base);
}

static bool debug_possible(const struct x86_cpu *c)
{
    return !c->dr[4] && !c->dr[5] && !(c->dr[6] >> 32) && !(c->dr[7] >> 32);
}

bool x86_state_check(struct vcpu *v, struct error *e)
{
    const struct x86_cpu *c = x86_cpu(v);
    static const struct {
        const char *what;
        bool (*possible)(const struct x86_cpu *c);
    } checks[] = {
        {"control registers", x86_control_possible},     {"XCR0", xcr0_possible},
        {"model-specific registers", x86_msrs_possible}, {"RFLAGS", flags_possible},
        {"RIP, or what belongs to it,", place_possible}, {"segments", segments_possible},
        {"vector registers", vectors_possible},          {"debug registers", debug_possible}};
    for (size_t k = 0; k < array_len(checks); k++) {
        if (!checks[k].possible(c)) {
            return error_set(e, "%s are what no program can make them", checks[k].what);
        }
    }
    return true;
}
