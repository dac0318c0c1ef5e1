/* SPDX-License-Identifier: MIT */
/*
 * The generic loader, -device loader: puts a file or a number into guest memory at each reset, and
 * may say where a vCPU begins. ELF files, kernels as uImage and Intel HEX files go where they say
 * themselves and begin at their entry, unless force-raw is on; anything else goes to addr as it is.
 */
#include <inttypes.h>

#include "base/bits.h"
#include "base/mem.h"
#include "cpu/arch.h"
#include "cpu/cpu.h"
#include "hw/classes.h"
#include "hw/elf.h"
#include "hw/ihex.h"
#include "hw/uimage.h"

#define NO_CPU UINT32_MAX
#define HEAD_BYTES 1024 /* enough to recognize a file */

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

static bool place_elf(const struct loader *l, const uint8_t *bytes, size_t n, uint64_t *entry,
                      struct error *e)
{
    static const struct arch_elf none[] = {{0}};
    struct machine *m = l->dev.machine;
    const struct arch *arch = arch_find(m->cls->arch);
    const struct elf_file elf = {l->file, bytes, n};
    struct elf_info info = {0};
    const bool good = elf_place(&elf, arch ? arch->elf : none, &m->placements, &info, e);
    *entry = info.entry;
    return good;
}

static bool place_uimage(const struct loader *l, const uint8_t *bytes, size_t n, uint64_t *entry,
                         struct error *e)
{
    struct machine *m = l->dev.machine;
    struct uimage u;
    struct unpacked out;
    if (!uimage_read(l->file, bytes, n, &u, e)) {
        return false;
    }
    if (u.type != UIMAGE_KERNEL) {
        return error_set(e,
                         "loader %s: a uImage, but no kernel (type %u); force-raw=on loads it "
                         "as it is",
                         l->file, u.type);
    }
    *entry = u.entry;
    return uimage_unpack(l->file, &u, m->config.ram_bytes, &out, e) &&
           placements_add(&m->placements,
                          &(struct placement){
                              .what = l->file, .base = u.load, .size = out.n, .bytes = out.bytes},
                          e);
}

static bool place_ihex(const struct loader *l, const uint8_t *bytes, size_t n, uint64_t *entry,
                       struct error *e)
{
    struct ihex_info info;
    const bool good = ihex_place(l->file, bytes, n, &l->dev.machine->placements, &info, e);
    *entry = info.has_entry ? info.entry : l->addr;
    return good;
}

/* Files that say themselves where they go. */
static const struct format {
    bool (*is)(const uint8_t *bytes, size_t n);
    bool (*place)(const struct loader *l, const uint8_t *bytes, size_t n, uint64_t *entry,
                  struct error *e);
    uint64_t max; /* bytes */
} formats[] = {
    {elf_is, place_elf, UINT64_C(1) << 40},
    {uimage_is, place_uimage, UINT64_C(1) << 32},
    {ihex_is, place_ihex, UINT64_C(1) << 28},
};

static const struct format *find_format(const struct image_file *f)
{
    uint8_t head[HEAD_BYTES];
    const size_t n = f->size < HEAD_BYTES ? (size_t)f->size : HEAD_BYTES;
    for (size_t i = 0; i < array_len(formats) && image_read(f, 0, head, n); i++) {
        if (formats[i].is(head, n)) {
            return &formats[i];
        }
    }
    return NULL;
}

static bool place_file(const struct loader *l, struct machine *m, uint64_t *entry, struct error *e)
{
    struct placement p = {.what = l->file, .base = l->addr};
    if (!image_open(&p.file, "loader", l->file, e)) {
        return false;
    }
    const struct format *format = l->force_raw ? NULL : find_format(&p.file);
    if (!format) {
        p.size = p.file.size;
        return placements_add(&m->placements, &p, e);
    }
    const size_t n = p.file.size;
    uint8_t *bytes = image_read_all(&p.file, "loader", format->max, e);
    image_close(&p.file);
    const bool good = bytes && format->place(l, bytes, n, entry, e);
    mem_free(bytes);
    return good;
}

static bool check(const struct loader *l, struct error *e)
{
    const struct machine *m = l->dev.machine;
    if (l->cpu_num != NO_CPU && l->cpu_num >= m->vcpu_count) {
        return error_set(e, "loader: cpu-num=%" PRIu32 ": the machine has %u vCPUs, counted from 0",
                         l->cpu_num, m->vcpu_count);
    }
    if (l->file && (l->data_len || l->data || l->data_be)) {
        return error_set(e, "loader: file= and data=, data-len=, data-be= exclude each other");
    }
    if ((l->data || l->data_be) && !l->data_len) {
        return error_set(e, "loader: data= needs data-len=, from 1 to 8");
    }
    if (l->force_raw && l->data_len) {
        return error_set(e, "loader: force-raw= is for file=");
    }
    return l->file || l->data_len || l->cpu_num != NO_CPU ||
           error_set(e, "loader: one of file=, data= with data-len=, or cpu-num= is needed");
}

static bool loader_create(struct device *d, struct error *e)
{
    const struct loader *l = (const struct loader *)d;
    struct machine *m = d->machine;
    uint64_t entry = l->addr;
    if (!check(l, e)) {
        return false;
    }
    if (l->file && !place_file(l, m, &entry, e)) {
        return false;
    }
    if (l->data_len && !place_data(l, m, e)) {
        return false;
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
     "a file of a known format is loaded as it is, too", NULL},
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
