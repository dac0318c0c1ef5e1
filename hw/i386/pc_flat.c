/* SPDX-License-Identifier: MIT */
/*
 * Kernels that the option ROM starts in 32-bit mode: by the Multiboot Specification 0.6.96, with
 * modules, and ELF files with Xen's note (pc_pvh.c). What they are told is made here but for the
 * map of memory, which is the firmware's; multiboot kernels are started without firmware, too. Not
 * modelled: video modes that a multiboot kernel asks for, its ELF sections.
 */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "hw/elf.h"
#include "hw/i386/pc_kernel.h"

#define MIB (UINT64_C(1) << 20)
#define FIRMWARE_ROOM MIB /* that it keeps at the end of memory */
#define MODULES 64

/* A kernel as it lies in memory. */
struct image {
    uint8_t *bytes;
    uint64_t base, n, entry;
};

/* ---- multiboot headers (3.1) */

enum {
    HEADER_MAGIC = 0x1badb002,
    HEADER_SEARCH = 8192,
    HAS_ADDRESSES = 1 << 16
};

/* Where the header is; its first 12 bytes add up to 0. */
static bool find_header(const struct pc_kernel *k, size_t *at)
{
    for (*at = 0; *at + 32 <= k->n && *at < HEADER_SEARCH; *at += 4) {
        const uint8_t *p = k->bytes + *at;
        if (load_le32(p) == HEADER_MAGIC &&
            (uint32_t)(HEADER_MAGIC + load_le32(p + 4) + load_le32(p + 8)) == 0) {
            return true;
        }
    }
    return false;
}

bool pc_flat_is_multiboot(const struct pc_kernel *k)
{
    size_t at;
    return find_header(k, &at);
}

bool pc_flat_is_pvh(const struct pc_kernel *k)
{
    return pc_boot_is_pvh(k->bytes, k->n);
}

/* ---- kernels in memory */

static bool check_room(const struct pc *pc, const struct pc_kernel *k, uint64_t base, uint64_t end,
                       struct error *e)
{
    const uint64_t low = pc->boot.low_ram;
    if (base < MIB || end < base || end > low - FIRMWARE_ROOM) {
        return error_set(e,
                         "%s: with its modules it is from 0x%" PRIx64 " to 0x%" PRIx64 "; there is "
                         "memory from 0x100000 to 0x%" PRIx64 " (-m)",
                         k->what, base, end, low - FIRMWARE_ROOM);
    }
    return true;
}

/* One piece of what placements say. */
static bool flatten(const struct pc *pc, const struct pc_kernel *k, const struct placements *list,
                    struct image *image, struct error *e)
{
    uint64_t end = 0;
    image->base = list->first ? list->first->base : 0;
    for (const struct placement *p = list->first; p; p = p->next) {
        const uint64_t its = p->base + p->size + p->zeros;
        end = its > end ? its : end;
    }
    if (!check_room(pc, k, image->base, end, e)) {
        return false;
    }
    image->n = end - image->base;
    image->bytes = mem_alloc(image->n);
    for (const struct placement *p = list->first; p; p = p->next) {
        memcpy(image->bytes + (p->base - image->base), p->bytes, p->size);
    }
    return true;
}

/* The header's addresses say it; a field of 0 for an end means that of the file, or none. */
static bool load_by_addresses(const struct pc *pc, const struct pc_kernel *k, size_t at,
                              struct image *image, struct error *e)
{
    const uint8_t *h = k->bytes + at;
    const uint32_t header = load_le32(h + 12), load = load_le32(h + 16);
    const uint32_t load_end = load_le32(h + 20), zeros_end = load_le32(h + 24);
    const uint64_t before = (uint64_t)header - load; /* of the header */
    if (header < load || before > at) {
        return error_set(e, "%s: its multiboot header has addresses that cannot be", k->what);
    }
    const size_t from = at - (size_t)before;
    const uint64_t size = load_end ? (uint64_t)load_end - load : k->n - from;
    const uint64_t end = zeros_end > load + size ? zeros_end : load + size;
    if (load_end && load_end < load) {
        return error_set(e, "%s: its multiboot header has addresses that cannot be", k->what);
    }
    if (size > k->n - from) {
        return error_set(e, "%s: the kernel is truncated", k->what);
    }
    if (!check_room(pc, k, load, end, e)) {
        return false;
    }
    *image = (struct image){.base = load, .n = end - load, .entry = load_le32(h + 28)};
    image->bytes = mem_alloc(image->n);
    memcpy(image->bytes, k->bytes + from, size);
    return true;
}

static bool load_elf(const struct pc *pc, const struct pc_kernel *k, struct image *image,
                     struct error *e)
{
    static const struct arch_elf kinds[] = {{3, 32, false, "i386"}, {0}};
    const struct elf_file f = {k->what, k->bytes, k->n};
    struct placements list = {NULL};
    struct elf_info info;
    const bool good = elf_place(&f, kinds, &list, &info, e) && flatten(pc, k, &list, image, e);
    image->entry = good ? info.entry : 0;
    placements_free(&list);
    return good;
}

static bool load_pvh(const struct pc *pc, const struct pc_kernel *k, struct image *image,
                     struct error *e)
{
    struct placements list = {NULL};
    struct pc_boot boot = {.placements = &list};
    const bool good = pc_boot_place_pvh(&boot, k->what, k->bytes, k->n, e) &&
                      flatten(pc, k, &list, image, e);
    image->entry = boot.entry;
    placements_free(&list);
    return good;
}

/* ---- modules: "file arguments,file arguments" */

struct module {
    char *text; /* the whole, and the file's part of it */
    char *file;
    uint64_t start, n; /* from the first module on */
};

struct modules {
    struct module row[MODULES];
    unsigned count;
    struct strbuf bytes; /* each begins a page */
};

static bool read_module(struct modules *m, const char *text, size_t length, struct error *e)
{
    struct module *row = &m->row[m->count++];
    struct image_file f;
    row->text = mem_printf("%.*s", (int)length, text);
    row->file = mem_printf("%.*s", (int)strcspn(row->text, " "), row->text);
    if (!image_open(&f, "-initrd", row->file, e)) {
        return false;
    }
    uint8_t *bytes = image_read_all(&f, "-initrd", PC_KERNEL_FILE_MOST, e);
    row->start = m->bytes.len;
    row->n = f.size;
    image_close(&f);
    if (bytes) {
        strbuf_bytes(&m->bytes, bytes, row->n);
        while (m->bytes.len % GUEST_PAGE_SIZE) {
            strbuf_putc(&m->bytes, 0);
        }
    }
    mem_free(bytes);
    return bytes;
}

/* Only a multiboot kernel has several. */
static bool read_modules(struct modules *m, const char *initrd, bool several, struct error *e)
{
    const char *text = initrd;
    while (text && *text) {
        const size_t length = several ? strcspn(text, ",") : strlen(text);
        if (m->count == MODULES) {
            return error_set(e, "-initrd: more than %u modules", MODULES);
        }
        if (!read_module(m, text, length, e)) {
            return false;
        }
        text += length + (text[length] == ',');
    }
    return true;
}

static void free_modules(struct modules *m)
{
    for (unsigned i = 0; i < m->count; i++) {
        mem_free(m->row[i].text);
        mem_free(m->row[i].file);
    }
    strbuf_free(&m->bytes);
}

/* ---- what the kernel is told */

struct teller {
    struct strbuf out; /* at PC_ROM_INFO */
};

static uint32_t put(struct teller *t, const void *bytes, size_t n)
{
    const uint32_t at = PC_ROM_INFO + (uint32_t)t->out.len;
    strbuf_bytes(&t->out, bytes, n);
    while (t->out.len % 8) {
        strbuf_putc(&t->out, 0);
    }
    return at;
}

static uint8_t *word(struct teller *t, uint32_t at)
{
    return (uint8_t *)t->out.text + (at - PC_ROM_INFO);
}

/* 3.3: memory, command line, modules, map, name of the loader */
enum {
    INFO_BYTES = 88,
    INFO_FLAGS = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9,
    INFO_MEMORY = 4, /* offsets */
    INFO_COMMAND_LINE = 16,
    INFO_MODULES = 20,
    INFO_MAP_BYTES = 44,
    INFO_MAP = 48,
    INFO_LOADER = 64,
    MODULE_BYTES = 16
};

static void tell_multiboot(struct teller *t, const struct pc *pc, const struct modules *m,
                           uint64_t first)
{
    const struct machine_config *c = &pc->machine->config;
    const uint8_t zeros[INFO_BYTES] = {0};
    const uint32_t info = put(t, zeros, INFO_BYTES);
    char *line = mem_printf("%s %s", c->kernel, c->append ? c->append : "");
    const uint32_t command = put(t, line, strlen(line) + 1);
    const uint32_t loader = put(t, "dragoman", 9);
    const uint32_t modules = PC_ROM_INFO + (uint32_t)t->out.len;
    for (unsigned i = 0; i < m->count; i++) {
        put(t, zeros, MODULE_BYTES);
    }
    for (unsigned i = 0; i < m->count; i++) {
        const struct module *row = &m->row[i];
        const uint32_t text = put(t, row->text, strlen(row->text) + 1);
        uint8_t *p = word(t, modules + i * MODULE_BYTES);
        store_le32(p, (uint32_t)(first + row->start));
        store_le32(p + 4, (uint32_t)(first + row->start + row->n));
        store_le32(p + 8, text);
    }
    uint8_t *p = word(t, info);
    store_le32(p, INFO_FLAGS);
    store_le32(p + INFO_MEMORY, 639);
    store_le32(p + INFO_MEMORY + 4, (uint32_t)((pc->boot.low_ram - MIB) >> 10));
    store_le32(p + INFO_COMMAND_LINE, command);
    store_le32(p + INFO_MODULES, m->count);
    store_le32(p + INFO_MODULES + 4, modules);
    store_le32(p + INFO_MAP, PC_ROM_MAP);
    store_le32(p + INFO_LOADER, loader);
    mem_free(line);
}

/* The start info of pc_pvh.c, with nothing yet of what the ROM adds. */
static void tell_pvh(struct teller *t, const struct modules *m, uint64_t first)
{
    enum {
        START_BYTES = 56,
        PVH_MODULE_BYTES = 32
    };
    uint8_t p[START_BYTES + PVH_MODULE_BYTES] = {0};
    store_le32(p, 0x336ec578);
    store_le32(p + 4, 1);
    store_le32(p + 12, m->count);
    store_le64(p + 16, PC_ROM_INFO + START_BYTES);
    store_le64(p + 24, PC_ROM_COMMAND_LINE);
    store_le64(p + 40, PC_ROM_MAP);
    store_le64(p + START_BYTES, first);
    store_le64(p + START_BYTES + 8, m->count ? m->row[0].n : 0);
    put(t, p, sizeof(p));
}

/* ---- all */

static bool add_items(struct pc *pc, const struct pc_kernel *k, struct image *image,
                      struct modules *m, struct error *e)
{
    struct device *f = pc->fw_cfg;
    const char *append = pc->machine->config.append ? pc->machine->config.append : "";
    const uint64_t first = align_up(image->base + image->n, GUEST_PAGE_SIZE);
    struct teller t = {{0}};
    if (!check_room(pc, k, image->base, first + m->bytes.len, e)) {
        return false;
    }
    if (k->kind == PC_KERNEL_MULTIBOOT) {
        tell_multiboot(&t, pc, m, first);
    } else {
        tell_pvh(&t, m, first);
    }
    const size_t told = t.out.len, initrd = m->bytes.len;
    if (told > PC_ROM_INFO_MOST || strlen(append) > PC_ROM_COMMAND_LINE_MOST) {
        strbuf_free(&t.out);
        return error_set(e, "-append, -initrd: more than a kernel can be told");
    }
    pc_kernel_blob(pc, FW_CFG_SETUP_DATA, FW_CFG_SETUP_SIZE, (uint8_t *)strbuf_take(&t.out), told);
    pc_kernel_blob(pc, FW_CFG_CMDLINE_DATA, FW_CFG_CMDLINE_SIZE,
                   mem_dup(append, strlen(append) + 1), strlen(append) + 1);
    fw_cfg_add_u32(f, FW_CFG_KERNEL_ADDR, (uint32_t)image->base);
    fw_cfg_add_u32(f, FW_CFG_KERNEL_ENTRY, (uint32_t)image->entry);
    pc_kernel_blob(pc, FW_CFG_KERNEL_DATA, FW_CFG_KERNEL_SIZE, image->bytes, image->n);
    image->bytes = NULL;
    fw_cfg_add_u32(f, FW_CFG_INITRD_ADDR, (uint32_t)first);
    if (initrd) {
        pc_kernel_blob(pc, FW_CFG_INITRD_DATA, FW_CFG_INITRD_SIZE,
                       (uint8_t *)strbuf_take(&m->bytes), initrd);
    }
    return true;
}

/* Finishes the work on what was loaded. */
typedef bool (*image_fn)(struct pc *pc, const struct pc_kernel *k, struct image *image,
                         struct modules *m, struct error *e);

static bool load_and(image_fn finish, struct pc *pc, struct pc_kernel *k, struct error *e)
{
    struct modules *m = mem_alloc(sizeof(*m));
    struct image image = {.bytes = NULL};
    size_t at = 0;
    const bool multiboot = find_header(k, &at);
    k->kind = multiboot ? PC_KERNEL_MULTIBOOT : PC_KERNEL_PVH;
    const bool loaded = !multiboot ? load_pvh(pc, k, &image, e)
                        : load_le32(k->bytes + at + 4) & HAS_ADDRESSES
                            ? load_by_addresses(pc, k, at, &image, e)
                            : load_elf(pc, k, &image, e);
    const bool good = loaded && read_modules(m, pc->machine->config.initrd, multiboot, e) &&
                      finish(pc, k, &image, m, e);
    mem_free(image.bytes);
    free_modules(m);
    mem_free(m);
    return good;
}

bool pc_flat_add(struct pc *pc, struct pc_kernel *k, struct error *e)
{
    return load_and(add_items, pc, k, e);
}

/* ---- without firmware */

static bool put_map(struct pc *pc, struct teller *t, struct error *e)
{
    enum {
        ROW = 24 /* 4 bytes for the size of what follows */
    };
    struct pc_range rows[PC_RANGES];
    uint8_t map[PC_RANGES * ROW];
    const unsigned n = pc_memory_map(&pc->boot, rows);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *p = map + ROW * i;
        store_le32(p, ROW - 4);
        store_le64(p + 4, rows[i].base);
        store_le64(p + 12, rows[i].size);
        store_le32(p + 20, rows[i].type);
    }
    store_le32(word(t, PC_ROM_INFO + INFO_MAP_BYTES), n * ROW);
    return pc_boot_put(&pc->boot, "the map of memory", PC_ROM_MAP, map, n * ROW, e);
}

static bool place_all(struct pc *pc, const struct pc_kernel *k, struct image *image,
                      struct modules *m, struct error *e)
{
    struct pc_boot *b = &pc->boot;
    const uint64_t first = align_up(image->base + image->n, GUEST_PAGE_SIZE);
    struct teller t = {{0}};
    if (!check_room(pc, k, image->base, first + m->bytes.len, e)) {
        return false;
    }
    tell_multiboot(&t, pc, m, first);
    const bool fits = t.out.len <= PC_ROM_INFO_MOST;
    const bool good =
        (fits || error_set(e, "-append, -initrd: more than a kernel can be told")) &&
        put_map(pc, &t, e) &&
        pc_boot_put(b, "what the kernel is told", PC_ROM_INFO, t.out.text, t.out.len, e) &&
        pc_boot_put(b, "the kernel", image->base, image->bytes, image->n, e) &&
        (!m->bytes.len || pc_boot_put(b, "the modules", first, m->bytes.text, m->bytes.len, e));
    strbuf_free(&t.out);
    b->kind = X86_BOOT_MULTIBOOT;
    b->entry = image->entry;
    b->argument = PC_ROM_INFO;
    return good;
}

bool pc_flat_place(struct pc *pc, struct pc_kernel *k, struct error *e)
{
    return load_and(place_all, pc, k, e);
}
