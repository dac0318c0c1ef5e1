/* SPDX-License-Identifier: MIT */
/*
 * How an accelerator learns of the map of memory: that it has changed (map_changed), or what of it
 * is slots and doorbells.
 */
#include <assert.h>

#include "accel/ops.h"

static void map_changed(void *opaque)
{
    struct accel_space *s = opaque;

    s->accel->ops->map_changed(s->accel);
}

static struct space *space_of(const struct accel *a, unsigned i)
{
    return a->vcpus[0]->spaces[i];
}

static void create(struct accel_space *s, struct space *space)
{
    const struct accel *a = s->accel;
    const struct slots_config c = {.page_bytes = a->slot_page_bytes,
                                   .read_only = a->read_only_slots,
                                   .ops = a->ops->slots,
                                   .opaque = s};

    assert(space_dirty(space) == space_dirty(a->vcpus[0]->memory));
    if (a->ops->map_changed) {
        space_listen(space, map_changed, s);
    }
    s->slots = a->ops->slots ? slots_create(space, &c) : NULL;
    s->doorbells = a->ops->doorbells ? doorbell_own(space, a->ops->doorbells, s) : NULL;
}

void accel_spaces_create(struct accel *a)
{
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        a->spaces[i] = (struct accel_space){.accel = a, .number = i};
        if (space_of(a, i)) {
            create(&a->spaces[i], space_of(a, i));
        }
    }
}

void accel_spaces_destroy(struct accel *a)
{
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        struct accel_space *s = &a->spaces[i];
        if (a->ops->map_changed && space_of(a, i)) {
            space_unlisten(space_of(a, i), map_changed, s);
        }
        if (s->slots) {
            slots_destroy(s->slots);
        }
        if (s->doorbells) {
            doorbell_disown(s->doorbells);
        }
    }
}

void accel_slots_begin(void *opaque, bool still)
{
    struct accel_space *s = opaque;

    s->still = still;
    if (still) {
        work_close_guest(s->accel);
    }
}

void accel_slots_end(void *opaque)
{
    struct accel_space *s = opaque;

    if (s->still) {
        work_open_guest(s->accel);
    }
}
