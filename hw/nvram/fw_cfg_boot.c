/* SPDX-License-Identifier: MIT */
/*
 * What firmware is to do, as items and files of fw_cfg: the machine's UUID, whether it shows a boot
 * menu and for how long, files of the user's, and "bootorder": the devices that have a bootindex,
 * by the paths of open firmware (IEEE 1275), a line each.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/firmware.h"
#include "hw/machine.h"
#include "hw/nvram/fw_cfg.h"

/* ---- the order of booting */

static int32_t bootindex_of(const struct device *d)
{
    for (const struct prop *p = d->cls->props; p && p->name; p++) {
        if (p->type == PROP_BOOTINDEX) {
            return *(const int32_t *)((const char *)d + p->offset);
        }
    }
    return -1;
}

static int by_index(const void *a, const void *b)
{
    const int32_t x = bootindex_of(*(struct device *const *)a);
    const int32_t y = bootindex_of(*(struct device *const *)b);
    return (x > y) - (x < y);
}

static void add_path(const struct device *d, struct strbuf *out)
{
    strbuf_puts(out, out->len ? "\n" : "");
    d->bus->firmware_path(d, out);
    if (d->cls->boot_node) {
        strbuf_printf(out, "/%s", d->cls->boot_node);
    }
}

static size_t bootable(const struct machine *m, struct device **list)
{
    size_t n = 0;
    for (struct device *d = m->devices; d; d = d->next) {
        if (bootindex_of(d) >= 0 && d->bus && d->bus->firmware_path) {
            if (list) {
                list[n] = d;
            }
            n++;
        }
    }
    return n;
}

bool fw_cfg_update_boot_order(struct device *fw_cfg, const struct machine *m, struct error *e)
{
    const size_t n = bootable(m, NULL);
    struct device **list = mem_array(n, sizeof(*list));
    struct strbuf out = {0};
    bool good = true;
    strbuf_puts(&out, m->first_boot ? m->first_boot : "");
    bootable(m, list);
    qsort(list, n, sizeof(*list), by_index);
    for (size_t i = 0; good && i < n; i++) {
        if (i && bootindex_of(list[i]) == bootindex_of(list[i - 1])) {
            good = error_set(e, "bootindex=%" PRId32 ": %s and %s have the same",
                             bootindex_of(list[i]), list[i - 1]->cls->name, list[i]->cls->name);
        }
        add_path(list[i], &out);
    }
    mem_free(list);
    if (good && m->config.firmware && m->config.firmware->strict) {
        strbuf_puts(&out, out.len ? "\nHALT" : "HALT"); /* nothing else is tried */
    }
    const size_t bytes = out.len ? out.len + 1 : 0; /* with the end of the string */
    if (good) {
        return fw_cfg_add_file(fw_cfg, "bootorder", strbuf_take(&out), bytes, e);
    }
    strbuf_free(&out);
    return false;
}

/* ---- all */

static void add_uuid(struct device *fw_cfg, const char *text)
{
    uint8_t *uuid = mem_alloc(16);
    unsigned n = 0;
    for (const char *p = text; p && *p && n < 32; p++) {
        if (*p != '-') {
            const unsigned digit = (unsigned)(*p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10);
            uuid[n / 2] = (uint8_t)(uuid[n / 2] << 4 | digit);
            n++;
        }
    }
    fw_cfg_add(fw_cfg, FW_CFG_UUID, uuid, 16);
}

static bool add_number(struct device *fw_cfg, const char *name, uint32_t value, unsigned bytes,
                       struct error *e)
{
    uint8_t *le = mem_alloc(4);
    store_le32(le, value);
    return fw_cfg_add_file(fw_cfg, name, le, bytes, e);
}

bool fw_cfg_add_boot(struct device *fw_cfg, struct machine *m, struct error *e)
{
    static const struct firmware_config nothing = {.splash_time_ms = FIRMWARE_UNSET,
                                                   .reboot_timeout_ms = FIRMWARE_UNSET};
    const struct firmware_config *f = m->config.firmware ? m->config.firmware : &nothing;
    add_uuid(fw_cfg, m->config.uuid);
    fw_cfg_add_u16(fw_cfg, FW_CFG_BOOT_MENU, f->menu);
    if (!add_number(fw_cfg, "etc/boot-fail-wait", (uint32_t)f->reboot_timeout_ms, 4, e) ||
        (f->splash_time_ms >= 0 &&
         !add_number(fw_cfg, "etc/boot-menu-wait", (uint32_t)f->splash_time_ms, 2, e))) {
        return false;
    }
    for (const struct firmware_blob *b = f->files; b; b = b->next) {
        if (!fw_cfg_add_file(fw_cfg, b->name, mem_dup(b->bytes, b->n), b->n, e)) {
            return false;
        }
    }
    return fw_cfg_update_boot_order(fw_cfg, m, e);
}
