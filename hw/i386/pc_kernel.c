/* SPDX-License-Identifier: MIT */
/*
 * -kernel with firmware: the parts of the kernel, its RAM disk and command line are items of
 * fw_cfg. UEFI starts a kernel from these by itself, BIOS firmware has an option ROM for that
 * (boot_rom.S), which is first in the order of booting.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "hw/i386/boot_rom.h"
#include "hw/i386/linux_boot.h"
#include "hw/i386/pc_kernel.h"
#include "hw/nvram/fw_cfg.h"

#define ROM_FILE "genroms/kernel.bin"
#define GIB (UINT64_C(1) << 30)

/* In the ROM. */
enum {
    ROM_KIND = 8,
    ROM_INITRD_END = 12,
    ROM_INITRD_FROM = 16,
    ROM_PNP = 0x20,
    ROM_PNP_BYTES = 32,
    ROM_PNP_SUM = ROM_PNP + 9
};

enum {
    SETUP_MOST = 0x8000,
    HEAP_END = 0xe000 /* from PC_ROM_SETUP on */
};

/* ---- items */

void pc_kernel_blob(struct pc *pc, enum fw_cfg_key key, enum fw_cfg_key size_key, uint8_t *bytes,
                    size_t n)
{
    fw_cfg_add_u32(pc->fw_cfg, size_key, (uint32_t)n);
    fw_cfg_add(pc->fw_cfg, key, bytes, n);
}

static bool add_initrd(struct pc *pc, struct error *e)
{
    const char *path = pc->machine->config.initrd;
    struct image_file f;
    if (!path) {
        return true;
    }
    if (!image_open(&f, "-initrd", path, e)) {
        return false;
    }
    uint8_t *bytes = image_read_all(&f, "-initrd", PC_KERNEL_FILE_MOST, e);
    const size_t n = (size_t)f.size;
    image_close(&f);
    if (bytes) {
        pc_kernel_blob(pc, FW_CFG_INITRD_DATA, FW_CFG_INITRD_SIZE, bytes, n);
    }
    return bytes;
}

static bool add_command_line(struct pc *pc, size_t most, struct error *e)
{
    const char *text = pc->machine->config.append ? pc->machine->config.append : "";
    const size_t n = strlen(text);
    if (n > most) {
        return error_set(e, "-append: %zu characters; the kernel takes %zu at most", n, most);
    }
    pc_kernel_blob(pc, FW_CFG_CMDLINE_DATA, FW_CFG_CMDLINE_SIZE, mem_dup(text, n + 1), n + 1);
    return true;
}

/* ---- Linux */

static void tell_setup(uint8_t *setup, unsigned version)
{
    setup[P_LOADER] = LINUX_LOADER_UNKNOWN;
    setup[P_LOAD_FLAGS] |= LINUX_HAS_HEAP;
    store_le16(setup + P_HEAP_END, HEAP_END - 0x200);
    store_le32(setup + P_COMMAND_LINE, PC_ROM_COMMAND_LINE);
    if (version < 0x203) {
        store_le32(setup + P_INITRD_MOST, 0x37ffffff);
    }
}

static bool check_linux(const struct pc_kernel *k, struct error *e)
{
    const unsigned version = load_le16(k->bytes + P_VERSION);
    if (version < 0x202 || !(k->bytes[P_LOAD_FLAGS] & LINUX_LOADED_HIGH)) {
        return error_set(e,
                         "%s: a kernel of boot protocol %u.%02u; from 2.02 on bzImages are loaded",
                         k->what, version >> 8, version & 0xff);
    }
    if (linux_is_truncated(k->bytes, k->n) || linux_setup_bytes(k->bytes) > SETUP_MOST) {
        return error_set(e, "%s: the kernel is truncated", k->what);
    }
    return true;
}

/* Where a RAM disk may be: behind what the kernel takes when it runs. */
static void place_initrd(struct pc_kernel *k, unsigned version, size_t size)
{
    uint64_t end = LINUX_KERNEL + size;
    if (version >= 0x20a) {
        const uint64_t its = load_le64(k->bytes + P_PREFERRED) + load_le32(k->bytes + P_INIT_BYTES);
        end = its > end && its < 4 * GIB ? its : end;
    }
    k->initrd_from = (uint32_t)end;
    k->initrd_end = version >= 0x203 ? load_le32(k->bytes + P_INITRD_MOST) : 0x37ffffff;
}

static bool file_bytes(const char *option, const char *path, uint64_t *size, struct error *e)
{
    struct image_file f;
    *size = 0;
    if (path && !image_open(&f, option, path, e)) {
        return false;
    }
    if (path) {
        *size = f.size;
        image_close(&f);
    }
    return true;
}

static bool add_linux(struct pc *pc, struct pc_kernel *k, struct error *e)
{
    if (!check_linux(k, e) ||
        !file_bytes("-initrd", pc->machine->config.initrd, &k->initrd_bytes, e)) {
        return false;
    }
    const unsigned version = load_le16(k->bytes + P_VERSION);
    const size_t setup = (size_t)linux_setup_bytes(k->bytes), size = k->n - setup;
    const size_t most = version >= 0x206 ? load_le32(k->bytes + P_COMMAND_LINE_MOST) : 255;
    k->kind = PC_KERNEL_LINUX;
    place_initrd(k, version, size);
    if (pc->boot.low_ram < LINUX_KERNEL + size) {
        return error_set(e, "%s: its %zu MiB do not fit into memory (-m)", k->what, k->n >> 20);
    }
    tell_setup(k->bytes, version);
    store_le32(k->bytes + P_INITRD_BYTES, (uint32_t)k->initrd_bytes);
    fw_cfg_add_u32(pc->fw_cfg, FW_CFG_SETUP_ADDR, PC_ROM_SETUP);
    pc_kernel_blob(pc, FW_CFG_SETUP_DATA, FW_CFG_SETUP_SIZE, mem_dup(k->bytes, setup), setup);
    fw_cfg_add_u32(pc->fw_cfg, FW_CFG_KERNEL_ADDR, (uint32_t)LINUX_KERNEL);
    pc_kernel_blob(pc, FW_CFG_KERNEL_DATA, FW_CFG_KERNEL_SIZE, mem_dup(k->bytes + setup, size),
                   size);
    return add_command_line(pc, most < PC_ROM_COMMAND_LINE_MOST ? most : PC_ROM_COMMAND_LINE_MOST,
                            e) &&
           add_initrd(pc, e);
}

/* ---- the ROM */

static uint8_t sum(const uint8_t *bytes, size_t n)
{
    unsigned s = 0;
    while (n--) {
        s += *bytes++;
    }
    return (uint8_t)s;
}

static bool add_rom(struct pc *pc, const struct pc_kernel *k, struct error *e)
{
    const size_t n = sizeof(boot_rom);
    uint8_t *rom = mem_dup(boot_rom, n);
    store_le32(rom + ROM_KIND, k->kind);
    store_le32(rom + ROM_INITRD_END, k->initrd_end);
    store_le32(rom + ROM_INITRD_FROM, k->initrd_from);
    rom[ROM_PNP_SUM] = (uint8_t)-sum(rom + ROM_PNP, ROM_PNP_BYTES);
    rom[n - 1] = (uint8_t)-sum(rom, n);
    pc->machine->first_boot = "/rom@" ROM_FILE;
    return fw_cfg_add_file(pc->fw_cfg, ROM_FILE, rom, n, e);
}

static bool add(struct pc *pc, struct pc_kernel *k, struct error *e)
{
    if (linux_is_bzimage(k->bytes, k->n < LINUX_HEAD_BYTES ? k->n : LINUX_HEAD_BYTES)) {
        return add_linux(pc, k, e);
    }
    if (pc_flat_is_multiboot(k) || pc_flat_is_pvh(k)) {
        return pc_flat_add(pc, k, e);
    }
    return error_set(e,
                     "%s: no x86 kernel; those that firmware can start are bzImage, multiboot, and "
                     "ELF with Xen's note of an entry point (PVH)",
                     k->what);
}

static bool read_kernel(struct pc_kernel *k, const char *path, struct error *e)
{
    struct image_file f;
    *k = (struct pc_kernel){.kind = PC_KERNEL_LINUX};
    if (!image_open(&f, "-kernel", path, e)) {
        return false;
    }
    k->what = mem_printf("-kernel %s", path);
    k->bytes = image_read_all(&f, "-kernel", PC_KERNEL_FILE_MOST, e);
    k->n = (size_t)f.size;
    image_close(&f);
    return k->bytes;
}

static void free_kernel(struct pc_kernel *k)
{
    mem_free(k->bytes);
    mem_free(k->what);
}

bool pc_kernel_add(struct pc *pc, struct error *e)
{
    const struct machine_config *c = &pc->machine->config;
    struct pc_kernel k;
    if (!c->kernel) {
        return true;
    }
    const bool good = read_kernel(&k, c->kernel, e) && add(pc, &k, e) && add_rom(pc, &k, e);
    free_kernel(&k);
    return good;
}

bool pc_kernel_place_multiboot(struct pc *pc, bool *is, struct error *e)
{
    struct pc_kernel k;
    bool good = read_kernel(&k, pc->machine->config.kernel, e);
    *is = good && !linux_is_bzimage(k.bytes, k.n < LINUX_HEAD_BYTES ? k.n : LINUX_HEAD_BYTES) &&
          pc_flat_is_multiboot(&k);
    good = good && (!*is || pc_flat_place(pc, &k, e));
    free_kernel(&k);
    return good;
}
