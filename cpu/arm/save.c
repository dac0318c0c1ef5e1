/* SPDX-License-Identifier: MIT */
/*
 * Saved state: a header, the spans of struct arm_cpu listed here, the floating-point status, and
 * every system register that is a field, in the order of the table. All numbers in the host's
 * order: states do not move between hosts yet.
 */
#include "cpu/arm/save.h"

#include <string.h>

#include "cpu/arm/models.h"
#include "cpu/arm/pmu.h"
#include "cpu/arm/sysregs.h"
#include "cpu/arm/timer.h"

#define SPAN(first, last)                                                                          \
    {                                                                                              \
        offsetof(struct arm_cpu, first),                                                           \
            offsetof(struct arm_cpu, last) + sizeof(((struct arm_cpu *)0)->last)                   \
    }

static const struct span {
    size_t start, end;
} spans[] = {
    SPAN(x, qc),
    SPAN(pstate, tlbi_pending),
    SPAN(fpcr, fpcr),
    SPAN(sp_el, sp_el),
    SPAN(rng, rng),
    SPAN(timer[0].cval, timer[0].level),
    SPAN(timer[1].cval, timer[1].level),
    SPAN(pmu.cr, pmu.level),
};

struct header {
    char magic[8];
    char model[24];
    uint64_t features[2];
    uint64_t fpsr;
    uint32_t interrupt_lines, halted, powered_off, sysregs;
};
static const char magic[8] = "arm-1";

static size_t total_size(void)
{
    size_t n = sizeof(struct header) + arm_sysreg_count * sizeof(uint64_t);
    for (size_t i = 0; i < array_len(spans); i++) {
        n += spans[i].end - spans[i].start;
    }
    return n;
}

void arm_save(struct vcpu *v, struct strbuf *out)
{
    struct arm_cpu *cpu = arm_cpu(v);
    struct header h = {
        .features = {cpu->features[0], cpu->features[1]},
        .fpsr = arm_fpsr(cpu),
        .interrupt_lines = v->interrupt_lines,
        .halted = v->halted,
        .powered_off = v->powered_off,
        .sysregs = arm_sysreg_count,
    };
    memcpy(h.magic, magic, sizeof(magic));
    strncpy(h.model, cpu->model->name, sizeof(h.model) - 1);
    strbuf_bytes(out, &h, sizeof(h));
    for (size_t i = 0; i < array_len(spans); i++) {
        strbuf_bytes(out, (const uint8_t *)cpu + spans[i].start, spans[i].end - spans[i].start);
    }
    for (unsigned i = 0; i < arm_sysreg_count; i++) {
        const uint64_t value = arm_sysregs[i].offset ? *arm_sysreg_field(cpu, &arm_sysregs[i]) : 0;
        strbuf_bytes(out, &value, sizeof(value));
    }
}

static bool header_fits(const struct arm_cpu *cpu, const struct header *h, size_t n,
                        struct error *e)
{
    if (n != total_size() || memcmp(h->magic, magic, sizeof(magic)) != 0 ||
        h->sysregs != arm_sysreg_count) {
        return error_set(e, "cpu %u: the saved state is not one of this version", cpu->vcpu.index);
    }
    if (strncmp(h->model, cpu->model->name, sizeof(h->model)) != 0 ||
        memcmp(h->features, cpu->features, sizeof(h->features)) != 0) {
        return error_set(
            e, "cpu %u: the saved state is of a %.*s with other properties, not of this %s",
            cpu->vcpu.index, (int)sizeof(h->model), h->model, cpu->model->name);
    }
    return true;
}

bool arm_load(struct vcpu *v, const void *bytes, size_t n, struct error *e)
{
    struct arm_cpu *cpu = arm_cpu(v);
    struct header h = {0};
    const uint8_t *p = bytes;
    memcpy(&h, p, n < sizeof(h) ? n : sizeof(h));
    if (!header_fits(cpu, &h, n, e)) {
        return false;
    }
    p += sizeof(h);
    for (size_t i = 0; i < array_len(spans); i++) {
        memcpy((uint8_t *)cpu + spans[i].start, p, spans[i].end - spans[i].start);
        p += spans[i].end - spans[i].start;
    }
    for (unsigned i = 0; i < arm_sysreg_count; i++, p += sizeof(uint64_t)) {
        if (arm_sysregs[i].offset) {
            memcpy(arm_sysreg_field(cpu, &arm_sysregs[i]), p, sizeof(uint64_t));
        }
    }
    v->interrupt_lines = h.interrupt_lines;
    v->halted = h.halted;
    v->powered_off = h.powered_off;
    v->hot.excl_addr = UINT64_MAX;
    arm_set_fpcr(cpu, cpu->fpcr);
    const union ir_vec qc = cpu->qc;
    arm_set_fpsr(cpu, h.fpsr);
    cpu->qc = qc;
    tlb_flush_all(v, false);
    arm_mode_changed(cpu);
    atomic_store(&cpu->timer_due, true);
    atomic_store(&cpu->pmu_due, true);
    return true;
}
