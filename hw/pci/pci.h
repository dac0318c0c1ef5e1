/* SPDX-License-Identifier: MIT */
/*
 * PCI and PCI Express functions, buses and host bridges.
 * PCI Local Bus Specification 3.0 chapter 6 (configuration space, MSI-X), PCI Express Base 4.0
 * chapter 7, PCI-to-PCI Bridge Architecture 1.2 chapter 3.
 *
 * A function's struct starts with struct pci_device, its device class's kind points to a struct
 * pci_class. Its create calls pci_device_init first, then adds BARs and capabilities.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/device.h"
#include "hw/machine.h"

#define PCI_CONFIG_BYTES 256 /* what is stored; the rest of the 4096 reads as zero, or ones */
#define PCI_BARS 6
#define PCI_ROM PCI_BARS /* the number of the option ROM's address register */

struct pci_bus;
struct pci_host;

/* The identity of a function, as its configuration header shows it. */
struct pci_class {
    uint16_t vendor, device;
    uint16_t subsystem_vendor, subsystem;
    uint32_t class_code; /* base class << 16 | subclass << 8 | interface */
    uint8_t revision;
    uint8_t interrupt_pin; /* 1..4, 0 none */
    bool bridge;           /* type 1 header */
    const char *rom;       /* file of the option ROM that it has if that is installed; or NULL */
    /* Before a read of bytes [offset, offset + size) of configuration space. May be NULL. */
    void (*config_reading)(struct device *d, unsigned offset, unsigned size);
    /* After a write to configuration space changed bytes [offset, offset + size). May be NULL. */
    void (*config_written)(struct device *d, unsigned offset, unsigned size);
};

enum {
    PCI_BAR_MEM32 = 0,
    PCI_BAR_IO = 1,
    PCI_BAR_MEM64 = 4,
    PCI_BAR_PREFETCH = 8,
};

/* A part of a BAR; the parts of one BAR do not overlap. */
struct pci_bar_part {
    uint32_t offset, size;
    const char *name;
    const struct mmio_ops *ops; /* NULL: opaque is memory, which lives until the machine ends */
    void *opaque;
    struct os_mutex *lock; /* around ops, or NULL */
};

#define PCI_BAR_PARTS 6

struct pci_bar {
    uint64_t size; /* 0: none */
    unsigned flags;
    unsigned part_count;
    struct pci_bar_part part[PCI_BAR_PARTS];
    const struct mem_range *mapped[PCI_BAR_PARTS];
    uint64_t address; /* where it is mapped now, or PCI_UNMAPPED */
};

#define PCI_UNMAPPED UINT64_MAX

struct pci_msix_entry {
    uint64_t address;
    uint32_t data;
    uint32_t control;
};

#define PCI_MSIX_MAX 256

struct pci_device {
    struct device dev; /* first */

    /* Properties. */
    char *romfile; /* of the option ROM; "": none; NULL: the class says it */
    int32_t addr;  /* device << 3 | function; -1 any */
    uint32_t rombar;

    /* State. config is guarded by the host's lock, the rest by irq_lock. */
    uint8_t config[PCI_CONFIG_BYTES];
    struct pci_msix_entry msix[PCI_MSIX_MAX];
    uint64_t msix_pending[PCI_MSIX_MAX / 64];
    bool intx_level;    /* as the function drives its pin */
    bool multifunction; /* property */
    uint8_t state_pad[6];

    /* No state. */
    uint8_t writable[PCI_CONFIG_BYTES];  /* bits that a write changes */
    uint8_t clearable[PCI_CONFIG_BYTES]; /* bits that writing 1 clears */
    uint8_t initial[PCI_CONFIG_BYTES];   /* values at reset */
    const struct pci_class *cls;
    struct pci_bar bar[PCI_BARS + 1];
    uint8_t *rom;                   /* rom_bytes of the option ROM, or NULL */
    size_t rom_bytes;               /* a power of two */
    unsigned cap_end;               /* first free byte for a capability */
    unsigned express_cap, msix_cap; /* offsets, or 0 */
    unsigned msix_vectors;
    uint8_t devfn;
    bool intx_seen;  /* as the bus sees it: level and not disabled */
    uint8_t msi_cap; /* offset, or 0 */
    uint8_t pad[5];
    struct os_mutex irq_lock;  /* a leaf, but for the interrupt sinks */
    struct pci_bus *bus;       /* NULL until attached */
    struct pci_bus *secondary; /* of a bridge: the bus behind it */
};

/* Rows for a class whose struct has a member (or is) a struct pci_device called pci. */
#define PCI_PROPS(type, pci)                                                                       \
    {"addr", PROP_PCI_ADDR, offsetof(struct type, pci.addr), "any", "slot and function", NULL},    \
        {"romfile",                                                                                \
         PROP_STRING,                                                                              \
         offsetof(struct type, pci.romfile),                                                       \
         NULL,                                                                                     \
         "file of its option ROM; an empty name: none",                                            \
         NULL},                                                                                    \
        {"rombar",                                                                                 \
         PROP_U32,                                                                                 \
         offsetof(struct type, pci.rombar),                                                        \
         "1",                                                                                      \
         "0: the option ROM is not shown",                                                         \
         NULL},                                                                                    \
    {                                                                                              \
        "multifunction", PROP_BOOL, offsetof(struct type, pci.multifunction), "off",               \
            "other functions may share the slot", NULL                                             \
    }

extern const struct field pci_msix_fields[]; /* of a struct pci_msix_entry */

/* Rows of a class whose struct has such a member; those of the properties are for classes that do
 * not offer them. */
#define PCI_FIELDS(type, pci)                                                                      \
    FIELD_SKIP(type, pci.romfile), FIELD_SKIP(type, pci.addr), FIELD_SKIP(type, pci.rombar),       \
        FIELD_SKIP(type, pci.multifunction), FIELD_KEEP(type, pci.config),                         \
        FIELD_KEEP_PARTS(type, pci.msix, pci_msix_fields, pci_msix_entry),                         \
        FIELD_KEEP(type, pci.msix_pending), FIELD_KEEP(type, pci.intx_level),                      \
        FIELD_SKIP(type, pci.writable), FIELD_SKIP(type, pci.clearable),                           \
        FIELD_SKIP(type, pci.initial), FIELD_SKIP(type, pci.cls), FIELD_SKIP(type, pci.bar),       \
        FIELD_SKIP(type, pci.rom), FIELD_SKIP(type, pci.rom_bytes), FIELD_SKIP(type, pci.cap_end), \
        FIELD_SKIP(type, pci.express_cap), FIELD_SKIP(type, pci.msix_cap),                         \
        FIELD_SKIP(type, pci.msix_vectors), FIELD_SKIP(type, pci.devfn),                           \
        FIELD_SKIP(type, pci.intx_seen), FIELD_SKIP(type, pci.msi_cap), FIELD_SKIP(type, pci.pad), \
        FIELD_SKIP(type, pci.irq_lock), FIELD_SKIP(type, pci.bus),                                 \
        FIELD_SKIP(type, pci.secondary), FIELD_SKIP(type, pci.state_pad)

/* ---- for functions */

/* Fills the header from the class's struct pci_class c. First thing in a function's create. */
void pci_device_init(struct pci_device *p, const struct pci_class *c);
/* Last thing in destroy, and in a create that fails after pci_device_init: unmaps and frees. */
void pci_device_fini(struct pci_device *p);
/* The function's state after reset; part of the class's reset. Lowers INTx, unmaps BARs. */
void pci_device_reset(struct pci_device *p);
/* Part of the class's check: the fixed bits of the configuration are those of this function. */
bool pci_device_check(const struct pci_device *p, struct error *e);
/* After the state was loaded: maps BARs again, drives INTx. */
void pci_device_loaded(struct pci_device *p);

/* A BAR of size bytes (a power of two, at least 16; 64-bit ones take the next number as well). */
void pci_bar_add(struct pci_device *p, unsigned n, unsigned flags, uint64_t size);
void pci_bar_add_part(struct pci_device *p, unsigned n, const struct pci_bar_part *part);

/* Ports part->offset and following, which the function decodes whatever its registers say, as VGA
 * does; until the handle is given back. */
const struct mem_range *pci_ports_add(struct pci_device *p, const struct pci_bar_part *part);
/* The host bridge leads ports to a space of their own, and memory below 1 MiB to its bus: a PC. */
bool pci_is_of_pc(const struct pci_device *p);
void pci_ports_remove(struct pci_device *p, const struct mem_range *r);

/* Room for a capability of size bytes with the given id; returns its offset in config[]. */
unsigned pci_cap_add(struct pci_device *p, uint8_t id, unsigned size);
/* The capability that makes the function PCI Express; port_type as in the PCIe capabilities
 * register. */
void pci_cap_add_express(struct pci_device *p, unsigned port_type);
void pci_cap_add_power(struct pci_device *p);
/* MSI-X with n vectors; its table and pending bits are the 4 KiB (or more) BAR number bar. */
void pci_msix_init(struct pci_device *p, unsigned bar, unsigned n);

/* One message without a table, MSI. */
void pci_msi_init(struct pci_device *p);
bool pci_msi_enabled(const struct pci_device *p);
void pci_msi_notify(struct pci_device *p); /* any thread */

/* The driver has chosen MSI-X. */
bool pci_msix_enabled(const struct pci_device *p);
/* Sends vector v, or marks it pending while it is masked. Any thread. */
void pci_msix_notify(struct pci_device *p, unsigned v);
/* Drives the function's INTx pin. Any thread. */
void pci_intx_set(struct pci_device *p, bool level);
/* The bus master bit: DMA is allowed. */
bool pci_bus_master(const struct pci_device *p);
/* bus << 8 | devfn. */
uint32_t pci_requester_id(const struct pci_device *p);

/* Configuration accesses of the function itself; size 1, 2 or 4, offset aligned. */
uint32_t pci_config_read(struct pci_device *p, unsigned offset, unsigned size);
void pci_config_write(struct pci_device *p, unsigned offset, uint32_t value, unsigned size);

/* ---- buses */

struct pci_bus {
    struct bus bus; /* first; bus.impl is this struct */
    struct pci_host *host;
    struct pci_device *bridge;    /* NULL: the root bus */
    bool off;                     /* a slot without power: nothing on it is seen */
    bool idle;                    /* and its indicator says so: what is in it can be taken out */
    bool signalled;               /* an event of the slot that software wants to know of is there */
    void *plug;                   /* what bus.plug needs beside the bus, or NULL */
    struct pci_device *slot[256]; /* by devfn */
    unsigned slots;               /* 32, or 1 where a link leads to one device */
};

void pci_bus_init(struct pci_bus *b, struct machine *m, struct pci_host *host,
                  struct pci_device *bridge, const char *name);
/* Number of the bus now: 0 for the root, else what software wrote into the bridge. */
unsigned pci_bus_number(const struct pci_bus *b);

/* ---- the host bridge */

/* Where message-signalled interrupts go. Without one, an MSI is a 32-bit store to memory. Any
 * thread. */
struct pci_msi_sink {
    void (*send)(void *opaque, uint64_t addr, uint32_t data, uint32_t requester_id);
    void *opaque;
};

/* CPU addresses of the windows. Memory has the same addresses on PCI; port 0 is at pio_base. */
struct pci_windows {
    paddr ecam_base, mmio_base, high_base, pio_base;
    uint64_t ecam_size, mmio_size, high_size, pio_size; /* bytes; 0: no such window */
};

#define PCI_LINES 8

struct pci_host {
    struct pci_bus root;
    struct space *memory;
    struct space *ports; /* I/O ports have a space of their own; NULL: they are in memory */
    struct pci_windows windows;
    struct pci_msi_sink msi;
    /* The line that pin (1..4) of slot devfn on the root bus is led to; NULL: the four lines
     * rotated by the slot. */
    unsigned (*line)(const struct pci_host *h, uint8_t devfn, unsigned pin);
    const char *node;               /* what firmware calls it; NULL: it has no address of its own */
    int priority;                   /* of what functions decode, beside what the board has there */
    struct os_mutex irq_lock;       /* guards intx_count; a leaf, but for the interrupt lines */
    unsigned intx_count[PCI_LINES]; /* asserting functions by line */
    const struct irq *irq;          /* [PCI_LINES]; without `line` INTA..INTD of the root */
    struct os_mutex lock;           /* around configuration accesses */
};

/* For a host bridge: in its create, when what it says of the host is there, and in its destroy. d
 * is the bridge; its lines are the host's. Memory and, if there are none, ports are those of its
 * machine. */
void pci_host_init(struct pci_host *h, struct device *d, const char *bus_name);
void pci_host_fini(struct pci_host *h);
/* A configuration access: size 1, 2 or 4, within a doubleword; reads of nobody give ones. With the
 * host's lock held. */
uint32_t pci_host_read(struct pci_host *h, unsigned bus, unsigned devfn, unsigned offset,
                       unsigned size);
void pci_host_write(struct pci_host *h, unsigned bus, unsigned devfn, unsigned offset,
                    uint32_t value, unsigned size);

struct pci_device *pci_find(struct pci_host *h, unsigned bus, unsigned devfn);

/*
 * The generic PCIe host bridge, class "gpex-pcihost" (hw/pci/gpex.c). Between device_new and
 * device_create the board says where it is; afterwards it connects the device's irq[0..3] (INTA..D)
 * and may plug devices into the bus "pcie.0".
 */
extern const struct device_class gpex_pcihost_class, gpex_root_class;
void gpex_set_windows(struct device *d, const struct pci_windows *w);
void gpex_set_msi_sink(struct device *d, const struct pci_msi_sink *s);
struct bus *gpex_bus(struct device *d);

extern const struct device_class pci_bridge_class, pcie_pci_bridge_class, pcie_root_port_class;

#endif
