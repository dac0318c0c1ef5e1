/* SPDX-License-Identifier: MIT */
/*
 * Bit fields, rounding, byte order and the few macros every file uses.
 * Bits are numbered from 0, the least; fields are given as in the manuals, by their high and low
 * bit.
 */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned __int128 u128;
typedef __int128 s128;

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define array_len(a) (sizeof(a) / sizeof((a)[0]))

/* The struct of the given type whose member is at p. */
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

/* An assertion on a hot path: checked in debug builds only. */
#ifdef DRAGOMAN_DEBUG
#define assert_hot(x) assert(x)
#else
#define assert_hot(x) ((void)sizeof(x))
#endif

/* The nbits (0 to 64) low bits set. */
static inline uint64_t mask64(unsigned nbits)
{
    return nbits >= 64 ? UINT64_MAX : (UINT64_C(1) << nbits) - 1;
}

/* Bits hi to lo of v, at bit 0. */
static inline uint64_t bits64(uint64_t v, unsigned hi, unsigned lo)
{
    return (v >> lo) & mask64(hi - lo + 1);
}

static inline bool bit(uint64_t v, unsigned n)
{
    return (v >> n) & 1;
}

/* v with its bits hi to lo replaced by the low bits of field. */
static inline uint64_t deposit64(uint64_t v, unsigned hi, unsigned lo, uint64_t field)
{
    uint64_t m = mask64(hi - lo + 1) << lo;
    return (v & ~m) | ((field << lo) & m);
}

/* The low nbits (1 to 64) of v as a signed number. */
static inline int64_t sext64(uint64_t v, unsigned nbits)
{
    return (int64_t)(v << (64 - nbits)) >> (64 - nbits);
}

/* v rotated right by n (any n) within its low nbits (1 to 64). */
static inline uint64_t ror64(uint64_t v, unsigned n, unsigned nbits)
{
    v &= mask64(nbits);
    n %= nbits;
    return n ? ((v >> n) | (v << (nbits - n))) & mask64(nbits) : v;
}

/* align is a power of two. align_up wraps to 0 at the top of the range. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline bool is_aligned(uint64_t v, uint64_t align)
{
    return (v & (align - 1)) == 0;
}

static inline bool is_pow2(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

/* Leading and trailing zeros and ones; of 0 (or all ones) the width. */
static inline unsigned clz32(uint32_t v)
{
    return v ? (unsigned)__builtin_clz(v) : 32;
}

static inline unsigned clz64(uint64_t v)
{
    return v ? (unsigned)__builtin_clzll(v) : 64;
}

static inline unsigned ctz32(uint32_t v)
{
    return v ? (unsigned)__builtin_ctz(v) : 32;
}

static inline unsigned ctz64(uint64_t v)
{
    return v ? (unsigned)__builtin_ctzll(v) : 64;
}

static inline unsigned popcount64(uint64_t v)
{
    return (unsigned)__builtin_popcountll(v);
}

/* The exponent of the greatest power of two <= v; v is not 0. */
static inline unsigned log2_floor(uint64_t v)
{
    return 63 - clz64(v);
}

/* The least power of two >= v; v is 1 to 2^63. */
static inline uint64_t pow2_ceil(uint64_t v)
{
    return v <= 1 ? 1 : UINT64_C(1) << (64 - clz64(v - 1));
}

static inline uint8_t bit_reverse8(uint8_t v)
{
    return (uint8_t)(((v * UINT64_C(0x0202020202)) & UINT64_C(0x010884422010)) % 1023);
}

static inline uint16_t bswap16(uint16_t v)
{
    return __builtin_bswap16(v);
}

static inline uint32_t bswap32(uint32_t v)
{
    return __builtin_bswap32(v);
}

static inline uint64_t bswap64(uint64_t v)
{
    return __builtin_bswap64(v);
}

/* Byte-order conversion between the host and a declared order: its own inverse. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BITS_LE(bits, v) (v)
#define BITS_BE(bits, v) bswap##bits(v)
#else
#define BITS_LE(bits, v) bswap##bits(v)
#define BITS_BE(bits, v) (v)
#endif

/* Unaligned loads and stores: load_le16(p), store_be64(p, v), ... */
#define BITS_ACCESS(bits, order, ORDER)                                                            \
    static inline uint##bits##_t load_##order##bits(const void *p)                                 \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return ORDER(bits, v);                                                                     \
    }                                                                                              \
    static inline void store_##order##bits(void *p, uint##bits##_t v)                              \
    {                                                                                              \
        v = ORDER(bits, v);                                                                        \
        memcpy(p, &v, sizeof(v));                                                                  \
    }
BITS_ACCESS(16, le, BITS_LE)
BITS_ACCESS(32, le, BITS_LE)
BITS_ACCESS(64, le, BITS_LE)
BITS_ACCESS(16, be, BITS_BE)
BITS_ACCESS(32, be, BITS_BE)
BITS_ACCESS(64, be, BITS_BE)
#undef BITS_ACCESS
#undef BITS_LE
#undef BITS_BE

/* size (1, 2, 4 or 8) bytes at p, little or big endian, zero extended. */
static inline uint64_t load_le(const void *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;) {
        v = v << 8 | ((const uint8_t *)p)[i];
    }
    return v;
}

static inline uint64_t load_be(const void *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        v = v << 8 | ((const uint8_t *)p)[i];
    }
    return v;
}

static inline void store_le(void *p, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++, v >>= 8) {
        ((uint8_t *)p)[i] = (uint8_t)v;
    }
}

static inline void store_be(void *p, unsigned size, uint64_t v)
{
    for (unsigned i = size; i-- > 0; v >>= 8) {
        ((uint8_t *)p)[i] = (uint8_t)v;
    }
}

#endif
