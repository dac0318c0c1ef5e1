/* SPDX-License-Identifier: MIT */
/* dragoman-img compare: whether two disks have the same bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "block/driver.h"
#include "tools/img/img.h"

/* qemu-img's exit statuses. */
enum {
    SAME = 0,
    DIFFERENT = 1,
    NOT_OPENED = 2,
    NO_STATUS = 3,
    NOT_READ = 4,
};

#define PIECE (UINT64_C(1) << 21)

struct comparison {
    struct block_node *n[2];
    const char *name[2];
    uint64_t size[2];
    bool strict, quiet;
    uint8_t *bytes[2];
};

/* Where the first sector is that differs, or bytes. */
static uint64_t first_difference(const struct comparison *c, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += 512) {
        const size_t n = bytes - at < 512 ? (size_t)(bytes - at) : 512;
        if (memcmp(c->bytes[0] + at, c->bytes[1] + at, n) != 0) {
            return at;
        }
    }
    return bytes;
}

static int different(const struct comparison *c, uint64_t at)
{
    if (!c->quiet) {
        printf("Content mismatch at offset %" PRIu64 "!\n", at);
    }
    return DIFFERENT;
}

/* What is at [at, at + bytes) of image i, zeros behind its end, into bytes[i]. */
static int fetch(const struct comparison *c, unsigned i, uint64_t at, uint64_t bytes)
{
    int status = block_node_read_padded(c->n[i], at, c->bytes[i], (size_t)bytes);
    if (status < 0) {
        command_failf("%s: it cannot be read at %" PRIu64 ": %s", c->name[i], at,
                      strerror(-status));
    }
    return status;
}

/* A run for both; *same: nothing has to be read. 0 or -errno. */
static int look(const struct comparison *c, uint64_t at, uint64_t *bytes, bool *same, bool *unlike)
{
    struct block_status s[2];
    for (unsigned i = 0; i < 2; i++) {
        s[i] = (struct block_status){.where = BLOCK_UNALLOCATED, .bytes = *bytes};
        if (at < c->size[i]) {
            const uint64_t there = c->size[i] - at;
            int status = block_node_status(c->n[i], at, there < *bytes ? there : *bytes, true,
                                           &s[i]);
            if (status < 0) {
                command_failf("%s: what is at %" PRIu64 " cannot be told: %s", c->name[i], at,
                              strerror(-status));
                return status;
            }
        }
    }
    *bytes = s[0].bytes < s[1].bytes ? s[0].bytes : s[1].bytes;
    *same = block_status_reads_zero(&s[0]) && block_status_reads_zero(&s[1]);
    *unlike = (s[0].where == BLOCK_UNALLOCATED) != (s[1].where == BLOCK_UNALLOCATED) ||
              block_status_reads_zero(&s[0]) != block_status_reads_zero(&s[1]);
    return 0;
}

static int compare_at(const struct comparison *c, uint64_t at, uint64_t *bytes)
{
    bool same, unlike;
    if (look(c, at, bytes, &same, &unlike) < 0) {
        return NO_STATUS;
    }
    if (c->strict && unlike) {
        if (!c->quiet) {
            printf("Strict mode: Offset %" PRIu64 " block status mismatch!\n", at);
        }
        return DIFFERENT;
    }
    if (same) {
        return SAME;
    }
    *bytes = *bytes < PIECE ? *bytes : PIECE;
    if (fetch(c, 0, at, *bytes) < 0 || fetch(c, 1, at, *bytes) < 0) {
        return NOT_READ;
    }
    const uint64_t where = first_difference(c, *bytes);
    return where < *bytes ? different(c, at + where) : SAME;
}

static int compare_all(const struct comparison *c, struct img_progress *p)
{
    const uint64_t all = c->size[0] > c->size[1] ? c->size[0] : c->size[1];
    int status = SAME;
    for (uint64_t at = 0; at < all && status == SAME && !img_interrupted();) {
        uint64_t bytes = all - at;
        status = compare_at(c, at, &bytes);
        at += bytes;
        img_progress_show(p, at, all);
    }
    return status;
}

static int compare_sizes(struct comparison *c, struct img_progress *p)
{
    const bool unlike = c->size[0] != c->size[1];
    if (unlike && c->strict) {
        if (!c->quiet) {
            printf("Strict mode: Image size mismatch!\n");
        }
        return DIFFERENT;
    }
    if (unlike && !c->quiet) {
        printf("Warning: Image size mismatch!\n");
    }
    c->bytes[0] = mem_buffer(PIECE);
    c->bytes[1] = mem_buffer(PIECE);
    int status = compare_all(c, p);
    if (status == SAME && !c->quiet && !img_interrupted()) {
        printf("Images are identical.\n");
    }
    mem_free(c->bytes[0]);
    mem_free(c->bytes[1]);
    return status;
}

static int compare_run(const struct command_line *l)
{
    struct error e;
    struct image m[2] = {{NULL, NULL}, {NULL, NULL}};
    struct img_progress p;
    struct comparison c = {.strict = command_given(l, IMG_STRICT),
                           .quiet = command_given(l, IMG_QUIET)};
    int status = SAME;
    if (l->name_count != 2) {
        return command_usage(l, "the names of two images are expected");
    }
    struct block_graph *g = block_graph_create();
    for (unsigned i = 0; i < 2 && status == SAME; i++) {
        struct image_how h;
        img_how_of_line(&h, l, l->names[i]);
        h.format = i ? command_value(l, IMG_OTHER_FORMAT) : h.format;
        if (!image_open(&m[i], g, &h, &e)) {
            command_fail(&e);
            status = NOT_OPENED;
        } else {
            c.n[i] = m[i].node;
            c.name[i] = l->names[i];
            c.size[i] = block_node_size(m[i].node);
        }
    }
    if (status == SAME) {
        img_interrupt_begin();
        img_progress_begin(&p, command_given(l, IMG_PROGRESS) && !c.quiet);
        status = compare_sizes(&c, &p);
        img_progress_end(&p);
    }
    image_drop(&m[0]);
    image_drop(&m[1]);
    block_graph_destroy(g);
    return status;
}

static const struct command_option compare_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_PROGRESS,
    {IMG_FORMAT, 'f', "a-format", "FMT", "format of the first image"},
    {IMG_OTHER_FORMAT, 'F', "b-format", "FMT", "format of the second"},
    IMG_ROW_IMAGE_OPTS,
    {IMG_STRICT, 's', "strict", NULL, "sizes, and what is allocated, must be the same, too"},
    {IMG_CACHE, 'T', "cache", "CACHE", "none, writeback, writethrough, directsync or unsafe"},
    IMG_ROW_SHARE,
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_compare = {
    .name = "compare",
    .summary = "Tell whether two images have the same content",
    .operands = "FILENAME1 FILENAME2",
    .about = "Exit status: 0 the same, 1 different, 2 an image cannot be opened, 3 what is\n"
             "allocated cannot be told, 4 it cannot be read.\n",
    .options = compare_options,
    .run = compare_run,
};
