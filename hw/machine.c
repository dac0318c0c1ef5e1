/* SPDX-License-Identifier: MIT */
/* Machines: building, reset and end, and the lists of buses and devices. */
#include "hw/machine.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/surface.h"
#include "cpu/cpu.h"

/* ---- life */

struct machine *machine_new(const struct machine_class *cls)
{
    struct machine *m = mem_alloc(sizeof(*m));
    m->cls = cls;
    m->board = mem_alloc(cls->board_size);
    m->config.ram_bytes = cls->default_ram_bytes;
    m->config.cpus = m->config.max_cpus = 1;
    m->config.sockets = m->config.clusters = m->config.cores = m->config.threads = 1;
    props_init(cls->props, m->board);
    return m;
}

bool machine_set(struct machine *m, const char *prop, const char *value, struct error *e)
{
    char what[64];
    snprintf(what, sizeof(what), "machine '%s'", m->cls->name);
    return props_set(m->cls->props, m->board, what, prop, value, e);
}

char *machine_help(const struct machine_class *cls)
{
    return props_help(cls->props, cls->name);
}

static bool check_config(const struct machine *m, struct error *e)
{
    const struct machine_config *c = &m->config;
    uint64_t host = os_total_memory_bytes();
    if (c->cpus < 1 || c->max_cpus < c->cpus) {
        return error_set(e, "-smp: from 1 to maxcpus=%u CPUs can be present at start, not %u",
                         c->max_cpus, c->cpus);
    }
    if (c->max_cpus > m->cls->max_cpus) {
        return error_set(e, "-smp: machine '%s' has at most %u CPUs, not %u", m->cls->name,
                         m->cls->max_cpus, c->max_cpus);
    }
    if (c->ram_bytes == 0 || !is_aligned(c->ram_bytes, GUEST_PAGE_SIZE)) {
        return error_set(e, "-m: %" PRIu64 " bytes are not a whole number of 4 KiB pages",
                         c->ram_bytes);
    }
    if (host && c->ram_bytes > host) {
        return error_set(e,
                         "-m: %" PRIu64 " MiB of guest memory do not fit into the host's %" PRIu64,
                         c->ram_bytes >> 20, host >> 20);
    }
    return true;
}

bool machine_build(struct machine *m, struct error *e)
{
    if (!check_config(m, e)) {
        return false;
    }
    m->memory = space_create("memory");
    m->lock = mem_alloc(sizeof(*m->lock));
    os_mutex_init(m->lock);
    m->ram = m->config.ram_host ? m->config.ram_host : os_map_ram(m->config.ram_bytes, e);
    if (!m->ram) {
        error_prefix(e, "-m: ");
        return false;
    }
    return m->cls->build(m, e);
}

bool machine_finish(struct machine *m, struct error *e)
{
    return (!m->cls->finish || m->cls->finish(m, e)) &&
           placements_check(&m->placements, m->memory, e);
}

/* True if a device of the class takes what g says. */
static bool takes(struct machine *m, const struct device_class *cls, const struct machine_global *g,
                  struct error *e)
{
    struct device *d = device_new(cls, m, NULL);
    const bool good = device_set(d, g->property, g->value, e);
    device_free(d);
    return good;
}

bool machine_add_global(struct machine *m, const struct machine_global *g, bool *known,
                        struct error *e)
{
    bool good = false;
    *known = false;
    for (const struct device_class *const *cls = device_classes; *cls && !good; cls++) {
        if (device_class_is(*cls, g->driver)) {
            *known = true;
            good = takes(m, *cls, g, e);
        }
    }
    if (good) {
        struct machine_global **end = &m->globals;
        while (*end) {
            end = &(*end)->next;
        }
        *end = mem_dup(g, sizeof(*g));
        (*end)->next = NULL;
    }
    return good;
}

struct vcpu *machine_add_vcpu(struct machine *m, const struct cpu_class *cls, struct error *e)
{
    const char *model = m->config.cpu ? m->config.cpu : m->cls->default_cpu;

    if (!m->vcpus) {
        m->vcpus = mem_array(m->config.cpus, sizeof(*m->vcpus));
    }
    assert(m->vcpu_count < m->config.cpus);
    struct vcpu *v = cls->create(model, m->vcpu_count, e);
    if (v) {
        m->vcpus[m->vcpu_count++] = v;
        v->memory = m->memory;
        v->clock = m->clock;
        v->power = m->power;
    }
    return v;
}

void machine_add_start(struct machine *m, unsigned cpu, uint64_t pc)
{
    struct machine_start *s = mem_alloc(sizeof(*s));
    *s = (struct machine_start){cpu, pc, m->starts};
    m->starts = s;
}

void machine_add_module(struct machine *m, const struct machine_module *module)
{
    struct machine_module *mine = mem_dup(module, sizeof(*module));
    mine->next = m->modules;
    m->modules = mine;
}

uint8_t *machine_map_memory(struct machine *m, size_t bytes, struct error *e)
{
    uint8_t *host = os_map_ram(bytes, e);
    if (host) {
        struct machine_memory *k = mem_alloc(sizeof(*k));
        *k = (struct machine_memory){host, bytes, m->memories};
        m->memories = k;
    }
    return host;
}

static void place_images(struct machine *m)
{
    struct error e;
    if (!placements_apply(&m->placements, m->memory, &e)) {
        log_print(~0u, "machine '%s': %s\n", m->cls->name, e.text);
        m->power->request(m->power, POWER_PANIC);
    }
}

static void log_registers(struct vcpu *v)
{
    if (log_enabled(LOG_CPU_RESET)) {
        struct strbuf s = {0};
        v->cls->registers(v, &s); /* its first line is CPU#N */
        const char *rest = strchr(strbuf_text(&s), '\n');
        log_print(LOG_CPU_RESET, "CPU Reset (CPU %u)%s", v->index, rest ? rest : "\n");
        strbuf_free(&s);
    }
}

void machine_reset(struct machine *m)
{
    for (struct device *d = m->devices; d; d = d->next) {
        device_reset(d);
    }
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        log_registers(m->vcpus[i]);
        m->vcpus[i]->halted = false;
        m->vcpus[i]->calling = false;
        m->vcpus[i]->cls->reset(m->vcpus[i]);
    }
    place_images(m);
    if (m->cls->reset) {
        m->cls->reset(m);
    }
    for (const struct machine_start *s = m->starts; s; s = s->next) {
        m->vcpus[s->cpu]->cls->set_pc(m->vcpus[s->cpu], s->pc);
    }
}

void machine_free(struct machine *m)
{
    if (!m) {
        return;
    }
    while (m->devices) { /* the youngest first: it may hold on to older ones */
        struct device *last = m->devices;
        while (last->next) {
            last = last->next;
        }
        device_free(last);
    }
    if (m->cls->destroy) {
        m->cls->destroy(m);
    }
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        m->vcpus[i]->cls->destroy(m->vcpus[i]);
    }
    mem_free(m->vcpus);
    placements_free(&m->placements);
    for (struct machine_start *p = m->starts, *next; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    for (struct machine_module *k = m->modules, *next; k; k = next) {
        next = k->next;
        mem_free(k);
    }
    for (struct machine_global *g = m->globals, *next; g; g = next) {
        next = g->next;
        mem_free(g);
    }
    props_free(m->cls->props, m->board);
    mem_free(m->board);
    if (m->memory) {
        space_destroy(m->memory);
    }
    if (m->ram && !m->config.ram_host) {
        os_unmap(m->ram, m->config.ram_bytes);
    }
    for (struct machine_memory *k = m->memories, *next; k; k = next) {
        next = k->next;
        os_unmap(k->host, k->bytes);
        mem_free(k);
    }
    if (m->lock) {
        os_mutex_destroy(m->lock);
        mem_free(m->lock);
    }
    mem_free(m);
}

void machine_power_button(struct machine *m)
{
    if (m->cls->power_button) {
        m->cls->power_button(m);
    }
}

/* ---- lists */

void machine_add_bus(struct machine *m, struct bus *b)
{
    struct bus **end = &m->buses;
    while (*end) {
        end = &(*end)->next;
    }
    b->next = NULL;
    *end = b;
}

void machine_remove_bus(struct machine *m, struct bus *b)
{
    for (struct bus **p = &m->buses; *p; p = &(*p)->next) {
        if (*p == b) {
            *p = b->next;
            return;
        }
    }
}

struct bus *machine_find_bus(struct machine *m, const char *name)
{
    struct bus *b = m->buses;
    while (b && strcmp(b->name, name) != 0) {
        b = b->next;
    }
    return b;
}

void machine_add_bus_of(struct bus *b, const char *kind)
{
    if (!*b->name) {
        unsigned n = 0;
        do {
            snprintf(b->name, sizeof(b->name), "%s.%u", kind, n++);
        } while (machine_find_bus(b->machine, b->name));
    }
    machine_add_bus(b->machine, b);
}

void machine_add_screen(struct machine *m, struct screen *s)
{
    struct screen **end = &m->screens;
    while (*end) {
        end = &(*end)->next;
    }
    s->next = NULL;
    *end = s;
}

void machine_remove_screen(struct machine *m, struct screen *s)
{
    struct screen **at = &m->screens;
    while (*at && *at != s) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = s->next;
    }
}

void machine_add_device(struct machine *m, struct device *d)
{
    struct device **end = &m->devices;
    while (*end) {
        end = &(*end)->next;
    }
    d->next = NULL;
    *end = d;
}

void machine_remove_device(struct machine *m, struct device *d)
{
    for (struct device **p = &m->devices; *p; p = &(*p)->next) {
        if (*p == d) {
            *p = d->next;
            return;
        }
    }
}

void machine_release(struct device *d)
{
    if (d->machine->release && !d->released) {
        d->released = true;
        d->machine->release(d->machine->release_opaque, d);
    }
}

struct device *machine_find_device(struct machine *m, const char *id)
{
    struct device *d = m->devices;
    while (d && !(d->id && strcmp(d->id, id) == 0)) {
        d = d->next;
    }
    return d;
}
