/* SPDX-License-Identifier: MIT */
/* What machine a state is of: see snapshot_machine.h. */
#include "system/snapshot_machine.h"

#include <string.h>

#include "base/fields.h"
#include "base/mem.h"
#include "hw/state.h"
#include "system/version.h"

enum {
    TEXT_MAX = 4096,
    NAME_BYTES = 256
};

/* ---- memories */

static unsigned memory_rows(const struct device *d)
{
    unsigned n = 0;
    for (const struct field *f = d->cls->fields; f && f->name; f++) {
        n += f->kind == FIELD_MEMORY;
    }
    return n;
}

static size_t device_memories(const struct device *d, struct state_memory *to)
{
    size_t n = 0;
    for (const struct field *f = d->cls->fields; f && f->name; f++) {
        if (f->kind == FIELD_MEMORY) {
            char *path = device_path(d);
            to[n++] = (struct state_memory){
                mem_printf("%s/%s", path, f->name),
                *(uint8_t **)(void *)((char *)(uintptr_t)d + f->offset),
                *(const size_t *)(const void *)((const char *)d + f->size), false};
            mem_free(path);
        }
    }
    return n;
}

struct state_memory *snapshot_memories(const struct machine *m, size_t *count)
{
    size_t n = 1;
    for (const struct device *d = m->devices; d; d = d->next) {
        n += memory_rows(d);
    }
    struct state_memory *list = mem_array(n, sizeof(*list));
    list[0] = (struct state_memory){mem_strdup("ram"), m->ram, m->config.ram_bytes,
                                    m->config.ram_of_files};
    *count = 1;
    for (const struct device *d = m->devices; d; d = d->next) {
        *count += device_memories(d, list + *count);
    }
    return list;
}

void snapshot_memories_free(struct state_memory *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(list[i].name);
    }
    mem_free(list);
}

/* ---- writing */

static void describe_devices(const struct machine *m, struct strbuf *out)
{
    uint32_t n = 0;
    for (const struct device *d = m->devices; d; d = d->next) {
        n++;
    }
    fields_put_u32(out, n);
    for (const struct device *d = m->devices; d; d = d->next) {
        char *path = device_path(d);
        fields_put_text(out, path);
        fields_put_text(out, d->cls->name);
        mem_free(path);
    }
}

static void describe_memories(const struct machine *m, struct strbuf *out)
{
    size_t count;
    struct state_memory *list = snapshot_memories(m, &count);
    fields_put_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        fields_put_text(out, list[i].name);
        fields_put_u64(out, list[i].size);
    }
    snapshot_memories_free(list, count);
}

void snapshot_describe(const struct machine *m, struct strbuf *out)
{
    struct strbuf props = {0};
    char *version = version_text();
    fields_put_text(out, version);
    mem_free(version);
    fields_put_text(out, m->cls->name);
    props_describe(m->cls->props, m->board, 0, &props);
    fields_put_text(out, strbuf_text(&props));
    fields_put_u64(out, m->config.ram_bytes);
    fields_put_u32(out, m->config.cpus);
    fields_put_u32(out, m->config.max_cpus);
    fields_put_u32(out, m->config.counted);
    describe_devices(m, out);
    describe_memories(m, out);
    strbuf_free(&props);
}

/* ---- comparing */

static bool cut_short(struct error *e)
{
    return error_set(e, "the description of the machine ends too early");
}

/* The first line of two texts that differs. */
static bool same_lines(const char *saved, const char *here, struct error *e)
{
    while (*saved || *here) {
        const size_t n = strcspn(saved, "\n"), k = strcspn(here, "\n");
        if (n != k || memcmp(saved, here, n) != 0) {
            return error_set(e, "the state's machine has %.*s, and this one has %.*s", (int)n,
                             saved, (int)k, here);
        }
        saved += n + (saved[n] != '\0');
        here += k + (here[k] != '\0');
    }
    return true;
}

static bool same_board(const struct machine *m, struct cursor *c, struct error *e)
{
    char version[NAME_BYTES], name[NAME_BYTES];
    struct strbuf here = {0};
    char *saved = mem_alloc(TEXT_MAX);
    bool good = fields_take_text(c, version, sizeof(version)) &&
                fields_take_text(c, name, sizeof(name)) && fields_take_text(c, saved, TEXT_MAX);
    if (!good) {
        cut_short(e);
    } else if (strcmp(name, m->cls->name) != 0) {
        good = error_set(e, "the state is of a machine '%s', and this one is a '%s'", name,
                         m->cls->name);
    } else {
        props_describe(m->cls->props, m->board, 0, &here);
        good = same_lines(saved, strbuf_text(&here), e);
    }
    strbuf_free(&here);
    mem_free(saved);
    return good;
}

static bool same_sizes(const struct machine *m, struct cursor *c, struct error *e)
{
    uint64_t ram;
    uint32_t cpus, max_cpus, counted;
    if (!cursor_le64(c, &ram) || !cursor_le32(c, &cpus) || !cursor_le32(c, &max_cpus) ||
        !cursor_le32(c, &counted)) {
        return cut_short(e);
    }
    if (ram != m->config.ram_bytes) {
        return error_set(e, "the state's machine has %llu MiB of memory, and this one has %llu: -m",
                         (unsigned long long)ram >> 20,
                         (unsigned long long)m->config.ram_bytes >> 20);
    }
    if (cpus != m->config.cpus || max_cpus != m->config.max_cpus) {
        return error_set(e,
                         "the state's machine has %u vCPUs of at most %u, and this one has %u of "
                         "%u: -smp",
                         cpus, max_cpus, m->config.cpus, m->config.max_cpus);
    }
    if ((counted != 0) != m->config.counted) {
        return error_set(e, "the state's machine was run %s -icount, and this one is %s",
                         counted ? "with" : "without", counted ? "without" : "with it");
    }
    return true;
}

static struct device *device_at(struct machine *m, const char *path)
{
    for (struct device *d = m->devices; d; d = d->next) {
        char *own = device_path(d);
        const bool same = strcmp(own, path) == 0;
        mem_free(own);
        if (same) {
            return d;
        }
    }
    return NULL;
}

static bool same_device(struct machine *m, struct cursor *c, struct error *e)
{
    char path[NAME_BYTES], cls[NAME_BYTES];
    if (!fields_take_text(c, path, sizeof(path)) || !fields_take_text(c, cls, sizeof(cls))) {
        return cut_short(e);
    }
    const struct device *d = device_at(m, path);
    if (!d) {
        return error_set(e, "the state has a device %s (%s), and this machine has none there", path,
                         cls);
    }
    return strcmp(cls, d->cls->name) == 0 ||
           error_set(e, "device %s is a %s in the state, and a %s here", path, cls, d->cls->name);
}

/* Is d's path among the n of the list at c? */
static bool is_listed(const struct device *d, struct cursor c, uint32_t n)
{
    char path[NAME_BYTES], cls[NAME_BYTES];
    char *own = device_path(d);
    bool found = false;
    for (uint32_t i = 0; i < n && !found; i++) {
        found = fields_take_text(&c, path, sizeof(path)) &&
                fields_take_text(&c, cls, sizeof(cls)) && strcmp(path, own) == 0;
    }
    mem_free(own);
    return found;
}

static bool same_devices(struct machine *m, struct cursor *c, struct error *e)
{
    uint32_t n;
    if (!cursor_le32(c, &n)) {
        return cut_short(e);
    }
    const struct cursor list = *c;
    uint32_t here = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!same_device(m, c, e)) {
            return false;
        }
    }
    for (const struct device *d = m->devices; d; d = d->next, here++) {
        if (!is_listed(d, list, n)) {
            char *path = device_path(d);
            error_set(e, "this machine has a device %s (%s), and the state has none there", path,
                      d->cls->name);
            mem_free(path);
            return false;
        }
    }
    return n == here || error_set(e, "the state names a device twice");
}

static bool same_memories(const struct machine *m, struct cursor *c, struct error *e)
{
    size_t count;
    uint32_t n;
    struct state_memory *list = snapshot_memories(m, &count);
    bool good = cursor_le32(c, &n) && n == count;
    for (size_t i = 0; i < count && good; i++) {
        char name[NAME_BYTES];
        uint64_t size = 0;
        good = fields_take_text(c, name, sizeof(name)) && cursor_le64(c, &size) &&
               strcmp(name, list[i].name) == 0 && size == list[i].size;
    }
    snapshot_memories_free(list, count);
    return good || error_set(e, "the memories of the state's devices are of other sizes");
}

bool snapshot_fits(struct machine *m, struct cursor *c, struct error *e)
{
    return same_board(m, c, e) && same_sizes(m, c, e) && same_devices(m, c, e) &&
           same_memories(m, c, e);
}
