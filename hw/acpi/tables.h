/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables (ACPI 6.5, chapter 5) and how firmware gets them: as blobs of fw_cfg that hold the
 * tables, and a list of commands by which the firmware allocates memory for them, makes addresses
 * of offsets, and adds checksums (fw_cfg's "etc/table-loader").
 *
 * What a table says is the board's. Those here are the same for all architectures.
 */
#ifndef HW_ACPI_TABLES_H
#define HW_ACPI_TABLES_H

#include "hw/acpi/aml.h"
#include "hw/device.h"
#include "hw/numa.h"

struct machine_config;

#define ACPI_TABLES 64

struct acpi_tables {
    struct strbuf blob;     /* "etc/acpi/tables" */
    struct strbuf commands; /* "etc/table-loader" */
    char oem_id[6], oem_table_id[8];
    size_t begun;             /* where the table that is being written begins */
    uint32_t at[ACPI_TABLES]; /* of the tables that the XSDT lists */
    unsigned count;
};

/* The texts fill their fields with zeros behind, and end where those do. */
void acpi_init(struct acpi_tables *t, const char *oem_id, const char *oem_table_id);
void acpi_free(struct acpi_tables *t);

/* A table: its header, what is put, and its end, which is where length and checksum come from. */
void acpi_begin(struct acpi_tables *t, const char *signature, unsigned revision);
void acpi_put(struct acpi_tables *t, uint64_t value, unsigned bytes);
void acpi_put_bytes(struct acpi_tables *t, const void *bytes, size_t n);
void acpi_zeros(struct acpi_tables *t, size_t n);
/* A generic address (5.2.3.2) in memory; width 0: no register. */
void acpi_put_address(struct acpi_tables *t, unsigned width, uint64_t address);
/* Bytes of the table so far. */
size_t acpi_here(const struct acpi_tables *t);
/* Where the table begins in the blob; acpi_end_listed also has the XSDT list it. */
uint32_t acpi_end(struct acpi_tables *t);
void acpi_end_listed(struct acpi_tables *t);
/* A whole table with its header. */
void acpi_add_raw(struct acpi_tables *t, const void *table, size_t n);

/* An address of the blob, of 8 bytes, in the table that is being written. */
void acpi_put_pointer(struct acpi_tables *t, uint32_t to);
/* ---- commands beside those of the tables, for devices with a blob of their own */
void acpi_command_allocate(struct acpi_tables *t, const char *file, uint32_t align, bool low);
/* The bytes at offset of the tables' blob, an offset in file, become an address. */
void acpi_command_pointer(struct acpi_tables *t, size_t offset, unsigned bytes, const char *file);

/* The file, which is the guest's to write, gets the address of what is at offset in another one. */
void acpi_command_write_pointer(struct acpi_tables *t, const char *file, const char *to,
                                uint32_t offset);

/* XSDT and RSDP, and all as files of that fw_cfg device. t is empty then. */
bool acpi_finish(struct acpi_tables *t, struct device *fw_cfg, struct error *e);
/* The same, with tables that the guest sees as they are when it looks: then w is told, which makes
 * them again, as many bytes, by acpi_renew. *blob are the caller's: mem_free. */
struct fw_cfg_watcher;
bool acpi_finish_shown(struct acpi_tables *t, struct device *fw_cfg, const struct fw_cfg_watcher *w,
                       struct strbuf *blob, struct error *e);
/* t is empty then. */
void acpi_renew(struct acpi_tables *t, struct strbuf *blob);
/* The same without firmware: RSDP, and the tables behind it, as they are in memory at base, which
 * is aligned to 64. mem_free. */
uint8_t *acpi_finish_at(struct acpi_tables *t, uint64_t base, size_t *n);

/* ---- tables (tables_platform.c, tables_topology.c) */

/* A definition block: "DSDT" or "SSDT". The code is freed. */
uint32_t acpi_add_code(struct acpi_tables *t, const char *signature, unsigned revision,
                       struct aml *code);
/* Hardware-reduced. */
struct acpi_platform {
    unsigned arm_boot;   /* flags of 5.2.9.4; 0 where there is no Arm */
    unsigned intel_boot; /* of 5.2.9.3 */
    uint64_t sleep;      /* registers of a device acpi-sleep; 0: none */
};
void acpi_add_fadt(struct acpi_tables *t, uint32_t dsdt, const struct acpi_platform *p);
/* What PCs have of fixed hardware (4.8.3), at I/O ports: tables_fixed.c. */
struct acpi_fixed {
    uint16_t sci; /* the ISA interrupt */
    uint16_t smi_command, pm1_event, pm1_control, pm_timer, gpe;
    uint8_t enable, disable; /* what to write to smi_command; 0: there is none */
    uint8_t gpe_bytes;       /* of status and enable */
    uint8_t century;         /* byte of CMOS memory */
    uint16_t reset;          /* port, and what to write there */
    uint8_t reset_value;
    unsigned intel_boot; /* flags of 5.2.9.3 */
};
/* FACS must be the blob's first table; the result is for acpi_add_fixed_fadt. */
uint32_t acpi_add_facs(struct acpi_tables *t);
void acpi_add_fixed_fadt(struct acpi_tables *t, uint32_t facs, uint32_t dsdt,
                         const struct acpi_fixed *f);
/* An event timer block (IA-PC HPET specification 1.0a, 3.2.4). */
void acpi_add_hpet(struct acpi_tables *t, uint32_t id, uint64_t base);
/* What a virtual machine's timers do not need (Microsoft, Windows ACPI Emulated Devices Table). */
void acpi_add_waet(struct acpi_tables *t);
/* Those that -acpitable gives. */
void acpi_add_given(struct acpi_tables *t, const struct machine_config *c);
/* CPUs, as devices of the namespace, in \\_SB. */
void acpi_describe_cpus(struct aml *a, unsigned cpus);
void acpi_add_mcfg(struct acpi_tables *t, uint64_t ecam, unsigned last_bus);

/* A serial port for consoles: SPCR and DBG2. */
struct acpi_uart {
    unsigned type; /* of Microsoft's Debug Port Table 2, table 3 */
    unsigned irqs; /* of SPCR's interrupt types */
    uint32_t gsi;
    uint64_t base;
    uint32_t size;
    const char *name; /* in the namespace */
};
void acpi_add_spcr(struct acpi_tables *t, const struct acpi_uart *u);
void acpi_add_dbg2(struct acpi_tables *t, const struct acpi_uart *u);

/* Sockets of clusters of cores of threads, as the machine's configuration has them. */
void acpi_add_pptt(struct acpi_tables *t, const struct machine_config *c);
/* A range of memory of a node, in SRAT. */
void acpi_srat_memory(struct acpi_tables *t, uint32_t node, uint64_t base, uint64_t size);
void acpi_add_slit(struct acpi_tables *t, const struct numa *n);
void acpi_add_hmat(struct acpi_tables *t, const struct numa *n);

#endif
