/* SPDX-License-Identifier: MIT */
/*
 * SMBIOS tables (DMTF DSP0134, 3.6), by which firmware and systems tell whose machine this is. What
 * -smbios said stands in struct smbios_config; texts that were not given are NULL.
 */
#ifndef HW_SMBIOS_SMBIOS_H
#define HW_SMBIOS_SMBIOS_H

#include "hw/firmware.h"

/* Structures by their types' names; lists have a `next`. */
struct smbios_bios {
    const char *vendor, *version, *date, *release;
    bool uefi;
    uint8_t major, minor; /* of release */
};

struct smbios_system {
    const char *manufacturer, *product, *version, *serial, *uuid, *sku, *family;
};

struct smbios_board {
    const char *manufacturer, *product, *version, *serial, *asset, *location;
};

struct smbios_chassis {
    const char *manufacturer, *version, *serial, *asset, *sku;
};

struct smbios_processor {
    const char *socket, *manufacturer, *version, *serial, *asset, *part;
    uint64_t max_mhz, current_mhz, family, id;
};

struct smbios_port {
    const char *external, *internal;
    uint64_t connector, type;
    struct smbios_port *next;
};

struct smbios_slot {
    const char *designation, *device; /* device: of -device id=, or NULL */
    uint64_t type, width, usage, length, id, characteristics1, characteristics2;
    struct smbios_slot *next;
};

struct smbios_text {
    const char *value;
    struct smbios_text *next;
};

struct smbios_memory {
    const char *locator, *bank, *manufacturer, *serial, *asset, *part;
    uint64_t mhz;
};

struct smbios_onboard {
    const char *designation, *device;
    int kind;
    uint64_t instance;
    struct smbios_onboard *next;
};

#define SMBIOS_TYPES 128

struct smbios_config {
    bool given[SMBIOS_TYPES];   /* by type=N */
    bool in_file[SMBIOS_TYPES]; /* by file= */
    struct smbios_bios bios;
    struct smbios_system system;
    struct smbios_board board;
    struct smbios_chassis chassis;
    struct smbios_processor processor;
    struct smbios_port *ports;
    struct smbios_slot *slots;
    struct smbios_text *oem;
    struct smbios_memory memory;
    struct smbios_onboard *onboard;
    struct firmware_blob *files; /* whole structures, with their strings and the end of those */
};

/* What is said where the user said nothing. */
struct smbios_platform {
    const char *manufacturer, *product, *version;
    uint64_t ram_base, ram_bytes;
    bool old_anchor; /* the entry point of version 2 */
};

/* The files "etc/smbios/smbios-anchor" and "-tables". */
bool smbios_add(struct device *fw_cfg, const struct machine *m, const struct smbios_platform *p,
                struct error *e);

#endif
