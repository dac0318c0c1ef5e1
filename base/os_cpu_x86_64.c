/* SPDX-License-Identifier: MIT */
/*
 * The extensions of an x86-64 host: CPUID (Intel SDM volume 2A, AMD APM volume 3 appendix E);
 * XGETBV, since an extension whose registers the operating system does not save is not usable; and
 * the kernel's list, which lacks what works on paper only (RDSEED of some AMD CPUs of family 26).
 */
#include <cpuid.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"

struct cpuid {
    unsigned a, b, c, d;
};

static struct cpuid cpuid(unsigned leaf, unsigned sub)
{
    struct cpuid r = {0};
    __get_cpuid_count(leaf, sub, &r.a, &r.b, &r.c, &r.d);
    return r;
}

/* XCR0: the register files that the operating system saves. */
static uint64_t saved_state(bool osxsave)
{
    unsigned lo = 0, hi = 0;
    if (osxsave) {
        __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    }
    return (uint64_t)hi << 32 | lo;
}

static void avx512_features(struct os_cpu_features *f, struct cpuid l7, struct cpuid l7_1)
{
    f->avx512f = bit(l7.b, 16);
    f->avx512dq = bit(l7.b, 17);
    f->avx512_ifma = bit(l7.b, 21);
    f->avx512cd = bit(l7.b, 28);
    f->avx512bw = bit(l7.b, 30);
    f->avx512vl = bit(l7.b, 31);
    f->avx512_vbmi = bit(l7.c, 1);
    f->avx512_vbmi2 = bit(l7.c, 6);
    f->avx512_bitalg = bit(l7.c, 12);
    f->avx512_vpopcntdq = bit(l7.c, 14);
    f->avx512_fp16 = bit(l7.d, 23);
    f->avx512_bf16 = bit(l7_1.a, 5);
}

/* AMD families below 19h (Zen 3) run pext and pdep as a loop in microcode. */
static bool pext_is_slow(struct cpuid l0, struct cpuid l1)
{
    bool amd = l0.b == signature_AMD_ebx && l0.d == signature_AMD_edx && l0.c == signature_AMD_ecx;
    unsigned family = (unsigned)bits64(l1.a, 11, 8);
    if (family == 15) {
        family += (unsigned)bits64(l1.a, 27, 20);
    }
    return amd && family < 0x19;
}

static struct os_cpu_features by_cpuid(void)
{
    struct cpuid l0 = cpuid(0, 0), l1 = cpuid(1, 0), l7 = cpuid(7, 0), l7_1 = cpuid(7, 1);
    struct cpuid ext = cpuid(0x80000001, 0);
    uint64_t xcr0 = saved_state(bit(l1.c, 27));
    bool ymm = (xcr0 & 6) == 6, zmm = (xcr0 & 0xe6) == 0xe6;

    struct os_cpu_features f = {
        .sse3 = bit(l1.c, 0),
        .pclmul = bit(l1.c, 1),
        .ssse3 = bit(l1.c, 9),
        .cx16 = bit(l1.c, 13),
        .sse41 = bit(l1.c, 19),
        .sse42 = bit(l1.c, 20),
        .movbe = bit(l1.c, 22),
        .popcnt = bit(l1.c, 23),
        .aes = bit(l1.c, 25),
        .rdrand = bit(l1.c, 30),
        .bmi1 = bit(l7.b, 3),
        .bmi2 = bit(l7.b, 8),
        .erms = bit(l7.b, 9),
        .rdseed = bit(l7.b, 18),
        .adx = bit(l7.b, 19),
        .sha = bit(l7.b, 29),
        .gfni = bit(l7.c, 8),
        .lzcnt = bit(ext.c, 5),
        .slow_pext = pext_is_slow(l0, l1),
    };
    if (ymm) {
        f.avx = bit(l1.c, 28);
        f.fma = bit(l1.c, 12);
        f.f16c = bit(l1.c, 29);
        f.avx2 = bit(l7.b, 5);
        f.vaes = bit(l7.c, 9);
        f.vpclmul = bit(l7.c, 10);
    }
    if (zmm) {
        avx512_features(&f, l7, l7_1);
    }
    return f;
}

#define NAME(member_, name_)                                                                       \
    {                                                                                              \
        " " name_ " ", offsetof(struct os_cpu_features, member_)                                   \
    }
/* As Linux calls them. slow_pext is no feature. */
static const struct {
    const char *name;
    size_t member;
} names[] = {NAME(sse3, "pni"),
             NAME(ssse3, "ssse3"),
             NAME(sse41, "sse4_1"),
             NAME(sse42, "sse4_2"),
             NAME(popcnt, "popcnt"),
             NAME(cx16, "cx16"),
             NAME(avx, "avx"),
             NAME(avx2, "avx2"),
             NAME(fma, "fma"),
             NAME(f16c, "f16c"),
             NAME(bmi1, "bmi1"),
             NAME(bmi2, "bmi2"),
             NAME(lzcnt, "abm"),
             NAME(movbe, "movbe"),
             NAME(adx, "adx"),
             NAME(avx512f, "avx512f"),
             NAME(avx512bw, "avx512bw"),
             NAME(avx512dq, "avx512dq"),
             NAME(avx512vl, "avx512vl"),
             NAME(avx512cd, "avx512cd"),
             NAME(avx512_vbmi, "avx512vbmi"),
             NAME(avx512_vbmi2, "avx512_vbmi2"),
             NAME(avx512_ifma, "avx512ifma"),
             NAME(avx512_bitalg, "avx512_bitalg"),
             NAME(avx512_vpopcntdq, "avx512_vpopcntdq"),
             NAME(avx512_bf16, "avx512_bf16"),
             NAME(avx512_fp16, "avx512_fp16"),
             NAME(aes, "aes"),
             NAME(pclmul, "pclmulqdq"),
             NAME(sha, "sha_ni"),
             NAME(gfni, "gfni"),
             NAME(vaes, "vaes"),
             NAME(vpclmul, "vpclmulqdq"),
             NAME(rdrand, "rdrand"),
             NAME(rdseed, "rdseed"),
             NAME(erms, "erms")};
#undef NAME

struct os_cpu_features os_cpu_features_listed(struct os_cpu_features f, const char *list)
{
    for (size_t i = 0; list && i < array_len(names); i++) {
        bool *has = (bool *)(void *)((char *)&f + names[i].member);
        *has = *has && strstr(list, names[i].name);
    }
    return f;
}

struct os_cpu_features os_cpu_features(void)
{
    char *list = os_cpu_names();
    /* One that lacks what each x86-64 CPU has is a sandbox's, and says nothing. */
    const bool says = list && strstr(list, " sse2 ");
    const struct os_cpu_features f = os_cpu_features_listed(by_cpuid(), says ? list : NULL);
    mem_free(list);
    return f;
}
