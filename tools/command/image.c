/* SPDX-License-Identifier: MIT */
/* Images as the options of a tool name them. */
#include "tools/command/image.h"

#include <string.h>

#include "base/mem.h"
#include "block/block.h"
#include "block/block_internal.h"
#include "tools/command/command.h"

static bool mode_of(const struct image_how *h, struct block_mode *m, struct error *e)
{
    struct block_options o = {.read_only = !h->write, .no_lock = h->share};
    bool known, ignored;
    bool good = (!h->cache || block_options_set(&o, "cache", h->cache, &known, e)) &&
                (!h->aio || block_options_set(&o, "aio", h->aio, &known, e)) &&
                (!h->discard || block_options_set(&o, "discard", h->discard, &known, e)) &&
                (!h->detect_zeroes ||
                 block_options_set(&o, "detect-zeroes", h->detect_zeroes, &known, e));
    block_options_mode(&o, m, &ignored);
    block_options_free(&o);
    m->no_backing = h->no_backing;
    m->repair_none = h->repair_none;
    m->no_io = h->no_io;
    return good;
}

/* qemu-img's warning: what is written to the begin of such an image may make it another format. */
static void warn_of_guess(const struct image_how *h, const struct block_node *n)
{
    if (h->write && !h->format && !h->opts && strcmp(block_node_driver(n), "raw") == 0) {
        command_warn("%s: no format was given, and it was taken for raw (-f raw says so)", h->name);
    }
}

static json_t *options_of(const struct image_how *h, struct error *e)
{
    json_t *o = h->opts ? block_options_parse(h->name, "--image-opts", e)
                        : block_options_of_name(h->name, h->format, e);
    if (o && h->detect_zeroes && !json_object_get(o, "detect-zeroes")) {
        json_object_set_new(o, "detect-zeroes", json_string(h->detect_zeroes));
    }
    return o && h->offset ? json_pack("{s:s,s:I,s:o}", "driver", "raw", "offset",
                                      (json_int_t)h->offset, "file", o)
                          : o;
}

/* The node in its place. */
static struct block_node *overlay_of(struct block_node *below, struct error *e)
{
    struct block_node *n = below ? block_overlay_open(below, e) : NULL;
    block_node_close(below);
    return n;
}

bool image_open(struct image *m, struct block_graph *g, const struct image_how *h, struct error *e)
{
    struct block_mode mode;
    *m = (struct image){NULL, NULL};
    if (h->opts && h->format) {
        return error_set(e, "--image-opts names the format, too: not with a format of its own");
    }
    json_t *o = mode_of(h, &mode, e) ? options_of(h, e) : NULL;
    if (!o) {
        return false;
    }
    m->node = h->snapshot ? block_snapshot_open(g, o, h->snapshot, &mode, e)
                          : block_node_open(g, o, &mode, e);
    json_decref(o);
    m->node = h->overlay ? overlay_of(m->node, e) : m->node;
    if (!m->node) {
        return false;
    }
    const unsigned does = h->overlay ? BLOCK_PERM_READ | BLOCK_PERM_WRITE
                          : h->write ? BLOCK_PERM_ALL
                                     : BLOCK_PERM_READ;
    const unsigned lets = h->share || h->lets_write ? BLOCK_PERM_ALL : BLOCK_PERM_READ;
    m->use = block_use_begin(m->node, command_program, does, lets, e);
    if (!m->use) {
        image_drop(m);
        return false;
    }
    warn_of_guess(h, m->node);
    return true;
}

bool image_close(struct image *m, struct error *e)
{
    int status = 0;
    if (m->node && block_node_writable(m->node)) {
        status = block_node_flush(m->node);
        if (status < 0) {
            error_set(e, "%s: it cannot be written: %s", block_node_file(m->node),
                      strerror(-status));
        }
    }
    image_drop(m);
    return status == 0;
}

void image_drop(struct image *m)
{
    block_use_end(m->use);
    block_node_close(m->node);
    *m = (struct image){NULL, NULL};
}
