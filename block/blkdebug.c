/* SPDX-License-Identifier: MIT */
/*
 * A filter that makes requests fail, in the manner of QEMU's blkdebug: rules say at which event (a
 * point in a driver's work, or a kind of request), in which state of the filter, at which sector,
 * and whether once or always. Not modelled: configuration files, and suspended requests.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "block/block_internal.h"
#include "block/drivers.h"

enum io_type {
    IO_READ = 1,
    IO_WRITE = 2,
    IO_WRITE_ZEROES = 4,
    IO_DISCARD = 8,
    IO_FLUSH = 16,
    IO_BLOCK_STATUS = 32,
    IO_ANY = 63,
};

struct rule {
    /* As given. */
    char *event;
    int iotype; /* index */
    uint32_t state, new_state, error;
    uint64_t sector;
    bool has_sector, once, immediately;

    bool armed; /* its event has come, or it needs none */
};

struct blkdebug {
    json_t *inject, *set;
    struct os_mutex lock; /* guards the rules and the state */
    struct rule *errors, *states;
    size_t error_count, state_count;
    uint32_t state; /* 1 at first */
    bool made;
};

static const char *const io_names[] = {"any",     "read",  "write",        "write-zeroes",
                                       "discard", "flush", "block-status", NULL};
static const unsigned io_bits[] = {IO_ANY,     IO_READ,  IO_WRITE,       IO_WRITE_ZEROES,
                                   IO_DISCARD, IO_FLUSH, IO_BLOCK_STATUS};

#define R(name_, type_, member_, initial_, help_, choices_)                                        \
    {                                                                                              \
        name_, type_, offsetof(struct rule, member_), initial_, help_, choices_, false             \
    }
static const struct block_option error_options[] = {
    R("event", BLOCK_OPT_TEXT, event, "none", "what arms the rule; none: it is armed", NULL),
    R("iotype", BLOCK_OPT_CHOICE, iotype, "any", "requests that fail", io_names),
    R("state", BLOCK_OPT_U32, state, NULL, "in this state only", NULL),
    R("errno", BLOCK_OPT_U32, error, "5", "what they fail with", NULL),
    R("sector", BLOCK_OPT_U64, sector, NULL, "only if this sector is among the request's", NULL),
    R("once", BLOCK_OPT_BOOL, once, NULL, "one request alone", NULL),
    R("immediately", BLOCK_OPT_BOOL, immediately, NULL, "accepted: all failures are at once", NULL),
    {0},
};
static const struct block_option state_options[] = {
    R("event", BLOCK_OPT_TEXT, event, NULL, "what changes the state", NULL),
    R("state", BLOCK_OPT_U32, state, NULL, "in this state only", NULL),
    R("new_state", BLOCK_OPT_U32, new_state, NULL, "the state after it", NULL),
    {0},
};
#undef R

static const struct block_option blkdebug_options[] = {
    {"inject-error", BLOCK_OPT_TREE, offsetof(struct blkdebug, inject), NULL,
     "rules: inject-error.0.event= and so on", NULL, false},
    {"set-state", BLOCK_OPT_TREE, offsetof(struct blkdebug, set), NULL,
     "rules: set-state.0.event= and so on", NULL, false},
    {0},
};

/* ---- rules */

static bool take_rule(json_t *from, const struct block_option *rows, struct rule *r,
                      struct error *e)
{
    if (!json_is_object(from)) {
        return error_set(e, "blkdebug: a rule is a group of keys");
    }
    json_t *left = json_deep_copy(from);
    r->has_sector = json_object_get(left, "sector") != NULL;
    bool good = block_options_take(rows, left, r, "blkdebug", e) &&
                block_options_all_taken(left, rows, NULL, "blkdebug", e);
    json_decref(left);
    if (good && !r->event) {
        return error_set(e, "blkdebug: a rule has no event=");
    }
    r->armed = good && strcmp(r->event, "none") == 0;
    return good;
}

/* An array, or an object whose keys are the numbers from 0 on. */
static bool take_rules(const json_t *from, const struct block_option *rows, struct rule **rules,
                       size_t *count, struct error *e)
{
    const size_t n = json_is_array(from) ? json_array_size(from) : json_object_size(from);
    *rules = mem_array(n, sizeof(**rules));
    for (size_t i = 0; i < n; i++) {
        char key[24];
        snprintf(key, sizeof(key), "%zu", i);
        json_t *one = json_is_array(from) ? json_array_get(from, i) : json_object_get(from, key);
        (*count)++;
        if (!take_rule(one, rows, &(*rules)[i], e)) {
            return false;
        }
    }
    return true;
}

static bool blkdebug_open(struct block_node *n, struct error *e)
{
    struct blkdebug *d = n->state;
    os_mutex_init(&d->lock);
    d->made = true;
    d->state = 1;
    return take_rules(d->inject, error_options, &d->errors, &d->error_count, e) &&
           take_rules(d->set, state_options, &d->states, &d->state_count, e);
}

static void blkdebug_close(struct block_node *n)
{
    struct blkdebug *d = n->state;
    for (size_t i = 0; i < d->error_count; i++) {
        mem_free(d->errors[i].event);
    }
    for (size_t i = 0; i < d->state_count; i++) {
        mem_free(d->states[i].event);
    }
    mem_free(d->errors);
    mem_free(d->states);
    if (d->made) {
        os_mutex_destroy(&d->lock);
    }
}

/* ---- events and requests */

static bool applies(const struct rule *r, const char *event, uint32_t state)
{
    return r->event && strcmp(r->event, event) == 0 && (!r->state || r->state == state);
}

static void blkdebug_event(struct block_node *n, const char *event)
{
    struct blkdebug *d = n->state;
    os_mutex_lock(&d->lock);
    const uint32_t state = d->state;
    for (size_t i = 0; i < d->error_count; i++) {
        d->errors[i].armed |= applies(&d->errors[i], event, state);
    }
    for (size_t i = 0; i < d->state_count; i++) {
        if (applies(&d->states[i], event, state)) {
            d->state = d->states[i].new_state;
        }
    }
    os_mutex_unlock(&d->lock);
}

static bool hits(const struct rule *r, unsigned io, uint64_t offset, uint64_t bytes)
{
    const uint64_t at = r->sector * BLOCK_SECTOR;
    return r->armed && (io_bits[r->iotype] & io) &&
           (!r->has_sector || (bytes && at + BLOCK_SECTOR > offset && at < offset + bytes));
}

static int fails(struct block_node *n, unsigned io, uint64_t offset, uint64_t bytes)
{
    struct blkdebug *d = n->state;
    int status = 0;
    os_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->error_count && status == 0; i++) {
        struct rule *r = &d->errors[i];
        if (hits(r, io, offset, bytes)) {
            status = -(int)r->error;
            r->armed = !r->once;
            if (r->once) {
                mem_free(r->event); /* it is over */
                r->event = NULL;
            }
        }
    }
    os_mutex_unlock(&d->lock);
    return status;
}

static int blkdebug_read(struct block_node *n, uint64_t offset, const struct iovec *iov,
                         unsigned count, uint64_t bytes)
{
    blkdebug_event(n, "read_aio");
    int status = fails(n, IO_READ, offset, bytes);
    return status ? status : block_node_readv(n->file, offset, iov, count, bytes);
}

static int blkdebug_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                          unsigned count, uint64_t bytes, unsigned flags)
{
    blkdebug_event(n, "write_aio");
    int status = fails(n, IO_WRITE, offset, bytes);
    return status ? status : block_node_writev(n->file, offset, iov, count, bytes, flags);
}

static int blkdebug_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    blkdebug_event(n, "pwritev_zero");
    int status = fails(n, IO_WRITE_ZEROES, offset, bytes);
    return status ? status : block_node_zero(n->file, offset, bytes, flags);
}

static int blkdebug_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    int status = fails(n, IO_DISCARD, offset, bytes);
    return status ? status : block_node_discard(n->file, offset, bytes);
}

/* The file's own flush is the core's. */
static int blkdebug_flush(struct block_node *n)
{
    blkdebug_event(n, "flush_to_disk");
    return fails(n, IO_FLUSH, 0, 0);
}

const struct block_driver block_blkdebug_driver = {
    .name = "blkdebug",
    .desc = "makes requests fail by rules",
    .kind = BLOCK_FILTER,
    .file_key = "image",
    .passes_uses = true,
    .state_bytes = sizeof(struct blkdebug),
    .options = blkdebug_options,
    .open = blkdebug_open,
    .close = blkdebug_close,
    .read = blkdebug_read,
    .write = blkdebug_write,
    .zero = blkdebug_zero,
    .discard = blkdebug_discard,
    .flush = blkdebug_flush,
    .event = blkdebug_event,
};

void block_debug_event(struct block_node *n, const char *event)
{
    for (n = n->file; n; n = n->file) {
        if (n->driver->event) {
            n->driver->event(n, event);
        }
    }
}
