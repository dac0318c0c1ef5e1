/* SPDX-License-Identifier: MIT */
/* What the files of the virtio SCSI host share: virtio_scsi.c (device, events), virtio_scsi_io.c
 * (commands and task management). */
#ifndef HW_VIRTIO_VIRTIO_SCSI_H
#define HW_VIRTIO_VIRTIO_SCSI_H

#include "base/list.h"
#include "hw/block/due_list.h"
#include "hw/scsi/scsi.h"
#include "hw/virtio/virtio.h"

enum {
    SCSI_CONTROL_QUEUE = 0,
    SCSI_EVENT_QUEUE = 1,
    SCSI_REQUEST_QUEUES = 2, /* the first */

    SCSI_IDS = 256,
    SCSI_CDB_USUAL = 32,
    SCSI_SENSE_USUAL = 96,
    SCSI_CONFIG_SENSE_SIZE = 20,
    SCSI_CONFIG_CDB_SIZE = 24,
};

struct vscsi_request;

struct virtio_scsi {
    struct virtio_device v;

    /* Properties. */
    char *iothread;
    uint32_t num_queues, virtqueue_size, max_sectors, cmd_per_lun;
    bool hotplug, param_change, seg_max_adjust;
    uint8_t pad[5];

    /* State; under work_lock. */
    bool events_missed;
    uint8_t pad2[7];
    struct due_list due; /* counted time */

    /* No state. */
    struct scsi_bus bus;
    struct clock_timer *timer;
    struct list under_way;       /* of struct vscsi_request, oldest first; under work_lock */
    struct list managing;        /* of struct vscsi_management */
    struct vscsi_request *spare; /* under work_lock */
    struct virtq_chain control, event_chain;
    uint64_t sequence; /* of the last request */
    struct virtio_round answered;
    struct os_mutex post_lock; /* before work_lock */
    bool stopping;             /* under work_lock */
    uint8_t pad3[7];
};

static inline struct virtio_scsi *as_vscsi(struct virtio_device *v)
{
    return (struct virtio_scsi *)v;
}

static inline bool vscsi_counted(const struct virtio_scsi *s)
{
    return s->v.pci.dev.machine->config.counted;
}

/* virtio_scsi_io.c */
void virtio_scsi_take_requests(struct virtio_scsi *s, unsigned queue);
void virtio_scsi_take_control(struct virtio_scsi *s);
void virtio_scsi_round_over(void *opaque);
void virtio_scsi_due(void *opaque);
void virtio_scsi_free_requests(struct virtio_scsi *s);
/* SCSI id and logical unit of the eight bytes that a driver says; false: nothing that can be here.
 */
bool virtio_scsi_lun(const uint8_t *lun, unsigned *scsi_id, unsigned *unit);

#endif
