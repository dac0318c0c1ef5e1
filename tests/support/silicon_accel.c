/* SPDX-License-Identifier: MIT */
/* See silicon_accel.h. */
#include "tests/support/silicon_accel.h"

#include <string.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "base/strbuf.h"

struct silicon_accel {
    struct accel base;
    struct silicon *machine;
};

struct silicon_run {
    struct accel_vcpu base;
    struct os_thread self;
    _Atomic bool runs; /* a thread has it, which takes kicks */
};

struct silicon *silicon_of(struct accel *a)
{
    return ((struct silicon_accel *)a)->machine;
}

static struct silicon_run *run_of(struct vcpu *v)
{
    return (struct silicon_run *)v->accel;
}

static struct silicon_vcpu *vcpu_of(struct vcpu *v)
{
    return silicon_vcpu(silicon_of(v->accel->accel), v->index);
}

/* ---- life */

static bool create(struct accel *a, struct error *e)
{
    if (a->config.single_thread && a->count > 1) {
        return error_set(e, "the accelerator silicon runs each vCPU on a thread of its own");
    }
    ((struct silicon_accel *)a)->machine = silicon_create(a->count);
    a->slot_page_bytes = SILICON_PAGE;
    a->read_only_slots = true;
    a->irq_lines = SILICON_LINES;
    a->irq_pins = SILICON_PINS;
    return true;
}

static void destroy(struct accel *a)
{
    if (silicon_of(a)) {
        silicon_destroy(silicon_of(a));
    }
}

static void thread_begins(struct vcpu *v)
{
    os_thread_take_kicks(&run_of(v)->self);
    run_of(v)->runs = true;
}

static void thread_ends(struct vcpu *v)
{
    run_of(v)->runs = false;
}

/* ---- registers: the class's table says where they are; the n-th row is the machine's n-th */

static void *register_at(struct vcpu *v, const struct cpu_reg *r)
{
    return (uint8_t *)v + r->offset;
}

/* Nobody may look at registers that are not there. */
#define GONE 0xdddddddd

static void begin(struct vcpu *v)
{
    struct silicon_vcpu *s = vcpu_of(v);
    unsigned i = 0;

    for (const struct cpu_reg *r = v->cls->regs; r->name; r++, i++) {
        uint32_t *const reg = register_at(v, r);
        assert(r->bits == 32 && !r->get);
        s->regs[i] = *reg;
        *reg = GONE;
    }
    s->halted = atomic_exchange(&v->halted, false);
    atomic_store(&s->lines, atomic_load(&v->interrupt_lines));
}

static void end(struct vcpu *v)
{
    struct silicon_vcpu *s = vcpu_of(v);
    unsigned i = 0;

    for (const struct cpu_reg *r = v->cls->regs; r->name; r++, i++) {
        uint32_t *const reg = register_at(v, r);
        assert(*reg == GONE);
        *reg = s->regs[i];
    }
    atomic_store(&v->halted, s->halted);
}

/* ---- running */

static void kick(struct vcpu *v)
{
    atomic_store(&vcpu_of(v)->immediate_exit, true);
    if (run_of(v)->runs) {
        os_thread_kick(&run_of(v)->self);
    }
}

static void listen(struct vcpu *v)
{
    atomic_store(&vcpu_of(v)->immediate_exit, false);
}

static void line(struct vcpu *v, int number, int level)
{
    silicon_set_input(vcpu_of(v), (unsigned)number, level);
}

static void fault(struct vcpu *v)
{
    end(v);
    v->cls->take_exception(v);
    begin(v);
}

/* What the machine asks of the program. The access is made outside of guest code. */
static void serve(struct vcpu *v, enum silicon_exit why)
{
    struct silicon_vcpu *s = vcpu_of(v);
    const struct requester by = {.id = v->index};
    uint64_t value = s->value;

    switch (why) {
    case SILICON_LOAD:
        value = space_load_by(v->memory, &by, s->address, 1, &value) ? value : 0xff;
        s->value = (uint8_t)value;
        break;
    case SILICON_STORE:
        space_store_by(v->memory, &by, s->address, 1, value);
        break;
    case SILICON_FAULT:
        fault(v);
        break;
    default:
        break;
    }
}

static enum accel_round run(struct vcpu *v)
{
    enum silicon_exit why = SILICON_LOAD;

    while (why != SILICON_INTERRUPTED && !atomic_load(&v->powered_off)) {
        work_enter_guest(v);
        why = silicon_run(vcpu_of(v));
        work_leave_guest(v);
        serve(v, why);
    }
    return ACCEL_ROUND_OVER;
}

/* ---- memory; what is refused is a mistake of the program's */

static struct silicon *machine_of(void *space)
{
    return silicon_of(((struct accel_space *)space)->accel);
}

static void must(bool good)
{
    assert(good);
    (void)good;
}

static void add_slot(void *opaque, const struct slot *s)
{
    const struct silicon_slot slot = {.base = s->base,
                                      .size = s->size,
                                      .host = s->host,
                                      .read_only = s->flags & SLOT_READ_ONLY,
                                      .logged = s->flags & SLOT_LOGGED};
    must(silicon_add_slot(machine_of(opaque), &slot));
}

static void remove_slot(void *opaque, const struct slot *s)
{
    must(silicon_remove_slot(machine_of(opaque), s->base, s->size));
}

static void log_slot(void *opaque, const struct slot *s)
{
    must(silicon_log_slot(machine_of(opaque), s->base, s->flags & SLOT_LOGGED));
}

static void written(void *opaque, const struct slot *s, uint64_t *bitmap)
{
    must(silicon_read_log(machine_of(opaque), s->base, bitmap));
}

static void clear(void *opaque, const struct slot *s, const uint64_t *bitmap)
{
    must(silicon_clear_log(machine_of(opaque), s->base, bitmap));
}

static const struct slots_ops slots = {.begin = accel_slots_begin,
                                       .remove = remove_slot,
                                       .add = add_slot,
                                       .log = log_slot,
                                       .end = accel_slots_end,
                                       .written = written,
                                       .clear = clear};

static struct silicon_bell bell_of(paddr a, const struct doorbell *d)
{
    return (struct silicon_bell){.address = a,
                                 .size = d->size,
                                 .any_value = d->any_value,
                                 .value = d->value,
                                 .event = d->event};
}

static void add_bell(void *opaque, paddr a, const struct doorbell *d)
{
    const struct silicon_bell b = bell_of(a, d);

    must(silicon_add_bell(machine_of(opaque), &b));
}

static void remove_bell(void *opaque, paddr a, const struct doorbell *d)
{
    const struct silicon_bell b = bell_of(a, d);

    must(silicon_remove_bell(machine_of(opaque), &b));
}

static const struct doorbell_ops doorbells = {.add = add_bell, .remove = remove_bell};

/* ---- interrupts */

static void chip_set(struct accel *a, unsigned number, int level)
{
    silicon_set_line(silicon_of(a), number, level);
}

static unsigned vcpu_of_message(const struct accel_msi *m)
{
    return (unsigned)(m->address - SILICON_MSI) >> 12;
}

static bool is_message(const struct accel_msi *m)
{
    return m->address >= SILICON_MSI && m->address - SILICON_MSI < UINT64_C(1) << 20;
}

static bool chip_send(struct accel *a, const struct accel_msi *m)
{
    return is_message(m) && silicon_send(silicon_of(a), vcpu_of_message(m), m->data);
}

static bool chip_routes(struct accel *a, const struct irq_route *r, unsigned count)
{
    struct silicon_route route[SILICON_LINES] = {{.to = SILICON_TO_NOTHING}};

    for (unsigned i = 0; i < count; i++) {
        if (r[i].to == IRQ_TO_PIN) {
            route[i] = (struct silicon_route){.to = SILICON_TO_PIN, .pin = r[i].pin};
        } else if (r[i].to == IRQ_TO_MSI) {
            if (!is_message(&r[i].msi)) {
                return false;
            }
            route[i] = (struct silicon_route){.to = SILICON_TO_VECTOR,
                                              .vcpu = vcpu_of_message(&r[i].msi),
                                              .vector = r[i].msi.data};
        }
    }
    return silicon_set_routes(silicon_of(a), route, count);
}

static bool chip_event(struct accel *a, unsigned number, const struct irq_event *e, bool on)
{
    return on ? silicon_bind(silicon_of(a), number, e->event, e->resample)
              : silicon_unbind(silicon_of(a), number, e->event);
}

static void chip_write(struct accel *a, struct strbuf *out)
{
    struct silicon_chip *c = mem_alloc(silicon_chip_bytes(silicon_of(a)));
    uint8_t bytes[8];

    silicon_get_chip(silicon_of(a), c);
    store_le32(bytes, c->levels);
    strbuf_bytes(out, bytes, 4);
    for (unsigned i = 0; i < a->count; i++) {
        store_le64(bytes, c->pending[i]);
        strbuf_bytes(out, bytes, 8);
    }
    mem_free(c);
}

static bool chip_read(struct accel *a, struct cursor *c, bool store, struct error *e)
{
    struct silicon_chip *chip = mem_alloc(silicon_chip_bytes(silicon_of(a)));
    bool good = cursor_le32(c, &chip->levels) && !(chip->levels >> SILICON_PINS);

    for (unsigned i = 0; i < a->count && good; i++) {
        good = cursor_le64(c, &chip->pending[i]);
    }
    if (good && store) {
        silicon_set_chip(silicon_of(a), chip);
    }
    mem_free(chip);
    return good || error_set(e, "the state of the interrupt controller is too short");
}

const struct accel_ops silicon_accel = {
    .name = "silicon",
    .description = "runs tiny guests outside of the program, as a kernel would",
    .can = ACCEL_CAN_INTERRUPT,
    .bytes = sizeof(struct silicon_accel),
    .vcpu_bytes = sizeof(struct silicon_run),
    .create = create,
    .destroy = destroy,
    .thread_begins = thread_begins,
    .thread_ends = thread_ends,
    .begin = begin,
    .end = end,
    .run = run,
    .kick = kick,
    .listen = listen,
    .attend = kick,
    .line = line,
    .slots = &slots,
    .doorbells = &doorbells,
    .irq_set = chip_set,
    .irq_send = chip_send,
    .irq_routes = chip_routes,
    .irq_event = chip_event,
    .irq_write = chip_write,
    .irq_read = chip_read,
};
