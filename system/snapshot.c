/* SPDX-License-Identifier: MIT */
/* The state of a whole machine: see snapshot.h. */
#include "system/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "accel/accel.h"
#include "base/fields.h"
#include "base/mem.h"
#include "cpu/state.h"
#include "hw/state.h"
#include "memory/dirty.h"
#include "system/snapshot_machine.h"

#define MACHINE_VERSION 1
#define COMMON_VERSION 1

/* ---- names of sections */

static void cpu_name(unsigned i, char *name, size_t size)
{
    snprintf(name, size, "cpu.%u", i);
}

static char *device_name(const struct device *d)
{
    char *path = device_path(d), *name = mem_printf("device:%s", path);
    mem_free(path);
    return name;
}

/* ---- saving */

static void put(struct state_writer *w, const char *name, unsigned version, struct strbuf *s)
{
    state_writer_put(w, STATE_FIELDS, name, version, s->text, s->len);
    strbuf_clear(s);
}

static void save_sections(const struct snapshot *s, struct state_writer *w)
{
    struct machine *m = s->machine;
    struct strbuf out = {0};
    char name[32];
    snapshot_describe(m, &out);
    put(w, "machine", MACHINE_VERSION, &out);
    fields_put(&out, FIELD_U64, m->rng.s, 4);
    put(w, "random", COMMON_VERSION, &out);
    for (const struct snapshot_part *p = s->parts; p->name; p++) {
        p->write(p->opaque, &out);
        put(w, p->name, p->version, &out);
    }
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        vcpu_write(m->vcpus[i], &out);
        cpu_name(i, name, sizeof(name));
        put(w, name, vcpu_version(m->vcpus[i]), &out);
    }
    for (const struct device *d = m->devices; d; d = d->next) {
        char *section = device_name(d);
        device_write(d, &out);
        put(w, section, device_version(d), &out);
        mem_free(section);
    }
    strbuf_free(&out);
}

static uint64_t total_size(const struct state_memory *list, size_t count)
{
    uint64_t n = 0;
    for (size_t i = 0; i < count; i++) {
        n += list[i].size;
    }
    return n;
}

static void save_memories(const struct snapshot *s, struct state_writer *w)
{
    size_t count;
    struct state_memory *list = snapshot_memories(s->machine, &count);
    if (s->progress) {
        s->progress->done = 0;
        s->progress->all = total_size(list, count);
    }
    for (size_t i = 0; i < count; i++) {
        state_pages_save(w, &list[i], s->progress);
    }
    snapshot_memories_free(list, count);
}

/* Some kinds of CPUs have no state that can be written yet. */
static bool can_be_saved(const struct machine *m, struct error *e)
{
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        if (!m->vcpus[i]->cls->save) {
            return error_set(e, "the state of vCPUs of kind '%s' cannot be saved",
                             m->vcpus[i]->cls->name);
        }
    }
    return true;
}

bool snapshot_save(const struct snapshot *s, const char *path, struct error *e)
{
    if (!can_be_saved(s->machine, e)) {
        return false;
    }
    struct state_writer *w = state_writer_open(path, e);
    if (!w) {
        return false;
    }
    machine_settle(s->machine);
    save_sections(s, w);
    save_memories(s, w);
    return state_writer_finish(w, e);
}

/* ---- loading: sections */

static const struct state_section *need(const struct state_file *f, const char *name,
                                        struct error *e)
{
    const struct state_section *s = state_file_find(f, name);
    if (!s) {
        error_set(e, "there is no section '%s'", name);
    }
    return s;
}

static bool read_machine(const struct snapshot *s, const struct state_file *f, struct error *e)
{
    struct cursor c;
    const struct state_section *x = need(f, "machine", e);
    if (!x) {
        return false;
    }
    if (x->version != MACHINE_VERSION) {
        return error_set(e, "its machine is described by version %u, and this program knows %u",
                         x->version, MACHINE_VERSION);
    }
    cursor_init(&c, x->bytes, (size_t)x->length);
    return snapshot_fits(s->machine, &c, e) &&
           (cursor_left(&c) == 0 || error_set(e, "section 'machine' is too long"));
}

static bool read_random(const struct snapshot *s, const struct state_file *f, bool store,
                        struct error *e)
{
    struct cursor c;
    const struct state_section *x = need(f, "random", e);
    if (!x) {
        return false;
    }
    cursor_init(&c, x->bytes, (size_t)x->length);
    return (x->version == COMMON_VERSION && x->length == sizeof(s->machine->rng.s) &&
            fields_take(&c, FIELD_U64, s->machine->rng.s, 4, store, e)) ||
           error_set(e, "section 'random' is none of this program");
}

static bool read_part(const struct snapshot_part *p, const struct state_file *f, bool store,
                      struct error *e)
{
    struct cursor c;
    const struct state_section *x = need(f, p->name, e);
    if (!x) {
        return false;
    }
    cursor_init(&c, x->bytes, (size_t)x->length);
    bool good = x->version >= 1 && x->version <= p->version
                    ? p->read(p->opaque, &c, x->version, store, e)
                    : error_set(e, "it is of version %u, and this program knows 1 to %u",
                                x->version, p->version);
    good = good && (cursor_left(&c) == 0 || error_set(e, "it is too long"));
    if (!good) {
        error_prefix(e, "section '%s': ", p->name);
    }
    return good;
}

static bool read_cpu(struct vcpu *v, unsigned i, const struct state_file *f, bool store,
                     struct error *e)
{
    char name[32];
    cpu_name(i, name, sizeof(name));
    const struct state_section *x = need(f, name, e);
    if (!x) {
        return false;
    }
    if (vcpu_read(v, x->bytes, (size_t)x->length, x->version, store, e)) {
        return true;
    }
    error_prefix(e, "vCPU %u: ", i);
    return false;
}

static bool read_device(struct device *d, const struct state_file *f, bool store, struct error *e)
{
    char *name = device_name(d);
    const struct state_section *x = need(f, name, e);
    bool good = x != NULL;
    if (x && !device_read(d, x->bytes, (size_t)x->length, x->version, store, e)) {
        error_prefix(e, "%s (%s): ", name, d->cls->name);
        good = false;
    }
    mem_free(name);
    return good;
}

/* The fields of vCPUs and devices. */
static bool read_fields(const struct snapshot *s, const struct state_file *f, bool store,
                        struct error *e)
{
    struct machine *m = s->machine;
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        if (!read_cpu(m->vcpus[i], i, f, store, e)) {
            return false;
        }
    }
    for (struct device *d = m->devices; d; d = d->next) {
        if (!read_device(d, f, store, e)) {
            return false;
        }
    }
    return true;
}

static bool read_parts(const struct snapshot *s, const struct state_file *f, bool store,
                       struct error *e)
{
    for (const struct snapshot_part *p = s->parts; p->name; p++) {
        if (!read_part(p, f, store, e)) {
            return false;
        }
    }
    return read_random(s, f, store, e);
}

/* ---- loading: what nobody asks for */

static bool is_device(const struct machine *m, const char *name)
{
    bool found = false;
    for (const struct device *d = m->devices; d && !found; d = d->next) {
        char *own = device_name(d);
        found = strcmp(own, name) == 0;
        mem_free(own);
    }
    return found;
}

static bool is_known(const struct snapshot *s, const struct state_section *x)
{
    const struct machine *m = s->machine;
    char cpu[32];
    bool found = strcmp(x->name, "machine") == 0 || strcmp(x->name, "random") == 0;
    for (const struct snapshot_part *p = s->parts; p->name && !found; p++) {
        found = strcmp(p->name, x->name) == 0;
    }
    for (unsigned i = 0; i < m->vcpu_count && !found; i++) {
        cpu_name(i, cpu, sizeof(cpu));
        found = strcmp(cpu, x->name) == 0;
    }
    return found || is_device(m, x->name);
}

static bool is_memory(const struct state_memory *list, size_t count, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        found = strcmp(list[i].name, name) == 0;
    }
    return found;
}

static bool all_known(const struct snapshot *s, const struct state_file *f, struct error *e)
{
    size_t count;
    struct state_memory *list = snapshot_memories(s->machine, &count);
    bool good = true;
    for (size_t i = 0; i < f->count && good; i++) {
        const struct state_section *x = &f->sections[i];
        good = (x->kind == STATE_PAGES ? is_memory(list, count, x->name) : is_known(s, x)) ||
               error_set(e, "there is a section '%s', which this machine has no use for", x->name);
    }
    snapshot_memories_free(list, count);
    return good;
}

static bool read_memories(const struct snapshot *s, const struct state_file *f, bool store,
                          struct error *e)
{
    size_t count;
    struct state_memory *list = snapshot_memories(s->machine, &count);
    bool good = true;
    if (s->progress) {
        s->progress->done = 0;
        s->progress->all = total_size(list, count);
    }
    for (size_t i = 0; i < count && good; i++) {
        good = state_pages_load(f, &list[i], store, store ? s->progress : NULL, e);
        if (store) {
            dirty_written(s->machine->memory, list[i].bytes, list[i].size);
        }
    }
    snapshot_memories_free(list, count);
    return good;
}

/* ---- loading: the old state, to be put back */

struct before {
    struct strbuf *sections; /* of vCPUs, then of devices */
    size_t count;
};

static void remember(struct machine *m, struct before *b)
{
    size_t devices = 0, n = 0;
    for (const struct device *d = m->devices; d; d = d->next) {
        devices++;
    }
    b->count = m->vcpu_count + devices;
    b->sections = mem_array(b->count ? b->count : 1, sizeof(*b->sections));
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        vcpu_write(m->vcpus[i], &b->sections[n++]);
    }
    for (const struct device *d = m->devices; d; d = d->next) {
        device_write(d, &b->sections[n++]);
    }
}

static void put_back(struct machine *m, const struct before *b)
{
    struct error e;
    size_t n = 0;
    for (unsigned i = 0; i < m->vcpu_count; i++, n++) {
        vcpu_read(m->vcpus[i], b->sections[n].text, b->sections[n].len, vcpu_version(m->vcpus[i]),
                  true, &e);
    }
    for (struct device *d = m->devices; d; d = d->next, n++) {
        device_read(d, b->sections[n].text, b->sections[n].len, device_version(d), true, &e);
    }
}

static void forget(struct before *b)
{
    for (size_t i = 0; i < b->count; i++) {
        strbuf_free(&b->sections[i]);
    }
    mem_free(b->sections);
}

static bool check_all(struct machine *m, struct error *e)
{
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        if (!vcpu_check(m->vcpus[i], e)) {
            error_prefix(e, "vCPU %u: ", i);
            return false;
        }
    }
    return machine_check(m, e);
}

/* All fields are the new ones, or all are the old ones. */
static bool replace_fields(const struct snapshot *s, const struct state_file *f, struct error *e)
{
    struct machine *m = s->machine;
    struct before before;
    remember(m, &before);
    const bool good = read_fields(s, f, true, e) && check_all(m, e);
    if (!good) {
        put_back(m, &before);
    }
    forget(&before);
    return good;
}

/* What follows from the state: lines and timers of devices need the clock, which is a part. */
static void all_loaded(const struct snapshot *s)
{
    struct machine *m = s->machine;
    if (s->accel) {
        accel_state_loaded(s->accel);
    }
    machine_loaded(m);
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        vcpu_loaded(m->vcpus[i]);
    }
}

static bool load(const struct snapshot *s, const struct state_file *f, bool *changed,
                 struct error *e)
{
    if (!read_machine(s, f, e) || !all_known(s, f, e) || !read_parts(s, f, false, e) ||
        !read_fields(s, f, false, e) || !read_memories(s, f, false, e)) {
        return false;
    }
    machine_settle(s->machine);
    if (!replace_fields(s, f, e)) {
        return false;
    }
    *changed = true;
    const bool good = read_memories(s, f, true, e) && read_parts(s, f, true, e);
    all_loaded(s);
    return good;
}

bool snapshot_load_from(const struct snapshot *s, const struct state_file *f, bool *changed,
                        struct error *e)
{
    *changed = false;
    if (can_be_saved(s->machine, e) && load(s, f, changed, e)) {
        return true;
    }
    error_prefix(e, "%s: ", f->path);
    return false;
}

bool snapshot_load(const struct snapshot *s, const char *path, bool *changed, struct error *e)
{
    *changed = false;
    struct state_file *f = state_file_open(path, e);
    const bool good = f && snapshot_load_from(s, f, changed, e);
    state_file_close(f);
    return good;
}
