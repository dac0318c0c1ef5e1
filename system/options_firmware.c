/* SPDX-License-Identifier: MIT */
/* What firmware is told: -boot, -fw_cfg, -acpitable. -smbios is in options_smbios.c. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/firmware.h"
#include "hw/nvram/fw_cfg.h"
#include "system/options.h"
#include "system/say.h"

/* Puts a blob at the end of the list; name and bytes become the configuration's. */
static void add_blob(struct config *c, struct firmware_blob **list, char *name, void *bytes,
                     size_t n)
{
    struct firmware_blob *b = mem_alloc(sizeof(*b));
    *b = (struct firmware_blob){.name = name, .bytes = bytes, .n = n};
    config_own(c, (char *)b);
    config_own(c, name);
    config_own(c, bytes);
    while (*list) {
        list = &(*list)->next;
    }
    *list = b;
}

/* Gives help of rows, if k asks for it. */
static bool asked_for_help(struct config *c, const struct keyvals *k, const struct key_row *rows)
{
    if (!options_want_help(k)) {
        return false;
    }
    struct strbuf s = {0};
    keyval_rows_help(rows, &s);
    options_give_help(c, strbuf_take(&s));
    return true;
}

/* Pipes as well: <(command) of a shell is one. */
uint8_t *options_read_file(const char *where, const char *path, uint64_t max, size_t *n,
                           struct error *e)
{
    struct strbuf out = {0};
    char part[4096];
    size_t got;
    FILE *f = fopen(path, "rb");
    if (!f) {
        error_set(e, "%s: %s: %s", where, path, strerror(errno));
        return NULL;
    }
    while (out.len <= max && (got = fread(part, 1, sizeof(part), f)) > 0) {
        strbuf_bytes(&out, part, got);
    }
    const bool failed = ferror(f);
    fclose(f);
    if (failed || out.len > max) {
        error_set(e, failed ? "%s: %s cannot be read" : "%s: %s has more than there is room for",
                  where, path);
        strbuf_free(&out);
        return NULL;
    }
    *n = out.len;
    return (uint8_t *)strbuf_take(&out);
}

/* ---- -boot */

struct boot_group {
    const char *order, *once, *splash, *splash_time, *reboot_timeout;
    bool menu, strict;
};

static const struct key_row boot_rows[] = {
    {"order", KEY_TEXT, offsetof(struct boot_group, order),
     "letters of what to boot from: a floppy, c disk, d CD, n network (cad); firmware goes first "
     "by the bootindex of devices",
     NULL},
    {"once", KEY_TEXT, offsetof(struct boot_group, once), "the same, until the first reset", NULL},
    {"menu", KEY_BOOL, offsetof(struct boot_group, menu), "ask firmware for its boot menu (off)",
     NULL},
    {"splash", KEY_TEXT, offsetof(struct boot_group, splash),
     "picture for firmware to show, JPEG or BMP with 24 bits", NULL},
    {"splash-time", KEY_TEXT, offsetof(struct boot_group, splash_time),
     "how long menu and picture stay, 0 to 65535 ms", NULL},
    {"reboot-timeout", KEY_TEXT, offsetof(struct boot_group, reboot_timeout),
     "wait before another attempt to boot, 0 to 65535 ms, -1 for ever (-1)", NULL},
    {"strict", KEY_BOOL, offsetof(struct boot_group, strict),
     "boot from nothing but devices with a bootindex (off)", NULL},
    {0}};

static bool check_letters(const struct keyvals *k, const char *key, const char *text,
                          struct error *e)
{
    uint32_t seen = 0;
    for (const char *p = text; p && *p; p++) {
        if (*p < 'a' || *p > 'p') {
            return error_set(e, "%s: %s: '%c' is no letter from a to p", k->where, key, *p);
        }
        if (seen & 1u << (*p - 'a')) {
            return error_set(e, "%s: %s: '%c' is given twice", k->where, key, *p);
        }
        seen |= 1u << (*p - 'a');
    }
    return true;
}

/* Milliseconds, or -1 where that is accepted; NULL is left as it is. */
static bool read_ms(const struct keyvals *k, const char *key, const char *text, bool forever,
                    int *ms, struct error *e)
{
    uint64_t n;
    struct error ignored;
    if (!text) {
        return true;
    }
    if (forever && strcmp(text, "-1") == 0) {
        *ms = FIRMWARE_UNSET;
        return true;
    }
    if (!keyval_parse_u64(text, &n, &ignored) || n > UINT16_MAX) {
        return error_set(e, "%s: %s: '%s' is not a number from %s to 65535", k->where, key, text,
                         forever ? "-1" : "0");
    }
    *ms = (int)n;
    return true;
}

static bool add_splash(struct config *c, const struct keyvals *k, const char *path, struct error *e)
{
    enum {
        BMP_BITS = 28
    };
    size_t n;
    uint8_t *bytes = options_read_file(k->where, path, 64 << 20, &n, e);
    if (!bytes) {
        return false;
    }
    const bool jpeg = n >= 2 && load_le16(bytes) == 0xd8ff;
    const bool bmp = n >= BMP_BITS + 2 && load_le16(bytes) == 0x4d42 &&
                     load_le16(bytes + BMP_BITS) == 24;
    if (!jpeg && !bmp) {
        mem_free(bytes);
        return error_set(e, "%s: %s is neither a JPEG nor a BMP picture with 24 bits", k->where,
                         path);
    }
    add_blob(c, &c->firmware.files, mem_printf("bootsplash.%s", jpeg ? "jpg" : "bmp"), bytes, n);
    return true;
}

static bool check_boot(struct config *c, struct error *e)
{
    struct boot_group g = {0};
    const struct keyvals *k = c->boot_group;
    struct firmware_config *f = &c->firmware;
    f->splash_time_ms = f->reboot_timeout_ms = FIRMWARE_UNSET;
    if (!k) {
        return true;
    }
    if (asked_for_help(c, k, boot_rows) || !keyvals_apply(k, boot_rows, NULL, &g, e)) {
        return false;
    }
    f->order = g.order;
    f->once = g.once;
    f->menu = g.menu;
    f->strict = g.strict;
    return check_letters(k, "order", g.order, e) && check_letters(k, "once", g.once, e) &&
           read_ms(k, "splash-time", g.splash_time, false, &f->splash_time_ms, e) &&
           read_ms(k, "reboot-timeout", g.reboot_timeout, true, &f->reboot_timeout_ms, e) &&
           (!g.splash || add_splash(c, k, g.splash, e));
}

/* ---- -fw_cfg */

enum {
    FILE_MAX = 1 << 30
};

struct fw_cfg_group {
    const char *name, *file, *string, *object;
};

static const struct key_row fw_cfg_rows[] = {
    {"name", KEY_TEXT, offsetof(struct fw_cfg_group, name),
     "name of the file, up to 55 characters; those of users begin with opt/", NULL},
    {"file", KEY_TEXT, offsetof(struct fw_cfg_group, file), "host file with its contents", NULL},
    {"string", KEY_TEXT, offsetof(struct fw_cfg_group, string),
     "its contents, without an end of the string", NULL},
    {"gen_id", KEY_TEXT, offsetof(struct fw_cfg_group, object),
     "object that makes the contents; there is none that does", NULL},
    {0}};

static bool check_fw_cfg(struct config *c, const struct keyvals *k, struct error *e)
{
    struct fw_cfg_group g = {0};
    if (asked_for_help(c, k, fw_cfg_rows) || !keyvals_apply(k, fw_cfg_rows, NULL, &g, e)) {
        return false;
    }
    const bool has_string = g.string && *g.string;
    if (!g.name || !*g.name || !!g.file + has_string + !!g.object != 1) {
        return error_set(e, "%s: name, and one of file, string and gen_id, are needed", k->where);
    }
    if (g.object) {
        return error_set(e, "%s: gen_id: no -object with id=%s makes contents", k->where, g.object);
    }
    if (strlen(g.name) >= FW_CFG_NAME_BYTES) {
        return error_set(e, "%s: name: at most %u characters", k->where, FW_CFG_NAME_BYTES - 1);
    }
    if (strncmp(g.name, "opt/", 4) != 0) {
        say_warning("%s: names of users begin with opt/, others are the machine's", k->where);
    }
    for (const struct firmware_blob *b = c->firmware.files; b; b = b->next) {
        if (strcmp(b->name, g.name) == 0) {
            return error_set(e, "%s: there is a file of that name already", k->where);
        }
    }
    size_t n = has_string ? strlen(g.string) : 0;
    void *bytes = has_string ? mem_dup(g.string, n)
                             : options_read_file(k->where, g.file, FILE_MAX, &n, e);
    if (bytes) {
        add_blob(c, &c->firmware.files, mem_strdup(g.name), bytes, n);
    }
    return bytes != NULL;
}

/* ---- -acpitable */

struct table_group {
    const char *sig, *oem_id, *oem_table_id, *compiler_id, *file, *data;
    uint32_t rev, oem_rev, compiler_rev;
};

#define AT(member) offsetof(struct table_group, member)

static const struct key_row table_rows[] = {
    {"sig", KEY_TEXT, AT(sig), "signature, 4 characters", NULL},
    {"rev", KEY_U32, AT(rev), "revision, 0 to 255", NULL},
    {"oem_id", KEY_TEXT, AT(oem_id), "maker, up to 6 characters", NULL},
    {"oem_table_id", KEY_TEXT, AT(oem_table_id), "name, up to 8 characters", NULL},
    {"oem_rev", KEY_U32, AT(oem_rev), "the maker's revision", NULL},
    {"asl_compiler_id", KEY_TEXT, AT(compiler_id), "compiler, up to 4 characters", NULL},
    {"asl_compiler_rev", KEY_U32, AT(compiler_rev), "its revision", NULL},
    {"file", KEY_TEXT, AT(file), "host files, separated by colons, of a table with its header",
     NULL},
    {"data", KEY_TEXT, AT(data), "the same for a table without a header", NULL},
    {0}};

enum {
    TABLE_HEADER = 36,
    TABLE_MAX = 16 << 20
};

/* Appends each of the files that paths names. */
static bool read_files(const struct keyvals *k, const char *paths, struct strbuf *out,
                       struct error *e)
{
    for (const char *p = paths;; p++) {
        const size_t length = strcspn(p, ":");
        char *path = mem_printf("%.*s", (int)length, p);
        size_t n = 0;
        uint8_t *bytes = options_read_file(k->where, path, TABLE_MAX, &n, e);
        mem_free(path);
        if (!bytes) {
            return false;
        }
        strbuf_bytes(out, bytes, n);
        mem_free(bytes);
        if (out->len > TABLE_MAX) {
            return error_set(e, "%s: more than %u MiB", k->where, TABLE_MAX >> 20);
        }
        p += length;
        if (!*p) {
            return true;
        }
    }
}

/* Where a text of the header is and how long it may be. */
static bool put_text(const struct keyvals *k, uint8_t *at, size_t size, const char *text,
                     struct error *e)
{
    if (text && strlen(text) > size) {
        return error_set(e, "%s: '%s' has more than %zu characters", k->where, text, size);
    }
    if (text) {
        memset(at, 0, size);
        memcpy(at, text, strlen(text));
    }
    return true;
}

static void put_number(const struct keyvals *k, const char *key, uint8_t *at, uint32_t value)
{
    if (keyvals_get(k, key)) {
        store_le32(at, value);
    }
}

static bool set_header(const struct keyvals *k, const struct table_group *g, uint8_t *table,
                       size_t n, struct error *e)
{
    if (g->sig && strlen(g->sig) != 4) {
        return error_set(e, "%s: sig: a signature has 4 characters", k->where);
    }
    if (!put_text(k, table, 4, g->sig, e) || !put_text(k, table + 10, 6, g->oem_id, e) ||
        !put_text(k, table + 16, 8, g->oem_table_id, e) ||
        !put_text(k, table + 28, 4, g->compiler_id, e)) {
        return false;
    }
    if (g->rev > UINT8_MAX) {
        return error_set(e, "%s: rev: at most 255", k->where);
    }
    if (keyvals_get(k, "rev")) {
        table[8] = (uint8_t)g->rev;
    }
    put_number(k, "oem_rev", table + 24, g->oem_rev);
    put_number(k, "asl_compiler_rev", table + 32, g->compiler_rev);
    store_le32(table + 4, (uint32_t)n);
    table[9] = 0;
    uint8_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum = (uint8_t)(sum + table[i]);
    }
    table[9] = (uint8_t)-sum;
    return true;
}

static bool check_table(struct config *c, const struct keyvals *k, struct error *e)
{
    static const char usual[TABLE_HEADER + 1] = "QEMU\0\0\0\0\1\0QEMUQEQEMUQEMU\1\0\0\0QEMU\1\0\0";
    struct table_group g = {0};
    struct strbuf out = {0};
    if (asked_for_help(c, k, table_rows) || !keyvals_apply(k, table_rows, NULL, &g, e)) {
        return false;
    }
    if (!g.file == !g.data) {
        return error_set(e, "%s: one of file and data is needed", k->where);
    }
    if (g.data) {
        strbuf_bytes(&out, usual, TABLE_HEADER);
    }
    bool good = read_files(k, g.file ? g.file : g.data, &out, e);
    if (good && out.len < TABLE_HEADER) {
        good = error_set(e, "%s: a table with its header has at least %u bytes", k->where,
                         TABLE_HEADER);
    }
    const size_t n = out.len;
    uint8_t *table = (uint8_t *)strbuf_take(&out);
    if (good && set_header(k, &g, table, n, e)) {
        add_blob(c, &c->firmware.tables, mem_strdup("table"), table, n);
        return true;
    }
    mem_free(table);
    return false;
}

/* ---- all */

bool options_check_firmware(struct config *c, struct error *e)
{
    unsigned tables = 0;
    c->machine.firmware = &c->firmware;
    if (!check_boot(c, e)) {
        return false;
    }
    for (const struct keyvals *k = c->fw_cfgs; k; k = k->next) {
        if (!check_fw_cfg(c, k, e)) {
            return false;
        }
    }
    for (const struct keyvals *k = c->acpi_tables; k; k = k->next) {
        if (tables++ == FIRMWARE_TABLES) {
            return error_set(e, "%s: there are %u of them already", k->where, FIRMWARE_TABLES);
        }
        if (!check_table(c, k, e)) {
            return false;
        }
    }
    return options_check_smbios(c, e);
}
