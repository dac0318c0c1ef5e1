/* SPDX-License-Identifier: MIT */
/*
 * What the command line says to firmware: -boot, -fw_cfg, -acpitable, -smbios. Boards hand it on
 * through fw_cfg (hw/nvram/fw_cfg_boot.c).
 */
#ifndef HW_FIRMWARE_H
#define HW_FIRMWARE_H

#include "hw/device.h"

/* A list of named bytes: files of fw_cfg, ACPI tables. */
struct firmware_blob {
    char *name;
    uint8_t *bytes;
    size_t n;
    struct firmware_blob *next;
};

enum {
    FIRMWARE_UNSET = -1,
    FIRMWARE_TABLES = 32 /* at most */
};

struct firmware_config {
    const char *order, *once; /* letters of kinds of disks; once: until the first reset. Or NULL */
    bool menu, strict;
    int splash_time_ms;    /* or FIRMWARE_UNSET */
    int reboot_timeout_ms; /* likewise: wait for ever */
    struct firmware_blob *files;
    struct firmware_blob *tables; /* with their headers, checksums included */
    struct smbios_config *smbios; /* hw/smbios/smbios.h; NULL: nothing was said */
};

/* Gives fw_cfg what the configuration says, the machine's UUID, and the order in which devices with
 * a bootindex are to be booted. Once, when all devices are there. */
bool fw_cfg_add_boot(struct device *fw_cfg, struct machine *m, struct error *e);
/* The order anew: devices came or went. */
bool fw_cfg_update_boot_order(struct device *fw_cfg, const struct machine *m, struct error *e);

#endif
