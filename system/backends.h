/* SPDX-License-Identifier: MIT */
/* The back ends that the command line asks for: disks, networks, helper objects. */
#ifndef SYSTEM_BACKENDS_H
#define SYSTEM_BACKENDS_H

#include <stdbool.h>
#include <stdint.h>

#include "block/block.h"
#include "hw/p9/p9.h"
#include "net/net.h"
#include "system/keyval.h"
#include "system/memory_backend.h"
#include "system/secret.h"

/* Where a disk goes: the machine's usual place, nowhere but to a -device, a virtio-blk of its own,
 * a flash bank, a bus of the machine's IDE or floppy controller. */
enum drive_interface {
    DRIVE_USUAL,
    DRIVE_NONE,
    DRIVE_VIRTIO,
    DRIVE_PFLASH,
    DRIVE_IDE,
    DRIVE_FLOPPY
};
#define DRIVE_ANYWHERE UINT32_MAX

/* One -drive. */
struct drive {
    struct drive *next;
    const char *where;  /* the option, for messages */
    int interface;      /* enum drive_interface; never DRIVE_USUAL once the machine is known */
    uint32_t index;     /* of those of its interface; of IDE all buses are counted through */
    uint32_t bus, unit; /* as they were given, or DRIVE_ANYWHERE */
    bool index_given;
    bool cdrom;
    const char *serial; /* or NULL */
    struct block_options image;

    struct block *block; /* while open */
    bool used;           /* a device has it */
};

/* One -blockdev. */
struct blockdev {
    struct blockdev *next;
    char *where;
    json_t *options;
};

/* One -netdev, or the back end of a -nic. */
struct network {
    struct network *next;
    const char *where, *kind, *id;
    struct net_option *options;
    size_t count;

    struct netdev *netdev; /* while open */
    size_t connected;      /* of options: those whose streams are there */
    bool used;
};

/* The card of a -nic. */
struct card {
    struct card *next;
    const char *where;
    const char *model;        /* NULL: the machine's usual one */
    const char *mac, *netdev; /* MAC NULL: the machine chooses */
};

enum object_kind {
    OBJECT_RNG_RANDOM,
    OBJECT_RNG_BUILTIN,
    OBJECT_FILTER_DUMP,
    OBJECT_THROTTLE_GROUP,
    OBJECT_SECRET,
    OBJECT_IOTHREAD,
    OBJECT_MEMORY_RAM,
    OBJECT_MEMORY_FILE,
    OBJECT_MEMORY_MEMFD
};

struct object {
    struct object *next;
    const char *where, *id;
    enum object_kind kind;
    const char *filename;      /* rng-random */
    const char *netdev, *file; /* filter-dump; file: secret too */
    uint32_t maxlen;
    const char *data; /* secret */
    bool base64;
    struct memory_options memory;

    /* While open. */
    struct memory_backend *backend;
    struct secret *secret;
    unsigned users;      /* devices that name it */
    struct keyvals *own; /* of object_add */
};

/* One -fsdev, or that of a -virtfs. */
struct share {
    struct share *next;
    const char *where, *id;
    struct p9_options options;

    struct p9_share *share; /* while open */
};

#endif
