/* SPDX-License-Identifier: MIT */
/* -drive and -blockdev: the groups, checked as far as nothing needs to be opened. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "block/driver.h"
#include "system/options.h"

/* ---- -drive */

static const char *const interface_choices[] = {[DRIVE_USUAL] = "default",
                                                [DRIVE_NONE] = "none",
                                                [DRIVE_VIRTIO] = "virtio",
                                                [DRIVE_PFLASH] = "pflash",
                                                [DRIVE_IDE] = "ide",
                                                [DRIVE_FLOPPY] = "floppy",
                                                NULL};
enum {
    MEDIA_DISK,
    MEDIA_CDROM
};
static const char *const media_choices[] = {[MEDIA_DISK] = "disk", [MEDIA_CDROM] = "cdrom", NULL};

struct drive_group {
    int interface, media, werror, rerror;
    uint32_t index, unit, bus;
    bool copy_on_read;
    const char *serial;
};

static const struct key_row drive_rows[] = {
    {"if", KEY_CHOICE, offsetof(struct drive_group, interface),
     "where it goes; none: to the -device with drive=ID (default)", interface_choices},
    {"index", KEY_U32, offsetof(struct drive_group, index),
     "its number among those of its kind (next)", NULL},
    {"unit", KEY_U32, offsetof(struct drive_group, unit), "the same; of IDE, on its bus", NULL},
    {"bus", KEY_U32, offsetof(struct drive_group, bus), "of IDE; else 0 is the only one", NULL},
    {"media", KEY_CHOICE, offsetof(struct drive_group, media), "cdrom: read-only, and may be empty",
     media_choices},
    {"werror", KEY_CHOICE, offsetof(struct drive_group, werror),
     "what a write error does; enospc: as stop if the host's disk is full, else report (enospc)",
     block_on_error_names},
    {"rerror", KEY_CHOICE, offsetof(struct drive_group, rerror), "what a read error does (report)",
     block_on_error_names},
    {"copy-on-read", KEY_BOOL, offsetof(struct drive_group, copy_on_read),
     "what is read from backing files is written to the image (off)", NULL},
    {"serial", KEY_TEXT, offsetof(struct drive_group, serial), "serial number", NULL},
    {"addr", KEY_REFUSED, 0, "use if=none and -device ...,addr=", NULL},
    {0}};

/* The keys that block_options_set() knows, for help and suggestions. */
static const struct key_row image_rows[] = {
    {"file", KEY_TEXT, 0, "image", NULL},
    {"format", KEY_TEXT, 0, "of the image (found by looking at it); -blockdev help lists them",
     NULL},
    {"id", KEY_TEXT, 0, "name for -device ...,drive=ID", NULL},
    {"cache", KEY_TEXT, 0, "writeback, none, writethrough, directsync or unsafe (writeback)", NULL},
    {"aio", KEY_TEXT, 0, "io_uring, threads or native (io_uring)", NULL},
    {"discard", KEY_TEXT, 0, "unmap or ignore (unmap)", NULL},
    {"detect-zeroes", KEY_TEXT, 0, "off, on or unmap (off)", NULL},
    {"readonly", KEY_BOOL, 0, "the guest cannot write (off)", NULL},
    {"snapshot", KEY_BOOL, 0, "writes are dropped at the end (off)", NULL},
    {"locking", KEY_TEXT, 0, "off: another program may use the image", NULL},
    {"node-name", KEY_TEXT, 0, "name of the image's node", NULL},
    {"throttling.bps-total", KEY_SIZE, 0,
     "limit; also -read, -write, iops-, each with -max and -max-length; iops-size", NULL},
    {"throttling.group", KEY_TEXT, 0, "disks of one group share the limits", NULL},
    {"file.KEY", KEY_TEXT, 0, "a key of the file's driver, file.driver= itself too", NULL},
    {"backing.KEY", KEY_TEXT, 0, "a key of the backing file", NULL},
    {0}};

static char *drive_help(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "drive options:\n");
    keyval_rows_help(image_rows, &s);
    keyval_rows_help(drive_rows, &s);
    return strbuf_take(&s);
}

/* Gives the image's items to block/ and takes them out of k. */
static bool take_image_keys(struct config *c, struct keyvals *k, struct block_options *image,
                            struct error *e)
{
    size_t kept = 0;
    bool ok = true;
    for (size_t i = 0; i < k->count; i++) {
        struct keyval *item = &k->items[i];
        bool known = false;
        const char *value = item->value ? item->value : "on";
        if (ok && !block_options_set(image, item->key, value, &known, e)) {
            error_prefix(e, "%s: ", k->where);
            ok = false;
        }
        if (ok && known) {
            config_own(c, item->key);
            config_own(c, item->value);
        } else {
            k->items[kept++] = *item;
        }
    }
    k->count = kept;
    return ok;
}

/* A number for a disk that has none: one more than the highest of its kind. */
static void number_drive(struct config *c, struct drive *d)
{
    for (const struct drive *o = c->drive_list; o; o = o->next) {
        if (!d->index_given && o->interface == d->interface && o->index >= d->index) {
            d->index = o->index + 1;
        }
    }
}

/* Places of IDE are known when the machine is. */
static bool has_number(const struct drive *d)
{
    return d->interface != DRIVE_NONE && (d->interface != DRIVE_IDE || d->index_given);
}

static bool drive_clashes(struct config *c, const struct drive *d, struct error *e)
{
    for (const struct drive *o = c->drive_list; o; o = o->next) {
        if (has_number(d) && o->interface == d->interface && o->index == d->index &&
            o->bus == d->bus) {
            return error_set(e, "%s: index %u of if=%s is taken by %s", d->where, d->index,
                             interface_choices[d->interface], o->where);
        }
        if (o->image.id && d->image.id && strcmp(o->image.id, d->image.id) == 0) {
            return error_set(e, "%s: the id '%s' is taken by %s", d->where, d->image.id, o->where);
        }
    }
    return true;
}

/* Something must be there to be opened: a name, or a driver that needs none. */
static bool has_image(const struct drive *d)
{
    const struct block_driver *driver = d->image.format ? block_driver_find(d->image.format) : NULL;
    const char *child = driver && driver->file_key ? driver->file_key : "file";
    return d->image.file || json_object_get(d->image.tree, "file") ||
           json_object_get(d->image.tree, child) || (driver && driver->kind == BLOCK_PROTOCOL);
}

static void fill_drive(const struct config *c, const struct keyvals *k, const struct drive_group *g,
                       struct drive *d)
{
    d->interface = g->interface;
    d->bus = keyvals_get(k, "bus") ? g->bus : DRIVE_ANYWHERE;
    d->unit = keyvals_get(k, "unit") ? g->unit : DRIVE_ANYWHERE;
    d->index_given = keyvals_get(k, "index") || keyvals_get(k, "unit");
    d->index = keyvals_get(k, "unit") ? g->unit : g->index;
    d->cdrom = g->media == MEDIA_CDROM;
    d->serial = g->serial;
    d->image.copy_on_read = g->copy_on_read;
    d->image.rerror = (enum block_on_error)g->rerror;
    d->image.werror = (enum block_on_error)g->werror;
    d->image.read_only |= d->cdrom;
    d->image.snapshot |= c->snapshot && !d->image.read_only;
}

/* Kinds of disks that QEMU's other machines have controllers for. */
static bool is_for_other_machines(const struct keyvals *k, struct error *e)
{
    static const char *const kinds[] = {"scsi", "sd", "mtd", "xen"};
    const char *wanted = keyvals_get(k, "if");
    for (size_t i = 0; wanted && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i], wanted) == 0) {
            error_set(e,
                      "%s: machine type does not support if=%s; use if=none and a -device with "
                      "drive=ID: virtio-blk-pci, scsi-hd on a virtio-scsi-pci",
                      k->where, wanted);
            return true;
        }
    }
    return false;
}

/* A drive whose medium can be changed may begin without one. */
static bool may_be_empty(const struct drive_group *g)
{
    const bool cd = g->media == MEDIA_CDROM && g->interface != DRIVE_VIRTIO &&
                    g->interface != DRIVE_PFLASH;
    return cd || g->interface == DRIVE_FLOPPY;
}

static bool check_places(const struct keyvals *k, const struct drive_group *g,
                         const struct drive *d, struct error *e)
{
    if (keyvals_get(k, "index") && (keyvals_get(k, "unit") || keyvals_get(k, "bus"))) {
        return error_set(e, "%s: index cannot be used with bus and unit", k->where);
    }
    if (g->bus && g->interface != DRIVE_IDE && g->interface != DRIVE_USUAL) {
        return error_set(e, "%s: bus: 0 is the only one", k->where);
    }
    return !d->serial || d->interface != DRIVE_PFLASH ||
           error_set(e, "%s: a flash bank has no serial=", k->where);
}

static bool check_drive(struct config *c, struct keyvals *k, struct error *e)
{
    if (options_want_help(k)) {
        return options_give_help(c, drive_help());
    }
    if (is_for_other_machines(k, e)) {
        return false;
    }
    struct drive *d = mem_alloc(sizeof(*d));
    struct drive **end = &c->drive_list;
    d->where = k->where;
    struct drive_group g = {.interface = DRIVE_USUAL};
    bool ok = take_image_keys(c, k, &d->image, e) &&
              keyvals_apply(k, drive_rows, image_rows, &g, e);
    d->image.empty = ok && !has_image(d) && may_be_empty(&g);
    if (ok && !has_image(d) && !d->image.empty) {
        ok = error_set(e, "%s: file= is missing", k->where);
    }
    fill_drive(c, k, &g, d);
    ok = ok && check_places(k, &g, d, e);
    number_drive(c, d);
    if (!ok || !drive_clashes(c, d, e)) {
        block_options_free(&d->image);
        mem_free(d);
        return false;
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = d;
    return true;
}

/* ---- -blockdev */

static void put_option_rows(const struct block_option *o, struct strbuf *s)
{
    static const char *const types[] = {
        [BLOCK_OPT_TEXT] = "TEXT", [BLOCK_OPT_BOOL] = "on|off", [BLOCK_OPT_U32] = "N",
        [BLOCK_OPT_U64] = "N",     [BLOCK_OPT_SIZE] = "BYTES",  [BLOCK_OPT_TREE] = "KEYS",
    };
    for (; o && o->name; o++) {
        strbuf_printf(s, "    %s=", o->name);
        if (o->type == BLOCK_OPT_CHOICE) {
            for (size_t i = 0; o->choices[i]; i++) {
                strbuf_printf(s, "%s%s", i ? "|" : "", o->choices[i]);
            }
        } else {
            strbuf_puts(s, types[o->type]);
        }
        strbuf_printf(s, "  %s\n", o->help);
    }
}

static char *blockdev_help(void)
{
    static const char *const kinds[] = {"protocol", "format", "filter"};
    struct strbuf s = {0};
    const struct block_driver *d;
    strbuf_puts(&s, "drivers of -blockdev DRIVER,node-name=NAME,...; formats and filters have a "
                    "file=NODE, or file.driver= and further file.KEY=\n");
    for (size_t i = 0; (d = block_driver_at(i)); i++) {
        strbuf_printf(&s, "  %-16s %s: %s\n", d->name, kinds[d->kind], d->desc);
        put_option_rows(d->options, &s);
    }
    strbuf_puts(&s, "  of all drivers\n");
    put_option_rows(block_common_options, &s);
    return strbuf_take(&s);
}

static bool check_blockdev(struct config *c, const char *text, struct error *e)
{
    if (options_is_help(text)) {
        return options_give_help(c, blockdev_help());
    }
    char *where = mem_printf("-blockdev %s", text);
    json_t *given = block_options_parse(text, where, e);
    if (given && !json_object_get(given, "node-name")) {
        json_decref(given);
        given = NULL;
        error_set(e, "%s: node-name= is missing", where);
    }
    if (!given) {
        mem_free(where);
        return false;
    }
    struct blockdev *b = mem_alloc(sizeof(*b)), **end = &c->blockdev_list;
    *b = (struct blockdev){.where = where, .options = given};
    while (*end) {
        end = &(*end)->next;
    }
    *end = b;
    return true;
}

/* ---- -object throttle-group */

const struct key_row options_throttle_rows[] = {
    {"x-bps-total", KEY_SIZE, 0, "bytes of a second; also -read, -write, and of requests x-iops-",
     NULL},
    {"x-bps-total-max", KEY_SIZE, 0, "in bursts", NULL},
    {"x-bps-total-max-length", KEY_U64, 0, "seconds of a burst", NULL},
    {"x-iops-size", KEY_SIZE, 0, "larger requests count as several", NULL},
    {0}};

bool options_throttle_group(struct block_graph *g, const struct keyvals *k, struct error *e)
{
    for (size_t i = 0; i < k->count; i++) {
        const char *key = k->items[i].key, *value = k->items[i].value;
        bool known = strcmp(key, "id") == 0 || strcmp(key, "qom-type") == 0;
        const char *limit = strncmp(key, "x-", 2) == 0        ? key + 2
                            : strncmp(key, "limits.", 7) == 0 ? key + 7
                                                              : NULL;
        if (limit &&
            !block_throttle_set(g, keyvals_get(k, "id"), limit, value ? value : "on", &known, e)) {
            error_prefix(e, "%s: ", k->where);
            return false;
        }
        if (!known) {
            return error_set(e,
                             "%s: '%s' is not a key of throttle-group; accepted: x-bps-total, "
                             "x-bps-read, x-bps-write, x-iops-total, x-iops-read, x-iops-write, "
                             "these with -max and -max-length, x-iops-size",
                             k->where, key);
        }
    }
    return true;
}

bool options_check_throttle_group(const struct keyvals *k, struct error *e)
{
    if (!keyvals_get(k, "id")) {
        return error_set(e, "%s: id= is missing", k->where);
    }
    struct block_graph *g = block_graph_create();
    bool good = options_throttle_group(g, k, e);
    block_graph_destroy(g);
    return good;
}

bool options_check_disks(struct config *c, struct error *e)
{
    for (size_t i = 0; i < c->blockdevs.count; i++) {
        if (!check_blockdev(c, c->blockdevs.items[i], e)) {
            return false;
        }
    }
    for (struct keyvals *k = c->drives; k; k = k->next) {
        if (!check_drive(c, k, e)) {
            return false;
        }
    }
    return true;
}

void options_free_disks(struct config *c)
{
    while (c->drive_list) {
        struct drive *d = c->drive_list;
        c->drive_list = d->next;
        block_options_free(&d->image);
        mem_free(d);
    }
    while (c->blockdev_list) {
        struct blockdev *b = c->blockdev_list;
        c->blockdev_list = b->next;
        json_decref(b->options);
        mem_free(b->where);
        mem_free(b);
    }
}
