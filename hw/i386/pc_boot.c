/* SPDX-License-Identifier: MIT */
/*
 * Kernels without firmware: the map of memory, Linux's bzImage by its 32-bit boot protocol
 * (Documentation/arch/x86/boot.rst and zero-page.rst of Linux), the initial RAM disk. Not modelled:
 * kernels before protocol 2.02, which know no command line pointer.
 */
#include "hw/i386/pc_boot.h"

#include <inttypes.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/i386/linux_boot.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define LOW_RAM_END UINT64_C(0x9fc00) /* as BIOSes leave it */

struct kernel {
    struct image_file file;
    uint8_t head[LINUX_HEAD_BYTES];
    size_t head_bytes;
    uint64_t end;         /* of what it takes in memory */
    uint64_t initrd_most; /* the highest address that a RAM disk may have */
    bool is_pvh;
};

/* ---- memory */

unsigned pc_memory_map(const struct pc_boot *b, struct pc_range rows[PC_RANGES])
{
    unsigned n = 0;
    rows[n++] = (struct pc_range){0, b->low_ram < LOW_RAM_END ? b->low_ram : LOW_RAM_END, PC_RAM};
    rows[n++] = (struct pc_range){LOW_RAM_END, 0xa0000 - LOW_RAM_END, PC_RESERVED};
    rows[n++] = (struct pc_range){PC_TABLES, PC_TABLES_END - PC_TABLES, PC_RESERVED};
    if (b->low_ram > MIB) {
        rows[n++] = (struct pc_range){MIB, b->low_ram - MIB, PC_RAM};
    }
    rows[n++] = (struct pc_range){0xfffc0000, 0x40000, PC_RESERVED};
    if (b->high_ram) {
        rows[n++] = (struct pc_range){4 * GIB, b->high_ram, PC_RAM};
    }
    return n;
}

bool pc_boot_put(struct pc_boot *b, const char *what, paddr at, const void *bytes, size_t n,
                 struct error *e)
{
    return placements_add(
        b->placements,
        &(struct placement){
            .what = (char *)(uintptr_t)what, .base = at, .size = n, .bytes = mem_dup(bytes, n)},
        e);
}

/* ---- bzImage */

static unsigned version_of(const struct kernel *k)
{
    return load_le16(k->head + P_VERSION);
}

static bool check_version(const struct kernel *k, const char *what, struct error *e)
{
    const unsigned v = version_of(k);
    if (v < 0x202 || !(k->head[P_LOAD_FLAGS] & LINUX_LOADED_HIGH)) {
        return error_set(e,
                         "%s: a kernel of boot protocol %u.%02u; from 2.02 on bzImages are loaded",
                         what, v >> 8, v & 0xff);
    }
    return true;
}

/* The protected-mode part goes to 1 MiB; when it runs it takes what its header says. */
static bool place_bzimage(struct pc_boot *b, struct kernel *k, const char *what, struct error *e)
{
    const uint64_t offset = linux_setup_bytes(k->head);
    if (!check_version(k, what, e)) {
        return false;
    }
    if (linux_is_truncated(k->head, k->file.size)) {
        return error_set(e, "%s: the kernel is truncated", what);
    }
    const uint64_t size = k->file.size - offset;
    k->end = LINUX_KERNEL + size;
    if (version_of(k) >= 0x20a) {
        const uint64_t preferred = load_le64(k->head + P_PREFERRED);
        const uint64_t end = preferred + load_le32(k->head + P_INIT_BYTES);
        k->end = preferred < 4 * GIB && end > k->end ? end : k->end;
    }
    k->initrd_most = version_of(k) >= 0x203 ? load_le32(k->head + P_INITRD_MOST) : 0x37ffffff;
    b->kind = X86_BOOT_LINUX;
    b->entry = LINUX_KERNEL;
    b->argument = PC_PARAMETERS;
    const struct placement p = {.what = (char *)(uintptr_t)what,
                                .base = LINUX_KERNEL,
                                .size = size,
                                .file = k->file,
                                .offset = offset};
    k->file = (struct image_file){0};
    return placements_add(b->placements, &p, e);
}

static void put_map(const struct pc_boot *b, uint8_t *p)
{
    struct pc_range rows[PC_RANGES];
    const unsigned n = pc_memory_map(b, rows);
    p[P_E820_ENTRIES] = (uint8_t)n;
    for (unsigned i = 0; i < n; i++) {
        store_le64(p + P_E820 + 20 * i, rows[i].base);
        store_le64(p + P_E820 + 20 * i + 8, rows[i].size);
        store_le32(p + P_E820 + 20 * i + 16, rows[i].type);
    }
}

static bool tell_linux(struct pc_boot *b, const struct kernel *k, paddr initrd,
                       uint64_t initrd_bytes, struct error *e)
{
    uint8_t p[P_BYTES] = {0};
    const size_t end = P_MAGIC + k->head[P_JUMP];
    memcpy(p + P_HEADER, k->head + P_HEADER, (end < P_E820 ? end : P_E820) - P_HEADER);
    p[P_LOADER] = LINUX_LOADER_UNKNOWN;
    store_le32(p + P_COMMAND_LINE, (uint32_t)PC_COMMAND_LINE);
    store_le32(p + P_INITRD, (uint32_t)initrd);
    store_le32(p + P_INITRD_BYTES, (uint32_t)initrd_bytes);
    store_le64(p + P_RSDP, b->rsdp);
    put_map(b, p);
    return pc_boot_put(b, "the boot parameters", PC_PARAMETERS, p, sizeof(p), e);
}

/* ---- the initial RAM disk: as high as the kernel takes it, and memory below 4 GiB reaches */

static bool place_initrd(struct pc_boot *b, const struct kernel *k, const char *path, paddr *at,
                         uint64_t *size, struct error *e)
{
    struct placement p = {.what = "the initial RAM disk"};
    if (!path) {
        return true;
    }
    if (!image_open(&p.file, "-initrd", path, e)) {
        return false;
    }
    const uint64_t most = k->initrd_most < b->low_ram ? k->initrd_most + 1 : b->low_ram;
    p.size = *size = p.file.size;
    if (p.size > most || align_down(most - p.size, GUEST_PAGE_SIZE) < k->end) {
        image_close(&p.file);
        return error_set(e,
                         "-initrd %s: its %" PRIu64
                         " MiB do not fit between the kernel, which takes "
                         "memory up to 0x%" PRIx64 ", and 0x%" PRIx64 " (-m)",
                         path, (*size + MIB - 1) / MIB, k->end, most);
    }
    p.base = *at = align_down(most - p.size, GUEST_PAGE_SIZE);
    return placements_add(b->placements, &p, e);
}

/* ---- all together */

static bool place_command_line(struct pc_boot *b, const struct kernel *k, struct error *e)
{
    const char *text = b->append ? b->append : "";
    const bool says = !k->is_pvh && version_of(k) >= 0x206;
    const size_t most = says ? load_le32(k->head + P_COMMAND_LINE_MOST) : k->is_pvh ? 4095 : 255;
    if (strlen(text) > most) {
        return error_set(e, "-append: %zu characters; the kernel takes %zu at most", strlen(text),
                         most);
    }
    return pc_boot_put(b, "the command line", PC_COMMAND_LINE, text, strlen(text) + 1, e);
}

static bool place_kernel(struct pc_boot *b, struct kernel *k, const char *what, struct error *e)
{
    k->is_pvh = pc_boot_is_pvh(k->head, k->head_bytes);
    if (k->is_pvh) {
        k->initrd_most = UINT32_MAX;
        return pc_boot_load_pvh(b, what, &k->file, e);
    }
    if (linux_is_bzimage(k->head, k->head_bytes)) {
        return place_bzimage(b, k, what, e);
    }
    return error_set(
        e,
        "%s: no x86 kernel; those that can be loaded are bzImage, multiboot, and ELF with "
        "Xen's note of an entry point (PVH)",
        what);
}

/* The last byte that any placement has. */
static uint64_t placed_end(const struct pc_boot *b)
{
    uint64_t end = 0;
    for (const struct placement *p = b->placements->first; p; p = p->next) {
        const uint64_t its = p->base + p->size + p->zeros;
        end = its > end ? its : end;
    }
    return end;
}

static bool load(struct pc_boot *b, struct kernel *k, const char *what,
                 const struct machine_config *config, struct error *e)
{
    paddr initrd = 0;
    uint64_t initrd_bytes = 0;
    k->head_bytes = k->file.size < LINUX_HEAD_BYTES ? (size_t)k->file.size : LINUX_HEAD_BYTES;
    if (!image_read(&k->file, 0, k->head, k->head_bytes)) {
        return error_set(e, "%s: cannot be read", what);
    }
    if (!place_kernel(b, k, what, e)) {
        return false;
    }
    k->end = k->is_pvh ? placed_end(b) : k->end;
    if (k->end > b->low_ram) {
        return error_set(e,
                         "%s: it needs memory up to 0x%" PRIx64 "; there are %" PRIu64 " MiB (-m)",
                         what, k->end, b->low_ram / MIB);
    }
    return place_command_line(b, k, e) &&
           place_initrd(b, k, config->initrd, &initrd, &initrd_bytes, e) &&
           (k->is_pvh ? pc_boot_tell_pvh(b, initrd, initrd_bytes, e)
                      : tell_linux(b, k, initrd, initrd_bytes, e));
}

bool pc_boot_load(struct pc_boot *b, const struct machine_config *config, struct error *e)
{
    struct kernel k = {.is_pvh = false};
    if (!image_open(&k.file, "-kernel", config->kernel, e)) {
        return false;
    }
    char *what = mem_printf("-kernel %s", config->kernel);
    const bool good = load(b, &k, what, config, e);
    mem_free(what);
    image_close(&k.file);
    return good;
}
