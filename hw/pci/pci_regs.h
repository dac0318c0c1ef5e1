/* SPDX-License-Identifier: MIT */
/* Offsets and bits of PCI configuration space, named as the specifications' chapters do. */
#ifndef HW_PCI_PCI_REGS_H
#define HW_PCI_PCI_REGS_H

/* Header (PCI 3.0, 6.1). */
enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION_ID = 0x08,
    PCI_CLASS_PROG = 0x09,
    PCI_CACHE_LINE_SIZE = 0x0c,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
    PCI_SUBSYSTEM_ID = 0x2e,
    PCI_ROM_ADDRESS = 0x30,
    PCI_CAPABILITY_LIST = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
};

/* Type 1 header (PCI-to-PCI bridge 1.2, 3.2). */
enum {
    PCI_PRIMARY_BUS = 0x18,
    PCI_SECONDARY_BUS = 0x19,
    PCI_SUBORDINATE_BUS = 0x1a,
    PCI_IO_BASE = 0x1c,
    PCI_IO_LIMIT = 0x1d,
    PCI_SECONDARY_STATUS = 0x1e,
    PCI_MEMORY_BASE = 0x20,
    PCI_MEMORY_LIMIT = 0x22,
    PCI_PREF_BASE = 0x24,
    PCI_PREF_LIMIT = 0x26,
    PCI_PREF_BASE_UPPER = 0x28,
    PCI_PREF_LIMIT_UPPER = 0x2c,
    PCI_IO_BASE_UPPER = 0x30,
    PCI_IO_LIMIT_UPPER = 0x32,
    PCI_BRIDGE_ROM_ADDRESS = 0x38,
    PCI_BRIDGE_CONTROL = 0x3e,
};

enum {
    PCI_COMMAND_IO = 0x0001,
    PCI_COMMAND_MEMORY = 0x0002,
    PCI_COMMAND_MASTER = 0x0004,
    PCI_COMMAND_PARITY = 0x0040,
    PCI_COMMAND_SERR = 0x0100,
    PCI_COMMAND_INTX_DISABLE = 0x0400,

    PCI_STATUS_INTERRUPT = 0x0008,
    PCI_STATUS_CAP_LIST = 0x0010,
    PCI_STATUS_ERRORS = 0xf900, /* write 1 to clear */

    PCI_ROM_ENABLED = 0x00000001,

    PCI_HEADER_BRIDGE = 0x01,
    PCI_HEADER_MULTIFUNCTION = 0x80,
};

enum {
    PCI_CAP_POWER = 0x01,
    PCI_CAP_MSI = 0x05,
    PCI_CAP_VENDOR = 0x09,
    PCI_CAP_EXPRESS = 0x10,
    PCI_CAP_MSIX = 0x11,
};

/* MSI-X capability and table (PCI 3.0, 6.8.2). */
enum {
    PCI_MSIX_CONTROL = 2,
    PCI_MSIX_TABLE = 4,
    PCI_MSIX_PBA = 8,
    PCI_MSIX_CAP_BYTES = 12,
    PCI_MSIX_ENABLE = 0x8000,
    PCI_MSIX_FUNCTION_MASK = 0x4000,
    PCI_MSIX_ENTRY_BYTES = 16,
    PCI_MSIX_ENTRY_MASKED = 1,
};

/* PCI Express capability (PCIe 4.0, 7.5.3). */
enum {
    PCI_EXP_FLAGS = 0x02,
    PCI_EXP_DEVCAP = 0x04,
    PCI_EXP_DEVCTL = 0x08,
    PCI_EXP_DEVSTA = 0x0a,
    PCI_EXP_LNKCAP = 0x0c,
    PCI_EXP_LNKCTL = 0x10,
    PCI_EXP_LNKSTA = 0x12,
    PCI_EXP_SLTCAP = 0x14,
    PCI_EXP_SLTCTL = 0x18,
    PCI_EXP_SLTSTA = 0x1a,
    PCI_EXP_RTCTL = 0x1c,
    PCI_EXP_DEVCAP2 = 0x24,
    PCI_EXP_DEVCTL2 = 0x28,
    PCI_EXP_LNKCAP2 = 0x2c,
    PCI_EXP_LNKCTL2 = 0x30,
    PCI_EXP_CAP_BYTES = 0x3c,

    PCI_EXP_TYPE_ENDPOINT = 0,
    PCI_EXP_TYPE_ROOT_PORT = 4,
    PCI_EXP_TYPE_PCI_BRIDGE = 7,
    PCI_EXP_TYPE_INTEGRATED_ENDPOINT = 9,
};

/* Bits of its slot registers (7.5.3.9 to 7.5.3.11), and of its link registers for hot plug. */
enum {
    PCI_SLTCAP_BUTTON = 1 << 0,
    PCI_SLTCAP_POWER = 1 << 1,
    PCI_SLTCAP_ATTENTION = 1 << 3,
    PCI_SLTCAP_POWER_INDICATOR = 1 << 4,
    PCI_SLTCAP_SURPRISE = 1 << 5,
    PCI_SLTCAP_HOT_PLUG = 1 << 6,
    PCI_SLTCAP_INTERLOCK = 1 << 17,
    PCI_SLTCAP_NUMBER = 19, /* shift */

    PCI_SLTCTL_INTERRUPT = 1 << 5,
    PCI_SLTCTL_INDICATORS_OFF = 0xf << 6,
    PCI_SLTCTL_POWER_INDICATOR = 3 << 8, /* 3: off */
    PCI_SLTCTL_POWER_OFF = 1 << 10,
    PCI_SLTCTL_LINK = 1 << 12, /* enables the event of that name */

    PCI_SLTSTA_BUTTON = 1 << 0,
    PCI_SLTSTA_PRESENCE = 1 << 3, /* changed */
    PCI_SLTSTA_COMPLETED = 1 << 4,
    PCI_SLTSTA_PRESENT = 1 << 6,
    PCI_SLTSTA_LINK = 1 << 8, /* changed */
    PCI_SLT_EVENTS = 0x1f,    /* the same bits in control enable them */

    PCI_LNKCAP_ACTIVE = 1 << 20, /* the bit below is valid */
    PCI_LNKSTA_ACTIVE = 1 << 13,
};

#endif
