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
    static const char *const models[] = {"max,pauth-impdef=on", "max,pauth-qarma3=on",
                                         "max,pauth-qarma5=on", "neoverse-v1"};
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

/*
 * The implementation-defined algorithm has no other implementation to be compared with: what
 * follows is what a guest relies on of any (DDI 0487, D8.9 and the pseudocode ComputePAC), asked of
 * all three alike.
 */
static const char *const algorithms[] = {"max,pauth-impdef=on", "max,pauth-qarma3=on",
                                         "max,pauth-qarma5=on"};

TEST(a_wrong_key_modifier_or_pointer_hardly_ever_authenticates)
{
    for (unsigned i = 0; i < 3; i++) {
        struct arm_cpu *cpu = make(algorithms[i], TCR_48);
        struct rng rng;
        unsigned accepted = 0;
        rng_seed(&rng, test_seed());
        for (unsigned n = 0; n < 2000; n++) {
            const uint64_t pointer = rng_u64(&rng) & mask64(48), modifier = rng_u64(&rng);
            const enum arm_pac_key_id key = n % 4;
            const uint64_t with = arm_pac_add(cpu, key, pointer, modifier);
            uint64_t p = with;
            accepted += arm_pac_check(cpu, (key + 1 + n / 4 % 3) % 4, &p, modifier);
            p = with;
            accepted += arm_pac_check(cpu, key, &p, modifier ^ UINT64_C(1) << n % 64);
            p = with ^ UINT64_C(1) << n % 48;
            accepted += arm_pac_check(cpu, key, &p, modifier);
            cpu->key[key].lo ^= UINT64_C(1) << n % 64;
            p = with;
            accepted += arm_pac_check(cpu, key, &p, modifier);
            cpu->key[key].lo ^= UINT64_C(1) << n % 64;
            p = with;
            CHECK(arm_pac_check(cpu, key, &p, modifier));
        }
        CHECK(accepted < 10); /* of 8,000 with a code of 15 bits: by chance one or none */
        drop(cpu);
    }
}

/* Which of the 64 bits of PACGA's code change when one bit of data, modifier or key does. */
TEST(each_bit_of_the_input_changes_each_bit_of_the_code_half_of_the_time)
{
    enum {
        ROUNDS = 400
    };
    for (unsigned i = 0; i < 3; i++) {
        struct arm_cpu *cpu = make(algorithms[i], TCR_48);
        struct rng rng;
        rng_seed(&rng, test_seed());
        for (unsigned flipped = 0; flipped < 256; flipped += 7) {
            unsigned changes[32] = {0};
            for (unsigned n = 0; n < ROUNDS; n++) {
                uint64_t in[4] = {rng_u64(&rng), rng_u64(&rng), rng_u64(&rng), rng_u64(&rng)};
                uint64_t out[2];
                for (unsigned k = 0; k < 2; k++) {
                    cpu->key[ARM_KEY_GA] = (struct arm_pac_key){.hi = in[2], .lo = in[3]};
                    out[k] = arm_pac_generic(cpu, in[0], in[1]);
                    in[flipped / 64] ^= UINT64_C(1) << flipped % 64;
                }
                for (unsigned bit_ = 0; bit_ < 32; bit_++) {
                    changes[bit_] += bit(out[0] ^ out[1], 32 + bit_);
                }
            }
            for (unsigned bit_ = 0; bit_ < 32; bit_++) {
                CHECK_MSG(changes[bit_] > ROUNDS / 4 && changes[bit_] < ROUNDS * 3 / 4,
                          "%s: input bit %u changes bit %u %u times of %u", algorithms[i], flipped,
                          32 + bit_, changes[bit_], ROUNDS);
            }
        }
        drop(cpu);
    }
}

/* The same question has the same answer on another CPU, later, and whatever else has been asked. */
TEST(a_code_depends_on_key_pointer_and_modifier_only)
{
    for (unsigned i = 0; i < 3; i++) {
        struct arm_cpu *cpu = make(algorithms[i], TCR_48), *other = make(algorithms[i], TCR_48);
        struct rng rng;
        uint64_t first[64];
        rng_seed(&rng, test_seed());
        for (unsigned n = 0; n < 64; n++) {
            first[n] = arm_pac_add(cpu, n % 4, n * UINT64_C(0x10001), n);
        }
        for (unsigned n = 0; n < 31; n++) {
            other->x[n] = rng_u64(&rng);
        }
        other->key[ARM_KEY_GA].lo = rng_u64(&rng);
        other->sp = rng_u64(&rng);
        for (unsigned n = 64; n-- > 0;) {
            arm_pac_generic(other, rng_u64(&rng), rng_u64(&rng));
            CHECK_EQ(arm_pac_add(other, n % 4, n * UINT64_C(0x10001), n), first[n]);
            CHECK_EQ(arm_pac_add(cpu, n % 4, n * UINT64_C(0x10001), n), first[n]);
        }
        drop(cpu);
        drop(other);
    }
}

TEST(codes_of_the_implementation_defined_algorithm_are_its_own)
{
    struct arm_cpu *cpus[3];
    unsigned same = 0;
    for (unsigned i = 0; i < 3; i++) {
        cpus[i] = make(algorithms[i], TCR_48);
    }
    for (uint64_t n = 0; n < 100; n++) {
        const uint64_t own = arm_pac_generic(cpus[0], n, n);
        same += own == arm_pac_generic(cpus[1], n, n);
        same += own == arm_pac_generic(cpus[2], n, n);
    }
    CHECK_EQ(same, 0);
    for (unsigned i = 0; i < 3; i++) {
        drop(cpus[i]);
    }
}
