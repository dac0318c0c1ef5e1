/* SPDX-License-Identifier: MIT */
/* -netdev, -nic, -net, -chardev: the groups, checked as far as nothing needs to be
 * opened. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/options.h"

char *options_rows_help(const char *title, const struct key_row *rows)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "%s:\n", title);
    keyval_rows_help(rows, &s);
    return strbuf_take(&s);
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
            return options_give_help(c, options_rows_help(kind, chardev_kinds[i]->rows));
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

/* -parallel and -debugcon are a back end, and the device that has it. */
static bool check_port(struct config *c, const char *option, const char *text, const char *driver,
                       struct error *e)
{
    struct text_list one = {&text, 1};
    const struct chardev_short s = {.option = option, .text = text, .id = option + 1};
    if (!text || strcmp(text, "none") == 0) {
        return true;
    }
    if (!check_shorts(c, option, &one, e)) {
        return false;
    }
    struct keyvals *k = keyvals_parse(option, driver, "driver", e);
    keyvals_set(k, "chardev", chardev_short_id(&s) ? chardev_short_id(&s) : s.id);
    keyvals_append(&c->devices, k);
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
    if (!options_check_disks(c, e)) {
        return false;
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
    if (!options_check_objects(c, e) || !options_check_shares(c, e)) {
        return false;
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
           check_shorts(c, "-monitor", &c->monitors, e) && check_shorts(c, "-gdb", &gdb, e) &&
           check_port(c, "-parallel", c->parallel, "isa-parallel", e) &&
           check_port(c, "-debugcon", c->debugcon, "isa-debugcon", e);
}

void options_drop_network(struct network **at)
{
    struct network *n = *at;
    *at = n->next;
    mem_free(n->options);
    mem_free(n);
}

void options_free_backends(struct config *c)
{
    options_free_disks(c);
    while (c->network_list) {
        options_drop_network(&c->network_list);
    }
    while (c->card_list) {
        struct card *next = c->card_list->next;
        mem_free(c->card_list);
        c->card_list = next;
    }
    options_free_objects(c);
    options_free_shares(c);
}
