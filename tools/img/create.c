/* SPDX-License-Identifier: MIT */
/* dragoman-img create, measure, amend: what an image is made with. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "tools/img/img.h"

/* ---- create */

/* Values as qemu-img shows them: sizes in bytes. */
static void say_option(const struct block_option *rows, const char *name, const char *value)
{
    uint64_t bytes;
    while (rows && rows->name && strcmp(rows->name, name) != 0) {
        rows++;
    }
    if (rows && rows->name && rows->type == BLOCK_OPT_SIZE && block_size_parse(value, 1, &bytes)) {
        command_say(" %s=%" PRIu64, name, bytes);
    } else {
        command_say(" %s=%s", name, value);
    }
}

/* What qemu-img does not tell of unless it was given. */
static bool is_tacit(const char *name)
{
    static const char *const names[] = {"compat", "data_file_raw", "preallocation"};
    for (size_t i = 0; i < array_len(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* "Formatting ..." with what the format was told and what it takes by itself. */
static void say_made(const char *format, const char *name, const json_t *given, uint64_t size)
{
    const struct block_driver *d = block_driver_find(format);
    const char *key;
    json_t *v;
    command_say("Formatting '%s', fmt=%s", name, format);
    for (const struct block_option *o = d->create_options; o && o->name; o++) {
        if (o->initial && !json_object_get(given, o->name) && !is_tacit(o->name)) {
            say_option(d->create_options, o->name, o->initial);
        }
    }
    command_say(" size=%" PRIu64, size);
    json_object_foreach((json_t *)(uintptr_t)given, key, v)
    {
        if (strcmp(key, "size") != 0 && json_is_string(v)) {
            say_option(d->create_options, key, json_string_value(v));
        }
    }
    command_say("\n");
}

/* A backing file without its format might be taken for another one some day. */
static bool backing_has_format(struct block_graph *g, const json_t *o, const char *name,
                               bool has_backing, struct error *e)
{
    const char *backing = json_string_value(json_object_get(o, "backing_file"));
    if (!backing || json_object_get(o, "backing_fmt") || !has_backing) {
        return true; /* or there are no backing files in this format, as its driver will say */
    }
    const struct block_mode m = {.no_lock = true, .repair_none = true, .no_backing = true};
    char *path = block_name_beside_path(name, backing);
    struct block_node *n = block_node_open_name(g, path, NULL, &m, e);
    mem_free(path);
    if (n) {
        error_set(e, "%s: the format of the backing file is missing (-F %s is what it looks like)",
                  name, block_node_driver(n));
        block_node_close(n);
    }
    return false;
}

static bool size_of(struct block_graph *g, const json_t *o, const char *name, const char *format,
                    uint64_t *size, struct error *e)
{
    const json_t *given = json_object_get(o, "size");
    if (given) {
        return block_size_parse(json_string_value(given), 1, size) && *size <= INT64_MAX
                   ? true
                   : error_set(e,
                               "size=%s: a number of bytes is accepted, perhaps with k, M, G, "
                               "T, P or E, up to 8E - 512",
                               json_string_value(given));
    }
    const struct block_mode m = {.no_lock = true, .repair_none = true, .no_backing = true};
    struct block_node *n = block_node_open_name(g, name, format, &m, e);
    *size = n ? block_node_size(n) : 0;
    block_node_close(n);
    return n != NULL;
}

static int create_it(const struct command_line *l, const char *format, json_t *o)
{
    struct error e;
    uint64_t size = 0;
    const char *name = l->names[0];
    struct block_graph *g = block_graph_create();
    const struct block_driver *d = block_driver_find(format);
    const bool sized = json_object_get(o, "size") != NULL;
    const unsigned flags = command_given(l, IMG_UNSAFE) ? BLOCK_CREATE_UNSEEN_BACKING : 0;
    bool good = !sized || size_of(g, o, name, format, &size, &e);
    good = good && (flags || backing_has_format(g, o, name, d && d->set_backing, &e)) &&
           block_image_create_with(g, format, name, o, flags, &e) &&
           (sized || size_of(g, o, name, format, &size, &e));
    block_graph_destroy(g);
    if (!good) {
        return command_fail(&e);
    }
    if (!command_given(l, IMG_QUIET)) {
        say_made(format, name, o, size);
    }
    return 0;
}

static void add_text(json_t *o, const char *key, const char *value)
{
    if (value) {
        json_t *text = json_string(value);
        json_object_set_new(o, key, text ? text : json_string(""));
    }
}

static int create_run(const struct command_line *l)
{
    struct error e;
    bool help;
    const char *format = command_value_or(l, IMG_FORMAT, "raw");
    json_t *o = json_object();
    int status;
    if (!img_options(l, o, &help, &e)) {
        status = command_fail(&e);
    } else if (help) {
        status = img_options_help(format, l->name_count ? l->names[0] : NULL, false);
    } else if (l->name_count < 1 || l->name_count > 2) {
        status = command_usage(l, "the name of an image is expected, and its size");
    } else if (l->name_count == 2 && json_object_get(o, "size")) {
        status = command_failf("the size is given twice");
    } else {
        add_text(o, "size", l->name_count == 2 ? l->names[1] : NULL);
        add_text(o, "backing_file", command_value(l, IMG_BACKING));
        add_text(o, "backing_fmt", command_value(l, IMG_BACKING_FORMAT));
        status = create_it(l, format, o);
    }
    json_decref(o);
    return status;
}

static const struct command_option create_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    {IMG_FORMAT, 'f', "format", "FMT", "format of the image (raw)"},
    {IMG_OPTIONS, 'o', "options", "KEY=VALUE,...", "options of the format; '-o help' lists them"},
    {IMG_BACKING, 'b', "backing", "FILE", "image that shows through where this one is empty"},
    {IMG_BACKING_FORMAT, 'F', "backing-format", "FMT", "its format"},
    {IMG_UNSAFE, 'u', "backing-unsafe", NULL, "do not look at the backing file"},
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_create = {
    .name = "create",
    .summary = "Make an image",
    .operands = "FILENAME [SIZE]",
    .about =
        "What was in FILENAME is lost. SIZE may have k, M, G, T, P or E behind it; without it\n"
        "the image is as large as its backing file.\n",
    .options = create_options,
    .run = create_run,
};

/* ---- measure */

static void say_measure(const struct block_measure *m, bool json)
{
    if (json) {
        json_t *o = json_object();
        if (m->bitmaps != UINT64_MAX) {
            json_object_set_new(o, "bitmaps", json_integer((json_int_t)m->bitmaps));
        }
        json_object_set_new(o, "required", json_integer((json_int_t)m->required));
        json_object_set_new(o, "fully-allocated", json_integer((json_int_t)m->fully_allocated));
        img_say_json(o);
        return;
    }
    printf("required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n", m->required,
           m->fully_allocated);
    if (m->bitmaps != UINT64_MAX) {
        printf("bitmaps size: %" PRIu64 "\n", m->bitmaps);
    }
}

static int measure_it(const struct command_line *l, const json_t *o, struct image *source,
                      bool json)
{
    struct error e;
    struct block_measure m;
    if (!block_image_measure(command_value_or(l, IMG_OTHER_FORMAT, "raw"), o, source->node, &m,
                             &e)) {
        return command_fail(&e);
    }
    if (!source->node || !block_node_skip_filters(source->node)->driver->bitmap) {
        m.bitmaps = UINT64_MAX; /* there are none to be kept */
    }
    say_measure(&m, json);
    return 0;
}

static int measure_run(const struct command_line *l)
{
    struct error e;
    struct image source = {NULL, NULL};
    struct block_graph *g = block_graph_create();
    json_t *o = json_object();
    const char *size = command_value(l, IMG_SIZE);
    bool json, help;
    int status = 1;
    if (!img_output(l, &json, &e) || !img_options(l, o, &help, &e)) {
        command_fail(&e);
    } else if (help) {
        status = img_options_help(command_value_or(l, IMG_OTHER_FORMAT, "raw"), NULL, false);
    } else if ((size != NULL) == (l->name_count > 0) || l->name_count > 1) {
        command_usage(l, "either --size or the name of one image is expected");
    } else {
        struct image_how h;
        img_how_of_line(&h, l, size ? NULL : l->names[0]);
        h.snapshot = command_value(l, IMG_SNAPSHOT);
        add_text(o, "size", size);
        bool good = size || image_open(&source, g, &h, &e);
        status = good ? measure_it(l, o, &source, json) : command_fail(&e);
        image_drop(&source);
    }
    json_decref(o);
    block_graph_destroy(g);
    return status;
}

static const struct command_option measure_options[] = {
    COMMAND_ROW_HELP,
    {IMG_OTHER_FORMAT, 'O', "target-format", "FMT", "format of the image to be (raw)"},
    {IMG_OPTIONS, 'o', "options", "KEY=VALUE,...", "its options"},
    {IMG_SIZE, 's', "size", "SIZE", "size of a disk that has nothing on it"},
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    {IMG_SNAPSHOT, 'l', "snapshot", "SNAPSHOT", "the image as this snapshot kept it"},
    IMG_ROW_SHARE,
    IMG_ROW_OUTPUT,
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_measure = {
    .name = "measure",
    .summary = "Tell how large the file of an image would be",
    .operands = "(--size SIZE | FILENAME)",
    .options = measure_options,
    .run = measure_run,
};

/* ---- amend */

static int amend_it(const struct command_line *l, const json_t *o)
{
    struct error e;
    struct image m;
    struct img_progress p;
    struct block_graph *g = block_graph_create();
    int status = img_open_line(&m, g, l, &(struct image_how){.write = true});
    if (status == 0) {
        img_progress_begin(&p, command_given(l, IMG_PROGRESS));
        bool good = block_node_amend(m.node, o, &e);
        if (good) {
            img_progress_show(&p, 1, 1);
        }
        img_progress_end(&p);
        status = img_close_line(&m, good, &e);
    }
    block_graph_destroy(g);
    return status;
}

static int amend_run(const struct command_line *l)
{
    struct error e;
    bool help;
    json_t *o = json_object();
    int status;
    if (!img_options(l, o, &help, &e)) {
        status = command_fail(&e);
    } else if (help && command_value(l, IMG_FORMAT)) {
        status = img_options_help(command_value(l, IMG_FORMAT), NULL, true);
    } else if (help) {
        struct image m;
        struct block_graph *g = block_graph_create();
        status = img_open_line(&m, g, l, &(struct image_how){.no_backing = true});
        if (status == 0) {
            status = img_options_help(block_node_driver(m.node), NULL, true);
            image_drop(&m);
        }
        block_graph_destroy(g);
    } else if (json_object_size(o) == 0) {
        status = command_usage(l, "what is to be changed is missing (-o KEY=VALUE)");
    } else {
        status = amend_it(l, o);
    }
    json_decref(o);
    return status;
}

static const struct command_option amend_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_PROGRESS,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    IMG_ROW_CACHE,
    {IMG_OPTIONS, 'o', "options", "KEY=VALUE,...", "what is changed; '-o help' lists what can be"},
    {IMG_FORCE, 0, "force", NULL, "taken; it is for encrypted images, which this build has not"},
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_amend = {
    .name = "amend",
    .summary = "Change the options of an image",
    .operands = "FILENAME",
    .options = amend_options,
    .run = amend_run,
};
