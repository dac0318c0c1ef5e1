/* SPDX-License-Identifier: MIT */
/* dragoman-img info: what an image says of itself, for people and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "block/driver.h"
#include "tools/img/img.h"

/* ---- facts of nodes */

json_t *img_snapshots(struct block_node *n)
{
    struct block_snapshot *list = NULL;
    size_t count = 0;
    struct error e;
    json_t *all = json_array();
    if (block_node_snapshots(n, &list, &count, &e)) {
        for (size_t i = 0; i < count; i++) {
            const struct block_snapshot *s = &list[i];
            json_t *o = json_object();
            if (s->icount != UINT64_MAX) {
                json_object_set_new(o, "icount", json_integer((json_int_t)s->icount));
            }
            json_object_set_new(o, "vm-clock-nsec",
                                json_integer((json_int_t)(s->vm_clock_ns % 1000000000u)));
            json_object_set_new(o, "name", json_string(s->name));
            json_object_set_new(o, "date-sec", json_integer(s->date_s));
            json_object_set_new(o, "date-nsec", json_integer(s->date_ns));
            json_object_set_new(o, "vm-clock-sec",
                                json_integer((json_int_t)(s->vm_clock_ns / 1000000000u)));
            json_object_set_new(o, "id", json_string(s->id));
            json_object_set_new(o, "vm-state-size", json_integer((json_int_t)s->vm_state_bytes));
            json_array_append_new(all, o);
        }
    }
    block_snapshots_free(list, count);
    return all;
}

static json_t *tree_of(struct block_node *n, struct error *e);

static bool add_children(struct block_node *n, json_t *facts, struct error *e)
{
    json_t *children = json_array();
    json_object_set_new(facts, "children", children);
    for (size_t i = 0; i < n->child_count; i++) {
        if (n->children[i].node == n->backing) {
            continue;
        }
        json_t *child = tree_of(n->children[i].node, e);
        if (!child) {
            return false;
        }
        json_array_append_new(children,
                              json_pack("{s:s,s:o}", "name", n->children[i].name, "info", child));
    }
    return true;
}

/* The facts of a node and of what it stands on, its backing file aside. */
static json_t *tree_of(struct block_node *n, struct error *e)
{
    json_t *facts = json_object();
    json_t *own = add_children(n, facts, e) ? img_facts(n, e) : NULL;
    if (!own) {
        json_decref(facts);
        return NULL;
    }
    json_object_update(facts, own);
    json_decref(own);
    if (n->driver->snapshots && !json_object_get(facts, "snapshots")) {
        json_t *list = img_snapshots(n);
        if (json_array_size(list)) {
            json_object_set(facts, "snapshots", list);
        }
        json_decref(list);
    }
    if (!json_object_get(facts, "dirty-flag")) {
        json_object_set_new(facts, "dirty-flag", json_false());
    }
    return facts;
}

/* ---- for people */

static const char *text_of(const json_t *facts, const char *key)
{
    return json_string_value(json_object_get(facts, key));
}

static void put_size(struct strbuf *s, const char *margin, const char *what, const json_t *v,
                     bool bytes)
{
    if (v) {
        strbuf_printf(s, "%s%s: ", margin, what);
        img_size_text((uint64_t)json_integer_value(v), s);
        if (bytes) {
            strbuf_printf(s, " (%" JSON_INTEGER_FORMAT " bytes)", json_integer_value(v));
        }
        strbuf_putc(s, '\n');
    }
}

static void put_value(struct strbuf *s, const json_t *v, unsigned depth);

#define DEPTH_MAX 16

/* "key: value", or "key:" and what is below it. */
static void put_pair(struct strbuf *s, const char *key, const json_t *v, unsigned depth)
{
    const bool below = json_is_object(v) || json_is_array(v);
    strbuf_printf(s, "%*s", (int)depth * 4, "");
    for (; *key; key++) {
        strbuf_putc(s, *key == '-' ? ' ' : *key);
    }
    strbuf_puts(s, below ? ":\n" : ": ");
    if (below && depth < DEPTH_MAX) {
        put_value(s, v, depth + 1);
    } else if (!below) {
        put_value(s, v, depth);
        strbuf_putc(s, '\n');
    }
}

static void put_value(struct strbuf *s, const json_t *v, unsigned depth)
{
    const char *key;
    json_t *each;
    size_t i;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        json_object_foreach((json_t *)(uintptr_t)v, key, each)
        {
            put_pair(s, key, each, depth);
        }
        break;
    case JSON_ARRAY:
        json_array_foreach(v, i, each)
        {
            char name[24];
            snprintf(name, sizeof(name), "[%zu]", i);
            put_pair(s, name, each, depth);
        }
        break;
    case JSON_STRING:
        strbuf_puts(s, json_string_value(v));
        break;
    case JSON_INTEGER:
        strbuf_printf(s, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    default:
        strbuf_puts(s, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
    }
}

static void put_backing(struct strbuf *s, const char *margin, const json_t *facts)
{
    const char *name = text_of(facts, "backing-filename");
    const char *full = text_of(facts, "full-backing-filename");
    const char *format = text_of(facts, "backing-filename-format");
    if (name) {
        strbuf_printf(s, "%sbacking file: %s", margin, name);
        if (full && strcmp(full, name) != 0) {
            strbuf_printf(s, " (actual path: %s)", full);
        }
        strbuf_putc(s, '\n');
    }
    if (format) {
        strbuf_printf(s, "%sbacking file format: %s\n", margin, format);
    }
}

static void put_facts(struct strbuf *s, const json_t *facts, bool is_protocol, const char *margin)
{
    const json_t *specific = json_object_get(json_object_get(facts, "format-specific"), "data");
    const json_t *cluster = json_object_get(facts, "cluster-size");
    const json_t *list = json_object_get(facts, "snapshots");
    put_size(s, margin, is_protocol ? "file length" : "virtual size",
             json_object_get(facts, "virtual-size"), true);
    if (json_object_get(facts, "actual-size")) {
        put_size(s, margin, "disk size", json_object_get(facts, "actual-size"), false);
    } else {
        strbuf_printf(s, "%sdisk size: unavailable\n", margin);
    }
    if (json_is_true(json_object_get(facts, "encrypted"))) {
        strbuf_printf(s, "%sencrypted: yes\n", margin);
    }
    if (cluster) {
        strbuf_printf(s, "%scluster_size: %" JSON_INTEGER_FORMAT "\n", margin,
                      json_integer_value(cluster));
    }
    if (json_is_true(json_object_get(facts, "dirty-flag"))) {
        strbuf_printf(s, "%scleanly shut down: no\n", margin);
    }
    put_backing(s, margin, facts);
    if (json_array_size(list)) {
        img_snapshot_table(s, list);
    }
    if (json_object_size(specific)) {
        strbuf_printf(s, "%sFormat specific information:\n", margin);
        put_value(s, specific, (unsigned)strlen(margin) / 4 + 1);
    }
}

/* What a node stands on, each with the way to it: /file, /file/file. */
static void put_children(struct strbuf *s, const json_t *facts, const char *way, unsigned depth)
{
    size_t i;
    json_t *child;
    if (depth > DEPTH_MAX) {
        return;
    }
    json_array_foreach(json_object_get(facts, "children"), i, child)
    {
        const json_t *info = json_object_get(child, "info");
        char *here = mem_printf("%s/%s", way, text_of(child, "name"));
        strbuf_printf(s, "Child node '%s':\n", here);
        strbuf_printf(s, "    filename: %s\n    protocol type: %s\n", text_of(info, "filename"),
                      text_of(info, "format"));
        put_facts(s, info, true, "    ");
        put_children(s, info, here, depth + 1);
        mem_free(here);
    }
}

static void say_one(const json_t *facts)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "image: %s\nfile format: %s\n", text_of(facts, "filename"),
                  text_of(facts, "format"));
    put_facts(&s, facts, false, "");
    put_children(&s, facts, "", 0);
    strbuf_make_visible(&s);
    fputs(strbuf_text(&s), stdout);
    strbuf_free(&s);
}

/* ---- the command */

/* One image after the other; a circle of backing files has an end. */
#define CHAIN_MAX 200

static bool one_image(struct image_how *h, bool chain, json_t *all, char **next, struct error *e)
{
    struct image m;
    struct block_graph *g = block_graph_create();
    h->no_backing = h->repair_none = h->lets_write = h->no_io = true;
    json_t *facts = image_open(&m, g, h, e) ? tree_of(m.node, e) : NULL;
    *next = NULL;
    if (facts) {
        const char *full = text_of(facts, "full-backing-filename");
        json_array_append_new(all, facts);
        *next = chain && full ? mem_strdup(full) : NULL;
    }
    image_drop(&m);
    block_graph_destroy(g);
    return facts != NULL;
}

static bool all_images(const struct command_line *l, json_t *all, struct error *e)
{
    struct image_how h;
    char *name = mem_strdup(l->names[0]), *next = NULL;
    bool good = true;
    img_how_of_line(&h, l, name);
    while (good && name) {
        const json_t *above = json_array_get(all, json_array_size(all) - 1);
        h.name = name;
        if (above) {
            h.format = text_of(above, "backing-filename-format");
            h.opts = false;
        }
        good = json_array_size(all) < CHAIN_MAX
                   ? one_image(&h, command_given(l, IMG_CHAIN), all, &next, e)
                   : error_set(e, "%s: more than %d images stand on each other", name, CHAIN_MAX);
        mem_free(name);
        name = good ? next : NULL;
    }
    return good;
}

static int info_run(const struct command_line *l)
{
    struct error e;
    bool json;
    if (!img_output(l, &json, &e)) {
        return command_usage(l, "%s", e.text);
    }
    if (l->name_count != 1) {
        return command_usage(l, "the name of one image is expected");
    }
    json_t *all = json_array();
    if (!all_images(l, all, &e)) {
        json_decref(all);
        return command_fail(&e);
    }
    if (json) {
        img_say_json(json_incref(command_given(l, IMG_CHAIN) ? all : json_array_get(all, 0)));
    }
    for (size_t i = 0; !json && i < json_array_size(all); i++) {
        printf("%s", i ? "\n" : "");
        say_one(json_array_get(all, i));
    }
    json_decref(all);
    return 0;
}

static const struct command_option info_options[] = {
    COMMAND_ROW_HELP,   IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS, {IMG_CHAIN, 'b', "backing-chain", NULL, "the backing files as well"},
    IMG_ROW_SHARE,      IMG_ROW_OUTPUT,
    IMG_ROW_OBJECT,     COMMAND_ROW_END,
};

const struct command img_info = {
    .name = "info",
    .summary = "Tell what an image is",
    .operands = "FILENAME",
    .options = info_options,
    .run = info_run,
};
