/* SPDX-License-Identifier: MIT */
/*
 * The compilers (tcg/host.h), which the vCPUs' threads borrow for a block each.
 *
 * A block is built and compiled without the translate lock: the builder is the vCPU's, the compiler
 * is borrowed, its segment of the cache is its own, and the guest's bytes are read once. What
 * others do meanwhile is looked at when the block is published, under the lock again: the same
 * block may have been made, the map of memory changed, or the bytes declared stale (`dropped`) or
 * written (track.c).
 * There is a compiler for each thread, or as many as the cache has room for.
 */
#include "accel/compilers.h"
#include "accel/tcg.h"

#include "base/mem.h"

void compilers_create(struct tcg *a)
{
    a->compiler_count = host_compilers(a->host);
    a->compilers = mem_array(a->compiler_count, sizeof(*a->compilers));
    for (unsigned i = 0; i < a->compiler_count; i++) {
        a->compilers[i].c = host_compiler_create(a->host);
    }
}

void compilers_destroy(struct tcg *a)
{
    for (unsigned i = 0; i < a->compiler_count; i++) {
        host_compiler_destroy(a->compilers[i].c);
    }
    mem_free(a->compilers);
}

static struct lent_compiler *free_one(struct tcg *a, unsigned wish)
{
    if (wish < a->compiler_count && !a->compilers[wish].busy) {
        return &a->compilers[wish];
    }
    for (unsigned i = 0; i < a->compiler_count; i++) {
        if (!a->compilers[i].busy) {
            return &a->compilers[i];
        }
    }
    return NULL;
}

struct lent_compiler *compilers_borrow(struct tcg *a, unsigned wish)
{
    struct lent_compiler *l;

    while (!(l = free_one(a, wish))) {
        a->compiler_waits++;
        os_cond_wait(&a->compiler_free, &a->translate);
        a->compiler_waits--;
    }
    l->busy = true;
    return l;
}

void compilers_return(struct tcg *a, struct lent_compiler *l)
{
    l->busy = false;
    if (a->compiler_waits) {
        os_cond_signal(&a->compiler_free);
    }
}

/* ---- what became stale meanwhile */

void dropped_note(struct tcg *a, uint64_t pa, uint64_t bytes)
{
    a->dropped[a->drop_count++ % DROPPED_RANGES] = (struct dropped_range){.pa = pa, .bytes = bytes};
}

bool dropped_since(const struct tcg *a, uint64_t count, uint64_t pa, uint64_t bytes)
{
    if (a->drop_count - count > DROPPED_RANGES) {
        return true;
    }
    for (uint64_t n = count; n < a->drop_count; n++) {
        const struct dropped_range *d = &a->dropped[n % DROPPED_RANGES];
        if (pa - d->pa < d->bytes || d->pa - pa < bytes) {
            return true;
        }
    }
    return false;
}
