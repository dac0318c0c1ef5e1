/* SPDX-License-Identifier: MIT */
/*
 * NVM commands: base specification 1.4, 4.3 (PRP entries) and 6. Read and write go between guest
 * memory and the file without a copy. Not modelled, and not offered: SGLs, metadata, fused
 * commands.
 */
#include <errno.h>

#include "base/mem.h"
#include "hw/nvme/nvme.h"

enum {
    OP_FLUSH = 0x00,
    OP_WRITE = 0x01,
    OP_READ = 0x02,
    OP_COMPARE = 0x05,
    OP_WRITE_ZEROES = 0x08,
    OP_DSM = 0x09,
    OP_VERIFY = 0x0c,

    DSM_DEALLOCATE = 1 << 2,
    DSM_RANGE_BYTES = 16,
};
#define FUA (1u << 30)
#define DEALLOCATE (1u << 25)

/* ---- PRP entries */

static bool add_piece(struct nvme_command *c, paddr a, size_t n, bool to_guest)
{
    while (n) {
        size_t part = n;
        uint8_t *p = dma_map(&c->ctrl->pci.dev.dma, a, &part, to_guest);
        if (!p) {
            return false;
        }
        struct iovec *last = c->iov_count ? &c->iov[c->iov_count - 1] : NULL;
        if (last && (uint8_t *)last->iov_base + last->iov_len == p) {
            last->iov_len += part;
        } else {
            if (c->iov_count == BLOCK_IOV_MAX) {
                return false;
            }
            if (c->iov_count == c->iov_cap) {
                c->iov_cap = c->iov_cap ? 2 * c->iov_cap : 8;
                c->iov = mem_resize_array(c->iov, c->iov_cap, sizeof(*c->iov));
            }
            c->iov[c->iov_count++] = (struct iovec){p, part};
        }
        a += part;
        n -= part;
    }
    return true;
}

/* The pages of a list of entries, whose last one in a page leads to the next page of the list. */
static uint16_t add_list(struct nvme_command *c, paddr list, uint64_t left, bool to_guest)
{
    const unsigned page = nvme_page_bytes(c->ctrl);
    uint64_t at = list & ~(uint64_t)7;
    while (left) {
        uint64_t entry;
        if (!dma_load64(&c->ctrl->pci.dev.dma, at, &entry)) {
            return NVME_TRANSFER_ERROR;
        }
        const bool is_last = (at & (page - 1)) == page - 8;
        if (entry & (page - 1)) {
            return NVME_BAD_PRP_OFFSET | NVME_DNR;
        }
        if (is_last && left > page) {
            at = entry;
            continue; /* the next page's first entry is data: its last cannot be reached again */
        }
        const size_t n = left < page ? (size_t)left : page;
        if (!add_piece(c, entry, n, to_guest)) {
            return NVME_TRANSFER_ERROR;
        }
        left -= n;
        at += 8;
    }
    return NVME_OK;
}

static uint16_t map_prp(struct nvme_command *c, uint64_t bytes, bool to_guest)
{
    const unsigned page = nvme_page_bytes(c->ctrl);
    const uint64_t first = load_le64(c->sqe + SQE_PRP1), second = load_le64(c->sqe + SQE_PRP2);
    const uint64_t room = page - (first & (page - 1));
    const size_t n = (size_t)(bytes < room ? bytes : room);
    c->bytes = bytes;
    c->iov_count = 0;
    if (first & 3) {
        return NVME_BAD_PRP_OFFSET | NVME_DNR;
    }
    if (!add_piece(c, first, n, to_guest)) {
        return NVME_TRANSFER_ERROR;
    }
    if (bytes - n == 0) {
        return NVME_OK;
    }
    if (bytes - n > page) {
        return add_list(c, second, bytes - n, to_guest);
    }
    if (second & (page - 1)) {
        return NVME_BAD_PRP_OFFSET | NVME_DNR;
    }
    return add_piece(c, second, (size_t)(bytes - n), to_guest) ? NVME_OK : NVME_TRANSFER_ERROR;
}

/* Copies between the pieces and bytes. */
static void copy(const struct nvme_command *c, uint8_t *bytes, bool to_guest)
{
    for (unsigned i = 0; i < c->iov_count; i++) {
        const struct iovec *v = &c->iov[i];
        if (to_guest) {
            memcpy(v->iov_base, bytes, v->iov_len);
            dma_unmap(&c->ctrl->pci.dev.dma, v->iov_base, v->iov_len);
        } else {
            memcpy(bytes, v->iov_base, v->iov_len);
        }
        bytes += v->iov_len;
    }
}

uint16_t nvme_dma(struct nvme *n, const uint8_t *sqe, void *bytes, size_t size, bool to_guest)
{
    struct nvme_command c = {.ctrl = n};
    memcpy(c.sqe, sqe, SQE_BYTES);
    const uint16_t status = map_prp(&c, size, to_guest);
    if (status == NVME_OK) {
        copy(&c, bytes, to_guest);
    }
    mem_free(c.iov);
    return status;
}

/* ---- requests to the disk */

static uint16_t status_of(const struct block_request *b, int status)
{
    switch (-status) {
    case 0:
        return NVME_OK;
    case ENOSPC:
        return NVME_CAPACITY;
    case EACCES:
    case EROFS:
        return NVME_READ_ONLY | NVME_DNR;
    default:
        return b->op == BLOCK_READ ? NVME_READ_ERROR : NVME_WRITE_FAULT;
    }
}

static void end(struct nvme_command *c, uint16_t status)
{
    for (unsigned i = 0; c->b.op == BLOCK_READ && !c->aside && i < c->iov_count; i++) {
        dma_unmap(&c->ctrl->pci.dev.dma, c->iov[i].iov_base, c->iov[i].iov_len);
    }
    nvme_command_done(c, status);
}

static struct nvme_command *of(struct block_request *b)
{
    return container_of(b, struct nvme_command, b);
}

static void request_done(struct block_request *b, int status)
{
    end(of(b), status_of(b, status));
}

static void submit(struct nvme_command *c)
{
    block_queue_submit(c->ns->disk.queue, &c->b);
}

static void run_request(struct disk_job *j)
{
    submit((struct nvme_command *)j);
}

/* ---- COMPARE and VERIFY: what the medium has goes through a buffer, which a disk has one of; its
 * commands of this kind come one after the other. On the disk's thread. */

static void start_aside(struct nvme_namespace *s)
{
    struct nvme_command *c = s->aside;
    if (s->aside_room < c->b.bytes) {
        mem_free(s->aside_bytes);
        s->aside_bytes = mem_alloc((size_t)c->b.bytes);
        s->aside_room = c->b.bytes;
    }
    c->piece = (struct iovec){s->aside_bytes, (size_t)c->b.bytes};
    submit(c);
}

static void run_aside(struct disk_job *j)
{
    struct nvme_command *c = (struct nvme_command *)j;
    struct nvme_namespace *s = c->ns;
    c->next = NULL;
    if (s->aside) {
        s->aside_end->next = c;
        s->aside_end = c;
    } else {
        s->aside = s->aside_end = c;
        start_aside(s);
    }
}

/* VERIFY has no pieces in memory. */
static void aside_done(struct block_request *b, int status)
{
    struct nvme_command *c = of(b);
    struct nvme_namespace *s = c->ns;
    const uint8_t *p = s->aside_bytes;
    bool same = true;
    for (unsigned i = 0; i < c->iov_count && status >= 0; i++) {
        same = same && memcmp(p, c->iov[i].iov_base, c->iov[i].iov_len) == 0;
        p += c->iov[i].iov_len;
    }
    s->aside = c->next;
    end(c, status < 0 ? status_of(b, status) : same ? NVME_OK : NVME_COMPARE_FAILURE | NVME_DNR);
    if (s->aside) {
        start_aside(s);
    }
}

/* ---- the commands: on the vCPU that rang */

/* The blocks that a command names; a status if they are none. */
static uint16_t take_extent(struct nvme_command *c, bool has_data)
{
    const struct nvme_namespace *s = c->ns;
    const uint64_t lba = load_le64(c->sqe + SQE_CDW10), blocks = nvme_blocks(s);
    const uint64_t count = (sqe_dword(c->sqe, 12) & 0xffff) + UINT64_C(1);
    if (lba > blocks || count > blocks - lba) {
        return NVME_LBA_RANGE | NVME_DNR;
    }
    c->b.offset = lba << s->lba_shift;
    c->b.bytes = count << s->lba_shift;
    if (has_data && c->b.bytes > (uint64_t)NVME_PAGE_MIN << c->ctrl->mdts) {
        return NVME_BAD_FIELD | NVME_DNR;
    }
    return NVME_OK;
}

/* A write may stay in the cache: of the namespace, which the driver has not switched off. */
static bool is_cached(const struct nvme_command *c)
{
    return c->ctrl->write_cached && c->ns->cached;
}

static uint16_t transfer(struct nvme_command *c, enum block_op op)
{
    uint16_t status = take_extent(c, true);
    status = status ? status : map_prp(c, c->b.bytes, op == BLOCK_READ);
    if (status) {
        return status;
    }
    c->b.op = op;
    c->b.flags = op == BLOCK_WRITE && (sqe_dword(c->sqe, 12) & FUA || !is_cached(c)) ? BLOCK_FUA
                                                                                     : 0;
    c->b.iov = c->iov;
    c->b.iov_count = c->iov_count;
    return NVME_LATER;
}

static uint16_t read_blocks(struct nvme_command *c)
{
    return transfer(c, BLOCK_READ);
}

static uint16_t write_blocks(struct nvme_command *c)
{
    return transfer(c, BLOCK_WRITE);
}

static uint16_t read_aside(struct nvme_command *c, bool compares)
{
    uint16_t status = take_extent(c, true);
    c->iov_count = 0;
    status = status || !compares ? status : map_prp(c, c->b.bytes, false);
    if (status) {
        return status;
    }
    c->aside = true;
    c->b.op = BLOCK_READ;
    c->b.iov = &c->piece;
    c->b.iov_count = 1;
    c->b.done = aside_done;
    c->job.run = run_aside;
    return NVME_LATER;
}

static uint16_t compare(struct nvme_command *c)
{
    return read_aside(c, true);
}

static uint16_t verify(struct nvme_command *c)
{
    return read_aside(c, false);
}

static uint16_t write_zeroes(struct nvme_command *c)
{
    const uint16_t status = take_extent(c, false);
    const uint32_t flags = sqe_dword(c->sqe, 12);
    c->b.op = BLOCK_WRITE_ZEROES;
    c->b.flags = (flags & DEALLOCATE ? BLOCK_MAY_UNMAP : 0) |
                 (flags & FUA || !is_cached(c) ? BLOCK_FUA : 0);
    return status ? status : NVME_LATER;
}

static uint16_t flush(struct nvme_command *c)
{
    c->b.op = BLOCK_FLUSH;
    return NVME_LATER;
}

static void deallocate_next(struct nvme_command *c)
{
    while (c->index < c->count) {
        const uint8_t *p = c->buffer + DSM_RANGE_BYTES * (size_t)c->index++;
        const uint64_t n = load_le32(p + 4), lba = load_le64(p + 8), blocks = nvme_blocks(c->ns);
        if (lba > blocks || n > blocks - lba) { /* the disk has shrunk meanwhile */
            end(c, NVME_LBA_RANGE | NVME_DNR);
            return;
        }
        if (n) {
            c->b.offset = lba << c->ns->lba_shift;
            c->b.bytes = n << c->ns->lba_shift;
            submit(c);
            return;
        }
    }
    end(c, NVME_OK);
}

static void deallocated(struct block_request *b, int status)
{
    if (status < 0) {
        end(of(b), status_of(b, status));
    } else {
        deallocate_next(of(b));
    }
}

static void run_deallocate(struct disk_job *j)
{
    deallocate_next((struct nvme_command *)j);
}

/* DATASET MANAGEMENT (6.7): other attributes than deallocation are hints, and are not used. */
static uint16_t manage_dataset(struct nvme_command *c)
{
    const unsigned count = (sqe_dword(c->sqe, 10) & 0xff) + 1;
    const uint64_t blocks = nvme_blocks(c->ns);
    c->buffer = mem_alloc(count * DSM_RANGE_BYTES);
    const uint16_t status = nvme_dma(c->ctrl, c->sqe, c->buffer, count * DSM_RANGE_BYTES, false);
    if (status) {
        return status;
    }
    for (unsigned i = 0; i < count; i++) {
        const uint64_t n = load_le32(c->buffer + 16 * (size_t)i + 4);
        const uint64_t lba = load_le64(c->buffer + 16 * (size_t)i + 8);
        if (lba > blocks || n > blocks - lba) {
            return NVME_LBA_RANGE | NVME_DNR;
        }
    }
    c->count = sqe_dword(c->sqe, 11) & DSM_DEALLOCATE ? count : 0;
    c->b.op = BLOCK_DISCARD;
    c->b.done = deallocated;
    c->job.run = run_deallocate;
    return NVME_LATER;
}

static const struct row {
    uint8_t opcode;
    bool writes;
    uint16_t (*begin)(struct nvme_command *c);
} rows[] = {
    {OP_FLUSH, false, flush},       {OP_WRITE, true, write_blocks},
    {OP_READ, false, read_blocks},  {OP_COMPARE, false, compare},
    {OP_DSM, true, manage_dataset}, {OP_WRITE_ZEROES, true, write_zeroes},
    {OP_VERIFY, false, verify},
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

bool nvme_io_has(uint8_t opcode, bool *writes)
{
    const struct row *r = find_row(opcode);
    *writes = r && r->writes;
    return r;
}

uint16_t nvme_io_begin(struct nvme_command *c)
{
    const struct row *r = find_row(c->sqe[SQE_OPCODE]);
    if (!r) {
        return NVME_BAD_OPCODE | NVME_DNR;
    }
    c->ns = nvme_find_namespace(c->ctrl, sqe_dword(c->sqe, 1));
    if (!c->ns) {
        return NVME_BAD_NAMESPACE | NVME_DNR;
    }
    if (c->sqe[SQE_FLAGS]) { /* fused, or with SGLs */
        return NVME_BAD_FIELD | NVME_DNR;
    }
    if (r->writes && block_read_only(c->ns->block)) {
        return NVME_READ_ONLY | NVME_DNR;
    }
    c->job.run = run_request;
    c->b.done = request_done;
    c->aside = false;
    return r->begin(c);
}
