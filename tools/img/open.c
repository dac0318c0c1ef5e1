/* SPDX-License-Identifier: MIT */
/* Images as the options of a command name them: opening, what may be said with -o, facts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "block/block.h"
#include "block/block_internal.h"
#include "tools/img/img.h"

/* ---- opening */

void img_how_of_line(struct image_how *h, const struct command_line *l, const char *name)
{
    *h = (struct image_how){
        .name = name,
        .format = command_value(l, IMG_FORMAT),
        .opts = command_given(l, IMG_IMAGE_OPTS),
        .cache = command_value(l, IMG_CACHE),
        .share = command_given(l, IMG_SHARE),
    };
}

int img_open_line(struct image *m, struct block_graph *g, const struct command_line *l,
                  const struct image_how *more)
{
    struct image_how h;
    struct error e;
    if (l->name_count != 1) {
        return command_usage(l, "the name of one image is expected");
    }
    img_how_of_line(&h, l, l->names[0]);
    h.write = more->write;
    h.no_backing = more->no_backing;
    h.repair_none = more->repair_none;
    h.aio = more->aio;
    return image_open(m, g, &h, &e) ? 0 : command_fail(&e);
}

int img_close_line(struct image *m, bool good, struct error *e)
{
    /* The first thing that went wrong is told. */
    const bool closed = image_close(m, good ? e : NULL);
    return good && closed ? 0 : command_fail(e);
}

/* ---- -o */

static bool wants_help(const char *text)
{
    return strcmp(text, "help") == 0 || strcmp(text, "?") == 0 || strcmp(text, "list") == 0;
}

bool img_options(const struct command_line *l, json_t *into, bool *help, struct error *e)
{
    *help = false;
    for (size_t i = 0; i < l->item_count; i++) {
        const struct command_item *item = &l->items[i];
        if (item->option->id != IMG_OPTIONS) {
            continue;
        }
        json_t *some = wants_help(item->value) ? json_object()
                                               : block_options_parse(item->value, "-o", e);
        *help = *help || wants_help(item->value);
        if (!some) {
            return false;
        }
        const char *alone = json_string_value(json_object_get(some, "driver"));
        *help = *help || (alone && wants_help(alone));
        if (alone && !wants_help(alone)) { /* a switch that stands alone, and first */
            json_object_set_new(some, alone, json_string("on"));
        }
        json_object_del(some, "driver");
        json_object_update(into, some);
        json_decref(some);
    }
    return true;
}

static const char *type_text(const struct block_option *o)
{
    switch (o->type) {
    case BLOCK_OPT_BOOL:
        return "<bool (on/off)>";
    case BLOCK_OPT_U32:
    case BLOCK_OPT_U64:
        return "<num>";
    case BLOCK_OPT_SIZE:
        return "<size>";
    default:
        return "<str>";
    }
}

#define ROWS_MAX 128

static void add_rows(const struct block_option **all, size_t *n, const struct block_option *rows)
{
    for (; rows && rows->name; rows++) {
        if (*n < ROWS_MAX) {
            all[(*n)++] = rows;
        }
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct block_option *const *)a)->name,
                  (*(const struct block_option *const *)b)->name);
}

static void print_rows(const struct block_option **all, size_t n)
{
    qsort(all, n, sizeof(*all), by_name);
    for (size_t i = 0; i < n; i++) {
        char *left = mem_printf("%s=%s", all[i]->name, type_text(all[i]));
        if (i == 0 || strcmp(all[i - 1]->name, all[i]->name) != 0) {
            printf("  %-22s - %s", left, all[i]->help);
            for (const char *const *c = all[i]->choices; c && *c; c++) {
                printf("%s%s", c == all[i]->choices ? " (" : ", ", *c);
            }
            printf("%s\n", all[i]->choices ? ")" : "");
        }
        mem_free(left);
    }
}

static const struct block_driver *protocol_of(const char *name)
{
    struct error e;
    json_t *o = block_options_of_protocol(name, &e);
    const char *driver = json_string_value(json_object_get(o, "driver"));
    const struct block_driver *d = driver ? block_driver_find(driver) : NULL;
    json_decref(o);
    return d;
}

int img_options_help(const char *format, const char *name, bool amend)
{
    const struct block_option *rows[ROWS_MAX];
    size_t n = 0;
    struct error e;
    const struct block_driver *d = block_driver_named(format, amend ? "amend" : "create", &e);
    if (!d) {
        return command_fail(&e);
    }
    if (amend && !d->amend) {
        return command_failf("the format '%s' has no options that can be changed", format);
    }
    if (amend) {
        for (const struct block_option *o = d->create_options; o && o->name; o++) {
            if (o->amendable && n < ROWS_MAX) {
                rows[n++] = o;
            }
        }
        printf("Amend options for '%s':\n", format);
        print_rows(rows, n);
        return 0;
    }
    add_rows(rows, &n, d->create_options);
    for (const struct block_option *o = block_create_options; o->name; o++) {
        if (n < ROWS_MAX && (d->set_backing || strcmp(o->name, "size") == 0)) {
            rows[n++] = o;
        }
    }
    const struct block_driver *below = name ? protocol_of(name) : NULL;
    add_rows(rows, &n, below ? below->create_options : NULL);
    printf(name ? "Supported options:\n" : "Supported %s options:\n", format);
    print_rows(rows, n);
    if (!name) {
        printf("\nThe protocol level may support further options.\n"
               "With the name of a file, those of its protocol are listed, too.\n");
    }
    return 0;
}

bool img_objects(const struct command_line *l, struct error *e)
{
    for (size_t i = 0; i < l->item_count; i++) {
        if (l->items[i].option->id == IMG_OBJECT) {
            const char *v = l->items[i].value;
            return error_set(e,
                             "--object %.*s: no object has a use here; in this build no image is "
                             "encrypted and no server is asked for a password",
                             (int)strcspn(v, ","), v);
        }
    }
    return true;
}

/* ---- facts */

json_t *img_facts(struct block_node *n, struct error *e)
{
    json_t *facts = json_object();
    if (!block_node_info(n, facts, e)) {
        json_decref(facts);
        return NULL;
    }
    return facts;
}

uint64_t img_cluster_bytes(struct block_node *n)
{
    struct error e;
    json_t *facts = img_facts(block_node_skip_filters(n), &e);
    json_int_t bytes = json_integer_value(json_object_get(facts, "cluster-size"));
    json_decref(facts);
    return bytes > 0 ? (uint64_t)bytes : 0;
}
