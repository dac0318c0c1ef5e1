/* SPDX-License-Identifier: MIT */
/*
 * The space of addresses that CPUs see in system management mode: all that memory shows, and above
 * it the RAM that the host bridge keeps for that mode. It follows the map of memory: each range
 * that is seen there is a range here, too, with the same priority. Of two that overlap with the
 * same priority, memory shows one only; it is the one here as well, since the other is not seen.
 */
#include "hw/i386/pc_smm.h"

#include <string.h>

#include "base/mem.h"

#define SMRAM_PRIORITY 1000

struct copy {
    struct mem_range of;           /* what it shows */
    const struct mem_range *shown; /* NULL: not yet */
    bool wanted;
};

struct pc_smm {
    struct space *space, *memory;
    const struct pc_board *board;
    struct os_mutex mutex; /* guards what follows */
    struct copy *copies;
    size_t count, room;
    const struct mem_range *smram[PC_SMRAM_RANGES];
};

/* ---- following memory */

static bool is_same(const struct mem_range *a, const struct mem_range *b)
{
    return a->base == b->base && a->size == b->size && a->kind == b->kind &&
           a->priority == b->priority && a->host == b->host && a->ops == b->ops &&
           a->opaque == b->opaque && a->lock == b->lock;
}

static void want(void *opaque, const struct mem_view *v, enum range_kind kind)
{
    struct pc_smm *s = opaque;
    struct mem_range r = *v->range;
    r.kind = kind;
    for (size_t i = 0; i < s->count; i++) {
        if (is_same(&s->copies[i].of, &r)) {
            s->copies[i].wanted = true;
            return;
        }
    }
    if (s->count == s->room) {
        struct copy *more = mem_array(2 * s->room + 64, sizeof(*more));
        if (s->count) {
            memcpy(more, s->copies, s->count * sizeof(*more));
        }
        mem_free(s->copies);
        s->copies = more;
        s->room = 2 * s->room + 64;
    }
    s->copies[s->count++] = (struct copy){.of = r, .wanted = true};
}

static void show_copies(struct pc_smm *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct copy c = s->copies[i];
        if (!c.wanted) {
            space_remove(s->space, c.shown);
            continue;
        }
        c.shown = c.shown ? c.shown : space_add(s->space, &c.of);
        s->copies[kept++] = c;
    }
    s->count = kept;
}

static void show_smram(struct pc_smm *s)
{
    struct pc_smram r[PC_SMRAM_RANGES];
    const unsigned n = pc_host_smram(s->board->host, r);
    for (unsigned i = 0; i < PC_SMRAM_RANGES; i++) {
        const struct mem_range *old = s->smram[i];
        if (old && i < n && old->base == r[i].base && old->size == r[i].size) {
            continue;
        }
        if (old) {
            space_remove(s->space, old);
        }
        s->smram[i] = i < n ? space_add(s->space,
                                        &(struct mem_range){
                                            .base = r[i].base,
                                            .size = r[i].size,
                                            .kind = RANGE_RAM,
                                            .priority = SMRAM_PRIORITY,
                                            .name = "smram",
                                            .host = s->board->pc.machine->ram + r[i].base,
                                        })
                            : NULL;
    }
}

static void follow(void *opaque)
{
    struct pc_smm *s = opaque;
    os_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->count; i++) {
        s->copies[i].wanted = false;
    }
    space_each_view(s->memory, want, s);
    space_begin(s->space);
    show_copies(s);
    show_smram(s);
    space_commit(s->space);
    os_mutex_unlock(&s->mutex);
}

void pc_smm_changed(void *opaque)
{
    const struct pc_board *b = opaque;
    if (b->smm) {
        follow(b->smm);
    }
}

/* ---- life */

void pc_smm_add(struct pc_board *b)
{
    struct machine *m = b->pc.machine;
    struct pc_smm *s = mem_alloc(sizeof(*s));
    *s = (struct pc_smm){
        .space = space_create_beside("smm", m->memory), .memory = m->memory, .board = b};
    os_mutex_init(&s->mutex);
    space_set_properties(s->space, SPACE_ONES | SPACE_SECURE);
    b->smm = s;
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        m->vcpus[i]->spaces[X86_SPACE_SMM] = s->space;
    }
    space_listen(m->memory, follow, s);
    follow(s);
}

void pc_smm_destroy(struct pc_board *b)
{
    struct pc_smm *s = b->smm;
    if (s) {
        space_unlisten(s->memory, follow, s);
        space_destroy(s->space);
        os_mutex_destroy(&s->mutex);
        mem_free(s->copies);
        mem_free(s);
    }
}

/* ---- requests */

static void raise(void *opaque, unsigned cpu, bool all)
{
    const struct machine *m = opaque;
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        if (all || i == cpu) {
            x86_send_smi(m->vcpus[i]);
        }
    }
}

struct acpi_smi pc_smm_request(struct pc_board *b)
{
    return b->smm ? (struct acpi_smi){raise, b->pc.machine} : (struct acpi_smi){NULL, NULL};
}
