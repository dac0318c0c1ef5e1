/* SPDX-License-Identifier: MIT */
/*
 * Segments of the code cache, and the compilers that fill them.
 *
 * A compiler has a segment to itself, so compilers need no lock to emit code and to add to the side
 * tables. Which segments are free is the caller's to guard (host_compiler_renew, host_reset). With
 * one compiler there is one segment, the whole cache; with more of them segments are as small as
 * the longest block allows, so that who translates most may fill most of the cache.
 *
 * A segment and its parts of the tables are used from one end to the other. Page faults one by one,
 * twice for code, took a fifth of the time of translation: pages become resident CHUNK bytes at a
 * time.
 */
#include "base/mem.h"
#include "tcg/host/x86_64/compile.h"
#include "tcg/lower.h"

#define SEGMENT_BYTES (4u << 20) /* at least, where there are several */
#define CHUNK (128u << 10)
#define MARGIN (16u << 10) /* more than nearly any block needs */

/* ---- life */

static uint32_t at_least(uint64_t bytes, unsigned count, uint64_t each)
{
    return (uint32_t)(bytes > count * each ? bytes : count * each);
}

/* In the smallest segment as well there is room for the longest block: see host_compile. */
bool segments_create(struct host *h, struct error *e)
{
    const unsigned most = h->size / SEGMENT_BYTES, n = h->config.compilers > 1 && most ? most : 1;

    h->segment_count = n;
    h->segment_bytes = h->size / n & ~4095u;
    h->segments = mem_array(n, sizeof(*h->segments));
    h->site_capacity = at_least(h->size / 64, n, 2 * IR_MAX_INSNS);
    h->map_capacity = at_least(h->size / 32, n, 128 * IR_MAX_INSNS);
    h->link_capacity = h->size / 64;
    h->trap_capacity = at_least(h->size / 64, n, 2 * IR_MAX_INSNS);
    if (!(h->sites = os_map_ram((size_t)h->site_capacity * sizeof(*h->sites), e)) ||
        !(h->maps = os_map_ram((size_t)h->map_capacity * sizeof(*h->maps), e)) ||
        !(h->links = os_map_ram((size_t)h->link_capacity * sizeof(*h->links), e)) ||
        !(h->traps = os_map_ram((size_t)h->trap_capacity * sizeof(*h->traps), e))) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        const uint32_t start = i * h->segment_bytes;
        h->segments[i] = (struct segment){.start = start,
                                          .end = start + h->segment_bytes,
                                          .hot_ready = start + h->segment_bytes,
                                          .cold_ready = start,
                                          .site_first = h->site_capacity / n * i,
                                          .site_end = h->site_capacity / n * (i + 1),
                                          .map_first = h->map_capacity / n * i,
                                          .map_end = h->map_capacity / n * (i + 1),
                                          .link_first = h->link_capacity / n * i,
                                          .link_end = h->link_capacity / n * (i + 1),
                                          .trap_first = h->trap_capacity / n * i,
                                          .trap_end = h->trap_capacity / n * (i + 1)};
    }
    return true;
}

void segments_destroy(struct host *h)
{
    if (h->sites) {
        os_unmap(h->sites, (size_t)h->site_capacity * sizeof(*h->sites));
    }
    if (h->maps) {
        os_unmap(h->maps, (size_t)h->map_capacity * sizeof(*h->maps));
    }
    if (h->links) {
        os_unmap(h->links, (size_t)h->link_capacity * sizeof(*h->links));
    }
    if (h->traps) {
        os_unmap(h->traps, (size_t)h->trap_capacity * sizeof(*h->traps));
    }
    mem_free(h->segments);
}

void host_reset(struct host *h)
{
    for (unsigned i = 0; i < h->segment_count; i++) {
        struct segment *g = &h->segments[i];
        g->hot_start = g->end - 64;
        g->cold_start = i == 0 ? h->first_cold : g->start;
        g->site_count = g->site_first;
        g->map_count = g->map_first;
        g->link_count = g->link_first;
        g->trap_count = g->trap_first;
        g->taken = false;
    }
    for (struct compiler *c = h->compilers; c; c = c->next) {
        c->g = NULL;
    }
}

/* ---- compilers */

unsigned host_compilers(const struct host *h)
{
    return h->config.compilers < h->segment_count ? h->config.compilers : h->segment_count;
}

struct compiler *host_compiler_create(struct host *h)
{
    struct compiler *c = mem_alloc(sizeof(*c));

    c->h = h;
    c->lowering = host_lowering(h);
    reset_values(c);
    c->next = h->compilers;
    h->compilers = c;
    return c;
}

void host_compiler_destroy(struct compiler *c)
{
    struct compiler **at = &c->h->compilers;

    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    ir_lowering_destroy(c->lowering);
    mem_free(c);
}

bool host_compiler_renew(struct compiler *c)
{
    for (unsigned i = 0; i < c->h->segment_count; i++) {
        struct segment *g = &c->h->segments[i];
        if (!g->taken) {
            g->taken = true;
            c->g = g;
            return true;
        }
    }
    return false;
}

struct host_mark host_mark(const struct compiler *c)
{
    const struct segment *g = c->g;

    return g ? (struct host_mark){.hot = g->hot_start,
                                  .cold = g->cold_start,
                                  .sites = g->site_count,
                                  .maps = g->map_count,
                                  .links = g->link_count,
                                  .traps = g->trap_count}
             : (struct host_mark){0};
}

void host_release(struct compiler *c, const struct host_mark *m)
{
    struct segment *g = c->g;

    if (!m->hot) {
        return; /* it had no segment yet */
    }
    g->hot_start = m->hot;
    g->cold_start = m->cold;
    g->site_count = m->sites;
    g->map_count = m->maps;
    g->link_count = m->links;
    g->trap_count = m->traps;
}

uint64_t host_cache_used(const struct host *h)
{
    uint64_t used = 0;

    for (unsigned i = 0; i < h->segment_count; i++) {
        const struct segment *g = &h->segments[i];
        used += g->end - 64 - g->hot_start + g->cold_start - g->start;
    }
    return used;
}

/* ---- memory that is touched for the first time */

/* How much at a time: little at first, for programs that are little. */
static size_t chunk_of(size_t ready)
{
    return ready >= CHUNK ? CHUNK : ready >= MARGIN ? ready : MARGIN;
}

/* table: where the segment's part begins, of size bytes. */
static void make_resident(void *table, size_t used, size_t *ready, size_t size)
{
    if (used + MARGIN / 2 > *ready && *ready < size) {
        const size_t chunk = chunk_of(*ready);
        const size_t bytes = size - *ready < chunk ? size - *ready : chunk;
        os_populate((uint8_t *)table + *ready, bytes, true);
        *ready += bytes;
    }
}

static void make_code_resident(struct host *h, uint32_t at, uint32_t bytes)
{
    os_populate(h->rw + at, bytes, true);
    os_populate(h->rx + at, bytes, false);
}

void segment_make_room_resident(struct host *h, struct segment *g)
{
    if (g->hot_start < g->hot_ready + MARGIN / 2 && g->hot_ready >= g->start + CHUNK) {
        const uint32_t bytes = (uint32_t)chunk_of(g->end - g->hot_ready);
        g->hot_ready -= bytes;
        make_code_resident(h, g->hot_ready, bytes);
    }
    if (g->cold_start + MARGIN / 2 > g->cold_ready && g->cold_ready + CHUNK <= g->end) {
        const uint32_t bytes = (uint32_t)chunk_of(g->cold_ready - g->start);
        make_code_resident(h, g->cold_ready, bytes);
        g->cold_ready += bytes;
    }
    make_resident(h->sites + g->site_first, (g->site_count - g->site_first) * sizeof(*h->sites),
                  &g->sites_ready, (g->site_end - g->site_first) * sizeof(*h->sites));
    make_resident(h->maps + g->map_first, (g->map_count - g->map_first) * sizeof(*h->maps),
                  &g->maps_ready, (g->map_end - g->map_first) * sizeof(*h->maps));
    make_resident(h->links + g->link_first, (g->link_count - g->link_first) * sizeof(*h->links),
                  &g->links_ready, (g->link_end - g->link_first) * sizeof(*h->links));
}
