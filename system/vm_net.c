/* SPDX-License-Identifier: MIT */
/* Networks of a machine while it runs: control.network, netdev_add and netdev_del. Loop thread. */
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
    if (!(*n)->netdev) {
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
    netdev_close(n->netdev);
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
