/* SPDX-License-Identifier: MIT */
/* The contract of memory/changes.h. */
#include "memory/changes.h"

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "tests/test.h"

#define AREA 4096u /* of which each byte is compared */

static uint64_t no_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void no_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)opaque, (void)offset, (void)value, (void)size;
}

static const struct mmio_ops io = {.read = no_read, .write = no_write};

static uint8_t memory[2 * AREA];

static const struct mem_range *add(struct space *s, enum range_kind kind, paddr base, uint64_t size,
                                   uint8_t *host)
{
    return space_add(s, &(struct mem_range){.base = base,
                                            .size = size,
                                            .kind = kind,
                                            .priority = 1,
                                            .name = "piece",
                                            .host = kind == RANGE_MMIO ? NULL : host,
                                            .ops = &io});
}

static const uint8_t *shown(struct space *s, paddr a)
{
    struct mem_view v;

    return space_find(s, a, &v) && v.range->kind != RANGE_MMIO
               ? v.range->host + v.offset + (a - v.base)
               : NULL;
}

TEST(nothing_has_changed_where_the_same_memory_is_shown)
{
    struct space *s = space_create("memory");
    const struct changed_range *r;
    size_t n;

    const struct mem_range *flash = add(s, RANGE_ROMD, 0x100, 0x100, memory);
    struct changes *c = changes_create(s);
    CHECK(changes_look(c, &r, &n) && n == 0);
    space_set_kind(s, flash, RANGE_ROM);
    CHECK(changes_look(c, &r, &n) && n == 0);
    space_set_kind(s, flash, RANGE_MMIO);
    CHECK(changes_look(c, &r, &n) && n == 1);
    CHECK(r[0].base == 0x100 && r[0].size == 0x100);
    add(s, RANGE_MMIO, 0x180, 0x100, NULL);
    CHECK(changes_look(c, &r, &n) && n == 0);
    changes_free(c);
    space_destroy(s);
}

TEST(a_hole_is_a_change_and_what_is_beside_it_is_none)
{
    struct space *s = space_create("memory");
    const struct changed_range *r;
    size_t n;

    add(s, RANGE_RAM, 0, AREA, memory);
    struct changes *c = changes_create(s);
    const struct mem_range *hole = add(s, RANGE_MMIO, 0x321, 5, NULL);
    CHECK(changes_look(c, &r, &n) && n == 1 && r[0].base == 0x321 && r[0].size == 5);
    space_remove(s, hole);
    CHECK(changes_look(c, &r, &n) && n == 1 && r[0].base == 0x321 && r[0].size == 5);
    changes_free(c);
    space_destroy(s);
}

TEST(the_last_address_has_a_successor_nowhere)
{
    struct space *s = space_create("memory");
    const struct changed_range *r;
    size_t n;

    struct changes *c = changes_create(s);
    add(s, RANGE_ROM, UINT64_MAX - 0xfff, 0x1000, memory);
    CHECK(changes_look(c, &r, &n) && n == 1 && r[0].base == UINT64_MAX - 0xfff);
    CHECK_EQ(r[0].size, 0x1000);
    changes_free(c);
    space_destroy(s);
}

/* Between two looks an address may have shown something else, though it shows the same now. */
TEST(who_looks_too_late_is_told_so)
{
    struct space *s = space_create("memory");
    const struct changed_range *r;
    size_t n;

    struct changes *c = changes_create(s);
    space_remove(s, add(s, RANGE_RAM, 0, AREA, memory));
    CHECK(!changes_look(c, &r, &n) && n == 0);
    CHECK(changes_look(c, &r, &n) && n == 0);
    space_begin(s);
    add(s, RANGE_RAM, 0, 0x100, memory);
    add(s, RANGE_RAM, 0x200, 0x100, memory);
    space_commit(s);
    CHECK(changes_look(c, &r, &n) && n == 2);
    changes_free(c);
    space_destroy(s);
}

TEST(changes_are_those_of_each_byte)
{
    static const enum range_kind kinds[] = {RANGE_RAM, RANGE_ROM, RANGE_ROMD, RANGE_MMIO};
    static const uint8_t *was[AREA];
    struct space *s = space_create("memory");
    const struct mem_range *piece[10] = {NULL};
    const struct changed_range *r;
    struct rng rng;
    size_t n;

    rng_seed(&rng, test_seed());
    struct changes *c = changes_create(s);
    for (unsigned turn = 0; turn < 3000 * test_scale() && !test_state.failures; turn++) {
        const unsigned i = (unsigned)rng_below(&rng, array_len(piece));
        if (piece[i]) {
            space_remove(s, piece[i]);
            piece[i] = NULL;
        } else {
            const paddr base = rng_below(&rng, AREA - 1);
            const uint64_t most = AREA - base;
            const enum range_kind kind = kinds[rng_below(&rng, array_len(kinds))];
            /* often where other pieces show it as well */
            uint8_t *host = memory + base + (rng_below(&rng, 2) ? 0 : rng_below(&rng, AREA));
            piece[i] = add(s, kind, base, 1 + rng_below(&rng, most), host);
        }
        CHECK(changes_look(c, &r, &n));
        for (paddr a = 0, k = 0; a < AREA; a++) {
            const uint8_t *is = shown(s, a);
            while (k < n && r[k].base + r[k].size <= a) {
                k++;
            }
            const bool told = k < n && a >= r[k].base;
            CHECK_MSG(told == (is != was[a]), "turn %u, address 0x%x", turn, (unsigned)a);
            was[a] = is;
        }
    }
    changes_free(c);
    space_destroy(s);
}
