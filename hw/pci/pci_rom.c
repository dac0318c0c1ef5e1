/* SPDX-License-Identifier: MIT */
/*
 * Option ROMs: the file, and the address register that shows it. PCI Local Bus Specification 3.0,
 * 6.2.5.2 (register), 6.3 (contents).
 *
 * A ROM that a class names is the distribution's, for several devices of a kind: it is made to name
 * the function that has it. One that the user names is shown as it is.
 */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "hw/image.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

enum {
    ROM_LEAST = 4096, /* memory is mapped by pages */
    ROM_MOST = 16 << 20,

    ROM_SIGNATURE = 0xaa55,
    ROM_CHECKSUM = 6, /* a byte that has no other meaning */
    ROM_PCIR = 0x18,  /* where its data structure is */
    PCIR_VENDOR = 4,
    PCIR_BYTES = 0x18,
};

/* ---- contents */

/* All bytes of an image have the sum 0. */
static void set16(uint8_t *rom, size_t at, uint16_t value)
{
    const unsigned before = rom[at] + rom[at + 1u];
    store_le16(rom + at, value);
    rom[ROM_CHECKSUM] = (uint8_t)(rom[ROM_CHECKSUM] + before - rom[at] - rom[at + 1u]);
}

static void name_function(uint8_t *rom, size_t n, const struct pci_class *c)
{
    if (n < ROM_PCIR + 2 || load_le16(rom) != ROM_SIGNATURE) {
        return;
    }
    const size_t at = load_le16(rom + ROM_PCIR);
    if (at > n - PCIR_BYTES || memcmp(rom + at, "PCIR", 4) != 0) {
        return;
    }
    set16(rom, at + PCIR_VENDOR, c->vendor);
    set16(rom, at + PCIR_VENDOR + 2, c->device);
}

/* With an address register it is as large as a power of two. */
static bool read_rom(struct pci_device *p, const char *path, struct error *e)
{
    struct image_file f;
    if (!image_open(&f, "romfile", path, e)) {
        return false;
    }
    uint8_t *bytes = image_read_all(&f, "romfile", ROM_MOST, e);
    const size_t n = (size_t)f.size;
    image_close(&f);
    if (!bytes) {
        return false;
    }
    p->rom_bytes = ROM_LEAST;
    while (p->rom_bytes < n) {
        p->rom_bytes *= 2;
    }
    p->rom = machine_map_memory(p->dev.machine, p->rom_bytes, e);
    if (p->rom) {
        memcpy(p->rom, bytes, n);
    }
    mem_free(bytes);
    return p->rom != NULL;
}

static const char *find(const struct pci_device *p, const char *name)
{
    const struct machine_backends *b = &p->dev.machine->backends;
    return b->rom ? b->rom(b->opaque, name) : NULL;
}

bool pci_rom_load(struct pci_device *p, struct error *e)
{
    const struct pci_class *c = p->dev.cls->kind;
    const bool own = !p->romfile;
    const char *name = own ? c->rom : p->romfile;
    if (!name || !*name || !p->rombar) {
        return true;
    }
    const char *path = find(p, name);
    if (!path && own) { /* it is not installed, and may not be needed */
        return true;
    }
    if (!read_rom(p, path ? path : name, e)) {
        error_prefix(e, "%s: ", p->dev.cls->name);
        return false;
    }
    if (own) {
        name_function(p->rom, p->rom_bytes, c);
    }
    return true;
}

/* ---- its register */

void pci_rom_init(struct pci_device *p)
{
    if (!p->rom) {
        return;
    }
    struct pci_bar *b = &p->bar[PCI_ROM];
    b->size = p->rom_bytes;
    b->part[0] = (struct pci_bar_part){
        .size = (uint32_t)p->rom_bytes, .name = "option-rom", .opaque = p->rom};
    b->part_count = 1;
    store_le32(p->writable + pci_bar_register(p, PCI_ROM),
               ~(uint32_t)(p->rom_bytes - 1) | PCI_ROM_ENABLED);
}

void pci_rom_free(struct pci_device *p)
{
    if (p->rom) { /* the memory is the machine's */
        os_discard(p->rom, p->rom_bytes);
        p->rom = NULL;
    }
}
