/* SPDX-License-Identifier: MIT */
/*
 * Who wants to know that memory was written: the translator, of pages with code; logs of dirty
 * pages.
 *
 * Each memory that an address space, or one beside it, shows (RAM, ROM, flash) has a byte for each
 * page, by its host address, so it does not matter at which guest address it was written. Whoever
 * writes to such memory says so behind the write, by dirty_written(). Guests do not say so for each
 * store: they may keep a page open (have write lines in a TLB), which they ask for by dirty_open();
 * it is refused while somebody wants to know of a write. Before somebody wants to know, what is
 * open is closed (dirty_guests.close).
 *
 * Guests whose accelerator is told of memory beforehand (memory/slots.h) have all of it open, for
 * ever. Their accelerator keeps a log of its own while there is one here: it learns of that by
 * dirty_guests.logs_changed, and is asked for what it has noted (collect) before a log is read.
 *
 * Nothing of this costs anything while there is no log and no code is tracked: dirty_used() is
 * false then.
 *
 * Why no write is missed. A log's page becomes clean by an atomic operation, before its contents
 * are read. A writer who is no guest writes, passes a full fence, and looks at the flag: either it
 * sees that the page is clean again, and makes it dirty, or the log's reader sees what it wrote. A
 * guest's stores through an open page end before close returns, and the contents are read after
 * that.
 */
#ifndef MEMORY_DIRTY_H
#define MEMORY_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/bits.h"

#define DIRTY_PAGE_BITS 12
#define DIRTY_GRANULE_BITS 6 /* of code: a page's are the bits of one word */

#define DIRTY_GUESTS 4 /* accelerators of a machine, at most */

struct space;

enum dirty_client {
    DIRTY_MIGRATION,
    DIRTY_DISPLAY,
    DIRTY_CLIENTS
};

/* A page's byte. */
enum {
    DIRTY_CLEAN = (1 << DIRTY_CLIENTS) - 1, /* a bit for each log that the page is clean in */
    DIRTY_CODE = 0x3c, /* code was translated from it: a bit for each of the guests */
    DIRTY_OPEN = 0x80  /* guests may have it open */
};

/* A piece of host memory; they never overlap. The list only grows. */
struct dirty_memory {
    const uint8_t *host;
    uint64_t bytes;
    uint8_t *flags;                 /* of the pages */
    uint64_t (*code)[DIRTY_GUESTS]; /* granules with code, by page and guests: a bit each */
    uint64_t flags_bytes, code_bytes;
    struct dirty_memory *next;
};

/* Those that write without telling. */
struct dirty_guests {
    /* Returns when nobody has the page at host open; NULL: any page. */
    void (*close)(void *opaque, const uint8_t *host);
    /* Something was written to granules with code, or to a page that has code no longer. NULL: they
     * track none. */
    void (*code)(void *opaque, const uint8_t *host, uint64_t n);
    /* Which memory is logged has changed. NULL, with collect: their writes are told of as above. */
    void (*logs_changed)(void *opaque);
    /* Returns when dirty_touch() was called for each page of n bytes at host that they wrote to
     * while it was logged, since they were asked last. */
    void (*collect)(void *opaque, const uint8_t *host, uint64_t n);
};

/* A log of a part of memory. */
struct dirty_range {
    enum dirty_client client;
    const uint8_t *host;
    uint64_t bytes;
    struct dirty_range *next;
};

struct dirty {
    unsigned spaces; /* that have it */
    struct dirty_memory *first;
    unsigned users;
    struct os_mutex *lock; /* guards additions, starting and stopping */
    unsigned logs;         /* bit per client: all memory is logged */
    struct dirty_range *ranges;
    struct dirty_slot {
        const struct dirty_guests *guests; /* NULL: none */
        void *opaque;
    } slots[DIRTY_GUESTS];
    unsigned calls; /* of guests' functions that are under way */
};

struct dirty *dirty_create(void);
void dirty_share(struct dirty *d);   /* one more space has it */
void dirty_destroy(struct dirty *d); /* one less */
/* The space shows n bytes of memory at host, perhaps not for the first time. */
void dirty_add_memory(struct dirty *d, const uint8_t *host, uint64_t n);
/* Gives the number by which the code of these guests is told from that of others. */
unsigned dirty_add_guests(struct dirty *d, const struct dirty_guests *g, void *opaque);
/* Returns when none of their functions runs. */
void dirty_remove_guests(struct dirty *d, unsigned slot);

/* Somebody wants to know. */
static inline bool dirty_used(const struct dirty *d)
{
    return atomic_get(&d->users) != 0;
}

static inline struct dirty_memory *dirty_find(const struct dirty *d, const uint8_t *host)
{
    struct dirty_memory *m = atomic_get_acquire(&d->first);

    while (m && (uint64_t)(host - m->host) >= m->bytes) {
        m = m->next;
    }
    return m;
}

static inline uint64_t dirty_page(const struct dirty_memory *m, const uint8_t *host)
{
    return (uint64_t)(host - m->host) >> DIRTY_PAGE_BITS;
}

/* The page's byte; 0 of memory that is not known. */
static inline unsigned dirty_flags(const struct dirty *d, const uint8_t *host)
{
    const struct dirty_memory *m = dirty_find(d, host);

    return m ? atomic_get_seq(&m->flags[dirty_page(m, host)]) : 0;
}

/* A guest asks for leave to write to the page at host without telling, until it is closed. */
static inline bool dirty_open(const struct dirty *d, const uint8_t *host)
{
    struct dirty_memory *m = dirty_find(d, host);

    if (!m) {
        return false;
    }
    uint8_t *flags = &m->flags[dirty_page(m, host)], seen = atomic_get(flags);
    return seen == DIRTY_OPEN || (seen == 0 && atomic_cas(flags, &seen, (uint8_t)DIRTY_OPEN));
}

/* A guest is about to store to the page at host: it is dirty now. Gives its byte. */
unsigned dirty_touch(struct dirty *d, const uint8_t *host);

/* The bytes at host have been written by whoever calls. Any thread; memory of no space is allowed,
 * and so is n of 0. */
void dirty_written(struct space *s, const void *host, uint64_t n);

/* ---- logs: any thread, but no lock that a guest waits for may be held */

/* From now on: all pages are clean, but those whose memory is added later. */
void dirty_log_start(struct space *s, enum dirty_client c);
void dirty_log_stop(struct space *s, enum dirty_client c);
/* The same for n bytes of one memory at host, such as a display's; of a client that has several,
 * none overlap. Both are multiples of the page size. */
void dirty_log_start_range(struct space *s, enum dirty_client c, const uint8_t *host, uint64_t n);
void dirty_log_stop_range(struct space *s, enum dirty_client c, const uint8_t *host, uint64_t n);
/* Some of n bytes at host is in a log. */
bool dirty_is_logged(struct dirty *d, const uint8_t *host, uint64_t n);
/* Of n bytes of one memory at host, both multiples of the page size: sets the bits of the dirty
 * pages in bitmap, clears the others, and all are clean. What was written before is in memory.
 * true: some were dirty. */
bool dirty_log_fetch(struct space *s, enum dirty_client c, const uint8_t *host, uint64_t n,
                     uint64_t *bitmap);

/* ---- code: for a translator, by its slot; it calls the last four with its lock held */

void dirty_track_code(struct dirty *d, bool on); /* while no guest runs */
static inline unsigned dirty_code_bit(unsigned slot)
{
    return 4u << slot;
}
/* Nobody may open the page at host from now on. true: some may have had it open, so it was closed;
 * the caller says dirty_code_closed(), if it released no page meanwhile. */
bool dirty_code_protect(struct dirty *d, unsigned slot, const uint8_t *host);
void dirty_code_closed(struct dirty *d, const uint8_t *host);
/* Code is read from the page: any write is told of. false: it is not protected. */
bool dirty_code_begin(struct dirty *d, unsigned slot, const uint8_t *host);
void dirty_code_end(struct dirty *d, unsigned slot, const uint8_t *host, uint64_t granules);
void dirty_code_release(struct dirty *d, unsigned slot, const uint8_t *host); /* it has none */

/* The granules of a page that n bytes at offset in it touch. */
static inline uint64_t dirty_granules(uint64_t offset, uint64_t n)
{
    const unsigned first = (unsigned)(offset >> DIRTY_GRANULE_BITS);
    const unsigned last = (unsigned)((offset + n - 1) >> DIRTY_GRANULE_BITS);

    return (UINT64_MAX << first) & (UINT64_MAX >> (63 - last));
}

#endif
