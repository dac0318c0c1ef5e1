/* SPDX-License-Identifier: MIT */
/* -drive, -netdev, -nic, -net, -object, -chardev: the groups, checked as far as nothing needs to be
 * opened. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/options.h"

/* Rows' help under a title. */
static char *rows_help(const char *title, const struct key_row *rows)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "%s:\n", title);
    keyval_rows_help(rows, &s);
    return strbuf_take(&s);
}

/* ---- -drive */

static const char *const interface_choices[] = {[DRIVE_USUAL] = "default",
                                                [DRIVE_NONE] = "none",
                                                [DRIVE_VIRTIO] = "virtio",
                                                [DRIVE_PFLASH] = "pflash",
                                                NULL};
static const char *const media_choices[] = {"disk", "cdrom", NULL};
static const char *const error_actions[] = {"report", NULL};

struct drive_group {
    int interface, media, werror, rerror;
    uint32_t index, unit, bus;
};

static const struct key_row drive_rows[] = {
    {"if", KEY_CHOICE, offsetof(struct drive_group, interface),
     "where it goes; none: to the -device with drive=ID (default)", interface_choices},
    {"index", KEY_U32, offsetof(struct drive_group, index),
     "its number among those of its kind (next)", NULL},
    {"unit", KEY_U32, offsetof(struct drive_group, unit), "the same", NULL},
    {"bus", KEY_U32, offsetof(struct drive_group, bus), "0", NULL},
    {"media", KEY_CHOICE, offsetof(struct drive_group, media), "cdrom: read-only", media_choices},
    {"werror", KEY_CHOICE, offsetof(struct drive_group, werror),
     "the guest is told of write errors", error_actions},
    {"rerror", KEY_CHOICE, offsetof(struct drive_group, rerror), "the guest is told of read errors",
     error_actions},
    {"copy-on-read", KEY_REFUSED, 0, "not in this build", NULL},
    {"serial", KEY_REFUSED, 0, "use if=none and -device ...,serial=", NULL},
    {"addr", KEY_REFUSED, 0, "use if=none and -device ...,addr=", NULL},
    {0}};

/* The keys that block_options_set() knows, for help and suggestions. */
static const struct key_row image_rows[] = {
    {"file", KEY_TEXT, 0, "image", NULL},
    {"format", KEY_TEXT, 0, "raw (found by looking at the image)", NULL},
    {"id", KEY_TEXT, 0, "name for -device ...,drive=ID", NULL},
    {"cache", KEY_TEXT, 0, "writeback, none, writethrough, directsync or unsafe (writeback)", NULL},
    {"aio", KEY_TEXT, 0, "io_uring, threads or native (io_uring)", NULL},
    {"discard", KEY_TEXT, 0, "unmap or ignore (unmap)", NULL},
    {"detect-zeroes", KEY_TEXT, 0, "off, on or unmap (off)", NULL},
    {"readonly", KEY_BOOL, 0, "the guest cannot write (off)", NULL},
    {"snapshot", KEY_BOOL, 0, "writes are dropped at the end (off)", NULL},
    {"locking", KEY_TEXT, 0, "off: another program may use the image", NULL},
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

static bool drive_clashes(struct config *c, const struct drive *d, struct error *e)
{
    for (const struct drive *o = c->drive_list; o; o = o->next) {
        if (d->interface != DRIVE_NONE && o->interface == d->interface && o->index == d->index) {
            return error_set(e, "%s: index %u of if=%s is taken by %s", d->where, d->index,
                             interface_choices[d->interface], o->where);
        }
        if (o->image.id && d->image.id && strcmp(o->image.id, d->image.id) == 0) {
            return error_set(e, "%s: the id '%s' is taken by %s", d->where, d->image.id, o->where);
        }
    }
    return true;
}

static bool check_drive(struct config *c, struct keyvals *k, struct error *e)
{
    if (options_want_help(k)) {
        return options_give_help(c, drive_help());
    }
    struct drive *d = mem_alloc(sizeof(*d));
    struct drive **end = &c->drive_list;
    d->where = k->where;
    struct drive_group g = {.interface = DRIVE_USUAL};
    bool ok = take_image_keys(c, k, &d->image, e) &&
              keyvals_apply(k, drive_rows, image_rows, &g, e);
    if (ok && !d->image.file) {
        ok = error_set(e, "%s: file= is missing", k->where);
    }
    if (ok && g.bus) {
        ok = error_set(e, "%s: bus: 0 is the only one", k->where);
    }
    d->interface = g.interface;
    d->index_given = keyvals_get(k, "index") || keyvals_get(k, "unit");
    d->index = keyvals_get(k, "unit") ? g.unit : g.index;
    d->cdrom = g.media == 1;
    d->image.read_only |= d->cdrom;
    d->image.snapshot |= c->snapshot && !d->image.read_only && d->interface != DRIVE_PFLASH;
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

/* ---- -netdev, -nic, -net */

/* The keys of the kind that k names, or, where it names none, the kinds. */
static char *netdev_help(const struct keyvals *k)
{
    struct strbuf s = {0};
    const char *kind = keyvals_get(k, "type"), *desc;
    const char *key, *form;
    for (size_t i = 0; kind && netdev_option_at(kind, i, &key, &form); i++) {
        strbuf_printf(&s, "%s%s  %s=%s\n", i ? "" : kind, i ? "" : ":\n", key, form);
    }
    if (s.len) {
        return strbuf_take(&s);
    }
    strbuf_puts(&s, "Network back ends:\n");
    for (size_t i = 0; netdev_kind_at(i, &kind, &desc); i++) {
        strbuf_printf(&s, "  %-10s %s\n", kind, desc);
    }
    return strbuf_take(&s);
}

static bool check_kind(const char *where, const char *wanted, struct error *e)
{
    const char *names[16], *desc;
    size_t n = 0;
    while (n < 15 && netdev_kind_at(n, &names[n], &desc)) {
        if (strcmp(names[n], wanted) == 0) {
            return true;
        }
        n++;
    }
    names[n] = NULL;
    error_set(e, "%s: there is no network back end '%s'", where, wanted);
    keyval_choices(e, wanted, names);
    return false;
}

static bool add_network(struct config *c, struct keyvals *k, const char *kind, const char *id,
                        struct error *e)
{
    struct network **end = &c->network_list;
    for (; *end; end = &(*end)->next) {
        if (strcmp((*end)->id, id) == 0) {
            return error_set(e, "%s: the id '%s' is taken by %s", k->where, id, (*end)->where);
        }
    }
    if (!check_kind(k->where, kind, e)) {
        return false;
    }
    struct network *n = mem_alloc(sizeof(*n));
    *n = (struct network){.where = k->where, .kind = kind, .id = id, .count = k->count};
    n->options = mem_array(k->count, sizeof(*n->options));
    for (size_t i = 0; i < k->count; i++) {
        n->options[i] = (struct net_option){k->items[i].key,
                                            k->items[i].value ? k->items[i].value : "on"};
    }
    *end = n;
    return true;
}

/* The value of key, taken out of k and kept by the config, or NULL. */
static const char *take_kept(struct config *c, struct keyvals *k, const char *key)
{
    char *value = keyvals_take(k, key);
    return value ? config_own(c, value) : NULL;
}

bool options_add_netdev(struct config *c, struct keyvals *k, struct error *e)
{
    const char *kind = take_kept(c, k, "type"), *id = take_kept(c, k, "id");
    if (!kind || !id) {
        return error_set(e, "%s: the %s is missing; the form is KIND,id=ID,...", k->where,
                         kind ? "id" : "kind");
    }
    return add_network(c, k, kind, id, e);
}

static bool check_netdev(struct config *c, struct keyvals *k, struct error *e)
{
    return options_want_help(k) ? options_give_help(c, netdev_help(k))
                                : options_add_netdev(c, k, e);
}

static bool check_nic(struct config *c, struct keyvals *k, unsigned number, struct error *e)
{
    const char *model = keyvals_get(k, "model");
    if (model && options_is_help(model)) {
        return options_give_help(c, options_network_cards());
    }
    if (options_want_help(k)) {
        return options_give_help(c, netdev_help(k));
    }
    const char *kind = take_kept(c, k, "type"), *id = take_kept(c, k, "id");
    struct card card = {
        .where = k->where, .model = take_kept(c, k, "model"), .mac = take_kept(c, k, "mac")};
    if (!kind) {
        kind = "user";
    }
    if (strcmp(kind, "none") == 0) {
        c->no_network = true;
        return k->count == 0 || error_set(e, "%s: none takes no further keys", k->where);
    }
    id = id ? id : config_own(c, mem_printf("nic%u", number));
    if (!add_network(c, k, kind, id, e)) {
        return false;
    }
    card.netdev = id;
    struct card **end = &c->card_list;
    while (*end) {
        end = &(*end)->next;
    }
    *end = mem_dup(&card, sizeof(card));
    return true;
}

/* The items of a -net as -nic has them: of the card, or of its back end. */
static void move_items(struct keyvals *nic, const struct keyvals *net, bool card)
{
    for (size_t i = 0; i < net->count; i++) {
        const struct keyval *item = &net->items[i];
        const bool is_mac = card && strcmp(item->key, "macaddr") == 0;
        if (!card || strcmp(item->key, "type") != 0) {
            keyvals_set(nic, is_mac ? "mac" : item->key, item->value ? item->value : "on");
        }
    }
}

/* All -net are on one wire: a card and a back end make a -nic. */
static bool check_nets(struct config *c, struct error *e)
{
    const struct keyvals *card = NULL, *back_end = NULL;
    for (const struct keyvals *k = c->nets; k; k = k->next) {
        const char *type = keyvals_get(k, "type");
        const bool is_card = type && strcmp(type, "nic") == 0;
        if (type && strcmp(type, "none") == 0) {
            c->no_network = true;
            continue;
        }
        if (!type || options_is_help(type)) {
            return type ? options_give_help(c, netdev_help(k))
                        : error_set(e, "%s: the kind is missing: none, nic, user...", k->where);
        }
        if (is_card ? card != NULL : back_end != NULL) {
            return error_set(e, "%s: a second one; -nic makes a card with its back end each",
                             k->where);
        }
        *(is_card ? &card : &back_end) = k;
    }
    if (!card && !back_end) {
        return true;
    }
    if (!card || !back_end) {
        return error_set(e, "%s: %s", (card ? card : back_end)->where,
                         card ? "its back end is missing: -net user"
                              : "the card is missing: -net nic");
    }
    struct keyvals *k = keyvals_parse("-net", "", NULL, e);
    mem_free(k->where);
    k->where = mem_printf("%s %s", card->where, back_end->where);
    move_items(k, card, true);
    move_items(k, back_end, false);
    keyvals_append(&c->nics, k);
    return true;
}

/* ---- -object */

struct object_group {
    const char *kind, *id, *filename, *netdev, *file;
    uint32_t maxlen;
};

static const struct key_row object_common[] = {
    {"qom-type", KEY_TEXT, offsetof(struct object_group, kind), "the kind", NULL},
    {"id", KEY_TEXT, offsetof(struct object_group, id), "its name", NULL},
    {0}};
static const struct key_row rng_random_rows[] = {{"filename", KEY_TEXT,
                                                  offsetof(struct object_group, filename),
                                                  "file of random bytes (/dev/urandom)", NULL},
                                                 {0}};
static const struct key_row no_rows[] = {{0}};
static const struct key_row filter_dump_rows[] = {
    {"netdev", KEY_TEXT, offsetof(struct object_group, netdev), "back end to listen at", NULL},
    {"file", KEY_TEXT, offsetof(struct object_group, file), "pcap file to write", NULL},
    {"maxlen", KEY_U32, offsetof(struct object_group, maxlen), "bytes of a packet to keep (65536)",
     NULL},
    {0}};

static const struct object_row {
    const char *name, *help;
    const struct key_row *rows;
} object_kinds[] = {
    [OBJECT_RNG_RANDOM] = {"rng-random", "entropy out of a file", rng_random_rows},
    [OBJECT_RNG_BUILTIN] = {"rng-builtin", "entropy of the emulator, of -seed if given", no_rows},
    [OBJECT_FILTER_DUMP] = {"filter-dump", "writes a network's packets into a pcap file",
                            filter_dump_rows},
};

enum {
    OBJECT_KINDS = sizeof(object_kinds) / sizeof(object_kinds[0])
};

static char *objects_help(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "Objects:\n");
    for (size_t i = 0; i < OBJECT_KINDS; i++) {
        strbuf_printf(&s, "  %-14s %s\n", object_kinds[i].name, object_kinds[i].help);
    }
    return strbuf_take(&s);
}

static bool find_object_kind(const struct keyvals *k, enum object_kind *kind, struct error *e)
{
    const char *names[OBJECT_KINDS + 1] = {NULL};
    const char *wanted = keyvals_get(k, "qom-type");
    if (!wanted) {
        return error_set(e, "%s: the kind is missing: -object KIND,id=ID,...", k->where);
    }
    for (size_t i = 0; i < OBJECT_KINDS; i++) {
        names[i] = object_kinds[i].name;
        if (strcmp(names[i], wanted) == 0) {
            *kind = (enum object_kind)i;
            return true;
        }
    }
    error_set(e, "%s: there is no object '%s' in this build", k->where, wanted);
    keyval_choices(e, wanted, names);
    return false;
}

static bool check_object(struct config *c, struct keyvals *k, struct error *e)
{
    const char *first = keyvals_get(k, "qom-type");
    enum object_kind kind = OBJECT_RNG_RANDOM;
    if (first && options_is_help(first)) {
        return options_give_help(c, objects_help());
    }
    if (!find_object_kind(k, &kind, e)) {
        return false;
    }
    if (options_want_help(k)) {
        return options_give_help(c, rows_help(object_kinds[kind].name, object_kinds[kind].rows));
    }
    struct object_group g = {.filename = "/dev/urandom", .maxlen = 65536};
    if (!keyvals_apply(k, object_kinds[kind].rows, object_common, &g, e) ||
        !keyvals_apply(k, object_common, object_kinds[kind].rows, &g, e)) {
        return false;
    }
    if (!g.id) {
        return error_set(e, "%s: id= is missing", k->where);
    }
    if (kind == OBJECT_FILTER_DUMP && (!g.netdev || !g.file)) {
        return error_set(e, "%s: %s= is missing", k->where, g.netdev ? "file" : "netdev");
    }
    struct object **end = &c->object_list;
    for (; *end; end = &(*end)->next) {
        if (strcmp((*end)->id, g.id) == 0) {
            return error_set(e, "%s: the id '%s' is taken by %s", k->where, g.id, (*end)->where);
        }
    }
    *end = mem_alloc(sizeof(**end));
    **end = (struct object){.where = k->where,
                            .id = g.id,
                            .kind = kind,
                            .filename = g.filename,
                            .netdev = g.netdev,
                            .file = g.file,
                            .maxlen = g.maxlen};
    return true;
}

/* ---- -chardev, -mon: opened later, in order; here only their help and what needs no open back end
 */

static char *chardevs_help(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "Character back ends:\n");
    for (size_t i = 0; chardev_kinds[i]; i++) {
        strbuf_printf(&s, "  %-10s %s\n", chardev_kinds[i]->name, chardev_kinds[i]->help);
    }
    return strbuf_take(&s);
}

static bool check_chardev(struct config *c, const struct keyvals *k, struct error *e)
{
    const char *kind = keyvals_get(k, "backend");
    if (kind && options_is_help(kind)) {
        return options_give_help(c, chardevs_help());
    }
    for (size_t i = 0; kind && options_want_help(k) && chardev_kinds[i]; i++) {
        if (strcmp(chardev_kinds[i]->name, kind) == 0) {
            return options_give_help(c, rows_help(kind, chardev_kinds[i]->rows));
        }
    }
    return chardevs_check(k, e);
}

static bool check_shorts(struct config *c, const char *option, const struct text_list *l,
                         struct error *e)
{
    for (size_t i = 0; i < l->count; i++) {
        if (options_is_help(l->items[i])) {
            return options_give_help(c, chardevs_short_help(option));
        }
        struct chardev_short s = {.option = option, .text = l->items[i], .id = "new"};
        if (!chardevs_check_short(&s, e)) {
            return false;
        }
    }
    return true;
}

struct mon_group {
    const char *chardev, *id;
    int mode;
    bool pretty;
};

static const char *const mode_choices[] = {"readline", NULL};

static const struct key_row mon_rows[] = {
    {"chardev", KEY_TEXT, offsetof(struct mon_group, chardev), "back end", NULL},
    {"id", KEY_TEXT, offsetof(struct mon_group, id), "accepted", NULL},
    {"mode", KEY_CHOICE, offsetof(struct mon_group, mode), "for people", mode_choices},
    {"pretty", KEY_BOOL, offsetof(struct mon_group, pretty), "accepted", NULL},
    {0}};

static bool check_mon(const struct keyvals *k, struct error *e)
{
    struct mon_group g = {0};
    if (!keyvals_apply(k, mon_rows, NULL, &g, e)) {
        return false;
    }
    return g.chardev || error_set(e, "%s: chardev= is missing", k->where);
}

bool options_check_backends(struct config *c, struct error *e)
{
    unsigned number = 0;
    for (struct keyvals *k = c->drives; k; k = k->next) {
        if (!check_drive(c, k, e)) {
            return false;
        }
    }
    for (struct keyvals *k = c->netdevs; k; k = k->next) {
        if (!check_netdev(c, k, e)) {
            return false;
        }
    }
    if (!check_nets(c, e)) {
        return false;
    }
    for (struct keyvals *k = c->nics; k; k = k->next) {
        if (!check_nic(c, k, number++, e)) {
            return false;
        }
    }
    for (struct keyvals *k = c->objects; k; k = k->next) {
        if (!check_object(c, k, e)) {
            return false;
        }
    }
    for (struct keyvals *k = c->chardevs; k; k = k->next) {
        if (!check_chardev(c, k, e)) {
            return false;
        }
    }
    for (struct keyvals *k = c->mons; k; k = k->next) {
        if (!check_mon(k, e)) {
            return false;
        }
    }
    struct text_list gdb = {&c->gdb, c->gdb ? 1 : 0};
    return check_shorts(c, "-serial", &c->serials, e) &&
           check_shorts(c, "-monitor", &c->monitors, e) && check_shorts(c, "-gdb", &gdb, e);
}

static void free_drives(struct drive *d)
{
    while (d) {
        struct drive *next = d->next;
        block_options_free(&d->image);
        mem_free(d);
        d = next;
    }
}

static void free_networks(struct network *n)
{
    while (n) {
        struct network *next = n->next;
        mem_free(n->options);
        mem_free(n);
        n = next;
    }
}

void options_free_backends(struct config *c)
{
    free_drives(c->drive_list);
    free_networks(c->network_list);
    while (c->card_list) {
        struct card *next = c->card_list->next;
        mem_free(c->card_list);
        c->card_list = next;
    }
    while (c->object_list) {
        struct object *next = c->object_list->next;
        mem_free(c->object_list);
        c->object_list = next;
    }
}
