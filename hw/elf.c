/* SPDX-License-Identifier: MIT */
/* Loading of ELF executables: see elf.h. */
#include "hw/elf.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/mem.h"

enum {
    ET_EXEC = 2,
    ET_DYN = 3,
    PT_LOAD = 1
};
#define HEADER_BYTES_MIN 52 /* of a 32-bit file */
#define SEGMENTS_MAX 256

/* A reader of fields that are as wide, and in the byte order, that the file's kind says. */
struct reader {
    struct cursor c;
    const struct arch_elf *kind;
};

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

/* Of machines that no architecture of this build has as its own. */
static const struct {
    unsigned machine;
    const char *name;
} others[] = {{3, "i386"},        {20, "ppc"},    {21, "ppc64"},   {22, "s390x"},
              {40, "32-bit Arm"}, {62, "x86-64"}, {243, "RISC-V"}, {258, "LoongArch"}};

static const char *machine_name(unsigned machine)
{
    for (const struct arch *const *a = archs; *a; a++) {
        for (const struct arch_elf *k = (*a)->elf; k->machine; k++) {
            if (k->machine == machine) {
                return k->name;
            }
        }
    }
    for (size_t i = 0; i < array_len(others); i++) {
        if (others[i].machine == machine) {
            return others[i].name;
        }
    }
    return "another machine";
}

static bool read16(struct reader *r, uint16_t *out)
{
    return r->kind->big_endian ? cursor_be16(&r->c, out) : cursor_le16(&r->c, out);
}

static bool read32(struct reader *r, uint32_t *out)
{
    return r->kind->big_endian ? cursor_be32(&r->c, out) : cursor_le32(&r->c, out);
}

/* An address, offset or size. */
static bool read_word(struct reader *r, uint64_t *out)
{
    uint32_t narrow;
    if (r->kind->bits == 64) {
        return r->kind->big_endian ? cursor_be64(&r->c, out) : cursor_le64(&r->c, out);
    }
    if (!read32(r, &narrow)) {
        return false;
    }
    *out = narrow;
    return true;
}

static unsigned segment_header_bytes(const struct arch_elf *k)
{
    return k->bits == 64 ? 56 : 32;
}

static bool read_header(struct reader *r, struct header *h)
{
    uint32_t version, flags;
    uint64_t sections_at;
    uint16_t header_bytes;
    return cursor_bytes(&r->c, h->ident, 16) && read16(r, &h->type) && read16(r, &h->machine) &&
           read32(r, &version) && read_word(r, &h->entry) && read_word(r, &h->segments_at) &&
           read_word(r, &sections_at) && read32(r, &flags) && read16(r, &header_bytes) &&
           read16(r, &h->segment_bytes) && read16(r, &h->segments);
}

/* e_machine and the class stand where and as they do in any file; the kind says what follows. */
static const struct arch_elf *find_kind(const struct elf_file *f, const struct arch_elf *kinds,
                                        struct error *e)
{
    struct cursor c;
    uint8_t class, data;
    uint16_t machine;
    cursor_init(&c, f->bytes, f->n);
    if (f->n < HEADER_BYTES_MIN || !elf_is(f->bytes, f->n) || !cursor_skip(&c, 4) ||
        !cursor_u8(&c, &class) || !cursor_u8(&c, &data) || !cursor_skip(&c, 12) ||
        !(data == 2 ? cursor_be16(&c, &machine) : cursor_le16(&c, &machine))) {
        error_set(e, "%s: the ELF file is truncated", f->what);
        return NULL;
    }
    const struct arch_elf *k = kinds;
    while (k->machine && (k->machine != machine || k->bits != 32 * class ||
                          k->big_endian != (data == 2) || data - 1u > 1)) {
        k++;
    }
    if (k->machine) {
        return k;
    }
    if (!kinds->machine) {
        error_set(e, "%s: an ELF file, of which this machine's CPUs run none", f->what);
    } else if (machine != kinds->machine) {
        error_set(e, "%s: an ELF file for %s, not for %s", f->what, machine_name(machine),
                  kinds->name);
    } else {
        error_set(e, "%s: not a %u-bit %s-endian ELF file", f->what, kinds->bits,
                  kinds->big_endian ? "big" : "little");
    }
    return NULL;
}

static bool check_header(const char *what, const struct reader *r, const struct header *h,
                         struct error *e)
{
    if (h->type != ET_EXEC && h->type != ET_DYN) {
        return error_set(e, "%s: an ELF file, but no executable", what);
    }
    if (h->segment_bytes < segment_header_bytes(r->kind) || h->segments == 0 ||
        h->segments > SEGMENTS_MAX) {
        return error_set(e, "%s: an ELF file with no usable program headers", what);
    }
    return true;
}

/* Segment i of the file; the 32-bit form has the flags near the end. */
static bool read_segment(const struct reader *file, const struct header *h, unsigned i,
                         struct segment *s)
{
    struct reader r = {.kind = file->kind};
    const bool wide = r.kind->bits == 64;
    uint64_t at;
    return !__builtin_add_overflow(h->segments_at, (uint64_t)i * h->segment_bytes, &at) &&
           cursor_at(&file->c, at, segment_header_bytes(r.kind), &r.c) && read32(&r, &s->type) &&
           (!wide || read32(&r, &s->flags)) && read_word(&r, &s->offset) &&
           read_word(&r, &s->vaddr) && read_word(&r, &s->paddr) && read_word(&r, &s->file_bytes) &&
           read_word(&r, &s->memory_bytes) && (wide || read32(&r, &s->flags));
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

bool elf_place(const struct elf_file *f, const struct arch_elf *kinds, struct placements *l,
               struct elf_info *info, struct error *e)
{
    const char *what = f->what;
    struct reader file = {.kind = find_kind(f, kinds, e)}, r;
    struct header h;
    if (!file.kind) {
        return false;
    }
    cursor_init(&file.c, f->bytes, f->n);
    r = file;
    if (!read_header(&r, &h)) {
        return error_set(e, "%s: the ELF file is truncated", what);
    }
    if (!check_header(what, &file, &h, e)) {
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
        if (!place_segment(what, &file.c, &s, l, e)) {
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
