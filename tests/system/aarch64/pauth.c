/* SPDX-License-Identifier: MIT */
/*
 * Pointer authentication with whatever algorithm the CPU has: keys, modifiers, enables, failures.
 * DDI 0487, D8.10. Values of the architected algorithms are compared with another implementation in
 * tests/insn.
 */
#include "tests/system/aarch64/lib/guest.h"

#define POINTER 0x0000123456789ab0ull
#define UPPER 0xffff876543210fe0ull

enum {
    EN_DB = 1 << 13,
    EN_DA = 1 << 27,
    EN_IB = 1 << 30,
    EN_ALL = EN_DB | EN_DA | EN_IB
};
#define EN_IA (1ull << 31)

static bool has_pauth(void)
{
    return (READ(id_aa64isar1_el1) >> 4 & 255) || (READ(id_aa64isar2_el1) >> 12 & 15);
}

/* 4 or more: a failed authentication is an exception (FEAT_FPAC). */
static unsigned level(void)
{
    unsigned a = READ(id_aa64isar1_el1) >> 4 & 15, i = READ(id_aa64isar1_el1) >> 8 & 15;
    unsigned q3 = READ(id_aa64isar2_el1) >> 12 & 15;
    return a ? a : i ? i : q3;
}

static void set_keys(u64 seed)
{
#define KEY(name)                                                                                  \
    WRITE(name##keylo_el1, random_next(&seed));                                                    \
    WRITE(name##keyhi_el1, random_next(&seed))
    KEY(apia);
    KEY(apib);
    KEY(apda);
    KEY(apdb);
    KEY(apga);
    isb();
}

static void enable(u64 bits)
{
    WRITE(sctlr_el1, (READ(sctlr_el1) & ~(EN_ALL | EN_IA)) | bits);
    isb();
}

static void start(void)
{
    set_keys(0x123456789abcdef);
    enable(EN_ALL | EN_IA);
}

#define SIGN(name)                                                                                 \
    static u64 name(u64 p, u64 modifier)                                                           \
    {                                                                                              \
        __asm__ volatile(".arch armv8.5-a\n " #name " %0, %1" : "+r"(p) : "r"(modifier));          \
        return p;                                                                                  \
    }
SIGN(pacia)
SIGN(pacib)
SIGN(pacda)
SIGN(pacdb)
SIGN(autia)
SIGN(autib)
SIGN(autda)
SIGN(autdb)

static u64 strip(u64 p)
{
    __asm__ volatile("xpacd %0" : "+r"(p));
    return p;
}

static u64 generic(u64 v, u64 modifier)
{
    u64 r;
    __asm__ volatile("pacga %0, %1, %2" : "=r"(r) : "r"(v), "r"(modifier));
    return r;
}

struct key {
    u64 (*sign)(u64, u64), (*check)(u64, u64);
};
static const struct key keys[] = {{pacia, autia}, {pacib, autib}, {pacda, autda}, {pacdb, autdb}};
#define KEYS 4

TEST(signed_pointer_authenticates)
{
    if (!has_pauth()) {
        SKIP("the CPU does not have FEAT_PAuth");
    }
    start();
    u64 seed = 3;
    for (unsigned i = 0; i < 400; i++) {
        u64 modifier = random_next(&seed), p = random_next(&seed) >> 16;
        p |= i & 1 ? 0xffffull << 48 : 0;
        const struct key *k = &keys[i / 2 % KEYS];
        u64 with = k->sign(p, modifier);
        CHECK_EQ(k->check(with, modifier), p);
        CHECK_EQ(strip(with), p);
        CHECK_EQ(with >> 55 & 1, p >> 55 & 1); /* it chooses the half */
    }
}

TEST(signature_depends_on_pointer_modifier_and_key)
{
    if (!has_pauth()) {
        SKIP("the CPU does not have FEAT_PAuth");
    }
    start();
    unsigned same = 0;
    for (u64 i = 0; i < 64; i++) {
        u64 p = pacia(POINTER, i);
        same += p >> 48 == pacia(POINTER ^ 16 << i % 40, i) >> 48;
        same += p == pacia(POINTER, i + 1000);
        same += p == pacib(POINTER, i);
        same += p == pacda(POINTER, i);
        same += pacda(POINTER, i) == pacdb(POINTER, i);
    }
    CHECK(same < 10); /* of 320, by chance one or none */
    u64 before = pacia(POINTER, 1);
    set_keys(99);
    CHECK(pacia(POINTER, 1) != before);
}

TEST(generic_signature_is_in_the_upper_half)
{
    if (!has_pauth()) {
        SKIP("the CPU does not have FEAT_PAuth");
    }
    start();
    u64 a = generic(1, 2);
    CHECK_EQ(a & UINT32_MAX, 0);
    CHECK(a != generic(1, 3));
    CHECK(a != generic(2, 2));
    CHECK_EQ(a, generic(1, 2));
}

static u64 check_bad(u64 which, u64 p, u64 modifier)
{
    return keys[which].check(p, modifier);
}

TEST(wrong_modifier_does_not_authenticate)
{
    if (!has_pauth()) {
        SKIP("the CPU does not have FEAT_PAuth");
    }
    start();
    for (u64 k = 0; k < KEYS; k++) {
        u64 p = keys[k].sign(POINTER, 5);
        bool faulted = try_call(check_bad, k, p, 6);
        CHECK_EQ(faulted, level() >= 4);
        if (faulted) {
            CHECK_EQ(EC(caught()->esr), EC_FPAC);
            CHECK_EQ(ISS(caught()->esr), k); /* instruction or data, A or B */
        } else {
            CHECK(try_result() != POINTER);
        }
    }
}

TEST(disabled_keys_do_nothing)
{
    if (!has_pauth()) {
        SKIP("the CPU does not have FEAT_PAuth");
    }
    static const u64 bits[KEYS] = {EN_IA, EN_IB, EN_DA, EN_DB};
    start();
    for (unsigned k = 0; k < KEYS; k++) {
        enable((EN_ALL | EN_IA) & ~bits[k]);
        for (unsigned i = 0; i < KEYS; i++) {
            u64 p = keys[i].sign(POINTER, 7);
            CHECK_EQ(p == POINTER, i == k);
        }
        CHECK_EQ(keys[k].check(UPPER, 7), UPPER);
        CHECK(generic(1, 1) != 0);
    }
    enable(0);
}

void call_signed(u64 p, u64 modifier), return_signed(void);
__asm__(".arch armv8.5-a\n"
        "call_signed: stp x29, x30, [sp, #-16]!\n blraa x0, x1\n ldp x29, x30, [sp], #16\n ret\n"
        "landing: mov x0, #77\n ret\n"
        "return_signed: paciasp\n stp x29, x30, [sp, #-16]!\n mov x0, #78\n"
        " ldp x29, x30, [sp], #16\n retaa\n");
void landing(void);

TEST(branches_and_returns_authenticate)
{
    if (!has_pauth()) {
        SKIP("the CPU does not have FEAT_PAuth");
    }
    start();
    CHECK(!try_call(call_signed, pacia((u64)landing, 9), 9, 0));
    CHECK_EQ(try_result(), 77);
    CHECK(!try_call(return_signed, 0, 0, 0));
    CHECK_EQ(try_result(), 78);
    CHECK(try_call(call_signed, pacia((u64)landing, 9), 10, 0));
    unsigned ec = EC(caught()->esr);
    CHECK(ec == EC_FPAC || ec == EC_FETCH_EL1);
    enable(0);
}
