/* SPDX-License-Identifier: MIT */
/*
 * The content of a snapshot as an image of its own: the image's file gets an overlay, which takes
 * all writes, and there the format goes back to the snapshot. So it serves every format that can go
 * back, at the cost of its tables, and the image's file is never written.
 */
#include <string.h>

#include "base/mem.h"
#include "block/block_internal.h"

/* Behind the file's end, for tables that going back makes: an image may have no cluster free. */
#define ROOM_BYTES (UINT64_C(1) << 30)

/* The image alone, to look at: its format, its file, its snapshots. */
static struct block_node *open_plain(struct block_graph *g, const json_t *options,
                                     const struct block_mode *mode, struct error *e)
{
    struct block_mode m = *mode;
    m.write = false;
    m.no_backing = true;
    return block_node_open(g, options, &m, e);
}

/* "snapshot.id=I,snapshot.name=N" as the one word that finds it: mem_free. */
static char *wanted(const struct block_snapshot *list, size_t count, const char *which,
                    struct error *e)
{
    json_t *o = strncmp(which, "snapshot.", 9) == 0
                    ? block_options_parse(which, "the snapshot", e)
                    : json_pack("{s:{s:s}}", "snapshot", "any", which);
    const json_t *keys = json_object_get(o, "snapshot");
    const char *id = json_string_value(json_object_get(keys, "id"));
    const char *name = json_string_value(json_object_get(keys, "name"));
    const char *any = json_string_value(json_object_get(keys, "any"));
    char *found = NULL;
    for (size_t i = 0; o && i < count && !found; i++) {
        const struct block_snapshot *s = &list[i];
        if ((!id || strcmp(id, s->id) == 0) && (!name || strcmp(name, s->name) == 0) &&
            (!any || strcmp(any, s->id) == 0 || strcmp(any, s->name) == 0)) {
            found = mem_strdup(s->id);
        }
    }
    if (o && !found) {
        error_set(e, "there is no snapshot '%s'", which);
    }
    json_decref(o);
    return found;
}

static char *find(struct block_node *n, const char *which, struct error *e)
{
    struct block_snapshot *list = NULL;
    size_t count = 0;
    char *id = block_node_snapshots(n, &list, &count, e) ? wanted(list, count, which, e) : NULL;
    if (!id) {
        error_prefix(e, "%s: ", block_node_file(n));
    }
    block_snapshots_free(list, count);
    return id;
}

/* The same image on another file. */
static struct block_node *open_over(struct block_graph *g, const json_t *options,
                                    const struct block_node *plain, const struct block_node *file,
                                    struct error *e)
{
    struct block_mode m = plain->mode;
    json_t *o = json_deep_copy(options);
    m.write = true;
    m.no_backing = false;
    json_object_set_new(o, "driver", json_string(block_node_driver(plain)));
    json_object_set_new(o, "file", json_string(block_node_name(file)));
    json_object_del(o, "node-name");
    json_object_del(o, "read-only");
    struct block_node *n = block_node_open(g, o, &m, e);
    json_decref(o);
    return n;
}

struct block_node *block_snapshot_open(struct block_graph *g, const json_t *options,
                                       const char *which, const struct block_mode *mode,
                                       struct error *e)
{
    struct block_node *plain = open_plain(g, options, mode, e);
    struct block_node *over = NULL, *n = NULL;
    char *id = plain ? find(plain, which, e) : NULL;
    if (id && plain->file) {
        over = block_overlay_open_longer(plain->file, ROOM_BYTES, e);
        n = over ? open_over(g, options, plain, over, e) : NULL;
    }
    if (n && !(block_node_snapshot_apply(n, id, e) && block_node_reopen(n, false, e))) {
        block_node_close(n);
        n = NULL;
    }
    mem_free(id);
    block_node_close(over);
    block_node_close(plain);
    return n;
}
