/* SPDX-License-Identifier: MIT */
/*
 * SMBIOS tables (DMTF DSP0134, 3.6: chapter 6 has the form of structures, 7 their contents). A
 * structure is a row of fields, in which strings are numbers; the strings stand behind it.
 */
#include "hw/smbios/smbios.h"

#include <stdio.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/machine.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/pci.h"

enum type {
    BIOS = 0,
    SYSTEM = 1,
    BOARD = 2,
    CHASSIS = 3,
    PROCESSOR = 4,
    PORT = 8,
    SLOT = 9,
    OEM_STRINGS = 11,
    MEMORY_ARRAY = 16,
    MEMORY = 17,
    MEMORY_MAPPED = 19,
    BOOT = 32,
    ONBOARD = 41,
    END = 127
};

struct writer {
    struct strbuf out, strings;
    unsigned count; /* strings of the structure */
    size_t begun;
    const struct smbios_config *config;
    const struct smbios_platform *platform;
    const struct machine *machine;
};

/* ---- structures */

static void put(struct writer *w, uint64_t value, unsigned bytes)
{
    uint8_t le[8];
    store_le64(le, value);
    strbuf_bytes(&w->out, le, bytes);
}

static unsigned handle(enum type type, unsigned index)
{
    return (unsigned)type << 8 | index;
}

static void begin(struct writer *w, enum type type, unsigned index)
{
    w->begun = w->out.len;
    w->count = 0;
    strbuf_clear(&w->strings);
    put(w, type, 1);
    put(w, 0, 1); /* length: end() */
    put(w, handle(type, index), 2);
}

static void end(struct writer *w)
{
    w->out.text[w->begun + 1] = (char)(w->out.len - w->begun);
    strbuf_bytes(&w->out, strbuf_text(&w->strings), w->strings.len);
    put(w, 0, w->count ? 1 : 2);
}

/* The number of a string; 0 for none. */
static unsigned string(struct writer *w, const char *text)
{
    if (!text || !*text) {
        return 0;
    }
    strbuf_bytes(&w->strings, text, strlen(text) + 1);
    return ++w->count;
}

static void put_string(struct writer *w, const char *text)
{
    put(w, string(w, text), 1);
}

static const char * or (const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

/* True if this type is to be made: a file may have brought it. */
static bool wanted(const struct writer *w, enum type type)
{
    return !w->config->in_file[type];
}

/* ---- 7.1 to 7.5 */

static void add_bios(struct writer *w)
{
    const struct smbios_bios *b = &w->config->bios;
    begin(w, BIOS, 0);
    put_string(w, b->vendor);
    put_string(w, b->version);
    put(w, 0xe800, 2); /* segment, of a PC */
    put_string(w, b->date);
    put(w, 0, 1); /* size */
    put(w, 8, 8); /* its characteristics are not told */
    put(w, 0, 1);
    put(w, 0x14 | (b->uefi ? 8 : 0), 1); /* a virtual machine; content distribution */
    put(w, b->major, 1);
    put(w, b->minor, 1);
    put(w, 0xffff, 2); /* no embedded controller */
    end(w);
}

/* 7.2.1: the first three groups are little-endian. */
static void put_uuid(struct writer *w, const char *text)
{
    static const uint8_t at[16] = {6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34};
    for (unsigned i = 0; i < 16; i++) {
        unsigned byte = 0;
        if (text) {
            sscanf(text + at[i], "%2x", &byte);
        }
        put(w, byte, 1);
    }
}

static void add_system(struct writer *w)
{
    const struct smbios_system *s = &w->config->system;
    begin(w, SYSTEM, 0);
    put_string(w, or (s->manufacturer, w->platform->manufacturer));
    put_string(w, or (s->product, w->platform->product));
    put_string(w, or (s->version, w->platform->version));
    put_string(w, s->serial);
    put_uuid(w, or (s->uuid, w->machine->config.uuid));
    put(w, 6, 1); /* woken by its power switch */
    put_string(w, s->sku);
    put_string(w, s->family);
    end(w);
}

static void add_board(struct writer *w)
{
    const struct smbios_board *b = &w->config->board;
    begin(w, BOARD, 0);
    put_string(w, or (b->manufacturer, w->platform->manufacturer));
    put_string(w, or (b->product, w->platform->product));
    put_string(w, or (b->version, w->platform->version));
    put_string(w, b->serial);
    put_string(w, b->asset);
    put(w, 1, 1); /* hosts the processors */
    put_string(w, b->location);
    put(w, handle(CHASSIS, 0), 2);
    put(w, 10, 1); /* a motherboard */
    put(w, 0, 1);
    end(w);
}

static void add_chassis(struct writer *w)
{
    const struct smbios_chassis *c = &w->config->chassis;
    begin(w, CHASSIS, 0);
    put_string(w, or (c->manufacturer, w->platform->manufacturer));
    put(w, 1, 1); /* another type than there is a number for */
    put_string(w, or (c->version, w->platform->version));
    put_string(w, c->serial);
    put_string(w, c->asset);
    put(w, 0x030303, 3); /* states: safe */
    put(w, 2, 1);        /* security: unknown */
    put(w, 0, 4);
    put(w, 0, 4); /* height, cords, no parts */
    put_string(w, c->sku);
    end(w);
}

static uint8_t at_most_255(unsigned n)
{
    return (uint8_t)(n < 255 ? n : 255);
}

static void add_processor(struct writer *w, unsigned index)
{
    const struct smbios_processor *p = &w->config->processor;
    const struct machine_config *c = &w->machine->config;
    const unsigned cores = c->clusters * c->cores, threads = cores * c->threads;
    char *socket = mem_printf("%s %u", or (p->socket, "CPU"), index);
    begin(w, PROCESSOR, index);
    put_string(w, socket);
    put(w, 3, 1);    /* a CPU */
    put(w, 0xfe, 1); /* the family is in the field behind */
    put_string(w, or (p->manufacturer, w->platform->manufacturer));
    put(w, p->id, 8);
    put_string(w, or (p->version, w->platform->version));
    put(w, 0, 1 + 2); /* voltage, clock: unknown */
    put(w, p->max_mhz, 2);
    put(w, p->current_mhz, 2);
    put(w, 0x41, 1); /* there, and enabled */
    put(w, 1, 1);
    put(w, UINT64_MAX, 6); /* no structures of caches */
    put_string(w, p->serial);
    put_string(w, p->asset);
    put_string(w, p->part);
    put(w, at_most_255(cores), 1);
    put(w, at_most_255(cores), 1);
    put(w, at_most_255(threads), 1);
    put(w, 2, 2); /* characteristics: unknown */
    put(w, p->family, 2);
    put(w, cores, 2);
    put(w, cores, 2);
    put(w, threads, 2);
    end(w);
    mem_free(socket);
}

/* ---- 7.9, 7.10, 7.12, 7.42: what only users tell of */

static void add_ports(struct writer *w)
{
    unsigned index = 0;
    for (const struct smbios_port *p = w->config->ports; p; p = p->next) {
        begin(w, PORT, index++);
        put_string(w, p->internal);
        put(w, 0, 1); /* its connector */
        put_string(w, p->external);
        put(w, p->connector, 1);
        put(w, p->type, 1);
        end(w);
    }
}

/* Where a PCI device is: only the root bus has its number before firmware runs. */
static bool find_devfn(const struct writer *w, enum type type, const char *id, unsigned *devfn,
                       struct error *e)
{
    const struct device *d = machine_find_device((struct machine *)w->machine, id);
    if (!d || d->cls->bus != BUS_PCI) {
        return error_set(e, "-smbios type=%u: there is no PCI device with id=%s", type, id);
    }
    const struct pci_device *p = (const struct pci_device *)d;
    if (p->bus->bridge) {
        return error_set(
            e, "-smbios type=%u: %s is behind a bridge, where buses have no number yet", type, id);
    }
    *devfn = p->devfn;
    return true;
}

static bool add_slots(struct writer *w, struct error *e)
{
    unsigned index = 0;
    for (const struct smbios_slot *s = w->config->slots; s; s = s->next) {
        unsigned devfn = 0xff;
        if (s->device && !find_devfn(w, SLOT, s->device, &devfn, e)) {
            return false;
        }
        begin(w, SLOT, index++);
        put_string(w, s->designation);
        put(w, s->type, 1);
        put(w, s->width, 1);
        put(w, s->usage, 1);
        put(w, s->length, 1);
        put(w, s->id, 2);
        put(w, s->characteristics1, 1);
        put(w, s->characteristics2, 1);
        put(w, s->device ? 0 : 0xff, 2); /* segment */
        put(w, s->device ? 0 : 0xff, 1); /* bus */
        put(w, devfn, 1);
        end(w);
    }
    return true;
}

static void add_oem_strings(struct writer *w)
{
    unsigned n = 0;
    for (const struct smbios_text *t = w->config->oem; t; t = t->next) {
        n++;
    }
    if (n) {
        begin(w, OEM_STRINGS, 0);
        put(w, n, 1);
        for (const struct smbios_text *t = w->config->oem; t; t = t->next) {
            string(w, t->value);
        }
        end(w);
    }
}

static bool add_onboard(struct writer *w, struct error *e)
{
    unsigned index = 0;
    for (const struct smbios_onboard *o = w->config->onboard; o; o = o->next) {
        unsigned devfn = 0;
        if (o->device && !find_devfn(w, ONBOARD, o->device, &devfn, e)) {
            return false;
        }
        begin(w, ONBOARD, index++);
        put_string(w, o->designation);
        put(w, 0x80 | (unsigned)(o->kind + 1), 1); /* enabled */
        put(w, o->instance, 1);
        put(w, 0, 2 + 1);
        put(w, devfn, 1);
        end(w);
    }
    return true;
}

/* ---- 7.17, 7.18, 7.20, 7.33 */

#define KIB_SHIFT 10
#define MIB_SHIFT 20

static void add_memory_array(struct writer *w)
{
    const uint64_t bytes = w->platform->ram_bytes, kib = bytes >> KIB_SHIFT;
    begin(w, MEMORY_ARRAY, 0);
    put(w, 1, 1);                                   /* located elsewhere */
    put(w, 3, 1);                                   /* system memory */
    put(w, 6, 1);                                   /* corrects many bits */
    put(w, kib < 0x80000000 ? kib : 0x80000000, 4); /* or in the last field */
    put(w, 0xfffe, 2);
    put(w, 1, 2); /* modules */
    put(w, kib < 0x80000000 ? 0 : bytes, 8);
    end(w);
}

static void add_memory(struct writer *w)
{
    const struct smbios_memory *d = &w->config->memory;
    const uint64_t mib = w->platform->ram_bytes >> MIB_SHIFT;
    char *locator = mem_printf("%s 0", or (d->locator, "DIMM"));
    begin(w, MEMORY, 0);
    put(w, handle(MEMORY_ARRAY, 0), 2);
    put(w, 0xfffe, 2);
    put(w, UINT32_MAX, 4); /* widths: unknown */
    put(w, mib < 0x7fff ? mib : 0x7fff, 2);
    put(w, 9, 1 + 1); /* a DIMM, of no set */
    put_string(w, locator);
    put_string(w, d->bank);
    put(w, 7, 1); /* RAM */
    put(w, 2, 2);
    put(w, d->mhz, 2);
    put_string(w, or (d->manufacturer, w->platform->manufacturer));
    put_string(w, d->serial);
    put_string(w, d->asset);
    put_string(w, d->part);
    put(w, 0, 1);
    put(w, mib < 0x7fff ? 0 : mib, 4);
    put(w, d->mhz, 2);
    put(w, 0, 6); /* voltages: unknown */
    end(w);
    mem_free(locator);
}

static void add_memory_map(struct writer *w)
{
    const uint64_t base = w->platform->ram_base, last = base + w->platform->ram_bytes - 1;
    begin(w, MEMORY_MAPPED, 0);
    put(w, base >> KIB_SHIFT, 4);
    put(w, last >> KIB_SHIFT, 4);
    put(w, handle(MEMORY_ARRAY, 0), 2);
    put(w, 1, 1);
    put(w, 0, 8);
    put(w, 0, 8);
    end(w);
}

static void add_boot(struct writer *w)
{
    begin(w, BOOT, 0);
    put(w, 0, 6 + 1); /* no errors */
    end(w);
}

/* ---- all */

static bool add_structures(struct writer *w, struct error *e)
{
    const struct smbios_config *c = w->config;
    for (const struct firmware_blob *f = c->files; f; f = f->next) {
        strbuf_bytes(&w->out, f->bytes, f->n);
    }
    if (c->given[BIOS]) {
        add_bios(w);
    }
    if (wanted(w, SYSTEM)) {
        add_system(w);
    }
    if (c->given[BOARD]) {
        add_board(w);
    }
    if (wanted(w, CHASSIS)) {
        add_chassis(w);
    }
    for (unsigned i = 0; wanted(w, PROCESSOR) && i < w->machine->config.sockets; i++) {
        add_processor(w, i);
    }
    add_ports(w);
    if (!add_slots(w, e)) {
        return false;
    }
    add_oem_strings(w);
    if (wanted(w, MEMORY_ARRAY)) {
        add_memory_array(w);
    }
    if (wanted(w, MEMORY)) {
        add_memory(w);
    }
    if (wanted(w, MEMORY_MAPPED)) {
        add_memory_map(w);
    }
    if (wanted(w, BOOT)) {
        add_boot(w);
    }
    if (!add_onboard(w, e)) {
        return false;
    }
    begin(w, END, 0);
    end(w);
    return true;
}

/* 5.2.2: the entry point of version 3; its checksum and the address are the firmware's. */
static bool add_anchor(struct device *fw_cfg, size_t bytes, struct error *e)
{
    enum {
        ANCHOR_BYTES = 24
    };
    uint8_t *p = mem_alloc(ANCHOR_BYTES);
    memcpy(p, "_SM3_", 5);
    p[6] = ANCHOR_BYTES;
    p[7] = 3; /* version 3.0 */
    p[10] = 1;
    store_le32(p + 12, (uint32_t)bytes);
    return fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", p, ANCHOR_BYTES, e);
}

/* 5.2.1: that of version 2, which says how many structures there are, and the largest. */
static bool add_old_anchor(struct device *fw_cfg, const struct strbuf *tables, struct error *e)
{
    enum {
        ANCHOR_BYTES = 31
    };
    const uint8_t *t = (const uint8_t *)tables->text;
    size_t most = 0, count = 0, at = 0;
    while (at + 4 < tables->len) {
        size_t end = at + t[at + 1];
        while (end + 2 < tables->len && (t[end] || t[end + 1])) {
            end++;
        }
        most = end + 2 - at > most ? end + 2 - at : most;
        at = end + 2;
        count++;
    }
    if (tables->len > UINT16_MAX) {
        return error_set(e, "-smbios: %zu bytes of tables; there is room for 65535", tables->len);
    }
    uint8_t *p = mem_alloc(ANCHOR_BYTES);
    memcpy(p, "_SM_", 4);
    p[5] = ANCHOR_BYTES;
    p[6] = 2; /* version 2.8 */
    p[7] = 8;
    store_le16(p + 8, (uint16_t)most);
    memcpy(p + 16, "_DMI_", 5);
    store_le16(p + 22, (uint16_t)tables->len);
    store_le16(p + 28, (uint16_t)count);
    p[30] = 0x28;
    return fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", p, ANCHOR_BYTES, e);
}

bool smbios_add(struct device *fw_cfg, const struct machine *m, const struct smbios_platform *p,
                struct error *e)
{
    static const struct smbios_config nothing = {
        .processor = {.max_mhz = 2000, .current_mhz = 2000, .family = 1}};
    const struct firmware_config *f = m->config.firmware;
    struct writer w = {
        .config = f && f->smbios ? f->smbios : &nothing, .platform = p, .machine = m};
    bool good = add_structures(&w, e);
    const size_t n = w.out.len;
    strbuf_free(&w.strings);
    good = good && (p->old_anchor ? add_old_anchor(fw_cfg, &w.out, e) : add_anchor(fw_cfg, n, e));
    if (!good) {
        strbuf_free(&w.out);
        return false;
    }
    return fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-tables", strbuf_take(&w.out), n, e);
}
