/* SPDX-License-Identifier: MIT */
/*
 * Address translation, stage 1 of VMSAv8-64 (DDI 0487, D8): granules of 4, 16 and 64 KB, 48 and 52
 * bits (FEAT_LPA, FEAT_LVA, FEAT_LPA2, FEAT_TTST), hierarchical permissions (FEAT_HPDS), hardware
 * access flag and dirty state (FEAT_HAFDBS), PAN, E0PD. The contiguous bit is a hint that is not
 * taken.
 *
 * What of a walk only reads is in walk_leaf.c. A walk is described by two structs, so that EL2, EL3
 * and stage 2 can come beside it: struct arm_regime, what registers say of the half of the address
 * space that is used, and struct arm_walk, where the walk stands.
 */
#include "cpu/arm/mmu.h"

#include "base/atomic.h"
#include "base/log.h"
#include "cpu/arm/debug.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/sysregs.h"
#include "cpu/arm/walk.h"
#include "memory/dirty.h"

unsigned arm_pa_bits(const struct arm_cpu *cpu)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 52};
    const unsigned range = cpu->id[ARM_ID_MMFR0] & 15;
    return bits[range < array_len(bits) ? range : array_len(bits) - 1];
}

/* ---- the regime of EL1 and EL0 */

static unsigned granule_of(const struct arm_cpu *cpu, uint64_t tcr, bool upper)
{
    enum {
        G4,
        G64,
        G16
    };
    static const uint8_t tg1[] = {G4, G16, G4, G64}; /* of the reserved value 4 KB */
    const unsigned tg = upper ? tg1[tcr >> 30 & 3] : tcr >> 14 & 3;
    const uint64_t mmfr0 = cpu->id[ARM_ID_MMFR0];
    if (tg == G64 && (mmfr0 >> 24 & 15) == 0) {
        return 16;
    }
    return tg == G16 && (mmfr0 >> 20 & 15) != 0 ? 14 : 12;
}

static unsigned output_bits(const struct arm_cpu *cpu, const struct arm_regime *g, uint64_t tcr)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 52, 52};
    const unsigned asked = bits[tcr >> 32 & 7], have = arm_pa_bits(cpu);
    const unsigned most = g->granule_bits == 16 || g->ds ? 52 : 48;
    const unsigned least = asked < have ? asked : have;
    return least < most ? least : most;
}

/* Where walks start, for addresses of so many bits. */
static void set_start(struct arm_regime *g, unsigned bits, uint64_t ttbr)
{
    const unsigned stride = g->granule_bits - 3u;
    const unsigned levels = (bits - g->granule_bits + stride - 1) / stride;
    const bool wide = g->pa_bits == 52;
    g->start_level = (int8_t)(4 - (int)levels);
    g->start_shift = (uint8_t)(g->granule_bits + (levels - 1) * stride);
    g->start_mask = mask64(bits - g->start_shift);
    const unsigned table_bits = bits - g->start_shift + 3;
    uint64_t base = ttbr & mask64(48) & ~UINT64_C(1);
    if (wide) {
        base = (base & ~mask64(6)) | (ttbr >> 2 & 15) << 48;
    }
    g->start_table = base & ~mask64(wide && table_bits < 6 ? 6 : table_bits);
}

static bool good_tsz(const struct arm_cpu *cpu, const struct arm_regime *g, unsigned tsz)
{
    const bool wide = g->granule_bits == 16 ? arm_has(cpu, ARM_HAS_lva) : g->ds;
    const unsigned most = arm_has(cpu, ARM_HAS_ttst) ? (g->granule_bits == 16 ? 47 : 48) : 39;
    return tsz >= (wide ? 12 : 16) && tsz <= most;
}

static struct arm_regime regime_of(const struct arm_cpu *cpu, bool upper)
{
    const uint64_t sctlr = cpu->sctlr[1], tcr = cpu->tcr[1];
    const unsigned tsz = tcr >> (upper ? 16 : 0) & 63;
    struct arm_regime g = {
        .enabled = sctlr & SCTLR_M,
        .wxn = sctlr & SCTLR_WXN,
        .big_endian = sctlr & SCTLR_EE,
        .epan = sctlr & SCTLR_EPAN,
        .ha = (tcr & TCR_HA) && arm_has(cpu, ARM_HAS_haf),
        .hd = (tcr & TCR_HD) && arm_has(cpu, ARM_HAS_hafdbs),
        .hpd = tcr & (upper ? TCR_HPD1 : TCR_HPD0),
        .tbi = tcr & (upper ? TCR_TBI1 : TCR_TBI0),
        .walk_disabled = tcr & (upper ? TCR_EPD1 : TCR_EPD0),
        .el0_disabled = tcr & (upper ? TCR_E0PD1 : TCR_E0PD0),
        .granule_bits = (uint8_t)granule_of(cpu, tcr, upper),
        .sctlr = sctlr,
        .tcr = tcr,
        .ttbr = upper ? cpu->ttbr1[1] : cpu->ttbr0[1],
        .mair = cpu->mair[1],
    };
    g.ds = (tcr & TCR_DS) && g.granule_bits != 16;
    g.pa_bits = (uint8_t)output_bits(cpu, &g, tcr);
    g.wide_64k = g.granule_bits == 16 && g.pa_bits == 52;
    g.least_block = g.granule_bits == 12 ? !g.ds : g.granule_bits == 14 ? 2 - g.ds : 2 - g.wide_64k;
    g.bad_size = !good_tsz(cpu, &g, tsz);
    /* TBI is for data unless TBID says that it is for fetches too; branches have removed the byte
     * then. */
    g.top = mask64(g.tbi ? 56 : 64) & ~mask64(64 - tsz);
    g.top_value = upper ? g.top : 0;
    if (!g.bad_size) {
        set_start(&g, 64 - tsz, g.ttbr);
    }
    return g;
}

void arm_update_regimes(struct arm_cpu *cpu)
{
    for (unsigned upper = 0; upper < 2; upper++) {
        struct arm_regime *g = &cpu->regime[upper];
        if (g->ttbr != (upper ? cpu->ttbr1[1] : cpu->ttbr0[1]) || g->sctlr != cpu->sctlr[1] ||
            g->tcr != cpu->tcr[1] || g->mair != cpu->mair[1]) {
            *g = regime_of(cpu, upper);
        }
    }
}

/* ---- the walk */

static bool load_slowly(struct arm_cpu *cpu, uint64_t at, uint64_t *d)
{
    struct arm_table_ram *r = &cpu->table_ram;
    struct mem_view view;
    const uint64_t generation = space_generation(cpu->vcpu.memory);
    if (space_find(cpu->vcpu.memory, at, &view) && view.range->kind == RANGE_RAM) {
        *r = (struct arm_table_ram){view.range->host + view.offset, view.base,
                                    view.size & ~UINT64_C(7), generation,
                                    space_generation_place(cpu->vcpu.memory)};
    }
    return space_load(cpu->vcpu.memory, at, 8, d);
}

/* From TTBR to the leaf. */
static bool find_leaf(struct arm_walk *w, uint64_t va)
{
    bool found = arm_walk_find_leaf(w, va);
    while (w->stuck) {
        uint64_t d;
        if (!load_slowly(w->cpu, w->at, &d)) {
            w->stuck = false;
            return arm_walk_fail_leaf(w, FSC_EXTERNAL_WALK);
        }
        found = arm_walk_take_leaf(w, va, d);
    }
    return found;
}

/* Replaces the descriptor if it still is what the walk saw; false: it has changed, walk again. */
static bool replace_descriptor(struct arm_walk *w, uint64_t with)
{
    uint8_t *host = space_host(w->cpu->vcpu.memory, w->at, 8, true);
    if (host) {
        uint64_t seen = arm_descriptor_order(w->g, w->descriptor);
        if (!atomic_cas((uint64_t *)(void *)host, &seen, arm_descriptor_order(w->g, with))) {
            return false;
        }
        dirty_written(w->cpu->vcpu.memory, host, 8);
    } else if (!space_store(w->cpu->vcpu.memory, w->at, 8, arm_descriptor_order(w->g, with))) {
        return false;
    }
    return true;
}

/* A page that is clean but may be written, DBM says; only a write that is permitted makes it dirty.
 */
static bool becomes_dirty(const struct arm_walk *w, enum access a, unsigned idx)
{
    const uint64_t d = w->descriptor;
    if (a != ACCESS_WRITE || !w->g->ha || !w->g->hd || !(d & ARM_DESC_DBM) ||
        !(d & ARM_DESC_READ_ONLY) || arm_walk_table_bit(w, 62)) {
        return false;
    }
    struct translation t;
    arm_walk_allow_leaf(w, false, idx, &t);
    return t.write;
}

/* Access flag and dirty state. *again: the descriptor has changed under the walk. */
static bool hardware_update(struct arm_walk *w, enum access a, unsigned idx, bool *again)
{
    const struct arm_regime *g = w->g;
    uint64_t with = w->descriptor;
    if (!(with & ARM_DESC_AF)) {
        if (!g->ha) {
            return arm_walk_fail_leaf(w, FSC_ACCESS_FLAG);
        }
        with |= ARM_DESC_AF;
    }
    if (becomes_dirty(w, a, idx)) {
        with &= ~ARM_DESC_READ_ONLY;
    }
    if (with != w->descriptor) {
        *again = w->side_effects && !replace_descriptor(w, with);
        w->descriptor = with;
    }
    return true;
}

static bool walk_tables(struct arm_walk *w, uint64_t va, enum access a, unsigned idx,
                        struct translation *t)
{
    for (;;) {
        bool again = false;
        if (!find_leaf(w, va)) {
            return false;
        }
        const uint64_t seen = w->descriptor;
        if (!hardware_update(w, a, idx, &again)) {
            return false;
        }
        if (again) {
            continue;
        }
        if (!arm_walk_use_leaf(w, va, a, idx, t)) {
            return false;
        }
        if (a != ACCESS_WRITE && (seen & ARM_DESC_DBM) && (seen & ARM_DESC_READ_ONLY)) {
            t->write = false; /* the first write has to come here */
        }
        return true;
    }
}

/* The MMU is off: addresses are physical, data is Device memory. */
static bool flat(const struct arm_cpu *cpu, uint64_t va, const struct arm_regime *g,
                 struct translation *t, uint64_t *fault)
{
    const uint64_t pa = g->tbi ? va & mask64(56) : va;
    if (pa >> arm_pa_bits(cpu)) {
        *fault = FSC_ADDRESS_SIZE;
        return false;
    }
    *t = (struct translation){.pa = pa,
                              .page_bits = 21,
                              .read = true,
                              .write = true,
                              .exec = true,
                              .global = true,
                              .device = true};
    return true;
}

static bool translate(struct arm_cpu *cpu, uint64_t va, enum access a, unsigned idx,
                      struct arm_walk *w, struct translation *t)
{
    const struct arm_regime *g = &cpu->regime[bit(va, 55)];
    w->g = g;
    w->cpu = cpu;
    if (!g->enabled) {
        return flat(cpu, va, g, t, &w->fault);
    }
    if (arm_walk_refused(g, va, idx)) {
        w->level = 0;
        return arm_walk_fail_leaf(w, FSC_TRANSLATION);
    }
    *t = (struct translation){0};
    return walk_tables(w, va, a, idx, t);
}

/* ---- hooks of the class */

static void log_walk(const struct arm_cpu *cpu, uint64_t va, enum access a, unsigned idx,
                     const struct translation *t)
{
    log_print(LOG_MMU, "cpu %u: walk for EL%u %s of 0x%llx: 0x%llx, 2^%u bytes, %c%c%c%s%s\n",
              cpu->vcpu.index, idx == ARM_MMU_EL0 ? 0 : 1,
              a == ACCESS_READ    ? "read"
              : a == ACCESS_WRITE ? "write"
                                  : "fetch",
              (unsigned long long)va, (unsigned long long)t->pa, t->page_bits, t->read ? 'r' : '-',
              t->write ? 'w' : '-', t->exec ? 'x' : '-', t->global ? ", global" : "",
              t->device ? ", device" : "");
}

bool arm_walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
              uint64_t *fault)
{
    struct arm_cpu *cpu = arm_cpu(v);
    struct arm_walk w = {.side_effects = true};
    if (!translate(cpu, va, a, idx, &w, t)) {
        *fault = w.fault;
        return false;
    }
    /* Accesses of Device memory must be aligned: see arm_watch(). With the MMU off the mode has
     * them checked. */
    t->slow = (t->device && w.g->enabled) ||
              arm_watchpoint_in_page(cpu, va, t->page_bits, idx == ARM_MMU_EL0 ? 0 : 1);
    if (log_enabled(LOG_MMU)) {
        log_walk(cpu, va, a, idx, t);
    }
    if (a == ACCESS_FETCH && (t->attr & ARM_ATTR_GUARDED) && arm_has(cpu, ARM_HAS_bti)) {
        cpu->bti_page_fetched = true;
    }
    return true;
}

/* By EL1's permissions, which are the widest. */
bool arm_debug_translate(struct vcpu *v, vaddr va, paddr *pa)
{
    struct arm_walk w = {.side_effects = false};
    struct translation t;
    if (!translate(arm_cpu(v), va, ACCESS_READ, ARM_MMU_EL1, &w, &t)) {
        return false;
    }
    *pa = t.pa;
    return true;
}

/* The part of the address space that va is in: the lower half as far as it is translated, the upper
 * one, or what is between. false: between. */
static bool find_part(const struct arm_cpu *cpu, uint64_t va, struct cpu_mapping *m)
{
    const uint64_t tags = UINT64_MAX << 56;
    const uint64_t lower_last = ~(cpu->regime[0].top | tags);
    const uint64_t upper_first = cpu->regime[1].top | tags;
    if (va <= lower_last || va >= upper_first) {
        m->first = va <= lower_last ? 0 : upper_first;
        m->last = va <= lower_last ? lower_last : UINT64_MAX;
        return true;
    }
    m->first = lower_last + 1;
    m->last = upper_first - 1;
    return false;
}

static void set_mapping(struct cpu_mapping *m, const struct arm_walk *w, struct translation *t)
{
    const bool read_only = bit(w->descriptor, 7) || arm_walk_table_bit(w, 62);
    for (unsigned privileged = 0; privileged < 2; privileged++) {
        arm_walk_allow_leaf(w, read_only, privileged ? ARM_MMU_EL1 : ARM_MMU_EL0, t);
        m->read[privileged] = t->read && (privileged || !w->g->el0_disabled);
        m->write[privileged] = t->write && (privileged || !w->g->el0_disabled);
        m->exec[privileged] = t->exec && (privileged || !w->g->el0_disabled);
    }
    m->mapped = true;
    m->global = t->global;
    m->device = t->device;
    m->pa = t->pa;
}

void arm_mapping(struct vcpu *v, vaddr va, struct cpu_mapping *m)
{
    struct arm_cpu *cpu = arm_cpu(v);
    const struct arm_regime *g = &cpu->regime[bit(va, 55)];
    struct arm_walk w = {.g = g, .cpu = cpu};
    struct translation t = {0};

    *m = (struct cpu_mapping){0};
    if (!g->enabled) {
        const uint64_t last = mask64(arm_pa_bits(cpu));
        const bool flat = va <= last;
        *m = (struct cpu_mapping){.mapped = flat,
                                  .read = {flat, flat},
                                  .write = {flat, flat},
                                  .exec = {flat, flat},
                                  .global = flat,
                                  .device = flat,
                                  .first = flat ? 0 : last + 1,
                                  .last = flat ? last : UINT64_MAX};
        return;
    }
    if (!find_part(cpu, va, m) || g->walk_disabled || g->bad_size) {
        return;
    }
    w.shift = g->start_shift;
    const bool good = find_leaf(&w, va);
    m->first = va & ~mask64(w.shift);
    m->last = va | mask64(w.shift);
    if (good && ((w.descriptor & ARM_DESC_AF) || g->ha)) {
        arm_walk_use_leaf(&w, m->first, ACCESS_READ, ARM_MMU_EL1, &t);
        set_mapping(m, &w, &t);
    }
}

unsigned arm_mmu_index(struct vcpu *v)
{
    return arm_cpu(v)->mode >> MODE_IDX_SHIFT & 7;
}

unsigned arm_mmu_index_user(struct vcpu *v)
{
    return arm_cpu(v)->mode >> MODE_UIDX_SHIFT & 7;
}

/* Bit 16: the MMU is off. */
uint32_t arm_space_tag(struct vcpu *v, vaddr va, unsigned idx)
{
    (void)va, (void)idx;
    const struct arm_cpu *cpu = arm_cpu(v);
    if (!(cpu->sctlr[1] & SCTLR_M)) {
        return 1u << 16;
    }
    return arm_asid(cpu, (cpu->tcr[1] & TCR_A1 ? cpu->ttbr1[1] : cpu->ttbr0[1]) >> 48);
}

uint32_t arm_asid(const struct arm_cpu *cpu, uint64_t asid)
{
    const bool wide = (cpu->tcr[1] & TCR_AS) && (cpu->id[ARM_ID_MMFR0] >> 4 & 15) == 2;
    return (uint32_t)asid & (wide ? 0xffff : 0xff);
}

unsigned arm_granule_bits(const struct arm_cpu *cpu, uint64_t va)
{
    return granule_of(cpu, cpu->tcr[1], bit(va, 55));
}

/* ---- AT */

#define PAR_RES1 (UINT64_C(1) << 11)
#define PAR_NS (UINT64_C(1) << 9)

uint64_t arm_address_translate(struct arm_cpu *cpu, uint64_t va, enum access a, unsigned idx)
{
    struct arm_walk w = {.side_effects = false};
    struct translation t;
    if (!translate(cpu, va, a, idx, &w, &t)) {
        return 1 | w.fault << 1 | PAR_RES1;
    }
    uint64_t attr = 0, sh = 2; /* Device-nGnRnE, outer shareable */
    if (w.g->enabled) {
        attr = w.g->mair >> (w.descriptor >> 2 & 7) * 8 & 0xff;
        sh = t.device  ? 2
             : w.g->ds ? cpu->tcr[1] >> (bit(va, 55) ? 28 : 12) & 3
                       : w.descriptor >> 8 & 3;
    }
    return (t.pa & mask64(52) & ~mask64(12)) | attr << 56 | PAR_NS | sh << 7 | PAR_RES1;
}
