/* SPDX-License-Identifier: MIT */
/*
 * CPUID. Intel SDM, volume 2, CPUID; AMD APM, volume 3, appendix E. A leaf beyond the last one is
 * the last basic one.
 */
#include <string.h>

#include "base/bits.h"
#include "cpu/x86/models.h"

static const struct {
    uint32_t leaf, subleaf;
    uint8_t reg;
} words[] = {
#define X(name, leaf, subleaf, reg) {leaf, subleaf, reg},
    X86_CPUID_WORDS(X)
#undef X
};

/* Caches of models that say nothing of their own: volume 2, tables 3-12 and 3-4. */
static const struct x86_caches legacy = {{0x40020140, 0x40020140, 0x02008140, 0x00808140},
                                         {{0x121, 0x1c0003f, 0x3f, 1},
                                          {0x122, 0x1c0003f, 0x3f, 1},
                                          {0x143, 0x3c0003f, 0xfff, 1},
                                          {0x163, 0x3c0003f, 0x3fff, 6}}};

static bool is_amd(const struct x86_cpu *c)
{
    return strcmp(c->identity.vendor, "AuthenticAMD") == 0;
}

static const struct x86_caches *caches_of(const struct x86_cpu *c)
{
    return c->identity.caches ? c->identity.caches : &legacy;
}

uint32_t x86_signature(const struct x86_cpu *c)
{
    const struct x86_identity *m = &c->identity;
    const uint32_t family = m->family < 15 ? m->family : 15u, more = m->family - family;
    return more << 20 | (uint32_t)(m->model >> 4) << 16 | family << 8 | (m->model & 15u) << 4 |
           m->stepping;
}

static void put_text(uint32_t r[4], const char *text, const uint8_t order[3])
{
    for (unsigned k = 0; k < 3; k++) {
        memcpy(&r[order[k]], text + 4 * k, 4);
    }
}

/* The APIC is the board's, and it may be off. */
static void put_apic(const struct x86_cpu *c, uint32_t r[4])
{
    uint64_t base = 0;
    const bool apic = c->apic &&
                      c->apic->read(c->apic->opaque, (int)c->vcpu.index, X86_MSR_APIC_BASE, &base);
    r[2] &= ~(apic ? 0 : 1u << 21 | 1u << 24);
    r[3] &= ~(apic && (base >> 11 & 1) ? 0 : 1u << 9);
}

/* The bits of features, and those of them that follow a register. */
static void put_features(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    for (unsigned w = 0; w < X86_CPUID_WORD_COUNT; w++) {
        if (words[w].leaf == leaf && words[w].subleaf == subleaf) {
            r[words[w].reg] |= c->cpuid[w];
        }
    }
    if (leaf == 1) {
        const bool xsave = x86_has(c, X86_HAS_xsave) && (c->cr4 & X86_CR4_OSXSAVE);
        put_apic(c, r);
        r[2] |= (uint32_t)xsave << 27;
        r[3] |= c->cpu_count > 1 ? 1u << 28 : 0;
    } else if (leaf == 7 && subleaf == 0) {
        r[2] |= r[2] & 8 && (c->cr4 & X86_CR4_PKE) ? 16u : 0;
        r[0] = c->asked[X86_WORD_72_EDX] ? 2
                                         : c->asked[X86_WORD_71_EAX] != 0; /* the last subleaf */
    } else if (leaf == 0x80000001 && is_amd(c)) {
        /* Of AMD's processors once more what leaf 1 has. */
        r[3] |= c->cpuid[X86_WORD_1_EDX] & 0x0183f3ff;
        r[2] |= c->cpu_count > 1 ? 2u : 0;
    } else if (leaf == 0x80000001 && x86_is_intel(c) && !x86_is_long(c)) {
        r[3] &= ~(1u << 11); /* Intel's have SYSCALL in 64-bit code */
    }
}

static unsigned count_bits(const struct x86_cpu *c)
{
    return c->cpu_count > 1 ? log2_floor(c->cpu_count - 1) + 1 : 0;
}

static void put_topology(const struct x86_cpu *c, uint32_t subleaf, uint32_t r[4])
{
    r[2] = subleaf & 0xff;
    r[3] = c->vcpu.index;
    if (subleaf == 0) {
        r[1] = 1;
        r[2] |= 1 << 8;
    } else if (subleaf == 1) {
        r[0] = count_bits(c);
        r[1] = c->cpu_count;
        r[2] |= 2 << 8;
    }
}

/* A cache, and how many CPUs share the last one. Intel's leaf says how many cores there are, too.
 */
static void put_cache(const struct x86_cpu *c, uint32_t subleaf, bool cores, uint32_t r[4])
{
    const uint32_t others = (1u << count_bits(c)) - 1;
    if (subleaf < 4) {
        memcpy(r, caches_of(c)->rows[subleaf], 16);
        r[0] |= (subleaf == 3 ? others << 14 : 0) | (cores ? others << 26 : 0);
    }
}

static void put_basic(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    switch (leaf) {
    case 0:
        r[0] = c->identity.level;
        put_text(r, c->identity.vendor, (const uint8_t[]){1, 3, 2});
        break;
    case 1:
        r[0] = x86_signature(c);
        r[1] = c->vcpu.index << 24 | (c->cpu_count > 1 ? (c->cpu_count & 0xff) << 16 : 0) | 8 << 8;
        break;
    case 2: /* caches: volume 2, table 3-12 */
        if (!is_amd(c)) {
            r[0] = 1;
            r[2] = 0x4d;
            r[3] = 0x2c307d;
        }
        break;
    case 4:
        if (!is_amd(c)) {
            put_cache(c, subleaf, true, r);
        }
        break;
    case 5:
        r[2] = 3; /* MONITOR's leaf is there, with interrupts that end MWAIT */
        break;
    case 0xb:
        put_topology(c, subleaf, r);
        break;
    case 0xd:
        x86_cpuid_xsave(c, subleaf, r);
        break;
    default:
        break;
    }
}

unsigned x86_physical_bits(const struct x86_cpu *c)
{
    const unsigned bits = c->identity.phys_bits;
    return bits ? bits : x86_has(c, X86_HAS_lm) ? 40 : 36;
}

static uint32_t address_bits(const struct x86_cpu *c)
{
    const uint32_t linear = x86_has(c, X86_HAS_la57) ? 57 : 48;
    return x86_physical_bits(c) | (x86_has(c, X86_HAS_lm) ? linear << 8 : 0);
}

static void put_extended(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    const struct x86_caches *caches = caches_of(c);
    switch (leaf) {
    case 0x80000000:
        r[0] = c->identity.extended;
        put_text(r, c->identity.vendor, (const uint8_t[]){1, 3, 2});
        break;
    case 0x80000001:
        r[0] = x86_signature(c);
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        memcpy(r, c->identity.text + 16 * (leaf - 0x80000002), 16);
        break;
    case 0x80000005: /* first-level caches and TLBs: AMD APM, volume 3, E.4.4 and E.4.5 */
        r[0] = r[1] = 0x01ff01ff;
        memcpy(&r[2], caches->amd, 8);
        break;
    case 0x80000006:
        r[1] = 0x42004200;
        memcpy(&r[2], caches->amd + 2, 8);
        break;
    case 0x80000008:
        r[0] = address_bits(c);
        r[2] = c->cpu_count > 1 ? (c->cpu_count - 1) | count_bits(c) << 12 : 0;
        break;
    case 0x8000001d:
        put_cache(c, subleaf, false, r);
        break;
    case 0x8000001e:
        r[0] = r[1] = c->vcpu.index;
        break;
    default:
        break;
    }
}

static bool has_subleaves(uint32_t leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd || leaf == 0x8000001d;
}

void x86_cpuid_leaf(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    memset(r, 0, 4 * sizeof(r[0]));
    if (leaf == 0x40000000 || leaf == 0x40000001) {
        r[0] = leaf == 0x40000000 ? 0x40000001 : 0;
        if (leaf == 0x40000000) {
            put_text(r, "TCGTCGTCGTCG", (const uint8_t[]){1, 2, 3}); /* which guests know */
        }
        return;
    }
    if (leaf >> 31 ? leaf > c->identity.extended : leaf > c->identity.level) {
        leaf = c->identity.level;
    }
    if (!has_subleaves(leaf)) {
        subleaf = 0; /* ECX does not count */
    }
    if (leaf >> 31) {
        put_extended(c, leaf, subleaf, r);
    } else {
        put_basic(c, leaf, subleaf, r);
    }
    put_features(c, leaf, subleaf, r);
}
