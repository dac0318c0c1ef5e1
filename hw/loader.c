/* SPDX-License-Identifier: MIT */
/*
 * The generic loader, -device loader: puts a file or a number into guest memory at each reset, and
 * may say where a vCPU begins. An ELF file goes where its segments say and begins at its entry,
 * unless force-raw is on; anything else goes to addr as it is.
 */
#include <inttypes.h>

#include "base/bits.h"
#include "base/mem.h"
#include "cpu/arch.h"
#include "cpu/cpu.h"
#include "hw/classes.h"
#include "hw/elf.h"

#define NO_CPU UINT32_MAX
#define FILE_MAX (UINT64_C(1) << 40)

struct loader {
    struct device dev;
    char *file;
    uint64_t addr, data;
    uint32_t cpu_num;
    uint8_t data_len;
    bool data_be, force_raw;
    uint8_t pad;
};

static bool place_data(const struct loader *l, struct machine *m, struct error *e)
{
    if (l->data_len > 8) {
        return error_set(e, "loader: data-len=%u: from 1 to 8 are possible", l->data_len);
    }
    uint8_t *bytes = mem_alloc(8);
    if (l->data_be) {
        store_be(bytes, l->data_len, l->data);
    } else {
        store_le(bytes, l->data_len, l->data);
    }
    struct placement p = {
        .what = "loader data", .base = l->addr, .size = l->data_len, .bytes = bytes};
    return placements_add(&m->placements, &p, e);
}

static bool place_elf(const struct loader *l, struct machine *m, const struct image_file *f,
                      uint64_t *entry, struct error *e)
{
    static const struct arch_elf none[] = {{0}};
    const struct arch *arch = arch_find(m->cls->arch);
    uint8_t *bytes = image_read_all(f, "loader", FILE_MAX, e);
    if (!bytes) {
        return false;
    }
    struct elf_file elf = {l->file, bytes, f->size};
    struct elf_info info = {0};
    bool good = elf_place(&elf, arch ? arch->elf : none, &m->placements, &info, e);
    *entry = info.entry;
    mem_free(bytes);
    return good;
}

static bool place_file(const struct loader *l, struct machine *m, uint64_t *entry, struct error *e)
{
    struct placement p = {.what = l->file, .base = l->addr};
    uint8_t magic[4];
    if (!image_open(&p.file, "loader", l->file, e)) {
        return false;
    }
    if (!l->force_raw && image_read(&p.file, 0, magic, 4) && elf_is(magic, 4)) {
        bool good = place_elf(l, m, &p.file, entry, e);
        image_close(&p.file);
        return good;
    }
    p.size = p.file.size;
    return placements_add(&m->placements, &p, e);
}

static bool loader_create(struct device *d, struct error *e)
{
    const struct loader *l = (const struct loader *)d;
    struct machine *m = d->machine;
    uint64_t entry = l->addr;
    if (l->cpu_num != NO_CPU && l->cpu_num >= m->vcpu_count) {
        return error_set(e, "loader: cpu-num=%" PRIu32 ": the machine has %u vCPUs, counted from 0",
                         l->cpu_num, m->vcpu_count);
    }
    if (l->file && l->data_len) {
        return error_set(e, "loader: file= and data-len= exclude each other");
    }
    if (!l->file && !l->data_len && l->cpu_num == NO_CPU) {
        return error_set(e, "loader: one of file=, data= with data-len=, or cpu-num= is needed");
    }
    if (l->file && !place_file(l, m, &entry, e)) {
        return false;
    }
    if (l->data_len) {
        return place_data(l, m, e);
    }
    if (l->cpu_num != NO_CPU) {
        machine_add_start(m, l->cpu_num, entry);
    }
    return true;
}

static const struct prop loader_props[] = {
    {"file", PROP_STRING, offsetof(struct loader, file), NULL, "what to load", NULL},
    {"addr", PROP_U64, offsetof(struct loader, addr), "0", "where to, or where the vCPU begins",
     NULL},
    {"data", PROP_U64, offsetof(struct loader, data), "0", "a number to store", NULL},
    {"data-len", PROP_U8, offsetof(struct loader, data_len), "0", "in how many bytes", NULL},
    {"data-be", PROP_BOOL, offsetof(struct loader, data_be), "off",
     "the number is stored big-endian", NULL},
    {"cpu-num", PROP_U32, offsetof(struct loader, cpu_num), "none", "the vCPU that begins there",
     NULL},
    {"force-raw", PROP_BOOL, offsetof(struct loader, force_raw), "off",
     "an ELF file is loaded as it is, too", NULL},
    PROP_END,
};

static const struct field loader_fields[] = {FIELD_SKIP(loader, pad), FIELD_END};

const struct device_class loader_class = {
    .name = "loader",
    .desc = "puts a file or a number into memory",
    .bus = BUS_NONE,
    .size = sizeof(struct loader),
    .props = loader_props,
    .fields = loader_fields,
    .create = loader_create,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
};
