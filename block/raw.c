/* SPDX-License-Identifier: MIT */
/* Raw images: the disk's bytes are the file's, all of them or a part. */
#include <inttypes.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "block/drivers.h"

struct raw {
    uint64_t offset, size;
    bool size_given;
};

static const struct block_option raw_options[] = {
    {"offset", BLOCK_OPT_SIZE, offsetof(struct raw, offset), NULL,
     "where the disk begins in the file", NULL, false},
    {"size", BLOCK_OPT_SIZE, offsetof(struct raw, size), NULL, "of the disk (up to the file's end)",
     NULL, false},
    {0},
};

static int raw_probe(const uint8_t *head, size_t n, const char *file_name)
{
    (void)head, (void)n, (void)file_name;
    return 1;
}

static bool raw_open(struct block_node *n, struct error *e)
{
    struct raw *r = n->state;
    const uint64_t file = block_node_size(n->file);
    r->size_given = json_object_get(n->options, "size") != NULL;
    if (!is_aligned(r->offset | r->size, BLOCK_SECTOR)) {
        return error_set(e, "raw: offset= and size= must be multiples of %u", BLOCK_SECTOR);
    }
    if (r->offset > file || (r->size_given && r->size > file - r->offset)) {
        return error_set(e,
                         "raw: offset=%" PRIu64 " and size=%" PRIu64 " reach beyond %s, which has "
                         "%" PRIu64 " bytes",
                         r->offset, r->size, block_node_file(n), file);
    }
    /* A last sector that the file has only a part of counts: the rest reads as zeros. */
    n->size_bytes = r->size_given ? r->size : align_up(file - r->offset, BLOCK_SECTOR);
    n->linear = true;
    n->linear_offset = r->offset;
    return true;
}

static void raw_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                    struct block_extent *x)
{
    const struct raw *r = n->state;
    (void)bytes, (void)writing;
    x->kind = BLOCK_MAP_DATA;
    x->node = n->file;
    x->offset = r->offset + offset;
}

static int raw_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    const struct raw *r = n->state;
    return block_node_zero(n->file, r->offset + offset, bytes, flags);
}

static int raw_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    const struct raw *r = n->state;
    return block_node_discard(n->file, r->offset + offset, bytes);
}

static bool raw_resize(struct block_node *n, uint64_t bytes, enum block_prealloc how,
                       struct error *e)
{
    const struct raw *r = n->state;
    if (r->size_given) {
        return error_set(e, "raw: an image opened with size= keeps its size");
    }
    if (!block_node_resize(n->file, r->offset + bytes, how, e)) {
        return false;
    }
    atomic_set(&n->size_bytes, bytes);
    return true;
}

static bool raw_measure(const void *options, uint64_t size, struct block_node *source,
                        struct block_measure *m, struct error *e)
{
    (void)options, (void)source, (void)e;
    m->required = m->fully_allocated = size;
    m->bitmaps = UINT64_MAX;
    return true;
}

const struct block_driver block_raw_driver = {
    .name = "raw",
    .desc = "the bytes as they are",
    .kind = BLOCK_FORMAT,
    .passes_uses = true,
    .state_bytes = sizeof(struct raw),
    .options = raw_options,
    .probe = raw_probe,
    .open = raw_open,
    .map = raw_map,
    .zero = raw_zero,
    .discard = raw_discard,
    .resize = raw_resize,
    .measure = raw_measure,
};
