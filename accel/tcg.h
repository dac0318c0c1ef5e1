/* SPDX-License-Identifier: MIT */
/*
 * The translating accelerator's own structures: engine, contexts, blocks, and each vCPU's part.
 *
 * A block is keyed by physical address, mode key and, if it is fixed, PC, so address spaces share
 * it. What depends on the address space is the *context*: an interned (mode key, region of
 * addresses, tag) with a key that is xor-ed into PCs in the jump table and on
 * the code stack, and an array of code slots that says which physical page a virtual code page is.
 * Nothing is cleared when the address space changes: the key changes, and what was entered under it
 * is found again later.
 */
#ifndef ACCEL_TCG_H
#define ACCEL_TCG_H

#include <stdatomic.h>
#include <string.h>

#include "accel/ops.h"
#include "accel/stats.h"
#include "accel/tlb.h"
#include "base/hash.h"
#include "base/os.h"
#include "cpu/cpu.h"
#include "tcg/code_layout.h"
#include "tcg/host.h"
#include "tcg/ir.h"

#define CONTEXT_SLOTS LAYOUT_CODE_SLOTS
#define CONTEXT_IDS 1022u
#define CONTEXT_CACHE 16u
#define CONTEXT_BUCKETS 512u
#define JUMP_TABLE_ENTRIES ((unsigned)LAYOUT_JUMP_ENTRIES)
#define BLOCK_HASH_BITS 17

/* A virtual code page of a context, and what it was found to map to. */
struct code_mapping {
    uint64_t page; /* virtual; 1: free */
    uint64_t pa;
    bool global;  /* maps there in all address spaces */
    bool suspect; /* a TLB flush covered it: walk again before use */
};

/* What generated code compares before it crosses a page; LAYOUT_MOVED_SLOTS apart. */
struct code_slots {
    _Alignas(8) uint32_t fixed[CONTEXT_SLOTS]; /* id of the (virtual, physical) pair */
    uint64_t moved[LAYOUT_MOVED_COUNT];        /* layout_moved_word */
};
_Static_assert(offsetof(struct code_slots, moved) == LAYOUT_MOVED_SLOTS,
               "generated code finds the second by its distance from the first");

struct context {
    uint64_t key; /* secret; the upper 12 bits are the id */
    uint64_t mode_key;
    uint32_t tag;
    uint8_t region;           /* of addresses */
    bool retired;             /* its mappings are no longer true */
    _Atomic bool suspect;     /* some mapping is */
    struct code_mapping *map; /* open hash */
    uint32_t map_size, map_used;
    bool shares; /* has a tag, and pages that all address spaces have */
    struct context *next, *next_sharing;
    struct code_slots slots;
};

/*
 * A physical page that blocks were translated from. For each mode, the virtual page at which its
 * code was met: blocks are fixed to that until it is asked for at another one, and movable from
 * then on.
 */
#define CODE_PAGE_MODES 4u
#define CODE_PAGE_MOVES 1u /* as a virtual page: more than one */
struct code_page {
    struct block *first; /* by block_on_page */
    uint64_t pa;
    const uint8_t *host;         /* writes are tracked: where its blocks' bytes are */
    struct code_page *next_same; /* another physical page that shows the same memory */
    unsigned hits;               /* stores to its code since something was translated */
    uint32_t id;                 /* in the words of code_slots.moved */
    unsigned modes;              /* known; of more than there is room for all code is movable */
    struct {
        uint64_t mode, page;
    } met[CODE_PAGE_MODES];
};

/* What became of pages whose code was met in a part of the address space, of one mode. */
struct code_region {
    uint64_t key;
    uint32_t fixed, moved; /* pages: first met there; later met elsewhere */
};
#define CODE_REGIONS 64u

/* A page that a vCPU found code on: what context_enter_page entered, kept for the next look-up. */
struct fetched {
    const struct context *context;
    uint64_t page, pa;
    uint32_t id;   /* in slots.fixed, or 0: not entered there */
    uint64_t word; /* in slots.moved, or 0 */
};
#define FETCHED_PAGES 128u

struct jump_entry {
    uint64_t key;
    const void *host;
};

/* A flush, as others post it (work.h). */
struct flush_request {
    enum {
        FLUSH_ALL,
        FLUSH_MAP,    /* and what is known of the physical map */
        FLUSH_WRITES, /* the lines for writes of the page whose host address is va, 0: of all */
        FLUSH_TAG,
        FLUSH_RANGE
    } kind;
    uint64_t va, bytes;
    uint32_t tag;
};
struct tcg_vcpu {
    struct accel_vcpu base;
    struct tcg *accel;
    void *signal_stack; /* of its thread */
    struct context *context;
    struct context *recent[CONTEXT_CACHE];
    struct fetched fetched[FETCHED_PAGES]; /* by virtual page, direct mapped */
    struct jump_entry *jumps;
    void *code_stack;
    struct ir_builder builder;
    bool context_dirty; /* mode and MMU index may have changed; the address space as well: */
    bool space_dirty;
    bool step; /* the block to be found is of one instruction, and is not kept */
    uint32_t
        limit; /* not 0: the block to be found has at most so many instructions, and is not kept */
    bool hit;  /* the last run ended at a watchpoint: */
    struct accel_watch at; /* this one */
    bool passing;          /* the instruction that runs meets no watchpoint */
    bool pass;             /* the next one will not, if it is at: */
    uint64_t pass_pc;
    const struct block *block; /* the one whose access the run-time does */
    bool alone;                /* the instruction at the PC is executed alone */
    bool wants_world;          /* and while no other vCPU runs */
    bool map_changed;          /* an access of this vCPU has changed the map of memory */
    struct tcg_stats stats;
};

struct watchpoint {
    uint64_t va, bytes;
    enum watch_kind kind;
};

/* compilers.c */
struct lent_compiler {
    struct compiler *c;
    bool busy; /* a thread uses it */
};
struct dropped_range {
    uint64_t pa, bytes;
};
#define DROPPED_RANGES 64u

struct tcg {
    struct accel base;
    uint64_t *monitors; /* vCPUs run in parallel: see accel/atomic.c; else NULL */

    struct os_mutex translate; /* guards everything below but the hash's readers */
    struct host *host;         /* NULL: interpreter */
    bool parallel;             /* vCPUs translate at the same time */
    struct lent_compiler *compilers;
    unsigned compiler_count;
    struct os_cond compiler_free;                 /* goes with translate */
    unsigned compiler_waits;                      /* threads that wait for it */
    struct dropped_range dropped[DROPPED_RANGES]; /* the last ones, by count */
    uint64_t drop_count;
    struct block **hash;     /* by physical address and mode; readers take no lock */
    struct hash *pages;      /* physical page → struct code_page */
    struct hash *code_hosts; /* physical page → host address that its blocks were made from */
    bool tracks_code;        /* writes to code are seen (track.c): */
    unsigned guests_slot;    /* of dirty_add_guests */
    bool attached;           /* it has one */
    struct hash *tracked;    /* page of host memory → first struct code_page */
    uint32_t releases;       /* pages of the host's that have no code any longer */
    uint32_t next_code_page;
    struct code_region regions[CODE_REGIONS];
    struct context *contexts[CONTEXT_BUCKETS]; /* [0]: those without a tag; others by tag */
    struct context *sharing, *retired, *spare;
    uint32_t next_id;
    uint64_t randoms[32]; /* for keys: asked of the host so many at a time */
    unsigned randoms_left;
    struct hash *page_ids; /* virtual page ^ hash(physical page) → id */
    uint32_t next_page_id;
    uint32_t mappings;    /* in all contexts' maps; as many as blocks, at most, as page ids are */
    struct block *blocks; /* chunked allocation */
    uint32_t block_count, block_capacity;
    struct uncached_page **uncached; /* pages with code that is fetched uncached (uncached.c) */
    unsigned uncached_count;
    struct block *short_block; /* counted: the first of the last blocks of block_short, and the
                                  cache before and behind them */
    unsigned short_count;
    struct host_mark short_before, short_behind;
    struct code_slots null_slots;
    unsigned code_align; /* of the guest (struct ir_guest): jump tables are read with it */
    uint64_t spoiled_key;
    uint64_t aux_secret;           /* for layout_aux_key */
    _Atomic bool nonglobal_common; /* code of common regions need not be the same in all address
                                      spaces: contexts have tags there as well */
    _Atomic unsigned flushing; /* vCPUs that have marked suspects and not posted their flush yet */
    _Atomic unsigned flush_wanted; /* FLUSH_ bits: something is full, everybody out */
    uint8_t code_filter[8192];     /* bit per hash of virtual page: some context runs code there */

    uint64_t *breakpoints;
    unsigned breakpoint_count;
    struct watchpoint *watchpoints;
    unsigned watchpoint_count;

    bool measured;          /* as the vCPUs' stats.measured */
    uint64_t measured_from; /* counted: instructions when that began */
    struct perf *perf;      /* NULL: nobody wants names of generated code */
    uint64_t cached_insns;  /* translated since the cache was emptied */
    uint64_t translated_insns, translated_blocks, translate_ns, flushes;
};

/* accel.flush_wanted */
enum {
    FLUSH_CODE = 1,    /* everything */
    FLUSH_CONTEXTS = 2 /* contexts and their keys; code stays */
};

/* tcg_hot.exit_request */
enum {
    EXIT_LEAVE = 1,
    EXIT_FLUSH = 2
};

/* NULL: the translator does not run v. */
static inline struct tcg_vcpu *tcg_of(const struct vcpu *v)
{
    return vcpu_env(v)->tcg;
}

static inline struct tcg *tcg_of_accel(struct accel *a)
{
    return (struct tcg *)a; /* the first member */
}

/* Everybody out: something (FLUSH_) is full. */
static inline void tcg_want_flush(struct tcg *a, unsigned what)
{
    atomic_fetch_or(&a->flush_wanted, what);
    accel_call_meeting(&a->base);
}

/* The start of the virtual page at which b runs on v. */
static inline uint64_t tcg_page_of(const struct vcpu *v, const struct block *b)
{
    return b->movable ? v->hot.page : b->pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
}

/* Where v stands, in its own state: pc, and env.aux beside it. */
static inline void tcg_store_place(struct vcpu *v, uint64_t pc)
{
    v->cls->set_pc(v, pc);
    if (v->cls->set_aux) {
        v->cls->set_aux(v, vcpu_env(v)->aux);
    }
}

static inline uint64_t tcg_load_place(struct vcpu *v)
{
    if (v->cls->aux) {
        vcpu_env(v)->aux = v->cls->aux(v);
    }
    return v->cls->pc(v);
}

/* From where the code at pc and env.aux is fetched. */
static inline struct cpu_fetch tcg_fetch(struct vcpu *v, uint64_t pc)
{
    struct cpu_fetch f = {.mask = UINT64_MAX};

    if (v->cls->fetch) {
        v->cls->fetch(v, pc, vcpu_env(v)->aux, &f);
    }
    return f;
}

static inline uint64_t tcg_fetched_at(const struct cpu_fetch *f, uint64_t pc)
{
    return (pc + f->base) & f->mask;
}

/* The entry of jump tables for pc. */
static inline unsigned tcg_jump_slot(const struct tcg *a, uint64_t pc)
{
    return (unsigned)(pc >> a->code_align) & (JUMP_TABLE_ENTRIES - 1);
}

static inline void tcg_count(struct vcpu *v, enum tcg_count c)
{
    uint64_t *n = &tcg_of(v)->stats.counts[c];

    __atomic_store_n(n, *n + 1, __ATOMIC_RELAXED); /* `info jit` reads it meanwhile */
}

/* v's thread begins to do that. */
static inline void tcg_doing(struct vcpu *v, enum tcg_doing d)
{
    atomic_store_explicit((_Atomic int *)&tcg_of(v)->stats.doing, d, memory_order_relaxed);
}

/* context.c */
void context_select(
    struct vcpu *v,
    uint64_t pc); /* makes the context of pc current; refreshes TLB tables if dirty */
/* In what follows pc is where the code of a PC is fetched from.
 * pc's page maps to pa (global: in all address spaces): found just now. Links may lead to code
 * there that is movable, or fixed to it. */
void context_enter_page(struct vcpu *v, uint64_t pc, uint64_t pa, bool global, bool movable);
/* The calling thread looks a context up, and walks pages, with the translate lock held. */
bool context_walking(void);
/* What was entered for pc's page in the current context, or NULL; and if it is where links look. */
const struct fetched *context_fetched(const struct vcpu *v, uint64_t pc);
bool context_has_page(const struct fetched *f, bool movable);
/* pc, of the upper half, is on a page that not all address spaces have: selects again. */
void context_note_nonglobal(struct vcpu *v, uint64_t pc);
uint32_t context_page_id(struct tcg *a, uint64_t va, uint64_t pa); /* of their pages */
void context_suspect_range(struct tcg *a, uint64_t va, uint64_t bytes, uint32_t tag);
void context_suspect_tag(struct tcg *a, uint32_t tag); /* TLB_ANY_TAG: all */
void context_forget(
    struct tcg_vcpu *t);           /* what t's vCPU, which is out, knows of contexts and jumps */
void context_reset(struct tcg *a); /* everybody is out */
void context_free_spare(struct tcg *a); /* behind a reset: at the end */
/* code_pages.c; under the translate lock */
struct code_page *code_page_at(struct tcg *a, uint64_t pa); /* made if need be */
/* The block at pc, on pa, is about to be translated by v, to be kept: is it to be movable? */
bool code_page_moves(struct vcpu *v, uint64_t pc, uint64_t pa);
void code_page_emptied(struct code_page *p); /* no block of it is left */
void code_pages_emptied(struct tcg *a);      /* nor of any other */
void code_pages_free(struct tcg *a);
/* blocks.c */
struct block *block_find(
    struct vcpu *v,
    uint64_t pc); /* translates if need be; NULL: an exception was taken, see cls->pc */
/* Translates at most limit instructions at pc into a block that nothing leads to. NULL as
 * block_find. */
struct block *block_short(struct vcpu *v, uint64_t pc, uint32_t limit);
void block_forget_short(
    struct tcg *a); /* they have run: their room is used again if it is the last */
/* The part of a block that lies on the page at pa, where it is one of a list. */
struct block_part {
    uint32_t at, bytes;
    struct block **next;
};
struct block_part block_on_page(struct block *b, uint64_t pa);
bool block_is_nowhere(const struct block *b); /* it has no bytes: see cpu_fetch.nothing */
/* Under the translate lock: blocks that rest on these physical bytes are gone. */
void block_drop_range(struct tcg *a, uint64_t pa, uint64_t bytes);
void block_flush_all(struct tcg *a); /* everybody is out */

/* callouts.c */
extern const struct host_runtime tcg_runtime;
const void *callout_go(struct vcpu *v, uint64_t pc);

/* atomic.c */
bool atomic_site(struct vcpu *v, const struct site *s); /* operands and result in env.vec_args */
uint64_t *monitors_create(void);                        /* for mem_free */

/* flush.c */
/* Returns when no vCPU has the page at host open for writing (NULL: any page). Any thread, without
 * a lock that vCPUs wait for. */
void tcg_close_pages(struct tcg *a, const uint8_t *host);
void tcg_map_changed(struct tcg *a); /* the map of physical memory has; any thread */
/* Behind an access of v that changed the map (map_changed), where no host address is kept that was
 * found before: waits until the other vCPUs know of it as well. */
void tcg_settle_map(struct vcpu *v);

/* track.c: writes to translated code. */
/* The page at hit is about to be translated from; without the translate lock. true: that took a
 * while, and what v knows of contexts and pages may have changed. The next five with the lock: */
bool track_protect(struct vcpu *v, const struct tlb_hit *hit);
bool track_protected(struct vcpu *v, const struct tlb_hit *hit); /* it is, or cannot be */
/* Reading the code at hit begins; false: the block serves once. Behind that, the block or NULL. */
bool track_begin(struct vcpu *v, const struct tlb_hit *hit, uint64_t *granules);
void track_end(struct vcpu *v, const struct tlb_hit *hit, uint64_t granules, const struct block *b);
void track_insert(struct tcg *a, struct code_page *p, const uint8_t *host); /* it has one more */
void track_dropped(struct tcg *a, struct code_page *p); /* p has fewer blocks, or none */
void track_forget(struct tcg *a);                       /* no page has any */
/* Behind a write to code, by whoever, within a page; opaque is the accelerator (dirty_guests). */
void track_code_written(void *opaque, const uint8_t *host, uint64_t n);
/* v is about to store n bytes at hit. false: not within the block that runs (hot.raised). */
bool track_may_store(struct vcpu *v, const struct tlb_hit *hit, uint64_t n);

/* v has stored n bytes at host, by the run-time. */
static inline void track_stored(struct vcpu *v, const void *host, uint64_t n)
{
    const struct tlb *t = vcpu_env(v)->tlb;

    if (unlikely(!t || t->dirty)) {
        dirty_written(v->memory, host, n);
    }
}

/* round.c */
/* Generated code asks the run-time at its next poll, which leaves, or (EXIT_FLUSH alone) may
 * process the queue of flushes there; any thread. */
void tcg_leave_soon(struct vcpu *v, uint32_t why);
/* As those of struct accel_ops. */
void tcg_kick(struct vcpu *v);
void tcg_listen(struct vcpu *v);
enum accel_round tcg_run(struct vcpu *v);
/* v has left a block because hot.raised says so, and its PC is the instruction's: takes the
 * exception. false: v stops there, at a watchpoint. */
bool tcg_take_raised(struct vcpu *v);

/* forget.c, debug.c, info.c, trace.c: as those of struct accel_ops */
void tcg_forget(struct accel *a);
void tcg_forget_vcpu(struct vcpu *v);
void tcg_state_loaded(struct accel *a);
bool tcg_breakpoint(struct accel *a, uint64_t pc, bool insert);
bool tcg_watchpoint(struct accel *a, uint64_t va, uint64_t bytes, enum watch_kind k, bool insert);
bool tcg_watch_hit(const struct vcpu *v, struct accel_watch *hit);
void tcg_step_over(struct vcpu *v);
void tcg_info_jit(struct accel *a, struct strbuf *out);
bool tcg_measure(struct accel *a, bool on, struct error *e);
void tcg_log_changed(struct accel *a);

/* fault.c */
void fault_handler_install(
    void);                      /* for faults of generated code; others go to the handler before */
void *fault_stack_create(void); /* signal stack of the calling thread */
void fault_stack_free(void *stack);

/* The segment base of a memory op with that aux, or 0. */
static inline uint64_t tcg_segment(const struct vcpu *v, uint32_t aux)
{
    uint64_t base = 0;

    if (ir_segment(aux)) {
        memcpy(&base, (const uint8_t *)(const void *)v + ir_segment(aux), sizeof(base));
    }
    return base;
}

/* debug.c */
/* An access of a page that is watched by the debugger or the guest. false: it must not happen: the
 * guest's watchpoint raised an exception, or the debugger's wants the instruction to be left. */
bool tcg_watch(struct vcpu *v, uint64_t va, unsigned bytes, enum access kind, unsigned idx);
bool tcg_watch_debugger(struct vcpu *v, uint64_t va, unsigned bytes, enum access kind);
bool tcg_has_breakpoint(const struct tcg *a, uint64_t pc);
/* The debugger watches a byte of the 2^bits around va. */
bool tcg_range_watched(const struct tcg *a, uint64_t va, unsigned bits);
/* Instructions from pc, whose bytes are at host, to the next breakpoint behind
 * it; UINT32_MAX: there is none. */
uint32_t tcg_insns_to_breakpoint(struct vcpu *v, uint64_t pc, const uint8_t *host, uint32_t bytes);

/* remap.c */
/* Under the translate lock: a block was made from what hit says. false: that is no longer what is
 * mapped there, so the block serves once. */
bool remap_note_code(struct vcpu *v, const struct tlb_hit *hit);
void remap_drop_code(struct tcg *a); /* code whose memory is no longer at its address is gone */

#endif
