/* SPDX-License-Identifier: MIT */
/* -machine, -cpu, -m, -smp, -rtc, -uuid, -name. */
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "cpu/arch.h"
#include "cpu/cpu.h"
#include "system/options.h"

/* ---- -machine: what every machine takes; what is left in the group are properties of the board,
 * set when it is made */

struct machine_group {
    const char *accel, *firmware;
    bool usb;
    bool ignored;
    int off;
};

static const char *const off_only[] = {"off", NULL};

#define CONFIG(m) offsetof(struct config, m)

/* These are other options' members. */
static const struct key_row shared_rows[] = {
    {"kernel", KEY_TEXT, CONFIG(machine.kernel), "as -kernel", NULL},
    {"initrd", KEY_TEXT, CONFIG(machine.initrd), "as -initrd", NULL},
    {"append", KEY_TEXT, CONFIG(machine.append), "as -append", NULL},
    {"dtb", KEY_TEXT, CONFIG(machine.dtb), "as -dtb", NULL},
    {"firmware", KEY_TEXT, CONFIG(machine.bios), "as -bios", NULL},
    {"hmat", KEY_BOOL, CONFIG(hmat), "ACPI tells of latencies and bandwidths (-numa hmat-lb)",
     NULL},
    {"memory-backend", KEY_TEXT, CONFIG(memory_backend),
     "id of the -object memory-backend-... that is the memory", NULL},
    {"dumpdtb", KEY_TEXT, CONFIG(machine.dump_dtb), "write the device tree into that file and end",
     NULL},
    {0}};

static const struct key_row machine_rows[] = {
    {"accel", KEY_TEXT, offsetof(struct machine_group, accel),
     "as -accel; names separated by colons are tried in turn", NULL},
    {"graphics", KEY_BOOL, offsetof(struct machine_group, ignored), "accepted: there is no window",
     NULL},
    {"dump-guest-core", KEY_BOOL, offsetof(struct machine_group, ignored),
     "accepted: guest memory is never in a core file", NULL},
    {"mem-merge", KEY_BOOL, offsetof(struct machine_group, ignored), "accepted", NULL},
    {"usb", KEY_BOOL, offsetof(struct machine_group, usb), "off is accepted: there is no USB yet",
     NULL},
    {"nvdimm", KEY_CHOICE, offsetof(struct machine_group, off), "off is accepted", off_only},
    {"suppress-vmdesc", KEY_BOOL, offsetof(struct machine_group, ignored),
     "accepted: there is no migration yet", NULL},
    {"aux-ram-share", KEY_BOOL, offsetof(struct machine_group, ignored), "accepted", NULL},
    {"memory-encryption", KEY_REFUSED, 0, "not in this build; leave it out", NULL},
    {"confidential-guest-support", KEY_REFUSED, 0, "not in this build; leave it out", NULL},
    {0}};

/* The oldest and the newest, since they are versions. */
static void put_other_names(struct strbuf *s, const struct machine_class *m)
{
    size_t n = 0;
    while (m->also && m->also[n]) {
        n++;
    }
    if (n) {
        strbuf_printf(s, "  %-20s the same machine, by the %zu names up to %s\n", m->also[0], n,
                      m->also[n - 1]);
    }
}

char *options_machines(const char *arch)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "Machines:\n");
    for (const struct machine_class *const *m = machine_classes; *m; m++) {
        if (strcmp((*m)->arch, arch) == 0) {
            strbuf_printf(&s, "  %-20s %s\n", (*m)->name, (*m)->desc);
            put_other_names(&s, *m);
        }
    }
    return strbuf_take(&s);
}

static char *help_of(const struct machine_class *m)
{
    struct strbuf s = {0};
    char *own = machine_help(m);
    strbuf_puts(&s, own);
    mem_free(own);
    strbuf_puts(&s, "Properties of every machine:\n");
    keyval_rows_help(shared_rows, &s);
    keyval_rows_help(machine_rows, &s);
    return strbuf_take(&s);
}

static bool no_such_machine(struct config *c, const char *name, struct error *e)
{
    const char *names[64];
    size_t n = 0;
    for (const struct machine_class *const *m = machine_classes; *m && n < 63; m++) {
        if (strcmp((*m)->arch, c->arch) == 0) {
            names[n++] = (*m)->name;
        }
    }
    names[n] = NULL;
    error_set(e, "-machine %s: there is no such machine", name);
    keyval_choices(e, name, names);
    return false;
}

/* Moves the items of rows out of the group into *into. */
static bool take_rows(struct config *c, const struct key_row *rows, void *into, struct error *e)
{
    for (const struct key_row *r = rows; r->name; r++) {
        struct keyvals one = {.where = c->machine_group->where};
        char *value = keyvals_take(c->machine_group, r->name);
        if (!value) {
            continue;
        }
        struct keyval item = {(char *)r->name, (char *)config_own(c, value)};
        one.items = &item;
        one.count = 1;
        if (!keyvals_apply(&one, rows, NULL, into, e)) {
            return false;
        }
    }
    return true;
}

static bool apply_common(struct config *c, struct error *e)
{
    struct machine_group g = {0};
    if (!take_rows(c, shared_rows, c, e) || !take_rows(c, machine_rows, &g, e)) {
        return false;
    }
    if (g.usb) {
        return error_set(e, "%s: usb=on: there is no USB yet", c->machine_group->where);
    }
    bool tcg = !g.accel || strcmp(g.accel, "tcg") == 0 || strstr(g.accel, ":tcg") ||
               strncmp(g.accel, "tcg:", 4) == 0;
    return tcg || error_set(e, "%s: accel: '%s' is not in this build; accepted: tcg",
                            c->machine_group->where, g.accel);
}

/* As if -machine had named it. */
static void set_default(struct config *c, const char *name)
{
    if (!c->machine_group) {
        struct error e;
        c->machine_group = keyvals_parse("-machine", name, "type", &e);
    } else {
        keyvals_set(c->machine_group, "type", name);
    }
}

static bool check_machine_group(struct config *c, struct error *e)
{
    struct keyvals *k = c->machine_group;
    const char *type = k ? keyvals_get(k, "type") : NULL;
    if (type && options_is_help(type)) {
        return options_give_help(c, options_machines(c->arch));
    }
    const struct machine_class *usual = type ? NULL : machine_class_default(c->arch);
    if (usual) {
        set_default(c, usual->name);
        k = c->machine_group;
        type = usual->name;
    }
    if (!type) {
        char *list = options_machines(c->arch);
        error_set(e, "no machine is chosen: -machine NAME is missing");
        error_append_lines(e, list);
        mem_free(list);
        return false;
    }
    c->machine_class = machine_class_find(c->arch, type);
    if (!c->machine_class) {
        return no_such_machine(c, type, e);
    }
    if (options_want_help(k)) {
        return options_give_help(c, help_of(c->machine_class));
    }
    mem_free(keyvals_take(k, "type"));
    return apply_common(c, e);
}

/* ---- -cpu */

static bool check_cpu(struct config *c, struct error *e)
{
    const struct machine_class *m = c->machine_class;
    const char *comma = c->machine.cpu ? strchr(c->machine.cpu, ',') : NULL;
    if (c->machine.cpu &&
        (options_is_help(c->machine.cpu) || (comma && options_is_help(comma + 1)))) {
        struct strbuf s = {0};
        for (const struct cpu_class *const *cls = m ? m->cpu_classes : c->guest->cpus; *cls;
             cls++) {
            char *text = (*cls)->describe_models();
            strbuf_puts(&s, text);
            mem_free(text);
        }
        return options_give_help(c, strbuf_take(&s));
    }
    (void)e;
    return true;
}

/* ---- -m */

struct memory_group {
    uint64_t size, maxmem;
    uint32_t slots;
};

static const struct key_row memory_rows[] = {
    {"size", KEY_MEGABYTES, offsetof(struct memory_group, size), "memory (128M)", NULL},
    {"slots", KEY_U32, offsetof(struct memory_group, slots),
     "0: memory cannot be added while the machine runs", NULL},
    {"maxmem", KEY_MEGABYTES, offsetof(struct memory_group, maxmem), "the same as size", NULL},
    {0}};

/* The back end has the size that -m says, or says it. */
static bool size_by_backend(const struct config *c, uint64_t said, uint64_t *size, struct error *e)
{
    if (!options_memory_bytes(c, c->memory_backend, size, e)) {
        error_prefix(e, "%s: memory-backend: ", c->machine_group->where);
        return false;
    }
    return !said || said == *size ||
           error_set(e, "-m says %llu bytes, and memory-backend=%s has %llu",
                     (unsigned long long)said, c->memory_backend, (unsigned long long)*size);
}

static bool check_memory(struct config *c, struct error *e)
{
    struct memory_group g = {0};
    const struct keyvals *k = c->memory_group;
    if (k && !keyvals_apply(k, memory_rows, NULL, &g, e)) {
        return false;
    }
    if (k && k->count == 0) {
        return error_set(e, "%s: a size is missing", k->where);
    }
    uint64_t size = g.size ? g.size : c->machine_class->default_ram_bytes;
    size = size ? size : UINT64_C(128) << 20;
    if (c->memory_backend && !size_by_backend(c, g.size, &size, e)) {
        return false;
    }
    if (g.slots || (g.maxmem && g.maxmem != size)) {
        return error_set(e,
                         "%s: memory cannot be added while the machine runs; slots=0 and maxmem as "
                         "size are accepted",
                         k->where);
    }
    if (size > UINT64_C(1) << 48) {
        return error_set(e, "%s: more than any machine takes", k->where);
    }
    /* Whole pages of the largest size that a guest may use for its smallest. */
    c->machine.ram_bytes = (size + 0xffff) & ~UINT64_C(0xffff);
    return true;
}

/* ---- -smp */

struct smp_group {
    uint32_t cpus, sockets, cores, threads, maxcpus;
    uint32_t drawers, books, dies, clusters, modules;
};

static const struct key_row smp_rows[] = {
    {"cpus", KEY_U32, offsetof(struct smp_group, cpus), "CPUs (1)", NULL},
    {"sockets", KEY_U32, offsetof(struct smp_group, sockets), "sockets (1)", NULL},
    {"cores", KEY_U32, offsetof(struct smp_group, cores),
     "cores in a cluster (as many as it takes)", NULL},
    {"threads", KEY_U32, offsetof(struct smp_group, threads), "threads of a core (1)", NULL},
    {"maxcpus", KEY_U32, offsetof(struct smp_group, maxcpus),
     "CPUs of the topology (as many as cpus); those beyond cpus stay absent", NULL},
    {"drawers", KEY_U32, offsetof(struct smp_group, drawers), "1", NULL},
    {"books", KEY_U32, offsetof(struct smp_group, books), "1", NULL},
    {"dies", KEY_U32, offsetof(struct smp_group, dies), "1", NULL},
    {"clusters", KEY_U32, offsetof(struct smp_group, clusters), "clusters in a socket (1)", NULL},
    {"modules", KEY_U32, offsetof(struct smp_group, modules), "1", NULL},
    {0}};

/* a * b, or more than any machine has. */
static uint32_t limited(uint64_t a, uint64_t b)
{
    const uint64_t most = UINT32_MAX;
    return (uint32_t)(b && a > most / b ? most : a * b);
}

/* Numbers that are not given follow from those that are: first the cores, then the sockets. */
static void complete_topology(struct smp_group *g)
{
    uint32_t all = g->maxcpus ? g->maxcpus : g->cpus;
    g->threads = g->threads ? g->threads : 1;
    g->clusters = g->clusters ? g->clusters : 1;
    if (!all) {
        g->sockets = g->sockets ? g->sockets : 1;
        g->cores = g->cores ? g->cores : 1;
        all = limited((uint64_t)g->sockets * g->clusters, (uint64_t)g->cores * g->threads);
    } else if (!g->cores) {
        g->sockets = g->sockets ? g->sockets : 1;
        g->cores = all / limited((uint64_t)g->sockets * g->clusters, g->threads);
    } else if (!g->sockets) {
        g->sockets = all / limited((uint64_t)g->clusters * g->cores, g->threads);
    }
    g->maxcpus = all;
    g->cpus = g->cpus ? g->cpus : all;
}

static bool check_smp(struct config *c, struct error *e)
{
    struct smp_group g = {0};
    const struct keyvals *k = c->smp_group;
    if (k && !keyvals_apply(k, smp_rows, NULL, &g, e)) {
        return false;
    }
    for (size_t i = 0; k && i < k->count; i++) {
        if (k->items[i].value && strcmp(k->items[i].value, "0") == 0) {
            return error_set(e, "%s: %s: at least 1", k->where, k->items[i].key);
        }
    }
    complete_topology(&g);
    const char *where = k ? k->where : "-smp";
    if (g.drawers > 1 || g.books > 1 || g.dies > 1 || g.modules > 1) {
        return error_set(
            e,
            "%s: no machine of this build has more than sockets, clusters, cores and threads:"
            " 1 is accepted for other levels",
            where);
    }
    const uint32_t cores = limited((uint64_t)g.sockets * g.clusters, g.cores);
    if (limited(cores, g.threads) != g.maxcpus) {
        return error_set(e, "%s: %u sockets * %u clusters * %u cores * %u threads are not %u CPUs",
                         where, g.sockets, g.clusters, g.cores, g.threads, g.maxcpus);
    }
    if (g.maxcpus < g.cpus) {
        return error_set(e, "%s: %u CPUs are more than maxcpus=%u", where, g.cpus, g.maxcpus);
    }
    c->machine.cpus = g.cpus;
    c->machine.max_cpus = g.maxcpus;
    c->machine.sockets = g.sockets;
    c->machine.clusters = g.clusters;
    c->machine.cores = g.cores;
    c->machine.threads = g.threads;
    return true;
}

/* ---- -rtc */

struct rtc_group {
    const char *base;
    int clock, drift;
};

static const char *const clock_choices[] = {"vm", "host", "rt", NULL};
static const char *const drift_choices[] = {"none", "slew", NULL};

static const struct key_row rtc_rows[] = {
    {"base", KEY_TEXT, offsetof(struct rtc_group, base),
     "utc, localtime, or a date: 2026-01-31T12:00:00 (utc)", NULL},
    {"clock", KEY_CHOICE, offsetof(struct rtc_group, clock),
     "accepted: it goes with the virtual clock (vm)", clock_choices},
    {"driftfix", KEY_CHOICE, offsetof(struct rtc_group, drift), "no tick is ever lost",
     drift_choices},
    {0}};

static bool parse_date(const char *text, int64_t *s)
{
    struct tm t = {.tm_isdst = 0};
    char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
    if (!end) {
        memset(&t, 0, sizeof(t));
        end = strptime(text, "%Y-%m-%d", &t);
    }
    if (!end || *end) {
        return false;
    }
    *s = timegm(&t);
    return true;
}

static bool check_rtc(struct config *c, struct error *e)
{
    struct rtc_group g = {.base = "utc"};
    const struct keyvals *k = c->rtc_group;
    if (k && !keyvals_apply(k, rtc_rows, NULL, &g, e)) {
        return false;
    }
    time_t now = (time_t)(os_wall_ns() / 1000000000);
    if (strcmp(g.base, "utc") == 0) {
        c->machine.rtc_base_s = now;
    } else if (strcmp(g.base, "localtime") == 0) {
        struct tm t;
        localtime_r(&now, &t);
        c->machine.rtc_base_s = now + t.tm_gmtoff;
    } else if (!parse_date(g.base, &c->machine.rtc_base_s)) {
        return error_set(
            e, "%s: base: '%s' is not one of utc, localtime, 2026-01-31T12:00:00, 2026-01-31",
            k->where, g.base);
    }
    return true;
}

/* ---- -uuid, -name */

static bool check_uuid(const char *text, struct error *e)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool ok = !text || strlen(text) == sizeof(shape) - 1;
    for (size_t i = 0; ok && text && text[i]; i++) {
        ok = shape[i] == 'x' ? isxdigit((unsigned char)text[i]) != 0 : text[i] == '-';
    }
    return ok || error_set(e, "-uuid %s: the form is %s, x being a hexadecimal digit", text, shape);
}

struct name_group {
    const char *guest, *process;
    bool threads;
};

static const struct key_row name_rows[] = {
    {"guest", KEY_TEXT, offsetof(struct name_group, guest), "name of the machine", NULL},
    {"process", KEY_TEXT, offsetof(struct name_group, process), "name of the process", NULL},
    {"debug-threads", KEY_BOOL, offsetof(struct name_group, threads),
     "accepted: threads always have names", NULL},
    {0}};

static bool check_name(struct config *c, struct error *e)
{
    struct name_group g = {0};
    if (c->name_group && !keyvals_apply(c->name_group, name_rows, NULL, &g, e)) {
        return false;
    }
    c->machine.name = g.guest;
    if (g.process) {
        os_thread_name(g.process);
    }
    return true;
}

/* Help on the groups needs no machine. false: it was given. */
static bool check_help(struct config *c)
{
    const struct {
        const struct keyvals *group;
        const struct key_row *rows;
    } groups[] = {{c->memory_group, memory_rows},
                  {c->smp_group, smp_rows},
                  {c->rtc_group, rtc_rows},
                  {c->name_group, name_rows}};
    for (size_t i = 0; i < array_len(groups); i++) {
        if (groups[i].group && options_want_help(groups[i].group)) {
            struct strbuf s = {0};
            keyval_rows_help(groups[i].rows, &s);
            return options_give_help(c, strbuf_take(&s));
        }
    }
    return true;
}

bool options_check_machine(struct config *c, struct error *e)
{
    return check_help(c) && check_cpu(c, e) && check_machine_group(c, e) && check_memory(c, e) &&
           check_smp(c, e) && check_rtc(c, e) && check_uuid(c->machine.uuid, e) && check_name(c, e);
}
