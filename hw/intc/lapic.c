/* SPDX-License-Identifier: MIT */
/*
 * The local APICs of a PC's CPUs: registers, in memory and as model-specific registers (x2APIC),
 * timers, LINT0 and LINT1. Intel SDM, volume 3, chapter 10 (edition 2023). Messages and priorities
 * are in lapic_deliver.c.
 *
 * The timer counts nanoseconds of the machine's clock, before its divider; a periodic one
 * interrupts every 10 microseconds at most. A reset leaves LINT0 of the first CPU and LINT1 of all
 * as firmware would (the 8259's line, NMI), since systems may be started without any. The window
 * stays where it is: other addresses are refused. Not modelled: thermal and performance counter
 * interrupts, remote reads.
 */
#include "base/log.h"
#include "base/mem.h"
#include "hw/classes.h"
#include "hw/intc/lapic_core.h"

#define LEAST_PERIOD_NS 10000

/* Registers by their numbers: offsets in memory are 16 times those, of x2APIC they count from
 * X86_MSR_X2APIC on. */
enum {
    R_ID = 0x02,
    R_VERSION = 0x03,
    R_TPR = 0x08,
    R_APR = 0x09,
    R_PPR = 0x0a,
    R_EOI = 0x0b,
    R_LDR = 0x0d,
    R_DFR = 0x0e,
    R_SVR = 0x0f,
    R_ISR = 0x10,
    R_TMR = 0x18,
    R_IRR = 0x20,
    R_ESR = 0x28,
    R_ICR_LOW = 0x30,
    R_ICR_HIGH = 0x31,
    R_LVT = 0x32,
    R_INITIAL = 0x38,
    R_CURRENT = 0x39,
    R_DIVIDE = 0x3e,
    R_SELF = 0x3f /* x2APIC */
};

static const uint32_t lvt_bits[LVTS] = {
    [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_COUNTERS] = 0x107ff,
    [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,   [LVT_ERROR] = 0x100ff};

/* ---- the timer */

/* The divider is 2, 4 … 128, and 1. */
static unsigned divider_shift(const struct lapic_cpu *c)
{
    const unsigned code = (c->divide & 3) | (c->divide >> 1 & 4);
    return (code + 1) & 7;
}

static uint64_t period_ns(const struct lapic_cpu *c)
{
    return (uint64_t)c->initial << divider_shift(c);
}

static uint64_t now_ns(const struct lapic *l)
{
    return clock_now_ns(l->dev.clock);
}

static void set_due(struct lapic *l, unsigned cpu, uint64_t due_ns)
{
    l->cpu[cpu].due_ns = due_ns;
    clock_timer_set(l->wire[cpu].timer, due_ns);
}

static uint32_t current_count(const struct lapic *l, unsigned cpu)
{
    const struct lapic_cpu *c = &l->cpu[cpu];
    if (!c->initial || LVT_TIMER_MODE(c->lvt[LVT_TIMER]) == TIMER_DEADLINE) {
        return 0;
    }
    const uint64_t passed = (now_ns(l) - c->start_ns) >> divider_shift(c);
    if (LVT_TIMER_MODE(c->lvt[LVT_TIMER]) == TIMER_PERIODIC) {
        return c->initial - (uint32_t)(passed % c->initial);
    }
    return passed < c->initial ? c->initial - (uint32_t)passed : 0;
}

static void start_count(struct lapic *l, unsigned cpu)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    if (LVT_TIMER_MODE(c->lvt[LVT_TIMER]) == TIMER_DEADLINE) {
        return;
    }
    c->start_ns = now_ns(l);
    set_due(l, cpu, c->initial ? c->start_ns + period_ns(c) : CLOCK_NEVER);
}

/* Of the periods that passed meanwhile one interrupt remains. */
static uint64_t next_period(const struct lapic_cpu *c, uint64_t now)
{
    const uint64_t period = period_ns(c);
    if (!period) {
        return CLOCK_NEVER;
    }
    const uint64_t least = now + (period < LEAST_PERIOD_NS ? LEAST_PERIOD_NS : 0);
    return c->start_ns + ((least - c->start_ns) / period + 1) * period;
}

static void timer_expired(void *opaque)
{
    const struct lapic_wire *w = opaque;
    struct lapic *l = w->all;
    struct lapic_cpu *c = &l->cpu[w->index];
    os_mutex_lock(&l->mutex);
    const uint64_t now = now_ns(l);
    if (now >= c->due_ns) { /* it was not set anew just now */
        const bool periodic = LVT_TIMER_MODE(c->lvt[LVT_TIMER]) == TIMER_PERIODIC;
        set_due(l, w->index, periodic ? next_period(c, now) : CLOCK_NEVER);
        lapic_local(l, w->index, LVT_TIMER);
    }
    os_mutex_unlock(&l->mutex);
}

/* A change to or from the deadline disarms the timer; one between the others lets it run on. */
static void timer_row_written(struct lapic *l, unsigned cpu, uint32_t before)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    const unsigned was = LVT_TIMER_MODE(before), is = LVT_TIMER_MODE(c->lvt[LVT_TIMER]);
    if (was != is && (was == TIMER_DEADLINE || is == TIMER_DEADLINE)) {
        c->initial = 0;
        set_due(l, cpu, CLOCK_NEVER);
    } else if (was != is && is == TIMER_PERIODIC && c->initial) {
        set_due(l, cpu, next_period(c, now_ns(l)));
    }
}

/* ---- registers */

static bool is_in(unsigned n, unsigned first, unsigned count)
{
    return n >= first && n < first + count;
}

/* false: there is none of that number. */
static bool read_register(struct lapic *l, unsigned cpu, unsigned n, uint32_t *value)
{
    const struct lapic_cpu *c = &l->cpu[cpu];
    const bool extended = lapic_is_extended(c);
    if (is_in(n, R_ISR, 8) || is_in(n, R_TMR, 8) || is_in(n, R_IRR, 8)) {
        const uint32_t *set = n < R_TMR ? c->isr : n < R_IRR ? c->tmr : c->irr;
        *value = set[n % 8];
        return true;
    }
    if (is_in(n, R_LVT, LVTS)) {
        *value = c->lvt[n - R_LVT];
        return true;
    }
    *value = n == R_ID         ? extended ? c->id : c->id << 24
             : n == R_VERSION  ? LAPIC_VERSION
             : n == R_TPR      ? c->tpr
             : n == R_PPR      ? lapic_processor_priority(c)
             : n == R_LDR      ? c->ldr
             : n == R_DFR      ? c->dfr
             : n == R_SVR      ? c->svr
             : n == R_ESR      ? c->esr
             : n == R_ICR_LOW  ? c->icr_low
             : n == R_ICR_HIGH ? c->icr_high
             : n == R_INITIAL  ? c->initial
             : n == R_CURRENT  ? current_count(l, cpu)
             : n == R_DIVIDE   ? c->divide
                               : 0;
    const bool known = n == R_ID || n == R_VERSION || n == R_TPR || n == R_PPR || n == R_LDR ||
                       n == R_SVR || n == R_ESR || n == R_ICR_LOW || n == R_INITIAL ||
                       n == R_CURRENT || n == R_DIVIDE;
    return known || (!extended && (n == R_DFR || n == R_ICR_HIGH || n == R_APR || n == R_EOI));
}

/* Software that disables its APIC has all local interrupts masked. */
static void write_svr(struct lapic_cpu *c, uint32_t value)
{
    c->svr = value & 0x11ff;
    for (unsigned k = 0; k < LVTS && !(c->svr & SVR_ENABLED); k++) {
        c->lvt[k] |= LVT_MASKED;
    }
}

static void write_lvt(struct lapic *l, unsigned cpu, unsigned row, uint32_t value)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    const uint32_t before = c->lvt[row];
    c->lvt[row] = (value & lvt_bits[row]) | (c->svr & SVR_ENABLED ? 0 : LVT_MASKED);
    if (row == LVT_TIMER) {
        timer_row_written(l, cpu, before);
    }
}

/* false: it cannot be written. EOI is not among these. */
static bool write_plain(struct lapic *l, unsigned cpu, unsigned n, uint32_t value)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    const bool extended = lapic_is_extended(c);
    if (is_in(n, R_LVT, LVTS)) {
        write_lvt(l, cpu, n - R_LVT, value);
        return true;
    }
    switch (n) {
    case R_TPR:
        c->tpr = value & 0xff;
        return true;
    case R_SVR:
        write_svr(c, value);
        return true;
    case R_ESR:
        c->esr = c->errors;
        c->errors = 0;
        return true;
    case R_INITIAL:
        if (LVT_TIMER_MODE(c->lvt[LVT_TIMER]) != TIMER_DEADLINE) {
            c->initial = value;
            start_count(l, cpu);
        }
        return true;
    case R_DIVIDE:
        c->divide = value & 0xb;
        start_count(l, cpu);
        return true;
    case R_ICR_LOW:
        c->icr_low = value & 0xccfff;
        lapic_command(l, cpu);
        return true;
    case R_ID:
        c->id = extended ? c->id : value >> 24;
        return !extended;
    case R_LDR:
        c->ldr = extended ? c->ldr : value & 0xff000000;
        return !extended;
    case R_DFR:
        c->dfr = value | 0x0fffffff;
        return !extended;
    case R_ICR_HIGH:
        c->icr_high = value;
        return !extended;
    case R_SELF:
        c->icr_low = (value & 0xff) | 1u << 18;
        if (extended) {
            lapic_command(l, cpu);
        }
        return extended;
    default:
        return false;
    }
}

static void tell_listeners(const struct lapic *l, int vector)
{
    for (unsigned k = 0; k < l->listeners && vector >= 0; k++) {
        l->listener[k].ended(l->listener[k].opaque, (uint8_t)vector);
    }
}

static bool write_register(struct lapic *l, unsigned cpu, unsigned n, uint32_t value)
{
    int ended = -1;
    bool good = true;
    os_mutex_lock(&l->mutex);
    if (n == R_EOI) {
        ended = lapic_end(l, cpu);
    } else {
        good = write_plain(l, cpu, n, value);
        lapic_update(l, cpu);
    }
    os_mutex_unlock(&l->mutex);
    tell_listeners(l, ended);
    return good;
}

/* ---- in memory: an aligned word of each 16 bytes */

static bool in_memory(const struct lapic *l, uint32_t cpu)
{
    return cpu < l->num_cpu && (l->cpu[cpu].base & (BASE_ENABLED | BASE_EXTENDED)) == BASE_ENABLED;
}

static bool window_load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                        uint64_t *value)
{
    struct lapic *l = opaque;
    const uint32_t cpu = by->device ? 0 : by->id;
    uint32_t word = 0;
    (void)size;
    *value = UINT32_MAX;
    if (in_memory(l, cpu)) {
        os_mutex_lock(&l->mutex);
        if (offset % 16 || !read_register(l, cpu, (unsigned)(offset / 16), &word)) {
            lapic_error(l, cpu, ESR_REGISTER);
        }
        os_mutex_unlock(&l->mutex);
        *value = word;
    }
    return true;
}

static bool window_store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                         uint64_t value)
{
    struct lapic *l = opaque;
    const uint32_t cpu = by->device ? 0 : by->id;
    (void)size;
    if (in_memory(l, cpu) &&
        (offset % 16 || !write_register(l, cpu, (unsigned)(offset / 16), (uint32_t)value))) {
        os_mutex_lock(&l->mutex);
        lapic_error(l, cpu, ESR_REGISTER);
        os_mutex_unlock(&l->mutex);
    }
    return true;
}

static const struct mmio_ops window_ops = {.load = window_load, .store = window_store, .sizes = 4};

void lapic_map(struct device *d, struct space *s)
{
    assert(d->cls == &lapic_class);
    space_add(s, &(struct mem_range){.base = LAPIC_BASE,
                                     .size = 0x1000,
                                     .kind = RANGE_MMIO,
                                     .name = "lapic",
                                     .ops = &window_ops,
                                     .opaque = d});
}

/* ---- for the CPU */

static int table_acknowledge(void *opaque, int vcpu)
{
    struct lapic *l = opaque;
    os_mutex_lock(&l->mutex);
    const int v = lapic_take(l, (unsigned)vcpu);
    const bool extint = v < 0 && lapic_has_extint(l, (unsigned)vcpu) && l->acknowledge;
    os_mutex_unlock(&l->mutex);
    return extint ? l->acknowledge(l->pic) : v;
}

static unsigned table_priority(void *opaque, int vcpu)
{
    return ((struct lapic *)opaque)->cpu[vcpu].tpr >> 4;
}

static void table_set_priority(void *opaque, int vcpu, unsigned priority)
{
    write_register(opaque, (unsigned)vcpu, R_TPR, priority << 4);
}

/* From off to xAPIC to x2APIC, and from there only to off: 10.12.5. */
static bool write_base(struct lapic *l, unsigned cpu, uint64_t value)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    const uint32_t modes = BASE_ENABLED | BASE_EXTENDED, next = value & modes;
    if ((value & ~(uint64_t)(modes | BASE_BSP)) != LAPIC_BASE) {
        log_guest("lapic", "its window stays at %#llx", (unsigned long long)LAPIC_BASE);
        return false;
    }
    const uint32_t now = c->base & modes;
    if (next == BASE_EXTENDED || (next == modes && !now) ||
        (next == BASE_ENABLED && now == modes)) {
        return false;
    }
    os_mutex_lock(&l->mutex);
    c->base = (c->base & ~modes) | next;
    if (!next && now) {
        lapic_init_cpu(l, cpu);
    } else if (next == modes) {
        c->id = cpu;
        c->ldr = (cpu >> 4) << 16 | 1u << (cpu & 15);
    }
    lapic_update(l, cpu);
    os_mutex_unlock(&l->mutex);
    return true;
}

static bool is_deadline(const struct lapic *l, int vcpu)
{
    return LVT_TIMER_MODE(l->cpu[vcpu].lvt[LVT_TIMER]) == TIMER_DEADLINE;
}

static bool table_read(void *opaque, int vcpu, uint32_t msr, uint64_t *value)
{
    struct lapic *l = opaque;
    struct lapic_cpu *c = &l->cpu[vcpu];
    if (msr == X86_MSR_APIC_BASE) {
        *value = LAPIC_BASE | c->base;
        return true;
    }
    if (msr == X86_MSR_TSC_DEADLINE) {
        *value = is_deadline(l, vcpu) && c->due_ns != CLOCK_NEVER ? c->due_ns : 0;
        return true;
    }
    uint32_t word = 0;
    if (!lapic_is_extended(c)) {
        return false;
    }
    os_mutex_lock(&l->mutex);
    const bool good = read_register(l, (unsigned)vcpu, msr - X86_MSR_X2APIC, &word);
    *value = word;
    if (msr - X86_MSR_X2APIC == R_ICR_LOW) {
        *value |= (uint64_t)c->icr_high << 32;
    }
    os_mutex_unlock(&l->mutex);
    return good;
}

static bool table_write(void *opaque, int vcpu, uint32_t msr, uint64_t value)
{
    struct lapic *l = opaque;
    struct lapic_cpu *c = &l->cpu[vcpu];
    const unsigned n = msr - X86_MSR_X2APIC;
    if (msr == X86_MSR_APIC_BASE) {
        return write_base(l, (unsigned)vcpu, value);
    }
    if (msr == X86_MSR_TSC_DEADLINE) {
        if (is_deadline(l, vcpu)) {
            os_mutex_lock(&l->mutex);
            set_due(l, (unsigned)vcpu, value ? value : CLOCK_NEVER);
            os_mutex_unlock(&l->mutex);
        }
        return true;
    }
    if (!lapic_is_extended(c) || (value >> 32 && n != R_ICR_LOW) ||
        (value && (n == R_EOI || n == R_ESR))) {
        return false;
    }
    if (n == R_ICR_LOW) {
        c->icr_high = (uint32_t)(value >> 32);
    }
    return write_register(l, (unsigned)vcpu, n, (uint32_t)value);
}

const struct x86_apic *lapic_table(struct device *d)
{
    return &((struct lapic *)d)->table;
}

/* ---- lines */

static void lint0_set(void *opaque, int line, int level)
{
    struct lapic *l = opaque;
    (void)line;
    os_mutex_lock(&l->mutex);
    const bool rises = level && !l->lint0;
    l->lint0 = level;
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        if (rises && (l->cpu[cpu].base & BASE_ENABLED)) {
            lapic_local(l, cpu, LVT_LINT0);
        }
        lapic_update(l, cpu);
    }
    os_mutex_unlock(&l->mutex);
}

struct irq lapic_lint0(struct device *d)
{
    return (struct irq){lint0_set, d, 0};
}

void lapic_connect(struct device *d, unsigned cpu, const struct lapic_cpu_wires *w)
{
    struct lapic *l = (struct lapic *)d;
    assert(d->cls == &lapic_class && cpu < l->num_cpu);
    l->wire[cpu].cpu = *w;
}

void lapic_connect_extint(struct device *d, int (*acknowledge)(struct device *pic),
                          struct device *pic)
{
    struct lapic *l = (struct lapic *)d;
    l->acknowledge = acknowledge;
    l->pic = pic;
}

void lapic_add_listener(struct device *d, void (*ended)(void *opaque, uint8_t vector), void *opaque)
{
    struct lapic *l = (struct lapic *)d;
    assert(d->cls == &lapic_class && l->listeners < array_len(l->listener));
    l->listener[l->listeners].ended = ended;
    l->listener[l->listeners++].opaque = opaque;
}

/* ---- life */

void lapic_init_cpu(struct lapic *l, unsigned cpu)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    const uint32_t base = c->base, id = c->id;
    *c = (struct lapic_cpu){.base = base, .id = id, .dfr = UINT32_MAX, .svr = 0xff};
    if (lapic_is_extended(c)) {
        c->ldr = (id >> 4) << 16 | 1u << (id & 15);
    }
    for (unsigned k = 0; k < LVTS; k++) {
        c->lvt[k] = LVT_MASKED;
    }
    set_due(l, cpu, CLOCK_NEVER);
    lapic_update(l, cpu);
}

static void lapic_reset(struct device *d)
{
    struct lapic *l = (struct lapic *)d;
    os_mutex_lock(&l->mutex);
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        struct lapic_cpu *c = &l->cpu[cpu];
        c->base = BASE_ENABLED | (cpu ? 0 : BASE_BSP);
        c->id = cpu;
        lapic_init_cpu(l, cpu);
        c->lvt[LVT_LINT0] = cpu ? LVT_MASKED : LAPIC_EXTINT << 8;
        c->lvt[LVT_LINT1] = LAPIC_NMI << 8;
        lapic_update(l, cpu);
    }
    os_mutex_unlock(&l->mutex);
}

static void lapic_destroy(struct device *d)
{
    struct lapic *l = (struct lapic *)d;
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        clock_timer_destroy(l->wire[cpu].timer);
    }
    mem_free(l->wire);
    mem_free(l->cpu);
    os_mutex_destroy(&l->mutex);
}

static bool lapic_create(struct device *d, struct error *e)
{
    struct lapic *l = (struct lapic *)d;
    if (l->num_cpu == 0 || l->num_cpu > 255) {
        return error_set(e, "num-cpu=%u: 1 to 255 CPUs have local APICs", l->num_cpu);
    }
    os_mutex_init(&l->mutex);
    l->cpu_bytes = l->num_cpu * sizeof(*l->cpu);
    l->cpu = mem_alloc(l->cpu_bytes);
    l->wire = mem_array(l->num_cpu, sizeof(*l->wire));
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        l->wire[cpu].all = l;
        l->wire[cpu].index = cpu;
        l->wire[cpu].timer = clock_timer_create(d->clock, timer_expired, &l->wire[cpu]);
    }
    l->table = (struct x86_apic){.opaque = l,
                                 .acknowledge = table_acknowledge,
                                 .priority = table_priority,
                                 .set_priority = table_set_priority,
                                 .read = table_read,
                                 .write = table_write};
    return true;
}

static bool lapic_check(struct device *d, struct error *e)
{
    const struct lapic *l = (const struct lapic *)d;
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        const struct lapic_cpu *c = &l->cpu[cpu];
        if (c->base & ~(BASE_BSP | BASE_ENABLED | BASE_EXTENDED) ||
            (c->base & (BASE_ENABLED | BASE_EXTENDED)) == BASE_EXTENDED) {
            return error_set(e, "the local APIC of CPU %u is in no mode that there is", cpu);
        }
    }
    return true;
}

/* The clock is a part of the state, too, and is not there before: a count that has not begun yet
 * begins now. */
static void lapic_loaded(struct device *d)
{
    struct lapic *l = (struct lapic *)d;
    const uint64_t now = now_ns(l);
    os_mutex_lock(&l->mutex);
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        struct lapic_cpu *c = &l->cpu[cpu];
        c->start_ns = c->start_ns > now ? now : c->start_ns;
        set_due(l, cpu, l->cpu[cpu].due_ns);
        lapic_update(l, cpu);
    }
    os_mutex_unlock(&l->mutex);
}

static const struct prop lapic_props[] = {
    {"num-cpu", PROP_U32, offsetof(struct lapic, num_cpu), "1", "vCPUs", NULL},
    PROP_END,
};

static const struct field cpu_fields[] = {
    FIELD(lapic_cpu, isr),
    FIELD(lapic_cpu, tmr),
    FIELD(lapic_cpu, irr),
    FIELD(lapic_cpu, base),
    FIELD(lapic_cpu, id),
    FIELD_MOST(lapic_cpu, tpr, 255),
    FIELD(lapic_cpu, ldr),
    FIELD(lapic_cpu, dfr),
    FIELD(lapic_cpu, svr),
    FIELD(lapic_cpu, esr),
    FIELD(lapic_cpu, errors),
    FIELD(lapic_cpu, icr_high),
    FIELD(lapic_cpu, icr_low),
    FIELD(lapic_cpu, lvt),
    FIELD(lapic_cpu, initial),
    FIELD(lapic_cpu, divide),
    FIELD(lapic_cpu, start_ns),
    FIELD(lapic_cpu, due_ns),
    FIELD_END,
};

static const struct field lapic_fields[] = {
    FIELD_SKIP(lapic, listeners),
    FIELD_SKIP(lapic, mutex),
    FIELD_SKIP(lapic, wire),
    FIELD_SKIP(lapic, acknowledge),
    FIELD_SKIP(lapic, pic),
    FIELD_SKIP(lapic, listener),
    FIELD_SKIP(lapic, table),
    FIELD_KEEP_BUF_PARTS(lapic, cpu, cpu_bytes, cpu_fields, lapic_cpu),
    FIELD_KEEP(lapic, lint0),
    FIELD_SKIP(lapic, pad),
    FIELD_END,
};

const struct device_class lapic_class = {
    .name = "apic",
    .desc = "local APICs of the CPUs",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct lapic),
    .props = lapic_props,
    .fields = lapic_fields,
    .create = lapic_create,
    .reset = lapic_reset,
    .destroy = lapic_destroy,
    .check = lapic_check,
    .loaded = lapic_loaded,
    .info = lapic_info,
    .flags = DEVICE_THREAD_SAFE,
};
