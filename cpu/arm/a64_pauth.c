/* SPDX-License-Identifier: MIT */
/*
 * A64: pointer authentication instructions (DDI 0487, C4.1.93 "Hints", C4.1.95 "Data-processing (1
 * source)"). A key that SCTLR_EL1 does not enable makes them do nothing.
 */
#include "cpu/arm/exception.h"
#include "cpu/arm/pauth.h"

static const struct ir_call row_add = A64_ROW(arm_pac_add_call, IR_CALL_LEAF);
static const struct ir_call row_auth = A64_ROW(arm_pac_auth_call, IR_CALL_LEAF);
static const struct ir_call row_strip = A64_ROW(arm_pac_strip_call, IR_CALL_LEAF);
static const struct ir_call row_generic = A64_ROW(arm_pac_generic_call, IR_CALL_LEAF);

#define LEVEL_FPAC 4

static bool is_enabled(const struct a64_block *c, enum arm_pac_key_id key)
{
    static const uint32_t enable[] = {MODE_ENIA, MODE_ENIB, MODE_ENDA, MODE_ENDB};
    return c->mode & enable[key];
}

static ir_val add_code(struct a64_block *c, enum arm_pac_key_id key, ir_val pointer,
                       ir_val modifier)
{
    if (!is_enabled(c, key)) {
        return pointer;
    }
    return ir_call(c->b, T_I64, &row_add, pointer, modifier, IR_NONE, key);
}

/*
 * With FEAT_FPAC a code is right exactly if adding it to the stripped pointer gives what is there:
 * the sum of the code and a pointer with good extension bits is the only one that authenticates.
 */
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
    const ir_val plain = ir_call(c->b, T_I64, &row_strip, pointer, IR_NONE, IR_NONE,
                                 key >= ARM_KEY_DA);
    const ir_val right = ir_call(c->b, T_I64, &row_add, plain, modifier, IR_NONE, key);
    raise_if(c, ir_cmp(c->b, IR_NE, right, pointer), SYNDROME(EC_PAC_FAIL, iss));
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
    write_x(c, rd, ir_call(c->b, T_I64, &row_strip, read_x(c, rd, 1), IR_NONE, IR_NONE, data));
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
