/* SPDX-License-Identifier: MIT */
/*
 * What an Arm CPU can do, as its identification registers say (DDI 0487, D19.2). The registers are
 * the only source: a model is a row of register values, and a feature is there when its field holds
 * at least the value in its row here.
 *
 * ARM_FEATURE(name, register, lowest bit of the 4-bit field, least value)
 * Fields of 0b1111 mean "none" where the manual makes them signed; the values here never ask
 * for 15.
 */
#ifndef ARM_FEATURE
#error "define ARM_FEATURE(name, reg, lo, value) before including cpu/arm/features.h"
#endif

/* instructions */
ARM_FEATURE(aes, ISAR0, 4, 1)
ARM_FEATURE(pmull, ISAR0, 4, 2)
ARM_FEATURE(sha1, ISAR0, 8, 1)
ARM_FEATURE(sha256, ISAR0, 12, 1)
ARM_FEATURE(sha512, ISAR0, 12, 2)
ARM_FEATURE(crc32, ISAR0, 16, 1)
ARM_FEATURE(lse, ISAR0, 20, 2)
ARM_FEATURE(rdm, ISAR0, 28, 1)
ARM_FEATURE(sha3, ISAR0, 32, 1)
ARM_FEATURE(sm3, ISAR0, 36, 1)
ARM_FEATURE(sm4, ISAR0, 40, 1)
ARM_FEATURE(dotprod, ISAR0, 44, 1)
ARM_FEATURE(fhm, ISAR0, 48, 1)
ARM_FEATURE(flagm, ISAR0, 52, 1)
ARM_FEATURE(flagm2, ISAR0, 52, 2)
ARM_FEATURE(tlbios, ISAR0, 56, 1)
ARM_FEATURE(tlbirange, ISAR0, 56, 2)
ARM_FEATURE(rng, ISAR0, 60, 1)
ARM_FEATURE(dpb, ISAR1, 0, 1)
ARM_FEATURE(dpb2, ISAR1, 0, 2)
ARM_FEATURE(pauth_qarma5, ISAR1, 4, 1)
ARM_FEATURE(pauth_impdef, ISAR1, 8, 1)
ARM_FEATURE(pauth_qarma3, ISAR2, 12, 1)
ARM_FEATURE(jscvt, ISAR1, 12, 1)
ARM_FEATURE(fcma, ISAR1, 16, 1)
ARM_FEATURE(rcpc, ISAR1, 20, 1)
ARM_FEATURE(rcpc2, ISAR1, 20, 2)
ARM_FEATURE(pacga_qarma5, ISAR1, 24, 1)
ARM_FEATURE(pacga_impdef, ISAR1, 28, 1)
ARM_FEATURE(pacga_qarma3, ISAR2, 8, 1)
ARM_FEATURE(frintts, ISAR1, 32, 1)
ARM_FEATURE(sb, ISAR1, 36, 1)
ARM_FEATURE(specres, ISAR1, 40, 1)
ARM_FEATURE(bf16, ISAR1, 44, 1)
ARM_FEATURE(i8mm, ISAR1, 52, 1)
ARM_FEATURE(ebf16, ISAR1, 44, 2)
ARM_FEATURE(xs, ISAR1, 56, 1)
ARM_FEATURE(rpres, ISAR2, 4, 1)
ARM_FEATURE(wfxt, ISAR2, 0, 2)
ARM_FEATURE(mops, ISAR2, 16, 1)
ARM_FEATURE(hbc, ISAR2, 20, 1)
ARM_FEATURE(cssc, ISAR2, 52, 1)

/* processor state */
ARM_FEATURE(gicv3_sysregs, PFR0, 24, 1)
ARM_FEATURE(ras, PFR0, 28, 1)
ARM_FEATURE(dit, PFR0, 48, 1)
ARM_FEATURE(csv2_2, PFR0, 56, 2)
ARM_FEATURE(bti, PFR1, 0, 1)
ARM_FEATURE(nmi, PFR1, 36, 1)
ARM_FEATURE(ssbs, PFR1, 4, 1)
ARM_FEATURE(ssbs2, PFR1, 4, 2)

ARM_FEATURE(pmuv3p1, DFR0, 8, 4)
ARM_FEATURE(pmuv3p4, DFR0, 8, 5)
ARM_FEATURE(pmuv3p5, DFR0, 8, 6)
ARM_FEATURE(tidcp1, MMFR1, 52, 1)

/* memory */
ARM_FEATURE(bigend, MMFR0, 8, 1)
ARM_FEATURE(hpds2, MMFR1, 12, 2)
ARM_FEATURE(cmow, MMFR1, 56, 1)
ARM_FEATURE(iesb, MMFR2, 12, 1)
ARM_FEATURE(ccidx, MMFR2, 20, 1)
ARM_FEATURE(lpa, MMFR0, 0, 6)
ARM_FEATURE(ecv, MMFR0, 60, 1)
ARM_FEATURE(haf, MMFR1, 0, 1)
ARM_FEATURE(hafdbs, MMFR1, 0, 2)
ARM_FEATURE(hpds, MMFR1, 12, 1)
ARM_FEATURE(lor, MMFR1, 16, 1)
ARM_FEATURE(pan, MMFR1, 20, 1)
ARM_FEATURE(pan2, MMFR1, 20, 2)
ARM_FEATURE(pan3, MMFR1, 20, 3)
ARM_FEATURE(afp, MMFR1, 44, 1)
ARM_FEATURE(cnp, MMFR2, 0, 1)
ARM_FEATURE(uao, MMFR2, 4, 1)
ARM_FEATURE(lva, MMFR2, 16, 1)
ARM_FEATURE(ttst, MMFR2, 28, 1)
ARM_FEATURE(lse2, MMFR2, 32, 1)
ARM_FEATURE(idst, MMFR2, 36, 1)
ARM_FEATURE(e0pd, MMFR2, 60, 1)

#undef ARM_FEATURE
