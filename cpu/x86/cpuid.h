/* SPDX-License-Identifier: MIT */
/*
 * The bits of CPUID, by name: Intel SDM, volume 2, CPUID, tables 3-8 to 3-12; AMD APM, volume 3,
 * appendix E. What stands here has a name; what can be had belongs to a feature of the opcode map
 * that is translated, or is done without one (base), and is not missing (none).
 *
 *   X(name, word, bit, feature of the opcode map, base or none)
 */
#ifndef CPU_X86_CPUID_H
#define CPU_X86_CPUID_H

/* Words of CPUID that are sets of features: leaf, subleaf, and EAX to EDX as 0 to 3. */
#define X86_CPUID_WORDS(X)                                                                         \
    X(1_ECX, 1, 0, 2)                                                                              \
    X(1_EDX, 1, 0, 3)                                                                              \
    X(6_EAX, 6, 0, 0)                                                                              \
    X(7_EBX, 7, 0, 1)                                                                              \
    X(7_ECX, 7, 0, 2)                                                                              \
    X(7_EDX, 7, 0, 3)                                                                              \
    X(71_EAX, 7, 1, 0)                                                                             \
    X(71_EDX, 7, 1, 3)                                                                             \
    X(72_EDX, 7, 2, 3)                                                                             \
    X(D_EAX, 0xd, 1, 0)                                                                            \
    X(81_ECX, 0x80000001, 0, 2)                                                                    \
    X(81_EDX, 0x80000001, 0, 3)                                                                    \
    X(87_EBX, 0x80000007, 0, 1)                                                                    \
    X(87_EDX, 0x80000007, 0, 3)                                                                    \
    X(88_EBX, 0x80000008, 0, 1)                                                                    \
    X(8A_EDX, 0x8000000a, 0, 3)                                                                    \
    X(821_EAX, 0x80000021, 0, 0)                                                                   \
    X(822_EAX, 0x80000022, 0, 0)

/* clang-format off */
#define X86_CPUID_BITS(X) \
    X(sse3, 1_ECX, 0, sse3) \
    X(pclmulqdq, 1_ECX, 1, pclmul) \
    X(dtes64, 1_ECX, 2, none) \
    X(monitor, 1_ECX, 3, monitor) \
    X(ds_cpl, 1_ECX, 4, none) \
    X(vmx, 1_ECX, 5, none) \
    X(smx, 1_ECX, 6, none) \
    X(est, 1_ECX, 7, none) \
    X(tm2, 1_ECX, 8, none) \
    X(ssse3, 1_ECX, 9, ssse3) \
    X(cid, 1_ECX, 10, none) \
    X(fma, 1_ECX, 12, fma) \
    X(cx16, 1_ECX, 13, cx16) \
    X(xtpr, 1_ECX, 14, none) \
    X(pdcm, 1_ECX, 15, none) \
    X(pcid, 1_ECX, 17, base) \
    X(dca, 1_ECX, 18, none) \
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
    X(vme, 1_EDX, 1, none) \
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
    X(pn, 1_EDX, 18, none) \
    X(clflush, 1_EDX, 19, clfsh) \
    X(ds, 1_EDX, 21, none) \
    X(acpi, 1_EDX, 22, base) \
    X(mmx, 1_EDX, 23, mmx) \
    X(fxsr, 1_EDX, 24, fxsr) \
    X(sse, 1_EDX, 25, sse) \
    X(sse2, 1_EDX, 26, sse2) \
    X(ss, 1_EDX, 27, base) \
    X(ht, 1_EDX, 28, base) \
    X(tm, 1_EDX, 29, none) \
    X(ia64, 1_EDX, 30, none) \
    X(pbe, 1_EDX, 31, none) \
    X(arat, 6_EAX, 2, base) \
    X(fsgsbase, 7_EBX, 0, fsgsbase) \
    X(tsc_adjust, 7_EBX, 1, none) \
    X(sgx, 7_EBX, 2, none) \
    X(bmi1, 7_EBX, 3, bmi1) \
    X(hle, 7_EBX, 4, none) \
    X(avx2, 7_EBX, 5, avx2) \
    X(fdp_excptn_only, 7_EBX, 6, none) \
    X(smep, 7_EBX, 7, base) \
    X(bmi2, 7_EBX, 8, bmi2) \
    X(erms, 7_EBX, 9, base) \
    X(invpcid, 7_EBX, 10, invpcid) \
    X(rtm, 7_EBX, 11, none) \
    X(zero_fcs_fds, 7_EBX, 13, none) \
    X(mpx, 7_EBX, 14, none) \
    X(avx512f, 7_EBX, 16, none) \
    X(avx512dq, 7_EBX, 17, none) \
    X(rdseed, 7_EBX, 18, rdseed) \
    X(adx, 7_EBX, 19, adx) \
    X(smap, 7_EBX, 20, smap) \
    X(avx512ifma, 7_EBX, 21, none) \
    X(pcommit, 7_EBX, 22, none) \
    X(clflushopt, 7_EBX, 23, clflushopt) \
    X(clwb, 7_EBX, 24, clwb) \
    X(intel_pt, 7_EBX, 25, none) \
    X(avx512pf, 7_EBX, 26, none) \
    X(avx512er, 7_EBX, 27, none) \
    X(avx512cd, 7_EBX, 28, none) \
    X(sha_ni, 7_EBX, 29, sha) \
    X(avx512bw, 7_EBX, 30, none) \
    X(avx512vl, 7_EBX, 31, none) \
    X(avx512vbmi, 7_ECX, 1, none) \
    X(umip, 7_ECX, 2, base) \
    X(pku, 7_ECX, 3, pku) \
    X(waitpkg, 7_ECX, 5, none) \
    X(avx512vbmi2, 7_ECX, 6, none) \
    X(gfni, 7_ECX, 8, none) \
    X(vaes, 7_ECX, 9, vaes) \
    X(vpclmulqdq, 7_ECX, 10, none) \
    X(avx512vnni, 7_ECX, 11, none) \
    X(avx512bitalg, 7_ECX, 12, none) \
    X(avx512_vpopcntdq, 7_ECX, 14, none) \
    X(la57, 7_ECX, 16, base) \
    X(rdpid, 7_ECX, 22, rdpid) \
    X(bus_lock_detect, 7_ECX, 24, none) \
    X(cldemote, 7_ECX, 25, none) \
    X(movdiri, 7_ECX, 27, none) \
    X(movdir64b, 7_ECX, 28, none) \
    X(pks, 7_ECX, 31, none) \
    X(avx512_4vnniw, 7_EDX, 2, none) \
    X(avx512_4fmaps, 7_EDX, 3, none) \
    X(fsrm, 7_EDX, 4, base) \
    X(avx512_vp2intersect, 7_EDX, 8, none) \
    X(md_clear, 7_EDX, 10, none) \
    X(serialize, 7_EDX, 14, none) \
    X(tsx_ldtrk, 7_EDX, 16, none) \
    X(arch_lbr, 7_EDX, 19, none) \
    X(amx_bf16, 7_EDX, 22, none) \
    X(avx512_fp16, 7_EDX, 23, none) \
    X(amx_tile, 7_EDX, 24, none) \
    X(amx_int8, 7_EDX, 25, none) \
    X(spec_ctrl, 7_EDX, 26, none) \
    X(stibp, 7_EDX, 27, none) \
    X(flush_l1d, 7_EDX, 28, none) \
    X(arch_capabilities, 7_EDX, 29, none) \
    X(core_capability, 7_EDX, 30, none) \
    X(ssbd, 7_EDX, 31, none) \
    X(sha512, 71_EAX, 0, none) \
    X(sm3, 71_EAX, 1, none) \
    X(sm4, 71_EAX, 2, none) \
    X(avx_vnni, 71_EAX, 4, none) \
    X(avx512_bf16, 71_EAX, 5, none) \
    X(cmpccxadd, 71_EAX, 7, none) \
    X(fzrm, 71_EAX, 10, base) \
    X(fsrs, 71_EAX, 11, base) \
    X(fsrc, 71_EAX, 12, base) \
    X(lkgs, 71_EAX, 18, none) \
    X(wrmsrns, 71_EAX, 19, none) \
    X(amx_fp16, 71_EAX, 21, none) \
    X(avx_ifma, 71_EAX, 23, none) \
    X(lam, 71_EAX, 26, none) \
    X(avx_vnni_int8, 71_EDX, 4, none) \
    X(avx_ne_convert, 71_EDX, 5, none) \
    X(amx_complex, 71_EDX, 8, none) \
    X(avx_vnni_int16, 71_EDX, 10, none) \
    X(prefetchiti, 71_EDX, 14, none) \
    X(intel_psfd, 72_EDX, 0, none) \
    X(ipred_ctrl, 72_EDX, 1, none) \
    X(rrsba_ctrl, 72_EDX, 2, none) \
    X(ddpd_u, 72_EDX, 3, none) \
    X(bhi_ctrl, 72_EDX, 4, none) \
    X(mcdt_no, 72_EDX, 5, none) \
    X(xsaveopt, D_EAX, 0, xsaveopt) \
    X(xsavec, D_EAX, 1, xsavec) \
    X(xgetbv1, D_EAX, 2, xsave) \
    X(xsaves, D_EAX, 3, xsaves) \
    X(xfd, D_EAX, 4, none) \
    X(lahf_lm, 81_ECX, 0, base) \
    X(cmp_legacy, 81_ECX, 1, base) \
    X(svm, 81_ECX, 2, none) \
    X(extapic, 81_ECX, 3, none) \
    X(cr8legacy, 81_ECX, 4, none) \
    X(abm, 81_ECX, 5, lzcnt) \
    X(sse4a, 81_ECX, 6, sse4a) \
    X(misalignsse, 81_ECX, 7, none) \
    X(3dnowprefetch, 81_ECX, 8, prefetchw) \
    X(osvw, 81_ECX, 9, none) \
    X(ibs, 81_ECX, 10, none) \
    X(xop, 81_ECX, 11, none) \
    X(skinit, 81_ECX, 12, none) \
    X(wdt, 81_ECX, 13, none) \
    X(lwp, 81_ECX, 15, none) \
    X(fma4, 81_ECX, 16, none) \
    X(tce, 81_ECX, 17, none) \
    X(nodeid_msr, 81_ECX, 19, none) \
    X(tbm, 81_ECX, 21, none) \
    X(topoext, 81_ECX, 22, none) \
    X(perfctr_core, 81_ECX, 23, none) \
    X(perfctr_nb, 81_ECX, 24, none) \
    X(syscall, 81_EDX, 11, syscall) \
    X(nx, 81_EDX, 20, base) \
    X(mmxext, 81_EDX, 22, base) \
    X(fxsr_opt, 81_EDX, 25, none) \
    X(pdpe1gb, 81_EDX, 26, base) \
    X(rdtscp, 81_EDX, 27, rdtscp) \
    X(lm, 81_EDX, 29, base) \
    X(3dnowext, 81_EDX, 30, none) \
    X(3dnow, 81_EDX, 31, none) \
    X(overflow_recov, 87_EBX, 0, none) \
    X(succor, 87_EBX, 1, none) \
    X(invtsc, 87_EDX, 8, none) \
    X(clzero, 88_EBX, 0, clzero) \
    X(xsaveerptr, 88_EBX, 2, base) \
    X(wbnoinvd, 88_EBX, 9, wbnoinvd) \
    X(ibpb, 88_EBX, 12, none) \
    X(ibrs, 88_EBX, 14, none) \
    X(amd_stibp, 88_EBX, 15, none) \
    X(stibp_always_on, 88_EBX, 17, none) \
    X(amd_ssbd, 88_EBX, 24, none) \
    X(virt_ssbd, 88_EBX, 25, none) \
    X(amd_no_ssb, 88_EBX, 26, none) \
    X(amd_psfd, 88_EBX, 28, none) \
    X(npt, 8A_EDX, 0, none) \
    X(lbrv, 8A_EDX, 1, none) \
    X(svm_lock, 8A_EDX, 2, none) \
    X(nrip_save, 8A_EDX, 3, none) \
    X(tsc_scale, 8A_EDX, 4, none) \
    X(vmcb_clean, 8A_EDX, 5, none) \
    X(flushbyasid, 8A_EDX, 6, none) \
    X(decodeassists, 8A_EDX, 7, none) \
    X(pause_filter, 8A_EDX, 10, none) \
    X(pfthreshold, 8A_EDX, 12, none) \
    X(avic, 8A_EDX, 13, none) \
    X(v_vmsave_vmload, 8A_EDX, 15, none) \
    X(vgif, 8A_EDX, 16, none) \
    X(vnmi, 8A_EDX, 25, none) \
    X(svme_addr_chk, 8A_EDX, 28, none) \
    X(no_nested_data_bp, 821_EAX, 0, none) \
    X(lfence_always_serializing, 821_EAX, 2, none) \
    X(null_sel_clr_base, 821_EAX, 6, none) \
    X(auto_ibrs, 821_EAX, 8, none) \
    X(eraps, 821_EAX, 24, none) \
    X(sbpb, 821_EAX, 27, none) \
    X(ibpb_brtype, 821_EAX, 28, none) \
    X(srso_no, 821_EAX, 29, none) \
    X(srso_user_kernel_no, 821_EAX, 30, none) \
    X(perfmon_v2, 822_EAX, 0, none)
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
