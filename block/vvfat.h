/* SPDX-License-Identifier: MIT */
/*
 * A folder of the host as a disk with a FAT file system: what its files share. Microsoft's "FAT:
 * General Overview of On-Disk Format", version 1.03, for the file system.
 */
#ifndef BLOCK_VVFAT_H
#define BLOCK_VVFAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define VVFAT_SECTOR 512u
#define VVFAT_DEPTH_MAX 32
#define VVFAT_ENTRY 32u          /* bytes of a directory's entry */
#define VVFAT_ENTRIES_MAX 65536u /* files and folders in all; entries of a folder */

enum { /* attributes of an entry */
    VVFAT_LABEL = 8,
    VVFAT_DIRECTORY = 16,
    VVFAT_ARCHIVE = 32,
    VVFAT_LONG_NAME = 15,
};

/* A file or folder as the disk had it when it was made, or when the host's folder was last brought
 * up to date. */
struct vvfat_file {
    char *path; /* in the folder; "" is the folder itself */
    bool is_dir;
    uint32_t first, clusters; /* first: 0 if it has none */
    uint32_t size;            /* of a file */
    int64_t time_s;
    uint8_t *bytes;  /* of a folder, whole clusters; of the root of FAT12 and FAT16 in the head */
    bool adopted;    /* all of it is in the overlay: the host's file may change */
    unsigned parent; /* index */
    unsigned child, children; /* index of the first of those in it, which stand together */
};

struct vvfat_layout {
    unsigned type; /* 12, 16, 32 */
    bool floppy;
    unsigned heads, sectors_per_track;
    uint32_t sectors; /* of the disk */
    uint32_t part;    /* where the partition begins, 0 without */
    uint32_t reserved, fat_sectors, root_entries, cluster_sectors;
    uint32_t data; /* sector of cluster 2, of the disk */
    uint32_t clusters;
};

struct vvfat_disk {
    char *dir;
    char label[12]; /* 11, with spaces */
    struct vvfat_layout layout;
    uint8_t *head;            /* all sectors before layout.data, as they were at first */
    struct vvfat_file *files; /* as they were at first, folder after folder */
    size_t file_count;
    uint32_t *placed; /* indices of those that have clusters, in the order of these */
    size_t placed_count;
    /* What was written: a temporary file as large as the disk, and a bit for each sector. */
    int overlay;
    uint64_t *written, *changed; /* changed: since the folder was brought up to date */
    struct vvfat_file *known;    /* what the host's folder has from us */
    size_t known_count;
};

/* vvfat_make.c: takes stock of the folder and lays the disk out. False: it does not fit, or cannot
 * be read. links: links to folders are followed. */
bool vvfat_make(struct vvfat_disk *d, unsigned type, bool floppy, bool links, struct error *e);
void vvfat_free_files(struct vvfat_file *files, size_t count);

/* vvfat.c: [offset, offset + n) of the disk as it is; 0 or -errno. */
int vvfat_get(struct vvfat_disk *d, uint64_t offset, void *bytes, size_t n);
/* Puts what the host's file has into the overlay, where nothing was written. */
int vvfat_adopt(struct vvfat_disk *d, struct vvfat_file *f);

/* vvfat_sync.c: makes the host's folder what the file system on the disk says. 0 or -errno. */
int vvfat_sync(struct vvfat_disk *d);

static inline uint64_t vvfat_cluster_bytes(const struct vvfat_layout *l)
{
    return (uint64_t)l->cluster_sectors * VVFAT_SECTOR;
}

/* Where cluster c begins on the disk, in bytes. */
static inline uint64_t vvfat_cluster_at(const struct vvfat_layout *l, uint32_t c)
{
    return ((uint64_t)l->data + (uint64_t)(c - 2) * l->cluster_sectors) * VVFAT_SECTOR;
}

#endif
