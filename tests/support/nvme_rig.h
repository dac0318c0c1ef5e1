/* SPDX-License-Identifier: MIT */
/* The driver's side of an NVMe controller on a rig: the test is the guest. */
#ifndef TESTS_SUPPORT_NVME_RIG_H
#define TESTS_SUPPORT_NVME_RIG_H

#include "hw/nvme/nvme.h"
#include "tests/support/virtio_rig.h"

#define NVME_BAR RIG_MMIO
#define NVME_RIG_ENTRIES 16u

/* One pair of queues. */
struct nvme_pair {
    paddr sq, cq;
    unsigned number, tail, head;
    bool phase;
};

struct nvme_drv {
    struct rig *r;
    unsigned devfn;
    struct nvme_pair admin, io;
    paddr data; /* 64 KiB */
    uint16_t cid;
};

/* Decodes BARs, and with msix turns MSI-X on (vector n sends data n). */
void nvme_drv_open(struct nvme_drv *d, struct rig *r, unsigned devfn, bool msix);
uint64_t nvme_reg(struct nvme_drv *d, unsigned offset, unsigned size);
void nvme_reg_set(struct nvme_drv *d, unsigned offset, unsigned size, uint64_t v);
/* Enables the controller; false: it is not ready. */
bool nvme_drv_enable(struct nvme_drv *d);
/* Makes pair 1 by admin commands. */
void nvme_drv_make_io(struct nvme_drv *d);

/* An entry with the opcode, a namespace and PRP 1 at the data. */
void nvme_sqe(struct nvme_drv *d, uint8_t *sqe, uint8_t opcode, uint32_t nsid);
void nvme_offer(struct nvme_drv *d, struct nvme_pair *p, const uint8_t *sqe);
/* The next completion, as sixteen bytes; false: there is none now. */
bool nvme_completion(struct nvme_drv *d, struct nvme_pair *p, uint8_t *cqe);
/* Offers, waits, and gives back the status without DNR; 0xffff: no answer. *result may be NULL. */
uint16_t nvme_command(struct nvme_drv *d, struct nvme_pair *p, const uint8_t *sqe,
                      uint32_t *result);

#endif
