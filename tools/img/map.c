/* SPDX-License-Identifier: MIT */
/* dragoman-img map: where the bytes of a disk lie in its images' files. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "block/driver.h"
#include "tools/img/img.h"

struct entry {
    uint64_t start, bytes;
    struct block_status s;
};

struct map {
    bool json, failed;
    struct entry e;
    bool begun; /* e is an entry that may go on */
    unsigned said;
};

static bool is_present(const struct entry *e)
{
    return e->s.where != BLOCK_UNALLOCATED;
}

static bool is_data(const struct entry *e)
{
    return e->s.where == BLOCK_DATA || e->s.where == BLOCK_PACKED;
}

static void say_json_row(struct map *m)
{
    const struct entry *e = &m->e;
    printf("%s{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %u, \"present\": %s, "
           "\"zero\": %s, \"data\": %s, \"compressed\": %s",
           m->said ? ",\n" : "[", e->start, e->bytes, e->s.depth, is_present(e) ? "true" : "false",
           is_data(e) || !e->bytes ? "false" : "true", is_data(e) ? "true" : "false",
           e->s.where == BLOCK_PACKED ? "true" : "false");
    if (e->s.has_place && e->s.where != BLOCK_PACKED) {
        printf(", \"offset\": %" PRIu64, e->s.place);
    }
    printf("}");
}

/* The file that has the bytes. */
static const char *file_of(const struct entry *e)
{
    return block_node_file(e->s.node);
}

static void say_row(struct map *m)
{
    const struct entry *e = &m->e;
    if (m->json) {
        say_json_row(m);
        m->said++;
    } else if (is_data(e) && (!e->s.has_place || e->s.where == BLOCK_PACKED)) {
        m->failed = true;
    } else if (is_data(e)) {
        command_say("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", e->start, e->bytes,
                    e->s.place, file_of(e));
    }
}

static bool goes_on(const struct entry *a, const struct block_status *s)
{
    return a->s.where == s->where && a->s.depth == s->depth && a->s.has_place == s->has_place &&
           a->s.node == s->node && (!s->has_place || a->s.place + a->bytes == s->place);
}

static void add(struct map *m, uint64_t at, const struct block_status *s)
{
    if (m->begun && goes_on(&m->e, s)) {
        m->e.bytes += s->bytes;
        return;
    }
    if (m->begun) {
        say_row(m);
    }
    m->e = (struct entry){at, s->bytes, *s};
    m->begun = true;
}

#define PIECE (UINT64_C(1) << 30)

static int walk(struct map *m, struct block_node *n, uint64_t at, uint64_t end)
{
    int status = 0;
    while (at < end && status == 0 && !m->failed && !img_interrupted()) {
        struct block_status s;
        status = block_node_status(n, at, end - at < PIECE ? end - at : PIECE, true, &s);
        if (status == 0) {
            add(m, at, &s);
            at += s.bytes;
        }
    }
    if (status == 0 && !m->failed && (m->begun || m->json)) {
        say_row(m);
    }
    return status;
}

static int map_it(const struct command_line *l, struct block_node *n, bool json)
{
    struct error e;
    struct map m = {.json = json};
    uint64_t from, most;
    const uint64_t size = block_node_size(n);
    if (!command_bytes(l, IMG_START, 0, &from, &e) ||
        !command_bytes(l, IMG_LENGTH, INT64_MAX, &most, &e)) {
        return command_fail(&e);
    }
    from = from < size ? from : size;
    most = most < size - from ? most : size - from;
    m.e.start = from;
    m.e.s = (struct block_status){.where = BLOCK_UNALLOCATED, .node = n};
    if (!json) {
        printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    }
    img_interrupt_begin();
    int status = walk(&m, n, from, from + most);
    if (json) {
        printf("%s]\n", m.said ? "" : "[");
    }
    if (status < 0) {
        return command_failf("%s: where its data is cannot be told: %s", l->names[0],
                             strerror(-status));
    }
    return m.failed
               ? command_failf("%s has data that is compressed or in no place that can be named; "
                               "--output=json shows it",
                               l->names[0])
               : 0;
}

static int map_run(const struct command_line *l)
{
    struct error e;
    struct image m;
    bool json;
    if (!img_output(l, &json, &e)) {
        return command_usage(l, "%s", e.text);
    }
    struct block_graph *g = block_graph_create();
    int status = img_open_line(&m, g, l, &(struct image_how){.write = false});
    if (status == 0) {
        status = map_it(l, m.node, json);
        image_drop(&m);
    }
    block_graph_destroy(g);
    return status;
}

static const struct command_option map_options[] = {
    COMMAND_ROW_HELP,
    IMG_ROW_FORMAT,
    IMG_ROW_IMAGE_OPTS,
    {IMG_START, 's', "start-offset", "OFFSET", "from this byte of the disk on"},
    {IMG_LENGTH, 'l', "max-length", "LENGTH", "so many bytes at most"},
    IMG_ROW_OUTPUT,
    IMG_ROW_SHARE,
    IMG_ROW_OBJECT,
    COMMAND_ROW_END,
};

const struct command img_map = {
    .name = "map",
    .summary = "Tell where an image's data is",
    .operands = "FILENAME",
    .options = map_options,
    .run = map_run,
};
