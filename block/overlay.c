/* SPDX-License-Identifier: MIT */
/*
 * snapshot=on: writes go to a temporary file without a name, which is gone with the process; the
 * image is only read.
 *
 * The temporary file is sparse and has every byte at the image's offset. A bit for each granule
 * (4 KiB) says where it is to be read. A write that covers a granule partly first copies the
 * granule up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"

#define GRANULE 4096u
#define CHUNK_BITS 32768u /* granules (128 MiB of disk) to a part of the map */

struct overlay {
    uint64_t **chunk; /* NULL: nothing of it was written; under the node's tables */
    uint64_t chunk_count;
};

/* ---- the map; the node's tables are locked */

static bool map_get(const struct overlay *o, uint64_t granule)
{
    const uint64_t *c = o->chunk[granule / CHUNK_BITS];
    return c && bit(c[granule % CHUNK_BITS / 64], granule % 64);
}

static void map_set(struct overlay *o, uint64_t granule)
{
    uint64_t **c = &o->chunk[granule / CHUNK_BITS];
    if (!*c) {
        *c = mem_array(CHUNK_BITS / 64, sizeof(uint64_t));
    }
    (*c)[granule % CHUNK_BITS / 64] |= UINT64_C(1) << granule % 64;
}

static void map_set_range(struct overlay *o, uint64_t offset, uint64_t bytes)
{
    for (uint64_t a = align_down(offset, GRANULE); a < offset + bytes; a += GRANULE) {
        map_set(o, a / GRANULE);
    }
}

/* How many bytes from offset on, of at most n, are on the same side. */
static uint64_t run_length(const struct overlay *o, uint64_t offset, uint64_t n)
{
    bool side = map_get(o, offset / GRANULE);
    uint64_t end = align_down(offset, GRANULE) + GRANULE;
    while (end < offset + n && map_get(o, end / GRANULE) == side) {
        end += GRANULE;
    }
    return end - offset < n ? end - offset : n;
}

static void overlay_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                        struct block_extent *x)
{
    const struct overlay *o = n->state;
    x->bytes = run_length(o, offset, bytes);
    x->node = n->file;
    x->offset = offset;
    if (map_get(o, offset / GRANULE)) {
        x->kind = BLOCK_MAP_DATA;
        return;
    }
    x->kind = BLOCK_MAP_BACKING;
    if (writing) {
        uint64_t end = offset + x->bytes;
        uint64_t whole = end == n->size_bytes ? end : align_down(end, GRANULE);
        bool can = is_aligned(offset, GRANULE) && whole > offset;
        x->kind = can ? BLOCK_MAP_NEW : BLOCK_MAP_WRITE;
        x->bytes = can ? whole - offset : x->bytes;
    }
}

static void overlay_linked(struct block_node *n, uint64_t offset, const struct block_extent *x,
                           int status)
{
    if (status == 0) {
        map_set_range(n->state, offset, x->bytes);
    }
}

/* ---- slow */

static int overlay_load(struct block_node *n, uint64_t offset, bool writing)
{
    (void)n, (void)offset, (void)writing;
    return 0; /* the map is always there */
}

/* Gives the granule at offset its bytes, if it has none; part of it is about to be written. */
static int copy_up(struct block_node *n, uint64_t offset)
{
    uint8_t bytes[GRANULE];
    const uint64_t at = align_down(offset, GRANULE);
    const size_t some = n->size_bytes - at < GRANULE ? (size_t)(n->size_bytes - at) : GRANULE;
    os_mutex_lock(&n->tables);
    bool here = map_get(n->state, at / GRANULE);
    os_mutex_unlock(&n->tables);
    if (here) {
        return 0;
    }
    memset(bytes, 0, sizeof(bytes));
    int status = n->backing ? block_node_read(n->backing, at, bytes, some) : 0;
    return status < 0 ? status : block_node_write(n->file, at, bytes, some, 0);
}

static int overlay_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                         unsigned count, uint64_t bytes, unsigned flags)
{
    const uint64_t end = offset + bytes;
    int status = is_aligned(offset, GRANULE) ? 0 : copy_up(n, offset);
    (void)flags; /* it will not outlive a crash anyway */
    if (status == 0 && !is_aligned(end, GRANULE) && end < n->size_bytes) {
        status = copy_up(n, end);
    }
    if (status == 0) {
        status = block_node_writev(n->file, offset, iov, count, bytes, 0);
    }
    if (status == 0) {
        os_mutex_lock(&n->tables);
        map_set_range(n->state, offset, bytes);
        os_mutex_unlock(&n->tables);
    }
    return status;
}

static int overlay_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    int status = block_node_zero(n->file, offset, bytes, flags);
    if (status == 0) {
        os_mutex_lock(&n->tables);
        map_set_range(n->state, offset, bytes);
        os_mutex_unlock(&n->tables);
    }
    return status;
}

static int overlay_empty(struct block_node *n)
{
    struct overlay *o = n->state;
    os_mutex_lock(&n->tables);
    for (uint64_t i = 0; i < o->chunk_count; i++) {
        mem_free(o->chunk[i]);
        o->chunk[i] = NULL;
    }
    os_mutex_unlock(&n->tables);
    return block_node_discard(n->file, 0, n->size_bytes);
}

/* ---- life */

static void overlay_close(struct block_node *n)
{
    struct overlay *o = n->state;
    for (uint64_t i = 0; o->chunk && i < o->chunk_count; i++) {
        mem_free(o->chunk[i]);
    }
    mem_free(o->chunk);
}

/* A discard is ignored: what the image has must not show through. */
static const struct block_driver overlay_driver = {
    .name = "snapshot",
    .desc = "writes to a temporary file",
    .kind = BLOCK_FORMAT,
    .state_bytes = sizeof(struct overlay),
    .close = overlay_close,
    .map = overlay_map,
    .linked = overlay_linked,
    .load = overlay_load,
    .write = overlay_write,
    .zero = overlay_zero,
    .make_empty = overlay_empty,
};

static int temporary_file(struct error *e)
{
    const char *dir = getenv("TMPDIR");
    dir = dir && *dir ? dir : "/var/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* a file system without O_TMPFILE */
        char path[4096];
        snprintf(path, sizeof(path), "%s/dragoman.XXXXXX", dir);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            unlink(path);
        }
    }
    if (fd < 0) {
        error_set(e, "snapshot=on: no temporary file in %s: %s (TMPDIR names another folder)", dir,
                  strerror(errno));
    }
    return fd;
}

static bool add_children(struct block_node *n, struct block_node *below, int fd, struct error *e)
{
    struct block_mode m = {.write = true, .no_flush = true, .discard = true, .aio = n->mode.aio};
    struct block_node *file = block_file_of_fd(n->graph, fd, &m, n->size_bytes);
    bool good = block_child_attach(n, "file", file, BLOCK_PERM_ALL, BLOCK_PERM_READ, e) &&
                block_child_attach(n, "backing", below, BLOCK_PERM_READ, BLOCK_PERM_READ, e);
    block_node_close(file);
    n->file = good ? file : NULL;
    n->backing = good ? below : NULL;
    return good;
}

struct block_node *block_overlay_open(struct block_node *below, struct error *e)
{
    return block_overlay_open_longer(below, 0, e);
}

struct block_node *block_overlay_open_longer(struct block_node *below, uint64_t by, struct error *e)
{
    struct block_node *n = block_node_new(below->graph, &overlay_driver);
    struct overlay *o = n->state;
    const uint64_t size = align_up(block_node_size(below), BLOCK_SECTOR) + by;
    const uint64_t granules = align_up(size, GRANULE) / GRANULE;
    n->name = mem_printf("#block%u", atomic_add(&below->graph->names, 1));
    n->file_name = mem_strdup(block_node_file(below));
    n->mode = below->mode;
    n->mode.write = n->tracked = true;
    n->size_bytes = size;
    n->granule = GRANULE;
    o->chunk_count = (granules + CHUNK_BITS - 1) / CHUNK_BITS;
    o->chunk = mem_try_array(o->chunk_count, sizeof(*o->chunk));
    if (!o->chunk) {
        error_set(e, "snapshot=on: %s is too large", n->file_name);
        block_node_close(n);
        return NULL;
    }
    int fd = temporary_file(e);
    if (fd >= 0 && ftruncate(fd, (off_t)size) < 0) {
        error_set(e, "snapshot=on: the temporary file cannot be as large as %s: %s", n->file_name,
                  strerror(errno));
        close(fd);
        fd = -1;
    }
    if (fd < 0 || !add_children(n, below, fd, e)) {
        block_node_close(n);
        return NULL;
    }
    n->opened = true;
    return n;
}
