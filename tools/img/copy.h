/* SPDX-License-Identifier: MIT */
/*
 * The bytes of disks, one behind the other, into another disk, by several threads; what reads as
 * zeros is not copied where the other has zeros already. And making the image that they go to.
 */
#ifndef TOOLS_IMG_COPY_H
#define TOOLS_IMG_COPY_H

#include "tools/img/img.h"

struct copy_source {
    struct block_node *node;
    const char *name;
    uint64_t offset, bytes; /* this part of it */
};

struct copy {
    struct copy_source *sources;
    size_t source_count;
    struct block_node *to;
    const char *to_name;
    uint64_t sparse;  /* so many zeros in a row are not written; 0: all are */
    uint64_t packed;  /* bytes of a cluster to compress, or 0 */
    uint64_t rate;    /* bytes a second at most, or 0 */
    unsigned threads; /* 1 to 16 */
    bool on_backing;  /* what the first source has from its backing file only is left to ours */
    bool zero;        /* it reads as zeros */
    bool in_order;    /* writes come one after the other */
    bool salvage;     /* what cannot be read is zeros */
    bool quiet;
    struct img_progress progress;
};

/* Copies all, and says what went wrong. False: it did, or was interrupted. */
bool copy_run(struct copy *c);

/* Making the image: options are -o's; how says the rest. */
struct copy_made {
    json_t *options;      /* the caller's; a size is added */
    struct image_how how; /* with a format */
};
/* The size is what the sources have, unless options say it. *m is open; c gets to, to_name, zero.
 */
bool copy_make(struct copy *c, struct block_graph *g, const struct copy_made *made, struct image *m,
               struct error *e);
/* Bytes of all sources. */
uint64_t copy_bytes(const struct copy *c);

#endif
