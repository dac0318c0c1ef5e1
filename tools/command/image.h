/* SPDX-License-Identifier: MIT */
/* Images as the options of a tool name them. */
#ifndef TOOLS_COMMAND_IMAGE_H
#define TOOLS_COMMAND_IMAGE_H

#include "block/node.h"

struct image_how {
    const char *name, *format;                 /* format NULL: by looking */
    bool opts;                                 /* name is options */
    const char *cache;                         /* NULL: writeback */
    const char *aio, *discard, *detect_zeroes; /* as -drive has them; NULL: as that does without */
    uint64_t offset;                           /* the disk begins there */
    bool overlay;                              /* what is written is gone with the process */
    bool write;
    bool share;           /* -U */
    bool lets_write;      /* others may write to it meanwhile; they are ours */
    bool no_backing;      /* its backing file is not looked at */
    bool repair_none;     /* nothing is replayed */
    bool no_io;           /* its data is not read: a file that has it may be missing */
    const char *snapshot; /* its content at that time; it cannot be written then */
};

struct image {
    struct block_node *node; /* NULL: not open */
    struct block_use *use;
};

bool image_open(struct image *m, struct block_graph *g, const struct image_how *h, struct error *e);
/* Writes out what is held back; false: it could not be. */
bool image_close(struct image *m, struct error *e);
/* Closes what image_open made, whatever comes of it. */
void image_drop(struct image *m);

#endif
