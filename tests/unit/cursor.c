/* SPDX-License-Identifier: MIT */
/* The bounded reader: base/cursor.h. */
#include "base/cursor.h"

#include "base/rng.h"
#include "tests/test.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 'a', 'b', 0, 9};

static struct cursor over_bytes(void)
{
    struct cursor c;
    cursor_init(&c, bytes, sizeof(bytes));
    return c;
}

TEST(numbers_are_read_in_the_named_order_and_move_on)
{
    struct cursor c = over_bytes();
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    CHECK(cursor_u8(&c, &u8) && u8 == 1);
    CHECK(cursor_le16(&c, &u16) && u16 == 0x0302);
    CHECK(cursor_be32(&c, &u32) && u32 == 0x04050607);
    CHECK_EQ(c.pos, 7);
    CHECK(cursor_seek(&c, 0));
    CHECK(cursor_be16(&c, &u16) && u16 == 0x0102);
    CHECK(cursor_le32(&c, &u32) && u32 == 0x06050403);
}

TEST(eight_byte_numbers_have_both_orders)
{
    struct cursor c = over_bytes();
    uint64_t v;
    CHECK(cursor_le64(&c, &v) && v == UINT64_C(0x0807060504030201));
    CHECK(cursor_seek(&c, 0));
    CHECK(cursor_be64(&c, &v) && v == UINT64_C(0x0102030405060708));
}

TEST(a_read_past_the_end_changes_nothing)
{
    struct cursor c = over_bytes();
    uint64_t v = 42;
    uint16_t u16 = 43;
    CHECK(cursor_seek(&c, 5));
    CHECK(!cursor_le64(&c, &v));
    CHECK_EQ(v, 42);
    CHECK_EQ(c.pos, 5);
    CHECK(cursor_seek(&c, sizeof(bytes) - 1));
    CHECK(!cursor_be16(&c, &u16));
    CHECK_EQ(u16, 43);
    CHECK(!cursor_skip(&c, 2));
    CHECK(cursor_skip(&c, 1));
    CHECK_EQ(cursor_left(&c), 0);
}

TEST(lengths_near_the_top_of_the_range_do_not_wrap)
{
    struct cursor c = over_bytes(), sub;
    CHECK(cursor_seek(&c, 4));
    CHECK(!cursor_skip(&c, SIZE_MAX));
    CHECK(!cursor_skip(&c, SIZE_MAX - 3));
    CHECK(!cursor_seek(&c, SIZE_MAX));
    CHECK(!cursor_at(&c, 8, UINT64_MAX, &sub));
    CHECK(!cursor_at(&c, UINT64_MAX, 8, &sub));
    CHECK(!cursor_at(&c, UINT64_MAX - 7, 8, &sub));
}

TEST(a_window_starts_from_the_beginning_of_all_bytes)
{
    struct cursor c = over_bytes(), sub;
    uint8_t v;
    CHECK(cursor_seek(&c, 6));
    CHECK(cursor_at(&c, 2, 2, &sub));
    CHECK(cursor_u8(&sub, &v) && v == 3);
    CHECK(cursor_u8(&sub, &v) && v == 4);
    CHECK(!cursor_u8(&sub, &v));
    CHECK(cursor_at(&c, sizeof(bytes), 0, &sub));
    CHECK_EQ(cursor_left(&sub), 0);
    CHECK_EQ(c.pos, 6);
}

TEST(a_string_needs_its_end_inside)
{
    struct cursor c = over_bytes();
    const char *s = NULL;
    CHECK(cursor_seek(&c, 8));
    CHECK(cursor_string(&c, &s));
    CHECK_STR(s, "ab");
    CHECK_EQ(c.pos, 11);
    CHECK(!cursor_string(&c, &s)); /* the last byte is not NUL */
    CHECK_EQ(c.pos, 11);
}

TEST(an_empty_cursor_over_nothing_refuses_all_but_nothing)
{
    struct cursor c, sub;
    uint8_t v;
    const char *s;
    cursor_init(&c, NULL, 0);
    CHECK(!cursor_u8(&c, &v));
    CHECK(!cursor_string(&c, &s));
    CHECK(cursor_skip(&c, 0));
    CHECK(cursor_bytes(&c, &v, 0));
    CHECK(cursor_at(&c, 0, 0, &sub));
}

TEST(random_walks_stay_within_the_bytes)
{
    struct rng r;
    rng_seed(&r, test_seed());
    struct cursor c = over_bytes();
    uint8_t room[16];
    for (unsigned i = 0; i < 10000; i++) {
        size_t n = rng_below(&r, 16), pos = c.pos;
        bool fits = n <= sizeof(bytes) - pos;
        switch (rng_below(&r, 3)) {
        case 0:
            CHECK(cursor_bytes(&c, room, n) == fits);
            CHECK(!fits || memcmp(room, bytes + pos, n) == 0);
            break;
        case 1:
            CHECK(cursor_skip(&c, n) == fits);
            break;
        default:
            CHECK(cursor_seek(&c, n) == (n <= sizeof(bytes)));
            break;
        }
        REQUIRE(c.pos <= c.len);
    }
}
