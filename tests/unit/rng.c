/* SPDX-License-Identifier: MIT */
/* The seeded generator: base/rng.h. */
#include "base/rng.h"

#include "base/bits.h"
#include "tests/test.h"

/* xoshiro256** and splitmix64 as published, computed once by their defining recurrences. */
TEST(state_one_two_three_four_gives_the_published_sequence)
{
    struct rng r = {{1, 2, 3, 4}};
    CHECK_EQ(rng_u64(&r), 11520);
    CHECK_EQ(rng_u64(&r), 0);
    CHECK_EQ(rng_u64(&r), 1509978240);
    CHECK_EQ(rng_u64(&r), UINT64_C(1215971899390074240));
}

TEST(seed_zero_is_expanded_by_splitmix)
{
    struct rng r;
    rng_seed(&r, 0);
    CHECK_EQ(r.s[0], UINT64_C(0xe220a8397b1dcdaf));
    CHECK_EQ(r.s[1], UINT64_C(0x6e789e6aa1b965f4));
}

TEST(equal_seeds_give_equal_numbers_and_others_differ)
{
    struct rng a, b, c;
    rng_seed(&a, 7);
    rng_seed(&b, 7);
    rng_seed(&c, 8);
    unsigned differ = 0;
    for (unsigned i = 0; i < 100; i++) {
        uint64_t v = rng_u64(&a);
        CHECK_EQ(v, rng_u64(&b));
        differ += v != rng_u64(&c);
    }
    CHECK(differ >= 99);
}

TEST(bounded_numbers_reach_every_value_about_equally)
{
    struct rng r;
    unsigned count[10] = {0};
    rng_seed(&r, test_seed());
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t v = rng_below(&r, 10);
        REQUIRE(v < 10);
        count[v]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        CHECK_MSG(count[i] > 9500 && count[i] < 10500, "%u came %u times", i, count[i]);
    }
    CHECK_EQ(rng_below(&r, 1), 0);
    CHECK(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

TEST(every_bit_of_a_number_varies)
{
    struct rng r;
    uint64_t ones = 0, zeros = 0;
    rng_seed(&r, test_seed());
    for (unsigned i = 0; i < 200; i++) {
        uint64_t v = rng_u64(&r);
        ones |= v;
        zeros |= ~v;
    }
    CHECK_EQ(ones, UINT64_MAX);
    CHECK_EQ(zeros, UINT64_MAX);
}

TEST(bytes_fill_exactly_their_room_and_do_not_depend_on_the_host)
{
    struct rng r, again;
    uint8_t b[20];
    for (size_t n = 0; n < sizeof(b); n++) {
        rng_seed(&r, 3);
        memset(b, 0, sizeof(b));
        rng_bytes(&r, b, n);
        CHECK_EQ(b[n], 0);
    }
    rng_seed(&again, 3);
    CHECK_EQ(load_le64(b), rng_u64(&again));
    CHECK_EQ(load_le64(b + 8), rng_u64(&again));
}
