/* SPDX-License-Identifier: MIT */
/* dragoman-img bitmap: the bitmaps that an image keeps of what was written. */
#include <stdio.h>
#include <string.h>

#include "tools/img/img.h"

static bool action_of(int id, enum block_bitmap_action *a)
{
    static const struct {
        int id;
        enum block_bitmap_action action;
    } rows[] = {
        {IMG_ADD, BLOCK_BITMAP_ADD},         {IMG_REMOVE, BLOCK_BITMAP_REMOVE},
        {IMG_CLEAR, BLOCK_BITMAP_CLEAR},     {IMG_ENABLE, BLOCK_BITMAP_ENABLE},
        {IMG_DISABLE, BLOCK_BITMAP_DISABLE}, {IMG_MERGE, BLOCK_BITMAP_MERGE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].id == id) {
            *a = rows[i].action;
            return true;
        }
    }
    return false;
}

/* The actions of the line, in its order. */
static bool act(const struct command_line *l, struct block_node *n, struct block_node *from,
                uint32_t granularity, struct error *e)
{
    for (size_t i = 0; i < l->item_count; i++) {
        const struct command_item *item = &l->items[i];
        struct block_bitmap_request r = {
            .name = l->names[1],
            .granularity = granularity,
            .from = from ? from : n,
            .from_name = item->value,
        };
        if (action_of(item->option->id, &r.action) && !block_node_bitmap(n, &r, e)) {
            error_prefix(e, "--%s of the bitmap '%s': ", item->option->name, r.name);
            return false;
        }
    }
    return true;
}

static const char *misfit(const struct command_line *l)
{
    enum block_bitmap_action a;
    bool any = false;
    for (size_t i = 0; i < l->item_count; i++) {
        any = any || action_of(l->items[i].option->id, &a);
    }
    if (!any) {
        return "one of --add, --remove, --clear, --enable, --disable and --merge is expected";
    }
    if (l->name_count != 2) {
        return "the names of an image and of a bitmap are expected";
    }
    if (command_given(l, IMG_GRANULARITY) && !command_given(l, IMG_ADD)) {
        return "-g is for --add";
    }
    if (command_given(l, IMG_BACKING) && !command_given(l, IMG_MERGE)) {
        return "-b is for --merge";
    }
    if (command_given(l, IMG_BACKING_FORMAT) && !command_given(l, IMG_BACKING)) {
        return "-F is for -b";
    }
    return NULL;
}

static int bitmap_run(const struct command_line *l)
{
    struct error e;
    struct image m, from = {NULL, NULL};
    struct command_line one = *l;
    uint64_t granularity;
    if (misfit(l)) {
        return command_usage(l, "%s", misfit(l));
    }
    if (!command_bytes(l, IMG_GRANULARITY, 0, &granularity, &e)) {
        return command_fail(&e);
    }
    if (command_given(l, IMG_GRANULARITY) &&
        (granularity < 512 || granularity > 1u << 31 || (granularity & (granularity - 1)))) {
        return command_failf("-g %s: a power of two from 512 to 2G is accepted",
                             command_value(l, IMG_GRANULARITY));
    }
    struct block_graph *g = block_graph_create();
    one.name_count = 1;
    const struct image_how h = {.name = command_value(l, IMG_BACKING),
                                .format = command_value(l, IMG_BACKING_FORMAT),
                                .no_backing = true,
                                .repair_none = true};
    int status = img_open_line(&m, g, &one, &(struct image_how){.write = true, .no_backing = true});
    if (status == 0) {
        bool good = (!h.name || image_open(&from, g, &h, &e)) &&
                    act(l, m.node, from.node, (uint32_t)granularity, &e);
        image_drop(&from);
        status = img_close_line(&m, good, &e);
    }
    block_graph_destroy(g);
    return status;
}

static const struct command_option bitmap_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    {IMG_ADD, 0, "add", NULL, "make the bitmap; it records from now on"},
    {IMG_GRANULARITY, 'g', "granularity", "SIZE", "bytes for a bit of it (64k)"},
    {IMG_REMOVE, 0, "remove", NULL, "remove it"},
    {IMG_CLEAR, 0, "clear", NULL, "nothing was written"},
    {IMG_ENABLE, 0, "enable", NULL, "it records"},
    {IMG_DISABLE, 0, "disable", NULL, "it does not"},
    {IMG_MERGE, 0, "merge", "BITMAP2", "what BITMAP2 has is added to it"},
    {IMG_BACKING, 'b', "source-file", "FILE", "the image that has BITMAP2"},
    {IMG_BACKING_FORMAT, 'F', "source-format", "FMT", "its format"},
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_bitmap = {
    .name = "bitmap",
    .summary = "Make, change or remove an image's bitmaps",
    .operands = "FILENAME BITMAP",
    .about = "Several actions are done in the order of the line.\n",
    .options = bitmap_options,
    .run = bitmap_run,
};
