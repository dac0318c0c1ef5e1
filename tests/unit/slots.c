/* SPDX-License-Identifier: MIT */
/*
 * The contract of memory/slots.h, and of a log that an owner of slots keeps. The owner here is as
 * strict as a kernel: it refuses what overlaps, is not aligned, or is not there.
 */
#include "memory/slots.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "memory/dirty.h"
#include "tests/test.h"

#define PAGE UINT64_C(0x1000)
#define AREA_PAGES 256u
#define AREA (AREA_PAGES * PAGE)
#define MOST 512u

/* What vCPUs see of a page of the area; host NULL: I/O. */
struct shown {
    const uint8_t *host;
    bool read_only;
};

struct owner {
    struct space *space;
    bool read_only; /* it has such slots */
    bool ending;    /* all go */
    struct slot slot[MOST];
    uint64_t log[MOST][AREA_PAGES / 64];
    unsigned count;
    struct shown before[AREA_PAGES], behind[AREA_PAGES]; /* of a change, by the map */
    bool open, still;
    unsigned batches, stills, moments, cleared;
};

/* ---- by the map */

static struct shown shown_at(const struct owner *o, paddr page)
{
    struct mem_view v;

    if (o->ending || !space_find(o->space, page, &v) || page + PAGE > v.base + v.size ||
        v.range->kind == RANGE_MMIO || (v.range->kind != RANGE_RAM && !o->read_only)) {
        return (struct shown){.host = NULL};
    }
    const uint8_t *host = v.range->host + v.offset + (page - v.base);
    if (v.base > page || (uintptr_t)host % PAGE) {
        return (struct shown){.host = NULL};
    }
    return (struct shown){.host = host, .read_only = v.range->kind != RANGE_RAM};
}

static void look(struct owner *o, struct shown *shown)
{
    for (unsigned i = 0; i < AREA_PAGES; i++) {
        shown[i] = shown_at(o, i * PAGE);
    }
}

/* ---- by the slots */

static struct slot *slot_at(struct owner *o, paddr a)
{
    for (unsigned i = 0; i < o->count; i++) {
        if (a - o->slot[i].base < o->slot[i].size) {
            return &o->slot[i];
        }
    }
    return NULL;
}

static bool is_shown(struct owner *o, paddr page, const struct shown *want)
{
    const struct slot *s = slot_at(o, page);

    if (!want->host) {
        return !s;
    }
    return s && s->host + (page - s->base) == want->host &&
           !(s->flags & SLOT_READ_ONLY) == !want->read_only;
}

/* While vCPUs run: what is the same before and behind the change is there. */
static void moment(struct owner *o)
{
    o->moments++;
    for (unsigned i = 0; i < AREA_PAGES && !o->still; i++) {
        const struct shown *a = &o->before[i], *b = &o->behind[i];
        if (a->host == b->host && a->read_only == b->read_only) {
            CHECK_MSG(is_shown(o, i * PAGE, a), "page %u is missing for a moment", i);
        }
    }
}

static struct slot *find(struct owner *o, const struct slot *s)
{
    struct slot *mine = slot_at(o, s->base);

    CHECK(o->open);
    if (!mine || mine->base != s->base || mine->size != s->size || mine->host != s->host) {
        CHECK_MSG(false, "no slot is as the one at 0x%llx", (unsigned long long)s->base);
        return NULL;
    }
    return mine;
}

static void begin(void *opaque, bool still)
{
    struct owner *o = opaque;

    CHECK(!o->open);
    o->open = true;
    o->still = still;
    o->batches++;
    o->stills += still;
    look(o, o->behind);
    moment(o);
}

static void remove_slot(void *opaque, const struct slot *s)
{
    struct owner *o = opaque;
    struct slot *mine = find(o, s);

    if (mine) {
        *mine = o->slot[--o->count];
        memcpy(o->log[mine - o->slot], o->log[o->count], sizeof(o->log[0]));
    }
    moment(o);
}

static void add_slot(void *opaque, const struct slot *s)
{
    struct owner *o = opaque;

    CHECK(o->open && s->size && s->base % PAGE == 0 && s->size % PAGE == 0);
    CHECK((uintptr_t)s->host % PAGE == 0);
    for (unsigned i = 0; i < o->count; i++) {
        const struct slot *other = &o->slot[i];
        CHECK(other->base + other->size <= s->base || s->base + s->size <= other->base);
    }
    assert(o->count < MOST);
    memset(o->log[o->count], 0, sizeof(o->log[0]));
    o->slot[o->count++] = *s;
    moment(o);
}

static void log_slot(void *opaque, const struct slot *s)
{
    struct owner *o = opaque;
    struct slot *mine = find(o, s);

    if (mine) {
        CHECK((mine->flags ^ s->flags) == SLOT_LOGGED);
        mine->flags = s->flags;
        memset(o->log[mine - o->slot], 0, sizeof(o->log[0]));
    }
    moment(o);
}

static void end(void *opaque)
{
    struct owner *o = opaque;

    moment(o);
    memcpy(o->before, o->behind, sizeof(o->before));
    o->open = o->still = false;
}

static void written(void *opaque, const struct slot *s, uint64_t *bitmap)
{
    struct owner *o = opaque;
    const struct slot *mine = slot_at(o, s->base);

    CHECK(mine && (mine->flags & SLOT_LOGGED));
    memcpy(bitmap, o->log[mine - o->slot], (s->size / PAGE + 63) / 64 * sizeof(*bitmap));
}

static void clear(void *opaque, const struct slot *s, const uint64_t *bitmap)
{
    struct owner *o = opaque;
    uint64_t *log = o->log[slot_at(o, s->base) - o->slot];

    for (unsigned i = 0; i < (s->size / PAGE + 63) / 64; i++) {
        CHECK_EQ(bitmap[i] & ~log[i], 0);
        log[i] &= ~bitmap[i];
    }
    o->cleared++;
}

static const struct slots_ops ops = {begin, remove_slot, add_slot, log_slot, end, written, clear};

/* A guest's store. */
static bool guest_stores(struct owner *o, paddr a, uint8_t value)
{
    const struct slot *s = slot_at(o, a);

    if (!s || (s->flags & SLOT_READ_ONLY)) {
        return false;
    }
    s->host[a - s->base] = value;
    if (s->flags & SLOT_LOGGED) {
        const uint64_t page = (a - s->base) / PAGE;
        o->log[s - o->slot][page / 64] |= UINT64_C(1) << page % 64;
    }
    return true;
}

/* ---- maps */

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

struct map {
    struct space *space;
    uint8_t *memory; /* RAM of the area, then ROM of as many pages */
    struct owner owner;
    struct slots *slots;
};

static struct mem_range range(struct map *m, enum range_kind kind, paddr base, uint64_t size)
{
    return (struct mem_range){.base = base,
                              .size = size,
                              .kind = kind,
                              .priority = 1,
                              .name = "piece",
                              .host = kind == RANGE_MMIO ? NULL : m->memory + AREA,
                              .ops = &io};
}

static struct map *map_new(bool read_only)
{
    struct map *m = mem_alloc(sizeof(*m));
    struct error e;

    m->space = space_create("memory");
    m->memory = os_map_ram(2 * AREA, &e);
    assert(m->memory);
    m->owner.space = m->space;
    m->owner.read_only = read_only;
    space_add(m->space, &(struct mem_range){.size = AREA, .name = "ram", .host = m->memory});
    m->slots = slots_create(m->space, &(struct slots_config){.page_bytes = PAGE,
                                                             .read_only = read_only,
                                                             .ops = &ops,
                                                             .opaque = &m->owner});
    return m;
}

static void map_free(struct map *m)
{
    m->owner.ending = true;
    slots_destroy(m->slots);
    CHECK_EQ(m->owner.count, 0);
    space_destroy(m->space);
    os_unmap(m->memory, 2 * AREA);
    mem_free(m);
}

static void check_all(struct map *m)
{
    for (unsigned i = 0; i < AREA_PAGES; i++) {
        const struct shown want = shown_at(&m->owner, i * PAGE);
        CHECK_MSG(is_shown(&m->owner, i * PAGE, &want), "page %u", i);
    }
}

/* ---- tests */

TEST(ram_is_one_slot)
{
    struct map *m = map_new(true);

    CHECK_EQ(m->owner.count, 1);
    CHECK_EQ(m->owner.slot[0].size, AREA);
    CHECK(m->owner.slot[0].host == m->memory && m->owner.slot[0].flags == 0);
    map_free(m);
}

TEST(a_hole_in_ram_keeps_vcpus_out_and_parts_of_pages_are_no_slots)
{
    struct map *m = map_new(true);
    const struct mem_range hole = range(m, RANGE_MMIO, 3 * PAGE + 0x800, PAGE);

    const struct mem_range *r = space_add(m->space, &hole);
    CHECK_EQ(m->owner.stills, 1);
    CHECK_EQ(m->owner.count, 2);
    CHECK(!slot_at(&m->owner, 3 * PAGE) && !slot_at(&m->owner, 4 * PAGE));
    CHECK(slot_at(&m->owner, 2 * PAGE) && slot_at(&m->owner, 5 * PAGE));
    check_all(m);
    space_remove(m->space, r);
    CHECK_EQ(m->owner.stills, 2);
    CHECK_EQ(m->owner.count, 1);
    check_all(m);
    map_free(m);
}

TEST(a_flash_behind_ram_comes_and_goes_without_a_stop)
{
    struct map *m = map_new(true);
    struct mem_range flash = range(m, RANGE_ROMD, AREA, 4 * PAGE);
    const struct mem_range *r = space_add(m->space, &flash);

    CHECK_EQ(m->owner.count, 2);
    CHECK_EQ(slot_at(&m->owner, AREA)->flags, SLOT_READ_ONLY);
    space_set_kind(m->space, r, RANGE_MMIO);
    CHECK_EQ(m->owner.count, 1);
    space_set_kind(m->space, r, RANGE_ROMD);
    CHECK_EQ(m->owner.count, 2);
    CHECK_EQ(m->owner.batches, 4);
    CHECK_EQ(m->owner.stills, 0);
    map_free(m);
}

TEST(an_owner_without_read_only_slots_gets_none)
{
    struct map *m = map_new(false);
    const struct mem_range rom = range(m, RANGE_ROM, AREA, PAGE);

    space_add(m->space, &rom);
    CHECK_EQ(m->owner.count, 1);
    map_free(m);
}

TEST(several_changes_are_one)
{
    struct map *m = map_new(true);
    const struct mem_range hole = range(m, RANGE_MMIO, 3 * PAGE, PAGE);

    space_begin(m->space);
    const struct mem_range *r = space_add(m->space, &hole);
    space_remove(m->space, r);
    space_commit(m->space);
    CHECK_EQ(m->owner.batches, 1);
    map_free(m);
}

/* A random range, laid over the RAM or taken away, or a flash that changes its mode. */
static void change(struct map *m, struct rng *rng, const struct mem_range **piece, unsigned n)
{
    static const enum range_kind kinds[] = {RANGE_RAM, RANGE_ROM, RANGE_ROMD, RANGE_MMIO};
    const unsigned i = (unsigned)rng_below(rng, n);

    if (!piece[i]) {
        const enum range_kind kind = kinds[rng_below(rng, 4)];
        const uint64_t pages = 1 + rng_below(rng, 12);
        const unsigned shift = rng_below(rng, 3) ? 0 : 0x400 * (unsigned)rng_below(rng, 4);
        struct mem_range r = range(m, kind, rng_below(rng, AREA_PAGES - 16) * PAGE + shift,
                                   pages * PAGE);
        r.priority = (int)rng_below(rng, 4);
        if (kind == RANGE_MMIO) {
            r.size = 1 + rng_below(rng, pages * PAGE);
        } else {
            /* RAM is shown again elsewhere, ROM has its own; some pages lie across two */
            r.host = m->memory + (kind == RANGE_RAM ? 0 : AREA) + rng_below(rng, 200) * PAGE +
                     (rng_below(rng, 4) ? 0 : 0x400);
        }
        piece[i] = space_add(m->space, &r);
    } else if (piece[i]->kind >= RANGE_ROMD && piece[i]->host && rng_below(rng, 2)) {
        space_set_kind(m->space, piece[i], piece[i]->kind == RANGE_MMIO ? RANGE_ROMD : RANGE_MMIO);
    } else {
        space_remove(m->space, piece[i]);
        piece[i] = NULL;
    }
}

TEST(slots_are_the_map_after_each_change)
{
    struct map *m = map_new(true);
    const struct mem_range *piece[12] = {NULL};
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (unsigned n = 0; n < 20000 * test_scale() && !test_state.failures; n++) {
        const bool together = rng_below(&rng, 8) == 0;
        if (together) {
            /* kinds change at once, so no moment between is compared */
            space_begin(m->space);
            change(m, &rng, piece, array_len(piece) / 2);
            change(m, &rng, piece + array_len(piece) / 2, array_len(piece) / 2);
            space_commit(m->space);
        } else {
            change(m, &rng, piece, array_len(piece));
        }
        check_all(m);
    }
    CHECK(m->owner.stills > 100 && m->owner.batches > m->owner.stills);
    for (unsigned i = 0; i < array_len(piece); i++) {
        if (piece[i]) {
            space_remove(m->space, piece[i]);
        }
    }
    CHECK_EQ(m->owner.count, 1);
    map_free(m);
}

/* ---- logs */

static uint64_t fetch(struct map *m, enum dirty_client c, unsigned first, unsigned n)
{
    uint64_t bitmap[AREA_PAGES / 64];

    dirty_log_fetch(m->space, c, m->memory + first * PAGE, n * PAGE, bitmap);
    return bitmap[0];
}

TEST(a_log_has_what_guests_wrote_to_slots)
{
    struct map *m = map_new(true);

    CHECK(guest_stores(&m->owner, 5 * PAGE, 1));
    dirty_log_start(m->space, DIRTY_MIGRATION);
    CHECK_EQ(m->owner.slot[0].flags, SLOT_LOGGED);
    CHECK_EQ(fetch(m, DIRTY_MIGRATION, 0, 64), 0);
    guest_stores(&m->owner, 5 * PAGE, 2);
    guest_stores(&m->owner, 9 * PAGE, 2);
    CHECK_EQ(fetch(m, DIRTY_MIGRATION, 0, 8), 1 << 5);
    CHECK_EQ(m->owner.log[0][0], 1 << 9); /* nobody asked for it: not cleared */
    guest_stores(&m->owner, 5 * PAGE, 3);
    CHECK_EQ(fetch(m, DIRTY_MIGRATION, 4, 8), 1 << 1 | 1 << 5);
    CHECK_EQ(fetch(m, DIRTY_MIGRATION, 0, 64), 0);
    dirty_log_stop(m->space, DIRTY_MIGRATION);
    CHECK_EQ(m->owner.slot[0].flags, 0);
    map_free(m);
}

TEST(two_logs_are_told_of_the_same_writes)
{
    struct map *m = map_new(true);

    dirty_log_start(m->space, DIRTY_MIGRATION);
    dirty_log_start_range(m->space, DIRTY_DISPLAY, m->memory, 8 * PAGE);
    guest_stores(&m->owner, 2 * PAGE, 1);
    CHECK_EQ(fetch(m, DIRTY_MIGRATION, 0, 8), 1 << 2);
    CHECK_EQ(fetch(m, DIRTY_DISPLAY, 0, 8), 1 << 2);
    dirty_log_stop(m->space, DIRTY_MIGRATION);
    guest_stores(&m->owner, 3 * PAGE, 1);
    CHECK_EQ(fetch(m, DIRTY_DISPLAY, 0, 8), 1 << 3);
    dirty_log_stop_range(m->space, DIRTY_DISPLAY, m->memory, 8 * PAGE);
    CHECK_EQ(m->owner.slot[0].flags, 0);
    CHECK(!dirty_used(space_dirty(m->space)));
    map_free(m);
}

TEST(a_log_of_a_display_leaves_other_slots_alone)
{
    struct map *m = map_new(true);
    const uint8_t *display = m->memory + AREA;
    const struct mem_range r = range(m, RANGE_RAM, AREA, 4 * PAGE);

    space_add(m->space, &r);
    dirty_log_start_range(m->space, DIRTY_DISPLAY, display, 4 * PAGE);
    CHECK_EQ(slot_at(&m->owner, 0)->flags, 0);
    CHECK_EQ(slot_at(&m->owner, AREA)->flags, SLOT_LOGGED);
    CHECK_EQ(m->owner.stills, 0);
    guest_stores(&m->owner, 0, 1);
    guest_stores(&m->owner, AREA + PAGE, 1);
    uint64_t bitmap;
    CHECK(dirty_log_fetch(m->space, DIRTY_DISPLAY, display, 4 * PAGE, &bitmap));
    CHECK_EQ(bitmap, 2);
    dirty_log_stop_range(m->space, DIRTY_DISPLAY, display, 4 * PAGE);
    map_free(m);
}

TEST(a_logged_slot_that_goes_is_collected)
{
    struct map *m = map_new(true);
    const struct mem_range hole = range(m, RANGE_MMIO, 4 * PAGE, PAGE);

    dirty_log_start(m->space, DIRTY_MIGRATION);
    guest_stores(&m->owner, 4 * PAGE, 1);
    guest_stores(&m->owner, 6 * PAGE, 1);
    space_add(m->space, &hole);
    CHECK_EQ(m->owner.stills, 1);
    CHECK_EQ(slot_at(&m->owner, 6 * PAGE)->flags, SLOT_LOGGED);
    guest_stores(&m->owner, 7 * PAGE, 1);
    CHECK_EQ(fetch(m, DIRTY_MIGRATION, 0, 64), 1 << 4 | 1 << 6 | 1 << 7);
    dirty_log_stop(m->space, DIRTY_MIGRATION);
    map_free(m);
}

TEST(a_log_misses_no_write_while_the_map_changes)
{
    struct map *m = map_new(true);
    const struct mem_range *piece[12] = {NULL};
    uint8_t *copy = mem_alloc(AREA);
    struct rng rng;

    rng_seed(&rng, test_seed() + 1);
    dirty_log_start(m->space, DIRTY_MIGRATION);
    for (unsigned n = 0; n < 20000 * test_scale(); n++) {
        change(m, &rng, piece, array_len(piece));
        for (unsigned k = 0; k < 4; k++) {
            guest_stores(&m->owner, rng_below(&rng, AREA), (uint8_t)rng_u64(&rng));
        }
        const unsigned first = (unsigned)rng_below(&rng, AREA_PAGES);
        const unsigned pages = 1 + (unsigned)rng_below(&rng, AREA_PAGES - first);
        uint64_t bitmap[AREA_PAGES / 64];
        dirty_log_fetch(m->space, DIRTY_MIGRATION, m->memory + first * PAGE, pages * PAGE, bitmap);
        for (unsigned i = 0; i < pages; i++) {
            if (bitmap[i / 64] >> i % 64 & 1) {
                memcpy(copy + (first + i) * PAGE, m->memory + (first + i) * PAGE, PAGE);
            }
        }
        CHECK_MEM(copy + first * PAGE, m->memory + first * PAGE, pages * PAGE);
    }
    CHECK(m->owner.cleared > 1000);
    for (unsigned i = 0; i < array_len(piece); i++) {
        if (piece[i]) {
            space_remove(m->space, piece[i]);
        }
    }
    dirty_log_stop(m->space, DIRTY_MIGRATION);
    mem_free(copy);
    map_free(m);
}
