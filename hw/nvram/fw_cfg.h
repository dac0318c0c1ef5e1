/* SPDX-License-Identifier: MIT */
/* The firmware configuration device: named and numbered blobs that firmware asks the machine for.
 */
#ifndef HW_NVRAM_FW_CFG_H
#define HW_NVRAM_FW_CFG_H

#include "hw/device.h"

extern const struct device_class fw_cfg_class, fw_cfg_io_class; /* in memory, at ports */

/* Numbered items (keys). */
enum fw_cfg_key {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    /* Those of an architecture; of PCs: the timer is input 2 of the I/O APIC. */
    FW_CFG_ARCH_FIRST = 0x8000,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
};
#define FW_CFG_ARCH_KEYS 8
#define FW_CFG_FILES 64
#define FW_CFG_KEYS (FW_CFG_FILE_FIRST + FW_CFG_FILES)
#define FW_CFG_NAME_BYTES 56

/* Before the machine runs. The bytes are taken over (mem_free). An item that is there already is
 * replaced. */
void fw_cfg_add(struct device *d, enum fw_cfg_key key, void *bytes, size_t n);
void fw_cfg_add_u16(struct device *d, enum fw_cfg_key key, uint16_t value);
void fw_cfg_add_u32(struct device *d, enum fw_cfg_key key, uint32_t value);
void fw_cfg_add_u64(struct device *d, enum fw_cfg_key key, uint64_t value);
/* A named file. False (and the bytes are freed) if the name is too long or there is no room for
 * another file. */
bool fw_cfg_add_file(struct device *d, const char *name, void *bytes, size_t n, struct error *e);

/* A file of n bytes that the guest may write too, by DMA. They are the caller's, who saves them and
 * keeps them while the device lives. */
bool fw_cfg_add_writable(struct device *d, const char *name, void *bytes, size_t n,
                         struct error *e);
/* Is told before the guest reads or writes a file from its start. */
struct fw_cfg_watcher {
    void (*selected)(void *opaque);
    void *opaque;
};
/* A file of n bytes that the guest only reads, and which may change while it is watched. They are
 * the caller's as those of a writable one. */
bool fw_cfg_add_shown(struct device *d, const char *name, void *bytes, size_t n,
                      const struct fw_cfg_watcher *w, struct error *e);
/* The machine's, or NULL. */
struct device *fw_cfg_find(struct machine *m);

#endif
