/* SPDX-License-Identifier: MIT */
/*
 * The life of a machine: build, start, stop, reset, end. All of it on the loop's thread; vCPU
 * threads and the accelerator post what they want.
 */
#include "system/vm.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cpu/cpu.h"
#include "hw/state.h"
#include "system/loop.h"
#include "system/options.h"
#include "system/say.h"
#include "system/version.h"

static struct vm *vm_of(struct control *c)
{
    return (struct vm *)c;
}

/* ---- running and stopping */

static void tell(struct vm *vm, enum run_state s)
{
    vm->control.state = s;
    struct control_listener *next;
    for (struct control_listener *l = vm->control.listeners; l; l = next) {
        next = l->next;
        l->changed(l->opaque, s);
    }
}

void vm_halt(struct vm *vm)
{
    if (vm->accel) {
        accel_stop(vm->accel); /* also after a report, to wait until all have left */
    }
    if (vm->realtime) {
        realtime_stop(vm->realtime);
    }
}

void vm_go(struct vm *vm)
{
    if (vm->realtime) {
        realtime_start(vm->realtime);
    }
    machine_resume(vm->machine);
    accel_start(vm->accel);
}

static void vm_stop(struct control *c, enum run_state why)
{
    struct vm *vm = vm_of(c);
    vm_halt(vm);
    vm->stepping = false;
    if (why != RUN_DEBUG) {
        c->debug_vcpu = NULL;
    }
    if (c->state == RUN_RUNNING || why != RUN_PAUSED) {
        tell(vm, why);
    }
}

static bool vm_cont(struct control *c, struct error *e)
{
    struct vm *vm = vm_of(c);
    if (c->state == RUN_RUNNING) {
        return true;
    }
    if (vm->needs_reset) {
        return error_set(e, "the guest has powered off; system_reset starts it anew");
    }
    if (c->debug_vcpu) {
        accel_step_over(c->debug_vcpu);
    }
    c->debug_vcpu = NULL;
    tell(vm, RUN_RUNNING);
    vm_retry_disks(vm);
    vm_go(vm);
    return true;
}

static void vm_step(struct control *c, struct vcpu *v)
{
    struct vm *vm = vm_of(c);
    c->state = RUN_RUNNING; /* for a moment that nobody needs to hear of */
    vm->stepping = true;
    if (c->debug_vcpu == v) {
        accel_step_over(v);
    }
    if (vm->realtime && (!c->step_without_time || v->halted)) {
        realtime_start(vm->realtime);
    }
    machine_resume(vm->machine);
    accel_step(vm->accel, v);
}

static void vm_reset(struct control *c)
{
    struct vm *vm = vm_of(c);
    bool running = c->state == RUN_RUNNING;
    vm_halt(vm);
    vm->requests = 0; /* those of the time before */
    semihost_reset(vm->semihosting);
    accel_forget(vm->accel);
    machine_reset(vm->machine);
    vm->needs_reset = false;
    if (running) {
        vm_go(vm);
    }
}

static bool vm_power_button(struct control *c)
{
    struct vm *vm = vm_of(c);
    if (!vm->machine->cls->power_button) {
        return false;
    }
    machine_power_button(vm->machine);
    return true;
}

static void vm_quit(struct control *c, int status)
{
    struct vm *vm = vm_of(c);
    vm->status = status;
    c->ending = true;
    vm_halt(vm);
    loop_stop(vm->loop);
}

static bool vm_watchdog_action(struct control *c, const char *action, struct error *e)
{
    const bool asks = options_is_help(action);
    return !asks ? options_take_watchdog(vm_of(c)->config, action, e)
                 : error_set(e, "reset, shutdown, poweroff, pause, debug or none is accepted");
}

static bool vm_describe(struct control *c, const char *topic, struct strbuf *out)
{
    struct vm *vm = vm_of(c);
    if (strcmp(topic, "chardev") == 0) {
        chardevs_describe(vm->chardevs, out);
    } else if (strcmp(topic, "block") == 0) {
        vm_describe_drives(vm, out);
    } else if (strcmp(topic, "block-jobs") == 0) {
        vm_describe_jobs(vm, out);
    } else if (strcmp(topic, "memdev") == 0) {
        vm_describe_memory(vm, out);
    } else if (strcmp(topic, "network") == 0) {
        vm_describe_networks(vm, out);
    } else if (strcmp(topic, "version") == 0) {
        char *text = version_text();
        strbuf_printf(out, "%s\n", text);
        mem_free(text);
    } else {
        return false;
    }
    return true;
}

void vm_signal(struct vm *vm, int sig, int sender)
{
    if (sender) {
        say("terminating on signal %d from process %d", sig, sender);
    } else {
        say("terminating on signal %d", sig);
    }
    vm_quit(&vm->control, 0);
}

/* ---- reports of the accelerator */

/* -icount stop=: the state at the count is the result of the run. It is printed behind all that the
 * guest has written, when the streams are closed. */
static void describe_registers(struct vm *vm)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "stopped after %llu instructions\n",
                  (unsigned long long)accel_instructions(vm->accel));
    for (unsigned i = 0; i < vm->machine->vcpu_count; i++) {
        struct vcpu *v = vm->machine->vcpus[i];
        v->cls->registers(v, &s);
    }
    vm->last_words = strbuf_take(&s);
}

static void reached_count(void *opaque)
{
    struct vm *vm = opaque;
    if (vm->control.ending) {
        return;
    }
    vm_halt(vm);
    describe_registers(vm);
    vm_quit(&vm->control, 0);
}

static void reached_debug(void *opaque)
{
    struct vm *vm = opaque;
    if (vm->control.state == RUN_RUNNING) { /* else it was stopped in the meantime */
        vm->control.debug_vcpu = vm->exited;
        vm_stop(&vm->control, RUN_DEBUG);
    }
}

/* Any thread. */
static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    struct vm *vm = opaque;
    if (why == ACCEL_DEBUG) {
        vm->exited = v;
        loop_post(vm->loop, reached_debug, vm);
    } else if (why == ACCEL_COUNT) {
        loop_post(vm->loop, reached_count, vm);
    }
}

/* ---- life */

static void init_control(struct vm *vm)
{
    vm->control = (struct control){.state = RUN_PAUSED,
                                   .stop = vm_stop,
                                   .cont = vm_cont,
                                   .step = vm_step,
                                   .reset = vm_reset,
                                   .power_button = vm_power_button,
                                   .quit = vm_quit,
                                   .save = vm_save_state,
                                   .load = vm_load_state,
                                   .gdbserver = vm_gdbserver,
                                   .network = vm_network,
                                   .block_resize = vm_block_resize,
                                   .block_change = vm_block_change,
                                   .block_commit = vm_block_commit,
                                   .block_stream = vm_block_stream,
                                   .block_job_cancel = vm_block_job_cancel,
                                   .netdev_add = vm_netdev_add,
                                   .netdev_del = vm_netdev_del,
                                   .watchdog_action = vm_watchdog_action,
                                   .object_add = vm_object_add,
                                   .object_del = vm_object_del,
                                   .device_add = vm_device_add,
                                   .device_del = vm_device_del,
                                   .ringbuf_read = vm_ringbuf_read,
                                   .ringbuf_write = vm_ringbuf_write,
                                   .screendump = vm_screendump,
                                   .describe = vm_describe};
}

static void make_clock(struct vm *vm)
{
    struct accel_config *a = &vm->config->accel;
    if (a->counted) {
        a->time = counted_create(a);
        vm->clock = counted_clock(a->time);
    } else {
        vm->realtime = realtime_create(vm->loop);
        vm->clock = realtime_clock(vm->realtime);
    }
}

/* -loadvm */
static bool load_state(struct vm *vm, struct error *e)
{
    if (!vm->config->load_state || vm_load_state(&vm->control, vm->config->load_state, e)) {
        return true;
    }
    error_prefix(e, "-loadvm: ");
    return false;
}

static bool build(struct vm *vm, bool *done, struct error *e)
{
    make_clock(vm);
    if (!vm_check_properties(vm, e) || !vm_open_backends(vm, e) || !vm_open_consoles(vm, e) ||
        !vm_reserve_terminal(vm, e) || !vm_connect_networks(vm, e) || !vm_build(vm, e)) {
        return false;
    }
    if (vm->config->machine.dump_dtb) {
        *done = true;
        return true;
    }
    struct machine *m = vm->machine;
    vm->accel = accel_create(&vm->config->accel, m->vcpus, m->vcpu_count, exited, vm, e);
    if (!vm->accel) {
        return false;
    }
    machine_reset(m);
    return vm_open_steering(vm, e) && load_state(vm, e) && vm_open_screen(vm, e);
}

struct vm *vm_create(struct config *c, struct loop *l, bool *done, struct error *e)
{
    struct vm *vm = mem_alloc(sizeof(*vm));
    vm->config = c;
    vm->loop = l;
    *done = false;
    init_control(vm);
    vm_power_init(vm);
    if (!build(vm, done, e)) {
        vm_destroy(vm);
        return NULL;
    }
    return vm;
}

int vm_run(struct vm *vm)
{
    if (!vm->config->paused && !vm->needs_reset) {
        vm_cont(&vm->control, NULL);
    }
    loop_run(vm->loop);
    return vm->status;
}

void vm_destroy(struct vm *vm)
{
    if (!vm) {
        return;
    }
    vm_halt(vm);
    vm->control.state = RUN_PAUSED;
    vm->control.ending = true;
    vm->requests = 0;
    vm->guest_ends = false;
    vm_close_screen(vm);
    vm_close_consoles(vm);
    semihost_stop(vm->semihosting);
    if (vm->accel) {
        accel_destroy(vm->accel);
        vm->accel = NULL;
    }
    vm_free_taken(vm);
    machine_free(vm->machine);
    vm_close_backends(vm);
    if (vm->chardevs) {
        chardevs_destroy(vm->chardevs);
    }
    loop_run_posted(vm->loop); /* what still names the streams and the vm, and has nothing to do */
    vm_close_semihosting(vm);
    if (vm->realtime) {
        realtime_destroy(vm->realtime);
    }
    counted_destroy(vm->config->accel.time);
    if (vm->last_words) {
        fputs(vm->last_words, stdout);
        fflush(stdout);
        mem_free(vm->last_words);
    }
    mem_free(vm);
}
