/* SPDX-License-Identifier: MIT */
/*
 * A64: pointer authentication instructions (DDI 0487, C4.1.93 "Hints", C4.1.95 "Data-processing (1
 * source)"). A key that SCTLR_EL1 does not enable makes them do nothing. pauth_leaf.c has the same
 * in C, for the algorithms that are not IR.
 */
#include "cpu/arm/exception.h"
#include "cpu/arm/pauth.h"

static const struct ir_call row_add = A64_ROW(arm_pac_add_call, IR_CALL_LEAF);
static const struct ir_call row_auth = A64_ROW(arm_pac_auth_call, IR_CALL_LEAF);
static const struct ir_call row_generic = A64_ROW(arm_pac_generic_call, IR_CALL_LEAF);

#define FIELD(name) ((uint32_t)offsetof(struct arm_cpu, name))
#define BIT_55 (UINT64_C(1) << 55)

enum {
    LEVEL_PAUTH2 = 3,
    LEVEL_FPAC = 4
};

static bool is_enabled(const struct a64_block *c, enum arm_pac_key_id key)
{
    static const uint32_t enable[] = {MODE_ENIA, MODE_ENIB, MODE_ENDA, MODE_ENDB};
    return c->mode & enable[key];
}

/* ---- bits */

/* All ones if the bit that shift brings to the top is set. */
static ir_val sign_of(struct a64_block *c, ir_val pointer, ir_val shift)
{
    return ir_sar(c->b, ir_shl(c->b, pointer, shift), const_of(c, 63, 1));
}

/* Where the code is in pointers whose half is told by sign. */
static ir_val field_of(struct a64_block *c, bool data, ir_val sign)
{
    const ir_val lower = ir_env_load(c->b, T_I64, FIELD(pac[data].field[0]));
    const ir_val upper = ir_env_load(c->b, T_I64, FIELD(pac[data].field[1]));
    return ir_select(c->b, ir_cmp(c->b, IR_NE, sign, const_of(c, 0, 1)), upper, lower);
}

/* The bits of x in field that differ from sign. */
static ir_val difference(struct a64_block *c, ir_val x, ir_val sign, ir_val field)
{
    return ir_and(c->b, ir_xor(c->b, x, sign), field);
}

/* The bits that are to be inverted to remove the code; *field: where it is. */
static ir_val code_of(struct a64_block *c, bool data, ir_val pointer, ir_val *field)
{
    const ir_val sign = sign_of(c, pointer, const_of(c, 8, 1));
    *field = field_of(c, data, sign);
    return difference(c, pointer, sign, *field);
}

/* ---- the implementation-defined algorithm */

static ir_val fold_halves(struct a64_block *c, ir_val x)
{
    return ir_xor(c->b, x, ir_shr(c->b, x, const_of(c, 32, 1)));
}

static ir_val mix(struct a64_block *c, ir_val x)
{
    for (unsigned i = 0; i < 2; i++) {
        x = ir_mul(c->b, fold_halves(c, x), const_of(c, ARM_PAC_MIX, 1));
    }
    return fold_halves(c, x);
}

static ir_val hash(struct a64_block *c, enum arm_pac_key_id key, ir_val data, ir_val modifier)
{
    const ir_val lo = ir_env_load(c->b, T_I64, FIELD(key[0].lo) + key * sizeof(struct arm_pac_key));
    const ir_val hi = ir_env_load(c->b, T_I64, FIELD(key[0].hi) + key * sizeof(struct arm_pac_key));
    const ir_val spread = ir_mul(c->b, ir_xor(c->b, modifier, hi), const_of(c, ARM_PAC_SPREAD, 1));
    return mix(c, ir_add(c->b, mix(c, ir_xor(c->b, data, lo)), spread));
}

/* Its code is made by IR, with FEAT_PAuth2 at least. */
static bool is_inline(const struct a64_block *c)
{
    return c->cpu->pauth_level >= LEVEL_PAUTH2 && arm_has(c->cpu, ARM_HAS_pauth_impdef);
}

/* AddPAC with FEAT_PAuth2: the code is xor-ed to the pointer. Bit 55 tells the half afterwards. */
static ir_val insert_code(struct a64_block *c, enum arm_pac_key_id key, ir_val pointer,
                          ir_val modifier)
{
    const bool data = key >= ARM_KEY_DA;
    const ir_val shift = ir_env_load(c->b, T_I64, FIELD(pac[data].shift));
    const ir_val sign = sign_of(c, pointer, shift), field = field_of(c, data, sign);
    const ir_val bit55 = const_of(c, BIT_55, 1);
    const ir_val wrong = difference(c, pointer, sign, ir_or(c->b, field, bit55));
    const ir_val code = hash(c, key, ir_xor(c->b, pointer, wrong), modifier);
    return ir_xor(c->b, ir_xor(c->b, pointer, ir_and(c->b, wrong, bit55)),
                  ir_and(c->b, code, field));
}

/* ---- what the instructions do */

static ir_val add_code(struct a64_block *c, enum arm_pac_key_id key, ir_val pointer,
                       ir_val modifier)
{
    if (!is_enabled(c, key)) {
        return pointer;
    }
    return is_inline(c) ? insert_code(c, key, pointer, modifier)
                        : ir_call(c->b, T_I64, &row_add, pointer, modifier, IR_NONE, key);
}

/* With FEAT_FPAC a code is right exactly if it is that of the pointer without it. */
ir_val authenticate(struct a64_block *c, enum arm_pac_key_id key, bool combined, ir_val pointer,
                    ir_val modifier)
{
    if (!is_enabled(c, key)) {
        return pointer;
    }
    if (c->cpu->pauth_level < LEVEL_FPAC + combined) {
        return ir_call(c->b, T_I64, &row_auth, pointer, modifier, IR_NONE, key);
    }
    const uint32_t iss = key; /* bit 1 a data key, bit 0 the B key */
    ir_val field, wrong;
    const ir_val found = code_of(c, key >= ARM_KEY_DA, pointer, &field);
    const ir_val plain = ir_xor(c->b, pointer, found);
    if (is_inline(c)) {
        const ir_val differs = ir_xor(c->b, hash(c, key, plain, modifier), found);
        wrong = ir_tst(c->b, IR_NE, differs, field);
    } else {
        const ir_val right = ir_call(c->b, T_I64, &row_add, plain, modifier, IR_NONE, key);
        wrong = ir_cmp(c->b, IR_NE, right, pointer);
    }
    raise_if(c, wrong, SYNDROME(EC_PAC_FAIL, iss));
    return plain;
}
_Static_assert(ARM_KEY_IA == 0 && ARM_KEY_IB == 1 && ARM_KEY_DA == 2 && ARM_KEY_DB == 3,
               "ISS of EC_PAC_FAIL");

static void sign_or_check(struct a64_block *c, unsigned auth, enum arm_pac_key_id key, unsigned rd,
                          ir_val modifier)
{
    const ir_val p = read_x(c, rd, 1);
    write_x(c, rd, auth ? authenticate(c, key, false, p, modifier) : add_code(c, key, p, modifier));
}

void a64_pac(struct a64_block *c, const struct a64_pac *a)
{
    sign_or_check(c, a->auth, a->data * 2u + a->b, a->rd, read_xsp(c, a->rn, 1));
}

void a64_pacz(struct a64_block *c, const struct a64_pacz *a)
{
    sign_or_check(c, a->auth, a->data * 2u + a->b, a->rd, const_of(c, 0, 1));
}

void a64_pac_1716(struct a64_block *c, const struct a64_pac_1716 *a)
{
    sign_or_check(c, a->auth, a->b, 17, read_x(c, 16, 1));
}

void a64_pac_hint(struct a64_block *c, const struct a64_pac_hint *a)
{
    sign_or_check(c, a->auth, a->b, 30, a->sp ? read_xsp(c, 31, 1) : const_of(c, 0, 1));
}

static void strip(struct a64_block *c, unsigned rd, unsigned data)
{
    const ir_val pointer = read_x(c, rd, 1);
    ir_val field;
    write_x(c, rd, ir_xor(c->b, pointer, code_of(c, data, pointer, &field)));
}

void a64_xpac(struct a64_block *c, const struct a64_xpac *a)
{
    strip(c, a->rd, a->data);
}

void a64_xpaclri(struct a64_block *c, const struct a64_xpaclri *a)
{
    (void)a;
    strip(c, 30, 0);
}

void a64_pacga(struct a64_block *c, const struct a64_pacga *a)
{
    const ir_val n = read_x(c, a->rn, 1), m = read_xsp(c, a->rm, 1);
    write_x(c, a->rd, ir_call(c->b, T_I64, &row_generic, n, m, IR_NONE, 0));
}
