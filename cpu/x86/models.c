/* SPDX-License-Identifier: MIT */
/*
 * CPU models. Intel SDM, volume 2, CPUID; AMD APM, volume 3, appendix E. Where a bit of CPUID
 * stands for a feature of the opcode map is one table; so far there is `max`, which has all that is
 * translated.
 */
#include "cpu/x86/models.h"

#include <string.h>

#include "base/mem.h"
#include "cpu/x86/x86_decode.h"

struct bit_of_leaf {
    uint32_t leaf;
    uint8_t reg, bit; /* EAX to EDX as 0 to 3 */
    uint8_t feat;
};

static const struct bit_of_leaf bits[] = {
    {1, 2, 3, X86_FEAT_monitor},
    {1, 2, 13, X86_FEAT_cx16},
    {1, 2, 22, X86_FEAT_movbe},
    {1, 2, 23, X86_FEAT_popcnt},
    {1, 2, 30, X86_FEAT_rdrand},
    {1, 3, 4, X86_FEAT_tsc},
    {1, 3, 5, X86_FEAT_msr},
    {1, 3, 8, X86_FEAT_cx8},
    {1, 3, 11, X86_FEAT_sep},
    {1, 3, 15, X86_FEAT_cmov},
    {1, 3, 19, X86_FEAT_clfsh},
    {7, 1, 0, X86_FEAT_fsgsbase},
    {7, 1, 3, X86_FEAT_bmi1},
    {7, 1, 8, X86_FEAT_bmi2},
    {7, 1, 10, X86_FEAT_invpcid},
    {7, 1, 18, X86_FEAT_rdseed},
    {7, 1, 19, X86_FEAT_adx},
    {7, 1, 20, X86_FEAT_smap},
    {7, 1, 23, X86_FEAT_clflushopt},
    {7, 1, 24, X86_FEAT_clwb},
    {7, 2, 3, X86_FEAT_pku},
    {7, 2, 22, X86_FEAT_rdpid},
    {0x80000001, 2, 5, X86_FEAT_lzcnt},
    {0x80000001, 2, 8, X86_FEAT_prefetchw},
    {0x80000001, 3, 11, X86_FEAT_syscall},
    {0x80000001, 3, 27, X86_FEAT_rdtscp},
    {0x80000008, 1, 0, X86_FEAT_clzero},
    {0x80000008, 1, 9, X86_FEAT_wbnoinvd},
};

/* Bits that are no feature of instructions: PSE, PAE, PGE, PSE-36; SMEP, UMIP, LA57; NX, 1-GiB
 * pages, LM; LAHF in 64-bit code. */
static const struct {
    uint32_t leaf, reg, value;
} fixed[] = {
    {1, 3, 1u << 3 | 1u << 6 | 1u << 13 | 1u << 17},
    {7, 1, 1u << 7},
    {7, 2, 1u << 2 | 1u << 16},
    {0x80000001, 3, 1u << 20 | 1u << 26 | 1u << 29},
    {0x80000001, 2, 1},
    {0x80000008, 0, 52 | 57 << 8},
};

/* Of the opcode map, those that have semantic functions. */
static uint64_t translated(void)
{
    uint64_t all = 0;
    for (unsigned f = 0; f < X86_FEAT_COUNT; f++) {
        all |= x86_feat_untranslated[f] ? 0 : UINT64_C(1) << f;
    }
    return all;
}

bool x86_model_apply(struct x86_cpu *c, const char *name, struct error *e)
{
    if (strcmp(name, "max") != 0) {
        return error_set(e, "there is no CPU model \"%s\": max is all that there is", name);
    }
    c->features = translated();
    return true;
}

char *x86_models_describe(void)
{
    return mem_strdup("  max                all that is emulated\n");
}

static void put_text(uint32_t r[4], const char *text, unsigned a, unsigned b, unsigned d)
{
    memcpy(&r[a], text, 4);
    memcpy(&r[b], text + 4, 4);
    memcpy(&r[d], text + 8, 4);
}

void x86_cpuid_leaf(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    memset(r, 0, 4 * sizeof(r[0]));
    if (leaf == 0 || leaf == 0x80000000) {
        r[0] = leaf ? 0x80000008 : 7;
        put_text(r, "AuthenticAMD", 1, 3, 2);
        return;
    }
    if (leaf == 7 && subleaf) {
        return;
    }
    if (leaf == 1) {
        r[0] = 0x00a00f11; /* family 25, model 1, stepping 1 */
        r[1] = c->vcpu.index << 24 | 8 << 8;
    }
    for (size_t k = 0; k < sizeof(bits) / sizeof(bits[0]); k++) {
        if (bits[k].leaf == leaf && (c->features >> bits[k].feat & 1)) {
            r[bits[k].reg] |= 1u << bits[k].bit;
        }
    }
    for (size_t k = 0; k < sizeof(fixed) / sizeof(fixed[0]); k++) {
        r[fixed[k].reg] |= fixed[k].leaf == leaf ? fixed[k].value : 0;
    }
}
