/* SPDX-License-Identifier: MIT */
/*
 * Admin commands of NVMe: base specification 1.4, 5. Those that the specification makes mandatory
 * for an I/O controller; what is optional and not here is not offered by the identify data either.
 */
#include "hw/nvme/nvme.h"

enum {
    OP_DELETE_SQ = 0x00,
    OP_CREATE_SQ = 0x01,
    OP_GET_LOG_PAGE = 0x02,
    OP_DELETE_CQ = 0x04,
    OP_CREATE_CQ = 0x05,
    OP_IDENTIFY = 0x06,
    OP_ABORT = 0x08,
    OP_SET_FEATURES = 0x09,
    OP_GET_FEATURES = 0x0a,
    OP_EVENT_REQUEST = 0x0c,

    CONTIGUOUS = 1 << 0,
    INTERRUPTS = 1 << 1,

    F_ARBITRATION = 0x01,
    F_POWER = 0x02,
    F_UNDER_TEMPERATURE = 0x03, /* a place for the second threshold of: */
    F_TEMPERATURE = 0x04,
    F_ERROR_RECOVERY = 0x05,
    F_WRITE_CACHE = 0x06,
    F_QUEUES = 0x07,
    F_COALESCING = 0x08,
    F_VECTOR = 0x09,
    F_ATOMICITY = 0x0a,
    F_EVENTS = 0x0b,

    SELECT_CURRENT = 0,
    SELECT_CAPABILITIES = 3,
    CAPABILITY_CHANGEABLE = 4,

    KELVIN_NOW = 323,
    KELVIN_WARNING = 343,
    EVENT_HEALTH = 1,
    HEALTH_TEMPERATURE = 1,
    LOG_HEALTH = 2,
    SEQUENCE_ERROR = 0x00c,
};
#define SAVE (1u << 31)

/* ---- queues (5.3 to 5.6) */

static bool is_queue(const struct nvme *n, unsigned qid)
{
    return qid >= 1 && qid < n->queues;
}

static uint16_t check_new(const struct nvme *n, const uint8_t *sqe, bool used)
{
    const uint32_t which = sqe_dword(sqe, 10), size = which >> 16;
    const uint64_t base = load_le64(sqe + SQE_PRP1);
    if (!is_queue(n, which & 0xffff) || used) {
        return NVME_BAD_QID | NVME_DNR;
    }
    if (size < 1 || size > n->mqes) {
        return NVME_BAD_QUEUE_SIZE | NVME_DNR;
    }
    if (base == 0 || base & (nvme_page_bytes(n) - 1)) {
        return NVME_BAD_PRP_OFFSET | NVME_DNR;
    }
    return sqe_dword(sqe, 11) & CONTIGUOUS ? NVME_OK : NVME_BAD_FIELD | NVME_DNR;
}

static uint16_t create_cq(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    const unsigned qid = sqe_dword(sqe, 10) & 0xffff, vector = sqe_dword(sqe, 11) >> 16;
    const uint16_t status = check_new(n, sqe, is_queue(n, qid) && n->cq[qid].base);
    (void)result;
    if (status) {
        return status;
    }
    if (vector && (!pci_msix_enabled(&n->pci) || vector >= n->pci.msix_vectors)) {
        return NVME_BAD_VECTOR | NVME_DNR;
    }
    n->cq[qid] = (struct nvme_cq){.base = load_le64(sqe + SQE_PRP1),
                                  .entries = (sqe_dword(sqe, 10) >> 16) + 1,
                                  .vector = (uint16_t)vector,
                                  .phase = true,
                                  .interrupts = sqe_dword(sqe, 11) & INTERRUPTS};
    return NVME_OK;
}

static uint16_t create_sq(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    const unsigned qid = sqe_dword(sqe, 10) & 0xffff, cqid = sqe_dword(sqe, 11) >> 16;
    (void)result;
    if (!is_queue(n, cqid) || !n->cq[cqid].base) {
        return NVME_BAD_CQ | NVME_DNR;
    }
    const uint16_t status = check_new(n, sqe, is_queue(n, qid) && n->sq[qid].base);
    if (status == NVME_OK) {
        n->sq[qid] = (struct nvme_sq){.base = load_le64(sqe + SQE_PRP1),
                                      .entries = (sqe_dword(sqe, 10) >> 16) + 1,
                                      .cqid = (uint16_t)cqid};
    }
    return status;
}

/* Answered when the commands of the queue have been. */
static uint16_t delete_sq(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    const unsigned qid = sqe_dword(sqe, 10) & 0xffff;
    (void)result;
    if (!is_queue(n, qid) || !n->sq[qid].base || n->sq[qid].deleting) {
        return NVME_BAD_QID | NVME_DNR;
    }
    n->sq[qid].deleting = true;
    n->sq[qid].delete_cid = load_le16(sqe + SQE_CID);
    nvme_end_deletion(n, qid);
    return NVME_LATER;
}

static uint16_t delete_cq(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    const unsigned qid = sqe_dword(sqe, 10) & 0xffff;
    (void)result;
    if (!is_queue(n, qid) || !n->cq[qid].base) {
        return NVME_BAD_QID | NVME_DNR;
    }
    for (unsigned i = 0; i < n->queues; i++) {
        if (n->sq[i].base && n->sq[i].cqid == qid) {
            return NVME_BAD_QUEUE_DELETION | NVME_DNR;
        }
    }
    n->cq[qid] = (struct nvme_cq){0};
    nvme_interrupts_update(n);
    return NVME_OK;
}

/* ---- events, abort (5.1, 5.2) */

static uint16_t request_event(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    (void)result;
    if (n->aer_count > n->aerl) {
        return NVME_AER_LIMIT | NVME_DNR;
    }
    n->aer_cid[n->aer_count++] = load_le16(sqe + SQE_CID);
    nvme_events_show(n);
    return NVME_LATER;
}

/* A command that has been taken is at the host, or done: it is never taken back. */
static uint16_t abort_command(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    (void)n, (void)sqe;
    *result = 1;
    return NVME_OK;
}

/* ---- features (5.14, 5.21) */

static const struct {
    uint32_t initial, writable;
    bool is_there;
} features[NVME_FEATURES] = {
    [F_ARBITRATION] = {0x7, 0xffffff07, true},
    [F_POWER] = {0, 0x1f, true},
    [F_UNDER_TEMPERATURE] = {0, 0xffff, false},
    [F_TEMPERATURE] = {KELVIN_WARNING, 0xffff, true},
    [F_ERROR_RECOVERY] = {0, 0xffff, true},
    [F_WRITE_CACHE] = {0, 1, true},
    [F_QUEUES] = {0, 0, true},
    [F_COALESCING] = {0, 0xffff, true},
    [F_VECTOR] = {0, 0, true},
    [F_ATOMICITY] = {0, 1, true},
    [F_EVENTS] = {0, 0x1ff, true},
};

void nvme_features_reset(struct nvme *n)
{
    for (unsigned i = 0; i < NVME_FEATURES; i++) {
        n->features[i] = features[i].initial;
    }
    n->write_cached = nvme_write_cache(n);
}

static uint32_t queue_count(const struct nvme *n)
{
    return (n->queues - 2) | (n->queues - 2) << 16;
}

/* The place of a feature's value; temperatures have two thresholds. */
static unsigned place_of(unsigned feature, uint32_t dw11)
{
    return feature == F_TEMPERATURE && (dw11 >> 20 & 3) == 1 ? F_UNDER_TEMPERATURE : feature;
}

static uint16_t get_features(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    const uint32_t dw10 = sqe_dword(sqe, 10), dw11 = sqe_dword(sqe, 11);
    const unsigned feature = dw10 & 0xff, select = dw10 >> 8 & 7;
    if (feature >= NVME_FEATURES || !features[feature].is_there || select > SELECT_CAPABILITIES) {
        return NVME_BAD_FIELD | NVME_DNR;
    }
    const unsigned place = place_of(feature, dw11);
    if (select == SELECT_CAPABILITIES) {
        *result = features[feature].writable ? CAPABILITY_CHANGEABLE : 0;
    } else if (feature == F_QUEUES) {
        *result = queue_count(n);
    } else if (feature == F_VECTOR) {
        *result = dw11 & 0xffff;
        return *result < n->queues ? NVME_OK : NVME_BAD_FIELD | NVME_DNR;
    } else if (feature == F_WRITE_CACHE) {
        *result = select == SELECT_CURRENT ? n->write_cached : nvme_write_cache(n);
    } else {
        *result = select == SELECT_CURRENT ? n->features[place] : features[place].initial;
    }
    return NVME_OK;
}

static bool has_io_queues(const struct nvme *n)
{
    for (unsigned i = 1; i < n->queues; i++) {
        if (n->cq[i].base) {
            return true;
        }
    }
    return false;
}

static uint16_t set_queues(struct nvme *n, uint32_t value, uint32_t *result)
{
    if ((value & 0xffff) == 0xffff || value >> 16 == 0xffff) {
        return NVME_BAD_FIELD | NVME_DNR;
    }
    if (has_io_queues(n)) {
        return SEQUENCE_ERROR | NVME_DNR;
    }
    *result = queue_count(n);
    return NVME_OK;
}

static uint16_t set_temperature(struct nvme *n, uint32_t value)
{
    const unsigned sensor = value >> 16 & 15, place = place_of(F_TEMPERATURE, value);
    if ((sensor && sensor != 15) || value >> 20 > 1) {
        return NVME_BAD_FIELD | NVME_DNR;
    }
    n->features[place] = value & 0xffff;
    if (n->features[F_TEMPERATURE] <= KELVIN_NOW ||
        n->features[F_UNDER_TEMPERATURE] >= KELVIN_NOW) {
        nvme_event(n, EVENT_HEALTH, HEALTH_TEMPERATURE, LOG_HEALTH);
    }
    return NVME_OK;
}

static uint16_t set_features(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    const uint32_t dw10 = sqe_dword(sqe, 10), value = sqe_dword(sqe, 11);
    const unsigned feature = dw10 & 0xff;
    if (dw10 & SAVE) {
        return NVME_NOT_SAVEABLE | NVME_DNR;
    }
    if (feature >= NVME_FEATURES || !features[feature].is_there) {
        return NVME_BAD_FIELD | NVME_DNR;
    }
    switch (feature) {
    case F_QUEUES:
        return set_queues(n, value, result);
    case F_TEMPERATURE:
        return set_temperature(n, value);
    case F_VECTOR: /* completions are not held back: there is nothing to switch off */
        return NVME_NOT_CHANGEABLE | NVME_DNR;
    case F_POWER:
        return value & 0x1f ? NVME_BAD_FIELD | NVME_DNR : NVME_OK;
    case F_WRITE_CACHE:
        n->write_cached = value & 1;
        return NVME_OK;
    default:
        n->features[feature] = value & features[feature].writable;
        return NVME_OK;
    }
}

/* ---- all */

static uint16_t identify(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    (void)result;
    return nvme_identify(n, sqe);
}

static uint16_t get_log_page(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    (void)result;
    return nvme_get_log_page(n, sqe);
}

static const struct row {
    uint8_t opcode;
    uint16_t (*run)(struct nvme *n, const uint8_t *sqe, uint32_t *result);
} rows[] = {
    {OP_DELETE_SQ, delete_sq},       {OP_CREATE_SQ, create_sq},
    {OP_GET_LOG_PAGE, get_log_page}, {OP_DELETE_CQ, delete_cq},
    {OP_CREATE_CQ, create_cq},       {OP_IDENTIFY, identify},
    {OP_ABORT, abort_command},       {OP_SET_FEATURES, set_features},
    {OP_GET_FEATURES, get_features}, {OP_EVENT_REQUEST, request_event},
};

static const struct row *find_row(uint8_t opcode)
{
    for (size_t i = 0; i < array_len(rows); i++) {
        if (rows[i].opcode == opcode) {
            return &rows[i];
        }
    }
    return NULL;
}

bool nvme_admin_has(uint8_t opcode)
{
    return find_row(opcode) != NULL;
}

uint16_t nvme_admin(struct nvme *n, const uint8_t *sqe, uint32_t *result)
{
    const struct row *r = find_row(sqe[SQE_OPCODE]);
    if (!r) {
        return NVME_BAD_OPCODE | NVME_DNR;
    }
    if (sqe[SQE_FLAGS]) { /* fused, or with SGLs */
        return NVME_BAD_FIELD | NVME_DNR;
    }
    return r->run(n, sqe, result);
}
