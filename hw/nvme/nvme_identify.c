/* SPDX-License-Identifier: MIT */
/*
 * What an NVMe controller tells of itself: identify data and log pages, base specification 1.4,
 * 5.15 and 5.14. Names are those by which guests know QEMU's (/dev/disk/by-id).
 */
#include <stdio.h>

#include "hw/block/disk_identity.h"
#include "hw/nvme/nvme.h"

enum {
    CNS_NAMESPACE = 0,
    CNS_CONTROLLER = 1,
    CNS_ACTIVE = 2,
    CNS_DESCRIPTORS = 3,
    PAGE_BYTES = 4096,

    LOG_ERROR = 1,
    LOG_HEALTH = 2,
    LOG_FIRMWARE = 3,
    LOG_CHANGED = 4,
    LOG_EFFECTS = 5,
    EVENT_ERROR = 0,
    EVENT_HEALTH = 1,
    EVENT_NOTICE = 2,
};

/* ---- IDENTIFY */

static void put_controller(const struct nvme *n, uint8_t *p)
{
    store_le16(p, load_le16(n->pci.config));
    store_le16(p + 2, 0x1af4);
    disk_put_text(p + 4, n->serial, 20);
    disk_put_text(p + 24, "QEMU NVMe Ctrl", 40);
    disk_put_text(p + 64, "1.0", 8);
    p[72] = 6; /* arbitration burst */
    memcpy(p + 73, "\x00\x54\x52", 3);
    p[77] = n->mdts;
    store_le32(p + 80, 0x10400);
    store_le32(p + 92, 1 << 8); /* notices of namespaces that change */
    p[111] = 1;                 /* an I/O controller */
    p[258] = 3;                 /* four commands to abort at once */
    p[259] = n->aerl;
    p[260] = 3; /* one firmware slot, read only */
    p[261] = 6; /* effects log, long log pages */
    store_le16(p + 266, 343);
    store_le16(p + 268, 373);
    p[512] = 0x66;
    p[513] = 0x44;
    store_le32(p + 516, NVME_NAMESPACES_MAX);
    store_le16(p + 520, 0x8d); /* compare, dataset management, write zeroes, verify */
    p[525] = 5;                /* a write cache; flushes name their namespace */
    snprintf((char *)p + 768, 256, "nqn.2019-08.org.qemu:%s", n->serial);
    store_le16(p + 2048, 2500); /* the power state: 25 W */
    store_le32(p + 2052, 16);
    store_le32(p + 2056, 4);
}

static void put_namespace(const struct nvme_namespace *s, uint8_t *p)
{
    const uint64_t blocks = nvme_blocks(s);
    store_le64(p, blocks);
    store_le64(p + 8, blocks);
    store_le64(p + 16, blocks);
    p[24] = 0x10; /* what is best for transfers is said: */
    store_le16(p + 64, s->physical_blocks);
    store_le16(p + 66, s->physical_blocks);
    store_le16(p + 68, s->physical_blocks);
    store_le16(p + 70, s->physical_blocks);
    p[99] = block_read_only(s->block); /* NSATTR: write protected */
    memcpy(p + 104, s->nguid, 16);
    memcpy(p + 120, s->eui64, 8);
    p[130] = (uint8_t)s->lba_shift;
}

static void put_active(const struct nvme *n, uint32_t after, uint8_t *p)
{
    for (uint32_t nsid = after + 1; nsid <= NVME_NAMESPACES_MAX; nsid++) {
        if (nvme_find_namespace(n, nsid)) {
            store_le32(p, nsid);
            p += 4;
        }
    }
}

static void put_descriptors(const struct nvme_namespace *s, uint8_t *p)
{
    static const uint8_t none[8];
    if (memcmp(s->eui64, none, 8) != 0) {
        p[0] = 1;
        p[1] = 8;
        memcpy(p + 4, s->eui64, 8);
        p += 12;
    }
    p[0] = 3;
    p[1] = 16;
    memcpy(p + 4, s->uuid, 16);
}

uint16_t nvme_identify(struct nvme *n, const uint8_t *sqe)
{
    uint8_t page[PAGE_BYTES] = {0};
    const uint32_t nsid = sqe_dword(sqe, 1), cns = sqe_dword(sqe, 10) & 0xff;
    const struct nvme_namespace *s = nvme_find_namespace(n, nsid);
    const bool any = nsid == UINT32_MAX;
    switch (cns) {
    case CNS_NAMESPACE:
        if (nsid == 0 || (nsid > NVME_NAMESPACES_MAX && !any)) {
            return NVME_BAD_NAMESPACE | NVME_DNR;
        }
        if (s) { /* one that is not active is all zeros */
            put_namespace(s, page);
        } else if (any) {
            page[130] = 9;
        }
        break;
    case CNS_CONTROLLER:
        put_controller(n, page);
        break;
    case CNS_ACTIVE:
        if (nsid >= UINT32_MAX - 1) {
            return NVME_BAD_NAMESPACE | NVME_DNR;
        }
        put_active(n, nsid, page);
        break;
    case CNS_DESCRIPTORS:
        if (!s) {
            return NVME_BAD_NAMESPACE | NVME_DNR;
        }
        put_descriptors(s, page);
        break;
    default:
        return NVME_BAD_FIELD | NVME_DNR;
    }
    return nvme_dma(n, sqe, page, sizeof(page), true);
}

/* ---- GET LOG PAGE */

static unsigned put_health(const struct nvme *n, uint8_t *p)
{
    (void)n;
    store_le16(p + 1, 323); /* kelvin */
    p[3] = 100;             /* per cent of spare blocks */
    p[4] = 10;
    return 512;
}

static unsigned put_firmware(const struct nvme *n, uint8_t *p)
{
    (void)n;
    p[0] = 1; /* slot 1 runs */
    disk_put_text(p + 8, "1.0", 8);
    return 512;
}

static unsigned put_changed(const struct nvme *n, uint8_t *p)
{
    unsigned at = 0;
    for (unsigned i = 0; i < NVME_NAMESPACES_MAX; i++) {
        if (n->changed[i / 64] >> i % 64 & 1) {
            store_le32(p + at, i + 1);
            at += 4;
        }
    }
    return PAGE_BYTES;
}

static unsigned put_effects(const struct nvme *n, uint8_t *p)
{
    (void)n;
    for (unsigned i = 0; i < 256; i++) {
        bool writes;
        store_le32(p + 4 * i, nvme_admin_has((uint8_t)i));
        const bool there = nvme_io_has((uint8_t)i, &writes);
        store_le32(p + 1024 + 4 * i, there | (uint32_t)writes << 1);
    }
    return PAGE_BYTES;
}

static unsigned put_errors(const struct nvme *n, uint8_t *p)
{
    (void)n, (void)p; /* statuses tell all that goes wrong */
    return 64;
}

static const struct {
    uint8_t id, event;
    unsigned (*put)(const struct nvme *n, uint8_t *p);
} logs[] = {
    {LOG_ERROR, EVENT_ERROR, put_errors}, {LOG_HEALTH, EVENT_HEALTH, put_health},
    {LOG_FIRMWARE, 0xff, put_firmware},   {LOG_CHANGED, EVENT_NOTICE, put_changed},
    {LOG_EFFECTS, 0xff, put_effects},
};

/* Unless the driver keeps them (5.14), events of the page's kind come again. */
static void was_read(struct nvme *n, unsigned event)
{
    if (event == EVENT_NOTICE) {
        memset(n->changed, 0, sizeof(n->changed));
    }
    if (event < 32) {
        n->events_masked &= ~(1u << event);
        nvme_events_show(n);
    }
}

uint16_t nvme_get_log_page(struct nvme *n, const uint8_t *sqe)
{
    uint8_t page[PAGE_BYTES] = {0};
    const uint32_t dw10 = sqe_dword(sqe, 10);
    const uint64_t offset = load_le64(sqe + 48);
    const uint64_t bytes = 4 * ((dw10 >> 16 | (uint64_t)(sqe_dword(sqe, 11) & 0xffff) << 16) + 1);
    for (size_t i = 0; i < array_len(logs); i++) {
        if (logs[i].id != (dw10 & 0xff)) {
            continue;
        }
        const unsigned have = logs[i].put(n, page);
        if (offset >= have || offset & 3) {
            return NVME_BAD_FIELD | NVME_DNR;
        }
        const size_t part = bytes < have - offset ? (size_t)bytes : have - (size_t)offset;
        const uint16_t status = nvme_dma(n, sqe, page + offset, part, true);
        if (status == NVME_OK && !(dw10 >> 15 & 1)) {
            was_read(n, logs[i].event);
        }
        return status;
    }
    return NVME_BAD_LOG_PAGE | NVME_DNR;
}
