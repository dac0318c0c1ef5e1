/* SPDX-License-Identifier: MIT */
/*
 * What has changed of a space's map since somebody looked last: the addresses that show other
 * memory than they did, or show some or none where it was otherwise. Where there was and is I/O,
 * nothing has.
 */
#ifndef MEMORY_CHANGES_H
#define MEMORY_CHANGES_H

#include "memory/space.h"

struct changed_range {
    paddr base;
    uint64_t size;
};

struct changes;

/* Looks for the first time. One thread at a time, as below. */
struct changes *changes_create(struct space *s);
void changes_free(struct changes *c); /* NULL: nothing */

/*
 * Looks again: the ranges in *r, by address, until the next look; their number in *n. false: the
 * map was published more than once meanwhile, so any address may have shown anything between the
 * two looks, and *n is 0.
 */
bool changes_look(struct changes *c, const struct changed_range **r, size_t *n);

#endif
