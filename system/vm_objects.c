/* SPDX-License-Identifier: MIT */
/*
 * -object while the machine lives: opened before devices are made, guest memory out of its back
 * ends, object_add and object_del of the monitor.
 */
#include <string.h>

#include "base/mem.h"
#include "hw/numa.h"
#include "system/options.h"
#include "system/vm.h"

static bool is_memory(const struct object *o)
{
    return o->kind == OBJECT_MEMORY_RAM || o->kind == OBJECT_MEMORY_FILE ||
           o->kind == OBJECT_MEMORY_MEMFD;
}

static struct object *find(const struct vm *vm, const char *id)
{
    struct object *o = vm->config->object_list;
    while (o && strcmp(o->id, id) != 0) {
        o = o->next;
    }
    return o;
}

/* ---- opening and closing */

static bool open_dump(struct vm *vm, const struct object *o, struct error *e)
{
    struct network *n = vm_find_network(vm, o->netdev);
    return n ? netdev_dump(n->netdev, o->file, o->maxlen, e)
             : error_set(e, "netdev: there is no -netdev with id=%s", o->netdev);
}

static bool open_memory(struct object *o, struct error *e)
{
    const enum memory_kind kind = o->kind == OBJECT_MEMORY_RAM    ? MEMORY_RAM
                                  : o->kind == OBJECT_MEMORY_FILE ? MEMORY_FILE
                                                                  : MEMORY_MEMFD;
    o->backend = memory_backend_create(kind, o->id, &o->memory, e);
    return o->backend;
}

static bool open_object(struct vm *vm, struct object *o, struct error *e)
{
    bool good = true;
    if (is_memory(o)) {
        good = open_memory(o, e);
    } else if (o->kind == OBJECT_FILTER_DUMP) {
        good = open_dump(vm, o, e);
    } else if (o->kind == OBJECT_SECRET) {
        o->secret = secret_create(o->data, o->file, o->base64, e);
        good = o->secret;
    }
    if (!good) {
        error_prefix(e, "%s: ", o->where);
    }
    return good;
}

static void close_object(struct object *o)
{
    memory_backend_free(o->backend);
    secret_free(o->secret);
    keyvals_free(o->own);
    o->backend = NULL;
    o->secret = NULL;
    o->own = NULL;
}

bool vm_open_objects(struct vm *vm, struct error *e)
{
    for (struct object *o = vm->config->object_list; o; o = o->next) {
        if (!open_object(vm, o, e)) {
            return false;
        }
    }
    return true;
}

void vm_close_objects(struct vm *vm)
{
    for (struct object *o = vm->config->object_list; o; o = o->next) {
        close_object(o);
    }
    if (vm->ram) {
        os_unmap(vm->ram, vm->config->machine.ram_bytes);
        vm->ram = NULL;
    }
}

/* ---- guest memory */

static bool map_at(struct vm *vm, const char *id, uint64_t offset, struct error *e)
{
    const struct object *o = find(vm, id);
    if (!memory_backend_map(o->backend, vm->ram + offset, e)) {
        error_prefix(e, "%s: ", o->where);
        return false;
    }
    vm->config->machine.ram_of_files |= memory_backend_is_file(o->backend);
    return true;
}

/* Nodes lie one behind the other; those without an object have anonymous memory. */
static bool map_nodes(struct vm *vm, const struct numa *n, struct error *e)
{
    uint64_t offset = 0;
    for (unsigned i = 0; n && i < n->count; i++) {
        if (n->node[i].memdev && !map_at(vm, n->node[i].memdev, offset, e)) {
            return false;
        }
        offset += n->node[i].bytes;
    }
    return true;
}

static bool has_memdev(const struct numa *n)
{
    unsigned i = 0;
    while (n && i < n->count && !n->node[i].memdev) {
        i++;
    }
    return n && i < n->count;
}

bool vm_make_ram(struct vm *vm, struct error *e)
{
    struct config *c = vm->config;
    const bool nodes = has_memdev(c->machine.numa);
    if (!c->memory_backend && !nodes && !c->prealloc) {
        return true;
    }
    vm->ram = os_map_ram(c->machine.ram_bytes, e);
    c->machine.ram_host = vm->ram;
    if (!vm->ram || (c->memory_backend && !map_at(vm, c->memory_backend, 0, e)) ||
        (nodes && !map_nodes(vm, c->machine.numa, e))) {
        return false;
    }
    if (c->prealloc && !memory_take(vm->ram, c->machine.ram_bytes, e)) {
        error_prefix(e, "-mem-prealloc: ");
        return false;
    }
    return true;
}

/* ---- as devices and people ask for them */

bool vm_use_iothread(void *opaque, const char *id, struct error *e)
{
    struct vm *vm = opaque;
    struct object *o = find(vm, id);
    if (!o || o->kind != OBJECT_IOTHREAD) {
        return error_set(e, "there is no -object iothread with id=%s", id);
    }
    o->users++;
    vm_note_taken(vm, PROP_OBJECT, id);
    return true;
}

void vm_leave_object(struct vm *vm, const char *id)
{
    struct object *o = find(vm, id);
    if (o && o->users) {
        o->users--;
    }
}

bool vm_object_add(struct control *c, const char *text, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct keyvals *k = keyvals_parse("object_add", text, "qom-type", e);
    struct object *o = k ? options_add_object(vm->config, k, e) : NULL;
    if (!o) {
        keyvals_free(k);
        return false;
    }
    o->own = k;
    const bool good = o->kind == OBJECT_THROTTLE_GROUP ? options_throttle_group(vm->graph, k, e)
                                                       : open_object(vm, o, e);
    if (!good) {
        struct object **at = &vm->config->object_list;
        while (*at != o) {
            at = &(*at)->next;
        }
        close_object(o);
        options_drop_object(at);
    }
    return good;
}

bool vm_object_del(struct control *c, const char *id, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct object **at = &vm->config->object_list, *o;
    while ((o = *at) && strcmp(o->id, id) != 0) {
        at = &o->next;
    }
    if (!o) {
        return error_set(e, "object '%s' not found", id);
    }
    if (o->kind == OBJECT_FILTER_DUMP || o->kind == OBJECT_THROTTLE_GROUP) {
        return error_set(e, "object '%s' goes only with the machine", id);
    }
    if (o->users || (o->backend && memory_backend_used(o->backend))) {
        return error_set(e, "object '%s' is in use, can not be deleted", id);
    }
    close_object(o);
    options_drop_object(at);
    return true;
}

void vm_describe_memory(const struct vm *vm, struct strbuf *out)
{
    for (const struct object *o = vm->config->object_list; o; o = o->next) {
        if (o->backend) {
            memory_backend_describe(o->backend, out);
        }
    }
}
