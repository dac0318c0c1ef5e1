/* SPDX-License-Identifier: MIT */
/*
 * What the files of the VMDK format share. vmdk.c: images as a whole and their requests;
 * vmdk_descriptor.c: the text that says what an image consists of; vmdk_sparse.c: extents with
 * grain tables; vmdk_packed.c: compressed grains; vmdk_create.c: making images.
 */
#ifndef BLOCK_VMDK_H
#define BLOCK_VMDK_H

#include "block/bat.h"
#include "block/driver.h"

#define VMDK_NO_PARENT 0xffffffffu
#define VMDK_DESCRIPTOR_MAX (1u << 20)
#define VMDK_NAME_MAX 1024u
#define VMDK_LOADED_BYTES (UINT64_C(32) << 20) /* pages of tables in memory, of all extents */
#define VMDK_TABLES_MAX (UINT64_C(1) << 22)    /* of grains, of all extents: SESPARSE's 64T */

/* ---- the descriptor */

enum vmdk_kind {
    VMDK_FLAT,
    VMDK_SPARSE,
    VMDK_ZERO
};

struct vmdk_line { /* of an extent */
    enum vmdk_kind kind;
    bool read_only;
    uint64_t sectors, offset; /* offset: of flat ones, in their file */
    char *file;               /* owned; NULL: none */
};

struct vmdk_descriptor {
    uint32_t cid, parent_cid;
    size_t cid_at;              /* where the CID's digits are in the text; 0: nowhere */
    size_t parent_cid_at;       /* likewise */
    char *create_type, *parent; /* owned; NULL where not said */
    struct vmdk_line *lines;
    size_t count;
};

#define VMDK_EXTENTS_MAX 10000u

/* text ends with a NUL. False with an error; vmdk_descriptor_free in any case. */
bool vmdk_descriptor_parse(struct vmdk_descriptor *d, const char *text, const char *where,
                           struct error *e);
void vmdk_descriptor_free(struct vmdk_descriptor *d);

/* ---- images */

struct vmdk_extent {
    enum vmdk_kind kind;
    struct block_node *file;
    const char *only_read; /* why it cannot be written, or NULL */
    uint64_t disk_offset, disk_bytes;
    uint64_t flat_offset;
    /* sparse */
    struct bat bat;
    uint64_t *tables;              /* places of grain tables; 0: none; under node->tables */
    uint64_t *copies;              /* of the redundant ones, or NULL */
    uint64_t dir, dir_copy;        /* places of the directories */
    bool zero_grains;              /* an entry of 1 means zeros */
    bool markers;                  /* compressed grains have one before them */
    uint64_t se_tables, se_grains; /* SESPARSE: where both begin */
};

struct vmdk {
    struct vmdk_extent *extents;
    size_t count;
    uint64_t tables; /* of all sparse ones: each takes memory */
    struct bat_share share;
    uint32_t cid, parent_cid;
    char *create_type;
    uint64_t cid_at;  /* in node->file; 0: nowhere */
    bool cid_changed; /* by this writer; under node->tables and slow */
    uint64_t parent_cid_at;
};

/* Reads the header of a sparse extent in x->file: sets x->disk_bytes and its table. descriptor:
 * where one is embedded (0 bytes: none); may be NULL. */
struct vmdk_embedded {
    uint64_t offset, bytes;
};
bool vmdk_sparse_open(struct block_node *n, struct vmdk_extent *x, struct vmdk_embedded *descriptor,
                      struct error *e);
/* It is to be written: what that takes is read. */
bool vmdk_sparse_prepare_write(struct vmdk_extent *x, struct error *e);
void vmdk_sparse_close(struct vmdk_extent *x);

/* A grain at place, unpacked: fills bytes (at most a grain's). 0 or -errno. */
int vmdk_unpack(const struct vmdk_extent *x, uint64_t place, void *bytes, size_t length);
/* The whole grain at offset of the disk, packed, at the end of the file, and linked. */
int vmdk_pack(struct vmdk_extent *x, uint64_t offset, const void *grain);

/* ---- sparse headers, as bytes */

#define VMDK_SPARSE_MAGIC "KDMV"
#define VMDK_COWD_MAGIC "COWD"
#define VMDK_SE_MAGIC UINT64_C(0x00000000cafebabe)
#define VMDK_GRAINS_A_TABLE 512u

/* Offsets in the header of hosted sparse extents; numbers are little-endian, places sectors. */
enum {
    VMDK_AT_VERSION = 4,
    VMDK_AT_FLAGS = 8,
    VMDK_AT_CAPACITY = 12,
    VMDK_AT_GRAIN = 20,
    VMDK_AT_DESCRIPTOR = 28,
    VMDK_AT_DESCRIPTOR_SIZE = 36,
    VMDK_AT_TABLE_ENTRIES = 44,
    VMDK_AT_DIR_COPY = 48,
    VMDK_AT_DIR = 56,
    VMDK_AT_OVERHEAD = 64,
    VMDK_AT_LINE_ENDS = 73,
    VMDK_AT_COMPRESSION = 77,
};
enum {
    VMDK_FLAG_LINE_ENDS = 1,
    VMDK_FLAG_COPIES = 2,
    VMDK_FLAG_ZERO_GRAINS = 4,
    VMDK_FLAG_COMPRESSED = 0x10000,
    VMDK_FLAG_MARKERS = 0x20000,
};
#define VMDK_DIR_AT_END UINT64_MAX

/* ---- making */

struct vmdk_create {
    int subformat, adapter;
    bool compat6, zeroed_grain;
    char *hwversion, *toolsversion;
};
extern const struct block_option vmdk_create_options[];
bool vmdk_make(const struct block_create *c, struct error *e);

#endif
