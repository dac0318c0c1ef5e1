/* SPDX-License-Identifier: MIT */
/* Loading of ELF executables: see elf.h. */
#include "hw/elf.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/mem.h"

enum {
    ELFCLASS64 = 2,
    ELFDATA2LSB = 1,
    ET_EXEC = 2,
    ET_DYN = 3,
    PT_LOAD = 1
};
#define PHDR_BYTES 56
#define SEGMENTS_MAX 256

struct segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, file_bytes, memory_bytes;
};

struct header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint64_t entry, segments_at;
    uint16_t segment_bytes, segments;
};

bool elf_is(const uint8_t *bytes, size_t n)
{
    return n >= 4 && memcmp(bytes, "\177ELF", 4) == 0;
}

const char *elf_machine_name(unsigned machine)
{
    switch (machine) {
    case ELF_MACHINE_386:
        return "i386";
    case ELF_MACHINE_PPC64:
        return "ppc64";
    case ELF_MACHINE_S390:
        return "s390x";
    case ELF_MACHINE_ARM:
        return "32-bit Arm";
    case ELF_MACHINE_X86_64:
        return "x86-64";
    case ELF_MACHINE_AARCH64:
        return "AArch64";
    case ELF_MACHINE_RISCV:
        return "RISC-V";
    default:
        return "another machine";
    }
}

static bool read_header(struct cursor *c, struct header *h)
{
    uint32_t version, flags;
    uint64_t sections_at;
    uint16_t header_bytes;
    return cursor_bytes(c, h->ident, 16) && cursor_le16(c, &h->type) &&
           cursor_le16(c, &h->machine) && cursor_le32(c, &version) && cursor_le64(c, &h->entry) &&
           cursor_le64(c, &h->segments_at) && cursor_le64(c, &sections_at) &&
           cursor_le32(c, &flags) && cursor_le16(c, &header_bytes) &&
           cursor_le16(c, &h->segment_bytes) && cursor_le16(c, &h->segments);
}

static bool check_header(const char *what, const struct header *h, unsigned machine,
                         struct error *e)
{
    if (h->machine != machine) {
        return error_set(e, "%s: an ELF file for %s, not for %s", what,
                         elf_machine_name(h->machine), elf_machine_name(machine));
    }
    if (h->ident[4] != ELFCLASS64 || h->ident[5] != ELFDATA2LSB) {
        return error_set(e, "%s: not a 64-bit little-endian ELF file", what);
    }
    if (h->type != ET_EXEC && h->type != ET_DYN) {
        return error_set(e, "%s: an ELF file, but no executable", what);
    }
    if (h->segment_bytes < PHDR_BYTES || h->segments == 0 || h->segments > SEGMENTS_MAX) {
        return error_set(e, "%s: an ELF file with no usable program headers", what);
    }
    return true;
}

static bool read_segment(const struct cursor *file, const struct header *h, unsigned i,
                         struct segment *s)
{
    struct cursor c;
    uint64_t at;
    return !__builtin_add_overflow(h->segments_at, (uint64_t)i * h->segment_bytes, &at) &&
           cursor_at(file, at, PHDR_BYTES, &c) && cursor_le32(&c, &s->type) &&
           cursor_le32(&c, &s->flags) && cursor_le64(&c, &s->offset) &&
           cursor_le64(&c, &s->vaddr) && cursor_le64(&c, &s->paddr) &&
           cursor_le64(&c, &s->file_bytes) && cursor_le64(&c, &s->memory_bytes);
}

static bool place_segment(const char *what, const struct cursor *file, const struct segment *s,
                          struct placements *l, struct error *e)
{
    struct cursor bytes;
    uint64_t end;
    if (!cursor_at(file, s->offset, s->file_bytes, &bytes)) {
        return error_set(e, "%s: the ELF file is truncated", what);
    }
    if (s->file_bytes > s->memory_bytes ||
        __builtin_add_overflow(s->paddr, s->memory_bytes, &end)) {
        return error_set(e, "%s: the ELF file has a segment of impossible size", what);
    }
    uint8_t *copy = mem_try_alloc(s->file_bytes ? s->file_bytes : 1);
    if (!copy) {
        return error_set(e, "%s: no memory to hold it", what);
    }
    cursor_bytes(&bytes, copy, s->file_bytes);
    return placements_add(l,
                          &(struct placement){.what = (char *)(uintptr_t)what,
                                              .base = s->paddr,
                                              .size = s->file_bytes,
                                              .zeros = s->memory_bytes - s->file_bytes,
                                              .bytes = copy},
                          e);
}

/* Where the entry point lies physically: it is given as the segments' virtual addresses are. */
static void map_entry(const struct segment *s, uint64_t entry, struct elf_info *info)
{
    if (entry - s->vaddr < s->memory_bytes) {
        info->entry = entry - s->vaddr + s->paddr;
    }
}

bool elf_place(const struct elf_file *f, unsigned machine, struct placements *l,
               struct elf_info *info, struct error *e)
{
    const char *what = f->what;
    struct cursor file, c;
    struct header h;
    cursor_init(&file, f->bytes, f->n);
    c = file;
    if (!elf_is(f->bytes, f->n) || !read_header(&c, &h)) {
        return error_set(e, "%s: the ELF file is truncated", what);
    }
    if (!check_header(what, &h, machine, e)) {
        return false;
    }
    *info = (struct elf_info){.entry = h.entry, .low = UINT64_MAX};
    for (unsigned i = 0; i < h.segments; i++) {
        struct segment s;
        if (!read_segment(&file, &h, i, &s)) {
            return error_set(e, "%s: the ELF file is truncated", what);
        }
        if (s.type != PT_LOAD || s.memory_bytes == 0) {
            continue;
        }
        if (!place_segment(what, &file, &s, l, e)) {
            return false;
        }
        map_entry(&s, h.entry, info);
        info->low = s.paddr < info->low ? s.paddr : info->low;
        info->high = s.paddr + s.memory_bytes > info->high ? s.paddr + s.memory_bytes : info->high;
    }
    if (info->high == 0) {
        return error_set(e, "%s: the ELF file has nothing to load", what);
    }
    return true;
}
