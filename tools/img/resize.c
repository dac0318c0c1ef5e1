/* SPDX-License-Identifier: MIT */
/* dragoman-img resize: another size of a disk. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/img/img.h"

/* SIZE, +SIZE or -SIZE of a disk that has `old` bytes. */
static bool new_size(const char *text, uint64_t old, uint64_t *bytes, struct error *e)
{
    const char sign = text[0] == '+' || text[0] == '-' ? text[0] : 0;
    uint64_t n;
    if (!block_size_parse(text + (sign != 0), 1, &n) || n > INT64_MAX) {
        return error_set(e, "size %s: [+-]BYTES is accepted, perhaps with k, M, G, T, P or E",
                         text);
    }
    if (sign == '-' && n >= old) {
        return error_set(e, "size %s: the disk has only %" PRIu64 " bytes", text, old);
    }
    *bytes = sign == '+' ? old + n : sign == '-' ? old - n : n;
    *bytes = (*bytes + 511) / 512 * 512;
    return *bytes > 0 || error_set(e, "size %s: at least 1 is accepted", text);
}

static bool resize_it(const struct command_line *l, struct block_node *n, const char *text,
                      struct error *e)
{
    const char *word = command_value(l, IMG_PREALLOC);
    const uint64_t old = block_node_size(n);
    uint64_t bytes = 0;
    unsigned how = 0;
    while (word && block_prealloc_names[how] && strcmp(block_prealloc_names[how], word) != 0) {
        how++;
    }
    if (word && !block_prealloc_names[how]) {
        return error_set(e, "--preallocation=%s: off, metadata, falloc and full are accepted",
                         word);
    }
    if (!new_size(text, old, &bytes, e)) {
        return false;
    }
    if (bytes < old && !command_given(l, IMG_SHRINK)) {
        return error_set(e,
                         "what is behind byte %" PRIu64 " of %s would be lost (--shrink says that "
                         "this is meant)",
                         bytes, block_node_file(n));
    }
    if (bytes < old && how) {
        return error_set(e, "--preallocation=%s: only what is added can be allocated", word);
    }
    return block_node_resize(n, bytes, (enum block_prealloc)how, e);
}

static int resize_run(const struct command_line *l)
{
    struct error e;
    struct image m;
    struct command_line one = *l;
    if (l->name_count != 2) {
        return command_usage(l, "the name of an image and its new size are expected");
    }
    one.name_count = 1;
    struct block_graph *g = block_graph_create();
    int status = img_open_line(&m, g, &one, &(struct image_how){.write = true});
    if (status == 0) {
        status = img_close_line(&m, resize_it(l, m.node, l->names[1], &e), &e);
        if (status == 0 && !command_given(l, IMG_QUIET)) {
            printf("Image resized.\n");
        }
    }
    block_graph_destroy(g);
    return status;
}

static const struct command_option resize_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    {IMG_SHRINK, 0, "shrink", NULL, "the disk may become smaller; what is behind the end is lost"},
    {IMG_PREALLOC, 0, "preallocation", "HOW", "off, metadata, falloc or full, of what is added"},
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_resize = {
    .name = "resize",
    .summary = "Make a disk larger or smaller",
    .operands = "FILENAME [+-]SIZE",
    .about = "SIZE may have k, M, G, T, P or E behind it; + and - are from what the disk has.\n",
    .options = resize_options,
    .run = resize_run,
};
