/* SPDX-License-Identifier: MIT */
/*
 * The bits of CPUID, by name: Intel SDM, volume 2, CPUID, tables 3-8 to 3-12; AMD APM, volume 3,
 * appendix E. What stands here can be had; a bit that belongs to a feature of the opcode map only
 * while that is translated.
 *
 *   X(name, word, bit, feature of the opcode map, or base)
 */
#ifndef CPU_X86_CPUID_H
#define CPU_X86_CPUID_H

/* Words of CPUID that are sets of features: leaf, subleaf, and EAX to EDX as 0 to 3. */
#define X86_CPUID_WORDS(X)                                                                         \
    X(1_ECX, 1, 0, 2)                                                                              \
    X(1_EDX, 1, 0, 3)                                                                              \
    X(7_EBX, 7, 0, 1)                                                                              \
    X(7_ECX, 7, 0, 2)                                                                              \
    X(D_EAX, 0xd, 1, 0)                                                                            \
    X(8_ECX, 0x80000001, 0, 2)                                                                     \
    X(8_EDX, 0x80000001, 0, 3)                                                                     \
    X(88_EBX, 0x80000008, 0, 1)

/* clang-format off */
#define X86_CPUID_BITS(X) \
    X(sse3, 1_ECX, 0, sse3) \
    X(pclmulqdq, 1_ECX, 1, pclmul) \
    X(monitor, 1_ECX, 3, monitor) \
    X(ssse3, 1_ECX, 9, ssse3) \
    X(fma, 1_ECX, 12, fma) \
    X(cx16, 1_ECX, 13, cx16) \
    X(pcid, 1_ECX, 17, base) \
    X(sse4_1, 1_ECX, 19, sse41) \
    X(sse4_2, 1_ECX, 20, sse42) \
    X(x2apic, 1_ECX, 21, base) \
    X(movbe, 1_ECX, 22, movbe) \
    X(popcnt, 1_ECX, 23, popcnt) \
    X(tsc_deadline, 1_ECX, 24, base) \
    X(aes, 1_ECX, 25, aes) \
    X(xsave, 1_ECX, 26, xsave) \
    X(avx, 1_ECX, 28, avx) \
    X(f16c, 1_ECX, 29, f16c) \
    X(rdrand, 1_ECX, 30, rdrand) \
    X(hypervisor, 1_ECX, 31, base) \
    X(fpu, 1_EDX, 0, x87) \
    X(de, 1_EDX, 2, base) \
    X(pse, 1_EDX, 3, base) \
    X(tsc, 1_EDX, 4, tsc) \
    X(msr, 1_EDX, 5, msr) \
    X(pae, 1_EDX, 6, base) \
    X(mce, 1_EDX, 7, base) \
    X(cx8, 1_EDX, 8, cx8) \
    X(apic, 1_EDX, 9, base) \
    X(sep, 1_EDX, 11, sep) \
    X(mtrr, 1_EDX, 12, base) \
    X(pge, 1_EDX, 13, base) \
    X(mca, 1_EDX, 14, base) \
    X(cmov, 1_EDX, 15, cmov) \
    X(pat, 1_EDX, 16, base) \
    X(pse36, 1_EDX, 17, base) \
    X(clflush, 1_EDX, 19, clfsh) \
    X(mmx, 1_EDX, 23, mmx) \
    X(fxsr, 1_EDX, 24, fxsr) \
    X(sse, 1_EDX, 25, sse) \
    X(sse2, 1_EDX, 26, sse2) \
    X(ht, 1_EDX, 28, base) \
    X(fsgsbase, 7_EBX, 0, fsgsbase) \
    X(bmi1, 7_EBX, 3, bmi1) \
    X(avx2, 7_EBX, 5, avx2) \
    X(smep, 7_EBX, 7, base) \
    X(bmi2, 7_EBX, 8, bmi2) \
    X(erms, 7_EBX, 9, base) \
    X(invpcid, 7_EBX, 10, invpcid) \
    X(rdseed, 7_EBX, 18, rdseed) \
    X(adx, 7_EBX, 19, adx) \
    X(smap, 7_EBX, 20, smap) \
    X(clflushopt, 7_EBX, 23, clflushopt) \
    X(clwb, 7_EBX, 24, clwb) \
    X(sha_ni, 7_EBX, 29, sha) \
    X(umip, 7_ECX, 2, base) \
    X(pku, 7_ECX, 3, pku) \
    X(la57, 7_ECX, 16, base) \
    X(rdpid, 7_ECX, 22, rdpid) \
    X(xsaveopt, D_EAX, 0, xsaveopt) \
    X(xsavec, D_EAX, 1, xsavec) \
    X(xgetbv1, D_EAX, 2, xsave) \
    X(xsaves, D_EAX, 3, xsaves) \
    X(lahf_lm, 8_ECX, 0, base) \
    X(cmp_legacy, 8_ECX, 1, base) \
    X(abm, 8_ECX, 5, lzcnt) \
    X(sse4a, 8_ECX, 6, sse4a) \
    X(3dnowprefetch, 8_ECX, 8, prefetchw) \
    X(syscall, 8_EDX, 11, syscall) \
    X(nx, 8_EDX, 20, base) \
    X(pdpe1gb, 8_EDX, 26, base) \
    X(rdtscp, 8_EDX, 27, rdtscp) \
    X(lm, 8_EDX, 29, base) \
    X(clzero, 88_EBX, 0, clzero) \
    X(wbnoinvd, 88_EBX, 9, wbnoinvd)
/* clang-format on */

enum x86_cpuid_word {
#define X(name, leaf, subleaf, reg) X86_WORD_##name,
    X86_CPUID_WORDS(X)
#undef X
    X86_CPUID_WORD_COUNT
};

enum x86_cpuid_bit {
#define X(name, word, bit, feat) X86_HAS_##name,
    X86_CPUID_BITS(X)
#undef X
    X86_CPUID_BIT_COUNT
};

#endif
