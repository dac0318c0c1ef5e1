/* SPDX-License-Identifier: MIT */
/*
 * Saved state: the model and its features, then the registers that the tables of registers list
 * (arm_ir_guest, by order; arm_sysregs, by encoding), and what fields[] here lists beside them.
 *
 * A system register that a state does not have yet has its value after reset. One that this program
 * does not know is refused, as is a value that no guest can have written where code relies on it.
 */
#include "cpu/arm/save.h"

#include <string.h>

#include "base/fields.h"
#include "base/mem.h"
#include "cpu/arm/models.h"
#include "cpu/arm/pmu.h"
#include "cpu/arm/regs.h"
#include "cpu/arm/sysregs.h"
#include "cpu/arm/timer.h"

static const struct field timer_fields[] = {
    FIELD(arm_timer_state, cval),
    FIELD_MOST(arm_timer_state, ctl, 3),
    FIELD(arm_timer_state, level),
    FIELD_SKIP(arm_timer_state, pad),
    FIELD_SKIP(arm_timer_state, irq),
    FIELD_DUE(arm_timer_state, timer),
    FIELD_END,
};

static const struct field pmu_fields[] = {
    FIELD(arm_pmu, cr),
    FIELD(arm_pmu, cnten),
    FIELD(arm_pmu, inten),
    FIELD(arm_pmu, ovs),
    FIELD_SKIP(arm_pmu, userenr) /* of arm_sysregs */,
    FIELD_MOST(arm_pmu, selr, 31),
    FIELD(arm_pmu, type),
    FIELD(arm_pmu, count),
    FIELD(arm_pmu, base),
    FIELD(arm_pmu, filtered),
    FIELD(arm_pmu, level),
    FIELD_SKIP(arm_pmu, pad),
    FIELD_SKIP(arm_pmu, irq),
    FIELD_DUE(arm_pmu, timer),
    FIELD_END,
};

static const struct field rng_fields[] = {FIELD(rng, s), FIELD_END};

/* A register for each exception level, of which arm_sysregs names those that there are. */
#define LEVELS(m) FIELD_SKIP(arm_cpu, m)

static const struct field fields[] = {
    FIELD(arm_cpu, pc),
    FIELD(arm_cpu, pstate),
    FIELD(arm_cpu, branch_pc),
    FIELD_MOST(arm_cpu, branch_type, 3),
    FIELD(arm_cpu, bti_page_fetched),
    FIELD(arm_cpu, bti_seen),
    FIELD(arm_cpu, sp_misaligned),
    FIELD(arm_cpu, off_pending),
    FIELD(arm_cpu, tlbi_pending),
    FIELD(arm_cpu, fpcr),
    FIELD(arm_cpu, sp_el),
    FIELD_PARTS(arm_cpu, timer, timer_fields, arm_timer_state),
    FIELD_DUE(arm_cpu, wfit_timer),
    FIELD(arm_cpu, timer_due),
    FIELD(arm_cpu, pmu_due),
    FIELD(arm_cpu, wfit_due),
    FIELD_PARTS(arm_cpu, pmu, pmu_fields, arm_pmu),
    FIELD_PARTS(arm_cpu, rng, rng_fields, rng),
    LEVELS(elr),
    LEVELS(spsr),
    LEVELS(esr),
    LEVELS(far),
    LEVELS(tpidr),
    LEVELS(contextidr),
    LEVELS(scxtnum),
    LEVELS(sctlr),
    LEVELS(ttbr0),
    LEVELS(ttbr1),
    LEVELS(tcr),
    LEVELS(mair),
    LEVELS(vbar),
    LEVELS(amair),
    LEVELS(afsr0),
    LEVELS(afsr1),
    LEVELS(actlr),
    /* Follows from the rest, or is over when the vCPU has stopped. */
    FIELD_SKIP(arm_cpu, mode),
    FIELD_SKIP(arm_cpu, mode_el),
    FIELD_SKIP(arm_cpu, regime),
    FIELD_SKIP(arm_cpu, table_ram),
    FIELD_SKIP(arm_cpu, exception),
    /* The model, the board, the command line. */
    FIELD_SKIP(arm_cpu, cntfrq_hz),
    FIELD_SKIP(arm_cpu, model),
    FIELD_SKIP(arm_cpu, features),
    FIELD_SKIP(arm_cpu, id),
    FIELD_SKIP(arm_cpu, pauth_level),
    FIELD_SKIP(arm_cpu, qarma),
    FIELD_SKIP(arm_cpu, cbar),
    FIELD_SKIP(arm_cpu, cluster_cpus),
    FIELD_SKIP(arm_cpu, psci_by_hvc),
    FIELD_SKIP(arm_cpu, semihosting),
    FIELD_SKIP(arm_cpu, semihosting_user),
    FIELD_SKIP(arm_cpu, pac),
    FIELD_SKIP(arm_cpu, pad1),
    FIELD_SKIP(arm_cpu, pad2),
    FIELD_SKIP(arm_cpu, pad3),
    FIELD_SKIP(arm_cpu, pad4),
    FIELD_SKIP(arm_cpu, pad5),
    FIELD_SKIP(arm_cpu, pad6),
    FIELD_END,
};

bool arm_check_tables(struct error *e)
{
    const size_t size = sizeof(struct arm_cpu);
    uint8_t *listed = mem_alloc(size);
    memset(listed, 1, sizeof(struct vcpu));
    for (unsigned i = 0; i < arm_ir_guest.reg_count; i++) {
        const struct ir_reg *r = &arm_ir_guest.regs[i];
        memset(listed + r->offset, 1, r->type == T_V128 ? 16 : 8);
    }
    for (unsigned i = 0; i < arm_sysreg_count; i++) {
        if (arm_sysregs[i].offset) {
            memset(listed + arm_sysregs[i].offset, 1, sizeof(uint64_t));
        }
    }
    const bool good = fields_check(fields, listed, size, "struct arm_cpu", e);
    mem_free(listed);
    return good;
}

/* ---- saving */

static size_t row_words(const struct ir_reg *r)
{
    return r->type == T_V128 ? 2 : 1;
}

/* A register that is a field, and that this model has. */
static bool is_saved(const struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    return r->offset && arm_sysreg_find(cpu, r->key) == r;
}

static void save_sysregs(struct arm_cpu *cpu, struct strbuf *out)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < arm_sysreg_count; i++) {
        count += is_saved(cpu, &arm_sysregs[i]);
    }
    fields_put_u32(out, count);
    for (unsigned i = 0; i < arm_sysreg_count; i++) {
        if (is_saved(cpu, &arm_sysregs[i])) {
            fields_put_u16(out, arm_sysregs[i].key);
            fields_put_u64(out, *arm_sysreg_field(cpu, &arm_sysregs[i]));
        }
    }
}

void arm_save(struct vcpu *v, struct strbuf *out)
{
    struct arm_cpu *cpu = arm_cpu(v);
    fields_put_text(out, cpu->model->name);
    fields_put(out, FIELD_U64, cpu->features, array_len(cpu->features));
    for (unsigned i = 0; i < arm_ir_guest.reg_count; i++) {
        const struct ir_reg *r = &arm_ir_guest.regs[i];
        fields_put(out, FIELD_U64, (const char *)cpu + r->offset, row_words(r));
    }
    fields_write(fields, cpu, out);
    fields_put_u32(out, (uint32_t)arm_fpsr(cpu));
    save_sysregs(cpu, out);
}

/* ---- loading */

static bool same_model(const struct arm_cpu *cpu, struct cursor *c, struct error *e)
{
    char name[64];
    uint64_t features[array_len(cpu->features)];
    if (!fields_take_text(c, name, sizeof(name))) {
        return error_set(e, "the state has no name of a model");
    }
    if (!fields_take(c, FIELD_U64, features, array_len(features), true, e)) {
        return false;
    }
    if (strcmp(name, cpu->model->name) != 0) {
        return error_set(e, "the state is of a %s, and -cpu here is %s", name, cpu->model->name);
    }
    return memcmp(features, cpu->features, sizeof(features)) == 0 ||
           error_set(e,
                     "the state is of a %s with features %016llx:%016llx, and the one here has "
                     "%016llx:%016llx: other on and off words of -cpu, or another version",
                     name, (unsigned long long)features[1], (unsigned long long)features[0],
                     (unsigned long long)cpu->features[1], (unsigned long long)cpu->features[0]);
}

static bool load_rows(struct arm_cpu *cpu, struct cursor *c, bool store, struct error *e)
{
    for (unsigned i = 0; i < arm_ir_guest.reg_count; i++) {
        const struct ir_reg *r = &arm_ir_guest.regs[i];
        if (!fields_take(c, FIELD_U64, (char *)cpu + r->offset, row_words(r), store, e)) {
            error_prefix(e, "%s: ", r->name);
            return false;
        }
    }
    return true;
}

static bool can_have(const struct arm_sysreg *r, uint64_t value, struct error *e)
{
    if (r->write || !(r->flags & SR_W1) || !((value ^ r->reset) & ~r->mask)) {
        return true;
    }
    return error_set(e, "%s is 0x%llx, which cannot be written to it", r->name,
                     (unsigned long long)value);
}

static bool load_sysreg(struct arm_cpu *cpu, uint16_t key, uint64_t value, bool store,
                        struct error *e)
{
    const struct arm_sysreg *r = arm_sysreg_find(cpu, key);
    if (!r || !r->offset) {
        return error_set(e,
                         "the state has a system register 0x%04x, which this program does not "
                         "know",
                         key);
    }
    if (!can_have(r, value, e)) {
        return false;
    }
    if (store) {
        *arm_sysreg_field(cpu, r) = value;
    }
    return true;
}

static bool load_sysregs(struct arm_cpu *cpu, struct cursor *c, bool store, struct error *e)
{
    uint32_t count;
    if (!cursor_le32(c, &count) || count > arm_sysreg_count) {
        return error_set(e, "the state ends before its system registers");
    }
    if (store) {
        arm_sysregs_reset(cpu);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint16_t key;
        uint64_t value;
        if (!cursor_le16(c, &key) || !cursor_le64(c, &value)) {
            return error_set(e, "the state ends within its system registers");
        }
        if (!load_sysreg(cpu, key, value, store, e)) {
            return false;
        }
    }
    return true;
}

/* Bits of pstate that exception entry and the guest can set; NZCV and BTYPE are elsewhere. */
#define PSTATE_POSSIBLE                                                                            \
    (PSTATE_SP | PSTATE_EL | PSTATE_DAIF | PSTATE_SSBS | PSTATE_IL | PSTATE_SS | PSTATE_PAN |      \
     PSTATE_UAO | PSTATE_DIT)

bool arm_check_state(struct vcpu *v, struct error *e)
{
    const struct arm_cpu *cpu = arm_cpu(v);
    const uint32_t p = cpu->pstate;
    const uint32_t possible = PSTATE_POSSIBLE | (arm_has(cpu, ARM_HAS_nmi) ? PSTATE_ALLINT : 0);
    if ((p & ~possible) || arm_el(cpu) > 1 || (arm_el(cpu) == 0 && (p & PSTATE_SP))) {
        return error_set(e, "PSTATE is 0x%x, which this CPU cannot have", p);
    }
    return !(cpu->fpcr & ~arm_fpcr_mask(cpu)) ||
           error_set(e, "FPCR is 0x%x, which this CPU cannot have", cpu->fpcr);
}

bool arm_load(struct vcpu *v, struct cursor *c, unsigned version, bool store, struct error *e)
{
    struct arm_cpu *cpu = arm_cpu(v);
    uint32_t fpsr;
    if (!same_model(cpu, c, e) || !load_rows(cpu, c, store, e) ||
        !fields_read(fields, cpu, c, version, store, e)) {
        return false;
    }
    if (!cursor_le32(c, &fpsr)) {
        return error_set(e, "the state ends before FPSR");
    }
    if (store) {
        const union ir_v128 qc = cpu->qc;
        arm_set_fpsr(cpu, fpsr);
        cpu->qc = qc;
    }
    return load_sysregs(cpu, c, store, e);
}

void arm_loaded(struct vcpu *v)
{
    struct arm_cpu *cpu = arm_cpu(v);
    arm_set_fpcr(cpu, cpu->fpcr);
    arm_mode_changed(cpu);
}
