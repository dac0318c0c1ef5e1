/* SPDX-License-Identifier: MIT */
/* Files and bytes that are put into guest memory at reset: see placement.h. */
#include "hw/placement.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "memory/dirty.h"

/* ---- the list */

static uint64_t length(const struct placement *p)
{
    return p->size + p->zeros;
}

static void placement_free(struct placement *p)
{
    mem_free(p->bytes);
    image_close(&p->file);
    mem_free(p->what);
    mem_free(p);
}

bool placements_add(struct placements *l, const struct placement *p, struct error *e)
{
    struct placement *mine = mem_dup(p, sizeof(*p));
    mine->what = mem_strdup(p->what);
    struct placement **at = &l->first;
    for (; *at && (*at)->base <= p->base; at = &(*at)->next) {
        if (p->base - (*at)->base < length(*at)) {
            break;
        }
    }
    const struct placement *other = *at;
    bool overlaps = other && (other->base <= p->base || other->base - p->base < length(p));
    if (overlaps) {
        error_set(e, "%s at 0x%" PRIx64 " to 0x%" PRIx64 " overlaps %s at 0x%" PRIx64, p->what,
                  p->base, p->base + length(p) - 1, other->what, other->base);
        placement_free(mine);
        return false;
    }
    mine->next = *at;
    *at = mine;
    return true;
}

void placements_free(struct placements *l)
{
    for (struct placement *p = l->first, *next; p; p = next) {
        next = p->next;
        placement_free(p);
    }
    l->first = NULL;
}

/* ---- writing to memory */

/* Host memory of RAM or ROM at a, at most n bytes of it. */
static uint8_t *memory_at(struct space *s, paddr a, uint64_t *n)
{
    struct mem_view v;
    if (!space_find(s, a, &v) || !v.range->host) {
        return NULL;
    }
    uint64_t left = v.size - (a - v.base);
    if (left < *n) {
        *n = left;
    }
    return v.range->host + v.offset + (a - v.base);
}

/* What will be filled whole may as well be in large pages: a fault each instead of 512. */
static void expect(uint8_t *to, uint64_t n)
{
    const uintptr_t large = UINT64_C(2) << 20, first = align_up((uintptr_t)to, large);
    const uintptr_t end = ((uintptr_t)to + n) & ~(large - 1);

    if (end > first) {
        os_advise_huge((void *)first, end - first);
    }
}

static bool place(const struct placement *p, struct space *s, struct error *e)
{
    for (uint64_t done = 0; done < length(p);) {
        uint64_t n = done < p->size ? p->size - done : length(p) - done;
        uint8_t *to = memory_at(s, p->base + done, &n);
        if (!to) {
            return error_set(e, "%s: there is no memory at 0x%" PRIx64, p->what, p->base + done);
        }
        expect(to, n);
        if (done >= p->size) {
            memset(to, 0, n);
        } else if (p->bytes) {
            memcpy(to, p->bytes + done, n);
        } else if (!image_read(&p->file, p->offset + done, to, n)) {
            return error_set(e, "%s: %s cannot be read (any more)", p->what, p->file.path);
        }
        dirty_written(s, to, n);
        done += n;
    }
    return true;
}

bool placements_check(const struct placements *l, struct space *s, struct error *e)
{
    for (const struct placement *p = l->first; p; p = p->next) {
        for (uint64_t done = 0, n; done < length(p); done += n) {
            n = length(p) - done;
            if (!memory_at(s, p->base + done, &n)) {
                return error_set(e, "%s: there is no memory at 0x%" PRIx64, p->what,
                                 p->base + done);
            }
        }
    }
    return true;
}

bool placements_apply(const struct placements *l, struct space *s, struct error *e)
{
    for (const struct placement *p = l->first; p; p = p->next) {
        if (!place(p, s, e)) {
            return false;
        }
    }
    return true;
}
