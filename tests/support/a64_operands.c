/* SPDX-License-Identifier: MIT */
/* See a64_operands.h. */
#include "tests/support/a64_operands.h"

#include <string.h>

struct format {
    int exponent, fraction; /* bits */
};

static const struct format formats[4] = {{0, 0}, {5, 10}, {8, 23}, {11, 52}};

/* A run of ones somewhere: masks, powers of two, their negatives and neighbours. */
static uint64_t run_of_bits(struct rng *r)
{
    unsigned low = (unsigned)rng_below(r, 64), length = (unsigned)rng_below(r, 65 - low);
    uint64_t ones = length == 64 ? UINT64_MAX : (UINT64_C(1) << length) - 1;
    uint64_t v = a64_once_in(r, 2) ? UINT64_C(1) << low : ones << low;
    return (a64_once_in(r, 2) ? v : ~v) + rng_below(r, 3) - 1;
}

uint64_t a64_integer(struct rng *r)
{
    static const uint64_t special[] = {
        0,
        1,
        UINT64_MAX,
        INT64_MAX,
        (uint64_t)INT64_MIN,
        INT32_MAX,
        (uint64_t)INT32_MIN,
        UINT32_MAX,
        UINT64_C(0x80000000),
        UINT64_C(0x100000000),
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
    };
    switch (rng_below(r, 8)) {
    case 0:
        return special[rng_below(r, sizeof(special) / sizeof(special[0]))];
    case 1:
        return run_of_bits(r);
    case 2:
        return rng_below(r, 128);
    case 3:
        return (uint64_t)(int64_t)(int32_t)rng_u32(r) >> rng_below(r, 32);
    case 4:
        return rng_u64(r) << rng_below(r, 64);
    case 5: /* few bits set: what conversions to floating point round */
        return UINT64_C(1) << rng_below(r, 64) | UINT64_C(1) << rng_below(r, 64) |
               UINT64_C(1) << rng_below(r, 64);
    default:
        return rng_u64(r);
    }
}

static uint64_t assemble(const struct format *f, uint64_t sign, int64_t exponent, uint64_t fraction)
{
    int64_t most = (INT64_C(1) << f->exponent) - 2;
    exponent = exponent < 0 ? 0 : exponent > most ? most : exponent;
    fraction &= (UINT64_C(1) << f->fraction) - 1;
    return sign << (f->exponent + f->fraction) | (uint64_t)exponent << f->fraction | fraction;
}

/* Fractions whose sums and products are often exact, halfway or just beside. */
static uint64_t short_fraction(struct rng *r, const struct format *f)
{
    uint64_t v = rng_below(r, 16) << (f->fraction - 4);
    switch (rng_below(r, 4)) {
    case 0:
        return v | 1;
    case 1:
        return v - 1;
    default:
        return v;
    }
}

static uint64_t finite_float(struct rng *r, const struct format *f, uint64_t sign, int centre)
{
    int bias = (1 << (f->exponent - 1)) - 1;
    uint64_t fraction = a64_once_in(r, 2) ? rng_u64(r) : short_fraction(r, f);
    switch (rng_below(r, 8)) {
    case 0: /* any */
        return assemble(f, sign, (int64_t)rng_below(r, UINT64_C(1) << f->exponent), fraction);
    case 1: /* small integers and halves */
        return assemble(f, sign, bias - 1 + (int)rng_below(r, 5), short_fraction(r, f));
    case 2: /* around the ends of integers */
        return assemble(f, sign, bias + 7 + 8 * (int)rng_below(r, 8) - (int)rng_below(r, 2),
                        fraction);
    case 3: /* the same exponent: cancellation */
        return assemble(f, sign, bias + centre, fraction);
    default:
        return assemble(f, sign,
                        bias + centre + (int)rng_below(r, 2u * (unsigned)f->fraction + 4) -
                            f->fraction - 2,
                        fraction);
    }
}

static uint64_t random_float(struct rng *r, const struct format *f, int centre)
{
    uint64_t sign = rng_below(r, 2), quiet = UINT64_C(1) << (f->fraction - 1);
    uint64_t top = (UINT64_C(1) << f->exponent) - 1, inf = top << f->fraction;
    uint64_t sign_bit = sign << (f->exponent + f->fraction),
             fraction = rng_u64(r) & (2 * quiet - 1);
    switch (rng_below(r, 24)) {
    case 0:
        return sign_bit;
    case 1:
        return sign_bit | inf;
    case 2:
        return sign_bit | inf | quiet | fraction;
    case 3: /* signalling, if any bit is set */
        return sign_bit | inf | (fraction & (quiet - 1)) | 1;
    case 4: /* denormal */
        return sign_bit | (fraction >> rng_below(r, (unsigned)f->fraction));
    case 5: /* around the smallest normal */
        return sign_bit | (2 * quiet + rng_below(r, 5) - 2);
    case 6: /* around the largest finite */
        return sign_bit | (inf - 1 - rng_below(r, 3));
    case 7: /* around one */
        return sign_bit |
               ((((UINT64_C(1) << (f->exponent - 1)) - 1) << f->fraction) + rng_below(r, 3) - 1);
    case 8:
        return sign_bit | inf | quiet; /* the default NaN's payload */
    default:
        return finite_float(r, f, sign, centre);
    }
}

uint64_t a64_float(struct rng *r, unsigned esz, int centre)
{
    return random_float(r, &formats[esz], centre);
}

struct a64_v a64_vector(struct rng *r, unsigned esz, int centre)
{
    struct a64_v v;
    bool integers = esz == 0 || a64_once_in(r, 3);
    unsigned bits = 8u << esz;
    for (int half = 0; half < 2; half++) {
        v.d[half] = 0;
        for (unsigned at = 0; at < 64; at += bits) {
            uint64_t e = integers ? a64_integer(r) : a64_float(r, esz, centre);
            v.d[half] |= (bits == 64 ? e : e & ((UINT64_C(1) << bits) - 1)) << at;
        }
    }
    return v;
}

uint64_t a64_fpcr(struct rng *r)
{
    enum {
        FIZ = 1,
        AH = 2,
        NEP = 4,
        EBF = 1 << 13,
        FZ16 = 1 << 19,
        FZ = 1 << 24,
        DN = 1 << 25,
        AHP = 1 << 26
    };
    uint64_t v = 0;
    if (a64_once_in(r, 3)) {
        return 0;
    }
    v |= rng_below(r, 4) << 22;
    v |= a64_once_in(r, 4) ? DN : 0;
    v |= a64_once_in(r, 4) ? FZ : 0;
    v |= a64_once_in(r, 4) ? FZ16 : 0;
    v |= a64_once_in(r, 8) ? AHP : 0;
    v |= a64_once_in(r, 8) ? EBF : 0;
    if (a64_once_in(r, 4)) {
        v |= a64_once_in(r, 4) ? 0 : AH;
        v |= a64_once_in(r, 2) ? FIZ : 0;
        v |= a64_once_in(r, 4) ? NEP : 0;
    }
    return v;
}

/* Makes a few registers equal, opposite or neighbours of others. */
static void relate(struct rng *r, struct a64_state *s)
{
    for (unsigned n = (unsigned)rng_below(r, 12); n; n--) {
        uint64_t *to = &s->x[rng_below(r, 31)], from = s->x[rng_below(r, 31)];
        *to = a64_once_in(r, 2) ? from + rng_below(r, 3) - 1 : 0 - from;
        struct a64_v *v = &s->v[rng_below(r, 32)];
        *v = s->v[rng_below(r, 32)];
        if (a64_once_in(r, 2)) {
            unsigned bit = a64_once_in(r, 2) ? 0 : 7; /* an element's lowest, or a byte's highest */
            v->d[rng_below(r, 2)] ^= UINT64_C(1) << (8 * rng_below(r, 8) + bit);
        }
    }
}

void a64_fill_state(struct rng *r, struct a64_state *s, unsigned esz)
{
    static const int spread[4] = {1, 14, 40, 200};
    memset(s, 0, sizeof(*s));
    int centre = (int)rng_below(r, 2u * (unsigned)spread[esz]) - spread[esz];
    for (int i = 0; i < 31; i++) {
        s->x[i] = a64_once_in(r, 8) ? a64_float(r, 1 + (unsigned)rng_below(r, 3), centre)
                                    : a64_integer(r);
    }
    for (int i = 0; i < 32; i++) {
        s->v[i] = a64_vector(r, a64_once_in(r, 8) ? (unsigned)rng_below(r, 4) : esz, centre);
    }
    relate(r, s);
    s->sp = a64_integer(r);
    s->sp_el1 = a64_integer(r);
    s->pstate = rng_below(r, 16) << 28;
    s->fpcr = a64_fpcr(r);
    s->fpsr = a64_once_in(r, 4) ? rng_u64(r) & 0x0800009f : 0;
}

void a64_fill_pattern(struct rng *r, uint8_t *p, size_t bytes)
{
    for (size_t at = 0; at + 16 <= bytes; at += 16) {
        struct a64_v v = a64_vector(r, (unsigned)rng_below(r, 4), 0);
        memcpy(p + at, &v, 16);
    }
}
