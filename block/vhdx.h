/* SPDX-License-Identifier: MIT */
/* What the files of the VHDX format share ([MS-VHDX] 8.0). Numbers are little-endian. */
#ifndef BLOCK_VHDX_H
#define BLOCK_VHDX_H

#include "block/bat.h"
#include "block/driver.h"

#define VHDX_MIB (UINT64_C(1) << 20)
#define VHDX_GUID_BYTES 16u
#define VHDX_HEADER_BYTES 4096u
#define VHDX_REGIONS_BYTES 65536u
#define VHDX_LOG_SECTOR 4096u
#define VHDX_BLOCK_MAX (UINT64_C(256) << 20)
#define VHDX_DISK_MAX (UINT64_C(64) << 40)

/* Where things are in the file: two headers, and two tables of regions. */
#define VHDX_HEADER_AT(i) (65536u * (1 + (i)))
#define VHDX_REGIONS_AT(i) (65536u * (3 + (i)))

/* In a header. */
enum {
    VHDX_CHECKSUM = 4,
    VHDX_SEQUENCE = 8,
    VHDX_FILE_GUID = 16,
    VHDX_DATA_GUID = 32,
    VHDX_LOG_GUID = 48,
    VHDX_LOG_VERSION = 64,
    VHDX_VERSION = 66,
    VHDX_LOG_BYTES = 68,
    VHDX_LOG_AT = 72,
};

/* States of blocks, in the low three bits of an entry. */
enum {
    VHDX_NOT_PRESENT = 0,
    VHDX_UNDEFINED = 1,
    VHDX_ZERO = 2,
    VHDX_UNMAPPED = 3,
    VHDX_PRESENT = 6,
    VHDX_PARTIAL = 7,
};

extern const uint8_t vhdx_guid_bat[], vhdx_guid_metadata[], vhdx_guid_parameters[],
    vhdx_guid_disk_bytes[], vhdx_guid_page83[], vhdx_guid_sector[], vhdx_guid_physical[];

struct vhdx {
    struct bat bat; /* first */
    uint8_t header[VHDX_HEADER_BYTES];
    unsigned current; /* which of the two it is */
    uint64_t log_at, log_bytes;
    /* This writer's; under node->slow. */
    uint64_t log_next, log_sequence; /* where the next entry goes, and its number */
    uint64_t flushed_bytes;          /* of the file, on stable storage */
    uint8_t log_guid[VHDX_GUID_BYTES];
    bool logged;  /* the header says that there is a log */
    bool changed; /* the header has the GUIDs of this writer; also under node->tables */
    bool replayed;
};

/* CRC-32C of n bytes, in which the four at `at` count as zeros. */
uint32_t vhdx_checksum(const uint8_t *bytes, size_t n, size_t at);

/* Writes v->header with the next number into the place of the other one, and flushes. */
int vhdx_write_header(struct vhdx *v);

/* Carries out what the log holds, and empties it. False with an error. */
bool vhdx_log_replay(struct vhdx *v, struct error *e);
/* Has the pages on stable storage in the log, before they are written to the table. */
int vhdx_log_write(struct vhdx *v, const struct bat_copy *pages, size_t count, uint64_t end);
/* Pages that one entry of the log holds. */
size_t vhdx_log_room(const struct vhdx *v);

struct vhdx_create {
    uint64_t block, log;
    int subformat;
    bool zeros;
};
extern const struct block_option vhdx_create_options[];
bool vhdx_make(const struct block_create *c, struct error *e);

#endif
