/* SPDX-License-Identifier: MIT */
/* The contracts of memory/space.h and memory/dma.h. */
#include "memory/space.h"

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "memory/dma.h"
#include "tests/test.h"

/* A device that remembers its last accesses and answers reads with the bytes of its offsets. */
struct probe {
    int reads, writes;
    uint64_t offset[8], value[8];
    unsigned size[8];
};

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size)
{
    struct probe *p = opaque;
    p->offset[p->reads % 8] = offset;
    p->size[p->reads % 8] = size;
    p->reads++;
    uint8_t bytes[8];
    for (unsigned i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(offset + i);
    }
    return load_le(bytes, size);
}

static void probe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct probe *p = opaque;
    p->offset[p->writes % 8] = offset;
    p->size[p->writes % 8] = size;
    p->value[p->writes % 8] = value;
    p->writes++;
}

static const struct mmio_ops any_size = {.read = probe_read, .write = probe_write};
static const struct mmio_ops words_only = {.read = probe_read, .write = probe_write, .sizes = 4};

static struct mem_range mmio(paddr base, uint64_t size, struct probe *p, const struct mmio_ops *ops)
{
    return (struct mem_range){
        .base = base, .size = size, .kind = RANGE_MMIO, .name = "probe", .ops = ops, .opaque = p};
}

static struct mem_range ram(paddr base, uint64_t size, uint8_t *host)
{
    return (struct mem_range){
        .base = base, .size = size, .kind = RANGE_RAM, .name = "ram", .host = host};
}

static uint64_t load(struct space *s, paddr a, unsigned size)
{
    uint64_t v = 0xdead;
    CHECK_MSG(space_load(s, a, size, &v), "nothing at 0x%llx", (unsigned long long)a);
    return v;
}

TEST(higher_priority_hides_lower_and_comes_back_when_removed)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    uint8_t *host = mem_alloc(0x4000);
    host[0x1000] = 0x5a;
    struct mem_range r = ram(0x10000, 0x4000, host);
    space_add(s, &r);
    struct mem_range window = mmio(0x11000, 0x1000, &p, &any_size);
    window.priority = 1;
    const struct mem_range *added = space_add(s, &window);

    struct mem_view v;
    REQUIRE(space_find(s, 0x12000, &v));
    CHECK_EQ(v.base, 0x12000);
    CHECK_EQ(v.size, 0x2000);
    CHECK_EQ(v.offset, 0x2000);
    CHECK(v.range->kind == RANGE_RAM);
    CHECK_EQ(load(s, 0x11004, 4), 0x07060504);
    paddr a;
    CHECK(space_find_host(s, host + 0x2345, &a));
    CHECK_EQ(a, 0x12345);
    CHECK(!space_find_host(s, host + 0x1000, &a));
    CHECK(!space_find_host(s, host + 0x4000, &a));
    space_remove(s, added);
    CHECK(space_find_host(s, host + 0x1000, &a) && a == 0x11000);
    CHECK_EQ(load(s, 0x11000, 1), 0x5a);
    CHECK_EQ(p.reads, 1);
    space_destroy(s);
    mem_free(host);
}

TEST(lower_priority_shows_only_where_nothing_else_does)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    uint8_t *host = mem_alloc(0x1000);
    struct mem_range background = mmio(0, 0x10000, &p, &any_size);
    background.priority = -1;
    space_add(s, &background);
    struct mem_range r = ram(0x4000, 0x1000, host);
    space_add(s, &r);

    struct mem_view v;
    REQUIRE(space_find(s, 0x3fff, &v));
    CHECK_EQ(v.base, 0);
    CHECK_EQ(v.size, 0x4000);
    REQUIRE(space_find(s, 0x5000, &v));
    CHECK_EQ(v.base, 0x5000);
    CHECK_EQ(v.offset, 0x5000);
    CHECK_EQ(v.size, 0xb000);
    CHECK(!space_find(s, 0x10000, &v));
    space_destroy(s);
    mem_free(host);
}

TEST(ranges_may_end_at_the_top_of_the_address_space)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    struct mem_range top = mmio(UINT64_MAX - 0xfff, 0x1000, &p, &any_size);
    space_add(s, &top);
    struct mem_range below = mmio(UINT64_MAX - 0x1fff, 0x2000, &p, &any_size);
    below.priority = -1;
    space_add(s, &below);
    struct mem_view v;
    REQUIRE(space_find(s, UINT64_MAX, &v));
    CHECK_EQ(v.size, 0x1000);
    REQUIRE(space_find(s, UINT64_MAX - 0x1000, &v));
    CHECK_EQ(v.size, 0x1000);
    CHECK(!space_find(s, UINT64_MAX - 0x2000, &v));
    space_destroy(s);
}

TEST(random_maps_show_what_a_byte_map_shows)
{
    enum {
        UNITS = 64,
        RANGES = 12
    };
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned round = 0; round < 300 * test_scale(); round++) {
        struct space *s = space_create("test");
        struct probe p[RANGES];
        int shown[UNITS], priority[UNITS];
        uint64_t base[RANGES];
        for (int u = 0; u < UNITS; u++) {
            shown[u] = -1;
        }
        for (int i = 0; i < RANGES; i++) {
            base[i] = rng_below(&rng, UNITS);
            uint64_t size = 1 + rng_below(&rng, UNITS - base[i]);
            struct mem_range r = mmio(base[i] << 12, size << 12, &p[i], &any_size);
            r.priority = (int)rng_below(&rng, 3);
            space_add(s, &r);
            for (uint64_t u = base[i]; u < base[i] + size; u++) {
                if (shown[u] < 0 || priority[u] <= r.priority) {
                    shown[u] = i;
                    priority[u] = r.priority;
                }
            }
        }
        for (uint64_t u = 0; u < UNITS; u++) {
            struct mem_view v;
            bool found = space_find(s, (u << 12) + 5, &v);
            CHECK_EQ(found, shown[u] >= 0);
            if (found && shown[u] >= 0) {
                CHECK(v.range->opaque == &p[shown[u]]);
                CHECK_EQ(v.offset + (u << 12) - v.base, (u - base[shown[u]]) << 12);
            }
        }
        space_destroy(s);
    }
}

TEST(wide_and_misaligned_accesses_are_split_into_what_the_device_takes)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    struct mem_range r = mmio(0x1000, 0x100, &p, &words_only);
    space_add(s, &r);

    CHECK_EQ(load(s, 0x1008, 8), 0x0f0e0d0c0b0a0908);
    CHECK_EQ(p.reads, 2);
    CHECK_EQ(p.offset[1], 0xc);
    CHECK_EQ(p.size[1], 4);
    CHECK_EQ(load(s, 0x1006, 4), 0x09080706);
    CHECK_EQ(load(s, 0x1003, 1), 0x03);

    CHECK(space_store(s, 0x1010, 8, 0x1122334455667788));
    CHECK_EQ(p.writes, 2);
    CHECK_EQ(p.value[0], 0x55667788);
    CHECK_EQ(p.value[1], 0x11223344);
    space_destroy(s);
}

TEST(narrow_write_reaches_a_unit_only_at_its_start)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    struct mem_range r = mmio(0, 0x100, &p, &words_only);
    space_add(s, &r);
    CHECK(space_store(s, 0x20, 1, 0x41));
    CHECK_EQ(p.writes, 1);
    CHECK_EQ(p.value[0], 0x41);
    CHECK_EQ(p.size[0], 4);
    CHECK(space_store(s, 0x22, 1, 0x41));
    CHECK_EQ(p.writes, 1);
    space_destroy(s);
}

TEST(access_across_ranges_reaches_both_or_is_a_bus_error)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    uint8_t *host = mem_alloc(0x1000);
    host[0xffe] = 0xaa;
    host[0xfff] = 0xbb;
    struct mem_range r = ram(0x1000, 0x1000, host), m = mmio(0x2000, 0x1000, &p, &any_size);
    space_add(s, &r);
    space_add(s, &m);
    uint64_t v;
    CHECK_EQ(load(s, 0x1ffe, 4), 0x0100bbaa);
    CHECK(!space_load(s, 0x2ffe, 4, &v));
    CHECK(!space_load(s, 0, 1, &v));
    CHECK(!space_store(s, 0x3000, 8, 0));
    space_destroy(s);
    mem_free(host);
}

TEST(rom_reads_and_ignores_writes_and_romd_sends_them_to_its_device)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    uint8_t *host = mem_alloc(0x2000);
    memset(host, 0x77, 0x2000);
    struct mem_range rom = {
        .base = 0, .size = 0x1000, .kind = RANGE_ROM, .name = "rom", .host = host};
    struct mem_range flash = {.base = 0x1000,
                              .size = 0x1000,
                              .kind = RANGE_ROMD,
                              .name = "flash",
                              .host = host + 0x1000,
                              .ops = &any_size,
                              .opaque = &p};
    space_add(s, &rom);
    const struct mem_range *f = space_add(s, &flash);
    CHECK(space_store(s, 0x10, 4, 0));
    CHECK_EQ(load(s, 0x10, 4), 0x77777777);
    CHECK(!space_host(s, 0x10, 4, true));
    CHECK(space_host(s, 0x10, 4, false) == host + 0x10);
    CHECK(space_store(s, 0x1010, 4, 0x20));
    CHECK_EQ(p.writes, 1);
    CHECK_EQ(load(s, 0x1010, 4), 0x77777777);
    space_set_kind(s, f, RANGE_MMIO);
    CHECK_EQ(load(s, 0x1010, 4), 0x13121110);
    space_destroy(s);
    mem_free(host);
}

static void count_call(void *opaque)
{
    ++*(int *)opaque;
}

TEST(changes_between_begin_and_commit_are_published_as_one)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    int told = 0;
    struct mem_range a = mmio(0, 0x1000, &p, &any_size), b = mmio(0x1000, 0x1000, &p, &any_size);
    space_listen(s, count_call, &told);
    uint64_t generation = space_generation(s);
    space_begin(s);
    space_add(s, &a);
    space_add(s, &b);
    struct mem_view v;
    CHECK(!space_find(s, 0, &v));
    CHECK_EQ(told, 0);
    CHECK_EQ(space_generation(s), generation);
    space_commit(s);
    CHECK_EQ(told, 1);
    CHECK(space_find(s, 0, &v) && space_find(s, 0x1000, &v));
    CHECK(space_generation(s) > generation);
    space_unlisten(s, count_call, &told);
    space_remove(s, v.range);
    CHECK_EQ(told, 1);
    space_destroy(s);
}

TEST(window_that_moves_for_ever_uses_its_description_again)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    const struct mem_range *first = NULL;
    for (uint64_t i = 0; i < 1000; i++) {
        struct mem_range r = mmio(i << 12, 0x1000, &p, &any_size);
        const struct mem_range *added = space_add(s, &r);
        CHECK(!first || added == first);
        first = added;
        CHECK_EQ(load(s, (i << 12) + 4, 1), 4);
        space_remove(s, added);
    }
    space_destroy(s);
}

struct mover {
    struct space *space;
    struct probe probe;
    _Atomic bool stop;
};

static void keep_moving(void *opaque)
{
    struct mover *m = opaque;
    for (uint64_t i = 0; !m->stop; i++) {
        struct mem_range r = mmio((1 + i % 64) << 12, 0x1000, &m->probe, &any_size);
        space_remove(m->space, space_add(m->space, &r));
    }
}

TEST(readers_see_whole_maps_while_another_thread_changes_them)
{
    struct mover m = {.space = space_create("test")};
    uint8_t *host = mem_alloc(0x1000);
    struct mem_range low = ram(0, 0x1000, host), high = ram(0x1000000, 0x1000, host);
    space_add(m.space, &low);
    space_add(m.space, &high);
    struct os_thread thread;
    struct error e;
    REQUIRE(os_thread_start(&thread, "mover", keep_moving, &m, &e));
    for (uint64_t i = 0; i < 200000; i++) {
        struct mem_view v;
        CHECK(space_find(m.space, 0x1000010, &v) && v.base == 0x1000000 && v.offset == 0);
        paddr moving = (1 + i % 64) << 12;
        if (space_find(m.space, moving, &v)) {
            CHECK(v.base == moving && v.size == 0x1000 && v.range->opaque == &m.probe);
        }
    }
    m.stop = true;
    os_thread_join(&thread);
    space_destroy(m.space);
    mem_free(host);
}

TEST(dma_reaches_memory_and_refuses_registers)
{
    struct space *s = space_create("test");
    struct dma d = {s};
    struct probe p = {0};
    uint8_t *host = mem_alloc(0x2000);
    struct mem_range one = ram(0x1000, 0x1000, host), two = ram(0x2000, 0x1000, host + 0x1000);
    struct mem_range m = mmio(0x3000, 0x1000, &p, &any_size);
    space_add(s, &one);
    space_add(s, &two);
    space_add(s, &m);

    CHECK(dma_store32(&d, 0x1ffe, 0x44332211));
    CHECK_EQ(host[0xffe], 0x11);
    CHECK_EQ(host[0x1001], 0x44);
    uint32_t v = 0;
    CHECK(dma_load32(&d, 0x1ffe, &v));
    CHECK_EQ(v, 0x44332211);
    CHECK(!dma_load32(&d, 0x3000, &v));
    CHECK(!dma_store32(&d, 0x2ffe, v));
    CHECK(!dma_store64(&d, 0, 1));
    CHECK_EQ(p.reads + p.writes, 0);

    size_t n = 0x2000;
    CHECK(dma_map(&d, 0x1800, &n, true) == host + 0x800);
    CHECK_EQ(n, 0x800);
    CHECK(!dma_map(&d, 0x3000, &n, false));
    uint8_t text[8] = "dragons";
    char back[8];
    CHECK(dma_write(&d, 0x1ffc, text, 8) && dma_read(&d, 0x1ffc, back, 8));
    CHECK_STR(back, "dragons");
    space_destroy(s);
    mem_free(host);
}

TEST(the_largest_views_of_ram_come_first)
{
    static uint8_t host[0x8000];
    struct space *s = space_create("test");
    struct probe p = {0};
    struct mem_view v[3];
    const struct mem_range ranges[] = {ram(0x1000, 0x1000, host), ram(0x10000, 0x4000, host),
                                       ram(0x20000, 0x2000, host), ram(0x30000, 0x3000, host),
                                       mmio(0x40000, 0x8000, &p, &any_size)};
    for (unsigned i = 0; i < array_len(ranges); i++) {
        space_add(s, &ranges[i]);
    }
    CHECK_EQ(space_find_ram(s, v, 3), 3);
    CHECK_EQ(v[0].base, 0x10000);
    CHECK_EQ(v[1].base, 0x30000);
    CHECK_EQ(v[2].base, 0x20000);
    CHECK_EQ(space_find_ram(s, v, 1), 1);
    CHECK_EQ(v[0].base, 0x10000);
    space_destroy(s);
}

/* ---- bytes, requesters, refusals */

static const struct mmio_ops big_words = {
    .read = probe_read, .write = probe_write, .sizes = 4, .big_endian = true};

TEST(registers_of_a_big_endian_device_are_seen_with_their_bytes_reversed)
{
    struct space *s = space_create("test");
    struct probe p = {0};
    const struct mem_range r = mmio(0x1000, 0x100, &p, &big_words);
    space_add(s, &r);
    /* The device's value at 8 is 0x0b0a0908. */
    CHECK_EQ(load(s, 0x1008, 4), 0x08090a0b);
    CHECK_EQ(load(s, 0x1008, 1), 0x0b);
    CHECK_EQ(load(s, 0x100a, 2), 0x0809);
    CHECK_EQ(load(s, 0x1008, 8), 0x0c0d0e0f08090a0b);
    CHECK(space_store(s, 0x1010, 4, 0x11223344));
    CHECK_EQ(p.value[0], 0x44332211);
    space_destroy(s);
}

/* Remembers who asked last, and refuses users. */
struct guard {
    struct requester by;
    unsigned refused;
};

static bool guard_load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                       uint64_t *value)
{
    struct guard *g = opaque;
    g->by = *by;
    g->refused += by->user;
    *value = offset + size;
    return !by->user;
}

static bool guard_store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                        uint64_t value)
{
    return guard_load(opaque, by, offset, size, &value);
}

static const struct mmio_ops guard_ops = {.load = guard_load, .store = guard_store, .sizes = 4};

TEST(a_device_learns_who_asks_and_may_refuse)
{
    struct space *s = space_create("test");
    struct guard g = {.refused = 0};
    const struct requester user = {.id = 7, .user = true}, device = {.id = 0x1234, .device = true};
    uint64_t value = 0;
    space_add(s, &(struct mem_range){.base = 0x1000,
                                     .size = 0x100,
                                     .kind = RANGE_MMIO,
                                     .name = "guard",
                                     .ops = &guard_ops,
                                     .opaque = &g});
    CHECK(!space_load_by(s, &user, 0x1010, 4, &value));
    CHECK(!space_store_by(s, &user, 0x1010, 4, 1));
    CHECK(!space_load_by(s, &user, 0x1010, 8, &value));
    CHECK_EQ(g.refused, 3);
    CHECK(g.by.id == 7 && g.by.user && !g.by.secure && !g.by.device);
    CHECK(space_store_by(s, &device, 0x1010, 4, 1));
    CHECK(g.by.id == 0x1234 && g.by.device);
    CHECK(space_load(s, 0x1010, 4, &value) && value == 0x14);
    CHECK(g.by.id == 0 && !g.by.user);
    space_destroy(s);
}

TEST(accesses_by_a_secure_space_are_secure)
{
    struct space *plain = space_create("plain"), *secure = space_create_beside("secure", plain);
    struct guard g = {.refused = 0};
    const struct mem_range r = {.base = 0x1000,
                                .size = 0x100,
                                .kind = RANGE_MMIO,
                                .name = "guard",
                                .ops = &guard_ops,
                                .opaque = &g};
    space_set_properties(secure, SPACE_SECURE);
    space_add(plain, &r);
    space_add(secure, &r);
    load(plain, 0x1000, 4);
    CHECK(!g.by.secure);
    load(secure, 0x1000, 4);
    CHECK(g.by.secure);
    space_destroy(plain);
    space_destroy(secure);
}

TEST(where_nothing_is_mapped_a_space_may_read_as_ones)
{
    static uint8_t host[0x1000];
    struct space *s = space_create("test");
    const struct mem_range r = ram(0x2000, 0x1000, host);
    uint8_t bytes[0x30];
    uint64_t value = 0;
    space_add(s, &r);
    CHECK(!space_load(s, 0x1000, 4, &value) && !space_store(s, 0x1000, 4, 0));
    space_set_properties(s, SPACE_ONES);
    CHECK_EQ(load(s, 0x1000, 2), 0xffff);
    CHECK_EQ(load(s, 0x9000, 8), UINT64_MAX);
    CHECK(space_store(s, 0x1000, 4, 5));
    store_le32(host, 0x12345678);
    CHECK_EQ(load(s, 0x1ffe, 4), 0x5678ffff);
    CHECK(space_store(s, 0x1ffe, 4, 0xabcd0000));
    CHECK_EQ(load_le32(host), 0x1234abcd);
    CHECK(space_read(s, 0x2ff0, bytes, sizeof(bytes)));
    CHECK(bytes[0xf] == 0 && bytes[0x10] == 0xff && bytes[0x2f] == 0xff);
    space_destroy(s);
}
