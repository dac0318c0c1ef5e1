/* SPDX-License-Identifier: MIT */
/*
 * NVM Express controllers. NVM Express Base Specification 1.4. What the files of hw/nvme share:
 * nvme.c (registers, life), nvme_queue.c (queues, interrupts), nvme_admin.c (admin commands),
 * nvme_identify.c (data structures that are read), nvme_io.c (NVM commands), nvme_ns.c
 * (namespaces).
 *
 * The vCPU that rings takes commands off the submission queue, does those of the admin queue, and
 * hands the others to the thread of their namespace's disk; there they end, and are put into the
 * completion queue. lock guards all but what is said otherwise; post_lock, before it, keeps whoever
 * has taken commands and not handed them on yet apart from a reset.
 */
#ifndef HW_NVME_NVME_H
#define HW_NVME_NVME_H

#include "base/bits.h"
#include "hw/block/disk_thread.h"
#include "hw/block/due_list.h"
#include "hw/pci/pci.h"

#define NVME_QUEUES_MAX 256 /* with the admin queue */
#define NVME_NAMESPACES_MAX 256
#define NVME_AER_MAX 16
#define NVME_EVENTS_MAX 16
#define NVME_PAGE_MIN 4096u
#define NVME_FEATURES 0x12 /* numbers below are kept */

/* Registers (3.1). */
enum {
    NVME_CAP = 0x00,
    NVME_VS = 0x08,
    NVME_INTMS = 0x0c,
    NVME_INTMC = 0x10,
    NVME_CC = 0x14,
    NVME_CSTS = 0x1c,
    NVME_AQA = 0x24,
    NVME_ASQ = 0x28,
    NVME_ACQ = 0x30,
    NVME_DOORBELLS = 0x1000,

    NVME_CC_ENABLE = 1 << 0,
    NVME_CSTS_READY = 1 << 0,
    NVME_CSTS_FATAL = 1 << 1,
    NVME_CSTS_SHUT_DOWN = 2 << 2,
};

/* Status: type << 8 | code (4.6.1); DNR: a retry is of no use. */
enum {
    NVME_OK = 0x000,
    NVME_BAD_OPCODE = 0x001,
    NVME_BAD_FIELD = 0x002,
    NVME_TRANSFER_ERROR = 0x004,
    NVME_ABORTED_BY_DELETION = 0x008,
    NVME_BAD_NAMESPACE = 0x00b,
    NVME_BAD_PRP_OFFSET = 0x013,
    NVME_LBA_RANGE = 0x080,
    NVME_CAPACITY = 0x081,
    NVME_BAD_CQ = 0x100,
    NVME_BAD_QID = 0x101,
    NVME_BAD_QUEUE_SIZE = 0x102,
    NVME_AER_LIMIT = 0x105,
    NVME_BAD_VECTOR = 0x108,
    NVME_BAD_LOG_PAGE = 0x109,
    NVME_BAD_QUEUE_DELETION = 0x10c,
    NVME_NOT_SAVEABLE = 0x10d,
    NVME_NOT_CHANGEABLE = 0x10e,
    NVME_READ_ONLY = 0x182,
    NVME_WRITE_FAULT = 0x280,
    NVME_READ_ERROR = 0x281,
    NVME_COMPARE_FAILURE = 0x285,
    NVME_LATER = 0xffff, /* no status: the command is answered later */
};
#define NVME_DNR 0x4000

/* Queues, as a snapshot has them. */
struct nvme_sq {
    uint64_t base; /* 0: there is none */
    uint32_t entries;
    uint16_t head, tail, cqid, delete_cid;
    bool deleting; /* a command waits for the last of its commands to end */
    uint8_t pad[3];
};
struct nvme_cq {
    uint64_t base;
    uint32_t entries;
    uint16_t head, tail, vector;
    bool phase, interrupts;
    uint8_t pad[4];
};

/* Offsets in a submission queue entry (4.2). */
enum {
    SQE_OPCODE = 0,
    SQE_FLAGS = 1,
    SQE_CID = 2,
    SQE_NSID = 4,
    SQE_PRP1 = 24,
    SQE_PRP2 = 32,
    SQE_CDW10 = 40,
    SQE_BYTES = 64,
    CQE_BYTES = 16,
};

static inline uint32_t sqe_dword(const uint8_t *sqe, unsigned n)
{
    return load_le32(sqe + 4 * n);
}

struct nvme;

/* What a namespace is, in a controller or in a device of its own. */
struct nvme_namespace {
    /* Properties. */
    char *drive;
    uint32_t logical_block_size, physical_block_size;
    int write_cache;
    bool share_rw;
    bool cached; /* no property: a write may be lost before a flush */
    uint8_t pad[2];

    /* No state. */
    uint32_t nsid;                       /* 0: there is none */
    uint16_t lba_shift, physical_blocks; /* blocks in a physical one, less one */
    struct nvme *ctrl;
    struct block *block;
    struct disk_thread disk;
    struct disk_job flush_job; /* of nvme_flush, with its request */
    struct block_request flush;
    /* Commands that read aside, in order, and the buffer of the first: on the disk's thread. */
    struct nvme_command *aside, *aside_end;
    uint8_t *aside_bytes;
    uint64_t aside_room;
    uint8_t eui64[8], nguid[16], uuid[16];
};

/* A command on its way through a namespace's disk. */
struct nvme_command {
    struct disk_job job; /* first */
    struct nvme *ctrl;
    struct nvme_namespace *ns;
    struct nvme_command *next; /* of a list by hand */
    uint8_t sqe[SQE_BYTES];
    uint16_t sqid;
    bool aside;        /* it reads into its namespace's buffer */
    struct iovec *iov; /* owned */
    unsigned iov_count, iov_cap;
    uint64_t bytes; /* of the data */
    struct block_request b;
    struct iovec piece;
    uint8_t *buffer; /* owned */
    unsigned index, count;
};

/* An asynchronous event that nobody has asked for yet. */
struct nvme_event {
    uint8_t type, info, page, pad;
};

struct nvme {
    struct pci_device pci; /* first */

    /* Properties. */
    char *serial;
    uint32_t max_ioqpairs, num_queues;
    uint16_t mqes, msix_qsize;
    uint8_t mdts, aerl;
    bool use_intel_id;
    uint8_t pad;
    int32_t bootindex;
    uint32_t pad2;
    struct nvme_namespace own; /* of drive= */

    /* State. */
    uint32_t intm, cc, csts, aqa;
    uint64_t asq, acq;
    uint64_t changed[NVME_NAMESPACES_MAX / 64]; /* namespaces, by number - 1: log page 4 */
    uint32_t features[NVME_FEATURES];
    uint32_t events_masked; /* types of events that a log page has to be read after */
    uint16_t aer_cid[NVME_AER_MAX];
    struct nvme_event event[NVME_EVENTS_MAX];
    uint8_t aer_count, event_count;
    uint8_t write_cached;
    uint8_t pad3;
    struct nvme_sq sq[NVME_QUEUES_MAX];
    struct nvme_cq cq[NVME_QUEUES_MAX];
    struct due_list due;  /* counted time */
    struct due_list owed; /* completions whose queue is full, in order */

    /* No state. */
    struct bus bus;
    struct nvme_namespace *ns[NVME_NAMESPACES_MAX]; /* by number - 1 */
    struct os_mutex post_lock, lock;
    struct clock_timer *timer;
    struct nvme_command *spare;
    uint32_t in_flight[NVME_QUEUES_MAX];    /* of a submission queue: taken and not answered */
    uint64_t signals[NVME_QUEUES_MAX / 64]; /* completion queues with something new */
    uint32_t queues;                        /* pairs, with the admin queue */
    uint32_t under_way;                     /* commands that disks have */
    bool stopping;
    uint8_t pad4[7];
};

static inline bool nvme_counted(const struct nvme *n)
{
    return n->pci.dev.machine->config.counted;
}

static inline unsigned nvme_page_bytes(const struct nvme *n)
{
    return NVME_PAGE_MIN << (n->cc >> 7 & 15);
}

/* ---- nvme.c: ends all that is under way, and takes nothing more. Neither lock is held. */

void nvme_stop(struct nvme *n);

/* ---- nvme_queue.c; lock is held where nothing else is said */

void nvme_doorbell(struct nvme *n, uint64_t offset, uint32_t value); /* not held */
/* The command of that queue has ended. */
void nvme_complete(struct nvme *n, unsigned sqid, uint16_t cid, uint16_t status, uint32_t result);
/* The same of one that a disk had, which is free then. */
void nvme_command_done(struct nvme_command *c, uint16_t status); /* not held */
void nvme_command_put(struct nvme_command *c);
void nvme_round_over(void *opaque); /* not held */
void nvme_due(void *opaque);        /* not held */
void nvme_show(struct nvme *n);     /* interrupts of what was completed */
/* Goes on with what is in the queues: after a pause. Not held. */
void nvme_take_all(struct nvme *n);
void nvme_queues_reset(struct nvme *n);
bool nvme_queues_check(const struct nvme *n, struct error *e);
void nvme_queues_loaded(struct nvme *n);
/* Tells who asks for events, now or when it asks. */
void nvme_event(struct nvme *n, unsigned type, unsigned info, unsigned page);
void nvme_events_show(struct nvme *n);
/* A queue that waits to be deleted has no commands any more. */
void nvme_end_deletion(struct nvme *n, unsigned sqid);
void nvme_interrupts_update(struct nvme *n);

/* ---- nvme_admin.c, nvme_identify.c: lock is held; the status, or NVME_LATER */

uint16_t nvme_admin(struct nvme *n, const uint8_t *sqe, uint32_t *result);
uint16_t nvme_identify(struct nvme *n, const uint8_t *sqe);
uint16_t nvme_get_log_page(struct nvme *n, const uint8_t *sqe);
/* Commands that a queue understands: for the log page. */
bool nvme_io_has(uint8_t opcode, bool *writes);
bool nvme_admin_has(uint8_t opcode);
void nvme_features_reset(struct nvme *n);

/* ---- nvme_io.c */

/* Of a command that was taken: NVME_LATER, the disk is to have it; else its status. */
uint16_t nvme_io_begin(struct nvme_command *c);
/* Copies between bytes and what a command's PRP entries name. */
uint16_t nvme_dma(struct nvme *n, const uint8_t *sqe, void *bytes, size_t size, bool to_guest);

/* ---- nvme_ns.c */

/* Rows of a class whose struct has a struct nvme_namespace called s. */
#define NVME_NAMESPACE_PROPS(type_, s)                                                             \
    {.name = "drive",                                                                              \
     .type = PROP_DRIVE,                                                                           \
     .offset = offsetof(struct type_, s.drive),                                                    \
     .desc = "id of the -drive"},                                                                  \
        {.name = "logical_block_size",                                                             \
         .type = PROP_U32,                                                                         \
         .offset = offsetof(struct type_, s.logical_block_size),                                   \
         .initial = "512",                                                                         \
         .desc = "bytes"},                                                                         \
        {.name = "physical_block_size",                                                            \
         .type = PROP_U32,                                                                         \
         .offset = offsetof(struct type_, s.physical_block_size),                                  \
         .initial = "auto",                                                                        \
         .desc = "bytes; auto is the logical block size"},                                         \
        {.name = "write-cache",                                                                    \
         .type = PROP_ENUM,                                                                        \
         .offset = offsetof(struct type_, s.write_cache),                                          \
         .initial = "auto",                                                                        \
         .desc = "at reset; auto as the drive's cache=",                                           \
         .choices = virtio_on_off_auto},                                                           \
    {                                                                                              \
        .name = "share-rw", .type = PROP_BOOL, .offset = offsetof(struct type_, s.share_rw),       \
        .initial = "off", .desc = "accepted; the drive's locking= decides"                         \
    }
#define NVME_NAMESPACE_FIELDS(type_, s)                                                            \
    FIELD_SKIP(type_, s.cached), FIELD_SKIP(type_, s.pad), FIELD_SKIP(type_, s.nsid),              \
        FIELD_SKIP(type_, s.ctrl), FIELD_SKIP(type_, s.block), FIELD_SKIP(type_, s.disk),          \
        FIELD_SKIP(type_, s.flush_job), FIELD_SKIP(type_, s.flush), FIELD_SKIP(type_, s.aside),    \
        FIELD_SKIP(type_, s.aside_end), FIELD_SKIP(type_, s.aside_bytes),                          \
        FIELD_SKIP(type_, s.aside_room), FIELD_SKIP(type_, s.lba_shift),                           \
        FIELD_SKIP(type_, s.physical_blocks), FIELD_SKIP(type_, s.eui64),                          \
        FIELD_SKIP(type_, s.nguid), FIELD_SKIP(type_, s.uuid)

bool nvme_namespace_create(struct nvme_namespace *s, struct nvme *n, uint32_t nsid,
                           struct error *e);
void nvme_namespace_destroy(struct nvme_namespace *s);
uint64_t nvme_blocks(const struct nvme_namespace *s);
struct nvme_namespace *nvme_find_namespace(const struct nvme *n, uint32_t nsid); /* or NULL */
/* Of all disks; lock is not held. */
void nvme_drain(struct nvme *n);
void nvme_settle_disks(struct nvme *n);
/* All that was acknowledged becomes durable, and what is under way ends. */
void nvme_flush(struct nvme *n);
bool nvme_write_cache(const struct nvme *n);
void nvme_bus_init(struct nvme *n);

#endif
