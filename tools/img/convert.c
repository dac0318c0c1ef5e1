/* SPDX-License-Identifier: MIT */
/* dragoman-img convert and dd: images copied into another one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/driver.h"
#include "tools/img/copy.h"

/* ---- sources */

static bool open_sources(const struct command_line *l, struct block_graph *g, struct image *m,
                         struct copy *c, struct error *e)
{
    for (size_t i = 0; i < c->source_count; i++) {
        struct image_how h;
        img_how_of_line(&h, l, l->names[i]);
        h.cache = command_value(l, IMG_SOURCE_CACHE);
        h.snapshot = command_value(l, IMG_SNAPSHOT);
        if (!image_open(&m[i], g, &h, e)) {
            return false;
        }
        c->sources[i] = (struct copy_source){m[i].node, l->names[i], 0, block_node_size(m[i].node)};
    }
    return true;
}

/* ---- bitmaps */

static bool has_flag(const json_t *bitmap, const char *flag)
{
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(bitmap, "flags"), i, v)
    {
        if (strcmp(json_string_value(v), flag) == 0) {
            return true;
        }
    }
    return false;
}

static bool copy_bitmap(struct block_node *from, struct block_node *to, const json_t *b,
                        struct error *e)
{
    struct block_bitmap_request r = {
        .action = BLOCK_BITMAP_ADD,
        .name = json_string_value(json_object_get(b, "name")),
        .granularity = (uint32_t)json_integer_value(json_object_get(b, "granularity")),
    };
    if (!r.name || !block_node_bitmap(to, &r, e)) {
        return false;
    }
    r.action = BLOCK_BITMAP_MERGE;
    r.from = from;
    r.from_name = r.name;
    if (!block_node_bitmap(to, &r, e)) {
        return false;
    }
    r.action = BLOCK_BITMAP_DISABLE;
    return has_flag(b, "auto") || block_node_bitmap(to, &r, e);
}

static bool copy_bitmaps(const struct command_line *l, struct block_node *from,
                         struct block_node *to, struct error *e)
{
    json_t *facts = img_facts(from, e), *b;
    const json_t *list = json_object_get(
        json_object_get(json_object_get(facts, "format-specific"), "data"), "bitmaps");
    size_t i;
    bool good = facts != NULL;
    json_array_foreach(list, i, b)
    {
        const bool broken = has_flag(b, "in-use");
        const char *name = json_string_value(json_object_get(b, "name"));
        if (good && broken && command_given(l, IMG_SKIP_BROKEN)) {
            command_warn("the bitmap '%s' is not up to date, and left out", name);
        } else if (good && broken) {
            good = error_set(e, "the bitmap '%s' is not up to date (--skip-broken-bitmaps)", name);
        } else {
            good = good && copy_bitmap(from, to, b, e);
        }
    }
    json_decref(facts);
    return good;
}

/* ---- the image to be */

static bool open_old(const struct command_line *l, struct block_graph *g, const struct image_how *h,
                     struct copy *c, struct image *m)
{
    struct error e;
    if (!image_open(m, g, h, &e)) {
        command_fail(&e);
        return false;
    }
    c->to = m->node;
    c->to_name = h->name;
    c->zero = command_given(l, IMG_IS_ZERO);
    if (block_node_size(m->node) < copy_bytes(c)) {
        command_failf("%s: it has %" PRIu64 " bytes, and what is copied %" PRIu64, h->name,
                      block_node_size(m->node), copy_bytes(c));
        return false;
    }
    return true;
}

static bool no_packing(const char *name, const char *format, struct error *e)
{
    return error_set(e, "%s: the format '%s' has no compression", name, format);
}

static bool open_new(const struct command_line *l, struct block_graph *g, const struct image_how *h,
                     struct copy *c, struct image *m)
{
    struct error e;
    bool ignored;
    json_t *o = json_object();
    struct copy_made made = {o, *h};
    bool good = img_options(l, o, &ignored, &e);
    const struct block_driver *d = good ? block_driver_named(h->format, h->name, &e) : NULL;
    good = d != NULL;
    if (good && command_given(l, IMG_COMPRESS) && !d->write_packed) {
        good = no_packing(h->name, h->format, &e);
    }
    const char *backing = command_value(l, IMG_BACKING),
               *format = command_value(l, IMG_BACKING_FORMAT);
    if (good && backing) {
        json_object_set_new(o, "backing_file", json_string(backing));
    }
    if (good && format) {
        json_object_set_new(o, "backing_fmt", json_string(format));
    }
    if (good && json_object_get(o, "backing_file") && !json_object_get(o, "backing_fmt")) {
        good = error_set(&e, "%s: the format of the backing file is missing (-F FMT)", h->name);
    }
    c->on_backing = good && json_object_get(o, "backing_file") != NULL;
    if (c->on_backing && c->source_count > 1) {
        good = error_set(&e, "several images in one have no backing file");
    }
    good = good && copy_make(c, g, &made, m, &e);
    json_decref(o);
    return good || command_fail(&e) == 0;
}

static bool set_packed(struct copy *c, struct error *e)
{
    const struct block_node *n = block_node_skip_filters(c->to);
    c->packed = n->driver->write_packed ? img_cluster_bytes(c->to) : 0;
    return c->packed || no_packing(c->to_name, block_node_driver(c->to), e);
}

/* Everything is open. */
static bool copy_all(const struct command_line *l, struct copy *c)
{
    struct error e;
    if (command_given(l, IMG_COMPRESS) && !set_packed(c, &e)) {
        command_fail(&e);
        return false;
    }
    img_progress_begin(&c->progress, command_given(l, IMG_PROGRESS) && !c->quiet);
    bool good = copy_run(c);
    img_progress_end(&c->progress);
    if (good && command_given(l, IMG_BITMAPS) && !copy_bitmaps(l, c->sources[0].node, c->to, &e)) {
        command_fail(&e);
        good = false;
    }
    return good;
}

/* What was begun is complete, or gone: all files of it. */
static int finish(struct image *m, bool good, bool made)
{
    struct error e;
    struct img_files files = {.count = 0};
    if (made && m->node) {
        img_files_take(&files, m->node);
    }
    if (!image_close(m, &e) && good) {
        command_fail(&e);
        good = false;
    }
    img_files_end(&files, !good);
    return good ? 0 : 1;
}

/* ---- convert */

static bool copy_of_line(const struct command_line *l, struct copy *c, struct error *e)
{
    uint64_t threads = 8;
    c->quiet = command_given(l, IMG_QUIET);
    c->in_order = !command_given(l, IMG_OUT_OF_ORDER);
    c->salvage = command_given(l, IMG_SALVAGE);
    if (!command_number(l, IMG_PARALLEL, 1, 16, &threads, e) ||
        !command_bytes(l, IMG_RATE, 0, &c->rate, e) ||
        !command_bytes(l, IMG_SPARSE, 4096, &c->sparse, e)) {
        return false;
    }
    c->threads = (unsigned)threads;
    return (c->sparse % 512 == 0 && c->sparse <= 16u << 20) ||
           error_set(e, "--sparse-size=%s: multiples of 512 up to 16M are accepted, and 0 for none",
                     command_value(l, IMG_SPARSE));
}

static const char *misfit(const struct command_line *l)
{
    const bool old = command_given(l, IMG_NO_CREATE);
    if (l->name_count < 2) {
        return "the name of an image and of the one to be are expected";
    }
    if (command_given(l, IMG_OUTPUT_OPTS) && !old) {
        return "--target-image-opts is for images that are there (-n)";
    }
    if (command_given(l, IMG_IS_ZERO) && !old) {
        return "--target-is-zero is for images that are there (-n)";
    }
    if (old && (command_given(l, IMG_OPTIONS) || command_given(l, IMG_BACKING))) {
        return "-o and -B are for images that are made, not with -n";
    }
    if (command_given(l, IMG_OFFLOAD) && command_given(l, IMG_SPARSE)) {
        return "-C leaves the copying to the host, which looks for no zeros (-S)";
    }
    if (command_given(l, IMG_SKIP_BROKEN) && !command_given(l, IMG_BITMAPS)) {
        return "--skip-broken-bitmaps is for --bitmaps";
    }
    if (l->name_count > 2 && (command_given(l, IMG_BITMAPS) || command_given(l, IMG_SNAPSHOT))) {
        return "--bitmaps and -l are for one image";
    }
    return NULL;
}

static int convert_open(const struct command_line *l, struct block_graph *g, struct copy *c,
                        struct image *from)
{
    struct error e;
    struct image to = {NULL, NULL};
    const bool opts = command_given(l, IMG_OUTPUT_OPTS);
    const struct image_how h = {
        .name = l->names[c->source_count],
        .format = opts ? NULL : command_value_or(l, IMG_OTHER_FORMAT, "raw"),
        .opts = opts,
        .cache = command_value_or(l, IMG_CACHE, "unsafe"),
        .write = true,
    };
    if (!open_sources(l, g, from, c, &e)) {
        return command_fail(&e);
    }
    if (command_given(l, IMG_BITMAPS) && !block_node_skip_filters(from[0].node)->driver->bitmap) {
        return command_failf("%s: the format '%s' has no bitmaps", l->names[0],
                             block_node_driver(from[0].node));
    }
    const bool made = !command_given(l, IMG_NO_CREATE);
    img_interrupt_begin();
    bool good = made ? open_new(l, g, &h, c, &to) : open_old(l, g, &h, c, &to);
    good = good && copy_all(l, c);
    return finish(&to, good, made); /* what the file was before is lost */
}

static int convert_run(const struct command_line *l)
{
    struct error e;
    struct copy c = {.source_count = 0};
    bool help = false;
    json_t *ignored = json_object();
    bool good = img_options(l, ignored, &help, &e);
    json_decref(ignored);
    if (!good || !copy_of_line(l, &c, &e)) {
        return command_fail(&e);
    }
    if (help) {
        return img_options_help(command_value_or(l, IMG_OTHER_FORMAT, "raw"),
                                l->name_count ? l->names[l->name_count - 1] : NULL, false);
    }
    if (misfit(l)) {
        return command_usage(l, "%s", misfit(l));
    }
    c.source_count = l->name_count - 1;
    c.sources = mem_array(c.source_count, sizeof(*c.sources));
    struct image *from = mem_array(c.source_count, sizeof(*from));
    struct block_graph *g = block_graph_create();
    int status = convert_open(l, g, &c, from);
    for (size_t i = 0; i < c.source_count; i++) {
        image_drop(&from[i]);
    }
    block_graph_destroy(g);
    mem_free(from);
    mem_free(c.sources);
    return status;
}

static const struct command_option convert_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_PROGRESS,
    {IMG_FORMAT, 'f', "source-format", "FMT", "format of the images to copy (by looking at them)"},
    {IMG_IMAGE_OPTS, 0, "image-opts", NULL, "their names are driver=...,file.filename=..."},
    {IMG_IMAGE_OPTS, 0, "source-image-opts", NULL, "the same"},
    {IMG_SNAPSHOT, 'l', "source-snapshot", "SNAPSHOT", "what this snapshot kept"},
    {IMG_SOURCE_CACHE, 'T', "source-cache", "CACHE", "cache mode for them (writeback)"},
    {IMG_OTHER_FORMAT, 'O', "target-format", "FMT", "format of the image to be (raw)"},
    {IMG_OTHER_FORMAT, 0, "output-format", "FMT", "the same"},
    {IMG_OUTPUT_OPTS, 0, "target-image-opts", NULL, "its name is driver=...; with -n"},
    {IMG_OPTIONS, 'o', "target-options", "KEY=VALUE,...", "its options; '-o help' lists them"},
    {IMG_COMPRESS, 'c', "compress", NULL, "compressed, where the format can"},
    {IMG_CACHE, 't', "target-cache", "CACHE", "cache mode for it (unsafe)"},
    {IMG_BACKING, 'B', "backing", "FILE", "its backing file, which has what the source's has"},
    {IMG_BACKING_FORMAT, 'F', "backing-format", "FMT", "the format of that"},
    {IMG_NO_CREATE, 'n', "no-create", NULL, "it is there, and large enough"},
    {IMG_IS_ZERO, 0, "target-is-zero", NULL, "it reads as zeros; with -n"},
    {IMG_SPARSE, 'S', "sparse-size", "SIZE", "so many zeros in a row are left out (4k); 0: none"},
    {IMG_BITMAPS, 0, "bitmaps", NULL, "its bitmaps as well"},
    {IMG_SKIP_BROKEN, 0, "skip-broken-bitmaps", NULL, "but those that are not up to date"},
    IMG_ROW_SHARE,
    {IMG_RATE, 'r', "rate", "RATE", "bytes a second at most"},
    {IMG_PARALLEL, 'm', "parallel", "NUMBER", "threads, 1 to 16 (8)"},
    {IMG_OFFLOAD, 'C', "copy-range-offloading", NULL, "taken; the copying is done here"},
    {IMG_SALVAGE, 0, "salvage", NULL, "what cannot be read becomes zeros"},
    {IMG_OUT_OF_ORDER, 'W', "oob-writes", NULL, "write as it comes, not from begin to end"},
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_convert = {
    .name = "convert",
    .summary = "Copy images into a new one, of another format if you like",
    .operands = "FILENAME... OUTPUT",
    .about = "An OUTPUT that was made and could not be completed is removed.\n",
    .options = convert_options,
    .run = convert_run,
};

/* ---- dd */

struct dd {
    const char *in, *out;
    uint64_t bs, count, skip;
};

static bool dd_size(const char *key, const char *value, uint64_t least, uint64_t *n,
                    struct error *e)
{
    return (block_size_parse(value, 1, n) && *n >= least && *n <= INT32_MAX) ||
           error_set(e, "%s=%s: a number from %" PRIu64 " to %d is accepted", key, value, least,
                     INT32_MAX);
}

static bool dd_operand(struct dd *d, const char *text, struct error *e)
{
    const char *value = strchr(text, '=');
    const size_t n = value ? (size_t)(value - text) : 0;
    if (n == 2 && strncmp(text, "if", 2) == 0) {
        d->in = value + 1;
    } else if (n == 2 && strncmp(text, "of", 2) == 0) {
        d->out = value + 1;
    } else if (n == 2 && strncmp(text, "bs", 2) == 0) {
        return dd_size("bs", value + 1, 1, &d->bs, e);
    } else if (n == 5 && strncmp(text, "count", 5) == 0) {
        return dd_size("count", value + 1, 0, &d->count, e);
    } else if (n == 4 && strncmp(text, "skip", 4) == 0) {
        return dd_size("skip", value + 1, 0, &d->skip, e);
    } else {
        return error_set(e, "'%s': if=, of=, bs=, count= and skip= are accepted", text);
    }
    return true;
}

static int dd_copy(const struct command_line *l, struct block_graph *g, const struct dd *d)
{
    struct error e;
    struct image from, to = {NULL, NULL};
    struct copy_source s;
    struct copy c = {.sources = &s, .source_count = 1, .sparse = 4096, .threads = 1};
    struct image_how h;
    img_how_of_line(&h, l, d->in);
    if (!image_open(&from, g, &h, &e)) {
        return command_fail(&e);
    }
    const uint64_t size = block_node_size(from.node), skip = d->bs * d->skip;
    const uint64_t most = d->count == UINT64_MAX ? size : d->bs * d->count;
    if (skip > size) {
        command_warn("%s: it ends before what is to be copied begins", d->in);
    }
    s = (struct copy_source){from.node, d->in, skip < size ? skip : size, 0};
    s.bytes = most < size - s.offset ? most : size - s.offset;
    const struct copy_made made = {
        json_object(),
        {.name = d->out, .format = command_value_or(l, IMG_OTHER_FORMAT, "raw"), .write = true},
    };
    img_interrupt_begin();
    bool good = copy_make(&c, g, &made, &to, &e);
    json_decref(made.options);
    if (!good) {
        command_fail(&e);
    }
    int status = finish(&to, good && (s.bytes == 0 || copy_run(&c)), true);
    image_drop(&from);
    return status;
}

static int dd_run(const struct command_line *l)
{
    struct error e;
    struct dd d = {.bs = 512, .count = UINT64_MAX};
    for (size_t i = 0; i < l->name_count; i++) {
        if (!dd_operand(&d, l->names[i], &e)) {
            return command_usage(l, "%s", e.text);
        }
    }
    if (!d.in || !d.out) {
        return command_usage(l, "if= and of= are expected");
    }
    struct block_graph *g = block_graph_create();
    int status = dd_copy(l, g, &d);
    block_graph_destroy(g);
    return status;
}

static const struct command_option dd_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    {IMG_OTHER_FORMAT, 'O', "output-format", "FMT", "format of the output (raw)"},
    IMG_ROW_SHARE,
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_dd = {
    .name = "dd",
    .summary = "Copy a part of an image into a new one",
    .operands = "[bs=SIZE] [count=BLOCKS] [skip=BLOCKS] if=INPUT of=OUTPUT",
    .options = dd_options,
    .run = dd_run,
};
