/* SPDX-License-Identifier: MIT */
/* The block allocation table: pages of it in memory, what map() says by them, and flushes. */
#include "block/bat.h"

#include <errno.h>
#include <inttypes.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"

#define LOADED_BYTES (UINT64_C(32) << 20)
#define ENTRIES_MAX (UINT64_C(1) << 30)

static uint64_t page_bytes(const struct bat *b)
{
    return (uint64_t)b->page_entries * b->entry_bytes;
}

/* Of the page's bytes, how many are entries: the last page may be a part of one. */
static uint64_t page_used(const struct bat *b, uint64_t page)
{
    const uint64_t left = (b->entries - page * b->page_entries) * b->entry_bytes;
    return left < page_bytes(b) ? left : page_bytes(b);
}

static uint64_t page_place(const struct bat *b, uint64_t page)
{
    return b->ops->page_place ? b->ops->page_place(b, page)
                              : b->table_offset + page * page_bytes(b);
}

static uint64_t entry_of(const struct bat *b, uint64_t block)
{
    return block + (b->gap_every ? block / b->gap_every : 0);
}

static uint64_t page_of(const struct bat *b, uint64_t block)
{
    return entry_of(b, block) / b->page_entries;
}

static uint64_t block_at(const struct bat *b, uint64_t offset)
{
    return (offset - b->disk_offset) / b->block_bytes;
}

/* ---- life */

bool bat_create(struct bat *b, struct error *e)
{
    const uint64_t file = block_node_size(b->file);
    list_init(&b->dirty);
    b->entries = b->blocks ? entry_of(b, b->blocks - 1) + 1 : 0;
    if (b->blocks > ENTRIES_MAX || b->entries > ENTRIES_MAX) {
        return error_set(e, "%s: a table of %" PRIu64 " blocks; at most %" PRIu64 " are accepted",
                         block_node_file(b->file), b->blocks, ENTRIES_MAX);
    }
    if (!b->ops->page_place && (b->table_offset == 0 || b->table_offset > file ||
                                b->entries * b->entry_bytes > file - b->table_offset)) {
        return error_set(e,
                         "%s: the table of %" PRIu64 " blocks at %" PRIu64
                         " does not lie in the file, which has %" PRIu64 " bytes",
                         block_node_file(b->file), b->blocks, b->table_offset, file);
    }
    b->page_count = (b->entries + b->page_entries - 1) / b->page_entries;
    b->pages = mem_try_array(b->page_count, sizeof(*b->pages));
    if (!b->pages) {
        return error_set(e, "%s: there is no memory for a table of %" PRIu64 " blocks",
                         block_node_file(b->file), b->blocks);
    }
    b->loaded_max = b->loaded_max ? b->loaded_max : LOADED_BYTES / page_bytes(b);
    b->known_end = b->clean_from = file;
    b->end = bat_round_up(file, b->align);
    return true;
}

void bat_share(struct bat *b, struct bat_share *s)
{
    b->share = s;
    list_push_back(&s->bats, &b->of_share);
}

void bat_destroy(struct bat *b)
{
    if (b->share) {
        list_remove(&b->of_share);
        b->share = NULL;
    }
    for (uint64_t i = 0; b->pages && i < b->page_count; i++) {
        mem_free(b->pages[i]);
    }
    mem_free(b->pages);
    mem_free(b->spare);
    mem_free(b->linked);
    b->pages = NULL;
    b->spare = b->linked = NULL;
}

/* ---- entries; the tables are held */

static uint8_t *raw_of(struct bat_page *p, const struct bat *b, uint64_t entry)
{
    return p->raw + entry % b->page_entries * b->entry_bytes;
}

static enum bat_kind kind_of(const struct bat *b, const uint8_t *raw, uint64_t *place)
{
    const enum bat_kind kind = b->ops->decode(b, raw, place);
    if (kind == BAT_DATA) {
        const uint64_t end = b->end > b->known_end ? b->end : b->known_end;
        if (*place < b->first + b->lead_bytes || *place >= end ||
            *place > (uint64_t)INT64_MAX - b->block_bytes) {
            return BAT_BAD;
        }
    }
    return kind;
}

static enum bat_kind look(const struct bat *b, struct bat_page *p, uint64_t block, uint64_t *place)
{
    return kind_of(b, raw_of(p, b, entry_of(b, block)), place);
}

/* ---- pages: node->slow is held */

static void forget_page(struct bat *b, struct bat_page *p)
{
    b->pages[p->number] = NULL;
    b->loaded--;
    if (b->share) {
        b->share->bytes -= page_bytes(b);
    }
    mem_free(p);
}

/* Gives up a page that nobody needs, in turn. False: all are needed. */
static bool evict(struct bat *b)
{
    for (uint64_t i = 0; i < b->page_count; i++) {
        b->hand = b->hand + 1 < b->page_count ? b->hand + 1 : 0;
        struct bat_page *p = b->pages[b->hand];
        if (p && !p->dirty && p->pins == 0) {
            forget_page(b, p);
            return true;
        }
    }
    return false;
}

/* The same of any table that shares memory with it; the one that gave comes last from then on. */
static bool evict_shared(struct bat *b)
{
    struct list *all = &b->share->bats;
    for (struct list_node *l = all->head.next; l != &all->head; l = l->next) {
        struct bat *other = container_of(l, struct bat, of_share);
        if (other->loaded && evict(other)) {
            list_remove(l);
            list_push_back(all, l);
            return true;
        }
    }
    return false;
}

/* There is no room for one more page, and none can be given up. The tables are held. */
static bool is_full(struct bat *b)
{
    if (b->loaded >= b->loaded_max && !evict(b)) {
        return true;
    }
    while (b->share && b->share->bytes + page_bytes(b) > b->share->most) {
        if (!evict_shared(b)) {
            return true;
        }
    }
    return false;
}

/* Pages that are written out can be given up. */
static int flush_until_room(struct bat *b)
{
    int status = bat_flush(b);
    struct list_node *l = b->share ? b->share->bats.head.next : NULL;
    bool full = true;
    while (status == 0 && full) {
        os_mutex_lock(&b->node->tables);
        full = is_full(b);
        os_mutex_unlock(&b->node->tables);
        if (!full || !l || l == &b->share->bats.head) {
            break; /* what is being linked stays */
        }
        struct bat *other = container_of(l, struct bat, of_share);
        l = l->next;
        status = other == b ? 0 : bat_flush(other);
    }
    return status;
}

static int make_way(struct bat *b)
{
    os_mutex_lock(&b->node->tables);
    const bool full = is_full(b);
    os_mutex_unlock(&b->node->tables);
    return full ? flush_until_room(b) : 0;
}

static int load_page(struct bat *b, uint64_t page)
{
    struct bat_page *p;
    int status = make_way(b);
    if (status < 0) {
        return status;
    }
    block_debug_event(b->node, "l2_load");
    p = mem_try_alloc(sizeof(*p) + (size_t)page_bytes(b));
    status = p ? block_node_read(b->file, page_place(b, page), p->raw, (size_t)page_used(b, page))
               : -ENOMEM;
    if (status < 0) {
        mem_free(p);
        return status;
    }
    p->number = page;
    os_mutex_lock(&b->node->tables);
    if (b->pages[page]) { /* nobody else loads, but be sure */
        mem_free(p);
    } else {
        b->pages[page] = p;
        b->loaded++;
        if (b->share) {
            b->share->bytes += page_bytes(b);
        }
    }
    os_mutex_unlock(&b->node->tables);
    return 0;
}

/* The page of a block, pinned; one without a place gets one if `make`, else *page is NULL. */
static int hold_page(struct bat *b, uint64_t block, bool make, struct bat_page **page)
{
    const uint64_t number = page_of(b, block);
    *page = NULL;
    if (page_place(b, number) == 0) {
        int status = make ? b->ops->page_make(b, number) : 0;
        if (status < 0 || !make) {
            return status;
        }
    }
    for (;;) {
        os_mutex_lock(&b->node->tables);
        *page = b->pages[number];
        if (*page) {
            (*page)->pins++;
        }
        os_mutex_unlock(&b->node->tables);
        if (*page) {
            return 0;
        }
        int status = load_page(b, number);
        if (status < 0) {
            return status;
        }
    }
}

static void release_page(struct bat *b, struct bat_page *p)
{
    os_mutex_lock(&b->node->tables);
    p->pins--;
    os_mutex_unlock(&b->node->tables);
}

int bat_load(struct bat *b, uint64_t offset, bool writing)
{
    struct bat_page *p;
    (void)writing;
    int status = hold_page(b, block_at(b, offset), false, &p);
    if (p) {
        release_page(b, p);
    }
    return status;
}

int bat_look(struct bat *b, uint64_t offset, enum bat_kind *kind, uint64_t *place)
{
    struct bat_page *p;
    int status = hold_page(b, block_at(b, offset), false, &p);
    *kind = BAT_NONE;
    if (p) {
        os_mutex_lock(&b->node->tables);
        *kind = look(b, p, block_at(b, offset), place);
        p->pins--;
        os_mutex_unlock(&b->node->tables);
    }
    return status;
}

int bat_each(struct bat *b, bat_visit *visit, void *opaque)
{
    for (uint64_t block = 0; block < b->blocks;) {
        const uint64_t number = page_of(b, block);
        struct bat_page *p;
        int status = hold_page(b, block, false, &p);
        if (status < 0) {
            return status;
        }
        for (; block < b->blocks && page_of(b, block) == number; block++) {
            uint64_t place = 0;
            const enum bat_kind kind = p ? look(b, p, block, &place) : BAT_NONE;
            if (kind != BAT_NONE) {
                visit(opaque, block, kind, place);
            }
        }
        if (p) {
            release_page(b, p);
        }
    }
    return 0;
}

/* ---- places; the tables are held */

static uint64_t span(const struct bat *b)
{
    return b->lead_bytes + b->block_bytes;
}

uint64_t bat_take_end(struct bat *b, uint64_t bytes, uint64_t align)
{
    const uint64_t at = bat_round_up(b->end, align);
    if (at < b->end || at > b->limit || bytes > b->limit - at) {
        return 0;
    }
    b->end = at + bytes;
    return at;
}

/* The place of the data of a run of new blocks, or 0. */
static uint64_t take_place(struct bat *b, uint64_t blocks)
{
    if (blocks == 1 && b->spare_count) {
        return b->spare[--b->spare_count];
    }
    const uint64_t at = bat_take_end(b, blocks * span(b), b->align);
    return at ? at + b->lead_bytes : 0;
}

static void push(uint64_t **list, size_t *count, size_t *room, uint64_t v)
{
    if (*count == *room) {
        *room = *room ? 2 * *room : 16;
        *list = mem_resize_array(*list, *room, sizeof(**list));
    }
    (*list)[(*count)++] = v;
}

/* Of a run that was not used after all. touched: something may have been written there. */
static void give_place(struct bat *b, uint64_t place, uint64_t blocks, bool touched)
{
    const uint64_t end = place + (blocks - 1) * span(b) + b->block_bytes;
    if (touched && end > b->clean_from) {
        b->clean_from = end;
    }
    if (end == b->end) {
        b->end = place - b->lead_bytes;
        return;
    }
    for (uint64_t i = 0; i < blocks; i++) {
        push(&b->spare, &b->spare_count, &b->spare_room, place + i * span(b));
    }
    if (end > b->clean_from) { /* those behind it are known to be clean no more */
        b->clean_from = end;
    }
}

static void link_block(struct bat *b, struct bat_page *p, uint64_t block, uint64_t place)
{
    b->ops->encode(b, raw_of(p, b, entry_of(b, block)), place);
    if (!p->dirty) {
        p->dirty = true;
        list_push_back(&b->dirty, &p->dirty_link);
    }
    if (b->lead_bytes && place) {
        push(&b->linked, &b->linked_count, &b->linked_room, place);
    }
    atomic_set_release(&b->node->dirty, true);
}

/* ---- the hot way */

/* How many bytes of [offset, offset + bytes) from a block of this kind on are like it. */
static uint64_t run(const struct bat *b, struct bat_page *p, uint64_t offset, uint64_t bytes,
                    enum bat_kind kind, uint64_t place)
{
    const uint64_t block = block_at(b, offset), in = (offset - b->disk_offset) % b->block_bytes;
    uint64_t some = b->block_bytes - in, next = block + 1, at;
    while (some < bytes && next < b->blocks && kind != BAT_PACKED &&
           page_of(b, next) == p->number && look(b, p, next, &at) == kind &&
           (kind != BAT_DATA ||
            (at == place + (next - block) * b->block_bytes && b->lead_bytes == 0))) {
        some += b->block_bytes;
        next++;
    }
    return some < bytes ? some : bytes;
}

/* A write to blocks that are nowhere: whole ones are set aside. */
static void map_new(struct bat *b, struct bat_page *p, uint64_t offset, struct block_extent *x)
{
    const uint64_t in = (offset - b->disk_offset) % b->block_bytes;
    uint64_t blocks = x->bytes / b->block_bytes;
    blocks = blocks > 1 && b->lead_bytes ? 1 : blocks;
    const uint64_t place = in == 0 && blocks && !b->packed ? take_place(b, blocks) : 0;
    if (place) {
        x->kind = BLOCK_MAP_NEW;
        x->node = b->file;
        x->offset = place;
        x->bytes = blocks * b->block_bytes;
        p->pins++;
        return;
    }
    x->kind = BLOCK_MAP_WRITE;
    x->bytes = x->bytes < b->block_bytes - in ? x->bytes : b->block_bytes - in;
}

/* A part of the table that the file does not have. */
static void map_absent(const struct bat *b, uint64_t entry, uint64_t offset, bool writing,
                       struct block_extent *x)
{
    const uint64_t in = (offset - b->disk_offset) % b->block_bytes;
    const uint64_t blocks = writing ? 1 : b->page_entries - entry % b->page_entries;
    const uint64_t some = blocks * b->block_bytes - in;
    x->kind = writing ? BLOCK_MAP_WRITE : BLOCK_MAP_BACKING;
    x->bytes = x->bytes < some ? x->bytes : some;
}

void bat_map(struct bat *b, uint64_t offset, uint64_t bytes, bool writing, struct block_extent *x)
{
    static const enum block_map_kind reads[] = {
        [BAT_NONE] = BLOCK_MAP_BACKING,  [BAT_DATA] = BLOCK_MAP_DATA, [BAT_ZERO] = BLOCK_MAP_ZERO,
        [BAT_PACKED] = BLOCK_MAP_PACKED, [BAT_BAD] = BLOCK_MAP_ERROR,
    };
    const uint64_t left = b->disk_offset + b->disk_bytes - offset;
    const uint64_t block = block_at(b, offset), entry = entry_of(b, block);
    uint64_t place = 0;
    x->bytes = bytes < left ? bytes : left;
    if (page_place(b, entry / b->page_entries) == 0) {
        map_absent(b, entry, offset, writing, x);
        return;
    }
    struct bat_page *p = b->pages[entry / b->page_entries];
    if (!p) {
        x->kind = BLOCK_MAP_UNKNOWN;
        return;
    }
    const enum bat_kind kind = look(b, p, block, &place);
    x->bytes = run(b, p, offset, x->bytes, kind, place);
    x->kind = reads[kind];
    x->node = b->file;
    x->offset = place + (kind == BAT_DATA ? (offset - b->disk_offset) % b->block_bytes : 0);
    x->has_place = kind == BAT_PACKED;
    if (writing && kind == BAT_PACKED) {
        x->kind = BLOCK_MAP_WRITE;
    } else if (writing && (kind == BAT_NONE || kind == BAT_ZERO)) {
        map_new(b, p, offset, x);
    }
}

void bat_linked(struct bat *b, uint64_t offset, const struct block_extent *x, int status)
{
    const uint64_t block = block_at(b, offset), blocks = x->bytes / b->block_bytes;
    struct bat_page *p = b->pages[page_of(b, block)];
    p->pins--;
    if (status < 0) {
        give_place(b, x->offset, blocks, status != -EAGAIN);
        return;
    }
    for (uint64_t i = 0; i < blocks; i++) {
        link_block(b, p, block + i, x->offset + i * b->block_bytes);
    }
}

/* ---- the slow way */

/* Bytes for a part of a block. */
struct bat_piece {
    uint64_t start, in; /* of the block, on the disk; of the part, in it */
    const struct iovec *iov;
    unsigned count;
    uint64_t bytes;
};

/* The whole block: what is below, and the new bytes over it. */
static int fill_over_backing(struct bat *b, uint64_t place, const struct bat_piece *p)
{
    uint8_t *buffer = mem_try_alloc(b->block_bytes);
    int status = buffer ? block_node_read_padded(b->node->backing, p->start, buffer, b->block_bytes)
                        : -ENOMEM;
    if (status == 0) {
        block_iov_get(p->iov, p->count, 0, buffer + p->in, (size_t)p->bytes);
        status = block_node_write(b->file, place, buffer, b->block_bytes, 0);
    }
    mem_free(buffer);
    return status;
}

static int fill(struct bat *b, uint64_t place, bool fresh, const struct bat_piece *p)
{
    static const uint8_t zeros[BLOCK_SECTOR];
    int status = 0;
    if (!fresh) {
        status = block_node_zero(b->file, place, b->block_bytes, BLOCK_MAY_UNMAP);
    }
    if (status == 0) {
        status = block_node_writev(b->file, place + p->in, p->iov, p->count, p->bytes, 0);
    }
    if (status == 0 && p->in + p->bytes <= b->block_bytes - BLOCK_SECTOR) {
        status = block_node_write(b->file, place + b->block_bytes - BLOCK_SECTOR, zeros,
                                  sizeof(zeros), 0); /* the file has all of it */
    }
    return status;
}

static bool has_backing(const struct bat *b, uint64_t offset)
{
    return b->node->backing && offset < block_node_size(b->node->backing);
}

/* A block that is nowhere gets a place, and bytes; its page is held. */
static int write_new(struct bat *b, struct bat_page *page, bool below, const struct bat_piece *p)
{
    os_mutex_lock(&b->node->tables);
    const uint64_t place = take_place(b, 1);
    const bool fresh = place >= b->clean_from;
    os_mutex_unlock(&b->node->tables);
    if (!place) {
        return -ENOSPC;
    }
    block_slow_leave(b->node);
    int status = below ? fill_over_backing(b, place, p) : fill(b, place, fresh, p);
    block_slow_enter(b->node);
    os_mutex_lock(&b->node->tables);
    if (status == 0) {
        link_block(b, page, block_at(b, p->start), place);
    } else {
        give_place(b, place, 1, true);
    }
    os_mutex_unlock(&b->node->tables);
    return status;
}

int bat_write(struct bat *b, uint64_t offset, const struct iovec *iov, unsigned count,
              uint64_t bytes)
{
    const uint64_t in = (offset - b->disk_offset) % b->block_bytes;
    const struct bat_piece piece = {offset - in, in, iov, count, bytes};
    struct bat_page *p;
    uint64_t place = 0;
    int status = hold_page(b, block_at(b, offset), true, &p);
    if (status < 0) {
        return status;
    }
    os_mutex_lock(&b->node->tables);
    const enum bat_kind kind = look(b, p, block_at(b, offset), &place);
    os_mutex_unlock(&b->node->tables);
    if (kind == BAT_DATA) {
        status = block_node_writev(b->file, place + in, iov, count, bytes, 0);
    } else if (kind == BAT_NONE || kind == BAT_ZERO) {
        status = write_new(b, p, kind == BAT_NONE && has_backing(b, offset - in), &piece);
    } else {
        status = -EIO;
    }
    release_page(b, p);
    return status;
}

int bat_link(struct bat *b, uint64_t offset, uint64_t place)
{
    struct bat_page *p;
    int status = hold_page(b, block_at(b, offset), true, &p);
    if (status == 0) {
        os_mutex_lock(&b->node->tables);
        link_block(b, p, block_at(b, offset), place);
        p->pins--;
        os_mutex_unlock(&b->node->tables);
    }
    return status;
}

/* What of [offset, offset + bytes) lies in one block. */
static uint64_t piece_of(const struct bat *b, uint64_t offset, uint64_t bytes)
{
    const uint64_t some = b->block_bytes - (offset - b->disk_offset) % b->block_bytes;
    return some < bytes ? some : bytes;
}

int bat_zero(struct bat *b, uint64_t offset, uint64_t bytes, unsigned flags)
{
    int status = 0;
    while (bytes > 0 && status == 0) {
        const uint64_t some = piece_of(b, offset, bytes);
        const uint64_t in = (offset - b->disk_offset) % b->block_bytes;
        enum bat_kind kind;
        uint64_t place = 0;
        status = bat_look(b, offset, &kind, &place);
        if (status == 0 && kind == BAT_DATA) {
            status = block_node_zero(b->file, place + in, some, flags);
        } else if (status == 0 && kind != BAT_ZERO &&
                   (kind != BAT_NONE || has_backing(b, offset))) {
            status = -ENOTSUP;
        }
        offset += some;
        bytes -= some;
    }
    return status;
}

int bat_discard(struct bat *b, uint64_t offset, uint64_t bytes)
{
    int status = 0;
    while (bytes > 0 && status == 0) {
        const uint64_t some = piece_of(b, offset, bytes);
        const uint64_t in = (offset - b->disk_offset) % b->block_bytes;
        enum bat_kind kind;
        uint64_t place = 0;
        status = bat_look(b, offset, &kind, &place);
        if (status == 0 && kind == BAT_DATA) {
            status = block_node_discard(b->file, place + in, some);
        }
        offset += some;
        bytes -= some;
    }
    return status;
}

/* ---- flushes */

/* Takes what is to be written; the tables are held. */
static void take_batch(struct bat *b, struct bat_batch *t)
{
    size_t n = 0;
    for (struct list_node *l = b->dirty.head.next; l != &b->dirty.head; l = l->next) {
        n++;
    }
    t->pages = mem_array(n, sizeof(*t->pages));
    while (!list_empty(&b->dirty)) {
        struct bat_page *p = container_of(list_pop_front(&b->dirty), struct bat_page, dirty_link);
        p->dirty = false;
        t->pages[t->count++] = (struct bat_copy){p->number, mem_dup(p->raw, page_bytes(b))};
    }
    t->places = b->linked;
    t->place_count = b->linked_count;
    t->end = b->end;
    b->linked = NULL;
    b->linked_count = b->linked_room = 0;
}

/* After a failure all of it is still to be written. No page was given up meanwhile: who does that
 * holds node->slow. */
static void put_back(struct bat *b, const struct bat_batch *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct bat_page *p = b->pages[t->pages[i].number];
        if (!p->dirty) {
            p->dirty = true;
            list_push_back(&b->dirty, &p->dirty_link);
        }
    }
    for (size_t i = 0; i < t->place_count; i++) {
        push(&b->linked, &b->linked_count, &b->linked_room, t->places[i]);
    }
}

static int write_pages(struct bat *b, const struct bat_batch *t)
{
    int status = 0;
    for (size_t i = 0; i < t->count && status == 0; i++) {
        const uint64_t page = t->pages[i].number;
        status = block_node_write(b->file, page_place(b, page), t->pages[i].raw,
                                  (size_t)page_used(b, page), 0);
    }
    return status;
}

int bat_flush(struct bat *b)
{
    struct bat_batch t = {0};
    int status = 0;
    os_mutex_lock(&b->node->tables);
    take_batch(b, &t);
    os_mutex_unlock(&b->node->tables);
    if (t.count) {
        status = b->ops->prepare ? b->ops->prepare(b, &t) : 0;
        status = status < 0 ? status : block_node_flush(b->file);
        if (status == 0) {
            block_debug_event(b->node, "l2_update");
            status = b->ops->write_out ? b->ops->write_out(b, &t) : write_pages(b, &t);
        }
    }
    if (status < 0) {
        os_mutex_lock(&b->node->tables);
        put_back(b, &t);
        os_mutex_unlock(&b->node->tables);
    }
    for (size_t i = 0; i < t.count; i++) {
        mem_free(t.pages[i].raw);
    }
    mem_free(t.pages);
    mem_free(t.places);
    return status;
}

bool bat_is_dirty(const struct bat *b)
{
    return !list_empty(&b->dirty);
}

/* ---- as a driver's functions */

void bat_node_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                  struct block_extent *x)
{
    bat_map(n->state, offset, bytes, writing, x);
}

void bat_node_linked(struct block_node *n, uint64_t offset, const struct block_extent *x,
                     int status)
{
    bat_linked(n->state, offset, x, status);
}

int bat_node_load(struct block_node *n, uint64_t offset, bool writing)
{
    return bat_load(n->state, offset, writing);
}

int bat_node_write(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                   uint64_t bytes, unsigned flags)
{
    (void)flags;
    return bat_write(n->state, offset, iov, count, bytes);
}

int bat_node_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    return bat_zero(n->state, offset, bytes, flags);
}

int bat_node_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    return bat_discard(n->state, offset, bytes);
}

int bat_node_flush(struct block_node *n)
{
    struct bat *b = n->state;
    int status = bat_flush(b);
    os_mutex_lock(&n->tables);
    atomic_set_release(&n->dirty, bat_is_dirty(b));
    os_mutex_unlock(&n->tables);
    return status;
}
