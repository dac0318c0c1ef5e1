/* SPDX-License-Identifier: MIT */
/*
 * Who talks where: serial lines, monitors, gdb, semihosting, and what they are when nothing was
 * said.
 *
 * There is no window in this build. As QEMU's -nographic does, the first serial line and the
 * monitor share the terminal unless -display none asked for silence or -daemonize leaves no
 * terminal.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/gdb.h"
#include "monitor/monitor.h"
#include "system/say.h"
#include "system/vm.h"

static struct monitor_context steering(struct vm *vm)
{
    return (struct monitor_context){
        .control = &vm->control, .machine = vm->machine, .accel = vm->accel, .loop = vm->loop};
}

static void add_monitor(struct vm *vm, struct stream *s)
{
    vm->monitors = mem_resize_array(vm->monitors, vm->monitor_count + 1, sizeof(struct monitor *));
    struct monitor_context context = steering(vm);
    vm->monitors[vm->monitor_count++] = monitor_create(&context, s);
}

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- serial lines */

static bool open_serial(struct vm *vm, const char *text, struct error *e)
{
    struct stream *s = NULL;
    if (!is(text, "none")) {
        char name[32];
        const char *id;
        snprintf(name, sizeof(name), "serial%zu", vm->serial_count);
        struct chardev_short how = {.option = "-serial", .text = text, .id = name};
        if (!chardevs_add_short(vm->chardevs, &how, &id, e)) {
            return false;
        }
        s = chardevs_use(vm->chardevs, id, e);
        if (!s) {
            error_prefix(e, "-serial %s: ", text);
            return false;
        }
    }
    vm->serials = mem_resize_array(vm->serials, vm->serial_count + 1, sizeof(*vm->serials));
    vm->serials[vm->serial_count++] = s;
    return true;
}

/* The back end of -parallel or -debugcon, which its device finds by the option's name. */
static bool open_port(struct vm *vm, const char *option, const char *text, struct error *e)
{
    const char *id;
    const struct chardev_short how = {.option = option, .text = text, .id = option + 1};
    return !text || is(text, "none") || chardevs_add_short(vm->chardevs, &how, &id, e);
}

static bool shares_terminal(const struct config *c)
{
    return !c->no_defaults && (c->nographic || !c->display) && !c->daemonize;
}

/* True if the command line puts a monitor anywhere. */
static bool has_monitor(const struct config *c)
{
    for (size_t i = 0; i < c->serials.count; i++) {
        if (has_prefix(c->serials.items[i], "mon:")) {
            return true;
        }
    }
    return c->monitors.count || c->mons;
}

/* True if a back end on the command line is the terminal already. */
static bool terminal_is_taken(const struct config *c)
{
    for (size_t i = 0; i < c->serials.count; i++) {
        if (strstr(c->serials.items[i], "stdio")) {
            return true;
        }
    }
    for (size_t i = 0; i < c->monitors.count; i++) {
        if (strstr(c->monitors.items[i], "stdio")) {
            return true;
        }
    }
    for (const struct keyvals *k = c->chardevs; k; k = k->next) {
        if (is(keyvals_get(k, "backend"), "stdio")) {
            return true;
        }
    }
    return is(c->gdb, "stdio") || is(c->parallel, "stdio") || is(c->debugcon, "stdio");
}

/* The first serial line when -serial says nothing. */
static const char *default_serial(const struct config *c)
{
    if (!shares_terminal(c) || terminal_is_taken(c)) {
        return c->no_defaults ? NULL : "null";
    }
    return has_monitor(c) ? "stdio" : "mon:stdio";
}

static void end_by_key(void *opaque)
{
    struct vm *vm = opaque;
    say("terminated");
    vm->control.quit(&vm->control, 0);
}

static void save_by_key(void *opaque)
{
    struct vm *vm = opaque;
    struct error e;
    if (!vm_flush_disks(vm, &e)) {
        say_warning("%s", e.text);
    }
}

bool vm_open_consoles(struct vm *vm, struct error *e)
{
    struct config *c = vm->config;
    vm->chardevs = chardevs_create(vm->loop);
    chardevs_power(vm->chardevs, &vm->power);
    chardevs_actions(vm->chardevs, &(struct mux_actions){.quit = end_by_key,
                                                         .save = save_by_key,
                                                         .opaque = vm,
                                                         .escape = c->escape});
    while (c->chardevs) {
        struct keyvals *k = c->chardevs;
        c->chardevs = k->next;
        k->next = NULL;
        if (!chardevs_add(vm->chardevs, k, e)) {
            return false;
        }
    }
    if (!open_port(vm, "-parallel", c->parallel, e) ||
        !open_port(vm, "-debugcon", c->debugcon, e)) {
        return false;
    }
    for (size_t i = 0; i < c->serials.count; i++) {
        if (!open_serial(vm, c->serials.items[i], e)) {
            return false;
        }
    }
    const char *usual = c->serials.count ? NULL : default_serial(c);
    if (usual && !open_serial(vm, usual, e)) {
        return false;
    }
    if (c->semihosting_chardev) {
        vm->semihosting_console = chardevs_use(vm->chardevs, c->semihosting_chardev, e);
        if (!vm->semihosting_console) {
            error_prefix(e, "%s: chardev: ", c->semihosting_group->where);
            return false;
        }
    }
    return true;
}

/* ---- monitors and gdb */

/* One more user of the back end that the short form names. */
static struct stream *open_short(struct vm *vm, const struct chardev_short *how, struct error *e)
{
    const char *id;
    if (!chardevs_add_short(vm->chardevs, how, &id, e)) {
        return NULL;
    }
    struct stream *s = chardevs_use(vm->chardevs, id, e);
    if (!s) {
        error_prefix(e, "%s %s: ", how->option, how->text);
    }
    return s;
}

static bool open_monitor(struct vm *vm, const char *text, struct error *e)
{
    if (is(text, "none")) {
        return true;
    }
    char name[32];
    snprintf(name, sizeof(name), "monitor%zu", vm->monitor_count);
    struct stream *s = open_short(
        vm, &(struct chardev_short){.option = "-monitor", .text = text, .id = name}, e);
    if (s) {
        add_monitor(vm, s);
    }
    return s != NULL;
}

/* The monitor that "mon:" puts on a serial line's back end. */
static bool open_monitor_of(struct vm *vm, const char *id, struct error *e)
{
    struct stream *s = chardevs_use(vm->chardevs, id, e);
    if (s) {
        add_monitor(vm, s);
    }
    return s != NULL;
}

static bool open_serial_monitors(struct vm *vm, struct error *e)
{
    const struct config *c = vm->config;
    for (size_t i = 0; i < c->serials.count; i++) {
        char id[32];
        snprintf(id, sizeof(id), "serial%zu", i);
        if (has_prefix(c->serials.items[i], "mon:") && !open_monitor_of(vm, id, e)) {
            return false;
        }
    }
    if (!c->serials.count && is(default_serial(c), "mon:stdio")) {
        return open_monitor_of(vm, "serial0", e);
    }
    return true;
}

/* An id of its own, which no -chardev has taken unless it was meant to. */
#define GDB_BACKEND "gdb"

static bool open_gdb(struct vm *vm, const char *text, struct error *e)
{
    if (!text || is(text, "none")) {
        return true;
    }
    const struct chardev_short how = {.option = "-gdb",
                                      .text = text,
                                      .id = GDB_BACKEND,
                                      .extra = "server=on,wait=off,nodelay=on"};
    struct stream *s = open_short(vm, &how, e);
    if (s) {
        struct monitor_context context = steering(vm);
        vm->gdb = gdb_create(&context, &gdb_accel, s);
        vm->gdb_backend = mem_strdup(has_prefix(text, "chardev:") ? text + 8 : GDB_BACKEND);
        vm->gdb_closes = !has_prefix(text, "chardev:");
    }
    return s != NULL;
}

/* A machine that gdb had stopped runs on. */
static void close_gdb(struct vm *vm)
{
    if (vm->gdb) {
        gdb_destroy(vm->gdb, -1);
        vm->gdb = NULL;
        chardevs_leave(vm->chardevs, vm->gdb_backend, vm->gdb_closes);
        mem_free(vm->gdb_backend);
        vm->gdb_backend = NULL;
    }
}

bool vm_gdbserver(struct control *c, const char *where, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    close_gdb(vm);
    return open_gdb(vm, where, e);
}

bool vm_open_steering(struct vm *vm, struct error *e)
{
    const struct config *c = vm->config;
    if (!open_serial_monitors(vm, e)) {
        return false;
    }
    for (size_t i = 0; i < c->monitors.count; i++) {
        if (!open_monitor(vm, c->monitors.items[i], e)) {
            return false;
        }
    }
    for (const struct keyvals *k = c->mons; k; k = k->next) {
        if (!open_monitor_of(vm, keyvals_get(k, "chardev"), e)) {
            error_prefix(e, "%s: ", k->where);
            return false;
        }
    }
    if (!has_monitor(c) && c->nographic && c->serials.count && !c->no_defaults &&
        !terminal_is_taken(c) && !open_monitor(vm, "stdio", e)) {
        return false;
    }
    return open_gdb(vm, c->gdb, e);
}

void vm_close_consoles(struct vm *vm)
{
    for (size_t i = 0; i < vm->monitor_count; i++) {
        monitor_destroy(vm->monitors[i]);
    }
    mem_free(vm->monitors);
    vm->monitors = NULL;
    vm->monitor_count = 0;
    if (vm->gdb) {
        gdb_destroy(vm->gdb, vm->status);
        vm->gdb = NULL;
        mem_free(vm->gdb_backend);
        vm->gdb_backend = NULL;
    }
    mem_free(vm->serials);
    vm->serials = NULL;
    vm->serial_count = 0;
}

/* ---- memory back ends, from the monitor */

bool vm_ringbuf_read(struct control *c, const char *id, uint64_t n, struct strbuf *out,
                     struct error *e)
{
    struct stream *s = chardevs_find_ringbuf(((struct vm *)c)->chardevs, id, e);
    uint8_t bytes[4096];
    size_t got = 0;
    for (; s && n; n -= got) {
        got = stream_ringbuf_take(s, bytes, n < sizeof(bytes) ? (size_t)n : sizeof(bytes));
        if (!got) {
            break;
        }
        strbuf_bytes(out, bytes, got);
    }
    return s != NULL;
}

bool vm_ringbuf_write(struct control *c, const char *id, const char *text, struct error *e)
{
    struct stream *s = chardevs_find_ringbuf(((struct vm *)c)->chardevs, id, e);
    const size_t n = strlen(text);
    if (!s) {
        return false;
    }
    const size_t taken = stream_ringbuf_give(s, (const uint8_t *)text, n);
    return taken == n || error_set(e, "'%s' has taken %zu of %zu bytes", id, taken, n);
}
