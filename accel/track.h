/* SPDX-License-Identifier: MIT */
/* Writes to translated code; see track.c. */
#ifndef ACCEL_TRACK_H
#define ACCEL_TRACK_H

#include "accel/tlb.h"
#include "memory/dirty.h"
#include "tcg/env.h"

struct block;
struct code_page;
struct tcg;
struct tracked_page;

/* The page at hit is about to be translated from; without the translate lock. true: that took a
 * while, and what v knows of contexts and pages may have changed. The next seven with the lock: */
bool track_protect(struct vcpu *v, const struct tlb_hit *hit);
bool track_protected(struct vcpu *v, const struct tlb_hit *hit); /* it is, or cannot be */
/* Reading the code at hit, which is on p, begins, and v may leave the lock; NULL: the block serves
 * once. */
struct tracked_page *track_begin(struct vcpu *v, const struct tlb_hit *hit,
                                 const struct code_page *p);
/* b, which was made meanwhile, is what is in memory at hit. */
bool track_is_fresh(const struct tracked_page *t, const struct tlb_hit *hit, const struct block *b);
/* Behind all that: with the block or NULL. */
void track_end(struct tcg *a, struct tracked_page *t, const struct tlb_hit *hit,
               const struct block *b);
void track_insert(struct tcg *a, struct code_page *p, const uint8_t *host); /* it has one more */
void track_dropped(struct tcg *a, struct code_page *p); /* p has fewer blocks, or none */
void track_forget(struct tcg *a);                       /* no page has any */
/* Behind a write to code, by whoever, within a page; opaque is the accelerator (dirty_guests). */
void track_code_written(void *opaque, const uint8_t *host, uint64_t n);
/* v is about to store n bytes at hit. false: not within the block that runs (hot.raised). */
bool track_may_store(struct vcpu *v, const struct tlb_hit *hit, uint64_t n);
bool track_may_refuse(const struct vcpu *v); /* such a store of the instruction that runs */

/* v has stored n bytes at host, by the run-time. */
static inline void track_stored(struct vcpu *v, const void *host, uint64_t n)
{
    const struct tlb *t = vcpu_env(v)->tlb;

    if (unlikely(!t || t->dirty)) {
        dirty_written(v->memory, host, n);
    }
}

#endif
