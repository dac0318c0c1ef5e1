/* SPDX-License-Identifier: MIT */
/*
 * What the run-time counts, and what is measured while `info jit on` (accel/stats.c).
 *
 * Counts are always kept: each is one increment in a path that saves a guest's registers anyway.
 */
#ifndef ACCEL_STATS_H
#define ACCEL_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

struct tcg;
struct ir_call;
struct tcg_vcpu;

enum tcg_count {
    /* why generated code called the run-time */
    COUNT_GO,       /* an indirect transfer that its table and the code stack did not know */
    COUNT_LINK,     /* a direct one that was not linked, or whose check failed */
    COUNT_TAIL,     /* a function at a block's end */
    COUNT_MEM,      /* an access that is no plain RAM or crosses a page, found in the TLB */
    COUNT_MEM_WALK, /* one that was in neither level */
    COUNT_CALL,     /* a function in a block's middle */
    COUNT_OP,       /* an op that is evaluated */
    COUNT_ATOMIC,
    COUNT_POLL, /* a poll that saw a request */
    /* what came of it */
    COUNT_EXCEPTION,
    COUNT_LOOKUP, /* a block was searched in the hash */
    COUNT_TRANSLATE,
    COUNT_REFILL, /* an inline table from the second level */
    COUNT_WALK,   /* neither level had it; with those for fetches */
    /* why generated code was left */
    COUNT_LEAVE_REQUEST, /* interrupt, other work, or WFI */
    COUNT_LEAVE_FLUSH,   /* the cache is full */
    COUNT_LEAVE_DEBUG,   /* breakpoint or step */
    COUNT_LEAVE_SLICE,   /* counted: the slice is over */
    COUNT_COUNT
};

/* What a vCPU's thread does. In C it says so itself, for the sampler that interrupts it. */
enum tcg_doing {
    DOING_BLOCK, /* known by the address */
    DOING_STUB,
    DOING_LEAF, /* a LEAF function; what nobody says while generated code calls */
    DOING_LOOKUP,
    DOING_TRANSLATE,
    DOING_REFILL,
    DOING_WALK, /* an access by the run-time that walked */
    DOING_MEM,  /* one that did not */
    DOING_CALL,
    DOING_OP, /* with atomics */
    DOING_TAIL,
    DOING_EXCEPTION,
    DOING_RUN, /* the run loop between rounds */
    DOING_COUNT
};

#define STATS_ROWS 512u

/* A run-time function that was called while measured. */
struct stats_row {
    const struct ir_call *row;
    uint64_t calls, ns;
};

/* A vCPU's part; belongs to its thread. Others read for information. */
struct tcg_stats {
    uint64_t counts[COUNT_COUNT];
    int doing; /* enum tcg_doing */
    bool measured;
    uint64_t base[COUNT_COUNT]; /* counts when measuring began */
    uint64_t ns[DOING_COUNT];   /* host CPU time since then */
    struct stats_row *rows;     /* open hash of STATS_ROWS; allocated when first measured */
    struct stats_row *current;  /* DOING_CALL, DOING_TAIL: of the function */
    int64_t countdown;          /* hot.countdown when measuring began */
};

/* Begins or ends the measuring of all vCPUs; while stopped. */
void stats_measure(struct tcg *a, bool on);
/* At the start of a round of a thread that runs vCPUs (first: its first one's part). */
void stats_round(struct tcg_vcpu *first);
void stats_thread_ends(void);
/* A function is about to be called while measured. */
void stats_enter_row(struct tcg_stats *s, const struct ir_call *row);
/* What has been booked on `from` since it stood at ns belongs to `to`. On the vCPU's thread. */
void stats_move(struct tcg_stats *s, enum tcg_doing from, enum tcg_doing to, uint64_t ns);
/* Guest instructions since measuring began. */
uint64_t stats_instructions(struct tcg *a);
/* The part of `info jit` that is measured. */
void stats_info(struct tcg *a, struct strbuf *out);

#endif
