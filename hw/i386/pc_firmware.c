/* SPDX-License-Identifier: MIT */
/*
 * Firmware of the boards pc and q35: it ends at 4 GiB, where CPUs begin, and its last 128 KiB are
 * also below 1 MiB, as ROM that can be shadowed. It comes from the first flash, from -bios, or is
 * the distribution's SeaBIOS.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "block/block.h"
#include "cpu/x86.h"
#include "hw/block/pflash_cfi01.h"
#include "hw/i386/pc_board.h"
#include "hw/image.h"
#include "hw/pci/pam.h"

#define GIB (UINT64_C(1) << 30)
#define LOW_BYTES 0x20000u
#define MOST (UINT64_C(16) << 20)
#define FLASH_SECTOR 4096u

static void fill_low_rom(struct pc_board *b, const uint8_t *bytes, uint64_t size)
{
    const size_t n = size < LOW_BYTES ? (size_t)size : LOW_BYTES;
    memcpy(b->low_rom + PAM_BYTES - n, bytes + size - n, n);
}

/* ---- ROM */

static bool load_rom(struct pc_board *b, const char *option, const char *path, struct error *e)
{
    struct pc *pc = &b->pc;
    struct image_file f;
    if (!image_open(&f, option, path, e)) {
        return false;
    }
    const uint64_t size = f.size;
    if (size == 0 || size > MOST || size % 0x10000) {
        image_close(&f);
        return error_set(e,
                         "%s %s: %" PRIu64 " bytes; firmware of PCs has a multiple of 64 KiB, "
                         "up to 16 MiB",
                         option, path, size);
    }
    pc->rom = os_map_ram(size, e);
    pc->rom_bytes = size;
    const bool good = pc->rom && (image_read(&f, 0, pc->rom, size) ||
                                  error_set(e, "%s %s: cannot be read", option, path));
    image_close(&f);
    if (good) {
        fill_low_rom(b, pc->rom, size);
        space_add(pc->machine->memory, &(struct mem_range){.base = 4 * GIB - size,
                                                           .size = size,
                                                           .kind = RANGE_ROM,
                                                           .priority = 1,
                                                           .name = "bios",
                                                           .host = pc->rom});
    }
    return good;
}

static const char *package_of(const char *file)
{
    const struct arch_firmware *f = x86_64_arch.firmware;
    while (f->file && strcmp(f->file, file) != 0) {
        f++;
    }
    return f->package;
}

static bool load_usual(struct pc_board *b, struct error *e)
{
    const struct machine *m = b->pc.machine;
    const char *file = m->cls->usual_bios;
    if (m->config.usual_bios) {
        return load_rom(b, "-bios", m->config.usual_bios, e);
    }
    return error_set(e,
                     "machine '%s': its firmware, %s, is not installed; on Debian the package %s "
                     "has it; -bios FILE takes another",
                     m->cls->name, file, package_of(file));
}

/* ---- flash */

static bool find_drive(struct pc_board *b, unsigned n, struct block **block, struct error *e)
{
    const struct machine *m = b->pc.machine;
    const struct machine_backends *back = &m->backends;
    const char *id = b->flash_drive[n];
    *block = back->pflash ? back->pflash(back->opaque, n) : NULL;
    if (*block && id) {
        return error_set(e, "machine '%s': pflash%u=%s: -drive if=pflash has that flash already",
                         m->cls->name, n, id);
    }
    if (id && !(*block = back->drive(back->opaque, id, e))) {
        error_prefix(e, "machine '%s': pflash%u=%s: ", m->cls->name, n, id);
        return false;
    }
    return true;
}

static bool add_flash(struct pc_board *b, unsigned n, struct block *block, uint64_t *end,
                      struct error *e)
{
    static const char *const names[PC_FLASHES] = {"system.flash0", "system.flash1"};
    const struct machine *m = b->pc.machine;
    const uint64_t size = block_size_bytes(block);
    char sectors[24];
    if (size == 0 || size % FLASH_SECTOR || size > MOST - (4 * GIB - *end)) {
        return error_set(e,
                         "pflash %s: %" PRIu64 " bytes; the flashes of PCs have multiples of 4 KiB "
                         "and 16 MiB together",
                         block_file(block), size);
    }
    snprintf(sectors, sizeof(sectors), "%" PRIu64, size / FLASH_SECTOR);
    struct device *d = device_new(&pflash_cfi01_class, b->pc.machine, NULL);
    pflash_set_block(d, block);
    if (!device_set_fixed(d, "name", names[n], e) || !device_set_fixed(d, "width", "1", e) ||
        !device_set_fixed(d, "sector-length", "4096", e) ||
        !device_set_fixed(d, "num-blocks", sectors, e) || !device_create(d, e)) {
        device_free(d);
        return false;
    }
    *end -= size;
    pflash_map(d, m->memory, *end);
    b->flash[n] = d;
    return true;
}

static bool add_flashes(struct pc_board *b, struct error *e)
{
    const char *bios = b->pc.machine->config.bios;
    uint64_t end = 4 * GIB;
    for (unsigned n = 0; n < PC_FLASHES; n++) {
        struct block *block;
        if (!find_drive(b, n, &block, e)) {
            return false;
        }
        if (block && n > 0 && !b->flash[0]) {
            return error_set(e, "pflash %s: without the first flash there is no second",
                             block_file(block));
        }
        if (block && bios) {
            return error_set(e, "-bios %s: a flash has the firmware", bios);
        }
        if (block && !add_flash(b, n, block, &end, e)) {
            return false;
        }
    }
    return true;
}

bool pc_firmware_add(struct pc_board *b, struct error *e)
{
    const char *bios = b->pc.machine->config.bios;
    if (!add_flashes(b, e)) {
        return false;
    }
    if (b->flash[0]) {
        fill_low_rom(b, pflash_contents(b->flash[0]), pflash_bytes(b->flash[0]));
        return true;
    }
    return bios ? load_rom(b, "-bios", bios, e) : load_usual(b, e);
}
