/* SPDX-License-Identifier: MIT */
/*
 * CPU models, and what CPUID says of them. Intel SDM, volume 2, CPUID; AMD APM, volume 3, appendix
 * E. A model has the features that it names and that are emulated; `max` has all of these.
 */
#include "cpu/x86/models.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "cpu/x86/x86_decode.h"

static const struct {
    uint32_t leaf, subleaf;
    uint8_t reg;
} words[] = {
#define X(name, leaf, subleaf, reg) {leaf, subleaf, reg},
    X86_CPUID_WORDS(X)
#undef X
};

static const struct bit {
    const char *name;
    uint8_t word, bit, feat;
} bits[] = {
#define X(name, word, bit, feat) {#name, X86_WORD_##word, bit, X86_FEAT_##feat},
    X86_CPUID_BITS(X)
#undef X
};

/* Features of the opcode map that come with a bit of another one. */
static const struct {
    uint8_t bit, feat;
} implied[] = {{X86_HAS_lm, X86_FEAT_prefetchw},
               {X86_HAS_sse, X86_FEAT_sfence},
               {X86_HAS_sse2, X86_FEAT_fence},
               {X86_HAS_sse4_2, X86_FEAT_crc32}};

/* ---- models */

/* In word w of 64 bits: a bit, and what all 64-bit CPUs have. */
#define F(w, name) (X86_HAS_##name / 64 == (w) ? UINT64_C(1) << X86_HAS_##name % 64 : 0)
#define BASIC(w)                                                                                   \
    (F(w, fpu) | F(w, de) | F(w, pse) | F(w, tsc) | F(w, msr) | F(w, pae) | F(w, mce) |            \
     F(w, cx8) | F(w, apic) | F(w, sep) | F(w, mtrr) | F(w, pge) | F(w, mca) | F(w, cmov) |        \
     F(w, pat) | F(w, pse36) | F(w, clflush) | F(w, mmx) | F(w, fxsr) | F(w, sse) | F(w, sse2) |   \
     F(w, sse3) | F(w, hypervisor))
#define WIDE(w) (F(w, cx16) | F(w, syscall) | F(w, nx) | F(w, lm) | F(w, lahf_lm))

static const struct x86_model {
    const char *name, *help, *vendor;
    uint8_t family, model, stepping;
    uint32_t level, extended; /* greatest leaves */
    uint64_t has[2];
    bool all;
} models[] = {
    {"max", "all that is emulated", "AuthenticAMD", 15, 107, 1, 0xd, 0x8000000a, {0, 0}, true},
    {"qemu32",
     "a 32-bit CPU for virtual machines",
     "GenuineIntel",
     6,
     6,
     3,
     4,
     0x80000004,
     {BASIC(0), BASIC(1)},
     false},
    {"qemu64",
     "a 64-bit CPU for virtual machines",
     "AuthenticAMD",
     15,
     107,
     1,
     0xd,
     0x8000000a,
     {BASIC(0) | WIDE(0), BASIC(1) | WIDE(1)},
     false},
};
#undef F
#undef BASIC
#undef WIDE

_Static_assert(X86_CPUID_BIT_COUNT <= 128, "two words hold all bits");

bool x86_has(const struct x86_cpu *c, unsigned bit)
{
    return c->cpuid[bits[bit].word] >> bits[bit].bit & 1;
}

bool x86_is_intel(const struct x86_cpu *c)
{
    return c->model->vendor[0] == 'G';
}

const char *x86_model_name(const struct x86_cpu *c)
{
    return c->model->name;
}

static void set_bit(struct x86_cpu *c, unsigned n, bool on)
{
    const uint32_t mask = UINT32_C(1) << bits[n].bit;
    c->cpuid[bits[n].word] = on ? c->cpuid[bits[n].word] | mask : c->cpuid[bits[n].word] & ~mask;
}

static bool is_emulated(unsigned n)
{
    return bits[n].feat == X86_FEAT_base || !x86_feat_untranslated[bits[n].feat];
}

static void derive(struct x86_cpu *c)
{
    c->features = 0;
    for (unsigned n = 0; n < X86_CPUID_BIT_COUNT; n++) {
        c->features |= x86_has(c, n) ? UINT64_C(1) << bits[n].feat : 0;
    }
    for (size_t k = 0; k < array_len(implied); k++) {
        c->features |= x86_has(c, implied[k].bit) ? UINT64_C(1) << implied[k].feat : 0;
    }
    for (unsigned f = 0; c->model->all && f < X86_FEAT_COUNT; f++) {
        c->features |= x86_feat_untranslated[f] ? 0 : UINT64_C(1) << f;
    }
}

/* ---- -cpu */

static bool unknown(struct error *e, const char *what, const char *word, const char *const *names,
                    size_t n)
{
    const char *near = error_nearest_name(word, names, n);
    error_set(e, "-cpu: no such CPU %s: \"%s\"", what, word);
    if (near) {
        error_append(e, ": did you mean \"%s\"?", near);
    }
    return false;
}

static bool set_feature(struct x86_cpu *c, char *item, struct error *e)
{
    const char *names[X86_CPUID_BIT_COUNT];
    char *value = strchr(item, '=');
    bool on = *item != '-';
    item += *item == '+' || *item == '-';
    if (value) {
        *value++ = 0;
        on = strcmp(value, "on") == 0;
        if (!on && strcmp(value, "off") != 0) {
            return error_set(e, "-cpu: %s=%s: expected on or off", item, value);
        }
    }
    for (unsigned n = 0; n < X86_CPUID_BIT_COUNT; n++) {
        names[n] = bits[n].name;
        if (strcmp(names[n], item) == 0) {
            if (on && !is_emulated(n)) {
                return error_set(e, "-cpu: %s is not emulated", item);
            }
            set_bit(c, n, on);
            return true;
        }
    }
    return unknown(e, "feature", item, names, X86_CPUID_BIT_COUNT);
}

static const struct x86_model *find_model(const char *name, size_t n, struct error *e)
{
    const char *names[array_len(models)];
    char word[32];
    for (size_t k = 0; k < array_len(models); k++) {
        names[k] = models[k].name;
        if (strlen(names[k]) == n && strncmp(names[k], name, n) == 0) {
            return &models[k];
        }
    }
    snprintf(word, sizeof(word), "%.*s", (int)(n < 31 ? n : 31), name);
    unknown(e, "model", word, names, array_len(models));
    return NULL;
}

bool x86_model_apply(struct x86_cpu *c, const char *text, struct error *e)
{
    const size_t n = strcspn(text, ",");
    const struct x86_model *m = find_model(text, n, e);
    bool good = true;
    if (!m) {
        return false;
    }
    c->model = m;
    for (unsigned k = 0; k < X86_CPUID_BIT_COUNT; k++) {
        set_bit(c, k, is_emulated(k) && (m->all || (m->has[k / 64] >> k % 64 & 1)));
    }
    char *copy = mem_strdup(text + n), *rest = copy;
    for (char *item; good && (item = strsep(&rest, ",")) != NULL;) {
        good = *item == 0 || set_feature(c, item, e);
    }
    mem_free(copy);
    derive(c);
    return good;
}

char *x86_models_describe(void)
{
    struct strbuf out = {0};
    strbuf_puts(&out, "Available CPUs:\n");
    for (size_t k = 0; k < array_len(models); k++) {
        strbuf_printf(&out, "  %-12s %s\n", models[k].name, models[k].help);
    }
    strbuf_puts(&out, "Features (+name, -name, name=on|off):\n");
    for (unsigned n = 0, column = 0; n < X86_CPUID_BIT_COUNT; n++) {
        if (is_emulated(n)) {
            strbuf_printf(&out, "%s%s", column == 0 ? "  " : " ", bits[n].name);
            column += (unsigned)strlen(bits[n].name) + 1;
            column = column > 64 ? 0 : column;
            strbuf_puts(&out, column ? "" : "\n");
        }
    }
    strbuf_puts(&out, "\n");
    return strbuf_take(&out);
}

/* ---- CPUID */

uint32_t x86_signature(const struct x86_cpu *c)
{
    const struct x86_model *m = c->model;
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

/* The bits of features, and those of them that follow a register. */
static void put_features(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    const bool intel = x86_is_intel(c);
    for (unsigned w = 0; w < X86_CPUID_WORD_COUNT; w++) {
        if (words[w].leaf == leaf && words[w].subleaf == subleaf) {
            r[words[w].reg] |= c->cpuid[w];
        }
    }
    if (leaf == 1) {
        const bool xsave = x86_has(c, X86_HAS_xsave) && (c->cr4 & X86_CR4_OSXSAVE);
        uint64_t base = 0;
        const bool apic = c->apic && c->apic->read(c->apic->opaque, (int)c->vcpu.index,
                                                   X86_MSR_APIC_BASE, &base);
        r[2] |= (uint32_t)xsave << 27;
        r[2] &= ~(apic ? 0 : 1u << 21 | 1u << 24);
        r[3] &= ~(apic && (base >> 11 & 1) ? 0 : 1u << 9);
        r[3] |= c->cpu_count > 1 ? 1u << 28 : 0;
    } else if (leaf == 7 && subleaf == 0) {
        r[2] |= r[2] & 8 && (c->cr4 & X86_CR4_PKE) ? 16u : 0;
    } else if (leaf == 0x80000001 && !intel) {
        r[3] |= c->cpuid[X86_WORD_1_EDX] & 0x0183f3ff; /* of AMD's processors, once more */
        r[2] |= c->cpu_count > 1 ? 2u : 0;
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

static void put_basic(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    switch (leaf) {
    case 0:
        r[0] = c->model->level;
        put_text(r, c->model->vendor, (const uint8_t[]){1, 3, 2});
        break;
    case 1:
        r[0] = x86_signature(c);
        r[1] = c->vcpu.index << 24 | (c->cpu_count > 1 ? (c->cpu_count & 0xff) << 16 : 0) | 8 << 8;
        break;
    case 2: /* caches: volume 2, table 3-12 */
        r[0] = 1;
        r[2] = 0x4d;
        r[3] = 0x2c307d;
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

static void put_extended(const struct x86_cpu *c, uint32_t leaf, uint32_t r[4])
{
    static const char name[48] = "QEMU Virtual CPU version 2.5+"; /* which guests know */
    const bool wide = x86_has(c, X86_HAS_la57);
    switch (leaf) {
    case 0x80000000:
        r[0] = c->model->extended;
        put_text(r, c->model->vendor, (const uint8_t[]){1, 3, 2});
        break;
    case 0x80000001:
        r[0] = x86_is_intel(c) ? 0 : x86_signature(c);
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        memcpy(r, name + 16 * (leaf - 0x80000002), 16);
        break;
    case 0x80000005: /* first-level caches and TLBs: AMD APM, volume 3, E.4.4 and E.4.5 */
        r[0] = r[1] = 0x01ff01ff;
        r[2] = r[3] = 0x40020140;
        break;
    case 0x80000006:
        r[1] = 0x42004200;
        r[2] = 0x02008140;
        r[3] = 0x00808140;
        break;
    case 0x80000008:
        r[0] = x86_has(c, X86_HAS_lm) ? 40u | (wide ? 57u : 48u) << 8 : 36;
        r[2] = c->cpu_count > 1 ? c->cpu_count - 1 : 0;
        break;
    default:
        break;
    }
}

void x86_cpuid_leaf(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    memset(r, 0, 4 * sizeof(r[0]));
    if (leaf >> 16 == 0x4000 && x86_has(c, X86_HAS_hypervisor)) {
        r[0] = leaf == 0x40000000 ? 0x40000001 : 0;
        if (leaf == 0x40000000) {
            put_text(r, "TCGTCGTCGTCG", (const uint8_t[]){1, 2, 3}); /* which guests know */
        }
        return;
    }
    /* A leaf beyond the last one is that of the last basic one. */
    if (leaf >> 31 ? leaf > c->model->extended : leaf > c->model->level) {
        leaf = c->model->level;
    }
    if (leaf != 4 && leaf != 7 && leaf != 0xb && leaf != 0xd) {
        subleaf = 0; /* ECX does not count */
    }
    if (leaf >> 31) {
        put_extended(c, leaf, r);
    } else {
        put_basic(c, leaf, subleaf, r);
    }
    put_features(c, leaf, subleaf, r);
}
