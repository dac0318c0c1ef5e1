/* SPDX-License-Identifier: MIT */
/*
 * See pam.h. RAM is there all the time; what a segment shows in its place lies above it. A segment
 * that is read from ROM and written to RAM, as when ROM is copied, is ROM whose writes are ours.
 */
#include "hw/pci/pam.h"

#include "base/bits.h"
#include "memory/dirty.h"

#define ABOVE_RAM 1
#define ABOVE_DISPLAY 3

/* Register 0 has the last 64 KiB in its upper half; the others 16 KiB in each. */
static void place(struct pam_segment *s, unsigned n)
{
    s->base = n == 0 ? 0xf0000 : PAM_BASE + (n - 1) * 0x4000;
    s->size = n == 0 ? 0x10000 : 0x4000;
}

static unsigned attributes(const uint8_t *registers, unsigned n)
{
    const unsigned nibble = n + 1; /* the first one of register 0 is reserved */
    return registers[nibble / 2] >> (nibble % 2 ? 4 : 0) & (PAM_READ | PAM_WRITE);
}

static uint64_t rom_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct pam_segment *s = opaque;
    return load_le(s->pam->rom + (s->base - PAM_BASE) + offset, size);
}

static void ram_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct pam_segment *s = opaque;
    uint8_t *at = s->pam->ram + s->base + offset;
    store_le(at, size, value);
    dirty_written(s->pam->memory, at, size);
}

static const struct mmio_ops copy_ops = {.read = rom_read, .write = ram_write};

static void show(struct pam_segment *s, unsigned mode)
{
    struct pam *p = s->pam;
    struct mem_range r = {.base = s->base,
                          .size = s->size,
                          .kind = mode == PAM_WRITE ? RANGE_ROMD : RANGE_ROM,
                          .priority = ABOVE_RAM,
                          .name = mode == PAM_READ ? "pam-ram" : "pam-rom",
                          .host = mode == PAM_READ ? p->ram + s->base
                                                   : p->rom + (s->base - PAM_BASE)};
    if (mode == PAM_WRITE) {
        r.ops = &copy_ops;
        r.opaque = s;
    }
    if (s->shown) {
        space_remove(p->memory, s->shown);
    }
    s->shown = mode == (PAM_READ | PAM_WRITE) ? NULL : space_add(p->memory, &r);
    s->mode = mode;
}

void pam_update(struct pam *p, const uint8_t *registers)
{
    space_begin(p->memory);
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        const unsigned mode = attributes(registers, n);
        if (mode != p->segment[n].mode) {
            show(&p->segment[n], mode);
        }
    }
    space_commit(p->memory);
}

void pam_open_smram(struct pam *p, bool open)
{
    if (open && !p->smram) {
        p->smram = space_add(p->memory, &(struct mem_range){.base = SMRAM_BASE,
                                                            .size = SMRAM_BYTES,
                                                            .kind = RANGE_RAM,
                                                            .priority = ABOVE_DISPLAY,
                                                            .name = "smram",
                                                            .host = p->ram + SMRAM_BASE});
    } else if (!open && p->smram) {
        space_remove(p->memory, p->smram);
        p->smram = NULL;
    }
}

void pam_init(struct pam *p, struct space *memory, uint8_t *ram, uint8_t *rom)
{
    *p = (struct pam){.memory = memory, .ram = ram, .rom = rom};
    space_begin(memory);
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        p->segment[n].pam = p;
        place(&p->segment[n], n);
        show(&p->segment[n], 0);
    }
    space_commit(memory);
}

void pam_fini(struct pam *p)
{
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        if (p->segment[n].shown) {
            space_remove(p->memory, p->segment[n].shown);
        }
    }
    pam_open_smram(p, false);
}
