/* SPDX-License-Identifier: MIT */
/*
 * Pointer authentication codes (DDI 0487, D8.9 and the pseudocode AddPAC, Auth, Strip). The code
 * takes the bits of a pointer above the address, but bit 55 and, where the top byte is ignored,
 * bits 63 to 56.
 *
 * Called from translated code with the guest's vector registers live.
 */
#include "cpu/arm/pauth.h"
#include "cpu/arm/sysregs.h"

enum {
    LEVEL_EPAC = 2,
    LEVEL_PAUTH2 = 3,
    LEVEL_FPAC = 4
};

static uint64_t select64(uint64_t mask, uint64_t ones, uint64_t zeros)
{
    return (ones & mask) | (zeros & ~mask);
}

static bool has_tbi(const struct arm_cpu *cpu, bool upper, bool data)
{
    const uint64_t tcr = cpu->tcr[1];
    const bool tbi = tcr & (upper ? TCR_TBI1 : TCR_TBI0),
               tbid = tcr & (upper ? TCR_TBID1 : TCR_TBID0);
    return tbi && (data || !tbid);
}

static unsigned lowest_pac_bit(const struct arm_cpu *cpu, bool upper)
{
    const uint64_t tcr = cpu->tcr[1];
    const unsigned tsz = tcr >> (upper ? 16 : 0) & 63, granule = tcr >> (upper ? 30 : 14) & 3;
    const bool is_64k = granule == (upper ? 3 : 1);
    const bool is_52 = is_64k ? arm_has(cpu, ARM_HAS_lva) : (tcr & TCR_DS) != 0;
    const unsigned least = is_52 ? 12 : 16;
    const unsigned most = arm_has(cpu, ARM_HAS_ttst) ? (is_64k ? 47 : 48) : 39;
    return 64 - (tsz < least ? least : tsz > most ? most : tsz);
}

/* Where the code is: bits [lowest, 54], and [56, 63] without TBI. */
static uint64_t pac_field(const struct arm_cpu *cpu, bool upper, bool tbi)
{
    const uint64_t low = mask64(55) & ~mask64(lowest_pac_bit(cpu, upper));
    return tbi ? low : low | UINT64_C(0xff) << 56;
}

static uint64_t mix64(uint64_t h)
{
    h = (h ^ h >> 32) * ARM_PAC_MIX;
    h = (h ^ h >> 32) * ARM_PAC_MIX;
    return h ^ h >> 32;
}

/* The algorithm of FEAT_PACIMP: two rounds of a multiplying hash, fast and of no cryptographic
 * strength. */
static uint64_t hash_pac(uint64_t data, uint64_t modifier, const struct arm_pac_key *key)
{
    return mix64(mix64(data ^ key->lo) + (modifier ^ key->hi) * ARM_PAC_SPREAD);
}

static uint64_t compute(const struct arm_cpu *cpu, uint64_t data, uint64_t modifier,
                        const struct arm_pac_key *key)
{
    if (arm_has(cpu, ARM_HAS_pauth_impdef)) {
        return hash_pac(data, modifier, key);
    }
    return qarma64(cpu->qarma, data, modifier, key);
}

static bool is_data(enum arm_pac_key_id key)
{
    return key == ARM_KEY_DA || key == ARM_KEY_DB;
}

uint64_t arm_pac_add(const struct arm_cpu *cpu, enum arm_pac_key_id key, uint64_t pointer,
                     uint64_t modifier)
{
    const bool data = is_data(key);
    const bool by_55 = has_tbi(cpu, false, data) || has_tbi(cpu, true, data);
    const bool upper = bit(pointer, by_55 ? 55 : 63);
    const uint64_t sign = upper ? UINT64_MAX : 0, bit55 = UINT64_C(1) << 55;
    const uint64_t field = pac_field(cpu, upper, has_tbi(cpu, bit(pointer, 55), data));
    uint64_t pac = compute(cpu, select64(field | bit55, sign, pointer), modifier, &cpu->key[key]);
    const uint64_t extension = pointer & (field | bit55);
    if (cpu->pauth_level >= LEVEL_PAUTH2) {
        pac ^= pointer;
    } else if (extension != 0 && extension != (field | bit55)) {
        const unsigned top = field >> 63 ? 62 : 54;
        pac = cpu->pauth_level == LEVEL_EPAC ? 0 : pac ^ UINT64_C(1) << top;
    }
    return select64(bit55, sign, select64(field, pac, pointer));
}

bool arm_pac_check(const struct arm_cpu *cpu, enum arm_pac_key_id key, uint64_t *pointer,
                   uint64_t modifier)
{
    const bool data = is_data(key), upper = bit(*pointer, 55);
    const bool tbi = has_tbi(cpu, upper, data);
    const uint64_t field = pac_field(cpu, upper, tbi), sign = upper ? UINT64_MAX : 0;
    const uint64_t original = select64(field, sign, *pointer);
    const uint64_t pac = compute(cpu, original, modifier, &cpu->key[key]);
    if (cpu->pauth_level >= LEVEL_PAUTH2) {
        *pointer ^= pac & field;
        return ((*pointer ^ sign) & field) == 0;
    }
    if (((*pointer ^ pac) & field) == 0) {
        *pointer = original;
        return true;
    }
    const uint64_t error = key == ARM_KEY_IB || key == ARM_KEY_DB ? 2 : 1;
    *pointer = tbi ? deposit64(original, 54, 53, error) : deposit64(original, 62, 61, error);
    return false;
}

uint64_t arm_pac_strip(const struct arm_cpu *cpu, uint64_t pointer, bool data)
{
    const bool upper = bit(pointer, 55);
    const uint64_t field = pac_field(cpu, upper, has_tbi(cpu, upper, data));
    return select64(field, upper ? UINT64_MAX : 0, pointer);
}

uint64_t arm_pac_generic(const struct arm_cpu *cpu, uint64_t data, uint64_t modifier)
{
    return compute(cpu, data, modifier, &cpu->key[ARM_KEY_GA]) & ~mask64(32);
}

void arm_pac_update(struct arm_cpu *cpu)
{
    for (unsigned data = 0; data < 2; data++) {
        const bool by_55 = has_tbi(cpu, false, data) || has_tbi(cpu, true, data);
        cpu->pac[data].shift = by_55 ? 8 : 0;
        for (unsigned upper = 0; upper < 2; upper++) {
            cpu->pac[data].field[upper] = pac_field(cpu, upper, has_tbi(cpu, upper, data));
        }
    }
}

/* ---- run-time functions: a pointer or data, b modifier, aux the key */

uint64_t arm_pac_add_call(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    (void)c;
    return arm_pac_add(arm_cpu(v), aux, a, b);
}

uint64_t arm_pac_auth_call(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    (void)c;
    arm_pac_check(arm_cpu(v), aux, &a, b);
    return a;
}

uint64_t arm_pac_generic_call(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux)
{
    (void)c, (void)aux;
    return arm_pac_generic(arm_cpu(v), a, b);
}
