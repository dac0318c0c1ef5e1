/* SPDX-License-Identifier: MIT */
/* Networks of a machine while it runs: control.network, netdev_add and netdev_del. Loop thread. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "system/options.h"
#include "system/vm.h"

/* What the property of a network card names, or NULL. */
static const char *netdev_of(const struct device *d)
{
    for (const struct prop *p = d->cls->props; p && p->name; p++) {
        if (p->type == PROP_NETDEV) {
            return *(char *const *)((const char *)d + p->offset);
        }
    }
    return NULL;
}

static struct network **find(struct vm *vm, const char *id)
{
    struct network **n = &vm->config->network_list;
    while (*n && strcmp((*n)->id, id) != 0) {
        n = &(*n)->next;
    }
    return n;
}

static struct netdev *first_user_network(struct vm *vm, struct error *e)
{
    for (struct network *n = vm->config->network_list; n; n = n->next) {
        if (strcmp(n->kind, "user") == 0) {
            return n->netdev;
        }
    }
    error_set(e, "there is no user network");
    return NULL;
}

struct network *vm_find_network(struct vm *vm, const char *id)
{
    return *find(vm, id);
}

struct netdev *vm_network(struct control *c, const char *id, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    if (!id) {
        return first_user_network(vm, e);
    }
    const struct network *n = *find(vm, id);
    if (!n) {
        const struct device *d = machine_find_device(vm->machine, id);
        const char *other = d ? netdev_of(d) : NULL;
        n = other ? *find(vm, other) : NULL;
    }
    if (!n) {
        error_set(e, "there is no network and no network card with id=%s", id);
        return NULL;
    }
    return n->netdev;
}

/* ---- streams that the guest connects to are made by us, or are a -chardev */

/* Whether option i of n is such a stream; *s says how it is opened. id is room for its name. */
static bool is_stream(const struct network *n, size_t i, struct chardev_short *s, char *id,
                      size_t size)
{
    const struct net_option *o = &n->options[i];
    const char *text = strcmp(o->key, "guestfwd") == 0 ? netdev_guestfwd_stream(o->value) : NULL;
    snprintf(id, size, "%s.guestfwd%zu", n->id, i);
    *s = (struct chardev_short){.option = "guestfwd=", .text = text, .id = id};
    return text != NULL;
}

static bool connect_stream(struct vm *vm, struct network *n, const struct chardev_short *how,
                           const char *rule, struct error *e)
{
    const char *id;
    if (!chardevs_add_short(vm->chardevs, how, &id, e)) {
        return false;
    }
    struct stream *s = chardevs_use(vm->chardevs, id, e);
    if (s && !netdev_guestfwd_add(n->netdev, rule, s, e)) {
        chardevs_leave(vm->chardevs, id, !chardev_short_id(how));
        return false;
    }
    return s != NULL;
}

/* The streams have no user any more. */
static void leave_streams(struct vm *vm, struct network *n)
{
    char id[80];
    struct chardev_short how;
    while (n->connected) {
        if (is_stream(n, --n->connected, &how, id, sizeof(id))) {
            const char *named = chardev_short_id(&how);
            chardevs_leave(vm->chardevs, named ? named : id, !named);
        }
    }
}

static bool connect_network(struct vm *vm, struct network *n, struct error *e)
{
    char id[80];
    struct chardev_short how;
    for (; n->connected < n->count; n->connected++) {
        if (is_stream(n, n->connected, &how, id, sizeof(id)) &&
            !connect_stream(vm, n, &how, n->options[n->connected].value, e)) {
            return false;
        }
    }
    return true;
}

bool vm_connect_networks(struct vm *vm, struct error *e)
{
    for (struct network *n = vm->config->network_list; n; n = n->next) {
        if (!connect_network(vm, n, e)) {
            error_prefix(e, "%s: ", n->where);
            return false;
        }
    }
    return true;
}

void vm_close_network(struct vm *vm, struct network *n)
{
    netdev_close(n->netdev);
    n->netdev = NULL;
    leave_streams(vm, n);
}

bool vm_netdev_add(struct control *c, const char *text, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct keyvals *k = keyvals_parse("netdev_add", text, "type", e);
    if (!k) {
        return false;
    }
    if (!options_add_netdev(vm->config, k, e)) {
        keyvals_free(k);
        return false;
    }
    keyvals_append(&vm->config->netdevs, k); /* whose texts the network has */
    struct network **n = &vm->config->network_list;
    while ((*n)->next) {
        n = &(*n)->next;
    }
    (*n)->netdev = netdev_open((*n)->kind, (*n)->id, (*n)->options, (*n)->count, e);
    if (!(*n)->netdev || !connect_network(vm, *n, e)) {
        vm_close_network(vm, *n);
        options_drop_network(n);
        return false;
    }
    return true;
}

bool vm_netdev_del(struct control *c, const char *id, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct network **at = find(vm, id), *n = *at;
    if (!n) {
        return error_set(e, "there is no network with id=%s", id);
    }
    if (n->used) {
        return error_set(e, "the network '%s' has a device; device_del that first", id);
    }
    vm_close_network(vm, n);
    options_drop_network(at);
    return true;
}

void vm_leave_network(struct vm *vm, const char *id)
{
    struct network *n = *find(vm, id);
    if (n) {
        n->used = false;
    }
}
