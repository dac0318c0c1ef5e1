/* SPDX-License-Identifier: MIT */
/* The map from numbers to pointers: base/hash.h. */
#include "base/hash.h"

#include "base/bits.h"
#include "base/rng.h"
#include "tests/test.h"

TEST(an_empty_map_has_nothing)
{
    struct hash h = {0};
    size_t at = 0;
    uint64_t key;
    void *value;
    CHECK(!hash_get(&h, 0));
    CHECK(!hash_remove(&h, 0));
    CHECK(!hash_next(&h, &at, &key, &value));
    hash_clear(&h);
    hash_free(&h);
}

TEST(putting_again_replaces_and_gives_the_old_value)
{
    struct hash h = {0};
    int a, b;
    CHECK(!hash_put(&h, 0, &a));
    CHECK(hash_put(&h, 0, &b) == &a);
    CHECK(hash_get(&h, 0) == &b);
    CHECK_EQ(h.count, 1);
    CHECK(hash_remove(&h, 0) == &b);
    CHECK(!hash_get(&h, 0));
    CHECK_EQ(h.count, 0);
    hash_free(&h);
}

TEST(clearing_forgets_all)
{
    struct hash h = {0};
    int a;
    for (uint64_t k = 0; k < 100; k++) {
        hash_put(&h, k, &a);
    }
    hash_clear(&h);
    CHECK_EQ(h.count, 0);
    for (uint64_t k = 0; k < 100; k++) {
        CHECK(!hash_get(&h, k));
    }
    hash_free(&h);
}

TEST(stepping_gives_each_entry_once)
{
    struct hash h = {0};
    bool seen[100] = {0};
    for (uint64_t k = 0; k < 100; k++) {
        hash_put(&h, k << 40, &seen[k]);
    }
    size_t at = 0, n = 0;
    uint64_t key;
    void *value;
    while (hash_next(&h, &at, &key, &value)) {
        CHECK(value == &seen[key >> 40]);
        CHECK(!*(bool *)value);
        *(bool *)value = true;
        n++;
    }
    CHECK_EQ(n, 100);
    hash_free(&h);
}

/* Few keys, so that puts and removals meet; a plain array is the model. */
TEST(random_changes_agree_with_an_array)
{
    static char values[512];
    void *model[512] = {0};
    struct hash h = {0};
    struct rng r;
    rng_seed(&r, test_seed());
    size_t count = 0;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t k = rng_below(&r, array_len(model));
        uint64_t key = k * 0x100000001; /* low and high bits both tell keys apart */
        if (rng_below(&r, 2)) {
            count += !model[k];
            CHECK(hash_put(&h, key, &values[i % 512]) == model[k]);
            model[k] = &values[i % 512];
        } else {
            count -= model[k] != NULL;
            CHECK(hash_remove(&h, key) == model[k]);
            model[k] = NULL;
        }
        k = rng_below(&r, array_len(model));
        CHECK(hash_get(&h, k * 0x100000001) == model[k]);
        CHECK_EQ(h.count, count);
    }
    hash_free(&h);
}

TEST(byte_hash_depends_on_every_byte_and_the_length)
{
    uint8_t b[24] = {0};
    for (size_t n = 0; n <= sizeof(b); n++) {
        uint64_t before = hash_bytes(b, n);
        CHECK_EQ(hash_bytes(b, n), before);
        for (size_t i = 0; i < n; i++) {
            b[i] = 1;
            CHECK(hash_bytes(b, n) != before);
            b[i] = 0;
        }
        CHECK(n == 0 || hash_bytes(b, n - 1) != before);
    }
}

TEST(mixing_maps_different_numbers_to_different_numbers)
{
    CHECK(hash_mix64(1) != hash_mix64(2));
    CHECK(hash_mix64(1) != hash_mix64(UINT64_C(1) << 63));
    /* A change of one input bit changes about half of the output bits. */
    for (unsigned i = 0; i < 64; i++) {
        unsigned n = popcount64(hash_mix64(0x1234) ^ hash_mix64(0x1234 ^ UINT64_C(1) << i));
        CHECK_MSG(n >= 14 && n <= 50, "bit %u changes %u bits", i, n);
    }
}
