/* SPDX-License-Identifier: MIT */
/*
 * BRAA and BRAAZ by each register. QEMU 10.0 ends with a failed assertion when it translates one
 * that is not by X16 or X17, so that neither it nor tests/insn can run these. DDI 0487, C6.2
 * (BRAA).
 */
#include "tests/system/aarch64/lib/guest.h"

/* Jump number n is at jumps + 8 * n: to x0, signed with the modifier x1. */
void jumps(u64, u64), jumps_with_zero(u64), landing(void);
__asm__(".arch armv8.5-a\n"
        "jumps:\n"
        ".irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, "
        "24, 25, 26, 27, "
        "28, 29\n"
        " mov x\\n, x0\n braa x\\n, x1\n"
        ".endr\n"
        "jumps_with_zero:\n"
        ".irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, "
        "24, 25, 26, 27, "
        "28, 29\n"
        " mov x\\n, x0\n braaz x\\n\n"
        ".endr\n"
        "landing: svc #9\n");
#define JUMPS 28u

static u64 sign(u64 p, u64 modifier)
{
    __asm__ volatile("pacia %0, %1" : "+r"(p) : "r"(modifier));
    return p;
}

static bool start(void)
{
    if (!(READ(id_aa64isar1_el1) >> 4 & 255) && !(READ(id_aa64isar2_el1) >> 12 & 15)) {
        test_skip("the CPU does not have FEAT_PAuth");
        return false;
    }
    WRITE(apiakeylo_el1, 0x1234567890abcdef);
    WRITE(apiakeyhi_el1, 0xfedcba0987654321);
    WRITE(sctlr_el1, READ(sctlr_el1) | 1ull << 31);
    isb();
    return true;
}

static void jump(u64 from, u64 to, u64 modifier)
{
    try_state(EL1T | PSTATE_DAIF, (const void *)from, to, modifier, 0, 0);
}

TEST(good_signature_jumps)
{
    if (!start()) {
        return;
    }
    for (u64 n = 0; n < JUMPS; n++) {
        jump((u64)jumps + 8 * n, sign((u64)landing, n + 100), n + 100);
        CHECK_EQ(EC(caught()->esr), EC_SVC);
        CHECK_EQ(caught()->elr, (u64)landing + 4);
        jump((u64)jumps_with_zero + 8 * n, sign((u64)landing, 0), 77);
        CHECK_EQ(EC(caught()->esr), EC_SVC);
    }
}

TEST(bad_signature_does_not)
{
    if (!start()) {
        return;
    }
    for (u64 n = 0; n < JUMPS; n++) {
        jump((u64)jumps + 8 * n, sign((u64)landing, n + 100), n + 101);
        CHECK(EC(caught()->esr) == EC_FPAC || EC(caught()->esr) == EC_FETCH_EL1);
        jump((u64)jumps_with_zero + 8 * n, (u64)landing, 0);
        CHECK(EC(caught()->esr) == EC_FPAC || EC(caught()->esr) == EC_FETCH_EL1);
    }
}
