/* SPDX-License-Identifier: MIT */
/* A logical unit as a device: what its bus and its class share. */
#ifndef HW_SCSI_SCSI_DISK_H
#define HW_SCSI_SCSI_DISK_H

#include "hw/scsi/scsi_unit.h"

struct scsi_disk {
    struct device dev; /* first */
    struct scsi_unit unit;
};

#endif
