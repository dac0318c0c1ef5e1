/* SPDX-License-Identifier: MIT */
/*
 * Kernels that are ELF files with Xen's note XEN_ELFNOTE_PHYS32_ENTRY: the x86/HVM direct boot ABI
 * (docs/misc/pvh.pandoc and the public header arch-x86/hvm/start_info.h of Xen, version 1).
 */
#include <inttypes.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "hw/elf.h"
#include "hw/i386/pc_boot.h"

enum {
    PT_NOTE = 4,
    PHYS32_ENTRY = 18
};

enum {
    START_MAGIC = 0x336ec578,
    START_BYTES = 56,
    MODULE_BYTES = 32,
    RANGE_BYTES = 24
};

bool pc_boot_is_pvh(const uint8_t *head, size_t n)
{
    return elf_is(head, n);
}

/* The note among those of a segment. */
static bool find_note(struct cursor notes, uint64_t *entry)
{
    uint32_t name_bytes, bytes, type;
    while (cursor_le32(&notes, &name_bytes) && cursor_le32(&notes, &bytes) &&
           cursor_le32(&notes, &type)) {
        struct cursor c = notes;
        char name[4] = "";
        uint32_t low = 0;
        if (name_bytes == 4 && type == PHYS32_ENTRY && (bytes == 4 || bytes == 8) &&
            cursor_bytes(&c, name, 4) && memcmp(name, "Xen", 4) == 0 && cursor_le32(&c, &low)) {
            *entry = low;
            return true;
        }
        if (name_bytes > UINT32_MAX - 3 || bytes > UINT32_MAX - 3 ||
            !cursor_skip(&notes, align_up(name_bytes, 4)) ||
            !cursor_skip(&notes, align_up(bytes, 4))) {
            return false;
        }
    }
    return false;
}

/* Where program headers are, of either class. */
struct headers {
    uint64_t at;
    uint16_t bytes, count;
    bool wide;
};

static bool find_headers(const struct elf_file *f, struct headers *h)
{
    struct cursor c;
    uint32_t at32 = 0;
    cursor_init(&c, f->bytes, f->n);
    h->wide = f->n > 4 && f->bytes[4] == 2;
    const bool place = cursor_seek(&c, h->wide ? 32 : 28) &&
                       (h->wide ? cursor_le64(&c, &h->at) : cursor_le32(&c, &at32));
    h->at = h->wide ? h->at : at32;
    return place && cursor_seek(&c, h->wide ? 54 : 42) && cursor_le16(&c, &h->bytes) &&
           cursor_le16(&c, &h->count);
}

static bool find_segment(const struct elf_file *f, const struct headers *h, unsigned n,
                         struct cursor *segment)
{
    struct cursor c;
    uint32_t type, at32 = 0, bytes32 = 0;
    uint64_t at = 0, bytes = 0;
    cursor_init(&c, f->bytes, f->n);
    if (h->at > f->n || !cursor_seek(&c, (size_t)h->at + (size_t)n * h->bytes) ||
        !cursor_le32(&c, &type) || type != PT_NOTE) {
        return false;
    }
    if (h->wide) {
        return cursor_skip(&c, 4) && cursor_le64(&c, &at) && cursor_skip(&c, 16) &&
               cursor_le64(&c, &bytes) && cursor_at(&c, at, bytes, segment);
    }
    return cursor_le32(&c, &at32) && cursor_skip(&c, 8) && cursor_le32(&c, &bytes32) &&
           cursor_at(&c, at32, bytes32, segment);
}

static bool find_entry(const struct elf_file *f, uint64_t *entry)
{
    struct headers h = {.at = 0};
    struct cursor segment;
    bool found = false;
    for (unsigned n = 0; find_headers(f, &h) && n < h.count && !found; n++) {
        found = find_segment(f, &h, n, &segment) && find_note(segment, entry);
    }
    return found;
}

bool pc_boot_place_pvh(struct pc_boot *b, const char *what, const uint8_t *bytes, size_t n,
                       struct error *e)
{
    const struct elf_file f = {what, bytes, n};
    struct elf_info info;
    if (!elf_place(&f, x86_64_arch.elf, b->placements, &info, e)) {
        return false;
    }
    return find_entry(&f, &b->entry) ||
           error_set(e, "%s: an ELF file without Xen's note of an entry point (PVH)", what);
}

bool pc_boot_load_pvh(struct pc_boot *b, const char *what, struct image_file *file, struct error *e)
{
    uint8_t *bytes = image_read_all(file, "-kernel", UINT64_MAX, e);
    const bool good = bytes && pc_boot_place_pvh(b, what, bytes, (size_t)file->size, e);
    mem_free(bytes);
    b->kind = X86_BOOT_PVH;
    b->argument = PC_PARAMETERS;
    return good;
}

bool pc_boot_tell_pvh(struct pc_boot *b, paddr initrd, uint64_t initrd_bytes, struct error *e)
{
    uint8_t p[START_BYTES + MODULE_BYTES + PC_RANGES * RANGE_BYTES] = {0};
    uint8_t *module = p + START_BYTES, *map = module + MODULE_BYTES;
    struct pc_range rows[PC_RANGES];
    const unsigned n = pc_memory_map(b, rows);
    store_le32(p, START_MAGIC);
    store_le32(p + 4, 1); /* version */
    store_le32(p + 12, initrd_bytes ? 1 : 0);
    store_le64(p + 16, PC_PARAMETERS + START_BYTES);
    store_le64(p + 24, PC_COMMAND_LINE);
    store_le64(p + 32, b->rsdp);
    store_le64(p + 40, PC_PARAMETERS + START_BYTES + MODULE_BYTES);
    store_le32(p + 48, n);
    store_le64(module, initrd);
    store_le64(module + 8, initrd_bytes);
    for (unsigned i = 0; i < n; i++) {
        store_le64(map + RANGE_BYTES * i, rows[i].base);
        store_le64(map + RANGE_BYTES * i + 8, rows[i].size);
        store_le32(map + RANGE_BYTES * i + 16, rows[i].type);
    }
    return pc_boot_put(b, "the start info", PC_PARAMETERS, p, sizeof(p), e);
}
