/* SPDX-License-Identifier: MIT */
/*
 * The block allocation table, which most disk formats have under one name or another: the disk is
 * cut into blocks of one size, and an array says for each where in the file it lies, or that it
 * was never written. A driver says by `struct bat_ops` what an entry looks like; what is here is
 * the same for all: the table in memory, by pages that are read when needed and given up when they
 * are many; new blocks; and an order of writes that a power cut may interrupt anywhere.
 *
 * That order: a new block gets its bytes, then it is linked in memory; a flush has these bytes on
 * stable storage before it writes the table. So what a table on disk names is whole, and a cut
 * leaves at worst room at the file's end that nobody names. New blocks are taken at the end only.
 *
 * Members are written by the driver before bat_create, then read only, unless said otherwise.
 */
#ifndef BLOCK_BAT_H
#define BLOCK_BAT_H

#include "base/list.h"
#include "block/driver.h"

struct bat;

enum bat_kind {
    BAT_NONE,   /* never written: the backing file's, or zeros */
    BAT_DATA,   /* at place */
    BAT_ZERO,   /* zeros, whatever is below */
    BAT_PACKED, /* compressed, at place: the driver's */
    BAT_BAD,    /* no block can lie there */
};

struct bat_page {
    struct list_node dirty_link; /* while dirty */
    uint64_t number;
    bool dirty;
    unsigned pins; /* it must stay: something is about to be linked in it */
    uint8_t raw[]; /* as in the file */
};

/* What a flush writes: pages as they were when it began. */
struct bat_copy {
    uint64_t number;
    uint8_t *raw;
};
struct bat_batch {
    struct bat_copy *pages;
    size_t count;
    uint64_t *places; /* of blocks that are new in them; only where lead_bytes != 0 */
    size_t place_count;
    uint64_t end; /* of the file, when it began */
};

struct bat_ops {
    enum bat_kind (*decode)(const struct bat *b, const uint8_t *raw, uint64_t *place);
    /* place 0: none. */
    void (*encode)(const struct bat *b, uint8_t *raw, uint64_t place);
    /* Where the page is in the file; 0: nowhere, and all of it is BAT_NONE. NULL: one array at
     * table_offset. */
    uint64_t (*page_place)(const struct bat *b, uint64_t page);
    /* Gives such a page a place, on stable storage; slow. */
    int (*page_make)(struct bat *b, uint64_t page);
    /* Before the table is written, and before the flush that comes between; slow. */
    int (*prepare)(struct bat *b, const struct bat_batch *batch);
    /* NULL: each page is written to its place. */
    int (*write_out)(struct bat *b, const struct bat_batch *batch);
};

/* Memory that the pages of several tables of one node take together, under node->tables. */
struct bat_share {
    struct list bats;
    uint64_t bytes, most;
};

struct bat {
    const struct bat_ops *ops;
    struct block_node *node, *file;
    uint64_t disk_offset, disk_bytes; /* the part of node that this table is of */
    uint64_t table_offset;            /* in file */
    uint64_t blocks;
    uint64_t gap_every;   /* after so many entries comes one that is no block's (0: never) */
    uint64_t entries;     /* set by bat_create */
    uint32_t block_bytes; /* a multiple of BLOCK_SECTOR */
    uint32_t lead_bytes;  /* of a block that come before its data */
    uint32_t entry_bytes; /* 4 or 8 */
    uint32_t page_entries;
    bool packed;       /* blocks are compressed: map() sets none aside */
    uint64_t align;    /* of blocks in the file */
    uint64_t first;    /* no block lies before */
    uint64_t meta_end; /* what is no block ends here */
    uint64_t limit;    /* no block may end behind this: what an entry can say */

    /* Under node->tables. */
    uint64_t end;        /* new blocks lie here */
    uint64_t known_end;  /* blocks that the file names lie before this, or before end */
    uint64_t clean_from; /* what lies behind in the file reads as zeros */
    uint64_t *spare;     /* places that were set aside and not used */
    size_t spare_count, spare_room;
    uint64_t *linked; /* places since the last flush, where lead_bytes != 0 */
    size_t linked_count, linked_room;
    struct bat_page **pages;
    uint64_t page_count, loaded, hand;
    uint64_t loaded_max;     /* 0: as many as 32 MiB hold */
    struct bat_share *share; /* or NULL */
    struct list_node of_share;
    struct list dirty;
};

/* False with an error: too large, or not in the file. b->end and such are set to the file's end. */
bool bat_create(struct bat *b, struct error *e);
void bat_destroy(struct bat *b);
/* From now on its pages are counted there, too. s->bats is a list. */
void bat_share(struct bat *b, struct bat_share *s);

/* For each block that is something: while nothing else is under way. 0 or -errno. */
typedef void bat_visit(void *opaque, uint64_t block, enum bat_kind kind, uint64_t place);
int bat_each(struct bat *b, bat_visit *visit, void *opaque);
/* Puts b->end behind the last block that lies in the file. 0 or -errno. */
int bat_find_end(struct bat *b);

/* The functions of a driver; offsets are the node's. */
void bat_map(struct bat *b, uint64_t offset, uint64_t bytes, bool writing, struct block_extent *x);
void bat_linked(struct bat *b, uint64_t offset, const struct block_extent *x, int status);
int bat_load(struct bat *b, uint64_t offset, bool writing);
int bat_write(struct bat *b, uint64_t offset, const struct iovec *iov, unsigned count,
              uint64_t bytes);
int bat_zero(struct bat *b, uint64_t offset, uint64_t bytes, unsigned flags);
int bat_discard(struct bat *b, uint64_t offset, uint64_t bytes);
int bat_flush(struct bat *b);
/* There are pages to be written. Who called bat_flush for a guest's flush sets node->dirty by it,
 * behind it: until then another flush has to wait for this one. The tables are held. */
bool bat_is_dirty(const struct bat *b);

/* The same as a driver's functions, for one whose state begins with its only table. */
void bat_node_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                  struct block_extent *x);
void bat_node_linked(struct block_node *n, uint64_t offset, const struct block_extent *x,
                     int status);
int bat_node_load(struct block_node *n, uint64_t offset, bool writing);
int bat_node_write(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                   uint64_t bytes, unsigned flags);
int bat_node_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags);
int bat_node_discard(struct block_node *n, uint64_t offset, uint64_t bytes);
int bat_node_flush(struct block_node *n);

/* For drivers with more of their own; node->tables is not held, node->slow is. */

/* The next multiple of `of` from v on. */
static inline uint64_t bat_round_up(uint64_t v, uint64_t of)
{
    return v % of ? v - v % of + of : v;
}

/* Room at the file's end that is no block (0: none is left); the tables are held. */
uint64_t bat_take_end(struct bat *b, uint64_t bytes, uint64_t align);
/* The entry of the block at offset: its page is read if need be. 0 or -errno. */
int bat_look(struct bat *b, uint64_t offset, enum bat_kind *kind, uint64_t *place);
/* Links a block at a place of the driver's choice. */
int bat_link(struct bat *b, uint64_t offset, uint64_t place);

#define BAT_ANY_TAIL UINT64_MAX

/*
 * Checks what is the same for all: blocks lie in the file, and none on another; what lies behind
 * the last one, but for tail_bytes, is leaked. fix: BLOCK_FIX_*; what is repaired is on stable
 * storage. Without an error, b->end is behind the last block.
 */
bool bat_check(struct bat *b, unsigned fix, uint64_t tail_bytes, struct block_check *c,
               struct error *e);

#endif
