/* SPDX-License-Identifier: MIT */
/*
 * Guest address spaces: sorted maps of ranges (RAM, ROM, MMIO) that are published whole and read
 * without a lock.
 *
 * A change builds a new map and publishes it whole; readers take no lock and see one map or the
 * other. Descriptions of ranges live until the space is destroyed, RAM is never unmapped before
 * that, and the memory of superseded maps is used again: a guest that moves a window for ever costs
 * no more than one that does not. Accelerators register a listener to drop cached translations when
 * the map changes.
 */
#ifndef MEMORY_SPACE_H
#define MEMORY_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef uint64_t paddr;
typedef uint64_t vaddr;

#define GUEST_PAGE_BITS 12
#define GUEST_PAGE_SIZE (1u << GUEST_PAGE_BITS)

/* Who makes an access, as a bus says it. */
struct requester {
    uint32_t
        id; /* a vCPU's index; of devices the number on their bus (PCI: bus, device, function) */
    bool device; /* no vCPU */
    bool user;   /* not privileged */
    bool secure; /* made in a space that is */
};

/*
 * Register access functions of a device. size is 1, 2, 4 or 8 and among those in sizes (a mask: bit
 * n allows 1<<n bytes); offset is relative to the range and aligned to size. The core splits larger
 * and misaligned accesses into the largest that fit; of a read that is narrower than all in sizes
 * it returns the wanted bytes of the narrowest that covers them; such a write is passed on
 * zero-extended if it is at the start of a unit, as on a bus without byte strobes, and else
 * ignored. Called with the range's lock held if it has one.
 */
struct mmio_ops {
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned size);
    unsigned sizes;  /* 0 means 1|2|4|8 bytes: 0xf */
    bool big_endian; /* the byte at the lowest offset is the value's highest */
    bool any_offset; /* accesses need not be aligned */
    /* In place of the two, for a device that looks at who asks, or may refuse: false is a bus
     * error, an exception for a vCPU. */
    bool (*load)(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                 uint64_t *value);
    bool (*store)(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                  uint64_t value);
};

struct os_mutex;

enum range_kind {
    RANGE_RAM,
    RANGE_ROM,
    RANGE_ROMD,
    RANGE_MMIO
}; /* ROMD: reads like ROM, writes go to ops */

struct mem_range {
    paddr base;
    uint64_t size; /* bytes; a multiple of the page size for RAM and ROM */
    enum range_kind kind;
    int priority; /* of two overlapping ranges the higher is seen */
    const char *name;
    uint8_t *host; /* RAM, ROM, ROMD: host address of base (not owned) */
    const struct mmio_ops *ops;
    void *opaque;
    struct os_mutex *lock; /* taken around ops; NULL: the device is thread-safe by itself */
};

/* One piece of the flattened map: [base, base+size) shows range from offset on. */
struct mem_view {
    paddr base;
    uint64_t size;
    uint64_t offset; /* of base within range */
    const struct mem_range *range;
};

struct space;

struct space *space_create(const char *name);
/* One that may show memory which other does, too, and who wants to know of writes (memory/dirty.h)
 * is told of either's. In what order they are destroyed does not matter. */
struct space *space_create_beside(const char *name, struct space *other);
void space_destroy(struct space *s);

/* What is so of all of a space; set before it is used. */
enum space_property {
    SPACE_ONES =
        1, /* where nothing is mapped reads give ones and writes are ignored; else: errors */
    SPACE_SECURE = 2 /* accesses by it are */
};
void space_set_properties(struct space *s, unsigned properties);

/* Adds a range (copied; name, host, ops stay the caller's) and publishes. Returns a handle for
 * space_remove. Any thread. */
const struct mem_range *space_add(struct space *s, const struct mem_range *r);
void space_remove(struct space *s, const struct mem_range *r);
/* Changes kind in place (flash: ROMD <-> MMIO) and publishes. */
void space_set_kind(struct space *s, const struct mem_range *r, enum range_kind kind);

/* Several changes published as one: between begin and commit (other threads keep seeing the old
 * map). */
void space_begin(struct space *s);
void space_commit(struct space *s);

/*
 * Gives in *v the view that shows address a, false where nothing is mapped. Lock-free. *v is a
 * copy; what it says holds as long as space_generation() stays what it was before the call.
 */
bool space_find(struct space *s, paddr a, struct mem_view *v);

/* The first view that ends behind a; false: there is none. As space_find. */
bool space_find_next(struct space *s, paddr a, struct mem_view *v);
bool space_has(const struct space *s, enum space_property p);

/* Grows with each publication, before the listeners are called. */
uint64_t space_generation(struct space *s);
/* Where it is, to be read with atomic_get_acquire. */
const uint64_t *space_generation_place(const struct space *s);

/* Called after each publication, on the publishing thread, without a lock held. At most
 * SPACE_LISTENERS of them. */
#define SPACE_LISTENERS 8
void space_listen(struct space *s, void (*changed)(void *opaque), void *opaque);
void space_unlisten(struct space *s, void (*changed)(void *opaque), void *opaque);

/* Reads or writes any range, splitting at range boundaries. false if some byte is not mapped, or
 * refused by a device (bus error). */
bool space_read(struct space *s, paddr a, void *bytes, size_t n);
bool space_write(struct space *s, paddr a, const void *bytes, size_t n);
bool space_read_by(struct space *s, const struct requester *by, paddr a, void *bytes, size_t n);
bool space_write_by(struct space *s, const struct requester *by, paddr a, const void *bytes,
                    size_t n);

/* One access: size 1, 2, 4, 8; the value is in host order for a little-endian guest bus. false: bus
 * error. The first two are those of nobody in particular: id 0, privileged. */
bool space_load(struct space *s, paddr a, unsigned size, uint64_t *value);
bool space_store(struct space *s, paddr a, unsigned size, uint64_t value);
bool space_load_by(struct space *s, const struct requester *by, paddr a, unsigned size,
                   uint64_t *value);
bool space_store_by(struct space *s, const struct requester *by, paddr a, unsigned size,
                    uint64_t value);

/*
 * One access to a range with ops, at an offset within it, for callers that keep the range of a
 * view: split or widened as its sizes ask, under its lock. size is 1, 2, 4 or 8; offset + size is
 * within the range. false: the device refused a part of it.
 */
bool range_load(const struct mem_range *r, const struct requester *by, uint64_t offset,
                unsigned size, uint64_t *value);
bool range_store(const struct mem_range *r, const struct requester *by, uint64_t offset,
                 unsigned size, uint64_t value);

/* Host pointer to n bytes of RAM at a (one range), or NULL. writable refuses ROM; who writes there
 * says so by dirty_written(). */
uint8_t *space_host(struct space *s, paddr a, size_t n, bool writable);

/* The largest views of RAM, at most so many, the largest first; their number. Lock-free, and good
 * for as long as what space_find says. */
unsigned space_find_ram(struct space *s, struct mem_view *v, unsigned most);

/* Calls fn for each view, by address, and its range's kind; all of one map, whose generation it
 * gives. fn must not call the space. */
typedef void (*space_view_fn)(void *opaque, const struct mem_view *v, enum range_kind kind);
uint64_t space_each_view(struct space *s, space_view_fn fn, void *opaque);

/* The address that shows the byte of RAM at host; false: none does. */
bool space_find_host(struct space *s, const void *host, paddr *a);

/* Doorbells (memory/doorbell.h): those of a view's range, or NULL; the same, made if need be; and
 * who wants to know that some have changed, as those of space_listen. */
struct doorbells *space_doorbells_of(const struct mem_range *r);
struct doorbells *space_doorbells(struct space *s, const struct mem_range *r);
void space_tell_doorbells(struct space *s);
void space_listen_doorbells(struct space *s, void (*changed)(void *opaque), void *opaque);
void space_unlisten_doorbells(struct space *s, void (*changed)(void *opaque), void *opaque);

/* Who wants to know of writes to its memory: see memory/dirty.h. */
struct dirty *space_dirty(struct space *s);

/* Text for `info mtree`, one line a view. Allocated. */
char *space_describe(struct space *s);

#endif
