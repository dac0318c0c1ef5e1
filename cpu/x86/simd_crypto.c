/* SPDX-License-Identifier: MIT */
/*
 * AES-NI, PCLMULQDQ and SHA. Intel SDM, volume 2: AESDEC to AESKEYGENASSIST, PCLMULQDQ, SHA1MSG1 to
 * SHA256RNDS2.
 */
#include "cpu/x86/sse.h"

/* ---- AES */

static void aes(struct x86_block *c, const struct x86_instr *i, enum ir_op op, enum ir_op mix)
{
    const ir_type t = x86_length(i, T_I8X16);
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), key = x86_vector(c, i, x86_second(i));
        ir_val r = ir_v1(c->b, op, t, x, 0);
        r = mix == IR_OP_COUNT ? r : ir_v1(c->b, mix, t, r, 0);
        x86_put_vector(c, &i->op[0], x86_v2(c, IR_xor, t, r, key));
    }
}

X86_BOTH(aes, aesenc, IR_aes_enc, IR_aes_mc)
X86_BOTH(aes, aesenclast, IR_aes_enc, IR_OP_COUNT)
X86_BOTH(aes, aesdec, IR_aes_dec, IR_aes_imc)
X86_BOTH(aes, aesdeclast, IR_aes_dec, IR_OP_COUNT)

static void aes_columns(struct x86_block *c, const struct x86_instr *i)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], ir_v1(c->b, IR_aes_imc, T_I8X16, x, 0));
    }
}
X86_IS(aes_columns, aesimc)
X86_IS(aes_columns, vaesimc)

/* SubWord of a column: with all columns alike the rows' shifts change nothing. */
static ir_val sub_word(struct x86_block *c, ir_val x, unsigned column)
{
    const ir_val all = ir_v1(c->b, IR_vdup_lane, T_I32X4, x, column);
    return ir_vget(c->b, T_I32, ir_v1(c->b, IR_aes_enc, T_I8X16, all, 0), 0);
}

static void aes_key(struct x86_block *c, const struct x86_instr *i)
{
    struct ir_builder *b = c->b;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &i->op[1]), eight = ir_konst(b, T_I32, 8);
    const ir_val constant = ir_konst(b, T_I32, (uint64_t)i->imm & 0xff);
    ir_val r = ir_vkonst(b, 0);
    for (unsigned k = 0; k < 2; k++) {
        const ir_val w = sub_word(c, x, 2 * k + 1);
        r = ir_vset(b, T_I32X4, r, 2 * k, w);
        r = ir_vset(b, T_I32X4, r, 2 * k + 1, ir_xor(b, ir_rotr(b, w, eight), constant));
    }
    x86_put_vector(c, &i->op[0], r);
}
X86_IS(aes_key, aeskeygenassist)
X86_IS(aes_key, vaeskeygenassist)

static void multiply_polynomials(struct x86_block *c, const struct x86_instr *i)
{
    const unsigned halves = (i->imm & 1) | (i->imm >> 3 & 2);
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        x86_put_vector(c, &i->op[0], ir_v2(c->b, IR_pmull64, T_I64X2, x, y, halves));
    }
}
X86_IS(multiply_polynomials, pclmulqdq)
X86_IS(multiply_polynomials, vpclmulqdq)

/* ---- SHA: words are numbered from the lowest lane */

static uint32_t rol(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t sha1_function(unsigned which, uint32_t x, uint32_t y, uint32_t z)
{
    return which == 0 ? (x & y) ^ (~x & z) : which == 2 ? (x & y) ^ (x & z) ^ (y & z) : x ^ y ^ z;
}

static void do_sha1_rounds(struct vcpu *v, union ir_vec *d, const union ir_vec *x,
                           const union ir_vec *w, const union ir_vec *z, uint32_t which)
{
    static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t a = x->u32[3], b = x->u32[2], c = x->u32[1], e = 0, f = x->u32[0];
    (void)v, (void)z;
    for (unsigned n = 0; n < 4; n++) {
        const uint32_t next = sha1_function(which, b, c, f) + rol(a, 5) + w->u32[3 - n] + e +
                              k[which];
        e = f;
        f = c;
        c = rol(b, 30);
        b = a;
        a = next;
    }
    *d = (union ir_vec){.u32 = {f, c, b, a}};
}

static void do_sha1_next(struct vcpu *v, union ir_vec *d, const union ir_vec *x,
                         const union ir_vec *y, const union ir_vec *z, uint32_t aux)
{
    union ir_vec r = *y;
    (void)v, (void)z, (void)aux;
    r.u32[3] += rol(x->u32[3], 30);
    *d = r;
}

static void do_sha1_message1(struct vcpu *v, union ir_vec *d, const union ir_vec *x,
                             const union ir_vec *y, const union ir_vec *z, uint32_t aux)
{
    (void)v, (void)z, (void)aux;
    *d = (union ir_vec){.u32 = {x->u32[0] ^ y->u32[2], x->u32[1] ^ y->u32[3], x->u32[2] ^ x->u32[0],
                                x->u32[3] ^ x->u32[1]}};
}

static void do_sha1_message2(struct vcpu *v, union ir_vec *d, const union ir_vec *x,
                             const union ir_vec *y, const union ir_vec *z, uint32_t aux)
{
    const uint32_t w16 = rol(x->u32[3] ^ y->u32[2], 1), w17 = rol(x->u32[2] ^ y->u32[1], 1);
    const uint32_t w18 = rol(x->u32[1] ^ y->u32[0], 1), w19 = rol(x->u32[0] ^ w16, 1);
    (void)v, (void)z, (void)aux;
    *d = (union ir_vec){.u32 = {w19, w18, w17, w16}};
}

static uint32_t sigma(uint32_t x, unsigned r1, unsigned r2, unsigned shift)
{
    return rol(x, 32 - r1) ^ rol(x, 32 - r2) ^ x >> shift;
}

static uint32_t sum(uint32_t x, unsigned r1, unsigned r2, unsigned r3)
{
    return rol(x, 32 - r1) ^ rol(x, 32 - r2) ^ rol(x, 32 - r3);
}

/* x: C, D, G, H; y: A, B, E, F, both from the highest lane on; z: W + K of two rounds. */
static void do_sha256_rounds(struct vcpu *v, union ir_vec *d, const union ir_vec *x,
                             const union ir_vec *y, const union ir_vec *z, uint32_t aux)
{
    uint32_t s[8] = {y->u32[3], y->u32[2], x->u32[3], x->u32[2],
                     y->u32[1], y->u32[0], x->u32[1], x->u32[0]};
    (void)v, (void)aux;
    for (unsigned n = 0; n < 2; n++) {
        const uint32_t t1 = s[7] + sum(s[4], 6, 11, 25) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                            z->u32[n];
        const uint32_t t2 = sum(s[0], 2, 13, 22) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        for (unsigned k = 7; k > 0; k--) {
            s[k] = s[k - 1];
        }
        s[4] += t1;
        s[0] = t1 + t2;
    }
    *d = (union ir_vec){.u32 = {s[5], s[4], s[1], s[0]}};
}

static void do_sha256_message1(struct vcpu *v, union ir_vec *d, const union ir_vec *x,
                               const union ir_vec *y, const union ir_vec *z, uint32_t aux)
{
    union ir_vec r = {.u64 = {0, 0}};
    (void)v, (void)z, (void)aux;
    for (unsigned k = 0; k < 4; k++) {
        r.u32[k] = x->u32[k] + sigma(k < 3 ? x->u32[k + 1] : y->u32[0], 7, 18, 3);
    }
    *d = r;
}

static void do_sha256_message2(struct vcpu *v, union ir_vec *d, const union ir_vec *x,
                               const union ir_vec *y, const union ir_vec *z, uint32_t aux)
{
    union ir_vec r = {.u64 = {0, 0}};
    (void)v, (void)z, (void)aux;
    for (unsigned k = 0; k < 4; k++) {
        r.u32[k] = x->u32[k] + sigma(k < 2 ? y->u32[k + 2] : r.u32[k - 2], 17, 19, 10);
    }
    *d = r;
}

#define SHA_CALL(name_, known_)                                                                    \
    static const struct ir_call row_##name_ = {.name = "x86_" #name_,                              \
                                               .fn = (void (*)(void))(do_##name_),                 \
                                               .class = IR_CALL_FULL,                              \
                                               .vector = true,                                     \
                                               .pure = true,                                       \
                                               .known = IR_KNOWN_##known_}
SHA_CALL(sha1_rounds, SHA1RNDS4);
SHA_CALL(sha1_next, SHA1NEXTE);
SHA_CALL(sha1_message1, SHA1MSG1);
SHA_CALL(sha1_message2, SHA1MSG2);
SHA_CALL(sha256_rounds, SHA256RNDS2);
SHA_CALL(sha256_message1, SHA256MSG1);
SHA_CALL(sha256_message2, SHA256MSG2);
#undef SHA_CALL

static void sha(struct x86_block *c, const struct x86_instr *i, const struct ir_call *row)
{
    if (x86_sse_begin(c, i)) {
        /* AMD's processors ask for no alignment. */
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector_unaligned(c, i, &i->op[1]);
        const ir_val z = row == &row_sha256_rounds ? x86_xmm(c, 0) : IR_NONE;
        x86_put_vector(c, &i->op[0], ir_call(c->b, T_V128, row, x, y, z, (uint32_t)i->imm & 3));
    }
}
X86_BY(sha, sha1rnds4, &row_sha1_rounds)
X86_BY(sha, sha1nexte, &row_sha1_next)
X86_BY(sha, sha1msg1, &row_sha1_message1)
X86_BY(sha, sha1msg2, &row_sha1_message2)
X86_BY(sha, sha256rnds2, &row_sha256_rounds)
X86_BY(sha, sha256msg1, &row_sha256_message1)
X86_BY(sha, sha256msg2, &row_sha256_message2)
