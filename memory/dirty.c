/* SPDX-License-Identifier: MIT */
/* Pages of memory that somebody wants to know of; see dirty.h. */
#include "memory/dirty.h"

#include "base/mem.h"
#include "base/os.h"
#include "memory/space.h"

#define PAGE ((uint64_t)1 << DIRTY_PAGE_BITS)

struct dirty *dirty_create(void)
{
    struct dirty *d = mem_alloc(sizeof(*d));

    d->lock = mem_alloc(sizeof(*d->lock));
    os_mutex_init(d->lock);
    d->spaces = 1;
    return d;
}

void dirty_share(struct dirty *d)
{
    atomic_add(&d->spaces, 1);
}

void dirty_destroy(struct dirty *d)
{
    if (atomic_sub(&d->spaces, 1) > 1) {
        return;
    }
    for (struct dirty_memory *m = d->first, *next; m; m = next) {
        next = m->next;
        os_unmap(m->flags, m->flags_bytes);
        os_unmap(m->code, m->code_bytes);
        mem_free(m);
    }
    for (struct dirty_range *r = d->ranges, *next; r; r = next) {
        next = r->next;
        mem_free(r);
    }
    os_mutex_destroy(d->lock);
    mem_free(d->lock);
    mem_free(d);
}

/* Zeroed, and not there until it is used: there are 9 bytes for each page of guest memory. */
static void *lazy_memory(uint64_t bytes)
{
    void *p = os_map_ram(bytes, NULL);

    if (!p) {
        mem_end(bytes);
    }
    return p;
}

static void add_piece(struct dirty *d, const uint8_t *host, uint64_t n)
{
    struct dirty_memory *m = mem_alloc(sizeof(*m));
    const uint64_t pages = (n + PAGE - 1) >> DIRTY_PAGE_BITS;

    m->host = host;
    m->bytes = n;
    m->flags_bytes = align_up(pages, PAGE);
    m->code_bytes = align_up(pages * sizeof(*m->code), PAGE);
    m->flags = lazy_memory(m->flags_bytes);
    m->code = lazy_memory(m->code_bytes);
    m->next = d->first;
    /* The largest is looked at first. */
    if (d->first && d->first->bytes > n) {
        m->next = d->first->next;
        atomic_set_release(&d->first->next, m);
    } else {
        atomic_set_release(&d->first, m);
    }
}

/* The first byte from host on that is known, or end. */
static const uint8_t *next_known(const struct dirty *d, const uint8_t *host, const uint8_t *end)
{
    for (const struct dirty_memory *m = d->first; m; m = m->next) {
        end = m->host > host && m->host < end ? m->host : end;
    }
    return end;
}

void dirty_add_memory(struct dirty *d, const uint8_t *host, uint64_t n)
{
    const uint8_t *end = host + n;

    os_mutex_lock(d->lock);
    while (host < end) {
        const struct dirty_memory *m = dirty_find(d, host);
        const uint8_t *stop = m ? m->host + m->bytes : next_known(d, host, end);
        if (!m) {
            add_piece(d, host, (uint64_t)(stop - host));
        }
        host = stop;
    }
    os_mutex_unlock(d->lock);
}

/* ---- guests */

unsigned dirty_add_guests(struct dirty *d, const struct dirty_guests *g, void *opaque)
{
    unsigned slot = 0;

    os_mutex_lock(d->lock);
    while (slot < DIRTY_GUESTS && d->slots[slot].guests) {
        slot++;
    }
    assert(slot < DIRTY_GUESTS);
    d->slots[slot].opaque = opaque;
    atomic_set_seq(&d->slots[slot].guests, g);
    os_mutex_unlock(d->lock);
    return slot;
}

void dirty_remove_guests(struct dirty *d, unsigned slot)
{
    atomic_set_seq(&d->slots[slot].guests, (const struct dirty_guests *)NULL);
    while (atomic_get_seq(&d->calls)) {
        os_yield();
    }
}

static void close_pages(struct dirty *d, const uint8_t *host)
{
    atomic_add(&d->calls, 1);
    for (unsigned i = 0; i < DIRTY_GUESTS; i++) {
        const struct dirty_guests *g = atomic_get_seq(&d->slots[i].guests);
        if (g) {
            g->close(d->slots[i].opaque, host);
        }
    }
    atomic_sub(&d->calls, 1);
}

static void tell_of_code(struct dirty *d, unsigned slot, const uint8_t *host, uint64_t n)
{
    atomic_add(&d->calls, 1);
    const struct dirty_guests *g = atomic_get_seq(&d->slots[slot].guests);
    if (g) {
        g->code(d->slots[slot].opaque, host, n);
    }
    atomic_sub(&d->calls, 1);
}

static void tell_of_logs(struct dirty *d)
{
    atomic_add(&d->calls, 1);
    for (unsigned i = 0; i < DIRTY_GUESTS; i++) {
        const struct dirty_guests *g = atomic_get_seq(&d->slots[i].guests);
        if (g && g->logs_changed) {
            g->logs_changed(d->slots[i].opaque);
        }
    }
    atomic_sub(&d->calls, 1);
}

static void collect(struct dirty *d, const uint8_t *host, uint64_t n)
{
    atomic_add(&d->calls, 1);
    for (unsigned i = 0; i < DIRTY_GUESTS; i++) {
        const struct dirty_guests *g = atomic_get_seq(&d->slots[i].guests);
        if (g && g->collect) {
            g->collect(d->slots[i].opaque, host, n);
        }
    }
    atomic_sub(&d->calls, 1);
}

/* ---- writers */

static unsigned make_dirty(uint8_t *flags)
{
    const unsigned seen = atomic_get_seq(flags);

    if (seen & DIRTY_CLEAN) {
        atomic_and(flags, (uint8_t)~DIRTY_CLEAN);
    }
    return seen & ~(unsigned)DIRTY_CLEAN;
}

unsigned dirty_touch(struct dirty *d, const uint8_t *host)
{
    struct dirty_memory *m = dirty_find(d, host);

    return m ? make_dirty(&m->flags[dirty_page(m, host)]) : 0;
}

/* n bytes at host, within a page of m. */
static void page_written(struct dirty *d, struct dirty_memory *m, const uint8_t *host, uint64_t n)
{
    const uint64_t page = dirty_page(m, host);

    const unsigned seen = make_dirty(&m->flags[page]) & DIRTY_CODE;
    const uint64_t granules = dirty_granules((uint64_t)(host - m->host) & (PAGE - 1), n);

    for (unsigned i = 0; seen && i < DIRTY_GUESTS; i++) {
        const uint64_t code = seen & dirty_code_bit(i) ? atomic_get_seq(&m->code[page][i]) : 0;
        if ((seen & dirty_code_bit(i)) && (!code || (code & granules))) {
            tell_of_code(d, i, host, n);
        }
    }
}

static void written(struct dirty *d, const uint8_t *host, uint64_t n)
{
    while (n > 0) {
        struct dirty_memory *m = dirty_find(d, host);
        uint64_t piece = n;
        if (m) {
            const uint64_t at = (uint64_t)(host - m->host), in_page = PAGE - (at & (PAGE - 1));
            const uint64_t most = m->bytes - at < in_page ? m->bytes - at : in_page;
            piece = n < most ? n : most;
            page_written(d, m, host, piece);
        } else {
            piece = (uint64_t)(next_known(d, host, host + n) - host);
        }
        host += piece;
        n -= piece;
    }
}

void dirty_written(struct space *s, const void *host, uint64_t n)
{
    struct dirty *d = space_dirty(s);

    atomic_fence();
    if (unlikely(dirty_used(d))) {
        written(d, host, n);
    }
}

/* ---- logs */

/* Of n bytes at host in m, which are all of it or multiples of the page size. */
static void set_pages(struct dirty_memory *m, const uint8_t *host, uint64_t n, enum dirty_client c,
                      bool clean)
{
    const uint8_t bit = (uint8_t)(1u << c);
    uint8_t *flags = m->flags + dirty_page(m, host);
    const uint64_t pages = (n + PAGE - 1) >> DIRTY_PAGE_BITS;

    for (uint64_t i = 0; i < pages; i++) {
        if (clean) {
            atomic_or(&flags[i], bit);
        } else if (atomic_get(&flags[i]) & bit) {
            atomic_and(&flags[i], (uint8_t)~bit);
        }
    }
}

static void set_all(struct dirty *d, enum dirty_client c, bool clean)
{
    for (struct dirty_memory *m = d->first; m; m = m->next) {
        set_pages(m, m->host, m->bytes, c, clean);
    }
}

/* Under the lock. Pages become clean when dirty_used() says so, and stop to be before it does not
 * any longer. r: of these, NULL: of all. */
static void set_logged(struct dirty *d, enum dirty_client c, const struct dirty_range *r, bool on)
{
    if (on) {
        atomic_add(&d->users, 1);
    }
    if (r) {
        set_pages(dirty_find(d, r->host), r->host, r->bytes, c, on);
    } else {
        set_all(d, c, on);
    }
    if (!on) {
        atomic_sub(&d->users, 1);
    }
}

static void logs_changed(struct dirty *d)
{
    close_pages(d, NULL);
    tell_of_logs(d);
}

static void set_logging(struct space *s, enum dirty_client c, bool on)
{
    struct dirty *d = space_dirty(s);
    const unsigned bit = 1u << c;

    os_mutex_lock(d->lock);
    const bool changes = !(d->logs & bit) == on;
    if (changes) {
        d->logs ^= bit;
        set_logged(d, c, NULL, on);
    }
    os_mutex_unlock(d->lock);
    if (changes) {
        logs_changed(d);
    }
}

void dirty_log_start(struct space *s, enum dirty_client c)
{
    set_logging(s, c, true);
}

void dirty_log_stop(struct space *s, enum dirty_client c)
{
    set_logging(s, c, false);
}

void dirty_log_start_range(struct space *s, enum dirty_client c, const uint8_t *host, uint64_t n)
{
    struct dirty *d = space_dirty(s);
    struct dirty_range *r = mem_alloc(sizeof(*r));
    const struct dirty_memory *m = dirty_find(d, host);

    assert(m && n && n <= m->bytes - (uint64_t)(host - m->host));
    os_mutex_lock(d->lock);
    assert(!(d->logs & 1u << c));
    *r = (struct dirty_range){.client = c, .host = host, .bytes = n, .next = d->ranges};
    d->ranges = r;
    set_logged(d, c, r, true);
    os_mutex_unlock(d->lock);
    logs_changed(d);
}

void dirty_log_stop_range(struct space *s, enum dirty_client c, const uint8_t *host, uint64_t n)
{
    struct dirty *d = space_dirty(s);
    struct dirty_range **at = &d->ranges;

    os_mutex_lock(d->lock);
    while (*at && ((*at)->client != c || (*at)->host != host || (*at)->bytes != n)) {
        at = &(*at)->next;
    }
    struct dirty_range *r = *at;
    assert(r);
    *at = r->next;
    set_logged(d, c, r, false);
    os_mutex_unlock(d->lock);
    mem_free(r);
    logs_changed(d);
}

bool dirty_is_logged(struct dirty *d, const uint8_t *host, uint64_t n)
{
    os_mutex_lock(d->lock);
    bool logged = d->logs != 0;
    for (const struct dirty_range *r = d->ranges; r && !logged; r = r->next) {
        logged = r->host < host + n && host < r->host + r->bytes;
    }
    os_mutex_unlock(d->lock);
    return logged;
}

/* Eight pages at once, of which most are clean. */
static bool all_clean(const uint8_t *flags, uint8_t bit)
{
    const uint64_t bits = bit * UINT64_C(0x0101010101010101);
    uint64_t eight;

    memcpy(&eight, flags, sizeof(eight));
    return (eight & bits) == bits;
}

bool dirty_log_fetch(struct space *s, enum dirty_client c, const uint8_t *host, uint64_t n,
                     uint64_t *bitmap)
{
    struct dirty *d = space_dirty(s);
    const uint8_t bit = (uint8_t)(1u << c);
    const uint64_t pages = n >> DIRTY_PAGE_BITS;
    struct dirty_memory *m = dirty_find(d, host);
    unsigned seen = 0;
    bool any = false;

    memset(bitmap, 0, (pages + 63) / 64 * sizeof(*bitmap));
    assert(!n || (m && n <= m->bytes - (uint64_t)(host - m->host)));
    collect(d, host, n);
    for (uint64_t i = 0; i < pages; i++) {
        uint8_t *flags = &m->flags[dirty_page(m, host) + i];
        if (pages - i >= 8 && all_clean(flags, bit)) {
            i += 7;
        } else if (!(atomic_get(flags) & bit)) {
            seen |= atomic_or(flags, bit);
            bitmap[i / 64] |= UINT64_C(1) << i % 64;
            any = true;
        }
    }
    atomic_fence(); /* what the caller reads is read behind the looks at clean pages, too */
    if (seen & DIRTY_OPEN) {
        close_pages(d, NULL);
    }
    return any;
}

/* ---- code */

void dirty_track_code(struct dirty *d, bool on)
{
    if (on) {
        atomic_add(&d->users, 1);
    } else {
        atomic_sub(&d->users, 1);
    }
}

bool dirty_code_protect(struct dirty *d, unsigned slot, const uint8_t *host)
{
    struct dirty_memory *m = dirty_find(d, host);
    uint8_t *flags = m ? &m->flags[dirty_page(m, host)] : NULL;
    const uint8_t bit = (uint8_t)dirty_code_bit(slot);

    if (!flags || (atomic_get(flags) & (bit | DIRTY_OPEN)) == bit ||
        !(atomic_or(flags, bit) & DIRTY_OPEN)) {
        return false;
    }
    close_pages(d, host);
    return true;
}

void dirty_code_closed(struct dirty *d, const uint8_t *host)
{
    struct dirty_memory *m = dirty_find(d, host);

    atomic_and(&m->flags[dirty_page(m, host)], (uint8_t)~DIRTY_OPEN);
}

bool dirty_code_begin(struct dirty *d, unsigned slot, const uint8_t *host)
{
    struct dirty_memory *m = dirty_find(d, host);
    const unsigned bit = dirty_code_bit(slot);

    if (!m || (atomic_get(&m->flags[dirty_page(m, host)]) & (bit | DIRTY_OPEN)) != bit) {
        return false;
    }
    atomic_set_seq(&m->code[dirty_page(m, host)][slot], UINT64_MAX);
    return true;
}

void dirty_code_end(struct dirty *d, unsigned slot, const uint8_t *host, uint64_t granules)
{
    struct dirty_memory *m = dirty_find(d, host);

    atomic_set_seq(&m->code[dirty_page(m, host)][slot], granules);
}

void dirty_code_release(struct dirty *d, unsigned slot, const uint8_t *host)
{
    struct dirty_memory *m = dirty_find(d, host);

    if (m) {
        atomic_set_seq(&m->code[dirty_page(m, host)][slot], (uint64_t)0);
        atomic_and(&m->flags[dirty_page(m, host)], (uint8_t)~dirty_code_bit(slot));
    }
}
