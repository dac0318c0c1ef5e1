/* SPDX-License-Identifier: MIT */
/*
 * A machine for tests of those who steer one: vCPUs with a few registers that run nothing, some
 * RAM, and a control that records. The functions of accel.h and of the machine that the monitor
 * calls are here too.
 */
#ifndef TESTS_UNIT_FAKE_MACHINE_H
#define TESTS_UNIT_FAKE_MACHINE_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "accel/ops.h"
#include "base/control.h"
#include "base/mem.h"
#include "cpu/cpu.h"
#include "hw/machine.h"
#include "monitor/gdb.h"

enum {
    FAKE_RAM_BASE = 0x1000,
    FAKE_RAM_BYTES = 0x2000
};

struct fake_cpu {
    struct vcpu v; /* first */
    uint64_t x[2], pc, hidden;
    uint32_t inverted_flags;
};

struct fake_machine {
    struct control control; /* first */
    struct machine machine;
    struct machine_class cls;
    struct fake_cpu *cpus[8];
    struct vcpu *vcpus[8];
    uint8_t ram[FAKE_RAM_BYTES];
    struct accel *accel;
    unsigned lacks; /* ACCEL_CAN_ bits, for gdb */
    unsigned breakpoints, watchpoints, steps, quits, resets, buttons;
    uint32_t frozen; /* a bit for each vCPU */
    bool step_masked;
    int status;
    struct vcpu *stepped;
    uint64_t watch_hit; /* 0: none */
    enum watch_kind watch_kind;
};

static struct fake_machine *machine; /* the one last initialized */

/* ---- the CPU */

static bool debug_translate(struct vcpu *v, vaddr va, paddr *pa);

/* flags is a view: stored upside down. */
static uint64_t get_flags(struct vcpu *v)
{
    return (uint32_t) ~((struct fake_cpu *)v)->inverted_flags;
}

static void set_flags(struct vcpu *v, uint64_t value)
{
    ((struct fake_cpu *)v)->inverted_flags = ~(uint32_t)value;
}

#define FAKE_REG(name_, member_, gdb_, feature_, type_)                                            \
    {                                                                                              \
        .name = name_, .offset = offsetof(struct fake_cpu, member_), .bits = 64, .gdb = gdb_,      \
        .gdb_feature = feature_, .gdb_type = type_                                                 \
    }

static const struct cpu_reg fake_regs[] = {FAKE_REG("x0", x[0], 0, "org.fake.core", "uint64"),
                                           FAKE_REG("x1", x[1], 1, "org.fake.core", "uint64"),
                                           FAKE_REG("pc", pc, 2, "org.fake.core", "code_ptr"),
                                           {.name = "flags",
                                            .bits = 32,
                                            .gdb = 3,
                                            .gdb_feature = "org.fake.system",
                                            .gdb_type = "fake_flags",
                                            .get = get_flags,
                                            .set = set_flags},
                                           FAKE_REG("hidden", hidden, -1, NULL, NULL),
                                           {.name = NULL}};

static uint64_t get_pc(const struct vcpu *v)
{
    return ((const struct fake_cpu *)v)->pc;
}

static void set_pc(struct vcpu *v, uint64_t pc)
{
    ((struct fake_cpu *)v)->pc = pc;
}

static void registers(struct vcpu *v, struct strbuf *out)
{
    const struct fake_cpu *c = (const struct fake_cpu *)v;
    strbuf_printf(out, "CPU#%u\nX0=%016llx PC=%016llx\n", v->index, (unsigned long long)c->x[0],
                  (unsigned long long)c->pc);
}

static uint64_t mode_key(struct vcpu *v)
{
    (void)v;
    return 0;
}

/* Instructions are two bytes, and all alike. */
static unsigned disas(uint64_t mode_key, const uint8_t *bytes, size_t n, uint64_t pc, char *text,
                      size_t size)
{
    (void)mode_key;
    (void)pc;
    if (n < 2) {
        return 0;
    }
    snprintf(text, size, "insn 0x%x", bytes[0] | bytes[1] << 8);
    return 2;
}

/* Three pages among holes. */
static void fake_mapping(struct vcpu *v, vaddr va, struct cpu_mapping *m)
{
    (void)v;
    if (va < 0x1000 || va >= 0x4000) {
        *m = (struct cpu_mapping){.first = va < 0x1000 ? 0 : 0x4000,
                                  .last = va < 0x1000 ? 0xfff : UINT64_MAX};
        return;
    }
    const bool device = va >= 0x3000;
    *m = (struct cpu_mapping){.mapped = true,
                              .read = {!device, true},
                              .write = {false, true},
                              .exec = {!device, !device},
                              .global = device,
                              .device = device,
                              .first = va & ~UINT64_C(0xfff),
                              .last = va | 0xfff,
                              .pa = device        ? 0x6000
                                    : va < 0x2000 ? 0x5000
                                                  : 0x9000};
}

static const struct cpu_class fake_class = {.name = "fake",
                                            .regs = fake_regs,
                                            .gdb_arch = "fake",
                                            .pc = get_pc,
                                            .set_pc = set_pc,
                                            .registers = registers,
                                            .debug_translate = debug_translate,
                                            .mapping = fake_mapping,
                                            .mode_key = mode_key,
                                            .disas = disas};

/* ---- memory */

static uint8_t *at(uint64_t a, uint64_t n)
{
    bool inside = a >= FAKE_RAM_BASE && a - FAKE_RAM_BASE <= FAKE_RAM_BYTES &&
                  n <= FAKE_RAM_BYTES - (a - FAKE_RAM_BASE);
    return inside ? machine->ram + (a - FAKE_RAM_BASE) : NULL;
}

static bool debug_translate(struct vcpu *v, vaddr va, paddr *pa)
{
    (void)v;
    *pa = va;
    return at(va, 1) != NULL;
}

__attribute__((unused)) static bool write_physical(struct vcpu *v, uint64_t pa, const void *bytes,
                                                   uint64_t n)
{
    (void)v;
    return space_write(machine->machine.memory, pa, bytes, n);
}

static bool breakpoint(struct accel *a, uint64_t pc, bool insert)
{
    (void)a;
    (void)pc;
    machine->breakpoints += insert ? 1u : -1u;
    return true;
}

static bool watchpoint(struct accel *a, uint64_t va, uint64_t bytes, enum watch_kind k, bool insert)
{
    (void)a;
    (void)va;
    (void)bytes;
    (void)k;
    machine->watchpoints += insert ? 1u : -1u;
    return true;
}

static bool watch_hit(const struct vcpu *v, struct accel_watch *hit)
{
    (void)v;
    *hit = (struct accel_watch){.va = machine->watch_hit, .kind = machine->watch_kind};
    return machine->watch_hit != 0;
}

static void freeze(struct vcpu *v, bool frozen)
{
    const uint32_t bit = 1u << v->index;
    machine->frozen = frozen ? machine->frozen | bit : machine->frozen & ~bit;
}

static void step_masked(struct vcpu *v, bool masked)
{
    (void)v;
    machine->step_masked = masked;
}

static bool can(const struct accel *a, unsigned what, struct error *e)
{
    (void)a;
    return !(machine->lacks & what) || error_set(e, "the fake machine lacks that");
}

__attribute__((unused)) static const struct gdb_guest fake_guest = {
    .read = accel_read_memory,
    .write = accel_write_memory,
    .write_physical = write_physical,
    .breakpoint = breakpoint,
    .watchpoint = watchpoint,
    .watch_hit = watch_hit,
    .freeze = freeze,
    .step_masked = step_masked,
    .can = can};

/* ---- an accelerator that never runs anything, and can nothing */

static bool accel_made(struct accel *a, struct error *e)
{
    (void)a, (void)e;
    return true;
}

static void accel_gone(struct accel *a)
{
    (void)a;
}

static void fake_nothing(struct vcpu *v)
{
    (void)v;
}

static enum accel_round no_round(struct vcpu *v)
{
    (void)v;
    return ACCEL_ROUND_OVER;
}

static const struct accel_ops fake_accel = {.name = "fake",
                                            .description = "runs nothing",
                                            .bytes = sizeof(struct accel),
                                            .vcpu_bytes = sizeof(struct accel_vcpu),
                                            .create = accel_made,
                                            .destroy = accel_gone,
                                            .begin = fake_nothing,
                                            .run = no_round,
                                            .kick = fake_nothing,
                                            .listen = fake_nothing,
                                            .attend = fake_nothing};

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v, (void)why;
}

/* ---- control */

static struct fake_machine *fake_of(struct control *c)
{
    return (struct fake_machine *)c;
}

static void tell(struct control *c, enum run_state s)
{
    c->state = s;
    for (struct control_listener *l = c->listeners, *next; l; l = next) {
        next = l->next;
        l->changed(l->opaque, s);
    }
}

static void stop(struct control *c, enum run_state why)
{
    if (c->state == RUN_RUNNING || why != RUN_PAUSED) {
        tell(c, why);
    }
}

static bool cont(struct control *c, struct error *e)
{
    if (c->state == RUN_SHUTDOWN) {
        return error_set(e, "the guest has powered off");
    }
    tell(c, RUN_RUNNING);
    return true;
}

static void step(struct control *c, struct vcpu *v)
{
    fake_of(c)->stepped = v;
    fake_of(c)->steps++;
    c->state = RUN_RUNNING;
}

static void reset(struct control *c)
{
    fake_of(c)->resets++;
}

static bool power_button(struct control *c)
{
    fake_of(c)->buttons++;
    return fake_of(c)->buttons == 1;
}

static void quit(struct control *c, int status)
{
    fake_of(c)->quits++;
    fake_of(c)->status = status;
}

static bool describe(struct control *c, const char *topic, struct strbuf *out)
{
    (void)c;
    strbuf_printf(out, "about %s\n", topic);
    return true;
}

static struct netdev *network(struct control *c, const char *id, struct error *e)
{
    (void)c;
    error_set(e, "there is no network '%s'", id ? id : "(first)");
    return NULL;
}

static bool netdev_add(struct control *c, const char *text, struct error *e)
{
    (void)c;
    return error_set(e, "no netdev_add of '%s'", text);
}

static bool netdev_del(struct control *c, const char *id, struct error *e)
{
    (void)c;
    return error_set(e, "no netdev_del of '%s'", id);
}

static bool device_add(struct control *c, const char *text, struct error *e)
{
    (void)c;
    return error_set(e, "no device_add of '%s'", text);
}

static bool device_del(struct control *c, const char *id, struct error *e)
{
    (void)c;
    return error_set(e, "no device_del of '%s'", id);
}

static bool ringbuf_read(struct control *c, const char *id, uint64_t n, struct strbuf *out,
                         struct error *e)
{
    (void)c;
    if (strcmp(id, "r") != 0) {
        return error_set(e, "no ringbuf '%s'", id);
    }
    strbuf_bytes(out, "a\033[2J\\\r\nbcdefgh", n < 14 ? n : 14);
    return true;
}

static bool ringbuf_write(struct control *c, const char *id, const char *text, struct error *e)
{
    (void)c;
    return error_set(e, "'%s' has not taken '%s'", id, text);
}

__attribute__((unused)) static void fake_machine_init(struct fake_machine *f, unsigned cpus)
{
    memset(f, 0, sizeof(*f));
    machine = f;
    f->control = (struct control){.state = RUN_PAUSED,
                                  .stop = stop,
                                  .cont = cont,
                                  .step = step,
                                  .reset = reset,
                                  .power_button = power_button,
                                  .quit = quit,
                                  .network = network,
                                  .netdev_add = netdev_add,
                                  .netdev_del = netdev_del,
                                  .device_add = device_add,
                                  .device_del = device_del,
                                  .ringbuf_read = ringbuf_read,
                                  .ringbuf_write = ringbuf_write,
                                  .describe = describe};
    for (unsigned i = 0; i < cpus; i++) {
        f->cpus[i] = vcpu_alloc(sizeof(struct fake_cpu));
        f->cpus[i]->v.cls = &fake_class;
        f->cpus[i]->v.index = i;
        f->vcpus[i] = &f->cpus[i]->v;
    }
    f->machine.vcpus = f->vcpus;
    f->machine.vcpu_count = cpus;
    f->machine.cls = &f->cls;
    f->machine.memory = space_create("memory");
    space_add(f->machine.memory, &(struct mem_range){.base = FAKE_RAM_BASE,
                                                     .size = FAKE_RAM_BYTES,
                                                     .kind = RANGE_RAM,
                                                     .name = "ram",
                                                     .host = f->ram});
    for (unsigned i = 0; i < cpus; i++) {
        f->vcpus[i]->memory = f->machine.memory;
    }
    struct error e;
    f->accel = accel_create(&(struct accel_config){.ops = &fake_accel}, f->vcpus, cpus, exited,
                            NULL, &e);
    assert(f->accel);
}

__attribute__((unused)) static void fake_machine_free(struct fake_machine *f)
{
    accel_destroy(f->accel);
    space_destroy(f->machine.memory);
    for (unsigned i = 0; i < f->machine.vcpu_count; i++) {
        vcpu_free(f->cpus[i]);
    }
}

__attribute__((unused)) static void fake_machine_stop(struct fake_machine *f, unsigned cpu)
{
    f->control.debug_vcpu = f->vcpus[cpu];
    stop(&f->control, RUN_DEBUG);
}

#endif
