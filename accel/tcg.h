/* SPDX-License-Identifier: MIT */
/*
 * The translating accelerator's own structures: the engine, and each vCPU's part. What each file
 * does for the others is in its own header.
 */
#ifndef ACCEL_TCG_H
#define ACCEL_TCG_H

#include <stdatomic.h>
#include <string.h>

#include "accel/code_pages.h"
#include "accel/compilers.h"
#include "accel/context.h"
#include "accel/ops.h"
#include "accel/space_tags.h"
#include "accel/stats.h"
#include "accel/switches.h"
#include "accel/tlb.h"
#include "base/hash.h"
#include "base/os.h"
#include "cpu/cpu.h"
#include "tcg/code_layout.h"
#include "tcg/host.h"
#include "tcg/ir.h"

#define JUMP_TABLE_ENTRIES ((unsigned)LAYOUT_JUMP_ENTRIES)
#define BLOCK_HASH_BITS 17

struct jump_entry {
    uint64_t key;
    const void *host;
};

struct tcg_vcpu {
    struct accel_vcpu base;
    struct tcg *accel;
    void *signal_stack; /* of its thread */
    struct context *context;
    struct tcg_switch switches[TCG_SWITCHES];
    struct pending_switch switching;
    struct context *recent[CONTEXT_CACHE];
    struct fetched fetched[FETCHED_PAGES]; /* by virtual page, direct mapped */
    struct jump_entry *jumps;
    void *code_stack;
    struct ir_builder builder;
    struct space_tag space_tags[SPACE_TAGS_RECENT]; /* by identity */
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
    bool single;               /* the one that runs is, and its end is seen */
    bool ended;                /* and it has been completed, as far as is known */
    bool retried;              /* it has not happened, and is repeated */
    bool full;                 /* nor has it, since there was no room for its block */
    bool noted;                /* it has met a watchpoint, and v stops behind it: at `at` */
    bool wants_world;          /* and while no other vCPU runs */
    bool map_changed;          /* an access of this vCPU has changed the map of memory */
    struct tcg_stats stats;
};

struct tcg {
    struct accel base;
    uint64_t *monitors; /* vCPUs run in parallel: see accel/atomic.c; else NULL */

    struct space_tags space_tags;

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
    struct changes *changes[VCPU_SPACES]; /* of the map, since remap.c looked last */
    bool tracks_code;                     /* writes to code are seen (track.c): */
    unsigned guests_slot;                 /* of dirty_add_guests */
    bool attached;                        /* it has one */
    struct hash *tracked;                 /* page of host memory → struct tracked_page */
    uint32_t releases;                    /* pages of the host's that have no code any longer */
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
    FLUSH_CODE = 1,     /* everything */
    FLUSH_CONTEXTS = 2, /* contexts and their keys; code stays */
    FLUSH_SPACES = 4    /* tags of address spaces (space_tags.h), too */
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

/* The segment base of a memory op with that aux, or 0. */
static inline uint64_t tcg_segment(const struct vcpu *v, uint32_t aux)
{
    uint64_t base = 0;

    if (ir_segment(aux)) {
        memcpy(&base, (const uint8_t *)(const void *)v + ir_segment(aux), sizeof(base));
    }
    return base;
}

#endif
