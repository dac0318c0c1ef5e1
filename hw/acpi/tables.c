/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables in blobs of fw_cfg, and the commands for the firmware that places them. ACPI 6.5,
 * 5.2; the commands are those of fw_cfg's file "etc/table-loader": 128 bytes each, little-endian.
 */
#include "hw/acpi/tables.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/nvram/fw_cfg.h"

#define TABLES "etc/acpi/tables"
#define RSDP "etc/acpi/rsdp"

enum {
    HEADER = 36,
    HEADER_LENGTH = 4,
    HEADER_CHECKSUM = 9,
    COMMAND = 128,
    RSDP_BYTES = 36
};

enum command {
    ALLOCATE = 1,
    ADD_POINTER = 2,
    ADD_CHECKSUM = 3,
    WRITE_POINTER = 4
};

/* ---- commands */

/* A command has up to two names of files, then numbers. */
static uint8_t *add_command(struct acpi_tables *t, enum command c, const char *file,
                            const char *other)
{
    uint8_t bytes[COMMAND] = {0};
    const size_t at = t->commands.len;
    assert(strlen(file) < FW_CFG_NAME_BYTES && (!other || strlen(other) < FW_CFG_NAME_BYTES));
    store_le32(bytes, c);
    memcpy(bytes + 4, file, strlen(file));
    if (other) {
        memcpy(bytes + 4 + FW_CFG_NAME_BYTES, other, strlen(other));
    }
    strbuf_bytes(&t->commands, bytes, COMMAND);
    return (uint8_t *)t->commands.text + at + 4 + (other ? 2 : 1) * FW_CFG_NAME_BYTES;
}

void acpi_command_allocate(struct acpi_tables *t, const char *file, uint32_t align, bool low)
{
    uint8_t *p = add_command(t, ALLOCATE, file, NULL);
    store_le32(p, align);
    p[4] = low ? 2 : 1; /* below 1 MiB, for RSDP; or anywhere in 32 bits */
}

static void add_pointer(struct acpi_tables *t, const char *in, size_t offset, unsigned bytes,
                        const char *file)
{
    uint8_t *p = add_command(t, ADD_POINTER, in, file);
    store_le32(p, (uint32_t)offset);
    p[4] = (uint8_t)bytes;
}

static void add_checksum(struct acpi_tables *t, const char *file, size_t at, size_t start, size_t n)
{
    uint8_t *p = add_command(t, ADD_CHECKSUM, file, NULL);
    store_le32(p, (uint32_t)at);
    store_le32(p + 4, (uint32_t)start);
    store_le32(p + 8, (uint32_t)n);
}

void acpi_command_pointer(struct acpi_tables *t, size_t offset, unsigned bytes, const char *file)
{
    add_pointer(t, TABLES, offset, bytes, file);
}

void acpi_command_write_pointer(struct acpi_tables *t, const char *file, const char *to,
                                uint32_t offset)
{
    uint8_t *p = add_command(t, WRITE_POINTER, file, to);
    store_le32(p, 0);
    store_le32(p + 4, offset);
    p[8] = 8;
}

/* ---- tables */

static void fill(char *field, size_t size, const char *text)
{
    const size_t n = strlen(text);
    memcpy(field, text, n < size ? n : size);
}

void acpi_init(struct acpi_tables *t, const char *oem_id, const char *oem_table_id)
{
    memset(t, 0, sizeof(*t));
    fill(t->oem_id, sizeof(t->oem_id), oem_id);
    fill(t->oem_table_id, sizeof(t->oem_table_id), oem_table_id);
    acpi_command_allocate(t, RSDP, 16, true);
    acpi_command_allocate(t, TABLES, 64, false);
}

void acpi_free(struct acpi_tables *t)
{
    strbuf_free(&t->blob);
    strbuf_free(&t->commands);
}

void acpi_put(struct acpi_tables *t, uint64_t value, unsigned bytes)
{
    uint8_t le[8];
    store_le64(le, value);
    strbuf_bytes(&t->blob, le, bytes);
}

void acpi_put_bytes(struct acpi_tables *t, const void *bytes, size_t n)
{
    strbuf_bytes(&t->blob, bytes, n);
}

void acpi_zeros(struct acpi_tables *t, size_t n)
{
    while (n--) {
        strbuf_putc(&t->blob, 0);
    }
}

void acpi_put_address(struct acpi_tables *t, unsigned width, uint64_t address)
{
    acpi_put(t, 0, 1); /* system memory */
    acpi_put(t, width, 1);
    acpi_put(t, 0, 1);
    acpi_put(t, width ? log2_floor(width / 8) + 1 : 0, 1);
    acpi_put(t, address, 8);
}

size_t acpi_here(const struct acpi_tables *t)
{
    return t->blob.len - t->begun;
}

void acpi_begin(struct acpi_tables *t, const char *signature, unsigned revision)
{
    t->begun = t->blob.len;
    acpi_put_bytes(t, signature, 4);
    acpi_put(t, 0, 4); /* length: acpi_end */
    acpi_put(t, revision, 1);
    acpi_put(t, 0, 1); /* checksum: the firmware */
    acpi_put_bytes(t, t->oem_id, sizeof(t->oem_id));
    acpi_put_bytes(t, t->oem_table_id, sizeof(t->oem_table_id));
    acpi_put(t, 1, 4);
    acpi_put_bytes(t, "BXPC", 4); /* the creator that guests know QEMU's tables by */
    acpi_put(t, 1, 4);
}

uint32_t acpi_end(struct acpi_tables *t)
{
    const size_t n = acpi_here(t);
    store_le32(t->blob.text + t->begun + HEADER_LENGTH, (uint32_t)n);
    add_checksum(t, TABLES, t->begun + HEADER_CHECKSUM, t->begun, n);
    return (uint32_t)t->begun;
}

static void list(struct acpi_tables *t, uint32_t at)
{
    assert(t->count < ACPI_TABLES);
    t->at[t->count++] = at;
}

void acpi_end_listed(struct acpi_tables *t)
{
    list(t, acpi_end(t));
}

void acpi_add_raw(struct acpi_tables *t, const void *table, size_t n)
{
    list(t, (uint32_t)t->blob.len);
    acpi_put_bytes(t, table, n);
}

void acpi_put_pointer(struct acpi_tables *t, uint32_t to)
{
    acpi_command_pointer(t, t->blob.len, 8, TABLES);
    acpi_put(t, to, 8);
}

uint32_t acpi_add_code(struct acpi_tables *t, const char *signature, unsigned revision,
                       struct aml *code)
{
    assert(code->depth == 0);
    acpi_begin(t, signature, revision);
    acpi_put_bytes(t, code->out.text, code->out.len);
    strbuf_free(&code->out);
    return acpi_end(t);
}

/* ---- the roots */

static uint32_t add_xsdt(struct acpi_tables *t)
{
    acpi_begin(t, "XSDT", 1);
    for (unsigned i = 0; i < t->count; i++) {
        acpi_put_pointer(t, t->at[i]);
    }
    return acpi_end(t);
}

/* 5.2.5.3: revision 2, without an RSDT. Two checksums: of the first 20 bytes, and of all. */
static uint8_t *make_rsdp(struct acpi_tables *t, uint32_t xsdt)
{
    uint8_t *p = mem_alloc(RSDP_BYTES);
    memcpy(p, "RSD PTR ", 8);
    memcpy(p + 9, t->oem_id, sizeof(t->oem_id));
    p[15] = 2;
    store_le32(p + 20, RSDP_BYTES);
    store_le64(p + 24, xsdt);
    add_checksum(t, RSDP, 8, 0, 20);
    add_pointer(t, RSDP, 24, 8, TABLES);
    add_checksum(t, RSDP, 32, 0, RSDP_BYTES);
    return p;
}

static bool add_file(struct device *fw_cfg, const char *name, struct strbuf *s, struct error *e)
{
    const size_t n = s->len;
    return fw_cfg_add_file(fw_cfg, name, strbuf_take(s), n, e);
}

bool acpi_finish(struct acpi_tables *t, struct device *fw_cfg, struct error *e)
{
    uint8_t *rsdp = make_rsdp(t, add_xsdt(t));
    const bool good = fw_cfg_add_file(fw_cfg, RSDP, rsdp, RSDP_BYTES, e) &&
                      add_file(fw_cfg, TABLES, &t->blob, e) &&
                      add_file(fw_cfg, "etc/table-loader", &t->commands, e);
    acpi_free(t);
    return good;
}

bool acpi_finish_shown(struct acpi_tables *t, struct device *fw_cfg, const struct fw_cfg_watcher *w,
                       struct strbuf *blob, struct error *e)
{
    uint8_t *rsdp = make_rsdp(t, add_xsdt(t));
    *blob = t->blob;
    t->blob = (struct strbuf){0};
    const bool good = fw_cfg_add_file(fw_cfg, RSDP, rsdp, RSDP_BYTES, e) &&
                      fw_cfg_add_shown(fw_cfg, TABLES, blob->text, blob->len, w, e) &&
                      add_file(fw_cfg, "etc/table-loader", &t->commands, e);
    acpi_free(t);
    return good;
}

void acpi_renew(struct acpi_tables *t, struct strbuf *blob)
{
    add_xsdt(t);
    if (t->blob.len == blob->len) {
        memcpy(blob->text, t->blob.text, blob->len);
    }
    acpi_free(t);
}

/* ---- without firmware */

/* Does what the firmware would for one command; the files are at those places of bytes, which are
 * at base. */
static void obey(const uint8_t *c, uint8_t *bytes, const size_t place[2], uint64_t base)
{
    const char *in = (const char *)c + 4, *to = in + FW_CFG_NAME_BYTES;
    uint8_t *file = bytes + place[strcmp(in, TABLES) == 0];
    const uint8_t *number = c + 4 + FW_CFG_NAME_BYTES;
    if (load_le32(c) == ADD_POINTER) {
        number += FW_CFG_NAME_BYTES;
        uint8_t *at = file + load_le32(number);
        assert(number[4] == 8);
        store_le64(at, load_le64(at) + base + place[strcmp(to, TABLES) == 0]);
    } else if (load_le32(c) == ADD_CHECKSUM) {
        const uint8_t *from = file + load_le32(number + 4);
        uint8_t *sum = file + load_le32(number);
        *sum = 0;
        unsigned all = 0;
        for (uint32_t i = 0; i < load_le32(number + 8); i++) {
            all += from[i];
        }
        *sum = (uint8_t)-all;
    }
}

/* Checksums are made when all addresses are there. */
uint8_t *acpi_finish_at(struct acpi_tables *t, uint64_t base, size_t *n)
{
    uint8_t *rsdp = make_rsdp(t, add_xsdt(t));
    const size_t place[2] = {0, 64};
    *n = place[1] + t->blob.len;
    uint8_t *bytes = mem_alloc(*n);
    memcpy(bytes, rsdp, RSDP_BYTES);
    memcpy(bytes + place[1], t->blob.text, t->blob.len);
    for (unsigned pass = ADD_POINTER; pass <= ADD_CHECKSUM; pass++) {
        for (size_t at = 0; at < t->commands.len; at += COMMAND) {
            const uint8_t *c = (const uint8_t *)t->commands.text + at;
            if (load_le32(c) == pass) {
                obey(c, bytes, place, base);
            }
        }
    }
    mem_free(rsdp);
    acpi_free(t);
    return bytes;
}
