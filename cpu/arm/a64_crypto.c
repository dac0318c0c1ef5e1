/* SPDX-License-Identifier: MIT */
/*
 * Cryptographic instructions: AES, SHA-1, SHA-256, SHA-512, SHA-3, SM3, SM4 (DDI 0487, C4.1.96
 * "Cryptographic ..."). AES, SHA-1 and SHA-256 are IR ops, SHA-512 is made of 64-bit integer ops,
 * SM3 and SM4 are run-time functions.
 */
#include "cpu/arm/a64_simd.h"
#include "cpu/arm/simd_calls.h"

/* ---- AES: the round key is added before the rest of a round */

void a64_aese(struct a64_block *c, const struct a64_aese *a)
{
    if (fp_access(c)) {
        const ir_val x = vec_xor(c, read_v(c, a->rd), read_v(c, a->rn));
        write_v(c, a->rd, ir_v1(c->b, IR_aes_enc, T_I8X16, x, 0));
    }
}

void a64_aesd(struct a64_block *c, const struct a64_aesd *a)
{
    if (fp_access(c)) {
        const ir_val x = vec_xor(c, read_v(c, a->rd), read_v(c, a->rn));
        write_v(c, a->rd, ir_v1(c->b, IR_aes_dec, T_I8X16, x, 0));
    }
}

void a64_aesmc(struct a64_block *c, const struct a64_aesmc *a)
{
    if (fp_access(c)) {
        write_v(c, a->rd, ir_v1(c->b, IR_aes_mc, T_I8X16, read_v(c, a->rn), 0));
    }
}

void a64_aesimc(struct a64_block *c, const struct a64_aesimc *a)
{
    if (fp_access(c)) {
        write_v(c, a->rd, ir_v1(c->b, IR_aes_imc, T_I8X16, read_v(c, a->rn), 0));
    }
}

/* ---- SHA-1 and SHA-256 */

#define SHA3(name, op)                                                                             \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            const ir_val x[3] = {read_v(c, a->rd), read_v(c, a->rn), read_v(c, a->rm)};            \
            write_v(c, a->rd, vec3(c, op, T_I32X4, x));                                            \
        }                                                                                          \
    }
SHA3(sha1c, IR_sha1_c)
SHA3(sha1p, IR_sha1_p)
SHA3(sha1m, IR_sha1_m)
SHA3(sha1su0, IR_sha1_su0)
SHA3(sha256h, IR_sha256_h)
SHA3(sha256h2, IR_sha256_h2)
SHA3(sha256su1, IR_sha256_su1)
#undef SHA3

#define SHA2(name, op)                                                                             \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            write_v(c, a->rd, vec2(c, op, 2, read_v(c, a->rd), read_v(c, a->rn)));                 \
        }                                                                                          \
    }
SHA2(sha1su1, IR_sha1_su1)
SHA2(sha256su0, IR_sha256_su0)
#undef SHA2

/* Fixed rotate of the word e: left by 30. */
void a64_sha1h(struct a64_block *c, const struct a64_sha1h *a)
{
    if (fp_access(c)) {
        const ir_val e = ir_vget(c->b, T_I32, read_v(c, a->rn), 0);
        write_s(c, a->rd, ir_rotr(c->b, e, ir_konst(c->b, T_I32, 2)));
    }
}

/* ---- SHA-512: two rounds in two instructions, on doublewords */

static ir_val half(struct a64_block *c, unsigned r, unsigned i)
{
    return ir_vget(c->b, T_I64, read_v(c, r), i);
}

static void write_halves(struct a64_block *c, unsigned r, ir_val low, ir_val high)
{
    write_v(c, r, ir_vset(c->b, T_I64X2, ir_vzext(c->b, low), 1, high));
}

static ir_val rotated(struct a64_block *c, ir_val x, unsigned n)
{
    return ir_rotr(c->b, x, ir_konst(c->b, T_I64, n));
}

/* x turned right by three amounts, exclusive-or */
static ir_val turn3(struct a64_block *c, ir_val x, const uint8_t by[3])
{
    const ir_val two = ir_xor(c->b, rotated(c, x, by[0]), rotated(c, x, by[1]));
    return ir_xor(c->b, two, rotated(c, x, by[2]));
}

/* x ? y : z by bits */
static ir_val choose(struct a64_block *c, ir_val x, ir_val y, ir_val z)
{
    return ir_xor(c->b, ir_and(c->b, x, ir_xor(c->b, y, z)), z);
}

static ir_val majority(struct a64_block *c, ir_val x, ir_val y, ir_val z)
{
    return ir_or(c->b, ir_and(c->b, x, y), ir_and(c->b, ir_or(c->b, x, y), z));
}

void a64_sha512h(struct a64_block *c, const struct a64_sha512h *a)
{
    static const uint8_t sigma1[] = {14, 18, 41};

    if (!fp_access(c)) {
        return;
    }
    struct ir_builder *b = c->b;
    const ir_val x0 = half(c, a->rn, 0), x1 = half(c, a->rn, 1);
    const ir_val y0 = half(c, a->rm, 0), y1 = half(c, a->rm, 1);
    const ir_val high = ir_add(b, ir_add(b, choose(c, y1, x0, x1), turn3(c, y1, sigma1)),
                               half(c, a->rd, 1));
    const ir_val e = ir_add(b, high, y0);
    const ir_val low = ir_add(b, ir_add(b, choose(c, e, y1, x0), turn3(c, e, sigma1)),
                              half(c, a->rd, 0));
    write_halves(c, a->rd, low, high);
}

void a64_sha512h2(struct a64_block *c, const struct a64_sha512h2 *a)
{
    static const uint8_t sigma0[] = {28, 34, 39};

    if (!fp_access(c)) {
        return;
    }
    struct ir_builder *b = c->b;
    const ir_val x0 = half(c, a->rn, 0);
    const ir_val y0 = half(c, a->rm, 0), y1 = half(c, a->rm, 1);
    const ir_val high = ir_add(b, ir_add(b, majority(c, y1, y0, x0), turn3(c, y0, sigma0)),
                               half(c, a->rd, 1));
    const ir_val low = ir_add(b, ir_add(b, majority(c, y1, y0, high), turn3(c, high, sigma0)),
                              half(c, a->rd, 0));
    write_halves(c, a->rd, low, high);
}

/* The message schedule's sigma: x turned by two amounts, and shifted. */
static ir_val schedule(struct a64_block *c, ir_val x, unsigned turn0, unsigned turn1,
                       unsigned shift)
{
    const ir_val turned = ir_xor(c->b, rotated(c, x, turn0), rotated(c, x, turn1));
    return ir_xor(c->b, turned, ir_shr(c->b, x, ir_konst(c->b, T_I64, shift)));
}

void a64_sha512su0(struct a64_block *c, const struct a64_sha512su0 *a)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val w0 = half(c, a->rd, 0), w1 = half(c, a->rd, 1), w2 = half(c, a->rn, 0);
    write_halves(c, a->rd, ir_add(c->b, w0, schedule(c, w1, 1, 8, 7)),
                 ir_add(c->b, w1, schedule(c, w2, 1, 8, 7)));
}

void a64_sha512su1(struct a64_block *c, const struct a64_sha512su1 *a)
{
    if (!fp_access(c)) {
        return;
    }
    ir_val r[2];
    for (unsigned i = 0; i < 2; i++) {
        const ir_val sigma = schedule(c, half(c, a->rn, i), 19, 61, 6);
        r[i] = ir_add(c->b, ir_add(c->b, half(c, a->rd, i), sigma), half(c, a->rm, i));
    }
    write_halves(c, a->rd, r[0], r[1]);
}

/* ---- SHA-3 */

void a64_eor3(struct a64_block *c, const struct a64_eor3 *a)
{
    if (fp_access(c)) {
        const ir_val x = vec_xor(c, read_v(c, a->rn), read_v(c, a->rm));
        write_v(c, a->rd, vec_xor(c, x, read_v(c, a->ra)));
    }
}

void a64_bcax(struct a64_block *c, const struct a64_bcax *a)
{
    if (fp_access(c)) {
        const ir_val x = ir_v2(c->b, IR_andn, T_V128, read_v(c, a->rm), read_v(c, a->ra), 0);
        write_v(c, a->rd, vec_xor(c, read_v(c, a->rn), x));
    }
}

/* Doublewords turned right by n. */
static ir_val turn64(struct a64_block *c, ir_val x, unsigned n)
{
    if (n == 0) {
        return x;
    }
    return vec_or(c, vec1i(c, IR_shri, 3, x, n), vec1i(c, IR_shli, 3, x, 64 - n));
}

void a64_rax1(struct a64_block *c, const struct a64_rax1 *a)
{
    if (fp_access(c)) {
        write_v(c, a->rd, vec_xor(c, read_v(c, a->rn), turn64(c, read_v(c, a->rm), 63)));
    }
}

void a64_xar(struct a64_block *c, const struct a64_xar *a)
{
    if (fp_access(c)) {
        const ir_val x = vec_xor(c, read_v(c, a->rn), read_v(c, a->rm));
        write_v(c, a->rd, turn64(c, x, a->imm));
    }
}

/* ---- SM3 and SM4 */

#define SM3(name, aux)                                                                             \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            write_v(c, a->rd,                                                                      \
                    ir_call(c->b, T_V128, &simd_call_##name, read_v(c, a->rd), read_v(c, a->rn),   \
                            read_v(c, a->rm), aux));                                               \
        }                                                                                          \
    }
SM3(sm3partw1, 0)
SM3(sm3partw2, 0)
SM3(sm3tt1a, a->imm)
SM3(sm3tt1b, a->imm)
SM3(sm3tt2a, a->imm)
SM3(sm3tt2b, a->imm)
#undef SM3

/* SS1: of the words 3; the others become 0. */
void a64_sm3ss1(struct a64_block *c, const struct a64_sm3ss1 *a)
{
    if (!fp_access(c)) {
        return;
    }
    struct ir_builder *b = c->b;
    const ir_val n = ir_vget(b, T_I32, read_v(c, a->rn), 3);
    const ir_val m = ir_vget(b, T_I32, read_v(c, a->rm), 3);
    const ir_val k = ir_vget(b, T_I32, read_v(c, a->ra), 3);
    const ir_val sum = ir_add(b, ir_add(b, ir_rotr(b, n, ir_konst(b, T_I32, 20)), m), k);
    const ir_val r = ir_rotr(b, sum, ir_konst(b, T_I32, 25));
    write_v(c, a->rd, ir_vset(b, T_I32X4, ir_vkonst(b, 0), 3, r));
}

void a64_sm4e(struct a64_block *c, const struct a64_sm4e *a)
{
    if (fp_access(c)) {
        write_v(
            c, a->rd,
            ir_call(c->b, T_V128, &simd_call_sm4e, read_v(c, a->rd), read_v(c, a->rn), IR_NONE, 0));
    }
}

void a64_sm4ekey(struct a64_block *c, const struct a64_sm4ekey *a)
{
    if (fp_access(c)) {
        write_v(c, a->rd,
                ir_call(c->b, T_V128, &simd_call_sm4ekey, read_v(c, a->rn), read_v(c, a->rm),
                        IR_NONE, 0));
    }
}
