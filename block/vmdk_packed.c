/* SPDX-License-Identifier: MIT */
/*
 * Compressed grains of VMDK extents ("streamOptimized"): a marker of 12 bytes (the grain's sector
 * on the disk, and how many bytes follow), and a zlib stream, on sectors of their own. A grain
 * that is written again is packed anew, at the end of the file.
 */
#include <errno.h>
#include <zlib.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/vmdk.h"

#define MARKER_BYTES 12u

int vmdk_unpack(const struct vmdk_extent *x, uint64_t place, void *bytes, size_t length)
{
    const uint32_t grain = x->bat.block_bytes;
    const uint32_t most = 2 * grain + BLOCK_SECTOR;
    uint8_t marker[MARKER_BYTES];
    uint32_t packed = most;
    if (x->markers) {
        int status = block_node_read(x->file, place, marker, sizeof(marker));
        packed = load_le32(marker + 8);
        if (status < 0 || packed == 0 || packed > most) {
            return status < 0 ? status : -EIO;
        }
        place += sizeof(marker);
    }
    uint8_t *from = mem_try_alloc(packed), *to = mem_try_alloc(grain);
    int status = from && to ? block_node_read(x->file, place, from, packed) : -ENOMEM;
    if (status == 0) {
        z_stream z = {.next_in = from, .avail_in = packed, .next_out = to, .avail_out = grain};
        status = inflateInit(&z) == Z_OK ? 0 : -ENOMEM;
        if (status == 0) {
            const int how = inflate(&z, Z_FINISH); /* never more than avail_out */
            /* The last grain may be cut off where the disk ends. */
            status = how == Z_STREAM_END && z.total_out >= length ? 0 : -EIO;
            inflateEnd(&z);
        }
    }
    if (status == 0) {
        memcpy(bytes, to, length);
    }
    mem_free(from);
    mem_free(to);
    return status;
}

int vmdk_pack(struct vmdk_extent *x, uint64_t offset, const void *grain)
{
    const uint32_t bytes = x->bat.block_bytes, head = x->markers ? MARKER_BYTES : 0;
    uLongf packed = compressBound(bytes);
    const size_t room = (size_t)align_up(head + packed, BLOCK_SECTOR);
    uint8_t *out = mem_try_alloc(room);
    if (!out || compress(out + head, &packed, grain, bytes) != Z_OK) {
        mem_free(out);
        return -ENOMEM;
    }
    if (head) {
        store_le64(out, (offset - x->disk_offset) / BLOCK_SECTOR);
        store_le32(out + 8, (uint32_t)packed);
    }
    const uint64_t length = align_up(head + packed, BLOCK_SECTOR);
    os_mutex_lock(&x->bat.node->tables);
    const uint64_t place = bat_take_end(&x->bat, length, BLOCK_SECTOR);
    os_mutex_unlock(&x->bat.node->tables);
    int status = place ? block_node_write(x->file, place, out, (size_t)length, 0) : -ENOSPC;
    status = status < 0 ? status : bat_link(&x->bat, offset, place);
    mem_free(out);
    return status;
}
