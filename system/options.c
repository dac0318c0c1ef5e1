/* SPDX-License-Identifier: MIT */
/*
 * The command line's parser, -help and the manual's list of options, all from the table in
 * options_table.c. Options start with one or two dashes, as in QEMU. The program's name says which
 * architecture it is the emulator of: dragoman-system-ARCH or qemu-system-ARCH.
 */
#include "system/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "cpu/arch.h"

bool options_is_help(const char *text)
{
    return strcmp(text, "help") == 0 || strcmp(text, "?") == 0;
}

bool options_want_help(const struct keyvals *k)
{
    for (size_t i = 0; i < k->count; i++) {
        bool bare = !k->items[i].value && options_is_help(k->items[i].key);
        if (bare || (i == 0 && k->items[i].value && options_is_help(k->items[i].value))) {
            return true;
        }
    }
    return false;
}

bool options_give_help(struct config *c, char *text)
{
    mem_free(c->help);
    c->help = text;
    return false;
}

static const struct option *find_option(const char *name)
{
    for (const struct option *o = options; o->name; o++) {
        if (strcmp(o->name, name) == 0 || (o->also && strcmp(o->also, name) == 0)) {
            return o;
        }
    }
    return NULL;
}

static bool unknown_option(const char *arg, const char *name, struct error *e)
{
    enum {
        MAX = 160
    };
    const char *names[MAX];
    size_t n = 0;
    for (const struct option *o = options; o->name && n + 2 < MAX; o++) {
        if (o->kind != OPTION_REFUSED) {
            names[n++] = o->name;
        }
    }
    error_set(e, "%s: unknown option", arg);
    const char *near = error_nearest_name(name, names, n);
    if (near) {
        error_append(e, "; did you mean -%s?", near);
    }
    error_append(e, " (-help lists all)");
    return false;
}

static void add_text(struct text_list *l, const char *text)
{
    l->items = mem_resize_array(l->items, l->count + 1, sizeof(*l->items));
    l->items[l->count++] = text;
}

/* Appends the items of k, and its text for messages, to *into. */
static void merge(struct keyvals **into, struct keyvals *k)
{
    struct keyvals *m = *into;
    if (!m) {
        *into = k;
        return;
    }
    m->items = mem_resize_array(m->items, m->count + k->count, sizeof(*m->items));
    for (size_t i = 0; i < k->count; i++) {
        m->items[m->count + i] = k->items[i];
    }
    m->count += k->count;
    k->count = 0;
    char *where = mem_printf("%s %s", m->where, k->where);
    mem_free(m->where);
    m->where = where;
    keyvals_free(k);
}

static bool take_group(struct config *c, const struct option *o, const char *arg, struct error *e)
{
    char *option = mem_printf("-%s", o->name);
    struct keyvals *k = keyvals_parse(option, arg, o->implied, e);
    mem_free(option);
    if (!k) {
        return false;
    }
    struct keyvals **at = (struct keyvals **)((char *)c + o->offset);
    if (o->kind == OPTION_GROUP) {
        merge(at, k);
    } else {
        keyvals_append(at, k);
    }
    return true;
}

static bool take_drive(struct config *c, const struct option *o, const char *arg, struct error *e)
{
    char *option = mem_printf("-%s", o->name);
    struct keyvals *k = keyvals_parse(option, o->implied, NULL, e);
    mem_free(k->where);
    k->where = mem_printf("%s %s", option, arg);
    keyvals_set(k, "file", arg);
    keyvals_append((struct keyvals **)((char *)c + o->offset), k);
    mem_free(option);
    return true;
}

static bool take(struct config *c, const struct option *o, const char *arg, struct error *e)
{
    void *member = (char *)c + o->offset;
    switch (o->kind) {
    case OPTION_TEXT:
        *(const char **)member = arg;
        return true;
    case OPTION_TEXTS:
        add_text(member, arg);
        return true;
    case OPTION_FLAG:
        *(bool *)member = true;
        return true;
    case OPTION_GROUP:
    case OPTION_GROUPS:
        return take_group(c, o, arg, e);
    case OPTION_DRIVE:
        return take_drive(c, o, arg, e);
    case OPTION_CALL:
        return o->take(c, arg, e);
    case OPTION_HARMLESS:
        return options_take_harmless(c, o, arg, e);
    case OPTION_REFUSED:
        return error_set(e, "-%s is not in this build: %s", o->name, o->help);
    }
    return false;
}

/* The architecture in a program's name, or NULL. */
static const char *arch_of_name(const char *program)
{
    static const char *const prefixes[] = {"dragoman-system-", "qemu-system-"};
    const char *base = strrchr(program, '/');
    base = base ? base + 1 : program;
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(base, prefixes[i], n) == 0 && base[n]) {
            return base + n;
        }
    }
    return NULL;
}

bool options_parse(struct config *c, int argc, char **argv, struct error *e)
{
    c->program = argv[0];
    c->arch = arch_of_name(argv[0]);
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (arg[0] != '-' || !arg[1]) { /* a disk image, as in QEMU */
            if (!take_drive(c, find_option("hda"), arg, e)) {
                return false;
            }
            continue;
        }
        const char *name = arg[1] == '-' ? arg + 2 : arg + 1;
        const struct option *o = find_option(name);
        if (!o) {
            return unknown_option(arg, name, e);
        }
        const char *value = NULL;
        if (o->arg && o->kind != OPTION_REFUSED) {
            if (i + 1 == argc) {
                return error_set(e, "%s: the argument is missing: %s %s", arg, arg, o->arg);
            }
            value = argv[++i];
        }
        if (!take(c, o, value, e)) {
            return false;
        }
    }
    return true;
}

/* The text of -arch help; allocated. */
static char *list_archs(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "Architectures of the guest:\n");
    for (const struct arch *const *a = archs; *a; a++) {
        strbuf_printf(&s, "  %-20s %s\n", (*a)->name, (*a)->desc);
    }
    return strbuf_take(&s);
}

/* The architecture must be said, and one that there is. */
static bool check_arch(struct config *c, struct error *e)
{
    const char *names[32];
    size_t n = 0;
    if (c->arch && options_is_help(c->arch)) {
        return options_give_help(c, list_archs());
    }
    c->guest = c->arch ? arch_find(c->arch) : NULL;
    if (c->guest) {
        return true;
    }
    for (const struct arch *const *a = archs; *a && n < array_len(names) - 1; a++) {
        names[n++] = (*a)->name;
    }
    names[n] = NULL;
    if (c->arch) {
        error_set(e, "-arch %s: there is no such guest in this build", c->arch);
    } else {
        error_set(e, "the guest's architecture is not known: -arch NAME is missing");
    }
    keyval_choices(e, c->arch ? c->arch : "", names);
    return false;
}

bool options_check(struct config *c, struct error *e)
{
    return check_arch(c, e) && options_check_run(c, e) && options_check_accel(c, e) &&
           options_check_backends(c, e) && options_check_devices(c, e) &&
           options_check_machine(c, e) && options_check_boot(c, e) &&
           options_check_firmware(c, e) && options_check_numa(c, e);
}

/* ---- help */

/* Prints text in lines of at most 100 columns, each but the first after `indent` spaces. */
static void put_wrapped(struct strbuf *s, const char *text, int indent)
{
    int column = indent;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column + n > 99 && column > indent) {
            strbuf_printf(s, "\n%*s", indent, "");
            column = indent;
        }
        strbuf_printf(s, "%s%.*s", column > indent ? " " : "", n, text);
        column += n + 1;
        text += n + (text[n] == ' ');
    }
    strbuf_putc(s, '\n');
}

static void help_row(struct strbuf *s, const struct option *o)
{
    enum {
        INDENT = 28
    };
    char *left = mem_printf("  -%s%s%s%s%s", o->name, o->also ? ", -" : "", o->also ? o->also : "",
                            o->arg ? " " : "", o->arg ? o->arg : "");
    if (strlen(left) < INDENT) {
        strbuf_printf(s, "%-*s", INDENT, left);
    } else {
        strbuf_printf(s, "%s\n%*s", left, INDENT, "");
    }
    put_wrapped(s, o->help, INDENT);
    mem_free(left);
}

/* What the program's name, or -arch before, chose, and what is meant where nothing is said. */
static void help_guest(struct strbuf *s, const char *name)
{
    const struct arch *a = name ? arch_find(name) : NULL;
    if (!a) {
        strbuf_puts(s, "guest: -arch NAME says which; -arch help lists them\n");
        return;
    }
    const struct machine_class *m = machine_class_default(a->name);
    strbuf_printf(s, "guest: %s, %s; other guests of this program: -arch help\n", a->name, a->desc);
    strbuf_printf(s, "machine: %s; -machine help lists all\n",
                  m ? m->name : "-machine must say which");
    for (const struct machine_class *const *all = machine_classes; *all; all++) {
        if (strcmp((*all)->arch, a->name) == 0) {
            strbuf_printf(s, "CPU of %s: %s; -cpu help lists all\n", (*all)->name,
                          (*all)->default_cpu);
        }
    }
}

char *options_help(const char *program, const char *arch)
{
    struct strbuf s = {0};
    const char *base = strrchr(program, '/');
    strbuf_printf(&s, "usage: %s [OPTION...] [DISK]\n", base ? base + 1 : program);
    help_guest(&s, arch);
    for (int section = 0; section < SECTION_COUNT; section++) {
        strbuf_printf(&s, "\n%s:\n", option_sections[section]);
        for (const struct option *o = options; o->name; o++) {
            if ((int)o->section == section && o->kind != OPTION_REFUSED) {
                help_row(&s, o);
            }
        }
    }
    return strbuf_take(&s);
}

/* Text for man(7): a backslash and a leading dot or quote mean something to it, a dash may be
 * typeset. */
static void put_roff(struct strbuf *s, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\') {
            strbuf_putc(s, '\\');
        }
        strbuf_putc(s, *text);
    }
}

char *options_man(void)
{
    struct strbuf s = {0};
    strbuf_puts(&s, ".SH OPTIONS\n");
    for (int section = 0; section < SECTION_COUNT; section++) {
        strbuf_printf(&s, ".SS %s\n", option_sections[section]);
        for (const struct option *o = options; o->name; o++) {
            if ((int)o->section != section || o->kind == OPTION_REFUSED) {
                continue;
            }
            strbuf_puts(&s, ".TP\n.B ");
            put_roff(&s, "-");
            put_roff(&s, o->name);
            if (o->also) {
                strbuf_puts(&s, ", \\-");
                put_roff(&s, o->also);
            }
            if (o->arg) {
                strbuf_putc(&s, ' ');
                put_roff(&s, o->arg);
            }
            strbuf_putc(&s, '\n');
            put_roff(&s, o->help);
            strbuf_putc(&s, '\n');
        }
    }
    return strbuf_take(&s);
}

/* -set GROUP.ID.KEY=VALUE, of an option that stands before it. */
bool options_take_set(struct config *c, const char *arg, struct error *e)
{
    const struct {
        const char *name;
        struct keyvals *list;
    } groups[] = {{"device", c->devices},
                  {"drive", c->drives},
                  {"netdev", c->netdevs},
                  {"chardev", c->chardevs},
                  {"object", c->objects}};
    const char *id = strchr(arg, '.'), *key = id ? strchr(id + 1, '.') : NULL,
               *equals = key ? strchr(key, '=') : NULL;
    if (!equals) {
        return error_set(e, "-set %s: the form is -set GROUP.ID.KEY=VALUE", arg);
    }
    for (size_t i = 0; i < array_len(groups); i++) {
        if (strlen(groups[i].name) != (size_t)(id - arg) ||
            strncmp(groups[i].name, arg, (size_t)(id - arg)) != 0) {
            continue;
        }
        for (struct keyvals *k = groups[i].list; k; k = k->next) {
            const char *is = keyvals_get(k, "id");
            if (is && strlen(is) == (size_t)(key - id - 1) &&
                strncmp(is, id + 1, (size_t)(key - id - 1)) == 0) {
                char *name = mem_printf("%.*s", (int)(equals - key - 1), key + 1);
                keyvals_set(k, name, equals + 1);
                mem_free(name);
                return true;
            }
        }
        return error_set(e, "-set %s: there is no -%s with that id before it", arg, groups[i].name);
    }
    return error_set(e, "-set %s: accepted: device, drive, netdev, chardev, object", arg);
}

bool options_take_help(struct config *c, const char *arg, struct error *e)
{
    (void)arg;
    (void)e;
    return options_give_help(c, options_help(c->program, c->arch));
}

bool options_take_man(struct config *c, const char *arg, struct error *e)
{
    (void)arg;
    (void)e;
    return options_give_help(c, options_man());
}

void config_free(struct config *c)
{
    struct keyvals **groups[] = {&c->machine_group, &c->memory_group, &c->smp_group,
                                 &c->rtc_group,     &c->icount_group, &c->semihosting_group,
                                 &c->action_group,  &c->name_group,   &c->accel_groups,
                                 &c->drives,        &c->devices,      &c->netdevs,
                                 &c->nics,          &c->nets,         &c->chardevs,
                                 &c->fsdevs,        &c->virtfs,       &c->objects,
                                 &c->mons,          &c->globals,      &c->boot_group,
                                 &c->fw_cfgs,       &c->acpi_tables,  &c->smbios,
                                 &c->numas};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        while (*groups[i]) {
            struct keyvals *next = (*groups[i])->next;
            keyvals_free(*groups[i]);
            *groups[i] = next;
        }
    }
    options_free_backends(c);
    mem_free(c->serials.items);
    mem_free(c->monitors.items);
    mem_free(c->firmware_dirs.items);
    mem_free(c->blockdevs.items);
    mem_free(c->help);
    for (size_t i = 0; i < c->owned_count; i++) {
        mem_free(c->owned[i]);
    }
    mem_free(c->owned);
}

const char *config_own(struct config *c, char *text)
{
    c->owned = mem_resize_array(c->owned, c->owned_count + 1, sizeof(*c->owned));
    c->owned[c->owned_count++] = text;
    return text;
}
