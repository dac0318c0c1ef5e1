/* SPDX-License-Identifier: MIT */
/* -object: the kinds and their keys, checked as far as nothing needs to be opened. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "system/options.h"

static const char *const formats[] = {"raw", "base64", NULL};
static const char *const policies[] = {"default", NULL};

struct object_group {
    const char *kind, *id, *filename, *netdev, *file, *data;
    uint32_t maxlen;
    int format, policy;
    struct memory_options memory;
};

static const struct key_row object_common[] = {
    {"qom-type", KEY_TEXT, offsetof(struct object_group, kind), "the kind", NULL},
    {"id", KEY_TEXT, offsetof(struct object_group, id), "its name", NULL},
    {0}};
static const struct key_row rng_random_rows[] = {{"filename", KEY_TEXT,
                                                  offsetof(struct object_group, filename),
                                                  "file of random bytes (/dev/urandom)", NULL},
                                                 {0}};
static const struct key_row no_rows[] = {{0}};
static const struct key_row filter_dump_rows[] = {
    {"netdev", KEY_TEXT, offsetof(struct object_group, netdev), "back end to listen at", NULL},
    {"file", KEY_TEXT, offsetof(struct object_group, file), "pcap file to write", NULL},
    {"maxlen", KEY_U32, offsetof(struct object_group, maxlen), "bytes of a packet to keep (65536)",
     NULL},
    {0}};

static const struct key_row secret_rows[] = {
    {"data", KEY_TEXT, offsetof(struct object_group, data), "the secret itself", NULL},
    {"file", KEY_TEXT, offsetof(struct object_group, file), "file that has it", NULL},
    {"format", KEY_CHOICE, offsetof(struct object_group, format), "how it is written (raw)",
     formats},
    {"keyid", KEY_REFUSED, 0, "secrets that are encrypted are not in this build", NULL},
    {"iv", KEY_REFUSED, 0, "secrets that are encrypted are not in this build", NULL},
    {0}};
static const struct key_row iothread_rows[] = {
    {"poll-max-ns", KEY_REFUSED, 0, "threads of disks sleep, they do not poll", NULL},
    {"poll-grow", KEY_REFUSED, 0, "threads of disks sleep, they do not poll", NULL},
    {"poll-shrink", KEY_REFUSED, 0, "threads of disks sleep, they do not poll", NULL},
    {"aio-max-batch", KEY_REFUSED, 0, "all that is there goes to the host at once", NULL},
    {0}};

#define MEMORY(m) offsetof(struct object_group, memory.m)
#define MEMORY_ROWS                                                                                \
    {"size", KEY_SIZE, MEMORY(size), "bytes", NULL},                                               \
        {"share", KEY_SWITCH, MEMORY(share), "others may see what is written (off)", NULL},        \
        {"merge", KEY_SWITCH, MEMORY(merge), "equal pages may be one for the host (on)", NULL},    \
        {"dump", KEY_SWITCH, MEMORY(dump), "in a core file of this program (off)", NULL},          \
        {"reserve", KEY_SWITCH, MEMORY(reserve), "count it as used by the host (on)", NULL},       \
        {"prealloc", KEY_BOOL, MEMORY(prealloc), "take it from the host at the start (off)",       \
         NULL},                                                                                    \
        {"prealloc-threads", KEY_U32, MEMORY(prealloc_threads), "accepted: the host does it",      \
         NULL},                                                                                    \
        {"policy", KEY_CHOICE, offsetof(struct object_group, policy),                              \
         "default: where the host puts it", policies},                                             \
    {                                                                                              \
        "host-nodes", KEY_REFUSED, 0, "numactl chooses the host's nodes", NULL                     \
    }
static const struct key_row memory_ram_rows[] = {MEMORY_ROWS, {0}};
static const struct key_row memory_file_rows[] = {
    MEMORY_ROWS,
    {"mem-path", KEY_TEXT, MEMORY(path), "file, or a folder for one without a name", NULL},
    {"align", KEY_SIZE, MEMORY(align), "of the mapping, up to 2 MiB", NULL},
    {"offset", KEY_SIZE, MEMORY(offset), "in the file (0)", NULL},
    {"readonly", KEY_BOOL, MEMORY(readonly), "the file is only read (off)", NULL},
    {"discard-data", KEY_BOOL, MEMORY(discard_data), "its contents are dropped at the end (off)",
     NULL},
    {"pmem", KEY_REFUSED, 0, "there is no persistent memory", NULL},
    {0}};
static const struct key_row memory_memfd_rows[] = {
    MEMORY_ROWS,
    {"seal", KEY_SWITCH, MEMORY(seal), "its size is fixed (on)", NULL},
    {"hugetlb", KEY_BOOL, MEMORY(hugetlb), "of the host's huge pages (off)", NULL},
    {"hugetlbsize", KEY_SIZE, MEMORY(hugetlb_bytes), "of one of them", NULL},
    {0}};

static const struct object_row {
    const char *name, *help;
    const struct key_row *rows;
} object_kinds[] = {
    [OBJECT_RNG_RANDOM] = {"rng-random", "entropy out of a file", rng_random_rows},
    [OBJECT_RNG_BUILTIN] = {"rng-builtin", "entropy of the emulator, of -seed if given", no_rows},
    [OBJECT_FILTER_DUMP] = {"filter-dump", "writes a network's packets into a pcap file",
                            filter_dump_rows},
    [OBJECT_THROTTLE_GROUP] = {"throttle-group", "limits that several disks share",
                               options_throttle_rows},
    [OBJECT_SECRET] = {"secret", "bytes that back ends use and nobody sees", secret_rows},
    [OBJECT_IOTHREAD] = {"iothread", "a name: each disk has a thread of its own", iothread_rows},
    [OBJECT_MEMORY_RAM] = {"memory-backend-ram", "guest memory", memory_ram_rows},
    [OBJECT_MEMORY_FILE] = {"memory-backend-file", "guest memory in a file", memory_file_rows},
    [OBJECT_MEMORY_MEMFD] = {"memory-backend-memfd", "guest memory to share", memory_memfd_rows},
};

enum {
    OBJECT_KINDS = sizeof(object_kinds) / sizeof(object_kinds[0])
};

static char *objects_help(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "Objects:\n");
    for (size_t i = 0; i < OBJECT_KINDS; i++) {
        strbuf_printf(&s, "  %-20s %s\n", object_kinds[i].name, object_kinds[i].help);
    }
    return strbuf_take(&s);
}

static bool find_object_kind(const struct keyvals *k, enum object_kind *kind, struct error *e)
{
    const char *names[OBJECT_KINDS + 1] = {NULL};
    const char *wanted = keyvals_get(k, "qom-type");
    if (!wanted) {
        return error_set(e, "%s: the kind is missing: -object KIND,id=ID,...", k->where);
    }
    for (size_t i = 0; i < OBJECT_KINDS; i++) {
        names[i] = object_kinds[i].name;
        if (strcmp(names[i], wanted) == 0) {
            *kind = (enum object_kind)i;
            return true;
        }
    }
    error_set(e, "%s: there is no object '%s' in this build", k->where, wanted);
    keyval_choices(e, wanted, names);
    return false;
}

static bool is_memory(enum object_kind kind)
{
    return kind == OBJECT_MEMORY_RAM || kind == OBJECT_MEMORY_FILE || kind == OBJECT_MEMORY_MEMFD;
}

static bool read_group(const struct keyvals *k, enum object_kind kind, struct object_group *g,
                       struct error *e)
{
    if (kind == OBJECT_THROTTLE_GROUP) {
        g->id = keyvals_get(k, "id");
        return options_check_throttle_group(k, e);
    }
    return keyvals_apply(k, object_kinds[kind].rows, object_common, g, e) &&
           keyvals_apply(k, object_common, object_kinds[kind].rows, g, e);
}

static bool is_complete(const struct keyvals *k, enum object_kind kind,
                        const struct object_group *g, struct error *e)
{
    if (!g->id) {
        return error_set(e, "%s: id= is missing", k->where);
    }
    if (kind == OBJECT_FILTER_DUMP && (!g->netdev || !g->file)) {
        return error_set(e, "%s: %s= is missing", k->where, g->netdev ? "file" : "netdev");
    }
    return !is_memory(kind) || g->memory.size || error_set(e, "%s: size= is missing", k->where);
}

struct object *options_add_object(struct config *c, const struct keyvals *k, struct error *e)
{
    enum object_kind kind;
    struct object_group g = {
        .filename = "/dev/urandom",
        .maxlen = 65536,
        .memory = {.share = -1, .merge = -1, .dump = -1, .reserve = -1, .seal = -1}};
    if (!find_object_kind(k, &kind, e) || !read_group(k, kind, &g, e) ||
        !is_complete(k, kind, &g, e)) {
        return NULL;
    }
    struct object **end = &c->object_list;
    for (; *end; end = &(*end)->next) {
        if (strcmp((*end)->id, g.id) == 0) {
            error_set(e, "%s: the id '%s' is taken by %s", k->where, g.id, (*end)->where);
            return NULL;
        }
    }
    *end = mem_alloc(sizeof(**end));
    **end = (struct object){.where = k->where,
                            .id = g.id,
                            .kind = kind,
                            .filename = g.filename,
                            .netdev = g.netdev,
                            .file = g.file,
                            .maxlen = g.maxlen,
                            .data = g.data,
                            .base64 = g.format == 1,
                            .memory = g.memory};
    return *end;
}

static bool check_object(struct config *c, struct keyvals *k, struct error *e)
{
    const char *first = keyvals_get(k, "qom-type");
    enum object_kind kind;
    if (first && options_is_help(first)) {
        return options_give_help(c, objects_help());
    }
    if (options_want_help(k)) {
        return find_object_kind(k, &kind, e) &&
               options_give_help(
                   c, options_rows_help(object_kinds[kind].name, object_kinds[kind].rows));
    }
    return options_add_object(c, k, e) != NULL;
}

bool options_check_objects(struct config *c, struct error *e)
{
    for (struct keyvals *k = c->objects; k; k = k->next) {
        if (!check_object(c, k, e)) {
            return false;
        }
    }
    return true;
}

bool options_memory_bytes(const struct config *c, const char *id, uint64_t *bytes, struct error *e)
{
    for (const struct object *o = c->object_list; o; o = o->next) {
        if (is_memory(o->kind) && strcmp(o->id, id) == 0) {
            *bytes = o->memory.size;
            return true;
        }
    }
    return error_set(e, "there is no -object memory-backend-ram with id=%s", id);
}

void options_drop_object(struct object **at)
{
    struct object *o = *at;
    *at = o->next;
    mem_free(o);
}

void options_free_objects(struct config *c)
{
    while (c->object_list) {
        options_drop_object(&c->object_list);
    }
}
