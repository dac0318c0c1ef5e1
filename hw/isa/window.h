/* SPDX-License-Identifier: MIT */
/* A range of registers that software moves, or turns off, by a register of a bridge. */
#ifndef HW_ISA_WINDOW_H
#define HW_ISA_WINDOW_H

#include "memory/space.h"

struct window {
    const struct mem_range *range; /* where it is, or NULL */
};

/* It is where r says from now on; r NULL: nowhere. */
static inline void window_move(struct window *w, struct space *s, const struct mem_range *r)
{
    if (w->range && r && w->range->base == r->base) {
        return;
    }
    space_begin(s);
    if (w->range) {
        space_remove(s, w->range);
    }
    w->range = r ? space_add(s, r) : NULL;
    space_commit(s);
}

#endif
