/* SPDX-License-Identifier: MIT */
/* What the guest's semihosting calls know of the machine: see vm.h. */
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "cpu/cpu.h"
#include "monitor/gdb.h"
#include "system/vm.h"

/* ---- heap: the largest piece of RAM in which the machine has put nothing */

static bool find_ram(struct machine *m, struct mem_view *v)
{
    for (paddr a = 0; space_find_next(m->memory, a, v); a = v->base + v->size) {
        if (v->range->kind == RANGE_RAM && v->range->host + v->offset == m->ram) {
            return true;
        }
    }
    return false;
}

static void heap(void *opaque, uint64_t *low, uint64_t *high)
{
    struct vm *vm = opaque;
    struct mem_view ram;
    *low = *high = 0;
    if (!find_ram(vm->machine, &ram)) {
        return;
    }
    const paddr end = ram.base + vm->config->machine.ram_bytes;
    paddr at = ram.base;
    for (const struct placement *p = vm->machine->placements.first;; p = p->next) {
        const paddr next = p && p->base < end ? p->base : end;
        if (next > at && next - at > *high - *low) {
            *low = at;
            *high = next;
        }
        if (!p) {
            return;
        }
        const paddr behind = p->base + p->size + p->zeros;
        at = behind > at ? behind : at;
    }
}

/* ---- stopping, and the debugger */

static bool stopping(void *opaque)
{
    struct vm *vm = opaque;
    return vm->accel && !accel_running(vm->accel);
}

static bool debugged(void *opaque)
{
    struct vm *vm = opaque;
    return atomic_load(&vm->control.debugged);
}

static void ask(void *opaque, struct semihost_request *r)
{
    struct vm *vm = opaque;
    const struct gdb_call c = {.v = r->v, .text = r->text, .done = r->done, .opaque = r->opaque};
    if (!vm->gdb || !gdb_ask(vm->gdb, &c)) {
        r->done(r->opaque, -1, GDB_CALL_LOST);
    }
}

/* ---- life */

/* What -semihosting-config arg= says, else the kernel's name and what -append says. */
static char *arguments(const struct config *c)
{
    const char *kernel = c->machine.kernel, *append = c->machine.append;
    if (c->semihosting_arguments) {
        return mem_strdup(c->semihosting_arguments);
    }
    return mem_printf("%s%s%s", kernel ? kernel : "", kernel && append ? " " : "",
                      kernel && append ? append : "");
}

static void create(struct vm *vm)
{
    const struct config *c = vm->config;
    vm->semihosting_arguments = arguments(c);
    vm->semihosting = semihost_create(
        &(struct semihost_config){.power = &vm->power,
                                  .clock = vm->clock,
                                  .loop = vm->loop,
                                  .console = vm->semihosting_console,
                                  .vcpus = vm->machine->vcpus,
                                  .vcpu_count = vm->machine->vcpu_count,
                                  .arguments = vm->semihosting_arguments,
                                  .counted = c->accel.counted,
                                  .time_base_s = c->machine.rtc_base_s,
                                  .where = (enum semihost_where)c->semihosting_where,
                                  .opaque = vm,
                                  .heap = heap,
                                  .stopping = stopping,
                                  .debugged = debugged,
                                  .ask = ask});
}

bool vm_open_semihosting(struct vm *vm, struct error *e)
{
    if (!vm->config->semihosting) {
        return true;
    }
    create(vm);
    for (unsigned i = 0; i < vm->machine->vcpu_count; i++) {
        struct vcpu *v = vm->machine->vcpus[i];
        if (!v->cls->allow_semihosting) {
            return error_set(e, "-semihosting: CPUs of the kind '%s' have no such calls",
                             v->cls->name);
        }
        v->cls->allow_semihosting(v, vm->semihosting, vm->config->semihosting_user);
    }
    return true;
}

void vm_close_semihosting(struct vm *vm)
{
    semihost_destroy(vm->semihosting);
    vm->semihosting = NULL;
    mem_free(vm->semihosting_arguments);
    vm->semihosting_arguments = NULL;
}
