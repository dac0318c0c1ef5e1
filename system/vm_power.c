/* SPDX-License-Identifier: MIT */
/*
 * What the guest asks of the machine's life: power off, reset, a status, another CPU. Called on
 * vCPU threads; requests are noted and carried out by the loop, but for CPUs, which start by
 * themselves.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "cpu/cpu.h"
#include "system/say.h"
#include "system/vm.h"

static struct vm *vm_of(struct power *p)
{
    return (struct vm *)((char *)p - offsetof(struct vm, power));
}

static void end(struct vm *vm, int status)
{
    vm->needs_reset = true;
    if (vm->config->shutdown == SHUTDOWN_PAUSE) {
        vm->control.stop(&vm->control, RUN_SHUTDOWN);
    } else {
        vm->control.quit(&vm->control, status);
    }
}

static void panic(struct vm *vm)
{
    switch (vm->config->panic) {
    case PANIC_NONE:
        if (vm->control.state == RUN_RUNNING) {
            accel_start(vm->accel); /* it may be held */
        }
        break;
    case PANIC_PAUSE:
        vm->control.stop(&vm->control, RUN_PANICKED);
        break;
    case PANIC_EXIT_FAILURE:
        vm->control.quit(&vm->control, 1);
        break;
    default:
        end(vm, 0);
    }
}

/* inject-nmi has no CPU here that takes one. */
static void watchdog(struct vm *vm)
{
    switch (vm->config->watchdog) {
    case WATCHDOG_RESET:
        if (vm->config->reboot == REBOOT_SHUTDOWN) {
            end(vm, 0);
        } else {
            vm->control.reset(&vm->control);
        }
        break;
    case WATCHDOG_SHUTDOWN:
        vm->control.power_button(&vm->control);
        break;
    case WATCHDOG_POWEROFF:
        vm->control.quit(&vm->control, 0);
        break;
    case WATCHDOG_PAUSE:
        vm->control.stop(&vm->control, RUN_PAUSED);
        break;
    default:
        say_warning("the watchdog was not fed");
    }
}

static void carry_out(void *opaque)
{
    struct vm *vm = opaque;
    unsigned r = atomic_exchange(&vm->requests, 0);
    if (atomic_exchange(&vm->guest_ends, false)) {
        vm->control.quit(&vm->control, vm->guest_status);
    } else if (r & 1u << POWER_PANIC) {
        panic(vm);
    } else if (r & 1u << POWER_OFF ||
               (r & 1u << POWER_RESET && vm->config->reboot == REBOOT_SHUTDOWN)) {
        end(vm, 0);
    } else if (r & 1u << POWER_RESET) {
        vm->control.reset(&vm->control);
    } else if (r & 1u << POWER_IO_ERROR) {
        vm->control.stop(&vm->control, RUN_IO_ERROR);
    } else if (r & 1u << POWER_WATCHDOG && vm->config->watchdog != WATCHDOG_NONE) {
        watchdog(vm);
    }
}

void vm_power_post(struct vm *vm)
{
    loop_post(vm->loop, carry_out, vm);
}

/* With counted time the guest stands still until the loop has done what it asked for: how long that
 * takes must not decide how far the guest gets. */
static void hold(struct vm *vm)
{
    if (vm->config->accel.counted && vcpu_current()) {
        accel_hold(vm->accel, vcpu_current());
    }
}

static void request(struct power *p, enum power_request r)
{
    struct vm *vm = vm_of(p);
    hold(vm);
    atomic_fetch_or(&vm->requests, 1u << r);
    vm_power_post(vm);
}

static void exit_status(struct power *p, int status)
{
    struct vm *vm = vm_of(p);
    hold(vm);
    /* The first one counts: a write over several ports may end it more than once. */
    vm->guest_status = vm->guest_ends ? vm->guest_status : status;
    vm->guest_ends = true;
    vm_power_post(vm);
}

static struct vcpu *find_cpu(struct vm *vm, uint64_t id)
{
    for (unsigned i = 0; i < vm->machine->vcpu_count; i++) {
        if (vm->machine->vcpus[i]->firmware_id == id) {
            return vm->machine->vcpus[i];
        }
    }
    return NULL;
}

static enum power_cpu_result cpu_on(struct power *p, uint64_t id, uint64_t entry, uint64_t context)
{
    struct vcpu *v = find_cpu(vm_of(p), id);
    return v ? vcpu_start(v, entry, context) : POWER_CPU_NO_SUCH;
}

static int cpu_state(struct power *p, uint64_t id)
{
    struct vcpu *v = find_cpu(vm_of(p), id);
    return v ? vcpu_power_state(v) : -1;
}

void vm_power_init(struct vm *vm)
{
    vm->power = (struct power){
        .request = request, .exit_status = exit_status, .cpu_on = cpu_on, .cpu_state = cpu_state};
}
