/* SPDX-License-Identifier: MIT */
/* dragoman-img snapshot: the snapshots that an image keeps of itself. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/os.h"
#include "tools/img/img.h"

/* ---- the list */

static json_int_t number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static void put_row(struct strbuf *s, const json_t *o)
{
    struct strbuf size = {0};
    char date[32], clock[32], count[24] = "--";
    time_t when = (time_t)number(o, "date-sec");
    struct tm tm;
    const uint64_t seconds = (uint64_t)number(o, "vm-clock-sec");
    localtime_r(&when, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(clock, sizeof(clock), "%04" PRIu64 ":%02u:%02u.%03u", seconds / 3600,
             (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60),
             (unsigned)(number(o, "vm-clock-nsec") / 1000000));
    if (json_object_get(o, "icount")) {
        snprintf(count, sizeof(count), "%" JSON_INTEGER_FORMAT, number(o, "icount"));
    }
    img_size_text((uint64_t)number(o, "vm-state-size"), &size);
    strbuf_printf(s, "%-7s %-16s %8s %19s %15s %10s\n", json_string_value(json_object_get(o, "id")),
                  json_string_value(json_object_get(o, "name")), strbuf_text(&size), date, clock,
                  count);
    strbuf_free(&size);
}

void img_snapshot_table(struct strbuf *s, const json_t *list)
{
    size_t i;
    json_t *o;
    strbuf_printf(s, "Snapshot list:\n%-7s %-16s %8s %19s %15s %10s\n", "ID", "TAG", "VM_SIZE",
                  "DATE", "VM_CLOCK", "ICOUNT");
    json_array_foreach(list, i, o)
    {
        put_row(s, o);
    }
}

static int list(struct block_node *n)
{
    json_t *all = img_snapshots(n);
    if (json_array_size(all)) {
        struct strbuf s = {0};
        img_snapshot_table(&s, all);
        strbuf_make_visible(&s);
        fputs(strbuf_text(&s), stdout);
        strbuf_free(&s);
    }
    json_decref(all);
    return 0;
}

/* ---- the command */

static bool change(struct block_node *n, const struct command_item *what, struct error *e)
{
    const char *name = what->value;
    const int64_t now = os_wall_ns();
    struct block_snapshot s = {
        .name = (char *)(uintptr_t)name,
        .date_s = (uint32_t)(now / 1000000000),
        .date_ns = (uint32_t)(now % 1000000000),
        .icount = 0,
        .disk_bytes = block_node_size(n),
    };
    switch (what->option->id) {
    case IMG_CREATE:
        return block_node_snapshot_create(n, &s, e);
    case IMG_APPLY:
        return block_node_snapshot_apply(n, name, e);
    default:
        return block_node_snapshot_delete(n, name, e);
    }
}

static bool is_action(const struct command_item *i)
{
    return i->option->id == IMG_LIST || i->option->id == IMG_CREATE || i->option->id == IMG_APPLY ||
           i->option->id == IMG_DELETE;
}

static int snapshot_run(const struct command_line *l)
{
    struct error e;
    struct image m;
    const struct command_item *what = NULL;
    for (size_t i = 0; i < l->item_count; i++) {
        if (is_action(&l->items[i])) {
            if (what) {
                return command_usage(l, "one of -l, -c, -a and -d is expected");
            }
            what = &l->items[i];
        }
    }
    const bool lists = !what || what->option->id == IMG_LIST;
    struct block_graph *g = block_graph_create();
    int status = img_open_line(
        &m, g, l, &(struct image_how){.write = !lists, .no_backing = true, .repair_none = lists});
    if (status == 0 && lists) {
        status = list(m.node);
        image_drop(&m);
    } else if (status == 0) {
        bool good = change(m.node, what, &e);
        if (!good) {
            error_prefix(&e, "snapshot '%s': ", what->value);
        }
        status = img_close_line(&m, good, &e);
    }
    block_graph_destroy(g);
    return status;
}

static const struct command_option snapshot_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_QUIET,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    IMG_ROW_SHARE,
    {IMG_LIST, 'l', "list", NULL, "list them (what is done without -c, -a and -d)"},
    {IMG_CREATE, 'c', "create", "NAME", "make one of the disk as it is"},
    {IMG_APPLY, 'a', "apply", "SNAPSHOT", "make the disk what it was"},
    {IMG_DELETE, 'd', "delete", "SNAPSHOT", "delete it"},
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_snapshot = {
    .name = "snapshot",
    .summary = "List, make, apply or delete an image's snapshots",
    .operands = "FILENAME",
    .about = "SNAPSHOT is an ID or a name.\n",
    .options = snapshot_options,
    .run = snapshot_run,
};
