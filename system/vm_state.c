/* SPDX-License-Identifier: MIT */
/* Saving and loading the machine's state: what the machine is part of, and how its user hears of
 * it.
 */
#include <stdio.h>
#include <unistd.h>

#include "accel/accel.h"
#include "base/fields.h"
#include "hw/state.h"
#include "system/snapshot.h"
#include "system/vm.h"

/* ---- the parts of a state that are neither device, vCPU nor memory */

static void write_clock(void *opaque, struct strbuf *out)
{
    const struct vm *vm = opaque;
    fields_put_u64(out, clock_now_ns(vm->clock));
}

static bool read_clock(void *opaque, struct cursor *c, unsigned version, bool store,
                       struct error *e)
{
    const struct vm *vm = opaque;
    uint64_t ns;
    (void)version;
    if (!cursor_le64(c, &ns) || ns > INT64_MAX / 2) {
        return error_set(e, "it shows no time");
    }
    if (store) {
        realtime_set(vm->realtime, ns);
    }
    return true;
}

static void write_counted(void *opaque, struct strbuf *out)
{
    counted_write(((struct vm *)opaque)->config->accel.time, out);
}

static bool read_counted(void *opaque, struct cursor *c, unsigned version, bool store,
                         struct error *e)
{
    return counted_read(((struct vm *)opaque)->config->accel.time, c, version, store, e);
}

static void write_consoles(void *opaque, struct strbuf *out)
{
    chardevs_write(((struct vm *)opaque)->chardevs, out);
}

static bool read_consoles(void *opaque, struct cursor *c, unsigned version, bool store,
                          struct error *e)
{
    (void)version;
    return chardevs_read(((struct vm *)opaque)->chardevs, c, store, e);
}

/* What the guest has asked for, and the loop has not carried out yet. */
struct life {
    uint32_t requests, guest_status;
    bool guest_ends, needs_reset;
};

static const struct field life_fields[] = {
    FIELD_MOST(life, requests, 7),
    FIELD(life, guest_status),
    FIELD(life, guest_ends),
    FIELD(life, needs_reset),
    FIELD_END,
};
_Static_assert(POWER_PANIC < 3 && POWER_OFF < 3 && POWER_RESET < 3, "life_fields");

static void write_life(void *opaque, struct strbuf *out)
{
    const struct vm *vm = opaque;
    const struct life l = {vm->requests, (uint32_t)vm->guest_status, vm->guest_ends,
                           vm->needs_reset};
    fields_write(life_fields, &l, out);
}

static bool read_life(void *opaque, struct cursor *c, unsigned version, bool store, struct error *e)
{
    struct vm *vm = opaque;
    struct life l = {0};
    if (!fields_read(life_fields, &l, c, version, true, e)) {
        return false;
    }
    if (store) {
        vm->requests = l.requests;
        vm->guest_status = (int)l.guest_status;
        vm->guest_ends = l.guest_ends;
        vm->needs_reset = l.needs_reset;
        vm_power_post(vm);
    }
    return true;
}

/* ---- progress, if somebody looks at a terminal */

struct display {
    const char *what;
    unsigned percent;
    bool shown;
};

static void show(void *opaque, uint64_t done, uint64_t all)
{
    struct display *d = opaque;
    const unsigned percent = all ? (unsigned)((done < all ? done : all) * 100 / all) : 100;
    if (percent != d->percent && isatty(STDERR_FILENO)) {
        d->percent = percent;
        d->shown = true;
        fprintf(stderr, "\r%s: %u %%", d->what, percent);
        fflush(stderr);
    }
}

static void clear(const struct display *d)
{
    if (d->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

/* ---- saving and loading */

enum {
    PARTS = 5
};

static void fill_parts(struct vm *vm, struct snapshot_part *parts)
{
    parts[0] = vm->realtime ? (struct snapshot_part){"clock", 1, write_clock, read_clock, vm}
                            : (struct snapshot_part){"counted", 1, write_counted, read_counted, vm};
    parts[1] = (struct snapshot_part){"consoles", 1, write_consoles, read_consoles, vm};
    parts[2] = (struct snapshot_part){"life", 1, write_life, read_life, vm};
    parts[3] = (struct snapshot_part){.name = NULL};
    if (vm->semihosting) {
        parts[3] = (struct snapshot_part){"semihosting", 1, semihost_write, semihost_read,
                                          vm->semihosting};
        parts[4] = (struct snapshot_part){.name = NULL};
    }
}

/* A step that is under way would become a run. */
static bool is_possible(const struct vm *vm, struct error *e)
{
    if (vm_disks_wait(vm)) {
        return error_set(e, "a request to a disk has failed and waits for cont");
    }
    if (vm->stepping && vm->control.state == RUN_RUNNING) {
        return error_set(e, "a debugger's step is under way");
    }
    return semihost_is_idle(vm->semihosting, e);
}

bool vm_save_state(struct control *c, const char *path, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    if (!is_possible(vm, e)) {
        return false;
    }
    const bool running = c->state == RUN_RUNNING;
    struct display d = {.what = "saving"};
    struct state_progress progress = {.at = show, .opaque = &d};
    struct snapshot_part parts[PARTS];
    fill_parts(vm, parts);
    const struct snapshot s = {vm->machine, vm->accel, parts, &progress};
    vm_halt(vm);
    machine_settle(vm->machine);
    /* One that was at the host may have failed since. */
    const bool good = is_possible(vm, e) && semihost_can_save(vm->semihosting, e) &&
                      vm_flush_disks(vm, e) && snapshot_save(&s, path, e);
    clear(&d);
    if (running) {
        vm_go(vm);
    }
    return good;
}

/* The machine runs on, if it did and can. */
static void after_load(struct vm *vm, bool running)
{
    if (running && vm->needs_reset) {
        vm->control.stop(&vm->control, RUN_SHUTDOWN);
    } else if (running) {
        vm_go(vm);
    }
}

bool vm_load_state(struct control *c, const char *path, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    if (!is_possible(vm, e)) {
        return false;
    }
    const bool running = c->state == RUN_RUNNING;
    struct display d = {.what = "loading"};
    struct state_progress progress = {.at = show, .opaque = &d};
    struct snapshot_part parts[PARTS];
    bool changed;
    fill_parts(vm, parts);
    const struct snapshot s = {vm->machine, vm->accel, parts, &progress};
    vm_halt(vm);
    const bool good = snapshot_load(&s, path, &changed, e);
    clear(&d);
    if (changed) {
        vm->stepping = false;
        c->debug_vcpu = NULL;
    }
    if (changed && !good) {
        vm->needs_reset = true;
        error_append(
            e, "; the machine is stopped with half of that state: system_reset starts it anew");
    }
    after_load(vm, running);
    return good;
}
