/* SPDX-License-Identifier: MIT */
/*
 * The log of VHDX images ([MS-VHDX] 2.3): entries in a ring, each with the sectors of 4 KiB that
 * are to be written elsewhere. What is in the log is written again when an image is opened that was
 * not closed.
 *
 * As a writer we finish with an entry before the next is begun: it is flushed, what it holds is
 * written to its place, and that is flushed by the next. So each entry stands for itself (its tail
 * is the entry), and never lies on the one before, which counts until this one is whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block_internal.h"
#include "block/vhdx.h"

#define SECTOR VHDX_LOG_SECTOR
#define HEADER_BYTES 64u
#define DESCRIPTOR_BYTES 32u
#define LEADING 8u
#define TRAILING 4u
#define LOG_MAX (UINT64_C(256) << 20)
/* As often as this the whole log is read at most: entries may claim to be long. */
#define READ_AGAIN 8u

/* In an entry's header. */
enum {
    AT_CHECKSUM = 4,
    AT_LENGTH = 8,
    AT_TAIL = 12,
    AT_SEQUENCE = 16,
    AT_COUNT = 24,
    AT_GUID = 32,
    AT_FLUSHED = 48,
    AT_LAST = 56,
};

uint32_t vhdx_checksum(const uint8_t *bytes, size_t n, size_t at)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= i >= at && i < at + 4 ? 0 : bytes[i];
        crc = table[crc & 15] ^ crc >> 4;
        crc = table[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

/* ---- reading */

struct entry {
    uint64_t at, length, tail, sequence, last_bytes;
};

struct ring {
    struct vhdx *v;
    struct entry *entries; /* by place */
    size_t count;
    uint64_t budget;
};

/* n bytes of the ring from `at` on. */
static int read_ring(struct ring *r, uint64_t at, uint8_t *into, uint64_t n)
{
    const struct vhdx *v = r->v;
    const uint64_t first = v->log_bytes - at < n ? v->log_bytes - at : n;
    if (n > r->budget) {
        return -EINVAL;
    }
    r->budget -= n;
    int status = block_node_read(v->bat.file, v->log_at + at, into, (size_t)first);
    return status < 0 || first == n
               ? status
               : block_node_read(v->bat.file, v->log_at, into + first, (size_t)(n - first));
}

static uint64_t data_offset(uint32_t count)
{
    return align_up(HEADER_BYTES + (uint64_t)count * DESCRIPTOR_BYTES, SECTOR);
}

static bool is_data(const uint8_t *descriptor)
{
    return memcmp(descriptor, "desc", 4) == 0;
}

/* The descriptors are such, and have the data that they need, with the entry's number. */
static bool is_consistent(const uint8_t *raw, const struct entry *n)
{
    const uint32_t count = load_le32(raw + AT_COUNT);
    uint64_t data = data_offset(count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *d = raw + HEADER_BYTES + (size_t)i * DESCRIPTOR_BYTES;
        if (load_le64(d + 24) != n->sequence || !is_aligned(load_le64(d + 16), SECTOR)) {
            return false;
        }
        if (!is_data(d)) {
            if (memcmp(d, "zero", 4) != 0) {
                return false;
            }
            continue;
        }
        if (data + SECTOR > n->length || memcmp(raw + data, "data", 4) != 0 ||
            load_le32(raw + data + 4) != n->sequence >> 32 ||
            load_le32(raw + data + SECTOR - 4) != (uint32_t)n->sequence) {
            return false;
        }
        data += SECTOR;
    }
    return true;
}

/* The entry at `at`, whole and good, as bytes; NULL if there is none (or no more reading). */
static uint8_t *read_entry(struct ring *r, uint64_t at, struct entry *n)
{
    uint8_t head[HEADER_BYTES];
    if (read_ring(r, at, head, sizeof(head)) < 0) {
        return NULL;
    }
    *n = (struct entry){at, load_le32(head + AT_LENGTH), load_le32(head + AT_TAIL),
                        load_le64(head + AT_SEQUENCE), load_le64(head + AT_LAST)};
    if (memcmp(head, "loge", 4) != 0 || n->length == 0 || n->length > r->v->log_bytes ||
        !is_aligned(n->length | n->tail, SECTOR) || n->tail >= r->v->log_bytes ||
        n->sequence == 0 || data_offset(load_le32(head + AT_COUNT)) > n->length ||
        memcmp(head + AT_GUID, r->v->header + VHDX_LOG_GUID, VHDX_GUID_BYTES) != 0) {
        return NULL;
    }
    uint8_t *raw = mem_try_alloc((size_t)n->length);
    if (raw && read_ring(r, at, raw, n->length) == 0 &&
        vhdx_checksum(raw, (size_t)n->length, AT_CHECKSUM) == load_le32(raw + AT_CHECKSUM) &&
        is_consistent(raw, n)) {
        return raw;
    }
    mem_free(raw);
    return NULL;
}

static void find_entries(struct ring *r)
{
    const uint64_t places = r->v->log_bytes / SECTOR;
    for (uint64_t i = 0; i < places; i++) {
        struct entry n;
        uint8_t *raw = read_entry(r, i * SECTOR, &n);
        if (raw) {
            if (is_pow2(r->count + 1) || r->count == 0) {
                r->entries = mem_resize_array(r->entries, 2 * (r->count + 1), sizeof(*r->entries));
            }
            r->entries[r->count++] = n;
            i += n.length / SECTOR - 1;
        }
        mem_free(raw);
    }
}

static const struct entry *entry_at(const struct ring *r, uint64_t at)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (r->entries[middle].at == at) {
            return &r->entries[middle];
        }
        if (r->entries[middle].at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static const struct entry *after(const struct ring *r, const struct entry *n)
{
    const struct entry *next = entry_at(r, (n->at + n->length) % r->v->log_bytes);
    return next && next->sequence == n->sequence + 1 ? next : NULL;
}

/* Whether entries lead from head's tail to it without a gap. */
static bool is_whole(const struct ring *r, const struct entry *head)
{
    const struct entry *n = entry_at(r, head->tail);
    for (size_t i = 0; n && n != head && i < r->count; i++) {
        n = after(r, n);
    }
    return n == head;
}

/* The newest whole sequence's head, or NULL. */
static const struct entry *find_head(const struct ring *r)
{
    const struct entry *best = NULL;
    unsigned tries = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct entry *n = &r->entries[i];
        if ((!best || n->sequence > best->sequence) && tries++ < 4096 && is_whole(r, n)) {
            best = n;
        }
    }
    return best;
}

/* ---- replaying: 0 or -errno */

static int replay_data(struct vhdx *v, const uint8_t *d, const uint8_t *data)
{
    uint8_t sector[SECTOR];
    memcpy(sector, d + 8, LEADING);
    memcpy(sector + LEADING, data + 8, SECTOR - LEADING - TRAILING);
    memcpy(sector + SECTOR - TRAILING, d + 4, TRAILING);
    return block_node_write(v->bat.file, load_le64(d + 16), sector, sizeof(sector), 0);
}

static int replay_entry(struct vhdx *v, const uint8_t *raw, const struct entry *n)
{
    const uint32_t count = load_le32(raw + AT_COUNT);
    const uint64_t file = block_node_size(v->bat.file);
    const uint64_t end = n->last_bytes > file ? n->last_bytes : file;
    const uint8_t *data = raw + data_offset(count);
    int status = 0;
    if (end > VHDX_DISK_MAX * 2 || load_le64(raw + AT_FLUSHED) > file) {
        return -EINVAL; /* the file is shorter than it was */
    }
    for (uint32_t i = 0; i < count && status == 0; i++) {
        const uint8_t *d = raw + HEADER_BYTES + (size_t)i * DESCRIPTOR_BYTES;
        const uint64_t to = load_le64(d + 16), bytes = is_data(d) ? SECTOR : load_le64(d + 8);
        if (to > end || bytes > end - to) {
            return -EINVAL;
        }
        if (is_data(d)) {
            status = replay_data(v, d, data);
            data += SECTOR;
        } else if (bytes) {
            status = block_node_zero(v->bat.file, to, bytes, BLOCK_MAY_UNMAP);
        }
    }
    return status;
}

static int replay_to(struct ring *r, const struct entry *head)
{
    const struct entry *n = entry_at(r, head->tail);
    int status = 0;
    r->budget = r->v->log_bytes * READ_AGAIN;
    for (size_t i = 0; status == 0 && n && i <= r->count; i++) {
        struct entry again;
        uint8_t *raw = read_entry(r, n->at, &again);
        status = raw ? replay_entry(r->v, raw, &again) : -EIO;
        mem_free(raw);
        n = n == head ? NULL : after(r, n);
    }
    return status;
}

bool vhdx_log_replay(struct vhdx *v, struct error *e)
{
    const char *name = block_node_file(v->bat.node);
    struct ring r = {.v = v, .budget = v->log_bytes * READ_AGAIN};
    struct error grown;
    if (v->log_bytes > LOG_MAX) {
        return error_set(
            e, "%s: a log of %" PRIu64 " bytes is to be replayed; up to %" PRIu64 " are accepted",
            name, v->log_bytes, LOG_MAX);
    }
    find_entries(&r);
    const struct entry *head = find_head(&r);
    int status = head ? replay_to(&r, head) : -ENOENT;
    if (status == 0 && block_node_size(v->bat.file) < head->last_bytes &&
        !block_node_resize(v->bat.file, head->last_bytes, BLOCK_PREALLOC_OFF, &grown)) {
        status = -ENOSPC;
    }
    status = status < 0 ? status : block_node_flush(v->bat.file);
    if (status == 0) {
        memset(v->header + VHDX_LOG_GUID, 0, VHDX_GUID_BYTES);
        status = vhdx_write_header(v);
        v->replayed = status == 0;
    }
    mem_free(r.entries);
    return status == 0 || error_set(e, "%s: its log is to be replayed, and %s", name,
                                    status == -ENOENT ? "has no whole entry" : strerror(-status));
}

/* ---- writing */

size_t vhdx_log_room(const struct vhdx *v)
{
    /* So that two lie beside each other wherever one ends. */
    const uint64_t sectors = v->log_bytes / 3 / SECTOR;
    return (size_t)(sectors > 65 ? sectors - sectors / 64 - 1 : 1);
}

static void put_page(uint8_t *descriptor, uint8_t *data, const struct vhdx *v,
                     const struct bat_copy *page)
{
    memcpy(descriptor, "desc", 4);
    memcpy(descriptor + 4, page->raw + SECTOR - TRAILING, TRAILING);
    memcpy(descriptor + 8, page->raw, LEADING);
    store_le64(descriptor + 16, v->bat.table_offset + page->number * SECTOR);
    store_le64(descriptor + 24, v->log_sequence);
    memcpy(data, "data", 4);
    store_le32(data + 4, (uint32_t)(v->log_sequence >> 32));
    memcpy(data + 8, page->raw + LEADING, SECTOR - LEADING - TRAILING);
    store_le32(data + SECTOR - 4, (uint32_t)v->log_sequence);
}

int vhdx_log_write(struct vhdx *v, const struct bat_copy *pages, size_t count, uint64_t end)
{
    const uint64_t head = data_offset((uint32_t)count), length = head + count * SECTOR;
    uint8_t *raw = mem_alloc((size_t)length);
    if (v->log_next + length > v->log_bytes) {
        v->log_next = 0;
    }
    v->log_sequence++;
    memcpy(raw, "loge", 4);
    store_le32(raw + AT_LENGTH, (uint32_t)length);
    store_le32(raw + AT_TAIL, (uint32_t)v->log_next);
    store_le64(raw + AT_SEQUENCE, v->log_sequence);
    store_le32(raw + AT_COUNT, (uint32_t)count);
    memcpy(raw + AT_GUID, v->log_guid, VHDX_GUID_BYTES);
    store_le64(raw + AT_FLUSHED, v->flushed_bytes);
    store_le64(raw + AT_LAST, end > v->flushed_bytes ? end : v->flushed_bytes);
    for (size_t i = 0; i < count; i++) {
        put_page(raw + HEADER_BYTES + i * DESCRIPTOR_BYTES, raw + head + i * SECTOR, v, &pages[i]);
    }
    store_le32(raw + AT_CHECKSUM, vhdx_checksum(raw, (size_t)length, AT_CHECKSUM));
    int status = block_node_write(v->bat.file, v->log_at + v->log_next, raw, (size_t)length, 0);
    mem_free(raw);
    v->log_next += length;
    return status < 0 ? status : block_node_flush(v->bat.file);
}
