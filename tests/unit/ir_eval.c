/* SPDX-License-Identifier: MIT */
/* Evaluators against published vectors and against the definitions in tcg/ops.h. */
#include "base/bits.h"
#include "base/rng.h"
#include "base/softfloat.h"
#include "tcg/env.h"
#include "tcg/eval.h"
#include "tests/test.h"

/* Evaluates without a vCPU. */
static union ir_vec eval(struct ir_insn in, union ir_vec a, union ir_vec b, union ir_vec c)
{
    union ir_vec d = {.u64 = {0xdead, 0xbeef}};
    ir_eval_op(NULL, NULL, &in, &d, (const union ir_vec *const[]){&a, &b, &c});
    return d;
}

static union ir_vec vec(uint64_t lo, uint64_t hi)
{
    return (union ir_vec){.u64 = {lo, hi}};
}

static uint64_t scalar(enum ir_op op, ir_type t, uint64_t a, uint64_t b)
{
    return eval((struct ir_insn){.op = (uint16_t)op, .type = t, .src = t}, vec(a, 0), vec(b, 0),
                vec(0, 0))
        .u64[0];
}

static union ir_vec vec3(enum ir_op op, ir_type t, union ir_vec a, union ir_vec b, union ir_vec c)
{
    return eval((struct ir_insn){.op = (uint16_t)op, .type = t}, a, b, c);
}

/* The operands of the examples in FIPS 180-4 are big-endian words. */
static union ir_vec words(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return (union ir_vec){.u32 = {a, b, c, d}};
}

static union ir_vec add32(union ir_vec a, const uint32_t *k)
{
    return words(a.u32[0] + k[0], a.u32[1] + k[1], a.u32[2] + k[2], a.u32[3] + k[3]);
}

TEST(total_semantics_of_shifts_and_division)
{
    CHECK_EQ(scalar(IR_shl, T_I32, 1, 32), 0);
    CHECK_EQ(scalar(IR_shl, T_I64, 1, UINT64_MAX), 0);
    CHECK_EQ(scalar(IR_shr, T_I8, 0x80, 7), 1);
    CHECK_EQ(scalar(IR_sar, T_I16, 0x8000, 99), 0xffff);
    CHECK_EQ(scalar(IR_rotr, T_I8, 0x81, 9), 0xc0);
    CHECK_EQ(scalar(IR_udiv, T_I64, 5, 0), 0);
    CHECK_EQ(scalar(IR_sdiv, T_I64, 1ull << 63, UINT64_MAX), 1ull << 63);
    CHECK_EQ(scalar(IR_srem, T_I64, 1ull << 63, UINT64_MAX), 0);
    CHECK_EQ(scalar(IR_sdiv, T_I32, 0xfffffff9, 2), 0xfffffffd);
    CHECK_EQ(scalar(IR_srem, T_I32, 0xfffffff9, 2), 0xffffffff);
    CHECK_EQ(scalar(IR_smulh, T_I32, 0xffffffff, 2), 0xffffffff);
    CHECK_EQ(scalar(IR_umulh, T_I64, UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
    CHECK_EQ(scalar(IR_clz, T_I16, 1, 0), 15);
    CHECK_EQ(scalar(IR_ctz, T_I16, 0, 0), 16);
    CHECK_EQ(scalar(IR_bswap, T_I16, 0x1234, 0), 0x3412);
    CHECK_EQ(scalar(IR_rbit, T_I32, 0x00000001, 0), 0x80000000);
}

TEST(flags_of_bytes_match_the_definition)
{
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            const struct ir_insn add = {.op = IR_flags_add, .type = T_FLAGS, .src = T_I8};
            const struct ir_insn sub = {.op = IR_flags_sub, .type = T_FLAGS, .src = T_I8};
            const uint64_t f = ir_eval_scalar(&add, a, b, 0), g = ir_eval_scalar(&sub, a, b, 0);
            const int sum = (int8_t)a + (int8_t)b, difference = (int8_t)a - (int8_t)b;
            CHECK_EQ(!!(f & IR_FLAG_C), a + b > 255);
            CHECK_EQ(!!(f & IR_FLAG_V), sum != (int8_t)sum);
            CHECK_EQ(!!(f & IR_FLAG_A), (a & 15) + (b & 15) > 15);
            CHECK_EQ(!!(g & IR_FLAG_C), a < b);
            CHECK_EQ(!!(g & IR_FLAG_V), difference != (int8_t)difference);
            CHECK_EQ(!!(g & IR_FLAG_A), (a & 15) < (b & 15));
            CHECK_EQ(!!(g & IR_FLAG_Z), a == b);
            CHECK_EQ(ir_eval_condition(IR_SLT, g), (int8_t)a < (int8_t)b);
            CHECK_EQ(ir_eval_condition(IR_ULE, g), a <= b);
        }
    }
}

TEST(carry_chains_through_adc_and_sbb)
{
    const struct ir_insn adc = {.op = IR_adc, .type = T_I64};
    const struct ir_insn flags = {.op = IR_flags_adc, .type = T_FLAGS, .src = T_I64};
    CHECK_EQ(ir_eval_scalar(&adc, UINT64_MAX, 0, IR_FLAG_C), 0);
    CHECK(ir_eval_scalar(&flags, UINT64_MAX, 0, IR_FLAG_C) & IR_FLAG_C);
    CHECK(ir_eval_scalar(&flags, UINT64_MAX, UINT64_MAX, IR_FLAG_C) & IR_FLAG_C);
    const struct ir_insn borrow = {.op = IR_flags_sbb, .type = T_FLAGS, .src = T_I64};
    CHECK(ir_eval_scalar(&borrow, 0, UINT64_MAX, IR_FLAG_C) & IR_FLAG_C);
    CHECK(!(ir_eval_scalar(&borrow, 1, 0, IR_FLAG_C) & IR_FLAG_C));
}

TEST(crc_of_the_check_string)
{
    uint64_t crc = UINT32_MAX, crc_c = UINT32_MAX;
    for (const char *p = "123456789"; *p; p++) {
        const struct ir_insn in = {.op = IR_crc32, .type = T_I32, .aux = 1};
        const struct ir_insn in_c = {.op = IR_crc32c, .type = T_I32, .aux = 1};
        crc = ir_eval_scalar(&in, crc, (uint8_t)*p, 0);
        crc_c = ir_eval_scalar(&in_c, crc_c, (uint8_t)*p, 0);
    }
    CHECK_EQ(crc ^ UINT32_MAX, 0xcbf43926);
    CHECK_EQ(crc_c ^ UINT32_MAX, 0xe3069283);
}

/* FIPS 197, appendix B: round 1 of the cipher example. */
TEST(aes_round_of_the_standard)
{
    static const uint8_t start[16] = {0x19, 0x3d, 0xe3, 0xbe, 0xa0, 0xf4, 0xe2, 0x2b,
                                      0x9a, 0xc6, 0x8d, 0x2a, 0xe9, 0xf8, 0x48, 0x08};
    static const uint8_t shifted[16] = {0xd4, 0xbf, 0x5d, 0x30, 0xe0, 0xb4, 0x52, 0xae,
                                        0xb8, 0x41, 0x11, 0xf1, 0x1e, 0x27, 0x98, 0xe5};
    static const uint8_t mixed[16] = {0x04, 0x66, 0x81, 0xe5, 0xe0, 0xcb, 0x19, 0x9a,
                                      0x48, 0xf8, 0xd3, 0x7a, 0x28, 0x06, 0x26, 0x4c};
    union ir_vec s;
    memcpy(&s, start, 16);
    const union ir_vec t = vec3(IR_aes_enc, T_V128, s, s, s);
    CHECK_MEM(&t, shifted, 16);
    const union ir_vec u = vec3(IR_aes_mc, T_V128, t, t, t);
    CHECK_MEM(&u, mixed, 16);
    const union ir_vec back = vec3(IR_aes_imc, T_V128, u, u, u);
    CHECK_MEM(&back, shifted, 16);
    const union ir_vec first = vec3(IR_aes_dec, T_V128, back, back, back);
    CHECK_MEM(&first, start, 16);
}

static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The message "abc" of FIPS 180-4's examples, padded to one block. */
static void abc_block(union ir_vec w[4])
{
    w[0] = words(0x61626380, 0, 0, 0);
    w[1] = w[2] = words(0, 0, 0, 0);
    w[3] = words(0, 0, 0, 24);
}

TEST(sha256_of_abc)
{
    const union ir_vec abcd0 = words(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a);
    const union ir_vec efgh0 = words(0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
    union ir_vec abcd = abcd0, efgh = efgh0, w[4];

    abc_block(w);
    for (unsigned i = 0; i < 16; i++) {
        const union ir_vec wk = add32(w[0], &sha256_k[4 * i]), old = abcd;
        const union ir_vec partial = vec3(IR_sha256_su0, T_V128, w[0], w[1], w[1]);
        const union ir_vec next = vec3(IR_sha256_su1, T_V128, partial, w[2], w[3]);
        abcd = vec3(IR_sha256_h, T_V128, abcd, efgh, wk);
        efgh = vec3(IR_sha256_h2, T_V128, efgh, old, wk);
        w[0] = w[1];
        w[1] = w[2];
        w[2] = w[3];
        w[3] = next;
    }
    abcd = add32(abcd, abcd0.u32);
    efgh = add32(efgh, efgh0.u32);
    const union ir_vec hash[2] = {words(0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223),
                                  words(0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad)};
    CHECK_MEM(&abcd, &hash[0], 16);
    CHECK_MEM(&efgh, &hash[1], 16);
}

TEST(sha1_of_abc)
{
    static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    static const enum ir_op rounds[4] = {IR_sha1_c, IR_sha1_p, IR_sha1_m, IR_sha1_p};
    const union ir_vec abcd0 = words(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
    union ir_vec abcd = abcd0, w[4];
    uint32_t e = 0xc3d2e1f0;

    abc_block(w);
    for (unsigned i = 0; i < 20; i++) {
        const uint32_t ki[4] = {k[i / 5], k[i / 5], k[i / 5], k[i / 5]};
        const uint32_t next_e = abcd.u32[0] << 30 | abcd.u32[0] >> 2;
        const union ir_vec partial = vec3(IR_sha1_su0, T_V128, w[0], w[1], w[2]);
        const union ir_vec next = vec3(IR_sha1_su1, T_V128, partial, w[3], w[3]);
        abcd = vec3(rounds[i / 5], T_V128, abcd, vec(e, 0), add32(w[0], ki));
        e = next_e;
        w[0] = w[1];
        w[1] = w[2];
        w[2] = w[3];
        w[3] = next;
    }
    const union ir_vec hash = words(0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c);
    abcd = add32(abcd, abcd0.u32);
    CHECK_MEM(&abcd, &hash, 16);
    CHECK_EQ(e + 0xc3d2e1f0, 0x9cd0d89d);
}

TEST(carry_less_products)
{
    const struct ir_insn in = {.op = IR_pmull64, .type = T_V128, .aux = 2};
    const union ir_vec r = eval(in, vec(UINT64_MAX, 0), vec(0, UINT64_MAX), vec(0, 0));
    CHECK_EQ(r.u64[0], 0x5555555555555555);
    CHECK_EQ(r.u64[1], 0x5555555555555555);
    const struct ir_insn high = {.op = IR_pmull8, .type = T_I16X8, .aux = 1};
    const union ir_vec s = eval(high, vec(0, 0xff03), vec(0, 0xff05), vec(0, 0));
    CHECK_EQ(s.u16[0], 0x0f);
    CHECK_EQ(s.u16[1], 0x5555);
}

TEST(saturation_and_halving_at_the_edges)
{
    const union ir_vec lo = vec(0x8000800080008000, 0x7fff7fff7fff7fff);
    const union ir_vec one = vec(0x0001000100010001, 0x0001000100010001);
    CHECK_EQ(vec3(IR_sssub, T_I16X8, lo, one, one).u64[0], 0x8000800080008000);
    CHECK_EQ(vec3(IR_ssadd, T_I16X8, lo, one, one).u64[1], 0x7fff7fff7fff7fff);
    CHECK_EQ(vec3(IR_usadd, T_I8X16, vec(0xff, 0), vec(2, 0), one).u64[0], 0xff);
    CHECK_EQ(vec3(IR_ussub, T_I32X4, vec(1, 0), vec(2, 0), one).u64[0], 0);
    CHECK_EQ(vec3(IR_srhadd, T_I64X2, vec(UINT64_MAX, 5), vec(0, 6), one).u64[0], 0);
    CHECK_EQ(vec3(IR_srhadd, T_I64X2, vec(UINT64_MAX, 5), vec(0, 6), one).u64[1], 6);
    CHECK_EQ(vec3(IR_uhadd, T_I64X2, vec(UINT64_MAX, 0), vec(UINT64_MAX, 0), one).u64[0],
             UINT64_MAX);
    CHECK_EQ(vec3(IR_uhsub, T_I8X16, vec(0, 0), vec(1, 0), one).u64[0], 0xff);
    CHECK_EQ(vec3(IR_sabd, T_I8X16, vec(0x7f, 0), vec(0x80, 0), one).u64[0], 0xff);
    CHECK_EQ(vec3(IR_sshl, T_I8X16, vec(0x80, 0), vec(0xf8, 0), one).u64[0], 0xff);
    CHECK_EQ(vec3(IR_ushl, T_I8X16, vec(0x80, 0), vec(0xf9, 0), one).u64[0], 1);
}

TEST(lanes_move_as_named)
{
    const union ir_vec a = vec(0x0706050403020100, 0x0f0e0d0c0b0a0908);
    const union ir_vec b = vec(0x1716151413121110, 0x1f1e1d1c1b1a1918);
    CHECK_EQ(vec3(IR_vzip1, T_I8X16, a, b, a).u64[0], 0x1303120211011000);
    CHECK_EQ(vec3(IR_vzip2, T_I64X2, a, b, a).u64[0], a.u64[1]);
    CHECK_EQ(vec3(IR_vuzp2, T_I16X8, a, b, a).u64[1], 0x1f1e1b1a17161312);
    CHECK_EQ(vec3(IR_vtrn1, T_I32X4, a, b, a).u64[0], 0x1312111003020100);
    CHECK_EQ(vec3(IR_vtrn2, T_I32X4, a, b, a).u64[1], 0x1f1e1d1c0f0e0d0c);
    const struct ir_insn rev = {.op = IR_vrev, .type = T_I16X8, .aux = 32};
    CHECK_EQ(eval(rev, a, a, a).u64[0], 0x0504070601000302);
    const struct ir_insn ext = {.op = IR_vext, .type = T_V128, .aux = 3};
    CHECK_EQ(eval(ext, a, b, a).u64[1], 0x1211100f0e0d0c0b);
    CHECK_EQ(vec3(IR_vtbl, T_V128, a, vec(0x10ff0f0001000000, 0), a).u64[0], 0x00000f0001000000);
    CHECK_EQ(vec3(IR_vpadd, T_I32X4, a, b, a).u32[0], 0x0a080604);
    CHECK_EQ(vec3(IR_vaddv, T_I8X16, a, a, a).u64[0], 120);
    CHECK_EQ(vec3(IR_vsqxtun, T_I8X16, vec(0xff80010000ff0080, 0), a, a).u64[0], 0x00ffff80);
    CHECK_EQ(vec3(IR_vsxth, T_I64X2, vec(0, 0x80000000), a, a).u64[0], 0xffffffff80000000);
    CHECK_EQ(vec3(IR_vumulh, T_I32X4, vec(0, 0xffff0002), vec(0, 0xffff0003), a).u32[1],
             0xfffe0001);
    CHECK_EQ(vec3(IR_vusdot, T_I32X4, vec(1, 0), vec(0xff, 0), vec(0xff, 0)).u32[0],
             (uint32_t)(1 - 255));
}

TEST(an_operand_may_be_the_result)
{
    struct rng r;
    rng_seed(&r, test_seed());
    for (unsigned op = 0; op < IR_OP_COUNT; op++) {
        const bool vector = op >= IR_vcmp && op <= IR_sha1_su1 &&
                            (op < IR_flags_add || op > IR_flags_select);
        if (!vector) {
            continue;
        }
        union ir_vec v[3], copy;
        for (unsigned i = 0; i < 6; i++) {
            v[i / 2].u64[i % 2] = rng_u64(&r);
        }
        const uint32_t aux = op == IR_vrev ? 32 : 1;
        const struct ir_insn in = {.op = (uint16_t)op, .type = T_I16X8, .src = T_I16, .aux = aux};
        const union ir_vec want = eval(in, v[0], v[1], v[2]);
        for (unsigned i = 0; i < 3; i++) {
            copy = v[i];
            ir_eval_op(NULL, NULL, &in, &v[i], (const union ir_vec *const[]){&v[0], &v[1], &v[2]});
            CHECK_MSG(memcmp(&v[i], &want, 16) == 0, "op %u, operand %u", op, i);
            v[i] = copy;
        }
    }
}

/* struct vcpu starts with this. */
static struct tcg_env env;
static const struct ir_guest arm = {.fp_rules = &fp_rules_arm,
                                    .fp_rules_alternate = &fp_rules_arm_ah};

static uint64_t fp(struct ir_insn in, uint64_t a, uint64_t b)
{
    const union ir_vec x = vec(a, 0), y = vec(b, 0);
    union ir_vec d;
    env.fp_flags = 0;
    ir_eval_op((struct vcpu *)(void *)(&env + 1), &arm, &in, &d,
               (const union ir_vec *const[]){&x, &y, &x});
    return d.u64[0];
}

#define F64_MIN UINT64_C(0x0010000000000000)
#define F64_ONE UINT64_C(0x3ff0000000000000)

TEST(rounding_is_dynamic_and_flags_accumulate)
{
    const struct ir_insn add = {.op = IR_fadd, .type = T_F64};
    env.fp_rounding = IR_RNE;
    CHECK_EQ(fp(add, F64_ONE, 1), F64_ONE);
    CHECK_EQ(env.fp_flags, FP_INEXACT);
    env.fp_rounding = IR_RUP;
    CHECK_EQ(fp(add, F64_ONE, 1), F64_ONE + 1);
    env.fp_rounding = IR_RNE;
}

TEST(flush_to_zero_and_default_nan_come_from_the_constants)
{
    const struct ir_insn mul = {.op = IR_fmul, .type = T_F64, .imm = IR_FP_FZ | IR_FP_DN};
    CHECK_EQ(fp(mul, F64_MIN, F64_ONE - F64_MIN), 0);
    CHECK_EQ(env.fp_flags, FP_UNDERFLOW);
    CHECK_EQ(fp(mul, UINT64_C(0xfff4000000000000), F64_ONE), 0x7ff8000000000000);
    CHECK_EQ(env.fp_flags, FP_INVALID);
    const struct ir_insn plain = {.op = IR_fmul, .type = T_F64};
    CHECK_EQ(fp(plain, UINT64_C(0xfff4000000000001), F64_ONE), 0xfffc000000000001);
}

TEST(relations_and_flags_of_floating_point)
{
    const struct ir_insn quiet = {.op = IR_fcmp, .type = T_I32, .src = T_F64, .aux = IR_FUN};
    const struct ir_insn flags = {.op = IR_flags_fcmp, .type = T_FLAGS, .src = T_F64, .aux = 1};
    CHECK_EQ(fp(quiet, UINT64_C(0x7ff8000000000000), F64_ONE), 1);
    CHECK_EQ(env.fp_flags, 0);
    CHECK_EQ(fp(flags, UINT64_C(0x7ff8000000000000), F64_ONE), IR_FLAG_V);
    CHECK_EQ(env.fp_flags, FP_INVALID);
    CHECK_EQ(fp(flags, F64_ONE, 0), 0);
    CHECK_EQ(fp(flags, 0, UINT64_C(1) << 63), IR_FLAG_Z);
    CHECK_EQ(fp(flags, 0, F64_ONE), IR_FLAG_N | IR_FLAG_C);
}

TEST(conversions_saturate_and_scale)
{
    const struct ir_insn to = {.op = IR_ftoi, .type = T_I32, .src = T_F64, .aux = IR_RTZ};
    CHECK_EQ(fp(to, UINT64_C(0xc1e0000000200000), 0), 0x80000000);
    const struct ir_insn fixed = {
        .op = IR_ftoi, .type = T_I32, .src = T_F64, .aux = IR_RTZ | 8 << 8};
    CHECK_EQ(fp(fixed, UINT64_C(0x3ff8000000000000), 0), 0x180);
    const struct ir_insn from = {
        .op = IR_itof, .type = T_F64, .src = T_I32, .aux = IR_ITOF_UNSIGNED | 1 << 8};
    CHECK_EQ(fp(from, 2, 0), F64_ONE);
    const struct ir_insn js = {.op = IR_ftoi, .type = T_I32, .src = T_F64, .aux = IR_FTOI_MODULAR};
    CHECK_EQ(fp(js, UINT64_C(0x41f0000000500000), 0), 5);
    const struct ir_insn half = {.op = IR_fcvt, .type = T_F16, .src = T_F32, .imm = IR_FP_ALT_HALF};
    CHECK_EQ(fp(half, 0x7f800000, 0), 0x7fff);
}
