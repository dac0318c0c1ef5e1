/* SPDX-License-Identifier: MIT */
/* Pointer authentication (FEAT_PAuth, DDI 0487, D8.9). */
#ifndef CPU_ARM_PAUTH_H
#define CPU_ARM_PAUTH_H

#include "cpu/arm/a64.h"

/*
 * Emits the authentication of a pointer with a key of the four for addresses; the value is the
 * pointer without its code. combined: for an instruction that also uses it. A wrong code makes the
 * value unusable, or raises an exception (FEAT_FPAC, FEAT_FPACCOMBINE).
 */
ir_val authenticate(struct a64_block *c, enum arm_pac_key_id key, bool combined, ir_val pointer,
                    ir_val modifier);

/*
 * Inserts the code (AddPAC), authenticates (Auth: false if wrong, *pointer is then unusable),
 * removes it (Strip). data: a data key, for TBID.
 */
uint64_t arm_pac_add(const struct arm_cpu *cpu, enum arm_pac_key_id key, uint64_t pointer,
                     uint64_t modifier);
bool arm_pac_check(const struct arm_cpu *cpu, enum arm_pac_key_id key, uint64_t *pointer,
                   uint64_t modifier);
uint64_t arm_pac_strip(const struct arm_cpu *cpu, uint64_t pointer, bool data);

/* Computes cpu->pac from the registers. */
void arm_pac_update(struct arm_cpu *cpu);

/* The same as run-time functions (LEAF): a pointer or data, b modifier, aux the key. */
uint64_t arm_pac_add_call(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux);
uint64_t arm_pac_auth_call(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux);
uint64_t arm_pac_generic_call(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c, uint32_t aux);

/* PACGA's 64 bits, of which it keeps the upper half. */
uint64_t arm_pac_generic(const struct arm_cpu *cpu, uint64_t data, uint64_t modifier);

/* The implementation-defined algorithm: two rounds of a multiplying hash, mixed by
 * x = (x ^ x >> 32) * ARM_PAC_MIX twice, and x ^ x >> 32. */
#define ARM_PAC_MIX UINT64_C(0xd6e8feb86659fd93)
#define ARM_PAC_SPREAD UINT64_C(0x9e3779b97f4a7c15) /* times the modifier */

/*
 * The block cipher QARMA-64 with 5 rounds and the S-box sigma2, or with 3 and sigma1 (R. Avanzi,
 * 2017), as tables: what becomes of a cell with its S-box and the linear layer, forward and
 * backward; of a cell with the linear layer alone; of a cell of the tweak.
 */
#define QARMA_ROUNDS_MAX 5
struct qarma {
    uint64_t forward[16][16], backward[16][16], linear[16][16], tweak[16][16];
    const uint8_t *box_inverse;
    unsigned rounds;
};
void qarma_init(struct qarma *q, unsigned rounds);
uint64_t qarma64(const struct qarma *q, uint64_t data, uint64_t tweak,
                 const struct arm_pac_key *key);

#endif
