/* SPDX-License-Identifier: MIT */
/* The driver of an NVMe controller: nvme_rig.h. */
#include "tests/support/nvme_rig.h"

#include "base/bits.h"
#include "base/os.h"
#include "hw/pci/pci_regs.h"

void nvme_drv_open(struct nvme_drv *d, struct rig *r, unsigned devfn, bool msix)
{
    const paddr table = NVME_BAR + 0x10000;
    const unsigned cap = rig_cap(r, 0, devfn, PCI_CAP_MSIX);
    *d = (struct nvme_drv){.r = r, .devfn = devfn};
    rig_config_set(r, 0, devfn, PCI_BAR0, 4, (uint32_t)NVME_BAR);
    rig_config_set(r, 0, devfn, PCI_BAR0 + 4, 4, 0);
    rig_config_set(r, 0, devfn, PCI_BAR0 + 16, 4, (uint32_t)table);
    rig_config_set(r, 0, devfn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (unsigned i = 0; msix && i < 4; i++) {
        rig_store(r, table + 16 * i, 4, RIG_MSI);
        rig_store(r, table + 16 * i + 8, 4, i);
        rig_store(r, table + 16 * i + 12, 4, 0);
    }
    if (msix) {
        rig_config_set(r, 0, devfn, cap + 2, 2, PCI_MSIX_ENABLE);
    }
    d->admin.sq = rig_alloc(r, 4096);
    d->admin.cq = rig_alloc(r, 4096);
    d->io.sq = rig_alloc(r, 4096);
    d->io.cq = rig_alloc(r, 4096);
    d->data = rig_alloc(r, 65536);
}

uint64_t nvme_reg(struct nvme_drv *d, unsigned offset, unsigned size)
{
    return rig_load(d->r, NVME_BAR + offset, size);
}

void nvme_reg_set(struct nvme_drv *d, unsigned offset, unsigned size, uint64_t v)
{
    rig_store(d->r, NVME_BAR + offset, size, v);
}

static void begin(struct nvme_drv *d, struct nvme_pair *p, unsigned number)
{
    p->number = number;
    p->tail = p->head = 0;
    p->phase = true;
    memset(rig_host(d->r, p->cq), 0, 4096);
}

bool nvme_drv_enable(struct nvme_drv *d)
{
    nvme_reg_set(d, NVME_CC, 4, 0);
    begin(d, &d->admin, 0);
    nvme_reg_set(d, NVME_AQA, 4, (NVME_RIG_ENTRIES - 1) * 0x10001);
    nvme_reg_set(d, NVME_ASQ, 8, d->admin.sq);
    nvme_reg_set(d, NVME_ACQ, 8, d->admin.cq);
    nvme_reg_set(d, NVME_CC, 4, 0x460001);
    return nvme_reg(d, NVME_CSTS, 4) == NVME_CSTS_READY;
}

void nvme_drv_make_io(struct nvme_drv *d)
{
    uint8_t e[SQE_BYTES];
    begin(d, &d->io, 1);
    nvme_sqe(d, e, 5, 0);
    store_le64(e + SQE_PRP1, d->io.cq);
    store_le32(e + 40, (NVME_RIG_ENTRIES - 1) << 16 | 1);
    store_le32(e + 44, 1u << 16 | 3);
    if (nvme_command(d, &d->admin, e, NULL) == NVME_BAD_VECTOR) { /* by the pin */
        store_le32(e + 44, 3);
        nvme_command(d, &d->admin, e, NULL);
    }
    nvme_sqe(d, e, 1, 0);
    store_le64(e + SQE_PRP1, d->io.sq);
    store_le32(e + 40, (NVME_RIG_ENTRIES - 1) << 16 | 1);
    store_le32(e + 44, 1u << 16 | 1);
    nvme_command(d, &d->admin, e, NULL);
}

void nvme_sqe(struct nvme_drv *d, uint8_t *sqe, uint8_t opcode, uint32_t nsid)
{
    memset(sqe, 0, SQE_BYTES);
    sqe[SQE_OPCODE] = opcode;
    store_le16(sqe + SQE_CID, ++d->cid);
    store_le32(sqe + SQE_NSID, nsid);
    store_le64(sqe + SQE_PRP1, d->data);
}

void nvme_offer(struct nvme_drv *d, struct nvme_pair *p, const uint8_t *sqe)
{
    memcpy(rig_host(d->r, p->sq + SQE_BYTES * p->tail), sqe, SQE_BYTES);
    p->tail = (p->tail + 1) % NVME_RIG_ENTRIES;
    nvme_reg_set(d, NVME_DOORBELLS + 8 * p->number, 4, p->tail);
}

bool nvme_completion(struct nvme_drv *d, struct nvme_pair *p, uint8_t *cqe)
{
    const uint8_t *at = rig_host(d->r, p->cq + CQE_BYTES * p->head);
    uint32_t last;
    dma_load32(&(struct dma){d->r->m->memory}, p->cq + CQE_BYTES * p->head + 12, &last);
    if ((last >> 16 & 1) != p->phase) {
        return false;
    }
    memcpy(cqe, at, CQE_BYTES);
    p->head = (p->head + 1) % NVME_RIG_ENTRIES;
    p->phase ^= p->head == 0;
    nvme_reg_set(d, NVME_DOORBELLS + 8 * p->number + 4, 4, p->head);
    return true;
}

uint16_t nvme_command(struct nvme_drv *d, struct nvme_pair *p, const uint8_t *sqe, uint32_t *result)
{
    uint8_t cqe[CQE_BYTES];
    nvme_offer(d, p, sqe);
    for (unsigned i = 0; i < 60000; i++) {
        if (nvme_completion(d, p, cqe)) {
            if (result) {
                *result = load_le32(cqe);
            }
            return load_le16(cqe + 14) >> 1 & 0x3fff;
        }
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    return 0xffff;
}
