/* SPDX-License-Identifier: MIT */
/* Pointer authentication: the cipher against its published test vectors, and what is done with its
 * codes. */
#include "base/rng.h"
#include "cpu/arm/models.h"
#include "cpu/arm/pauth.h"
#include "cpu/arm/sysregs.h"
#include "tests/test.h"

#define TAGGED UINT64_C(0x5a00000000000000)

static struct arm_cpu *make(const char *model, uint64_t tcr)
{
    struct error e;
    struct arm_cpu *cpu = (struct arm_cpu *)arm_cpu_class.create(model, 0, &e);
    cpu->tcr[1] = tcr;
    for (unsigned i = 0; i < ARM_KEY_COUNT; i++) {
        cpu->key[i] = (struct arm_pac_key){i * UINT64_C(0x1111) + 1, ~(uint64_t)i};
    }
    return cpu;
}

static void drop(struct arm_cpu *cpu)
{
    arm_cpu_class.destroy(&cpu->vcpu);
}

#define TCR_48 UINT64_C(0x80100010) /* 48-bit addresses, pages of 4 KB */

TEST(qarma_gives_the_published_value)
{
    /* R. Avanzi, "The QARMA Block Cipher Family", appendix: sigma2, 5 rounds */
    const struct arm_pac_key key = {.hi = UINT64_C(0x84be85ce9804e94b),
                                    .lo = UINT64_C(0xec2802d4e0a488e9)};
    static struct qarma q;
    qarma_init(&q, 5);
    CHECK_EQ(qarma64(&q, UINT64_C(0xfb623599da6e8127), UINT64_C(0x477d469dec0b8762), &key),
             UINT64_C(0xc003b93999b33765));
}

static void check_round_trip(const char *model, uint64_t tcr)
{
    struct arm_cpu *cpu = make(model, tcr);
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t modifier = rng_u64(&rng), low = rng_u64(&rng) & mask64(48);
        const uint64_t pointer = i & 1 ? low | ~mask64(48) : low;
        const enum arm_pac_key_id key = i % 4;
        uint64_t p = arm_pac_add(cpu, key, pointer, modifier);
        CHECK_EQ(arm_pac_strip(cpu, p, key >= ARM_KEY_DA), pointer);
        CHECK_EQ(bit(p, 55), bit(pointer, 55));
        CHECK(arm_pac_check(cpu, key, &p, modifier));
        CHECK_EQ(p, pointer);
        p = arm_pac_add(cpu, key, pointer, modifier) ^ UINT64_C(1) << 54;
        CHECK(!arm_pac_check(cpu, key, &p, modifier));
        CHECK(p != pointer);
    }
    drop(cpu);
}

TEST(signed_pointers_authenticate_and_changed_ones_do_not)
{
    static const char *const models[] = {"max", "max,pauth-qarma3=on", "max,pauth-qarma5=on",
                                         "neoverse-v1"};
    for (unsigned i = 0; i < 4; i++) {
        check_round_trip(models[i], TCR_48);
        check_round_trip(models[i], TCR_48 | TCR_TBI0 | TCR_TBI1);
        check_round_trip(models[i], TCR_48 | TCR_TBI0 | TCR_TBID0);
    }
}

TEST(top_byte_is_left_alone_where_it_is_ignored)
{
    struct arm_cpu *cpu = make("max", TCR_48 | TCR_TBI0);
    const uint64_t p = TAGGED | 0x123456789abc;
    CHECK_EQ(arm_pac_add(cpu, ARM_KEY_IA, p, 1) >> 56, 0x5a);
    CHECK_EQ(arm_pac_strip(cpu, arm_pac_add(cpu, ARM_KEY_DA, p, 1), true), p);
    drop(cpu);
}

TEST(top_byte_of_code_holds_a_code_with_tbid)
{
    struct arm_cpu *cpu = make("max,pauth-qarma5=on", TCR_48 | TCR_TBI0 | TCR_TBID0);
    unsigned changed = 0;
    for (uint64_t modifier = 0; modifier < 64; modifier++) {
        changed += arm_pac_add(cpu, ARM_KEY_IA, 0x123456789abc, modifier) >> 56 != 0;
        CHECK_EQ(arm_pac_add(cpu, ARM_KEY_DA, 0x123456789abc, modifier) >> 56, 0);
    }
    CHECK(changed > 32);
    drop(cpu);
}

TEST(keys_and_modifiers_matter)
{
    static const char *const models[] = {"max", "max,pauth-qarma3=on", "max,pauth-qarma5=on"};
    for (unsigned i = 0; i < 3; i++) {
        struct arm_cpu *cpu = make(models[i], TCR_48);
        const uint64_t p = 0x123456789abc, a = arm_pac_add(cpu, ARM_KEY_IA, p, 7);
        CHECK(a != p);
        CHECK(a != arm_pac_add(cpu, ARM_KEY_IB, p, 7));
        CHECK(a != arm_pac_add(cpu, ARM_KEY_IA, p, 8));
        CHECK_EQ(arm_pac_generic(cpu, 1, 2) & 0xffffffff, 0);
        CHECK(arm_pac_generic(cpu, 1, 2) != arm_pac_generic(cpu, 2, 2));
        drop(cpu);
    }
}
