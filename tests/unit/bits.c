/* SPDX-License-Identifier: MIT */
/* Bit fields, rounding and byte order: base/bits.h. */
#include "base/bits.h"
#include "tests/test.h"

TEST(mask_covers_all_widths_from_none_to_full)
{
    CHECK_EQ(mask64(0), 0);
    CHECK_EQ(mask64(1), 1);
    CHECK_EQ(mask64(63), UINT64_MAX >> 1);
    CHECK_EQ(mask64(64), UINT64_MAX);
    CHECK_EQ(mask64(65), UINT64_MAX);
}

TEST(field_is_read_by_high_and_low_bit)
{
    CHECK_EQ(bits64(0xabcd1234, 31, 16), 0xabcd);
    CHECK_EQ(bits64(0xabcd1234, 3, 0), 4);
    CHECK_EQ(bits64(UINT64_MAX, 63, 0), UINT64_MAX);
    CHECK_EQ(bits64(UINT64_C(1) << 63, 63, 63), 1);
    CHECK(bit(0x10, 4));
    CHECK(!bit(0x10, 3));
}

TEST(deposit_replaces_only_its_field)
{
    CHECK_EQ(deposit64(UINT64_MAX, 7, 4, 0), 0xffffffffffffff0f);
    CHECK_EQ(deposit64(0, 63, 32, 0x1ffffffff), 0xffffffff00000000);
    CHECK_EQ(deposit64(0x1234, 63, 0, 0x5678), 0x5678);
}

TEST(sign_extension_takes_the_top_bit_of_the_width)
{
    CHECK_EQ(sext64(0x80, 8), 0xffffffffffffff80);
    CHECK_EQ(sext64(0x7f, 8), 0x7f);
    CHECK_EQ(sext64(0xff7f, 8), 0x7f);
    CHECK_EQ(sext64(1, 1), UINT64_MAX);
    CHECK_EQ(sext64(UINT64_C(1) << 63, 64), UINT64_C(1) << 63);
}

TEST(rotation_stays_within_its_width)
{
    CHECK_EQ(ror64(1, 1, 64), UINT64_C(1) << 63);
    CHECK_EQ(ror64(1, 1, 32), 0x80000000);
    CHECK_EQ(ror64(0xff01, 1, 8), 0x80);
    CHECK_EQ(ror64(0x12, 0, 8), 0x12);
    CHECK_EQ(ror64(0x12, 8, 8), 0x12);
    CHECK_EQ(ror64(0x12, 12, 8), 0x21);
}

TEST(rounding_keeps_multiples)
{
    CHECK_EQ(align_up(0x1001, 0x1000), 0x2000);
    CHECK_EQ(align_up(0x1000, 0x1000), 0x1000);
    CHECK_EQ(align_up(0, 0x1000), 0);
    CHECK_EQ(align_down(0x1fff, 0x1000), 0x1000);
    CHECK(is_aligned(0x3000, 0x1000));
    CHECK(!is_aligned(0x3001, 2));
}

TEST(powers_of_two_are_recognized_and_rounded_to)
{
    CHECK(!is_pow2(0));
    CHECK(is_pow2(1));
    CHECK(is_pow2(UINT64_C(1) << 63));
    CHECK(!is_pow2(3));
    CHECK_EQ(pow2_ceil(0), 1);
    CHECK_EQ(pow2_ceil(1), 1);
    CHECK_EQ(pow2_ceil(5), 8);
    CHECK_EQ(pow2_ceil(8), 8);
    CHECK_EQ(pow2_ceil((UINT64_C(1) << 62) + 1), UINT64_C(1) << 63);
    CHECK_EQ(log2_floor(1), 0);
    CHECK_EQ(log2_floor(UINT64_MAX), 63);
}

TEST(counting_zeros_of_zero_gives_the_width)
{
    CHECK_EQ(clz32(0), 32);
    CHECK_EQ(clz64(0), 64);
    CHECK_EQ(ctz32(0), 32);
    CHECK_EQ(ctz64(0), 64);
    CHECK_EQ(clz32(1), 31);
    CHECK_EQ(clz64(1), 63);
    CHECK_EQ(ctz32(0x80000000), 31);
    CHECK_EQ(ctz64(UINT64_C(1) << 63), 63);
    CHECK_EQ(popcount64(UINT64_MAX), 64);
}

TEST(bit_reversal_is_its_own_inverse_on_every_byte)
{
    CHECK_EQ(bit_reverse8(0x01), 0x80);
    CHECK_EQ(bit_reverse8(0xb0), 0x0d);
    for (unsigned i = 0; i < 256; i++) {
        CHECK_EQ(bit_reverse8(bit_reverse8((uint8_t)i)), i);
    }
}

TEST(unaligned_accesses_have_the_named_byte_order)
{
    uint8_t b[9] = {0xee, 1, 2, 3, 4, 5, 6, 7, 8};
    CHECK_EQ(load_le16(b + 1), 0x0201);
    CHECK_EQ(load_be16(b + 1), 0x0102);
    CHECK_EQ(load_le32(b + 1), 0x04030201);
    CHECK_EQ(load_be32(b + 1), 0x01020304);
    CHECK_EQ(load_le64(b + 1), 0x0807060504030201);
    CHECK_EQ(load_be64(b + 1), 0x0102030405060708);
    store_be32(b + 1, 0xa1a2a3a4);
    CHECK_EQ(load_le32(b + 1), 0xa4a3a2a1);
    store_le16(b + 1, 0x1122);
    CHECK_EQ(b[1], 0x22);
    CHECK_EQ(b[0], 0xee);
}

TEST(accesses_of_a_variable_size_touch_only_that_size)
{
    for (unsigned size = 1; size <= 8; size++) {
        uint8_t b[10];
        memset(b, 0x55, sizeof(b));
        store_le(b + 1, size, UINT64_C(0x8877665544332211));
        CHECK_EQ(b[0], 0x55);
        CHECK_EQ(b[size + 1], 0x55);
        CHECK_EQ(b[1], 0x11);
        CHECK_EQ(load_le(b + 1, size), UINT64_C(0x8877665544332211) & mask64(8 * size));
        store_be(b + 1, size, UINT64_C(0x8877665544332211));
        CHECK_EQ(b[size], 0x11);
        CHECK_EQ(load_be(b + 1, size), UINT64_C(0x8877665544332211) & mask64(8 * size));
    }
}

struct holder {
    int before;
    char member;
};

TEST(container_is_found_from_its_member)
{
    struct holder h;
    CHECK(container_of(&h.member, struct holder, member) == &h);
}
