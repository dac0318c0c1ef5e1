/* SPDX-License-Identifier: MIT */
/* What the host bridges of PCs share. */
#ifndef HW_PCI_PC_HOST_INTERNAL_H
#define HW_PCI_PC_HOST_INTERNAL_H

#include "hw/pci/pam.h"
#include "hw/pci/pc_host.h"
#include "hw/pci/pci_conf1.h"

/* The device on the system's side. Its class's kind points to a struct pc_host_kind. */
struct pc_host {
    struct device dev; /* first */
    struct pci_host host;
    struct pci_conf1 conf;
    struct pc_host_config config;
    struct device *function; /* 00.0; owned */
};

/* Its function. */
struct pc_function {
    struct pci_device pci; /* first */
    struct pc_host *owner;
    struct pam pam;
    const struct mem_range *ecam, *hole; /* Q35: the window of configuration space; TSEG as others
                                            see it */
};

#define PC_FUNCTION_FIELDS                                                                         \
    PCI_FIELDS(pc_function, pci), FIELD_SKIP(pc_function, owner), FIELD_SKIP(pc_function, pam),    \
        FIELD_SKIP(pc_function, ecam), FIELD_SKIP(pc_function, hole)

struct pc_host_kind {
    const char *bus_name;
    const struct device_class *function;
    unsigned (*line)(const struct pci_host *h, uint8_t devfn, unsigned pin);
    unsigned (*smram)(const struct pc_function *f, struct pc_smram ranges[PC_SMRAM_RANGES]);
};

/* The register SMRAM (82441FX 3.2.19; Q35 5.1.16). Locked it keeps what it says until a reset. */
enum {
    SMRAM_ENABLE = 0x08,
    SMRAM_LOCK = 0x10,
    SMRAM_CLOSED = 0x20,
    SMRAM_OPEN = 0x40,
    SMRAM_WRITABLE = 0x78
};
/* After a write: what the lock does; whether 0xa0000 is open. */
void pc_function_update_smram(struct pc_function *f, unsigned offset);
void pc_function_tell_smram(struct pc_function *f);

bool pc_host_create(struct device *d, struct error *e);
void pc_host_destroy(struct device *d);
void pc_host_reset(struct device *d);
extern const struct prop pc_function_props[];
extern const struct field pc_function_fields[], pc_host_fields[];

#endif
