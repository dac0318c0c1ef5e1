/* SPDX-License-Identifier: MIT */
/* The machine's disks: -blockdev and -drive opened, and given to the devices that ask for them. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "block/block.h"
#include "system/vm.h"

/* ---- failures */

static void stop_for_disk(void *opaque, int status)
{
    struct vm *vm = opaque;
    (void)status;
    vm->power.request(&vm->power, POWER_IO_ERROR);
}

/* ---- opening */

static bool open_blockdevs(struct vm *vm, struct error *e)
{
    const struct block_mode m = {.write = true, .discard = true};
    for (struct blockdev *b = vm->config->blockdev_list; b; b = b->next) {
        struct block_node *n = block_node_open(vm->graph, b->options, &m, e);
        if (!n) {
            error_prefix(e, "%s: ", b->where);
            return false;
        }
        block_graph_keep(vm->graph, n);
    }
    return true;
}

/* An earlier drive with d's file, or NULL. */
static const struct drive *same_image(const struct vm *vm, const struct drive *d)
{
    struct stat wanted, other;
    if (!d->image.file || stat(d->image.file, &wanted) != 0) {
        return NULL;
    }
    for (const struct drive *k = vm->config->drive_list; k && k != d; k = k->next) {
        if (k->block && k->image.file && stat(k->image.file, &other) == 0 &&
            other.st_dev == wanted.st_dev && other.st_ino == wanted.st_ino) {
            return k;
        }
    }
    return NULL;
}

static bool open_drive(struct vm *vm, struct drive *d, struct error *e)
{
    d->block = block_open(vm->graph, &d->image, e);
    if (!d->block) {
        const struct drive *same = same_image(vm, d);
        if (same) {
            error_set(e,
                      "%s is the image of %s already; a second disk of it needs readonly=on "
                      "for both, or locking=off",
                      d->image.file, same->where);
        }
        error_prefix(e, "%s: ", d->where);
        return false;
    }
    block_on_stop(d->block, stop_for_disk, vm);
    return true;
}

static bool make_throttle_groups(struct vm *vm, struct error *e)
{
    for (const struct keyvals *k = vm->config->objects; k; k = k->next) {
        const char *kind = keyvals_get(k, "qom-type");
        if (kind && strcmp(kind, "throttle-group") == 0 &&
            !options_throttle_group(vm->graph, k, e)) {
            return false;
        }
    }
    return true;
}

bool vm_open_disks(struct vm *vm, struct error *e)
{
    vm->graph = block_graph_create();
    if (!make_throttle_groups(vm, e) || !open_blockdevs(vm, e) || !vm_place_drives(vm, e)) {
        return false;
    }
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        if (!open_drive(vm, d, e)) {
            return false;
        }
    }
    return true;
}

void vm_close_disks(struct vm *vm)
{
    vm_end_jobs(vm, NULL);
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        block_close(d->block);
        d->block = NULL;
    }
    while (vm->node_disks) {
        struct node_disk *n = vm->node_disks;
        vm->node_disks = n->next;
        block_close(n->block);
        mem_free(n);
    }
    block_graph_destroy(vm->graph);
    vm->graph = NULL;
}

/* ---- as devices ask for them */

/* A device's disk on a -blockdev. */
static struct block *use_node(struct vm *vm, struct block_node *n, struct error *e)
{
    unsigned does = BLOCK_PERM_READ | (block_node_writable(n) ? BLOCK_PERM_WRITE : 0);
    struct block *b = block_open_node(n, block_node_name(n), does, BLOCK_PERM_READ, e);
    if (b) {
        struct node_disk *d = mem_alloc(sizeof(*d));
        *d = (struct node_disk){.next = vm->node_disks, .block = b};
        vm->node_disks = d;
        block_on_stop(b, stop_for_disk, vm);
    }
    return b;
}

struct block *vm_use_disk(void *opaque, const char *id, struct error *e)
{
    struct vm *vm = opaque;
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        if (!d->image.id || strcmp(d->image.id, id) != 0) {
            continue;
        }
        if (d->used) {
            error_set(e, "the drive '%s' has a device already", id);
            return NULL;
        }
        d->used = true;
        vm_note_taken(vm, PROP_DRIVE, id);
        return d->block;
    }
    struct block_node *n = block_graph_find(vm->graph, id);
    if (n) {
        struct block *b = use_node(vm, n, e);
        if (b) {
            vm_note_taken(vm, PROP_DRIVE, id);
        }
        return b;
    }
    error_set(e, "there is no -drive with id=%s, and no -blockdev with node-name=%s", id, id);
    return NULL;
}

void vm_leave_disk(struct vm *vm, const char *id)
{
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        if (d->image.id && strcmp(d->image.id, id) == 0) {
            d->used = false;
        }
    }
    for (struct node_disk **at = &vm->node_disks, *d; (d = *at);) {
        if (strcmp(block_id(d->block), id) == 0) {
            *at = d->next;
            vm_end_jobs(vm, d->block);
            block_close(d->block);
            mem_free(d);
        } else {
            at = &d->next;
        }
    }
}

struct block *vm_use_pflash(void *opaque, unsigned index)
{
    struct vm *vm = opaque;
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        if (d->interface == DRIVE_PFLASH && d->index == index) {
            d->used = true;
            return d->block;
        }
    }
    return NULL;
}

/* ---- all of them */

void vm_describe_drives(struct vm *vm, struct strbuf *out)
{
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        block_describe(d->block, out);
    }
    for (struct node_disk *n = vm->node_disks; n; n = n->next) {
        block_describe(n->block, out);
    }
}

static bool flush_one(struct block *b, const char *where, struct error *e)
{
    if (b && !block_read_only(b) && !block_flush(b, e)) {
        error_prefix(e, "%s: ", where);
        return false;
    }
    return true;
}

bool vm_flush_disks(struct vm *vm, struct error *e)
{
    struct error later;
    bool good = true;
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        good = flush_one(d->block, d->where, good ? e : &later) && good;
    }
    for (struct node_disk *n = vm->node_disks; n; n = n->next) {
        good = flush_one(n->block, block_id(n->block), good ? e : &later) && good;
    }
    return good;
}

struct block *vm_disk_at(const struct vm *vm, size_t n)
{
    struct drive *d = vm->config->drive_list;
    struct node_disk *k = vm->node_disks;
    while (d && n > 0) {
        d = d->next;
        n--;
    }
    while (!d && k && n > 0) {
        k = k->next;
        n--;
    }
    return d ? d->block : k ? k->block : NULL;
}

void vm_retry_disks(struct vm *vm)
{
    struct block *b;
    for (size_t i = 0; (b = vm_disk_at(vm, i)); i++) {
        block_retry(b);
    }
}

bool vm_disks_wait(const struct vm *vm)
{
    struct block *b;
    for (size_t i = 0; (b = vm_disk_at(vm, i)); i++) {
        if (block_waits_for_retry(b)) {
            return true;
        }
    }
    return false;
}

struct block *vm_find_disk(const struct vm *vm, const char *id, struct error *e)
{
    struct block *b;
    error_set(e, "there is no disk '%s'", id);
    for (size_t i = 0; (b = vm_disk_at(vm, i)); i++) {
        if (strcmp(block_id(b) ? block_id(b) : "", id) == 0 ||
            strcmp(block_node_name(block_node(b)), id) == 0) {
            return b;
        }
        error_append(e, "%s %s", i ? "," : "; accepted:", block_id(b) ? block_id(b) : "");
    }
    return NULL;
}

bool vm_block_resize(struct control *c, const char *id, uint64_t bytes, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct block *b = vm_find_disk(vm, id, e);
    const bool running = c->state == RUN_RUNNING;
    if (!b) {
        return false;
    }
    if (running) { /* time that is counted goes on when the disk does */
        vm_halt(vm);
    }
    bool good = block_resize(b, bytes, e);
    if (running) {
        vm_go(vm);
    }
    return good;
}

static bool change_medium(struct block *b, const char *file, const char *format, struct error *e)
{
    struct block_options o = {
        .file = mem_strdup(file), .format = mem_strdup(format), .read_only = block_read_only(b)};
    bool good = block_insert(b, file ? &o : NULL, e);
    block_options_free(&o);
    return good;
}

bool vm_block_change(struct control *c, const struct control_medium *m, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct block *b = vm_find_disk(vm, m->id, e);
    const bool running = c->state == RUN_RUNNING;
    if (!b) {
        return false;
    }
    if (vm_has_job(vm, b)) {
        return error_set(e, "a job is under way on %s", block_file(b));
    }
    if (!m->force && block_is_removable(b) && !block_wants_medium(b)) {
        return error_set(e,
                         "Device '%s' is locked and force was not specified, wait for tray to open "
                         "and try again",
                         m->id);
    }
    if (running) {
        vm_halt(vm);
    }
    bool good = change_medium(b, m->file, m->format, e);
    if (running) {
        vm_go(vm);
    }
    return good;
}
