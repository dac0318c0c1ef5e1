/* SPDX-License-Identifier: MIT */
/*
 * Address translation, stage 1 of VMSAv8-64 (DDI 0487, D8): granules of 4, 16 and 64 KB, 48 and 52
 * bits (FEAT_LPA, FEAT_LVA, FEAT_LPA2, FEAT_TTST), hierarchical permissions (FEAT_HPDS), hardware
 * access flag and dirty state (FEAT_HAFDBS), PAN, E0PD. The contiguous bit is a hint that is not
 * taken.
 *
 * A walk is described by two structs, so that EL2, EL3 and stage 2 can come beside it: struct
 * regime, what registers say of the half of the address space that is used, and struct walk, where
 * the walk stands.
 */
#include "cpu/arm/mmu.h"

#include "base/atomic.h"
#include "cpu/arm/debug.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/sysregs.h"

/* Half of a translation regime. */
struct regime {
    bool enabled; /* SCTLR_ELx.M */
    bool wxn, hpd, epan;
    bool ha, hd;        /* hardware management of the access flag, of dirty state */
    bool tbi;           /* bits 63 to 56 are ignored */
    bool walk_disabled; /* EPDn, or E0PDn at EL0 */
    bool ds;            /* 52-bit descriptors of 4 and 16 KB granules (FEAT_LPA2) */
    bool upper;
    uint8_t tsz, granule_bits, pa_bits;
    uint64_t ttbr, mair;
};

struct walk {
    struct regime g;
    struct space *memory;
    bool side_effects;       /* hardware updates of descriptors are made */
    int level;               /* -1 to 3 */
    uint64_t table;          /* physical address of the table of this level */
    uint64_t descriptor, at; /* the leaf, and its physical address */
    bool ap_table_ro, ap_table_no_el0, uxn_table, pxn_table;
    uint64_t fault;
};

/* The leaf as far as permissions go. */
struct leaf {
    bool el0, read_only, uxn, pxn;
};

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

static unsigned output_bits(const struct arm_cpu *cpu, const struct regime *g, uint64_t tcr)
{
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 52, 52};
    const unsigned asked = bits[tcr >> 32 & 7], have = arm_pa_bits(cpu);
    const unsigned most = g->granule_bits == 16 || g->ds ? 52 : 48;
    const unsigned least = asked < have ? asked : have;
    return least < most ? least : most;
}

static struct regime regime_of(const struct arm_cpu *cpu, uint64_t va, unsigned idx)
{
    const uint64_t sctlr = cpu->sctlr[1], tcr = cpu->tcr[1];
    const bool upper = bit(va, 55);
    struct regime g = {
        .enabled = sctlr & SCTLR_M,
        .wxn = sctlr & SCTLR_WXN,
        .epan = sctlr & SCTLR_EPAN,
        .ha = tcr & TCR_HA,
        .hd = tcr & TCR_HD,
        .ds = tcr & TCR_DS,
        .upper = upper,
        .hpd = tcr & (upper ? TCR_HPD1 : TCR_HPD0),
        .tbi = tcr & (upper ? TCR_TBI1 : TCR_TBI0),
        .walk_disabled = tcr & (upper ? TCR_EPD1 : TCR_EPD0),
        .tsz = tcr >> (upper ? 16 : 0) & 63,
        .granule_bits = (uint8_t)granule_of(cpu, tcr, upper),
        .ttbr = upper ? cpu->ttbr1[1] : cpu->ttbr0[1],
        .mair = cpu->mair[1],
    };
    if (idx == ARM_MMU_EL0 && (tcr & (upper ? TCR_E0PD1 : TCR_E0PD0))) {
        g.walk_disabled = true;
    }
    g.ds = g.ds && g.granule_bits != 16;
    g.pa_bits = (uint8_t)output_bits(cpu, &g, tcr);
    return g;
}

/* TBI is for data unless TBID says that it is for fetches as well; branches have removed the byte
 * already. */
static bool has_good_top(const struct regime *g, uint64_t va)
{
    const unsigned bits = 64 - g->tsz, top = g->tbi ? 56 : 64;
    const uint64_t field = mask64(top) & ~mask64(bits);
    return (va & field) == (g->upper ? field : 0);
}

static bool good_tsz(const struct arm_cpu *cpu, const struct regime *g)
{
    const bool wide = g->granule_bits == 16 ? arm_has(cpu, ARM_HAS_lva) : g->ds;
    const unsigned most = arm_has(cpu, ARM_HAS_ttst) ? (g->granule_bits == 16 ? 47 : 48) : 39;
    return g->tsz >= (wide ? 12 : 16) && g->tsz <= most;
}

/* ---- the walk */

static uint64_t level_code(uint64_t code, int level)
{
    if (level >= 0) {
        return code + (unsigned)level;
    }
    switch (code) {
    case FSC_TRANSLATION:
        return FSC_TRANSLATION_MINUS1;
    case FSC_EXTERNAL_WALK:
        return FSC_EXTERNAL_WALK_MINUS1;
    default:
        return FSC_ADDRESS_SIZE_MINUS1;
    }
}

static bool fail(struct walk *w, uint64_t code)
{
    w->fault = level_code(code, w->level);
    return false;
}

/* The address in a descriptor, or in a TTBR with low = 1: bits above 47 are elsewhere with 52 bits.
 */
static uint64_t address_in(const struct regime *g, uint64_t d, unsigned low)
{
    uint64_t a = d & mask64(48) & ~mask64(low);
    if (g->granule_bits == 16 && g->pa_bits == 52) {
        a = (a & ~mask64(16)) | (d >> 12 & 15) << 48;
    } else if (g->ds) {
        a |= (d >> 48 & 3) << 48 | (d >> 8 & 3) << 50;
    }
    return a;
}

static unsigned stride_of(const struct regime *g)
{
    return g->granule_bits - 3u;
}

/* The lowest bit of the address that the entries of a level translate. */
static unsigned level_shift(const struct regime *g, int level)
{
    return g->granule_bits + (unsigned)(3 - level) * stride_of(g);
}

static bool start_walk(struct walk *w)
{
    const struct regime *g = &w->g;
    const unsigned bits = 64u - g->tsz;
    const unsigned levels = (bits - g->granule_bits + stride_of(g) - 1) / stride_of(g);
    w->level = 4 - (int)levels;
    const unsigned table_bits = bits - level_shift(g, w->level) + 3;
    uint64_t base = g->ttbr & mask64(48) & ~UINT64_C(1);
    const bool wide = g->pa_bits == 52;
    if (wide) {
        base = (base & ~mask64(6)) | (g->ttbr >> 2 & 15) << 48;
    }
    w->table = base & ~mask64(wide && table_bits < 6 ? 6 : table_bits);
    if (w->table >> g->pa_bits) {
        w->level = 0;
        return fail(w, FSC_ADDRESS_SIZE);
    }
    return true;
}

static bool block_allowed(const struct regime *g, int level)
{
    switch (g->granule_bits) {
    case 12:
        return level >= (g->ds ? 0 : 1);
    case 14:
        return level >= (g->ds ? 1 : 2);
    default:
        return level >= (g->pa_bits == 52 ? 1 : 2);
    }
}

/* One level: false with a fault; *leaf when the descriptor is a block or a page. */
static bool walk_level(struct walk *w, uint64_t va, bool *leaf)
{
    const struct regime *g = &w->g;
    const unsigned shift = level_shift(g, w->level);
    const unsigned bits = 64u - g->tsz - shift < stride_of(g) ? 64u - g->tsz - shift : stride_of(g);
    w->at = w->table + ((va >> shift & mask64(bits)) << 3);
    uint64_t d;
    if (!space_load(w->memory, w->at, 8, &d)) {
        return fail(w, FSC_EXTERNAL_WALK);
    }
    w->descriptor = d;
    const bool is_table = d & 2;
    if (!(d & 1) || (w->level == 3 ? !is_table : !is_table && !block_allowed(g, w->level))) {
        return fail(w, FSC_TRANSLATION);
    }
    *leaf = w->level == 3 || !is_table;
    if (*leaf) {
        return true;
    }
    w->table = address_in(g, d, g->granule_bits);
    if (w->table >> g->pa_bits) {
        return fail(w, FSC_ADDRESS_SIZE);
    }
    if (!g->hpd) {
        w->ap_table_no_el0 |= bit(d, 61);
        w->ap_table_ro |= bit(d, 62);
        w->pxn_table |= bit(d, 59);
        w->uxn_table |= bit(d, 60);
    }
    w->level++;
    return true;
}

/* Replaces the descriptor if it still is what the walk saw; false: it has changed, walk again. */
static bool replace_descriptor(struct walk *w, uint64_t with)
{
    uint8_t *host = space_host(w->memory, w->at, 8, true);
    if (host) {
        uint64_t seen = w->descriptor;
        if (!atomic_cas((uint64_t *)(void *)host, &seen, with)) {
            return false;
        }
    } else if (!space_store(w->memory, w->at, 8, with)) {
        return false;
    }
    return true;
}

#define DESC_AF (UINT64_C(1) << 10)
#define DESC_READ_ONLY (UINT64_C(1) << 7)
#define DESC_DBM (UINT64_C(1) << 51)

static struct leaf leaf_of(const struct walk *w)
{
    const uint64_t d = w->descriptor;
    return (struct leaf){
        .el0 = bit(d, 6) && !w->ap_table_no_el0,
        .read_only = bit(d, 7) || w->ap_table_ro,
        .uxn = bit(d, 54) || w->uxn_table,
        .pxn = bit(d, 53) || w->pxn_table,
    };
}

static void permissions(const struct regime *g, struct leaf l, unsigned idx, struct translation *t)
{
    if (idx == ARM_MMU_EL0) {
        t->read = l.el0;
        t->write = l.el0 && !l.read_only;
        t->exec = !l.uxn && !(g->wxn && t->write);
        return;
    }
    t->read = true;
    t->write = !l.read_only;
    t->exec = !l.pxn && !(g->wxn && t->write) && !(l.el0 && !l.read_only);
    if (idx == ARM_MMU_EL1_PAN) {
        const bool el0_exec = !l.uxn && !(g->wxn && l.el0 && !l.read_only);
        if (l.el0 || (g->epan && el0_exec)) {
            t->read = t->write = false;
        }
    }
}

/* A page that is clean but may be written, DBM says; only a write that is permitted makes it dirty.
 */
static bool becomes_dirty(const struct walk *w, enum access a, unsigned idx)
{
    const uint64_t d = w->descriptor;
    if (a != ACCESS_WRITE || !w->g.ha || !w->g.hd || !(d & DESC_DBM) || !(d & DESC_READ_ONLY) ||
        w->ap_table_ro) {
        return false;
    }
    struct leaf dirty = leaf_of(w);
    struct translation t;
    dirty.read_only = false;
    permissions(&w->g, dirty, idx, &t);
    return t.write;
}

/* Access flag and dirty state. *again: the descriptor has changed under the walk. */
static bool hardware_update(struct walk *w, enum access a, unsigned idx, bool *again)
{
    const struct regime *g = &w->g;
    uint64_t with = w->descriptor;
    if (!(with & DESC_AF)) {
        if (!g->ha) {
            return fail(w, FSC_ACCESS_FLAG);
        }
        with |= DESC_AF;
    }
    if (becomes_dirty(w, a, idx)) {
        with &= ~DESC_READ_ONLY;
    }
    if (with != w->descriptor) {
        *again = w->side_effects && !replace_descriptor(w, with);
        w->descriptor = with;
    }
    return true;
}

static bool allowed(const struct translation *t, enum access a)
{
    return a == ACCESS_READ ? t->read : a == ACCESS_WRITE ? t->write : t->exec;
}

/* From TTBR to the leaf. */
static bool find_leaf(struct walk *w, uint64_t va)
{
    bool leaf = false;
    w->ap_table_ro = w->ap_table_no_el0 = w->uxn_table = w->pxn_table = false;
    if (!start_walk(w)) {
        return false;
    }
    while (!leaf) {
        if (!walk_level(w, va, &leaf)) {
            return false;
        }
    }
    return true;
}

static bool use_leaf(struct walk *w, uint64_t va, enum access a, unsigned idx,
                     struct translation *t)
{
    const struct regime *g = &w->g;
    const unsigned bits = level_shift(g, w->level);
    const uint64_t base = address_in(g, w->descriptor, g->granule_bits) & ~mask64(bits);
    if (base >> g->pa_bits) {
        return fail(w, FSC_ADDRESS_SIZE);
    }
    t->pa = base | (va & mask64(bits));
    t->page_bits = (uint8_t)(bits < 30 ? bits : 30);
    t->global = !bit(w->descriptor, 11);
    t->attr = bit(w->descriptor, 50) ? ARM_ATTR_GUARDED : 0;
    const uint8_t memory_type = (uint8_t)(g->mair >> (w->descriptor >> 2 & 7) * 8);
    t->device = (memory_type & 0xf0) == 0;
    permissions(g, leaf_of(w), idx, t);
    return allowed(t, a) ? true : fail(w, FSC_PERMISSION);
}

static bool walk_tables(struct walk *w, uint64_t va, enum access a, unsigned idx,
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
        if (!use_leaf(w, va, a, idx, t)) {
            return false;
        }
        if (a != ACCESS_WRITE && (seen & DESC_DBM) && (seen & DESC_READ_ONLY)) {
            t->write = false; /* the first write has to come here */
        }
        return true;
    }
}

/* The MMU is off: addresses are physical, data is Device memory. */
static bool flat(const struct arm_cpu *cpu, uint64_t va, const struct regime *g,
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

static bool translate(struct arm_cpu *cpu, uint64_t va, enum access a, unsigned idx, struct walk *w,
                      struct translation *t)
{
    struct regime *g = &w->g;
    *g = regime_of(cpu, va, idx);
    w->memory = cpu->vcpu.memory;
    if (!g->enabled) {
        return flat(cpu, va, g, t, &w->fault);
    }
    if (g->walk_disabled || !good_tsz(cpu, g) || !has_good_top(g, va)) {
        w->level = 0;
        return fail(w, FSC_TRANSLATION);
    }
    g->ha = g->ha && arm_has(cpu, ARM_HAS_haf);
    g->hd = g->hd && arm_has(cpu, ARM_HAS_hafdbs);
    *t = (struct translation){0};
    return walk_tables(w, va, a, idx, t);
}

/* ---- hooks of the class */

bool arm_walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
              uint64_t *fault)
{
    struct arm_cpu *cpu = arm_cpu(v);
    struct walk w = {.side_effects = true};
    if (!translate(cpu, va, a, idx, &w, t)) {
        *fault = w.fault;
        return false;
    }
    /* Accesses of Device memory must be aligned: see arm_watch(). With the MMU off the mode has
     * them checked. */
    t->slow = (t->device && w.g.enabled) ||
              arm_watchpoint_in_page(cpu, va, t->page_bits, idx == ARM_MMU_EL0 ? 0 : 1);
    if (a == ACCESS_FETCH && (t->attr & ARM_ATTR_GUARDED) && arm_has(cpu, ARM_HAS_bti)) {
        cpu->bti_page_fetched = true;
    }
    return true;
}

/* By EL1's permissions, which are the widest. */
bool arm_debug_translate(struct vcpu *v, vaddr va, paddr *pa)
{
    struct walk w = {.side_effects = false};
    struct translation t;
    if (!translate(arm_cpu(v), va, ACCESS_READ, ARM_MMU_EL1, &w, &t)) {
        return false;
    }
    *pa = t.pa;
    return true;
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
    struct walk w = {.side_effects = false};
    struct translation t;
    if (!translate(cpu, va, a, idx, &w, &t)) {
        return 1 | w.fault << 1 | PAR_RES1;
    }
    uint64_t attr = 0, sh = 2; /* Device-nGnRnE, outer shareable */
    if (w.g.enabled) {
        attr = w.g.mair >> (w.descriptor >> 2 & 7) * 8 & 0xff;
        sh = t.device ? 2
             : w.g.ds ? cpu->tcr[1] >> (w.g.upper ? 28 : 12) & 3
                      : w.descriptor >> 8 & 3;
    }
    return (t.pa & mask64(52) & ~mask64(12)) | attr << 56 | PAR_NS | sh << 7 | PAR_RES1;
}
