/* SPDX-License-Identifier: MIT */
/*
 * Pages of large memories: see state_pages.h. The contents of a section: offset in the memory (8
 * bytes), pages (4), bytes of those that are not zero (4), how they are packed (4), a bit for each
 * page that is there, lowest first, and those pages.
 */
#include "system/state_pages.h"

#include <string.h>
#include <zstd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"

enum {
    PAGE_BYTES = 4096,
    PIECE_PAGES = 1024,
    PIECE_BYTES = PIECE_PAGES * PAGE_BYTES,
    MAP_BYTES = PIECE_PAGES / 8,
    HEAD_BYTES = 20,
    CONTENTS_MAX = HEAD_BYTES + MAP_BYTES + PIECE_BYTES,
    LEVEL = 1, /* of compression: disks are about as fast */

    PACKED_NOT = 0,
    PACKED_ZSTD = 1,
};

static void advance(struct state_progress *p, uint64_t bytes)
{
    if (p) {
        p->done += bytes;
        p->at(p->opaque, p->done, p->all);
    }
}

/* ---- saving */

static bool is_zero(const uint8_t *page)
{
    uint64_t first;
    memcpy(&first, page, sizeof(first));
    return first == 0 && memcmp(page, page + sizeof(first), PAGE_BYTES - sizeof(first)) == 0;
}

struct packer {
    ZSTD_CCtx *zstd;
    uint8_t *pages;    /* those that are not zero, one after the other */
    uint8_t *contents; /* of the section */
};

/* Collects the pages of a piece; returns their bytes. */
static uint32_t collect(struct packer *k, const uint8_t *from, unsigned pages, uint8_t *map)
{
    uint32_t n = 0;
    memset(map, 0, MAP_BYTES);
    for (unsigned i = 0; i < pages; i++) {
        const uint8_t *page = from + (size_t)i * PAGE_BYTES;
        if (!is_zero(page)) {
            memcpy(k->pages + n, page, PAGE_BYTES);
            map[i / 8] |= (uint8_t)(1u << i % 8);
            n += PAGE_BYTES;
        }
    }
    return n;
}

static void save_piece(struct state_writer *w, const struct state_memory *m, struct packer *k,
                       uint64_t offset, unsigned pages)
{
    uint8_t *c = k->contents, *body = c + HEAD_BYTES + MAP_BYTES;
    const uint32_t n = collect(k, m->bytes + offset, pages, c + HEAD_BYTES);
    if (n == 0) {
        return;
    }
    size_t packed = ZSTD_compressCCtx(k->zstd, body, n - 1, k->pages, n, LEVEL);
    const bool shorter = !ZSTD_isError(packed);
    if (!shorter) {
        memcpy(body, k->pages, n);
        packed = n;
    }
    store_le64(c, offset);
    store_le32(c + 8, pages);
    store_le32(c + 12, n);
    store_le32(c + 16, shorter ? PACKED_ZSTD : PACKED_NOT);
    state_writer_put(w, STATE_PAGES, m->name, 1, c, HEAD_BYTES + MAP_BYTES + packed);
}

void state_pages_save(struct state_writer *w, const struct state_memory *m,
                      struct state_progress *p)
{
    struct packer k = {ZSTD_createCCtx(), mem_alloc(PIECE_BYTES), mem_alloc(CONTENTS_MAX)};
    for (uint64_t at = 0; at < m->size && !state_writer_failed(w); at += PIECE_BYTES) {
        const uint64_t left = m->size - at;
        const unsigned pages = left < PIECE_BYTES ? (unsigned)(left / PAGE_BYTES) : PIECE_PAGES;
        save_piece(w, m, &k, at, pages);
        advance(p, (uint64_t)pages * PAGE_BYTES);
    }
    ZSTD_freeCCtx(k.zstd);
    mem_free(k.pages);
    mem_free(k.contents);
}

/* ---- loading */

struct unpacker {
    ZSTD_DCtx *zstd;
    uint8_t *contents, *pages;
    uint64_t next; /* pieces come in their order */
};

struct piece {
    uint64_t offset;
    uint32_t pages, bytes, packing;
    const uint8_t *map, *body;
    size_t body_bytes;
};

static unsigned pages_in(const uint8_t *map)
{
    unsigned n = 0;
    for (unsigned i = 0; i < MAP_BYTES; i += 8) {
        n += popcount64(load_le64(map + i));
    }
    return n;
}

static bool take_piece(const struct unpacker *k, const struct state_section *s, uint64_t bytes,
                       struct piece *out)
{
    const uint8_t *c = k->contents;
    if (s->length < HEAD_BYTES + MAP_BYTES || s->length > CONTENTS_MAX || s->version != 1) {
        return false;
    }
    *out = (struct piece){load_le64(c),
                          load_le32(c + 8),
                          load_le32(c + 12),
                          load_le32(c + 16),
                          c + HEAD_BYTES,
                          c + HEAD_BYTES + MAP_BYTES,
                          (size_t)s->length - HEAD_BYTES - MAP_BYTES};
    if (out->offset % PIECE_BYTES || out->offset < k->next || out->offset >= bytes ||
        out->pages > PIECE_PAGES || (uint64_t)out->pages * PAGE_BYTES > bytes - out->offset) {
        return false;
    }
    for (unsigned i = out->pages; i < PIECE_PAGES; i++) {
        if (out->map[i / 8] >> i % 8 & 1) {
            return false;
        }
    }
    return out->bytes == pages_in(out->map) * PAGE_BYTES && out->packing <= PACKED_ZSTD;
}

static const uint8_t *unpack(struct unpacker *k, const struct piece *p)
{
    if (p->packing == PACKED_NOT) {
        return p->body_bytes == p->bytes ? p->body : NULL;
    }
    const size_t n = ZSTD_decompressDCtx(k->zstd, k->pages, PIECE_BYTES, p->body, p->body_bytes);
    return !ZSTD_isError(n) && n == p->bytes ? k->pages : NULL;
}

static void store_pages(const struct piece *p, const uint8_t *from, uint8_t *memory)
{
    for (unsigned i = 0; i < p->pages; i++) {
        if (p->map[i / 8] >> i % 8 & 1) {
            memcpy(memory + p->offset + (size_t)i * PAGE_BYTES, from, PAGE_BYTES);
            from += PAGE_BYTES;
        }
    }
}

static bool load_section(const struct state_file *f, const struct state_section *s,
                         struct unpacker *k, const struct state_memory *m, bool store,
                         struct error *e)
{
    struct piece p;
    if (s->length > CONTENTS_MAX) {
        return error_set(e, "pages of '%s' are longer than a piece", s->name);
    }
    if (!state_file_pages(f, s, k->contents, e)) {
        return false;
    }
    const uint8_t *from = take_piece(k, s, m->size, &p) ? unpack(k, &p) : NULL;
    if (!from) {
        return error_set(e, "pages of '%s' are none of a memory of %llu bytes", s->name,
                         (unsigned long long)m->size);
    }
    k->next = p.offset + PIECE_BYTES;
    if (store) {
        store_pages(&p, from, m->bytes);
    }
    return true;
}

bool state_pages_load(const struct state_file *f, const struct state_memory *m, bool store,
                      struct state_progress *p, struct error *e)
{
    struct unpacker k = {ZSTD_createDCtx(), mem_alloc(CONTENTS_MAX), mem_alloc(PIECE_BYTES), 0};
    bool good = true;
    if (store && m->of_files) {
        memset(m->bytes, 0, m->size);
    } else if (store) {
        os_discard(m->bytes, m->size); /* it reads as zeros */
    }
    for (size_t i = 0; i < f->count && good; i++) {
        const struct state_section *s = &f->sections[i];
        if (s->kind == STATE_PAGES && strcmp(s->name, m->name) == 0) {
            good = load_section(f, s, &k, m, store, e);
            advance(p, PIECE_BYTES);
        }
    }
    ZSTD_freeDCtx(k.zstd);
    mem_free(k.contents);
    mem_free(k.pages);
    return good;
}
