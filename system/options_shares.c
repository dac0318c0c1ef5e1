/* SPDX-License-Identifier: MIT */
/* -fsdev and -virtfs: folders of the host for a guest, checked as far as nothing needs to be
 * opened. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "system/options.h"

enum {
    MAPPED_ALSO = 4 /* "mapped" is mapped-xattr */
};
static const char *const models[] = {"none",        "passthrough", "mapped-xattr",
                                     "mapped-file", "mapped",      NULL};

struct share_group {
    const char *type, *id, *mount_tag;
    struct p9_options o;
    const char *file_mode, *folder_mode;
    int write_out;
};

static const char *const immediate_only[] = {"immediate", NULL};

#define G(m) offsetof(struct share_group, m)
static const struct key_row share_rows[] = {
    {"type", KEY_TEXT, G(type), "local", NULL},
    {"id", KEY_TEXT, G(id), "name for -device virtio-9p-pci,fsdev=ID", NULL},
    {"path", KEY_TEXT, G(o.path), "folder of the host", NULL},
    {"mount_tag", KEY_TEXT, G(mount_tag), "of -virtfs: the name that the guest mounts it by", NULL},
    {"security_model", KEY_CHOICE, G(o.model), "whose files are whose", models},
    {"readonly", KEY_BOOL, G(o.readonly), "the guest changes nothing (off)", NULL},
    {"fmode", KEY_TEXT, G(file_mode), "rights of new files of mapped models, octal (0600)", NULL},
    {"dmode", KEY_TEXT, G(folder_mode), "rights of new folders, octal (0700)", NULL},
    {"multidevs", KEY_CHOICE, G(o.devices), "several file systems below it (warn)",
     p9_devices_names},
    {"writeout", KEY_CHOICE, G(write_out), "immediate: as the guest writes", immediate_only},
    {"sock_fd", KEY_REFUSED, 0, "the proxy helper is no more", NULL},
    {"socket", KEY_REFUSED, 0, "the proxy helper is no more", NULL},
    {0}};

static bool parse_mode(const struct keyvals *k, const char *key, const char *text, uint32_t *mode,
                       struct error *e)
{
    uint32_t value = 0;
    for (const char *p = text ? text : ""; *p; p++) {
        if (*p < '0' || *p > '7' || value > 0777) {
            return error_set(e, "%s: %s: '%s' is no octal number up to 0777", k->where, key, text);
        }
        value = 8 * value + (uint32_t)(*p - '0');
    }
    *mode = text ? value : *mode;
    return value <= 0777 ||
           error_set(e, "%s: %s: '%s' is no octal number up to 0777", k->where, key, text);
}

static bool read_group(const struct keyvals *k, struct share_group *g, struct error *e)
{
    if (!keyvals_apply(k, share_rows, NULL, g, e)) {
        return false;
    }
    if (!g->type || strcmp(g->type, "local") != 0) {
        return error_set(e, "%s: '%s' is no kind of folder; accepted: local", k->where,
                         g->type ? g->type : "");
    }
    if (!g->o.path) {
        return error_set(e, "%s: path= is missing", k->where);
    }
    if (!keyvals_get(k, "security_model")) {
        return error_set(e,
                         "%s: security_model= is missing; accepted: passthrough, none, "
                         "mapped-xattr, mapped-file",
                         k->where);
    }
    g->o.model = g->o.model == MAPPED_ALSO ? P9_MAPPED : g->o.model;
    return parse_mode(k, "fmode", g->file_mode, &g->o.file_mode, e) &&
           parse_mode(k, "dmode", g->folder_mode, &g->o.folder_mode, e);
}

/* -virtfs is an -fsdev and its device. */
static void add_device(struct config *c, const struct share_group *g)
{
    struct error e;
    struct keyvals *k = keyvals_parse("-virtfs", "virtio-9p-pci", "driver", &e);
    keyvals_set(k, "fsdev", g->id);
    keyvals_set(k, "mount_tag", g->mount_tag);
    keyvals_append(&c->devices, k);
}

static bool check_share(struct config *c, const struct keyvals *k, bool with_device,
                        struct error *e)
{
    struct share_group g = {.o = {.file_mode = 0600, .folder_mode = 0700}};
    struct share **end = &c->share_list;
    if (!read_group(k, &g, e)) {
        return false;
    }
    if (with_device && !g.mount_tag) {
        return error_set(e, "%s: mount_tag= is missing", k->where);
    }
    if (!with_device && g.mount_tag) {
        return error_set(e, "%s: mount_tag= goes to -device virtio-9p-pci", k->where);
    }
    g.id = g.id || !with_device ? g.id : g.mount_tag;
    if (!g.id) {
        return error_set(e, "%s: id= is missing", k->where);
    }
    for (; *end; end = &(*end)->next) {
        if (strcmp((*end)->id, g.id) == 0) {
            return error_set(e, "%s: the id '%s' is taken by %s", k->where, g.id, (*end)->where);
        }
    }
    *end = mem_alloc(sizeof(**end));
    **end = (struct share){.where = k->where, .id = g.id, .options = g.o};
    if (with_device) {
        add_device(c, &g);
    }
    return true;
}

static bool check_all(struct config *c, const struct keyvals *list, bool with_device,
                      struct error *e)
{
    for (const struct keyvals *k = list; k; k = k->next) {
        if (options_want_help(k) ||
            (keyvals_get(k, "type") && options_is_help(keyvals_get(k, "type")))) {
            return options_give_help(c, options_rows_help("folders for a guest", share_rows));
        }
        if (!check_share(c, k, with_device, e)) {
            return false;
        }
    }
    return true;
}

bool options_check_shares(struct config *c, struct error *e)
{
    return check_all(c, c->fsdevs, false, e) && check_all(c, c->virtfs, true, e);
}

void options_free_shares(struct config *c)
{
    while (c->share_list) {
        struct share *next = c->share_list->next;
        mem_free(c->share_list);
        c->share_list = next;
    }
}
