/* SPDX-License-Identifier: MIT */
/*
 * The translation look-aside buffer of one vCPU, in two levels.
 *
 * Inline tables are what generated code looks into: direct mapped lines of {tag, addend}, one array
 * for reads and one for writes, of 256 to 16,384 lines; a line's tag is the page as the guest wrote
 * it (top byte included). A few tables are resident, keyed by MMU index and address space, so that
 * a switch between recent address spaces empties nothing.
 *
 * The second level is tagged with address space and MMU index, holds 32,768 pages and, apart, large
 * pages; it refills the inline tables by a LEAF function. An entry is good while the sum of four
 * counters is what it was when it was made: of all flushes, of those of its address space (or of
 * the global pages of its half), and, but for large pages, of those of any page with its page's
 * hash. So a flush of everything, of a space, or of a page in whatever space increments a counter.
 *
 * All of it belongs to the vCPU's thread. Other threads post requests (accel/flush.c).
 */
#ifndef ACCEL_TLB_H
#define ACCEL_TLB_H

#include "cpu/cpu.h"
#include "memory/dirty.h"
#include "tcg/ir.h"
#include "tcg/tlb_layout.h"

#define TLB_LINE_LOG2 TLB_LAYOUT_LINE_LOG2
#define TLB_MIN_LINES 256u
#define TLB_MAX_LINES ((uint32_t)TLB_LAYOUT_MAX_LINES)
#define TLB_WRITE_OFFSET                                                                           \
    ((size_t)TLB_MAX_LINES << TLB_LINE_LOG2) /* bytes from the read lines to the write lines */
#define TLB_TABLES 8
#define TLB_MMU_INDICES IR_MMU_INDICES
#define TLB_L2_WAYS 4
#define TLB_L2_SETS 8192u
#define TLB_LARGE_ENTRIES 512u
#define TLB_OWN_LIST 256
#define TLB_PAGE_GENS 2048u
#define TLB_LARGE_SET 2048u /* slots of the set of large pages; half of them are used */
#define TLB_NO_TAG UINT64_MAX
#define TLB_OPEN_COUNTS 16384u /* by host page, which is not always another: 64 MiB further */
#define TLB_OPEN_MANY 255u     /* so many or more, for good */

struct tlb_line {
    uint64_t tag;    /* page address, or TLB_NO_TAG */
    uint64_t addend; /* host address - guest address */
};

enum {
    TLB_READ = 1,
    TLB_WRITE = 2,
    TLB_EXEC = 4,
    TLB_GLOBAL = 8,
    TLB_SLOW = 16,
    TLB_DEVICE = 32,
    TLB_ROM = 64,     /* writes go to the device */
    TLB_WATCHED = 128 /* large pages: the debugger watches some page of it */
};

/* Tags of address spaces, by region. */
struct tlb_spaces {
    uint32_t tag[CPU_REGIONS];
};

/* A page of the second level. key is 0 when free. */
struct tlb_page {
    uint64_t key; /* page | MMU index | 0x800 */
    uint32_t tag; /* address space, unless global */
    uint32_t gen;
    uint64_t pa_flags; /* physical page | TLB_ flags */
    uint64_t host;     /* host address of the page, 0: not plain RAM */
};

struct tlb_large {
    uint64_t base; /* virtual, aligned to its size */
    uint64_t pa;
    uint32_t tag, gen;
    uint8_t bits, idx, flags;
    bool valid;
};

/*
 * The header of an inline table; it lies directly before the lines, which begin on a page. A shared
 * table serves all address spaces in turn: what belongs to one of them, all but global pages of its
 * common regions, is dropped when the space changes. Any other belongs to just its spaces. Behind
 * the lines is how many of those for writes lead to a page, so that few are looked for where there
 * is none.
 */
struct tlb_table {
    void *map;                /* start of the host mapping */
    struct tlb_spaces spaces; /* whose pages it holds */
    uint8_t idx;
    bool used, shared;
    uint32_t lines;  /* current size */
    uint64_t filled; /* refills since the last clear */
    uint64_t last_use;
    uint32_t own_lines[TLB_OWN_LIST]; /* lines that hold pages of regions that are not common, in
                                         shared tables */
    uint32_t own_count;
    uint32_t nonglobal; /* of those that have been entered since, and lie in regions that are */
    uint64_t mask; /* (lines - 1) << TLB_LINE_LOG2; last member: at TLB_MASK_OFFSET of the lines */
};

/* RAM that is found without the map. */
struct tlb_ram {
    uint64_t base, size; /* whole pages; 0: none */
    uint8_t *host;
};
#define TLB_RAMS_OF_MEMORY 3u
#define TLB_RAMS (TLB_RAMS_OF_MEMORY + VCPU_SPACES - 1) /* the others have one each */

struct tlb {
    struct tlb_table *tables[TLB_TABLES];
    struct tlb_table *by_idx[TLB_MMU_INDICES]; /* the table in use for each MMU index */
    struct cpu_regions regions;
    struct tlb_spaces spaces[TLB_MMU_INDICES]; /* in use */
    uint32_t chosen; /* bit per MMU index: by_idx and the tags are those of the address space */
    unsigned user_idx;
    struct tlb_page *pages;
    struct tlb_large *large;
    uint32_t large_sizes; /* bit n: large_set may have a page of 2^n bytes */
    uint32_t large_count;
    uint64_t *large_set; /* open hash: address | log2 of the size of each large page of which lines
                            of inline tables may exist; 0: free */
    uint32_t idx_seen;   /* bit per MMU index with which a page was entered */
    bool global_own;     /* a page that all address spaces share has been entered in a region that
                            is not common */
    bool nonglobal_common; /* one that they do not, in one that is */
    bool keeps_apart;      /* nearly all are such, as far as is known */
    bool unshared;         /* so tables are shared no longer */
    uint32_t gen_all;
    uint32_t *gen_tag; /* by tag; then the global pages of each region */
    uint32_t gen_page[TLB_PAGE_GENS];
    uint32_t victim;
    uint64_t tick;
    struct tlb_ram ram[TLB_RAMS]; /* the largest of memory first */
    struct dirty *dirty;          /* NULL: nobody wants to know of writes */
    /* statistics */
    uint64_t refills, walks, slow;
};

#define TLB_GLOBAL_GEN 65536u
#define TLB_GEN_TAGS (TLB_GLOBAL_GEN + CPU_REGIONS)

static inline struct tlb_line *tlb_lines(struct tlb_table *t, bool write)
{
    return (struct tlb_line *)((char *)(t + 1) + (write ? TLB_WRITE_OFFSET : 0));
}

static inline struct tlb_line *tlb_line(struct tlb_table *t, uint64_t va, bool write)
{
    return (struct tlb_line *)((char *)tlb_lines(t, write) +
                               ((va >> (GUEST_PAGE_BITS - TLB_LINE_LOG2)) & t->mask));
}

static inline uint8_t *tlb_open_counts(struct tlb_table *t)
{
    return (uint8_t *)(t + 1) + 2 * TLB_WRITE_OFFSET;
}

/* How many lines for writes of t lead to the page at host, or to one that is counted with it. */
static inline uint8_t *tlb_open_count(struct tlb_table *t, uint64_t host)
{
    return &tlb_open_counts(t)[host >> GUEST_PAGE_BITS & (TLB_OPEN_COUNTS - 1)];
}

/* The line for writes becomes free. */
static inline void tlb_close_line(struct tlb_table *t, struct tlb_line *line)
{
    if (line->tag != TLB_NO_TAG) {
        uint8_t *count = tlb_open_count(t, line->tag + line->addend);
        *count -= *count != TLB_OPEN_MANY;
        line->tag = TLB_NO_TAG;
    }
}

/* The address that the second level knows va by. */
static inline uint64_t tlb_canonical(const struct tlb *t, uint64_t va)
{
    return cpu_canonical(&t->regions, va);
}

/* The generation of what is entered for the address a now; of a page, with tlb_page_gen added. */
static inline uint32_t tlb_gen(const struct tlb *t, uint64_t a, uint32_t tag, bool global)
{
    return t->gen_all +
           t->gen_tag[global ? TLB_GLOBAL_GEN + cpu_region(&t->regions, a) : tag & 0xffff];
}

static inline uint32_t *tlb_page_gen(struct tlb *t, uint64_t a)
{
    return &t->gen_page[(a >> GUEST_PAGE_BITS ^ a >> (GUEST_PAGE_BITS + 11)) & (TLB_PAGE_GENS - 1)];
}

/* Host address of a whole page of RAM, if it is one of t->ram; NULL: look into the map. */
static inline uint8_t *tlb_page_of_ram(const struct tlb *t, paddr page)
{
    const struct tlb_ram *r = t->ram;

    if (likely(page - r->base < r->size)) {
        return r->host + (page - r->base);
    }
    for (r++; r < t->ram + TLB_RAMS; r++) {
        if (page - r->base < r->size) {
            return r->host + (page - r->base);
        }
    }
    return NULL;
}

/* Regions, a bit each, of which a shared table may hold what one address space has. */
static inline uint32_t tlb_own_regions(const struct tlb *t)
{
    return t->nonglobal_common ? UINT32_MAX : ~(uint32_t)t->regions.common;
}

static inline uint32_t tlb_tag_of(const struct tlb *t, uint64_t va, unsigned idx)
{
    return t->spaces[idx].tag[cpu_region(&t->regions, va)];
}

struct tlb_page *tlb_find_leaf(struct tlb *t, uint64_t va, unsigned idx);

/* The first of the TLB_L2_WAYS ways of the second level that may hold a page. */
struct tlb_page *tlb_set_leaf(struct tlb *t, uint64_t page, uint32_t tag, unsigned idx,
                              bool global);

/* The way of the second level to enter a page into: a free or stale one of its set, else any. */
struct tlb_page *tlb_way_leaf(struct tlb *t, uint64_t page, uint32_t tag, unsigned idx,
                              bool global);

/* What the second level keeps of tr but for debuggers' watchpoints. */
static inline uint32_t tlb_flags_of(const struct translation *tr)
{
    const uint32_t parts = tr->in_part;
    const uint32_t whole = (tr->read && !(parts & 1u << ACCESS_READ) ? TLB_READ : 0) |
                           (tr->write && !(parts & 1u << ACCESS_WRITE) ? TLB_WRITE : 0) |
                           (tr->exec && !(parts & 1u << ACCESS_FETCH) ? TLB_EXEC : 0);
    /* Generated code takes the lines for writes for loads, too. */
    const bool slow = tr->slow || (whole & (TLB_READ | TLB_WRITE)) == TLB_WRITE;

    return whole | (tr->global ? TLB_GLOBAL : 0) | (slow ? TLB_SLOW : 0) |
           (tr->device ? TLB_DEVICE : 0);
}

/* Enters a page of 4 KiB; its host address is 0 if it is not in RAM that is found without the map.
 * tag: UINT32_MAX for a global page. */
struct tlb_page *tlb_enter_leaf(struct tlb *t, uint64_t a, uint32_t tag, unsigned idx,
                                uint64_t pa_flags);

/* The large page that holds va, as flags and physical page of va; false if none. */
bool tlb_large_leaf(const struct tlb *t, uint64_t va, unsigned idx, uint64_t *pa_flags);

/* Enters page's translation of va into the inline table of idx. false: the page must not be open
 * for writing, since somebody wants to know of a write. */
bool tlb_fill_line_leaf(struct tlb *t, uint64_t va, unsigned idx, uint64_t host_page, bool write,
                        bool global);

/*
 * Refills the inline line for an access (ACCESS_READ or ACCESS_WRITE) from the second level, or by
 * the class's walk_leaf. false: not there, not allowed, or not plain RAM. LEAF class.
 */
bool tlb_refill_leaf(struct vcpu *v, uint64_t va, unsigned access, unsigned idx);

/* What an access to va meets. */
struct tlb_hit {
    paddr pa;
    uint8_t *host;  /* of va, when plain RAM that may be accessed this way; else NULL */
    uint32_t bytes; /* from va on for which that holds: to the page's end, or less */
    uint32_t left;  /* bytes from va on that this look-up is for: to the page's or the part's end */
    bool whole;     /* it is RAM for the whole page */
    bool part;      /* what is allowed is so for a part of the page only */
    bool slow;
    bool code;   /* for writing: code was translated from the page, and writes are tracked */
    bool global; /* the same in all address spaces */
};

/* Full look-up: second level, then page walk (which may set access flags). false: *fault says why.
 * idx need not be in use. A vCPU without a TLB walks each time. */
bool tlb_lookup(struct vcpu *v, uint64_t va, enum access a, unsigned idx, struct tlb_hit *hit,
                uint64_t *fault);

struct tlb *tlb_create(struct vcpu *v);
void tlb_destroy(struct tlb *t);
/* As it was when it was made, but for statistics; on any thread, while v does not run. */
void tlb_forget(struct vcpu *v);

/* MMU indices or (space) address space tags may have changed: chooses the resident tables, sets
 * hot.tlb_current and tlb_user. */
void tlb_select(struct vcpu *v, bool space);

/* All tables are empty: those that could not be shared can be again. */
void tlb_share_again(struct vcpu *v);

/* Forgets all lines of a table; one that was hardly used becomes smaller. */
void tlb_clear_table(struct tlb_table *t);

/*
 * Local flushes (tlb_flush.c); the tlb_flush_ functions of tcg/env.h call these and post them to
 * other vCPUs. The range is that of the pages that hold its first byte to its last.
 */
void tlb_drop_all(struct vcpu *v);
void tlb_drop_tag(struct vcpu *v, uint32_t tag);
void tlb_drop_range(struct vcpu *v, uint64_t va, uint64_t bytes, uint32_t tag);
/* The lines of a shared table that belong to its spaces alone. */
void tlb_drop_own(struct tlb *t, struct tlb_table *table);
/* The lines for writes of the page at host; NULL: all, and whether anybody wants to know of writes
 * is looked at again. */
void tlb_drop_writes(struct vcpu *v, const uint8_t *host);
void tlb_find_ram(struct vcpu *v);
/* Everything, and what was found out about the map of physical memory. */
void tlb_drop_map(struct vcpu *v);

/* The page of 2^bits bytes at base has been entered, or a part of it into an inline table. */
void tlb_note_large(struct vcpu *v, uint64_t base, unsigned bits);

#endif
