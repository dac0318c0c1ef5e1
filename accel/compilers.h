/* SPDX-License-Identifier: MIT */
/* Compilers that threads borrow, and what became stale while they compile; see compilers.c. All
 * under the translate lock. */
#ifndef ACCEL_COMPILERS_H
#define ACCEL_COMPILERS_H

#include <stdbool.h>
#include <stdint.h>

struct compiler;
struct tcg;

struct lent_compiler {
    struct compiler *c;
    bool busy; /* a thread uses it */
};

struct dropped_range {
    uint64_t pa, bytes;
};
#define DROPPED_RANGES 64u

void compilers_create(struct tcg *a);
void compilers_destroy(struct tcg *a);

/* One that nobody uses, if possible the one of that number; waits for it, with the lock given away
 * meanwhile, if there are fewer than threads. */
struct lent_compiler *compilers_borrow(struct tcg *a, unsigned wish);
void compilers_return(struct tcg *a, struct lent_compiler *l);

/* Blocks that rest on the range are stale from now on. */
void dropped_note(struct tcg *a, uint64_t pa, uint64_t bytes);
/* Since a->drop_count was count such a range has met this one. */
bool dropped_since(const struct tcg *a, uint64_t count, uint64_t pa, uint64_t bytes);

#endif
