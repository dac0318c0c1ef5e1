/* SPDX-License-Identifier: MIT */
/* The block allocation table looked at as a whole: where blocks end, what is wrong, and repairs. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/bat.h"
#include "block/block_internal.h"

/* ---- the end */

struct ends {
    uint32_t block_bytes;
    uint64_t end;
};

static void note_end(void *opaque, uint64_t block, enum bat_kind kind, uint64_t place)
{
    struct ends *s = opaque;
    (void)block;
    if (kind == BAT_DATA && place + s->block_bytes > s->end) {
        s->end = place + s->block_bytes;
    }
}

static int find_end(struct bat *b, uint64_t *end)
{
    struct ends s = {b->block_bytes, b->meta_end > b->first ? b->meta_end : b->first};
    int status = bat_each(b, note_end, &s);
    *end = s.end;
    return status;
}

int bat_find_end(struct bat *b)
{
    uint64_t end;
    int status = find_end(b, &end);
    b->end = bat_round_up(end, b->align);
    return status;
}

/* ---- findings */

/* A small file with a hole for a table can have any number of blocks, all of them wrong. */
#define PLACED_MAX (1u << 26) /* 64T of 1 MiB each */
#define SAID_MAX 10000u

struct placed {
    uint64_t place, block;
};

struct look {
    struct bat *b;
    struct block_check *c;
    unsigned fix;
    uint64_t last; /* place of the block before */
    struct placed *placed;
    size_t count, room;
    uint64_t *bad; /* blocks that can lie nowhere */
    size_t bad_count, bad_room;
    bool no_memory;
    unsigned said;
};

__attribute__((format(printf, 3, 4))) static void say(struct look *l, bool error, const char *fmt,
                                                      ...)
{
    va_list ap;
    if (l->c->say && l->said < SAID_MAX) {
        va_start(ap, fmt);
        char *text = mem_vprintf(fmt, ap);
        va_end(ap);
        l->c->say(l->c->opaque, error, ++l->said < SAID_MAX ? text : "more is not told");
        mem_free(text);
    }
}

/* Room for one more element; false if there is no memory. */
static bool more(void **list, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return true;
    }
    const size_t wanted = *room ? 2 * *room : 64;
    void *grown = wanted <= PLACED_MAX ? mem_try_array(wanted, size) : NULL;
    if (!grown) {
        return false;
    }
    if (count) {
        memcpy(grown, *list, count * size);
    }
    mem_free(*list);
    *list = grown;
    *room = wanted;
    return true;
}

static void note(void *opaque, uint64_t block, enum bat_kind kind, uint64_t place)
{
    struct look *l = opaque;
    if (kind == BAT_BAD) {
        l->no_memory |= !more((void **)&l->bad, l->bad_count, &l->bad_room, sizeof(*l->bad));
        if (!l->no_memory) {
            l->bad[l->bad_count++] = block;
        }
        return;
    }
    l->c->allocated_clusters += kind != BAT_ZERO;
    l->c->packed_clusters += kind == BAT_PACKED;
    if (kind != BAT_DATA) {
        return;
    }
    l->c->fragmented_clusters += l->count > 0 && place != l->last + l->b->block_bytes;
    l->last = place;
    l->no_memory |= !more((void **)&l->placed, l->count, &l->room, sizeof(*l->placed));
    if (!l->no_memory) {
        l->placed[l->count++] = (struct placed){place, block};
    }
}

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    return x->place != y->place ? (x->place < y->place ? -1 : 1)
                                : (x->block < y->block ? -1 : x->block > y->block);
}

static uint64_t offset_of(const struct bat *b, uint64_t block)
{
    return b->disk_offset + block * b->block_bytes;
}

/* ---- repairs: 0 or -errno */

static void count_error(struct look *l, int status)
{
    if ((l->fix & BLOCK_FIX_ERRORS) && status == 0) {
        l->c->corruptions_fixed++;
    } else {
        l->c->corruptions++;
        l->c->check_errors += status < 0;
    }
}

static void check_bad(struct look *l)
{
    for (size_t i = 0; i < l->bad_count; i++) {
        const uint64_t offset = offset_of(l->b, l->bad[i]);
        const bool fix = l->fix & BLOCK_FIX_ERRORS;
        say(l, true, "the block at %" PRIu64 " of the disk lies where no block can be%s", offset,
            fix ? ": it is emptied" : "");
        count_error(l, fix ? bat_link(l->b, offset, 0) : 0);
    }
}

/* A copy of its own for a block that lies on another. */
static int move_block(struct bat *b, const struct placed *p)
{
    os_mutex_lock(&b->node->tables);
    const uint64_t at = bat_take_end(b, b->lead_bytes + b->block_bytes, b->align);
    os_mutex_unlock(&b->node->tables);
    uint8_t *buffer = at ? mem_try_alloc(b->block_bytes) : NULL;
    int status = !at ? -ENOSPC : buffer ? 0 : -ENOMEM;
    status = status ? status : block_node_read(b->file, p->place, buffer, b->block_bytes);
    status = status ? status
                    : block_node_write(b->file, at + b->lead_bytes, buffer, b->block_bytes, 0);
    status = status ? status : bat_link(b, offset_of(b, p->block), at + b->lead_bytes);
    mem_free(buffer);
    return status;
}

static void check_overlaps(struct look *l)
{
    const struct bat *b = l->b;
    if (l->count) {
        qsort(l->placed, l->count, sizeof(*l->placed), by_place);
    }
    uint64_t end = 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct placed *p = &l->placed[i];
        const bool fix = l->fix & BLOCK_FIX_ERRORS;
        if (p->place - b->lead_bytes < end) {
            say(l, true, "the block at %" PRIu64 " of the disk lies on another, at %" PRIu64 "%s",
                offset_of(b, p->block), p->place, fix ? ": it gets a copy" : "");
            count_error(l, fix ? move_block(l->b, p) : 0);
        }
        end = p->place + b->block_bytes > end ? p->place + b->block_bytes : end;
    }
}

static bool resize_file(struct look *l, uint64_t bytes)
{
    struct error ignored;
    return block_node_resize(l->b->file, bytes, BLOCK_PREALLOC_OFF, &ignored);
}

/* A last block that the file has only a part of: the rest reads as zeros. */
static void check_short(struct look *l, uint64_t end)
{
    const uint64_t file = block_node_size(l->b->file);
    if (end > file) {
        const bool fix = l->fix & BLOCK_FIX_ERRORS;
        say(l, true, "the last block ends at %" PRIu64 ", and the file at %" PRIu64 "%s", end, file,
            fix ? ": it is made longer" : "");
        count_error(l, !fix || resize_file(l, end) ? 0 : -EIO);
    }
}

static void check_tail(struct look *l, uint64_t end, uint64_t tail)
{
    const uint64_t file = block_node_size(l->b->file);
    if (tail == BAT_ANY_TAIL || file <= end + tail) {
        return;
    }
    const uint64_t leaks = (file - end - tail + l->b->block_bytes - 1) / l->b->block_bytes;
    const bool fix = l->fix & BLOCK_FIX_LEAKS;
    say(l, false, "%" PRIu64 " bytes at the end of the file are of no use%s", file - end - tail,
        fix ? ": they are cut off" : "");
    if (fix && resize_file(l, end + tail)) {
        l->c->leaks_fixed += leaks;
    } else {
        l->c->leaks += leaks;
    }
}

static bool look_through(struct look *l, struct error *e)
{
    int status = l->b->node->mode.write ? bat_flush(l->b) : 0;
    status = status < 0 ? status : bat_each(l->b, note, l);
    if (status == 0 && !l->no_memory) {
        return true;
    }
    return error_set(e, "%s: its table cannot be looked at: %s", block_node_file(l->b->file),
                     strerror(l->no_memory ? ENOMEM : -status));
}

static bool check_all(struct look *l, uint64_t tail, struct error *e)
{
    struct bat *b = l->b;
    uint64_t end;
    if (!look_through(l, e)) {
        return false;
    }
    check_bad(l);
    check_overlaps(l);
    int status = find_end(b, &end);
    status = status < 0 || !l->fix ? status : bat_flush(b);
    check_short(l, end);
    end = bat_round_up(end, b->align);
    check_tail(l, end, tail);
    if (status == 0 && l->fix) {
        if (tail != BAT_ANY_TAIL) { /* else new blocks go on where they would have gone */
            b->end = end;
            b->clean_from = block_node_size(b->file);
        }
        status = block_node_flush(b->file);
    }
    l->c->check_errors += status < 0;
    l->c->end_offset = tail == BAT_ANY_TAIL ? 0 : end + tail;
    return true;
}

bool bat_check(struct bat *b, unsigned fix, uint64_t tail_bytes, struct block_check *c,
               struct error *e)
{
    if (fix && !b->node->mode.write) {
        return error_set(e, "%s is read-only, and cannot be repaired", block_node_file(b->node));
    }
    struct look l = {.b = b, .c = c, .fix = fix};
    c->total_clusters += b->blocks;
    bool good = check_all(&l, tail_bytes, e);
    mem_free(l.placed);
    mem_free(l.bad);
    return good;
}
